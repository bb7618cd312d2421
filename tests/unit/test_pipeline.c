/* SPDX-License-Identifier: Apache-2.0
 * intake/pipeline: what scenarios do not reach. Batches that are closed and not yet committed, taps
 * that are no longer configured, entries that were cut, and every allocation failing once. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support/lab.h"
#include "track/tracker.h"

#define ARENA_BYTES ((size_t)16 << 20)
#define KEPT_BYTES  1024 /* the least that intake.max-quarantine-bytes may be */

static const char *const config_yaml =
    "taps:\n"
    "  - {name: pull, kind: pull, bind: [\"tcp://127.0.0.1:8461\"]}\n"
    "  - {name: other, kind: pull, bind: [\"tcp://127.0.0.1:8462\"]}\n"
    "intake: {max-quarantine-bytes: 1024}\n"
    "effects:\n"
    "  - {event: \"erp.posted*\", object: order}\n";

static const char *const fewer_taps_yaml =
    "taps:\n"
    "  - {name: other, kind: pull, bind: [\"tcp://127.0.0.1:8462\"]}\n";

/* ---- an allocator that fails on demand (--wrap) ---- */

static long allocations_left = -1; /* negative: never fail */

static bool must_fail(void)
{
    if (allocations_left < 0) {
        return false;
    }
    return allocations_left-- == 0; /* once */
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size)
{
    return must_fail() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return must_fail() ? NULL : __real_realloc(old, size);
}

/* ---- */

static struct lab lab;

static int set_up(void **state)
{
    (void)state;
    lab_open(&lab, config_yaml);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lab_close(&lab);
    return 0;
}

static struct tw_outcome hand_over(const char *tap, const char *body)
{
    return lab_message(&lab, tap, NULL, NULL, body, strlen(body));
}

static const char first_body[] = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/pos/1\","
                                 "\"type\":\"sale\",\"orderid\":\"4711\",\"data\":{\"a\":1}}";
static const char same_body[] = "{\"id\":\"1\",\"source\":\"/pos/1\", \"specversion\":\"1.0\","
                                "\"type\":\"sale\",\"orderid\":\"4711\",\"data\":{\"a\":1}}";
static const char changed_body[] = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/pos/1\","
                                   "\"type\":\"sale\",\"orderid\":\"4711\",\"data\":{\"a\":2}}";

static int hand_in(struct tw_pipeline *pipeline, const char *body)
{
    const struct tw_message message = {
        .tap = (uint16_t)tw_store_tap_code(lab.store, "pull"),
        .received = lab.clock.wall,
        .body = tw_str_of(body),
    };
    struct tw_outcome outcome;
    return tw_pipeline_message(pipeline, &message, TW_PROBLEM_none, message.body.len, &outcome);
}

/* Neither the batch that is filled nor the store has the first event: a batch under way does. */
static void message__seen_in_a_batch_under_way__is_judged_by_its_content(void **state)
{
    (void)state;
    struct tw_batch *batches[3] = {NULL};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tw_batch_new(ARENA_BYTES, &batches[i]), TW_OK);
        assert_int_equal(tw_pipeline_begin(lab.pipeline, batches[i], lab.clock.wall), TW_OK);
        if (i == 0) {
            assert_int_equal(hand_in(lab.pipeline, first_body), TW_OK);
        } else if (i == 2) {
            assert_int_equal(hand_in(lab.pipeline, same_body), TW_OK);
            assert_int_equal(hand_in(lab.pipeline, changed_body), TW_OK);
            assert_int_equal(hand_in(lab.pipeline, changed_body), TW_OK);
        }
        assert_int_equal(tw_pipeline_close(lab.pipeline, false, lab.clock.wall), TW_OK);
    }
    assert_int_equal(batches[2]->record_count, 3);
    const struct tw_record *records = batches[2]->records;
    assert_int_equal(records[0].kind, TW_RECORD_DUPLICATE);
    assert_int_equal(records[1].kind, TW_RECORD_CONFLICT);
    assert_int_equal(records[2].kind, TW_RECORD_DUPLICATE);
    for (size_t i = 0; i < 3; i++) {
        assert_true(records[i].of == 1);
    }
    struct tw_diag diag = {""};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(tw_store_commit(lab.store, batches[i], &diag), TW_OK);
        tw_pipeline_committed(lab.pipeline, batches[i]);
        tw_batch_destroy(&batches[i]);
    }
    const struct tw_totals *totals = tw_pipeline_totals(lab.pipeline);
    assert_true(totals->v[TW_TOTAL_events_accepted] == 1);
    assert_true(totals->v[TW_TOTAL_events_duplicate] == 2);
    assert_true(totals->v[TW_TOTAL_events_conflict] == 1);
}

