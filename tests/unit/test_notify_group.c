/* SPDX-License-Identifier: Apache-2.0
 * notify/group on simulated time: every timing, reason, escalation, acknowledgement, silence, mute
 * and inhibition; the body; a restart at any second tells the same. */
#include "config.h"
#include "group_kit.h"

#include <jansson.h>

static struct gk gk;

#define A1 "{\"alertname\":\"A\",\"n\":\"A1\"}"
#define A2 "{\"alertname\":\"A\",\"n\":\"A2\"}"
#define A3 "{\"alertname\":\"A\",\"n\":\"A3\"}"
#define B1 "{\"alertname\":\"B\",\"n\":\"B1\"}"

#define PLAIN                                                         \
    "receivers: [{name: ops, pub: [{}]}, {name: lead, slack: [{url: " \
    "'${env:TW_TEST_URL}'}]}]\n"
#define ROUTE PLAIN "route: {receiver: ops}\n"

static int tear_down(void **state)
{
    (void)state;
    gk_fini(&gk);
    return 0;
}

/* ---- timings ---- */

static void group__new__is_told_after_the_wait_with_what_came(void **state)
{
    (void)state;
    gk_init(&gk, ROUTE, NULL);
    gk_fire(&gk, A1);
    gk_run(&gk, 10);
    gk_fire(&gk, A2);
    gk_fire(&gk, B1);
    gk_run(&gk, 29);
    gk_expect(&gk, "");
    gk_run(&gk, 30);
    gk_expect(&gk, "30 ops/pub notify first notification: A1 A2 /\n");
    gk_run(&gk, 300);
    gk_expect(&gk, "40 ops/pub notify first notification: B1 /\n");
}

static void group__over_before_the_wait__nothing_is_told(void **state)
{
    (void)state;
    gk_init(&gk, ROUTE, NULL);
    uint64_t a1 = gk_fire(&gk, A1);
    gk_run(&gk, 29);
    gk_end(&gk, a1);
    gk_run(&gk, 3600);
    gk_expect(&gk, "");
    assert_int_equal(tw_groups_count(gk.groups), 0);
}

static void group__changes__are_told_at_the_interval(void **state)
{
    (void)state;
    gk_init(&gk, ROUTE, NULL);
    uint64_t a1 = gk_fire(&gk, A1);
    gk_run(&gk, 31);
    gk_expect(&gk, "30 ops/pub notify first notification: A1 /\n");
    uint64_t a2 = gk_fire(&gk, A2);
    gk_run(&gk, 329);
    gk_expect(&gk, "");
    gk_run(&gk, 330);
    gk_expect(&gk, "330 ops/pub notify new alerts added: A1 A2 /\n");
    gk_end(&gk, a1);
    gk_run(&gk, 630);
    gk_expect(&gk, "630 ops/pub notify some alerts resolved: A2 / A1\n");
    gk_run(&gk, 900);
    gk_end(&gk, a2);
    gk_fire(&gk, A3);
    gk_run(&gk, 930);
    gk_expect(&gk, "930 ops/pub notify new alerts added: A3 / A2\n");
    gk_end(&gk, gk_fire(&gk, A1)); /* came and went between two looks */
    gk_run(&gk, 1230);
    gk_expect(&gk, "");
    gk_end(&gk, gk_find(&gk, gk.alerts[2].fingerprint)->fingerprint);
    gk_run(&gk, 1530);
    gk_expect(&gk, "1530 ops/pub notify all alerts resolved: / A3\n");
    assert_int_equal(tw_groups_count(gk.groups), 0);
    assert_int_equal(gk.row_count, 0);
}

static void group__fires_again__is_a_new_first(void **state)
{
    (void)state;
    gk_init(&gk, ROUTE, NULL);
    uint64_t a1 = gk_fire(&gk, A1);
    gk_run(&gk, 40);
    gk_end(&gk, a1);
    gk_run(&gk, 331);
    gk_fire(&gk, A1);
    gk_run(&gk, 400);
    gk_expect(&gk, "30 ops/pub notify first notification: A1 /\n"
                   "330 ops/pub notify all alerts resolved: / A1\n"
                   "361 ops/pub notify first notification: A1 /\n");
}

static void group__over_and_back_between_two_looks__nothing_is_told(void **state)
{
    (void)state;
    gk_init(&gk, ROUTE, NULL);
    uint64_t a1 = gk_fire(&gk, A1);
    gk_run(&gk, 40);
    gk_end(&gk, a1);
    gk_run(&gk, 50);
    gk_fire(&gk, A1);
    gk_run(&gk, 1000);
    gk_expect(&gk, "30 ops/pub notify first notification: A1 /\n");
}

