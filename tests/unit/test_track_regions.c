/* SPDX-License-Identifier: Apache-2.0
 * track/places, regions, live_regions: which region a run is counted in, at their limits; and what
 * documents and series show. That the counts equal those of all runs counted anew, in any order and
 * over restarts, is shown by test_track_permutations. */
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
    "  - {name: posted, system: erp, event: posted, after: sold, within: 1min,\n"
    "     destination: true}\n";

static const char fan_out[] =
    "name: price\nowner: o\ntiming: queued\nobject: transaction\n"
    "steps:\n"
    "  - {name: published, system: middleware, event: routed}\n"
    "  - {name: applied, system: pos, event: sold, after: published, within: 1h, each: store,\n"
    "     destination: true}\n";

static void apply(struct kit_tracker *self, const char *type, int receipt, int store,
                  const char *region)
{
    self->region = region;
    kt_apply(self, type, receipt, store, self->now_s);
}

static const struct tw_region_stats *row_named(const struct kit_tracker *self, const char *name)
{
    const struct tw_flow_stats *stats = &self->tracker->stats[0];
    static const struct tw_region_stats nothing;
    for (uint32_t i = 0; i < TW_TRACK_REGION_FIRST + stats->region_count; i++) {
        if (strcmp(tw_regions_name(self->tracker, stats, i), name) == 0) {
            return &stats->regions[i];
        }
    }
    return &nothing;
}

static void expect_row(const struct kit_tracker *self, const char *name, uint64_t open,
                       uint64_t completed, uint64_t failures)
{
    const struct tw_region_stats *row = row_named(self, name);
    assert_int_equal(row->open, open);
    assert_int_equal(row->by_state[TW_RUN_IS_COMPLETED], completed);
    assert_int_equal(row->failures, failures);
}

static void regions__a_run__is_counted_where_its_events_say(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    apply(&self, "sold", 1, 1, "north");
    apply(&self, "sold", 2, 1, "south"); /* the run's own word counts, not that of the store */
    apply(&self, "sold", 3, 0, NULL);
    expect_row(&self, "north", 1, 0, 0);
    expect_row(&self, "south", 1, 0, 0);
    expect_row(&self, "none", 1, 0, 0);
    apply(&self, "posted", 1, 0, NULL);
    apply(&self, "posted failed", 2, 0, NULL);
    expect_row(&self, "north", 0, 1, 0);
    expect_row(&self, "south", 1, 0, 1);
    assert_int_equal(row_named(&self, "south")->by_state[TW_RUN_IS_FAILED], 1);
    kt_tick(&self, 61);
    assert_int_equal(row_named(&self, "none")->by_state[TW_RUN_IS_OVERDUE], 1);
    assert_int_equal(row_named(&self, "none")->open, 1);
    kt_close(&self);
}

static void regions__the_earliest_event__names_the_region_whenever_it_comes(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    self.region = "south";
    kt_apply(&self, "posted failed", 1, 0, 20);
    self.region = "north";
    kt_apply(&self, "sold", 1, 0, 10);
    expect_row(&self, "north", 1, 0, 1);
    expect_row(&self, "south", 0, 0, 0);
    self.region = "east"; /* at the same time: the first by name */
    kt_apply(&self, "sold", 1, 0, 10);
    expect_row(&self, "east", 1, 0, 1);
    self.region = "west";
    kt_apply(&self, "sold", 1, 0, 10);
    expect_row(&self, "east", 1, 0, 1);
    expect_row(&self, "west", 0, 0, 0);
    kt_close(&self);
}

