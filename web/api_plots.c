/* SPDX-License-Identifier: Apache-2.0
 * GET /plots/{panel}.svg|.png. The store is read in the web thread, with its deadline; then the
 * request waits for gnuplot without a thread (web/plot/pool.h, server.c).
 */
#include "config.h"
#include "web/api.h"

#include <inttypes.h>
#include <stdlib.h>

#define CACHE "private, max-age=5"

/* "order-flow.orders.svg" -> the panel and the format. */
static int split_name(struct tw_call *call, struct tw_str *ret_id, enum tw_plot_format *ret_format)
{
    static const struct {
        struct tw_str ending;
        enum tw_plot_format format;
    } endings[] = {{TW_STR_LIT(".svg"), TW_PLOT_SVG}, {TW_STR_LIT(".png"), TW_PLOT_PNG}};
    struct tw_str rest = call->request->rest;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t len = endings[i].ending.len;
        if (rest.len > len && memcmp(rest.ptr + rest.len - len, endings[i].ending.ptr, len) == 0) {
            *ret_id = (struct tw_str){rest.ptr, rest.len - len};
            *ret_format = endings[i].format;
            return TW_OK;
        }
    }
    return tw_diag_set(&call->diag, TW_ENOTFOUND, "a plot is a panel and .svg or .png");
}

/* All that a picture depends on, as one text. */
static int make_key(const struct tw_call *call, const struct tw_api_plot *plot,
                    enum tw_plot_format format, struct tw_buf *key)
{
    char text[512];
    const struct tw_plot_ask *ask = &plot->ask;
    int len = snprintf(
        text, sizeof text,
        "%s|%" PRIu64 "|%" PRIu64 "|%" PRId64 "|%" PRId64 "|%" PRId64 "|%u|%u|%d|%d|%s",
        ask->panel->id, call->dashboards->serial, plot->rule == NULL ? 0 : call->rules->serial,
        ask->since_s, ask->until_s, ask->now_s / plot->quantum_s, plot->look.width,
        plot->look.height, plot->look.is_dark, (int)format, plot->zone.name);
    (void)tw_buf_append(key, text, (size_t)len); /* sticky */
    for (unsigned i = 0; i < TW_PARAM_COUNT; i++) {
        (void)tw_buf_append_byte(key, '\0');
        (void)tw_buf_append_str(key, ask->params[i]);
    }
    for (size_t i = 0; i < plot->by.count; i++) {
        (void)tw_buf_append_byte(key, '\0');
        (void)tw_buf_append_str(key, plot->by.items[i].name);
        (void)tw_buf_append_byte(key, '=');
        (void)tw_buf_append_str(key, plot->by.items[i].value);
    }
    return key->error;
}

static int make_script(struct tw_call *call, const struct tw_api_plot *plot,
                       enum tw_plot_format format, const struct tw_plot_ticket *ticket,
                       struct tw_buf *script)
{
    struct tw_plot_data data;
    char mark[TW_PLOT_MARK_SIZE];
    int rc = tw_api_plot_query(call, plot, &data);
    if (rc != TW_OK) {
        return rc;
    }
    tw_plot_mark(ticket, mark);
    return tw_plot_script(plot->ask.panel, &data, &plot->look, format, mark, script);
}

static int ask_pool(struct tw_call *call, const struct tw_api_plot *plot,
                    enum tw_plot_format format)
{
    const char *type = format == TW_PLOT_PNG ? "image/png" : "image/svg+xml";
    struct tw_buf key;
    struct tw_buf script;
    bool must_draw = false;
    tw_buf_init(&key, TW_PLOT_KEY_MAX);
    tw_buf_init(&script, TW_PLOT_SCRIPT_MAX);
    int rc = make_key(call, plot, format, &key);
    rc = rc == TW_OK ? tw_plot_pool_get(call->web->plots, (struct tw_str){key.data, key.len}, type,
                                        &call->later, &must_draw)
                     : rc;
    if (rc == TW_OK && must_draw) {
        rc = make_script(call, plot, format, call->later, &script);
        if (rc == TW_OK) {
            tw_plot_pool_submit(call->later, &script);
        } else {
            const char *reason = call->diag.text[0] != '\0' ? call->diag.text : tw_err_text(rc);
            tw_plot_pool_fail(call->later, rc, reason); /* for those who wait for it too */
            tw_plot_ticket_drop(&call->later);
        }
    }
    tw_buf_fini(&script);
    tw_buf_fini(&key);
    return rc;
}

int tw_api_plot(struct tw_call *call)
{
    struct tw_str id = TW_STR_NULL;
    enum tw_plot_format format = TW_PLOT_SVG;
    struct tw_api_plot plot = {.zone = {.name = "UTC"}};
    int rc = split_name(call, &id, &format);
    rc = rc == TW_OK ? tw_api_plot_init(call, id, &plot) : rc;
    if (rc == TW_OK && plot.ask.panel->kind == TW_PANEL_TABLE) {
        rc = tw_diag_set(&call->diag, TW_EINVAL,
                         "%s is a table, it has no picture: GET /api/v1/series?panel=%s has its "
                         "rows",
                         plot.ask.panel->id, plot.ask.panel->id);
    }
    if (rc == TW_OK) {
        plot.look.has_title = format == TW_PLOT_PNG && !tw_plot_is_bare(plot.ask.panel);
        rc = ask_pool(call, &plot, format);
    }
    tw_api_plot_fini(&plot);
    return rc;
}

static enum tw_web_problem problem_of(int rc)
{
    switch (rc) {
    case TW_ELIMIT:
        return TW_WEB_PROBLEM_PLOTS_BUSY;
    case TW_ENOTFOUND:
    case TW_ECLOSED:
    case TW_EDAMAGED:
    case TW_ESYSTEM:
        return TW_WEB_PROBLEM_PLOT;
    case TW_ETIMEOUT:
        return TW_WEB_PROBLEM_PLOT_DEADLINE;
    default:
        return tw_problem_of_error(rc);
    }
}

void tw_api_plot_answer(struct tw_plot_ticket *ticket, const struct tw_http_request *request,
                        struct tw_response *response)
{
    struct tw_plot_picture picture;
    struct tw_diag diag = {""};
    int rc = tw_plot_ticket_take(ticket, &picture, &diag);
    bool is_known = rc == TW_OK && tw_http_tag_matches(request->head.if_none_match, picture.tag);
    char *copy = rc != TW_OK || is_known ? NULL : malloc(picture.len);
    if (rc == TW_OK && !is_known && copy == NULL) {
        rc = TW_ENOMEM;
    }
    if (rc != TW_OK) {
        tw_problem_fill(response, problem_of(rc), diag.text, request->path);
        return;
    }
    response->cache_control = CACHE;
    (void)tw_response_header(response, "ETag", picture.tag); /* of 18 letters: always fits */
    if (is_known) {
        response->status = 304;
        return;
    }
    memcpy(copy, picture.bytes, picture.len);
    tw_response_take(response, 200, picture.content_type, copy, picture.len);
}
