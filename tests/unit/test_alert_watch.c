/* SPDX-License-Identifier: Apache-2.0
 * alert/watch: turns over a real store on simulated time: a tower that commits a tick a second and
 * points each 10 s, that is down for a while, whose files cannot be written; a watch that is gone
 * and made anew at any time. Written rows are what is judged. */
#include "config.h"

#include "store_kit.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alert/watch_internal.h"
#include "rules_kit.h"
#include "store/alerts.h"
#include "store/desk.h"
#include "store/writer.h"

#define T0     INT64_C(1795226400) /* a whole hour */
#define LATE_S 1000000000          /* of the monotonic clock: deadlines of readers are real time */

static const char rules_yaml[] =
    "name: t\ntitle: T\nrules:\n"
    "  - alert: Late\n    title: Late\n    severity: critical\n"
    "    when: {metric: step_oldest_age, by: [workflow, step]}\n    above: 60\n    for: 20s\n"
    "    summary: \"{{step}} waits {{value}}\"\n"
    "  - alert: Talks\n    title: Talks\n    severity: info\n"
    "    when: {metric: received, over: 30s}\n    above: 2\n    summary: \"{{value}}\"\n";

static struct kit kit;
static struct rules_kit rules;
static const struct tw_rules *rule_set;
static struct tw_watch *watch;
static struct tw_diag diag;
static bool is_new_process; /* names are announced with the next batch */
static struct tw_watch_heartbeat heartbeats[2];
static size_t heartbeat_count;

/* ---- transactions that fail ---- */

static unsigned commits;       /* asked for, ever */
static unsigned fails_at;      /* this one fails; 0: none */
static unsigned fails_for = 1; /* and so many behind it */
static int fails_with = TW_EIO;

int __real_tw_alerts_commit(struct tw_alerts *self, struct tw_diag *why);
int __wrap_tw_alerts_commit(struct tw_alerts *self, struct tw_diag *why);

int __wrap_tw_alerts_commit(struct tw_alerts *self, struct tw_diag *why)
{
    commits++;
    bool fails = fails_at > 0 && commits >= fails_at && commits < fails_at + fails_for;
    return fails ? tw_diag_set(why, fails_with, "made up") : __real_tw_alerts_commit(self, why);
}

/* ---- the tower ---- */

static void must_watch(void)
{
    const struct tw_watch_set in_force = {.rules = rule_set,
                                          .workflows = rules.workflows,
                                          .heartbeats = heartbeats,
                                          .heartbeat_count = heartbeat_count};
    assert_int_equal(tw_watch_new(rules.cfg, &kit.clock.clock, kit.clock.wall, &in_force, &watch),
                     TW_OK);
}

static void begin(const char *config)
{
    char yaml[512];
    struct tw_desk *desk = NULL;
    (void)snprintf(yaml, sizeof yaml, "store: {dir: \"%s\"}\n%s", kit.dir, config);
    rules = rules_kit_new(yaml);
    rule_set = rules_kit_taken(&rules, rules_yaml);
    assert_int_equal(tw_desk_open(kit.dir, &desk, &diag), TW_OK);
    tw_desk_close(&desk);
    must_watch();
}

static int set_up(void **state)
{
    (void)state;
    kit_init(&kit, 4096);
    kit.clock.wall.ns = T0 * TW_NS_PER_S;
    kit.clock.mono.ns = LATE_S * TW_NS_PER_S;
    assert_int_equal(kit_open(&kit), TW_OK);
    is_new_process = true;
    commits = 0;
    fails_at = 0;
    fails_for = 1;
    fails_with = TW_EIO;
    heartbeat_count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_watch_destroy(&watch);
    tw_watch_destroy(&watch); /* accepts NULL */
    tw_rules_unref(&rule_set);
    rules_kit_fini(&rules);
    kit_fini(&kit);
    return 0;
}

static const struct tw_series_name names[] = {
    {0, TW_SERIES_LAST, 1, TW_STR_LIT("open_runs"), TW_STR_LIT("{}")},
    {1, TW_SERIES_LAST, 1, TW_STR_LIT("step_oldest_age"),
     TW_STR_LIT("{\"step\":\"posted\",\"workflow\":\"sale-posting\"}")},
    {2, TW_SERIES_SUM, 1, TW_STR_LIT("received"), TW_STR_LIT("{}")},
};

