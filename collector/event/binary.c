/* SPDX-License-Identifier: Apache-2.0
 * The header frame, and binary mode: attributes in `ce-` lines, the body as it is.
 * Thread: intake only. Source: contracts section 3; CloudEvents 1.0.2, HTTP binding, without its
 * percent-encoding, since frames carry any byte. */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "core/err.h"
#include "event/internal.h"
#include "event/text.h"

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* A header name: letters, digits and "-_." are what any producer needs of RFC 9110's token. */
static bool is_name_byte(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

static struct tw_str trim(struct tw_str text)
{
    while (text.len > 0 && text.ptr[0] == ' ') {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && text.ptr[text.len - 1] == ' ') {
        text.len--;
    }
    return text;
}

/* The name in lower case: itself, or a copy in the arena; ptr NULL when that is full. */
static struct tw_str lower(struct tw_decoder *self, struct tw_str name)
{
    bool has_upper = false;
    for (size_t i = 0; i < name.len; i++) {
        has_upper = has_upper || is_upper(name.ptr[i]);
    }
    if (!has_upper) {
        return name;
    }
    char *out = tw_arena_alloc(self->arena, name.len);
    for (size_t i = 0; i < name.len && out != NULL; i++) {
        out[i] = is_upper(name.ptr[i]) ? (char)(name.ptr[i] + ('a' - 'A')) : name.ptr[i];
    }
    return (struct tw_str){out, out == NULL ? 0 : name.len};
}

static int read_line(struct tw_decoder *self, struct tw_str line, struct tw_headers *headers)
{
    if (headers->count == TW_HEADERS_MAX_LINES) {
        return tw_refuse(self, TW_PROBLEM_headers, "more than %d header lines",
                         TW_HEADERS_MAX_LINES);
    }
    size_t colon = 0;
    while (colon < line.len && is_name_byte(line.ptr[colon])) {
        colon++;
    }
    if (colon == 0 || colon == line.len || line.ptr[colon] != ':') {
        return tw_refuse(self, TW_PROBLEM_headers, "line %zu is not \"name: value\"",
                         headers->count + 1);
    }
    struct tw_pair pair = {lower(self, (struct tw_str){line.ptr, colon}),
                           trim((struct tw_str){line.ptr + colon + 1, line.len - colon - 1})};
    if (pair.name.ptr == NULL) {
        return tw_refuse(self, TW_PROBLEM_oversize, "no memory left to decode the headers");
    }
    for (size_t i = 0; i < headers->count; i++) {
        if (tw_str_equal(headers->lines[i].name, pair.name)) {
            return tw_refuse(self, TW_PROBLEM_headers, "header %.*s stands twice",
                             TW_SHOW(pair.name));
        }
    }
    if (tw_str_is(pair.name, "content-type")) {
        headers->content_type = pair.text;
    }
    headers->attribute_count += tw_str_starts(pair.name, TW_STR_LIT("ce-")) ? 1 : 0;
    headers->lines[headers->count++] = pair;
    return TW_OK;
}

int tw_headers_read(struct tw_decoder *self, struct tw_str frame, struct tw_headers *ret_headers)
{
    ret_headers->count = 0;
    ret_headers->content_type = TW_STR_NULL;
    ret_headers->attribute_count = 0;
    if (frame.len > TW_HEADERS_MAX_BYTES) {
        return tw_refuse(self, TW_PROBLEM_headers, "headers of %zu bytes, at most %d", frame.len,
                         TW_HEADERS_MAX_BYTES);
    }
    if (!tw_utf8_is_valid(frame)) {
        return tw_refuse(self, TW_PROBLEM_utf8, "the headers are not valid UTF-8");
    }
    for (size_t i = 0; i < frame.len; i++) {
        uint8_t byte = (uint8_t)frame.ptr[i];
        if ((byte < 0x20 && byte != '\n') || byte == 0x7f) {
            return tw_refuse(self, TW_PROBLEM_headers,
                             "control character 0x%02x at byte %zu of the headers", byte, i);
        }
    }
    while (frame.len > 0) {
        const char *newline = memchr(frame.ptr, '\n', frame.len);
        size_t len = newline == NULL ? frame.len : (size_t)(newline - frame.ptr);
        int rc = read_line(self, (struct tw_str){frame.ptr, len}, ret_headers);
        if (rc != TW_OK) {
            return rc;
        }
        size_t used = len + (newline == NULL ? 0 : 1);
        frame = (struct tw_str){frame.ptr + used, frame.len - used};
    }
    return TW_OK;
}

/* Without parameters and white space. */
static struct tw_str media_type(struct tw_str content_type)
{
    const char *semicolon =
        content_type.len == 0 ? NULL : memchr(content_type.ptr, ';', content_type.len);
    size_t len = semicolon == NULL ? content_type.len : (size_t)(semicolon - content_type.ptr);
    return trim((struct tw_str){content_type.ptr, len});
}

bool tw_media_type_is(struct tw_str content_type, const char *wanted)
{
    struct tw_str type = media_type(content_type);
    return type.len == strlen(wanted) && strncasecmp(type.ptr, wanted, type.len) == 0;
}

bool tw_media_type_is_cloudevents(struct tw_str content_type)
{
    static const struct tw_str prefix = {"application/cloudevents", 23};
    struct tw_str type = media_type(content_type);
    if (type.len < prefix.len || strncasecmp(type.ptr, prefix.ptr, prefix.len) != 0) {
        return false;
    }
    struct tw_str rest = {type.ptr + prefix.len, type.len - prefix.len};
    return rest.len == 0 || rest.ptr[0] == '+' || rest.ptr[0] == '-';
}

bool tw_media_type_is_json(struct tw_str content_type)
{
    struct tw_str type = media_type(content_type);
    return tw_media_type_is(content_type, "application/json") ||
           tw_media_type_is(content_type, "text/json") ||
           (type.len > 5 && strncasecmp(type.ptr + type.len - 5, "+json", 5) == 0);
}

/* JSON where it is said to be (or nothing is said) and is; bytes otherwise; nothing if empty. */
static enum tw_data_kind judge_data(struct tw_decoder *self, struct tw_str content_type,
                                    struct tw_str *data)
{
    if (data->len == 0) {
        return TW_DATA_NONE;
    }
    if (content_type.len > 0 && !tw_media_type_is_json(content_type)) {
        return TW_DATA_BYTES;
    }
    struct tw_json_value value;
    if (tw_json_scan_value(&self->scanner, *data, &value) != TW_OK) {
        return TW_DATA_BYTES;
    }
    const char *end = tw_json_value_end(&value);
    if (!tw_json_is_blank((struct tw_str){end, (size_t)(data->ptr + data->len - end)})) {
        return TW_DATA_BYTES;
    }
    const char *begin = value.text.ptr - (value.kind == TW_JSON_STRING ? 1 : 0);
    *data = (struct tw_str){begin, (size_t)(end - begin)};
    return TW_DATA_JSON;
}

int tw_binary_read(struct tw_decoder *self, const struct tw_headers *headers, struct tw_str body,
                   struct tw_event **ret_event)
{
    struct tw_pair pairs[TW_HEADERS_MAX_LINES + 1];
    size_t count = 0;
    for (size_t i = 0; i < headers->count; i++) {
        if (!tw_str_starts(headers->lines[i].name, TW_STR_LIT("ce-"))) {
            continue;
        }
        struct tw_pair pair = headers->lines[i];
        pair.name = (struct tw_str){pair.name.ptr + 3, pair.name.len - 3};
        if (tw_str_is(pair.name, "datacontenttype")) {
            return tw_refuse(self, TW_PROBLEM_headers,
                             "ce-datacontenttype: in binary mode content-type says it");
        }
        pairs[count++] = pair;
    }
    if (headers->content_type.ptr != NULL) {
        pairs[count++] = (struct tw_pair){TW_STR_LIT("datacontenttype"), headers->content_type};
    }
    enum tw_data_kind kind = judge_data(self, headers->content_type, &body);
    return tw_cloudevent_compose(self, pairs, count, kind, body, ret_event);
}
