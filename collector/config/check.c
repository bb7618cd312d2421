/* SPDX-License-Identifier: Apache-2.0
 * What no single value can tell: names used twice, references to nothing, values that contradict
 * each other, files that are missing or that others may read.
 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/parse.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "config/url.h"
#include "core/err.h"

/* A fault at entry `i` of a list. */
#define ITEM_FAULT(self, id, i, ...)                                                               \
    tw_faults_add(&(self)->faults, (self)->places[(id)][(i)].file, (self)->places[(id)][(i)].line, \
                  __VA_ARGS__)

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

/* ---- names that must be unique ---- */

/* The text at `offset` of entry i. */
static const char *item_text(const void *items, size_t item_size, size_t i, size_t offset)
{
    return *(char *const *)(const void *)((const char *)items + i * item_size + offset);
}

static void check_unique(struct tw_parse *self, enum tw_cfg_section_id id, const void *items,
                         size_t count, size_t offset)
{
    const struct tw_cfg_section *section = &tw_cfg_sections[id];
    char shown[TW_SHOWN_SIZE];
    for (size_t i = 1; i < count; i++) {
        const char *name = item_text(items, section->item_size, i, offset);
        for (size_t k = 0; k < i; k++) {
            if (same(name, item_text(items, section->item_size, k, offset))) {
                ITEM_FAULT(self, id, i, "%s: \"%s\" is there twice (first in line %d)",
                           section->name, tw_shown(name, shown), self->places[id][k].line);
                break;
            }
        }
    }
}

/* ---- files ---- */

void tw_check_file(struct tw_parse *self, const struct tw_place *place, const char *key,
                   const char *path)
{
    struct stat st;
    char shown[TW_SHOWN_SIZE];
    (void)tw_shown(path, shown);
    if (stat(path, &st) != 0) {
        tw_faults_add(&self->faults, place->file, place->line, "%s: %s: no such file", key, shown);
    } else if (!S_ISREG(st.st_mode)) {
        tw_faults_add(&self->faults, place->file, place->line, "%s: %s is no regular file", key,
                      shown);
    }
}

void tw_check_secret(struct tw_parse *self, const struct tw_place *place, const char *key,
                     const char *path)
{
    struct stat st;
    char shown[TW_SHOWN_SIZE];
    tw_check_file(self, place, key, path);
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077) != 0) {
        (void)tw_shown(path, shown);
        tw_faults_add(&self->faults, place->file, place->line,
                      "%s: %s may be read by others (mode %04o); chmod 600 %s", key, shown,
                      (unsigned)(st.st_mode & 07777), shown);
    }
}

bool tw_check_is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* ---- taps ---- */

/* An endpoint with a port or path of the system's choice may stand twice. */
static bool is_wild(const char *endpoint)
{
    size_t len = strlen(endpoint);
    return len > 0 && (endpoint[len - 1] == '*' || (len > 2 && same(endpoint + len - 2, ":0")));
}

static bool binds(const struct tw_cfg_tap *tap, const char *endpoint)
{
    for (size_t i = 0; i < tap->bind.count; i++) {
        if (same(tap->bind.items[i], endpoint)) {
            return true;
        }
    }
    return false;
}

static void check_tap(struct tw_parse *self, size_t i)
{
    const struct tw_cfg_tap *tap = &self->cfg->taps[i];
    if (tap->bind.count + tap->connect.count == 0 && !self->places[TW_CFG_TAPS][i].is_faulty) {
        ITEM_FAULT(self, TW_CFG_TAPS, i, "taps: bind or connect is needed");
    }
    if (tap->subscribe.count > 0 && tap->kind != TW_TAP_SUB) {
        ITEM_FAULT(self, TW_CFG_TAPS, i, "taps.subscribe: only a tap of kind sub subscribes");
    }
    for (size_t b = 0; b < tap->bind.count; b++) {
        for (size_t k = 0; k < i; k++) {
            if (!is_wild(tap->bind.items[b]) && binds(&self->cfg->taps[k], tap->bind.items[b])) {
                char shown[TW_SHOWN_SIZE];
                ITEM_FAULT(self, TW_CFG_TAPS, i,
                           "taps.bind: %s is bound by the tap in line %d already",
                           tw_shown(tap->bind.items[b], shown), self->places[TW_CFG_TAPS][k].line);
            }
        }
    }
}

