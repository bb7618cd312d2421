/* SPDX-License-Identifier: Apache-2.0
 * The parts of the command line that decide something: options, times, numbers; lines of an import
 * at their bounds, which of them may stand in a batch, and its progress file.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli.h"
#include "import_lines.h"
#include "import_progress.h"

/* ---- options ---- */

static const struct tw_cli_option options[] = {
    {"--config", "-c", "FILE", "a file"},
    {"--raw", NULL, NULL, "a switch"},
};
static const struct tw_cli_command command = {.name = "test",
                                              .arguments = "A [B]",
                                              .summary = "s",
                                              .help = "",
                                              .options = options,
                                              .option_count = 2,
                                              .min_arguments = 1,
                                              .max_arguments = 2};

static void cli_parse__options_anywhere__are_taken(void **state)
{
    (void)state;
    char words[6][8] = {"test", "a", "-c", "f", "--raw", "b"};
    char *argv[6];
    struct tw_cli_args args;
    for (size_t i = 0; i < 6; i++) {
        argv[i] = words[i];
    }
    assert_int_equal(tw_cli_parse(&command, 6, argv, &args), TW_EXIT_OK);
    assert_string_equal(args.values[0], "f");
    assert_non_null(args.values[1]);
    assert_int_equal(args.rest_count, 2);
    assert_string_equal(args.rest[0], "a");
    assert_string_equal(args.rest[1], "b");
}

static void cli_parse__an_option_that_may_be_there_again__32_times(void **state)
{
    (void)state;
    static const struct tw_cli_option many_options[] = {{"--grant", NULL, "GRANT...", "again"}};
    static const struct tw_cli_command many = {
        .name = "test", .arguments = "", .options = many_options, .option_count = 1};
    char words[TW_CLI_MAX_MANY + 2][24] = {"test"};
    char *argv[TW_CLI_MAX_MANY + 2];
    struct tw_cli_args args;
    argv[0] = words[0];
    for (int i = 1; i < TW_CLI_MAX_MANY + 2; i++) {
        (void)snprintf(words[i], sizeof words[i], "--grant=%d", i);
        argv[i] = words[i];
    }
    assert_int_equal(tw_cli_parse(&many, TW_CLI_MAX_MANY + 1, argv, &args), TW_EXIT_OK);
    assert_int_equal(args.many_count, TW_CLI_MAX_MANY);
    assert_string_equal(args.many[0], "1");
    assert_string_equal(args.many[TW_CLI_MAX_MANY - 1], "32");
    assert_int_equal(tw_cli_parse(&many, TW_CLI_MAX_MANY + 2, argv, &args), TW_EXIT_USAGE);
}

static void cli_parse__equals_dash_and_double_dash__are_understood(void **state)
{
    (void)state;
    char words[5][12] = {"test", "--config=x=", "-", "--", "--raw"};
    char *argv[5];
    struct tw_cli_args args;
    for (size_t i = 0; i < 5; i++) {
        argv[i] = words[i];
    }
    assert_int_equal(tw_cli_parse(&command, 5, argv, &args), TW_EXIT_OK);
    assert_string_equal(args.values[0], "x=");
    assert_null(args.values[1]);
    assert_int_equal(args.rest_count, 2);
    assert_string_equal(args.rest[0], "-");
    assert_string_equal(args.rest[1], "--raw");
}

static void cli_parse__each_wrong_use__is_refused(void **state)
{
    (void)state;
    static const char *const wrong[][4] = {
        {NULL},               /* too few */
        {"a", "b", "c"},      /* too many */
        {"a", "--nonsense"},  /* unknown */
        {"a", "-x"},          /* unknown */
        {"a", "--config"},    /* no value */
        {"a", "--raw=1"},     /* a value for a switch */
        {"a", "--conf", "x"}, /* no abbreviations */
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        char words[5][16] = {"test"};
        char *argv[5] = {words[0]};
        int argc = 1;
        struct tw_cli_args args;
        for (size_t k = 0; k < 4 && wrong[i][k] != NULL; k++) {
            (void)snprintf(words[argc], sizeof(words[argc]), "%s", wrong[i][k]);
            argv[argc] = words[argc];
            argc++;
        }
        assert_int_equal(tw_cli_parse(&command, argc, argv, &args), TW_EXIT_USAGE);
    }
}

