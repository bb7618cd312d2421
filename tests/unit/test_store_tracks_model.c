/* SPDX-License-Identifier: Apache-2.0
 * What tracking committed, read back whole against a naive model: over partitions, seals, archive
 * runs, restarts, kills at every place of the keeper's work, a keeper that works meanwhile, a
 * backup, a damaged archive. */
#include "config.h"
#include "track_kit.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/schema.h"
#include "store/writer.h"

static struct tk tk;

static int set_up(void **state)
{
    (void)state;
    tk_init(&tk, 1181783497276652981u);
    tk_open(&tk);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tk_fini(&tk);
    return 0;
}

static void check_fresh(bool thorough)
{
    struct tw_reader *reader = tk_reader(&tk);
    tk_check(&tk, reader, thorough);
    tw_reader_close(&reader);
}

static void tracks__random_changes__read_back_equal_the_model(void **state)
{
    (void)state;
    tk_commit(&tk, false);
    struct tw_reader *reader = tk_reader(&tk);
    for (int i = 0; i < 300; i++) {
        uint64_t dice = kit_rnd(&tk.kit, 60);
        tk_commit(&tk, dice == 0);
        if (dice == 1) {
            tk_keeper(&tk);
        } else if (dice == 2) {
            tk_restart(&tk);
            tk_commit(&tk, kit_rnd(&tk.kit, 2) == 0);
        }
        if (dice % 5 == 3) {
            tk_check(&tk, reader, false);
        }
        if (i % 50 == 49) {
            tk_check(&tk, reader, true);
            check_fresh(true);
        }
    }
    assert_true(tk.partition > 2);
    tw_reader_close(&reader);
}

/* ---- killed ---------------------------------------------------------------------------------- */

/* Every system call with which SQLite and the store change files counts down to a SIGKILL. */
static long countdown; /* 0: never */
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_unlink)(const char *);
static int (*real_truncate)(int, off_t);

static void count_down(void)
{
    if (countdown > 0 && --countdown == 0) {
        (void)raise(SIGKILL);
    }
}

static ssize_t dying_pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    count_down();
    return real_pwrite(fd, bytes, len, at);
}

static int dying_unlink(const char *path)
{
    count_down();
    return real_unlink(path);
}

static int dying_truncate(int fd, off_t size)
{
    count_down();
    return real_truncate(fd, size);
}

int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_rename(const char *from, const char *to);
int __wrap_unlink(const char *path);

int __wrap_rename(const char *from, const char *to)
{
    count_down();
    return __real_rename(from, to);
}

int __wrap_unlink(const char *path)
{
    count_down();
    return __real_unlink(path);
}

static void intercept(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    sqlite3_syscall_ptr call = vfs->xGetSystemCall(vfs, "pwrite64");
    const char *name = call == NULL ? "pwrite" : "pwrite64";
    real_pwrite = (ssize_t(*)(int, const void *, size_t, off_t))vfs->xGetSystemCall(vfs, name);
    real_unlink = (int (*)(const char *))vfs->xGetSystemCall(vfs, "unlink");
    real_truncate = (int (*)(int, off_t))vfs->xGetSystemCall(vfs, "ftruncate");
    assert_int_equal(vfs->xSetSystemCall(vfs, name, (sqlite3_syscall_ptr)dying_pwrite), SQLITE_OK);
    assert_int_equal(vfs->xSetSystemCall(vfs, "unlink", (sqlite3_syscall_ptr)dying_unlink),
                     SQLITE_OK);
    assert_int_equal(vfs->xSetSystemCall(vfs, "ftruncate", (sqlite3_syscall_ptr)dying_truncate),
                     SQLITE_OK);
}

static void restore_calls(void)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    assert_int_equal(vfs->xSetSystemCall(vfs, NULL, NULL), SQLITE_OK);
}

