/* SPDX-License-Identifier: Apache-2.0
 * Events as the API shows them. */
#include "config.h"
#include "web/api.h"

#include "track/skew.h"
#include "web/mask.h"

static struct tw_str text_of(const json_t *json)
{
    if (!json_is_string(json)) {
        return TW_STR_NULL;
    }
    return (struct tw_str){json_string_value(json), json_string_length(json)};
}

struct tw_str tw_event_view_attribute(const struct tw_event_view *self, const char *name)
{
    return text_of(json_object_get(self->json, name));
}

/* The first path segment of a source: "/pos/store-0042/till-3" -> "pos". */
static struct tw_str first_segment(struct tw_str source)
{
    while (source.len > 0 && source.ptr[0] == '/') {
        source.ptr++;
        source.len--;
    }
    const char *slash = source.len == 0 ? NULL : memchr(source.ptr, '/', source.len);
    if (slash != NULL) {
        source.len = (size_t)(slash - source.ptr);
    }
    return source;
}

/* An event for reading its texts. Numbers of more than 64 bits lose digits here, and those that fit
 * no double become 0, where none is shown; NUL is a character. */
static json_t *parse(struct tw_str text)
{
    static const size_t flags = JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
    json_error_t error;
    json_t *json = json_loadb(text.ptr, text.len, flags, &error);
    if (json == NULL) {
        struct tw_buf plain;
        tw_buf_init(&plain, text.len + 1); /* it never grows: a number has one byte at least */
        if (tw_mask_numbers(text, &plain) == TW_OK) {
            json = json_loadb(plain.data, plain.len, flags, &error);
        }
        tw_buf_fini(&plain);
    }
    return json;
}

int tw_event_view_init(struct tw_event_view *self, const struct tw_record *record)
{
    *self = (struct tw_event_view){.json = NULL};
    if (record->json.ptr == NULL || record->json.len == 0) {
        return TW_OK;
    }
    self->json = parse(record->json);
    if (!json_is_object(self->json)) {
        json_decref(self->json);
        self->json = NULL;
        return TW_EDAMAGED;
    }
    self->id = tw_event_view_attribute(self, "id");
    self->source = tw_event_view_attribute(self, "source");
    self->type = tw_event_view_attribute(self, "type");
    self->system = tw_event_view_attribute(self, "system");
    self->outcome = tw_event_view_attribute(self, "outcome");
    self->store = tw_event_view_attribute(self, "storeid");
    if (self->system.ptr == NULL) {
        self->system = first_segment(self->source);
    }
    if (self->outcome.ptr == NULL) {
        self->outcome = TW_STR_LIT("ok");
    }
    return TW_OK;
}

void tw_event_view_fini(struct tw_event_view *self)
{
    json_decref(self->json);
    self->json = NULL;
}

int tw_event_views_init(struct tw_event_views *self, struct tw_call *call,
                        const struct tw_journey *journey)
{
    size_t count =
        journey->event_count < TW_EVENT_VIEWS_KEPT ? journey->event_count : TW_EVENT_VIEWS_KEPT;
    *self = (struct tw_event_views){.journey = journey};
    self->kept = tw_arena_zalloc(call->arena, (count + 1) * sizeof *self->kept);
    return self->kept == NULL ? TW_ENOMEM : TW_OK;
}

void tw_event_views_fini(struct tw_event_views *self)
{
    for (size_t i = 0; i < TW_EVENT_VIEWS_KEPT; i++) {
        if (self->is_made[i]) {
            tw_event_view_fini(&self->kept[i]);
            self->is_made[i] = false;
        }
    }
    tw_event_view_fini(&self->other);
}

static int make_other(struct tw_event_views *self, const struct tw_record *record,
                      const struct tw_event_view **ret_view)
{
    tw_event_view_fini(&self->other);
    int rc = tw_event_view_init(&self->other, record);
    *ret_view = &self->other;
    return rc;
}

int tw_event_views_at(struct tw_event_views *self, size_t index,
                      const struct tw_event_view **ret_view)
{
    const struct tw_record *record = &self->journey->events[index].record;
    if (index >= TW_EVENT_VIEWS_KEPT) {
        return make_other(self, record, ret_view);
    }
    int rc = self->is_made[index] ? TW_OK : tw_event_view_init(&self->kept[index], record);
    self->is_made[index] = self->is_made[index] || rc == TW_OK;
    *ret_view = &self->kept[index];
    return rc;
}

