/* SPDX-License-Identifier: Apache-2.0
 * The thread that tells people when memory runs out: whichever allocation of a turn or a round
 * fails, the next one does it all; nothing is told twice, and nothing is lost. */
#include "config.h"
#include "store_kit.h"

#include <string.h>

#include "alert/json_text.h"
#include "alloc_kit.h"
#include "core/log.h"
#include "notify/deliver.h"
#include "notify/tell.h"
#include "store/alerts.h"
#include "store/desk.h"

#define START_S  INT64_C(1767225600)
#define OK(call) assert_int_equal((call), TW_OK)
/* Each place at first, then with growing steps; a build that is slow takes fewer. */
#define NEXT(n) ((n) + 1 + (n) / (KIT_IS_SLOW ? 8 : 20))

static const char notify_yaml[] =
    "allow: [127.0.0.0/8]\n"
    "receivers:\n"
    "  - {name: ops, webhook: [{url: \"http://127.0.0.1:9/\"}], email: [{to: [a@b.example], from: "
    "c@b.example, smarthost: \"smtp://127.0.0.1:9\", tls: none, picture: false}]}\n"
    "  - {name: lead, pub: [{bind: \"ipc://%1$s/pub\"}], alertmanager: [{url: "
    "\"http://127.0.0.1:9\"}]}\n"
    "  - {name: dog, pub: [{bind: \"ipc://%1$s/pub\"}]}\n"
    "route: {receiver: ops, group-by: [alertname], group-wait: 10s, group-interval: 10s,\n"
    "  escalate: [{after: 30s, receiver: lead}],\n"
    "  routes: [{receiver: lead, matchers: ['severity=\"critical\"'], continue: true}]}\n"
    "inhibit: [{source: ['alertname=\"Down\"'], target: ['alertname=\"Late\"'], equal: [system]}]\n"
    "watchdog: {receiver: dog, every: 1min}\n";

static struct kit kit;
static struct tw_clock_manual now;
static struct tw_alerts *alerts;
static struct tw_tell *tell;
static const struct tw_notify *set;
static const struct tw_workflows *workflows;
static sqlite3 *db;
static size_t calls;   /* allocations of what is tried, in this run */
static size_t failing; /* this one fails; 0: none does */
static struct tw_diag diag;

static int set_up(void **state)
{
    (void)state;
    struct tw_desk *desk = NULL;
    struct tw_cfg *cfg = NULL;
    static const char none[] = "workflows: {pack: false}\n";
    kit_init(&kit, 4713);
    OK(kit_open(&kit));
    kit_commit(&kit, 1, true);
    kit.cfg.alerts.history_days = 90;
    OK(tw_desk_open(kit.dir, &desk, &diag));
    tw_desk_close(&desk);
    OK(tw_alerts_open(kit.dir, &alerts, &diag));
    assert_int_equal(sqlite3_open(kit_path(&kit, "desk.db"), &db), SQLITE_OK);
    OK(tw_cfg_parse("c.yaml", none, sizeof none - 1, stderr, &cfg));
    OK(tw_workflows_load(cfg, stderr, &workflows));
    tw_cfg_destroy(&cfg);
    char yaml[2048];
    int len = snprintf(yaml, sizeof yaml, notify_yaml, kit.dir);
    assert_true(len > 0 && (size_t)len < sizeof yaml);
    OK(tw_notify_parse("n.yaml", tw_str_of(yaml), stderr, &set));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_tell_destroy(&tell);
    tw_alerts_close(&alerts);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    tw_notify_unref(&set);
    tw_workflows_unref(&workflows);
    kit_fini(&kit);
    return 0;
}

/* ---- what is tried ---- */

static void arm(void)
{
    alloc_count = calls;
    alloc_failing = failing;
}

static void disarm(void)
{
    calls = alloc_count;
    alloc_failing = 0;
}

static bool has_failed(void)
{
    return failing != 0 && calls >= failing;
}

static void write_rows(const char *sql)
{
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE meta SET alerts = alerts + 1", NULL, NULL, NULL),
                     SQLITE_OK);
}

/* Everything of a kind in one text, owned. */
static char *read_rows(const char *sql)
{
    char *text = NULL;
    size_t len = 0;
    sqlite3_stmt *stmt = NULL;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            const unsigned char *value = sqlite3_column_text(stmt, i);
            (void)fprintf(out, "%s|", value == NULL ? "-" : (const char *)value);
        }
        (void)fputc('\n', out);
    }
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void fire(uint64_t fingerprint, const char *labels, unsigned severity)
{
    enum tw_alerts_news news;
    const struct tw_alert_row row = {
        .fingerprint = fingerprint,
        .rule = TW_STR_LIT("A"),
        .labels = tw_str_of(labels),
        .annotations = TW_STR_LIT("{\"summary\":\"it is late\"}"),
        .severity = severity,
        .state = TW_ALERT_ROW_FIRING,
        .since = now.wall,
        .fired = now.wall,
        .updated = now.wall,
    };
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_put(alerts, &row, true, &news, &diag));
    OK(tw_alerts_commit(alerts, &diag));
}

