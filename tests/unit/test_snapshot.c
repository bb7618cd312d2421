/* SPDX-License-Identifier: Apache-2.0
 * store/snapshot and the tracking part of tw_store_recover: what a start of the tracker gets back,
 * and every snapshot that must be refused. */
#include "config.h"
#include "store_kit.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/chan.h"
#include "store/snapshot.h"
#include "store/state.h"
#include "store/writer.h"

static struct kit kit;

static int set_up(void **state)
{
    (void)state;
    kit_init(&kit, 2862933555777941757u);
    assert_int_equal(kit_open(&kit), TW_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kit_fini(&kit);
    return 0;
}

/* ---- replay ---- */

#define TICKS_MAX 4096

/* The model: after which record each committed tick came. */
static struct {
    uint64_t n[TICKS_MAX];
    struct tw_track_tick tick[TICKS_MAX];
    size_t count;
} ticks;

static int64_t tick_second;

static void commit_tick(size_t records, bool starts_partition)
{
    kit_fill(&kit, records, starts_partition);
    tick_second++;
    const struct tw_track_changes changes = {
        .has_tick = true,
        .tick = {.now = {tick_second * TW_NS_PER_S}, .read_up_to = {tick_second * 7}},
    };
    kit.batch->track = &changes;
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
    kit_accept(&kit);
    ticks.n[ticks.count] = kit.record_count;
    ticks.tick[ticks.count++] = changes.tick;
}

struct replay_check {
    uint64_t from_n;
    uint64_t next_n;
    size_t next_tick;
    uint64_t fail_at; /* the callback says TW_ENOMEM at this record */
    bool with_gaps;
};

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

static int on_record(void *context, const struct tw_record *record)
{
    struct replay_check *check = context;
    if (check->with_gaps) {
        assert_true(record->n >= check->next_n);
    } else {
        assert_int_equal(record->n, check->next_n);
    }
    kit_check_record(record, &kit.records[record->n - 1]);
    /* every tick that came before this record was given */
    assert_true(check->next_tick == ticks.count || ticks.n[check->next_tick] >= record->n);
    check->next_n = record->n + 1;
    return record->n == check->fail_at ? TW_ENOMEM : TW_OK;
}

static int on_tick(void *context, const struct tw_track_tick *tick)
{
    struct replay_check *check = context;
    assert_true(check->next_tick < ticks.count);
    assert_true(tick->now.ns == ticks.tick[check->next_tick].now.ns);
    assert_true(tick->read_up_to.ns == ticks.tick[check->next_tick].read_up_to.ns);
    if (!check->with_gaps) {
        assert_int_equal(check->next_n, ticks.n[check->next_tick] + 1);
    }
    check->next_tick++;
    return TW_OK;
}

static int recover(struct replay_check *check, struct tw_recovery *ret_recovery)
{
    check->next_n = check->from_n + 1;
    check->next_tick = 0;
    while (check->next_tick < ticks.count && ticks.n[check->next_tick] < check->from_n) {
        check->next_tick++;
    }
    *ret_recovery = (struct tw_recovery){
        .context = check,
        .tap = ignore_tap,
        .source = ignore_source,
        .record = ignore_record,
        .track_from_n = check->from_n,
        .track_record = on_record,
        .track_tick = on_tick,
    };
    return tw_store_recover(kit.store, ret_recovery, &kit.diag);
}

/* Partitions of about 900 records, the first ones sealed; now and then a batch without records. */
static void fill_partitions(void)
{
    ticks.count = 0;
    tick_second = 0;
    for (int i = 0; i < 60; i++) {
        size_t records = kit_rnd(&kit, 4) == 0 ? 0 : (size_t)kit_rnd(&kit, 120);
        if (kit_rnd(&kit, 3) == 0) {
            kit_commit(&kit, records, i % 13 == 12);
        } else {
            commit_tick(records, i % 13 == 12);
        }
        if (i == 40) {
            assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
        }
    }
}

static void replay__from_any_record__gives_the_rest_in_order(void **state)
{
    (void)state;
    fill_partitions();
    for (int round = 0; round < 2; round++) {
        for (uint64_t from = 0; from <= kit.record_count; from += 1 + from / 40) {
            struct replay_check check = {.from_n = from};
            struct tw_recovery recovery;
            assert_int_equal(recover(&check, &recovery), TW_OK);
            assert_int_equal(check.next_n, kit.record_count + 1);
            assert_int_equal(check.next_tick, ticks.count);
            assert_int_equal(recovery.track_records, kit.record_count - from);
            assert_int_equal(recovery.track_lost, 0);
            assert_true(recovery.closed.ns == kit.clock.wall.ns);
        }
        kit_close(&kit);
        assert_int_equal(kit_open(&kit), TW_OK);
    }
}

static void replay__new_store__gives_nothing(void **state)
{
    (void)state;
    ticks.count = 0;
    struct replay_check check = {.from_n = 0};
    struct tw_recovery recovery;
    assert_int_equal(recover(&check, &recovery), TW_OK);
    assert_int_equal(check.next_n, 1);
    assert_int_equal(recovery.closed.ns, 0);
}

static void replay__error_of_the_caller__ends_it(void **state)
{
    (void)state;
    fill_partitions();
    struct replay_check check = {.from_n = 10, .fail_at = 700};
    struct tw_recovery recovery;
    assert_int_equal(recover(&check, &recovery), TW_ENOMEM);
    assert_int_equal(check.next_n, 701);
}

static void replay__expired_partition__says_what_is_lost(void **state)
{
    (void)state;
    fill_partitions();
    uint64_t first = (uint64_t)kit_number(&kit, "part-000002.sealed", "SELECT first_n FROM meta");
    assert_int_equal(unlink(kit_path(&kit, "part-000001.sealed")), 0);
    struct replay_check check = {.from_n = 5, .with_gaps = true};
    struct tw_recovery recovery;
    size_t before = ticks.count;
    size_t gone = 0;
    while (ticks.n[gone] < first - 1) { /* the ticks of that partition went with it */
        gone++;
    }
    while (ticks.n[gone] == first - 1) {
        gone++;
    }
    memmove(ticks.n, ticks.n + gone, (before - gone) * sizeof ticks.n[0]);
    memmove(ticks.tick, ticks.tick + gone, (before - gone) * sizeof ticks.tick[0]);
    ticks.count -= gone;
    assert_int_equal(recover(&check, &recovery), TW_OK);
    assert_int_equal(recovery.track_lost, first - 1 - 5);
    assert_int_equal(recovery.track_records, kit.record_count - first + 1);
}

static void replay__damaged_block__is_left_out_and_counted(void **state)
{
    (void)state;
    fill_partitions();
    /* the last byte of a frame in a sealed partition, of one that waits, and of the newest but for
     * its last block */
    static const char *const names[] = {"part-000002.sealed", "part-000004.db", "part-000005.db"};
    kit_close(&kit);
    for (size_t i = 0; i < 3; i++) {
        (void)kit_number(&kit, names[i],
                         "UPDATE block SET data = substr(data, 1, length(data) - 1) || x'55'"
                         " WHERE first_n = (SELECT min(first_n) FROM block)");
    }
    assert_int_equal(kit_open(&kit), TW_OK);
    struct replay_check check = {.from_n = 0, .with_gaps = true};
    struct tw_recovery recovery;
    assert_int_equal(recover(&check, &recovery), TW_OK);
    assert_true(recovery.track_lost > 0);
    assert_int_equal(recovery.track_records + recovery.track_lost, kit.record_count);
    assert_int_equal(check.next_tick, ticks.count);
}

/* ---- the file ---- */

static char *make_bytes(size_t len)
{
    char *bytes = malloc(len + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (char)(i * 31 + len);
    }
    return bytes;
}

static void save(uint64_t n, size_t len)
{
    struct tw_saver *saver = NULL;
    assert_int_equal(tw_saver_new(kit.store, &saver), TW_OK);
    void *bytes = make_bytes(len);
    tw_saver_offer(saver, n, &bytes, len);
    assert_null(bytes);
    assert_int_equal(tw_saver_destroy(&saver), TW_OK);
}

static void check_reads(uint64_t n, size_t len)
{
    uint64_t got_n = 0;
    const void *got = NULL;
    size_t got_len = 0;
    assert_int_equal(tw_snapshot_read(kit.store, &got_n, &got, &got_len), TW_OK);
    assert_int_equal(got_n, n);
    assert_int_equal(got_len, len);
    char *expected = make_bytes(len);
    assert_memory_equal(got, expected, len);
    free(expected);
    tw_snapshot_release(&got, got_len);
    assert_null(got);
}

static void check_refused(void)
{
    uint64_t n = 77;
    const void *bytes = NULL;
    size_t len = 0;
    assert_int_equal(tw_snapshot_read(kit.store, &n, &bytes, &len), TW_ENOTFOUND);
    assert_null(bytes);
    assert_int_equal(n, 77);
}

static void snapshot__written_and_read__is_the_newest_whole(void **state)
{
    (void)state;
    check_refused();
    kit_commit(&kit, 100, false);
    save(3, 0);
    check_reads(3, 0);
    save(100, 1000000);
    check_reads(100, 1000000);
    save(99, 10);
    check_reads(99, 10);
    assert_int_not_equal(access(kit_path(&kit, TW_SNAPSHOT_NAME ".tmp"), F_OK), 0);
    kit_close(&kit);
    assert_int_equal(kit_open(&kit), TW_OK);
    check_reads(99, 10);
}

static void put(off_t at, const void *bytes, size_t len)
{
    int fd = open(kit_path(&kit, TW_SNAPSHOT_NAME), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, at), len);
    (void)close(fd);
}

