/* SPDX-License-Identifier: Apache-2.0
 * Alert rules: which series, how compared, for how long, and what is said. Read from YAML (the
 * retail pack that is built in, and the directories that the configuration names), checked whole,
 * then const. One set is in force at a time; SIGHUP reads the next one.
 * Thread:  made by main; const and shared afterwards (counted references, atomic).
 * Limits:  TW_RULES_MAX and TW_RULE_*_MAX, each a fault with file:line when it is passed.
 * Fails:   TW_ECONFIG with every fault of every file as "file:line: what is wrong" in one report.
 * Source:  docs/reference/alert-rules.md.
 */
#ifndef TW_ALERT_RULES_H
#define TW_ALERT_RULES_H

#include <stdio.h>

#include "alert/hours.h"
#include "alert/labels.h"
#include "alert/runbooks.h"
#include "config/config.h"
#include "track/metrics.h"
#include "workflow/workflow.h"

#define TW_RULES_MAX        1000
#define TW_RULE_WHERE_MAX   4
#define TW_RULE_BY_MAX      3
#define TW_RULE_LABELS_MAX  16
#define TW_RULE_OVER_MAX_S  21600
#define TW_RULE_FOR_MAX_S   604800
#define TW_RULE_SUMMARY_MAX 500  /* bytes, as written and with its values */
#define TW_RULE_TEXT_MAX    2000 /* of a description, likewise */

enum tw_severity { TW_SEVERITY_CRITICAL, TW_SEVERITY_WARNING, TW_SEVERITY_INFO, TW_SEVERITY_NONE };
enum tw_rule_join { TW_RULE_SUM, TW_RULE_MAX, TW_RULE_MIN };
enum tw_rule_take { TW_TAKE_LAST, TW_TAKE_MAX, TW_TAKE_MIN, TW_TAKE_MEAN };
/* What `burn` stands for: none, then its words in their order. */
enum tw_rule_burn {
    TW_RULE_NOT_BURN, /* `when` is given */
    TW_RULE_BURN_FAST,
    TW_RULE_BURN_MEDIUM,
    TW_RULE_BURN_SLOW,
    TW_RULE_BURN_TREND,
    TW_RULE_BURN_TRICKLE,
    TW_RULE_BURN_ABSENCE,
    TW_RULE_BURN_FAST_LOW,
    TW_RULE_BURN_MEDIUM_LOW,
};
enum tw_rule_no_data { TW_NO_DATA_IGNORE, TW_NO_DATA_ALERT };

struct tw_rule_label {
    char *name;
    char *value;
};
/* A number out of series: those of `metric` with all labels of `where`, joined into one for each
 * combination of the rule's `by`. */
struct tw_measure {
    const struct tw_metric *metric;
    struct tw_rule_label where[TW_RULE_WHERE_MAX];
    size_t where_count;
    enum tw_rule_join join;
};
struct tw_rule {
    char *name; /* label `alertname` */
    char *title;
    char *about; /* NULL: none */
    struct tw_measure when;
    char *by[TW_RULE_BY_MAX];
    size_t by_count;
    int32_t over_s;         /* 10 to TW_RULE_OVER_MAX_S, in tens; counts are summed over it */
    enum tw_rule_take take; /* values */
    bool has_share;
    struct tw_measure share; /* the value is when / share; of a burn rule it is the value that is
                                told, and `when` says whether it fires */
    enum tw_rule_burn burn;  /* then `threshold` is of the level of the series objective_rule */
    bool is_usual_share;     /* the value is when / what is usual at this hour of the week */
    bool is_above;           /* strictly; else below */
    double threshold;        /* of `when`, in the unit of the metric, or a share */
    double least;            /* 0: none */
    int32_t for_s;
    int32_t keep_s;
    struct tw_hours *hours; /* NULL: always */
    enum tw_rule_no_data no_data;
    int32_t no_data_for_s;
    enum tw_severity severity;
    char *owner; /* NULL: that of the objective, of the workflow, else "integration" */
    struct tw_rule_label labels[TW_RULE_LABELS_MAX];
    size_t label_count;
    char *summary;     /* template: {{label}}, {{value}}, {{threshold}}, {{title}} */
    char *description; /* likewise; NULL: none */
    char *runbook;     /* NULL: none */
    bool is_enabled;
    char *group; /* name of its file */
    char *text;  /* as it is written, YAML, without the others of its file */
    char *file;
    int line;
};
struct tw_rules {
    struct tw_rule *items; /* in the order of their files; those that are built in come last */
    size_t count;
    struct tw_runbook *runbooks; /* ordered by name: the operators' and those that are built in */
    size_t runbook_count;
    uint64_t serial; /* different for each set of this process */
    char **notes;    /* "file:line: what is no fault but worth knowing" */
    size_t note_count;
    struct tw_zone *zone; /* by whose clock it is known what is usual; owned; NULL: UTC */
};

