/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "track/watermark.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "track/track.h"

/* Source numbers are dense; one above this is none of a store. */
#define SOURCES_MAX UINT32_C(100000000)

static void forget(struct tw_watermark *self)
{
    self->source_count = 0;
    self->behind_count = 0;
    self->limit_ns = INT64_MIN;
    for (size_t i = 0; i < TW_WATERMARK_SYSTEMS; i++) {
        self->system_ns[i] = INT64_MAX;
    }
}

void tw_watermark_init(struct tw_watermark *self, int64_t idle_ns)
{
    memset(self, 0, sizeof *self);
    self->idle_ns = idle_ns;
    forget(self);
}

void tw_watermark_fini(struct tw_watermark *self)
{
    free(self->sources);
    free(self->behind);
    memset(self, 0, sizeof *self);
}

static int64_t sub(int64_t a, int64_t b)
{
    int64_t result = 0;
    if (__builtin_sub_overflow(a, b, &result)) {
        return a < b ? INT64_MIN : INT64_MAX;
    }
    return result;
}

static uint16_t system_index(uint16_t system)
{
    return system < TW_WATERMARK_SYSTEMS ? system : TW_WATERMARK_SYSTEMS - 1;
}

/* Sources up to and with this number. */
static int make_room(struct tw_watermark *self, uint32_t source)
{
    if (source >= self->source_capacity) {
        size_t capacity = self->source_capacity == 0 ? 64 : self->source_capacity;
        while (capacity <= source) {
            capacity *= 2;
        }
        struct tw_watermark_source *sources = realloc(self->sources, capacity * sizeof *sources);
        if (sources == NULL) {
            return TW_ENOMEM;
        }
        self->sources = sources;
        self->source_capacity = capacity;
    }
    for (; self->source_count <= source; self->source_count++) {
        self->sources[self->source_count] = (struct tw_watermark_source){.before_ns = INT64_MAX};
    }
    return TW_OK;
}

static int mark_behind(struct tw_watermark *self, uint32_t source)
{
    if (self->sources[source].is_listed) {
        self->sources[source].is_behind = true;
        return TW_OK;
    }
    if (self->behind_count == self->behind_capacity) {
        size_t capacity = self->behind_capacity == 0 ? 16 : self->behind_capacity * 2;
        uint32_t *behind = realloc(self->behind, capacity * sizeof *behind);
        if (behind == NULL) {
            return TW_ENOMEM;
        }
        self->behind = behind;
        self->behind_capacity = capacity;
    }
    self->behind[self->behind_count++] = source;
    self->sources[source].is_behind = true;
    self->sources[source].is_listed = true;
    return TW_OK;
}

/* The smallest transit of late. */
static int64_t usual(struct tw_watermark_source *source, int64_t received_ns, int64_t transit_ns)
{
    if (source->since_ns == 0) {
        source->since_ns = received_ns;
        source->least_ns = transit_ns;
        return 0; /* nothing to compare with: as if it came at once */
    }
    int64_t usual_ns = source->least_ns < source->before_ns ? source->least_ns : source->before_ns;
    if (sub(received_ns, source->since_ns) >= TW_WATERMARK_WINDOW_NS) {
        source->before_ns = source->is_behind ? usual_ns : source->least_ns;
        source->least_ns = transit_ns;
        source->since_ns = received_ns;
    } else if (transit_ns < source->least_ns) {
        source->least_ns = transit_ns;
    }
    return usual_ns < 0 ? 0 : usual_ns;
}

/* What the sources that are behind leave of each system. */
static void gather(struct tw_watermark *self)
{
    for (size_t i = 0; i < TW_WATERMARK_SYSTEMS; i++) {
        self->system_ns[i] = INT64_MAX;
    }
    size_t kept = 0;
    for (size_t i = 0; i < self->behind_count; i++) {
        struct tw_watermark_source *source = &self->sources[self->behind[i]];
        if (!source->is_behind) {
            source->is_listed = false;
            continue;
        }
        self->behind[kept++] = self->behind[i];
        int64_t *system_ns = &self->system_ns[source->system];
        *system_ns = source->last_time_ns < *system_ns ? source->last_time_ns : *system_ns;
    }
    self->behind_count = kept;
}

int tw_watermark_see(struct tw_watermark *self, uint32_t source, uint16_t system,
                     tw_wall_t received, tw_wall_t time)
{
    if (source >= SOURCES_MAX) {
        return TW_OK;
    }
    int rc = make_room(self, source);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_watermark_source *row = &self->sources[source];
    int64_t transit_ns = sub(received.ns, time.ns);
    bool is_first = row->since_ns == 0;
    int64_t usual_ns = usual(row, received.ns, transit_ns);
    row->newest_ns = is_first || time.ns > row->newest_ns ? time.ns : row->newest_ns;
    /* The first event of a source says what its transit is only if nothing better is known. */
    bool is_late = sub(sub(received.ns, row->newest_ns), usual_ns) > TW_WATERMARK_LATE_NS;
    row->system = system_index(system);
    row->last_time_ns = time.ns;
    row->last_received_ns = received.ns;
    if (is_first && is_late) {
        row->least_ns = 0; /* an import or a backlog from the start: that is not what is usual */
    }
    if (is_late) {
        rc = mark_behind(self, source);
        int64_t *system_ns = &self->system_ns[row->system];
        *system_ns = time.ns < *system_ns ? time.ns : *system_ns;
        return rc;
    }
    row->is_behind = false; /* leaves the list at the next tick */
    return TW_OK;
}

