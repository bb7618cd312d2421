/* SPDX-License-Identifier: Apache-2.0
 * What was judged becomes rows, in one transaction a bucket. Rows are put so that a second time
 * changes nothing: after a transaction that failed the same is written again.
 */
#include "config.h"
#include "alert/watch_internal.h"

#include <stdio.h>
#include <string.h>

#define FLAP_S TW_FLAP_WITHIN_S

static tw_wall_t wall_of(int64_t second)
{
    return (tw_wall_t){second * TW_NS_PER_S};
}

/* ---- read back ---- */

/* An open row of a rule goes to the engine; one that nobody judges any more ends. */
static int restore_row(struct tw_watch *self, const struct tw_alert_row *row,
                       struct tw_str *ret_why)
{
    struct tw_alert alert;
    *ret_why = TW_STR_NULL;
    int rc = tw_alert_of_row(&self->arena, row, &alert);
    rc = rc == TW_OK ? tw_engine_restore(self->engine, row->rule, &alert) : rc;
    switch (rc) {
    case TW_OK:
    case TW_ENOMEM:
        return rc;
    case TW_ENOTFOUND:
        *ret_why = TW_STR_LIT("its rule is not in force any more");
        return TW_OK;
    case TW_ELIMIT:
        *ret_why = TW_STR_LIT("there are too many alerts");
        return TW_OK;
    default:
        *ret_why = TW_STR_LIT("its row is damaged");
        return TW_OK;
    }
}

static int end_row(struct tw_watch *self, uint64_t fingerprint, struct tw_str why,
                   struct tw_diag *diag)
{
    enum tw_alerts_news news = TW_ALERTS_NOTHING;
    const struct tw_alerts_end end = {self->clock->wall(self->clock), why};
    int rc = tw_alerts_begin(self->alerts, diag);
    rc = rc == TW_OK ? tw_alerts_end(self->alerts, fingerprint, TW_ALERT_OF_RULE, &end, &news, diag)
                     : rc;
    rc = rc == TW_OK ? tw_alerts_commit(self->alerts, diag) : rc;
    if (rc != TW_OK) {
        tw_alerts_abandon(self->alerts);
    }
    return rc;
}

static int restore_open(struct tw_watch *self, struct tw_diag *diag)
{
    struct tw_alert_row *rows = NULL;
    size_t count = TW_ALERTS_PORTION_MAX;
    uint64_t after = 0;
    int rc = TW_OK;
    while (rc == TW_OK && count == TW_ALERTS_PORTION_MAX) {
        tw_arena_reset(&self->arena);
        rc = tw_alerts_open_rows(self->alerts, &self->arena, after, TW_ALERTS_PORTION_MAX, &rows,
                                 &count, diag);
        for (size_t i = 0; rc == TW_OK && i < count; i++) {
            struct tw_str why = TW_STR_NULL;
            after = rows[i].id;
            bool is_ours = rows[i].origin == TW_ALERT_OF_RULE;
            rc = is_ours ? restore_row(self, &rows[i], &why) : TW_OK;
            rc =
                rc == TW_OK && why.ptr != NULL ? end_row(self, rows[i].fingerprint, why, diag) : rc;
        }
    }
    return rc;
}

/* Those that are over, but would flap should they fire again. */
static int restore_recent(struct tw_watch *self, struct tw_diag *diag)
{
    struct tw_alert_row *rows = NULL;
    size_t count = TW_ALERTS_PORTION_MAX;
    struct tw_alerts_since since = {
        .ended = {self->clock->wall(self->clock).ns - FLAP_S * TW_NS_PER_S},
        .limit = TW_ALERTS_PORTION_MAX,
    };
    int rc = TW_OK;
    while (rc == TW_OK && count == TW_ALERTS_PORTION_MAX) {
        tw_arena_reset(&self->arena);
        rc = tw_alerts_recent(self->alerts, &self->arena, &since, &rows, &count, diag);
        for (size_t i = 0; rc == TW_OK && i < count; i++) {
            struct tw_str why = TW_STR_NULL;
            since.after = rows[i].id;
            rc = restore_row(self, &rows[i], &why);
        }
    }
    return rc;
}

int tw_watch_restore(struct tw_watch *self, struct tw_diag *diag)
{
    int rc = restore_open(self, diag);
    return rc == TW_OK ? restore_recent(self, diag) : rc;
}

/* ---- written ---- */

static size_t index_of(const struct tw_watch *self, const struct tw_rule *rule)
{
    return (size_t)(rule - self->rules->items);
}

/* `room`: how many may still be opened. */
static int put_alert(struct tw_watch *self, const struct tw_alert *alert, tw_wall_t at,
                     uint64_t *room, struct tw_diag *diag)
{
    struct tw_alert_row row;
    enum tw_alerts_news news = TW_ALERTS_SAME;
    int rc = tw_row_of_alert(&self->arena, alert, at, &row);
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "alert of %s: %s", alert->rule->name, tw_err_text(rc));
    }
    row.in_maintenance = tw_watch_is_maintained(
        self, row.workflow, tw_labels_get(&alert->labels, "system"), at); /* when it is new */
    rc = tw_alerts_put(self->alerts, &row, *room > 0, &news, diag);
    if (rc == TW_OK && news == TW_ALERTS_NOTHING) {
        self->refused++;
        self->refused_of[index_of(self, alert->rule)]++;
    }
    bool is_new = news == TW_ALERTS_OPENED || (news == TW_ALERTS_FIRED && *room > 0);
    *room -= rc == TW_OK && is_new && *room > 0 ? 1 : 0;
    return rc;
}

