/* SPDX-License-Identifier: Apache-2.0
 * When one store said nothing: the last gaps between the times of its events that are longer than
 * was expected.
 * Decided by event time, so that a store that was off line and delivers later what it kept was not
 * silent: a gap is found when a later event comes, and what comes with a time inside it makes it
 * shorter, splits it, or takes it away. In whatever order the same events come, the gaps are the
 * same ones, but for two bounds: nothing is known before the first event that was heard, nor before
 * the end of a gap that was given up.
 * Thread:  the owner's (pure, open struct).
 * Limits:  TW_SILENCES_MAX gaps; beyond it the oldest is given up and counted.
 */
#ifndef TW_TRACK_SILENCE_H
#define TW_TRACK_SILENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/clock.h"

/* Three weeks of a store that closes at night. */
#define TW_SILENCES_MAX 20
/* Nothing came to the tower for so long, not even its own time: it was not there, and no store can
 * be called silent for that. Time is told once a second. */
#define TW_DEAF_NS (60 * TW_NS_PER_S)

struct tw_silence {
    int64_t from_ns; /* times of the events before and behind it */
    int64_t until_ns;
    uint32_t expected_s; /* an event was expected within it */
};
/* All zero: nothing was heard yet. */
struct tw_silences {
    int64_t first_ns; /* what is before it is not judged; 0: nothing was heard */
    int64_t newest_ns;
    uint64_t forgotten; /* gaps that were given up */
    uint32_t count;
    bool is_changed;          /* for the owner to reset */
    struct tw_silence *items; /* owned; ascending, disjoint; NULL while there are none */
};

void tw_silences_fini(struct tw_silences *self);
/* An event of this time. `clock_ns`: how much further behind its source's clock is known to be
 * since its event before; times that came with the wrong clock stand so much too early, and that is
 * no silence. Times before 2000 are of clocks that were never set, and are passed over.
 * TW_OK, TW_ENOMEM (then nothing has changed). */
int tw_silences_hear(struct tw_silences *self, int64_t time_ns, int64_t clock_ns,
                     uint32_t expected_s);
/* From `from_ns` until `until_ns` nothing could be heard. TW_OK, TW_ENOMEM. */
int tw_silences_deaf(struct tw_silences *self, int64_t from_ns, int64_t until_ns,
                     uint32_t expected_s);
/* Append; read back (TW_EDAMAGED, TW_ENOMEM: *self is as new). */
int tw_silences_encode(const struct tw_silences *self, struct tw_buf *buf);
int tw_silences_decode(struct tw_silences *self, struct tw_cursor *cursor);

#endif
