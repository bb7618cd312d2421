/* SPDX-License-Identifier: Apache-2.0
 * store/migrate: a desk of each older version is brought to today's, and what its audit has is
 * chained from then on. */
#include "config.h"
#include "store_kit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/alerts.h"
#include "store/audit.h"
#include "store/desk.h"
#include "store/migrate.h"
#include "store/reader_internal.h"

#define FIRST_OF_HASH                                                              \
    "WITH RECURSIVE d(i) AS (VALUES(0) UNION ALL SELECT i + 1 FROM d WHERE i < 7)" \
    " SELECT sum(unicode(substr(hex(hash), i + 1, 1)) << (7 * i)) FROM audit, d WHERE id = 2"

static struct kit kit;

static int set_up(void **state)
{
    (void)state;
    kit_init(&kit, 6364136223846793005u);
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
    assert_int_equal(kit_open(&kit), TW_OK);
}

static int64_t version_of(const char *name)
{
    return kit_number(&kit, name, "PRAGMA user_version");
}

/* desk.db as a program of this version had left it, with something of all that it knew. */
static void make_desk(uint32_t version)
{
    static const char *const content[] = {
        "INSERT INTO failure_group(workflow, step, system, destination, cause, label, created)"
        " VALUES(x'61', x'62', x'63', x'64', 4, x'', 1)",
        "INSERT INTO failure(grp, workflow, object_type, object_scope, object_id, step, state,"
        " http_status, amount_minor, currency, failed_n, input_n, done_n, attempts, first, last)"
        " VALUES(1, x'61', 2, x'', x'31', x'62', 0, 0, 100, x'', 1, 1, 0, 1, 5, 6)",
        "UPDATE meta SET revision = 7, part = 1, changed = 3",
        "INSERT INTO audit(at, actor, address, action, subject, outcome)"
        " VALUES(5, x'61', NULL, x'62', x'63', x'64'), (6, x'61', x'', x'62', x'63', x'64')",
        "INSERT INTO replay_item(replay, seq, replayid, failure, is_asked, is_ready, overridden,"
        " is_financial, object_type, object_scope, object_id, event_n, failed_n, amount_minor,"
        " currency, state) VALUES(1, 1, x'72', 1, 1, 0, 0, 0, 2, x'', x'31', 1, 1, 100, x'', 2)",
    };
    const struct tw_schema *today = tw_desk_schema();
    const struct tw_schema before = {today->app_id, version, today->steps, today->code};
    uint8_t id[TW_STORE_ID_BYTES];
    char path[TW_PATH_MAX];
    struct tw_reader *reader = NULL;
    assert_int_equal(tw_reader_open(kit.dir, &reader, &kit.diag), TW_OK);
    memcpy(id, reader->store_id, sizeof id);
    tw_reader_close(&reader);
    assert_int_equal(tw_path_join(kit.dir, TW_DESK_NAME, path), TW_OK);
    assert_int_equal(tw_schema_create(kit.dir, path, &before, id, &kit.diag), TW_OK);
    for (size_t i = 0; i < (version == 1 ? 4 : 5); i++) {
        (void)kit_number(&kit, TW_DESK_NAME, content[i]);
    }
}

/* Failures stay, nothing has fired, and the tables of alerts hold their rows. */
static void check_desk(uint32_t version)
{
    static const char *const facts[] = {
        "SELECT count(*) = 1 FROM failure WHERE since = first OR since = 0",
        "SELECT revision = 7 AND part = 1 AND changed = 3 AND alerts = 0 AND judged = 0 FROM meta",
        "SELECT count(*) = 0 FROM alert",
        "SELECT count(*) = 0 FROM notice",
        "SELECT count(*) = 3 AND count(hash) = 3 AND count(DISTINCT hash) = 3 AND min(length(hash))"
        " = 32 FROM audit",
        "SELECT kind IS NULL AND at = 6 AND address = x'' FROM audit WHERE id = 2",
        "SELECT action = CAST('chain' AS BLOB) AND kind = CAST('system' AS BLOB)"
        " AND detail = CAST('{\"rows\":2}' AS BLOB) FROM audit WHERE id = 3",
    };
    struct tw_desk *desk = NULL;
    assert_int_equal(tw_desk_open(kit.dir, &desk, &kit.diag), TW_OK);
    assert_int_equal(tw_desk_place(desk)->changed, 3);
    tw_desk_close(&desk);
    assert_int_equal(version_of(TW_DESK_NAME), tw_desk_schema()->version);
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        assert_int_equal(kit_number(&kit, TW_DESK_NAME, facts[i]), 1);
    }
    assert_int_equal(kit_number(&kit, TW_DESK_NAME, "SELECT count(*) FROM replay_item"),
                     version == 1 ? 0 : 1);
    struct tw_alerts *alerts = NULL;
    struct tw_alerts_place place = {0};
    assert_int_equal(tw_alerts_open(kit.dir, &alerts, &kit.diag), TW_OK);
    assert_int_equal(tw_alerts_place(alerts, &place, &kit.diag), TW_OK);
    assert_int_equal(place.judged_s, 0);
    tw_alerts_close(&alerts);
}

