/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unit/render_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "event/text.h"

const struct tw_body_asked everything = {.with_resolved = true, .max_alerts = 0};

struct made body_of(void)
{
    struct made made = {json_object(), json_array()};
    assert_int_equal(json_object_set_new(made.root, "version", json_string("4")), 0);
    assert_int_equal(json_object_set_new(made.root, "receiver", json_string("ops")), 0);
    assert_int_equal(json_object_set_new(made.root, "status", json_string("firing")), 0);
    assert_int_equal(
        json_object_set_new(made.root, "groupKey", json_string("{}:{alertname=\"Late\"}")), 0);
    assert_int_equal(
        json_object_set_new(made.root, "externalURL", json_string("https://tower.example")), 0);
    assert_int_equal(json_object_set_new(made.root, "truncatedAlerts", json_integer(0)), 0);
    assert_int_equal(json_object_set_new(made.root, "groupLabels", json_object()), 0);
    assert_int_equal(json_object_set_new(made.root, "commonLabels", json_object()), 0);
    assert_int_equal(json_object_set_new(made.root, "commonAnnotations", json_object()), 0);
    assert_int_equal(json_object_set_new(made.root, "extra", json_string("kept")), 0);
    assert_int_equal(json_object_set(made.root, "alerts", made.alerts), 0);
    return made;
}

json_t *add_alert(struct made *made, const char *status, const char *summary)
{
    char fingerprint[17];
    (void)snprintf(fingerprint, sizeof fingerprint, "%016zx", json_array_size(made->alerts));
    json_t *alert = json_pack(
        "{s:s,s:{s:s,s:s,s:s,s:s},s:{s:s},s:s,s:s,s:s,s:s}", "status", status, "labels",
        "alertname", "Late", "severity", "critical", "workflow", "sale-posting", "step", "posted",
        "annotations", "summary", summary, "startsAt", "2026-11-22T06:30:00Z", "endsAt",
        strcmp(status, "firing") == 0 ? "0001-01-01T00:00:00Z" : "2026-11-22T06:40:00Z",
        "generatorURL", "https://tower.example/ui/alert.html?a=1&b=2", "fingerprint", fingerprint);
    assert_non_null(alert);
    assert_int_equal(json_array_append_new(made->alerts, alert), 0);
    return alert;
}

void annotate(json_t *alert, const char *name, const char *text)
{
    assert_int_equal(
        json_object_set_new(json_object_get(alert, "annotations"), name, json_string(text)), 0);
}

void label(json_t *alert, const char *name, const char *text)
{
    assert_int_equal(json_object_set_new(json_object_get(alert, "labels"), name, json_string(text)),
                     0);
}

struct tw_body read_with(struct made *made, const struct tw_body_asked *asked)
{
    struct tw_body body;
    char *text = json_dumps(made->root, 0);
    assert_non_null(text);
    assert_int_equal(tw_body_read(tw_str_of(text), asked, &body), TW_OK);
    free(text);
    json_decref(made->alerts);
    json_decref(made->root);
    return body;
}

struct tw_body read_all(struct made *made)
{
    return read_with(made, &everything);
}

char *long_text(size_t len)
{
    char *text = malloc(len + 1);
    assert_non_null(text);
    for (size_t i = 0; i < len; i++) {
        text[i] = "\xc3\xa4"[i % 2]; /* a character of two bytes */
    }
    text[len] = '\0';
    return text;
}

json_t *json_of(struct tw_buf *out)
{
    assert_int_equal(out->error, TW_OK);
    json_t *json = json_loadb(out->data, out->len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

const char *at(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    assert_non_null(text);
    return text;
}

void is_clean(const char *text, bool may_have_lines)
{
    assert_true(tw_utf8_is_valid(tw_str_of(text)));
    assert_null(strstr(text, "\xe2\x80\xae"));
    for (const char *p = text; *p != '\0'; p++) {
        assert_true((unsigned char)*p >= 0x20 || (may_have_lines && *p == '\n'));
        assert_int_not_equal(*p, 0x7f);
    }
}