/* The work of the keeper, killed before call `at`. False: it came to its end. */
static bool kill_keeper_at(long at)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        intercept();
        int rc = kit_open(&tk.kit);
        countdown = at;
        rc = rc == TW_OK ? tw_keeper_run_once(tk.kit.store, &tk.kit.diag) : rc;
        countdown = 0;
        _exit(rc == TW_OK ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status)) {
        assert_int_equal(status, 0);
        return false;
    }
    assert_int_equal(WTERMSIG(status), SIGKILL);
    return true;
}

/* A checkpoint writes the head first, which says how long the file will be. */
static void store__killed_in_a_checkpoint__starts(void **state)
{
    (void)state;
    tk_commit(&tk, false);
    kit_close(&tk.kit);
    tk_open(&tk);
    for (int i = 0; i < 10; i++) {
        kit_commit(&tk.kit, 300, false);
    }
    kit_close(&tk.kit);
    int kills = 0;
    for (long at = 1;; at++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            intercept();
            if (kit_open(&tk.kit) != TW_OK) {
                _exit(1);
            }
            kit_fill(&tk.kit, 500, false);
            if (tw_store_commit(tk.kit.store, tk.kit.batch, &tk.kit.diag) != TW_OK) {
                _exit(1);
            }
            countdown = at;
            kit_close(&tk.kit); /* moves the journal into the file */
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        tk_open(&tk);
        kit_fill(&tk.kit, 500, false); /* the child's */
        kit_accept(&tk.kit);
        assert_int_equal(kit_check_records(&tk.kit, NULL, false), tk.kit.record_count);
        kit_close(&tk.kit);
        if (!WIFSIGNALED(status)) {
            assert_int_equal(status, 0);
            break;
        }
        kills++;
    }
    print_message("killed at %d places\n", kills);
    assert_true(kills > 5);
}

static void keeper__killed_anywhere__nothing_is_lost_or_doubled(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        tk_commit(&tk, i % 20 == 19);
        if (i == 25) {
            tk_keeper(&tk); /* there is an archive already, which goes on */
        }
    }
    tk_commit(&tk, true);
    kit_close(&tk.kit);
    char saved[160];
    (void)snprintf(saved, sizeof saved, "%s.saved", tk.kit.dir);
    kit_copy_tree(tk.kit.dir, saved);
    long kills = 0;
    long at = 1;
    while (kill_keeper_at(at)) {
        check_fresh(false); /* before anything is put right */
        tk_open(&tk);
        check_fresh(false);
        tk_keeper(&tk);
        check_fresh(kills % 16 == 0);
        assert_int_equal(kit_number(&tk.kit, TW_ARCHIVE_NAME, "SELECT up_to FROM meta"),
                         tk.partition - 1);
        kit_close(&tk.kit);
        kit_copy_tree(saved, tk.kit.dir);
        kills++;
        at += 1 + at / (KIT_IS_SLOW ? 4 : 40);
    }
    restore_calls();
    kit_remove_tree(saved);
    print_message("killed at %ld places\n", kills);
    assert_true(kills > (KIT_IS_SLOW ? 12 : 30));
}

/* ---- while the keeper works ------------------------------------------------------------------ */

static struct {
    atomic_bool stop;
    atomic_int runs;
    atomic_int result;
} keeper;

static void *keep_running(void *arg)
{
    (void)arg;
    struct tw_diag diag;
    while (!atomic_load(&keeper.stop)) {
        int rc = tw_keeper_run_once(tk.kit.store, &diag);
        atomic_fetch_add(&keeper.runs, 1);
        if (rc != TW_OK) {
            atomic_store(&keeper.result, rc);
        }
    }
    return NULL;
}

