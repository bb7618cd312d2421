/* SPDX-License-Identifier: Apache-2.0
 * Answers that are kept for a commit: over a real store, with a handler that counts its calls, on
 * a clock that the test moves. */
#include "config.h"
#include "web/kept.h"

#include <stdio.h>
#include <time.h>

#include "store_model.h"
#include "web/gzip.h"

#define TARGET "/api/v1/overview"

static struct world {
    struct model *model;
    struct tw_cfg *cfg;
    struct tw_web_state web;
    struct tw_reader *reader;
    /* what the handler does */
    atomic_uint made;
    size_t size;         /* bytes of its answer */
    int rc;              /* what it returns */
    int status;          /* of its answer */
    bool commits;        /* something is committed while it is at work */
    atomic_bool is_held; /* it waits while this is set */
} w;

static _Atomic int64_t mono_ns = TW_NS_PER_S;

static tw_mono_t mono_of_test(struct tw_clock *self)
{
    (void)self;
    return (tw_mono_t){atomic_load(&mono_ns)};
}

static struct tw_clock test_clock = {.mono = mono_of_test};

static void commit(void)
{
    static const char json[] = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/pos/1\","
                               "\"type\":\"x\"}";
    struct tw_object object = model_object(w.model, ORDER, "", "none");
    (void)model_event(w.model, 0, json, &object, 1);
    model_commit(w.model);
}

static int setup(void **state)
{
    struct tw_diag diag = {""};
    (void)state;
    w = (struct world){.model = model_new(1), .size = 5000, .status = 200};
    commit();
    assert_int_equal(tw_cfg_load(NULL, stderr, &w.cfg), TW_OK);
    w.web = (struct tw_web_state){.cfg = w.cfg, .clock = &test_clock};
    w.web.local = (struct tw_principal){.kind = TW_PRINCIPAL_OPEN, .role = TW_ROLE_ADMIN};
    assert_int_equal(tw_workflows_load(w.cfg, stderr, &w.web.workflows), TW_OK);
    assert_int_equal(tw_reader_open(w.model->dir, &w.reader, &diag), TW_OK);
    assert_int_equal(tw_kept_new(&w.web.kept), TW_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tw_kept_destroy(&w.web.kept);
    tw_reader_close(&w.reader);
    tw_workflows_unref(&w.web.workflows);
    tw_cfg_destroy(&w.cfg);
    model_free(w.model);
    return 0;
}

/* The number of the answer, and then letters. */
static int handler(struct tw_call *call)
{
    unsigned number = atomic_fetch_add(&w.made, 1) + 1;
    char *body = malloc(w.size + 1);
    assert_non_null(body);
    memset(body, 'a', w.size);
    (void)snprintf(body, w.size, "%u", number);
    if (w.commits) {
        commit();
    }
    while (atomic_load(&w.is_held)) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* it looks again anyway */
    }
    tw_response_take(&call->response, w.status, "application/json", body, w.size);
    return w.rc;
}

struct asked {
    const char *target;
    const char *encoding;
    const char *tag;
    const struct tw_workflows *workflows;
    struct tw_reader *reader;
    int64_t deadline_ns; /* from now */
    enum tw_kept_by by;
    struct tw_response *response;
};

static int ask_as(const struct asked *asked)
{
    struct tw_http_request request = {.method = TW_METHOD_GET};
    request.head.accept_encoding = tw_str_of(asked->encoding);
    request.head.if_none_match = tw_str_of(asked->tag);
    struct tw_call call = {
        .web = &w.web,
        .request = &request,
        .principal = &w.web.local,
        .reader = asked->reader == NULL ? w.reader : asked->reader,
        .workflows = asked->workflows == NULL ? w.web.workflows : asked->workflows,
        .deadline = {atomic_load(&mono_ns) +
                     (asked->deadline_ns == 0 ? TW_NS_PER_S : asked->deadline_ns)}};
    struct tw_arena arena;
    tw_arena_init(&arena, (size_t)1 << 20);
    call.arena = &arena;
    tw_response_init(&call.response);
    int rc = tw_kept_run(&call, tw_str_of(asked->target == NULL ? TARGET : asked->target),
                         asked->by, handler);
    tw_arena_fini(&arena);
    *asked->response = call.response;
    return rc;
}