static int64_t age_s;    /* of the oldest, from now on */
static int64_t received; /* in a bucket, from now on */

/* One second of the tower: a tick, and points when a bucket is over. */
static void tower_second(void)
{
    tw_clock_manual_advance(&kit.clock, TW_NS_PER_S);
    int64_t second = kit.clock.wall.ns / TW_NS_PER_S;
    const struct tw_series_point points[] = {
        {2, second - second % 10, received}, {0, second - 10, 1}, {1, second - 10, age_s}};
    const struct tw_track_changes changes = {
        .names = names,
        .name_count = is_new_process ? 3 : 0,
        .points = points,
        .point_count = second % 10 == 0 ? 3 : 0,
        .has_tick = true,
        .tick = {kit.clock.wall, kit.clock.wall},
    };
    kit_fill(&kit, 0, is_new_process);
    kit.batch->track = &changes;
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
    kit_accept(&kit);
    is_new_process = false;
}

/* All turns until there is nothing more to do at once; the last result. */
static int turns(void)
{
    bool has_more = true;
    int rc = TW_OK;
    for (int i = 0; has_more && rc == TW_OK; i++) {
        assert_true(i < 1000);
        rc = tw_watch_turn(watch, &has_more, &diag);
    }
    return rc;
}

/* So many seconds of a tower and a watch; errors of single turns are what is tested. */
static void run(int64_t seconds)
{
    for (int64_t i = 0; i < seconds; i++) {
        tower_second();
        (void)turns();
    }
}

/* The tower is down for so long, and is another process then. */
static void restart(int64_t down_s)
{
    tw_watch_destroy(&watch);
    tw_clock_manual_advance(&kit.clock, down_s * TW_NS_PER_S + TW_NS_PER_S / 2);
    kit_close(&kit);
    assert_int_equal(kit_open(&kit), TW_OK);
    is_new_process = true;
    must_watch();
    tw_clock_manual_advance(&kit.clock, TW_NS_PER_S / 2);
}

static int64_t number(const char *sql)
{
    return kit_number(&kit, TW_DESK_NAME, sql);
}

/* Rows of a rule, as "state fired ended" in seconds since T0. */
static void check_rows(const char *rule, const char *expected)
{
    char path[256];
    char got[1024] = "";
    size_t len = 0;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    (void)snprintf(path, sizeof path, "%s/%s", kit.dir, TW_DESK_NAME);
    assert_int_equal(tw_db_open(path, TW_DB_READ, 64, &db, &diag), TW_OK);
    assert_int_equal(tw_db_prepare(db,
                                   "SELECT state, fired / 1000000000, ended / 1000000000"
                                   " FROM alert WHERE rule = ?1 ORDER BY id",
                                   &stmt, &diag),
                     TW_OK);
    tw_db_bind_bytes(stmt, 1, tw_str_of(rule));
    while (tw_db_row(stmt, &diag) == TW_OK && len < sizeof got - 100) {
        len += (size_t)snprintf(got + len, sizeof got - len, "%s%lld", len > 0 ? ", " : "",
                                (long long)sqlite3_column_int64(stmt, 0));
        for (int column = 1; column <= 2; column++) {
            bool is_none = sqlite3_column_type(stmt, column) == SQLITE_NULL;
            long long second = (long long)(sqlite3_column_int64(stmt, column) - T0);
            len += is_none ? (size_t)snprintf(got + len, sizeof got - len, " -")
                           : (size_t)snprintf(got + len, sizeof got - len, " %lld", second);
        }
    }
    (void)sqlite3_finalize(stmt); /* nothing of it failed */
    tw_db_close(&db);
    assert_string_equal(got, expected);
}

/* What may never be. */
static void check_whole(void)
{
    assert_int_equal(number("SELECT count(*) FROM (SELECT alert FROM alert_event WHERE what IN"
                            " (0, 1, 2) GROUP BY alert, what HAVING count(*) > 1)"),
                     0);
    assert_int_equal(number("SELECT count(*) FROM alert AS a WHERE state > 1 AND NOT EXISTS"
                            " (SELECT 1 FROM alert_event AS e WHERE e.alert = a.id AND"
                            " e.what = 1)"),
                     0);
    assert_int_equal(number("SELECT count(*) FROM alert_event WHERE alert NOT IN"
                            " (SELECT id FROM alert)"),
                     0);
}

/* ---- states ---- */

