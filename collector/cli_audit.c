/* SPDX-License-Identifier: Apache-2.0
 * tillwatch audit verify|export: whether the audit is what was written, and all of it as lines.
 */
#include "config.h"
#include "cli.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"
#include "event/text.h"
#include "store/audit_read.h"
#include "store/audit_verify.h"

struct work {
    const struct tw_cli_command *command;
    struct tw_cli_args args;
    struct tw_cfg *cfg;
};

static int fail(const struct work *self, int rc, const struct tw_diag *diag)
{
    return tw_cli_fail(self->command, TW_EXIT_FAILED, "%s: %s", self->cfg->store.dir,
                       diag->text[0] != '\0' ? diag->text : tw_err_text(rc));
}

/* ---- verify ---- */

enum { VERIFY_CONFIG, VERIFY_HEAD };

static int verify(struct work *self)
{
    struct tw_audit_verdict verdict;
    struct tw_audit_mark known = {.id = 0};
    struct tw_diag diag = {""};
    const char *head = self->args.values[VERIFY_HEAD];
    char mark[TW_AUDIT_MARK_MAX];
    char since[TW_TIME_TEXT_SIZE];
    if (head != NULL && !tw_audit_mark_parse(tw_str_of(head), &known)) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE,
                           "--head is like 17:HASH, as verify prints it");
    }
    int rc =
        tw_audit_verify(self->cfg->store.dir, NULL, head == NULL ? NULL : &known, &verdict, &diag);
    if (rc != TW_OK) {
        return fail(self, rc, &diag);
    }
    if (verdict.fault != TW_AUDIT_NONE) {
        return tw_cli_fail(self->command, TW_EXIT_FAILED, "%s: %s",
                           tw_audit_fault_name(verdict.fault), verdict.text);
    }
    tw_audit_mark_format(&verdict.last, mark);
    (void)printf("whole: %" PRIu64 " rows, the last is %s\n", verdict.rows, mark);
    if (verdict.chained_since.ns != 0) {
        tw_wall_format(verdict.chained_since, since);
        (void)printf("chained since %s; what is older was chained then\n", since);
    }
    return tw_cli_finish(self->command, TW_EXIT_OK);
}

/* ---- export ---- */

enum { EXPORT_CONFIG, EXPORT_SINCE, EXPORT_UNTIL, EXPORT_FORMAT, EXPORT_OUT };

struct output {
    FILE *file;
    uint64_t rows;
    bool is_csv;
};

static const char *const text_names[] = {"actor",   "kind",   "address", "action",
                                         "subject", "detail", "reason",  "outcome"};
#define TEXT_COUNT (sizeof text_names / sizeof text_names[0])

static void texts_of(const struct tw_audit_row *row, struct tw_str *texts)
{
    const struct tw_str all[TEXT_COUNT] = {row->actor,   row->kind,   row->address, row->action,
                                           row->subject, row->detail, row->reason,  row->outcome};
    memcpy(texts, all, sizeof all);
}

/* Bytes that are no UTF-8 become NAME_base64, so that nothing is lost. */
static int set_text(json_t *json, const char *name, struct tw_str text)
{
    if (text.ptr == NULL) {
        return json_object_set_new(json, name, json_null());
    }
    json_t *value = json_stringn(text.ptr, text.len);
    if (value != NULL) {
        return json_object_set_new(json, name, value);
    }
    char key[32];
    char *base64 = malloc(tw_base64_len(text.len) + 1);
    if (base64 == NULL) {
        return -1;
    }
    tw_base64_write(text, base64);
    base64[tw_base64_len(text.len)] = '\0';
    (void)snprintf(key, sizeof key, "%s_base64", name);
    int bad = json_object_set_new(json, key, json_string(base64));
    free(base64);
    return bad;
}

static int write_json(const struct output *out, const struct tw_audit_entry *entry)
{
    struct tw_str texts[TEXT_COUNT];
    char at[TW_TIME_TEXT_SIZE];
    json_t *json = json_object();
    texts_of(&entry->row, texts);
    tw_wall_format(entry->row.at, at);
    int bad = json_object_set_new(json, "id", json_integer((json_int_t)entry->row.id));
    bad |= json_object_set_new(json, "at", json_string(at));
    bad |= json_object_set_new(json, "at_ns", json_integer(entry->row.at.ns));
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        bad |= set_text(json, text_names[i], texts[i]);
    }
    bad |= json_object_set_new(json, "hash",
                               entry->hash[0] == '\0' ? json_null() : json_string(entry->hash));
    int rc = bad != 0 ? TW_ENOMEM : TW_OK;
    if (rc == TW_OK &&
        (json_dumpf(json, out->file, JSON_COMPACT) != 0 || fputc('\n', out->file) == EOF)) {
        rc = TW_EIO;
    }
    json_decref(json);
    return rc;
}

/* A cell that a spreadsheet would run begins with an apostrophe, and so does one that had an
 * apostrophe there: taking one away gives the text again. Absent: an empty cell; empty: "". */
static void write_cell(FILE *file, struct tw_str text)
{
    static const char starts[] = "=+-@\t\r'";
    (void)fputc(',', file);
    if (text.ptr == NULL) {
        return;
    }
    (void)fputc('"', file);
    if (text.len > 0 && memchr(starts, text.ptr[0], sizeof starts - 1) != NULL) {
        (void)fputc('\'', file);
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"') {
            (void)fputc('"', file);
        }
        (void)fputc((unsigned char)text.ptr[i], file);
    }
    (void)fputc('"', file);
}

