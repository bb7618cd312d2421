/* SPDX-License-Identifier: Apache-2.0
 * What the files of the matcher share: versions, what they compile to, match sets.
 */
#ifndef TW_TRACK_MATCH_INTERNAL_H
#define TW_TRACK_MATCH_INTERNAL_H

#include "core/err.h"
#include "track/match.h"

#define NONE            UINT32_MAX
#define CONDITION_WORDS (TW_MATCH_CONDITIONS_MAX / 64)
#define DENSE_MAX       6 /* conditions of a bucket whose combinations are an array */

/* What an outcome makes of an event of `done`: enum tw_fact_role. */
#define OUTCOMES 4

struct condition {
    enum tw_where_kind kind;
    int attribute;       /* enum tw_attribute; -1: by name */
    struct tw_str name;  /* borrowed from the definition */
    struct tw_str value; /* likewise */
};

enum row_kind { ROW_DONE, ROW_FAILURE, ROW_COMPENSATION };

/* One pattern of one step, in a bucket. */
struct row {
    uint16_t version;
    uint8_t step;
    uint8_t kind; /* enum row_kind */
    uint8_t where_count;
    uint8_t where[TW_WF_WHERE_MAX]; /* conditions of the bucket, all must hold */
};

/* The step's `when` asks for an attribute of the start event. */
struct asked {
    uint16_t version;
    uint8_t step;
    uint8_t condition;
};

struct bucket {
    struct tw_str type; /* borrowed; a prefix where is_prefix */
    bool is_prefix;
    uint32_t parent;  /* of a prefix: the next shorter one that it begins with */
    struct row *rows; /* by version and step */
    uint32_t row_count;
    uint32_t row_capacity;
    struct asked *asked; /* by version */
    uint32_t asked_count;
    uint32_t asked_capacity;
    struct condition *conditions;
    uint32_t condition_count;
    uint32_t condition_capacity;
    uint32_t *dense; /* ids by outcome and bits, NONE: not seen yet; up to DENSE_MAX conditions */
};

/* Of the other buckets: what a combination comes to. */
struct memo {
    uint32_t bucket; /* + 1; 0: free */
    uint32_t id;
    uint8_t outcome;
    uint64_t bits[CONDITION_WORDS];
};

struct compiled {
    struct bucket *buckets; /* by type, exact before prefix */
    uint32_t bucket_count;
    uint32_t *prefixes; /* numbers of those that are prefixes, by type */
    uint32_t prefix_count;
    uint32_t *exact; /* hash table of the others: number + 1; 0: free */
    uint32_t exact_mask;
    uint32_t row_count;             /* of all buckets */
    struct tw_match_entry *scratch; /* room for the rows of any bucket */
};

struct version {
    const struct tw_workflow *workflow; /* NULL: free */
    const struct tw_workflows *set;     /* reference */
    bool is_current;
};

struct set {
    uint32_t first; /* of entries */
    uint32_t count;
    bool has_failure;
};

struct tw_matcher {
    struct version versions[TW_MATCH_VERSIONS_MAX];
    uint32_t version_count;
    struct compiled compiled;
    struct memo *memos; /* emptied when compiled anew */
    uint32_t memo_count;
    uint32_t memo_mask;
    struct set *sets; /* [0] has no members */
    uint32_t set_count;
    uint32_t set_capacity;
    uint32_t *by_content; /* hash table of sets: id; 0: free */
    uint32_t by_content_mask;
    struct tw_match_entry *entries;
    uint32_t entry_count;
    uint32_t entry_capacity;
    struct tw_matcher_stats stats;
};

/* match_compile.c. TW_OK, TW_ENOMEM, TW_ELIMIT. */
int tw_match_compile(const struct version *versions, uint32_t count, struct compiled *ret_compiled);
void tw_match_compiled_fini(struct compiled *self);
/* The bucket of a type, NULL when nothing is interested in it. */
const struct bucket *tw_match_bucket(const struct compiled *self, struct tw_str type);
/* Room for one more element of an array. */
int tw_match_grow(void *array_p, uint32_t count, uint32_t *capacity, size_t size);

/* match_sets.c */
/* The id of a set with these members (by version and step), made if need be. *ret_id 0 at
 * TW_MATCH_SETS_MAX. */
int tw_match_intern(struct tw_matcher *self, const struct tw_match_entry *entries, uint32_t count,
                    uint32_t *ret_id);
/* Members that name this version are dropped. */
int tw_match_forget_version(struct tw_matcher *self, uint32_t version);

#endif
