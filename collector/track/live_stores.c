/* SPDX-License-Identifier: Apache-2.0
 * Stores in the documents: a few, the worst first, and sums every second in the overview; all of
 * them in a document of their own, every ten seconds. Shapes: docs/reference/tracking.md. */
#include "config.h"

#include "track/internal.h"
#include "track/live.h"

/* Stores named in the overview. */
#define WORST 20
/* Sources whose clocks are told; others are corrected all the same. */
#define TW_LIVE_CLOCKS_MAX 10000

struct view {
    uint32_t word;
    int64_t oldest_ns; /* age */
    const struct tw_store_stats *row;
};

static int64_t age_of(struct tw_tracker *self, uint32_t index)
{
    struct tw_store_oldest oldest;
    if (!tw_stores_oldest(self, index, &oldest)) {
        return 0;
    }
    int64_t mark_ns = tw_watermark_of(&self->watermark, oldest.system).ns;
    return mark_ns <= oldest.since_ns ? 0 : mark_ns - oldest.since_ns;
}

static void set_counts(json_t *object, const struct tw_store_stats *row, int64_t oldest_ns)
{
    tw_json_set(object, "waiting", tw_json_count(row->waiting + row->overdue));
    tw_json_set(object, "overdue", tw_json_count(row->overdue));
    tw_json_set(object, "failed", tw_json_count(row->failed));
    tw_json_set(object, "oldest_age", tw_json_seconds(oldest_ns));
}

/* When it was heard of, and how old its latest event was then: a store that delivers what it kept
 * while it was off line is behind, one that is silent is not. */
static void set_events(const struct tw_tracker *self, uint32_t word, json_t *object)
{
    int64_t seen_ns = INT64_MIN;
    int64_t event_ns = INT64_MIN;
    if (word <= self->store_seen_count) {
        seen_ns = self->store_seen_ns[word - 1];
        event_ns = self->store_event_ns[word - 1];
    }
    bool is_known = seen_ns != INT64_MIN && event_ns != INT64_MIN;
    int64_t lag_ns = is_known && seen_ns > event_ns ? seen_ns - event_ns : 0;
    tw_json_set(object, "last_event", tw_json_moment((tw_wall_t){event_ns}));
    tw_json_set(object, "last_received", tw_json_moment((tw_wall_t){seen_ns}));
    tw_json_set(object, "event_lag", is_known ? tw_json_seconds(lag_ns) : json_null());
}

/* What counts for whether it is silent (heard.c). */
static void set_heard(const struct tw_tracker *self, uint32_t word, json_t *object)
{
    const struct tw_heard *heard = word <= self->heard_count ? &self->heard[word - 1] : NULL;
    tw_json_set(object, "own_sources", tw_json_count(heard == NULL ? 0 : heard->own_sources));
    tw_json_set(object, "last_own_event",
                heard == NULL ? json_null() : tw_json_moment((tw_wall_t){heard->event_ns}));
    tw_json_set(object, "last_own_received",
                heard == NULL ? json_null() : tw_json_moment((tw_wall_t){heard->received_ns}));
}

static json_t *store_json(const struct tw_tracker *self, const struct view *view)
{
    json_t *object = json_object();
    tw_json_set(object, "store", tw_json_text(tw_words_text(&self->stores, view->word)));
    set_counts(object, view->row, view->oldest_ns);
    set_events(self, view->word, object);
    return object;
}

/* Of a store that no run was ever of. */
static const struct tw_store_stats nothing;

static struct view view_of(struct tw_tracker *self, uint32_t word)
{
    struct view view = {.word = word, .row = &nothing};
    if (word < self->store_stats_count) {
        view.row = &self->store_stats[word];
        view.oldest_ns = age_of(self, word);
    }
    return view;
}

static uint32_t named_count(const struct tw_tracker *self)
{
    return self->stores.count > TW_TRACK_STORES_MAX ? TW_TRACK_STORES_MAX : self->stores.count;
}

/* More is late, else what waits is older, else by name: the order of their numbers says nothing. */
static bool is_worse(const struct tw_tracker *self, const struct view *a, const struct view *b)
{
    uint64_t late = a->row->overdue + a->row->failed;
    uint64_t other_late = b->row->overdue + b->row->failed;
    if (late != other_late) {
        return late > other_late;
    }
    if (a->oldest_ns != b->oldest_ns) {
        return a->oldest_ns > b->oldest_ns;
    }
    return strcmp(tw_words_text(&self->stores, a->word), tw_words_text(&self->stores, b->word)) < 0;
}

