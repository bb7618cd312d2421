/* SPDX-License-Identifier: Apache-2.0
 * store/writer: the writer actor, sealing, merging, retention, the disk watch; and what they stand
 * on: payload stripping, decisions of retain.h. */
#include "config.h"
#include "store_kit.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/retain.h"
#include "store/seal.h"
#include "store/state.h"
#include "store/writer.h"

static struct kit kit;

static int set_up(void **state)
{
    (void)state;
    kit_init(&kit, 7);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_fini(&kit);
    return 0;
}

static void keep(void)
{
    int rc = tw_keeper_run_once(kit.store, &kit.diag);
    if (rc != TW_OK) {
        print_error("keeper: %s: %s\n", tw_err_text(rc), kit.diag.text);
    }
    assert_int_equal(rc, TW_OK);
}

/* ---- the writer actor ---- */

#define BATCHES 4

static void writer__batches_in__come_back_in_order_and_committed(void **state)
{
    (void)state;
    struct tw_chan *in = NULL;
    struct tw_chan *out = NULL;
    struct tw_writer *writer = NULL;
    struct tw_batch *batches[BATCHES];
    assert_int_equal(kit_open(&kit), TW_OK);
    assert_int_equal(tw_chan_new(BATCHES, &in), TW_OK);
    assert_int_equal(tw_chan_new(BATCHES, &out), TW_OK);
    assert_int_equal(tw_writer_new(kit.store, in, out, &writer), TW_OK);
    struct tw_batch *own = kit.batch;
    for (int i = 0; i < BATCHES; i++) {
        assert_int_equal(tw_batch_new(64u << 20, &batches[i]), TW_OK);
    }
    for (int i = 0; i < 40; i++) {
        kit.batch = i < BATCHES ? batches[i] : tw_chan_wait(out, 10000);
        assert_ptr_equal(kit.batch, batches[i % BATCHES]);
        assert_int_equal(kit.batch->commit_result, TW_OK);
        kit_fill(&kit, 100, i % 16 == 15);
        kit_accept(&kit);
        void *item = kit.batch;
        assert_int_equal(tw_chan_send(in, &item), TW_OK);
    }
    assert_false(tw_writer_has_failed(writer));
    /* on stop what waits is committed first */
    assert_int_equal(tw_writer_destroy(&writer), TW_OK);
    assert_int_equal(tw_chan_count(in), 0);
    for (int i = 0; i < BATCHES; i++) {
        struct tw_batch *batch = tw_chan_wait(out, 10000);
        assert_ptr_equal(batch, batches[i]);
        assert_int_equal(batch->commit_result, TW_OK);
        tw_batch_destroy(&batch);
    }
    kit.batch = own;
    tw_chan_destroy(&in);
    tw_chan_destroy(&out);
    kit_close(&kit);
    assert_int_equal(kit_open(&kit), TW_OK);
    kit_check_recovery(&kit);
    assert_int_equal(kit_check_records(&kit, NULL, false), 4000);
}

static void writer__damaged_partition__ends_and_says_why(void **state)
{
    (void)state;
    struct tw_chan *in = NULL;
    struct tw_chan *out = NULL;
    struct tw_writer *writer = NULL;
    assert_int_equal(kit_open(&kit), TW_OK);
    kit_commit(&kit, 100, false);
    /* a table is gone: no insert can succeed, and no retry would */
    (void)kit_number(&kit, "part-000001.db", "DROP TABLE ident");
    assert_int_equal(tw_chan_new(1, &in), TW_OK);
    assert_int_equal(tw_chan_new(1, &out), TW_OK);
    assert_int_equal(tw_writer_new(kit.store, in, out, &writer), TW_OK);
    kit_fill(&kit, 10, false);
    void *item = kit.batch;
    assert_int_equal(tw_chan_send(in, &item), TW_OK);
    struct tw_batch *batch = tw_chan_wait(out, 10000);
    assert_ptr_equal(batch, kit.batch);
    assert_int_equal(batch->commit_result, TW_EDAMAGED);
    assert_int_equal(tw_writer_destroy(&writer), TW_EDAMAGED);
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_EDAMAGED);
    tw_chan_destroy(&in);
    tw_chan_destroy(&out);
}

/* ---- index, sealing ---- */

