/* SPDX-License-Identifier: Apache-2.0
 * The small files beside the databases: who owns the store, and how far it has come.
 * The mark is what makes a lost or cut journal visible: SQLite takes a journal that ends early for
 * one that was never longer, and would go on with acknowledged records missing.
 */
#include "config.h"
#include "store/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#define MARK_BYTES 16

static void read_owner(int fd, char *text, size_t size)
{
    ssize_t got = pread(fd, text, size - 1, 0);
    text[got < 0 ? 0 : got] = 0;
    for (char *p = text; *p != 0; p++) {
        if (*p < '0' || *p > '9') {
            *p = 0;
            break;
        }
    }
}

int tw_lock_take(const char *dir, int *ret_fd, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    if (tw_path_join(dir, TW_LOCK_NAME, path) != TW_OK) {
        return tw_diag_set(diag, TW_ELIMIT, "%s: path too long", dir);
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return tw_system_error(diag, path, "open");
    }
    char text[32];
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int rc = errno == EWOULDBLOCK ? TW_EBUSY : tw_system_error(diag, path, "lock");
        if (rc == TW_EBUSY) {
            read_owner(fd, text, sizeof text);
            (void)tw_diag_set(diag, rc,
                              "%s is in use by process %s; stop it, or choose another store.dir",
                              dir, text[0] == 0 ? "(unknown)" : text);
        }
        (void)close(fd); /* nothing was written */
        return rc;
    }
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* the number is for people: the lock itself holds without it */
    if (ftruncate(fd, 0) == 0) {
        ssize_t wrote = pwrite(fd, text, (size_t)len, 0);
        (void)wrote;
    }
    *ret_fd = fd;
    return TW_OK;
}

static uint64_t get_le(const uint8_t *from)
{
    uint64_t value = 0;
    tw_counters_decode((struct tw_str){(const char *)from, 8}, &value, 1);
    return value;
}

int tw_mark_open(const char *dir, int *ret_fd, uint64_t *ret_n, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    if (tw_path_join(dir, TW_MARK_NAME, path) != TW_OK) {
        return tw_diag_set(diag, TW_ELIMIT, "%s: path too long", dir);
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return tw_system_error(diag, path, "open");
    }
    uint8_t bytes[MARK_BYTES];
    ssize_t got = pread(fd, bytes, sizeof bytes, 0);
    if (got < 0) {
        int rc = tw_system_error(diag, path, "read");
        (void)close(fd); /* only read */
        return rc;
    }
    /* not synced, so a power cut may leave it empty or torn: then it says nothing */
    bool is_valid = got == (ssize_t)sizeof bytes && get_le(bytes + 8) == XXH3_64bits(bytes, 8);
    *ret_n = is_valid ? get_le(bytes) : 0;
    *ret_fd = fd;
    return TW_OK;
}

int tw_mark_write(int fd, uint64_t n)
{
    uint8_t bytes[MARK_BYTES];
    tw_counters_encode(&n, 1, bytes);
    uint64_t sum = XXH3_64bits(bytes, 8);
    tw_counters_encode(&sum, 1, bytes + 8);
    return pwrite(fd, bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes ? TW_OK : TW_EIO;
}
