/* SPDX-License-Identifier: Apache-2.0
 * The property that tracking stands on: any permutation of the same events, in any batches, with
 * ticks and restarts anywhere (with and without a saved state), ends in the same runs, the same
 * queues, the same counts and the same decisions. The same events in order of time, in one batch
 * and without a restart, are the measure. On the way, what is counted of stores, systems and
 * regions is what counting all runs anew gives. Seeds: TW_SEEDS (default 1000), from TW_FIRST_SEED.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"
#include "track/internal.h"
#include "recount.h"
#include "track/live.h"

#define EVENTS_MAX  60
#define INPUTS_MAX  400
#define SUMS_MAX    600
#define TEXT_BYTES  (256 * 1024)
#define SEEDS_A_ROW 100
#define NOW_S       INT64_C(1795255200)
#define SPAN_S      3600

static const char configuration[] =
    "taps:\n"
    "  - {name: acked, kind: router, bind: [\"tcp://127.0.0.1:8462\"]}\n"
    "track: {linger-s: 86400, expected-stores: [\"1\", \"2\", \"3\"]}\n"
    "correlate: {max-links: 6}\n";

static const char *const files[][2] = {
    {"sale.yaml",
     "name: sale\nowner: o\ntiming: queued\nobject: transaction\n"
     "steps:\n"
     "  - {name: sold, system: pos, event: sold}\n"
     "  - {name: routed, system: middleware, event: routed, after: sold, within: 5min}\n"
     "  - {name: posted, system: erp, event: posted, failure: rejected, compensation: reversed,\n"
     "     after: routed, within: 10min, destination: true}\n"
     "  - {name: accrued, system: loyalty, event: accrued, after: routed, within: 7min,\n"
     "     when: customerref, destination: true}\n"
     "objectives:\n"
     "  - {name: sales-complete, kind: completion, target: 99%, window: 1d}\n"
     "  - {name: sales-posted, kind: latency, step: posted, within: 12min, target: 99%,\n"
     "     window: 1d}\n"},
    {"order.yaml",
     "name: order\nowner: o\ntiming: queued\nobject: order\n"
     "steps:\n"
     "  - {name: placed, system: ecommerce, event: placed}\n"
     "  - {name: paid, system: payment, event: paid, after: placed, within: 10min}\n"
     "  - {name: told, system: crm, event: told, after: placed, optional: true, within: 3min}\n"
     "  - {name: shipped, system: wms, event: shipped, after: [paid], within: 30min,\n"
     "     destination: true}\n"
     "objectives:\n"
     "  - {name: orders-complete, kind: completion, target: 95%, window: 1d}\n"
     "  - {name: orders-shipped, kind: latency, step: shipped, from: paid, within: 20min,\n"
     "     target: 95%, window: 1d}\n"},
    {"price.yaml",
     "name: price\nowner: o\ntiming: queued\nobject: promotion\n"
     "steps:\n"
     "  - {name: published, system: erp, event: published}\n"
     "  - {name: applied, system: pos, event: applied, after: published, within: 20min,\n"
     "     each: store, destination: true}\n"
     "objectives:\n"
     "  - {name: prices-everywhere, kind: completeness, step: applied, target: 95%,\n"
     "     window: 1d}\n"},
};

/* What events may be: type, system, object attributes they carry (t o s p: transaction, order,
 * shipment, promotion). */
