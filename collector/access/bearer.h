/* SPDX-License-Identifier: Apache-2.0
 * What gives access to whoever shows it: ids of sessions, tokens of programs, marks of devices.
 * 256 bits from the system, shown as base64url; only a hash of them is ever stored. Hashes of the
 * three kinds differ for the same text, so that none can stand in for another.
 * Thread:  any.
 * Fails:   TW_ESYSTEM: there are no random bytes.
 * Source:  decision 90; BLAKE2b-256 by libsodium, with the kind as its personalisation.
 */
#ifndef TW_ACCESS_BEARER_H
#define TW_ACCESS_BEARER_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/str.h"

enum tw_bearer { TW_BEARER_SESSION, TW_BEARER_TOKEN, TW_BEARER_DEVICE };

#define TW_BEARER_BYTES      32
#define TW_BEARER_HASH_BYTES 32
#define TW_BEARER_DIGITS     43 /* of base64url without '=' */
#define TW_BEARER_TEXT_SIZE  48 /* "tw_" of a token, the digits, a NUL */
#define TW_TOKEN_PREFIX      "tw_"

/* A new one: its text, terminated, and what is stored of it. */
int tw_bearer_make(enum tw_bearer kind, char ret_text[TW_BEARER_TEXT_SIZE],
                   uint8_t ret_hash[TW_BEARER_HASH_BYTES]);
/* What is stored of one that is shown. TW_EINVAL: it is none, whatever is stored. */
int tw_bearer_hash(enum tw_bearer kind, struct tw_str text, uint8_t ret_hash[TW_BEARER_HASH_BYTES]);
/* Overwrite what is not to stay in memory. */
void tw_wipe(void *bytes, size_t len);

#endif
