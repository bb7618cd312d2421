/* SPDX-License-Identifier: Apache-2.0
 * store/alerts: rows are opened once and closed once, their timelines say so, and the small tables
 * beside them hold what they are given. */
#include "config.h"

#include "store_kit.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "alloc_kit.h"
#include "store/alerts_internal.h"
#include "store/desk.h"

static struct kit kit;
static struct tw_alerts *alerts;
static struct tw_arena arena;
static struct tw_diag diag;

#define OK(call)     assert_int_equal((call), TW_OK)
#define AT(seconds)  ((tw_wall_t){(INT64_C(1700000000) + (seconds)) * TW_NS_PER_S})
#define NUMBER(text) kit_number(&kit, TW_DESK_NAME, text)

static int set_up(void **state)
{
    (void)state;
    struct tw_desk *desk = NULL;
    kit_init(&kit, 80);
    OK(kit_open(&kit));
    kit_commit(&kit, 1, true);
    assert_int_equal(tw_alerts_open(kit.dir, &alerts, &diag), TW_ENOTFOUND);
    OK(tw_desk_open(kit.dir, &desk, &diag));
    tw_desk_close(&desk);
    tw_arena_init(&arena, (size_t)64 << 20);
    OK(tw_alerts_open(kit.dir, &alerts, &diag));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_alerts_close(&alerts);
    tw_alerts_close(&alerts); /* accepts NULL */
    tw_arena_fini(&arena);
    kit_fini(&kit);
    return 0;
}

static struct tw_alert_row row_of(uint64_t fingerprint, unsigned state, int64_t at_s)
{
    return (struct tw_alert_row){
        .fingerprint = fingerprint,
        .origin = TW_ALERT_OF_RULE,
        .rule = TW_STR_LIT("Late"),
        .labels = TW_STR_LIT("{\"alertname\":\"Late\"}"),
        .annotations = TW_STR_LIT("{}"),
        .workflow = TW_STR_LIT("sale"),
        .state = state,
        .value = 3,
        .threshold = 2,
        .is_above = true,
        .unit = TW_STR_LIT("count"),
        .since = AT(at_s),
        .fired = {state == TW_ALERT_ROW_FIRING ? AT(at_s).ns : 0},
        .updated = AT(at_s),
    };
}

static enum tw_alerts_news put(const struct tw_alert_row *row)
{
    enum tw_alerts_news news = TW_ALERTS_SAME;
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_put(alerts, row, true, &news, &diag));
    OK(tw_alerts_commit(alerts, &diag));
    return news;
}

static enum tw_alerts_news end(uint64_t fingerprint, enum tw_alert_origin origin, int64_t at_s,
                               const char *why)
{
    enum tw_alerts_news news = TW_ALERTS_SAME;
    const struct tw_alerts_end how = {AT(at_s), why == NULL ? TW_STR_NULL : tw_str_of(why)};
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_end(alerts, fingerprint, origin, &how, &news, &diag));
    OK(tw_alerts_commit(alerts, &diag));
    return news;
}

/* How often people are told that something has changed. */
static int64_t changes(void)
{
    return NUMBER("SELECT alerts FROM meta");
}

static int64_t events(enum tw_alert_event what)
{
    char sql[96];
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM alert_event WHERE what = %d", (int)what);
    return NUMBER(sql);
}

/* ---- rows ---- */

