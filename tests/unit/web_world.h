/* SPDX-License-Identifier: Apache-2.0
 * The web half over a store that is filled through its writing side, on a clock that stands still;
 * the definitions are those of the retail pack. Included by one test program each.
 */
#ifndef TW_TESTS_WEB_WORLD_H
#define TW_TESTS_WEB_WORLD_H

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "store_model.h"
#include "web/server.h"
#include "workflow/workflow.h"

#define ANSWER_BYTES (1u << 20)

struct world {
    struct model *model;
    struct tw_cfg *cfg;
    char ui[64];
    char *own_dir; /* what the configuration had before the test */
    char *own_ui;
    char *own_listen;
    const struct tw_workflows *workflows;
    struct tw_web *web;
    char *answer;
    char *body; /* in answer */
};

/* ---- the world */

/* The store's time stands still; deadlines run. */
static inline tw_wall_t wall_of_model(struct tw_clock *self)
{
    (void)self;
    return (tw_wall_t){MODEL_START_NS};
}

static inline tw_mono_t mono_of_system(struct tw_clock *self)
{
    (void)self;
    struct tw_clock *system = tw_clock_system();
    return system->mono(system);
}

static struct tw_clock test_clock = {.wall = wall_of_model, .mono = mono_of_system};

static inline void world_init(struct world *self)
{
    static char listen[] = "127.0.0.1:0";
    char path[96];
    struct tw_diag diag = {""};
    *self = (struct world){.ui = "/tmp/tw-web-track-XXXXXX"};
    self->model = model_new(1);
    assert_int_equal(tw_cfg_load(NULL, stderr, &self->cfg), TW_OK);
    self->own_dir = self->cfg->store.dir;
    self->own_ui = self->cfg->web.ui_dir;
    self->own_listen = self->cfg->web.listen;
    assert_non_null(mkdtemp(self->ui));
    (void)snprintf(path, sizeof path, "%s/index.html", self->ui);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "<p>", 3), 3);
    assert_int_equal(close(fd), 0);
    self->cfg->store.dir = self->model->dir;
    self->cfg->web.ui_dir = self->ui;
    self->cfg->web.listen = listen;
    assert_int_equal(tw_workflows_load(self->cfg, stderr, &self->workflows), TW_OK);
    assert_true(self->workflows->count >= 10);
    assert_int_equal(tw_web_new(self->cfg, self->workflows, &test_clock, &self->web, &diag), TW_OK);
    self->answer = malloc(ANSWER_BYTES);
    assert_non_null(self->answer);
}

static inline void world_fini(struct world *self)
{
    char path[96];
    assert_int_equal(tw_web_destroy(&self->web), TW_OK);
    tw_workflows_unref(&self->workflows);
    (void)snprintf(path, sizeof path, "%s/index.html", self->ui);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(self->ui), 0);
    self->cfg->store.dir = self->own_dir;
    self->cfg->web.ui_dir = self->own_ui;
    self->cfg->web.listen = self->own_listen;
    tw_cfg_destroy(&self->cfg);
    model_free(self->model);
    free(self->answer);
}

