/* SPDX-License-Identifier: Apache-2.0
 * What changed is found by comparing with the reading before: documents of tracking by a hash of
 * their text (each holds the time it was made), the rest by its numbers. When the collector has
 * committed nothing since, nothing but the status is read. */
#include "config.h"
#include "web/ticker.h"

#include <poll.h>
#include <stdlib.h>

#include "core/actor.h"
#include "web/alert_news.h"
#include "web/stream.h"

#define PERIOD_NS TW_NS_PER_S
/* Documents that are looked at; the reader gives no more. */
#define MAX_DOCUMENTS 10000

struct document {
    uint64_t key; /* hashes of key and text */
    uint64_t text;
};

struct tw_ticker {
    /* fixed after start */
    struct tw_web_state *web;
    struct tw_readers *readers;
    struct tw_actor *actor;
    /* owned by the thread: the reading before */
    bool has_before;
    uint64_t last_n;
    tw_wall_t last_commit;
    uint64_t taps;
    uint64_t quarantine;
    uint64_t runs;
    uint64_t failures; /* revision of the desk */
    uint64_t replays;  /* and the mark of its replays */
    struct tw_alert_tally alerts;
    struct document *documents; /* in the order of their keys */
    size_t document_count;
};

static uint64_t hash_of(struct tw_str text)
{
    return tw_static_hash(text.ptr, text.len);
}

/* ---- what changed */

static int look_at_taps(struct tw_ticker *self, struct tw_call *call)
{
    const struct tw_tap_state *taps = NULL;
    size_t count = 0;
    uint64_t sum = 0;
    int rc = tw_reader_taps(call->reader, call->arena, &taps, &count);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        sum += 1 + taps[i].messages + taps[i].quarantined + taps[i].acks;
    }
    if (rc == TW_OK && sum != self->taps) {
        self->taps = sum; /* counters only grow: an equal sum means equal ones */
        tw_streams_changed(self->web->streams, "taps");
    }
    return rc;
}

static void look_at_status(struct tw_ticker *self, const struct tw_store_status *status)
{
    const uint64_t *totals = status->totals.v;
    uint64_t entries = totals[TW_TOTAL_events_quarantined] + totals[TW_TOTAL_quarantine_retried] +
                       (status->quarantine_open << 32);
    if (entries != self->quarantine) {
        self->quarantine = entries;
        tw_streams_changed(self->web->streams, "quarantine");
    }
    if (status->last_n != self->last_n) {
        self->last_n = status->last_n;
        tw_streams_changed(self->web->streams, "events");
        tw_streams_changed(self->web->streams, "runs");
    }
}

/* Without an event, a run changes by becoming overdue: the overview counts those, and unlike the
 * documents these counts hold no time. */
static int look_at_runs(struct tw_ticker *self, const json_t *overview)
{
    const json_t *counts = json_object_get(overview, "workflows");
    char *text = counts == NULL ? NULL : json_dumps(counts, JSON_COMPACT);
    if (counts != NULL && text == NULL) {
        return TW_ENOMEM;
    }
    uint64_t runs = text == NULL ? 0 : hash_of(tw_str_of(text));
    free(text);
    if (runs != self->runs) {
        self->runs = runs;
        tw_streams_changed(self->web->streams, "runs");
    }
    return TW_OK;
}

/* Both lists are in the order of their keys. A document that is gone is told by the overview. */
static int look_at_documents(struct tw_ticker *self, struct tw_call *call)
{
    const struct tw_live *rows = NULL;
    size_t count = 0;
    int rc =
        tw_reader_live_list(call->reader, call->arena, TW_STR_NULL, MAX_DOCUMENTS, &rows, &count);
    struct document *now = rc == TW_OK ? calloc(count + 1, sizeof *now) : NULL;
    if (now == NULL) {
        return rc == TW_OK ? TW_ENOMEM : rc;
    }
    size_t k = 0;
    for (size_t i = 0; i < count; i++) {
        now[i] = (struct document){hash_of(rows[i].key), hash_of(rows[i].json)};
        size_t at = k;
        while (at < self->document_count && self->documents[at].key != now[i].key) {
            at++;
        }
        bool is_known = at < self->document_count;
        k = is_known ? at + 1 : k;
        if (!is_known || self->documents[at].text != now[i].text) {
            tw_streams_changed(self->web->streams, rows[i].key.ptr);
        }
    }
    free(self->documents);
    self->documents = now;
    self->document_count = count;
    return TW_OK;
}

/* The desk is behind the commits, and is changed by operators: it is asked each second. While there
 * is none, or it cannot be read, its own calls say so. */
static void look_at_failures(struct tw_ticker *self, struct tw_call *call)
{
    struct tw_desk_reader *desk = NULL;
    uint64_t revision = 0;
    bool is_read =
        tw_api_desk(call, &desk) == TW_OK && tw_desk_reader_revision(desk, &revision) == TW_OK;
    if (is_read && revision != self->failures) {
        self->failures = revision;
        tw_streams_changed(self->web->streams, "failures");
    }
    if (is_read && tw_replays_mark(desk, &revision) == TW_OK && revision != self->replays) {
        self->replays = revision;
        tw_streams_changed(self->web->streams, "replays");
    }
}

/* Alerts are told also where no page looks at their lists: they ring. What could not be read or
 * kept is read again a second later. */
static void look_at_alerts(struct tw_ticker *self, struct tw_call *call)
{
    bool has_changed = false;
    json_t *counts = NULL;
    json_t *news = NULL;
    if (tw_alert_news(call, &self->alerts, &has_changed, &counts, &news) != TW_OK) {
        return;
    }
    if (has_changed) {
        tw_streams_changed(self->web->streams, "alerts");
    }
    if (counts != NULL && tw_streams_alert(self->web->streams, counts, news) != TW_OK) {
        self->alerts.is_known = false;
    }
}

