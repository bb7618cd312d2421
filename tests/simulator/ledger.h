/* SPDX-License-Identifier: Apache-2.0
 * The ledger: what the simulator did, as NDJSON, one fact a line, each with a member `fact`.
 * What tests compare Tillwatch's answers with. docs/simulator.md describes every fact.
 * Thread: one. Fails: a write error stays and is reported by sim_ledger_close.
 */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "simulator/faults.h"
#include "simulator/garbage.h"
#include "simulator/options.h"
#include "simulator/outlet.h"
#include "simulator/types.h"

/* A number that was never delivered. */
struct sim_missing {
    uint32_t source;
    uint64_t sequence;
};

struct sim_totals {
    uint64_t composed;  /* events that the estate produced */
    uint64_t delivered; /* everything sent: events, duplicates, conflicts, garbage */
    uint64_t accepted;  /* distinct events delivered */
    uint64_t duplicates;
    uint64_t conflicts;
    uint64_t withheld;
    uint64_t late; /* delivered out of order */
    uint64_t quarantined[TW_PROBLEM_COUNT];
    uint64_t double_effects;
    uint64_t uncorrelated;
    uint64_t ignored_objects;
    uint64_t failed;
    uint64_t retrying;
    uint64_t gaps;
    uint64_t filled;
    uint64_t rewinds;
    uint64_t refused_holds; /* faults that did not happen: too much was held back already */
    uint64_t flows;
    uint64_t flows_open; /* at the end */
};

struct sim_ledger;

/* path NULL: a ledger that writes nothing. TW_OK, TW_EIO (diag filled), TW_ENOMEM. */
int sim_ledger_open(const char *path, struct sim_ledger **ret_ledger, struct tw_diag *diag);
/* Flush and close; TW_EIO when anything could not be written. Accepts NULL slots. */
int sim_ledger_close(struct sim_ledger **self_p, struct tw_diag *diag);
bool sim_ledger_is_on(const struct sim_ledger *self);

void sim_ledger_started(struct sim_ledger *self, const struct sim_options *options,
                        int64_t start_us, uint32_t source_count);
/* A fact about one event: `detail` is "" or further members, each with its comma in front. */
void sim_ledger_event_fact(struct sim_ledger *self, const char *fact, const char *source,
                           size_t source_len, uint64_t sequence, const char *detail);
/* A fact of members, without the braces: "\"fact\":\"skew\",...". */
void sim_ledger_fact(struct sim_ledger *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A fact as a JSON object; on its way to the disk when this returns, though the process be killed.
 */
void sim_ledger_json(struct sim_ledger *self, const char *object);
/* The fact of one source; missing is ascending. */
void sim_ledger_source(struct sim_ledger *self, const struct sim_source *source, const char *tap,
                       const struct sim_missing *missing, size_t missing_count);
void sim_ledger_finished(struct sim_ledger *self, const struct sim_totals *totals,
                         const struct sim_outlet_counts *sent, const uint64_t *type_counts,
                         const struct sim_types *types);

#endif
