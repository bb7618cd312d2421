/* SPDX-License-Identifier: Apache-2.0
 * store/store: opening, every refusal, commit and recovery against a model, kill -9, full disk,
 * backup while writing. */
#include "config.h"
#include "store_kit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/part.h"
#include "store/writer.h"

static struct kit kit;

static int set_up(void **state)
{
    (void)state;
    kit_init(&kit, 88172645463325252u);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_fini(&kit);
    return 0;
}

static void must_open(void)
{
    int rc = kit_open(&kit);
    if (rc != TW_OK) {
        print_error("open: %s: %s\n", tw_err_text(rc), kit.diag.text);
    }
    assert_int_equal(rc, TW_OK);
}

static void reopen(void)
{
    kit_close(&kit);
    must_open();
}

static void open__new_directory__is_made_with_codes_that_stay(void **state)
{
    (void)state;
    char deep[160];
    (void)snprintf(deep, sizeof deep, "%s/a/b", kit.dir);
    kit.cfg.store.dir = deep;
    must_open();
    int order = tw_store_object_code(kit.store, "order");
    int pull = tw_store_tap_code(kit.store, "pull");
    assert_true(order > 0 && pull > 0);
    assert_int_not_equal(order, tw_store_object_code(kit.store, "sku"));
    assert_int_equal(tw_store_object_code(kit.store, "strange"), -1);
    assert_int_equal(tw_store_tap_code(kit.store, "strange"), -1);
    kit_close(&kit);
    struct tw_cfg_object swapped[] = {kit.cfg.objects[2], kit.cfg.objects[0]};
    kit.cfg.objects = swapped;
    kit.cfg.object_count = 2;
    must_open();
    assert_int_equal(tw_store_object_code(kit.store, "order"), order);
    assert_int_equal(tw_store_tap_code(kit.store, "pull"), pull);
    assert_int_equal(tw_store_object_code(kit.store, "transaction"), -1);
    assert_false(tw_store_is_full(kit.store));
    kit_close(&kit);
}

static void open__second_instance__is_refused_and_named(void **state)
{
    (void)state;
    must_open();
    struct tw_store *second = NULL;
    struct tw_diag diag;
    char pid[32];
    (void)snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_int_equal(tw_store_open(&kit.cfg, &kit.clock.clock, &second, &diag), TW_EBUSY);
    assert_non_null(strstr(diag.text, pid));
    assert_null(second);
    reopen();
}

/* Refused with this code, a text that has `word`, and every file as it was. */
static void check_refused(int code, const char *word)
{
    uint64_t before = kit_tree_hash(kit.dir);
    int rc = kit_open(&kit);
    if (rc != code || strstr(kit.diag.text, word) == NULL) {
        print_error("open: %s: %s\n", tw_err_text(rc), kit.diag.text);
    }
    assert_int_equal(rc, code);
    assert_null(kit.store);
    assert_non_null(strstr(kit.diag.text, word));
    assert_true(kit_tree_hash(kit.dir) == before);
}

static void write_bytes(const char *name, off_t at, const void *bytes, size_t len)
{
    int fd = open(kit_path(&kit, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, at), len);
    (void)close(fd);
}

static void open__foreign_files__are_refused_untouched(void **state)
{
    (void)state;
    write_bytes("tillwatch.db", 0,
                "this is a text, and quite a long one at that; no database "
                "has ever begun like this, or so one hopes.....",
                100);
    check_refused(TW_EFOREIGN, "tillwatch.db");
    assert_int_equal(unlink(kit_path(&kit, "tillwatch.db")), 0);
    must_open();
    kit_close(&kit);
    (void)kit_number(&kit, "tillwatch.db", "PRAGMA application_id=7");
    check_refused(TW_EFOREIGN, "another program");
}

static void open__partition_of_another_store__is_refused(void **state)
{
    (void)state;
    struct kit other;
    must_open();
    kit_commit(&kit, 10, false);
    kit_close(&kit);
    kit_init(&other, 42);
    assert_int_equal(kit_open(&other), TW_OK);
    kit_close(&other);
    char from[200];
    (void)snprintf(from, sizeof from, "%s/part-000001.db", other.dir);
    assert_int_equal(rename(from, kit_path(&kit, "part-000001.db")), 0);
    int rc = kit_open(&kit);
    assert_int_equal(rc, TW_EFOREIGN);
    assert_non_null(strstr(kit.diag.text, "another store"));
    kit_fini(&other);
}

