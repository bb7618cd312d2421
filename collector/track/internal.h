/* SPDX-License-Identifier: Apache-2.0
 * The inside of the tracker, shared by its files and nobody else.
 *
 *   tracker.c     the door: one event in, one tick in
 *   flows.c       versions of workflows, and what is counted of each workflow by name
 *   runs.c        where runs live: made, found, held, given up, forgotten
 *   progress.c    from the facts of a run to its steps: what changed, into queues and counts
 *   failures.c    what failed, by cause
 *   contribute.c  what a run says to its objectives
 *   stores.c systems.c    what waits in each store, and for each system
 *   places.c regions.c    which region a run is of, and what becomes of runs in each
 *   heard.c       when each store was heard of, and when it was silent
 *   deadlines.c   a tick: what is due, what waits long, what is forgotten
 *   totals.c      durations by fixed bounds
 *   emit.c emit_alerts.c row.c live.c   changes of a batch: series, rows of runs, documents
 *   save.c restore.c      the whole state as bytes
 *
 * What a run has put elsewhere (queues, counts, budgets) is written down in the run itself, so that
 * it can be taken back: facts may come in any order and change everything.
 */
#ifndef TW_TRACK_INTERNAL_H
#define TW_TRACK_INTERNAL_H

#include <string.h>

#include "track/budget.h"
#include "track/graph.h"
#include "track/match.h"
#include "track/places.h"
#include "track/queue.h"
#include "track/run.h"
#include "track/sequence.h"
#include "track/silence.h"
#include "track/sketch.h"
#include "track/skew.h"
#include "track/tracker.h"
#include "track/verdict.h"
#include "track/watermark.h"

#define TW_TRACK_NONE UINT32_MAX
/* Texts that repeat (stores, regions, codes): numbered from 1; further ones are taken for none. */
#define TW_TRACK_WORDS_MAX 65534
/* Events after which a run keeps what it has folded; a shorter one is folded anew each time, which
 * takes less memory than it saves time. */
#define TW_TRACK_KEEP_EVENTS 24
/* Shorter ones stay folded while they are among so many that were looked at lately: the events of a
 * sale come close together. */
#define TW_TRACK_RECENT 1024
/* Rows of runs and points of series in one batch; what is left goes into the next ones. */
#define TW_TRACK_ROWS_MAX 20000
/* Stores that have a row of their own; what waits in others is counted as one, the "other". A
 * retailer has at most 5,000. */
#define TW_TRACK_STORES_MAX   5000
#define TW_TRACK_OTHER_STORES "(other)" /* ... in series */
/* Regions that have a row of their own in a workflow; runs of others are counted as one, the
 * "(other)", those of none as "none". A retailer has a dozen. */
#define TW_TRACK_REGIONS_MAX   64
#define TW_TRACK_OTHER_REGIONS "(other)"
#define TW_TRACK_NO_REGION     "none"
/* Pairs of a store and a region; of further ones the store alone is kept. The graph has room for
 * as many. */
#define TW_TRACK_PLACES_MAX 65534
/* Minutes of lag that are remembered for the quantiles of the last hour. */
#define TW_TRACK_LAG_MINUTES 60

/* --- words ------------------------------------------------------------------------------------ */

/* Texts and their numbers, 1 to count; 0 is none. */
struct tw_words {
    char **items; /* owned, by number - 1; each NUL-terminated */
    uint32_t *slots;
    uint32_t count;
    uint32_t capacity;
    uint32_t slot_count; /* power of two */
    uint32_t max;
    uint64_t seed;
};
/* `seed`: secret, since the texts come from outside and could be made to meet in one slot. */
void tw_words_init(struct tw_words *self, uint32_t max, uint64_t seed);
void tw_words_fini(struct tw_words *self);
/* The number of a text, given to it if it is new. 0 for an absent or empty one and when there is
 * no room (max). TW_OK, TW_ENOMEM. */
int tw_words_add(struct tw_words *self, struct tw_str text, uint32_t *ret_number);
/* 0: not there. */
uint32_t tw_words_find(const struct tw_words *self, struct tw_str text);
/* "" for 0. */
const char *tw_words_text(const struct tw_words *self, uint32_t number);
size_t tw_words_bytes(const struct tw_words *self);
int tw_words_encode(const struct tw_words *self, struct tw_buf *buf);
int tw_words_decode(struct tw_words *self, struct tw_cursor *cursor);

/* --- series ----------------------------------------------------------------------------------- */

