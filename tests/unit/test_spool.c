/* SPDX-License-Identifier: Apache-2.0
 * client: the spool file, alone: cut, damaged, full, on a failing disk. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "crc32c.h"
#include "spool.h"
#include "tillwatch.h"
#include "unit/spool_place.h"

static struct twc_frame frame_of(const char *text)
{
    return (struct twc_frame){text, text == NULL ? TWC_ABSENT : (uint32_t)strlen(text)};
}

static int append(struct twc_spool *spool, uint64_t ticket, const char *topic, const char *body)
{
    const struct twc_frame frames[TWC_FRAMES] = {frame_of(topic), frame_of(NULL), frame_of(body)};
    return twc_spool_append(spool, ticket, frames);
}

static struct twc_spool *open_spool(const struct place *place, uint64_t max, struct twc_span *span)
{
    struct twc_spool *spool = NULL;
    assert_int_equal(twc_spool_open(place->file, max, &spool, span), TILLWATCH_OK);
    return spool;
}

/* Every message of the span is there, in order, whole. */
static void check_span(struct twc_spool *spool, const struct twc_span *span, uint64_t first,
                       uint64_t next, size_t len)
{
    static char topic[16] = "";
    static char body[200000];
    void *buffers[TWC_FRAMES] = {topic, NULL, body};
    assert_int_equal(span->first_ticket, first);
    assert_int_equal(span->next_ticket, next);
    uint64_t at = span->first_at;
    for (uint64_t ticket = first; ticket < next; ticket++) {
        struct twc_record record;
        assert_int_equal(twc_spool_record(spool, at, &record), TILLWATCH_OK);
        assert_int_equal(record.ticket, ticket);
        assert_int_equal(record.lens[TWC_BODY], len);
        assert_int_equal(twc_spool_read(spool, &record, buffers), TILLWATCH_OK);
        assert_memory_equal(body, body_of(ticket, len), len);
        at = record.next;
    }
}

/* Three messages of 40 bytes, the first one with a topic. */
static size_t make_three(const struct place *place, uint8_t *ret_bytes, size_t size)
{
    struct twc_span span;
    struct twc_spool *spool = open_spool(place, 1 << 20, &span);
    check_span(spool, &span, 1, 1, 0);
    assert_int_equal(append(spool, 1, "topic", body_of(1, 40)), TILLWATCH_OK);
    assert_int_equal(append(spool, 2, NULL, body_of(2, 40)), TILLWATCH_OK);
    assert_int_equal(append(spool, 3, NULL, body_of(3, 40)), TILLWATCH_OK);
    assert_int_equal(twc_spool_sync(spool), TILLWATCH_OK);
    twc_spool_close(&spool);
    assert_null(spool);
    size_t len = read_file(place->file, ret_bytes, size);
    assert_int_equal(len, SPOOL_DATA_START + 3 * (SPOOL_RECORD_BYTES + 40) + 5);
    return len;
}

static void crc32c__check_value__is_that_of_the_rfc(void **state)
{
    (void)state;
    uint8_t zeros[32] = {0};
    assert_true(twc_crc32c(0, "123456789", 9) == UINT32_C(0xe3069283));
    assert_true(twc_crc32c(0, zeros, 32) == UINT32_C(0x8a9136aa)); /* RFC 3720, B.4 */
    assert_true(twc_crc32c(twc_crc32c(0, "1234", 4), "56789", 5) == UINT32_C(0xe3069283));
}

static void spool_open__tail_cut_anywhere__loses_the_torn_record_only(void **state)
{
    const struct place *place = *state;
    uint8_t bytes[1024];
    size_t len = make_three(place, bytes, sizeof bytes);
    size_t starts[] = {SPOOL_DATA_START, SPOOL_DATA_START + SPOOL_RECORD_BYTES + 45,
                       SPOOL_DATA_START + 2 * SPOOL_RECORD_BYTES + 85};
    for (size_t cut = SPOOL_DATA_START; cut <= len; cut++) {
        write_file(place->file, bytes, cut);
        uint64_t whole = cut == len ? 3 : (cut >= starts[2] ? 2 : (cut >= starts[1] ? 1 : 0));
        struct twc_span span;
        struct twc_spool *spool = open_spool(place, 1 << 20, &span);
        check_span(spool, &span, 1, whole + 1, 40);
        assert_int_equal(twc_spool_bytes(spool), whole == 3 ? len : starts[whole]);
        assert_int_equal(append(spool, whole + 1, NULL, body_of(whole + 1, 40)), TILLWATCH_OK);
        twc_spool_close(&spool);
        spool = open_spool(place, 1 << 20, &span);
        check_span(spool, &span, 1, whole + 2, 40);
        twc_spool_close(&spool);
    }
}

