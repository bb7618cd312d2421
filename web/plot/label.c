/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/plot/label.h"

#include <stdint.h>

#include "core/err.h"

/* The character at *at_p, which moves behind it; UINT32_MAX for bytes that are no UTF-8 (one byte
 * is passed over). Source: RFC 3629. */
static uint32_t next_char(const unsigned char **at_p, const unsigned char *end)
{
    const unsigned char *at = *at_p;
    uint32_t code = *at++;
    size_t more = code < 0x80 ? 0 : (code >> 5) == 6 ? 1 : (code >> 4) == 14 ? 2 : 3;
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    *at_p = at;
    if (more == 0) {
        return code;
    }
    if ((more == 3 && (code >> 3) != 30) || (size_t)(end - at) < more) {
        return UINT32_MAX;
    }
    code &= 0x3fu >> more;
    for (size_t i = 0; i < more; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return UINT32_MAX;
        }
        code = code << 6 | (at[i] & 0x3fu);
    }
    if (code < least[more] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
        return UINT32_MAX;
    }
    *at_p = at + more;
    return code;
}

/* Characters that have no shape of their own, or turn the text around them. */
static bool is_invisible(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff ||
           (code >= 0xfff0 && code <= 0xfffb) || (code >= 0xe0000 && code <= 0xe0fff) ||
           (code & 0xfffe) == 0xfffe;
}

/* What stands for a character. */
static uint32_t harmless(uint32_t code)
{
    static const char plain[] = " -_.,:/+#()=?";
    if (code == UINT32_MAX || is_invisible(code)) {
        return 0xb7;
    }
    if (code >= 0x80 || (code >= '0' && code <= '9') ||
        ((code | 32) >= 'a' && (code | 32) <= 'z') || strchr(plain, (int)code) != NULL) {
        return code;
    }
    switch (code) {
    case '"':
        return 0x201d;
    case '\'':
    case '`':
        return 0x2019;
    case '<':
        return 0x2039;
    case '>':
        return 0x203a;
    case '[':
    case '{':
        return '(';
    case ']':
    case '}':
        return ')';
    default:
        return 0xb7;
    }
}

static size_t put_char(char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    size_t more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned lead[] = {0, 0xc0, 0xe0, 0xf0};
    to[0] = (char)(lead[more] | code >> (6 * more));
    for (size_t i = 1; i <= more; i++) {
        to[i] = (char)(0x80 | (code >> (6 * (more - i)) & 0x3f));
    }
    return more + 1;
}

void tw_plot_label(struct tw_str text, size_t most, struct tw_plot_label *ret_label)
{
    const unsigned char *at = (const unsigned char *)text.ptr;
    const unsigned char *end = text.len == 0 ? at : at + text.len;
    size_t last = 0; /* where the last character begins */
    size_t len = 0;
    TW_ASSERT(most >= 1 && most <= TW_LABEL_LONGER);
    ret_label->chars = 0;
    while (at < end) {
        if (ret_label->chars == most) {
            len = last + put_char(ret_label->text + last, 0x2026);
            break;
        }
        last = len;
        len += put_char(ret_label->text + len, harmless(next_char(&at, end)));
        ret_label->chars++;
    }
    if (len == 0) {
        ret_label->text[len++] = '-';
        ret_label->chars = 1;
    }
    ret_label->text[len] = '\0';
}
