/* SPDX-License-Identifier: Apache-2.0
 * store/notices: the outbox of what people are told: order, states, what a restart finds, what is
 * superseded, the health of receivers, what groups were told. */
#include "config.h"

#include "store_kit.h"

#include <string.h>

#include "store/alerts.h"
#include "store/desk.h"
#include "store/notices.h"

static struct kit kit;
static char dir[128];
static struct tw_notices *notices;
static struct tw_arena arena;
static struct tw_diag diag;

#define OK(call)    assert_int_equal((call), TW_OK)
#define AT(seconds) ((tw_wall_t){(INT64_C(1700000000) + (seconds)) * TW_NS_PER_S})

static int set_up(void **state)
{
    (void)state;
    struct tw_desk *desk = NULL;
    kit_init(&kit, 4711);
    OK(kit_open(&kit));
    kit_commit(&kit, 1, true);
    (void)snprintf(dir, sizeof dir, "%s", kit.dir);
    OK(tw_desk_open(dir, &desk, &diag));
    tw_desk_close(&desk);
    tw_arena_init(&arena, (size_t)64 << 20);
    OK(tw_notices_open(dir, &notices, &diag));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_notices_close(&notices);
    tw_arena_fini(&arena);
    kit_fini(&kit);
    return 0;
}

static uint64_t add_of(const char *integration, const char *group, const char *data, int64_t at_s)
{
    static const uint64_t alerts[] = {7, 9};
    struct tw_notice notice = {.receiver = TW_STR_LIT("ops"),
                               .integration = tw_str_of(integration),
                               .group = tw_str_of(group),
                               .kind = TW_NOTICE_NOTIFY,
                               .reason = TW_STR_LIT("first notification"),
                               .data = tw_str_of(data),
                               .created = AT(at_s)};
    const struct tw_notice_told told = {alerts, 2};
    OK(tw_notices_begin(notices, &diag));
    OK(tw_notices_add(notices, &notice, &told, &diag));
    OK(tw_notices_commit(notices, &diag));
    return notice.id;
}

static uint64_t add(const char *group, int64_t at_s)
{
    return add_of("webhook", group, "{\"status\":\"firing\"}", at_s);
}

static size_t due(int64_t at_s, struct tw_notice **ret_items)
{
    size_t count = 0;
    OK(tw_notices_due(notices, &arena, AT(at_s), 100, ret_items, &count, &diag));
    return count;
}

static void finish(uint64_t id, enum tw_notice_state state, int64_t next_s, const char *error)
{
    const struct tw_notice_result result = {
        .id = id, .state = state, .next = AT(next_s), .status = 503, .error = tw_str_of(error)};
    OK(tw_notices_begin(notices, &diag));
    OK(tw_notices_result(notices, &result, AT(next_s), &diag));
    OK(tw_notices_commit(notices, &diag));
}

static int begin_sending(uint64_t id)
{
    OK(tw_notices_begin(notices, &diag));
    int rc = tw_notices_sending(notices, id, &diag);
    OK(tw_notices_commit(notices, &diag));
    return rc;
}

static void reopen(void)
{
    tw_notices_close(&notices);
    OK(tw_notices_open(dir, &notices, &diag));
}

static void notices__waiting__come_in_order_when_their_time_has_come(void **state)
{
    (void)state;
    struct tw_notice *items = NULL;
    uint64_t first = add("a", 10);
    uint64_t second = add("b", 5);
    assert_int_equal(due(4, &items), 0);
    assert_int_equal(due(5, &items), 1);
    assert_int_equal(due(10, &items), 2);
    assert_int_equal(items[0].id, first);
    assert_int_equal(items[1].id, second);
    assert_true(tw_str_is(items[0].receiver, "ops"));
    assert_true(tw_str_is(items[0].group, "a"));
    assert_true(tw_str_is(items[0].reason, "first notification"));
    assert_true(tw_str_is(items[0].data, "{\"status\":\"firing\"}"));
    assert_int_equal(items[0].tries, 0);
    size_t count = 0;
    OK(tw_notices_due(notices, &arena, AT(10), 1, &items, &count, &diag));
    assert_int_equal(count, 1);
}