/* What is in the audit stays, and what is not chained does not come in. */
static void check_guard(void)
{
    static const char *const refused[] = {
        "UPDATE audit SET actor = x'62' WHERE id = 1",
        "UPDATE audit SET at = at",
        "UPDATE OR REPLACE audit SET id = 2 WHERE id = 1",
        "DELETE FROM audit WHERE id = 3",
        "DELETE FROM audit",
        "INSERT INTO audit(at, actor, action, subject, outcome) VALUES(1, x'', x'', x'', x'')",
        "INSERT INTO audit(id, at, actor, action, subject, outcome)"
        " VALUES(4, 1, x'', x'', x'', x'')",
        "INSERT INTO audit(id, at, actor, action, subject, outcome, hash)"
        " VALUES(4, 1, x'', x'', x'', x'', zeroblob(31))",
        "INSERT OR REPLACE INTO audit(id, at, actor, action, subject, outcome, hash)"
        " VALUES(3, 1, x'', x'', x'', x'', zeroblob(32))",
        "REPLACE INTO audit(id, at, actor, action, subject, outcome, hash)"
        " VALUES(1, 1, x'', x'', x'', x'', zeroblob(32))",
    };
    sqlite3 *db = NULL;
    assert_int_equal(tw_db_open(kit_path(&kit, TW_DESK_NAME), TW_DB_WRITE, 512, &db, &kit.diag),
                     TW_OK);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_true(tw_db_exec(db, refused[i], &kit.diag) < 0);
        assert_non_null(strstr(kit.diag.text, "of the audit"));
    }
    tw_db_close(&db);
    assert_int_equal(kit_number(&kit, TW_DESK_NAME, "SELECT sum(at > 4) FROM audit"), 3);
}

/* The steps to 2, 3 and 4: replays, alerts, and the chain of the audit. Who writes beside the desk
 * waits for it to take them. */
static void open__desk_of_an_older_version__gets_all_of_today(void **state)
{
    (void)state;
    must_open();
    kit_commit(&kit, 5, false);
    for (uint32_t version = 1; version < tw_desk_schema()->version; version++) {
        struct tw_alerts *alerts = NULL;
        char path[TW_PATH_MAX];
        make_desk(version);
        assert_int_equal(tw_alerts_open(kit.dir, &alerts, &kit.diag), TW_EOLDER);
        assert_int_equal(version_of(TW_DESK_NAME), version);
        check_desk(version);
        check_guard();
        assert_int_equal(tw_path_join(kit.dir, TW_DESK_NAME, path), TW_OK);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(unlink(kit_path(&kit, TW_AUDIT_HEAD_NAME)), 0);
        assert_int_equal(unlink(kit_path(&kit, TW_AUDIT_KEY_NAME)), 0);
    }
}

static void read_key(uint8_t *bytes)
{
    int fd = open(kit_path(&kit, TW_AUDIT_KEY_NAME), O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, bytes, TW_AUDIT_KEY_BYTES), TW_AUDIT_KEY_BYTES);
    (void)close(fd);
}

/* The step to 4 makes two files before its transaction ends. A start that was killed between finds
 * them, and the step gives the same chain; one that cannot have its key leaves version 3. */
static void open__desk_of_version_3__is_chained_once_and_with_its_key_only(void **state)
{
    (void)state;
    struct tw_desk *desk = NULL;
    char key[TW_PATH_MAX];
    char saved[160];
    struct stat info;
    must_open();
    kit_commit(&kit, 5, false);
    make_desk(3);
    (void)snprintf(key, sizeof key, "%s", kit_path(&kit, TW_AUDIT_KEY_NAME));
    assert_int_equal(mkdir(key, 0700), 0);
    assert_int_equal(tw_desk_open(kit.dir, &desk, &kit.diag), TW_EIO);
    assert_non_null(strstr(kit.diag.text, "not a key of the audit"));
    assert_int_equal(version_of(TW_DESK_NAME), 3);
    assert_int_equal(kit_number(&kit, TW_DESK_NAME, "SELECT count(*) FROM audit"), 2);
    assert_int_equal(rmdir(key), 0);
    (void)snprintf(saved, sizeof saved, "%s.saved", kit.dir);
    kit_copy_tree(kit.dir, saved);
    check_desk(3);
    assert_int_equal(stat(key, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(info.st_size, TW_AUDIT_KEY_BYTES);
    uint8_t before[TW_AUDIT_KEY_BYTES];
    uint8_t after[TW_AUDIT_KEY_BYTES];
    read_key(before);
    int64_t hash = kit_number(&kit, TW_DESK_NAME, FIRST_OF_HASH);
    kit_close(&kit);
    /* as it was, but for the two files */
    char name[TW_PATH_MAX + 16];
    (void)snprintf(name, sizeof name, "%s/%s", saved, TW_DESK_NAME);
    assert_int_equal(rename(name, kit_path(&kit, TW_DESK_NAME)), 0);
    must_open();
    check_desk(3);
    check_guard();
    read_key(after);
    assert_memory_equal(after, before, sizeof after);
    assert_true(kit_number(&kit, TW_DESK_NAME, FIRST_OF_HASH) == hash);
    kit_remove_tree(saved);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(open__desk_of_an_older_version__gets_all_of_today),
        TEST(open__desk_of_version_3__is_chained_once_and_with_its_key_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
