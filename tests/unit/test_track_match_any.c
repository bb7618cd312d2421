/* SPDX-License-Identifier: Apache-2.0
 * track/match: any definitions and events against a naive evaluation; what was saved comes back;
 * memory that runs out. By name: test_track_match.c. */
#include "config.h"
#include "alloc_kit.h"
#include "match_kit.h"

/* ---- anything, against the definitions ------------------------------------------------------ */

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 20) % limit);
}

static const char *const some_types[] = {"a", "a.", "a.b", "a.b.", "a.b.c", "a.c", "b", "", "a.bb"};
static const char *const some_attributes[] = {"channel", "region", "pickup", "returnid",
                                              "loyalty", "lane",   "card"};
static const char *const some_values[] = {"", "1", "2"};

static struct tw_wf_match random_pattern(void)
{
    struct tw_wf_match match =
        pack_pattern(pack_text(some_types[random_below(9)]), random_below(3) == 0);
    uint32_t wheres = random_below(4) == 0 ? random_below(TW_WF_WHERE_MAX + 1) : 0;
    for (uint32_t i = 0; i < wheres; i++) {
        pack_add_where(&match, some_attributes[random_below(7)],
                       (enum tw_where_kind)random_below(TW_WHERE_ABSENT + 1),
                       some_values[1 + random_below(2)]);
    }
    return match;
}

static void random_pack(struct pack *pack, uint64_t version)
{
    uint32_t workflows = 1 + random_below(4);
    for (uint32_t i = 0; i < workflows; i++) {
        struct tw_workflow *workflow = pack_add_workflow(
            pack, i == 0 ? "w0" : (i == 1 ? "w1" : (i == 2 ? "w2" : "w3")), version);
        uint32_t steps = 1 + random_below(5);
        for (uint32_t k = 0; k < steps; k++) {
            struct tw_wf_step *step = pack_add_step(workflow, k == 0 ? 0 : random_below(1 << k));
            step->when = random_below(3) == 0 ? pack_text(some_attributes[random_below(7)]) : NULL;
            do {
                step->done[step->done_count++] = random_pattern();
            } while (random_below(2) == 0 && step->done_count < TW_WF_MATCHES_MAX);
            if (random_below(3) == 0) {
                step->failure[step->failure_count++] = random_pattern();
            }
            if (random_below(4) == 0) {
                step->compensation[step->compensation_count++] = random_pattern();
            }
        }
    }
}

static bool naive_has(const struct tw_event *event, const char *attribute)
{
    struct tw_str value = tw_event_attribute(event, tw_str_of(attribute));
    return value.ptr != NULL && value.len > 0;
}

static bool naive_fits(const struct tw_wf_match *match, const struct tw_event *event)
{
    const char *type = event->attr[TW_ATTR_TYPE].ptr;
    bool fits = match->is_prefix ? strncmp(type, match->event, strlen(match->event)) == 0
                                 : strcmp(type, match->event) == 0;
    for (size_t i = 0; i < match->where_count; i++) {
        const struct tw_wf_where *where = &match->where[i];
        bool has = naive_has(event, where->attribute);
        struct tw_str value = tw_event_attribute(event, tw_str_of(where->attribute));
        fits = fits && (where->kind == TW_WHERE_ABSENT ? !has : has) &&
               (where->kind != TW_WHERE_EQUALS || tw_str_is(value, where->value));
    }
    return fits;
}

static bool naive_any(const struct tw_wf_match *matches, size_t count, const struct tw_event *event)
{
    bool fits = false;
    for (size_t i = 0; i < count; i++) {
        fits = fits || naive_fits(&matches[i], event);
    }
    return fits;
}

