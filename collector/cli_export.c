/* SPDX-License-Identifier: Apache-2.0
 * tillwatch export: events as NDJSON, one CloudEvent a line, in order of receipt.
 */
#include "config.h"
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"
#include "store/journey.h"
#include "store/reader.h"

#define ARENA_BYTES ((size_t)16 << 20)

struct output {
    FILE *file;
    uint64_t lines;
};

/* An event may have come with line breaks between its tokens; inside strings JSON has none. */
static int write_line(struct output *out, struct tw_str json)
{
    const char *p = json.ptr;
    size_t left = json.len;
    while (left > 0) {
        size_t run = 0;
        while (run < left && p[run] != '\n' && p[run] != '\r') {
            run++;
        }
        if (fwrite(p, 1, run, out->file) != run || (run < left && fputc(' ', out->file) == EOF)) {
            return TW_EIO;
        }
        run += run < left ? 1 : 0;
        p += run;
        left -= run;
    }
    out->lines++;
    return fputc('\n', out->file) == EOF ? TW_EIO : TW_OK;
}

/* Duplicates and conflicts are no events of their own. */
static int on_row(void *context, const struct tw_stored *stored)
{
    return stored->record.kind == TW_RECORD_EVENT ? write_line(context, stored->record.json)
                                                  : TW_OK;
}

/* Options in the order of the table. */
enum { EXPORT_CONFIG, EXPORT_SINCE, EXPORT_UNTIL, EXPORT_OBJECT, EXPORT_OUT };

struct selection {
    tw_wall_t since;
    tw_wall_t until;
    bool has_object;
    struct tw_object object;
};

static int select_times(const struct tw_cli_command *command, const struct tw_cli_args *args,
                        struct selection *ret_selection)
{
    struct tw_clock *clock = tw_clock_system();
    tw_wall_t now = clock->wall(clock);
    const char *since = args->values[EXPORT_SINCE];
    const char *until = args->values[EXPORT_UNTIL];
    *ret_selection = (struct selection){.since = {INT64_MIN}, .until = {INT64_MAX}};
    if ((since != NULL && tw_cli_time(since, now, &ret_selection->since) != TW_OK) ||
        (until != NULL && tw_cli_time(until, now, &ret_selection->until) != TW_OK)) {
        return tw_cli_fail(command, TW_EXIT_USAGE,
                           "times are like 2026-11-21T18:00:00Z, or -15m (s, m, h, d) before now");
    }
    return TW_EXIT_OK;
}

static int open_reader(const struct tw_cli_command *command, const char *config,
                       struct tw_reader **ret_reader)
{
    struct tw_diag diag = {""};
    struct tw_cfg *cfg = tw_cli_config(command, config);
    if (cfg == NULL) {
        return TW_EXIT_FAILED;
    }
    int rc = tw_reader_open(cfg->store.dir, ret_reader, &diag);
    int code = TW_EXIT_OK;
    if (rc != TW_OK) {
        code = tw_cli_fail(command, TW_EXIT_FAILED, "%s: %s", cfg->store.dir,
                           diag.text[0] != '\0' ? diag.text : tw_err_text(rc));
    }
    tw_cfg_destroy(&cfg);
    return code;
}

int tw_cli_output_open(const struct tw_cli_command *command, const char *out, char **ret_part,
                       FILE **ret_file)
{
    if (out == NULL) {
        *ret_file = stdout;
        return TW_EXIT_OK;
    }
    if (asprintf(ret_part, "%s.part", out) < 0) {
        *ret_part = NULL;
        return tw_cli_fail(command, TW_EXIT_FAILED, "out of memory");
    }
    *ret_file = fopen(*ret_part, "we");
    char text[128];
    return *ret_file != NULL ? TW_EXIT_OK
                             : tw_cli_fail(command, TW_EXIT_FAILED, "%s: %s", *ret_part,
                                           tw_errno_text(errno, text, sizeof(text)));
}

int tw_cli_output_finish(const struct tw_cli_command *command, const char *out, const char *part,
                         FILE *file)
{
    if (out == NULL) {
        return tw_cli_finish(command, TW_EXIT_OK);
    }
    bool is_good = fflush(file) == 0 && fsync(fileno(file)) == 0;
    is_good = fclose(file) == 0 && is_good;
    if (!is_good || rename(part, out) != 0) {
        char text[128];
        return tw_cli_fail(command, TW_EXIT_FAILED, "%s: %s", out,
                           tw_errno_text(errno, text, sizeof(text)));
    }
    return TW_EXIT_OK;
}

static int export_all(const struct tw_cli_command *command, struct tw_reader *reader,
                      const struct selection *selection, const char *out)
{
    char *part = NULL;
    struct output output = {.file = NULL};
    int code = tw_cli_output_open(command, out, &part, &output.file);
    if (code != TW_EXIT_OK) {
        goto done;
    }
    int rc = tw_reader_scan(reader, 1, selection->since, selection->until,
                            selection->has_object ? &selection->object : NULL, on_row, &output);
    if (rc != TW_OK) {
        code = tw_cli_fail(command, TW_EXIT_FAILED, "stopped after %llu events: %s",
                           (unsigned long long)output.lines, tw_err_text(rc));
        if (out != NULL) {
            (void)fclose(output.file); /* it is incomplete anyway */
            (void)unlink(part);
        }
        goto done;
    }
    code = tw_cli_output_finish(command, out, part, output.file);
    if (code == TW_EXIT_OK && out != NULL) {
        (void)fprintf(stderr, "%llu events in %s\n", (unsigned long long)output.lines, out);
    }
done:
    free(part);
    return code;
}

int tw_cmd_export(const struct tw_cli_command *command, int argc, char **argv)
{
    struct tw_cli_args args;
    struct selection selection;
    struct tw_reader *reader = NULL;
    struct tw_arena arena;
    int code = tw_cli_parse(command, argc, argv, &args);
    if (code != TW_EXIT_OK || args.wants_help) {
        return code;
    }
    code = select_times(command, &args, &selection);
    if (code != TW_EXIT_OK) {
        return code;
    }
    tw_arena_init(&arena, ARENA_BYTES);
    code = open_reader(command, args.values[EXPORT_CONFIG], &reader);
    if (code != TW_EXIT_OK) {
        goto out;
    }
    const char *object = args.values[EXPORT_OBJECT];
    if (object != NULL) {
        int rc = tw_journey_parse_id(reader, &arena, tw_str_of(object), &selection.object);
        if (rc != TW_OK) {
            code =
                tw_cli_fail(command, TW_EXIT_USAGE,
                            "--object is like order:4711 or transaction:0042/88; \"%s\" names no "
                            "object type of this store",
                            object);
            goto out;
        }
        selection.has_object = true;
    }
    code = export_all(command, reader, &selection, args.values[EXPORT_OUT]);
out:
    tw_reader_close(&reader);
    tw_arena_fini(&arena);
    return code;
}
