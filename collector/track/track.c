/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "track/track.h"

const char *tw_step_state_name(enum tw_step_state state)
{
    static const char *const names[] = {
#define TW_STEP_STATE_NAME(name, text) [TW_STEP_##name] = (text),
        TW_STEP_STATES(TW_STEP_STATE_NAME)
#undef TW_STEP_STATE_NAME
    };
    return names[state];
}

const char *tw_run_state_name(enum tw_run_state state)
{
    static const char *const names[] = {
#define TW_RUN_STATE_NAME(name, text) [TW_RUN_IS_##name] = (text),
        TW_RUN_STATES(TW_RUN_STATE_NAME)
#undef TW_RUN_STATE_NAME
    };
    return names[state];
}

const char *tw_cause_name(enum tw_cause cause)
{
    static const char *const names[] = {
#define TW_CAUSE_NAME(name, text) [TW_CAUSE_##name] = (text),
        TW_CAUSES(TW_CAUSE_NAME)
#undef TW_CAUSE_NAME
    };
    return names[cause];
}

enum tw_cause tw_cause_find(struct tw_str text)
{
    for (int cause = 0; cause < TW_CAUSE_COUNT; cause++) {
        if (tw_str_is(text, tw_cause_name((enum tw_cause)cause))) {
            return (enum tw_cause)cause;
        }
    }
    return TW_CAUSE_UNKNOWN;
}
