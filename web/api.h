/* SPDX-License-Identifier: Apache-2.0
 * Every handler of the route table, and what the resources share. docs/reference/api.md tells what
 * each call answers. Thread: any web thread, for the time of a call.
 */
#ifndef TW_WEB_API_H
#define TW_WEB_API_H

#include "store/journey.h"
#include "store/tracks.h"
#include "web/call.h"
#include "web/panel/rule.h"
#include "web/plot/layout.h"

tw_handler tw_api_search;
tw_handler tw_api_journeys;
tw_handler tw_api_journey;
tw_handler tw_api_event;
tw_handler tw_api_events;
tw_handler tw_api_quarantine;
tw_handler tw_api_quarantine_entry;
tw_handler tw_api_quarantine_retry;
tw_handler tw_api_request;
tw_handler tw_api_failures;
tw_handler tw_api_failure;
tw_handler tw_api_failure_act;
tw_handler tw_api_replays;
tw_handler tw_api_replay;
tw_handler tw_api_replay_act;
tw_handler tw_api_replay_plan;
tw_handler tw_api_replay_plan_items;
tw_handler tw_api_replay_start;
tw_handler tw_api_agents;
tw_handler tw_api_audit;
tw_handler tw_api_alerts;
tw_handler tw_api_alert_groups;
tw_handler tw_api_alert;
tw_handler tw_api_alert_ack;
tw_handler tw_api_alerts_ack;
tw_handler tw_api_silences;
tw_handler tw_api_silence;
tw_handler tw_api_silence_post;
tw_handler tw_api_silence_preview;
tw_handler tw_api_silence_delete;
tw_handler tw_api_rules;
tw_handler tw_api_rule;
tw_handler tw_api_rule_test;
tw_handler tw_api_receivers;
tw_handler tw_api_receiver_test;
tw_handler tw_api_notifications;
tw_handler tw_api_notification;
tw_handler tw_api_heartbeats;
tw_handler tw_api_heartbeat;
tw_handler tw_am_status;
tw_handler tw_am_receivers;
tw_handler tw_am_alerts;
tw_handler tw_am_alerts_post;
tw_handler tw_am_groups;
tw_handler tw_am_silences;
tw_handler tw_am_silence;
tw_handler tw_am_silence_post;
tw_handler tw_am_silence_delete;
tw_handler tw_am_healthy;
tw_handler tw_am_ready;
tw_handler tw_am_reload;
tw_handler tw_api_causes;
tw_handler tw_api_causes_put;
tw_handler tw_api_causes_test;
tw_handler tw_api_runs;
tw_handler tw_api_series;
tw_handler tw_api_panel_series;
tw_handler tw_api_plot;
tw_handler tw_api_dashboards;
tw_handler tw_api_dashboard;
tw_handler tw_api_workflows;
tw_handler tw_api_workflow;
tw_handler tw_api_objectives;
tw_handler tw_api_objective;
tw_handler tw_api_overview;
tw_handler tw_api_stores;
tw_handler tw_api_store;
tw_handler tw_api_taps;
tw_handler tw_api_status;
tw_handler tw_api_stream;
tw_handler tw_api_healthz;
tw_handler tw_api_readyz;
tw_handler tw_api_metrics;
tw_handler tw_api_session;
tw_handler tw_api_session_post;
tw_handler tw_api_session_delete;
tw_handler tw_api_session_password;
tw_handler tw_api_sessions;
tw_handler tw_api_sessions_delete;
tw_handler tw_page_sign_in;
tw_handler tw_page_index;
tw_handler tw_page_file;
tw_handler tw_page_favicon;
tw_handler tw_page_runbook;

/* "type:scope/id" of an object as JSON text. */
json_t *tw_api_journey_id(struct tw_call *call, const struct tw_object *object);
/* {"storeid": "0042"} of an object's scope; {} when unscoped. */
json_t *tw_api_scope(const struct tw_object_type *type, const struct tw_object *object);

/* Parse (owned). TW_EDAMAGED for what is no JSON, TW_ENOMEM (where the library can tell). */
int tw_api_parse(struct tw_str text, json_t **ret_json);
/* A document that tracking committed, parsed (owned); NULL when there is none. TW_EDAMAGED when it
 * is no JSON object. */
int tw_api_live(struct tw_call *call, const char *prefix, const char *name, json_t **ret_json);
/* The collector's overview, a reference to what must not be changed; NULL as above. */
int tw_api_live_overview(struct tw_call *call, json_t **ret_json);
/* target[key] = source[key] for each of the keys (NULL ends them); null where source (may be NULL)
 * has none. */
void tw_api_copy(json_t *target, const json_t *source, const char *const *keys);
/* A definition that runs were or are under, parsed from the store's text (a reference); NULL when
 * it is not kept or cannot be read any more. TW_ENOMEM, TW_ETIMEOUT. */
int tw_api_definition(struct tw_call *call, struct tw_arena *arena, const char *name,
                      uint64_t version, const struct tw_workflows **ret_set);
/* One row of GET /runs. */
json_t *tw_api_run_row(struct tw_call *call, const struct tw_run_row *row);
/* The body of GET /status (owned), of a status that was read just now. */
int tw_api_status_json(struct tw_call *call, const struct tw_store_status *status,
                       json_t **ret_json);
