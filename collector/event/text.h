/* SPDX-License-Identifier: Apache-2.0
 * Texts of attributes: UTF-8, the characters CloudEvents allows, base64, decimal amounts, and
 * writing JSON strings. Thread: plain functions. Source: CloudEvents 1.0.2 "Type system";
 * RFC 3629; RFC 4648 section 4; ISO 4217.
 */
#ifndef TW_EVENT_TEXT_H
#define TW_EVENT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

bool tw_utf8_is_valid(struct tw_str text);

/* Bytes before the first character that a CloudEvents String must not hold: U+0000-001F,
 * U+007F-009F, noncharacters, or bytes that are not UTF-8; text.len: there is none. */
size_t tw_text_allowed(struct tw_str text);

/* A whole number of 32 bits as JSON writes it: -?digits without leading zeros. */
bool tw_text_is_int32(struct tw_str text);

/* -?digits(.digits)?, 1 to 38 digits (what a decimal column of SQL holds). */
bool tw_text_is_amount(struct tw_str text);

/* Three letters A to Z. */
bool tw_text_is_currency(struct tw_str text);

/* Digits behind the decimal point of a currency: 0 (JPY) to 4 (CLF); 2 for what the table of
 * exceptions does not have. */
unsigned tw_currency_exponent(struct tw_str currency);

/* "10100" minor units and exponent 2 -> "101.00". units: -?digits. Writes at most units.len + 6
 * bytes into out; returns how many, 0 when units is not a whole number of 1 to 38 digits. */
size_t tw_amount_from_minor(struct tw_str units, unsigned exponent, char *out);

/* RFC 4648 with padding, nothing else in it. */
bool tw_base64_is_valid(struct tw_str text);
static inline size_t tw_base64_len(size_t len)
{
    return (len + 2) / 3 * 4;
}
/* Writes tw_base64_len(bytes.len) bytes. */
void tw_base64_write(struct tw_str bytes, char *out);

/* A writer into memory that was measured before: with out NULL it only counts. */
struct tw_writer {
    char *out;
    size_t len;
};
void tw_write(struct tw_writer *self, struct tw_str text);
/* text as a JSON string with its quotes. text is UTF-8 without control characters. */
void tw_write_quoted(struct tw_writer *self, struct tw_str text);

#endif
