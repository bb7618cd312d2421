/* SPDX-License-Identifier: Apache-2.0
 * web/plot: names become harmless, layouts have sensible ticks and reach to the edges, scripts
 * keep every text out of the commands; and the real gnuplot, fed with the worst names, draws them
 * and makes nothing else.
 */
#include "config.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "web/plot/child.h"
#include "web/plot/script.h"

#define COUNT 40
#define TOUCH "/tmp/tw-plot-hostile"

static const char *const hostile[] = {
    "`touch " TOUCH "`",
    "$(touch " TOUCH ")",
    "\"; system(\"touch " TOUCH "\"); \"",
    "'.system('touch " TOUCH "').'",
    "x\nEOT\nsystem \"touch " TOUCH "\"\n!touch " TOUCH "\n",
    "x\r\nEOD\r\nset output '" TOUCH "'\r\n",
    "@ARG0 @mac {/=99 big} ^a_b ~a{b} &{c} \\n \\042",
    "\x01\x1b[2J\x7f\xff\xfe\x80 %s %n %1$*d",
    "</text><script>alert(1)</script><!--",
    "\xe2\x80\xae"
    "abc \xe2\x80\x8b\xef\xbb\xbf",
    "EOT",
    "ENDOFTEXTSENDOFTEXTSENDOFTEXTSENDOFTEXTSENDOFTEXTS"
    "ENDOFTEXTSENDOFTEXTSENDOFTEXTSENDOFTEXTSENDOFTEXTS",
    "!touch " TOUCH,
};
#define HOSTILE_COUNT (sizeof hostile / sizeof hostile[0])
#define LINES         TW_PANEL_GROUPS_MAX

static struct tw_plot_line lines[TW_PANEL_GROUPS_MAX];
static double values[TW_PANEL_GROUPS_MAX][COUNT];
static bool known[TW_PANEL_GROUPS_MAX][COUNT];
static struct tw_plot_zone utc = {.name = "UTC"};
static size_t first_name;

/* Lines over 40 buckets of a minute, with a gap and a point alone in each. */
static struct tw_plot_data data_of(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t p = 0; p < COUNT; p++) {
            values[i][p] = (double)((p * (i + 3)) % 17) + 0.5;
            known[i][p] = p < 20 || p == 25 || p > 30;
        }
        lines[i] =
            (struct tw_plot_line){.name = tw_str_of(hostile[(i + first_name) % HOSTILE_COUNT]),
                                  .values = values[i],
                                  .known = known[i],
                                  .peak = 16.5};
    }
    return (struct tw_plot_data){.since_s = 1795290000,
                                 .until_s = 1795290000 + COUNT * 60,
                                 .first_s = 1795290000,
                                 .step_s = 60,
                                 .count = COUNT,
                                 .lines = lines,
                                 .line_count = count};
}

static struct tw_panel panel_of(enum tw_panel_kind kind)
{
    static char title[] = "\"x\" `touch " TOUCH "`\nEOT\n!touch " TOUCH;
    return (struct tw_panel){.id = title,
                             .name = title,
                             .title = title,
                             .kind = kind,
                             .unit = TW_UNIT_COUNT,
                             .lines = {{.value = 3, .title = title, .tone = TW_TONE_BAD}},
                             .line_count = 1};
}

static struct tw_plot_look look_of(unsigned width, unsigned height)
{
    return (struct tw_plot_look){.width = width, .height = height, .has_title = true, .zone = &utc};
}

