/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "replay/agents.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/err.h"

#define WELCOME_BYTES 64

struct tw_agents {
    struct tw_agents_io io;
    int64_t heartbeat_s;
    struct tw_message_reader reader;
    struct tw_agent *items; /* TW_AGENTS_MAX of them */
    size_t count;
    uint64_t hellos;
    uint64_t strangers;
    bool is_lost[TW_AGENTS_MAX]; /* went offline, and nobody was told */
};

int tw_agents_new(const struct tw_agents_io *io, int64_t heartbeat_s, struct tw_agents **ret_agents)
{
    struct tw_agents *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->io = *io;
    self->heartbeat_s = heartbeat_s;
    self->items = calloc(TW_AGENTS_MAX, sizeof *self->items);
    int rc = tw_message_reader_init(&self->reader);
    if (rc != TW_OK || self->items == NULL) {
        tw_agents_destroy(&self);
        return TW_ENOMEM;
    }
    *ret_agents = self;
    return TW_OK;
}

void tw_agents_destroy(struct tw_agents **self_p)
{
    struct tw_agents *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; self->items != NULL && i < self->count; i++) {
        free(self->items[i].systems);
    }
    tw_message_reader_fini(&self->reader);
    free(self->items);
    free(self);
}

/* ---- who ---- */

struct tw_agent *tw_agents_at(struct tw_agents *self, size_t i)
{
    return i < self->count ? &self->items[i] : NULL;
}

struct tw_agent *tw_agents_find(struct tw_agents *self, struct tw_str name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (tw_str_is(name, self->items[i].name)) {
            return &self->items[i];
        }
    }
    return NULL;
}

static struct tw_agent *find_route(struct tw_agents *self, struct tw_str route)
{
    for (size_t i = 0; i < self->count; i++) {
        struct tw_agent *agent = &self->items[i];
        if (agent->is_online &&
            tw_str_equal(route, (struct tw_str){agent->route, agent->route_len})) {
            return agent;
        }
    }
    return NULL;
}

bool tw_agent_carries_out(const struct tw_agent *agent, struct tw_str destination)
{
    for (size_t i = 0; i < agent->system_count; i++) {
        if (tw_str_is(destination, agent->systems[i])) {
            return true;
        }
    }
    return false;
}

uint64_t tw_agents_strangers(const struct tw_agents *self)
{
    return self->strangers;
}

/* ---- coming and going ---- */

static void go_offline(struct tw_agents *self, struct tw_agent *agent, tw_wall_t wall)
{
    agent->is_online = false;
    agent->since = wall;
    agent->is_news = true;
    self->is_lost[agent - self->items] = true;
}

/* Room for a name that is not known: a free place, or that of one that has long been away and whose
 * row says so. */
static struct tw_agent *make_room(struct tw_agents *self)
{
    struct tw_agent *oldest = NULL;
    if (self->count < TW_AGENTS_MAX) {
        return &self->items[self->count++];
    }
    for (size_t i = 0; i < self->count; i++) {
        struct tw_agent *agent = &self->items[i];
        if (!agent->is_online && !agent->is_news && !self->is_lost[i] &&
            (oldest == NULL || agent->since.ns < oldest->since.ns)) {
            oldest = agent;
        }
    }
    if (oldest != NULL) {
        free(oldest->systems);
        *oldest = (struct tw_agent){.hello = 0};
    }
    return oldest;
}

static void copy_text(char *to, size_t size, struct tw_str text)
{
    size_t len = text.len < size ? text.len : size - 1;
    memcpy(to, text.ptr == NULL ? "" : text.ptr, len);
    to[len] = '\0';
}

static void say_welcome(struct tw_agents *self, struct tw_agent *agent)
{
    char text[WELCOME_BYTES];
    int len = snprintf(text, sizeof text, "{\"op\":\"welcome\",\"heartbeat\":%lld}",
                       (long long)self->heartbeat_s);
    (void)tw_agents_send(self, agent, (struct tw_str){text, (size_t)len}); /* it says hello again */
}

