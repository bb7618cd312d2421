/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "track/match.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "event/text.h"
#include "track/match_internal.h"

#define MEMO_FIRST 256
/* Combinations remembered; others are put together each time. */
#define MEMO_MAX 65536

/* ---- life ----------------------------------------------------------------------------------- */

int tw_matcher_new(struct tw_matcher **ret_matcher)
{
    struct tw_matcher *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    int err = tw_match_grow(&self->sets, self->set_count, &self->set_capacity, sizeof *self->sets);
    if (err == TW_OK) {
        self->sets[self->set_count++] = (struct set){0};
        self->by_content = calloc(64, sizeof *self->by_content);
        self->by_content_mask = 63;
        self->memos = calloc(MEMO_FIRST, sizeof *self->memos);
        self->memo_mask = MEMO_FIRST - 1;
    }
    if (self->by_content == NULL || self->memos == NULL) {
        tw_matcher_destroy(&self);
        return TW_ENOMEM;
    }
    *ret_matcher = self;
    return TW_OK;
}

void tw_matcher_destroy(struct tw_matcher **self_p)
{
    struct tw_matcher *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    tw_match_compiled_fini(&self->compiled);
    for (uint32_t i = 0; i < self->version_count; i++) {
        tw_workflows_unref(&self->versions[i].set);
    }
    free(self->memos);
    free(self->sets);
    free(self->by_content);
    free(self->entries);
    free(self);
}

/* ---- versions ------------------------------------------------------------------------------- */

int tw_matcher_find_version(const struct tw_matcher *self, const char *name, uint64_t hash,
                            uint32_t *ret_version)
{
    for (uint32_t i = 0; i < self->version_count; i++) {
        const struct tw_workflow *workflow = self->versions[i].workflow;
        if (workflow != NULL && workflow->version == hash && strcmp(workflow->name, name) == 0) {
            *ret_version = i;
            return TW_OK;
        }
    }
    return TW_ENOTFOUND;
}

int tw_matcher_find_exact(const struct tw_matcher *self, struct tw_str name, uint64_t hash,
                          uint64_t slos, uint32_t *ret_version)
{
    for (uint32_t i = 0; i < self->version_count; i++) {
        const struct tw_workflow *workflow = self->versions[i].workflow;
        if (workflow != NULL && workflow->version == hash && workflow->slo_version == slos &&
            tw_str_is(name, workflow->name)) {
            *ret_version = i;
            return TW_OK;
        }
    }
    return TW_ENOTFOUND;
}

/* From now on these versions are matched. */
static int compile(struct tw_matcher *self)
{
    struct compiled compiled;
    int err = tw_match_compile(self->versions, self->version_count, &compiled);
    if (err == TW_OK) {
        tw_match_compiled_fini(&self->compiled);
        self->compiled = compiled;
        memset(self->memos, 0, ((size_t)self->memo_mask + 1) * sizeof *self->memos);
        self->memo_count = 0;
    }
    return err;
}

static int add_version(struct tw_matcher *self, const struct tw_workflows *set, size_t item,
                       uint32_t *ret_version)
{
    uint32_t free_number = 0;
    const struct tw_workflow *workflow = &set->items[item];
    if (tw_matcher_find_exact(self, tw_str_of(workflow->name), workflow->version,
                              workflow->slo_version, ret_version) == TW_OK) {
        return TW_OK;
    }
    while (free_number < self->version_count && self->versions[free_number].workflow != NULL) {
        free_number++;
    }
    if (free_number == TW_MATCH_VERSIONS_MAX) {
        return TW_ELIMIT;
    }
    self->versions[free_number] =
        (struct version){.workflow = workflow, .set = tw_workflows_ref(set)};
    if (free_number == self->version_count) {
        self->version_count++;
    }
    *ret_version = free_number;
    return TW_OK;
}

