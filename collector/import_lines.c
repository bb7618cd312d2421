/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "import_lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_BYTES ((size_t)256 * 1024)
#define MAX_NESTING 64 /* one bit each; deeper lines go alone */

int tw_lines_init(struct tw_lines *self, int fd, uint64_t offset, size_t max_bytes)
{
    *self = (struct tw_lines){.fd = fd, .offset = offset, .max_bytes = max_bytes};
    self->capacity = START_BYTES;
    self->data = malloc(self->capacity);
    return self->data == NULL ? TW_ENOMEM : TW_OK;
}

void tw_lines_fini(struct tw_lines *self)
{
    free(self->data);
    self->data = NULL;
}

/* More bytes behind `end`; room is made first. TW_OK, TW_ECLOSED, TW_EIO, TW_ENOMEM. */
static int fill(struct tw_lines *self)
{
    if (self->has_ended) {
        return TW_ECLOSED;
    }
    if (self->start > 0) {
        memmove(self->data, self->data + self->start, self->end - self->start);
        self->end -= self->start;
        self->start = 0;
    }
    if (self->end == self->capacity) {
        char *grown = realloc(self->data, self->capacity * 2);
        if (grown == NULL) {
            return TW_ENOMEM;
        }
        self->data = grown;
        self->capacity *= 2;
    }
    for (;;) {
        ssize_t n = read(self->fd, self->data + self->end, self->capacity - self->end);
        if (n > 0) {
            self->end += (size_t)n;
            return TW_OK;
        }
        if (n == 0) {
            self->has_ended = true;
            return TW_ECLOSED;
        }
        if (errno != EINTR) {
            return TW_EIO;
        }
    }
}

/* Drop bytes up to and with the next newline: the rest of a line that was given cut. */
static int skip_rest(struct tw_lines *self)
{
    for (;;) {
        size_t have = self->end - self->start;
        const char *newline = have == 0 ? NULL : memchr(self->data + self->start, '\n', have);
        size_t dropped =
            newline == NULL ? have : (size_t)(newline - (self->data + self->start)) + 1;
        self->start += dropped;
        self->offset += dropped;
        if (newline != NULL) {
            return TW_OK;
        }
        int rc = fill(self);
        if (rc != TW_OK) {
            return rc;
        }
    }
}

static void take(struct tw_lines *self, size_t len, size_t consumed, bool is_cut,
                 struct tw_line *ret_line)
{
    ret_line->text = (struct tw_str){self->data + self->start, len};
    ret_line->is_cut = is_cut;
    self->start += consumed;
    self->offset += consumed;
    ret_line->next_offset = self->offset;
    self->is_skipping = is_cut;
}

int tw_lines_next(struct tw_lines *self, struct tw_line *ret_line)
{
    if (self->is_skipping) {
        int rc = skip_rest(self);
        if (rc != TW_OK) {
            return rc;
        }
        self->is_skipping = false;
    }
    size_t seen = 0;
    for (;;) {
        size_t have = self->end - self->start;
        const char *newline =
            have == seen ? NULL : memchr(self->data + self->start + seen, '\n', have - seen);
        size_t len = newline == NULL ? have : (size_t)(newline - (self->data + self->start));
        if (len > self->max_bytes) {
            take(self, self->max_bytes, self->max_bytes, true, ret_line);
            return TW_OK;
        }
        if (newline != NULL) {
            take(self, len, len + 1, false, ret_line);
            return TW_OK;
        }
        seen = have;
        int rc = fill(self);
        if (rc == TW_ECLOSED && have > 0) {
            take(self, have, have, false, ret_line); /* the last line without its newline */
            return TW_OK;
        }
        if (rc != TW_OK) {
            return rc;
        }
    }
}

bool tw_line_is_blank(struct tw_str line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] != ' ' && line.ptr[i] != '\t' && line.ptr[i] != '\r') {
            return false;
        }
    }
    return true;
}

struct nesting {
    uint64_t kinds; /* a bit each: 1 is a brace */
    unsigned depth;
};

/* False: too deep, or a closing bracket that does not fit. */
static bool step(struct nesting *nesting, char c)
{
    if (c == '{' || c == '[') {
        nesting->kinds = nesting->kinds << 1 | (c == '{' ? 1u : 0u);
        return ++nesting->depth <= MAX_NESTING;
    }
    if (c == '}' || c == ']') {
        bool is_brace = (nesting->kinds & 1) != 0;
        nesting->kinds >>= 1;
        return nesting->depth-- > 0 && is_brace == (c == '}');
    }
    return true;
}

/* Behind the quote that ends the string which begins at p; NULL: it does not end. */
static const char *skip_string(const char *p, const char *end)
{
    p++;
    while (p < end) {
        if (*p == '"') {
            return p + 1;
        }
        if ((unsigned char)*p < 0x20) {
            return NULL;
        }
        if (*p == '\\' && end - p < 2) {
            return NULL;
        }
        p += *p == '\\' ? 2 : 1;
    }
    return NULL;
}

bool tw_line_is_cloudevent(struct tw_str line)
{
    static const char member[] = "\"specversion\"";
    const char *p = line.ptr;
    const char *end = tw_str_end(line);
    struct nesting nesting = {0};
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }
    if (p == end || *p != '{' || memmem(p, (size_t)(end - p), member, sizeof(member) - 1) == NULL) {
        return false;
    }
    do {
        if (*p == '"') {
            p = skip_string(p, end);
            if (p == NULL) {
                return false;
            }
            continue;
        }
        if (!step(&nesting, *p)) {
            return false;
        }
        p++;
    } while (p < end && nesting.depth > 0);
    return nesting.depth == 0 && tw_line_is_blank((struct tw_str){p, (size_t)(end - p)});
}
