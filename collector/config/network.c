/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/network.h"

#include <arpa/inet.h>
#include <string.h>

#define ADDRESS_SIZE 48 /* of an IPv6 address as text, with its NUL, is 46 */
#define V4_BYTES     4
#define V6_BYTES     16

/* Bytes of an address: 4 or 16; 0: it is none. */
static size_t parse_address(struct tw_str text, uint8_t bytes[V6_BYTES])
{
    char copy[ADDRESS_SIZE];
    if (text.len == 0 || text.len >= sizeof copy) {
        return 0;
    }
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    if (inet_pton(AF_INET, copy, bytes) == 1) {
        return V4_BYTES;
    }
    return inet_pton(AF_INET6, copy, bytes) == 1 ? V6_BYTES : 0;
}

/* An address, and how many of its bits count. */
static bool parse_network(struct tw_str text, uint8_t bytes[V6_BYTES], size_t *ret_len,
                          size_t *ret_bits)
{
    const char *slash = memchr(text.ptr, '/', text.len);
    struct tw_str host = {text.ptr, slash == NULL ? text.len : (size_t)(slash - text.ptr)};
    size_t len = parse_address(host, bytes);
    size_t bits = len * 8;
    if (len == 0) {
        return false;
    }
    if (slash != NULL) {
        struct tw_str digits = {slash + 1, text.len - host.len - 1};
        bits = 0;
        if (digits.len == 0 || digits.len > 3) {
            return false;
        }
        for (size_t i = 0; i < digits.len; i++) {
            if (digits.ptr[i] < '0' || digits.ptr[i] > '9') {
                return false;
            }
            bits = bits * 10 + (size_t)(digits.ptr[i] - '0');
        }
    }
    *ret_len = len;
    *ret_bits = bits;
    return bits <= len * 8;
}

bool tw_network_is_one(const char *text)
{
    uint8_t bytes[V6_BYTES];
    size_t len = 0;
    size_t bits = 0;
    return parse_network(tw_str_of(text), bytes, &len, &bits);
}

static bool is_within(const uint8_t *address, const uint8_t *network, size_t bits)
{
    size_t whole = bits / 8;
    unsigned rest = bits % 8;
    if (memcmp(address, network, whole) != 0) {
        return false;
    }
    unsigned mask = 0xffu << (8 - rest) & 0xffu;
    return rest == 0 || ((address[whole] ^ network[whole]) & mask) == 0;
}

bool tw_network_lists(const struct tw_cfg_strings *list, struct tw_str address)
{
    uint8_t has[V6_BYTES];
    size_t has_len = parse_address(address, has);
    for (size_t i = 0; i < list->count && has_len > 0; i++) {
        uint8_t wants[V6_BYTES];
        size_t len = 0;
        size_t bits = 0;
        if (parse_network(tw_str_of(list->items[i]), wants, &len, &bits) && len == has_len &&
            is_within(has, wants, bits)) {
            return true;
        }
    }
    return false;
}
