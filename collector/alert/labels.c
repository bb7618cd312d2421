/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "alert/labels.h"

#include <stdlib.h>

#include "alert/json_text.h"

#define FNV_OFFSET UINT64_C(14695981039346656037)
#define FNV_PRIME  UINT64_C(1099511628211)
#define SEPARATOR  0xff

bool tw_label_is_name(struct tw_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!is_letter && !(i > 0 && c >= '0' && c <= '9')) {
            return false;
        }
    }
    return name.len > 0;
}

/* JSON texts are UTF-8; the library says whether this is one. */
bool tw_label_is_text(struct tw_str value)
{
    bool is_text = false;
    for (int i = 0; i < 2 && !is_text; i++) { /* without memory it says so of good ones, too */
        json_t *text = json_stringn(value.ptr, value.len);
        is_text = text != NULL;
        json_decref(text);
    }
    return is_text;
}

static int by_name(const void *a, const void *b)
{
    const struct tw_label *left = a;
    const struct tw_label *right = b;
    return tw_str_compare(left->name, right->name);
}

static int add_copy(struct tw_arena *arena, const struct tw_label *label,
                    struct tw_label *ret_label)
{
    if (label->name.len > TW_LABEL_NAME_MAX || label->value.len > TW_LABEL_VALUE_MAX) {
        return TW_ELIMIT;
    }
    if (!tw_label_is_name(label->name) || !tw_label_is_text(label->value)) {
        return TW_EINVAL;
    }
    const struct tw_label copy = {tw_arena_copy(arena, label->name),
                                  tw_arena_copy(arena, label->value)};
    if (copy.name.ptr == NULL || copy.value.ptr == NULL) {
        return TW_ENOMEM;
    }
    *ret_label = copy;
    return TW_OK;
}

int tw_labels_make(struct tw_arena *arena, const struct tw_label *items, size_t count,
                   struct tw_labels *ret_labels)
{
    if (count > TW_LABELS_MAX) {
        return TW_ELIMIT;
    }
    struct tw_label *copies = tw_arena_alloc(arena, (count + 1) * sizeof *copies);
    size_t kept = 0;
    int rc = copies == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        if (items[i].value.len > 0) {
            rc = add_copy(arena, &items[i], &copies[kept]);
            kept++;
        } else if (!tw_label_is_name(items[i].name)) {
            rc = TW_EINVAL;
        }
    }
    if (rc != TW_OK) {
        return rc;
    }
    if (kept > 1) {
        qsort(copies, kept, sizeof *copies, by_name);
    }
    for (size_t i = 1; i < kept; i++) {
        if (tw_str_equal(copies[i - 1].name, copies[i].name)) {
            return TW_EINVAL;
        }
    }
    *ret_labels = (struct tw_labels){copies, kept};
    return TW_OK;
}

int tw_labels_parse(struct tw_arena *arena, struct tw_str json, struct tw_labels *ret_labels)
{
    json_t *root = NULL;
    struct tw_label items[TW_LABELS_MAX] = {0};
    size_t count = 0;
    int rc = tw_json_read(json, JSON_REJECT_DUPLICATES, &root);
    rc = rc == TW_OK && !json_is_object(root) ? TW_ESYNTAX : rc;
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach (root, name, value) {
        if (!json_is_string(value)) {
            rc = TW_ESYNTAX;
        } else if (count == TW_LABELS_MAX) {
            rc = TW_ELIMIT;
        }
        if (rc != TW_OK) {
            break;
        }
        items[count++] = (struct tw_label){tw_str_of(name),
                                           {json_string_value(value), json_string_length(value)}};
    }
    rc = rc == TW_OK ? tw_labels_make(arena, items, count, ret_labels) : rc;
    json_decref(root);
    return rc;
}

int tw_labels_json(struct tw_arena *arena, const struct tw_labels *labels, struct tw_str *ret_json)
{
    json_t *root = json_object();
    int rc = root == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; i < labels->count && rc == TW_OK; i++) {
        const struct tw_label *label = &labels->items[i];
        json_t *value = json_stringn(label->value.ptr, label->value.len);
        rc = json_object_set_new(root, label->name.ptr, value) == 0 ? TW_OK : TW_ENOMEM;
    }
    rc = rc == TW_OK ? tw_json_keep(root, JSON_SORT_KEYS, TW_JSON_TEXT_MAX, arena, ret_json) : rc;
    json_decref(root);
    return rc;
}

struct tw_str tw_labels_get(const struct tw_labels *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (tw_str_is(self->items[i].name, name)) {
            return self->items[i].value;
        }
    }
    return TW_STR_NULL;
}

static uint64_t add_bytes(uint64_t hash, struct tw_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        hash = (hash ^ (unsigned char)bytes.ptr[i]) * FNV_PRIME;
    }
    return (hash ^ SEPARATOR) * FNV_PRIME;
}

uint64_t tw_labels_fingerprint(const struct tw_labels *self)
{
    uint64_t hash = FNV_OFFSET;
    for (size_t i = 0; i < self->count; i++) {
        hash = add_bytes(add_bytes(hash, self->items[i].name), self->items[i].value);
    }
    return hash;
}

void tw_fingerprint_hex(uint64_t fingerprint, char ret_hex[TW_FINGERPRINT_HEX_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = TW_FINGERPRINT_HEX_LEN; i-- > 0; fingerprint >>= 4) {
        ret_hex[i] = digits[fingerprint & 15];
    }
    ret_hex[TW_FINGERPRINT_HEX_LEN] = '\0';
}

int tw_fingerprint_read(struct tw_str hex, uint64_t *ret_fingerprint)
{
    uint64_t value = 0;
    for (size_t i = 0; i < hex.len; i++) {
        char c = hex.ptr[i];
        bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && !(c >= 'a' && c <= 'f')) {
            return TW_ESYNTAX;
        }
        value = value << 4 | (uint64_t)(is_digit ? c - '0' : c - 'a' + 10);
    }
    if (hex.len != TW_FINGERPRINT_HEX_LEN) {
        return TW_ESYNTAX;
    }
    *ret_fingerprint = value;
    return TW_OK;
}