static void open__newer_schema__names_both_versions(void **state)
{
    (void)state;
    must_open();
    kit_commit(&kit, 10, false);
    kit_close(&kit);
    (void)kit_number(&kit, "part-000001.db", "PRAGMA user_version=9");
    (void)kit_number(&kit, "part-000001.db", "PRAGMA wal_checkpoint(TRUNCATE)");
    check_refused(TW_ENEWER, "schema 9, this program knows 5");
    (void)kit_number(&kit, "part-000001.db", "PRAGMA user_version=5");
    (void)kit_number(&kit, "part-000001.db", "PRAGMA wal_checkpoint(TRUNCATE)");
    (void)kit_number(&kit, "tillwatch.db", "PRAGMA user_version=8");
    (void)kit_number(&kit, "tillwatch.db", "PRAGMA wal_checkpoint(TRUNCATE)");
    check_refused(TW_ENEWER, "schema 8, this program knows 2");
}

static void fill_some(void)
{
    must_open();
    for (int i = 0; i < 40; i++) {
        kit_commit(&kit, 100, false);
    }
    kit_close(&kit);
    (void)kit_number(&kit, "part-000001.db", "PRAGMA wal_checkpoint(TRUNCATE)");
}

static void open__damaged_files__are_refused_untouched(void **state)
{
    (void)state;
    static char zeros[TW_DB_PAGE_SIZE];
    fill_some();
    char saved[160];
    (void)snprintf(saved, sizeof saved, "%s.saved", kit.dir);
    kit_copy_tree(kit.dir, saved);

    assert_int_equal(truncate(kit_path(&kit, "part-000001.db"), 0), 0);
    check_refused(TW_EDAMAGED, "0 bytes");
    kit_copy_tree(saved, kit.dir);
    assert_int_equal(truncate(kit_path(&kit, "tillwatch.db"), 0), 0);
    check_refused(TW_EDAMAGED, "0 bytes");
    kit_copy_tree(saved, kit.dir);
    assert_int_equal(truncate(kit_path(&kit, "part-000001.db"), 5 * TW_DB_PAGE_SIZE), 0);
    check_refused(TW_EDAMAGED, "cut");
    kit_copy_tree(saved, kit.dir);
    write_bytes("part-000001.db", 0, "garbage garbage garbage", 23);
    check_refused(TW_EFOREIGN, "not a database");
    kit_copy_tree(saved, kit.dir);
    /* the root page of `meta` (the second), and of `block` (the third) */
    write_bytes("part-000001.db", TW_DB_PAGE_SIZE, zeros, sizeof zeros);
    check_refused(TW_EDAMAGED, "restore a backup");
    kit_copy_tree(saved, kit.dir);
    write_bytes("part-000001.db", 2 * TW_DB_PAGE_SIZE, zeros, sizeof zeros);
    check_refused(TW_EDAMAGED, "restore a backup");
    kit_copy_tree(saved, kit.dir);
    assert_int_equal(unlink(kit_path(&kit, "tillwatch.db")), 0);
    check_refused(TW_EDAMAGED, "missing");
    kit_copy_tree(saved, kit.dir);
    must_open();
    kit_check_recovery(&kit);
    assert_int_equal(kit_check_records(&kit, NULL, false), 4000);
    kit_remove_tree(saved);
}

/* Copy the store as a crash would leave it: while it is open, so with its journal. */
static void crash_copy(const char *target)
{
    kit_copy_tree(kit.dir, target);
    kit_close(&kit);
    kit_remove_tree(kit.dir);
    assert_int_equal(rename(target, kit.dir), 0);
}

static void open__cut_journal__is_noticed_and_the_mark_tells(void **state)
{
    (void)state;
    char copy[160];
    (void)snprintf(copy, sizeof copy, "%s.crash", kit.dir);
    must_open();
    for (int i = 0; i < 5; i++) {
        kit_commit(&kit, 100, false);
    }
    crash_copy(copy);
    must_open();
    kit_check_recovery(&kit);
    kit_commit(&kit, 100, false);
    crash_copy(copy);
    struct stat info;
    assert_int_equal(stat(kit_path(&kit, "part-000001.db-wal"), &info), 0);
    assert_int_equal(truncate(kit_path(&kit, "part-000001.db-wal"), info.st_size - 100), 0);
    assert_int_equal(kit_open(&kit), TW_EDAMAGED);
    assert_non_null(strstr(kit.diag.text, "records 501 to 600 were committed"));
    /* the way out that it names */
    assert_int_equal(unlink(kit_path(&kit, "mark")), 0);
    must_open();
}

