/* SPDX-License-Identifier: Apache-2.0
 * HTTP destinations of replays: what an answer means, when to come again, keys and reasons as they
 * go over the wire. With a network: tests/system/test_replay_http.py.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/url.h"
#include "replay/http.h"
#include "unit/alloc_kit.h"

/* 2026-11-22T03:00:00Z */
#define NOW ((tw_wall_t){INT64_C(1795316400) * TW_NS_PER_S})

/* ---- status ---- */

static void verdict__each_status__as_documented(void **state)
{
    (void)state;
    static const struct {
        int status;
        enum tw_http_verdict verdict;
    } table[] = {
        {200, TW_HTTP_ACCEPTED}, {201, TW_HTTP_ACCEPTED}, {202, TW_HTTP_ACCEPTED},
        {204, TW_HTTP_ACCEPTED}, {299, TW_HTTP_ACCEPTED}, {300, TW_HTTP_REFUSED},
        {301, TW_HTTP_REFUSED},  {304, TW_HTTP_REFUSED},  {308, TW_HTTP_REFUSED},
        {400, TW_HTTP_REFUSED},  {401, TW_HTTP_REFUSED},  {404, TW_HTTP_REFUSED},
        {408, TW_HTTP_AGAIN},    {409, TW_HTTP_DONE},     {410, TW_HTTP_REFUSED},
        {422, TW_HTTP_REFUSED},  {425, TW_HTTP_AGAIN},    {429, TW_HTTP_AGAIN},
        {499, TW_HTTP_REFUSED},  {500, TW_HTTP_UNKNOWN},  {501, TW_HTTP_REFUSED},
        {502, TW_HTTP_UNKNOWN},  {503, TW_HTTP_AGAIN},    {504, TW_HTTP_UNKNOWN},
        {505, TW_HTTP_REFUSED},  {507, TW_HTTP_UNKNOWN},  {599, TW_HTTP_UNKNOWN},
        {600, TW_HTTP_UNKNOWN},  {999, TW_HTTP_UNKNOWN},  {199, TW_HTTP_UNKNOWN},
        {100, TW_HTTP_UNKNOWN},  {0, TW_HTTP_UNKNOWN},    {-1, TW_HTTP_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        assert_string_equal(tw_http_verdict_name(tw_http_verdict_of(table[i].status)),
                            tw_http_verdict_name(table[i].verdict));
    }
}

static void pause__all_statuses__two_of_them(void **state)
{
    (void)state;
    int count = 0;
    for (int status = 0; status < 1000; status++) {
        count += tw_http_is_pause(status) ? 1 : 0;
    }
    assert_int_equal(count, 2);
    assert_true(tw_http_is_pause(429) && tw_http_is_pause(503));
}

/* ---- Retry-After ---- */

static int64_t after(const char *value)
{
    return tw_http_retry_after(tw_str_of(value), NOW);
}

static void retry_after__seconds__within_bounds(void **state)
{
    (void)state;
    assert_int_equal(after("7"), 7000);
    assert_int_equal(after(" 7 \r\n"), 7000);
    assert_int_equal(after("007"), 7000);
    assert_int_equal(after("0"), TW_HTTP_BACKOFF_MIN_MS);
    assert_int_equal(after("1"), 1000);
    assert_int_equal(after("300"), TW_HTTP_RETRY_MAX_MS);
    assert_int_equal(after("299"), TW_HTTP_RETRY_MAX_MS - 1000);
    assert_int_equal(after("301"), TW_HTTP_RETRY_MAX_MS);
    assert_int_equal(after("99999999999999999999999999"), TW_HTTP_RETRY_MAX_MS);
}

static void retry_after__dates__all_three_forms(void **state)
{
    (void)state;
    assert_int_equal(after("Sun, 22 Nov 2026 03:00:30 GMT"), 30000);
    assert_int_equal(after("Sunday, 22-Nov-26 03:00:30 GMT"), 30000);
    assert_int_equal(after("Sun Nov 22 03:00:30 2026"), 30000);
    assert_int_equal(after("Tue Dec  1 03:00:30 2026"), TW_HTTP_RETRY_MAX_MS);
    assert_int_equal(after("Sun, 22 Nov 2026 03:05:00 GMT"), TW_HTTP_RETRY_MAX_MS);
    assert_int_equal(after("Sun, 22 Nov 2026 03:04:59 GMT"), TW_HTTP_RETRY_MAX_MS - 1000);
    /* In the past: soon. */
    assert_int_equal(after("Sun, 22 Nov 2026 02:59:59 GMT"), TW_HTTP_BACKOFF_MIN_MS);
    assert_int_equal(after("Sun Nov  1 03:00:30 2026"), TW_HTTP_BACKOFF_MIN_MS);
    assert_int_equal(after("Sunday, 06-Nov-94 08:49:37 GMT"), TW_HTTP_BACKOFF_MIN_MS);
    assert_int_equal(after("Sunday, 06-Nov-69 08:49:37 GMT"), TW_HTTP_RETRY_MAX_MS);
    assert_int_equal(after("Wed, 01 Jan 2200 00:00:00 GMT"), TW_HTTP_RETRY_MAX_MS);
}

static void retry_after__distance_beyond_64_bits__bounded(void **state)
{
    (void)state;
    tw_wall_t first = {INT64_MIN};
    tw_wall_t last = {INT64_MAX};
    assert_int_equal(tw_http_retry_after(TW_STR_LIT("Wed, 01 Jan 2200 00:00:00 GMT"), first),
                     TW_HTTP_RETRY_MAX_MS);
    assert_int_equal(tw_http_retry_after(TW_STR_LIT("Fri, 01 Jan 1700 00:00:00 GMT"), last),
                     TW_HTTP_BACKOFF_MIN_MS);
}

static void retry_after__garbage__is_none(void **state)
{
    (void)state;
    static const char *const garbage[] = {
        "",
        " ",
        "soon",
        "-1",
        "+1",
        "1.5",
        "7 s",
        "0x10",
        "Sun, 22 Nov 2026 03:00:30",
        "Sun, 22 Nov 2026 03:00:30 CET",
        "Sun, 32 Nov 2026 03:00:30 GMT",
        "Sun, 31 Nov 2026 03:00:30 GMT",
        "Sun, 22 Nox 2026 03:00:30 GMT",
        "Sun, 22 Nov 2026 25:00:30 GMT",
        "Sun, 22 Nov 9999 03:00:30 GMT",
        "Sunday, 22-Nov-2026 03:00:30 GMT",
        "Sun Nov 22 03:00:30 2026 GMT",
        "2026-11-22T03:00:30Z",
        ",",
        ", 22-Nov-26 03:00:30 GM",
        "Sun, 22 Nov 2026 03:00:30 GMT, 7",
    };
    for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        assert_int_equal(after(garbage[i]), -1);
    }
    assert_int_equal(tw_http_retry_after(TW_STR_NULL, NOW), -1);
}

