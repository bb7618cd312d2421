/* SPDX-License-Identifier: Apache-2.0
 * Series, and the instances of rules that they belong to. */
#include "config.h"
#include "alert/engine_internal.h"

#include <stdlib.h>
#include <string.h>

void tw_state_fini(struct tw_state *self)
{
    free(self->block);
    *self = (struct tw_state){0};
}

void tw_instance_destroy(struct tw_instance *self)
{
    if (self->no_data != NULL) {
        tw_state_fini(self->no_data);
        free(self->no_data);
    }
    tw_state_fini(&self->main);
    free(self->when.items);
    free(self->share.items);
    free(self->usual);
    free(self);
}

void tw_watched_destroy(struct tw_watched *self)
{
    tw_trail_fini(&self->trail);
    free(self);
}

/* ---- instances ------------------------------------------------------------------------------- */

struct instance_key {
    size_t judge;
    const struct tw_str *values;
    size_t count;
};

static bool same_instance(const void *item, const void *key)
{
    const struct tw_instance *instance = item;
    const struct instance_key *asked = key;
    bool is_same = instance->judge == asked->judge;
    for (size_t i = 0; i < asked->count && is_same; i++) {
        is_same = tw_str_equal(instance->values[i], asked->values[i]);
    }
    return is_same;
}

static uint64_t hash_instance(const struct instance_key *key)
{
    uint64_t hash = tw_slots_hash(key->judge, TW_STR_NULL);
    for (size_t i = 0; i < key->count; i++) {
        hash = tw_slots_hash(hash, key->values[i]);
    }
    return hash;
}

static int reserve_instances(struct tw_judge *judge)
{
    if (judge->count < judge->capacity) {
        return TW_OK;
    }
    size_t capacity = judge->capacity == 0 ? 4 : judge->capacity * 2;
    struct tw_instance **items = realloc(judge->items, capacity * sizeof *items);
    if (items == NULL) {
        return TW_ENOMEM;
    }
    judge->items = items;
    judge->capacity = capacity;
    return TW_OK;
}

static struct tw_instance *new_instance(const struct instance_key *key)
{
    size_t bytes = 0;
    for (size_t i = 0; i < key->count; i++) {
        bytes += key->values[i].len + 1;
    }
    struct tw_instance *instance = calloc(1, sizeof *instance + bytes);
    if (instance == NULL) {
        return NULL;
    }
    char *at = (char *)(instance + 1);
    for (size_t i = 0; i < key->count; i++) {
        if (key->values[i].len > 0) {
            memcpy(at, key->values[i].ptr, key->values[i].len);
        }
        instance->values[i] = (struct tw_str){at, key->values[i].len};
        at += key->values[i].len + 1;
    }
    return instance;
}

int tw_engine_instance(struct tw_engine *self, size_t judge_index, const struct tw_str *values,
                       struct tw_instance **ret_instance)
{
    struct tw_judge *judge = &self->judges[judge_index];
    const struct instance_key key = {judge_index, values, judge->rule->by_count};
    uint64_t hash = hash_instance(&key);
    struct tw_instance *instance = tw_slots_find(&self->instances, hash, same_instance, &key);
    if (instance != NULL) {
        *ret_instance = instance;
        return TW_OK;
    }
    if (self->instances.count >= TW_ENGINE_LINKS_MAX) {
        judge->has_lost_series = true;
        return TW_ELIMIT;
    }
    int rc = tw_slots_reserve(&self->instances);
    rc = rc == TW_OK ? reserve_instances(judge) : rc;
    instance = rc == TW_OK ? new_instance(&key) : NULL;
    if (instance == NULL) {
        return TW_ENOMEM;
    }
    instance->hash = hash;
    instance->judge = judge_index;
    instance->heard = self->last;
    instance->main.alert.rule = judge->rule;
    judge->items[judge->count++] = instance;
    tw_slots_put(&self->instances, hash, instance);
    *ret_instance = instance;
    return TW_OK;
}

