/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/replays.h"

#define NAME_OF(name, text) text,

const char *tw_item_state_name(enum tw_item_state state)
{
    static const char *const names[] = {TW_ITEM_STATES(NAME_OF)};
    return names[state];
}

const char *tw_replay_state_name(enum tw_replay_state state)
{
    static const char *const names[] = {TW_REPLAY_STATES(NAME_OF)};
    return names[state];
}

const char *tw_plan_verdict_name(enum tw_plan_verdict verdict)
{
    static const char *const names[] = {TW_PLAN_VERDICTS(NAME_OF)};
    return names[verdict];
}

const char *tw_item_event_name(enum tw_item_event event)
{
    static const char *const names[] = {TW_ITEM_EVENTS(NAME_OF)};
    return names[event];
}