static void cli_time__absolute_and_relative__at_their_bounds(void **state)
{
    (void)state;
    tw_wall_t now = {INT64_C(1800000000) * TW_NS_PER_S};
    tw_wall_t at = {0};
    assert_int_equal(tw_cli_time("1970-01-01T00:00:01Z", now, &at), TW_OK);
    assert_int_equal(at.ns, TW_NS_PER_S);
    static const struct {
        const char *text;
        int64_t seconds;
    } good[] = {
        {"-1s", 1}, {"-15m", 900}, {"-2h", 7200}, {"-35d", 3024000}, {"-10000d", 864000000}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(tw_cli_time(good[i].text, now, &at), TW_OK);
        assert_int_equal(now.ns - at.ns, good[i].seconds * TW_NS_PER_S);
    }
    static const char *const wrong[] = {"",    "-",     "-m",      "-5",
                                        "5m",  "-5y",   "-5 m",    "--5m",
                                        "now", "-1.5h", "-10001d", "-99999999999999m"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_not_equal(tw_cli_time(wrong[i], now, &at), TW_OK);
    }
}

static void cli_number__digits_only__within_64_bits(void **state)
{
    (void)state;
    uint64_t number = 7;
    assert_int_equal(tw_cli_number("18446744073709551615", &number), TW_OK);
    assert_true(number == UINT64_MAX);
    assert_int_equal(tw_cli_number("18446744073709551616", &number), TW_EINVAL);
    assert_int_equal(tw_cli_number("", &number), TW_EINVAL);
    assert_int_equal(tw_cli_number("-1", &number), TW_EINVAL);
    assert_int_equal(tw_cli_number("1x", &number), TW_EINVAL);
    assert_true(number == UINT64_MAX);
}

/* ---- lines ---- */

/* A pipe that holds the text, its writing end closed; at most 64 KiB. */
static int pipe_of(const char *text, size_t len)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], text, len), (ssize_t)len);
    assert_int_equal(close(fds[1]), 0);
    return fds[0];
}

static void lines_next__every_line__has_its_offset(void **state)
{
    (void)state;
    static const char text[] = "one\n\ntwo\r\nlast";
    static const struct {
        const char *line;
        uint64_t next;
    } wanted[] = {{"one", 104}, {"", 105}, {"two\r", 110}, {"last", 114}};
    struct tw_lines lines;
    struct tw_line line;
    int fd = pipe_of(text, sizeof(text) - 1);
    assert_int_equal(tw_lines_init(&lines, fd, 100, 1024), TW_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(tw_lines_next(&lines, &line), TW_OK);
        assert_true(tw_str_is(line.text, wanted[i].line));
        assert_int_equal(line.next_offset, wanted[i].next);
        assert_false(line.is_cut);
    }
    assert_int_equal(tw_lines_next(&lines, &line), TW_ECLOSED);
    assert_int_equal(tw_lines_next(&lines, &line), TW_ECLOSED);
    tw_lines_fini(&lines);
    assert_int_equal(close(fd), 0);
}

static void lines_next__line_at_and_above_the_limit__is_whole_and_cut(void **state)
{
    (void)state;
    struct tw_lines lines;
    struct tw_line line;
    int fd = pipe_of("12345678\n123456789\n1234567890123456\nz\n", 38);
    assert_int_equal(tw_lines_init(&lines, fd, 0, 8), TW_OK);
    assert_int_equal(tw_lines_next(&lines, &line), TW_OK);
    assert_true(tw_str_is(line.text, "12345678") && !line.is_cut);
    assert_int_equal(tw_lines_next(&lines, &line), TW_OK);
    assert_true(tw_str_is(line.text, "12345678") && line.is_cut);
    assert_int_equal(tw_lines_next(&lines, &line), TW_OK);
    assert_true(tw_str_is(line.text, "12345678") && line.is_cut);
    assert_int_equal(tw_lines_next(&lines, &line), TW_OK);
    assert_true(tw_str_is(line.text, "z") && !line.is_cut);
    assert_int_equal(line.next_offset, 38);
    assert_int_equal(tw_lines_next(&lines, &line), TW_ECLOSED);
    tw_lines_fini(&lines);
    assert_int_equal(close(fd), 0);
}

