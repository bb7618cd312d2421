/* SPDX-License-Identifier: Apache-2.0
 * What an event means to the workflows: which steps of which workflow versions it is a fact of. Two
 * things are found by one look-up: a number that stands for the whole set of (version, step, role)
 * and the attributes `when` asks for, and the few texts of the event that tracking wants.
 *
 * Versions. A workflow definition is one version, numbered in this process. tw_matcher_set() makes
 * the versions of a set the current ones; others that are known match on, for the runs that are
 * open under them, until they are retired.
 *
 * How. Every event type that is named has a bucket of rows, prefixes included; types that are not
 * named find the bucket of their longest prefix. The conditions of a bucket are evaluated once
 * each, into a set of bits; bucket, outcome and bits name the match set, made when the combination
 * is first seen. No allocation after that. An attribute that is empty counts as absent.
 *
 * Thread:  the owner's (intake); takes no locks.
 * Limits:  TW_MATCH_*_MAX.
 * Fails:   TW_ENOMEM; TW_ELIMIT where it says so.
 */
#ifndef TW_TRACK_MATCH_H
#define TW_TRACK_MATCH_H

#include "core/buf.h"
#include "event/event.h"
#include "track/run.h"
#include "workflow/workflow.h"

#define TW_MATCH_VERSIONS_MAX 1024    /* known at a time */
#define TW_MATCH_SETS_MAX     65536   /* match sets; further combinations match nothing, counted */
#define TW_MATCH_ROWS_MAX     1000000 /* patterns, each once for every type that it fits */
/* Distinct conditions on events of one type, over all versions. */
#define TW_MATCH_CONDITIONS_MAX 256

/* One member of a match set. An event has one role for a step: compensation over failure over
 * done. */
struct tw_match_entry {
    uint16_t version;
    uint8_t step;
    uint8_t role; /* enum tw_fact_role */
    /* Start steps: bit i: the event has what `when` of step i asks for. */
    uint32_t present;
};

/* What tracking wants of an event. Texts are borrowed from it; absent: not there. */
struct tw_match {
    uint32_t id; /* of the match set; 0: it matches nothing */
    /* enum tw_cause; NONE unless it says that something failed. What the event itself names; the
     * record may know better (tw_record.cause). */
    uint8_t cause;
    bool has_amount;
    char currency[4];
    int64_t amount_minor; /* in the currency's minor unit: cents, yen, fils */
    struct tw_str store;
    struct tw_str region;
    struct tw_str code;
};

struct tw_matcher;

int tw_matcher_new(struct tw_matcher **ret_matcher);
void tw_matcher_destroy(struct tw_matcher **self_p);

/* Make these versions the current ones; takes a reference of the set while one of its versions is
 * known. A version that is known already (name and hash) keeps its number. TW_OK, TW_ENOMEM,
 * TW_ELIMIT (versions, conditions or rows; nothing was changed). */
int tw_matcher_set(struct tw_matcher *self, const struct tw_workflows *set);
/* Know the versions of this set too, without making them current: definitions of open runs after a
 * restart. As above. */
int tw_matcher_add(struct tw_matcher *self, const struct tw_workflows *set);
/* No run is open under this version any more and it is not current: forget it. Its number stands
 * for nothing until it is given to another version; members of match sets that name it are
 * dropped. */
int tw_matcher_retire(struct tw_matcher *self, uint32_t version);

/* Numbers are below this; some may be free. */
uint32_t tw_matcher_version_count(const struct tw_matcher *self);
/* NULL: the number is free. Borrowed until it is retired. */
const struct tw_workflow *tw_matcher_workflow(const struct tw_matcher *self, uint32_t version);
bool tw_matcher_is_current(const struct tw_matcher *self, uint32_t version);
/* The number of a version, TW_ENOTFOUND. One definition may be there several times, with other
 * objectives of OpenSLO files (`slos`: tw_workflow.slo_version): find_version takes any of them. */
int tw_matcher_find_exact(const struct tw_matcher *self, struct tw_str name, uint64_t hash,
                          uint64_t slos, uint32_t *ret_version);
int tw_matcher_find_version(const struct tw_matcher *self, const char *name, uint64_t hash,
                            uint32_t *ret_version);

/* One event. TW_OK or TW_ENOMEM. */
int tw_matcher_match(struct tw_matcher *self, const struct tw_event *event,
                     struct tw_match *ret_match);
/* The members of a match set, by version and step; none for id 0 or one that is not known.
 * Borrowed until the next call with a matcher that is not const. */
size_t tw_matcher_entries(const struct tw_matcher *self, uint32_t id,
                          const struct tw_match_entry **ret_entries);
/* Match sets are numbered below this. */
uint32_t tw_matcher_id_count(const struct tw_matcher *self);

struct tw_matcher_stats {
    uint64_t bad_amounts; /* amounts that are no exact decimal of a known currency's minor units */
    uint64_t overflows;   /* combinations that match nothing because of TW_MATCH_SETS_MAX */
    uint64_t bytes;
};
void tw_matcher_stats(const struct tw_matcher *self, struct tw_matcher_stats *ret_stats);

/* The match sets by content (versions by name and hash), appended; error as in buf->error. */
int tw_matcher_save(const struct tw_matcher *self, struct tw_buf *buf);
/* Into a matcher that has matched nothing yet, after tw_matcher_set and _add: the ids are what they
 * were when saved. Members of versions that are not known are dropped. Treats its input as
 * hostile: TW_EDAMAGED leaves the matcher without match sets. */
int tw_matcher_restore(struct tw_matcher *self, struct tw_cursor *cursor);

/* "12.30", "EUR" -> 1230. Digits beyond the minor unit must be 0. TW_OK, TW_ESYNTAX (either is
 * garbage), TW_ELIMIT (does not fit). Source: ISO 4217, table A.1. */
int tw_match_amount(struct tw_str amount, struct tw_str currency, int64_t *ret_minor);

#endif
