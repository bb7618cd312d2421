/* SPDX-License-Identifier: Apache-2.0
 * store/audit over time: crashes between two writes, kills, two writers, copies, what the desk says
 * of it, lists; and random changes to its rows and to the bytes of its file. */
#include "config.h"
#include "store_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/audit_read.h"
#include "store/audit_verify.h"
#include "store/desk.h"
#include "store/desk_deed.h"
#include "store/store.h"

static struct kit kit;
static struct tw_desk *desk;
static struct tw_audit_verdict verdict;

static int set_up(void **state)
{
    (void)state;
    kit_init(&kit, 6364136223846793005u);
    assert_int_equal(kit_open(&kit), TW_OK);
    kit_commit(&kit, 5, false);
    assert_int_equal(tw_desk_open(kit.dir, &desk, &kit.diag), TW_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_desk_close(&desk);
    kit_fini(&kit);
    return 0;
}

static int deed_in(const char *dir, const char *actor, uint64_t n)
{
    char subject[32];
    sqlite3 *db = NULL;
    struct tw_diag diag = {""};
    (void)snprintf(subject, sizeof subject, "group:%llu", (unsigned long long)n);
    const struct tw_desk_deed one = {
        .dir = dir,
        .subject = tw_str_of(subject),
        .actor = tw_str_of(actor),
        .action = n % 2 == 0 ? TW_STR_LIT("note") : TW_STR_LIT("assign"),
        .outcome = n % 7 == 0 ? TW_STR_LIT("refused") : TW_STR_NULL,
        .now = {(int64_t)n * TW_NS_PER_S},
    };
    int rc = tw_desk_deed_begin(&one, &db, &diag);
    return tw_desk_deed_finish(&db, rc, &diag);
}

static void deeds(uint64_t first, uint64_t last)
{
    for (uint64_t n = first; n <= last; n++) {
        assert_int_equal(deed_in(kit.dir, "ann", n), TW_OK);
    }
}

static enum tw_audit_fault verify_in(const char *dir)
{
    int rc = tw_audit_verify(dir, NULL, NULL, &verdict, &kit.diag);
    if (rc != TW_OK) {
        print_error("verify: %s: %s\n", tw_err_text(rc), kit.diag.text);
    }
    assert_int_equal(rc, TW_OK);
    return verdict.fault;
}

static void check_whole(uint64_t rows)
{
    if (verify_in(kit.dir) != TW_AUDIT_NONE) {
        print_error("%s: %s\n", tw_audit_fault_name(verdict.fault), verdict.text);
    }
    assert_int_equal(verdict.fault, TW_AUDIT_NONE);
    assert_int_equal(verdict.rows, rows);
}

static uint64_t head_number(void)
{
    char text[256] = "";
    int fd = open(kit_path(&kit, TW_AUDIT_HEAD_NAME), O_RDONLY | O_CLOEXEC);
    assert_true(read(fd, text, sizeof text - 1) > 0);
    (void)close(fd);
    return strtoull(text, NULL, 10);
}

/* ---- crashes ---- */

static void commit_without_head(uint64_t n)
{
    sqlite3 *db = NULL;
    const struct tw_audit_row row = {.at = {(int64_t)n},
                                     .actor = TW_STR_LIT("ann"),
                                     .action = TW_STR_LIT("note"),
                                     .subject = TW_STR_LIT("group:1"),
                                     .outcome = TW_STR_LIT("done")};
    assert_int_equal(tw_desk_open_for_writing(kit.dir, &db, &kit.diag), TW_OK);
    assert_int_equal(tw_db_exec(db, "BEGIN IMMEDIATE", NULL), TW_OK);
    assert_int_equal(tw_audit_add(db, &row, &kit.diag), TW_OK);
    assert_int_equal(tw_db_exec(db, "COMMIT", NULL), TW_OK);
    tw_db_close(&db);
}

static void crash__between_commit_and_head__is_no_alarm(void **state)
{
    (void)state;
    for (uint64_t before = 0; before < 3; before++) {
        commit_without_head(before);
        assert_true(head_number() < verdict.rows + 1);
        check_whole(before * 2 + 1);
        deeds(1, 1);
        check_whole(before * 2 + 2);
        assert_int_equal(head_number(), before * 2 + 2);
    }
    /* a start moves it, too */
    commit_without_head(9);
    tw_desk_close(&desk);
    assert_int_equal(head_number(), 6);
    assert_int_equal(tw_desk_open(kit.dir, &desk, &kit.diag), TW_OK);
    assert_int_equal(head_number(), 7);
    check_whole(7);
}

static void crash__in_a_deed__leaves_no_row(void **state)
{
    (void)state;
    struct tw_diag diag = {""};
    sqlite3 *db = NULL;
    const struct tw_desk_deed one = {.dir = kit.dir,
                                     .subject = TW_STR_LIT("group:1"),
                                     .actor = TW_STR_LIT("ann"),
                                     .action = TW_STR_LIT("note")};
    deeds(1, 2);
    assert_int_equal(tw_desk_deed_begin(&one, &db, &diag), TW_OK);
    assert_int_equal(tw_desk_deed_finish(&db, TW_EIO, &diag), TW_EIO);
    check_whole(2);
    deeds(3, 3); /* which gets the number of the one that was not done */
    check_whole(3);
    assert_int_equal(verdict.last.id, 3);
}

/* A child does deeds and says each one that it was told is done; killed at any moment. */
static uint64_t killed_after(long pause_us)
{
    int ends[2];
    uint64_t said = 0;
    uint8_t byte = 0;
    const struct timespec pause = {.tv_nsec = pause_us * 1000};
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (uint64_t n = 1;; n++) {
            if (deed_in(kit.dir, "child", n) == TW_OK && write(ends[1], "x", 1) != 1) {
                _exit(1);
            }
        }
    }
    (void)close(ends[1]);
    (void)nanosleep(&pause, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (read(ends[0], &byte, 1) == 1) {
        said++;
    }
    (void)close(ends[0]);
    return said;
}

static void kill__while_deeds_run__loses_nothing_and_alarms_nobody(void **state)
{
    (void)state;
    uint64_t said = 0;
    uint64_t rows = 0;
    for (int round = 0; round < (KIT_IS_SLOW ? 10 : 40); round++) {
        said += killed_after(1000 + (long)kit_rnd(&kit, 40000));
        assert_int_equal(verify_in(kit.dir), TW_AUDIT_NONE);
        /* what was done and could not be said any more is one a round at most */
        assert_true(verdict.rows >= said && verdict.rows <= said + (uint64_t)round + 1);
        assert_true(head_number() <= verdict.rows);
        assert_true(verdict.rows >= rows);
        rows = verdict.rows;
    }
    assert_true(said > 0);
}

#define WRITERS 3
#define EACH    40

static void write__several_at_once__are_one_chain(void **state)
{
    (void)state;
    pid_t children[WRITERS];
    for (size_t i = 0; i < WRITERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            static const char *const names[WRITERS] = {"a", "b", "c"};
            int bad = 0;
            for (uint64_t n = 1; n <= EACH; n++) {
                bad += deed_in(kit.dir, names[i], n) == TW_OK ? 0 : 1;
            }
            _exit(bad == 0 ? 0 : 1);
        }
    }
    for (int i = 0; i < 20; i++) { /* somebody looks meanwhile */
        assert_int_equal(verify_in(kit.dir), TW_AUDIT_NONE);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    check_whole((uint64_t)WRITERS * EACH);
    assert_int_equal(head_number(), WRITERS * EACH);
    assert_int_equal(kit_number(&kit, TW_DESK_NAME,
                                "SELECT count(*) FROM (SELECT actor FROM audit GROUP BY actor"
                                " HAVING count(*) = 40)"),
                     WRITERS);
}

/* ---- copies ---- */

static void backup__while_deeds_go_on__is_whole_and_goes_on(void **state)
{
    (void)state;
    char copy[200];
    char name[TW_PATH_MAX];
    struct stat info;
    deeds(1, 5);
    (void)snprintf(copy, sizeof copy, "%s.copy", kit.dir);
    assert_int_equal(tw_store_backup(kit.dir, copy, &kit.diag), TW_OK);
    deeds(6, 9);
    check_whole(9);
    assert_int_equal(verify_in(copy), TW_AUDIT_NONE);
    assert_int_equal(verdict.rows, 5);
    assert_int_equal(tw_path_join(copy, TW_AUDIT_KEY_NAME, name), TW_OK);
    assert_int_equal(stat(name, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(deed_in(copy, "ann", 1), TW_OK);
    assert_int_equal(verify_in(copy), TW_AUDIT_NONE);
    assert_int_equal(verdict.rows, 6);
    kit_remove_tree(copy);
    /* one that is made while others write has a head that is not ahead */
    pid_t child = fork();
    if (child == 0) {
        for (uint64_t n = 1;; n++) {
            (void)deed_in(kit.dir, "child", n);
        }
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(tw_store_backup(kit.dir, copy, &kit.diag), TW_OK);
        assert_int_equal(verify_in(copy), TW_AUDIT_NONE);
        kit_remove_tree(copy);
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

/* ---- what the desk says ---- */

static struct tw_audit_state state_now(struct tw_arena *arena, bool is_full)
{
    struct tw_audit_state state = {.rows = 0};
    struct tw_desk_reader *reader = NULL;
    assert_int_equal(tw_desk_check_audit(desk, is_full, (tw_wall_t){77}, &kit.diag), TW_OK);
    assert_int_equal(tw_desk_reader_open(kit.dir, &reader, &kit.diag), TW_OK);
    assert_int_equal(tw_audit_read_state(reader, arena, &state), TW_OK);
    tw_desk_reader_close(&reader);
    return state;
}

static void sql(const char *text)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(kit_path(&kit, TW_DESK_NAME), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

#define UNGUARD                                                    \
    "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; " \
    "DROP TRIGGER audit_chained;"

static void check__broken__is_said_until_it_is_whole_again(void **state)
{
    (void)state;
    struct tw_arena arena;
    tw_arena_init(&arena, 1 << 20);
    deeds(1, 4);
    struct tw_audit_state said = state_now(&arena, false);
    assert_int_equal(said.fault.len, 0);
    assert_int_equal(said.rows, 4);
    assert_int_equal(said.checked.ns, 77);
    deeds(5, 6);
    assert_int_equal(state_now(&arena, false).fault.len, 0);
    /* of what was looked at before, the full look alone finds it */
    sql(UNGUARD "UPDATE audit SET actor = x'62' WHERE id = 2;" TW_SQL_AUDIT_GUARD);
    assert_int_equal(state_now(&arena, false).fault.len, 0);
    said = state_now(&arena, true);
    assert_true(tw_str_is(said.fault, "changed"));
    assert_non_null(strstr(said.detail.ptr, "row 2"));
    assert_true(tw_str_is(state_now(&arena, false).fault, "changed")); /* all is looked at again */
    sql(UNGUARD "UPDATE audit SET actor = CAST('ann' AS BLOB) WHERE id = 2;" TW_SQL_AUDIT_GUARD);
    assert_int_equal(state_now(&arena, false).fault.len, 0);
    /* what comes is looked at each time */
    deeds(7, 7);
    sql(UNGUARD "UPDATE audit SET actor = x'62' WHERE id = 7;" TW_SQL_AUDIT_GUARD);
    assert_true(tw_str_is(state_now(&arena, false).fault, "changed"));
    assert_int_equal(unlink(kit_path(&kit, TW_AUDIT_KEY_NAME)), 0);
    assert_true(tw_str_is(state_now(&arena, false).fault, "unreadable"));
    tw_arena_fini(&arena);
}

/* ---- lists ---- */

static size_t list(struct tw_arena *arena, const struct tw_audit_filter *filter, uint64_t before,
                   size_t limit, const struct tw_audit_entry **ret_entries)
{
    struct tw_desk_reader *reader = NULL;
    size_t count = 0;
    assert_int_equal(tw_desk_reader_open(kit.dir, &reader, &kit.diag), TW_OK);
    assert_int_equal(tw_audit_list(reader, arena, filter, before, limit, ret_entries, &count),
                     TW_OK);
    tw_desk_reader_close(&reader);
    return count;
}

/* Each filter alone and together, page by page, against what was done. */
static void list__filters_and_pages__give_each_row_once(void **state)
{
    (void)state;
    static const char *const actors[] = {NULL, "ann", "bob", "nobody"};
    static const char *const actions[] = {NULL, "note", "assign"};
    static const char *const subjects[] = {NULL, "group:14", "group:99"};
    static const char *const outcomes[] = {NULL, "done", "refused"};
    struct tw_arena arena;
    tw_arena_init(&arena, 1 << 22);
    for (uint64_t n = 1; n <= 30; n++) {
        assert_int_equal(deed_in(kit.dir, n % 3 == 0 ? "bob" : "ann", n), TW_OK);
    }
    for (size_t i = 0; i < 4 * 3 * 3 * 3 * 3; i++) {
        const char *words[4] = {actors[i % 4], actions[i / 4 % 3], subjects[i / 12 % 3],
                                outcomes[i / 36 % 3]};
        size_t span = i / 108;
        const struct tw_audit_filter filter = {
            .actor = words[0] == NULL ? TW_STR_NULL : tw_str_of(words[0]),
            .action = words[1] == NULL ? TW_STR_NULL : tw_str_of(words[1]),
            .subject = words[2] == NULL ? TW_STR_NULL : tw_str_of(words[2]),
            .outcome = words[3] == NULL ? TW_STR_NULL : tw_str_of(words[3]),
            .since = {span == 1 ? 10 * TW_NS_PER_S : INT64_MIN},
            .until = {span == 2 ? 20 * TW_NS_PER_S : INT64_MAX},
        };
        uint64_t before = 0;
        for (uint64_t n = 30; n >= 1; n--) {
            char subject[32];
            (void)snprintf(subject, sizeof subject, "group:%llu", (unsigned long long)n);
            bool is_in =
                (words[0] == NULL || strcmp(words[0], n % 3 == 0 ? "bob" : "ann") == 0) &&
                (words[1] == NULL || strcmp(words[1], n % 2 == 0 ? "note" : "assign") == 0) &&
                (words[2] == NULL || strcmp(words[2], subject) == 0) &&
                (words[3] == NULL || strcmp(words[3], n % 7 == 0 ? "refused" : "done") == 0) &&
                (span != 1 || n >= 10) && (span != 2 || n < 20);
            if (is_in) {
                const struct tw_audit_entry *entries = NULL;
                assert_int_equal(list(&arena, &filter, before, 1, &entries), 1);
                assert_int_equal(entries[0].row.id, n);
                assert_int_equal(strlen(entries[0].hash), 64);
                before = n;
            }
        }
        const struct tw_audit_entry *entries = NULL;
        assert_int_equal(before == 0 ? list(&arena, &filter, 0, 50, &entries)
                                     : list(&arena, &filter, before, 50, &entries),
                         0);
        tw_arena_reset(&arena);
    }
    tw_arena_fini(&arena);
}

/* ---- by chance ---- */

static void copy_file(const char *from, const char *to)
{
    char bytes[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(in >= 0 && out >= 0);
    for (ssize_t got = read(in, bytes, sizeof bytes); got > 0;
         got = read(in, bytes, sizeof bytes)) {
        assert_int_equal(write(out, bytes, (size_t)got), got);
    }
    (void)close(in);
    (void)close(out);
}

#define MODEL_ROWS 12
static const char rows_sql[] =
    "SELECT group_concat(id || ',' || at || ',' || hex(actor) || ',' || quote(kind) || ',' ||"
    " quote(address) || ',' || hex(action) || ',' || hex(subject) || ',' || quote(detail) || ',' ||"
    " quote(reason) || ',' || hex(outcome) || ',' || quote(hash), ';')"
    " FROM (SELECT * FROM audit ORDER BY id)";

/* All rows as text, owned by the caller; NULL: they cannot be read. */
static char *rows_text(void)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    char *text = NULL;
    assert_int_equal(sqlite3_open(kit_path(&kit, TW_DESK_NAME), &db), SQLITE_OK);
    if (sqlite3_prepare_v2(db, rows_sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW) {
        const char *got = (const char *)sqlite3_column_text(stmt, 0);
        text = strdup(got == NULL ? "" : got);
    }
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return text;
}

/* One to three changes of rows, which may come to none. */
static void change_by_chance(void)
{
    static const char *const columns[] = {"actor",  "kind",   "address", "action", "subject",
                                          "detail", "reason", "outcome", "hash",   "at"};
    char text[4096] = UNGUARD;
    size_t at = strlen(text);
    for (uint64_t i = 0; i <= kit_rnd(&kit, 3); i++) {
        char one[256];
        unsigned a = 1 + (unsigned)kit_rnd(&kit, MODEL_ROWS);
        unsigned b = 1 + (unsigned)kit_rnd(&kit, MODEL_ROWS);
        const char *column = columns[kit_rnd(&kit, 10)];
        switch (kit_rnd(&kit, 5)) {
        case 0:
            (void)snprintf(one, sizeof one, "DELETE FROM audit WHERE id = %u;", a);
            break;
        case 1:
            (void)snprintf(one, sizeof one,
                           "UPDATE audit SET %s = (SELECT %s FROM audit WHERE id = %u)"
                           " WHERE id = %u AND EXISTS(SELECT 1 FROM audit WHERE id = %u);",
                           column, column, b, a, b);
            break;
        case 2:
            (void)snprintf(one, sizeof one,
                           "UPDATE OR IGNORE audit SET id = -%u WHERE id = %u; UPDATE OR IGNORE"
                           " audit SET id = %u WHERE id = %u; UPDATE OR IGNORE audit SET id = %u"
                           " WHERE id = -%u;",
                           a, a, a, b, b, a);
            break;
        case 3:
            (void)snprintf(one, sizeof one,
                           "DELETE FROM audit WHERE id > %u; UPDATE sqlite_sequence SET seq = %u"
                           " WHERE name = 'audit';",
                           a, a);
            break;
        default:
            (void)snprintf(one, sizeof one,
                           "INSERT OR IGNORE INTO audit(id, at, actor, action, subject, outcome,"
                           " hash) SELECT %u, at, actor, action, subject, outcome, hash FROM audit"
                           " WHERE id = %u;",
                           a, b);
            break;
        }
        at += (size_t)snprintf(text + at, sizeof text - at, "%s", one);
    }
    at += (size_t)snprintf(text + at, sizeof text - at, "%s", TW_SQL_AUDIT_GUARD);
    assert_true(at < sizeof text);
    sql(text);
}

static void model__changes_by_chance__are_found_unless_they_come_to_none(void **state)
{
    (void)state;
    char saved[TW_PATH_MAX];
    size_t found = 0;
    size_t none = 0;
    deeds(1, MODEL_ROWS);
    tw_desk_close(&desk);
    (void)kit_number(&kit, TW_DESK_NAME, "PRAGMA wal_checkpoint(TRUNCATE)");
    (void)snprintf(saved, sizeof saved, "%s", kit_path(&kit, "saved"));
    copy_file(kit_path(&kit, TW_DESK_NAME), saved);
    char *before = rows_text();
    assert_non_null(before);
    for (int round = 0; round < (KIT_IS_SLOW ? 60 : 400); round++) {
        change_by_chance();
        char *after = rows_text();
        assert_non_null(after);
        bool is_same =
            strcmp(before, after) == 0 &&
            kit_number(&kit, TW_DESK_NAME,
                       "SELECT seq FROM sqlite_sequence WHERE name = 'audit'") == MODEL_ROWS;
        bool is_whole = verify_in(kit.dir) == TW_AUDIT_NONE;
        if (is_same != is_whole) {
            print_error("round %d: %s %s\n%s\n%s\n", round, tw_audit_fault_name(verdict.fault),
                        verdict.text, before, after);
        }
        assert_int_equal(is_same, is_whole);
        found += is_whole ? 0 : 1;
        none += is_whole ? 1 : 0;
        free(after);
        copy_file(saved, kit_path(&kit, TW_DESK_NAME));
    }
    assert_true(found > 0 && none > 0);
    check_whole(MODEL_ROWS);
    free(before);
}

/* Any byte of the pages that hold the rows: it is found, or no row is another for it. */
static void verify__bytes_of_the_file__are_found_or_change_no_row(void **state)
{
    (void)state;
    static uint8_t page[TW_DB_PAGE_SIZE];
    size_t found = 0;
    size_t pages = 0;
    deeds(1, 3);
    tw_desk_close(&desk);
    (void)kit_number(&kit, TW_DESK_NAME, "PRAGMA wal_checkpoint(TRUNCATE)");
    (void)kit_number(&kit, TW_DESK_NAME, "PRAGMA journal_mode=DELETE");
    char *before = rows_text();
    int fd = open(kit_path(&kit, TW_DESK_NAME), O_RDWR | O_CLOEXEC);
    for (off_t at = TW_DB_PAGE_SIZE; pread(fd, page, sizeof page, at) == (ssize_t)sizeof page;
         at += TW_DB_PAGE_SIZE) {
        if (memmem(page, sizeof page, "group:1", 7) == NULL) {
            continue;
        }
        pages++;
        size_t step = 1;
        for (size_t i = 0; i < sizeof page; i += step) {
            bool is_used = i < 100 || i > 15000; /* the head of a page, and its rows */
            step = is_used ? KIT_IS_SLOW ? 11 : 1 : KIT_IS_SLOW ? 197 : 61;
            uint8_t other = page[i] ^ (uint8_t)(1u << (i % 8));
            struct tw_diag diag = {""};
            assert_int_equal(pwrite(fd, &other, 1, at + (off_t)i), 1);
            int rc = tw_audit_verify(kit.dir, NULL, NULL, &verdict, &diag);
            bool is_whole = rc == TW_OK && verdict.fault == TW_AUDIT_NONE;
            char *after = is_whole ? rows_text() : NULL;
            if (is_whole) {
                assert_non_null(after);
                assert_string_equal(before, after);
            }
            found += is_whole ? 0 : 1;
            free(after);
            assert_int_equal(pwrite(fd, &page[i], 1, at + (off_t)i), 1);
        }
    }
    (void)close(fd);
    free(before);
    assert_true(pages >= 2); /* the table and an index */
    assert_true(found > (KIT_IS_SLOW ? 10 : 100));
    check_whole(3);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(crash__between_commit_and_head__is_no_alarm),
        CASE(crash__in_a_deed__leaves_no_row),
        CASE(kill__while_deeds_run__loses_nothing_and_alarms_nobody),
        CASE(write__several_at_once__are_one_chain),
        CASE(backup__while_deeds_go_on__is_whole_and_goes_on),
        CASE(check__broken__is_said_until_it_is_whole_again),
        CASE(list__filters_and_pages__give_each_row_once),
        CASE(model__changes_by_chance__are_found_unless_they_come_to_none),
        CASE(verify__bytes_of_the_file__are_found_or_change_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