/* What the conditions say that this label is; absent: nothing. */
static struct tw_str given_value(const struct tw_measure *measure, const char *name)
{
    for (size_t i = 0; i < measure->where_count; i++) {
        if (strcmp(measure->where[i].name, name) == 0) {
            return tw_str_of(measure->where[i].value);
        }
    }
    return TW_STR_NULL;
}

int tw_engine_make_static(struct tw_engine *self)
{
    int rc = TW_OK;
    for (size_t i = 0; i < self->judge_count && rc == TW_OK; i++) {
        const struct tw_rule *rule = self->judges[i].rule;
        struct tw_str values[TW_RULE_BY_MAX] = {0};
        bool is_static = rule->is_enabled;
        for (size_t k = 0; k < rule->by_count; k++) {
            values[k] = given_value(&rule->when, rule->by[k]);
            is_static = is_static && values[k].ptr != NULL;
        }
        if (is_static) {
            struct tw_instance *instance = NULL;
            rc = tw_engine_instance(self, i, values, &instance);
            if (rc == TW_OK) {
                instance->is_static = true;
            }
        }
    }
    return rc;
}

/* ---- series ---------------------------------------------------------------------------------- */

struct series_key {
    const struct tw_metric *metric;
    struct tw_str labels_json;
};

static bool same_series(const void *item, const void *key)
{
    const struct tw_watched *series = item;
    const struct series_key *asked = key;
    return series->metric == asked->metric && tw_str_equal(series->labels_json, asked->labels_json);
}

static size_t bytes_of(const struct tw_labels *labels)
{
    size_t bytes = labels->count * sizeof *labels->items;
    for (size_t i = 0; i < labels->count; i++) {
        bytes += labels->items[i].name.len + labels->items[i].value.len + 2;
    }
    return bytes;
}

static struct tw_str put_text(char **at_p, struct tw_str text)
{
    char *at = *at_p;
    if (text.len > 0) {
        memcpy(at, text.ptr, text.len);
    }
    at[text.len] = '\0';
    *at_p += text.len + 1;
    return (struct tw_str){at, text.len};
}

static struct tw_watched *new_series(const struct series_key *key, const struct tw_labels *labels)
{
    struct tw_watched *series =
        malloc(sizeof *series + bytes_of(labels) + key->labels_json.len + 1);
    if (series == NULL) {
        return NULL;
    }
    struct tw_label *items = (struct tw_label *)(series + 1);
    char *at = (char *)(items + labels->count);
    *series = (struct tw_watched){.metric = key->metric,
                                  .labels = {items, labels->count},
                                  .trail = {.is_count = key->metric->is_count},
                                  .heard = INT32_MIN};
    for (size_t i = 0; i < labels->count; i++) {
        items[i].name = put_text(&at, labels->items[i].name);
        items[i].value = put_text(&at, labels->items[i].value);
    }
    series->labels_json = put_text(&at, key->labels_json);
    return series;
}

static bool is_wanted_by(const struct tw_measure *measure, const struct tw_labels *labels)
{
    for (size_t i = 0; i < measure->where_count; i++) {
        struct tw_str value = tw_labels_get(labels, measure->where[i].name);
        if (!tw_str_is(value, measure->where[i].value)) {
            return false;
        }
    }
    return true;
}

static int reserve_link(struct tw_links *links)
{
    if (links->count < links->capacity) {
        return TW_OK;
    }
    uint32_t capacity = links->capacity == 0 ? 1 : links->capacity * 2;
    struct tw_watched **items = realloc(links->items, capacity * sizeof *items);
    if (items == NULL) {
        return TW_ENOMEM;
    }
    links->items = items;
    links->capacity = capacity;
    return TW_OK;
}

/* The list in which a series stands for one who looks at it; *ret_links is NULL when it does not.
 * With room for one more. */
