/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "core/log.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/err.h"

#define RECORD_MAX 8192 /* bytes of one line */
#define VALUE_MAX  1024 /* bytes of one value, before escaping */
#define BACKOFF_NS (10 * TW_NS_PER_S)

static const struct {
    const char *name;
    enum tw_log_level level;
} events[TW_LOG_EVENT_COUNT] = {
#define TW_LOG_ROW(event, lvl, text, help) \
    [TW_LOG_##event##_EVENT] = {.name = (text), .level = TW_LOG_##lvl},
    TW_LOG_EVENTS(TW_LOG_ROW)
#undef TW_LOG_ROW
};

/* fixed after tw_log_setup */
static enum tw_log_level the_level = TW_LOG_INFO;
static enum tw_log_format the_format = TW_LOG_TEXT;
/* guarded by the_mtx: how often each event was written lately */
static pthread_mutex_t the_mtx = PTHREAD_MUTEX_INITIALIZER;
static struct {
    int64_t since_ns;
    uint64_t count;
} the_repeats[TW_LOG_EVENT_COUNT];

void tw_log_setup(enum tw_log_level level, enum tw_log_format format)
{
    the_level = level;
    the_format = format;
}

/* Only warnings and errors repeat without end; returns false when this one is to be left out. */
static bool may_write(enum tw_log_event event, int64_t now_ns, uint64_t *ret_count)
{
    if (events[event].level > TW_LOG_WARN) {
        *ret_count = 1;
        return true;
    }
    (void)pthread_mutex_lock(&the_mtx);
    if (now_ns - the_repeats[event].since_ns > BACKOFF_NS) {
        the_repeats[event].since_ns = now_ns;
        the_repeats[event].count = 0;
    }
    uint64_t count = ++the_repeats[event].count;
    (void)pthread_mutex_unlock(&the_mtx);
    *ret_count = count;
    return count <= 8 || (count & (count - 1)) == 0;
}

/* Escape so that one record is one line and text needs no terminal: control bytes, quotes,
 * backslash and bytes of invalid UTF-8 become \xNN (text) or \u00NN (JSON). */
static void append_escaped(struct tw_buf *line, struct tw_str text)
{
    size_t len = text.len > VALUE_MAX ? VALUE_MAX : text.len;
    char hex[8];
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\') {
            (void)tw_buf_append_byte(line, '\\');
            (void)tw_buf_append_byte(line, c);
        } else if (c < 0x20 || c >= 0x7f) {
            int n =
                snprintf(hex, sizeof hex, the_format == TW_LOG_JSON ? "\\u00%02x" : "\\x%02x", c);
            (void)tw_buf_append(line, hex, (size_t)n);
        } else {
            (void)tw_buf_append_byte(line, c);
        }
    }
    if (len < text.len) {
        (void)tw_buf_append(line, "...", 3);
    }
}

static void append_field(struct tw_buf *line, const struct tw_log_field *field)
{
    char number[40];
    bool is_json = the_format == TW_LOG_JSON;
    (void)tw_buf_append(line, is_json ? ",\"" : " ", is_json ? 2 : 1);
    (void)tw_buf_append_str(line, tw_str_of(field->key));
    (void)tw_buf_append(line, is_json ? "\":" : "=", is_json ? 2 : 1);
    if (field->kind == TW_LOG_STR) {
        (void)tw_buf_append_byte(line, '"');
        append_escaped(line, field->text);
        (void)tw_buf_append_byte(line, '"');
    } else if (field->kind == TW_LOG_INT) {
        (void)snprintf(number, sizeof number, "%lld", (long long)field->number);
        (void)tw_buf_append_str(line, tw_str_of(number));
    } else {
        (void)snprintf(number, sizeof number, "%.6g", field->real);
        (void)tw_buf_append_str(line, tw_str_of(number));
    }
}

void tw_log_fields(enum tw_log_event event, const struct tw_log_field *fields)
{
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    if (events[event].level > the_level) {
        return;
    }
    struct tw_clock *clock = tw_clock_system();
    uint64_t count = 0;
    if (!may_write(event, clock->mono(clock).ns, &count)) {
        return;
    }
    char time[TW_TIME_TEXT_SIZE];
    tw_wall_format(clock->wall(clock), time);
    struct tw_buf line;
    tw_buf_init(&line, RECORD_MAX);
    char head[128];
    int len =
        snprintf(head, sizeof head,
                 the_format == TW_LOG_JSON ? "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\""
                                           : "%s %s %s",
                 time, levels[events[event].level], events[event].name);
    (void)tw_buf_append(&line, head, (size_t)len);
    for (const struct tw_log_field *field = fields; field->key != NULL; field++) {
        append_field(&line, field);
    }
    if (count > 8) {
        append_field(&line, &TW_F_INT("repeated", count));
    }
    (void)tw_buf_append(&line, "}\n", 2);
    if (line.data != NULL) {
        if (the_format == TW_LOG_TEXT && line.error == TW_OK) {
            line.data[line.len - 2] = '\n';
            line.len--;
        }
        ssize_t wrote = write(STDERR_FILENO, line.data, line.len);
        (void)wrote; /* a log that cannot be written has nowhere to say so */
    }
    tw_buf_fini(&line);
}
