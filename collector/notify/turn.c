/* SPDX-License-Identifier: Apache-2.0
 * What is due. A group is looked at `group-wait` after its first alert fired, then every
 * `group-interval`; each look, told or not, is written, so that a restart looks at the same times.
 * Escalation and acknowledgement do not wait for a look.
 */
#include "config.h"
#include <stdlib.h>

#include "notify/group_internal.h"
#include "store/alerts.h"

#define REASON_FIRST     "first notification"
#define REASON_NEW       "new alerts added"
#define REASON_SOME      "some alerts resolved"
#define REASON_ALL       "all alerts resolved"
#define REASON_REPEAT    "repeat interval elapsed"
#define REASON_ESCALATE  "nobody has acknowledged"
#define REASON_ACKED     "acknowledged"
#define RECEIVER_FAILING "TowerReceiverFailing" /* alert/watch_own.c */

/* Of one turn. */
struct turn {
    struct tw_groups *self;
    tw_wall_t now;
    struct tw_arena *arena;
    struct tw_group_turn *out;
    size_t notice_room;
    size_t row_room;
    size_t line_room;
    int rc; /* the first error */
};
/* What stands in a group now. */
struct state {
    struct tw_known **firing; /* those that are told of; worst first */
    size_t firing_count;
    struct tw_known **over; /* told of as firing, and over */
    size_t over_count;
    size_t fresh;      /* of firing: not told of yet */
    size_t unanswered; /* of firing: told of and not acknowledged */
    size_t quiet;      /* told of as firing, and kept quiet now */
    tw_wall_t asked;   /* the first of the unanswered was told then */
    bool is_muted;
};

/* ---- times ---- */

static const struct tw_route *route_of(const struct tw_groups *self, const struct tw_group *group)
{
    return &self->set->routes[group->route];
}

/* 0: there is nothing to look at. */
static tw_wall_t next_look(const struct tw_groups *self, const struct tw_group *group)
{
    int64_t first = 0;
    if (group->flushed.ns != 0) {
        return group->next;
    }
    for (size_t i = 0; i < group->member_count; i++) {
        const struct tw_known *alert = group->members[i];
        if (tw_known_fires(alert) && (first == 0 || alert->fired.ns < first)) {
            first = alert->fired.ns;
        }
    }
    int64_t wait = route_of(self, group)->group_wait_s * TW_NS_PER_S;
    return (tw_wall_t){first == 0 ? 0 : first + wait};
}

static bool is_over(const struct tw_group *group)
{
    bool fires = false;
    for (size_t i = 0; i < group->member_count && !fires; i++) {
        fires = tw_known_fires(group->members[i]);
    }
    return !fires && group->sent_count == 0;
}

/* ---- what is to be written ---- */

/* Room for one more in an array of the arena. */
static void *grow(struct turn *turn, void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return items;
    }
    size_t wanted = *room == 0 ? 16 : 2 * *room;
    char *grown = tw_arena_alloc(turn->arena, wanted * size);
    if (grown == NULL) {
        turn->rc = TW_ENOMEM;
        return NULL;
    }
    if (count > 0) {
        memcpy(grown, items, count * size);
    }
    *room = wanted;
    return grown;
}

static void add_line(struct turn *turn, const struct tw_notice_line *line)
{
    struct tw_group_turn *out = turn->out;
    void *lines = grow(turn, out->lines, out->line_count, &turn->line_room, sizeof *out->lines);
    if (lines != NULL) {
        out->lines = lines;
        out->lines[out->line_count++] = *line;
    }
}

static void add_row(struct turn *turn, struct tw_group *group)
{
    struct tw_group_turn *out = turn->out;
    const struct tw_route *route = route_of(turn->self, group);
    struct tw_str sent = TW_STR_NULL;
    bool over = is_over(group);
    int rc = over ? TW_OK : tw_sent_write(group, turn->arena, &sent);
    void *rows = rc != TW_OK
                     ? NULL
                     : grow(turn, out->rows, out->row_count, &turn->row_room, sizeof *out->rows);
    if (rows == NULL) {
        turn->rc = turn->rc == TW_OK ? TW_ENOMEM : turn->rc;
        return;
    }
    out->rows = rows;
    out->rows[out->row_count++] = (struct tw_group_row){
        .is_over = over,
        .row = {.receiver = tw_str_of(turn->self->set->receivers[route->receiver].name),
                .key = tw_arena_copy(turn->arena, tw_str_of(group->key)),
                .labels = tw_arena_copy(turn->arena, tw_str_of(group->labels_json)),
                .since = group->since,
                .next = group->next,
                .flushed = group->flushed,
                .told = group->told,
                .sent = sent,
                .escalated = group->escalated}};
    group->has_row = !over;
}

