/* SPDX-License-Identifier: Apache-2.0
 * track/stores, live_stores: what waits in each store, at its limits; and what documents show. That
 * the counts equal those of all runs counted anew, in any order and over restarts, is shown by
 * test_track_permutations. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tracker_kit.h"

static const char definition[] =
    "name: sale\nowner: o\ntiming: queued\nobject: transaction\n"
    "steps:\n"
    "  - {name: sold, system: pos, event: sold}\n"
    "  - {name: routed, system: middleware, event: routed, after: sold, within: 1min}\n"
    "  - {name: posted, system: erp, event: posted, after: routed, within: 1min,\n"
    "     destination: true}\n"
    "  - {name: accrued, system: loyalty, event: accrued, after: routed, within: 1min,\n"
    "     destination: true}\n"
    "objectives:\n"
    "  - {name: in-time, kind: latency, step: posted, within: 1min, target: 99%, window: 30d}\n";

static uint32_t word_of(const struct kit_tracker *self, int store)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%04d", store);
    return tw_words_find(&self->tracker->stores, tw_str_of(name));
}

static void expect_row(struct kit_tracker *self, int store, uint64_t waiting, uint64_t overdue,
                       uint64_t failed)
{
    const struct tw_store_stats *row = &self->tracker->store_stats[word_of(self, store)];
    assert_int_equal(row->waiting, waiting);
    assert_int_equal(row->overdue, overdue);
    assert_int_equal(row->failed, failed);
}

/* Since when the oldest waits, after NOW_S; -1: none does. */
static int64_t oldest_of(struct kit_tracker *self, uint32_t index)
{
    struct tw_store_oldest oldest;
    return tw_stores_oldest(self->tracker, index, &oldest) ? oldest.since_ns / TW_NS_PER_S - NOW_S
                                                           : -1;
}

static void stores__a_run__is_counted_by_its_steps(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    kt_apply(&self, "sold", 1, 42, 0);
    expect_row(&self, 42, 1, 0, 0);
    assert_int_equal(oldest_of(&self, word_of(&self, 42)), 0);
    kt_apply(&self, "routed", 1, 42, 10); /* now it waits for two */
    expect_row(&self, 42, 2, 0, 0);
    assert_int_equal(oldest_of(&self, word_of(&self, 42)), 10);
    kt_apply(&self, "posted failed", 1, 42, 20);
    expect_row(&self, 42, 1, 0, 1);
    kt_tick(&self, 100);
    expect_row(&self, 42, 0, 1, 1);
    assert_int_equal(oldest_of(&self, word_of(&self, 42)), 10);
    kt_apply(&self, "accrued", 1, 42, 110);
    expect_row(&self, 42, 0, 0, 1);
    assert_int_equal(oldest_of(&self, word_of(&self, 42)), -1);
    kt_apply(&self, "posted", 1, 42, 120);
    expect_row(&self, 42, 0, 0, 0);
    kt_close(&self);
}

static void stores__an_earlier_event_of_another_store__takes_the_run_along(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    kt_apply(&self, "routed", 1, 2, 50);
    kt_apply(&self, "sold", 1, 2, 40);
    expect_row(&self, 2, 2, 0, 0);
    kt_apply(&self, "sold", 1, 1, 30); /* it happened before, and in store 1 */
    expect_row(&self, 1, 2, 0, 0);
    expect_row(&self, 2, 0, 0, 0);
    assert_int_equal(oldest_of(&self, word_of(&self, 1)), 50);
    assert_int_equal(oldest_of(&self, word_of(&self, 2)), -1);
    kt_close(&self);
}

static void stores__a_run_without_store__belongs_to_none(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    kt_apply(&self, "sold", 1, 0, 0);
    assert_int_equal(self.tracker->store_stats_count, 0);
    kt_tick(&self, 1);
    json_t *overview = kt_document(kt_emit(&self), "overview");
    assert_int_equal(json_array_size(json_object_get(overview, "stores")), 0);
    json_decref(overview);
    kt_close(&self);
}

