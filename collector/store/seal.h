/* SPDX-License-Identifier: Apache-2.0
 * Writing a partition anew as a sealed file: one sorted index, sorted identities, filters, full
 * blocks; and later again without what retention has removed. The source is only read.
 * Thread: the keeper's.
 */
#ifndef TW_STORE_SEAL_H
#define TW_STORE_SEAL_H

#include "store/part.h"

struct tw_seal_plan {
    const char *dir;
    struct tw_part part;
    bool strip_payload;       /* remove `data` from every record */
    bool strip_quarantine;    /* remove the raw bytes of quarantined messages */
    bool series_are_archived; /* leave series and sketches out (store/archive.h) */
    /* asked now and then; true: give up with TW_ECLOSED. May be NULL. */
    bool (*is_stopping)(void *context);
    void *context;
};
/* Write part-N.sealed (replacing one that is there), then remove part-N.db. Until the new file is
 * complete and synced nothing is changed. TW_OK, TW_ECLOSED, TW_ENOSPACE, TW_EDAMAGED, TW_EIO,
 * TW_ENOMEM. */
int tw_seal(const struct tw_seal_plan *plan, struct tw_diag *diag);
/* Remove part-N.db and its journal where part-N.sealed is there, or what is left of them. */
int tw_seal_remove_source(const char *dir, uint32_t number, struct tw_diag *diag);

/* The identity filter of a sealed partition: meta.ident_lines lines, owned by the caller.
 * TW_ENOTFOUND: there is no such partition (any more). */
int tw_seal_read_filter(const char *dir, uint32_t number, struct tw_part_meta *ret_meta,
                        uint8_t **ret_filter, struct tw_diag *diag);

/* ---- sealed identities (idents.c) ---- */

/* Read `ident` of `from`, write `ident_page` and the filter into `to`, set the sizes in meta. */
int tw_seal_idents(sqlite3 *from, sqlite3 *to, struct tw_part_meta *meta, struct tw_diag *diag);
/* Write a filter of these hashes; returns its lines. */
int tw_seal_filter(sqlite3 *to, int kind, const uint64_t *hashes, size_t count, uint32_t *ret_lines,
                   struct tw_diag *diag);
/* Look a key up in the bytes of an ident_page: the first entry, or the one with this check if
 * check is not 0 and there is one. TW_ENOTFOUND, TW_EDAMAGED. */
int tw_ident_page_find(struct tw_str page, uint64_t first_n, uint64_t key, uint32_t check,
                       uint64_t *ret_n, uint32_t *ret_check);
/* Which page has a key. */
uint32_t tw_ident_page_of(uint64_t key, uint32_t pages);

/* ---- payloads (payload.c) ---- */

/* A JSON object without its top-level members `data` and `data_base64`. Anything else, also what
 * is not an object or not JSON, is copied as it is. */
int tw_payload_strip(struct tw_str json, struct tw_buf *out);

#endif
