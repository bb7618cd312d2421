/* SPDX-License-Identifier: Apache-2.0
 * Workflow definitions: what should happen to a sale, an order, a return. Read from YAML (the
 * retail pack that is built in, and the directories that the configuration names), checked whole,
 * then const. One set is in force at a time; SIGHUP reads the next one. A run keeps the version
 * under which it began: the version is the hash of the definition's canonical text.
 * Thread: made by main; const and shared afterwards (counted references, atomic).
 * Limits: TW_WF_*_MAX, each a fault with file:line when it is passed.
 * Fails:  TW_ECONFIG with every fault of every file as "file:line: what is wrong" in one report.
 * Source: design, "Words"; objectives: OpenSLO v1 and Google's SRE workbook, chapter 5.
 */
#ifndef TW_WORKFLOW_WORKFLOW_H
#define TW_WORKFLOW_WORKFLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/config.h"

#define TW_WF_MAX            200 /* workflows of one set */
#define TW_WF_STEPS_MAX      32  /* steps of one workflow: a step set is a uint32_t */
#define TW_WF_MATCHES_MAX    8   /* event patterns of one step, of one sort */
#define TW_WF_WHERE_MAX      4   /* conditions of one pattern */
#define TW_WF_OBJECTIVES_MAX 16  /* of one workflow */

enum tw_timing {
    TW_TIMING_CHECKOUT, /* seconds */
    TW_TIMING_SUB_MINUTE,
    TW_TIMING_NEAR_REAL_TIME, /* minutes */
    TW_TIMING_QUEUED,         /* with reconciliation */
    TW_TIMING_BATCH,          /* a window */
};
enum tw_criticality { TW_CRITICAL, TW_STANDARD, TW_DEFERRABLE };

enum tw_where_kind { TW_WHERE_EQUALS, TW_WHERE_PRESENT, TW_WHERE_ABSENT };
/* A condition on one attribute of an event. */
struct tw_wf_where {
    char *attribute;
    enum tw_where_kind kind;
    char *value; /* TW_WHERE_EQUALS */
};

/* Which events count. */
struct tw_wf_match {
    char *event;    /* CloudEvents type; without its '*' when is_prefix */
    bool is_prefix; /* "com.shop.order.*" */
    struct tw_wf_where where[TW_WF_WHERE_MAX]; /* all must hold */
    size_t where_count;
};

enum tw_step_each {
    TW_EACH_ONCE,
    TW_EACH_STORE, /* fan-out: one from every expected store; done when all have answered */
};

struct tw_wf_step {
    char *name; /* [a-z0-9-]{1,32}, unique in the workflow */
    char *title;
    char *system; /* one of the configured or built-in systems */
    /* An event of `done` with outcome ok (or none) completes the step; with failed or deadletter it
     * is a failed attempt, with retrying an attempt under way, with compensated a compensation. */
    struct tw_wf_match done[TW_WF_MATCHES_MAX];
    size_t done_count; /* at least 1 */
    /* Other events that say that the step failed, or that it was taken back, whatever their
     * outcome. */
    struct tw_wf_match failure[TW_WF_MATCHES_MAX];
    size_t failure_count;
    struct tw_wf_match compensation[TW_WF_MATCHES_MAX];
    size_t compensation_count;
    uint32_t after;      /* set of steps (bit i: step i), all of which come before; 0: a start */
    int64_t within_ns;   /* after the last of `after`; 0: no deadline */
    bool is_optional;    /* may be left out: never overdue, skipped when the run ends without it */
    char *when;          /* applies only if the run's start event carries this attribute; or NULL */
    bool is_destination; /* ends a branch; named in the row of destinations */
    enum tw_step_each each;
    char *authority; /* which system's word is final; NULL: its own */
    char *runbook;   /* name of docs/runbooks/NAME.md; or NULL */
    int line;
};

enum tw_objective_kind {
    TW_OBJECTIVE_COMPLETION,   /* share of runs that complete, by their last deadline */
    TW_OBJECTIVE_LATENCY,      /* share of runs that reach `step` within `within` of `from` */
    TW_OBJECTIVE_FRESHNESS,    /* share of minutes in which the oldest waiting for `step` is
                                  younger than `within` */
    TW_OBJECTIVE_COMPLETENESS, /* share of sequence numbers, or of a fan-out's stores, that came */
};
enum tw_window_kind { TW_WINDOW_ROLLING, TW_WINDOW_DAY, TW_WINDOW_WEEK, TW_WINDOW_MONTH };

