/* SPDX-License-Identifier: Apache-2.0
 * What answers of receivers mean, how often they let themselves be told, pictures drawn by a child,
 * publishing. Delivery as a whole: tests/system/test_receivers.py.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <poll.h>

#include <cmocka.h>

#include "notify/picture.h"
#include "notify/pub.h"
#include "notify/rate.h"
#include "notify/verdict.h"

/* 2026-11-22T03:00:00Z */
#define NOW ((tw_wall_t){INT64_C(1795316400) * TW_NS_PER_S})

/* ---- verdicts ---- */

static struct tw_verdict verdict(enum tw_integration_kind kind, int status, const char *body)
{
    const struct tw_integration to = {.kind = kind, .url = (char[]){"https://h/x"}};
    const struct tw_http_reply reply = {.has_begun = true,
                                        .answer = {.status = status, .body = tw_str_of(body)}};
    struct tw_verdict result;
    tw_verdict_of(&to, &reply, NOW, &result);
    return result;
}

static void verdict__each_status__by_the_rules_of_its_receiver(void **state)
{
    (void)state;
    const enum tw_verdict_word S = TW_VERDICT_SENT;
    const enum tw_verdict_word A = TW_VERDICT_AGAIN;
    const enum tw_verdict_word F = TW_VERDICT_FAILED;
    const struct {
        int status;
        enum tw_verdict_word webhook;
        enum tw_verdict_word chat; /* Slack, Teams, PagerDuty */
    } table[] = {
        {200, S, S}, {202, S, S}, {204, S, S}, {299, S, S}, {300, F, F}, {302, F, F},
        {400, F, F}, {401, F, F}, {404, F, F}, {408, F, F}, {410, F, F}, {428, F, F},
        {429, F, A}, {430, F, F}, {499, F, F}, {500, A, A}, {502, A, A}, {503, A, A},
        {599, A, A}, {999, A, A}, {100, A, A}, {199, A, A},
    };
    static const enum tw_integration_kind chats[] = {TW_INTEGRATION_SLACK, TW_INTEGRATION_TEAMS,
                                                     TW_INTEGRATION_PAGERDUTY};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int status = table[i].status;
        assert_int_equal(verdict(TW_INTEGRATION_WEBHOOK, status, NULL).word, table[i].webhook);
        assert_int_equal(verdict(TW_INTEGRATION_ALERTMANAGER, status, NULL).word, table[i].webhook);
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(verdict(chats[k], status, NULL).word, table[i].chat);
        }
    }
}

static void verdict__teams__the_error_is_in_the_body(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        int status;
        enum tw_verdict_word word;
    } table[] = {
        {"1", 200, TW_VERDICT_SENT},
        {"", 200, TW_VERDICT_SENT},
        {"ok", 200, TW_VERDICT_SENT},
        {"... returned HTTP error 429 with ContextId tcid=0", 429, TW_VERDICT_AGAIN},
        {"http ERROR 502", 502, TW_VERDICT_AGAIN},
        {"HTTP error 413", 413, TW_VERDICT_FAILED},
        {"HTTP error 4", 200, TW_VERDICT_AGAIN},
        {"HTTP error 42913", 200, TW_VERDICT_AGAIN},
        {"HTTP error ", 200, TW_VERDICT_AGAIN},
        {"HTTP error 200", 200, TW_VERDICT_AGAIN},
        {"Summary or Text is required. Delivery failed", 200, TW_VERDICT_AGAIN},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct tw_verdict got = verdict(TW_INTEGRATION_TEAMS, 200, table[i].body);
        assert_int_equal(got.word, table[i].word);
        assert_int_equal(got.status, table[i].status);
    }
    /* The same words in an answer of others are nothing. */
    assert_int_equal(verdict(TW_INTEGRATION_SLACK, 200, "HTTP error 429").word, TW_VERDICT_SENT);
}

