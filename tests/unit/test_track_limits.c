/* SPDX-License-Identifier: Apache-2.0
 * The tracker at bounds of its memory that must not show: facts kept for runs that were looked at
 * lately, events of a run, words, minutes of lag, missing stores, workflows that one event begins.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tracker_kit.h"

#define WATERMARK_SOURCES UINT32_C(100000000) /* numbers of sources are below */
#define MISSING           100                 /* stores that a row names */

#define SALE                                                                                  \
    "name: sale\nowner: o\ntiming: queued\nobject: transaction\n"                             \
    "steps:\n"                                                                                \
    "  - {name: sold, system: pos, event: sold}\n"                                            \
    "  - {name: routed, system: middleware, event: routed, after: sold, within: 1min}\n"      \
    "  - {name: posted, system: erp, event: posted, after: routed, within: 1h, destination: " \
    "true}\n"

static uint32_t run_of(const struct kit_tracker *self, int receipt)
{
    char id[16];
    (void)snprintf(id, sizeof id, "%d", receipt);
    for (uint32_t i = 0; i < self->tracker->run_count; i++) {
        struct tw_open_run *run = self->tracker->runs[i];
        if (run != NULL && run->id_len == strlen(id) &&
            memcmp(tw_run_text(self->tracker, run), id, strlen(id)) == 0) {
            return i;
        }
    }
    fail_msg("no run of %d", receipt);
    return TW_TRACK_NONE;
}

static struct tw_tracker_run look(const struct kit_tracker *self, int receipt)
{
    char id[16];
    struct tw_tracker_run run;
    (void)snprintf(id, sizeof id, "%d", receipt);
    const struct tw_graph_object root =
        tw_graph_object(self->tracker->graph, self->tracker->runs[run_of(self, receipt)]->root);
    const struct tw_object object = {
        .type = root.type, .id = tw_str_of(id), .scope = TW_STR_LIT("7")};
    assert_int_equal(tw_tracker_look(self->tracker, "sale", &object, &run), TW_OK);
    return run;
}

/* Whether the run's facts are among the recent ones. */
static bool is_recent(const struct kit_tracker *self, int receipt)
{
    const struct tw_open_run *run = self->tracker->runs[run_of(self, receipt)];
    for (size_t i = 0; i < TW_TRACK_RECENT; i++) {
        const struct tw_recent *recent = &self->tracker->recent_runs[i];
        if (recent->root == run->root && recent->version == run->version) {
            return true;
        }
    }
    return false;
}

/* As many runs as there are places, then twice as many and some: their events come in turns, so
 * that from then on each drives another's facts out. */
static void recent__more_runs_than_places__come_to_the_same(void **unused)
{
    (void)unused;
    for (int runs = TW_TRACK_RECENT; runs <= TW_TRACK_RECENT * 2 + 100;
         runs += TW_TRACK_RECENT + 100) {
        struct kit_tracker self;
        kt_open(&self, "", SALE);
        for (int i = 1; i <= runs; i++) {
            kt_apply(&self, "sold", i, 1, 0);
        }
        bool all_fit = true;
        for (int i = 1; i <= runs; i++) {
            all_fit = all_fit && is_recent(&self, i);
        }
        assert_true(all_fit == (runs == TW_TRACK_RECENT));
        for (int i = 1; i <= runs; i++) {
            kt_apply(&self, "posted failed", i, 1, 10);
        }
        for (int i = runs; i > 0; i--) {
            kt_apply(&self, "routed", i, 1, 20);
        }
        for (int i = 1; i <= runs; i++) {
            kt_apply(&self, "posted", i, 1, 30);
            struct tw_tracker_run run = look(&self, i);
            assert_int_equal(run.state, TW_RUN_IS_RECOVERED);
            assert_int_equal(run.steps[2].attempts, 2);
            assert_int_equal(run.steps[2].since.ns, (NOW_S + 20) * TW_NS_PER_S);
        }
        assert_int_equal(self.tracker->stats[0].by_state[TW_RUN_IS_RECOVERED], runs);
        assert_int_equal(self.tracker->stats[0].open, 0);
        kt_close(&self);
    }
}

/* Another run with the same place, whose event drives out the facts of the first. */
static int rival_of(struct kit_tracker *self, int receipt)
{
    uint32_t place = self->tracker->runs[run_of(self, receipt)]->root % TW_TRACK_RECENT;
    for (int i = 1000; i < 1000 + TW_TRACK_RECENT + 10; i++) {
        kt_apply(self, "sold", i, 1, 0);
        if (self->tracker->runs[run_of(self, i)]->root % TW_TRACK_RECENT == place) {
            return i;
        }
    }
    fail_msg("no rival");
    return 0;
}

