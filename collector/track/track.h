/* SPDX-License-Identifier: Apache-2.0
 * What tracking says and the store keeps: words, runs, series, spending. Plain records, shared by
 * the tracker (which makes them), the store (which keeps them) and the web half (which reads them).
 *
 * The state of a run is a pure function of three things: its workflow's definition, the *set* of
 * events that reached it, and how far the watermark is. Neither order, nor repetition, nor a
 * restart can change it; a reader who has the same three comes to the same state (track/run.h).
 */
#ifndef TW_TRACK_TRACK_H
#define TW_TRACK_TRACK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/str.h"

/* Times that tracking knows, in seconds since 1970: up to February 2106. They have 32 bits, those
 * too in which what is touched now will be forgotten (two days); of nanoseconds the difference of
 * two has a number. */
#define TW_TRACK_SECOND_MAX  (UINT32_MAX - 2 * 86400)
#define TW_TRACK_TIME_MAX_NS ((int64_t)TW_TRACK_SECOND_MAX * TW_NS_PER_S)

static inline bool tw_track_is_time(int64_t ns)
{
    return ns >= 0 && ns <= TW_TRACK_TIME_MAX_NS;
}

/* The nearest of them; 0 stands for none. */
static inline tw_wall_t tw_track_time(tw_wall_t at)
{
    return (tw_wall_t){at.ns < 1 ? 1
                                 : (at.ns > TW_TRACK_TIME_MAX_NS ? TW_TRACK_TIME_MAX_NS : at.ns)};
}

/* X(enum, "word") in the order of the API's words. */
#define TW_STEP_STATES(X) \
    X(WAITING, "waiting") \
    X(DONE, "done")       \
    X(FAILED, "failed")   \
    X(OVERDUE, "overdue") \
    X(SKIPPED, "skipped")
#define TW_RUN_STATES(X)      \
    X(RUNNING, "running")     \
    X(COMPLETED, "completed") \
    X(FAILED, "failed")       \
    X(OVERDUE, "overdue")     \
    X(RECOVERED, "recovered") \
    X(COMPENSATED, "compensated")
/* Classes of failure, design "Words"; NONE: nothing failed. */
#define TW_CAUSES(X)              \
    X(NONE, "")                   \
    X(MASTER_DATA, "master-data") \
    X(THROTTLED, "throttled")     \
    X(TIMEOUT, "timeout")         \
    X(REJECTED, "rejected")       \
    X(UNAVAILABLE, "unavailable") \
    X(AUTH, "auth")               \
    X(CONTRACT, "contract")       \
    X(CONFLICT, "conflict")       \
    X(DUPLICATE, "duplicate")     \
    X(MISSING, "missing")         \
    X(UNKNOWN, "unknown")

enum tw_step_state {
#define TW_STEP_STATE_ENUM(name, text) TW_STEP_##name,
    TW_STEP_STATES(TW_STEP_STATE_ENUM)
#undef TW_STEP_STATE_ENUM
};
enum tw_run_state {
#define TW_RUN_STATE_ENUM(name, text) TW_RUN_IS_##name,
    TW_RUN_STATES(TW_RUN_STATE_ENUM)
#undef TW_RUN_STATE_ENUM
};
enum tw_cause {
#define TW_CAUSE_ENUM(name, text) TW_CAUSE_##name,
    TW_CAUSES(TW_CAUSE_ENUM)
#undef TW_CAUSE_ENUM
        TW_CAUSE_COUNT
};
const char *tw_step_state_name(enum tw_step_state state);
const char *tw_run_state_name(enum tw_run_state state);
const char *tw_cause_name(enum tw_cause cause);
/* TW_CAUSE_UNKNOWN for a text that is none of the words; TW_CAUSE_NONE for an empty one. */
enum tw_cause tw_cause_find(struct tw_str text);

/* One run as the store lists it. Rows exist for runs that are in trouble, were in trouble, or have
 * been waiting for longer than track.list_after_s; others are counted, and are seen in their
 * journey. Identity: workflow, object. All texts are borrowed. */
