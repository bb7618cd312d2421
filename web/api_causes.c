/* SPDX-License-Identifier: Apache-2.0
 * GET /causes: the rules in force; PUT /causes: the operators' own, handed to the collector. */
#include "config.h"
#include "web/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "causes/rules.h"
#include "store/request.h"
#include "web/causes.h"

#define MAX_REASON 500
#define TEXT_MAX   (1024u * 1024u) /* of the operators' file */

/* ---- what is in force ---- */

static json_t *version_json(uint64_t version)
{
    char text[20];
    (void)snprintf(text, sizeof text, "%016" PRIx64, version); /* always fits */
    return version == 0 ? json_null() : json_string(text);
}

/* The version of the operators' file as it is now. */
static int version_of_file(const struct tw_call *call, uint64_t *ret_version)
{
    char *text = NULL;
    size_t len = 0;
    int rc = tw_causes_read(call->web->cfg->store.dir, &text, &len);
    if (rc == TW_OK || rc == TW_ENOTFOUND) {
        *ret_version = tw_causes_version((struct tw_str){text, len});
        rc = TW_OK;
    }
    free(text);
    return rc;
}

static json_t *rule_json(const struct tw_causes *set, size_t i)
{
    const struct tw_cause_rule *rule = &set->items[i];
    json_t *json = tw_causes_rule_json(rule);
    tw_out_set(json, "origin", json_string(tw_causes_origin_name(rule->origin)));
    tw_out_set(json, "file", json_string(rule->file));
    tw_out_set(json, "line", json_integer(rule->line));
    tw_out_set(json, "matched",
               tw_causes_is_counting(set) ? tw_out_count(tw_causes_counted(set, (int)i))
                                          : json_null());
    return json;
}

static json_t *limits_json(void)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:i, s:i}", "rules", TW_CAUSES_OWN_MAX, "patterns",
                     TW_CAUSES_PATTERNS_MAX, "pattern_bytes", TW_CAUSES_PATTERN_MAX,
                     "label_characters", TW_CAUSES_LABEL_MAX, "message_bytes",
                     TW_CAUSES_MESSAGE_MAX, "reason_bytes", MAX_REASON);
}

int tw_api_causes(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    const struct tw_causes *set = call->causes;
    uint64_t version = 0;
    int rc = tw_call_allow(call, names);
    if (rc == TW_OK) {
        rc = version_of_file(call, &version);
    }
    if (rc != TW_OK) {
        return rc;
    }
    json_t *items = json_array();
    json_t *words = json_array();
    for (size_t i = 0; set != NULL && i < set->count; i++) {
        tw_out_add(items, rule_json(set, i));
    }
    for (int i = TW_CAUSE_NONE + 1; i < TW_CAUSE_COUNT; i++) {
        if (i != TW_CAUSE_MISSING) {
            tw_out_add(words, json_string(tw_cause_name((enum tw_cause)i)));
        }
    }
    size_t count = json_array_size(items);
    json_t *json = tw_call_list(call, items, TW_STR_NULL, (int64_t)count);
    tw_out_set(json, "operators", tw_out_count(set == NULL ? 0 : set->operator_count));
    tw_out_set(json, "version", version_json(set == NULL ? 0 : set->version));
    tw_out_set(json, "file_version", version_json(version));
    tw_out_set(json, "causes", words);
    tw_out_set(json, "limits", limits_json());
    return tw_response_json(&call->response, 200, json);
}

/* ---- bodies ---- */

json_t *tw_causes_body(struct tw_call *call, int *ret_rc)
{
    json_error_t error;
    struct tw_str text = call->request->body;
    json_t *body =
        text.len == 0 ? NULL : json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    *ret_rc = TW_OK;
    if (!json_is_object(body)) {
        *ret_rc = tw_call_problem(call, TW_WEB_PROBLEM_BODY, "the body is no object of JSON");
        json_decref(body);
        return NULL;
    }
    if (!json_is_array(json_object_get(body, "rules"))) {
        *ret_rc = tw_call_problem(call, TW_WEB_PROBLEM_BODY, "'rules' is an array of rules");
        json_decref(body);
        return NULL;
    }
    return body;
}