static int64_t member(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static void stores__more_than_the_limit__are_counted_as_others(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    for (int i = 1; i <= TW_TRACK_STORES_MAX; i++) {
        kt_apply(&self, "sold", i, i, 0);
    }
    kt_tick(&self, 1);
    json_t *overview = kt_document(kt_emit(&self), "overview");
    const json_t *totals = json_object_get(overview, "store_totals");
    assert_true(json_is_null(json_object_get(totals, "other"))); /* all of them have a row */
    assert_int_equal(member(totals, "waiting"), TW_TRACK_STORES_MAX);
    json_decref(overview);
    kt_apply(&self, "sold", TW_TRACK_STORES_MAX + 1, TW_TRACK_STORES_MAX + 1, 1);
    kt_apply(&self, "sold", TW_TRACK_STORES_MAX + 2, TW_TRACK_STORES_MAX + 2, 2);
    kt_apply(&self, "sold", TW_TRACK_STORES_MAX + 3, TW_TRACK_STORES_MAX + 1, 3);
    assert_int_equal(self.tracker->store_stats_count, TW_TRACK_STORES_MAX + 1);
    assert_int_equal(self.tracker->store_stats[0].waiting, 3);
    assert_int_equal(oldest_of(&self, 0), 1);
    kt_tick(&self, 12);
    const struct tw_track_changes *changes = kt_emit(&self);
    overview = kt_document(changes, "overview");
    totals = json_object_get(overview, "store_totals");
    const json_t *other = json_object_get(totals, "other");
    assert_int_equal(member(totals, "stores"), TW_TRACK_STORES_MAX + 2);
    assert_int_equal(member(totals, "waiting"), TW_TRACK_STORES_MAX + 3);
    assert_int_equal(member(other, "stores"), 2);
    assert_int_equal(member(other, "waiting"), 3);
    assert_float_equal(json_real_value(json_object_get(other, "oldest_age")), 11.0, 1e-9);
    json_t *all = kt_document(changes, "stores");
    assert_int_equal(json_array_size(json_object_get(all, "stores")), TW_TRACK_STORES_MAX);
    assert_int_equal(member(json_object_get(all, "other"), "waiting"), 3);
    json_decref(all);
    json_decref(overview);
    kt_close(&self);
}

/* Entries of runs that are done lie behind the one that is not: they must not pile up. */
static void stores__one_stuck_run__does_not_keep_those_that_pass(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    kt_apply(&self, "sold", 0, 1, 0);
    for (int i = 1; i <= 20000; i++) {
        kt_apply(&self, "sold", i, 1, i);
        kt_apply(&self, "routed", i, 1, i);
        kt_apply(&self, "posted", i, 1, i);
        kt_apply(&self, "accrued", i, 1, i);
    }
    const struct tw_store_stats *row = &self.tracker->store_stats[word_of(&self, 1)];
    assert_int_equal(row->waiting, 1);
    assert_true(row->capacity <= 128);
    assert_int_equal(oldest_of(&self, word_of(&self, 1)), 0);
    kt_close(&self);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* The oldest of a store by looking at every run. */
static int64_t naive_oldest(const struct kit_tracker *self, uint32_t store)
{
    int64_t oldest_ns = INT64_MAX;
    for (uint32_t id = 0; id < self->tracker->run_count; id++) {
        const struct tw_open_run *run = self->tracker->runs[id];
        for (size_t i = 0; run != NULL && run->store == store && i < 4; i++) {
            enum tw_waits waits = tw_run_waits(run, i);
            bool does_wait = waits == TW_WAITS_IN_TIME || waits == TW_WAITS_OVERDUE;
            oldest_ns =
                does_wait && tw_run_since(run, i) < oldest_ns ? tw_run_since(run, i) : oldest_ns;
        }
    }
    return oldest_ns == INT64_MAX ? -1 : oldest_ns / TW_NS_PER_S - NOW_S;
}

/* Hundreds of runs of three stores whose events come in any order, from before and from now; runs
 * end, are forgotten, and their places are taken by others. */
static void stores__any_events__the_oldest_is_that_of_all_runs(void **unused)
{
    (void)unused;
    static const char *const types[] = {"sold", "routed", "posted", "posted failed", "accrued"};
    struct kit_tracker self;
    kt_open(&self, "", definition);
    uint64_t random = 88172645463325252;
    for (int i = 1; i <= 30000; i++) {
        int receipt = i / 20 + (int)(next_random(&random) % 60);
        int64_t at_s = i / 10 - (int64_t)(next_random(&random) % 300);
        kt_apply(&self, types[next_random(&random) % 5], receipt,
                 (int)(next_random(&random) % 3) + 1, at_s);
        if (next_random(&random) % 10 == 0) {
            kt_tick(&self, i / 10);
        }
        if (next_random(&random) % 50 == 0) {
            for (int store = 1; store <= 3; store++) {
                uint32_t word = word_of(&self, store);
                bool is_there = word != 0 && word < self.tracker->store_stats_count;
                assert_int_equal(is_there ? oldest_of(&self, word) : -1,
                                 is_there ? naive_oldest(&self, word) : -1);
            }
        }
    }
    assert_true(self.tracker->live_runs < 1500); /* some were forgotten */
    kt_close(&self);
}

static const char *name_at(const json_t *list, size_t i)
{
    return json_string_value(json_object_get(json_array_get(list, i), "store"));
}

static void stores__overview__has_the_worst_first(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    for (int i = 1; i <= 30; i++) { /* store 30 waits longest */
        kt_apply(&self, "sold", i, i, 40 - i);
    }
    kt_apply(&self, "routed", 7, 7, 41);
    kt_apply(&self, "posted failed", 7, 7, 41);
    kt_tick(&self, 45);
    json_t *overview = kt_document(kt_emit(&self), "overview");
    const json_t *stores = json_object_get(overview, "stores");
    assert_int_equal(json_array_size(stores), 20);
    assert_string_equal(name_at(stores, 0), "0007");
    assert_string_equal(name_at(stores, 1), "0030");
    assert_string_equal(name_at(stores, 19), "0012");
    const json_t *first = json_array_get(stores, 0);
    assert_int_equal(member(first, "failed"), 1);
    assert_int_equal(member(first, "waiting"), 1);
    assert_float_equal(json_real_value(json_object_get(first, "oldest_age")), 4.0, 1e-9);
    assert_int_equal(member(json_object_get(overview, "store_totals"), "late"), 1);
    json_decref(overview);
    kt_close(&self);
}

static void stores__events_from_before__say_how_far_behind_it_is(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    kt_apply(&self, "sold", 1, 1, 3000);
    kt_apply(&self, "sold", 2, 2, 600); /* it was off line, and this is what it kept */
    kt_tick(&self, 3100);
    json_t *all = kt_document(kt_emit(&self), "stores");
    const json_t *stores = json_object_get(all, "stores");
    const json_t *on = json_array_get(stores, 0);
    const json_t *off = json_array_get(stores, 1);
    assert_float_equal(json_real_value(json_object_get(on, "event_lag")), 0.0, 1e-9);
    assert_float_equal(json_real_value(json_object_get(off, "event_lag")), 2400.0, 1e-9);
    json_decref(all);
    kt_close(&self);
}

static void clocks__those_that_are_wrong__are_told_with_the_number_of_their_source(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    kt_apply(&self, "sold", 1, 1, 3000);
    kt_tick(&self, 3001);
    json_t *all = kt_document(kt_emit(&self), "stores");
    assert_int_equal(json_array_size(json_object_get(all, "clocks")), 0);
    json_decref(all);
    assert_true(self.tracker->skew_count > 3);
    self.tracker->skews[3].offset_ns = -3 * TW_NS_PER_S / 2;
    self.tracker->skews[1].offset_ns = 90 * TW_NS_PER_S;
    kt_apply(&self, "sold", 2, 2, 3020);
    kt_tick(&self, 3030);
    all = kt_document(kt_emit(&self), "stores");
    const json_t *clocks = json_object_get(all, "clocks");
    assert_int_equal(json_array_size(clocks), 2);
    assert_int_equal(member(json_array_get(clocks, 0), "source"), 1);
    assert_float_equal(json_real_value(json_object_get(json_array_get(clocks, 0), "behind")), 90.0,
                       1e-9);
    assert_int_equal(member(json_array_get(clocks, 1), "source"), 3);
    assert_float_equal(json_real_value(json_object_get(json_array_get(clocks, 1), "behind")), -1.5,
                       1e-9);
    json_decref(all);
    kt_close(&self);
}

/* Points of series with this metric. */
static size_t points_of(const struct kit_tracker *self, const struct tw_track_changes *changes,
                        const char *metric)
{
    size_t count = 0;
    for (size_t i = 0; i < changes->point_count; i++) {
        const struct tw_series_info *info = &self->tracker->series[changes->points[i].series];
        count += strcmp(info->metric, metric) == 0 ? 1 : 0;
    }
    return count;
}

static void stores__series__cost_a_point_a_minute_while_something_waits(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    kt_tick(&self, 0);
    (void)kt_emit(&self);
    for (int i = 1; i <= 600; i++) {
        kt_apply(&self, "sold", i, i, 5);
    }
    size_t waiting = 0;
    size_t failed = 0;
    size_t systems = 0;
    for (int64_t s = 10; s <= 600; s++) { /* all wait for nearly five minutes */
        if (s == 290) {
            for (int i = 1; i <= 600; i++) {
                kt_apply(&self, "routed", i, i, 285);
                kt_apply(&self, "posted", i, i, 285);
                kt_apply(&self, "accrued", i, i, 285);
            }
        }
        kt_tick(&self, s);
        const struct tw_track_changes *changes = kt_emit(&self);
        waiting += points_of(&self, changes, "store_waiting");
        failed += points_of(&self, changes, "store_failed");
        systems += points_of(&self, changes, "system_waiting");
        tw_arena_reset(&self.arena);
    }
    assert_int_equal(waiting, 600 * 4 + 600); /* and once: it is 0 again */
    assert_int_equal(failed, 0);
    assert_int_equal(systems, 60); /* of one, from the first that is not 0, each ten seconds */
    kt_close(&self);
}

static void systems__lag__is_that_of_all_their_steps(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    for (int i = 1; i <= 100; i++) {
        kt_apply(&self, "sold", i, 1, 0);
        kt_apply(&self, "routed", i, 1, 10);
    }
    for (int i = 1; i <= 60; i++) {
        kt_apply(&self, "posted", i, 1, 20);
    }
    kt_apply(&self, "posted failed", 61, 1, 20);
    kt_tick(&self, 75);
    json_t *overview = kt_document(kt_emit(&self), "overview");
    const json_t *systems = json_object_get(overview, "systems");
    const json_t *erp = NULL;
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach (systems, i, row) {
        const char *name = json_string_value(json_object_get(row, "system"));
        erp = strcmp(name, "erp") == 0 ? row : erp;
    }
    assert_int_equal(member(erp, "waiting"), 39);
    assert_int_equal(member(erp, "overdue"), 39);
    assert_int_equal(member(erp, "failed"), 1);
    assert_float_equal(json_real_value(json_object_get(erp, "oldest_age")), 65.0, 1e-9);
    const json_t *lag = json_object_get(erp, "lag");
    assert_int_equal(member(lag, "count"), 60);
    assert_float_equal(json_real_value(json_object_get(lag, "p95")), 10.0, 0.11);
    json_decref(overview);
    kt_close(&self);
}

/* --- documents of steps and objectives -------------------------------------------------------- */

/* Bounds belong to what lies below them. */
static void totals__durations__are_counted_between_their_bounds(void **unused)
{
    (void)unused;
    struct tw_lag_totals totals = {.sum_us = 0};
    uint64_t sum_us = 0;
    for (size_t i = 0; i < TW_LAG_BOUNDS; i++) {
        int64_t ns = tw_lag_bounds_ms[i] * TW_NS_PER_MS;
        tw_lag_totals_add(&totals, ns);
        tw_lag_totals_add(&totals, ns + 1);
        sum_us += (uint64_t)tw_lag_bounds_ms[i] * 2000;
    }
    tw_lag_totals_add(&totals, -1);
    tw_lag_totals_add(&totals, INT64_MAX);
    assert_int_equal(totals.counts[0], 2);
    for (size_t i = 1; i < TW_LAG_BOUNDS; i++) {
        assert_int_equal(totals.counts[i], 2);
        assert_true(tw_lag_bounds_ms[i] > tw_lag_bounds_ms[i - 1]);
    }
    assert_int_equal(totals.counts[TW_LAG_BOUNDS], 2);
    assert_int_equal(totals.sum_us, sum_us + INT64_MAX / 1000);
}

static json_t *named(const json_t *list, const char *key, const char *name)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *row = json_array_get(list, i);
        if (strcmp(json_string_value(json_object_get(row, key)), name) == 0) {
            return row;
        }
    }
    fail_msg("no %s", name);
    return NULL;
}

