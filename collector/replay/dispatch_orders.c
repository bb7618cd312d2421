/* SPDX-License-Identifier: Apache-2.0
 * Which items are sent, to whom; which are said again; which cannot be. */
#include "config.h"
#include "replay/dispatch_internal.h"

#include <stdio.h>

#include "store/journey.h"

/* ---- the event of an item ---- */

static struct tw_str why_text(struct tw_dispatch *self, const char *text)
{
    struct tw_str copy = tw_arena_copy(&self->arena, tw_str_of(text));
    return copy.ptr == NULL ? TW_STR_LIT("it cannot be sent") : copy;
}

/* TW_OK with the stored event; TW_ENOTFOUND: it can never be sent, `why` says why. */
static int read_event(struct tw_dispatch *self, uint64_t n, struct tw_stored *ret_stored,
                      struct tw_diag *why)
{
    tw_arena_reset(&self->record);
    int rc = tw_reader_record(self->reader, &self->record, n, ret_stored);
    unsigned long long number = n;
    if (rc == TW_ENOTFOUND) {
        return tw_diag_set(why, rc, "event %llu is not stored any more", number);
    }
    if (rc == TW_EDAMAGED) {
        return tw_diag_set(why, TW_ENOTFOUND, "event %llu cannot be read: damaged data", number);
    }
    if (rc == TW_OK && ret_stored->payload_expired) {
        return tw_diag_set(why, TW_ENOTFOUND, "the payload of event %llu has expired", number);
    }
    return rc == TW_OK ? rc : tw_diag_set(why, rc, "event %llu: %s", number, tw_err_text(rc));
}

/* The event as it is sent into self->event, and the key of its effect into the item where it has
 * none yet. TW_ENOTFOUND: never, `why` says why; other errors: not now. */
static int make_event(struct tw_dispatch *self, struct tw_outbox_item *item, struct tw_diag *why)
{
    struct tw_stored stored;
    char key[TW_IDEMPOTENCY_MAX];
    size_t key_len = 0;
    const struct tw_object object = {
        .type = item->object_type, .id = item->object_id, .scope = item->object_scope};
    int rc = read_event(self, item->event_n, &stored, why);
    if (rc != TW_OK) {
        return rc;
    }
    const struct tw_replay_event event = {
        .json = stored.record.json,
        .edit = item->edit,
        .replayid = item->replayid,
        .attempt = item->attempt,
        .destination = item->destination,
        .object = tw_journey_format_id(self->reader, &self->arena, &object),
        .is_awaited = item->event_n != item->failed_n,
    };
    tw_buf_clear(&self->event);
    rc = event.object.ptr == NULL
             ? TW_ENOMEM
             : tw_event_write(&self->events, &event, &self->event, key, &key_len, why);
    if (rc == TW_ELIMIT) {
        return tw_diag_set(why, TW_ENOTFOUND, "event %llu is larger than what can be sent",
                           (unsigned long long)item->event_n);
    }
    if (rc == TW_OK && item->key.ptr == NULL) {
        item->key = tw_arena_copy(&self->arena, (struct tw_str){key, key_len});
        rc = item->key.ptr == NULL ? TW_ENOMEM : TW_OK;
    }
    return rc == TW_ESYNTAX ? TW_ENOTFOUND : rc;
}

/* ---- orders ---- */

static struct tw_order *add_order(struct tw_dispatch *self, enum tw_order_kind kind,
                                  const struct tw_outbox_item *item, struct tw_replay_run *run)
{
    struct tw_order *order = &self->orders[self->order_count++];
    *order = (struct tw_order){.kind = kind, .item = *item, .run = run};
    tw_buf_init(&order->frame, TW_AGENT_FRAME_MAX);
    return order;
}

static bool has_room(const struct tw_dispatch *self)
{
    return self->order_count < TW_ROUND_ORDERS && self->order_bytes < TW_ROUND_BYTES;
}

/* What goes over the wire, with self->event. */
static int write_frame(struct tw_dispatch *self, struct tw_order *order)
{
    const struct tw_outbox_item *item = &order->item;
    const struct tw_str event = {self->event.data, self->event.len};
    const struct tw_agent_order words = {
        .replayid = item->replayid,
        .attempt = item->attempt,
        .key = item->key,
        .destination = item->destination,
        .deadline = item->deadline,
        .event = event,
    };
    self->http_orders += order->agent == NULL ? 1 : 0;
    int rc = order->agent == NULL ? tw_buf_append_str(&order->frame, event)
                                  : tw_message_write_order(&words, &order->frame);
    self->order_bytes += order->frame.len;
    return rc;
}

/* An item that is ready: sent, or ended where it never can be. Other errors: not now, the replay
 * says why; nothing is decided. */
