/* SPDX-License-Identifier: Apache-2.0
 * The picture of an alert, drawn by a child of our own program: `tillwatch plot PANEL --png`. The
 * thread that asks is not held up: it polls a descriptor. The child has its standard output and
 * nothing else, is ended at its deadline, and what it writes is a PNG or nothing.
 * Thread:  the owner's.
 * Limits:  TW_PICTURE_MAX bytes, TW_PICTURE_MS.
 */
#ifndef TW_NOTIFY_PICTURE_H
#define TW_NOTIFY_PICTURE_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/buf.h"
#include "core/clock.h"

#define TW_PICTURE_MAX  (2u << 20)
#define TW_PICTURE_MS   20000
#define TW_PICTURE_ARGS 24

struct tw_picture {
    pid_t pid; /* 0: none */
    int fd;    /* readable when there is something; -1 */
    tw_mono_t deadline;
    struct tw_buf png;
    const char *fault; /* why there is none; NULL: there is, or it is being drawn */
};
/* argv: with the program's path first; both are ended by NULL. Without a child `fault` says why. */
void tw_picture_begin(struct tw_picture *self, char *const *argv, char *const *environment,
                      tw_mono_t now);
/* Reads what there is. True: it is over, with or without a picture. Does not block. */
bool tw_picture_go_on(struct tw_picture *self, tw_mono_t now);
/* Ends the child. */
void tw_picture_fini(struct tw_picture *self);

#endif
