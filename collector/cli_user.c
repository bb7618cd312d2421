/* SPDX-License-Identifier: Apache-2.0
 * tillwatch user add|passwd|role|grant|disable|enable|list|remove.
 */
#include "config.h"
#include "cli_access.h"

#include <stdio.h>
#include <string.h>

#include "access/bearer.h"

#define PAGE_USERS 500

static struct tw_str name_of(const struct tw_cli_access *self)
{
    return tw_str_of(self->args.rest[0]);
}

/* A password by --one-time, --password-stdin or the terminal, checked, and what is kept of it. */
struct secret {
    struct tw_cli_password password;
    char record[TW_PASSWORD_HASH_SIZE];
};

static int make_secret(struct tw_cli_access *self, bool is_stdin, bool is_one_time,
                       struct secret *ret_secret)
{
    const struct tw_password_cost cost = {self->cfg->access.password_passes,
                                          self->cfg->access.password_memory_bytes};
    struct tw_cli_password *password = &ret_secret->password;
    int rc = TW_OK;
    if (is_stdin && is_one_time) {
        return tw_diag_set(&self->diag, TW_EINVAL,
                           "--one-time makes the password: leave out --password-stdin");
    }
    if (is_one_time) {
        _Static_assert(TW_PASSWORD_MADE_SIZE <= sizeof password->text, "it fits");
        rc = tw_password_make(password->text);
        password->len = rc == TW_OK ? strlen(password->text) : 0;
    } else {
        rc = tw_cli_password_read(self->args.rest[0], is_stdin, password, &self->diag);
    }
    const struct tw_str text = {password->text, password->len};
    rc = rc == TW_OK ? tw_password_check(text, name_of(self), &self->diag) : rc;
    return rc == TW_OK ? tw_password_hash(text, &cost, ret_secret->record) : rc;
}

/* One that was made is shown, now and never again. */
static int finish(const struct tw_cli_access *self, const struct secret *secret, bool is_one_time)
{
    if (is_one_time) {
        (void)printf("%s\n", secret->password.text); /* seen by finish */
        (void)fprintf(stderr,
                      "the password above is shown this once; it must be changed at the first "
                      "sign-in\n");
    }
    return tw_cli_finish(self->command, TW_EXIT_OK);
}

/* ---- add, passwd ---- */

enum { ADD_CONFIG, ADD_ROLE, ADD_GRANT, ADD_STDIN, ADD_ONE_TIME };

static int add(struct tw_cli_access *self)
{
    const char *role = self->args.values[ADD_ROLE];
    bool is_one_time = self->args.values[ADD_ONE_TIME] != NULL;
    struct tw_user_new user = {.name = name_of(self), .must_change = is_one_time};
    struct secret secret = {.record = ""};
    int code = tw_cli_access_role(self, role == NULL ? "viewer" : role, &user.role);
    code = code == TW_EXIT_OK
               ? tw_cli_access_grants(self, self->args.many, self->args.many_count, &user.grants)
               : code;
    code = code == TW_EXIT_OK ? tw_cli_access_make(self) : code;
    if (code != TW_EXIT_OK) {
        return code;
    }
    int rc = tw_access_name_is_valid(user.name)
                 ? make_secret(self, self->args.values[ADD_STDIN] != NULL, is_one_time, &secret)
                 : TW_OK; /* refused below, with the reason */
    user.password = tw_str_of(secret.record);
    rc = rc == TW_OK ? tw_user_add(&self->deed, &user, &self->diag) : rc;
    code = rc == TW_OK ? finish(self, &secret, is_one_time) : tw_cli_access_fail(self, rc);
    tw_wipe(&secret, sizeof secret);
    return code;
}

enum { PASSWD_CONFIG, PASSWD_STDIN, PASSWD_ONE_TIME };

/* Before anybody types a password for somebody who is not there. */
static int check_user(struct tw_cli_access *self)
{
    struct tw_user user;
    int code = tw_cli_access_read(self);
    if (code != TW_EXIT_OK) {
        return code;
    }
    int rc = tw_user_find(self->reader, &self->arena, name_of(self), &user);
    if (rc == TW_ENOTFOUND) {
        rc = tw_diag_set(&self->diag, rc, "there is no user %.80s", self->args.rest[0]);
    }
    return rc == TW_OK ? TW_EXIT_OK : tw_cli_access_fail(self, rc);
}

