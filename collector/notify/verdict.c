/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "notify/verdict.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SEGMENT_MIN 8   /* bytes of a part of a path that may be a secret by itself */
#define SAID_MAX    512 /* bytes of a body that are looked at for a reason */

/* ---- secrets ---- */

static void add_secret(struct tw_str *secrets, size_t *count, struct tw_str text)
{
    if (text.len > 0 && *count < TW_VERDICT_SECRETS_MAX) {
        secrets[(*count)++] = text;
    }
}

/* Behind scheme and host all of a URL is secret: that is where chats have their tokens. The whole
 * first, then its parts. */
static void add_path(struct tw_str *secrets, size_t *count, const char *url)
{
    const char *host = url == NULL ? NULL : strstr(url, "://");
    const char *path = host == NULL ? NULL : strpbrk(host + 3, "/?");
    if (path == NULL || path[1] == '\0') {
        return;
    }
    add_secret(secrets, count, tw_str_of(path));
    while (*path != '\0') {
        path += strspn(path, "/?&=");
        size_t len = strcspn(path, "/?&=");
        if (len >= SEGMENT_MIN) {
            add_secret(secrets, count, (struct tw_str){path, len});
        }
        path += len;
    }
}

size_t tw_verdict_secrets(const struct tw_integration *to,
                          struct tw_str secrets[TW_VERDICT_SECRETS_MAX])
{
    size_t count = 0;
    add_secret(secrets, &count, tw_str_of(to->bearer));
    add_secret(secrets, &count, tw_str_of(to->routing_key));
    add_secret(secrets, &count, tw_str_of(to->password));
    add_path(secrets, &count, to->url);
    return count;
}

/* ---- Teams ---- */

/* Where `word` begins, whatever its case; NULL: nowhere. */
static const char *find(struct tw_str text, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i + len <= text.len; i++) {
        if (strncasecmp(text.ptr + i, word, len) == 0) {
            return text.ptr + i;
        }
    }
    return NULL;
}

int tw_verdict_teams(struct tw_str body)
{
    static const char before[] = "HTTP error ";
    const char *end = tw_str_end(body);
    const char *p = find(body, before);
    if (p == NULL) {
        return find(body, "error") != NULL || find(body, "failed") != NULL ? -1 : 0;
    }
    p += sizeof before - 1;
    int status = 0;
    size_t digits = 0;
    while (p + digits < end && digits < 4 && p[digits] >= '0' && p[digits] <= '9') {
        status = status * 10 + (p[digits] - '0');
        digits++;
    }
    return digits == 3 && status >= 300 ? status : -1;
}

/* ---- reasons ---- */

static struct tw_str said_in(struct tw_str body)
{
    return (struct tw_str){body.ptr, body.len < SAID_MAX ? body.len : SAID_MAX};
}

/* {"status":"invalid event","message":"Event object is invalid","errors":["..."]} */
static void pagerduty_said(struct tw_str body, char out[SAID_MAX])
{
    json_t *json = body.len == 0 ? NULL : json_loadb(body.ptr, body.len, 0, NULL);
    const char *message = json_string_value(json_object_get(json, "message"));
    const char *error = json_string_value(json_array_get(json_object_get(json, "errors"), 0));
    (void)snprintf(out, SAID_MAX, "%s%s%s", message == NULL ? "" : message,
                   message != NULL && error != NULL ? ": " : "",
                   error == NULL ? "" : error); /* cut is fine */
    json_decref(json);
}

/* Into the reason, with what the receiver said in its own way. */
static void explain(const struct tw_integration *to, const struct tw_http_reply *reply,
                    char out[TW_HTTP_REASON_MAX + 1])
{
    char text[TW_HTTP_REASON_MAX + SAID_MAX + 16];
    char own[SAID_MAX] = "";
    struct tw_str secrets[TW_VERDICT_SECRETS_MAX];
    struct tw_str said = TW_STR_NULL;
    struct tw_http_answer answer = reply->answer;
    answer.secrets = secrets;
    answer.secret_count = tw_verdict_secrets(to, secrets);
    if (reply->fault != NULL && !(to->kind == TW_INTEGRATION_EMAIL && answer.status >= 400)) {
        tw_http_hide(tw_str_of(reply->fault), secrets, answer.secret_count, out);
        return;
    }
    tw_http_reason(&answer, out);
    if (to->kind == TW_INTEGRATION_SLACK || to->kind == TW_INTEGRATION_TEAMS) {
        said = said_in(answer.body);
    } else if (to->kind == TW_INTEGRATION_PAGERDUTY) {
        pagerduty_said(answer.body, own);
        said = tw_str_of(own);
    }
    if (said.len > 0) {
        /* What stands in `text` is whole: nothing of a secret is cut off unseen. */
        (void)snprintf(text, sizeof text, "%s: %.*s", out, (int)said.len, said.ptr);
        tw_http_hide(tw_str_of(text), secrets, answer.secret_count, out);
    }
}

/* ---- verdicts ---- */

static bool is_rejected_login(int status)
{
    return status == 530 || status == 534 || status == 535 || status == 538;
}

/* A wrong password is mended by people, and the mail is none the worse for it. */
static enum tw_verdict_word of_mail(const struct tw_http_reply *reply)
{
    int status = reply->answer.status;
    if (reply->fault == NULL) {
        return TW_VERDICT_SENT;
    }
    return status >= 500 && !is_rejected_login(status) ? TW_VERDICT_FAILED : TW_VERDICT_AGAIN;
}

/* Conventions of Alertmanager: a webhook is not told again when it says 429, chats and pagers are.
 */
static enum tw_verdict_word of_status(enum tw_integration_kind kind, int status)
{
    bool is_pausing =
        status == 429 && (kind == TW_INTEGRATION_SLACK || kind == TW_INTEGRATION_TEAMS ||
                          kind == TW_INTEGRATION_PAGERDUTY);
    if (status >= 200 && status <= 299) {
        return TW_VERDICT_SENT;
    }
    return is_pausing || status >= 500 || status < 200 ? TW_VERDICT_AGAIN : TW_VERDICT_FAILED;
}

void tw_verdict_of(const struct tw_integration *to, const struct tw_http_reply *reply,
                   tw_wall_t now, struct tw_verdict *ret_verdict)
{
    struct tw_verdict verdict = {.status = reply->answer.status, .wait_ms = -1};
    int told = to->kind == TW_INTEGRATION_TEAMS && reply->fault == NULL
                   ? tw_verdict_teams(said_in(reply->answer.body))
                   : 0;
    if (to->kind == TW_INTEGRATION_EMAIL) {
        verdict.word = of_mail(reply);
    } else if (reply->fault != NULL) {
        verdict.word = TW_VERDICT_AGAIN;
    } else {
        bool is_in_body = told != 0 && verdict.status >= 200 && verdict.status <= 299;
        verdict.status = is_in_body && told > 0 ? told : verdict.status;
        verdict.word =
            is_in_body && told < 0 ? TW_VERDICT_AGAIN : of_status(to->kind, verdict.status);
    }
    if (verdict.word == TW_VERDICT_AGAIN && reply->fault == NULL) {
        verdict.wait_ms = tw_http_retry_after(reply->retry_after, now);
    }
    if (verdict.word != TW_VERDICT_SENT || reply->refused > 0) {
        explain(to, reply, verdict.reason);
    }
    if (verdict.word == TW_VERDICT_SENT && reply->refused > 0) {
        (void)snprintf(verdict.reason, sizeof verdict.reason, "%zu of the recipients were refused",
                       reply->refused); /* it fits */
    }
    *ret_verdict = verdict;
}
