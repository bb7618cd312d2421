/* SPDX-License-Identifier: Apache-2.0
 * Mail: multipart/alternative of a text and of multipart/related, which is HTML and the picture it
 * shows. Every part is base64 and every header that others can influence an encoded word, so that
 * no text of an event can end a line or a part.
 * Source: RFC 5322, 2045 to 2047, 2387, 3834 (Auto-Submitted).
 */
#include "config.h"
#include "notify/render.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/url.h"
#include "event/text.h"
#include "http/clean.h"

#define PART_MAX   (1u << 20) /* bytes of the text, of the HTML */
#define LINE_BYTES 57         /* 76 characters of base64 */
#define WORD_BYTES 45         /* of an encoded word: 60 characters, 72 with its frame */
#define FIELD_MAX  2000       /* bytes of one text of an alert */
#define COUNTS_MAX 64
#define CUT_MAX    1024

struct letter {
    const struct tw_body *body;
    const struct tw_mail *mail;
    struct tw_buf *out;
    char domain[256];
};

static void line(struct tw_buf *out, const char *text)
{
    (void)tw_buf_append(out, text, strlen(text)); /* errors of buffers are sticky */
    (void)tw_buf_append(out, "\r\n", 2);
}

/* ---- encodings ---- */

static void add_base64(struct tw_buf *out, struct tw_str bytes)
{
    char text[LINE_BYTES / 3 * 4 + 2];
    while (bytes.len > 0) {
        struct tw_str some = {bytes.ptr, bytes.len < LINE_BYTES ? bytes.len : LINE_BYTES};
        size_t len = tw_base64_len(some.len);
        tw_base64_write(some, text);
        memcpy(text + len, "\r\n", 2);
        (void)tw_buf_append(out, text, len + 2);
        bytes.ptr += some.len;
        bytes.len -= some.len;
    }
}

/* A header of free text. Encoded words always: whatever it says, it is text. */
static void add_header_text(struct tw_buf *out, const char *name, struct tw_str text)
{
    char word[WORD_BYTES / 3 * 4 + 3];
    (void)tw_buf_append(out, name, strlen(name));
    (void)tw_buf_append(out, ":", 1);
    while (text.len > 0) {
        struct tw_str some = tw_text_cut(text, WORD_BYTES);
        size_t len = tw_base64_len(some.len);
        tw_base64_write(some, word);
        (void)tw_buf_append_str(out, TW_STR_LIT(" =?UTF-8?B?"));
        (void)tw_buf_append(out, word, len);
        (void)tw_buf_append_str(out, TW_STR_LIT("?=\r\n"));
        text.ptr += some.len;
        text.len -= some.len;
    }
}

/* An address of the configuration may hold no more than a header does. */
static bool is_address(const char *text)
{
    if (text == NULL || text[0] == '\0') {
        return false;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (*p < 0x20 || *p == 0x7f) { /* a char above ASCII is negative */
            return false;
        }
    }
    return strchr(text, '@') != NULL;
}

static bool is_key(const char *key)
{
    size_t len = strlen(key);
    return len >= 1 && len <= TW_MAIL_KEY_MAX &&
           strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* ---- headers ---- */

/* Behind the last '@' of the sender: letters, digits, '.' and '-'. */
static void set_domain(struct letter *self)
{
    const char *at = strrchr(self->mail->from, '@');
    size_t len = strspn(at + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-");
    (void)snprintf(self->domain, sizeof self->domain, "%.*s", (int)(len < 255 ? len : 255), at + 1);
    if (self->domain[0] == '\0') {
        (void)snprintf(self->domain, sizeof self->domain, "tillwatch.invalid"); /* it fits */
    }
}

/* "Sun, 22 Nov 2026 06:30:00 +0000" */
static void add_date(struct letter *self)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char text[TW_TIME_TEXT_SIZE];
    char date[64];
    int64_t day = self->mail->created.ns / (86400 * TW_NS_PER_S);
    tw_wall_format(self->mail->created, text); /* 2026-11-22T06:30:00 */
    unsigned month = (unsigned)((text[5] - '0') * 10 + (text[6] - '0') - 1) % 12;
    (void)snprintf(date, sizeof date, "Date: %s, %.2s %s %.4s %.8s +0000",
                   days[(size_t)((day % 7 + 7) % 7)], text + 8, months[month], text, text + 11);
    line(self->out, date);
}

/* Mails of one group are one conversation. */
static void add_thread(struct letter *self)
{
    char text[512];
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < self->body->group_key.len; i++) {
        hash = (hash ^ (unsigned char)self->body->group_key.ptr[i]) * UINT64_C(1099511628211);
    }
    (void)snprintf(text, sizeof text, "Message-ID: <tillwatch-%s@%s>", self->mail->key,
                   self->domain);
    line(self->out, text);
    (void)snprintf(text, sizeof text, "References: <tillwatch-group-%016llx@%s>",
                   (unsigned long long)hash, self->domain);
    line(self->out, text);
}

