/* SPDX-License-Identifier: Apache-2.0
 * A time interval as files write it: `hours` of alert rules, `times` of notify.yaml.
 * Thread: the owner's.
 * Fails:  faults of the file that is being read, with file:line.
 */
#ifndef TW_ALERT_HOURS_PARSE_H
#define TW_ALERT_HOURS_PARSE_H

#include "alert/hours.h"
#include "config/parse.h"

/* The keys, for reference pages. */
extern const struct tw_cfg_section tw_hours_section;

/* The map of one interval. Faults begin with `where` ("hours", "times.intervals"). *ret_hours is
 * written in every case and finished by the caller (tw_hours_fini). */
void tw_hours_read(struct tw_parse *parse, const char *where, yaml_node_t *node,
                   struct tw_hours *ret_hours);

#endif