void tw_watermark_tick(struct tw_watermark *self, tw_wall_t now, tw_wall_t read_up_to)
{
    self->limit_ns = now.ns < read_up_to.ns ? now.ns : read_up_to.ns;
    for (size_t i = 0; i < self->behind_count; i++) {
        struct tw_watermark_source *source = &self->sources[self->behind[i]];
        if (sub(now.ns, source->last_received_ns) >= self->idle_ns) {
            source->is_behind = false;
        }
    }
    gather(self);
}

tw_wall_t tw_watermark_of(const struct tw_watermark *self, uint16_t system)
{
    int64_t system_ns = self->system_ns[system_index(system)];
    return (tw_wall_t){system_ns < self->limit_ns ? system_ns : self->limit_ns};
}

tw_wall_t tw_watermark_lowest(const struct tw_watermark *self)
{
    int64_t lowest_ns = self->limit_ns;
    for (size_t i = 0; i < TW_WATERMARK_SYSTEMS; i++) {
        lowest_ns = self->system_ns[i] < lowest_ns ? self->system_ns[i] : lowest_ns;
    }
    return (tw_wall_t){lowest_ns};
}

size_t tw_watermark_behind(const struct tw_watermark *self)
{
    return self->behind_count;
}

size_t tw_watermark_bytes(const struct tw_watermark *self)
{
    return self->source_capacity * sizeof *self->sources +
           self->behind_capacity * sizeof *self->behind;
}

static void append_time(struct tw_buf *buf, int64_t ns)
{
    (void)tw_buf_append_varint(buf, tw_zigzag(ns)); /* errors are sticky */
}

int tw_watermark_encode(const struct tw_watermark *self, struct tw_buf *buf)
{
    append_time(buf, self->limit_ns);
    (void)tw_buf_append_varint(buf, self->source_count); /* errors are sticky */
    for (size_t i = 0; i < self->source_count; i++) {
        const struct tw_watermark_source *source = &self->sources[i];
        append_time(buf, source->since_ns);
        append_time(buf, source->least_ns);
        append_time(buf, source->before_ns);
        append_time(buf, source->newest_ns);
        append_time(buf, source->last_time_ns);
        append_time(buf, source->last_received_ns);
        (void)tw_buf_append_varint(buf, source->system); /* errors are sticky */
        (void)tw_buf_append_byte(buf, source->is_behind ? 1 : 0);
    }
    for (size_t i = 0; i < TW_WATERMARK_SYSTEMS; i++) {
        append_time(buf, self->system_ns[i]);
    }
    return buf->error;
}

static int64_t read_time(struct tw_cursor *cursor)
{
    return tw_unzigzag(tw_cursor_varint(cursor));
}

static int decode_source(struct tw_watermark *self, uint32_t number, struct tw_cursor *cursor)
{
    struct tw_watermark_source source = {.since_ns = read_time(cursor)};
    source.least_ns = read_time(cursor);
    source.before_ns = read_time(cursor);
    source.newest_ns = read_time(cursor);
    source.last_time_ns = read_time(cursor);
    source.last_received_ns = read_time(cursor);
    uint64_t system = tw_cursor_varint(cursor);
    uint8_t is_behind = tw_cursor_byte(cursor);
    if (cursor->failed || system >= TW_WATERMARK_SYSTEMS || is_behind > 1 ||
        !tw_track_is_time(source.last_time_ns)) {
        return TW_EDAMAGED;
    }
    int rc = make_room(self, number);
    if (rc != TW_OK) {
        return rc;
    }
    source.system = (uint16_t)system;
    self->sources[number] = source;
    return is_behind == 1 ? mark_behind(self, number) : TW_OK;
}

int tw_watermark_decode(struct tw_watermark *self, struct tw_cursor *cursor)
{
    forget(self);
    int64_t limit_ns = read_time(cursor);
    uint64_t count = tw_cursor_varint(cursor);
    bool is_limit = limit_ns == INT64_MIN || tw_track_is_time(limit_ns);
    int rc = cursor->failed || count > SOURCES_MAX || !is_limit ? TW_EDAMAGED : TW_OK;
    for (uint64_t i = 0; rc == TW_OK && i < count; i++) {
        rc = decode_source(self, (uint32_t)i, cursor);
    }
    for (size_t i = 0; rc == TW_OK && i < TW_WATERMARK_SYSTEMS; i++) {
        self->system_ns[i] = read_time(cursor);
        if (self->system_ns[i] != INT64_MAX && !tw_track_is_time(self->system_ns[i])) {
            rc = TW_EDAMAGED;
        }
    }
    self->limit_ns = limit_ns;
    rc = rc == TW_OK && cursor->failed ? TW_EDAMAGED : rc;
    if (rc != TW_OK) {
        forget(self);
    }
    return rc;
}
