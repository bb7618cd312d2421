/* SPDX-License-Identifier: Apache-2.0
 * Requests of the kind `cause-rules`: the operators' rules for causes, whole and in order,
 *   {"rules": [...], "version": "16 digits" or null, "reason": "..."}
 * made from the file of that version (null: there was none).
 * Thread:  clerk. Blocks on the disk.
 * Fails:   TW_EEXISTS the file is another by now, TW_ECONFIG a rule is faulty, TW_ESYNTAX,
 *          TW_EINVAL, TW_EIO: the file stays as it is, the result says why.
 */
#ifndef TW_INTAKE_CLERK_CAUSES_H
#define TW_INTAKE_CLERK_CAUSES_H

#include <jansson.h>

#include "core/str.h"

/* Writes the file; main sees it and puts it in force. *ret_result: what is told (owned), NULL only
 * without memory. */
int tw_clerk_cause_rules(const char *dir, struct tw_str body, json_t **ret_result);

#endif
