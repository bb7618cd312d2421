/* SPDX-License-Identifier: Apache-2.0
 * Slack, incoming webhook: a fallback text and blocks. Texts are mrkdwn with & < > escaped, so that
 * nobody is mentioned and nothing linked by what an event says; `verbatim` keeps bare addresses
 * and names as they are.
 */
#include "config.h"
#include "notify/render.h"

#include <stdio.h>
#include <string.h>

#include "config/url.h"

#define FACT_MAX  200 /* bytes of one */
#define FACTS_MAX 900
#define WORDS_MAX 1300 /* summary and description */
#define TITLE_MAX 300

/* A link, whole or not at all. The URL was checked: it has no '<', '>' or '|'. */
static void add_link(struct tw_text *text, const char *before, const char *url, const char *name)
{
    char markup[TW_URL_MAX * 5 + 64];
    char plain[TW_URL_MAX * 5 + 1];
    size_t len = 0;
    for (const char *p = url; *p != '\0' && len + 6 < sizeof plain; p++) {
        if (*p == '&') {
            memcpy(plain + len, "&amp;", 5);
            len += 5;
        } else {
            plain[len++] = *p;
        }
    }
    plain[len] = '\0';
    int size = snprintf(markup, sizeof markup, "%s<%s|%s>", before, plain, name);
    if (size > 0 && (size_t)size < sizeof markup) {
        tw_text_raw(text, markup);
    }
}

static void add_facts(struct tw_text *text, const struct tw_body_fact *facts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tw_text one = tw_text_begin(text->out, text->escape, FACT_MAX);
        one.end = one.end < text->end ? one.end : text->end;
        tw_text_raw(&one, i == 0 ? "\n" : " · ");
        tw_text_raw(&one, facts[i].name);
        tw_text_raw(&one, ": ");
        tw_text_add(&one, facts[i].text);
    }
}

static void add_alert(const struct tw_body *body, const struct tw_body_alert *alert,
                      struct tw_text *text)
{
    struct tw_body_fact facts[TW_BODY_FACTS_MAX];
    char url[TW_URL_MAX];
    struct tw_str description = tw_json_text(alert->annotations, "description");
    /* Words and facts leave room for the links. */
    struct tw_text room = tw_text_begin(text->out, text->escape, WORDS_MAX);
    tw_text_wrapped(&room, alert->is_firing ? "*Firing* " : "*Resolved* ", tw_body_summary(alert),
                    "");
    if (description.len > 0) {
        tw_text_wrapped(&room, "\n", description, "");
    }
    room = tw_text_begin(text->out, text->escape, FACTS_MAX);
    add_facts(&room, facts, tw_body_facts(alert, facts));
    if (alert->generator.len > 0) {
        add_link(text, "\n", alert->generator.ptr, "Open in Tillwatch");
    }
    if (tw_body_runbook(body, alert, url, sizeof url)) {
        add_link(text, " · ", url, "Runbook");
    }
}

/* Takes the text out of buf. */
static json_t *section(struct tw_buf *buf)
{
    json_t *text = buf->error != TW_OK ? NULL : json_stringn(buf->data, buf->len);
    json_t *block = json_pack("{s:s,s:{s:s,s:o,s:b}}", "type", "section", "text", "type", "mrkdwn",
                              "text", text, "verbatim", 1);
    tw_buf_clear(buf);
    return block;
}

/* The head, at most TW_SLACK_BLOCKS_MAX - 2 alerts, and how many more there are. */
static int add_blocks(const struct tw_body *body, struct tw_buf *buf, json_t *blocks)
{
    struct tw_body_fact facts[TW_BODY_FACTS_MAX];
    size_t listed = body->count < TW_SLACK_BLOCKS_MAX - 2 ? body->count : TW_SLACK_BLOCKS_MAX - 2;
    uint64_t more = body->truncated + (body->count - listed);
    struct tw_text text = tw_text_begin(buf, TW_ESCAPE_SLACK, TW_SLACK_TEXT_MAX);
    tw_text_raw(&text, "*");
    struct tw_text title = tw_text_begin(buf, TW_ESCAPE_SLACK, TITLE_MAX);
    tw_body_title(body, &title);
    tw_text_raw(&text, "*");
    add_facts(&text, facts, tw_body_common_facts(body, facts));
    int fault = json_array_append_new(blocks, section(buf));
    for (size_t i = 0; i < listed && fault == 0; i++) {
        text = tw_text_begin(buf, TW_ESCAPE_SLACK, TW_SLACK_TEXT_MAX);
        add_alert(body, &body->alerts[i], &text);
        fault = json_array_append_new(blocks, section(buf));
    }
    if (more > 0 && fault == 0) {
        char said[64];
        text = tw_text_begin(buf, TW_ESCAPE_SLACK, TW_SLACK_TEXT_MAX);
        (void)snprintf(said, sizeof said, "and %llu more", (unsigned long long)more); /* it fits */
        tw_text_raw(&text, said);
        fault = json_array_append_new(blocks, section(buf));
    }
    return fault;
}

int tw_render_slack(const struct tw_body *body, struct tw_buf *out)
{
    struct tw_buf buf;
    json_t *blocks = json_array();
    json_t *message = json_object();
    tw_buf_init(&buf, (size_t)TW_SLACK_TEXT_MAX * 2);
    struct tw_text title = tw_text_begin(&buf, TW_ESCAPE_SLACK, TITLE_MAX);
    tw_body_title(body, &title);
    int fault = buf.error != TW_OK || blocks == NULL ? -1 : 0;
    fault |= json_object_set_new(message, "text", json_stringn(buf.data, buf.len));
    tw_buf_clear(&buf);
    fault = fault == 0 ? add_blocks(body, &buf, blocks) : fault;
    fault |= json_object_set(message, "blocks", blocks);
    fault |= json_object_set_new(message, "unfurl_links", json_false());
    fault |= json_object_set_new(message, "unfurl_media", json_false());
    int rc = fault == 0 ? tw_json_write(message, out) : TW_ENOMEM;
    json_decref(blocks);
    json_decref(message);
    tw_buf_fini(&buf);
    return rc;
}
