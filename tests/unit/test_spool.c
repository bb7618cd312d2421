/* SPDX-License-Identifier: Apache-2.0
 * client: the spool file, alone (cut, damaged, full, failing disk) and under a sender that is
 * killed. System calls that can fail are wrapped by the linker (tests/local.mk) and fail on
 * command. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "crc32c.h"
#include "spool.h"
#include "tillwatch.h"
#include "unit/fake_tower.h"

#define DATA_START   128
#define RECORD_BYTES 32
#define NOWHERE      "ipc:///nonexistent/tillwatch" /* a tower that is never there */

/* Wrapped calls: the call number fail_at (from 1) fails with fail_errno; 0: none does. */
static int fail_at;
static int fail_errno;
static int calls;
static int syncs;

static bool is_to_fail(void)
{
    calls++;
    if (fail_at != 0 && calls == fail_at) {
        errno = fail_errno;
        return true;
    }
    return false;
}

static void fail_call(int number, int errnum)
{
    fail_at = number;
    fail_errno = errnum;
    calls = 0;
    syncs = 0;
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    syncs++;
    return is_to_fail() ? -1 : __real_fsync(fd);
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    syncs++;
    return is_to_fail() ? -1 : __real_fdatasync(fd);
}

int __real_ftruncate(int fd, off_t length);
int __wrap_ftruncate(int fd, off_t length);
int __wrap_ftruncate(int fd, off_t length)
{
    return is_to_fail() ? -1 : __real_ftruncate(fd, length);
}

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to)
{
    return is_to_fail() ? -1 : __real_rename(from, to);
}

ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset);
ssize_t __wrap_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
    return is_to_fail() ? -1 : __real_pwrite(fd, bytes, len, offset);
}

/* Fails half-way, as a full disk does. */
ssize_t __real_pwritev(int fd, const struct iovec *parts, int count, off_t offset);
ssize_t __wrap_pwritev(int fd, const struct iovec *parts, int count, off_t offset);
ssize_t __wrap_pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    return is_to_fail() ? __real_pwritev(fd, parts, count - 1, offset)
                        : __real_pwritev(fd, parts, count, offset);
}

struct place {
    char dir[64];
    char file[96];
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    (void)snprintf(place->dir, sizeof place->dir, "/tmp/tw-spool-XXXXXX");
    assert_non_null(mkdtemp(place->dir));
    (void)snprintf(place->file, sizeof place->file, "%s/spool", place->dir);
    fail_call(0, 0);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    char new_file[128];
    (void)snprintf(new_file, sizeof new_file, "%s.new", place->file);
    (void)unlink(place->file);
    assert_int_not_equal(access(new_file, F_OK), 0);
    assert_int_equal(rmdir(place->dir), 0);
    free(place);
    return 0;
}

static size_t read_file(const char *path, uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, size, file);
    assert_int_equal(fclose(file), 0);
    return len;
}

