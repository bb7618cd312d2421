/* SPDX-License-Identifier: Apache-2.0
 * Rounds of the dispatcher on a real desk.db, with an agent that remembers. The tower dies at every
 * commit and at every frame in turn: nothing is lost, nothing is sent that is not written.
 */
#include "config.h"
#include "desk_kit.h"

#include <string.h>

#include "replay/dispatch.h"

#define ITEMS      6
#define ROUNDS_MAX 2000 /* of 50 ms: an order is said again after 10 s */
#define AGENT      "mw-1"
#define HELLO      "{\"op\":\"hello\",\"agent\":\"mw-1\",\"systems\":[\"erp\"],\"capacity\":%d}"

static struct tw_outbox *outbox;
static struct tw_reader *reader;
static struct tw_agents *agents;
static struct tw_http_out *http;
static struct tw_dispatch *dispatch;
static tw_mono_t now;
static tw_wall_t wall;
static int capacity;

/* The step at which the tower dies; 0: it lives. */
static int crash_at;
static int steps;
static bool is_dead;
static void (*before_begin)(void); /* what somebody else does just then */

/* What the agent was told, by seq of the item; 0: not. */
static int told[ITEMS + 1];
static bool has_answer[ITEMS + 1];

static int64_t number(const char *sql)
{
    return kit_number(&kit, "desk.db", sql);
}

static int64_t item_number(int seq, const char *what)
{
    char sql[256];
    (void)snprintf(sql, sizeof sql, "SELECT %s FROM replay_item WHERE seq = %d", what, seq);
    return number(sql);
}

/* ---- the tower, which may die ---- */

static bool dies_here(void)
{
    steps++;
    is_dead = is_dead || steps == crash_at;
    return is_dead;
}

int __real_tw_outbox_begin(struct tw_outbox *self, struct tw_diag *diag);
int __wrap_tw_outbox_begin(struct tw_outbox *self, struct tw_diag *diag);
int __wrap_tw_outbox_begin(struct tw_outbox *self, struct tw_diag *diag)
{
    if (before_begin != NULL) {
        before_begin();
    }
    return __real_tw_outbox_begin(self, diag);
}

int __real_tw_outbox_commit(struct tw_outbox *self, struct tw_diag *diag);
int __wrap_tw_outbox_commit(struct tw_outbox *self, struct tw_diag *diag);
int __wrap_tw_outbox_commit(struct tw_outbox *self, struct tw_diag *diag)
{
    if (dies_here()) {
        return TW_EIO; /* before it was written */
    }
    int rc = __real_tw_outbox_commit(self, diag);
    return dies_here() ? TW_EIO : rc; /* before anybody was told */
}

/* The record that cannot be read now; 0: all can. */
static uint64_t unreadable;

int __real_tw_reader_record(struct tw_reader *self, struct tw_arena *into, uint64_t n,
                            struct tw_stored *ret_stored);
int __wrap_tw_reader_record(struct tw_reader *self, struct tw_arena *into, uint64_t n,
                            struct tw_stored *ret_stored);
int __wrap_tw_reader_record(struct tw_reader *self, struct tw_arena *into, uint64_t n,
                            struct tw_stored *ret_stored)
{
    return n == unreadable ? TW_EIO : __real_tw_reader_record(self, into, n, ret_stored);
}

static int seq_of(struct tw_str frame)
{
    char text[1024];
    int seq = 0;
    assert_true(frame.len < sizeof text);
    memcpy(text, frame.ptr, frame.len);
    text[frame.len] = '\0';
    const char *at = strstr(text, "\"replayid\":\"r1-x-");
    assert_non_null(at);
    seq = (int)strtol(at + strlen("\"replayid\":\"r1-x-"), NULL, 10);
    assert_in_range(seq, 1, ITEMS);
    assert_non_null(strstr(text, "\"attempt\":1,"));
    assert_non_null(strstr(text, "\"destination\":\"erp\""));
    return seq;
}

static int send_frame(void *context, struct tw_str route, struct tw_str frame)
{
    (void)context;
    (void)route;
    if (memcmp(frame.ptr, "{\"op\":\"replay\"", 14) != 0) {
        return TW_OK; /* welcome and pings */
    }
    if (dies_here()) {
        return TW_ECLOSED;
    }
    int seq = seq_of(frame);
    /* another connection sees it: it is committed, for this agent */
    assert_int_equal(item_number(seq, "state = 1 AND agent = CAST('" AGENT "' AS BLOB)"), 1);
    if (seq % 2 == 0) {
        assert_int_equal(item_number(seq - 1, "state"), TW_ITEM_PROVEN); /* of the same object */
    }
    told[seq]++;
    has_answer[seq] = true;
    return TW_OK;
}

