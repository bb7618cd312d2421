/* SPDX-License-Identifier: Apache-2.0
 * The program `tillwatch`: a command and its arguments. What holds for all commands is set here:
 * files are for the owner only, no core file may carry payloads, a closed pipe or a file that
 * reached its limit is an error of the write and no signal.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "cli.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CONFIG_OPTION                                                                        \
    {                                                                                        \
        "--config", "-c", "FILE", "configuration file (without: the built-in configuration)" \
    }

static const struct tw_cli_option check_options[] = {
    CONFIG_OPTION,
    {"--print-config", NULL, NULL, "print what is in force instead"},
};
static const struct tw_cli_option print_options[] = {
    CONFIG_OPTION,
    {"--reference", NULL, NULL, "print the reference page of all keys (Markdown) instead"},
};

static const struct tw_cli_command commands[] = {
    {.name = "check",
     .arguments = "",
     .summary = "Check the configuration and say what would run.",
     .help =
         "Every fault is one line on stderr, file:line: what is wrong; the exit code is then 1.",
     .options = check_options,
     .option_count = COUNT(check_options),
     .run = tw_cmd_check},
    {.name = "print-config",
     .arguments = "",
     .summary = "Print the configuration in force as YAML that can be given to -c.",
     .help = "",
     .options = print_options,
     .option_count = COUNT(print_options),
     .run = tw_cmd_print_config},
};

static void print_usage(FILE *out)
{
    (void)fprintf(out, "Usage: tillwatch COMMAND [ARGUMENT...]\n"
                       "The control tower for retail integrations.\n\nCommands:\n");
    for (size_t i = 0; i < COUNT(commands); i++) {
        (void)fprintf(out, "  %-13s %s\n", commands[i].name, commands[i].summary);
    }
    (void)fprintf(out, "\ntillwatch COMMAND --help says more. tillwatch --version prints the "
                       "version.\nFirst steps: tillwatch run, then http://127.0.0.1:8460\n");
}

static void set_process_up(void)
{
    const struct rlimit no_core = {0, 0};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)umask(077);
    /* None of these can fail with these arguments; without them we run all the same. */
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)sigaction(SIGXFSZ, &ignore, NULL);
}

int main(int argc, char **argv)
{
    set_process_up();
    if (argc < 2) {
        (void)fprintf(stderr, "tillwatch: a command is missing; start with: tillwatch run, or see "
                              "tillwatch --help\n");
        return TW_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("tillwatch %s\n", PACKAGE_VERSION);
        return fflush(stdout) == 0 ? TW_EXIT_OK : TW_EXIT_FAILED;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        (strcmp(argv[1], "help") == 0 && argc == 2)) {
        print_usage(stdout);
        return fflush(stdout) == 0 ? TW_EXIT_OK : TW_EXIT_FAILED;
    }
    for (size_t i = 0; i < COUNT(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(&commands[i], argc - 1, argv + 1);
        }
    }
    (void)fprintf(stderr, "tillwatch: unknown command \"%.60s\"; tillwatch --help lists them\n",
                  argv[1]);
    return TW_EXIT_USAGE;
}
