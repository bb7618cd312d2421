/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "correlate/objects.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"

#define OBJECTS_MAX 256 /* upper bound of correlate.max_objects */
#define SCOPE_MAX   4   /* attributes of one scope; the configuration allows no more */
#define CASE_BIT    0x20

/* An attribute by its number, or by its name where the table has none. */
struct attribute {
    int index;
    struct tw_str name;
};

struct rule {
    uint16_t type;
    bool is_linking;
    bool is_trace; /* the id is the trace id inside a traceparent */
    struct attribute attribute;
    struct attribute scope[SCOPE_MAX];
    size_t scope_count;
};

struct tw_object_rules {
    const struct tw_cfg *cfg;
    struct rule *rules;
    size_t rule_count;
    uint64_t ignored_lengths; /* bit n: a word of n bytes (63: or more) says nothing */
    struct tw_str *ignored;   /* correlate.ignore */
};

/* What one extraction works on. */
struct extraction {
    const struct tw_object_rules *rules;
    const struct tw_event *event;
    struct tw_arena *arena;
    struct tw_object *objects;
    struct tw_objects_found found;
};

static struct attribute attribute_of(const char *name)
{
    struct tw_str text = tw_str_of(name);
    return (struct attribute){tw_attribute_find(text), text};
}

static uint64_t length_bit(size_t len)
{
    return UINT64_C(1) << (len < 63 ? len : 63);
}

int tw_object_rules_new(const struct tw_cfg *cfg, const struct tw_store *store,
                        struct tw_object_rules **ret_rules)
{
    struct tw_object_rules *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    self->rules = calloc(cfg->object_count + 1, sizeof *self->rules);
    self->ignored = calloc(cfg->correlate.ignore.count + 1, sizeof *self->ignored);
    if (self->rules == NULL || self->ignored == NULL) {
        tw_object_rules_destroy(&self);
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < cfg->object_count; i++) {
        const struct tw_cfg_object *object = &cfg->objects[i];
        int code = tw_store_object_code(store, object->type);
        if (code < 0 || !(object->is_linking || object->is_indexed)) {
            continue;
        }
        struct rule *rule = &self->rules[self->rule_count++];
        rule->type = (uint16_t)code;
        rule->is_linking = object->is_linking;
        rule->is_trace = strcmp(object->attribute, "traceparent") == 0;
        rule->attribute = attribute_of(object->attribute);
        for (size_t j = 0; j < object->scope.count && j < SCOPE_MAX; j++) {
            rule->scope[rule->scope_count++] = attribute_of(object->scope.items[j]);
        }
    }
    for (size_t i = 0; i < cfg->correlate.ignore.count; i++) {
        self->ignored[i] = tw_str_of(cfg->correlate.ignore.items[i]);
        self->ignored_lengths |= length_bit(self->ignored[i].len);
    }
    *ret_rules = self;
    return TW_OK;
}

void tw_object_rules_destroy(struct tw_object_rules **self_p)
{
    struct tw_object_rules *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        free(self->rules);
        free(self->ignored);
        free(self);
    }
}

static struct tw_str value_of(const struct tw_event *event, const struct attribute *attribute)
{
    return attribute->index >= 0 ? event->attr[attribute->index]
                                 : tw_event_attribute(event, attribute->name);
}

/* True for identifiers that say nothing. Nearly all are told apart by their length, or by that and
 * their first byte (the bit in which upper and lower case differ is set in both). */
static bool is_ignored(const struct tw_object_rules *self, struct tw_str id)
{
    if (id.len == 0) {
        return true;
    }
    if ((self->ignored_lengths & length_bit(id.len)) == 0) {
        return false;
    }
    for (size_t i = 0; i < self->cfg->correlate.ignore.count; i++) {
        struct tw_str word = self->ignored[i];
        if (word.len == id.len && (word.ptr[0] | CASE_BIT) == (id.ptr[0] | CASE_BIT) &&
            strncasecmp(word.ptr, id.ptr, id.len) == 0) {
            return true;
        }
    }
    return false;
}

/* The trace id of a traceparent: 32 lower-case hexadecimal digits, not all zero; absent when the
 * header is not valid. Source: W3C Trace Context, section 3.2. */
static struct tw_str trace_id(struct tw_str traceparent)
{
    const struct tw_str none = TW_STR_NULL;
    const char *p = traceparent.ptr;
    if (traceparent.len < 55 || p[2] != '-' || p[35] != '-' || p[52] != '-' ||
        memcmp(p, "ff", 2) == 0 || (memcmp(p, "00", 2) == 0 && traceparent.len != 55) ||
        (traceparent.len > 55 && p[55] != '-')) {
        return none;
    }
    bool is_zero = true;
    for (size_t i = 0; i < 55; i++) {
        if (i == 2 || i == 35 || i == 52) {
            continue;
        }
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f'))) {
            return none;
        }
        if (i > 2 && i < 35 && p[i] != '0') {
            is_zero = false;
        }
    }
    return is_zero ? none : (struct tw_str){p + 3, 32};
}

