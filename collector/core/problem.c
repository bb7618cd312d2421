/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "core/problem.h"

const struct tw_problem_info tw_problem_infos[TW_PROBLEM_COUNT] = {
#define TW_PROBLEM_ROW(code, title_text) \
    [TW_PROBLEM_##code] = {.name = #code, .title = (title_text)},
    TW_PROBLEMS(TW_PROBLEM_ROW)
#undef TW_PROBLEM_ROW
};
