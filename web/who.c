/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/who.h"

#include <inttypes.h>
#include <stdio.h>

const char *tw_who_kind(enum tw_principal_kind kind)
{
    static const char *const names[] = {
        [TW_PRINCIPAL_NOBODY] = "nobody", [TW_PRINCIPAL_USER] = "user",
        [TW_PRINCIPAL_TOKEN] = "token",   [TW_PRINCIPAL_PROXY] = "proxy",
        [TW_PRINCIPAL_OPEN] = "local",
    };
    return names[kind];
}

static json_t *grants_json(const struct tw_grants *grants)
{
    json_t *list = json_array();
    for (size_t i = 0; i < grants->count; i++) {
        struct tw_buf text;
        tw_buf_init(&text, TW_GRANT_TEXT_MAX);
        int rc = tw_grant_write(&grants->items[i], &text);
        tw_out_add(list, rc == TW_OK ? tw_out_text((struct tw_str){text.data, text.len}) : NULL);
        tw_buf_fini(&text);
    }
    return list;
}

json_t *tw_who_json(const struct tw_cfg *cfg, const struct tw_asker *asker)
{
    const struct tw_principal *principal = &asker->principal;
    json_t *json = json_object();
    json_t *rights = json_array();
    json_t *narrowed = json_array();
    for (unsigned i = 0; i < TW_RIGHT_COUNT; i++) {
        enum tw_right right = (enum tw_right)i;
        if (tw_may(principal, right, NULL)) {
            tw_out_add(rights, json_string(tw_right_name(right)));
        } else if (tw_may_somewhere(principal, right)) {
            tw_out_add(narrowed, json_string(tw_right_name(right)));
        }
    }
    tw_out_set(json, "user", tw_out_text(principal->name));
    tw_out_set(json, "kind", json_string(tw_who_kind(principal->kind)));
    tw_out_set(json, "sign_in", json_string(tw_gate_is_required(cfg) ? "required" : "none"));
    tw_out_set(json, "role", json_string(tw_role_name(principal->role)));
    tw_out_set(json, "rights", rights);
    tw_out_set(json, "narrowed", narrowed);
    tw_out_set(json, "grants", grants_json(&principal->grants));
    tw_out_set(json, "must_change", json_boolean(asker->must_change));
    tw_out_set(json, "since", tw_out_time(asker->created));
    tw_out_set(json, "ends", tw_out_time(asker->ends));
    tw_out_set(json, "idle_ends", tw_out_time(asker->idle_ends));
    tw_out_set(json, "expires", tw_out_time(asker->expires));
    return json;
}

int tw_who_set_cookie(struct tw_response *response, const char *name, const char *value,
                      bool is_secure, int64_t max_age_s)
{
    char text[TW_RESPONSE_HEADER_BYTES];
    char age[40] = "";
    if (value == NULL || max_age_s > 0) {
        (void)snprintf(age, sizeof age, "; Max-Age=%" PRId64,
                       value == NULL ? 0 : max_age_s); /* 19 digits fit */
    }
    int len = snprintf(text, sizeof text, "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s", name,
                       value == NULL ? "" : value, is_secure ? "; Secure" : "", age);
    return len < 0 || (size_t)len >= sizeof text ? TW_EINVAL
                                                 : tw_response_header(response, "Set-Cookie", text);
}
