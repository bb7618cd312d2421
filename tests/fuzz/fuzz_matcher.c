/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a matcher, as people write it and as JSON. One that is taken is written and read
 * again as the same; what it says of a label it says again, and of a pattern that does not give up
 * the negation says the opposite.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "alert/matcher.h"
#include "fuzz.h"

#define ARENA_BYTES (4u << 20)

static bool matches(const struct tw_matcher_text *item, const struct tw_labels *labels,
                    bool *ret_is_match)
{
    struct tw_matchers *matchers = NULL;
    if (tw_matchers_new(item, 1, &matchers, NULL) != TW_OK) {
        return false;
    }
    *ret_is_match = tw_matchers_match(matchers, labels);
    tw_matchers_destroy(&matchers);
    return true;
}

static void check_written(struct tw_arena *arena, const struct tw_matcher_text *item,
                          const struct tw_labels *labels)
{
    struct tw_str text = TW_STR_NULL;
    struct tw_matcher_text again;
    bool is_match = false;
    bool is_again = false;
    struct tw_matcher_text opposite = *item;
    opposite.is_equal = !item->is_equal;
    if (!matches(item, labels, &is_match)) {
        return;
    }
    TW_ASSERT(tw_matcher_write(arena, item, &text) == TW_OK);
    TW_ASSERT(tw_matcher_parse(arena, text, &again, NULL) == TW_OK);
    TW_ASSERT(tw_str_equal(again.name, item->name) && tw_str_equal(again.value, item->value));
    TW_ASSERT(again.is_regex == item->is_regex && again.is_equal == item->is_equal);
    TW_ASSERT(matches(&again, labels, &is_again) && is_again == is_match);
    TW_ASSERT(matches(&opposite, labels, &is_again) && !(is_again && is_match));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tw_label items[] = {{{"a", 1}, {"S0042", 5}},
                                            {{"b", 1}, {"caf\xc3\xa9 \"x\"\n", 10}}};
    const struct tw_labels labels = {items, 2};
    const struct tw_str bytes = {size == 0 ? "" : (const char *)data, size};
    struct tw_arena arena;
    struct tw_diag diag = {""};
    struct tw_matcher_text item;
    struct tw_matchers *matchers = NULL;
    tw_arena_init(&arena, ARENA_BYTES);
    if (tw_matcher_parse(&arena, bytes, &item, &diag) == TW_OK) {
        check_written(&arena, &item, &labels);
    }
    const struct tw_matcher_text pattern = {{"a", 1}, bytes, true, true};
    check_written(&arena, &pattern, &labels);
    if (tw_matchers_read(bytes, &matchers, &diag) == TW_OK) {
        (void)tw_matchers_match(matchers, &labels); /* either is right */
        (void)tw_matchers_match_empty(matchers);    /* likewise */
    }
    tw_matchers_destroy(&matchers);
    tw_arena_fini(&arena);
    return 0;
}
