/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "replay/edit.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* What an event is, when it was, what it follows from, and what a replay sets. */
static const char *const locked[] = {
    "specversion", "id",          "source",          "type",          "time",
    "subject",     "sequence",    "outcome",         "errorcode",     "errormessage",
    "errorclass",  "httpstatus",  "replayid",        "attempt",       "correlationid",
    "causationid", "traceparent", "tracestate",      "recordedtime",  "bampid",
    "expirytime",  "bamptxid",    "bamptxsid",       "bamptxsstatus", "data_base64",
    "system",      "dataschema",  "datacontenttype",
};

/* ---- paths ---- */

struct token {
    char text[TW_EDIT_PATH_MAX + 1];
    size_t len;
};

/* The next token of a pointer at *at_p, which is behind it then. False: there is none. */
static bool next_token(const char **at_p, struct token *token)
{
    const char *at = *at_p;
    token->len = 0;
    token->text[0] = '\0';
    if (*at != '/') {
        return false;
    }
    at++;
    for (; *at != '\0' && *at != '/'; at++) {
        char c = *at;
        if (c == '~') {
            at++;
            c = *at == '0' ? '~' : '/';
        }
        token->text[token->len++] = c; /* a path is no longer than TW_EDIT_PATH_MAX */
    }
    token->text[token->len] = '\0';
    *at_p = at;
    return true;
}

static bool is_pointer(const char *path, size_t len)
{
    if (len == 0 || len > TW_EDIT_PATH_MAX || path[0] != '/' || strlen(path) != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (path[i] == '~' && path[i + 1] != '0' && path[i + 1] != '1') {
            return false;
        }
    }
    return true;
}

