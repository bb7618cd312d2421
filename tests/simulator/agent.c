/* SPDX-License-Identifier: Apache-2.0
 * Intervals of the protocol are those of the clock, whatever the speed of the simulation.
 */
#include "config.h"
#include "simulator/agent.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <zmq.h>

#include "core/clock.h"
#include "simulator/books.h"
#include "simulator/proof.h"

#define FRAME_BYTES    33554432 /* of the tower: 32 MiB */
#define ID_BYTES       64       /* of a replayid */
#define KEY_BYTES      256
#define SILENT         3
#define GREETING_MS    6000
#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 5000 /* a test does not wait long for an agent */
#define TURN_FRAMES    256
#define LAUNDRY        5 /* kinds of frames that nobody understands */

struct verdict {
    uint64_t hash;
    uint64_t attempt;
    char *replayid; /* owned */
    char *answer;   /* owned */
    bool is_put_off;
};

/* Something that is said later. */
struct later {
    int64_t due_ms;
    json_t *event;   /* owned; NULL: an answer */
    size_t verdict;  /* of the answer */
    bool is_counted; /* the event counts as distinct: it is not said for the second time */
};

enum phase { AWAY, HELLO, SAID, ONLINE };

struct counts {
    uint64_t received, repeated, malformed, accepted, refused, welcomes, silences;
    uint64_t effects, effects_repeated, effects_doubled, failed_again;
    uint64_t proofs, proofs_withheld, answers_dropped;
};

struct sim_agent {
    struct sim_agent_world world;
    struct sim_books *books;
    struct sim_random luck;
    struct sim_time_text clock;
    void *zmq;
    void *socket;
    enum phase phase;
    int64_t heartbeat_ms;
    int64_t ping_at_ms;
    int64_t silent_at_ms;
    int64_t retry_at_ms;
    int64_t backoff_ms;
    int64_t mute_until_ms; /* misbehaving; INT64_MAX: for ever */
    struct verdict *verdicts;
    size_t verdict_count;
    size_t next_verdict;
    struct later *later;
    size_t later_count;
    unsigned in_hand;
    struct sim_source sources[SIM_SYSTEM_COUNT]; /* that it speaks as */
    struct counts counts;
    int64_t now_us;
    int64_t now_ms;
};

/* A replay that is being looked at; texts are borrowed from the message. */
struct order {
    const char *replayid;
    uint64_t attempt;
    const char *key;
    const char *destination;
    const json_t *event;
    bool meets[SIM_MISCHIEF_COUNT];
    double luck;
};

static int64_t mono_ms(void)
{
    struct tw_clock *clock = tw_clock_system();
    return clock->mono(clock).ns / TW_NS_PER_MS;
}

/* ---- ledger ---- */

