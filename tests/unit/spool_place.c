/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unit/spool_place.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

int failing_calls;
int failing_syncs;
static int fail_at;
static int fail_errno;

static bool is_to_fail(void)
{
    failing_calls++;
    if (fail_at != 0 && failing_calls == fail_at) {
        errno = fail_errno;
        return true;
    }
    return false;
}

void fail_call(int number, int errnum)
{
    fail_at = number;
    fail_errno = errnum;
    failing_calls = 0;
    failing_syncs = 0;
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    failing_syncs++;
    return is_to_fail() ? -1 : __real_fsync(fd);
}

int __real_fdatasync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_fdatasync(int fd)
{
    failing_syncs++;
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
int make_place(void **state)
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

int remove_place(void **state)
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

size_t read_file(const char *path, uint8_t *bytes, size_t size)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t len = fread(bytes, 1, size, file);
    assert_int_equal(fclose(file), 0);
    return len;
}

void write_file(const char *path, const uint8_t *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}
const char *body_of(uint64_t ticket, size_t len)
{
    static char body[200000];
    assert_true(len < sizeof body);
    int n = snprintf(body, sizeof body, "%020llu", (unsigned long long)ticket);
    memset(body + n, 'a' + (int)(ticket % 26), len - (size_t)n);
    body[len] = '\0';
    return body;
}
