/* SPDX-License-Identifier: Apache-2.0
 * The reader in trouble: every allocation fails once, the bytes of the files are changed at random,
 * and files get another name or go while they are listed. Whatever comes, it is one of the
 * documented errors, nothing leaks, and the next question is answered.
 */
#include "config.h"
#include "store/journey.h"

#include "alloc_kit.h"
#include "unit/store_model.h"
#include "store/internal.h"

#define ARENA_BYTES ((size_t)64 << 20)

/* ---- a list of files that is old when it is used -----------------------------------------------
 */

static void (*after_listing)(struct model *model); /* once */
static struct model *listed_model;

int __real_tw_parts_list(const char *dir, struct tw_part **ret_parts, size_t *ret_count,
                         struct tw_diag *diag);
int __wrap_tw_parts_list(const char *dir, struct tw_part **ret_parts, size_t *ret_count,
                         struct tw_diag *diag);

int __wrap_tw_parts_list(const char *dir, struct tw_part **ret_parts, size_t *ret_count,
                         struct tw_diag *diag)
{
    int err = __real_tw_parts_list(dir, ret_parts, ret_count, diag);
    void (*now)(struct model * model) = after_listing;
    after_listing = NULL;
    if (now != NULL) {
        now(listed_model);
    }
    return err;
}

/* ---- all questions -------------------------------------------------------------------------- */

static int ignore_row(void *context, const struct tw_stored *stored)
{
    *(uint64_t *)context += stored->record.json.len;
    return TW_OK;
}

/* Ask everything. Returns the first error that is not one of data; counts those that are. */
static int ask_all(struct tw_reader *reader, struct tw_arena *arena, const struct tw_object *object,
                   uint64_t last_n, size_t *damaged)
{
    static const struct tw_journey_limits limits = {
        .max_hops = 3, .max_links = 20, .max_events = 100};
    const struct tw_quarantine_entry *entries = NULL;
    const struct tw_source_state *sources = NULL;
    const struct tw_tap_state *taps = NULL;
    const struct tw_object_hit *hits = NULL;
    const uint64_t *ns = NULL;
    struct tw_store_status status;
    struct tw_journey journey;
    struct tw_stored stored;
    struct tw_object_hit hit;
    size_t count = 0;
    uint64_t sum = 0;
    bool has_more = false;
    const tw_wall_t since = {INT64_MIN};
    const tw_wall_t until = {INT64_MAX};
    for (size_t question = 0; question < 12; question++) {
        int err = TW_OK;
        switch (question) {
        case 0:
            err = tw_reader_status(reader, &status);
            break;
        case 1:
            err = tw_journey_read(reader, arena, object, &limits, &journey);
            break;
        case 2:
            err = tw_reader_object(reader, arena, object, &hit);
            break;
        case 3:
            err = tw_reader_postings(reader, arena, object, 10, &ns, &count, &has_more);
            break;
        case 4:
            err = tw_reader_record(reader, arena, 1, &stored);
            break;
        case 5:
            err = tw_reader_record(reader, arena, last_n, &stored);
            break;
        case 6:
            err = tw_reader_echoes(reader, arena, 1, 10, &ns, &count);
            break;
        case 7:
            err = tw_reader_search(reader, arena, tw_str_of("1"), false, TW_STR_NULL, 20, &hits,
                                   &count, &has_more);
            break;
        case 8:
            err = tw_reader_scan(reader, 1, since, until, NULL, ignore_row, &sum);
            break;
        case 9:
            err = tw_reader_scan(reader, 1, since, until, object, ignore_row, &sum);
            break;
        case 10:
            err =
                tw_reader_quarantine(reader, arena, 0, TW_PROBLEM_none, true, 10, &entries, &count);
            break;
        default:
            err = tw_reader_taps(reader, arena, &taps, &count);
            err = err == TW_OK ? tw_reader_sources(reader, arena, 0, 10, &sources, &count) : err;
            break;
        }
        bool is_of_data =
            err == TW_EDAMAGED || err == TW_ENOTFOUND || err == TW_EFOREIGN || err == TW_ENEWER;
        *damaged += is_of_data;
        if (err != TW_OK && !is_of_data) {
            return err;
        }
    }
    return TW_OK;
}

static void reader__each_allocation_fails_once__says_so_and_goes_on(void **state)
{
    (void)state;
    struct model *model = model_new(400);
    model_fill(model, 450, true);
    const struct tw_object object = model_object(model, ORDER, "", "100");
    bool has_failed = true;
    for (size_t n = 1; has_failed; n++) {
        struct tw_reader *reader = NULL;
        struct tw_arena arena;
        struct tw_diag diag = {{0}};
        size_t damaged = 0;
        tw_arena_init(&arena, ARENA_BYTES);
        alloc_count = 0;
        alloc_failing = n;
        int err = tw_reader_open(model->dir, &reader, &diag);
        if (err == TW_OK) {
            err = ask_all(reader, &arena, &object, model->count, &damaged);
        }
        has_failed = alloc_count >= n;
        alloc_failing = 0;
        assert_int_equal(err, has_failed ? TW_ENOMEM : TW_OK);
        assert_int_equal(damaged, 0);
        if (reader != NULL) { /* the one that failed must answer now */
            tw_arena_reset(&arena);
            assert_int_equal(ask_all(reader, &arena, &object, model->count, &damaged), TW_OK);
            assert_int_equal(damaged, 0);
        }
        tw_reader_close(&reader);
        tw_arena_fini(&arena);
        assert_true(n < 100000);
    }
    model_free(model);
}

