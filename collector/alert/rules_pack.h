/* SPDX-License-Identifier: Apache-2.0
 * The retail rules that are built in: collector/alerts as C strings (generated at build).
 * Thread: constant data.
 */
#ifndef TW_ALERT_RULES_PACK_H
#define TW_ALERT_RULES_PACK_H

#include <stddef.h>

struct tw_rules_builtin {
    const char *name; /* "budgets.yaml" */
    const char *text;
};
extern const struct tw_rules_builtin tw_rules_pack[];
extern const size_t tw_rules_pack_count;

#endif
