/* SPDX-License-Identifier: Apache-2.0
 * The forms of a notice against the rules of their receivers: what must be there, how long it may
 * be, and that nothing an event says becomes markup. Mail: test_render_mail.c.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event/text.h"
#include "http/clean.h"
#include "notify/render.h"
#include "store/notices.h"
#include "unit/render_kit.h"

/* ---- reading ---- */

static void read__no_body__is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {"",
                                        "[]",
                                        "{}",
                                        "null",
                                        "{\"alerts\":{}}",
                                        "{\"alerts\":[1]}",
                                        "{\"alerts\":[{\"labels\":{}}]}",
                                        "{\"alerts\":[{\"labels\":[],\"annotations\":{}}]}",
                                        "{\"alerts\":[],\"alerts\":[]}",
                                        "{\"alerts\":[]} x"};
    struct tw_body body;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(tw_body_read(tw_str_of(texts[i]), &everything, &body), TW_ESYNTAX);
    }
}

static void read__body_of_the_largest_size__is_read_and_one_byte_more_is_not(void **state)
{
    (void)state;
    static char text[TW_NOTICE_BODY_MAX + 1];
    struct tw_body body;
    memset(text, ' ', sizeof text);
    memcpy(text, "{\"alerts\":[]}", 13);
    struct tw_str data = {text, TW_NOTICE_BODY_MAX};
    assert_int_equal(tw_body_read(data, &everything, &body), TW_OK);
    tw_body_fini(&body);
    data.len++;
    assert_int_equal(tw_body_read(data, &everything, &body), TW_ELIMIT);
}

static void read__more_alerts_than_listed__the_others_are_counted(void **state)
{
    (void)state;
    struct made made = body_of();
    for (int i = 0; i < 5; i++) {
        (void)add_alert(&made, i < 3 ? "firing" : "resolved", "x");
    }
    assert_int_equal(json_object_set_new(made.root, "truncatedAlerts", json_integer(7)), 0);
    struct tw_body body = read_with(&made, &(struct tw_body_asked){true, 4});
    assert_int_equal(body.count, 4);
    assert_int_equal(body.firing, 3);
    assert_int_equal(body.truncated, 8);
    tw_body_fini(&body);
}

static void read__resolved_not_wanted__only_what_fires(void **state)
{
    (void)state;
    struct made made = body_of();
    (void)add_alert(&made, "resolved", "x");
    (void)add_alert(&made, "firing", "y");
    struct tw_body body = read_with(&made, &(struct tw_body_asked){false, 0});
    assert_int_equal(body.count, 1);
    assert_int_equal(body.truncated, 0);
    assert_true(body.alerts[0].is_firing);
    tw_body_fini(&body);
}

static void read__urls_that_are_none__stand_in_no_link(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "javascript:alert(1)", "https://x/\"onclick=", "//x",
        "https://u@x/",        "https://x/ y",         "https://x/<b>"};
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        struct made made = body_of();
        json_t *alert = add_alert(&made, "firing", "x");
        assert_int_equal(json_object_set_new(alert, "generatorURL", json_string(urls[i])), 0);
        annotate(alert, "runbook_url", urls[i]);
        struct tw_body body = read_all(&made);
        char url[2048];
        assert_int_equal(body.alerts[0].generator.len, 0);
        assert_false(tw_body_runbook(&body, &body.alerts[0], url, sizeof url));
        tw_body_fini(&body);
    }
}

