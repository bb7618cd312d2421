/* SPDX-License-Identifier: Apache-2.0
 * Removing the payload of a stored event. The json was found well formed before it was stored, so
 * a walk that knows strings and nesting is enough; whatever it cannot walk stays as it is.
 */
#include "config.h"
#include "store/seal.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_space(struct tw_str json, size_t at)
{
    while (at < json.len && is_space(json.ptr[at])) {
        at++;
    }
    return at;
}

/* Behind the string that begins at `at`; json.len when it does not end. */
static size_t skip_string(struct tw_str json, size_t at)
{
    for (at++; at < json.len; at++) {
        if (json.ptr[at] == '\\') {
            at++;
        } else if (json.ptr[at] == '"') {
            return at + 1;
        }
    }
    return json.len;
}

/* Behind the value that begins at `at`: where a comma or the closing brace of the top follows. */
static size_t skip_value(struct tw_str json, size_t at)
{
    size_t depth = 0;
    while (at < json.len) {
        char c = json.ptr[at];
        if (c == '"') {
            at = skip_string(json, at);
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}')) {
            return at;
        }
        if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        }
        at++;
    }
    return at;
}

static bool is_payload(struct tw_str name)
{
    return tw_str_is(name, "\"data\"") || tw_str_is(name, "\"data_base64\"");
}

/* Copy the members but the payload. False when it is not an object that can be walked. */
static bool copy_members(struct tw_str json, struct tw_buf *out)
{
    size_t at = skip_space(json, 0);
    if (at == json.len || json.ptr[at] != '{') {
        return false;
    }
    (void)tw_buf_append_byte(out, '{');
    at = skip_space(json, at + 1);
    bool is_first = true;
    while (at < json.len && json.ptr[at] == '"') {
        size_t name_end = skip_string(json, at);
        size_t colon = skip_space(json, name_end);
        if (colon >= json.len || json.ptr[colon] != ':') {
            return false;
        }
        size_t end = skip_value(json, colon + 1);
        if (end >= json.len) {
            return false;
        }
        if (!is_payload((struct tw_str){json.ptr + at, name_end - at})) {
            if (!is_first) {
                (void)tw_buf_append_byte(out, ',');
            }
            (void)tw_buf_append(out, json.ptr + at, end - at);
            is_first = false;
        }
        at = json.ptr[end] == ',' ? skip_space(json, end + 1) : end;
    }
    if (at >= json.len || json.ptr[at] != '}') {
        return false;
    }
    (void)tw_buf_append_byte(out, '}');
    return true;
}

int tw_payload_strip(struct tw_str json, struct tw_buf *out)
{
    size_t before = out->len;
    if (!copy_members(json, out) && out->error == TW_OK) {
        out->len = before;
        (void)tw_buf_append_str(out, json);
    }
    return out->error;
}
