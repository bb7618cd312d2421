/* SPDX-License-Identifier: Apache-2.0
 * POST /failures/{id}/notes, assign, snooze, archive, restore: what operators do with a group. The
 * right is asked for first; the row of the audit and the deed are one transaction. */
#include "config.h"
#include "web/api_failures.h"

#include <stdlib.h>

struct act {
    const char *name;
    const char *keys[3]; /* what the body may have; NULL ends it */
    int (*run)(struct tw_call *call, const struct tw_desk_command *command, const json_t *body,
               json_t *answer);
};

static int bad_body(struct tw_call *call, const char *what)
{
    return tw_diag_set(&call->diag, TW_EINVAL, "%s", what);
}

struct tw_str tw_api_body_text(const json_t *body, const char *key)
{
    const json_t *value = json_object_get(body, key);
    return json_is_string(value)
               ? (struct tw_str){json_string_value(value), json_string_length(value)}
               : TW_STR_NULL;
}

static bool is_text_or_null(const json_t *body, const char *key)
{
    const json_t *value = json_object_get(body, key);
    return value == NULL || json_is_null(value) || json_is_string(value);
}

static int add_note(struct tw_call *call, const struct tw_desk_command *command, const json_t *body,
                    json_t *answer)
{
    (void)answer;
    return tw_desk_add_note(command, tw_api_body_text(body, "text"), &call->diag);
}

static int assign(struct tw_call *call, const struct tw_desk_command *command, const json_t *body,
                  json_t *answer)
{
    (void)answer;
    if (!is_text_or_null(body, "assignee")) {
        return bad_body(call, "'assignee' is a name, or null for nobody");
    }
    return tw_desk_assign(command, tw_api_body_text(body, "assignee"), &call->diag);
}

static int snooze(struct tw_call *call, const struct tw_desk_command *command, const json_t *body,
                  json_t *answer)
{
    struct tw_str text = tw_api_body_text(body, "until");
    tw_wall_t until = {0};
    (void)answer;
    if (!is_text_or_null(body, "until") ||
        (text.ptr != NULL && tw_wall_parse(text, &until) != TW_OK)) {
        return bad_body(call, "'until' is a time of RFC 3339, or null for no longer");
    }
    return tw_desk_snooze(command, until, &call->diag);
}

/* {"ids": [1,2]} or {"up_to": "2026-11-18T00:00:00Z"}, which is when the person looked. */
static int archive_or_restore(struct tw_call *call, const struct tw_desk_command *command,
                              const json_t *body, json_t *answer, bool is_archived)
{
    const json_t *list = json_object_get(body, "ids");
    struct tw_str text = tw_api_body_text(body, "up_to");
    size_t count = json_array_size(list);
    uint64_t *ids = NULL;
    uint64_t changed = 0;
    tw_wall_t up_to = {0};
    if ((list == NULL) == (text.ptr == NULL)) {
        return bad_body(call, "either 'ids', an array of numbers, or 'up_to', a time of RFC 3339");
    }
    if (list == NULL && tw_wall_parse(text, &up_to) != TW_OK) {
        return bad_body(call, "'up_to' is a time of RFC 3339");
    }
    if (list != NULL && count == 0) {
        return bad_body(call, "'ids' is an array of numbers of failures");
    }
    if (list != NULL) {
        ids = tw_arena_alloc(call->arena, count * sizeof *ids);
        if (ids == NULL) {
            return TW_ENOMEM;
        }
    }
    for (size_t i = 0; i < count && ids != NULL; i++) {
        const json_t *id = json_array_get(list, i);
        if (!json_is_integer(id) || json_integer_value(id) < 1) {
            return bad_body(call, "'ids' is an array of numbers of failures");
        }
        ids[i] = (uint64_t)json_integer_value(id);
    }
    int rc = tw_desk_archive(command, is_archived, ids, count, up_to, &changed, &call->diag);
    tw_out_set(answer, "changed", tw_out_count(changed));
    return rc;
}

