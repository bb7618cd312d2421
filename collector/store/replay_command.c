/* SPDX-License-Identifier: Apache-2.0
 * What operators do with a replay that is under way. The sender reads the state of the replay in
 * the transaction in which items leave: what it says when this is committed holds from then on.
 */
#include "config.h"
#include "store/replay_read.h"

#include <stdio.h>

#include "store/desk_deed.h"
#include "store/replay_items.h"
#include "store/replay_read_internal.h"

#define ACTOR_SHOWN 64 /* bytes of a name in a timeline */

_Static_assert(TW_ITEM_WAITING == 0 && TW_ITEM_SENT == 1 && TW_ITEM_CANCELLED == 6 &&
                   TW_ITEM_EVENT_CANCELLED == 8,
               "numbers in statements");

static const struct {
    const char *word;
    const char *what; /* for people */
    bool from[TW_REPLAY_STATE_COUNT];
    enum tw_replay_state to;
} acts[] = {
    [TW_REPLAY_ACT_PAUSE] = {"pause", "paused", {[TW_REPLAY_RUNNING] = true}, TW_REPLAY_PAUSED},
    [TW_REPLAY_ACT_RESUME] = {"resume",
                              "resumed",
                              {[TW_REPLAY_PAUSED] = true, [TW_REPLAY_STOPPED] = true},
                              TW_REPLAY_RUNNING},
    [TW_REPLAY_ACT_CANCEL] = {"cancel",
                              "cancelled",
                              {[TW_REPLAY_RUNNING] = true,
                               [TW_REPLAY_PAUSED] = true,
                               [TW_REPLAY_STOPPED] = true,
                               [TW_REPLAY_AWAITING] = true},
                              TW_REPLAY_CANCELLED},
    [TW_REPLAY_ACT_APPROVE] = {"approve",
                               "approved",
                               {[TW_REPLAY_AWAITING] = true},
                               TW_REPLAY_RUNNING},
};

static int left_now(sqlite3 *db, uint64_t id, struct tw_replay_left *ret_left, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db, TW_SQL_REPLAY_LEFT, &stmt, diag);
    rc = rc == TW_OK ? tw_replay_left_of(stmt, id, ret_left, diag) : rc;
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static int state_of(sqlite3 *db, uint64_t id, int64_t *ret_state, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db, "SELECT state FROM replay WHERE id = ?1", &stmt, diag);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)id);
        rc = tw_db_row(stmt, diag);
    }
    if (rc == TW_OK) {
        *ret_state = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static int check_state(sqlite3 *db, uint64_t id, enum tw_replay_act act, struct tw_diag *diag)
{
    int64_t state = -1;
    int rc = state_of(db, id, &state, diag);
    if (rc == TW_ENOTFOUND) {
        return tw_diag_set(diag, rc, "there is no such replay");
    }
    if (rc == TW_OK && (state < 0 || state >= TW_REPLAY_STATE_COUNT)) {
        return tw_diag_set(diag, TW_EDAMAGED, "a replay has no known state");
    }
    if (rc == TW_OK && !acts[act].from[state]) {
        return tw_diag_set(diag, TW_ECLOSED, "it cannot be %s: it is %s", acts[act].what,
                           tw_replay_state_name((enum tw_replay_state)state));
    }
    return rc;
}

/* Everything that is waiting, with its line of the timeline. */
static int cancel_items(sqlite3 *db, const struct tw_replay_command *command, struct tw_diag *diag)
{
    char text[ACTOR_SHOWN + TW_REASON_MAX + 32];
    uint64_t changes = 0;
    int actor = command->actor.len > ACTOR_SHOWN ? ACTOR_SHOWN : (int)command->actor.len;
    int len = snprintf(text, sizeof text, "cancelled by %.*s: %.*s", actor, command->actor.ptr,
                       (int)command->reason.len, command->reason.ptr); /* always fits */
    struct tw_str why = tw_item_cut((struct tw_str){text, (size_t)len});
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(command->replay),
                                           TW_DESK_NUMBER(command->now.ns), TW_DESK_BYTES(why)};
    int rc = tw_desk_deed_run(db,
                              "INSERT INTO item_event(item, at, what, attempt, detail)"
                              " SELECT id, ?2, 8, attempt, ?3 FROM replay_item"
                              " WHERE replay = ?1 AND state = 0",
                              values, 3, &changes, diag);
    return rc == TW_OK ? tw_desk_deed_run(db,
                                          "UPDATE replay_item SET state = 6, is_ready = 0,"
                                          " ended = ?2, why = ?3 WHERE replay = ?1 AND state = 0",
                                          values, 3, &changes, diag)
                       : rc;
}

