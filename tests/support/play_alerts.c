/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "support/play_alerts.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alert/engine.h"
#include "alert/rows.h"
#include "alert/usual.h"
#include "notify/group.h"

#define BUCKET_S    TW_ENGINE_BUCKET_S
#define ARENA_BYTES ((size_t)64 << 20)
#define HOUR_S      3600

/* A series as the tracker numbers it. */
struct known {
    char *metric;
    char *labels;
    double divisor;
};
struct held {
    struct tw_series_point point;
    double value;
};

/* One that fires, by the number of its row. */
struct open_alert {
    uint64_t fingerprint;
    uint64_t id;
    tw_wall_t fired;
};

struct play_alerts {
    FILE *out;
    const struct tw_notify *notify;
    struct tw_groups *groups;
    struct open_alert *open;
    size_t open_count;
    uint64_t last_id;
    const struct tw_rules *rules;
    struct tw_engine *engine;
    struct tw_arena arena;
    struct known *series; /* by number */
    size_t series_count;
    struct held *held; /* points of buckets that are not whole yet */
    size_t held_count;
    size_t held_room;
    int64_t next_s; /* the first bucket that was not judged; 0: none was */
    char *dir;      /* of the store */
    struct tw_reader *reader;
    int64_t usual_hour;         /* what is usual was told in it; 0: not yet */
    enum tw_rule_state *states; /* said last of each rule; NULL: nobody asks */
};

static void check(int rc, const char *what)
{
    if (rc != TW_OK) {
        (void)fprintf(stderr, "tower-play: %s: %s\n", what, tw_err_text(rc));
        exit(1); /* NOLINT(concurrency-mt-unsafe): there is one thread */
    }
}

struct play_alerts *play_alerts_new(const struct tw_cfg *cfg, const struct tw_workflows *workflows,
                                    FILE *out)
{
    struct play_alerts *self = calloc(1, sizeof *self);
    check(self == NULL ? TW_ENOMEM : TW_OK, "alerts");
    self->out = out;
    self->dir = strdup(cfg->store.dir);
    check(self->dir == NULL ? TW_ENOMEM : TW_OK, "alerts");
    tw_arena_init(&self->arena, ARENA_BYTES);
    check(tw_rules_load(cfg, workflows, stderr, &self->rules), "rules");
    check(tw_engine_new(self->rules, workflows, &self->engine), "engine");
    return self;
}

void play_alerts_change(struct play_alerts *self, const struct tw_cfg *cfg,
                        const struct tw_workflows *workflows)
{
    const struct tw_rules *rules = NULL;
    check(tw_rules_load(cfg, workflows, stderr, &rules), "rules");
    check(tw_engine_change(self->engine, rules, workflows), "change");
    tw_rules_unref(&self->rules);
    self->rules = rules;
    self->usual_hour = 0;
    if (self->states != NULL) {
        free(self->states);
        play_alerts_say_rules(self);
    }
}

void play_alerts_tell(struct play_alerts *self, const struct tw_cfg *cfg,
                      const struct tw_workflows *workflows)
{
    check(tw_notify_load(cfg, stderr, &self->notify), "receivers");
    check(tw_groups_new(self->notify, workflows, &self->groups), "groups");
}

void play_alerts_say_rules(struct play_alerts *self)
{
    self->states = calloc(self->rules->count + 1, sizeof *self->states);
    check(self->states == NULL ? TW_ENOMEM : TW_OK, "rules");
}

void play_alerts_destroy(struct play_alerts **self_p)
{
    struct play_alerts *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->series_count; i++) {
        free(self->series[i].metric);
        free(self->series[i].labels);
    }
    free(self->series);
    free(self->held);
    free(self->open);
    tw_groups_destroy(&self->groups);
    tw_notify_unref(&self->notify);
    tw_engine_destroy(&self->engine);
    tw_rules_unref(&self->rules);
    tw_reader_close(&self->reader);
    tw_arena_fini(&self->arena);
    free(self->states);
    free(self->dir);
    free(self);
}

/* --- points ----------------------------------------------------------------------------------- */

static char *copy_of(struct tw_str text)
{
    char *copy = strndup(text.ptr == NULL ? "" : text.ptr, text.len);
    check(copy == NULL ? TW_ENOMEM : TW_OK, "series");
    return copy;
}

/* Names stand before their first point; a restart begins to number anew. */
static void learn(struct play_alerts *self, const struct tw_series_name *name)
{
    if (name->series >= self->series_count) {
        size_t count = (size_t)name->series + 1;
        struct known *series = realloc(self->series, count * sizeof *series);
        check(series == NULL ? TW_ENOMEM : TW_OK, "series");
        memset(series + self->series_count, 0, (count - self->series_count) * sizeof *series);
        self->series = series;
        self->series_count = count;
    }
    struct known *known = &self->series[name->series];
    free(known->metric);
    free(known->labels);
    known->metric = copy_of(name->metric);
    known->labels = copy_of(name->labels);
    known->divisor = (double)name->divisor;
}

