/* SPDX-License-Identifier: Apache-2.0
 * How far what happened in a system is known. The watermark of a system is the time up to which its
 * events have been read, as well as that can be told: the time when the taps were last found empty,
 * and not beyond the last event of a source of it that is catching up (its newest event is longer
 * ago than its transit usually is: a backlog, an import of last year). A source that has fallen
 * silent for longer than idle_ns holds nothing back; nor does one that has caught up, or one that
 * says something old among what is current (tried again, say): that is no backlog.
 * It goes back when an old event comes: what is due before it may still be answered.
 * Thread: the owner's. Limits: TW_WATERMARK_SYSTEMS; further ones share the last.
 * Fails:  TW_ENOMEM (nothing changed), TW_EDAMAGED (decoding: empty).
 */
#ifndef TW_TRACK_WATERMARK_H
#define TW_TRACK_WATERMARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/clock.h"

#define TW_WATERMARK_SYSTEMS   256
#define TW_WATERMARK_LATE_NS   (2 * TW_NS_PER_S)   /* above the usual transit: catching up */
#define TW_WATERMARK_WINDOW_NS (300 * TW_NS_PER_S) /* half of what "usual" looks back on */

/* What is known of one source. */
struct tw_watermark_source {
    int64_t least_ns;  /* smallest transit of this window; valid once since_ns is set */
    int64_t before_ns; /* of the window before; INT64_MAX: none */
    int64_t since_ns;  /* receipt time of the window's first event; 0: no event yet */
    int64_t newest_ns; /* the latest time of an event */
    int64_t last_time_ns;
    int64_t last_received_ns;
    uint16_t system;
    bool is_behind;
    bool is_listed; /* in `behind` */
};

struct tw_watermark {
    struct tw_watermark_source *sources; /* owned, by number */
    size_t source_count;
    size_t source_capacity;
    uint32_t *behind; /* owned: numbers of those that are, in no order that matters */
    size_t behind_count;
    size_t behind_capacity;
    int64_t idle_ns;
    int64_t limit_ns;                        /* min(now, read_up_to) of the last tick */
    int64_t system_ns[TW_WATERMARK_SYSTEMS]; /* INT64_MAX: nothing holds it back */
};

void tw_watermark_init(struct tw_watermark *self, int64_t idle_ns);
void tw_watermark_fini(struct tw_watermark *self);
/* One event of a source: its time corrected for its clock. Takes effect at once. */
int tw_watermark_see(struct tw_watermark *self, uint32_t source, uint16_t system,
                     tw_wall_t received, tw_wall_t time);
/* Time moves on: sources that are silent hold nothing back any more. */
void tw_watermark_tick(struct tw_watermark *self, tw_wall_t now, tw_wall_t read_up_to);
/* As of the last tick and the events since. INT64_MIN before the first tick. */
tw_wall_t tw_watermark_of(const struct tw_watermark *self, uint16_t system);
/* The lowest of all systems. */
tw_wall_t tw_watermark_lowest(const struct tw_watermark *self);
/* Sources that hold their system back. */
size_t tw_watermark_behind(const struct tw_watermark *self);
size_t tw_watermark_bytes(const struct tw_watermark *self);

int tw_watermark_encode(const struct tw_watermark *self, struct tw_buf *buf);
/* idle_ns stays. */
int tw_watermark_decode(struct tw_watermark *self, struct tw_cursor *cursor);

#endif
