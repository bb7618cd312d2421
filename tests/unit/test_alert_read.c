/* SPDX-License-Identifier: Apache-2.0
 * store/alert_read, store/silences: what is read of alerts, and what operators and other programs
 * do: once, with their row of the audit, or not at all. */
#include "config.h"

#include "store_kit.h"

#include <math.h>
#include <sqlite3.h>
#include <string.h>

#include "store/desk.h"
#include "store/silences.h"

static struct kit kit;
static struct tw_alerts *alerts;
static struct tw_desk_reader *desk;
static struct tw_arena arena;
static struct tw_diag diag;

#define OK(call)      assert_int_equal((call), TW_OK)
#define AT(seconds)   ((tw_wall_t){(INT64_C(1700000000) + (seconds)) * TW_NS_PER_S})
#define NUMBER(text)  kit_number(&kit, TW_DESK_NAME, text)
#define AUDITED(what) NUMBER("SELECT count(*) FROM audit WHERE action = CAST('" what "' AS BLOB)")

static int set_up(void **state)
{
    (void)state;
    struct tw_desk *made = NULL;
    kit_init(&kit, 80);
    OK(kit_open(&kit));
    kit_commit(&kit, 1, true);
    OK(tw_desk_open(kit.dir, &made, &diag));
    tw_desk_close(&made);
    tw_arena_init(&arena, (size_t)64 << 20);
    OK(tw_alerts_open(kit.dir, &alerts, &diag));
    OK(tw_desk_reader_open(kit.dir, &desk, &diag));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_desk_reader_close(&desk);
    tw_alerts_close(&alerts);
    tw_arena_fini(&arena);
    kit_fini(&kit);
    return 0;
}

/* A row that others write. */
static void run_sql(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(kit_path(&kit, TW_DESK_NAME), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void put(uint64_t fingerprint, const char *labels, unsigned severity, int64_t at_s)
{
    enum tw_alerts_news news = TW_ALERTS_SAME;
    const struct tw_alert_row row = {.fingerprint = fingerprint,
                                     .rule = TW_STR_LIT("Late"),
                                     .labels = tw_str_of(labels),
                                     .annotations = TW_STR_LIT("{}"),
                                     .workflow = TW_STR_LIT("sale"),
                                     .severity = severity,
                                     .state = TW_ALERT_ROW_FIRING,
                                     .value = (double)NAN,
                                     .threshold = (double)NAN,
                                     .since = AT(at_s),
                                     .fired = AT(at_s),
                                     .updated = AT(at_s)};
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_put(alerts, &row, true, &news, &diag));
    OK(tw_alerts_commit(alerts, &diag));
}

static void end(uint64_t fingerprint, int64_t at_s)
{
    enum tw_alerts_news news = TW_ALERTS_SAME;
    const struct tw_alerts_end how = {AT(at_s), TW_STR_NULL};
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_end(alerts, fingerprint, TW_ALERT_OF_RULE, &how, &news, &diag));
    OK(tw_alerts_commit(alerts, &diag));
}

static struct tw_alert_filter all_of(unsigned states)
{
    return (struct tw_alert_filter){.states = states,
                                    .severities = 15,
                                    .since = {INT64_MIN},
                                    .until = {INT64_MAX},
                                    .limit = 10};
}

static size_t count_of(const struct tw_alert_filter *filter)
{
    const struct tw_alert_view *items = NULL;
    size_t count = 0;
    bool has_more = false;
    OK(tw_desk_alerts(desk, &arena, filter, &items, &count, &has_more));
    return count;
}

static struct tw_alert_command command_at(int64_t at_s)
{
    return (struct tw_alert_command){.dir = kit.dir, .actor = TW_STR_LIT("lena"), .now = AT(at_s)};
}

/* ---- lists ---- */

