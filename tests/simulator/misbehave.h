/* SPDX-License-Identifier: Apache-2.0
 * What the simulated agent does wrong on command. Thread: one.
 */
#ifndef SIM_MISBEHAVE_H
#define SIM_MISBEHAVE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/err.h"
#include "simulator/random.h"

/* Those that meet a replay with a probability. */
enum sim_mischief {
    SIM_MISCHIEF_REFUSE,      /* refused, for no reason */
    SIM_MISCHIEF_DROP_ACCEPT, /* carried out, but the first answer is not sent */
    SIM_MISCHIEF_DROP_PROOF,  /* the effect is made, but nothing is said of it */
    SIM_MISCHIEF_BARE_PROOF,  /* the proof carries neither replayid nor attempt */
    SIM_MISCHIEF_TWICE,       /* the destination makes the effect twice, and says both */
    SIM_MISCHIEF_GARBAGE,     /* frames that nobody understands, before the answer */
    SIM_MISCHIEF_COUNT
};

struct sim_misbehave {
    double p[SIM_MISCHIEF_COUNT];
    double late_proof_s;   /* all proofs come so much later */
    double slow_accept_s;  /* all answers do */
    uint64_t crash_after;  /* kill -9 at the n-th replay, between effect and answer; 0: never */
    uint64_t silent_after; /* nothing is said or heard after the n-th replay; 0: never */
    double silent_s;       /* for so long; 0: for ever */
};

/* "refuse=0.1,twice=0.05,crash-after=7". TW_OK or TW_EINVAL with the diag filled. */
int sim_misbehave_parse(struct sim_misbehave *self, const char *text, struct tw_diag *diag);
/* Which of them meet the next replay; always the same number of draws. */
void sim_misbehave_draw(const struct sim_misbehave *self, struct sim_random *random,
                        bool ret_meets[SIM_MISCHIEF_COUNT]);
/* Every name, for a person. */
void sim_misbehave_list(FILE *out);

#endif