/* A series of this process: its name is announced before its first point of a partition. */
struct tw_gauge {
    uint32_t series; /* number; TW_TRACK_NONE: not used yet */
    int64_t value;   /* SUM: since the last emit; LAST: of the last point */
    bool is_known;   /* LAST: a point was given */
};
/* A count for each cause. */
struct tw_cause_gauges {
    struct tw_gauge sums[TW_CAUSE_COUNT];
    uint16_t changed; /* set of causes */
};
struct tw_series_info {
    enum tw_series_kind kind;
    int64_t divisor;
    const char *metric; /* static */
    char *labels;       /* owned; JSON */
    bool is_announced;  /* in this partition */
};

/* --- what is counted of a workflow, by name --------------------------------------------------- */

/* Durations ever seen by fixed bounds, for monitoring systems that add up and subtract; quantiles
 * for people come from the sketches. */
#define TW_LAG_BOUNDS 15
extern const int64_t tw_lag_bounds_ms[TW_LAG_BOUNDS]; /* inclusive */
struct tw_lag_totals {
    uint64_t counts[TW_LAG_BOUNDS + 1]; /* between two bounds; the last: above all */
    uint64_t sum_us;
};
/* Negative durations count as 0. */
void tw_lag_totals_add(struct tw_lag_totals *self, int64_t ns);

struct tw_step_stats {
    char *name;
    uint16_t system;
    /* gauges, over all versions */
    uint64_t waiting; /* in time; waiting and overdue together wait */
    uint64_t overdue;
    uint64_t failed; /* failed now */
    /* ever */
    uint64_t arrived;
    uint64_t through;
    uint64_t heard;
    int64_t passed_ns; /* since when the newest run had waited that came through: earlier ones were
                          overtaken, what became of them says nothing of the step */
    struct tw_lag_totals lag_totals;
    struct tw_sketch minutes[TW_TRACK_LAG_MINUTES]; /* ring: minute % TW_TRACK_LAG_MINUTES */
    int64_t minute_of[TW_TRACK_LAG_MINUTES];        /* s since 1970 of each; 0: none */
    bool is_sketch_changed[TW_TRACK_LAG_MINUTES];   /* since it was written */
    struct tw_lag_ring ring;
    uint32_t lag_series;
    struct tw_gauge done_sum;
    struct tw_gauge failed_sum;
    struct tw_gauge waiting_last;
    struct tw_gauge overdue_last;
    struct tw_gauge oldest_last;
    /* what alert rules look at (emit_alerts.c) */
    enum tw_lag_verdict verdict; /* of the last look, 0 for a start */
    int64_t verdict_ns;          /* when that was */
    bool is_fan_out;             /* ... of this definition */
    struct tw_cause_gauges failures;
    struct tw_gauge drain_last;
    struct tw_gauge verdict_last;
};

/* What becomes of the runs of a workflow in a region (regions.c). */
struct tw_region_stats {
    uint64_t by_state[TW_RUN_IS_COMPENSATED + 1]; /* open ones by state, ended ones ever */
    uint64_t open;
    uint64_t failures; /* ever: runs of which a step failed once */
    struct tw_gauge done_sum;
    struct tw_gauge failed_sum;
    struct tw_gauge open_last;
    struct tw_gauge overdue_last;
};
enum { /* rows of a workflow */
       TW_TRACK_REGION_NONE,
       TW_TRACK_REGION_OTHER,
       TW_TRACK_REGION_FIRST,
       TW_TRACK_REGION_ROWS = TW_TRACK_REGION_FIRST + TW_TRACK_REGIONS_MAX,
};
/* The region of a store, for runs whose own events name none. */
struct tw_store_region {
    int64_t named_ns; /* time of the latest event that named one */
    uint16_t named;   /* ... and that one */
    uint16_t counted; /* that its runs are counted in; follows at a tick */
    uint32_t runs;    /* that have the region of the store */
};

struct tw_flow_stats {
    char *name;
    struct tw_step_stats *steps; /* owned; those of older versions stay */
    size_t step_count;
    uint64_t open;                                /* runs that have started and not ended */
    uint64_t by_state[TW_RUN_IS_COMPENSATED + 1]; /* open ones by state, ended ones ever */
    struct tw_gauge started_sum;
    struct tw_gauge done_sum;
    struct tw_gauge failed_sum;
    struct tw_gauge duplicate_sum;
    struct tw_region_stats *regions; /* owned; region_room, up to TW_TRACK_REGION_ROWS */
    uint16_t region_words[TW_TRACK_REGIONS_MAX];
    uint32_t region_count;
    uint32_t region_room;
    bool is_changed; /* since its document was written */
    bool is_gone;    /* no longer in force and without runs: its document was taken away */
    bool had_traffic;
    enum tw_lag_verdict verdict; /* the worst of its steps, as shown last */
};