static void alerts__filters__each_takes_its_own(void **state)
{
    (void)state;
    const unsigned open = 1u << TW_ALERT_ROW_PENDING | 1u << TW_ALERT_ROW_FIRING;
    put(1, "{\"owner\":\"a\",\"store\":\"1\"}", 0, 0);
    put(2, "{\"owner\":\"b\",\"store\":\"2\"}", 1, 10);
    put(3, "{\"owner\":\"a\",\"store\":\"2\"}", 2, 20);
    end(3, 30);
    put(3, "{\"owner\":\"a\",\"store\":\"2\"}", 2, 40);
    struct tw_alert_filter filter = all_of(open);
    assert_int_equal(count_of(&filter), 3);
    filter = all_of(~0u);
    assert_int_equal(count_of(&filter), 4);
    filter.rule = TW_STR_LIT("Late");
    assert_int_equal(count_of(&filter), 4);
    filter.rule = TW_STR_LIT("Other");
    assert_int_equal(count_of(&filter), 0);
    filter = all_of(open);
    filter.owner = TW_STR_LIT("a");
    assert_int_equal(count_of(&filter), 2);
    filter.store = TW_STR_LIT("1");
    assert_int_equal(count_of(&filter), 1);
    filter = all_of(open);
    filter.severities = 1u << 1;
    assert_int_equal(count_of(&filter), 1);
    filter = all_of(~0u);
    filter.until = AT(20); /* exclusive */
    assert_int_equal(count_of(&filter), 2);
    filter.until.ns++;
    assert_int_equal(count_of(&filter), 3);
    filter = all_of(1u << TW_ALERT_ROW_RESOLVED);
    filter.since = AT(30);
    assert_int_equal(count_of(&filter), 1);
    filter.since.ns++;
    assert_int_equal(count_of(&filter), 0);
    const uint64_t three = 3;
    filter = all_of(~0u);
    filter.fingerprint = &three;
    assert_int_equal(count_of(&filter), 2);
    uint64_t count = 0;
    filter = all_of(open);
    filter.limit = 1;
    OK(tw_desk_alerts_count(desk, &filter, &count));
    assert_int_equal(count, 3);
}

static void alerts__pages__each_once_the_latest_first(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 7; i++) {
        put(i, "{}", 0, (int64_t)i);
    }
    struct tw_alert_filter filter = all_of(~0u);
    filter.limit = 3;
    uint64_t wanted = 7;
    for (bool has_more = true; has_more;) {
        const struct tw_alert_view *items = NULL;
        size_t count = 0;
        OK(tw_desk_alerts(desk, &arena, &filter, &items, &count, &has_more));
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(items[i].row.fingerprint, wanted--);
            filter.before = items[i].row.id;
        }
    }
    assert_int_equal(wanted, 0);
}

static void alerts__watchdog__only_for_who_asks_for_it(void **state)
{
    (void)state;
    enum tw_alerts_news news = TW_ALERTS_SAME;
    const uint64_t nine = 9;
    const struct tw_alert_row row = {.fingerprint = nine,
                                     .origin = TW_ALERT_OF_TOWER,
                                     .rule = TW_STR_LIT("Watchdog"),
                                     .labels = TW_STR_LIT("{}"),
                                     .annotations = TW_STR_LIT("{}"),
                                     .severity = TW_ALERT_ROW_NO_SEVERITY,
                                     .state = TW_ALERT_ROW_FIRING,
                                     .since = AT(0),
                                     .updated = AT(0)};
    OK(tw_alerts_begin(alerts, &diag));
    OK(tw_alerts_put(alerts, &row, true, &news, &diag));
    OK(tw_alerts_commit(alerts, &diag));
    struct tw_alert_filter filter = all_of(~0u);
    assert_int_equal(count_of(&filter), 0);
    filter.states = 1u << TW_ALERT_ROW_FIRING;
    assert_int_equal(count_of(&filter), 0);
    filter.rule = TW_STR_LIT("Watchdog");
    assert_int_equal(count_of(&filter), 1);
    filter = all_of(~0u);
    filter.fingerprint = &nine;
    assert_int_equal(count_of(&filter), 1);
}