static void backoff__each_failure__doubles_up_to_the_maximum(void **state)
{
    (void)state;
    static const int64_t wanted[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(tw_http_backoff(i), wanted[i]);
    }
    assert_int_equal(tw_http_backoff(UINT32_MAX), TW_HTTP_BACKOFF_MAX_MS);
}

/* ---- the key ---- */

static void key__any_text__no_byte_ends_the_header(void **state)
{
    (void)state;
    char out[TW_HTTP_KEY_HEADER_SIZE];
    assert_int_equal(tw_http_key_header(TW_STR_LIT("erp/pos#1"), out), 9);
    assert_string_equal(out, "erp/pos#1");
    (void)tw_http_key_header(TW_STR_LIT("a b\r\nX: y\tz\x7f%\xc3\xa4\"\\~!"), out);
    assert_string_equal(out, "a%20b%0D%0AX:%20y%09z%7F%25%C3%A4\"\\~!");
    (void)tw_http_key_header((struct tw_str){"\0", 1}, out);
    assert_string_equal(out, "%00");
}

static void key__every_byte_and_the_longest__unambiguous(void **state)
{
    (void)state;
    char key[256];
    char out[TW_HTTP_KEY_HEADER_SIZE];
    for (size_t i = 0; i < sizeof(key); i++) {
        key[i] = (char)i;
    }
    size_t len = tw_http_key_header((struct tw_str){key, sizeof(key)}, out);
    assert_int_equal(strlen(out), len);
    /* Read back. */
    size_t at = 0;
    for (size_t i = 0; i < sizeof(key); i++) {
        assert_true(out[at] > 0x20 && out[at] < 0x7f);
        if (out[at] == '%') {
            char hex[3] = {out[at + 1], out[at + 2], '\0'};
            assert_int_equal(strtol(hex, NULL, 16), i);
            at += 3;
        } else {
            assert_int_equal((unsigned char)out[at], i);
            at++;
        }
    }
    assert_int_equal(at, len);
    memset(key, '\n', sizeof(key));
    assert_int_equal(tw_http_key_header((struct tw_str){key, sizeof(key)}, out),
                     TW_HTTP_KEY_HEADER_SIZE - 1);
}

