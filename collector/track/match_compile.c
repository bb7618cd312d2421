/* SPDX-License-Identifier: Apache-2.0
 * From definitions to buckets. Types and prefixes stand in one sorted array, so that what begins
 * with a prefix is a range of it. */
#include "config.h"
#include "track/match_internal.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* What is visited of every definition. */
struct pattern {
    const struct tw_wf_match *match;
    uint16_t version;
    uint8_t step;
    uint8_t kind;
};
typedef int visit_pattern(struct compiled *self, const struct version *versions,
                          const struct pattern *pattern);

int tw_match_grow(void *array_p, uint32_t count, uint32_t *capacity, size_t size)
{
    void **array = array_p;
    if (count < *capacity) {
        return TW_OK;
    }
    uint32_t bigger = *capacity == 0 ? 8 : *capacity * 2;
    void *grown = realloc(*array, bigger * size);
    if (grown == NULL) {
        return TW_ENOMEM;
    }
    *array = grown;
    *capacity = bigger;
    return TW_OK;
}

static int visit_step(struct compiled *self, const struct version *versions, uint16_t version,
                      uint8_t step, visit_pattern *visit)
{
    const struct tw_wf_step *def = &versions[version].workflow->steps[step];
    const struct {
        const struct tw_wf_match *items;
        size_t count;
    } kinds[] = {[ROW_DONE] = {def->done, def->done_count},
                 [ROW_FAILURE] = {def->failure, def->failure_count},
                 [ROW_COMPENSATION] = {def->compensation, def->compensation_count}};
    for (size_t kind = ROW_DONE; kind <= ROW_COMPENSATION; kind++) {
        for (size_t i = 0; i < kinds[kind].count; i++) {
            struct pattern pattern = {&kinds[kind].items[i], version, step, (uint8_t)kind};
            int err = visit(self, versions, &pattern);
            if (err != TW_OK) {
                return err;
            }
        }
    }
    return TW_OK;
}

static int visit_all(struct compiled *self, const struct version *versions, uint32_t count,
                     visit_pattern *visit)
{
    for (uint32_t version = 0; version < count; version++) {
        const struct tw_workflow *workflow = versions[version].workflow;
        for (size_t step = 0; workflow != NULL && step < workflow->step_count; step++) {
            int err = visit_step(self, versions, (uint16_t)version, (uint8_t)step, visit);
            if (err != TW_OK) {
                return err;
            }
        }
    }
    return TW_OK;
}

/* ---- types ---------------------------------------------------------------------------------- */

static int name_type(struct compiled *self, const struct version *versions,
                     const struct pattern *pattern)
{
    (void)versions; /* of interest to the other visit */
    /* as many as there are patterns, until repeats are taken out */
    self->buckets[self->bucket_count++] = (struct bucket){.type = tw_str_of(pattern->match->event),
                                                          .is_prefix = pattern->match->is_prefix};
    return TW_OK;
}

static int count_pattern(struct compiled *self, const struct version *versions,
                         const struct pattern *pattern)
{
    (void)versions; /* of interest to another visit */
    (void)pattern;  /* likewise */
    self->bucket_count++;
    return TW_OK;
}

static int compare_buckets(const void *a, const void *b)
{
    const struct bucket *left = a;
    const struct bucket *right = b;
    int order = tw_str_compare(left->type, right->type);
    return order != 0 ? order : (int)left->is_prefix - (int)right->is_prefix;
}

static uint32_t exact_slot(const struct compiled *self, struct tw_str type)
{
    uint32_t slot = (uint32_t)XXH3_64bits(type.ptr, type.len) & self->exact_mask;
    while (self->exact[slot] != 0 &&
           !tw_str_equal(self->buckets[self->exact[slot] - 1].type, type)) {
        slot = (slot + 1) & self->exact_mask;
    }
    return slot;
}

/* The longest prefix that the text begins with, NONE. What stands between a prefix of the text and
 * the text begins with that prefix too: the parents of the greatest one that is not greater than
 * the text are all there are. */
