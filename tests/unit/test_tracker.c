/* SPDX-License-Identifier: Apache-2.0
 * track/tracker: limits, errors, the saved state. What runs come to is told by scenarios and by
 * test_track_permutations. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/err.h"
#include "track/internal.h"

#define NOW_S INT64_C(1795255200)

static long fail_at = -1; /* allocations left before one fails; below 0: none does */
static bool may_allocate(void)
{
    return fail_at < 0 || fail_at-- > 0;
}
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    return may_allocate() ? __real_realloc(old, size) : NULL;
}
char *__real_strdup(const char *text);
char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    return may_allocate() ? __real_strdup(text) : NULL;
}
char *__real_strndup(const char *text, size_t len);
char *__wrap_strndup(const char *text, size_t len);
char *__wrap_strndup(const char *text, size_t len)
{
    return may_allocate() ? __real_strndup(text, len) : NULL;
}

static const char definition[] =
    "name: sale\nowner: o\ntiming: queued\nobject: transaction\n"
    "steps:\n"
    "  - {name: sold, system: pos, event: sold}\n"
    "  - {name: posted, system: erp, event: posted, after: sold, within: 1min, destination: true}\n"
    "objectives:\n"
    "  - {name: complete, kind: completion, target: 99%, window: 1h}\n"
    "  - {name: in-time, kind: latency, step: posted, within: 30s, target: 99%, window: 1h}\n";
static const char changed[] = "name: sale\nowner: o\ntiming: queued\nobject: transaction\n"
                              "steps:\n"
                              "  - {name: sold, system: pos, event: sold}\n"
                              "  - {name: posted, system: erp, event: posted, after: sold, within: "
                              "2min, destination: true}\n";

struct fixture {
    struct tw_cfg *cfg;
    const struct tw_workflows *set;
    struct tw_tracker *tracker;
    struct tw_arena arena;
    uint64_t n;
};

