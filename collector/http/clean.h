/* SPDX-License-Identifier: Apache-2.0
 * Texts of others, character by character, fit to stand on a page, in a log or in a mail.
 * Thread: plain functions.
 */
#ifndef TW_HTTP_CLEAN_H
#define TW_HTTP_CLEAN_H

#include <stddef.h>

#include "core/str.h"

/* Takes the next character from *rest, which is not empty. Control characters, and those that turn
 * the direction of what follows, become a blank; a byte that is no UTF-8 becomes '?'. The result is
 * 1 to 4 bytes, borrowed from the text or constant. */
struct tw_str tw_clean_next(struct tw_str *rest);
/* The longest beginning of at most `most` bytes that ends where a character ends. text is UTF-8. */
struct tw_str tw_text_cut(struct tw_str text, size_t most);

#endif
