/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "intake/pipeline.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "causes/causes.h"
#include "core/log.h"
#include "correlate/correlate.h"
#include "event/decode.h"
#include "store/snapshot.h"
#include "track/tracker.h"

/* Closed batches that are not committed yet; more than the intake ever has under way. */
#define IN_FLIGHT_MAX 64
/* Problems of one message that its answer tells one by one. */
#define PROBLEMS_TOLD 10

/* What the decoder's sink works on during one message. */
struct receiving {
    const struct tw_message *message;
    uint64_t retry_of; /* quarantine entry that is tried again, 0: none */
    uint64_t events;
    uint64_t quarantined;
    json_t *told; /* array of problems, NULL until the first; owned */
    int rc;
};

struct tw_pipeline {
    const struct tw_cfg *cfg;
    struct tw_store *store;
    struct tw_idents *idents;
    struct tw_sources *sources;
    struct tw_correlator *correlator;
    struct tw_decoder *decoder;
    struct tw_arena scratch;  /* the decoder's when no batch is open (recovery) */
    struct tw_reader *reader; /* opened when the past is first asked for */
    struct tw_batch *batch;   /* being filled, borrowed */
    const struct tw_batch *in_flight[IN_FLIGHT_MAX]; /* oldest first, borrowed */
    size_t in_flight_count;
    struct receiving now;
    uint64_t next_n;
    uint64_t partition_records;
    tw_wall_t partition_started;
    uint64_t replayed;
    uint64_t tracked;
    struct tw_totals totals; /* outside a batch; moves into it at begin and back at close */
    uint64_t problems[TW_PROBLEM_COUNT];
    struct tw_tap_state *taps; /* by index of cfg->taps, then those of the store only */
    size_t tap_count;
    struct tw_str replay_sequence; /* sinks of the replay */
    struct tw_str replay_store;
    const struct tw_causes *causes; /* a reference; NULL: no rules */
    /* tracking; NULL: there is none */
    struct tw_tracker *tracker;
    bool has_workflows;                      /* the set that it began with has some */
    const struct tw_track_note *replay_note; /* sink of the replay */
    struct tw_track_tick tick;               /* its read_up_to: the taps were empty then */
    int64_t first_empty_ns;                  /* since the start; 0: not yet */
    bool is_last;
};

/* --- the past: earlier records by number ------------------------------------------------------ */

static bool find_in_batch(const struct tw_batch *batch, uint64_t n, struct tw_record *ret_record)
{
    if (batch == NULL || n < batch->first_n || n - batch->first_n >= batch->record_count) {
        return false;
    }
    *ret_record = batch->records[n - batch->first_n];
    return true;
}

static int past_record(void *context, uint64_t n, struct tw_arena *arena,
                       struct tw_record *ret_record)
{
    struct tw_pipeline *self = context;
    if (find_in_batch(self->batch, n, ret_record)) {
        return TW_OK;
    }
    for (size_t i = 0; i < self->in_flight_count; i++) {
        if (find_in_batch(self->in_flight[i], n, ret_record)) {
            return TW_OK;
        }
    }
    if (self->reader == NULL) {
        int rc = tw_reader_open(self->cfg->store.dir, &self->reader, NULL);
        if (rc != TW_OK) {
            return rc;
        }
    }
    struct tw_stored stored;
    int rc = tw_reader_record(self->reader, arena, n, &stored);
    if (rc == TW_OK && stored.payload_expired) {
        return TW_ENOTFOUND; /* what is left of it cannot be compared */
    }
    if (rc == TW_OK) {
        *ret_record = stored.record;
    }
    return rc;
}

/* --- recovery --------------------------------------------------------------------------------- */

static int recover_tap(void *context, const struct tw_tap_state *tap)
{
    struct tw_pipeline *self = context;
    for (size_t i = 0; i < self->tap_count; i++) {
        if (self->taps[i].tap == tap->tap) {
            self->taps[i] = *tap;
            return TW_OK;
        }
    }
    struct tw_tap_state *taps = realloc(self->taps, (self->tap_count + 1) * sizeof *taps);
    if (taps == NULL) {
        return TW_ENOMEM;
    }
    self->taps = taps;
    self->taps[self->tap_count++] = *tap; /* no longer configured; its counters live on */
    return TW_OK;
}

