/* SPDX-License-Identifier: Apache-2.0
 * What there is: alerts that are known, and the groups they are members of.
 */
#include "config.h"
#include "notify/group.h"

#include <jansson.h>
#include <stdlib.h>

#include "notify/group_internal.h"
#include "notify/routes_internal.h"

#define ARENA_BYTES ((size_t)64 << 20)
#define KEY_MAX     ((size_t)1 << 20)

/* ---- life ---- */

int tw_groups_new(const struct tw_notify *set, const struct tw_workflows *workflows,
                  struct tw_groups **ret_groups)
{
    struct tw_groups *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    tw_arena_init(&self->arena, ARENA_BYTES);
    self->set = tw_notify_ref(set);
    self->workflows = tw_workflows_ref(workflows);
    self->is_stale = true;
    int rc = tw_reach_new(workflows, &self->reach);
    if (rc != TW_OK) {
        tw_groups_destroy(&self);
        return rc;
    }
    *ret_groups = self;
    return TW_OK;
}

static void free_known(struct tw_known *alert)
{
    free(alert->block);
    free(alert->annotations);
    free(alert->generator);
    free(alert->silences);
    free(alert->inhibited_by);
    free(alert);
}

static void free_group(struct tw_group *group)
{
    free(group->key);
    free(group->labels_json);
    free(group->members);
    free(group->sent);
    free(group);
}

static void free_silences(struct tw_groups *self)
{
    for (size_t i = 0; i < self->silence_count; i++) {
        tw_matchers_destroy(&self->silences[i].matchers);
        free(self->silences[i].id);
    }
    free(self->silences);
    self->silences = NULL;
    self->silence_count = 0;
}

void tw_groups_destroy(struct tw_groups **self_p)
{
    struct tw_groups *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->alert_count; i++) {
        free_known(self->alerts[i]);
    }
    for (size_t i = 0; i < self->group_count; i++) {
        free_group(self->groups[i]);
    }
    free(self->alerts);
    free(self->groups);
    free_silences(self);
    tw_table_fini(&self->by_fingerprint);
    tw_table_fini(&self->by_key);
    free(self->reach);
    tw_arena_fini(&self->arena);
    tw_notify_unref(&self->set);
    tw_workflows_unref(&self->workflows);
    free(self);
}

/* ---- lists ---- */

/* Room for one more pointer. */
static int make_room(void *list_p, size_t count, size_t *room)
{
    void **list = *(void ***)list_p;
    if (count < *room) {
        return TW_OK;
    }
    size_t wanted = *room == 0 ? 8 : 2 * *room;
    void **grown = realloc(list, wanted * sizeof *grown);
    if (grown == NULL) {
        return TW_ENOMEM;
    }
    *(void ***)list_p = grown;
    *room = wanted;
    return TW_OK;
}

struct tw_known *tw_groups_find(const struct tw_groups *self, uint64_t fingerprint)
{
    size_t cursor = 0;
    return tw_table_next(&self->by_fingerprint, fingerprint, &cursor);
}

static int by_fingerprint(const void *a, const void *b)
{
    uint64_t left = ((const struct tw_sent *)a)->fingerprint;
    uint64_t right = ((const struct tw_sent *)b)->fingerprint;
    return left < right ? -1 : (left > right ? 1 : 0);
}

const struct tw_sent *tw_group_sent(const struct tw_group *self, uint64_t fingerprint)
{
    const struct tw_sent wanted = {.fingerprint = fingerprint};
    return self->sent_count == 0
               ? NULL
               : bsearch(&wanted, self->sent, self->sent_count, sizeof wanted, by_fingerprint);
}

/* ---- groups ---- */

/* {a="b", c="d"} of those labels that the route groups by. */
static int make_key(const struct tw_route *route, const struct tw_labels *labels,
                    struct tw_buf *key)
{
    (void)tw_buf_append_str(key, tw_str_of(route->key)); /* errors stay in the buffer */
    (void)tw_buf_append_str(key, TW_STR_LIT(":{"));
    for (size_t i = 0; i < labels->count; i++) {
        const struct tw_matcher_text text = {
            .name = labels->items[i].name, .value = labels->items[i].value, .is_equal = true};
        if (i > 0) {
            (void)tw_buf_append_str(key, TW_STR_LIT(", "));
        }
        (void)tw_notify_add_matcher(key, &text);
    }
    (void)tw_buf_append_byte(key, '}');
    return tw_buf_append_byte(key, 0);
}

static uint64_t hash_of(size_t route, const char *key)
{
    uint64_t hash = UINT64_C(14695981039346656037) ^ route;
    for (; *key != '\0'; key++) {
        hash = (hash ^ (unsigned char)*key) * UINT64_C(1099511628211);
    }
    return hash;
}

