/* SPDX-License-Identifier: Apache-2.0
 * Whether the audit is what was written: the chain of hashes, the head outside the database, the
 * guard. What is wrong is named by its first row.
 * Thread:  any; a reading connection of its own, one snapshot. Reads every row that is asked for.
 * Limits:  what became of a row that does not fit is looked for in the rest of the audit once.
 * Source:  reference/store.md, "The audit".
 */
#ifndef TW_STORE_AUDIT_VERIFY_H
#define TW_STORE_AUDIT_VERIFY_H

#include "store/audit.h"

/* X(enum, "word") */
#define TW_AUDIT_FAULTS(X)                                                         \
    X(NONE, "whole")                                                               \
    X(CHANGED, "changed")                                                          \
    X(MISSING, "missing")                                                          \
    X(INSERTED, "inserted")                                                        \
    X(REORDERED, "reordered")                                                      \
    X(CUT, "cut")                   /* rows are missing at the end */              \
    X(HEAD_MISSING, "head-missing") /* audit.head is gone */                       \
    X(HEAD_CHANGED, "head-changed") /* it is not what was written with this key */ \
    X(UNGUARDED, "unguarded")       /* a trigger that refuses changes is gone */   \
    X(DAMAGED, "damaged")           /* SQLite finds its table or an index damaged */
enum tw_audit_fault {
#define TW_AUDIT_FAULT_ENUM(name, text) TW_AUDIT_##name,
    TW_AUDIT_FAULTS(TW_AUDIT_FAULT_ENUM)
#undef TW_AUDIT_FAULT_ENUM
        TW_AUDIT_FAULT_COUNT
};
const char *tw_audit_fault_name(enum tw_audit_fault fault);

/* A row that somebody knows to be in the audit: from a note, or an earlier run. */
struct tw_audit_mark {
    uint64_t id; /* 0: before the first row; the hash is zero */
    uint8_t hash[TW_AUDIT_HASH_BYTES];
};
/* "ID:HASH" as verifying prints it; false: it is none. */
bool tw_audit_mark_parse(struct tw_str text, struct tw_audit_mark *ret_mark);
#define TW_AUDIT_MARK_MAX 96
void tw_audit_mark_format(const struct tw_audit_mark *mark, char *text);

struct tw_audit_verdict {
    enum tw_audit_fault fault;
    uint64_t row;              /* the first that is wrong; 0: it is of no row */
    uint64_t rows;             /* that are there, of those that were looked at */
    struct tw_audit_mark last; /* the last one that fits */
    tw_wall_t chained_since;   /* 0: from its first row */
    char text[256];            /* for a person */
};

/* from: rows up to it are taken for good, which is checked for it alone; NULL: all are looked at.
 * known: it must be in the audit as it says; NULL: nothing is known. TW_OK: the verdict says what
 * was found. TW_ENOTFOUND: there is no desk. TW_EOLDER: it is of a version without a chain.
 * TW_EIO: the key is missing or wrong in form. Others: as tw_db_open. */
int tw_audit_verify(const char *dir, const struct tw_audit_mark *from,
                    const struct tw_audit_mark *known, struct tw_audit_verdict *ret_verdict,
                    struct tw_diag *diag);

#endif
