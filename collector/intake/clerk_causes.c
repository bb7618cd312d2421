/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "intake/clerk_causes.h"

#include <inttypes.h>
#include <stdlib.h>

#include "causes/rules.h"
#include "core/err.h"

#define TEXT_MAX (1024u * 1024u) /* of the file */

/* "" where there is none. */
static void version_text(uint64_t version, char text[20])
{
    text[0] = '\0';
    if (version != 0) {
        (void)snprintf(text, 20, "%016" PRIx64, version); /* always fits */
    }
}

/* The file that these rules were made from is still the one that is there. */
static int check_version(const char *dir, const json_t *wanted)
{
    char now[20];
    char *text = NULL;
    size_t len = 0;
    int rc = tw_causes_read(dir, &text, &len);
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    version_text(tw_causes_version((struct tw_str){text, len}), now);
    free(text);
    const char *given = json_is_null(wanted) ? "" : json_string_value(wanted);
    if (given == NULL) {
        return TW_EINVAL;
    }
    return strcmp(given, now) == 0 ? TW_OK : TW_EEXISTS;
}

/* Faults go into the result, one a line of `faults`. */
static int check_rules(struct tw_str text, json_t *result, uint64_t *ret_count)
{
    const struct tw_causes *set = NULL;
    char *faults = NULL;
    size_t len = 0;
    FILE *report = open_memstream(&faults, &len);
    if (report == NULL) {
        return TW_ENOMEM;
    }
    int rc = tw_causes_parse(TW_CAUSES_FILE, text, TW_CAUSES_OPERATORS, report, &set);
    int closed = fclose(report);
    if (rc == TW_OK) {
        *ret_count = set->count;
    } else if (rc == TW_ECONFIG && closed == 0) {
        (void)json_object_set_new(result, "faults", json_string(faults)); /* the error is told */
    }
    tw_causes_unref(&set);
    free(faults);
    return rc;
}

static int carry_out(const char *dir, const json_t *body, json_t *result, struct tw_diag *diag)
{
    struct tw_buf text;
    uint64_t count = 0;
    char version[20];
    tw_buf_init(&text, TEXT_MAX);
    int rc = check_version(dir, json_object_get(body, "version"));
    if (rc == TW_EEXISTS) {
        (void)tw_diag_set(diag, rc, "the rules were changed by somebody else since");
    }
    rc = rc == TW_OK ? tw_causes_write(json_object_get(body, "rules"), &text) : rc;
    if (rc == TW_OK) {
        rc = check_rules((struct tw_str){text.data, text.len}, result, &count);
    }
    if (rc == TW_OK) {
        rc = tw_causes_replace(dir, (struct tw_str){text.data, text.len}, diag);
    }
    if (rc == TW_OK) {
        version_text(tw_causes_version((struct tw_str){text.data, text.len}), version);
        (void)json_object_set_new(result, "rules", json_integer((json_int_t)count));
        (void)json_object_set_new(result, "version", json_string(version));
    }
    tw_buf_fini(&text);
    return rc;
}

int tw_clerk_cause_rules(const char *dir, struct tw_str body, json_t **ret_result)
{
    struct tw_diag diag = {""};
    json_t *result = json_object();
    json_t *json = json_loadb(body.ptr, body.len, 0, NULL);
    int rc = result == NULL ? TW_ENOMEM : (json == NULL ? TW_ESYNTAX : TW_OK);
    rc = rc == TW_OK ? carry_out(dir, json, result, &diag) : rc;
    if (rc != TW_OK && result != NULL) {
        const char *why = diag.text[0] != '\0' ? diag.text : tw_err_text(rc);
        (void)json_object_set_new(result, "error", json_string(why)); /* the state tells it too */
    }
    json_decref(json);
    *ret_result = result;
    return rc;
}