static void runbook__name__is_a_page_of_the_tower(void **state)
{
    (void)state;
    char url[2048];
    struct made made = body_of();
    annotate(add_alert(&made, "firing", "x"), "runbook", "queue-backlog");
    annotate(add_alert(&made, "firing", "x"), "runbook", "../../etc/passwd");
    annotate(add_alert(&made, "firing", "x"), "runbook_url", "https://wiki.example/late");
    struct tw_body body = read_all(&made);
    assert_true(tw_body_runbook(&body, &body.alerts[0], url, sizeof url));
    assert_string_equal(url, "https://tower.example/runbooks/queue-backlog.md");
    assert_false(tw_body_runbook(&body, &body.alerts[1], url, sizeof url));
    assert_true(tw_body_runbook(&body, &body.alerts[2], url, sizeof url));
    assert_string_equal(url, "https://wiki.example/late");
    assert_false(tw_body_runbook(&body, &body.alerts[0], url, 47));
    assert_true(tw_body_runbook(&body, &body.alerts[0], url, 48));
    tw_body_fini(&body);
}

/* ---- titles ---- */

static void title_is(const struct tw_body *body, size_t most, const char *wanted)
{
    struct tw_buf buf;
    tw_buf_init(&buf, 1000);
    struct tw_text text = tw_text_begin(&buf, TW_ESCAPE_NONE, most);
    tw_body_title(body, &text);
    assert_int_equal(buf.error, TW_OK);
    assert_int_equal(tw_buf_append_byte(&buf, 0), TW_OK);
    assert_string_equal(buf.data, wanted);
    tw_buf_fini(&buf);
}

static void title__one_and_many__say_what_and_how_many(void **state)
{
    (void)state;
    struct made made = body_of();
    (void)add_alert(&made, "firing", "posted of sale-posting waits 4 min");
    struct tw_body body = read_all(&made);
    title_is(&body, 250, "[critical] posted of sale-posting waits 4 min");
    title_is(&body, 20, "[critical] posted\xe2\x80\xa6");
    tw_body_fini(&body);

    made = body_of();
    (void)add_alert(&made, "firing", "x");
    (void)add_alert(&made, "resolved", "y");
    json_t *common = json_pack("{s:s,s:s}", "alertname", "Late", "workflow", "sale-posting");
    assert_int_equal(json_object_set_new(made.root, "commonLabels", common), 0);
    assert_int_equal(json_object_set_new(made.root, "truncatedAlerts", json_integer(40)), 0);
    body = read_all(&made);
    title_is(&body, 250, "[critical] Late (sale-posting): 1 firing, 1 resolved, 40 more");
    tw_body_fini(&body);

    made = body_of();
    (void)add_alert(&made, "resolved", "x");
    assert_int_equal(json_object_set_new(made.root, "status", json_string("resolved")), 0);
    body = read_all(&made);
    title_is(&body, 250, "[resolved] x");
    tw_body_fini(&body);
}

/* ---- text ---- */

static void text__at_its_end__is_cut_where_a_character_ends(void **state)
{
    (void)state;
    for (size_t most = 0; most < 40; most++) {
        for (unsigned escape = TW_ESCAPE_NONE; escape <= TW_ESCAPE_HTML; escape++) {
            struct tw_buf buf;
            tw_buf_init(&buf, 100);
            struct tw_text text = tw_text_begin(&buf, (enum tw_escape)escape, most);
            tw_text_wrapped(&text, "<b>", TW_STR_LIT("\xc3\xa4&<\xf0\x9f\x98\x80>\"x"), "</b>");
            assert_int_equal(buf.error, TW_OK);
            assert_true(buf.len <= most);
            assert_true(tw_utf8_is_valid((struct tw_str){buf.data, buf.len}));
            if (buf.len > 0) { /* what begins also ends */
                assert_memory_equal(buf.data, "<b>", 3);
                assert_memory_equal(buf.data + buf.len - 4, "</b>", 4);
                /* No half of an entity. */
                for (size_t i = 0; i < buf.len; i++) {
                    assert_true(escape == TW_ESCAPE_NONE || buf.data[i] != '&' ||
                                memchr(buf.data + i, ';', buf.len - i) != NULL);
                }
            }
            tw_buf_fini(&buf);
        }
    }
}

