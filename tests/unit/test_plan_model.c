/* SPDX-License-Identifier: Apache-2.0
 * Random desks are planned as a naive model plans them, which goes from failure to failure in loops
 * and knows nothing of the statements: what is in the plan, in which order, with which verdict,
 * what is told of and what is overridden; and what is started from it is what was to be replayed.
 *
 * TEST_PLAN_SEEDS: how many desks (1000).
 */
#include "config.h"
#include "plan_kit.h"

#define FAILURES_MAX 24
#define PAST_MAX     12
#define OBJECTS      5
#define EVENTS       14 /* few: they are shared */

static const char *const workflows[] = {"sale", "refund", "stock"}; /* the first two: money */
static const char *const systems[] = {"erp", "loyalty", ""};
static const enum tw_cause causes[] = {TW_CAUSE_MASTER_DATA, TW_CAUSE_TIMEOUT, TW_CAUSE_DUPLICATE};

struct row {
    uint64_t id;
    unsigned workflow, system, object;
    enum tw_cause cause;
    int state, archived, has_money;
    uint64_t failed_n, input_n, event_n;
    int64_t since;
    /* the model */
    bool is_asked, is_in, is_silent, is_unproven, is_parked, is_financial;
    enum tw_plan_verdict verdict;
};
struct past {
    unsigned row; /* index of the failure */
    unsigned system;
    uint64_t event_n;
    enum tw_item_state state;
    enum tw_cause cause;
};
static struct row rows[FAILURES_MAX];
static struct past past[PAST_MAX];
static size_t row_count, past_count;
static bool is_part_gone; /* the second partition's payload */
static bool is_online;

static uint64_t rnd(uint64_t below)
{
    return kit_rnd(&world.kit, below);
}

/* ---- a desk ---- */

static uint64_t rnd_event(void)
{
    /* shared ones on both sides of the border between partitions, none, one that never was */
    uint64_t kind = rnd(12);
    return kind < 3 ? 0 : kind == 3 ? 3 * KIT_EVENTS + 5 : KIT_EVENTS - EVENTS / 2 + rnd(EVENTS);
}

static void make_row(size_t i)
{
    static const char *const objects[] = {"1", "2", "3", "4", "5"};
    struct row *row = &rows[i];
    char step[24];
    *row = (struct row){
        .workflow = (unsigned)rnd(3),
        .object = (unsigned)rnd(OBJECTS),
        .system = (unsigned)(rnd(6) == 0 ? 1 + rnd(2) : 0),
        .cause = causes[rnd(10) == 0 ? 2 : rnd(2)],
        .state = rnd(8) == 0 ? 1 + (int)rnd(2) : 0,
        .archived = rnd(10) == 0,
        .has_money = rnd(4) == 0,
        .failed_n = rnd_event(),
        .input_n = rnd(2) == 0 ? rnd_event() : 0,
        .since = (int64_t)rnd(6),
    };
    row->event_n = row->input_n != 0 ? row->input_n : row->failed_n;
    (void)snprintf(step, sizeof step, "s%zu", i); /* one of its kind */
    row->id = add(&(struct failed){.workflow = workflows[row->workflow],
                                   .step = step,
                                   .system = systems[row->system],
                                   .object = objects[row->object],
                                   .cause = row->cause,
                                   .state = row->state,
                                   .archived = row->archived,
                                   .currency = row->has_money ? "EUR" : "",
                                   .failed_n = row->failed_n,
                                   .input_n = row->input_n,
                                   .since_s = row->since});
}

static bool is_active(enum tw_item_state state)
{
    return state == TW_ITEM_WAITING || state == TW_ITEM_SENT;
}

