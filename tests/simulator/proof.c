/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "simulator/proof.h"

#include <stdio.h>
#include <string.h>

#include "simulator/flows.h"

/* Of the event that was replayed, these are its own; everything else describes the business. */
static const char *const own_names[] = {
    "specversion",
    "id",
    "source",
    "type",
    "time",
    "sequence",
    "system",
    "outcome",
    "errorcode",
    "errorclass",
    "errormessage",
    "replayid",
    "attempt",
    "causationid",
    "dataschema",
    "data",
    "datacontenttype",
    "data_base64",
    "recordedtime",
    "expirytime",
};

static const struct {
    const char *cause;
    const char *code;
    const char *message;
} failures[] = {
    {"unavailable", "ERP-503", "posting service does not answer"},
    {"throttled", "429", "too many requests"},
    {"master-data", "M7-021", "article is not maintained in this plant"},
    {"rejected", "R-400", "not accepted as it is"},
};

enum sim_system sim_system_of(const char *name)
{
    unsigned system = 0;
    while (system < SIM_SYSTEM_COUNT && strcmp(sim_system_names[system], name) != 0) {
        system++;
    }
    return (enum sim_system)system;
}

/* Profiles are kept by one of the two; the workflow's step has the name of the first. */
static bool is_said_by(enum sim_system system, enum sim_system destination)
{
    return system == destination || (system == SIM_CDP && destination == SIM_CRM);
}

/* The step of a kind with events of this name; step_count: none. */
static unsigned step_of(const struct sim_types *types, const struct sim_kind_info *kind,
                        const char *name)
{
    unsigned s = 0;
    while (s < kind->step_count && strcmp(types->templates[kind->steps[s].type].name, name) != 0) {
        s++;
    }
    return s;
}

/* The nearest step of the destination behind step `from` of a kind, else before it. */
static unsigned awaited_in(const struct sim_types *types, const struct sim_kind_info *kind,
                           unsigned from, enum sim_system destination)
{
    for (unsigned i = 1; i < kind->step_count; i++) {
        unsigned s = (from + i) % kind->step_count;
        if (is_said_by(types->templates[kind->steps[s].type].system, destination)) {
            return kind->steps[s].type;
        }
    }
    return SIM_TEMPLATES_MAX;
}

unsigned sim_proof_awaited(const struct sim_types *types, const json_t *event,
                           const char *destination, enum sim_system *ret_system)
{
    const char *name = json_string_value(json_object_get(event, "type"));
    enum sim_system system = sim_system_of(destination);
    unsigned t = 0;
    *ret_system = system;
    while (name != NULL && t < types->count && strcmp(types->templates[t].name, name) != 0) {
        t++;
    }
    if (name == NULL || t == types->count || system == SIM_SYSTEM_COUNT) {
        return SIM_TEMPLATES_MAX;
    }
    const struct sim_template *base = &types->templates[types->templates[t].base];
    if (is_said_by(base->system, system)) {
        *ret_system = base->system;
        return base->base;
    }
    for (unsigned k = 0; k < SIM_KIND_COUNT; k++) {
        unsigned from = step_of(types, &sim_kinds[k], base->name);
        unsigned found = from == sim_kinds[k].step_count
                             ? SIM_TEMPLATES_MAX
                             : awaited_in(types, &sim_kinds[k], from, system);
        if (found != SIM_TEMPLATES_MAX) {
            *ret_system = types->templates[found].system;
            return found;
        }
    }
    return SIM_TEMPLATES_MAX;
}

static bool is_own(const char *name)
{
    for (size_t i = 0; i < sizeof own_names / sizeof own_names[0]; i++) {
        if (strcmp(own_names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Not 0 when a member could not be set. */
static int set_text(json_t *event, const char *name, const char *text)
{
    return json_object_set_new(event, name, json_string(text));
}

static int set_failure(json_t *event, const char *cause)
{
    size_t i = 0;
    while (i + 1 < sizeof failures / sizeof failures[0] && strcmp(failures[i].cause, cause) != 0) {
        i++;
    }
    return set_text(event, "outcome", "failed") | set_text(event, "errorclass", cause) |
           set_text(event, "errorcode", failures[i].code) |
           set_text(event, "errormessage", failures[i].message);
}

static int set_head(json_t *event, const struct sim_types *types, const struct sim_proof *proof,
                    struct sim_time_text *clock)
{
    char id[48];
    char source[64];
    char when[SIM_TIME_TEXT_LEN + SIM_SLACK];
    const char *type = proof->type < types->count
                           ? types->templates[proof->type].name
                           : json_string_value(json_object_get(proof->event, "type"));
    (void)snprintf(id, sizeof id, "agent-%016llx%016llx", (unsigned long long)proof->id[0],
                   (unsigned long long)proof->id[1]);
    (void)snprintf(source, sizeof source, "/%.40s/agent",
                   proof->system < SIM_SYSTEM_COUNT ? sim_system_names[proof->system]
                                                    : proof->destination);
    *sim_put_time(clock, when, proof->time_us) = 0;
    return set_text(event, "specversion", "1.0") | set_text(event, "id", id) |
           set_text(event, "source", source) |
           set_text(event, "type", type == NULL ? "com.tillwatch.replayed" : type) |
           set_text(event, "time", when);
}

json_t *sim_proof_make(const struct sim_types *types, const struct sim_proof *proof,
                       struct sim_time_text *clock)
{
    json_t *event = json_object();
    const char *name = NULL;
    json_t *value = NULL;
    int failed = event == NULL || set_head(event, types, proof, clock) != 0;
    /* jansson reads only, but its iteration takes no const object */
    json_t *replayed = (json_t *)(uintptr_t)proof->event;
    json_object_foreach (replayed, name, value) {
        if (!is_own(name) && json_object_set(event, name, value) != 0) {
            failed = 1;
        }
    }
    if (proof->failure != NULL) {
        failed |= set_failure(event, proof->failure) != 0;
    }
    if (proof->replayid != NULL) {
        failed |= set_text(event, "replayid", proof->replayid) != 0;
        failed |=
            json_object_set_new(event, "attempt", json_integer((json_int_t)proof->attempt)) != 0;
    }
    const char *cause = json_string_value(json_object_get(proof->event, "id"));
    failed |= cause != NULL && set_text(event, "causationid", cause) != 0;
    failed |= set_text(event, "datacontenttype", "application/json") != 0;
    failed |= json_object_set_new(event, "data",
                                  json_pack("{s:s}", "destination", proof->destination)) != 0;
    if (failed != 0) {
        json_decref(event);
        return NULL;
    }
    return event;
}
