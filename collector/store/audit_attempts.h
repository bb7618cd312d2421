/* SPDX-License-Identifier: Apache-2.0
 * What was refused: sign-ins, calls without the right, clients without a key. The first of a kind
 * has its row of the audit at once; those like it that follow within a minute are counted and come
 * as one row, so that nobody fills the disk or the audit by asking again and again.
 * Thread:  any; a mutex. A row is written under it, so who is refused may wait for the disk.
 * Limits:  TW_ATTEMPT_KINDS kinds at a time, TW_ATTEMPT_ROWS new ones a minute; what is beyond
 *          is counted together. Texts are cut at TW_ATTEMPT_TEXT bytes.
 * Fails:   what cannot be written stays counted and is written later. A crash forgets the counts
 *          of the last minute, never a first row.
 */
#ifndef TW_STORE_AUDIT_ATTEMPTS_H
#define TW_STORE_AUDIT_ATTEMPTS_H

#include "core/clock.h"
#include "core/err.h"
#include "core/str.h"

#define TW_ATTEMPT_KINDS   32
#define TW_ATTEMPT_ROWS    20
#define TW_ATTEMPT_TEXT    128
#define TW_ATTEMPT_DETAIL  1024 /* bytes; one that is longer is left out */
#define TW_ATTEMPT_EVERY_S 60

/* All but `detail` say of which kind it is. */
struct tw_attempt {
    struct tw_str actor;   /* as who asks says who he is */
    struct tw_str kind;    /* of actor; absent: not known */
    struct tw_str address; /* absent: not known */
    struct tw_str action;  /* "sign-in" */
    struct tw_str subject; /* what was asked for */
    struct tw_str detail;  /* JSON, of the first one; absent: nothing more to say */
};

struct tw_attempts;
/* For the desk in dir, which may not be there yet. TW_ENOMEM. */
int tw_attempts_new(const char *dir, struct tw_attempts **ret_attempts);
/* One was refused. An error: its row could not be written now; it is counted. */
int tw_attempts_note(struct tw_attempts *self, const struct tw_attempt *attempt, tw_wall_t now,
                     tw_mono_t mono, struct tw_diag *diag);
/* Write the counts whose minute is over; with `is_end` all. To be called every few seconds, and at
 * the end. */
int tw_attempts_tick(struct tw_attempts *self, bool is_end, tw_wall_t now, tw_mono_t mono,
                     struct tw_diag *diag);
/* Accepts NULL. Writes nothing. */
void tw_attempts_destroy(struct tw_attempts **self_p);

#endif
