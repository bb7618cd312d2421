/* SPDX-License-Identifier: Apache-2.0
 * tillwatch token add|list|revoke.
 */
#include "config.h"
#include "cli_access.h"

#include <stdio.h>
#include <string.h>

#include "store/tokens.h"

#define S_DAY INT64_C(86400)

enum { ADD_CONFIG, ADD_ROLE, ADD_GRANT, ADD_EXPIRES };

/* "90d", "12h", "30m": so much from now. */
static int read_expires(const struct tw_cli_access *self, const char *text, tw_wall_t *ret_at)
{
    char past[24];
    tw_wall_t at = self->deed.now;
    const int len = snprintf(past, sizeof past, "-%s", text);
    if (len < 0 || (size_t)len >= sizeof past || text[0] == '-' ||
        tw_cli_time(past, self->deed.now, &at) != TW_OK) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE,
                           "--expires is a number with its unit, such as 90d, 12h or 30m, not "
                           "\"%s\"",
                           text);
    }
    ret_at->ns = self->deed.now.ns + (self->deed.now.ns - at.ns);
    return TW_EXIT_OK;
}

static int add(struct tw_cli_access *self)
{
    char text[TW_BEARER_TEXT_SIZE];
    uint8_t hash[TW_BEARER_HASH_BYTES] = {0};
    const char *expires = self->args.values[ADD_EXPIRES];
    struct tw_token_new token = {
        .name = tw_str_of(self->args.rest[0]),
        .hash = hash,
        .expires = {self->deed.now.ns + self->cfg->access.token_days * S_DAY * TW_NS_PER_S},
    };
    if (self->args.values[ADD_ROLE] == NULL) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE, "say a --role: " TW_ROLE_WORDS);
    }
    int code = tw_cli_access_role(self, self->args.values[ADD_ROLE], &token.role);
    code = code == TW_EXIT_OK
               ? tw_cli_access_grants(self, self->args.many, self->args.many_count, &token.grants)
               : code;
    code =
        code == TW_EXIT_OK && expires != NULL ? read_expires(self, expires, &token.expires) : code;
    code = code == TW_EXIT_OK ? tw_cli_access_make(self) : code;
    if (code != TW_EXIT_OK) {
        return code;
    }
    int rc = tw_bearer_make(TW_BEARER_TOKEN, text, hash);
    rc = rc == TW_OK ? tw_token_add(&self->deed, &token, &self->diag) : rc;
    if (rc == TW_OK) {
        (void)printf("%s\n", text); /* seen by finish */
        (void)fprintf(stderr, "the token above is shown this once\n");
        code = tw_cli_finish(self->command, TW_EXIT_OK);
    } else {
        code = tw_cli_access_fail(self, rc);
    }
    tw_wipe(text, sizeof text);
    return code;
}

static int list(struct tw_cli_access *self)
{
    const struct tw_token *tokens = NULL;
    size_t count = 0;
    int code = tw_cli_access_read(self);
    if (code != TW_EXIT_OK) {
        return code;
    }
    int rc = tw_tokens_list(self->reader, &self->arena, &tokens, &count);
    if (rc != TW_OK) {
        return tw_cli_access_fail(self, rc);
    }
    (void)printf("%-24s %-9s %-8s  %-16s  %-16s  %s\n", "NAME", "ROLE", "STATE", "EXPIRES",
                 "LAST USED", "MADE BY");
    for (size_t i = 0; i < count; i++) {
        const struct tw_token *token = &tokens[i];
        (void)printf("%-24.*s %-9s %-8s", (int)token->name.len, token->name.ptr,
                     tw_role_name(token->role),
                     token->expires.ns <= self->deed.now.ns ? "expired" : "active");
        tw_cli_access_print_time(token->expires, "never");
        tw_cli_access_print_time(token->used, "never");
        (void)printf("  %.*s\n", (int)token->made_by.len, token->made_by.ptr);
        tw_cli_access_print_grants(token->grants);
    }
    return tw_cli_finish(self->command, TW_EXIT_OK);
}

static int revoke(struct tw_cli_access *self)
{
    int rc = tw_token_revoke(&self->deed, tw_str_of(self->args.rest[0]), &self->diag);
    return rc == TW_OK ? TW_EXIT_OK : tw_cli_access_fail(self, rc);
}

/* ---- the commands ---- */

#define CONFIG_OPTION                                                                        \
    {                                                                                        \
        "--config", "-c", "FILE", "configuration file (without: the built-in configuration)" \
    }

static const struct tw_cli_option add_options[] = {
    CONFIG_OPTION,
    {"--role", NULL, "ROLE", TW_ROLE_WORDS},
    {"--grant", NULL, "GRANT...", "beside the role: \"push,heartbeat\"; several times"},
    {"--expires", NULL, "TIME", "after so long: 90d, 12h, 30m (access.token-days)"},
};
static const struct tw_cli_option plain_options[] = {CONFIG_OPTION};

static const struct tw_cli_access_verb verbs[] = {
    {{.name = "token add",
      .arguments = "NAME",
      .summary = "Make a token and print it, this once.",
      .help = "Only a hash of it is kept. For example, for a Prometheus that posts alerts:\n"
              "  tillwatch token add prometheus --role none --grant push --expires 90d",
      .options = add_options,
      .option_count = 4,
      .min_arguments = 1,
      .max_arguments = 1},
     add},
    {{.name = "token list",
      .arguments = "",
      .summary = "List tokens: what they may do, until when, when they were used last.",
      .help = "",
      .options = plain_options,
      .option_count = 1},
     list},
    {{.name = "token revoke",
      .arguments = "NAME",
      .summary = "Let nobody in with this token any more.",
      .help = "",
      .options = plain_options,
      .option_count = 1,
      .min_arguments = 1,
      .max_arguments = 1},
     revoke},
};

int tw_cmd_token(const struct tw_cli_command *command, int argc, char **argv)
{
    return tw_cli_access_run(command, verbs, sizeof verbs / sizeof verbs[0], argc, argv);
}
