/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "replay/message.h"

#include <stdio.h>

#include "event/text.h"
#include "store/replays.h"

#define DEPTH_MAX   16
#define MEMBERS_MAX 64
#define ARENA_BYTES ((size_t)8 << 20) /* names with escapes, systems: less than the frame */

int tw_message_reader_init(struct tw_message_reader *self)
{
    tw_arena_init(&self->arena, ARENA_BYTES);
    return tw_json_scanner_init(&self->scanner, &self->arena, DEPTH_MAX, MEMBERS_MAX);
}

void tw_message_reader_fini(struct tw_message_reader *self)
{
    tw_json_scanner_fini(&self->scanner);
    tw_arena_fini(&self->arena);
}

/* ---- reading ---- */

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* A string of 1 to `most` bytes without control characters. */
static bool take_name(struct tw_message_reader *self, const struct tw_json_value *value,
                      size_t most, struct tw_str *ret_name)
{
    if (value->kind != TW_JSON_STRING) {
        return false;
    }
    struct tw_str name = tw_json_value_text(&self->arena, value);
    bool is_good = name.ptr != NULL && name.len > 0 && name.len <= most;
    for (size_t i = 0; is_good && i < name.len; i++) {
        is_good = !is_control(name.ptr[i]);
    }
    if (is_good) {
        *ret_name = name;
    }
    return is_good;
}

static bool take_named(struct tw_message_reader *self, const char *member, size_t most,
                       struct tw_str *ret_name)
{
    const struct tw_json_member *found = tw_json_member_find(&self->scanner, tw_str_of(member));
    return found != NULL && take_name(self, &found->value, most, ret_name);
}

/* A whole number from 1, or a string of one, as attributes of events may be written; what is above
 * `most` is that. */
static bool take_number(const struct tw_message_reader *self, const char *member, uint32_t most,
                        uint32_t *ret_number)
{
    const struct tw_json_member *found = tw_json_member_find(&self->scanner, tw_str_of(member));
    if (found == NULL ||
        (found->value.kind != TW_JSON_NUMBER && found->value.kind != TW_JSON_STRING)) {
        return false;
    }
    struct tw_str text = found->value.text;
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
        number = number > most ? most : number;
    }
    *ret_number = (uint32_t)number;
    return number > 0;
}

