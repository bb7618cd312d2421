/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as what a receiver answers and as what a notice says, in texts each ended by a NUL:
 * status, phrase, Content-Type, Retry-After, the body of the answer; the rest is the webhook body.
 * What is read of an answer has no secret in it; every form of a body keeps to the limits of its
 * receiver, and nothing that it says becomes markup, a header or a line.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "event/text.h"
#include "fuzz.h"
#include "notify/render.h"
#include "notify/verdict.h"

#define SECRET "S3CRETS3CRETS3CRETS3CRETS3CRET00"

static struct tw_str next_text(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size == 0 ? NULL : memchr(*data, 0, *size);
    size_t len = end == NULL ? *size : (size_t)(end - *data);
    struct tw_str text = {(const char *)*data, len};
    size_t step = end == NULL ? len : len + 1;
    *data += step;
    *size -= step;
    return text;
}

static void must(bool is_so)
{
    if (!is_so) {
        abort();
    }
}

static void check_clean(struct tw_str text)
{
    must(tw_utf8_is_valid(text));
    for (size_t i = 0; i < text.len; i++) {
        must((unsigned char)text.ptr[i] >= 0x20 && text.ptr[i] != 0x7f);
    }
}

static void check_answer(const struct tw_http_reply *reply)
{
    for (unsigned kind = 0; kind < TW_INTEGRATION_KIND_COUNT; kind++) {
        const struct tw_integration to = {.kind = (enum tw_integration_kind)kind,
                                          .url = (char[]){"https://h/services/" SECRET},
                                          .bearer = (char[]){SECRET},
                                          .routing_key = (char[]){SECRET},
                                          .password = (char[]){SECRET}};
        struct tw_verdict verdict;
        tw_verdict_of(&to, reply, (tw_wall_t){0}, &verdict);
        must(verdict.word <= TW_VERDICT_FAILED);
        must(verdict.wait_ms == -1 || (verdict.wait_ms >= TW_HTTP_BACKOFF_MIN_MS &&
                                       verdict.wait_ms <= TW_HTTP_RETRY_MAX_MS));
        check_clean(tw_str_of(verdict.reason));
        must(strstr(verdict.reason, SECRET) == NULL);
    }
}

/* ---- forms ---- */

static json_t *json_of(struct tw_buf *out, int rc)
{
    must(rc == TW_OK && out->error == TW_OK);
    json_t *json = json_loadb(out->data, out->len, 0, NULL);
    must(json != NULL);
    tw_buf_clear(out);
    return json;
}

static void check_slack(const struct tw_body *body, struct tw_buf *out)
{
    json_t *json = json_of(out, tw_render_slack(body, out));
    const json_t *blocks = json_object_get(json, "blocks");
    must(json_array_size(blocks) >= 1 && json_array_size(blocks) <= TW_SLACK_BLOCKS_MAX);
    for (size_t i = 0; i < json_array_size(blocks); i++) {
        struct tw_str text =
            tw_json_text(json_object_get(json_array_get(blocks, i), "text"), "text");
        must(text.len >= 1 && text.len <= TW_SLACK_TEXT_MAX && tw_utf8_is_valid(text));
        for (const char *p = strchr(text.ptr, '<'); p != NULL; p = strchr(p + 1, '<')) {
            must(strncmp(p, "<http", 5) == 0); /* a link of ours */
        }
    }
    must(strchr(tw_json_text(json, "text").ptr, '<') == NULL);
    json_decref(json);
}

static void check_mail(const struct tw_body *body, struct tw_buf *out)
{
    char *items[] = {(char[]){"a@b"}};
    const struct tw_cfg_strings to = {.items = items, .count = 1};
    const struct tw_mail mail = {
        .from = "t@b", .to = &to, .key = "k", .no_picture = "there is none"};
    must(tw_render_mail(body, &mail, out) == TW_OK);
    size_t column = 0;
    for (size_t i = 0; i < out->len; i++) {
        char c = out->data[i];
        column = c == '\n' ? 0 : column + 1;
        must(column <= 998);
        must((c >= 0x20 && c < 0x7f) || (c == '\r' && out->data[i + 1] == '\n') ||
             (c == '\n' && out->data[i - 1] == '\r'));
    }
    tw_buf_clear(out);
}

static void check_pagerduty(const struct tw_body *body, struct tw_buf *out)
{
    for (size_t i = 0; i < body->count; i++) {
        int rc = tw_render_pagerduty(body, i, SECRET, i % 2 == 0, out);
        must(out->len <= TW_PAGERDUTY_MAX);
        json_t *json = json_of(out, rc);
        struct tw_str summary = tw_json_text(json_object_get(json, "payload"), "summary");
        must(summary.len >= 1 && summary.len <= TW_PAGERDUTY_SUMMARY_MAX);
        check_clean(summary);
        must(tw_json_text(json, "dedup_key").len <= 255);
        json_decref(json);
    }
}

static void check_forms(const struct tw_body *body, struct tw_buf *out)
{
    struct tw_buf topic;
    json_decref(json_of(out, tw_render_webhook(body, out)));
    json_decref(json_of(out, tw_render_alertmanager(body, (tw_wall_t){0}, out)));
    int rc = tw_render_teams(body, out);
    must(out->len <= TW_TEAMS_MAX);
    json_decref(json_of(out, rc));
    check_slack(body, out);
    check_mail(body, out);
    check_pagerduty(body, out);
    tw_buf_init(&topic, TW_TOPIC_MAX);
    for (size_t i = 0; i < body->count; i++) {
        tw_buf_clear(&topic);
        json_decref(json_of(out, tw_render_pub(body, i, &topic, out)));
        check_clean((struct tw_str){topic.data, topic.len});
    }
    tw_buf_fini(&topic);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tw_body_asked asked[] = {{true, 0}, {false, 3}};
    struct tw_str status = next_text(&data, &size);
    struct tw_http_reply reply = {.user = NULL};
    for (size_t i = 0; i < status.len && i < 3; i++) {
        reply.answer.status = reply.answer.status * 10 + ((unsigned char)status.ptr[i] % 10);
    }
    reply.has_begun = status.len > 3;
    reply.fault = status.len > 4 ? "Recv failure at /services/" SECRET : NULL;
    reply.refused = status.len > 5 ? 1 : 0;
    reply.answer.phrase = next_text(&data, &size);
    reply.answer.type = next_text(&data, &size);
    reply.retry_after = next_text(&data, &size);
    reply.answer.body = next_text(&data, &size);
    check_answer(&reply);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        struct tw_body body;
        struct tw_buf out;
        tw_buf_init(&out, TW_RENDER_MAX);
        if (tw_body_read((struct tw_str){(const char *)data, size}, &asked[i], &body) == TW_OK) {
            check_forms(&body, &out);
            tw_body_fini(&body);
        }
        tw_buf_fini(&out);
    }
    return 0;
}