static void index__many_commits__merges_at_every_level_and_agrees(void **state)
{
    (void)state;
    assert_int_equal(kit_open(&kit), TW_OK);
    const int levels = TW_INDEX_FAN_IN * TW_INDEX_FAN_IN * 2 + 7;
    for (int i = 0; i < levels; i++) {
        kit_commit(&kit, (size_t)kit_rnd(&kit, 40), false);
        if (i % 97 == 0) {
            kit_close(&kit);
            assert_int_equal(kit_open(&kit), TW_OK);
        }
    }
    assert_int_equal(kit_number(&kit, "part-000001.db", "SELECT max(level) FROM run"), 2);
    assert_true(kit_number(&kit, "part-000001.db", "SELECT count(*) FROM run WHERE state = 1") <
                3 * TW_INDEX_FAN_IN);
    kit_check_index(&kit);
    kit_commit(&kit, 1, true);
    keep();
    assert_int_equal(kit_number(&kit, "part-000001.sealed", "SELECT count(*) FROM run"), 1);
    kit_check_index(&kit);
}

/* One object in thousands of records, in most of its forms: over entries and over pages. */
static void index__hub__spans_pages(void **state)
{
    (void)state;
    assert_int_equal(kit_open(&kit), TW_OK);
    struct tw_object hub[] = {{1, TW_STR_LIT("hub"), TW_STR_LIT("")},
                              {1, TW_STR_LIT("hub"), TW_STR_LIT("0042")},
                              {1, TW_STR_LIT("hub2"), TW_STR_LIT("")}};
    for (int i = 0; i < 30; i++) {
        kit_fill(&kit, 700, false);
        for (size_t k = 0; k < kit.batch->record_count; k++) {
            kit.batch->records[k].objects = hub;
            kit.batch->records[k].object_count = 3;
        }
        assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
        kit_accept(&kit);
    }
    kit_check_index(&kit);
    kit_commit(&kit, 1, true);
    keep();
    kit_check_index(&kit);
}

static void seal__partitions__same_records_one_run_and_no_journal(void **state)
{
    (void)state;
    assert_int_equal(kit_open(&kit), TW_OK);
    for (int i = 0; i < 60; i++) {
        kit_commit(&kit, (size_t)kit_rnd(&kit, 300), i % 20 == 19);
    }
    int64_t echoes = kit_number(&kit, "part-000001.db", "SELECT sum(of * n * kind) FROM echo");
    int64_t entries = kit_number(&kit, "part-000001.db", "SELECT count(*) FROM quarantine");
    int64_t keys = kit_number(&kit, "part-000001.db", "SELECT sum(length(data)) FROM ident") / 16;
    keep();
    assert_int_equal(access(kit_path(&kit, "part-000001.sealed"), F_OK), 0);
    assert_int_equal(access(kit_path(&kit, "part-000003.sealed"), F_OK), 0);
    assert_int_not_equal(access(kit_path(&kit, "part-000004.sealed"), F_OK), 0);
    assert_int_not_equal(access(kit_path(&kit, "part-000001.db"), F_OK), 0);
    assert_int_not_equal(access(kit_path(&kit, "part-000001.db-wal"), F_OK), 0);
    const char *sealed = "part-000001.sealed";
    assert_int_equal(kit_number(&kit, sealed, "SELECT is_sealed FROM meta"), 1);
    assert_int_equal(kit_number(&kit, sealed, "SELECT sum(of * n * kind) FROM echo"), echoes);
    assert_int_equal(kit_number(&kit, sealed, "SELECT count(*) FROM quarantine"), entries);
    assert_int_equal(kit_number(&kit, sealed, "SELECT ident_count FROM meta"), keys);
    assert_int_equal(kit_number(&kit, sealed, "SELECT count(*) FROM ident"), 0);
    /* small rows were packed anew */
    assert_true(kit_number(&kit, sealed, "SELECT count(*) FROM block") < 10);
    assert_int_equal(kit_check_records(&kit, NULL, false), kit.record_count);
    kit_check_index(&kit);
    keep();
    kit_close(&kit);
    assert_int_equal(kit_open(&kit), TW_OK);
    kit_check_recovery(&kit);
}

