/* SPDX-License-Identifier: Apache-2.0
 * CloudEvents: reading the JSON format strictly, and composing it for events that came otherwise.
 * Thread: intake only. Source: CloudEvents 1.0.2, sections 3 and 4 of the JSON format. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"
#include "event/internal.h"
#include "event/text.h"

#define DETAIL_BYTES 256

int tw_refuse(struct tw_decoder *self, enum tw_problem_code code, const char *format, ...)
{
    char text[DETAIL_BYTES + 1];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t used = len < 0 ? 0 : ((size_t)len < DETAIL_BYTES ? (size_t)len : DETAIL_BYTES);
    for (size_t i = 0; i < used; i++) {
        text[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    }
    self->code = code;
    self->detail = tw_arena_copy(self->arena, (struct tw_str){text, used});
    if (self->detail.ptr == NULL) {
        self->detail = tw_str_of(tw_problem_infos[code].title);
    }
    return TW_EINVAL;
}

void tw_report(struct tw_decoder *self, int64_t index, struct tw_str raw)
{
    struct tw_problem *problem = tw_arena_alloc(self->arena, sizeof *problem);
    struct tw_problem fallback; /* the arena is full: then it lives for the call only */
    problem = problem == NULL ? &fallback : problem;
    *problem =
        (struct tw_problem){.code = self->code, .index = index, .detail = self->detail, .raw = raw};
    self->sink->problem(self->sink->context, problem);
}

static int no_memory(struct tw_decoder *self)
{
    return tw_refuse(self, TW_PROBLEM_oversize, "no memory left to decode the event");
}

struct tw_event *tw_event_begin(struct tw_decoder *self)
{
    memset(&self->event, 0, sizeof self->event);
    return &self->event;
}

int tw_event_check_name(struct tw_decoder *self, struct tw_str name)
{
    bool is_good = name.len > 0 && !tw_str_is(name, "data");
    for (size_t i = 0; i < name.len && is_good; i++) {
        char c = name.ptr[i];
        is_good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    }
    if (!is_good) {
        return tw_refuse(self, TW_PROBLEM_attribute_name, "attribute name \"%.*s\"", TW_SHOW(name));
    }
    if (name.len > (size_t)self->cfg->intake.max_attribute_bytes) {
        return tw_refuse(self, TW_PROBLEM_attribute_size, "attribute name of %zu bytes", name.len);
    }
    return TW_OK;
}

/* attribute: of the table, or -1. */
static int set(struct tw_decoder *self, struct tw_event *event, int attribute,
               const struct tw_pair *pair, bool is_plain)
{
    if (pair->text.len > (size_t)self->cfg->intake.max_attribute_bytes) {
        return tw_refuse(self, TW_PROBLEM_attribute_size, "%.*s has %zu bytes, at most %lld",
                         TW_SHOW(pair->name), pair->text.len,
                         (long long)self->cfg->intake.max_attribute_bytes);
    }
    size_t allowed = is_plain ? pair->text.len : tw_text_allowed(pair->text);
    if (allowed < pair->text.len) {
        return tw_refuse(self, TW_PROBLEM_attribute_text,
                         "%.*s has a forbidden character at byte %zu", TW_SHOW(pair->name),
                         allowed);
    }
    if (attribute >= 0) {
        event->attr[attribute] = pair->text;
    } else if (event->extra_count < TW_EVENT_MAX_EXTRAS) {
        self->extras[event->extra_count++] =
            (struct tw_event_extra){.name = pair->name, .value = pair->text};
    }
    return TW_OK;
}

int tw_event_set(struct tw_decoder *self, struct tw_event *event, struct tw_str name,
                 struct tw_str text, bool is_plain)
{
    struct tw_pair pair = {name, text};
    int attribute = tw_attribute_find(name);
    if (attribute < 0) {
        int rc = tw_event_check_name(self, name);
        if (rc != TW_OK) {
            return rc;
        }
    }
    return set(self, event, attribute, &pair, is_plain);
}

static int check_required(struct tw_decoder *self, const struct tw_event *event)
{
    struct tw_str version = event->attr[TW_ATTR_SPECVERSION];
    if (version.ptr != NULL && !tw_str_is(version, "1.0")) {
        return tw_refuse(self, TW_PROBLEM_specversion, "specversion is \"%.*s\"", TW_SHOW(version));
    }
    static const enum tw_attribute required[] = {TW_ATTR_SPECVERSION, TW_ATTR_ID, TW_ATTR_SOURCE,
                                                 TW_ATTR_TYPE};
    for (size_t i = 0; i < sizeof required / sizeof required[0]; i++) {
        if (event->attr[required[i]].len == 0) {
            return tw_refuse(self, TW_PROBLEM_required, "%s is %s", tw_attribute_name(required[i]),
                             event->attr[required[i]].ptr == NULL ? "missing" : "empty");
        }
    }
    static const enum tw_attribute not_empty[] = {TW_ATTR_SUBJECT, TW_ATTR_DATACONTENTTYPE,
                                                  TW_ATTR_DATASCHEMA};
    for (size_t i = 0; i < sizeof not_empty / sizeof not_empty[0]; i++) {
        if (event->attr[not_empty[i]].ptr != NULL && event->attr[not_empty[i]].len == 0) {
            return tw_refuse(self, TW_PROBLEM_attribute_text, "%s is empty",
                             tw_attribute_name(not_empty[i]));
        }
    }
    return TW_OK;
}

