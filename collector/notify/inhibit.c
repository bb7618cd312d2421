/* SPDX-License-Identifier: Apache-2.0
 * What keeps alerts quiet: silences that are active, and alerts that explain them.
 *
 * An alert t is inhibited by s when a rule says so: s fires and matches its source, t its target,
 * the labels of `equal` are the same, and with `follows` t is at or behind a step of the system of
 * s. Without `follows`, what matches both sides is not inhibited by what matches both, as
 * Alertmanager has it. Alerts are looked at from the
 * youngest to the oldest, and nobody is inhibited by what it inhibits, however many stand between:
 * of a ring somebody is always told, the oldest.
 */
#include "config.h"
#include <stdlib.h>

#include "notify/group_internal.h"

/* ---- the graph of workflows ---- */

int tw_reach_new(const struct tw_workflows *workflows, struct tw_reach **ret_reach)
{
    struct tw_reach *reach = calloc(workflows->count + 1, sizeof *reach);
    if (reach == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < workflows->count; i++) {
        const struct tw_workflow *workflow = &workflows->items[i];
        reach[i].workflow = workflow;
        for (size_t k = 0; k < workflow->step_count; k++) { /* `after` points back only */
            uint32_t behind = UINT32_C(1) << k;
            for (size_t b = 0; b < k; b++) {
                bool is_after = (workflow->steps[k].after >> b & 1) != 0;
                behind |= is_after ? reach[i].behind[b] : 0;
            }
            reach[i].behind[k] = behind;
        }
    }
    *ret_reach = reach;
    return TW_OK;
}

/* The steps of a system in a workflow. */
static uint32_t steps_of(const struct tw_workflow *workflow, struct tw_str system)
{
    uint32_t steps = 0;
    for (size_t k = 0; k < workflow->step_count; k++) {
        steps |= tw_str_is(system, workflow->steps[k].system) ? UINT32_C(1) << k : 0;
    }
    return steps;
}

/* All of `steps` are at or behind one of `from`; there is at least one. */
static bool are_behind(const struct tw_reach *reach, uint32_t steps, uint32_t from)
{
    for (size_t k = 0; k < reach->workflow->step_count; k++) {
        if ((steps >> k & 1) != 0 && (reach->behind[k] & from) == 0) {
            return false;
        }
    }
    return steps != 0;
}

/* The steps of a workflow that an alert is about; all of them: of the whole of it. */
static uint32_t steps_meant(const struct tw_workflow *workflow, const struct tw_labels *labels)
{
    struct tw_str step = tw_labels_get(labels, "step");
    struct tw_str system = tw_labels_get(labels, "system");
    struct tw_str objective = tw_labels_get(labels, "objective");
    for (size_t k = 0; step.ptr != NULL && k < workflow->step_count; k++) {
        if (tw_str_is(step, workflow->steps[k].name)) {
            return UINT32_C(1) << k;
        }
    }
    for (size_t k = 0; objective.ptr != NULL && k < workflow->objective_count; k++) {
        const struct tw_wf_objective *item = &workflow->objectives[k];
        if (tw_str_is(objective, item->name) && item->step >= 0) {
            return UINT32_C(1) << item->step;
        }
    }
    return system.ptr == NULL ? 0 : steps_of(workflow, system);
}

/* An alert about a system and no workflow: all that the system does is behind. */
static bool system_follows(const struct tw_groups *self, struct tw_str system, struct tw_str target)
{
    bool is_somewhere = false;
    if (tw_str_equal(system, target)) {
        return true;
    }
    for (size_t i = 0; i < self->workflows->count; i++) {
        const struct tw_workflow *workflow = &self->workflows->items[i];
        uint32_t steps = steps_of(workflow, target);
        if (steps != 0 && !are_behind(&self->reach[i], steps, steps_of(workflow, system))) {
            return false;
        }
        is_somewhere = is_somewhere || steps != 0;
    }
    return is_somewhere;
}