static void label__whatever_the_bytes__is_one_harmless_line(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *shown;
    } rows[] = {
        {"erp", "erp"},
        {"", "-"},
        {"a\"b'c`d", "a\xe2\x80\x9d"
                     "b\xe2\x80\x99"
                     "c\xe2\x80\x99"
                     "d"},
        {"{x}[y]<z>", "(x)(y)\xe2\x80\xb9z\xe2\x80\xba"},
        {"a\nb\tc", "a\xc2\xb7"
                    "b\xc2\xb7"
                    "c"},
        {"$@\\%^&~|*", "\xc2\xb7\xc2\xb7\xc2\xb7\xc2\xb7\xc2\xb7\xc2\xb7\xc2\xb7\xc2\xb7\xc2\xb7"},
        {"M\xc3\xbcnchen \xe6\x9d\xb1", "M\xc3\xbcnchen \xe6\x9d\xb1"},
        {"\xc3", "\xc2\xb7"},                         /* cut */
        {"\xc0\xaf", "\xc2\xb7\xc2\xb7"},             /* longer than needed */
        {"\xed\xa0\x80", "\xc2\xb7\xc2\xb7\xc2\xb7"}, /* a surrogate */
        {"1234567890123456789012345678", "1234567890123456789012345678"},
        {"12345678901234567890123456789", "123456789012345678901234567\xe2\x80\xa6"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tw_plot_label label;
        tw_plot_label(tw_str_of(rows[i].text), TW_LABEL_CHARS, &label);
        assert_string_equal(label.text, rows[i].shown);
    }
    static char large[10240];
    memset(large, '`', sizeof large);
    struct tw_plot_label label;
    tw_plot_label((struct tw_str){large, sizeof large}, TW_LABEL_LONGER, &label);
    assert_int_equal(label.chars, TW_LABEL_LONGER);
    tw_plot_label(TW_STR_NULL, 1, &label);
    assert_string_equal(label.text, "-");
}

/* The texts of the ticks, joined. */
static const char *ticks(const struct tw_plot_tick *items, size_t count, char *buf, size_t size)
{
    buf[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(buf);
        (void)snprintf(buf + used, size - used, "%s%s", i == 0 ? "" : "|", items[i].text);
    }
    return buf;
}

static void layout__ticks__are_those_of_the_range_and_of_the_zone(void **state)
{
    (void)state;
    /* 2026-11-21T18:00:00Z */
    static const struct {
        int64_t range_s;
        unsigned width;
        const char *zone;
        const char *wanted;
    } rows[] = {
        {900, 320, "UTC", "17:45|17:50|17:55|18:00"},
        {86400, 800, "UTC", "18:00|21:00|21 Nov|03:00|06:00|09:00|12:00|15:00|18:00"},
        {86400, 320, "+02:00", "21 Nov|06:00|12:00|18:00"},
        {86400, 320, "-05:30", "18:00|21 Nov|06:00|12:00"},
        {30 * 86400, 800, "UTC", "26 Oct|2 Nov|9 Nov|16 Nov"},
        {30 * 86400, 800, "Europe/Berlin", "26 Oct|2 Nov|9 Nov|16 Nov"},
        {400 * 86400, 800, "UTC", "2026|Apr|Jul|Oct"},
        {60, 400, "UTC", "17:59:00|17:59:15|17:59:30|17:59:45|18:00:00"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        struct tw_plot_zone zone;
        struct tw_plot_layout layout;
        struct tw_diag diag;
        struct tw_panel panel = panel_of(TW_PANEL_LINE);
        struct tw_plot_data data = data_of(1);
        struct tw_plot_look look = look_of(rows[i].width, 240);
        data.until_s = 1795284000;
        data.since_s = data.until_s - rows[i].range_s;
        assert_int_equal(tw_plot_zone_init(&zone, tw_str_of(rows[i].zone), &diag), TW_OK);
        look.zone = &zone;
        tw_plot_layout(&panel, &data, &look, &layout);
        assert_string_equal(ticks(layout.x, layout.x_count, text, sizeof text), rows[i].wanted);
        tw_plot_zone_fini(&zone);
    }
}

static void layout__values__have_round_ticks_with_their_unit(void **state)
{
    (void)state;
    static const struct {
        enum tw_panel_unit unit;
        double most;
        const char *wanted;
    } rows[] = {
        {TW_UNIT_COUNT, 0, "0|1"},
        {TW_UNIT_COUNT, 3, "0|1|2|3"},
        {TW_UNIT_COUNT, 87, "0|20|40|60|80|100"},
        {TW_UNIT_COUNT, 12345, "0|5k|10k|15k"},
        {TW_UNIT_SECONDS, 0.03, "0|10 ms|20 ms|30 ms"},
        {TW_UNIT_SECONDS, 45, "0|10 s|20 s|30 s|40 s|50 s"},
        {TW_UNIT_SECONDS, 400, "0|2 min|4 min|6 min|8 min"},
        {TW_UNIT_SECONDS, 4 * 86400, "0|1 d|2 d|3 d|4 d"},
        {TW_UNIT_SHARE, 0.7, "0 %|20 %|40 %|60 %|80 %|100 %"},
        {TW_UNIT_BURN, 1.4, "0|0.5|1.0|1.5"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        struct tw_plot_layout layout;
        struct tw_panel panel = panel_of(TW_PANEL_LINE);
        struct tw_plot_data data = data_of(1);
        struct tw_plot_look look = look_of(800, 260);
        panel.unit = rows[i].unit;
        panel.line_count = 0;
        for (size_t p = 0; p < COUNT; p++) {
            values[0][p] = p == 3 ? rows[i].most : 0;
        }
        tw_plot_layout(&panel, &data, &look, &layout);
        const char *got = ticks(layout.y, layout.y_count, text, sizeof text);
        if (strcmp(got, rows[i].wanted) != 0) {
            print_error("most %g: %s\n", rows[i].most, got);
        }
        assert_string_equal(got, rows[i].wanted);
        assert_true(layout.y_min <= 0 && layout.y_max >= rows[i].most);
    }
}

static void layout__the_plot_area__lies_in_the_picture_at_any_size(void **state)
{
    (void)state;
    for (unsigned width = TW_PLOT_WIDTH_MIN; width <= TW_PLOT_WIDTH_MAX; width += 330) {
        for (unsigned height = TW_PLOT_HEIGHT_MIN; height <= TW_PLOT_HEIGHT_MAX; height += 62) {
            struct tw_plot_layout layout;
            struct tw_panel panel = panel_of(TW_PANEL_LINE);
            struct tw_plot_data data = data_of(12);
            struct tw_plot_look look = look_of(width, height);
            tw_plot_layout(&panel, &data, &look, &layout);
            assert_true(layout.left > 0 && layout.left < layout.right && layout.right < 1);
            assert_true(layout.top > 0 && layout.top < layout.bottom && layout.bottom < 1);
            assert_true(layout.x_count <= TW_PLOT_TICKS_MAX);
        }
    }
}

static void zone__what_is_none__is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"+15:00",           "+02:60", "02:00", "Europe/Atlantis",
                                        "../../etc/passwd", "utc",    "+2:00", "\"; !x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct tw_plot_zone zone;
        struct tw_diag diag = {""};
        assert_int_equal(tw_plot_zone_init(&zone, tw_str_of(wrong[i]), &diag), TW_EINVAL);
        assert_non_null(strstr(diag.text, "'tz'"));
        tw_plot_zone_fini(&zone);
    }
    struct tw_plot_zone zone;
    assert_int_equal(tw_plot_zone_init(&zone, TW_STR_LIT(" 02:00"), NULL),
                     TW_OK); /* '+' in a URL */
    assert_string_equal(zone.name, "UTC+02:00");
    assert_int_equal(zone.offset_s, 7200);
}

