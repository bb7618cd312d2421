/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "alert/matcher.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdlib.h>

#include "alert/json_text.h"
#include "alert/pattern.h"
#include "core/buf.h"

/* Steps of one match, where a plain pattern takes some hundred: a pattern that multiplies its ways
 * gives up within a millisecond. */
#define STEPS_MAX 50000
#define DEPTH_MAX 5000
#define HEAP_KIB  4096
/* Groups in groups. */
#define NEST_MAX 100
/* A pattern whose every byte is spelt out. */
#define PATTERN_BYTES_MAX (48u * TW_MATCHER_TEXT_MAX)

struct matcher {
    struct tw_matcher_text text;
    pcre2_code *code; /* owned; NULL: it is no regular expression */
};
struct tw_matchers {
    pcre2_match_context *limits; /* owned */
    char *bytes;                 /* owned: all texts */
    size_t count;
    struct matcher items[];
};

/* Where the whole of the value is what the pattern matches. */
static int compile(struct tw_str pattern, pcre2_code **ret_code, struct tw_diag *diag)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    if (context == NULL) {
        return TW_ENOMEM;
    }
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_parens_nest_limit(context, NEST_MAX);
    int error = 0;
    PCRE2_SIZE offset = 0;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len,
                                     PCRE2_UTF | PCRE2_ANCHORED | PCRE2_ENDANCHORED |
                                         PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C,
                                     &error, &offset, context);
    pcre2_compile_context_free(context);
    if (code != NULL) {
        *ret_code = code;
        return TW_OK;
    }
    if (error == PCRE2_ERROR_HEAP_FAILED) {
        return TW_ENOMEM;
    }
    PCRE2_UCHAR text[128] = "";
    pcre2_get_error_message(error, text, sizeof text);
    return tw_diag_set(diag, TW_EINVAL, "%s", (const char *)text);
}

static int compile_text(struct tw_str text, pcre2_code **ret_code, struct tw_diag *diag)
{
    struct tw_buf pattern;
    tw_buf_init(&pattern, PATTERN_BYTES_MAX);
    int rc = tw_pattern_translate(text, &pattern, diag);
    if (rc == TW_OK) {
        rc = compile((struct tw_str){pattern.data == NULL ? "" : pattern.data, pattern.len},
                     ret_code, diag);
    }
    tw_buf_fini(&pattern);
    return rc;
}

static int fill(struct matcher *self, struct tw_diag *diag)
{
    const struct tw_matcher_text *text = &self->text;
    struct tw_diag why = {""};
    if (text->name.len > TW_LABEL_NAME_MAX || text->value.len > TW_MATCHER_TEXT_MAX) {
        return tw_diag_set(diag, TW_ELIMIT, "a matcher is too long (%d bytes at most)",
                           TW_MATCHER_TEXT_MAX);
    }
    if (!tw_label_is_name(text->name)) {
        return tw_diag_set(diag, TW_EINVAL, "bad matcher: '%.*s' is not the name of a label",
                           (int)text->name.len, text->name.ptr == NULL ? "" : text->name.ptr);
    }
    if (!tw_label_is_text(text->value)) {
        return tw_diag_set(diag, TW_EINVAL, "bad matcher: the value for '%.*s' is not UTF-8",
                           (int)text->name.len, text->name.ptr);
    }
    int rc = text->is_regex ? compile_text(text->value, &self->code, &why) : TW_OK;
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "bad matcher: the pattern for '%.*s': %s", (int)text->name.len,
                           text->name.ptr, why.text[0] != '\0' ? why.text : tw_err_text(rc));
    }
    return TW_OK;
}

static struct tw_str copy_bytes(char **end_p, struct tw_str text)
{
    char *copy = *end_p;
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    *end_p += text.len;
    return (struct tw_str){copy, text.len};
}

int tw_matchers_new(const struct tw_matcher_text *items, size_t count,
                    struct tw_matchers **ret_matchers, struct tw_diag *diag)
{
    if (count > TW_MATCHERS_MAX) {
        return tw_diag_set(diag, TW_ELIMIT, "%zu matchers; %d at most", count, TW_MATCHERS_MAX);
    }
    size_t bytes = 1;
    for (size_t i = 0; i < count; i++) {
        bytes += items[i].name.len + items[i].value.len;
    }
    struct tw_matchers *self = calloc(1, sizeof *self + count * sizeof self->items[0]);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->bytes = malloc(bytes);
    self->limits = pcre2_match_context_create(NULL);
    int rc = self->bytes == NULL || self->limits == NULL ? TW_ENOMEM : TW_OK;
    if (rc == TW_OK) {
        pcre2_set_match_limit(self->limits, STEPS_MAX);
        pcre2_set_depth_limit(self->limits, DEPTH_MAX);
        pcre2_set_heap_limit(self->limits, HEAP_KIB);
    }
    char *end = self->bytes;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        struct matcher *matcher = &self->items[i];
        matcher->text = items[i];
        matcher->text.name = copy_bytes(&end, items[i].name);
        matcher->text.value = copy_bytes(&end, items[i].value);
        self->count = i + 1;
        rc = fill(matcher, diag);
    }
    if (rc != TW_OK) {
        tw_matchers_destroy(&self);
        return rc;
    }
    *ret_matchers = self;
    return TW_OK;
}

