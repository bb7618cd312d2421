/* SPDX-License-Identifier: Apache-2.0
 * What the keeper decides: which partition is sealed, expired or stripped next, and whether the
 * disk has room. Decisions are apart from the deeds, so that they can be tested with made-up
 * clocks and disks.
 * Thread: the keeper's.
 */
#ifndef TW_STORE_RETAIN_H
#define TW_STORE_RETAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "core/clock.h"

/* Wall clock jumps: nothing expires for this long after one, so that somebody can notice. */
#define TW_RETAIN_HOLD_NS (24 * 3600 * TW_NS_PER_S)
/* Wall against monotonic time within one run of the program. */
#define TW_RETAIN_JUMP_NS (3600 * TW_NS_PER_S)
/* At a start: time since the last commit that is no longer an ordinary stop. */
#define TW_RETAIN_GAP_NS (24 * 3600 * TW_NS_PER_S)

struct tw_retain_clock {
    bool has_base;
    int64_t wall_minus_mono_ns;
    tw_mono_t hold_until;
};
/* Look at the clocks: true when retention may act. *ret_jump_ns: how far the wall clock jumped
 * (0: it did not). last_closed: of the last batch in the store, 0: none. */
bool tw_retain_may_act(struct tw_retain_clock *self, tw_wall_t wall, tw_mono_t mono,
                       tw_wall_t last_closed, int64_t *ret_jump_ns);

enum tw_retain_deed { TW_RETAIN_NOTHING, TW_RETAIN_EXPIRE, TW_RETAIN_STRIP };
/* What is due for a sealed partition whose last record came at last_received. For STRIP what to
 * remove is in the two flags. Days of 0 or less: kept for ever. */
enum tw_retain_deed tw_retain_due(const struct tw_cfg *cfg, tw_wall_t now, tw_wall_t last_received,
                                  bool payload_expired, bool quarantine_expired,
                                  bool *ret_strip_payload, bool *ret_strip_quarantine);

enum tw_disk_state { TW_DISK_OK, TW_DISK_LOW, TW_DISK_FULL };
/* The next state from the present one. To leave FULL a tenth more than the limits must be free. */
enum tw_disk_state tw_retain_disk(const struct tw_cfg *cfg, enum tw_disk_state now,
                                  uint64_t free_bytes, uint64_t total_bytes);

#endif
