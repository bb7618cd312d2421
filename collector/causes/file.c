/* SPDX-License-Identifier: Apache-2.0
 * The operators' file, in the directory of the store.
 */
#include "config.h"
#include "causes/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/err.h"

#define PATH_BYTES 4096
#define DRAFT      TW_CAUSES_FILE ".new"

uint64_t tw_causes_version(struct tw_str text)
{
    uint64_t hash = text.ptr == NULL ? 0 : XXH3_64bits(text.ptr, text.len);
    return text.ptr != NULL && hash == 0 ? 1 : hash;
}

static int path_of(const char *dir, const char *name, char path[PATH_BYTES])
{
    return snprintf(path, PATH_BYTES, "%s/%s", dir, name) < PATH_BYTES ? TW_OK : TW_ELIMIT;
}

static int read_all(int fd, char *text, size_t len)
{
    size_t at = 0;
    while (at < len) {
        ssize_t got = read(fd, text + at, len - at);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return TW_EIO; /* shorter than it was: it is being replaced, ask again */
        }
        at += (size_t)got;
    }
    return TW_OK;
}

int tw_causes_read(const char *dir, char **ret_text, size_t *ret_len)
{
    char path[PATH_BYTES];
    struct stat st;
    int rc = path_of(dir, TW_CAUSES_FILE, path);
    if (rc != TW_OK) {
        return rc;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT ? TW_ENOTFOUND : TW_EIO;
    }
    char *text = NULL;
    rc = fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) ? TW_EIO : TW_OK;
    if (rc == TW_OK && (size_t)st.st_size > TW_TREE_MAX_BYTES) {
        rc = TW_ELIMIT;
    }
    if (rc == TW_OK) {
        text = malloc((size_t)st.st_size + 1);
        rc = text == NULL ? TW_ENOMEM : read_all(fd, text, (size_t)st.st_size);
    }
    (void)close(fd); /* only read from */
    if (rc != TW_OK) {
        free(text);
        return rc;
    }
    text[st.st_size] = '\0';
    *ret_text = text;
    *ret_len = (size_t)st.st_size;
    return TW_OK;
}

static int write_all(int fd, struct tw_str text)
{
    size_t at = 0;
    while (at < text.len) {
        ssize_t put = write(fd, text.ptr + at, text.len - at);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return TW_EIO;
        }
        at += (size_t)put;
    }
    return fsync(fd) == 0 ? TW_OK : TW_EIO;
}

static int write_draft(const char *path, struct tw_str text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0) {
        return TW_EIO;
    }
    int rc = write_all(fd, text);
    int saved = errno;
    if (close(fd) != 0 && rc == TW_OK) {
        return TW_EIO;
    }
    errno = saved; /* of what went wrong first */
    return rc;
}

static int sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? TW_OK : TW_EIO;
    int saved = errno;
    if (fd >= 0) {
        (void)close(fd); /* synced, or failed already */
    }
    errno = saved;
    return rc;
}

int tw_causes_replace(const char *dir, struct tw_str text, struct tw_diag *diag)
{
    char path[PATH_BYTES];
    char draft[PATH_BYTES];
    char reason[128];
    if (path_of(dir, TW_CAUSES_FILE, path) != TW_OK || path_of(dir, DRAFT, draft) != TW_OK) {
        return tw_diag_set(diag, TW_ELIMIT, "%s: the path is too long", dir);
    }
    int rc = write_draft(draft, text);
    if (rc == TW_OK && rename(draft, path) != 0) {
        rc = TW_EIO;
    }
    rc = rc == TW_OK ? sync_dir(dir) : rc;
    if (rc != TW_OK) {
        (void)tw_diag_set(diag, rc, "%s cannot be written: %s", path,
                          tw_errno_text(errno, reason, sizeof reason));
        (void)unlink(draft); /* it may not be there */
    }
    return rc;
}
