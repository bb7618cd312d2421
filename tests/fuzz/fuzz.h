/* SPDX-License-Identifier: Apache-2.0
 * What a fuzz driver shows: libFuzzer calls it, or replay_main.c over the seeds. */
#ifndef TW_TESTS_FUZZ_H
#define TW_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* One input. A finding ends the program (TW_ASSERT, a sanitizer). Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