static void spool_open__creation_cut_anywhere__begins_anew(void **state)
{
    const struct place *place = *state;
    uint8_t bytes[1024];
    (void)make_three(place, bytes, sizeof bytes);
    static const uint8_t zeros[SPOOL_DATA_START];
    for (size_t cut = 0; cut <= SPOOL_DATA_START; cut++) {
        struct twc_span span;
        write_file(place->file, bytes, cut);
        struct twc_spool *spool = open_spool(place, 1 << 20, &span);
        check_span(spool, &span, 1, 1, 0);
        twc_spool_close(&spool);
        write_file(place->file, zeros, cut);
        spool = open_spool(place, 1 << 20, &span);
        check_span(spool, &span, 1, 1, 0);
        twc_spool_close(&spool);
    }
}

static void check_damaged(const struct place *place, const uint8_t *bytes, size_t len)
{
    uint8_t after[4096];
    struct twc_spool *spool = NULL;
    struct twc_span span = {.next_ticket = 99};
    write_file(place->file, bytes, len);
    assert_int_equal(twc_spool_open(place->file, 1 << 20, &spool, &span), TILLWATCH_DAMAGED);
    assert_null(spool);
    assert_int_equal(span.next_ticket, 99);
    assert_int_equal(read_file(place->file, after, sizeof after), len);
    assert_memory_equal(after, bytes, len);
}

static void spool_open__a_byte_damaged_anywhere__is_refused_and_left_alone(void **state)
{
    const struct place *place = *state;
    uint8_t bytes[1024];
    size_t len = make_three(place, bytes, sizeof bytes);
    for (size_t i = 0; i < len; i++) {
        if (i == 64) {
            i = SPOOL_DATA_START; /* the slots have a test of their own */
        }
        bytes[i] ^= 0x20;
        check_damaged(place, bytes, len);
        bytes[i] ^= 0x20;
    }
    /* a record missing from the middle */
    memmove(bytes + SPOOL_DATA_START + 77, bytes + SPOOL_DATA_START + 77 + 72, 72);
    check_damaged(place, bytes, len - 72);
}