static int take_set(struct tw_matcher *self, const struct tw_workflows *set, bool is_current)
{
    struct version *before = malloc(sizeof self->versions);
    if (before == NULL) {
        return TW_ENOMEM;
    }
    memcpy(before, self->versions, sizeof self->versions);
    uint32_t count_before = self->version_count;
    for (uint32_t i = 0; is_current && i < count_before; i++) {
        self->versions[i].is_current = false;
    }
    int err = TW_OK;
    for (size_t i = 0; i < set->count && err == TW_OK; i++) {
        uint32_t number = 0;
        err = add_version(self, set, i, &number);
        if (err == TW_OK && is_current) {
            self->versions[number].is_current = true;
        }
    }
    if (err == TW_OK) {
        err = compile(self);
    }
    for (uint32_t i = 0; err != TW_OK && i < self->version_count; i++) {
        if (before[i].workflow == NULL && self->versions[i].workflow != NULL) {
            tw_workflows_unref(&self->versions[i].set);
        }
    }
    if (err != TW_OK) {
        memcpy(self->versions, before, sizeof self->versions);
        self->version_count = count_before;
    }
    free(before);
    return err;
}

int tw_matcher_set(struct tw_matcher *self, const struct tw_workflows *set)
{
    return take_set(self, set, true);
}

int tw_matcher_add(struct tw_matcher *self, const struct tw_workflows *set)
{
    return take_set(self, set, false);
}

int tw_matcher_retire(struct tw_matcher *self, uint32_t version)
{
    TW_ASSERT(version < self->version_count && self->versions[version].workflow != NULL &&
              !self->versions[version].is_current);
    struct version was = self->versions[version];
    self->versions[version] = (struct version){0};
    int err = compile(self);
    if (err != TW_OK) {
        self->versions[version] = was;
        return err;
    }
    tw_workflows_unref(&was.set);
    return tw_match_forget_version(self, version);
}

uint32_t tw_matcher_version_count(const struct tw_matcher *self)
{
    return self->version_count;
}

const struct tw_workflow *tw_matcher_workflow(const struct tw_matcher *self, uint32_t version)
{
    return version < self->version_count ? self->versions[version].workflow : NULL;
}

bool tw_matcher_is_current(const struct tw_matcher *self, uint32_t version)
{
    return version < self->version_count && self->versions[version].is_current;
}

/* ---- one event ------------------------------------------------------------------------------ */

static struct tw_str attribute_of(const struct tw_event *event, const struct condition *condition)
{
    return condition->attribute >= 0 ? event->attr[condition->attribute]
                                     : tw_event_attribute(event, condition->name);
}

static void evaluate(const struct bucket *bucket, const struct tw_event *event, uint64_t *bits)
{
    for (uint32_t i = 0; i < bucket->condition_count; i++) {
        const struct condition *condition = &bucket->conditions[i];
        struct tw_str text = attribute_of(event, condition);
        bool is_present = text.ptr != NULL && text.len > 0;
        bool is_met = condition->kind == TW_WHERE_EQUALS
                          ? is_present && tw_str_equal(text, condition->value)
                          : is_present == (condition->kind == TW_WHERE_PRESENT);
        bits[i / 64] |= is_met ? UINT64_C(1) << i % 64 : 0;
    }
}

static bool is_set(const uint64_t *bits, uint32_t number)
{
    return (bits[number / 64] >> number % 64 & 1) != 0;
}

static bool holds(const struct row *row, const uint64_t *bits)
{
    for (uint32_t i = 0; i < row->where_count; i++) {
        if (!is_set(bits, row->where[i])) {
            return false;
        }
    }
    return true;
}

static uint32_t present_of(const struct bucket *bucket, uint16_t version, const uint64_t *bits)
{
    uint32_t present = 0;
    for (uint32_t i = 0; i < bucket->asked_count; i++) {
        if (bucket->asked[i].version == version && is_set(bits, bucket->asked[i].condition)) {
            present |= UINT32_C(1) << bucket->asked[i].step;
        }
    }
    return present;
}