static void regions__a_store_that_says_its_region_late__takes_its_runs_along(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    kt_tick(&self, 0);
    apply(&self, "sold", 1, 7, NULL);
    apply(&self, "posted failed", 1, 7, NULL);
    apply(&self, "sold", 2, 7, NULL);
    apply(&self, "posted", 2, 7, NULL); /* it has ended, and moves all the same */
    expect_row(&self, "none", 1, 1, 1);
    apply(&self, "sold", 3, 7, "north");
    expect_row(&self, "none", 1, 1, 1);
    kt_tick(&self, 1);
    expect_row(&self, "none", 0, 0, 0);
    expect_row(&self, "north", 2, 1, 1);
    apply(&self, "sold", 4, 7, NULL);
    expect_row(&self, "north", 3, 1, 1);
    apply(&self, "sold", 5, 7, "south"); /* the store is in another region from now on */
    kt_tick(&self, 10);
    expect_row(&self, "north", 3, 1, 1); /* nobody looks for its runs more often than that */
    kt_tick(&self, 11);
    expect_row(&self, "north", 1, 0, 0); /* run 3 said so itself */
    expect_row(&self, "south", 3, 1, 1);
    assert_false(self.tracker->has_moved);
    kt_close(&self);
}

static void regions__an_older_word_of_a_store__changes_nothing(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    self.region = "north";
    kt_apply(&self, "sold", 1, 7, 100);
    self.region = "south";
    kt_apply(&self, "sold", 2, 7, 50);
    self.region = NULL;
    kt_apply(&self, "sold", 3, 7, 120);
    kt_tick(&self, 130);
    expect_row(&self, "north", 2, 0, 0);
    expect_row(&self, "south", 1, 0, 0);
    kt_close(&self);
}

static void regions__a_fan_out__is_of_no_stores_region(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, ", expected-stores: [\"0001\", \"0002\"]", fan_out);
    apply(&self, "routed", 1, 0, NULL);
    apply(&self, "sold", 1, 1, "north");
    expect_row(&self, "none", 1, 0, 0);
    apply(&self, "routed", 2, 0, "south"); /* a price for one region */
    apply(&self, "sold", 2, 1, "north");
    expect_row(&self, "south", 1, 0, 0);
    expect_row(&self, "north", 0, 0, 0);
    kt_close(&self);
}

static void regions__words_that_stand_for_none__are_no_regions(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    apply(&self, "sold", 1, 0, "none");
    apply(&self, "sold", 2, 0, "(other)");
    expect_row(&self, "none", 2, 0, 0);
    assert_int_equal(self.tracker->stats[0].region_count, 0);
    kt_close(&self);
}

static json_t *regions_of(struct kit_tracker *self, int64_t at_s)
{
    kt_tick(self, at_s);
    json_t *document = kt_document(kt_emit(self), "workflow/sale");
    json_t *list = json_incref(json_object_get(document, "regions"));
    json_decref(document);
    return list;
}