/* Killed at any point of it, sealing is begun again and comes to the same end. */
static void seal__killed_at_any_time__is_repeated(void **state)
{
    (void)state;
    assert_int_equal(kit_open(&kit), TW_OK);
    for (int i = 0; i < 40; i++) {
        kit_commit(&kit, 400, i % 8 == 7);
    }
    kit_close(&kit);
    for (int cycle = 0; cycle < 15; cycle++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            int rc = kit_open(&kit);
            rc = rc == TW_OK ? tw_keeper_run_once(kit.store, &kit.diag) : rc;
            _exit(rc == TW_OK ? 0 : 1);
        }
        /* to kill it at another point each time */
        (void)usleep((useconds_t)kit_rnd(&kit, 25000)); /* banned ok: no wait for a thing */
        (void)kill(pid, SIGKILL);
        int status = 0;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
        assert_int_equal(kit_check_records(&kit, NULL, false), kit.record_count);
    }
    assert_int_equal(kit_open(&kit), TW_OK);
    kit_check_recovery(&kit);
    keep();
    for (unsigned i = 1; i <= 5; i++) {
        char name[64];
        (void)snprintf(name, sizeof name, TW_SEALED_FORMAT, i);
        assert_int_equal(access(kit_path(&kit, name), F_OK), 0);
        (void)snprintf(name, sizeof name, TW_PART_FORMAT, i);
        assert_int_not_equal(access(kit_path(&kit, name), F_OK), 0);
    }
    assert_int_equal(kit_check_records(&kit, NULL, false), kit.record_count);
    kit_check_index(&kit);
}

static bool stop_now(void *context)
{
    (void)context;
    return true;
}

static void seal__stopped__leaves_everything_as_it_was(void **state)
{
    (void)state;
    assert_int_equal(kit_open(&kit), TW_OK);
    kit_commit(&kit, 100, false);
    kit_commit(&kit, 100, true);
    kit_close(&kit);
    struct tw_seal_plan plan = {
        .dir = kit.dir, .part = {.number = 1, .has_db = true}, .is_stopping = stop_now};
    assert_int_equal(tw_seal(&plan, &kit.diag), TW_ECLOSED);
    assert_int_equal(access(kit_path(&kit, "part-000001.db"), F_OK), 0);
    assert_int_not_equal(access(kit_path(&kit, "part-000001.sealed"), F_OK), 0);
    assert_int_not_equal(access(kit_path(&kit, "part-000001.sealed.tmp"), F_OK), 0);
    assert_int_equal(kit_open(&kit), TW_OK);
    kit_check_recovery(&kit);
}

static void keeper__beside_the_writer__seals_what_is_closed(void **state)
{
    (void)state;
    struct tw_keeper *keeper = NULL;
    kit.has_threads = true;
    assert_int_equal(kit_open(&kit), TW_OK);
    assert_int_equal(tw_keeper_new(kit.store, &keeper), TW_OK);
    for (int i = 0; i < 60; i++) {
        kit_commit(&kit, 200, i % 15 == 14);
    }
    assert_int_equal(tw_keeper_destroy(&keeper), TW_OK);
    keep();
    assert_int_equal(access(kit_path(&kit, "part-000004.sealed"), F_OK), 0);
    assert_int_equal(kit_check_records(&kit, NULL, false), kit.record_count);
    kit_check_index(&kit);
}

/* ---- retention ---- */

static void advance_days(int days)
{
    for (int i = 0; i < days * 24; i++) { /* hour by hour, with the keeper awake: no jump */
        tw_clock_manual_advance(&kit.clock, 3600 * TW_NS_PER_S);
        keep();
    }
}

static void retention__by_kind__strips_then_expires(void **state)
{
    (void)state;
    kit.cfg.store.retain_quarantine_days = 2;
    kit.cfg.store.retain_payload_days = 4;
    kit.cfg.store.retain_days = 6;
    assert_int_equal(kit_open(&kit), TW_OK);
    for (int i = 0; i < 10; i++) {
        kit_commit(&kit, 300, false);
    }
    kit_commit(&kit, 10, true);
    keep();
    const char *sealed = "part-000001.sealed";
    const char *raw = "SELECT count(*) FROM quarantine WHERE raw IS NOT NULL";
    assert_true(kit_number(&kit, sealed, raw) > 0);
    advance_days(3);
    assert_int_equal(kit_number(&kit, sealed, raw), 0);
    assert_true(kit_number(&kit, sealed, "SELECT count(*) FROM quarantine") > 0);
    assert_int_equal(kit_number(&kit, sealed, "SELECT payload_expired FROM meta"), 0);
    assert_int_equal(kit_check_records(&kit, NULL, false), kit.record_count);
    struct stat before;
    struct stat after;
    assert_int_equal(stat(kit_path(&kit, sealed), &before), 0);
    advance_days(2);
    assert_int_equal(kit_number(&kit, sealed, "SELECT payload_expired FROM meta"), 1);
    assert_int_equal(stat(kit_path(&kit, sealed), &after), 0);
    assert_true(after.st_size < before.st_size);
    assert_int_equal(kit_check_records(&kit, NULL, true), kit.record_count);
    kit_check_index(&kit);
    advance_days(2);
    assert_int_not_equal(access(kit_path(&kit, sealed), F_OK), 0);
    /* the newest stays however old it is, and the store opens */
    assert_int_equal(kit_check_records(&kit, NULL, false), 10);
    kit_close(&kit);
    assert_int_equal(kit_open(&kit), TW_OK);
    kit_check_recovery(&kit);
}