void tw_matchers_destroy(struct tw_matchers **self_p)
{
    struct tw_matchers *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        pcre2_code_free(self->items[i].code);
    }
    pcre2_match_context_free(self->limits);
    free(self->bytes);
    free(self);
}

static struct tw_str trim(struct tw_str text)
{
    static const char spaces[] = " \t\n\r\f\v";
    while (text.len > 0 && memchr(spaces, text.ptr[0], sizeof spaces - 1) != NULL) {
        text = (struct tw_str){text.ptr + 1, text.len - 1};
    }
    while (text.len > 0 && memchr(spaces, text.ptr[text.len - 1], sizeof spaces - 1) != NULL) {
        text.len--;
    }
    return text;
}

/* A backslash stands before n, " and itself; before anything else, and at the end, it is itself. */
static int unescape(struct tw_str raw, bool has_quote, char *copy, size_t *ret_len)
{
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char c = raw.ptr[i];
        if (c == '\\' && i + 1 < raw.len) {
            char next = raw.ptr[++i];
            if (next != 'n' && next != '"' && next != '\\') {
                copy[len++] = '\\';
            }
            copy[len++] = next;
            if (next == 'n') {
                copy[len - 1] = '\n';
            }
        } else if (c == '"') {
            if (!has_quote || i + 1 < raw.len) {
                return TW_ESYNTAX;
            }
            has_quote = false;
        } else {
            copy[len++] = c;
        }
    }
    *ret_len = len;
    return has_quote ? TW_ESYNTAX : TW_OK;
}

/* The value of a matcher, without its quotes. */
static int take_value(struct tw_arena *arena, struct tw_str raw, struct tw_str *ret_value)
{
    bool has_quote = raw.len > 0 && raw.ptr[0] == '"';
    if (has_quote) {
        raw = (struct tw_str){raw.ptr + 1, raw.len - 1};
    }
    if (!tw_label_is_text(raw)) {
        return TW_ESYNTAX;
    }
    char *copy = tw_arena_alloc(arena, raw.len + 1);
    size_t len = 0;
    if (copy == NULL) {
        return TW_ENOMEM;
    }
    int rc = unescape(raw, has_quote, copy, &len);
    if (rc == TW_OK) {
        *ret_value = (struct tw_str){copy, len};
    }
    return rc;
}

int tw_matcher_parse(struct tw_arena *arena, struct tw_str text, struct tw_matcher_text *ret_item,
                     struct tw_diag *diag)
{
    static const char *const operators[] = {"=~", "!~", "!=", "="};
    struct tw_str all = trim(text);
    size_t end = 0;
    while (end < all.len && memchr("=!~", all.ptr[end], 3) == NULL) {
        end++;
    }
    struct tw_str rest = {all.ptr + end, all.len - end};
    struct tw_matcher_text item = {.name = trim((struct tw_str){all.ptr, end})};
    size_t which = 0;
    while (which < 4 && !tw_str_starts(rest, tw_str_of(operators[which]))) {
        which++;
    }
    int rc = which < 4 && tw_label_is_name(item.name) ? TW_OK : TW_ESYNTAX;
    if (rc == TW_OK) {
        size_t len = strlen(operators[which]);
        item.is_regex = which < 2;
        item.is_equal = which == 0 || which == 3;
        rc = take_value(arena, trim((struct tw_str){rest.ptr + len, rest.len - len}), &item.value);
    }
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "bad matcher format: %.*s",
                           (int)(text.len < 200 ? text.len : 200),
                           text.ptr == NULL ? "" : text.ptr);
    }
    *ret_item = item;
    return TW_OK;
}

int tw_matcher_write(struct tw_arena *arena, const struct tw_matcher_text *item,
                     struct tw_str *ret_text)
{
    static const char *const operators[2][2] = {{"!=", "="}, {"!~", "=~"}};
    struct tw_buf out;
    tw_buf_init(&out, item->name.len + item->value.len * 2 + 8);
    tw_buf_append_str(&out, item->name);
    tw_buf_append_str(&out, tw_str_of(operators[item->is_regex][item->is_equal]));
    tw_buf_append_byte(&out, '"');
    for (size_t i = 0; i < item->value.len; i++) {
        char c = item->value.ptr[i];
        if (c == '\\' || c == '"' || c == '\n') {
            tw_buf_append_byte(&out, '\\');
        }
        tw_buf_append_byte(&out, c == '\n' ? 'n' : (uint8_t)c);
    }
    tw_buf_append_byte(&out, '"');
    struct tw_str copy = TW_STR_NULL;
    if (out.error == TW_OK) {
        copy = tw_arena_copy(arena, (struct tw_str){out.data, out.len});
    }
    tw_buf_fini(&out);
    if (copy.ptr == NULL) {
        return TW_ENOMEM;
    }
    *ret_text = copy;
    return TW_OK;
}

