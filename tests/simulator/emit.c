/* SPDX-License-Identifier: Apache-2.0
 * One step of one flow becomes an event: which source says it, whether it fails, and which fault
 * meets it on its way.
 */
#include "config.h"
#include "simulator/sim.h"

#include <stdio.h>
#include <string.h>

/* Of the step at hand. */
#define FLAG_DOUBLED 1u /* the sale was posted once and will be posted again */
#define FLAG_SLOWED  2u /* its deadline has been let pass */
#define FLAG_TRIED   4u /* it was tried before */
#define FLAG_BACK    8u /* it is done, and will be taken back */

#define BACKOFF_MOST 6 /* a refused call is tried again after at most two to the power of that */

/* Attributes of an event that is not just ok; padded for sim_put_text. */
struct extra {
    const char *text;
    size_t len;
    const char *cause; /* of a failure */
};
#define PAD "                                "
#define EXTRA(text)                      \
    {                                    \
        text PAD, sizeof(text) - 1, NULL \
    }
#define FAILURE(text, cause)              \
    {                                     \
        text PAD, sizeof(text) - 1, cause \
    }
static const struct extra no_extra = EXTRA("");
static const struct extra unavailable =
    FAILURE("\"outcome\":\"failed\",\"errorcode\":\"ERP-503\",\"errorclass\":\"unavailable\","
            "\"errormessage\":\"posting service does not answer\",",
            "unavailable");
static const struct extra master_data[] = {
    FAILURE("\"outcome\":\"failed\",\"errorcode\":\"M7-021\",\"errorclass\":\"master-data\","
            "\"errormessage\":\"article is not maintained in this plant\",",
            "master-data"),
    FAILURE("\"outcome\":\"failed\",\"errorcode\":\"F5-702\",\"errorclass\":\"master-data\","
            "\"errormessage\":\"tax code is not valid for this company\",",
            "master-data"),
    FAILURE("\"outcome\":\"failed\",\"errorcode\":\"VP-112\",\"errorclass\":\"master-data\","
            "\"errormessage\":\"customer account is blocked for posting\",",
            "master-data"),
};
static const struct extra throttled =
    EXTRA("\"outcome\":\"retrying\",\"errorcode\":\"429\",\"errorclass\":\"throttled\","
          "\"errormessage\":\"too many requests\",");
static const struct extra rejected = FAILURE("\"errorcode\":\"R-400\",\"errorclass\":\"rejected\","
                                             "\"errormessage\":\"not accepted as it is\",",
                                             "rejected");
/* Identifiers that say nothing, under attributes that hardly an event has otherwise. */
static const struct extra garbage_ids[] = {
    EXTRA("\"caseid\":\"0\","),       EXTRA("\"caseid\":\"null\","), EXTRA("\"caseid\":\"N/A\","),
    EXTRA("\"caseid\":\"unknown\","), EXTRA("\"caseid\":\"NULL\","), EXTRA("\"caseid\":\"n/a\","),
};

/* What is to be said, by whom. */
struct saying {
    const struct sim_template *type;
    unsigned type_index;
    uint32_t store;
    uint32_t source;
    struct extra extra;
    bool must_arrive;
    bool is_second_effect;
    bool is_taken_back; /* the event takes back what the step did */
    unsigned orders[8]; /* that the step is about */
    unsigned order_count;
};

/* This fault met the runs that the saying is about. */
static void blame(struct sim *self, const struct sim_flow *flow, const struct saying *saying,
                  enum sim_fault_kind fault)
{
    if (self->runs != NULL) {
        sim_runs_blame(self->runs, sim_queue_number(self->queue, flow), saying->orders,
                       saying->order_count, fault);
    }
}

static void set_source(struct sim *self, const struct sim_flow *flow, const struct sim_step *step,
                       struct saying *saying)
{
    saying->store = step->per == SIM_EACH_STORE ? flow->rep : flow->store;
    if (saying->type->system == SIM_POS) {
        saying->source = sim_till_source(&self->estate, saying->store, flow->till);
    } else {
        saying->source = self->estate.first_of[saying->type->system] +
                         flow->serial % self->estate.count_of[saying->type->system];
    }
}

