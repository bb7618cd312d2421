/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/alert_news.h"

static void count(const struct tw_alert_seen *seen, size_t all, struct tw_alert_tally *tally)
{
    tally->firing = 0;
    tally->critical = 0;
    tally->warning = 0;
    tally->quiet = 0;
    for (size_t i = 0; i < all; i++) {
        if (seen[i].is_firing && !tw_alert_is_watchdog(seen[i].view)) {
            tally->firing++;
            tally->critical += seen[i].view->row.severity == TW_SEVERITY_CRITICAL;
            tally->warning += seen[i].view->row.severity == TW_SEVERITY_WARNING;
            tally->quiet += seen[i].is_quiet;
        }
    }
}

static bool is_same(const struct tw_alert_tally *one, const struct tw_alert_tally *other)
{
    return one->is_known && one->firing == other->firing && one->critical == other->critical &&
           one->warning == other->warning && one->quiet == other->quiet;
}

static json_t *counts_json(const struct tw_alert_tally *tally, json_t *news)
{
    json_t *json = json_object();
    tw_out_set(json, "firing", tw_out_count(tally->firing));
    tw_out_set(json, "critical", tw_out_count(tally->critical));
    tw_out_set(json, "warning", tw_out_count(tally->warning));
    tw_out_set(json, "quiet", tw_out_count(tally->quiet));
    tw_out_set(json, "new", news);
    return json;
}

/* No more than rings: what it says whole is a call away. */
static int new_json(const struct tw_alert_scene *scene, const struct tw_alert_view *views,
                    size_t view_count, json_t *list)
{
    static const char *const copied[] = {"fingerprint", "alert", "title", "severity",
                                         "summary",     "state", NULL};
    int rc = TW_OK;
    for (size_t i = 0; i < view_count && rc == TW_OK; i++) {
        struct tw_alert_seen seen;
        rc = tw_alert_see(scene, &views[i], &seen);
        if (rc == TW_OK && !tw_alert_is_watchdog(&views[i])) {
            json_t *whole = tw_alert_json(scene, &seen);
            json_t *one = json_object();
            tw_api_copy(one, whole, copied);
            tw_out_set(one, "quiet", json_boolean(seen.is_quiet));
            tw_out_add(list, one);
            json_decref(whole);
        }
    }
    return rc;
}

static int look(const struct tw_alert_scene *scene, struct tw_alert_tally *tally, json_t *list)
{
    struct tw_call *call = scene->call;
    const struct tw_alert_view *views = NULL;
    const struct tw_alert_view *news = NULL;
    struct tw_alert_seen *seen = NULL;
    size_t all = 0;
    size_t news_count = 0;
    bool was_known = tally->is_known;
    int rc = tw_desk_alerts_news(scene->desk, call->arena, TW_ALERT_NEWS_MAX, &tally->last_line,
                                 &news, &news_count);
    rc = rc == TW_OK ? tw_desk_alerts_open(scene->desk, call->arena, &views, &all) : rc;
    rc = rc == TW_OK ? tw_alert_see_all(scene, views, all, &seen) : rc;
    if (rc == TW_OK) {
        count(seen, all, tally);
        rc = was_known ? new_json(scene, news, news_count, list) : TW_OK;
    }
    return rc;
}

/* Silences begin and end when they say so; times of notify.yaml with a minute. */
static tw_wall_t when_again(const struct tw_alert_scene *scene)
{
    const struct tw_notify *notify = scene->call->notify;
    const int64_t minute_ns = 60 * TW_NS_PER_S;
    const tw_wall_t minute = {(scene->call->now.ns / minute_ns + 1) * minute_ns};
    bool has_times = notify != NULL && notify->time_count > 0;
    bool is_sooner = has_times && (scene->next.ns == 0 || minute.ns < scene->next.ns);
    return is_sooner ? minute : scene->next;
}

/* A clock that was set back has other silences, too. */
static bool is_time(const struct tw_alert_tally *tally, tw_wall_t now)
{
    return (tally->again.ns != 0 && now.ns >= tally->again.ns) || now.ns < tally->looked.ns;
}

int tw_alert_news(struct tw_call *call, struct tw_alert_tally *tally, bool *ret_changed,
                  json_t **ret_counts, json_t **ret_news)
{
    struct tw_alert_scene scene = {.call = call};
    struct tw_alert_tally now = *tally;
    struct tw_desk_reader *desk = NULL;
    struct tw_alerts_mark mark = {.changes = 0};
    json_t *list = NULL;
    int rc = tw_api_desk(call, &desk);
    rc = rc == TW_OK ? tw_desk_alerts_mark(desk, &mark) : rc;
    bool has_changed = rc == TW_OK && (!tally->is_known || mark.changes != tally->changes ||
                                       is_time(tally, call->now));
    *ret_changed = has_changed;
    if (rc != TW_OK || !has_changed) {
        return rc;
    }
    list = json_array();
    rc = tw_alert_scene_init(&scene, call);
    rc = rc == TW_OK ? look(&scene, &now, list) : rc;
    now.looked = call->now;
    now.again = when_again(&scene);
    tw_alert_scene_fini(&scene);
    if (rc != TW_OK) {
        json_decref(list);
        return rc;
    }
    now.changes = mark.changes;
    bool is_told = is_same(tally, &now) && json_array_size(list) == 0;
    now.is_known = true;
    *tally = now;
    if (is_told) {
        json_decref(list);
        return TW_OK;
    }
    *ret_counts = counts_json(tally, json_array());
    *ret_news = counts_json(tally, list);
    if (tw_out_take_failure()) {
        json_decref(*ret_counts);
        json_decref(*ret_news);
        *ret_counts = NULL;
        *ret_news = NULL;
        tally->is_known = false;
        return TW_ENOMEM;
    }
    return TW_OK;
}
