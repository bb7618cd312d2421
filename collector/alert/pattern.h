/* SPDX-License-Identifier: Apache-2.0
 * Regular expressions of matchers: the syntax of RE2, as Alertmanager and Prometheus take it, told
 * to the library that we have. What RE2 refuses (looking around, references back, possessive
 * quantifiers, verbs) is refused here, and what both spell alike but mean differently is spelt out.
 * Thread:  pure.
 * Limits:  TW_PATTERN_REPEAT_MAX, as RE2.
 * Source:  RE2, doc/syntax.txt; docs/decisions/0081-matchers.md.
 */
#ifndef TW_ALERT_PATTERN_H
#define TW_ALERT_PATTERN_H

#include "core/buf.h"
#include "core/err.h"
#include "core/str.h"

#define TW_PATTERN_REPEAT_MAX 1000

/* Appends what the library takes; `text` is UTF-8. TW_EINVAL with the diag: what is wrong and at
 * which byte; TW_ELIMIT and TW_ENOMEM of the buffer. */
int tw_pattern_translate(struct tw_str text, struct tw_buf *ret_pattern, struct tw_diag *diag);

#endif