/* ---- a tick */

static json_t *tick_json(const struct tw_call *call, const struct tw_store_status *status,
                         const json_t *overview, json_t *body)
{
    tw_wall_t mark = {0};
    struct tw_str text = tw_str_of(json_string_value(json_object_get(overview, "watermark")));
    bool has_mark = text.ptr != NULL && tw_wall_parse(text, &mark) == TW_OK;
    int64_t behind = call->now.ns - mark.ns;
    json_t *json = json_object();
    tw_out_set(json, "at", tw_out_time(call->now));
    tw_out_set(json, "last_n", tw_out_count(status->last_n));
    tw_out_set(json, "watermark", has_mark ? tw_out_time(mark) : json_null());
    tw_out_set(json, "watermark_lag",
               has_mark ? tw_out_seconds(behind < 0 ? 0 : behind) : json_null());
    tw_out_set(json, "views", json_array()); /* its place; the streams fill it */
    tw_out_set(json, "status", body);
    if (tw_out_take_failure()) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

static int tick(struct tw_ticker *self, struct tw_call *call)
{
    struct tw_store_status status;
    json_t *body = NULL;
    json_t *overview = NULL;
    int rc = tw_reader_status(call->reader, &status);
    rc = rc == TW_OK ? tw_api_status_json(call, &status, &body) : rc;
    rc = rc == TW_OK ? tw_api_live_overview(call, &overview) : rc;
    if (rc != TW_OK) {
        json_decref(body);
        return rc;
    }
    look_at_status(self, &status);
    look_at_failures(self, call);
    look_at_alerts(self, call);
    bool has_committed = !self->has_before || status.last_commit.ns != self->last_commit.ns;
    if (has_committed) {
        self->has_before = true;
        self->last_commit = status.last_commit;
        rc = look_at_taps(self, call);
        rc = rc == TW_OK ? look_at_runs(self, overview) : rc;
        rc = rc == TW_OK ? look_at_documents(self, call) : rc;
        if (rc != TW_OK) { /* what could not be looked at may have changed */
            self->has_before = false;
            tw_streams_all_changed(self->web->streams);
        }
    }
    json_t *json = tick_json(call, &status, overview, body);
    json_decref(overview);
    return tw_streams_publish(self->web->streams, json);
}

/* Read and publish; a comment where that is not possible. */
static void turn(struct tw_ticker *self)
{
    struct tw_web_state *web = self->web;
    struct tw_lease *lease = NULL;
    int opened = TW_OK;
    struct tw_call call = {
        .web = web, .principal = &web->local, .now = web->clock->wall(web->clock)};
    call.deadline = (tw_mono_t){web->clock->mono(web->clock).ns +
                                web->cfg->web.query_deadline_ms * TW_NS_PER_MS};
    tw_call_take_sets(&call);
    int rc = tw_readers_take(self->readers, true, &lease, &opened, &call.diag);
    if (rc == TW_OK && lease->reader != NULL) {
        call.reader = lease->reader;
        call.arena = &lease->arena;
        call.lease = lease;
        tw_reader_set_deadline(call.reader, call.deadline);
        rc = tick(self, &call);
    } else {
        rc = rc == TW_OK ? opened : rc;
    }
    if (rc != TW_OK) {
        tw_streams_beat(web->streams);
    }
    tw_readers_give(self->readers, &lease, rc != TW_OK && rc != TW_ETIMEOUT && rc != TW_ENOMEM);
    tw_call_give_sets(&call);
}

/* Until `due`, a stop, or somebody who comes; true: stop. */
static bool wait_for(struct tw_ticker *self, struct tw_actor *actor, bool rests, tw_mono_t due)
{
    struct tw_clock *clock = self->web->clock;
    struct pollfd fds[] = {
        {.fd = tw_actor_stop_fd(actor), .events = POLLIN},
        {.fd = tw_streams_wake_fd(self->web->streams), .events = POLLIN},
    };
    int64_t left_ms = (due.ns - clock->mono(clock).ns + TW_NS_PER_MS - 1) / TW_NS_PER_MS;
    left_ms = left_ms < 0 ? 0 : left_ms;
    (void)poll(fds, 2, rests ? -1 : (int)left_ms); /* a signal only makes the turn come early */
    tw_streams_wake(self->web->streams);
    return tw_actor_is_stopping(actor);
}

static int run(struct tw_actor *actor, void *arg)
{
    struct tw_ticker *self = arg;
    struct tw_clock *clock = self->web->clock;
    bool rests = true;
    tw_actor_ready(actor, TW_OK);
    tw_mono_t due = clock->mono(clock);
    while (!wait_for(self, actor, rests, due)) {
        turn(self);
        rests = tw_streams_rest(self->web->streams);
        /* In step with the second before, unless that took longer. */
        tw_mono_t now = clock->mono(clock);
        due.ns += PERIOD_NS;
        due.ns = rests || due.ns < now.ns ? now.ns : due.ns;
    }
    return TW_OK;
}

int tw_ticker_new(struct tw_web_state *web, struct tw_readers *readers,
                  struct tw_ticker **ret_ticker)
{
    struct tw_ticker *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->web = web;
    self->readers = readers;
    int rc = tw_actor_new("web-ticker", run, self, &self->actor);
    if (rc != TW_OK) {
        free(self);
        return rc;
    }
    *ret_ticker = self;
    return TW_OK;
}

void tw_ticker_destroy(struct tw_ticker **self_p)
{
    struct tw_ticker *self = *self_p;
    if (self == NULL) {
        return;
    }
    (void)tw_actor_destroy(&self->actor); /* its loop cannot fail */
    free(self->documents);
    free(self);
    *self_p = NULL;
}
