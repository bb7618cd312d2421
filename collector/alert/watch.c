/* SPDX-License-Identifier: Apache-2.0
 * A turn. The order at a start: where judging stands, then what windows reach back to, what is
 * usual, what was open; only then is anything judged.
 */
#include "config.h"
#include "alert/watch.h"

#include <stdlib.h>
#include <string.h>

#include "alert/usual.h"
#include "alert/watch_internal.h"
#include "core/log.h"

#define ARENA_BYTES  ((size_t)64 << 20)
#define READ_MS      2000 /* the points of a few buckets */
#define USUAL_MS     3000 /* a program that is to stop waits for it */
#define USUAL_S      300  /* until it is tried again */
#define SLOW_S       10
#define EXPIRE_S     3600
#define EXPIRE_LIMIT 1000
#define DAY_S        86400
#define HOUR_S       3600
#define UNPROVEN_MAX 64 /* systems of which something is said */

/* ---- what is in force ---- */

static size_t room_of(const char *text)
{
    return text == NULL ? 0 : strlen(text) + 1;
}

static const char *keep(char **at_p, const char *text)
{
    char *at = *at_p;
    memcpy(at, text, strlen(text) + 1);
    *at_p += strlen(text) + 1;
    return at;
}

int tw_watch_heartbeats_copy(const struct tw_watch_set *set, struct tw_watch_heartbeat **ret_items)
{
    static const char nobody[] = "integration";
    size_t bytes = (set->heartbeat_count + 1) * sizeof **ret_items;
    TW_ASSERT(set->heartbeat_count <= TW_WATCH_HEARTBEATS_MAX);
    size_t texts = bytes;
    for (size_t i = 0; i < set->heartbeat_count; i++) {
        const struct tw_watch_heartbeat *from = &set->heartbeats[i];
        bytes += room_of(from->name) + room_of(from->owner == NULL ? nobody : from->owner);
    }
    struct tw_watch_heartbeat *items = malloc(bytes);
    if (items == NULL) {
        return TW_ENOMEM;
    }
    char *at = (char *)items + texts;
    for (size_t i = 0; i < set->heartbeat_count; i++) {
        const struct tw_watch_heartbeat *from = &set->heartbeats[i];
        items[i] = *from;
        items[i].name = keep(&at, from->name);
        items[i].owner = keep(&at, from->owner == NULL ? nobody : from->owner);
    }
    *ret_items = items;
    return TW_OK;
}

static void free_zones(struct tw_zone **zones, size_t count)
{
    for (size_t i = 0; zones != NULL && i < count; i++) {
        tw_zone_destroy(&zones[i]);
    }
    free(zones);
}

/* A zone that this machine does not know was refused with the file; should it have gone since, UTC
 * is what is left. */
static int make_zones(const struct tw_workflows *workflows, struct tw_zone ***ret_zones)
{
    struct tw_zone **zones = calloc(workflows->maintenance_count + 1, sizeof(struct tw_zone *));
    int rc = zones == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; rc == TW_OK && i < workflows->maintenance_count; i++) {
        rc = tw_zone_new(workflows->maintenance[i].timezone, &zones[i]);
        rc = rc == TW_ENOMEM ? rc : TW_OK;
    }
    if (rc != TW_OK) {
        free_zones(zones, zones == NULL ? 0 : workflows->maintenance_count);
        return rc;
    }
    *ret_zones = zones;
    return TW_OK;
}

static void drop_set(struct tw_watch *self)
{
    free(self->heartbeats);
    free_zones(self->zones, self->workflows == NULL ? 0 : self->workflows->maintenance_count);
    free(self->refused_of);
    tw_rules_unref(&self->rules);
    tw_workflows_unref(&self->workflows);
}

/* Everything new that a set needs is made before anything of the old one goes. */
static int take_set(struct tw_watch *self, const struct tw_watch_set *set)
{
    struct tw_watch_heartbeat *heartbeats = NULL;
    struct tw_zone **zones = NULL;
    uint64_t *refused_of = calloc(set->rules->count + 1, sizeof *refused_of);
    int rc = refused_of == NULL ? TW_ENOMEM : tw_watch_heartbeats_copy(set, &heartbeats);
    rc = rc == TW_OK ? make_zones(set->workflows, &zones) : rc;
    if (rc == TW_OK) {
        rc = self->engine == NULL ? tw_engine_new(set->rules, set->workflows, &self->engine)
                                  : tw_engine_change(self->engine, set->rules, set->workflows);
    }
    if (rc != TW_OK) {
        free(refused_of);
        free(heartbeats);
        free_zones(zones, zones == NULL ? 0 : set->workflows->maintenance_count);
        return rc;
    }
    drop_set(self);
    self->rules = tw_rules_ref(set->rules);
    self->workflows = tw_workflows_ref(set->workflows);
    self->heartbeats = heartbeats;
    self->heartbeat_count = set->heartbeat_count;
    self->zones = zones;
    self->refused_of = refused_of;
    self->has_new_rules = true;
    self->usual_hour = 0;
    return TW_OK;
}

