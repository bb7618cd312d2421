/* SPDX-License-Identifier: Apache-2.0
 * What a store leaves in its directory, and what is finished later: no journal of a partition that
 * is sealed, none at all after a clean stop; a sealing that fails after the sealed file has its
 * name is finished, and the identity index is told of it. */
#include "config.h"
#include "store_kit.h"

#include <errno.h>
#include <unistd.h>

#include "core/log.h"
#include "store/ident.h"
#include "store/reader.h"
#include "store/writer.h"

static struct kit kit;
static struct tw_idents *idents;

/* ---- calls that fail on demand: of this program's own code, not of SQLite's ---- */

static long calls_left = -1; /* negative: all succeed */

static bool is_refused(void)
{
    return calls_left >= 0 && calls_left-- == 0;
}

#define FAIL_OR(call) (is_refused() ? (errno = EIO, -1) : (call))

int __real_unlink(const char *path);
int __real_rename(const char *from, const char *to);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
void *__real_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __wrap_unlink(const char *path);
int __wrap_rename(const char *from, const char *to);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

int __wrap_unlink(const char *path)
{
    return FAIL_OR(__real_unlink(path));
}

int __wrap_rename(const char *from, const char *to)
{
    return FAIL_OR(__real_rename(from, to));
}

int __wrap_fsync(int fd)
{
    return FAIL_OR(__real_fsync(fd));
}

int __wrap_fdatasync(int fd)
{
    return FAIL_OR(__real_fdatasync(fd));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return is_refused() ? NULL : __real_aligned_alloc(alignment, size);
}

/* ---- the store ---- */

static void open_store(void)
{
    assert_int_equal(kit_open(&kit), TW_OK);
    assert_int_equal(tw_ident_new(kit.store, &idents, &kit.diag), TW_OK);
}

static void close_store(void)
{
    tw_ident_destroy(&idents);
    kit_close(&kit);
}

static int set_up(void **state)
{
    (void)state;
    kit_init(&kit, 7);
    open_store();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_ident_destroy(&idents);
    kit_fini(&kit);
    return 0;
}

/* A batch, with its identities in the index as intake puts them there. */
static void commit(size_t count, bool starts_partition)
{
    if (starts_partition) {
        assert_int_equal(tw_ident_start_partition(idents, kit.record_count + 1), TW_OK);
    }
    kit_fill(&kit, count, starts_partition);
    for (size_t i = 0; i < kit.batch->ident_count; i++) {
        const struct tw_ident *ident = &kit.batch->idents[i];
        assert_int_equal(tw_ident_add(idents, ident->key, ident->check, ident->n), TW_OK);
    }
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
    kit_accept(&kit);
}

static bool is_there(const char *name)
{
    return access(kit_path(&kit, name), F_OK) == 0;
}

