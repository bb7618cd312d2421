/* SPDX-License-Identifier: Apache-2.0
 * The whole state as bytes: everything that decides what later events come to. Facts that are kept
 * folded are not among it; they are folded anew from the graph. restore.c reads it back. */
#include "config.h"

#include <stdlib.h>

#include "core/err.h"
#include "track/failures.h"
#include "track/state.h"

#define SAVE_BYTES_MAX ((size_t)64 << 30)

static void put(struct tw_buf *buf, uint64_t value)
{
    (void)tw_buf_append_varint(buf, value); /* errors are sticky */
}

static void put_signed(struct tw_buf *buf, int64_t value)
{
    put(buf, tw_zigzag(value));
}

static void put_text(struct tw_buf *buf, struct tw_str text)
{
    put(buf, text.len);
    (void)tw_buf_append_str(buf, text); /* errors are sticky */
}

/* --- rosters ---------------------------------------------------------------------------------- */

static void save_rosters(const struct tw_tracker *self, struct tw_buf *buf)
{
    uint32_t count = 0;
    for (struct tw_roster *roster = self->rosters.after; roster != &self->rosters;
         roster = roster->after) {
        roster->number = ++count;
    }
    put(buf, count);
    for (const struct tw_roster *roster = self->rosters.after; roster != &self->rosters;
         roster = roster->after) {
        put(buf, roster->limit);
        put(buf, roster->count);
        for (uint32_t k = 0; k < roster->count; k++) {
            put(buf, roster->words[k]);
        }
    }
    put(buf, self->roster == NULL ? 0 : self->roster->number);
    put_signed(buf, self->roster_ns);
}

/* --- definitions and counts ------------------------------------------------------------------- */

uint64_t tw_state_types(const struct tw_tracker *self)
{
    uint64_t hash = 1469598103934665603U; /* FNV-1a over what a code means */
    for (size_t i = 0; i < self->cfg->object_count; i++) {
        const struct tw_cfg_object *object = &self->cfg->objects[i];
        for (const char *p = object->type; *p != '\0'; p++) {
            hash = (hash ^ (uint8_t)*p) * 1099511628211U;
        }
        hash = (hash ^ (uint64_t)self->object_code(self->context, object->type)) * 1099511628211U;
        hash = (hash ^ (object->is_linking ? 1U : 2U)) * 1099511628211U;
    }
    return hash;
}

static void save_versions(const struct tw_tracker *self, struct tw_buf *buf)
{
    put(buf, self->flow_count);
    for (size_t i = 0; i < self->flow_count; i++) {
        const struct tw_workflow *workflow = self->flows[i].workflow;
        (void)tw_buf_append_byte(buf, workflow == NULL ? 0 : 1); /* errors are sticky */
        if (workflow == NULL) {
            continue;
        }
        put_text(buf, tw_str_of(workflow->name));
        put(buf, workflow->version);
        put(buf, workflow->slo_version);
        put_text(buf, tw_str_of(workflow->text));
        put(buf, workflow->step_count);
        for (size_t k = 0; k < workflow->step_count; k++) {
            put_signed(buf, self->flows[i].steps[k].listed_ns);
        }
        put(buf, workflow->objective_count);
        for (size_t k = 0; k < workflow->objective_count; k++) {
            put_text(buf, tw_str_of(workflow->objectives[k].name));
        }
    }
}

static void save_ring(const struct tw_lag_ring *ring, struct tw_buf *buf)
{
    (void)tw_buf_append(buf, ring, sizeof *ring); /* this machine reads it back; sticky */
}

static void save_stats(const struct tw_tracker *self, struct tw_buf *buf)
{
    put(buf, self->stats_count);
    for (size_t i = 0; i < self->stats_count; i++) {
        const struct tw_flow_stats *stats = &self->stats[i];
        put_text(buf, tw_str_of(stats->name));
        (void)tw_buf_append_byte(buf, stats->had_traffic ? 1 : 0); /* errors are sticky */
        put(buf, stats->open);
        for (int k = 0; k <= TW_RUN_IS_COMPENSATED; k++) {
            put(buf, stats->by_state[k]);
        }
        tw_regions_save_flow(stats, buf);
        put(buf, stats->step_count);
        for (size_t k = 0; k < stats->step_count; k++) {
            const struct tw_step_stats *step = &stats->steps[k];
            put_text(buf, tw_str_of(step->name));
            put(buf, step->arrived);
            put(buf, step->through);
            put(buf, step->heard);
            for (size_t m = 0; m <= TW_LAG_BOUNDS; m++) {
                put(buf, step->lag_totals.counts[m]);
            }
            put(buf, step->lag_totals.sum_us);
            put_signed(buf, step->passed_ns);
            save_ring(&step->ring, buf);
            for (size_t m = 0; m < TW_TRACK_LAG_MINUTES; m++) {
                put_signed(buf, step->minute_of[m]);
                if (step->minute_of[m] != 0) {
                    (void)tw_sketch_encode(&step->minutes[m], buf); /* errors are sticky */
                }
            }
        }
    }
    put(buf, self->objective_count);
    for (size_t i = 0; i < self->objective_count; i++) {
        const struct tw_objective_stats *row = &self->objectives[i];
        put_text(buf, tw_str_of(row->name));
        put_signed(buf, row->excluded);
        put(buf, row->fresh_traffic);
        (void)tw_budget_encode(row->budget, buf); /* errors are sticky */
    }
}

/* --- runs ------------------------------------------------------------------------------------- */