/* What waits in a store (stores.c). */
struct tw_store_entry {
    uint32_t since_s; /* since 1970; from 1 */
    uint32_t since_ns;
    uint32_t run;
};
struct tw_store_stats {
    uint64_t waiting; /* steps of its runs that wait in time, that are overdue, that failed */
    uint64_t overdue;
    uint64_t failed;
    struct tw_store_entry *entries; /* owned; a heap: the one that waits longest first */
    uint32_t count;
    uint32_t capacity;
    struct tw_gauge waiting_last;
    struct tw_gauge overdue_last;
    struct tw_gauge failed_last;
};
/* Which run was the last to wait for a step no more, since when it had: it has an entry that is not
 * later, until somebody puts the heap in order. */
struct tw_store_left {
    uint32_t run;
    int64_t since_ns;
};
/* The step that has been waited for longest in a store. */
struct tw_store_oldest {
    int64_t since_ns;
    uint16_t system;
};

/* What a source has said of stores, and when a store was heard of (heard.c). */
struct tw_said {
    uint32_t store;   /* word; 0: it has named none, TW_TRACK_NONE: several */
    int64_t clock_ns; /* offset of its clock at its last event that named one */
};
struct tw_heard {
    int64_t received_ns; /* receipt of the last event that counts; 0: none */
    int64_t event_ns;    /* time of the latest one */
    uint32_t own_sources;
    struct tw_gauge silent_last;
    struct tw_silences silences;
};

/* What waits for a system (systems.c). Waiting, overdue, failed, oldest have a series each. */
#define TW_SYSTEM_GAUGES 4
struct tw_system_lag {
    uint64_t waiting; /* in time */
    uint64_t overdue;
    uint64_t failed;
    int64_t oldest_ns; /* age; 0: none waits */
    bool has_rates;
    bool has_steps;
    double in_per_s;
    double out_per_s;
};

/* Rules of an objective: the burn rates, then these. The last two: a rule that pages is held back
 * by nothing but too little traffic. */
enum {
    TW_OBJECTIVE_TRICKLE = TW_BURN_RULE_COUNT,
    TW_OBJECTIVE_ABSENCE,
    TW_OBJECTIVE_FAST_LOW,
    TW_OBJECTIVE_MEDIUM_LOW,
    TW_OBJECTIVE_RULES,
};
struct tw_objective_stats {
    char *name;
    struct tw_budget *budget;
    struct tw_budget_spec spec;
    struct tw_zone *zone; /* owned */
    int64_t undecided;
    int64_t excluded;       /* decisions that fell into maintenance, ever */
    uint64_t fresh_traffic; /* freshness: what had come and gone at the last minute */
    const struct tw_wf_objective *definition; /* of the set in force; NULL: no longer there */
    const struct tw_workflow *workflow;
    uint32_t flow; /* index in tw_tracker.stats, and of the step there */
    uint32_t step;
    bool is_changed;
    bool is_gone; /* as that of a workflow */
    struct tw_gauge good_sum;
    struct tw_gauge bad_sum;
    struct tw_gauge undecided_last;
    struct tw_gauge remaining_last;
    struct tw_gauge burn_last[TW_BURN_WINDOW_COUNT];
    struct tw_gauge rule_last[TW_OBJECTIVE_RULES];
    struct tw_gauge rule_value_last[TW_OBJECTIVE_RULES];
};

/* --- a version of a workflow ------------------------------------------------------------------ */

enum tw_waits {
    TW_WAITS_NOT,
    TW_WAITS_IN_TIME, /* in `waiting` */
    TW_WAITS_OVERDUE, /* in `overdue` */
    TW_WAITS_FAILED,  /* failed, its deadline is ahead: in `failed` */
    TW_WAITS_LOST,    /* failed, its deadline has passed: in no queue */
};

struct tw_flow_step {
    struct tw_queue waiting;
    struct tw_queue overdue;
    struct tw_queue failed;
    int64_t listed_ns; /* those waiting since then or longer are listed */
    uint32_t stats;    /* index in tw_flow_stats.steps */
    uint16_t system;
};
struct tw_flow_objective {
    uint32_t stats;        /* index in tw_tracker.objectives */
    struct tw_queue timer; /* latency: undecided ones by the time they count from */
};

/* By number of the matcher's version. */
struct tw_flow {
    const struct tw_workflow *workflow; /* NULL: a free number; borrowed from the matcher */
    uint32_t stats;                     /* index in tw_tracker.stats */
    uint16_t object_type;
    bool is_usable; /* its object type is a linking one of this store */
    bool is_fan_out;
    uint32_t required; /* set of the steps that are not optional */
    uint64_t runs;     /* that are remembered */
    struct tw_flow_step *steps;
    struct tw_flow_objective *objectives;
};

