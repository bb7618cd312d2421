/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "notify/tell.h"

#include <stdlib.h>

#include "alert/json_text.h"
#include "core/log.h"
#include "store/alerts.h"

#define ARENA_BYTES    ((size_t)512 << 20) /* rows of one turn: 20,000 alerts, bodies of a storm */
#define DAY_NS         (86400 * TW_NS_PER_S)
#define EXPIRE_NS      (3600 * TW_NS_PER_S) /* between two times that old notices are forgotten */
#define EXPIRE_PORTION 1000
#define ENDED_MOST     20000

struct tw_tell {
    const struct tw_cfg *cfg;
    struct tw_clock *clock;
    const struct tw_notify *set;
    const struct tw_workflows *workflows;
    struct tw_notices *notices; /* NULL: not open */
    struct tw_groups *groups;   /* NULL: not made */
    struct tw_arena arena;
    size_t damaged; /* rows that could not be read, of the last reading */
    size_t complained;
    uint64_t mark;    /* what was read */
    bool has_mark;    /* something was */
    uint64_t silence; /* hash of those that are known */
    struct tw_notice_silence *silences;
    size_t silence_count;
    struct tw_arena silence_arena;
    tw_wall_t watchdog; /* the last; 0: it is not known */
    tw_wall_t expired;
};

/* ---- life ---- */

int tw_tell_new(const struct tw_cfg *cfg, struct tw_clock *clock, const struct tw_notify *set,
                const struct tw_workflows *workflows, struct tw_tell **ret_tell)
{
    struct tw_tell *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    self->clock = clock;
    self->set = tw_notify_ref(set);
    self->workflows = tw_workflows_ref(workflows);
    tw_arena_init(&self->arena, ARENA_BYTES);
    tw_arena_init(&self->silence_arena, ARENA_BYTES);
    *ret_tell = self;
    return TW_OK;
}

/* All is read again with the next turn. */
static void begin_anew(struct tw_tell *self)
{
    tw_groups_destroy(&self->groups);
    self->has_mark = false;
    self->silence = 0;
    self->silence_count = 0;
}

static void shut(struct tw_tell *self)
{
    begin_anew(self);
    tw_notices_close(&self->notices);
    self->watchdog.ns = 0;
}

void tw_tell_destroy(struct tw_tell **self_p)
{
    struct tw_tell *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    shut(self);
    tw_arena_fini(&self->arena);
    tw_arena_fini(&self->silence_arena);
    tw_notify_unref(&self->set);
    tw_workflows_unref(&self->workflows);
    free(self);
}

void tw_tell_change(struct tw_tell *self, const struct tw_notify *set,
                    const struct tw_workflows *workflows)
{
    const struct tw_notify *old_set = self->set;
    const struct tw_workflows *old_workflows = self->workflows;
    self->set = tw_notify_ref(set);
    self->workflows = tw_workflows_ref(workflows);
    tw_notify_unref(&old_set);
    tw_workflows_unref(&old_workflows);
    begin_anew(self);
}

struct tw_notices *tw_tell_outbox(struct tw_tell *self)
{
    return self->notices;
}

uint64_t tw_tell_generation(const struct tw_tell *self)
{
    return self->groups == NULL ? 0 : tw_groups_generation(self->groups);
}

/* ---- beginning ---- */

/* A row that no route makes any more, or that is damaged, goes: its alerts are told of anew by
 * those that take them now. */
static int restore(struct tw_tell *self, struct tw_diag *diag)
{
    struct tw_notice_group *rows = NULL;
    size_t count = 0;
    int rc = tw_notices_groups(self->notices, &self->arena, &rows, &count, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        int restored = tw_groups_restore(self->groups, &rows[i]);
        if (restored == TW_ENOTFOUND || restored == TW_ESYNTAX) {
            rc = tw_notices_drop_group(self->notices, rows[i].receiver, rows[i].key, diag);
        } else {
            rc = restored;
        }
    }
    return rc;
}

