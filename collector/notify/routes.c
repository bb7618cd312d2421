/* SPDX-License-Identifier: Apache-2.0
 * What a set is asked.
 */
#include "config.h"
#include "notify/routes.h"

#include <string.h>

const struct tw_receiver *tw_notify_find(const struct tw_notify *self, struct tw_str name)
{
    for (size_t i = 0; i < self->receiver_count; i++) {
        if (tw_str_is(name, self->receivers[i].name)) {
            return &self->receivers[i];
        }
    }
    return NULL;
}

const struct tw_integration *tw_receiver_find(const struct tw_receiver *self,
                                              enum tw_integration_kind kind, size_t idx)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->items[i].kind == kind && self->items[i].idx == idx) {
            return &self->items[i];
        }
    }
    return NULL;
}

/* ---- routes ---- */

struct walk {
    const struct tw_notify *set;
    const struct tw_labels *labels;
    size_t *routes;
    size_t most;
    size_t count;
};

/* A route takes what matches it and none of its children takes; depth is TW_NOTIFY_DEPTH_MAX. */
static bool walk_into(struct walk *self, size_t index)
{
    const struct tw_route *route = &self->set->routes[index];
    if (!tw_matchers_match(route->matchers, self->labels)) {
        return false;
    }
    bool is_taken = false;
    for (size_t child = index + 1; child < route->end; child = self->set->routes[child].end) {
        bool takes = walk_into(self, child);
        is_taken = is_taken || takes;
        if (takes && !self->set->routes[child].goes_on) {
            break;
        }
    }
    if (!is_taken && self->count < self->most) {
        self->routes[self->count++] = index;
    }
    return true;
}

size_t tw_notify_route(const struct tw_notify *self, const struct tw_labels *labels, size_t *routes,
                       size_t most)
{
    struct walk walk = {.set = self, .labels = labels, .most = most};
    walk.routes = routes;
    (void)walk_into(&walk, 0); /* the root takes everything */
    return walk.count;
}

/* ---- times ---- */

static bool is_within(const struct tw_notify_time *time, tw_wall_t at)
{
    for (size_t i = 0; i < time->count; i++) {
        if (tw_hours_contain(&time->items[i], at)) {
            return true;
        }
    }
    return false;
}

const char *tw_notify_muted_by(const struct tw_notify *self, const struct tw_route *route,
                               tw_wall_t at)
{
    for (size_t i = 0; i < route->mute_count; i++) {
        if (is_within(&self->times[route->mute_times[i]], at)) {
            return self->times[route->mute_times[i]].name;
        }
    }
    for (size_t i = 0; i < route->active_count; i++) {
        if (is_within(&self->times[route->active_times[i]], at)) {
            return NULL;
        }
    }
    return route->active_count == 0 ? NULL : self->times[route->active_times[0]].name;
}

/* ---- networks ---- */

static bool has_prefix(const uint8_t *address, const uint8_t *prefix, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned mask = bits % 8 == 0 ? 0 : 0xffu << (8 - bits % 8) & 0xffu;
    return memcmp(address, prefix, whole) == 0 &&
           (mask == 0 || (address[whole] & mask) == (prefix[whole] & mask));
}

bool tw_notify_allows(const struct tw_notify *self, bool is_v6, const uint8_t *address)
{
    for (size_t i = 0; i < self->allowed_count; i++) {
        const struct tw_notify_net *net = &self->allowed[i];
        if (net->is_v6 == is_v6 && has_prefix(address, net->address, net->bits)) {
            return true;
        }
    }
    return false;
}