static void put__through_all_states__is_one_row_and_tells_each_once(void **state)
{
    (void)state;
    struct tw_alert_row row = row_of(7, TW_ALERT_ROW_PENDING, 0);
    assert_int_equal(put(&row), TW_ALERTS_OPENED);
    assert_int_equal(put(&row), TW_ALERTS_SAME);
    assert_int_equal(changes(), 1);
    row.value = 4;
    row.updated = AT(10);
    assert_int_equal(put(&row), TW_ALERTS_CHANGED);
    row = row_of(7, TW_ALERT_ROW_FIRING, 20);
    assert_int_equal(put(&row), TW_ALERTS_FIRED);
    assert_int_equal(put(&row), TW_ALERTS_SAME);
    assert_int_equal(NUMBER("SELECT since / 1000000000 FROM alert"), AT(20).ns / TW_NS_PER_S);
    row.since = AT(30); /* of a firing one it stays, as does when it fired */
    row.fired = AT(30);
    row.is_nodata = true;
    row.is_flapping = true;
    assert_int_equal(put(&row), TW_ALERTS_CHANGED);
    assert_int_equal(NUMBER("SELECT since = fired AND fired / 1000000000 = 1700000020 FROM alert"),
                     1);
    row.is_nodata = false;
    row.is_flapping = false;
    assert_int_equal(put(&row), TW_ALERTS_CHANGED);
    row.state = TW_ALERT_ROW_PENDING; /* never back */
    (void)put(&row);
    assert_int_equal(NUMBER("SELECT state FROM alert"), TW_ALERT_ROW_FIRING);
    assert_int_equal(end(7, TW_ALERT_OF_RULE, 40, NULL), TW_ALERTS_ENDED);
    assert_int_equal(end(7, TW_ALERT_OF_RULE, 50, NULL), TW_ALERTS_NOTHING);
    assert_int_equal(NUMBER("SELECT count(*) FROM alert"), 1);
    assert_int_equal(NUMBER("SELECT ended / 1000000000 FROM alert"), 1700000040);
    static const enum tw_alert_event once[] = {TW_ALERT_EVENT_PENDING,  TW_ALERT_EVENT_FIRED,
                                               TW_ALERT_EVENT_RESOLVED, TW_ALERT_EVENT_NODATA,
                                               TW_ALERT_EVENT_DATA,     TW_ALERT_EVENT_FLAPPING,
                                               TW_ALERT_EVENT_CALM};
    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
        assert_int_equal(events(once[i]), 1);
    }
    row = row_of(7, TW_ALERT_ROW_FIRING, 60); /* another episode */
    assert_int_equal(put(&row), TW_ALERTS_FIRED);
    assert_int_equal(NUMBER("SELECT count(*) FROM alert"), 2);
}

static void end__of_a_pending_one__leaves_nothing(void **state)
{
    (void)state;
    const struct tw_alert_row row = row_of(7, TW_ALERT_ROW_PENDING, 0);
    (void)put(&row);
    assert_int_equal(end(7, TW_ALERT_OF_RULE, 10, NULL), TW_ALERTS_ENDED);
    assert_int_equal(NUMBER("SELECT count(*) FROM alert"), 0);
    assert_int_equal(NUMBER("SELECT count(*) FROM alert_event"), 0);
    assert_int_equal(changes(), 2);
}

static void put__that_may_not_open__changes_only_what_is_open(void **state)
{
    (void)state;
    enum tw_alerts_news news = TW_ALERTS_SAME;
    struct tw_alert_row row = row_of(7, TW_ALERT_ROW_FIRING, 0);
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_put(alerts, &row, false, &news, &diag));
    assert_int_equal(news, TW_ALERTS_NOTHING);
    OK(tw_alerts_commit(alerts, &diag));
    assert_int_equal(changes(), 0);
    (void)put(&row);
    row.value = 9;
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_put(alerts, &row, false, &news, &diag));
    assert_int_equal(news, TW_ALERTS_CHANGED);
    OK(tw_alerts_commit(alerts, &diag));
}

static void put__of_another_origin__is_held_but_a_rule_takes_over(void **state)
{
    (void)state;
    struct tw_alert_row posted = row_of(7, TW_ALERT_ROW_FIRING, 0);
    posted.origin = TW_ALERT_OF_EXTERNAL;
    posted.ends = AT(100);
    struct tw_alert_row tower = row_of(8, TW_ALERT_ROW_FIRING, 0);
    tower.origin = TW_ALERT_OF_TOWER;
    assert_int_equal(put(&posted), TW_ALERTS_FIRED);
    assert_int_equal(put(&tower), TW_ALERTS_FIRED);
    const struct tw_alert_row rule = row_of(7, TW_ALERT_ROW_FIRING, 5);
    assert_int_equal(put(&rule), TW_ALERTS_CHANGED);
    assert_int_equal(NUMBER("SELECT origin FROM alert WHERE fingerprint = 7"), TW_ALERT_OF_RULE);
    assert_int_equal(NUMBER("SELECT ends IS NULL FROM alert WHERE fingerprint = 7"), 1);
    posted.fingerprint = 8;
    assert_int_equal(put(&posted), TW_ALERTS_HELD);
    assert_int_equal(end(8, TW_ALERT_OF_EXTERNAL, 9, NULL), TW_ALERTS_HELD);
    assert_int_equal(NUMBER("SELECT count(*) FROM alert WHERE ended IS NULL"), 2);
    assert_int_equal(events(TW_ALERT_EVENT_FIRED), 2);
}

