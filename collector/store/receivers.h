/* SPDX-License-Identifier: Apache-2.0
 * How the integrations of receivers do: written beside the results of notices, in the same
 * transaction; read by the thread `alert` (store/alerts.h) and by people (store/alert_read.h).
 * Thread:  that of the struct tw_notices.
 * Fails:   as store/notices.h.
 */
#ifndef TW_STORE_RECEIVERS_H
#define TW_STORE_RECEIVERS_H

#include <stdbool.h>

#include "store/notices.h"

struct tw_receiver_note {
    struct tw_str receiver;
    struct tw_str integration; /* word of tw_integration_name */
    uint32_t idx;
    tw_wall_t ok;        /* ns 0: never */
    tw_wall_t failed;    /* likewise */
    uint64_t fails;      /* posts in a row */
    bool gave_up;        /* a notice was given up, and none has arrived since */
    struct tw_str error; /* of the last that failed; absent: it does well */
};
/* As it is now: replaces what was noted. Times of 0 leave those that were noted. */
int tw_receivers_note(struct tw_notices *notices, const struct tw_receiver_note *note,
                      struct tw_diag *diag);
/* Forget those that the configuration has no more: they fail nobody now. */
typedef bool tw_receiver_is_known(const void *context, struct tw_str receiver,
                                  struct tw_str integration, size_t idx);
int tw_receivers_keep(struct tw_notices *notices, tw_receiver_is_known *is_known,
                      const void *context, struct tw_diag *diag);

#endif