bool tw_reach_follows(const struct tw_groups *self, struct tw_str system,
                      const struct tw_labels *target)
{
    struct tw_str name = tw_labels_get(target, "workflow");
    if (name.ptr == NULL) {
        struct tw_str other = tw_labels_get(target, "system");
        return other.ptr != NULL && system_follows(self, system, other);
    }
    for (size_t i = 0; i < self->workflows->count; i++) {
        const struct tw_workflow *workflow = &self->workflows->items[i];
        if (tw_str_is(name, workflow->name)) {
            uint32_t from = steps_of(workflow, system);
            uint32_t meant = steps_meant(workflow, target);
            return meant == 0 ? from != 0 : are_behind(&self->reach[i], meant, from);
        }
    }
    return false;
}

/* ---- what never changes of an alert ---- */

void tw_known_classify(struct tw_groups *self, struct tw_known *alert)
{
    for (size_t i = 0; i < self->set->inhibit_count; i++) {
        const struct tw_inhibit *rule = &self->set->inhibits[i];
        uint64_t bit = UINT64_C(1) << i % 64;
        bool has_system =
            !rule->follows_system || tw_labels_get(&alert->labels, "system").ptr != NULL;
        if (has_system && tw_matchers_match(rule->source, &alert->labels)) {
            alert->sources[i / 64] |= bit;
        }
        if (tw_matchers_match(rule->target, &alert->labels)) {
            alert->targets[i / 64] |= bit;
        }
    }
}

int tw_known_match_silences(struct tw_groups *self, struct tw_known *alert)
{
    free(alert->silences);
    alert->silences = NULL;
    alert->silence_count = 0;
    alert->silenced_by = 0;
    for (size_t i = 0; i < self->silence_count; i++) {
        const struct tw_matchers *matchers = self->silences[i].matchers;
        if (matchers == NULL || !tw_matchers_match(matchers, &alert->labels)) {
            continue;
        }
        uint32_t *grown =
            realloc(alert->silences, (alert->silence_count + 1) * sizeof *alert->silences);
        if (grown == NULL) {
            return TW_ENOMEM;
        }
        alert->silences = grown;
        alert->silences[alert->silence_count++] = (uint32_t)i;
    }
    return TW_OK;
}

/* ---- silences ---- */

static void mark_silenced(struct tw_groups *self, tw_wall_t now)
{
    self->next_silence.ns = 0;
    for (size_t i = 0; i < self->silence_count; i++) {
        const struct tw_watch_silence *silence = &self->silences[i];
        int64_t edge = silence->starts.ns > now.ns ? silence->starts.ns : silence->ends.ns;
        bool is_next =
            edge > now.ns && (self->next_silence.ns == 0 || edge < self->next_silence.ns);
        self->next_silence.ns = is_next ? edge : self->next_silence.ns;
    }
    for (size_t i = 0; i < self->alert_count; i++) {
        struct tw_known *alert = self->alerts[i];
        alert->silenced_by = 0;
        for (size_t k = 0; k < alert->silence_count && alert->silenced_by == 0; k++) {
            const struct tw_watch_silence *silence = &self->silences[alert->silences[k]];
            bool is_active = silence->starts.ns <= now.ns && now.ns < silence->ends.ns;
            alert->silenced_by = is_active ? alert->silences[k] + 1 : 0;
        }
    }
}

/* ---- inhibition ---- */

/* Sources of one rule, by the hash of what must be equal, and of their system where it follows. */
struct source {
    uint64_t hash;
    size_t order;
    struct tw_known *alert;
};
struct sources {
    struct source *items;
    size_t count;
    struct tw_str *systems; /* different ones of them */
    size_t system_count;
};

static uint64_t add_text(uint64_t hash, struct tw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211);
    }
    return (hash ^ 0xff) * UINT64_C(1099511628211);
}

static uint64_t hash_of(const struct tw_inhibit *rule, const struct tw_labels *labels,
                        struct tw_str system)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < rule->equal.count; i++) {
        hash = add_text(hash, tw_labels_get(labels, rule->equal.items[i]));
    }
    return add_text(hash, system);
}

