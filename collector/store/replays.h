/* SPDX-License-Identifier: Apache-2.0
 * Replays: the words that the columns of `plan`, `replay` and `replay_item` in desk.db have, shared
 * by who plans (web half), who sends (collector/replay) and who sees the proof (collector/desk).
 * Source:  decision 72; contracts, "Replay agents" and "HTTP API".
 */
#ifndef TW_STORE_REPLAYS_H
#define TW_STORE_REPLAYS_H

#include "core/clock.h"
#include "core/err.h"
#include "core/str.h"
#include "track/track.h"

/* X(enum, "word"): replay_item.state. Waiting and sent ones are active. */
#define TW_ITEM_STATES(X)           \
    X(WAITING, "waiting")           \
    X(SENT, "sent")                 \
    X(UNPROVEN, "unproven")         \
    X(PROVEN, "proven")             \
    X(FAILED_AGAIN, "failed_again") \
    X(REFUSED, "refused")           \
    X(CANCELLED, "cancelled")
/* replay.state. Awaiting: of another person than who asked for it, nothing is sent. Stopped: by
 * itself, for `why`; goes on as a paused one does. */
#define TW_REPLAY_STATES(X)   \
    X(RUNNING, "running")     \
    X(PAUSED, "paused")       \
    X(STOPPED, "stopped")     \
    X(CANCELLED, "cancelled") \
    X(DONE, "done")           \
    X(AWAITING, "awaiting_approval")
/* plan_item.verdict: what happens to it, or why nothing does. The first two are replayed. */
#define TW_PLAN_VERDICTS(X)                                                                   \
    X(REPLAY, "replay")                                                                       \
    X(HELD, "held")                           /* not asked for; of an object that is */       \
    X(DONE, "already-done")                   /* recovered, or taken back */                  \
    X(IN_REPLAY, "in-another-replay")         /* it, or its object */                         \
    X(UNPROVEN, "sent-unproven")              /* financial; may be overridden */              \
    X(PARKED, "parked")                       /* failed again thrice; may be overridden */    \
    X(ARCHIVED, "archived")                   /* put away by an operator */                   \
    X(NOTHING_TO_SEND, "nothing-to-send")     /* what it waits for has not come */            \
    X(PAYLOAD_EXPIRED, "payload-expired")     /* of the event that would be sent */           \
    X(OTHER_DESTINATION, "other-destination") /* than the one of this plan */                 \
    X(DUPLICATE, "duplicate")                 /* another item sends the same event */         \
    X(DUPLICATE_EFFECT, "duplicate-effect")   /* it happened twice: nothing to be repeated */ \
    X(AGENT_OFFLINE, "agent-offline")         /* nobody carries out for the destination */    \
    X(BLOCKED, "blocked")                     /* behind one of its object that is not replayed */
/* item_event.what: the timeline of an item. */
#define TW_ITEM_EVENTS(X)                                                             \
    X(PLANNED, "planned")                                                             \
    X(SENT, "sent")             /* attempt; detail: the agent or the address */       \
    X(SENT_AGAIN, "sent_again") /* the same attempt, which was not answered */        \
    X(ACCEPTED, "accepted")                                                           \
    X(REFUSED, "refused")           /* detail: the reason */                          \
    X(PROVEN, "proven")             /* n: the proof; none: the destination says so */ \
    X(FAILED_AGAIN, "failed_again") /* n: the event; detail: its message */           \
    X(UNPROVEN, "unproven")         /* detail: why nothing more is awaited */         \
    X(CANCELLED, "cancelled")       /* detail: why */                                 \
    X(PUT_OFF, "put_off")           /* the destination asked to wait; detail */

#define TW_ITEM_STATE_ENUM(name, text)   TW_ITEM_##name,
#define TW_REPLAY_STATE_ENUM(name, text) TW_REPLAY_##name,
#define TW_PLAN_VERDICT_ENUM(name, text) TW_PLAN_##name,
#define TW_ITEM_EVENT_ENUM(name, text)   TW_ITEM_EVENT_##name,
enum tw_item_state { TW_ITEM_STATES(TW_ITEM_STATE_ENUM) TW_ITEM_STATE_COUNT };
enum tw_replay_state { TW_REPLAY_STATES(TW_REPLAY_STATE_ENUM) TW_REPLAY_STATE_COUNT };
enum tw_plan_verdict { TW_PLAN_VERDICTS(TW_PLAN_VERDICT_ENUM) TW_PLAN_VERDICT_COUNT };
enum tw_item_event { TW_ITEM_EVENTS(TW_ITEM_EVENT_ENUM) TW_ITEM_EVENT_COUNT };

const char *tw_item_state_name(enum tw_item_state state);
const char *tw_replay_state_name(enum tw_replay_state state);
const char *tw_plan_verdict_name(enum tw_plan_verdict verdict);
const char *tw_item_event_name(enum tw_item_event event);

/* plan.override, plan_item.overridden, replay_item.overridden: bits */
#define TW_OVERRIDE_UNPROVEN 1u
#define TW_OVERRIDE_PARKED   2u

#define TW_REPLAYID_MAX      64     /* bytes; contracts */
#define TW_IDEMPOTENCY_MAX   256    /* bytes of the key of an effect */
#define TW_REPLAY_PARK_AFTER 3      /* failed again so often for one cause: parked */
#define TW_REPLAY_ITEMS_MAX  200000 /* of one plan */
#define TW_REPLAY_WHY_MAX    500    /* bytes of a reason that is kept */

#endif