static void end(uint64_t fingerprint)
{
    enum tw_alerts_news news;
    const struct tw_alerts_end over = {.at = now.wall};
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_end(alerts, fingerprint, TW_ALERT_OF_RULE, &over, &news, &diag));
    OK(tw_alerts_commit(alerts, &diag));
}

static void turn_until(int64_t second)
{
    const struct tw_notice_alert *told = NULL;
    size_t count = 0;
    int rc = TW_ENOMEM;
    tw_clock_manual_advance(&now, (START_S + second) * TW_NS_PER_S - now.wall.ns);
    while (rc != TW_OK) {
        diag.text[0] = '\0';
        arm();
        rc = tw_tell_turn(tell, &diag);
        rc = rc == TW_OK ? tw_tell_alerts(tell, (tw_wall_t){0}, &told, &count, &diag) : rc;
        disarm();
        if (rc != TW_OK) {
            assert_true(has_failed());
            assert_int_equal(rc, TW_ENOMEM);
        }
    }
}

static void make_tell(void)
{
    tw_tell_destroy(&tell);
    int rc = TW_ENOMEM;
    while (rc != TW_OK) {
        arm();
        rc = tw_tell_new(&kit.cfg, &now.clock, set, workflows, &tell);
        disarm();
        assert_true(rc == TW_OK || has_failed());
    }
}

/* An hour with everything in it that groups know; the rows that it leaves, owned. */
static char *play(void)
{
    static const char rows[] =
        "SELECT 'notice', id, CAST(receiver AS TEXT), kind, CAST(reason AS TEXT),"
        " CAST(data AS TEXT) FROM notice UNION ALL"
        " SELECT 'group', flushed, CAST(receiver AS TEXT), escalated, CAST(key AS TEXT),"
        " CAST(sent AS TEXT) FROM notify_group UNION ALL"
        " SELECT 'event', alert, CAST(actor AS TEXT), what, at, CAST(detail AS TEXT)"
        " FROM alert_event UNION ALL"
        " SELECT 'alert', id, CAST(inhibited_by AS TEXT), state, in_maintenance, acked FROM alert"
        " UNION ALL SELECT 'of', notice, alert, 0, 0, 0 FROM notice_alert"
        " ORDER BY 1, 2, 3, 4, 5, 6";
    tw_clock_manual_init(&now, (tw_wall_t){START_S * TW_NS_PER_S});
    write_rows("DELETE FROM alert; DELETE FROM alert_event; DELETE FROM notice; DELETE FROM"
               " notice_alert; DELETE FROM notify_group; DELETE FROM silence;"
               " DELETE FROM sqlite_sequence");
    make_tell();
    fire(1, "{\"alertname\":\"Late\",\"severity\":\"warning\",\"system\":\"erp\"}", 1);
    fire(2, "{\"alertname\":\"Late\",\"severity\":\"warning\",\"system\":\"wms\"}", 1);
    turn_until(11);
    fire(3, "{\"alertname\":\"Down\",\"severity\":\"critical\",\"system\":\"erp\"}", 0);
    turn_until(25);
    make_tell(); /* as after a restart: groups are made of their rows */
    turn_until(45);
    write_rows("INSERT INTO silence(id, matchers, starts, ends, created, updated, created_by,"
               " comment) VALUES(CAST('s' AS BLOB), '[{\"name\":\"system\",\"value\":\"wms\","
               "\"isRegex\":false}]', 0, 1767225900000000000, 0, 0, 'anna', 'c')");
    write_rows("UPDATE alert SET acked = 5, acked_by = 'anna', updated = updated + 1 WHERE"
               " fingerprint = 3");
    turn_until(60);
    end(3);
    turn_until(80);
    end(1);
    end(2);
    turn_until(100);
    turn_until(400);
    return read_rows(rows);
}

static void tell__memory_runs_out_anywhere__as_if_it_had_not(void **state)
{
    (void)state;
    failing = 0;
    calls = 0;
    char *expected = play();
    size_t most = calls;
    assert_non_null(strstr(expected, "first notification"));
    assert_non_null(strstr(expected, "nobody has acknowledged"));
    assert_non_null(strstr(expected, "resolved"));
    assert_true(most > 300);
    for (failing = 1; failing <= most; failing = NEXT(failing)) {
        calls = 0;
        char *found = play();
        assert_true(has_failed());
        assert_string_equal(found, expected);
        free(found);
    }
    free(expected);
}

/* ---- delivery ---- */

static struct tw_notices *outbox;