/* ---- faults of single events ---- */

/* A fault that was drawn but does not fit this event does not happen. */
static enum sim_fault_kind draw_fault(struct sim *self, const struct saying *saying, int64_t now_us)
{
    enum sim_fault_kind kind = sim_faults_draw(&self->faults, &self->mishap, now_us);
    const struct sim_source *source = &self->estate.sources[saying->source];
    bool fits = true;
    switch ((unsigned)kind) {
    case SIM_FAULT_LOSS:
        fits = source->sequence >= 1 && source->rewound == 0 && !saying->must_arrive &&
               source->limbo == 0;
        break;
    case SIM_FAULT_OUT_OF_ORDER:
        fits = source->sequence >= 1 && source->rewound == 0;
        break;
    case SIM_FAULT_GARBAGE_ID:
        fits = (saying->type->links & SIM_LINK_CASE) == 0 && saying->extra.len == 0;
        break;
    case SIM_FAULT_HUB:
        fits = (saying->type->links & SIM_LINK_CORRELATION) == 0 && saying->extra.len == 0;
        break;
    case SIM_FAULT_REWIND:
        fits = source->sequence >= 16 && source->held == 0 && source->limbo == 0 &&
               source->troubled == 0 && source->rewound == 0;
        break;
    default:
        break;
    }
    if (!fits) {
        return SIM_FAULT_NONE;
    }
    if (kind != SIM_FAULT_NONE) {
        self->faults.of[kind].done++;
    }
    return kind;
}

/* Faults that change the event before it is composed. */
static void meet_before(struct sim *self, enum sim_fault_kind fault, struct saying *saying)
{
    struct sim_source *source = &self->estate.sources[saying->source];
    uint64_t bits = 0;
    switch ((unsigned)fault) {
    case SIM_FAULT_REWIND:
        sim_ledger_event_fact(self->ledger, "rewind", source->name, source->name_len,
                              source->sequence, ",\"to\":1");
        source->sequence = 0;
        source->delivered = 0;
        source->rewound = 1;
        source->rewinds++;
        self->totals.rewinds++;
        break;
    case SIM_FAULT_GARBAGE_ID:
        bits = sim_random_next(&self->mishap);
        saying->extra = garbage_ids[bits % (sizeof(garbage_ids) / sizeof(garbage_ids[0]))];
        self->totals.ignored_objects++;
        break;
    case SIM_FAULT_HUB:
        saying->extra = (struct extra){self->hub, self->hub_len, NULL};
        break;
    case SIM_FAULT_LOSS:
    case SIM_FAULT_OUT_OF_ORDER:
        source->troubled = 1;
        break;
    default:
        break;
    }
}

static int send_garbage(struct sim *self, uint32_t source_index, struct tw_diag *diag)
{
    char text[SIM_MAX_GARBAGE];
    const struct sim_source *source = &self->estate.sources[source_index];
    const struct sim_garbage *kind =
        &sim_garbages[sim_random_below(&self->mishap, sim_garbage_count)];
    enum sim_tap tap = sim_outlet_tap(self->outlet, source->channel);
    if (kind->len == 0 && (tap == SIM_TAP_STDOUT || tap == SIM_TAP_ROUTER)) {
        return TW_OK; /* no empty line in NDJSON; the client library sends nothing empty */
    }
    uint64_t number = ++self->garbage_made;
    size_t len = sim_garbage_make(kind, number, text);
    self->totals.delivered++;
    self->totals.quarantined[kind->reason]++;
    sim_ledger_fact(self->ledger,
                    "\"fact\":\"garbage\",\"kind\":\"%s\",\"number\":%llu,\"tap\":\"%s\","
                    "\"reason\":\"%s\"",
                    kind->name, (unsigned long long)number, sim_tap_name(tap),
                    tw_problem_infos[kind->reason].name);
    if (!kind->is_json || len > SIM_MAX_EVENT) {
        return sim_outlet_send_alone(self->outlet, source->channel, text, len, diag);
    }
    memcpy(sim_outlet_reserve(self->outlet, source->channel), text, len);
    return sim_outlet_commit(self->outlet, source->channel, len, NULL, diag);
}