static void end_passed__resolves_what_nobody_renewed(void **state)
{
    (void)state;
    size_t count = 9;
    bool has = true;
    struct tw_alert_row row = row_of(7, TW_ALERT_ROW_FIRING, 0);
    row.origin = TW_ALERT_OF_EXTERNAL;
    row.ends = AT(60);
    (void)put(&row);
    OK(tw_alerts_has_passed(alerts, AT(59), &has, &diag));
    assert_false(has);
    row.ends = AT(90); /* renewed */
    (void)put(&row);
    OK(tw_alerts_has_passed(alerts, AT(89), &has, &diag));
    assert_false(has);
    OK(tw_alerts_has_passed(alerts, AT(90), &has, &diag));
    assert_true(has);
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_end_passed(alerts, AT(95), &count, &diag));
    assert_int_equal(count, 1);
    OK(tw_alerts_end_passed(alerts, AT(95), &count, &diag));
    assert_int_equal(count, 0);
    OK(tw_alerts_commit(alerts, &diag));
    assert_int_equal(NUMBER("SELECT ended = ends AND state = 3 FROM alert"), 1);
    assert_int_equal(events(TW_ALERT_EVENT_RESOLVED), 1);
}

static void set_maintenance__is_told_where_it_changes(void **state)
{
    (void)state;
    struct tw_alerts_scope *rows = NULL;
    size_t count = 0;
    const struct tw_alerts_scope sale = {.workflow = TW_STR_LIT("sale")};
    const struct tw_alerts_scope erp = {.system = TW_STR_LIT("erp")};
    struct tw_alert_row row = row_of(7, TW_ALERT_ROW_FIRING, 0);
    (void)put(&row);
    row.fingerprint = 8;
    row.in_maintenance = true;
    (void)put(&row);
    row.fingerprint = 9;
    row.workflow = TW_STR_NULL;
    (void)put(&row); /* of nothing */
    row.fingerprint = 10;
    row.in_maintenance = false;
    row.labels = TW_STR_LIT("{\"alertname\":\"A\",\"system\":\"erp\"}");
    (void)put(&row);
    row.fingerprint = 11;
    row.workflow = TW_STR_LIT("sale");
    (void)put(&row);
    row.fingerprint = 12;
    row.labels = TW_STR_LIT("no object");
    (void)put(&row);
    OK(tw_alerts_scopes(alerts, &arena, &rows, &count, &diag));
    assert_int_equal(count, 3);
    assert_true(rows[0].workflow.ptr == NULL && tw_str_is(rows[0].system, "erp"));
    assert_true(!rows[0].some_in && rows[0].some_out);
    assert_true(tw_str_is(rows[1].workflow, "sale") && rows[1].system.ptr == NULL);
    assert_true(rows[1].some_in && rows[1].some_out);
    assert_true(tw_str_is(rows[2].workflow, "sale") && tw_str_is(rows[2].system, "erp"));
    for (int again = 0; again < 2; again++) {
        OK(tw_alerts_begin(alerts, &diag));
        OK(tw_alerts_set_maintenance(alerts, &sale, true, AT(5), &diag));
        OK(tw_alerts_commit(alerts, &diag));
        assert_int_equal(events(TW_ALERT_EVENT_MAINTENANCE), 2);
    }
    OK(tw_alerts_scopes(alerts, &arena, &rows, &count, &diag));
    assert_true(!rows[0].some_in && rows[1].some_in && !rows[1].some_out && !rows[2].some_in);
    assert_int_equal(NUMBER("SELECT sum(in_maintenance) FROM alert"), 4);
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_set_maintenance(alerts, &erp, true, AT(6), &diag));
    OK(tw_alerts_commit(alerts, &diag));
    assert_int_equal(NUMBER("SELECT sum(in_maintenance) FROM alert"), 5);
    assert_int_equal(NUMBER("SELECT in_maintenance FROM alert WHERE fingerprint = 11"), 0);
}

