/* SPDX-License-Identifier: Apache-2.0
 * The tree of routes as it is written, and matchers.
 */
#include "config.h"
#include <stdlib.h>
#include <string.h>

#include "notify/routes_internal.h"

#define GROUP_WAIT_S      30
#define GROUP_INTERVAL_S  300
#define REPEAT_INTERVAL_S 14400
#define KEY_MAX           ((size_t)1 << 20) /* the file is 1 MiB at most */

/* What is to be told of together, without saying more: never stores. */
static const char *const default_group_by[] = {"alertname", "cause", "objective", "system",
                                               "workflow"};
#define DEFAULT_GROUP_BY_COUNT (sizeof default_group_by / sizeof default_group_by[0])

/* ---- matchers ---- */

static int add_escaped(struct tw_buf *out, struct tw_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\n') {
            (void)tw_buf_append_str(out, TW_STR_LIT("\\n")); /* the error stays */
            continue;
        }
        if (c == '"' || c == '\\') {
            (void)tw_buf_append_byte(out, '\\');
        }
        (void)tw_buf_append_byte(out, (uint8_t)c);
    }
    return out->error;
}

int tw_notify_add_matcher(struct tw_buf *out, const struct tw_matcher_text *item)
{
    static const char *const operators[2][2] = {{"!=", "="}, {"!~", "=~"}};
    (void)tw_buf_append_str(out, item->name); /* the error stays */
    (void)tw_buf_append_str(out, tw_str_of(operators[item->is_regex][item->is_equal]));
    (void)tw_buf_append_byte(out, '"');
    (void)add_escaped(out, item->value);
    return tw_buf_append_byte(out, '"');
}

/* One, its texts copied into the arena. */
static bool read_matcher(struct tw_notify_load *self, const yaml_node_t *node, const char *where,
                         const char *text, struct tw_matcher_text *ret_item)
{
    struct tw_diag diag = {""};
    struct tw_arena *arena = &self->holder->arena;
    struct tw_str copy = tw_arena_copy(arena, tw_str_of(text));
    int rc = copy.ptr == NULL ? TW_ENOMEM : tw_matcher_parse(arena, copy, ret_item, &diag);
    if (rc == TW_ENOMEM) {
        self->parse.is_out_of_memory = true;
    } else if (rc != TW_OK) {
        tw_parse_fault(&self->parse, node, "%s: %s", where,
                       diag.text[0] == '\0' ? tw_err_text(rc) : diag.text);
    }
    return rc == TW_OK;
}

struct tw_matchers *tw_notify_read_matchers(struct tw_notify_load *self, const yaml_node_t *node,
                                            const char *where, const struct tw_cfg_strings *texts,
                                            struct tw_matcher_text **ret_items, size_t *ret_count)
{
    struct tw_diag diag = {""};
    struct tw_matchers *matchers = NULL;
    struct tw_matcher_text *items =
        tw_arena_zalloc(&self->holder->arena, (texts->count + 1) * sizeof *items);
    size_t count = 0;
    if (items == NULL) {
        self->parse.is_out_of_memory = true;
        return NULL;
    }
    if (texts->count > TW_MATCHERS_MAX) {
        tw_parse_fault(&self->parse, node, "%s: more than %d matchers", where, TW_MATCHERS_MAX);
        return NULL;
    }
    for (size_t i = 0; i < texts->count; i++) {
        count += read_matcher(self, node, where, texts->items[i], &items[count]) ? 1 : 0;
    }
    int rc = count < texts->count ? TW_EINVAL : tw_matchers_new(items, count, &matchers, &diag);
    if (rc == TW_ENOMEM) {
        self->parse.is_out_of_memory = true;
    } else if (rc != TW_OK && count == texts->count) {
        tw_parse_fault(&self->parse, node, "%s: %s", where, diag.text);
    }
    *ret_items = items;
    *ret_count = count;
    return matchers;
}