static int64_t member(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static const json_t *region_in(const json_t *list, const char *name)
{
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach (list, i, row) {
        if (strcmp(json_string_value(json_object_get(row, "region")), name) == 0) {
            return row;
        }
    }
    return NULL;
}

static void regions__more_than_the_limit__are_counted_as_others(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    char name[16];
    kt_open(&self, "", definition);
    for (int i = 1; i <= TW_TRACK_REGIONS_MAX; i++) {
        (void)snprintf(name, sizeof name, "r%02d", i);
        apply(&self, "sold", i, 0, name);
    }
    json_t *list = regions_of(&self, 1);
    assert_int_equal(json_array_size(list), TW_TRACK_REGIONS_MAX);
    assert_null(region_in(list, "(other)"));
    json_decref(list);
    apply(&self, "sold", 1001, 0, "one too many");
    apply(&self, "sold", 1002, 0, "two too many");
    apply(&self, "posted failed", 1002, 0, NULL);
    apply(&self, "sold", 1003, 0, "r64");
    list = regions_of(&self, 2);
    assert_int_equal(json_array_size(list), TW_TRACK_REGIONS_MAX + 1);
    assert_int_equal(member(region_in(list, "(other)"), "open"), 2);
    assert_int_equal(member(region_in(list, "(other)"), "failures"), 1);
    assert_int_equal(member(region_in(list, "(other)"), "failed"), 1);
    assert_int_equal(member(region_in(list, "r64"), "open"), 2);
    json_decref(list);
    kt_close(&self);
}

/* The sum of the points of a series. */
static int64_t sum_of(const struct kit_tracker *self, const struct tw_track_changes *changes,
                      const char *metric, const char *region)
{
    char labels[96];
    int64_t sum = 0;
    (void)snprintf(labels, sizeof labels, "{\"region\":\"%s\",\"workflow\":\"sale\"}", region);
    for (size_t i = 0; i < changes->point_count; i++) {
        const struct tw_series_info *info = &self->tracker->series[changes->points[i].series];
        bool is_it = strcmp(info->metric, metric) == 0 && strcmp(info->labels, labels) == 0;
        sum += is_it ? changes->points[i].value : 0;
    }
    return sum;
}

static void regions__series__count_at_once_and_tell_values_by_the_minute(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", definition);
    kt_tick(&self, 0);
    (void)kt_emit(&self);
    apply(&self, "sold", 1, 1, "north");
    apply(&self, "posted", 1, 1, "north");
    apply(&self, "sold", 2, 1, "north");
    apply(&self, "posted failed", 2, 1, "north");
    apply(&self, "sold", 3, 1, "north");
    const struct tw_track_changes *changes = kt_emit(&self); /* no tick: counts only */
    assert_int_equal(sum_of(&self, changes, "region_done", "north"), 1);
    assert_int_equal(sum_of(&self, changes, "region_failed", "north"), 1);
    assert_int_equal(sum_of(&self, changes, "region_open", "north"), 0);
    changes = kt_emit(&self); /* what was told is not told again */
    assert_int_equal(sum_of(&self, changes, "region_done", "north"), 0);
    kt_tick(&self, 50);
    assert_int_equal(sum_of(&self, kt_emit(&self), "region_open", "north"), 0);
    kt_tick(&self, 61);
    changes = kt_emit(&self);
    assert_int_equal(sum_of(&self, changes, "region_open", "north"), 2);
    assert_int_equal(sum_of(&self, changes, "region_overdue", "north"), 1);
    kt_close(&self);
}

static void regions__a_run_given_up__is_open_no_more(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, ", max-open-runs: 100", definition);
    apply(&self, "sold", 1, 7, "north");
    apply(&self, "posted failed", 1, 7, NULL);
    for (int i = 2; i <= 100; i++) {
        apply(&self, "sold", i, 7, "north");
    }
    expect_row(&self, "north", 100, 0, 1);
    apply(&self, "sold", 101, 7, "north");
    expect_row(&self, "north", 100, 0, 1);
    assert_int_equal(row_named(&self, "north")->by_state[TW_RUN_IS_FAILED], 0);
    kt_close(&self);
}

static void regions__saved_and_restored__count_as_before(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    struct kit_tracker other;
    void *bytes = NULL;
    size_t len = 0;
    uint64_t n = 0;
    kt_open(&self, "", definition);
    kt_tick(&self, 0);
    apply(&self, "sold", 1, 7, NULL);
    apply(&self, "sold", 2, 8, "south");
    apply(&self, "posted failed", 2, 8, NULL);
    apply(&self, "sold", 3, 8, "south");
    apply(&self, "posted", 3, 8, NULL);
    kt_tick(&self, 5);
    apply(&self, "sold", 4, 7, "north"); /* run 1 is to move at the next tick */
    json_t *before = regions_of(&self, 6);
    apply(&self, "sold", 5, 7, "west"); /* ... and again 10 s later */
    assert_int_equal(tw_tracker_save(self.tracker, self.n, &bytes, &len), TW_OK);
    kt_open(&other, "", definition);
    assert_int_equal(tw_tracker_restore(other.tracker, bytes, len, &n), TW_OK);
    other.now_s = self.now_s;
    assert_true(other.tracker->has_moved);
    expect_row(&other, "south", 1, 1, 1);
    expect_row(&other, "north", 2, 0, 0);
    kt_tick(&self, 16);
    kt_tick(&other, 16);
    expect_row(&other, "north", 1, 0, 0);
    expect_row(&other, "west", 2, 0, 0);
    json_t *here = regions_of(&self, 17);
    json_t *there = regions_of(&other, 17);
    assert_true(json_equal(here, there));
    assert_false(json_equal(here, before));
    json_decref(before);
    json_decref(here);
    json_decref(there);
    free(bytes);
    kt_close(&other);
    kt_close(&self);
}

