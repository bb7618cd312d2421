/* SPDX-License-Identifier: Apache-2.0
 * store/migrate: the real store opened by a program of a later version. The lists of steps are the
 * test's: the real first step and two more (--wrap); the real ones have cases of their own. */
#include "config.h"
#include "store_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/migrate.h"
#include "store/reader_internal.h"
#include "store/tracks.h"
#include "store/writer.h"

#define LATER 3 /* version of the program after the update */

const struct tw_schema *__real_tw_catalogue_schema(void);
const struct tw_schema *__real_tw_part_schema(void);
const struct tw_schema *__wrap_tw_catalogue_schema(void);
const struct tw_schema *__wrap_tw_part_schema(void);

/* maybe_die() is SQL: the program may be killed at each of these places. It comes with every
 * connection and does nothing unless a countdown is set. */
static const char *const good_catalogue[LATER - 1] = {
    "SELECT maybe_die(); ALTER TABLE request ADD COLUMN note BLOB; SELECT maybe_die();",
    "SELECT maybe_die(); CREATE TABLE colour(name TEXT PRIMARY KEY);"
    "INSERT INTO colour SELECT name FROM object_type; SELECT maybe_die();",
};
static const char *const good_part[LATER - 1] = {
    "SELECT maybe_die(); ALTER TABLE meta ADD COLUMN colour TEXT NOT NULL DEFAULT 'grey';"
    "SELECT maybe_die();",
    "SELECT maybe_die(); CREATE TABLE size(first_n INTEGER PRIMARY KEY, bytes INTEGER NOT NULL);"
    "INSERT INTO size SELECT first_n, length(data) FROM block; SELECT maybe_die();",
};

static struct {
    struct tw_schema schema;
    const char *steps[LATER];
} catalogue, part;

const struct tw_schema *__wrap_tw_catalogue_schema(void)
{
    return &catalogue.schema;
}

const struct tw_schema *__wrap_tw_part_schema(void)
{
    return &part.schema;
}

/* From now on this is a program that knows so many versions. */
static void become(uint32_t version)
{
    catalogue.schema = *__real_tw_catalogue_schema();
    part.schema = *__real_tw_part_schema();
    catalogue.steps[0] = catalogue.schema.steps[0];
    part.steps[0] = part.schema.steps[0];
    for (size_t i = 1; i < LATER; i++) {
        catalogue.steps[i] = good_catalogue[i - 1];
        part.steps[i] = good_part[i - 1];
    }
    catalogue.schema.steps = catalogue.steps;
    part.schema.steps = part.steps;
    catalogue.schema.version = version;
    part.schema.version = version;
}

/* From now on this is today's program. */
static void become_today(void)
{
    catalogue.schema = *__real_tw_catalogue_schema();
    part.schema = *__real_tw_part_schema();
}

static int countdown; /* 0: never */

static void maybe_die(sqlite3_context *context, int count, sqlite3_value **values)
{
    (void)count;
    (void)values;
    if (countdown > 0 && --countdown == 0) {
        (void)raise(SIGKILL);
    }
    sqlite3_result_null(context);
}

static int add_function(sqlite3 *db, const char **ret_error, const void *api)
{
    (void)ret_error;
    (void)api;
    return sqlite3_create_function(db, "maybe_die", 0, SQLITE_UTF8, NULL, maybe_die, NULL, NULL);
}

static struct kit kit;