static void add_notice(struct turn *turn, const struct tw_group_notice *notice)
{
    struct tw_group_turn *out = turn->out;
    void *notices =
        grow(turn, out->notices, out->notice_count, &turn->notice_room, sizeof *out->notices);
    if (notices != NULL) {
        out->notices = notices;
        out->notices[out->notice_count++] = *notice;
    }
}

/* ---- looking at a group ---- */

static int worst_first(const void *a, const void *b)
{
    const struct tw_known *left = *(struct tw_known *const *)a;
    const struct tw_known *right = *(struct tw_known *const *)b;
    if (left->severity != right->severity) {
        return left->severity < right->severity ? -1 : 1;
    }
    if (left->fired.ns != right->fired.ns) {
        return left->fired.ns < right->fired.ns ? -1 : 1;
    }
    int order = tw_str_compare(left->labels_json, right->labels_json);
    return order != 0 ? order : (left->fingerprint < right->fingerprint ? -1 : 1);
}

static void count_alert(struct state *state, struct tw_known *alert, const struct tw_sent *sent)
{
    if (!tw_known_fires(alert)) {
        if (sent != NULL) {
            state->over[state->over_count++] = alert;
        }
        return;
    }
    if (!tw_known_is_told(alert)) {
        state->quiet += sent != NULL ? 1 : 0;
        return;
    }
    state->firing[state->firing_count++] = alert;
    state->fresh += sent == NULL ? 1 : 0;
    if (sent != NULL && !alert->is_acked) {
        bool is_first = state->unanswered == 0 || sent->told.ns < state->asked.ns;
        state->asked = is_first ? sent->told : state->asked;
        state->unanswered++;
    }
}

static int look_at(const struct tw_groups *self, const struct tw_group *group, tw_wall_t now,
                   struct tw_arena *arena, struct state *ret_state)
{
    size_t bytes = (group->member_count + 1) * sizeof(struct tw_known *);
    *ret_state = (struct state){
        .firing = tw_arena_alloc(arena, bytes),
        .over = tw_arena_alloc(arena, bytes),
        .is_muted = tw_notify_muted_by(self->set, route_of(self, group), now) != NULL,
    };
    if (ret_state->firing == NULL || ret_state->over == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < group->member_count; i++) {
        struct tw_known *alert = group->members[i];
        count_alert(ret_state, alert, tw_group_sent(group, alert->fingerprint));
    }
    if (ret_state->firing_count > 1) {
        qsort(ret_state->firing, ret_state->firing_count, sizeof(void *), worst_first);
    }
    if (ret_state->over_count > 1) {
        qsort(ret_state->over, ret_state->over_count, sizeof(void *), worst_first);
    }
    return TW_OK;
}

/* Why it is told now; NULL: it is not. */
static const char *reason_of(const struct turn *turn, const struct tw_group *group,
                             const struct state *state)
{
    int64_t repeat = route_of(turn->self, group)->repeat_interval_s * TW_NS_PER_S;
    if (state->is_muted) {
        return NULL;
    }
    if (state->fresh > 0) {
        return group->sent_count == 0 ? REASON_FIRST : REASON_NEW;
    }
    if (state->over_count > 0) {
        return state->firing_count + state->quiet == 0 ? REASON_ALL : REASON_SOME;
    }
    bool is_time = group->told.ns != 0 && turn->now.ns >= group->told.ns + repeat;
    return is_time && state->unanswered > 0 ? REASON_REPEAT : NULL;
}

/* ---- telling ---- */

struct telling {
    const struct tw_group *group;
    const struct state *state;
    enum tw_notice_kind kind;
    const char *reason;
    uint64_t *ids;
    size_t id_count;
};

