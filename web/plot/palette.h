/* SPDX-License-Identifier: Apache-2.0
 * The colours of plots, in both themes. Those with a meaning (ok, warn, bad) are never given to a
 * line that has none. All of them can be told apart by colour-blind people; beyond the seven of the
 * palette lines are dashed. Thread: all.
 * Source: Okabe and Ito, "Color Universal Design" (2008); lighter on dark ground.
 */
#ifndef TW_WEB_PLOT_PALETTE_H
#define TW_WEB_PLOT_PALETTE_H

#include "web/panel/query.h"

struct tw_plot_ink {
    const char *color; /* "#0072b2" */
    unsigned dash;     /* 0: none */
};

/* What the `index`th line of the data is drawn with. */
struct tw_plot_ink tw_plot_ink(const struct tw_plot_data *data, size_t index, bool is_dark);
/* The colour of a meaning; TW_TONE_NONE is that of text. */
const char *tw_plot_tone_color(unsigned tone, bool is_dark);
/* Of lines and words that stand back. */
const char *tw_plot_grid_color(bool is_dark);
const char *tw_plot_word_color(bool is_dark);

#endif
