/* SPDX-License-Identifier: Apache-2.0
 * Readers of the store and memory for the calls under way: one of each for every web thread, kept
 * open from call to call. A thread takes one, uses it alone and gives it back.
 * Thread:  all web threads; take and give lock for a moment and never wait for a reader, since
 *          there are as many as threads can ask at once.
 * Fails:   a store that does not exist yet is opened again at the next call.
 */
#ifndef TW_WEB_READERS_H
#define TW_WEB_READERS_H

#include <jansson.h>

#include "core/arena.h"
#include "store/reader.h"
#include "track/match.h"
#include "workflow/workflow.h"

struct tw_readers;
struct tw_desk_reader; /* store/desk_read.h */

struct tw_lease {
    struct tw_reader *reader; /* NULL when the store could not be opened: see the diag */
    struct tw_arena arena;    /* empty */
    /* The collector's overview as the last call that asked for it read it: reading 13 kB of JSON
     * costs more than reading a journey, and the text changes once a second at most. */
    char *overview_text; /* NULL: nobody has asked */
    size_t overview_len;
    json_t *overview;
    /* What events mean to the definitions in force, and to former ones that were asked for: making
     * it costs as much as reading a journey. */
    struct tw_matcher *matcher;         /* NULL: nobody has asked */
    const struct tw_workflows *matched; /* its set; a reference */
    struct tw_desk_reader *desk;        /* NULL: nobody has asked for failures */
    struct tw_lease *next;              /* of those that are idle */
};

/* Borrows dir. TW_OK, TW_ENOMEM. */
int tw_readers_new(const char *dir, struct tw_readers **ret_readers);
/* After the last web thread has ended. */
void tw_readers_destroy(struct tw_readers **self_p);

/* A lease with an arena and, if asked for, a reader; without one `diag` says why. TW_OK or
 * TW_ENOMEM; *ret_open says how opening the store went. */
int tw_readers_take(struct tw_readers *self, bool with_reader, struct tw_lease **ret_lease,
                    int *ret_open, struct tw_diag *diag);
/* Give it back; what its arena gave out becomes invalid. `is_broken`: the reader met an error that
 * a new one may not have, and is closed. */
void tw_readers_give(struct tw_readers *self, struct tw_lease **lease_p, bool is_broken);

#endif