static void watch__through_all_states__writes_one_episode(void **state)
{
    (void)state;
    begin("");
    age_s = 5;
    received = 0;
    run(30);
    check_rows("Late", "");
    check_rows("Watchdog", "2 1 -");
    age_s = 90; /* of the bucket from 30 on: judged at 40 */
    run(10);
    check_rows("Late", "1 - -");
    run(20);
    check_rows("Late", "2 60 -");
    assert_int_equal(number("SELECT value = 90 AND threshold = 60 AND is_above = 1 AND severity = 0"
                            " AND unit = CAST('seconds' AS BLOB) AND workflow ="
                            " CAST('sale-posting' AS BLOB) FROM alert WHERE rule ="
                            " CAST('Late' AS BLOB)"),
                     1);
    age_s = 5;
    run(10);
    check_rows("Late", "3 60 70");
    assert_int_equal(number("SELECT count(*) FROM alert_event WHERE alert > 1"), 3);
    assert_int_equal(number("SELECT count(*) FROM rule_state WHERE state = 0 AND evaluated ="
                            " 1795226470000000000"),
                     2);
    assert_int_equal(number("SELECT judged FROM meta"), T0 + 60);
    assert_int_equal(number("SELECT evaluations FROM meta"), 2 * 6); /* the first was not whole */
    check_whole();
}

/* A tower that is down is neither well nor ill; what was not judged before is judged first. */
static void watch__restarted_in_each_state__goes_on(void **state)
{
    (void)state;
    begin("");
    age_s = 90;
    received = 0;
    run(20); /* the first whole bucket is judged at 20 */
    check_rows("Late", "1 - -");
    restart(3);
    check_rows("Late", "1 - -");
    run(1);
    check_rows("Late", "1 - -");
    assert_int_equal(number("SELECT since / 1000000000 - 1795226400 FROM alert WHERE state = 1"),
                     20);
    run(20); /* `for` went on through the stop */
    assert_int_equal(number("SELECT state FROM alert WHERE rule = CAST('Late' AS BLOB)"), 2);
    int64_t fired = number("SELECT fired FROM alert WHERE rule = CAST('Late' AS BLOB)");
    restart(4000);
    run(40);
    assert_int_equal(number("SELECT fired FROM alert WHERE rule = CAST('Late' AS BLOB)"), fired);
    assert_int_equal(number("SELECT count(*) FROM alert WHERE rule = CAST('Late' AS BLOB)"), 1);
    age_s = 1;
    run(30);
    assert_int_equal(number("SELECT state FROM alert WHERE rule = CAST('Late' AS BLOB)"), 3);
    restart(5);
    run(30);
    assert_int_equal(number("SELECT count(*) FROM alert WHERE rule = CAST('Late' AS BLOB)"), 1);
    assert_int_equal(number("SELECT count(*) FROM alert_event WHERE what = 1"), 2); /* watchdog */
    check_whole();
}

/* The watch is killed between the commit of a bucket and its judging: it is judged after. */
static void watch__bucket_that_was_not_judged__is_judged_at_the_next_start(void **state)
{
    (void)state;
    begin("");
    age_s = 1;
    received = 0;
    run(20);
    received = 9;
    for (int i = 0; i < 20; i++) {
        tower_second(); /* the watch does not turn any more */
    }
    check_rows("Talks", "");
    assert_int_equal(number("SELECT judged FROM meta"), T0 + 10);
    received = 0;
    restart(600);
    run(1);
    check_rows("Talks", "2 40 -"); /* when it was so, not when it was judged */
    assert_int_equal(number("SELECT judged FROM meta"), T0 + 30);
    run(20);
    check_whole();
}

/* Windows are read back: a sum over 30 s knows what came before the restart. */
static void watch__windows_after_a_restart__know_what_was(void **state)
{
    (void)state;
    begin("");
    age_s = 1;
    received = 1; /* three in 30 s */
    run(60);
    check_rows("Talks", "2 40 -");
    restart(1);
    run(12);
    assert_int_equal(number("SELECT count(*) FROM alert WHERE state = 2 AND rule ="
                            " CAST('Talks' AS BLOB)"),
                     1);
    check_whole();
}

/* ---- what cannot be written ---- */

