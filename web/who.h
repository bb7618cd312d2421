/* SPDX-License-Identifier: Apache-2.0
 * Who asks, as JSON, and the cookies that say it. Thread: any; plain functions.
 */
#ifndef TW_WEB_WHO_H
#define TW_WEB_WHO_H

#include "web/gate.h"
#include "web/out.h"
#include "web/response.h"

/* The cookie of a browser that signed in before: it is no stranger (access/throttle.h). */
#define TW_COOKIE_DEVICE        "tillwatch-device"
#define TW_COOKIE_DEVICE_SECURE "__Host-tillwatch-device"

const char *tw_who_kind(enum tw_principal_kind kind);
/* {"user", "kind", "sign_in", "role", "rights": [...], "narrowed": [...], "grants": [...],
 * "must_change", "since", "ends", "idle_ends", "expires"} (owned). rights: not narrowed; narrowed:
 * those that are, somewhere. */
json_t *tw_who_json(const struct tw_cfg *cfg, const struct tw_asker *asker);
/* A cookie that only our own pages send, and no script reads. NULL: it is to be forgotten.
 * max_age_s 0: until the browser is closed. TW_EINVAL: it does not fit. */
int tw_who_set_cookie(struct tw_response *response, const char *name, const char *value,
                      bool is_secure, int64_t max_age_s);

#endif