static uint32_t longest_prefix(const struct compiled *self, struct tw_str text, uint32_t count)
{
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tw_str_compare(self->buckets[self->prefixes[middle]].type, text) <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    uint32_t found = low == 0 ? NONE : self->prefixes[low - 1];
    while (found != NONE && !tw_str_starts(text, self->buckets[found].type)) {
        found = self->buckets[found].parent;
    }
    return found;
}

static int find_types(struct compiled *self, const struct version *versions, uint32_t count)
{
    (void)visit_all(self, versions, count, count_pattern); /* cannot fail */
    size_t patterns = self->bucket_count;
    self->bucket_count = 0;
    self->buckets = calloc(patterns + 1, sizeof *self->buckets);
    self->prefixes = calloc(patterns + 1, sizeof *self->prefixes);
    self->exact_mask = 15;
    while ((size_t)self->exact_mask < patterns * 2) {
        self->exact_mask = self->exact_mask * 2 + 1;
    }
    self->exact = calloc((size_t)self->exact_mask + 1, sizeof *self->exact);
    if (self->buckets == NULL || self->prefixes == NULL || self->exact == NULL) {
        return TW_ENOMEM;
    }
    (void)visit_all(self, versions, count, name_type); /* cannot fail */
    qsort(self->buckets, self->bucket_count, sizeof *self->buckets, compare_buckets);
    uint32_t distinct = 0;
    for (uint32_t i = 0; i < self->bucket_count; i++) {
        if (distinct == 0 ||
            compare_buckets(&self->buckets[distinct - 1], &self->buckets[i]) != 0) {
            self->buckets[distinct++] = self->buckets[i];
        }
    }
    self->bucket_count = distinct;
    for (uint32_t i = 0; i < distinct; i++) {
        if (!self->buckets[i].is_prefix) {
            self->exact[exact_slot(self, self->buckets[i].type)] = i + 1;
            continue;
        }
        self->buckets[i].parent = longest_prefix(self, self->buckets[i].type, self->prefix_count);
        self->prefixes[self->prefix_count++] = i;
    }
    return TW_OK;
}

const struct bucket *tw_match_bucket(const struct compiled *self, struct tw_str type)
{
    if (self->bucket_count == 0) {
        return NULL;
    }
    uint32_t number = self->exact[exact_slot(self, type)];
    if (number != 0) {
        return &self->buckets[number - 1];
    }
    uint32_t prefix = longest_prefix(self, type, self->prefix_count);
    return prefix == NONE ? NULL : &self->buckets[prefix];
}

/* ---- rows ----------------------------------------------------------------------------------- */

static int add_condition(struct bucket *self, const struct condition *condition,
                         uint8_t *ret_number)
{
    for (uint32_t i = 0; i < self->condition_count; i++) {
        const struct condition *known = &self->conditions[i];
        if (known->kind == condition->kind && tw_str_equal(known->name, condition->name) &&
            tw_str_equal(known->value, condition->value)) {
            *ret_number = (uint8_t)i;
            return TW_OK;
        }
    }
    if (self->condition_count == TW_MATCH_CONDITIONS_MAX) {
        return TW_ELIMIT;
    }
    int err = tw_match_grow(&self->conditions, self->condition_count, &self->condition_capacity,
                            sizeof *self->conditions);
    if (err == TW_OK) {
        *ret_number = (uint8_t)self->condition_count;
        self->conditions[self->condition_count++] = *condition;
    }
    return err;
}

static struct condition condition_of(const char *attribute, enum tw_where_kind kind,
                                     const char *value)
{
    struct tw_str name = tw_str_of(attribute);
    struct tw_str wanted = kind == TW_WHERE_EQUALS ? tw_str_of(value) : TW_STR_LIT("");
    return (struct condition){kind, tw_attribute_find(name), name, wanted};
}