static void open_tower(void)
{
    const struct tw_agents_io io = {.send = send_frame};
    is_dead = false;
    assert_int_equal(tw_outbox_open(kit.dir, &outbox, &kit.diag), TW_OK);
    assert_int_equal(tw_reader_open(kit.dir, &reader, &kit.diag), TW_OK);
    assert_int_equal(tw_agents_new(&io, 2, &agents), TW_OK);
    assert_int_equal(tw_http_out_new(&kit.cfg, &kit.clock.clock, &http, &kit.diag), TW_OK);
    assert_int_equal(tw_dispatch_new(&kit.cfg, agents, http, &dispatch), TW_OK);
}

static void close_tower(void)
{
    tw_dispatch_destroy(&dispatch);
    tw_http_out_destroy(&http);
    tw_agents_destroy(&agents);
    tw_reader_close(&reader);
    tw_outbox_close(&outbox);
}

static void say(const char *text)
{
    struct tw_agent *agent = NULL;
    struct tw_agent_message message;
    const struct tw_agents_heard heard = {
        .route = TW_STR_LIT("a"), .frame = tw_str_of(text), .now = now, .wall = wall};
    switch (tw_agents_hear(agents, &heard, &agent, &message)) {
    case TW_AGENTS_HELLO:
        tw_dispatch_hello(dispatch);
        break;
    case TW_AGENTS_ACCEPTED:
    case TW_AGENTS_REFUSED:
        tw_dispatch_answer(dispatch, agent, &message, wall);
        break;
    case TW_AGENTS_NOT_ITS_NAME:
    case TW_AGENTS_NOTHING:
    default:
        break;
    }
}

static void say_hello(void)
{
    char text[128];
    (void)snprintf(text, sizeof text, HELLO, capacity);
    say(text);
}

/* What the agent was told since, it accepts. */
static void answer_all(void)
{
    for (int seq = 1; seq <= ITEMS; seq++) {
        char text[96];
        if (has_answer[seq]) {
            has_answer[seq] = false;
            (void)snprintf(text, sizeof text,
                           "{\"op\":\"accepted\",\"replayid\":\"r1-x-%d\",\"attempt\":1}", seq);
            say(text);
        }
    }
}

static int round_of(void)
{
    bool is_busy = false;
    now.ns += 50 * TW_NS_PER_MS;
    wall.ns += 50 * TW_NS_PER_MS;
    say("{\"op\":\"ping\"}");
    const struct tw_dispatch_turn turn = {outbox, reader, now, wall};
    return tw_dispatch_round(dispatch, &turn, &is_busy, &kit.diag);
}

/* The desk sees the proof of what was accepted. */
static void prove_all(void)
{
    struct tw_outbox *hand = NULL;
    struct tw_outbox_waits *items = NULL;
    size_t count = 0;
    tw_arena_reset(&arena);
    assert_int_equal(tw_outbox_open(kit.dir, &hand, &kit.diag), TW_OK);
    assert_int_equal(__real_tw_outbox_begin(hand, &kit.diag), TW_OK);
    assert_int_equal(tw_outbox_accepted(hand, &arena, TW_STR_NULL, 100, &items, &count, &kit.diag),
                     TW_OK);
    for (size_t i = 0; i < count; i++) {
        const struct tw_outbox_end proven = {
            .item = items[i].item, .state = TW_ITEM_PROVEN, .lets_next = true, .at = wall};
        assert_int_equal(tw_outbox_end(hand, &proven, &kit.diag), TW_OK);
    }
    assert_int_equal(__real_tw_outbox_commit(hand, &kit.diag), TW_OK);
    tw_outbox_close(&hand);
}

/* ---- a replay of six failures of three objects ---- */

static void run_sql(const char *sql)
{
    (void)number(sql);
}