static void tell_one(struct turn *turn, const struct telling *telling,
                     const struct tw_receiver *receiver, const struct tw_integration *to)
{
    const struct state *state = telling->state;
    const struct tw_composed what = {
        .firing = state->firing,
        .firing_count = state->firing_count,
        .resolved = state->over,
        .resolved_count = to->sends_resolved ? state->over_count : 0,
        .receiver = receiver->name,
        .reason = telling->reason,
        .most = (size_t)(to->max_alerts < 1 ? TW_NOTIFY_ALERTS_MAX : to->max_alerts),
    };
    struct tw_group_notice notice = {
        .notice = {.receiver = tw_str_of(receiver->name),
                   .integration = tw_str_of(tw_integration_name(to->kind)),
                   .idx = (uint32_t)to->idx,
                   .group = tw_arena_copy(turn->arena, tw_str_of(telling->group->key)),
                   .kind = telling->kind,
                   .reason = tw_str_of(telling->reason),
                   .created = turn->now},
        .told = {telling->ids, telling->id_count},
    };
    int rc = tw_compose(turn->self, telling->group, &what, turn->arena, &notice.notice.data);
    if (rc != TW_OK) {
        turn->rc = rc;
        return;
    }
    add_notice(turn, &notice);
}

/* Alertmanagers are not told of groups: delivery keeps them up to date with every alert. Nor are
 * browsers: the stream of the web half does that. */
static void tell_receiver(struct turn *turn, const struct telling *telling, size_t index)
{
    const struct tw_receiver *receiver = &turn->self->set->receivers[index];
    bool is_end =
        strcmp(telling->reason, REASON_ALL) == 0 || strcmp(telling->reason, REASON_SOME) == 0;
    for (size_t i = 0; i < receiver->count && turn->rc == TW_OK; i++) {
        const struct tw_integration *to = &receiver->items[i];
        bool is_wanted =
            telling->kind == TW_NOTICE_ACKNOWLEDGED
                ? to->kind == TW_INTEGRATION_PAGERDUTY
                : to->kind != TW_INTEGRATION_ALERTMANAGER && to->kind != TW_INTEGRATION_BROWSER;
        if (is_wanted && (to->sends_resolved || !is_end)) {
            tell_one(turn, telling, receiver, to);
        }
    }
}

/* Numbers of all that a notice is about, for the history of each. */
static void list_ids(struct turn *turn, struct telling *telling)
{
    const struct state *state = telling->state;
    telling->ids = tw_arena_alloc(turn->arena, (state->firing_count + state->over_count + 1) *
                                                   sizeof *telling->ids);
    if (telling->ids == NULL) {
        turn->rc = TW_ENOMEM;
        return;
    }
    for (size_t i = 0; i < state->firing_count; i++) {
        telling->ids[telling->id_count++] = state->firing[i]->id;
    }
    for (size_t i = 0; i < state->over_count; i++) {
        telling->ids[telling->id_count++] = state->over[i]->id;
    }
}

static void note_told(struct turn *turn, const struct telling *telling, size_t receiver,
                      enum tw_alert_event what)
{
    const char *name = turn->self->set->receivers[receiver].name;
    for (size_t i = 0; i < telling->id_count && turn->rc == TW_OK; i++) {
        const struct tw_notice_line line = {.alert = telling->ids[i],
                                            .what = what,
                                            .at = turn->now,
                                            .actor = tw_str_of(name),
                                            .detail = tw_str_of(telling->reason)};
        add_line(turn, &line);
    }
}

static int by_fingerprint(const void *a, const void *b)
{
    uint64_t left = ((const struct tw_sent *)a)->fingerprint;
    uint64_t right = ((const struct tw_sent *)b)->fingerprint;
    return left < right ? -1 : (left > right ? 1 : 0);
}

/* What fires and is told of is told; what is over is not any more; what is quiet stays. */
static void keep_sent(struct turn *turn, struct tw_group *group, const struct state *state)
{
    struct tw_sent *sent = calloc(group->sent_count + state->firing_count + 1, sizeof *sent);
    size_t count = 0;
    if (sent == NULL) {
        turn->rc = TW_ENOMEM;
        return;
    }
    for (size_t i = 0; i < state->firing_count; i++) {
        const struct tw_known *alert = state->firing[i];
        const struct tw_sent *before = tw_group_sent(group, alert->fingerprint);
        sent[count++] = (struct tw_sent){alert->fingerprint, alert->id,
                                         before == NULL ? turn->now : before->told};
    }
    for (size_t i = 0; i < group->sent_count; i++) {
        const struct tw_known *alert = tw_groups_find(turn->self, group->sent[i].fingerprint);
        if (alert != NULL && tw_known_fires(alert) && !tw_known_is_told(alert)) {
            sent[count++] = group->sent[i];
        }
    }
    if (count > 1) {
        qsort(sent, count, sizeof *sent, by_fingerprint);
    }
    free(group->sent);
    group->sent = sent;
    group->sent_count = count;
}