static struct tw_group *find_group(const struct tw_groups *self, size_t route, const char *key)
{
    uint64_t hash = hash_of(route, key);
    size_t cursor = 0;
    struct tw_group *group = NULL;
    while ((group = tw_table_next(&self->by_key, hash, &cursor)) != NULL) {
        if (group->route == route && strcmp(group->key, key) == 0) {
            break;
        }
    }
    return group;
}

static int add_group(struct tw_groups *self, size_t route, const char *key, struct tw_str labels,
                     struct tw_group **ret_group)
{
    struct tw_group *group = calloc(1, sizeof *group);
    if (group == NULL) {
        return TW_ENOMEM;
    }
    group->route = route;
    group->hash = hash_of(route, key);
    group->key = strdup(key);
    group->labels_json = strndup(labels.ptr, labels.len);
    int rc = group->key == NULL || group->labels_json == NULL
                 ? TW_ENOMEM
                 : make_room(&self->groups, self->group_count, &self->group_room);
    rc = rc == TW_OK ? tw_table_put(&self->by_key, group->hash, group) : rc;
    if (rc != TW_OK) {
        free_group(group);
        return rc;
    }
    self->groups[self->group_count++] = group;
    *ret_group = group;
    return TW_OK;
}

static bool groups_by(const struct tw_route *route, struct tw_str name)
{
    for (size_t i = 0; i < route->group_by.count; i++) {
        if (tw_str_is(name, route->group_by.items[i])) {
            return true;
        }
    }
    return route->groups_by_all;
}

/* The group of a route that an alert belongs to, made where it is not there. */
static int group_of(struct tw_groups *self, size_t index, const struct tw_labels *labels,
                    struct tw_group **ret_group)
{
    const struct tw_route *route = &self->set->routes[index];
    struct tw_label items[TW_LABELS_MAX];
    struct tw_labels own = {items, 0};
    struct tw_str json = TW_STR_NULL;
    struct tw_buf key;
    for (size_t i = 0; i < labels->count && i < TW_LABELS_MAX; i++) {
        if (groups_by(route, labels->items[i].name)) {
            items[own.count++] = labels->items[i];
        }
    }
    tw_buf_init(&key, KEY_MAX);
    int rc = make_key(route, &own, &key);
    *ret_group = rc == TW_OK ? find_group(self, index, key.data) : NULL;
    if (rc == TW_OK && *ret_group == NULL) {
        tw_arena_reset(&self->arena);
        rc = tw_labels_json(&self->arena, &own, &json);
        rc = rc == TW_OK ? add_group(self, index, key.data, json, ret_group) : rc;
    }
    tw_buf_fini(&key);
    return rc;
}

static int join(struct tw_groups *self, struct tw_known *alert)
{
    size_t routes[TW_GROUP_ROUTES_MAX];
    size_t count = tw_notify_route(self->set, &alert->labels, routes, TW_GROUP_ROUTES_MAX);
    int rc = TW_OK;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        struct tw_group *group = NULL;
        rc = group_of(self, routes[i], &alert->labels, &group);
        rc =
            rc == TW_OK ? make_room(&group->members, group->member_count, &group->member_room) : rc;
        if (rc == TW_OK) {
            group->members[group->member_count++] = alert;
            alert->groups[alert->group_count++] = group;
        }
    }
    return rc;
}

static void leave(const struct tw_known *alert, struct tw_group *group)
{
    for (size_t i = 0; i < group->member_count; i++) {
        if (group->members[i] == alert) {
            group->members[i] = group->members[--group->member_count];
            return;
        }
    }
}

/* ---- what groups were told before ---- */

static bool is_key_of(const struct tw_route *route, struct tw_str key)
{
    size_t len = strlen(route->key);
    return key.len > len + 1 && memcmp(key.ptr, route->key, len) == 0 && key.ptr[len] == ':' &&
           key.ptr[len + 1] == '{';
}

