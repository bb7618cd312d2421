/* SPDX-License-Identifier: Apache-2.0
 * The audit: who did what, when, from where, why; rows of desk.db that nobody changes or removes.
 * Each row has a hash over the one before it and its own fields, keyed with `audit.key`, so that
 * who can write the file cannot make it look right again without the key. What was committed last
 * stands outside the database as well, in `audit.head`: it shows that rows were cut off the end.
 * Thread:  any; works on the connection that it is given. A row is added in the transaction of the
 *          deed (BEGIN IMMEDIATE), so two writers cannot both follow the same row.
 * Limits:  a text of a row has at most TW_AUDIT_TEXT_MAX bytes.
 * Fails:   without the key nothing is added, so no deed is done.
 * Source:  decision 90; reference/store.md, "The audit".
 */
#ifndef TW_STORE_AUDIT_H
#define TW_STORE_AUDIT_H

#include "core/clock.h"
#include "store/internal.h"

#define TW_AUDIT_KEY_NAME   "audit.key"  /* TW_AUDIT_KEY_BYTES of chance, mode 0600 */
#define TW_AUDIT_HEAD_NAME  "audit.head" /* one line, see audit_key.c */
#define TW_AUDIT_KEY_BYTES  32
#define TW_AUDIT_HASH_BYTES 32
#define TW_AUDIT_TEXT_MAX   (1u << 20)

/* Absent texts are told from empty ones. */
struct tw_audit_row {
    uint64_t id; /* tw_audit_add gives it */
    tw_wall_t at;
    struct tw_str actor;
    struct tw_str kind;    /* "local", "user", "token", "system"; absent: of before version 4 */
    struct tw_str address; /* absent: not known */
    struct tw_str action;
    struct tw_str subject;
    struct tw_str detail;
    struct tw_str reason;
    struct tw_str outcome; /* "done", "refused" */
};

/* Where the key is, instead of in the directory of the store. Before any thread starts; borrowed
 * for ever, NULL: beside desk.db. */
void tw_audit_set_key_file(const char *path);

/* Add a row in the transaction that is open on db. Without `kind` it is "local". TW_EINVAL: a text
 * is too long. TW_EIO: the key is missing, not 32 bytes, or others may read it; the diag says
 * which. As tw_db_exec. */
int tw_audit_add(sqlite3 *db, const struct tw_audit_row *row, struct tw_diag *diag);
/* After the commit of what was added: the head is the last row from now on, unless the head that
 * was there is not in the chain, which stays as it is for verifying to find. What cannot be done is
 * logged; the next deed does it. */
void tw_audit_committed(sqlite3 *db);

/* The code of the step to version 4, in its transaction: the key and the head are made where there
 * are none, rows of before are chained, and the triggers refuse changes from now on. */
int tw_audit_begin(sqlite3 *db, struct tw_diag *diag);

#endif
