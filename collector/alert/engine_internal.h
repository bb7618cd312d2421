/* SPDX-License-Identifier: Apache-2.0
 * What the parts of the judge share: series, the instances that rules make of them, their alerts.
 * An instance is one combination of the `by` labels of a rule; its number is judged in every
 * bucket, and it has an alert when that says so. Bounded by the number of series times the rules
 * that look at them (TW_ENGINE_LINKS_MAX). */
#ifndef TW_ALERT_ENGINE_INTERNAL_H
#define TW_ALERT_ENGINE_INTERNAL_H

#include "alert/engine.h"
#include "alert/window.h"

#define TW_ENGINE_LINKS_MAX 2000000 /* series of instances: 16 MB of pointers */
#define TW_ENGINE_SWEEP_S   3600    /* so often what is not heard of any more is looked for */

/* Things found by a hash of theirs; open addressing, never more than half full. */
struct tw_slot {
    uint64_t hash;
    void *item; /* NULL: free */
};
struct tw_slots {
    struct tw_slot *slots; /* owned; the items are not */
    size_t capacity;       /* a power of two */
    size_t count;
};
typedef bool tw_slots_same_fn(const void *item, const void *key);

uint64_t tw_slots_hash(uint64_t seed, struct tw_str text);
/* NULL: it is not there. */
void *tw_slots_find(const struct tw_slots *self, uint64_t hash, tw_slots_same_fn *same,
                    const void *key);
/* Room for one more. TW_ENOMEM. */
int tw_slots_reserve(struct tw_slots *self);
/* There is room. */
void tw_slots_put(struct tw_slots *self, uint64_t hash, void *item);
/* Free a slot; another item may have moved there. A walk that looks at the slot again misses none.
 */
void tw_slots_remove_at(struct tw_slots *self, size_t at);

struct tw_watched { /* a series */
    uint64_t hash;
    const struct tw_metric *metric;
    struct tw_str labels_json; /* lives behind the struct */
    struct tw_labels labels;   /* likewise */
    struct tw_trail trail;
    int32_t heard; /* bucket of its newest point, told or judged */
    bool is_gone;
};
struct tw_links {
    struct tw_watched **items; /* owned array */
    uint32_t count;
    uint32_t capacity;
};

/* The alert of an instance; a second one says that nothing is known. */
struct tw_state {
    struct tw_alert alert; /* its labels are `block` */
    void *block;           /* owned; NULL: no labels were needed yet */
    size_t open_at;        /* index in the engine's list while pending or firing */
};

enum tw_verdict_of_rule {
    TW_HOLDS_NOT,
    TW_HOLDS,
    TW_HOLDS_UNKNOWN, /* there is no data */
    TW_HOLDS_NOT_YET, /* what is usual is not known yet */
    TW_HOLDS_OUTSIDE, /* outside of the hours of the rule */
};
struct tw_instance {
    uint64_t hash;
    size_t judge;                         /* index of its rule */
    struct tw_str values[TW_RULE_BY_MAX]; /* live behind the struct */
    struct tw_links when;
    struct tw_links share;
    double *usual;  /* owned; TW_USUAL_HOURS; NULL: not known */
    bool is_static; /* there is always one: its labels are those of the rule alone */
    bool is_gone;
    uint32_t line; /* of who tries a rule: its number there, from 1 */
    int32_t heard; /* when it was made, restored, or its latest series was */
    struct tw_state main;
    struct tw_state *no_data; /* owned; NULL: never was */
    /* of the bucket that is judged */
    double value;
    enum tw_verdict_of_rule verdict;
};

struct tw_judge { /* a rule, and what is seen of it */
    const struct tw_rule *rule;
    struct tw_instance **items; /* owned */
    size_t count;
    size_t capacity;
    size_t pending;
    size_t firing;
    enum tw_rule_state state;
    const char *detail;
    bool has_lost_series; /* beyond a limit, since the last sweep */
    bool has_bad_labels;
    bool was_judged;
    bool is_inside; /* its hours */
    int64_t inside_since_s;
};