/* Those who were called in are told that it is over. */
static void tell_reached(struct turn *turn, const struct tw_group *group,
                         const struct telling *telling)
{
    const struct tw_route *route = route_of(turn->self, group);
    for (size_t i = 0; i < group->reached && i < route->escalation_count; i++) {
        tell_receiver(turn, telling, route->escalations[i].receiver);
    }
}

/* That a receiver fails is told to somebody else, too: the root's receiver, or the first one that
 * has a way of being told. TW_NOTIFY_NONE: it is not about that, or there is nobody. */
static size_t somebody_else(const struct turn *turn, const struct state *state, size_t receiver)
{
    const struct tw_notify *set = turn->self->set;
    const struct tw_known *alert = state->firing_count > 0
                                       ? state->firing[0]
                                       : (state->over_count > 0 ? state->over[0] : NULL);
    size_t root = set->routes[0].receiver;
    if (alert == NULL || !tw_str_is(tw_labels_get(&alert->labels, "alertname"), RECEIVER_FAILING) ||
        !tw_str_is(tw_labels_get(&alert->labels, "receiver"), set->receivers[receiver].name)) {
        return TW_NOTIFY_NONE;
    }
    if (root != receiver) {
        return root;
    }
    for (size_t i = 0; i < set->receiver_count; i++) {
        bool is_watchdogs = set->has_watchdog && set->watchdog_receiver == i;
        if (i != receiver && set->receivers[i].count > 0 && !is_watchdogs) {
            return i;
        }
    }
    return TW_NOTIFY_NONE;
}

static void tell(struct turn *turn, struct tw_group *group, const struct state *state,
                 const char *reason)
{
    const struct tw_route *route = route_of(turn->self, group);
    struct telling telling = {
        .group = group, .state = state, .kind = TW_NOTICE_NOTIFY, .reason = reason};
    list_ids(turn, &telling);
    tell_receiver(turn, &telling, route->receiver);
    if (state->over_count > 0) {
        tell_reached(turn, group, &telling);
    }
    note_told(turn, &telling, route->receiver, TW_ALERT_EVENT_NOTIFIED);
    size_t other = somebody_else(turn, state, route->receiver);
    if (other != TW_NOTIFY_NONE) {
        tell_receiver(turn, &telling, other);
        note_told(turn, &telling, other, TW_ALERT_EVENT_NOTIFIED);
    }
    group->told = turn->now;
    keep_sent(turn, group, state);
    if (group->sent_count == 0) {
        group->escalated = 0;
        group->reached = 0;
        group->is_ack_told = false;
    }
}

/* ---- the three things that may be due ---- */

static void flush(struct turn *turn, struct tw_group *group, const struct state *state)
{
    tw_wall_t look = next_look(turn->self, group);
    int64_t interval = route_of(turn->self, group)->group_interval_s * TW_NS_PER_S;
    const char *reason = reason_of(turn, group, state);
    if (group->flushed.ns == 0) {
        group->since.ns = look.ns - route_of(turn->self, group)->group_wait_s * TW_NS_PER_S;
    }
    group->flushed = turn->now;
    group->next.ns = look.ns + ((turn->now.ns - look.ns) / interval + 1) * interval;
    if (reason != NULL) {
        tell(turn, group, state, reason);
    }
}

static bool is_step_due(const struct turn *turn, const struct tw_group *group,
                        const struct state *state)
{
    const struct tw_route *route = route_of(turn->self, group);
    return !state->is_muted && state->unanswered > 0 &&
           group->escalated < route->escalation_count &&
           turn->now.ns >=
               state->asked.ns + route->escalations[group->escalated].after_s * TW_NS_PER_S;
}