static void add_headers(struct letter *self)
{
    char subject[TW_MAIL_SUBJECT_MAX];
    struct tw_buf buf;
    const struct tw_mail *mail = self->mail;
    bool is_urgent = self->body->is_firing && tw_str_is(tw_body_severity(self->body), "critical");
    bool is_bare = strchr(mail->from, '<') == NULL;
    (void)tw_buf_append_str(self->out, TW_STR_LIT("From: "));
    (void)tw_buf_append_str(self->out, is_bare ? TW_STR_LIT("Tillwatch <") : TW_STR_LIT(""));
    (void)tw_buf_append_str(self->out, tw_str_of(mail->from));
    line(self->out, is_bare ? ">" : "");
    (void)tw_buf_append_str(self->out, TW_STR_LIT("To: "));
    for (size_t i = 0; i < mail->to->count; i++) {
        (void)tw_buf_append_str(self->out, i == 0 ? TW_STR_LIT("") : TW_STR_LIT(",\r\n "));
        (void)tw_buf_append_str(self->out, tw_str_of(mail->to->items[i]));
    }
    line(self->out, "");
    tw_buf_init(&buf, sizeof subject);
    struct tw_text title = tw_text_begin(&buf, TW_ESCAPE_NONE, sizeof subject);
    tw_body_title(self->body, &title);
    add_header_text(self->out, "Subject", (struct tw_str){buf.data, buf.len});
    self->out->error = self->out->error != TW_OK ? self->out->error : buf.error;
    tw_buf_fini(&buf);
    add_date(self);
    add_thread(self);
    line(self->out, "MIME-Version: 1.0");
    line(self->out, "Auto-Submitted: auto-generated");
    line(self->out, "X-Auto-Response-Suppress: All");
    if (is_urgent) {
        line(self->out, "Importance: high");
    }
}

/* ---- the text ---- */

static void add_more(const struct tw_body *body, struct tw_text *out, const char *before,
                     const char *behind)
{
    char text[COUNTS_MAX];
    if (body->truncated > 0) {
        (void)snprintf(text, sizeof text, "and %llu more", (unsigned long long)body->truncated);
        tw_text_raw(out, before);
        tw_text_raw(out, text);
        tw_text_raw(out, behind);
    }
}

/* One text of others, with its own limit. */
static void add_field(struct tw_text *out, struct tw_str text)
{
    struct tw_text field = tw_text_begin(out->out, out->escape, FIELD_MAX);
    field.end = field.end < out->end ? field.end : out->end;
    tw_text_add(&field, text);
}

static void add_text_facts(struct tw_text *out, const struct tw_body_fact *facts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tw_text_raw(out, "  ");
        tw_text_raw(out, facts[i].name);
        tw_text_raw(out, ": ");
        add_field(out, facts[i].text);
        tw_text_raw(out, "\r\n");
    }
}