static void group__unchanged__is_repeated(void **state)
{
    (void)state;
    gk_init(&gk, PLAIN "route: {receiver: ops, group-interval: 1min, repeat-interval: 10min}\n",
            NULL);
    gk_fire(&gk, A1);
    gk_run(&gk, 629);
    gk_expect(&gk, "30 ops/pub notify first notification: A1 /\n");
    gk_run(&gk, 1229);
    gk_expect(&gk, "630 ops/pub notify repeat interval elapsed: A1 /\n");
    gk_fire(&gk, A2);
    gk_run(&gk, 1800); /* the repetition counts from what was told last */
    gk_expect(&gk, "1230 ops/pub notify new alerts added: A1 A2 /\n");
    gk_run(&gk, 1830);
    gk_expect(&gk, "1830 ops/pub notify repeat interval elapsed: A1 A2 /\n");
}

static void group__fired_long_ago__is_told_at_once(void **state)
{
    (void)state;
    gk_init(&gk, ROUTE, NULL);
    gk_fire(&gk, A1);
    gk.now_s = 100; /* the thread was not there */
    gk_run(&gk, 101);
    gk_expect(&gk, "100 ops/pub notify first notification: A1 /\n");
    gk_fire(&gk, A2);
    gk_run(&gk, 700);
    gk_expect(&gk, "330 ops/pub notify new alerts added: A1 A2 /\n");
}

/* ---- who is told ---- */

#define TWO_WAYS                                                                    \
    "receivers: [{name: ops, webhook: [{url: 'http://h/'}, {url: 'http://i/', "     \
    "send-resolved: false, max-alerts: 1}], alertmanager: [{url: 'http://a/'}]}]\n" \
    "route: {receiver: ops}\n"

static void group__several_ways__each_as_it_wants(void **state)
{
    (void)state;
    gk_init(&gk, TWO_WAYS, NULL);
    uint64_t a1 = gk_fire(&gk, A1);
    uint64_t a2 = gk_fire(&gk, A2);
    gk_run(&gk, 40);
    gk_expect(&gk, "30 ops/webhook notify first notification: A1 A2 /\n"
                   "30 ops/webhook notify first notification: A1 / +1\n");
    gk_end(&gk, a1);
    gk_fire(&gk, A3);
    gk_run(&gk, 340);
    gk_expect(&gk, "330 ops/webhook notify new alerts added: A2 A3 / A1\n"
                   "330 ops/webhook notify new alerts added: A2 / +1\n");
    gk_end(&gk, a2);
    gk_run(&gk, 640);
    gk_expect(&gk, "630 ops/webhook notify some alerts resolved: A3 / A2\n");
}

static void group__worst_first__by_severity_then_age(void **state)
{
    (void)state;
    gk_init(&gk, PLAIN "route: {receiver: ops, group-by: []}\n", NULL);
    gk_fire(&gk, A1);
    gk_run(&gk, 1);
    gk_fire(&gk, A2);
    gk_fire(&gk, "{\"alertname\":\"C\",\"severity\":\"critical\"}");
    gk_run(&gk, 30);
    gk_expect(&gk, "30 ops/pub notify first notification: C A1 A2 /\n");
}

static void group__continue__is_told_on_both_ways(void **state)
{
    (void)state;
    gk_init(&gk,
            "receivers: [{name: ops, pub: [{}]}, {name: lead, pub: [{}]}]\n"
            "route:\n"
            "  receiver: ops\n"
            "  group-by: ['...']\n"
            "  routes:\n"
            "    - {matchers: [alertname=A], receiver: lead, group-by: [alertname], continue: "
            "true}\n"
            "    - {matchers: [alertname=~\"A|B\"], group-wait: 10s}\n",
            NULL);
    gk_fire(&gk, A1);
    gk_fire(&gk, A2);
    gk_run(&gk, 30);
    gk_expect(&gk, "10 ops/pub notify first notification: A1 /\n"
                   "10 ops/pub notify first notification: A2 /\n"
                   "30 lead/pub notify first notification: A1 A2 /\n");
}

/* ---- acknowledged, escalated ---- */

