/* SPDX-License-Identifier: Apache-2.0
 * POST /causes/test: what rules would do, shown on the failures of the past. Reads records from the
 * newest back, block by block, until a bound is reached; the answer says which. */
#include "config.h"
#include "web/api.h"

#include <stdio.h>

#include "web/causes.h"

#define LOOK_EVENTS   200000 /* records that are looked at, all kinds */
#define LOOK_FAILURES 5000   /* failures among them: each is parsed and asked twice */
#define LOOK_NS       (INT64_C(7) * 86400 * TW_NS_PER_S)
#define LOOK_AT_ONCE  4096 /* records of one scan: some milliseconds */
/* Reading stops at this share of the call's time, so that there is an answer. */
#define LOOK_SHARE    2
#define MAX_EXAMPLES  20
#define MAX_FROM      20  /* causes and labels that one rule's failures move away from */
#define MESSAGE_SHOWN 300 /* bytes of a message in an example */

struct from {
    enum tw_cause cause;
    struct tw_str label;
    uint64_t count;
};

/* What one of the given rules does. */
struct effect {
    uint64_t takes;
    uint64_t moves;
    struct from from[MAX_FROM];
    size_t from_count;
    uint64_t from_others;
    json_t *examples; /* owned */
    size_t example_count;
};

struct preview {
    struct tw_call *call;
    const struct tw_causes *given;
    struct effect *effects; /* one a given rule */
    uint64_t until_n;       /* of the scan under way: it stops before */
    uint64_t looked;
    uint64_t failures;
    uint64_t moves;
    tw_wall_t oldest; /* receipt; 0: none yet */
    tw_wall_t newest;
    bool is_damaged;
    const char *stopped; /* by which bound; NULL: by none */
};

/* ---- one failure ---- */

/* Whether the text may have an outcome that is a failure: cheaper than to parse it. */
static bool may_fail(struct tw_str json)
{
    static const char key[] = "\"outcome\"";
    const char *end = tw_str_end(json);
    const char *at = json.len == 0 ? NULL : memmem(json.ptr, json.len, key, sizeof key - 1);
    if (at == NULL) {
        return false;
    }
    for (at += sizeof key - 1; at < end && memchr(" \t\r\n:\"", *at, 6) != NULL; at++) {
    }
    return at < end && memchr("frd\\", *at, 4) != NULL;
}

static bool has_failed(const struct tw_record *record, const struct tw_event_view *view)
{
    return record->cause != TW_CAUSE_NONE || tw_str_is(view->outcome, "failed") ||
           tw_str_is(view->outcome, "retrying") || tw_str_is(view->outcome, "deadletter");
}

static unsigned status_of(const struct tw_event_view *view, struct tw_str code)
{
    const json_t *said = json_object_get(view->json, "httpstatus");
    char number[16];
    double real = json_number_value(said);
    struct tw_str text = {json_string_value(said), json_string_length(said)};
    if (json_is_number(said) && real >= 0 && real < 1000) {
        (void)snprintf(number, sizeof number, "%03.0f", real); /* always fits */
        text = tw_str_of(number);
    }
    unsigned status = tw_causes_status(text);
    return status != 0 ? status : tw_causes_status_of_code(code);
}

static struct tw_failure_facts facts_of(const struct tw_event_view *view)
{
    struct tw_str code = tw_event_view_attribute(view, "errorcode");
    return (struct tw_failure_facts){
        .system = view->system,
        .type = view->type,
        .code = code,
        .status = status_of(view, code),
        .message = tw_event_view_attribute(view, "errormessage"),
        .errorclass = tw_event_view_attribute(view, "errorclass"),
    };
}

