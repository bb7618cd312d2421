/* SPDX-License-Identifier: Apache-2.0
 * correlate/sources: sequence gaps, limits, rates, checkpoint and restore. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/err.h"
#include "correlate/sources.h"

#define NOW_NS (INT64_C(1795255200) * TW_NS_PER_S)

static char everything[] = "*";
static struct tw_cfg_source all_sequenced = {.match = everything, .is_sequenced = true};

struct fixture {
    struct tw_cfg cfg;
    struct tw_sources *sources;
    struct tw_totals totals;
    struct tw_arena arena;
};

static void open_fixture(struct fixture *self)
{
    *self = (struct fixture){0};
    self->cfg.correlate.max_sources = 3;
    self->cfg.correlate.max_gap_ranges = 4;
    self->cfg.sources = &all_sequenced;
    self->cfg.source_count = 1;
    tw_arena_init(&self->arena, 1 << 20);
    assert_int_equal(tw_sources_new(&self->cfg, &self->sources), TW_OK);
}

static void close_fixture(struct fixture *self)
{
    tw_sources_destroy(&self->sources);
    tw_arena_fini(&self->arena);
}

static struct tw_source *get(struct fixture *self, const char *name)
{
    struct tw_source *source = NULL;
    uint64_t hash = strlen(name) * 31 + (unsigned char)name[0];
    assert_int_equal(tw_sources_get(self->sources, tw_str_of(name), hash, &source), TW_OK);
    return source;
}

static void see(struct fixture *self, const char *name, const char *sequence)
{
    const struct tw_source_fact fact = {
        .kind = TW_RECORD_EVENT,
        .received = {NOW_NS},
        .has_time = true,
        .time = {NOW_NS},
        .sequence = tw_str_of(sequence),
    };
    assert_int_equal(tw_source_apply(self->sources, get(self, name), &fact, &self->totals), TW_OK);
}

/* The state of a source as a checkpoint gives it. */
static struct tw_source_state state_of(struct fixture *self, const char *name)
{
    const struct tw_source_state *states = NULL;
    size_t count = 0;
    assert_int_equal(tw_sources_checkpoint(self->sources, true, (tw_wall_t){NOW_NS}, &self->arena,
                                           &states, &count),
                     TW_OK);
    for (size_t i = 0; i < count; i++) {
        if (tw_str_is(states[i].name, name)) {
            return states[i];
        }
    }
    fail_msg("no state of %s", name);
    return (struct tw_source_state){0};
}

static void source_apply__random_order__equals_the_set_of_numbers(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u;
    for (int round = 0; round < 300; round++) {
        struct fixture f;
        open_fixture(&f);
        f.cfg.correlate.max_gap_ranges = 1000;
        bool is_there[200] = {false};
        int order[200];
        int count = 0;
        for (int i = 0; i < 200; i++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            if (x % 3 != 0) {
                is_there[i] = true;
                order[count++] = i;
            }
        }
        for (int i = count - 1; i > 0; i--) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            int j = (int)(x % (uint64_t)(i + 1));
            int kept = order[i];
            order[i] = order[j];
            order[j] = kept;
        }
        for (int i = 0; i < count; i++) {
            char number[24];
            (void)snprintf(number, sizeof number, "%020d", order[i]);
            see(&f, "/a", number);
        }
        struct tw_source_state s = state_of(&f, "/a");
        uint64_t missing = 0;
        for (uint64_t i = s.sequence_base; i <= s.sequence_highest; i++) {
            bool in_gap = false;
            for (uint32_t g = 0; g < s.gap_count; g++) {
                in_gap = in_gap || (i >= s.gaps[g].first && i <= s.gaps[g].last);
            }
            assert_true(in_gap == !is_there[i]);
            missing += is_there[i] ? 0 : 1;
        }
        assert_int_equal(s.missing, missing);
        assert_int_equal(s.rewinds, 0);
        assert_int_equal(s.events, count);
        close_fixture(&f);
    }
}