static int set_up(void **state)
{
    (void)state;
    /* SQLite declares the entry point of an extension this way */
    assert_int_equal(sqlite3_auto_extension((void (*)(void))add_function), SQLITE_OK);
    kit_init(&kit, 6364136223846793005u);
    countdown = 0;
    become(1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_fini(&kit);
    sqlite3_reset_auto_extension();
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

static int64_t version_of(const char *name)
{
    return kit_number(&kit, name, "PRAGMA user_version");
}

/* A store of version 1: partition 1 sealed, 2 waits to be sealed, 3 is being written. */
static void make_old_store(void)
{
    must_open();
    kit_commit(&kit, 300, false);
    kit_commit(&kit, 200, true);
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    kit_commit(&kit, 100, true);
    kit_close(&kit);
    assert_int_equal(access(kit_path(&kit, "part-000001.sealed"), F_OK), 0);
    assert_int_equal(version_of("tillwatch.db"), 1);
    assert_int_equal(version_of("part-000002.db"), 1);
    assert_int_equal(version_of("part-000003.db"), 1);
}

static void check_all_there(void)
{
    kit_check_recovery(&kit);
    assert_int_equal(kit_check_records(&kit, NULL, false), kit.record_count);
    kit_check_index(&kit);
}

static void check_migrated(void)
{
    assert_int_equal(version_of("tillwatch.db"), LATER);
    assert_int_equal(kit_number(&kit, "tillwatch.db", "SELECT count(note) FROM request"), 0);
    assert_int_equal(kit_number(&kit, "tillwatch.db", "SELECT count(*) FROM colour"), 3);
    for (int i = 2; i <= 3; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "part-%06d.db", i);
        assert_int_equal(version_of(name), LATER);
        assert_int_equal(kit_number(&kit, name, "SELECT colour = 'grey' FROM meta"), 1);
        assert_true(kit_number(&kit, name, "SELECT count(*) FROM size") > 0);
    }
    assert_int_equal(version_of("part-000001.sealed"), 1);
}

static uint64_t hash_of(const char *name)
{
    char dir[] = "/tmp/tw-migrate-XXXXXX";
    char copy[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(copy, sizeof copy, "%s/one", dir);
    char bytes[4096];
    int in = open(kit_path(&kit, name), O_RDONLY | O_CLOEXEC);
    int out = open(copy, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (ssize_t got = read(in, bytes, sizeof bytes); got > 0;
         got = read(in, bytes, sizeof bytes)) {
        assert_int_equal(write(out, bytes, (size_t)got), got);
    }
    (void)close(in);
    (void)close(out);
    uint64_t hash = kit_tree_hash(dir);
    kit_remove_tree(dir);
    return hash;
}

static void make__new_store__is_made_by_all_steps(void **state)
{
    (void)state;
    become(LATER);
    must_open();
    kit_commit(&kit, 50, false);
    check_all_there();
    kit_close(&kit);
    assert_int_equal(version_of("tillwatch.db"), LATER);
    assert_int_equal(version_of("part-000001.db"), LATER);
    assert_int_equal(kit_number(&kit, "part-000001.db", "SELECT colour = 'grey' FROM meta"), 1);
    must_open(); /* nothing to do */
    check_all_there();
}

static void open__two_versions_behind__is_migrated_and_keeps_all(void **state)
{
    (void)state;
    make_old_store();
    uint64_t sealed = hash_of("part-000001.sealed");
    become(LATER);
    must_open();
    check_all_there();
    kit_commit(&kit, 100, false);
    kit_commit(&kit, 100, true);
    check_all_there();
    check_migrated();
    assert_true(hash_of("part-000001.sealed") == sealed);
    /* what is sealed from now on is of the new version */
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    assert_int_equal(version_of("part-000002.sealed"), LATER);
    check_all_there();
    kit_close(&kit);
    must_open();
    check_all_there();
}

static void open__each_version_behind__is_migrated(void **state)
{
    (void)state;
    make_old_store();
    for (uint32_t version = 2; version <= LATER; version++) {
        become(version);
        must_open();
        check_all_there();
        kit_commit(&kit, 10, false);
        kit_close(&kit);
        assert_int_equal(version_of("tillwatch.db"), version);
        assert_int_equal(version_of("part-000003.db"), version);
    }
    check_migrated();
}

/* Killed in every place of every step of every file: the next start goes on. A step that ran twice
 * would fail, since its column or table is there. */
static void open__killed_in_a_step__goes_on_at_the_next_start(void **state)
{
    (void)state;
    make_old_store();
    char saved[160];
    (void)snprintf(saved, sizeof saved, "%s.saved", kit.dir);
    kit_copy_tree(kit.dir, saved);
    int kills = 0;
    for (int at = 1;; at++) {
        kit_copy_tree(saved, kit.dir);
        become(LATER);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            countdown = at;
            _exit(kit_open(&kit) == TW_OK ? 0 : 1);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status)) {
            assert_int_equal(status, 0);
            break;
        }
        assert_int_equal(WTERMSIG(status), SIGKILL);
        kills++;
        must_open();
        check_all_there();
        kit_close(&kit);
        check_migrated();
    }
    kit_remove_tree(saved);
    assert_int_equal(kills, 3 * (LATER - 1) * 2); /* files, steps, places in each */
}

/* Refused, with these words, and every file as it was. */
static void check_refused(int code, const char *word, const char *other)
{
    uint64_t before = kit_tree_hash(kit.dir);
    int rc = kit_open(&kit);
    if (rc != code || strstr(kit.diag.text, word) == NULL || strstr(kit.diag.text, other) == NULL) {
        print_error("open: %s: %s\n", tw_err_text(rc), kit.diag.text);
    }
    assert_int_equal(rc, code);
    assert_null(kit.store);
    assert_non_null(strstr(kit.diag.text, word));
    assert_non_null(strstr(kit.diag.text, other));
    assert_true(kit_tree_hash(kit.dir) == before);
}

static void open__failing_first_step__leaves_the_old_version_usable(void **state)
{
    (void)state;
    make_old_store();
    become(LATER);
    catalogue.steps[1] = "CREATE TABLE half(x); INSERT INTO nowhere VALUES(1);";
    check_refused(TW_EDAMAGED, "schema 1 of this file could not be made schema 2", "nowhere");
    become(1);
    must_open();
    check_all_there();
    kit_commit(&kit, 10, false);
    kit_close(&kit);
    assert_int_equal(version_of("tillwatch.db"), 1);
    assert_int_equal(
        kit_number(&kit, "tillwatch.db", "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"),
        0);
    become(LATER);
    must_open();
    check_all_there();
    kit_close(&kit);
    check_migrated();
}

static void open__failing_second_step__keeps_the_first(void **state)
{
    (void)state;
    make_old_store();
    become(LATER);
    part.steps[2] = "CREATE TABLE half(x); INSERT INTO half SELECT * FROM meta, nowhere;";
    assert_int_equal(kit_open(&kit), TW_EDAMAGED);
    assert_non_null(strstr(kit.diag.text, "schema 2 of this file could not be made schema 3"));
    assert_non_null(strstr(kit.diag.text, "part-000002.db"));
    assert_int_equal(version_of("part-000002.db"), 2);
    assert_int_equal(version_of("part-000003.db"), 1);
    assert_int_equal(kit_number(&kit, "part-000002.db",
                                "SELECT count(*) FROM sqlite_schema WHERE name = 'half'"),
                     0);
    become(LATER);
    must_open();
    check_all_there();
    kit_close(&kit);
    check_migrated();
}

static void open__no_space_in_a_step__goes_on_when_there_is(void **state)
{
    (void)state;
    make_old_store();
    become(LATER);
    part.steps[2] = "CREATE TABLE size(first_n INTEGER PRIMARY KEY, bytes INTEGER NOT NULL,"
                    " filler BLOB); INSERT INTO size SELECT first_n, 1, zeroblob(8000000)"
                    " FROM block;";
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit low = {.rlim_cur = 4u << 20, .rlim_max = before.rlim_max};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGXFSZ, &ignore, NULL), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    int rc = kit_open(&kit);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(rc, TW_ENOSPACE);
    assert_int_equal(version_of("part-000002.db"), 2);
    must_open();
    check_all_there();
    kit_close(&kit);
    check_migrated();
}

