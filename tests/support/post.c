/* SPDX-License-Identifier: Apache-2.0
 * Drives collector/replay/http.h alone: lines of JSON on stdin, lines of JSON on stdout.
 *   {"post": "DESTINATION", "item": 1, "key": "...", "event": {...}, "tries": 0, "deadline_ms": N}
 *     -> {"taken": 1, "rc": 0}, and later {"result": 1, "verdict": "accepted", "status": 200, ...}
 *   {"room": "DESTINATION"} -> {"room": 8, "under_way": 0}
 * At the end of stdin it waits for what is under way; {"quit": true} does not.
 * Usage: tests/support/post CONFIGURATION
 */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "replay/http.h"

#define INPUT_MAX ((size_t)40 << 20) /* more than the largest event */
#define WAIT_MS   1000

struct play {
    struct tw_http_out *out;
    char *input;
    size_t input_len;
    bool is_at_end;
    bool is_stopped;
};

static void say(json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT | JSON_SORT_KEYS);
    if (text != NULL) {
        (void)puts(text);
        (void)fflush(stdout); /* whoever reads notices when it fails */
    }
    free(text);
    json_decref(line);
}

static struct tw_str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return (struct tw_str){json_string_value(value), json_string_length(value)};
}

static void post(struct play *self, const json_t *order)
{
    struct tw_diag diag = {.text = ""};
    char *event = json_dumps(json_object_get(order, "event"), JSON_COMPACT | JSON_ENCODE_ANY);
    const json_t *deadline = json_object_get(order, "deadline_ms");
    int64_t left_ms = json_is_integer(deadline) ? json_integer_value(deadline) : 60000;
    struct tw_http_post what = {
        .destination = text_of(order, "post").ptr,
        .item = (uint64_t)json_integer_value(json_object_get(order, "item")),
        .attempt = 7,
        .tries = (unsigned)json_integer_value(json_object_get(order, "tries")),
        .key = text_of(order, "key"),
        .event = {event, event == NULL ? 0 : strlen(event)},
        .deadline = {tw_clock_system()->wall(tw_clock_system()).ns + left_ms * TW_NS_PER_MS},
    };
    int rc = tw_http_out_post(self->out, &what, &diag);
    if (event != NULL) {
        memset(event, 'x', what.event.len); /* it was copied */
    }
    free(event);
    say(json_pack("{s:I, s:i, s:s}", "taken", (json_int_t)what.item, "rc", rc, "diag", diag.text));
}

static void obey(struct play *self, const char *line, size_t len)
{
    json_t *order = json_loadb(line, len, 0, NULL);
    const char *room = json_string_value(json_object_get(order, "room"));
    if (json_object_get(order, "post") != NULL) {
        post(self, order);
    } else if (room != NULL) {
        const char *url = tw_http_out_url(self->out, room);
        say(json_pack("{s:I, s:I, s:b, s:s}", "room", (json_int_t)tw_http_out_room(self->out, room),
                      "under_way", (json_int_t)tw_http_out_under_way(self->out), "serves",
                      tw_http_out_serves(self->out, room) ? 1 : 0, "url", url == NULL ? "" : url));
    } else {
        self->is_stopped = json_is_true(json_object_get(order, "quit"));
    }
    json_decref(order);
}

static void read_orders(struct play *self)
{
    ssize_t got = read(STDIN_FILENO, self->input + self->input_len, INPUT_MAX - self->input_len);
    self->is_at_end = got <= 0;
    self->input_len += got > 0 ? (size_t)got : 0;
    size_t done = 0;
    for (;;) {
        const char *end = memchr(self->input + done, '\n', self->input_len - done);
        if (end == NULL) {
            break;
        }
        size_t len = (size_t)(end - self->input) - done;
        obey(self, self->input + done, len);
        done += len + 1;
    }
    memmove(self->input, self->input + done, self->input_len - done);
    self->input_len -= done;
}

static int play(struct play *self)
{
    while (!self->is_stopped && (!self->is_at_end || tw_http_out_under_way(self->out) > 0)) {
        struct tw_http_result result;
        struct pollfd fds[1] = {{.fd = STDIN_FILENO, .events = POLLIN}};
        int rc = tw_http_out_wait(self->out, fds, self->is_at_end ? 0 : 1, WAIT_MS);
        if (rc != TW_OK) {
            return rc;
        }
        while (tw_http_out_next(self->out, &result)) {
            say(json_pack("{s:I, s:I, s:s, s:i, s:I, s:s}", "result", (json_int_t)result.item,
                          "attempt", (json_int_t)result.attempt, "verdict",
                          tw_http_verdict_name(result.verdict), "status", result.status, "after_ms",
                          (json_int_t)result.after_ms, "reason", result.reason));
        }
        if (!self->is_at_end && fds[0].revents != 0) {
            read_orders(self);
        }
    }
    return TW_OK;
}

int main(int argc, char **argv)
{
    struct play self = {.is_at_end = false};
    struct tw_cfg *cfg = NULL;
    struct tw_diag diag = {.text = ""};
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s CONFIGURATION\n", argv[0]);
        return 2;
    }
    int rc = tw_cfg_load(argv[1], stderr, &cfg);
    if (rc == TW_OK) {
        rc = tw_http_out_new(cfg, tw_clock_system(), &self.out, &diag);
    }
    self.input = malloc(INPUT_MAX);
    if (rc == TW_OK && self.input != NULL) {
        rc = play(&self);
    }
    tw_http_out_destroy(&self.out);
    tw_cfg_destroy(&cfg);
    free(self.input);
    if (rc != TW_OK) {
        (void)fprintf(stderr, "%s %s\n", tw_err_text(rc), diag.text);
    }
    return rc == TW_OK ? 0 : 1;
}