/* --- runs ------------------------------------------------------------------------------------- */

enum tw_decided {
    TW_DECIDED_NONE,
    TW_UNDECIDED,
    TW_DECIDED,  /* good of weight */
    TW_EXCLUDED, /* decided within maintenance */
};
/* What a run has put into the books of one objective. */
struct tw_contribution {
    int64_t from_ns; /* latency: since when it is timed; 0: not */
    uint32_t minute; /* of the decision, minutes since 1970 */
    uint32_t good;
    uint32_t bad;
    uint8_t state; /* enum tw_decided */
    uint8_t cause; /* of what is bad */
    uint8_t step;
    bool is_fired; /* the timer has */
};

/* The stores that a fan-out expects: numbers of words to positions, shared by runs. */
struct tw_roster {
    struct tw_roster *before; /* in tw_tracker.rosters */
    struct tw_roster *after;
    uint32_t number; /* in what is being saved, from 1 */
    uint32_t references;
    uint32_t count;
    uint32_t limit;      /* positions there is a row for */
    uint32_t *positions; /* by word: 1 to count; 0: not expected */
    uint32_t *words;     /* by position - 1 */
};

#define TW_RUN_STARTED   UINT16_C(1)   /* its start was seen, and it is counted */
#define TW_RUN_ENDED     UINT16_C(2)   /* completed, recovered, compensated */
#define TW_RUN_LISTED    UINT16_C(4)   /* it has a row */
#define TW_RUN_DIRTY     UINT16_C(8)   /* its row is to be written */
#define TW_RUN_GIVEN_UP  UINT16_C(16)  /* nothing is expected of it any more */
#define TW_RUN_IN_LIST   UINT16_C(32)  /* linked into the list of open runs */
#define TW_RUN_DUPLICATE UINT16_C(64)  /* an effect of it was repeated */
#define TW_RUN_FAILURE   UINT16_C(128) /* counted as failed once */
#define TW_RUN_REPEATED  UINT16_C(256) /* its repeated effect is counted */
#define TW_RUN_FLAGS_END UINT16_C(512)

struct tw_open_run {
    uint32_t root;  /* object in the graph */
    uint32_t next;  /* run of the same root */
    uint32_t older; /* list of open runs by last touch */
    uint32_t newer;
    uint32_t touched_s; /* s since 1970, tracker's time */
    uint16_t version;
    uint16_t flags;
    uint32_t done; /* sets of steps: counted as done, ever failed, overdue or not */
    uint32_t failed;
    uint32_t waiting_s; /* of its entry in the heap of its store; 0: it has none */
    uint32_t updated_s;
    int64_t started_ns;
    int64_t amount_minor;
    uint64_t last_n;
    int64_t store_ns;    /* time of the event that named the store */
    struct tw_run *kept; /* owned; NULL: folded from the graph when needed */
    struct tw_roster *roster;
    uint64_t waits_low; /* 4 bits a step: enum tw_waits */
    uint64_t waits_high;
    uint16_t store;  /* words */
    uint16_t region; /* that its own events name; 0: none does */
    uint16_t code;
    char currency[4];
    uint8_t state; /* enum tw_run_state */
    uint8_t id_len;
    uint8_t scope_len;
    bool has_amount;
    uint8_t since_room;   /* steps that may wait before it must grow */
    uint8_t counted_room; /* 0 until a step fails or is late, then one for four steps */
    /* Behind it in the same allocation: since when the steps wait that do, in order, int64_t
     * [since_room]; the causes that failures of each step are counted under, uint16_t sets, four
     * in each int64_t[counted_room]; struct tw_contribution[objectives], id and scope. */
    int64_t since_ns[];
};
_Static_assert(sizeof(struct tw_open_run) == 120, "there may be millions");

/* A maintenance window of the set in force. */
struct tw_window {
    const struct tw_wf_maintenance *definition;
    struct tw_zone *zone; /* owned */
};

/* Pending output of objectives. */
struct tw_pending_decision {
    uint32_t objective;
    uint32_t minute;
    int64_t good;
    int64_t bad;
};
struct tw_pending_spend {
    uint32_t objective;
    uint32_t hour;
    uint16_t system;
    uint8_t cause;
    uint32_t store;
    int64_t bad;
};

/* Whose facts a place of the recent ones has; TW_TRACK_NONE: nobody's. */
struct tw_recent {
    uint32_t root;
    uint32_t version;
};

