/* SPDX-License-Identifier: Apache-2.0
 * Alerts of the tower itself: what it cannot do, and that it is there at all. They are judged here
 * and now, not from series; what is open is held in mind, so that rows are touched only when there
 * is something to say.
 */
#include "config.h"
#include "alert/watch_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "store/retain.h"

#define OWNER         "integration"
#define RULE_FOR_S    60
#define READING_FOR_S 60
#define BEHIND_S      60  /* the taps were not empty for so long, or nothing was committed */
#define JUDGING_S     300 /* judged so long ago */
#define CALM_S        15  /* what holds no more for so long is over */
#define START_S       180 /* nothing is over before something was judged, or this has passed */

/* ---- what holds ---- */

struct holding {
    struct tw_watch *watch;
    tw_wall_t now;
    struct tw_own *items; /* TW_OWN_MAX of them, in the arena */
    size_t count;
};

static void add(struct holding *self, const struct tw_own *own)
{
    if (self->count < TW_OWN_MAX) {
        self->items[self->count++] = *own;
    }
}

static void watchdog(struct holding *self)
{
    add(self, &(struct tw_own){
                  .name = "Watchdog",
                  .severity = TW_SEVERITY_NONE,
                  .summary = TW_STR_LIT("The tower judges and tells"),
                  .description = TW_STR_LIT("This alert always fires. Who receives it and misses "
                                            "it knows that the way of alerts is cut."),
              });
}

/* Errors say why; they are the same text while they are the same. */
static void rule_errors(struct holding *self)
{
    struct tw_watch *watch = self->watch;
    for (size_t i = 0; i < watch->rules->count; i++) {
        struct tw_rule_view view;
        tw_engine_rule(watch->engine, i, &view);
        if (view.state != TW_RULE_ERROR && watch->refused_of[i] == 0) {
            continue;
        }
        add(self, &(struct tw_own){
                      .name = "TowerRuleError",
                      .label = {TW_STR_LIT("rule"), tw_str_of(view.rule->name)},
                      .severity = TW_SEVERITY_WARNING,
                      .summary = TW_STR_LIT("An alert rule cannot be judged"),
                      .description = view.detail == NULL ? TW_STR_LIT("there is no room for its "
                                                                      "alerts: alerts.max")
                                                         : tw_str_of(view.detail),
                      .for_s = RULE_FOR_S,
                  });
    }
}

static int receivers(struct holding *self, struct tw_diag *diag)
{
    struct tw_alerts_receiver *rows = NULL;
    size_t count = 0;
    int rc =
        tw_alerts_failing_receivers(self->watch->alerts, &self->watch->arena, &rows, &count, diag);
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        bool is_again = i > 0 && tw_str_equal(rows[i].receiver, rows[i - 1].receiver);
        if (is_again) {
            continue; /* another integration of the same one */
        }
        add(self, &(struct tw_own){
                      .name = "TowerReceiverFailing",
                      .label = {TW_STR_LIT("receiver"), rows[i].receiver},
                      .severity = TW_SEVERITY_CRITICAL,
                      .summary = TW_STR_LIT("A receiver of alerts does not take them"),
                      .description = TW_STR_LIT("Notices for it are given up or tried again in "
                                                "vain. What was said last is on the page of "
                                                "receivers."),
                  });
    }
    return rc;
}

static void disk(struct holding *self)
{
    struct tw_watch *watch = self->watch;
    struct statvfs info;
    if (statvfs(watch->cfg->store.dir, &info) != 0) {
        return; /* the keeper says so in the log */
    }
    watch->disk = tw_retain_disk(watch->cfg, watch->disk, (uint64_t)info.f_bavail * info.f_frsize,
                                 (uint64_t)info.f_blocks * info.f_frsize);
    if (watch->disk == TW_DISK_OK) {
        return;
    }
    bool is_full = watch->disk == TW_DISK_FULL;
    add(self,
        &(struct tw_own){
            .name = is_full ? "TowerDiskFull" : "TowerDiskLow",
            .severity = is_full ? TW_SEVERITY_CRITICAL : TW_SEVERITY_WARNING,
            .summary = is_full ? TW_STR_LIT("The disk of the store is full")
                               : TW_STR_LIT("The disk of the store is nearly full"),
            .description = is_full ? TW_STR_LIT("Nothing is acknowledged until there is space: "
                                                "senders keep what they have.")
                                   : TW_STR_LIT("At store.stop-free-percent the tower stops to "
                                                "acknowledge."),
        });
}