/* ---- reasons ---- */

static void reason_is(const struct tw_http_answer *answer, const char *wanted)
{
    char out[TW_HTTP_REASON_MAX + 1];
    memset(out, 'x', sizeof(out));
    tw_http_reason(answer, out);
    assert_string_equal(out, wanted);
}

static struct tw_http_answer problem(const char *body)
{
    return (struct tw_http_answer){.status = 422,
                                   .phrase = TW_STR_LIT("Unprocessable Content"),
                                   .type = TW_STR_LIT("application/problem+json"),
                                   .body = tw_str_of(body)};
}

static void reason__problem__detail_else_title_else_phrase(void **state)
{
    (void)state;
    struct tw_http_answer answer = problem("{\"title\":\"T\",\"detail\":\"no such article\"}");
    reason_is(&answer, "422 Unprocessable Content: no such article");
    answer.type = TW_STR_LIT("Application/Problem+JSON; charset=utf-8");
    reason_is(&answer, "422 Unprocessable Content: no such article");
    answer = problem("{\"title\":\"T\",\"detail\":\"\"}");
    reason_is(&answer, "422 Unprocessable Content: T");
    answer = problem("{\"title\":\"T\",\"detail\":7}");
    reason_is(&answer, "422 Unprocessable Content: T");
    answer = problem("{\"title\":null}");
    reason_is(&answer, "422 Unprocessable Content");
    answer.phrase = TW_STR_LIT("");
    reason_is(&answer, "422");
}

static void reason__body_that_is_no_problem__phrase_alone(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "", "{", "[]", "7", "\"detail\"", "{\"detail\":", "\xff", "{\"detail\":\"\\u0000\"}"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct tw_http_answer answer = problem(bodies[i]);
        reason_is(&answer, "422 Unprocessable Content");
    }
    struct tw_http_answer answer = problem("{\"detail\":\"D\"}");
    answer.type = TW_STR_LIT("application/json");
    reason_is(&answer, "422 Unprocessable Content");
    answer.type = TW_STR_LIT("application/problem+jsonx");
    reason_is(&answer, "422 Unprocessable Content");
    answer.type = TW_STR_NULL;
    reason_is(&answer, "422 Unprocessable Content");
}

static void reason__control_and_direction_characters__harmless(void **state)
{
    (void)state;
    struct tw_http_answer answer =
        problem("{\"detail\":\"a\\nb\\u001b[31m\\u007f\\u0085c\\u202ed\\u2066e \\u00e4\"}");
    reason_is(&answer, "422 Unprocessable Content: a b [31m  c d e \xc3\xa4");
    answer = problem("");
    answer.phrase = TW_STR_LIT("Not\xff \xc3\xa4 \xc3");
    reason_is(&answer, "422 Not? \xc3\xa4 ?");
}

static void reason__too_long__cut_at_a_character(void **state)
{
    (void)state;
    char text[1000];
    char out[TW_HTTP_REASON_MAX + 1];
    memset(text, 'a', sizeof(text));
    tw_http_clean((struct tw_str){text, TW_HTTP_REASON_MAX}, out);
    assert_int_equal(strlen(out), TW_HTTP_REASON_MAX);
    tw_http_clean((struct tw_str){text, TW_HTTP_REASON_MAX + 1}, out);
    assert_int_equal(strlen(out), TW_HTTP_REASON_MAX);
    memcpy(text + TW_HTTP_REASON_MAX - 1, "\xc3\xa4", 2);
    tw_http_clean((struct tw_str){text, sizeof(text)}, out);
    assert_int_equal(strlen(out), TW_HTTP_REASON_MAX - 1);
    tw_http_clean(TW_STR_NULL, out);
    assert_string_equal(out, "");
}