static uint64_t messages_of(const char *tap)
{
    const struct tw_tap_state *taps = NULL;
    size_t count = 0;
    int code = tw_store_tap_code(lab.store, tap);
    assert_int_equal(tw_reader_taps(lab_reader(&lab), &lab.arena, &taps, &count), TW_OK);
    for (size_t i = 0; i < count; i++) {
        if ((code < 0 && strcmp(tw_reader_tap_name(lab_reader(&lab), taps[i].tap), tap) == 0) ||
            taps[i].tap == code) {
            return taps[i].messages;
        }
    }
    return 0;
}

static void restart__tap_no_longer_configured__keeps_its_counters(void **state)
{
    (void)state;
    (void)hand_over("pull", first_body);
    (void)hand_over("pull", same_body);
    (void)hand_over("other", changed_body);
    lab_commit(&lab, false);
    assert_true(messages_of("pull") == 2);
    struct tw_cfg *cfg = NULL;
    assert_int_equal(
        tw_cfg_parse("fewer.yaml", fewer_taps_yaml, strlen(fewer_taps_yaml), stderr, &cfg), TW_OK);
    lab_reconfigure(&lab, &cfg);
    assert_int_equal(tw_store_tap_code(lab.store, "pull"), -1);
    (void)hand_over("other", first_body);
    lab_commit(&lab, false);
    assert_true(messages_of("pull") == 2);
    assert_true(messages_of("other") == 2);
}