static void make_past(void)
{
    uint64_t replays[2] = {add_replay("erp"), add_replay("loyalty")};
    size_t wanted = rnd(3) == 0 ? 0 : rnd(PAST_MAX);
    past_count = 0;
    for (size_t i = 0; i < wanted; i++) {
        unsigned row = (unsigned)rnd(row_count);
        unsigned system = rnd(6) == 0 ? 1 : 0;
        enum tw_item_state state = (enum tw_item_state)rnd(TW_ITEM_STATE_COUNT);
        state = rnd(3) == 0 ? TW_ITEM_FAILED_AGAIN : state;
        for (size_t k = 0; k < past_count; k++) { /* one failure, one active item */
            if (past[k].row == row && is_active(past[k].state) && is_active(state)) {
                state = TW_ITEM_REFUSED;
            }
        }
        unsigned times = state == TW_ITEM_FAILED_AGAIN ? 1 + (unsigned)rnd(4) : 1;
        for (unsigned k = 0; k < times && past_count < PAST_MAX; k++) {
            add_item(replays[system], rows[row].id, state);
            past[past_count++] =
                (struct past){row, system, rows[row].event_n, state,
                              state == TW_ITEM_FAILED_AGAIN ? rows[row].cause : TW_CAUSE_NONE};
        }
    }
}

