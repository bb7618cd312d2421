/* SPDX-License-Identifier: Apache-2.0
 * Tokens of programs: shown once, known by their hashes (access/bearer.h).
 * Thread:  reading: that of the reader of the desk. Commands: any; each opens, writes, closes.
 * Limits:  TW_TOKENS_MAX; expiry within TW_TOKEN_DAYS_MAX.
 * Fails:   as store/users.h.
 */
#ifndef TW_STORE_TOKENS_H
#define TW_STORE_TOKENS_H

#include "access/bearer.h"
#include "store/users.h"

#define TW_TOKENS_MAX     1000
#define TW_TOKEN_DAYS_MAX INT64_C(1826) /* five years */
#define TW_TOKEN_USED_S   3600          /* uses are known to the hour */

struct tw_token {
    uint64_t id;
    struct tw_str name;
    enum tw_role role;
    struct tw_str grants;
    tw_wall_t created;
    struct tw_str made_by;
    tw_wall_t expires;
    tw_wall_t used; /* 0: never */
};

struct tw_token_new {
    struct tw_str name;
    const uint8_t *hash;
    enum tw_role role;
    struct tw_str grants;
    tw_wall_t expires;
};
/* A deed. TW_EEXISTS, TW_ELIMIT; TW_EINVAL: expires at once, or too late. */
int tw_token_add(const struct tw_access_command *command, const struct tw_token_new *token,
                 struct tw_diag *diag);
/* A deed: nobody gets in with it from now on; its name is free. */
int tw_token_revoke(const struct tw_access_command *command, struct tw_str name,
                    struct tw_diag *diag);
/* TW_ENOTFOUND: there is none, or it has expired. */
int tw_token_find(struct tw_desk_reader *self, struct tw_arena *arena,
                  const uint8_t hash[TW_BEARER_HASH_BYTES], tw_wall_t now,
                  struct tw_token *ret_token);
/* It was used: no deed. Writes only when it was not yet in this hour. */
int tw_token_used(const char *dir, const struct tw_token *token, tw_wall_t now,
                  struct tw_diag *diag);
/* All, in order of name, also expired ones. */
int tw_tokens_list(struct tw_desk_reader *self, struct tw_arena *arena,
                   const struct tw_token **ret_items, size_t *ret_count);

#endif
