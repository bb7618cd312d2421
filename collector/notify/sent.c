/* SPDX-License-Identifier: Apache-2.0
 * What a group was told, as its row keeps it: {"reached":2,"acknowledged":true,"alerts":
 * {"<fingerprint>":[<row>,<time it was told first>]}}.
 */
#include "config.h"
#include <stdlib.h>

#include "alert/json_text.h"
#include "notify/group_internal.h"

int tw_sent_write(const struct tw_group *group, struct tw_arena *arena, struct tw_str *ret_json)
{
    json_t *alerts = json_object();
    json_t *root = json_pack("{s:i, s:b, s:O?}", "reached", (int)group->reached, "acknowledged",
                             group->is_ack_told, "alerts", alerts);
    int rc = alerts == NULL || root == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; i < group->sent_count && rc == TW_OK; i++) {
        char hex[TW_FINGERPRINT_HEX_LEN + 1];
        const struct tw_sent *sent = &group->sent[i];
        tw_fingerprint_hex(sent->fingerprint, hex);
        json_t *item = json_pack("[I, I]", (json_int_t)sent->id, (json_int_t)sent->told.ns);
        rc = json_object_set_new(alerts, hex, item) == 0 ? TW_OK : TW_ENOMEM;
    }
    rc = rc == TW_OK ? tw_json_keep(root, 0, TW_JSON_TEXT_MAX, arena, ret_json) : rc;
    json_decref(alerts);
    json_decref(root);
    return rc;
}

static int by_fingerprint(const void *a, const void *b)
{
    uint64_t left = ((const struct tw_sent *)a)->fingerprint;
    uint64_t right = ((const struct tw_sent *)b)->fingerprint;
    return left < right ? -1 : (left > right ? 1 : 0);
}

int tw_sent_read(struct tw_group *group, struct tw_str json)
{
    json_t *root = NULL;
    int read = tw_json_read(json, 0, &root);
    json_t *alerts = json_object_get(root, "alerts");
    json_int_t reached = json_integer_value(json_object_get(root, "reached"));
    int rc = json_is_object(alerts) && reached >= 0 && reached <= TW_NOTIFY_ESCALATIONS_MAX
                 ? TW_OK
                 : TW_ESYNTAX;
    rc = read != TW_OK ? read : rc;
    struct tw_sent *sent = calloc(json_object_size(alerts) + 1, sizeof *sent);
    rc = sent == NULL ? TW_ENOMEM : rc;
    const char *hex = NULL;
    json_t *item = NULL;
    size_t count = 0;
    json_object_foreach (alerts, hex, item) {
        json_t *id = json_array_get(item, 0);
        json_t *told = json_array_get(item, 1);
        if (rc == TW_OK && (!json_is_integer(id) || !json_is_integer(told))) {
            rc = TW_ESYNTAX;
        }
        rc = rc == TW_OK ? tw_fingerprint_read(tw_str_of(hex), &sent[count].fingerprint) : rc;
        if (rc != TW_OK) {
            break;
        }
        sent[count].id = (uint64_t)json_integer_value(id);
        sent[count++].told.ns = json_integer_value(told);
    }
    if (rc == TW_OK) {
        group->reached = (unsigned)reached;
        group->is_ack_told = json_is_true(json_object_get(root, "acknowledged"));
        group->sent = sent;
        group->sent_count = count;
        if (count > 1) {
            qsort(sent, count, sizeof *sent, by_fingerprint);
        }
        sent = NULL;
    }
    free(sent);
    json_decref(root);
    return rc;
}
