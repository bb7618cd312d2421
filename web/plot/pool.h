/* SPDX-License-Identifier: Apache-2.0
 * Pictures, drawn once for everybody: a cache of those that were drawn, one drawing at a time of
 * each that is asked for, a queue, and a few gnuplot processes, each with a thread that talks to
 * it. Who asks gets a ticket and is woken when the picture is there.
 *   get      the picture is in the cache, or somebody has it drawn already: wait. Or else this one
 *            makes the script and calls submit (or fail).
 *   arm      say how to be woken; take the result; drop.
 * Thread:  all; one mutex, never held while something is drawn or read.
 * Limits:  plots that wait (queue), bytes of the cache, time of a drawing, size of a picture.
 * Fails:   a process that dies, complains or takes too long is ended, and started at the next
 *          drawing; all who wait for that picture get the error. Errors are not kept.
 */
#ifndef TW_WEB_PLOT_POOL_H
#define TW_WEB_PLOT_POOL_H

#include "core/buf.h"
#include "core/err.h"
#include "web/plot/script.h"

struct tw_plot_pool;
struct tw_plot_ticket;

#define TW_PLOT_KEY_MAX 1024

struct tw_plot_pool_options {
    const char *program; /* NULL: there is none; everything fails with TW_ENOTFOUND */
    size_t processes;
    size_t queue;
    int deadline_ms;
    size_t cache_bytes;
};

struct tw_plot_counts {
    uint64_t drawn;
    uint64_t hits;   /* from the cache */
    uint64_t joined; /* somebody had it drawn already */
    uint64_t failed;
    uint64_t refused; /* the queue was full */
    size_t cached_bytes;
    size_t waiting;
};

/* Processes are started when there is something to draw. TW_OK, TW_ENOMEM, TW_ESYSTEM. */
int tw_plot_pool_new(const struct tw_plot_pool_options *options, struct tw_plot_pool **ret_pool);
/* From now on everything fails with TW_ECLOSED, also what waits; threads and processes end. */
void tw_plot_pool_stop(struct tw_plot_pool *self);
/* After the last ticket was dropped. Accepts NULL. */
void tw_plot_pool_destroy(struct tw_plot_pool **self_p);
void tw_plot_pool_counts(struct tw_plot_pool *self, struct tw_plot_counts *ret_counts);

/* `content_type` is borrowed for ever. *ret_must_draw: nobody draws it; call submit or fail. TW_OK,
 * TW_ENOMEM, TW_ELIMIT (the key is longer than TW_PLOT_KEY_MAX). */
int tw_plot_pool_get(struct tw_plot_pool *self, struct tw_str key, const char *content_type,
                     struct tw_plot_ticket **ret_ticket, bool *ret_must_draw);
/* A mark for the script of this ticket. */
void tw_plot_mark(const struct tw_plot_ticket *ticket, char mark[TW_PLOT_MARK_SIZE]);
/* Takes the bytes of the script (which becomes empty), also when it is refused: then all tickets of
 * this picture have the error TW_ELIMIT. */
void tw_plot_pool_submit(struct tw_plot_ticket *ticket, struct tw_buf *script);
/* There is no script: all tickets of this picture have this error. */
void tw_plot_pool_fail(struct tw_plot_ticket *ticket, int code, const char *reason);

/* Call `wake` once when the picture is there or will not be; at once when that is so already.
 * `wake` runs in any thread under the pool's mutex: it must only pass the word on. */
void tw_plot_ticket_arm(struct tw_plot_ticket *self, void (*wake)(void *context), void *context);
bool tw_plot_ticket_is_done(struct tw_plot_ticket *self);
/* Of one that is done: the picture, borrowed until drop, with its entity tag; or the error. */
struct tw_plot_picture {
    const char *bytes;
    size_t len;
    const char *content_type;
    char tag[24];
};
int tw_plot_ticket_take(struct tw_plot_ticket *self, struct tw_plot_picture *ret_picture,
                        struct tw_diag *diag);
/* Accepts NULL. After it no wake comes. */
void tw_plot_ticket_drop(struct tw_plot_ticket **self_p);

#endif