static void open__missing_partition__is_named(void **state)
{
    (void)state;
    must_open();
    for (int i = 0; i < 4; i++) {
        kit_commit(&kit, 50, i > 0);
    }
    kit_close(&kit);
    char moved[160];
    (void)snprintf(moved, sizeof moved, "%s.part-2", kit.dir);
    assert_int_equal(rename(kit_path(&kit, "part-000002.db"), moved), 0);
    check_refused(TW_EDAMAGED, "partition 2 is missing");
    assert_int_equal(rename(moved, kit_path(&kit, "part-000002.db")), 0);
    /* the newest is lost, and the one before it takes its place: the mark knows better */
    assert_int_equal(unlink(kit_path(&kit, "part-000004.db")), 0);
    assert_int_equal(kit_open(&kit), TW_EDAMAGED);
    assert_non_null(strstr(kit.diag.text, "records 151 to 200"));
}

static void open__file_in_place_of_the_directory__is_not_permitted(void **state)
{
    (void)state;
    char file[160];
    (void)snprintf(file, sizeof file, "%s/plain", kit.dir);
    kit.cfg.store.dir = file;
    write_bytes("plain", 0, "x", 1);
    assert_int_equal(kit_open(&kit), TW_EPERM);
    assert_non_null(strstr(kit.diag.text, "not a directory"));
}

static void commit__random_batches_and_restarts__recover_whole(void **state)
{
    (void)state;
    must_open();
    for (int i = 0; i < 150; i++) {
        bool starts = kit.record_count > 0 && kit_rnd(&kit, 30) == 0;
        kit_commit(&kit, (size_t)kit_rnd(&kit, kit_rnd(&kit, 10) == 0 ? 1500 : 60), starts);
        if (kit_rnd(&kit, 15) == 0) {
            reopen();
            kit_check_recovery(&kit);
        }
    }
    reopen();
    kit_check_recovery(&kit);
    assert_int_equal(kit_check_records(&kit, NULL, false), kit.record_count);
    kit_check_index(&kit);
}

static void commit__quarantine_and_echoes__are_rows(void **state)
{
    (void)state;
    must_open();
    for (int i = 0; i < 10; i++) {
        kit_commit(&kit, 100, false);
    }
    kit_fill(&kit, 0, false);
    *tw_batch_add_done(kit.batch) = (struct tw_quarantine_done){.id = (1ull << 32) | 1, .n = 7};
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
    kit_accept(&kit);
    kit_commit(&kit, 10, true);
    uint64_t echoes = 0;
    uint64_t effects = 0;
    for (size_t i = 0; i < 1000; i++) {
        echoes += kit.records[i].kind != TW_RECORD_EVENT ? 1 : 0;
        effects += kit.records[i].effect_of != 0 ? 1 : 0;
    }
    const char *first = "part-000001.db";
    assert_true(echoes > 0 && effects > 0);
    assert_int_equal(kit_number(&kit, first, "SELECT count(*) FROM echo"), echoes);
    assert_int_equal(kit_number(&kit, first, "SELECT count(*) FROM effect"), effects);
    assert_int_equal(kit_number(&kit, first, "SELECT n FROM quarantine_done"), 7);
    int64_t entries = kit_number(&kit, first, "SELECT count(*) FROM quarantine");
    assert_true(entries > 0);
    assert_int_equal(kit_number(&kit, first, "SELECT min(id) FROM quarantine"), (1LL << 32) | 1);
    assert_int_equal(kit_number(&kit, first, "SELECT max(id) FROM quarantine"),
                     (1LL << 32) | entries);
    assert_int_equal(
        kit_number(&kit, first, "SELECT count(*) FROM quarantine WHERE raw = x'ff007b'"), entries);
}

