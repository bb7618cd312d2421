/* SPDX-License-Identifier: Apache-2.0
 * GET /metrics. Labels are bounded: taps of the configuration, reasons of the quarantine, names of
 * the workflow definitions; never an order, a customer or a store. */
#include "config.h"
#include "web/api.h"

#include <stdio.h>

#include "web/doors.h"
#include "web/kept.h"
#include "web/metrics_alerts.h"
#include "web/metrics_track.h"
#include "web/stream.h"

/* 1000 taps come to about 1 MB, 200 workflows of 32 steps to 8 MB. */
#define MAX_BYTES (16u * 1024u * 1024u)

static void write_totals(struct tw_metrics *m, const struct tw_totals *totals)
{
    for (int i = 0; i < TW_TOTAL_COUNT; i++) {
        char name[80];
        (void)snprintf(name, sizeof name, "tillwatch_%s", tw_total_infos[i].name);
        tw_metrics_family(m, TW_METRIC_COUNTER, name, tw_total_infos[i].help);
        tw_metrics_count(m, NULL, 0, totals->v[i]);
    }
}

static void write_problems(struct tw_metrics *m, const uint64_t *problems)
{
    tw_metrics_family(m, TW_METRIC_COUNTER, "tillwatch_quarantined",
                      "Messages and events that could not be understood, by reason");
    for (int i = 1; i < TW_PROBLEM_COUNT; i++) {
        struct tw_metric_label label = {"reason", tw_str_of(tw_problem_infos[i].name)};
        tw_metrics_count(m, &label, 1, problems[i]);
    }
}

/* One column of the tap counters. */
static const struct {
    const char *name;
    const char *help;
    size_t offset;
} tap_columns[] = {
    {"tillwatch_tap_messages", "ZeroMQ messages received on a tap",
     offsetof(struct tw_tap_state, messages)},
    {"tillwatch_tap_received_bytes", "Bytes of all frames received on a tap",
     offsetof(struct tw_tap_state, bytes)},
    {"tillwatch_tap_events", "Events found in the messages of a tap",
     offsetof(struct tw_tap_state, events)},
    {"tillwatch_tap_quarantined", "What a tap received and could not be understood",
     offsetof(struct tw_tap_state, quarantined)},
    {"tillwatch_tap_acks", "Acknowledgements sent on a tap", offsetof(struct tw_tap_state, acks)},
};

static int write_taps(struct tw_call *call, struct tw_metrics *m)
{
    const struct tw_tap_state *taps = NULL;
    size_t count = 0;
    int rc = tw_reader_taps(call->reader, call->arena, &taps, &count);
    if (rc != TW_OK) {
        return rc;
    }
    for (size_t c = 0; c < sizeof tap_columns / sizeof tap_columns[0]; c++) {
        tw_metrics_family(m, TW_METRIC_COUNTER, tap_columns[c].name, tap_columns[c].help);
        for (size_t i = 0; i < count; i++) {
            uint64_t value = 0;
            memcpy(&value, (const char *)&taps[i] + tap_columns[c].offset, sizeof value);
            struct tw_metric_label label = {
                "tap", tw_str_of(tw_reader_tap_name(call->reader, taps[i].tap))};
            tw_metrics_count(m, &label, 1, value);
        }
    }
    tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_tap_last_received_timestamp_seconds",
                      "When a tap received its last message");
    for (size_t i = 0; i < count; i++) {
        struct tw_metric_label label = {"tap",
                                        tw_str_of(tw_reader_tap_name(call->reader, taps[i].tap))};
        if (taps[i].last_received.ns != 0) {
            tw_metrics_real(m, &label, 1, (double)taps[i].last_received.ns / 1e9);
        }
    }
    return TW_OK;
}

static void count_gauge(struct tw_metrics *m, const char *name, const char *help, uint64_t value)
{
    tw_metrics_family(m, TW_METRIC_GAUGE, name, help);
    tw_metrics_count(m, NULL, 0, value);
}