static void notices__being_sent__is_not_due_and_waits_again_after_a_restart(void **state)
{
    (void)state;
    struct tw_notice *items = NULL;
    uint64_t id = add("a", 0);
    OK(begin_sending(id));
    assert_int_equal(begin_sending(id), TW_ENOTFOUND);
    assert_int_equal(due(100, &items), 0);
    reopen();
    assert_int_equal(due(100, &items), 0);
    OK(tw_notices_begin(notices, &diag));
    OK(tw_notices_recover(notices, AT(50), &diag));
    OK(tw_notices_commit(notices, &diag));
    assert_int_equal(due(49, &items), 0);
    assert_int_equal(due(50, &items), 1);
    assert_int_equal(items[0].tries, 1);
    char before[TW_NOTICE_KEY_SIZE];
    char after[TW_NOTICE_KEY_SIZE];
    tw_notice_key(id, AT(0), before);
    tw_notice_key(items[0].id, items[0].created, after);
    assert_string_equal(before, after);
}

static void notices__results__again_sent_failed(void **state)
{
    (void)state;
    struct tw_notice *items = NULL;
    uint64_t id = add("a", 0);
    OK(begin_sending(id));
    finish(id, TW_NOTICE_STATE_WAITING, 20, "HTTP 503");
    assert_int_equal(due(19, &items), 0);
    assert_int_equal(due(20, &items), 1);
    OK(begin_sending(id));
    finish(id, TW_NOTICE_STATE_SENT, 21, NULL);
    assert_int_equal(due(1000, &items), 0);
    finish(id, TW_NOTICE_STATE_WAITING, 22, "late"); /* it has ended: stays so */
    assert_int_equal(due(1000, &items), 0);
    uint64_t bad = add("b", 30);
    OK(begin_sending(bad));
    finish(bad, TW_NOTICE_STATE_FAILED, 31, "HTTP 404");
    assert_int_equal(due(1000, &items), 0);
}

static void notices__later_one_of_a_group__supersedes_what_waits(void **state)
{
    (void)state;
    struct tw_notice *items = NULL;
    uint64_t first = add("a", 0);
    uint64_t other_group = add("b", 0);
    uint64_t other_way = add_of("slack", "a", "{}", 0);
    uint64_t resolved = add_of("email", "a", "{\"alerts\":[{\"status\":\"resolved\"}]}", 0);
    uint64_t later = add("a", 1);
    uint64_t after_resolved = add_of("email", "a", "{}", 1);
    assert_int_equal(due(1, &items), 5);
    assert_int_equal(items[0].id, other_group);
    assert_int_equal(items[1].id, other_way);
    assert_int_equal(items[2].id, resolved);
    assert_int_equal(items[3].id, later);
    assert_int_equal(items[4].id, after_resolved);
    assert_int_equal(begin_sending(first), TW_ENOTFOUND);
    OK(begin_sending(later));
    (void)add("a", 2); /* what is being sent stays */
    assert_int_equal(due(2, &items), 5);
}

