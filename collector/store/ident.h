/* SPDX-License-Identifier: Apache-2.0
 * The identity index: has this event (source + id), or this business effect, been seen?
 * In memory for partitions that are not sealed, through a filter and the sealed partition's
 * sorted keys otherwise. Entries are added when intake sees them and become durable with the
 * batch (tw_batch.idents); after a restart they are read back from the store.
 * Thread:  intake only (the keeper hands it sealed partitions through a channel that
 *          tw_ident_poll empties).
 * Limits:  store.duplicate_memory_bytes for filters; beyond it the oldest partition is forgotten
 *          and tw_ident_floor() rises. One partition in memory costs about 32 bytes an entry.
 * Fails:   a read error of a sealed partition: TW_EIO; the caller must not take it for "new".
 */
#ifndef TW_STORE_IDENT_H
#define TW_STORE_IDENT_H

#include "store/store.h"

struct tw_idents;

/* Read the identities of the store back. Borrows store. */
int tw_ident_new(struct tw_store *store, struct tw_idents **ret_idents, struct tw_diag *diag);
void tw_ident_destroy(struct tw_idents **self_p);

/* Keyed 64-bit hash of bytes (XXH3 with the store's secret seed): the same for ever in one store,
 * unknown to senders. */
uint64_t tw_ident_hash(const struct tw_idents *self, const void *bytes, size_t len);

/* Ask the CPU to bring in what tw_ident_find(key) will touch. Never fails. */
void tw_ident_prefetch(const struct tw_idents *self, uint64_t key);

/* The first entry with this key: TW_OK with *ret_n and *ret_check; TW_ENOTFOUND; TW_EIO.
 * With `check` not 0, an entry with the same key and this check is preferred over the first. */
int tw_ident_find(struct tw_idents *self, uint64_t key, uint32_t check, uint64_t *ret_n,
                  uint32_t *ret_check);
/* Add an entry of the active partition. TW_OK or TW_ENOMEM. */
int tw_ident_add(struct tw_idents *self, uint64_t key, uint32_t check, uint64_t n);
/* The active partition ends; entries from now on belong to the next, which starts at first_n. */
int tw_ident_start_partition(struct tw_idents *self, uint64_t first_n);
/* Take over what the keeper has sealed or expired meanwhile. Call once per loop turn. */
void tw_ident_poll(struct tw_idents *self);
/* Records before this n are no longer recognised as duplicates (bound or retention); 1: all are. */
uint64_t tw_ident_floor(const struct tw_idents *self);
size_t tw_ident_memory(const struct tw_idents *self);

#endif