/* What is late or repeated for an offline store waits until it is back. */
static int64_t release_at(struct sim *self, const struct sim_source *source, double most_s,
                          int64_t now_us)
{
    double lag = 0.05 + 0.95 * sim_random_unit(&self->mishap);
    int64_t at_us = now_us + (int64_t)(lag * most_s * 1e6);
    if (source->store != UINT32_MAX) {
        const struct sim_store *store = &self->estate.stores[source->store];
        if (at_us >= store->offline_from && at_us < store->offline_until) {
            at_us = store->offline_until;
        }
    }
    return at_us;
}

static int send_again(struct sim *self, enum sim_fault_kind fault, const struct sim_event *event,
                      size_t len, int64_t now_us, struct tw_diag *diag)
{
    const struct sim_fault *of = &self->faults.of[fault];
    const struct sim_source *source = &self->estate.sources[event->source];
    int result = TW_OK;
    for (uint32_t copy = 1; copy < of->copies && result == TW_OK; copy++) {
        result = sim_deliver_echo(self->delivery, event, len,
                                  release_at(self, source, of->delay_s, now_us), false);
    }
    int64_t release_us = release_at(self, source, of->delay_s, now_us);
    result = sim_deliver_echo(self->delivery, event, len, release_us, fault == SIM_FAULT_CONFLICT);
    return result == TW_OK ? sim_deliver(self->delivery, event, len, diag) : result;
}

/* Bring the composed event on its way. */
static int dispatch(struct sim *self, enum sim_fault_kind fault, const struct sim_event *event,
                    size_t len, int64_t now_us, struct tw_diag *diag)
{
    const struct sim_source *source = &self->estate.sources[event->source];
    int result = TW_OK;
    if (source->store != UINT32_MAX) {
        struct sim_store *store = &self->estate.stores[source->store];
        if (now_us >= store->offline_from && now_us < store->offline_until) {
            store->offline_events++;
            return sim_deliver_late(self->delivery, event, len, store->offline_until, diag);
        }
    }
    switch ((unsigned)fault) {
    case SIM_FAULT_DUPLICATE:
    case SIM_FAULT_CONFLICT:
        return send_again(self, fault, event, len, now_us, diag);
    case SIM_FAULT_OUT_OF_ORDER:
        return sim_deliver_late(self->delivery, event, len,
                                release_at(self, source, self->faults.of[fault].delay_s, now_us),
                                diag);
    case SIM_FAULT_LOSS:
        return sim_deliver_never(self->delivery, event, len, diag);
    case SIM_FAULT_GARBAGE:
        result = sim_deliver(self->delivery, event, len, diag);
        return result == TW_OK ? send_garbage(self, event->source, diag) : result;
    default:
        return sim_deliver(self->delivery, event, len, diag);
    }
}

/* ---- saying ---- */

/* Attributes, besides the objects, that the definitions of workflows look at. */
static void put_attributes(const char *text, size_t text_len, char *out, size_t size)
{
    static const char *const names[] = {"storeid", "customerref", "outcome", "errorclass",
                                        "consent", "fulfilment",  "region"};
    const char *end = memmem(text, text_len, "\"dataschema\":", 13);
    size_t head = end == NULL ? text_len : (size_t)(end - text);
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char mark[32];
        int mark_len = snprintf(mark, sizeof(mark), "\"%s\":\"", names[i]);
        const char *found = memmem(text, head, mark, (size_t)mark_len);
        if (found != NULL) {
            const char *value = found + mark_len;
            int len = snprintf(out + at, size - at, ",\"%s\":\"%.*s\"", names[i],
                               (int)strcspn(value, "\""), value);
            TW_ASSERT(len > 0 && (size_t)len < size - at);
            at += (size_t)len;
        }
    }
}

