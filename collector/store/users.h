/* SPDX-License-Identifier: Apache-2.0
 * Users: rows of desk.db. Every change is a deed: its row of the audit first, then the change, in
 * one transaction; of a password only that it was changed is said there.
 * Thread:  reading: that of the reader of the desk. Commands: any; each opens, writes, closes.
 * Limits:  TW_USERS_MAX; grants as access/grant.h.
 * Fails:   TW_ENOTFOUND: no such user, or no desk yet; TW_EINVAL: a name, role or grant that is
 *          none; as store/desk_read.h. Nothing was changed then.
 * Source:  decision 90; reference/store.md, "Users, sessions, tokens".
 */
#ifndef TW_STORE_USERS_H
#define TW_STORE_USERS_H

#include "access/grant.h"
#include "store/desk_read.h"

#define TW_USERS_MAX 10000

struct tw_user {
    uint64_t id;
    struct tw_str name;
    enum tw_role role;
    struct tw_str grants;   /* lines; empty: none */
    struct tw_str password; /* the record */
    bool must_change;
    tw_wall_t created;
    tw_wall_t disabled; /* 0: is not */
    tw_wall_t password_changed;
    tw_wall_t signed_in; /* last; 0: never */
};
/* TW_ENOTFOUND. */
int tw_user_find(struct tw_desk_reader *self, struct tw_arena *arena, struct tw_str name,
                 struct tw_user *ret_user);
/* In order of name, those behind `after` (absent: from the first), at most limit (1 to 1,000). */
int tw_users_list(struct tw_desk_reader *self, struct tw_arena *arena, struct tw_str after,
                  size_t limit, const struct tw_user **ret_items, size_t *ret_count);

/* Whether the desk is there and of this version: TW_OK, TW_ENOTFOUND, TW_EOLDER, ... */
int tw_users_ready(const char *dir, struct tw_diag *diag);

/* Who wants it done, for the audit. */
struct tw_access_command {
    const char *dir;
    struct tw_str actor;
    struct tw_str kind;    /* "user", "token"; absent: at this machine */
    struct tw_str address; /* absent: not known */
    struct tw_str reason;  /* absent: none was asked for */
    tw_wall_t now;
};
struct tw_user_new {
    struct tw_str name;
    enum tw_role role;
    struct tw_str grants;   /* lines, as access/grant.h writes them */
    struct tw_str password; /* the record */
    bool must_change;
};
/* TW_EEXISTS; TW_ELIMIT: TW_USERS_MAX. */
int tw_user_add(const struct tw_access_command *command, const struct tw_user_new *user,
                struct tw_diag *diag);
/* The same where there is no user at all; *ret_made: there was none. For the first start. */
int tw_user_add_first(const struct tw_access_command *command, const struct tw_user_new *user,
                      bool *ret_made, struct tw_diag *diag);
/* Ends the sessions of the user, and forgets the devices, but for the session `except` (0: none).
 */
int tw_user_set_password(const struct tw_access_command *command, struct tw_str name,
                         struct tw_str password, bool must_change, uint64_t except,
                         struct tw_diag *diag);
/* The same password with another cost: no deed, and only where it is still `before`. */
int tw_user_renew_password(const char *dir, uint64_t id, struct tw_str before,
                           struct tw_str password, struct tw_diag *diag);
/* Ends the sessions of the user. TW_EPERM: it would leave no admin who can sign in; so do disabling
 * and removing. */
int tw_user_set_role(const struct tw_access_command *command, struct tw_str name, enum tw_role role,
                     struct tw_diag *diag);
/* These lines take the place of those there were. */
int tw_user_set_grants(const struct tw_access_command *command, struct tw_str name,
                       struct tw_str grants, struct tw_diag *diag);
/* Disabling ends the sessions of the user. Once more changes nothing and is no error. */
int tw_user_set_disabled(const struct tw_access_command *command, struct tw_str name,
                         bool is_disabled, struct tw_diag *diag);
/* With all sessions. What the audit says of the user stays. */
int tw_user_remove(const struct tw_access_command *command, struct tw_str name,
                   struct tw_diag *diag);

#endif
