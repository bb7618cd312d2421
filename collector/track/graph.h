/* SPDX-License-Identifier: Apache-2.0
 * Which events belong to which run: a bipartite graph of objects (of linking types) and events, in
 * memory, as far back as runs are open and tw_graph_options.linger_s beyond.
 *
 * An event that carries objects of type T belongs to these and to no others of the type (`reaches`
 * them): who names its sale says nothing of other sales. An event that carries none of type T
 * belongs to R of type T when it carries an object that is not a hub, from which at most max_hops
 * links through objects that are neither of type T nor hubs lead to R, R being no hub. Two objects
 * are linked when one event carries both, whatever else it names. A hub has more than max_links
 * distinct neighbours, or more than max_events events. Of what the journey of R shows
 * (store/journey.h) these are the events that are R's own affair.
 *
 * Order. The (event, root) pairs are a function of the set of events alone, hubs included: when an
 * event makes an object a hub, the roots that were reached through it are named as to be folded
 * anew. Three things only are a function of the sequence instead, the same when it is replayed:
 * what was forgotten before an event came; a neighbour that was forgotten and comes back counts
 * twice towards max_links; and walks that are cut at TW_GRAPH_WALK_MAX (stats.cuts).
 *
 * What the caller does with an event that was added: for each type T that runs are keyed by,
 * tw_graph_reached(); for each root either fold this event, or (is_anew) forget what was folded and
 * fold all of tw_graph_events(). An event needs this for the types of its own matches, and for
 * those of which tw_graph_is_linking() says so.
 *
 * How. Objects are records of 48 bytes, found through a table of 8 byte slots by 128-bit hashes;
 * no text is kept. What was carried together is a bundle of 8 bytes and 8 for each object; the
 * events of one store that carried just that are 20 bytes each, and in its list. Events are kept
 * only if they match a step, bundles also if they bring a new link. An object has two lists: of
 * bundles that brought it a neighbour (which are the edges of the graph: there is no other
 * adjacency) and of the others. An object that never had a neighbour outside the event at hand
 * needs no walk at all.
 *
 * Thread:  the owner's (intake); takes no locks.
 * Limits:  tw_graph_options and TW_GRAPH_*_MAX; every one that is reached is counted.
 * Fails:   TW_ENOMEM, after which only destroying is allowed: the owner must stop.
 * Time:    from the caller alone, so that a replay does the same.
 * Source:  design, "Correlation".
 */
#ifndef TW_TRACK_GRAPH_H
#define TW_TRACK_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/str.h"

#define TW_GRAPH_NONE         UINT32_MAX
#define TW_GRAPH_CARRIED_MAX  256     /* objects of one event: upper bound of max-objects */
#define TW_GRAPH_HOPS_MAX     8       /* upper bound of correlate.max-hops */
#define TW_GRAPH_LINKS_MAX    1000000 /* upper bound of correlate.max-links */
#define TW_GRAPH_EVENTS_MAX   1000000 /* upper bound of correlate.max-journey-events */
#define TW_GRAPH_ROOTS_MAX    64      /* types that runs are keyed by */
#define TW_GRAPH_LINGER_S_MAX 86400
#define TW_GRAPH_OBJECTS_MAX  ((uint32_t)1 << 26)
#define TW_GRAPH_N_MAX        (UINT64_C(1) << 44) /* event numbers are below it */
#define TW_GRAPH_MATCHES_MAX  65536               /* so are ids of matches below this */
#define TW_GRAPH_PLACES_MAX   65536
/* Objects and carried identifiers that one walk looks at; beyond it the walk is cut and counted.
 * Far beyond what max_links and max_hops leave of a journey that says anything. */
#define TW_GRAPH_WALK_MAX 262144

/* Identity of an object. */
struct tw_graph_key {
    uint64_t low;
    uint64_t high;
};
/* XXH3_128 of type, scope and id. `seed`: of the store and secret, so that senders cannot make two
 * identifiers one; the same for the life of a snapshot. */
struct tw_graph_key tw_graph_key(uint64_t seed, uint16_t type, struct tw_str scope,
                                 struct tw_str id);

struct tw_graph_object {
    struct tw_graph_key key;
    uint16_t type; /* code in the store's dictionary */
};

/* An event as it is remembered. */
struct tw_graph_event {
    uint64_t n;     /* 1 to TW_GRAPH_N_MAX - 1 */
    tw_wall_t time; /* corrected; one that tracking knows */
    uint32_t match; /* tw_match.id; 0: matches nothing, its links are kept if they are new */
    uint32_t place; /* number, below TW_GRAPH_PLACES_MAX: where it was; 0: not said */
    uint8_t cause;  /* enum tw_cause */
};

struct tw_graph_options {
    uint32_t max_hops;          /* 1 to TW_GRAPH_HOPS_MAX */
    uint32_t max_links;         /* 1 to TW_GRAPH_LINKS_MAX */
    uint32_t max_events;        /* 1 to TW_GRAPH_EVENTS_MAX; of one object */
    uint32_t linger_s;          /* 1 to TW_GRAPH_LINGER_S_MAX */
    uint32_t max_objects;       /* remembered; 1 to TW_GRAPH_OBJECTS_MAX */
    const uint16_t *root_types; /* copied */
    size_t root_type_count;     /* up to TW_GRAPH_ROOTS_MAX */
    /* Whether runs of roots of this type have a use for events with this match; when not, a link to
     * such events is no reason to fold anew. NULL: all have. Must not call back into the graph. */
    bool (*concerns)(void *context, uint32_t match, uint16_t type);
    /* An object whose user slot is set is being forgotten (it is not held): the caller frees what
     * the slot stands for. Must not call back into the graph. */
    void (*on_forget)(void *context, uint32_t object, uint32_t user);
    void *context;
};