/* Leave `sql` committed in the journal only, as a newer program does that was killed. */
static void commit_in_journal(const char *name, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(tw_db_open(kit_path(&kit, name), TW_DB_WRITE, 512, &db, &kit.diag), TW_OK);
    assert_int_equal(tw_db_exec(db, sql, &kit.diag), TW_OK);
    assert_int_equal(sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL), SQLITE_OK);
    tw_db_close(&db);
}

static void open__newer_in_the_journal_only__is_refused_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"tillwatch.db", "part-000002.db", "part-000003.db"};
    make_old_store();
    become(2);
    for (size_t i = 0; i < 3; i++) {
        must_open(); /* so that nothing else is left to be migrated */
        kit_close(&kit);
        commit_in_journal(names[i], "PRAGMA user_version=9");
        check_refused(TW_ENEWER, names[i], "schema 9, this program knows 2");
        commit_in_journal(names[i], "PRAGMA user_version=2");
    }
    must_open();
    check_all_there();
}

static void open__newer_by_its_head__is_refused_before_anything_changes(void **state)
{
    (void)state;
    static const char *const names[] = {"part-000001.sealed", "part-000002.db", "part-000003.db",
                                        "tillwatch.db"};
    make_old_store();
    char saved[160];
    (void)snprintf(saved, sizeof saved, "%s.saved", kit.dir);
    kit_copy_tree(kit.dir, saved);
    become(2); /* the other files would have to be migrated */
    for (size_t i = 0; i < 4; i++) {
        kit_copy_tree(saved, kit.dir);
        uint8_t version[4] = {0, 0, 0, 3}; /* user_version: SQLite file format, section 1.3 */
        int fd = open(kit_path(&kit, names[i]), O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, version, sizeof version, 60), sizeof version);
        (void)close(fd);
        check_refused(TW_ENEWER, names[i], "schema 3, this program knows 2");
    }
    kit_remove_tree(saved);
}

