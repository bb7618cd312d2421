/* SPDX-License-Identifier: Apache-2.0
 * The sequence numbers of one source, as objectives count them: which came, which are missing, and
 * in which minute that was seen, so that one that comes late takes the bad decision back there.
 * A number up to TW_SEQUENCE_BEFORE below the lowest was overtaken; one further below means that
 * the source began to count again, and what was missing stays missing. Thread: the owner's. Limits:
 * TW_SEQUENCE_GAPS ranges; beyond it the oldest is no longer recognised when it comes, and stays
 * missing. Fails:  TW_ENOMEM: nothing changed. TW_EDAMAGED (decoding): as new.
 */
#ifndef TW_TRACK_SEQUENCE_H
#define TW_TRACK_SEQUENCE_H

#include <stdint.h>

#include "core/buf.h"
#include "core/str.h"

#define TW_SEQUENCE_BEFORE UINT64_C(1000)
#define TW_SEQUENCE_GAPS   64

struct tw_sequence_gap {
    uint64_t first; /* both ends are missing */
    uint64_t last;
    int64_t minute; /* when it was seen, minutes since 1970 of event time */
};
struct tw_sequence {
    uint64_t lowest; /* 0 with highest 0: none came yet */
    uint64_t highest;
    struct tw_sequence_gap *gaps; /* owned, ascending; TW_SEQUENCE_GAPS of room, or NULL */
    uint32_t gap_count;
};
/* What one number changes. */
struct tw_sequence_change {
    int64_t minute; /* in which it counts: the event's own, or that of the gap it fills */
    int64_t good;
    int64_t bad;
};

/* All zero is a source of which nothing is known. */
void tw_sequence_fini(struct tw_sequence *self);
/* One number, that of an event seen for the first time, in the minute of its event time. */
int tw_sequence_see(struct tw_sequence *self, uint64_t number, int64_t minute,
                    struct tw_sequence_change *ret_change);
/* Digits only, at most 19, above 0; 0: it is none. */
uint64_t tw_sequence_parse(struct tw_str text);
int tw_sequence_encode(const struct tw_sequence *self, struct tw_buf *buf);
int tw_sequence_decode(struct tw_sequence *self, struct tw_cursor *cursor);

#endif