static struct tw_str text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return (struct tw_str){json_string_value(value), json_string_length(value)};
}

static int read_item(const json_t *json, struct tw_matcher_text *ret_item)
{
    const json_t *is_regex = json_object_get(json, "isRegex");
    const json_t *is_equal = json_object_get(json, "isEqual");
    const struct tw_matcher_text item = {
        .name = text_of(json, "name"),
        .value = text_of(json, "value"),
        .is_regex = json_is_true(is_regex),
        .is_equal = is_equal == NULL || json_is_true(is_equal),
    };
    if (item.name.ptr == NULL || item.value.ptr == NULL || !json_is_boolean(is_regex) ||
        (is_equal != NULL && !json_is_boolean(is_equal))) {
        return TW_ESYNTAX;
    }
    *ret_item = item;
    return TW_OK;
}

int tw_matchers_read(struct tw_str json, struct tw_matchers **ret_matchers, struct tw_diag *diag)
{
    struct tw_matcher_text items[TW_MATCHERS_MAX] = {{.is_regex = false}};
    json_t *root = NULL;
    int rc = tw_json_read(json, JSON_REJECT_DUPLICATES, &root);
    size_t count = json_array_size(root);
    if (rc == TW_ENOMEM) {
        return tw_diag_set(diag, rc, "%s", tw_err_text(rc));
    }
    rc = TW_OK;
    if (!json_is_array(root)) {
        rc = tw_diag_set(diag, TW_ESYNTAX, "matchers are no list");
    } else if (count > TW_MATCHERS_MAX) {
        rc = tw_diag_set(diag, TW_ELIMIT, "%zu matchers; %d at most", count, TW_MATCHERS_MAX);
    }
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        rc = read_item(json_array_get(root, i), &items[i]);
        if (rc != TW_OK) {
            tw_diag_set(diag, rc, "matcher %zu wants name, value and isRegex", i + 1);
        }
    }
    if (rc == TW_OK) {
        rc = tw_matchers_new(items, count, ret_matchers, diag);
    }
    json_decref(root);
    return rc;
}

int tw_matchers_json(struct tw_arena *arena, const struct tw_matcher_text *items, size_t count,
                     struct tw_str *ret_json)
{
    json_t *root = json_array();
    int rc = root == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        json_t *name = json_stringn(items[i].name.ptr, items[i].name.len);
        json_t *value = json_stringn(items[i].value.ptr, items[i].value.len);
        json_t *item = json_pack("{s:o, s:o, s:b, s:b}", "name", name, "value", value, "isRegex",
                                 (int)items[i].is_regex, "isEqual", (int)items[i].is_equal);
        rc = json_array_append_new(root, item) == 0 ? TW_OK : TW_ENOMEM;
    }
    rc = rc == TW_OK ? tw_json_keep(root, 0, TW_JSON_TEXT_MAX, arena, ret_json) : rc;
    json_decref(root);
    return rc;
}

/* One that gives up matches nothing, and its negation neither. */
static bool is_match(const struct tw_matchers *self, const struct matcher *matcher,
                     struct tw_str value)
{
    if (matcher->code == NULL) {
        return tw_str_equal(value, matcher->text.value) == matcher->text.is_equal;
    }
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    if (data == NULL) {
        return false;
    }
    int found = pcre2_match(matcher->code, (PCRE2_SPTR)(value.ptr == NULL ? "" : value.ptr),
                            value.len, 0, 0, data, self->limits);
    pcre2_match_data_free(data);
    return matcher->text.is_equal ? found >= 0 : found == PCRE2_ERROR_NOMATCH;
}

bool tw_matchers_match(const struct tw_matchers *self, const struct tw_labels *labels)
{
    for (size_t i = 0; i < self->count; i++) {
        struct tw_str name = self->items[i].text.name;
        struct tw_str value = TW_STR_NULL;
        for (size_t j = 0; j < labels->count; j++) {
            if (tw_str_equal(labels->items[j].name, name)) {
                value = labels->items[j].value;
                break;
            }
        }
        if (!is_match(self, &self->items[i], value)) {
            return false;
        }
    }
    return true;
}

bool tw_matchers_match_empty(const struct tw_matchers *self)
{
    return tw_matchers_match(self, &(const struct tw_labels){NULL, 0});
}

size_t tw_matchers_count(const struct tw_matchers *self)
{
    return self->count;
}

struct tw_matcher_text tw_matchers_get(const struct tw_matchers *self, size_t i)
{
    return self->items[i].text;
}