static void note_event(struct sim *self, const struct saying *saying,
                       const struct sim_compose *what, const char *text, size_t text_len,
                       int64_t at_us)
{
    char objects[1024];
    size_t len = sim_types_objects(saying->type, what, objects);
    char hub[64] = "";
    char attributes[512];
    put_attributes(text, text_len, attributes, sizeof(attributes));
    if (saying->extra.text == self->hub) {
        len--;
        (void)snprintf(hub, sizeof(hub), "%s\"correlation:%s\"]", len > 1 ? "," : "",
                       self->faults.of[SIM_FAULT_HUB].id);
    }
    /* The id stands at a fixed place in every event. */
    sim_ledger_fact(self->ledger,
                    "\"fact\":\"event\",\"id\":\"%.36s\",\"source\":\"%.*s\",\"sequence\":%llu,"
                    "\"type\":\"%s\",\"at_us\":%lld,\"time_us\":%lld%s,\"objects\":%.*s%s",
                    text + 27, what->source->name_len, what->source->name,
                    (unsigned long long)what->source->sequence, saying->type->name,
                    (long long)at_us, (long long)what->time_us, attributes, (int)len, objects, hub);
}

static int say(struct sim *self, const struct sim_flow *flow, struct saying *saying, int64_t now_us,
               struct tw_diag *diag)
{
    enum sim_fault_kind fault = SIM_FAULT_NONE;
    if (self->faults.any_per_event) {
        fault = draw_fault(self, saying, now_us);
        meet_before(self, fault, saying);
        if (fault != SIM_FAULT_NONE) {
            blame(self, flow, saying, fault);
        }
    }
    struct sim_source *source = &self->estate.sources[saying->source];
    uint64_t number = self->totals.composed++;
    source->sequence++;
    self->type_counts[saying->type_index]++;
    struct sim_compose what = {.estate = &self->estate,
                               .flow = flow,
                               .source = source,
                               .clock = &self->clock,
                               .extra = saying->extra.text,
                               .extra_len = saying->extra.len,
                               .id = {sim_mix(self->salt ^ number), 0},
                               .salt = self->salt,
                               .time_us = now_us,
                               .store = saying->store};
    what.id[1] = sim_mix(what.id[0] + self->salt);
    if (source->store != UINT32_MAX && self->estate.stores[source->store].skew_us != 0) {
        what.time_us += self->estate.stores[source->store].skew_us;
        blame(self, flow, saying, SIM_FAULT_SKEW);
        self->estate.stores[source->store].skewed_events++;
    }
    char *text = sim_outlet_reserve(self->outlet, source->channel);
    size_t len = sim_types_compose(saying->type, &what, text);
    if (self->options->ledger_events) {
        note_event(self, saying, &what, text, len, now_us);
    }
    struct sim_event event = {.source = saying->source,
                              .sequence = source->sequence,
                              .topic = saying->type->name,
                              .is_uncorrelated =
                                  saying->type->links == 0 && saying->extra.text != self->hub,
                              .is_second_effect = saying->is_second_effect};
    return dispatch(self, fault, &event, len, now_us, diag);
}

/* ---- faults of flows ---- */

static bool happens(struct sim *self, enum sim_fault_kind kind, int64_t now_us)
{
    struct sim_fault *fault = &self->faults.of[kind];
    if (!sim_fault_is_active(fault, now_us) || fault->done >= fault->max ||
        sim_random_unit(&self->chance) >= fault->p) {
        return false;
    }
    fault->done++;
    return true;
}

static int64_t later(struct sim *self, int64_t from_us, double most_s)
{
    return from_us + (int64_t)(sim_random_unit(&self->chance) * most_s * 1e6);
}