/* ---- life ---- */

int tw_watch_new(const struct tw_cfg *cfg, struct tw_clock *clock, tw_wall_t began,
                 const struct tw_watch_set *set, struct tw_watch **ret_watch)
{
    struct tw_watch *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    self->clock = clock;
    self->began = began;
    tw_arena_init(&self->arena, ARENA_BYTES);
    int rc = take_set(self, set);
    if (rc != TW_OK) {
        tw_watch_destroy(&self);
        return rc;
    }
    *ret_watch = self;
    return TW_OK;
}

static void close_files(struct tw_watch *self)
{
    tw_alerts_close(&self->alerts);
}

void tw_watch_destroy(struct tw_watch **self_p)
{
    struct tw_watch *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    close_files(self);
    tw_feed_close(&self->feed);
    tw_engine_destroy(&self->engine);
    drop_set(self);
    for (size_t i = 0; i < self->unproven_count; i++) {
        free(self->unproven[i]);
    }
    free(self->unproven);
    tw_arena_fini(&self->arena);
    free(self);
}

int tw_watch_change(struct tw_watch *self, const struct tw_watch_set *set)
{
    if (self->change_count > 0 || self->has_bucket || self->is_place_new) {
        return TW_EBUSY; /* what was judged with the rules of before is not written */
    }
    int rc = take_set(self, set);
    if (rc == TW_OK && self->feed != NULL) {
        tw_feed_change(self->feed);
        self->has_past = false;
    }
    return rc;
}

/* ---- a start ---- */

static int open_all(struct tw_watch *self, struct tw_diag *diag)
{
    int rc = TW_OK;
    if (self->feed == NULL) {
        rc = tw_feed_open(self->cfg->store.dir, self->began, &self->feed, diag);
    }
    if (rc == TW_OK && self->alerts == NULL) {
        rc = tw_alerts_open(self->cfg->store.dir, &self->alerts, diag);
        self->is_doubtful = true; /* what was written with the last connection is not known */
    }
    return rc;
}

/* A place in the future is that of another clock. */
static int read_place(struct tw_watch *self, struct tw_diag *diag)
{
    int rc = self->has_place ? TW_OK : tw_alerts_place(self->alerts, &self->place, diag);
    if (rc == TW_OK && !self->has_place) {
        int64_t now_s = self->clock->wall(self->clock).ns / TW_NS_PER_S;
        self->place.judged_s = self->place.judged_s > now_s ? 0 : self->place.judged_s;
        self->has_place = true;
    }
    return rc;
}

/* What it knew is made again from what is written. */
static int make_engine_anew(struct tw_watch *self)
{
    struct tw_engine *engine = NULL;
    int rc = tw_engine_new(self->rules, self->workflows, &engine);
    if (rc == TW_OK) {
        tw_engine_destroy(&self->engine);
        self->engine = engine;
        self->has_past = false;
        self->usual_hour = 0;
        tw_feed_begin_anew(self->feed);
    }
    return rc;
}

/* Without it rules that need it say so; it is tried again. */
static int tell_usual(struct tw_watch *self, tw_mono_t mono, tw_wall_t now)
{
    int64_t hour = now.ns / TW_NS_PER_S / HOUR_S;
    if (hour == self->usual_hour || mono.ns < self->usual_at.ns) {
        return TW_OK;
    }
    tw_feed_set_deadline(self->feed, (tw_mono_t){mono.ns + USUAL_MS * TW_NS_PER_MS});
    int rc = tw_usual_tell(tw_feed_reader(self->feed), self->engine, now.ns / TW_NS_PER_S);
    tw_feed_set_deadline(self->feed, (tw_mono_t){mono.ns + READ_MS * TW_NS_PER_MS});
    if (rc == TW_OK) {
        self->usual_hour = hour;
    } else {
        self->usual_at.ns = mono.ns + USUAL_S * TW_NS_PER_S;
        tw_log(TW_LOG_STORE_FAILED_EVENT, TW_F_CSTR("thread", "alert"),
               TW_F_CSTR("what", "what is usual at this hour"),
               TW_F_CSTR("reason", tw_err_text(rc)));
    }
    return rc == TW_ENOMEM ? rc : TW_OK;
}