static void expire__forgets_what_is_over_with_its_timeline(void **state)
{
    (void)state;
    size_t count = 0;
    for (uint64_t i = 1; i <= 5; i++) {
        const struct tw_alert_row row = row_of(i, TW_ALERT_ROW_FIRING, 0);
        (void)put(&row);
        if (i < 5) {
            (void)end(i, TW_ALERT_OF_RULE, (int64_t)i * 10, NULL);
        }
    }
    (void)NUMBER("INSERT INTO notice_alert(notice, alert) VALUES(1, 1)");
    (void)NUMBER("INSERT INTO notice_alert(notice, alert) VALUES(1, 4)");
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_expire(alerts, AT(40), 2, &count, &diag));
    assert_int_equal(count, 2);
    OK(tw_alerts_expire(alerts, AT(40), 2, &count, &diag));
    assert_int_equal(count, 1);
    OK(tw_alerts_expire(alerts, AT(40), 2, &count, &diag));
    assert_int_equal(count, 0);
    OK(tw_alerts_commit(alerts, &diag));
    assert_int_equal(NUMBER("SELECT count(*) FROM alert"), 2); /* the fourth, and the open one */
    assert_int_equal(NUMBER("SELECT count(*) FROM alert_event"), 3);
    assert_int_equal(NUMBER("SELECT count(*) FROM notice_alert"), 1);
}

static void abandon__keeps_nothing(void **state)
{
    (void)state;
    enum tw_alerts_news news = TW_ALERTS_SAME;
    const struct tw_alert_row row = row_of(7, TW_ALERT_ROW_FIRING, 0);
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_put(alerts, &row, true, &news, &diag));
    tw_alerts_abandon(alerts);
    tw_alerts_abandon(alerts); /* outside of a transaction: nothing */
    assert_int_equal(NUMBER("SELECT count(*) FROM alert"), 0);
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_commit(alerts, &diag));
    assert_int_equal(changes(), 0);
}

/* ---- read back ---- */

static void open_rows__have_all_that_was_put(void **state)
{
    (void)state;
    struct tw_alert_row *rows = NULL;
    size_t count = 0;
    for (int i = 0; i < 6; i++) { /* it fired six times; the last four are told */
        const struct tw_alert_row row = row_of(7, TW_ALERT_ROW_FIRING, 100 * i);
        (void)put(&row);
        if (i < 5) {
            (void)end(7, TW_ALERT_OF_RULE, 100 * i + 50, NULL);
        }
    }
    struct tw_alert_row bare = {.fingerprint = UINT64_C(0xfedcba9876543210),
                                .origin = TW_ALERT_OF_EXTERNAL,
                                .labels = TW_STR_LIT("{}"),
                                .annotations = TW_STR_LIT("{}"),
                                .severity = TW_ALERT_ROW_NO_SEVERITY,
                                .state = TW_ALERT_ROW_FIRING,
                                .value = (double)NAN,
                                .threshold = (double)NAN,
                                .since = AT(1),
                                .updated = AT(1),
                                .ends = AT(9)};
    (void)put(&bare);
    OK(tw_alerts_open_rows(alerts, &arena, 0, 1, &rows, &count, &diag));
    assert_int_equal(count, 1);
    uint64_t first = rows[0].id;
    OK(tw_alerts_open_rows(alerts, &arena, 0, TW_ALERTS_PORTION_MAX, &rows, &count, &diag));
    assert_int_equal(count, 2);
    assert_true((int)rows[0].value == 3 && (int)rows[0].threshold == 2 && rows[0].is_above);
    assert_true(tw_str_is(rows[0].unit, "count") && tw_str_is(rows[0].workflow, "sale"));
    for (int i = 0; i < TW_ALERTS_FIRED_MAX; i++) {
        assert_int_equal(rows[0].fired_before[i].ns, AT(500 - 100 * i).ns);
    }
    OK(tw_alerts_open_rows(alerts, &arena, first, 5, &rows, &count, &diag));
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].fingerprint, bare.fingerprint);
    assert_true(isnan(rows[0].value) && isnan(rows[0].threshold) && !rows[0].is_above);
    assert_true(rows[0].unit.ptr == NULL && rows[0].workflow.ptr == NULL);
    assert_int_equal(rows[0].fired.ns, 0);
    assert_int_equal(rows[0].ends.ns, AT(9).ns);
    uint64_t open = 0;
    OK(tw_alerts_count(alerts, &open, &diag));
    assert_int_equal(open, 2);
    assert_int_equal(NUMBER("UPDATE alert SET state = 9 WHERE ended IS NULL AND origin = 1"), 0);
    assert_int_equal(tw_alerts_open_rows(alerts, &arena, 0, 5, &rows, &count, &diag), TW_EDAMAGED);
}

