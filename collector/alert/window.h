/* SPDX-License-Identifier: Apache-2.0
 * The latest points of a series, and when the tower ran: what the windows of rules look at. Times
 * are buckets: seconds since 1970 / 10.
 * Thread:  the owner's. Memory only.
 * Limits:  a trail keeps what its span needs: at most a point a bucket of it, and some slack.
 */
#ifndef TW_ALERT_WINDOW_H
#define TW_ALERT_WINDOW_H

#include "alert/rules.h"

/* Behind the span: points may come a little late, and ahead of the bucket that is judged. */
#define TW_TRAIL_SLACK 12

struct tw_trail_point {
    int32_t bucket;
    int32_t hold; /* buckets that it stands for, from its own on */
    double value; /* counts: all of the series up to here */
};
struct tw_trail {
    struct tw_trail_point *points; /* owned; `count` from `first` on, ascending */
    size_t first;
    size_t count;
    size_t capacity;
    double base; /* counts: all before the first point */
    double high; /* values: none of those that are kept is above, nor is 0 */
    bool is_count;
};

void tw_trail_fini(struct tw_trail *self);
/* A copy. TW_ENOMEM. */
int tw_trail_copy(const struct tw_trail *from, struct tw_trail *ret_trail);
/* One more point: of `length` buckets (a count is spread over them), a value holds for `hold`. What
 * is older than span and slack before the newest is forgotten. TW_ENOMEM: nothing has changed. */
int tw_trail_feed(struct tw_trail *self, const struct tw_trail_point *point, int32_t length,
                  int32_t span);
/* What was counted in [from, until). */
double tw_trail_sum(const struct tw_trail *self, int32_t from, int32_t until);
/* The values that hold in `count` buckets from `from` on; NAN where none does. */
void tw_trail_fill(const struct tw_trail *self, int32_t from, int32_t count, double *ret_values);
/* Forget how high those were that are not kept any more. */
void tw_trail_settle(struct tw_trail *self);
/* The first bucket that the newest point does not stand for; INT32_MIN: there is none. */
int32_t tw_trail_end(const struct tw_trail *self);

struct tw_uptime_span {
    int32_t from;
    int32_t until;
};
/* When the tower ran. */
struct tw_uptime {
    struct tw_uptime_span *spans; /* owned; ascending, none touches the next */
    size_t count;
    size_t capacity;
};

void tw_uptime_fini(struct tw_uptime *self);
int tw_uptime_copy(const struct tw_uptime *from, struct tw_uptime *ret_uptime);
/* It ran in [from, until). Ascending; what lies before the latest span is left out. Spans that end
 * more than `keep` buckets ago are forgotten. TW_ENOMEM: nothing has changed. */
int tw_uptime_add(struct tw_uptime *self, int32_t from, int32_t until, int32_t keep);
bool tw_uptime_has(const struct tw_uptime *self, int32_t bucket);
/* In how many buckets of [from, until) it ran. */
int32_t tw_uptime_count(const struct tw_uptime *self, int32_t from, int32_t until);
/* Since when it has run without a break in this bucket; the bucket itself when it does not. */
int32_t tw_uptime_since(const struct tw_uptime *self, int32_t bucket);

/* The highest, lowest or mean value of [from, until), of the buckets in which the tower ran and
 * there was one; is_zero: 0 where there was none. TW_TAKE_LAST: that of the last bucket. NAN:
 * nothing is known. */
double tw_trail_take(const struct tw_trail *self, const struct tw_uptime *uptime,
                     const struct tw_uptime_span *window, enum tw_rule_take take, bool is_zero);

#endif
