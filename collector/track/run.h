/* SPDX-License-Identifier: Apache-2.0
 * One run: what a set of facts comes to under a workflow. Pure: used by the tracker for the runs
 * that are open, and by readers for the runs of a journey.
 *
 * Folding facts is commutative and, since every event is folded once, independent of order:
 *  - A step is DONE by the earliest (time, then n) fact of it with outcome ok. A failure beside it,
 *    before or after, makes it recovered and is kept as an attempt, never undone. Without a DONE
 *    fact a failure makes it FAILED; that somebody retries does not change this.
 *  - A fan-out step is DONE when every expected store has answered, by the latest of the stores'
 *    earliest answers; FAILED when a store failed that has not answered, or a failure names none of
 *    the expected stores. Answers of other stores are no answers. With no store expected it is a
 *    step like others.
 *  - A step with `after` waits from the latest DONE time of these (through steps that are skipped,
 *    or optional and not done: from theirs); it is due `within` later. DONE after its due time is
 *    done late.
 *  - A step that is not done, but behind which another step is done, was not seen: SKIPPED. So is
 *    one that was compensated, or is behind one that was, and is neither done nor failed: nobody
 *    waits for it any more.
 *  - `when` an attribute is in no start event, or optional at the end (every other step is done or
 *    skipped): SKIPPED. What was seen of it counts all the same.
 *  - OVERDUE when the watermark has reached due and it is neither done nor failed nor optional.
 * Run: compensated when a compensation was seen and no step waits, is overdue or failed without it
 * (failed steps that were compensated, or are behind one that was, are failed with it);
 * else failed when a step is; else overdue; else completed when every step is done or skipped
 * (recovered when one of them failed before or was done late); else running.
 * A run whose start was not seen waits for nothing and is never overdue: it is failed when a step
 * is, which is a fact whatever else was seen, else running. The start was seen
 * when a step without `after` is done or failed. One of several such steps that has not come waits
 * without a deadline.
 */
#ifndef TW_TRACK_RUN_H
#define TW_TRACK_RUN_H

#include "core/arena.h"
#include "track/track.h"
#include "workflow/workflow.h"

enum tw_fact_role { TW_FACT_DONE, TW_FACT_FAILED, TW_FACT_RETRYING, TW_FACT_COMPENSATION };

/* That an event of a step happened. Times are corrected for the source's clock. */
struct tw_fact {
    uint64_t n;
    tw_wall_t time;
    uint8_t step;
    uint8_t role;     /* enum tw_fact_role */
    uint8_t cause;    /* enum tw_cause, of a failure */
    uint32_t store;   /* fan-out: number of the store, see tw_run_begin; 0: none named */
    uint32_t present; /* start events: bit i: the attribute of `when` of step i is there */
};

struct tw_step_status {
    enum tw_step_state state;
    bool is_ready;      /* its predecessors are done: it waits, or waited, since `since` */
    bool is_late;       /* done after due */
    bool has_recovered; /* done or skipped, and failed at least once */
    bool is_compensated;
    uint32_t attempts;     /* facts with outcome failed, retrying or deadletter, and the ok one */
    uint64_t event;        /* n of the fact that decides its state; 0: none */
    uint64_t failed_event; /* n of its latest failure; 0: none */
    enum tw_cause cause;   /* of that failure */
    uint16_t causes;       /* of all failures: set, bit i: enum tw_cause */
    tw_wall_t time;        /* done, or failed last; 0: neither */
    tw_wall_t since;       /* ready since; 0: not ready */
    tw_wall_t due;         /* 0: no deadline, or not ready */
    uint32_t answered;     /* fan-out: expected stores */
};

struct tw_run;
/* Bytes of a run of this workflow, without fan-out sets; the caller gives zeroed memory. */
size_t tw_run_bytes(const struct tw_workflow *workflow);
/* Start with no facts. `expected` stores for fan-out steps (numbers 1 to expected). */
void tw_run_begin(struct tw_run *self, const struct tw_workflow *workflow, uint32_t expected);
/* Free what fan-out sets took; the memory itself is the caller's. */
void tw_run_fini(struct tw_run *self);
/* Fold one fact; the caller sees to it that an event is folded once per step. TW_OK, TW_ENOMEM. */
int tw_run_fold(struct tw_run *self, const struct tw_fact *fact);
/* The state of everything at a watermark; `statuses` has room for every step. */
enum tw_run_state tw_run_judge(const struct tw_run *self, tw_wall_t watermark,
                               struct tw_step_status *statuses);
/* Whether its start was seen, and when: the earliest start that is done, or else failed (0: not).
 */
bool tw_run_has_started(const struct tw_run *self);
tw_wall_t tw_run_started(const struct tw_run *self);
/* When a run ended that was judged so: its latest done step or compensation; 0: it is open. */
tw_wall_t tw_run_finished(const struct tw_run *self, enum tw_run_state state);
/* Whether a store (1 to expected) has answered a fan-out step. */
bool tw_run_has_answered(const struct tw_run *self, size_t step, uint32_t store);

#endif