static void snapshot__every_byte_changed_or_cut__is_refused(void **state)
{
    (void)state;
    kit_commit(&kit, 100, false);
    const size_t len = 200;
    save(50, len);
    char whole[48 + 200];
    int fd = open(kit_path(&kit, TW_SNAPSHOT_NAME), O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, whole, sizeof whole), sizeof whole);
    (void)close(fd);
    for (size_t i = 0; i < sizeof whole; i++) {
        char other = (char)(whole[i] ^ 1);
        put((off_t)i, &other, 1);
        check_refused();
        put((off_t)i, &whole[i], 1);
    }
    check_reads(50, len);
    for (size_t size = 0; size < sizeof whole; size += 7) {
        put(0, whole, sizeof whole);
        assert_int_equal(truncate(kit_path(&kit, TW_SNAPSHOT_NAME), (off_t)size), 0);
        check_refused();
    }
    put(0, whole, sizeof whole);
    put(sizeof whole, "x", 1);
    check_refused();
}

static void snapshot__ahead_of_the_store_or_foreign__is_refused(void **state)
{
    (void)state;
    kit_commit(&kit, 100, false);
    save(101, 10);
    check_refused();
    save(100, 10);
    check_reads(100, 10);
    struct kit other;
    kit_init(&other, 9);
    assert_int_equal(kit_open(&other), TW_OK);
    kit_commit(&other, 200, false);
    char target[200];
    (void)snprintf(target, sizeof target, "%s", kit_path(&other, TW_SNAPSHOT_NAME));
    assert_int_equal(rename(kit_path(&kit, TW_SNAPSHOT_NAME), target), 0);
    uint64_t n = 0;
    const void *bytes = NULL;
    size_t len = 0;
    assert_int_equal(tw_snapshot_read(other.store, &n, &bytes, &len), TW_ENOTFOUND);
    kit_fini(&other);
    /* a directory, a pipe: no file of ours */
    assert_int_equal(mkdir(kit_path(&kit, TW_SNAPSHOT_NAME), 0700), 0);
    check_refused();
    assert_int_equal(rmdir(kit_path(&kit, TW_SNAPSHOT_NAME)), 0);
    assert_int_equal(mkfifo(kit_path(&kit, TW_SNAPSHOT_NAME), 0600), 0);
    check_refused();
}

