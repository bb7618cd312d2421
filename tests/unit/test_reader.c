/* SPDX-License-Identifier: Apache-2.0
 * The reader against a model: random records over many partitions, sealed and not, every answer
 * compared with what plain memory says; also after a deadline, without memory, past retention, and
 * beside a writer. Other limits and errors: test_reader_limits.c.
 */
#include "config.h"
#include "reader_kit.h"

#include <pthread.h>
#include <stdatomic.h>

static uint64_t count_echoes(const struct model *model, uint64_t n, enum tw_record_kind kind)
{
    uint64_t count = 0;
    for (size_t i = 0; i < model->count; i++) {
        count += model->records[i].of == n && model->records[i].kind == kind;
    }
    return count;
}

static bool carries(const struct tw_record *record, const struct tw_object *object)
{
    bool has = false;
    for (uint32_t i = 0; i < record->object_count; i++) {
        has = has || model_same_object(&record->objects[i], object);
    }
    return has && record->kind == TW_RECORD_EVENT;
}

/* ---- comparisons with the model ------------------------------------------------------------- */

static void check_records(const struct model *model, struct tw_reader *reader,
                          struct tw_arena *arena)
{
    for (size_t i = 0; i < model->count; i++) {
        struct tw_stored stored;
        const uint64_t *ns = NULL;
        size_t count = 0;
        tw_arena_reset(arena);
        assert_int_equal(tw_reader_record(reader, arena, i + 1, &stored), TW_OK);
        model_assert_record(&stored.record, &model->records[i]);
        uint64_t duplicates = count_echoes(model, i + 1, TW_RECORD_DUPLICATE);
        uint64_t conflicts = count_echoes(model, i + 1, TW_RECORD_CONFLICT);
        assert_int_equal(stored.duplicates, duplicates);
        assert_int_equal(stored.conflicts, conflicts);
        assert_false(stored.payload_expired);
        assert_int_equal(tw_reader_echoes(reader, arena, i + 1, 1000, &ns, &count), TW_OK);
        assert_int_equal(count, duplicates + conflicts);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(model->records[ns[k] - 1].of, i + 1);
            assert_true(k == 0 || ns[k - 1] < ns[k]);
        }
    }
}

/* The different objects of the model, sorted as the index sorts them. */
struct known {
    struct tw_object object;
    uint8_t key[TW_KEY_MAX];
    size_t key_len;
    uint64_t events;
    int64_t first;
    int64_t last;
};

static int compare_known(const void *a, const void *b)
{
    const struct known *left = a;
    const struct known *right = b;
    return tw_str_compare((struct tw_str){(const char *)left->key, left->key_len},
                          (struct tw_str){(const char *)right->key, right->key_len});
}

static struct known *list_known(const struct model *model, size_t *ret_count)
{
    size_t capacity = model->count * 4 + 1;
    struct known *all = calloc(capacity, sizeof *all);
    size_t count = 0;
    assert_non_null(all);
    for (size_t i = 0; i < model->count; i++) {
        const struct tw_record *record = &model->records[i];
        for (uint32_t k = 0; k < record->object_count; k++) {
            struct known *known = &all[count++];
            known->object = record->objects[k];
            known->key_len = tw_key_make(&known->object, known->key);
            known->events = 1;
            known->first = known->last = record->time.ns;
        }
    }
    qsort(all, count, sizeof *all, compare_known);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && compare_known(&all[kept - 1], &all[i]) == 0) {
            struct known *into = &all[kept - 1];
            into->events++;
            into->first = all[i].first < into->first ? all[i].first : into->first;
            into->last = all[i].last > into->last ? all[i].last : into->last;
        } else {
            all[kept++] = all[i];
        }
    }
    *ret_count = kept;
    return all;
}

