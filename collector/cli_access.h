/* SPDX-License-Identifier: Apache-2.0
 * What `tillwatch user` and `tillwatch token` share.
 * Thread: main only.
 */
#ifndef TW_CLI_ACCESS_H
#define TW_CLI_ACCESS_H

#include "access/password.h"
#include "cli.h"
#include "store/users.h"

struct tw_cli_access {
    const struct tw_cli_command *command;
    struct tw_cli_args args;
    struct tw_cfg *cfg;
    struct tw_arena arena;
    struct tw_desk_reader *reader; /* of those that list */
    struct tw_access_command deed; /* by the user of this machine */
    char actor[32];
    struct tw_diag diag;
};
struct tw_cli_access_verb {
    struct tw_cli_command command; /* its first option is --config */
    int (*work)(struct tw_cli_access *self);
};

/* The verb that argv[1] names: parse, read the configuration, do it. `nouns`: what there is to say.
 */
int tw_cli_access_run(const struct tw_cli_command *command, const struct tw_cli_access_verb *verbs,
                      size_t verb_count, int argc, char **argv);
/* Say what failed: the diag, else the code. Returns TW_EXIT_FAILED, or TW_EXIT_USAGE for what was
 * written wrongly. */
int tw_cli_access_fail(const struct tw_cli_access *self, int rc);
/* For those that add: the desk is made where no tower has made it yet. */
int tw_cli_access_make(struct tw_cli_access *self);
/* For those that list. */
int tw_cli_access_read(struct tw_cli_access *self);
/* The role that a word names, in ret_role; else what is to be left with. */
int tw_cli_access_role(const struct tw_cli_access *self, const char *word, enum tw_role *ret_role);
/* Grants as they are stored, from `count` texts. */
int tw_cli_access_grants(struct tw_cli_access *self, const char *const *texts, size_t count,
                         struct tw_str *ret_lines);
/* A line each, below the row of a list. */
void tw_cli_access_print_grants(struct tw_str lines);
/* "2026-11-22 09:30", or `never` for 0. */
void tw_cli_access_print_time(tw_wall_t at, const char *never);

/* A new password: from the terminal, twice, without echo; with is_stdin the first line of standard
 * input. Not checked. The caller wipes it. TW_OK; TW_EINVAL with the diag: there is no terminal,
 * the two differ, it is too long, nothing was there. */
struct tw_cli_password {
    char text[TW_PASSWORD_BYTES + 4]; /* with a terminator, and the end of its line */
    size_t len;
};
int tw_cli_password_read(const char *user, bool is_stdin, struct tw_cli_password *ret_password,
                         struct tw_diag *diag);

#endif
