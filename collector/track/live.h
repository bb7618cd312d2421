/* SPDX-License-Identifier: Apache-2.0
 * Members of the documents that are shown as they are, for the files that make them (live*.c). */
#ifndef TW_TRACK_LIVE_H
#define TW_TRACK_LIVE_H

#include <jansson.h>
#include <math.h>

#include "core/clock.h"

struct tw_silences; /* track/silence.h */
struct tw_tracker;

/* jansson takes no NULL and no NAN: what is not known is null. */
static inline json_t *tw_json_text(const char *text)
{
    json_t *value = text == NULL ? NULL : json_string(text);
    return value != NULL ? value : json_null();
}

static inline json_t *tw_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static inline json_t *tw_json_seconds(int64_t ns)
{
    return json_real((double)ns / (double)TW_NS_PER_S);
}

static inline json_t *tw_json_count(uint64_t count)
{
    return json_integer((json_int_t)count);
}

static inline json_t *tw_json_moment(tw_wall_t at)
{
    char text[TW_TIME_TEXT_SIZE];
    if (at.ns == INT64_MIN || at.ns == 0) {
        return json_null();
    }
    tw_wall_format(at, text);
    return json_string(text);
}

/* Takes the value; a member that cannot be set shows when the document is written. */
static inline void tw_json_set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(object, name, value); /* NULL and failures leave it out */
}

/* ---- live_stores.c ---- */
/* The stores where most is late, and the sums of all, into the overview. */
void tw_live_stores_overview(struct tw_tracker *self, json_t *object);
/* The document of all stores; NULL: no memory. */
json_t *tw_live_stores(struct tw_tracker *self);
/* When one store was silent. */
json_t *tw_live_silences(const struct tw_silences *silences);

/* ---- live_regions.c ---- */
struct tw_flow_stats;
/* The regions of a workflow in which something was counted, by name. */
json_t *tw_live_regions(const struct tw_tracker *self, const struct tw_flow_stats *stats);

#endif