/* Something of everything, in 200 s; the rows as one number. */
static int64_t play(void)
{
    age_s = 1;
    received = 0;
    run(20);
    age_s = 90;
    received = 3;
    run(40);
    (void)number("INSERT INTO alert_push(at, labels, annotations, starts, ends) VALUES("
                 "1795226460000000000, CAST('{\"alertname\":\"Theirs\"}' AS BLOB), x'7b7d',"
                 " 1795226460000000000, 1795226490000000000)");
    run(40);
    age_s = 1;
    received = 0;
    run(100);
    check_whole();
    return number("SELECT sum(state * 7 + fired / 1000000000 % 1000 * 11 + coalesce(ended, 0) /"
                  " 1000000000 % 1000 * 13 + length(rule) + length(annotations)) * 1000 +"
                  " count(*) FROM alert WHERE rule <> CAST('Watchdog' AS BLOB)");
}

static void watch__commits_that_fail__lose_nothing_and_double_nothing(void **state)
{
    begin("");
    const int64_t expected = play();
    const unsigned all = commits;
    static const int errors[] = {TW_EIO, TW_EBUSY, TW_ENOSPACE, TW_EDAMAGED, TW_ENOMEM};
    assert_true(all > 15);
    for (unsigned at = 1; at <= all; at += KIT_IS_SLOW ? 7 : 1) {
        (void)tear_down(state);
        (void)set_up(state);
        begin("");
        fails_at = at;
        fails_for = 1 + at % 3;
        fails_with = errors[at % 5];
        assert_int_equal(play(), expected);
        assert_int_equal(number("SELECT count(*) FROM alert WHERE rule ="
                                " CAST('Watchdog' AS BLOB)"),
                         1);
    }
}

static void watch__file_that_is_away_and_back__is_opened_anew(void **state)
{
    (void)state;
    char path[256];
    char aside[300];
    begin("");
    age_s = 90;
    received = 0;
    run(20);
    (void)snprintf(path, sizeof path, "%s/desk.db", kit.dir);
    (void)snprintf(aside, sizeof aside, "%s.aside", path);
    fails_at = commits + 1; /* so that it is closed */
    run(10);
    fails_at = 0;
    run(30);
    assert_int_equal(number("SELECT state FROM alert WHERE rule = CAST('Late' AS BLOB)"), 2);
    fails_at = commits + 1;
    tower_second();
    for (int i = 0; i < 10; i++) {
        tower_second();
    }
    assert_int_equal(turns(), TW_EIO);
    fails_at = 0;
    assert_int_equal(rename(path, aside), 0);
    assert_int_equal(turns(), TW_ENOTFOUND);
    assert_non_null(strstr(diag.text, "no desk yet"));
    assert_int_equal(rename(aside, path), 0);
    assert_int_equal(turns(), TW_OK);
    run(10);
    check_whole();
}

/* ---- what others say ---- */

static void post(int n, int64_t ends_s)
{
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO alert_push(at, labels, annotations, starts, ends) VALUES(%lld,"
                   " CAST('{\"alertname\":\"P\",\"n\":\"%d\",\"severity\":\"warning\"}' AS BLOB),"
                   " x'7b7d', NULL, %lld)",
                   (long long)kit.clock.wall.ns, n, (long long)((T0 + ends_s) * TW_NS_PER_S));
    (void)number(sql);
}

static void watch__posted_alerts__open_at_most_as_many_as_may_be(void **state)
{
    (void)state;
    begin("alerts: {max: 100}\n");
    age_s = 1;
    received = 0;
    run(2);
    for (int i = 0; i < 150; i++) {
        post(i, i < 60 ? 20 : 500);
    }
    run(1);
    assert_int_equal(number("SELECT count(*) FROM alert WHERE ended IS NULL"), 100);
    assert_int_equal(number("SELECT count(*) FROM alert_push"), 0);
    age_s = 90; /* there is no room for it: its rule says so */
    run(20);
    assert_int_equal(number("SELECT refused >= 51 FROM meta"), 1);
    check_rows("Late", "");
    run(8); /* those of 20 s are over since then */
    check_rows("Late", "1 - -");
    run(12);
    check_rows("Late", "2 40 -");
    assert_int_equal(number("SELECT count(*) FROM alert WHERE origin = 1 AND state = 3"), 60);
    (void)number("INSERT INTO alert_push(at, labels, annotations) VALUES(1, x'5b', x'7b7d')");
    run(1); /* what is no set of labels is passed over */
    assert_int_equal(number("SELECT count(*) FROM alert_push"), 0);
    check_whole();
}