/* A posting in ERP: may fail for the time being, for good, or happen twice. */
static enum sim_outcome post(struct sim *self, struct sim_flow *flow, enum sim_role role,
                             int64_t now_us, struct saying *saying)
{
    const struct sim_fault *outage = &self->faults.of[SIM_FAULT_ERP_OUTAGE];
    if (sim_fault_is_active(outage, now_us) && outage->until_us != INT64_MAX) {
        saying->extra = unavailable;
        blame(self, flow, saying, SIM_FAULT_ERP_OUTAGE);
        self->totals.failed++;
        flow->due_us = later(self, outage->until_us, 60);
        return SIM_AGAIN;
    }
    if ((flow->flags & FLAG_DOUBLED) != 0) {
        flow->flags &= (uint8_t)~FLAG_DOUBLED;
        saying->is_second_effect = true;
        saying->must_arrive = true;
        return SIM_GOES_ON;
    }
    if (happens(self, SIM_FAULT_MASTER_DATA, now_us)) {
        saying->extra = master_data[flow->serial % 3];
        blame(self, flow, saying, SIM_FAULT_MASTER_DATA);
        sim_step_omit(flow, saying->orders, saying->order_count);
        self->totals.failed++;
        return SIM_GOES_ON;
    }
    if (role == SIM_ROLE_ERP_SALE && happens(self, SIM_FAULT_DOUBLE, now_us)) {
        flow->flags |= FLAG_DOUBLED;
        blame(self, flow, saying, SIM_FAULT_DOUBLE);
        saying->must_arrive = true;
        flow->due_us = later(self, now_us + 500000, 5);
        return SIM_AGAIN;
    }
    return SIM_GOES_ON;
}

static enum sim_outcome meet_role(struct sim *self, struct sim_flow *flow, enum sim_role role,
                                  int64_t now_us, struct saying *saying)
{
    switch (role) {
    case SIM_ROLE_ERP:
    case SIM_ROLE_ERP_SALE:
        return post(self, flow, role, now_us, saying);
    case SIM_ROLE_API:
        if (flow->attempt < self->faults.of[SIM_FAULT_THROTTLING].tries &&
            happens(self, SIM_FAULT_THROTTLING, now_us)) {
            saying->extra = throttled;
            blame(self, flow, saying, SIM_FAULT_THROTTLING);
            self->totals.retrying++;
            unsigned power = flow->attempt < BACKOFF_MOST ? flow->attempt : BACKOFF_MOST;
            flow->due_us = later(self, now_us + (INT64_C(1000000) << power), 1);
            flow->attempt++;
            return SIM_AGAIN;
        }
        return SIM_GOES_ON;
    case SIM_ROLE_NONE:
    default:
        return SIM_GOES_ON;
    }
}

/* A till of a silent store: nothing is said. */
static bool is_silent(struct sim *self, const struct saying *saying, int64_t now_us)
{
    const struct sim_store *store = &self->estate.stores[saying->store];
    return saying->type->system == SIM_POS && now_us >= store->silent_from &&
           now_us < store->silent_until;
}

/* A flow that needs a silent store waits for its end, at the start of the flow it ends. */
static enum sim_outcome meet_silence(struct sim *self, struct sim_flow *flow,
                                     const struct sim_step *step, const struct saying *saying)
{
    int64_t until_us = self->estate.stores[saying->store].silent_until;
    if (step->per == SIM_EACH_STORE) {
        return SIM_GOES_ON;
    }
    if (flow->step == 0 || until_us == INT64_MAX) {
        return SIM_ENDS;
    }
    flow->due_us = later(self, until_us, 60);
    return SIM_AGAIN;
}