#define ESCALATE                                                                               \
    "receivers: [{name: ops, pub: [{}]}, {name: lead, pub: [{}]}, {name: boss, "               \
    "pub: [{}]}]\n"                                                                            \
    "route: {receiver: ops, group-interval: 1min, repeat-interval: 10min, escalate: [{after: " \
    "5min, receiver: lead}, {after: 15min, receiver: boss}]}\n"

static void group__nobody_answers__each_step_is_told_once(void **state)
{
    (void)state;
    gk_init(&gk, ESCALATE, NULL);
    uint64_t a1 = gk_fire(&gk, A1);
    gk_run(&gk, 1229);
    gk_expect(&gk, "30 ops/pub notify first notification: A1 /\n"
                   "330 lead/pub escalation nobody has acknowledged: A1 /\n"
                   "630 ops/pub notify repeat interval elapsed: A1 /\n"
                   "930 boss/pub escalation nobody has acknowledged: A1 /\n");
    gk_end(&gk, a1);
    gk_run(&gk, 3000); /* who was called in hears that it is over */
    gk_expect(&gk, "1230 ops/pub notify all alerts resolved: / A1\n"
                   "1230 lead/pub notify all alerts resolved: / A1\n"
                   "1230 boss/pub notify all alerts resolved: / A1\n");
}

static void group__acknowledged__no_repetition_no_step_but_the_end_is_told(void **state)
{
    (void)state;
    gk_init(&gk, ESCALATE, NULL);
    uint64_t a1 = gk_fire(&gk, A1);
    gk_run(&gk, 329);
    gk_ack(&gk, a1);
    gk_run(&gk, 7200);
    gk_expect(&gk, "30 ops/pub notify first notification: A1 /\n");
    gk_fire(&gk, A2); /* nobody has that one in hand */
    gk_run(&gk, 7600);
    gk_expect(&gk, "7230 ops/pub notify new alerts added: A1 A2 /\n"
                   "7530 lead/pub escalation nobody has acknowledged: A1 A2 /\n");
    gk_end(&gk, a1);
    gk_run(&gk, 7700);
    gk_expect(&gk, "7650 ops/pub notify some alerts resolved: A2 / A1\n"
                   "7650 lead/pub notify some alerts resolved: A2 / A1\n");
}

static void group__acknowledged__pagers_are_told_once(void **state)
{
    (void)state;
    assert_int_equal(setenv("TW_TEST_KEY", "0123456789abcdef0123456789abcdef", 1), 0);
    gk_init(&gk,
            "receivers: [{name: ops, pagerduty: [{routing-key: '${env:TW_TEST_KEY}'}], pub: "
            "[{}]}]\nroute: {receiver: ops}\n",
            NULL);
    uint64_t a1 = gk_fire(&gk, A1);
    gk_ack(&gk, a1); /* before anything was told: then with the first look */
    gk_run(&gk, 31);
    gk_expect(&gk, "30 ops/pagerduty notify first notification: A1 /\n"
                   "30 ops/pub notify first notification: A1 /\n"
                   "30 ops/pagerduty acknowledged acknowledged: A1 /\n");
    gk_run(&gk, 32);
    uint64_t a2 = gk_fire(&gk, A2);
    gk_run(&gk, 331);
    gk_expect(&gk, "330 ops/pagerduty notify new alerts added: A1 A2 /\n"
                   "330 ops/pub notify new alerts added: A1 A2 /\n");
    gk_ack(&gk, a2);
    gk_run(&gk, 900);
    gk_expect(&gk, "331 ops/pagerduty acknowledged acknowledged: A1 A2 /\n");
}

/* ---- silenced, muted, in maintenance ---- */

static void group__silenced__is_left_out_until_it_ends(void **state)
{
    (void)state;
    gk_init(&gk, ROUTE, NULL);
    gk_silence(&gk, "[{\"name\":\"n\",\"value\":\"A1\",\"isRegex\":false}]", 0, 400);
    gk_fire(&gk, A1);
    gk_run(&gk, 299);
    gk_expect(&gk, "");
    gk_fire(&gk, A2);
    gk_run(&gk, 330);
    gk_expect(&gk, "330 ops/pub notify first notification: A2 /\n");
    gk_run(&gk, 630);
    gk_expect(&gk, "630 ops/pub notify new alerts added: A1 A2 /\n");
    assert_int_equal(gk.lines, 4); /* silenced, then told once and twice */
}