static void source_apply__too_many_gaps__forgets_the_oldest_but_counts_it(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    const char *const numbers[] = {"1", "3", "5", "7", "9"};
    for (size_t i = 0; i < 5; i++) {
        see(&f, "/a", numbers[i]);
    }
    struct tw_source_state s = state_of(&f, "/a");
    assert_int_equal(s.gap_count, 4); /* exactly at the limit */
    assert_int_equal(s.forgotten, 0);
    see(&f, "/a", "12");
    s = state_of(&f, "/a");
    assert_int_equal(s.gap_count, 4);
    assert_int_equal(s.missing, 6);
    assert_int_equal(s.forgotten, 1);
    assert_int_equal(s.gaps[0].first, 4);
    assert_int_equal(s.gaps[3].first, 10);
    assert_int_equal(s.gaps[3].last, 11);
    assert_int_equal(f.totals.v[TW_TOTAL_sequence_gaps], 5);
    close_fixture(&f);
}

static void source_apply__far_below_the_base__is_a_rewind(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    see(&f, "/a", "5000");
    see(&f, "/a", "4000"); /* TW_SEQUENCE_EARLY below: early, not a rewind */
    struct tw_source_state s = state_of(&f, "/a");
    assert_int_equal(s.rewinds, 0);
    assert_int_equal(s.missing, 999);
    see(&f, "/a", "2999"); /* one further */
    s = state_of(&f, "/a");
    assert_int_equal(s.rewinds, 1);
    assert_int_equal(s.sequence_highest, 2999);
    assert_int_equal(s.missing, 999);
    assert_int_equal(s.forgotten, 999);
    assert_int_equal(f.totals.v[TW_TOTAL_sequence_rewinds], 1);
    close_fixture(&f);
}

static void source_apply__unreadable_numbers__are_counted(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    static const char *const bad[] = {"", "x", "-1", "1.0", "1234567890123456789", " 1", "1 "};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        see(&f, "/a", bad[i]);
        assert_int_equal(f.totals.v[TW_TOTAL_sequence_unreadable], i + 1);
    }
    see(&f, "/a", "999999999999999999"); /* the largest */
    assert_int_equal(f.totals.v[TW_TOTAL_sequence_unreadable], sizeof bad / sizeof bad[0]);
    assert_true(state_of(&f, "/a").sequence_highest == UINT64_C(999999999999999999));
    close_fixture(&f);
}

static void sources_get__past_the_limit__shares_the_other(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    see(&f, "/a", "1");
    see(&f, "/bb", "1");
    see(&f, "/ccc", "1");
    assert_int_equal(f.totals.v[TW_TOTAL_sources_over_limit], 0);
    see(&f, "/dddd", "1");
    see(&f, "/eeeee", "7");
    assert_true(get(&f, "/dddd") == get(&f, "/eeeee"));
    assert_true(tw_source_is_other(get(&f, "/dddd")));
    assert_false(tw_source_is_other(get(&f, "/ccc")));
    assert_int_equal(f.totals.v[TW_TOTAL_sources_over_limit], 2);
    assert_int_equal(state_of(&f, "(other)").missing, 0);
    close_fixture(&f);
}