/* The number of the answer that is given. */
static unsigned number_of(struct asked asked)
{
    struct tw_response response = {.status = 0};
    asked.response = &response;
    assert_int_equal(ask_as(&asked), TW_OK);
    assert_int_equal(response.status, w.status);
    const char *bytes = response.shared != NULL ? response.shared->bytes : response.owned;
    assert_non_null(bytes);
    assert_int_equal(response.len, w.size);
    unsigned number = (unsigned)strtoul(bytes, NULL, 10);
    tw_response_fini(&response);
    return number;
}

static unsigned ask(void)
{
    return number_of((struct asked){.target = TARGET});
}

static const char *header_of(const struct tw_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, name) == 0) {
            return response->headers[i].value;
        }
    }
    return "";
}

/* ---- the cases */

static void kept__until_the_next_commit__is_made_once(void **state)
{
    (void)state;
    struct tw_kept_counts counts;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(ask(), 1);
    }
    commit();
    assert_int_equal(ask(), 2);
    assert_int_equal(ask(), 2);
    tw_kept_count(w.web.kept, &counts);
    assert_int_equal(counts.made, 2);
    assert_int_equal(counts.given, 5);
}

/* What is committed while an answer is made may not be in it. */
static void kept__commit_while_it_is_made__is_made_again(void **state)
{
    (void)state;
    w.commits = true;
    assert_int_equal(ask(), 1);
    w.commits = false;
    assert_int_equal(ask(), 2);
    assert_int_equal(ask(), 2);
}

static void write_documents(const char *overview)
{
    const struct tw_live live = {TW_STR_LIT("overview"), tw_str_of(overview)};
    const struct tw_track_changes changes = {.live = &live, .live_count = 1};
    w.model->track = &changes;
    commit();
    w.model->track = NULL;
}

/* What is made of the documents alone does not change with every commit. */
static void kept__by_documents__until_they_are_written_again(void **state)
{
    (void)state;
    const struct asked asked = {.target = TARGET, .by = TW_KEPT_BY_DOCUMENTS};
    assert_int_equal(number_of(asked), 1); /* there are none yet: by the commit */
    commit();
    assert_int_equal(number_of(asked), 2);
    write_documents("{\"at\":\"2026-11-21T19:00:17.004211Z\"}");
    assert_int_equal(number_of(asked), 3);
    commit();
    assert_int_equal(number_of(asked), 3);
    write_documents("{\"at\":\"2026-11-21T19:00:18.004211Z\"}");
    assert_int_equal(number_of(asked), 4);
    (void)atomic_fetch_add(&mono_ns, TW_KEPT_MS * TW_NS_PER_MS);
    assert_int_equal(number_of(asked), 5);
}

/* Clocks and ages in it go on while nothing is committed. */
static void kept__a_second_later__is_made_again(void **state)
{
    (void)state;
    assert_int_equal(ask(), 1);
    (void)atomic_fetch_add(&mono_ns, TW_KEPT_MS * TW_NS_PER_MS - 1);
    assert_int_equal(ask(), 1);
    (void)atomic_fetch_add(&mono_ns, 1);
    assert_int_equal(ask(), 2);
}

static void kept__another_query_or_set__has_its_own(void **state)
{
    (void)state;
    const struct tw_workflows *other = NULL;
    assert_int_equal(ask(), 1);
    assert_int_equal(number_of((struct asked){.target = TARGET "?limit=1"}), 2);
    assert_int_equal(ask(), 1);
    assert_int_equal(tw_workflows_load(w.cfg, stderr, &other), TW_OK);
    assert_int_equal(number_of((struct asked){.workflows = other}), 3);
    assert_int_equal(number_of((struct asked){.workflows = other}), 3);
    assert_int_equal(ask(), 4);
    tw_workflows_unref(&other);
}

static void kept__more_than_there_is_room_for__the_oldest_goes(void **state)
{
    (void)state;
    char target[64];
    assert_int_equal(ask(), 1);
    for (unsigned i = 1; i < TW_KEPT_ANSWERS; i++) {
        (void)snprintf(target, sizeof target, "/api/v1/stores?limit=%u", i);
        assert_int_equal(number_of((struct asked){.target = target}), i + 1);
    }
    assert_int_equal(ask(), 1); /* used again: not the oldest any more */
    assert_int_equal(number_of((struct asked){.target = "/one/more"}), TW_KEPT_ANSWERS + 1);
    assert_int_equal(ask(), 1);
    assert_int_equal(number_of((struct asked){.target = "/api/v1/stores?limit=1"}),
                     TW_KEPT_ANSWERS + 2);
}