static void news__what_fired_or_ended__once(void **state)
{
    (void)state;
    const struct tw_alert_view *items = NULL;
    size_t count = 9;
    uint64_t line = 0;
    OK(tw_desk_alerts_news(desk, &arena, 20, &line, &items, &count));
    assert_int_equal(count, 0);
    put(1, "{}", 0, 0);
    put(2, "{}", 0, 1);
    OK(tw_desk_alerts_news(desk, &arena, 20, &line, &items, &count));
    assert_int_equal(count, 2);
    OK(tw_desk_alerts_news(desk, &arena, 20, &line, &items, &count));
    assert_int_equal(count, 0);
    end(1, 5);
    OK(tw_desk_alerts_news(desk, &arena, 20, &line, &items, &count));
    assert_int_equal(count, 1);
    assert_int_equal(items[0].row.state, TW_ALERT_ROW_RESOLVED);
}

/* ---- acknowledging ---- */

static void ack__open_ones__once_with_their_lines_and_the_audit(void **state)
{
    (void)state;
    const uint64_t both[] = {1, 2, 99};
    uint64_t changed = 0;
    struct tw_alert_command command = command_at(100);
    put(1, "{}", 0, 0);
    put(2, "{}", 0, 0);
    end(2, 50);
    OK(tw_alerts_ack(&command, true, TW_STR_LIT("mine"), both, 3, &changed, &diag));
    assert_int_equal(changed, 1);
    OK(tw_alerts_ack(&command, true, TW_STR_LIT("mine, too"), both, 1, &changed, &diag));
    assert_int_equal(changed, 0);
    assert_int_equal(AUDITED("acknowledge"), 2);
    assert_int_equal(NUMBER("SELECT count(*) FROM alert_event WHERE what = 3"), 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM alert WHERE acked_by = CAST('lena' AS BLOB)"), 1);
    OK(tw_alerts_ack(&command, false, TW_STR_NULL, both, 1, &changed, &diag));
    assert_int_equal(changed, 1);
    OK(tw_alerts_ack(&command, false, TW_STR_NULL, both, 1, &changed, &diag));
    assert_int_equal(changed, 0);
    assert_int_equal(NUMBER("SELECT count(*) FROM alert WHERE acked IS NOT NULL"), 0);
    assert_int_equal(NUMBER("SELECT count(*) FROM alert_event WHERE what = 4"), 1);
}

static void ack__comment__has_its_bounds(void **state)
{
    (void)state;
    static char text[TW_REASON_MAX + 1];
    const uint64_t one = 1;
    uint64_t changed = 0;
    struct tw_alert_command command = command_at(100);
    memset(text, 'x', sizeof text);
    put(1, "{}", 0, 0);
    assert_int_equal(tw_alerts_ack(&command, true, TW_STR_LIT(""), &one, 1, &changed, &diag),
                     TW_EINVAL);
    assert_int_equal(
        tw_alerts_ack(&command, true, (struct tw_str){text, sizeof text}, &one, 1, &changed, &diag),
        TW_EINVAL);
    OK(tw_alerts_ack(&command, true, (struct tw_str){text, TW_REASON_MAX}, &one, 1, &changed,
                     &diag));
    assert_int_equal(AUDITED("acknowledge"), 1);
}

/* ---- silences ---- */

#define MATCHERS "[{\"name\":\"a\",\"value\":\"b\",\"isRegex\":false,\"isEqual\":true}]"

static struct tw_silence silence_of(int64_t from_s, int64_t until_s)
{
    return (struct tw_silence){.matchers = TW_STR_LIT(MATCHERS),
                               .starts = AT(from_s),
                               .ends = AT(until_s),
                               .created_by = TW_STR_LIT("lena"),
                               .comment = TW_STR_LIT("refit")};
}

static struct tw_silence read_silence(const char *id)
{
    struct tw_silence silence;
    OK(tw_desk_silence(desk, &arena, tw_str_of(id), &silence));
    return silence;
}

static void silence__past_begin__becomes_now_and_states_follow_the_clock(void **state)
{
    (void)state;
    char id[TW_SILENCE_ID_LEN + 1];
    struct tw_alert_command command = command_at(100);
    struct tw_silence silence = silence_of(0, 200);
    OK(tw_silence_put(&command, &silence, id, &diag));
    assert_int_equal(strlen(id), TW_SILENCE_ID_LEN);
    assert_int_equal(id[14], '4'); /* a random UUID */
    silence = read_silence(id);
    assert_int_equal(silence.starts.ns, AT(100).ns);
    assert_int_equal(tw_silence_state(&silence, AT(99)), TW_SILENCE_PENDING);
    assert_int_equal(tw_silence_state(&silence, AT(100)), TW_SILENCE_ACTIVE);
    assert_int_equal(tw_silence_state(&silence, AT(199)), TW_SILENCE_ACTIVE);
    assert_int_equal(tw_silence_state(&silence, AT(200)), TW_SILENCE_EXPIRED);
}

/* Put the silence again at this time; whether its id stayed. */
static bool stays(const char *id, struct tw_silence silence, int64_t at_s, char *ret_id)
{
    struct tw_alert_command command = command_at(at_s);
    silence.id = tw_str_of(id);
    OK(tw_silence_put(&command, &silence, ret_id, &diag));
    return strcmp(id, ret_id) == 0;
}

static void silence__change__in_place_or_another_one(void **state)
{
    (void)state;
    char id[TW_SILENCE_ID_LEN + 1];
    char next[TW_SILENCE_ID_LEN + 1];
    struct tw_alert_command command = command_at(100);
    struct tw_silence silence = silence_of(500, 900);
    OK(tw_silence_put(&command, &silence, id, &diag));
    assert_true(stays(id, silence_of(600, 900), 110, next));  /* pending: may begin later */
    assert_true(stays(id, silence_of(600, 1000), 700, next)); /* active: may end later */
    assert_int_equal(read_silence(id).ends.ns, AT(1000).ns);
    silence = silence_of(600, 1000);
    silence.starts.ns += TW_NS_PER_MS; /* as it is read through Alertmanager's API */
    assert_true(stays(id, silence, 700, next));
    assert_int_equal(read_silence(id).starts.ns, AT(600).ns);
    assert_false(stays(id, silence_of(650, 1000), 700, next)); /* it began at another time */
    assert_int_equal(read_silence(id).ends.ns, AT(700).ns);
    assert_int_equal(read_silence(next).starts.ns, AT(700).ns);
    (void)snprintf(id, sizeof id, "%s", next);
    silence = silence_of(700, 1000);
    silence.matchers = TW_STR_LIT("[{\"name\":\"c\",\"value\":\"d\",\"isRegex\":false}]");
    assert_false(stays(id, silence, 800, next));               /* it silences something else */
    assert_false(stays(id, silence_of(700, 1000), 810, next)); /* it had ended */
    assert_int_equal(AUDITED("change"), 6);
    silence = silence_of(0, 2000);
    silence.id = TW_STR_LIT("00000000-0000-4000-8000-000000000000");
    assert_int_equal(tw_silence_put(&command, &silence, next, &diag), TW_ENOTFOUND);
    silence.id = TW_STR_LIT("x");
    assert_int_equal(tw_silence_put(&command, &silence, next, &diag), TW_ENOTFOUND);
    assert_int_equal(AUDITED("change"), 6);
}

static void silence__ended__once_and_one_that_waits_never_was(void **state)
{
    (void)state;
    char id[TW_SILENCE_ID_LEN + 1];
    struct tw_alert_command command = command_at(100);
    struct tw_silence silence = silence_of(500, 900);
    OK(tw_silence_put(&command, &silence, id, &diag));
    command = command_at(200);
    OK(tw_silence_expire(&command, tw_str_of(id), &diag));
    silence = read_silence(id);
    assert_int_equal(silence.starts.ns, AT(200).ns);
    assert_int_equal(silence.ends.ns, AT(200).ns);
    assert_int_equal(tw_silence_expire(&command, tw_str_of(id), &diag), TW_ECLOSED);
    assert_int_equal(tw_silence_expire(&command, TW_STR_LIT("x"), &diag), TW_ENOTFOUND);
    assert_int_equal(
        tw_silence_expire(&command, TW_STR_LIT("00000000-0000-4000-8000-000000000000"), &diag),
        TW_ENOTFOUND);
    assert_int_equal(AUDITED("expire"), 1);
}

static void silence__what_is_none__is_refused(void **state)
{
    (void)state;
    static char text[TW_SILENCE_MATCHERS_MAX + 1];
    char id[TW_SILENCE_ID_LEN + 1];
    struct tw_alert_command command = command_at(100);
    memset(text, 'x', sizeof text);
    struct tw_silence bad[8];
    for (size_t i = 0; i < 8; i++) {
        bad[i] = silence_of(100, 200);
    }
    bad[0].ends = bad[0].starts;
    bad[1] = silence_of(0, 100);
    bad[2].comment = TW_STR_LIT("");
    bad[3].comment = (struct tw_str){text, TW_SILENCE_COMMENT_MAX + 1};
    bad[4].created_by = TW_STR_LIT("");
    bad[5].created_by = (struct tw_str){text, TW_SILENCE_AUTHOR_MAX + 1};
    bad[6].matchers = (struct tw_str){text, TW_SILENCE_MATCHERS_MAX + 1};
    bad[7] = silence_of(300, 200);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(tw_silence_put(&command, &bad[i], id, &diag), TW_EINVAL);
    }
    assert_int_equal(AUDITED("silence"), 0);
    struct tw_silence most = silence_of(100, 101);
    most.comment = (struct tw_str){text, TW_SILENCE_COMMENT_MAX};
    most.created_by = (struct tw_str){text, TW_SILENCE_AUTHOR_MAX};
    OK(tw_silence_put(&command, &most, id, &diag));
}