/* A source, as GET /taps has it. `clocks`: of the document "stores", ordered by source. */
json_t *tw_api_source(struct tw_call *call, const struct tw_source_state *source,
                      const json_t *clocks);
/* How far its clock is behind, as tracking has measured it (negative: ahead); null: right, or not
 * known. */
json_t *tw_api_source_clock(const json_t *clocks, uint32_t source);
/* A version of a definition, as 16 digits. */
json_t *tw_api_version(uint64_t version);
/* A workflow's objective of this name, NULL when the set has none. */
const struct tw_wf_objective *tw_api_find_objective(const struct tw_workflows *set,
                                                    struct tw_str name,
                                                    const struct tw_workflow **ret_workflow);
/* The words that a parameter may have, for an error: "a, b, c". What does not fit is left out. */
struct tw_api_words {
    char text[380];
    size_t used;
};
void tw_api_add_word(struct tw_api_words *self, const char *word);
/* The parameter `cause`, in `cause`; NULL: none was given. TW_EINVAL with a diag. */
int tw_api_cause(struct tw_call *call, enum tw_cause *cause, const enum tw_cause **ret_cause);

struct tw_event_views;
/* The runs of a journey that was read with these limits, as an array (owned): workflow, object,
 * state; with_steps: everything. *ret_partial: linked objects were left out. Errors as those of
 * reading; nothing is written then. */
int tw_api_journey_runs(struct tw_call *call, struct tw_event_views *views,
                        const struct tw_journey_limits *limits, bool with_steps, json_t **ret_runs,
                        bool *ret_partial);

/* A picture that is asked for: a panel, its parameters, time and looks. Finish it in every case. */
struct tw_api_plot {
    struct tw_plot_ask ask;
    const struct tw_rule *rule; /* of the panel rule.NAME; NULL: it is another one */
    struct tw_rule_panel rule_panel;
    struct tw_label by_items[TW_RULE_BY_MAX];
    struct tw_labels by; /* of one alert; empty: of all */
    struct tw_plot_zone zone;
    struct tw_plot_look look;
    int64_t quantum_s; /* times are rounded down to this, so that viewers share pictures */
};
/* From the query: those of panels, since, until, width, height, tz, theme. `id`: "dashboard.panel",
 * "rule.NAME". TW_ENOTFOUND: no such panel; TW_EINVAL with a diag; TW_ECONFIG: it has a fault, in
 * the diag. */
int tw_api_plot_init(struct tw_call *call, struct tw_str id, struct tw_api_plot *self);
void tw_api_plot_fini(struct tw_api_plot *self);
/* Its numbers, in the arena of the call; errors as tw_panel_query. */
int tw_api_plot_query(struct tw_call *call, const struct tw_api_plot *self,
                      struct tw_plot_data *ret_data);
/* When the ticket is done: the picture, 304, or a problem. */
void tw_api_plot_answer(struct tw_plot_ticket *ticket, const struct tw_http_request *request,
                        struct tw_response *response);

/* What an event's own JSON says of it, for lists. Borrowed from `json`, which the caller keeps;
 * absent where the event does not say. */
struct tw_event_view {
    json_t *json; /* owned */
    struct tw_str id;
    struct tw_str source;
    struct tw_str type;
    struct tw_str system;
    struct tw_str outcome; /* "ok" when absent */
    struct tw_str store;
};
/* TW_OK; TW_EDAMAGED when it does not parse (it did when it was accepted). */
int tw_event_view_init(struct tw_event_view *self, const struct tw_record *record);
void tw_event_view_fini(struct tw_event_view *self);
/* An attribute as text; absent when it is not there or no string. */
struct tw_str tw_event_view_attribute(const struct tw_event_view *self, const char *name);
/* The events of a journey, each parsed once for everything that is said of it. Of a large journey
 * only so many are kept: a parsed event takes ten times the memory of its text. */
#define TW_EVENT_VIEWS_KEPT 256
struct tw_event_views {
    const struct tw_journey *journey;
    struct tw_event_view *kept; /* of its first events; in the call's arena */
    bool is_made[TW_EVENT_VIEWS_KEPT];
    struct tw_event_view other; /* the last one that is not kept */
};
/* Borrows the journey. TW_OK, TW_ENOMEM; pairs with _fini either way. */
int tw_event_views_init(struct tw_event_views *self, struct tw_call *call,
                        const struct tw_journey *journey);
void tw_event_views_fini(struct tw_event_views *self);
/* The view of an event of the journey, borrowed until the next call; errors as tw_event_view_init.
 */
int tw_event_views_at(struct tw_event_views *self, size_t index,
                      const struct tw_event_view **ret_view);
/* The same of another record, which may be one of the journey's. */
int tw_event_views_of(struct tw_event_views *self, const struct tw_record *record,
                      const struct tw_event_view **ret_view);
/* Type name -> identifiers, of the record's objects and of the context it carries. */
json_t *tw_event_objects(struct tw_call *call, const struct tw_record *record,
                         const struct tw_event_view *view);
/* One row of a timeline, or of GET /events/{n}. */
json_t *tw_event_row(struct tw_call *call, const struct tw_stored *stored,
                     const struct tw_event_view *view);

#endif
