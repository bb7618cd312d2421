/* SPDX-License-Identifier: Apache-2.0
 * The operators' rules between the API, which has JSON, and their file, which is YAML.
 * Thread: any; no state.
 */
#ifndef TW_CAUSES_RULES_H
#define TW_CAUSES_RULES_H

#include <jansson.h>

#include "causes/causes.h"
#include "core/buf.h"

/* An array of rules, keys as in the file, as the text of that file: a rule a line, so that a fault
 * names its rule by line (tw_causes_rule_of_line). Members that are null are left out. Judges
 * nothing: what is no rule is a fault of whoever parses the text. TW_OK, TW_EINVAL (no array, or
 * more than TW_CAUSES_OWN_MAX), TW_ENOMEM, TW_ELIMIT (the buffer's bound). */
int tw_causes_write(const json_t *rules, struct tw_buf *out);
/* The rule (from 0) of a line of such a text; -1: of none. */
int tw_causes_rule_of_line(int line);
/* One rule with its keys as in the file; owned, NULL out of memory. */
json_t *tw_causes_rule_json(const struct tw_cause_rule *rule);

#endif