/* At most so many bytes, whole characters. */
static struct tw_str cut(struct tw_str text, size_t most)
{
    if (text.len > most) {
        text.len = most;
        while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

static json_t *example_json(const struct tw_record *record, const struct tw_event_view *view,
                            const struct tw_failure_facts *facts, const struct from *from)
{
    json_t *json = json_object();
    tw_out_set(json, "n", tw_out_count(record->n));
    tw_out_set(json, "time", tw_out_time(record->time));
    tw_out_set(json, "received", tw_out_time(record->received));
    tw_out_set(json, "outcome", tw_out_text(view->outcome));
    tw_out_set(json, "system", tw_out_text(facts->system));
    tw_out_set(json, "type", tw_out_text(facts->type));
    tw_out_set(json, "code", tw_out_text(facts->code));
    tw_out_set(json, "class", tw_out_text(facts->errorclass));
    tw_out_set(json, "status",
               facts->status == 0 ? json_null() : json_integer((json_int_t)facts->status));
    tw_out_set(json, "message", tw_out_text(cut(facts->message, MESSAGE_SHOWN)));
    tw_out_set(json, "cause", json_string(tw_cause_name(from->cause)));
    tw_out_set(json, "label", tw_out_text(from->label));
    return json;
}

static int add_from(struct preview *self, struct effect *effect, const struct from *from)
{
    for (size_t i = 0; i < effect->from_count; i++) {
        struct from *known = &effect->from[i];
        if (known->cause == from->cause && tw_str_equal(known->label, from->label)) {
            known->count++;
            return TW_OK;
        }
    }
    if (effect->from_count == MAX_FROM) {
        effect->from_others++;
        return TW_OK;
    }
    struct from *row = &effect->from[effect->from_count++];
    *row = (struct from){from->cause, tw_arena_copy(self->call->arena, from->label), 1};
    return row->label.ptr == NULL ? TW_ENOMEM : TW_OK;
}

/* As the failure is taken now: its cause is stored with it, its label is that of the rules in
 * force. */
static struct from taken_now(const struct preview *self, const struct tw_record *record,
                             const struct tw_failure_facts *facts)
{
    struct tw_cause_verdict now;
    tw_causes_classify(self->call->causes, facts, &now);
    bool is_stored = record->cause > TW_CAUSE_NONE && record->cause < TW_CAUSE_COUNT;
    return (struct from){.cause = is_stored ? (enum tw_cause)record->cause : now.cause,
                         .label = now.label};
}

static int take_failure(struct preview *self, const struct tw_record *record,
                        const struct tw_event_view *view)
{
    const struct tw_failure_facts facts = facts_of(view);
    const struct tw_causes *in_force = self->call->causes;
    struct from from = taken_now(self, record, &facts);
    struct tw_cause_verdict then;
    tw_causes_classify(self->given, &facts, &then);
    struct effect *effect = then.index < 0 ? NULL : &self->effects[then.index];
    if (effect == NULL && in_force != NULL) {
        tw_causes_classify_from(in_force, in_force->operator_count, &facts, &then);
    }
    bool moves = then.cause != from.cause || !tw_str_equal(then.label, from.label);
    self->failures++;
    self->moves += moves ? 1 : 0;
    if (effect == NULL) {
        return TW_OK;
    }
    effect->takes++;
    effect->moves += moves ? 1 : 0;
    if (effect->examples == NULL) {
        effect->examples = json_array();
    }
    if (effect->example_count < MAX_EXAMPLES) {
        effect->example_count++;
        tw_out_add(effect->examples, example_json(record, view, &facts, &from));
    }
    return moves ? add_from(self, effect, &from) : TW_OK;
}

/* ---- the past ---- */

/* TW_ECLOSED ends the scan: it has come to where the one before began. */
static int take_row(void *context, const struct tw_stored *stored)
{
    struct preview *self = context;
    const struct tw_record *record = &stored->record;
    if (record->n >= self->until_n) {
        return TW_ECLOSED;
    }
    self->looked++;
    if (self->oldest.ns == 0 || record->received.ns < self->oldest.ns) {
        self->oldest = record->received;
    }
    if (record->received.ns > self->newest.ns) {
        self->newest = record->received;
    }
    if (record->kind != TW_RECORD_EVENT ||
        (record->cause == TW_CAUSE_NONE && !may_fail(record->json))) {
        return TW_OK;
    }
    struct tw_event_view view;
    int rc = tw_event_view_init(&view, record);
    if (rc == TW_OK && has_failed(record, &view)) {
        rc = take_failure(self, record, &view);
    }
    tw_event_view_fini(&view);
    self->is_damaged = self->is_damaged || rc == TW_EDAMAGED;
    return rc == TW_EDAMAGED ? TW_OK : rc;
}

/* Which bound ends it; NULL: none. */
static const char *bound_of(const struct preview *self, tw_mono_t half)
{
    struct tw_clock *clock = self->call->web->clock;
    if (self->looked >= LOOK_EVENTS) {
        return "events";
    }
    if (self->failures >= LOOK_FAILURES) {
        return "failures";
    }
    if (self->oldest.ns != 0 && self->call->now.ns - self->oldest.ns > LOOK_NS) {
        return "age";
    }
    return clock->mono(clock).ns >= half.ns ? "time" : NULL;
}

static int look_back(struct preview *self)
{
    struct tw_store_status status;
    const tw_wall_t always[2] = {{INT64_MIN}, {INT64_MAX}};
    struct tw_clock *clock = self->call->web->clock;
    const tw_mono_t now = clock->mono(clock);
    const tw_mono_t half = {now.ns + (self->call->deadline.ns - now.ns) / LOOK_SHARE};
    int rc = tw_reader_status(self->call->reader, &status);
    uint64_t until = rc == TW_OK ? status.last_n + 1 : 0;
    uint64_t first = rc != TW_OK || status.first_n == 0 ? 1 : status.first_n;
    while (rc == TW_OK && until > first && self->stopped == NULL) {
        uint64_t from = until - first > LOOK_AT_ONCE ? until - LOOK_AT_ONCE : first;
        self->until_n = until;
        rc = tw_reader_scan(self->call->reader, from, always[0], always[1], NULL, take_row, self);
        self->is_damaged = self->is_damaged || rc == TW_EDAMAGED;
        rc = rc == TW_ECLOSED || rc == TW_EDAMAGED ? TW_OK : rc;
        until = from;
        self->stopped = until > first ? bound_of(self, half) : NULL;
    }
    if (rc == TW_ETIMEOUT && self->looked > 0) {
        self->stopped = "time";
        rc = TW_OK;
    }
    return rc;
}

/* ---- the answer ---- */

static json_t *effect_json(struct effect *effect, const char *name)
{
    json_t *json = json_object();
    json_t *from = json_array();
    for (size_t i = 0; i < effect->from_count; i++) {
        json_t *row = json_object();
        tw_out_set(row, "cause", json_string(tw_cause_name(effect->from[i].cause)));
        tw_out_set(row, "label", tw_out_text(effect->from[i].label));
        tw_out_set(row, "count", tw_out_count(effect->from[i].count));
        tw_out_add(from, row);
    }
    tw_out_set(json, "name", json_string(name));
    tw_out_set(json, "takes", tw_out_count(effect->takes));
    tw_out_set(json, "moves", tw_out_count(effect->moves));
    tw_out_set(json, "from", from);
    tw_out_set(json, "from_others", tw_out_count(effect->from_others));
    tw_out_set(json, "examples", effect->examples == NULL ? json_array() : effect->examples);
    effect->examples = NULL;
    return json;
}

static int answer(struct preview *self)
{
    json_t *looked = json_object();
    json_t *rules = json_array();
    json_t *json = json_object();
    tw_out_set(looked, "events", tw_out_count(self->looked));
    tw_out_set(looked, "failures", tw_out_count(self->failures));
    tw_out_set(looked, "since", tw_out_time(self->oldest));
    tw_out_set(looked, "until", tw_out_time(self->newest));
    tw_out_set(looked, "complete", json_boolean(self->stopped == NULL && !self->is_damaged));
    tw_out_set(looked, "stopped_by",
               self->stopped == NULL ? json_null() : json_string(self->stopped));
    tw_out_set(looked, "damaged", json_boolean(self->is_damaged));
    for (size_t i = 0; i < self->given->count; i++) {
        tw_out_add(rules, effect_json(&self->effects[i], self->given->items[i].name));
    }
    tw_out_set(json, "looked", looked);
    tw_out_set(json, "moves", tw_out_count(self->moves));
    tw_out_set(json, "rules", rules);
    return tw_response_json(&self->call->response, 200, json);
}

static int preview(struct tw_call *call, const struct tw_causes *given)
{
    struct preview self = {.call = call, .given = given};
    self.effects = tw_arena_zalloc(call->arena, (given->count + 1) * sizeof *self.effects);
    int rc = self.effects == NULL ? TW_ENOMEM : look_back(&self);
    rc = rc == TW_OK ? answer(&self) : rc;
    for (size_t i = 0; self.effects != NULL && i < given->count; i++) {
        json_decref(self.effects[i].examples); /* of what was not answered */
    }
    return rc;
}

int tw_api_causes_test(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    const struct tw_causes *given = NULL;
    int rc = tw_call_allow(call, names);
    json_t *body = rc == TW_OK ? tw_causes_body(call, &rc) : NULL;
    if (body == NULL) {
        return rc;
    }
    if (json_object_size(body) != 1) {
        rc = tw_call_problem(call, TW_WEB_PROBLEM_BODY, "the body is an object with rules alone");
    } else {
        rc = tw_causes_of_body(call, body, &given);
    }
    if (rc == TW_OK && given != NULL) {
        rc = preview(call, given);
    }
    tw_causes_unref(&given);
    json_decref(body);
    return rc;
}
