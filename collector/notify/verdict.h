/* SPDX-License-Identifier: Apache-2.0
 * What the answer of a receiver means: it was told, it is to be told again, or never; and what
 * people read of it, without secrets.
 * Thread: plain functions. Source: docs/reference/notifications.md, "Answers".
 */
#ifndef TW_NOTIFY_VERDICT_H
#define TW_NOTIFY_VERDICT_H

#include "http/client.h"
#include "notify/routes.h"

#define TW_VERDICT_SECRETS_MAX 32

enum tw_verdict_word { TW_VERDICT_SENT, TW_VERDICT_AGAIN, TW_VERDICT_FAILED };
struct tw_verdict {
    enum tw_verdict_word word;
    int status;      /* of HTTP or SMTP, 0: none; of Teams the one in its body */
    int64_t wait_ms; /* AGAIN: the receiver asked for so long; -1: it did not say */
    char reason[TW_HTTP_REASON_MAX + 1]; /* empty: nothing to say */
};
/* Of a reply to what was posted to `to`. */
void tw_verdict_of(const struct tw_integration *to, const struct tw_http_reply *reply,
                   tw_wall_t now, struct tw_verdict *ret_verdict);

/* What must never be shown of it; borrowed. Returns how many. */
size_t tw_verdict_secrets(const struct tw_integration *to,
                          struct tw_str secrets[TW_VERDICT_SECRETS_MAX]);
/* The status in a body of Teams: "... returned HTTP error 429 with ContextId ..."; 0: it is not
 * about an error; -1: about one without a number. */
int tw_verdict_teams(struct tw_str body);

#endif