static void watch__rule_without_room__is_an_error_until_there_is_some(void **state)
{
    (void)state;
    begin("alerts: {max: 100}\n");
    age_s = 90;
    received = 0;
    run(2);
    for (int i = 0; i < 120; i++) {
        post(i, 45);
    }
    run(28);
    check_rows("Late", "");
    assert_int_equal(
        number("SELECT state = 2 AND detail = CAST('no room: alerts.max (100) are open'"
               " AS BLOB) FROM rule_state WHERE rule = CAST('Late' AS BLOB)"),
        1);
    run(30);
    check_rows("Late", "2 40 -"); /* as it was judged, as soon as there was room */
    assert_int_equal(number("SELECT state FROM rule_state WHERE rule = CAST('Late' AS BLOB)"), 0);
    check_whole();
}

static void watch__heartbeat__is_awaited_missed_and_back(void **state)
{
    (void)state;
    heartbeats[0] = (struct tw_watch_heartbeat){"nightly", 60, 30, TW_SEVERITY_WARNING, NULL};
    heartbeat_count = 1;
    begin("");
    age_s = 1;
    received = 0;
    run(10);
    assert_int_equal(number("SELECT state FROM heartbeat"), TW_HEARTBEAT_AWAITED);
    run(80);
    check_rows("HeartbeatMissed", "");
    run(2);
    check_rows("HeartbeatMissed", "2 91 -");
    assert_int_equal(number("SELECT state FROM heartbeat"), TW_HEARTBEAT_MISSED);
    restart(2);
    run(20);
    check_rows("HeartbeatMissed", "2 91 -");
    char sql[96];
    (void)snprintf(sql, sizeof sql, "UPDATE heartbeat SET last = %lld",
                   (long long)kit.clock.wall.ns);
    (void)number(sql);
    run(20);
    assert_int_equal(number("SELECT state FROM heartbeat"), TW_HEARTBEAT_BEATING);
    assert_int_equal(number("SELECT state FROM alert WHERE rule = CAST('HeartbeatMissed' AS BLOB)"),
                     TW_ALERT_ROW_RESOLVED);
    heartbeat_count = 0; /* nobody expects it any more */
    const struct tw_watch_set in_force = {.rules = rule_set, .workflows = rules.workflows};
    assert_int_equal(tw_watch_change(watch, &in_force), TW_OK);
    run(1);
    assert_int_equal(number("SELECT count(*) FROM heartbeat"), 0);
}

/* ---- the tower itself ---- */

static void watch__receiver_that_fails__is_told_until_it_does_not(void **state)
{
    (void)state;
    begin("");
    age_s = 1;
    received = 0;
    run(20);
    (void)number("INSERT INTO receiver_state(receiver, integration, idx, fails, error) VALUES("
                 "CAST('ops' AS BLOB), CAST('webhook' AS BLOB), 0, 3, x'61'), (CAST('ops' AS BLOB),"
                 " CAST('email' AS BLOB), 0, 4, x'61')");
    run(1);
    check_rows("TowerReceiverFailing", "2 21 -"); /* one a receiver */
    (void)number("UPDATE receiver_state SET fails = 0");
    run(5);
    (void)number("UPDATE receiver_state SET fails = 3"); /* not calm for long enough */
    run(5);
    check_rows("TowerReceiverFailing", "2 21 -");
    (void)number("UPDATE receiver_state SET fails = 0");
    run(20);
    check_rows("TowerReceiverFailing", "3 21 46");
}

static void watch__disk_below_its_limit__is_told(void **state)
{
    (void)state;
    begin(""); /* the limits of a file are bounded: it is made what it cannot say */
    rules.cfg->store.warn_free_percent = 101;
    age_s = 1;
    received = 0;
    run(1);
    check_rows("TowerDiskLow", "2 1 -");
    rules.cfg->store.stop_free_percent = 101;
    run(20);
    check_rows("TowerDiskLow", "3 1 20");
    check_rows("TowerDiskFull", "2 2 -");
}

static void watch__nothing_committed__is_told_and_judged_after(void **state)
{
    (void)state;
    begin("");
    age_s = 1;
    received = 0;
    run(20);
    for (int i = 0; i < 125; i++) { /* the writer stands */
        tw_clock_manual_advance(&kit.clock, TW_NS_PER_S);
        assert_int_equal(turns(), TW_OK);
    }
    check_rows("TowerNotReading", "2 140 -");
    run(20);
    assert_int_equal(number("SELECT state FROM alert WHERE rule = CAST('TowerNotReading' AS BLOB)"),
                     TW_ALERT_ROW_RESOLVED);
}

