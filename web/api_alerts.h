/* SPDX-License-Identifier: Apache-2.0
 * What the calls about alerts share. Thread: web threads, one call each.
 */
#ifndef TW_WEB_API_ALERTS_H
#define TW_WEB_API_ALERTS_H

#include "web/alert_scene.h"

/* Who asks, for the audit. */
struct tw_alert_command tw_api_alert_command(const struct tw_call *call);
/* What a command ended with, as an answer: TW_EINVAL is the body's fault, TW_ECLOSED its state;
 * what is the desk's file is 503. TW_OK stays. */
int tw_api_command_error(struct tw_call *call, int rc);

/* GET /alerts/{fingerprint}, of the open one, else the latest; `id`: that episode. TW_ENOTFOUND. */
int tw_api_alert_answer(struct tw_call *call, uint64_t fingerprint, uint64_t id, int status);
/* A rule as GET /rules has it; row: what is known of its judging, NULL: nothing. */
json_t *tw_api_rule_json(const struct tw_call *call, const struct tw_rule *rule,
                         const struct tw_rule_row *row);
/* What its alerts are told against; null: not the same for all. */
json_t *tw_api_rule_limit(const struct tw_rule *rule, const struct tw_workflows *workflows,
                          tw_wall_t at);
/* The row of this name; NULL. */
const struct tw_rule_row *tw_api_rule_row(const struct tw_rule_row *rows, size_t count,
                                          const char *name);
/* A notice as GET /notifications has it. */
json_t *tw_api_notice_json(const struct tw_notice_view *view, bool with_data);
/* A silence as GET /silences has it; open: what it may hide (NULL: `hides` is null). */
json_t *tw_api_silence_json(const struct tw_call *call, const struct tw_silence *silence,
                            const struct tw_alert_seen *open, size_t count);

/* The group of an alert on the page; `items` has room for TW_GROUP_LABELS_MAX. */
#define TW_GROUP_LABELS_MAX 5
struct tw_labels tw_api_group_labels(const struct tw_labels *labels, struct tw_label *items);

/* From {"matchers": [...]}: objects {name, value, is_regex, is_equal}, or texts as people write
 * them. TW_EINVAL with a diag. */
struct tw_api_matchers {
    struct tw_matcher_text items[TW_MATCHERS_MAX];
    size_t count;
    struct tw_matchers *matchers; /* owned by the caller */
};
int tw_api_read_matchers(struct tw_call *call, const json_t *list,
                         struct tw_api_matchers *ret_matchers);

#endif
