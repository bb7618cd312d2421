/* SPDX-License-Identifier: Apache-2.0
 * Foreign JSON -> events, as `mappings:` of the configuration says. The rows are compiled once
 * into parts (fixed text, or a pointer); values are ranges of the raw bytes, so that identifiers
 * and amounts stay the exact text that came.
 * Thread: intake only. Source: docs/reference/mappings.md. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "event/internal.h"
#include "event/pointer.h"
#include "event/text.h"

/* A piece of a template; a pointer or constant is one piece. */
struct part {
    struct tw_str text; /* the fixed text, or the pointer without '^' */
    bool is_pointer;
    bool is_root; /* '^': counts from the document, also inside `each` */
    /* a root pointer is resolved once per document, however many elements it has */
    uint64_t document;
    bool is_found;
    struct tw_json_value value;
};

struct row {
    const struct tw_cfg_attr *cfg;
    struct tw_str name;
    struct part *parts; /* owned */
    size_t part_count;
};

struct tw_mapping {
    const struct tw_cfg_mapping *cfg;
    struct row *rows; /* owned */
    size_t row_count;
    size_t amount_row;   /* row_count: there is none */
    size_t currency_row; /* row_count: there is none */
};

/* What pointers count from. */
struct scope {
    const struct tw_json_value *document; /* its members are in the scanner */
    const struct tw_json_value *element;  /* the document itself where there is no `each` */
};

static int add_part(struct row *row, struct tw_str text, bool is_pointer)
{
    struct part part = {.text = text, .is_pointer = is_pointer};
    if (is_pointer && text.len > 0 && text.ptr[0] == '^') {
        part.is_root = true;
        part.text = (struct tw_str){text.ptr + 1, text.len - 1};
    }
    if (is_pointer && !tw_json_pointer_is_valid(part.text)) {
        return TW_EINVAL;
    }
    struct part *parts = realloc(row->parts, (row->part_count + 1) * sizeof *parts);
    if (parts == NULL) {
        return TW_ENOMEM;
    }
    row->parts = parts;
    parts[row->part_count++] = part;
    return TW_OK;
}

/* "a{/p}b{{c}}" -> "a", /p, "b", "{", "c", "}". */
static int compile_template(struct row *row, struct tw_str text)
{
    const char *p = text.ptr;
    const char *end = tw_str_end(text);
    while (p < end) {
        const char *brace = p;
        while (brace < end && *brace != '{' && *brace != '}') {
            brace++;
        }
        int rc = brace > p ? add_part(row, (struct tw_str){p, (size_t)(brace - p)}, false) : TW_OK;
        if (rc != TW_OK || brace == end) {
            return rc;
        }
        if (end - brace > 1 && brace[1] == *brace) {
            rc = add_part(row, (struct tw_str){brace, 1}, false);
            p = brace + 2;
        } else {
            const char *close = memchr(brace, '}', (size_t)(end - brace));
            if (*brace == '}' || close == NULL) {
                return TW_EINVAL;
            }
            rc = add_part(row, (struct tw_str){brace + 1, (size_t)(close - brace - 1)}, true);
            p = close + 1;
        }
        if (rc != TW_OK) {
            return rc;
        }
    }
    return TW_OK;
}

static int compile_row(struct row *row, const struct tw_cfg_attr *cfg)
{
    struct tw_str text = tw_str_of(cfg->text);
    row->cfg = cfg;
    row->name = tw_str_of(cfg->attribute);
    if (cfg->kind == TW_VALUE_TEMPLATE) {
        return compile_template(row, text);
    }
    return add_part(row, text, cfg->kind == TW_VALUE_POINTER);
}

static int compile_mapping(struct tw_mapping *self, const struct tw_cfg_mapping *cfg)
{
    self->cfg = cfg;
    self->rows = calloc(cfg->attribute_count + 1, sizeof *self->rows);
    if (self->rows == NULL) {
        return TW_ENOMEM;
    }
    self->row_count = cfg->attribute_count;
    self->amount_row = self->row_count;
    self->currency_row = self->row_count;
    for (size_t i = 0; i < self->row_count; i++) {
        int rc = compile_row(&self->rows[i], &cfg->attributes[i]);
        if (rc != TW_OK) {
            return rc;
        }
        if (tw_str_is(self->rows[i].name, "amount")) {
            self->amount_row = i;
        } else if (tw_str_is(self->rows[i].name, "currency")) {
            self->currency_row = i;
        }
    }
    bool is_good =
        (cfg->each == NULL || tw_json_pointer_is_valid(tw_str_of(cfg->each))) &&
        (cfg->match_pointer == NULL || tw_json_pointer_is_valid(tw_str_of(cfg->match_pointer)));
    return is_good ? TW_OK : TW_EINVAL;
}