static void recent__is_the_newest_of_those_that_are_over(void **state)
{
    (void)state;
    struct tw_alert_row *rows = NULL;
    size_t count = 0;
    for (uint64_t i = 1; i <= 3; i++) {
        const struct tw_alert_row row = row_of(i, TW_ALERT_ROW_FIRING, 0);
        (void)put(&row);
        (void)end(i, TW_ALERT_OF_RULE, (int64_t)i * 10, NULL);
    }
    const struct tw_alert_row again = row_of(3, TW_ALERT_ROW_FIRING, 40);
    (void)put(&again); /* open: it is no recent one */
    struct tw_alerts_since since = {.ended = AT(20), .limit = 10};
    OK(tw_alerts_recent(alerts, &arena, &since, &rows, &count, &diag));
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].fingerprint, 2);
    since = (struct tw_alerts_since){.ended = AT(0), .limit = 1};
    OK(tw_alerts_recent(alerts, &arena, &since, &rows, &count, &diag));
    assert_int_equal(rows[0].fingerprint, 1);
    since.after = rows[0].id;
    OK(tw_alerts_recent(alerts, &arena, &since, &rows, &count, &diag));
    assert_int_equal(rows[0].fingerprint, 2);
}

/* ---- the small tables ---- */

static void place__is_kept_quietly(void **state)
{
    (void)state;
    struct tw_alerts_place place = {.judged_s = 1};
    OK(tw_alerts_place(alerts, &place, &diag));
    assert_int_equal(place.judged_s, 0);
    place = (struct tw_alerts_place){1700000000, 5, 77, 2};
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_set_place(alerts, &place, &diag));
    OK(tw_alerts_commit(alerts, &diag));
    memset(&place, 0, sizeof place);
    OK(tw_alerts_place(alerts, &place, &diag));
    assert_true(place.judged_s == 1700000000 && place.evaluations == 5 &&
                place.evaluation_us == 77 && place.refused == 2);
    assert_int_equal(changes(), 0);
    (void)NUMBER("DELETE FROM meta");
    assert_int_equal(tw_alerts_place(alerts, &place, &diag), TW_EDAMAGED);
}

static void put_rule(const char *name, unsigned rule_state, const char *detail, int64_t at_s)
{
    const struct tw_alerts_rule rule = {.name = tw_str_of(name),
                                        .state = rule_state,
                                        .detail = detail == NULL ? TW_STR_NULL : tw_str_of(detail),
                                        .instances = 1};
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_put_rule(alerts, &rule, AT(at_s), &diag));
    OK(tw_alerts_evaluated(alerts, AT(at_s), &diag));
    OK(tw_alerts_commit(alerts, &diag));
}