/* ---- what is in force ---- */

static void watch__other_rules__end_what_is_not_judged_any_more(void **state)
{
    (void)state;
    begin("");
    age_s = 90;
    received = 0;
    run(60);
    check_rows("Late", "2 40 -");
    const struct tw_rules *others = rules_kit_taken(
        &rules, "name: t\ntitle: T\nrules:\n  - alert: Talks\n    title: T\n    severity: info\n"
                "    when: {metric: received, over: 30s}\n    above: 2\n    summary: s\n");
    struct tw_watch_set in_force = {.rules = others, .workflows = rules.workflows};
    assert_int_equal(tw_watch_change(watch, &in_force), TW_OK);
    run(10);
    check_rows("Late", "3 40 70");
    assert_int_equal(number("SELECT count(*) FROM rule_state"), 1);
    tw_rules_unref(&others);
    in_force.rules = rule_set;
    assert_int_equal(tw_watch_change(watch, &in_force), TW_OK);
    run(40); /* its series are read back: it is judged with what was */
    assert_int_equal(number("SELECT count(*) FROM alert WHERE rule = CAST('Late' AS BLOB)"), 2);
    assert_int_equal(number("SELECT count(*) FROM rule_state"), 2);
    restart(1);
    (void)number("UPDATE alert SET rule = CAST('Gone' AS BLOB) WHERE ended IS NULL AND rule ="
                 " CAST('Late' AS BLOB)");
    run(12); /* a row of a rule that is not in the set */
    assert_int_equal(number("SELECT count(*) FROM alert_event AS e JOIN alert AS a ON a.id ="
                            " e.alert WHERE a.rule = CAST('Gone' AS BLOB) AND e.what = 2 AND"
                            " e.detail = CAST('its rule is not in force any more' AS BLOB)"),
                     1);
    check_whole();
}

/* What is not written was judged with the rules of before: they wait for it. */
static void watch__other_rules_while_a_write_waits__are_busy(void **state)
{
    (void)state;
    begin("");
    const struct tw_watch_set in_force = {.rules = rule_set, .workflows = rules.workflows};
    for (int has_changes = 0; has_changes < 2; has_changes++) {
        age_s = has_changes ? 90 : 1;
        received = 0;
        run(19 - has_changes * 10); /* then a bucket is over */
        fails_at = commits + 1;
        fails_for = 1000;
        fails_with = TW_EBUSY;
        tower_second();
        (void)turns();
        assert_int_equal(tw_watch_change(watch, &in_force), TW_EBUSY);
        fails_at = 0;
        assert_int_equal(turns(), TW_OK);
        assert_int_equal(tw_watch_change(watch, &in_force), TW_OK);
    }
    run(30);
    check_rows("Late", "2 50 -");
    check_whole();
}

/* Late fires at 40; maintenance as is said. */
static void begin_maintained(const char *of, const char *from, const char *until)
{
    char path[256];
    char config[400];
    (void)snprintf(path, sizeof path, "%s/flows", kit.dir);
    (void)snprintf(config, sizeof config, "workflows: {dirs: [\"%s\"]}\n", path);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/flows/m.yaml", kit.dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file,
                  "maintenance:\n  - {name: m, reason: r, %sfrom: 2026-11-21T02:%sZ,"
                  " until: 2026-11-21T02:%sZ}\n",
                  of, from, until);
    assert_int_equal(fclose(file), 0);
    begin(config);
    age_s = 90;
    received = 0;
}

static void check_flag(const char *of)
{
    begin_maintained(of, "01:10", "01:40"); /* 70 to 100 */
    run(65);
    check_rows("Late", "2 40 -");
    assert_int_equal(number("SELECT sum(in_maintenance) FROM alert"), 0);
    run(20);
    assert_int_equal(number("SELECT sum(in_maintenance) FROM alert"), 1);
    restart(1);
    run(30);
    assert_int_equal(number("SELECT sum(in_maintenance) FROM alert"), 0);
    assert_int_equal(number("SELECT count(*) FROM alert_event WHERE what = 14"), 2);
    check_rows("Late", "2 40 -");
}

static void watch__maintenance_of_a_workflow__is_a_flag(void **state)
{
    (void)state;
    check_flag("workflows: [sale-posting], ");
}

