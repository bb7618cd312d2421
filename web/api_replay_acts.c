/* SPDX-License-Identifier: Apache-2.0
 * POST /replays/{id}/pause, resume, cancel, approve: the right is asked for first; the row of the
 * audit and the deed are one transaction. */
#include "config.h"
#include "web/api_replays.h"

static const struct {
    const char *word;
    enum tw_replay_act act;
    enum tw_right right;
} acts[] = {
    {"pause", TW_REPLAY_ACT_PAUSE, TW_RIGHT_REPLAY},
    {"resume", TW_REPLAY_ACT_RESUME, TW_RIGHT_REPLAY},
    {"cancel", TW_REPLAY_ACT_CANCEL, TW_RIGHT_REPLAY},
    {"approve", TW_REPLAY_ACT_APPROVE, TW_RIGHT_APPROVE},
};
#define ACT_COUNT (sizeof acts / sizeof acts[0])

static int run_act(struct tw_call *call, enum tw_replay_act act, uint64_t id, const json_t *body)
{
    struct tw_replay_left left = {0, 0};
    json_t *json = NULL;
    const struct tw_replay_command command = {
        .dir = call->web->cfg->store.dir,
        .replay = id,
        .actor = call->principal->name,
        .reason = tw_api_body_text(body, "reason"),
        .now = call->now,
    };
    int rc = tw_replay_command(&command, act, &left, &call->diag);
    switch (rc) {
    case TW_OK:
        break;
    case TW_EINVAL:
        return tw_call_problem(call, TW_WEB_PROBLEM_BODY, "%s", call->diag.text);
    case TW_ECLOSED:
        return tw_call_problem(call, TW_WEB_PROBLEM_STATE, "%s", call->diag.text);
    case TW_EEXISTS:
        return tw_call_problem(call, TW_WEB_PROBLEM_RIGHTS, "%s", call->diag.text);
    case TW_EPERM:
    case TW_EIO:
    case TW_EBUSY: /* the desk's file, not who asks */
        return tw_call_problem(call, TW_WEB_PROBLEM_UNAVAILABLE, "nothing was done: %s",
                               call->diag.text);
    default:
        return rc;
    }
    rc = tw_api_replay_json(call, id, &left, &json);
    return rc == TW_OK ? tw_response_json(&call->response, 200, json) : rc;
}

int tw_api_replay_act(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    static const char *const keys[] = {NULL};
    uint64_t id = 0;
    size_t i = 0;
    struct tw_str rest = TW_STR_NULL;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_api_numbered_path(call, "replay", &id, &rest) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    while (i < ACT_COUNT && !tw_str_is(rest, acts[i].word)) {
        i++;
    }
    if (i == ACT_COUNT) {
        return tw_diag_set(&call->diag, TW_ENOTFOUND,
                           "what can be done with a replay: pause, resume, cancel, approve");
    }
    if (!tw_call_may(call, acts[i].right, NULL)) {
        return tw_call_problem(call, TW_WEB_PROBLEM_RIGHTS, "this needs the right '%s'",
                               tw_right_name(acts[i].right));
    }
    json_t *body = tw_api_body(call, keys);
    rc = body == NULL ? TW_OK : run_act(call, acts[i].act, id, body);
    json_decref(body);
    return rc;
}