static void lay_out(void)
{
    char sql[800];
    for (int seq = 1; seq <= ITEMS; seq++) {
        char id[16];
        (void)snprintf(id, sizeof id, "T%d", seq);
        uint64_t n = post_fails(id, "0042", 100, 1000 + seq);
        follow_all();
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO replay_item(replay, seq, replayid, failure, is_asked, is_ready,"
                       " overridden, is_financial, object_type, object_scope, object_id, event_n,"
                       " failed_n, amount_minor, currency, state) SELECT 1, %d,"
                       " CAST('r1-x-%d' AS BLOB), id, 1, %d, 0, 0, 2, x'', CAST('O%d' AS BLOB),"
                       " %llu, %llu, 0, x'', 0 FROM failure WHERE object_id = CAST('%s' AS BLOB)",
                       seq, seq, seq % 2, (seq + 1) / 2, (unsigned long long)n,
                       (unsigned long long)n, id);
        run_sql(sql);
    }
    run_sql("INSERT INTO replay(id, token, plan, created, actor, reason, destination, selection,"
            " request_key, request_hash, state, changed, rate, canary, stop_failures,"
            " stop_percent, proof_s) VALUES(1, x'78', x'70', 1, x'61', x'72',"
            " CAST('erp' AS BLOB), x'7b7d', x'6b', x'68', 0, 1, 1000, 0, 0, 0, 300)");
}

static int begin(void **state)
{
    int rc = set_up(state);
    now = (tw_mono_t){1000 * TW_NS_PER_S};
    wall = (tw_wall_t){2000000 * TW_NS_PER_S};
    capacity = 4;
    crash_at = 0;
    steps = 0;
    before_begin = NULL;
    unreadable = 0;
    memset(told, 0, sizeof told);
    memset(has_answer, 0, sizeof has_answer);
    kit.cfg.replay.under_way = 500;
    lay_out();
    open_tower();
    return rc;
}

static int end(void **state)
{
    close_tower();
    return tear_down(state);
}

static void assert_all_proven(void)
{
    for (int seq = 1; seq <= ITEMS; seq++) {
        static const struct {
            const char *what;
            int count;
        } lines[] = {{"1", 1}, {"3", 1}, {"5", 1}}; /* sent, accepted, proven: once each */
        assert_int_equal(item_number(seq, "state"), TW_ITEM_PROVEN);
        assert_true(told[seq] >= 1);
        for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
            char what[160];
            (void)snprintf(what, sizeof what,
                           "(SELECT count(*) FROM item_event WHERE item = replay_item.id"
                           " AND what = %s)",
                           lines[i].what);
            assert_int_equal(item_number(seq, what), lines[i].count);
        }
    }
    assert_int_equal(number("SELECT state FROM replay"), TW_REPLAY_DONE);
    assert_int_equal(number("SELECT finished IS NOT NULL FROM replay"), 1);
}

/* Until it is done; the tower dies where it must, and comes back. */
static void play(void)
{
    say_hello();
    for (int i = 0; i < ROUNDS_MAX && number("SELECT finished IS NULL FROM replay") == 1; i++) {
        answer_all();
        int rc = round_of();
        if (is_dead) {
            crash_at = 0;
            close_tower();
            open_tower();
            say_hello();
        } else {
            assert_int_equal(rc, TW_OK);
        }
        prove_all();
    }
}

static void dispatch__sends_all__in_order_of_their_objects(void **state)
{
    (void)state;
    play();
    assert_all_proven();
    for (int seq = 1; seq <= ITEMS; seq++) {
        assert_int_equal(told[seq], 1);
    }
    assert_int_equal(number("SELECT begun IS NOT NULL AND full IS NOT NULL FROM replay"), 1);
    assert_int_equal(item_number(1, "CAST(idempotency_key AS TEXT) LIKE 'erp/erp.posting/%:O1'"),
                     1);
}

static void dispatch__dies_anywhere__nothing_is_lost_or_doubled(void **state)
{
    bool has_died = true;
    for (int at = 1; has_died; at++) {
        crash_at = at;
        play();
        has_died = crash_at == 0;
        assert_all_proven();
        assert_true(at < 500);
        (void)end(state);
        (void)begin(state);
    }
}

static void dispatch__an_agent_that_forgets_to_answer__is_told_again(void **state)
{
    (void)state;
    say_hello();
    for (int i = 0; i < 210; i++) { /* 10.5 s */
        assert_int_equal(round_of(), TW_OK);
    }
    assert_int_equal(told[1], 2);
    assert_int_equal(told[2], 0);
    for (int i = 0; i < 1000; i++) { /* 60.5 s */
        assert_int_equal(round_of(), TW_OK);
    }
    assert_int_equal(told[1], 7);
    /* noted once a minute at most */
    assert_int_equal(number("SELECT count(*) FROM item_event WHERE what = 2 AND item ="
                            " (SELECT id FROM replay_item WHERE seq = 1)"),
                     1);
}

