/* SPDX-License-Identifier: Apache-2.0
 * workflow/: maintenance, once and by the clock; each fault with its file:line. */
#include "config.h"

#include "workflow_support.h"

static void parse__maintenance__once_and_by_the_clock(void **state)
{
    (void)state;
    const struct tw_workflows *set =
        taken("maintenance:\n"
              "  - {name: cutover, reason: New ERP, from: 2026-11-27T22:00:00Z,\n"
              "     until: '2026-11-28T06:00:00+02:00', system: erp}\n"
              "  - {name: nightly, reason: Backup, weekdays: [mon, sun], start: '23:30',\n"
              "     duration: 24h, timezone: Europe/Berlin}\n"
              "  - {name: daily, reason: r, start: 00:00, duration: 1s}\n");
    assert_int_equal(set->count, 0);
    assert_int_equal(set->maintenance_count, 3);
    const struct tw_wf_maintenance *m = &set->maintenance[0];
    assert_string_equal(m->name, "cutover");
    assert_string_equal(m->reason, "New ERP");
    assert_string_equal(m->system, "erp");
    assert_int_equal(m->from_ns, INT64_C(1795816800) * S);
    assert_int_equal(m->until_ns - m->from_ns, 6 * 3600 * S);
    assert_int_equal(m->workflow_count, 0);
    assert_int_equal(m->line, 2);
    m = &set->maintenance[1];
    assert_int_equal(m->weekdays, 0x41);
    assert_int_equal(m->start_s, 84600);
    assert_int_equal(m->duration_s, 86400);
    assert_string_equal(m->timezone, "Europe/Berlin");
    assert_int_equal(m->from_ns, 0);
    m = &set->maintenance[2];
    assert_int_equal(m->weekdays, 0x7f);
    assert_int_equal(m->start_s, 0);
    assert_int_equal(m->duration_s, 1);
    assert_null(m->timezone);
    tw_workflows_unref(&set);
}

#define MAINT(text) "maintenance:\n  - {name: m, reason: r, " text "}\n"

static void parse__maintenance_with_faults__is_refused(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {MAINT("system: erp"),
         "w.yaml:2: maintenance: either from and until, or start and duration\n"},
        {MAINT("from: 2026-01-01T00:00:00Z, start: '01:00'"),
         "w.yaml:2: maintenance: either from and until, or start and duration\n"},
        {MAINT("from: 2026-01-01T00:00:00Z"), "w.yaml:2: maintenance: \"until\" is missing\n"},
        {MAINT("start: '01:00'"), "w.yaml:2: maintenance: \"duration\" is missing\n"},
        {MAINT("from: 2026-01-01T00:00:00Z, until: 2026-01-01T00:00:00Z"),
         "w.yaml:2: maintenance.until: it ends before it begins\n"},
        {MAINT("from: tomorrow, until: 2026-01-01T00:00:00Z"),
         "w.yaml:2: maintenance.from: \"tomorrow\" is no time such as 2026-11-27T22:00:00Z\n"},
        {MAINT("start: '24:00', duration: 1h"),
         "w.yaml:2: maintenance.start: \"24:00\" is not a time of day, 00:00 to 23:59\n"},
        {MAINT("start: '9:00', duration: 1h"),
         "w.yaml:2: maintenance.start: \"9:00\" is not a time of day, 00:00 to 23:59\n"},
        {MAINT("start: '23:59', duration: 86401s"),
         "w.yaml:2: maintenance.duration: 86401s is out of range, allowed are 1 s to 24 h in whole "
         "seconds\n"},
        {MAINT("start: '23:59', duration: 1500ms"),
         "w.yaml:2: maintenance.duration: 1500ms is out of range, allowed are 1 s to 24 h in whole "
         "seconds\n"},
        {MAINT("start: '23:59', duration: 1h, weekdays: [sunday]"),
         "w.yaml:2: maintenance.weekdays: \"sunday\" is none of: mon tue wed thu fri sat sun\n"},
        {MAINT("start: '23:59', duration: 1h, timezone: Mars/Base"),
         "w.yaml:2: maintenance.timezone: \"Mars/Base\" is no time zone that this machine knows, "
         "such as Europe/Berlin\n"},
        {MAINT("from: 2026-01-01T00:00:00Z, until: 2026-01-02T00:00:00Z, timezone: UTC"),
         "w.yaml:2: maintenance.timezone: from and until have their own\n"},
        {MAINT("start: '23:59', duration: 1h, system: epr"),
         "w.yaml:2: maintenance.system: there is no system \"epr\", did you mean \"erp\"?\n"},
        {MAINT("start: '23:59', duration: 1h, workflows: [sales]"),
         "w.yaml:2: maintenance.workflows: there is no workflow \"sales\"\n"},
        {MAINT("start: '23:59', duration: 1h") "  - {name: m, reason: r, start: '23:59', duration: "
                                               "1h}\n",
         "w.yaml:3: maintenance.name: \"m\" is there already (w.yaml:2)\n"},
        {"maintenance: x\n", "w.yaml:1: maintenance: a list is expected\n"},
        {"maintenance: []\nname: w\n",
         "w.yaml:2: a file with \"maintenance\" has no other key, such as \"name\"\n"},
        {"maintenance:\n  - {name: m, start: '23:59', duration: 1h}\n",
         "w.yaml:2: maintenance: the key \"reason\" is missing\n"},
    };
    CHECK_FAULTS(faults);
}

static void version__of_the_set__changes_with_maintenance(void **state)
{
    (void)state;
    const struct tw_workflows *a = taken(MAINT("start: '01:00', duration: 1h"));
    const struct tw_workflows *b = taken("# c\n" MAINT("duration: 60min, start: '01:00'"));
    const struct tw_workflows *c = taken(MAINT("start: '01:00', duration: 2h"));
    assert_int_equal(a->version, b->version);
    assert_int_not_equal(a->version, c->version);
    tw_workflows_unref(&a);
    tw_workflows_unref(&b);
    tw_workflows_unref(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse__maintenance__once_and_by_the_clock),
        cmocka_unit_test(parse__maintenance_with_faults__is_refused),
        cmocka_unit_test(version__of_the_set__changes_with_maintenance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