/* ---- objects and effects ---- */

static const struct tw_cfg_object *find_type(const struct tw_cfg *cfg, const char *type)
{
    for (size_t i = 0; i < cfg->object_count; i++) {
        if (same(cfg->objects[i].type, type)) {
            return &cfg->objects[i];
        }
    }
    return NULL;
}

static void check_object(struct tw_parse *self, size_t i)
{
    struct tw_cfg_object *object = &self->cfg->objects[i];
    object->is_indexed = object->is_indexed || object->is_linking;
    for (size_t s = 0; s < object->scope.count; s++) {
        if (same(object->scope.items[s], object->attribute)) {
            ITEM_FAULT(self, TW_CFG_OBJECTS, i, "objects.scope: %s is the identifier itself",
                       object->attribute);
        }
    }
}

/* Effects of the built-in list whose type the file does not have any more do not apply. */
static void drop_builtin_effects(struct tw_parse *self)
{
    struct tw_cfg *cfg = self->cfg;
    size_t kept = 0;
    for (size_t i = 0; i < cfg->effect_count; i++) {
        if (self->places[TW_CFG_EFFECTS][i].is_builtin &&
            find_type(cfg, cfg->effects[i].object) == NULL) {
            tw_cfg_free_fields(&tw_cfg_sections[TW_CFG_EFFECTS], &cfg->effects[i]);
            continue;
        }
        cfg->effects[kept] = cfg->effects[i];
        self->places[TW_CFG_EFFECTS][kept] = self->places[TW_CFG_EFFECTS][i];
        kept++;
    }
    cfg->effect_count = kept;
}

static void check_effect(struct tw_parse *self, size_t i)
{
    const struct tw_cfg_effect *effect = &self->cfg->effects[i];
    const struct tw_cfg_object *object = find_type(self->cfg, effect->object);
    if (effect->object != NULL && object == NULL && !self->is_list_faulty[TW_CFG_OBJECTS]) {
        ITEM_FAULT(self, TW_CFG_EFFECTS, i, "effects.object: there is no object type \"%s\"",
                   effect->object);
    }
}

/* ---- systems ---- */

/* A built-in system gives way to one of the file with its name. */
static void drop_builtin_systems(struct tw_parse *self)
{
    struct tw_cfg *cfg = self->cfg;
    struct tw_place *places = self->places[TW_CFG_SYSTEMS];
    size_t kept = 0;
    for (size_t i = 0; i < cfg->system_count; i++) {
        bool is_replaced = false;
        for (size_t k = i + 1; k < cfg->system_count && places[i].is_builtin; k++) {
            is_replaced = is_replaced || (!places[k].is_builtin &&
                                          same(cfg->systems[k].name, cfg->systems[i].name));
        }
        if (is_replaced) {
            tw_cfg_free_fields(&tw_cfg_sections[TW_CFG_SYSTEMS], &cfg->systems[i]);
            continue;
        }
        cfg->systems[kept] = cfg->systems[i];
        places[kept] = places[i];
        kept++;
    }
    cfg->system_count = kept;
}

/* ---- destinations ---- */

static bool has_system(const struct tw_cfg *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->system_count; i++) {
        if (same(cfg->systems[i].name, name)) {
            return true;
        }
    }
    return false;
}

/* A token of RFC 9110, section 5.6.2. */
static bool is_header_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "!#$%&'*+-.^_`|~";
    return name[0] != '\0' && name[strspn(name, letters)] == '\0';
}

