/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "http/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

#include "core/err.h"

_Static_assert(TW_ADDRESS_TEXT_SIZE >= INET6_ADDRSTRLEN, "every address fits");

struct range {
    uint8_t prefix[16];
    unsigned bits;
    const char *what;
};

static const struct range v4_ranges[] = {
    {{0}, 8, "of this network"},      {{10}, 8, "private"},
    {{100, 64}, 10, "shared"},        {{127}, 8, "loopback"},
    {{169, 254}, 16, "link-local"},   {{172, 16}, 12, "private"},
    {{192, 0, 0}, 24, "reserved"},    {{192, 0, 2}, 24, "reserved"},
    {{192, 168}, 16, "private"},      {{198, 18}, 15, "reserved"},
    {{198, 51, 100}, 24, "reserved"}, {{203, 0, 113}, 24, "reserved"},
    {{224}, 4, "multicast"},          {{240}, 4, "reserved"},
};

/* Behind tw_address_of no IPv4 address is left in these. */
static const struct range v6_ranges[] = {
    {{0}, 127, "loopback"}, /* :: and ::1 */
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, "private"},
    {{0x01}, 64, "reserved"}, /* 100::/64 */
    {{0x20, 0x01, 0x00}, 23, "reserved"},
    {{0x20, 0x01, 0x0d, 0xb8}, 32, "reserved"},
    {{0xfc}, 7, "private"},
    {{0xfe, 0x80}, 10, "link-local"},
    {{0xfe, 0xc0}, 10, "private"},
    {{0xff}, 8, "multicast"},
};

/* IPv6 addresses that carry an IPv4 one, and where. */
static const struct {
    uint8_t prefix[16];
    unsigned bits;
    size_t at;
} carriers[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12}, /* mapped */
    {{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12},       /* translated, RFC 2765 */
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12},                   /* NAT64 */
    {{0x20, 0x02}, 16, 2},                                /* 6to4 */
    {{0}, 96, 12},                                        /* compatible */
};

static bool has_prefix(const uint8_t *bytes, const uint8_t *prefix, unsigned bits)
{
    size_t whole = bits / 8;
    unsigned rest = bits % 8;
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return memcmp(bytes, prefix, whole) == 0 &&
           (rest == 0 || ((bytes[whole] ^ prefix[whole]) & mask) == 0);
}

static bool is_loopback_v6(const uint8_t bytes[16])
{
    static const uint8_t zeros[16] = {0};
    return has_prefix(bytes, zeros, 127);
}

bool tw_address_of(const struct sockaddr *from, socklen_t len, struct tw_address *ret_address)
{
    struct tw_address address = {.is_v6 = false};
    if (from->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
        struct sockaddr_in v4;
        memcpy(&v4, from, sizeof v4);
        memcpy(address.bytes, &v4.sin_addr, 4);
        *ret_address = address;
        return true;
    }
    if (from->sa_family != AF_INET6 || len < sizeof(struct sockaddr_in6)) {
        return false;
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, from, sizeof v6);
    memcpy(address.bytes, &v6.sin6_addr, 16);
    address.is_v6 = true;
    for (size_t i = 0; i < sizeof carriers / sizeof carriers[0]; i++) {
        if (has_prefix(address.bytes, carriers[i].prefix, carriers[i].bits) &&
            !is_loopback_v6(address.bytes)) {
            struct tw_address inner = {.is_v6 = false};
            memcpy(inner.bytes, address.bytes + carriers[i].at, 4);
            *ret_address = inner;
            return true;
        }
    }
    *ret_address = address;
    return true;
}

const char *tw_address_inside(const struct tw_address *self)
{
    const struct range *ranges = self->is_v6 ? v6_ranges : v4_ranges;
    size_t count = self->is_v6 ? sizeof v6_ranges / sizeof v6_ranges[0]
                               : sizeof v4_ranges / sizeof v4_ranges[0];
    for (size_t i = 0; i < count; i++) {
        if (has_prefix(self->bytes, ranges[i].prefix, ranges[i].bits)) {
            return ranges[i].what;
        }
    }
    return NULL;
}

void tw_address_text(const struct tw_address *self, char text[TW_ADDRESS_TEXT_SIZE])
{
    const char *done =
        inet_ntop(self->is_v6 ? AF_INET6 : AF_INET, self->bytes, text, TW_ADDRESS_TEXT_SIZE);
    TW_ASSERT(done != NULL); /* the family is known and the text has room */
}