static void write_text(const struct letter *self, struct tw_text *out)
{
    struct tw_body_fact facts[TW_BODY_FACTS_MAX];
    char url[TW_URL_MAX];
    tw_body_title(self->body, out);
    tw_text_raw(out, "\r\n");
    add_text_facts(out, facts, tw_body_common_facts(self->body, facts));
    for (size_t i = 0; i < self->body->count; i++) {
        const struct tw_body_alert *alert = &self->body->alerts[i];
        struct tw_str description = tw_json_text(alert->annotations, "description");
        tw_text_raw(out, alert->is_firing ? "\r\nFiring: " : "\r\nResolved: ");
        add_field(out, tw_body_summary(alert));
        tw_text_raw(out, "\r\n");
        if (description.len > 0) {
            tw_text_raw(out, "  ");
            add_field(out, description);
            tw_text_raw(out, "\r\n");
        }
        add_text_facts(out, facts, tw_body_facts(alert, facts));
        if (alert->generator.len > 0) {
            tw_text_wrapped(out, "  Page: ", alert->generator, "\r\n");
        }
        if (tw_body_runbook(self->body, alert, url, sizeof url)) {
            tw_text_wrapped(out, "  Runbook: ", tw_str_of(url), "\r\n");
        }
    }
    add_more(self->body, out, "\r\n", "\r\n");
    if (self->mail->no_picture != NULL) {
        tw_text_wrapped(out, "\r\nThere is no picture: ", tw_str_of(self->mail->no_picture),
                        "\r\n");
    }
}

/* ---- the page ---- */

static void add_html_facts(struct tw_text *out, const struct tw_body_fact *facts, size_t count)
{
    if (count == 0) {
        return;
    }
    tw_text_raw(out, "<table style=\"border-collapse:collapse;margin:4px 0\">\n");
    for (size_t i = 0; i < count; i++) {
        tw_text_raw(out, "<tr><td style=\"color:#666;padding:1px 12px 1px 0\">");
        tw_text_raw(out, facts[i].name);
        tw_text_raw(out, "</td><td>");
        add_field(out, facts[i].text);
        tw_text_raw(out, "</td></tr>\n");
    }
    tw_text_raw(out, "</table>\n");
}

/* The URL was checked; what HTML needs is escaped all the same. */
static void add_html_link(struct tw_text *out, struct tw_str url, const char *name)
{
    tw_text_raw(out, "<a href=\"");
    tw_text_add(out, url);
    tw_text_raw(out, "\">");
    tw_text_raw(out, name);
    tw_text_raw(out, "</a> ");
}

static void add_html_alert(const struct letter *self, const struct tw_body_alert *alert,
                           struct tw_text *out)
{
    struct tw_body_fact facts[TW_BODY_FACTS_MAX];
    char url[TW_URL_MAX];
    struct tw_str description = tw_json_text(alert->annotations, "description");
    tw_text_raw(out, alert->is_firing
                         ? "<h2 style=\"font-size:16px;margin:18px 0 4px;color:#b00020\">"
                         : "<h2 style=\"font-size:16px;margin:18px 0 4px;color:#1b6e3c\">");
    tw_text_raw(out, alert->is_firing ? "Firing: " : "Resolved: ");
    add_field(out, tw_body_summary(alert));
    tw_text_raw(out, "</h2>\n");
    if (description.len > 0) {
        tw_text_raw(out, "<p>");
        add_field(out, description);
        tw_text_raw(out, "</p>\n");
    }
    add_html_facts(out, facts, tw_body_facts(alert, facts));
    if (alert->generator.len > 0) {
        add_html_link(out, alert->generator, "Open in Tillwatch");
    }
    if (tw_body_runbook(self->body, alert, url, sizeof url)) {
        add_html_link(out, tw_str_of(url), "Runbook");
    }
}

