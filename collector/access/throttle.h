/* SPDX-License-Identifier: Apache-2.0
 * How many guesses at passwords are let through. Wrong ones count for the account and for the
 * address, in a window that slides; those that are under way count as wrong until they are not.
 *
 * Whoever signed in to an account before, from this address or with this device, has guesses of
 * their own for it, which nobody else's use up: a stranger who guesses on and on can hold up other
 * strangers, never the owner. An account that does not exist is counted as any other, so that
 * nothing tells them apart.
 * Thread:  any (one lock, held for microseconds).
 * Limits:  TW_THROTTLE_MAX accounts, addresses and known places each; all memory is taken at the
 *          start. When it is full, the one goes that was guessed at least, and longest ago.
 * Source:  decision 90.
 */
#ifndef TW_ACCESS_THROTTLE_H
#define TW_ACCESS_THROTTLE_H

#include <stdbool.h>

#include "access/bearer.h"
#include "core/clock.h"

#define TW_THROTTLE_WINDOW_S   900
#define TW_THROTTLE_ACCOUNT    10 /* wrong guesses of strangers at one account in the window */
#define TW_THROTTLE_KNOWN      5  /* of one known place at its account */
#define TW_THROTTLE_ADDRESS    30 /* of strangers at one address, over all accounts */
#define TW_THROTTLE_MAX        10000
#define TW_THROTTLE_PLACES_MAX 8 /* known addresses of one account */

struct tw_throttle;
/* TW_ENOMEM, TW_ESYSTEM. */
int tw_throttle_new(struct tw_throttle **ret_throttle);
void tw_throttle_destroy(struct tw_throttle **self_p); /* accepts NULL */

struct tw_guess {
    struct tw_str account; /* as it was typed */
    struct tw_str address; /* IPv4 or IPv6 (its first 64 bits count), or any text */
    /* TW_BEARER_HASH_BYTES of a device that is stored as one of this account; NULL: none */
    const uint8_t *device;
    bool is_known; /* set by try: which guesses it counts among */
};
/* May this guess be tried now? TW_OK: yes, and the answer follows, or it stays counted as wrong.
 * TW_EAGAIN: not before *ret_wait_s seconds (1 to TW_THROTTLE_WINDOW_S + 1) have passed; it was not
 * counted. */
int tw_throttle_try(struct tw_throttle *self, struct tw_guess *guess, tw_mono_t now,
                    int64_t *ret_wait_s);
/* One that was let through was right: it does not count, and the address is known from now on. */
void tw_throttle_right(struct tw_throttle *self, const struct tw_guess *guess, tw_mono_t now);
/* The password was changed: addresses that knew the old one are strangers. */
void tw_throttle_forget(struct tw_throttle *self, struct tw_str account);

#endif