static int recover_source(void *context, const struct tw_source_state *source)
{
    struct tw_pipeline *self = context;
    uint64_t hash = tw_correlate_source_hash(self->correlator, source->name);
    return tw_sources_restore(self->sources, source, hash);
}

static void replay_event(void *context, const struct tw_event *event)
{
    struct tw_pipeline *self = context;
    self->replay_sequence = event->attr[TW_ATTR_SEQUENCE];
    self->replay_store = event->attr[TW_ATTR_STOREID];
}

static void replay_problem(void *context, const struct tw_problem *problem)
{
    (void)context; /* the stored form is always a valid event; a problem leaves nothing of it */
    (void)problem;
}

static int recover_record(void *context, const struct tw_record *record)
{
    struct tw_pipeline *self = context;
    self->replay_sequence = TW_STR_NULL;
    self->replay_store = TW_STR_NULL;
    if (record->kind == TW_RECORD_EVENT) {
        const struct tw_message message = {.body = record->json, .received = record->received};
        const struct tw_decode_sink sink = {self, replay_event, replay_problem};
        tw_decoder_run(self->decoder, &message, &sink);
    }
    int rc =
        tw_correlate_replay(self->correlator, record, self->replay_sequence, self->replay_store);
    tw_arena_reset(&self->scratch);
    return rc;
}

static void note_event(void *context, const struct tw_event *event)
{
    struct tw_pipeline *self = context;
    int rc = tw_tracker_note(self->tracker, event, &self->scratch, &self->replay_note);
    self->now.rc = self->now.rc == TW_OK ? rc : self->now.rc;
}

/* A record behind the tracker's snapshot. */
static int recover_tracked(void *context, const struct tw_record *record)
{
    struct tw_pipeline *self = context;
    if (record->kind != TW_RECORD_EVENT) {
        return TW_OK;
    }
    const struct tw_message message = {.body = record->json, .received = record->received};
    const struct tw_decode_sink sink = {self, note_event, replay_problem};
    self->replay_note = NULL;
    self->now.rc = TW_OK;
    tw_decoder_run(self->decoder, &message, &sink);
    int rc = self->now.rc == TW_OK ? tw_tracker_repeat(self->tracker, record, self->replay_note)
                                   : self->now.rc;
    tw_arena_reset(&self->scratch);
    return rc;
}

static int recover_tick(void *context, const struct tw_track_tick *tick)
{
    struct tw_pipeline *self = context;
    self->tick = *tick;
    return tw_tracker_tick(self->tracker, tick);
}

/* The tracker as it was saved. *ret_n: the record up to which it knows all; 0: none. */
static int restore_tracker(struct tw_pipeline *self, uint64_t *ret_n)
{
    const void *bytes = NULL;
    size_t len = 0;
    uint64_t n = 0;
    *ret_n = 0;
    int rc = tw_snapshot_read(self->store, &n, &bytes, &len);
    if (rc == TW_OK) {
        rc = tw_tracker_restore(self->tracker, bytes, len, ret_n);
        if (rc == TW_EDAMAGED) {
            tw_log(TW_LOG_SNAPSHOT_REFUSED_EVENT, TW_F_INT("n", n),
                   TW_F_CSTR("then", "tracking is made anew from the records"));
        }
    }
    tw_snapshot_release(&bytes, len);
    return rc == TW_ENOTFOUND || rc == TW_EDAMAGED ? TW_OK : rc;
}