/* Values up to 4, a threshold at 100. */
static void layout__threshold_far_above__is_on_the_scale_where_it_must_be(void **state)
{
    (void)state;
    static const struct {
        double value;
        bool is_always;
        bool is_shown;
    } rows[] = {
        {100, true, true},    {100, false, false}, {10, false, true},
        {10.1, false, false}, {-50, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tw_plot_layout layout;
        struct tw_panel panel = panel_of(TW_PANEL_LINE);
        struct tw_plot_data data = data_of(1);
        struct tw_plot_look look = look_of(800, 260);
        panel.lines[0].value = rows[i].value;
        panel.lines[0].is_always = rows[i].is_always;
        for (size_t p = 0; p < COUNT; p++) {
            values[0][p] = p == 3 ? 4 : 0;
        }
        tw_plot_layout(&panel, &data, &look, &layout);
        assert_int_equal(layout.y_min <= rows[i].value && rows[i].value <= layout.y_max,
                         rows[i].is_shown);
    }
}

static void script__threshold_off_the_scale__is_told_in_words(void **state)
{
    (void)state;
    for (int always = 0; always < 2; always++) {
        struct tw_buf script;
        struct tw_panel panel = panel_of(TW_PANEL_LINE);
        struct tw_plot_data data = data_of(1);
        struct tw_plot_look look = look_of(800, 400);
        static char title[] = "objective";
        panel.unit = TW_UNIT_SECONDS;
        panel.lines[0] =
            (struct tw_panel_line){.value = 7200, .title = title, .is_always = always != 0};
        tw_buf_init(&script, TW_PLOT_SCRIPT_MAX);
        assert_int_equal(tw_plot_script(&panel, &data, &look, TW_PLOT_SVG, "mark", &script), TW_OK);
        assert_int_equal(tw_buf_append_byte(&script, '\0'), TW_OK);
        assert_int_equal(strstr(script.data, "objective: 120 min, higher up\n") != NULL,
                         always == 0);
        assert_int_equal(strstr(script.data, "first 7200 nohead") != NULL, always != 0);
        tw_buf_fini(&script);
    }
}

static void script__hostile_names__stay_in_the_block_of_texts(void **state)
{
    (void)state;
    for (int kind = TW_PANEL_LINE; kind <= TW_PANEL_NUMBER; kind++) {
        struct tw_buf script;
        first_name = (size_t)kind;
        struct tw_panel panel = panel_of((enum tw_panel_kind)kind);
        struct tw_plot_data data = data_of(LINES);
        struct tw_plot_look look = look_of(800, 400);
        tw_buf_init(&script, TW_PLOT_SCRIPT_MAX);
        assert_int_equal(tw_plot_script(&panel, &data, &look, TW_PLOT_SVG, "mark", &script), TW_OK);
        assert_int_equal(tw_buf_append_byte(&script, '\0'), TW_OK);
        char *texts = strstr(script.data, "$T << END");
        assert_non_null(texts);
        texts = strchr(texts, '\n') + 1;
        char *end = strstr(texts, "ENDOFTEXTSENDOFTEXTSENDOFTEXTSENDOFTEXTS") - 1;
        assert_non_null(end);
        size_t rows = 0;
        for (char *at = texts; at <= end; at++) {
            assert_null(strchr("\"'`$@\\{}<>", *at == '\0' ? '"' : *at));
            rows += *at == '\n' ? 1 : 0;
        }
        /* title, unit, zone, number, each legend, each threshold */
        assert_int_equal(rows, 4 + LINES + 1);
        assert_null(strstr(end + 1, "touch"));
        assert_null(strstr(end + 1, "EOT"));
        tw_buf_fini(&script);
    }
}

static void gnuplot__nothing_known__is_a_picture_that_says_so(void **state)
{
    (void)state;
    struct tw_plot_child child;
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGPIPE, &ignore, NULL), 0);
    assert_non_null(tw_plot_program(NULL));
    tw_plot_child_init(&child, tw_plot_program(NULL));
    for (int kind = TW_PANEL_LINE; kind <= TW_PANEL_NUMBER; kind++) {
        for (size_t count = 0; count <= 2; count++) {
            struct tw_buf script;
            struct tw_buf out;
            struct tw_diag diag = {""};
            struct tw_panel panel = panel_of((enum tw_panel_kind)kind);
            struct tw_plot_data data = data_of(count);
            struct tw_plot_look look = look_of(800, 240);
            memset(known, 0, sizeof known);
            for (size_t i = 0; i < count; i++) {
                lines[i].peak = -1e300;
            }
            tw_buf_init(&script, TW_PLOT_SCRIPT_MAX);
            tw_buf_init(&out, TW_PLOT_IMAGE_MAX);
            assert_int_equal(tw_plot_script(&panel, &data, &look, TW_PLOT_SVG, "mark-1", &script),
                             TW_OK);
            const struct tw_plot_job job = {.script = {script.data, script.len},
                                            .mark = "mark-1",
                                            .deadline_ms = 60000,
                                            .stop_fd = -1};
            assert_int_equal(tw_plot_child_draw(&child, &job, &out, &diag), TW_OK);
            assert_int_equal(tw_buf_append_byte(&out, '\0'), TW_OK);
            assert_non_null(strstr(out.data, "nothing is known of this time"));
            tw_buf_fini(&script);
            tw_buf_fini(&out);
        }
    }
    assert_int_equal(child.starts, 1);
    tw_plot_child_fini(&child);
}

