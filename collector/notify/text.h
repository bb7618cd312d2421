/* SPDX-License-Identifier: Apache-2.0
 * Writing what others wrote into a message of ours: cleaned of control characters, escaped for
 * where it stands, cut where a character ends.
 * Thread: plain functions on the caller's buffer.
 */
#ifndef TW_NOTIFY_TEXT_H
#define TW_NOTIFY_TEXT_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/str.h"

enum tw_escape {
    TW_ESCAPE_NONE,  /* plain text; also what goes into JSON, whose library escapes it */
    TW_ESCAPE_SLACK, /* & < > */
    TW_ESCAPE_HTML,  /* & < > " ' */
};

/* A part of a buffer that has its own limit. */
struct tw_text {
    struct tw_buf *out;
    enum tw_escape escape;
    size_t end;   /* of the part, in out */
    bool is_full; /* something did not fit: nothing more is added */
};
/* At most max_bytes more in out, from here on. */
struct tw_text tw_text_begin(struct tw_buf *out, enum tw_escape escape, size_t max_bytes);
/* Text of others. What does not fit is replaced by one "…". */
void tw_text_add(struct tw_text *self, struct tw_str text);
/* Markup of ours: all of it, or nothing and the text is full. */
void tw_text_raw(struct tw_text *self, const char *markup);
/* Ours and theirs: before, text, behind, for which all of `behind` has room kept. */
void tw_text_wrapped(struct tw_text *self, const char *before, struct tw_str text,
                     const char *behind);

#endif