static void hold(struct play_alerts *self, const struct tw_series_point *point)
{
    if (self->held_count == self->held_room) {
        self->held_room = self->held_room == 0 ? 1024 : self->held_room * 2;
        self->held = realloc(self->held, self->held_room * sizeof *self->held);
        check(self->held == NULL ? TW_ENOMEM : TW_OK, "points");
    }
    self->held[self->held_count++] =
        (struct held){*point, (double)point->value / self->series[point->series].divisor};
}

/* The points of one bucket go to the judge; whether the tower ran in it. */
static bool feed(struct play_alerts *self, int64_t bucket_s)
{
    size_t left = 0;
    bool is_alive = false;
    for (size_t i = 0; i < self->held_count; i++) {
        const struct held *held = &self->held[i];
        const struct known *known = &self->series[held->point.series];
        if (held->point.bucket != bucket_s) {
            self->held[left++] = *held;
            continue;
        }
        is_alive = is_alive || strcmp(known->metric, "open_runs") == 0 ||
                   strcmp(known->metric, "watermark_lag") == 0;
        check(tw_engine_feed(self->engine, tw_str_of(known->metric), tw_str_of(known->labels),
                             bucket_s, BUCKET_S, held->value),
              known->metric);
    }
    self->held_count = left;
    return is_alive;
}

/* --- what changes ----------------------------------------------------------------------------- */

static const char *name_of(enum tw_alert_news news)
{
    switch (news) {
    case TW_NEWS_PENDING:
        return "pending";
    case TW_NEWS_FIRING:
        return "firing";
    case TW_NEWS_RESOLVED:
        return "resolved";
    case TW_NEWS_DROPPED:
        return "dropped";
    case TW_NEWS_VALUE:
        break;
    }
    return NULL;
}

/* A line of it, which is given up. */
static void write_row(struct play_alerts *self, json_t *row)
{
    char *text = row == NULL ? NULL : json_dumps(row, JSON_COMPACT);
    if (text == NULL) {
        check(TW_ENOMEM, "row");
        return;
    }
    (void)fprintf(self->out, "%s\n", text);
    free(text);
    json_decref(row);
}

static void say(struct play_alerts *self, int64_t at_s, const struct tw_alert_change *change)
{
    const struct tw_alert *alert = &change->alert;
    const char *what = name_of(change->news);
    char hex[TW_FINGERPRINT_HEX_LEN + 1];
    struct tw_str summary = TW_STR_NULL;
    struct tw_str labels = TW_STR_NULL;
    if (what == NULL) {
        return;
    }
    tw_fingerprint_hex(alert->fingerprint, hex);
    check(tw_labels_json(&self->arena, &alert->labels, &labels), "labels");
    if (alert->rule != NULL) {
        check(tw_rule_say(&self->arena, alert->rule, alert->rule->summary, &alert->labels,
                          (struct tw_rule_numbers){alert->value, alert->limit}, &summary),
              "summary");
    }
    json_t *value = isfinite(alert->value) ? json_real(alert->value) : json_null();
    json_t *row = json_pack(
        "{s:I, s:s, s:s%, s:s, s:s, s:o, s:o, s:s%, s:b}", "at", (json_int_t)at_s, "what", what,
        "alert", tw_labels_get(&alert->labels, "alertname").ptr,
        tw_labels_get(&alert->labels, "alertname").len, "fingerprint", hex, "severity",
        alert->rule == NULL ? "" : tw_severity_name(alert->rule->severity), "value", value,
        "labels", json_loadb(labels.ptr, labels.len, 0, NULL), "summary",
        summary.ptr == NULL ? "" : summary.ptr, summary.len, "flapping", alert->is_flapping);
    write_row(self, row);
}

static void say_rules(struct play_alerts *self, int64_t at_s)
{
    for (size_t i = 0; self->states != NULL && i < self->rules->count; i++) {
        struct tw_rule_view view;
        tw_engine_rule(self->engine, i, &view);
        if (view.state == self->states[i]) {
            continue;
        }
        self->states[i] = view.state;
        write_row(self, json_pack("{s:I, s:s, s:s, s:s, s:s?}", "at", (json_int_t)at_s, "what",
                                  "rule", "alert", view.rule->name, "state",
                                  tw_rule_state_name(view.state), "detail", view.detail));
    }
}

/* --- who is told ------------------------------------------------------------------------------ */

static struct open_alert *find_open(struct play_alerts *self, uint64_t fingerprint)
{
    for (size_t i = 0; i < self->open_count; i++) {
        if (self->open[i].fingerprint == fingerprint) {
            return &self->open[i];
        }
    }
    return NULL;
}

static struct open_alert *add_open(struct play_alerts *self, uint64_t fingerprint, tw_wall_t at)
{
    struct open_alert *open = realloc(self->open, (self->open_count + 1) * sizeof *open);
    check(open == NULL ? TW_ENOMEM : TW_OK, "alerts");
    self->open = open;
    open[self->open_count] = (struct open_alert){fingerprint, ++self->last_id, at};
    return &open[self->open_count++];
}

