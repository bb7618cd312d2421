/* SPDX-License-Identifier: Apache-2.0
 * From the store to the judge: which buckets are whole, whether the tower ran in them, and their
 * points. A bucket is whole when a tick behind its end is committed. Nothing is judged before the
 * tracker has settled after a start: what it says until then is of the past, or of a half of what
 * has come. Buckets of the life before that were not judged are judged first; those in which the
 * tower did not run are passed over.
 * Thread:  one struct tw_feed, one thread.
 * Limits:  TW_FEED_BACK_S of what was not judged; what is older is passed over, and is counted.
 * Fails:   as store/reader.h. After an error: the same again.
 */
#ifndef TW_ALERT_FEED_H
#define TW_ALERT_FEED_H

#include "alert/engine.h"
#include "store/points.h"

#define TW_FEED_BACK_S   21600 /* judged after the fact, at most */
#define TW_FEED_SETTLE_S 120   /* a tracker that does not settle is believed then */

struct tw_feed;
/* began: when this life of the tower did, before it read anything. */
int tw_feed_open(const char *dir, tw_wall_t began, struct tw_feed **ret_feed, struct tw_diag *diag);
void tw_feed_close(struct tw_feed **self_p); /* accepts NULL */
/* For the next calls, as tw_reader_set_deadline. */
void tw_feed_set_deadline(struct tw_feed *self, tw_mono_t deadline);
/* Borrowed until close. */
struct tw_reader *tw_feed_reader(struct tw_feed *self);

/* What windows reach back to goes to the engine, a portion a call, of metrics whose past it does
 * not have yet: at the start all, after other rules those that are new. *ret_is_done: all of it. */
int tw_feed_past(struct tw_feed *self, struct tw_engine *engine, int64_t judged_s,
                 bool *ret_is_done);
/* Some of it was read, and there is more. */
bool tw_feed_is_reading(const struct tw_feed *self);
/* The rules are others. */
void tw_feed_change(struct tw_feed *self);
/* The engine is another one: it has nothing. */
void tw_feed_begin_anew(struct tw_feed *self);

struct tw_feed_bucket {
    int64_t bucket_s;
    bool is_alive;
};
/* The next bucket behind `judged_s` (0: none was judged), its points fed. The caller ticks it
 * before anything else is asked for. TW_ENOTFOUND: none is whole yet. */
int tw_feed_next(struct tw_feed *self, struct tw_engine *engine, int64_t judged_s,
                 struct tw_feed_bucket *ret_bucket);

/* How far the tower has read, as it was committed last. Seconds since 1970; 0: not known. */
struct tw_feed_state {
    tw_wall_t ticked;     /* now of the last tick */
    tw_wall_t read_up_to; /* the taps were empty then */
    bool is_settled;
    uint64_t passed_over; /* buckets that were too old */
    uint64_t refused;     /* points for which the engine has no room, or that it cannot read */
};
void tw_feed_state(const struct tw_feed *self, struct tw_feed_state *ret_state);
/* Look at the last tick. */
int tw_feed_look(struct tw_feed *self);

#endif