/* How far behind it is, of what was committed last. */
static void reading(struct holding *self)
{
    const struct tw_watch *watch = self->watch;
    struct tw_feed_state state;
    tw_feed_state(watch->feed, &state);
    if (state.ticked.ns == 0) {
        return; /* nothing was ever read */
    }
    int64_t silent_ns = self->now.ns - state.ticked.ns;
    int64_t behind_ns = state.ticked.ns - state.read_up_to.ns;
    bool is_behind = state.is_settled && behind_ns > BEHIND_S * TW_NS_PER_S;
    if (silent_ns > BEHIND_S * TW_NS_PER_S || is_behind) {
        add(self, &(struct tw_own){
                      .name = "TowerNotReading",
                      .severity = TW_SEVERITY_CRITICAL,
                      .summary = TW_STR_LIT("The tower is behind what is sent to it"),
                      .description = TW_STR_LIT("Its taps have not been empty for more than a "
                                                "minute, or nothing is committed: what it shows "
                                                "and judges is old."),
                      .for_s = READING_FOR_S,
                  });
    }
}

static void judging(struct holding *self)
{
    const struct tw_watch *watch = self->watch;
    struct tw_feed_state state;
    tw_feed_state(watch->feed, &state);
    int64_t ticked_s = state.ticked.ns / TW_NS_PER_S;
    if (state.is_settled && watch->place.judged_s > 0 &&
        ticked_s - watch->place.judged_s > JUDGING_S) {
        add(self, &(struct tw_own){
                      .name = "TowerNotJudging",
                      .severity = TW_SEVERITY_CRITICAL,
                      .summary = TW_STR_LIT("Alert rules are judged late"),
                      .description = TW_STR_LIT("Series cannot be read, or there are more rules "
                                                "and series than this machine judges in time."),
                      .for_s = READING_FOR_S,
                  });
    }
}

/* ---- rows ---- */

/* What is to be written of one. */
struct deed {
    struct tw_alert_row row; /* of one that is put */
    uint64_t fingerprint;
    uint64_t text; /* 0: it ends */
};

static uint64_t hash_of(struct tw_str text)
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211);
    }
    return hash == 0 ? 1 : hash;
}

static int row_of(struct tw_arena *arena, const struct tw_own *own, struct tw_alert_row *ret_row)
{
    struct tw_label items[4] = {
        {TW_STR_LIT("alertname"), tw_str_of(own->name)},
        {TW_STR_LIT("owner"), own->owner.ptr == NULL ? TW_STR_LIT(OWNER) : own->owner},
        {TW_STR_LIT("severity"), own->severity == TW_SEVERITY_NONE
                                     ? TW_STR_LIT("none")
                                     : tw_str_of(tw_severity_name(own->severity))},
        own->label,
    };
    const struct tw_annotation annotations[] = {
        {"summary", own->summary},
        {"description", own->description},
        {"runbook", own->runbook == NULL ? TW_STR_NULL : tw_str_of(own->runbook)},
    };
    struct tw_labels labels;
    struct tw_alert_row row = {
        .origin = TW_ALERT_OF_TOWER,
        .rule = tw_str_of(own->name),
        .severity = (unsigned)own->severity,
        .state = TW_ALERT_ROW_FIRING,
        .value = (double)NAN,
        .threshold = (double)NAN,
    };
    int rc = tw_labels_make(arena, items, own->label.name.ptr == NULL ? 3 : 4, &labels);
    rc = rc == TW_OK ? tw_labels_json(arena, &labels, &row.labels) : rc;
    rc = rc == TW_OK ? tw_annotations_json(arena, annotations, 3, &row.annotations) : rc;
    if (rc == TW_OK) {
        row.fingerprint = tw_labels_fingerprint(&labels);
        *ret_row = row;
    }
    return rc;
}

static struct tw_held *find_held(struct tw_watch *self, uint64_t fingerprint)
{
    for (size_t i = 0; i < self->held_count; i++) {
        if (self->held[i].fingerprint == fingerprint) {
            return &self->held[i];
        }
    }
    return NULL;
}

/* Rows that a life before has left open go on, or end here. */
static int read_back(struct tw_watch *self, tw_mono_t mono, struct tw_diag *diag)
{
    struct tw_alert_row *rows = NULL;
    size_t count = TW_ALERTS_PORTION_MAX;
    uint64_t after = 0;
    int rc = TW_OK;
    self->held_count = 0;
    while (rc == TW_OK && count == TW_ALERTS_PORTION_MAX) {
        tw_arena_reset(&self->arena);
        rc = tw_alerts_open_rows(self->alerts, &self->arena, after, TW_ALERTS_PORTION_MAX, &rows,
                                 &count, diag);
        for (size_t i = 0; rc == TW_OK && i < count; i++) {
            after = rows[i].id;
            if (rows[i].origin == TW_ALERT_OF_TOWER && self->held_count < TW_OWN_MAX) {
                self->held[self->held_count++] =
                    (struct tw_held){.fingerprint = rows[i].fingerprint,
                                     .since = {0},
                                     .seen = mono,
                                     .text = hash_of(rows[i].annotations)};
            }
        }
    }
    self->has_held = rc == TW_OK;
    return rc;
}

