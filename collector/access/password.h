/* SPDX-License-Identifier: Apache-2.0
 * Passwords: which are taken, and what is kept of them (Argon2id, its parameters and salt in the
 * record). No message ever holds one.
 * Thread:  any. Hashing and verifying take as long as they cost, and that much memory: whoever
 *          lets others ask for it takes a turn first (access/turns.h).
 * Source:  decision 90; NIST SP 800-63B-4, 3.1.1.2; RFC 9106, 4.
 */
#ifndef TW_ACCESS_PASSWORD_H
#define TW_ACCESS_PASSWORD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "core/str.h"

#define TW_PASSWORD_MIN   12  /* characters */
#define TW_PASSWORD_MAX   128 /* characters */
#define TW_PASSWORD_BYTES 512 /* of UTF-8 */

/* May it become the password of `user`? TW_EINVAL with the diag saying why not: too short or long,
 * not UTF-8, control characters, among the commonest, a name and little else, a row of keys. */
int tw_password_check(struct tw_str password, struct tw_str user, struct tw_diag *diag);

/* Bounds of what one costs; the lower one of memory is what OWASP's cheat sheet asks for. */
#define TW_PASSWORD_PASSES_MIN INT64_C(2)
#define TW_PASSWORD_PASSES_MAX INT64_C(16)
#define TW_PASSWORD_MEMORY_MIN (INT64_C(19) << 20)
#define TW_PASSWORD_MEMORY_MAX (INT64_C(1) << 30)
struct tw_password_cost {
    int64_t passes;
    int64_t memory_bytes;
};
#define TW_PASSWORD_HASH_SIZE 128 /* with the NUL behind its text */

/* What is kept of it. TW_ENOMEM: the memory is not there; TW_EINVAL: a cost out of its bounds, or
 * more than TW_PASSWORD_BYTES. */
int tw_password_hash(struct tw_str password, const struct tw_password_cost *cost,
                     char ret_hash[TW_PASSWORD_HASH_SIZE]);
/* False also for what is no hash, and when there is no memory for it. */
bool tw_password_is(struct tw_str password, struct tw_str hash);
/* Was made with another cost: make it anew at the next sign-in. */
bool tw_password_is_stale(struct tw_str hash, const struct tw_password_cost *cost);

#define TW_PASSWORD_MADE_SIZE 24
/* One of ours, for one use: four groups of five letters and digits, 100 bits. TW_ESYSTEM. */
int tw_password_make(char ret_password[TW_PASSWORD_MADE_SIZE]);

/* The commonest of 12 characters and more, in order (collector/access/common.txt). */
extern const char *const tw_passwords_common[];
extern const size_t tw_passwords_common_count;

#endif
