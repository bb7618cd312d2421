/* SPDX-License-Identifier: Apache-2.0
 * The command line: commands, their options, what they answer.
 * Thread: main only. Exit codes: 0 done; 1 it failed; 2 wrong use.
 */
#ifndef TW_CLI_H
#define TW_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/config.h"
#include "core/clock.h"
#include "workflow/workflow.h"

#define TW_EXIT_OK     0
#define TW_EXIT_FAILED 1
#define TW_EXIT_USAGE  2

struct tw_cli_option {
    const char *name;   /* "--config" */
    const char *letter; /* "-c", or NULL */
    const char *value;  /* "FILE": takes one; "FILE...": may be there again; NULL: a switch */
    const char *help;
};

struct tw_cli_command {
    const char *name;
    const char *arguments; /* for the usage line: "FILE..." */
    const char *summary;   /* one line */
    const char *help;      /* more lines, or "" */
    const struct tw_cli_option *options;
    size_t option_count;
    int min_arguments;
    int max_arguments; /* -1: any number */
    int (*run)(const struct tw_cli_command *command, int argc, char **argv);
};

#define TW_CLI_MAX_OPTIONS 16
#define TW_CLI_MAX_MANY    32

struct tw_cli_args {
    const char
        *values[TW_CLI_MAX_OPTIONS];   /* by position in the table; "" for a switch that is on */
    const char *many[TW_CLI_MAX_MANY]; /* of the one option that may be there again */
    size_t many_count;
    char **rest; /* arguments that are no options; borrowed from argv */
    int rest_count;
    bool wants_help; /* it was printed: leave with 0 */
};

/* argv[0] is the command's name. TW_EXIT_OK, or TW_EXIT_USAGE after one line on stderr. */
int tw_cli_parse(const struct tw_cli_command *command, int argc, char **argv,
                 struct tw_cli_args *ret_args);
void tw_cli_print_help(const struct tw_cli_command *command);
/* "tillwatch COMMAND: ..." on stderr; returns `code`. */
int tw_cli_fail(const struct tw_cli_command *command, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The configuration of -c, faults on stderr. NULL: it was said, leave with TW_EXIT_FAILED. */
struct tw_cfg *tw_cli_config(const struct tw_cli_command *command, const char *file);
/* Its workflows, one reference, faults on stderr. NULL: it was said, leave with TW_EXIT_FAILED. */
const struct tw_workflows *tw_cli_workflows(const struct tw_cli_command *command,
                                            const struct tw_cfg *cfg);
/* What `check` says of them. */
void tw_cli_print_workflows(const struct tw_workflows *set);
/* RFC 3339, or "-15m" (s, m, h, d) before now. */
int tw_cli_time(const char *text, tw_wall_t now, tw_wall_t *ret_at);
/* A number from 0; TW_EINVAL. */
int tw_cli_number(const char *text, uint64_t *ret_number);
/* Where an export goes: stdout, or OUT.part until it is whole, whose name is owned by the caller;
 * and its end, which gives it the name OUT. TW_EXIT_OK, or TW_EXIT_FAILED after one line on stderr.
 */
int tw_cli_output_open(const struct tw_cli_command *command, const char *out, char **ret_part,
                       FILE **ret_file);
int tw_cli_output_finish(const struct tw_cli_command *command, const char *out, const char *part,
                         FILE *file);
/* Flush stdout and say when it failed (disk full, pipe closed). */
int tw_cli_finish(const struct tw_cli_command *command, int code);

int tw_cmd_run(const struct tw_cli_command *command, int argc, char **argv);
int tw_cmd_check(const struct tw_cli_command *command, int argc, char **argv);
int tw_cmd_print_config(const struct tw_cli_command *command, int argc, char **argv);
int tw_cmd_keygen(const struct tw_cli_command *command, int argc, char **argv);
int tw_cmd_import(const struct tw_cli_command *command, int argc, char **argv);
int tw_cmd_export(const struct tw_cli_command *command, int argc, char **argv);
int tw_cmd_user(const struct tw_cli_command *command, int argc, char **argv);
int tw_cmd_token(const struct tw_cli_command *command, int argc, char **argv);
int tw_cmd_quarantine(const struct tw_cli_command *command, int argc, char **argv);
int tw_cmd_plot(const struct tw_cli_command *command, int argc, char **argv);
int tw_cmd_audit(const struct tw_cli_command *command, int argc, char **argv);
int tw_cmd_backup(const struct tw_cli_command *command, int argc, char **argv);

#endif