int tw_groups_restore(struct tw_groups *self, const struct tw_notice_group *row)
{
    struct tw_labels labels = {NULL, 0};
    struct tw_group *group = NULL;
    tw_arena_reset(&self->arena);
    int rc = tw_labels_parse(&self->arena, row->labels, &labels);
    struct tw_str key = tw_arena_copy(&self->arena, row->key);
    if (rc != TW_OK || key.ptr == NULL) {
        return rc == TW_ENOMEM || key.ptr == NULL ? TW_ENOMEM : TW_ESYNTAX;
    }
    for (size_t i = 0; i < self->set->route_count; i++) {
        const struct tw_route *route = &self->set->routes[i];
        struct tw_buf made;
        if (!tw_str_is(row->receiver, self->set->receivers[route->receiver].name) ||
            !is_key_of(route, key)) {
            continue;
        }
        tw_buf_init(&made, KEY_MAX);
        rc = make_key(route, &labels, &made);
        bool is_same = rc == TW_OK && strcmp(made.data, key.ptr) == 0;
        tw_buf_fini(&made);
        if (rc == TW_ENOMEM) { /* it may have been this one: its row must not go */
            return rc;
        }
        if (!is_same) {
            continue;
        }
        rc = add_group(self, i, key.ptr, row->labels, &group);
        break;
    }
    if (rc != TW_OK || group == NULL) {
        return rc != TW_OK ? rc : TW_ENOTFOUND;
    }
    group->since = row->since;
    group->next = row->next;
    group->flushed = row->flushed;
    group->told = row->told;
    group->escalated = row->escalated;
    group->has_row = true;
    return tw_sent_read(group, row->sent);
}

/* ---- alerts ---- */

/* With a NUL behind it, as labels have. */
static struct tw_str put_text(char **to_p, struct tw_str text)
{
    char *to = *to_p;
    memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
    *to_p = to + text.len + 1;
    return (struct tw_str){to, text.len};
}

/* One piece of memory: the texts of labels, and the array that points to them. */
static int keep_labels(struct tw_known *alert, struct tw_arena *arena, struct tw_str json)
{
    struct tw_labels labels = {NULL, 0};
    int rc = tw_labels_parse(arena, json, &labels);
    if (rc != TW_OK) {
        return rc;
    }
    size_t bytes = labels.count * sizeof(struct tw_label) + json.len + 1;
    for (size_t i = 0; i < labels.count; i++) {
        bytes += labels.items[i].name.len + 1 + labels.items[i].value.len + 1;
    }
    alert->block = malloc(bytes);
    if (alert->block == NULL) {
        return TW_ENOMEM;
    }
    struct tw_label *items = (struct tw_label *)(void *)alert->block; /* malloc aligns */
    char *to = alert->block + labels.count * sizeof *items;
    for (size_t i = 0; i < labels.count; i++) {
        const struct tw_label *from = &labels.items[i];
        items[i].name = put_text(&to, from->name);
        items[i].value = put_text(&to, from->value);
    }
    memcpy(to, json.ptr, json.len);
    to[json.len] = '\0';
    alert->labels = (struct tw_labels){items, labels.count};
    alert->labels_json = (struct tw_str){to, json.len};
    return TW_OK;
}

/* Takes its place. */
static int replace_text(char **text_p, struct tw_str text)
{
    char *copy = text.ptr == NULL ? NULL : strndup(text.ptr, text.len);
    if (text.ptr != NULL && copy == NULL) {
        return TW_ENOMEM;
    }
    free(*text_p);
    *text_p = copy;
    return TW_OK;
}

static void take_head(struct tw_groups *self, struct tw_known *alert,
                      const struct tw_notice_firing *head, tw_wall_t ended)
{
    self->is_stale = self->is_stale || alert->id != head->id || alert->ended.ns != ended.ns ||
                     alert->in_maintenance != head->in_maintenance;
    alert->is_silence_noted = alert->is_silence_noted && alert->id == head->id;
    alert->id = head->id;
    alert->updated = head->updated;
    alert->fired = head->fired;
    alert->is_acked = head->is_acked;
    alert->in_maintenance = head->in_maintenance;
    alert->ended = ended;
}

static int add_known(struct tw_groups *self, const struct tw_notice_alert *from,
                     struct tw_known **ret_alert)
{
    struct tw_known *alert = calloc(1, sizeof *alert);
    int rc =
        alert == NULL ? TW_ENOMEM : make_room(&self->alerts, self->alert_count, &self->alert_room);
    tw_arena_reset(&self->arena);
    rc = rc == TW_OK ? keep_labels(alert, &self->arena, from->labels) : rc;
    if (rc == TW_OK) {
        alert->fingerprint = from->head.fingerprint;
        rc = tw_table_put(&self->by_fingerprint, alert->fingerprint, alert);
    }
    if (rc != TW_OK) {
        if (alert != NULL) {
            free_known(alert);
        }
        return rc;
    }
    self->alerts[self->alert_count++] = alert;
    self->is_stale = true;
    tw_known_classify(self, alert);
    *ret_alert = alert;
    rc = tw_known_match_silences(self, alert);
    return rc == TW_OK ? join(self, alert) : rc;
}