static void reader__keeper_at_work__counts_everything_once(void **state)
{
    (void)state;
    kit_close(&tk.kit);
    tk.kit.has_threads = true;
    tk_open(&tk);
    pthread_t thread;
    tk_commit(&tk, false);
    struct tw_reader *reader = tk_reader(&tk);
    assert_int_equal(pthread_create(&thread, NULL, keep_running, NULL), 0);
    for (int i = 0; i < 100; i++) {
        tk_commit(&tk, i % 5 == 4);
        tk_check(&tk, reader, false);
        tk_check(&tk, reader, false);
    }
    atomic_store(&keeper.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&keeper.result), TW_OK);
    tk_check(&tk, reader, true);
    tw_reader_close(&reader);
    assert_true(tk.partition == 21);
    assert_true(kit_number(&tk.kit, TW_ARCHIVE_NAME, "SELECT up_to FROM meta") > 8);
}

/* ---- backup, damage -------------------------------------------------------------------------- */

static void backup__in_between__is_a_whole_store_that_goes_on(void **state)
{
    (void)state;
    char target[160];
    char dir[128];
    (void)snprintf(target, sizeof target, "%s.backup", tk.kit.dir);
    (void)snprintf(dir, sizeof dir, "%s", tk.kit.dir);
    for (int i = 0; i < 100; i++) {
        tk_commit(&tk, i % 20 == 19);
        if (i == 50) {
            tk_keeper(&tk);
        }
    }
    assert_int_equal(tw_store_backup(tk.kit.dir, target, &tk.kit.diag), TW_OK);
    kit_close(&tk.kit);
    kit_copy_tree(target, tk.kit.dir);
    kit_remove_tree(target);
    tk_open(&tk);
    tk.is_new_process = true;
    check_fresh(true);
    for (int i = 0; i < 60; i++) {
        tk_commit(&tk, i % 20 == 19);
    }
    tk_keeper(&tk);
    check_fresh(true);
}

/* What does not need the archive works without it. */
static void check_refused(int code)
{
    struct tw_reader *reader = tk_reader(&tk);
    struct tw_arena arena;
    struct tw_series_result result;
    const struct tw_series_query asked = {
        .metric = TW_STR_LIT("lag"), .since_s = TK_START_S, .until_s = TK_START_S + 600};
    const struct tw_run_filter filter = {.limit = 1000};
    const struct tw_run_hit *hits = NULL;
    const struct tw_live *live = NULL;
    size_t count = 0;
    bool has_more = false;
    tw_arena_init(&arena, (size_t)64 << 20);
    assert_int_equal(tw_reader_series(reader, &arena, &asked, &result), code);
    assert_int_equal(tw_reader_runs(reader, &arena, &filter, &hits, &count, &has_more, NULL),
                     TW_OK);
    assert_true(count > 0);
    assert_int_equal(tw_reader_live_list(reader, &arena, TW_STR_LIT(""), 100, &live, &count),
                     TW_OK);
    tw_reader_close(&reader);
    tw_arena_fini(&arena);
}

static void archive__damaged_while_away__is_refused_and_taken_up_again(void **state)
{
    (void)state;
    char kept[200];
    for (int i = 0; i < 60; i++) {
        tk_commit(&tk, i % 20 == 19);
    }
    tk_keeper(&tk);
    kit_close(&tk.kit);
    (void)snprintf(kept, sizeof kept, "%s.kept", kit_path(&tk.kit, TW_ARCHIVE_NAME));
    assert_int_equal(rename(kit_path(&tk.kit, TW_ARCHIVE_NAME), kept), 0);
    int fd = open(kit_path(&tk.kit, TW_ARCHIVE_NAME), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd,
                           "not a database, and longer than its head would be: a hundred bytes "
                           "at least; there, that should do it now",
                           105),
                     105);
    (void)close(fd);
    /* partitions are sealed meanwhile, with their series in them */
    tk_open(&tk);
    tk.is_new_process = true;
    for (int i = 0; i < 40; i++) {
        tk_commit(&tk, i % 20 == 19);
    }
    uint64_t waiting = tk.partition;
    tk_commit(&tk, true);
    tk_keeper(&tk);
    char name[32];
    (void)snprintf(name, sizeof name, TW_SEALED_FORMAT, (unsigned)waiting);
    assert_true(kit_number(&tk.kit, name, "SELECT count(*) FROM series_point") > 0);
    assert_int_equal(kit_number(&tk.kit, name, "SELECT count(*) FROM archived"), 0);
    check_refused(TW_EFOREIGN);
    /* the right one comes back: it takes up what was sealed without it */
    assert_int_equal(rename(kept, kit_path(&tk.kit, TW_ARCHIVE_NAME)), 0);
    check_fresh(true);
    tk_keeper(&tk);
    assert_int_equal(kit_number(&tk.kit, TW_ARCHIVE_NAME, "SELECT up_to FROM meta"), waiting);
    check_fresh(true);
}

