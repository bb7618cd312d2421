/* SPDX-License-Identifier: Apache-2.0
 * store/audit: what is added is chained, and whatever is done to it afterwards by somebody without
 * the key is found and named by its first row. */
#include "config.h"
#include "store_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/audit_read.h"
#include "store/audit_verify.h"
#include "store/desk.h"
#include "store/desk_deed.h"
#include "store/store.h"

#define ROWS 6

static struct kit kit;
static struct tw_audit_verdict verdict;

/* ---- helpers ---- */

static int set_up(void **state)
{
    struct tw_desk *desk = NULL;
    (void)state;
    kit_init(&kit, 6364136223846793005u);
    assert_int_equal(kit_open(&kit), TW_OK);
    kit_commit(&kit, 5, false);
    assert_int_equal(tw_desk_open(kit.dir, &desk, &kit.diag), TW_OK);
    tw_desk_close(&desk);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_fini(&kit);
    return 0;
}

/* A deed whose texts tell it from others; every third has no reason, every fourth an empty one. */
static int deed(uint64_t n)
{
    char action[32];
    char subject[32];
    sqlite3 *db = NULL;
    (void)snprintf(action, sizeof action, "act-%llu", (unsigned long long)(n % 3));
    (void)snprintf(subject, sizeof subject, "group:%llu", (unsigned long long)n);
    const struct tw_desk_deed one = {
        .dir = kit.dir,
        .subject = tw_str_of(subject),
        .actor = n % 2 == 0 ? TW_STR_LIT("ann") : TW_STR_LIT("bob"),
        .kind = n % 5 == 0 ? TW_STR_LIT("user") : TW_STR_NULL,
        .address = n % 4 == 0 ? TW_STR_NULL : TW_STR_LIT("127.0.0.1"),
        .action = tw_str_of(action),
        .detail = TW_STR_LIT("{\"n\":1}"),
        .reason = n % 3 == 0   ? TW_STR_NULL
                  : n % 4 == 0 ? TW_STR_LIT("")
                               : TW_STR_LIT("since \xff it is so"),
        .now = {(int64_t)n * TW_NS_PER_S},
    };
    int rc = tw_desk_deed_begin(&one, &db, &kit.diag);
    return tw_desk_deed_finish(&db, rc, &kit.diag);
}

static void deeds(uint64_t count)
{
    for (uint64_t n = 1; n <= count; n++) {
        assert_int_equal(deed(n), TW_OK);
    }
}

static int64_t number(const char *sql)
{
    return kit_number(&kit, TW_DESK_NAME, sql);
}

static enum tw_audit_fault verify(void)
{
    int rc = tw_audit_verify(kit.dir, NULL, NULL, &verdict, &kit.diag);
    if (rc != TW_OK) {
        print_error("verify: %s: %s\n", tw_err_text(rc), kit.diag.text);
    }
    assert_int_equal(rc, TW_OK);
    return verdict.fault;
}

static void check(enum tw_audit_fault fault, uint64_t row, const char *what)
{
    if (verify() != fault || verdict.row != row) {
        print_error("%s: %s, row %llu: %s\n", what, tw_audit_fault_name(verdict.fault),
                    (unsigned long long)verdict.row, verdict.text);
    }
    assert_int_equal(verdict.fault, fault);
    assert_int_equal(verdict.row, row);
    assert_true(fault == TW_AUDIT_NONE || verdict.text[0] != '\0');
}

