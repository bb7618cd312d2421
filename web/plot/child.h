/* SPDX-License-Identifier: Apache-2.0
 * One gnuplot process, fed by a pipe. It has its three pipes and nothing else: no other descriptor,
 * an empty environment, an empty directory that is gone, limits on processor time, memory, files
 * and processes. Without a shell anywhere.
 * Thread: the owner's. Blocks up to the deadline that is given.
 * Fails:  whatever goes wrong ends the process; the next drawing starts a new one.
 */
#ifndef TW_WEB_PLOT_CHILD_H
#define TW_WEB_PLOT_CHILD_H

#include <sys/types.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"

#define TW_PLOT_IMAGE_MAX   (16u * 1024u * 1024u)
#define TW_PLOT_CHILD_DRAWS 500 /* then a new process: whatever it may have gathered is freed */

struct tw_plot_child {
    const char *program; /* borrowed */
    pid_t pid;           /* 0: none */
    int in;              /* its stdin; -1 */
    int out;
    int err;
    unsigned draws;
    uint64_t starts;
};

/* "/usr/bin/gnuplot" or where else it is; NULL: nowhere. `configured` may be NULL. */
const char *tw_plot_program(const char *configured);
void tw_plot_child_init(struct tw_plot_child *self, const char *program);
/* What is to be drawn. */
struct tw_plot_job {
    struct tw_str script;
    const char *mark; /* the line behind the answer */
    int deadline_ms;
    int stop_fd; /* readable when the caller is to end; -1: none */
};
/* Give it the script and append what it answers, up to the mark, to `out`. TW_OK; TW_ENOTFOUND (the
 * program cannot be started), TW_ETIMEOUT, TW_ELIMIT (larger than the buffer), TW_ECLOSED (it
 * ended; the diag has what it said), TW_EAGAIN (stop_fd), TW_ESYSTEM, TW_ENOMEM. */
int tw_plot_child_draw(struct tw_plot_child *self, const struct tw_plot_job *job,
                       struct tw_buf *out, struct tw_diag *diag);
/* End it. */
void tw_plot_child_fini(struct tw_plot_child *self);

#endif