/* Change some bytes of a file that nobody has open. */
static void flip(struct model *model, const char *path, size_t count, unsigned char *before,
                 off_t *where)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    off_t size = lseek(fd, 0, SEEK_END);
    for (size_t i = 0; i < count; i++) {
        /* the head says what the file is: changing it has tests of its own */
        where[i] = 100 + (off_t)model_below(model, (size_t)size - 100);
        unsigned char byte = (unsigned char)model_random(model);
        assert_int_equal(pread(fd, &before[i], 1, where[i]), 1);
        assert_int_equal(pwrite(fd, &byte, 1, where[i]), 1);
    }
    (void)close(fd);
}

static void restore(const char *path, size_t count, const unsigned char *before, const off_t *where)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t i = count; i > 0; i--) {
        assert_int_equal(pwrite(fd, &before[i - 1], 1, where[i - 1]), 1);
    }
    (void)close(fd);
}

static void reader__random_damage__only_documented_errors(void **state)
{
    (void)state;
    struct model *model = model_new(401);
    struct tw_object object = model_object(model, ORDER, "", "100");
    char path[TW_PATH_MAX];
    size_t damaged = 0;
    model_fill(model, 450, false);
    model_seal(model);
    tw_store_destroy(&model->store);
    assert_int_equal(tw_part_path(model->dir, 1, true, path), TW_OK);
    for (size_t round = 0; round < 200; round++) {
        unsigned char before[64];
        off_t where[64];
        size_t count = 1 + model_below(model, round % 3 == 0 ? 64 : 8);
        struct tw_reader *reader = NULL;
        struct tw_arena arena;
        struct tw_diag diag = {{0}};
        flip(model, path, count, before, where);
        tw_arena_init(&arena, ARENA_BYTES);
        assert_int_equal(tw_reader_open(model->dir, &reader, &diag), TW_OK);
        tw_reader_set_deadline(reader, (tw_mono_t){INT64_MAX});
        int err = ask_all(reader, &arena, &object, model->count, &damaged);
        assert_true(err == TW_OK || err == TW_EIO || err == TW_ENOMEM || err == TW_EPERM);
        /* records of the other partitions are not touched by it */
        struct tw_stored stored;
        err = tw_reader_record(reader, &arena, model->count - 1, &stored);
        assert_true(err == TW_OK || err == TW_EDAMAGED);
        tw_reader_close(&reader);
        tw_arena_fini(&arena);
        restore(path, count, before, where);
    }
    assert_true(damaged > 0);
    model_free(model);
}

/* Seals a partition after the list was made; and lists again after that. */
static void seal_one(struct model *model)
{
    model_seal(model);
}

/* As retention does it with the oldest. */
static void expire_one(struct model *model)
{
    char path[TW_PATH_MAX];
    assert_int_equal(tw_part_path(model->dir, 1, true, path), TW_OK);
    assert_int_equal(unlink(path), 0);
}

/* So that the next query lists the directory again. */
static void touch_dir(const struct model *model)
{
    char path[TW_PATH_MAX];
    assert_int_equal(tw_path_join(model->dir, "touched", path), TW_OK);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(unlink(path), 0);
}

static void reader__sealed_between_listing_and_opening__is_not_missed(void **state)
{
    (void)state;
    struct model *model = model_new(402);
    struct tw_reader *reader = NULL;
    struct tw_stored stored;
    struct tw_arena arena;
    struct tw_diag diag = {{0}};
    const struct tw_object object = model_object(model, ORDER, "", "100");
    model_fill(model, 450, false);
    tw_arena_init(&arena, ARENA_BYTES);
    listed_model = model;
    assert_int_equal(tw_reader_open(model->dir, &reader, &diag), TW_OK);
    const uint64_t *ns = NULL;
    size_t before = 0;
    size_t after = 0;
    bool has_more = false;
    assert_int_equal(tw_reader_postings(reader, &arena, &object, 1000, &ns, &before, &has_more),
                     TW_OK);
    touch_dir(model);
    after_listing = seal_one;
    assert_int_equal(tw_reader_postings(reader, &arena, &object, 1000, &ns, &after, &has_more),
                     TW_OK);
    assert_null(after_listing);
    assert_true(before > 1);
    assert_int_equal(after, before);
    char path[TW_PATH_MAX];
    assert_int_equal(tw_part_path(model->dir, 1, true, path), TW_OK);
    assert_int_equal(access(path, F_OK), 0);
    /* expired in the same moment: it is not there, and that is all */
    touch_dir(model);
    after_listing = expire_one;
    assert_int_equal(tw_reader_record(reader, &arena, 1, &stored), TW_ENOTFOUND);
    assert_null(after_listing);
    assert_int_equal(tw_reader_record(reader, &arena, model->count, &stored), TW_OK);
    tw_reader_close(&reader);
    tw_arena_fini(&arena);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader__each_allocation_fails_once__says_so_and_goes_on),
        cmocka_unit_test(reader__random_damage__only_documented_errors),
        cmocka_unit_test(reader__sealed_between_listing_and_opening__is_not_missed),
    };
    tw_log_setup(TW_LOG_ERROR, TW_LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
