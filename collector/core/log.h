/* SPDX-License-Identifier: Apache-2.0
 * Log: one line a record on stderr, an event name from core/log_events.h, then key=value.
 * Modules return errors; the loop that owns the thread logs them, once. Values are escaped, so
 * that a record is always one line whatever it carries; payloads and credentials are never logged.
 * Thread: all. Blocks on stderr only (one write per record). A repeated record backs off: within
 * 10 s of the same event and key only every power-of-two occurrence is written, with repeated=N.
 */
#ifndef TW_CORE_LOG_H
#define TW_CORE_LOG_H

#include <stdint.h>

#include "core/log_events.h"
#include "core/str.h"

enum tw_log_level { TW_LOG_ERROR, TW_LOG_WARN, TW_LOG_INFO, TW_LOG_DEBUG };
enum tw_log_format { TW_LOG_TEXT, TW_LOG_JSON };

struct tw_log_field {
    const char *key; /* NULL ends the list */
    enum { TW_LOG_STR, TW_LOG_INT, TW_LOG_NUM } kind;
    struct tw_str text;
    int64_t number;
    double real;
};
#define TW_F_STR(k, v)  ((struct tw_log_field){.key = (k), .kind = TW_LOG_STR, .text = (v)})
#define TW_F_CSTR(k, v) TW_F_STR(k, tw_str_of(v))
#define TW_F_INT(k, v) \
    ((struct tw_log_field){.key = (k), .kind = TW_LOG_INT, .number = (int64_t)(v)})
#define TW_F_NUM(k, v) ((struct tw_log_field){.key = (k), .kind = TW_LOG_NUM, .real = (v)})
#define TW_F_END       ((struct tw_log_field){.key = NULL})

/* Before any thread starts. Values longer than 1024 bytes are cut with "...". */
void tw_log_setup(enum tw_log_level level, enum tw_log_format format);
/* The level is the event's own (core/log_events.h). */
void tw_log_fields(enum tw_log_event event, const struct tw_log_field *fields);
#define tw_log(event, ...) \
    tw_log_fields((event), (const struct tw_log_field[]){__VA_ARGS__, TW_F_END})

#endif