void tw_notify_check_labels(struct tw_notify_load *self, const yaml_node_t *node, const char *where,
                            const struct tw_cfg_strings *names)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    if (names->count > TW_NOTIFY_GROUP_BY_MAX) {
        tw_parse_fault(&self->parse, node, "%s: more than %d labels", where,
                       TW_NOTIFY_GROUP_BY_MAX);
    }
    for (size_t i = 0; i < names->count; i++) {
        const char *name = names->items[i];
        size_t len = strlen(name);
        char shown[TW_SHOWN_SIZE];
        if (len == 0 || len > TW_LABEL_NAME_MAX || strspn(name, letters) == 0 ||
            strspn(name, others) != len) {
            tw_parse_fault(&self->parse, node, "%s: \"%s\" is no name of a label", where,
                           tw_shown(name, shown));
        }
    }
}

/* ---- one route ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void copy_group_by(struct tw_notify_load *self, const struct tw_route *from,
                          struct tw_route *to)
{
    size_t count = from == NULL ? DEFAULT_GROUP_BY_COUNT : from->group_by.count;
    to->groups_by_all = from != NULL && from->groups_by_all;
    to->group_by.items = calloc(count + 1, sizeof *to->group_by.items);
    if (to->group_by.items == NULL) {
        self->parse.is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = from == NULL ? default_group_by[i] : from->group_by.items[i];
        to->group_by.items[i] = tw_notify_copy(self, name);
        to->group_by.count += to->group_by.items[i] != NULL ? 1 : 0;
        if (to->group_by.count <= i) {
            return;
        }
    }
}

static void read_group_by(struct tw_notify_load *self, const yaml_node_t *node,
                          struct tw_cfg_strings *names, const struct tw_route *parent,
                          struct tw_route *route)
{
    if (names->items == NULL) {
        copy_group_by(self, parent, route);
        return;
    }
    if (names->count == 1 && strcmp(names->items[0], "...") == 0) {
        route->groups_by_all = true;
        return;
    }
    const yaml_node_t *at = tw_notify_at(self, node, "group-by");
    tw_notify_check_labels(self, at, "route.group-by", names);
    if (names->count > 1) {
        qsort(names->items, names->count, sizeof names->items[0], by_text);
    }
    for (size_t i = 1; i < names->count; i++) {
        if (strcmp(names->items[i - 1], names->items[i]) == 0) {
            tw_parse_fault(&self->parse, at, "route.group-by: \"%s\" is given twice",
                           names->items[i]);
        }
    }
    route->group_by = *names;
    *names = (struct tw_cfg_strings){NULL, 0};
}

static int64_t given_or(int64_t given, int64_t inherited)
{
    return given == TW_NOTIFY_NOT_GIVEN ? inherited : given;
}

static void read_timing(const struct tw_route_text *text, const struct tw_route *parent,
                        struct tw_route *route)
{
    route->group_wait_s =
        given_or(text->group_wait_s, parent == NULL ? GROUP_WAIT_S : parent->group_wait_s);
    route->group_interval_s = given_or(
        text->group_interval_s, parent == NULL ? GROUP_INTERVAL_S : parent->group_interval_s);
    int64_t repeat = given_or(text->repeat_interval_s,
                              parent == NULL ? REPEAT_INTERVAL_S : parent->repeat_interval_s);
    int64_t interval = route->group_interval_s < 1 ? 1 : route->group_interval_s;
    route->repeat_interval_s = (repeat + interval - 1) / interval * interval;
}

static size_t read_times(struct tw_notify_load *self, const yaml_node_t *node, const char *where,
                         const struct tw_cfg_strings *names, size_t *times)
{
    size_t count = 0;
    if (names->count > TW_NOTIFY_NAMED_TIMES_MAX) {
        tw_parse_fault(&self->parse, node, "%s: more than %d", where, TW_NOTIFY_NAMED_TIMES_MAX);
        return 0;
    }
    for (size_t i = 0; i < names->count; i++) {
        size_t k = 0;
        while (k < self->set->time_count &&
               strcmp(self->set->times[k].name, names->items[i]) != 0) {
            k++;
        }
        if (k < self->set->time_count) {
            times[count++] = k;
        } else {
            char shown[TW_SHOWN_SIZE];
            tw_parse_fault(&self->parse, node, "%s: there are no times \"%s\"", where,
                           tw_shown(names->items[i], shown));
        }
    }
    return count;
}

static void read_escalations(struct tw_notify_load *self, yaml_node_t *node, struct tw_route *route)
{
    if (node->type != YAML_SEQUENCE_NODE ||
        node->data.sequence.items.top - node->data.sequence.items.start >
            TW_NOTIFY_ESCALATIONS_MAX) {
        tw_parse_fault(&self->parse, node, "route.escalate: a list of at most %d maps is expected",
                       TW_NOTIFY_ESCALATIONS_MAX);
        return;
    }
    for (const yaml_node_item_t *item = node->data.sequence.items.start;
         item < node->data.sequence.items.top; item++) {
        yaml_node_t *step = tw_tree_node(self->parse.tree, *item);
        struct tw_escalation_text text = {.after_s = TW_NOTIFY_NOT_GIVEN};
        int64_t before = route->escalation_count == 0
                             ? 0
                             : route->escalations[route->escalation_count - 1].after_s;
        tw_parse_map(&self->parse, &tw_escalation_section, step, &text);
        if (text.after_s == TW_NOTIFY_NOT_GIVEN && step->type == YAML_MAPPING_NODE) {
            tw_parse_fault(&self->parse, step, "escalate: the key \"after\" is missing");
        } else if (text.after_s <= before && text.after_s != TW_NOTIFY_NOT_GIVEN) {
            tw_parse_fault(&self->parse, step, "escalate.after: not later than the step before");
        }
        struct tw_escalation *to = &route->escalations[route->escalation_count++];
        to->after_s = text.after_s;
        to->receiver = text.receiver == NULL
                           ? TW_NOTIFY_NONE
                           : tw_notify_receiver_of(self, tw_notify_at(self, step, "receiver"),
                                                   "escalate.receiver", text.receiver);
        tw_cfg_free_fields(&tw_escalation_section, &text);
    }
}

static void make_key(struct tw_notify_load *self, const struct tw_route *parent,
                     struct tw_route *route)
{
    struct tw_buf key;
    tw_buf_init(&key, KEY_MAX);
    if (parent != NULL) { /* errors stay in the buffer */
        (void)tw_buf_append_str(&key, tw_str_of(parent->key));
        (void)tw_buf_append_byte(&key, '/');
    }
    (void)tw_buf_append_byte(&key, '{');
    for (size_t i = 0; i < route->text_count; i++) {
        if (i > 0) {
            (void)tw_buf_append_byte(&key, ',');
        }
        (void)tw_notify_add_matcher(&key, &route->texts[i]);
    }
    (void)tw_buf_append_byte(&key, '}');
    if (tw_buf_append_byte(&key, 0) == TW_OK) {
        route->key = tw_notify_copy(self, key.data);
    }
    self->parse.is_out_of_memory = self->parse.is_out_of_memory || route->key == NULL;
    tw_buf_fini(&key);
}