static void cut__any_length__ends_with_a_character(void **state)
{
    (void)state;
    static const struct tw_str text = {"a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 10};
    static const size_t wanted[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
    for (size_t most = 0; most < 12; most++) {
        assert_int_equal(tw_text_cut(text, most).len, wanted[most]);
    }
}

/* ---- webhook ---- */

static void webhook__body__all_its_members_and_the_alerts_that_are_listed(void **state)
{
    (void)state;
    static const char *const members[] = {
        "receiver",          "status",      "alerts",   "groupLabels",    "commonLabels", "version",
        "commonAnnotations", "externalURL", "groupKey", "truncatedAlerts"};
    struct made made = body_of();
    (void)add_alert(&made, "firing", HOSTILE);
    (void)add_alert(&made, "firing", "y");
    struct tw_body body = read_with(&made, &(struct tw_body_asked){true, 1});
    struct tw_buf out;
    tw_buf_init(&out, TW_RENDER_MAX);
    assert_int_equal(tw_render_webhook(&body, &out), TW_OK);
    json_t *json = json_of(&out);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        assert_non_null(json_object_get(json, members[i]));
    }
    assert_string_equal(at(json, "extra"), "kept");
    assert_int_equal(json_array_size(json_object_get(json, "alerts")), 1);
    assert_int_equal(json_integer_value(json_object_get(json, "truncatedAlerts")), 1);
    const json_t *alert = json_array_get(json_object_get(json, "alerts"), 0);
    /* Programs get what was said, byte for byte. */
    assert_string_equal(at(json_object_get(alert, "annotations"), "summary"), HOSTILE);
    json_decref(json);
    tw_body_fini(&body);
    tw_buf_fini(&out);
}

static void alertmanager__alerts__end_when_nothing_more_is_heard(void **state)
{
    (void)state;
    struct made made = body_of();
    (void)add_alert(&made, "firing", "x");
    (void)add_alert(&made, "resolved", "y");
    json_t *bare = add_alert(&made, "firing", "z");
    assert_int_equal(json_object_set_new(bare, "generatorURL", json_string("")), 0);
    struct tw_body body = read_all(&made);
    struct tw_buf out;
    tw_buf_init(&out, TW_RENDER_MAX);
    const tw_wall_t ends = {INT64_C(1795329240) * TW_NS_PER_S};
    assert_int_equal(tw_render_alertmanager(&body, ends, &out), TW_OK);
    json_t *json = json_of(&out);
    assert_int_equal(json_array_size(json), 3);
    assert_string_equal(at(json_array_get(json, 0), "endsAt"), "2026-11-22T06:34:00.000000Z");
    assert_string_equal(at(json_array_get(json, 1), "endsAt"), "2026-11-22T06:40:00Z");
    assert_string_equal(at(json_array_get(json, 0), "startsAt"), "2026-11-22T06:30:00Z");
    assert_non_null(json_object_get(json_array_get(json, 0), "generatorURL"));
    assert_null(json_object_get(json_array_get(json, 2), "generatorURL"));
    assert_null(json_object_get(json_array_get(json, 0), "status"));
    assert_null(json_object_get(json_array_get(json, 0), "fingerprint"));
    json_decref(json);
    tw_body_fini(&body);
    tw_buf_fini(&out);
}

static void topic_is(const char *severity, const char *workflow, const char *wanted)
{
    struct made made = body_of();
    json_t *alert = add_alert(&made, "firing", "x");
    label(alert, "severity", severity);
    label(alert, "workflow", workflow);
    struct tw_body body = read_all(&made);
    struct tw_buf topic;
    struct tw_buf out;
    tw_buf_init(&topic, TW_TOPIC_MAX);
    tw_buf_init(&out, TW_RENDER_MAX);
    assert_int_equal(tw_render_pub(&body, 0, &topic, &out), TW_OK);
    assert_int_equal(tw_buf_append_byte(&topic, 0), TW_OK);
    assert_string_equal(topic.data, wanted);
    json_t *json = json_of(&out);
    assert_string_equal(at(json, "status"), "firing");
    assert_string_equal(at(json, "fingerprint"), "0000000000000000");
    json_decref(json);
    tw_body_fini(&body);
    tw_buf_fini(&topic);
    tw_buf_fini(&out);
}

static void pub__topic__has_three_parts_whatever_labels_say(void **state)
{
    (void)state;
    topic_is("critical", "sale-posting", "alert.critical.sale-posting");
    topic_is("", "", "alert.none.none");
    topic_is("a.b", "c d\ne", "alert.a_b.c_d_e");
    char *text = long_text(2000);
    char wanted[400];
    (void)snprintf(wanted, sizeof wanted, "alert.%.64s.%.128s", text, text);
    topic_is(text, text, wanted);
    free(text);
}

/* ---- Slack ---- */

static json_t *slack_of(struct made *made)
{
    struct tw_body body = read_all(made);
    struct tw_buf out;
    tw_buf_init(&out, TW_RENDER_MAX);
    assert_int_equal(tw_render_slack(&body, &out), TW_OK);
    json_t *json = json_of(&out);
    tw_body_fini(&body);
    tw_buf_fini(&out);
    size_t index;
    json_t *block;
    json_array_foreach (json_object_get(json, "blocks"), index, block) {
        const json_t *text = json_object_get(block, "text");
        assert_string_equal(at(block, "type"), "section");
        assert_string_equal(at(text, "type"), "mrkdwn");
        assert_true(json_is_true(json_object_get(text, "verbatim")));
        assert_in_range(strlen(at(text, "text")), 1, TW_SLACK_TEXT_MAX);
        is_clean(at(text, "text"), true);
    }
    assert_in_range(json_array_size(json_object_get(json, "blocks")), 1, TW_SLACK_BLOCKS_MAX);
    assert_in_range(strlen(at(json, "text")), 1, TW_SLACK_TEXT_MAX);
    return json;
}

static const char *block_text(const json_t *json, size_t i)
{
    const json_t *block = json_array_get(json_object_get(json, "blocks"), i);
    return at(json_object_get(block, "text"), "text");
}

static void slack__an_alert__summary_facts_and_links(void **state)
{
    (void)state;
    struct made made = body_of();
    json_t *alert = add_alert(&made, "firing", "posted waits");
    annotate(alert, "runbook", "queue-backlog");
    annotate(alert, "value", "4 min");
    json_t *json = slack_of(&made);
    assert_string_equal(at(json, "text"), "[critical] posted waits");
    assert_string_equal(block_text(json, 0), "*[critical] posted waits*");
    assert_string_equal(
        block_text(json, 1),
        "*Firing* posted waits\nSince: 2026-11-22 06:30 UTC · Value: 4 min · Workflow: "
        "sale-posting · Step: posted\n<https://tower.example/ui/alert.html?a=1&amp;b=2|Open in "
        "Tillwatch> · <https://tower.example/runbooks/queue-backlog.md|Runbook>");
    json_decref(json);
}

static void slack__hostile_texts__mention_and_link_nothing(void **state)
{
    (void)state;
    struct made made = body_of();
    json_t *alert = add_alert(&made, "firing", HOSTILE);
    annotate(alert, "description", HOSTILE);
    label(alert, "workflow", HOSTILE);
    json_t *json = slack_of(&made);
    for (size_t i = 0; i < 2; i++) {
        const char *text = block_text(json, i);
        assert_null(strstr(text, "<!"));
        assert_null(strstr(text, "<http://evil"));
        assert_non_null(strstr(text, "&lt;!channel&gt;"));
        assert_non_null(strstr(text, "&amp;amp;"));
    }
    assert_null(strchr(at(json, "text"), '<'));
    json_decref(json);
}

static void slack__limits__blocks_and_bytes(void **state)
{
    (void)state;
    char *text = long_text(4000);
    for (size_t count = 47; count <= 60; count++) {
        struct made made = body_of();
        for (size_t i = 0; i < count; i++) {
            json_t *alert = add_alert(&made, "firing", text);
            annotate(alert, "description", text);
            label(alert, "workflow", text);
            label(alert, "step", text);
        }
        json_t *json = slack_of(&made);
        size_t blocks = json_array_size(json_object_get(json, "blocks"));
        assert_int_equal(blocks, count <= 48 ? count + 1 : 50);
        assert_non_null(strstr(block_text(json, 1), "|Open in Tillwatch>"));
        if (count > 48) {
            char more[32];
            (void)snprintf(more, sizeof more, "and %zu more", count - 48);
            assert_string_equal(block_text(json, 49), more);
        }
        json_decref(json);
    }
    free(text);
}

/* ---- Teams ---- */

static json_t *teams_of(struct made *made)
{
    struct tw_body body = read_all(made);
    struct tw_buf out;
    tw_buf_init(&out, TW_RENDER_MAX);
    assert_int_equal(tw_render_teams(&body, &out), TW_OK);
    assert_in_range(out.len, 1, TW_TEAMS_MAX);
    json_t *json = json_of(&out);
    assert_string_equal(at(json, "type"), "message");
    const json_t *attachment = json_array_get(json_object_get(json, "attachments"), 0);
    assert_string_equal(at(attachment, "contentType"), "application/vnd.microsoft.card.adaptive");
    assert_true(json_is_null(json_object_get(attachment, "contentUrl")));
    const json_t *card = json_object_get(attachment, "content");
    assert_string_equal(at(card, "type"), "AdaptiveCard");
    assert_string_equal(at(card, "version"), "1.2");
    assert_string_equal(at(json_object_get(card, "msteams"), "width"), "full");
    tw_body_fini(&body);
    tw_buf_fini(&out);
    return json;
}

static const json_t *card_of(const json_t *json)
{
    return json_object_get(json_array_get(json_object_get(json, "attachments"), 0), "content");
}

/* Every text of others stands in a run. */
static void only_runs(const json_t *items)
{
    size_t index;
    json_t *item;
    json_array_foreach ((json_t *)(uintptr_t)items, index, item) {
        if (strcmp(at(item, "type"), "Container") == 0) {
            only_runs(json_object_get(item, "items"));
            continue;
        }
        assert_string_equal(at(item, "type"), "RichTextBlock");
        assert_null(json_object_get(item, "text"));
        const json_t *run = json_array_get(json_object_get(item, "inlines"), 0);
        assert_string_equal(at(run, "type"), "TextRun");
        is_clean(at(run, "text"), false);
    }
}

static void teams__hostile_texts__are_runs_without_markup(void **state)
{
    (void)state;
    struct made made = body_of();
    json_t *alert = add_alert(&made, "firing", HOSTILE);
    annotate(alert, "description", HOSTILE);
    annotate(alert, "runbook", "queue-backlog");
    label(alert, "workflow", HOSTILE);
    json_t *json = teams_of(&made);
    const json_t *card = card_of(json);
    only_runs(json_object_get(card, "body"));
    const json_t *actions = json_object_get(card, "actions");
    assert_int_equal(json_array_size(actions), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(at(json_array_get(actions, i), "type"), "Action.OpenUrl");
        assert_memory_equal(at(json_array_get(actions, i), "url"), "https://tower.example/", 22);
    }
    json_decref(json);
}

static void teams__many_long_alerts__are_left_out_whole_and_counted(void **state)
{
    (void)state;
    char *text = long_text(5000);
    for (size_t count = 1; count <= 60; count += 59) {
        struct made made = body_of();
        for (size_t i = 0; i < count; i++) {
            json_t *alert = add_alert(&made, "firing", text);
            annotate(alert, "description", text);
        }
        json_t *json = teams_of(&made);
        const json_t *items = json_object_get(card_of(json), "body");
        only_runs(items);
        if (count > 1) {
            size_t shown = json_array_size(items) - 2;
            char more[32];
            (void)snprintf(more, sizeof more, "and %zu more", count - shown);
            const json_t *last = json_array_get(items, shown + 1);
            assert_string_equal(at(json_array_get(json_object_get(last, "inlines"), 0), "text"),
                                more);
            assert_in_range(shown, 3, 59);
        }
        json_decref(json);
    }
    free(text);
}

/* ---- PagerDuty ---- */

static const char key[] = "0123456789abcdef0123456789abcdef";

static json_t *pagerduty_of(struct made *made, bool is_taken)
{
    struct tw_body body = read_all(made);
    struct tw_buf out;
    tw_buf_init(&out, TW_RENDER_MAX);
    assert_int_equal(tw_render_pagerduty(&body, 0, key, is_taken, &out), TW_OK);
    assert_in_range(out.len, 1, TW_PAGERDUTY_MAX);
    json_t *json = json_of(&out);
    tw_body_fini(&body);
    tw_buf_fini(&out);
    const json_t *payload = json_object_get(json, "payload");
    assert_string_equal(at(json, "routing_key"), key);
    assert_string_equal(at(json, "dedup_key"), "0000000000000000");
    assert_in_range(strlen(at(payload, "summary")), 1, TW_PAGERDUTY_SUMMARY_MAX);
    is_clean(at(payload, "summary"), false);
    assert_in_range(strlen(at(payload, "source")), 1, 255);
    return json;
}

static void pagerduty__states__are_its_actions(void **state)
{
    (void)state;
    static const struct {
        const char *status;
        bool is_taken;
        const char *action;
    } table[] = {{"firing", false, "trigger"},
                 {"firing", true, "acknowledge"},
                 {"resolved", false, "resolve"},
                 {"resolved", true, "resolve"}};
    for (size_t i = 0; i < 4; i++) {
        struct made made = body_of();
        annotate(add_alert(&made, table[i].status, "x"), "runbook", "queue-backlog");
        json_t *json = pagerduty_of(&made, table[i].is_taken);
        const json_t *payload = json_object_get(json, "payload");
        assert_string_equal(at(json, "event_action"), table[i].action);
        assert_string_equal(at(payload, "severity"), "critical");
        assert_string_equal(at(payload, "component"), "posted");
        assert_string_equal(at(payload, "group"), "sale-posting");
        assert_string_equal(at(payload, "class"), "Late");
        assert_string_equal(at(payload, "timestamp"), "2026-11-22T06:30:00Z");
        assert_int_equal(json_array_size(json_object_get(json, "links")), 2);
        assert_string_equal(at(json, "client_url"), "https://tower.example");
        json_decref(json);
    }
}

static void pagerduty__severities__are_only_its_own(void **state)
{
    (void)state;
    static const char *const words[][2] = {{"critical", "critical"}, {"warning", "warning"},
                                           {"info", "info"},         {"error", "error"},
                                           {"page", "error"},        {"", "error"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct made made = body_of();
        label(add_alert(&made, "firing", "x"), "severity", words[i][0]);
        json_t *json = pagerduty_of(&made, false);
        assert_string_equal(at(json_object_get(json, "payload"), "severity"), words[i][1]);
        json_decref(json);
    }
}

static void pagerduty__summary_at_its_limit__is_whole_and_one_more_is_cut(void **state)
{
    (void)state;
    char text[TW_PAGERDUTY_SUMMARY_MAX + 2];
    for (size_t len = TW_PAGERDUTY_SUMMARY_MAX; len <= TW_PAGERDUTY_SUMMARY_MAX + 1; len++) {
        memset(text, 'x', len);
        text[len] = '\0';
        struct made made = body_of();
        (void)add_alert(&made, "firing", text);
        json_t *json = pagerduty_of(&made, false);
        const char *summary = at(json_object_get(json, "payload"), "summary");
        assert_int_equal(strlen(summary), TW_PAGERDUTY_SUMMARY_MAX);
        assert_int_equal(strstr(summary, "\xe2\x80\xa6") != NULL, len > TW_PAGERDUTY_SUMMARY_MAX);
        json_decref(json);
    }
}

static void pagerduty__larger_than_it_takes__goes_without_details(void **state)
{
    (void)state;
    char *text = long_text(1024);
    for (size_t count = 10; count <= 600; count += 590) {
        struct made made = body_of();
        json_t *alert = add_alert(&made, "firing", "x");
        for (size_t i = 0; i < count; i++) {
            char name[24];
            (void)snprintf(name, sizeof name, "a%zu", i);
            annotate(alert, name, text);
        }
        json_t *json = pagerduty_of(&made, false);
        const json_t *details = json_object_get(json_object_get(json, "payload"), "custom_details");
        assert_int_equal(details != NULL, count == 10);
        json_decref(json);
    }
    free(text);
}

/* ---- all of them ---- */

static void render__buffer_too_small__is_an_error(void **state)
{
    (void)state;
    struct made made = body_of();
    (void)add_alert(&made, "firing", "x");
    struct tw_body body = read_all(&made);
    char *to_items[] = {(char[]){"a@shop.example"}};
    const struct tw_cfg_strings to = {.items = to_items, .count = 1};
    const struct tw_mail mail = {.from = "a@b", .to = &to, .key = "k"};
    for (size_t size = 0; size < 200; size += 7) {
        for (int which = 0; which < 6; which++) {
            struct tw_buf out;
            struct tw_buf topic;
            tw_buf_init(&out, size);
            tw_buf_init(&topic, TW_TOPIC_MAX);
            int rc = which == 0   ? tw_render_webhook(&body, &out)
                     : which == 1 ? tw_render_alertmanager(&body, mail.created, &out)
                     : which == 2 ? tw_render_slack(&body, &out)
                     : which == 3 ? tw_render_teams(&body, &out)
                     : which == 4 ? tw_render_pagerduty(&body, 0, key, false, &out)
                                  : tw_render_mail(&body, &mail, &out);
            assert_int_equal(rc, TW_ELIMIT);
            tw_buf_clear(&out);
            assert_int_equal(tw_render_pub(&body, 0, &topic, &out), TW_ELIMIT);
            tw_buf_fini(&out);
            tw_buf_fini(&topic);
        }
    }
    tw_body_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read__no_body__is_refused),
        cmocka_unit_test(read__body_of_the_largest_size__is_read_and_one_byte_more_is_not),
        cmocka_unit_test(read__more_alerts_than_listed__the_others_are_counted),
        cmocka_unit_test(read__resolved_not_wanted__only_what_fires),
        cmocka_unit_test(read__urls_that_are_none__stand_in_no_link),
        cmocka_unit_test(runbook__name__is_a_page_of_the_tower),
        cmocka_unit_test(title__one_and_many__say_what_and_how_many),
        cmocka_unit_test(text__at_its_end__is_cut_where_a_character_ends),
        cmocka_unit_test(cut__any_length__ends_with_a_character),
        cmocka_unit_test(webhook__body__all_its_members_and_the_alerts_that_are_listed),
        cmocka_unit_test(alertmanager__alerts__end_when_nothing_more_is_heard),
        cmocka_unit_test(pub__topic__has_three_parts_whatever_labels_say),
        cmocka_unit_test(slack__an_alert__summary_facts_and_links),
        cmocka_unit_test(slack__hostile_texts__mention_and_link_nothing),
        cmocka_unit_test(slack__limits__blocks_and_bytes),
        cmocka_unit_test(teams__hostile_texts__are_runs_without_markup),
        cmocka_unit_test(teams__many_long_alerts__are_left_out_whole_and_counted),
        cmocka_unit_test(pagerduty__states__are_its_actions),
        cmocka_unit_test(pagerduty__severities__are_only_its_own),
        cmocka_unit_test(pagerduty__summary_at_its_limit__is_whole_and_one_more_is_cut),
        cmocka_unit_test(pagerduty__larger_than_it_takes__goes_without_details),
        cmocka_unit_test(render__buffer_too_small__is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