static int find_links(struct tw_engine *self, const struct tw_interest *interest,
                      const struct tw_watched *series, struct tw_links **ret_links)
{
    struct tw_judge *judge = &self->judges[interest->judge];
    const struct tw_rule *rule = judge->rule;
    *ret_links = NULL;
    if (!is_wanted_by(interest->is_share ? &rule->share : &rule->when, &series->labels)) {
        return TW_OK;
    }
    if (self->link_count >= TW_ENGINE_LINKS_MAX) {
        judge->has_lost_series = true;
        return TW_OK;
    }
    struct tw_str values[TW_RULE_BY_MAX] = {0};
    for (size_t i = 0; i < rule->by_count; i++) {
        values[i] = tw_labels_get(&series->labels, rule->by[i]);
    }
    struct tw_instance *instance = NULL;
    int rc = tw_engine_instance(self, interest->judge, values, &instance);
    if (rc != TW_OK) {
        return rc == TW_ELIMIT ? TW_OK : rc;
    }
    struct tw_links *links = interest->is_share ? &instance->share : &instance->when;
    rc = reserve_link(links);
    *ret_links = rc == TW_OK ? links : NULL;
    return rc;
}

/* All room first, so that a series is linked everywhere or nowhere. */
static int link_series(struct tw_engine *self, struct tw_watched *series)
{
    const struct tw_wanted *wanted = &self->wanted[series->metric - tw_metrics];
    struct tw_links *links = NULL;
    int rc = tw_slots_reserve(&self->series);
    for (size_t i = 0; i < wanted->count && rc == TW_OK; i++) {
        rc = find_links(self, &wanted->items[i], series, &links);
    }
    for (size_t i = 0; i < wanted->count && rc == TW_OK; i++) {
        rc = find_links(self, &wanted->items[i], series, &links);
        if (rc == TW_OK && links != NULL) {
            links->items[links->count++] = series;
            self->link_count++;
        }
    }
    return rc;
}

/* What is of a step is of its system, too: rules may tell systems apart that the series do not. */
static int add_system(struct tw_engine *self, struct tw_labels *labels)
{
    struct tw_str system =
        tw_engine_system_of(self, tw_labels_get(labels, "workflow"), tw_labels_get(labels, "step"));
    if (system.len == 0 || tw_labels_get(labels, "system").len > 0) {
        return TW_OK;
    }
    struct tw_label *items = tw_arena_alloc(&self->scratch, (labels->count + 1) * sizeof(items[0]));
    if (items == NULL) {
        return TW_ENOMEM;
    }
    memcpy(items, labels->items, labels->count * sizeof(items[0]));
    items[labels->count] = (struct tw_label){TW_STR_LIT("system"), system};
    *labels = (struct tw_labels){items, labels->count + 1};
    return TW_OK;
}

int tw_engine_watch(struct tw_engine *self, const struct tw_metric *metric,
                    struct tw_str labels_json, struct tw_watched **ret_series)
{
    const struct series_key key = {metric, labels_json};
    uint64_t hash = tw_slots_hash((uint64_t)(metric - tw_metrics), labels_json);
    struct tw_watched *series = tw_slots_find(&self->series, hash, same_series, &key);
    if (series != NULL) {
        *ret_series = series;
        return TW_OK;
    }
    if (self->series.count >= TW_ENGINE_SERIES_MAX) {
        const struct tw_wanted *wanted = &self->wanted[metric - tw_metrics];
        for (size_t i = 0; i < wanted->count; i++) {
            self->judges[wanted->items[i].judge].has_lost_series = true;
        }
        return TW_ELIMIT;
    }
    struct tw_labels labels = {0};
    tw_arena_reset(&self->scratch);
    int rc = tw_labels_parse(&self->scratch, labels_json, &labels);
    if (rc != TW_OK) {
        return rc == TW_ESYNTAX ? TW_EINVAL : rc;
    }
    rc = add_system(self, &labels);
    if (rc != TW_OK) {
        return rc;
    }
    series = new_series(&key, &labels);
    rc = series == NULL ? TW_ENOMEM : link_series(self, series);
    if (rc != TW_OK) {
        if (series != NULL) {
            tw_watched_destroy(series);
        }
        return rc;
    }
    series->hash = hash;
    tw_slots_put(&self->series, hash, series);
    *ret_series = series;
    return TW_OK;
}