static int passwd(struct tw_cli_access *self)
{
    bool is_one_time = self->args.values[PASSWD_ONE_TIME] != NULL;
    struct secret secret = {.record = ""};
    int code = check_user(self);
    if (code != TW_EXIT_OK) {
        return code;
    }
    int rc = make_secret(self, self->args.values[PASSWD_STDIN] != NULL, is_one_time, &secret);
    rc = rc == TW_OK ? tw_user_set_password(&self->deed, name_of(self), tw_str_of(secret.record),
                                            is_one_time, 0, &self->diag)
                     : rc;
    code = rc == TW_OK ? finish(self, &secret, is_one_time) : tw_cli_access_fail(self, rc);
    tw_wipe(&secret, sizeof secret);
    return code;
}

/* ---- what needs no password ---- */

static int set_role(struct tw_cli_access *self)
{
    enum tw_role to = TW_ROLE_NONE;
    int code = tw_cli_access_role(self, self->args.rest[1], &to);
    if (code != TW_EXIT_OK) {
        return code;
    }
    int rc = tw_user_set_role(&self->deed, name_of(self), to, &self->diag);
    return rc == TW_OK ? TW_EXIT_OK : tw_cli_access_fail(self, rc);
}

enum { GRANT_CONFIG, GRANT_NONE };

static int set_grants(struct tw_cli_access *self)
{
    struct tw_str lines = TW_STR_NULL;
    size_t count = (size_t)self->args.rest_count - 1;
    if ((count == 0) != (self->args.values[GRANT_NONE] != NULL)) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE, "say the grants, or --none");
    }
    int code =
        tw_cli_access_grants(self, (const char *const *)(self->args.rest + 1), count, &lines);
    if (code != TW_EXIT_OK) {
        return code;
    }
    int rc = tw_user_set_grants(&self->deed, name_of(self), lines, &self->diag);
    return rc == TW_OK ? TW_EXIT_OK : tw_cli_access_fail(self, rc);
}

static int disable(struct tw_cli_access *self)
{
    int rc = tw_user_set_disabled(&self->deed, name_of(self), true, &self->diag);
    return rc == TW_OK ? TW_EXIT_OK : tw_cli_access_fail(self, rc);
}

static int enable(struct tw_cli_access *self)
{
    int rc = tw_user_set_disabled(&self->deed, name_of(self), false, &self->diag);
    return rc == TW_OK ? TW_EXIT_OK : tw_cli_access_fail(self, rc);
}

static int remove_user(struct tw_cli_access *self)
{
    int rc = tw_user_remove(&self->deed, name_of(self), &self->diag);
    return rc == TW_OK ? TW_EXIT_OK : tw_cli_access_fail(self, rc);
}

static void print_user(const struct tw_user *user)
{
    (void)printf("%-24.*s %-9s %-9s", (int)user->name.len, user->name.ptr, tw_role_name(user->role),
                 user->disabled.ns != 0 ? "disabled"
                 : user->must_change    ? "one-time"
                                        : "active");
    tw_cli_access_print_time(user->password_changed, "never");
    tw_cli_access_print_time(user->signed_in, "never");
    (void)putchar('\n');
    tw_cli_access_print_grants(user->grants);
}

static int list(struct tw_cli_access *self)
{
    char last[TW_ACCESS_NAME_MAX];
    struct tw_str after = TW_STR_NULL;
    const struct tw_user *users = NULL;
    size_t count = 0;
    int code = tw_cli_access_read(self);
    if (code != TW_EXIT_OK) {
        return code;
    }
    (void)printf("%-24s %-9s %-9s  %-16s  %s\n", "NAME", "ROLE", "STATE", "PASSWORD OF",
                 "LAST SIGN-IN");
    do {
        tw_arena_reset(&self->arena);
        int rc = tw_users_list(self->reader, &self->arena, after, PAGE_USERS, &users, &count);
        if (rc != TW_OK) {
            return tw_cli_access_fail(self, rc);
        }
        for (size_t i = 0; i < count; i++) {
            print_user(&users[i]);
        }
        if (count > 0) {
            after = users[count - 1].name;
            memcpy(last, after.ptr, after.len); /* names were checked */
            after.ptr = last;
        }
    } while (count == PAGE_USERS);
    return tw_cli_finish(self->command, TW_EXIT_OK);
}

