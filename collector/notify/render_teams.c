/* SPDX-License-Identifier: Apache-2.0
 * Microsoft Teams: an adaptive card, as connectors and workflows take it. What others wrote stands
 * in text runs, which know no markup at all; text blocks would take it for Markdown.
 */
#include "config.h"
#include "notify/render.h"

#include <stdio.h>
#include <string.h>

#include "config/url.h"

#define TITLE_MAX  300
#define TEXT_MAX   1000
#define FACTS_MAX  1500
#define FACT_MAX   200
#define ACTION_MAX 2 /* buttons: the first alert's page and runbook */
/* Kept for what is around the alerts. */
#define FRAME_MAX (2u * (TW_URL_MAX * 2 + 200) + 2048)

struct card {
    struct tw_buf buf; /* one text at a time */
    json_t *body;
    size_t bytes; /* of what is in body */
    int fault;
};

static int count_bytes(const char *bytes, size_t len, void *sum)
{
    (void)bytes; /* only how many */
    *(size_t *)sum += len;
    return 0;
}

static size_t size_of(const json_t *json)
{
    size_t sum = 0;
    (void)json_dump_callback(json, count_bytes, &sum, JSON_COMPACT); /* fails without memory: 0 */
    return sum + 1;
}

/* What stands in buf as a paragraph. Takes the text out of it. */
static json_t *paragraph(struct card *self, bool is_bold)
{
    json_t *text = self->buf.error != TW_OK ? NULL : json_stringn(self->buf.data, self->buf.len);
    json_t *run = json_pack("{s:s,s:o}", "type", "TextRun", "text", text);
    if (is_bold) {
        (void)json_object_set_new(run, "weight", json_string("Bolder")); /* only looks */
    }
    tw_buf_clear(&self->buf);
    return json_pack("{s:s,s:[o]}", "type", "RichTextBlock", "inlines", run);
}

/* False: it has no room any more. Takes item. */
static bool put(struct card *self, json_t *item)
{
    if (item == NULL) {
        self->fault = -1;
        return false;
    }
    size_t size = size_of(item);
    if (self->bytes + size > TW_TEAMS_MAX - FRAME_MAX) {
        json_decref(item);
        return false;
    }
    self->bytes += size;
    self->fault |= json_array_append_new(self->body, item);
    return self->fault == 0;
}

static void add_facts(struct tw_text *text, const struct tw_body_fact *facts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tw_text one = tw_text_begin(text->out, text->escape, FACT_MAX);
        one.end = one.end < text->end ? one.end : text->end;
        tw_text_raw(&one, i == 0 ? "" : ", ");
        tw_text_raw(&one, facts[i].name);
        tw_text_raw(&one, ": ");
        tw_text_add(&one, facts[i].text);
    }
}

/* Summary, description, facts: one container, so that it is whole or not there. */
static json_t *alert_of(struct card *self, const struct tw_body_alert *alert)
{
    struct tw_body_fact facts[TW_BODY_FACTS_MAX];
    struct tw_str description = tw_json_text(alert->annotations, "description");
    struct tw_text text = tw_text_begin(&self->buf, TW_ESCAPE_NONE, TEXT_MAX);
    json_t *items = json_array();
    tw_text_wrapped(&text, alert->is_firing ? "Firing: " : "Resolved: ", tw_body_summary(alert),
                    "");
    int fault = json_array_append_new(items, paragraph(self, true));
    if (description.len > 0) {
        text = tw_text_begin(&self->buf, TW_ESCAPE_NONE, TEXT_MAX);
        tw_text_add(&text, description);
        fault |= json_array_append_new(items, paragraph(self, false));
    }
    text = tw_text_begin(&self->buf, TW_ESCAPE_NONE, FACTS_MAX);
    add_facts(&text, facts, tw_body_facts(alert, facts));
    if (self->buf.len > 0) {
        fault |= json_array_append_new(items, paragraph(self, false));
    }
    if (fault != 0) {
        json_decref(items);
        return NULL;
    }
    return json_pack("{s:s,s:o}", "type", "Container", "items", items);
}

static void add_actions(const struct tw_body *body, json_t *card)
{
    char url[TW_URL_MAX];
    json_t *actions = json_array();
    const struct tw_body_alert *first = body->count == 0 ? NULL : &body->alerts[0];
    if (first != NULL && first->generator.len > 0) {
        (void)json_array_append_new(actions, json_pack("{s:s,s:s,s:s}", "type", "Action.OpenUrl",
                                                       "title", "Open in Tillwatch", "url",
                                                       first->generator.ptr)); /* a convenience */
    }
    if (first != NULL && tw_body_runbook(body, first, url, sizeof url)) {
        (void)json_array_append_new(actions, json_pack("{s:s,s:s,s:s}", "type", "Action.OpenUrl",
                                                       "title", "Runbook", "url", url));
    }
    if (json_array_size(actions) > 0) {
        (void)json_object_set(card, "actions", actions); /* likewise */
    }
    json_decref(actions);
}

static void fill(struct card *self, const struct tw_body *body)
{
    struct tw_body_fact facts[TW_BODY_FACTS_MAX];
    size_t listed = 0;
    struct tw_text text = tw_text_begin(&self->buf, TW_ESCAPE_NONE, TITLE_MAX);
    tw_body_title(body, &text);
    (void)put(self, paragraph(self, true)); /* it has room: it is the first */
    text = tw_text_begin(&self->buf, TW_ESCAPE_NONE, FACTS_MAX);
    add_facts(&text, facts, tw_body_common_facts(body, facts));
    if (self->buf.len > 0) {
        (void)put(self, paragraph(self, false)); /* as above */
    }
    while (listed < body->count && put(self, alert_of(self, &body->alerts[listed]))) {
        listed++;
    }
    uint64_t more = body->truncated + (body->count - listed);
    if (more > 0 && self->fault == 0) {
        char said[64];
        text = tw_text_begin(&self->buf, TW_ESCAPE_NONE, TEXT_MAX);
        (void)snprintf(said, sizeof said, "and %llu more", (unsigned long long)more); /* it fits */
        tw_text_raw(&text, said);
        self->fault |= json_array_append_new(self->body, paragraph(self, false));
    }
}

int tw_render_teams(const struct tw_body *body, struct tw_buf *out)
{
    struct card card = {.body = json_array()};
    int rc = TW_ENOMEM;
    tw_buf_init(&card.buf, 8192);
    fill(&card, body);
    json_t *content =
        json_pack("{s:s,s:s,s:s,s:O,s:{s:s}}", "$schema",
                  "http://adaptivecards.io/schemas/adaptive-card.json", "type", "AdaptiveCard",
                  "version", "1.2", "body", card.body, "msteams", "width", "full");
    if (content != NULL && card.fault == 0) {
        add_actions(body, content);
        json_t *message =
            json_pack("{s:s,s:[{s:s,s:n,s:O}]}", "type", "message", "attachments", "contentType",
                      "application/vnd.microsoft.card.adaptive", "contentUrl", "content", content);
        rc = tw_json_write(message, out);
        json_decref(message);
    }
    json_decref(content);
    json_decref(card.body);
    tw_buf_fini(&card.buf);
    return rc;
}
