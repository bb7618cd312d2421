/* SPDX-License-Identifier: Apache-2.0
 * Calls about alerts when memory runs out: whichever allocation fails, the answer is whole or a
 * problem, and nothing leaks; and what is said with labels of hostile senders. */
#include "config.h"
#include "web/router.h"

#include "store_model.h"

#include <math.h>

#include "store/desk.h"
#include "web/alert_news.h"
#include "web/api_alerts.h"
#include "web/kept.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static int64_t left = -1; /* allocations until one fails; below 0: none does */
static bool has_failed;

static bool fails(void)
{
    if (left < 0) {
        return false;
    }
    has_failed = has_failed || left == 0;
    return left-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

struct world {
    struct model *model;
    struct tw_cfg *cfg;
    struct tw_web_state web;
    struct tw_reader *reader;
    struct tw_lease lease;
    char *text; /* of the last answer, owned */
};

static const char notify_yaml[] =
    "receivers:\n  - {name: ops, pub: [{}]}\n  - {name: night, browser: [{}]}\n"
    "times:\n  - {name: always, intervals: [{times: [\"00:00-24:00\"]}]}\n"
    "route: {receiver: ops, group-by: [alertname], routes: [{receiver: night, matchers: "
    "['store=~\"00.*\"'], mute-times: [always]}]}\n"
    "inhibit: [{source: ['a=\"b\"'], target: ['c=\"d\"'], equal: [e]}]\n"
    "heartbeats: [{name: nightly, every: 24h}]\n";

/* What a sender may put into a label. */
static const char *const values[] = {"<script>alert(1)</script>",
                                     "\\\"'; DROP TABLE alert; --",
                                     "%s%n%x",
                                     "../../../etc/passwd",
                                     "caf\xc3\xa9 \xe2\x80\xae",
                                     "{{value}}",
                                     "?a=b&c#d",
                                     "0042"};
#define VALUES (sizeof values / sizeof values[0])

static void put_alerts(const char *dir)
{
    struct tw_alerts *alerts = NULL;
    struct tw_arena arena;
    struct tw_diag diag = {""};
    enum tw_alerts_news news = TW_ALERTS_SAME;
    tw_arena_init(&arena, 1u << 20);
    assert_int_equal(tw_alerts_open(dir, &alerts, &diag), TW_OK);
    assert_int_equal(tw_alerts_begin(alerts, &diag), TW_OK);
    for (size_t i = 0; i < VALUES; i++) {
        const struct tw_label items[] = {{TW_STR_LIT("alertname"), TW_STR_LIT("Hostile")},
                                         {TW_STR_LIT("store"), tw_str_of(values[i])},
                                         {TW_STR_LIT("workflow"), TW_STR_LIT("sale-posting")}};
        struct tw_labels labels;
        struct tw_alert_row row = {.origin = TW_ALERT_OF_EXTERNAL,
                                   .rule = TW_STR_LIT("Hostile"),
                                   .workflow = TW_STR_LIT("sale-posting"),
                                   .severity = (unsigned)i % 3,
                                   .state = TW_ALERT_ROW_FIRING,
                                   .value = 3,
                                   .threshold = (double)NAN,
                                   .since = {MODEL_START_NS},
                                   .fired = {MODEL_START_NS},
                                   .updated = {MODEL_START_NS},
                                   .ends = {MODEL_START_NS + TW_NS_PER_S}};
        assert_int_equal(tw_labels_make(&arena, items, 3, &labels), TW_OK);
        assert_int_equal(tw_labels_json(&arena, &labels, &row.labels), TW_OK);
        row.annotations = row.labels;
        row.fingerprint = tw_labels_fingerprint(&labels);
        assert_int_equal(tw_alerts_put(alerts, &row, true, &news, &diag), TW_OK);
    }
    assert_int_equal(tw_alerts_commit(alerts, &diag), TW_OK);
    tw_alerts_close(&alerts);
    tw_arena_fini(&arena);
}

static void put_silence(const char *dir)
{
    char id[TW_SILENCE_ID_LEN + 1];
    struct tw_diag diag = {""};
    const struct tw_alert_command command = {
        .dir = dir, .actor = TW_STR_LIT("lena"), .now = {MODEL_START_NS}};
    const struct tw_silence silence = {
        .matchers = TW_STR_LIT("[{\"name\":\"store\",\"value\":\".*[<>].*\",\"isRegex\":true,"
                               "\"isEqual\":true}]"),
        .starts = {MODEL_START_NS},
        .ends = {MODEL_START_NS + 3600 * TW_NS_PER_S},
        .created_by = TW_STR_LIT("lena"),
        .comment = TW_STR_LIT("refit")};
    assert_int_equal(tw_silence_put(&command, &silence, id, &diag), TW_OK);
}

static void world_init(struct world *self)
{
    struct tw_diag diag = {""};
    struct tw_desk *desk = NULL;
    *self = (struct world){.model = model_new(1)};
    (void)model_event(self->model, 0, "{\"specversion\":\"1.0\",\"id\":\"1\"}", NULL, 0);
    model_commit(self->model);
    assert_int_equal(tw_cfg_load(NULL, stderr, &self->cfg), TW_OK);
    free(self->cfg->store.dir);
    self->cfg->store.dir = strdup(self->model->dir);
    self->web = (struct tw_web_state){.cfg = self->cfg, .clock = tw_clock_system()};
    self->web.local = (struct tw_principal){
        .kind = TW_PRINCIPAL_OPEN, .name = TW_STR_LIT("local"), .role = TW_ROLE_ADMIN};
    assert_int_equal(pthread_mutex_init(&self->web.mtx, NULL), 0);
    assert_int_equal(tw_workflows_load(self->cfg, stderr, &self->web.workflows), TW_OK);
    assert_int_equal(tw_rules_load(self->cfg, self->web.workflows, stderr, &self->web.rules),
                     TW_OK);
    assert_int_equal(
        tw_notify_parse("notify.yaml", tw_str_of(notify_yaml), stderr, &self->web.notify), TW_OK);
    assert_int_equal(tw_desk_open(self->model->dir, &desk, &diag), TW_OK);
    tw_desk_close(&desk);
    put_alerts(self->model->dir);
    put_silence(self->model->dir);
    assert_int_equal(tw_reader_open(self->model->dir, &self->reader, &diag), TW_OK);
}

static void world_fini(struct world *self)
{
    free(self->text);
    tw_desk_reader_close(&self->lease.desk);
    tw_reader_close(&self->reader);
    tw_notify_unref(&self->web.notify);
    tw_rules_unref(&self->web.rules);
    tw_workflows_unref(&self->web.workflows);
    (void)pthread_mutex_destroy(&self->web.mtx);
    tw_cfg_destroy(&self->cfg);
    model_free(self->model);
}

static const struct tw_web_route *route_of(enum tw_method method, const char *pattern)
{
    size_t count = 0;
    const struct tw_web_route *rows = tw_router_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].method == method && strcmp(rows[i].pattern, pattern) == 0) {
            return &rows[i];
        }
    }
    fail_msg("no route %s", pattern);
    return NULL;
}