static bool is_outcome(struct tw_str text)
{
    static const char *const outcomes[] = {"ok", "failed", "retrying", "deadletter", "compensated"};
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
        if (tw_str_is(text, outcomes[i])) {
            return true;
        }
    }
    return false;
}

static int check_forms(struct tw_decoder *self, struct tw_event *event)
{
    struct tw_str time = event->attr[TW_ATTR_TIME];
    if (time.ptr != NULL) {
        if (tw_wall_parse(time, &event->time) != TW_OK) {
            return tw_refuse(self, TW_PROBLEM_time, "time is \"%.*s\"", TW_SHOW(time));
        }
        event->has_time = true;
    }
    struct tw_str outcome = event->attr[TW_ATTR_OUTCOME];
    if (outcome.ptr != NULL && !is_outcome(outcome)) {
        return tw_refuse(self, TW_PROBLEM_outcome, "outcome is \"%.*s\"", TW_SHOW(outcome));
    }
    struct tw_str amount = event->attr[TW_ATTR_AMOUNT];
    if (amount.ptr != NULL && !tw_text_is_amount(amount)) {
        return tw_refuse(self, TW_PROBLEM_amount, "amount is \"%.*s\"", TW_SHOW(amount));
    }
    struct tw_str currency = event->attr[TW_ATTR_CURRENCY];
    if (currency.ptr != NULL && !tw_text_is_currency(currency)) {
        return tw_refuse(self, TW_PROBLEM_amount, "currency is \"%.*s\"", TW_SHOW(currency));
    }
    return TW_OK;
}

/* The first segment of the path of a URI reference (RFC 3986 section 3); absent when empty. */
static struct tw_str first_segment(struct tw_str source)
{
    const char *p = source.ptr;
    const char *end = p + source.len;
    const char *scheme = p;
    while (scheme < end && *scheme != ':' && *scheme != '/' && *scheme != '?' && *scheme != '#') {
        scheme++;
    }
    if (scheme < end && scheme > p && *scheme == ':') {
        p = scheme + 1;
    }
    if (end - p >= 2 && p[0] == '/' && p[1] == '/') {
        p += 2;
        while (p < end && *p != '/' && *p != '?' && *p != '#') {
            p++;
        }
    }
    p += p < end && *p == '/' ? 1 : 0;
    const char *begin = p;
    while (p < end && *p != '/' && *p != '?' && *p != '#') {
        p++;
    }
    return p == begin ? TW_STR_NULL : (struct tw_str){begin, (size_t)(p - begin)};
}

int tw_event_finish(struct tw_decoder *self, struct tw_event *event)
{
    int rc = check_required(self, event);
    if (rc == TW_OK) {
        rc = check_forms(self, event);
    }
    if (rc != TW_OK) {
        return rc;
    }
    if (event->attr[TW_ATTR_SYSTEM].len == 0) {
        event->attr[TW_ATTR_SYSTEM] = first_segment(event->attr[TW_ATTR_SOURCE]);
    }
    if (event->extra_count > 0) {
        size_t size = event->extra_count * sizeof self->extras[0];
        struct tw_event_extra *extras = tw_arena_alloc(self->arena, size);
        if (extras == NULL) {
            return no_memory(self);
        }
        memcpy(extras, self->extras, size);
        event->extras = extras;
    }
    return TW_OK;
}

/* Attributes that CloudEvents itself defines are strings, whatever the JSON type of others. */
static bool must_be_string(int attribute)
{
    return attribute >= 0 && attribute <= TW_ATTR_DATASCHEMA;
}
_Static_assert(TW_ATTR_ID == 0 && TW_ATTR_DATASCHEMA == 7, "the core attributes come first");

static int check_type(struct tw_decoder *self, int attribute, const struct tw_json_member *member)
{
    const struct tw_json_value *value = &member->value;
    bool is_good = value->kind == TW_JSON_STRING;
    if (!is_good && !must_be_string(attribute)) {
        is_good = value->kind == TW_JSON_TRUE || value->kind == TW_JSON_FALSE ||
                  (value->kind == TW_JSON_NUMBER && tw_text_is_int32(value->text));
    }
    if (is_good) {
        return TW_OK;
    }
    return tw_refuse(self, TW_PROBLEM_attribute_type, "%.*s is %s", TW_SHOW(member->name),
                     must_be_string(attribute)       ? "not a string"
                     : value->kind == TW_JSON_NUMBER ? "a number, but not a 32-bit integer"
                                                     : "an object or array");
}

struct data_members {
    bool has_data;
    bool has_base64;
};

