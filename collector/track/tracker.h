/* SPDX-License-Identifier: Apache-2.0
 * The tracker: which runs are open, what each waits for, what is late; lag, objectives, series.
 * A deterministic state machine: the same records in the same order and the same ticks give the
 * same state, so that a snapshot and the records behind it are a whole restart.
 *
 *   note   at decode: what the event matches (pure look-ups, no state)
 *   apply  once correlation has decided that the record is a first-seen event (repeat: it was)
 *   tick   before a batch is closed: the clock and the watermark move on; deadlines fire
 *   emit   the changes of the batch, into its arena
 *
 * Thread:  intake only; takes no locks.
 * Limits:  track.* of the configuration; every one that is reached is counted and visible.
 * Fails:   TW_ENOMEM: the owner must stop.
 */
#ifndef TW_TRACK_TRACKER_H
#define TW_TRACK_TRACKER_H

#include "event/event.h"
#include "store/batch.h"
#include "track/run.h"
#include "workflow/workflow.h"

struct tw_tracker;
struct tw_track_note;
struct tw_buf;

/* The number of an object type in the store, -1: none (tw_store_object_code). */
typedef int tw_track_object_code(const void *context, const char *type);

/* An earlier record n, committed or not: TW_OK, TW_ENOTFOUND, TW_EIO. Its strings live in the arena
 * or in a batch under way. */
typedef int tw_track_past(void *context, uint64_t n, struct tw_arena *arena,
                          struct tw_record *ret_record);

struct tw_tracker_options {
    const struct tw_cfg *cfg;             /* borrowed */
    const struct tw_workflows *workflows; /* takes a reference */
    tw_track_object_code *object_code;
    const void *context;
    uint64_t seed; /* of the store, secret: for hashes of identifiers */
    /* For the name of an object that was not carried by the events at hand; NULL: such a run has no
     * row. */
    tw_track_past *past;
    void *past_context;
};
int tw_tracker_new(const struct tw_tracker_options *options, struct tw_tracker **ret_tracker);
void tw_tracker_destroy(struct tw_tracker **self_p);

/* What tracking needs of the event, into the arena; *ret_note NULL when it matches nothing and
 * carries no link. TW_OK or TW_ENOMEM. */
int tw_tracker_note(struct tw_tracker *self, const struct tw_event *event, struct tw_arena *arena,
                    const struct tw_track_note **ret_note);
/* NONE: as far as workflows know nothing failed; else the cause that the event itself names, which
 * counts where the record has none (tw_record.cause). NULL: NONE. */
enum tw_cause tw_tracker_note_cause(const struct tw_track_note *note);
/* To hide memory latency: say what will be applied soon, first TW_TRACK_AHEAD records before it,
 * then with each of the lesser distances of tw_tracker_ahead_at[]. Changes nothing. */
#define TW_TRACK_AHEAD        24
#define TW_TRACK_AHEAD_STAGES 4
extern const unsigned tw_tracker_ahead_at[TW_TRACK_AHEAD_STAGES]; /* records, descending */
void tw_tracker_ahead(struct tw_tracker *self, const struct tw_record *record,
                      const struct tw_track_note *note, unsigned stage);
/* One first-seen event, its cause decided; sets record->clock_ns, with which it is stored. */
int tw_tracker_apply(struct tw_tracker *self, struct tw_record *record,
                     const struct tw_track_note *note);
/* One that is stored: it is taken as it was then. */
int tw_tracker_repeat(struct tw_tracker *self, const struct tw_record *record,
                      const struct tw_track_note *note);
/* What the intake counts, for the series of the same names; in the batch that is emitted next. */
enum tw_track_intake {
    TW_TRACK_RECEIVED,
    TW_TRACK_DUPLICATES,
    TW_TRACK_CONFLICTS,
    TW_TRACK_QUARANTINED,
    TW_TRACK_INTAKE_COUNT,
};
void tw_tracker_count(struct tw_tracker *self, enum tw_track_intake what, uint64_t more);
/* At most once a second; TW_ENOMEM. */
int tw_tracker_tick(struct tw_tracker *self, const struct tw_track_tick *tick);
/* Changes since the last call, in the arena; `all_names` when the batch starts a partition: then
 * also every open run that has a row. `with_live`: the documents that changed (once a second is
 * enough). A snapshot is made when it is due and `may_snapshot`. */
/* TW_OK; TW_EBUSY: an earlier one is under way, it stays due; others: it cannot. */
typedef int tw_track_beside(void *context, uint64_t last_n, bool is_last,
                            struct tw_saving **ret_saving);
struct tw_track_emit {
    bool all_names;
    bool with_live;
    bool may_snapshot;
    bool must_snapshot; /* whether it is due or not: the program ends */
    uint64_t last_n;    /* of the batch */
    /* What saves the state beside the program (tw_tracker_write in a child process), so that nobody
     * waits for it; NULL, or what it fails with: the state comes as bytes. */
    tw_track_beside *beside;
    void *beside_context;
};
int tw_tracker_emit(struct tw_tracker *self, const struct tw_track_emit *options,
                    struct tw_arena *arena, const struct tw_track_changes **ret_changes);

/* A new set: runs that are open keep theirs, new ones begin under it. */
int tw_tracker_reload(struct tw_tracker *self, const struct tw_workflows *workflows);

/* The whole state as bytes (malloc'ed), and back into a new tracker. Restoring treats its input as
 * hostile: TW_EDAMAGED leaves the tracker empty. A snapshot of other object types or of a newer
 * version is refused with TW_EDAMAGED too. */
int tw_tracker_save(const struct tw_tracker *self, uint64_t last_n, void **ret_bytes,
                    size_t *ret_len);
/* The same bytes appended to a buffer. Allocates nothing and takes no lock, so that a child process
 * may do it with a buffer that drains. Returns the buffer's error. */
int tw_tracker_write(const struct tw_tracker *self, uint64_t last_n, struct tw_buf *buf);
int tw_tracker_restore(struct tw_tracker *self, const void *bytes, size_t len, uint64_t *ret_n);
/* After restoring and replaying: what was replayed is committed already; forget its changes. */
void tw_tracker_settle_replay(struct tw_tracker *self);

/* One run as it is now, for tests and for whoever wants to know. */
struct tw_tracker_run {
    const struct tw_workflow *workflow; /* the version it is under; borrowed until the next call */
    enum tw_run_state state;
    bool is_given_up;
    struct tw_step_status steps[TW_WF_STEPS_MAX];
};
/* TW_ENOTFOUND: there is none, or it is forgotten. TW_ENOMEM. */
int tw_tracker_look(struct tw_tracker *self, const char *workflow, const struct tw_object *object,
                    struct tw_tracker_run *ret_run);

struct tw_tracker_stats {
    uint64_t open_runs;
    uint64_t objects;
    uint64_t events;  /* remembered */
    uint64_t bytes;   /* of memory, all told */
    uint64_t evicted; /* runs given up while open because of a limit */
    uint64_t late;    /* runs forgotten whose start never came, or was forgotten before */
};
void tw_tracker_stats(const struct tw_tracker *self, struct tw_tracker_stats *ret_stats);

#endif