static int recover(struct tw_pipeline *self, struct tw_diag *diag)
{
    struct tw_recovery recovery = {
        .context = self,
        .tap = recover_tap,
        .source = recover_source,
        .record = recover_record,
    };
    int rc = TW_OK;
    if (self->tracker != NULL) {
        rc = restore_tracker(self, &recovery.track_from_n);
        /* without workflows and without a past there is nothing that records could change */
        bool has_past = self->has_workflows || recovery.track_from_n > 0;
        recovery.track_record = has_past ? recover_tracked : NULL;
        recovery.track_tick = has_past ? recover_tick : NULL;
    }
    rc = rc == TW_OK ? tw_store_recover(self->store, &recovery, diag) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    if (self->tracker != NULL) {
        tw_tracker_settle_replay(self->tracker);
    }
    self->next_n = recovery.next_n;
    self->partition_records = recovery.partition_records;
    self->partition_started = recovery.partition_started;
    self->totals = recovery.totals;
    memcpy(self->problems, recovery.problems, sizeof self->problems);
    self->replayed = recovery.tail_records;
    self->tracked = recovery.track_records;
    return TW_OK;
}

static int taps_new(struct tw_pipeline *self)
{
    self->taps = calloc(self->cfg->tap_count + 1, sizeof *self->taps);
    if (self->taps == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < self->cfg->tap_count; i++) {
        int code = tw_store_tap_code(self->store, self->cfg->taps[i].name);
        TW_ASSERT(code >= 0); /* tw_store_open registered every tap */
        self->taps[self->tap_count++].tap = (uint16_t)code;
    }
    return TW_OK;
}

static int object_code(const void *context, const char *type)
{
    return tw_store_object_code(context, type);
}

static int tracker_new(struct tw_pipeline *self, const struct tw_workflows *workflows)
{
    const struct tw_tracker_options options = {
        .cfg = self->cfg,
        .workflows = workflows,
        .object_code = object_code,
        .context = self->store,
        .seed = tw_store_seed(self->store),
        .past = past_record,
        .past_context = self,
    };
    self->has_workflows = workflows != NULL && workflows->count > 0;
    return workflows == NULL ? TW_OK : tw_tracker_new(&options, &self->tracker);
}

int tw_pipeline_new(const struct tw_cfg *cfg, struct tw_store *store,
                    const struct tw_workflows *workflows, struct tw_pipeline **ret_pipeline,
                    struct tw_diag *diag)
{
    struct tw_pipeline *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    self->store = store;
    tw_arena_init(&self->scratch, (size_t)64 << 20);
    const struct tw_past past = {self, past_record};
    int rc = taps_new(self);
    if (rc == TW_OK) {
        rc = tw_sources_new(cfg, &self->sources);
    }
    if (rc == TW_OK) {
        rc = tw_ident_new(store, &self->idents, diag);
    }
    if (rc == TW_OK) {
        rc = tw_correlator_new(cfg, store, self->idents, self->sources, &past, &self->correlator);
    }
    if (rc == TW_OK) {
        rc = tw_decoder_new(cfg, &self->scratch, &self->decoder);
    }
    if (rc == TW_OK) {
        rc = tracker_new(self, workflows);
    }
    if (rc == TW_OK) {
        rc = recover(self, diag);
    }
    if (rc != TW_OK) {
        tw_pipeline_destroy(&self);
        return rc;
    }
    *ret_pipeline = self;
    return TW_OK;
}

void tw_pipeline_destroy(struct tw_pipeline **self_p)
{
    struct tw_pipeline *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    tw_tracker_destroy(&self->tracker);
    tw_causes_unref(&self->causes);
    tw_reader_close(&self->reader);
    tw_decoder_destroy(&self->decoder);
    tw_correlator_destroy(&self->correlator);
    tw_ident_destroy(&self->idents);
    tw_sources_destroy(&self->sources);
    tw_arena_fini(&self->scratch);
    free(self->taps);
    free(self);
}

/* --- filling a batch -------------------------------------------------------------------------- */

static bool partition_is_over(const struct tw_pipeline *self, tw_wall_t now)
{
    if (self->partition_records == 0) {
        return false;
    }
    int64_t age_ns = now.ns - self->partition_started.ns;
    return self->partition_records >= (uint64_t)self->cfg->store.partition_events ||
           age_ns >= self->cfg->store.partition_hours * 3600 * TW_NS_PER_S;
}

