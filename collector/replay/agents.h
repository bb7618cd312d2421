/* SPDX-License-Identifier: Apache-2.0
 * Replay agents as the tower knows them: who is there, since when, for which systems. The protocol
 * alone: frames come in through tw_agents_hear, go out through `send`, time is the caller's.
 *
 * An agent is a name, with CURVE that of its key. It is online from its hello until it is silent
 * for three intervals, or another name says hello on its connection. A later hello of the name
 * replaces the earlier one, from whatever connection: frames of the one before are those of a
 * stranger from then on. Thread:  one. Limits:  TW_AGENTS_MAX names at a time, those that are
 * offline go first; a hello beyond them is not answered, and counted. Fails:   never by what an
 * agent says. Source:  docs/agents.md; contracts section 4.
 */
#ifndef TW_REPLAY_AGENTS_H
#define TW_REPLAY_AGENTS_H

#include "replay/message.h"

#define TW_AGENTS_MAX        256
#define TW_AGENT_ROUTE_MAX   255 /* bytes of a routing id (ZMTP) */
#define TW_AGENT_ADDRESS_MAX 63
#define TW_AGENT_INTERVALS   3 /* of silence: offline */

struct tw_agents_io {
    void *context;
    /* TW_OK: the frame is on its way. TW_EAGAIN: its queue is full; TW_ECLOSED: nobody has this
     * route any more. Does not block. */
    int (*send)(void *context, struct tw_str route, struct tw_str frame);
};

struct tw_agent {
    char name[TW_AGENT_NAME_MAX + 1];
    char route[TW_AGENT_ROUTE_MAX];
    size_t route_len;
    char address[TW_AGENT_ADDRESS_MAX + 1]; /* "": not known */
    char (*systems)[TW_AGENT_NAME_MAX + 1]; /* owned */
    size_t system_count;
    uint32_t capacity;
    bool is_online;
    bool is_reachable;  /* its connection was there when it was last sent something */
    uint64_t admission; /* as heard with its hello */
    uint64_t hello;     /* which hello of all this is: another number, another beginning */
    tw_wall_t since;    /* when it came online, or went offline */
    tw_wall_t heard_at; /* when it said anything */
    tw_mono_t heard;
    tw_mono_t pinged;
    /* for its row: what it was not told yet */
    bool is_news;
    uint32_t hellos;
    uint32_t malformed;
};

struct tw_agents;
int tw_agents_new(const struct tw_agents_io *io, int64_t heartbeat_s,
                  struct tw_agents **ret_agents);
void tw_agents_destroy(struct tw_agents **self_p); /* accepts NULL */

struct tw_agents_heard {
    struct tw_str route;
    struct tw_str address; /* absent: not known */
    struct tw_str client;  /* whose key it came with; absent: without CURVE */
    uint64_t admission;    /* the number under which it was let in; 0: without CURVE */
    struct tw_str frame;
    bool is_several; /* of several frames: nothing that we know */
    tw_mono_t now;
    tw_wall_t wall;
};
enum tw_agents_news {
    TW_AGENTS_NOTHING,
    TW_AGENTS_HELLO,    /* say again what the agent has not answered */
    TW_AGENTS_ACCEPTED, /* message has replayid and attempt */
    TW_AGENTS_REFUSED,
    TW_AGENTS_NOT_ITS_NAME, /* a hello for a name that is not that of its key */
};
/* Take one message. What it brings, of *ret_agent, with *ret_message (until the next call); both
 * NULL or empty where it brings nothing. */
enum tw_agents_news tw_agents_hear(struct tw_agents *self, const struct tw_agents_heard *heard,
                                   struct tw_agent **ret_agent,
                                   struct tw_agent_message *ret_message);
/* An agent that went offline and was not told yet: silent, or its connection is another's now.
 * NULL: no more. To be called when what had come is read: the tower may have slept itself. */
struct tw_agent *tw_agents_lost(struct tw_agents *self, tw_mono_t now, tw_wall_t wall);
/* It may not speak any more: offline from now on, told by tw_agents_lost. */
void tw_agents_dismiss(struct tw_agents *self, struct tw_agent *agent, tw_wall_t wall);
/* Pings that are due. */
void tw_agents_ping(struct tw_agents *self, tw_mono_t now);
/* Send a frame to an agent that is online; what `send` says. */
int tw_agents_send(struct tw_agents *self, struct tw_agent *agent, struct tw_str frame);

/* The i-th agent that is known, NULL behind the last. Valid until the next tw_agents_hear. */
struct tw_agent *tw_agents_at(struct tw_agents *self, size_t i);
struct tw_agent *tw_agents_find(struct tw_agents *self, struct tw_str name);
bool tw_agent_carries_out(const struct tw_agent *agent, struct tw_str destination);
/* Frames of nobody who said hello, malformed hellos among them; hellos beyond the limit. */
uint64_t tw_agents_strangers(const struct tw_agents *self);

#endif