static int make_groups(struct tw_tell *self, struct tw_diag *diag)
{
    int rc = tw_groups_new(self->set, self->workflows, &self->groups);
    rc = rc == TW_OK ? tw_notices_begin(self->notices, diag) : rc;
    rc = rc == TW_OK ? restore(self, diag) : rc;
    rc = rc == TW_OK ? tw_notices_commit(self->notices, diag) : rc;
    if (rc != TW_OK) {
        tw_notices_abandon(self->notices);
        begin_anew(self);
    }
    return rc;
}

static int recover(struct tw_tell *self, tw_wall_t now, struct tw_diag *diag)
{
    int rc = tw_notices_begin(self->notices, diag);
    rc = rc == TW_OK ? tw_notices_recover(self->notices, now, diag) : rc;
    rc = rc == TW_OK ? tw_notices_commit(self->notices, diag) : rc;
    if (rc != TW_OK) {
        tw_notices_close(&self->notices);
    }
    return rc;
}

static int begin(struct tw_tell *self, tw_wall_t now, struct tw_diag *diag)
{
    int rc = TW_OK;
    if (self->notices == NULL) {
        rc = tw_notices_open(self->cfg->store.dir, &self->notices, diag);
        rc = rc == TW_OK ? recover(self, now, diag) : rc;
    }
    return rc == TW_OK && self->groups == NULL ? make_groups(self, diag) : rc;
}

/* ---- what has changed ---- */

static int read_alert(struct tw_tell *self, const struct tw_notice_firing *head,
                      struct tw_diag *diag)
{
    struct tw_notice_alert alert;
    int rc = tw_notices_alert(self->notices, &self->arena, head->id, &alert, diag);
    if (rc == TW_ENOTFOUND) {
        tw_groups_forget(self->groups, head->fingerprint);
        return TW_OK;
    }
    rc = rc == TW_OK ? tw_groups_put(self->groups, &alert) : rc;
    if (rc == TW_ESYNTAX ||
        rc == TW_ELIMIT) { /* one that is damaged keeps no others from being told */
        self->damaged++;
        return TW_OK;
    }
    return rc;
}

static int read_alerts(struct tw_tell *self, struct tw_diag *diag)
{
    struct tw_notice_firing *firing = NULL;
    const struct tw_notice_firing *gone = NULL;
    size_t count = 0;
    size_t gone_count = 0;
    int rc = tw_notices_firing(self->notices, &self->arena, &firing, &count, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        rc = tw_groups_knows(self->groups, &firing[i]) ? tw_groups_touch(self->groups, &firing[i])
                                                       : read_alert(self, &firing[i], diag);
    }
    rc = rc == TW_OK ? tw_groups_gone(self->groups, &self->arena, firing, count, &gone, &gone_count)
                     : rc;
    for (size_t i = 0; i < gone_count && rc == TW_OK; i++) {
        rc = read_alert(self, &gone[i], diag);
    }
    return rc;
}

static uint64_t hash_silences(const struct tw_notice_silence *items, size_t count)
{
    uint64_t hash = UINT64_C(14695981039346656037) + count;
    for (size_t i = 0; i < count; i++) {
        const struct tw_str texts[] = {items[i].id, items[i].matchers};
        for (size_t k = 0; k < 2; k++) {
            for (size_t c = 0; c < texts[k].len; c++) {
                hash = (hash ^ (unsigned char)texts[k].ptr[c]) * UINT64_C(1099511628211);
            }
        }
        hash = (hash ^ (uint64_t)items[i].starts.ns) * UINT64_C(1099511628211);
        hash = (hash ^ (uint64_t)items[i].ends.ns) * UINT64_C(1099511628211);
        hash = (hash ^ (uint64_t)items[i].is_warned) * UINT64_C(1099511628211);
    }
    return hash;
}

