/* SPDX-License-Identifier: Apache-2.0
 * What the files of a turn share. Nothing else includes it.
 */
#ifndef TW_ALERT_WATCH_INTERNAL_H
#define TW_ALERT_WATCH_INTERNAL_H

#include "alert/feed.h"
#include "alert/rows.h"
#include "alert/watch.h"
#include "store/retain.h"

#define TW_OWN_MAX             2000 /* the tower's own alerts at once */
#define TW_MAINTAINED_NAME_MAX 256  /* of a workflow or system; longer ones have no maintenance */

/* An alert of the tower itself that holds now. */
struct tw_own {
    const char *name;
    struct tw_label label; /* a further one; absent name: none */
    enum tw_severity severity;
    struct tw_str owner;
    struct tw_str summary;
    struct tw_str description;
    const char *runbook; /* NULL: none */
    int32_t for_s;
};
/* One that is held in mind: it holds, or its row is open. */
struct tw_held {
    uint64_t fingerprint;
    tw_mono_t since; /* it holds since */
    tw_mono_t seen;  /* it held last */
    uint64_t text;   /* hash of what is written of it; 0: its row is not open */
};

struct tw_watch {
    const struct tw_cfg *cfg;
    struct tw_clock *clock;
    tw_wall_t began;
    const struct tw_rules *rules;          /* a reference */
    const struct tw_workflows *workflows;  /* a reference */
    struct tw_zone **zones;                /* of maintenance, by its index */
    struct tw_watch_heartbeat *heartbeats; /* owned, with their texts */
    size_t heartbeat_count;
    struct tw_feed *feed;     /* NULL: not open */
    struct tw_alerts *alerts; /* likewise */
    struct tw_engine *engine;
    bool has_place;     /* where judging stands was read */
    bool has_past;      /* the engine has what its windows reach back to */
    bool has_restored;  /* and knows what was open */
    bool is_doubtful;   /* rows may not be what the engine says: all are put again */
    bool has_new_rules; /* rows of rules that are gone are to be forgotten */
    struct tw_alerts_place place;
    bool is_place_new; /* it is not written yet */
    /* the bucket in hand: it is fed, but was not judged yet */
    bool has_bucket;
    struct tw_feed_bucket bucket;
    /* what was judged, and is to be written */
    const struct tw_alert_change *changes; /* of the engine's, until its next call */
    size_t change_count;
    uint64_t *refused_of; /* by rule: alerts that found no room in this bucket */
    uint64_t refused;     /* all of them */
    uint64_t refused_before;
    /* systems that had unproven replays, so that 0 is said of them */
    char **unproven;
    size_t unproven_count;
    int64_t usual_hour; /* for which the engine knows what is usual; 0: none */
    tw_mono_t usual_at; /* after it could not be read: not before */
    tw_mono_t slow_at;  /* the next look at what is looked at each 10 s */
    tw_mono_t expire_at;
    /* the tower itself */
    struct tw_held held[TW_OWN_MAX];
    size_t held_count;
    bool has_held;    /* open rows were read back */
    bool has_judged;  /* something, in this life */
    tw_mono_t turned; /* the first turn of this life */
    enum tw_disk_state disk;
    struct tw_arena arena; /* of a turn */
};

/* ---- watch_rows.c: what was judged becomes rows ---- */

/* Everything that was open goes to the engine. Needs alerts. */
int tw_watch_restore(struct tw_watch *self, struct tw_diag *diag);
/* One transaction: the changes in hand, states of rules, the place. */
int tw_watch_write(struct tw_watch *self, struct tw_diag *diag);

/* ---- watch_posted.c: what others say ---- */

/* Alerts that were posted, ends that have passed; a transaction of its own, or none. */
int tw_watch_posted(struct tw_watch *self, tw_wall_t now, bool *ret_has_more, struct tw_diag *diag);
/* Which heartbeats are missed: rows of the table, and own alerts at `own`. */
int tw_watch_heartbeats(struct tw_watch *self, tw_wall_t now, struct tw_own *own, size_t *own_count,
                        struct tw_diag *diag);
/* Planned maintenance of this workflow, or of this system (absent: none), is now. */
bool tw_watch_is_maintained(const struct tw_watch *self, struct tw_str workflow,
                            struct tw_str system, tw_wall_t now);
/* The flag of alerts whose maintenance began or ended. */
int tw_watch_maintenance(struct tw_watch *self, tw_wall_t now, struct tw_diag *diag);

/* ---- watch_own.c: the tower itself ---- */

/* What holds of the tower becomes alerts, what does not any more ends. */
int tw_watch_own(struct tw_watch *self, tw_mono_t mono, tw_wall_t now, struct tw_diag *diag);

#endif