static void notices__too_many_wait__the_oldest_are_superseded(void **state)
{
    (void)state;
    const struct tw_notice_told told = {NULL, 0};
    struct tw_notice *items = NULL;
    uint64_t first = 0;
    char group[32];
    OK(tw_notices_begin(notices, &diag));
    for (size_t i = 0; i <= TW_NOTICES_WAITING_MAX; i++) {
        struct tw_notice notice = {.receiver = TW_STR_LIT("ops"),
                                   .integration = TW_STR_LIT("pub"),
                                   .group = {group, 0},
                                   .kind = i == 0 ? TW_NOTICE_WATCHDOG : TW_NOTICE_TEST,
                                   .data = TW_STR_LIT("{}"),
                                   .created = AT(0)};
        notice.group.len = (size_t)snprintf(group, sizeof group, "g%zu", i);
        if (i == TW_NOTICES_WAITING_MAX) {
            notice.kind = TW_NOTICE_NOTIFY;
        }
        OK(tw_notices_add(notices, &notice, &told, &diag));
        first = i == 0 ? notice.id : first;
    }
    OK(tw_notices_commit(notices, &diag));
    size_t count = 0;
    OK(tw_notices_due(notices, &arena, AT(0), 2 * TW_NOTICES_WAITING_MAX, &items, &count, &diag));
    assert_int_equal(count, TW_NOTICES_WAITING_MAX);
    assert_true(items[0].id > first);
}

static void notices__groups__kept_and_dropped(void **state)
{
    (void)state;
    struct tw_notice_group group = {.receiver = TW_STR_LIT("ops"),
                                    .key = TW_STR_LIT("{}:{a=\"b\"}"),
                                    .labels = TW_STR_LIT("{\"a\":\"b\"}"),
                                    .since = AT(1),
                                    .next = AT(2),
                                    .flushed = AT(3),
                                    .sent = TW_STR_LIT("{}"),
                                    .escalated = 2};
    struct tw_notice_group *items = NULL;
    size_t count = 0;
    OK(tw_notices_begin(notices, &diag));
    OK(tw_notices_put_group(notices, &group, &diag));
    group.next = AT(4);
    OK(tw_notices_put_group(notices, &group, &diag));
    OK(tw_notices_commit(notices, &diag));
    OK(tw_notices_groups(notices, &arena, &items, &count, &diag));
    assert_int_equal(count, 1);
    assert_int_equal(items[0].next.ns, AT(4).ns);
    assert_int_equal(items[0].told.ns, 0);
    assert_int_equal(items[0].escalated, 2);
    assert_true(tw_str_equal(items[0].key, group.key));
    OK(tw_notices_begin(notices, &diag));
    OK(tw_notices_drop_group(notices, group.receiver, group.key, &diag));
    tw_notices_abandon(notices);
    OK(tw_notices_groups(notices, &arena, &items, &count, &diag));
    assert_int_equal(count, 1);
    OK(tw_notices_begin(notices, &diag));
    OK(tw_notices_drop_group(notices, group.receiver, group.key, &diag));
    OK(tw_notices_commit(notices, &diag));
    OK(tw_notices_groups(notices, &arena, &items, &count, &diag));
    assert_int_equal(count, 0);
}