static void gnuplot__hostile_names__draws_them_and_makes_nothing(void **state)
{
    (void)state;
    const char *program = tw_plot_program(NULL);
    struct tw_plot_child child;
    assert_non_null(program); /* script/setup installs it */
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGPIPE, &ignore, NULL), 0);
    (void)unlink(TOUCH);
    tw_plot_child_init(&child, program);
    for (int kind = TW_PANEL_LINE; kind <= TW_PANEL_NUMBER; kind++) {
        first_name = (size_t)kind; /* each of them is drawn */
        for (int format = TW_PLOT_SVG; format <= TW_PLOT_TEXT_COLOR; format++) {
            struct tw_buf script;
            struct tw_buf out;
            struct tw_diag diag = {""};
            struct tw_panel panel = panel_of((enum tw_panel_kind)kind);
            struct tw_plot_data data = data_of(LINES);
            panel.unit = (enum tw_panel_unit)(kind + 1); /* their ticks too: percent and all */
            bool is_text = format >= TW_PLOT_TEXT;
            struct tw_plot_look look = look_of(is_text ? 100 : 800, is_text ? 30 : 400);
            tw_buf_init(&script, TW_PLOT_SCRIPT_MAX);
            tw_buf_init(&out, TW_PLOT_IMAGE_MAX);
            assert_int_equal(tw_plot_script(&panel, &data, &look, (enum tw_plot_format)format,
                                            "mark-1", &script),
                             TW_OK);
            const struct tw_plot_job job = {.script = {script.data, script.len},
                                            .mark = "mark-1",
                                            .deadline_ms = 60000,
                                            .stop_fd = -1};
            int rc = tw_plot_child_draw(&child, &job, &out, &diag);
            if (rc != TW_OK) {
                print_error("kind %d format %d: %s\n", kind, format, diag.text);
            }
            assert_int_equal(rc, TW_OK);
            assert_true(out.len > 500);
            tw_buf_fini(&script);
            tw_buf_fini(&out);
        }
    }
    assert_int_equal(child.starts, 1); /* not one drawing ended it */
    struct stat st;
    assert_int_not_equal(stat(TOUCH, &st), 0);
    tw_plot_child_fini(&child);
}