static void silences__lists__what_has_not_ended_and_what_has(void **state)
{
    (void)state;
    char id[TW_SILENCE_ID_LEN + 1];
    const struct tw_silence *items = NULL;
    size_t count = 0;
    bool has_more = false;
    struct tw_alert_command command = command_at(100);
    for (int64_t i = 0; i < 5; i++) {
        struct tw_silence silence = silence_of(100, 200 + 100 * ((i * 3) % 5));
        OK(tw_silence_put(&command, &silence, id, &diag));
    }
    OK(tw_desk_silences(desk, &arena, AT(300), &items, &count));
    assert_int_equal(count, 3);
    assert_int_equal(items[0].ends.ns, AT(400).ns);
    assert_int_equal(items[2].ends.ns, AT(600).ns);
    OK(tw_desk_silences_ended(desk, &arena, AT(300), 0, 1, &items, &count, &has_more));
    assert_true(count == 1 && has_more && items[0].ends.ns == AT(300).ns);
    OK(tw_desk_silences_ended(desk, &arena, AT(300), 1, 1, &items, &count, &has_more));
    assert_true(count == 1 && !has_more && items[0].ends.ns == AT(200).ns);
}

static void silences__limit__of_those_that_have_not_ended(void **state)
{
    (void)state;
    char id[TW_SILENCE_ID_LEN + 1];
    struct tw_alert_command command = command_at(100);
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                   " INSERT INTO silence(id, matchers, starts, ends, created, updated, created_by, "
                   "comment, warned) SELECT CAST(printf('%%036d', i) AS BLOB), x'5b5d', 0,"
                   " %lld, 0, 0, x'61', x'62', 0 FROM n",
                   TW_SILENCES_MAX - 1, (long long)AT(1000).ns);
    run_sql(sql);
    struct tw_silence silence = silence_of(100, 200);
    OK(tw_silence_put(&command, &silence, id, &diag));
    assert_int_equal(tw_silence_put(&command, &silence, id, &diag), TW_ELIMIT);
    command = command_at(1000); /* when they have ended there is room */
    silence = silence_of(1000, 1001);
    OK(tw_silence_put(&command, &silence, id, &diag));
}