/* Printable ASCII with blanks inside only: nothing that ends the header. */
static bool is_header_value(const char *value)
{
    size_t len = strlen(value);
    for (size_t i = 0; i < len; i++) {
        if (value[i] < 0x20 || value[i] > 0x7e) {
            return false;
        }
    }
    return len > 0 && value[0] != ' ' && value[len - 1] != ' ';
}

static void check_header(struct tw_parse *self, size_t i, const struct tw_cfg_pair *header)
{
    /* What the tower sets itself, what frames a message, and what would carry a secret. */
    static const char *const taken[] = {
        "accept-encoding",
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "host",
        "idempotency-key",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    };
    char shown[TW_SHOWN_SIZE];
    if (!is_header_name(header->from)) {
        ITEM_FAULT(self, TW_CFG_DESTINATIONS, i, "destinations.headers: \"%s\" is no header name",
                   tw_shown(header->from, shown));
        return;
    }
    for (size_t k = 0; k < sizeof(taken) / sizeof(taken[0]); k++) {
        if (strcasecmp(header->from, taken[k]) == 0) {
            ITEM_FAULT(self, TW_CFG_DESTINATIONS, i,
                       "destinations.headers: %s is not for the configuration%s", taken[k],
                       strcmp(taken[k], "authorization") == 0 ? "; use bearer-token-file" : "");
            return;
        }
    }
    if (!is_header_value(header->to)) {
        ITEM_FAULT(self, TW_CFG_DESTINATIONS, i,
                   "destinations.headers: the value of %s must be printable ASCII",
                   tw_shown(header->from, shown));
    } else if (strlen(header->from) + strlen(header->to) > TW_CFG_MAX_HEADER_BYTES) {
        ITEM_FAULT(self, TW_CFG_DESTINATIONS, i, "destinations.headers: %s is longer than %d bytes",
                   tw_shown(header->from, shown), TW_CFG_MAX_HEADER_BYTES);
    }
}

static void check_headers(struct tw_parse *self, size_t i)
{
    const struct tw_cfg_pairs *headers = &self->cfg->destinations[i].headers;
    char shown[TW_SHOWN_SIZE];
    if (headers->count > TW_CFG_MAX_HEADERS) {
        ITEM_FAULT(self, TW_CFG_DESTINATIONS, i, "destinations.headers: more than %d",
                   TW_CFG_MAX_HEADERS);
        return;
    }
    for (size_t k = 0; k < headers->count; k++) {
        check_header(self, i, &headers->items[k]);
        for (size_t e = 0; e < k; e++) {
            if (strcasecmp(headers->items[e].from, headers->items[k].from) == 0) {
                ITEM_FAULT(self, TW_CFG_DESTINATIONS, i,
                           "destinations.headers: \"%s\" is given twice",
                           tw_shown(headers->items[k].from, shown));
            }
        }
    }
}

static void check_destination(struct tw_parse *self, size_t i)
{
    const struct tw_cfg_destination *destination = &self->cfg->destinations[i];
    const struct tw_place *place = &self->places[TW_CFG_DESTINATIONS][i];
    if (destination->ca_file != NULL) {
        tw_check_file(self, place, "destinations.ca-file", destination->ca_file);
    }
    if (destination->bearer_token_file != NULL) {
        tw_check_secret(self, place, "destinations.bearer-token-file",
                        destination->bearer_token_file);
    }
    check_headers(self, i);
    if (destination->name == NULL || destination->url == NULL) {
        return;
    }
    if (!has_system(self->cfg, destination->name) && !self->is_list_faulty[TW_CFG_SYSTEMS]) {
        ITEM_FAULT(self, TW_CFG_DESTINATIONS, i,
                   "destinations.name: there is no system \"%s\"; name it in `systems`",
                   destination->name);
    }
    if (tw_url_is_https(destination->url) || tw_url_is_loopback(destination->url)) {
        return;
    }
    if (!destination->is_insecure) {
        ITEM_FAULT(self, TW_CFG_DESTINATIONS, i,
                   "destinations.url: plain http to another machine; use https, or set "
                   "`insecure: true` where nobody can listen in between");
    } else if (destination->bearer_token_file != NULL) {
        ITEM_FAULT(self, TW_CFG_DESTINATIONS, i,
                   "destinations.bearer-token-file: a token does not go over plain http to another "
                   "machine");
    }
}