int tw_mappings_compile(const struct tw_cfg *cfg, struct tw_mapping **ret_mappings)
{
    struct tw_mapping *mappings = calloc(cfg->mapping_count + 1, sizeof *mappings);
    if (mappings == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < cfg->mapping_count; i++) {
        int rc = compile_mapping(&mappings[i], &cfg->mappings[i]);
        if (rc != TW_OK) {
            tw_mappings_destroy(&mappings, cfg->mapping_count);
            return rc;
        }
    }
    *ret_mappings = mappings;
    return TW_OK;
}

void tw_mappings_destroy(struct tw_mapping **self_p, size_t count)
{
    struct tw_mapping *self = *self_p;
    for (size_t i = 0; self != NULL && i < count; i++) {
        for (size_t j = 0; j < self[i].row_count; j++) {
            free(self[i].rows[j].parts);
        }
        free(self[i].rows);
    }
    free(self);
    *self_p = NULL;
}

/* Null says as little as nothing. */
static bool is_something(const struct tw_json_value *value)
{
    return value->kind != TW_JSON_NULL;
}

/* The members of a value, if it is an object that can be indexed; else NULL. */
static const struct tw_json_scanner *members_of(struct tw_view *view,
                                                const struct tw_json_value *value)
{
    if (value->kind != TW_JSON_OBJECT) {
        return NULL;
    }
    if (view->object != value->text.ptr) {
        struct tw_json_value ignored;
        view->object = value->text.ptr;
        view->is_indexed = tw_json_scan_object(&view->scanner, value->text, &ignored) == TW_OK;
    }
    return view->is_indexed ? &view->scanner : NULL;
}

/* Follow a pointer from the document (whose members are in the scanner) or from an item of it.
 * The rows of a mapping mostly share their first token: what is below it is looked at once. */
static int follow(struct tw_decoder *self, const struct tw_json_value *root, bool is_document,
                  struct tw_str pointer, struct tw_json_value *ret_value)
{
    const struct tw_json_scanner *members =
        is_document ? &self->scanner : members_of(&self->views[0], root);
    if (members == NULL || pointer.len == 0) {
        return tw_json_pointer(root, pointer, ret_value);
    }
    const char *slash = memchr(pointer.ptr + 1, '/', pointer.len - 1);
    size_t len = slash == NULL ? pointer.len : (size_t)(slash - pointer.ptr);
    struct tw_json_value value;
    int rc = tw_json_pointer_members(members, root, (struct tw_str){pointer.ptr, len}, &value);
    if (rc != TW_OK) {
        return rc;
    }
    if (slash == NULL) {
        *ret_value = value;
        return TW_OK;
    }
    struct tw_str rest = {slash, pointer.len - len};
    members = members_of(&self->views[1], &value);
    return members == NULL ? tw_json_pointer(&value, rest, ret_value)
                           : tw_json_pointer_members(members, &value, rest, ret_value);
}

/* The value of a pointer part; false: there is none, or null. */
static bool resolve(struct tw_decoder *self, const struct scope *scope, struct part *part,
                    struct tw_json_value *ret_value)
{
    bool is_document = part->is_root || scope->element == scope->document;
    if (is_document && part->document == self->document) {
        *ret_value = part->value;
        return part->is_found;
    }
    struct tw_json_value value = {.kind = TW_JSON_NULL};
    int rc = follow(self, is_document ? scope->document : scope->element, is_document, part->text,
                    &value);
    bool is_found = rc == TW_OK && is_something(&value);
    if (is_document) {
        part->document = self->document;
        part->is_found = is_found;
        part->value = value;
    }
    *ret_value = value;
    return is_found;
}