static void sources_restore__a_checkpoint__goes_on_as_before(void **state)
{
    (void)state;
    struct fixture f;
    struct fixture g;
    open_fixture(&f);
    open_fixture(&g);
    see(&f, "/a", "1");
    see(&f, "/a", "4");
    see(&f, "/bb", "9");
    const struct tw_source_state *states = NULL;
    size_t count = 0;
    assert_int_equal(
        tw_sources_checkpoint(f.sources, false, (tw_wall_t){NOW_NS}, &f.arena, &states, &count),
        TW_OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = states[i].name.len * 31 + (unsigned char)states[i].name.ptr[0];
        assert_int_equal(tw_sources_restore(g.sources, &states[i], hash), TW_OK);
    }
    see(&f, "/a", "2");
    see(&g, "/a", "2");
    struct tw_source_state a = state_of(&f, "/a");
    struct tw_source_state b = state_of(&g, "/a");
    assert_int_equal(a.missing, 1);
    assert_int_equal(b.missing, 1);
    assert_int_equal(b.gap_count, 1);
    assert_int_equal(b.gaps[0].first, 3);
    assert_int_equal(a.events, b.events);
    const struct tw_source_state *fresh = NULL;
    assert_int_equal(tw_sources_take_new(g.sources, &g.arena, &fresh, &count), TW_OK);
    assert_int_equal(count, 0); /* restored ones are not new */
    struct tw_source_state odd = states[0];
    odd.number = 7;
    assert_int_equal(tw_sources_restore(g.sources, &odd, 1), TW_EDAMAGED);
    close_fixture(&f);
    close_fixture(&g);
}

static void see_store(struct fixture *self, const char *name, enum tw_record_kind kind,
                      const char *store)
{
    const struct tw_source_fact fact = {
        .kind = kind, .received = {NOW_NS}, .store = tw_str_of(store)};
    assert_int_equal(tw_source_apply(self->sources, get(self, name), &fact, &self->totals), TW_OK);
}

static void assert_store(struct fixture *self, const char *name, const char *store)
{
    struct tw_source_state s = state_of(self, name);
    assert_false(s.has_stores);
    assert_true(store == NULL ? s.store.ptr == NULL : tw_str_is(s.store, store));
}

static void assert_several(struct fixture *self, const char *name)
{
    struct tw_source_state s = state_of(self, name);
    assert_true(s.has_stores);
    assert_null(s.store.ptr);
}

static void source_apply__one_store__is_its_store_until_another_is_named(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    see_store(&f, "/a", TW_RECORD_EVENT, NULL);
    see_store(&f, "/a", TW_RECORD_EVENT, "");
    assert_store(&f, "/a", NULL);
    see_store(&f, "/a", TW_RECORD_CONFLICT, "0009"); /* neither is counted as an event */
    see_store(&f, "/a", TW_RECORD_DUPLICATE, "0009");
    assert_store(&f, "/a", NULL);
    see_store(&f, "/a", TW_RECORD_EVENT, "0042");
    see_store(&f, "/a", TW_RECORD_EVENT, NULL);
    see_store(&f, "/a", TW_RECORD_EVENT, "0042");
    assert_store(&f, "/a", "0042");
    see_store(&f, "/a", TW_RECORD_EVENT, "004"); /* the beginning of a name is another one */
    assert_several(&f, "/a");
    see_store(&f, "/a", TW_RECORD_EVENT, "0042");
    assert_several(&f, "/a");
    close_fixture(&f);
}

static void sources_restore__stores__are_known_and_go_on(void **state)
{
    (void)state;
    struct fixture f;
    struct fixture g;
    const struct tw_source_state *states = NULL;
    size_t count = 0;
    open_fixture(&f);
    open_fixture(&g);
    see_store(&f, "/a", TW_RECORD_EVENT, "0042");
    see_store(&f, "/bb", TW_RECORD_EVENT, NULL);
    see_store(&f, "/ccc", TW_RECORD_EVENT, "0042");
    see_store(&f, "/ccc", TW_RECORD_EVENT, "0007");
    assert_int_equal(
        tw_sources_checkpoint(f.sources, true, (tw_wall_t){NOW_NS}, &f.arena, &states, &count),
        TW_OK);
    for (size_t round = 0; round < 2; round++) { /* the second time as an update */
        for (size_t i = 0; i < count; i++) {
            uint64_t hash = states[i].name.len * 31 + (unsigned char)states[i].name.ptr[0];
            assert_int_equal(tw_sources_restore(g.sources, &states[i], hash), TW_OK);
        }
    }
    close_fixture(&f); /* nothing of it is borrowed */
    assert_store(&g, "/a", "0042");
    assert_store(&g, "/bb", NULL);
    assert_several(&g, "/ccc");
    see_store(&g, "/a", TW_RECORD_EVENT, "0007");
    see_store(&g, "/bb", TW_RECORD_EVENT, "0007");
    assert_several(&g, "/a");
    assert_store(&g, "/bb", "0007");
    close_fixture(&g);
}