static void watch__maintenance_of_a_system__is_a_flag(void **state)
{
    (void)state;
    check_flag("system: erp, ");
}

static void watch__maintenance_of_both__is_a_flag(void **state)
{
    (void)state;
    check_flag("workflows: [sale-posting], system: erp, ");
}

static void watch__maintenance_of_everything__is_a_flag(void **state)
{
    (void)state;
    check_flag("");
}

static void watch__maintenance_of_others__is_none(void **state)
{
    (void)state;
    begin_maintained("workflows: [return-refund], system: erp, ", "00:10", "05:00");
    run(120);
    check_rows("Late", "2 40 -");
    assert_int_equal(number("SELECT sum(in_maintenance) FROM alert"), 0);
    assert_false(tw_watch_is_maintained(watch, TW_STR_NULL, TW_STR_LIT("erp"), kit.clock.wall));
    assert_true(tw_watch_is_maintained(watch, TW_STR_LIT("return-refund"), TW_STR_LIT("erp"),
                                       kit.clock.wall));
}

static void watch__what_begins_in_maintenance__has_the_flag_at_once(void **state)
{
    (void)state;
    char name[TW_MAINTAINED_NAME_MAX];
    struct tw_str of = {name, sizeof name};
    begin_maintained("system: erp, ", "00:10", "05:00");
    while (number("SELECT count(*) FROM alert WHERE origin = 0") == 0) {
        run(1);
        assert_int_equal(
            number("SELECT count(*) FROM alert WHERE origin = 0 AND in_maintenance = 0"), 0);
    }
    run(60);
    check_rows("Late", "2 40 -");
    assert_int_equal(number("SELECT count(*) FROM alert WHERE in_maintenance = 1"), 1);
    assert_int_equal(number("SELECT count(*) FROM alert_event WHERE what = 14"), 0);
    memset(name, 'x', sizeof name);
    assert_false(tw_watch_is_maintained(watch, of, TW_STR_LIT("erp"), kit.clock.wall));
    of.len--;
    assert_true(tw_watch_is_maintained(watch, of, TW_STR_LIT("erp"), kit.clock.wall));
    assert_false(tw_watch_is_maintained(watch, TW_STR_NULL, TW_STR_NULL, kit.clock.wall));
}

static void watch__history__is_forgotten_after_its_days(void **state)
{
    (void)state;
    begin("alerts: {history-days: 1}\n");
    age_s = 90;
    received = 0;
    run(50);
    age_s = 1;
    run(20);
    check_rows("Late", "3 40 60");
    tw_clock_manual_advance(&kit.clock, 86300 * TW_NS_PER_S);
    run(20);
    check_rows("Late", "3 40 60");
    tw_clock_manual_advance(&kit.clock, 3700 * TW_NS_PER_S);
    run(20);
    check_rows("Late", "");
    check_rows("Watchdog", "2 1 -");
    check_whole();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(watch__through_all_states__writes_one_episode),
        TEST(watch__restarted_in_each_state__goes_on),
        TEST(watch__bucket_that_was_not_judged__is_judged_at_the_next_start),
        TEST(watch__windows_after_a_restart__know_what_was),
        TEST(watch__commits_that_fail__lose_nothing_and_double_nothing),
        TEST(watch__file_that_is_away_and_back__is_opened_anew),
        TEST(watch__posted_alerts__open_at_most_as_many_as_may_be),
        TEST(watch__rule_without_room__is_an_error_until_there_is_some),
        TEST(watch__heartbeat__is_awaited_missed_and_back),
        TEST(watch__receiver_that_fails__is_told_until_it_does_not),
        TEST(watch__disk_below_its_limit__is_told),
        TEST(watch__nothing_committed__is_told_and_judged_after),
        TEST(watch__other_rules__end_what_is_not_judged_any_more),
        TEST(watch__other_rules_while_a_write_waits__are_busy),
        TEST(watch__maintenance_of_a_workflow__is_a_flag),
        TEST(watch__maintenance_of_a_system__is_a_flag),
        TEST(watch__maintenance_of_both__is_a_flag),
        TEST(watch__maintenance_of_everything__is_a_flag),
        TEST(watch__maintenance_of_others__is_none),
        TEST(watch__what_begins_in_maintenance__has_the_flag_at_once),
        TEST(watch__history__is_forgotten_after_its_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