static bool are_equal(const struct tw_inhibit *rule, const struct tw_labels *a,
                      const struct tw_labels *b)
{
    for (size_t i = 0; i < rule->equal.count; i++) {
        if (!tw_str_equal(tw_labels_get(a, rule->equal.items[i]),
                          tw_labels_get(b, rule->equal.items[i]))) {
            return false;
        }
    }
    return true;
}

static int by_age(const void *a, const void *b)
{
    const struct tw_known *left = *(struct tw_known *const *)a;
    const struct tw_known *right = *(struct tw_known *const *)b;
    if (left->fired.ns != right->fired.ns) {
        return left->fired.ns < right->fired.ns ? -1 : 1;
    }
    return left->fingerprint < right->fingerprint ? -1 : 1; /* there are no two of one */
}

static int by_hash(const void *a, const void *b)
{
    const struct source *left = a;
    const struct source *right = b;
    if (left->hash != right->hash) {
        return left->hash < right->hash ? -1 : 1;
    }
    return left->order < right->order ? -1 : 1;
}

static void add_system(struct sources *sources, struct tw_str system)
{
    for (size_t i = 0; i < sources->system_count; i++) {
        if (tw_str_equal(sources->systems[i], system)) {
            return;
        }
    }
    sources->systems[sources->system_count++] = system;
}

static bool has_bit(const uint64_t *bits, size_t i)
{
    return (bits[i / 64] >> i % 64 & 1) != 0;
}

/* `alerts`: those that fire, by age. */
static int gather(struct tw_groups *self, size_t rule_index, struct tw_known *const *alerts,
                  size_t count, struct sources *ret_sources)
{
    const struct tw_inhibit *rule = &self->set->inhibits[rule_index];
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        most += has_bit(alerts[i]->sources, rule_index) ? 1 : 0;
    }
    *ret_sources = (struct sources){
        .items = tw_arena_alloc(&self->arena, (most + 1) * sizeof(struct source)),
        .systems = tw_arena_alloc(&self->arena, (most + 1) * sizeof(struct tw_str)),
    };
    if (ret_sources->items == NULL || ret_sources->systems == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        struct tw_known *alert = alerts[i];
        struct tw_str system = TW_STR_NULL;
        if (!has_bit(alert->sources, rule_index)) {
            continue;
        }
        if (rule->follows_system) {
            system = tw_labels_get(&alert->labels, "system");
            add_system(ret_sources, system);
        }
        ret_sources->items[ret_sources->count++] =
            (struct source){hash_of(rule, &alert->labels, system), i, alert};
    }
    if (ret_sources->count > 1) {
        qsort(ret_sources->items, ret_sources->count, sizeof(struct source), by_hash);
    }
    return TW_OK;
}

/* Whether `from` is kept quiet by `wanted`, directly or not. Depth: rings are never made, and marks
 * end what was walked. */
static bool is_kept_by(struct tw_groups *self, struct tw_known *from, const struct tw_known *wanted)
{
    if (from == wanted) {
        return true;
    }
    if (from->mark == self->walk) {
        return false;
    }
    from->mark = self->walk;
    for (size_t i = 0; i < from->inhibitor_count; i++) {
        if (is_kept_by(self, from->inhibitors[i], wanted)) {
            return true;
        }
    }
    return false;
}

static bool has_inhibitor(const struct tw_known *target, const struct tw_known *source)
{
    for (size_t i = 0; i < target->inhibitor_count; i++) {
        if (target->inhibitors[i] == source) {
            return true;
        }
    }
    return false;
}

