/* SPDX-License-Identifier: Apache-2.0
 * Error budgets: see budget.h. Minutes are numbered since 1970. The ring has a slot for every hour
 * that it reaches over, which holds nothing until something is decided in that hour. The sums of
 * the windows follow the head: what leaves on one side is subtracted, what enters is added. */
#include "config.h"

#include "track/budget.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define MINUTE_NS   (60 * TW_NS_PER_S)
#define BACK_MIN    ((int64_t)TW_BUDGET_DAYS * 1440) /* minutes kept, the head among them */
#define RING_MIN    (BACK_MIN + TW_BUDGET_AHEAD_MIN)
#define RING_HOURS  (RING_MIN / 60 + 1)
#define WEEK_HOURS  168
#define ROLLING_MIN 60                   /* shortest own window, minutes: an hour */
#define ROLLING_MAX (30 * 1440)          /* longest: 30 days */
#define OWN         TW_BURN_WINDOW_COUNT /* place of the own window among the sums */
#define MINUTE_MOST (INT64_MAX / MINUTE_NS - RING_MIN)
#define STORED_FORM 1

struct hour {
    uint32_t good[60];
    uint32_t bad[60];
};

struct tw_budget {
    struct tw_budget_spec spec;
    int64_t head;
    int64_t first; /* earliest minute in which something was ever decided; INT64_MAX: none */
    uint64_t forgotten;
    uint64_t refused;
    size_t hour_count; /* slots that hold something */
    struct hour *hours[RING_HOURS];
    struct tw_counts sums[OWN + 1];
    struct tw_span period; /* calendar windows: the one that the head lies in */
    int64_t own_start;     /* first minute of the own window */
    int64_t own_end;       /* calendar windows: first minute behind it */
    /* The forecast holds for an hour of the head. */
    int64_t forecast_hour; /* INT64_MIN: none made */
    bool has_usual;        /* a week of history: forecast_now is known */
    bool has_forecast;     /* ... and the window is one of the calendar */
    double forecast_now;   /* decisions expected in the whole hour of the head */
    double forecast_least; /* ... or in the hour before it, or behind: the least of them */
    double forecast_rest;  /* ... and from the next hour to the end of the own window */
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return a / b + (a % b > 0);
}

static tw_wall_t wall_of_minute(int64_t minute)
{
    return (tw_wall_t){minute * MINUTE_NS};
}

/* First and last minute of the ring. */
static int64_t tail_of(const struct tw_budget *self)
{
    return self->head - BACK_MIN + 1;
}

static int64_t last_of(const struct tw_budget *self)
{
    return self->head + TW_BUDGET_AHEAD_MIN;
}

static size_t slot_of(int64_t hour)
{
    int64_t rest = hour % RING_HOURS;
    return (size_t)(rest < 0 ? rest + RING_HOURS : rest);
}

/* Counts of a minute of the ring. */
static struct tw_counts counts_at(const struct tw_budget *self, int64_t minute)
{
    int64_t hour = floor_div(minute, 60);
    const struct hour *found = self->hours[slot_of(hour)];
    if (found == NULL) {
        return (struct tw_counts){0, 0};
    }
    int64_t i = minute - hour * 60;
    return (struct tw_counts){found->good[i], found->bad[i]};
}

/* Counts of the minutes first to last, both included, as far as the ring has them. */
static struct tw_counts sum_of(const struct tw_budget *self, int64_t first, int64_t last)
{
    struct tw_counts sum = {0, 0};
    int64_t minute = first < tail_of(self) ? tail_of(self) : first;
    int64_t end = last > last_of(self) ? last_of(self) : last;
    while (minute <= end) {
        int64_t hour = floor_div(minute, 60);
        int64_t next = (hour + 1) * 60;
        const struct hour *found = self->hours[slot_of(hour)];
        for (; found != NULL && minute < next && minute <= end; minute++) {
            sum.good += found->good[minute - hour * 60];
            sum.bad += found->bad[minute - hour * 60];
        }
        minute = next;
    }
    return sum;
}