static int end_alert(struct tw_watch *self, const struct tw_alert *alert, tw_wall_t at,
                     struct tw_diag *diag)
{
    enum tw_alerts_news news = TW_ALERTS_NOTHING;
    const struct tw_alerts_end end = {
        at, alert->rule == NULL ? TW_STR_LIT("its rule is not in force any more") : TW_STR_NULL};
    return tw_alerts_end(self->alerts, alert->fingerprint, TW_ALERT_OF_RULE, &end, &news, diag);
}

static int write_changes(struct tw_watch *self, tw_wall_t at, uint64_t *room, struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < self->change_count; i++) {
        const struct tw_alert_change *change = &self->changes[i];
        tw_arena_reset(&self->arena);
        switch (change->news) {
        case TW_NEWS_PENDING:
        case TW_NEWS_FIRING:
        case TW_NEWS_VALUE:
            rc = put_alert(self, &change->alert, at, room, diag);
            break;
        case TW_NEWS_RESOLVED:
        case TW_NEWS_DROPPED:
        default:
            rc = end_alert(self, &change->alert, at, diag);
            break;
        }
    }
    return rc;
}

/* All that the engine knows; those that are there already stay as they are. */
static int put_all(struct tw_watch *self, tw_wall_t at, uint64_t *room, struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < tw_engine_count(self->engine); i++) {
        struct tw_alert alert;
        tw_arena_reset(&self->arena);
        tw_engine_get(self->engine, i, &alert);
        rc = put_alert(self, &alert, at, room, diag);
    }
    return rc;
}

static int write_rules(struct tw_watch *self, tw_wall_t at, struct tw_diag *diag)
{
    char text[96];
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < self->rules->count; i++) {
        struct tw_rule_view view;
        tw_engine_rule(self->engine, i, &view);
        struct tw_alerts_rule row = {
            .name = tw_str_of(view.rule->name),
            .state = (unsigned)view.state,
            .detail = view.detail == NULL ? TW_STR_NULL : tw_str_of(view.detail),
            .instances = view.pending + view.firing,
        };
        if (self->refused_of[i] > 0) {
            (void)snprintf(text, sizeof text, "no room: alerts.max (%lld) are open",
                           (long long)self->cfg->alerts.max); /* always fits */
            row.state = TW_RULE_ERROR;
            row.detail = tw_str_of(text);
        }
        rc = tw_alerts_put_rule(self->alerts, &row, at, diag);
    }
    return rc == TW_OK ? tw_alerts_evaluated(self->alerts, at, diag) : rc;
}

static bool has_rule(const struct tw_rules *rules, struct tw_str name)
{
    return tw_rules_find(rules, name) != NULL;
}

static int forget_rules(struct tw_watch *self, struct tw_diag *diag)
{
    struct tw_alerts_rule *rows = NULL;
    size_t count = 0;
    tw_arena_reset(&self->arena);
    int rc = tw_alerts_rules(self->alerts, &self->arena, &rows, &count, diag);
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        if (!has_rule(self->rules, rows[i].name)) {
            rc = tw_alerts_forget_rule(self->alerts, rows[i].name, diag);
        }
    }
    return rc;
}

static int write_judged(struct tw_watch *self, struct tw_diag *diag)
{
    uint64_t open = 0;
    tw_wall_t at = wall_of(self->place.judged_s + TW_ENGINE_BUCKET_S);
    uint64_t most = (uint64_t)self->cfg->alerts.max;
    self->refused = 0;
    memset(self->refused_of, 0, (self->rules->count + 1) * sizeof self->refused_of[0]);
    int rc = tw_alerts_count(self->alerts, &open, diag);
    uint64_t room = open < most ? most - open : 0;
    rc = rc == TW_OK ? write_changes(self, at, &room, diag) : rc;
    if (rc == TW_OK && self->is_doubtful) {
        rc = put_all(self, at, &room, diag);
    }
    rc = rc == TW_OK ? write_rules(self, at, diag) : rc;
    if (rc == TW_OK && self->has_new_rules) {
        rc = forget_rules(self, diag);
    }
    return rc;
}

int tw_watch_write(struct tw_watch *self, struct tw_diag *diag)
{
    int rc = tw_alerts_begin(self->alerts, diag);
    rc = rc == TW_OK ? write_judged(self, diag) : rc;
    struct tw_alerts_place place = self->place;
    place.refused +=
        self->refused > self->refused_before ? self->refused - self->refused_before : 0;
    rc = rc == TW_OK ? tw_alerts_set_place(self->alerts, &place, diag) : rc;
    rc = rc == TW_OK ? tw_alerts_commit(self->alerts, diag) : rc;
    if (rc != TW_OK) {
        tw_alerts_abandon(self->alerts);
        return rc;
    }
    self->place = place;
    self->is_place_new = false;
    self->refused_before = self->refused;
    self->change_count = 0;
    self->is_doubtful = self->refused > 0; /* they are opened when there is room */
    self->has_new_rules = false;
    return TW_OK;
}