static int write_csv(const struct output *out, const struct tw_audit_entry *entry)
{
    struct tw_str texts[TEXT_COUNT];
    char at[TW_TIME_TEXT_SIZE];
    texts_of(&entry->row, texts);
    tw_wall_format(entry->row.at, at);
    (void)fprintf(out->file, "%" PRIu64 ",%s,%" PRId64, entry->row.id, at, entry->row.at.ns);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        write_cell(out->file, texts[i]);
    }
    (void)fprintf(out->file, ",%s\r\n", entry->hash);
    return ferror(out->file) != 0 ? TW_EIO : TW_OK;
}

static int on_entry(void *context, const struct tw_audit_entry *entry)
{
    struct output *out = context;
    int rc = out->is_csv ? write_csv(out, entry) : write_json(out, entry);
    out->rows += rc == TW_OK ? 1 : 0;
    return rc;
}

static int read_times(const struct work *self, tw_wall_t *ret_since, tw_wall_t *ret_until)
{
    struct tw_clock *clock = tw_clock_system();
    tw_wall_t now = clock->wall(clock);
    const char *since = self->args.values[EXPORT_SINCE];
    const char *until = self->args.values[EXPORT_UNTIL];
    *ret_since = (tw_wall_t){INT64_MIN};
    *ret_until = (tw_wall_t){INT64_MAX};
    if ((since != NULL && tw_cli_time(since, now, ret_since) != TW_OK) ||
        (until != NULL && tw_cli_time(until, now, ret_until) != TW_OK)) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE,
                           "times are like 2026-11-21T18:00:00Z, or -15m (s, m, h, d) before now");
    }
    return TW_EXIT_OK;
}

static int export_rows(struct work *self)
{
    struct output output = {.file = NULL};
    struct tw_diag diag = {""};
    tw_wall_t since = {0};
    tw_wall_t until = {0};
    char *part = NULL;
    const char *format = self->args.values[EXPORT_FORMAT];
    const char *out = self->args.values[EXPORT_OUT];
    output.is_csv = format != NULL && strcmp(format, "csv") == 0;
    if (format != NULL && !output.is_csv && strcmp(format, "ndjson") != 0) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE, "--format is ndjson or csv");
    }
    int code = read_times(self, &since, &until);
    code = code == TW_EXIT_OK ? tw_cli_output_open(self->command, out, &part, &output.file) : code;
    if (code != TW_EXIT_OK) {
        free(part);
        return code;
    }
    if (output.is_csv) {
        (void)fputs("id,at,at_ns,actor,kind,address,action,subject,detail,reason,outcome,hash\r\n",
                    output.file);
    }
    int rc = tw_audit_scan(self->cfg->store.dir, since, until, on_entry, &output, &diag);
    if (rc == TW_OK) {
        code = tw_cli_output_finish(self->command, out, part, output.file);
    } else {
        code = fail(self, rc, &diag);
        if (out != NULL) {
            (void)fclose(output.file); /* it is incomplete anyway */
            (void)unlink(part);
        }
    }
    if (code == TW_EXIT_OK && out != NULL) {
        (void)fprintf(stderr, "%" PRIu64 " rows in %s\n", output.rows, out);
    }
    free(part);
    return code;
}

/* ---- the two commands ---- */

#define CONFIG_OPTION                                                                        \
    {                                                                                        \
        "--config", "-c", "FILE", "configuration file (without: the built-in configuration)" \
    }

static const struct tw_cli_option verify_options[] = {
    CONFIG_OPTION,
    {"--head", NULL, "ID:HASH", "a row that must be in it, as noted from an earlier run"},
};
static const struct tw_cli_option export_options[] = {
    CONFIG_OPTION,
    {"--since", NULL, "TIME", "rows from this time on (RFC 3339, or -15m before now)"},
    {"--until", NULL, "TIME", "rows before this time"},
    {"--format", NULL, "FORMAT", "ndjson (without) or csv"},
    {"--out", NULL, "FILE", "into this file, whole or not at all (without: standard output)"},
};

static const struct {
    struct tw_cli_command command;
    int (*work)(struct work *self);
} verbs[] = {
    {{.name = "audit verify",
      .arguments = "",
      .summary = "Look whether any row of the audit was changed, removed, inserted or moved.",
      .help = "Exit code 0: it is whole. 1: it is not, and the first row that is wrong is named.\n"
              "Note what it prints as the last row elsewhere, and give it to --head later: who\n"
              "can write all files of the store and its key is found by that.",
      .options = verify_options,
      .option_count = 2},
     verify},
    {{.name = "audit export",
      .arguments = "",
      .summary = "Write the audit, the first row first.",
      .help =
          "In CSV a cell that a spreadsheet would run (= + - @ tab, CR) or that begins with an\n"
          "apostrophe has an apostrophe before it.",
      .options = export_options,
      .option_count = 5},
     export_rows},
};

int tw_cmd_audit(const struct tw_cli_command *command, int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        tw_cli_print_help(command);
        return TW_EXIT_OK;
    }
    for (size_t i = 0; argc >= 2 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].command.name + strlen("audit "), argv[1]) != 0) {
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
        code = verbs[i].work(&self);
        tw_cfg_destroy(&self.cfg);
        return code;
    }
    return tw_cli_fail(command, TW_EXIT_USAGE, "say verify or export; see tillwatch audit --help");
}