/* Whoever waits for sockets waits for real; beside, a second is over when the test says so. */
static tw_mono_t mono_of(struct tw_clock *self)
{
    (void)self;
    struct tw_clock *real = tw_clock_system();
    return (tw_mono_t){real->mono(real).ns + now.mono.ns};
}

static tw_wall_t wall_of(struct tw_clock *self)
{
    (void)self;
    return now.wall;
}

static struct tw_clock quick_clock = {.mono = mono_of, .wall = wall_of};

static void add_notice(const char *receiver, const char *integration)
{
    struct tw_notice notice = {
        .receiver = tw_str_of(receiver),
        .integration = tw_str_of(integration),
        .group = TW_STR_LIT("{}:{}"),
        .reason = TW_STR_LIT("first notification"),
        .data = TW_STR_LIT(
            "{\"status\":\"firing\",\"alerts\":[{\"status\":\"firing\",\"labels\":{\"alertname\":"
            "\"A\"},\"annotations\":{\"summary\":\"s\"},\"startsAt\":\"2026-01-01T00:00:00Z\","
            "\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":\"\",\"fingerprint\":"
            "\"0000000000000001\"}],\"groupLabels\":{},\"commonLabels\":{},\"commonAnnotations\":"
            "{},\"externalURL\":\"\",\"version\":\"4\",\"groupKey\":\"{}:{}\",\"truncatedAlerts\":"
            "0,"
            "\"receiver\":\"ops\"}"),
        .created = now.wall};
    const struct tw_notice_told nothing = {NULL, 0};
    OK(tw_notices_begin(outbox, &diag));
    OK(tw_notices_add(outbox, &notice, &nothing, &diag));
    OK(tw_notices_commit(outbox, &diag));
}

/* A second of the thread: what cannot be done now is done in one of the next. */
static void deliver_second(struct tw_deliver *deliver)
{
    int wait_ms = 0;
    struct pollfd none[1];
    const struct tw_deliver_alert alert = {
        .labels = TW_STR_LIT("{\"alertname\":\"A\",\"severity\":\"critical\"}"),
        .annotations = TW_STR_LIT("{}"),
        .starts = now.wall};
    tw_clock_manual_advance(&now, TW_NS_PER_S);
    arm();
    int rc = tw_deliver_round(deliver, outbox, &wait_ms, &diag);
    if (rc == TW_OK && tw_deliver_wants_alerts(deliver)) {
        rc = tw_deliver_alerts(deliver, &alert, 1);
    }
    int waited = tw_deliver_wait(deliver, none, 0, 20);
    disarm();
    assert_true(has_failed() || (rc == TW_OK && waited == TW_OK));
}

static int64_t count_of(const char *sql)
{
    return kit_number(&kit, "desk.db", sql);
}

/* Nobody listens at the port: what is posted is tried, and waits for its next try. */
static void deliver_all(void)
{
    const struct tw_deliver_setup setup = {.clock = &quick_clock};
    struct tw_deliver *deliver = NULL;
    int rc = TW_ENOMEM;
    write_rows("DELETE FROM notice; DELETE FROM receiver_state");
    while (rc != TW_OK) {
        arm();
        rc = tw_deliver_new(&setup, set, &deliver, &diag);
        disarm();
        assert_true(rc == TW_OK || has_failed());
    }
    add_notice("ops", "webhook");
    add_notice("ops", "email");
    add_notice("lead", "pub");
    for (unsigned second = 0; count_of("SELECT count(*) FROM notice WHERE state = 2 OR (state = 0"
                                       " AND tries > 0)") < 3 ||
                              count_of("SELECT count(*) FROM receiver_state") < 4;
         second++) {
        assert_true(second < 100);
        deliver_second(deliver);
    }
    assert_int_equal(count_of("SELECT count(*) FROM notice WHERE state = 2"), 1); /* published */
    assert_int_equal(count_of("SELECT count(*) FROM notice WHERE state = 2 AND tries > 2"), 0);
    tw_deliver_destroy(&deliver);
}

static void deliver__memory_runs_out_anywhere__tried_again(void **state)
{
    (void)state;
    tw_clock_manual_init(&now, (tw_wall_t){START_S * TW_NS_PER_S});
    OK(tw_notices_open(kit.dir, &outbox, &diag));
    failing = 0;
    calls = 0;
    deliver_all();
    size_t most = calls;
    assert_true(most > 100);
    for (failing = 1; failing <= most; failing = NEXT(failing)) {
        calls = 0;
        deliver_all();
    }
    tw_notices_close(&outbox);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tell__memory_runs_out_anywhere__as_if_it_had_not),
        TEST(deliver__memory_runs_out_anywhere__tried_again),
    };
    tw_log_setup(TW_LOG_ERROR, TW_LOG_TEXT);
    tw_json_watch_memory(); /* its allocations are those of this program, and fail likewise */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