/* What the steps of a workflow ask of its start event; once a version, which come in order. */
static int add_asked(struct bucket *self, const struct tw_workflow *workflow, uint16_t version)
{
    if (self->asked_count > 0 && self->asked[self->asked_count - 1].version == version) {
        return TW_OK;
    }
    for (size_t step = 0; step < workflow->step_count; step++) {
        if (workflow->steps[step].when == NULL) {
            continue;
        }
        struct asked asked = {.version = version, .step = (uint8_t)step};
        struct condition condition =
            condition_of(workflow->steps[step].when, TW_WHERE_PRESENT, NULL);
        int err = add_condition(self, &condition, &asked.condition);
        if (err == TW_OK) {
            err = tw_match_grow(&self->asked, self->asked_count, &self->asked_capacity,
                                sizeof *self->asked);
        }
        if (err != TW_OK) {
            return err;
        }
        self->asked[self->asked_count++] = asked;
    }
    return TW_OK;
}

static int add_row(struct compiled *compiled, struct bucket *self, const struct version *versions,
                   const struct pattern *pattern)
{
    const struct tw_workflow *workflow = versions[pattern->version].workflow;
    if (compiled->row_count == TW_MATCH_ROWS_MAX) {
        return TW_ELIMIT;
    }
    struct row row = {.version = pattern->version, .step = pattern->step, .kind = pattern->kind};
    int err = TW_OK;
    for (size_t i = 0; i < pattern->match->where_count && err == TW_OK; i++) {
        const struct tw_wf_where *where = &pattern->match->where[i];
        struct condition condition = condition_of(where->attribute, where->kind, where->value);
        err = add_condition(self, &condition, &row.where[row.where_count++]);
    }
    if (err == TW_OK && (workflow->starts >> pattern->step & 1) != 0) {
        err = add_asked(self, workflow, pattern->version);
    }
    if (err == TW_OK) {
        err = tw_match_grow(&self->rows, self->row_count, &self->row_capacity, sizeof *self->rows);
    }
    if (err == TW_OK) {
        self->rows[self->row_count++] = row;
        compiled->row_count++;
    }
    return err;
}

/* Into the bucket of its type; a prefix into all that begin with it, too. */
static int place_pattern(struct compiled *self, const struct version *versions,
                         const struct pattern *pattern)
{
    struct tw_str type = tw_str_of(pattern->match->event);
    if (!pattern->match->is_prefix) {
        return add_row(self, &self->buckets[self->exact[exact_slot(self, type)] - 1], versions,
                       pattern);
    }
    uint32_t low = 0;
    uint32_t high = self->bucket_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (tw_str_compare(self->buckets[middle].type, type) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    int err = TW_OK;
    for (; err == TW_OK && low < self->bucket_count && tw_str_starts(self->buckets[low].type, type);
         low++) {
        err = add_row(self, &self->buckets[low], versions, pattern);
    }
    return err;
}

static int finish(struct compiled *self)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < self->bucket_count; i++) {
        struct bucket *bucket = &self->buckets[i];
        most = bucket->row_count > most ? bucket->row_count : most;
        if (bucket->condition_count > DENSE_MAX) {
            continue;
        }
        size_t cells = (size_t)OUTCOMES << bucket->condition_count;
        bucket->dense = malloc(cells * sizeof *bucket->dense);
        if (bucket->dense == NULL) {
            return TW_ENOMEM;
        }
        memset(bucket->dense, 0xff, cells * sizeof *bucket->dense); /* NONE */
    }
    self->scratch = calloc((size_t)most + 1, sizeof *self->scratch);
    return self->scratch == NULL ? TW_ENOMEM : TW_OK;
}

int tw_match_compile(const struct version *versions, uint32_t count, struct compiled *ret_compiled)
{
    struct compiled self = {0};
    int err = find_types(&self, versions, count);
    if (err == TW_OK) {
        err = visit_all(&self, versions, count, place_pattern);
    }
    if (err == TW_OK) {
        err = finish(&self);
    }
    if (err != TW_OK) {
        tw_match_compiled_fini(&self);
        return err;
    }
    *ret_compiled = self;
    return TW_OK;
}

void tw_match_compiled_fini(struct compiled *self)
{
    for (uint32_t i = 0; i < self->bucket_count && self->buckets != NULL; i++) {
        free(self->buckets[i].rows);
        free(self->buckets[i].asked);
        free(self->buckets[i].conditions);
        free(self->buckets[i].dense);
    }
    free(self->buckets);
    free(self->prefixes);
    free(self->exact);
    free(self->scratch);
    *self = (struct compiled){0};
}