int tw_groups_put(struct tw_groups *self, const struct tw_notice_alert *from)
{
    struct tw_known *alert = tw_groups_find(self, from->head.fingerprint);
    int rc = alert == NULL ? add_known(self, from, &alert) : TW_OK;
    rc = rc == TW_OK ? replace_text(&alert->annotations, from->annotations) : rc;
    rc = rc == TW_OK ? replace_text(&alert->generator, from->generator) : rc;
    rc = rc == TW_OK ? replace_text(&alert->inhibited_by, from->inhibited_by) : rc;
    if (rc == TW_OK) {
        alert->severity = from->severity;
        alert->since = from->since;
        take_head(self, alert, &from->head, from->ended);
    }
    return rc;
}

int tw_groups_touch(struct tw_groups *self, const struct tw_notice_firing *head)
{
    struct tw_known *alert = tw_groups_find(self, head->fingerprint);
    if (alert == NULL) {
        return TW_ENOTFOUND;
    }
    take_head(self, alert, head, (tw_wall_t){0});
    return TW_OK;
}

bool tw_groups_knows(const struct tw_groups *self, const struct tw_notice_firing *head)
{
    const struct tw_known *alert = tw_groups_find(self, head->fingerprint);
    return alert != NULL && alert->id == head->id && alert->updated.ns == head->updated.ns &&
           tw_known_fires(alert);
}

static void drop_sent(struct tw_group *group, uint64_t fingerprint)
{
    for (size_t i = 0; i < group->sent_count; i++) {
        if (group->sent[i].fingerprint == fingerprint) {
            memmove(&group->sent[i], &group->sent[i + 1],
                    (--group->sent_count - i) * sizeof group->sent[0]);
            return;
        }
    }
}

void tw_groups_forget(struct tw_groups *self, uint64_t fingerprint)
{
    struct tw_known *alert = tw_groups_find(self, fingerprint);
    for (size_t i = 0; alert == NULL && i < self->group_count; i++) {
        drop_sent(self->groups[i], fingerprint);
    }
    if (alert == NULL) {
        return;
    }
    for (size_t i = 0; i < alert->group_count; i++) {
        drop_sent(alert->groups[i], fingerprint);
        leave(alert, alert->groups[i]);
    }
    tw_groups_drop_known(self, alert);
}

/* It is a member of nothing any more. */
void tw_groups_drop_known(struct tw_groups *self, struct tw_known *alert)
{
    tw_table_remove(&self->by_fingerprint, alert->fingerprint, alert);
    for (size_t i = 0; i < self->alert_count; i++) {
        struct tw_known *other = self->alerts[i];
        for (size_t k = 0; k < other->inhibitor_count; k++) {
            if (other->inhibitors[k] == alert) {
                other->inhibitors[k] = other->inhibitors[--other->inhibitor_count];
                self->is_stale = true;
            }
        }
    }
    for (size_t i = 0; i < self->alert_count; i++) {
        if (self->alerts[i] == alert) {
            self->alerts[i] = self->alerts[--self->alert_count];
            break;
        }
    }
    free_known(alert);
}

/* Groups without members that were told of nothing, and alerts that are members of nothing. */
void tw_groups_sweep(struct tw_groups *self)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->alert_count; i++) {
        struct tw_known *alert = self->alerts[i];
        bool is_wanted = tw_known_fires(alert);
        for (size_t k = 0; k < alert->group_count; k++) {
            bool is_sent = tw_group_sent(alert->groups[k], alert->fingerprint) != NULL;
            is_wanted = is_wanted || is_sent;
        }
        for (size_t k = 0; k < alert->group_count && !is_wanted; k++) {
            leave(alert, alert->groups[k]);
        }
        if (is_wanted) {
            self->alerts[kept++] = alert;
            continue;
        }
        tw_table_remove(&self->by_fingerprint, alert->fingerprint, alert);
        self->is_stale = true; /* what it inhibited is looked at anew before it is asked for */
        free_known(alert);
    }
    self->alert_count = kept;
    kept = 0;
    for (size_t i = 0; i < self->group_count; i++) {
        struct tw_group *group = self->groups[i];
        if (group->member_count > 0 || group->sent_count > 0 || group->has_row) {
            self->groups[kept++] = group;
            continue;
        }
        tw_table_remove(&self->by_key, group->hash, group);
        free_group(group);
    }
    self->group_count = kept;
}

static int by_id(const void *a, const void *b)
{
    uint64_t left = ((const struct tw_notice_firing *)a)->id;
    uint64_t right = ((const struct tw_notice_firing *)b)->id;
    return left < right ? -1 : (left > right ? 1 : 0);
}