static int read_silences(struct tw_tell *self, tw_wall_t now, struct tw_diag *diag)
{
    struct tw_notice_silence *items = NULL;
    size_t count = 0;
    tw_arena_reset(&self->silence_arena);
    self->silence_count = 0;
    int rc = tw_notices_silences(self->notices, &self->silence_arena, now, &items, &count, diag);
    if (rc != TW_OK) {
        return rc;
    }
    self->silences = items;
    self->silence_count = count;
    uint64_t hash = hash_silences(items, count);
    if (hash == self->silence) {
        return TW_OK;
    }
    struct tw_group_silence *silences =
        tw_arena_alloc(&self->arena, (count + 1) * sizeof *silences);
    if (silences == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        silences[i] = (struct tw_group_silence){items[i].id, items[i].matchers, items[i].starts,
                                                items[i].ends};
    }
    rc = tw_groups_set_silences(self->groups, silences, count);
    self->silence = rc == TW_OK ? hash : 0;
    return rc;
}

static int read_changes(struct tw_tell *self, tw_wall_t now, struct tw_diag *diag)
{
    uint64_t mark = 0;
    int rc = tw_notices_mark(self->notices, &mark, diag);
    if (rc != TW_OK || (self->has_mark && mark == self->mark)) {
        return rc;
    }
    self->damaged = 0;
    rc = read_silences(self, now, diag);
    rc = rc == TW_OK ? read_alerts(self, diag) : rc;
    if (rc == TW_OK && self->damaged != self->complained) {
        tw_log(TW_LOG_ALERT_DAMAGED_EVENT, TW_F_INT("alerts", self->damaged));
        self->complained = self->damaged;
    }
    self->mark = mark;
    self->has_mark = rc == TW_OK;
    return rc;
}

/* ---- writing ---- */

static int write_turn(struct tw_tell *self, const struct tw_group_turn *turn, struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; i < turn->notice_count && rc == TW_OK; i++) {
        rc = tw_notices_add(self->notices, &turn->notices[i].notice, &turn->notices[i].told, diag);
    }
    for (size_t i = 0; i < turn->row_count && rc == TW_OK; i++) {
        const struct tw_notice_group *row = &turn->rows[i].row;
        rc = turn->rows[i].is_over
                 ? tw_notices_drop_group(self->notices, row->receiver, row->key, diag)
                 : tw_notices_put_group(self->notices, row, diag);
    }
    for (size_t i = 0; i < turn->inhibited_count && rc == TW_OK; i++) {
        rc = tw_notices_set_inhibited(self->notices, turn->inhibited[i].alert,
                                      turn->inhibited[i].by, diag);
    }
    for (size_t i = 0; i < turn->line_count && rc == TW_OK; i++) {
        rc = tw_notices_note(self->notices, &turn->lines[i], diag);
    }
    return rc;
}

/* ---- the watchdog ---- */

static bool is_watchdog_due(const struct tw_tell *self, tw_wall_t now)
{
    return self->set->has_watchdog &&
           now.ns >= self->watchdog.ns + self->set->watchdog_every_s * TW_NS_PER_S;
}

/* NULL: out of memory. */
static json_t *watchdog_body(const struct tw_tell *self, const char *receiver, tw_wall_t now)
{
    char at[TW_TIME_TEXT_SIZE];
    const char *url = self->set->external_url;
    tw_wall_format(now, at);
    json_t *labels = json_pack("{s:s, s:s}", "alertname", "Watchdog", "severity", "none");
    json_t *annotations =
        json_pack("{s:s}", "summary", "The tower lives: miss this notice when it does not come.");
    json_t *root = json_pack(
        "{s:s, s:s, s:[{s:s, s:O?, s:O?, s:s, s:s, s:s, s:s}], s:{s:s}, s:O?, s:O?, s:s, s:s, s:s,"
        " s:i, s:s}",
        "receiver", receiver, "status", "firing", "alerts", "status", "firing", "labels", labels,
        "annotations", annotations, "startsAt", at, "endsAt", "0001-01-01T00:00:00Z",
        "generatorURL", "", "fingerprint", "0000000000000000", "groupLabels", "alertname",
        "Watchdog", "commonLabels", labels, "commonAnnotations", annotations, "externalURL",
        url == NULL ? "" : url, "version", "4", "groupKey", "watchdog", "truncatedAlerts", 0,
        "notification_reason", "repeat interval elapsed");
    if (labels == NULL || annotations == NULL) {
        json_decref(root);
        root = NULL;
    }
    json_decref(labels);
    json_decref(annotations);
    return root;
}