int tw_pipeline_begin(struct tw_pipeline *self, struct tw_batch *batch, tw_wall_t now)
{
    TW_ASSERT(self->batch == NULL);
    tw_ident_poll(self->idents);
    batch->first_n = self->next_n;
    batch->totals = self->totals;
    if (partition_is_over(self, now)) {
        int rc = tw_ident_start_partition(self->idents, self->next_n);
        if (rc != TW_OK) {
            return rc;
        }
        batch->starts_partition = true;
        self->partition_records = 0;
    }
    if (self->partition_records == 0) {
        self->partition_started = now;
    }
    self->batch = batch;
    tw_decoder_set_arena(self->decoder, &batch->arena);
    return TW_OK;
}

static struct tw_tap_state *tap_of(struct tw_pipeline *self, uint16_t code)
{
    for (size_t i = 0; i < self->tap_count; i++) {
        if (self->taps[i].tap == code) {
            return &self->taps[i];
        }
    }
    return NULL;
}

static bool says_failure(struct tw_str outcome)
{
    return outcome.ptr != NULL && (tw_str_is(outcome, "failed") || tw_str_is(outcome, "retrying") ||
                                   tw_str_is(outcome, "deadletter"));
}

/* Why it failed is decided here, once, and is stored with the record: whoever reads it takes the
 * same, whatever the rules are by then. */
static void decide_cause(struct tw_pipeline *self, const struct tw_event *event,
                         const struct tw_track_note *note)
{
    struct tw_failure_facts facts;
    struct tw_cause_verdict verdict;
    if (!says_failure(event->attr[TW_ATTR_OUTCOME]) &&
        tw_tracker_note_cause(note) == TW_CAUSE_NONE) {
        return;
    }
    tw_causes_facts(event, &facts);
    tw_causes_classify(self->causes, &facts, &verdict);
    tw_causes_count(self->causes, verdict.index);
    self->batch->records[self->batch->record_count - 1].cause = (uint8_t)verdict.cause;
}

static void on_event(void *context, const struct tw_event *event)
{
    struct tw_pipeline *self = context;
    struct receiving *now = &self->now;
    if (now->rc != TW_OK) {
        return;
    }
    now->events++;
    if (now->retry_of != 0) {
        struct tw_quarantine_done *done = tw_batch_add_done(self->batch);
        if (done == NULL) {
            now->rc = TW_ENOMEM;
            return;
        }
        *done = (struct tw_quarantine_done){now->retry_of,
                                            self->batch->first_n + self->batch->record_count};
    }
    const struct tw_track_note *note = NULL;
    if (self->tracker != NULL) {
        now->rc = tw_tracker_note(self->tracker, event, &self->batch->arena, &note);
    }
    if (now->rc == TW_OK) {
        now->rc = tw_correlate_add(self->correlator, self->batch, now->message, event, note);
    }
    if (now->rc == TW_OK) {
        decide_cause(self, event, note);
    }
}

/* Remember a problem for the answer to the sender. */
static void tell(struct receiving *now, const struct tw_problem *problem)
{
    if (now->told == NULL) {
        now->told = json_array();
    }
    if (json_array_size(now->told) >= PROBLEMS_TOLD) {
        return;
    }
    json_t *row =
        json_pack("{s:s, s:s, s:s%}", "reason", tw_problem_infos[problem->code].name, "title",
                  tw_problem_infos[problem->code].title, "detail",
                  problem->detail.ptr == NULL ? "" : problem->detail.ptr, problem->detail.len);
    if (row != NULL && problem->index >= 0) {
        (void)json_object_set_new(row, "index", json_integer(problem->index));
    }
    /* Out of memory: the answer says less; the quarantine itself is complete. */
    (void)json_array_append_new(now->told, row);
}

