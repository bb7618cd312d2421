/* SPDX-License-Identifier: Apache-2.0
 * Answers that are kept until the collector commits again, or writes its documents again: what
 * every page asks for each second. They are rendered, hashed and packed once, however many ask.
 * What is kept is never older than the newest commit at the time of the request, which is looked
 * up for each: whoever was told of a commit (web/ticker.h) finds it. What depends on the clock
 * ("now", ages) is at most TW_KEPT_MS old, and no answer is kept longer than that.
 * Thread:  web threads; one mutex, held for moments. Who asks for what is being rendered waits for
 *          it, not longer than its own deadline.
 * Limits:  those below; what is larger is answered and not kept.
 * Fails:   out of memory the answer is given and not kept.
 */
#ifndef TW_WEB_KEPT_H
#define TW_WEB_KEPT_H

#include "web/call.h"

/* Different requests whose answer is kept; the one not asked for longest makes room. Pages ask for
 * six. */
#define TW_KEPT_ANSWERS 16
/* Path and query of one. */
#define TW_KEPT_TARGET_BYTES 256
/* Of one answer, plain. All together: TW_KEPT_ANSWERS times twice as many, plain and packed. */
#define TW_KEPT_BODY_BYTES (1024u * 1024u)
/* Ages of seconds are shown in whole seconds. */
#define TW_KEPT_MS 1000

struct tw_kept;

struct tw_kept_counts {
    uint64_t given; /* out of what was kept */
    uint64_t made;  /* rendered */
};

/* What changes an answer. */
enum tw_kept_by {
    TW_KEPT_BY_COMMIT,    /* any commit: up to fifty a second */
    TW_KEPT_BY_DOCUMENTS, /* one in which the collector wrote its documents: each second */
    TW_KEPT_BY_ALERTS     /* what the desk has of alerts, silences, rules and notices */
};

/* TW_OK, TW_ENOMEM. */
int tw_kept_new(struct tw_kept **ret_kept);
/* After the last web thread has ended. Accepts NULL. */
void tw_kept_destroy(struct tw_kept **self_p);

/* Answer `target` (path and query as sent) with what is kept or what `handler` makes: with an
 * entity tag, packed where that is asked for, and 304 for who has it. As `handler` returns, or
 * TW_ETIMEOUT. */
int tw_kept_run(struct tw_call *call, struct tw_str target, enum tw_kept_by by,
                tw_handler *handler);
void tw_kept_count(struct tw_kept *self, struct tw_kept_counts *ret_counts);

#endif