/* -1: not a fact of this step. */
static int naive_role(const struct tw_wf_step *step, const struct tw_event *event)
{
    struct tw_str outcome = event->attr[TW_ATTR_OUTCOME];
    bool is_done = naive_any(step->done, step->done_count, event);
    if (naive_any(step->compensation, step->compensation_count, event) ||
        (is_done && tw_str_is(outcome, "compensated"))) {
        return TW_FACT_COMPENSATION;
    }
    if (naive_any(step->failure, step->failure_count, event) ||
        (is_done && (tw_str_is(outcome, "failed") || tw_str_is(outcome, "deadletter")))) {
        return TW_FACT_FAILED;
    }
    return !is_done ? -1 : (tw_str_is(outcome, "retrying") ? TW_FACT_RETRYING : TW_FACT_DONE);
}

static void check_naively(struct tw_matcher *matcher, const struct tw_event *event)
{
    const struct tw_match_entry *entries = NULL;
    size_t count = tw_matcher_entries(matcher, pack_match(matcher, event).id, &entries);
    size_t met = 0;
    for (uint32_t version = 0; version < tw_matcher_version_count(matcher); version++) {
        const struct tw_workflow *workflow = tw_matcher_workflow(matcher, version);
        for (size_t step = 0; workflow != NULL && step < workflow->step_count; step++) {
            int role = naive_role(&workflow->steps[step], event);
            uint32_t present = 0;
            if (role < 0) {
                continue;
            }
            for (size_t k = 0; workflow->steps[step].after == 0 && k < workflow->step_count; k++) {
                const char *when = workflow->steps[k].when;
                present |= when != NULL && naive_has(event, when) ? UINT32_C(1) << k : 0;
            }
            assert_true(met < count);
            assert_int_equal(entries[met].version, version);
            assert_int_equal(entries[met].step, step);
            assert_int_equal(entries[met].role, role);
            assert_int_equal(entries[met].present, present);
            met++;
        }
    }
    assert_int_equal(met, count);
}

static struct tw_event random_event(struct tw_event_extra *extras)
{
    static const char *const outcomes[] = {NULL,       "ok",         "failed",
                                           "retrying", "deadletter", "compensated"};
    struct tw_event event = pack_event(
        random_below(12) == 0 ? "a.b.d" : some_types[random_below(9)], outcomes[random_below(6)]);
    event.extras = extras;
    for (int i = 0; i < 7; i++) {
        struct tw_str name = tw_str_of(some_attributes[i]);
        struct tw_str value = tw_str_of(some_values[random_below(3)]);
        if (random_below(2) == 0) {
            continue;
        }
        if (tw_attribute_find(name) >= 0) {
            event.attr[tw_attribute_find(name)] = value;
        } else {
            extras[event.extra_count++] = (struct tw_event_extra){name, value};
        }
    }
    return event;
}

static void match__any_definitions_and_events__as_they_say(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct pack packs[3];
        memset(packs, 0, sizeof packs);
        random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
        for (uint64_t i = 0; i < 3; i++) {
            random_pack(&packs[i], 1 + random_below(3));
        }
        struct tw_matcher *matcher = pack_matcher(&packs[0].set);
        for (int round = 0; round < 4; round++) {
            for (int i = 0; i < 60; i++) {
                struct tw_event_extra extras[7];
                struct tw_event event = random_event(extras);
                check_naively(matcher, &event);
            }
            if (round < 2) {
                assert_int_equal(tw_matcher_set(matcher, &packs[round + 1].set), TW_OK);
            } else if (!tw_matcher_is_current(matcher, 0)) {
                assert_int_equal(tw_matcher_retire(matcher, 0), TW_OK);
                break;
            }
        }
        tw_matcher_destroy(&matcher);
    }
}

/* ---- as bytes ------------------------------------------------------------------------------- */