struct tw_tracker {
    /* fixed after creation */
    const struct tw_cfg *cfg;
    tw_track_object_code *object_code;
    tw_track_past *past; /* may be NULL */
    const void *context;
    void *past_context;
    uint64_t seed;
    uint8_t *is_linking; /* by object type code */
    size_t type_count;
    /* definitions */
    const struct tw_workflows *set; /* in force; a reference */
    struct tw_matcher *matcher;
    struct tw_flow *flows; /* by version */
    size_t flow_count;
    struct tw_flow_stats *stats;
    size_t stats_count;
    struct tw_objective_stats *objectives;
    size_t objective_count;
    struct tw_window *windows;
    size_t window_count;
    uint16_t root_types[TW_GRAPH_ROOTS_MAX];
    size_t root_type_count;
    bool has_fan_out;
    /* what was seen */
    struct tw_graph *graph;
    struct tw_words systems;
    struct tw_words stores;
    struct tw_words regions;
    struct tw_words codes;
    struct tw_places places;
    int64_t *store_seen_ns;  /* by word of stores: receipt of its last event */
    int64_t *store_event_ns; /* time of its latest event */
    size_t store_seen_count;
    struct tw_store_stats *store_stats; /* by word; 0: those without a row of their own */
    uint32_t store_stats_count;
    struct tw_store_left store_left;
    struct tw_store_region *store_regions; /* by word of stores - 1 */
    size_t store_region_count;
    bool has_moved;       /* a store whose runs are counted in another region than it names */
    int64_t moved_ns;     /* when such runs were looked for last */
    struct tw_said *said; /* by source */
    size_t said_count;
    struct tw_heard *heard; /* by word of stores - 1, TW_TRACK_STORES_MAX at most */
    size_t heard_count;
    int64_t listening_ns;  /* since when the tower was not deaf (TW_DEAF_NS); 0: for ever */
    struct tw_skew *skews; /* by source */
    size_t skew_count;
    struct tw_sequence *sequences; /* by source; those that were ever sequenced */
    size_t sequence_count;
    int64_t system_seen_ns[TW_WATERMARK_SYSTEMS]; /* by word: receipt of its last event; 0: none */
    struct tw_watermark watermark;
    struct tw_zone *zone; /* of the hours of the week; owned */
    uint32_t *expected;   /* words of the stores that the configuration expects */
    uint32_t expected_count;
    struct tw_roster rosters; /* ends of the list of all, oldest first */
    struct tw_roster *roster; /* the latest; NULL: to be made */
    int64_t roster_ns;        /* when it was made */
    /* runs */
    struct tw_open_run **runs;
    uint32_t run_count; /* slots used, free ones among them */
    uint32_t run_capacity;
    uint32_t *free_runs;
    uint32_t free_count;
    uint32_t oldest; /* list of open runs */
    uint32_t newest;
    uint64_t open_runs;
    uint64_t live_runs; /* remembered, open or not */
    uint64_t run_bytes;
    /* time */
    int64_t now_ns; /* highest of receipt times and ticks; 0 to TW_TRACK_TIME_MAX_NS */
    struct tw_track_tick tick;
    bool has_ticked; /* since the last emit */
    int64_t minute;  /* the one under way, minutes since 1970; 0: none */
    /* scratch */
    char *recent;        /* facts of runs folded lately, by root and version */
    size_t recent_bytes; /* of one */
    struct tw_recent *recent_runs;
    struct tw_graph_root *roots;
    size_t root_capacity;
    struct tw_graph_object *carried;
    /* output */
    struct tw_series_info *series;
    size_t series_count;
    size_t series_capacity;
    size_t unannounced;
    uint32_t *dirty; /* runs whose row is to be written */
    size_t dirty_count;
    size_t dirty_capacity;
    uint32_t relist; /* next run whose row goes into the new partition; TW_TRACK_NONE: done */
    struct tw_pending_decision *decisions;
    size_t decision_count;
    size_t decision_capacity;
    struct tw_pending_spend *spends;
    size_t spend_count;
    size_t spend_capacity;
    int64_t bucket_s;       /* the bucket whose gauges are to be written at its end */
    int64_t stores_minute;  /* the one whose beginning had points of stores */
    int64_t stores_live_ns; /* when the document of all stores was made last */
    int64_t snapshot_ns;
    uint64_t snapshot_n;
    bool wants_snapshot;
    struct tw_gauge lag_last[TW_WATERMARK_SYSTEMS];
    struct tw_gauge system_last[TW_WATERMARK_SYSTEMS][TW_SYSTEM_GAUGES];
    struct tw_gauge open_last;
    struct tw_gauge silent_last[TW_WATERMARK_SYSTEMS];
    struct tw_gauge events_sum[TW_WATERMARK_SYSTEMS];
    struct tw_gauge missing_sum[TW_WATERMARK_SYSTEMS];
    struct tw_gauge verdict_last[TW_WATERMARK_SYSTEMS];
    struct tw_cause_gauges system_failures[TW_WATERMARK_SYSTEMS];
    struct tw_cause_gauges system_retries[TW_WATERMARK_SYSTEMS];
    struct tw_gauge stores_silent_last;
    struct tw_gauge intake_sums[TW_TRACK_INTAKE_COUNT];
    uint64_t evicted;
    uint64_t late;
    uint64_t unnamed; /* rows that could not be written for want of the object's text */
    uint64_t dropped; /* events for which there was no room */
};