static bool is_nested(const struct tw_json_value *value)
{
    return value->kind == TW_JSON_ARRAY || value->kind == TW_JSON_OBJECT;
}

static int no_memory(struct tw_decoder *self)
{
    return tw_refuse(self, TW_PROBLEM_oversize, "no memory left to map the message");
}

static int refuse_nested(struct tw_decoder *self, const struct row *row)
{
    return tw_refuse(self, TW_PROBLEM_mapping, "%.*s: the value is an object or an array in one",
                     TW_SHOW(row->name));
}

/* The values of an array, joined by spaces: several objects of one type. */
static int join_items(struct tw_decoder *self, const struct row *row,
                      const struct tw_json_value *array, struct tw_str *ret_text)
{
    /* Decoded items are never longer than written ones, and each gives up a comma. */
    char *out = tw_arena_alloc(self->arena, array->text.len);
    if (out == NULL) {
        return no_memory(self);
    }
    size_t len = 0;
    const char *position = NULL;
    struct tw_json_value item;
    while (tw_json_item_next(array, &position, &item) == TW_OK) {
        if (is_nested(&item)) {
            return refuse_nested(self, row);
        }
        if (!is_something(&item) || item.text.len == 0) {
            continue;
        }
        if (len > 0) {
            out[len++] = ' ';
        }
        if (item.has_escape) {
            len += tw_json_unescape(item.text, out + len);
        } else {
            memcpy(out + len, item.text.ptr, item.text.len);
            len += item.text.len;
        }
    }
    *ret_text = (struct tw_str){out, len};
    return TW_OK;
}

/* The text of one part; absent: the pointer leads nowhere, or to null or an empty text. */
static int part_text(struct tw_decoder *self, const struct scope *scope, const struct row *row,
                     struct part *part, struct tw_str *ret_text)
{
    *ret_text = part->text;
    if (!part->is_pointer) {
        return TW_OK;
    }
    *ret_text = TW_STR_NULL;
    struct tw_json_value value;
    if (!resolve(self, scope, part, &value)) {
        return TW_OK;
    }
    struct tw_str text = TW_STR_NULL;
    if (value.kind == TW_JSON_OBJECT) {
        return refuse_nested(self, row);
    }
    if (value.kind == TW_JSON_ARRAY) {
        int rc = join_items(self, row, &value, &text);
        if (rc != TW_OK) {
            return rc;
        }
    } else {
        text = tw_json_value_text(self->arena, &value);
        if (text.ptr == NULL) {
            return no_memory(self);
        }
    }
    *ret_text = text.len == 0 ? TW_STR_NULL : text;
    return TW_OK;
}

/* All parts of a row put together; absent as soon as one part is. */
static int row_text(struct tw_decoder *self, const struct scope *scope, struct row *row,
                    struct tw_str *ret_text)
{
    struct tw_str whole = TW_STR_NULL;
    for (size_t i = 0; i < row->part_count; i++) {
        struct tw_str piece;
        int rc = part_text(self, scope, row, &row->parts[i], &piece);
        if (rc != TW_OK) {
            return rc;
        }
        if (piece.ptr == NULL) {
            *ret_text = TW_STR_NULL;
            return TW_OK;
        }
        if (whole.ptr == NULL) {
            whole = piece;
            continue;
        }
        char *joined = tw_arena_alloc(self->arena, whole.len + piece.len);
        if (joined == NULL) {
            return no_memory(self);
        }
        memcpy(joined, whole.ptr, whole.len);
        memcpy(joined + whole.len, piece.ptr, piece.len);
        whole = (struct tw_str){joined, whole.len + piece.len};
    }
    *ret_text = whole;
    return TW_OK;
}

/* The row of `map` for a value; else the row "*", if there is one; else the value itself. */
static struct tw_str translate(const struct tw_cfg_attr *cfg, struct tw_str text)
{
    struct tw_str other = text;
    for (size_t i = 0; i < cfg->map_count; i++) {
        if (tw_str_is(text, cfg->map[i].from)) {
            return tw_str_of(cfg->map[i].to);
        }
        if (strcmp(cfg->map[i].from, "*") == 0) {
            other = tw_str_of(cfg->map[i].to);
        }
    }
    return other;
}

