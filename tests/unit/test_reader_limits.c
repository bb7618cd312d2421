/* SPDX-License-Identifier: Apache-2.0
 * The reader: each limit and each error, what it says of damage and of the quarantine. Answers
 * against a model: test_reader.c.
 */
#include "config.h"
#include "reader_kit.h"

#include <errno.h>
#include <sys/stat.h>

static void reader_open__no_store__not_found(void **state)
{
    (void)state;
    struct tw_reader *reader = NULL;
    struct tw_diag diag = {{0}};
    assert_int_equal(tw_reader_open("/tmp/tw-test-there-is-none", &reader, &diag), TW_ENOTFOUND);
    assert_null(reader);
    assert_non_null(strstr(diag.text, "there is no store"));
    tw_reader_close(&reader); /* accepts NULL */
}

static void rewrite(const struct model *model, const char *sql)
{
    char path[256];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/%s", model->dir, TW_CATALOGUE_NAME);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void reader_open__foreign_newer_damaged__each_is_named(void **state)
{
    (void)state;
    struct model *model = model_new(12);
    struct tw_reader *reader = NULL;
    struct tw_diag diag = {{0}};
    tw_store_destroy(&model->store);
    rewrite(model, "PRAGMA user_version = 99");
    assert_int_equal(tw_reader_open(model->dir, &reader, &diag), TW_ENEWER);
    assert_non_null(strstr(diag.text, "newer"));
    rewrite(model, "PRAGMA user_version = 2; PRAGMA application_id = 5");
    assert_int_equal(tw_reader_open(model->dir, &reader, &diag), TW_EFOREIGN);
    rewrite(model, "PRAGMA application_id = 1415005025; DROP TABLE meta");
    assert_int_equal(tw_reader_open(model->dir, &reader, &diag), TW_EDAMAGED);
    assert_null(reader);
    model_free(model);
}

static void reader__empty_store__knows_nothing(void **state)
{
    (void)state;
    struct model *model = model_new(13);
    struct tw_reader *reader = model_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    struct tw_store_status status;
    struct tw_stored stored;
    struct tw_object_hit hit;
    const struct tw_object_hit *hits = NULL;
    const uint64_t *ns = NULL;
    size_t count = 99;
    bool has_more = true;
    struct tw_object object = model_object(model, ORDER, "", "100");
    assert_int_equal(tw_reader_status(reader, &status), TW_OK);
    assert_int_equal(status.last_n, 0);
    assert_int_equal(status.first_n, 1);
    assert_int_equal(status.last_commit.ns, 0);
    assert_int_equal(tw_reader_record(reader, &arena, 1, &stored), TW_ENOTFOUND);
    assert_int_equal(tw_reader_record(reader, &arena, 0, &stored), TW_ENOTFOUND);
    assert_int_equal(tw_reader_record(reader, &arena, UINT64_MAX, &stored), TW_ENOTFOUND);
    assert_int_equal(tw_reader_object(reader, &arena, &object, &hit), TW_ENOTFOUND);
    assert_int_equal(tw_reader_postings(reader, &arena, &object, 10, &ns, &count, &has_more),
                     TW_OK);
    assert_int_equal(count, 0);
    assert_false(has_more);
    count = 99;
    assert_int_equal(tw_reader_echoes(reader, &arena, 1, 10, &ns, &count), TW_OK);
    assert_int_equal(count, 0);
    count = 99;
    assert_int_equal(tw_reader_search(reader, &arena, tw_str_of("1"), false, TW_STR_NULL, 10, &hits,
                                      &count, &has_more),
                     TW_OK);
    assert_int_equal(count, 0);
    const struct tw_source_state *sources = NULL;
    const struct tw_tap_state *taps = NULL;
    assert_int_equal(tw_reader_taps(reader, &arena, &taps, &count), TW_OK);
    assert_int_equal(count, 0);
    assert_int_equal(tw_reader_sources(reader, &arena, 0, 10, &sources, &count), TW_OK);
    assert_int_equal(count, 0);
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

static void reader_search__scope_and_type__narrow_it_down(void **state)
{
    (void)state;
    struct model *model = model_new(14);
    struct tw_object objects[4] = {model_object(model, TRANSACTION, "0042", "88"),
                                   model_object(model, TRANSACTION, "0043", "88"),
                                   model_object(model, ORDER, "", "88"),
                                   model_object(model, RETURN, "", "0042/88")};
    (void)model_event(model, 1, "{}", objects, 4);
    model_commit(model);
    static const struct {
        const char *text;
        size_t count;
    } expected[] = {
        {"88", 3},      {"0042/88", 2},        {"0042/8", 2},        {"transaction:0042/88", 1},
        {"0043/88", 1}, {"transaction:88", 2}, {"order:88", 1},      {"order:8", 1},
        {"0044/88", 0}, {"nothing:88", 0},     {"order:0042/88", 0}, {"return:0042/88", 1},
        {"/88", 0},     {"0042/", 1},          {"order:", 0},        {":88", 0},
    };
    struct tw_reader *reader = model_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const struct tw_object_hit *hits = NULL;
        size_t count = 0;
        bool has_more = true;
        assert_int_equal(tw_reader_search(reader, &arena, tw_str_of(expected[i].text), false,
                                          TW_STR_NULL, 10, &hits, &count, &has_more),
                         TW_OK);
        if (count != expected[i].count) {
            print_error("%s: %zu\n", expected[i].text, count);
        }
        assert_int_equal(count, expected[i].count);
        assert_false(has_more);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(hits[k].events, 1); /* two meanings never count twice */
        }
    }
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

/* Change bytes in the stored blocks of a sealed partition: in place, the file stays the same. */
static void damage(const struct model *model, uint32_t number, const char *sql)
{
    char path[TW_PATH_MAX];
    sqlite3 *db = NULL;
    assert_int_equal(tw_part_path(model->dir, number, true, path), TW_OK);
    assert_int_equal(tw_db_open(path, TW_DB_CREATE, 100, &db, NULL), TW_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    tw_db_close(&db);
}

static void reader__damaged_block__others_stay_readable(void **state)
{
    (void)state;
    struct model *model = model_new(17);
    model_fill(model, 700, false);
    model_seal(model);
    damage(model, 1,
           "UPDATE block SET data = zeroblob(length(data)) WHERE first_n ="
           " (SELECT min(first_n) FROM block)");
    struct tw_reader *reader = model_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    size_t damaged = 0;
    for (size_t n = 1; n <= model->count; n++) {
        struct tw_stored stored;
        tw_arena_reset(&arena);
        int err = tw_reader_record(reader, &arena, n, &stored);
        assert_true(err == TW_OK || err == TW_EDAMAGED);
        if (err == TW_OK) {
            model_assert_record(&stored.record, &model->records[n - 1]);
        }
        damaged += err == TW_EDAMAGED;
    }
    assert_true(damaged > 0 && damaged <= 300);
    size_t rows = 0;
    assert_int_equal(tw_reader_scan(reader, 1, (tw_wall_t){INT64_MIN}, (tw_wall_t){INT64_MAX}, NULL,
                                    count_rows, &rows),
                     TW_EDAMAGED);
    assert_int_equal(rows, model->count - damaged);
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

static void reader__damaged_index__is_reported(void **state)
{
    (void)state;
    struct model *model = model_new(18);
    struct tw_object object = model_object(model, ORDER, "", "4711");
    (void)model_event(model, 1, "{}", &object, 1);
    model_commit(model);
    model->starts_partition = true;
    model_commit(model);
    model_seal(model);
    damage(model, 1, "UPDATE page SET data = x'ff'");
    struct tw_reader *reader = model_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    struct tw_object_hit hit;
    struct tw_stored stored;
    const uint64_t *ns = NULL;
    size_t count = 0;
    bool has_more = false;
    assert_int_equal(tw_reader_object(reader, &arena, &object, &hit), TW_EDAMAGED);
    assert_int_equal(tw_reader_postings(reader, &arena, &object, 10, &ns, &count, &has_more),
                     TW_EDAMAGED);
    assert_int_equal(tw_reader_record(reader, &arena, 1, &stored), TW_OK);
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

static void reader__dictionaries__names_both_ways(void **state)
{
    (void)state;
    struct model *model = model_new(21);
    struct tw_reader *reader = model_reader(model);
    const struct tw_object_type *types = NULL;
    size_t count = 0;
    assert_int_equal(tw_reader_object_types(reader, &types, &count), TW_OK);
    assert_int_equal(count, MODEL_TYPES);
    const struct tw_object_type *type = tw_reader_object_type(reader, tw_str_of("transaction"));
    assert_non_null(type);
    assert_string_equal(type->scope, "storeid");
    assert_true(type->is_linking);
    assert_ptr_equal(tw_reader_object_type_by_code(reader, type->code), type);
    type = tw_reader_object_type(reader, tw_str_of("customer"));
    assert_non_null(type);
    assert_false(type->is_linking);
    assert_string_equal(type->scope, "");
    assert_null(tw_reader_object_type(reader, tw_str_of("parrot")));
    assert_null(tw_reader_object_type_by_code(reader, 60000));
    assert_string_equal(tw_reader_tap_name(reader, 60000), "?");
    assert_string_equal(
        tw_reader_tap_name(reader, (uint16_t)tw_store_tap_code(model->store, "pull")), "pull");
    /* a type that is registered later is found, and what was given out stays */
    const char *name = type->name;
    rewrite(model, "INSERT INTO object_type VALUES(999, 'parrot', 1, '', 1);"
                   "INSERT INTO tap VALUES(999, 'late')");
    assert_non_null(tw_reader_object_type(reader, tw_str_of("parrot")));
    assert_string_equal(tw_reader_tap_name(reader, 999), "late");
    assert_string_equal(name, "customer");
    tw_reader_close(&reader);
    model_free(model);
}

static void reader__taps_and_sources__as_of_the_last_checkpoint(void **state)
{
    (void)state;
    struct model *model = model_new(22);
    model_fill(model, 450, true);
    struct tw_reader *reader = model_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    const struct tw_tap_state *taps = NULL;
    const struct tw_source_state *sources = NULL;
    size_t count = 0;
    assert_int_equal(tw_reader_taps(reader, &arena, &taps, &count), TW_OK);
    assert_int_equal(count, 1);
    assert_int_equal(taps[0].messages, model->count);
    assert_int_equal(taps[0].bytes, model->count * 100);
    assert_int_equal(tw_reader_sources(reader, &arena, 0, 1000, &sources, &count), TW_OK);
    assert_int_equal(count, 3);
    assert_true(tw_str_is(sources[2].name, "/erp"));
    assert_int_equal(sources[2].number, 2);
    assert_true(sources[2].events > 0);
    assert_int_equal(tw_reader_sources(reader, &arena, 1, 1, &sources, &count), TW_OK);
    assert_int_equal(count, 1);
    assert_true(tw_str_is(sources[0].name, "/pos/2"));
    assert_int_equal(tw_reader_sources(reader, &arena, 3, 10, &sources, &count), TW_OK);
    assert_int_equal(count, 0);
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

static void add_quarantined(struct model *model, enum tw_problem_code code, uint64_t retry_of,
                            const char *raw)
{
    model->quarantined[model->quarantined_count++] =
        (struct tw_quarantined){.retry_of = retry_of,
                                .tap = 1,
                                .peer = TW_STR_LIT("10.0.0.1"),
                                .received = {MODEL_START_NS},
                                .code = code,
                                .index = -1,
                                .detail = TW_STR_LIT("it is wrong"),
                                .topic = {"t\0p", 3},
                                .raw = tw_str_of(raw),
                                .raw_bytes = raw == NULL ? 0 : strlen(raw)};
}

static uint64_t quarantine_open(struct tw_reader *reader)
{
    struct tw_store_status status;
    assert_int_equal(tw_reader_status(reader, &status), TW_OK);
    return status.quarantine_open;
}

static void check_quarantine(struct tw_reader *reader, struct tw_arena *arena)
{
    const struct tw_quarantine_entry *rows = NULL;
    size_t count = 0;
    uint64_t first = (uint64_t)1 << TW_QUARANTINE_SHIFT;
    struct tw_quarantine_entry entry;
    /* entries 1 to 5 in partition 1: 2 solved later, 3 tried in vain twice, 4 split in two (6, 7)
     */
    assert_int_equal(quarantine_open(reader), 5);
    assert_int_equal(
        tw_reader_quarantine(reader, arena, 0, TW_PROBLEM_none, false, 100, &rows, &count), TW_OK);
    assert_int_equal(count, 5);
    assert_true(rows[0].id > rows[1].id && rows[1].id >> TW_QUARANTINE_SHIFT == 2);
    assert_int_equal(rows[1].entry.retry_of, first + 4);
    assert_int_equal(rows[2].id, first + 5);
    assert_int_equal(rows[3].id, first + 3);
    assert_int_equal(rows[3].retries, 2);
    assert_false(rows[3].is_done);
    assert_true(tw_str_is(rows[3].entry.raw, "three"));
    assert_int_equal(rows[4].id, first + 1);
    assert_int_equal(rows[4].entry.topic.len, 3);
    assert_int_equal(rows[4].entry.index, -1);
    assert_int_equal(rows[4].entry.code, TW_PROBLEM_frames);
    assert_null(rows[4].entry.headers.ptr);
    assert_int_equal(
        tw_reader_quarantine(reader, arena, 0, TW_PROBLEM_none, true, 100, &rows, &count), TW_OK);
    assert_int_equal(count, 7);
    assert_int_equal(
        tw_reader_quarantine(reader, arena, 0, TW_PROBLEM_oversize, true, 100, &rows, &count),
        TW_OK);
    assert_int_equal(count, 1);
    assert_int_equal(
        tw_reader_quarantine(reader, arena, first + 3, TW_PROBLEM_none, true, 1, &rows, &count),
        TW_OK);
    assert_int_equal(count, 1);
    assert_int_equal(rows[0].id, first + 2);
    assert_true(rows[0].is_done);
    assert_int_equal(rows[0].done_n, 42);
    assert_int_equal(tw_reader_quarantine_entry(reader, arena, first + 2, &entry), TW_OK);
    assert_true(entry.is_done);
    assert_int_equal(tw_reader_quarantine_entry(reader, arena, first + 99, &entry), TW_ENOTFOUND);
    assert_int_equal(tw_reader_quarantine_entry(reader, arena, 7, &entry), TW_ENOTFOUND);
    assert_int_equal(tw_reader_quarantine_entry(reader, arena, UINT64_MAX, &entry), TW_ENOTFOUND);
}

static void reader_quarantine__retries__open_ones_are_counted_once(void **state)
{
    (void)state;
    struct model *model = model_new(23);
    uint64_t first = (uint64_t)1 << TW_QUARANTINE_SHIFT;
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    add_quarantined(model, TW_PROBLEM_frames, 0, "one");
    add_quarantined(model, TW_PROBLEM_oversize, 0, "two");
    add_quarantined(model, TW_PROBLEM_frames, 0, "three");
    add_quarantined(model, TW_PROBLEM_frames, 0, "four");
    add_quarantined(model, TW_PROBLEM_frames, 0, "five");
    model_commit(model);
    struct tw_reader *reader = model_reader(model);
    assert_int_equal(quarantine_open(reader), 5);
    add_quarantined(model, TW_PROBLEM_frames, first + 3, NULL);
    model_commit(model);
    assert_int_equal(quarantine_open(reader), 5);
    model->starts_partition = true;
    add_quarantined(model, TW_PROBLEM_frames, first + 3, NULL);
    add_quarantined(model, TW_PROBLEM_frames, first + 4, "fou");
    add_quarantined(model, TW_PROBLEM_frames, first + 4, "r");
    model->done[model->done_count++] = (struct tw_quarantine_done){first + 2, 42};
    model_commit(model);
    check_quarantine(reader, &arena);
    model_seal(model);
    check_quarantine(reader, &arena);
    tw_reader_close(&reader);
    reader = model_reader(model);
    check_quarantine(reader, &arena);
    tw_reader_close(&reader);
    tw_arena_fini(&arena);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_open__no_store__not_found),
        cmocka_unit_test(reader_open__foreign_newer_damaged__each_is_named),
        cmocka_unit_test(reader__empty_store__knows_nothing),
        cmocka_unit_test(reader_search__scope_and_type__narrow_it_down),
        cmocka_unit_test(reader__damaged_block__others_stay_readable),
        cmocka_unit_test(reader__damaged_index__is_reported),
        cmocka_unit_test(reader__dictionaries__names_both_ways),
        cmocka_unit_test(reader__taps_and_sources__as_of_the_last_checkpoint),
        cmocka_unit_test(reader_quarantine__retries__open_ones_are_counted_once),
    };
    tw_log_setup(TW_LOG_ERROR, TW_LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
