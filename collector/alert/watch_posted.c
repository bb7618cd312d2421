/* SPDX-License-Identifier: Apache-2.0
 * What others say: alerts that were posted to us, heartbeats, and what calendars say of
 * planned maintenance.
 */
#include "config.h"
#include "alert/watch_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define POSTS_OF_TURN 500

/* ---- alerts that were posted ---- */

/* One that is over, or goes on. What cannot be read was checked by who took it: left out. */
static int take_post(struct tw_watch *self, const struct tw_alerts_push *post, uint64_t *room,
                     struct tw_diag *diag)
{
    struct tw_labels labels;
    enum tw_alerts_news news = TW_ALERTS_SAME;
    int rc = tw_labels_parse(&self->arena, post->labels, &labels);
    if (rc != TW_OK) {
        return rc == TW_ENOMEM ? tw_diag_set(diag, rc, "%s", tw_err_text(rc)) : TW_OK;
    }
    uint64_t fingerprint = tw_labels_fingerprint(&labels);
    if (post->ends.ns != 0 && post->ends.ns <= post->at.ns) {
        const struct tw_alerts_end end = {.at = post->ends};
        return tw_alerts_end(self->alerts, fingerprint, TW_ALERT_OF_EXTERNAL, &end, &news, diag);
    }
    tw_wall_t starts = post->starts.ns == 0 ? post->at : post->starts;
    struct tw_str name = tw_labels_get(&labels, "alertname");
    const struct tw_alert_row row = {
        .fingerprint = fingerprint,
        .origin = TW_ALERT_OF_EXTERNAL,
        .rule = name.ptr == NULL ? TW_STR_LIT("") : name,
        .labels = post->labels,
        .annotations = post->annotations,
        .severity = (unsigned)tw_severity_find(tw_labels_get(&labels, "severity")),
        .workflow = tw_labels_get(&labels, "workflow"),
        .state = TW_ALERT_ROW_FIRING,
        .in_maintenance =
            tw_watch_is_maintained(self, tw_labels_get(&labels, "workflow"),
                                   tw_labels_get(&labels, "system"), post->at), /* if it is new */
        .value = (double)NAN,
        .threshold = (double)NAN,
        .since = starts,
        .fired = starts.ns < post->at.ns ? starts : post->at,
        .updated = post->at,
        .ends = post->ends,
        .generator = post->generator,
    };
    rc = tw_alerts_put(self->alerts, &row, *room > 0, &news, diag);
    *room -= rc == TW_OK && news == TW_ALERTS_FIRED ? 1 : 0;
    self->place.refused += rc == TW_OK && news == TW_ALERTS_NOTHING ? 1 : 0;
    return rc;
}

static int take_posts(struct tw_watch *self, const struct tw_alerts_push *posts, size_t count,
                      struct tw_diag *diag)
{
    uint64_t open = 0;
    uint64_t most = (uint64_t)self->cfg->alerts.max;
    int rc = tw_alerts_count(self->alerts, &open, diag);
    uint64_t room = open < most ? most - open : 0;
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        rc = take_post(self, &posts[i], &room, diag);
    }
    return rc == TW_OK && count > 0 ? tw_alerts_taken(self->alerts, posts[count - 1].id, diag) : rc;
}

int tw_watch_posted(struct tw_watch *self, tw_wall_t now, bool *ret_has_more, struct tw_diag *diag)
{
    struct tw_alerts_push *posts = NULL;
    size_t count = 0;
    size_t passed = 0;
    bool has_passed = false;
    const uint64_t refused = self->place.refused;
    tw_arena_reset(&self->arena);
    int rc = tw_alerts_pushed(self->alerts, &self->arena, POSTS_OF_TURN, &posts, &count, diag);
    rc = rc == TW_OK ? tw_alerts_has_passed(self->alerts, now, &has_passed, diag) : rc;
    *ret_has_more = count == POSTS_OF_TURN;
    if (rc != TW_OK || (count == 0 && !has_passed)) {
        return rc;
    }
    rc = tw_alerts_begin(self->alerts, diag);
    rc = rc == TW_OK ? take_posts(self, posts, count, diag) : rc;
    rc = rc == TW_OK ? tw_alerts_end_passed(self->alerts, now, &passed, diag) : rc;
    rc = rc == TW_OK ? tw_alerts_commit(self->alerts, diag) : rc;
    if (rc != TW_OK) {
        self->place.refused = refused;
        tw_alerts_abandon(self->alerts);
    }
    return rc;
}

