/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "import_progress.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD_BYTES 4096
#define TEXT_BYTES 512
#define FIRST_LINE "tillwatch-import 1\n"

int tw_import_identify(int fd, uint64_t head_bytes, struct tw_import_identity *ret_identity)
{
    unsigned char head[HEAD_BYTES] = {0};
    size_t wanted = head_bytes > HEAD_BYTES ? HEAD_BYTES : (size_t)head_bytes;
    size_t len = 0;
    uint64_t hash = UINT64_C(14695981039346656037);
    while (len < wanted) {
        ssize_t n = pread(fd, head + len, wanted - len, (off_t)len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return TW_EIO;
        }
        if (n == 0) {
            break;
        }
        len += (size_t)n;
    }
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ head[i]) * UINT64_C(1099511628211);
    }
    *ret_identity = (struct tw_import_identity){.head_bytes = len, .head_hash = hash};
    return TW_OK;
}

/* The number behind "name " at *p_p, which is moved behind its newline. */
static bool take_number(const char **p_p, const char *name, uint64_t *ret_number)
{
    size_t len = strlen(name);
    const char *p = *p_p;
    if (strncmp(p, name, len) != 0 || p[len] != ' ' || p[len + 1] < '0' || p[len + 1] > '9') {
        return false;
    }
    char *end = NULL;
    errno = 0;
    *ret_number = strtoull(p + len + 1, &end, 10);
    if (errno != 0 || *end != '\n') {
        return false;
    }
    *p_p = end + 1;
    return true;
}

int tw_import_progress_read(const char *path, struct tw_import_progress *ret_progress)
{
    char text[TEXT_BYTES];
    struct tw_import_progress found = {.offset = 0};
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return errno == ENOENT ? TW_ENOTFOUND : TW_EIO;
    }
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    bool is_read = ferror(file) == 0;
    (void)fclose(file); /* only read from */
    text[len] = '\0';
    const char *p = text;
    if (!is_read || strncmp(p, FIRST_LINE, strlen(FIRST_LINE)) != 0) {
        return is_read ? TW_EDAMAGED : TW_EIO;
    }
    p += strlen(FIRST_LINE);
    if (!take_number(&p, "head-bytes", &found.identity.head_bytes) ||
        !take_number(&p, "head-hash", &found.identity.head_hash) ||
        !take_number(&p, "offset", &found.offset) || !take_number(&p, "lines", &found.lines) ||
        !take_number(&p, "quarantined", &found.quarantined) || *p != '\0') {
        return TW_EDAMAGED;
    }
    *ret_progress = found;
    return TW_OK;
}

int tw_import_progress_write(const char *path, const struct tw_import_progress *progress)
{
    char text[TEXT_BYTES];
    char *temporary = NULL;
    int rc = TW_EIO;
    int fd = -1;
    int len = snprintf(text, sizeof(text),
                       FIRST_LINE "head-bytes %" PRIu64 "\nhead-hash %" PRIu64 "\noffset %" PRIu64
                                  "\nlines %" PRIu64 "\nquarantined %" PRIu64 "\n",
                       progress->identity.head_bytes, progress->identity.head_hash,
                       progress->offset, progress->lines, progress->quarantined);
    if (asprintf(&temporary, "%s.new", path) < 0) {
        return TW_ENOMEM;
    }
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && write(fd, text, (size_t)len) == len && fsync(fd) == 0 &&
        rename(temporary, path) == 0) {
        rc = TW_OK;
    }
    int error = errno;
    if (fd >= 0) {
        (void)close(fd); /* synced, or of no use */
    }
    free(temporary);
    errno = error;
    return rc;
}
