/* SPDX-License-Identifier: Apache-2.0
 * Commands that run or copy the service: run, backup, keygen.
 */
#include "config.h"
#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app.h"
#include "core/err.h"
#include "core/log.h"
#include "store/store.h"
#include "curve/keygen.h"

/* Position of `word` in `words`; -1: none. */
static int find_word(const char *const *words, int count, const char *word)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], word) == 0) {
            return i;
        }
    }
    return -1;
}

/* Options of run, in the order of its table: config, only, log-format, log-level. */
static int set_log_up(const struct tw_cli_command *command, const struct tw_cli_args *args)
{
    static const char *const formats[] = {"text", "json"};
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    const char *format = args->values[2] == NULL ? "text" : args->values[2];
    const char *level = args->values[3] == NULL ? "info" : args->values[3];
    int f = find_word(formats, 2, format);
    int l = find_word(levels, 4, level);
    if (f < 0) {
        return tw_cli_fail(command, TW_EXIT_USAGE, "--log-format is text or json, not \"%s\"",
                           format);
    }
    if (l < 0) {
        return tw_cli_fail(command, TW_EXIT_USAGE,
                           "--log-level is error, warn, info or debug, not \"%s\"", level);
    }
    tw_log_setup((enum tw_log_level)l, f == 0 ? TW_LOG_TEXT : TW_LOG_JSON);
    return TW_EXIT_OK;
}

int tw_cmd_run(const struct tw_cli_command *command, int argc, char **argv)
{
    struct tw_cli_args args;
    int code = tw_cli_parse(command, argc, argv, &args);
    if (code != TW_EXIT_OK || args.wants_help) {
        return code;
    }
    const char *only = args.values[1];
    if (only != NULL && strcmp(only, "collector") != 0 && strcmp(only, "web") != 0) {
        return tw_cli_fail(command, TW_EXIT_USAGE, "--only is collector or web, not \"%s\"", only);
    }
    code = set_log_up(command, &args);
    if (code != TW_EXIT_OK) {
        return code;
    }
    struct tw_cfg *cfg = tw_cli_config(command, args.values[0]);
    if (cfg == NULL) {
        return TW_EXIT_FAILED;
    }
    struct tw_app_options options = {
        .cfg = cfg,
        .workflows = tw_cli_workflows(command, cfg),
        .config_file = args.values[0],
        .clock = tw_clock_system(),
        .has_collector = only == NULL || strcmp(only, "collector") == 0,
        .has_web = only == NULL || strcmp(only, "web") == 0,
    };
    /* All are read, so that all faults are told. */
    int rc = options.workflows == NULL ? TW_ECONFIG : TW_OK;
    int causes = tw_causes_load(cfg, stderr, &options.causes);
    int rules = rc != TW_OK ? rc : tw_rules_load(cfg, options.workflows, stderr, &options.rules);
    int notify = tw_notify_load(cfg, stderr, &options.notify);
    if (rc == TW_OK && causes == TW_OK && rules == TW_OK && notify == TW_OK) {
        code = tw_app_run(&options) == 0 ? TW_EXIT_OK : TW_EXIT_FAILED;
    } else {
        code = TW_EXIT_FAILED; /* the faults are told */
    }
    tw_notify_unref(&options.notify);
    tw_rules_unref(&options.rules);
    tw_causes_unref(&options.causes);
    tw_workflows_unref(&options.workflows);
    tw_cfg_destroy(&cfg);
    return code;
}

int tw_cmd_backup(const struct tw_cli_command *command, int argc, char **argv)
{
    struct tw_cli_args args;
    struct tw_diag diag = {""};
    int code = tw_cli_parse(command, argc, argv, &args);
    if (code != TW_EXIT_OK || args.wants_help) {
        return code;
    }
    struct tw_cfg *cfg = tw_cli_config(command, args.values[0]);
    if (cfg == NULL) {
        return TW_EXIT_FAILED;
    }
    int rc = tw_store_backup(cfg->store.dir, args.rest[0], &diag);
    if (rc != TW_OK) {
        code = tw_cli_fail(command, TW_EXIT_FAILED, "%s",
                           diag.text[0] != '\0' ? diag.text : tw_err_text(rc));
    } else {
        (void)printf("%s is copied to %s\n", cfg->store.dir, args.rest[0]);
    }
    tw_cfg_destroy(&cfg);
    return rc != TW_OK ? code : tw_cli_finish(command, TW_EXIT_OK);
}

int tw_cmd_keygen(const struct tw_cli_command *command, int argc, char **argv)
{
    struct tw_cli_args args;
    struct tw_diag diag = {""};
    int code = tw_cli_parse(command, argc, argv, &args);
    if (code != TW_EXIT_OK || args.wants_help) {
        return code;
    }
    (void)umask(022); /* the public key is for everybody; the secret one is made 0600 */
    const char *dir = args.values[0] == NULL ? "." : args.values[0];
    int rc = tw_keypair_write(dir, args.rest[0], &diag);
    if (rc != TW_OK) {
        return tw_cli_fail(command, TW_EXIT_FAILED, "%s",
                           diag.text[0] != '\0' ? diag.text : tw_err_text(rc));
    }
    (void)printf("%s/%s.pub  public key: give it to the other side\n"
                 "%s/%s.key  secret key: keep it here\n",
                 dir, args.rest[0], dir, args.rest[0]);
    return tw_cli_finish(command, TW_EXIT_OK);
}