/* The scope's values joined by '/'. TW_ENOTFOUND when one is missing or says nothing. */
static int scope_of(const struct extraction *x, const struct rule *rule, struct tw_str *ret_scope)
{
    if (rule->scope_count == 0) {
        *ret_scope = TW_STR_LIT("");
        return TW_OK;
    }
    size_t len = 0;
    struct tw_str values[SCOPE_MAX];
    for (size_t i = 0; i < rule->scope_count; i++) {
        values[i] = value_of(x->event, &rule->scope[i]);
        if (values[i].ptr == NULL || is_ignored(x->rules, values[i])) {
            return TW_ENOTFOUND;
        }
        len += values[i].len + (i > 0 ? 1 : 0);
    }
    if (len > TW_OBJECT_ID_MAX) {
        return TW_ENOTFOUND;
    }
    if (rule->scope_count == 1) {
        *ret_scope = values[0];
        return TW_OK;
    }
    char *joined = tw_arena_alloc(x->arena, len);
    if (joined == NULL) {
        return TW_ENOMEM;
    }
    char *p = joined;
    for (size_t i = 0; i < rule->scope_count; i++) {
        if (i > 0) {
            *p++ = '/';
        }
        memcpy(p, values[i].ptr, values[i].len);
        p += values[i].len;
    }
    *ret_scope = (struct tw_str){joined, len};
    return TW_OK;
}

static bool is_known(const struct extraction *x, const struct tw_object *object)
{
    for (uint32_t i = 0; i < x->found.count; i++) {
        const struct tw_object *other = &x->objects[i];
        if (other->type == object->type && tw_str_equal(other->id, object->id) &&
            tw_str_equal(other->scope, object->scope)) {
            return true;
        }
    }
    return false;
}

static int add_object(struct extraction *x, const struct rule *rule, struct tw_str id)
{
    if (is_ignored(x->rules, id)) {
        x->found.ignored++;
        return TW_OK;
    }
    if (id.len > TW_OBJECT_ID_MAX ||
        x->found.count == (uint32_t)x->rules->cfg->correlate.max_objects) {
        x->found.over_limit++;
        return TW_OK;
    }
    struct tw_object object = {.type = rule->type, .id = id};
    int rc = scope_of(x, rule, &object.scope);
    if (rc == TW_ENOTFOUND) {
        x->found.unscoped++;
        return TW_OK;
    }
    if (rc != TW_OK || is_known(x, &object)) {
        return rc;
    }
    x->objects[x->found.count++] = object;
    x->found.linking += rule->is_linking ? 1 : 0;
    return TW_OK;
}

/* Several objects of one type are separated by spaces. */
static int add_values(struct extraction *x, const struct rule *rule, struct tw_str value)
{
    const char *p = value.ptr;
    const char *end = p + value.len;
    do {
        const char *space = memchr(p, ' ', (size_t)(end - p));
        const char *stop = space == NULL ? end : space;
        /* A run of spaces separates once; an attribute of nothing else says nothing. */
        if (stop > p || value.len == 0) {
            int rc = add_object(x, rule, (struct tw_str){p, (size_t)(stop - p)});
            if (rc != TW_OK) {
                return rc;
            }
        }
        p = stop + 1;
    } while (p < end);
    return TW_OK;
}

int tw_objects_extract(const struct tw_object_rules *self, const struct tw_event *event,
                       struct tw_arena *arena, struct tw_objects_found *ret_found)
{
    struct tw_object objects[OBJECTS_MAX];
    TW_ASSERT(self->cfg->correlate.max_objects <= OBJECTS_MAX);
    struct extraction x = {.rules = self, .event = event, .arena = arena, .objects = objects};
    for (size_t i = 0; i < self->rule_count; i++) {
        const struct rule *rule = &self->rules[i];
        struct tw_str value = value_of(event, &rule->attribute);
        if (value.ptr == NULL) {
            continue;
        }
        int rc = TW_OK;
        if (!rule->is_trace) {
            rc = add_values(&x, rule, value);
        } else {
            struct tw_str id = trace_id(value);
            rc = id.ptr == NULL ? TW_OK : add_object(&x, rule, id);
        }
        if (rc != TW_OK) {
            return rc;
        }
    }
    if (x.found.count > 0) {
        struct tw_object *kept = tw_arena_alloc(arena, x.found.count * sizeof *kept);
        if (kept == NULL) {
            return TW_ENOMEM;
        }
        memcpy(kept, objects, x.found.count * sizeof *kept);
        x.found.objects = kept;
    }
    *ret_found = x.found;
    return TW_OK;
}
