/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "cli_access.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"

#define ARENA_BYTES ((size_t)64 << 20)

int tw_cli_access_fail(const struct tw_cli_access *self, int rc)
{
    return tw_cli_fail(self->command, rc == TW_EINVAL ? TW_EXIT_USAGE : TW_EXIT_FAILED, "%s",
                       self->diag.text[0] != '\0' ? self->diag.text : tw_err_text(rc));
}

int tw_cli_access_run(const struct tw_cli_command *command, const struct tw_cli_access_verb *verbs,
                      size_t verb_count, int argc, char **argv)
{
    size_t skip = strlen(command->name) + 1;
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        tw_cli_print_help(command);
        return TW_EXIT_OK;
    }
    for (size_t i = 0; argc >= 2 && i < verb_count; i++) {
        if (strcmp(verbs[i].command.name + skip, argv[1]) != 0) {
            continue;
        }
        struct tw_cli_access self = {.command = &verbs[i].command};
        int code = tw_cli_parse(self.command, argc - 1, argv + 1, &self.args);
        if (code != TW_EXIT_OK || self.args.wants_help) {
            return code;
        }
        self.cfg = tw_cli_config(self.command, self.args.values[0]);
        if (self.cfg == NULL) {
            return TW_EXIT_FAILED;
        }
        struct tw_clock *clock = tw_clock_system();
        int len = snprintf(self.actor, sizeof self.actor, "uid:%lu", (unsigned long)getuid());
        self.deed = (struct tw_access_command){.dir = self.cfg->store.dir,
                                               .actor = {self.actor, (size_t)len},
                                               .now = clock->wall(clock)};
        tw_arena_init(&self.arena, ARENA_BYTES);
        code = verbs[i].work(&self);
        tw_desk_reader_close(&self.reader);
        tw_arena_fini(&self.arena);
        tw_cfg_destroy(&self.cfg);
        return code;
    }
    return tw_cli_fail(command, TW_EXIT_USAGE, "say one of %s; see tillwatch %s --help",
                       command->arguments, command->name);
}

int tw_cli_access_make(struct tw_cli_access *self)
{
    struct tw_store *store = NULL;
    struct tw_desk *desk = NULL;
    int rc = tw_users_ready(self->cfg->store.dir, &self->diag);
    if (rc == TW_ENOTFOUND || rc == TW_EOLDER) {
        /* With the lock of the store: no tower runs that is about to do the same. */
        rc = tw_store_open(self->cfg, tw_clock_system(), &store, &self->diag);
        rc = rc == TW_OK ? tw_desk_open(self->cfg->store.dir, &desk, &self->diag) : rc;
        tw_desk_close(&desk);
        tw_store_destroy(&store);
    }
    return rc == TW_OK ? TW_EXIT_OK : tw_cli_access_fail(self, rc);
}

int tw_cli_access_read(struct tw_cli_access *self)
{
    int rc = tw_users_ready(self->cfg->store.dir, &self->diag);
    rc = rc == TW_OK ? tw_desk_reader_open(self->cfg->store.dir, &self->reader, &self->diag) : rc;
    return rc == TW_OK ? TW_EXIT_OK : tw_cli_access_fail(self, rc);
}

int tw_cli_access_role(const struct tw_cli_access *self, const char *word, enum tw_role *ret_role)
{
    return tw_role_of(tw_str_of(word), ret_role)
               ? TW_EXIT_OK
               : tw_cli_fail(self->command, TW_EXIT_USAGE,
                             "there is no role \"%s\"; it is " TW_ROLE_WORDS, word);
}

int tw_cli_access_grants(struct tw_cli_access *self, const char *const *texts, size_t count,
                         struct tw_str *ret_lines)
{
    struct tw_buf lines;
    int rc = TW_OK;
    if (count > TW_GRANTS_MAX) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE, "at most %d grants", TW_GRANTS_MAX);
    }
    tw_buf_init(&lines, TW_GRANTS_TEXT_MAX);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        struct tw_grant grant;
        rc = tw_grant_parse(&self->arena, tw_str_of(texts[i]), &grant, &self->diag);
        rc = rc == TW_OK && i > 0 ? tw_buf_append_byte(&lines, '\n') : rc;
        rc = rc == TW_OK ? tw_grant_write(&grant, &lines) : rc;
    }
    if (rc == TW_OK) {
        *ret_lines = tw_arena_copy(&self->arena, (struct tw_str){lines.data, lines.len});
    }
    tw_buf_fini(&lines);
    return rc == TW_OK ? TW_EXIT_OK : tw_cli_access_fail(self, rc);
}

void tw_cli_access_print_grants(struct tw_str lines)
{
    while (lines.len > 0) {
        const char *end = memchr(lines.ptr, '\n', lines.len);
        size_t len = end == NULL ? lines.len : (size_t)(end - lines.ptr);
        (void)printf("    + %.*s\n", (int)len, lines.ptr); /* without control characters */
        len += end == NULL ? 0 : 1;
        lines.ptr += len;
        lines.len -= len;
    }
}

void tw_cli_access_print_time(tw_wall_t at, const char *never)
{
    char text[TW_TIME_TEXT_SIZE];
    if (at.ns == 0) {
        (void)printf("  %-16s", never);
        return;
    }
    tw_wall_format(at, text);
    (void)printf("  %.10s %.5s", text, text + 11);
}
