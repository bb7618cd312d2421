/* SPDX-License-Identifier: Apache-2.0
 * notify/tell on rows and simulated time: what is told stands in the outbox once, also when the
 * thread begins anew at any second, when others write, and under other routes; the watchdog,
 * silences that end soon, and old notices. */
#include "config.h"
#include "store_kit.h"

#include <string.h>

#include "notify/tell.h"
#include "store/alerts.h"
#include "store/desk.h"

#define START_S  INT64_C(1767225600)
#define OK(call) assert_int_equal((call), TW_OK)
#define NOTIFY(more)                                                               \
    "receivers: [{name: ops, pub: [{}]}, {name: dog, pub: [{}], browser: [{}]}]\n" \
    "route: {receiver: ops, group-interval: 1min}\n" more

static struct kit kit;
static struct tw_clock_manual now;
static struct tw_alerts *alerts;
static struct tw_tell *tell;
static const struct tw_notify *set;
static const struct tw_workflows *workflows;
static struct tw_diag diag;

static void use(const char *yaml)
{
    tw_notify_unref(&set);
    OK(tw_notify_parse("n.yaml", tw_str_of(yaml), stderr, &set));
}

static int set_up(void **state)
{
    (void)state;
    struct tw_desk *desk = NULL;
    struct tw_cfg *cfg = NULL;
    static const char none[] = "workflows: {pack: false}\n";
    kit_init(&kit, 4712);
    OK(kit_open(&kit));
    kit_commit(&kit, 1, true);
    kit.cfg.alerts.history_days = 90;
    OK(tw_desk_open(kit.dir, &desk, &diag));
    tw_desk_close(&desk);
    OK(tw_alerts_open(kit.dir, &alerts, &diag));
    tw_clock_manual_init(&now, (tw_wall_t){START_S * TW_NS_PER_S});
    OK(tw_cfg_parse("c.yaml", none, sizeof none - 1, stderr, &cfg));
    OK(tw_workflows_load(cfg, stderr, &workflows));
    tw_cfg_destroy(&cfg);
    use(NOTIFY(""));
    OK(tw_tell_new(&kit.cfg, &now.clock, set, workflows, &tell));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_tell_destroy(&tell);
    tw_alerts_close(&alerts);
    tw_notify_unref(&set);
    tw_workflows_unref(&workflows);
    kit_fini(&kit);
    return 0;
}

static void begin_anew(void)
{
    tw_tell_destroy(&tell);
    OK(tw_tell_new(&kit.cfg, &now.clock, set, workflows, &tell));
}

static void run(int64_t seconds, bool restarts)
{
    for (int64_t i = 0; i < seconds; i++) {
        tw_clock_manual_advance(&now, TW_NS_PER_S);
        if (restarts) {
            begin_anew();
        }
        OK(tw_tell_turn(tell, &diag));
    }
}

static void fire(uint64_t fingerprint, const char *labels, enum tw_alert_origin origin)
{
    enum tw_alerts_news news;
    const struct tw_alert_row row = {
        .fingerprint = fingerprint,
        .origin = origin,
        .rule = TW_STR_LIT("A"),
        .labels = tw_str_of(labels),
        .annotations = TW_STR_LIT("{}"),
        .severity = origin == TW_ALERT_OF_TOWER ? 3 : 1,
        .state = TW_ALERT_ROW_FIRING,
        .since = now.wall,
        .fired = now.wall,
        .updated = now.wall,
    };
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_put(alerts, &row, true, &news, &diag));
    OK(tw_alerts_commit(alerts, &diag));
    assert_int_equal(news, TW_ALERTS_FIRED);
}

static void end(uint64_t fingerprint)
{
    enum tw_alerts_news news;
    const struct tw_alerts_end over = {.at = now.wall};
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_end(alerts, fingerprint, TW_ALERT_OF_RULE, &over, &news, &diag));
    OK(tw_alerts_commit(alerts, &diag));
    assert_int_equal(news, TW_ALERTS_ENDED);
}

static int64_t number(const char *sql)
{
    return kit_number(&kit, "desk.db", sql);
}