static void retention__clock_jumps__deletes_nothing(void **state)
{
    (void)state;
    kit.cfg.store.retain_days = 6;
    assert_int_equal(kit_open(&kit), TW_OK);
    kit_commit(&kit, 100, false);
    kit_commit(&kit, 100, true);
    keep();
    int64_t right = kit.clock.wall.ns;
    kit.clock.wall.ns = right + 10 * 86400 * TW_NS_PER_S; /* wall alone: a jump */
    keep();
    kit_commit(&kit, 100, true);
    keep();
    assert_int_equal(access(kit_path(&kit, "part-000001.sealed"), F_OK), 0);
    kit_close(&kit);
    /* and when it was changed while the program was down */
    kit.clock.wall.ns += 10 * 86400 * TW_NS_PER_S;
    assert_int_equal(kit_open(&kit), TW_OK);
    keep();
    assert_int_equal(access(kit_path(&kit, "part-000001.sealed"), F_OK), 0);
    /* nobody has put it right within a day: then it is so */
    for (int i = 0; i < 25; i++) {
        tw_clock_manual_advance(&kit.clock, 3600 * TW_NS_PER_S);
        keep();
    }
    assert_int_not_equal(access(kit_path(&kit, "part-000001.sealed"), F_OK), 0);
}

static void retain_due__each_edge__is_exact(void **state)
{
    (void)state;
    const int64_t day = 86400 * TW_NS_PER_S;
    struct tw_cfg cfg = {
        .store = {.retain_days = 3, .retain_payload_days = 2, .retain_quarantine_days = 1}};
    const tw_wall_t at = {1000 * day};
    bool payload = false;
    bool raw = false;
    assert_int_equal(
        tw_retain_due(&cfg, (tw_wall_t){at.ns + day}, at, false, false, &payload, &raw),
        TW_RETAIN_NOTHING);
    assert_int_equal(
        tw_retain_due(&cfg, (tw_wall_t){at.ns + day + 1}, at, false, false, &payload, &raw),
        TW_RETAIN_STRIP);
    assert_true(raw && !payload);
    assert_int_equal(
        tw_retain_due(&cfg, (tw_wall_t){at.ns + day + 1}, at, false, true, &payload, &raw),
        TW_RETAIN_NOTHING);
    assert_int_equal(
        tw_retain_due(&cfg, (tw_wall_t){at.ns + 2 * day + 1}, at, false, true, &payload, &raw),
        TW_RETAIN_STRIP);
    assert_true(payload && !raw);
    assert_int_equal(
        tw_retain_due(&cfg, (tw_wall_t){at.ns + 3 * day}, at, true, true, &payload, &raw),
        TW_RETAIN_NOTHING);
    assert_int_equal(
        tw_retain_due(&cfg, (tw_wall_t){at.ns + 3 * day + 1}, at, true, true, &payload, &raw),
        TW_RETAIN_EXPIRE);
    /* a clock that went back, and "for ever" */
    assert_int_equal(tw_retain_due(&cfg, (tw_wall_t){0}, at, false, false, &payload, &raw),
                     TW_RETAIN_NOTHING);
    struct tw_cfg for_ever = {.store = {.retain_days = 0}};
    assert_int_equal(
        tw_retain_due(&for_ever, (tw_wall_t){INT64_MAX}, at, false, false, &payload, &raw),
        TW_RETAIN_NOTHING);
}

/* ---- disk ---- */

