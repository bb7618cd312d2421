/* SPDX-License-Identifier: Apache-2.0
 * A bounded queue of owned pointers between two threads: the only place where a pointer changes
 * its thread, and therefore the only one that tells the thread sanitizer so.
 * Thread:  one sends, one receives; destroy after both are done.
 * Limits:  capacity, fixed at birth. Policy when full: refuse (TW_EAGAIN), the sender keeps it.
 * Fails:   never blocks except in _wait. The fd is an eventfd for poll: readable while not empty.
 */
#ifndef TW_CORE_CHAN_H
#define TW_CORE_CHAN_H

#include <stddef.h>
#include <stdint.h>

struct tw_chan;

int tw_chan_new(size_t capacity, struct tw_chan **ret_chan);
void tw_chan_destroy(struct tw_chan **self_p);
/* Readable while something waits; poll it, do not read it. */
int tw_chan_fd(const struct tw_chan *self);
/* Takes *item_p (nulled) on TW_OK; TW_EAGAIN when full, then the caller still owns it. */
int tw_chan_send(struct tw_chan *self, void **item_p);
/* The oldest item, or NULL when empty. The caller owns it. */
void *tw_chan_receive(struct tw_chan *self);
/* The same, waiting up to timeout_ms (negative: without limit). */
void *tw_chan_wait(struct tw_chan *self, int timeout_ms);
size_t tw_chan_count(struct tw_chan *self);

#endif