/* Everything that cfg names. Names of workflows, steps, objectives and systems are checked against
 * `workflows` (borrowed for the call); a built-in rule that names what is not there is left out,
 * with a note. TW_OK, TW_ECONFIG, TW_ENOMEM. Starts with one reference. */
int tw_rules_load(const struct tw_cfg *cfg, const struct tw_workflows *workflows, FILE *report,
                  const struct tw_rules **ret_set);
/* From memory, with the same checks: a file with `rules:`, or one rule alone. Runbooks are those
 * that are built in. */
int tw_rules_parse(const struct tw_cfg *cfg, const struct tw_workflows *workflows, const char *name,
                   struct tw_str yaml, FILE *report, const struct tw_rules **ret_set);
const struct tw_rules *tw_rules_ref(const struct tw_rules *self);
void tw_rules_unref(const struct tw_rules **self_p); /* accepts NULL */
const struct tw_rule *tw_rules_find(const struct tw_rules *self, struct tw_str name);
/* The Markdown of docs/runbooks/NAME.md, or of the operators' own; NULL: there is none. */
const char *tw_rules_runbook(const struct tw_rules *self, struct tw_str name);
/* Whether it looks at `share`, too. */
bool tw_rule_has_second(const struct tw_rule *rule);
/* What the value of an alert is told against: the threshold; of a burn rule that which the
 * objective gives it (a factor depends on the window, and a month is not always as long). NAN:
 * there is no such objective, or the rule can never fire for it. */
double tw_rule_limit(const struct tw_rule *rule, const struct tw_workflows *workflows,
                     struct tw_str objective, int64_t at_s);
/* The different limits of its alerts, at most `most`: one but for burn rules. Returns how many. */
size_t tw_rule_limits(const struct tw_rule *rule, const struct tw_workflows *workflows,
                      int64_t at_s, double *ret_limits, size_t most);
/* A value, and what it is told against; NAN: not known. */
struct tw_rule_numbers {
    double value;
    double limit;
};
/* A template of the rule with its values filled in, at most TW_RULE_SUMMARY_MAX (summary) or
 * TW_RULE_TEXT_MAX bytes, in the arena; numbers as people read them in the unit of the rule. A
 * label that is missing is empty. TW_OK, TW_ENOMEM. */
int tw_rule_say(struct tw_arena *arena, const struct tw_rule *rule, const char *text,
                const struct tw_labels *labels, struct tw_rule_numbers numbers,
                struct tw_str *ret_text);
/* "seconds", "count", "share", "burn". */
const char *tw_rule_unit(const struct tw_rule *rule);
/* A value as people read it: 2 min 05 s, 12 %, 1,234. Writes into buf. */
#define TW_RULE_VALUE_SIZE 32
const char *tw_rule_value(const struct tw_rule *rule, double value, char buf[TW_RULE_VALUE_SIZE]);
const char *tw_severity_name(enum tw_severity severity); /* NONE: "" */
/* TW_SEVERITY_NONE for a word that is none. */
enum tw_severity tw_severity_find(struct tw_str text);
/* The tables of keys as Markdown, for docs/reference/alert-rules.md. TW_OK or TW_EIO. */
int tw_rules_print_keys(FILE *out);

#endif
