/* SPDX-License-Identifier: Apache-2.0
 * The key, the hashes and the head file of the audit, for its own files only. libsodium is known in
 * audit_key.c alone.
 */
#ifndef TW_STORE_AUDIT_INTERNAL_H
#define TW_STORE_AUDIT_INTERNAL_H

#include "store/audit.h"

#define TW_AUDIT_HEX_MAX (2 * TW_AUDIT_HASH_BYTES + 1)

struct tw_audit_key {
    uint8_t bytes[TW_AUDIT_KEY_BYTES];
    int fd; /* of its file, for tw_audit_key_lock */
};
/* The row that was the last when the head was written; id 0: none yet, the hash is zero. */
struct tw_audit_head {
    uint64_t id;
    uint8_t hash[TW_AUDIT_HASH_BYTES];
};

/* The directory of desk.db, as the connection knows it. `dir` has TW_PATH_MAX bytes. */
int tw_audit_dir(sqlite3 *db, char *dir, struct tw_diag *diag);
/* Read the key that belongs to the store in dir. The caller forgets it in every case. TW_EIO as
 * tw_audit_add; *ret_is_missing (may be NULL) says whether there is none. */
int tw_audit_key_read(const char *dir, struct tw_audit_key *ret_key, bool *ret_is_missing,
                      struct tw_diag *diag);
/* A new one where there is none. */
int tw_audit_key_make(const char *dir, struct tw_diag *diag);
/* Overwrites it; gives up its lock. A key of zeros is fine. */
void tw_audit_key_forget(struct tw_audit_key *key);
/* Nobody else writes the head until the key is forgotten. Waits a quarter of a second at most:
 * TW_EBUSY. */
int tw_audit_key_lock(struct tw_audit_key *key);

/* The hash of a row behind one with the hash `previous`. */
void tw_audit_link(const struct tw_audit_key *key, const uint8_t *previous,
                   const struct tw_audit_row *row, uint8_t *ret_hash);

/* TW_ENOTFOUND: there is none (diag untouched). TW_EDAMAGED: it is not what was written with this
 * key. */
int tw_audit_head_read(const char *dir, const struct tw_audit_key *key,
                       struct tw_audit_head *ret_head, struct tw_diag *diag);
/* Whole or not at all. */
int tw_audit_head_write(const char *dir, const struct tw_audit_key *key,
                        const struct tw_audit_head *head, struct tw_diag *diag);

void tw_audit_hex(const uint8_t *hash, char *hex); /* TW_AUDIT_HEX_MAX bytes with the NUL */
/* 64 digits. */
bool tw_audit_unhex(struct tw_str hex, uint8_t *ret_hash);

/* The columns of a row in the order in which they are read, and the row that such a statement is
 * at: borrowed until its next step. *ret_hash NULL: it is not a hash. */
#define TW_AUDIT_COLUMNS \
    "id, at, actor, kind, address, action, subject, detail, reason, outcome, hash"
void tw_audit_take(sqlite3_stmt *stmt, struct tw_audit_row *ret_row, const uint8_t **ret_hash);

#endif