static void documents__lag__has_exact_counts_that_outlive_a_restart(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    kt_apply(&self, "sold", 1, 1, 0);
    kt_apply(&self, "routed", 1, 1, 10); /* 10 s: in the bucket of 10 s */
    kt_apply(&self, "sold", 2, 1, 20);
    kt_apply(&self, "routed", 2, 1, 31);
    for (int i = 0; i < 2; i++) {
        kt_tick(&self, 40 + i);
        json_t *document_of = kt_document(kt_emit(&self), "workflow/sale");
        assert_int_equal(json_array_size(json_object_get(document_of, "lag_bounds")),
                         TW_LAG_BOUNDS);
        const json_t *step = named(json_object_get(document_of, "steps"), "name", "routed");
        const json_t *lag = json_object_get(step, "lag_total");
        const json_t *counts = json_object_get(lag, "counts");
        assert_int_equal(json_array_size(counts), TW_LAG_BOUNDS + 1);
        assert_int_equal(json_integer_value(json_array_get(counts, 5)), 1);
        assert_int_equal(json_integer_value(json_array_get(counts, 6)), 1);
        assert_float_equal(json_real_value(json_object_get(lag, "sum")), 21.0, 1e-9);
        json_decref(document_of);
        void *bytes = NULL;
        size_t len = 0;
        uint64_t n = 0;
        assert_int_equal(tw_tracker_save(self.tracker, self.n, &bytes, &len), TW_OK);
        assert_int_equal(tw_tracker_empty(self.tracker), TW_OK);
        assert_int_equal(tw_tracker_restore(self.tracker, bytes, len, &n), TW_OK);
        free(bytes);
    }
    kt_close(&self);
}