/* ---- other programs ---- */

static void post__limit__all_or_nothing(void **state)
{
    (void)state;
    const struct tw_alerts_push items[3] = {
        {.at = AT(0), .labels = TW_STR_LIT("{}"), .annotations = TW_STR_LIT("{}")},
        {.at = AT(0), .labels = TW_STR_LIT("{}"), .annotations = TW_STR_LIT("{}"), .ends = AT(9)},
        {.at = AT(0), .labels = TW_STR_LIT("{}"), .annotations = TW_STR_LIT("{}")}};
    OK(tw_alerts_post(kit.dir, items, 0, 0, &diag));
    assert_int_equal(tw_alerts_post(kit.dir, items, 3, 2, &diag), TW_ELIMIT);
    assert_int_equal(NUMBER("SELECT count(*) FROM alert_push"), 0);
    OK(tw_alerts_post(kit.dir, items, 3, 3, &diag));
    assert_int_equal(tw_alerts_post(kit.dir, items, 1, 3, &diag), TW_ELIMIT);
    assert_int_equal(NUMBER("SELECT count(*) FROM alert_push WHERE ends IS NULL"), 2);
    assert_int_equal(tw_alerts_post("/nonexistent", items, 1, 9, &diag), TW_ENOTFOUND);
}

static void heartbeat__expected__beats_and_no_other(void **state)
{
    (void)state;
    const struct tw_alerts_heartbeat *items = NULL;
    size_t count = 0;
    run_sql("INSERT INTO heartbeat(name, last, every_s, state) VALUES(CAST('nightly' AS BLOB), 5, "
            "60, 0)");
    assert_int_equal(tw_heartbeat_beat(kit.dir, TW_STR_LIT("x"), AT(7), &diag), TW_ENOTFOUND);
    OK(tw_heartbeat_beat(kit.dir, TW_STR_LIT("nightly"), AT(7), &diag));
    OK(tw_heartbeat_beat(kit.dir, TW_STR_LIT("nightly"), AT(6), &diag)); /* a clock set back */
    OK(tw_desk_heartbeats(desk, &arena, &items, &count));
    assert_int_equal(count, 1);
    assert_int_equal(items[0].last.ns, AT(7).ns);
    assert_int_equal(items[0].state, TW_HEARTBEAT_BEATING);
}

