/* SPDX-License-Identifier: Apache-2.0
 * A deed of an operator on the desk: one transaction whose first row is that of the audit. If
 * either cannot be written, neither is there. Nothing outside collector/store/ includes it.
 * Thread:  any; each deed opens its own connection and closes it.
 * Fails:   TW_ENOTFOUND: there is no desk yet; TW_EINVAL: the reason is too long; as store/desk.h.
 */
#ifndef TW_STORE_DESK_DEED_H
#define TW_STORE_DESK_DEED_H

#include "store/desk_internal.h"

struct tw_desk_deed {
    const char *dir;
    struct tw_str subject; /* "group:7", "replay:17" */
    struct tw_str actor;
    struct tw_str kind;    /* of actor: "user", "token", "system"; absent: "local" */
    struct tw_str address; /* of who asks; absent: not known */
    struct tw_str action;
    struct tw_str detail;  /* absent: nothing more to say */
    struct tw_str reason;  /* absent where none is asked for */
    struct tw_str outcome; /* absent: "done" */
    tw_wall_t now;
};
/* A connection of its own, for what is nobody's deed; the caller closes it. */
int tw_desk_open_for_writing(const char *dir, sqlite3 **ret_db, struct tw_diag *diag);
/* Open, begin, and write the row of the audit. The caller goes on, and calls finish in every case:
 * *ret_db is set also when this fails. */
int tw_desk_deed_begin(const struct tw_desk_deed *deed, sqlite3 **ret_db, struct tw_diag *diag);
/* Commit what was done, or with an error nothing of it; closes. The error, or that of the commit.
 */
int tw_desk_deed_finish(sqlite3 **db_p, int rc, struct tw_diag *diag);

/* A value of a statement, and how it is written where one stands. */
struct tw_desk_value {
    bool is_number;
    int64_t number;
    struct tw_str bytes;
};
#define TW_DESK_NUMBER(value)   \
    {                           \
        true, (int64_t)(value), \
        {                       \
            NULL, 0             \
        }                       \
    }
#define TW_DESK_BYTES(text) \
    {                       \
        false, 0, (text)    \
    }
/* Run a statement with these values at ?1, ?2, ...; *ret_changes rows were changed. */
int tw_desk_deed_run(sqlite3 *db, const char *sql, const struct tw_desk_value *values, size_t count,
                     uint64_t *ret_changes, struct tw_diag *diag);

#endif