static void dispatch__a_capacity_that_shrank__is_kept(void **state)
{
    (void)state;
    say_hello();
    for (int i = 0; i < 60; i++) {
        assert_int_equal(round_of(), TW_OK);
    }
    assert_int_equal(told[1] + told[3] + told[5], 3);
    capacity = 1;
    say_hello();
    assert_int_equal(round_of(), TW_OK);
    assert_int_equal(told[1] + told[3] + told[5], 4); /* one of the three, again */
    answer_all();
    assert_int_equal(round_of(), TW_OK);
    assert_int_equal(round_of(), TW_OK);
    assert_int_equal(number("SELECT count(*) FROM replay_item WHERE answered IS NOT NULL"), 3);
}

static void dispatch__what_cannot_be_read__is_refused(void **state)
{
    (void)state;
    run_sql("UPDATE replay_item SET event_n = 999999 WHERE seq = 1");
    run_sql("UPDATE replay SET stop_failures = 1");
    say_hello();
    assert_int_equal(round_of(), TW_OK);
    assert_int_equal(round_of(), TW_OK);
    assert_int_equal(item_number(1, "state"), TW_ITEM_REFUSED);
    assert_int_equal(item_number(1, "why = CAST('event 999999 is not stored any more' AS BLOB)"),
                     1);
    assert_int_equal(item_number(2, "state"), TW_ITEM_CANCELLED);            /* it was behind */
    assert_int_equal(number("SELECT state FROM replay"), TW_REPLAY_STOPPED); /* it counts */
    assert_int_equal(told[1], 0);
}

static void dispatch__what_cannot_be_read_now__waits_and_holds_up_nobody(void **state)
{
    (void)state;
    unreadable = (uint64_t)item_number(1, "event_n");
    say_hello();
    for (int i = 0; i < 60; i++) {
        assert_int_equal(round_of(), TW_OK);
    }
    assert_int_equal(item_number(1, "state"), TW_ITEM_WAITING);
    assert_int_equal(told[3] + told[5], 2);
    assert_int_equal(number("SELECT CAST(phase_detail AS TEXT) LIKE 'what is next cannot be read"
                            " now: event %: input or output failed' FROM replay"),
                     1);
    unreadable = (uint64_t)item_number(3, "event_n"); /* nor can what is to be said again */
    for (int i = 0; i < 300; i++) {
        assert_int_equal(round_of(), TW_OK);
    }
    assert_int_equal(told[3], 1);
    assert_int_equal(told[5], 2);
    unreadable = 0;
    play();
    assert_all_proven();
}

static void dispatch__what_is_done_already__is_not_sent(void **state)
{
    (void)state;
    run_sql("UPDATE failure SET state = 1 WHERE id = (SELECT failure FROM replay_item"
            " WHERE seq = 1)");
    run_sql("UPDATE failure SET archived = 1 WHERE id = (SELECT failure FROM replay_item"
            " WHERE seq = 3)");
    say_hello();
    for (int i = 0; i < 40; i++) {
        assert_int_equal(round_of(), TW_OK);
        if (told[1] > 0) {
            break;
        }
        run_sql("UPDATE replay_item SET state = 3 WHERE seq = 1 AND state = 6"); /* for the order */
    }
    assert_int_equal(item_number(1, "why = CAST('done without it' AS BLOB)"), 1);
    assert_true(told[2] > 0); /* what is behind it may follow */
    assert_int_equal(item_number(3, "state"), TW_ITEM_CANCELLED);
    assert_int_equal(item_number(4, "state"), TW_ITEM_CANCELLED); /* and here it may not */
    assert_int_equal(told[1] + told[3] + told[4], 0);
}

static void pause_it(void)
{
    before_begin = NULL;
    run_sql("UPDATE replay SET state = 1, changed = 2");
}

static void dispatch__paused_after_it_decided__sends_nothing(void **state)
{
    (void)state;
    say_hello();
    before_begin = pause_it;
    assert_int_equal(round_of(), TW_OK);
    assert_null(before_begin);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(round_of(), TW_OK);
    }
    assert_int_equal(number("SELECT count(*) FROM replay_item WHERE state <> 0"), 0);
    assert_int_equal(told[1] + told[3] + told[5], 0);
    run_sql("UPDATE replay SET state = 0, changed = 3");
    play();
    assert_all_proven();
}