static void put_file(const char *name)
{
    FILE *file = fopen(kit_path(&kit, name), "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void check_sealed(void)
{
    assert_true(is_there("part-000001.sealed"));
    assert_false(is_there("part-000001.db"));
    assert_false(is_there("part-000001.db-wal"));
    assert_false(is_there("part-000001.db-shm"));
    assert_false(is_there("part-000001.sealed.tmp"));
}

/* ---- the cases ---- */

static void stop__after_readers__leaves_no_journal(void **state)
{
    (void)state;
    struct tw_reader *reader = NULL;
    struct tw_store_status status;
    commit(100, false);
    assert_int_equal(tw_reader_open(kit.dir, &reader, &kit.diag), TW_OK);
    assert_int_equal(tw_reader_status(reader, &status), TW_OK);
    commit(100, false);
    assert_int_equal(tw_reader_status(reader, &status), TW_OK);
    assert_true(is_there("tillwatch.db-wal"));
    tw_reader_close(&reader);
    close_store();
    assert_false(is_there("part-000001.db-wal"));
    assert_false(is_there("part-000001.db-shm"));
    assert_false(is_there("tillwatch.db-wal"));
    assert_false(is_there("tillwatch.db-shm"));
    open_store();
    kit_check_recovery(&kit);
    (void)kit_check_records(&kit, NULL, false);
}

static void stop__beside_a_reader__leaves_it_what_it_reads(void **state)
{
    (void)state;
    struct tw_reader *reader = NULL;
    struct tw_store_status status;
    commit(100, false);
    assert_int_equal(tw_reader_open(kit.dir, &reader, &kit.diag), TW_OK);
    assert_int_equal(tw_reader_status(reader, &status), TW_OK);
    close_store();
    assert_int_equal(tw_reader_status(reader, &status), TW_OK);
    assert_int_equal(status.last_n, 100);
    open_store();
    commit(50, false);
    assert_int_equal(tw_reader_status(reader, &status), TW_OK);
    assert_int_equal(status.last_n, 150);
    tw_reader_close(&reader);
}

/* Whatever fails, and wherever: the next turn does the rest, and the index gives up what it had in
 * memory of the partition. */
static void seal__each_call_fails_once__the_next_turn_finishes(void **state)
{
    (void)state;
    size_t smooth = 0;
    long failures = 0;
    for (long fails = -1; fails < 1000; fails++) {
        commit(2000, false);
        commit(10, true);
        calls_left = fails;
        int rc = tw_keeper_run_once(kit.store, &kit.diag);
        bool was_met = calls_left < 0;
        calls_left = -1;
        failures += rc != TW_OK ? 1 : 0;
        assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
        check_sealed();
        tw_ident_poll(idents);
        smooth = fails < 0 ? tw_ident_memory(idents) : smooth;
        assert_int_equal(tw_ident_memory(idents), smooth);
        (void)kit_check_records(&kit, NULL, false);
        if (fails >= 0 && !was_met) {
            break;
        }
        (void)tear_down(NULL);
        (void)set_up(NULL);
    }
    assert_true(failures > 10);
}

static void open__journal_of_a_sealed_partition__goes(void **state)
{
    (void)state;
    commit(500, false);
    commit(10, true);
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    close_store();
    put_file("part-000001.db-wal");
    put_file("part-000001.db-shm");
    /* of nothing that is here: it may be all that is left of something */
    put_file("part-000009.db-wal");
    put_file("part-1.db-wal");
    put_file("-wal");
    open_store();
    check_sealed();
    assert_true(is_there("part-000009.db-wal"));
    assert_true(is_there("part-1.db-wal"));
    assert_true(is_there("-wal"));
    assert_true(is_there("part-000002.db-wal"));
}

static void stop__journal_of_a_sealed_partition__goes(void **state)
{
    (void)state;
    commit(500, false);
    commit(10, true);
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    put_file("part-000001.db-wal");
    put_file("part-000001.db-shm");
    close_store();
    check_sealed();
    assert_false(is_there("part-000002.db-wal"));
    assert_false(is_there("part-000002.db-shm"));
}

static void retention__journal_of_an_expired_partition__goes_with_it(void **state)
{
    (void)state;
    kit.cfg.store.retain_days = 1;
    commit(500, false);
    commit(500, true);
    commit(10, true);
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    put_file("part-000001.db-shm");
    for (int i = 0; i < 30; i++) { /* hour by hour: no jump of the clock */
        tw_clock_manual_advance(&kit.clock, 3600 * TW_NS_PER_S);
        assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    }
    assert_false(is_there("part-000001.sealed"));
    assert_false(is_there("part-000001.db-shm"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stop__after_readers__leaves_no_journal),
        TEST(stop__beside_a_reader__leaves_it_what_it_reads),
        TEST(seal__each_call_fails_once__the_next_turn_finishes),
        TEST(open__journal_of_a_sealed_partition__goes),
        TEST(stop__journal_of_a_sealed_partition__goes),
        TEST(retention__journal_of_an_expired_partition__goes_with_it),
    };
    tw_log_setup(TW_LOG_ERROR, TW_LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