/* TW_EAGAIN: not there yet, the next turn goes on. */
static int get_ready(struct tw_watch *self, tw_mono_t mono, tw_wall_t now, struct tw_diag *diag)
{
    bool is_done = self->has_past;
    int rc = read_place(self, diag);
    rc = rc == TW_OK ? tw_feed_look(self->feed) : rc;
    if (rc == TW_OK && !self->has_past) {
        rc = tw_feed_past(self->feed, self->engine, self->place.judged_s, &is_done);
        self->has_past = rc == TW_OK && is_done;
        rc = rc == TW_OK && !is_done ? TW_EAGAIN : rc;
    }
    rc = rc == TW_OK ? tell_usual(self, mono, now) : rc;
    if (rc == TW_OK && !self->has_restored) {
        rc = tw_watch_restore(self, diag);
        if (rc != TW_OK && make_engine_anew(self) != TW_OK) {
            return TW_ENOMEM; /* what it has is whole, or nothing is judged */
        }
        self->has_restored = rc == TW_OK;
    }
    return rc;
}

/* ---- judging ---- */

/* Systems that nothing is unproven of any more are told once, and on. */
static int remember_system(struct tw_watch *self, struct tw_str system)
{
    for (size_t i = 0; i < self->unproven_count; i++) {
        if (tw_str_is(system, self->unproven[i])) {
            return TW_OK;
        }
    }
    if (self->unproven_count == UNPROVEN_MAX) {
        return TW_OK; /* more systems than a retailer has */
    }
    char **bigger = realloc(self->unproven, (self->unproven_count + 1) * sizeof(char *));
    char *name = strndup(system.ptr, system.len);
    self->unproven = bigger != NULL ? bigger : self->unproven;
    if (bigger == NULL || name == NULL) {
        free(name);
        return TW_ENOMEM;
    }
    self->unproven[self->unproven_count++] = name;
    return TW_OK;
}

static uint64_t items_of(const struct tw_alerts_unproven *rows, size_t count, const char *system)
{
    for (size_t i = 0; i < count; i++) {
        if (tw_str_is(rows[i].system, system)) {
            return rows[i].items;
        }
    }
    return 0;
}

/* The series that is kept nowhere: read from the desk, and as of now. */
static int feed_unproven(struct tw_watch *self, struct tw_diag *diag)
{
    struct tw_alerts_unproven *rows = NULL;
    size_t count = 0;
    const struct tw_str metric = TW_STR_LIT("replay_unproven");
    if (!tw_engine_wants(self->engine, metric)) {
        return TW_OK;
    }
    tw_arena_reset(&self->arena);
    int rc = tw_alerts_unproven(self->alerts, &self->arena, &rows, &count, diag);
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        rc = remember_system(self, rows[i].system);
    }
    for (size_t i = 0; rc == TW_OK && i < self->unproven_count; i++) {
        struct tw_label label = {TW_STR_LIT("system"), tw_str_of(self->unproven[i])};
        struct tw_labels labels;
        struct tw_str json;
        rc = tw_labels_make(&self->arena, &label, 1, &labels);
        rc = rc == TW_OK ? tw_labels_json(&self->arena, &labels, &json) : rc;
        if (rc == TW_OK) {
            rc = tw_engine_feed(self->engine, metric, json, self->bucket.bucket_s,
                                TW_ENGINE_BUCKET_S,
                                (double)items_of(rows, count, self->unproven[i]));
        }
        rc = rc == TW_ENOMEM ? rc : TW_OK; /* a name that is no text, no room: the rule says so */
    }
    return rc;
}

static size_t enabled_rules(const struct tw_rules *rules)
{
    size_t count = 0;
    for (size_t i = 0; i < rules->count; i++) {
        count += rules->items[i].is_enabled ? 1 : 0;
    }
    return count;
}

/* One bucket, if there is one: TW_ENOTFOUND when there is none. */
static int judge(struct tw_watch *self, struct tw_diag *diag)
{
    int rc = TW_OK;
    if (!self->has_bucket) {
        rc = tw_feed_next(self->feed, self->engine, self->place.judged_s, &self->bucket);
        self->has_bucket = rc == TW_OK;
    }
    rc = rc == TW_OK ? feed_unproven(self, diag) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    tw_mono_t before = self->clock->mono(self->clock);
    rc = tw_engine_tick(self->engine, self->bucket.bucket_s, TW_ENGINE_BUCKET_S,
                        self->bucket.is_alive, &self->changes, &self->change_count);
    if (rc != TW_OK) {
        self->change_count = 0;
        return rc;
    }
    tw_mono_t after = self->clock->mono(self->clock);
    self->has_bucket = false;
    self->place.judged_s = self->bucket.bucket_s;
    self->place.evaluations += enabled_rules(self->rules);
    self->place.evaluation_us += (uint64_t)((after.ns - before.ns) / 1000);
    self->is_place_new = true;
    self->has_judged = self->has_judged || self->bucket.is_alive;
    return TW_OK;
}

/* Until nothing is whole any more, or for TW_WATCH_TURN_MS. Buckets in which nothing changed are
 * written with the next one that is. */
