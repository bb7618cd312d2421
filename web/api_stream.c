/* SPDX-License-Identifier: Apache-2.0
 * GET /stream: server-sent events. The handler only opens the client's place; what it is told comes
 * from web/ticker.h by way of web/stream.h. Source: HTML Living Standard, "Server-sent events". */
#include "config.h"
#include "web/api.h"
#include "web/stream.h"

int tw_api_stream(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    struct tw_response *response = &call->response;
    struct tw_stream *stream = NULL;
    uint64_t last_id = 0;
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_str last = call->request->head.last_event_id;
    if (last.ptr == NULL || tw_parse_number(last, &last_id) != TW_OK) {
        last_id = 0; /* a name that is not one of ours says nothing */
    }
    rc = tw_stream_open(call->web->streams, last_id, &stream);
    if (rc == TW_ELIMIT) {
        return tw_call_problem(call, TW_WEB_PROBLEM_STREAMS, "web.max-streams is the limit");
    }
    if (rc != TW_OK) {
        return rc;
    }
    /* A proxy that gathers answers before it hands them on would keep the ticks back. */
    rc = tw_response_header(response, "X-Accel-Buffering", "no");
    tw_response_stream(response, &stream);
    return rc;
}