static const struct {
    const char *type;
    const char *system;
    const char *carries;
} kinds[] = {
    {"sold", "pos", "t"},         {"routed", "middleware", "t"}, {"posted", "erp", "t"},
    {"rejected", "erp", "t"},     {"reversed", "erp", "t"},      {"accrued", "loyalty", "t"},
    {"placed", "ecommerce", "o"}, {"paid", "payment", "o"},      {"told", "crm", "o"},
    {"packed", "wms", "os"},      {"shipped", "wms", "s"},       {"published", "erp", "p"},
    {"applied", "pos", "p"},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

struct event {
    size_t kind;
    int64_t time_ns;
    char outcome[16];
    char store[4];
    char region[8];
    char customer[4];
    struct tw_object objects[4];
    uint32_t object_count;
    char ids[4][8];
    uint32_t source;
};

/* An input of the tracker, as the store would keep it. */
struct input {
    int event; /* index; -1: a tick */
    uint64_t n;
    tw_wall_t at;
};

/* A sum of what was emitted. */
struct sum {
    char key[96];
    int64_t a;
    int64_t b;
};

struct world {
    uint64_t random;
    struct event events[EVENTS_MAX];
    int event_count;
};

struct play {
    const struct world *world;
    struct tw_tracker *tracker;
    struct tw_arena arena;
    struct input inputs[INPUTS_MAX];
    size_t input_count;
    size_t committed; /* inputs that an emit has covered */
    struct sum sums[SUMS_MAX];
    size_t sum_count;
    void *saved;
    size_t saved_len;
    size_t saved_at; /* inputs that it covers */
    char *text;
    size_t text_len;
};

static struct tw_cfg *cfg;
static const struct tw_workflows *set;

static void must(int rc, const char *what)
{
    if (rc != TW_OK) {
        (void)printf("Bail out! %s: %s\n", what, tw_err_text(rc));
        exit(1);
    }
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int below(uint64_t *state, int bound)
{
    return (int)(next_random(state) % (uint64_t)bound);
}

/* --- the world -------------------------------------------------------------------------------- */

static int object_code(const void *context, const char *type)
{
    (void)context;
    for (size_t i = 0; i < cfg->object_count; i++) {
        if (strcmp(cfg->objects[i].type, type) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void add_object(struct event *event, const char *type, int number, const char *scope)
{
    char *id = event->ids[event->object_count];
    (void)snprintf(id, sizeof event->ids[0], "%d", number);
    event->objects[event->object_count++] = (struct tw_object){
        .type = (uint16_t)object_code(NULL, type), .id = tw_str_of(id), .scope = tw_str_of(scope)};
}

static void make_event(struct world *self, struct event *event)
{
    uint64_t *random = &self->random;
    *event = (struct event){.kind = (size_t)below(random, (int)KINDS)};
    event->time_ns = (NOW_S - 1 - below(random, SPAN_S)) * TW_NS_PER_S + below(random, 1000000000);
    event->source = (uint32_t)event->kind;
    int dice = below(random, 10);
    (void)snprintf(event->outcome, sizeof event->outcome, "%s",
                   dice == 0                            ? "failed"
                   : dice == 1                          ? "retrying"
                   : dice == 2 && below(random, 3) == 0 ? "compensated"
                                                        : "");
    (void)snprintf(event->store, sizeof event->store, "%d", 1 + below(random, 4));
    if (below(random, 3) == 0) { /* mostly the store is in one region; some events say another */
        (void)snprintf(event->region, sizeof event->region, "r%d",
                       below(random, 4) == 0 ? below(random, 3) : event->store[0] % 2);
    }
    if (below(random, 5) == 0) {
        event->store[0] = '\0';
    }
    (void)snprintf(event->customer, sizeof event->customer, "%s", below(random, 2) == 0 ? "c" : "");
    for (const char *p = kinds[event->kind].carries; *p != '\0'; p++) {
        if (*p == 't') {
            add_object(event, "transaction", below(random, 3), "1");
        } else if (*p == 'o') {
            add_object(event, "order", below(random, 4), "");
            if (below(random, 3) == 0) {
                add_object(event, "order", below(random, 4), "");
            }
        } else if (*p == 's') {
            add_object(event, "shipment", below(random, 3), "");
        } else {
            add_object(event, "promotion", below(random, 2), "");
        }
    }
}

static void make_world(struct world *self, uint64_t seed)
{
    self->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    self->event_count = 10 + below(&self->random, EVENTS_MAX - 10);
    for (int i = 0; i < self->event_count; i++) {
        make_event(self, &self->events[i]);
    }
}

/* --- the tracker ------------------------------------------------------------------------------ */

static void open_tracker(struct play *self)
{
    const struct tw_tracker_options options = {
        .cfg = cfg, .workflows = set, .object_code = object_code, .seed = 7};
    must(tw_tracker_new(&options, &self->tracker), "tracker");
}

static void feed_event(struct play *self, const struct input *input)
{
    const struct event *row = &self->world->events[input->event];
    struct tw_event event = {.has_time = true, .time = {row->time_ns}};
    char source[16];
    (void)snprintf(source, sizeof source, "/%zu", row->kind);
    event.attr[TW_ATTR_ID] = TW_STR_LIT("1");
    event.attr[TW_ATTR_SOURCE] = tw_str_of(source);
    event.attr[TW_ATTR_TYPE] = tw_str_of(kinds[row->kind].type);
    event.attr[TW_ATTR_SYSTEM] = tw_str_of(kinds[row->kind].system);
    event.attr[TW_ATTR_STOREID] = tw_str_of(row->store);
    event.attr[TW_ATTR_REGION] = tw_str_of(row->region);
    if (row->outcome[0] != '\0') {
        event.attr[TW_ATTR_OUTCOME] = tw_str_of(row->outcome);
        event.attr[TW_ATTR_ERRORCLASS] = TW_STR_LIT("timeout");
        event.attr[TW_ATTR_ERRORCODE] = TW_STR_LIT("E1");
    }
    if (row->customer[0] != '\0') {
        event.attr[TW_ATTR_CUSTOMERREF] = tw_str_of(row->customer);
    }
    struct tw_record record = {.n = input->n,
                               .kind = TW_RECORD_EVENT,
                               .received = input->at,
                               .time = {row->time_ns},
                               .has_time = true,
                               .source = row->source,
                               .objects = row->objects,
                               .object_count = row->object_count};
    const struct tw_track_note *note = NULL;
    must(tw_tracker_note(self->tracker, &event, &self->arena, &note), "note");
    must(tw_tracker_apply(self->tracker, &record, note), "apply");
}

static void feed(struct play *self, const struct input *input)
{
    if (input->event >= 0) {
        feed_event(self, input);
    } else {
        const struct tw_track_tick tick = {input->at, input->at};
        must(tw_tracker_tick(self->tracker, &tick), "tick");
    }
}

static void add_input(struct play *self, int event, uint64_t n, int64_t at_ns)
{
    TW_ASSERT(self->input_count < INPUTS_MAX);
    struct input *input = &self->inputs[self->input_count++];
    *input = (struct input){event, n, {at_ns}};
    feed(self, input);
}

static void add_sum(struct play *self, const char *key, int64_t a, int64_t b)
{
    for (size_t i = 0; i < self->sum_count; i++) {
        if (strcmp(self->sums[i].key, key) == 0) {
            self->sums[i].a += a;
            self->sums[i].b += b;
            return;
        }
    }
    TW_ASSERT(self->sum_count < SUMS_MAX);
    struct sum *sum = &self->sums[self->sum_count++];
    (void)snprintf(sum->key, sizeof sum->key, "%s", key);
    sum->a = a;
    sum->b = b;
}

/* --- stores and systems, counted anew --------------------------------------------------------- */

struct recount {
    uint64_t waiting;
    uint64_t overdue;
    uint64_t failed;
    int64_t since_ns; /* of the oldest that waits; INT64_MAX: none */
};

static void recount_step(struct recount *row, enum tw_waits waits, int64_t since_ns)
{
    row->waiting += waits == TW_WAITS_IN_TIME ? 1 : 0;
    row->overdue += waits == TW_WAITS_OVERDUE ? 1 : 0;
    row->failed += waits == TW_WAITS_FAILED || waits == TW_WAITS_LOST ? 1 : 0;
    bool does_wait = waits == TW_WAITS_IN_TIME || waits == TW_WAITS_OVERDUE;
    row->since_ns = does_wait && since_ns < row->since_ns ? since_ns : row->since_ns;
}

#define STORES 8
static void check_counts(struct play *self)
{
    struct tw_tracker *tracker = self->tracker;
    struct recount stores[STORES] = {0};
    static struct recount systems[TW_WATERMARK_SYSTEMS];
    static struct tw_system_lag lags[TW_WATERMARK_SYSTEMS];
    for (size_t i = 0; i < TW_WATERMARK_SYSTEMS; i++) {
        systems[i] = (struct recount){.since_ns = INT64_MAX};
        stores[i % STORES] = systems[i];
    }
    for (uint32_t id = 0; id < tracker->run_count; id++) {
        const struct tw_open_run *run = tracker->runs[id];
        const struct tw_flow *flow = run == NULL ? NULL : &tracker->flows[run->version];
        for (size_t i = 0; flow != NULL && i < flow->workflow->step_count; i++) {
            enum tw_waits waits = tw_run_waits(run, i);
            recount_step(&systems[flow->steps[i].system], waits, tw_run_since(run, i));
            if (run->store != 0 && !flow->is_fan_out) {
                recount_step(&stores[run->store], waits, tw_run_since(run, i));
            }
        }
    }
    for (uint32_t i = 0; i < tracker->store_stats_count && i < STORES; i++) {
        const struct tw_store_stats *row = &tracker->store_stats[i];
        struct tw_store_oldest oldest;
        recount_must_be((int64_t)stores[i].waiting, (int64_t)row->waiting, "waiting in store", i);
        recount_must_be((int64_t)stores[i].overdue, (int64_t)row->overdue, "overdue in store", i);
        recount_must_be((int64_t)stores[i].failed, (int64_t)row->failed, "failed in store", i);
        bool waits = tw_stores_oldest(tracker, i, &oldest);
        recount_must_be(stores[i].since_ns, waits ? oldest.since_ns : INT64_MAX, "oldest of store",
                        i);
    }
    tw_systems_lag(tracker, lags);
    for (uint32_t i = 0; i < TW_WATERMARK_SYSTEMS; i++) {
        int64_t mark_ns = tw_watermark_of(&tracker->watermark, (uint16_t)i).ns;
        int64_t since_ns = systems[i].since_ns;
        recount_must_be((int64_t)systems[i].waiting, (int64_t)lags[i].waiting, "waiting for system",
                        i);
        recount_must_be((int64_t)systems[i].overdue, (int64_t)lags[i].overdue, "overdue of system",
                        i);
        recount_must_be((int64_t)systems[i].failed, (int64_t)lags[i].failed, "failed of system", i);
        recount_must_be(mark_ns <= since_ns ? 0 : mark_ns - since_ns, lags[i].oldest_ns,
                        "oldest of system", i);
    }
    recount_regions(tracker);
}

/* Which deadlines fired before what they waited for came: that is a matter of when it came. */
static bool depends_on_when(const struct tw_series_info *info)
{
    bool is_failures =
        strcmp(info->metric, "failures") == 0 || strcmp(info->metric, "system_failures") == 0;
    return is_failures && strstr(info->labels, "\"cause\":\"missing\"") != NULL;
}

/* What the store would add up. */
static void commit(struct play *self, bool must_snapshot)
{
    const struct tw_track_emit options = {
        .with_live = must_snapshot, .must_snapshot = must_snapshot, .last_n = self->input_count};
    const struct tw_track_changes *changes = NULL;
    char key[96];
    if (self->input_count % 2 == 0) { /* asking for the oldest puts heaps in order: not each time */
        check_counts(self);
    }
    must(tw_tracker_emit(self->tracker, &options, &self->arena, &changes), "emit");
    for (size_t i = 0; i < changes->decision_count; i++) {
        const struct tw_decision *row = &changes->decisions[i];
        (void)snprintf(key, sizeof key, "decision %.*s %" PRId64, (int)row->objective.len,
                       row->objective.ptr, row->minute);
        add_sum(self, key, row->good, row->bad);
    }
    for (size_t i = 0; i < changes->spend_count; i++) {
        const struct tw_spend *row = &changes->spends[i];
        (void)snprintf(key, sizeof key, "spend %.*s %" PRId64 " %d %.*s %.*s",
                       (int)row->objective.len, row->objective.ptr, row->hour, (int)row->cause,
                       (int)row->system.len, row->system.ptr, (int)row->store.len, row->store.ptr);
        add_sum(self, key, row->bad, 0);
    }
    for (size_t i = 0; i < changes->point_count; i++) {
        const struct tw_series_info *info = &self->tracker->series[changes->points[i].series];
        if (info->kind == TW_SERIES_SUM && !depends_on_when(info)) {
            (void)snprintf(key, sizeof key, "%s %.70s", info->metric, info->labels);
            add_sum(self, key, changes->points[i].value, 0);
        }
    }
    if (changes->snapshot != NULL) {
        free(self->saved);
        self->saved = changes->snapshot;
        self->saved_len = changes->snapshot_len;
        self->saved_at = self->input_count;
    }
    self->committed = self->input_count;
    tw_arena_reset(&self->arena);
}

/* As after a kill: what was committed is repeated behind the saved state, or from the start. */
static void restart(struct play *self, bool with_saved)
{
    size_t from = 0;
    tw_tracker_destroy(&self->tracker);
    open_tracker(self);
    if (with_saved && self->saved != NULL) {
        uint64_t n = 0;
        must(tw_tracker_restore(self->tracker, self->saved, self->saved_len, &n), "restore");
        from = self->saved_at;
    }
    for (size_t i = from; i < self->committed; i++) {
        feed(self, &self->inputs[i]);
    }
    tw_tracker_settle_replay(self->tracker);
    check_counts(self);
}

/* --- what it comes to ------------------------------------------------------------------------- */

static void say(struct play *self, const char *line)
{
    size_t len = strlen(line);
    TW_ASSERT(self->text_len + len < TEXT_BYTES);
    memcpy(self->text + self->text_len, line, len + 1);
    self->text_len += len;
}

static void say_run(struct play *self, const char *workflow, const char *type, int number,
                    const char *scope)
{
    char id[16];
    char line[256];
    (void)snprintf(id, sizeof id, "%d", number);
    const struct tw_object object = {
        .type = (uint16_t)object_code(NULL, type), .id = tw_str_of(id), .scope = tw_str_of(scope)};
    struct tw_tracker_run run;
    if (tw_tracker_look(self->tracker, workflow, &object, &run) != TW_OK) {
        return;
    }
    (void)snprintf(line, sizeof line, "%s %s %d: %s\n", workflow, type, number,
                   tw_run_state_name(run.state));
    say(self, line);
    for (size_t i = 0; i < run.workflow->step_count; i++) {
        const struct tw_step_status *step = &run.steps[i];
        (void)snprintf(line, sizeof line,
                       "  %s %s attempts %u cause %d time %" PRId64 " since %" PRId64
                       " due %" PRId64 " answered %u%s%s%s\n",
                       run.workflow->steps[i].name, tw_step_state_name(step->state), step->attempts,
                       (int)step->cause, step->time.ns, step->since.ns, step->due.ns,
                       step->answered, step->is_late ? " late" : "",
                       step->has_recovered ? " recovered" : "",
                       step->is_compensated ? " compensated" : "");
        say(self, line);
    }
}

static int by_key(const void *a, const void *b)
{
    const struct sum *first = a;
    const struct sum *second = b;
    return strcmp(first->key, second->key);
}

static void say_stores(struct play *self)
{
    char line[256];
    for (int i = 1; i <= 4; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", i);
        uint32_t word = tw_words_find(&self->tracker->stores, tw_str_of(name));
        struct tw_store_stats none = {0};
        const struct tw_store_stats *row =
            word < self->tracker->store_stats_count ? &self->tracker->store_stats[word] : &none;
        (void)snprintf(line, sizeof line,
                       "store %d waiting %" PRIu64 " overdue %" PRIu64 " failed %" PRIu64
                       " latest %" PRId64 "\n",
                       i, row->waiting, row->overdue, row->failed,
                       word == 0 || word > self->tracker->store_seen_count
                           ? 0
                           : self->tracker->store_event_ns[word - 1]);
        say(self, line);
    }
}

static void say_regions(struct play *self)
{
    for (size_t i = 0; i < self->tracker->stats_count; i++) {
        json_t *json = tw_live_regions(self->tracker, &self->tracker->stats[i]);
        char *text = json_dumps(json, JSON_COMPACT);
        must(text == NULL ? TW_ENOMEM : TW_OK, "regions");
        say(self, text);
        say(self, "\n");
        free(text);
        json_decref(json);
    }
}

/* All that was ever counted is still there. */
static void check_sums(struct play *self)
{
    char key[96];
    for (size_t i = 0; i < self->tracker->stats_count; i++) {
        const struct tw_flow_stats *stats = &self->tracker->stats[i];
        for (uint32_t row = 0; row < TW_TRACK_REGION_FIRST + stats->region_count; row++) {
            const struct tw_region_stats *of = &stats->regions[row];
            const char *name = tw_regions_name(self->tracker, stats, row);
            int64_t done = 0;
            int64_t failed = 0;
            for (size_t k = 0; k < self->sum_count; k++) {
                (void)snprintf(key, sizeof key,
                               "region_done {\"region\":\"%s\",\"workflow\":\"%s\"}", name,
                               stats->name);
                done += strcmp(self->sums[k].key, key) == 0 ? self->sums[k].a : 0;
                (void)snprintf(key, sizeof key,
                               "region_failed {\"region\":\"%s\",\"workflow\":\"%s\"}", name,
                               stats->name);
                failed += strcmp(self->sums[k].key, key) == 0 ? self->sums[k].a : 0;
            }
            recount_must_be((int64_t)(of->by_state[TW_RUN_IS_COMPLETED] +
                                      of->by_state[TW_RUN_IS_RECOVERED] +
                                      of->by_state[TW_RUN_IS_COMPENSATED]),
                            done, "sum of done in row", row);
            recount_must_be((int64_t)of->failures, failed, "sum of failed in row", row);
        }
    }
}

static void say_counts(struct play *self)
{
    char line[256];
    say_stores(self);
    say_regions(self);
    for (size_t i = 0; i < self->tracker->stats_count; i++) {
        const struct tw_flow_stats *stats = &self->tracker->stats[i];
        (void)snprintf(line, sizeof line, "%s open %" PRIu64 "\n", stats->name, stats->open);
        say(self, line);
        for (int k = 0; k <= TW_RUN_IS_COMPENSATED; k++) {
            (void)snprintf(line, sizeof line, "  state %d: %" PRIu64 "\n", k, stats->by_state[k]);
            say(self, line);
        }
        for (uint32_t k = 0; k < stats->step_count; k++) {
            const struct tw_step_stats *step = &stats->steps[k];
            (void)snprintf(line, sizeof line,
                           "  %s waiting %" PRIu64 " overdue %" PRIu64 " failed %" PRIu64
                           " oldest %" PRId64 "\n",
                           step->name, step->waiting, step->overdue, step->failed,
                           tw_deadlines_oldest(self->tracker, (uint32_t)i, k));
            say(self, line);
        }
    }
    for (size_t i = 0; i < self->tracker->objective_count; i++) {
        (void)snprintf(line, sizeof line, "%s undecided %" PRId64 "\n",
                       self->tracker->objectives[i].name, self->tracker->objectives[i].undecided);
        say(self, line);
    }
    qsort(self->sums, self->sum_count, sizeof self->sums[0], by_key);
    for (size_t i = 0; i < self->sum_count; i++) {
        const struct sum *sum = &self->sums[i];
        if (sum->a != 0 || sum->b != 0) {
            (void)snprintf(line, sizeof line, "%s: %" PRId64 " %" PRId64 "\n", sum->key, sum->a,
                           sum->b);
            say(self, line);
        }
    }
}

static void say_all(struct play *self)
{
    for (int i = 0; i < 4; i++) {
        say_run(self, "sale", "transaction", i, "1");
        say_run(self, "order", "order", i, "");
        say_run(self, "price", "promotion", i, "");
    }
    say_counts(self);
}

/* --- plays ------------------------------------------------------------------------------------ */

static void finish(struct play *self)
{
    int64_t at_ns = NOW_S * TW_NS_PER_S + 3600 * TW_NS_PER_S;
    add_input(self, -1, 0, at_ns);
    check_counts(self);
    commit(self, false);
    check_sums(self);
    say_all(self);
}

static struct play *play_new(const struct world *world)
{
    struct play *self = calloc(1, sizeof *self);
    char *text = malloc(TEXT_BYTES);
    if (self == NULL || text == NULL) {
        must(TW_ENOMEM, "memory");
        abort();
    }
    self->world = world;
    self->text = text;
    self->text[0] = '\0';
    tw_arena_init(&self->arena, (size_t)64 << 20);
    open_tracker(self);
    return self;
}

static void play_destroy(struct play *self)
{
    tw_tracker_destroy(&self->tracker);
    tw_arena_fini(&self->arena);
    free(self->saved);
    free(self->text);
    free(self);
}

static int by_time(const void *a, const void *b)
{
    const struct event *first = a;
    const struct event *second = b;
    return first->time_ns < second->time_ns ? -1 : (first->time_ns > second->time_ns ? 1 : 0);
}

static void play_in_order(struct play *self)
{
    for (int i = 0; i < self->world->event_count; i++) {
        add_input(self, i, (uint64_t)i + 1, NOW_S * TW_NS_PER_S + i * TW_NS_PER_MS);
    }
    finish(self);
}

static void play_anyhow(struct play *self, uint64_t *random)
{
    int order[EVENTS_MAX];
    int count = self->world->event_count;
    for (int i = 0; i < count; i++) {
        order[i] = i;
    }
    for (int i = count - 1; i > 0; i--) {
        int other = below(random, i + 1);
        int event = order[i];
        order[i] = order[other];
        order[other] = event;
    }
    for (int i = 0; i < count; i++) {
        int64_t at_ns = NOW_S * TW_NS_PER_S + i * TW_NS_PER_MS;
        add_input(self, order[i], (uint64_t)i + 1, at_ns);
        if (below(random, 4) == 0) { /* long enough for sources to count as silent, or not */
            int64_t later_s = below(random, 2) == 0 ? 0 : 61;
            add_input(self, -1, 0, at_ns + 1 + later_s * TW_NS_PER_S);
        }
        if (below(random, 4) == 0) {
            commit(self, below(random, 3) == 0);
            if (below(random, 3) == 0) {
                restart(self, below(random, 2) == 0);
            }
        }
    }
    finish(self);
}

static void show_difference(const char *expected, const char *actual)
{
    while (*expected != '\0' && *actual != '\0') {
        size_t a = strcspn(expected, "\n");
        size_t b = strcspn(actual, "\n");
        if (a != b || strncmp(expected, actual, a) != 0) {
            (void)printf("# expected %.*s\n#   actual %.*s\n", (int)a, expected, (int)b, actual);
            return;
        }
        expected += a + (expected[a] == '\n' ? 1 : 0);
        actual += b + (actual[b] == '\n' ? 1 : 0);
    }
    (void)printf("# one of both ends early: %.80s%.80s\n", expected, actual);
}

static bool try_seed(uint64_t seed)
{
    static struct world world;
    make_world(&world, seed);
    qsort(world.events, (size_t)world.event_count, sizeof world.events[0], by_time);
    for (int i = 0; i < world.event_count; i++) { /* they have moved */
        for (uint32_t k = 0; k < world.events[i].object_count; k++) {
            world.events[i].objects[k].id = tw_str_of(world.events[i].ids[k]);
        }
    }
    struct play *measure = play_new(&world);
    play_in_order(measure);
    bool is_same = true;
    for (int i = 0; i < 2 && is_same; i++) {
        struct play *other = play_new(&world);
        play_anyhow(other, &world.random);
        is_same = strcmp(measure->text, other->text) == 0;
        if (!is_same) {
            (void)printf("# seed %" PRIu64 "\n", seed);
            show_difference(measure->text, other->text);
        }
        play_destroy(other);
    }
    play_destroy(measure);
    return is_same;
}

static void load_definitions(void)
{
    char dir[] = "/tmp/tillwatch-permutations-XXXXXX";
    char path[128];
    char *dirs[] = {dir};
    must(tw_cfg_parse("test.yaml", configuration, strlen(configuration), stderr, &cfg), "cfg");
    if (mkdtemp(dir) == NULL) {
        must(TW_ESYSTEM, dir);
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i][0]);
        FILE *file = fopen(path, "w");
        must(file != NULL && fputs(files[i][1], file) >= 0 ? TW_OK : TW_EIO, path);
        must(file != NULL && fclose(file) == 0 ? TW_OK : TW_EIO, path);
    }
    cfg->workflows.has_pack = false;
    cfg->workflows.dirs = (struct tw_cfg_strings){dirs, 1};
    must(tw_workflows_load(cfg, stderr, &set), "workflows");
    cfg->workflows.dirs = (struct tw_cfg_strings){NULL, 0};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i][0]);
        (void)unlink(path); /* nothing depends on it any more */
    }
    (void)rmdir(dir);
}