int tw_groups_gone(const struct tw_groups *self, struct tw_arena *arena,
                   const struct tw_notice_firing *firing, size_t count,
                   const struct tw_notice_firing **ret_gone, size_t *ret_count)
{
    size_t most = self->alert_count;
    size_t found = 0;
    for (size_t i = 0; i < self->group_count; i++) {
        most += self->groups[i]->sent_count;
    }
    struct tw_notice_firing *gone = tw_arena_zalloc(arena, (most + 1) * sizeof *gone);
    if (gone == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < self->alert_count; i++) {
        const struct tw_known *alert = self->alerts[i];
        const struct tw_notice_firing head = {.id = alert->id, .fingerprint = alert->fingerprint};
        if (tw_known_fires(alert) &&
            (count == 0 || bsearch(&head, firing, count, sizeof head, by_id) == NULL)) {
            gone[found++] = head;
        }
    }
    for (size_t i = 0; i < self->group_count; i++) {
        const struct tw_group *group = self->groups[i];
        for (size_t k = 0; k < group->sent_count; k++) {
            const struct tw_notice_firing head = {.id = group->sent[k].id,
                                                  .fingerprint = group->sent[k].fingerprint};
            if (tw_groups_find(self, head.fingerprint) == NULL &&
                (count == 0 || bsearch(&head, firing, count, sizeof head, by_id) == NULL)) {
                gone[found++] = head;
            }
        }
    }
    *ret_gone = gone;
    *ret_count = found;
    return TW_OK;
}

/* ---- silences ---- */

int tw_groups_set_silences(struct tw_groups *self, const struct tw_group_silence *items,
                           size_t count)
{
    int rc = TW_OK;
    free_silences(self);
    self->is_stale = true;
    self->silences = calloc(count + 1, sizeof *self->silences);
    if (self->silences == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        struct tw_watch_silence *silence = &self->silences[self->silence_count++];
        silence->starts = items[i].starts;
        silence->ends = items[i].ends;
        silence->id = strndup(items[i].id.ptr, items[i].id.len);
        int bad = tw_matchers_read(items[i].matchers, &silence->matchers, NULL);
        rc = silence->id == NULL || bad == TW_ENOMEM ? TW_ENOMEM : TW_OK;
    }
    for (size_t i = 0; i < self->alert_count && rc == TW_OK; i++) {
        rc = tw_known_match_silences(self, self->alerts[i]);
    }
    return rc;
}

/* ---- looking ---- */

size_t tw_groups_count(const struct tw_groups *self)
{
    return self->group_count;
}

bool tw_groups_view(const struct tw_groups *self, uint64_t fingerprint,
                    struct tw_group_view *ret_view)
{
    const struct tw_known *alert = tw_groups_find(self, fingerprint);
    if (alert == NULL) {
        return false;
    }
    *ret_view = (struct tw_group_view){.fingerprint = fingerprint,
                                       .fires = tw_known_fires(alert),
                                       .is_silenced = alert->silenced_by != 0,
                                       .is_inhibited = alert->inhibitor_count > 0};
    return true;
}

int tw_groups_silenced(const struct tw_groups *self, struct tw_arena *arena, struct tw_str silence,
                       uint64_t **ret_alerts, size_t *ret_count)
{
    uint64_t *alerts = tw_arena_alloc(arena, (self->alert_count + 1) * sizeof *alerts);
    size_t count = 0;
    if (alerts == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < self->alert_count; i++) {
        const struct tw_known *alert = self->alerts[i];
        if (tw_known_fires(alert) && alert->silenced_by != 0 &&
            tw_str_is(silence, self->silences[alert->silenced_by - 1].id)) {
            alerts[count++] = alert->id;
        }
    }
    *ret_alerts = alerts;
    *ret_count = count;
    return TW_OK;
}

uint64_t tw_groups_generation(const struct tw_groups *self)
{
    return self->generation;
}

void tw_groups_tellable(const struct tw_groups *self,
                        void (*each)(void *context, const struct tw_notice_alert *alert),
                        void *context)
{
    for (size_t i = 0; i < self->alert_count; i++) {
        const struct tw_known *alert = self->alerts[i];
        if (tw_known_fires(alert) && !tw_known_is_told(alert)) {
            continue;
        }
        const struct tw_notice_alert told = {
            .head = {.id = alert->id, .fingerprint = alert->fingerprint, .fired = alert->fired},
            .labels = alert->labels_json,
            .annotations = tw_str_of(alert->annotations),
            .generator = tw_str_of(alert->generator),
            .severity = alert->severity,
            .since = alert->since,
            .ended = alert->ended,
        };
        each(context, &told);
    }
}