static void places__numbers__are_kept_up_to_the_limit(void **unused)
{
    (void)unused;
    struct tw_places places = {0};
    uint32_t number = 7;
    assert_int_equal(tw_places_add(&places, (struct tw_place){0, 0}, &number), TW_OK);
    assert_int_equal(number, 0);
    for (uint32_t i = 1; i <= TW_TRACK_PLACES_MAX; i++) {
        const struct tw_place place = {(uint16_t)(i % 1000), (uint16_t)(i / 1000 + 1)};
        assert_int_equal(tw_places_add(&places, i == 1 ? (struct tw_place){1, 0} : place, &number),
                         TW_OK);
        assert_int_equal(number, i);
    }
    assert_int_equal(places.refused, 0);
    assert_int_equal(tw_places_add(&places, (struct tw_place){1, 9999}, &number), TW_OK);
    assert_int_equal(number, 1); /* the store alone is known */
    assert_int_equal(tw_places_add(&places, (struct tw_place){2, 9999}, &number), TW_OK);
    assert_int_equal(number, 0);
    assert_int_equal(places.refused, 2);
    assert_int_equal(tw_places_add(&places, (struct tw_place){2, 1}, &number), TW_OK);
    assert_int_equal(number, 2);
    assert_int_equal(tw_places_at(&places, 2).store, 2);
    assert_int_equal(tw_places_at(&places, 2).region, 1);
    assert_int_equal(tw_places_at(&places, 0).store, 0);
    assert_int_equal(tw_places_at(&places, TW_TRACK_PLACES_MAX + 1).store, 0);
    tw_places_fini(&places);
}

static void places__saved__are_the_same_again_or_refused(void **unused)
{
    (void)unused;
    struct tw_places places = {0};
    struct tw_places again = {0};
    struct tw_buf buf;
    uint32_t number = 0;
    tw_buf_init(&buf, 1000);
    assert_int_equal(tw_places_add(&places, (struct tw_place){3, 2}, &number), TW_OK);
    assert_int_equal(tw_places_add(&places, (struct tw_place){4, 0}, &number), TW_OK);
    places.refused = 5;
    assert_int_equal(tw_places_encode(&places, &buf), TW_OK);
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_places_decode(&again, &cursor, 4, 2), TW_OK);
    assert_int_equal(again.count, 2);
    assert_int_equal(again.refused, 5);
    assert_int_equal(tw_places_at(&again, 1).store, 3);
    assert_int_equal(tw_places_at(&again, 1).region, 2);
    cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_places_decode(&again, &cursor, 3, 2), TW_EDAMAGED); /* no such store */
    cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_places_decode(&again, &cursor, 4, 1), TW_EDAMAGED);
    cursor = tw_cursor_of(buf.data, buf.len - 1);
    assert_int_equal(tw_places_decode(&again, &cursor, 4, 2), TW_EDAMAGED);
    tw_places_fini(&again);
    tw_places_fini(&places);
    tw_buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regions__a_run__is_counted_where_its_events_say),
        cmocka_unit_test(regions__the_earliest_event__names_the_region_whenever_it_comes),
        cmocka_unit_test(regions__a_store_that_says_its_region_late__takes_its_runs_along),
        cmocka_unit_test(regions__an_older_word_of_a_store__changes_nothing),
        cmocka_unit_test(regions__a_fan_out__is_of_no_stores_region),
        cmocka_unit_test(regions__words_that_stand_for_none__are_no_regions),
        cmocka_unit_test(regions__more_than_the_limit__are_counted_as_others),
        cmocka_unit_test(regions__series__count_at_once_and_tell_values_by_the_minute),
        cmocka_unit_test(regions__a_run_given_up__is_open_no_more),
        cmocka_unit_test(regions__saved_and_restored__count_as_before),
        cmocka_unit_test(places__numbers__are_kept_up_to_the_limit),
        cmocka_unit_test(places__saved__are_the_same_again_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