static void write_store(struct tw_call *call, struct tw_metrics *m,
                        const struct tw_store_status *status)
{
    count_gauge(m, "tillwatch_store_bytes", "Bytes of all files of the store", status->bytes);
    count_gauge(m, "tillwatch_store_free_bytes", "Bytes free on the file system of the store",
                status->free_bytes);
    count_gauge(m, "tillwatch_store_filesystem_bytes", "Size of the file system of the store",
                status->total_bytes);
    count_gauge(m, "tillwatch_store_full", "1 while acknowledging has stopped for want of space",
                status->is_full ? 1 : 0);
    count_gauge(m, "tillwatch_store_partitions", "Partitions of the store", status->partitions);
    count_gauge(m, "tillwatch_store_sealed_partitions", "Partitions that are complete",
                status->sealed);
    count_gauge(m, "tillwatch_store_records", "Records that are stored now",
                status->last_n + 1 - status->first_n);
    count_gauge(m, "tillwatch_quarantine_open", "Entries of the quarantine not yet mended",
                status->quarantine_open);
    if (status->last_commit.ns != 0) {
        tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_watermark_timestamp_seconds",
                          "When the last batch that is stored was closed");
        tw_metrics_real(m, NULL, 0, (double)status->last_commit.ns / 1e9);
    }
    if (status->first_received.ns != 0) {
        tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_retention_edge_timestamp_seconds",
                          "When the oldest stored record was received");
        tw_metrics_real(m, NULL, 0, (double)status->first_received.ns / 1e9);
    }
    tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_start_timestamp_seconds",
                      "When the web half started");
    tw_metrics_real(m, NULL, 0, (double)call->web->started.ns / 1e9);
}

static void write_streams(struct tw_call *call, struct tw_metrics *m)
{
    struct tw_stream_counts counts;
    tw_streams_count(call->web->streams, &counts);
    count_gauge(m, "tillwatch_streams", "Clients that follow /api/v1/stream", counts.open);
    tw_metrics_family(m, TW_METRIC_COUNTER, "tillwatch_streams_dropped",
                      "Clients of the stream that were ended because they did not read");
    tw_metrics_count(m, NULL, 0, counts.dropped);
    tw_metrics_family(m, TW_METRIC_COUNTER, "tillwatch_streams_refused",
                      "Clients of the stream beyond web.max-streams");
    tw_metrics_count(m, NULL, 0, counts.refused);
}

static void write_kept(struct tw_call *call, struct tw_metrics *m)
{
    struct tw_kept_counts counts = {0};
    if (call->web->kept != NULL) {
        tw_kept_count(call->web->kept, &counts);
    }
    tw_metrics_family(m, TW_METRIC_COUNTER, "tillwatch_answers_made",
                      "Answers about the whole that were rendered, at most one of a kind a commit");
    tw_metrics_count(m, NULL, 0, counts.made);
    tw_metrics_family(m, TW_METRIC_COUNTER, "tillwatch_answers_kept",
                      "Answers about the whole that were given as they were rendered before");
    tw_metrics_count(m, NULL, 0, counts.given);
}

static void write_sources(struct tw_metrics *m, const struct tw_source_summary *summary)
{
    count_gauge(m, "tillwatch_sources", "Sources ever heard", summary->sources);
    count_gauge(m, "tillwatch_sources_with_gaps", "Sources with sequence numbers missing now",
                summary->with_gaps);
    count_gauge(m, "tillwatch_sequence_missing", "Sequence numbers missing now, of all sources",
                summary->missing);
    count_gauge(m, "tillwatch_sources_clock_ahead", "Sources whose clock runs ahead of ours",
                summary->clock_ahead);
}

int tw_api_metrics(struct tw_call *call)
{
    struct tw_store_status status;
    struct tw_source_summary summary;
    struct tw_buf out;
    tw_buf_init(&out, MAX_BYTES);
    struct tw_metrics m = {
        .out = &out,
        .is_openmetrics = tw_http_wants_openmetrics(call->request->head.accept),
    };
    int rc = tw_reader_status(call->reader, &status);
    if (rc == TW_OK) {
        rc = tw_call_summary(call, &summary);
    }
    if (rc != TW_OK) {
        goto out;
    }
    struct tw_metric_label version = {"version", TW_STR_LIT(PACKAGE_VERSION)};
    tw_metrics_family(&m, TW_METRIC_INFO, "tillwatch_build", "The version that runs");
    tw_metrics_count(&m, &version, 1, 1);
    write_totals(&m, &status.totals);
    write_problems(&m, status.problems);
    rc = write_taps(call, &m);
    if (rc != TW_OK) {
        goto out;
    }
    write_store(call, &m, &status);
    write_sources(&m, &summary);
    write_streams(call, &m);
    write_kept(call, &m);
    tw_doors_metrics(call->web->cfg->store.dir, &m);
    rc = tw_metrics_track(call, &m);
    if (rc != TW_OK) {
        goto out;
    }
    tw_metrics_alerts(call, &m);
    tw_metrics_end(&m);
    rc = out.error;
    if (rc == TW_OK) {
        tw_response_take(&call->response, 200, tw_metrics_content_type(m.is_openmetrics), out.data,
                         out.len);
        tw_buf_init(&out, 0); /* the response has the memory now */
    }
out:
    tw_buf_fini(&out);
    return rc;
}
