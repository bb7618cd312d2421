/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "http/clean.h"

#include <stdbool.h>

#include "event/text.h"

/* Bytes of the character at p, 0 when it is none. */
static size_t character(const char *p, size_t len)
{
    unsigned char lead = (unsigned char)p[0];
    size_t size = lead < 0x80 ? 1 : (lead >= 0xf0 ? 4 : (lead >= 0xe0 ? 3 : 2));
    return size <= len && tw_utf8_is_valid((struct tw_str){p, size}) ? size : 0;
}

/* Controls of C0 and C1, and those that turn the direction of what follows: a reason stands among
 * others on a page and in a log. */
static bool is_control(const char *p, size_t size)
{
    const unsigned char *c = (const unsigned char *)p;
    if (size == 1) {
        return c[0] < 0x20 || c[0] == 0x7f;
    }
    if (size == 2) {
        return c[0] == 0xc2 && c[1] < 0xa0;
    }
    return size == 3 && c[0] == 0xe2 &&
           ((c[1] == 0x80 && c[2] >= 0xa8 && c[2] <= 0xae) || /* U+2028-202E */
            (c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9));  /* U+2066-2069 */
}

struct tw_str tw_clean_next(struct tw_str *rest)
{
    struct tw_str shown = {rest->ptr, character(rest->ptr, rest->len)};
    size_t step = shown.len == 0 ? 1 : shown.len;
    if (shown.len == 0) {
        shown = TW_STR_LIT("?");
    } else if (is_control(shown.ptr, shown.len)) {
        shown = TW_STR_LIT(" ");
    }
    rest->ptr += step;
    rest->len -= step;
    return shown;
}

struct tw_str tw_text_cut(struct tw_str text, size_t most)
{
    if (text.len <= most) {
        return text;
    }
    text.len = most;
    while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80) {
        text.len--;
    }
    return text;
}