static void write_html(const struct letter *self, struct tw_text *out)
{
    struct tw_body_fact facts[TW_BODY_FACTS_MAX];
    tw_text_raw(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"></head>\n"
                     "<body style=\"font-family:sans-serif;font-size:14px;color:#222\">\n"
                     "<h1 style=\"font-size:18px\">");
    tw_body_title(self->body, out);
    tw_text_raw(out, "</h1>\n");
    add_html_facts(out, facts, tw_body_common_facts(self->body, facts));
    if (self->mail->picture.len > 0) {
        tw_text_raw(out, "<p><img alt=\"plot\" style=\"max-width:100%\" src=\"cid:plot-");
        tw_text_raw(out, self->mail->key);
        tw_text_raw(out, "@");
        tw_text_raw(out, self->domain);
        tw_text_raw(out, "\"></p>\n");
    } else if (self->mail->no_picture != NULL) {
        tw_text_wrapped(out, "<p style=\"color:#666\">There is no picture: ",
                        tw_str_of(self->mail->no_picture), "</p>\n");
    }
    for (size_t i = 0; i < self->body->count; i++) {
        add_html_alert(self, &self->body->alerts[i], out);
    }
    add_more(self->body, out, "<p>", "</p>\n");
    tw_text_raw(out, "</body></html>\n");
}

/* ---- parts ---- */

/* 'a' the alternatives, 'r' the page and its picture. A line of base64 has no '_'. */
static void boundary(const struct letter *self, const char *before, char which, const char *behind)
{
    char text[TW_MAIL_KEY_MAX + 128];
    (void)snprintf(text, sizeof text, "%s=_%c_%s%s", before, which, self->mail->key, behind);
    line(self->out, text);
}

static void add_part(struct letter *self, const char *type,
                     void (*write)(const struct letter *, struct tw_text *), enum tw_escape escape)
{
    struct tw_buf part;
    tw_buf_init(&part, PART_MAX + CUT_MAX);
    struct tw_text text = tw_text_begin(&part, escape, PART_MAX);
    write(self, &text);
    if (text.is_full) {
        text = tw_text_begin(&part, escape, CUT_MAX);
        tw_text_raw(&text, "\r\nCut here: it would be longer than a mail of ours may be.\r\n");
    }
    (void)tw_buf_append(self->out, "Content-Type: ", 14);
    line(self->out, type);
    line(self->out, "Content-Transfer-Encoding: base64");
    line(self->out, "");
    add_base64(self->out, (struct tw_str){part.data, part.len});
    self->out->error = self->out->error != TW_OK ? self->out->error : part.error;
    tw_buf_fini(&part);
}

static void add_picture(struct letter *self)
{
    char text[512];
    line(self->out, "Content-Type: image/png; name=\"plot.png\"");
    line(self->out, "Content-Transfer-Encoding: base64");
    (void)snprintf(text, sizeof text, "Content-ID: <plot-%s@%s>", self->mail->key, self->domain);
    line(self->out, text);
    line(self->out, "Content-Disposition: inline; filename=\"plot.png\"");
    line(self->out, "");
    add_base64(self->out, self->mail->picture);
}

int tw_render_mail(const struct tw_body *body, const struct tw_mail *mail, struct tw_buf *out)
{
    struct letter self = {.body = body, .mail = mail, .out = out};
    bool is_ok = is_address(mail->from) && mail->to->count > 0 && is_key(mail->key);
    for (size_t i = 0; i < mail->to->count && is_ok; i++) {
        is_ok = is_address(mail->to->items[i]);
    }
    if (!is_ok) {
        return TW_EINVAL;
    }
    set_domain(&self);
    add_headers(&self);
    boundary(&self, "Content-Type: multipart/alternative; boundary=\"", 'a', "\"");
    line(out, "");
    boundary(&self, "--", 'a', "");
    add_part(&self, "text/plain; charset=utf-8", write_text, TW_ESCAPE_NONE);
    boundary(&self, "--", 'a', "");
    boundary(&self, "Content-Type: multipart/related; type=\"text/html\"; boundary=\"", 'r', "\"");
    line(out, "");
    boundary(&self, "--", 'r', "");
    add_part(&self, "text/html; charset=utf-8", write_html, TW_ESCAPE_HTML);
    if (mail->picture.len > 0) {
        boundary(&self, "--", 'r', "");
        add_picture(&self);
    }
    boundary(&self, "--", 'r', "--");
    boundary(&self, "--", 'a', "--");
    return out->error;
}