struct tw_run_row {
    struct tw_str workflow;
    uint64_t version; /* of the workflow's definition */
    uint16_t object_type;
    struct tw_str object_id;
    struct tw_str object_scope;
    enum tw_run_state state;
    enum tw_cause cause;       /* of the failed step; MISSING: overdue */
    struct tw_str step;        /* name of the step that fails, is overdue, or has waited longest */
    struct tw_str system;      /* of that step */
    struct tw_str destination; /* that step's name if it is a destination, or the next one behind */
    struct tw_str store;       /* ... of the run's first event that names one; absent: none */
    struct tw_str region;      /* ... likewise, or that of the store; fan-outs: of none */
    struct tw_str code;        /* errorcode of the latest failure */
    tw_wall_t started;
    tw_wall_t since;    /* waiting, failing or overdue since (event time, corrected) */
    tw_wall_t due;      /* 0: none */
    tw_wall_t finished; /* 0: open */
    tw_wall_t updated;  /* receipt time of what changed it last */
    int64_t amount_minor;
    char currency[4]; /* "" when no event of it has an amount */
    uint64_t first_n; /* its earliest event, by event time */
    uint64_t last_n;  /* the event that changed it last */
    uint32_t attempts;
    /* JSON array of everything of the run that is in trouble now, when that is more than step,
     * system and cause say: a failed or overdue step, one that has waited for longer than
     * track.list_after_s, {"step":"posted","system":"erp","state":2,"cause":4} by number (enum
     * tw_step_state, tw_cause); {"cause":9} for a repeated effect. Absent: no more. */
    struct tw_str troubles;
    /* JSON array of the steps that failed, are overdue, or were and are done since, in the order of
     * the workflow: what the desk of failures follows (store/setbacks.h). Absent: none. */
    struct tw_str setbacks;
    struct tw_str missing; /* fan-out: JSON array of at most 100 stores that have not answered */
    uint32_t expected;     /* fan-out: stores; else 0 */
    uint32_t answered;
};

enum tw_series_kind {
    TW_SERIES_SUM,  /* a count of what happened in the bucket; coarser buckets add up */
    TW_SERIES_LAST, /* the value at the end of the bucket; coarser buckets take the last */
    TW_SERIES_MAX,  /* the highest of the bucket; coarser ones likewise */
};
#define TW_SERIES_BUCKET_S 10

/* A series, announced before its first point of a partition, and anew by every process: its first
 * batch gives all names as one that starts a partition does. */
struct tw_series_name {
    uint32_t series; /* number in this process, dense from 0; the store keys by metric and labels */
    enum tw_series_kind kind;
    int64_t divisor;      /* shown value = stored / divisor: 1 counts, 1e9 seconds, 1e6 ratios */
    struct tw_str metric; /* "step_waiting", as in /metrics without its prefix and unit suffix */
    struct tw_str
        labels; /* JSON object, names sorted: {"step":"posted","workflow":"sale-posting"} */
};
/* SUM: added to what the bucket has. LAST, MAX: replaces it. */
struct tw_series_point {
    uint32_t series;
    int64_t bucket; /* s since 1970, a multiple of TW_SERIES_BUCKET_S */
    int64_t value;
};
/* Lag observations of a step in one minute (track/sketch.h, encoded); replaces what is there. */
struct tw_series_sketch {
    uint32_t series;
    int64_t minute; /* s since 1970, a multiple of 60 */
    struct tw_str data;
};
/* Bad decisions of an objective, by what spent the budget; may be negative (a correction). */
struct tw_spend {
    struct tw_str objective;
    int64_t hour; /* s since 1970, a multiple of 3,600: of the decision, in event time */
    enum tw_cause cause;
    struct tw_str system;
    struct tw_str store;
    int64_t bad;
};
/* Decisions of an objective in one minute of event time; may be negative (a correction). */
struct tw_decision {
    struct tw_str objective;
    int64_t minute;
    int64_t good;
    int64_t bad;
};
/* A document that the web half shows as it is: JSON, replaced whole. */
struct tw_live {
    struct tw_str key; /* "workflow/sale-posting", "objective/NAME", "overview" */
    struct tw_str json;
};

/* What is behind: everything received up to `read_up_to` has been applied (the taps were empty
 * then). Neither goes back. Ticks are inputs of the tracker like records are; the store keeps those
 * behind the snapshot, so that a restart fires again exactly what had fired. */
struct tw_track_tick {
    tw_wall_t now;
    tw_wall_t read_up_to;
};
struct tw_saving; /* store/snapshot.h */

/* Everything that tracking adds to one batch; committed in its transaction. */
struct tw_track_changes {
    bool has_tick; /* the tracker ticked behind the batch's last record */
    struct tw_track_tick tick;
    const struct tw_run_row *runs;
    size_t run_count;
    const struct tw_series_name
        *names; /* new ones; all of them when the batch starts a partition */
    size_t name_count;
    const struct tw_series_point *points;
    size_t point_count;
    const struct tw_series_sketch *sketches;
    size_t sketch_count;
    const struct tw_spend *spends;
    size_t spend_count;
    const struct tw_decision *decisions;
    size_t decision_count;
    const struct tw_live *live;
    size_t live_count;
    /* The tracker's whole state after this batch, from time to time; malloc'ed, NULL: none. The
     * store takes it and writes it beside (store/snapshot.h) once the batch is committed. */
    void *snapshot;
    size_t snapshot_len;
    struct tw_saving *saving; /* instead of bytes: a child process that writes them; or NULL */
};

#endif