/* ---- the tree ---- */

/* Where reading it stands. */
struct place {
    size_t parent; /* TW_NOTIFY_NONE: it is the root */
    size_t depth;
};

static void check_root(struct tw_notify_load *self, const yaml_node_t *node,
                       const struct tw_route_text *text)
{
    if (text->matchers.count > 0) {
        tw_parse_fault(&self->parse, tw_notify_at(self, node, "matchers"),
                       "route.matchers: the root takes everything");
    }
    if (text->goes_on) {
        tw_parse_fault(&self->parse, tw_notify_at(self, node, "continue"),
                       "route.continue: nothing comes after the root");
    }
    if (text->active_times.count > 0 || text->mute_times.count > 0) {
        tw_parse_fault(&self->parse, node,
                       "route: the root has no active-times and no mute-times: nobody would be "
                       "left to tell");
    }
    if (text->receiver == NULL) {
        tw_parse_fault(&self->parse, node, "route: the key \"receiver\" is missing");
    }
}

/* Two routes with one key and one receiver would be one group with two minds. */
static void check_twin(struct tw_notify_load *self, const yaml_node_t *node, size_t index)
{
    const struct tw_route *route = &self->set->routes[index];
    for (size_t i = 1; i < index && route->key != NULL; i++) {
        const struct tw_route *other = &self->set->routes[i];
        if (other->key != NULL && other->receiver == route->receiver &&
            strcmp(other->key, route->key) == 0) {
            tw_parse_fault(&self->parse, node,
                           "route: the same matchers and receiver as in line %d", other->line);
            return;
        }
    }
}