/* Postings during an outage in which not even failures are said. */
static bool is_mute(struct sim *self, struct sim_flow *flow, const struct saying *saying,
                    const struct sim_step *step, int64_t now_us)
{
    const struct sim_fault *outage = &self->faults.of[SIM_FAULT_ERP_OUTAGE];
    bool is_posting = step->role == SIM_ROLE_ERP || step->role == SIM_ROLE_ERP_SALE;
    if (!is_posting || outage->mute == 0 || !sim_fault_is_active(outage, now_us) ||
        outage->until_us == INT64_MAX) {
        return false;
    }
    blame(self, flow, saying, SIM_FAULT_ERP_OUTAGE);
    flow->flags |= FLAG_TRIED;
    flow->due_us = later(self, outage->until_us, 60);
    return true;
}

/* A fact about the step at hand of these orders. */
static void note_fault(struct sim *self, const struct sim_flow *flow, const struct saying *saying,
                       enum sim_fault_kind fault, int64_t now_us)
{
    const struct sim_kind_info *kind = &sim_kinds[flow->kind];
    const struct sim_step *step = sim_flow_step(flow);
    for (unsigned i = 0; i < saying->order_count && kind->object != 0; i++) {
        struct sim_flow of_order = *flow;
        struct sim_compose what = {
            .estate = &self->estate, .flow = &of_order, .salt = self->salt, .store = flow->store};
        char object[96];
        of_order.rep = (uint16_t)saying->orders[i];
        sim_types_object(kind->object, &what, object);
        sim_ledger_fact(self->ledger,
                        "\"fact\":\"%s\",\"workflow\":\"%s\",\"object\":\"%s\","
                        "\"step\":\"%s\",\"store\":\"%.4s\",\"at_us\":%lld",
                        sim_fault_name(fault), kind->name, object, step->name,
                        self->estate.stores[saying->store].id, (long long)now_us);
    }
    blame(self, flow, saying, fault);
}

static bool is_meant(const struct sim_fault *fault, const struct sim_flow *flow)
{
    const char *name = sim_flow_step(flow)->name;
    return fault->is_on &&
           (strcmp(fault->workflow, "any") == 0 ||
            strcmp(fault->workflow, sim_kinds[flow->kind].name) == 0) &&
           (fault->step[0] == 0 || strcmp(fault->step, "any") == 0 ||
            (name != NULL && strcmp(fault->step, name) == 0));
}

/* Whether a fault keeps the step at hand from happening now: for good, or until its deadline has
 * passed. */
static bool is_kept_back(struct sim *self, struct sim_flow *flow, const struct saying *saying,
                         int64_t now_us, enum sim_outcome *ret_outcome)
{
    const struct sim_step *step = sim_flow_step(flow);
    const struct sim_fault *missing = &self->faults.of[SIM_FAULT_STEP_MISSING];
    const struct sim_fault *slow = &self->faults.of[SIM_FAULT_SLOW_STEP];
    const struct sim_fault *mute = &self->faults.of[SIM_FAULT_ACK_MISSING];
    if (step->within_s == 0 || flow->flags != 0) {
        return false;
    }
    if (step->per == SIM_EACH_STORE) {
        bool is_left_out = is_meant(mute, flow) &&
                           (mute->store[0] == 0 ||
                            strncmp(mute->store, self->estate.stores[saying->store].id, 4) == 0) &&
                           happens(self, SIM_FAULT_ACK_MISSING, now_us);
        if (is_left_out) {
            note_fault(self, flow, saying, SIM_FAULT_ACK_MISSING, now_us);
            *ret_outcome = SIM_GOES_ON;
        }
        return is_left_out;
    }
    if (step->per == SIM_EACH_PARCEL && flow->rep != 0) {
        return false; /* the first parcel stands for all */
    }
    if (is_meant(missing, flow) && happens(self, SIM_FAULT_STEP_MISSING, now_us)) {
        note_fault(self, flow, saying, SIM_FAULT_STEP_MISSING, now_us);
        sim_step_omit(flow, saying->orders, saying->order_count);
        *ret_outcome = SIM_GOES_ON;
        return true;
    }
    if (is_meant(slow, flow) && step->within_s <= slow->delay_s &&
        happens(self, SIM_FAULT_SLOW_STEP, now_us)) {
        note_fault(self, flow, saying, SIM_FAULT_SLOW_STEP, now_us);
        flow->flags |= FLAG_SLOWED;
        flow->due_us =
            later(self, now_us + ((int64_t)step->within_s + 1) * 1000000, step->within_s * 0.5);
        *ret_outcome = SIM_AGAIN;
        return true;
    }
    return false;
}

