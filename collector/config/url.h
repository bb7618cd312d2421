/* SPDX-License-Identifier: Apache-2.0
 * URLs of destinations: a narrow reading, so that what is checked here and what the HTTP library
 * connects to cannot be two hosts.
 * Thread: any; no state. Source: RFC 3986, less what a destination does not need.
 */
#ifndef TW_CONFIG_URL_H
#define TW_CONFIG_URL_H

#include <stdbool.h>

#include "core/err.h"

#define TW_URL_MAX 2048 /* bytes */

/* http://HOST[:PORT][/PATH][?QUERY] or https://: HOST a name of letters, digits, '.', '-' or an
 * address, IPv6 in brackets; port 1 to 65535; printable ASCII without blanks, quotes, <, >, \, ^,
 * `, {, | and }; no user, no fragment. TW_OK, or TW_EINVAL with what is wrong. */
int tw_url_check(const char *text, struct tw_diag *diag);
/* Of a URL that passed. */
bool tw_url_is_https(const char *url);
/* The host is this machine whatever name server says: localhost, 127.x.x.x, [::1]. */
bool tw_url_is_loopback(const char *url);
/* The same of a ZeroMQ endpoint; ipc and inproc never leave the machine. The name of an interface
 * is none of this: what it stands for may change. */
bool tw_endpoint_is_local(const char *endpoint);

#endif
