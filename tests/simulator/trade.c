/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "simulator/trade.h"

#include <math.h>
#include <stdlib.h>

#define SECOND_US     INT64_C(1000000)
#define DAY_S         86400
#define EDGE_SHARE    0.7
#define SATURDAY      1.1
#define AHEAD_MAX_S   50400 /* 14 hours */
#define DAYS_TO_EPOCH 3     /* from a Monday to 1970-01-01 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* HH:MM as seconds; *ret_end is behind it. */
static bool read_time(const char *text, int32_t *ret_s, const char **ret_end)
{
    if (!is_digit(text[0]) || !is_digit(text[1]) || text[2] != ':' || !is_digit(text[3]) ||
        !is_digit(text[4])) {
        return false;
    }
    int32_t hour = (text[0] - '0') * 10 + text[1] - '0';
    int32_t minute = (text[3] - '0') * 10 + text[4] - '0';
    if (minute > 59 || hour * 60 + minute > 1440) {
        return false;
    }
    *ret_s = hour * 3600 + minute * 60;
    *ret_end = text + 5;
    return true;
}

int sim_trade_parse(struct sim_trade *self, const char *text, struct tw_diag *diag)
{
    int32_t from_s = 0;
    int32_t until_s = 0;
    const char *at = text;
    if (!read_time(at, &from_s, &at) || *at != '-' || !read_time(at + 1, &until_s, &at) ||
        *at != 0 || from_s >= until_s) {
        return tw_diag_set(diag, TW_EINVAL, "--trade %s: not HH:MM-HH:MM of one day", text);
    }
    self->is_on = true;
    self->from_s = from_s;
    self->until_s = until_s;
    return TW_OK;
}

static bool read_ahead(const char *text, int64_t *ret_us, char **ret_end)
{
    double s = strtod(text, ret_end);
    if (*ret_end == text || !(fabs(s) <= AHEAD_MAX_S)) {
        return false;
    }
    *ret_us = (int64_t)s * SECOND_US;
    return true;
}

int sim_trade_parse_ahead(struct sim_trade *self, const char *text, struct tw_diag *diag)
{
    char *end = NULL;
    int64_t ahead_us = 0;
    int64_t then_us = 0;
    double change_s = 0;
    bool is_fine = read_ahead(text, &ahead_us, &end);
    if (is_fine && *end == ',') {
        const char *change = end + 1;
        change_s = strtod(change, &end);
        is_fine = end != change && change_s > 0 && change_s <= 1e8 && *end == ',' &&
                  read_ahead(end + 1, &then_us, &end);
    }
    if (!is_fine || *end != 0) {
        return tw_diag_set(diag, TW_EINVAL,
                           "--ahead %s: not SECONDS or SECONDS,AT,SECONDS, up to %d", text,
                           AHEAD_MAX_S);
    }
    self->ahead_us = ahead_us;
    self->ahead_then_us = then_us;
    self->change_s = change_s;
    return TW_OK;
}

void sim_trade_start(struct sim_trade *self, int64_t start_us)
{
    self->change_us = self->change_s > 0 ? start_us + (int64_t)(self->change_s * 1e6) : INT64_MAX;
}

double sim_trade_share(const struct sim_trade *self, int64_t now_us, bool *ret_is_open)
{
    *ret_is_open = true;
    if (!self->is_on) {
        return 1;
    }
    int64_t shown_s =
        (now_us + (now_us < self->change_us ? self->ahead_us : self->ahead_then_us)) / SECOND_US;
    int64_t weekday = (shown_s / DAY_S + DAYS_TO_EPOCH) % 7;
    int64_t time_s = shown_s % DAY_S;
    *ret_is_open = weekday < 6 && time_s >= self->from_s && time_s < self->until_s;
    if (!*ret_is_open) {
        return SIM_TRADE_CLOSED;
    }
    double part = (double)(time_s - self->from_s) / (double)(self->until_s - self->from_s);
    double share = EDGE_SHARE + (1 - EDGE_SHARE) * 4 * part * (1 - part);
    return weekday == 5 ? share * SATURDAY : share;
}
