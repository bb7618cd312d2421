/* SPDX-License-Identifier: Apache-2.0
 * What gnuplot is told for one picture. The commands consist of fixed words and of numbers; every
 * text (titles, legends, names) is a line of a datablock, which gnuplot reads as it is, and is made
 * harmless before (web/plot/label.h): no text can reach its command language.
 * Thread: all; pure. Limits: those of the buffer.
 */
#ifndef TW_WEB_PLOT_SCRIPT_H
#define TW_WEB_PLOT_SCRIPT_H

#include "core/buf.h"
#include "web/plot/layout.h"

enum tw_plot_format { TW_PLOT_SVG, TW_PLOT_PNG, TW_PLOT_TEXT, TW_PLOT_TEXT_COLOR };

#define TW_PLOT_SCRIPT_MAX (4u * 1024u * 1024u) /* 12 lines of 2,000 points take 1.5 MB */
#define TW_PLOT_MARK_SIZE  40

/* Append the commands; behind the picture they print `mark` (letters, digits, '-') on a line of its
 * own. For text, width and height of the look are columns and rows. TW_OK or the error of the
 * buffer. */
int tw_plot_script(const struct tw_panel *panel, const struct tw_plot_data *data,
                   const struct tw_plot_look *look, enum tw_plot_format format, const char *mark,
                   struct tw_buf *out);

#endif