/* ---- heartbeats ---- */

static const struct tw_watch_heartbeat *expected(const struct tw_watch *self, struct tw_str name)
{
    for (size_t i = 0; i < self->heartbeat_count; i++) {
        if (tw_str_is(name, self->heartbeats[i].name)) {
            return &self->heartbeats[i];
        }
    }
    return NULL;
}

/* What is to be written of one that is expected; what is there already is not. */
struct beat {
    struct tw_alerts_heartbeat row;
    bool is_new;
    bool goes; /* nobody expects it any more */
};

static int look_at_beats(struct tw_watch *self, tw_wall_t now, struct beat *beats,
                         size_t *ret_count, struct tw_diag *diag)
{
    struct tw_alerts_heartbeat *rows = NULL;
    size_t count = 0;
    size_t known = 0;
    bool is_known[TW_WATCH_HEARTBEATS_MAX] = {false};
    int rc = tw_alerts_heartbeats(self->alerts, &self->arena, &rows, &known, diag);
    for (size_t i = 0; rc == TW_OK && i < known && count < 2 * TW_WATCH_HEARTBEATS_MAX; i++) {
        const struct tw_watch_heartbeat *wanted = expected(self, rows[i].name);
        if (wanted == NULL) {
            beats[count++] = (struct beat){.row = rows[i], .goes = true};
            continue;
        }
        int64_t most_ns = (wanted->every_s + wanted->grace_s) * TW_NS_PER_S;
        bool is_late = now.ns - rows[i].last.ns > most_ns;
        bool was_heard = rows[i].was_heard;
        enum tw_heartbeat_state state =
            is_late ? TW_HEARTBEAT_MISSED
                    : (was_heard ? TW_HEARTBEAT_BEATING : TW_HEARTBEAT_AWAITED);
        is_known[wanted - self->heartbeats] = true;
        beats[count] = (struct beat){.row = rows[i]};
        beats[count].is_new = state != rows[i].state || wanted->every_s != rows[i].every_s;
        beats[count].row.state = state;
        beats[count].row.every_s = wanted->every_s;
        count++;
    }
    for (size_t i = 0; rc == TW_OK && i < self->heartbeat_count; i++) {
        if (!is_known[i] && count < 2 * TW_WATCH_HEARTBEATS_MAX) {
            const struct tw_alerts_heartbeat row = {.name = tw_str_of(self->heartbeats[i].name),
                                                    .last = now,
                                                    .every_s = self->heartbeats[i].every_s,
                                                    .state = TW_HEARTBEAT_AWAITED};
            beats[count++] = (struct beat){.row = row, .is_new = true};
        }
    }
    *ret_count = count;
    return rc;
}

static int write_beats(struct tw_watch *self, const struct beat *beats, size_t count,
                       struct tw_diag *diag)
{
    bool has_news = false;
    for (size_t i = 0; i < count; i++) {
        has_news = has_news || beats[i].is_new || beats[i].goes;
    }
    if (!has_news) {
        return TW_OK;
    }
    int rc = tw_alerts_begin(self->alerts, diag);
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        if (beats[i].goes) {
            rc = tw_alerts_forget_heartbeat(self->alerts, beats[i].row.name, diag);
        } else if (beats[i].is_new) {
            rc = tw_alerts_put_heartbeat(self->alerts, &beats[i].row, diag);
        }
    }
    rc = rc == TW_OK ? tw_alerts_commit(self->alerts, diag) : rc;
    if (rc != TW_OK) {
        tw_alerts_abandon(self->alerts);
    }
    return rc;
}

