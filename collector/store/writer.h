/* SPDX-License-Identifier: Apache-2.0
 * The two background threads of the store. `writer` takes batches from a channel, commits each
 * and hands it back with commit_result; `keeper` seals, expires, watches the disk.
 * Thread: start and stop by main. A commit that finds the disk full is tried again until there is
 * space or stop; any other failure ends the writer, and the program with it.
 */
#ifndef TW_STORE_WRITER_H
#define TW_STORE_WRITER_H

#include "core/actor.h"
#include "core/chan.h"
#include "store/store.h"

struct tw_writer;

/* Borrows everything. Batches come from `in` and go back through `out`, in order; `out` must have
 * room for every batch there is. On stop it commits what is waiting in `in` first. */
int tw_writer_new(struct tw_store *store, struct tw_chan *in, struct tw_chan *out,
                  struct tw_writer **ret_writer);
/* Stop, join; TW_OK, or why it ended. */
int tw_writer_destroy(struct tw_writer **self_p);
/* True when it ended by itself: the program must stop. */
bool tw_writer_has_failed(const struct tw_writer *self);

struct tw_keeper;
int tw_keeper_new(struct tw_store *store, struct tw_keeper **ret_keeper);
int tw_keeper_destroy(struct tw_keeper **self_p);
/* For tests and the benchmark: seal everything that can be sealed now, in the caller's thread. */
int tw_keeper_run_once(struct tw_store *store, struct tw_diag *diag);

#endif
