/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "core/totals.h"

const struct tw_total_info tw_total_infos[TW_TOTAL_COUNT] = {
#define TW_TOTAL_ROW(total, unit_text, help_text) \
    [TW_TOTAL_##total] = {.name = #total, .unit = (unit_text), .help = (help_text)},
    TW_TOTALS(TW_TOTAL_ROW)
#undef TW_TOTAL_ROW
};
