/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "replay/event.h"

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>
#include <xxhash.h>

#include "replay/edit.h"

#define ARENA_BYTES ((size_t)64 << 20) /* names, and the texts of the key */
#define DEPTH_MAX   10000              /* intake.max-json-depth at most */
#define MEMBERS_MAX 65536              /* intake.max-json-members at most */
#define KEY_CUT     200                /* bytes of a key that is too long that stay */

int tw_event_writer_init(struct tw_event_writer *self)
{
    tw_arena_init(&self->arena, ARENA_BYTES);
    return tw_json_scanner_init(&self->scanner, &self->arena, DEPTH_MAX, MEMBERS_MAX);
}

void tw_event_writer_fini(struct tw_event_writer *self)
{
    tw_json_scanner_fini(&self->scanner);
    tw_arena_fini(&self->arena);
}

/* ---- the key ---- */

/* The text of an attribute that every event has. */
static int attribute(struct tw_event_writer *self, const char *name, struct tw_str *ret_text,
                     struct tw_diag *why)
{
    const struct tw_json_member *member = tw_json_member_find(&self->scanner, tw_str_of(name));
    if (member == NULL || member->value.kind != TW_JSON_STRING) {
        return tw_diag_set(why, TW_ESYNTAX, "the stored event has no %s", name);
    }
    *ret_text = tw_json_value_text(&self->arena, &member->value);
    return ret_text->ptr == NULL ? TW_ENOMEM : TW_OK;
}