/* A matcher that has seen all that random_event() makes of a few. */
static struct tw_matcher *busy_matcher(struct pack *packs, struct tw_buf *buf)
{
    random_state = 12345;
    random_pack(&packs[0], 1);
    random_pack(&packs[1], 2);
    struct tw_matcher *matcher = pack_matcher(&packs[0].set);
    assert_int_equal(tw_matcher_set(matcher, &packs[1].set), TW_OK);
    for (int i = 0; i < 300; i++) {
        struct tw_event_extra extras[7];
        struct tw_event event = random_event(extras);
        (void)pack_match(matcher, &event);
    }
    tw_buf_init(buf, 1 << 20);
    assert_int_equal(tw_matcher_save(matcher, buf), TW_OK);
    return matcher;
}

static void matcher_restore__what_was_saved__ids_are_what_they_were(void **state)
{
    (void)state;
    struct pack packs[2];
    struct tw_buf buf;
    memset(packs, 0, sizeof packs);
    struct tw_matcher *before = busy_matcher(packs, &buf);
    /* versions are numbered the other way round; one of them is known after the restart only */
    struct tw_matcher *after = pack_matcher(&packs[1].set);
    assert_int_equal(tw_matcher_add(after, &packs[0].set), TW_OK);
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_matcher_restore(after, &cursor), TW_OK);
    assert_true(cursor.p == cursor.end);
    assert_int_equal(tw_matcher_id_count(before), tw_matcher_id_count(after));
    assert_true(tw_matcher_id_count(before) > 20);
    for (int i = 0; i < 500; i++) {
        struct tw_event_extra extras[7];
        struct tw_event event = random_event(extras);
        check_naively(after, &event);
        uint32_t known = tw_matcher_id_count(before);
        uint32_t id = pack_match(before, &event).id;
        if (id < known) {
            assert_int_equal(pack_match(after, &event).id, id);
        }
    }
    tw_matcher_destroy(&before);
    tw_matcher_destroy(&after);
    tw_buf_fini(&buf);
}

static void matcher_restore__version_not_known__its_members_are_dropped(void **state)
{
    (void)state;
    struct pack packs[2];
    struct tw_buf buf;
    memset(packs, 0, sizeof packs);
    struct tw_matcher *before = busy_matcher(packs, &buf);
    struct tw_matcher *after = pack_matcher(&packs[1].set);
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_matcher_restore(after, &cursor), TW_OK);
    assert_int_equal(tw_matcher_id_count(before), tw_matcher_id_count(after));
    for (uint32_t id = 1; id < tw_matcher_id_count(before); id++) {
        const struct tw_match_entry *old = NULL;
        const struct tw_match_entry *kept = NULL;
        size_t old_count = tw_matcher_entries(before, id, &old);
        size_t kept_count = tw_matcher_entries(after, id, &kept);
        size_t expected = 0;
        for (size_t i = 0; i < old_count; i++) {
            if (tw_matcher_is_current(before, old[i].version)) {
                assert_int_equal(kept[expected].step, old[i].step);
                assert_int_equal(kept[expected].role, old[i].role);
                expected++;
            }
        }
        assert_int_equal(kept_count, expected);
    }
    tw_matcher_destroy(&before);
    tw_matcher_destroy(&after);
    tw_buf_fini(&buf);
}

static void matcher_restore__no_version_known__leaves_sets_without_members(void **state)
{
    (void)state;
    struct pack packs[3];
    struct tw_buf buf;
    memset(packs, 0, sizeof packs);
    struct tw_matcher *before = busy_matcher(packs, &buf);
    random_pack(&packs[2], 3);
    struct tw_matcher *after = pack_matcher(&packs[2].set);
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_matcher_restore(after, &cursor), TW_OK);
    assert_int_equal(tw_matcher_id_count(before), tw_matcher_id_count(after));
    for (uint32_t id = 1; id < tw_matcher_id_count(after); id++) {
        const struct tw_match_entry *entries = NULL;
        assert_int_equal(tw_matcher_entries(after, id, &entries), 0);
    }
    for (int i = 0; i < 30; i++) {
        struct tw_event_extra extras[7];
        struct tw_event event = random_event(extras);
        check_naively(after, &event);
    }
    tw_matcher_destroy(&before);
    tw_matcher_destroy(&after);
    tw_buf_fini(&buf);
}