static void spool_open__foreign_files__are_refused_and_left_alone(void **state)
{
    const struct place *place = *state;
    check_damaged(place, (const uint8_t *)"{", 1);
    check_damaged(place, (const uint8_t *)"TWSPOOL?", 8);
    uint8_t bytes[1024];
    memset(bytes, 'x', sizeof bytes);
    check_damaged(place, bytes, sizeof bytes);
    memset(bytes, 0, sizeof bytes);
    check_damaged(place, bytes, SPOOL_DATA_START + 1);
    /* a directory, and a place that does not exist */
    struct twc_spool *spool = NULL;
    struct twc_span span;
    assert_int_equal(twc_spool_open(place->dir, 1 << 20, &spool, &span), TILLWATCH_IO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(twc_spool_open("/nonexistent/spool", 1 << 20, &spool, &span), TILLWATCH_IO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(twc_spool_open("/dev/null", 1 << 20, &spool, &span), TILLWATCH_IO);
    assert_int_equal(errno, EINVAL);
}

static void spool_open__blocks_that_never_reached_the_disk__are_a_torn_tail(void **state)
{
    const struct place *place = *state;
    static uint8_t bytes[16384];
    struct twc_span span;
    size_t len = make_three(place, bytes, sizeof bytes);
    /* the file was extended, nothing was written */
    memset(bytes + len, 0, 5000);
    write_file(place->file, bytes, len + 5000);
    struct twc_spool *spool = open_spool(place, 1 << 20, &span);
    check_span(spool, &span, 1, 4, 40);
    assert_int_equal(twc_spool_bytes(spool), len);
    /* the first sector was written, the others were not */
    assert_int_equal(append(spool, 4, NULL, body_of(4, 3000)), TILLWATCH_OK);
    twc_spool_close(&spool);
    size_t longer = read_file(place->file, bytes, sizeof bytes);
    memset(bytes + 1024, 0, longer - 1024);
    write_file(place->file, bytes, longer);
    spool = open_spool(place, 1 << 20, &span);
    check_span(spool, &span, 1, 4, 40);
    assert_int_equal(twc_spool_bytes(spool), len);
    twc_spool_close(&spool);
    /* zeros with something behind them are damage */
    memset(bytes + SPOOL_DATA_START + 77, 0, 72);
    check_damaged(place, bytes, len);
}

static void spool_open__slots__newer_counts_torn_one_does_not(void **state)
{
    const struct place *place = *state;
    uint8_t bytes[1024];
    struct twc_span span;
    (void)make_three(place, bytes, sizeof bytes);
    struct twc_spool *spool = open_spool(place, 1 << 20, &span);
    struct twc_record first;
    struct twc_record second;
    assert_int_equal(twc_spool_record(spool, span.first_at, &first), TILLWATCH_OK);
    assert_int_equal(twc_spool_record(spool, first.next, &second), TILLWATCH_OK);
    twc_spool_acknowledge(spool, 1, first.next);
    twc_spool_acknowledge(spool, 2, second.next);
    twc_spool_close(&spool);
    size_t len = read_file(place->file, bytes, sizeof bytes);
    for (size_t i = 64; i < SPOOL_DATA_START; i++) {
        bytes[i] ^= 0x20;
        write_file(place->file, bytes, len);
        bytes[i] ^= 0x20;
        spool = open_spool(place, 1 << 20, &span);
        check_span(spool, &span, i >= 96 ? 3 : 2, 4, 40); /* slot 0 was written last */
        twc_spool_close(&spool);
    }
    memset(bytes + 64, 0xff, 64);
    write_file(place->file, bytes, len);
    spool = open_spool(place, 1 << 20, &span);
    check_span(spool, &span, 1, 4, 40);
    twc_spool_close(&spool);
}

static void spool_open__position_beyond_the_records__goes_on_behind_it(void **state)
{
    const struct place *place = *state;
    uint8_t bytes[1024];
    struct twc_span span;
    size_t len = make_three(place, bytes, sizeof bytes);
    struct twc_spool *spool = open_spool(place, 1 << 20, &span);
    twc_spool_acknowledge(spool, 3, len);
    twc_spool_close(&spool);
    assert_int_equal(read_file(place->file, bytes + 512, 512), SPOOL_DATA_START);
    memcpy(bytes + 64, bytes + 512 + 64, 64); /* position: 3 */
    write_file(place->file, bytes, len - 72); /* records: 1 and 2 */
    spool = open_spool(place, 1 << 20, &span);
    check_span(spool, &span, 4, 4, 0);
    assert_int_equal(append(spool, 4, NULL, body_of(4, 40)), TILLWATCH_OK);
    twc_spool_close(&spool);
    spool = open_spool(place, 1 << 20, &span);
    check_span(spool, &span, 4, 5, 40);
    twc_spool_close(&spool);
}

static void spool_open__taken_by_another__says_busy(void **state)
{
    const struct place *place = *state;
    struct twc_span span;
    struct twc_spool *spool = open_spool(place, 1 << 20, &span);
    struct twc_spool *second = NULL;
    errno = 0;
    assert_int_equal(twc_spool_open(place->file, 1 << 20, &second, &span), TILLWATCH_IO);
    assert_int_equal(errno, EBUSY);
    assert_null(second);
    twc_spool_close(&spool);
    spool = open_spool(place, 1 << 20, &span);
    twc_spool_close(&spool);
}

static void spool_append__full__takes_again_after_acknowledgements(void **state)
{
    const struct place *place = *state;
    struct twc_span span;
    const uint64_t record = SPOOL_RECORD_BYTES + 100;
    struct twc_spool *spool = open_spool(place, SPOOL_DATA_START + 10 * record, &span);
    uint64_t ticket = 1;
    for (; ticket <= 10; ticket++) {
        assert_int_equal(append(spool, ticket, NULL, body_of(ticket, 100)), TILLWATCH_OK);
    }
    assert_int_equal(append(spool, ticket, NULL, body_of(ticket, 100)), TILLWATCH_FULL);
    /* less than a quarter acknowledged: still full */
    twc_spool_acknowledge(spool, 2, span.first_at + 2 * record);
    assert_int_equal(append(spool, ticket, NULL, body_of(ticket, 100)), TILLWATCH_FULL);
    twc_spool_acknowledge(spool, 3, span.first_at + 3 * record);
    for (; ticket <= 13; ticket++) {
        assert_int_equal(append(spool, ticket, NULL, body_of(ticket, 100)), TILLWATCH_OK);
    }
    assert_int_equal(append(spool, ticket, NULL, body_of(ticket, 100)), TILLWATCH_FULL);
    /* positions from before the compaction still hold */
    span.first_at += 3 * record;
    span.first_ticket = 4;
    span.next_ticket = 14;
    check_span(spool, &span, 4, 14, 100);
    twc_spool_acknowledge(spool, 13, span.first_at + 10 * record);
    assert_int_equal(append(spool, ticket, NULL, body_of(ticket, 100)), TILLWATCH_OK);
    assert_int_equal(twc_spool_bytes(spool), SPOOL_DATA_START + record);
    twc_spool_close(&spool);
    spool = open_spool(place, 1 << 20, &span);
    check_span(spool, &span, 14, 15, 100);
    twc_spool_close(&spool);
    /* larger than the spool will ever be */
    spool = open_spool(place, 4096, &span);
    assert_int_equal(append(spool, 15, NULL, body_of(15, 4096)), TILLWATCH_FULL);
    twc_spool_close(&spool);
}

/* 30 messages of 100,000 bytes, of which 20 are acknowledged one by one: the file is rewritten
 * when more than half is dead. Returns the spool. */
static struct twc_spool *fill_and_acknowledge(const struct place *place, struct twc_span *ret_span,
                                              int failing_call)
{
    const uint64_t record = SPOOL_RECORD_BYTES + 100000;
    struct twc_spool *spool = open_spool(place, 1 << 26, ret_span);
    for (uint64_t ticket = 1; ticket <= 30; ticket++) {
        assert_int_equal(append(spool, ticket, NULL, body_of(ticket, 100000)), TILLWATCH_OK);
    }
    fail_call(failing_call, ENOSPC);
    for (uint64_t ticket = 1; ticket <= 20; ticket++) {
        twc_spool_acknowledge(spool, ticket, ret_span->first_at + ticket * record);
    }
    ret_span->first_ticket = 21;
    ret_span->next_ticket = 31;
    ret_span->first_at += 20 * record;
    return spool;
}

static void spool_acknowledge__more_than_half__gives_space_back(void **state)
{
    const struct place *place = *state;
    struct twc_span span;
    struct twc_spool *spool = fill_and_acknowledge(place, &span, 0);
    check_span(spool, &span, 21, 31, 100000);
    assert_true(twc_spool_bytes(spool) < 2 * 1000 * 1000);
    struct stat status;
    assert_int_equal(stat(place->file, &status), 0);
    assert_int_equal(status.st_size, twc_spool_bytes(spool));
    assert_int_equal(status.st_mode & 0777, 0600);
    /* the new file is locked too */
    struct twc_spool *second = NULL;
    struct twc_span other;
    assert_int_equal(twc_spool_open(place->file, 1 << 26, &second, &other), TILLWATCH_IO);
    twc_spool_close(&spool);
    spool = open_spool(place, 1 << 26, &span);
    check_span(spool, &span, 21, 31, 100000);
    twc_spool_close(&spool);
}

static void spool_acknowledge__any_call_fails__nothing_is_lost(void **state)
{
    const struct place *place = *state;
    int number = 1;
    for (bool has_failed = true; has_failed; number++) {
        struct twc_span span;
        struct twc_spool *spool = fill_and_acknowledge(place, &span, number);
        has_failed = failing_calls >= number;
        fail_call(0, 0);
        check_span(spool, &span, 21, 31, 100000);
        twc_spool_close(&spool);
        spool = open_spool(place, 1 << 26, &span);
        /* a position that could not be noted means sending again */
        assert_true(span.first_ticket <= 21);
        assert_int_equal(span.next_ticket, 31);
        check_span(spool, &span, span.first_ticket, 31, 100000);
        twc_spool_close(&spool);
        assert_int_equal(unlink(place->file), 0);
    }
    assert_true(number > 25); /* 20 slots, and the failing_calls of the rewriting, did fail */
}

static void spool_append__any_call_fails__file_is_as_before(void **state)
{
    const struct place *place = *state;
    struct twc_span span;
    struct twc_spool *spool = open_spool(place, 1 << 20, &span);
    assert_int_equal(append(spool, 1, NULL, body_of(1, 40)), TILLWATCH_OK);
    uint64_t before = twc_spool_bytes(spool);
    /* the write is cut short and its continuation fails */
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit tight = {.rlim_cur = before + 40, .rlim_max = limit.rlim_max};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct sigaction old;
    assert_int_equal(sigaction(SIGXFSZ, &ignore, &old), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    int rc = append(spool, 2, NULL, body_of(2, 40));
    int errnum = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(sigaction(SIGXFSZ, &old, NULL), 0);
    assert_int_equal(rc, TILLWATCH_IO);
    assert_int_equal(errnum, EFBIG);
    assert_int_equal(twc_spool_bytes(spool), before);
    /* a short write is continued */
    fail_call(1, 0);
    assert_int_equal(append(spool, 2, NULL, body_of(2, 40)), TILLWATCH_OK);
    /* sync fails once: the spool takes no more, what is in it stays */
    fail_call(1, EIO);
    assert_int_equal(twc_spool_sync(spool), TILLWATCH_IO);
    assert_int_equal(errno, EIO);
    assert_int_equal(twc_spool_sync(spool), TILLWATCH_IO);
    assert_int_equal(append(spool, 3, NULL, body_of(3, 40)), TILLWATCH_IO);
    assert_int_equal(errno, EIO);
    check_span(spool, &(struct twc_span){1, 3, span.first_at}, 1, 3, 40);
    twc_spool_close(&spool);
    spool = open_spool(place, 1 << 20, &span);
    check_span(spool, &span, 1, 3, 40);
    twc_spool_close(&spool);
}

static void spool_open__any_call_fails__says_so_and_works_the_next_time(void **state)
{
    const struct place *place = *state;
    bool has_failed = true;
    int number = 1;
    for (; has_failed; number++) {
        struct twc_spool *spool = NULL;
        struct twc_span span;
        fail_call(number, EIO);
        int rc = twc_spool_open(place->file, 1 << 20, &spool, &span);
        has_failed = failing_calls >= number;
        assert_int_equal(rc, has_failed ? TILLWATCH_IO : TILLWATCH_OK);
        twc_spool_close(&spool);
        fail_call(0, 0);
        spool = open_spool(place, 1 << 20, &span);
        check_span(spool, &span, 1, 1, 0);
        twc_spool_close(&spool);
        assert_int_equal(unlink(place->file), 0);
    }
    assert_int_equal(number, 5); /* the head, its sync and the directory's did fail */
}
int main(void)
{
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c__check_value__is_that_of_the_rfc),
        WITH_PLACE(spool_open__tail_cut_anywhere__loses_the_torn_record_only),
        WITH_PLACE(spool_open__creation_cut_anywhere__begins_anew),
        WITH_PLACE(spool_open__a_byte_damaged_anywhere__is_refused_and_left_alone),
        WITH_PLACE(spool_open__foreign_files__are_refused_and_left_alone),
        WITH_PLACE(spool_open__blocks_that_never_reached_the_disk__are_a_torn_tail),
        WITH_PLACE(spool_open__slots__newer_counts_torn_one_does_not),
        WITH_PLACE(spool_open__position_beyond_the_records__goes_on_behind_it),
        WITH_PLACE(spool_open__taken_by_another__says_busy),
        WITH_PLACE(spool_append__full__takes_again_after_acknowledgements),
        WITH_PLACE(spool_acknowledge__more_than_half__gives_space_back),
        WITH_PLACE(spool_acknowledge__any_call_fails__nothing_is_lost),
        WITH_PLACE(spool_append__any_call_fails__file_is_as_before),
        WITH_PLACE(spool_open__any_call_fails__says_so_and_works_the_next_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
