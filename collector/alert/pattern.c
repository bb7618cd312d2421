/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "alert/pattern.h"

#include <stdbool.h>
#include <stdio.h>

#define CODE_POINT_MAX 0x10ffffu
/* Whitespace and its opposite inside [ ]: RE2 has no vertical tab in it. */
#define SPACES     "\\t\\n\\f\\r\\x20"
#define NOT_SPACES "\\x{0}-\\x{8}\\x{b}\\x{e}-\\x{1f}!-\\x{10ffff}"

/* What the last thing was, for a quantifier behind it. */
enum before { NOTHING, ATOM, REPEATED };

struct scan {
    struct tw_str text;
    size_t at;
    size_t depth; /* of open groups */
    enum before before;
    struct tw_buf *out;
    struct tw_diag *diag;
};

static int refuse(const struct scan *self, const char *why)
{
    return tw_diag_set(self->diag, TW_EINVAL, "%s, at byte %zu of the pattern", why, self->at + 1);
}

static bool is_at(const struct scan *self, const char *text)
{
    struct tw_str rest = {self->text.ptr + self->at, self->text.len - self->at};
    return tw_str_starts(rest, tw_str_of(text));
}

static int peek(const struct scan *self)
{
    return self->at < self->text.len ? (unsigned char)self->text.ptr[self->at] : -1;
}

static int put(struct scan *self, const char *text)
{
    return tw_buf_append_str(self->out, tw_str_of(text));
}

static int put_code(struct scan *self, uint32_t code)
{
    char text[16] = "";
    (void)snprintf(text, sizeof text, "\\x{%x}", (unsigned)code); /* always fits */
    return put(self, text);
}