int tw_watch_heartbeats(struct tw_watch *self, tw_wall_t now, struct tw_own *own, size_t *own_count,
                        struct tw_diag *diag)
{
    struct beat beats[2 * TW_WATCH_HEARTBEATS_MAX];
    size_t count = 0;
    int rc = look_at_beats(self, now, beats, &count, diag);
    rc = rc == TW_OK ? write_beats(self, beats, count, diag) : rc;
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        const struct tw_watch_heartbeat *wanted = expected(self, beats[i].row.name);
        if (beats[i].goes || wanted == NULL || beats[i].row.state != TW_HEARTBEAT_MISSED ||
            *own_count == TW_OWN_MAX) {
            continue;
        }
        own[(*own_count)++] = (struct tw_own){
            .name = "HeartbeatMissed",
            .label = {TW_STR_LIT("heartbeat"), tw_str_of(wanted->name)},
            .severity = wanted->severity,
            .owner = tw_str_of(wanted->owner),
            .summary = TW_STR_LIT("An expected heartbeat did not come"),
            .description = TW_STR_LIT("Who should call /api/v1/heartbeats/NAME has not done so in "
                                      "time: it does not run, does not end well, or cannot reach "
                                      "the tower."),
        };
    }
    return rc;
}

/* ---- maintenance ---- */

/* Absent: "", which nothing is called. */
static bool copy_name(struct tw_str name, char to[TW_MAINTAINED_NAME_MAX])
{
    if (name.len >= TW_MAINTAINED_NAME_MAX) {
        return false;
    }
    if (name.len > 0) {
        memcpy(to, name.ptr, name.len);
    }
    to[name.len] = '\0';
    return true;
}

/* What names neither a workflow nor a system is in none; of one that is declared for workflows, an
 * alert that names none is not: its system serves others, too. */
bool tw_watch_is_maintained(const struct tw_watch *self, struct tw_str workflow,
                            struct tw_str system, tw_wall_t now)
{
    char workflow_name[TW_MAINTAINED_NAME_MAX];
    char system_name[TW_MAINTAINED_NAME_MAX];
    if ((workflow.ptr == NULL && system.ptr == NULL) || !copy_name(workflow, workflow_name) ||
        !copy_name(system, system_name)) {
        return false;
    }
    for (size_t i = 0; i < self->workflows->maintenance_count; i++) {
        const struct tw_wf_maintenance *entry = &self->workflows->maintenance[i];
        if (tw_maintenance_applies(entry, workflow_name, system_name) &&
            tw_maintenance_covers(entry, self->zones[i], now, NULL)) {
            return true;
        }
    }
    return false;
}

int tw_watch_maintenance(struct tw_watch *self, tw_wall_t now, struct tw_diag *diag)
{
    struct tw_alerts_scope *rows = NULL;
    size_t count = 0;
    bool has_begun = false;
    tw_arena_reset(&self->arena);
    int rc = tw_alerts_scopes(self->alerts, &self->arena, &rows, &count, diag);
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        bool is_in = tw_watch_is_maintained(self, rows[i].workflow, rows[i].system, now);
        if (is_in ? !rows[i].some_out : !rows[i].some_in) {
            continue;
        }
        rc = has_begun ? TW_OK : tw_alerts_begin(self->alerts, diag);
        has_begun = true;
        rc = rc == TW_OK ? tw_alerts_set_maintenance(self->alerts, &rows[i], is_in, now, diag) : rc;
    }
    rc = rc == TW_OK && has_begun ? tw_alerts_commit(self->alerts, diag) : rc;
    if (rc != TW_OK && has_begun) {
        tw_alerts_abandon(self->alerts);
    }
    return rc;
}