static void reason__answer_repeats_the_token__not_shown(void **state)
{
    (void)state;
    struct tw_http_answer answer = problem("{\"detail\":\"bad token s3cret-s3cret!\"}");
    answer.secret = TW_STR_LIT("s3cret");
    reason_is(&answer, "422 Unprocessable Content: bad token ***-***!");
    answer.phrase = TW_STR_LIT("No s3cret");
    answer.status = 301;
    answer.location = TW_STR_LIT("https://a/s3cret");
    reason_is(&answer, "301 No ***: redirects are not followed, to https://a/***");
    /* At the cut: no part of it either. */
    char body[400];
    int len = snprintf(body, sizeof(body), "{\"detail\":\"%0215ds3cret\"}", 0);
    assert_true(len > 0);
    answer = problem(body);
    answer.secret = TW_STR_LIT("s3cret");
    char out[TW_HTTP_REASON_MAX + 1];
    tw_http_reason(&answer, out);
    assert_null(strstr(out, "s3"));
}

static void reason__redirect__where_to_without_query(void **state)
{
    (void)state;
    struct tw_http_answer answer = {.status = 302,
                                    .phrase = TW_STR_LIT("Found"),
                                    .location = TW_STR_LIT("https://b/x?session=1")};
    reason_is(&answer, "302 Found: redirects are not followed, to https://b/x");
    answer.location = TW_STR_NULL;
    reason_is(&answer, "302 Found: redirects are not followed");
}

/* ---- URLs ---- */

static void url__good_ones__pass(void **state)
{
    (void)state;
    static const char *const good[] = {
        "https://erp.example/replay",
        "http://localhost:8080/",
        "https://a",
        "https://[::1]:1/x?y=%20&z=1,2",
        "http://127.0.0.1:65535",
        "https://a.b-c.d/~x/(y);z=1@2",
        "https://a?x=y",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct tw_diag diag;
        assert_int_equal(tw_url_check(good[i], &diag), TW_OK);
    }
}

static void url__bad_ones__refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "erp.example",
        "//a",
        "ftp://a",
        "HTTPS://a",
        "https:/a",
        "https://",
        "https:///x",
        "https://:80/",
        "https://a:/",
        "https://a:0/",
        "https://a:65536/",
        "https://a:80x/",
        "https://a:000080/",
        "https://u@a/",
        "https://u:p@a/",
        "https://a#f",
        "https://a/#f",
        "https://[::1/",
        "https://[::1]x/",
        "https://[fe80::1%25eth0]/",
        "https://[]/",
        "https://a b/",
        "https://a/b c",
        "https://a/\"",
        "https://a\\@b/",
        "https://a/\n",
        "https://a/\xc3\xa4",
        "https://\xc3\xa4/",
        "https://-a/",
        "https://.a/",
        "https://a_b/",
        "https://a%2eb/",
        "https://a/{x}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct tw_diag diag = {.text = ""};
        assert_int_equal(tw_url_check(bad[i], &diag), TW_EINVAL);
        assert_true(diag.text[0] != '\0');
        assert_null(strstr(diag.text, "u:p"));
    }
}

static void url__length__2048_and_no_more(void **state)
{
    (void)state;
    char url[TW_URL_MAX + 2];
    memset(url, 'a', sizeof(url));
    memcpy(url, "https://a/", 10);
    url[TW_URL_MAX] = '\0';
    assert_int_equal(tw_url_check(url, NULL), TW_OK);
    url[TW_URL_MAX] = 'a';
    url[TW_URL_MAX + 1] = '\0';
    assert_int_equal(tw_url_check(url, NULL), TW_EINVAL);
}

