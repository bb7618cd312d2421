/* SPDX-License-Identifier: Apache-2.0
 * Sessions of users, and marks of the devices that they signed in with. Known by hashes only
 * (access/bearer.h); when one is over says access/session.h.
 * Thread:  reading: that of the reader of the desk. Commands: any; each opens, writes, closes.
 * Limits:  TW_SESSIONS_MAX and TW_DEVICES_MAX of one user: the one not used for longest goes.
 * Fails:   as store/users.h.
 */
#ifndef TW_STORE_SESSIONS_H
#define TW_STORE_SESSIONS_H

#include "access/bearer.h"
#include "access/session.h"
#include "store/users.h"

#define TW_SESSIONS_MAX      20
#define TW_DEVICES_MAX       8
#define TW_DEVICE_DAYS       90 /* a device that did not sign in for so long is a stranger */
#define TW_SESSION_SEE_S     60 /* a use is written when the last one is so old */
#define TW_SESSION_AGENT_MAX 200

struct tw_session {
    uint64_t id;
    struct tw_session_time time;
    struct tw_str address; /* it began from; absent: not known */
    struct tw_str agent;   /* what the browser said of itself; absent: nothing */
};

struct tw_sign_in {
    const uint8_t *hash;   /* of the session's id */
    const uint8_t *before; /* of one that this takes the place of, which ends; NULL: none */
    const uint8_t *device; /* of its mark; NULL: none */
    struct tw_str agent;   /* at most TW_SESSION_AGENT_MAX bytes are kept */
    struct tw_session_limits limits;
};
/* The user, whose password was right, signs in: a deed. Sessions that are over go, whosever they
 * are. TW_EPERM: the user is disabled. */
int tw_session_begin(const struct tw_access_command *command, struct tw_str user,
                     const struct tw_sign_in *sign_in, uint64_t *ret_id, struct tw_diag *diag);
/* Whose it is, if it is not over. TW_ENOTFOUND: there is none, it is over, or the user is
 * disabled. */
int tw_session_find(struct tw_desk_reader *self, struct tw_arena *arena,
                    const uint8_t hash[TW_BEARER_HASH_BYTES],
                    const struct tw_session_limits *limits, tw_wall_t now,
                    struct tw_session *ret_session, struct tw_user *ret_user);
/* It was used: no deed. Writes only what tw_session_is_due says. TW_EBUSY: later will do. */
int tw_session_seen(const char *dir, const struct tw_session *session, tw_wall_t now,
                    struct tw_diag *diag);
bool tw_session_is_due(const struct tw_session *session, tw_wall_t now);
/* Those of a user, the newest first, also such as are over. */
int tw_sessions_list(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t user,
                     const struct tw_session **ret_items, size_t *ret_count);
/* One of the user's ends: a deed. TW_ENOTFOUND: none of theirs. */
int tw_session_end(const struct tw_access_command *command, struct tw_str user, uint64_t id,
                   struct tw_diag *diag);
/* All of the user's but `except` (0: none): a deed. */
int tw_sessions_end_all(const struct tw_access_command *command, struct tw_str user,
                        uint64_t except, struct tw_diag *diag);

/* Whether the user signed in with this device before, within TW_DEVICE_DAYS. */
int tw_device_is_known(struct tw_desk_reader *self, uint64_t user,
                       const uint8_t hash[TW_BEARER_HASH_BYTES], tw_wall_t now, bool *ret_is_known);

#endif
