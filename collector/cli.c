/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "cli.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

int tw_cli_fail(const struct tw_cli_command *command, int code, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    for (char *p = text; *p != '\0'; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }
    (void)fprintf(stderr, "tillwatch %s: %s\n", command->name, text);
    return code;
}

static void print_option(const struct tw_cli_option *option)
{
    char left[64];
    (void)snprintf(left, sizeof(left), "%s%s%s%s%s", option->letter == NULL ? "" : option->letter,
                   option->letter == NULL ? "" : ", ", option->name,
                   option->value == NULL ? "" : " ", option->value == NULL ? "" : option->value);
    (void)printf("  %-26s %s\n", left, option->help);
}

void tw_cli_print_help(const struct tw_cli_command *command)
{
    (void)printf("Usage: tillwatch %s%s%s%s\n%s\n", command->name,
                 command->option_count > 0 ? " [OPTION...]" : "",
                 command->arguments[0] == '\0' ? "" : " ", command->arguments, command->summary);
    if (command->help[0] != '\0') {
        (void)printf("\n%s\n", command->help);
    }
    (void)printf("\nOptions:\n");
    for (size_t i = 0; i < command->option_count; i++) {
        print_option(&command->options[i]);
    }
    (void)printf("  %-26s %s\n", "--help", "this text");
}

/* Position of the option that `word` (length len) names; -1: none. */
static int find_option(const struct tw_cli_command *command, const char *word, size_t len)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const struct tw_cli_option *option = &command->options[i];
        if ((strlen(option->name) == len && strncmp(option->name, word, len) == 0) ||
            (option->letter != NULL && strlen(option->letter) == len &&
             strncmp(option->letter, word, len) == 0)) {
            return (int)i;
        }
    }
    return -1;
}

static int usage(const struct tw_cli_command *command, const char *what, const char *word)
{
    return tw_cli_fail(command, TW_EXIT_USAGE, "%s %s; see tillwatch %s --help", what, word,
                       command->name);
}

/* The option at argv[*i_p]: its value is behind '=', or the next word. */
static int take_option(const struct tw_cli_command *command, int argc, char **argv, int *i_p,
                       struct tw_cli_args *args)
{
    const char *word = argv[*i_p];
    const char *equals = strncmp(word, "--", 2) == 0 ? strchr(word, '=') : NULL;
    size_t len = equals == NULL ? strlen(word) : (size_t)(equals - word);
    int position = find_option(command, word, len);
    if (position < 0) {
        return usage(command, "unknown option", word);
    }
    const struct tw_cli_option *option = &command->options[position];
    if (option->value == NULL) {
        if (equals != NULL) {
            return usage(command, "no value is expected by", option->name);
        }
        args->values[position] = "";
        return TW_EXIT_OK;
    }
    if (equals == NULL && *i_p + 1 >= argc) {
        return tw_cli_fail(command, TW_EXIT_USAGE, "%s needs a value: %s; see tillwatch %s --help",
                           word, option->value, command->name);
    }
    args->values[position] = equals != NULL ? equals + 1 : argv[++*i_p];
    size_t value_len = strlen(option->value);
    if (value_len > 3 && strcmp(option->value + value_len - 3, "...") == 0) {
        if (args->many_count == TW_CLI_MAX_MANY) {
            return tw_cli_fail(command, TW_EXIT_USAGE, "%s: at most %d times", option->name,
                               TW_CLI_MAX_MANY);
        }
        args->many[args->many_count++] = args->values[position];
    }
    return TW_EXIT_OK;
}

int tw_cli_parse(const struct tw_cli_command *command, int argc, char **argv,
                 struct tw_cli_args *ret_args)
{
    bool is_rest = false;
    *ret_args = (struct tw_cli_args){.rest = argv + 1};
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (is_rest || word[0] != '-' || strcmp(word, "-") == 0) {
            ret_args->rest[ret_args->rest_count++] = argv[i]; /* never ahead of i */
        } else if (strcmp(word, "--") == 0) {
            is_rest = true;
        } else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            tw_cli_print_help(command);
            ret_args->wants_help = true;
            return TW_EXIT_OK;
        } else {
            int code = take_option(command, argc, argv, &i, ret_args);
            if (code != TW_EXIT_OK) {
                return code;
            }
        }
    }
    if (ret_args->rest_count < command->min_arguments) {
        return usage(command, "missing argument:", command->arguments);
    }
    if (command->max_arguments >= 0 && ret_args->rest_count > command->max_arguments) {
        return usage(command, "unexpected argument", ret_args->rest[command->max_arguments]);
    }
    return TW_EXIT_OK;
}

struct tw_cfg *tw_cli_config(const struct tw_cli_command *command, const char *file)
{
    struct tw_cfg *cfg = NULL;
    int rc = tw_cfg_load(file, stderr, &cfg);
    if (rc == TW_ENOMEM) {
        (void)tw_cli_fail(command, TW_EXIT_FAILED, "out of memory");
    }
    return cfg;
}

int tw_cli_number(const char *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (*text == '\0') {
        return TW_EINVAL;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < '0' || *p > '9' || __builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*p - '0'), &number)) {
            return TW_EINVAL;
        }
    }
    *ret_number = number;
    return TW_OK;
}

int tw_cli_time(const char *text, tw_wall_t now, tw_wall_t *ret_at)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    size_t len = strlen(text);
    char digits[16];
    uint64_t number = 0;
    if (text[0] != '-') {
        return tw_wall_parse(tw_str_of(text), ret_at);
    }
    if (len < 3 || len >= sizeof(digits)) {
        return TW_EINVAL;
    }
    memcpy(digits, text + 1, len - 2);
    digits[len - 2] = '\0';
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (text[len - 1] == units[i].letter && tw_cli_number(digits, &number) == TW_OK &&
            number <= (uint64_t)(INT64_C(10000) * 86400 / units[i].seconds)) {
            ret_at->ns = now.ns - (int64_t)number * units[i].seconds * TW_NS_PER_S;
            return TW_OK;
        }
    }
    return TW_EINVAL;
}

int tw_cli_finish(const struct tw_cli_command *command, int code)
{
    if (fflush(stdout) != 0 || ferror(stdout) != 0) {
        return tw_cli_fail(command, TW_EXIT_FAILED,
                           "the output could not be written (disk full, or its reader has gone)");
    }
    return code;
}