static void escalate(struct turn *turn, struct tw_group *group, const struct state *state)
{
    const struct state only = {.firing = state->firing, .firing_count = state->firing_count};
    struct telling telling = {
        .group = group, .state = &only, .kind = TW_NOTICE_ESCALATION, .reason = REASON_ESCALATE};
    list_ids(turn, &telling);
    while (turn->rc == TW_OK && is_step_due(turn, group, state)) {
        size_t receiver = route_of(turn->self, group)->escalations[group->escalated].receiver;
        tell_receiver(turn, &telling, receiver);
        note_told(turn, &telling, receiver, TW_ALERT_EVENT_ESCALATED);
        group->escalated++;
        group->reached = group->reached < group->escalated ? group->escalated : group->reached;
    }
}

/* All that was told of is in somebody's hand. */
static bool is_answered(const struct state *state)
{
    return state->firing_count > state->fresh && state->unanswered == 0;
}

static void tell_answered(struct turn *turn, struct tw_group *group, const struct state *state)
{
    const struct state only = {.firing = state->firing, .firing_count = state->firing_count};
    struct telling telling = {
        .group = group, .state = &only, .kind = TW_NOTICE_ACKNOWLEDGED, .reason = REASON_ACKED};
    list_ids(turn, &telling);
    tell_receiver(turn, &telling, route_of(turn->self, group)->receiver);
    tell_reached(turn, group, &telling);
    group->is_ack_told = true;
    group->escalated = 0;
}

static bool is_look_due(const struct tw_groups *self, const struct tw_group *group, tw_wall_t now)
{
    tw_wall_t look = next_look(self, group);
    return look.ns != 0 && look.ns <= now.ns;
}

static void take_turn(struct turn *turn, struct tw_group *group)
{
    struct state state;
    bool is_written = false;
    turn->rc = look_at(turn->self, group, turn->now, turn->arena, &state);
    if (turn->rc != TW_OK) {
        return;
    }
    if (is_look_due(turn->self, group, turn->now)) {
        flush(turn, group, &state);
        is_written = true;
        turn->rc = turn->rc == TW_OK ? look_at(turn->self, group, turn->now, turn->arena, &state)
                                     : turn->rc;
    }
    if (turn->rc == TW_OK && is_step_due(turn, group, &state)) {
        escalate(turn, group, &state);
        is_written = true;
    }
    if (turn->rc == TW_OK && !group->is_ack_told && is_answered(&state) && group->told.ns != 0) {
        tell_answered(turn, group, &state);
        is_written = true;
    } else if (group->is_ack_told && state.unanswered > 0) {
        group->is_ack_told = false;
        is_written = true;
    }
    if (turn->rc == TW_OK && (is_written || (group->has_row && is_over(group)))) {
        add_row(turn, group);
    }
}

static bool is_due(const struct tw_groups *self, const struct tw_group *group, tw_wall_t now,
                   struct tw_arena *arena)
{
    struct tw_group_turn nothing = {0};
    struct state state;
    const struct turn turn = {
        .self = (struct tw_groups *)(uintptr_t)self, /* it is only asked */
        .now = now,
        .out = &nothing,
    };
    if (is_look_due(self, group, now) || (group->has_row && is_over(group))) {
        return true;
    }
    if (group->sent_count == 0) {
        return false;
    }
    return look_at(self, group, now, arena, &state) != TW_OK || is_step_due(&turn, group, &state) ||
           (!group->is_ack_told && is_answered(&state)) ||
           (group->is_ack_told && state.unanswered > 0);
}

/* ---- flags of alerts ---- */

static bool is_inhibition_news(const struct tw_known *alert, struct tw_arena *arena,
                               struct tw_str *ret_by)
{
    if (tw_known_inhibited_json(alert, arena, ret_by) != TW_OK) {
        return true; /* the turn will fail likewise */
    }
    return ret_by->ptr == NULL
               ? alert->inhibited_by != NULL
               : alert->inhibited_by == NULL || !tw_str_is(*ret_by, alert->inhibited_by);
}

static bool is_silence_news(const struct tw_known *alert)
{
    return tw_known_fires(alert) && alert->silenced_by != 0 && !alert->is_silence_noted;
}