static int archive(struct tw_call *call, const struct tw_desk_command *command, const json_t *body,
                   json_t *answer)
{
    return archive_or_restore(call, command, body, answer, true);
}

static int restore(struct tw_call *call, const struct tw_desk_command *command, const json_t *body,
                   json_t *answer)
{
    return archive_or_restore(call, command, body, answer, false);
}

static const struct act acts[] = {
    {"notes", {"text", NULL}, add_note},          {"assign", {"assignee", NULL}, assign},
    {"snooze", {"until", NULL}, snooze},          {"archive", {"ids", "up_to", NULL}, archive},
    {"restore", {"ids", "up_to", NULL}, restore},
};
#define ACT_COUNT (sizeof acts / sizeof acts[0])

static const struct act *find_act(struct tw_str name)
{
    for (size_t i = 0; i < ACT_COUNT; i++) {
        if (tw_str_is(name, acts[i].name)) {
            return &acts[i];
        }
    }
    return NULL;
}

/* Only what it knows: a misspelt key must not be taken for an absent one. */
static int check_keys(struct tw_call *call, const char *const *keys, json_t *body)
{
    const char *key = NULL;
    json_t *value = NULL;
    if (!json_is_object(body)) {
        return bad_body(call, "the body is a JSON object");
    }
    json_object_foreach (body, key, value) {
        bool is_known = strcmp(key, "reason") == 0;
        for (size_t i = 0; keys[i] != NULL && !is_known; i++) {
            is_known = strcmp(key, keys[i]) == 0;
        }
        if (!is_known) {
            return tw_diag_set(&call->diag, TW_EINVAL, "'%s' is no key of this body", key);
        }
    }
    return is_text_or_null(body, "reason") ? TW_OK : bad_body(call, "'reason' is a text");
}

json_t *tw_api_body(struct tw_call *call, const char *const *keys)
{
    json_error_t error;
    struct tw_str text = call->request->body;
    json_t *body =
        text.len == 0 ? NULL : json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (body == NULL) {
        (void)tw_call_problem(call, TW_WEB_PROBLEM_BODY, "the body is not well-formed JSON");
    } else if (check_keys(call, keys, body) != TW_OK) {
        (void)tw_call_problem(call, TW_WEB_PROBLEM_BODY, "%s", call->diag.text);
        json_decref(body);
        body = NULL;
    }
    return body;
}

static int run_act(struct tw_call *call, const struct act *act, uint64_t group, json_t *body)
{
    json_t *answer = json_object();
    const struct tw_desk_command command = {
        .dir = call->web->cfg->store.dir,
        .group = group,
        .actor = call->principal->name,
        .reason = tw_api_body_text(body, "reason"),
        .now = call->now,
    };
    int rc = act->run(call, &command, body, answer);
    if (rc == TW_OK) {
        return tw_response_json(&call->response, 200, answer);
    }
    json_decref(answer);
    if (rc == TW_EINVAL) {
        return tw_call_problem(call, TW_WEB_PROBLEM_BODY, "%s", call->diag.text);
    }
    if (rc == TW_EPERM || rc == TW_EIO || rc == TW_EBUSY) { /* the desk's file, not who asks */
        return tw_call_problem(call, TW_WEB_PROBLEM_UNAVAILABLE, "nothing was done: %s",
                               call->diag.text);
    }
    return rc;
}

int tw_api_failure_act(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    uint64_t group = 0;
    struct tw_str rest = TW_STR_NULL;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_api_numbered_path(call, "group", &group, &rest) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    const struct act *act = find_act(rest);
    if (act == NULL) {
        return tw_diag_set(
            &call->diag, TW_ENOTFOUND,
            "what can be done with a group: notes, assign, snooze, archive, restore");
    }
    json_t *body = tw_api_body(call, act->keys);
    rc = body == NULL ? TW_OK : run_act(call, act, group, body);
    json_decref(body);
    return rc;
}