static void dispatch__while_another_writes__keeps_the_answers(void **state)
{
    (void)state;
    struct tw_outbox *other = NULL;
    say_hello();
    assert_int_equal(round_of(), TW_OK);
    assert_int_equal(told[1], 1);
    assert_int_equal(tw_outbox_open(kit.dir, &other, &kit.diag), TW_OK);
    assert_int_equal(__real_tw_outbox_begin(other, &kit.diag), TW_OK);
    answer_all();
    assert_int_equal(round_of(), TW_EBUSY);
    assert_int_equal(item_number(1, "answered IS NULL"), 1);
    tw_outbox_close(&other);
    assert_int_equal(round_of(), TW_OK);
    assert_int_equal(item_number(1, "answered IS NOT NULL"), 1);
}

static void dispatch__agents_that_do_not_come_back__leave_it_unproven(void **state)
{
    (void)state;
    say_hello();
    assert_int_equal(round_of(), TW_OK);
    answer_all();
    assert_int_equal(round_of(), TW_OK);
    close_tower();
    open_tower();
    for (int i = 0; i < 44 * 20; i++) {
        assert_int_equal(round_of(), TW_OK);
    }
    assert_int_equal(item_number(1, "state"), TW_ITEM_SENT); /* agents take up to half a minute */
    for (int i = 0; i < 2 * 20; i++) {
        assert_int_equal(round_of(), TW_OK);
    }
    assert_int_equal(item_number(1, "state"), TW_ITEM_UNPROVEN);
    assert_int_equal(item_number(1, "why = CAST('agent mw-1 went away after accepting' AS BLOB)"),
                     1);
    assert_int_equal(item_number(2, "state"), TW_ITEM_CANCELLED);
}

static void dispatch__deadline__says_whether_it_was_answered(void **state)
{
    (void)state;
    run_sql("UPDATE replay SET proof_s = 1");
    say_hello();
    for (int i = 0; i < 8; i++) {
        assert_int_equal(round_of(), TW_OK);
    }
    say("{\"op\":\"accepted\",\"replayid\":\"r1-x-1\",\"attempt\":1}");
    for (int i = 0; i < 30; i++) {
        assert_int_equal(round_of(), TW_OK);
    }
    assert_int_equal(item_number(1, "why = CAST('accepted, no proof within 1 s' AS BLOB)"), 1);
    assert_int_equal(item_number(3, "why = CAST('no answer from mw-1 within 1 s' AS BLOB)"), 1);
    say("{\"op\":\"accepted\",\"replayid\":\"r1-x-3\",\"attempt\":1}"); /* too late, harmless */
    assert_int_equal(round_of(), TW_OK);
    assert_int_equal(item_number(3, "state = 2 AND answered IS NULL"), 1);
    assert_int_equal(number("SELECT state FROM replay"), TW_REPLAY_DONE);
}

static void outbox__without_a_desk__is_not_there_yet(void **state)
{
    (void)state;
    struct tw_outbox *other = NULL;
    run_sql("PRAGMA user_version = 1");
    assert_int_equal(tw_outbox_open(kit.dir, &other, &kit.diag), TW_EOLDER);
    assert_null(other);
    assert_int_equal(tw_outbox_open("/nonexistent", &other, &kit.diag), TW_ENOTFOUND);
    assert_null(other);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(dispatch__sends_all__in_order_of_their_objects),
        CASE(dispatch__dies_anywhere__nothing_is_lost_or_doubled),
        CASE(dispatch__an_agent_that_forgets_to_answer__is_told_again),
        CASE(dispatch__a_capacity_that_shrank__is_kept),
        CASE(dispatch__what_cannot_be_read__is_refused),
        CASE(dispatch__what_cannot_be_read_now__waits_and_holds_up_nobody),
        CASE(dispatch__what_is_done_already__is_not_sent),
        CASE(dispatch__paused_after_it_decided__sends_nothing),
        CASE(dispatch__while_another_writes__keeps_the_answers),
        CASE(dispatch__agents_that_do_not_come_back__leave_it_unproven),
        CASE(dispatch__deadline__says_whether_it_was_answered),
        CASE(outbox__without_a_desk__is_not_there_yet),
    };
    return cmocka_run_group_tests_name("replay_dispatch", tests, NULL, NULL);
}