/* ---- mappings ---- */

static bool has_attribute(const struct tw_cfg_mapping *mapping, const char *name)
{
    for (size_t i = 0; i < mapping->attribute_count; i++) {
        if (same(mapping->attributes[i].attribute, name)) {
            return true;
        }
    }
    return false;
}

static void check_mapping(struct tw_parse *self, size_t i)
{
    static const char *const needed[] = {"id", "source", "type"};
    const struct tw_cfg_mapping *mapping = &self->cfg->mappings[i];
    const char *name = mapping->name == NULL ? "" : mapping->name;
    if (self->places[TW_CFG_MAPPINGS][i].is_faulty) {
        return;
    }
    if (mapping->topic == NULL && mapping->match_pointer == NULL) {
        ITEM_FAULT(self, TW_CFG_MAPPINGS, i, "mappings: %s needs topic or match", name);
    }
    if (mapping->match_value != NULL && mapping->match_pointer == NULL) {
        ITEM_FAULT(self, TW_CFG_MAPPINGS, i, "mappings.match: %s has a value without a pointer",
                   name);
    }
    for (size_t k = 0; k < 3; k++) {
        if (!has_attribute(mapping, needed[k])) {
            ITEM_FAULT(self, TW_CFG_MAPPINGS, i,
                       "mappings.attributes: %s has no \"%s\"; every event has an id, a source and "
                       "a type",
                       name, needed[k]);
        }
    }
    for (size_t k = 0; k < mapping->attribute_count; k++) {
        if (mapping->attributes[k].is_minor_units && !has_attribute(mapping, "currency")) {
            tw_faults_add(&self->faults, self->places[TW_CFG_MAPPINGS][i].file,
                          mapping->attributes[k].line,
                          "mappings.attributes: amount in minor units needs currency");
        }
    }
}

/* ---- values of the map sections ---- */

static void at_most(struct tw_parse *self, const char *small, int64_t value, const char *large,
                    int64_t limit)
{
    if (value > limit) {
        tw_faults_add(&self->faults, self->file, 0, "%s (%" PRId64 ") is above %s (%" PRId64 ")",
                      small, value, large, limit);
    }
}

/* Where the wider bound alone was changed, the narrower follows: it could never be reached. */
static void follow(int64_t *value, int64_t limit)
{
    *value = *value > limit ? limit : *value;
}

/* One that is not there is told here, and by nobody who would look into it. */
static void check_dirs(struct tw_parse *self, const char *key, struct tw_cfg_strings *dirs)
{
    size_t kept = 0;
    for (size_t i = 0; i < dirs->count; i++) {
        char shown[TW_SHOWN_SIZE];
        if (tw_check_is_directory(dirs->items[i])) {
            dirs->items[kept++] = dirs->items[i];
            continue;
        }
        tw_faults_add(&self->faults, self->file, 0, "%s: %s is no directory", key,
                      tw_shown(dirs->items[i], shown));
        free(dirs->items[i]);
    }
    dirs->count = kept;
}

/* Nobody else listens where agents are to connect. */
static void check_agents(struct tw_parse *self)
{
    const struct tw_cfg_strings *bind = &self->cfg->agents.bind;
    for (size_t i = 0; i < bind->count; i++) {
        for (size_t k = 0; k < self->cfg->tap_count; k++) {
            char shown[TW_SHOWN_SIZE];
            if (!is_wild(bind->items[i]) && binds(&self->cfg->taps[k], bind->items[i])) {
                tw_faults_add(&self->faults, self->file, 0,
                              "agents.bind: %s is bound by a tap already",
                              tw_shown(bind->items[i], shown));
            }
        }
    }
}

