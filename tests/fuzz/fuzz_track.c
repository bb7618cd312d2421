/* SPDX-License-Identifier: Apache-2.0
 * The stored forms of tracking: 's', then a sketch; 'b', then a budget. What is accepted is written
 * and read again, and comes back the same; what is refused leaves nothing behind. */
#include "config.h"

#include <string.h>

#include "core/err.h"
#include "fuzz.h"
#include "track/budget.h"
#include "track/sketch.h"

#define NOW       (INT64_C(1795255200) * TW_NS_PER_S)
#define MAX_BYTES ((size_t)4 << 20) /* of a stored form; a full budget has less than 1 MB */

static void assert_equal(const struct tw_buf *a, const struct tw_buf *b)
{
    TW_ASSERT(a->error == TW_OK && b->error == TW_OK);
    TW_ASSERT(a->len == b->len && memcmp(a->data, b->data, a->len) == 0);
}

static void fuzz_sketch(const uint8_t *data, size_t size, struct tw_buf *first,
                        struct tw_buf *second)
{
    struct tw_sketch sketch;
    tw_sketch_init(&sketch);
    struct tw_cursor cursor = tw_cursor_of(data, size);
    if (tw_sketch_decode(&sketch, &cursor) == TW_OK) {
        for (uint32_t ppm = 1; ppm < 1000000; ppm += 99999) {
            int64_t value = tw_sketch_quantile(&sketch, ppm);
            TW_ASSERT(sketch.count == 0 ? value == -1
                                        : value >= sketch.min_ns && value <= sketch.max_ns);
        }
        TW_ASSERT(tw_sketch_encode(&sketch, first) == TW_OK);
        cursor = tw_cursor_of(first->data, first->len);
        TW_ASSERT(tw_sketch_decode(&sketch, &cursor) == TW_OK && cursor.p == cursor.end);
        TW_ASSERT(tw_sketch_encode(&sketch, second) == TW_OK);
        assert_equal(first, second);
    } else {
        TW_ASSERT(sketch.count == 0 && sketch.bins == 0);
    }
    tw_sketch_fini(&sketch);
}

static void fuzz_budget(const uint8_t *data, size_t size, struct tw_buf *first,
                        struct tw_buf *second)
{
    const struct tw_budget_spec spec = {.target_ppm = 990000, .window = TW_WINDOW_WEEK};
    struct tw_budget *budget = NULL;
    TW_ASSERT(tw_budget_new(&spec, (tw_wall_t){NOW}, &budget) == TW_OK);
    struct tw_cursor cursor = tw_cursor_of(data, size);
    int rc = tw_budget_decode(budget, &cursor);
    struct tw_budget_view view;
    tw_budget_view(budget, 0, &view);
    TW_ASSERT(view.good >= 0 && view.bad >= 0);
    if (rc == TW_OK) {
        TW_ASSERT(tw_budget_encode(budget, first) == TW_OK);
        cursor = tw_cursor_of(first->data, first->len);
        TW_ASSERT(tw_budget_decode(budget, &cursor) == TW_OK && cursor.p == cursor.end);
        TW_ASSERT(tw_budget_encode(budget, second) == TW_OK);
        assert_equal(first, second);
        struct tw_budget_view again;
        tw_budget_view(budget, 0, &again);
        TW_ASSERT(again.good == view.good && again.bad == view.bad);
    } else {
        TW_ASSERT(!view.has_data);
    }
    tw_budget_destroy(&budget);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_buf first;
    struct tw_buf second;
    tw_buf_init(&first, MAX_BYTES);
    tw_buf_init(&second, MAX_BYTES);
    if (size > 0 && data[0] == 's') {
        fuzz_sketch(data + 1, size - 1, &first, &second);
    } else if (size > 0 && data[0] == 'b') {
        fuzz_budget(data + 1, size - 1, &first, &second);
    }
    tw_buf_fini(&first);
    tw_buf_fini(&second);
    return 0;
}