static void saver__cannot_write__goes_on_with_the_next(void **state)
{
    (void)state;
    kit_commit(&kit, 10, false);
    save(5, 10);
    assert_int_equal(mkdir(kit_path(&kit, TW_SNAPSHOT_NAME ".tmp"), 0700), 0);
    save(6, 10);
    check_reads(5, 10);
    assert_int_equal(rmdir(kit_path(&kit, TW_SNAPSHOT_NAME ".tmp")), 0);
    save(7, 10);
    check_reads(7, 10);
}

/* ---- by a child process ---- */

/* What a test and the child both see. */
struct shared {
    atomic_int may_go_on;
    atomic_int is_there;
};

struct to_write {
    size_t len;
    int error;
    struct shared *shared; /* NULL: it does not wait */
};

/* In pieces of all sizes, some beyond the room of the buffer. */
static void write_state(void *context, uint64_t n, struct tw_buf *buf)
{
    (void)n;
    const struct to_write *what = context;
    if (what->shared != NULL) {
        atomic_store(&what->shared->is_there, 1);
        while (atomic_load(&what->shared->may_go_on) == 0) {
            (void)poll(NULL, 0, 1);
        }
    }
    static char bytes[3000000];
    for (size_t at = 0, piece = 1; at < what->len; at += piece, piece = piece * 3 + 1) {
        piece = what->len - at < piece ? what->len - at : piece;
        for (size_t i = 0; i < piece; i++) {
            bytes[i] = (char)((at + i) * 31 + what->len);
        }
        (void)tw_buf_append(buf, bytes, piece);
    }
    buf->error = what->error == TW_OK ? buf->error : what->error;
}