/* Ticks have units of their own: a percent sign means something to gnuplot. */
static void gnuplot__every_unit__is_drawn(void **state)
{
    (void)state;
    struct tw_plot_child child;
    tw_plot_child_init(&child, tw_plot_program(NULL));
    for (int unit = TW_UNIT_COUNT; unit <= TW_UNIT_BURN; unit++) {
        struct tw_buf script;
        struct tw_buf out;
        struct tw_diag diag = {""};
        struct tw_panel panel = panel_of(TW_PANEL_LINE);
        struct tw_plot_data data = data_of(2);
        struct tw_plot_look look = look_of(800, 400);
        panel.unit = (enum tw_panel_unit)unit;
        tw_buf_init(&script, TW_PLOT_SCRIPT_MAX);
        tw_buf_init(&out, TW_PLOT_IMAGE_MAX);
        assert_int_equal(tw_plot_script(&panel, &data, &look, TW_PLOT_SVG, "mark-1", &script),
                         TW_OK);
        const struct tw_plot_job job = {.script = {script.data, script.len},
                                        .mark = "mark-1",
                                        .deadline_ms = 60000,
                                        .stop_fd = -1};
        int rc = tw_plot_child_draw(&child, &job, &out, &diag);
        if (rc != TW_OK) {
            print_error("unit %d: %s\n", unit, diag.text);
        }
        assert_int_equal(rc, TW_OK);
        (void)tw_buf_append(&out, "", 1);
        bool has_percent = strstr(out.data, "0 %") != NULL;
        assert_true(has_percent == (unit == TW_UNIT_SHARE));
        tw_buf_fini(&script);
        tw_buf_fini(&out);
    }
    assert_int_equal(child.starts, 1);
    tw_plot_child_fini(&child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(label__whatever_the_bytes__is_one_harmless_line),
        cmocka_unit_test(layout__ticks__are_those_of_the_range_and_of_the_zone),
        cmocka_unit_test(layout__values__have_round_ticks_with_their_unit),
        cmocka_unit_test(layout__the_plot_area__lies_in_the_picture_at_any_size),
        cmocka_unit_test(zone__what_is_none__is_refused),
        cmocka_unit_test(layout__threshold_far_above__is_on_the_scale_where_it_must_be),
        cmocka_unit_test(script__threshold_off_the_scale__is_told_in_words),
        cmocka_unit_test(script__hostile_names__stay_in_the_block_of_texts),
        cmocka_unit_test(gnuplot__nothing_known__is_a_picture_that_says_so),
        cmocka_unit_test(gnuplot__hostile_names__draws_them_and_makes_nothing),
        cmocka_unit_test(gnuplot__every_unit__is_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