/* One that holds: what is to be written of it, if anything is. */
static void take_one(struct tw_watch *self, const struct tw_own *own,
                     const struct tw_alert_row *row, tw_mono_t mono, struct deed *ret_deed)
{
    struct tw_held *held = find_held(self, row->fingerprint);
    *ret_deed = (struct deed){.fingerprint = 0};
    if (held == NULL && self->held_count < TW_OWN_MAX) {
        held = &self->held[self->held_count++];
        *held = (struct tw_held){.fingerprint = row->fingerprint, .since = mono};
    }
    if (held == NULL) {
        return;
    }
    held->seen = mono;
    uint64_t text = hash_of(row->annotations);
    bool is_due = held->text != 0 || mono.ns - held->since.ns >= own->for_s * TW_NS_PER_S;
    if (is_due && held->text != text) {
        *ret_deed = (struct deed){.row = *row, .fingerprint = row->fingerprint, .text = text};
        ret_deed->row.since.ns -= held->text == 0 ? mono.ns - held->since.ns : 0;
    }
}

/* After a start what held may be known only once something was judged. */
static bool may_end(const struct tw_watch *self, tw_mono_t mono)
{
    return self->has_judged || mono.ns - self->turned.ns > START_S * TW_NS_PER_S;
}

/* Those that hold no more: rows to end; what was never told is forgotten. */
static void take_ends(struct tw_watch *self, tw_mono_t mono, struct deed *deeds, size_t *count)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->held_count; i++) {
        const struct tw_held held = self->held[i];
        bool holds = held.seen.ns == mono.ns;
        bool is_over = mono.ns - held.seen.ns >= CALM_S * TW_NS_PER_S && may_end(self, mono);
        if (!holds && held.text != 0 && is_over) {
            deeds[(*count)++] = (struct deed){.fingerprint = held.fingerprint};
        }
        if (holds || held.text != 0) {
            self->held[kept++] = held;
        }
    }
    self->held_count = kept;
}

static int write_deed(struct tw_watch *self, const struct deed *deed, tw_wall_t now,
                      struct tw_diag *diag)
{
    enum tw_alerts_news news = TW_ALERTS_SAME;
    const struct tw_alerts_end end = {.at = now};
    return deed->text != 0 ? tw_alerts_put(self->alerts, &deed->row, true, &news, diag)
                           : tw_alerts_end(self->alerts, deed->fingerprint, TW_ALERT_OF_TOWER, &end,
                                           &news, diag);
}

static void keep_deed(struct tw_watch *self, const struct deed *deed)
{
    struct tw_held *held = find_held(self, deed->fingerprint);
    if (held != NULL && deed->text != 0) {
        held->text = deed->text;
    } else if (held != NULL) {
        *held = self->held[--self->held_count];
    }
}

static int write_deeds(struct tw_watch *self, const struct deed *deeds, size_t count, tw_wall_t now,
                       struct tw_diag *diag)
{
    int rc = count > 0 ? tw_alerts_begin(self->alerts, diag) : TW_OK;
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        rc = write_deed(self, &deeds[i], now, diag);
    }
    if (rc == TW_OK && count > 0) {
        rc = tw_alerts_commit(self->alerts, diag);
    }
    if (rc != TW_OK) {
        tw_alerts_abandon(self->alerts);
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        keep_deed(self, &deeds[i]);
    }
    return TW_OK;
}

/* Everything that holds now. */
static int collect(struct holding *self, struct tw_diag *diag)
{
    struct tw_watch *watch = self->watch;
    watchdog(self);
    rule_errors(self);
    disk(self);
    reading(self);
    judging(self);
    int rc = receivers(self, diag);
    return rc == TW_OK ? tw_watch_heartbeats(watch, self->now, self->items, &self->count, diag)
                       : rc;
}

int tw_watch_own(struct tw_watch *self, tw_mono_t mono, tw_wall_t now, struct tw_diag *diag)
{
    size_t count = 0;
    int rc = self->has_held ? TW_OK : read_back(self, mono, diag);
    tw_arena_reset(&self->arena);
    struct holding holding = {.watch = self, .now = now};
    holding.items = tw_arena_alloc(&self->arena, TW_OWN_MAX * sizeof *holding.items);
    struct deed *deeds = tw_arena_alloc(&self->arena, (2 * TW_OWN_MAX + 1) * sizeof *deeds);
    if (holding.items == NULL || deeds == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    rc = rc == TW_OK ? collect(&holding, diag) : rc;
    for (size_t i = 0; rc == TW_OK && i < holding.count; i++) {
        struct tw_alert_row row;
        rc = row_of(&self->arena, &holding.items[i], &row);
        if (rc == TW_OK) {
            row.since = now;
            row.fired = now;
            row.updated = now;
            take_one(self, &holding.items[i], &row, mono, &deeds[count]);
            count += deeds[count].fingerprint != 0 ? 1 : 0;
        }
        rc = rc == TW_ENOMEM ? rc : TW_OK; /* a name that is no text: it has no row */
    }
    if (rc != TW_OK) {
        return rc;
    }
    take_ends(self, mono, deeds, &count);
    return write_deeds(self, deeds, count, now, diag);
}