static void sources_checkpoint__only_changed__and_rates_decay_to_nothing(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    const struct tw_source_state *states = NULL;
    size_t count = 0;
    int64_t now = NOW_NS;
    see(&f, "/a", "1");
    (void)tw_sources_checkpoint(f.sources, false, (tw_wall_t){now}, &f.arena, &states, &count);
    assert_int_equal(count, 1);
    (void)tw_sources_checkpoint(f.sources, false, (tw_wall_t){now}, &f.arena, &states, &count);
    assert_int_equal(count, 0);
    for (int second = 0; second < 600; second++) {
        now += TW_NS_PER_S;
        for (int i = 0; i < 10; i++) {
            see(&f, "/a", NULL);
        }
        (void)tw_sources_checkpoint(f.sources, false, (tw_wall_t){now}, &f.arena, &states, &count);
        assert_int_equal(count, 1);
    }
    assert_true(states[0].rate > 9.9 && states[0].rate < 10.1);
    int idle = 0;
    while (count == 1) {
        now += TW_NS_PER_S;
        tw_arena_reset(&f.arena);
        (void)tw_sources_checkpoint(f.sources, false, (tw_wall_t){now}, &f.arena, &states, &count);
        idle++;
        assert_true(idle < 2000);
    }
    struct tw_source_state s = state_of(&f, "/a");
    assert_true(s.rate <= 0.0);
    close_fixture(&f);
}

static void source_apply__clock_ahead__shows_as_negative_transit(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct tw_source_fact fact = {.kind = TW_RECORD_EVENT,
                                  .received = {NOW_NS},
                                  .has_time = true,
                                  .time = {NOW_NS + 90 * TW_NS_PER_S}};
    assert_int_equal(tw_source_apply(f.sources, get(&f, "/a"), &fact, &f.totals), TW_OK);
    assert_true(state_of(&f, "/a").transit_min_ns == -90 * TW_NS_PER_S);
    /* Set right: after two windows the old minimum is gone. */
    for (int i = 1; i <= 3; i++) {
        fact.received.ns = NOW_NS + i * 301 * TW_NS_PER_S;
        fact.time.ns = fact.received.ns - TW_NS_PER_S;
        assert_int_equal(tw_source_apply(f.sources, get(&f, "/a"), &fact, &f.totals), TW_OK);
    }
    assert_true(state_of(&f, "/a").transit_min_ns == TW_NS_PER_S);
    assert_int_equal(state_of(&f, "/a").out_of_order, 0);
    fact.kind = TW_RECORD_DUPLICATE;
    assert_int_equal(tw_source_apply(f.sources, get(&f, "/a"), &fact, &f.totals), TW_OK);
    assert_int_equal(state_of(&f, "/a").duplicates, 1);
    assert_int_equal(state_of(&f, "/a").events, 4);
    close_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(source_apply__random_order__equals_the_set_of_numbers),
        cmocka_unit_test(source_apply__too_many_gaps__forgets_the_oldest_but_counts_it),
        cmocka_unit_test(source_apply__far_below_the_base__is_a_rewind),
        cmocka_unit_test(source_apply__unreadable_numbers__are_counted),
        cmocka_unit_test(sources_get__past_the_limit__shares_the_other),
        cmocka_unit_test(sources_restore__a_checkpoint__goes_on_as_before),
        cmocka_unit_test(source_apply__one_store__is_its_store_until_another_is_named),
        cmocka_unit_test(sources_restore__stores__are_known_and_go_on),
        cmocka_unit_test(sources_checkpoint__only_changed__and_rates_decay_to_nothing),
        cmocka_unit_test(source_apply__clock_ahead__shows_as_negative_transit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
