/* SPDX-License-Identifier: Apache-2.0
 * The counters of the collector, declared once: kept by the intake thread, committed with the
 * batch that caused them, read from the store by the web half and shown in /status and /metrics.
 * They never go back, not by a restart either. Thread: plain data.
 */
#ifndef TW_CORE_TOTALS_H
#define TW_CORE_TOTALS_H

#include <stdint.h>

/* X(name, unit, help): Prometheus name is tillwatch_<name>_total. New rows go at the end: the
 * stored form is by position. */
#define TW_TOTALS(X)                                                                              \
    X(messages_received, "messages", "ZeroMQ messages received on all taps")                      \
    X(received_bytes, "bytes", "Bytes of all frames received on all taps")                        \
    X(events_received, "events", "Events found in messages, good or bad")                         \
    X(events_accepted, "events", "Events seen for the first time and committed")                  \
    X(events_duplicate, "events", "Events whose source and id were seen before, same content")    \
    X(events_conflict, "events", "Events whose source and id were seen before, other content")    \
    X(events_quarantined, "events", "Messages and events that could not be understood")           \
    X(effects_duplicate, "events", "Events that repeat a business effect of another event")       \
    X(events_uncorrelated, "events", "Accepted events that carry no linking object")              \
    X(events_clock_suspect, "events", "Accepted events whose time is absent or implausible")      \
    X(objects_ignored, "identifiers", "Identifiers ignored because they say nothing (0, null)")   \
    X(objects_unscoped, "identifiers", "Identifiers ignored because their scope is missing")      \
    X(objects_over_limit, "identifiers", "Identifiers beyond correlate.max_objects of one event") \
    X(sequence_gaps, "gaps", "Gaps seen in the sequence of a source, filled later or not")        \
    X(sequence_filled, "events", "Events that arrived late into a gap of their source")           \
    X(sequence_rewinds, "events", "Sources that began to count again")                            \
    X(sequence_unreadable, "events", "Events of sequenced sources without a readable sequence")   \
    X(sources_over_limit, "events", "Events of sources beyond correlate.max_sources")             \
    X(acks_sent, "messages", "Acknowledgements sent")                                             \
    X(acks_undeliverable, "messages", "Acknowledgements whose client had gone")                   \
    X(quarantine_retried, "messages", "Quarantined entries tried again")                          \
    X(intake_paused, "pauses", "Times that receiving stopped because the store was behind")       \
    X(commits, "commits", "Transactions committed")

enum tw_total {
#define TW_TOTAL_ENUM(name, unit, help) TW_TOTAL_##name,
    TW_TOTALS(TW_TOTAL_ENUM)
#undef TW_TOTAL_ENUM
        TW_TOTAL_COUNT
};

struct tw_totals {
    uint64_t v[TW_TOTAL_COUNT];
};

/* The rows of the table, in order. */
struct tw_total_info {
    const char *name;
    const char *unit;
    const char *help;
};
extern const struct tw_total_info tw_total_infos[TW_TOTAL_COUNT];

#endif
