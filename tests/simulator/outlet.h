/* SPDX-License-Identifier: Apache-2.0
 * The ways out of the simulator: standard output as NDJSON, or the tower's taps. Each way is a
 * channel that gathers events to messages; a source always uses the same channel, so that its
 * events arrive in the order sent.
 * Thread: one. Fails: TW_ETIMEOUT when the tower takes nothing for SIM_STALL_S seconds.
 * PULL through PUSH and SUB through XPUB without dropping both wait when the tower is behind.
 */
#ifndef SIM_OUTLET_H
#define SIM_OUTLET_H

#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/err.h"
#include "simulator/options.h"

#define SIM_STALL_S 60

struct sim_outlet;

struct sim_outlet_counts {
    uint64_t events[SIM_TAP_COUNT]; /* by enum sim_tap, as sent; resends are not counted */
    uint64_t messages[SIM_TAP_COUNT];
    uint64_t bytes;
    uint64_t acknowledged; /* messages */
    uint64_t quarantined;  /* messages that the tower acknowledged as quarantined */
    uint64_t resent;       /* messages */
};

/* Before a socket is connected; without keys there is nothing to do. False: ZeroMQ refuses them. */
bool sim_outlet_set_keys(void *socket, const struct tillwatch_keys *keys);

/* Connect. Waits until the tower subscribed where SUB is used. */
int sim_outlet_new(const struct sim_options *options, struct sim_outlet **ret_outlet,
                   struct tw_diag *diag);
void sim_outlet_destroy(struct sim_outlet **self_p);

/* The channel for events of a till (store index) or of a central system. */
unsigned sim_outlet_channel_of_store(const struct sim_outlet *self, uint32_t store);
unsigned sim_outlet_channel_of_system(const struct sim_outlet *self, unsigned system);
enum sim_tap sim_outlet_tap(const struct sim_outlet *self, unsigned channel);

/* Simulated time, microseconds since 1970, of what is sent from now on; earlier than before: it
 * stays. */
void sim_outlet_at(struct sim_outlet *self, int64_t now_us);
/* `index` is that of a channel. Room for one event (SIM_MAX_EVENT and more) at the end of the
 * message under way; valid until the next call for this channel. Nothing is sent unless it is
 * committed. */
char *sim_outlet_reserve(struct sim_outlet *self, unsigned index);
/* `len` bytes were written there; topic: the event's type. TW_OK, TW_ETIMEOUT, TW_ESYSTEM. */
int sim_outlet_commit(struct sim_outlet *self, unsigned index, size_t len, const char *topic,
                      struct tw_diag *diag);
/* Send a message of its own, after what is under way. */
int sim_outlet_send_alone(struct sim_outlet *self, unsigned index, const void *bytes, size_t len,
                          struct tw_diag *diag);
/* Send messages under way, however short. */
int sim_outlet_flush(struct sim_outlet *self, struct tw_diag *diag);
/* Take acknowledgements, waiting at most timeout_ms for one where that tap is used. */
int sim_outlet_poll(struct sim_outlet *self, int timeout_ms, struct tw_diag *diag);
/* Flush, and wait until everything is acknowledged or handed to the kernel. */
int sim_outlet_finish(struct sim_outlet *self, struct tw_diag *diag);
struct sim_outlet_counts sim_outlet_counts(struct sim_outlet *self);

#endif
