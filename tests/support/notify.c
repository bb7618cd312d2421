/* SPDX-License-Identifier: Apache-2.0
 * Drives collector/notify/deliver.h with the outbox of a store: lines of JSON on stdin.
 *   {"notice": {"receiver": "ops", "integration": "webhook", "idx": 0, "group": "{}:{}",
 *               "kind": "notify", "data": {...}}} -> {"added": 1}
 *   {"alerts": [{"labels": {}, "annotations": {}, "starts": S, "ended": S}]} -> {"told": 0}
 *   {"change": "NOTIFY.YAML"} -> {"changed": 0}; {"under_way": true} -> {"under_way": 2}
 * What becomes of notices stands in desk.db. At the end of stdin it ends at once, as a crash would.
 * Usage: tests/support/notify STORE NOTIFY.YAML [PROGRAM]
 */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "notify/deliver.h"
#include "store/desk.h"

#define INPUT_MAX  ((size_t)16 << 20)
#define ALERTS_MAX 20000

struct play {
    struct tw_notices *notices;
    struct tw_deliver *deliver;
    char *input;
    size_t input_len;
    bool is_at_end;
};

static void say(const char *name, int64_t value)
{
    (void)printf("{\"%s\": %lld}\n", name, (long long)value);
    (void)fflush(stdout); /* whoever reads notices when it fails */
}

static struct tw_str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return (struct tw_str){json_string_value(value), json_string_length(value)};
}

static int64_t number_of(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

static int read_set(const char *path, const struct tw_notify **ret_set)
{
    struct tw_buf text;
    FILE *file = fopen(path, "re");
    int rc = TW_EIO;
    tw_buf_init(&text, 1u << 20);
    if (file != NULL) {
        char *to = tw_buf_reserve(&text, 65536);
        text.len = to == NULL ? 0 : fread(to, 1, 65536, file);
        rc = tw_notify_parse(path, (struct tw_str){text.data, text.len}, stderr, ret_set);
        (void)fclose(file); /* only read from */
    }
    tw_buf_fini(&text);
    return rc;
}

static int64_t add(struct play *self, const json_t *order)
{
    struct tw_diag diag = {""};
    const struct tw_notice_told told = {.count = 0};
    char *data = json_dumps(json_object_get(order, "data"), JSON_COMPACT);
    struct tw_notice notice = {
        .receiver = text_of(order, "receiver"),
        .integration = text_of(order, "integration"),
        .idx = (uint32_t)number_of(order, "idx"),
        .group = text_of(order, "group"),
        .kind = TW_NOTICE_NOTIFY,
        .reason = TW_STR_LIT("first notification"),
        .data = tw_str_of(data),
        .created = tw_clock_system()->wall(tw_clock_system()),
    };
    for (unsigned kind = 0; kind < TW_NOTICE_KIND_COUNT; kind++) {
        if (tw_str_is(text_of(order, "kind"), tw_notice_kind_name((enum tw_notice_kind)kind))) {
            notice.kind = (enum tw_notice_kind)kind;
        }
    }
    notice.created.ns -= number_of(order, "age_s") * TW_NS_PER_S;
    int rc = TW_EBUSY;
    while (rc == TW_EBUSY) {
        rc = tw_notices_begin(self->notices, &diag);
    }
    rc = rc == TW_OK ? tw_notices_add(self->notices, &notice, &told, &diag) : rc;
    rc = rc == TW_OK ? tw_notices_commit(self->notices, &diag) : rc;
    free(data);
    if (rc != TW_OK) {
        (void)fprintf(stderr, "notice: %s\n", diag.text);
        tw_notices_abandon(self->notices);
        return rc;
    }
    return (int64_t)notice.id;
}

static int tell(struct play *self, const json_t *list)
{
    size_t count = json_array_size(list);
    struct tw_deliver_alert *alerts = calloc(count + 1, sizeof *alerts);
    char **texts = calloc(2 * count + 1, sizeof *texts);
    int rc = alerts == NULL || texts == NULL || count > ALERTS_MAX ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        const json_t *one = json_array_get(list, i);
        texts[2 * i] = json_dumps(json_object_get(one, "labels"), JSON_SORT_KEYS);
        texts[2 * i + 1] = json_dumps(json_object_get(one, "annotations"), JSON_SORT_KEYS);
        alerts[i] = (struct tw_deliver_alert){
            .labels = tw_str_of(texts[2 * i]),
            .annotations = tw_str_of(texts[2 * i + 1]),
            .starts = {number_of(one, "starts") * TW_NS_PER_S},
            .ended = {number_of(one, "ended") * TW_NS_PER_S},
        };
    }
    rc = rc == TW_OK ? tw_deliver_alerts(self->deliver, alerts, count) : rc;
    for (size_t i = 0; texts != NULL && i < 2 * count; i++) {
        free(texts[i]);
    }
    free(texts);
    free(alerts);
    return rc;
}