static int object_code(const void *context, const char *type)
{
    const struct tw_cfg *cfg = context;
    for (size_t i = 0; i < cfg->object_count; i++) {
        if (strcmp(cfg->objects[i].type, type) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static struct tw_tracker_options options_of(const struct fixture *self)
{
    return (struct tw_tracker_options){.cfg = self->cfg,
                                       .workflows = self->set,
                                       .object_code = object_code,
                                       .context = self->cfg,
                                       .seed = 1};
}

static void open_fixture(struct fixture *self, const char *track)
{
    char yaml[512];
    *self = (struct fixture){0};
    (void)snprintf(yaml, sizeof yaml,
                   "taps:\n  - {name: a, kind: router, bind: [\"tcp://127.0.0.1:8462\"]}\n"
                   "track: {%s}\n",
                   track);
    assert_int_equal(tw_cfg_parse("t.yaml", yaml, strlen(yaml), stderr, &self->cfg), TW_OK);
    assert_int_equal(tw_workflows_parse(self->cfg, "sale.yaml", definition, strlen(definition),
                                        stderr, &self->set),
                     TW_OK);
    tw_arena_init(&self->arena, (size_t)64 << 20);
    const struct tw_tracker_options options = options_of(self);
    assert_int_equal(tw_tracker_new(&options, &self->tracker), TW_OK);
}

static void close_fixture(struct fixture *self)
{
    tw_tracker_destroy(&self->tracker);
    tw_workflows_unref(&self->set);
    tw_cfg_destroy(&self->cfg);
    tw_arena_fini(&self->arena);
}

/* One event of a receipt; errors are the tracker's. */
static int apply(struct fixture *self, const char *type, const char *receipt, int64_t at_s)
{
    struct tw_event event = {.has_time = true, .time = {(NOW_S + at_s) * TW_NS_PER_S}};
    event.attr[TW_ATTR_ID] = TW_STR_LIT("1");
    event.attr[TW_ATTR_SOURCE] = TW_STR_LIT("/s");
    event.attr[TW_ATTR_TYPE] = tw_str_of(type);
    event.attr[TW_ATTR_SYSTEM] = strcmp(type, "sold") == 0 ? TW_STR_LIT("pos") : TW_STR_LIT("erp");
    event.attr[TW_ATTR_STOREID] = TW_STR_LIT("7");
    const struct tw_object object = {.type = (uint16_t)object_code(self->cfg, "transaction"),
                                     .id = tw_str_of(receipt),
                                     .scope = TW_STR_LIT("7")};
    struct tw_record record = {.n = ++self->n,
                               .kind = TW_RECORD_EVENT,
                               .received = event.time,
                               .time = event.time,
                               .has_time = true,
                               .objects = &object,
                               .object_count = 1};
    const struct tw_track_note *note = NULL;
    int rc = tw_tracker_note(self->tracker, &event, &self->arena, &note);
    return rc == TW_OK ? tw_tracker_apply(self->tracker, &record, note) : rc;
}

static int tick(struct fixture *self, int64_t at_s)
{
    const tw_wall_t at = {(NOW_S + at_s) * TW_NS_PER_S};
    const struct tw_track_tick now = {at, at};
    return tw_tracker_tick(self->tracker, &now);
}

static int emit(struct fixture *self, bool must_snapshot, const struct tw_track_changes **ret)
{
    const struct tw_track_emit options = {
        .with_live = true, .must_snapshot = must_snapshot, .last_n = self->n};
    return tw_tracker_emit(self->tracker, &options, &self->arena, ret);
}

static struct tw_tracker_stats stats_of(const struct fixture *self)
{
    struct tw_tracker_stats stats;
    tw_tracker_stats(self->tracker, &stats);
    return stats;
}

static void tracker__no_workflows__costs_nothing(void **unused)
{
    (void)unused;
    struct fixture self;
    open_fixture(&self, "");
    tw_tracker_destroy(&self.tracker);
    const struct tw_workflows nothing = {0};
    struct tw_tracker_options options = options_of(&self);
    self.cfg->workflows.has_pack = false;
    const struct tw_workflows *empty = NULL;
    assert_int_equal(tw_workflows_load(self.cfg, stderr, &empty), TW_OK);
    assert_int_equal(empty->count, nothing.count);
    options.workflows = empty;
    assert_int_equal(tw_tracker_new(&options, &self.tracker), TW_OK);
    assert_int_equal(apply(&self, "sold", "1", 0), TW_OK);
    assert_int_equal(self.arena.used, 0);
    assert_int_equal(stats_of(&self).events, 0);
    const struct tw_track_changes *changes = NULL;
    assert_int_equal(emit(&self, false, &changes), TW_OK);
    assert_int_equal(changes->point_count + changes->run_count + changes->live_count, 0);
    tw_workflows_unref(&empty);
    close_fixture(&self);
}

static void tracker__too_many_open_runs__gives_the_oldest_up(void **unused)
{
    (void)unused;
    struct fixture self;
    char receipt[16];
    open_fixture(&self, "max-open-runs: 100");
    for (int i = 0; i < 100; i++) {
        (void)snprintf(receipt, sizeof receipt, "%d", i);
        assert_int_equal(apply(&self, "sold", receipt, i), TW_OK);
    }
    assert_int_equal(stats_of(&self).open_runs, 100);
    assert_int_equal(stats_of(&self).evicted, 0);
    assert_int_equal(apply(&self, "sold", "100", 100), TW_OK);
    assert_int_equal(stats_of(&self).open_runs, 100);
    assert_int_equal(stats_of(&self).evicted, 1);
    const struct tw_object object = {.type = (uint16_t)object_code(self.cfg, "transaction"),
                                     .id = TW_STR_LIT("0"),
                                     .scope = TW_STR_LIT("7")};
    struct tw_tracker_run run;
    assert_int_equal(tw_tracker_look(self.tracker, "sale", &object, &run), TW_OK);
    assert_true(run.is_given_up);
    close_fixture(&self);
}

static void tracker__finished_run__is_forgotten_after_linger(void **unused)
{
    (void)unused;
    struct fixture self;
    open_fixture(&self, "linger-s: 100");
    const struct tw_object object = {.type = (uint16_t)object_code(self.cfg, "transaction"),
                                     .id = TW_STR_LIT("1"),
                                     .scope = TW_STR_LIT("7")};
    struct tw_tracker_run run;
    assert_int_equal(apply(&self, "sold", "1", 0), TW_OK);
    assert_int_equal(apply(&self, "posted", "1", 5), TW_OK);
    assert_int_equal(tick(&self, 100), TW_OK);
    assert_int_equal(tw_tracker_look(self.tracker, "sale", &object, &run), TW_OK);
    assert_int_equal(run.state, TW_RUN_IS_COMPLETED);
    for (int64_t at = 105; at < 320; at++) { /* at its next turn, at most linger later */
        assert_int_equal(tick(&self, at), TW_OK);
    }
    assert_int_equal(tw_tracker_look(self.tracker, "sale", &object, &run), TW_ENOTFOUND);
    assert_int_equal(stats_of(&self).objects, 0);
    assert_int_equal(stats_of(&self).late, 0);
    assert_int_equal(apply(&self, "posted", "1", 321), TW_OK); /* its start will not come again */
    for (int64_t at = 322; at < 640; at++) {
        assert_int_equal(tick(&self, at), TW_OK);
    }
    assert_int_equal(stats_of(&self).late, 1);
    close_fixture(&self);
}

static void tracker__reload__retires_versions_without_runs(void **unused)
{
    (void)unused;
    struct fixture self;
    open_fixture(&self, "linger-s: 100");
    const struct tw_workflows *next = NULL;
    assert_int_equal(
        tw_workflows_parse(self.cfg, "sale.yaml", changed, strlen(changed), stderr, &next), TW_OK);
    assert_int_equal(apply(&self, "sold", "1", 0), TW_OK);
    assert_int_equal(tw_tracker_reload(self.tracker, next), TW_OK);
    assert_int_equal(self.tracker->flow_count, 2);
    assert_non_null(self.tracker->flows[0].workflow);
    assert_int_equal(apply(&self, "posted", "1", 1), TW_OK);
    for (int64_t at = 2; at < 320; at++) {
        assert_int_equal(tick(&self, at), TW_OK);
    }
    assert_null(self.tracker->flows[0].workflow);
    assert_non_null(self.tracker->flows[1].workflow);
    assert_int_equal(apply(&self, "sold", "2", 321), TW_OK);
    assert_int_equal(stats_of(&self).open_runs, 1);
    assert_int_equal(tw_tracker_reload(self.tracker, self.set), TW_OK); /* and back */
    assert_int_equal(apply(&self, "sold", "3", 322), TW_OK);
    assert_int_equal(stats_of(&self).open_runs, 2);
    tw_workflows_unref(&next);
    close_fixture(&self);
}

/* Open, overdue, failed and finished runs, kept in a saved state. */
static void fill(struct fixture *self)
{
    assert_int_equal(apply(self, "sold", "1", 0), TW_OK);
    assert_int_equal(apply(self, "sold", "2", 10), TW_OK);
    assert_int_equal(apply(self, "posted", "2", 11), TW_OK);
    assert_int_equal(tick(self, 65), TW_OK);
    assert_int_equal(apply(self, "sold", "3", 66), TW_OK);
    assert_int_equal(apply(self, "posted", "4", 67), TW_OK);
}

static void tracker__saved_state__is_the_same_after_a_restore(void **unused)
{
    (void)unused;
    struct fixture self;
    const struct tw_track_changes *changes = NULL;
    open_fixture(&self, "");
    fill(&self);
    assert_int_equal(emit(&self, true, &changes), TW_OK);
    assert_non_null(changes->snapshot);
    const struct tw_tracker_options options = options_of(&self);
    struct tw_tracker *copy = NULL;
    uint64_t n = 0;
    void *again = NULL;
    size_t again_len = 0;
    assert_int_equal(tw_tracker_new(&options, &copy), TW_OK);
    assert_int_equal(tw_tracker_restore(copy, changes->snapshot, changes->snapshot_len, &n), TW_OK);
    assert_int_equal(n, self.n);
    assert_int_equal(tw_tracker_save(copy, n, &again, &again_len), TW_OK);
    assert_int_equal(again_len, changes->snapshot_len);
    struct tw_tracker_stats before = stats_of(&self);
    struct tw_tracker_stats after;
    tw_tracker_stats(copy, &after);
    assert_int_equal(after.open_runs, before.open_runs);
    assert_int_equal(after.objects, before.objects);
    assert_int_equal(after.events, before.events);
    assert_int_equal(copy->stats[0].steps[1].waiting, 1);
    assert_int_equal(copy->stats[0].steps[1].overdue, 1);
    assert_int_equal(copy->objectives[0].undecided, 1);
    free(again);
    free(changes->snapshot);
    tw_tracker_destroy(&copy);
    close_fixture(&self);
}

/* A clock that stands at the end of all times, or behind it. */
static void tracker__around_the_last_second__what_is_saved_is_restored(void **unused)
{
    (void)unused;
    const int64_t last_s = TW_TRACK_TIME_MAX_NS / TW_NS_PER_S;
    const int64_t times_s[] = {last_s - 1, last_s, last_s + 1, UINT32_MAX, INT64_MAX / TW_NS_PER_S};
    for (size_t i = 0; i < sizeof times_s / sizeof times_s[0]; i++) {
        struct fixture self;
        open_fixture(&self, "");
        fill(&self);
        assert_int_equal(tick(&self, times_s[i] - NOW_S), TW_OK);
        assert_int_equal(apply(&self, "sold", "5", times_s[i] - NOW_S), TW_OK);
        assert_int_equal(apply(&self, "sold", "6", times_s[i] - NOW_S), TW_OK);
        void *bytes = NULL;
        size_t len = 0;
        uint64_t n = 0;
        assert_int_equal(tw_tracker_save(self.tracker, self.n, &bytes, &len), TW_OK);
        const struct tw_tracker_options options = options_of(&self);
        struct tw_tracker *copy = NULL;
        assert_int_equal(tw_tracker_new(&options, &copy), TW_OK);
        assert_int_equal(tw_tracker_restore(copy, bytes, len, &n), TW_OK);
        assert_int_equal(n, self.n);
        struct tw_tracker_stats before = stats_of(&self);
        struct tw_tracker_stats after;
        tw_tracker_stats(copy, &after);
        assert_int_equal(after.open_runs, before.open_runs);
        assert_int_equal(after.objects, before.objects);
        assert_true(after.objects >= 2);
        free(bytes);
        tw_tracker_destroy(&copy);
        close_fixture(&self);
    }
}

/* Clocks that were never set, or to nonsense: ages of what they say have a number (seen by the
 * sanitizer), and the state with them is read back. */
static void tracker__events_of_any_year__are_folded_and_restored(void **unused)
{
    (void)unused;
    const char *times[] = {"1678-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z",
                           "2106-02-05T00:00:00Z", "2261-12-31T23:59:59Z"};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct fixture self;
        const struct tw_track_changes *changes = NULL;
        tw_wall_t at = {0};
        uint64_t n = 0;
        open_fixture(&self, "");
        assert_int_equal(tw_wall_parse(tw_str_of(times[i]), &at), TW_OK);
        const int64_t at_s = at.ns / TW_NS_PER_S - NOW_S;
        assert_int_equal(apply(&self, "sold", "1", 0), TW_OK);
        assert_int_equal(apply(&self, "sold", "2", at_s), TW_OK);
        assert_int_equal(apply(&self, "posted", "3", at_s), TW_OK);
        assert_int_equal(tick(&self, 60), TW_OK);
        assert_int_equal(emit(&self, true, &changes), TW_OK);
        assert_true(stats_of(&self).open_runs >= 1);
        const struct tw_tracker_options options = options_of(&self);
        struct tw_tracker *copy = NULL;
        assert_int_equal(tw_tracker_new(&options, &copy), TW_OK);
        assert_int_equal(tw_tracker_restore(copy, changes->snapshot, changes->snapshot_len, &n),
                         TW_OK);
        free(changes->snapshot);
        tw_tracker_destroy(&copy);
        close_fixture(&self);
    }
}

/* Whatever the bytes are: refused, or taken and then usable. */
static void tracker__damaged_state__is_refused_or_harmless(void **unused)
{
    (void)unused;
    struct fixture self;
    const struct tw_track_changes *changes = NULL;
    open_fixture(&self, "");
    fill(&self);
    assert_int_equal(emit(&self, true, &changes), TW_OK);
    uint8_t *bytes = changes->snapshot;
    size_t len = changes->snapshot_len;
    struct tw_tracker *copy = NULL;
    const struct tw_tracker_options options = options_of(&self);
    uint64_t n = 0;
    size_t step = len / 400 + 1;
    for (size_t cut = 0; cut < len; cut += step) {
        assert_int_equal(tw_tracker_new(&options, &copy), TW_OK);
        assert_int_equal(tw_tracker_restore(copy, bytes, cut, &n), TW_EDAMAGED);
        struct tw_tracker *kept = self.tracker;
        self.tracker = copy; /* empty, and of use */
        assert_int_equal(apply(&self, "sold", "9", 70), TW_OK);
        assert_int_equal(stats_of(&self).open_runs, 1);
        self.tracker = kept;
        tw_tracker_destroy(&copy);
    }
    uint64_t random = 88172645463325252U;
    for (int i = 0; i < 1500; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        assert_true(len > 0);
        size_t at = len > 0 ? (size_t)(random >> 8) % len : 0;
        uint8_t was = bytes[at];
        bytes[at] ^= (uint8_t)(1U << (random & 7));
        assert_int_equal(tw_tracker_new(&options, &copy), TW_OK);
        int rc = tw_tracker_restore(copy, bytes, len, &n);
        assert_true(rc == TW_OK || rc == TW_EDAMAGED);
        struct tw_tracker *kept = self.tracker;
        self.tracker = copy;
        (void)apply(&self, "posted", "3", 71); /* must not crash; what it comes to is anything */
        (void)tick(&self, 80);
        const struct tw_track_changes *ignored = NULL;
        (void)emit(&self, false, &ignored);
        self.tracker = kept;
        tw_tracker_destroy(&copy);
        bytes[at] = was;
        tw_arena_reset(&self.arena);
    }
    free(bytes);
    close_fixture(&self);
}

static void tracker__state_of_other_types__is_refused(void **unused)
{
    (void)unused;
    struct fixture self;
    const struct tw_track_changes *changes = NULL;
    open_fixture(&self, "");
    fill(&self);
    assert_int_equal(emit(&self, true, &changes), TW_OK);
    self.cfg->objects[0].is_linking = !self.cfg->objects[0].is_linking;
    const struct tw_tracker_options options = options_of(&self);
    struct tw_tracker *copy = NULL;
    uint64_t n = 0;
    assert_int_equal(tw_tracker_new(&options, &copy), TW_OK);
    assert_int_equal(tw_tracker_restore(copy, changes->snapshot, changes->snapshot_len, &n),
                     TW_EDAMAGED);
    free(changes->snapshot);
    tw_tracker_destroy(&copy);
    close_fixture(&self);
}

static void tracker__lost_memory__is_told_and_nothing_leaks(void **unused)
{
    (void)unused;
    struct fixture self;
    const struct tw_track_changes *changes = NULL;
    open_fixture(&self, "");
    fill(&self);
    assert_int_equal(emit(&self, true, &changes), TW_OK);
    const struct tw_tracker_options options = options_of(&self);
    int rc = TW_ENOMEM;
    for (long at = 0; rc == TW_ENOMEM; at++) {
        struct tw_tracker *copy = NULL;
        uint64_t n = 0;
        fail_at = at;
        rc = tw_tracker_new(&options, &copy);
        rc = rc == TW_OK ? tw_tracker_restore(copy, changes->snapshot, changes->snapshot_len, &n)
                         : rc;
        fail_at = -1;
        assert_true(rc == TW_OK || rc == TW_ENOMEM);
        tw_tracker_destroy(&copy);
        assert_true(at < 100000);
    }
    free(changes->snapshot);
    close_fixture(&self);
}

static void tracker__unwritten_rows__wait_for_the_next_batch(void **unused)
{
    (void)unused;
    struct fixture self;
    char receipt[16];
    open_fixture(&self, "");
    const size_t count = TW_TRACK_ROWS_MAX + 5;
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(receipt, sizeof receipt, "%zu", i);
        assert_int_equal(apply(&self, "sold", receipt, 0), TW_OK);
    }
    assert_int_equal(tick(&self, 61), TW_OK);
    const struct tw_track_changes *changes = NULL;
    assert_int_equal(emit(&self, false, &changes), TW_OK);
    assert_int_equal(changes->run_count, TW_TRACK_ROWS_MAX);
    assert_int_equal(emit(&self, false, &changes), TW_OK);
    assert_int_equal(changes->run_count, 5);
    assert_int_equal(emit(&self, false, &changes), TW_OK);
    assert_int_equal(changes->run_count, 0);
    const struct tw_track_emit all = {.all_names = true, .last_n = self.n};
    assert_int_equal(tw_tracker_emit(self.tracker, &all, &self.arena, &changes), TW_OK);
    assert_int_equal(changes->run_count, TW_TRACK_ROWS_MAX);
    assert_int_equal(changes->name_count, self.tracker->series_count);
    assert_int_equal(emit(&self, false, &changes), TW_OK);
    assert_int_equal(changes->run_count, 5);
    assert_int_equal(changes->name_count, 0);
    close_fixture(&self);
}

static void words__full__are_none(void **unused)
{
    (void)unused;
    struct tw_words words;
    char text[16];
    uint32_t word = 9;
    tw_words_init(&words, 100, 7);
    assert_int_equal(tw_words_find(&words, TW_STR_LIT("x")), 0);
    for (uint32_t i = 1; i <= 101; i++) {
        (void)snprintf(text, sizeof text, "w%u", i);
        assert_int_equal(tw_words_add(&words, tw_str_of(text), &word), TW_OK);
        assert_int_equal(word, i <= 100 ? i : 0);
    }
    assert_int_equal(tw_words_add(&words, TW_STR_LIT("w7"), &word), TW_OK);
    assert_int_equal(word, 7);
    assert_string_equal(tw_words_text(&words, 7), "w7");
    assert_string_equal(tw_words_text(&words, 0), "");
    assert_string_equal(tw_words_text(&words, 101), "");
    assert_int_equal(tw_words_add(&words, TW_STR_NULL, &word), TW_OK);
    assert_int_equal(word, 0);
    tw_words_fini(&words);
    tw_words_init(&words, 100, 7);
    assert_int_equal(tw_words_add(&words, (struct tw_str){"a\0b", 3}, &word), TW_OK);
    assert_int_equal(word, 0);
    char longest[256];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(tw_words_add(&words, (struct tw_str){longest, 255}, &word), TW_OK);
    assert_int_equal(word, 1);
    assert_int_equal(tw_words_add(&words, (struct tw_str){longest, 256}, &word), TW_OK);
    assert_int_equal(word, 0);
    tw_words_fini(&words);
}

static struct tw_sequence_change number(struct tw_sequence *self, uint64_t n, int64_t minute)
{
    struct tw_sequence_change change = {0};
    assert_int_equal(tw_sequence_see(self, n, minute, &change), TW_OK);
    return change;
}

static void sequence__gaps__are_bad_until_they_are_filled(void **unused)
{
    (void)unused;
    struct tw_sequence self = {0};
    assert_int_equal(number(&self, 2000, 1).bad, 0);
    assert_int_equal(number(&self, 2005, 2).bad, 4);
    struct tw_sequence_change change = number(&self, 2003, 9);
    assert_int_equal(change.minute, 2); /* where it was seen to be missing */
    assert_int_equal(change.good, 1);
    assert_int_equal(change.bad, -1);
    assert_int_equal(number(&self, 2001, 9).bad, -1);
    assert_int_equal(number(&self, 2004, 9).bad, -1);
    assert_int_equal(number(&self, 2002, 9).bad, -1);
    assert_int_equal(self.gap_count, 0);
    assert_int_equal(number(&self, 2000 - TW_SEQUENCE_BEFORE, 10).bad, TW_SEQUENCE_BEFORE - 1);
    assert_int_equal(number(&self, 1, 11).bad, TW_SEQUENCE_BEFORE - 2);
    tw_sequence_fini(&self);
    assert_int_equal(number(&self, 2000, 1).bad, 0);
    assert_int_equal(number(&self, 2000 - TW_SEQUENCE_BEFORE - 1, 2).bad, 0); /* counts again */
    assert_int_equal(number(&self, 2000 - TW_SEQUENCE_BEFORE, 3).bad, 0);
    tw_sequence_fini(&self);
}

static void sequence__too_many_gaps__forget_the_oldest(void **unused)
{
    (void)unused;
    struct tw_sequence self = {0};
    (void)number(&self, 1, 1);
    for (uint64_t i = 1; i <= TW_SEQUENCE_GAPS; i++) {
        assert_int_equal(number(&self, 1 + 2 * i, 1).bad, 1);
    }
    assert_int_equal(self.gap_count, TW_SEQUENCE_GAPS);
    assert_int_equal(number(&self, 3 + 2 * TW_SEQUENCE_GAPS, 1).bad, 1);
    assert_int_equal(self.gap_count, TW_SEQUENCE_GAPS);
    assert_int_equal(number(&self, 2, 2).bad, 0); /* no longer known */
    assert_int_equal(number(&self, 4, 2).bad, -1);
    struct tw_buf buf;
    struct tw_sequence copy = {0};
    tw_buf_init(&buf, 65536);
    assert_int_equal(tw_sequence_encode(&self, &buf), TW_OK);
    for (size_t len = 0; len < buf.len; len++) {
        struct tw_cursor cursor = tw_cursor_of(buf.data, len);
        assert_int_equal(tw_sequence_decode(&copy, &cursor), TW_EDAMAGED);
    }
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_sequence_decode(&copy, &cursor), TW_OK);
    assert_int_equal(copy.gap_count, self.gap_count);
    assert_memory_equal(copy.gaps, self.gaps, self.gap_count * sizeof *self.gaps);
    tw_buf_fini(&buf);
    tw_sequence_fini(&copy);
    tw_sequence_fini(&self);
}