/* ---- what was not heard of for long ---------------------------------------------------------- */

static int32_t forget_after(const struct tw_metric *metric)
{
    return (metric->is_zero_when_silent ? TW_ENGINE_FORGET_ZERO_S : TW_ENGINE_FORGET_S) /
           TW_ENGINE_BUCKET_S;
}

static bool is_open(const struct tw_state *state)
{
    return state != NULL &&
           (state->alert.state == TW_ALERT_PENDING || state->alert.state == TW_ALERT_FIRING);
}

/* Silence is 0 for these: as long as somebody was told of it, it is known. */
static void keep_series(struct tw_links *links)
{
    for (uint32_t i = 0; i < links->count; i++) {
        if (links->items[i]->metric->is_zero_when_silent) {
            links->items[i]->is_gone = false;
        }
    }
}

static void drop_links(struct tw_engine *self, struct tw_instance *instance, struct tw_links *links)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < links->count; i++) {
        if (links->items[i]->heard > instance->heard) {
            instance->heard = links->items[i]->heard;
        }
        if (!links->items[i]->is_gone) {
            links->items[kept++] = links->items[i];
        }
    }
    self->link_count -= links->count - kept;
    links->count = kept;
}

static void sweep_series(struct tw_engine *self)
{
    for (size_t i = 0; i < self->series.capacity; i++) {
        struct tw_watched *series = self->series.slots[i].item;
        while (series != NULL && series->is_gone) {
            tw_slots_remove_at(&self->series, i);
            tw_watched_destroy(series);
            series = self->series.slots[i].item;
        }
    }
}

static void remove_instance(struct tw_engine *self, const struct tw_instance *instance)
{
    size_t at = (size_t)instance->hash & (self->instances.capacity - 1);
    while (self->instances.slots[at].item != instance) {
        at = (at + 1) & (self->instances.capacity - 1);
    }
    tw_slots_remove_at(&self->instances, at);
}

static void sweep_instances(struct tw_engine *self, struct tw_judge *judge, int32_t now)
{
    size_t kept = 0;
    for (size_t i = 0; i < judge->count; i++) {
        struct tw_instance *instance = judge->items[i];
        drop_links(self, instance, &instance->when);
        drop_links(self, instance, &instance->share);
        /* Made before the first tick, and not heard of since. */
        instance->heard = instance->heard == INT32_MIN ? now : instance->heard;
        instance->is_gone = !instance->is_static && instance->when.count == 0 &&
                            instance->share.count == 0 &&
                            now - (int64_t)instance->heard > forget_after(judge->rule->when.metric);
        if (instance->is_gone && !is_open(&instance->main) && !is_open(instance->no_data)) {
            remove_instance(self, instance);
            tw_instance_destroy(instance);
        } else {
            judge->items[kept++] = instance;
        }
    }
    judge->count = kept;
}

void tw_engine_sweep(struct tw_engine *self, int32_t now)
{
    for (size_t i = 0; i < self->series.capacity; i++) {
        struct tw_watched *series = self->series.slots[i].item;
        if (series != NULL) {
            series->is_gone = now - (int64_t)series->heard > forget_after(series->metric);
            tw_trail_settle(&series->trail);
        }
    }
    for (size_t i = 0; i < self->judge_count; i++) {
        struct tw_judge *judge = &self->judges[i];
        judge->has_lost_series = false;
        for (size_t k = 0; k < judge->count; k++) {
            if (is_open(&judge->items[k]->main)) {
                keep_series(&judge->items[k]->when);
                keep_series(&judge->items[k]->share);
            }
        }
    }
    for (size_t i = 0; i < self->judge_count; i++) {
        sweep_instances(self, &self->judges[i], now);
    }
    sweep_series(self);
    self->swept = now;
}