static void check_objects(const struct model *model, struct tw_reader *reader,
                          struct tw_arena *arena)
{
    size_t known_count = 0;
    struct known *known = list_known(model, &known_count);
    for (size_t i = 0; i < known_count; i++) {
        const struct tw_object *object = &known[i].object;
        struct tw_object_hit hit;
        const uint64_t *ns = NULL;
        size_t count = 0;
        bool has_more = true;
        tw_arena_reset(arena);
        assert_int_equal(tw_reader_object(reader, arena, object, &hit), TW_OK);
        assert_true(model_same_object(&hit.object, object));
        assert_int_equal(hit.events, known[i].events);
        assert_int_equal(hit.first.ns, known[i].first);
        assert_int_equal(hit.last.ns, known[i].last);
        assert_int_equal(tw_reader_postings(reader, arena, object, 100000, &ns, &count, &has_more),
                         TW_OK);
        assert_int_equal(count, known[i].events);
        assert_false(has_more);
        for (size_t k = 0; k < count; k++) {
            assert_true(k == 0 || ns[k - 1] < ns[k]);
            assert_true(carries(&model->records[ns[k] - 1], object));
        }
        /* the limit at its edges */
        const uint64_t *some = NULL;
        size_t some_count = 0;
        assert_int_equal(
            tw_reader_postings(reader, arena, object, count, &some, &some_count, &has_more), TW_OK);
        assert_int_equal(some_count, count);
        assert_false(has_more);
        assert_int_equal(
            tw_reader_postings(reader, arena, object, count - 1, &some, &some_count, &has_more),
            TW_OK);
        assert_int_equal(some_count, count - 1);
        assert_true(has_more);
        assert_memory_equal(some, ns, some_count * sizeof *ns);
    }
    free(known);
}

static bool is_hit(const struct known *known, struct tw_str prefix, bool is_exact)
{
    return is_exact ? tw_str_equal(known->object.id, prefix)
                    : tw_str_starts(known->object.id, prefix);
}

/* All pages of a search, compared with the sorted list. */
static void check_search(const struct known *known, size_t known_count, struct tw_reader *reader,
                         struct tw_arena *arena, struct tw_str prefix, size_t limit)
{
    for (int is_exact = 0; is_exact < 2; is_exact++) {
        struct tw_str after = TW_STR_NULL;
        size_t at = 0;
        bool has_more = true;
        tw_arena_reset(arena);
        while (has_more) {
            const struct tw_object_hit *hits = NULL;
            size_t count = 0;
            assert_int_equal(tw_reader_search(reader, arena, prefix, is_exact != 0, after, limit,
                                              &hits, &count, &has_more),
                             TW_OK);
            assert_true(count <= limit);
            assert_true(count > 0 || !has_more);
            for (size_t i = 0; i < count; i++) {
                while (at < known_count && !is_hit(&known[at], prefix, is_exact != 0)) {
                    at++;
                }
                assert_true(at < known_count);
                assert_true(model_same_object(&hits[i].object, &known[at].object));
                assert_int_equal(hits[i].events, known[at].events);
                assert_int_equal(hits[i].first.ns, known[at].first);
                assert_int_equal(hits[i].last.ns, known[at].last);
                at++;
                after = hits[i].key;
            }
        }
        while (at < known_count) {
            assert_false(is_hit(&known[at], prefix, is_exact != 0));
            at++;
        }
    }
}

static void check_searches(const struct model *model, struct tw_reader *reader,
                           struct tw_arena *arena)
{
    static const char *const prefixes[] = {"1", "10", "100", "\xff", "\xff\xff", "5", "50", "50%",
                                           "",  "L",  "A-1", "\"",   "zz",       "'", " "};
    size_t known_count = 0;
    struct known *known = list_known(model, &known_count);
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        check_search(known, known_count, reader, arena, tw_str_of(prefixes[i]), 1000);
        check_search(known, known_count, reader, arena, tw_str_of(prefixes[i]), 31);
    }
    check_search(known, known_count, reader, arena, tw_str_of("100"), 1);
    check_search(known, known_count, reader, arena, tw_str_of("\xff"), 1);
    free(known);
}

struct scan_check {
    const struct model *model;
    const struct tw_object *object;
    int64_t since;
    int64_t until;
    uint64_t next_n;
    size_t stop_after;
};

static bool is_wanted(const struct scan_check *check, const struct tw_record *record)
{
    return record->time.ns >= check->since && record->time.ns < check->until &&
           (check->object == NULL || carries(record, check->object));
}

static int scan_row(void *context, const struct tw_stored *stored)
{
    struct scan_check *check = context;
    while (!is_wanted(check, &check->model->records[check->next_n - 1])) {
        check->next_n++;
        assert_true(check->next_n <= check->model->count);
    }
    model_assert_record(&stored->record, &check->model->records[check->next_n - 1]);
    assert_int_equal(stored->duplicates,
                     count_echoes(check->model, check->next_n, TW_RECORD_DUPLICATE));
    assert_int_equal(stored->conflicts,
                     count_echoes(check->model, check->next_n, TW_RECORD_CONFLICT));
    check->next_n++;
    return --check->stop_after == 0 ? TW_ECLOSED : TW_OK;
}