static void group__told_then_silenced__the_end_is_told(void **state)
{
    (void)state;
    gk_init(&gk, ROUTE, NULL);
    uint64_t a1 = gk_fire(&gk, A1);
    gk_run(&gk, 30);
    gk_silence(&gk, "[{\"name\":\"n\",\"value\":\"A.\",\"isRegex\":true}]", 40, 90000);
    gk_run(&gk, 20000); /* not repeated */
    gk_expect(&gk, "30 ops/pub notify first notification: A1 /\n");
    gk_end(&gk, a1);
    gk_run(&gk, 20200);
    gk_expect(&gk, "20130 ops/pub notify all alerts resolved: / A1\n");
}

static void group__in_maintenance__waits_for_its_end(void **state)
{
    (void)state;
    gk_init(&gk, ROUTE, NULL);
    struct gk_alert *alert = gk_find(&gk, gk_fire(&gk, A1));
    alert->in_maintenance = true;
    gk_changed(&gk, alert);
    gk_run(&gk, 500);
    gk_expect(&gk, "");
    alert->in_maintenance = false;
    gk_changed(&gk, alert);
    gk_run(&gk, 700);
    gk_expect(&gk, "630 ops/pub notify first notification: A1 /\n");
}

static void group__mute_time__is_told_when_it_ends(void **state)
{
    (void)state;
    gk_init(&gk,
            PLAIN "times: [{name: night, intervals: [{times: ['00:00-00:10']}]}]\n"
                  "route: {receiver: ops, routes: [{matchers: [alertname=A], mute-times: "
                  "[night], escalate: [{after: 1min, receiver: lead}]}]}\n",
            NULL);
    uint64_t a1 = gk_fire(&gk, A1);
    uint64_t a2 = gk_fire(&gk, A2);
    gk_run(&gk, 599);
    gk_end(&gk, a2);
    gk_run(&gk, 630);
    gk_expect(&gk, "630 ops/pub notify first notification: A1 /\n");
    gk_run(&gk, 700);
    gk_expect(&gk, "690 lead/slack escalation nobody has acknowledged: A1 /\n");
    gk_end(&gk, a1);
    gk_run(&gk, 86400 + 100); /* over before midnight: told */
    gk_expect(&gk, "930 ops/pub notify all alerts resolved: / A1\n"
                   "930 lead/slack notify all alerts resolved: / A1\n");
}

static void group__over_in_a_mute_time__is_told_after_it(void **state)
{
    (void)state;
    gk_init(&gk,
            PLAIN "times: [{name: day, intervals: [{times: ['00:00-00:05', '00:20-24:00']}]}]\n"
                  "route: {receiver: ops, routes: [{matchers: [alertname=A], active-times: "
                  "[day]}]}\n",
            NULL);
    uint64_t a1 = gk_fire(&gk, A1);
    gk_run(&gk, 400);
    gk_end(&gk, a1);
    gk_run(&gk, 1500);
    gk_expect(&gk, "30 ops/pub notify first notification: A1 /\n"
                   "1230 ops/pub notify all alerts resolved: / A1\n");
}

/* ---- inhibited ---- */

static void inhibit__equal__missing_is_empty(void **state)
{
    (void)state;
    gk_init(&gk,
            PLAIN "route: {receiver: ops}\n"
                  "inhibit: [{source: [severity=critical], target: [severity=warning], equal: "
                  "[workflow, store]}]\n",
            NULL);
    uint64_t source =
        gk_fire(&gk, "{\"alertname\":\"S\",\"severity\":\"critical\",\"workflow\":\"w\"}");
    uint64_t same =
        gk_fire(&gk, "{\"alertname\":\"T\",\"severity\":\"warning\",\"workflow\":\"w\"}");
    uint64_t other =
        gk_fire(&gk, "{\"alertname\":\"T\",\"severity\":\"warning\",\"workflow\":\"v\"}");
    uint64_t store = gk_fire(&gk, "{\"alertname\":\"T\",\"severity\":\"warning\",\"workflow\":"
                                  "\"w\",\"store\":\"1\"}");
    gk_run(&gk, 0);
    assert_false(gk_is_inhibited(&gk, source));
    assert_true(gk_is_inhibited(&gk, same));
    assert_false(gk_is_inhibited(&gk, other));
    assert_false(gk_is_inhibited(&gk, store));
    char by[32];
    (void)snprintf(by, sizeof by, "[\"%016llx\"]", (unsigned long long)source);
    assert_string_equal(gk_find(&gk, same)->inhibited_by, by);
    gk_run(&gk, 30);
    json_t *body = json_loads(gk.last_body, 0, NULL);
    json_decref(body);
    gk_end(&gk, source);
    gk_run(&gk, 31);
    assert_false(gk_is_inhibited(&gk, same));
    assert_null(gk_find(&gk, same)->inhibited_by);
}