static void rules__say_since_when_they_are_so(void **state)
{
    (void)state;
    struct tw_alerts_rule *rows = NULL;
    size_t count = 0;
    put_rule("B", 0, NULL, 0);
    put_rule("B", 0, NULL, 10);
    put_rule("A", 2, "why", 20);
    put_rule("B", 2, "why", 30);
    put_rule("B", 2, "else", 40);
    assert_int_equal(changes(), 4); /* that it was evaluated again is no news */
    assert_int_equal(NUMBER("SELECT since / 1000000000 FROM rule_state WHERE rule = x'42'"),
                     1700000030);
    assert_int_equal(NUMBER("SELECT min(evaluated) / 1000000000 FROM rule_state"), 1700000040);
    OK(tw_alerts_rules(alerts, &arena, &rows, &count, &diag));
    assert_int_equal(count, 2);
    assert_true(tw_str_is(rows[0].name, "A") && tw_str_is(rows[1].detail, "else"));
    assert_int_equal(rows[1].instances, 1);
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_forget_rule(alerts, TW_STR_LIT("A"), &diag));
    OK(tw_alerts_forget_rule(alerts, TW_STR_LIT("nobody"), &diag));
    OK(tw_alerts_commit(alerts, &diag));
    OK(tw_alerts_rules(alerts, &arena, &rows, &count, &diag));
    assert_int_equal(count, 1);
}

static void pushed__in_order_and_taken_once(void **state)
{
    (void)state;
    struct tw_alerts_push *posts = NULL;
    size_t count = 0;
    for (int i = 0; i < 3; i++) {
        (void)NUMBER("INSERT INTO alert_push(at, labels, annotations, ends)"
                     " VALUES(5, x'7b7d', x'7b7d', 7)");
    }
    OK(tw_alerts_pushed(alerts, &arena, 2, &posts, &count, &diag));
    assert_int_equal(count, 2);
    assert_true(posts[0].id < posts[1].id && posts[0].at.ns == 5 && posts[0].starts.ns == 0 &&
                posts[0].ends.ns == 7 && posts[0].generator.ptr == NULL);
    assert_true(tw_str_is(posts[0].labels, "{}"));
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_taken(alerts, posts[1].id, &diag));
    OK(tw_alerts_commit(alerts, &diag));
    OK(tw_alerts_pushed(alerts, &arena, 2, &posts, &count, &diag));
    assert_int_equal(count, 1);
}

static void heartbeats__keep_when_they_were_heard(void **state)
{
    (void)state;
    struct tw_alerts_heartbeat *rows = NULL;
    size_t count = 0;
    struct tw_alerts_heartbeat row = {
        .name = TW_STR_LIT("nightly"), .last = AT(5), .every_s = 60, .state = TW_HEARTBEAT_AWAITED};
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_put_heartbeat(alerts, &row, &diag));
    OK(tw_alerts_commit(alerts, &diag));
    OK(tw_alerts_heartbeats(alerts, &arena, &rows, &count, &diag));
    assert_true(count == 1 && !rows[0].was_heard && rows[0].every_s == 60);
    (void)NUMBER("UPDATE heartbeat SET last = last + 1");
    row.last = AT(50);
    row.state = TW_HEARTBEAT_MISSED;
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_put_heartbeat(alerts, &row, &diag));
    OK(tw_alerts_put_heartbeat(alerts, &row, &diag));
    OK(tw_alerts_commit(alerts, &diag));
    OK(tw_alerts_heartbeats(alerts, &arena, &rows, &count, &diag));
    assert_true(rows[0].was_heard && rows[0].state == TW_HEARTBEAT_MISSED);
    assert_int_equal(rows[0].last.ns, AT(5).ns + 1);
    assert_int_equal(changes(), 2);
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_forget_heartbeat(alerts, TW_STR_LIT("nightly"), &diag));
    OK(tw_alerts_commit(alerts, &diag));
    OK(tw_alerts_heartbeats(alerts, &arena, &rows, &count, &diag));
    assert_int_equal(count, 0);
}