static void expire_payload(bool is_gone)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(kit_path(&world.kit, "part-000002.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  is_gone ? "UPDATE meta SET payload_expired = 1"
                                          : "UPDATE meta SET payload_expired = 0",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void make_desk(void)
{
    sql("BEGIN; DELETE FROM failure; DELETE FROM failure_group; DELETE FROM replay;"
        "DELETE FROM replay_item; DELETE FROM item_event; DELETE FROM plan; DELETE FROM plan_item");
    row_count = 1 + rnd(FAILURES_MAX);
    for (size_t i = 0; i < row_count; i++) {
        make_row(i);
    }
    make_past();
    is_online = rnd(10) != 0;
    agent("mw-1", "[\"erp\"]", is_online);
    sql("COMMIT");
    is_part_gone = rnd(3) == 0;
    expire_payload(is_part_gone);
    open_reader();
}

/* ---- the model ---- */

static bool is_before(const struct row *a, const struct row *b)
{
    if (a->since != b->since) {
        return a->since < b->since;
    }
    return a->event_n != b->event_n ? a->event_n < b->event_n : a->id < b->id;
}

static bool is_gone(uint64_t n)
{
    bool is_second = n > KIT_EVENTS && n <= 2 * KIT_EVENTS;
    return n > 3 * KIT_EVENTS || (is_second && is_part_gone);
}

static bool is_in_replay(const struct row *row)
{
    for (size_t i = 0; i < past_count; i++) {
        const struct row *other = &rows[past[i].row];
        bool same_object = other->object == row->object && past[i].system == 0;
        bool same_event =
            past[i].event_n == row->event_n && row->event_n != 0 && past[i].system == 0;
        if (is_active(past[i].state) && (other == row || same_object || same_event)) {
            return true;
        }
    }
    return false;
}

/* The last thing that came of a failure. */
static const struct past *last_of(unsigned row)
{
    const struct past *last = NULL;
    for (size_t i = 0; i < past_count; i++) {
        last = past[i].row == row ? &past[i] : last;
    }
    return last;
}

static bool was_unproven(size_t index)
{
    for (unsigned i = 0; i < row_count; i++) {
        const struct past *last = last_of(i);
        bool is_unproven = last != NULL && last->state == TW_ITEM_UNPROVEN;
        if (is_unproven &&
            (i == index || (last->event_n == rows[index].event_n && last->system == 0))) {
            return true;
        }
    }
    return false;
}

static enum tw_plan_verdict judge(size_t index, unsigned override)
{
    struct row *row = &rows[index];
    unsigned failed = 0;
    if (row->system != 0 && !(row->cause == TW_CAUSE_DUPLICATE && row->system == 2)) {
        return TW_PLAN_OTHER_DESTINATION;
    }
    if (row->cause == TW_CAUSE_DUPLICATE) {
        return TW_PLAN_DUPLICATE_EFFECT;
    }
    if (row->state != 0 || row->archived) {
        return row->state != 0 ? TW_PLAN_DONE : TW_PLAN_ARCHIVED;
    }
    if (is_in_replay(row)) {
        return TW_PLAN_IN_REPLAY;
    }
    if (row->event_n == 0 || is_gone(row->event_n)) {
        return row->event_n == 0 ? TW_PLAN_NOTHING_TO_SEND : TW_PLAN_PAYLOAD_EXPIRED;
    }
    for (size_t i = 0; i < past_count; i++) {
        failed += past[i].row == index && past[i].state == TW_ITEM_FAILED_AGAIN;
    }
    row->is_financial = row->workflow < 2 || row->has_money;
    row->is_unproven = row->is_financial && was_unproven(index);
    row->is_parked = failed >= TW_REPLAY_PARK_AFTER;
    if (row->is_unproven && (override & TW_OVERRIDE_UNPROVEN) == 0) {
        return TW_PLAN_UNPROVEN;
    }
    return row->is_parked && (override & TW_OVERRIDE_PARKED) == 0 ? TW_PLAN_PARKED : TW_PLAN_REPLAY;
}

static bool stands_in_the_way(enum tw_plan_verdict verdict)
{
    return verdict == TW_PLAN_IN_REPLAY || verdict == TW_PLAN_UNPROVEN ||
           verdict == TW_PLAN_PARKED || verdict == TW_PLAN_PAYLOAD_EXPIRED ||
           verdict == TW_PLAN_BLOCKED;
}

/* Is it blocked by another one? */
static bool is_blocked(const struct row *row)
{
    for (size_t i = 0; i < row_count; i++) {
        const struct row *other = &rows[i];
        bool is_ahead = other->is_in && other->object == row->object && is_before(other, row) &&
                        stands_in_the_way(other->verdict);
        bool shares = other->is_in && other != row && other->verdict == TW_PLAN_BLOCKED &&
                      other->event_n == row->event_n;
        if (is_ahead || shares) {
            return true;
        }
    }
    return false;
}

static void mark_duplicates(void)
{
    for (size_t i = 0; i < row_count; i++) {
        for (size_t k = 0; k < row_count; k++) {
            struct row *a = &rows[i];
            struct row *b = &rows[k];
            bool share = a != b && a->is_in && b->is_in && a->verdict == TW_PLAN_REPLAY &&
                         b->verdict == TW_PLAN_REPLAY && a->event_n == b->event_n;
            bool a_is_first = a->is_asked != b->is_asked ? a->is_asked : is_before(a, b);
            if (share && a_is_first) {
                b->verdict = TW_PLAN_DUPLICATE;
            }
        }
    }
}

/* Does something of this object make what was not asked for go along? */
static bool has_reason(unsigned object)
{
    for (size_t i = 0; i < row_count; i++) {
        const struct row *row = &rows[i];
        if (!row->is_in || row->object != object || row->verdict != TW_PLAN_REPLAY) {
            continue;
        }
        bool is_waited_for = row->is_asked;
        for (size_t k = 0; k < row_count; k++) {
            is_waited_for |= rows[k].is_in && rows[k].verdict == TW_PLAN_DUPLICATE &&
                             rows[k].event_n == row->event_n;
        }
        if (is_waited_for) {
            return true;
        }
    }
    return false;
}

static void take_along(void)
{
    bool goes[OBJECTS];
    bool is_asked_blocked[OBJECTS] = {false};
    for (unsigned i = 0; i < OBJECTS; i++) {
        goes[i] = has_reason(i);
    }
    for (size_t i = 0; i < row_count; i++) {
        struct row *row = &rows[i];
        if (row->is_in && !row->is_asked && row->verdict == TW_PLAN_REPLAY) {
            row->verdict = goes[row->object] ? TW_PLAN_HELD : TW_PLAN_BLOCKED;
        }
        if (row->is_in && row->is_asked && row->verdict == TW_PLAN_BLOCKED) {
            is_asked_blocked[row->object] = true;
        }
    }
    for (size_t i = 0; i < row_count; i++) {
        struct row *row = &rows[i];
        bool blocks = stands_in_the_way(row->verdict) && row->verdict != TW_PLAN_BLOCKED;
        row->is_silent = !row->is_asked && row->verdict != TW_PLAN_HELD &&
                         !(blocks && is_asked_blocked[row->object]);
    }
}

static void plan_naively(unsigned override)
{
    for (size_t i = 0; i < row_count; i++) {
        rows[i].is_in = rows[i].is_asked;
    }
    for (size_t i = 0; i < row_count; i++) {
        for (size_t k = 0; k < row_count; k++) {
            const struct row *asked = &rows[i];
            bool goes = asked->is_asked && asked->state == 0 && !asked->archived &&
                        asked->system == 0 && asked->cause != TW_CAUSE_DUPLICATE;
            bool comes = rows[k].state == 0 && !rows[k].archived && rows[k].system == 0 &&
                         rows[k].cause != TW_CAUSE_DUPLICATE;
            if (goes && comes && rows[k].object == asked->object) {
                rows[k].is_in = true;
            }
        }
    }
    for (size_t i = 0; i < row_count; i++) {
        rows[i].verdict = judge(i, override);
    }
    mark_duplicates();
    for (size_t i = 0; i < row_count && !is_online; i++) {
        if (rows[i].is_in && rows[i].verdict == TW_PLAN_REPLAY) {
            rows[i].verdict = TW_PLAN_AGENT_OFFLINE;
        }
    }
    for (bool is_other = true; is_other;) {
        is_other = false;
        for (size_t i = 0; i < row_count; i++) {
            struct row *row = &rows[i];
            bool may_go = row->verdict == TW_PLAN_REPLAY || row->verdict == TW_PLAN_DUPLICATE;
            if (row->is_in && may_go && is_blocked(row)) {
                row->verdict = TW_PLAN_BLOCKED;
                is_other = true;
            }
        }
    }
    take_along();
}

/* ---- against each other ---- */

static const struct row *row_of(uint64_t failure)
{
    for (size_t i = 0; i < row_count; i++) {
        if (rows[i].id == failure) {
            return &rows[i];
        }
    }
    return NULL;
}

static unsigned overridden_of(const struct row *row)
{
    unsigned bits =
        (row->is_unproven ? TW_OVERRIDE_UNPROVEN : 0) | (row->is_parked ? TW_OVERRIDE_PARKED : 0);
    return row->verdict <= TW_PLAN_HELD ? bits : 0;
}

static void compare(unsigned seed)
{
    sqlite3_stmt *stmt = NULL;
    const struct row *before = NULL;
    size_t seen = 0;
    size_t wanted = 0;
    uint64_t sent = 0;
    uint64_t held = 0;
    assert_int_equal(sqlite3_prepare_v2(world.db,
                                        "SELECT failure, verdict, is_asked, is_silent, overridden,"
                                        " event_n FROM plan_item WHERE plan = (SELECT max(id) FROM"
                                        " plan) ORDER BY seq",
                                        -1, &stmt, NULL),
                     SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const struct row *row = row_of((uint64_t)sqlite3_column_int64(stmt, 0));
        if (row == NULL) {
            fail_msg("seed %u: a failure that is not there", seed);
            break;
        }
        bool is_same = row->is_in && (int)row->verdict == sqlite3_column_int(stmt, 1) &&
                       row->is_asked == (sqlite3_column_int(stmt, 2) != 0) &&
                       row->is_silent == (sqlite3_column_int(stmt, 3) != 0) &&
                       (int)overridden_of(row) == sqlite3_column_int(stmt, 4) &&
                       (int64_t)row->event_n == sqlite3_column_int64(stmt, 5);
        if (!is_same) {
            print_error("seed %u: failure %llu: verdict %d, model %d; silent %d, model %d\n", seed,
                        (unsigned long long)row->id, sqlite3_column_int(stmt, 1), (int)row->verdict,
                        sqlite3_column_int(stmt, 3), row->is_silent);
        }
        assert_true(is_same);
        assert_true(before == NULL || is_before(before, row));
        before = row;
        seen++;
    }
    (void)sqlite3_finalize(stmt);
    for (size_t i = 0; i < row_count; i++) {
        wanted += rows[i].is_in;
        sent += rows[i].is_in && rows[i].verdict <= TW_PLAN_HELD;
        held += rows[i].is_in && rows[i].verdict == TW_PLAN_HELD;
    }
    assert_int_equal(seen, wanted);
    assert_int_equal(world.plan.count, sent);
    assert_int_equal(world.plan.held, held);
}

/* What is started is what was planned, the first of each object ready and no other. */
static void start_and_compare(void)
{
    struct tw_replay_order order = order_of("model");
    int64_t planned = (int64_t)world.plan.count;
    order.override_reason = TW_STR_LIT("seen in the ERP: it is not there");
    assert_int_equal(start(&order), TW_OK);
    if (planned == 0) {
        assert_int_equal(world.started.outcome, TW_REPLAY_EMPTY);
        return;
    }
    assert_int_equal(world.started.outcome, TW_REPLAY_STARTED);
    assert_int_equal(number("SELECT count(*) FROM replay_item WHERE replay = (SELECT max(id) FROM"
                            " replay)"),
                     planned);
    assert_int_equal(number("SELECT count(*) FROM replay_item AS i WHERE i.replay = (SELECT max(id)"
                            " FROM replay) AND i.is_ready <> (i.seq = (SELECT min(o.seq) FROM"
                            " replay_item AS o WHERE o.replay = i.replay"
                            " AND o.object_id = i.object_id))"),
                     0);
    for (size_t i = 0; i < row_count; i++) {
        char text[128];
        (void)snprintf(text, sizeof text,
                       "SELECT count(*) FROM replay_item WHERE replay = (SELECT max(id) FROM"
                       " replay) AND failure = %llu",
                       (unsigned long long)rows[i].id);
        assert_int_equal(number(text), rows[i].is_in && rows[i].verdict <= TW_PLAN_HELD);
    }
}

static void plan__random_desks__as_the_model(void **state)
{
    (void)state;
    const char *text = getenv("TEST_PLAN_SEEDS");
    unsigned seeds = text == NULL ? 1000 : (unsigned)strtoul(text, NULL, 10);
    unsigned seen[TW_PLAN_VERDICT_COUNT] = {0};
    for (unsigned seed = 0; seed < seeds; seed++) {
        uint64_t asked[FAILURES_MAX];
        size_t count = 0;
        bool goes_there = false;
        world.kit.seed = 0x9e3779b97f4a7c15u * (seed + 1);
        tw_arena_reset(&world.arena);
        make_desk();
        for (size_t i = 0; i < row_count; i++) {
            rows[i].is_asked = rnd(2) == 0;
            if (rows[i].is_asked) {
                asked[count++] = rows[i].id;
                goes_there = goes_there || rows[i].system == 0;
            }
        }
        if (count == 0 || !goes_there) {
            continue;
        }
        struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FAILURES, asked, count);
        ask.destination = TW_STR_LIT("erp");
        ask.override = (unsigned)rnd(4);
        assert_int_equal(make(&ask), TW_OK);
        plan_naively(ask.override);
        compare(seed);
        for (size_t i = 0; i < row_count; i++) {
            seen[rows[i].verdict] += rows[i].is_in;
        }
        start_and_compare();
    }
    for (size_t i = 0; i < TW_PLAN_VERDICT_COUNT; i++) {
        assert_true(seeds < 1000 || seen[i] > 0); /* every verdict was met */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plan__random_desks__as_the_model, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
