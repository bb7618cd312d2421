/* SPDX-License-Identifier: Apache-2.0
 * Between the files of collector/workflow: a set while it is being read.
 * Thread: the owner's.
 */
#ifndef TW_WORKFLOW_INTERNAL_H
#define TW_WORKFLOW_INTERNAL_H

#include "config/parse.h"
#include "workflow/keys.h"
#include "workflow/workflow.h"

#define TW_WF_LONGEST_NS (INT64_C(400) * 86400 * 1000 * 1000 * 1000) /* series are kept so long */
#define TW_WF_NS_PER_S   INT64_C(1000000000)

/* Where the parts of an objective were written. */
struct tw_wf_place {
    const char *file;
    int line;
    int step_line;
    int from_line;
    int within_line;
};

/* An objective of an OpenSLO file, until its workflow is known. */
struct tw_wf_slo {
    char *file;
    char *workflow;
    char *step;
    char *from;
    struct tw_wf_place place; /* file: the one above */
    struct tw_wf_objective objective;
};

struct tw_wf_load {
    const struct tw_cfg *cfg;
    struct tw_parse parse; /* faults, and the tree that is being read */
    struct tw_workflow *items;
    size_t count;
    struct tw_wf_maintenance *maintenance;
    char **maintenance_files; /* beside each */
    size_t maintenance_count;
    struct tw_wf_slo *slos;
    size_t slo_count;
    char **notes;
    size_t note_count;
    bool is_builtin;  /* the pack is being read */
    const char *text; /* of the file that is being read */
    size_t len;
};

/* Room for one more item of `size` bytes, zeroed; NULL (and out of memory is noted). The array may
 * move. */