static void verdict__mail__by_the_class_of_the_reply(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *fault;
        enum tw_verdict_word word;
    } table[] = {
        {250, NULL, TW_VERDICT_SENT},
        {0, "could not connect", TW_VERDICT_AGAIN},
        {250, "STARTTLS not supported", TW_VERDICT_AGAIN},
        {421, "busy", TW_VERDICT_AGAIN},
        {451, "greylisted", TW_VERDICT_AGAIN},
        {550, "nobody", TW_VERDICT_FAILED},
        {554, "no", TW_VERDICT_FAILED},
        {530, "log in first", TW_VERDICT_AGAIN},
        {534, "weak", TW_VERDICT_AGAIN},
        {535, "wrong", TW_VERDICT_AGAIN},
        {538, "encrypt", TW_VERDICT_AGAIN},
    };
    const struct tw_integration to = {.kind = TW_INTEGRATION_EMAIL};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const struct tw_http_reply reply = {
            .answer = {.status = table[i].status, .phrase = TW_STR_LIT("5.1.1 as the server says")},
            .fault = table[i].fault};
        struct tw_verdict got;
        tw_verdict_of(&to, &reply, NOW, &got);
        assert_int_equal(got.word, table[i].word);
        assert_int_equal(got.reason[0] == '\0', table[i].fault == NULL);
        if (table[i].status >= 400) {
            assert_non_null(strstr(got.reason, "5.1.1 as the server says"));
        }
    }
    const struct tw_http_reply some = {.answer = {.status = 250}, .refused = 2};
    struct tw_verdict got;
    tw_verdict_of(&to, &some, NOW, &got);
    assert_int_equal(got.word, TW_VERDICT_SENT);
    assert_string_equal(got.reason, "2 of the recipients were refused");
}

static void verdict__retry_after__is_the_wait(void **state)
{
    (void)state;
    const struct tw_integration to = {.kind = TW_INTEGRATION_SLACK};
    struct tw_http_reply reply = {.answer = {.status = 429}, .retry_after = TW_STR_LIT("30")};
    struct tw_verdict got;
    tw_verdict_of(&to, &reply, NOW, &got);
    assert_int_equal(got.wait_ms, 30000);
    reply.retry_after = TW_STR_NULL;
    tw_verdict_of(&to, &reply, NOW, &got);
    assert_int_equal(got.wait_ms, -1);
}

static void verdict__secrets__are_in_no_reason(void **state)
{
    (void)state;
    static const char *const said[] = {
        "/services/T0000/B0000000/xoxb-secret-1", "B0000000", "xoxb-secret-1",
        "the token bearer-of-it and key 0123456789abcdef0123456789abcdef", "pass-word-of-it"};
    const struct tw_integration to = {
        .kind = TW_INTEGRATION_SLACK,
        .url = (char[]){"https://h/services/T0000/B0000000/xoxb-secret-1"},
        .bearer = (char[]){"bearer-of-it"},
        .routing_key = (char[]){"0123456789abcdef0123456789abcdef"},
        .password = (char[]){"pass-word-of-it"}};
    static const char *const secrets[] = {"B0000000", "xoxb-secret-1", "bearer-of-it",
                                          "0123456789abcdef", "pass-word-of-it"};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        for (unsigned way = 0; way < 3; way++) {
            struct tw_http_reply reply = {.answer = {.status = 400}};
            reply.answer.body = way == 0 ? tw_str_of(said[i]) : TW_STR_NULL;
            reply.answer.phrase = way == 1 ? tw_str_of(said[i]) : TW_STR_NULL;
            reply.fault = way == 2 ? said[i] : NULL;
            struct tw_verdict got;
            tw_verdict_of(&to, &reply, NOW, &got);
            assert_non_null(strstr(got.reason, "***"));
            for (size_t k = 0; k < sizeof secrets / sizeof secrets[0]; k++) {
                assert_null(strstr(got.reason, secrets[k]));
            }
        }
    }
}

static void verdict__secret_at_the_end_of_what_is_shown__leaves_no_half(void **state)
{
    (void)state;
    char body[600];
    const struct tw_integration to = {.kind = TW_INTEGRATION_SLACK,
                                      .url = (char[]){"https://h/xoxb-secret-1"}};
    for (size_t before = 200; before < 512; before++) {
        memset(body, 'a', before);
        (void)snprintf(body + before, sizeof body - before, "xoxb-secret-1 and more");
        struct tw_verdict got = {.word = TW_VERDICT_SENT};
        const struct tw_http_reply reply = {.answer = {.status = 400, .body = tw_str_of(body)}};
        tw_verdict_of(&to, &reply, NOW, &got);
        assert_null(strstr(got.reason, "xox"));
    }
}