/* What fires, or did, as the thread that tells it reads it from the store. */
static void group(struct play_alerts *self, tw_wall_t at, const struct tw_alert_change *change)
{
    const struct tw_alert *alert = &change->alert;
    struct open_alert *open = find_open(self, alert->fingerprint);
    struct tw_alert_row row = {.annotations = TW_STR_LIT("{}")};
    struct tw_str labels = TW_STR_NULL;
    if (open == NULL && change->news == TW_NEWS_FIRING) {
        open = add_open(self, alert->fingerprint, at);
    }
    if (open == NULL) {
        return;
    }
    check(tw_labels_json(&self->arena, &alert->labels, &labels), "labels");
    if (alert->rule != NULL) {
        check(tw_row_of_alert(&self->arena, alert, at, &row), "row");
    }
    const bool is_over = change->news == TW_NEWS_RESOLVED;
    const struct tw_notice_alert told = {
        .head = {.id = open->id,
                 .fingerprint = alert->fingerprint,
                 .updated = at,
                 .fired = open->fired},
        .labels = labels,
        .annotations = row.annotations,
        .severity = row.severity,
        .since = {alert->since_s * TW_NS_PER_S},
        .ended = {is_over ? at.ns : 0},
    };
    check(tw_groups_put(self->groups, &told), "group");
    if (is_over) {
        *open = self->open[--self->open_count];
    }
}

static void say_notice(struct play_alerts *self, int64_t at_s, const struct tw_notice *notice)
{
    json_t *row = json_pack(
        "{s:I, s:s, s:s%, s:s%, s:s, s:s%, s:o}", "at", (json_int_t)at_s, "what", "notice",
        "receiver", notice->receiver.ptr, notice->receiver.len, "integration",
        notice->integration.ptr, notice->integration.len, "kind", tw_notice_kind_name(notice->kind),
        "reason", notice->reason.ptr == NULL ? "" : notice->reason.ptr, notice->reason.len, "body",
        json_loadb(notice->data.ptr, notice->data.len, 0, NULL));
    write_row(self, row);
}

static void tell(struct play_alerts *self, int64_t at_s)
{
    const tw_wall_t now = {at_s * TW_NS_PER_S};
    struct tw_group_turn turn = {0};
    if (!tw_groups_is_due(self->groups, now)) {
        return;
    }
    check(tw_groups_turn(self->groups, now, &self->arena, &turn), "turn");
    for (size_t i = 0; i < turn.notice_count; i++) {
        say_notice(self, at_s, &turn.notices[i].notice);
    }
}

static bool asks_for_usual(const struct tw_rules *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->items[i].is_usual_share && rules->items[i].is_enabled) {
            return true;
        }
    }
    return false;
}

/* As the thread that judges does, with each hour. */
static void tell_usual(struct play_alerts *self, int64_t bucket_s)
{
    struct tw_diag diag = {""};
    int64_t hour = bucket_s / HOUR_S;
    if (hour == self->usual_hour || !asks_for_usual(self->rules)) {
        return;
    }
    if (self->reader == NULL) {
        check(tw_reader_open(self->dir, &self->reader, &diag), diag.text);
    }
    check(tw_usual_tell(self->reader, self->engine, bucket_s), "usual");
    self->usual_hour = hour;
}

static void judge(struct play_alerts *self, int64_t bucket_s)
{
    const struct tw_alert_change *changes = NULL;
    size_t count = 0;
    tell_usual(self, bucket_s);
    bool is_alive = feed(self, bucket_s);
    check(tw_engine_tick(self->engine, bucket_s, BUCKET_S, is_alive, &changes, &count), "judge");
    for (size_t i = 0; i < count; i++) {
        say(self, bucket_s + BUCKET_S, &changes[i]);
        if (self->groups != NULL) {
            group(self, (tw_wall_t){(bucket_s + BUCKET_S) * TW_NS_PER_S}, &changes[i]);
        }
    }
    say_rules(self, bucket_s + BUCKET_S);
    if (self->groups != NULL) {
        tell(self, bucket_s + BUCKET_S);
    }
    tw_arena_reset(&self->arena);
}

void play_alerts_take(void *context, const struct tw_track_changes *changes)
{
    struct play_alerts *self = context;
    for (size_t i = 0; i < changes->name_count; i++) {
        learn(self, &changes->names[i]);
    }
    for (size_t i = 0; i < changes->point_count; i++) {
        hold(self, &changes->points[i]);
    }
    if (!changes->has_tick) {
        return;
    }
    int64_t whole_s = changes->tick.now.ns / TW_NS_PER_S / BUCKET_S * BUCKET_S;
    if (self->next_s == 0) {
        self->next_s = whole_s - BUCKET_S;
    }
    for (; self->next_s + BUCKET_S <= whole_s; self->next_s += BUCKET_S) {
        judge(self, self->next_s);
    }
}
