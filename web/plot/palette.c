/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/plot/palette.h"

const char *tw_plot_tone_color(unsigned tone, bool is_dark)
{
    static const char *const light[] = {"#1b1f24", "#0072b2", "#00855f",
                                        "#c77f00", "#c8500a", "#7d8590"};
    static const char *const dark[] = {"#e6edf3", "#58b1ea", "#2fc496",
                                       "#f0b140", "#ff7f4d", "#8b949e"};
    tone = tone <= TW_TONE_MUTED ? tone : TW_TONE_NONE;
    return is_dark ? dark[tone] : light[tone];
}

const char *tw_plot_grid_color(bool is_dark)
{
    return is_dark ? "#30363d" : "#dfe3e8";
}

const char *tw_plot_word_color(bool is_dark)
{
    return is_dark ? "#a2abb5" : "#57606a";
}

/* How many of the lines before have no meaning, or the same. */
static size_t count_before(const struct tw_plot_data *data, size_t index, unsigned tone)
{
    size_t count = 0;
    for (size_t i = 0; i < index; i++) {
        count += data->lines[i].tone == tone ? 1 : 0;
    }
    return count;
}

static bool has_tone(const struct tw_plot_data *data, unsigned tone)
{
    return count_before(data, data->line_count, tone) > 0;
}

struct tw_plot_ink tw_plot_ink(const struct tw_plot_data *data, size_t index, bool is_dark)
{
    /* Blue, reddish purple, sky blue, olive (the yellow that can be read), grey; navy, brown. */
    static const char *const light[] = {"#0072b2", "#b3568d", "#3f9fd8", "#8f7d00",
                                        "#4d5560", "#26357a", "#7b5b45"};
    static const char *const dark[] = {"#58b1ea", "#e29bc4", "#a5d8f5", "#e5d84f",
                                       "#b1bac4", "#8f9eff", "#c9a78d"};
    const size_t colors = sizeof light / sizeof light[0];
    unsigned tone = data->lines[index].tone;
    size_t before = count_before(data, index, tone);
    if (tone != TW_TONE_NONE) {
        return (struct tw_plot_ink){tw_plot_tone_color(tone, is_dark), (unsigned)before};
    }
    size_t at = before + (has_tone(data, TW_TONE_INFO) ? 1 : 0); /* the blue is taken */
    return (struct tw_plot_ink){is_dark ? dark[at % colors] : light[at % colors],
                                (unsigned)(at / colors)};
}
