/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/problem.h"

#include <stdlib.h>
#include <string.h>

#include "web/http.h"
#include "web/out.h"

#define TYPE_PREFIX "urn:problem-type:tillwatch:"
#define CONTENT     "application/problem+json"

static const struct {
    int status;
    const char *type;
    const char *title;
} kinds[TW_WEB_PROBLEM_COUNT] = {
#define KIND_ROW(name, number, text, words) \
    [TW_WEB_PROBLEM_##name] = {.status = (number), .type = TYPE_PREFIX text, .title = (words)},
    TW_WEB_PROBLEMS(KIND_ROW)
#undef KIND_ROW
};

enum tw_web_problem tw_problem_of_status(int status)
{
    for (int i = 0; i < TW_WEB_PROBLEM_COUNT; i++) {
        if (kinds[i].status == status) {
            return (enum tw_web_problem)i;
        }
    }
    return TW_WEB_PROBLEM_INTERNAL;
}

enum tw_web_problem tw_problem_of_error(int code)
{
    switch (code) {
    case TW_EINVAL:
    case TW_ESYNTAX:
    case TW_EEXISTS:
        return TW_WEB_PROBLEM_PARAMETER;
    case TW_ENOTFOUND:
        return TW_WEB_PROBLEM_NOT_FOUND;
    case TW_ECONFIG:
        return TW_WEB_PROBLEM_PANEL;
    case TW_EPERM:
        return TW_WEB_PROBLEM_RIGHTS;
    case TW_ELIMIT:
        return TW_WEB_PROBLEM_WAITING;
    case TW_ETIMEOUT:
        return TW_WEB_PROBLEM_DEADLINE;
    case TW_EAGAIN:
    case TW_EBUSY:
    case TW_ENOMEM:
    case TW_ENOSPACE:
    case TW_ECLOSED:
        return TW_WEB_PROBLEM_UNAVAILABLE;
    case TW_EDAMAGED:
    case TW_EFOREIGN:
    case TW_ENEWER:
    case TW_EOLDER:
        return TW_WEB_PROBLEM_DAMAGED;
    default:
        return TW_WEB_PROBLEM_INTERNAL;
    }
}

void tw_problem_fill(struct tw_response *response, enum tw_web_problem kind, const char *detail,
                     struct tw_str instance)
{
    tw_problem_fill_with(response, kind, detail, instance, NULL);
}

void tw_problem_fill_with(struct tw_response *response, enum tw_web_problem kind,
                          const char *detail, struct tw_str instance, json_t *more)
{
    int status = kinds[kind].status;
    const char *content = CONTENT;
    if (more == NULL) {
        (void)tw_out_take_failure(); /* of the answer that this one replaces */
    }
    json_t *json = json_object();
    tw_out_set(json, "type", json_string(kinds[kind].type));
    tw_out_set(json, "title", json_string(kinds[kind].title));
    tw_out_set(json, "status", json_integer(status));
    if (detail != NULL && detail[0] != '\0') {
        tw_out_set(json, "detail", tw_out_text(tw_str_of(detail)));
    }
    if (instance.ptr != NULL) {
        tw_out_set(json, "instance", tw_out_text(instance));
    }
    if (tw_http_is_am(instance)) {
        json_decref(json);
        json = tw_out_text(
            tw_str_of(detail != NULL && detail[0] != '\0' ? detail : kinds[kind].title));
        json_decref(more);
        more = NULL;
        content = "application/json; charset=utf-8";
    }
    bool is_whole = more == NULL || json_object_update_missing(json, more) == 0;
    json_decref(more);
    char *text = tw_out_take_failure() || !is_whole
                     ? NULL
                     : json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(json);
    if (text != NULL) {
        tw_response_take(response, status, content, text, strlen(text));
    } else {
        static const char fixed[] = "{\"type\":\"about:blank\",\"title\":\"Out of memory\"}";
        tw_response_fini(response);
        response->status = status;
        response->content_type = CONTENT;
        response->borrowed = fixed;
        response->len = sizeof fixed - 1;
    }
    response->cache_control = NULL;
    if (status == 503) {
        (void)tw_response_header(response, "Retry-After", "2"); /* a fixed text always fits */
    }
}