static void quarantine__longer_than_is_kept__is_cut_and_not_tried_again(void **state)
{
    (void)state;
    char body[2 * KEPT_BYTES + 1];
    memset(body, '{', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    struct tw_outcome outcome = hand_over("pull", body);
    assert_true(outcome.quarantined == 1 && outcome.events == 0);
    body[KEPT_BYTES] = '\0';
    outcome = hand_over("pull", body); /* just what is kept */
    assert_true(outcome.quarantined == 1);
    lab_commit(&lab, false);
    const struct tw_quarantine_entry *rows = NULL;
    size_t count = 0;
    assert_int_equal(tw_reader_quarantine(lab_reader(&lab), &lab.arena, 0, TW_PROBLEM_none, true,
                                          10, &rows, &count),
                     TW_OK);
    assert_int_equal(count, 2);
    assert_int_equal(rows[0].entry.raw.len, KEPT_BYTES);
    assert_int_equal(rows[0].entry.raw_bytes, KEPT_BYTES);
    assert_int_equal(rows[1].entry.raw.len, KEPT_BYTES);
    assert_int_equal(rows[1].entry.raw_bytes, 2 * KEPT_BYTES);
    uint64_t cut = rows[1].id;
    outcome = lab_retry(&lab, cut);
    assert_true(outcome.quarantined == 1);
    assert_non_null(memmem(outcome.problem.ptr, outcome.problem.len, "not all of it was kept", 22));
    lab_commit(&lab, false);
}

static void effect__type_by_its_beginning__is_a_repeated_effect(void **state)
{
    (void)state;
    const char *const bodies[] = {
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/erp\",\"type\":\"erp.posted.sale\","
        "\"orderid\":\"A1\"}",
        "{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/erp\",\"type\":\"erp.posted.late\","
        "\"orderid\":\"A1\"}",
        "{\"specversion\":\"1.0\",\"id\":\"3\",\"source\":\"/erp\",\"type\":\"erp.post\","
        "\"orderid\":\"A1\"}",
        "{\"specversion\":\"1.0\",\"id\":\"4\",\"source\":\"/erp\",\"type\":\"erp.posted.sale\","
        "\"orderid\":\"A2\"}",
    };
    for (size_t i = 0; i < 4; i++) {
        (void)hand_over("pull", bodies[i]);
    }
    lab_commit(&lab, false);
    const uint64_t expected[] = {0, 1, 0, 0};
    for (size_t i = 0; i < 4; i++) {
        struct tw_stored stored;
        assert_int_equal(tw_reader_record(lab_reader(&lab), &lab.arena, i + 1, &stored), TW_OK);
        assert_true(stored.record.effect_of == expected[i]);
    }
}

/* ---- memory ---- */

/* A pipeline of its own over the store, one message of each kind, a closed batch. */
static int run_once(struct tw_batch *batch, size_t *ret_records)
{
    struct tw_pipeline *pipeline = NULL;
    struct tw_diag diag = {""};
    const char *const bodies[] = {
        same_body, changed_body, "no event",
        "[{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/erp/2\",\"type\":\"erp.posted\","
        "\"orderid\":\"4711\",\"shipmentid\":\"S1 S2\",\"extra\":\"x\"},{\"id\":8}]"};
    int rc = tw_pipeline_new(lab.cfg, lab.store, NULL, &pipeline, &diag);
    rc = rc == TW_OK ? tw_pipeline_begin(pipeline, batch, lab.clock.wall) : rc;
    for (size_t i = 0; rc == TW_OK && i < sizeof bodies / sizeof bodies[0]; i++) {
        rc = hand_in(pipeline, bodies[i]);
    }
    rc = rc == TW_OK ? tw_pipeline_close(pipeline, true, lab.clock.wall) : rc;
    if (rc == TW_OK) {
        *ret_records = batch->record_count;
        tw_pipeline_committed(pipeline, batch);
    }
    tw_pipeline_destroy(&pipeline);
    return rc;
}

static void pipeline__each_allocation_fails_once__stops_and_leaks_nothing(void **state)
{
    (void)state;
    (void)hand_over("pull", first_body);
    (void)hand_over("other",
                    "{\"specversion\":\"1.0\",\"id\":\"9\",\"source\":\"/a\",\"type\":\"t\"}");
    lab_commit(&lab, false);
    bool has_failed = true;
    long failures = 0;
    for (long n = 0; has_failed; n++) {
        struct tw_batch *batch = NULL;
        size_t records = 0;
        assert_int_equal(tw_batch_new(ARENA_BYTES, &batch), TW_OK);
        allocations_left = n;
        int rc = run_once(batch, &records);
        has_failed = allocations_left < 0;
        allocations_left = -1;
        assert_int_equal(rc, has_failed ? TW_ENOMEM : TW_OK);
        if (rc == TW_OK) {
            assert_int_equal(records, 3);
            assert_int_equal(batch->quarantined_count, 2);
        }
        failures += has_failed ? 1 : 0;
        tw_batch_destroy(&batch);
        assert_true(n < 10000);
    }
    assert_true(failures > 20);
}

/* ---- tracking ---- */

static void sell(int sale, const char *type)
{
    char body[400];
    (void)snprintf(body, sizeof body,
                   "{\"specversion\":\"1.0\",\"id\":\"%s-%d\",\"source\":\"/pos/1\",\"type\":"
                   "\"com.tillwatch.%s\",\"time\":\"2026-11-21T10:00:00Z\",\"storeid\":\"0001\","
                   "\"transactionid\":\"%d\"}",
                   type, sale, type, sale);
    (void)hand_over("pull", body);
}

static void check_open(uint64_t runs, uint64_t replayed)
{
    struct tw_tracker_stats stats;
    tw_tracker_stats(tw_pipeline_tracker(lab.pipeline), &stats);
    assert_int_equal(stats.open_runs, runs);
    assert_int_equal(tw_pipeline_tracked(lab.pipeline), replayed);
}

/* As after an upgrade: byte `at` of the saved state is of another version. */
static void make_older(off_t at)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", lab.dir, TW_SNAPSHOT_NAME);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "\1", 1, at), 1);
    (void)close(fd);
}

static void restart__state_saved_by_another_version__is_made_anew_from_the_records(void **state)
{
    (void)state;
    const struct tw_workflows *set = NULL;
    assert_int_equal(tw_workflows_load(lab.cfg, stderr, &set), TW_OK);
    lab_workflows(&lab, set);
    tw_workflows_unref(&set);
    for (int i = 0; i < 30; i++) {
        sell(100 + i, "pos.sale.completed"); /* 0 is no identifier */
    }
    lab_commit(&lab, true);
    check_open(30, 0);
    lab_stop_and_start(&lab);
    check_open(30, 0);
    lab_stop_and_start(&lab);
    make_older(4);
    lab_restart(&lab);
    check_open(30, 30);
    sell(200, "pos.sale.completed");
    lab_commit(&lab, true);
    check_open(31, 30);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(message__seen_in_a_batch_under_way__is_judged_by_its_content),
        TEST(restart__tap_no_longer_configured__keeps_its_counters),
        TEST(quarantine__longer_than_is_kept__is_cut_and_not_tried_again),
        TEST(effect__type_by_its_beginning__is_a_repeated_effect),
        TEST(restart__state_saved_by_another_version__is_made_anew_from_the_records),
        TEST(pipeline__each_allocation_fails_once__stops_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
