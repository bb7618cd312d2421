/* SPDX-License-Identifier: Apache-2.0
 * The inside of struct tw_store: shared by the parts of the writing side and nobody else.
 */
#ifndef TW_STORE_STATE_H
#define TW_STORE_STATE_H

#include <stdatomic.h>

#include "core/chan.h"
#include "store/part.h"
#include "store/store.h"

/* From keeper to identity index: a partition is sealed (its filter comes along) or gone. */
struct tw_ident_news {
    uint32_t number;
    bool is_expired;
    struct tw_part_meta meta; /* sealed: its sizes */
    uint8_t *filter;          /* sealed: meta.ident_lines lines, owned */
};
void tw_ident_news_destroy(struct tw_ident_news **self_p);
#define TW_IDENT_NEWS_MAX 16 /* waiting; the keeper tries again when it is full */

struct tw_keeper_state;

struct tw_store {
    /* fixed after open */
    const struct tw_cfg *cfg;
    struct tw_clock *clock;
    char *dir;
    int lock_fd;
    int mark_fd;
    uint8_t store_id[TW_STORE_ID_BYTES];
    uint64_t ident_seed;
    char **object_names; /* index is the code; NULL: no such code in this configuration */
    size_t object_count;
    char **tap_names;
    size_t tap_count;
    struct tw_chan *ident_news;     /* items are struct tw_ident_news, owned */
    struct tw_keeper_state *keeper; /* owned by the keeper, destroyed with the store */
    struct tw_saver *saver;         /* borrowed while it runs; set before the writer starts */
    /* owned by the writer after recover */
    struct tw_part_writer *active;
    int failed; /* the final error, for ever */
    /* shared flags and counters */
    atomic_bool is_full;
    atomic_bool is_recovering;      /* a start reads the past: no partition moves */
    atomic_bool has_no_space;       /* the last attempt to commit found none */
    atomic_bool has_idents;         /* somebody empties ident_news */
    atomic_uint savings;            /* child processes that write a snapshot */
    atomic_uint sealable_below;     /* partitions below this number will not be written again */
    _Atomic int64_t last_closed_ns; /* `closed` of the last batch committed; 0: none */
};

void tw_keeper_state_destroy(struct tw_keeper_state **self_p);

/* ---- track_replay.c ---- */

/* The tracking part of tw_store_recover. */
int tw_track_replay(struct tw_store *store, struct tw_recovery *recovery, struct tw_diag *diag);

/* ---- catalogue.c ---- */

/* Open or create the catalogue; sets store_id, ident_seed, and the dictionaries of cfg. `is_new`
 * tells whether there may be none yet (no partitions are there). */
int tw_catalogue_open(struct tw_store *store, bool may_create, struct tw_diag *diag);
/* At the stop: remove the journal that readers have left, which closed later than who wrote. */
void tw_catalogue_tidy(const struct tw_store *store);
void tw_catalogue_forget(struct tw_store *store);
/* The ident seed of the store, for readers of the catalogue alone. */

/* ---- lock.c ---- */

/* Take the lock; TW_EBUSY names the pid that has it. */
int tw_lock_take(const char *dir, int *ret_fd, struct tw_diag *diag);
/* The mark: opened (made when missing); *ret_n is the n in it, 0 when it is new. */
int tw_mark_open(const char *dir, int *ret_fd, uint64_t *ret_n, struct tw_diag *diag);
/* Note that record n is committed. Never synced: it may be behind, never ahead. */
int tw_mark_write(int fd, uint64_t n);

#endif
