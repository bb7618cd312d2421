/* SPDX-License-Identifier: Apache-2.0
 * The ROUTER socket to which replay agents connect, in a ZeroMQ context of its own.
 * Thread:  made by whoever starts the thread that uses it and closes it.
 * Limits:  a frame of an agent has at most TW_AGENT_HEARD_MAX bytes, else libzmq ends its
 * connection. Source:  docs/agents.md; contracts section 4.
 */
#ifndef TW_REPLAY_SOCKET_H
#define TW_REPLAY_SOCKET_H

#include "config/config.h"
#include "core/clock.h"
#include "replay/agents.h"

struct tw_agent_socket;
/* Bind what `agents.bind` says; with agents.curve only for known clients. TW_OK; TW_EBUSY,
 * TW_EPERM, TW_ENOTFOUND (a key file), TW_EINVAL, TW_ESYSTEM, TW_ENOMEM: the diag names the
 * endpoint and what to do. */
int tw_agent_socket_new(const struct tw_cfg *cfg, struct tw_agent_socket **ret_socket,
                        struct tw_diag *diag);
/* Accepts NULL. What was given to it lately still leaves, for at most a quarter of a second. */
void tw_agent_socket_destroy(struct tw_agent_socket **self_p);

/* Readable when something may have happened: then has_message says whether. */
int tw_agent_socket_fd(const struct tw_agent_socket *self);
/* To be asked before each wait for the descriptor, which tells of changes only. */
bool tw_agent_socket_has_message(const struct tw_agent_socket *self);
/* The next message, without its time; its texts live until the next call. TW_ENOTFOUND: none. */
int tw_agent_socket_receive(struct tw_agent_socket *self, struct tw_agents_heard *ret_heard);
/* Read the client keys again (SIGHUP). A fault in them is logged and the old ones stay. Any
 * thread. */
void tw_agent_socket_reload(struct tw_agent_socket *self);
/* A client that was let in under this number (tw_agents_heard.admission) may still speak. */
bool tw_agent_socket_admits(const struct tw_agent_socket *self, uint64_t admission);
/* As tw_agents_io.send; context is the socket. */
int tw_agent_socket_send(void *context, struct tw_str route, struct tw_str frame);

#endif
