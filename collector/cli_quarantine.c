/* SPDX-License-Identifier: Apache-2.0
 * tillwatch quarantine list|show|retry: what could not be understood, and trying it again.
 */
#include "config.h"
#include "cli.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/err.h"
#include "store/reader.h"
#include "store/request.h"

#define ARENA_BYTES   ((size_t)256 << 20)
#define PAGE_ENTRIES  100
#define LIST_DEFAULT  50
#define DETAIL_BYTES  100
#define MAX_IDS       1000
#define BODY_BYTES    (MAX_IDS * 21 + 64)
#define ANSWER_WAIT_S 10
#define ANSWER_LOOK   100 /* ms */

struct work {
    const struct tw_cli_command *command;
    struct tw_cli_args args;
    struct tw_cfg *cfg;
    struct tw_reader *reader;
    struct tw_arena arena;
};

static int fail(const struct work *self, int rc, const struct tw_diag *diag)
{
    return tw_cli_fail(self->command, TW_EXIT_FAILED, "%s",
                       diag->text[0] != '\0' ? diag->text : tw_err_text(rc));
}

static int open_store(struct work *self)
{
    struct tw_diag diag = {""};
    int rc = tw_reader_open(self->cfg->store.dir, &self->reader, &diag);
    return rc == TW_OK ? TW_EXIT_OK : fail(self, rc, &diag);
}

/* TW_PROBLEM_none for NULL; TW_PROBLEM_COUNT for a word that is no reason. */
static enum tw_problem_code reason_of(const char *word)
{
    int code = 0;
    while (word != NULL && ++code < TW_PROBLEM_COUNT) {
        if (strcmp(tw_problem_infos[code].name, word) == 0) {
            break;
        }
    }
    return (enum tw_problem_code)code;
}

static int wrong_reason(const struct work *self, const char *word)
{
    return tw_cli_fail(self->command, TW_EXIT_USAGE,
                       "there is no reason \"%s\"; docs/reference/quarantine.md lists them", word);
}

/* Text of outside on a terminal: control bytes become '.'. */
static void print_safe(struct tw_str text, size_t most)
{
    for (size_t i = 0; i < text.len && i < most; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        (void)putchar(byte < 0x20 || byte == 0x7f ? '.' : byte);
    }
    if (text.len > most) {
        (void)fputs("...", stdout);
    }
}

/* ---- list ---- */

static void print_row(struct work *self, const struct tw_quarantine_entry *row)
{
    char at[TW_TIME_TEXT_SIZE];
    tw_wall_format(row->entry.received, at);
    (void)printf("%-10" PRIu64 " %s  %-12s %-16s %8" PRIu64 "  %s", row->id, at,
                 tw_reader_tap_name(self->reader, row->entry.tap),
                 tw_problem_infos[row->entry.code].name, row->entry.raw_bytes,
                 row->is_done ? "(solved) " : "");
    print_safe(row->entry.detail, DETAIL_BYTES);
    (void)putchar('\n');
}

enum { LIST_CONFIG, LIST_REASON, LIST_LIMIT, LIST_ALL };

static int list(struct work *self)
{
    const char *word = self->args.values[LIST_REASON];
    const char *limit = self->args.values[LIST_LIMIT];
    enum tw_problem_code reason = reason_of(word);
    uint64_t left = LIST_DEFAULT;
    uint64_t before = 0;
    if (reason == TW_PROBLEM_COUNT) {
        return wrong_reason(self, word);
    }
    if (limit != NULL && (tw_cli_number(limit, &left) != TW_OK || left == 0)) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE, "--limit is a number from 1, not \"%s\"",
                           limit);
    }
    int code = open_store(self);
    if (code != TW_EXIT_OK) {
        return code;
    }
    (void)printf("%-10s %-27s  %-12s %-16s %8s  %s\n", "ID", "RECEIVED", "TAP", "REASON", "BYTES",
                 "DETAIL");
    while (left > 0) {
        const struct tw_quarantine_entry *rows = NULL;
        size_t count = 0;
        tw_arena_reset(&self->arena);
        int rc = tw_reader_quarantine(
            self->reader, &self->arena, before, reason, self->args.values[LIST_ALL] != NULL,
            left < PAGE_ENTRIES ? (size_t)left : PAGE_ENTRIES, &rows, &count);
        if (rc != TW_OK) {
            return tw_cli_fail(self->command, TW_EXIT_FAILED, "%s", tw_err_text(rc));
        }
        if (count == 0) {
            break;
        }
        for (size_t i = 0; i < count; i++) {
            print_row(self, &rows[i]);
            before = rows[i].id;
        }
        left -= count < left ? count : left;
    }
    return tw_cli_finish(self->command, TW_EXIT_OK);
}