static struct tw_agent *take_hello(struct tw_agents *self, const struct tw_agents_heard *heard,
                                   const struct tw_agent_message *message)
{
    char(*systems)[TW_AGENT_NAME_MAX + 1] = calloc(message->system_count, sizeof *systems);
    struct tw_agent *before = find_route(self, heard->route);
    struct tw_agent *agent = tw_agents_find(self, message->agent);
    if (before != NULL && before != agent) {
        go_offline(self, before, heard->wall); /* its connection is another's now */
    }
    agent = agent == NULL && systems != NULL ? make_room(self) : agent;
    if (agent == NULL || systems == NULL) {
        self->strangers++;
        free(systems);
        return NULL;
    }
    for (size_t i = 0; i < message->system_count; i++) {
        copy_text(systems[i], sizeof systems[i], message->systems[i]);
    }
    if (!agent->is_online) {
        agent->since = heard->wall;
    }
    free(agent->systems);
    agent->systems = systems;
    agent->system_count = message->system_count;
    agent->capacity = message->capacity;
    agent->is_online = true;
    agent->is_reachable = true;
    agent->is_news = true;
    agent->hellos++;
    agent->hello = ++self->hellos;
    agent->heard = heard->now;
    agent->heard_at = heard->wall;
    agent->pinged = heard->now;
    agent->admission = heard->admission;
    agent->route_len = heard->route.len;
    memcpy(agent->route, heard->route.ptr, heard->route.len);
    copy_text(agent->name, sizeof agent->name, message->agent);
    copy_text(agent->address, sizeof agent->address, heard->address);
    say_welcome(self, agent);
    return agent;
}

enum tw_agents_news tw_agents_hear(struct tw_agents *self, const struct tw_agents_heard *heard,
                                   struct tw_agent **ret_agent,
                                   struct tw_agent_message *ret_message)
{
    *ret_agent = NULL;
    *ret_message = (struct tw_agent_message){.op = TW_AGENT_SAYS_NOTHING};
    if (heard->route.len == 0 || heard->route.len > TW_AGENT_ROUTE_MAX) {
        self->strangers++;
        return TW_AGENTS_NOTHING;
    }
    if (!heard->is_several) {
        tw_message_read(&self->reader, heard->frame, ret_message);
    }
    if (ret_message->op == TW_AGENT_SAYS_HELLO && heard->client.ptr != NULL &&
        !tw_str_equal(heard->client, ret_message->agent)) {
        self->strangers++;
        return TW_AGENTS_NOT_ITS_NAME;
    }
    if (ret_message->op == TW_AGENT_SAYS_HELLO) {
        *ret_agent = take_hello(self, heard, ret_message);
        return *ret_agent == NULL ? TW_AGENTS_NOTHING : TW_AGENTS_HELLO;
    }
    struct tw_agent *agent = find_route(self, heard->route);
    if (agent == NULL) {
        self->strangers++; /* nobody who said hello, or whom a later hello replaced */
        return TW_AGENTS_NOTHING;
    }
    agent->heard = heard->now;
    agent->heard_at = heard->wall;
    *ret_agent = agent;
    switch (ret_message->op) {
    case TW_AGENT_SAYS_ACCEPTED:
        return TW_AGENTS_ACCEPTED;
    case TW_AGENT_SAYS_REFUSED:
        return TW_AGENTS_REFUSED;
    case TW_AGENT_SAYS_NOTHING:
        agent->malformed++;
        agent->is_news = true;
        return TW_AGENTS_NOTHING;
    case TW_AGENT_SAYS_HELLO:
    case TW_AGENT_SAYS_PING:
    case TW_AGENT_SAYS_UNKNOWN:
    default:
        return TW_AGENTS_NOTHING;
    }
}

struct tw_agent *tw_agents_lost(struct tw_agents *self, tw_mono_t now, tw_wall_t wall)
{
    int64_t silent_ns = TW_AGENT_INTERVALS * self->heartbeat_s * TW_NS_PER_S;
    for (size_t i = 0; i < self->count; i++) {
        struct tw_agent *agent = &self->items[i];
        if (agent->is_online && now.ns - agent->heard.ns >= silent_ns) {
            go_offline(self, agent, wall);
        }
        if (self->is_lost[i]) {
            self->is_lost[i] = false;
            if (!agent->is_online) {
                return agent; /* else it said hello again before anybody asked */
            }
        }
    }
    return NULL;
}

void tw_agents_dismiss(struct tw_agents *self, struct tw_agent *agent, tw_wall_t wall)
{
    if (agent->is_online) {
        go_offline(self, agent, wall);
    }
}

void tw_agents_ping(struct tw_agents *self, tw_mono_t now)
{
    for (size_t i = 0; i < self->count; i++) {
        struct tw_agent *agent = &self->items[i];
        if (agent->is_online && now.ns - agent->pinged.ns >= self->heartbeat_s * TW_NS_PER_S) {
            agent->pinged = now;
            /* what does not get through is silence, which it understands */
            (void)tw_agents_send(self, agent, TW_STR_LIT("{\"op\":\"ping\"}"));
        }
    }
}

int tw_agents_send(struct tw_agents *self, struct tw_agent *agent, struct tw_str frame)
{
    int rc =
        self->io.send(self->io.context, (struct tw_str){agent->route, agent->route_len}, frame);
    agent->is_reachable = rc != TW_ECLOSED;
    return rc;
}