static struct shared *share(void)
{
    void *memory = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    return memory;
}

static void no_drafts(void)
{
    assert_int_not_equal(access(kit_path(&kit, TW_SNAPSHOT_NAME ".new"), F_OK), 0);
    assert_int_not_equal(access(kit_path(&kit, TW_SNAPSHOT_NAME ".last"), F_OK), 0);
}

static void saving__by_a_child__is_read_as_if_from_bytes(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 1000, 3000000};
    kit_commit(&kit, 100, false);
    for (size_t i = 0; i < 4; i++) {
        struct to_write what = {.len = sizes[i]};
        struct tw_saver *saver = NULL;
        struct tw_saving *saving = NULL;
        assert_int_equal(tw_saver_new(kit.store, &saver), TW_OK);
        assert_int_equal(tw_saving_new(kit.store, 50 + i, i % 2 != 0,
                                       &(struct tw_saving_state){write_state, &what}, &saving),
                         TW_OK);
        tw_saver_adopt(saver, &saving);
        assert_null(saving);
        assert_int_equal(tw_saver_destroy(&saver), TW_OK);
        check_reads(50 + i, sizes[i]);
        assert_int_equal(atomic_load(&kit.store->savings), 0);
        no_drafts();
    }
}

static void saving__under_way__only_the_last_may_begin(void **state)
{
    (void)state;
    kit_commit(&kit, 100, false);
    struct to_write slow = {.len = 10, .shared = share()};
    struct to_write what = {.len = 20};
    const struct tw_saving_state slow_state = {write_state, &slow};
    const struct tw_saving_state last_state = {write_state, &what};
    struct tw_saver *saver = NULL;
    struct tw_saving *first = NULL;
    struct tw_saving *last = NULL;
    struct tw_saving *none = NULL;
    assert_int_equal(tw_saving_new(kit.store, 7, false, &slow_state, &none), TW_ENOTFOUND);
    assert_int_equal(tw_saver_new(kit.store, &saver), TW_OK);
    assert_int_equal(tw_saving_new(kit.store, 7, false, &slow_state, &first), TW_OK);
    assert_int_equal(tw_saving_new(kit.store, 8, false, &last_state, &none), TW_EBUSY);
    assert_int_equal(tw_saving_new(kit.store, 8, true, &last_state, &last), TW_OK);
    assert_int_equal(tw_saving_new(kit.store, 9, true, &last_state, &none), TW_EBUSY);
    assert_null(none);
    tw_saver_adopt(saver, &first);
    atomic_store(&slow.shared->may_go_on, 1);
    tw_saver_adopt(saver, &last);
    assert_int_equal(tw_saver_destroy(&saver), TW_OK);
    check_reads(8, 20);
    no_drafts();
    (void)munmap(slow.shared, sizeof *slow.shared); /* of a test that is over */
}

/* Its batch was not committed, or the child fails, or its draft cannot be made: what was saved
 * before stays. */