static void events__of_a_run__are_kept_folded_when_there_are_more_than_24(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", SALE);
    kt_apply(&self, "sold", 1, 1, 0);
    int rival = rival_of(&self, 1);
    for (int i = 2; i <= TW_TRACK_KEEP_EVENTS; i++) {
        kt_apply(&self, "posted failed", 1, 1, i);
        kt_apply(&self, "routed", rival, 1, 1);
    }
    assert_false(is_recent(&self, 1));
    assert_null(self.tracker->runs[run_of(&self, 1)]->kept);
    assert_int_equal(look(&self, 1).steps[2].attempts, TW_TRACK_KEEP_EVENTS - 1);
    assert_null(self.tracker->runs[run_of(&self, 1)]->kept);
    kt_apply(&self, "routed", rival, 1, 1);
    kt_apply(&self, "posted failed", 1, 1, 100);
    assert_non_null(self.tracker->runs[run_of(&self, 1)]->kept);
    assert_int_equal(look(&self, 1).steps[2].attempts, TW_TRACK_KEEP_EVENTS);
    kt_apply(&self, "routed", 1, 1, 101);
    kt_apply(&self, "posted", 1, 1, 102);
    struct tw_tracker_run run = look(&self, 1);
    assert_int_equal(run.state, TW_RUN_IS_RECOVERED);
    assert_int_equal(run.steps[2].attempts, TW_TRACK_KEEP_EVENTS + 1);
    kt_close(&self);
}

static void stores__without_a_number_left__are_none(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", SALE);
    for (int i = 1; i <= TW_TRACK_WORDS_MAX + 2; i++) {
        kt_apply(&self, "sold", i, i, 0);
    }
    assert_int_equal(self.tracker->stores.count, TW_TRACK_WORDS_MAX);
    assert_int_equal(self.tracker->store_stats_count, TW_TRACK_STORES_MAX + 1);
    assert_int_equal(self.tracker->store_stats[0].waiting,
                     TW_TRACK_WORDS_MAX - TW_TRACK_STORES_MAX);
    uint64_t without = 0;
    for (uint32_t i = 0; i < self.tracker->run_count; i++) {
        without += self.tracker->runs[i]->store == 0 ? 1 : 0;
    }
    assert_int_equal(without, 2);
    kt_tick(&self, 1);
    json_t *overview = kt_document(kt_emit(&self), "overview");
    const json_t *totals = json_object_get(overview, "store_totals");
    assert_int_equal(json_integer_value(json_object_get(totals, "waiting")), TW_TRACK_WORDS_MAX);
    json_decref(overview);
    kt_close(&self);
}

static json_int_t lag_count(struct kit_tracker *self, const char *which)
{
    json_t *flow = kt_document(kt_emit(self), "workflow/sale");
    const json_t *step = json_array_get(json_object_get(flow, "steps"), 1);
    json_int_t count = json_integer_value(json_object_get(json_object_get(step, which), "count"));
    json_decref(flow);
    return count;
}

static void lag__of_the_last_hour__is_that_of_60_minutes(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", SALE);
    kt_apply(&self, "sold", 1, 1, 0);
    kt_apply(&self, "routed", 1, 1, 0);
    kt_apply(&self, "sold", 2, 1, 60);
    kt_apply(&self, "routed", 2, 1, 60);
    kt_tick(&self, TW_TRACK_LAG_MINUTES * 60 - 1);
    assert_int_equal(lag_count(&self, "lag_1h"), 2);
    assert_int_equal(lag_count(&self, "lag"), 0);
    kt_tick(&self, TW_TRACK_LAG_MINUTES * 60);
    assert_int_equal(lag_count(&self, "lag_1h"), 1);
    kt_apply(&self, "sold", 3, 1, TW_TRACK_LAG_MINUTES * 60); /* takes the first one's place */
    kt_apply(&self, "routed", 3, 1, TW_TRACK_LAG_MINUTES * 60);
    assert_int_equal(lag_count(&self, "lag_1h"), 2);
    kt_tick(&self, TW_TRACK_LAG_MINUTES * 60 + 60);
    assert_int_equal(lag_count(&self, "lag_1h"), 1);
    kt_close(&self);
}

