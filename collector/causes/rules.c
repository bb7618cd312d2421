/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "causes/rules.h"

#include <stdlib.h>

#include "core/err.h"

#define HEAD                                                                            \
    "# Rules of the operators, written by Tillwatch (page \"causes\"). They are asked " \
    "before all\n# others. Edited by hand they count from the next look of the program.\n"
#define HEAD_LINES 3 /* and the line of the key `rules` */
#define DEPTH_MAX  8 /* of a rule; deeper it is none, and stays as it is */

/* Without members that are null. Owned; NULL out of memory. */
static json_t *without_nulls(const json_t *json, unsigned depth)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_t *copy = json_is_object(json) && depth < DEPTH_MAX ? json_object() : NULL;
    if (copy == NULL) {
        return json_is_object(json) && depth < DEPTH_MAX ? NULL : json_deep_copy(json);
    }
    void *at = json_object_iter((json_t *)(uintptr_t)json); /* an iterator only reads */
    for (; at != NULL; at = json_object_iter_next((json_t *)(uintptr_t)json, at)) {
        key = json_object_iter_key(at);
        value = json_object_iter_value(at);
        if (!json_is_null(value) &&
            json_object_set_new(copy, key, without_nulls(value, depth + 1)) != 0) {
            json_decref(copy);
            return NULL;
        }
    }
    return copy;
}

/* JSON as YAML: the same, but for characters that YAML wants escaped or takes for the end of a
 * line. They stand in texts only. */
static void append_json(struct tw_buf *out, const char *text)
{
    char escaped[16];
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        unsigned code = 0;
        size_t len = 1;
        if (*p == 0x7f) {
            code = *p;
        } else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f) {
            code = p[1];
            len = 2;
        } else if (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) {
            code = 0x2000u + (p[2] & 0x3fu);
            len = 3;
        } else if (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf) {
            code = 0xfeff;
            len = 3;
        }
        if (code != 0) {
            int written = snprintf(escaped, sizeof escaped, "\\u%04x", code);
            (void)tw_buf_append(out, escaped, (size_t)written); /* errors are sticky */
            p += len - 1;
        } else {
            (void)tw_buf_append_byte(out, *p); /* likewise */
        }
    }
}

static int append_rule(struct tw_buf *out, const json_t *rule)
{
    json_t *plain = without_nulls(rule, 0);
    char *text = plain == NULL ? NULL : json_dumps(plain, JSON_ENCODE_ANY);
    json_decref(plain);
    if (text == NULL) {
        return TW_ENOMEM;
    }
    (void)tw_buf_append(out, "  - ", 4); /* errors are sticky */
    append_json(out, text);
    (void)tw_buf_append_byte(out, '\n'); /* likewise */
    free(text);
    return out->error;
}

int tw_causes_write(const json_t *rules, struct tw_buf *out)
{
    size_t count = json_array_size(rules);
    if (!json_is_array(rules) || count > TW_CAUSES_OWN_MAX) {
        return TW_EINVAL;
    }
    struct tw_str head = count == 0 ? TW_STR_LIT(HEAD "rules: []\n") : TW_STR_LIT(HEAD "rules:\n");
    (void)tw_buf_append(out, head.ptr, head.len); /* errors are sticky */
    int rc = out->error;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        rc = append_rule(out, json_array_get(rules, i));
    }
    return rc;
}

int tw_causes_rule_of_line(int line)
{
    return line > HEAD_LINES ? line - HEAD_LINES - 1 : -1;
}

static json_t *when_json(const struct tw_cause_rule *rule)
{
    json_t *when = json_object();
    for (unsigned i = 0; i < TW_CAUSE_CONDITIONS; i++) {
        const struct tw_cfg_strings *list = &rule->when[i];
        json_t *texts = list->count == 0 ? NULL : json_array();
        for (size_t k = 0; k < list->count; k++) {
            (void)json_array_append_new(texts, json_string(list->items[k])); /* told below */
        }
        if (list->count > 0 &&
            json_object_set_new(when, tw_cause_condition_name((enum tw_cause_condition)i), texts) !=
                0) {
            json_decref(when);
            return NULL;
        }
    }
    return when;
}

json_t *tw_causes_rule_json(const struct tw_cause_rule *rule)
{
    return json_pack("{s:s, s:o, s:s, s:s, s:s?, s:s?}", "name", rule->name, "when",
                     when_json(rule), "cause", tw_cause_name(rule->cause), "label", rule->label,
                     "owner", rule->owner, "runbook", rule->runbook);
}
