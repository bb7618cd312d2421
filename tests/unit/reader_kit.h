/* SPDX-License-Identifier: Apache-2.0
 * What the tests of the reader share. Thread: one test. */
#ifndef TW_TESTS_READER_KIT_H
#define TW_TESTS_READER_KIT_H

#include "store/internal.h"
#include "store/reader.h"
#include "store_model.h"

#define ARENA_BYTES ((size_t)256 << 20)

/* A reader of the model's store, which must open; owned. */
struct tw_reader *model_reader(const struct model *model);
void model_assert_record(const struct tw_record *found, const struct tw_record *expected);
/* For tw_reader_scan: counts into the size_t behind `context`. */
int count_rows(void *context, const struct tw_stored *stored);

#endif
