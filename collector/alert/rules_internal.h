/* SPDX-License-Identifier: Apache-2.0
 * Between the files that read alert rules: the tables of keys, and a set while it is being read.
 * Thread: the owner's.
 */
#ifndef TW_ALERT_RULES_INTERNAL_H
#define TW_ALERT_RULES_INTERNAL_H

#include "alert/rules.h"
#include "config/parse.h"
#include "track/burn.h"

/* As written; choices are positions in the words of their key. Freed by tw_cfg_free_fields. */
struct tw_rules_text {
    char *name;
    char *title;
    yaml_node_t *rules;
};
struct tw_rule_text {
    char *alert;
    char *title;
    char *about;
    yaml_node_t *when;
    yaml_node_t *share;
    bool is_usual_share;
    yaml_node_t *burn;
    char *above;
    char *below;
    char *least;
    int64_t for_s;
    int64_t keep_s;
    yaml_node_t *hours;
    unsigned no_data;
    int64_t no_data_for_s;
    unsigned severity; /* TW_SEVERITY_NONE: not given */
    char *owner;
    struct tw_cfg_pairs labels;
    char *summary;
    char *description;
    char *runbook;
    bool is_enabled;
};
struct tw_measure_text {
    char *metric;
    struct tw_cfg_pairs where;
    struct tw_cfg_strings by;
    unsigned join; /* TW_MEASURE_NOT_GIVEN: not given */
    int64_t over_s;
    unsigned take; /* likewise */
};
#define TW_MEASURE_NOT_GIVEN 99
struct tw_burn_text {
    unsigned rule;
    char *objective;
};

extern const struct tw_cfg_section tw_rules_section;
extern const struct tw_cfg_section tw_rule_section;
extern const struct tw_cfg_section tw_measure_section;
extern const struct tw_cfg_section tw_share_section;
extern const struct tw_cfg_section tw_burn_section;
/* "fast" ..., in the order of enum tw_rule_burn, from 0. */
#define TW_BURN_WORDS 8
extern const char *const tw_burn_words[TW_BURN_WORDS];

/* A rule that a file switches off by its name. */
struct tw_rule_off {
    char *name;
    char *file;
    int line;
    bool is_found;
};

struct tw_rules_load {
    const struct tw_cfg *cfg;
    const struct tw_workflows *workflows;
    struct tw_parse parse; /* faults, and the tree that is being read */
    struct tw_rule *items;
    size_t count;
    struct tw_rule_off *offs;
    size_t off_count;
    char **notes;
    size_t note_count;
    struct tw_runbook *runbooks;
    size_t runbook_count;
    bool is_builtin;    /* the pack is being read */
    bool is_left_out;   /* the rule that is being read names what is not there */
    bool is_too_many;   /* it was said, no more is read */
    struct tw_str text; /* of the file that is being read */
    char *group;        /* its name */
    struct tw_zone *zone;
};

/* ---- rules.c ---- */

/* A copy; NULL of NULL, and (noted) out of memory. */
char *tw_rules_copy(struct tw_rules_load *self, const char *text);
/* Room for one more item of `size` bytes, zeroed; NULL (and out of memory is noted). The array may
 * move. */
void *tw_rules_grow(struct tw_rules_load *self, void *array_p, size_t count, size_t size);
/* The value of this key in a map; the map itself when it is not there: for the line of a fault. */
const yaml_node_t *tw_rules_at(const struct tw_rules_load *self, const yaml_node_t *map,
                               const char *key);
size_t tw_rules_fault_count(const struct tw_rules_load *self);
/* What is no fault but worth knowing. */
void tw_rules_note(struct tw_rules_load *self, const yaml_node_t *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void tw_rule_fini(struct tw_rule *rule);

/* ---- rules_read.c ---- */

/* One rule's map; appended to the set unless it has a fault or is left out. */
void tw_rule_read(struct tw_rules_load *self, yaml_node_t *node);

/* ---- rules_measure.c ---- */

/* `when` into the rule, with by, over and take. */
void tw_rule_read_when(struct tw_rules_load *self, yaml_node_t *node, struct tw_rule *rule);
void tw_rule_read_share(struct tw_rules_load *self, yaml_node_t *node, struct tw_rule *rule);
void tw_rule_read_burn(struct tw_rules_load *self, yaml_node_t *node, struct tw_rule *rule);
void tw_measure_fini(struct tw_measure *measure);

/* ---- rules_names.c ---- */

/* What `where` of a measure names must be there. */
void tw_rule_check_names(struct tw_rules_load *self, const yaml_node_t *node, const char *where,
                         const struct tw_measure *measure);
/* ", did you mean \"x\"?" or "". Writes into buf. */
#define TW_RULE_HINT_SIZE 96
const char *tw_rule_hint(const char *const *words, size_t count, const char *name,
                         char buf[TW_RULE_HINT_SIZE]);
/* Objectives for which a burn rule can never fire are a note. `objective`: "*" or one. */
void tw_rule_note_burn(struct tw_rules_load *self, const yaml_node_t *node, enum tw_rule_burn burn,
                       const char *objective);

/* ---- rules_burn.c ---- */

/* Whether a burn rule can fire for this objective at all; in a month of 30 days. */
enum tw_burn_use tw_rule_burn_use(enum tw_rule_burn burn, const struct tw_wf_objective *objective);

/* ---- rules_say.c ---- */

/* A name of a template that this rule can fill in. `text` is checked, with faults at `node`. */
void tw_rule_check_template(struct tw_rules_load *self, const yaml_node_t *node, const char *key,
                            const char *text, const struct tw_rule *rule);

#endif
