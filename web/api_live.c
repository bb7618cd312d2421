/* SPDX-License-Identifier: Apache-2.0
 * What the calls about tracking share: the documents that the collector commits, and words. */
#include "config.h"
#include "web/api.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int tw_api_parse(struct tw_str text, json_t **ret_json)
{
    json_error_t error;
    json_t *json = json_loadb(text.ptr, text.len, 0, &error);
    if (json != NULL) {
        *ret_json = json;
        return TW_OK;
    }
    /* The library says of some lacks of memory that they are such, of some nothing, and takes some
     * for bad text: those are told as damage here. */
    enum json_error_code code = json_error_code(&error);
    return code == json_error_unknown || code == json_error_out_of_memory ? TW_ENOMEM : TW_EDAMAGED;
}

/* The text of a document, absent when there is none. */
static int read_text(struct tw_call *call, const char *key, struct tw_str *ret_text)
{
    *ret_text = TW_STR_NULL;
    int rc = tw_reader_live(call->reader, call->arena, tw_str_of(key), ret_text);
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int parse_text(struct tw_call *call, const char *key, struct tw_str text, json_t **ret_json)
{
    json_t *json = NULL;
    if (tw_api_parse(text, &json) == TW_ENOMEM) {
        return TW_ENOMEM;
    }
    if (!json_is_object(json)) {
        json_decref(json);
        return tw_diag_set(&call->diag, TW_EDAMAGED, "the document '%s' is not readable", key);
    }
    *ret_json = json;
    return TW_OK;
}

int tw_api_live(struct tw_call *call, const char *prefix, const char *name, json_t **ret_json)
{
    char key[256];
    struct tw_str text;
    *ret_json = NULL;
    int len = snprintf(key, sizeof key, "%s%s", prefix, name);
    if (len < 0 || (size_t)len >= sizeof key) {
        return TW_OK; /* no name is that long */
    }
    int rc = read_text(call, key, &text);
    return rc == TW_OK && text.ptr != NULL ? parse_text(call, key, text, ret_json) : rc;
}

int tw_api_live_overview(struct tw_call *call, json_t **ret_json)
{
    struct tw_lease *lease = call->lease;
    struct tw_str text;
    json_t *json = NULL;
    *ret_json = NULL;
    int rc = read_text(call, "overview", &text);
    if (rc != TW_OK || text.ptr == NULL) {
        return rc;
    }
    const struct tw_str known = {lease->overview_text, lease->overview_len};
    if (known.ptr != NULL && tw_str_equal(known, text)) {
        *ret_json = json_incref(lease->overview);
        return TW_OK;
    }
    rc = parse_text(call, "overview", text, &json);
    char *copy = rc == TW_OK ? malloc(text.len + 1) : NULL;
    if (copy == NULL) {
        json_decref(json);
        return rc == TW_OK ? TW_ENOMEM : rc;
    }
    memcpy(copy, text.ptr, text.len);
    json_decref(lease->overview);
    free(lease->overview_text);
    lease->overview_text = copy;
    lease->overview_len = text.len;
    lease->overview = json;
    *ret_json = json_incref(json);
    return TW_OK;
}

void tw_api_copy(json_t *target, const json_t *source, const char *const *keys)
{
    for (size_t i = 0; keys[i] != NULL; i++) {
        json_t *value = json_object_get(source, keys[i]);
        tw_out_set(target, keys[i], value == NULL ? json_null() : json_incref(value));
    }
}

json_t *tw_api_version(uint64_t version)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%016" PRIx64, version); /* always fits */
    return json_string(text);
}

const struct tw_wf_objective *tw_api_find_objective(const struct tw_workflows *set,
                                                    struct tw_str name,
                                                    const struct tw_workflow **ret_workflow)
{
    for (size_t i = 0; i < set->count; i++) {
        for (size_t k = 0; k < set->items[i].objective_count; k++) {
            if (tw_str_is(name, set->items[i].objectives[k].name)) {
                *ret_workflow = &set->items[i];
                return &set->items[i].objectives[k];
            }
        }
    }
    return NULL;
}

void tw_api_add_word(struct tw_api_words *self, const char *word)
{
    size_t len = strlen(word);
    if (self->used + len + 3 > sizeof self->text) {
        return;
    }
    if (self->used > 0) {
        self->text[self->used++] = ',';
        self->text[self->used++] = ' ';
    }
    memcpy(self->text + self->used, word, len + 1);
    self->used += len;
}
