/* SPDX-License-Identifier: Apache-2.0
 * What stands around alerts when they are told: silences in force, what inhibits what, times at
 * which nobody is told. All of it is computed when it is asked for, with the matchers that decide
 * who is told.
 * Thread:  one call.
 * Limits:  those of the store: TW_SILENCES_MAX silences, TW_ALERTS_OPEN_MAX alerts.
 */
#ifndef TW_WEB_ALERT_SCENE_H
#define TW_WEB_ALERT_SCENE_H

#include "alert/engine.h"
#include "alert/matcher.h"
#include "store/silences.h"
#include "web/api_failures.h"

struct tw_alert_silence {
    const struct tw_silence *silence;
    struct tw_matchers *matchers; /* owned; NULL: it has none that can be read */
};
struct tw_alert_scene {
    struct tw_call *call;
    struct tw_desk_reader *desk;
    struct tw_alert_silence *silences; /* in force now */
    size_t silence_count;
    tw_wall_t next;       /* a silence begins or ends then, without any change; 0: none does */
    uint64_t *inhibitors; /* sorted, each as often as it hides an alert */
    size_t inhibitor_count;
};
/* TW_EAGAIN: there is no desk yet; errors of reading. Pairs with _fini either way. */
int tw_alert_scene_init(struct tw_alert_scene *self, struct tw_call *call);
void tw_alert_scene_fini(struct tw_alert_scene *self);

/* An alert as it is seen there. Flags are those of open ones. */
struct tw_alert_seen {
    const struct tw_alert_view *view;
    struct tw_labels labels;
    bool is_firing;
    bool is_silenced;
    bool is_inhibited;
    bool is_muted;
    bool is_quiet; /* any of these, acknowledged, or in maintenance: count it, do not ring */
};
int tw_alert_see(const struct tw_alert_scene *self, const struct tw_alert_view *view,
                 struct tw_alert_seen *ret_seen);
/* It always fires, which is no news. */
bool tw_alert_is_watchdog(const struct tw_alert_view *view);
/* All of them, in the arena of the call. */
int tw_alert_see_all(const struct tw_alert_scene *self, const struct tw_alert_view *views,
                     size_t count, struct tw_alert_seen **ret_seen);
/* The ids of its silences; the names of times that mute all its routes; both empty when it is not
 * open. */
json_t *tw_alert_silenced_by(const struct tw_alert_scene *self, const struct tw_alert_seen *seen);
json_t *tw_alert_muted_by(const struct tw_alert_scene *self, const struct tw_alert_seen *seen);
/* How many open alerts it hides. */
uint64_t tw_alert_inhibits(const struct tw_alert_scene *self, uint64_t fingerprint);
/* The rule that it is of, in force; NULL. */
const struct tw_rule *tw_alert_rule(const struct tw_alert_scene *self,
                                    const struct tw_alert_view *view);
/* One alert as GET /alerts has it. */
json_t *tw_alert_json(const struct tw_alert_scene *self, const struct tw_alert_seen *seen);
/* {"name": "value"} */
json_t *tw_labels_out(const struct tw_labels *labels);
/* The path of the picture of a rule, for the alert with these labels; null where there is none. */
json_t *tw_alert_plot(const struct tw_rule *rule, const struct tw_labels *labels);

/* "a/b" as part of a path or of a query. Sticky errors of the buffer. */
void tw_url_part(struct tw_buf *url, struct tw_str text);

#endif
