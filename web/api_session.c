/* SPDX-License-Identifier: Apache-2.0
 * /session: sign in and out, who asks, the sessions of whoever asks, their password. */
#include "config.h"
#include <inttypes.h>
#include <stdio.h>

#include "store/sessions.h"
#include "web/api.h"
#include "web/api_failures.h"
#include "web/sign.h"
#include "web/who.h"

static const char *const no_names[] = {NULL};

static const char *session_cookie(const struct tw_http_request *request)
{
    return request->is_secure ? TW_COOKIE_SECURE : TW_COOKIE_PLAIN;
}

/* ---- with a password ---- */

static int too_many(struct tw_call *call, int64_t wait_s)
{
    char text[24];
    (void)tw_call_problem(call, TW_WEB_PROBLEM_THROTTLED, "try again in %" PRId64 " seconds",
                          wait_s);
    (void)snprintf(text, sizeof text, "%" PRId64, wait_s); /* 20 digits fit */
    return tw_response_header(&call->response, "Retry-After", text);
}

static int submit(struct tw_call *call, struct tw_sign_ask *ask)
{
    const struct tw_http_request *request = call->request;
    int64_t wait_s = 1;
    ask->cookie = tw_http_cookie(request->head.cookies, session_cookie(request));
    ask->device = tw_http_cookie(request->head.cookies,
                                 request->is_secure ? TW_COOKIE_DEVICE_SECURE : TW_COOKIE_DEVICE);
    ask->address = request->address;
    ask->agent = request->head.user_agent;
    ask->path = request->path;
    ask->is_secure = request->is_secure;
    int rc = tw_sign_submit(call->web->sign, ask, &call->signing, &wait_s);
    switch (rc) {
    case TW_EAGAIN:
        return too_many(call, wait_s);
    case TW_EBUSY:
        return tw_call_problem(call, TW_WEB_PROBLEM_SIGN_IN_BUSY, "try again in a moment");
    default:
        return rc;
    }
}

static bool is_required(struct tw_call *call)
{
    if (call->web->sign != NULL) {
        return true;
    }
    (void)tw_call_problem(call, TW_WEB_PROBLEM_STATE,
                          "nobody signs in here: `access.sign-in` is "
                          "none");
    return false;
}

/* Both texts of the body, or the answer that says what is wrong with it. */
static bool read_texts(struct tw_call *call, const json_t *body, const char *one, const char *other,
                       struct tw_str *ret_one, struct tw_str *ret_other)
{
    *ret_one = tw_api_body_text(body, one);
    *ret_other = tw_api_body_text(body, other);
    if (ret_one->ptr == NULL || ret_other->ptr == NULL) {
        (void)tw_call_problem(call, TW_WEB_PROBLEM_BODY, "'%s' and '%s' are texts", one, other);
        return false;
    }
    return true;
}

int tw_api_session_post(struct tw_call *call)
{
    static const char *const keys[] = {"user", "password", NULL};
    struct tw_sign_ask ask = {.session = 0};
    int rc = tw_call_allow(call, no_names);
    if (rc != TW_OK || !is_required(call)) {
        return rc;
    }
    json_t *body = tw_api_body(call, keys);
    if (body != NULL && read_texts(call, body, "user", "password", &ask.user, &ask.password)) {
        rc = submit(call, &ask);
    }
    json_decref(body);
    return rc;
}

/* Only who signed in with a password has one to change. */
static bool has_session(struct tw_call *call)
{
    if (call->asker != NULL && call->asker->session != 0) {
        return true;
    }
    (void)tw_call_problem(call, TW_WEB_PROBLEM_STATE,
                          "you have not signed in with a password here");
    return false;
}

int tw_api_session_password(struct tw_call *call)
{
    static const char *const keys[] = {"password", "new_password", NULL};
    struct tw_sign_ask ask = {.user = call->principal->name};
    int rc = tw_call_allow(call, no_names);
    if (rc != TW_OK || !is_required(call) || !has_session(call)) {
        return rc;
    }
    ask.session = call->asker->session;
    json_t *body = tw_api_body(call, keys);
    if (body != NULL &&
        read_texts(call, body, "password", "new_password", &ask.password, &ask.fresh)) {
        rc = submit(call, &ask);
    }
    json_decref(body);
    return rc;
}

