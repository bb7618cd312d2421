/* SPDX-License-Identifier: Apache-2.0
 * The tables of keys of workflow files, in the manner of config/keys.h, and what is written under
 * them. The parser and the tables of docs/reference/workflows.md come from here.
 * Thread: constant data.
 */
#ifndef TW_WORKFLOW_KEYS_H
#define TW_WORKFLOW_KEYS_H

#include "config/keys.h"
#include "config/tree.h"

/* As written; choices are positions in the words of their key. Freed by tw_cfg_free_fields. */
struct tw_wf_text {
    char *name;
    char *title;
    char *owner;
    char *object;
    unsigned timing;
    unsigned criticality;
    bool is_financial;
    yaml_node_t *steps;
    yaml_node_t *objectives;
};

struct tw_wf_step_text {
    char *name;
    char *title;
    char *system;
    yaml_node_t *event;
    yaml_node_t *failure;
    yaml_node_t *compensation;
    yaml_node_t *after;
    char *within;
    bool is_optional;
    char *when;
    bool is_destination;
    unsigned each;
    char *authority;
    char *runbook;
};

struct tw_wf_match_text {
    char *type;
    yaml_node_t *where;
};

struct tw_wf_objective_text {
    char *name;
    char *title;
    char *owner;
    unsigned kind;
    char *step;
    char *from;
    char *within;
    char *target;
    char *window;
    char *timezone;
};

struct tw_wf_maintenance_text {
    char *name;
    char *reason;
    struct tw_cfg_strings workflows;
    char *system;
    char *from;
    char *until;
    struct tw_cfg_strings weekdays;
    char *start;
    char *duration;
    char *timezone;
};

extern const struct tw_cfg_section tw_wf_section;
extern const struct tw_cfg_section tw_wf_step_section;
extern const struct tw_cfg_section tw_wf_match_section;
extern const struct tw_cfg_section tw_wf_objective_section;
extern const struct tw_cfg_section tw_wf_maintenance_section;

#endif