/* An order is cancelled when the goods should be taken from the shelf. */
static bool is_cancelled(struct sim *self, const struct sim_flow *flow, struct saying *saying,
                         int64_t now_us)
{
    if ((saying->type_index != SIM_T_WMS_PICKED && saying->type_index != SIM_T_POS_READY) ||
        flow->orders != 1 || flow->rep != 0 || flow->flags != 0 ||
        !happens(self, SIM_FAULT_CANCELLATION, now_us)) {
        return false;
    }
    note_fault(self, flow, saying, SIM_FAULT_CANCELLATION, now_us);
    saying->type_index = SIM_T_WEB_CANCELLED;
    saying->type = &self->types.templates[SIM_T_WEB_CANCELLED];
    return true;
}

static void say_variant(struct sim *self, struct saying *saying, const char *verb)
{
    saying->type_index = sim_types_variant(&self->types, saying->type->base, verb);
    TW_ASSERT(saying->type_index < SIM_TEMPLATES_MAX);
    saying->type = &self->types.templates[saying->type_index];
}

/* The step fails as the workflow's own event for it says. */
static bool is_refused(struct sim *self, struct sim_flow *flow, struct saying *saying,
                       int64_t now_us, enum sim_outcome *ret_outcome)
{
    const struct sim_step *step = sim_flow_step(flow);
    const struct sim_fault *fault = &self->faults.of[SIM_FAULT_STEP_FAILED];
    if (step->failure == NULL || flow->flags != 0 || !is_meant(fault, flow) ||
        (step->per == SIM_EACH_PARCEL && flow->rep != 0) ||
        !happens(self, SIM_FAULT_STEP_FAILED, now_us)) {
        return false;
    }
    note_fault(self, flow, saying, SIM_FAULT_STEP_FAILED, now_us);
    say_variant(self, saying, step->failure);
    saying->extra = rejected;
    self->totals.failed++;
    *ret_outcome = SIM_GOES_ON;
    if (step->per == SIM_EACH_STORE) {
        return true;
    }
    if (sim_random_unit(&self->chance) < fault->again) {
        flow->due_us = later(self, now_us + 1000000, fault->delay_s);
        *ret_outcome = SIM_AGAIN;
    } else {
        sim_step_omit(flow, saying->orders, saying->order_count);
    }
    return true;
}

/* What has been done will be taken back: the step at hand happens again, and is that. */
static enum sim_outcome regret(struct sim *self, struct sim_flow *flow, const struct saying *saying,
                               int64_t now_us)
{
    const struct sim_step *step = sim_flow_step(flow);
    const struct sim_fault *fault = &self->faults.of[SIM_FAULT_TAKEN_BACK];
    if (step->taken_back == NULL || flow->flags != 0 || !is_meant(fault, flow) ||
        !happens(self, SIM_FAULT_TAKEN_BACK, now_us)) {
        return SIM_GOES_ON;
    }
    note_fault(self, flow, saying, SIM_FAULT_TAKEN_BACK, now_us);
    flow->flags |= FLAG_BACK;
    flow->due_us = later(self, now_us + 1000000, 20);
    return SIM_AGAIN;
}

static void note_deed(struct sim *self, const struct sim_flow *flow, const struct saying *saying,
                      int64_t now_us)
{
    if (self->runs == NULL) {
        return;
    }
    struct sim_deed deed = {.orders = saying->orders,
                            .order_count = saying->order_count,
                            .outcome = SIM_DEED_DONE,
                            .cause = saying->extra.cause,
                            .at_us = now_us,
                            .store = saying->store};
    if (saying->is_taken_back) {
        deed.outcome = SIM_DEED_TAKEN_BACK;
    } else if (saying->type_index == SIM_T_WEB_CANCELLED) {
        deed.outcome = SIM_DEED_CANCELLED;
    } else if (saying->extra.cause != NULL) {
        deed.outcome = SIM_DEED_FAILED;
    } else if (saying->extra.text == throttled.text) {
        deed.outcome = SIM_DEED_RETRYING;
    }
    sim_runs_note(self->runs, sim_queue_number(self->queue, flow), flow, &deed);
}

