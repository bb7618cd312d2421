/* SPDX-License-Identifier: Apache-2.0
 * How far the import of a file is acknowledged, in a small file beside it: written whole and
 * renamed, so that a kill leaves the old one or the new one. Thread: the owner's.
 */
#ifndef TW_IMPORT_PROGRESS_H
#define TW_IMPORT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

/* What a file is recognised by: the hash of its first bytes (so that it may grow and be copied). */
struct tw_import_identity {
    uint64_t head_bytes; /* at most 4096 */
    uint64_t head_hash;  /* FNV-1a */
};

struct tw_import_progress {
    struct tw_import_identity identity;
    uint64_t offset; /* everything before it is acknowledged */
    uint64_t lines;
    uint64_t quarantined; /* messages */
};

/* Hash the first `head_bytes` of fd (pread); fewer when the file is shorter. TW_OK or TW_EIO. */
int tw_import_identify(int fd, uint64_t head_bytes, struct tw_import_identity *ret_identity);
/* TW_OK; TW_ENOTFOUND: there is none; TW_EDAMAGED; TW_EIO. */
int tw_import_progress_read(const char *path, struct tw_import_progress *ret_progress);
/* TW_OK or TW_EIO (errno). */
int tw_import_progress_write(const char *path, const struct tw_import_progress *progress);

#endif