/* Those of one hash, the oldest first. */
static void inhibit_by(struct tw_groups *self, size_t rule_index, const struct sources *sources,
                       uint64_t hash, struct tw_known *target)
{
    const struct tw_inhibit *rule = &self->set->inhibits[rule_index];
    bool is_source = !rule->follows_system && has_bit(target->sources, rule_index);
    size_t low = 0;
    size_t high = sources->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (sources->items[middle].hash < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    for (size_t i = low; i < sources->count && sources->items[i].hash == hash &&
                         target->inhibitor_count < TW_GROUP_INHIBITORS_MAX;
         i++) {
        struct tw_known *source = sources->items[i].alert;
        bool is_two_sided = is_source && has_bit(source->targets, rule_index);
        if (source == target || is_two_sided || has_inhibitor(target, source) ||
            !are_equal(rule, &source->labels, &target->labels)) {
            continue;
        }
        self->walk++;
        if (source->inhibitor_count == 0 || !is_kept_by(self, source, target)) {
            target->inhibitors[target->inhibitor_count++] = source;
        }
    }
}

static void inhibit(struct tw_groups *self, size_t rule_index, const struct sources *sources,
                    struct tw_known *target)
{
    const struct tw_inhibit *rule = &self->set->inhibits[rule_index];
    if (sources->count == 0 || !has_bit(target->targets, rule_index)) {
        return;
    }
    if (!rule->follows_system) {
        inhibit_by(self, rule_index, sources, hash_of(rule, &target->labels, TW_STR_NULL), target);
        return;
    }
    for (size_t i = 0; i < sources->system_count; i++) {
        struct tw_str system = sources->systems[i];
        if (tw_reach_follows(self, system, &target->labels)) {
            inhibit_by(self, rule_index, sources, hash_of(rule, &target->labels, system), target);
        }
    }
}

static int mark_inhibited(struct tw_groups *self)
{
    size_t count = 0;
    tw_arena_reset(&self->arena);
    struct tw_known **alerts =
        tw_arena_alloc(&self->arena, (self->alert_count + 1) * sizeof *alerts);
    struct sources *sources =
        tw_arena_zalloc(&self->arena, (self->set->inhibit_count + 1) * sizeof *sources);
    if (alerts == NULL || sources == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < self->alert_count; i++) {
        self->alerts[i]->inhibitor_count = 0;
        if (tw_known_fires(self->alerts[i])) {
            alerts[count++] = self->alerts[i];
        }
    }
    if (count > 1) {
        qsort(alerts, count, sizeof *alerts, by_age);
    }
    int rc = TW_OK;
    for (size_t r = 0; r < self->set->inhibit_count && rc == TW_OK; r++) {
        rc = gather(self, r, alerts, count, &sources[r]);
    }
    for (size_t i = count; i-- > 0 && rc == TW_OK;) {
        for (size_t r = 0; r < self->set->inhibit_count; r++) {
            inhibit(self, r, &sources[r], alerts[i]);
        }
    }
    return rc;
}

int tw_groups_mark(struct tw_groups *self, tw_wall_t now)
{
    bool is_edge = self->next_silence.ns != 0 && now.ns >= self->next_silence.ns;
    if (!self->is_stale && !is_edge) {
        return TW_OK;
    }
    self->generation++;
    tw_groups_sweep(self);
    mark_silenced(self, now);
    int rc = mark_inhibited(self);
    self->is_stale = rc != TW_OK;
    return rc;
}

int tw_known_inhibited_json(const struct tw_known *alert, struct tw_arena *arena,
                            struct tw_str *ret_json)
{
    char text[TW_GROUP_INHIBITORS_MAX * (TW_FINGERPRINT_HEX_LEN + 3) + 3];
    size_t len = 0;
    *ret_json = TW_STR_NULL;
    if (alert->inhibitor_count == 0) {
        return TW_OK;
    }
    for (size_t i = 0; i < alert->inhibitor_count; i++) {
        text[len++] = i == 0 ? '[' : ',';
        text[len++] = '"';
        tw_fingerprint_hex(alert->inhibitors[i]->fingerprint, text + len);
        len += TW_FINGERPRINT_HEX_LEN;
        text[len++] = '"';
    }
    text[len++] = ']';
    *ret_json = tw_arena_copy(arena, (struct tw_str){text, len});
    return ret_json->ptr == NULL ? TW_ENOMEM : TW_OK;
}