/* The worst so far, in order; the last one falls out. */
static void rank(const struct tw_tracker *self, const struct view *view, struct view *worst,
                 size_t *count_p)
{
    size_t at = *count_p;
    while (at > 0 && is_worse(self, view, &worst[at - 1])) {
        at--;
    }
    if (at == WORST) {
        return;
    }
    *count_p += *count_p < WORST ? 1 : 0;
    memmove(&worst[at + 1], &worst[at], (*count_p - at - 1) * sizeof *worst);
    worst[at] = *view;
}

/* What waits in the stores that have no row of their own; null: there are none. */
static json_t *other_json(struct tw_tracker *self)
{
    if (self->stores.count <= TW_TRACK_STORES_MAX || self->store_stats_count == 0) {
        return json_null();
    }
    json_t *object = json_object();
    tw_json_set(object, "stores", tw_json_count(self->stores.count - TW_TRACK_STORES_MAX));
    set_counts(object, &self->store_stats[0], age_of(self, 0));
    return object;
}

void tw_live_stores_overview(struct tw_tracker *self, json_t *object)
{
    struct view worst[WORST];
    size_t count = 0;
    uint64_t late = 0;
    struct tw_store_stats sums = {0};
    for (uint32_t i = 0; i < self->store_stats_count; i++) {
        const struct tw_store_stats *row = &self->store_stats[i];
        sums.waiting += row->waiting;
        sums.overdue += row->overdue;
        sums.failed += row->failed;
        late += i > 0 && row->overdue + row->failed > 0 ? 1 : 0;
        if (i > 0 && row->waiting + row->overdue + row->failed > 0) {
            struct view view = view_of(self, i);
            rank(self, &view, worst, &count);
        }
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(list, store_json(self, &worst[i]));
    }
    json_t *totals = json_object();
    tw_json_set(totals, "stores", tw_json_count(self->stores.count));
    tw_json_set(totals, "late", tw_json_count(late));
    tw_json_set(totals, "waiting", tw_json_count(sums.waiting + sums.overdue));
    tw_json_set(totals, "overdue", tw_json_count(sums.overdue));
    tw_json_set(totals, "failed", tw_json_count(sums.failed));
    tw_json_set(totals, "other", other_json(self));
    tw_json_set(object, "stores", list);
    tw_json_set(object, "store_totals", totals);
}

/* The sources whose clocks are known to be wrong, by number: at most TW_LIVE_CLOCKS_MAX. */
static json_t *clocks_json(const struct tw_tracker *self)
{
    json_t *list = json_array();
    for (size_t i = 0; i < self->skew_count && json_array_size(list) < TW_LIVE_CLOCKS_MAX; i++) {
        if (self->skews[i].offset_ns != 0) {
            json_t *one = json_object();
            tw_json_set(one, "source", tw_json_count(i));
            tw_json_set(one, "behind", tw_json_seconds(self->skews[i].offset_ns));
            (void)json_array_append_new(list, one);
        }
    }
    return list;
}

json_t *tw_live_stores(struct tw_tracker *self)
{
    json_t *list = json_array();
    for (uint32_t word = 1; word <= named_count(self); word++) {
        struct view view = view_of(self, word);
        json_t *one = store_json(self, &view);
        set_heard(self, word, one);
        (void)json_array_append_new(list, one);
    }
    json_t *object = json_object();
    tw_json_set(object, "at", tw_json_moment((tw_wall_t){self->now_ns}));
    tw_json_set(object, "listening_since", tw_json_moment((tw_wall_t){self->listening_ns}));
    tw_json_set(object, "stores", list);
    tw_json_set(object, "other", other_json(self));
    tw_json_set(object, "clocks", clocks_json(self));
    return object;
}

json_t *tw_live_silences(const struct tw_silences *silences)
{
    json_t *list = json_array();
    for (uint32_t i = silences->count; i-- > 0;) { /* the latest first */
        const struct tw_silence *gap = &silences->items[i];
        json_t *one = json_object();
        tw_json_set(one, "from", tw_json_moment((tw_wall_t){gap->from_ns}));
        tw_json_set(one, "until", tw_json_moment((tw_wall_t){gap->until_ns}));
        tw_json_set(one, "expected_seconds", tw_json_count(gap->expected_s));
        (void)json_array_append_new(list, one);
    }
    json_t *object = json_object();
    tw_json_set(object, "silences", list);
    tw_json_set(object, "forgotten", tw_json_count(silences->forgotten));
    return object;
}
