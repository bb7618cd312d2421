/* SPDX-License-Identifier: Apache-2.0
 * GET /api/v2/status, /api/v2/receivers, and /-/healthy, /-/ready, /-/reload. */
#include "config.h"
#include "web/am.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define JSON_TYPE "application/json; charset=utf-8"
#define TEXT_TYPE "text/plain; charset=utf-8"
/* Before it, a time of Go that was never set: year 1. */
#define NEVER TW_STR_LIT("0001-01-01T00:00:00")

int tw_am_error(struct tw_call *call, int status, const char *text)
{
    json_t *json = tw_out_text(tw_str_of(text));
    char *bytes = json == NULL ? NULL : json_dumps(json, JSON_ENCODE_ANY);
    json_decref(json);
    if (bytes == NULL) {
        return TW_ENOMEM;
    }
    tw_response_take(&call->response, status, JSON_TYPE, bytes, strlen(bytes));
    return TW_OK;
}

int tw_am_filters(struct tw_call *call, struct tw_matchers **ret_matchers)
{
    struct tw_matcher_text items[TW_MATCHERS_MAX];
    size_t count = 0;
    int rc = TW_OK;
    for (size_t i = 0; i < call->request->param_count && rc == TW_OK; i++) {
        if (!tw_str_is(call->request->params[i].name, "filter")) {
            continue;
        }
        if (count == TW_MATCHERS_MAX) {
            return tw_diag_set(&call->diag, TW_EINVAL, "more than %d filters", TW_MATCHERS_MAX);
        }
        rc = tw_matcher_parse(call->arena, call->request->params[i].value, &items[count++],
                              &call->diag);
    }
    rc = rc == TW_OK ? tw_matchers_new(items, count, ret_matchers, &call->diag) : rc;
    return rc == TW_ESYNTAX || rc == TW_ELIMIT ? TW_EINVAL : rc;
}

json_t *tw_am_body(struct tw_call *call, bool is_array)
{
    struct tw_str text = call->request->body;
    json_t *body =
        text.len == 0 ? NULL : json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
    if (body != NULL && (is_array ? json_is_array(body) : json_is_object(body))) {
        return body;
    }
    json_decref(body);
    (void)tw_am_error(call, 400, /* out of memory is told as a body that is none */
                      is_array ? "the body is no JSON array" : "the body is no JSON object");
    return NULL;
}

struct tw_str tw_am_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return (struct tw_str){json_string_value(value), json_string_length(value)};
}

int tw_am_time(struct tw_call *call, const json_t *object, const char *key, tw_wall_t *ret_at)
{
    const json_t *value = json_object_get(object, key);
    struct tw_str text = tw_am_text(object, key);
    *ret_at = (tw_wall_t){0};
    if (value == NULL || json_is_null(value) || tw_str_starts(text, NEVER)) {
        return TW_OK;
    }
    return text.ptr != NULL && tw_wall_parse(text, ret_at) == TW_OK
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL, "%s is no time of RFC 3339", key);
}

/* ---- GET /api/v2/status ---- */

/* What `amtool config routes` reads. */
static json_t *config_json(const struct tw_call *call)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    json_t *json = NULL;
    bool is_written =
        out != NULL && call->notify != NULL && tw_notify_yaml(call->notify, out) == TW_OK;
    if (out != NULL && fclose(out) == 0 && is_written) {
        json = json_stringn(text, len);
    } else if (call->notify == NULL) {
        json = json_string("route: {receiver: none}\nreceivers: [{name: none}]\n");
    }
    free(text);
    return json;
}

int tw_am_status(struct tw_call *call)
{
    json_t *cluster = json_object();
    json_t *config = json_object();
    json_t *json = json_object();
    tw_out_set(cluster, "status", json_string("disabled"));
    tw_out_set(cluster, "peers", json_array());
    tw_out_set(config, "original", config_json(call));
    tw_out_set(json, "cluster", cluster);
    tw_out_set(json, "config", config);
    tw_out_set(json, "uptime", tw_out_time(call->web->started));
    tw_out_set(json, "versionInfo",
               json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "version", "0.25.0", "revision",
                         "tillwatch-" PACKAGE_VERSION, "branch", "", "buildUser", "", "buildDate",
                         "", "goVersion", ""));
    return tw_response_json(&call->response, 200, json);
}

int tw_am_receivers(struct tw_call *call)
{
    json_t *list = json_array();
    for (size_t i = 0; call->notify != NULL && i < call->notify->receiver_count; i++) {
        tw_out_add(list, json_pack("{s:s}", "name", call->notify->receivers[i].name));
    }
    return tw_response_json(&call->response, 200, list);
}

/* ---- management ---- */

static int fixed(struct tw_call *call, int status, const char *text)
{
    tw_response_fini(&call->response);
    call->response.status = status;
    call->response.content_type = TEXT_TYPE;
    call->response.borrowed = text;
    call->response.len = strlen(text);
    return TW_OK;
}

int tw_am_healthy(struct tw_call *call)
{
    return fixed(call, 200, "OK");
}

int tw_am_ready(struct tw_call *call)
{
    int rc = tw_api_readyz(call);
    return rc != TW_OK || call->response.status != 200 ? rc : fixed(call, 200, "OK");
}

/* Main reads the files when the signal comes; it may find faults, and then nothing changes. */
int tw_am_reload(struct tw_call *call)
{
    return kill(getpid(), SIGHUP) == 0 ? fixed(call, 200, "") : TW_ESYSTEM;
}