static void url__loopback__only_what_is_so_everywhere(void **state)
{
    (void)state;
    static const char *const yes[] = {"http://localhost", "http://localhost:80/x",
                                      "http://127.0.0.1", "http://127.255.255.254:1/",
                                      "http://[::1]:80/"};
    static const char *const no[] = {
        "http://localhost.example", "http://127.1",       "http://127.0.0.1.example",
        "http://127.0.0.1.1",       "http://127..0.1",    "http://0.0.0.0",
        "http://10.0.0.1",          "http://[::]",        "http://[::ffff:127.0.0.1]",
        "http://localhos",          "http://127.0.0.",    "http://a/localhost",
        "http://a?127.0.0.1",       "http://127.0.0.0001"};
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        assert_true(tw_url_is_loopback(yes[i]));
    }
    for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        assert_false(tw_url_is_loopback(no[i]));
    }
    assert_true(tw_url_is_https("https://a"));
    assert_false(tw_url_is_https("http://https://a"));
}

/* ---- the configuration ---- */

static int parse(const char *yaml, char *report, size_t size, struct tw_cfg **ret_cfg)
{
    FILE *out = fmemopen(report, size, "w");
    assert_non_null(out);
    int rc = tw_cfg_parse("t.yaml", yaml, strlen(yaml), out, ret_cfg);
    assert_int_equal(fclose(out), 0);
    return rc;
}

static void config__destination__defaults_and_what_is_given(void **state)
{
    (void)state;
    char report[4096] = "";
    struct tw_cfg *cfg = NULL;
    assert_int_equal(parse("destinations:\n"
                           "  - {name: erp, url: 'https://a/x'}\n"
                           "  - {name: oms, url: 'http://127.0.0.1:1/', timeout-s: 120,\n"
                           "     concurrency: 64, headers: {X-A: '1', x-b: 'two words'}}\n"
                           "  - {name: wms, url: 'http://a/', insecure: true, timeout-s: 1min}\n",
                           report, sizeof(report), &cfg),
                     TW_OK);
    assert_int_equal(cfg->destination_count, 3);
    const struct tw_cfg_destination *d = cfg->destinations;
    assert_int_equal(d[0].timeout_s, 10);
    assert_int_equal(d[0].concurrency, 8);
    assert_null(d[0].ca_file);
    assert_null(d[0].bearer_token_file);
    assert_int_equal(d[0].headers.count, 0);
    assert_false(d[0].is_insecure);
    assert_int_equal(d[1].headers.count, 2);
    assert_string_equal(d[1].headers.items[1].from, "x-b");
    assert_string_equal(d[1].headers.items[1].to, "two words");
    assert_int_equal(d[2].timeout_s, 60);
    tw_cfg_destroy(&cfg);
}

/* One entry that is wrong in one way, and what is said about it. */
static void refuse_in(int line, const char *entry, const char *wanted)
{
    char yaml[2048];
    char report[4096] = "";
    struct tw_cfg *cfg = NULL;
    int len = snprintf(yaml, sizeof(yaml), "destinations:\n  - %s\n", entry);
    assert_in_range(len, 1, sizeof(yaml) - 1);
    assert_int_equal(parse(yaml, report, sizeof(report), &cfg), TW_ECONFIG);
    assert_null(cfg);
    char begin[32];
    (void)snprintf(begin, sizeof(begin), "t.yaml:%d: destinations", line);
    assert_memory_equal(report, begin, strlen(begin));
    if (strstr(report, wanted) == NULL) {
        fail_msg("%s: said %s", wanted, report);
    }
}

static void refuse(const char *entry, const char *wanted)
{
    refuse_in(2, entry, wanted);
}

