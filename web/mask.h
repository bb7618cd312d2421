/* SPDX-License-Identifier: Apache-2.0
 * Hides personal data in the JSON of an event: below `data`, every value under a key that names
 * such data (email, phone, name, address, card, iban, ...) becomes "***", and so does a payload
 * that is not structured (text, base64), since nobody can tell what it holds. Works on the text,
 * so that all else stays as it was received, byte for byte: numbers keep their digits.
 * Thread:  pure.
 * Limits:  nesting up to TW_MASK_MAX_DEPTH; what lies deeper is hidden whole.
 * Fails:   text that is no JSON object: TW_ESYNTAX, and nothing of it is shown.
 */
#ifndef TW_WEB_MASK_H
#define TW_WEB_MASK_H

#include <stdbool.h>

#include "core/buf.h"
#include "core/err.h"

#define TW_MASK_MAX_DEPTH 128

/* Does this key (decoded, any case, with or without '_', '-', '.') name personal data? */
bool tw_mask_is_personal(struct tw_str key);

/* Append the masked form of `json`, the object of a CloudEvent, to `out`. *ret_hidden: how many
 * values were replaced. TW_OK, TW_ESYNTAX, TW_ELIMIT, TW_ENOMEM. */
int tw_mask_event(struct tw_str json, struct tw_buf *out, unsigned *ret_hidden);

/* Append `json`, an object, with 0 in the place of every number: for reading the texts of JSON
 * whose numbers (1e999) fit no type that the JSON library has. Errors as above. */
int tw_mask_numbers(struct tw_str json, struct tw_buf *out);

#endif