/* A new partition was made, but its first batch did not make it. */
static void rotation__crash_before_the_first_commit__goes_back(void **state)
{
    (void)state;
    must_open();
    kit_commit(&kit, 100, false);
    kit_close(&kit);
    struct tw_part_meta meta = {
        .number = 2, .first_n = 101, .last_n = 100, .checkpoint_n = 100, .next_quarantine = 1};
    sqlite3 *db = NULL;
    struct tw_part_meta first;
    assert_int_equal(tw_db_open(kit_path(&kit, "part-000001.db"), TW_DB_READ, 512, &db, &kit.diag),
                     TW_OK);
    assert_int_equal(tw_part_meta_read(db, &first, &kit.diag), TW_OK);
    tw_db_close(&db);
    memcpy(meta.store_id, first.store_id, sizeof meta.store_id);
    assert_int_equal(tw_part_create(kit.dir, &meta, NULL, &kit.diag), TW_OK);
    write_bytes("part-000003.sealed.tmp", 0, "unfinished", 10);
    must_open();
    kit_check_recovery(&kit);
    assert_int_not_equal(access(kit_path(&kit, "part-000002.db"), F_OK), 0);
    assert_int_not_equal(access(kit_path(&kit, "part-000003.sealed.tmp"), F_OK), 0);
    kit_commit(&kit, 100, true);
    reopen();
    kit_check_recovery(&kit);
    assert_int_equal(kit_check_records(&kit, NULL, false), 200);
}

/* The child commits until it is killed, and says after each commit how far it is. */
_Noreturn static void commit_for_ever(int report)
{
    if (kit_open(&kit) != TW_OK) {
        _exit(3);
    }
    for (int i = 0;; i++) {
        kit_fill(&kit, 1 + (size_t)kit_rnd(&kit, 120), i > 0 && kit_rnd(&kit, 12) == 0);
        if (tw_store_commit(kit.store, kit.batch, &kit.diag) != TW_OK) {
            _exit(4);
        }
        kit_accept(&kit);
        uint64_t n = kit.record_count;
        if (write(report, &n, sizeof n) != (ssize_t)sizeof n) {
            _exit(5);
        }
    }
}

/* Follow the child's random numbers to where the store stands. */
static void follow(uint64_t seed, uint64_t records, uint64_t commits)
{
    kit.seed = seed;
    for (int i = 0; kit.record_count < records || kit.totals.v[TW_TOTAL_commits] < commits; i++) {
        kit_fill(&kit, 1 + (size_t)kit_rnd(&kit, 120), i > 0 && kit_rnd(&kit, 12) == 0);
        kit_accept(&kit);
    }
    assert_int_equal(kit.record_count, records);
}

static int ignore_tap(void *context, const struct tw_tap_state *tap)
{
    (void)context;
    (void)tap;
    return TW_OK;
}

static int ignore_source(void *context, const struct tw_source_state *source)
{
    (void)context;
    (void)source;
    return TW_OK;
}

static int ignore_record(void *context, const struct tw_record *record)
{
    (void)context;
    (void)record;
    return TW_OK;
}

static void kill__minus_nine_at_any_time__keeps_what_was_committed(void **state)
{
    (void)state;
    for (int cycle = 0; cycle < 20; cycle++) {
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        uint64_t seed = kit.seed;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)close(fds[0]);
            commit_for_ever(fds[1]);
        }
        (void)close(fds[1]);
        uint64_t told = 0;
        uint64_t reports = 1 + kit_rnd(&kit, 25);
        for (uint64_t i = 0; i < reports; i++) {
            assert_int_equal(read(fds[0], &told, sizeof told), sizeof told);
        }
        /* to kill it at another point each time */
        (void)usleep((useconds_t)kit_rnd(&kit, 3000)); /* banned ok: no wait for a thing */
        uint64_t next_seed = kit.seed;
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        while (read(fds[0], &told, sizeof told) == (ssize_t)sizeof told) {
        }
        (void)close(fds[0]);
        must_open();
        struct tw_recovery seen = {
            .tap = ignore_tap, .source = ignore_source, .record = ignore_record};
        assert_int_equal(tw_store_recover(kit.store, &seen, &kit.diag), TW_OK);
        assert_true(seen.next_n - 1 >= told);
        follow(seed, seen.next_n - 1, seen.totals.v[TW_TOTAL_commits]);
        kit_check_recovery(&kit);
        kit_close(&kit);
        kit.seed = next_seed;
    }
    must_open();
    assert_int_equal(kit_check_records(&kit, NULL, false), kit.record_count);
    kit_check_index(&kit);
}

/* Commit until there is no space; then make some, and the same batch goes through. */
static void fill_up(void)
{
    int rc = TW_OK;
    for (int i = 0; i < 3000 && rc == TW_OK; i++) {
        kit_fill(&kit, 500, i > 0 && i % 25 == 0);
        rc = tw_store_commit(kit.store, kit.batch, &kit.diag);
        if (rc == TW_OK) {
            kit_accept(&kit);
        }
    }
    assert_int_equal(rc, TW_ENOSPACE);
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_ENOSPACE);
}