static void archive__ahead_or_foreign__is_refused(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        tk_commit(&tk, i % 20 == 19);
    }
    tk_keeper(&tk);
    kit_close(&tk.kit);
    (void)kit_number(&tk.kit, TW_ARCHIVE_NAME, "UPDATE meta SET up_to = 90 RETURNING up_to");
    tk_open(&tk);
    tk_keeper(&tk);
    check_refused(TW_EIO);
    kit_close(&tk.kit);
    (void)kit_number(&tk.kit, TW_ARCHIVE_NAME,
                     "UPDATE meta SET up_to = 1, store_id = x'00112233445566778899aabbccddeeff'"
                     " RETURNING up_to");
    tk_open(&tk);
    tk_keeper(&tk);
    check_refused(TW_EFOREIGN);
}

/* Without its archive a store has what its partitions have: budgets, and series of the newest. */
static void archive__moved_aside__is_made_anew_with_the_budgets(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        tk_commit(&tk, i % 20 == 19);
    }
    tk_keeper(&tk);
    kit_close(&tk.kit);
    assert_int_equal(unlink(kit_path(&tk.kit, TW_ARCHIVE_NAME)), 0);
    tk_open(&tk);
    tk.is_new_process = true;
    int64_t good = 0;
    for (size_t i = 0; i < tk.decision_count; i++) {
        good += tw_str_is(tk.decisions[i].objective, "x") ? tk.decisions[i].good : 0;
    }
    for (int round = 0; round < 2; round++) {
        struct tw_reader *reader = tk_reader(&tk);
        struct tw_arena arena;
        const struct tw_decision *items = NULL;
        struct tw_series_result result;
        const struct tw_series_query asked = {
            .metric = TW_STR_LIT("lag"), .since_s = TK_START_S, .until_s = TK_START_S + 86400};
        size_t count = 0;
        int64_t got = 0;
        tw_arena_init(&arena, (size_t)64 << 20);
        assert_int_equal(
            tw_reader_decisions(reader, &arena, TW_STR_LIT("x"), 0, TK_START_S * 2, &items, &count),
            TW_OK);
        for (size_t i = 0; i < count; i++) {
            got += items[i].good;
        }
        assert_int_equal(got, good);
        assert_int_equal(tw_reader_series(reader, &arena, &asked, &result), TW_OK);
        tw_reader_close(&reader);
        tw_arena_fini(&arena);
        tk_keeper(&tk);
    }
    assert_int_equal(kit_number(&tk.kit, TW_ARCHIVE_NAME, "SELECT up_to FROM meta"),
                     tk.partition - 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tracks__random_changes__read_back_equal_the_model),
        TEST(store__killed_in_a_checkpoint__starts),
        TEST(keeper__killed_anywhere__nothing_is_lost_or_doubled),
        TEST(reader__keeper_at_work__counts_everything_once),
        TEST(backup__in_between__is_a_whole_store_that_goes_on),
        TEST(archive__damaged_while_away__is_refused_and_taken_up_again),
        TEST(archive__ahead_or_foreign__is_refused),
        TEST(archive__moved_aside__is_made_anew_with_the_budgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