static void kept__target_and_body__are_bounded(void **state)
{
    (void)state;
    char target[TW_KEPT_TARGET_BYTES + 1];
    memset(target, 'x', sizeof target);
    target[TW_KEPT_TARGET_BYTES - 1] = '\0';
    assert_int_equal(number_of((struct asked){.target = target}), 1);
    assert_int_equal(number_of((struct asked){.target = target}), 1);
    target[TW_KEPT_TARGET_BYTES - 1] = 'x';
    target[TW_KEPT_TARGET_BYTES] = '\0';
    assert_int_equal(number_of((struct asked){.target = target}), 2);
    assert_int_equal(number_of((struct asked){.target = target}), 3);
    w.size = TW_KEPT_BODY_BYTES;
    assert_int_equal(ask(), 4);
    assert_int_equal(ask(), 4);
    commit();
    w.size = TW_KEPT_BODY_BYTES + 1;
    assert_int_equal(ask(), 5);
    assert_int_equal(ask(), 6);
}

static void kept__errors_and_other_answers__are_not(void **state)
{
    (void)state;
    struct tw_response response = {.status = 0};
    const struct asked asked = {.response = &response};
    w.rc = TW_ETIMEOUT;
    for (unsigned i = 1; i < 3; i++) {
        assert_int_equal(ask_as(&asked), TW_ETIMEOUT);
        tw_response_fini(&response);
        assert_int_equal(atomic_load(&w.made), i);
    }
    w.rc = TW_OK;
    w.status = 503;
    assert_int_equal(ask(), 3);
    assert_int_equal(ask(), 4);
    w.status = 200;
    assert_int_equal(ask(), 5);
    assert_int_equal(ask(), 5);
}

static void kept__who_has_it__gets_304(void **state)
{
    (void)state;
    struct tw_response response = {.status = 0};
    char tag[32];
    assert_int_equal(ask_as(&(struct asked){.response = &response}), TW_OK);
    (void)snprintf(tag, sizeof tag, "%s", header_of(&response, "ETag"));
    assert_int_equal(strlen(tag), 18);
    assert_string_equal(header_of(&response, "Vary"), "Accept-Encoding");
    tw_response_fini(&response);
    assert_int_equal(ask_as(&(struct asked){.response = &response, .tag = tag}), TW_OK);
    assert_int_equal(response.status, 304);
    assert_int_equal(response.len, 0);
    assert_null(response.shared);
    assert_string_equal(header_of(&response, "ETag"), tag);
    tw_response_fini(&response);
    commit();
    assert_int_equal(ask_as(&(struct asked){.response = &response, .tag = tag}), TW_OK);
    assert_int_equal(response.status, 200);
    tw_response_fini(&response);
}

static void kept__packed__has_a_tag_of_its_own(void **state)
{
    (void)state;
    struct tw_response plain = {.status = 0};
    struct tw_response packed = {.status = 0};
    assert_int_equal(ask_as(&(struct asked){.response = &plain}), TW_OK);
    for (int i = 0; i < 2; i++) { /* packed late, and packed already */
        const struct asked asked = {.response = &packed, .encoding = "gzip"};
        assert_int_equal(ask_as(&asked), TW_OK);
        assert_string_equal(header_of(&packed, "Content-Encoding"), "gzip");
        assert_true(packed.len < plain.len);
        assert_memory_equal(packed.shared->bytes, "\x1f\x8b", 2);
        assert_string_not_equal(header_of(&packed, "ETag"), header_of(&plain, "ETag"));
        tw_response_fini(&packed);
    }
    assert_int_equal(atomic_load(&w.made), 1);
    tw_response_fini(&plain);
    w.size = TW_GZIP_MIN_BYTES - 1; /* too little, unless plain bytes are refused */
    commit();
    assert_int_equal(ask_as(&(struct asked){.response = &packed, .encoding = "gzip"}), TW_OK);
    assert_string_equal(header_of(&packed, "Content-Encoding"), "");
    assert_int_equal(packed.len, w.size);
    tw_response_fini(&packed);
    commit();
    const struct asked only = {.response = &packed, .encoding = "gzip, identity;q=0"};
    assert_int_equal(ask_as(&only), TW_OK);
    assert_string_equal(header_of(&packed, "Content-Encoding"), "gzip");
    tw_response_fini(&packed);
}

/* ---- several at once */

struct asker {
    pthread_t thread;
    struct tw_reader *reader;
    int64_t deadline_ns;
    int rc;
    unsigned number;
};

