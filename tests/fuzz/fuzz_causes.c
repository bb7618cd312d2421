/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a file of rules and, behind a NUL, as what is known of a failure (texts that end
 * with a NUL each): no crash, bounded time and memory. What is accepted comes back the same through
 * JSON, as the API has it; and the verdict is the rule that fits by the plain definition.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "causes/rules.h"
#include "core/err.h"
#include "fuzz.h"

static struct tw_str next_text(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size == 0 ? NULL : memchr(*data, 0, *size);
    size_t len = end == NULL ? *size : (size_t)(end - *data);
    struct tw_str text = {(const char *)*data, len};
    size_t step = end == NULL ? len : len + 1;
    *data += step;
    *size -= step;
    return text;
}

static void check_same(const struct tw_causes *set)
{
    struct tw_buf text;
    const struct tw_causes *again = NULL;
    json_t *rules = json_array();
    tw_buf_init(&text, (size_t)64 << 20);
    for (size_t i = 0; i < set->count; i++) {
        json_t *rule = tw_causes_rule_json(&set->items[i]);
        if (rule == NULL || json_array_append_new(rules, rule) != 0) {
            abort();
        }
    }
    if (tw_causes_write(rules, &text) != TW_OK ||
        tw_causes_parse("again", (struct tw_str){text.data, text.len}, TW_CAUSES_OPERATORS, stderr,
                        &again) != TW_OK ||
        again->count != set->count) {
        abort();
    }
    for (size_t i = 0; i < set->count; i++) {
        json_t *rule = tw_causes_rule_json(&again->items[i]);
        if (!json_equal(rule, json_array_get(rules, i))) {
            abort();
        }
        json_decref(rule);
    }
    tw_causes_unref(&again);
    json_decref(rules);
    tw_buf_fini(&text);
}

/* One of the patterns fits. */
static bool any_fits(const struct tw_cfg_strings *patterns, struct tw_str text, size_t most)
{
    struct tw_str seen = {text.ptr, text.len < most ? text.len : most};
    for (size_t i = 0; i < patterns->count && seen.len > 0; i++) {
        char lower[TW_CAUSES_PATTERN_MAX];
        size_t len = strlen(patterns->items[i]);
        for (size_t k = 0; k < len; k++) {
            char c = patterns->items[i][k];
            lower[k] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        }
        if (tw_causes_glob((struct tw_str){lower, len}, seen)) {
            return true;
        }
    }
    return false;
}

static bool takes(const struct tw_cause_rule *rule, const struct tw_failure_facts *facts)
{
    const struct tw_str texts[] = {facts->system, facts->type, facts->code, facts->errorclass};
    for (unsigned i = 0; i < TW_CAUSE_WHEN_STATUS; i++) {
        if (rule->when[i].count > 0 && !any_fits(&rule->when[i], texts[i], TW_CAUSES_TEXT_BYTES)) {
            return false;
        }
    }
    const struct tw_cfg_strings *statuses = &rule->when[TW_CAUSE_WHEN_STATUS];
    bool has_status = statuses->count == 0;
    for (size_t i = 0; i < statuses->count; i++) {
        const char *text = statuses->items[i];
        has_status = has_status || (text[1] >= 'A' ? facts->status / 100 == (unsigned)text[0] - '0'
                                                   : facts->status == strtoul(text, NULL, 10));
    }
    return has_status &&
           (rule->when[TW_CAUSE_WHEN_MESSAGE].count == 0 ||
            any_fits(&rule->when[TW_CAUSE_WHEN_MESSAGE], facts->message, TW_CAUSES_MESSAGE_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tw_causes *set = NULL;
    struct tw_str yaml = next_text(&data, &size);
    struct tw_failure_facts facts = {.system = next_text(&data, &size)};
    facts.type = next_text(&data, &size);
    facts.code = next_text(&data, &size);
    facts.message = next_text(&data, &size);
    facts.errorclass = next_text(&data, &size);
    facts.status = tw_causes_status_of_code(facts.code);
    if (tw_causes_parse("fuzz", yaml, TW_CAUSES_OPERATORS, NULL, &set) != TW_OK) {
        return 0;
    }
    check_same(set);
    struct tw_cause_verdict verdict;
    tw_causes_classify(set, &facts, &verdict);
    size_t first = 0;
    while (first < set->count && !takes(&set->items[first], &facts)) {
        first++;
    }
    if (verdict.index != (first == set->count ? -1 : (int)first) ||
        verdict.cause <= TW_CAUSE_NONE || verdict.cause >= TW_CAUSE_COUNT) {
        abort();
    }
    tw_causes_unref(&set);
    return 0;
}