static void check_values(struct tw_parse *self)
{
    struct tw_cfg *cfg = self->cfg;
    char shown[TW_SHOWN_SIZE];
    struct stat st;
    at_most(self, "store.stop-free-percent", cfg->store.stop_free_percent,
            "store.warn-free-percent", cfg->store.warn_free_percent);
    at_most(self, "store.commit-events", cfg->store.commit_events, "store.partition-events",
            cfg->store.partition_events);
    at_most(self, "access.session-idle-s", cfg->access.session_idle_s, "access.session-absolute-s",
            cfg->access.session_absolute_s);
    follow(&cfg->store.retain_payload_days, cfg->store.retain_days);
    follow(&cfg->store.retain_quarantine_days, cfg->store.retain_days);
    follow(&cfg->web.max_connections_per_ip, cfg->web.max_connections);
    follow(&cfg->web.max_streams, cfg->web.max_connections);
    if (cfg->store.dir != NULL && stat(cfg->store.dir, &st) == 0 && !S_ISDIR(st.st_mode)) {
        tw_faults_add(&self->faults, self->file, 0, "store.dir: %s is no directory",
                      tw_shown(cfg->store.dir, shown));
    }
    check_dirs(self, "workflows.dirs", &self->cfg->workflows.dirs);
    check_dirs(self, "dashboards.dirs", &self->cfg->dashboards.dirs);
    check_dirs(self, "causes.dirs", &self->cfg->causes.dirs);
    check_dirs(self, "alerts.dirs", &self->cfg->alerts.dirs);
    check_dirs(self, "alerts.runbook-dirs", &self->cfg->alerts.runbook_dirs);
    if (cfg->web.ui_dir != NULL && !tw_check_is_directory(cfg->web.ui_dir)) {
        tw_faults_add(&self->faults, self->file, 0, "web.ui-dir: %s is no directory",
                      tw_shown(cfg->web.ui_dir, shown));
    }
}

void tw_check(struct tw_parse *self)
{
    struct tw_cfg *cfg = self->cfg;
    if (cfg->tap_count == 0 && !self->is_list_faulty[TW_CFG_TAPS]) {
        tw_faults_add(&self->faults, self->file, 0, "taps: at least one is needed");
    }
    check_values(self);
    check_agents(self);
    check_unique(self, TW_CFG_TAPS, cfg->taps, cfg->tap_count, offsetof(struct tw_cfg_tap, name));
    for (size_t i = 0; i < cfg->tap_count; i++) {
        check_tap(self, i);
    }
    self->is_out_of_memory = tw_check_sockets(self) != TW_OK || self->is_out_of_memory;
    check_unique(self, TW_CFG_OBJECTS, cfg->objects, cfg->object_count,
                 offsetof(struct tw_cfg_object, type));
    for (size_t i = 0; i < cfg->object_count; i++) {
        check_object(self, i);
    }
    check_unique(self, TW_CFG_SOURCES, cfg->sources, cfg->source_count,
                 offsetof(struct tw_cfg_source, match));
    drop_builtin_effects(self);
    for (size_t i = 0; i < cfg->effect_count; i++) {
        check_effect(self, i);
    }
    drop_builtin_systems(self);
    check_unique(self, TW_CFG_SYSTEMS, cfg->systems, cfg->system_count,
                 offsetof(struct tw_cfg_system, name));
    check_unique(self, TW_CFG_DESTINATIONS, cfg->destinations, cfg->destination_count,
                 offsetof(struct tw_cfg_destination, name));
    for (size_t i = 0; i < cfg->destination_count; i++) {
        check_destination(self, i);
    }
    check_unique(self, TW_CFG_MAPPINGS, cfg->mappings, cfg->mapping_count,
                 offsetof(struct tw_cfg_mapping, name));
    for (size_t i = 0; i < cfg->mapping_count; i++) {
        check_mapping(self, i);
    }
}