/* What comes after a step that was said. Nobody hears of an offline store before it is back. */
static enum sim_outcome go_on(struct sim *self, struct sim_flow *flow, const struct saying *saying,
                              enum sim_outcome outcome, int64_t now_us)
{
    const struct sim_store *store = &self->estate.stores[saying->store];
    bool is_offline = saying->type->system == SIM_POS && now_us >= store->offline_from &&
                      now_us < store->offline_until;
    if (is_offline) {
        blame(self, flow, saying, SIM_FAULT_OFFLINE);
    }
    if (is_offline && outcome == SIM_GOES_ON && sim_flow_step(flow)->per != SIM_EACH_STORE) {
        flow->due_us = store->offline_until;
        outcome = store->offline_until == INT64_MAX ? SIM_ENDS : outcome;
    }
    flow->flags = outcome == SIM_AGAIN ? (uint8_t)(flow->flags | FLAG_TRIED) : 0;
    return outcome;
}

/* What the step at hand comes to, and the event that says so. */
static enum sim_outcome happen(struct sim *self, struct sim_flow *flow, struct saying *saying,
                               int64_t now_us)
{
    const struct sim_step *step = sim_flow_step(flow);
    enum sim_outcome outcome = SIM_GOES_ON;
    if ((flow->flags & FLAG_BACK) != 0) {
        say_variant(self, saying, step->taken_back);
        saying->is_taken_back = true;
        sim_step_omit(flow, saying->orders, saying->order_count);
        return SIM_GOES_ON;
    }
    if (is_cancelled(self, flow, saying, now_us)) {
        set_source(self, flow, step, saying);
        return SIM_ENDS;
    }
    if (is_refused(self, flow, saying, now_us, &outcome)) {
        return outcome;
    }
    if (step->role != SIM_ROLE_NONE) {
        outcome = meet_role(self, flow, step->role, now_us, saying);
    }
    bool is_done = outcome == SIM_GOES_ON && saying->extra.cause == NULL;
    return is_done ? regret(self, flow, saying, now_us) : outcome;
}

int sim_emit(struct sim *self, struct sim_flow *flow, int64_t now_us, enum sim_outcome *ret_outcome,
             struct tw_diag *diag)
{
    const struct sim_step *step = sim_flow_step(flow);
    struct saying saying = {
        .type = &self->types.templates[step->type], .type_index = step->type, .extra = no_extra};
    set_source(self, flow, step, &saying);
    saying.order_count = sim_step_orders(flow, saying.orders);
    flow->due_us = now_us;
    if (saying.order_count == 0) {
        flow->flags = 0;
        *ret_outcome = SIM_GOES_ON;
        return TW_OK;
    }
    if (is_silent(self, &saying, now_us)) {
        blame(self, flow, &saying, SIM_FAULT_SILENT);
        *ret_outcome = meet_silence(self, flow, step, &saying);
        return TW_OK;
    }
    if (is_mute(self, flow, &saying, step, now_us)) {
        *ret_outcome = SIM_AGAIN;
        return TW_OK;
    }
    if (is_kept_back(self, flow, &saying, now_us, ret_outcome)) {
        return TW_OK;
    }
    enum sim_outcome outcome = happen(self, flow, &saying, now_us);
    int result = say(self, flow, &saying, now_us, diag);
    if (result == TW_OK) {
        note_deed(self, flow, &saying, now_us);
        *ret_outcome = go_on(self, flow, &saying, outcome, now_us);
    }
    return result;
}
