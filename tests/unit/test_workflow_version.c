/* SPDX-License-Identifier: Apache-2.0
 * workflow/: the version of a definition changes with what it means, and with nothing else. */
#include "config.h"

#include "workflow_support.h"

static const char whole[] = WHOLE;

static uint64_t version_of(const char *yaml)
{
    const struct tw_workflows *set = taken(yaml);
    uint64_t version = set->items[0].version;
    tw_workflows_unref(&set);
    return version;
}

static void version__layout_comments_and_order_of_keys__do_not_change_it(void **state)
{
    (void)state;
    const char *const same[] = {
        HEAD "  - {name: b, system: erp, event: {type: x, where: {p: '1', q: absent}}, after: a,\n"
             "     within: 60s}\n",
        "# said otherwise\nobject: transaction\nowner: o\nname: w\ntiming: \"queued\"\n"
        "criticality: standard\nsteps:\n\n"
        "  - event: [e.a]   # one\n    name: a\n    system: pos\n"
        "  - after: [a]\n    event: [{where: {q: absent, p: \"1\"}, type: x}]\n"
        "    within: 1min\n    system: erp\n    title: b\n    name: b\n    optional: false\n",
    };
    assert_int_equal(version_of(same[0]), version_of(same[1]));
}

static void version__everything_that_means_something__changes_it(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        const char *to;
    } changes[] = {
        {"name: sale", "name: sales"},
        {"title: Sale", "title: A sale"},
        {"owner: finance", "owner: finances"},
        {"timing: near-real-time", "timing: queued"},
        {"criticality: deferrable", "criticality: critical"},
        {"financial: yes", "financial: no"},
        {"object: transaction", "object: order"},
        {"system: erp", "system: oms"},
        {"com.x.posted", "com.x.poste"},
        {"com.y.*", "com.y."},
        {"storeid: present", "storeid: absent"},
        {"storeid: present", "storeid: presen"},
        {"channel: web", "channel: webb"},
        {"channel: web", "channels: web"},
        {"com.x.rejected", "com.x.refused"},
        {"com.x.reversed", "com.x.undone"},
        {"failure: com.x.rejected", "compensation: com.x.rejected"},
        {"[received, sold]", "[received]"},
        {"within: 1h", "within: 59min"},
        {"optional: true", "optional: false"},
        {"when: customerref", "when: customer"},
        {"destination: true", "destination: false"},
        {"authority: crm", "authority: erp"},
        {"runbook: erp-", "runbook: an-erp-"},
        {"title: Sold", "title: Rung up"},
        {"name: in-time", "name: in-timely"},
        {"title: In time", "title: On time"},
        {"owner: other", "owner: others"},
        {"from: received", "from: sold"},
        {"within: 90s", "within: 91s"},
        {"target: 99.5%", "target: 99.6%"},
        {"window: 28d", "window: 29d"},
        {"window: month", "window: week"},
        {"Europe/Berlin", "Europe/Paris"},
        {"kind: freshness", "kind: latency"},
    };
    uint64_t seen[sizeof(changes) / sizeof(changes[0]) + 1] = {version_of(whole)};
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        char text[sizeof(whole) + 64];
        const char *at = strstr(whole, changes[i].from);
        assert_non_null(at);
        (void)snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - whole), whole, changes[i].to,
                       at + strlen(changes[i].from));
        if (strstr(changes[i].to, "compensation") != NULL) { /* instead of the other one */
            char *other = strstr(text, "    compensation: [com.x.reversed]\n");
            memmove(other, other + 35, strlen(other + 35) + 1);
        }
        seen[i + 1] = version_of(text);
        for (size_t k = 0; k <= i; k++) {
            if (seen[k] == seen[i + 1]) {
                print_error("%s gives the version of another\n", changes[i].to);
            }
            assert_int_not_equal(seen[k], seen[i + 1]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version__layout_comments_and_order_of_keys__do_not_change_it),
        cmocka_unit_test(version__everything_that_means_something__changes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