static void documents__objective__shows_every_rule_and_its_guards(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    for (int i = 1; i <= 6; i++) {
        kt_apply(&self, "sold", i, 1, i);
        kt_apply(&self, "routed", i, 1, i);
        kt_apply(&self, "posted", i, 1, i < 4 ? i + 1 : i + 120);
    }
    kt_tick(&self, 200);
    json_t *objective = kt_document(kt_emit(&self), "objective/in-time");
    const json_t *rules = json_object_get(objective, "rules");
    assert_int_equal(json_array_size(rules), 6);
    const json_t *fast = named(rules, "rule", "fast");
    assert_string_equal(json_string_value(json_object_get(fast, "kind")), "burn");
    assert_true(json_is_null(json_object_get(fast, "long_share"))); /* no week has passed */
    assert_float_equal(json_real_value(json_object_get(fast, "long_burn")), 50.0, 1e-6);
    const json_t *trickle = named(rules, "rule", "trickle");
    assert_int_equal(member(trickle, "bad"), 3);
    assert_int_equal(member(trickle, "events"), 6);
    assert_int_equal(member(trickle, "events_below"), 50);
    assert_string_equal(json_string_value(json_object_get(trickle, "state")), "firing");
    const json_t *absence = named(rules, "rule", "absence");
    assert_int_equal(member(absence, "detection_seconds"), 639);
    assert_string_equal(json_string_value(json_object_get(absence, "state")), "unknown");
    json_decref(objective);
    kt_close(&self);
}