static uint64_t number_of(const char *name, uint64_t initial)
{
    const char *text = getenv(name);
    return text == NULL ? initial : strtoull(text, NULL, 10);
}

int main(void)
{
    uint64_t seeds = number_of("TW_SEEDS", 1000);
    uint64_t first = number_of("TW_FIRST_SEED", 1);
    uint64_t rows = (seeds + SEEDS_A_ROW - 1) / SEEDS_A_ROW;
    bool is_good = true;
    load_definitions();
    (void)printf("1..%" PRIu64 "\n", rows);
    for (uint64_t row = 0; row < rows; row++) {
        uint64_t from = first + row * SEEDS_A_ROW;
        uint64_t until = from + SEEDS_A_ROW;
        until = until > first + seeds ? first + seeds : until;
        bool is_row_good = true;
        for (uint64_t seed = from; seed < until && is_row_good; seed++) {
            is_row_good = try_seed(seed);
        }
        (void)printf("%s %" PRIu64 " - track_permutations__seeds_%" PRIu64 "_to_%" PRIu64
                     "__end_in_the_same_state\n",
                     is_row_good ? "ok" : "not ok", row + 1, from, until - 1);
        is_good = is_good && is_row_good;
    }
    tw_workflows_unref(&set);
    tw_cfg_destroy(&cfg);
    return is_good ? 0 : 1;
}