static void sequence__text__is_digits_only(void **unused)
{
    (void)unused;
    assert_int_equal(tw_sequence_parse(TW_STR_LIT("0000000042")), 42);
    assert_int_equal(tw_sequence_parse(TW_STR_LIT("9999999999999999999")),
                     UINT64_C(9999999999999999999));
    assert_int_equal(tw_sequence_parse(TW_STR_LIT("10000000000000000000")), 0);
    assert_int_equal(tw_sequence_parse(TW_STR_LIT("4x")), 0);
    assert_int_equal(tw_sequence_parse(TW_STR_LIT("")), 0);
    assert_int_equal(tw_sequence_parse(TW_STR_NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tracker__no_workflows__costs_nothing),
        cmocka_unit_test(tracker__too_many_open_runs__gives_the_oldest_up),
        cmocka_unit_test(tracker__finished_run__is_forgotten_after_linger),
        cmocka_unit_test(tracker__reload__retires_versions_without_runs),
        cmocka_unit_test(tracker__saved_state__is_the_same_after_a_restore),
        cmocka_unit_test(tracker__around_the_last_second__what_is_saved_is_restored),
        cmocka_unit_test(tracker__events_of_any_year__are_folded_and_restored),
        cmocka_unit_test(tracker__damaged_state__is_refused_or_harmless),
        cmocka_unit_test(tracker__state_of_other_types__is_refused),
        cmocka_unit_test(tracker__lost_memory__is_told_and_nothing_leaks),
        cmocka_unit_test(tracker__unwritten_rows__wait_for_the_next_batch),
        cmocka_unit_test(words__full__are_none),
        cmocka_unit_test(sequence__gaps__are_bad_until_they_are_filled),
        cmocka_unit_test(sequence__too_many_gaps__forget_the_oldest),
        cmocka_unit_test(sequence__text__is_digits_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