/* --- when they were heard ----------------------------------------------------------------------
 */

static int64_t at_ns(int64_t seconds)
{
    return (NOW_S + seconds) * TW_NS_PER_S;
}

/* An event of this source that names a store, received as it happened. */
static void heard(struct kit_tracker *self, uint32_t source, uint32_t word, int64_t ns)
{
    const struct tw_record record = {.source = source, .received = {ns}, .time = {ns}};
    assert_int_equal(tw_heard_time(self->tracker, ns), TW_OK);
    assert_int_equal(tw_heard_event(self->tracker, &record, word, (tw_wall_t){ns}), TW_OK);
}

static void heard__sources_of_its_own__count_alone(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, ", store-silent-s: 40", definition);
    heard(&self, 1, 1, at_ns(0));
    heard(&self, 9, 1, at_ns(1)); /* it has named this store only, so far */
    assert_int_equal(self.tracker->heard[0].own_sources, 2);
    heard(&self, 9, 2,
          at_ns(2)); /* of several: what it said counted as long as that was not known */
    assert_int_equal(self.tracker->heard[0].own_sources, 1);
    assert_int_equal(self.tracker->heard[1].own_sources, 0);
    assert_true(self.tracker->heard[0].event_ns == at_ns(1));
    assert_true(self.tracker->heard[1].event_ns == at_ns(2)); /* there is no other to count */
    heard(&self, 9, 1, at_ns(30));
    assert_true(self.tracker->heard[0].received_ns == at_ns(1));
    heard(&self, 2, 2, at_ns(31));
    heard(&self, 9, 2, at_ns(32)); /* it has one of its own now */
    assert_true(self.tracker->heard[1].received_ns == at_ns(31));
    heard(&self, 1, 1, at_ns(42));
    assert_int_equal(self.tracker->heard[0].silences.count, 1);
    assert_true(self.tracker->heard[0].silences.items[0].from_ns == at_ns(1));
    kt_close(&self);
}

