/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "access/password.h"

#include <sodium.h>
#include <stdlib.h>

#include "event/text.h"

_Static_assert(crypto_pwhash_STRBYTES == TW_PASSWORD_HASH_SIZE, "the text of a hash fits");

#define PRODUCT        "tillwatch"
#define NAME_MIN       3 /* letters of a name that say something */
#define BESIDE_NAME    8 /* characters that a password has beside a name in it */
#define DISTINCT_MIN   5 /* characters that differ */
#define UNEXPECTED_MIN 6 /* characters that do not follow from those before */
#define MADE_GROUPS    4
#define MADE_LETTERS   5

/* ---- what it looks like ---- */

/* What stands for letters, in pairs; 1 for either of two. */
static const char *const disguises[] = {"", "@a$s!i0o", "@a$s!i0o1l3e4a5s7t", "@a$s!i0o1i3e4a5s7t"};
#define LEVELS (sizeof disguises / sizeof disguises[0])

/* Letters in small, and those that are meant. */
static char folded(char c, size_t level)
{
    for (const char *pair = disguises[level]; *pair != '\0'; pair += 2) {
        if (pair[0] == c) {
            return pair[1];
        }
    }
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static void fold(struct tw_str password, size_t level, char *ret_text)
{
    for (size_t i = 0; i < password.len; i++) {
        ret_text[i] = folded(password.ptr[i], level);
    }
}

static int compare_common(const void *key, const void *item)
{
    const struct tw_str *text = key;
    return tw_str_compare(*text, tw_str_of(*(const char *const *)item));
}

static bool is_common(struct tw_str text)
{
    return bsearch(&text, tw_passwords_common, tw_passwords_common_count,
                   sizeof tw_passwords_common[0], compare_common) != NULL;
}

static size_t characters(struct tw_str text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += ((unsigned char)text.ptr[i] & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

/* How many characters stand beside all occurrences of `name`. SIZE_MAX: it is not in it. */
static size_t beside(struct tw_str text, struct tw_str name)
{
    size_t at = 0;
    size_t found = 0;
    if (name.len < NAME_MIN) {
        return SIZE_MAX;
    }
    while (at + name.len <= text.len) {
        if (memcmp(text.ptr + at, name.ptr, name.len) == 0) {
            found++;
            at += name.len;
        } else {
            at++;
        }
    }
    return found == 0 ? SIZE_MAX : characters(text) - found * name.len; /* names are ASCII */
}

static bool is_mostly_a_name(struct tw_str text, struct tw_str user)
{
    const char *at = memchr(user.ptr, '@', user.len);
    struct tw_str local = {user.ptr, at == NULL ? 0 : (size_t)(at - user.ptr)};
    return beside(text, TW_STR_LIT(PRODUCT)) < BESIDE_NAME || beside(text, user) < BESIDE_NAME ||
           beside(text, local) < BESIDE_NAME;
}

/* Few bytes that differ, or most of them the one before, or the next of a row: 1234, dcba. */
static bool is_a_row(struct tw_str text)
{
    bool is_seen[256] = {false};
    size_t distinct = 0;
    size_t unexpected = 0;
    int step = 2; /* none */
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        unsigned char before = i == 0 ? 0 : (unsigned char)text.ptr[i - 1];
        int now = i == 0 ? 2 : (c == '0' && before == '9' ? 1 : c - before);
        distinct += is_seen[c] ? 0 : 1;
        is_seen[c] = true;
        unexpected += now == 0 || (now == step && (now == 1 || now == -1)) ? 0 : 1;
        step = now;
    }
    return distinct < DISTINCT_MIN || unexpected < UNEXPECTED_MIN;
}

static bool has_control(struct tw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

static int check_guessable(struct tw_str password, struct tw_str user, struct tw_diag *diag)
{
    char bytes[TW_PASSWORD_BYTES];
    int rc = TW_OK;
    for (size_t level = 0; level < LEVELS && rc == TW_OK; level++) {
        const struct tw_str text = {bytes, password.len};
        fold(password, level, bytes);
        if (is_common(text)) {
            rc = tw_diag_set(diag, TW_EINVAL, "password: it is one of the commonest");
        } else if (is_mostly_a_name(text, user)) {
            rc = tw_diag_set(diag, TW_EINVAL, "password: it is a name and little else");
        } else if (level == 0 && is_a_row(text)) {
            rc = tw_diag_set(diag, TW_EINVAL, "password: it is a row of few or following keys");
        }
    }
    sodium_memzero(bytes, sizeof bytes);
    return rc;
}

int tw_password_check(struct tw_str password, struct tw_str user, struct tw_diag *diag)
{
    if (password.len > TW_PASSWORD_BYTES) {
        return tw_diag_set(diag, TW_EINVAL, "password: at most %d bytes", TW_PASSWORD_BYTES);
    }
    if (!tw_utf8_is_valid(password)) {
        return tw_diag_set(diag, TW_EINVAL, "password: it is not UTF-8");
    }
    if (has_control(password)) {
        return tw_diag_set(diag, TW_EINVAL, "password: it has control characters");
    }
    size_t count = characters(password);
    if (count < TW_PASSWORD_MIN || count > TW_PASSWORD_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "password: %d to %d characters", TW_PASSWORD_MIN,
                           TW_PASSWORD_MAX);
    }
    return check_guessable(password, user, diag);
}

/* ---- what is kept ---- */

static bool is_within(const struct tw_password_cost *cost)
{
    return cost->passes >= TW_PASSWORD_PASSES_MIN && cost->passes <= TW_PASSWORD_PASSES_MAX &&
           cost->memory_bytes >= TW_PASSWORD_MEMORY_MIN &&
           cost->memory_bytes <= TW_PASSWORD_MEMORY_MAX;
}

int tw_password_hash(struct tw_str password, const struct tw_password_cost *cost,
                     char ret_hash[TW_PASSWORD_HASH_SIZE])
{
    char hash[TW_PASSWORD_HASH_SIZE];
    if (!is_within(cost) || password.len > TW_PASSWORD_BYTES) {
        return TW_EINVAL;
    }
    if (sodium_init() < 0) {
        return TW_ESYSTEM;
    }
    if (crypto_pwhash_str_alg(hash, password.ptr, password.len, (unsigned long long)cost->passes,
                              (size_t)cost->memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0) {
        return TW_ENOMEM;
    }
    memcpy(ret_hash, hash, sizeof hash);
    return TW_OK;
}

/* As libsodium wants it: terminated, zeros behind. */
static bool copy_hash(struct tw_str hash, char ret_text[TW_PASSWORD_HASH_SIZE])
{
    if (hash.len == 0 || hash.len >= TW_PASSWORD_HASH_SIZE || sodium_init() < 0) {
        return false;
    }
    memset(ret_text, 0, TW_PASSWORD_HASH_SIZE);
    memcpy(ret_text, hash.ptr, hash.len);
    return true;
}

bool tw_password_is(struct tw_str password, struct tw_str hash)
{
    char text[TW_PASSWORD_HASH_SIZE];
    return password.len <= TW_PASSWORD_BYTES && copy_hash(hash, text) &&
           crypto_pwhash_str_verify(text, password.ptr, password.len) == 0;
}

bool tw_password_is_stale(struct tw_str hash, const struct tw_password_cost *cost)
{
    char text[TW_PASSWORD_HASH_SIZE];
    return !copy_hash(hash, text) ||
           crypto_pwhash_str_needs_rehash(text, (unsigned long long)cost->passes,
                                          (size_t)cost->memory_bytes) != 0;
}

/* ---- one of ours ---- */

int tw_password_make(char ret_password[TW_PASSWORD_MADE_SIZE])
{
    /* Nothing that looks like another: 32 of them, five bits each. */
    static const char letters[] = "abcdefghijkmnpqrstuvwxyz23456789";
    size_t at = 0;
    if (sodium_init() < 0) {
        return TW_ESYSTEM;
    }
    for (int group = 0; group < MADE_GROUPS; group++) {
        for (int i = 0; i < MADE_LETTERS; i++) {
            ret_password[at++] = letters[randombytes_uniform(sizeof letters - 1)];
        }
        ret_password[at++] = group + 1 < MADE_GROUPS ? '-' : '\0';
    }
    return TW_OK;
}