/* One event as the tracker folds it. */
struct tw_seen {
    uint64_t n;
    tw_wall_t time; /* corrected */
    uint32_t match;
    uint32_t store;
    uint32_t place; /* of the store and the region */
    uint8_t cause;
    const struct tw_record *record;
    const struct tw_match *said;
    uint32_t region;
    uint32_t code;
};

/* ---- tracker.c ---- */
/* Everything but what is fixed. After a failure only closing is allowed. */
int tw_tracker_open_state(struct tw_tracker *self);
void tw_tracker_close_state(struct tw_tracker *self);
/* As new: nothing is known. */
int tw_tracker_empty(struct tw_tracker *self);
/* What follows from the definitions that the matcher knows, and from the configuration. */
int tw_tracker_define(struct tw_tracker *self);

/* ---- flows.c ---- */
/* Versions and statistics of everything the matcher knows; the objectives of the set in force. */
int tw_flows_update(struct tw_tracker *self);
void tw_flows_fini(struct tw_tracker *self);
/* Versions without runs that are not current any more are retired. */
int tw_flows_retire(struct tw_tracker *self);
/* Grow the series table by one. TW_OK, TW_ENOMEM. */
int tw_series_add(struct tw_tracker *self, const struct tw_series_info *info, uint32_t *ret_series);

/* ---- runs.c ---- */
struct tw_contribution *tw_run_contributions(struct tw_open_run *run);
char *tw_run_text(const struct tw_tracker *self, struct tw_open_run *run);
static inline enum tw_waits tw_run_waits(const struct tw_open_run *run, size_t step)
{
    uint64_t half = step < 16 ? run->waits_low : run->waits_high;
    return (enum tw_waits)((half >> (step % 16 * 4)) & 15);
}
/* Since when it waits; 0: it does not. */
int64_t tw_run_since(const struct tw_open_run *run, size_t step);
/* A step that did not wait needs room: tw_runs_room(). */
void tw_run_set_waits(struct tw_open_run *run, size_t step, enum tw_waits waits, int64_t since_ns);
/* Stores that its fan-out steps expect; 0: none, or it has no such step. */
static inline uint32_t tw_run_expected(const struct tw_open_run *run)
{
    return run->roster == NULL ? 0 : run->roster->count;
}
/* Room for one more step that waits; the run may move. TW_OK, TW_ENOMEM. */
int tw_runs_room(struct tw_tracker *self, uint32_t id);
/* Room for the causes that its steps count under; likewise. */
int tw_runs_count_room(struct tw_tracker *self, uint32_t id);
/* The first run of a root, TW_TRACK_NONE. */
uint32_t tw_runs_first(const struct tw_tracker *self, uint32_t root);
/* The run of this workflow (any version of it) for a root; TW_TRACK_NONE. */
uint32_t tw_runs_find(const struct tw_tracker *self, uint32_t root, uint32_t stats);
int tw_runs_create(struct tw_tracker *self, uint32_t root, uint32_t version,
                   const struct tw_record *record, uint32_t *ret_run);
/* A run of a snapshot, in the slot it had. */
struct tw_run_head {
    const struct tw_open_run *head; /* what is copied of it: no links, no steps */
    struct tw_roster *roster;
    struct tw_str object_id;
    struct tw_str object_scope;
};
int tw_runs_restore(struct tw_tracker *self, uint32_t id, uint32_t root, uint32_t version,
                    const struct tw_run_head *from);
/* Remember the object's text when the record carries it. */
int tw_runs_name(struct tw_tracker *self, uint32_t id, const struct tw_record *record);
/* Whether the start of any run of this root was seen. */
bool tw_runs_is_any_started(const struct tw_tracker *self, uint32_t root);
/* Its place among the open ones: newest now, or out of the list. */
void tw_runs_touch(struct tw_tracker *self, uint32_t id);
void tw_runs_unlist(struct tw_tracker *self, uint32_t id);
/* Hold the root while one of its runs is open. */
void tw_runs_hold(struct tw_tracker *self, uint32_t root);
void tw_runs_forget_root(void *tracker, uint32_t object, uint32_t first);
void tw_runs_free_all(struct tw_tracker *self);
int tw_runs_mark_dirty(struct tw_tracker *self, uint32_t id);
struct tw_roster *tw_roster_now(struct tw_tracker *self);
/* One of so many words' room, with one reference, into the list. TW_OK, TW_ENOMEM. */
int tw_roster_new(struct tw_tracker *self, uint32_t limit, struct tw_roster **ret_roster);
void tw_roster_drop(struct tw_roster **roster_p);