/* What somebody does who can write the file: past the triggers, which are put back. */
static void tamper(const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(kit_path(&kit, TW_DESK_NAME), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "BEGIN; DROP TRIGGER audit_no_update;"
                                  "DROP TRIGGER audit_no_delete; DROP TRIGGER audit_chained",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        print_error("%s: %s\n", sql, why);
        assert_true(false);
    }
    assert_int_equal(sqlite3_exec(db, TW_SQL_AUDIT_GUARD "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void tamperf(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tamperf(const char *format, ...)
{
    char sql[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(sql, sizeof sql, format, arguments);
    va_end(arguments);
    tamper(sql);
}

static void save(void)
{
    char saved[160];
    (void)snprintf(saved, sizeof saved, "%s.saved", kit.dir);
    (void)number("PRAGMA wal_checkpoint(TRUNCATE)");
    kit_copy_tree(kit.dir, saved);
}

static void copy_back(const char *name)
{
    char from[200];
    char bytes[4096];
    (void)snprintf(from, sizeof from, "%s.saved/%s", kit.dir, name);
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(kit_path(&kit, name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(in >= 0 && out >= 0);
    for (ssize_t got = read(in, bytes, sizeof bytes); got > 0;
         got = read(in, bytes, sizeof bytes)) {
        assert_int_equal(write(out, bytes, (size_t)got), got);
    }
    (void)close(in);
    (void)close(out);
}

static void restore(void)
{
    (void)unlink(kit_path(&kit, TW_DESK_NAME "-wal"));
    (void)unlink(kit_path(&kit, TW_DESK_NAME "-shm"));
    copy_back(TW_DESK_NAME);
    copy_back(TW_AUDIT_KEY_NAME);
    copy_back(TW_AUDIT_HEAD_NAME);
}

static void end_saved(void)
{
    char saved[160];
    (void)snprintf(saved, sizeof saved, "%s.saved", kit.dir);
    kit_remove_tree(saved);
}

/* ---- what is whole ---- */

static void verify__deeds__is_whole_and_names_the_last(void **state)
{
    (void)state;
    char text[TW_AUDIT_MARK_MAX];
    struct tw_audit_mark mark = {.id = 0};
    check(TW_AUDIT_NONE, 0, "no row yet");
    assert_int_equal(verdict.rows, 0);
    for (uint64_t n = 1; n <= ROWS; n++) {
        struct tw_audit_mark before = verdict.last;
        assert_int_equal(deed(n), TW_OK);
        check(TW_AUDIT_NONE, 0, "deeds");
        assert_int_equal(verdict.rows, n);
        assert_int_equal(verdict.last.id, n);
        assert_memory_not_equal(verdict.last.hash, before.hash, TW_AUDIT_HASH_BYTES);
    }
    assert_int_equal(verdict.chained_since.ns, 0);
    tw_audit_mark_format(&verdict.last, text);
    assert_true(tw_audit_mark_parse(tw_str_of(text), &mark));
    assert_memory_equal(&mark, &verdict.last, sizeof mark);
    assert_int_equal(number("SELECT count(*) FROM audit WHERE kind IS NULL"), 0);
    assert_int_equal(number("SELECT count(*) FROM audit WHERE kind = CAST('local' AS BLOB)"), 5);
}

static void mark__not_one__is_refused(void **state)
{
    (void)state;
    struct tw_audit_mark mark = {.id = 7};
    static const char *const wrong[] = {
        "",
        "7",
        "7:",
        ":00",
        "7:00",
        "x:0000000000000000000000000000000000000000000000000000000000000000",
        "7:000000000000000000000000000000000000000000000000000000000000000",
        "7:00000000000000000000000000000000000000000000000000000000000000000",
        "7:000000000000000000000000000000000000000000000000000000000000000g",
        "12345678901234567890:0000000000000000000000000000000000000000000000000000000000000000",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(tw_audit_mark_parse(tw_str_of(wrong[i]), &mark));
    }
}

static void verify__known_or_from__is_looked_for(void **state)
{
    (void)state;
    struct tw_audit_mark marks[ROWS + 1] = {{.id = 0}};
    for (uint64_t n = 1; n <= ROWS; n++) {
        assert_int_equal(deed(n), TW_OK);
        assert_int_equal(verify(), TW_AUDIT_NONE);
        marks[n] = verdict.last;
    }
    for (uint64_t n = 0; n <= ROWS; n++) {
        assert_int_equal(tw_audit_verify(kit.dir, NULL, &marks[n], &verdict, NULL), TW_OK);
        assert_int_equal(verdict.fault, TW_AUDIT_NONE);
        assert_int_equal(tw_audit_verify(kit.dir, &marks[n], NULL, &verdict, NULL), TW_OK);
        assert_int_equal(verdict.fault, TW_AUDIT_NONE);
        assert_int_equal(verdict.rows, ROWS - n);
        assert_memory_equal(&verdict.last, &marks[ROWS], sizeof marks[ROWS]);
    }
    struct tw_audit_mark wrong = marks[3];
    wrong.hash[31] ^= 1;
    assert_int_equal(tw_audit_verify(kit.dir, NULL, &wrong, &verdict, NULL), TW_OK);
    assert_int_equal(verdict.fault, TW_AUDIT_CHANGED);
    assert_int_equal(verdict.row, 3);
    assert_int_equal(tw_audit_verify(kit.dir, &wrong, NULL, &verdict, NULL), TW_OK);
    assert_int_equal(verdict.fault, TW_AUDIT_CHANGED);
    assert_int_equal(verdict.row, 3);
    wrong.id = ROWS + 2;
    assert_int_equal(tw_audit_verify(kit.dir, NULL, &wrong, &verdict, NULL), TW_OK);
    assert_int_equal(verdict.fault, TW_AUDIT_CUT);
    assert_int_equal(verdict.row, ROWS + 1);
    assert_int_equal(tw_audit_verify(kit.dir, &wrong, NULL, &verdict, NULL), TW_OK);
    assert_int_equal(verdict.fault, TW_AUDIT_CHANGED);
    /* a row that was taken for good is not looked at again */
    tamper("UPDATE audit SET actor = x'62' WHERE id = 2");
    assert_int_equal(tw_audit_verify(kit.dir, &marks[2], NULL, &verdict, NULL), TW_OK);
    assert_int_equal(verdict.fault, TW_AUDIT_NONE);
    assert_int_equal(tw_audit_verify(kit.dir, &marks[1], NULL, &verdict, NULL), TW_OK);
    assert_int_equal(verdict.fault, TW_AUDIT_CHANGED);
    assert_int_equal(verdict.row, 2);
}

static void add__text_of_every_size__up_to_the_most(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    char *text = malloc(TW_AUDIT_TEXT_MAX + 1);
    assert_non_null(text);
    memset(text, 0, TW_AUDIT_TEXT_MAX + 1);
    for (unsigned over = 0; over < 2; over++) {
        const struct tw_audit_row row = {.actor = TW_STR_LIT("a"),
                                         .action = TW_STR_LIT("b"),
                                         .subject = TW_STR_LIT("c"),
                                         .detail = {text, TW_AUDIT_TEXT_MAX + over},
                                         .outcome = TW_STR_LIT("done")};
        assert_int_equal(tw_desk_open_for_writing(kit.dir, &db, &kit.diag), TW_OK);
        assert_int_equal(tw_db_exec(db, "BEGIN IMMEDIATE", NULL), TW_OK);
        assert_int_equal(tw_audit_add(db, &row, &kit.diag), over == 0 ? TW_OK : TW_EINVAL);
        assert_int_equal(tw_db_exec(db, "COMMIT", NULL), TW_OK);
        tw_db_close(&db);
    }
    free(text);
    check(TW_AUDIT_NONE, 0, "long text");
    assert_int_equal(verdict.rows, 1);
}

/* ---- rows that are not as they were ---- */

static const char *const columns[] = {"actor",  "kind",   "address", "action", "subject",
                                      "detail", "reason", "outcome", "hash"};
#define COLUMNS (sizeof columns / sizeof columns[0])

/* One byte of one value becomes another. */
static void change_byte(uint64_t row, const char *column, int64_t at, int64_t length, uint8_t byte)
{
    tamperf("UPDATE audit SET %s = CAST(substr(%s, 1, %lld) || x'%02x' || substr(%s, %lld, %lld)"
            " AS BLOB) WHERE id = %llu",
            column, column, (long long)at, byte, column, (long long)at + 2,
            (long long)(length - at), (unsigned long long)row);
}

static void change_all_bytes(uint64_t row, const char *column)
{
    char sql[160];
    (void)snprintf(sql, sizeof sql, "SELECT coalesce(length(%s), 0) FROM audit WHERE id = %llu",
                   column, (unsigned long long)row);
    int64_t length = number(sql);
    for (int64_t at = 0; at < length; at++) {
        (void)snprintf(sql, sizeof sql,
                       "SELECT CAST('0x' || hex(substr(%s, %lld, 1)) AS TEXT) = '0x00'"
                       " FROM audit WHERE id = %llu",
                       column, (long long)at + 1, (unsigned long long)row);
        /* 00 where it is something else, else 01 */
        change_byte(row, column, at, length, number(sql) != 0 ? 1 : 0);
        check(TW_AUDIT_CHANGED, row, column);
        restore();
    }
}

static void verify__every_byte_of_every_row__is_found_when_changed(void **state)
{
    (void)state;
    deeds(ROWS);
    save();
    for (uint64_t row = 1; row <= ROWS; row += KIT_IS_SLOW ? ROWS - 1 : 1) {
        for (size_t i = 0; i < COLUMNS; i++) {
            change_all_bytes(row, columns[i]);
        }
    }
    check(TW_AUDIT_NONE, 0, "restored");
    end_saved();
}

static void verify__other_kinds_of_values__are_changes(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "actor = x''",
        "kind = NULL",
        "address = CASE WHEN address IS NULL THEN x'' END",
        "reason = CASE WHEN reason IS NULL THEN x'' END",
        "detail = NULL",
        "hash = NULL",
        "hash = zeroblob(32)",
        "hash = x'00'",
        "at = at + 1",
        "at = -at",
        "at = at + 0.5",
        "at = x'31'",
        "actor = CAST(actor AS TEXT)",
        "hash = CAST(hash AS TEXT)",
        "subject = subject || x'00'",
        "actor = substr(actor, 1, 2), kind = CAST(substr(actor, 3, 1) || kind AS BLOB)",
    };
    deeds(ROWS);
    save();
    for (uint64_t row = 1; row <= ROWS; row++) {
        for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
            tamperf("UPDATE audit SET %s WHERE id = %llu", changes[i], (unsigned long long)row);
            check(TW_AUDIT_CHANGED, row, changes[i]);
            restore();
        }
    }
    end_saved();
}

static void verify__rows_removed__are_named(void **state)
{
    (void)state;
    deeds(ROWS);
    save();
    for (uint64_t row = 1; row <= ROWS; row++) {
        tamperf("DELETE FROM audit WHERE id = %llu", (unsigned long long)row);
        check(row < ROWS ? TW_AUDIT_MISSING : TW_AUDIT_CUT, row, "removed");
        restore();
        /* those behind close up */
        tamperf("DELETE FROM audit WHERE id = %llu;"
                "UPDATE audit SET id = id - 1 WHERE id > %llu;"
                "UPDATE sqlite_sequence SET seq = seq - 1 WHERE name = 'audit'",
                (unsigned long long)row, (unsigned long long)row);
        check(row < ROWS ? TW_AUDIT_MISSING : TW_AUDIT_CUT, row, "removed, and numbered anew");
        restore();
    }
    tamper("DELETE FROM audit WHERE id BETWEEN 2 AND 4");
    check(TW_AUDIT_MISSING, 2, "three removed");
    assert_non_null(strstr(verdict.text, "rows 2 to 4 are missing"));
    restore();
    tamper("DELETE FROM audit");
    check(TW_AUDIT_CUT, 1, "all removed");
    end_saved();
}

static void verify__tail_cut__is_found_by_the_head(void **state)
{
    (void)state;
    deeds(ROWS);
    save();
    for (uint64_t kept = 0; kept < ROWS; kept++) {
        tamperf("DELETE FROM audit WHERE id > %llu; UPDATE sqlite_sequence SET seq = %llu"
                " WHERE name = 'audit'",
                (unsigned long long)kept, (unsigned long long)kept);
        check(TW_AUDIT_CUT, kept + 1, "cut");
        /* what is done afterwards does not cover it up */
        for (uint64_t n = 0; n < ROWS + 2; n++) {
            assert_int_equal(deed(n), TW_OK);
            assert_true(verify() != TW_AUDIT_NONE);
        }
        restore();
    }
    /* also where the numbers that were given say so alone */
    assert_int_equal(unlink(kit_path(&kit, TW_AUDIT_HEAD_NAME)), 0);
    tamper("DELETE FROM audit WHERE id = 6");
    assert_int_equal(verify(), TW_AUDIT_HEAD_MISSING);
    end_saved();
}

#define COPY_ROW "at, actor, kind, address, action, subject, detail, reason, outcome, hash"

static void verify__rows_inserted__are_named(void **state)
{
    (void)state;
    deeds(ROWS);
    save();
    for (uint64_t at = 1; at <= ROWS + 1; at++) {
        /* a copy of the first row stands between, all behind it are one further */
        tamperf("UPDATE audit SET id = -id - 1 WHERE id >= %llu;"
                "UPDATE audit SET id = -id WHERE id < 0;"
                "INSERT INTO audit(id, " COPY_ROW ") SELECT %llu, at + 7, actor, kind, address,"
                " action, subject, detail, reason, outcome, hash FROM audit ORDER BY id LIMIT 1;",
                (unsigned long long)at, (unsigned long long)at);
        check(TW_AUDIT_INSERTED, at, "inserted");
        restore();
    }
    tamper("INSERT INTO audit(id, " COPY_ROW ") SELECT -1, " COPY_ROW " FROM audit WHERE id = 1");
    assert_true(verify() != TW_AUDIT_NONE);
    restore();
    tamper("INSERT INTO audit(id, " COPY_ROW ") SELECT 0, " COPY_ROW " FROM audit WHERE id = 1");
    assert_true(verify() != TW_AUDIT_NONE);
    restore();
    tamper("INSERT INTO audit(id, " COPY_ROW ") SELECT 20, " COPY_ROW " FROM audit WHERE id = 1");
    check(TW_AUDIT_MISSING, ROWS + 1, "far behind");
    end_saved();
}

static void verify__rows_reordered__are_named(void **state)
{
    (void)state;
    deeds(ROWS);
    save();
    for (uint64_t a = 1; a <= ROWS; a++) {
        for (uint64_t b = a + 1; b <= ROWS; b++) {
            tamperf("UPDATE audit SET id = -1 WHERE id = %llu;"
                    "UPDATE audit SET id = %llu WHERE id = %llu;"
                    "UPDATE audit SET id = %llu WHERE id = -1",
                    (unsigned long long)a, (unsigned long long)a, (unsigned long long)b,
                    (unsigned long long)b);
            check(TW_AUDIT_REORDERED, a, "changed places");
            restore();
        }
    }
    tamper("UPDATE audit SET id = 9 WHERE id = 6");
    check(TW_AUDIT_REORDERED, 6, "another number");
    restore();
    tamper("UPDATE audit SET id = 1 - id; UPDATE audit SET id = 6 + id");
    check(TW_AUDIT_REORDERED, 1, "all turned round");
    end_saved();
}

/* ---- the files beside ---- */

static void verify__head_lost_or_changed__is_named(void **state)
{
    (void)state;
    char line[256] = "";
    deeds(ROWS);
    save();
    int fd = open(kit_path(&kit, TW_AUDIT_HEAD_NAME), O_RDWR | O_CLOEXEC);
    ssize_t len = read(fd, line, sizeof line);
    assert_int_equal(len, 1 + 2 * 65 + 1);
    for (ssize_t i = 0; i < len; i++) {
        char other = line[i] == '7' ? '8' : '7';
        assert_int_equal(pwrite(fd, &other, 1, i), 1);
        check(TW_AUDIT_HEAD_CHANGED, 0, "a byte of the head");
        assert_int_equal(pwrite(fd, &line[i], 1, i), 1);
    }
    check(TW_AUDIT_NONE, 0, "put back");
    for (ssize_t i = 0; i < len; i += 13) {
        assert_int_equal(ftruncate(fd, i), 0);
        check(TW_AUDIT_HEAD_CHANGED, 0, "a head that is cut");
        assert_int_equal(pwrite(fd, line, (size_t)len, 0), len);
    }
    (void)close(fd);
    assert_int_equal(unlink(kit_path(&kit, TW_AUDIT_HEAD_NAME)), 0);
    check(TW_AUDIT_HEAD_MISSING, 0, "no head");
    assert_int_equal(deed(1), TW_OK); /* which makes no new one */
    check(TW_AUDIT_HEAD_MISSING, 0, "no head, and a deed");
    end_saved();
}

static void verify__head_put_back_with_its_rows__is_found_by_who_noted_the_last(void **state)
{
    (void)state;
    deeds(2);
    save();
    deeds(ROWS);
    assert_int_equal(verify(), TW_AUDIT_NONE);
    struct tw_audit_mark noted = verdict.last;
    restore(); /* all files as they were before */
    check(TW_AUDIT_NONE, 0, "an older state of everything");
    assert_int_equal(tw_audit_verify(kit.dir, NULL, &noted, &verdict, NULL), TW_OK);
    assert_int_equal(verdict.fault, TW_AUDIT_CUT);
    assert_int_equal(verdict.row, 3);
    end_saved();
}

static void check_key_refused(const char *word)
{
    int64_t rows = number("SELECT count(*) FROM audit");
    int64_t revision = number("SELECT revision FROM meta");
    assert_int_equal(tw_audit_verify(kit.dir, NULL, NULL, &verdict, &kit.diag), TW_EIO);
    assert_non_null(strstr(kit.diag.text, word));
    assert_non_null(strstr(kit.diag.text, TW_AUDIT_KEY_NAME));
    assert_int_equal(deed(9), TW_EIO);
    assert_non_null(strstr(kit.diag.text, word));
    assert_int_equal(number("SELECT count(*) FROM audit"), rows);
    assert_int_equal(number("SELECT revision FROM meta"), revision);
}

static void verify__key_lost_or_open__is_named_and_nothing_is_done(void **state)
{
    (void)state;
    static const mode_t modes[] = {0604, 0602, 0601, 0640, 0620, 0610, 0666};
    char key[TW_PATH_MAX];
    struct tw_desk *desk = NULL;
    deeds(ROWS);
    save();
    (void)snprintf(key, sizeof key, "%s", kit_path(&kit, TW_AUDIT_KEY_NAME));
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(key, modes[i]), 0);
        check_key_refused("chmod 600");
    }
    assert_int_equal(chmod(key, 0600), 0);
    assert_int_equal(truncate(key, TW_AUDIT_KEY_BYTES - 1), 0);
    check_key_refused("not a key");
    assert_int_equal(truncate(key, TW_AUDIT_KEY_BYTES + 1), 0);
    check_key_refused("not a key");
    assert_int_equal(unlink(key), 0);
    check_key_refused("missing");
    /* a start makes no new one, which would make all that is there look wrong */
    assert_int_equal(tw_desk_open(kit.dir, &desk, &kit.diag), TW_OK);
    tw_desk_close(&desk);
    assert_int_equal(access(key, F_OK), -1);
    copy_back(TW_AUDIT_KEY_NAME);
    check(TW_AUDIT_NONE, 0, "the key is back");
    int fd = open(key, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, "0123456789abcdef0123456789abcdef", TW_AUDIT_KEY_BYTES),
                     TW_AUDIT_KEY_BYTES);
    (void)close(fd);
    check(TW_AUDIT_CHANGED, 1, "another key");
    end_saved();
}

static void verify__triggers_gone__is_named(void **state)
{
    (void)state;
    static const char *const names[] = {"audit_no_update", "audit_no_delete", "audit_chained"};
    deeds(2);
    for (size_t i = 0; i < 3; i++) {
        char sql[64];
        save();
        (void)snprintf(sql, sizeof sql, "DROP TRIGGER %s", names[i]);
        (void)number(sql);
        check(TW_AUDIT_UNGUARDED, 0, names[i]);
        restore();
        end_saved();
    }
    check(TW_AUDIT_NONE, 0, "restored");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(verify__deeds__is_whole_and_names_the_last),
        CASE(mark__not_one__is_refused),
        CASE(verify__known_or_from__is_looked_for),
        CASE(add__text_of_every_size__up_to_the_most),
        CASE(verify__every_byte_of_every_row__is_found_when_changed),
        CASE(verify__other_kinds_of_values__are_changes),
        CASE(verify__rows_removed__are_named),
        CASE(verify__tail_cut__is_found_by_the_head),
        CASE(verify__rows_inserted__are_named),
        CASE(verify__rows_reordered__are_named),
        CASE(verify__head_lost_or_changed__is_named),
        CASE(verify__head_put_back_with_its_rows__is_found_by_who_noted_the_last),
        CASE(verify__key_lost_or_open__is_named_and_nothing_is_done),
        CASE(verify__triggers_gone__is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