/* An item of a replay, of a failure in this state. */
static void add_item(int failure, int failure_state, int item_state)
{
    char sql[600];
    (void)snprintf(sql, sizeof sql,
                   "INSERT OR REPLACE INTO failure(id, grp, workflow, object_type, object_scope,"
                   " object_id, step, state, http_status, amount_minor, currency, failed_n,"
                   " input_n, done_n, attempts, first, last) VALUES(%d, 1, x'61', 2, x'', %d, x'',"
                   " %d, 0, 0, x'', 1, 1, 0, 1, 1, 1)",
                   failure, failure, failure_state);
    (void)NUMBER(sql);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO replay_item(replay, seq, replayid, failure, is_asked, is_ready,"
                   " overridden, is_financial, object_type, object_scope, object_id, event_n,"
                   " failed_n, amount_minor, currency, state) SELECT 1, count(*), count(*), %d, 1,"
                   " 0, 0, 0, 2, x'', 1, 1, 1, 0, x'', %d FROM replay_item",
                   failure, item_state);
    (void)NUMBER(sql);
}

static void unproven__is_what_is_open_and_was_not_sent_again(void **state)
{
    (void)state;
    struct tw_alerts_unproven *rows = NULL;
    size_t count = 9;
    OK(tw_alerts_unproven(alerts, &arena, &rows, &count, &diag));
    assert_int_equal(count, 0);
    (void)NUMBER("INSERT INTO failure_group(id, workflow, step, system, destination, cause, label,"
                 " created) VALUES(1, x'61', x'', CAST('erp' AS BLOB), x'', 1, x'', 1)");
    add_item(1, 0, 2); /* counts */
    add_item(2, 0, 2); /* counts */
    add_item(3, 1, 2); /* recovered */
    add_item(4, 0, 3); /* proven */
    add_item(5, 0, 2); /* sent again */
    add_item(5, 0, 1);
    OK(tw_alerts_unproven(alerts, &arena, &rows, &count, &diag));
    assert_int_equal(count, 1);
    assert_true(tw_str_is(rows[0].system, "erp"));
    assert_int_equal(rows[0].items, 2);
}

static void failing_receivers__after_some_posts_or_one_that_was_given_up(void **state)
{
    (void)state;
    struct tw_alerts_receiver *rows = NULL;
    size_t count = 0;
    (void)NUMBER("INSERT INTO receiver_state(receiver, integration, idx, fails, gave_up, error)"
                 " VALUES(x'61', x'62', 0, 2, 0, x'63'), (x'64', x'62', 0, 3, 0, NULL),"
                 " (x'65', x'62', 0, 1, 1, x'66')");
    OK(tw_alerts_failing_receivers(alerts, &arena, &rows, &count, &diag));
    assert_int_equal(count, 2);
    assert_true(tw_str_is(rows[0].receiver, "d") && rows[0].error.ptr == NULL);
    assert_true(tw_str_is(rows[1].receiver, "e") && tw_str_is(rows[1].error, "f"));
}

/* ---- what fails ---- */

static void open__without_memory_at_any_call__leaves_nothing(void **state)
{
    (void)state;
    tw_alerts_close(&alerts);
    alloc_count = 0;
    OK(tw_alerts_open(kit.dir, &alerts, &diag));
    size_t calls = alloc_count;
    tw_alerts_close(&alerts);
    assert_true(calls > 0);
    for (size_t i = 1; i <= calls; i++) {
        alloc_count = 0;
        alloc_failing = i;
        int rc = tw_alerts_open(kit.dir, &alerts, &diag);
        alloc_failing = 0;
        assert_true(rc == TW_OK || rc == TW_ENOMEM);
        tw_alerts_close(&alerts);
    }
    OK(tw_alerts_open(kit.dir, &alerts, &diag));
}

static void read__without_memory__says_so(void **state)
{
    (void)state;
    struct tw_alert_row *rows = NULL;
    size_t count = 0;
    struct tw_arena small;
    const struct tw_alert_row row = row_of(7, TW_ALERT_ROW_FIRING, 0);
    (void)put(&row);
    tw_arena_init(&small, 64);
    assert_int_equal(tw_alerts_open_rows(alerts, &small, 0, 10, &rows, &count, &diag), TW_ENOMEM);
    tw_arena_fini(&small);
    OK(tw_alerts_open_rows(alerts, &arena, 0, 10, &rows, &count, &diag));
}

