/* SPDX-License-Identifier: Apache-2.0
 * When stores were heard of, and when they were silent (silence.h).
 * An event counts for its store when its source is the store's own: all that it ever said names
 * this store. What central systems say of a store does not tell that the store still speaks. Only
 * of a store that has no source of its own every event counts, as where all tills speak through
 * one hub. Which sources those are is a fold over the events, as everything here. */
#include "config.h"

#include <stdlib.h>

#include "core/err.h"
#include "track/internal.h"

void tw_heard_fini(struct tw_tracker *self)
{
    for (size_t i = 0; i < self->heard_count; i++) {
        tw_silences_fini(&self->heard[i].silences);
    }
    free(self->heard);
    free(self->said);
    self->heard = NULL;
    self->said = NULL;
    self->heard_count = 0;
    self->said_count = 0;
}

static int said_of(struct tw_tracker *self, uint32_t source, struct tw_said **ret_said)
{
    if (source >= self->said_count) {
        size_t count = self->said_count == 0 ? 64 : self->said_count;
        while (count <= source) {
            count *= 2;
        }
        struct tw_said *said = realloc(self->said, count * sizeof *said);
        if (said == NULL) {
            return TW_ENOMEM;
        }
        memset(said + self->said_count, 0, (count - self->said_count) * sizeof *said);
        self->said = said;
        self->said_count = count;
    }
    *ret_said = &self->said[source];
    return TW_OK;
}

static int heard_of(struct tw_tracker *self, uint32_t word, struct tw_heard **ret_heard)
{
    if (word > self->heard_count) {
        size_t count = self->heard_count == 0 ? 64 : self->heard_count;
        while (count < word) {
            count *= 2;
        }
        count = count > TW_TRACK_STORES_MAX ? TW_TRACK_STORES_MAX : count;
        struct tw_heard *heard = realloc(self->heard, count * sizeof *heard);
        if (heard == NULL) {
            return TW_ENOMEM;
        }
        memset(heard + self->heard_count, 0, (count - self->heard_count) * sizeof *heard);
        for (size_t i = self->heard_count; i < count; i++) {
            heard[i].silent_last.series = TW_TRACK_NONE;
        }
        self->heard = heard;
        self->heard_count = count;
    }
    *ret_heard = &self->heard[word - 1];
    return TW_OK;
}

/* Whose the source is now. */
static void learn(struct tw_tracker *self, struct tw_said *said, uint32_t word)
{
    if (said->store == word || said->store == TW_TRACK_NONE) {
        return;
    }
    if (said->store == 0) {
        said->store = word;
        self->heard[word - 1].own_sources++;
        return;
    }
    self->heard[said->store - 1].own_sources--;
    said->store = TW_TRACK_NONE;
}

int tw_heard_event(struct tw_tracker *self, const struct tw_record *record, uint32_t word,
                   tw_wall_t time)
{
    struct tw_said *said = NULL;
    struct tw_heard *heard = NULL;
    if (word == 0 || word > TW_TRACK_STORES_MAX) {
        return TW_OK;
    }
    int rc = said_of(self, record->source, &said);
    rc = rc == TW_OK ? heard_of(self, word, &heard) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    int64_t change_ns = 0;
    if (said->store != 0 && __builtin_sub_overflow(record->clock_ns, said->clock_ns, &change_ns)) {
        change_ns = 0; /* no clock goes so wrong: it was never set */
    }
    said->clock_ns = record->clock_ns;
    learn(self, said, word);
    if (said->store != word && heard->own_sources > 0) {
        return TW_OK;
    }
    heard->received_ns = self->now_ns;
    heard->event_ns = time.ns > heard->event_ns ? time.ns : heard->event_ns;
    return tw_silences_hear(&heard->silences, time.ns, change_ns,
                            (uint32_t)self->cfg->track.store_silent_s);
}

int tw_heard_time(struct tw_tracker *self, int64_t now_ns)
{
    int rc = TW_OK;
    now_ns = tw_track_time((tw_wall_t){now_ns}).ns;
    if (now_ns <= self->now_ns) {
        return rc;
    }
    if (self->now_ns != 0 && now_ns - self->now_ns > TW_DEAF_NS) {
        for (size_t i = 0; i < self->heard_count && rc == TW_OK; i++) {
            rc = tw_silences_deaf(&self->heard[i].silences, self->now_ns, now_ns,
                                  (uint32_t)self->cfg->track.store_silent_s);
        }
        self->listening_ns = now_ns;
    }
    self->now_ns = now_ns;
    return rc;
}