struct ask {
    const char *pattern;
    const char *target;
    const char *body; /* NULL: a GET */
};

/* The status of one call in which the `nth` allocation fails (below 0: none). */
static int ask(struct world *self, const struct ask *what, int64_t nth)
{
    struct tw_arena arena;
    struct tw_clock *clock = self->web.clock;
    const char *mark = strchr(what->target, '?');
    size_t len = mark == NULL ? strlen(what->target) : (size_t)(mark - what->target);
    struct tw_http_request request = {.method = what->body == NULL ? TW_METHOD_GET : TW_METHOD_POST,
                                      .path = {what->target, len},
                                      .body = tw_str_of(what->body)};
    tw_arena_init(&arena, (size_t)64 << 20);
    struct tw_call call = {.web = &self->web,
                           .request = &request,
                           .principal = &self->web.local,
                           .reader = self->reader,
                           .lease = &self->lease,
                           .arena = &arena,
                           .workflows = self->web.workflows,
                           .rules = self->web.rules,
                           .notify = self->web.notify,
                           .now = {MODEL_START_NS + TW_NS_PER_S},
                           .deadline = {clock->mono(clock).ns + 60 * TW_NS_PER_S}};
    tw_reader_set_deadline(self->reader, call.deadline);
    tw_response_init(&call.response);
    left = nth;
    has_failed = false;
    tw_router_run(route_of(request.method, what->pattern), tw_str_of(what->target), &request,
                  &call);
    left = -1;
    int status = call.response.status;
    free(self->text);
    self->text = NULL;
    if (call.response.owned != NULL) {
        self->text = strndup(call.response.owned, call.response.len);
    }
    tw_response_fini(&call.response);
    tw_arena_fini(&arena);
    return status;
}

