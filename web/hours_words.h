/* SPDX-License-Identifier: Apache-2.0
 * Time intervals for people: "mon, tue 22:00 to 24:00 Europe/Berlin". Thread: pure.
 */
#ifndef TW_WEB_HOURS_WORDS_H
#define TW_WEB_HOURS_WORDS_H

#include "alert/hours.h"
#include "core/buf.h"

/* Appends; zone NULL: UTC. Errors of the buffer are sticky. */
void tw_hours_words(const struct tw_hours *hours, const char *zone, struct tw_buf *out);

#endif