/* Takes the object; NULL (no memory) is no fact. */
static void note(struct sim_agent *self, json_t *fact)
{
    char *text = fact == NULL ? NULL : json_dumps(fact, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (text != NULL) {
        sim_ledger_json(self->world.ledger, text);
    }
    free(text);
    json_decref(fact);
}

static void note_order(struct sim_agent *self, const char *fact, const struct order *order,
                       const char *reason)
{
    const char *id = json_string_value(json_object_get(order->event, "id"));
    const char *source = json_string_value(json_object_get(order->event, "source"));
    note(self, json_pack("{s:s,s:s,s:I,s:s*,s:s*,s:s*,s:s*,s:s*,s:I}", "fact", fact, "replayid",
                         order->replayid, "attempt", (json_int_t)order->attempt, "idempotencykey",
                         order->key, "destination", order->destination, "event", id, "source",
                         source, "reason", reason, "at_us", (json_int_t)self->now_us));
}

/* ---- the taps ---- */

static struct sim_source *source_of(struct sim_agent *self, const json_t *event)
{
    const char *name = json_string_value(json_object_get(event, "source"));
    for (unsigned i = 0; i < SIM_SYSTEM_COUNT; i++) {
        struct sim_source *source = &self->sources[i];
        if (source->name_len == strlen(name) && memcmp(source->name, name, source->name_len) == 0) {
            return source;
        }
    }
    return NULL; /* a destination that is none of the estate's */
}

static void count_type(struct sim_agent *self, const json_t *event)
{
    const char *type = json_string_value(json_object_get(event, "type"));
    const struct sim_types *types = self->world.types;
    for (unsigned i = 0; i < types->count; i++) {
        if (strcmp(types->templates[i].name, type) == 0) {
            self->world.type_counts[i]++;
            return;
        }
    }
}

/* Say an event on the acknowledged tap, where it is not lost. is_new: it was not said before. */
static int say_event(struct sim_agent *self, const json_t *event, bool is_new, struct tw_diag *diag)
{
    struct sim_totals *totals = self->world.totals;
    char *text = json_dumps(event, JSON_COMPACT);
    if (text == NULL) {
        return TW_ENOMEM;
    }
    unsigned channel = sim_outlet_channel_of_store(self->world.outlet, 0);
    int result = sim_outlet_send_alone(self->world.outlet, channel, text, strlen(text), diag);
    free(text);
    if (result != TW_OK) {
        return result;
    }
    totals->delivered++;
    self->counts.proofs++;
    if (is_new) {
        struct sim_source *source = source_of(self, event);
        totals->composed++;
        totals->accepted++;
        count_type(self, event);
        if (source != NULL) {
            source->channel = (uint8_t)channel;
            source->events++;
        }
    } else {
        totals->duplicates++;
    }
    note(self, json_pack("{s:s,s:b,s:I,s:O}", "fact", "proof", "again", !is_new, "at_us",
                         (json_int_t)self->now_us, "event", event));
    return TW_OK;
}

/* Later; false: too much is put off, so it happens now. */
static bool put_off(struct sim_agent *self, const struct later *what)
{
    if (self->later_count == SIM_AGENT_LATER) {
        return false;
    }
    self->later[self->later_count++] = *what;
    return true;
}

/* Say what the destination says of the replay, late if that was commanded. Borrows the event. */
static int say_proof(struct sim_agent *self, const struct order *order, json_t *event, bool is_new,
                     struct tw_diag *diag)
{
    double late_s = self->world.options->misbehave.late_proof_s;
    struct later later = {.due_ms = self->now_ms + (int64_t)(late_s * 1000),
                          .event = json_incref(event),
                          .is_counted = is_new};
    if (late_s > 0 && put_off(self, &later)) {
        note_order(self, "proof-late", order, NULL);
        return TW_OK;
    }
    json_decref(event);
    return say_event(self, event, is_new, diag);
}

/* ---- the destination ---- */

/* The fault that makes the destination fail again; NULL: it works. */
static const char *what_lasts(const struct sim_agent *self, const struct order *order,
                              enum sim_system system)
{
    const struct sim_fault *of = self->world.faults->of;
    const char *cause = json_string_value(json_object_get(order->event, "errorclass"));
    bool is_api = system == SIM_LOYALTY || system == SIM_CRM || system == SIM_CDP;
    cause = cause == NULL ? "" : cause;
    if (system == SIM_ERP && sim_fault_is_active(&of[SIM_FAULT_ERP_OUTAGE], self->now_us) &&
        of[SIM_FAULT_ERP_OUTAGE].until_us != INT64_MAX) {
        return "unavailable";
    }
    if (system == SIM_ERP && sim_fault_is_active(&of[SIM_FAULT_MASTER_DATA], self->now_us) &&
        strcmp(cause, "master-data") == 0) {
        return "master-data";
    }
    if (is_api && sim_fault_is_active(&of[SIM_FAULT_THROTTLING], self->now_us) &&
        order->luck < of[SIM_FAULT_THROTTLING].p) {
        return "throttled";
    }
    if (sim_fault_is_active(&of[SIM_FAULT_STEP_FAILED], self->now_us) &&
        strcmp(cause, "rejected") == 0 && order->luck >= of[SIM_FAULT_STEP_FAILED].again) {
        return "rejected";
    }
    return NULL;
}

static uint64_t mix_text(uint64_t mix, const char *text)
{
    for (; *text != 0; text++) {
        mix = sim_mix(mix ^ (uint8_t)*text);
    }
    return mix;
}

/* What is said of this order; number: 1 for an effect that is made for the second time. */
static json_t *make_event(struct sim_agent *self, const struct order *order, const char *failure,
                          unsigned type, enum sim_system system, unsigned number)
{
    bool is_bare = order->meets[SIM_MISCHIEF_BARE_PROOF];
    struct sim_proof proof = {.event = order->event,
                              .replayid = is_bare ? NULL : order->replayid,
                              .attempt = order->attempt,
                              .destination = order->destination,
                              .system = system,
                              .type = type,
                              .failure = failure,
                              .time_us = self->now_us};
    proof.id[0] = mix_text(mix_text(self->world.salt ^ number, order->key), order->replayid);
    proof.id[1] = sim_mix(proof.id[0] ^ order->attempt);
    return sim_proof_make(self->world.types, &proof, &self->clock);
}

/* The effect is made, for the first time of its key. Borrows the event that says so. */
static int make_effect(struct sim_agent *self, const struct order *order, json_t *event,
                       struct tw_diag *diag)
{
    self->counts.effects++;
    note_order(self, "effect", order, NULL);
    int result = sim_books_enter(self->books, order->key, event, diag);
    if (result == TW_OK && order->meets[SIM_MISCHIEF_DROP_PROOF]) {
        self->counts.proofs_withheld++;
        note_order(self, "proof-withheld", order, NULL);
    } else if (result == TW_OK) {
        sim_books_find(self->books, order->key)->is_said = true;
        result = say_proof(self, order, event, true, diag);
    }
    return result;
}

/* The destination has the order. It knows the key, or fails, or does it. */
static int carry_out(struct sim_agent *self, const struct order *order, struct tw_diag *diag)
{
    enum sim_system system = SIM_SYSTEM_COUNT;
    unsigned type = sim_proof_awaited(self->world.types, order->event, order->destination, &system);
    struct sim_effect *effect = sim_books_find(self->books, order->key);
    if (effect != NULL) {
        self->counts.effects_repeated++;
        note_order(self, "effect-repeated", order, NULL);
        bool is_new = !effect->is_said;
        effect->is_said = true;
        return say_proof(self, order, effect->event, is_new, diag);
    }
    const char *failure = what_lasts(self, order, system);
    json_t *event = make_event(self, order, failure, type, system, 0);
    int result = event == NULL ? TW_ENOMEM : TW_OK;
    if (result == TW_OK && failure != NULL) {
        self->counts.failed_again++;
        self->world.totals->failed++;
        note_order(self, "failed-again", order, failure);
        result = say_proof(self, order, event, true, diag);
    } else if (result == TW_OK) {
        result = make_effect(self, order, event, diag);
    }
    json_decref(event);
    if (result == TW_OK && failure == NULL && order->meets[SIM_MISCHIEF_TWICE]) {
        self->counts.effects_doubled++;
        note_order(self, "effect-doubled", order, NULL);
        event = make_event(self, order, NULL, type, system, 1);
        result = event == NULL ? TW_ENOMEM : say_proof(self, order, event, true, diag);
        json_decref(event);
    }
    return result;
}

/* ---- answers ---- */

static bool say(struct sim_agent *self, const char *text)
{
    return self->socket != NULL && zmq_send(self->socket, text, strlen(text), ZMQ_DONTWAIT) >= 0;
}

static void say_garbage(struct sim_agent *self)
{
    static const char *const frames[LAUNDRY] = {
        "{\"op\":\"accepted\"", "{\"op\":\"accepted\",\"replayid\":7,\"attempt\":\"one\"}",
        "{\"op\":\"bow\",\"deep\":true}",
        "{\"op\":\"accepted\",\"replayid\":\"rp-never-ordered\",\"attempt\":1}", "\xff\xfe"};
    for (unsigned i = 0; i < LAUNDRY; i++) {
        (void)say(self, frames[i]); /* that it arrives is not the point */
    }
}

static uint64_t hash_order(const char *replayid, uint64_t attempt)
{
    return mix_text(sim_mix(attempt), replayid);
}

static struct verdict *find_verdict(struct sim_agent *self, const char *replayid, uint64_t attempt)
{
    uint64_t hash = hash_order(replayid, attempt);
    for (size_t i = 0; i < self->verdict_count; i++) {
        struct verdict *verdict = &self->verdicts[i];
        if (verdict->hash == hash && verdict->attempt == attempt &&
            strcmp(verdict->replayid, replayid) == 0) {
            return verdict;
        }
    }
    return NULL;
}

static struct verdict *remember(struct sim_agent *self, const struct order *order,
                                const char *reason)
{
    json_t *answer =
        json_pack("{s:s,s:s,s:I,s:s*}", "op", reason == NULL ? "accepted" : "refused", "replayid",
                  order->replayid, "attempt", (json_int_t)order->attempt, "reason", reason);
    char *text = answer == NULL ? NULL : json_dumps(answer, JSON_COMPACT);
    char *replayid = strdup(order->replayid);
    json_decref(answer);
    if (text == NULL || replayid == NULL) {
        free(text);
        free(replayid);
        return NULL;
    }
    struct verdict *verdict = &self->verdicts[self->next_verdict];
    free(verdict->replayid);
    free(verdict->answer);
    *verdict = (struct verdict){.hash = hash_order(order->replayid, order->attempt),
                                .attempt = order->attempt,
                                .replayid = replayid,
                                .answer = text};
    self->next_verdict = (self->next_verdict + 1) % SIM_AGENT_VERDICTS;
    self->verdict_count += self->verdict_count < SIM_AGENT_VERDICTS ? 1 : 0;
    return verdict;
}

/* Answer, in the way that was commanded. */
static void give_answer(struct sim_agent *self, const struct order *order, struct verdict *verdict)
{
    double slow_s = self->world.options->misbehave.slow_accept_s;
    struct later later = {.due_ms = self->now_ms + (int64_t)(slow_s * 1000),
                          .verdict = (size_t)(verdict - self->verdicts)};
    if (order->meets[SIM_MISCHIEF_GARBAGE]) {
        say_garbage(self);
    }
    if (order->meets[SIM_MISCHIEF_DROP_ACCEPT]) {
        self->counts.answers_dropped++;
        note_order(self, "answer-dropped", order, NULL);
    } else if (slow_s > 0 && put_off(self, &later)) {
        verdict->is_put_off = true;
        self->in_hand++;
    } else {
        (void)say(self, verdict->answer); /* else it is asked for again */
    }
}

/* ---- replays ---- */

static const char *text_of(const json_t *object, const char *name, size_t most)
{
    const json_t *value = json_object_get(object, name);
    size_t len = json_string_length(value);
    return len >= 1 && len <= most ? json_string_value(value) : NULL;
}

static bool is_ours(const struct sim_agent *self, const char *destination)
{
    const char *systems = self->world.options->agent_systems;
    size_t len = strlen(destination);
    if (systems == NULL) {
        return sim_system_of(destination) != SIM_SYSTEM_COUNT;
    }
    for (const char *at = systems; *at != 0; at += strcspn(at, ",") + (strchr(at, ',') != NULL)) {
        if (strcspn(at, ",") == len && strncmp(at, destination, len) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_late(const json_t *message)
{
    const char *deadline = json_string_value(json_object_get(message, "deadline"));
    struct tw_clock *clock = tw_clock_system();
    tw_wall_t at = {0};
    return deadline != NULL && tw_wall_parse(tw_str_of(deadline), &at) == TW_OK &&
           at.ns <= clock->wall(clock).ns;
}

/* Why it must be refused; NULL: nothing is wrong. */
static const char *refusal(const struct sim_agent *self, const json_t *message,
                           const struct order *order)
{
    const char *marked = text_of(order->event, "replayid", ID_BYTES);
    const json_t *attempt = json_object_get(order->event, "attempt");
    if (order->key == NULL || order->destination == NULL || !json_is_object(order->event)) {
        return "malformed: idempotencykey, destination or event";
    }
    if (marked == NULL || strcmp(marked, order->replayid) != 0 ||
        json_integer_value(attempt) != (json_int_t)order->attempt) {
        return "malformed: the event does not carry this replayid and attempt";
    }
    if (!is_ours(self, order->destination)) {
        return "this agent does not carry out for that destination";
    }
    if (is_late(message)) {
        return "its deadline has passed";
    }
    if (self->in_hand >= self->world.options->agent_capacity) {
        return "the capacity of this agent is exceeded";
    }
    return order->meets[SIM_MISCHIEF_REFUSE] ? "it misbehaves on command" : NULL;
}

static void crash(struct sim_agent *self)
{
    note(self, json_pack("{s:s,s:I}", "fact", "agent-crashed", "at_us", (json_int_t)self->now_us));
    (void)kill(getpid(), SIGKILL); /* does not return */
}

static void fall_silent(struct sim_agent *self)
{
    double span_s = self->world.options->misbehave.silent_s;
    self->mute_until_ms = span_s > 0 ? self->now_ms + (int64_t)(span_s * 1000) : INT64_MAX;
    note(self, json_pack("{s:s,s:f,s:I}", "fact", "agent-silent", "for", span_s, "at_us",
                         (json_int_t)self->now_us));
}

static int hear_replay(struct sim_agent *self, const json_t *message, struct tw_diag *diag)
{
    const struct sim_misbehave *misbehave = &self->world.options->misbehave;
    const json_t *attempt = json_object_get(message, "attempt");
    struct order order = {.replayid = text_of(message, "replayid", ID_BYTES),
                          .attempt = (uint64_t)json_integer_value(attempt),
                          .key = text_of(message, "idempotencykey", KEY_BYTES),
                          .destination = text_of(message, "destination", ID_BYTES),
                          .event = json_object_get(message, "event")};
    if (order.replayid == NULL || !json_is_integer(attempt) || json_integer_value(attempt) < 1) {
        self->counts.malformed++;
        return TW_OK;
    }
    struct verdict *known = find_verdict(self, order.replayid, order.attempt);
    if (known != NULL) {
        self->counts.repeated++;
        note_order(self, "replay-repeated", &order, NULL);
        if (!known->is_put_off) {
            (void)say(self, known->answer); /* else it is asked for again */
        }
        return TW_OK;
    }
    self->counts.received++;
    sim_misbehave_draw(misbehave, &self->luck, order.meets);
    order.luck = sim_random_unit(&self->luck);
    note_order(self, "replay-received", &order, NULL);
    const char *reason = refusal(self, message, &order);
    struct verdict *verdict = remember(self, &order, reason);
    int result = verdict == NULL ? TW_ENOMEM : TW_OK;
    if (result == TW_OK && reason == NULL) {
        self->counts.accepted++;
        result = carry_out(self, &order, diag);
    } else if (result == TW_OK) {
        self->counts.refused++;
        note_order(self, "replay-refused", &order, reason);
    }
    if (result == TW_OK && self->counts.received == misbehave->crash_after) {
        crash(self);
    }
    if (result == TW_OK) {
        give_answer(self, &order, verdict);
    }
    if (self->counts.received == misbehave->silent_after) {
        fall_silent(self);
    }
    return result;
}

/* ---- the conversation ---- */

static void hear_welcome(struct sim_agent *self, const json_t *message)
{
    const json_t *heartbeat = json_object_get(message, "heartbeat");
    double seconds = json_is_number(heartbeat) ? json_number_value(heartbeat) : 2;
    seconds = seconds < 0.01 ? 0.01 : seconds > 3600 ? 3600 : seconds;
    self->heartbeat_ms = (int64_t)(seconds * 1000);
    self->phase = ONLINE;
    self->backoff_ms = BACKOFF_MIN_MS;
    self->ping_at_ms = self->now_ms;
    self->counts.welcomes++;
    note(self, json_pack("{s:s,s:s,s:f,s:I}", "fact", "agent-online", "agent",
                         self->world.options->agent_name, "heartbeat", seconds, "at_us",
                         (json_int_t)self->now_us));
}

static int hear(struct sim_agent *self, const char *text, size_t len, struct tw_diag *diag)
{
    json_t *message = json_loadb(text, len, 0, NULL);
    const char *op = json_string_value(json_object_get(message, "op"));
    int result = TW_OK;
    if (op == NULL) {
        self->counts.malformed++;
    } else if (strcmp(op, "welcome") == 0) {
        hear_welcome(self, message);
    } else if (strcmp(op, "replay") == 0) {
        result = hear_replay(self, message, diag);
    }
    if (self->phase == ONLINE) {
        self->silent_at_ms = self->now_ms + SILENT * self->heartbeat_ms;
    }
    json_decref(message);
    return result;
}

/* Everything that has come, of one turn. */
static int receive(struct sim_agent *self, struct tw_diag *diag)
{
    int result = TW_OK;
    bool has_more = true;
    for (int i = 0; i < TURN_FRAMES && has_more && result == TW_OK; i++) {
        zmq_msg_t frame;
        bool is_first = true;
        (void)zmq_msg_init(&frame); /* cannot fail */
        has_more = zmq_msg_recv(&frame, self->socket, ZMQ_DONTWAIT) >= 0;
        bool is_several = has_more && zmq_msg_more(&frame) != 0;
        while (is_several && (is_first || zmq_msg_more(&frame) != 0)) {
            is_first = false;
            if (zmq_msg_recv(&frame, self->socket, ZMQ_DONTWAIT) < 0) {
                break;
            }
        }
        self->counts.malformed += is_several ? 1 : 0;
        if (has_more && !is_several) {
            result = hear(self, zmq_msg_data(&frame), zmq_msg_size(&frame), diag);
        }
        (void)zmq_msg_close(&frame); /* it is one */
        has_more = has_more && self->mute_until_ms <= self->now_ms;
    }
    return result;
}

static bool connect_tower(struct sim_agent *self)
{
    const int none = 0;
    const int yes = 1; /* a hello waits for its connection, not in a queue */
    const int64_t most = FRAME_BYTES;
    self->socket = zmq_socket(self->zmq, ZMQ_DEALER);
    return self->socket != NULL && sim_outlet_set_keys(self->socket, &self->world.options->keys) &&
           zmq_setsockopt(self->socket, ZMQ_LINGER, &none, sizeof none) == 0 &&
           zmq_setsockopt(self->socket, ZMQ_IMMEDIATE, &yes, sizeof yes) == 0 &&
           zmq_setsockopt(self->socket, ZMQ_MAXMSGSIZE, &most, sizeof most) == 0 &&
           zmq_connect(self->socket, self->world.options->endpoint_agents) == 0;
}

static void go_away(struct sim_agent *self)
{
    if (self->socket != NULL) {
        (void)zmq_close(self->socket); /* it is one */
    }
    self->socket = NULL;
    self->phase = AWAY;
    self->retry_at_ms = self->now_ms + self->backoff_ms;
    self->backoff_ms =
        self->backoff_ms * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : self->backoff_ms * 2;
}

static bool say_hello(struct sim_agent *self)
{
    const struct sim_options *options = self->world.options;
    json_t *systems = json_array();
    const char *at = options->agent_systems;
    while (at != NULL && *at != 0) {
        size_t len = strcspn(at, ",");
        (void)json_array_append_new(systems, json_stringn(at, len)); /* no memory: one less */
        at += len + (at[len] == ',');
    }
    for (unsigned i = 0; options->agent_systems == NULL && i < SIM_SYSTEM_COUNT; i++) {
        (void)json_array_append_new(systems, json_string(sim_system_names[i])); /* likewise */
    }
    json_t *hello = json_pack("{s:s,s:s,s:o,s:i}", "op", "hello", "agent", options->agent_name,
                              "systems", systems, "capacity", (int)options->agent_capacity);
    char *text = hello == NULL ? NULL : json_dumps(hello, JSON_COMPACT);
    bool is_said = text != NULL && say(self, text);
    free(text);
    json_decref(hello);
    return is_said;
}

static void look_after_connection(struct sim_agent *self)
{
    if (self->phase == AWAY && self->now_ms >= self->retry_at_ms) {
        self->phase = HELLO;
        if (!connect_tower(self)) {
            go_away(self); /* perhaps later */
        }
    }
    bool is_watching = self->phase == SAID || self->phase == ONLINE;
    if (is_watching && self->now_ms >= self->silent_at_ms) {
        self->counts.silences++;
        note(self,
             json_pack("{s:s,s:I}", "fact", "agent-offline", "at_us", (json_int_t)self->now_us));
        go_away(self);
    }
    if (self->phase == ONLINE &&
        self->now_ms >= self->ping_at_ms + (SILENT - 1) * self->heartbeat_ms) {
        self->phase = HELLO; /* the silence was ours */
    }
    if (self->phase == HELLO && say_hello(self)) {
        self->phase = SAID;
        self->silent_at_ms = self->now_ms + GREETING_MS;
    }
    if (self->phase == ONLINE && self->now_ms >= self->ping_at_ms &&
        say(self, "{\"op\":\"ping\"}")) {
        self->ping_at_ms = self->now_ms + self->heartbeat_ms;
    }
}

/* Say what was put off and is due; everything where `is_end`. */
static int say_later(struct sim_agent *self, bool is_end, struct tw_diag *diag)
{
    int result = TW_OK;
    size_t kept = 0;
    for (size_t i = 0; i < self->later_count; i++) {
        struct later later = self->later[i];
        if (result != TW_OK || (!is_end && later.due_ms > self->now_ms)) {
            self->later[kept++] = later;
        } else if (later.event != NULL) {
            result = say_event(self, later.event, later.is_counted, diag);
            json_decref(later.event);
        } else {
            self->verdicts[later.verdict].is_put_off = false;
            self->in_hand--;
            (void)say(self, self->verdicts[later.verdict].answer); /* else it is asked for again */
        }
    }
    self->later_count = kept;
    return result;
}

int sim_agent_turn(struct sim_agent *self, int64_t now_us, struct tw_diag *diag)
{
    self->now_us = now_us;
    self->now_ms = mono_ms();
    if (self->mute_until_ms > self->now_ms) {
        return TW_OK;
    }
    int result = self->socket == NULL ? TW_OK : receive(self, diag);
    if (self->mute_until_ms > self->now_ms) {
        return result;
    }
    if (result == TW_OK) {
        result = say_later(self, false, diag);
    }
    look_after_connection(self);
    return result;
}

void sim_agent_wait(struct sim_agent *self, int wait_ms)
{
    bool is_deaf = self->socket == NULL || self->mute_until_ms > self->now_ms;
    zmq_pollitem_t item = {.socket = self->socket, .events = ZMQ_POLLIN};
    (void)zmq_poll(&item, is_deaf ? 0 : 1, wait_ms); /* a signal only ends it early */
}

/* ---- start and end ---- */

int sim_agent_new(const struct sim_agent_world *world, struct sim_agent **ret_agent,
                  struct tw_diag *diag)
{
    struct sim_agent *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->world = *world;
    self->backoff_ms = BACKOFF_MIN_MS;
    self->now_ms = mono_ms();
    self->phase = HELLO;
    sim_random_init(&self->luck, world->options->seed, 6);
    for (unsigned i = 0; i < SIM_SYSTEM_COUNT; i++) {
        struct sim_source *source = &self->sources[i];
        source->name_len =
            (uint8_t)snprintf(source->name, sizeof source->name, "/%s/agent", sim_system_names[i]);
    }
    self->verdicts = calloc(SIM_AGENT_VERDICTS, sizeof(*self->verdicts));
    self->later = calloc(SIM_AGENT_LATER, sizeof(*self->later));
    self->zmq = zmq_ctx_new();
    int result =
        self->verdicts == NULL || self->later == NULL || self->zmq == NULL ? TW_ENOMEM : TW_OK;
    if (result == TW_OK) {
        result = sim_books_open(world->options->agent_state, &self->books, diag);
    }
    if (result == TW_OK && !connect_tower(self)) {
        result = tw_diag_set(diag, TW_ESYSTEM, "cannot connect to %s (agents): %s",
                             world->options->endpoint_agents, zmq_strerror(zmq_errno()));
    }
    if (result != TW_OK) {
        sim_agent_destroy(&self);
        return result;
    }
    *ret_agent = self;
    return TW_OK;
}

void sim_agent_destroy(struct sim_agent **self_p)
{
    struct sim_agent *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    if (self->socket != NULL) {
        (void)zmq_close(self->socket); /* it is one */
    }
    if (self->zmq != NULL) {
        (void)zmq_ctx_term(self->zmq); /* nothing lingers */
    }
    for (size_t i = 0; i < self->verdict_count; i++) {
        free(self->verdicts[i].replayid);
        free(self->verdicts[i].answer);
    }
    for (size_t i = 0; i < self->later_count; i++) {
        json_decref(self->later[i].event);
    }
    sim_books_destroy(&self->books);
    free(self->verdicts);
    free(self->later);
    free(self);
}

int sim_agent_finish(struct sim_agent *self, int64_t now_us, struct tw_diag *diag)
{
    self->now_us = now_us;
    self->now_ms = mono_ms();
    return say_later(self, true, diag);
}

void sim_agent_report(struct sim_agent *self)
{
    const struct counts *counts = &self->counts;
    for (unsigned i = 0; i < SIM_SYSTEM_COUNT; i++) {
        const struct sim_source *source = &self->sources[i];
        if (source->events > 0) {
            sim_ledger_source(self->world.ledger, source,
                              sim_tap_name(sim_outlet_tap(self->world.outlet, source->channel)),
                              NULL, 0);
        }
    }
    sim_ledger_fact(
        self->world.ledger,
        "\"fact\":\"agent\",\"received\":%llu,\"repeated\":%llu,\"malformed\":%llu,"
        "\"accepted\":%llu,\"refused\":%llu,\"welcomes\":%llu,\"silences\":%llu,"
        "\"effects\":%llu,\"effects_repeated\":%llu,\"effects_doubled\":%llu,"
        "\"failed_again\":%llu,\"proofs\":%llu,\"proofs_withheld\":%llu,"
        "\"answers_dropped\":%llu",
        (unsigned long long)counts->received, (unsigned long long)counts->repeated,
        (unsigned long long)counts->malformed, (unsigned long long)counts->accepted,
        (unsigned long long)counts->refused, (unsigned long long)counts->welcomes,
        (unsigned long long)counts->silences, (unsigned long long)counts->effects,
        (unsigned long long)counts->effects_repeated, (unsigned long long)counts->effects_doubled,
        (unsigned long long)counts->failed_again, (unsigned long long)counts->proofs,
        (unsigned long long)counts->proofs_withheld, (unsigned long long)counts->answers_dropped);
}