static void write_file(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static struct twc_frame frame_of(const char *text)
{
    return (struct twc_frame){text, text == NULL ? TWC_ABSENT : (uint32_t)strlen(text)};
}

static int append(struct twc_spool *spool, uint64_t ticket, const char *topic, const char *body)
{
    const struct twc_frame frames[TWC_FRAMES] = {frame_of(topic), frame_of(NULL), frame_of(body)};
    return twc_spool_append(spool, ticket, frames);
}

/* A body of `len` bytes that tells its ticket. */
static const char *body_of(uint64_t ticket, size_t len)
{
    static char body[200000];
    assert_true(len < sizeof body);
    int n = snprintf(body, sizeof body, "%020llu", (unsigned long long)ticket);
    memset(body + n, 'a' + (int)(ticket % 26), len - (size_t)n);
    body[len] = '\0';
    return body;
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
    static char topic[16];
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
    assert_int_equal(len, DATA_START + 3 * (RECORD_BYTES + 40) + 5);
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
    size_t starts[] = {DATA_START, DATA_START + RECORD_BYTES + 45,
                       DATA_START + 2 * RECORD_BYTES + 85};
    for (size_t cut = DATA_START; cut <= len; cut++) {
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
    static const uint8_t zeros[DATA_START];
    for (size_t cut = 0; cut <= DATA_START; cut++) {
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
            i = DATA_START; /* the slots have a test of their own */
        }
        bytes[i] ^= 0x20;
        check_damaged(place, bytes, len);
        bytes[i] ^= 0x20;
    }
    /* a record missing from the middle */
    memmove(bytes + DATA_START + 77, bytes + DATA_START + 77 + 72, 72);
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
    check_damaged(place, bytes, DATA_START + 1);
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
    memset(bytes + DATA_START + 77, 0, 72);
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
    for (size_t i = 64; i < DATA_START; i++) {
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
    assert_int_equal(read_file(place->file, bytes + 512, 512), DATA_START);
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
    const uint64_t record = RECORD_BYTES + 100;
    struct twc_spool *spool = open_spool(place, DATA_START + 10 * record, &span);
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
    assert_int_equal(twc_spool_bytes(spool), DATA_START + record);
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
    const uint64_t record = RECORD_BYTES + 100000;
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
        has_failed = calls >= number;
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
    assert_true(number > 25); /* 20 slots, and the calls of the rewriting, did fail */
}

static void spool_append__any_call_fails__file_is_as_before(void **state)
{
    const struct place *place = *state;
    struct twc_span span;
    struct twc_spool *spool = open_spool(place, 1 << 20, &span);
    assert_int_equal(append(spool, 1, NULL, body_of(1, 40)), TILLWATCH_OK);
    uint64_t before = twc_spool_bytes(spool);
    /* the write is cut short and its continuation fails */
    fail_at = 0;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit tight = {.rlim_cur = before + 40, .rlim_max = limit.rlim_max};
    void (*old)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    int rc = append(spool, 2, NULL, body_of(2, 40));
    int errnum = errno;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    (void)signal(SIGXFSZ, old);
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
        has_failed = calls >= number;
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

static tillwatch_sender *open_sender(const struct place *place, const char *endpoint, size_t window,
                                     struct ack_log *log)
{
    struct tillwatch_options options = {.endpoint = endpoint,
                                        .spool_file = place->file,
                                        .window = window,
                                        .resend_ms = 60000,
                                        .acknowledged = ack_log_add,
                                        .context = log};
    tillwatch_sender *sender = NULL;
    assert_int_equal(tillwatch_open(&options, &sender), TILLWATCH_OK);
    return sender;
}

static void send_number(tillwatch_sender *sender, int number)
{
    char body[32];
    int len = snprintf(body, sizeof body, "{\"n\":%d}", number);
    uint64_t ticket = 0;
    assert_int_equal(tillwatch_send(sender, NULL, NULL, body, (size_t)len, &ticket), TILLWATCH_OK);
    assert_int_equal(ticket, number);
}

static void sender__tower_away_and_restart__delivers_everything_in_order(void **state)
{
    const struct place *place = *state;
    struct ack_log log = {.count = 0};
    tillwatch_sender *sender = open_sender(place, NOWHERE, 8, &log);
    for (int i = 1; i <= 500; i++) {
        send_number(sender, i);
    }
    assert_int_equal(tillwatch_poll(sender, 0), 0);
    tillwatch_close(&sender);
    struct fake_tower tower;
    fake_tower_start(&tower, NULL);
    sender = open_sender(place, tower.endpoint, 8, &log);
    struct tillwatch_counts now;
    tillwatch_counts(sender, &now);
    assert_int_equal(now.waiting, 500);
    for (int i = 501; i <= 520; i++) {
        send_number(sender, i);
    }
    for (uint64_t i = 1; i <= 520; i++) {
        struct arrived message;
        char body[32];
        fake_tower_receive(&tower, sender, &message);
        (void)snprintf(body, sizeof body, "{\"n\":%d}", (int)i);
        assert_int_equal(message.ticket, i);
        assert_string_equal(message.frames[0], body);
        fake_tower_answer(&tower, &message, "ok", NULL);
    }
    assert_int_equal(tillwatch_flush(sender, FAKE_TOWER_PATIENCE_MS), TILLWATCH_OK);
    assert_int_equal(log.count, 520);
    assert_false(log.is_disordered);
    tillwatch_close(&sender);
    struct stat status;
    assert_int_equal(stat(place->file, &status), 0);
    assert_int_equal(status.st_size, DATA_START);
    /* tickets go on over a restart */
    sender = open_sender(place, tower.endpoint, 8, &log);
    send_number(sender, 521);
    tillwatch_close(&sender);
    fake_tower_stop(&tower);
}

static void sender__spool_full__refuses_and_recovers(void **state)
{
    const struct place *place = *state;
    struct fake_tower tower;
    struct ack_log log = {.count = 0};
    fake_tower_start(&tower, NULL);
    struct tillwatch_options options = {.endpoint = tower.endpoint,
                                        .spool_file = place->file,
                                        .spool_max_bytes = 4096,
                                        .acknowledged = ack_log_add,
                                        .context = &log};
    tillwatch_sender *sender = NULL;
    assert_int_equal(tillwatch_open(&options, &sender), TILLWATCH_OK);
    uint64_t sent = 0;
    while (tillwatch_send(sender, NULL, NULL, body_of(1, 1000), 1000, NULL) == TILLWATCH_OK) {
        sent++;
    }
    assert_int_equal(sent, 3);
    assert_int_equal(tillwatch_send(sender, NULL, NULL, body_of(1, 1000), 1000, NULL),
                     TILLWATCH_FULL);
    for (uint64_t i = 0; i < sent; i++) {
        struct arrived message;
        fake_tower_receive(&tower, sender, &message);
        fake_tower_answer(&tower, &message, "ok", NULL);
    }
    assert_int_equal(tillwatch_flush(sender, FAKE_TOWER_PATIENCE_MS), TILLWATCH_OK);
    assert_int_equal(tillwatch_send(sender, NULL, NULL, body_of(1, 1000), 1000, NULL),
                     TILLWATCH_OK);
    tillwatch_close(&sender);
    fake_tower_stop(&tower);
}

static void cork__many_messages__are_synced_once(void **state)
{
    const struct place *place = *state;
    struct ack_log log = {.count = 0};
    tillwatch_sender *sender = open_sender(place, NOWHERE, 0, &log);
    fail_call(0, 0);
    send_number(sender, 1);
    send_number(sender, 2);
    assert_int_equal(syncs, 2);
    assert_int_equal(tillwatch_cork(sender, 1), TILLWATCH_OK);
    for (int i = 3; i <= 100; i++) {
        send_number(sender, i);
    }
    assert_int_equal(syncs, 2);
    assert_int_equal(tillwatch_cork(sender, 0), TILLWATCH_OK);
    assert_int_equal(syncs, 3);
    assert_int_equal(tillwatch_cork(sender, 0), TILLWATCH_OK);
    assert_int_equal(syncs, 3);
    /* closed corked: synced all the same */
    assert_int_equal(tillwatch_cork(sender, 1), TILLWATCH_OK);
    send_number(sender, 101);
    tillwatch_close(&sender);
    assert_int_equal(syncs, 4);
    /* a sync that fails is told, and no message is taken any more */
    sender = open_sender(place, NOWHERE, 0, &log);
    assert_int_equal(tillwatch_cork(sender, 1), TILLWATCH_OK);
    send_number(sender, 102);
    fail_call(1, EIO);
    assert_int_equal(tillwatch_cork(sender, 0), TILLWATCH_IO);
    assert_int_equal(errno, EIO);
    assert_int_equal(tillwatch_send(sender, NULL, NULL, "{}", 2, NULL), TILLWATCH_IO);
    struct tillwatch_counts now;
    tillwatch_counts(sender, &now);
    assert_int_equal(now.waiting, 102);
    tillwatch_close(&sender);
}

static void poll__spool_damaged_under_way__says_so(void **state)
{
    const struct place *place = *state;
    struct fake_tower tower;
    struct ack_log log = {.count = 0};
    tillwatch_sender *sender = open_sender(place, NOWHERE, 0, &log);
    send_number(sender, 1);
    send_number(sender, 2);
    tillwatch_close(&sender);
    fake_tower_start(&tower, NULL);
    sender = open_sender(place, tower.endpoint, 0, &log);
    int fd = open(place->file, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(__real_pwrite(fd, "?", 1, DATA_START + RECORD_BYTES + 2), 1);
    assert_int_equal(close(fd), 0);
    int rc = 0;
    for (int i = 0; i < FAKE_TOWER_PATIENCE_MS && rc == 0; i++) {
        rc = tillwatch_poll(sender, 1);
    }
    assert_int_equal(rc, TILLWATCH_DAMAGED);
    tillwatch_close(&sender);
    fake_tower_stop(&tower);
}

/* The sender of the kill test: takes messages into the spool from number `first` on, and writes
 * each number to `promises` when tillwatch_send has returned. Never returns. */
_Noreturn static void run_victim(const struct place *place, int orders, int promises)
{
    struct {
        char endpoint[128];
        int first;
    } order;
    if (read(orders, &order, sizeof order) != (ssize_t)sizeof order) {
        _exit(1);
    }
    struct tillwatch_options options = {
        .endpoint = order.endpoint, .spool_file = place->file, .window = 16, .resend_ms = 50};
    tillwatch_sender *sender = NULL;
    if (tillwatch_open(&options, &sender) != TILLWATCH_OK) {
        _exit(2);
    }
    for (int number = order.first;; number++) {
        char body[32];
        int len = snprintf(body, sizeof body, "{\"n\":%d}", number);
        if (tillwatch_send(sender, NULL, NULL, body, (size_t)len, NULL) != TILLWATCH_OK ||
            write(promises, &number, sizeof number) != (ssize_t)sizeof number ||
            tillwatch_poll(sender, 0) < 0) {
            _exit(3);
        }
    }
}

#define KILL_CYCLES  8
#define KILL_NUMBERS 200000

struct kill_test {
    bool has_arrived[KILL_NUMBERS];
    int promised; /* the last number that tillwatch_send took */
};

static void note_arrival(struct kill_test *self, struct fake_tower *tower, bool is_answered,
                         const struct arrived *message)
{
    int number = 0;
    assert_int_equal(sscanf(message->frames[0], "{\"n\":%d}", &number), 1);
    assert_in_range(number, 1, KILL_NUMBERS - 1);
    self->has_arrived[number] = true;
    if (is_answered) {
        fake_tower_answer(tower, message, "ok", NULL);
    }
}

static void read_promises(struct kill_test *self, int fd)
{
    int numbers[256];
    ssize_t n = 0;
    do {
        n = read(fd, numbers, sizeof numbers);
        if (n > 0) {
            assert_int_equal((size_t)n % sizeof numbers[0], 0);
            self->promised = numbers[(size_t)n / sizeof numbers[0] - 1];
        }
    } while (n > 0);
}

static void kill_cycle(struct kill_test *self, const struct place *place, unsigned cycle)
{
    int orders[2];
    int promises[2];
    assert_int_equal(pipe2(orders, O_CLOEXEC), 0);
    assert_int_equal(pipe2(promises, O_CLOEXEC), 0);
    pid_t pid = fork(); /* before this process has threads */
    assert_true(pid >= 0);
    if (pid == 0) {
        run_victim(place, orders[0], promises[1]);
    }
    assert_int_equal(fcntl(promises[0], F_SETFL, O_NONBLOCK), 0);
    struct fake_tower tower;
    fake_tower_start(&tower, NULL);
    struct {
        char endpoint[128];
        int first;
    } order = {.first = self->promised + 1};
    memcpy(order.endpoint, tower.endpoint, sizeof order.endpoint);
    assert_int_equal(write(orders[1], &order, sizeof order), sizeof order);
    for (unsigned i = 0; i < 40 + 17 * cycle; i++) {
        struct arrived message;
        assert_true(fake_tower_look(&tower, FAKE_TOWER_PATIENCE_MS, &message));
        note_arrival(self, &tower, i % (cycle + 2) != 0, &message);
        read_promises(self, promises[0]);
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    read_promises(self, promises[0]);
    fake_tower_stop(&tower);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(close(orders[i]), 0);
        assert_int_equal(close(promises[i]), 0);
    }
}

static void sender__killed_at_any_time__loses_nothing_it_took(void **state)
{
    const struct place *place = *state;
    struct kill_test *self = calloc(1, sizeof *self);
    assert_non_null(self);
    for (unsigned cycle = 0; cycle < KILL_CYCLES; cycle++) {
        kill_cycle(self, place, cycle);
    }
    assert_in_range(self->promised, 300, KILL_NUMBERS - 1);
    struct fake_tower tower;
    struct ack_log log = {.count = 0};
    fake_tower_start(&tower, NULL);
    tillwatch_sender *sender = open_sender(place, tower.endpoint, 64, &log);
    struct tillwatch_counts now;
    tillwatch_counts(sender, &now);
    uint64_t last = 0;
    while (now.waiting > 0) {
        struct arrived message;
        fake_tower_receive(&tower, sender, &message);
        assert_true(last == 0 || message.ticket == last + 1);
        last = message.ticket;
        note_arrival(self, &tower, true, &message);
        now.waiting--;
    }
    assert_int_equal(tillwatch_flush(sender, FAKE_TOWER_PATIENCE_MS), TILLWATCH_OK);
    for (int i = 1; i <= self->promised; i++) {
        assert_true(self->has_arrived[i]);
    }
    assert_false(log.is_disordered);
    tillwatch_close(&sender);
    fake_tower_stop(&tower);
    free(self);
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
        WITH_PLACE(sender__tower_away_and_restart__delivers_everything_in_order),
        WITH_PLACE(sender__spool_full__refuses_and_recovers),
        WITH_PLACE(cork__many_messages__are_synced_once),
        WITH_PLACE(poll__spool_damaged_under_way__says_so),
        WITH_PLACE(sender__killed_at_any_time__loses_nothing_it_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
