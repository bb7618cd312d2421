/* SPDX-License-Identifier: Apache-2.0
 * What somebody may do here, in words; and the roles, which are sets of them.
 * Thread: constant data and plain functions.
 * Source: decision 90.
 */
#ifndef TW_ACCESS_RIGHTS_H
#define TW_ACCESS_RIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/str.h"

/* X(enum, "word", "what it allows") */
#define TW_RIGHTS(X)                                                           \
    X(READ, "read", "see journeys, runs, failures, stores, replays")           \
    X(REVEAL, "reveal", "see what is masked; asks for a reason")               \
    X(ACKNOWLEDGE, "acknowledge", "acknowledge alerts, note, assign failures") \
    X(SILENCE, "silence", "silence alerts")                                    \
    X(REPLAY, "replay", "plan and start replays, pause and end them")          \
    X(APPROVE, "approve", "be the second person of a replay that wants one")   \
    X(EDIT, "edit", "change an event before it is sent again")                 \
    X(RETRY, "retry", "try entries of the quarantine again")                   \
    X(NOTIFY, "notify", "send a test to a receiver")                           \
    X(HEARTBEAT, "heartbeat", "report that something outside is alive")        \
    X(PUSH, "push", "post alerts (POST /api/v2/alerts)")                       \
    X(CAUSES, "causes", "change the rules for causes")                         \
    X(RELOAD, "reload", "read the configuration's files again")                \
    X(AUDIT, "audit", "read the audit")                                        \
    X(USERS, "users", "manage users and tokens")                               \
    X(ERASE, "erase", "erase what is known of a customer")

enum tw_right {
#define TW_RIGHT_ENUM(name, word, help) TW_RIGHT_##name,
    TW_RIGHTS(TW_RIGHT_ENUM)
#undef TW_RIGHT_ENUM
        TW_RIGHT_COUNT
};
/* A set: bit n is right n. */
typedef uint32_t tw_rights_t;
#define TW_RIGHT_BIT(right) ((tw_rights_t)1 << (right))
#define TW_RIGHTS_ALL       (TW_RIGHT_BIT(TW_RIGHT_COUNT) - 1)

const char *tw_right_name(enum tw_right right);
const char *tw_right_help(enum tw_right right);
/* False: there is no such right. */
bool tw_right_of(struct tw_str word, enum tw_right *ret_right);

/* ROLE(enum, "word", rights) */
#define TW_ROLES(ROLE)                                                         \
    ROLE(NONE, "none", 0)                                                      \
    ROLE(VIEWER, "viewer", TW_RIGHT_BIT(TW_RIGHT_READ))                        \
    ROLE(OPERATOR, "operator",                                                 \
         TW_RIGHT_BIT(TW_RIGHT_READ) | TW_RIGHT_BIT(TW_RIGHT_ACKNOWLEDGE) |    \
             TW_RIGHT_BIT(TW_RIGHT_SILENCE) | TW_RIGHT_BIT(TW_RIGHT_REPLAY) |  \
             TW_RIGHT_BIT(TW_RIGHT_APPROVE) | TW_RIGHT_BIT(TW_RIGHT_RETRY) |   \
             TW_RIGHT_BIT(TW_RIGHT_NOTIFY) | TW_RIGHT_BIT(TW_RIGHT_HEARTBEAT)) \
    ROLE(ADMIN, "admin", TW_RIGHTS_ALL)

enum tw_role {
#define TW_ROLE_ENUM(name, word, rights) TW_ROLE_##name,
    TW_ROLES(TW_ROLE_ENUM)
#undef TW_ROLE_ENUM
        TW_ROLE_COUNT
};
#define TW_ROLE_WORDS "none, viewer, operator or admin"

const char *tw_role_name(enum tw_role role);
/* False: there is no such role. */
bool tw_role_of(struct tw_str word, enum tw_role *ret_role);
tw_rights_t tw_role_rights(enum tw_role role);

#define TW_ACCESS_NAME_MAX 64
/* Of a user or a token: [a-z0-9][a-z0-9._@-]{0,63}. */
bool tw_access_name_is_valid(struct tw_str name);

#endif