struct tw_graph;

/* TW_OK, TW_ENOMEM, TW_EINVAL (an option out of range). */
int tw_graph_new(const struct tw_graph_options *options, struct tw_graph **ret_graph);
void tw_graph_destroy(struct tw_graph **self_p);
/* Types that runs are keyed by, from now on. TW_OK or TW_EINVAL (too many). */
int tw_graph_set_roots(struct tw_graph *self, const uint16_t *types, size_t count);

/* To hide memory latency, call these three for the objects of events that will be added soon, each
 * several events (8 is good) after the one before. They change nothing. */
void tw_graph_prefetch_slots(const struct tw_graph *self, const struct tw_graph_object *objects,
                             size_t count);
void tw_graph_prefetch_objects(const struct tw_graph *self, const struct tw_graph_object *objects,
                               size_t count);
void tw_graph_prefetch_events(const struct tw_graph *self, const struct tw_graph_object *objects,
                              size_t count);

struct tw_graph_added {
    bool is_kept;        /* in the graph: tw_graph_events() gives it, if it has a match */
    bool is_linking;     /* tw_graph_is_linking() may be true of a root type */
    uint32_t fresh_hubs; /* objects that it made hubs */
};
/* Add an event that was not added before. `objects`: those of linking types, up to
 * TW_GRAPH_CARRIED_MAX; repeated ones count once. `now`: receipt time; earlier than before counts
 * as before. When max_objects are remembered, those that nothing holds are forgotten early, oldest
 * first; TW_ELIMIT: all looked at are held; nothing was changed but the counter. */
int tw_graph_add(struct tw_graph *self, const struct tw_graph_event *event,
                 const struct tw_graph_object *objects, size_t count, tw_wall_t now,
                 struct tw_graph_added *ret_added);

struct tw_graph_root {
    uint32_t object;
    bool is_anew;    /* fold all its events; else fold the event at hand */
    bool is_reached; /* false: the event does not reach it, but other events do since it came, or no
                        longer do; always anew then */
};
/* Whether the event added last may have changed which other events reach roots of this type. */
bool tw_graph_is_linking(const struct tw_graph *self, uint16_t type);
/* The roots of this type that the event added last reaches, or whose events it changed: ordered by
 * key. The array is valid until the next call with a graph that is not const. */
int tw_graph_reached(struct tw_graph *self, uint16_t type, const struct tw_graph_root **ret_roots,
                     size_t *ret_count);
/* All remembered events with a match that reach this object as a root, in no particular order; a
 * hub with more than max_events of its own gives the earlier ones only. Valid as above. */
int tw_graph_events(struct tw_graph *self, uint32_t object,
                    const struct tw_graph_event **ret_events, size_t *ret_count);

/* The object, TW_GRAPH_NONE when it is not remembered. */
uint32_t tw_graph_find(const struct tw_graph *self, const struct tw_graph_object *object);
/* Whether there is an object of this number: of those that come from outside, with a snapshot. */
bool tw_graph_has(const struct tw_graph *self, uint32_t object);
struct tw_graph_object tw_graph_object(const struct tw_graph *self, uint32_t object);
bool tw_graph_is_hub(const struct tw_graph *self, uint32_t object);
/* What the caller keeps for an object: a number, TW_GRAPH_NONE at first. */
uint32_t tw_graph_user(const struct tw_graph *self, uint32_t object);
void tw_graph_set_user(struct tw_graph *self, uint32_t object, uint32_t user);
/* While an object is held (a run of it is open), neither it nor what it reaches is forgotten. What
 * comes free begins to linger at the time of the last event, or at its next turn. */
void tw_graph_hold(struct tw_graph *self, uint32_t object, bool is_held);
/* Forget what was not touched for linger_s and is not held, directly or through its links. Turns
 * come linger_s after the last event, then every linger_s: O(1) an object and turn. */
void tw_graph_forget(struct tw_graph *self, tw_wall_t now);

struct tw_graph_stats {
    uint64_t objects;
    uint64_t events; /* remembered */
    uint64_t hubs;
    uint64_t held;
    uint64_t bytes;   /* of memory, all told */
    uint64_t cuts;    /* walks cut at TW_GRAPH_WALK_MAX */
    uint64_t refused; /* events that found no room */
    uint64_t evicted; /* objects forgotten early to make room */
};
/* O(1). */
void tw_graph_stats(const struct tw_graph *self, struct tw_graph_stats *ret_stats);

/* Work that adding leaves to the next event; what saves a copy of this memory does it here before,
 * so that both go on alike. */
void tw_graph_settle(struct tw_graph *self);
/* The whole state, appended; numbers of objects, user slots and whatever decides the order of
 * answers are kept, so that the restored graph does what this one would have done. Error as in
 * buf->error. */
int tw_graph_save(struct tw_graph *self, struct tw_buf *buf);
/* Into a new graph (nothing added); the options may differ from those when it was saved, except
 * that max_objects must suffice. Treats its input as hostile: TW_EDAMAGED leaves the graph empty;
 * time and memory are bounded by the input's length. `match_count`: ids from it on are damaged. */
int tw_graph_restore(struct tw_graph *self, struct tw_cursor *cursor, uint32_t match_count);

#endif
