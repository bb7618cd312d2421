/* SPDX-License-Identifier: Apache-2.0
 * The runbooks that are built in: docs/runbooks as C strings (generated at build). Those in force,
 * with the operators' own, belong to a set of rules (tw_rules_runbook).
 * Thread: constant data.
 */
#ifndef TW_ALERT_RUNBOOKS_H
#define TW_ALERT_RUNBOOKS_H

#include <stddef.h>

#define TW_RUNBOOKS_MAX      200            /* of a set */
#define TW_RUNBOOK_MAX_BYTES (128u * 1024u) /* of one */

struct tw_runbook {
    const char *name; /* "queue-backlog" */
    const char *text; /* Markdown */
};
extern const struct tw_runbook tw_runbooks[];
extern const size_t tw_runbook_count;

#endif