static int change(struct play *self, const char *path)
{
    const struct tw_notify *set = NULL;
    int rc = read_set(path, &set);
    rc = rc == TW_OK ? tw_deliver_change(self->deliver, set) : rc;
    tw_notify_unref(&set);
    return rc;
}

static void obey(struct play *self, const char *line, size_t len)
{
    json_t *order = json_loadb(line, len, 0, NULL);
    if (json_object_get(order, "notice") != NULL) {
        say("added", add(self, json_object_get(order, "notice")));
    } else if (json_object_get(order, "alerts") != NULL) {
        say("told", tell(self, json_object_get(order, "alerts")));
    } else if (json_object_get(order, "change") != NULL) {
        say("changed", change(self, text_of(order, "change").ptr));
    } else if (json_object_get(order, "wants") != NULL) {
        say("wants", tw_deliver_wants_alerts(self->deliver) ? 1 : 0);
    } else {
        say("under_way", (int64_t)tw_deliver_under_way(self->deliver));
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

static int play(struct play *self, struct tw_diag *diag)
{
    while (!self->is_at_end) {
        struct pollfd fds[1] = {{.fd = STDIN_FILENO, .events = POLLIN}};
        int wait_ms = 50;
        int rc = tw_deliver_round(self->deliver, self->notices, &wait_ms, diag);
        if (rc != TW_OK && rc != TW_EBUSY) {
            return rc;
        }
        rc = tw_deliver_wait(self->deliver, fds, 1, wait_ms);
        if (rc != TW_OK) {
            return rc;
        }
        if (fds[0].revents != 0) {
            read_orders(self);
        }
    }
    return TW_OK;
}

/* The file is made by the desk; what was being sent when the last one ended waits again. */
static int open_outbox(struct play *self, const char *dir, struct tw_diag *diag)
{
    struct tw_desk *desk = NULL;
    int rc = tw_desk_open(dir, &desk, diag);
    tw_desk_close(&desk);
    rc = rc == TW_OK ? tw_notices_open(dir, &self->notices, diag) : rc;
    rc = rc == TW_OK ? tw_notices_begin(self->notices, diag) : rc;
    rc = rc == TW_OK
             ? tw_notices_recover(self->notices, tw_clock_system()->wall(tw_clock_system()), diag)
             : rc;
    return rc == TW_OK ? tw_notices_commit(self->notices, diag) : rc;
}

int main(int argc, char **argv)
{
    struct play self = {.notices = NULL};
    const struct tw_notify *set = NULL;
    struct tw_diag diag = {""};
    if (argc < 3 || argc > 4) {
        (void)fprintf(stderr, "usage: %s STORE NOTIFY.YAML [PROGRAM]\n", argv[0]);
        return 2;
    }
    const struct tw_deliver_setup setup = {
        .clock = tw_clock_system(), .program = argc == 4 ? argv[3] : NULL, .state = argv[1]};
    int rc = read_set(argv[2], &set);
    rc = rc == TW_OK ? open_outbox(&self, argv[1], &diag) : rc;
    rc = rc == TW_OK ? tw_deliver_new(&setup, set, &self.deliver, &diag) : rc;
    self.input = malloc(INPUT_MAX);
    rc = rc == TW_OK && self.input == NULL ? TW_ENOMEM : rc;
    if (rc == TW_OK) {
        say("ready", 1);
        rc = play(&self, &diag);
    }
    tw_deliver_destroy(&self.deliver);
    tw_notices_close(&self.notices);
    tw_notify_unref(&set);
    free(self.input);
    if (rc != TW_OK) {
        (void)fprintf(stderr, "%s %s\n", tw_err_text(rc), diag.text);
    }
    return rc == TW_OK ? 0 : 1;
}