static bool is_rolling(const struct tw_budget *self)
{
    return self->spec.window == TW_WINDOW_ROLLING;
}

/* Minutes of one of the windows that follow the head. */
static int64_t window_minutes(const struct tw_budget *self, size_t window)
{
    if (window == OWN) {
        return self->spec.window_ns / MINUTE_NS;
    }
    return tw_burn_window_minutes((enum tw_burn_window)window);
}

/* Where the own window is now that the head has moved or the spec has changed. */
static void place_own(struct tw_budget *self)
{
    if (is_rolling(self)) {
        self->own_start = self->head - window_minutes(self, OWN) + 1;
        return;
    }
    self->period =
        tw_calendar_period(self->spec.zone, self->spec.window, wall_of_minute(self->head));
    self->own_start = floor_div(self->period.from.ns, MINUTE_NS);
    self->own_end = floor_div(self->period.until.ns, MINUTE_NS);
}

/* All sums anew from the ring. */
static void recount(struct tw_budget *self)
{
    for (size_t i = 0; i < OWN; i++) {
        self->sums[i] = sum_of(self, self->head - window_minutes(self, i) + 1, self->head);
    }
    place_own(self);
    self->sums[OWN] = sum_of(self, self->own_start, self->head);
    self->forecast_hour = INT64_MIN;
}

static bool is_valid(const struct tw_budget_spec *spec)
{
    if (spec->target_ppm < 1 || spec->target_ppm > 999999) {
        return false;
    }
    switch (spec->window) {
    case TW_WINDOW_DAY:
    case TW_WINDOW_WEEK:
    case TW_WINDOW_MONTH:
        return true;
    case TW_WINDOW_ROLLING:
        return spec->window_ns % MINUTE_NS == 0 && spec->window_ns >= ROLLING_MIN * MINUTE_NS &&
               spec->window_ns <= ROLLING_MAX * MINUTE_NS;
    }
    return false;
}

int tw_budget_new(const struct tw_budget_spec *spec, tw_wall_t now, struct tw_budget **ret_budget)
{
    if (!is_valid(spec)) {
        return TW_EINVAL;
    }
    struct tw_budget *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->spec = *spec;
    self->head = floor_div(now.ns, MINUTE_NS);
    self->first = INT64_MAX;
    recount(self);
    *ret_budget = self;
    return TW_OK;
}

static void drop_hour(struct tw_budget *self, size_t slot)
{
    if (self->hours[slot] != NULL) {
        free(self->hours[slot]);
        self->hours[slot] = NULL;
        self->hour_count--;
    }
}

static void drop_all(struct tw_budget *self)
{
    for (size_t slot = 0; slot < RING_HOURS; slot++) {
        drop_hour(self, slot);
    }
}

void tw_budget_destroy(struct tw_budget **self_p)
{
    struct tw_budget *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        drop_all(self);
        free(self);
    }
}

int tw_budget_change(struct tw_budget *self, const struct tw_budget_spec *spec)
{
    if (!is_valid(spec)) {
        return TW_EINVAL;
    }
    self->spec = *spec;
    recount(self);
    return TW_OK;
}

static void move(struct tw_counts *sum, struct tw_counts counts, int sign)
{
    sum->good += sign * counts.good;
    sum->bad += sign * counts.bad;
}

/* The head goes on by one minute. */
static void step(struct tw_budget *self)
{
    int64_t leaving_hour = floor_div(tail_of(self), 60);
    self->head++;
    struct tw_counts entering = counts_at(self, self->head);
    size_t following = is_rolling(self) ? OWN + 1 : OWN;
    for (size_t i = 0; i < following; i++) {
        move(&self->sums[i], counts_at(self, self->head - window_minutes(self, i)), -1);
        move(&self->sums[i], entering, 1);
    }
    if (is_rolling(self)) {
        self->own_start++;
    } else if (self->head >= self->own_end) {
        place_own(self);
        self->sums[OWN] = sum_of(self, self->own_start, self->head);
        self->forecast_hour = INT64_MIN; /* midnight may fall between two hours of UTC */
    } else {
        move(&self->sums[OWN], entering, 1);
    }
    if (floor_div(tail_of(self), 60) != leaving_hour) {
        drop_hour(self, slot_of(leaving_hour));
    }
}