static void note_inhibited(struct turn *turn, struct tw_known *alert, struct tw_str by,
                           struct tw_group_inhibited *to)
{
    if (by.ptr != NULL && alert->inhibited_by == NULL) {
        struct tw_str name = tw_labels_get(&alert->inhibitors[0]->labels, "alertname");
        const struct tw_notice_line line = {.alert = alert->id,
                                            .what = TW_ALERT_EVENT_INHIBITED,
                                            .at = turn->now,
                                            .detail = tw_arena_copy(turn->arena, name),
                                            .is_once = true};
        add_line(turn, &line);
    }
    free(alert->inhibited_by);
    alert->inhibited_by = by.ptr == NULL ? NULL : strndup(by.ptr, by.len);
    turn->rc = by.ptr != NULL && alert->inhibited_by == NULL ? TW_ENOMEM : turn->rc;
    *to = (struct tw_group_inhibited){alert->id, by};
}

static void take_flags(struct turn *turn)
{
    struct tw_groups *self = turn->self;
    turn->out->inhibited =
        tw_arena_alloc(turn->arena, (self->alert_count + 1) * sizeof *turn->out->inhibited);
    turn->rc = turn->out->inhibited == NULL ? TW_ENOMEM : turn->rc;
    for (size_t i = 0; i < self->alert_count && turn->rc == TW_OK; i++) {
        struct tw_known *alert = self->alerts[i];
        struct tw_str by = TW_STR_NULL;
        if (is_inhibition_news(alert, turn->arena, &by)) {
            note_inhibited(turn, alert, by, &turn->out->inhibited[turn->out->inhibited_count++]);
        }
        if (is_silence_news(alert)) {
            const char *id = self->silences[alert->silenced_by - 1].id;
            const struct tw_notice_line line = {.alert = alert->id,
                                                .what = TW_ALERT_EVENT_SILENCED,
                                                .at = turn->now,
                                                .detail = tw_arena_copy(turn->arena, tw_str_of(id)),
                                                .is_once = true};
            add_line(turn, &line);
            alert->is_silence_noted = true;
        }
    }
}

/* ---- a turn ---- */

static int by_key(const void *a, const void *b)
{
    const struct tw_group *left = *(struct tw_group *const *)a;
    const struct tw_group *right = *(struct tw_group *const *)b;
    if (left->route != right->route) {
        return left->route < right->route ? -1 : 1;
    }
    return strcmp(left->key, right->key);
}

bool tw_groups_is_due(struct tw_groups *self, tw_wall_t now)
{
    bool has_changed = self->is_stale || self->next_silence.ns != 0;
    if (tw_groups_mark(self, now) != TW_OK) {
        return true; /* the turn says why */
    }
    for (size_t i = 0; has_changed && i < self->alert_count; i++) {
        struct tw_str by = TW_STR_NULL;
        tw_arena_reset(&self->arena);
        if (is_inhibition_news(self->alerts[i], &self->arena, &by) ||
            is_silence_news(self->alerts[i])) {
            return true;
        }
    }
    for (size_t i = 0; i < self->group_count; i++) {
        tw_arena_reset(&self->arena);
        if (is_due(self, self->groups[i], now, &self->arena)) {
            return true;
        }
    }
    return false;
}

int tw_groups_turn(struct tw_groups *self, tw_wall_t now, struct tw_arena *arena,
                   struct tw_group_turn *ret_turn)
{
    struct turn turn = {.self = self, .now = now, .arena = arena, .out = ret_turn};
    size_t count = 0;
    *ret_turn = (struct tw_group_turn){0};
    turn.rc = tw_groups_mark(self, now);
    struct tw_group **due = tw_arena_alloc(arena, (self->group_count + 1) * sizeof(void *));
    turn.rc = due == NULL ? TW_ENOMEM : turn.rc;
    for (size_t i = 0; i < self->group_count && turn.rc == TW_OK; i++) {
        tw_arena_reset(&self->arena);
        if (is_due(self, self->groups[i], now, &self->arena)) {
            due[count++] = self->groups[i];
        }
    }
    if (count > 1) {
        qsort(due, count, sizeof(void *), by_key);
    }
    if (turn.rc == TW_OK) {
        take_flags(&turn);
    }
    for (size_t i = 0; i < count && turn.rc == TW_OK; i++) {
        take_turn(&turn, due[i]);
    }
    if (turn.rc == TW_OK) {
        tw_groups_sweep(self);
    }
    return turn.rc;
}