static void notices__alerts__those_that_fire_and_those_that_ended(void **state)
{
    (void)state;
    struct tw_alerts *alerts = NULL;
    enum tw_alerts_news news;
    struct tw_notice_firing *firing = NULL;
    struct tw_notice_alert alert;
    uint64_t *ended = NULL;
    size_t count = 0;
    uint64_t mark = 0;
    uint64_t mark_after = 0;
    OK(tw_alerts_open(dir, &alerts, &diag));
    struct tw_alert_row row = {.fingerprint = 77,
                               .rule = TW_STR_LIT("A"),
                               .labels = TW_STR_LIT("{\"alertname\":\"A\"}"),
                               .annotations = TW_STR_LIT("{}"),
                               .state = TW_ALERT_ROW_PENDING,
                               .since = AT(1),
                               .updated = AT(1)};
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_put(alerts, &row, true, &news, &diag));
    OK(tw_alerts_commit(alerts, &diag));
    OK(tw_notices_firing(notices, &arena, &firing, &count, &diag));
    assert_int_equal(count, 0);
    OK(tw_notices_mark(notices, &mark, &diag));
    row.state = TW_ALERT_ROW_FIRING;
    row.fired = AT(5);
    row.updated = AT(5);
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_put(alerts, &row, true, &news, &diag));
    OK(tw_alerts_commit(alerts, &diag));
    OK(tw_notices_mark(notices, &mark_after, &diag));
    assert_true(mark_after > mark);
    OK(tw_notices_firing(notices, &arena, &firing, &count, &diag));
    assert_int_equal(count, 1);
    assert_int_equal(firing[0].fingerprint, 77);
    assert_int_equal(firing[0].fired.ns, AT(5).ns);
    OK(tw_notices_begin(notices, &diag));
    OK(tw_notices_set_inhibited(notices, firing[0].id, TW_STR_LIT("[\"00\"]"), &diag));
    const struct tw_notice_line line = {.alert = firing[0].id,
                                        .what = TW_ALERT_EVENT_INHIBITED,
                                        .at = AT(6),
                                        .detail = TW_STR_LIT("00"),
                                        .is_once = true};
    OK(tw_notices_note(notices, &line, &diag));
    OK(tw_notices_note(notices, &line, &diag));
    OK(tw_notices_commit(notices, &diag));
    OK(tw_notices_alert(notices, &arena, firing[0].id, &alert, &diag));
    assert_true(tw_str_is(alert.inhibited_by, "[\"00\"]"));
    assert_true(tw_str_is(alert.labels, "{\"alertname\":\"A\"}"));
    assert_int_equal(alert.ended.ns, 0);
    OK(tw_alerts_begin(alerts, &diag));
    const struct tw_alerts_end end = {.at = AT(9)};
    OK(tw_alerts_end(alerts, 77, TW_ALERT_OF_RULE, &end, &news, &diag));
    OK(tw_alerts_commit(alerts, &diag));
    uint64_t id = firing[0].id;
    OK(tw_notices_firing(notices, &arena, &firing, &count, &diag));
    assert_int_equal(count, 0);
    OK(tw_notices_ended(notices, &arena, AT(9), 10, &ended, &count, &diag));
    assert_int_equal(count, 1);
    assert_int_equal(ended[0], id);
    OK(tw_notices_ended(notices, &arena, AT(10), 10, &ended, &count, &diag));
    assert_int_equal(count, 0);
    assert_int_equal(tw_notices_alert(notices, &arena, id + 1, &alert, &diag), TW_ENOTFOUND);
    tw_alerts_close(&alerts);
}

static void notices__old_ones__are_forgotten_with_what_they_told(void **state)
{
    (void)state;
    size_t count = 0;
    struct tw_notice *items = NULL;
    finish(add("a", 0), TW_NOTICE_STATE_SENT, 10, NULL);
    finish(add("b", 0), TW_NOTICE_STATE_SENT, 20, NULL);
    (void)add("c", 0);
    OK(tw_notices_begin(notices, &diag));
    struct tw_notice_age age = {.before = AT(20), .watchdog_before = AT(20), .limit = 100};
    OK(tw_notices_expire(notices, &age, &count, &diag));
    OK(tw_notices_commit(notices, &diag));
    assert_int_equal(count, 1);
    OK(tw_notices_begin(notices, &diag));
    age.before = AT(1000);
    OK(tw_notices_expire(notices, &age, &count, &diag));
    OK(tw_notices_commit(notices, &diag));
    assert_int_equal(count, 1);
    assert_int_equal(due(0, &items), 1); /* what waits stays */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(notices__waiting__come_in_order_when_their_time_has_come),
        TEST(notices__being_sent__is_not_due_and_waits_again_after_a_restart),
        TEST(notices__results__again_sent_failed),
        TEST(notices__later_one_of_a_group__supersedes_what_waits),
        TEST(notices__too_many_wait__the_oldest_are_superseded),
        TEST(notices__groups__kept_and_dropped),
        TEST(notices__alerts__those_that_fire_and_those_that_ended),
        TEST(notices__old_ones__are_forgotten_with_what_they_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