static void heard__tower_not_there__at_the_edge(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, ", store-silent-s: 40", definition);
    heard(&self, 1, 1, at_ns(0));
    heard(&self, 1, 1, at_ns(0) + TW_DEAF_NS); /* just as long: it listened */
    assert_int_equal(self.tracker->heard[0].silences.count, 1);
    assert_true(self.tracker->listening_ns == 0);
    heard(&self, 1, 1, at_ns(1) + 2 * TW_DEAF_NS);
    assert_int_equal(self.tracker->heard[0].silences.count, 1);
    assert_true(self.tracker->listening_ns == at_ns(1) + 2 * TW_DEAF_NS);
    kt_close(&self);
}

static void heard__stores_beyond_the_limit__are_not_judged(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    heard(&self, 1, TW_TRACK_STORES_MAX, at_ns(0));
    assert_int_equal(self.tracker->heard_count, TW_TRACK_STORES_MAX);
    assert_int_equal(self.tracker->heard[TW_TRACK_STORES_MAX - 1].own_sources, 1);
    heard(&self, 2, TW_TRACK_STORES_MAX + 1, at_ns(1));
    heard(&self, 2, 0, at_ns(1)); /* names none */
    assert_int_equal(self.tracker->heard_count, TW_TRACK_STORES_MAX);
    assert_true(self.tracker->said_count <= 2 || self.tracker->said[2].store == 0);
    kt_close(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores__a_run__is_counted_by_its_steps),
        cmocka_unit_test(stores__an_earlier_event_of_another_store__takes_the_run_along),
        cmocka_unit_test(stores__a_run_without_store__belongs_to_none),
        cmocka_unit_test(stores__more_than_the_limit__are_counted_as_others),
        cmocka_unit_test(stores__one_stuck_run__does_not_keep_those_that_pass),
        cmocka_unit_test(stores__any_events__the_oldest_is_that_of_all_runs),
        cmocka_unit_test(stores__overview__has_the_worst_first),
        cmocka_unit_test(stores__events_from_before__say_how_far_behind_it_is),
        cmocka_unit_test(stores__series__cost_a_point_a_minute_while_something_waits),
        cmocka_unit_test(systems__lag__is_that_of_all_their_steps),
        cmocka_unit_test(totals__durations__are_counted_between_their_bounds),
        cmocka_unit_test(clocks__those_that_are_wrong__are_told_with_the_number_of_their_source),
        cmocka_unit_test(documents__lag__has_exact_counts_that_outlive_a_restart),
        cmocka_unit_test(documents__objective__shows_every_rule_and_its_guards),
        cmocka_unit_test(heard__sources_of_its_own__count_alone),
        cmocka_unit_test(heard__tower_not_there__at_the_edge),
        cmocka_unit_test(heard__stores_beyond_the_limit__are_not_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
