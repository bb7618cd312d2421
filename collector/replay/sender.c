/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "replay/sender.h"

#include <stdlib.h>
#include <string.h>

#include "core/actor.h"
#include "core/log.h"
#include "replay/agents.h"
#include "replay/roster.h"
#include "replay/socket.h"
#include "store/outbox.h"

#define IDLE_MS     250
#define AGAIN_MS    1000 /* after an error, which would be the same at once */
#define TURN_FRAMES 4096 /* received in one turn, before anything else is looked after */

struct tw_sender {
    /* fixed after start */
    const struct tw_cfg *cfg;
    struct tw_clock *clock;
    struct tw_actor *actor;
    /* owned by the thread, from its start to its end */
    struct tw_agent_socket *socket;
    struct tw_agents *agents;
    struct tw_outbox *outbox; /* NULL: not open */
    tw_mono_t open_again;     /* not before */
    struct tw_roster roster;
    struct tw_diag last_error;
};

/* The same error again and again is one line. */
static void complain(struct tw_sender *self, const struct tw_diag *diag)
{
    if (strcmp(self->last_error.text, diag->text) != 0) {
        tw_log(TW_LOG_STORE_FAILED_EVENT, TW_F_CSTR("thread", "replay"),
               TW_F_CSTR("reason", diag->text));
        self->last_error = *diag;
    }
}

/* ---- the outbox ---- */

/* The desk makes its file in its own time: that it is not there yet is no error. */
static void open_outbox(struct tw_sender *self, tw_mono_t now)
{
    struct tw_diag diag = {""};
    if (self->outbox != NULL || now.ns < self->open_again.ns) {
        return;
    }
    self->open_again.ns = now.ns + IDLE_MS * TW_NS_PER_MS;
    int rc = tw_outbox_open(self->cfg->store.dir, &self->outbox, &diag);
    if (rc != TW_OK && rc != TW_ENOTFOUND && rc != TW_EOLDER) {
        complain(self, &diag);
        self->open_again.ns = now.ns + AGAIN_MS * TW_NS_PER_MS;
    }
}

static void write_down(struct tw_sender *self, tw_mono_t now, tw_wall_t wall)
{
    struct tw_diag diag = {""};
    open_outbox(self, now);
    if (self->outbox == NULL) {
        return;
    }
    int rc = tw_roster_write(&self->roster, self->agents, self->outbox, now, wall, &diag);
    if (rc == TW_OK) {
        self->last_error.text[0] = '\0';
    } else if (rc != TW_EBUSY) {
        complain(self, &diag);
        tw_outbox_close(&self->outbox);
        self->open_again.ns = now.ns + AGAIN_MS * TW_NS_PER_MS;
    }
}

/* ---- talking ---- */

/* True: all that had come is read. */
static bool hear_all(struct tw_sender *self, tw_mono_t now, tw_wall_t wall)
{
    struct tw_agents_heard heard;
    for (size_t i = 0; i < TURN_FRAMES; i++) {
        struct tw_agent *agent = NULL;
        struct tw_agent_message message;
        if (tw_agent_socket_receive(self->socket, &heard) != TW_OK) {
            return true;
        }
        heard.now = now;
        heard.wall = wall;
        if (tw_agents_hear(self->agents, &heard, &agent, &message) == TW_AGENTS_HELLO) {
            tw_log(TW_LOG_AGENT_ONLINE_EVENT, TW_F_CSTR("agent", agent->name),
                   TW_F_CSTR("address", agent->address), TW_F_INT("systems", agent->system_count),
                   TW_F_INT("capacity", agent->capacity));
        }
    }
    return false;
}

static void turn(struct tw_sender *self)
{
    tw_mono_t now = self->clock->mono(self->clock);
    tw_wall_t wall = self->clock->wall(self->clock);
    bool is_all = hear_all(self, now, wall);
    struct tw_agent *lost = NULL;
    while (is_all && (lost = tw_agents_lost(self->agents, now, wall)) != NULL) {
        tw_log(TW_LOG_AGENT_OFFLINE_EVENT, TW_F_CSTR("agent", lost->name));
    }
    tw_agents_ping(self->agents, now);
    write_down(self, now, wall);
}

static int sender_main(struct tw_actor *actor, void *arg)
{
    struct tw_sender *self = arg;
    tw_actor_ready(actor, TW_OK);
    while (!tw_actor_is_stopping(actor)) {
        turn(self);
        tw_agent_socket_wait(self->socket, tw_actor_stop_fd(actor), IDLE_MS);
    }
    tw_outbox_close(&self->outbox);
    tw_agent_socket_destroy(&self->socket);
    return TW_OK;
}

/* ---- life ---- */

static void sender_free(struct tw_sender *self)
{
    tw_outbox_close(&self->outbox);
    tw_agents_destroy(&self->agents);
    tw_agent_socket_destroy(&self->socket);
    free(self);
}

int tw_sender_new(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_sender **ret_sender,
                  struct tw_diag *diag)
{
    struct tw_sender *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    self->cfg = cfg;
    self->clock = clock;
    int rc = tw_agent_socket_new(cfg, &self->socket, diag);
    if (rc == TW_OK) {
        const struct tw_agents_io io = {.context = self->socket, .send = tw_agent_socket_send};
        rc = tw_agents_new(&io, cfg->agents.heartbeat_s, &self->agents);
        rc = rc == TW_OK ? tw_actor_new("replay", sender_main, self, &self->actor) : rc;
        if (rc != TW_OK) {
            (void)tw_diag_set(diag, rc, "it cannot start: %s", tw_err_text(rc));
        }
    }
    if (rc != TW_OK) {
        sender_free(self);
        return rc;
    }
    *ret_sender = self;
    return TW_OK;
}

int tw_sender_destroy(struct tw_sender **self_p)
{
    struct tw_sender *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return TW_OK;
    }
    int rc = tw_actor_destroy(&self->actor);
    sender_free(self);
    return rc;
}