static void begin__while_another_writes__is_busy_and_goes_on_after(void **state)
{
    (void)state;
    struct tw_alerts *other = NULL;
    enum tw_alerts_news news = TW_ALERTS_SAME;
    const struct tw_alert_row row = row_of(7, TW_ALERT_ROW_FIRING, 0);
    OK(tw_alerts_open(kit.dir, &other, &diag));
    OK(tw_alerts_begin(other, &diag));
    OK(tw_alerts_put(other, &row, true, &news, &diag));
    assert_int_equal(tw_alerts_begin(alerts, &diag), TW_EBUSY);
    tw_alerts_abandon(alerts);
    OK(tw_alerts_commit(other, &diag));
    assert_int_equal(put(&row), TW_ALERTS_SAME); /* never a second one */
    tw_alerts_close(&other);
}

static void set_pages(int most)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d", most);
    OK(tw_db_exec(alerts->db, sql, &diag));
}

/* A disk that takes nothing more, seen by SQLite as a file that may have no further page. */
static void commit__on_a_full_disk__keeps_nothing_and_goes_on_after(void **state)
{
    (void)state;
    char text[20000];
    enum tw_alerts_news news = TW_ALERTS_SAME;
    struct tw_alert_row row = row_of(7, TW_ALERT_ROW_FIRING, 0);
    memset(text, 'x', sizeof text);
    row.annotations = (struct tw_str){text, sizeof text};
    set_pages(1);
    OK(tw_alerts_begin(alerts, &diag));
    int rc = TW_OK;
    for (uint64_t i = 0; rc == TW_OK && i < 1000; i++) {
        row.fingerprint = i;
        rc = tw_alerts_put(alerts, &row, true, &news, &diag);
    }
    assert_int_equal(rc, TW_ENOSPACE);
    tw_alerts_abandon(alerts);
    assert_int_equal(NUMBER("SELECT count(*) FROM alert"), 0);
    set_pages(1000000);
    assert_int_equal(put(&row), TW_ALERTS_FIRED);
    assert_int_equal(changes(), 1);
}

static void words__are_those_of_the_columns(void **state)
{
    (void)state;
    assert_string_equal(tw_alert_origin_name(TW_ALERT_OF_TOWER), "tower");
    assert_string_equal(tw_alert_event_name(TW_ALERT_EVENT_NOTE), "note");
    assert_string_equal(tw_alert_event_name(TW_ALERT_EVENT_MAINTENANCE), "maintenance");
    assert_string_equal(tw_heartbeat_state_name(TW_HEARTBEAT_MISSED), "missed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(put__through_all_states__is_one_row_and_tells_each_once),
        TEST(end__of_a_pending_one__leaves_nothing),
        TEST(put__that_may_not_open__changes_only_what_is_open),
        TEST(put__of_another_origin__is_held_but_a_rule_takes_over),
        TEST(end_passed__resolves_what_nobody_renewed),
        TEST(set_maintenance__is_told_where_it_changes),
        TEST(expire__forgets_what_is_over_with_its_timeline),
        TEST(abandon__keeps_nothing),
        TEST(open_rows__have_all_that_was_put),
        TEST(recent__is_the_newest_of_those_that_are_over),
        TEST(place__is_kept_quietly),
        TEST(rules__say_since_when_they_are_so),
        TEST(pushed__in_order_and_taken_once),
        TEST(heartbeats__keep_when_they_were_heard),
        TEST(unproven__is_what_is_open_and_was_not_sent_again),
        TEST(failing_receivers__after_some_posts_or_one_that_was_given_up),
        TEST(open__without_memory_at_any_call__leaves_nothing),
        TEST(read__without_memory__says_so),
        TEST(begin__while_another_writes__is_busy_and_goes_on_after),
        TEST(commit__on_a_full_disk__keeps_nothing_and_goes_on_after),
        cmocka_unit_test(words__are_those_of_the_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
