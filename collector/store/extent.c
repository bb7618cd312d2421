/* SPDX-License-Identifier: Apache-2.0
 * Extents (rows of `block`), counters and filters: pure functions over memory.
 * Filter: blocked Bloom filter; the upper half of the hash chooses a line of 512 bits (multiply
 * and shift), the lower half gives eight bits in it by multiplications with odd constants. With 16
 * bits a hash about one look-up in 1,000 says yes wrongly.
 * Source: Putze, Sanders, Singler: Cache-, hash- and space-efficient Bloom filters (2009).
 */
#include "config.h"
#include "store/internal.h"

#include <xxhash.h>

#define FILTER_BITS_PER_HASH 16

int tw_extent_next(struct tw_cursor *directory, struct tw_extent_block *at)
{
    if (directory->failed) {
        return TW_EDAMAGED;
    }
    if (directory->p == directory->end) {
        return TW_ENOTFOUND;
    }
    uint64_t count = tw_cursor_varint(directory);
    uint64_t bytes = tw_cursor_varint(directory);
    if (directory->failed || count == 0 || count > UINT32_MAX || bytes > UINT32_MAX) {
        directory->failed = true;
        return TW_EDAMAGED;
    }
    at->first_n += at->count;
    at->offset += at->bytes;
    at->count = count;
    at->bytes = (size_t)bytes;
    return TW_OK;
}

int tw_extent_find(uint64_t first_n, struct tw_str directory, uint64_t n,
                   struct tw_extent_block *ret_block)
{
    struct tw_cursor cursor = tw_cursor_of(directory.ptr, directory.len);
    struct tw_extent_block block = {.first_n = first_n};
    int rc = n < first_n ? TW_ENOTFOUND : tw_extent_next(&cursor, &block);
    while (rc == TW_OK && n - block.first_n >= block.count) {
        rc = tw_extent_next(&cursor, &block);
    }
    if (rc == TW_OK) {
        *ret_block = block;
    }
    return rc;
}

void tw_counters_encode(const uint64_t *values, size_t count, uint8_t *to)
{
    for (size_t i = 0; i < count * 8; i++) {
        to[i] = (uint8_t)(values[i / 8] >> (8 * (i % 8)));
    }
}

void tw_counters_decode(struct tw_str bytes, uint64_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = 0;
        for (size_t k = 0; k < 8 && i * 8 + k < bytes.len; k++) {
            values[i] |= (uint64_t)(uint8_t)bytes.ptr[i * 8 + k] << (8 * k);
        }
    }
}

uint32_t tw_filter_lines(uint64_t keys)
{
    uint64_t lines = (keys * FILTER_BITS_PER_HASH + TW_FILTER_LINE * 8 - 1) / (TW_FILTER_LINE * 8);
    lines = lines == 0 ? 1 : lines;
    return lines > UINT32_MAX ? UINT32_MAX : (uint32_t)lines;
}

uint32_t tw_filter_line(uint64_t hash, uint32_t lines)
{
    return (uint32_t)(((hash >> 32) * lines) >> 32);
}

/* Eight bits, one in each 64-bit word of the line: no two fall together. */
static const uint32_t salts[8] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du,
                                  0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u};

static unsigned filter_bit(uint64_t hash, unsigned word)
{
    return ((uint32_t)hash * salts[word]) >> 26;
}

void tw_filter_set(uint8_t *line, uint64_t hash)
{
    for (unsigned word = 0; word < 8; word++) {
        unsigned bit = filter_bit(hash, word);
        line[word * 8 + bit / 8] = (uint8_t)(line[word * 8 + bit / 8] | 1u << (bit % 8));
    }
}

bool tw_filter_test(const uint8_t *line, uint64_t hash)
{
    bool is_set = true;
    for (unsigned word = 0; word < 8 && is_set; word++) {
        unsigned bit = filter_bit(hash, word);
        is_set = (line[word * 8 + bit / 8] >> (bit % 8) & 1) != 0;
    }
    return is_set;
}

uint64_t tw_object_hash(const void *key, size_t len)
{
    return XXH3_64bits(key, len);
}
