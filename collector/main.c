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

#include "alert/json_text.h"
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
    {"--workflow-keys", NULL, NULL, "print the keys of workflow files (Markdown) instead"},
    {"--dashboard-keys", NULL, NULL, "print the keys of dashboard files (Markdown) instead"},
    {"--cause-keys", NULL, NULL, "print the keys of files with rules (Markdown) instead"},
    {"--notify-keys", NULL, NULL, "print the keys of notify.yaml (Markdown) instead"},
    {"--rule-keys", NULL, NULL, "print the keys of files with alert rules (Markdown) instead"},
};

static const struct tw_cli_option run_options[] = {
    CONFIG_OPTION,
    {"--only", NULL, "HALF", "collector or web: start this half alone, on the same store"},
    {"--log-format", NULL, "FORMAT", "text (default) or json"},
    {"--log-level", NULL, "LEVEL", "error, warn, info (default) or debug"},
};
static const struct tw_cli_option config_options[] = {CONFIG_OPTION};
static const struct tw_cli_option import_options[] = {
    CONFIG_OPTION,
    {"--topic", NULL, "TOPIC", "topic of the messages, for mappings that go by it"},
    {"--progress-file", NULL, "FILE", "where progress is kept (FILE.tillwatch-import)"},
    {"--from-start", NULL, NULL, "forget progress and send everything (again)"},
    {"--to", NULL, "ENDPOINT", "send there instead of to the configured tap"},
    {"--server-key", NULL, "FILE", "CURVE: public key of the tower"},
    {"--client-key", NULL, "NAME", "CURVE: our pair, NAME.pub and NAME.key"},
};
static const struct tw_cli_option export_options[] = {
    CONFIG_OPTION,
    {"--since", NULL, "TIME", "event time from here: 2026-11-21T18:00:00Z, or -2h"},
    {"--until", NULL, "TIME", "event time before this"},
    {"--object", NULL, "OBJECT", "only events of it: order:4711, transaction:0042/88"},
    {"--out", NULL, "FILE", "write to FILE, which appears when it is whole"},
};

static const struct tw_cli_option keygen_options[] = {
    {"--dir", NULL, "DIRECTORY", "write them there (without: the working directory)"},
};

static const struct tw_cli_option plot_options[] = {
    CONFIG_OPTION,
    {"--since", NULL, "TIME", "from here: 24h, -24h or 2026-11-21T18:00:00Z"},
    {"--until", NULL, "TIME", "up to here (without: now)"},
    {"--tz", NULL, "ZONE", "time zone: UTC (default), +02:00, Europe/Berlin"},
    {"--width", NULL, "COLUMNS", "40 to 400 (without: that of the terminal)"},
    {"--workflow", NULL, "NAME", "of which workflow"},
    {"--objective", NULL, "NAME", "of which objective"},
    {"--step", NULL, "NAME", "of which step"},
    {"--system", NULL, "NAME", "of which system"},
    {"--store", NULL, "ID", "of which store"},
    {"--list", NULL, NULL, "say which panels there are"},
    {"--png", NULL, NULL, "write a picture to standard output"},
    {"--labels", NULL, "JSON", "of an alert: rule.NAME shows what it is about alone"},
};

static const struct tw_cli_command commands[] = {
    {.name = "run",
     .arguments = "",
     .summary = "Start the service; SIGTERM ends it, SIGHUP reads the client keys again.",
     .help = "Logs to stderr. Everything acknowledged is committed when it ends.",
     .options = run_options,
     .option_count = COUNT(run_options),
     .run = tw_cmd_run},
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
    {.name = "import",
     .arguments = "FILE...",
     .summary = "Send history (NDJSON) through the acknowledged tap of a running tower.",
     .help = "A line is a CloudEvent or foreign JSON that a mapping knows; - is standard input.\n"
             "Started again it continues behind what was acknowledged.",
     .options = import_options,
     .option_count = COUNT(import_options),
     .min_arguments = 1,
     .max_arguments = -1,
     .run = tw_cmd_import},
    {.name = "export",
     .arguments = "",
     .summary = "Write stored events as NDJSON, one CloudEvent a line.",
     .help = "",
     .options = export_options,
     .option_count = COUNT(export_options),
     .run = tw_cmd_export},
    {.name = "quarantine",
     .arguments = "list|show|retry",
     .summary = "List, show or try again what could not be understood.",
     .help = "tillwatch quarantine list|show|retry --help says more.",
     .max_arguments = -1,
     .run = tw_cmd_quarantine},
    {.name = "user",
     .arguments = "add|passwd|role|grant|disable|enable|list|remove",
     .summary = "Manage users: who may sign in, and what they may do.",
     .help = "tillwatch user add --help, and likewise the others, say more.",
     .max_arguments = -1,
     .run = tw_cmd_user},
    {.name = "token",
     .arguments = "add|list|revoke",
     .summary = "Manage tokens, with which programs sign in.",
     .help = "tillwatch token add --help, and likewise the others, say more.",
     .max_arguments = -1,
     .run = tw_cmd_token},
    {.name = "audit",
     .arguments = "verify|export",
     .summary = "Look whether the audit is whole, or write it as NDJSON or CSV.",
     .help = "tillwatch audit verify|export --help says more.",
     .max_arguments = -1,
     .run = tw_cmd_audit},
    {.name = "plot",
     .arguments = "[PANEL]",
     .summary = "Show a panel of a dashboard in the terminal.",
     .help = "Reads the store itself. For example:\n"
             "  tillwatch plot workflow.throughput --workflow sale-posting --since 24h",
     .options = plot_options,
     .option_count = COUNT(plot_options),
     .max_arguments = 1,
     .run = tw_cmd_plot},
    {.name = "backup",
     .arguments = "DIRECTORY",
     .summary = "Copy the whole store into a new directory while it is written to.",
     .help = "",
     .options = config_options,
     .option_count = COUNT(config_options),
     .min_arguments = 1,
     .max_arguments = 1,
     .run = tw_cmd_backup},
    {.name = "keygen",
     .arguments = "NAME",
     .summary = "Make a CURVE key pair: NAME.pub and NAME.key.",
     .help = "NAME.key is secret and stays where it is used; NAME.pub is for the other side.\n"
             "Existing files are never overwritten.",
     .options = keygen_options,
     .option_count = COUNT(keygen_options),
     .min_arguments = 1,
     .max_arguments = 1,
     .run = tw_cmd_keygen},
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
    tw_json_watch_memory();
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