static void inhibit__both_sides__nobody_inhibits_itself_or_its_like(void **state)
{
    (void)state;
    gk_init(&gk,
            PLAIN "route: {receiver: ops}\n"
                  "inhibit:\n"
                  "  - {source: [a=x], target: [b=x]}\n"
                  "  - {source: [c=x], target: [d=x]}\n"
                  "  - {source: [d=x], target: [c=x]}\n",
            NULL);
    uint64_t both = gk_fire(&gk, "{\"a\":\"x\",\"b\":\"x\",\"n\":\"1\"}");
    uint64_t like = gk_fire(&gk, "{\"a\":\"x\",\"b\":\"x\",\"n\":\"2\"}");
    uint64_t target = gk_fire(&gk, "{\"b\":\"x\"}");
    gk_run(&gk, 0);
    assert_false(gk_is_inhibited(&gk, both));
    assert_false(gk_is_inhibited(&gk, like));
    assert_true(gk_is_inhibited(&gk, target));
    gk_fire(&gk, "{\"a\":\"x\"}"); /* a source alone inhibits those, too */
    gk_run(&gk, 1);
    assert_true(gk_is_inhibited(&gk, both));
    uint64_t older = gk_fire(&gk, "{\"c\":\"x\"}");
    gk_run(&gk, 2);
    uint64_t younger = gk_fire(&gk, "{\"d\":\"x\"}");
    gk_run(&gk, 3); /* a ring: the oldest is told */
    assert_false(gk_is_inhibited(&gk, older));
    assert_true(gk_is_inhibited(&gk, younger));
}

static void inhibit__ring_of_three__the_oldest_is_told(void **state)
{
    (void)state;
    gk_init(&gk,
            PLAIN "route: {receiver: ops}\n"
                  "inhibit:\n"
                  "  - {source: [n=a], target: [n=b]}\n"
                  "  - {source: [n=b], target: [n=c]}\n"
                  "  - {source: [n=c], target: [n=a]}\n",
            NULL);
    uint64_t c = gk_fire(&gk, "{\"n\":\"c\"}");
    gk_run(&gk, 1);
    uint64_t a = gk_fire(&gk, "{\"n\":\"a\"}");
    gk_run(&gk, 2);
    uint64_t b = gk_fire(&gk, "{\"n\":\"b\"}");
    gk_run(&gk, 3);
    assert_false(gk_is_inhibited(&gk, c));
    assert_true(gk_is_inhibited(&gk, a));
    assert_true(gk_is_inhibited(&gk, b));
}

#define FLOW                                                                                     \
    "name: sale\n"                                                                               \
    "owner: o\n"                                                                                 \
    "timing: queued\n"                                                                           \
    "object: transaction\n"                                                                      \
    "steps:\n"                                                                                   \
    "  - {name: sold, system: pos, event: e.a}\n"                                                \
    "  - {name: received, system: middleware, event: e.b, after: sold}\n"                        \
    "  - {name: posted, system: erp, event: e.c, after: received}\n"                             \
    "  - {name: counted, system: wms, event: e.d, after: sold}\n"                                \
    "objectives:\n"                                                                              \
    "  - {name: posting, kind: latency, step: posted, within: 1min, target: 99%, window: 28d}\n" \
    "  - {name: all, kind: completion, target: 99%, window: 28d}\n"

#define FOLLOWS                      \
    PLAIN "route: {receiver: ops}\n" \
          "inhibit: [{source: [alertname=Down], target: [alertname!=Down], follows: system}]\n"

