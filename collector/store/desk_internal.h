/* SPDX-License-Identifier: Apache-2.0
 * What the writing and the reading side of the desk share. Nothing outside collector/store/
 * includes it.
 */
#ifndef TW_STORE_DESK_INTERNAL_H
#define TW_STORE_DESK_INTERNAL_H

#include "store/desk_read.h"
#include "store/reader_internal.h"

#define TW_DESK_OF_RUN_MAX  64 /* steps of one run: TW_WF_STEPS_MAX, those of former definitions */
#define TW_DESK_PORTION_MAX 1000

/* Of `failure AS f JOIN failure_group AS g`, in the order in which they are read. */
#define TW_FAILURE_COLUMNS                                                                       \
    "f.id, f.grp, g.workflow, g.step, g.system, g.destination, g.cause, g.label, f.object_type," \
    " f.object_scope, f.object_id, f.state, f.archived, f.store, f.region, f.type, f.code,"      \
    " f.message, f.error_class, f.http_status, f.amount_minor, f.currency, f.failed_n,"          \
    " f.input_n, f.done_n, f.attempts, f.first, f.last, f.ended, f.since"

/* A connection of a thread that writes desk.db beside the desk, which makes the file and brings it
 * to the version of this program: TW_ENOTFOUND, TW_EOLDER until then. A transaction waits for those
 * of others at most TW_DESK_GIVE_WAY_MS, then TW_EBUSY. */
#define TW_DESK_GIVE_WAY_MS 250
int tw_desk_open_beside(const char *dir, int cache_kib, sqlite3 **ret_db, struct tw_diag *diag);

#define TW_DESK_SUBJECT_MAX 32
/* "group:7", as the audit names it, in `buf`. what: "group" or "replay". */
struct tw_str tw_desk_subject(const char *what, uint64_t number, char *buf);

#define TW_DESK_READS_MAX   24 /* statements of desk_read.c */
#define TW_REPLAY_READS_MAX 24 /* of replay_read.c, each prepared when it is first used */
#define TW_ALERT_READS_MAX  32 /* of alert_read.c and silences.c, likewise */
struct tw_desk_reader {
    sqlite3 *db;
    sqlite3_stmt *stmts[TW_DESK_READS_MAX];
    sqlite3_stmt *replay_stmts[TW_REPLAY_READS_MAX];
    sqlite3_stmt *alert_stmts[TW_ALERT_READS_MAX];
    tw_mono_t deadline;
    bool has_deadline;
    /* tw_replays_mark: as it was when the file was this old */
    int64_t data_version;
    uint64_t mark;
};
/* The history of one subject of the audit. */
int tw_desk_history_of(struct tw_desk_reader *self, struct tw_arena *arena, struct tw_str subject,
                       size_t limit, const struct tw_desk_act **ret_acts, size_t *ret_count);

/* The row that such a statement is at. TW_ENOMEM, TW_EDAMAGED. */
int tw_desk_take_failure(sqlite3_stmt *stmt, struct tw_arena *arena,
                         struct tw_failure *ret_failure);
/* A run at ?1 to ?4. */
void tw_desk_bind_run(sqlite3_stmt *stmt, struct tw_str workflow, uint16_t type,
                      struct tw_str scope, struct tw_str id);

#endif