static int decide_item(struct tw_dispatch *self, struct tw_replay_run *run,
                       struct tw_outbox_item *item, struct tw_agent *agent, struct tw_str address)
{
    struct tw_diag why = {""};
    if (!item->is_open || item->is_archived) {
        struct tw_order *order = add_order(self, TW_ORDER_CANCEL, item, run);
        order->lets_next = !item->is_open;
        order->why = item->is_open ? TW_STR_LIT("put away since it was planned")
                                   : TW_STR_LIT("done without it");
        return TW_OK;
    }
    item->attempt = 1;
    item->agent = agent == NULL ? address : tw_str_of(agent->name);
    item->deadline.ns = self->wall.ns + (int64_t)run->row.proof_s * TW_NS_PER_S;
    int rc = make_event(self, item, &why);
    if (rc == TW_OK && agent == NULL && self->event.len > TW_HTTP_EVENT_MAX) {
        rc = tw_diag_set(&why, TW_ENOTFOUND, "event %llu is larger than what can be sent",
                         (unsigned long long)item->event_n);
    }
    struct tw_order *order = NULL;
    if (rc == TW_OK) {
        order = add_order(self, TW_ORDER_SEND, item, run);
        order->agent = agent;
        rc = write_frame(self, order);
        if (rc == TW_ELIMIT) {
            order->kind = TW_ORDER_REFUSE;
            order->why = TW_STR_LIT("it is larger than what can be sent to an agent");
            rc = TW_OK;
        } else if (rc != TW_OK) {
            tw_buf_fini(&order->frame);
            self->order_count--;
        }
    } else if (rc == TW_ENOTFOUND) {
        order = add_order(self, TW_ORDER_REFUSE, item, run);
        order->why = why_text(self, why.text);
        rc = TW_OK;
    }
    if (rc != TW_OK) {
        (void)snprintf(run->unread, sizeof run->unread, "%.*s", (int)sizeof run->unread - 1,
                       why.text[0] == '\0' ? tw_err_text(rc) : why.text);
    }
    return rc;
}

/* ---- who carries out ---- */

/* The agent with the most room for this destination. *ret_any: one is there, with room or without.
 */
static struct tw_agent *choose_agent(struct tw_dispatch *self, struct tw_str destination,
                                     bool *ret_any)
{
    struct tw_agent *agent = NULL;
    struct tw_agent *best = NULL;
    uint64_t most = 0;
    *ret_any = false;
    for (size_t i = 0; (agent = tw_agents_at(self->agents, i)) != NULL; i++) {
        if (!agent->is_online || !tw_agent_carries_out(agent, destination)) {
            continue;
        }
        *ret_any = true;
        if (self->room[i] > most) {
            most = self->room[i];
            best = agent;
        }
    }
    return best;
}

static size_t place_of(struct tw_dispatch *self, const struct tw_agent *agent)
{
    return (size_t)(agent - tw_agents_at(self->agents, 0));
}

/* How many orders for this destination could be given now, by all who carry out for it. */
static uint64_t room_for(struct tw_dispatch *self, struct tw_str destination)
{
    uint64_t sum = 0;
    const struct tw_agent *agent = NULL;
    for (size_t i = 0; (agent = tw_agents_at(self->agents, i)) != NULL; i++) {
        if (agent->is_online && tw_agent_carries_out(agent, destination)) {
            sum += self->room[i];
        }
    }
    return sum;
}

/* Posts that could be begun now; what this round has decided for other destinations counts too. */
static uint64_t http_room(const struct tw_dispatch *self, struct tw_str destination)
{
    uint64_t room = tw_http_out_room(self->http, destination.ptr);
    return room > self->http_orders ? room - self->http_orders : 0;
}

/* The address as people see it: what stands behind '?' may be a secret. */
static struct tw_str address_of(const struct tw_dispatch *self, struct tw_str destination)
{
    struct tw_str url = tw_str_of(tw_http_out_url(self->http, destination.ptr));
    const char *query = url.ptr == NULL ? NULL : memchr(url.ptr, '?', url.len);
    url.len = query == NULL ? url.len : (size_t)(query - url.ptr);
    return url;
}

static int decide_run(struct tw_dispatch *self, struct tw_replay_run *run, struct tw_diag *diag)
{
    const struct tw_str destination = run->row.destination;
    bool is_http = tw_dispatch_is_http(self, destination);
    bool is_any = is_http;
    struct tw_outbox_item *items = NULL;
    size_t count = 0;
    if (!is_http) {
        (void)choose_agent(self, destination, &is_any);
    }
    run->lacks_agent = !is_any;
    uint64_t room = is_http ? http_room(self, destination) : room_for(self, destination);
    uint64_t limit = run->verdict.may_send < room ? run->verdict.may_send : room;
    uint64_t free_orders = TW_ROUND_ORDERS - self->order_count;
    limit = limit < free_orders ? limit : free_orders;
    if (limit == 0) {
        return TW_OK;
    }
    int rc =
        tw_outbox_ready(self->outbox, &self->arena, run->id, (size_t)limit, &items, &count, diag);
    for (size_t i = 0; rc == TW_OK && i < count && has_room(self); i++) {
        struct tw_agent *agent = is_http ? NULL : choose_agent(self, destination, &is_any);
        if (!is_http && agent == NULL) {
            break;
        }
        struct tw_str address = is_http ? address_of(self, destination) : TW_STR_NULL;
        if (decide_item(self, run, &items[i], agent, address) != TW_OK) {
            continue; /* not now; others go on */
        }
        if (agent != NULL && self->orders[self->order_count - 1].kind == TW_ORDER_SEND) {
            self->room[place_of(self, agent)]--;
        }
    }
    return rc;
}