static void inhibit__follows__what_is_behind_the_system_in_the_graph(void **state)
{
    (void)state;
    gk_init(&gk, FOLLOWS, FLOW);
    gk_fire(&gk, "{\"alertname\":\"Down\",\"system\":\"middleware\"}");
    const struct {
        const char *labels;
        bool is_quiet;
    } rows[] = {
        {"{\"alertname\":\"L\",\"workflow\":\"sale\",\"step\":\"sold\"}", false},
        {"{\"alertname\":\"L\",\"workflow\":\"sale\",\"step\":\"received\"}", true},
        {"{\"alertname\":\"L\",\"workflow\":\"sale\",\"step\":\"posted\"}", true},
        {"{\"alertname\":\"L\",\"workflow\":\"sale\",\"step\":\"counted\"}", false},
        {"{\"alertname\":\"L\",\"workflow\":\"sale\",\"step\":\"gone\"}", true},
        {"{\"alertname\":\"O\",\"workflow\":\"sale\",\"objective\":\"posting\"}", true},
        {"{\"alertname\":\"O\",\"workflow\":\"sale\",\"objective\":\"all\"}", true},
        {"{\"alertname\":\"F\",\"workflow\":\"sale\",\"system\":\"wms\"}", false},
        {"{\"alertname\":\"F\",\"workflow\":\"sale\",\"system\":\"erp\"}", true},
        {"{\"alertname\":\"S\",\"system\":\"erp\"}", true},
        {"{\"alertname\":\"S\",\"system\":\"middleware\"}", true},
        {"{\"alertname\":\"S\",\"system\":\"pos\"}", false},
        {"{\"alertname\":\"S\",\"system\":\"nowhere\"}", false},
        {"{\"alertname\":\"L\",\"workflow\":\"gone\",\"step\":\"posted\"}", false},
        {"{\"alertname\":\"Q\"}", false},
    };
    uint64_t fingerprints[16];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fingerprints[i] = gk_fire(&gk, rows[i].labels);
    }
    gk_run(&gk, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(gk_is_inhibited(&gk, fingerprints[i]), rows[i].is_quiet);
    }
}

static void inhibit__many__the_notice_says_how_many_it_keeps_quiet(void **state)
{
    (void)state;
    gk_init(&gk, FOLLOWS, FLOW);
    char labels[128];
    gk_fire(&gk, "{\"alertname\":\"Down\",\"system\":\"middleware\"}");
    for (int i = 0; i < 37; i++) {
        (void)snprintf(labels, sizeof labels,
                       "{\"alertname\":\"L\",\"workflow\":\"sale\",\"step\":\"posted\","
                       "\"store\":\"%04d\"}",
                       i);
        gk_fire(&gk, labels);
    }
    gk_run(&gk, 30);
    gk_expect(&gk, "30 ops/pub notify first notification: Down /\n");
    assert_non_null(
        strstr(gk.last_body, "\"inhibits\":\"37 alerts are kept quiet: they follow from this\""));
}

/* ---- the body ---- */

static void body__every_key__is_there(void **state)
{
    (void)state;
    gk_init(&gk, "external-url: https://tower.example\n" ROUTE, NULL);
    uint64_t a1 = gk_fire(&gk, "{\"alertname\":\"A\",\"severity\":\"warning\",\"store\":\"1\","
                               "\"workflow\":\"w\\\"x\"}");
    gk_run(&gk, 30);
    char expected[1024];
    (void)snprintf(
        expected, sizeof expected,
        "{\"receiver\":\"ops\",\"status\":\"firing\",\"alerts\":[{\"status\":\"firing\","
        "\"labels\":{\"alertname\":\"A\",\"severity\":\"warning\",\"store\":\"1\",\"workflow\":"
        "\"w\\\"x\"},\"annotations\":{\"summary\":\"it is late\"},\"startsAt\":"
        "\"2026-01-01T00:00:00.000000Z\",\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":"
        "\"\",\"fingerprint\":\"%016llx\"}],\"groupLabels\":{\"alertname\":\"A\",\"workflow\":"
        "\"w\\\"x\"},\"commonLabels\":{\"alertname\":\"A\",\"severity\":\"warning\",\"store\":"
        "\"1\",\"workflow\":\"w\\\"x\"},\"commonAnnotations\":{\"summary\":\"it is late\"},"
        "\"externalURL\":\"https://tower.example\",\"version\":\"4\",\"groupKey\":"
        "\"{}:{alertname=\\\"A\\\", workflow=\\\"w\\\\\\\"x\\\"}\",\"truncatedAlerts\":0,"
        "\"notification_reason\":\"first notification\"}",
        (unsigned long long)a1);
    assert_string_equal(gk.last_body, expected);
    gk_run(&gk, 100);
    gk_end(&gk, a1);
    gk_run(&gk, 330);
    assert_non_null(strstr(gk.last_body, "\"status\":\"resolved\",\"alerts\":[{\"status\":"
                                         "\"resolved\""));
    assert_non_null(strstr(gk.last_body, "\"endsAt\":\"2026-01-01T00:01:40.000000Z\""));
}

