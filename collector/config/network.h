/* SPDX-License-Identifier: Apache-2.0
 * Networks as they stand in a configuration: an address, or one with the bits that count, as
 * 192.0.2.0/24, 2001:db8::/32. Thread: any; plain functions.
 */
#ifndef TW_CONFIG_NETWORK_H
#define TW_CONFIG_NETWORK_H

#include <stdbool.h>

#include "config/config.h"
#include "core/str.h"

bool tw_network_is_one(const char *text);
/* Does this address, as text, lie in one of them? IPv4 in none of IPv6, and the other way. */
bool tw_network_lists(const struct tw_cfg_strings *networks, struct tw_str address);

#endif