/* "causes.yaml:4: rules.label: ..." a line becomes "rule 1: label: ...; ". */
static void refuse_rules(struct tw_call *call, char *faults)
{
    struct tw_buf text;
    char *rest = NULL;
    tw_buf_init(&text, 4096);
    for (char *line = strtok_r(faults, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        char number[24];
        const char *at = strchr(line, ':');
        char *what = NULL;
        long where = at == NULL ? 0 : strtol(at + 1, &what, 10);
        int rule = where > 0 && where < 1000000 ? tw_causes_rule_of_line((int)where) : -1;
        int len = snprintf(number, sizeof number,
                           rule < 0 ? "%s" : "%srule %d: ", text.len == 0 ? "" : "; ", rule + 1);
        what = what == NULL ? line : what + strspn(what, ": ");
        (void)tw_buf_append(&text, number, (size_t)len); /* what does not fit is left out */
        (void)tw_buf_append_str(&text, tw_str_of(what)); /* likewise */
    }
    (void)tw_call_problem(call, TW_WEB_PROBLEM_RULES, "%.*s", (int)text.len,
                          text.data == NULL ? "" : text.data);
    tw_buf_fini(&text);
}

int tw_causes_of_body(struct tw_call *call, const json_t *body, const struct tw_causes **ret_set)
{
    const struct tw_causes *set = NULL;
    struct tw_buf text;
    char *faults = NULL;
    size_t len = 0;
    tw_buf_init(&text, TEXT_MAX);
    FILE *report = open_memstream(&faults, &len);
    int rc = report == NULL ? TW_ENOMEM : tw_causes_write(json_object_get(body, "rules"), &text);
    if (rc == TW_OK) {
        rc = tw_causes_parse(TW_CAUSES_FILE, (struct tw_str){text.data, text.len},
                             TW_CAUSES_OPERATORS, report, &set);
    }
    int closed = report == NULL ? 0 : fclose(report);
    if (rc == TW_ECONFIG && closed == 0) {
        refuse_rules(call, faults);
        rc = TW_OK;
    } else if (rc == TW_EINVAL || rc == TW_ELIMIT) {
        rc =
            tw_call_problem(call, TW_WEB_PROBLEM_RULES, "more than %d rules, or more than %u bytes",
                            TW_CAUSES_OWN_MAX, TEXT_MAX);
    }
    tw_buf_fini(&text);
    free(faults);
    *ret_set = set;
    return rc;
}

/* ---- putting others in force ---- */

/* Shape of the body, apart from the rules. NULL: it is right. */
static const char *fault_of_put(const json_t *body)
{
    const json_t *version = json_object_get(body, "version");
    const json_t *reason = json_object_get(body, "reason");
    if (json_object_size(body) != 3 || version == NULL || reason == NULL) {
        return "the body is an object with rules, version and reason";
    }
    if (!json_is_null(version) && !json_is_string(version)) {
        return "'version' is that of GET /causes, or null";
    }
    if (json_string_length(reason) < 1 || json_string_length(reason) > MAX_REASON) {
        return "'reason' is a text of 1 to 500 bytes, which is kept";
    }
    return NULL;
}

static bool is_version(const json_t *given, uint64_t version)
{
    char text[20];
    (void)snprintf(text, sizeof text, "%016" PRIx64, version); /* always fits */
    return json_is_null(given) ? version == 0
                               : version != 0 && strcmp(json_string_value(given), text) == 0;
}

static int add_request(struct tw_call *call, const json_t *body)
{
    uint64_t id = 0;
    char location[64];
    char *text = json_dumps(body, JSON_COMPACT);
    if (text == NULL) {
        return TW_ENOMEM;
    }
    int rc = tw_request_add(call->web->cfg->store.dir, TW_STR_LIT("cause-rules"), tw_str_of(text),
                            call->principal->name, call->now, &id, &call->diag);
    free(text);
    if (rc == TW_EPERM || rc == TW_EIO) { /* the store's files, not the one who asks */
        return tw_call_problem(call, TW_WEB_PROBLEM_UNAVAILABLE, "%s", call->diag.text);
    }
    if (rc != TW_OK) {
        return rc;
    }
    (void)snprintf(location, sizeof location, "/api/v1/requests/%" PRIu64, id);
    rc = tw_response_header(&call->response, "Location", location);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *json = json_object();
    tw_out_set(json, "request", tw_out_count(id));
    tw_out_set(json, "state", json_string("waiting"));
    return tw_response_json(&call->response, 202, json);
}

static int put(struct tw_call *call, const json_t *body)
{
    const struct tw_causes *set = NULL;
    uint64_t version = 0;
    const char *fault = fault_of_put(body);
    if (fault != NULL) {
        return tw_call_problem(call, TW_WEB_PROBLEM_BODY, "%s", fault);
    }
    int rc = version_of_file(call, &version);
    if (rc == TW_OK && !is_version(json_object_get(body, "version"), version)) {
        return tw_call_problem(call, TW_WEB_PROBLEM_CHANGED,
                               "the rules were changed by somebody else since; load them again");
    }
    rc = rc == TW_OK ? tw_causes_of_body(call, body, &set) : rc;
    if (rc == TW_OK && set != NULL) {
        rc = add_request(call, body);
    }
    tw_causes_unref(&set);
    return rc;
}

int tw_api_causes_put(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *body = tw_causes_body(call, &rc);
    if (body == NULL) {
        return rc;
    }
    rc = put(call, body);
    json_decref(body);
    return rc;
}
