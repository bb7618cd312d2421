/* SPDX-License-Identifier: Apache-2.0
 * The connection of a sender or an agent to the tower: a DEALER socket and what its monitor tells
 * of it. Internal to libtillwatch. Thread: one at a time.
 *
 * ZMQ_IMMEDIATE: what the socket would queue while there is no connection is in the window (or
 * spool) anyway, and would be sent twice after the reconnect. The window bounds what is under way;
 * the high-water mark is out of reach, for reaching it says nothing about what has arrived.
 *
 * PINGs are sent, but no PONG is waited for: a tower that is held back by its disk does not read
 * them, and a reconnect would send the whole window again just then. TCP finds a dead tower.
 */
#ifndef TILLWATCH_LINK_H
#define TILLWATCH_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwatch.h"

#define TWC_WINDOW_MAX 65536

struct twc_link;

struct twc_link_options {
    const char *endpoint;
    const char *curve_server_key; /* NULL: no CURVE */
    const char *curve_public_key;
    const char *curve_secret_key;
    int64_t max_bytes; /* of one frame from the tower; a longer one ends the connection */
    int wake_fd;       /* twc_link_wait ends when it can be read; -1: none. The caller's */
};

/* Whether there are no keys, or three of the right length. */
bool twc_link_keys_are_valid(const struct twc_link_options *options);
/* Connect in the background. TILLWATCH_SOCKET, TILLWATCH_NOMEM. */
int twc_link_open(const struct twc_link_options *options, struct twc_link **ret_link);
void twc_link_close(struct twc_link **self_p);
/* The DEALER socket. Borrowed until close. */
void *twc_link_socket(struct twc_link *self);
/* Take note of what happened to the connection. *ret_is_new: there is another one than before, and
 * what the old one carried may be lost. libzmq gives a connection up that the tower refused
 * (its key is not known yet): it is tried again here, every two seconds. */
int twc_link_look(struct twc_link *self, int64_t now_ms, bool *ret_is_new);
/* When twc_link_look has something to do though nothing happens (ms, monotonic); -1: never. */
int64_t twc_link_wakeup(const struct twc_link *self);
/* Whether the socket takes a message now. */
int twc_link_check_writable(struct twc_link *self, bool *ret_writable);
/* Wait for a message, for news of the connection or, if wanted, for the socket to take one; up to
 * timeout_ms (negative: without limit). */
int twc_link_wait(struct twc_link *self, bool wants_out, int64_t timeout_ms, bool *ret_writable);

#endif
