/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "access/bearer.h"

#include <sodium.h>

#define VARIANT sodium_base64_VARIANT_URLSAFE_NO_PADDING

_Static_assert(crypto_generichash_blake2b_PERSONALBYTES == 16, "as the names of the kinds below");

static const struct {
    const char *prefix;
    uint8_t personal[crypto_generichash_blake2b_PERSONALBYTES];
} kinds[] = {
    [TW_BEARER_SESSION] = {"", "tillwatch sessi"},
    [TW_BEARER_TOKEN] = {TW_TOKEN_PREFIX, "tillwatch token"},
    [TW_BEARER_DEVICE] = {"", "tillwatch devic"},
};

static int hash_bytes(enum tw_bearer kind, const uint8_t bytes[TW_BEARER_BYTES],
                      uint8_t ret_hash[TW_BEARER_HASH_BYTES])
{
    int failed = crypto_generichash_blake2b_salt_personal(ret_hash, TW_BEARER_HASH_BYTES, bytes,
                                                          TW_BEARER_BYTES, NULL, 0, NULL,
                                                          kinds[kind].personal);
    return failed == 0 ? TW_OK : TW_ESYSTEM;
}

int tw_bearer_make(enum tw_bearer kind, char ret_text[TW_BEARER_TEXT_SIZE],
                   uint8_t ret_hash[TW_BEARER_HASH_BYTES])
{
    uint8_t bytes[TW_BEARER_BYTES];
    size_t at = strlen(kinds[kind].prefix);
    if (sodium_init() < 0) {
        return TW_ESYSTEM;
    }
    randombytes_buf(bytes, sizeof bytes);
    memcpy(ret_text, kinds[kind].prefix, at);
    (void)sodium_bin2base64(ret_text + at, TW_BEARER_TEXT_SIZE - at, bytes, sizeof bytes,
                            VARIANT); /* always fits */
    int rc = hash_bytes(kind, bytes, ret_hash);
    tw_wipe(bytes, sizeof bytes);
    return rc;
}

int tw_bearer_hash(enum tw_bearer kind, struct tw_str text, uint8_t ret_hash[TW_BEARER_HASH_BYTES])
{
    uint8_t bytes[TW_BEARER_BYTES];
    size_t len = 0;
    struct tw_str prefix = tw_str_of(kinds[kind].prefix);
    if (sodium_init() < 0) {
        return TW_ESYSTEM;
    }
    /* One text has one hash: bits behind the 256 are refused by the decoder. */
    if (text.len != prefix.len + TW_BEARER_DIGITS || !tw_str_starts(text, prefix) ||
        sodium_base642bin(bytes, sizeof bytes, text.ptr + prefix.len, TW_BEARER_DIGITS, NULL, &len,
                          NULL, VARIANT) != 0 ||
        len != sizeof bytes) {
        return TW_EINVAL;
    }
    int rc = hash_bytes(kind, bytes, ret_hash);
    tw_wipe(bytes, sizeof bytes);
    return rc;
}

void tw_wipe(void *bytes, size_t len)
{
    sodium_memzero(bytes, len);
}
