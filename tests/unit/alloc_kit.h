/* SPDX-License-Identifier: Apache-2.0
 * Memory that runs out at one chosen call: malloc, calloc, realloc, strdup and strndup of a program
 * that is linked with $(ALLOC_WRAPS) come through here, those of shared libraries do not.
 * Thread: one test, which alone allocates while it chooses. */
#ifndef TW_TESTS_ALLOC_KIT_H
#define TW_TESTS_ALLOC_KIT_H

#include <stddef.h>

extern size_t alloc_count;   /* calls since a test set it to 0 */
extern size_t alloc_failing; /* the call with this count fails, once; 0: none does */

#endif