/* ---- progress.c ---- */
/* Fold what reaches the run (all of it, or only `seen` beside what is kept) and put the changes
 * everywhere. `seen` may be NULL: fold anew. */
int tw_progress_update(struct tw_tracker *self, uint32_t id, const struct tw_seen *seen,
                       bool is_anew);
/* Whether an event with this match is a fact of runs of this version. */
bool tw_progress_concerns(const struct tw_tracker *self, uint32_t match, uint32_t version);
/* The steps as they are, overdue ones by what has fired. */
int tw_progress_judge(struct tw_tracker *self, struct tw_open_run *run,
                      struct tw_step_status *statuses, enum tw_run_state *ret_state,
                      tw_wall_t *ret_finished);
/* The folded facts of a run, from what is kept or anew; borrowed until the next call. */
int tw_progress_facts(struct tw_tracker *self, struct tw_open_run *run, struct tw_run **ret_facts);
/* Room for the facts of recent runs, of so many bytes each; what was there is forgotten. */
int tw_progress_room(struct tw_tracker *self, size_t bytes);
/* The run is no more. */
void tw_progress_forget(struct tw_tracker *self, const struct tw_open_run *run);
/* Put a step of a restored run where the snapshot had it. */
int tw_progress_place(struct tw_tracker *self, uint32_t id, size_t step, enum tw_waits waits,
                      int64_t since_ns);
/* Nothing is expected of it any more: it waits for nothing, and its object may be forgotten. */
int tw_progress_give_up(struct tw_tracker *self, uint32_t id);
/* A deadline has passed: steps move from waiting to overdue, from failed to lost. */
int tw_progress_fire(struct tw_tracker *self, uint32_t id, size_t step);

/* ---- contribute.c ---- */
struct tw_verdict_of_run {
    const struct tw_step_status *statuses;
    enum tw_run_state state;
    tw_wall_t finished;
};
int tw_contribute(struct tw_tracker *self, uint32_t id, const struct tw_verdict_of_run *of);
/* Take everything back: the run is given up or changes its store. */
int tw_contribute_nothing(struct tw_tracker *self, uint32_t id);
/* What is undecided stays so for ever: it is no longer counted. */
int tw_contribute_no_more(struct tw_tracker *self, uint32_t id);
/* Count decisions of an objective, for the budget and the batch. */
int tw_decide(struct tw_tracker *self, uint32_t objective, int64_t minute, int64_t good,
              int64_t bad);
/* A sequence number of a source: whether numbers are missing. For its system, and for the
 * objectives of workflows that begin there. */
int tw_contribute_sequence(struct tw_tracker *self, const struct tw_seen *seen, uint16_t system,
                           uint64_t number);
/* Freshness of all minutes that have ended. */
int tw_contribute_freshness(struct tw_tracker *self);

/* ---- deadlines.c ---- */
int tw_deadlines_tick(struct tw_tracker *self);
/* How old the oldest that waits for a step is, over all versions; 0: none waits. */
int64_t tw_deadlines_oldest(const struct tw_tracker *self, uint32_t stats, uint32_t step);
/* The same of those that no later run has overtaken: how far the step is behind. */
int64_t tw_deadlines_behind(const struct tw_tracker *self, uint32_t stats, uint32_t step,
                            bool *ret_waits);
/* The look with `waiting` and `oldest_ns` of those that no later run has overtaken. */
struct tw_lag_point tw_deadlines_waiting(const struct tw_tracker *self, uint32_t stats,
                                         uint32_t step, struct tw_lag_point look);

/* ---- stores.c ---- */
/* A step of the run has gone from what it was to what it waits for now. */
struct tw_store_before {
    enum tw_waits waits;
    int64_t since_ns;
};
int tw_stores_move(struct tw_tracker *self, uint32_t id, size_t step,
                   const struct tw_store_before *was);
/* Before the store of a run changes, and behind it. */
void tw_stores_leave(struct tw_tracker *self, uint32_t id);
int tw_stores_join(struct tw_tracker *self, uint32_t id);
/* The oldest that waits in a store (a row); false: none. Puts the heap in order, changes nothing
 * else. */
bool tw_stores_oldest(struct tw_tracker *self, uint32_t index, struct tw_store_oldest *ret_oldest);
uint64_t tw_stores_bytes(const struct tw_tracker *self);
void tw_stores_fini(struct tw_tracker *self);