static void commit__disk_full__waits_and_goes_on(void **state)
{
    (void)state;
    char dir[160];
    (void)snprintf(dir, sizeof dir, "%s/tmpfs", kit.dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    if (mount("tmpfs", dir, "tmpfs", 0, "size=8m") != 0) {
        skip(); /* not root: the next test has the portable form */
    }
    char kept[sizeof kit.dir];
    memcpy(kept, kit.dir, sizeof kept);
    memcpy(kit.dir, dir, sizeof kit.dir);
    must_open();
    fill_up();
    assert_int_equal(mount("tmpfs", dir, "tmpfs", MS_REMOUNT, "size=64m"), 0);
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
    kit_accept(&kit);
    kit_commit(&kit, 500, false);
    reopen();
    kit_check_recovery(&kit);
    assert_int_equal(kit_check_records(&kit, NULL, false), kit.record_count);
    kit_check_index(&kit);
    kit_close(&kit);
    assert_int_equal(umount(dir), 0);
    memcpy(kit.dir, kept, sizeof kept);
}

static void commit__file_size_limit__is_no_space_and_no_signal(void **state)
{
    (void)state;
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit low = {.rlim_cur = 4u << 20, .rlim_max = before.rlim_max};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGXFSZ, &ignore, NULL), 0);
    must_open();
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    int rc = TW_OK;
    for (int i = 0; i < 3000 && rc == TW_OK; i++) {
        kit_fill(&kit, 500, false);
        rc = tw_store_commit(kit.store, kit.batch, &kit.diag);
        if (rc == TW_OK) {
            kit_accept(&kit);
        }
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    if (rc != TW_ENOSPACE) {
        print_error("commit: %s: %s\n", tw_err_text(rc), kit.diag.text);
    }
    assert_int_equal(rc, TW_ENOSPACE);
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
    kit_accept(&kit);
    reopen();
    kit_check_recovery(&kit);
    assert_int_equal(kit_check_records(&kit, NULL, false), kit.record_count);
}

static void commit__lock_held_by_a_shell__is_busy_and_goes_on(void **state)
{
    (void)state;
    must_open();
    kit_commit(&kit, 10, false);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(kit_path(&kit, "part-000001.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    kit_fill(&kit, 10, false);
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_EBUSY);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
    kit_accept(&kit);
    reopen();
    kit_check_recovery(&kit);
}

/* ---- what the keeper leaves alone ---- */

static void keeper__while_a_start_reads__no_partition_moves(void **state)
{
    (void)state;
    must_open();
    kit_commit(&kit, 50, false);
    kit_commit(&kit, 50, true);
    tw_store_set_recovering(kit.store, true);
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    assert_int_equal(access(kit_path(&kit, "part-000001.db"), F_OK), 0);
    assert_int_not_equal(access(kit_path(&kit, "part-000001.sealed"), F_OK), 0);
    tw_store_set_recovering(kit.store, false);
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    assert_int_not_equal(access(kit_path(&kit, "part-000001.db"), F_OK), 0);
    assert_int_equal(access(kit_path(&kit, "part-000001.sealed"), F_OK), 0);
}

/* ---- backup ---- */

static void backup__while_it_is_written_to__is_whole(void **state)
{
    (void)state;
    char target[160];
    (void)snprintf(target, sizeof target, "%s.backup", kit.dir);
    must_open();
    for (int i = 0; i < 60; i++) {
        kit_commit(&kit, 200, i > 0 && i % 20 == 0);
    }
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    uint64_t committed = kit.record_count;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) { /* any process: it needs no lock */
        struct tw_diag diag;
        _exit(tw_store_backup(kit.dir, target, &diag) == TW_OK ? 0 : 1);
    }
    int status = 0;
    for (int i = 0; waitpid(pid, &status, WNOHANG) == 0; i++) {
        kit_commit(&kit, 200, i % 9 == 8);
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    size_t copied = kit_check_records(&kit, target, false);
    assert_in_range(copied, committed, kit.record_count);
    assert_int_equal(tw_store_backup(kit.dir, target, &kit.diag), TW_EEXISTS);
    kit_close(&kit);
    kit.cfg.store.dir = target;
    must_open();
    struct tw_recovery seen = {.tap = ignore_tap, .source = ignore_source, .record = ignore_record};
    assert_int_equal(tw_store_recover(kit.store, &seen, &kit.diag), TW_OK);
    assert_int_equal(seen.next_n - 1, copied);
    kit_close(&kit);
    kit_remove_tree(target);
}

static void backup__no_store__is_not_found_and_leaves_nothing(void **state)
{
    (void)state;
    char target[160];
    (void)snprintf(target, sizeof target, "%s.backup", kit.dir);
    assert_int_equal(tw_store_backup(kit.dir, target, &kit.diag), TW_ENOTFOUND);
    assert_int_not_equal(access(target, F_OK), 0);
    (void)snprintf(target, sizeof target, "%s.backup.partial", kit.dir);
    assert_int_not_equal(access(target, F_OK), 0);
}

/* Give every event of the batch one object. */
static void set_objects(struct tw_batch *batch, const char *const *ids, size_t id_count)
{
    for (size_t i = 0; i < batch->record_count; i++) {
        struct tw_object *object = tw_arena_alloc(&batch->arena, sizeof *object);
        assert_non_null(object);
        *object = (struct tw_object){1, tw_str_of(ids[i % id_count]), {"", 0}};
        bool is_event = batch->records[i].kind == TW_RECORD_EVENT;
        batch->records[i].objects = is_event ? object : NULL;
        batch->records[i].object_count = is_event ? 1 : 0;
    }
}

/* The slot of an id of eight bytes and type 1 in a table of 1,024, as store/index.c has it. */
static unsigned index_slot(const char *id)
{
    uint64_t high = 0;
    for (unsigned i = 0; i < 8; i++) {
        high = high << 8 | (uint8_t)id[i];
    }
    uint64_t mixed = (UINT64_C(0x0000010000000000) ^ 11) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 32 ^ high) * UINT64_C(0xbf58476d1ce4e5b9);
    return (unsigned)(mixed >> 32) % 1024;
}