#define HOOK                                                    \
    "receivers: [{name: ops, webhook: [{url: 'http://h/'}]}]\n" \
    "route: {receiver: ops}\n"                                  \
    "inhibit: [{source: [alertname=StoresSilent], target: [alertname=StoreSilent]}]\n"

/* As the retail pack has it: one alert for all, the single ones are shown and not told. */
static void body__many_stores__the_notice_of_all_names_some(void **state)
{
    (void)state;
    gk_init(&gk, HOOK, NULL);
    char labels[128];
    for (int i = 0; i < 30; i++) {
        (void)snprintf(labels, sizeof labels,
                       "{\"alertname\":\"StoreSilent\",\"severity\":\"info\",\"store\":\"%04d\"}",
                       i);
        gk_find(&gk, gk_fire(&gk, labels))->severity = TW_SEVERITY_INFO;
        gk_changed(&gk, &gk.alerts[gk.alert_count - 1]);
    }
    gk_run(&gk, 600);
    gk_expect(&gk, "");
    gk_fire(&gk, "{\"alertname\":\"StoresSilent\",\"severity\":\"warning\"}");
    gk_run(&gk, 7200);
    gk_expect(&gk, "630 ops/webhook notify first notification: StoresSilent /\n");
    assert_non_null(strstr(gk.last_body, "\"stores\":\"0000, 0001, 0002, 0003, 0004, 0005, 0006, "
                                         "0007, 0008, 0009 and 20 more\""));
    assert_non_null(strstr(gk.last_body, "\"inhibits\":\"30 alerts are kept quiet"));
}

static void group__receiver_that_fails__another_one_is_told(void **state)
{
    (void)state;
    gk_init(&gk,
            "receivers: [{name: ops, pub: [{}]}, {name: dog, pub: [{}]}, {name: none}, {name: "
            "lead, pub: [{}]}]\n"
            "route: {receiver: ops, group-by: [alertname, receiver], routes: [{matchers: "
            "[receiver=lead], receiver: lead}]}\n"
            "watchdog: {receiver: dog}\n",
            NULL);
    gk_fire(&gk, "{\"alertname\":\"TowerReceiverFailing\",\"receiver\":\"ops\",\"n\":\"1\"}");
    gk_run(&gk, 100);
    gk_expect(&gk, "30 ops/pub notify first notification: 1 /\n"
                   "30 lead/pub notify first notification: 1 /\n");
    gk_fire(&gk, "{\"alertname\":\"TowerReceiverFailing\",\"receiver\":\"lead\",\"n\":\"2\"}");
    gk_fire(&gk, "{\"alertname\":\"TowerReceiverFailing\",\"receiver\":\"dog\",\"n\":\"3\"}");
    gk_run(&gk, 200);
    gk_expect(&gk, "130 ops/pub notify first notification: 3 /\n"
                   "130 lead/pub notify first notification: 2 /\n"
                   "130 ops/pub notify first notification: 2 /\n");
}

static void body__storm__three_notices_at_most(void **state)
{
    (void)state;
    gk_init(&gk, HOOK, NULL);
    char labels[160];
    for (int i = 0; i < 5000; i++) {
        (void)snprintf(labels, sizeof labels,
                       "{\"alertname\":\"StoreSilent\",\"severity\":\"warning\",\"store\":\"%04d\","
                       "\"owner\":\"store-operations\"}",
                       i);
        gk_fire(&gk, labels);
        if (i % 84 == 83) {
            gk_run(&gk, gk.now_s + 1);
        }
    }
    gk_run(&gk, 3600);
    assert_true(gk.notices <= 3);
    json_t *body = json_loads(gk.last_body, 0, NULL);
    assert_int_equal(json_array_size(json_object_get(body, "alerts")), TW_NOTIFY_ALERTS_DEFAULT);
    assert_int_equal(json_integer_value(json_object_get(body, "truncatedAlerts")), 4950);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(body, "commonAnnotations"), "stores")),
        "0000, 0001, 0002, 0003, 0004, 0005, 0006, 0007, 0008, 0009 and 4990 more");
    json_decref(body);
}

/* ---- restart ---- */