static void open__version_nobody_wrote__is_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"tillwatch.db", "part-000003.db"};
    make_old_store();
    for (size_t i = 0; i < 2; i++) {
        (void)kit_number(&kit, names[i], "PRAGMA user_version=0");
        (void)kit_number(&kit, names[i], "PRAGMA wal_checkpoint(TRUNCATE)");
        check_refused(TW_EDAMAGED, names[i], "schema 0 of this file");
        (void)kit_number(&kit, names[i], "PRAGMA user_version=1");
    }
    must_open();
    check_all_there();
}

static void reader__store_not_yet_migrated__says_who_does_it(void **state)
{
    (void)state;
    struct tw_reader *reader = NULL;
    make_old_store();
    become(LATER);
    assert_int_equal(tw_reader_open(kit.dir, &reader, &kit.diag), TW_EOLDER);
    assert_non_null(strstr(kit.diag.text, "start the collector"));
    assert_null(reader);
    must_open();
    assert_int_equal(tw_reader_open(kit.dir, &reader, &kit.diag), TW_OK);
    /* record 1 is in the sealed partition, which is of the old version; the last in the newest */
    const uint64_t wanted[] = {1, 301, kit.record_count};
    for (size_t i = 0; i < 3; i++) {
        struct tw_arena arena;
        struct tw_stored stored;
        tw_arena_init(&arena, 1u << 20);
        assert_int_equal(tw_reader_record(reader, &arena, wanted[i], &stored), TW_OK);
        assert_true(stored.record.n == wanted[i]);
        tw_arena_fini(&arena);
    }
    tw_reader_close(&reader);
}

static void migrate_file__no_file__is_not_found(void **state)
{
    (void)state;
    assert_int_equal(tw_schema_migrate_file(kit_path(&kit, "none.db"), tw_part_schema(), &kit.diag),
                     TW_ENOTFOUND);
}

/* The first real step: tables of tracking. What was written before has none of it. */
static void open__version_1__gets_the_tables_of_tracking(void **state)
{
    (void)state;
    make_old_store();
    uint64_t sealed = hash_of("part-000001.sealed");
    become_today();
    must_open();
    check_all_there();
    assert_true(version_of("tillwatch.db") >= 2 && version_of("part-000002.db") >= 2);
    assert_true(hash_of("part-000001.sealed") == sealed);
    const struct tw_run_row run = {.workflow = TW_STR_LIT("sale"),
                                   .object_type = 1,
                                   .object_id = TW_STR_LIT("4711"),
                                   .finished = {5}};
    const struct tw_series_name name = {
        .divisor = 1, .metric = TW_STR_LIT("m"), .labels = TW_STR_LIT("{}")};
    const struct tw_series_point point = {.bucket = 1795200000, .value = 3};
    const struct tw_track_changes changes = {.runs = &run,
                                             .run_count = 1,
                                             .names = &name,
                                             .name_count = 1,
                                             .points = &point,
                                             .point_count = 1};
    kit_fill(&kit, 10, false);
    kit.batch->track = &changes;
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
    kit_accept(&kit);
    kit_commit(&kit, 10, true);
    for (int round = 0; round < 2; round++) {
        struct tw_reader *reader = NULL;
        struct tw_arena arena;
        struct tw_series_result result;
        const struct tw_series_query asked = {
            .metric = TW_STR_LIT("m"), .since_s = 1795200000, .until_s = 1795200010};
        const struct tw_run_filter filter = {.limit = 10};
        const struct tw_run_hit *hits = NULL;
        size_t count = 0;
        bool has_more = false;
        tw_arena_init(&arena, 1u << 20);
        assert_int_equal(tw_reader_open(kit.dir, &reader, &kit.diag), TW_OK);
        assert_int_equal(tw_reader_runs(reader, &arena, &filter, &hits, &count, &has_more, NULL),
                         TW_OK);
        assert_int_equal(count, 1);
        assert_int_equal(tw_reader_series(reader, &arena, &asked, &result), TW_OK);
        assert_int_equal(result.series_count, 1);
        assert_int_equal(result.series[0].values[0], 3);
        tw_reader_close(&reader);
        tw_arena_fini(&arena);
        /* the partition of version 1 goes into the archive with nothing */
        assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    }
    assert_int_equal(kit_number(&kit, "series.db", "SELECT up_to FROM meta"), 3);
    assert_true(hash_of("part-000001.sealed") == sealed);
    check_all_there();
}