static bool is_among(struct tw_str name, const struct tw_str *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (tw_str_equal(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* The walk uses the scanner: this comes last. */
static bool take_systems(struct tw_message_reader *self, struct tw_agent_message *message)
{
    const struct tw_json_member *found = tw_json_member_find(&self->scanner, TW_STR_LIT("systems"));
    struct tw_str *systems = tw_arena_zalloc(&self->arena, TW_AGENT_SYSTEMS_MAX * sizeof *systems);
    if (found == NULL || found->value.kind != TW_JSON_ARRAY || systems == NULL) {
        return false;
    }
    struct tw_json_walk walk;
    size_t count = 0;
    tw_json_walk_init(&walk, found->value.text);
    int rc = tw_json_walk_next(&walk, &self->scanner);
    while (rc == TW_OK) {
        struct tw_json_value value;
        struct tw_str name = TW_STR_NULL;
        if (count == TW_AGENT_SYSTEMS_MAX || walk.kind != TW_JSON_STRING ||
            tw_json_scan_value(&self->scanner, walk.element, &value) != TW_OK ||
            !take_name(self, &value, TW_AGENT_NAME_MAX, &name)) {
            return false;
        }
        if (!is_among(name, systems, count)) {
            systems[count++] = name;
        }
        rc = tw_json_walk_next(&walk, &self->scanner);
    }
    message->systems = systems;
    message->system_count = count;
    return rc == TW_ENOTFOUND && count > 0;
}

static bool take_answer(struct tw_message_reader *self, struct tw_agent_message *message)
{
    return take_named(self, "replayid", TW_REPLAYID_MAX, &message->replayid) &&
           take_number(self, "attempt", INT32_MAX, &message->attempt);
}

/* For a person: cut at whole characters, control characters are blanks. */
static struct tw_str take_reason(struct tw_message_reader *self)
{
    static const char none[] = "no reason was given";
    const struct tw_json_member *found = tw_json_member_find(&self->scanner, TW_STR_LIT("reason"));
    struct tw_str reason = TW_STR_NULL;
    if (found != NULL && found->value.kind == TW_JSON_STRING) {
        reason = tw_json_value_text(&self->arena, &found->value);
    }
    if (reason.ptr == NULL || reason.len == 0) {
        return TW_STR_LIT(none);
    }
    if (reason.len > TW_AGENT_REASON_MAX) {
        reason.len = TW_AGENT_REASON_MAX;
        while (reason.len > 0 && ((unsigned char)reason.ptr[reason.len] & 0xc0) == 0x80) {
            reason.len--;
        }
    }
    char *copy = tw_arena_alloc(&self->arena, reason.len);
    if (copy == NULL) {
        return TW_STR_LIT(none);
    }
    for (size_t i = 0; i < reason.len; i++) {
        copy[i] = is_control(reason.ptr[i]) ? ' ' : reason.ptr[i];
    }
    return (struct tw_str){copy, reason.len};
}

static enum tw_agent_op read_members(struct tw_message_reader *self,
                                     struct tw_agent_message *message)
{
    const struct tw_json_member *found = tw_json_member_find(&self->scanner, TW_STR_LIT("op"));
    if (found == NULL || found->value.kind != TW_JSON_STRING) {
        return TW_AGENT_SAYS_NOTHING;
    }
    struct tw_str op = tw_json_value_text(&self->arena, &found->value);
    if (tw_str_is(op, "ping")) {
        return TW_AGENT_SAYS_PING;
    }
    if (tw_str_is(op, "accepted")) {
        return take_answer(self, message) ? TW_AGENT_SAYS_ACCEPTED : TW_AGENT_SAYS_NOTHING;
    }
    if (tw_str_is(op, "refused")) {
        bool is_good = take_answer(self, message);
        message->reason = take_reason(self);
        return is_good ? TW_AGENT_SAYS_REFUSED : TW_AGENT_SAYS_NOTHING;
    }
    if (tw_str_is(op, "hello")) {
        bool is_good = take_named(self, "agent", TW_AGENT_NAME_MAX, &message->agent) &&
                       take_number(self, "capacity", TW_AGENT_CAPACITY_MAX, &message->capacity) &&
                       take_systems(self, message);
        return is_good ? TW_AGENT_SAYS_HELLO : TW_AGENT_SAYS_NOTHING;
    }
    return op.ptr == NULL || op.len == 0 ? TW_AGENT_SAYS_NOTHING : TW_AGENT_SAYS_UNKNOWN;
}

void tw_message_read(struct tw_message_reader *self, struct tw_str frame,
                     struct tw_agent_message *ret_message)
{
    struct tw_json_value object;
    struct tw_agent_message message = {.op = TW_AGENT_SAYS_NOTHING};
    tw_arena_reset(&self->arena);
    *ret_message = message;
    while (frame.len > 0 && tw_json_is_blank((struct tw_str){frame.ptr, 1})) {
        frame.ptr++;
        frame.len--;
    }
    if (frame.len == 0 || frame.len > TW_AGENT_HEARD_MAX || frame.ptr[0] != '{' ||
        tw_json_scan_object(&self->scanner, frame, &object) != TW_OK) {
        return;
    }
    const char *end = tw_json_value_end(&object);
    if (!tw_json_is_blank((struct tw_str){end, (size_t)(frame.ptr + frame.len - end)})) {
        return;
    }
    message.op = read_members(self, &message);
    *ret_message = message;
}

/* ---- writing ---- */

/* As a JSON string; the texts are UTF-8. */
static void put_text(struct tw_buf *frame, const char *before, struct tw_str text)
{
    static const char hex[] = "0123456789abcdef";
    (void)tw_buf_append_str(frame, tw_str_of(before)); /* the buffer keeps its first error */
    (void)tw_buf_append_byte(frame, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\') {
            (void)tw_buf_append_byte(frame, '\\');
            (void)tw_buf_append_byte(frame, c);
        } else if (c < 0x20 || c == 0x7f) {
            const char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            (void)tw_buf_append(frame, escape, sizeof escape);
        } else {
            (void)tw_buf_append_byte(frame, c);
        }
    }
    (void)tw_buf_append_byte(frame, '"');
}

int tw_message_write_order(const struct tw_agent_order *order, struct tw_buf *frame)
{
    char number[32];
    char deadline[TW_TIME_TEXT_SIZE];
    tw_wall_format(order->deadline, deadline);
    int len = snprintf(number, sizeof number, ",\"attempt\":%u", order->attempt);
    put_text(frame, "{\"op\":\"replay\",\"replayid\":", order->replayid);
    (void)tw_buf_append(frame, number, (size_t)len); /* as above, and it always fits */
    put_text(frame, ",\"idempotencykey\":", order->key);
    put_text(frame, ",\"destination\":", order->destination);
    put_text(frame, ",\"deadline\":", tw_str_of(deadline));
    (void)tw_buf_append_str(frame, TW_STR_LIT(",\"event\":"));
    (void)tw_buf_append_str(frame, order->event);
    (void)tw_buf_append_byte(frame, '}');
    return frame->error;
}