/* ---- rates ---- */

static tw_mono_t at_ms(int64_t ms)
{
    return (tw_mono_t){ms * TW_NS_PER_MS};
}

static void rate__slack__one_a_second(void **state)
{
    (void)state;
    struct tw_rate rate;
    assert_int_equal(tw_rate_init(&rate, TW_INTEGRATION_SLACK), TW_OK);
    assert_int_equal(tw_rate_wait(&rate, at_ms(5)), 0);
    tw_rate_note(&rate, at_ms(5));
    assert_int_equal(tw_rate_wait(&rate, at_ms(5)), 1000);
    assert_int_equal(tw_rate_wait(&rate, at_ms(1004)), 1);
    assert_int_equal(tw_rate_wait(&rate, at_ms(1005)), 0);
    tw_rate_fini(&rate);
}

/* As fast as it lets them through: at no time are more in a window than it takes. */
static void rate__teams__all_windows_at_once(void **state)
{
    (void)state;
    static int64_t times[4000];
    static const struct {
        int64_t window_ms;
        size_t most;
    } limits[] = {{1000, 4}, {30000, 60}, {3600000, 100}, {86400000, 1800}};
    struct tw_rate rate;
    int64_t now_ms = 0;
    size_t waited_for_a_day = 0;
    assert_int_equal(tw_rate_init(&rate, TW_INTEGRATION_TEAMS), TW_OK);
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        int64_t wait_ms = tw_rate_wait(&rate, at_ms(now_ms));
        waited_for_a_day += wait_ms > 3600000 ? 1 : 0;
        now_ms += wait_ms;
        assert_int_equal(tw_rate_wait(&rate, at_ms(now_ms)), 0);
        tw_rate_note(&rate, at_ms(now_ms));
        times[i] = now_ms;
        for (size_t k = 0; k < 4; k++) {
            size_t most = limits[k].most;
            assert_true(i < most || times[i] - times[i - most] >= limits[k].window_ms);
        }
    }
    assert_int_equal(times[3], 0);
    assert_int_equal(times[4], 1000);
    assert_true(waited_for_a_day > 0);
    tw_rate_fini(&rate);
}

static void rate__others__without_limit(void **state)
{
    (void)state;
    struct tw_rate rate;
    assert_int_equal(tw_rate_init(&rate, TW_INTEGRATION_WEBHOOK), TW_OK);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(tw_rate_wait(&rate, at_ms(0)), 0);
        tw_rate_note(&rate, at_ms(0));
    }
    tw_rate_fini(&rate);
}

/* ---- pictures ---- */

/* `script` in a shell, until it is over; the time goes on by itself. */
static void draw(struct tw_picture *picture, const char *script)
{
    char *argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, (char *)(uintptr_t)script, NULL};
    tw_picture_begin(picture, argv, environ, at_ms(0));
    while (!tw_picture_go_on(picture, at_ms(1))) {
        struct pollfd fd = {.fd = picture->fd, .events = POLLIN};
        assert_int_equal(poll(&fd, 1, 60000), 1);
    }
}

static void picture__a_png__is_kept(void **state)
{
    (void)state;
    struct tw_picture picture;
    draw(&picture, "printf '\\211PNG\\r\\n\\032\\n...'; printf 'IEND\\256\\102\\140\\202'");
    assert_null(picture.fault);
    assert_int_equal(picture.png.len, 19);
    tw_picture_fini(&picture);
}

static void picture__what_is_none__says_why(void **state)
{
    (void)state;
    static const char *const scripts[][2] = {
        {"exit 0", "it could not be drawn"},
        {"echo something else that is long enough", "it could not be drawn"},
        {"printf '\\211PNG\\r\\n\\032\\nand the end is missing'", "it could not be drawn"},
        {"kill -9 $$", "it could not be drawn"},
        {"exec head -c 3000000 /dev/zero", "it is too large"},
    };
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        struct tw_picture picture;
        draw(&picture, scripts[i][0]);
        assert_string_equal(picture.fault, scripts[i][1]);
        tw_picture_fini(&picture);
    }
}