/* As a program of version 2 had left it. */
static void make_version_2(const char *name)
{
    static const char *const undo[] = {
        "DROP TABLE setback",
        "DROP INDEX tracked_run_open",
        "ALTER TABLE tracked_run DROP COLUMN troubles",
        ("CREATE INDEX tracked_run_open ON tracked_run(workflow, since, object_type,"
         " object_scope, object_id, state, cause, step, system, store, region, started, finished)"
         " WHERE finished IS NULL"),
        "PRAGMA user_version = 2",
    };
    for (size_t i = 0; i < sizeof undo / sizeof undo[0]; i++) {
        (void)kit_number(&kit, name, undo[i]);
    }
}

static void commit_run(const char *id, int64_t finished_ns)
{
    const struct tw_run_row run = {.workflow = TW_STR_LIT("sale"),
                                   .object_type = 1,
                                   .object_id = tw_str_of(id),
                                   .step = TW_STR_LIT("posted"),
                                   .finished = {finished_ns}};
    const struct tw_track_changes changes = {.runs = &run, .run_count = 1};
    kit_fill(&kit, 10, false);
    kit.batch->track = &changes;
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
    kit_accept(&kit);
}

static size_t count_runs(const char *step, bool is_open)
{
    struct tw_reader *reader = NULL;
    struct tw_arena arena;
    const struct tw_run_filter filter = {
        .limit = 10, .step = tw_str_of(step), .open_only = is_open};
    const struct tw_run_hit *hits = NULL;
    size_t count = 0;
    uint64_t total = 0;
    bool has_more = false;
    tw_arena_init(&arena, 1u << 20);
    assert_int_equal(tw_reader_open(kit.dir, &reader, &kit.diag), TW_OK);
    assert_int_equal(tw_reader_runs(reader, &arena, &filter, &hits, &count, &has_more, &total),
                     TW_OK);
    assert_int_equal(total, count);
    tw_reader_close(&reader);
    tw_arena_fini(&arena);
    return count;
}

/* The step from 2: a sealed partition is read as it is, one that is not gets the column. */
static void open__version_2__gets_the_troubles_of_runs(void **state)
{
    (void)state;
    become_today();
    must_open();
    commit_run("old", 5);
    kit_commit(&kit, 10, true);
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    commit_run("open", 0);
    kit_close(&kit);
    make_version_2("part-000001.sealed");
    make_version_2("part-000002.db");
    must_open();
    check_all_there();
    assert_int_equal(version_of("part-000001.sealed"), 2);
    assert_int_equal(version_of("part-000002.db"), tw_part_schema()->version);
    assert_int_equal(count_runs(NULL, false), 2);
    assert_int_equal(count_runs("posted", false), 2);
    assert_int_equal(count_runs("posted", true), 1);
    assert_int_equal(count_runs("accrued", false), 0);
    commit_run("new", 6);
    assert_int_equal(count_runs("posted", false), 3);
}

/* The step from 3: no record says why it failed; those that come now may. */
static void open__version_3__records_have_no_cause_until_now(void **state)
{
    (void)state;
    become_today();
    must_open();
    kit_commit(&kit, 6, false); /* none of these has one */
    kit_close(&kit);
    (void)kit_number(&kit, "part-000001.db", "DROP TABLE setback");
    (void)kit_number(&kit, "part-000001.db", "PRAGMA user_version = 3");
    must_open();
    assert_int_equal(version_of("part-000001.db"), tw_part_schema()->version);
    kit_commit(&kit, 60, false);
    check_all_there();
    struct tw_reader *reader = NULL;
    struct tw_arena arena;
    unsigned with_cause = 0;
    tw_arena_init(&arena, 1u << 20);
    assert_int_equal(tw_reader_open(kit.dir, &reader, &kit.diag), TW_OK);
    for (uint64_t n = 1; n <= 66; n++) {
        struct tw_stored stored;
        assert_int_equal(tw_reader_record(reader, &arena, n, &stored), TW_OK);
        assert_true(n > 6 || stored.record.cause == TW_CAUSE_NONE);
        with_cause += stored.record.cause != TW_CAUSE_NONE ? 1 : 0;
    }
    assert_true(with_cause > 3);
    tw_reader_close(&reader);
    tw_arena_fini(&arena);
}