/* ---- regions.c ---- */
int tw_regions_init(struct tw_flow_stats *stats);
/* Room for a store. TW_OK, TW_ENOMEM. */
int tw_regions_room(struct tw_tracker *self, uint32_t store);
/* What an event says of the region of its store; the store has room then. TW_OK, TW_ENOMEM. */
int tw_regions_learn(struct tw_tracker *self, const struct tw_seen *seen);
/* Of two regions that are named at the same time the first by name counts. */
bool tw_regions_is_before(const struct tw_tracker *self, uint32_t a, uint32_t b);
/* The region a run is counted in, a word; 0: none. */
uint32_t tw_regions_of(const struct tw_tracker *self, const struct tw_open_run *run);
/* What the run is counted as, to be handed back once it has changed; not for a change of region. */
unsigned tw_regions_says(const struct tw_open_run *run);
void tw_regions_change(struct tw_tracker *self, const struct tw_open_run *run, unsigned said);
/* Before the store or the region of a run changes, and behind it. TW_OK, TW_ENOMEM. */
void tw_regions_leave(struct tw_tracker *self, const struct tw_open_run *run);
int tw_regions_join(struct tw_tracker *self, const struct tw_open_run *run);
/* The run is no more; what it was counted as stays. */
void tw_regions_forget(struct tw_tracker *self, const struct tw_open_run *run);
/* A run of a snapshot is there again. TW_OK, TW_ENOMEM. */
int tw_regions_restore(struct tw_tracker *self, const struct tw_open_run *run);
/* Runs of stores that name another region now are counted there. TW_OK, TW_ENOMEM. */
int tw_regions_tick(struct tw_tracker *self);
/* What a row is called in series and documents. */
const char *tw_regions_name(const struct tw_tracker *self, const struct tw_flow_stats *stats,
                            size_t row);
void tw_regions_settle_replay(struct tw_flow_stats *stats);
uint64_t tw_regions_bytes(const struct tw_tracker *self);
/* What is known of stores, and the rows of a workflow (NULL: it is no longer there). Errors of
 * writing are sticky. */
void tw_regions_save(const struct tw_tracker *self, struct tw_buf *buf);
int tw_regions_read(struct tw_tracker *self, struct tw_cursor *cursor);
void tw_regions_save_flow(const struct tw_flow_stats *stats, struct tw_buf *buf);
int tw_regions_read_flow(const struct tw_tracker *self, struct tw_flow_stats *stats,
                         struct tw_cursor *cursor);

/* ---- totals.c ---- */
/* How long a step took, seen in the minute under way. TW_OK, TW_ENOMEM. */
int tw_step_note_lag(struct tw_step_stats *stats, int64_t now_ns, int64_t lag_ns);

/* ---- heard.c ---- */
/* An event that names a store (word), with its corrected time. TW_OK, TW_ENOMEM. */
int tw_heard_event(struct tw_tracker *self, const struct tw_record *record, uint32_t word,
                   tw_wall_t time);
/* It is at least so late: sets now_ns, at most to TW_TRACK_TIME_MAX_NS. What was before, for too
 * long, nobody could hear. */
int tw_heard_time(struct tw_tracker *self, int64_t now_ns);
/* Since when a store (index) is silent, nothing being heard of it for track.store-silent-s; 0: it
 * is not. As /stores says it. */
int64_t tw_heard_silent_since(const struct tw_tracker *self, size_t index, int64_t now_ns);
uint64_t tw_heard_bytes(const struct tw_tracker *self);
int tw_heard_encode(const struct tw_tracker *self, struct tw_buf *buf);
int tw_heard_decode(struct tw_tracker *self, struct tw_cursor *cursor);
void tw_heard_fini(struct tw_tracker *self);

/* ---- systems.c ---- */
/* What waits for each system, by its word; `lags` has room for TW_WATERMARK_SYSTEMS. */
void tw_systems_lag(const struct tw_tracker *self, struct tw_system_lag *lags);

/* ---- row.c ---- */
/* TW_ENOTFOUND: its object's text is not known. */
int tw_row_make(struct tw_tracker *self, uint32_t id, struct tw_arena *arena,
                struct tw_run_row *ret_row);

/* ---- live.c ---- */
/* Keep a look at every step, each half minute. */
void tw_live_look(struct tw_tracker *self);
/* The next documents are all there are: a new partition has none. */
void tw_live_all(struct tw_tracker *self);
int tw_live_make(struct tw_tracker *self, struct tw_arena *arena, const struct tw_live **ret_live,
                 size_t *ret_count);

#endif