#define V1 "/api/v1/"
#define V2 "/api/v2/"
static const struct ask asks[] = {
    {V1 "alerts", V1 "alerts?severity=critical&limit=2", NULL},
    {V1 "alerts/groups", V1 "alerts/groups", NULL},
    {V1 "silences", V1 "silences?state=active,expired", NULL},
    {V1 "silences/preview", V1 "silences/preview", "{\"matchers\":[\"store=~\\\"00.*\\\"\"]}"},
    {V1 "rules", V1 "rules", NULL},
    {V1 "rules/test", V1 "rules/test", "{\"rule\":\"StoreSilent\",\"since\":\"-1h\"}"},
    {V1 "receivers", V1 "receivers", NULL},
    {V1 "notifications", V1 "notifications", NULL},
    {V1 "heartbeats", V1 "heartbeats", NULL},
    {V2 "status", V2 "status", NULL},
    {V2 "receivers", V2 "receivers", NULL},
    {V2 "alerts", V2 "alerts?filter=store=~%22.*%22&filter=alertname=Hostile&receiver=.*", NULL},
    {V2 "alerts/groups", V2 "alerts/groups", NULL},
    {V2 "silences", V2 "silences?filter=store=~%22.*%22", NULL},
};

static void calls__nth_allocation_fails__answer_or_problem(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    const char *rule = world.web.rules->items[0].name;
    char body[128];
    (void)snprintf(body, sizeof body, "{\"rule\":\"%s\",\"since\":\"-1h\"}", rule);
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        struct ask what = asks[i];
        what.body = strcmp(what.pattern, V1 "rules/test") == 0 ? body : what.body;
        if (ask(&world, &what, -1) != 200) {
            fail_msg("%s: %s", what.target, world.text);
        }
        int64_t count = 0;
        unsigned problems = 0;
        do { /* in growing steps, up to the last */
            int status = ask(&world, &what, count);
            count += 1 + count / 32;
            problems += status != 200;
            if (status != 200 && (!has_failed || (status != 503 && status != 500))) {
                fail_msg("%s: %d when allocation %lld fails", what.target, status,
                         (long long)count);
            }
        } while (has_failed);
        assert_true(problems > 0 || strstr(what.target, V2 "receivers") != NULL);
    }
    world_fini(&world);
}

static void labels__of_hostile_senders__are_texts(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    const struct ask lists[] = {{V1 "alerts", V1 "alerts", NULL}, {V2 "alerts", V2 "alerts", NULL}};
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(ask(&world, &lists[k], -1), 200);
        json_t *json = json_loads(world.text, 0, NULL);
        const json_t *items = k == 0 ? json_object_get(json, "items") : json;
        assert_int_equal(json_array_size(items), VALUES);
        for (size_t i = 0; i < VALUES; i++) {
            bool is_there = false;
            for (size_t n = 0; n < VALUES; n++) {
                const json_t *labels = json_object_get(json_array_get(items, n), "labels");
                is_there = is_there || strcmp(json_string_value(json_object_get(labels, "store")),
                                              values[i]) == 0;
            }
            assert_true(is_there);
        }
        json_decref(json);
    }
    world_fini(&world);
}

static void alerts__silenced_and_muted__say_by_what(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    const struct ask one = {V1 "alerts", V1 "alerts?store=0042", NULL};
    assert_int_equal(ask(&world, &one, -1), 200);
    json_t *json = json_loads(world.text, 0, NULL);
    const json_t *alert = json_array_get(json_object_get(json, "items"), 0);
    assert_string_equal(json_string_value(json_array_get(json_object_get(alert, "muted_by"), 0)),
                        "always");
    assert_int_equal(json_array_size(json_object_get(alert, "silenced_by")), 0);
    json_decref(json);
    const struct ask other = {V1 "alerts", V1 "alerts?store=%3Cscript%3Ealert(1)%3C/script%3E",
                              NULL};
    assert_int_equal(ask(&world, &other, -1), 200);
    json = json_loads(world.text, 0, NULL);
    alert = json_array_get(json_object_get(json, "items"), 0);
    assert_int_equal(json_array_size(json_object_get(alert, "silenced_by")), 1);
    assert_int_equal(json_array_size(json_object_get(alert, "muted_by")), 0);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(alert, "links"), "store")),
        "/stores/%3Cscript%3Ealert%281%29%3C%2Fscript%3E");
    json_decref(json);
    world_fini(&world);
}

