/* SPDX-License-Identifier: Apache-2.0
 * A notice as a mail: headers, words and parts that nothing an event says can end. Read back by a
 * mail library: tests/system/test_receivers.py.
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

#include "notify/render.h"
#include "unit/render_kit.h"

/* ---- mail ---- */

static char *to_items[] = {(char[]){"a@shop.example"}, (char[]){"b@shop.example"}};
static const struct tw_cfg_strings to = {.items = to_items, .count = 2};

static char *mail_of(struct made *made, struct tw_mail mail)
{
    struct tw_body body = read_all(made);
    struct tw_buf out;
    tw_buf_init(&out, TW_RENDER_MAX);
    mail.from = "Tillwatch <tower@shop.example>";
    mail.to = &to;
    mail.key = "n-12-af";
    mail.created = (tw_wall_t){INT64_C(1795329000) * TW_NS_PER_S};
    assert_int_equal(tw_render_mail(&body, &mail, &out), TW_OK);
    assert_int_equal(tw_buf_append_byte(&out, 0), TW_OK);
    tw_body_fini(&body);
    return out.data; /* the buffer's memory is the caller's now */
}

/* Lines end with CR LF, none is longer than 998 bytes, all is printable ASCII. */
static void is_mail(const char *mail)
{
    size_t column = 0;
    for (const char *p = mail; *p != '\0'; p++) {
        column = *p == '\n' ? 0 : column + 1;
        assert_true(column <= 998);
        assert_true(*p != '\r' || p[1] == '\n');
        assert_true(*p != '\n' || (p > mail && p[-1] == '\r'));
        assert_true((*p >= 0x20 && *p < 0x7f) || *p == '\r' || *p == '\n');
    }
}

static void mail__headers__as_written(void **state)
{
    (void)state;
    struct made made = body_of();
    (void)add_alert(&made, "firing", "x");
    char *mail = mail_of(&made, (struct tw_mail){.no_picture = NULL});
    is_mail(mail);
    static const char wanted[] = "From: Tillwatch <tower@shop.example>\r\n"
                                 "To: a@shop.example,\r\n b@shop.example\r\n"
                                 "Subject: =?UTF-8?B?W2NyaXRpY2FsXSB4?=\r\n"
                                 "Date: Sun, 22 Nov 2026 06:30:00 +0000\r\n"
                                 "Message-ID: <tillwatch-n-12-af@shop.example>\r\n"
                                 "References: <tillwatch-group-";
    assert_memory_equal(mail, wanted, sizeof wanted - 1);
    assert_non_null(strstr(mail, "\r\nAuto-Submitted: auto-generated\r\n"));
    assert_non_null(strstr(mail, "\r\nImportance: high\r\n"));
    assert_null(strstr(mail, "image/png"));
    free(mail);
}

static void mail__hostile_texts__make_no_header_and_no_part(void **state)
{
    (void)state;
    struct made made = body_of();
    json_t *alert = add_alert(&made, "firing", HOSTILE "\r\n--=_a_n-12-af--\r\n");
    annotate(alert, "description", HOSTILE);
    label(alert, "workflow", HOSTILE);
    assert_int_equal(json_object_set_new(made.root, "groupKey", json_string(HOSTILE)), 0);
    char *mail = mail_of(&made, (struct tw_mail){.no_picture = HOSTILE});
    is_mail(mail);
    assert_null(strstr(mail, "Bcc"));
    assert_null(strstr(mail, "evil"));
    size_t ends = 0;
    for (const char *p = mail; (p = strstr(p, "\r\n--=_a_n-12-af--\r\n")) != NULL; p += 4) {
        ends++;
    }
    assert_int_equal(ends, 1);
    free(mail);
}

static void mail__longest_subject__is_words_of_75_at_most(void **state)
{
    (void)state;
    char *text = long_text(3001); /* its last character is half: the JSON library would refuse */
    text[3000] = '\0';
    struct made made = body_of();
    (void)add_alert(&made, "firing", text);
    char *mail = mail_of(&made, (struct tw_mail){.no_picture = NULL});
    is_mail(mail);
    const char *p = strstr(mail, "Subject:") + 8;
    size_t bytes = 0;
    do {
        const char *end = strstr(p, "\r\n");
        assert_memory_equal(p, " =?UTF-8?B?", 11);
        assert_memory_equal(end - 2, "?=", 2);
        assert_in_range(end - p - 1, 12, 75);
        bytes += (size_t)(end - p - 13) / 4 * 3;
        p = end + 2;
    } while (*p == ' ');
    assert_in_range(bytes, TW_MAIL_SUBJECT_MAX - 10, TW_MAIL_SUBJECT_MAX + 20);
    free(mail);
    free(text);
}

static void mail__picture__stands_in_the_page_under_its_name(void **state)
{
    (void)state;
    struct made made = body_of();
    (void)add_alert(&made, "firing", "x");
    char *mail = mail_of(&made, (struct tw_mail){.picture = TW_STR_LIT("\x89PNG....")});
    is_mail(mail);
    assert_non_null(strstr(mail, "Content-Type: image/png; name=\"plot.png\"\r\n"));
    assert_non_null(strstr(mail, "Content-ID: <plot-n-12-af@shop.example>\r\n"));
    assert_non_null(strstr(mail, "\r\n\r\niVBORy4uLi4=\r\n--=_r_n-12-af--\r\n--=_a_n-12-af--\r\n"));
    free(mail);
}

static void mail__addresses_and_keys_that_are_none__are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "x", "a@b\r\nBcc: c@d", "a@b\n", "\xc3\xa4@b", "a@b\x7f"};
    struct made made = body_of();
    (void)add_alert(&made, "firing", "x");
    struct tw_body body = read_all(&made);
    struct tw_buf out;
    tw_buf_init(&out, TW_RENDER_MAX);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s", bad[i]);
        char *items[] = {to_items[0], text};
        struct tw_cfg_strings list = {.items = items, .count = 2};
        struct tw_mail mail = {.from = bad[i], .to = &to, .key = "k"};
        assert_int_equal(tw_render_mail(&body, &mail, &out), TW_EINVAL);
        mail = (struct tw_mail){.from = "a@b", .to = &list, .key = "k"};
        assert_int_equal(tw_render_mail(&body, &mail, &out), TW_EINVAL);
        mail = (struct tw_mail){.from = "a@b", .to = &to, .key = i == 0 ? "" : "a b"};
        assert_int_equal(tw_render_mail(&body, &mail, &out), TW_EINVAL);
    }
    char longest[TW_MAIL_KEY_MAX + 2];
    memset(longest, 'k', sizeof longest);
    longest[TW_MAIL_KEY_MAX + 1] = '\0';
    struct tw_mail mail = {.from = "a@b", .to = &to, .key = longest};
    assert_int_equal(tw_render_mail(&body, &mail, &out), TW_EINVAL);
    /* cppcheck-suppress unreadVariable ; read through mail.key */
    longest[TW_MAIL_KEY_MAX] = '\0';
    assert_int_equal(tw_render_mail(&body, &mail, &out), TW_OK);
    tw_buf_fini(&out);
    tw_body_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail__headers__as_written),
        cmocka_unit_test(mail__hostile_texts__make_no_header_and_no_part),
        cmocka_unit_test(mail__longest_subject__is_words_of_75_at_most),
        cmocka_unit_test(mail__picture__stands_in_the_page_under_its_name),
        cmocka_unit_test(mail__addresses_and_keys_that_are_none__are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