static void on_problem(void *context, const struct tw_problem *problem)
{
    struct tw_pipeline *self = context;
    struct receiving *now = &self->now;
    struct tw_quarantined *row = now->rc == TW_OK ? tw_batch_add_quarantined(self->batch) : NULL;
    if (row == NULL) {
        now->rc = now->rc == TW_OK ? TW_ENOMEM : now->rc;
        return;
    }
    const struct tw_message *message = now->message;
    /* Tried again and failed again as a whole: the entry itself has the bytes. */
    bool is_attempt = now->retry_of != 0 && problem->raw.len == message->body.len;
    size_t kept = is_attempt ? 0 : problem->raw.len;
    if (kept > (size_t)self->cfg->intake.max_quarantine_bytes) {
        kept = (size_t)self->cfg->intake.max_quarantine_bytes;
    }
    *row = (struct tw_quarantined){
        .retry_of = now->retry_of,
        .tap = message->tap,
        .peer = message->peer,
        .received = message->received,
        .code = problem->code,
        .index = problem->index,
        .detail = problem->detail,
        .topic = message->topic,
        .headers = message->headers,
        .raw = is_attempt ? TW_STR_NULL : (struct tw_str){problem->raw.ptr, kept},
        .raw_bytes = is_attempt ? 0 : problem->raw.len,
    };
    now->quarantined++;
    tell(now, problem);
}

/* The RFC 9457 answer for a message with problems, into the batch's arena. */
static struct tw_str problem_json(struct tw_pipeline *self)
{
    struct receiving *now = &self->now;
    char *text = NULL;
    json_t *problem =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:O?}", "type", "urn:tillwatch:problem:quarantined",
                  "title", "quarantined", "detail",
                  now->events > 0 ? "Some events could not be understood; the others are committed."
                                  : "The message could not be understood and is kept.",
                  "events", (json_int_t)now->events, "quarantined", (json_int_t)now->quarantined,
                  "problems", now->told);
    if (problem != NULL) {
        text = json_dumps(problem, JSON_COMPACT);
    }
    struct tw_str copy = tw_arena_copy(&self->batch->arena, tw_str_of(text));
    free(text);
    json_decref(problem);
    return copy.ptr != NULL ? copy : TW_STR_LIT("{}");
}

static int finish_message(struct tw_pipeline *self, struct tw_outcome *ret_outcome)
{
    struct receiving *now = &self->now;
    struct tw_totals *totals = &self->batch->totals;
    totals->v[TW_TOTAL_events_received] += now->events + now->quarantined;
    totals->v[TW_TOTAL_events_quarantined] += now->quarantined;
    *ret_outcome = (struct tw_outcome){now->events, now->quarantined, TW_STR_NULL};
    if (now->quarantined > 0) {
        ret_outcome->problem = problem_json(self);
    }
    size_t first = self->batch->quarantined_count - now->quarantined;
    for (size_t i = first; i < self->batch->quarantined_count && now->rc == TW_OK; i++) {
        self->problems[self->batch->quarantined[i].code]++;
    }
    json_decref(now->told);
    now->told = NULL;
    return now->rc;
}

int tw_pipeline_message(struct tw_pipeline *self, const struct tw_message *message,
                        enum tw_problem_code preset, uint64_t bytes, struct tw_outcome *ret_outcome)
{
    self->now = (struct receiving){.message = message};
    if (preset != TW_PROBLEM_none) {
        const struct tw_problem problem = {
            .code = preset, .index = -1, .detail = TW_STR_LIT(""), .raw = message->body};
        on_problem(self, &problem);
    } else {
        const struct tw_decode_sink sink = {self, on_event, on_problem};
        tw_decoder_run(self->decoder, message, &sink);
    }
    self->batch->totals.v[TW_TOTAL_messages_received]++;
    self->batch->totals.v[TW_TOTAL_received_bytes] += bytes;
    struct tw_tap_state *tap = tap_of(self, message->tap);
    if (tap != NULL) {
        tap->messages++;
        tap->bytes += bytes;
        tap->events += self->now.events;
        tap->quarantined += self->now.quarantined;
        tap->last_received = message->received;
    }
    return finish_message(self, ret_outcome);
}

/* The headers of a batch do not fit one event of it. */
static struct tw_str headers_for_retry(const struct tw_quarantined *entry)
{
    if (entry->index < 0) {
        return entry->headers;
    }
    return TW_STR_NULL;
}

