/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "simulator/misbehave.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where a value goes: one of the two, by kind. */
enum kind { KIND_SHARE, KIND_SECONDS, KIND_COUNT };

static const struct {
    const char *name;
    enum kind kind;
    unsigned mischief; /* of a share */
    const char *help;
} names[] = {
    {"refuse", KIND_SHARE, SIM_MISCHIEF_REFUSE, "share of replays that are refused"},
    {"drop-accept", KIND_SHARE, SIM_MISCHIEF_DROP_ACCEPT, "share whose first answer is not sent"},
    {"drop-proof", KIND_SHARE, SIM_MISCHIEF_DROP_PROOF, "share whose effect nothing is said of"},
    {"bare-proof", KIND_SHARE, SIM_MISCHIEF_BARE_PROOF, "share of proofs without replayid"},
    {"twice", KIND_SHARE, SIM_MISCHIEF_TWICE, "share of effects that are made twice"},
    {"garbage", KIND_SHARE, SIM_MISCHIEF_GARBAGE, "share of answers with garbage before them"},
    {"late-proof", KIND_SECONDS, 0, "seconds by which proofs are late"},
    {"slow-accept", KIND_SECONDS, 0, "seconds by which answers are late"},
    {"silent-for", KIND_SECONDS, 0, "seconds of the silence (0: for ever)"},
    {"crash-after", KIND_COUNT, 0, "kill -9 at the n-th replay, after its effect"},
    {"silent-after", KIND_COUNT, 0, "nothing is said or heard after the n-th replay"},
};
#define NAMES (sizeof names / sizeof names[0])

static void set_value(struct sim_misbehave *self, size_t which, double value)
{
    const char *name = names[which].name;
    if (names[which].kind == KIND_SHARE) {
        self->p[names[which].mischief] = value;
    } else if (strcmp(name, "late-proof") == 0) {
        self->late_proof_s = value;
    } else if (strcmp(name, "slow-accept") == 0) {
        self->slow_accept_s = value;
    } else if (strcmp(name, "silent-for") == 0) {
        self->silent_s = value;
    } else if (strcmp(name, "crash-after") == 0) {
        self->crash_after = (uint64_t)value;
    } else {
        self->silent_after = (uint64_t)value;
    }
}

static bool is_in_range(enum kind kind, double value)
{
    double most = kind == KIND_SHARE ? 1 : kind == KIND_SECONDS ? 86400 : 1e9;
    if (!(value >= 0 && value <= most)) { /* NaN is neither */
        return false;
    }
    return kind != KIND_COUNT || value <= (double)(uint64_t)value;
}

int sim_misbehave_parse(struct sim_misbehave *self, const char *text, struct tw_diag *diag)
{
    const char *at = text;
    while (*at != 0) {
        size_t len = strcspn(at, "=,");
        size_t which = 0;
        while (which < NAMES &&
               (strlen(names[which].name) != len || strncmp(names[which].name, at, len) != 0)) {
            which++;
        }
        if (which == NAMES || at[len] != '=') {
            return tw_diag_set(diag, TW_EINVAL,
                               "--misbehave %s: '%.*s' is no name=value of --list-misbehaviour",
                               text, (int)len, at);
        }
        char *end = NULL;
        errno = 0;
        double value = strtod(at + len + 1, &end);
        if (errno != 0 || end == at + len + 1 || (*end != 0 && *end != ',') ||
            !is_in_range(names[which].kind, value)) {
            return tw_diag_set(diag, TW_EINVAL, "--misbehave %s: %s is not in its range", text,
                               names[which].name);
        }
        set_value(self, which, value);
        at = *end == ',' ? end + 1 : end;
    }
    return TW_OK;
}

void sim_misbehave_draw(const struct sim_misbehave *self, struct sim_random *random,
                        bool ret_meets[SIM_MISCHIEF_COUNT])
{
    for (unsigned i = 0; i < SIM_MISCHIEF_COUNT; i++) {
        ret_meets[i] = sim_random_chance(random, self->p[i]) != 0;
    }
}

void sim_misbehave_list(FILE *out)
{
    static const char *const ranges[] = {"0 to 1", "0 to 86400", "0 to 10^9; 0: never"};
    for (size_t i = 0; i < NAMES; i++) {
        (void)fprintf(out, "%-13s %s (%s)\n", names[i].name, names[i].help, ranges[names[i].kind]);
    }
}