static void check_scan(const struct model *model, struct tw_reader *reader, uint64_t from_n,
                       int64_t since, int64_t until, const struct tw_object *object)
{
    struct scan_check check = {.model = model,
                               .object = object,
                               .since = since,
                               .until = until,
                               .next_n = from_n == 0 ? 1 : from_n,
                               .stop_after = SIZE_MAX};
    assert_int_equal(tw_reader_scan(reader, from_n, (tw_wall_t){since}, (tw_wall_t){until}, object,
                                    scan_row, &check),
                     TW_OK);
    for (; check.next_n <= model->count; check.next_n++) {
        assert_false(is_wanted(&check, &model->records[check.next_n - 1]));
    }
}

static void check_scans(struct model *model, struct tw_reader *reader)
{
    check_scan(model, reader, 0, INT64_MIN, INT64_MAX, NULL);
    check_scan(model, reader, model->count / 2, INT64_MIN, INT64_MAX, NULL);
    check_scan(model, reader, model->count + 1, INT64_MIN, INT64_MAX, NULL);
    check_scan(model, reader, 1, MODEL_START_NS + 600 * TW_NS_PER_S,
               MODEL_START_NS + 700 * TW_NS_PER_S, NULL);
    check_scan(model, reader, 1, INT64_MIN, MODEL_START_NS - 1, NULL);
    for (size_t i = 0; i < 10; i++) {
        struct tw_object object = model_random_object(model);
        check_scan(model, reader, model_below(model, model->count), INT64_MIN, INT64_MAX, &object);
        check_scan(model, reader, 1, MODEL_START_NS + 600 * TW_NS_PER_S,
                   MODEL_START_NS + 1700 * TW_NS_PER_S, &object);
    }
}

static void check_status(const struct model *model, struct tw_reader *reader)
{
    struct tw_store_status status;
    assert_int_equal(tw_reader_status(reader, &status), TW_OK);
    assert_int_equal(status.first_n, 1);
    assert_int_equal(status.last_n, model->count);
    assert_int_equal(status.first_received.ns, MODEL_START_NS);
    assert_int_equal(status.last_received.ns, model->records[model->count - 1].received.ns);
    assert_int_equal(status.last_commit.ns, MODEL_START_NS + (int64_t)model->count * 1000000 + 1);
    assert_int_equal(status.totals.v[TW_TOTAL_events_received], model->count);
    assert_true(status.bytes > 0 && status.total_bytes >= status.free_bytes);
    assert_true(status.sealed < status.partitions);
    assert_false(status.is_full);
    assert_int_equal(status.quarantine_open, 0);
}

static void check_all(struct model *model, struct tw_reader *reader)
{
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    check_status(model, reader);
    check_records(model, reader, &arena);
    check_objects(model, reader, &arena);
    check_searches(model, reader, &arena);
    check_scans(model, reader);
    tw_arena_fini(&arena);
}

static void reader__random_records__answers_equal_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct model *model = model_new(seed);
        struct tw_reader *reader = model_reader(model);
        model_fill(model, 300, seed % 2 == 0);
        check_all(model, reader);
        model_fill(model, 900, seed % 2 == 0);
        check_all(model, reader); /* an open reader sees what came meanwhile */
        model_seal(model);
        check_all(model, reader);
        tw_reader_close(&reader);
        reader = model_reader(model); /* and so does one that knows nothing */
        check_all(model, reader);
        tw_reader_close(&reader);
        model_free(model);
    }
}

static void reader__many_partitions__connections_stay_bounded(void **state)
{
    (void)state;
    struct model *model = model_new(11);
    for (size_t i = 0; i < 70; i++) { /* more than TW_READER_CONNECTIONS */
        model_add_random(model);
        model_add_random(model);
        model->starts_partition = i > 0;
        model_commit(model);
        if (i % 20 == 19) {
            model_seal(model);
        }
    }
    struct tw_reader *reader = model_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    check_status(model, reader);
    check_records(model, reader, &arena);
    check_objects(model, reader, &arena);
    tw_arena_fini(&arena);
    size_t open_files = 0;
    DIR *dir = opendir("/proc/self/fd");
    assert_non_null(dir);
    while (readdir(dir) != NULL) {
        open_files++;
    }
    (void)closedir(dir);
    assert_true(open_files < 220);
    tw_reader_close(&reader);
    model_free(model);
}

