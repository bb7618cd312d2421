/* SPDX-License-Identifier: Apache-2.0
 * What an HTTP answer means for a replay, and what goes into its request's header: the parts that
 * need no network.
 * Thread:  plain functions.
 * Source:  RFC 9110 (status, Retry-After), RFC 9457 (problem details); contracts, section 4. */
#ifndef TW_HTTP_ANSWER_H
#define TW_HTTP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/str.h"

/* X(enum, "word") */
#define TW_HTTP_VERDICTS(X)                                                            \
    X(ACCEPTED, "accepted") /* 2xx */                                                  \
    X(DONE, "done")         /* 409: the destination has it already */                  \
    X(AGAIN, "again")       /* nothing has happened: asked to wait, or nothing left */ \
    X(UNKNOWN, "unknown")   /* it may have happened: the same key once more */         \
    X(REFUSED, "refused")   /* nothing has happened, nor will it with the same event again */

#define TW_HTTP_VERDICT_ENUM(name, text) TW_HTTP_##name,
enum tw_http_verdict { TW_HTTP_VERDICTS(TW_HTTP_VERDICT_ENUM) TW_HTTP_VERDICT_COUNT };
const char *tw_http_verdict_name(enum tw_http_verdict verdict);

#define TW_HTTP_REASON_MAX      255    /* bytes of a reason */
#define TW_HTTP_BODY_MAX        16384  /* bytes of an answer that are read for a reason */
#define TW_HTTP_RETRY_MAX_MS    300000 /* a longer Retry-After is taken as this */
#define TW_HTTP_BACKOFF_MIN_MS  1000   /* without Retry-After, and at least with it */
#define TW_HTTP_BACKOFF_MAX_MS  60000  /* doubled up to this */
#define TW_HTTP_KEY_HEADER_SIZE (3 * 256 + 1)

/* The verdict of a final status; 0 and what is none of HTTP's: UNKNOWN. */
enum tw_http_verdict tw_http_verdict_of(int status);
/* 429 and 503: not this event, the whole destination is to be left alone. */
bool tw_http_is_pause(int status);

/* Retry-After, seconds or an HTTP-date, as milliseconds from now: TW_HTTP_BACKOFF_MIN_MS to
 * TW_HTTP_RETRY_MAX_MS. -1: absent or not well formed. */
int64_t tw_http_retry_after(struct tw_str value, tw_wall_t now);
/* 1 s for no failure before, doubled for each, 60 s at most. */
int64_t tw_http_backoff(unsigned failures);

/* The key as a header's value: what is not printable ASCII, blanks and '%' become %XX. At most 256
 * bytes of key; returns the length written, terminated. */
size_t tw_http_key_header(struct tw_str key, char out[TW_HTTP_KEY_HEADER_SIZE]);

/* The answer as far as it was read. */
struct tw_http_answer {
    int status;
    struct tw_str phrase;   /* behind the status; may be empty */
    struct tw_str type;     /* Content-Type */
    struct tw_str location; /* of a redirect */
    struct tw_str body;
    struct tw_str secret;         /* never shown, should the answer repeat it; may be empty */
    const struct tw_str *secrets; /* likewise, more of them */
    size_t secret_count;
};
/* "422 Unprocessable Content: what the destination says": detail, else title of a problem+json
 * body. Writes at most TW_HTTP_REASON_MAX bytes and a NUL. */
void tw_http_reason(const struct tw_http_answer *answer, char out[TW_HTTP_REASON_MAX + 1]);
/* Any text made fit to be a reason: UTF-8, no control characters, cut at a character. */
void tw_http_clean(struct tw_str text, char out[TW_HTTP_REASON_MAX + 1]);
/* The same, with "***" where one of the secrets stands. */
void tw_http_hide(struct tw_str text, const struct tw_str *secrets, size_t count,
                  char out[TW_HTTP_REASON_MAX + 1]);

#endif