static void config__wrong_entries__line_and_reason(void **state)
{
    (void)state;
    refuse("{name: erp}", "the key \"url\" is missing");
    refuse("{url: 'https://a'}", "the key \"name\" is missing");
    refuse("{name: nobody, url: 'https://a'}", "there is no system \"nobody\"");
    refuse("{name: erp, url: 'http://a'}", "plain http to another machine");
    refuse("{name: erp, url: 'https://u:p@a'}", "a user or password");
    refuse("{name: erp, url: 'https://a', timeout-s: 0}", "1 to 120");
    refuse("{name: erp, url: 'https://a', timeout-s: 121}", "1 to 120");
    refuse("{name: erp, url: 'https://a', concurrency: 0}", "1 to 64");
    refuse("{name: erp, url: 'https://a', concurrency: 65}", "1 to 64");
    refuse("{name: erp, url: 'https://a', ca-file: /nowhere}", "no such file");
    refuse("{name: erp, url: 'https://a', bearer-token-file: /nowhere}", "no such file");
    refuse("{name: erp, url: 'https://a', bearer-token-file: /}", "no regular file");
    refuse("{name: erp, url: 'https://a', bearer-token-file: /etc/passwd}", "read by others");
    refuse("{name: erp, url: 'http://a', insecure: true, bearer-token-file: /etc/passwd}",
           "does not go over plain http");
    refuse("{name: erp, url: 'https://a', redirects: true}", "unknown key");
    refuse("{name: erp, url: 'https://a', headers: 7}", "a map is expected");
    refuse("{name: erp, url: 'https://a', headers: {'a b': x}}", "no header name");
    refuse("{name: erp, url: 'https://a', headers: {\"a\\r\\nb\": x}}", "no header name");
    refuse("{name: erp, url: 'https://a', headers: {a: \"x\\r\\nb: y\"}}", "printable ASCII");
    refuse("{name: erp, url: 'https://a', headers: {a: ''}}", "printable ASCII");
    refuse("{name: erp, url: 'https://a', headers: {a: ' x'}}", "printable ASCII");
    refuse("{name: erp, url: 'https://a', headers: {a: x, A: y}}", "given twice");
    refuse("{name: erp, url: 'https://a', headers: {AUTHORIZATION: x}}", "bearer-token-file");
    refuse("{name: erp, url: 'https://a', headers: {Idempotency-Key: x}}", "not for the conf");
    refuse("{name: erp, url: 'https://a', headers: {Content-Length: '1'}}", "not for the conf");
    refuse("{name: erp, url: 'https://a', headers: {Host: a}}", "not for the conf");
    refuse_in(3, "{name: erp, url: 'https://a'}\n  - {name: erp, url: 'https://b'}",
              "is there twice");
}

static void config__headers__sixteen_of_1024_bytes(void **state)
{
    (void)state;
    for (int count = TW_CFG_MAX_HEADERS; count <= TW_CFG_MAX_HEADERS + 1; count++) {
        char yaml[1024] = "destinations:\n  - {name: erp, url: 'https://a', headers: {";
        char report[1024] = "";
        struct tw_cfg *cfg = NULL;
        for (int i = 0; i < count; i++) {
            size_t len = strlen(yaml);
            (void)snprintf(yaml + len, sizeof(yaml) - len, "h%d: x, ", i);
        }
        size_t len = strlen(yaml);
        (void)snprintf(yaml + len, sizeof(yaml) - len, "}}\n");
        assert_int_equal(parse(yaml, report, sizeof(report), &cfg),
                         count == TW_CFG_MAX_HEADERS ? TW_OK : TW_ECONFIG);
        tw_cfg_destroy(&cfg);
    }
    for (int size = TW_CFG_MAX_HEADER_BYTES; size <= TW_CFG_MAX_HEADER_BYTES + 1; size++) {
        char yaml[2048];
        char report[1024] = "";
        struct tw_cfg *cfg = NULL;
        (void)snprintf(yaml, sizeof(yaml),
                       "destinations:\n  - {name: erp, url: 'https://a', headers: {h: '%0*d'}}\n",
                       size - 1, 0);
        assert_int_equal(parse(yaml, report, sizeof(report), &cfg),
                         size == TW_CFG_MAX_HEADER_BYTES ? TW_OK : TW_ECONFIG);
        tw_cfg_destroy(&cfg);
    }
}

/* ---- posts that do not begin ---- */