/* ---- saying again ---- */

/* One that is sent and was not answered, to whom it was sent. */
static int say_again(struct tw_dispatch *self, uint64_t id, struct tw_agent *agent,
                     struct tw_diag *diag)
{
    struct tw_outbox_item item;
    struct tw_diag why = {""};
    const struct tw_said *said = tw_saids_find(&self->saids, id);
    int rc = tw_outbox_item(self->outbox, &self->arena, id, &item, diag);
    if (rc != TW_OK || item.state != TW_ITEM_SENT || item.is_answered ||
        item.deadline.ns <= self->wall.ns) {
        return rc == TW_ENOTFOUND ? TW_OK : rc;
    }
    rc = make_event(self, &item, &why);
    if (rc != TW_OK) {
        return TW_OK; /* not now, or never: its deadline comes */
    }
    struct tw_order *order =
        add_order(self, TW_ORDER_AGAIN, &item, tw_dispatch_run(self, item.replay));
    order->agent = agent;
    order->tries = said == NULL ? 1 : said->tries;
    order->is_noted = said == NULL || said->noted.ns == 0 ||
                      self->now.ns - said->noted.ns >= TW_AGAIN_NOTE_MS * TW_NS_PER_MS;
    return write_frame(self, order);
}

/* Whom an unanswered item is with: an agent that is there, or a destination over HTTP (*ret_http);
 * neither: nobody who could be asked. */
static struct tw_agent *whose(struct tw_dispatch *self, const struct tw_outbox_waits *item,
                              bool *ret_http)
{
    struct tw_replay_run *run = tw_dispatch_run(self, item->replay);
    *ret_http = run != NULL && tw_dispatch_is_http(self, run->row.destination);
    struct tw_agent *agent = *ret_http ? NULL : tw_agents_find(self->agents, item->agent);
    return agent != NULL && agent->is_online && agent->is_reachable ? agent : NULL;
}

/* What agents have in hand takes their room; of it, what this hello of theirs was told. */
static void count_room(struct tw_dispatch *self, uint64_t in_hand[TW_AGENTS_MAX])
{
    const struct tw_agent *agent = NULL;
    for (size_t i = 0; (agent = tw_agents_at(self->agents, i)) != NULL; i++) {
        self->room[i] = agent->is_online && agent->is_reachable ? agent->capacity : 0;
        in_hand[i] = 0;
    }
    for (size_t i = 0; i < self->unanswered_count; i++) {
        bool is_http = false;
        agent = whose(self, &self->unanswered[i], &is_http);
        struct tw_said *said = tw_saids_find(&self->saids, self->unanswered[i].item);
        if (said != NULL) {
            said->is_kept = true;
        }
        if (agent != NULL) {
            size_t place = place_of(self, agent);
            self->room[place] -= self->room[place] > 0 ? 1 : 0;
            in_hand[place] += said != NULL && said->hello == agent->hello ? 1 : 0;
        }
    }
    tw_saids_sweep(&self->saids);
}

static int decide_again(struct tw_dispatch *self, struct tw_diag *diag)
{
    uint64_t in_hand[TW_AGENTS_MAX];
    int rc = TW_OK;
    count_room(self, in_hand);
    for (size_t i = 0; i < self->unanswered_count && rc == TW_OK && has_room(self); i++) {
        const struct tw_outbox_waits *item = &self->unanswered[i];
        const struct tw_said *said = tw_saids_find(&self->saids, item->item);
        bool is_http = false;
        struct tw_agent *agent = whose(self, item, &is_http);
        if (agent == NULL && !is_http) {
            continue;
        }
        uint64_t hello = agent == NULL ? 0 : agent->hello;
        bool is_new = said == NULL || said->hello != hello;
        if (!is_new && self->now.ns < said->due.ns) {
            continue;
        }
        if (agent != NULL && is_new && in_hand[place_of(self, agent)]++ >= agent->capacity) {
            continue; /* it would have to refuse */
        }
        if (is_http && http_room(self, tw_dispatch_run(self, item->replay)->row.destination) == 0) {
            continue;
        }
        rc = say_again(self, item->item, agent, diag);
    }
    return rc;
}

/* ---- all of it ---- */

int tw_dispatch_decide(struct tw_dispatch *self, struct tw_diag *diag)
{
    int rc = decide_again(self, diag);
    self->first_run++;
    for (size_t i = 0; i < self->run_count && rc == TW_OK; i++) {
        struct tw_replay_run *run = &self->runs[(self->first_run + i) % self->run_count];
        tw_replay_run_judge(run, &self->load, self->now);
        run->put_off = tw_dispatch_is_http(self, run->row.destination)
                           ? tw_http_out_trouble(self->http, run->row.destination.ptr)
                           : NULL;
        if (run->row.state == TW_REPLAY_RUNNING && run->has_waiting && !run->verdict.stops) {
            rc = decide_run(self, run, diag);
        }
        tw_replay_run_describe(run);
    }
    return rc;
}