int tw_event_views_of(struct tw_event_views *self, const struct tw_record *record,
                      const struct tw_event_view **ret_view)
{
    for (size_t i = 0; i < self->journey->event_count && i < TW_EVENT_VIEWS_KEPT; i++) {
        if (self->journey->events[i].record.n == record->n) {
            return tw_event_views_at(self, i, ret_view);
        }
    }
    return make_other(self, record, ret_view);
}

json_t *tw_api_journey_id(struct tw_call *call, const struct tw_object *object)
{
    struct tw_str id = tw_journey_format_id(call->reader, call->arena, object);
    return id.ptr == NULL ? NULL : tw_out_text(id);
}

json_t *tw_api_scope(const struct tw_object_type *type, const struct tw_object *object)
{
    json_t *scope = json_object();
    if (type == NULL || object->scope.len == 0) {
        return scope;
    }
    struct tw_str names = tw_str_of(type->scope);
    struct tw_str values = object->scope;
    while (names.len > 0) {
        char name[64];
        const char *slash = memchr(names.ptr, '/', names.len);
        size_t len = slash == NULL ? names.len : (size_t)(slash - names.ptr);
        struct tw_str value = values;
        const char *cut = slash == NULL || values.len == 0
                              ? NULL
                              : memchr(values.ptr, '/', values.len); /* the last takes the rest */
        if (cut != NULL) {
            value.len = (size_t)(cut - values.ptr);
        }
        if (len < sizeof name) {
            memcpy(name, names.ptr, len);
            name[len] = '\0';
            tw_out_set(scope, name, tw_out_text(value));
        }
        size_t step = slash == NULL ? len : len + 1;
        names = (struct tw_str){names.ptr + step, names.len - step};
        size_t value_step = cut == NULL ? values.len : value.len + 1;
        values = (struct tw_str){values.ptr + value_step, values.len - value_step};
    }
    return scope;
}

/* objects[type] += text, once. */
static void add_object(json_t *objects, const char *type, json_t *text)
{
    json_t *list = json_object_get(objects, type);
    if (list == NULL) {
        tw_out_set(objects, type, json_array());
        list = json_object_get(objects, type);
    }
    size_t i = 0;
    json_t *row = NULL;
    json_array_foreach (list, i, row) {
        if (json_equal(row, text)) {
            json_decref(text);
            return;
        }
    }
    tw_out_add(list, text);
}

/* "0042/88" for a scoped identifier, "4711" for another. */
static json_t *object_text(struct tw_call *call, const struct tw_object *object)
{
    if (object->scope.len == 0) {
        return tw_out_text(object->id);
    }
    size_t len = object->scope.len + 1 + object->id.len;
    char *text = tw_arena_alloc(call->arena, len);
    if (text == NULL) {
        return NULL;
    }
    memcpy(text, object->scope.ptr, object->scope.len);
    text[object->scope.len] = '/';
    memcpy(text + object->scope.len + 1, object->id.ptr, object->id.len);
    return tw_out_text((struct tw_str){text, len});
}

json_t *tw_event_objects(struct tw_call *call, const struct tw_record *record,
                         const struct tw_event_view *view)
{
    json_t *objects = json_object();
    for (uint32_t i = 0; i < record->object_count; i++) {
        const struct tw_object_type *type =
            tw_reader_object_type_by_code(call->reader, record->objects[i].type);
        if (type != NULL) {
            add_object(objects, type->name, object_text(call, &record->objects[i]));
        }
    }
    /* Context that is not indexed stands in the event only. */
    const struct tw_cfg *cfg = call->web->cfg;
    for (size_t i = 0; i < cfg->object_count; i++) {
        const struct tw_cfg_object *object = &cfg->objects[i];
        struct tw_str text = tw_event_view_attribute(view, object->attribute);
        if (!object->is_linking && !object->is_indexed && object->scope.count == 0 &&
            text.len > 0) {
            add_object(objects, object->type, tw_out_text(text));
        }
    }
    return objects;
}

/* The cause as it was decided when the event came; before that was kept, what the event names. */
static json_t *cause_of(const struct tw_record *record, struct tw_str class)
{
    enum tw_cause cause =
        record->cause < TW_CAUSE_COUNT ? (enum tw_cause)record->cause : TW_CAUSE_UNKNOWN;
    if (cause == TW_CAUSE_NONE) {
        cause = tw_cause_find(class);
    }
    return cause == TW_CAUSE_NONE ? json_null() : json_string(tw_cause_name(cause));
}