int64_t tw_heard_silent_since(const struct tw_tracker *self, size_t index, int64_t now_ns)
{
    int64_t heard_ns = self->heard[index].received_ns;
    int64_t since_ns = heard_ns > self->listening_ns ? heard_ns : self->listening_ns;
    bool is_silent =
        heard_ns != 0 && now_ns - since_ns > self->cfg->track.store_silent_s * TW_NS_PER_S;
    return is_silent ? since_ns : 0;
}

uint64_t tw_heard_bytes(const struct tw_tracker *self)
{
    uint64_t bytes =
        self->heard_count * sizeof *self->heard + self->said_count * sizeof *self->said;
    for (size_t i = 0; i < self->heard_count; i++) {
        bytes += self->heard[i].silences.items == NULL
                     ? 0
                     : TW_SILENCES_MAX * sizeof *self->heard[i].silences.items;
    }
    return bytes;
}

/* --- kept ------------------------------------------------------------------------------------- */

int tw_heard_encode(const struct tw_tracker *self, struct tw_buf *buf)
{
    (void)tw_buf_append_varint(buf, tw_zigzag(self->listening_ns)); /* errors are sticky */
    (void)tw_buf_append_varint(buf, self->said_count);
    for (size_t i = 0; i < self->said_count; i++) {
        (void)tw_buf_append_varint(buf, self->said[i].store);
        (void)tw_buf_append_varint(buf, tw_zigzag(self->said[i].clock_ns));
    }
    (void)tw_buf_append_varint(buf, self->heard_count);
    for (size_t i = 0; i < self->heard_count; i++) {
        (void)tw_buf_append_varint(buf, tw_zigzag(self->heard[i].received_ns));
        (void)tw_buf_append_varint(buf, tw_zigzag(self->heard[i].event_ns));
        (void)tw_silences_encode(&self->heard[i].silences, buf);
    }
    return buf->error;
}

static int decode_said(struct tw_tracker *self, struct tw_cursor *cursor)
{
    uint64_t count = tw_cursor_varint(cursor);
    if (cursor->failed || count > (uint64_t)(cursor->end - cursor->p)) {
        return TW_EDAMAGED;
    }
    self->said = calloc(count + 1, sizeof *self->said);
    if (self->said == NULL) {
        return TW_ENOMEM;
    }
    self->said_count = count;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t store = tw_cursor_varint(cursor);
        self->said[i].clock_ns = tw_unzigzag(tw_cursor_varint(cursor));
        if (cursor->failed || (store > TW_TRACK_STORES_MAX && store != TW_TRACK_NONE)) {
            return TW_EDAMAGED;
        }
        self->said[i].store = (uint32_t)store;
    }
    return TW_OK;
}

int tw_heard_decode(struct tw_tracker *self, struct tw_cursor *cursor)
{
    self->listening_ns = tw_unzigzag(tw_cursor_varint(cursor));
    int rc = tw_track_is_time(self->listening_ns) ? decode_said(self, cursor) : TW_EDAMAGED;
    if (rc != TW_OK) {
        return rc;
    }
    uint64_t count = tw_cursor_varint(cursor);
    if (cursor->failed || count > TW_TRACK_STORES_MAX) {
        return TW_EDAMAGED;
    }
    self->heard = calloc(count + 1, sizeof *self->heard);
    if (self->heard == NULL) {
        return TW_ENOMEM;
    }
    self->heard_count = count;
    for (uint64_t i = 0; i < count && rc == TW_OK; i++) {
        self->heard[i].silent_last.series = TW_TRACK_NONE;
        self->heard[i].received_ns = tw_unzigzag(tw_cursor_varint(cursor));
        self->heard[i].event_ns = tw_unzigzag(tw_cursor_varint(cursor));
        bool is_good = tw_track_is_time(self->heard[i].received_ns) &&
                       tw_track_is_time(self->heard[i].event_ns);
        rc = is_good ? tw_silences_decode(&self->heard[i].silences, cursor) : TW_EDAMAGED;
        is_good = tw_track_is_time(self->heard[i].silences.newest_ns);
        rc = rc == TW_OK && !is_good ? TW_EDAMAGED : rc;
    }
    for (size_t i = 0; i < self->said_count && rc == TW_OK; i++) {
        uint32_t store = self->said[i].store;
        if (store != 0 && store != TW_TRACK_NONE) {
            rc = store > self->heard_count ? TW_EDAMAGED : TW_OK;
            if (rc == TW_OK) {
                self->heard[store - 1].own_sources++;
            }
        }
    }
    return rc;
}