/* What joins events, and what it is unique in. */
static bool is_key(const char *name, const struct tw_cfg *cfg)
{
    for (size_t i = 0; i < cfg->object_count; i++) {
        const struct tw_cfg_object *object = &cfg->objects[i];
        if (!object->is_linking) {
            continue;
        }
        if (strcmp(object->attribute, name) == 0) {
            return true;
        }
        for (size_t k = 0; k < object->scope.count; k++) {
            if (strcmp(object->scope.items[k], name) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool is_locked(const char *name, const struct tw_cfg *cfg)
{
    for (size_t i = 0; i < sizeof locked / sizeof locked[0]; i++) {
        if (strcmp(locked[i], name) == 0) {
            return true;
        }
    }
    return is_key(name, cfg);
}

/* ---- the list ---- */

/* The path of a change whose list was checked. */
static const char *path_of(const json_t *op)
{
    return json_string_value(json_object_get(op, "path"));
}

static bool is_removal(const json_t *op)
{
    return json_object_get(op, "remove") != NULL;
}

static int check_op(const json_t *op, const struct tw_cfg *cfg, struct tw_diag *diag)
{
    const json_t *path = json_object_get(op, "path");
    const json_t *value = json_object_get(op, "value");
    const json_t *remove = json_object_get(op, "remove");
    struct token name = {.len = 0};
    if (!json_is_string(path) || !is_pointer(json_string_value(path), json_string_length(path))) {
        return tw_diag_set(diag, TW_EINVAL,
                           "edit: 'path' is a JSON Pointer of at most %d bytes, as /data/sku",
                           TW_EDIT_PATH_MAX);
    }
    const char *text = json_string_value(path);
    if (json_object_size(op) != 2 || (value == NULL) == !json_is_true(remove)) {
        return tw_diag_set(diag, TW_EINVAL,
                           "edit: %.100s: besides 'path' either 'value', or 'remove': true", text);
    }
    const char *at = text;
    (void)next_token(&at, &name); /* it begins with a slash */
    bool is_data = strcmp(name.text, "data") == 0;
    if (!is_data && (*at != '\0' || is_locked(name.text, cfg))) {
        return tw_diag_set(diag, TW_EINVAL, "edit: %.100s: this attribute cannot be changed", text);
    }
    if (!is_data && value != NULL && !json_is_string(value)) {
        return tw_diag_set(diag, TW_EINVAL, "edit: %.100s: an attribute is a text", text);
    }
    return TW_OK;
}

int tw_edit_check(const json_t *edit, const struct tw_cfg *cfg, struct tw_diag *diag)
{
    size_t count = json_array_size(edit);
    if (count == 0 || count > TW_EDIT_OPS_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "edit: an array of 1 to %d changes", TW_EDIT_OPS_MAX);
    }
    if (json_dumpb(edit, NULL, 0, JSON_COMPACT) > TW_EDIT_BYTES_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "edit: at most %d bytes", TW_EDIT_BYTES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        int rc = check_op(json_array_get(edit, i), cfg, diag);
        if (rc != TW_OK) {
            return rc;
        }
    }
    return TW_OK;
}

static bool contains(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (; *text != '\0' && len > 0; text++) {
        if (strncasecmp(text, word, len) == 0) {
            return true;
        }
    }
    return false;
}

/* Names within a value that is put in count like those of the path. */
static bool names_money(json_t *value, const struct tw_cfg_strings *words)
{
    const char *name = NULL;
    json_t *member = NULL;
    size_t index = 0;
    json_object_foreach (value, name, member) {
        for (size_t i = 0; i < words->count; i++) {
            if (contains(name, words->items[i])) {
                return true;
            }
        }
        if (names_money(member, words)) {
            return true;
        }
    }
    json_array_foreach (value, index, member) {
        if (names_money(member, words)) {
            return true;
        }
    }
    return false;
}

bool tw_edit_has_money(const json_t *edit, const struct tw_cfg_strings *words)
{
    size_t index = 0;
    json_t *op = NULL;
    json_array_foreach (edit, index, op) {
        const char *path = path_of(op);
        bool is_whole = strcmp(path, "/data") == 0; /* all there is is another */
        if (is_whole || strcmp(path, "/amount") == 0 || strcmp(path, "/currency") == 0 ||
            names_money(json_object_get(op, "value"), words)) {
            return true;
        }
        for (size_t i = 0; i < words->count; i++) {
            if (contains(path, words->items[i])) {
                return true;
            }
        }
    }
    return false;
}

/* ---- applying ---- */

/* Position in an array: a number without leading zeros, below its size; -1: none. */
static long position(const json_t *array, const char *text)
{
    size_t at = 0;
    if (text[0] == '\0' || (text[0] == '0' && text[1] != '\0') || strlen(text) > 6) {
        return -1;
    }
    for (; isdigit((unsigned char)*text) != 0; text++) {
        at = at * 10 + (size_t)(*text - '0');
    }
    return *text == '\0' && at < json_array_size(array) ? (long)at : -1;
}

static json_t *child(const json_t *parent, const char *name)
{
    if (json_is_array(parent)) {
        long at = position(parent, name);
        return at < 0 ? NULL : json_array_get(parent, (size_t)at);
    }
    return json_object_get(parent, name); /* NULL when it is no object */
}

/* The value that holds the last token, which is in *ret_last; NULL: it is not there. */
static json_t *find_parent(json_t *event, const char *path, struct token *ret_last)
{
    json_t *parent = event;
    const char *at = path;
    (void)next_token(&at, ret_last); /* a checked path has one */
    while (*at != '\0' && parent != NULL) {
        parent = child(parent, ret_last->text);
        (void)next_token(&at, ret_last);
    }
    return json_is_object(parent) || json_is_array(parent) ? parent : NULL;
}

static int put(json_t *parent, const char *name, json_t *value)
{
    int failed = 0;
    if (json_is_object(parent)) {
        failed =
            value == NULL ? json_object_del(parent, name) : json_object_set(parent, name, value);
    } else if (strcmp(name, "-") == 0 && value != NULL) {
        failed = json_array_append(parent, value);
    } else {
        long at = position(parent, name);
        TW_ASSERT(at >= 0); /* the caller has seen it there */
        failed = value == NULL ? json_array_remove(parent, (size_t)at)
                               : json_array_set(parent, (size_t)at, value);
    }
    return failed == 0 ? TW_OK : TW_ENOMEM;
}

/* Copies: what is put in may be changed by the next of the list. */
static int note(json_t *diff, const char *path, const json_t *before, const json_t *after)
{
    json_t *one = json_pack("{s:s, s:o*, s:o*}", "path", path, "before", json_deep_copy(before),
                            "after", json_deep_copy(after));
    return one != NULL && json_array_append_new(diff, one) == 0 ? TW_OK : TW_ENOMEM;
}

static int apply_op(const json_t *op, json_t *event, json_t *diff, struct tw_diag *diag)
{
    struct token last = {.len = 0};
    const char *path = path_of(op);
    json_t *value = is_removal(op) ? NULL : json_deep_copy(json_object_get(op, "value"));
    json_t *parent = find_parent(event, path, &last);
    json_t *before = parent == NULL ? NULL : child(parent, last.text);
    bool is_append = json_is_array(parent) && strcmp(last.text, "-") == 0;
    int rc = value == NULL && !is_removal(op) ? TW_ENOMEM : TW_OK;
    if (rc == TW_OK &&
        (parent == NULL ||
         (before == NULL && (value == NULL || (json_is_array(parent) && !is_append))))) {
        rc = tw_diag_set(diag, TW_EINVAL, "edit: %.100s: the event has no such place", path);
    } else if (rc == TW_OK && before != NULL && value != NULL && json_equal(before, value)) {
        rc = tw_diag_set(diag, TW_EINVAL, "edit: %.100s: it has this value already", path);
    }
    rc = rc == TW_OK ? note(diff, path, before, value) : rc;
    rc = rc == TW_OK ? put(parent, last.text, value) : rc;
    json_decref(value);
    return rc;
}

int tw_edit_apply(const json_t *edit, const json_t *event, json_t **ret_event, json_t **ret_diff,
                  struct tw_diag *diag)
{
    json_t *made = json_deep_copy(event);
    json_t *diff = json_array();
    int rc = made == NULL || diff == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; i < json_array_size(edit) && rc == TW_OK; i++) {
        rc = apply_op(json_array_get(edit, i), made, diff, diag);
    }
    if (rc == TW_OK && ret_diff != NULL) {
        *ret_diff = json_incref(diff);
    }
    json_decref(diff);
    if (rc != TW_OK) {
        json_decref(made);
        return rc;
    }
    *ret_event = made;
    return TW_OK;
}