static void *ask_in_thread(void *arg)
{
    struct asker *self = arg;
    struct tw_response response = {.status = 0};
    self->rc = ask_as(&(struct asked){
        .response = &response, .reader = self->reader, .deadline_ns = self->deadline_ns});
    self->number = self->rc == TW_OK && response.shared != NULL
                       ? (unsigned)strtoul(response.shared->bytes, NULL, 10)
                       : 0;
    tw_response_fini(&response);
    return NULL;
}

#define ASKERS 6

static void start(struct asker *askers, size_t from, int64_t deadline_ns)
{
    for (size_t i = from; i < ASKERS; i++) {
        struct tw_diag diag = {""};
        askers[i] = (struct asker){.deadline_ns = deadline_ns};
        assert_int_equal(tw_reader_open(w.model->dir, &askers[i].reader, &diag), TW_OK);
        assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_in_thread, &askers[i]), 0);
    }
}

static void join(struct asker *askers, size_t from)
{
    for (size_t i = from; i < ASKERS; i++) {
        assert_int_equal(pthread_join(askers[i].thread, NULL), 0);
        tw_reader_close(&askers[i].reader);
    }
}

static void kept__asked_for_at_once__is_made_once(void **state)
{
    (void)state;
    struct asker askers[ASKERS];
    atomic_store(&w.is_held, true);
    start(askers, 0, 0);
    while (atomic_load(&w.made) == 0) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* it looks again anyway */
    }
    atomic_store(&w.is_held, false);
    join(askers, 0);
    for (size_t i = 0; i < ASKERS; i++) {
        assert_int_equal(askers[i].rc, TW_OK);
        assert_int_equal(askers[i].number, 1);
    }
    assert_int_equal(atomic_load(&w.made), 1);
}

static void kept__made_for_longer_than_a_deadline__says_so(void **state)
{
    (void)state;
    struct asker askers[ASKERS];
    struct tw_response response = {.status = 0};
    atomic_store(&w.is_held, true);
    start(askers, ASKERS - 1, 0);
    while (atomic_load(&w.made) == 0) {
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); /* it looks again anyway */
    }
    (void)atomic_fetch_add(&mono_ns, TW_NS_PER_MS);
    const struct asked late = {.response = &response, .deadline_ns = -1};
    assert_int_equal(ask_as(&late), TW_ETIMEOUT);
    tw_response_fini(&response);
    atomic_store(&w.is_held, false);
    join(askers, ASKERS - 1);
    assert_int_equal(askers[ASKERS - 1].rc, TW_OK);
    assert_int_equal(atomic_load(&w.made), 1);
}

static void stamp__nothing_committed__stays_and_errors_are_told(void **state)
{
    (void)state;
    struct tw_store_stamp first;
    struct tw_store_stamp second;
    assert_int_equal(tw_reader_stamp(w.reader, &first), TW_OK);
    assert_int_equal(tw_reader_stamp(w.reader, &second), TW_OK);
    assert_memory_equal(&first, &second, sizeof first);
    assert_true(first.file != 0);
    commit();
    assert_int_equal(tw_reader_stamp(w.reader, &second), TW_OK);
    assert_int_equal(second.file, first.file);
    assert_int_equal(second.commits, first.commits + 1);
    tw_reader_set_deadline(w.reader, (tw_mono_t){1});
    assert_int_equal(tw_reader_stamp(w.reader, &second), TW_ETIMEOUT);
    struct tw_response response = {.status = 0};
    assert_int_equal(ask_as(&(struct asked){.response = &response}), TW_ETIMEOUT);
    tw_response_fini(&response);
    assert_int_equal(atomic_load(&w.made), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(kept__until_the_next_commit__is_made_once),
        CASE(kept__commit_while_it_is_made__is_made_again),
        CASE(kept__by_documents__until_they_are_written_again),
        CASE(kept__a_second_later__is_made_again),
        CASE(kept__another_query_or_set__has_its_own),
        CASE(kept__more_than_there_is_room_for__the_oldest_goes),
        CASE(kept__target_and_body__are_bounded),
        CASE(kept__errors_and_other_answers__are_not),
        CASE(kept__who_has_it__gets_304),
        CASE(kept__packed__has_a_tag_of_its_own),
        CASE(kept__asked_for_at_once__is_made_once),
        CASE(kept__made_for_longer_than_a_deadline__says_so),
        CASE(stamp__nothing_committed__stays_and_errors_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
