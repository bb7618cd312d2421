/* SPDX-License-Identifier: Apache-2.0
 * The stored forms, shared by the writing and the reading side: blocks of records, index pages,
 * source states. Pure functions over memory; every decoder treats its input as hostile (a damaged
 * file) and fails with TW_EDAMAGED, never with a read outside it.
 *
 * Block: XXH3-64 of the rest (8 bytes little endian), raw size (varint), then one zstd frame of
 * concatenated records. A record holds what struct tw_record holds, times as differences.
 * Index: sorted entries, one per (object, up to TW_POSTINGS_MAX records). The key of an object is
 * its id, a NUL byte, its type code (2 bytes big endian) and its scope: so that entries sort by
 * identifier, and a prefix of an identifier is a prefix of keys. Entries are cut into pages of
 * about TW_PAGE_BYTES with shared prefixes left out; each page decodes alone.
 */
#ifndef TW_STORE_FORMAT_H
#define TW_STORE_FORMAT_H

#include "core/buf.h"
#include "store/batch.h"

#define TW_KEY_MAX      520           /* bytes: id 255 + NUL + 2 + scope 255, rounded */
#define TW_PAGE_BYTES   3700          /* of an index page, before the entry that goes over it */
#define TW_POSTINGS_MAX 128           /* records in one index entry */
#define TW_BLOCK_BYTES  (64u * 1024u) /* of raw records in one block, before the one over it */

struct tw_block_writer;
int tw_block_writer_new(int zstd_level, struct tw_block_writer **ret_writer);
void tw_block_writer_destroy(struct tw_block_writer **self_p);
/* Add a record to the block under way; the first sets its number. */
int tw_block_add(struct tw_block_writer *self, const struct tw_record *record);
/* Raw bytes and records of the block under way. */
size_t tw_block_bytes(const struct tw_block_writer *self);
size_t tw_block_records(const struct tw_block_writer *self);
/* Close the block: appends its stored form to `out` and begins an empty one. */
int tw_block_finish(struct tw_block_writer *self, struct tw_buf *out);

struct tw_block_reader;
int tw_block_reader_new(struct tw_block_reader **ret_reader);
void tw_block_reader_destroy(struct tw_block_reader **self_p);
/* Unpack a stored block whose first record has number first_n. TW_OK, TW_EDAMAGED, TW_ENOMEM. */
int tw_block_open(struct tw_block_reader *self, uint64_t first_n, const void *bytes, size_t len);
/* The next record; borrowed until the next _open. TW_OK, TW_ENOTFOUND at the end, TW_EDAMAGED. */
int tw_block_next(struct tw_block_reader *self, struct tw_record *ret_record);

/* Appends the key of an object to `key` (TW_KEY_MAX bytes); returns its length. */
size_t tw_key_make(const struct tw_object *object, uint8_t *key);
/* The object of a key; borrows from it. TW_EDAMAGED when it is none. */
int tw_key_parse(struct tw_str key, struct tw_object *ret_object);

struct tw_entry {
    struct tw_str key;
    uint64_t n[TW_POSTINGS_MAX]; /* ascending */
    uint32_t count;
    tw_wall_t first; /* lowest and highest event time of these records */
    tw_wall_t last;
};

/* Append one entry to a page under construction; `previous_key` is that of the entry before it in
 * the same page (absent for the first). */
int tw_page_add(struct tw_buf *page, struct tw_str previous_key, const struct tw_entry *entry);

struct tw_page_reader {
    struct tw_cursor cursor;
    const char *base; /* borrowed: the page's head */
    uint8_t key[TW_KEY_MAX];
    size_t key_len;
};
void tw_page_open(struct tw_page_reader *self, const void *bytes, size_t len);
/* The next entry; its key is borrowed until the next call. TW_OK, TW_ENOTFOUND, TW_EDAMAGED. */
int tw_page_next(struct tw_page_reader *self, struct tw_entry *ret_entry);

/* A source state as a blob, and back (gaps and store go into the arena). Name and number are
 * columns: those that *ret_source has are kept. */
int tw_source_encode(const struct tw_source_state *source, struct tw_buf *out);
int tw_source_decode(const void *bytes, size_t len, struct tw_arena *arena,
                     struct tw_source_state *ret_source);

#endif
