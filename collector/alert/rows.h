/* SPDX-License-Identifier: Apache-2.0
 * From what was judged to what is kept: the row of an alert of a rule, with its texts filled in,
 * and back.
 * Thread:  pure; texts are borrowed or lie in the arena that the caller gives.
 */
#ifndef TW_ALERT_ROWS_H
#define TW_ALERT_ROWS_H

#include "alert/engine.h"
#include "store/alerts.h"

/* The row of a pending or firing alert as of `at`. TW_OK, TW_ENOMEM. */
int tw_row_of_alert(struct tw_arena *arena, const struct tw_alert *alert, tw_wall_t at,
                    struct tw_alert_row *ret_row);
/* What the engine is given back of a row. TW_OK, TW_ENOMEM, TW_ESYNTAX and as tw_labels_parse: its
 * labels are none. */
int tw_alert_of_row(struct tw_arena *arena, const struct tw_alert_row *row,
                    struct tw_alert *ret_alert);

struct tw_annotation {
    const char *name;
    struct tw_str text; /* absent or empty: left out */
};
/* The JSON object of annotations. TW_OK, TW_ENOMEM. */
int tw_annotations_json(struct tw_arena *arena, const struct tw_annotation *items, size_t count,
                        struct tw_str *ret_json);

#endif
