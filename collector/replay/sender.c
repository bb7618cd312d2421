/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "replay/sender.h"

#include <stdlib.h>
#include <string.h>

#include "core/actor.h"
#include "core/log.h"
#include "replay/agents.h"
#include "replay/dispatch.h"
#include "replay/roster.h"
#include "replay/socket.h"
#include "store/outbox.h"

#define BUSY_MS     50
#define IDLE_MS     250
#define READ_MS     2000 /* an event of the store, the live traffic */
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
    struct tw_http_out *http;
    struct tw_dispatch *dispatch;
    struct tw_reader *reader; /* NULL: not open */
    struct tw_outbox *outbox; /* likewise */
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
    int rc = TW_OK;
    if (self->reader == NULL) {
        rc = tw_reader_open(self->cfg->store.dir, &self->reader, &diag);
    }
    rc = rc == TW_OK ? tw_outbox_open(self->cfg->store.dir, &self->outbox, &diag) : rc;
    if (rc != TW_OK && rc != TW_ENOTFOUND && rc != TW_EOLDER) {
        complain(self, &diag);
        self->open_again.ns = now.ns + AGAIN_MS * TW_NS_PER_MS;
    }
}

/* What is to be written and sent now. Milliseconds until the next turn. */
static int carry_on(struct tw_sender *self, tw_mono_t now, tw_wall_t wall)
{
    struct tw_diag diag = {""};
    bool is_busy = false;
    open_outbox(self, now);
    if (self->outbox == NULL) {
        return IDLE_MS;
    }
    tw_reader_set_deadline(self->reader, (tw_mono_t){now.ns + READ_MS * TW_NS_PER_MS});
    int rc = tw_roster_write(&self->roster, self->agents, self->outbox, now, wall, &diag);
    const struct tw_dispatch_turn turn = {
        .outbox = self->outbox, .reader = self->reader, .now = now, .wall = wall};
    rc = rc == TW_OK ? tw_dispatch_round(self->dispatch, &turn, &is_busy, &diag) : rc;
    if (rc == TW_EBUSY) {
        return BUSY_MS; /* the desk, or a command of an operator, writes */
    }
    if (rc != TW_OK) {
        complain(self, &diag);
        tw_outbox_close(&self->outbox);
        tw_reader_close(&self->reader);
        self->open_again.ns = now.ns + AGAIN_MS * TW_NS_PER_MS;
        return IDLE_MS;
    }
    self->last_error.text[0] = '\0';
    return is_busy ? BUSY_MS : IDLE_MS;
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
        switch (tw_agents_hear(self->agents, &heard, &agent, &message)) {
        case TW_AGENTS_HELLO:
            tw_log(TW_LOG_AGENT_ONLINE_EVENT, TW_F_CSTR("agent", agent->name),
                   TW_F_CSTR("address", agent->address), TW_F_INT("systems", agent->system_count),
                   TW_F_INT("capacity", agent->capacity));
            tw_dispatch_hello(self->dispatch);
            break;
        case TW_AGENTS_ACCEPTED:
        case TW_AGENTS_REFUSED:
            tw_dispatch_answer(self->dispatch, agent, &message, wall);
            break;
        case TW_AGENTS_NOT_ITS_NAME:
            tw_log(TW_LOG_AGENT_REFUSED_EVENT, TW_F_STR("client", heard.client),
                   TW_F_STR("agent", message.agent), TW_F_STR("address", heard.address),
                   TW_F_CSTR("reason", "the agent of a key has the name of the key"));
            break;
        case TW_AGENTS_NOTHING:
        default:
            break;
        }
    }
    return false;
}

/* Agents whose key was taken away get nothing more; what they say is refused by the socket. */
static void dismiss_revoked(struct tw_sender *self, tw_wall_t wall)
{
    struct tw_agent *agent = NULL;
    for (size_t i = 0; (agent = tw_agents_at(self->agents, i)) != NULL; i++) {
        if (agent->is_online && !tw_agent_socket_admits(self->socket, agent->admission)) {
            tw_agents_dismiss(self->agents, agent, wall);
        }
    }
}

/* Milliseconds until the next one, unless something comes. */
static int take_turn(struct tw_sender *self)
{
    tw_mono_t now = self->clock->mono(self->clock);
    tw_wall_t wall = self->clock->wall(self->clock);
    dismiss_revoked(self, wall);
    bool is_all = hear_all(self, now, wall);
    struct tw_agent *lost = NULL;
    while (is_all && (lost = tw_agents_lost(self->agents, now, wall)) != NULL) {
        tw_log(TW_LOG_AGENT_OFFLINE_EVENT, TW_F_CSTR("agent", lost->name));
        tw_dispatch_lost(self->dispatch, lost);
    }
    tw_agents_ping(self->agents, now);
    return carry_on(self, now, wall);
}

static void wait_for_more(struct tw_sender *self, int stop_fd, int pause_ms)
{
    struct pollfd fds[] = {
        {.fd = tw_agent_socket_fd(self->socket), .events = POLLIN},
        {.fd = stop_fd, .events = POLLIN},
    };
    int wait_ms = tw_agent_socket_has_message(self->socket) ? 0 : pause_ms;
    if (tw_http_out_wait(self->http, fds, 2, wait_ms) != TW_OK) {
        (void)poll(fds, 2, wait_ms); /* without memory for it; the loop goes on */
    }
}

static int sender_main(struct tw_actor *actor, void *arg)
{
    struct tw_sender *self = arg;
    tw_actor_ready(actor, TW_OK);
    while (!tw_actor_is_stopping(actor)) {
        int pause_ms = take_turn(self);
        wait_for_more(self, tw_actor_stop_fd(actor), pause_ms);
    }
    tw_outbox_close(&self->outbox);
    tw_reader_close(&self->reader);
    tw_http_out_destroy(&self->http); /* made in another thread, but used by this one alone */
    tw_agent_socket_destroy(&self->socket);
    return TW_OK;
}

/* ---- life ---- */

static void sender_free(struct tw_sender *self)
{
    tw_dispatch_destroy(&self->dispatch);
    tw_outbox_close(&self->outbox);
    tw_reader_close(&self->reader);
    tw_http_out_destroy(&self->http);
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
    rc = rc == TW_OK ? tw_http_out_new(cfg, clock, &self->http, diag) : rc;
    if (rc == TW_OK) {
        const struct tw_agents_io io = {.context = self->socket, .send = tw_agent_socket_send};
        rc = tw_agents_new(&io, cfg->agents.heartbeat_s, &self->agents);
        rc = rc == TW_OK ? tw_dispatch_new(cfg, self->agents, self->http, &self->dispatch) : rc;
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

void tw_sender_reload_clients(struct tw_sender *self)
{
    tw_agent_socket_reload(self->socket);
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
