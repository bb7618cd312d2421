/* SPDX-License-Identifier: Apache-2.0
 * Addresses that only mean something inside: private, loopback, link-local, shared, multicast,
 * reserved. What others can name in a URL or in DNS must not reach them unless the configuration
 * says so.
 * Thread: plain functions. Source: IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC
 * 6890).
 */
#ifndef TW_HTTP_NET_H
#define TW_HTTP_NET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define TW_ADDRESS_TEXT_SIZE 46 /* INET6_ADDRSTRLEN */

struct tw_address {
    bool is_v6;
    uint8_t bytes[16]; /* 4 of them for IPv4; in the order of the network */
};

/* What really is connected to: an IPv4 address in an IPv6 one (mapped, compatible, NAT64, 6to4) is
 * that IPv4 address. False: neither IPv4 nor IPv6, or too short for what it says it is. */
bool tw_address_of(const struct sockaddr *from, socklen_t len, struct tw_address *ret_address);
/* Why it is not for anybody outside: "private", "loopback", ...; NULL: it is a public address. */
const char *tw_address_inside(const struct tw_address *self);
/* As people write it. */
void tw_address_text(const struct tw_address *self, char text[TW_ADDRESS_TEXT_SIZE]);

#endif