/* What one combination comes to. Rows of a step stand together. */
static int resolve(struct tw_matcher *self, const struct bucket *bucket, uint8_t outcome,
                   const uint64_t *bits, uint32_t *ret_id)
{
    static const uint8_t ranks[] = {[TW_FACT_DONE] = 0,
                                    [TW_FACT_RETRYING] = 1,
                                    [TW_FACT_FAILED] = 2,
                                    [TW_FACT_COMPENSATION] = 3};
    static const uint8_t roles[] = {
        [ROW_FAILURE] = TW_FACT_FAILED, [ROW_COMPENSATION] = TW_FACT_COMPENSATION};
    struct tw_match_entry *entries = self->compiled.scratch;
    uint32_t count = 0;
    for (uint32_t i = 0; i < bucket->row_count; i++) {
        const struct row *row = &bucket->rows[i];
        if (!holds(row, bits)) {
            continue;
        }
        uint8_t role = row->kind == ROW_DONE ? outcome : roles[row->kind];
        struct tw_match_entry *last = count == 0 ? NULL : &entries[count - 1];
        if (last != NULL && last->version == row->version && last->step == row->step) {
            last->role = ranks[role] > ranks[last->role] ? role : last->role;
            continue;
        }
        bool is_start = (self->versions[row->version].workflow->starts >> row->step & 1) != 0;
        entries[count++] = (struct tw_match_entry){
            .version = row->version,
            .step = row->step,
            .role = role,
            .present = is_start ? present_of(bucket, row->version, bits) : 0};
    }
    int err = tw_match_intern(self, entries, count, ret_id);
    self->stats.overflows += err == TW_OK && count > 0 && *ret_id == 0 ? 1 : 0;
    return err;
}

static uint32_t memo_slot(const struct tw_matcher *self, const struct memo *wanted)
{
    uint64_t hash = XXH3_64bits_withSeed(wanted->bits, sizeof wanted->bits,
                                         (uint64_t)wanted->bucket << 8 | wanted->outcome);
    uint32_t slot = (uint32_t)hash & self->memo_mask;
    for (;; slot = (slot + 1) & self->memo_mask) {
        const struct memo *memo = &self->memos[slot];
        if (memo->bucket == 0 ||
            (memo->bucket == wanted->bucket && memo->outcome == wanted->outcome &&
             memcmp(memo->bits, wanted->bits, sizeof memo->bits) == 0)) {
            return slot;
        }
    }
}

static int remember(struct tw_matcher *self, const struct memo *memo)
{
    if (self->memo_count == MEMO_MAX) {
        return TW_OK;
    }
    if (self->memo_count * 2 > self->memo_mask) {
        struct memo *old = self->memos;
        uint32_t slots = self->memo_mask + 1;
        struct memo *memos = calloc((size_t)slots * 2, sizeof *memos);
        if (memos == NULL) {
            return TW_ENOMEM;
        }
        self->memos = memos;
        self->memo_mask = slots * 2 - 1;
        for (uint32_t i = 0; i < slots; i++) {
            if (old[i].bucket != 0) {
                memos[memo_slot(self, &old[i])] = old[i];
            }
        }
        free(old);
    }
    self->memos[memo_slot(self, memo)] = *memo;
    self->memo_count++;
    return TW_OK;
}

static int find_id(struct tw_matcher *self, const struct bucket *bucket, uint8_t outcome,
                   const struct tw_event *event, uint32_t *ret_id)
{
    struct memo memo = {.bucket = (uint32_t)(bucket - self->compiled.buckets) + 1,
                        .outcome = outcome};
    evaluate(bucket, event, memo.bits);
    if (bucket->dense != NULL) {
        uint32_t *cell =
            &bucket->dense[(uint32_t)outcome << bucket->condition_count | (uint32_t)memo.bits[0]];
        int err = *cell == NONE ? resolve(self, bucket, outcome, memo.bits, &memo.id) : TW_OK;
        if (err == TW_OK && *cell == NONE) {
            *cell = memo.id;
        }
        *ret_id = *cell;
        return err;
    }
    const struct memo *known = &self->memos[memo_slot(self, &memo)];
    if (known->bucket != 0) {
        *ret_id = known->id;
        return TW_OK;
    }
    int err = resolve(self, bucket, outcome, memo.bits, &memo.id);
    *ret_id = memo.id;
    return err == TW_OK ? remember(self, &memo) : err;
}

static uint8_t role_of_outcome(struct tw_str outcome)
{
    if (tw_str_is(outcome, "failed") || tw_str_is(outcome, "deadletter")) {
        return TW_FACT_FAILED;
    }
    if (tw_str_is(outcome, "retrying")) {
        return TW_FACT_RETRYING;
    }
    return tw_str_is(outcome, "compensated") ? TW_FACT_COMPENSATION : TW_FACT_DONE;
}