/* The next character; the text is known to be UTF-8. */
static uint32_t take_code(struct scan *self)
{
    unsigned char first = (unsigned char)self->text.ptr[self->at++];
    if (first < 0x80) {
        return first;
    }
    uint32_t code = first >= 0xf0 ? first & 7u : (first >= 0xe0 ? first & 15u : first & 31u);
    while (self->at < self->text.len && (self->text.ptr[self->at] & 0xc0) == 0x80) {
        code = code << 6 | ((unsigned char)self->text.ptr[self->at++] & 63u);
    }
    return code;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(int c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int hex_digit(int c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    int low = c | 0x20;
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* Behind \x: two digits, or any number of them in braces. */
static int take_hex(struct scan *self, uint32_t *ret_code)
{
    bool has_braces = peek(self) == '{';
    self->at += has_braces;
    uint32_t code = 0;
    size_t digits = 0;
    while (hex_digit(peek(self)) >= 0 && (has_braces || digits < 2)) {
        code = code << 4 | (uint32_t)hex_digit(peek(self));
        self->at++;
        digits++;
        if (code > CODE_POINT_MAX) {
            return refuse(self, "no such character");
        }
    }
    if (has_braces ? digits == 0 || peek(self) != '}' : digits != 2) {
        return refuse(self, "\\x wants two hexadecimal digits, or some in braces");
    }
    self->at += has_braces;
    *ret_code = code;
    return TW_OK;
}

/* Behind a backslash: an escape of one character. */
static int take_escape(struct scan *self, uint32_t *ret_code)
{
    static const char names[] = "aftnrv";
    static const char codes[] = "\a\f\t\n\r\v";
    int c = peek(self);
    const char *name = c > 0 ? strchr(names, c) : NULL;
    if (name != NULL) {
        self->at++;
        *ret_code = (unsigned char)codes[name - names];
        return TW_OK;
    }
    if (c == 'x') {
        self->at++;
        return take_hex(self, ret_code);
    }
    int next = self->at + 1 < self->text.len ? self->text.ptr[self->at + 1] : -1;
    if (c == '0' || (c >= '1' && c <= '7' && next >= '0' && next <= '7')) {
        uint32_t code = 0;
        for (int i = 0; i < 3 && peek(self) >= '0' && peek(self) <= '7'; i++) {
            code = code << 3 | (uint32_t)(self->text.ptr[self->at++] - '0');
        }
        *ret_code = code;
        return TW_OK;
    }
    if (c < 0) {
        return refuse(self, "a backslash at the end");
    }
    if (c >= 0x80 || (is_word(c) && c != '_')) {
        return refuse(self, is_digit(c) ? "a reference back" : "an escape that does not exist");
    }
    self->at++;
    *ret_code = (uint32_t)c;
    return TW_OK;
}

/* \pN, \p{Greek}, \p{^Greek} behind the backslash. A word of three letters or more is a script. */
static int property(struct scan *self)
{
    bool is_not = peek(self) == 'P';
    self->at++;
    bool has_braces = peek(self) == '{';
    self->at += has_braces;
    if (has_braces && peek(self) == '^') {
        is_not = !is_not;
        self->at++;
    }
    struct tw_str name = {self->text.ptr + self->at, 0};
    while (is_word(peek(self)) && (has_braces || name.len == 0)) {
        self->at++;
        name.len++;
    }
    bool is_name = name.len > 0 && name.ptr[0] >= 'A' && name.ptr[0] <= 'Z';
    if (!is_name || (has_braces && peek(self) != '}')) {
        return refuse(self, "\\p wants a class of characters");
    }
    self->at += has_braces;
    put(self, is_not ? "\\P{" : "\\p{");
    put(self, name.len > 2 && !tw_str_is(name, "Any") ? "sc:" : "");
    tw_buf_append_str(self->out, name);
    return put(self, "}");
}

/* \Q...\E. */
static int quoted(struct scan *self)
{
    self->at++;
    while (self->at < self->text.len && !is_at(self, "\\E")) {
        put_code(self, take_code(self));
        self->before = ATOM;
    }
    if (self->at == self->text.len) {
        return refuse(self, "a \\Q without its \\E");
    }
    self->at += 2;
    return self->out->error;
}

static int escape(struct scan *self)
{
    self->at++;
    int c = peek(self);
    self->before = c == 'Q' ? self->before : ATOM;
    char same[3] = {'\\', (char)c, '\0'};
    char place[7] = {'(', '?', ':', '\\', (char)c, ')', '\0'};
    switch (c) {
    case 'A':
    case 'B':
    case 'b':
    case 'z':
        /* A place; in a group it may be repeated. */
        self->at++;
        return put(self, place);
    case 'D':
    case 'd':
    case 'W':
    case 'w':
        self->at++;
        return put(self, same);
    case 's':
        self->at++;
        return put(self, "[" SPACES "]");
    case 'S':
        self->at++;
        return put(self, "[^" SPACES "]");
    case 'p':
    case 'P':
        return property(self);
    case 'Q':
        return quoted(self);
    default: {
        uint32_t code = 0;
        int rc = take_escape(self, &code);
        return rc == TW_OK ? put_code(self, code) : rc;
    }
    }
}

/* [:alpha:] and the others inside [ ]; [: that is never ended is two characters. */
static bool named_class(struct scan *self, int *ret_rc)
{
    if (!is_at(self, "[:")) {
        return false;
    }
    size_t end = self->at + 2;
    while (end + 1 < self->text.len && memcmp(self->text.ptr + end, ":]", 2) != 0) {
        end++;
    }
    if (end + 1 >= self->text.len) {
        return false;
    }
    for (size_t i = self->at + 2; i < end; i++) {
        char c = self->text.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c == '^' && i == self->at + 2)) {
            *ret_rc = refuse(self, "no such class of characters");
            return true;
        }
    }
    *ret_rc = tw_buf_append(self->out, self->text.ptr + self->at, end + 2 - self->at);
    self->at = end + 2;
    return true;
}

/* A class inside a class. */
static bool inner_class(struct scan *self, int *ret_rc)
{
    *ret_rc = TW_OK;
    if (named_class(self, ret_rc)) {
        return true;
    }
    int c = is_at(self, "\\") && self->at + 1 < self->text.len ? self->text.ptr[self->at + 1] : -1;
    const char *text = NULL;
    switch (c) {
    case 'd':
        text = "\\d";
        break;
    case 'D':
        text = "\\D";
        break;
    case 'w':
        text = "\\w";
        break;
    case 'W':
        text = "\\W";
        break;
    case 's':
        text = SPACES;
        break;
    case 'S':
        text = NOT_SPACES;
        break;
    case 'p':
    case 'P':
        self->at++;
        *ret_rc = property(self);
        return true;
    default:
        return false;
    }
    self->at += 2;
    put(self, text);
    return true;
}

static int class_code(struct scan *self, uint32_t *ret_code)
{
    if (peek(self) < 0) {
        return refuse(self, "a [ without its ]");
    }
    if (peek(self) == '\\') {
        self->at++;
        return take_escape(self, ret_code);
    }
    *ret_code = take_code(self);
    return TW_OK;
}

/* [...]: characters are spelt as numbers, so that none has a meaning that it has not in RE2. */
static int class(struct scan *self)
{
    self->at++;
    put(self, "[");
    if (peek(self) == '^') {
        self->at++;
        put(self, "^");
    }
    for (bool is_first = true; is_first || peek(self) != ']'; is_first = false) {
        int rc = TW_OK;
        if (inner_class(self, &rc)) {
            if (rc != TW_OK) {
                return rc;
            }
            continue;
        }
        uint32_t low = 0;
        rc = class_code(self, &low);
        if (rc != TW_OK) {
            return rc;
        }
        put_code(self, low);
        if (peek(self) == '-' && self->at + 1 < self->text.len && !is_at(self, "-]")) {
            self->at++;
            uint32_t high = 0;
            rc = class_code(self, &high);
            if (rc != TW_OK) {
                return rc;
            }
            if (high < low) {
                return refuse(self, "a range that runs backwards");
            }
            put(self, "-");
            put_code(self, high);
        }
    }
    self->at++;
    self->before = ATOM;
    return put(self, "]");
}

/* ( with what stands behind it; no group captures, nobody asks. */
static int group(struct scan *self)
{
    self->before = NOTHING;
    if (is_at(self, "(*")) {
        return refuse(self, "nothing to repeat");
    }
    if (!is_at(self, "(?")) {
        self->at++;
        self->depth++;
        return put(self, "(?:");
    }
    self->at += 2;
    if (is_at(self, "P<") || (is_at(self, "<") && !is_at(self, "<=") && !is_at(self, "<!"))) {
        self->at += peek(self) == 'P' ? 2 : 1;
        size_t begin = self->at;
        while (is_word(peek(self))) {
            self->at++;
        }
        if (peek(self) != '>' || self->at == begin) {
            return refuse(self, "a group whose name is none");
        }
        self->at++;
        self->depth++;
        return put(self, "(?:");
    }
    size_t begin = self->at;
    bool has_minus = false;
    while (peek(self) > 0 && (strchr("imsU", peek(self)) != NULL || is_at(self, "-"))) {
        if (peek(self) == '-' && has_minus) {
            break;
        }
        has_minus = has_minus || peek(self) == '-';
        self->at++;
    }
    if ((peek(self) != ')' && peek(self) != ':') ||
        (has_minus && self->text.ptr[self->at - 1] == '-')) {
        return refuse(self, "a kind of group that does not exist here (no looking around)");
    }
    self->depth += peek(self) == ':';
    self->at++;
    put(self, "(?");
    return tw_buf_append(self->out, self->text.ptr + begin, self->at - begin);
}

/* {2}, {2,} and {2,5} are quantifiers, any other { is itself. */
static bool braces(const struct scan *self, size_t *ret_len, bool *ret_is_too_many)
{
    size_t at = self->at + 1;
    unsigned long bounds[2] = {0, 0};
    size_t digits[2] = {0, 0};
    size_t which = 0;
    for (; at < self->text.len && self->text.ptr[at] != '}'; at++) {
        char c = self->text.ptr[at];
        if (c == ',' && which == 0 && digits[0] > 0) {
            which = 1;
        } else if (is_digit(c)) {
            bounds[which] = bounds[which] > TW_PATTERN_REPEAT_MAX
                                ? bounds[which]
                                : bounds[which] * 10 + (unsigned long)(c - '0');
            digits[which]++;
        } else {
            return false;
        }
    }
    if (at >= self->text.len || digits[0] == 0) {
        return false;
    }
    *ret_len = at + 1 - self->at;
    *ret_is_too_many = bounds[0] > TW_PATTERN_REPEAT_MAX || bounds[1] > TW_PATTERN_REPEAT_MAX ||
                       (digits[1] > 0 && bounds[1] < bounds[0]);
    return true;
}

static int repeat(struct scan *self, size_t len, bool is_too_many)
{
    if (is_too_many) {
        return refuse(self, "bounds of a repetition that are none (1000 at most)");
    }
    if (self->before != ATOM) {
        return refuse(self, self->before == NOTHING ? "nothing to repeat"
                                                    : "a repetition of a repetition");
    }
    self->before = REPEATED;
    tw_buf_append(self->out, self->text.ptr + self->at, len);
    self->at += len;
    if (peek(self) == '?') {
        self->at++;
        put(self, "?");
    }
    return self->out->error;
}

static int close_group(struct scan *self)
{
    if (self->depth == 0) {
        return refuse(self, "a ) without its (");
    }
    self->depth--;
    self->at++;
    self->before = ATOM;
    return put(self, ")");
}

static int literal(struct scan *self)
{
    self->before = ATOM;
    uint32_t code = take_code(self);
    return is_word((int)code) ? tw_buf_append_byte(self->out, (uint8_t)code) : put_code(self, code);
}

static int step(struct scan *self)
{
    size_t len = 1;
    bool is_too_many = false;
    int c = peek(self);
    switch (c) {
    case '\\':
        return escape(self);
    case '[':
        return class(self);
    case '(':
        return group(self);
    case ')':
        return close_group(self);
    case '*':
    case '+':
    case '?':
        return repeat(self, len, false);
    case '{':
        return braces(self, &len, &is_too_many) ? repeat(self, len, is_too_many) : literal(self);
    case '^':
    case '$':
        self->before = ATOM;
        self->at++;
        return put(self, c == '^' ? "(?:^)" : "(?:$)");
    case '|':
    case '.':
        self->before = c == '|' ? NOTHING : ATOM;
        self->at++;
        return tw_buf_append_byte(self->out, (uint8_t)c);
    default:
        return literal(self);
    }
}

int tw_pattern_translate(struct tw_str text, struct tw_buf *ret_pattern, struct tw_diag *diag)
{
    struct scan self = {.text = text, .out = ret_pattern, .diag = diag};
    while (self.at < text.len) {
        int rc = step(&self);
        if (rc != TW_OK) {
            return rc;
        }
    }
    if (self.depth > 0) {
        return refuse(&self, "a ( without its )");
    }
    return ret_pattern->error;
}