static json_t *error_of(const struct tw_record *record, const struct tw_event_view *view)
{
    struct tw_str code = tw_event_view_attribute(view, "errorcode");
    struct tw_str message = tw_event_view_attribute(view, "errormessage");
    struct tw_str cause = tw_event_view_attribute(view, "errorclass");
    if (code.ptr == NULL && message.ptr == NULL && cause.ptr == NULL &&
        record->cause == TW_CAUSE_NONE) {
        return json_null();
    }
    json_t *error = json_object();
    tw_out_set(error, "code", tw_out_text(code));
    tw_out_set(error, "message", tw_out_text(message));
    tw_out_set(error, "class", tw_out_text(cause));
    tw_out_set(error, "cause", cause_of(record, cause));
    return error;
}

/* The objects that link, as the ids of their journeys. */
static void add_journeys(struct tw_call *call, const struct tw_record *record, json_t *row)
{
    json_t *journeys = json_array();
    for (uint32_t i = 0; i < record->object_count; i++) {
        const struct tw_object_type *type =
            tw_reader_object_type_by_code(call->reader, record->objects[i].type);
        if (type != NULL && type->is_linking) {
            tw_out_add(journeys, tw_api_journey_id(call, &record->objects[i]));
        }
    }
    tw_out_set(row, "journeys", journeys);
}

static const char *kind_name(enum tw_record_kind kind)
{
    switch (kind) {
    case TW_RECORD_EVENT:
        return "event";
    case TW_RECORD_DUPLICATE:
        return "duplicate";
    case TW_RECORD_CONFLICT:
        return "conflict";
    default:
        return "unknown";
    }
}

json_t *tw_event_row(struct tw_call *call, const struct tw_stored *stored,
                     const struct tw_event_view *view)
{
    const struct tw_record *record = &stored->record;
    json_t *row = json_object();
    tw_out_set(row, "n", tw_out_count(record->n));
    tw_out_set(row, "kind", json_string(kind_name(record->kind)));
    tw_out_set(row, "of", record->of == 0 ? json_null() : tw_out_count(record->of));
    tw_out_set(row, "id", tw_out_text(view->id));
    tw_out_set(row, "source", tw_out_text(view->source));
    tw_out_set(row, "type", tw_out_text(view->type));
    tw_out_set(row, "system", tw_out_text(view->system));
    tw_out_set(row, "subject", tw_out_text(tw_event_view_attribute(view, "subject")));
    tw_out_set(row, "time", tw_out_time(record->time));
    tw_out_set(row, "has_time", json_boolean(record->has_time));
    tw_out_set(row, "received", tw_out_time(record->received));
    tw_out_set(row, "transit_seconds",
               record->has_time ? tw_out_seconds(record->received.ns - record->time.ns)
                                : json_null());
    tw_out_set(row, "clock_behind_seconds",
               record->clock_ns == 0 ? json_null() : tw_out_seconds(record->clock_ns));
    tw_out_set(row, "tracked_time",
               tw_out_time(tw_skew_apply(record->clock_ns, record->received, record->time)));
    tw_out_set(row, "outcome", tw_out_text(view->outcome));
    tw_out_set(row, "error", error_of(record, view));
    tw_out_set(row, "amount", tw_out_text(tw_event_view_attribute(view, "amount")));
    tw_out_set(row, "currency", tw_out_text(tw_event_view_attribute(view, "currency")));
    tw_out_set(row, "objects", tw_event_objects(call, record, view));
    add_journeys(call, record, row);
    tw_out_set(row, "duplicates", tw_out_count(stored->duplicates));
    tw_out_set(row, "conflicts", tw_out_count(stored->conflicts));
    tw_out_set(row, "effect_of",
               record->effect_of == 0 ? json_null() : tw_out_count(record->effect_of));
    tw_out_set(row, "replayid", tw_out_text(tw_event_view_attribute(view, "replayid")));
    tw_out_set(row, "attempt", tw_out_text(tw_event_view_attribute(view, "attempt")));
    tw_out_set(row, "tap", tw_out_text(tw_str_of(tw_reader_tap_name(call->reader, record->tap))));
    tw_out_set(row, "peer", tw_out_text(record->peer));
    return row;
}
