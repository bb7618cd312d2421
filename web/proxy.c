/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/proxy.h"

#include "access/rights.h"
#include "config/network.h"

/* The words of access.proxy.role stand in this order. */
_Static_assert(TW_ROLE_NONE == 0 && TW_ROLE_VIEWER == 1 && TW_ROLE_OPERATOR == 2 &&
                   TW_ROLE_ADMIN == 3 && TW_ROLE_COUNT == 4,
               "config/keys.c");

bool tw_proxy_principal(const struct tw_cfg *cfg, const struct tw_http_request *request,
                        struct tw_principal *ret_principal)
{
    const struct tw_http_head *head = &request->head;
    enum tw_role role = (enum tw_role)cfg->access.proxy_role;
    if (!tw_network_lists(&cfg->access.proxy_addresses, request->address) ||
        !tw_access_name_is_valid(head->proxy_user)) {
        return false;
    }
    if (head->proxy_role.ptr != NULL && !tw_role_of(head->proxy_role, &role)) {
        return false;
    }
    *ret_principal =
        (struct tw_principal){.kind = TW_PRINCIPAL_PROXY, .name = head->proxy_user, .role = role};
    return true;
}