int tw_pipeline_retry(struct tw_pipeline *self, const struct tw_quarantine_entry *entry,
                      struct tw_outcome *ret_outcome)
{
    const struct tw_quarantined *kept = &entry->entry;
    const struct tw_message message = {
        .tap = kept->tap,
        .peer = kept->peer,
        .received = kept->received,
        .topic = kept->topic,
        .headers = headers_for_retry(kept),
        .body = kept->raw,
    };
    self->now = (struct receiving){.message = &message, .retry_of = entry->id};
    if (kept->raw_bytes > kept->raw.len || kept->code == TW_PROBLEM_frames ||
        kept->code == TW_PROBLEM_reference) {
        const struct tw_problem problem = {
            .code = kept->code,
            .index = kept->index,
            .detail = TW_STR_LIT("cannot be tried again: not all of it was kept"),
            .raw = kept->raw};
        on_problem(self, &problem);
    } else {
        const struct tw_decode_sink sink = {self, on_event, on_problem};
        tw_decoder_run(self->decoder, &message, &sink);
    }
    self->batch->totals.v[TW_TOTAL_quarantine_retried]++;
    return finish_message(self, ret_outcome);
}

static int track_event(void *context, struct tw_record *record, const void *note)
{
    struct tw_pipeline *self = context;
    return tw_tracker_apply(self->tracker, record, note);
}

static void track_ahead(void *context, const struct tw_record *record, const void *note,
                        unsigned stage)
{
    struct tw_pipeline *self = context;
    tw_tracker_ahead(self->tracker, record, note, stage);
}

int tw_pipeline_settle(struct tw_pipeline *self)
{
    const struct tw_settled settled = {
        .context = self,
        .event = track_event,
        .ahead = track_ahead,
        .distances = tw_tracker_ahead_at,
        .distance_count = TW_TRACK_AHEAD_STAGES,
    };
    return tw_correlate_settle(self->correlator, self->batch,
                               self->tracker != NULL ? &settled : NULL);
}

void tw_pipeline_taps_empty(struct tw_pipeline *self, tw_wall_t now)
{
    if (self->first_empty_ns == 0) {
        self->first_empty_ns = now.ns;
    }
    if (now.ns - self->first_empty_ns >= self->cfg->track.settle_s * TW_NS_PER_S &&
        now.ns > self->tick.read_up_to.ns) {
        self->tick.read_up_to = now;
    }
}

int tw_pipeline_reload(struct tw_pipeline *self, const struct tw_workflows *workflows)
{
    return self->tracker == NULL ? TW_OK : tw_tracker_reload(self->tracker, workflows);
}

void tw_pipeline_set_causes(struct tw_pipeline *self, const struct tw_causes *causes)
{
    const struct tw_causes *before = self->causes;
    self->causes = causes == NULL ? NULL : tw_causes_ref(causes);
    if (causes != NULL) {
        tw_causes_start_count(causes);
    }
    tw_causes_unref(&before);
}

void tw_pipeline_finish(struct tw_pipeline *self)
{
    self->is_last = true;
}

static void write_state(void *context, uint64_t n, struct tw_buf *buf)
{
    const struct tw_pipeline *self = context;
    (void)tw_tracker_write(self->tracker, n, buf); /* the buffer keeps its error */
}

static int save_beside(void *context, uint64_t last_n, bool is_last, struct tw_saving **ret_saving)
{
    struct tw_pipeline *self = context;
    return tw_saving_new(self->store, last_n, is_last, &(struct tw_saving_state){write_state, self},
                         ret_saving);
}

/* What this batch adds to the totals that are series too. */
static void count_intake(struct tw_pipeline *self)
{
    static const struct {
        enum tw_track_intake what;
        enum tw_total total;
    } counts[] = {{TW_TRACK_RECEIVED, TW_TOTAL_events_accepted},
                  {TW_TRACK_DUPLICATES, TW_TOTAL_events_duplicate},
                  {TW_TRACK_CONFLICTS, TW_TOTAL_events_conflict},
                  {TW_TRACK_QUARANTINED, TW_TOTAL_events_quarantined}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        enum tw_total total = counts[i].total;
        tw_tracker_count(self->tracker, counts[i].what,
                         self->batch->totals.v[total] - self->totals.v[total]);
    }
}

