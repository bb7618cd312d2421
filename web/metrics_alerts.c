/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/metrics_alerts.h"

#include "alert/rules.h"
#include "core/trouble.h"
#include "store/alert_sums.h"
#include "web/api_failures.h"

static void write_open(struct tw_metrics *m, const struct tw_alert_sums *sums)
{
    tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_alerts",
                      "Alerts that are pending or firing, by state and severity");
    for (unsigned severity = 0; severity < TW_ALERT_SUM_SEVERITIES; severity++) {
        const char *name = severity == TW_ALERT_ROW_NO_SEVERITY
                               ? "none"
                               : tw_severity_name((enum tw_severity)severity);
        struct tw_metric_label labels[] = {{"state", TW_STR_LIT("pending")},
                                           {"severity", tw_str_of(name)}};
        tw_metrics_count(m, labels, 2, sums->pending[severity]);
        labels[0].value = TW_STR_LIT("firing");
        tw_metrics_count(m, labels, 2, sums->firing[severity]);
    }
}

static void write_judging(struct tw_metrics *m, const struct tw_alerts_place *place)
{
    tw_metrics_family(m, TW_METRIC_COUNTER, "tillwatch_rule_evaluations",
                      "Alert rules that were judged, each once for a bucket of 10 s");
    tw_metrics_count(m, NULL, 0, place->evaluations);
    tw_metrics_family(m, TW_METRIC_COUNTER, "tillwatch_rule_evaluation_seconds",
                      "Time that judging alert rules took");
    tw_metrics_real(m, NULL, 0, (double)place->evaluation_us / 1e6);
    tw_metrics_family(m, TW_METRIC_COUNTER, "tillwatch_alerts_refused",
                      "Alerts that were not opened since alerts.max were open");
    tw_metrics_count(m, NULL, 0, place->refused);
    if (place->judged_s > 0) {
        tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_rules_judged_timestamp_seconds",
                          "The bucket of series that alert rules judged last");
        tw_metrics_count(m, NULL, 0, (uint64_t)place->judged_s);
    }
}

static void write_notices(struct tw_metrics *m, const struct tw_notice_sum *sums, size_t count)
{
    tw_metrics_family(m, TW_METRIC_COUNTER, "tillwatch_notifications",
                      "Notices that were sent, or given up, by integration");
    for (size_t i = 0; i < count; i++) {
        struct tw_metric_label labels[] = {{"integration", sums[i].integration},
                                           {"outcome", TW_STR_LIT("sent")}};
        tw_metrics_count(m, labels, 2, sums[i].sent);
        labels[1].value = TW_STR_LIT("failed");
        tw_metrics_count(m, labels, 2, sums[i].given_up);
    }
    tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_notifications_waiting",
                      "Notices that are to be sent, by integration");
    for (size_t i = 0; i < count; i++) {
        const struct tw_metric_label label = {"integration", sums[i].integration};
        tw_metrics_count(m, &label, 1, sums[i].waiting);
    }
}

void tw_metrics_alerts(struct tw_call *call, struct tw_metrics *m)
{
    struct tw_desk_reader *desk = NULL;
    struct tw_alert_sums sums;
    const struct tw_notice_sum *notices = NULL;
    size_t count = 0;
    int rc = tw_api_desk(call, &desk);
    rc = rc == TW_OK ? tw_desk_alert_sums(desk, &sums) : rc;
    if (rc == TW_OK) {
        write_open(m, &sums);
        write_judging(m, &sums.place);
        rc = tw_desk_notice_sums(desk, call->arena, &notices, &count);
    }
    if (rc == TW_OK) {
        write_notices(m, notices, count);
    }
    call->diag.text[0] = '\0'; /* it is no error of this call */
}

static uint64_t sum_of(const uint64_t counts[TW_ALERT_SUM_SEVERITIES])
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < TW_ALERT_ROW_NO_SEVERITY; i++) { /* without the watchdog */
        sum += counts[i];
    }
    return sum;
}

/* Why a thread cannot work; null: it can, or it is none of this process. */
static json_t *trouble_json(enum tw_trouble who)
{
    struct tw_diag why;
    return tw_trouble_get(who, &why) ? json_string(why.text) : json_null();
}

json_t *tw_alerts_status_json(struct tw_call *call)
{
    struct tw_desk_reader *desk = NULL;
    struct tw_alert_sums sums = {0};
    json_t *json = json_object();
    int rc = tw_api_desk(call, &desk);
    rc = rc == TW_OK ? tw_desk_alert_sums(desk, &sums) : rc;
    const char *why = call->diag.text[0] != '\0' ? call->diag.text : tw_err_text(rc);
    const tw_wall_t judged = {(sums.place.judged_s + 10) * TW_NS_PER_S}; /* its end */
    bool is_known = rc == TW_OK && sums.place.judged_s > 0;
    int64_t age_ns = call->now.ns - judged.ns;
    tw_out_set(json, "judged", is_known ? tw_out_time(judged) : json_null());
    tw_out_set(json, "judged_age_seconds",
               is_known ? tw_out_seconds(age_ns < 0 ? 0 : age_ns) : json_null());
    tw_out_set(json, "firing", rc == TW_OK ? tw_out_count(sum_of(sums.firing)) : json_null());
    tw_out_set(json, "pending", rc == TW_OK ? tw_out_count(sum_of(sums.pending)) : json_null());
    tw_out_set(json, "refused", rc == TW_OK ? tw_out_count(sums.place.refused) : json_null());
    tw_out_set(json, "error", rc == TW_OK ? json_null() : json_string(why));
    tw_out_set(json, "not_judged", trouble_json(TW_TROUBLE_ALERT));
    tw_out_set(json, "not_told", trouble_json(TW_TROUBLE_NOTIFY));
    call->diag.text[0] = '\0'; /* it is no error of this call */
    return json;
}
