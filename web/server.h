/* SPDX-License-Identifier: Apache-2.0
 * The web half: the HTTP API, /metrics and the user interface, over one store.
 * Thread:  created and destroyed by main; answers in cfg->web.threads threads of libmicrohttpd.
 * Limits:  connections (all, and of one address), seconds a connection may be silent and a request
 *          may take to arrive, bytes of URL, header lines and body: docs/reference/api.md.
 * Fails:   a store that does not exist or cannot be read is an answer (503), never the end.
 */
#ifndef TW_WEB_SERVER_H
#define TW_WEB_SERVER_H

#include <stdint.h>

#include "alert/rules.h"
#include "causes/causes.h"
#include "config/config.h"
#include "core/clock.h"
#include "core/err.h"
#include "notify/routes.h"
#include "web/panel/panels.h"
#include "workflow/workflow.h"

struct tw_web;

/* Listen on cfg->web.listen and answer. Borrows cfg and clock, takes a reference of `workflows`:
 * the definitions that are shown. Errors, each with a diag that says
 * what to do: TW_EBUSY (the port is taken), TW_EPERM, TW_EINVAL (no such address), TW_ENOTFOUND
 * (no files of the interface), TW_ENOMEM, TW_ESYSTEM. */
int tw_web_new(const struct tw_cfg *cfg, const struct tw_workflows *workflows,
               struct tw_clock *clock, struct tw_web **ret_web, struct tw_diag *diag);
/* Calls that begin from now on see these definitions; takes a reference. Any thread. */
void tw_web_set_workflows(struct tw_web *self, const struct tw_workflows *workflows);
/* The same for rules for causes; to begin with there are none. */
void tw_web_set_causes(struct tw_web *self, const struct tw_causes *causes);
/* The same for rules for alerts, and for who is told; to begin with there are none. */
void tw_web_set_rules(struct tw_web *self, const struct tw_rules *rules);
void tw_web_set_notify(struct tw_web *self, const struct tw_notify *notify);
/* The same for dashboards; those to begin with it reads itself. */
void tw_web_set_dashboards(struct tw_web *self, const struct tw_dashboards *dashboards);
/* Those in force, with a reference for the caller. */
const struct tw_dashboards *tw_web_dashboards(struct tw_web *self);
/* The port that it listens on (of use when the configuration says 0). */
uint16_t tw_web_port(const struct tw_web *self);
/* Stop listening, end all connections, join the threads. Accepts NULL. TW_OK. */
int tw_web_destroy(struct tw_web **self_p);

#endif
