/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "replay/roster.h"

#include <stdlib.h>

#include <jansson.h>

#include "core/err.h"

/* As JSON, owned; NULL: out of memory. */
static char *systems_of(const struct tw_agent *agent)
{
    json_t *array = json_array();
    int failed = array == NULL ? -1 : 0;
    for (size_t i = 0; i < agent->system_count && failed == 0; i++) {
        failed = json_array_append_new(array, json_string(agent->systems[i]));
    }
    char *text = failed == 0 ? json_dumps(array, JSON_COMPACT) : NULL;
    json_decref(array);
    return text;
}

static int put(struct tw_outbox *outbox, const struct tw_agent *agent, struct tw_diag *diag)
{
    char *systems = systems_of(agent);
    if (systems == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    const struct tw_outbox_agent row = {
        .name = tw_str_of(agent->name),
        .systems = tw_str_of(systems),
        .capacity = agent->capacity,
        .is_online = agent->is_online,
        .since = agent->since,
        .heard = agent->heard_at,
        .address = agent->address[0] == '\0' ? TW_STR_NULL : tw_str_of(agent->address),
        .hellos = agent->hellos,
        .malformed = agent->malformed,
    };
    int rc = tw_outbox_put_agent(outbox, &row, diag);
    free(systems);
    return rc;
}

int tw_roster_write(struct tw_roster *self, struct tw_agents *agents, struct tw_outbox *outbox,
                    tw_mono_t now, tw_wall_t wall, struct tw_diag *diag)
{
    const struct tw_agent *agent = NULL;
    bool is_due = now.ns - self->written.ns >= TW_ROSTER_HEARD_S * TW_NS_PER_S;
    bool is_news = !self->has_begun;
    bool has_to_write = is_news;
    for (size_t i = 0; (agent = tw_agents_at(agents, i)) != NULL; i++) {
        is_news = is_news || agent->is_news;
        has_to_write = has_to_write || agent->is_news || (is_due && agent->is_online);
    }
    if (!has_to_write) {
        return TW_OK;
    }
    int rc = tw_outbox_begin(outbox, diag);
    if (rc == TW_OK && !self->has_begun) {
        rc = tw_outbox_nobody_is_online(outbox, wall, diag);
    }
    for (size_t i = 0; rc == TW_OK && (agent = tw_agents_at(agents, i)) != NULL; i++) {
        if (agent->is_news || (is_due && agent->is_online)) {
            rc = put(outbox, agent, diag);
        }
    }
    if (rc == TW_OK) {
        rc = is_news ? tw_outbox_commit(outbox, diag) : tw_outbox_commit_quietly(outbox, diag);
    }
    if (rc != TW_OK) {
        tw_outbox_abandon(outbox);
        return rc;
    }
    struct tw_agent *told = NULL;
    for (size_t i = 0; (told = tw_agents_at(agents, i)) != NULL; i++) {
        told->is_news = false;
        told->hellos = 0;
        told->malformed = 0;
    }
    self->has_begun = true;
    self->written = is_due ? now : self->written;
    return TW_OK;
}