/* A key that is too long: its beginning, whole characters, and a hash of all of it. */
static size_t cut_key(struct tw_str whole, char *key)
{
    size_t len = KEY_CUT;
    while (len > 0 && ((unsigned char)whole.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    XXH128_hash_t hash = XXH3_128bits(whole.ptr, whole.len);
    memcpy(key, whole.ptr, len);
    int more = snprintf(key + len, TW_IDEMPOTENCY_MAX - len, "~%016llx%016llx",
                        (unsigned long long)hash.high64, (unsigned long long)hash.low64);
    return len + (size_t)more; /* always fits */
}

static int write_key(struct tw_event_writer *self, const struct tw_replay_event *event, char *key,
                     size_t *ret_key_len, struct tw_diag *why)
{
    struct tw_str first = TW_STR_NULL;
    struct tw_str second = event->object;
    struct tw_buf whole;
    int rc = attribute(self, event->is_awaited ? "source" : "type", &first, why);
    rc = rc == TW_OK && event->is_awaited ? attribute(self, "id", &second, why) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    tw_buf_init(&whole, event->destination.len + first.len + second.len + 2);
    (void)tw_buf_append_str(&whole, event->destination); /* the buffer keeps its first error */
    (void)tw_buf_append_byte(&whole, '/');
    (void)tw_buf_append_str(&whole, first);
    (void)tw_buf_append_byte(&whole, event->is_awaited ? '#' : '/');
    rc = tw_buf_append_str(&whole, second);
    if (rc == TW_OK && whole.len > TW_IDEMPOTENCY_MAX) {
        *ret_key_len = cut_key((struct tw_str){whole.data, whole.len}, key);
    } else if (rc == TW_OK) {
        memcpy(key, whole.data, whole.len);
        *ret_key_len = whole.len;
    }
    tw_buf_fini(&whole);
    return rc;
}

/* ---- the event ---- */

/* What made it a failure, and what names a replay. */
static bool is_taken_off(struct tw_str name)
{
    static const char *const names[] = {"outcome",    "errorcode", "errormessage", "errorclass",
                                        "httpstatus", "replayid",  "attempt"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (tw_str_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

/* A member as it is written: from the quote before its name to the end of its value. The name may
 * have been decoded elsewhere, so that its place is sought from the end of the member before. */
static struct tw_str member_text(const char *from, const struct tw_json_member *member)
{
    const char *begin = memchr(from, '"', (size_t)(member->value.text.ptr - from));
    const char *end = tw_json_value_end(&member->value);
    return (struct tw_str){begin, (size_t)(end - begin)};
}

static int write_members(struct tw_event_writer *self, const struct tw_replay_event *event,
                         struct tw_buf *out)
{
    char text[TW_REPLAYID_MAX + 64];
    const char *from = event->json.ptr;
    (void)tw_buf_append_byte(out, '{'); /* the buffer keeps its first error */
    for (size_t i = 0; i < self->scanner.count; i++) {
        const struct tw_json_member *member = &self->scanner.members[i];
        struct tw_str written = member_text(from, member);
        from = tw_json_value_end(&member->value);
        if (!is_taken_off(member->name)) {
            (void)tw_buf_append_str(out, written);
            (void)tw_buf_append_byte(out, ',');
        }
    }
    int len = snprintf(text, sizeof text, "\"replayid\":\"%.*s\",\"attempt\":%u}",
                       (int)event->replayid.len, event->replayid.ptr, event->attempt);
    return tw_buf_append(out, text, (size_t)len); /* replayids are ours: letters, digits, dashes */
}

static int write_as_is(struct tw_event_writer *self, const struct tw_replay_event *event,
                       struct tw_buf *out, char *key, size_t *ret_key_len, struct tw_diag *why)
{
    struct tw_json_value object;
    struct tw_replay_event trimmed = *event;
    tw_arena_reset(&self->arena);
    TW_ASSERT(event->replayid.len <= TW_REPLAYID_MAX);
    while (trimmed.json.len > 0 && tw_json_is_blank((struct tw_str){trimmed.json.ptr, 1})) {
        trimmed.json.ptr++;
        trimmed.json.len--;
    }
    if (trimmed.json.len == 0 || trimmed.json.ptr[0] != '{' ||
        tw_json_scan_object(&self->scanner, trimmed.json, &object) != TW_OK) {
        return tw_diag_set(why, TW_ESYNTAX, "the stored event cannot be read");
    }
    trimmed.json.ptr++; /* behind the brace */
    trimmed.json.len--;
    int rc = write_key(self, &trimmed, key, ret_key_len, why);
    return rc == TW_OK ? write_members(self, &trimmed, out) : rc;
}

/* The text with its changes, owned. TW_ESYNTAX: they do not fit this event. */
static int repair(const struct tw_replay_event *event, char **ret_text, struct tw_diag *why)
{
    struct tw_diag wrong = {""};
    json_t *after = NULL;
    json_t *before = json_loadb(event->json.ptr, event->json.len, 0, NULL);
    json_t *edit = json_loadb(event->edit.ptr, event->edit.len, 0, NULL);
    int rc = before == NULL || edit == NULL ? tw_diag_set(&wrong, TW_EINVAL, "it cannot be read")
                                            : tw_edit_apply(edit, before, &after, NULL, &wrong);
    char *text = rc == TW_OK ? json_dumps(after, JSON_COMPACT) : NULL;
    json_decref(before);
    json_decref(edit);
    json_decref(after);
    if (rc == TW_EINVAL) {
        return tw_diag_set(why, TW_ESYNTAX, "the stored event cannot be repaired: %s", wrong.text);
    }
    *ret_text = text;
    return rc == TW_OK && text == NULL ? TW_ENOMEM : rc;
}

int tw_event_write(struct tw_event_writer *self, const struct tw_replay_event *event,
                   struct tw_buf *out, char *key, size_t *ret_key_len, struct tw_diag *why)
{
    char *text = NULL;
    struct tw_replay_event repaired = *event;
    if (event->edit.ptr == NULL) {
        return write_as_is(self, event, out, key, ret_key_len, why);
    }
    int rc = repair(event, &text, why);
    if (rc == TW_OK) {
        repaired.json = tw_str_of(text);
        rc = write_as_is(self, &repaired, out, key, ret_key_len, why);
    }
    free(text);
    return rc;
}