static int write_watchdog(struct tw_tell *self, tw_wall_t now, struct tw_diag *diag)
{
    const struct tw_receiver *receiver = &self->set->receivers[self->set->watchdog_receiver];
    const struct tw_notice_told nothing = {NULL, 0};
    struct tw_str body = TW_STR_NULL;
    json_t *json = watchdog_body(self, receiver->name, now);
    int rc = tw_json_keep(json, 0, TW_NOTICE_BODY_MAX, &self->arena, &body);
    json_decref(json);
    for (size_t i = 0; i < receiver->count && rc == TW_OK; i++) {
        struct tw_notice notice = {
            .receiver = tw_str_of(receiver->name),
            .integration = tw_str_of(tw_integration_name(receiver->items[i].kind)),
            .idx = (uint32_t)receiver->items[i].idx,
            .group = TW_STR_LIT("watchdog"),
            .kind = TW_NOTICE_WATCHDOG,
            .reason = TW_STR_LIT("repeat interval elapsed"),
            .data = body,
            .created = now,
        };
        if (receiver->items[i].kind != TW_INTEGRATION_ALERTMANAGER &&
            receiver->items[i].kind != TW_INTEGRATION_BROWSER) {
            rc = tw_notices_add(self->notices, &notice, &nothing, diag);
        }
    }
    self->watchdog = rc == TW_OK ? now : self->watchdog;
    return rc;
}

/* ---- silences that end soon ---- */

static bool is_ending(const struct tw_notice_silence *silence, tw_wall_t now)
{
    int64_t left = silence->ends.ns - now.ns;
    return !silence->is_warned && silence->starts.ns <= now.ns && left > 0 &&
           left <= TW_TELL_SILENCE_WARN_S * TW_NS_PER_S &&
           silence->ends.ns - silence->starts.ns >= TW_TELL_SILENCE_LONG_S * TW_NS_PER_S;
}

static bool has_ending(const struct tw_tell *self, tw_wall_t now)
{
    for (size_t i = 0; i < self->silence_count; i++) {
        if (is_ending(&self->silences[i], now)) {
            return true;
        }
    }
    return false;
}

/* In the timeline of everything that it keeps quiet, and in the log, with who made it. */
static int write_ending(struct tw_tell *self, struct tw_notice_silence *silence, tw_wall_t now,
                        struct tw_diag *diag)
{
    uint64_t *alerts = NULL;
    size_t count = 0;
    int rc = tw_groups_silenced(self->groups, &self->arena, silence->id, &alerts, &count);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        const struct tw_notice_line line = {
            .alert = alerts[i],
            .what = TW_ALERT_EVENT_NOTE,
            .at = now,
            .actor = silence->created_by,
            .detail = TW_STR_LIT("the silence that keeps it quiet ends in a quarter of an hour"),
            .is_once = true};
        rc = tw_notices_note(self->notices, &line, diag);
    }
    rc = rc == TW_OK ? tw_notices_set_warned(self->notices, silence->id, diag) : rc;
    if (rc == TW_OK) {
        silence->is_warned = true;
        tw_log(TW_LOG_SILENCE_ENDS_EVENT, TW_F_STR("silence", silence->id),
               TW_F_STR("author", silence->created_by), TW_F_INT("alerts", count));
    }
    return rc;
}

static int write_endings(struct tw_tell *self, tw_wall_t now, struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; i < self->silence_count && rc == TW_OK; i++) {
        if (is_ending(&self->silences[i], now)) {
            rc = write_ending(self, &self->silences[i], now, diag);
        }
    }
    return rc;
}

/* ---- a turn ---- */

static int write_old(struct tw_tell *self, tw_wall_t now, struct tw_diag *diag)
{
    size_t count = 0;
    const struct tw_notice_age age = {
        .before = {now.ns - self->cfg->alerts.history_days * DAY_NS},
        .watchdog_before = {now.ns - DAY_NS},
        .limit = EXPIRE_PORTION,
    };
    int rc = tw_notices_expire(self->notices, &age, &count, diag);
    if (rc == TW_OK && count < EXPIRE_PORTION) {
        self->expired = now; /* else the next turn goes on */
    }
    return rc;
}