static int judge_all(struct tw_watch *self, tw_mono_t mono, bool *ret_has_more,
                     struct tw_diag *diag)
{
    int rc = TW_OK;
    *ret_has_more = false;
    while (rc == TW_OK) {
        if (self->clock->mono(self->clock).ns - mono.ns > TW_WATCH_TURN_MS * TW_NS_PER_MS) {
            *ret_has_more = true;
            break;
        }
        rc = judge(self, diag);
        rc = rc == TW_OK && self->change_count > 0 ? tw_watch_write(self, diag) : rc;
    }
    rc = rc == TW_ENOTFOUND ? TW_OK : rc;
    return rc == TW_OK && self->is_place_new ? tw_watch_write(self, diag) : rc;
}

/* ---- a turn ---- */

static int expire(struct tw_watch *self, tw_mono_t mono, tw_wall_t now, bool *ret_has_more,
                  struct tw_diag *diag)
{
    size_t count = 0;
    if (mono.ns < self->expire_at.ns) {
        return TW_OK;
    }
    int rc = tw_alerts_begin(self->alerts, diag);
    const tw_wall_t before = {now.ns - self->cfg->alerts.history_days * DAY_S * TW_NS_PER_S};
    rc = rc == TW_OK ? tw_alerts_expire(self->alerts, before, EXPIRE_LIMIT, &count, diag) : rc;
    rc = rc == TW_OK ? tw_alerts_commit(self->alerts, diag) : rc;
    if (rc != TW_OK) {
        tw_alerts_abandon(self->alerts);
        return rc;
    }
    *ret_has_more = *ret_has_more || count == EXPIRE_LIMIT;
    if (count < EXPIRE_LIMIT) {
        self->expire_at.ns = mono.ns + EXPIRE_S * TW_NS_PER_S;
    }
    return TW_OK;
}

/* Judging; *ret_has_more: the next turn at once. */
static int judge_turn(struct tw_watch *self, tw_mono_t mono, tw_wall_t now, bool *ret_has_more,
                      struct tw_diag *diag)
{
    tw_feed_set_deadline(self->feed, (tw_mono_t){mono.ns + READ_MS * TW_NS_PER_MS});
    int rc =
        self->change_count > 0 ? tw_watch_write(self, diag) : TW_OK; /* the engine lends them */
    rc = rc == TW_OK ? get_ready(self, mono, now, diag) : rc;
    if (rc == TW_EAGAIN) {
        *ret_has_more = tw_feed_is_reading(self->feed);
        return TW_OK;
    }
    return rc == TW_OK ? judge_all(self, mono, ret_has_more, diag) : rc;
}

static int slow_turn(struct tw_watch *self, tw_mono_t mono, tw_wall_t now, bool *ret_has_more,
                     struct tw_diag *diag)
{
    if (mono.ns < self->slow_at.ns) {
        return TW_OK;
    }
    int rc = tw_watch_maintenance(self, now, diag);
    rc = rc == TW_OK ? expire(self, mono, now, ret_has_more, diag) : rc;
    if (rc == TW_OK) {
        self->slow_at.ns = mono.ns + SLOW_S * TW_NS_PER_S;
    }
    return rc;
}

/* Series that cannot be read keep nobody from saying so. */
static int take_turn(struct tw_watch *self, bool *ret_has_more, struct tw_diag *diag)
{
    bool judges_more = false;
    bool posts_more = false;
    bool expires_more = false;
    struct tw_diag ignored = {""};
    tw_mono_t mono = self->clock->mono(self->clock);
    tw_wall_t now = self->clock->wall(self->clock);
    self->turned.ns = self->turned.ns == 0 ? mono.ns : self->turned.ns;
    int rc = open_all(self, diag);
    if (rc != TW_OK) {
        return rc;
    }
    int judged = judge_turn(self, mono, now, &judges_more, diag);
    struct tw_diag *others = judged == TW_OK ? diag : &ignored;
    rc = tw_watch_posted(self, now, &posts_more, others);
    rc = rc == TW_OK ? tw_watch_own(self, mono, now, others) : rc;
    rc = rc == TW_OK ? slow_turn(self, mono, now, &expires_more, others) : rc;
    rc = judged == TW_OK ? rc : judged;
    *ret_has_more = rc == TW_OK && (judges_more || posts_more || expires_more);
    return rc;
}

int tw_watch_turn(struct tw_watch *self, bool *ret_has_more, struct tw_diag *diag)
{
    tw_arena_reset(&self->arena);
    *ret_has_more = false;
    int rc = take_turn(self, ret_has_more, diag);
    if (rc == TW_OK || rc == TW_EBUSY) {
        return rc;
    }
    if (diag->text[0] == '\0') {
        (void)tw_diag_set(diag, rc, "alerts: %s", tw_err_text(rc));
    }
    close_files(self);
    return rc;
}