static void lines_next__lines_longer_than_the_first_buffer__come_whole(void **state)
{
    (void)state;
    size_t len = 700000; /* the buffer begins with 256 KiB */
    FILE *file = tmpfile();
    struct tw_lines lines;
    struct tw_line line;
    assert_non_null(file);
    for (int i = 0; i < 3; i++) {
        for (size_t k = 0; k < len; k++) {
            (void)fputc('a' + i, file);
        }
        (void)fputc('\n', file);
    }
    assert_int_equal(fflush(file), 0);
    assert_int_equal(lseek(fileno(file), 0, SEEK_SET), 0);
    assert_int_equal(tw_lines_init(&lines, fileno(file), 0, 1u << 20), TW_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tw_lines_next(&lines, &line), TW_OK);
        assert_int_equal(line.text.len, len);
        assert_int_equal(line.text.ptr[0], 'a' + i);
        assert_int_equal(line.text.ptr[len - 1], 'a' + i);
    }
    assert_int_equal(tw_lines_next(&lines, &line), TW_ECLOSED);
    tw_lines_fini(&lines);
    assert_int_equal(fclose(file), 0);
}

static void lines_next__descriptor_that_cannot_be_read__is_an_error(void **state)
{
    (void)state;
    struct tw_lines lines;
    struct tw_line line;
    int fd = open("/tmp", O_RDONLY | O_DIRECTORY);
    assert_true(fd >= 0);
    assert_int_equal(tw_lines_init(&lines, fd, 0, 100), TW_OK);
    assert_int_equal(tw_lines_next(&lines, &line), TW_EIO);
    assert_int_equal(errno, EISDIR);
    tw_lines_fini(&lines);
    assert_int_equal(close(fd), 0);
}

static void line_is_cloudevent__only_balanced_objects__may_stand_in_a_batch(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_one;
    } cases[] = {
        {"{\"specversion\":\"1.0\"}", true},
        {" \t{\"specversion\":\"1.0\",\"d\":{\"a\":[1,{}]}} \r", true},
        {"{\"specversion\":\"1.0\",\"d\":\"}]\\\"{\"}", true},
        {"{\"specversion\":\"1.0\",\"d\":\"\\\\\"}", true},
        {"{\"a\":1}", false},
        {"[{\"specversion\":\"1.0\"}]", false},
        {"\"specversion\"", false},
        {"", false},
        {"  ", false},
        {"{\"specversion\":\"1.0\"", false},
        {"{\"specversion\":\"1.0\"}}", false},
        {"{\"specversion\":\"1.0\"} {}", false},
        {"{\"specversion\":\"1.0\"},", false},
        {"{\"specversion\":\"1.0]", false},
        {"{\"specversion\":[1}", false},
        {"{\"specversion\":[}]", false},
        {"{\"specversion\":\"a\tb\"}", false},
        {"{\"specversion\":\"\\", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        /* A copy of its exact size, so that a sanitizer sees a step too far. */
        size_t len = strlen(cases[i].text);
        char *copy = malloc(len == 0 ? 1 : len);
        assert_non_null(copy);
        memcpy(copy, cases[i].text, len);
        if (tw_line_is_cloudevent((struct tw_str){copy, len}) != cases[i].is_one) {
            print_error("%s\n", cases[i].text);
        }
        assert_int_equal(tw_line_is_cloudevent((struct tw_str){copy, len}), cases[i].is_one);
        free(copy);
    }
}

static void line_is_cloudevent__nesting_at_and_above_64__is_taken_and_refused(void **state)
{
    (void)state;
    for (size_t depth = 64; depth <= 65; depth++) {
        char text[256] = "{\"specversion\":";
        size_t len = strlen(text);
        memset(text + len, '[', depth - 1);
        memset(text + len + depth - 1, ']', depth - 1);
        len += 2 * (depth - 1);
        text[len++] = '}';
        assert_int_equal(tw_line_is_cloudevent((struct tw_str){text, len}), depth == 64);
    }
}

