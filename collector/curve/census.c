/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "curve/census.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "core/log.h"

#define PATH_BYTES 4096

static json_t *refused_json(const struct tw_zap_state *state)
{
    json_t *object = json_object();
    for (int i = 0; i < TW_ZAP_REFUSALS; i++) {
        /* no memory: the whole is NULL in the end */
        (void)json_object_set_new(object, tw_zap_refusal_name((enum tw_zap_refusal)i),
                                  json_integer((json_int_t)state->refused[i]));
    }
    return object;
}

static json_t *last_json(const struct tw_zap_state *state)
{
    if (state->last_at.ns == 0) {
        return json_null();
    }
    return json_pack("{s:I, s:s, s:s, s:s}", "at", (json_int_t)state->last_at.ns, "reason",
                     tw_zap_refusal_name(state->last_reason), "address", state->last_address,
                     "client", state->last_client);
}

static json_t *clients_json(const struct tw_zap_state *state)
{
    json_t *array = json_array();
    for (size_t i = 0; i < state->client_count; i++) {
        const struct tw_zap_client *client = &state->clients[i];
        (void)json_array_append_new(
            array, json_pack("{s:s, s:b, s:I, s:I, s:s}", "name", client->name, "is_allowed",
                             client->is_allowed, "admitted", (json_int_t)client->admitted, "last",
                             (json_int_t)client->last.ns, "address", client->address));
    }
    return array;
}

/* A socket for alerts that is not bound: there is a door for each that there may be. */
static bool is_idle(const struct tw_zap_state *state)
{
    return state->kind == TW_ZAP_ALERTS && state->admitted == 0 && state->last_at.ns == 0 &&
           strcmp(state->door, "alerts") != 0;
}

static json_t *door_json(const struct tw_zap_state *state)
{
    static const char *const kinds[] = {
        [TW_ZAP_TAP] = "tap", [TW_ZAP_AGENTS] = "agents", [TW_ZAP_ALERTS] = "alerts"};
    return json_pack("{s:s, s:s, s:I, s:I, s:o, s:o, s:o}", "name", state->door, "kind",
                     kinds[state->kind], "allowed", (json_int_t)state->allowed, "admitted",
                     (json_int_t)state->admitted, "refused", refused_json(state), "last_refused",
                     last_json(state), "clients", clients_json(state));
}

/* As JSON, owned; NULL: no memory. "": no socket has keys. */
static char *text_of(const struct tw_census *self)
{
    struct tw_zap_state *states = NULL;
    size_t count = 0;
    json_t *doors = json_array();
    int rc = doors == NULL ? TW_ENOMEM : tw_zap_states(&states, &count);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        if (!is_idle(&states[i]) && json_array_append_new(doors, door_json(&states[i])) != 0) {
            rc = TW_ENOMEM;
        }
    }
    tw_zap_states_free(&states, count);
    json_t *whole = rc == TW_OK ? json_pack("{s:i, s:I, s:O}", "version", 1, "since",
                                            (json_int_t)self->since.ns, "doors", doors)
                                : NULL;
    char *text = NULL;
    if (whole != NULL) {
        text = count == 0 ? strdup("") : json_dumps(whole, JSON_COMPACT);
    }
    json_decref(whole);
    json_decref(doors);
    return text;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        text += n;
        len -= (size_t)n;
    }
    return true;
}

/* Whole or not at all; not synced, for a start writes it anew. */
static int put(const char *dir, const char *text, struct tw_diag *diag)
{
    char path[PATH_BYTES];
    char draft[PATH_BYTES + 4];
    char reason[128];
    int len = snprintf(path, sizeof path, "%s/%s", dir, TW_CENSUS_NAME);
    if (len < 0 || (size_t)len >= sizeof path) {
        return tw_diag_set(diag, TW_ELIMIT, "%s: the path is too long", dir);
    }
    if (text[0] == '\0') {
        (void)unlink(path); /* what a former configuration left; mostly there is none */
        return TW_OK;
    }
    (void)snprintf(draft, sizeof draft, "%s.new", path);
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_written = fd >= 0 && write_all(fd, text, strlen(text));
    int errnum = errno;
    if (fd >= 0 && close(fd) != 0 && is_written) {
        is_written = false;
        errnum = errno;
    }
    if (is_written && rename(draft, path) == 0) {
        return TW_OK;
    }
    errnum = is_written ? errno : errnum;
    (void)unlink(draft); /* half of it is of no use */
    return tw_diag_set(diag, TW_EIO, "%s: %s", path, tw_errno_text(errnum, reason, sizeof reason));
}

void tw_census_look(struct tw_census *self, const char *dir, tw_mono_t now)
{
    uint64_t changes = tw_zap_changes();
    if (self->is_written &&
        (changes == self->changes || now.ns - self->looked.ns < TW_CENSUS_EVERY_NS)) {
        return;
    }
    struct tw_diag diag = {.text = ""};
    char *text = text_of(self);
    int rc = text == NULL ? TW_ENOMEM : put(dir, text, &diag);
    free(text);
    self->looked = now;
    self->changes = changes;
    self->is_written = true;
    if (rc != TW_OK && !self->has_failed) {
        tw_log(TW_LOG_STORE_FAILED_EVENT, TW_F_CSTR("file", TW_CENSUS_NAME),
               TW_F_CSTR("reason", diag.text[0] != '\0' ? diag.text : tw_err_text(rc)));
    }
    self->has_failed = rc != TW_OK;
}