/* GET; the status. The body is in self->body. */
static inline int get(struct world *self, const char *path)
{
    char request[512];
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(tw_web_port(self->web)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    assert_int_equal(send(fd, request, (size_t)len, MSG_NOSIGNAL), len);
    size_t used = 0;
    for (;;) {
        ssize_t got = recv(fd, self->answer + used, ANSWER_BYTES - 1 - used, 0);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
    }
    assert_int_equal(close(fd), 0);
    self->answer[used] = '\0';
    self->body = strstr(self->answer, "\r\n\r\n");
    assert_non_null(self->body);
    self->body += 4;
    return (int)strtol(self->answer + 9, NULL, 10);
}

/* The answer of a call that must succeed; owned. */
static inline json_t *get_json(struct world *self, const char *path)
{
    json_error_t error;
    int status = get(self, path);
    if (status != 200) {
        print_error("%s: %d\n%s\n", path, status, self->body);
    }
    assert_int_equal(status, 200);
    json_t *json = json_loads(self->body, 0, &error);
    assert_non_null(json);
    return json;
}

static inline void check_refused(struct world *self, const char *path, const char *words)
{
    int status = get(self, path);
    if (status != 400 || strstr(self->body, words) == NULL) {
        print_error("%s: %d\n%s\nwanted: %s\n", path, status, self->body, words);
    }
    assert_int_equal(status, 400);
    assert_non_null(strstr(self->body, words));
}

/* "a.b.0.c" in a document; NULL when it is not there. */
static inline json_t *at(json_t *json, const char *path)
{
    char part[64];
    while (*path != '\0' && json != NULL) {
        size_t len = strcspn(path, ".");
        assert_true(len < sizeof part);
        memcpy(part, path, len);
        part[len] = '\0';
        path += path[len] == '.' ? len + 1 : len;
        json = json_is_array(json) ? json_array_get(json, (size_t)strtol(part, NULL, 10))
                                   : json_object_get(json, part);
    }
    return json;
}

static inline void check_text(json_t *json, const char *path, const char *wanted)
{
    const char *text = json_string_value(at(json, path));
    if (text == NULL) {
        print_error("%s is no text\n", path);
    }
    assert_non_null(text);
    assert_string_equal(text, wanted);
}

static inline void check_number(json_t *json, const char *path, double wanted)
{
    const json_t *value = at(json, path);
    if (!json_is_number(value)) {
        print_error("%s is no number\n", path);
    }
    assert_true(json_is_number(value));
    double difference = json_number_value(value) - wanted;
    assert_true(difference < 1e-9 && difference > -1e-9);
}

static inline void check_null(json_t *json, const char *path)
{
    const json_t *value = at(json, path);
    assert_non_null(value);
    assert_true(value != NULL && json_is_null(value));
}

/* ---- what tracking committed */

static inline tw_wall_t moment(int64_t seconds)
{
    return (tw_wall_t){MODEL_START_NS + seconds * TW_NS_PER_S};
}

static inline struct tw_run_row sale_row(const struct model *model, const char *id, int64_t since_s)
{
    return (struct tw_run_row){
        .workflow = TW_STR_LIT("sale-posting"),
        .version = 0xabc,
        .object_type = (uint16_t)model->codes[TRANSACTION],
        .object_id = tw_str_of(id),
        .object_scope = TW_STR_LIT("0042"),
        .state = TW_RUN_IS_FAILED,
        .cause = TW_CAUSE_REJECTED,
        .step = TW_STR_LIT("posted"),
        .system = TW_STR_LIT("erp"),
        .destination = TW_STR_LIT("posted"),
        .store = TW_STR_LIT("0042"),
        .region = TW_STR_LIT("north"),
        .code = TW_STR_LIT("E17"),
        .started = moment(since_s - 5),
        .since = moment(since_s),
        .due = moment(since_s + 60),
        .updated = moment(since_s),
        .amount_minor = 1234,
        .currency = "EUR",
        .first_n = 1,
        .last_n = 2,
        .attempts = 3,
    };
}

/* One record, so that there is a partition, and these changes. */
static inline void commit(struct world *self, const struct tw_track_changes *changes)
{
    static const char json[] = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/pos/1\","
                               "\"type\":\"x\"}";
    struct model *model = self->model;
    struct tw_object object = model_object(model, ORDER, "", "none");
    (void)model_event(model, 0, json, &object, 1);
    model->track = changes;
    model_commit(model);
}

/* An event of this type about these objects; `more` is further members, with a leading comma. */
static inline void event(struct world *self, int64_t time_s, const char *type, const char *more,
                         const struct tw_object *objects, size_t count)
{
    char json[512];
    (void)snprintf(json, sizeof json,
                   "{\"specversion\":\"1.0\",\"id\":\"%zu\",\"source\":\"/x/1\",\"type\":\"%s\"%s}",
                   self->model->count, type, more);
    (void)model_event(self->model, time_s, json, objects, count);
}

static inline void sale_event(struct world *self, int64_t time_s, const char *type,
                              const char *more)
{
    struct tw_object object = model_object(self->model, TRANSACTION, "0042", "1");
    event(self, time_s, type, more, &object, 1);
}

static inline void check_steps(json_t *run, const char *wanted)
{
    char states[256] = "";
    const json_t *steps = at(run, "steps");
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        size_t used = strlen(states);
        (void)snprintf(states + used, sizeof states - used, "%s%s=%s", used == 0 ? "" : " ",
                       json_string_value(json_object_get(step, "name")),
                       json_string_value(json_object_get(step, "state")));
    }
    assert_string_equal(states, wanted);
}

/* The collector has read everything up to this second of the model. */
static inline struct tw_live watermark(char *buf, size_t size, int64_t seconds)
{
    char text[TW_TIME_TEXT_SIZE];
    tw_wall_format(moment(seconds), text);
    (void)snprintf(buf, size, "{\"watermark\":\"%s\",\"systems\":[]}", text);
    return (struct tw_live){TW_STR_LIT("overview"), tw_str_of(buf)};
}

static inline void commit_with(struct world *self, const struct tw_track_changes *changes)
{
    self->model->track = changes;
    model_commit(self->model);
}

#endif