/* Sealed files of older versions stay as they are until their payload expires: then they are
 * written anew, as one of today. */
static void strip__sealed_by_an_older_version__is_made_one_of_today(void **state)
{
    (void)state;
    become_today();
    kit.cfg.store.retain_payload_days = 1;
    must_open();
    commit_run("old", 5);
    kit_commit(&kit, 10, true);
    commit_run("older", 5);
    kit_commit(&kit, 10, true);
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    kit_close(&kit);
    make_version_2("part-000001.sealed");
    (void)kit_number(&kit, "part-000002.sealed", "DROP TABLE setback");
    (void)kit_number(&kit, "part-000002.sealed", "PRAGMA user_version = 3");
    must_open();
    for (int hour = 0; hour < 48; hour++) { /* in steps: a jump of the clock deletes nothing */
        tw_clock_manual_advance(&kit.clock, 3600 * TW_NS_PER_S);
        assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    }
    assert_int_equal(version_of("part-000001.sealed"), tw_part_schema()->version);
    assert_int_equal(version_of("part-000002.sealed"), tw_part_schema()->version);
    assert_int_equal(count_runs("posted", false), 2);
}

/* The states of sources as a program of version 4 had left them: without a word of stores. */
static void make_version_4(const char *name)
{
    static const char *const undo[] = {
        "UPDATE source SET state = CAST(x'01' || substr(state, 2, length(state) - 1 - CASE"
        " WHEN number % 3 = 1 THEN length(name) - 1 ELSE 1 END) AS BLOB) WHERE state IS NOT NULL",
        "PRAGMA user_version = 4",
    };
    for (size_t i = 0; i < sizeof undo / sizeof undo[0]; i++) {
        (void)kit_number(&kit, name, undo[i]);
    }
}

/* The step from 4: states of sources are read as they are, and written with a store. */
static void open__version_4__sources_get_a_store_with_their_next_state(void **state)
{
    (void)state;
    become_today();
    must_open();
    kit_commit(&kit, 200, false);
    kit_commit(&kit, 10, true);
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    kit_close(&kit);
    make_version_4("part-000001.sealed");
    make_version_4("part-000002.db");
    for (size_t i = 0; i < KIT_SOURCES; i++) {
        kit.sources[i].store = TW_STR_NULL;
        kit.sources[i].has_stores = false;
    }
    must_open();
    check_all_there(); /* none of them is of a store */
    assert_int_equal(version_of("part-000001.sealed"), 4);
    assert_int_equal(version_of("part-000002.db"), tw_part_schema()->version);
    kit_commit(&kit, 10, true); /* a new partition has all of them anew */
    size_t with_store = 0;
    for (size_t i = 0; i < KIT_SOURCES; i++) {
        with_store += kit.sources[i].store.ptr != NULL ? 1 : 0;
    }
    assert_true(with_store > 0);
    kit_close(&kit);
    must_open();
    check_all_there();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(make__new_store__is_made_by_all_steps),
        TEST(open__two_versions_behind__is_migrated_and_keeps_all),
        TEST(open__each_version_behind__is_migrated),
        TEST(open__killed_in_a_step__goes_on_at_the_next_start),
        TEST(open__failing_first_step__leaves_the_old_version_usable),
        TEST(open__failing_second_step__keeps_the_first),
        TEST(open__no_space_in_a_step__goes_on_when_there_is),
        TEST(open__newer_in_the_journal_only__is_refused_by_name),
        TEST(open__newer_by_its_head__is_refused_before_anything_changes),
        TEST(open__version_nobody_wrote__is_refused),
        TEST(reader__store_not_yet_migrated__says_who_does_it),
        TEST(open__version_1__gets_the_tables_of_tracking),
        TEST(open__version_2__gets_the_troubles_of_runs),
        TEST(open__version_3__records_have_no_cause_until_now),
        TEST(strip__sealed_by_an_older_version__is_made_one_of_today),
        TEST(open__version_4__sources_get_a_store_with_their_next_state),
        TEST(migrate_file__no_file__is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
