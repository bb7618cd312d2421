/* SPDX-License-Identifier: Apache-2.0
 * The tracker's state, kept beside the store in `track.snapshot`: what a start loads before it
 * replays the records behind it. Never the only copy of anything: without it, or when it is
 * damaged, of another store or of another version, the state is made anew from the records.
 * Written as a new file, synced, renamed: there is always a whole one or none.
 * Thread: read by main at the start; written by the saver actor (store/snapshot.c), which takes
 *         buffers from the writer and keeps only the newest that waits.
 */
#ifndef TW_STORE_SNAPSHOT_H
#define TW_STORE_SNAPSHOT_H

#include "store/store.h"

#define TW_SNAPSHOT_NAME "track.snapshot"

/* The snapshot of this store: the state after record *ret_n. TW_OK (owned by the caller, free),
 * TW_ENOTFOUND (none that can be used: why is logged), TW_ENOMEM. One whose n is above the last
 * committed record cannot be and is refused. */
int tw_snapshot_read(const struct tw_store *store, uint64_t *ret_n, void **ret_bytes,
                     size_t *ret_len);

struct tw_saver;
/* Starts the actor; the store's writer finds it from now on. Borrows the store. Main thread, before
 * the writer; destroyed after it, when it writes what waits. */
int tw_saver_new(struct tw_store *store, struct tw_saver **ret_saver);
int tw_saver_destroy(struct tw_saver **self_p);
/* The writer, after the commit of record n: takes the bytes. Never blocks; an older one that still
 * waits is dropped. */
void tw_saver_offer(struct tw_saver *self, uint64_t n, void **bytes_p, size_t len);

#endif
