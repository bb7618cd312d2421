/* SPDX-License-Identifier: Apache-2.0
 * Between the files of collector/causes: the tables of keys, and a set with what matching needs.
 * Thread: the owner's.
 */
#ifndef TW_CAUSES_INTERNAL_H
#define TW_CAUSES_INTERNAL_H

#include <stdatomic.h>

#include "causes/causes.h"
#include "config/keys.h"
#include "config/tree.h"

#define TW_CAUSES_STATUS_MIN 100
#define TW_CAUSES_STATUS_MAX 599

/* As written; choices are positions in the words of their key. Freed by tw_cfg_free_fields. */
struct tw_causes_text {
    yaml_node_t *rules;
};
struct tw_cause_rule_text {
    char *name;
    yaml_node_t *when;
    unsigned cause;
    char *label;
    char *owner;
    char *runbook;
};
struct tw_cause_when_text {
    struct tw_cfg_strings when[TW_CAUSE_CONDITIONS];
};

extern const struct tw_cfg_section tw_causes_section;
extern const struct tw_cfg_section tw_cause_rule_section;
extern const struct tw_cfg_section tw_cause_when_section;
/* The cause of a position in the words of the key `cause`. */
extern const enum tw_cause tw_cause_choices[];

/* The patterns of a rule, in lower case; those of a status as a set of numbers. */
struct tw_cause_matcher {
    struct tw_str *patterns[TW_CAUSE_CONDITIONS]; /* owned, text by text */
    uint64_t statuses[(TW_CAUSES_STATUS_MAX - TW_CAUSES_STATUS_MIN) / 64 + 1];
};

/* What users hold is the first member. */
struct tw_causes_holder {
    struct tw_causes set;
    struct tw_cause_matcher *matchers; /* one a rule */
    _Atomic uint64_t *counts;          /* likewise */
    atomic_bool is_counting;
    atomic_size_t references;
};

static inline struct tw_causes_holder *tw_causes_holder_of(const struct tw_causes *self)
{
    return (struct tw_causes_holder *)(uintptr_t)self; /* made by us, and not const then */
}

/* "503" or "5xx" into the set; false: it is neither. `statuses` NULL: only look. */
bool tw_cause_read_status(const char *text, uint64_t *statuses);
/* In lower case, ASCII only; at most `room` bytes. Returns how many. */
size_t tw_cause_fold(struct tw_str text, char *to, size_t room);

#endif