static void save_contribution(const struct tw_contribution *what, struct tw_buf *buf)
{
    (void)tw_buf_append_byte(buf, (uint8_t)(what->state | (what->is_fired ? 8 : 0)));
    if (what->state == TW_DECIDED_NONE && !what->is_fired) {
        return;
    }
    put_signed(buf, what->from_ns);
    put(buf, what->minute);
    put(buf, what->good);
    put(buf, what->bad);
    (void)tw_buf_append_byte(buf, what->cause); /* errors are sticky */
    (void)tw_buf_append_byte(buf, what->step);
}

static void save_run(const struct tw_tracker *self, uint32_t id, struct tw_buf *buf)
{
    struct tw_open_run *run = self->runs[id];
    const struct tw_workflow *workflow = self->flows[run->version].workflow;
    put(buf, (uint64_t)id + 1);
    put(buf, run->version);
    put(buf, run->root);
    put(buf, run->flags);
    (void)tw_buf_append_byte(buf, run->state);
    put(buf, run->touched_s);
    put(buf, run->updated_s);
    put(buf, run->roster == NULL ? 0 : run->roster->number);
    put(buf, run->done);
    put(buf, run->failed);
    put_signed(buf, run->started_ns);
    (void)tw_buf_append_byte(buf, run->has_amount ? 1 : 0);
    put_signed(buf, run->amount_minor);
    (void)tw_buf_append(buf, run->currency, sizeof run->currency);
    put(buf, run->last_n);
    put_signed(buf, run->store_ns);
    put(buf, run->store);
    put(buf, run->region);
    put(buf, run->code);
    for (size_t i = 0; i < workflow->step_count; i++) {
        enum tw_waits waits = tw_run_waits(run, i);
        (void)tw_buf_append_byte(buf, (uint8_t)waits);
        if (waits != TW_WAITS_NOT) {
            put_signed(buf, tw_run_since(run, i));
        }
    }
    (void)tw_buf_append_byte(buf, run->counted_room); /* errors are sticky */
    for (size_t i = 0; run->counted_room > 0 && i < workflow->step_count; i++) {
        put(buf, tw_failures_counted(run, i));
    }
    for (size_t i = 0; i < workflow->objective_count; i++) {
        save_contribution(&tw_run_contributions(run)[i], buf);
    }
    const char *text = tw_run_text(self, run);
    put_text(buf, (struct tw_str){text, run->id_len});
    put_text(buf, (struct tw_str){text + run->id_len, run->scope_len});
}

/* The open ones in order of their last touch, then the others. */
static void save_runs(const struct tw_tracker *self, struct tw_buf *buf)
{
    save_rosters(self, buf);
    put(buf, self->run_count);
    for (uint32_t id = self->oldest; id != TW_TRACK_NONE; id = self->runs[id]->newer) {
        save_run(self, id, buf);
    }
    for (uint32_t id = 0; id < self->run_count; id++) {
        if (self->runs[id] != NULL && (self->runs[id]->flags & TW_RUN_IN_LIST) == 0) {
            save_run(self, id, buf);
        }
    }
    put(buf, 0);
}

static void save_seen(const struct tw_tracker *self, struct tw_buf *buf)
{
    put(buf, self->store_seen_count);
    for (size_t i = 0; i < self->store_seen_count; i++) {
        put_signed(buf, self->store_seen_ns[i]);
        put_signed(buf, self->store_event_ns[i]);
    }
    put(buf, self->systems.count);
    for (size_t i = 1; i <= self->systems.count; i++) {
        put_signed(buf, self->system_seen_ns[i]);
    }
    put(buf, self->skew_count);
    for (size_t i = 0; i < self->skew_count; i++) {
        (void)tw_skew_encode(&self->skews[i], buf); /* errors are sticky */
    }
    put(buf, self->sequence_count);
    for (size_t i = 0; i < self->sequence_count; i++) {
        (void)tw_sequence_encode(&self->sequences[i], buf); /* errors are sticky */
    }
    (void)tw_heard_encode(self, buf);
}

int tw_tracker_write(const struct tw_tracker *self, uint64_t last_n, struct tw_buf *buf)
{
    (void)tw_buf_append(buf, TW_STATE_MAGIC, sizeof TW_STATE_MAGIC); /* errors are sticky */
    put(buf, TW_STATE_VERSION);
    put(buf, tw_state_types(self));
    put(buf, last_n);
    put_signed(buf, self->now_ns);
    put_signed(buf, self->tick.now.ns);
    put_signed(buf, self->tick.read_up_to.ns);
    put_signed(buf, self->minute);
    put(buf, self->evicted);
    put(buf, self->late);
    save_versions(self, buf);
    (void)tw_words_encode(&self->systems, buf);
    (void)tw_words_encode(&self->stores, buf);
    (void)tw_words_encode(&self->regions, buf);
    (void)tw_words_encode(&self->codes, buf);
    (void)tw_places_encode(&self->places, buf);
    tw_regions_save(self, buf);
    save_seen(self, buf);
    (void)tw_watermark_encode(&self->watermark, buf);
    (void)tw_matcher_save(self->matcher, buf);
    (void)tw_graph_save(self->graph, buf);
    save_stats(self, buf);
    save_runs(self, buf);
    return buf->error;
}

int tw_tracker_save(const struct tw_tracker *self, uint64_t last_n, void **ret_bytes,
                    size_t *ret_len)
{
    struct tw_buf buf;
    tw_buf_init(&buf, SAVE_BYTES_MAX);
    int rc = tw_tracker_write(self, last_n, &buf);
    if (rc != TW_OK) {
        tw_buf_fini(&buf);
        return rc;
    }
    *ret_bytes = buf.data; /* malloc'ed; it is the caller's now */
    *ret_len = buf.len;
    return TW_OK;
}
