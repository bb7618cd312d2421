/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the grants of somebody. What is taken is written in one form, which is read again as
 * itself and is never longer; and it allows what it names and nothing beside it. */
#include "config.h"

#include <string.h>

#include "access/grant.h"
#include "fuzz.h"

#define ARENA_BYTES (16u << 20)

static struct tw_str written(const struct tw_grant *grant, struct tw_buf *out)
{
    tw_buf_init(out, TW_GRANT_TEXT_MAX);
    TW_ASSERT(tw_grant_write(grant, out) == TW_OK);
    return (struct tw_str){out->data, out->len};
}

/* The first value of each dimension is a place that it names. */
static void check_scope(const struct tw_grant *grant)
{
    const struct tw_principal self = {.grants = {grant, 1}};
    struct tw_scope scope = {{TW_STR_NULL, TW_STR_NULL, TW_STR_NULL}};
    bool is_narrowed = false;
    for (unsigned i = 0; i < TW_DIMENSION_COUNT; i++) {
        is_narrowed = is_narrowed || grant->counts[i] > 0;
        scope.of[i] = grant->counts[i] > 0 ? grant->values[i][0] : TW_STR_NULL;
    }
    for (unsigned i = 0; i < TW_RIGHT_COUNT; i++) {
        enum tw_right right = (enum tw_right)i;
        bool has = (grant->rights & TW_RIGHT_BIT(right)) != 0;
        TW_ASSERT(tw_may(&self, right, &scope) == has);
        TW_ASSERT(tw_may_somewhere(&self, right) == has);
        TW_ASSERT(tw_may(&self, right, NULL) == (has && !is_narrowed));
        for (unsigned k = 0; k < TW_DIMENSION_COUNT; k++) {
            struct tw_scope beside = scope;
            beside.of[k] = TW_STR_LIT("");
            TW_ASSERT(tw_may(&self, right, &beside) == (has && grant->counts[k] == 0));
        }
    }
}

static void check_grant(struct tw_arena *arena, const struct tw_grant *grant, size_t most)
{
    struct tw_buf first;
    struct tw_buf second;
    struct tw_grant again;
    struct tw_str text = written(grant, &first);
    TW_ASSERT(text.len <= most);
    TW_ASSERT(tw_grant_parse(arena, text, &again, NULL) == TW_OK);
    TW_ASSERT(tw_str_equal(text, written(&again, &second)));
    check_scope(grant);
    check_scope(&again);
    tw_buf_fini(&first);
    tw_buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tw_str bytes = {size == 0 ? "" : (const char *)data, size};
    struct tw_arena arena;
    struct tw_diag diag = {""};
    struct tw_grants grants = {NULL, 0};
    tw_arena_init(&arena, ARENA_BYTES);
    if (tw_grants_parse(&arena, bytes, &grants, &diag) == TW_OK) {
        TW_ASSERT(grants.count <= TW_GRANTS_MAX);
        for (size_t i = 0; i < grants.count; i++) {
            check_grant(&arena, &grants.items[i], size);
        }
    } else {
        TW_ASSERT(diag.text[0] != '\0');
    }
    tw_arena_fini(&arena);
    return 0;
}