static struct tw_http_out *open_out(struct tw_clock_manual *clock, struct tw_cfg **ret_cfg)
{
    char report[1024] = "";
    struct tw_diag diag;
    struct tw_http_out *out = NULL;
    tw_clock_manual_init(clock, NOW);
    /* Port 9 of this machine: nothing is ever sent there by these cases. */
    assert_int_equal(parse("destinations:\n  - {name: erp, url: 'http://127.0.0.1:9/', "
                           "concurrency: 2}\n",
                           report, sizeof(report), ret_cfg),
                     TW_OK);
    assert_int_equal(tw_http_out_new(*ret_cfg, &clock->clock, &out, &diag), TW_OK);
    return out;
}

static struct tw_http_post good_post(void)
{
    return (struct tw_http_post){.destination = "erp",
                                 .item = 1,
                                 .key = TW_STR_LIT("k"),
                                 .event = TW_STR_LIT("{}"),
                                 .deadline = {NOW.ns + TW_NS_PER_S}};
}

static void post__what_is_wrong__said_before_anything_leaves(void **state)
{
    (void)state;
    struct tw_clock_manual clock;
    struct tw_cfg *cfg = NULL;
    struct tw_diag diag;
    struct tw_http_out *out = open_out(&clock, &cfg);
    char *large = calloc(1, TW_HTTP_EVENT_MAX + 1);
    char key[257];
    assert_non_null(large);
    memset(key, 'k', sizeof(key));

    struct tw_http_post post = good_post();
    post.destination = "oms";
    assert_int_equal(tw_http_out_post(out, &post, &diag), TW_ENOTFOUND);
    post = good_post();
    post.key.len = 0;
    assert_int_equal(tw_http_out_post(out, &post, &diag), TW_EINVAL);
    post.key = (struct tw_str){key, 257};
    assert_int_equal(tw_http_out_post(out, &post, &diag), TW_EINVAL);
    post = good_post();
    post.event.len = 0;
    assert_int_equal(tw_http_out_post(out, &post, &diag), TW_EINVAL);
    post.event = (struct tw_str){large, TW_HTTP_EVENT_MAX + 1};
    assert_int_equal(tw_http_out_post(out, &post, &diag), TW_ELIMIT);
    post = good_post();
    post.deadline = NOW;
    assert_int_equal(tw_http_out_post(out, &post, &diag), TW_ETIMEOUT);
    assert_int_equal(tw_http_out_under_way(out), 0);

    post = good_post();
    post.key = (struct tw_str){key, 256};
    assert_int_equal(tw_http_out_post(out, &post, &diag), TW_OK);
    assert_int_equal(tw_http_out_post(out, &post, &diag), TW_EEXISTS);
    assert_int_equal(tw_http_out_room(out, "erp"), 1);
    post.item = 2;
    post.event = (struct tw_str){large, TW_HTTP_EVENT_MAX};
    assert_int_equal(tw_http_out_post(out, &post, &diag), TW_OK);
    assert_int_equal(tw_http_out_room(out, "erp"), 0);
    post.item = 3;
    assert_int_equal(tw_http_out_post(out, &post, &diag), TW_EAGAIN);
    assert_int_equal(tw_http_out_under_way(out), 2);
    assert_int_equal(tw_http_out_room(out, "oms"), 0);
    assert_true(tw_http_out_serves(out, "erp"));
    assert_false(tw_http_out_serves(out, "oms"));
    assert_string_equal(tw_http_out_url(out, "erp"), "http://127.0.0.1:9/");
    assert_null(tw_http_out_url(out, "oms"));

    tw_http_out_destroy(&out); /* with two that never left */
    assert_null(out);
    tw_http_out_destroy(&out);
    tw_cfg_destroy(&cfg);
    free(large);
}