static void write_row(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(kit_path(&kit, "desk.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE meta SET alerts = alerts + 1", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void play(bool restarts)
{
    run(5, restarts);
    fire(1, "{\"alertname\":\"A\",\"n\":\"1\"}", TW_ALERT_OF_RULE);
    run(10, restarts);
    fire(2, "{\"alertname\":\"A\",\"n\":\"2\"}", TW_ALERT_OF_RULE);
    run(60, restarts);
    end(1);
    run(60, restarts);
    end(2);
    run(100, restarts);
    assert_int_equal(number("SELECT count(*) FROM notice"), 3);
    assert_int_equal(number("SELECT count(*) FROM notify_group"), 0);
    assert_int_equal(number("SELECT count(*) FROM notice_alert"), 5);
    assert_int_equal(number("SELECT count(*) FROM alert_event WHERE what = 5"), 5);
    /* after the wait, and at the two looks behind the ends */
    assert_int_equal(number("SELECT created / 1000000000 - 1767225600 FROM notice WHERE id = 1"),
                     35);
    assert_int_equal(number("SELECT count(*) FROM notice WHERE CAST(reason AS TEXT) = 'all alerts"
                            " resolved'"),
                     1);
}

static void tell__alerts_come_and_go__each_change_is_a_notice(void **state)
{
    (void)state;
    play(false);
}

static void tell__begins_anew_every_second__the_same(void **state)
{
    (void)state;
    play(true);
}

static void tell__others_write__it_waits_and_tells_once(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    run(1, false);
    fire(1, "{\"alertname\":\"A\"}", TW_ALERT_OF_RULE);
    run(29, false);
    assert_int_equal(sqlite3_open(kit_path(&kit, "desk.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    tw_clock_manual_advance(&now, TW_NS_PER_S);
    assert_int_equal(tw_tell_turn(tell, &diag), TW_EBUSY);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    run(20, false);
    assert_int_equal(number("SELECT count(*) FROM notice"), 1);
}

static void tell__no_desk__said_until_there_is_one(void **state)
{
    (void)state;
    char path[256];
    char away[300];
    tw_alerts_close(&alerts);
    (void)snprintf(path, sizeof path, "%s", kit_path(&kit, "desk.db"));
    (void)snprintf(away, sizeof away, "%s.away", path);
    assert_int_equal(rename(path, away), 0);
    assert_int_equal(tw_tell_turn(tell, &diag), TW_ENOTFOUND);
    assert_null(tw_tell_outbox(tell));
    assert_int_equal(rename(away, path), 0);
    OK(tw_tell_turn(tell, &diag));
    assert_non_null(tw_tell_outbox(tell));
}

static void tell__other_routes__groups_of_theirs(void **state)
{
    (void)state;
    fire(1, "{\"alertname\":\"A\"}", TW_ALERT_OF_RULE);
    run(40, false);
    assert_int_equal(number("SELECT count(*) FROM notice"), 1);
    use(NOTIFY("watchdog: {receiver: dog}\n")); /* the same groups: nothing is told again */
    tw_tell_change(tell, set, workflows);
    run(100, false);
    assert_int_equal(number("SELECT count(*) FROM notice WHERE kind = 0"), 1);
    use("receivers: [{name: other, pub: [{}]}]\nroute: {receiver: other}\n");
    tw_tell_change(tell, set, workflows);
    run(2, false);
    assert_int_equal(number("SELECT count(*) FROM notice WHERE kind = 0"), 2);
    assert_int_equal(number("SELECT count(*) FROM notify_group WHERE CAST(receiver AS TEXT) <>"
                            " 'other'"),
                     0);
}

static void tell__watchdog__comes_and_is_no_group(void **state)
{
    (void)state;
    use(NOTIFY("watchdog: {receiver: dog, every: 1min}\n"));
    tw_tell_change(tell, set, workflows);
    fire(1, "{\"alertname\":\"Watchdog\"}", TW_ALERT_OF_TOWER);
    run(181, false);
    assert_int_equal(number("SELECT count(*) FROM notice WHERE kind = 2"), 4);
    assert_int_equal(number("SELECT count(*) FROM notice WHERE kind = 0"), 0);
    begin_anew(); /* a restart is no reason for another one */
    run(10, false);
    assert_int_equal(number("SELECT count(*) FROM notice WHERE kind = 2"), 4);
}

static void tell__silence_ends_soon__said_once(void **state)
{
    (void)state;
    char sql[512];
    run(1, false);
    fire(1, "{\"alertname\":\"A\"}", TW_ALERT_OF_RULE);
    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO silence(id, matchers, starts, ends, created, updated, created_by,"
        " comment) VALUES(CAST('s' AS BLOB), '[{\"name\":\"alertname\",\"value\":\"A\",\"isRegex\":"
        "false}]', %lld, %lld, 0, 0, 'anna', 'c')",
        (long long)now.wall.ns, (long long)(now.wall.ns + 3600 * TW_NS_PER_S));
    write_row(sql);
    run(2690, false);
    assert_int_equal(number("SELECT warned FROM silence"), 0);
    assert_int_equal(number("SELECT count(*) FROM alert_event WHERE what = 9"), 1);
    run(20, false);
    assert_int_equal(number("SELECT warned FROM silence"), 1);
    begin_anew();
    run(100, false);
    assert_int_equal(number("SELECT count(*) FROM alert_event WHERE what = 11"), 1);
    assert_int_equal(number("SELECT count(*) FROM notice"), 0);
    run(1000, false); /* it is over: told */
    assert_int_equal(number("SELECT count(*) FROM notice"), 1);
}

static void tell__old_notices__are_forgotten(void **state)
{
    (void)state;
    run(1, false);
    write_row(
        "INSERT INTO notice(receiver, integration, idx, grp, kind, data, created, next, state,"
        " done) VALUES('ops', 'pub', 0, 'g', 0, '{}', 1, 1, 2, 1)");
    run(3602, false);
    assert_int_equal(number("SELECT count(*) FROM notice"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tell__alerts_come_and_go__each_change_is_a_notice),
        TEST(tell__begins_anew_every_second__the_same),
        TEST(tell__others_write__it_waits_and_tells_once),
        TEST(tell__no_desk__said_until_there_is_one),
        TEST(tell__other_routes__groups_of_theirs),
        TEST(tell__watchdog__comes_and_is_no_group),
        TEST(tell__silence_ends_soon__said_once),
        TEST(tell__old_notices__are_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
