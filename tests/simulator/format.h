/* SPDX-License-Identifier: Apache-2.0
 * Numbers as text without the cost of printf: each function writes at `out` and returns the
 * place behind what it wrote. Nothing is terminated. Thread: pure functions.
 */
#ifndef SIM_FORMAT_H
#define SIM_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

extern const char sim_digit_pairs[201]; /* "000102...99" */
extern const char sim_hex_pairs[513];   /* "000102...ff" */

/* What may be written behind the end of a text by sim_put_text: output buffers keep this free,
 * and every text that is put has as many readable bytes behind it. */
#define SIM_SLACK 32

/* `len` bytes, in strides: reads and writes up to SIM_SLACK bytes more. */
static inline char *sim_put_text(char *out, const char *text, size_t len)
{
    for (size_t at = 0; at < len; at += SIM_SLACK) {
        memcpy(out + at, text + at, SIM_SLACK);
    }
    return out + len;
}

static inline char *sim_put_2(char *out, uint32_t value)
{
    memcpy(out, sim_digit_pairs + (size_t)value * 2, 2);
    return out + 2;
}

static inline char *sim_put_4(char *out, uint32_t value)
{
    return sim_put_2(sim_put_2(out, value / 100), value % 100);
}

static inline char *sim_put_6(char *out, uint32_t value)
{
    return sim_put_2(sim_put_4(out, value / 100), value % 100);
}

static inline char *sim_put_8(char *out, uint32_t value)
{
    return sim_put_4(sim_put_4(out, value / 10000), value % 10000);
}

/* Twelve digits with leading zeros; value below 10^12. */
static inline char *sim_put_12(char *out, uint64_t value)
{
    return sim_put_6(sim_put_6(out, (uint32_t)(value / 1000000)), (uint32_t)(value % 1000000));
}

/* Decimal without leading zeros. */
static inline char *sim_put_u64(char *out, uint64_t value)
{
    char text[20];
    size_t at = sizeof(text);
    while (value >= 100) {
        at -= 2;
        memcpy(text + at, sim_digit_pairs + (value % 100) * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        at -= 2;
        memcpy(text + at, sim_digit_pairs + value * 2, 2);
    } else {
        at -= 1;
        text[at] = (char)('0' + (char)value);
    }
    memcpy(out, text + at, sizeof(text) - at);
    return out + (sizeof(text) - at);
}

/* Minor units as a decimal amount: 5990 -> 59.90. */
static inline char *sim_put_amount(char *out, uint32_t minor)
{
    out = sim_put_u64(out, minor / 100);
    *out = '.';
    return sim_put_2(out + 1, minor % 100);
}

/* Sixteen lower-case hexadecimal digits. */
static inline char *sim_put_hex16(char *out, uint64_t value)
{
    for (int shift = 56; shift >= 0; shift -= 8) {
        memcpy(out, sim_hex_pairs + ((value >> shift) & 0xff) * 2, 2);
        out += 2;
    }
    return out;
}

/* 2026-11-21T02:10:08.123456Z; the text of the last second is kept. */
struct sim_time_text {
    int64_t second; /* since 1970 */
    char text[20];  /* to the seconds */
};
#define SIM_TIME_TEXT_LEN 27
/* time_us: microseconds since 1970, years 1970 to 9999. */
char *sim_put_time(struct sim_time_text *cache, char *out, int64_t time_us);

#endif