/* A roll-out to 100 stores that nobody answered names all of them, one to 101 the first 100. */
static void row__of_a_fan_out__names_at_most_100_missing_stores(void **unused)
{
    (void)unused;
    for (int stores = MISSING; stores <= MISSING + 1; stores++) {
        char track[2048] = ", expected-stores: [";
        size_t len = strlen(track);
        for (int i = 1; i <= stores; i++) {
            len += (size_t)snprintf(track + len, sizeof track - len, "%s\"%04d\"",
                                    i == 1 ? "" : ", ", i);
        }
        (void)snprintf(track + len, sizeof track - len, "]");
        struct kit_tracker self;
        kt_open(&self, track,
                "name: sale\nowner: o\ntiming: queued\nobject: transaction\nsteps:\n"
                "  - {name: sold, system: erp, event: sold}\n"
                "  - {name: posted, system: erp, event: posted, after: sold, within: 1min,\n"
                "     each: store, destination: true}\n");
        kt_apply(&self, "sold", 1, 0, 0);
        kt_tick(&self, 100);
        const struct tw_track_changes *changes = kt_emit(&self);
        assert_int_equal(changes->run_count, 1);
        const struct tw_run_row *row = &changes->runs[0];
        json_t *missing = json_loadb(row->missing.ptr, row->missing.len, 0, NULL);
        assert_int_equal(row->expected, stores);
        assert_int_equal(row->answered, 0);
        assert_int_equal(json_array_size(missing), MISSING);
        assert_string_equal(json_string_value(json_array_get(missing, MISSING - 1)), "0100");
        json_decref(missing);
        kt_close(&self);
    }
}

/* As many as a set may have, all keyed by the same type and begun by the same event. */
static void event__of_every_workflow__begins_a_run_of_each(void **unused)
{
    (void)unused;
    struct kit_tracker self;
    kt_open(&self, "", SALE);
    char dir[] = "/tmp/tillwatch-limits-XXXXXX";
    char path[64];
    char *dirs[] = {dir};
    const struct tw_workflows *set = NULL;
    assert_non_null(mkdtemp(dir));
    for (int i = 0; i < TW_WF_MAX; i++) {
        (void)snprintf(path, sizeof path, "%s/%03d.yaml", dir, i);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fprintf(file,
                            "name: w%03d\nowner: o\ntiming: queued\nobject: transaction\nsteps:\n"
                            "  - {name: sold, system: pos, event: sold}\n"
                            "  - {name: routed, system: middleware, event: routed, after: sold}\n",
                            i) > 0);
        assert_int_equal(fclose(file), 0);
    }
    self.cfg->workflows.has_pack = false;
    self.cfg->workflows.dirs = (struct tw_cfg_strings){dirs, 1};
    assert_int_equal(tw_workflows_load(self.cfg, stderr, &set), TW_OK);
    self.cfg->workflows.dirs = (struct tw_cfg_strings){NULL, 0};
    assert_int_equal(set->count, TW_WF_MAX);
    assert_int_equal(tw_tracker_reload(self.tracker, set), TW_OK);
    kt_apply(&self, "sold", 1, 1, 0);
    assert_int_equal(self.tracker->open_runs, TW_WF_MAX);
    kt_apply(&self, "routed", 1, 1, 1);
    assert_int_equal(self.tracker->open_runs, 0);
    tw_workflows_unref(&set);
    for (int i = 0; i < TW_WF_MAX; i++) {
        (void)snprintf(path, sizeof path, "%s/%03d.yaml", dir, i);
        assert_int_equal(remove(path), 0);
    }
    assert_int_equal(remove(dir), 0);
    kt_close(&self);
}

static void watermark__source_beyond_any__takes_no_memory(void **unused)
{
    (void)unused;
    struct tw_watermark watermark;
    const tw_wall_t now = {NOW_S * TW_NS_PER_S};
    tw_watermark_init(&watermark, 60 * TW_NS_PER_S);
    assert_int_equal(tw_watermark_see(&watermark, 1, 1, now, now), TW_OK);
    uint64_t bytes = tw_watermark_bytes(&watermark);
    assert_int_equal(tw_watermark_see(&watermark, WATERMARK_SOURCES, 1, now, now), TW_OK);
    assert_int_equal(tw_watermark_see(&watermark, UINT32_MAX, 1, now, now), TW_OK);
    assert_int_equal(tw_watermark_bytes(&watermark), bytes);
    tw_watermark_fini(&watermark);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recent__more_runs_than_places__come_to_the_same),
        cmocka_unit_test(events__of_a_run__are_kept_folded_when_there_are_more_than_24),
        cmocka_unit_test(stores__without_a_number_left__are_none),
        cmocka_unit_test(lag__of_the_last_hour__is_that_of_60_minutes),
        cmocka_unit_test(row__of_a_fan_out__names_at_most_100_missing_stores),
        cmocka_unit_test(event__of_every_workflow__begins_a_run_of_each),
        cmocka_unit_test(watermark__source_beyond_any__takes_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