static bool is_expiry_due(const struct tw_tell *self, tw_wall_t now)
{
    return now.ns >= self->expired.ns + EXPIRE_NS;
}

static int write_all(struct tw_tell *self, tw_wall_t now, bool has_turn, struct tw_diag *diag)
{
    struct tw_group_turn turn = {0};
    int rc = has_turn ? tw_groups_turn(self->groups, now, &self->arena, &turn) : TW_OK;
    rc = rc == TW_OK ? write_turn(self, &turn, diag) : rc;
    rc = rc == TW_OK && is_watchdog_due(self, now) ? write_watchdog(self, now, diag) : rc;
    rc = rc == TW_OK ? write_endings(self, now, diag) : rc;
    rc = rc == TW_OK && is_expiry_due(self, now) ? write_old(self, now, diag) : rc;
    return rc == TW_OK ? tw_notices_commit(self->notices, diag) : rc;
}

static int take_turn(struct tw_tell *self, tw_wall_t now, struct tw_diag *diag)
{
    int rc = begin(self, now, diag);
    rc = rc == TW_OK ? read_changes(self, now, diag) : rc;
    if (rc == TW_OK && self->set->has_watchdog && self->watchdog.ns == 0) {
        rc = tw_notices_last(self->notices, TW_NOTICE_WATCHDOG, &self->watchdog, diag);
    }
    if (rc != TW_OK) {
        return rc;
    }
    bool has_turn = tw_groups_is_due(self->groups, now);
    if (!has_turn && !is_watchdog_due(self, now) && !has_ending(self, now) &&
        !is_expiry_due(self, now)) {
        return TW_OK;
    }
    rc = tw_notices_begin(self->notices, diag);
    if (rc != TW_OK) {
        return rc; /* busy: nothing was decided yet */
    }
    rc = write_all(self, now, has_turn, diag);
    if (rc == TW_EBUSY) { /* what was decided is lost with the transaction */
        tw_notices_abandon(self->notices);
        begin_anew(self);
    }
    return rc;
}

int tw_tell_turn(struct tw_tell *self, struct tw_diag *diag)
{
    tw_arena_reset(&self->arena);
    int rc = take_turn(self, self->clock->wall(self->clock), diag);
    if (rc != TW_OK && diag->text[0] == '\0') {
        (void)tw_diag_set(diag, rc, "%s", tw_err_text(rc));
    }
    if (rc != TW_OK && rc != TW_EBUSY) {
        shut(self);
    }
    return rc;
}

/* ---- for Alertmanagers ---- */

struct list {
    struct tw_notice_alert *items;
    size_t count;
    size_t most;
};

static void add(void *context, const struct tw_notice_alert *alert)
{
    struct list *list = context;
    if (alert->ended.ns == 0 && list->count < list->most) {
        list->items[list->count++] = *alert;
    }
}

int tw_tell_alerts(struct tw_tell *self, tw_wall_t since, const struct tw_notice_alert **ret_alerts,
                   size_t *ret_count, struct tw_diag *diag)
{
    uint64_t *ended = NULL;
    size_t count = 0;
    if (self->notices == NULL || self->groups == NULL) {
        return TW_ENOTFOUND;
    }
    struct list list = {.most = ENDED_MOST};
    int rc = tw_notices_ended(self->notices, &self->arena, since, ENDED_MOST, &ended, &count, diag);
    list.items =
        rc == TW_OK ? tw_arena_alloc(&self->arena, 2 * ENDED_MOST * sizeof *list.items) : NULL;
    if (list.items == NULL) {
        return rc == TW_OK ? TW_ENOMEM : rc;
    }
    tw_groups_tellable(self->groups, add, &list);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        rc = tw_notices_alert(self->notices, &self->arena, ended[i], &list.items[list.count], diag);
        list.count += rc == TW_OK ? 1 : 0;
    }
    *ret_alerts = list.items;
    *ret_count = list.count;
    return rc;
}