/* The tracker's part of the batch. It ticks with checkpoints, once a second: each tick is kept by
 * the store, so that a restart repeats it. */
static int close_tracking(struct tw_pipeline *self, tw_wall_t now)
{
    struct tw_batch *batch = self->batch;
    int rc = TW_OK;
    count_intake(self);
    if (batch->is_checkpoint) {
        self->tick.now = now;
        rc = tw_tracker_tick(self->tracker, &self->tick);
    }
    const struct tw_track_emit options = {
        .all_names = batch->starts_partition,
        .with_live = batch->is_checkpoint,
        .may_snapshot = batch->is_checkpoint,
        .must_snapshot = self->is_last,
        .last_n = batch->first_n + batch->record_count - 1,
        .beside = save_beside,
        .beside_context = self,
    };
    return rc == TW_OK ? tw_tracker_emit(self->tracker, &options, &batch->arena, &batch->track)
                       : rc;
}

int tw_pipeline_close(struct tw_pipeline *self, bool is_checkpoint, tw_wall_t now)
{
    struct tw_batch *batch = self->batch;
    int rc = tw_pipeline_settle(self);
    if (rc != TW_OK) {
        return rc;
    }
    batch->is_checkpoint = is_checkpoint || batch->starts_partition;
    batch->closed = now;
    batch->totals.v[TW_TOTAL_commits]++;
    if (batch->is_checkpoint) {
        rc = tw_sources_checkpoint(self->sources, batch->starts_partition, now, &batch->arena,
                                   &batch->sources, &batch->source_count);
    }
    if (rc == TW_OK) {
        rc = tw_sources_take_new(self->sources, &batch->arena, &batch->new_sources,
                                 &batch->new_source_count);
    }
    if (rc == TW_OK && self->tracker != NULL) {
        rc = close_tracking(self, now);
    }
    struct tw_tap_state *taps = tw_arena_alloc(&batch->arena, (self->tap_count + 1) * sizeof *taps);
    if (rc != TW_OK || taps == NULL) {
        return rc == TW_OK ? TW_ENOMEM : rc;
    }
    memcpy(taps, self->taps, self->tap_count * sizeof *taps);
    batch->taps = taps;
    batch->tap_count = self->tap_count;
    memcpy(batch->problems, self->problems, sizeof batch->problems);
    self->totals = batch->totals;
    self->next_n = batch->first_n + batch->record_count;
    self->partition_records += batch->record_count;
    TW_ASSERT(self->in_flight_count < IN_FLIGHT_MAX);
    self->in_flight[self->in_flight_count++] = batch;
    self->batch = NULL;
    return TW_OK;
}

void tw_pipeline_committed(struct tw_pipeline *self, const struct tw_batch *batch)
{
    TW_ASSERT(self->in_flight_count > 0 && self->in_flight[0] == batch);
    self->in_flight_count--;
    memmove(self->in_flight, self->in_flight + 1, self->in_flight_count * sizeof *self->in_flight);
}

void tw_pipeline_count(struct tw_pipeline *self, enum tw_total total, uint16_t tap_code)
{
    struct tw_totals *totals = self->batch != NULL ? &self->batch->totals : &self->totals;
    totals->v[total]++;
    struct tw_tap_state *tap = total == TW_TOTAL_acks_sent ? tap_of(self, tap_code) : NULL;
    if (tap != NULL) {
        tap->acks++;
    }
}

const struct tw_totals *tw_pipeline_totals(const struct tw_pipeline *self)
{
    return self->batch != NULL ? &self->batch->totals : &self->totals;
}

size_t tw_pipeline_sources(const struct tw_pipeline *self)
{
    return tw_sources_count(self->sources);
}

struct tw_tracker *tw_pipeline_tracker(struct tw_pipeline *self)
{
    return self->tracker;
}

uint64_t tw_pipeline_replayed(const struct tw_pipeline *self)
{
    return self->replayed;
}

uint64_t tw_pipeline_tracked(const struct tw_pipeline *self)
{
    return self->tracked;
}

uint64_t tw_pipeline_next_n(const struct tw_pipeline *self)
{
    return self->next_n;
}