static void reader__deadline_passed__times_out_and_recovers(void **state)
{
    (void)state;
    struct model *model = model_new(15);
    model_fill(model, 500, true);
    struct tw_reader *reader = model_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    struct tw_clock *clock = tw_clock_system();
    struct tw_object object = model_object(model, ORDER, "", "100");
    struct tw_stored stored;
    struct tw_object_hit hit;
    struct tw_store_status status;
    const struct tw_object_hit *hits = NULL;
    const struct tw_object_type *types = NULL;
    const struct tw_quarantine_entry *entries = NULL;
    const uint64_t *ns = NULL;
    size_t count = 0;
    bool has_more = false;
    tw_reader_set_deadline(reader, clock->mono(clock)); /* it is past by the next look */
    assert_int_equal(tw_reader_record(reader, &arena, 1, &stored), TW_ETIMEOUT);
    assert_int_equal(tw_reader_object(reader, &arena, &object, &hit), TW_ETIMEOUT);
    assert_int_equal(tw_reader_postings(reader, &arena, &object, 10, &ns, &count, &has_more),
                     TW_ETIMEOUT);
    assert_int_equal(tw_reader_echoes(reader, &arena, 1, 10, &ns, &count), TW_ETIMEOUT);
    assert_int_equal(tw_reader_search(reader, &arena, tw_str_of(""), false, TW_STR_NULL, 10, &hits,
                                      &count, &has_more),
                     TW_ETIMEOUT);
    assert_int_equal(tw_reader_status(reader, &status), TW_ETIMEOUT);
    assert_int_equal(tw_reader_object_types(reader, &types, &count), TW_ETIMEOUT);
    assert_int_equal(
        tw_reader_scan(reader, 1, (tw_wall_t){0}, (tw_wall_t){INT64_MAX}, NULL, scan_row, NULL),
        TW_ETIMEOUT);
    assert_int_equal(
        tw_reader_quarantine(reader, &arena, 0, TW_PROBLEM_none, true, 10, &entries, &count),
        TW_ETIMEOUT);
    /* deadlines that pass somewhere in the middle leave nothing open behind */
    for (int64_t ns_left = 1000; ns_left < 2000000; ns_left += ns_left / 2) {
        tw_reader_set_deadline(reader, (tw_mono_t){clock->mono(clock).ns + ns_left});
        int err = tw_reader_search(reader, &arena, tw_str_of(""), false, TW_STR_NULL, 1000, &hits,
                                   &count, &has_more);
        assert_true(err == TW_OK || err == TW_ETIMEOUT);
    }
    tw_reader_set_deadline(reader, (tw_mono_t){INT64_MAX});
    check_all(model, reader);
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

static void reader__small_arena__out_of_memory(void **state)
{
    (void)state;
    struct model *model = model_new(16);
    model_fill(model, 300, false);
    struct tw_reader *reader = model_reader(model);
    struct tw_object object = model->records[0].object_count > 0 ? model->records[0].objects[0]
                                                                 : model_random_object(model);
    size_t failures = 0;
    for (size_t max = 0; max < 4096; max += 16) {
        struct tw_arena arena;
        struct tw_stored stored;
        const uint64_t *ns = NULL;
        size_t count = 0;
        bool has_more = false;
        tw_arena_init(&arena, max);
        int err = tw_reader_record(reader, &arena, 1, &stored);
        assert_true(err == TW_OK || err == TW_ENOMEM);
        failures += err == TW_ENOMEM;
        err = tw_reader_postings(reader, &arena, &object, 10, &ns, &count, &has_more);
        assert_true(err == TW_OK || err == TW_ENOMEM);
        tw_arena_fini(&arena);
    }
    assert_true(failures > 0 && failures < 256);
    check_all(model, reader);
    tw_reader_close(&reader);
    model_free(model);
}

static void reader__expired_partition__is_past_retention(void **state)
{
    (void)state;
    struct model *model = model_new(19);
    model_fill(model, 700, false);
    model_seal(model);
    struct tw_reader *reader = model_reader(model);
    check_all(model, reader); /* everything is open and cached */
    struct tw_store_status status;
    struct tw_arena arena;
    char path[TW_PATH_MAX];
    tw_arena_init(&arena, ARENA_BYTES);
    assert_int_equal(tw_part_path(model->dir, 1, true, path), TW_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(tw_reader_status(reader, &status), TW_OK);
    assert_true(status.first_n > 1);
    for (size_t n = 1; n <= model->count; n++) {
        struct tw_stored stored;
        tw_arena_reset(&arena);
        assert_int_equal(tw_reader_record(reader, &arena, n, &stored),
                         n < status.first_n ? TW_ENOTFOUND : TW_OK);
    }
    size_t rows = 0;
    assert_int_equal(tw_reader_scan(reader, 1, (tw_wall_t){INT64_MIN}, (tw_wall_t){INT64_MAX}, NULL,
                                    count_rows, &rows),
                     TW_OK);
    assert_int_equal(rows, model->count - status.first_n + 1);
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

static void reader_scan__row_stops__its_code_is_returned(void **state)
{
    (void)state;
    struct model *model = model_new(20);
    model_fill(model, 100, false);
    struct tw_reader *reader = model_reader(model);
    struct scan_check check = {
        .model = model, .since = INT64_MIN, .until = INT64_MAX, .next_n = 1, .stop_after = 7};
    assert_int_equal(tw_reader_scan(reader, 1, (tw_wall_t){INT64_MIN}, (tw_wall_t){INT64_MAX}, NULL,
                                    scan_row, &check),
                     TW_ECLOSED);
    assert_int_equal(check.next_n, 8);
    tw_reader_close(&reader);
    model_free(model);
}

/* ---- beside a writer ------------------------------------------------------------------------ */

struct beside {
    struct model *model;
    atomic_bool is_done;
    size_t records; /* all are made before the thread starts */
};

static void *write_all(void *context)
{
    struct beside *beside = context;
    struct model *model = beside->model;
    uint64_t seed = 5;
    while (model->committed < beside->records) {
        seed = seed * UINT64_C(6364136223846793005) + 1;
        size_t step = 1 + (size_t)(seed >> 33) % 50;
        size_t left = beside->records - model->committed;
        model->count = model->committed + (step < left ? step : left);
        model->starts_partition = model->committed - model->partition_first >= 200;
        model_commit(model);
        if ((seed >> 40) % 4 == 0) {
            model_seal(model);
        }
    }
    atomic_store(&beside->is_done, true);
    return NULL;
}

static void reader__beside_a_writer__sees_whole_commits(void **state)
{
    (void)state;
    struct model *model = model_new(24);
    struct beside beside = {.model = model};
    while (model->count < 3000) {
        model_add_random(model);
    }
    beside.records = model->count;
    const struct tw_record *records = model->records;
    struct tw_reader *reader = model_reader(model);
    struct tw_arena arena;
    pthread_t thread;
    tw_arena_init(&arena, ARENA_BYTES);
    struct tw_object object = model_object(model, ORDER, "", "100");
    uint64_t seen = 0;
    size_t rounds = 0;
    assert_int_equal(pthread_create(&thread, NULL, write_all, &beside), 0);
    while (!atomic_load(&beside.is_done) || rounds == 0) {
        struct tw_store_status status;
        struct tw_stored stored;
        const uint64_t *ns = NULL;
        size_t count = 0;
        bool has_more = false;
        tw_arena_reset(&arena);
        assert_int_equal(tw_reader_status(reader, &status), TW_OK);
        assert_true(status.last_n >= seen);
        assert_int_equal(status.totals.v[TW_TOTAL_events_received], status.last_n);
        seen = status.last_n;
        if (seen == 0) {
            continue;
        }
        rounds++;
        assert_int_equal(tw_reader_record(reader, &arena, seen, &stored), TW_OK);
        model_assert_record(&stored.record, &records[seen - 1]);
        assert_int_equal(tw_reader_record(reader, &arena, 1 + seen / 3, &stored), TW_OK);
        assert_int_equal(
            tw_reader_postings(reader, &arena, &object, 100000, &ns, &count, &has_more), TW_OK);
        size_t at = 0;
        for (uint64_t n = 1; n <= seen; n++) {
            if (carries(&records[n - 1], &object)) {
                assert_true(at < count);
                assert_int_equal(ns[at], n);
                at++;
            }
        }
    }
    assert_int_equal(pthread_join(thread, NULL), 0);
    check_all(model, reader);
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

static void reader__writer_stopped__reads_on(void **state)
{
    (void)state;
    struct model *model = model_new(25);
    model_fill(model, 500, true);
    struct tw_reader *reader = model_reader(model);
    check_all(model, reader);
    tw_store_destroy(&model->store);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    check_records(model, reader, &arena);
    tw_reader_close(&reader);
    reader = model_reader(model);
    check_records(model, reader, &arena);
    check_objects(model, reader, &arena);
    model_open_store(model);
    model_fill(model, 100, false);
    check_all(model, reader);
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader__random_records__answers_equal_the_model),
        cmocka_unit_test(reader__many_partitions__connections_stay_bounded),
        cmocka_unit_test(reader__deadline_passed__times_out_and_recovers),
        cmocka_unit_test(reader__small_arena__out_of_memory),
        cmocka_unit_test(reader__expired_partition__is_past_retention),
        cmocka_unit_test(reader_scan__row_stops__its_code_is_returned),
        cmocka_unit_test(reader__beside_a_writer__sees_whole_commits),
        cmocka_unit_test(reader__writer_stopped__reads_on),
    };
    tw_log_setup(TW_LOG_ERROR, TW_LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
