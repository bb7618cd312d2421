/* SPDX-License-Identifier: Apache-2.0
 * NDJSON line by line with its offsets, in bounded memory, and what kind of line it is.
 * Thread: the owner's. Limits: a line longer than max_bytes is given cut; the rest is skipped.
 */
#ifndef TW_IMPORT_LINES_H
#define TW_IMPORT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/str.h"

struct tw_lines {
    int fd; /* borrowed */
    char *data;
    size_t capacity;
    size_t max_bytes;
    size_t start;
    size_t end;
    uint64_t offset; /* of data[start] in the file */
    bool is_skipping;
    bool has_ended;
};

/* Reading begins at the descriptor's position, which is `offset` of the file. TW_OK or TW_ENOMEM.
 */
int tw_lines_init(struct tw_lines *self, int fd, uint64_t offset, size_t max_bytes);
void tw_lines_fini(struct tw_lines *self);

struct tw_line {
    struct tw_str text;   /* without its newline; valid until the next call */
    uint64_t next_offset; /* behind the newline */
    bool is_cut;          /* it is longer than max_bytes */
};
/* TW_OK; TW_ECLOSED at the end; TW_EIO with errno. */
int tw_lines_next(struct tw_lines *self, struct tw_line *ret_line);

/* Only spaces, tabs and carriage returns. */
bool tw_line_is_blank(struct tw_str line);
/* One JSON object with balanced brackets that says "specversion": fit to stand in a batch, where
 * a broken neighbour could hide what follows it. */
bool tw_line_is_cloudevent(struct tw_str line);

#endif