static void memory__runs_out_at_each_call__nothing_is_begun(void **state)
{
    (void)state;
    char report[1024] = "";
    struct tw_cfg *cfg = NULL;
    assert_int_equal(parse("destinations:\n  - {name: erp, url: 'http://127.0.0.1:9/'}\n", report,
                           sizeof(report), &cfg),
                     TW_OK);
    size_t failed = 0;
    for (size_t n = 1;; n++) {
        struct tw_diag diag = {.text = ""};
        struct tw_http_out *out = NULL;
        struct tw_http_post post = good_post();
        struct tw_clock_manual clock;
        tw_clock_manual_init(&clock, NOW);
        alloc_count = 0;
        alloc_failing = n;
        int rc = tw_http_out_new(cfg, &clock.clock, &out, &diag);
        if (rc == TW_OK) {
            rc = tw_http_out_post(out, &post, &diag);
            assert_int_equal(tw_http_out_under_way(out), rc == TW_OK ? 1 : 0);
            assert_int_equal(tw_http_out_room(out, "erp"), rc == TW_OK ? 7 : 8);
        }
        alloc_failing = 0;
        tw_http_out_destroy(&out);
        if (rc == TW_OK) {
            break;
        }
        assert_int_equal(rc, TW_ENOMEM);
        assert_true(diag.text[0] != '\0');
        failed++;
    }
    assert_in_range(failed, 4, 100);
    tw_cfg_destroy(&cfg);
}

static void wait__no_destinations__looks_at_what_it_is_given(void **state)
{
    (void)state;
    char report[64] = "";
    struct tw_cfg *cfg = NULL;
    struct tw_diag diag;
    struct tw_http_out *out = NULL;
    struct tw_http_result result;
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    assert_int_equal(parse("store: {}\n", report, sizeof(report), &cfg), TW_OK);
    assert_int_equal(tw_http_out_new(cfg, tw_clock_system(), &out, &diag), TW_OK);
    struct pollfd fds[2] = {{.fd = pipe_fds[0], .events = POLLIN, .revents = -1},
                            {.fd = pipe_fds[1], .events = POLLIN, .revents = -1}};
    assert_int_equal(tw_http_out_wait(out, fds, 2, 0), TW_OK);
    assert_int_equal(fds[0].revents, 0);
    assert_int_equal(fds[1].revents, 0);
    assert_int_equal(write(pipe_fds[1], "x", 1), 1);
    assert_int_equal(tw_http_out_wait(out, fds, 2, 60000), TW_OK);
    assert_int_equal(fds[0].revents, POLLIN);
    assert_int_equal(fds[1].revents, 0);
    fds[1].events = POLLOUT;
    assert_int_equal(tw_http_out_wait(out, fds, 2, 60000), TW_OK);
    assert_int_equal(fds[1].revents, POLLOUT);
    assert_false(tw_http_out_next(out, &result));
    tw_http_out_destroy(&out);
    tw_cfg_destroy(&cfg);
    (void)close(pipe_fds[0]);
    (void)close(pipe_fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdict__each_status__as_documented),
        cmocka_unit_test(pause__all_statuses__two_of_them),
        cmocka_unit_test(retry_after__seconds__within_bounds),
        cmocka_unit_test(retry_after__dates__all_three_forms),
        cmocka_unit_test(retry_after__distance_beyond_64_bits__bounded),
        cmocka_unit_test(retry_after__garbage__is_none),
        cmocka_unit_test(backoff__each_failure__doubles_up_to_the_maximum),
        cmocka_unit_test(key__any_text__no_byte_ends_the_header),
        cmocka_unit_test(key__every_byte_and_the_longest__unambiguous),
        cmocka_unit_test(reason__problem__detail_else_title_else_phrase),
        cmocka_unit_test(reason__body_that_is_no_problem__phrase_alone),
        cmocka_unit_test(reason__control_and_direction_characters__harmless),
        cmocka_unit_test(reason__too_long__cut_at_a_character),
        cmocka_unit_test(reason__answer_repeats_the_token__not_shown),
        cmocka_unit_test(reason__redirect__where_to_without_query),
        cmocka_unit_test(url__good_ones__pass),
        cmocka_unit_test(url__bad_ones__refused),
        cmocka_unit_test(url__length__2048_and_no_more),
        cmocka_unit_test(url__loopback__only_what_is_so_everywhere),
        cmocka_unit_test(config__destination__defaults_and_what_is_given),
        cmocka_unit_test(config__wrong_entries__line_and_reason),
        cmocka_unit_test(config__headers__sixteen_of_1024_bytes),
        cmocka_unit_test(post__what_is_wrong__said_before_anything_leaves),
        cmocka_unit_test(memory__runs_out_at_each_call__nothing_is_begun),
        cmocka_unit_test(wait__no_destinations__looks_at_what_it_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