/* Builds that are about the build take fewer of many like places. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STEP 61
#else
#define STEP 1
#endif

/* Everything in it: waits, interval, repeat, silence, mute, steps, acknowledgement, inhibition. */
static void play(void)
{
    gk_run(&gk, 5);
    uint64_t a1 = gk_fire(&gk, A1);
    gk_run(&gk, 20);
    uint64_t down = gk_fire(&gk, "{\"alertname\":\"Down\",\"system\":\"middleware\"}");
    gk_run(&gk, 25);
    uint64_t late = gk_fire(&gk, "{\"alertname\":\"L\",\"workflow\":\"sale\",\"step\":\"posted\"}");
    gk_silence(&gk, "[{\"name\":\"alertname\",\"value\":\"B\",\"isRegex\":false}]", 30, 500);
    gk_run(&gk, 45);
    uint64_t b1 = gk_fire(&gk, B1);
    gk_run(&gk, 70);
    uint64_t a2 = gk_fire(&gk, A2);
    gk_run(&gk, 200);
    gk_end(&gk, a1);
    gk_run(&gk, 333);
    gk_end(&gk, down);
    gk_run(&gk, 410);
    gk_ack(&gk, a2);
    gk_run(&gk, 700);
    a1 = gk_fire(&gk, A1);
    gk_run(&gk, 1500);
    gk_end(&gk, a1);
    gk_end(&gk, b1);
    gk_run(&gk, 1555);
    gk_end(&gk, late);
    gk_end(&gk, a2);
    gk_run(&gk, 2000);
}

#define PLAYED                                                                                \
    "receivers: [{name: ops, pub: [{}]}, {name: lead, pub: [{}]}]\n"                          \
    "route: {receiver: ops, group-interval: 1min, repeat-interval: 5min, escalate: [{after: " \
    "4min, receiver: lead}]}\n"                                                               \
    "inhibit: [{source: [alertname=Down], target: [alertname!=Down], follows: system}]\n"

static char *played(bool restarts_always, int64_t restart_s)
{
    gk_init(&gk, PLAYED, FLOW);
    gk.restarts_always = restarts_always;
    gk.restart_s = restart_s;
    play();
    (void)fflush(gk.out);
    char *told = strdup(gk.told);
    assert_int_equal(gk.row_count, 0);
    gk_fini(&gk);
    return told;
}

static void restart__at_any_second__tells_the_same(void **state)
{
    (void)state;
    char *expected = played(false, 0);
    assert_non_null(strstr(expected, "escalation"));
    assert_non_null(strstr(expected, "repeat interval"));
    assert_non_null(strstr(expected, "L /"));
    for (int64_t second = 1; second <= 2000; second += STEP) {
        char *told = played(false, second);
        assert_string_equal(told, expected);
        free(told);
    }
    char *told = played(true, 0);
    assert_string_equal(told, expected);
    free(told);
    free(expected);
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(group__new__is_told_after_the_wait_with_what_came),
        TEST(group__over_before_the_wait__nothing_is_told),
        TEST(group__changes__are_told_at_the_interval),
        TEST(group__fires_again__is_a_new_first),
        TEST(group__over_and_back_between_two_looks__nothing_is_told),
        TEST(group__unchanged__is_repeated),
        TEST(group__fired_long_ago__is_told_at_once),
        TEST(group__several_ways__each_as_it_wants),
        TEST(group__worst_first__by_severity_then_age),
        TEST(group__continue__is_told_on_both_ways),
        TEST(group__nobody_answers__each_step_is_told_once),
        TEST(group__acknowledged__no_repetition_no_step_but_the_end_is_told),
        TEST(group__acknowledged__pagers_are_told_once),
        TEST(group__silenced__is_left_out_until_it_ends),
        TEST(group__told_then_silenced__the_end_is_told),
        TEST(group__in_maintenance__waits_for_its_end),
        TEST(group__mute_time__is_told_when_it_ends),
        TEST(group__over_in_a_mute_time__is_told_after_it),
        TEST(inhibit__equal__missing_is_empty),
        TEST(inhibit__both_sides__nobody_inhibits_itself_or_its_like),
        TEST(inhibit__ring_of_three__the_oldest_is_told),
        TEST(inhibit__follows__what_is_behind_the_system_in_the_graph),
        TEST(inhibit__many__the_notice_says_how_many_it_keeps_quiet),
        TEST(body__every_key__is_there),
        TEST(body__many_stores__the_notice_of_all_names_some),
        TEST(group__receiver_that_fails__another_one_is_told),
        TEST(body__storm__three_notices_at_most),
        cmocka_unit_test(restart__at_any_second__tells_the_same),
    };
    (void)setenv("TW_TEST_URL", "https://hooks.example/x", 1); /* without it nothing parses */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