static void disk__limits__warn_stop_and_resume_with_a_margin(void **state)
{
    (void)state;
    struct tw_cfg cfg = {
        .store = {.warn_free_percent = 20, .stop_free_percent = 5, .stop_free_bytes = 1000}};
    const uint64_t total = 100000;
    assert_int_equal(tw_retain_disk(&cfg, TW_DISK_OK, 20000, total), TW_DISK_OK);
    assert_int_equal(tw_retain_disk(&cfg, TW_DISK_OK, 19999, total), TW_DISK_LOW);
    assert_int_equal(tw_retain_disk(&cfg, TW_DISK_LOW, 5000, total), TW_DISK_LOW);
    assert_int_equal(tw_retain_disk(&cfg, TW_DISK_LOW, 4999, total), TW_DISK_FULL);
    assert_int_equal(tw_retain_disk(&cfg, TW_DISK_FULL, 5499, total), TW_DISK_FULL);
    assert_int_equal(tw_retain_disk(&cfg, TW_DISK_FULL, 5500, total), TW_DISK_LOW);
    /* a small disk: the bytes count */
    assert_int_equal(tw_retain_disk(&cfg, TW_DISK_OK, 999, 2000), TW_DISK_FULL);
    assert_int_equal(tw_retain_disk(&cfg, TW_DISK_FULL, 1099, 2000), TW_DISK_FULL);
    assert_int_equal(tw_retain_disk(&cfg, TW_DISK_FULL, 1100, 2000), TW_DISK_OK);
}

static void disk__full_file_system__stops_and_resumes(void **state)
{
    (void)state;
    char dir[160];
    (void)snprintf(dir, sizeof dir, "%s/tmpfs", kit.dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    if (mount("tmpfs", dir, "tmpfs", 0, "size=8m") != 0) {
        skip(); /* not root; the decision itself is tested above */
    }
    char kept[sizeof kit.dir];
    memcpy(kept, kit.dir, sizeof kept);
    memcpy(kit.dir, dir, sizeof kit.dir);
    kit.cfg.store.stop_free_bytes = 4 << 20;
    assert_int_equal(kit_open(&kit), TW_OK);
    keep();
    assert_false(tw_store_is_full(kit.store));
    int fd = open(kit_path(&kit, "ballast"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(posix_fallocate(fd, 0, 5 << 20), 0);
    keep();
    assert_true(tw_store_is_full(kit.store));
    assert_int_equal(access(kit_path(&kit, "full"), F_OK), 0);
    assert_int_equal(ftruncate(fd, 0), 0);
    (void)close(fd);
    keep();
    assert_false(tw_store_is_full(kit.store));
    assert_int_not_equal(access(kit_path(&kit, "full"), F_OK), 0);
    kit_close(&kit);
    assert_int_equal(umount(dir), 0);
    memcpy(kit.dir, kept, sizeof kept);
}

/* ---- payload ---- */

static void check_strip(const char *json, const char *expected)
{
    struct tw_buf out;
    tw_buf_init(&out, 1024);
    assert_int_equal(tw_payload_strip(tw_str_of(json), &out), TW_OK);
    assert_true(tw_str_is((struct tw_str){out.data, out.len}, expected));
    tw_buf_fini(&out);
}

static void payload_strip__any_place__removes_it_alone(void **state)
{
    (void)state;
    check_strip("{\"id\":\"1\",\"data\":{\"a\":[1,2,{\"data\":3}]},\"z\":2}",
                "{\"id\":\"1\",\"z\":2}");
    check_strip(" { \"data\" : \"}\\\"]\" , \"id\" : \"\\\\\" } ", "{\"id\" : \"\\\\\" }");
    check_strip("{\"id\":1,\"data_base64\":\"AA==\"}", "{\"id\":1}");
    check_strip("{\"data\":null}", "{}");
    check_strip("{}", "{}");
    check_strip("{\"database\":1,\"x\":{\"data\":1}}", "{\"database\":1,\"x\":{\"data\":1}}");
    /* what cannot be walked stays as it is */
    static const char *const odd[] = {"",         "[1]",           "{\"data\":1", "{\"data\"",
                                      "{\"a\"1}", "{\"data\":1]}", "nothing",     "{\"a\":1,}x"};
    for (size_t i = 0; i < 6; i++) {
        check_strip(odd[i], odd[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(writer__batches_in__come_back_in_order_and_committed),
        TEST(writer__damaged_partition__ends_and_says_why),
        TEST(index__many_commits__merges_at_every_level_and_agrees),
        TEST(index__hub__spans_pages),
        TEST(seal__partitions__same_records_one_run_and_no_journal),
        TEST(seal__killed_at_any_time__is_repeated),
        TEST(seal__stopped__leaves_everything_as_it_was),
        TEST(keeper__beside_the_writer__seals_what_is_closed),
        TEST(retention__by_kind__strips_then_expires),
        TEST(retention__clock_jumps__deletes_nothing),
        TEST(retain_due__each_edge__is_exact),
        TEST(disk__limits__warn_stop_and_resume_with_a_margin),
        TEST(disk__full_file_system__stops_and_resumes),
        TEST(payload_strip__any_place__removes_it_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
