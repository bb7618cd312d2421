/* SPDX-License-Identifier: Apache-2.0
 * Texts as pictures may show them. Whatever the bytes are, what comes out is one line of valid
 * UTF-8 without control characters, without those that turn the direction of writing, and without
 * any character that means something to gnuplot or to SVG: quotes, backquotes, backslashes, $ @ { }
 * ^ & < > ~ % ! and the like become look-alikes or a dot. It goes to gnuplot as data all the same.
 * Thread: all.
 */
#ifndef TW_WEB_PLOT_LABEL_H
#define TW_WEB_PLOT_LABEL_H

#include <stddef.h>

#include "core/str.h"

#define TW_LABEL_CHARS  28 /* shown of a name; a longer one ends in an ellipsis */
#define TW_LABEL_LONGER 90 /* ... of a title */
#define TW_LABEL_SIZE   (4 * TW_LABEL_LONGER + 8)

struct tw_plot_label {
    char text[TW_LABEL_SIZE]; /* NUL-terminated, never empty */
    size_t chars;
};

/* At most `most` characters (1 to TW_LABEL_LONGER). An empty text becomes "-". */
void tw_plot_label(struct tw_str text, size_t most, struct tw_plot_label *ret_label);

#endif
