/* SPDX-License-Identifier: Apache-2.0
 * The audit, read: lists for people, and what the tower itself found when it verified it.
 * Thread:  that of the desk's reader.
 */
#ifndef TW_STORE_AUDIT_READ_H
#define TW_STORE_AUDIT_READ_H

#include "store/audit.h"
#include "store/desk_read.h"

/* Absent: any. */
struct tw_audit_filter {
    struct tw_str actor;
    struct tw_str action;
    struct tw_str subject;
    struct tw_str outcome;
    tw_wall_t since; /* INT64_MIN and INT64_MAX: any */
    tw_wall_t until; /* before it */
};
struct tw_audit_entry {
    struct tw_audit_row row;
    char hash[2 * TW_AUDIT_HASH_BYTES + 1]; /* hexadecimal; empty: none */
};
/* The latest first, those before number `before` (0: from the last), at most limit. In the arena.
 * TW_ETIMEOUT; TW_EOLDER: the desk is of a version before the chain. */
int tw_audit_list(struct tw_desk_reader *desk, struct tw_arena *arena,
                  const struct tw_audit_filter *filter, uint64_t before, size_t limit,
                  const struct tw_audit_entry **ret_entries, size_t *ret_count);

/* Every row of the time, the first first, under one snapshot of a connection of its own; borrowed
 * for the call, which ends the scan with what it returns other than TW_OK. TW_ENOTFOUND: there is
 * no desk. Others: as tw_db_open. */
int tw_audit_scan(const char *dir, tw_wall_t since, tw_wall_t until,
                  int (*on_entry)(void *context, const struct tw_audit_entry *entry), void *context,
                  struct tw_diag *diag);

/* What the thread `desk` found last. */
struct tw_audit_state {
    tw_wall_t checked;    /* 0: never yet */
    struct tw_str fault;  /* "" or a word of TW_AUDIT_FAULTS other than "whole", or "unreadable" */
    struct tw_str detail; /* for a person */
    uint64_t rows;        /* that there are now */
};
int tw_audit_read_state(struct tw_desk_reader *desk, struct tw_arena *arena,
                        struct tw_audit_state *ret_state);

#endif