/* ---- show ---- */

enum { SHOW_CONFIG, SHOW_RAW };

static int show(struct work *self)
{
    struct tw_quarantine_entry row;
    uint64_t id = 0;
    char at[TW_TIME_TEXT_SIZE];
    if (tw_cli_number(self->args.rest[0], &id) != TW_OK) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE, "an id is a number, not \"%s\"",
                           self->args.rest[0]);
    }
    int code = open_store(self);
    if (code != TW_EXIT_OK) {
        return code;
    }
    int rc = tw_reader_quarantine_entry(self->reader, &self->arena, id, &row);
    if (rc == TW_ENOTFOUND) {
        return tw_cli_fail(self->command, TW_EXIT_FAILED,
                           "there is no entry %" PRIu64 "; see tillwatch quarantine list", id);
    }
    if (rc != TW_OK) {
        return tw_cli_fail(self->command, TW_EXIT_FAILED, "%s", tw_err_text(rc));
    }
    if (self->args.values[SHOW_RAW] != NULL) {
        (void)fwrite(row.entry.raw.ptr, 1, row.entry.raw.len, stdout); /* seen by finish */
        return tw_cli_finish(self->command, TW_EXIT_OK);
    }
    tw_wall_format(row.entry.received, at);
    (void)printf("id        %" PRIu64 "\nreceived  %s\ntap       %s\npeer      ", row.id, at,
                 tw_reader_tap_name(self->reader, row.entry.tap));
    print_safe(row.entry.peer, SIZE_MAX);
    (void)printf("\nreason    %s: %s\ndetail    ", tw_problem_infos[row.entry.code].name,
                 tw_problem_infos[row.entry.code].title);
    print_safe(row.entry.detail, SIZE_MAX);
    if (row.entry.index >= 0) {
        (void)printf("\nposition  %" PRId64 " in its batch", row.entry.index);
    }
    (void)printf("\ntopic     ");
    print_safe(row.entry.topic, SIZE_MAX);
    (void)printf("\nretries   %" PRIu64 "\n", row.retries);
    if (row.is_done) {
        (void)printf("solved    it is event %" PRIu64 " now\n", row.done_n);
    }
    (void)printf("raw       %zu of %" PRIu64 " bytes (--raw writes them as they came)\n",
                 row.entry.raw.len, row.entry.raw_bytes);
    print_safe(row.entry.raw, SIZE_MAX);
    (void)putchar('\n');
    return tw_cli_finish(self->command, TW_EXIT_OK);
}

/* ---- retry ---- */

enum { RETRY_CONFIG, RETRY_ALL, RETRY_REASON };

/* The body of the request: numbers and words of our own tables only. */
static int retry_body(struct work *self, struct tw_buf *body)
{
    const char *word = self->args.values[RETRY_REASON];
    bool is_all = self->args.values[RETRY_ALL] != NULL;
    char text[64];
    if ((is_all ? 1 : 0) + (word != NULL ? 1 : 0) + (self->args.rest_count > 0 ? 1 : 0) != 1) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE,
                           "say what to try again: ids, or --all, or --reason REASON");
    }
    if (is_all) {
        return tw_buf_append_str(body, TW_STR_LIT("{\"all\":true}"));
    }
    if (word != NULL) {
        enum tw_problem_code reason = reason_of(word);
        if (reason == TW_PROBLEM_COUNT) {
            return wrong_reason(self, word);
        }
        int len =
            snprintf(text, sizeof(text), "{\"reason\":\"%s\"}", tw_problem_infos[reason].name);
        return tw_buf_append(body, text, (size_t)len);
    }
    if (self->args.rest_count > MAX_IDS) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE, "at most %d ids at a time", MAX_IDS);
    }
    (void)tw_buf_append_str(body, TW_STR_LIT("{\"ids\":["));
    for (int i = 0; i < self->args.rest_count; i++) {
        uint64_t id = 0;
        if (tw_cli_number(self->args.rest[i], &id) != TW_OK || id == 0) {
            return tw_cli_fail(self->command, TW_EXIT_USAGE, "an id is a number, not \"%s\"",
                               self->args.rest[i]);
        }
        int len = snprintf(text, sizeof(text), "%s%" PRIu64, i == 0 ? "" : ",", id);
        (void)tw_buf_append(body, text, (size_t)len);
    }
    (void)tw_buf_append_str(body, TW_STR_LIT("]}"));
    return body->error;
}

