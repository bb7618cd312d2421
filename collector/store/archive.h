/* SPDX-License-Identifier: Apache-2.0
 * The archive, writing side: `series.db` holds the series, sketches, spending and decisions of the
 * partitions that are no longer written, so that they outlive them. A partition is added whole, in
 * one transaction that also moves the mark: a crash leaves it added or not, never twice. They are
 * added in order of their numbers.
 *
 * What is kept: buckets of 10 s for a day, of 1 min for 35 days, of 1 h for 400 days; sketches and
 * decisions for 35 days, then dropped; spending for 400 days.
 *
 * Thread:  the keeper's, on a connection of its own.
 * Limits:  one chunk of each step and one row of the partition in memory.
 * Fails:   a file that is damaged, foreign, newer or ahead of the store is refused by name and
 *          never overwritten; partitions then keep their series.
 */
#ifndef TW_STORE_ARCHIVE_H
#define TW_STORE_ARCHIVE_H

#include "store/part.h"

struct tw_archive;

/* Open, or make it when there is none. `newest`: number of the newest partition. TW_EDAMAGED,
 * TW_EFOREIGN (another's, another store's, or one that has partition `newest` or a later one),
 * TW_ENEWER, TW_EPERM, TW_ENOSPACE, TW_EIO, TW_ENOMEM. */
int tw_archive_open(const char *dir, const uint8_t *store_id, uint32_t newest,
                    struct tw_archive **ret_archive, struct tw_diag *diag);
/* Accepts NULL. */
void tw_archive_close(struct tw_archive **self_p);
/* Partitions up to this number are in it; 0: none. */
uint32_t tw_archive_mark(const struct tw_archive *self);
/* Add the next partition, whose number is above the mark. Series that were left out when it was
 * sealed are not in it: then the mark moves on without them. TW_ECLOSED when is_stopping(context)
 * said so; then, and after any error, nothing was changed. */
int tw_archive_add(struct tw_archive *self, const struct tw_part *part,
                   bool (*is_stopping)(void *context), void *context, struct tw_diag *diag);
/* Drop what is older than it is kept for. */
int tw_archive_expire(struct tw_archive *self, tw_wall_t now, struct tw_diag *diag);

#endif
