/* SPDX-License-Identifier: Apache-2.0
 * Names of any bytes, and numbers of any size, through the maker of gnuplot's commands: every text
 * stays a line of its own in the block of texts, without any character that means something, and
 * nothing of it stands elsewhere. The first byte is the kind of the panel, the rest are names,
 * separated by 0xff, each followed by the bytes of its values.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "web/plot/script.h"

#define POINTS 8

static void check_texts(const struct tw_buf *script, size_t wanted)
{
    static const char begin[] = "$T << ENDOFTEXTS";
    char *text = malloc(script->len + 1);
    if (text == NULL) {
        return;
    }
    memcpy(text, script->data, script->len);
    text[script->len] = '\0';
    TW_ASSERT(strlen(text) == script->len); /* no NUL */
    char *at = strstr(text, begin);
    TW_ASSERT(at != NULL);
    char *end_line = at + 6; /* what ends the block */
    char *row = strchr(end_line, '\n') + 1;
    size_t end_len = (size_t)(row - 1 - end_line);
    size_t rows = 0;
    while (strncmp(row, end_line, end_len) != 0 || row[end_len] != '\n') {
        size_t len = strcspn(row, "\n");
        TW_ASSERT(len > 0 && row[len] == '\n');
        for (size_t i = 0; i < len; i++) {
            unsigned char byte = (unsigned char)row[i];
            TW_ASSERT(byte >= 0x20 && byte != 0x7f && strchr("\"'`$@\\{}<>!^~&|*;", byte) == NULL);
        }
        row += len + 1;
        rows++;
    }
    TW_ASSERT(rows == wanted);
    TW_ASSERT(strstr(row + end_len, "ENDOFTEXTS") == NULL);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static double values[TW_PANEL_GROUPS_MAX][POINTS];
    static bool known[TW_PANEL_GROUPS_MAX][POINTS];
    static char title[] = "title";
    struct tw_plot_line lines[TW_PANEL_GROUPS_MAX];
    struct tw_plot_zone zone = {.name = "UTC"};
    struct tw_plot_data plot = {.since_s = 1795284000,
                                .until_s = 1795284000 + POINTS * 60,
                                .first_s = 1795284000,
                                .step_s = 60,
                                .count = POINTS,
                                .lines = lines};
    struct tw_buf script;
    if (size < 2) {
        return 0;
    }
    struct tw_panel panel = {.id = title,
                             .name = title,
                             .title = title,
                             .kind = (enum tw_panel_kind)(data[0] % (TW_PANEL_NUMBER + 1)),
                             .unit = (enum tw_panel_unit)(data[1] % (TW_UNIT_BURN + 1))};
    struct tw_plot_look look = {.width = TW_PLOT_WIDTH_MIN + data[0] * 15u,
                                .height = TW_PLOT_HEIGHT_MIN + data[1] * 7u,
                                .has_title = true,
                                .zone = &zone};
    const char *at = (const char *)data + 2;
    const char *end = (const char *)data + size;
    while (at < end && plot.line_count < TW_PANEL_GROUPS_MAX) {
        const char *stop = memchr(at, 0xff, (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        struct tw_plot_line *line = &lines[plot.line_count];
        *line = (struct tw_plot_line){.name = {at, (size_t)(stop - at)},
                                      .tone = (unsigned)(stop - at) % (TW_TONE_MUTED + 1),
                                      .values = values[plot.line_count],
                                      .known = known[plot.line_count],
                                      .peak = 1};
        for (size_t p = 0; p < POINTS; p++) {
            unsigned char byte = p < line->name.len ? (unsigned char)at[p] : 0;
            line->known[p] = byte % 5 != 0;
            line->values[p] = (double)(byte - 100) * (byte % 7 == 0 ? 1e12 : 0.001);
        }
        plot.line_count++;
        at = stop < end ? stop + 1 : end;
    }
    tw_buf_init(&script, TW_PLOT_SCRIPT_MAX);
    if (tw_plot_script(&panel, &plot, &look, (enum tw_plot_format)(data[0] % 4), "mark", &script) ==
        TW_OK) {
        check_texts(&script, 4 + plot.line_count);
    }
    tw_buf_fini(&script);
    return 0;
}