static int wait_answer(struct work *self, uint64_t id)
{
    struct tw_clock *clock = tw_clock_system();
    int64_t until = clock->mono(clock).ns + ANSWER_WAIT_S * TW_NS_PER_S;
    while (clock->mono(clock).ns < until) {
        struct tw_request request;
        struct tw_diag diag = {""};
        tw_arena_reset(&self->arena);
        int rc = tw_request_get(self->cfg->store.dir, &self->arena, id, &request, &diag);
        if (rc != TW_OK) {
            return fail(self, rc, &diag);
        }
        if (request.state != TW_REQUEST_WAITING) {
            bool is_done = request.state == TW_REQUEST_DONE;
            (void)printf("request %" PRIu64 " %s: ", id, is_done ? "done" : "failed");
            print_safe(request.result, SIZE_MAX);
            (void)putchar('\n');
            return tw_cli_finish(self->command, is_done ? TW_EXIT_OK : TW_EXIT_FAILED);
        }
        (void)poll(NULL, 0, ANSWER_LOOK);
    }
    (void)printf("request %" PRIu64 " waits: a running tower will carry it out\n", id);
    return tw_cli_finish(self->command, TW_EXIT_OK);
}

static int retry(struct work *self)
{
    struct tw_diag diag = {""};
    struct tw_clock *clock = tw_clock_system();
    struct tw_buf body;
    char actor[32];
    uint64_t id = 0;
    tw_buf_init(&body, BODY_BYTES);
    int code = retry_body(self, &body);
    if (code != TW_EXIT_OK) {
        code = code < 0 ? fail(self, code, &diag) : code;
        goto out;
    }
    int len = snprintf(actor, sizeof(actor), "uid:%lu", (unsigned long)getuid());
    int rc = tw_request_add(self->cfg->store.dir, TW_STR_LIT("quarantine-retry"),
                            (struct tw_str){body.data, body.len},
                            (struct tw_str){actor, (size_t)len}, clock->wall(clock), &id, &diag);
    code = rc == TW_OK ? wait_answer(self, id) : fail(self, rc, &diag);
out:
    tw_buf_fini(&body);
    return code;
}

/* ---- the three commands ---- */

#define CONFIG_OPTION                                                                        \
    {                                                                                        \
        "--config", "-c", "FILE", "configuration file (without: the built-in configuration)" \
    }

static const struct tw_cli_option list_options[] = {
    CONFIG_OPTION,
    {"--reason", NULL, "REASON", "only entries with this reason"},
    {"--limit", NULL, "N", "at most so many, newest first (50)"},
    {"--all", NULL, NULL, "also those that were solved by trying again"},
};
static const struct tw_cli_option show_options[] = {
    CONFIG_OPTION,
    {"--raw", NULL, NULL, "write the raw bytes and nothing else"},
};
static const struct tw_cli_option retry_options[] = {
    CONFIG_OPTION,
    {"--all", NULL, NULL, "everything that is not solved"},
    {"--reason", NULL, "REASON", "everything that is not solved and has this reason"},
};

static const struct {
    struct tw_cli_command command;
    int (*work)(struct work *self);
} verbs[] = {
    {{.name = "quarantine list",
      .arguments = "",
      .summary = "List what could not be understood, newest first.",
      .help = "",
      .options = list_options,
      .option_count = 4},
     list},
    {{.name = "quarantine show",
      .arguments = "ID",
      .summary = "Show one entry with its raw bytes.",
      .help = "",
      .options = show_options,
      .option_count = 2,
      .min_arguments = 1,
      .max_arguments = 1},
     show},
    {{.name = "quarantine retry",
      .arguments = "[ID...]",
      .summary = "Try entries again, after a mapping was mended and the tower restarted.",
      .help = "The running tower does it; the answer is awaited for 10 seconds.",
      .options = retry_options,
      .option_count = 3,
      .max_arguments = -1},
     retry},
};

int tw_cmd_quarantine(const struct tw_cli_command *command, int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        tw_cli_print_help(command);
        return TW_EXIT_OK;
    }
    for (size_t i = 0; argc >= 2 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].command.name + strlen("quarantine "), argv[1]) != 0) {
            continue;
        }
        struct work self = {.command = &verbs[i].command};
        int code = tw_cli_parse(self.command, argc - 1, argv + 1, &self.args);
        if (code != TW_EXIT_OK || self.args.wants_help) {
            return code;
        }
        self.cfg = tw_cli_config(self.command, self.args.values[0]);
        if (self.cfg == NULL) {
            return TW_EXIT_FAILED;
        }
        tw_arena_init(&self.arena, ARENA_BYTES);
        code = verbs[i].work(&self);
        tw_reader_close(&self.reader);
        tw_arena_fini(&self.arena);
        tw_cfg_destroy(&self.cfg);
        return code;
    }
    return tw_cli_fail(command, TW_EXIT_USAGE,
                       "say list, show or retry; see tillwatch quarantine --help");
}
