/* SPDX-License-Identifier: Apache-2.0
 * The forms of a notice: from the webhook v4 body to the bytes that a receiver understands. Pure.
 * Every text of a body may have been written by anybody who can send an event: it is cleaned,
 * escaped and cut here.
 * Thread:  plain functions.
 * Limits:  those of each receiver, named below; what is left out is counted in the message.
 * Fails:   TW_OK, TW_ENOMEM, or the error of the buffer (TW_ELIMIT).
 * Source:  docs/reference/notifications.md, "Forms".
 */
#ifndef TW_NOTIFY_RENDER_H
#define TW_NOTIFY_RENDER_H

#include "config/config.h"
#include "core/clock.h"
#include "notify/body.h"

#define TW_RENDER_MAX (UINT64_C(8) << 20) /* bytes of any of them: mail with its picture */

/* The body again, with what its receiver is told alone. */
int tw_render_webhook(const struct tw_body *body, struct tw_buf *out);

/* POST /api/v2/alerts. Firing ones end at `ends`, should nothing more be heard of us. */
int tw_render_alertmanager(const struct tw_body *body, tw_wall_t ends, struct tw_buf *out);

#define TW_SLACK_BLOCKS_MAX 50
#define TW_SLACK_TEXT_MAX   3000
int tw_render_slack(const struct tw_body *body, struct tw_buf *out);

#define TW_TEAMS_MAX (24u * 1024u) /* bytes of a card; 28 KB is refused with all around it */
int tw_render_teams(const struct tw_body *body, struct tw_buf *out);

#define TW_PAGERDUTY_MAX         (512u * 1024u)
#define TW_PAGERDUTY_SUMMARY_MAX 1024
#define TW_PAGERDUTY_VALUE_MAX   1024 /* bytes of one of the details */
/* The event of alert i: trigger, or resolve; is_taken: acknowledge. */
int tw_render_pagerduty(const struct tw_body *body, size_t i, const char *routing_key,
                        bool is_taken, struct tw_buf *out);

#define TW_TOPIC_MAX 256
/* Alert i as in the webhook body, and "alert.<severity>.<workflow>". */
int tw_render_pub(const struct tw_body *body, size_t i, struct tw_buf *topic, struct tw_buf *out);

#define TW_MAIL_SUBJECT_MAX 250
#define TW_MAIL_KEY_MAX     64
struct tw_mail {
    const char *from;                /* ASCII, as of a header */
    const struct tw_cfg_strings *to; /* likewise */
    const char *key;                 /* [A-Za-z0-9-]: of Message-ID and boundaries */
    tw_wall_t created;
    struct tw_str picture;  /* PNG; absent: none */
    const char *no_picture; /* why not; NULL: none was wanted */
};
/* A whole message, lines ended by CR LF. TW_EINVAL: an address or the key is none. */
int tw_render_mail(const struct tw_body *body, const struct tw_mail *mail, struct tw_buf *out);

#endif
