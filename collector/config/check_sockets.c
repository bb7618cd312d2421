/* SPDX-License-Identifier: Apache-2.0
 * Who reaches the ZeroMQ sockets: key files that are there and safe, and no endpoint beyond this
 * machine without CURVE, unless the configuration says that it is meant so.
 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/parse.h"

#include <stdlib.h>
#include <string.h>

#include "config/url.h"
#include "core/err.h"

/* A section or an entry of a list with sockets. */
struct door {
    const char *key; /* "taps" */
    struct tw_cfg_curve *curve;
    bool is_insecure;
    struct tw_place place;
    /* of its keys, before those of the section `curve` were handed down */
    bool has_key_file;
    bool has_clients;
};

static int copy_text(char **slot, const char *text)
{
    if (*slot == NULL && text != NULL) {
        *slot = strdup(text);
        return *slot == NULL ? TW_ENOMEM : TW_OK;
    }
    return TW_OK;
}

/* Both of them, each where the door has none of its own. */
static int hand_down(const struct tw_cfg_curve *from, struct door *door)
{
    door->has_key_file = door->curve->server_key_file != NULL;
    door->has_clients = door->curve->clients_dir != NULL;
    if (from->server_key_file == NULL || from->clients_dir == NULL) {
        return TW_OK; /* the fault is that of the section */
    }
    int rc = copy_text(&door->curve->server_key_file, from->server_key_file);
    return rc == TW_OK ? copy_text(&door->curve->clients_dir, from->clients_dir) : rc;
}

static void check_keys(struct tw_parse *self, const struct door *door)
{
    const struct tw_cfg_curve *curve = door->curve;
    const char *dot = door->key[0] == '\0' ? "" : ".";
    const struct tw_place *place = &door->place;
    char key[64];
    char shown[TW_SHOWN_SIZE];
    if (curve->server_key_file == NULL && curve->clients_dir == NULL) {
        return;
    }
    if (curve->server_key_file == NULL) {
        tw_faults_add(&self->faults, place->file, place->line,
                      "%s%scurve: server-key-file is missing", door->key, dot);
    } else if (door->has_key_file) {
        (void)snprintf(key, sizeof key, "%s%scurve.server-key-file", door->key, dot);
        tw_check_secret(self, place, key, curve->server_key_file);
    }
    if (curve->clients_dir == NULL) {
        tw_faults_add(&self->faults, place->file, place->line, "%s%scurve: clients is missing",
                      door->key, dot);
    } else if (door->has_clients && !tw_check_is_directory(curve->clients_dir)) {
        tw_faults_add(&self->faults, place->file, place->line,
                      "%s%scurve.clients: %s is no directory", door->key, dot,
                      tw_shown(curve->clients_dir, shown));
    }
}

/* An endpoint that the environment put there is no fault of the file. */
static struct tw_place place_of(const struct tw_parse *self, const struct door *door,
                                const char *endpoint)
{
    static const char *const names[] = {"TILLWATCH_TAP_PULL", "TILLWATCH_TAP_ROUTER",
                                        "TILLWATCH_TAP_SUB", "TILLWATCH_AGENTS",
                                        "TILLWATCH_ALERTS_PUB"};
    for (size_t i = 0; self->has_environment && i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && strcmp(value, endpoint) == 0) {
            return (struct tw_place){.file = "environment"};
        }
    }
    return door->place;
}

static void check_endpoint(struct tw_parse *self, const struct door *door, const char *word,
                           const char *endpoint)
{
    char shown[TW_SHOWN_SIZE];
    bool has_curve = door->curve->server_key_file != NULL || door->curve->clients_dir != NULL;
    if (has_curve || door->is_insecure || door->place.is_faulty || tw_endpoint_is_local(endpoint)) {
        return; /* what is missing of the keys was told */
    }
    const struct tw_place place = place_of(self, door, endpoint);
    tw_faults_add(&self->faults, place.file, place.line,
                  "%s.%s: %s is open to other machines without CURVE: give it keys (`curve`, see "
                  "tillwatch keygen), or set `insecure: true` where nobody else can reach it",
                  door->key, word, tw_shown(endpoint, shown));
}

static void check_list(struct tw_parse *self, const struct door *door, const char *word,
                       const struct tw_cfg_strings *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        check_endpoint(self, door, word, endpoints->items[i]);
    }
}

/* Of a section that is not given: the file as a whole. */
static struct tw_place place_of_section(const struct tw_parse *self, enum tw_cfg_section_id id)
{
    struct tw_place place = self->sections[id];
    if (place.file == NULL) {
        place.file = self->file;
    }
    return place;
}

int tw_check_sockets(struct tw_parse *self)
{
    struct tw_cfg *cfg = self->cfg;
    struct door all = {.key = "",
                       .curve = &cfg->curve,
                       .place = place_of_section(self, TW_CFG_CURVE),
                       .has_key_file = true,
                       .has_clients = true};
    struct door agents = {.key = "agents",
                          .curve = &cfg->agents.curve,
                          .is_insecure = cfg->agents.is_insecure,
                          .place = place_of_section(self, TW_CFG_AGENTS)};
    struct door alerts = {.key = "notify",
                          .curve = &cfg->notify.curve,
                          .is_insecure = cfg->notify.is_insecure,
                          .place = place_of_section(self, TW_CFG_NOTIFY)};
    int rc = hand_down(&cfg->curve, &agents);
    rc = rc == TW_OK ? hand_down(&cfg->curve, &alerts) : rc;
    check_keys(self, &all);
    for (size_t i = 0; rc == TW_OK && i < cfg->tap_count; i++) {
        struct tw_cfg_tap *tap = &cfg->taps[i];
        struct door door = {.key = "taps",
                            .curve = &tap->curve,
                            .is_insecure = tap->is_insecure,
                            .place = self->places[TW_CFG_TAPS][i]};
        rc = hand_down(&cfg->curve, &door);
        check_keys(self, &door);
        check_list(self, &door, "bind", &tap->bind);
        check_list(self, &door, "connect", &tap->connect);
    }
    check_keys(self, &agents);
    check_list(self, &agents, "bind", &cfg->agents.bind);
    check_keys(self, &alerts);
    if (cfg->notify.pub != NULL) {
        check_endpoint(self, &alerts, "pub", cfg->notify.pub);
    }
    return rc;
}
