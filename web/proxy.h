/* SPDX-License-Identifier: Apache-2.0
 * A user whom a trusted proxy names: the header of the user (access.proxy-user-header) and that of
 * the role (access.proxy-role-header), or one role for all of them (access.proxy-role). They count
 * from addresses in access.proxy-addresses alone; from anywhere else they are refused, also beside
 * something that would let in.
 * Thread: any; plain functions.
 */
#ifndef TW_WEB_PROXY_H
#define TW_WEB_PROXY_H

#include "access/grant.h"
#include "config/config.h"
#include "web/http.h"

/* False: it is not to be trusted, or what it names is no user or no role. Texts are those of the
 * request. */
bool tw_proxy_principal(const struct tw_cfg *cfg, const struct tw_http_request *request,
                        struct tw_principal *ret_principal);

#endif
