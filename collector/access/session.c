/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "access/session.h"

/* Since the last use; below 0 where the clock went back. Times are of years 1677 to 2262, and a
 * damaged row may hold any. */
static int64_t elapsed(const struct tw_session_time *self, tw_wall_t now)
{
    int64_t ns = 0;
    return __builtin_sub_overflow(now.ns, self->seen.ns, &ns) ? INT64_MAX : ns;
}

struct tw_session_time tw_session_begun(const struct tw_session_limits *limits, tw_wall_t now)
{
    return (struct tw_session_time){now, now, limits->absolute_s * TW_NS_PER_S};
}

bool tw_session_is_over(const struct tw_session_time *self, const struct tw_session_limits *limits,
                        tw_wall_t now)
{
    int64_t since = elapsed(self, now);
    int64_t age = 0;
    if (since < -TW_SESSION_BACK_S * TW_NS_PER_S ||
        __builtin_sub_overflow(now.ns, self->created.ns, &age)) {
        return true;
    }
    since = since < 0 ? 0 : since;
    return since >= limits->idle_s * TW_NS_PER_S || since >= self->left_ns ||
           age >= limits->absolute_s * TW_NS_PER_S;
}

void tw_session_see(struct tw_session_time *self, tw_wall_t now)
{
    int64_t since = elapsed(self, now);
    self->left_ns -= since < 0 ? 0 : since; /* more than that is left: it is not over */
    self->seen = now;
}