/* ---- the session of this request ---- */

int tw_api_session(struct tw_call *call)
{
    static const struct tw_asker nothing = {.fault = TW_GATE_FINE};
    int rc = tw_call_allow(call, no_names);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_asker asker = call->asker == NULL ? nothing : *call->asker;
    asker.principal = *call->principal;
    return tw_response_json(&call->response, 200, tw_who_json(call->web->cfg, &asker));
}

static struct tw_access_command command_of(const struct tw_call *call)
{
    return (struct tw_access_command){
        .dir = call->web->cfg->store.dir,
        .actor = call->principal->name,
        .kind = TW_STR_LIT("user"),
        .address = call->request->address,
        .now = call->now,
    };
}

static int end(struct tw_call *call, uint64_t id)
{
    const struct tw_access_command command = command_of(call);
    int rc = tw_session_end(&command, call->principal->name, id, &call->diag);
    tw_gate_forget(call->web->gate);
    return rc;
}

static int answer_ended(struct tw_call *call, bool is_own)
{
    json_t *json = json_object();
    tw_out_set(json, "ended", json_true());
    int rc = tw_response_json(&call->response, 200, json);
    return rc == TW_OK && is_own ? tw_who_set_cookie(&call->response, session_cookie(call->request),
                                                     NULL, call->request->is_secure, 0)
                                 : rc;
}

int tw_api_session_delete(struct tw_call *call)
{
    int rc = tw_call_allow(call, no_names);
    if (rc != TW_OK || !is_required(call) || !has_session(call)) {
        return rc;
    }
    rc = end(call, call->asker->session);
    return rc == TW_OK || rc == TW_ENOTFOUND ? answer_ended(call, true) : rc;
}

/* ---- all sessions of whoever asks ---- */

static json_t *session_json(const struct tw_call *call, const struct tw_session *session)
{
    json_t *json = json_object();
    tw_out_set(json, "session", tw_out_count(session->id));
    tw_out_set(json, "this", json_boolean(session->id == call->asker->session));
    tw_out_set(json, "since", tw_out_time(session->time.created));
    tw_out_set(json, "used", tw_out_time(session->time.seen));
    tw_out_set(json, "ends",
               tw_out_time((tw_wall_t){session->time.seen.ns + session->time.left_ns}));
    tw_out_set(json, "address", tw_out_text(session->address));
    tw_out_set(json, "agent", tw_out_text(session->agent));
    return json;
}

int tw_api_sessions(struct tw_call *call)
{
    const struct tw_session_limits limits = tw_gate_limits(call->web->cfg);
    const struct tw_session *items = NULL;
    struct tw_desk_reader *desk = NULL;
    size_t count = 0;
    int rc = tw_call_allow(call, no_names);
    if (rc != TW_OK || !is_required(call) || !has_session(call)) {
        return rc;
    }
    rc = tw_api_desk(call, &desk);
    rc = rc == TW_OK ? tw_sessions_list(desk, call->arena, call->asker->user, &items, &count) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        if (!tw_session_is_over(&items[i].time, &limits, call->now)) {
            tw_out_add(list, session_json(call, &items[i]));
        }
    }
    return tw_response_json(&call->response, 200, tw_call_list(call, list, TW_STR_NULL, -1));
}

int tw_api_sessions_delete(struct tw_call *call)
{
    uint64_t id = 0;
    int rc = tw_call_allow(call, no_names);
    if (rc != TW_OK || !is_required(call) || !has_session(call)) {
        return rc;
    }
    if (tw_parse_number(call->request->rest, &id) != TW_OK) {
        return tw_diag_set(&call->diag, TW_EINVAL, "a session is named by its number");
    }
    rc = end(call, id);
    return rc == TW_OK ? answer_ended(call, id == call->asker->session) : rc;
}