static void line_is_blank__spaces_tabs_and_returns__only(void **state)
{
    (void)state;
    assert_true(tw_line_is_blank(TW_STR_LIT("")));
    assert_true(tw_line_is_blank(TW_STR_LIT(" \t\r")));
    assert_false(tw_line_is_blank(TW_STR_LIT(" .")));
    assert_false(tw_line_is_blank(((struct tw_str){"\0", 1})));
}

/* ---- progress ---- */

static void progress__what_is_written__is_read_back(void **state)
{
    (void)state;
    char dir[] = "/tmp/tw-test-cli-XXXXXX";
    char path[64];
    struct tw_import_progress wrote = {
        .identity = {4096, UINT64_MAX}, .offset = UINT64_MAX - 1, .lines = 3, .quarantined = 2};
    struct tw_import_progress got = {.offset = 9};
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/p", dir);
    assert_int_equal(tw_import_progress_read(path, &got), TW_ENOTFOUND);
    assert_int_equal(tw_import_progress_write(path, &wrote), TW_OK);
    assert_int_equal(tw_import_progress_read(path, &got), TW_OK);
    assert_memory_equal(&got, &wrote, sizeof(got));
    /* Cut at any byte it is damaged, never another number. */
    FILE *file = fopen(path, "r");
    char text[512];
    assert_non_null(file);
    size_t len = fread(text, 1, sizeof(text), file);
    assert_int_equal(fclose(file), 0);
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(truncate(path, (off_t)cut), 0);
        assert_int_equal(tw_import_progress_read(path, &got), TW_EDAMAGED);
        assert_int_equal(tw_import_progress_write(path, &wrote), TW_OK);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(tw_import_progress_read(dir, &got), TW_EIO);
    (void)snprintf(path, sizeof(path), "%s/no/p", dir);
    assert_int_equal(tw_import_progress_write(path, &wrote), TW_EIO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(rmdir(dir), 0);
}

static void import_identify__head_only__so_that_a_file_may_grow(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    struct tw_import_identity short_one;
    struct tw_import_identity again;
    assert_non_null(file);
    assert_true(fputs("abc", file) >= 0 && fflush(file) == 0);
    assert_int_equal(tw_import_identify(fileno(file), UINT64_MAX, &short_one), TW_OK);
    assert_int_equal(short_one.head_bytes, 3);
    for (int i = 0; i < 5000; i++) {
        (void)fputc('d', file);
    }
    assert_int_equal(fflush(file), 0);
    assert_int_equal(tw_import_identify(fileno(file), 3, &again), TW_OK);
    assert_true(again.head_hash == short_one.head_hash);
    assert_int_equal(tw_import_identify(fileno(file), UINT64_MAX, &again), TW_OK);
    assert_int_equal(again.head_bytes, 4096);
    assert_true(again.head_hash != short_one.head_hash);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(tw_import_identify(-1, 3, &again), TW_EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cli_parse__options_anywhere__are_taken),
        cmocka_unit_test(cli_parse__an_option_that_may_be_there_again__32_times),
        cmocka_unit_test(cli_parse__equals_dash_and_double_dash__are_understood),
        cmocka_unit_test(cli_parse__each_wrong_use__is_refused),
        cmocka_unit_test(cli_time__absolute_and_relative__at_their_bounds),
        cmocka_unit_test(cli_number__digits_only__within_64_bits),
        cmocka_unit_test(lines_next__every_line__has_its_offset),
        cmocka_unit_test(lines_next__line_at_and_above_the_limit__is_whole_and_cut),
        cmocka_unit_test(lines_next__lines_longer_than_the_first_buffer__come_whole),
        cmocka_unit_test(lines_next__descriptor_that_cannot_be_read__is_an_error),
        cmocka_unit_test(line_is_cloudevent__only_balanced_objects__may_stand_in_a_batch),
        cmocka_unit_test(line_is_cloudevent__nesting_at_and_above_64__is_taken_and_refused),
        cmocka_unit_test(line_is_blank__spaces_tabs_and_returns__only),
        cmocka_unit_test(progress__what_is_written__is_read_back),
        cmocka_unit_test(import_identify__head_only__so_that_a_file_may_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