void *tw_wf_grow(struct tw_wf_load *self, void *array_p, size_t count, size_t size);
/* A copy; NULL of NULL, and (noted) out of memory. */
char *tw_wf_copy(struct tw_wf_load *self, const char *text);
/* The value of this key in a map; NULL when it is not there. */
yaml_node_t *tw_wf_member(struct tw_wf_load *self, const yaml_node_t *map, const char *key);
/* The same; the map itself when it is not there: for the line of a fault. */
const yaml_node_t *tw_wf_at(struct tw_wf_load *self, const yaml_node_t *map, const char *key);
/* The items of a list, or the one value itself. */
size_t tw_wf_list_count(const yaml_node_t *node);
yaml_node_t *tw_wf_list_item(struct tw_wf_load *self, yaml_node_t *node, size_t i);
/* How many faults there are, told or not. */
size_t tw_wf_fault_count(const struct tw_wf_load *self);
/* What is no fault but worth knowing. */
void tw_wf_note(struct tw_wf_load *self, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* ", did you mean \"x\"?" or "". Writes into buf. */
#define TW_WF_HINT_SIZE 96
const char *tw_wf_hint(const char *const *words, size_t count, const char *name,
                       char buf[TW_WF_HINT_SIZE]);

/* ---- value.c ---- */

/* A duration of 1 ns to 400 d, which has passed TW_CFG_DURATION. False with a fault at `at`. */
bool tw_wf_duration(struct tw_wf_load *self, const yaml_node_t *at, const char *where,
                    const char *text, int64_t *ret_ns);
/* "90 s", "5 min", "2 h", "3 d": the largest unit that is whole. Writes into buf. */
#define TW_WF_SPAN_SIZE 32
const char *tw_wf_span(int64_t ns, char buf[TW_WF_SPAN_SIZE]);
/* Decimal digits with at most `places` behind the point, times 10^places; false: something else. */
bool tw_wf_decimal(const char *text, size_t len, unsigned places, int64_t *ret_value);
/* An IANA time zone that this machine knows. */
bool tw_wf_zone_exists(const char *name);
/* Whether there is a system of this name; a fault otherwise. */
void tw_wf_check_system(struct tw_wf_load *self, const yaml_node_t *at, const char *where,
                        const char *name);

/* ---- match.c ---- */

/* Events of one key into `matches` (room for TW_WF_MATCHES_MAX). */
void tw_wf_read_matches(struct tw_wf_load *self, const char *where, yaml_node_t *node,
                        struct tw_wf_match *matches, size_t *ret_count);
void tw_wf_match_fini(struct tw_wf_match *match);
/* Some event could fit both. */
bool tw_wf_match_overlap(const struct tw_wf_match *a, const struct tw_wf_match *b);

/* ---- define.c, graph.c ---- */

/* A workflow while its tree is there. */
struct tw_wf_draft {
    struct tw_wf_load *load;
    struct tw_workflow *workflow;
    const yaml_node_t *nodes[TW_WF_STEPS_MAX]; /* of the steps, in order of the file */
    bool is_after_faulty;                      /* a name in `after` leads nowhere */
};

/* A workflow file's map; appended to the set unless it has faults or does not apply. */
void tw_wf_define(struct tw_wf_load *self, yaml_node_t *root);
/* Cycles, steps that cannot be reached, no start. */
void tw_wf_check_graph(struct tw_wf_draft *draft);
/* Order the steps so that `after` only points back, otherwise as they are. There is no cycle. */
void tw_wf_sort_steps(struct tw_workflow *workflow);
/* Step a comes before step b, directly or not. */
bool tw_wf_is_before(const struct tw_workflow *workflow, unsigned a, unsigned b);
int tw_wf_find_step(const struct tw_workflow *workflow, const char *name);

/* ---- objective.c ---- */

void tw_wf_read_objectives(struct tw_wf_draft *draft, yaml_node_t *node);
/* A window as files write it. False with a fault. */
bool tw_wf_read_window(struct tw_wf_load *self, const yaml_node_t *at, const char *text,
                       struct tw_wf_objective *objective);
/* The same for a rolling window; `shown` stands for it in the fault. */
bool tw_wf_set_window(struct tw_wf_load *self, const yaml_node_t *at, const char *shown, int64_t ns,
                      struct tw_wf_objective *objective);
/* Find the steps (names: step and from, NULL: none) and see whether the objective makes sense for
 * the workflow. */
void tw_wf_bind_objective(struct tw_wf_load *self, const struct tw_wf_place *place,
                          const struct tw_workflow *workflow, const char *const names[2],
                          struct tw_wf_objective *objective);
void tw_wf_objective_fini(struct tw_wf_objective *objective);

/* ---- maintenance.c ---- */

void tw_wf_read_maintenance(struct tw_wf_load *self, const yaml_node_t *root, yaml_node_t *list);
void tw_wf_maintenance_fini(struct tw_wf_maintenance *maintenance);

/* ---- openslo.c ---- */

/* The OpenSLO documents of one file. */
void tw_wf_read_openslo(struct tw_wf_load *self, struct tw_tree *trees, size_t count);
/* To the workflows they name, once all are known. */
void tw_wf_attach_slos(struct tw_wf_load *self);
void tw_wf_slo_fini(struct tw_wf_slo *slo);

/* ---- version.c ---- */

/* Hash of the canonical text. TW_OK or TW_ENOMEM. */
int tw_wf_version(const struct tw_workflow *workflow, uint64_t *ret_version);
/* Of its objectives from `first` on. */
int tw_wf_slo_version(const struct tw_workflow *workflow, size_t first, uint64_t *ret_version);
int tw_wf_set_version(const struct tw_workflows *set, uint64_t *ret_version);

/* ---- set.c ---- */

void tw_workflow_fini(struct tw_workflow *workflow);
/* What was read becomes the set: takes its arrays. TW_OK or TW_ENOMEM. */
int tw_wf_make_set(struct tw_wf_load *self, const struct tw_workflows **ret_set);

/* The retail pack (generated from collector/workflows at build). */
struct tw_wf_builtin {
    const char *name; /* "sale-posting.yaml" */
    const char *text;
};
extern const struct tw_wf_builtin tw_wf_pack[];
extern const size_t tw_wf_pack_count;

#endif