/* What people wrote into an error message may have any character: those that an attribute cannot
 * hold become spaces, and what is too long is cut between two characters. */
static int tame_message(struct tw_decoder *self, struct tw_str *text)
{
    size_t max = (size_t)self->cfg->intake.max_attribute_bytes;
    if (text->len > max) {
        text->len = max;
        while (text->len > 0 && ((uint8_t)text->ptr[text->len] & 0xc0) == 0x80) {
            text->len--;
        }
    }
    size_t bad = tw_text_allowed(*text);
    if (bad == text->len) {
        return TW_OK;
    }
    char *copy = tw_arena_alloc(self->arena, text->len);
    if (copy == NULL) {
        return no_memory(self);
    }
    memcpy(copy, text->ptr, text->len);
    text->ptr = copy;
    for (; bad < text->len; bad += tw_text_allowed((struct tw_str){copy + bad, text->len - bad})) {
        copy[bad++] = ' ';
        while (bad < text->len && ((uint8_t)copy[bad] & 0xc0) == 0x80) {
            copy[bad++] = ' ';
        }
    }
    return TW_OK;
}

static int map_row(struct tw_decoder *self, const struct tw_mapping *mapping,
                   const struct scope *scope, struct row *row, struct tw_pair *ret_pair)
{
    struct tw_str text = TW_STR_NULL;
    int rc = row_text(self, scope, row, &text);
    if (rc != TW_OK) {
        return rc;
    }
    if (text.ptr != NULL) {
        text = translate(row->cfg, text);
    }
    if (text.len > 0 && tw_str_is(row->name, "errormessage")) {
        rc = tame_message(self, &text);
        if (rc != TW_OK) {
            return rc;
        }
    }
    if (text.len == 0) {
        text = TW_STR_NULL;
        if (!row->cfg->is_optional) {
            return tw_refuse(self, TW_PROBLEM_mapping, "mapping %s: %s (%s) has no value",
                             mapping->cfg->name, row->cfg->attribute, row->cfg->text);
        }
    }
    *ret_pair = (struct tw_pair){row->name, text};
    return TW_OK;
}

/* Minor units -> a decimal amount, now that the currency is known. */
static int scale_amount(struct tw_decoder *self, const struct tw_mapping *mapping,
                        struct tw_pair *pairs)
{
    if (mapping->amount_row == mapping->row_count ||
        !mapping->rows[mapping->amount_row].cfg->is_minor_units) {
        return TW_OK;
    }
    struct tw_pair *amount = &pairs[mapping->amount_row];
    if (amount->text.ptr == NULL) {
        return TW_OK;
    }
    struct tw_str currency = mapping->currency_row == mapping->row_count
                                 ? TW_STR_NULL
                                 : pairs[mapping->currency_row].text;
    if (!tw_text_is_currency(currency)) {
        return tw_refuse(self, TW_PROBLEM_amount, "mapping %s: minor units without a currency",
                         mapping->cfg->name);
    }
    char *out = tw_arena_alloc(self->arena, amount->text.len + 6);
    if (out == NULL) {
        return no_memory(self);
    }
    size_t len = tw_amount_from_minor(amount->text, tw_currency_exponent(currency), out);
    if (len == 0) {
        return tw_refuse(self, TW_PROBLEM_amount, "minor units \"%.*s\"", TW_SHOW(amount->text));
    }
    amount->text = (struct tw_str){out, len};
    return TW_OK;
}

/* One event of the element in scope. */
static int map_element(struct tw_decoder *self, struct tw_mapping *mapping,
                       const struct scope *scope)
{
    size_t count = mapping->row_count;
    struct tw_pair *pairs = tw_arena_alloc(self->arena, (count + 2) * sizeof *pairs);
    if (pairs == NULL) {
        return no_memory(self);
    }
    for (size_t i = 0; i < count; i++) {
        int rc = map_row(self, mapping, scope, &mapping->rows[i], &pairs[i]);
        if (rc != TW_OK) {
            return rc;
        }
    }
    int rc = scale_amount(self, mapping, pairs);
    if (rc != TW_OK) {
        return rc;
    }
    pairs[count] = (struct tw_pair){TW_STR_LIT("datacontenttype"), TW_STR_LIT("application/json")};
    pairs[count + 1] = (struct tw_pair){TW_STR_LIT("specversion"), TW_STR_LIT("1.0")};
    const struct tw_json_value *element = scope->element;
    struct tw_str data = {element->text.ptr - (element->kind == TW_JSON_STRING ? 1 : 0), 0};
    data.len = (size_t)(tw_json_value_end(element) - data.ptr);
    struct tw_event *event = NULL;
    rc = tw_cloudevent_compose(self, pairs, count + 2, TW_DATA_JSON, data, &event);
    if (rc == TW_OK) {
        self->sink->event(self->sink->context, event);
    }
    return rc;
}