/* Who looks at a metric. */
struct tw_interest {
    uint32_t judge;
    bool is_share;
};
struct tw_wanted {
    struct tw_interest *items; /* owned */
    size_t count;
    int32_t span;  /* buckets: the longest window */
    int32_t since; /* all points from here on are there; INT32_MIN: always were */
};

struct tw_engine {
    const struct tw_rules *rules;         /* a reference */
    const struct tw_workflows *workflows; /* a reference */
    struct tw_judge *judges;              /* one a rule, or one alone */
    size_t judge_count;
    struct tw_wanted *wanted;    /* one a metric */
    int32_t span;                /* buckets: the longest window of all */
    const struct tw_metric *fed; /* that of the latest point; NULL: of none */
    struct tw_slots series;
    struct tw_slots instances;
    size_t link_count;
    struct tw_uptime uptime;
    bool was_ticked;
    bool is_shown;          /* every number is wanted, not only those of alerts */
    int32_t last;           /* the bucket that was judged last */
    int32_t swept;          /* ... and that in which was swept last */
    struct tw_state **open; /* owned array: all that are pending or firing */
    size_t open_count;
    size_t open_capacity;
    struct tw_state *leaving; /* owned: their rules went; they resolve with the next tick */
    size_t leaving_count;
    struct tw_state *left; /* owned: those whose end the last tick told */
    size_t left_count;
    struct tw_alert_change *changes; /* owned */
    size_t change_count;
    size_t change_capacity;
    struct tw_arena scratch;
};

/* One rule of the set alone, for trying it; NULL: all. As tw_engine_new. */
int tw_engine_new_of(const struct tw_rules *rules, const struct tw_rule *only,
                     const struct tw_workflows *workflows, struct tw_engine **ret_engine);

/* ---- engine_series.c: series and instances --------------------------------------------------- */

void tw_state_fini(struct tw_state *self);
void tw_instance_destroy(struct tw_instance *self);
void tw_watched_destroy(struct tw_watched *self);
/* Those that every rule without `by`, or whose labels its conditions give, always has. */
int tw_engine_make_static(struct tw_engine *self);
/* The instance with these values of `by`; made when there is none. TW_ENOMEM, TW_ELIMIT. */
int tw_engine_instance(struct tw_engine *self, size_t judge_index, const struct tw_str *values,
                       struct tw_instance **ret_instance);
/* The series; made, and given to those who look at it, when there is none. */
int tw_engine_watch(struct tw_engine *self, const struct tw_metric *metric,
                    struct tw_str labels_json, struct tw_watched **ret_series);
/* Forget what was not heard of for long. Instances that are gone but have an alert are only marked:
 * the tick ends it. */
void tw_engine_sweep(struct tw_engine *self, int32_t now);

/* ---- engine_labels.c ------------------------------------------------------------------------- */

/* The labels of the alert of an instance, and its fingerprint. TW_ENOMEM; TW_EINVAL, TW_ELIMIT:
 * they cannot be. Keeps what is there already. */
int tw_engine_name(struct tw_engine *self, const struct tw_instance *instance, bool is_no_data,
                   struct tw_state *state);

/* The system of a step; absent: it is not known. */
struct tw_str tw_engine_system_of(const struct tw_engine *self, struct tw_str workflow,
                                  struct tw_str step);

/* A copy in one block, which the caller frees: the items, then their texts. NULL out of memory. */
void *tw_labels_pack(const struct tw_labels *labels, struct tw_labels *ret_labels);

/* ---- engine_value.c -------------------------------------------------------------------------- */

/* Fills in verdict and value for the bucket; NAN also where no number was needed. */
void tw_engine_judge(const struct tw_engine *self, const struct tw_judge *judge,
                     struct tw_instance *instance, int32_t bucket);
/* Since when nothing is known, in seconds, of an instance of which nothing is. */
int64_t tw_engine_unknown_since(const struct tw_engine *self, const struct tw_judge *judge,
                                const struct tw_instance *instance, int32_t bucket);

#endif