static void test_button__makes_a_notice_for_each_way(void **state)
{
    (void)state;
    const struct tw_str ways[] = {TW_STR_LIT("email"), TW_STR_LIT("webhook")};
    const uint32_t idx[] = {0, 1};
    const struct tw_notice_view *items = NULL;
    size_t count = 0;
    bool has_more = false;
    uint64_t first = 0;
    struct tw_alert_command command = command_at(100);
    const struct tw_notice_test test = {.receiver = TW_STR_LIT("ops"),
                                        .integrations = ways,
                                        .idx = idx,
                                        .count = 2,
                                        .data = TW_STR_LIT("{\"version\":\"4\"}")};
    OK(tw_notices_test(&command, &test, &first, &diag));
    const struct tw_notice_filter filter = {
        .receiver = TW_STR_LIT("ops"), .since = AT(100), .until = AT(101), .limit = 10};
    OK(tw_desk_notices(desk, &arena, &filter, &items, &count, &has_more));
    assert_int_equal(count, 2);
    assert_int_equal(items[1].notice.id, first);
    assert_int_equal(items[0].notice.idx, 1);
    assert_int_equal(items[0].notice.kind, TW_NOTICE_TEST);
    assert_int_equal(items[0].state, TW_NOTICE_STATE_WAITING);
    assert_int_equal(AUDITED("test"), 1);
    const struct tw_receiver_health *health = NULL;
    OK(tw_desk_receivers(desk, &arena, &health, &count));
    assert_int_equal(count, 2);
    assert_int_equal(health[0].waiting, 1);
    assert_false(health[0].is_failing);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(alerts__filters__each_takes_its_own),
        CASE(alerts__pages__each_once_the_latest_first),
        CASE(alerts__watchdog__only_for_who_asks_for_it),
        CASE(news__what_fired_or_ended__once),
        CASE(ack__open_ones__once_with_their_lines_and_the_audit),
        CASE(ack__comment__has_its_bounds),
        CASE(silence__past_begin__becomes_now_and_states_follow_the_clock),
        CASE(silence__change__in_place_or_another_one),
        CASE(silence__ended__once_and_one_that_waits_never_was),
        CASE(silence__what_is_none__is_refused),
        CASE(silences__lists__what_has_not_ended_and_what_has),
        CASE(silences__limit__of_those_that_have_not_ended),
        CASE(post__limit__all_or_nothing),
        CASE(heartbeat__expected__beats_and_no_other),
        CASE(test_button__makes_a_notice_for_each_way),
    };
    return cmocka_run_group_tests_name("alert_read", tests, NULL, NULL);
}