struct tw_wf_objective {
    char *name; /* unique in the whole set: "sale-posted-in-time" */
    char *title;
    char *owner; /* NULL: the workflow's */
    enum tw_objective_kind kind;
    int step;            /* index; -1: none (completion, completeness of sequences) */
    int from;            /* latency: the step it counts from; -1: the run's start */
    int64_t within_ns;   /* latency and freshness */
    uint32_t target_ppm; /* parts per million, 1 to 999,999: 99.5 % is 995,000 */
    enum tw_window_kind window;
    int64_t window_ns; /* rolling: 1 h to 30 d */
    char *timezone;    /* calendar windows: IANA name; NULL: UTC */
    char *file;        /* of OpenSLO; NULL: the workflow's */
    int line;
};

struct tw_workflow {
    char *name; /* [a-z0-9-]{1,63}, unique; no '-' at either end, as OpenSLO wants it */
    char *title;
    char *owner;
    enum tw_timing timing;
    enum tw_criticality criticality;
    bool is_financial;
    char *object;             /* object type (linking) that identifies a run */
    struct tw_wf_step *steps; /* in an order in which `after` only points back */
    size_t step_count;
    uint32_t starts; /* set of the steps without `after` */
    struct tw_wf_objective *objectives;
    size_t objective_count;
    /* Hash of the canonical text: comments, layout and the order of keys do not change it, anything
     * that means something does. Objectives of OpenSLO files do not count. Never 0. */
    uint64_t version;
    uint64_t slo_version; /* hash of the objectives of OpenSLO files; 0: it has none */
    char *text;           /* the YAML it came from, alone: kept with runs of this version */
    char *file;           /* "(built in) sale-posting.yaml" or a path */
    int line;
};

/* Planned maintenance: what happens in it does not spend budgets, and is shown as such. */
struct tw_wf_maintenance {
    char *name;
    char *reason;
    char **workflows; /* empty: all */
    size_t workflow_count;
    char *system;    /* NULL: any; else only what waits for this system */
    int64_t from_ns; /* one-off: wall times, both 0 when it recurs */
    int64_t until_ns;
    uint8_t weekdays;   /* recurring: bit 0 Monday .. bit 6 Sunday */
    int32_t start_s;    /* seconds after midnight, local */
    int32_t duration_s; /* up to 24 h; may pass midnight */
    char *timezone;     /* NULL: UTC */
    int line;
};

struct tw_workflows {
    struct tw_workflow *items; /* ordered by name */
    size_t count;
    struct tw_wf_maintenance *maintenance;
    size_t maintenance_count;
    uint64_t version; /* of the whole set */
    char **notes;     /* "file:line: what is no fault but worth knowing" */
    size_t note_count;
};

/* Everything that cfg names (cfg->workflows: the pack unless switched off, then the directories).
 * A file may also be an OpenSLO v1 document of kind SLO whose indicator is ours; it adds an
 * objective to the workflow it names. TW_OK, TW_ECONFIG, TW_ENOMEM. Starts with one reference. */
int tw_workflows_load(const struct tw_cfg *cfg, FILE *report, const struct tw_workflows **ret_set);
/* One definition from memory, with the same checks; for tests and for stored versions. */
int tw_workflows_parse(const struct tw_cfg *cfg, const char *name, const char *yaml, size_t len,
                       FILE *report, const struct tw_workflows **ret_set);
const struct tw_workflows *tw_workflows_ref(const struct tw_workflows *self);
/* Drops one reference; the last frees. Accepts NULL. */
void tw_workflows_unref(const struct tw_workflows **self_p);
/* The workflow of this name, NULL when there is none. */
const struct tw_workflow *tw_workflows_find(const struct tw_workflows *self, const char *name);
/* One objective as an OpenSLO v1 document (JSON is YAML; keys in the order of the spec). Owned by
 * the caller (free); NULL out of memory. */
char *tw_objective_openslo(const struct tw_workflow *workflow,
                           const struct tw_wf_objective *objective);
/* The tables of keys as Markdown, for docs/reference/workflows.md. TW_OK or TW_EIO. */
int tw_workflows_print_keys(FILE *out);
/* Words of the enumerations as the files and the API write them. */
const char *tw_timing_name(enum tw_timing timing);
const char *tw_criticality_name(enum tw_criticality criticality);
const char *tw_objective_kind_name(enum tw_objective_kind kind);
const char *tw_window_kind_name(enum tw_window_kind kind);

#endif