#define CROWD 70 /* more than the slots that are looked at for one key */

static void commit__objects_that_crowd_one_slot__are_indexed_whole(void **state)
{
    (void)state;
    static char ids[CROWD][9];
    const char *chosen[CROWD];
    size_t found = 0;
    for (unsigned i = 0; found < CROWD; i++) {
        (void)snprintf(ids[found], sizeof ids[found], "%08u", i);
        chosen[found] = ids[found];
        found += index_slot(ids[found]) == 5 ? 1 : 0;
    }
    must_open();
    /* up to the limit, one above it, and each several times before and after the table is left */
    for (size_t count = 63; count <= CROWD; count++) {
        kit_fill(&kit, 500, false);
        set_objects(kit.batch, chosen, count);
        assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
        kit_accept(&kit);
    }
    kit_check_index(&kit);
}

static void commit__one_object_in_many_records__fills_several_entries(void **state)
{
    (void)state;
    const char *id = "store-1";
    must_open();
    for (size_t count = 1; count <= 2 * TW_POSTINGS_MAX + 3; count += TW_POSTINGS_MAX / 2 - 1) {
        kit_fill(&kit, count, false);
        set_objects(kit.batch, &id, 1);
        assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
        kit_accept(&kit);
    }
    kit_check_index(&kit);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(commit__objects_that_crowd_one_slot__are_indexed_whole),
        TEST(commit__one_object_in_many_records__fills_several_entries),
        TEST(open__new_directory__is_made_with_codes_that_stay),
        TEST(open__second_instance__is_refused_and_named),
        TEST(open__foreign_files__are_refused_untouched),
        TEST(open__partition_of_another_store__is_refused),
        TEST(open__newer_schema__names_both_versions),
        TEST(open__damaged_files__are_refused_untouched),
        TEST(open__cut_journal__is_noticed_and_the_mark_tells),
        TEST(open__missing_partition__is_named),
        TEST(open__file_in_place_of_the_directory__is_not_permitted),
        TEST(commit__random_batches_and_restarts__recover_whole),
        TEST(commit__quarantine_and_echoes__are_rows),
        TEST(rotation__crash_before_the_first_commit__goes_back),
        TEST(kill__minus_nine_at_any_time__keeps_what_was_committed),
        TEST(commit__disk_full__waits_and_goes_on),
        TEST(commit__file_size_limit__is_no_space_and_no_signal),
        TEST(commit__lock_held_by_a_shell__is_busy_and_goes_on),
        TEST(keeper__while_a_start_reads__no_partition_moves),
        TEST(backup__while_it_is_written_to__is_whole),
        TEST(backup__no_store__is_not_found_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