/* A member that is not in the table: the data, or an extension. Sets *ret_is_data. */
static int read_data(struct tw_decoder *self, const struct tw_json_member *member,
                     struct data_members *data, bool *ret_is_data)
{
    *ret_is_data = true;
    if (tw_str_is(member->name, "data")) {
        data->has_data = true;
        return TW_OK;
    }
    if (!tw_str_is(member->name, "data_base64")) {
        *ret_is_data = false;
        return tw_event_check_name(self, member->name);
    }
    if (member->value.kind == TW_JSON_NULL) {
        return TW_OK;
    }
    data->has_base64 = true;
    if (member->value.kind != TW_JSON_STRING) {
        return tw_refuse(self, TW_PROBLEM_data, "data_base64 is not a string");
    }
    struct tw_str text = tw_json_value_text(self->arena, &member->value);
    if (text.ptr == NULL) {
        return no_memory(self);
    }
    if (!tw_base64_is_valid(text)) {
        return tw_refuse(self, TW_PROBLEM_data, "data_base64 is not base64");
    }
    return TW_OK;
}

static int read_member(struct tw_decoder *self, const struct tw_json_member *member,
                       struct tw_event *event, struct data_members *data)
{
    int attribute = tw_attribute_find_hashed(member->name, member->hash);
    const struct tw_json_value *value = &member->value;
    if (attribute >= 0 && value->kind == TW_JSON_STRING && value->is_plain &&
        value->text.len <= (size_t)self->cfg->intake.max_attribute_bytes) {
        event->attr[attribute] = value->text; /* as nearly all are; the rest checks one by one */
        return TW_OK;
    }
    if (attribute < 0) {
        bool is_data = false;
        int rc = read_data(self, member, data, &is_data);
        if (rc != TW_OK || is_data) {
            return rc;
        }
    }
    if (member->value.kind == TW_JSON_NULL) {
        return TW_OK; /* absent, says the JSON format */
    }
    int rc = check_type(self, attribute, member);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_pair pair = {member->name, tw_json_value_text(self->arena, &member->value)};
    if (pair.text.ptr == NULL) {
        return no_memory(self);
    }
    bool is_plain = member->value.kind != TW_JSON_STRING || member->value.is_plain;
    return set(self, event, attribute, &pair, is_plain);
}

int tw_cloudevent_read(struct tw_decoder *self, struct tw_str json, struct tw_event **ret_event)
{
    struct tw_event *event = tw_event_begin(self);
    event->json = json;
    struct data_members data = {.has_data = false};
    for (size_t i = 0; i < self->scanner.count; i++) {
        int rc = read_member(self, &self->scanner.members[i], event, &data);
        if (rc != TW_OK) {
            return rc;
        }
    }
    if (data.has_data && data.has_base64) {
        return tw_refuse(self, TW_PROBLEM_data, "data and data_base64 stand together");
    }
    int rc = tw_event_finish(self, event);
    if (rc == TW_OK) {
        *ret_event = event;
    }
    return rc;
}

static void write_event(struct tw_writer *writer, const struct tw_pair *pairs, size_t count,
                        enum tw_data_kind kind, struct tw_str data)
{
    tw_write(writer, TW_STR_LIT("{"));
    bool is_first = true;
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].text.ptr == NULL) {
            continue;
        }
        tw_write(writer, is_first ? TW_STR_LIT("\"") : TW_STR_LIT(",\""));
        is_first = false;
        tw_write(writer, pairs[i].name); /* a to z and 0 to 9 */
        tw_write(writer, TW_STR_LIT("\":"));
        tw_write_quoted(writer, pairs[i].text);
    }
    if (kind == TW_DATA_JSON) {
        tw_write(writer, TW_STR_LIT(",\"data\":"));
        tw_write(writer, data);
    } else if (kind == TW_DATA_BYTES) {
        tw_write(writer, TW_STR_LIT(",\"data_base64\":\""));
        if (writer->out != NULL) {
            tw_base64_write(data, writer->out + writer->len);
        }
        writer->len += tw_base64_len(data.len);
        tw_write(writer, TW_STR_LIT("\""));
    }
    tw_write(writer, TW_STR_LIT("}"));
}

int tw_cloudevent_compose(struct tw_decoder *self, const struct tw_pair *pairs, size_t count,
                          enum tw_data_kind kind, struct tw_str data, struct tw_event **ret_event)
{
    struct tw_event *event = tw_event_begin(self);
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].text.ptr == NULL) {
            continue;
        }
        int rc = tw_event_set(self, event, pairs[i].name, pairs[i].text, false);
        if (rc != TW_OK) {
            return rc;
        }
    }
    int rc = tw_event_finish(self, event);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_writer measure = {.out = NULL};
    write_event(&measure, pairs, count, kind, data);
    struct tw_writer writer = {.out = tw_arena_alloc(self->arena, measure.len)};
    if (writer.out == NULL) {
        return no_memory(self);
    }
    write_event(&writer, pairs, count, kind, data);
    event->json = (struct tw_str){writer.out, writer.len};
    *ret_event = event;
    return TW_OK;
}