static void read_amount(struct tw_matcher *self, const struct tw_event *event,
                        struct tw_match *match)
{
    struct tw_str amount = event->attr[TW_ATTR_AMOUNT];
    struct tw_str currency = event->attr[TW_ATTR_CURRENCY];
    if (amount.ptr == NULL) {
        return;
    }
    if (tw_match_amount(amount, currency, &match->amount_minor) != TW_OK) {
        self->stats.bad_amounts++;
        return;
    }
    match->has_amount = true;
    memcpy(match->currency, currency.ptr, 3);
}

int tw_matcher_match(struct tw_matcher *self, const struct tw_event *event,
                     struct tw_match *ret_match)
{
    struct tw_match match = {.cause = TW_CAUSE_NONE};
    const struct bucket *bucket = tw_match_bucket(&self->compiled, event->attr[TW_ATTR_TYPE]);
    uint8_t outcome = role_of_outcome(event->attr[TW_ATTR_OUTCOME]);
    if (bucket != NULL) {
        int err = find_id(self, bucket, outcome, event, &match.id);
        if (err != TW_OK) {
            return err;
        }
    }
    if (match.id != 0) {
        if (outcome == TW_FACT_FAILED || outcome == TW_FACT_RETRYING ||
            self->sets[match.id].has_failure) {
            enum tw_cause cause = tw_cause_find(event->attr[TW_ATTR_ERRORCLASS]);
            match.cause = (uint8_t)(cause == TW_CAUSE_NONE ? TW_CAUSE_UNKNOWN : cause);
        }
        match.store = event->attr[TW_ATTR_STOREID];
        match.region = event->attr[TW_ATTR_REGION];
        match.code = event->attr[TW_ATTR_ERRORCODE];
        read_amount(self, event, &match);
    }
    *ret_match = match;
    return TW_OK;
}

void tw_matcher_stats(const struct tw_matcher *self, struct tw_matcher_stats *ret_stats)
{
    const struct compiled *compiled = &self->compiled;
    *ret_stats = self->stats;
    ret_stats->bytes = sizeof *self + ((uint64_t)self->memo_mask + 1) * sizeof *self->memos +
                       self->set_capacity * sizeof *self->sets +
                       ((uint64_t)self->by_content_mask + 1) * sizeof *self->by_content +
                       self->entry_capacity * sizeof *self->entries +
                       ((uint64_t)compiled->exact_mask + 1) * sizeof *compiled->exact;
    for (uint32_t i = 0; i < compiled->bucket_count; i++) {
        const struct bucket *bucket = &compiled->buckets[i];
        ret_stats->bytes += sizeof *bucket + bucket->row_capacity * sizeof *bucket->rows +
                            bucket->asked_capacity * sizeof *bucket->asked +
                            bucket->condition_capacity * sizeof *bucket->conditions;
        if (bucket->dense != NULL) {
            ret_stats->bytes +=
                ((uint64_t)OUTCOMES << bucket->condition_count) * sizeof *bucket->dense;
        }
    }
}

/* ---- amounts -------------------------------------------------------------------------------- */

/* One digit more; false: it does not fit. */
static bool add_digit(bool is_negative, int digit, int64_t *value)
{
    int64_t signed_digit = is_negative ? -digit : digit;
    return !__builtin_mul_overflow(*value, INT64_C(10), value) &&
           !__builtin_add_overflow(*value, signed_digit, value);
}

int tw_match_amount(struct tw_str amount, struct tw_str currency, int64_t *ret_minor)
{
    if (amount.len == 0 || !tw_text_is_amount(amount) || !tw_text_is_currency(currency)) {
        return TW_ESYNTAX;
    }
    bool is_negative = amount.ptr[0] == '-';
    unsigned missing = tw_currency_exponent(currency); /* digits of the minor unit */
    bool is_fraction = false;
    bool fits = true;
    int64_t value = 0;
    for (size_t i = is_negative ? 1 : 0; i < amount.len; i++) {
        int digit = amount.ptr[i] - '0';
        if (amount.ptr[i] == '.') {
            is_fraction = true;
        } else if (is_fraction && missing == 0) {
            if (digit != 0) {
                return TW_ESYNTAX;
            }
        } else {
            fits = fits && add_digit(is_negative, digit, &value);
            missing -= is_fraction ? 1 : 0;
        }
    }
    for (; missing > 0; missing--) {
        fits = fits && add_digit(is_negative, 0, &value);
    }
    if (!fits) {
        return TW_ELIMIT;
    }
    *ret_minor = value;
    return TW_OK;
}