/* ---- the commands ---- */

#define CONFIG_OPTION                                                                        \
    {                                                                                        \
        "--config", "-c", "FILE", "configuration file (without: the built-in configuration)" \
    }
#define PASSWORD_OPTIONS                                                                     \
    {"--password-stdin", NULL, NULL, "the first line of standard input, instead of asking"}, \
    {                                                                                        \
        "--one-time", NULL, NULL, "make one, print it; to be changed at the first sign-in"   \
    }

static const struct tw_cli_option add_options[] = {
    CONFIG_OPTION,
    {"--role", NULL, "ROLE", TW_ROLE_WORDS " (viewer)"},
    {"--grant", NULL, "GRANT...", "beside the role: \"replay,read region=north\"; several times"},
    PASSWORD_OPTIONS,
};
static const struct tw_cli_option passwd_options[] = {CONFIG_OPTION, PASSWORD_OPTIONS};
static const struct tw_cli_option grant_options[] = {
    CONFIG_OPTION,
    {"--none", NULL, NULL, "take all grants away"},
};
static const struct tw_cli_option plain_options[] = {CONFIG_OPTION};

#define GRANTS_HELP                                                                       \
    "A grant is RIGHT[,RIGHT...] [workflow=A,B] [region=C] [store=D], in quotes as one\n" \
    "argument; what is not named is not narrowed. docs/reference/access.md lists the rights."

static const struct tw_cli_access_verb verbs[] = {
    {{.name = "user add",
      .arguments = "NAME",
      .summary = "Make a user. The password is asked for.",
      .help = GRANTS_HELP,
      .options = add_options,
      .option_count = 5,
      .min_arguments = 1,
      .max_arguments = 1},
     add},
    {{.name = "user passwd",
      .arguments = "NAME",
      .summary = "Change a password; ends all sessions of the user.",
      .help = "",
      .options = passwd_options,
      .option_count = 3,
      .min_arguments = 1,
      .max_arguments = 1},
     passwd},
    {{.name = "user role",
      .arguments = "NAME ROLE",
      .summary = "Change a role: " TW_ROLE_WORDS "; ends all sessions of the user.",
      .help = "",
      .options = plain_options,
      .option_count = 1,
      .min_arguments = 2,
      .max_arguments = 2},
     set_role},
    {{.name = "user grant",
      .arguments = "NAME [GRANT...]",
      .summary = "Say what a user may do beside the role; takes the place of what was said before.",
      .help = GRANTS_HELP,
      .options = grant_options,
      .option_count = 2,
      .min_arguments = 1,
      .max_arguments = 1 + TW_GRANTS_MAX},
     set_grants},
    {{.name = "user disable",
      .arguments = "NAME",
      .summary = "Let a user sign in no more; ends all sessions.",
      .help = "",
      .options = plain_options,
      .option_count = 1,
      .min_arguments = 1,
      .max_arguments = 1},
     disable},
    {{.name = "user enable",
      .arguments = "NAME",
      .summary = "Let a user sign in again.",
      .help = "",
      .options = plain_options,
      .option_count = 1,
      .min_arguments = 1,
      .max_arguments = 1},
     enable},
    {{.name = "user list",
      .arguments = "",
      .summary = "List users with their roles and grants.",
      .help = "",
      .options = plain_options,
      .option_count = 1},
     list},
    {{.name = "user remove",
      .arguments = "NAME",
      .summary = "Remove a user; what the audit says stays.",
      .help = "",
      .options = plain_options,
      .option_count = 1,
      .min_arguments = 1,
      .max_arguments = 1},
     remove_user},
};

int tw_cmd_user(const struct tw_cli_command *command, int argc, char **argv)
{
    return tw_cli_access_run(command, verbs, sizeof verbs / sizeof verbs[0], argc, argv);
}