static int restore_bytes(const struct pack *packs, const char *bytes, size_t len)
{
    struct tw_matcher *matcher = pack_matcher(&packs[1].set);
    assert_int_equal(tw_matcher_add(matcher, &packs[0].set), TW_OK);
    struct tw_cursor cursor = tw_cursor_of(bytes, len);
    int err = tw_matcher_restore(matcher, &cursor);
    assert_true(err == TW_OK || tw_matcher_id_count(matcher) == 1);
    for (int i = 0; i < 30; i++) {
        struct tw_event_extra extras[7];
        struct tw_event event = random_event(extras);
        check_naively(matcher, &event);
    }
    tw_matcher_destroy(&matcher);
    return err;
}

static void matcher_restore__damage__is_refused_or_harmless(void **state)
{
    (void)state;
    struct pack packs[2];
    struct tw_buf buf;
    memset(packs, 0, sizeof packs);
    struct tw_matcher *before = busy_matcher(packs, &buf);
    tw_matcher_destroy(&before);
    for (size_t len = 0; len < buf.len; len++) {
        assert_int_equal(restore_bytes(packs, buf.data, len), TW_EDAMAGED);
    }
    for (size_t at = 0; at < buf.len; at++) {
        char was = buf.data[at];
        buf.data[at] = (char)(was ^ (1 << random_below(8)));
        (void)restore_bytes(packs, buf.data, buf.len); /* either is fine: it did not crash */
        buf.data[at] = was;
    }
    tw_buf_fini(&buf);
}

/* ---- memory --------------------------------------------------------------------------------- */

static int short_life(struct pack *packs, const struct tw_buf *saved)
{
    struct tw_matcher *matcher = NULL;
    int err = tw_matcher_new(&matcher);
    if (err == TW_OK) {
        err = tw_matcher_set(matcher, &packs[0].set);
    }
    if (err == TW_OK) {
        err = tw_matcher_set(matcher, &packs[1].set);
    }
    if (err == TW_OK) {
        struct tw_cursor cursor = tw_cursor_of(saved->data, saved->len);
        err = tw_matcher_restore(matcher, &cursor);
    }
    random_state = 777;
    for (int i = 0; err == TW_OK && i < 400; i++) {
        struct tw_event_extra extras[7];
        struct tw_event event = random_event(extras);
        struct tw_match match;
        err = tw_matcher_match(matcher, &event, &match);
    }
    if (err == TW_OK) {
        err = tw_matcher_retire(matcher, 0);
    }
    tw_matcher_destroy(&matcher);
    return err;
}

static void matcher__allocation_fails__says_so_and_leaks_nothing(void **state)
{
    (void)state;
    struct pack packs[2];
    struct tw_buf buf;
    memset(packs, 0, sizeof packs);
    struct tw_matcher *matcher = busy_matcher(packs, &buf);
    tw_matcher_destroy(&matcher);
    int err = TW_ENOMEM;
    for (size_t fails = 1; err != TW_OK; fails++) {
        alloc_count = 0;
        alloc_failing = fails;
        err = short_life(packs, &buf);
        alloc_failing = 0;
        assert_true(err == TW_OK || err == TW_ENOMEM);
        assert_int_equal(pack_references, 0);
        assert_true(fails < 10000);
    }
    tw_buf_fini(&buf);
}

#define CASE(name) cmocka_unit_test_teardown(name, no_references_left)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(match__any_definitions_and_events__as_they_say),
        CASE(matcher_restore__what_was_saved__ids_are_what_they_were),
        CASE(matcher_restore__version_not_known__its_members_are_dropped),
        CASE(matcher_restore__no_version_known__leaves_sets_without_members),
        CASE(matcher_restore__damage__is_refused_or_harmless),
        CASE(matcher__allocation_fails__says_so_and_leaks_nothing),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
