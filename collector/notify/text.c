/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "notify/text.h"

#include <string.h>

#include "http/clean.h"

#define DOTS TW_STR_LIT("\xe2\x80\xa6")

struct tw_text tw_text_begin(struct tw_buf *out, enum tw_escape escape, size_t max_bytes)
{
    return (struct tw_text){.out = out, .escape = escape, .end = out->len + max_bytes};
}

static size_t room(const struct tw_text *self)
{
    return self->is_full || self->out->len > self->end ? 0 : self->end - self->out->len;
}

static struct tw_str escaped(enum tw_escape escape, struct tw_str character)
{
    if (escape == TW_ESCAPE_NONE || character.len != 1) {
        return character;
    }
    switch (character.ptr[0]) {
    case '&':
        return TW_STR_LIT("&amp;");
    case '<':
        return TW_STR_LIT("&lt;");
    case '>':
        return TW_STR_LIT("&gt;");
    case '"':
        return escape == TW_ESCAPE_HTML ? TW_STR_LIT("&quot;") : character;
    case '\'':
        return escape == TW_ESCAPE_HTML ? TW_STR_LIT("&#39;") : character;
    default:
        return character;
    }
}

static size_t escaped_len(enum tw_escape escape, struct tw_str text)
{
    size_t len = 0;
    while (text.len > 0) {
        len += escaped(escape, tw_clean_next(&text)).len;
    }
    return len;
}

/* All of it, or characters as long as dots have room behind them; and `keep` bytes. */
static void add(struct tw_text *self, struct tw_str text, size_t keep)
{
    struct tw_str dots = DOTS;
    bool is_cut = text.len > room(self) || escaped_len(self->escape, text) + keep > room(self);
    size_t kept = is_cut ? keep + dots.len : keep;
    while (text.len > 0 && !self->is_full) {
        struct tw_str next = escaped(self->escape, tw_clean_next(&text));
        if (next.len + kept > room(self)) {
            if (kept <= room(self)) {
                (void)tw_buf_append_str(self->out, dots); /* its error is sticky */
            }
            self->is_full = true;
            return;
        }
        (void)tw_buf_append_str(self->out, next); /* likewise */
    }
}

void tw_text_add(struct tw_text *self, struct tw_str text)
{
    add(self, text, 0);
}

void tw_text_raw(struct tw_text *self, const char *markup)
{
    size_t len = strlen(markup);
    if (len > room(self)) {
        self->is_full = true;
        return;
    }
    (void)tw_buf_append(self->out, markup, len); /* likewise */
}

void tw_text_wrapped(struct tw_text *self, const char *before, struct tw_str text,
                     const char *behind)
{
    size_t keep = strlen(behind);
    if (strlen(before) + keep > room(self)) {
        self->is_full = true;
        return;
    }
    (void)tw_buf_append(self->out, before, strlen(before)); /* likewise */
    add(self, text, keep);
    (void)tw_buf_append(self->out, behind, keep); /* room was kept for it */
}