static void saving__that_fails__leaves_the_one_before(void **state)
{
    (void)state;
    kit_commit(&kit, 100, false);
    save(5, 10);
    struct to_write endless = {.len = 10, .shared = share()};
    struct to_write failing = {.len = 10, .error = TW_ENOMEM};
    struct tw_saver *saver = NULL;
    struct tw_saving *saving = NULL;
    assert_int_equal(tw_saver_new(kit.store, &saver), TW_OK);
    assert_int_equal(tw_saving_new(kit.store, 6, false,
                                   &(struct tw_saving_state){write_state, &endless}, &saving),
                     TW_OK);
    while (atomic_load(&endless.shared->is_there) == 0) {
        (void)poll(NULL, 0, 1);
    }
    tw_saving_destroy(&saving);
    assert_null(saving);
    no_drafts();
    assert_int_equal(tw_saving_new(kit.store, 7, false,
                                   &(struct tw_saving_state){write_state, &failing}, &saving),
                     TW_OK);
    tw_saver_adopt(saver, &saving);
    assert_int_equal(tw_saver_destroy(&saver), TW_OK);
    assert_int_equal(tw_saver_new(kit.store, &saver), TW_OK);
    assert_int_equal(mkdir(kit_path(&kit, TW_SNAPSHOT_NAME ".new"), 0700), 0);
    assert_int_equal(tw_saving_new(kit.store, 8, false,
                                   &(struct tw_saving_state){write_state, &failing}, &saving),
                     TW_EIO);
    assert_null(saving);
    assert_int_equal(rmdir(kit_path(&kit, TW_SNAPSHOT_NAME ".new")), 0);
    assert_int_equal(tw_saver_destroy(&saver), TW_OK);
    assert_int_equal(atomic_load(&kit.store->savings), 0);
    check_reads(5, 10);
    (void)munmap(endless.shared, sizeof *endless.shared); /* of a test that is over */
}

/* The way of a snapshot: with a batch, through the writer, into the file once it is committed. */
static void writer__batch_with_a_snapshot__is_saved_with_its_last_record(void **state)
{
    (void)state;
    kit_close(&kit);
    kit.has_threads = true;
    assert_int_equal(kit_open(&kit), TW_OK);
    struct tw_chan *in = NULL;
    struct tw_chan *out = NULL;
    struct tw_saver *saver = NULL;
    struct tw_writer *writer = NULL;
    assert_int_equal(tw_chan_new(2, &in), TW_OK);
    assert_int_equal(tw_chan_new(2, &out), TW_OK);
    assert_int_equal(tw_saver_new(kit.store, &saver), TW_OK);
    assert_int_equal(tw_writer_new(kit.store, in, out, &writer), TW_OK);
    for (size_t i = 0; i < 50; i++) {
        kit_fill(&kit, 20, false);
        const struct tw_track_changes changes = {.snapshot = make_bytes(1000 + i),
                                                 .snapshot_len = 1000 + i};
        kit.batch->track = &changes;
        void *item = kit.batch;
        assert_int_equal(tw_chan_send(in, &item), TW_OK);
        assert_ptr_equal(tw_chan_wait(out, 10000), kit.batch);
        assert_int_equal(kit.batch->commit_result, TW_OK);
        kit_accept(&kit);
    }
    assert_int_equal(tw_writer_destroy(&writer), TW_OK);
    assert_int_equal(tw_saver_destroy(&saver), TW_OK);
    check_reads(1000, 1049);
    tw_chan_destroy(&in);
    tw_chan_destroy(&out);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(replay__from_any_record__gives_the_rest_in_order),
        TEST(replay__new_store__gives_nothing),
        TEST(replay__error_of_the_caller__ends_it),
        TEST(replay__expired_partition__says_what_is_lost),
        TEST(replay__damaged_block__is_left_out_and_counted),
        TEST(snapshot__written_and_read__is_the_newest_whole),
        TEST(snapshot__every_byte_changed_or_cut__is_refused),
        TEST(snapshot__ahead_of_the_store_or_foreign__is_refused),
        TEST(saver__cannot_write__goes_on_with_the_next),
        TEST(saving__by_a_child__is_read_as_if_from_bytes),
        TEST(saving__under_way__only_the_last_may_begin),
        TEST(saving__that_fails__leaves_the_one_before),
        TEST(writer__batch_with_a_snapshot__is_saved_with_its_last_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