/* Two pairs of eyes are two persons. */
static int approve(sqlite3 *db, const struct tw_replay_command *command, struct tw_diag *diag)
{
    uint64_t changes = 0;
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(command->replay),
                                           TW_DESK_NUMBER(command->now.ns),
                                           TW_DESK_BYTES(command->actor)};
    int rc = tw_desk_deed_run(db,
                              "UPDATE replay SET approver = ?3, approved = ?2 WHERE id = ?1"
                              " AND actor <> ?3",
                              values, 3, &changes, diag);
    return rc == TW_OK && changes == 0
               ? tw_diag_set(diag, TW_EEXISTS,
                             "it is approved by another person than the one who asked for it")
               : rc;
}

static int change(sqlite3 *db, const struct tw_replay_command *command, enum tw_replay_act act,
                  struct tw_replay_left *ret_left, struct tw_diag *diag)
{
    uint64_t changes = 0;
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(command->replay),
                                           TW_DESK_NUMBER(acts[act].to),
                                           TW_DESK_NUMBER(command->now.ns)};
    int rc = check_state(db, command->replay, act, diag);
    if (rc == TW_OK && act == TW_REPLAY_ACT_CANCEL) {
        rc = cancel_items(db, command, diag);
    }
    if (rc == TW_OK && act == TW_REPLAY_ACT_APPROVE) {
        rc = approve(db, command, diag);
    }
    /* What is sent comes to its end by itself; without any the replay has ended now. */
    rc = rc == TW_OK ? tw_desk_deed_run(db,
                                        "UPDATE replay SET state = ?2, changed = ?3, why = NULL,"
                                        " finished = CASE WHEN ?2 = 3 AND NOT EXISTS(SELECT 1"
                                        " FROM replay_item WHERE replay = ?1 AND state = 1)"
                                        " THEN ?3 ELSE finished END WHERE id = ?1",
                                        values, 3, &changes, diag)
                     : rc;
    return rc == TW_OK ? left_now(db, command->replay, ret_left, diag) : rc;
}

int tw_replay_command(const struct tw_replay_command *command, enum tw_replay_act act,
                      struct tw_replay_left *ret_left, struct tw_diag *diag)
{
    char subject[TW_DESK_SUBJECT_MAX];
    sqlite3 *db = NULL;
    struct tw_replay_left left = {0, 0};
    bool wants_reason = act == TW_REPLAY_ACT_CANCEL || act == TW_REPLAY_ACT_APPROVE;
    if (wants_reason && command->reason.len == 0) {
        return tw_diag_set(diag, TW_EINVAL, "reason: why it is %s, 1 to %d bytes", acts[act].what,
                           TW_REASON_MAX);
    }
    const struct tw_desk_deed deed = {
        .dir = command->dir,
        .subject = tw_desk_subject("replay", command->replay, subject),
        .actor = command->actor,
        .address = command->address,
        .action = tw_str_of(acts[act].word),
        .reason = command->reason,
        .now = command->now,
    };
    int rc = tw_desk_deed_begin(&deed, &db, diag);
    rc = rc == TW_OK ? change(db, command, act, &left, diag) : rc;
    rc = tw_desk_deed_finish(&db, rc, diag);
    if (rc == TW_OK) {
        *ret_left = left;
    }
    return rc;
}