static void picture__deadline__ends_the_child_and_what_it_started(void **state)
{
    (void)state;
    struct tw_picture picture;
    char *argv[] = {(char[]){"/bin/sh"}, (char[]){"-c"}, (char[]){"sleep 300 & sleep 300"}, NULL};
    tw_picture_begin(&picture, argv, environ, at_ms(0));
    assert_false(tw_picture_go_on(&picture, at_ms(TW_PICTURE_MS - 1)));
    assert_true(tw_picture_go_on(&picture, at_ms(TW_PICTURE_MS)));
    assert_string_equal(picture.fault, "it took too long");
    int other = dup(picture.fd);
    assert_true(other >= 0);
    tw_picture_fini(&picture);
    /* Nobody holds the other end any more. */
    struct pollfd fd = {.fd = other, .events = POLLIN};
    char byte = 0;
    assert_int_equal(poll(&fd, 1, 60000), 1);
    assert_int_equal(read(other, &byte, 1), 0);
    (void)close(other);
}

static void picture__no_such_program__says_so(void **state)
{
    (void)state;
    struct tw_picture picture;
    char *argv[] = {(char[]){"/nonexistent/program"}, NULL};
    tw_picture_begin(&picture, argv, environ, at_ms(0));
    assert_true(tw_picture_go_on(&picture, at_ms(0)));
    assert_string_equal(picture.fault, "the program that draws it does not start");
    tw_picture_fini(&picture);
}

/* ---- publishing ---- */

static void pub__endpoints__bound_once_and_bounded(void **state)
{
    (void)state;
    char endpoint[64];
    struct tw_pub *pub = NULL;
    struct tw_diag diag = {""};
    assert_int_equal(tw_pub_new(NULL, &pub, &diag), TW_OK);
    assert_int_equal(tw_pub_send(pub, "inproc://a0", TW_STR_LIT("t"), TW_STR_LIT("m")),
                     TW_ENOTFOUND);
    for (int i = 0; i < TW_PUB_SOCKETS_MAX; i++) {
        (void)snprintf(endpoint, sizeof endpoint, "inproc://a%d", i);
        assert_int_equal(tw_pub_bind(pub, endpoint, &diag), TW_OK);
        assert_int_equal(tw_pub_bind(pub, endpoint, &diag), TW_OK);
        assert_int_equal(tw_pub_send(pub, endpoint, TW_STR_LIT("t"), TW_STR_LIT("m")), TW_OK);
    }
    assert_int_equal(tw_pub_bind(pub, "inproc://more", &diag), TW_ELIMIT);
    tw_pub_destroy(&pub);
    assert_null(pub);
    tw_pub_destroy(&pub);
    const struct tw_pub_guard anywhere = {.is_insecure = true};
    assert_int_equal(tw_pub_new(&anywhere, &pub, &diag), TW_OK);
    assert_int_equal(tw_pub_bind(pub, "nonsense", &diag), TW_ESYSTEM);
    assert_non_null(strstr(diag.text, "nonsense"));
    tw_pub_destroy(&pub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdict__each_status__by_the_rules_of_its_receiver),
        cmocka_unit_test(verdict__teams__the_error_is_in_the_body),
        cmocka_unit_test(verdict__mail__by_the_class_of_the_reply),
        cmocka_unit_test(verdict__retry_after__is_the_wait),
        cmocka_unit_test(verdict__secrets__are_in_no_reason),
        cmocka_unit_test(verdict__secret_at_the_end_of_what_is_shown__leaves_no_half),
        cmocka_unit_test(rate__slack__one_a_second),
        cmocka_unit_test(rate__teams__all_windows_at_once),
        cmocka_unit_test(rate__others__without_limit),
        cmocka_unit_test(picture__a_png__is_kept),
        cmocka_unit_test(picture__what_is_none__says_why),
        cmocka_unit_test(picture__deadline__ends_the_child_and_what_it_started),
        cmocka_unit_test(picture__no_such_program__says_so),
        cmocka_unit_test(pub__endpoints__bound_once_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
