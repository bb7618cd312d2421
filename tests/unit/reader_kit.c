/* SPDX-License-Identifier: Apache-2.0
 * See reader_kit.h. */
#include "config.h"
#include "reader_kit.h"

struct tw_reader *model_reader(const struct model *model)
{
    struct tw_reader *reader = NULL;
    struct tw_diag diag = {{0}};
    int err = tw_reader_open(model->dir, &reader, &diag);
    if (err != TW_OK) {
        print_error("%s\n", diag.text);
    }
    assert_int_equal(err, TW_OK);
    return reader;
}

static void assert_str(struct tw_str found, struct tw_str expected)
{
    assert_int_equal(found.len, expected.len);
    assert_true(tw_str_equal(found, expected));
    assert_true((found.ptr == NULL) == (expected.ptr == NULL));
}

void model_assert_record(const struct tw_record *found, const struct tw_record *expected)
{
    assert_int_equal(found->n, expected->n);
    assert_int_equal(found->kind, expected->kind);
    assert_int_equal(found->of, expected->of);
    assert_int_equal(found->effect_of, expected->effect_of);
    assert_int_equal(found->received.ns, expected->received.ns);
    assert_int_equal(found->time.ns, expected->time.ns);
    assert_int_equal(found->has_time, expected->has_time);
    assert_int_equal(found->tap, expected->tap);
    assert_int_equal(found->source, expected->source);
    assert_str(found->peer, expected->peer);
    assert_str(found->json, expected->json);
    assert_int_equal(found->object_count, expected->object_count);
    for (uint32_t i = 0; i < found->object_count; i++) {
        assert_int_equal(found->objects[i].type, expected->objects[i].type);
        assert_str(found->objects[i].id, expected->objects[i].id);
        assert_true(tw_str_equal(found->objects[i].scope, expected->objects[i].scope));
    }
}

int count_rows(void *context, const struct tw_stored *stored)
{
    assert_true(stored->record.n > 0);
    ++*(size_t *)context;
    return TW_OK;
}