static struct tw_route *add_route(struct tw_notify_load *self, const yaml_node_t *node,
                                  struct place place)
{
    if (self->set->route_count == TW_NOTIFY_ROUTES_MAX || place.depth == TW_NOTIFY_DEPTH_MAX) {
        tw_parse_fault(&self->parse, node, "route: more than %d routes, or %d levels",
                       TW_NOTIFY_ROUTES_MAX, TW_NOTIFY_DEPTH_MAX);
        return NULL;
    }
    void *routes = self->set->routes;
    struct tw_route *route = tw_notify_grow(self, &routes, &self->set->route_count, sizeof *route);
    self->set->routes = routes;
    if (route != NULL) {
        route->line = tw_tree_line(node);
        route->parent = place.parent == TW_NOTIFY_NONE ? 0 : place.parent;
    }
    return route;
}

static void fill_route(struct tw_notify_load *self, yaml_node_t *node, struct place place,
                       struct tw_route_text *text, struct tw_route *route)
{
    const struct tw_route *parent =
        place.parent == TW_NOTIFY_NONE ? NULL : &self->set->routes[place.parent];
    if (parent == NULL) {
        check_root(self, node, text);
    }
    route->goes_on = text->goes_on;
    route->receiver = parent == NULL ? TW_NOTIFY_NONE : parent->receiver;
    if (text->receiver != NULL) {
        route->receiver = tw_notify_receiver_of(self, tw_notify_at(self, node, "receiver"),
                                                "route.receiver", text->receiver);
    }
    route->matchers =
        tw_notify_read_matchers(self, tw_notify_at(self, node, "matchers"), "route.matchers",
                                &text->matchers, &route->texts, &route->text_count);
    read_group_by(self, node, &text->group_by, parent, route);
    read_timing(text, parent, route);
    route->active_count =
        read_times(self, tw_notify_at(self, node, "active-times"), "route.active-times",
                   &text->active_times, route->active_times);
    route->mute_count = read_times(self, tw_notify_at(self, node, "mute-times"), "route.mute-times",
                                   &text->mute_times, route->mute_times);
    if (text->escalate != NULL) {
        read_escalations(self, text->escalate, route);
    } else if (parent != NULL) {
        memcpy(route->escalations, parent->escalations, sizeof route->escalations);
        route->escalation_count = parent->escalation_count;
    }
    make_key(self, parent, route);
}

static void read_tree(struct tw_notify_load *self, yaml_node_t *node, struct place place);

static void read_children(struct tw_notify_load *self, yaml_node_t *list, struct place place)
{
    if (list->type != YAML_SEQUENCE_NODE) {
        tw_parse_fault(&self->parse, list, "route.routes: a list of maps is expected");
        return;
    }
    for (const yaml_node_item_t *item = list->data.sequence.items.start;
         item < list->data.sequence.items.top; item++) {
        yaml_node_t *node = tw_tree_node(self->parse.tree, *item);
        if (!tw_parse_visit(&self->parse, node) || self->parse.is_out_of_memory ||
            self->set->route_count == TW_NOTIFY_ROUTES_MAX + 1) {
            return;
        }
        read_tree(self, node, place);
    }
}

/* Depth is bounded: routes by TW_NOTIFY_DEPTH_MAX. */
static void read_tree(struct tw_notify_load *self, yaml_node_t *node, struct place place)
{
    struct tw_route_text text = {0};
    struct tw_route *route = add_route(self, node, place);
    if (route == NULL) {
        return;
    }
    size_t index = self->set->route_count - 1;
    if (tw_parse_defaults_of(&tw_route_section, &text) != TW_OK) {
        self->parse.is_out_of_memory = true;
    }
    tw_parse_map(&self->parse, &tw_route_section, node, &text);
    fill_route(self, node, place, &text, route);
    check_twin(self, node, index);
    if (text.routes != NULL && !self->parse.is_out_of_memory) {
        read_children(self, text.routes, (struct place){.parent = index, .depth = place.depth + 1});
    }
    self->set->routes[index].end = self->set->route_count;
    tw_cfg_free_fields(&tw_route_section, &text);
}

void tw_notify_read_route(struct tw_notify_load *self, yaml_node_t *node)
{
    read_tree(self, node, (struct place){.parent = TW_NOTIFY_NONE});
}
