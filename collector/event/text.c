/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "event/text.h"

#include <string.h>

#include "event/bytes.h"

/* Digits of an amount. Source: the widest decimal type of common SQL engines. */
#define MAX_AMOUNT_DIGITS 38

bool tw_utf8_is_valid(struct tw_str text)
{
    const char *p = text.ptr;
    const char *end = tw_str_end(text);
    while (p < end) {
        p = tw_bytes_special(p, end);
        if (p == end) {
            break;
        }
        size_t len = (uint8_t)*p < 0x80 ? 1 : tw_bytes_utf8(p, end);
        if (len == 0) {
            return false;
        }
        p += len;
    }
    return true;
}

/* The code point of a valid sequence of len bytes at p. */
static uint32_t code_point(const char *p, size_t len)
{
    static const uint8_t mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t point = (uint8_t)p[0] & mask[len];
    for (size_t i = 1; i < len; i++) {
        point = point << 6 | ((uint8_t)p[i] & 0x3f);
    }
    return point;
}

static bool point_is_allowed(uint32_t point)
{
    bool is_control = point < 0x20 || (point >= 0x7f && point <= 0x9f);
    bool is_noncharacter = (point & 0xfffe) == 0xfffe || (point >= 0xfdd0 && point <= 0xfdef);
    return !is_control && !is_noncharacter;
}

size_t tw_text_allowed(struct tw_str text)
{
    const char *p = text.ptr;
    const char *end = tw_str_end(text);
    for (;;) {
        p = tw_bytes_special(p, end);
        if (p == end) {
            return text.len;
        }
        size_t len = (uint8_t)*p < 0x80 ? 1 : tw_bytes_utf8(p, end);
        if (len == 0 || !point_is_allowed(code_point(p, len))) {
            return (size_t)(p - text.ptr);
        }
        p += len;
    }
}

bool tw_text_is_int32(struct tw_str text)
{
    bool is_negative = text.len > 0 && text.ptr[0] == '-';
    size_t i = is_negative ? 1 : 0;
    size_t digits = text.len - i;
    if (digits == 0 || digits > 10 || (digits > 1 && text.ptr[i] == '0')) {
        return false;
    }
    int64_t value = 0;
    for (; i < text.len; i++) {
        if (!tw_byte_is_digit(text.ptr[i])) {
            return false;
        }
        value = value * 10 + (text.ptr[i] - '0');
    }
    return value <= (is_negative ? -(int64_t)INT32_MIN : INT32_MAX);
}

bool tw_text_is_amount(struct tw_str text)
{
    size_t digits = 0;
    size_t points = 0;
    for (size_t i = text.len > 0 && text.ptr[0] == '-' ? 1 : 0; i < text.len; i++) {
        if (tw_byte_is_digit(text.ptr[i])) {
            digits++;
        } else if (text.ptr[i] == '.' && digits > 0 && points == 0) {
            points++;
        } else {
            return false;
        }
    }
    return digits > 0 && digits <= MAX_AMOUNT_DIGITS && text.ptr[text.len - 1] != '.';
}

bool tw_text_is_currency(struct tw_str text)
{
    return text.len == 3 && text.ptr[0] >= 'A' && text.ptr[0] <= 'Z' && text.ptr[1] >= 'A' &&
           text.ptr[1] <= 'Z' && text.ptr[2] >= 'A' && text.ptr[2] <= 'Z';
}

unsigned tw_currency_exponent(struct tw_str currency)
{
    /* ISO 4217, list one, amendment 176: all that do not have two digits. */
    static const struct {
        char code[4];
        uint8_t exponent;
    } exceptions[] = {
        {"BHD", 3}, {"BIF", 0}, {"CLF", 4}, {"CLP", 0}, {"DJF", 0}, {"GNF", 0}, {"IQD", 3},
        {"ISK", 0}, {"JOD", 3}, {"JPY", 0}, {"KMF", 0}, {"KRW", 0}, {"KWD", 3}, {"LYD", 3},
        {"OMR", 3}, {"PYG", 0}, {"RWF", 0}, {"TND", 3}, {"UGX", 0}, {"UYI", 0}, {"UYW", 4},
        {"VND", 0}, {"VUV", 0}, {"XAF", 0}, {"XOF", 0}, {"XPF", 0},
    };
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0] && currency.len == 3; i++) {
        const char *code = exceptions[i].code;
        if (currency.ptr[0] == code[0] && currency.ptr[1] == code[1] &&
            currency.ptr[2] == code[2]) {
            return exceptions[i].exponent;
        }
    }
    return 2;
}

size_t tw_amount_from_minor(struct tw_str units, unsigned exponent, char *out)
{
    size_t sign = units.len > 0 && units.ptr[0] == '-' ? 1 : 0;
    struct tw_str digits = {units.ptr + sign, units.len - sign};
    if (digits.len == 0 || digits.len > MAX_AMOUNT_DIGITS) {
        return 0;
    }
    for (size_t i = 0; i < digits.len; i++) {
        if (!tw_byte_is_digit(digits.ptr[i])) {
            return 0;
        }
    }
    char *o = out;
    memcpy(o, units.ptr, sign);
    o += sign;
    size_t whole = digits.len > exponent ? digits.len - exponent : 0;
    if (whole == 0) {
        *o++ = '0';
    }
    memcpy(o, digits.ptr, whole);
    o += whole;
    if (exponent > 0) {
        *o++ = '.';
        for (size_t zeros = digits.len; zeros < exponent; zeros++) {
            *o++ = '0';
        }
        memcpy(o, digits.ptr + whole, digits.len - whole);
        o += digits.len - whole;
    }
    return (size_t)(o - out);
}

static const char base64_letters[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (tw_byte_is_digit(c)) {
        return c - '0' + 52;
    }
    return c == '+' ? 62 : (c == '/' ? 63 : -1);
}

bool tw_base64_is_valid(struct tw_str text)
{
    if (text.len % 4 != 0) {
        return false;
    }
    size_t letters = text.len;
    while (letters > 0 && text.len - letters < 2 && text.ptr[letters - 1] == '=') {
        letters--;
    }
    for (size_t i = 0; i < letters; i++) {
        if (base64_value(text.ptr[i]) < 0) {
            return false;
        }
    }
    return true;
}

void tw_base64_write(struct tw_str bytes, char *out)
{
    size_t i = 0;
    for (; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)(uint8_t)bytes.ptr[i] << 16;
        group |= left > 1 ? (uint32_t)(uint8_t)bytes.ptr[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)(uint8_t)bytes.ptr[i + 2] : 0;
        *out++ = base64_letters[group >> 18];
        *out++ = base64_letters[group >> 12 & 63];
        *out++ = left > 1 ? base64_letters[group >> 6 & 63] : '=';
        *out++ = left > 2 ? base64_letters[group & 63] : '=';
    }
}

void tw_write(struct tw_writer *self, struct tw_str text)
{
    if (self->out != NULL && text.len > 0) {
        memcpy(self->out + self->len, text.ptr, text.len);
    }
    self->len += text.len;
}

void tw_write_quoted(struct tw_writer *self, struct tw_str text)
{
    tw_write(self, TW_STR_LIT("\""));
    const char *p = text.ptr;
    const char *end = tw_str_end(text);
    while (p < end) {
        const char *run = p;
        while (p < end && *p != '"' && *p != '\\') {
            p++;
        }
        tw_write(self, (struct tw_str){run, (size_t)(p - run)});
        if (p < end) {
            char escaped[2] = {'\\', *p++};
            tw_write(self, (struct tw_str){escaped, sizeof escaped});
        }
    }
    tw_write(self, TW_STR_LIT("\""));
}
