/* SPDX-License-Identifier: Apache-2.0
 * When stores trade, and how much: the curve of a day and of a week. Pure.
 */
#ifndef SIM_TRADE_H
#define SIM_TRADE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"

/* Of the rate, while no store trades: what is ordered from home, and what systems say anyway. */
#define SIM_TRADE_CLOSED 0.05

struct sim_trade {
    bool is_on;      /* false: always, and all the same */
    int32_t from_s;  /* of the day, by the clock in the stores */
    int32_t until_s; /* up to 24:00 */
    /* That clock is ahead of UTC by so much, and by the other from `change_us` on. */
    int64_t ahead_us;
    int64_t ahead_then_us;
    double change_s; /* simulated seconds after the start; 0: there is no change */
    int64_t change_us;
};

/* "09:00-20:00", Monday to Saturday. TW_EINVAL, the diag filled. */
int sim_trade_parse(struct sim_trade *self, const char *text, struct tw_diag *diag);
/* "SECONDS" or "SECONDS,AT,SECONDS": ahead of UTC, and from AT on. Likewise. */
int sim_trade_parse_ahead(struct sim_trade *self, const char *text, struct tw_diag *diag);
void sim_trade_start(struct sim_trade *self, int64_t start_us);
/* How much of the rate: 0.7 when doors open and before they close, 1 between, a tenth more on a
 * Saturday. *ret_is_open: stores trade. */
double sim_trade_share(const struct sim_trade *self, int64_t now_us, bool *ret_is_open);

#endif