/* What is told to those who listen at `at_s`: 1 a change, 2 counts too; *quiet of them. */
static int news_at(struct world *self, struct tw_alert_tally *tally, int64_t at_s,
                   json_int_t *quiet)
{
    struct tw_arena arena;
    struct tw_clock *clock = tw_clock_system();
    bool has_changed = false;
    json_t *counts = NULL;
    json_t *news = NULL;
    tw_arena_init(&arena, (size_t)64 << 20);
    struct tw_call call = {.web = &self->web,
                           .lease = &self->lease,
                           .arena = &arena,
                           .notify = self->web.notify,
                           .now = {MODEL_START_NS + at_s * TW_NS_PER_S},
                           .deadline = {clock->mono(clock).ns + 60 * TW_NS_PER_S}};
    assert_int_equal(tw_alert_news(&call, tally, &has_changed, &counts, &news), TW_OK);
    int told = counts != NULL ? 2 : (has_changed ? 1 : 0);
    assert_true(has_changed || told == 0);
    *quiet = counts == NULL ? -1 : json_integer_value(json_object_get(counts, "quiet"));
    json_decref(counts);
    json_decref(news);
    tw_arena_fini(&arena);
    return told;
}

/* One is silenced for an hour, another is muted always. */
static void news__silence_ends_by_the_clock__is_told(void **state)
{
    (void)state;
    struct world world;
    struct tw_alert_tally tally = {.is_known = false};
    json_int_t quiet = 0;
    const int64_t minute_s = 60 - MODEL_START_NS / TW_NS_PER_S % 60; /* the next one begins */
    world_init(&world);
    assert_int_equal(news_at(&world, &tally, 1, &quiet), 2);
    assert_int_equal(quiet, 2);
    assert_int_equal(news_at(&world, &tally, 2, &quiet), 0);
    assert_int_equal(news_at(&world, &tally, minute_s - 1, &quiet), 0);
    assert_int_equal(news_at(&world, &tally, minute_s, &quiet), 1); /* times turn with it */
    assert_int_equal(news_at(&world, &tally, minute_s + 1, &quiet), 0);
    tw_notify_unref(&world.web.notify); /* nobody is muted: only the silence is left */
    assert_int_equal(news_at(&world, &tally, minute_s + 60, &quiet), 2);
    assert_int_equal(quiet, 1);
    assert_int_equal(news_at(&world, &tally, 3599, &quiet), 0);
    assert_int_equal(news_at(&world, &tally, 3600, &quiet), 2);
    assert_int_equal(quiet, 0);
    assert_int_equal(news_at(&world, &tally, 100000, &quiet), 0);
    assert_int_equal(news_at(&world, &tally, -1, &quiet), 1); /* the clock was set back */
    assert_int_equal(news_at(&world, &tally, 0, &quiet), 2);  /* it begins */
    assert_int_equal(quiet, 1);
    world_fini(&world);
}

static tw_mono_t later(struct tw_clock *self)
{
    (void)self;
    return (tw_mono_t){INT64_C(1) << 60}; /* for deadlines there is time enough */
}

/* Who changes something of alerts is shown it at once, however short it is since the last call. */
static void groups__until_something_changes__are_made_once(void **state)
{
    (void)state;
    struct world world;
    struct tw_clock clock = {.mono = later};
    struct tw_kept_counts counts;
    const struct ask groups = {V1 "alerts/groups", V1 "alerts/groups", NULL};
    world_init(&world);
    world.web.clock = &clock;
    assert_int_equal(tw_kept_new(&world.web.kept), TW_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ask(&world, &groups, -1), 200);
    }
    tw_kept_count(world.web.kept, &counts);
    assert_true(counts.made == 1 && counts.given == 2);
    model_commit(world.model); /* of no concern */
    assert_int_equal(ask(&world, &groups, -1), 200);
    put_silence(world.model->dir);
    assert_int_equal(ask(&world, &groups, -1), 200);
    assert_int_equal(ask(&world, &groups, -1), 200);
    tw_kept_count(world.web.kept, &counts);
    assert_true(counts.made == 2 && counts.given == 4);
    tw_kept_destroy(&world.web.kept);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls__nth_allocation_fails__answer_or_problem),
        cmocka_unit_test(labels__of_hostile_senders__are_texts),
        cmocka_unit_test(alerts__silenced_and_muted__say_by_what),
        cmocka_unit_test(news__silence_ends_by_the_clock__is_told),
        cmocka_unit_test(groups__until_something_changes__are_made_once),
    };
    tw_log_setup(TW_LOG_ERROR, TW_LOG_TEXT);
    return cmocka_run_group_tests_name("web_alerts", tests, NULL, NULL);
}
