/* SPDX-License-Identifier: Apache-2.0
 * The tracker's state, kept beside the store in `track.snapshot`: what a start loads before it
 * replays the records behind it. Never the only copy of anything: without it, or when it is
 * damaged, of another store or of another version, the state is made anew from the records.
 * Written as a new file, synced, renamed: there is always a whole one or none.
 * Thread: read by intake at the start; written by a child process that intake makes and the saver
 *         actor waits for, or by the saver from bytes. The writer hands on to the saver what was
 *         committed; it keeps only the newest that waits.
 */
#ifndef TW_STORE_SNAPSHOT_H
#define TW_STORE_SNAPSHOT_H

#include "store/store.h"

struct tw_buf;

#define TW_SNAPSHOT_NAME "track.snapshot"

/* The snapshot of this store: the state after record *ret_n. TW_OK (to be released), TW_ENOTFOUND
 * (none that can be used: why is logged), TW_ENOMEM. One whose n is above the last committed record
 * cannot be and is refused. */
int tw_snapshot_read(const struct tw_store *store, uint64_t *ret_n, const void **ret_bytes,
                     size_t *ret_len);
void tw_snapshot_release(const void **bytes_p, size_t len);

struct tw_saver;
/* Starts the actor; the store's writer finds it from now on. Borrows the store. Main thread, before
 * the writer; destroyed after it, when it writes what waits. */
int tw_saver_new(struct tw_store *store, struct tw_saver **ret_saver);
int tw_saver_destroy(struct tw_saver **self_p);
/* The writer, after the commit of record n: takes the bytes. Never blocks; an older one that still
 * waits is dropped. */
void tw_saver_offer(struct tw_saver *self, uint64_t n, void **bytes_p, size_t len);

/* A child process that writes a snapshot: the system shows it the memory as it was when it was
 * made, so that whoever owns the state goes on at once. */
struct tw_saving;
/* Appends the state after record n. Runs in the child, where no other thread is: it allocates
 * nothing and takes no lock. */
typedef void tw_saving_write(void *context, uint64_t n, struct tw_buf *buf);
struct tw_saving_state {
    tw_saving_write *write;
    void *context;
};
/* Intake. TW_OK; TW_EBUSY: one is under way (two when `is_last`); TW_ENOTFOUND: the store has no
 * saver; TW_ENOMEM, TW_EIO, TW_ESYSTEM: there can be none now. Takes as long as the system needs to
 * note which pages there are: about 40 ms a GiB. */
int tw_saving_new(struct tw_store *store, uint64_t n, bool is_last,
                  const struct tw_saving_state *state, struct tw_saving **ret_saving);
/* Ends the child when it has not ended. Any thread; the saver outlives it. */
void tw_saving_destroy(struct tw_saving **self_p);
/* The writer, after the commit of its record: takes it. As tw_saver_offer. */
void tw_saver_adopt(struct tw_saver *self, struct tw_saving **saving_p);

#endif