void tw_budget_advance(struct tw_budget *self, tw_wall_t now)
{
    int64_t minute = floor_div(now.ns, MINUTE_NS);
    if (minute - self->head >= RING_MIN) { /* nothing of what there is will be left */
        drop_all(self);
        self->head = minute;
        recount(self);
    }
    while (self->head < minute) {
        step(self);
    }
}

/* Whether one count of a minute may change by so much. */
static int check_change(uint32_t count, int64_t change)
{
    if (change < -(int64_t)count) {
        return TW_EINVAL;
    }
    return change > (int64_t)TW_BUDGET_MINUTE_MAX - count ? TW_ELIMIT : TW_OK;
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

static int get_hour(struct tw_budget *self, int64_t hour, struct hour **ret_hour)
{
    struct hour **slot = &self->hours[slot_of(hour)];
    if (*slot == NULL) {
        *slot = calloc(1, sizeof **slot);
        if (*slot == NULL) {
            return TW_ENOMEM;
        }
        self->hour_count++;
    }
    *ret_hour = *slot;
    return TW_OK;
}

static int change_minute(struct tw_budget *self, int64_t minute, int64_t good, int64_t bad)
{
    struct tw_counts counts = counts_at(self, minute);
    int rc = check_change((uint32_t)counts.good, good);
    if (rc == TW_OK) {
        rc = check_change((uint32_t)counts.bad, bad);
    }
    if (rc != TW_OK) {
        self->refused++;
        return rc;
    }
    if (good == 0 && bad == 0) {
        return TW_OK;
    }
    int64_t number = floor_div(minute, 60);
    struct hour *hour = NULL;
    rc = get_hour(self, number, &hour);
    if (rc != TW_OK) {
        return rc;
    }
    hour->good[minute - number * 60] = (uint32_t)(counts.good + good);
    hour->bad[minute - number * 60] = (uint32_t)(counts.bad + bad);
    return TW_OK;
}

int tw_budget_add(struct tw_budget *self, tw_wall_t at, int64_t good, int64_t bad)
{
    int64_t minute = floor_div(at.ns, MINUTE_NS);
    if (minute < tail_of(self)) {
        self->forgotten += magnitude(good) + magnitude(bad);
        return TW_OK;
    }
    if (minute > last_of(self)) {
        self->refused++;
        return TW_ELIMIT;
    }
    int rc = change_minute(self, minute, good, bad);
    if (rc != TW_OK) {
        return rc;
    }
    if (minute < self->first && (good != 0 || bad != 0)) {
        self->first = minute;
    }
    if (minute > self->head) {
        return TW_OK; /* enters the sums when the head gets there */
    }
    struct tw_counts change = {good, bad};
    for (size_t i = 0; i < OWN; i++) {
        if (minute > self->head - window_minutes(self, i)) {
            move(&self->sums[i], change, 1);
        }
    }
    if (minute >= self->own_start) {
        move(&self->sums[OWN], change, 1);
    }
    return TW_OK;
}

struct tw_counts tw_budget_counts(const struct tw_budget *self, tw_wall_t from, tw_wall_t until)
{
    return sum_of(self, ceil_div(from.ns, MINUTE_NS), ceil_div(until.ns, MINUTE_NS) - 1);
}

struct tw_counts tw_budget_window(const struct tw_budget *self, enum tw_burn_window window)
{
    return self->sums[window];
}

int64_t tw_budget_window_s(const struct tw_budget *self)
{
    if (is_rolling(self)) {
        return self->spec.window_ns / TW_NS_PER_S;
    }
    return (self->period.until.ns - self->period.from.ns) / TW_NS_PER_S;
}

struct tw_counts tw_budget_burnt(const struct tw_budget *self, enum tw_burn_window window)
{
    struct tw_counts counts = self->sums[window];
    if (self->spec.is_sliced) {
        int64_t slices = window_minutes(self, window);
        counts.good = slices > counts.bad ? slices - counts.bad : 0;
    }
    return counts;
}

enum tw_burn_state tw_budget_judge(struct tw_budget *self, enum tw_burn_rule rule, int64_t bad_min)
{
    struct tw_burn_plan plan =
        tw_burn_plan(rule, self->spec.target_ppm, tw_budget_window_s(self), bad_min);
    const struct tw_burn_ask ask = {
        .target_ppm = self->spec.target_ppm,
        .window_s = tw_budget_window_s(self),
        .bad_min = bad_min,
        .in_long = tw_budget_burnt(self, plan.long_window),
        .in_short = tw_budget_burnt(self, plan.short_window),
        .usual = tw_budget_usual(self),
    };
    return tw_burn_judge(rule, &ask);
}

double tw_budget_compared(struct tw_budget *self, enum tw_burn_window window)
{
    struct tw_counts counts = tw_budget_burnt(self, window);
    double share = tw_burn_share(window, counts, tw_budget_usual(self));
    double burn = tw_burn_rate(self->spec.target_ppm, counts);
    return isfinite(share) ? burn * share : burn;
}

enum tw_burn_state tw_budget_trickle(const struct tw_budget *self, int64_t bad_min)
{
    struct tw_trickle_plan plan =
        tw_burn_trickle_plan(self->spec.target_ppm, tw_budget_window_s(self), bad_min);
    return tw_burn_trickle_judge(&plan, tw_budget_burnt(self, plan.window));
}

/* Means of whole hours by the hour of the week that the clock shows; an hour of the week that the
 * history lacks gets the mean of all. */
static void weekly_means(const struct tw_budget *self, const struct tw_zone *week_zone,
                         int64_t first_hour, int64_t end_hour, double means[WEEK_HOURS])
{
    uint8_t week_hours[RING_HOURS];
    int64_t totals[WEEK_HOURS] = {0};
    int64_t seen[WEEK_HOURS] = {0};
    int64_t all = 0;
    size_t count = (size_t)(end_hour - first_hour);
    tw_calendar_week_hours(week_zone, wall_of_minute(first_hour * 60), count, week_hours);
    for (size_t i = 0; i < count; i++) {
        int64_t minute = (first_hour + (int64_t)i) * 60;
        struct tw_counts hour = sum_of(self, minute, minute + 59);
        totals[week_hours[i]] += hour.good + hour.bad;
        seen[week_hours[i]]++;
        all += hour.good + hour.bad;
    }
    for (size_t i = 0; i < WEEK_HOURS; i++) {
        means[i] = seen[i] > 0 ? (double)totals[i] / (double)seen[i] : (double)all / (double)count;
    }
}

/* What hours like this one bring, and the rest of a calendar window, as those of past weeks have.
 */
static void forecast(struct tw_budget *self)
{
    int64_t now_hour = floor_div(self->head, 60);
    if (self->forecast_hour == now_hour) {
        return;
    }
    self->forecast_hour = now_hour;
    int64_t from = self->first < tail_of(self) ? tail_of(self) : self->first;
    self->has_usual = from <= self->head && self->head - from >= TW_BUDGET_FORECAST_MIN;
    self->has_forecast = self->has_usual && !is_rolling(self);
    if (!self->has_usual) {
        return;
    }
    const struct tw_zone *week_zone =
        self->spec.week_zone == NULL ? self->spec.zone : self->spec.week_zone;
    double means[WEEK_HOURS];
    uint8_t week_hours[RING_HOURS];
    weekly_means(self, week_zone, ceil_div(from, 60), now_hour, means);
    /* The hour of the head, and the two beside it. */
    tw_calendar_week_hours(week_zone, wall_of_minute((now_hour - 1) * 60), 3, week_hours);
    self->forecast_least =
        fmin(fmin(means[week_hours[0]], means[week_hours[1]]), means[week_hours[2]]);
    /* The hour of the head, and those behind it up to the one in which the window ends. */
    size_t count = is_rolling(self) ? 1 : (size_t)(ceil_div(self->own_end, 60) - now_hour);
    tw_calendar_week_hours(week_zone, wall_of_minute(now_hour * 60), count, week_hours);
    self->forecast_now = means[week_hours[0]];
    self->forecast_rest = 0;
    for (size_t i = 1; i < count; i++) {
        int64_t minutes = self->own_end - (now_hour + (int64_t)i) * 60; /* till the end */
        self->forecast_rest += means[week_hours[i]] * (minutes < 60 ? (double)minutes / 60 : 1);
    }
}

/* Decisions to be expected from the minute behind the head to the end of the own window. */
static double expected_rest(const struct tw_budget *self)
{
    int64_t end = (self->forecast_hour + 1) * 60; /* of the hour of the head */
    if (end > self->own_end) {
        end = self->own_end;
    }
    return self->forecast_now * (double)(end - 1 - self->head) / 60 + self->forecast_rest;
}

struct tw_usual tw_budget_usual(struct tw_budget *self)
{
    struct tw_usual none = {0, 0};
    struct tw_counts own = self->sums[OWN];
    struct tw_usual usual = {.decisions = own.good + own.bad};
    if (self->spec.is_sliced) {
        return none;
    }
    if (is_rolling(self)) {
        int64_t from = self->first < self->own_start ? self->own_start : self->first;
        int64_t whole = self->head - self->own_start + 1;
        int64_t least = whole < TW_BUDGET_FORECAST_MIN ? whole : TW_BUDGET_FORECAST_MIN;
        usual.minutes = from > self->head ? 0 : self->head - from + 1;
        return usual.minutes < least || usual.decisions == 0 ? none : usual;
    }
    forecast(self);
    if (!self->has_forecast) {
        return none;
    }
    usual.decisions = (int64_t)llround((double)usual.decisions + expected_rest(self));
    usual.minutes = tw_budget_window_s(self) / 60;
    return usual.decisions <= 0 ? none : usual;
}

/* Minutes since the one of the last decision, up to a day. */
static int64_t silent_minutes(const struct tw_budget *self)
{
    struct tw_counts day = self->sums[TW_BURN_1D];
    int64_t minutes = 0;
    while (day.good + day.bad > 0) {
        struct tw_counts counts = counts_at(self, self->head - minutes);
        if (counts.good + counts.bad > 0) {
            return minutes;
        }
        minutes++;
    }
    return window_minutes(self, TW_BURN_1D);
}

struct tw_absence tw_budget_absence(struct tw_budget *self, int64_t least)
{
    forecast(self);
    struct tw_absence absence = {
        .after_s = tw_burn_absence_s(self->spec.target_ppm, tw_budget_window_s(self)),
        .silent_s = silent_minutes(self) * 60,
        .usual = self->has_usual ? self->forecast_now : (double)NAN,
    };
    if (!self->has_usual) {
        absence.state = TW_ABSENCE_UNKNOWN;
    } else if (self->forecast_least < (double)least) {
        absence.state = TW_ABSENCE_CLOSED;
    } else {
        int64_t due_s = (int64_t)ceil((double)least * 3600 / self->forecast_least);
        absence.after_s = due_s > absence.after_s ? due_s : absence.after_s;
        absence.state = absence.silent_s > absence.after_s ? TW_ABSENCE_FIRING : TW_ABSENCE_QUIET;
    }
    return absence;
}

/* At the burn rate of the last hour. */
static int64_t exhaustion(const struct tw_budget *self, const struct tw_budget_view *view)
{
    if (!view->has_data) {
        return TW_BUDGET_NEVER;
    }
    if (view->remaining <= 0) {
        return 0;
    }
    double burn = view->burn[TW_BURN_1H];
    double ns =
        burn > 0 ? view->remaining * (double)tw_budget_window_s(self) * (double)TW_NS_PER_S / burn
                 : HUGE_VAL;
    return ns < (double)TW_BUDGET_NEVER ? (int64_t)ns : TW_BUDGET_NEVER;
}

void tw_budget_view(struct tw_budget *self, int64_t undecided, struct tw_budget_view *ret_view)
{
    forecast(self);
    struct tw_counts own = self->sums[OWN];
    double total = (double)(own.good + own.bad);
    double allowed = 1 - (double)self->spec.target_ppm / 1e6; /* share that may be bad */
    struct tw_budget_view view = {
        .period = self->period,
        .good = own.good,
        .bad = own.bad,
        .total = own.good + own.bad,
        .undecided = undecided,
        .has_data = own.good + own.bad > 0,
        .ratio = (double)NAN,
        .remaining = (double)NAN,
        .remaining_so_far = (double)NAN,
        .has_forecast = self->has_forecast,
        .expected = total + (self->has_forecast ? expected_rest(self) : 0),
    };
    if (self->spec.is_sliced) {
        view.has_forecast = true;
        view.expected = (double)tw_budget_window_s(self) / 60;
    }
    if (is_rolling(self)) {
        view.period.from = wall_of_minute(self->own_start);
        view.period.until = wall_of_minute(self->head + 1);
    }
    for (size_t i = 0; i < TW_BURN_WINDOW_COUNT; i++) {
        view.burn[i] =
            tw_burn_rate(self->spec.target_ppm, tw_budget_burnt(self, (enum tw_burn_window)i));
        view.burn_has_data[i] = self->sums[i].good + self->sums[i].bad > 0;
    }
    if (view.has_data) {
        view.ratio = (double)own.good / total;
        view.remaining_so_far = 1 - (double)own.bad / (allowed * total);
        view.remaining = 1 - (double)own.bad / (allowed * view.expected);
    }
    view.exhaustion_ns = exhaustion(self, &view);
    *ret_view = view;
}

uint64_t tw_budget_forgotten(const struct tw_budget *self)
{
    return self->forgotten;
}

uint64_t tw_budget_refused(const struct tw_budget *self)
{
    return self->refused;
}

size_t tw_budget_bytes(const struct tw_budget *self)
{
    return sizeof *self + self->hour_count * sizeof(struct hour);
}

/* Which minutes of an hour of the ring hold something: bit i for minute i. */
static uint64_t minutes_used(const struct tw_budget *self, int64_t hour)
{
    uint64_t used = 0;
    for (int64_t i = 0; self->hours[slot_of(hour)] != NULL && i < 60; i++) {
        int64_t minute = hour * 60 + i;
        struct tw_counts counts = counts_at(self, minute);
        bool is_inside = minute >= tail_of(self) && minute <= last_of(self);
        if (is_inside && (counts.good > 0 || counts.bad > 0)) {
            used |= UINT64_C(1) << i;
        }
    }
    return used;
}

/* Stored, all numbers varints: form; head; how far the first decision is from the last minute of
 * the ring, and one (0: none was made); forgotten; refused; hours that follow. Each: how many hours
 * it lies behind the one before (the first: behind that of the tail); its minutes used; for each of
 * them good and bad. */
int tw_budget_encode(const struct tw_budget *self, struct tw_buf *buf)
{
    int64_t first_hour = floor_div(tail_of(self), 60);
    int64_t last_hour = floor_div(last_of(self), 60);
    uint64_t hours = 0;
    for (int64_t hour = first_hour; hour <= last_hour; hour++) {
        hours += minutes_used(self, hour) != 0;
    }
    int64_t first = self->first < tail_of(self) ? tail_of(self) : self->first;
    (void)tw_buf_append_varint(buf, STORED_FORM); /* the buffer's error is sticky */
    (void)tw_buf_append_varint(buf, tw_zigzag(self->head));
    (void)tw_buf_append_varint(
        buf, self->first == INT64_MAX ? 0 : (uint64_t)(last_of(self) - first) + 1);
    (void)tw_buf_append_varint(buf, self->forgotten);
    (void)tw_buf_append_varint(buf, self->refused);
    (void)tw_buf_append_varint(buf, hours);
    int64_t previous = first_hour;
    for (int64_t hour = first_hour; hour <= last_hour; hour++) {
        uint64_t used = minutes_used(self, hour);
        if (used == 0) {
            continue;
        }
        (void)tw_buf_append_varint(buf, (uint64_t)(hour - previous));
        (void)tw_buf_append_varint(buf, used);
        for (int64_t i = 0; i < 60; i++) {
            if ((used >> i & 1) != 0) {
                struct tw_counts counts = counts_at(self, hour * 60 + i);
                (void)tw_buf_append_varint(buf, (uint64_t)counts.good);
                (void)tw_buf_append_varint(buf, (uint64_t)counts.bad);
            }
        }
        previous = hour;
    }
    return buf->error;
}

/* One hour's minutes. Adds to the ring only, the sums come later. */
static int decode_hour(struct tw_budget *self, int64_t hour, struct tw_cursor *cursor)
{
    uint64_t used = tw_cursor_varint(cursor);
    if (cursor->failed || used == 0 || used >> 60 != 0) {
        return TW_EDAMAGED;
    }
    for (int64_t i = 0; i < 60; i++) {
        if ((used >> i & 1) == 0) {
            continue;
        }
        int64_t minute = hour * 60 + i;
        uint64_t good = tw_cursor_varint(cursor);
        uint64_t bad = tw_cursor_varint(cursor);
        bool fits = !cursor->failed && good <= TW_BUDGET_MINUTE_MAX &&
                    bad <= TW_BUDGET_MINUTE_MAX && (good > 0 || bad > 0) &&
                    minute >= tail_of(self) && minute <= last_of(self);
        if (!fits) {
            return TW_EDAMAGED;
        }
        int rc = change_minute(self, minute, (int64_t)good, (int64_t)bad);
        if (rc != TW_OK) {
            return rc;
        }
    }
    return TW_OK;
}

static int decode_ring(struct tw_budget *self, struct tw_cursor *cursor)
{
    uint64_t form = tw_cursor_varint(cursor);
    int64_t head = tw_unzigzag(tw_cursor_varint(cursor));
    uint64_t first = tw_cursor_varint(cursor);
    uint64_t forgotten = tw_cursor_varint(cursor);
    uint64_t refused = tw_cursor_varint(cursor);
    uint64_t hours = tw_cursor_varint(cursor);
    if (cursor->failed || form != STORED_FORM || head > MINUTE_MOST || head < -MINUTE_MOST ||
        first > (uint64_t)RING_MIN || hours > (uint64_t)RING_HOURS) {
        return TW_EDAMAGED;
    }
    self->head = head;
    self->first = first == 0 ? INT64_MAX : last_of(self) - (int64_t)(first - 1);
    int64_t hour = floor_div(tail_of(self), 60);
    for (uint64_t i = 0; i < hours; i++) {
        uint64_t gap = tw_cursor_varint(cursor);
        if (cursor->failed || gap > (uint64_t)RING_HOURS || (i > 0 && gap == 0)) {
            return TW_EDAMAGED;
        }
        hour += (int64_t)gap;
        int rc = decode_hour(self, hour, cursor);
        if (rc != TW_OK) {
            return rc;
        }
    }
    self->forgotten = forgotten;
    self->refused = refused;
    return TW_OK;
}

int tw_budget_decode(struct tw_budget *self, struct tw_cursor *cursor)
{
    int64_t head = self->head;
    drop_all(self);
    self->first = INT64_MAX;
    self->forgotten = 0;
    self->refused = 0;
    int rc = decode_ring(self, cursor);
    if (rc != TW_OK) {
        drop_all(self);
        self->first = INT64_MAX;
        self->head = head;
    }
    recount(self);
    tw_budget_advance(self, wall_of_minute(head));
    return rc;
}
