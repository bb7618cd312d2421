/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/retain.h"

#define NS_PER_DAY (24 * 3600 * TW_NS_PER_S)
#define DAYS_MAX   (INT64_MAX / NS_PER_DAY)

bool tw_retain_may_act(struct tw_retain_clock *self, tw_wall_t wall, tw_mono_t mono,
                       tw_wall_t last_closed, int64_t *ret_jump_ns)
{
    int64_t difference = wall.ns - mono.ns;
    int64_t jump = 0;
    if (!self->has_base) {
        self->has_base = true;
        self->hold_until = mono;
        if (last_closed.ns != 0 && wall.ns - last_closed.ns > TW_RETAIN_GAP_NS) {
            jump = wall.ns - last_closed.ns;
        }
    } else {
        jump = difference - self->wall_minus_mono_ns;
        jump = jump > TW_RETAIN_JUMP_NS || jump < -TW_RETAIN_JUMP_NS ? jump : 0;
    }
    if (jump != 0) {
        self->hold_until.ns = mono.ns + TW_RETAIN_HOLD_NS;
    }
    /* slow drift and small corrections are followed, so that they never add up to a jump */
    self->wall_minus_mono_ns = difference;
    *ret_jump_ns = jump;
    return mono.ns >= self->hold_until.ns;
}

static bool is_past(int64_t days, tw_wall_t now, tw_wall_t at)
{
    return days > 0 && days < DAYS_MAX && now.ns > at.ns && now.ns - at.ns > days * NS_PER_DAY;
}

enum tw_retain_deed tw_retain_due(const struct tw_cfg *cfg, tw_wall_t now, tw_wall_t last_received,
                                  bool payload_expired, bool quarantine_expired,
                                  bool *ret_strip_payload, bool *ret_strip_quarantine)
{
    if (is_past(cfg->store.retain_days, now, last_received)) {
        return TW_RETAIN_EXPIRE;
    }
    *ret_strip_payload =
        !payload_expired && is_past(cfg->store.retain_payload_days, now, last_received);
    *ret_strip_quarantine =
        !quarantine_expired && is_past(cfg->store.retain_quarantine_days, now, last_received);
    return *ret_strip_payload || *ret_strip_quarantine ? TW_RETAIN_STRIP : TW_RETAIN_NOTHING;
}

static bool is_below(uint64_t free_bytes, uint64_t total_bytes, uint64_t percent, uint64_t bytes)
{
    /* by hundredths of the total, which cannot overflow */
    return free_bytes < bytes || free_bytes < total_bytes / 100 * percent;
}

enum tw_disk_state tw_retain_disk(const struct tw_cfg *cfg, enum tw_disk_state now,
                                  uint64_t free_bytes, uint64_t total_bytes)
{
    uint64_t percent = (uint64_t)cfg->store.stop_free_percent;
    uint64_t bytes = (uint64_t)cfg->store.stop_free_bytes;
    bool is_full = is_below(free_bytes, total_bytes, percent, bytes);
    if (now == TW_DISK_FULL && !is_full) {
        uint64_t limit = total_bytes / 100 * percent;
        limit = limit > bytes ? limit : bytes;
        is_full = free_bytes < limit + limit / 10;
    }
    if (is_full) {
        return TW_DISK_FULL;
    }
    bool is_low = is_below(free_bytes, total_bytes, (uint64_t)cfg->store.warn_free_percent, 0);
    return is_low ? TW_DISK_LOW : TW_DISK_OK;
}