static int refuse_each(struct tw_decoder *self, const struct tw_mapping *mapping, const char *what)
{
    return tw_refuse(self, TW_PROBLEM_mapping, "mapping %s: %s %s", mapping->cfg->name,
                     mapping->cfg->each, what);
}

/* One event per item. Items that cannot be mapped are told in one problem with the whole
 * document, since a single item could not be tried again: *ret_index is the first such item. */
static int map_each(struct tw_decoder *self, struct tw_mapping *mapping,
                    const struct tw_json_value *document, int64_t *ret_index)
{
    struct tw_json_value array;
    if (follow(self, document, true, tw_str_of(mapping->cfg->each), &array) != TW_OK ||
        array.kind != TW_JSON_ARRAY) {
        return refuse_each(self, mapping, "is not an array");
    }
    int64_t index = 0;
    int result = TW_OK;
    const char *position = NULL;
    struct tw_json_value item;
    for (; tw_json_item_next(&array, &position, &item) == TW_OK; index++) {
        if (index == self->cfg->intake.max_batch_events) {
            *ret_index = index;
            return tw_refuse(self, TW_PROBLEM_batch_size, "more than %lld items in %s",
                             (long long)index, mapping->cfg->each);
        }
        struct scope scope = {.document = document, .element = &item};
        enum tw_problem_code code = self->code;
        struct tw_str detail = self->detail;
        int rc = map_element(self, mapping, &scope);
        if (rc != TW_OK && result == TW_OK) {
            result = rc;
            *ret_index = index;
        } else if (rc != TW_OK) {
            self->code = code; /* the first one stays the reason */
            self->detail = detail;
        }
    }
    return index == 0 ? refuse_each(self, mapping, "is empty") : result;
}

static bool matches(struct tw_decoder *self, const struct tw_cfg_mapping *cfg,
                    const struct tw_json_value *document)
{
    if (cfg->topic != NULL && !tw_str_starts(self->message->topic, tw_str_of(cfg->topic))) {
        return false;
    }
    if (cfg->match_pointer == NULL) {
        return cfg->topic != NULL;
    }
    struct tw_json_value value;
    if (follow(self, document, true, tw_str_of(cfg->match_pointer), &value) != TW_OK ||
        !is_something(&value)) {
        return false;
    }
    if (cfg->match_value == NULL) {
        return true;
    }
    return !is_nested(&value) &&
           tw_str_is(tw_json_value_text(self->arena, &value), cfg->match_value);
}

void tw_mappings_run(struct tw_decoder *self, const struct tw_json_value *object, struct tw_str raw,
                     int64_t index)
{
    self->document++;
    for (size_t i = 0; i < TW_VIEWS; i++) {
        self->views[i].object = NULL;
    }
    for (size_t i = 0; i < self->mapping_count; i++) {
        struct tw_mapping *mapping = &self->mappings[i];
        if (!matches(self, mapping->cfg, object)) {
            continue;
        }
        int rc = TW_OK;
        if (mapping->cfg->each != NULL) {
            int64_t item = index;
            rc = map_each(self, mapping, object, &item);
            index = index < 0 ? item : index;
        } else {
            struct scope scope = {.document = object, .element = object};
            rc = map_element(self, mapping, &scope);
        }
        if (rc != TW_OK) {
            tw_report(self, index, raw);
        }
        return;
    }
    (void)tw_refuse(self, TW_PROBLEM_unmapped,
                    "no specversion, and no mapping for topic \"%.*s\" and this body",
                    TW_SHOW(self->message->topic));
    tw_report(self, index, raw);
}
