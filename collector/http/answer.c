/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "http/answer.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/err.h"
#include "http/clean.h"

const char *tw_http_verdict_name(enum tw_http_verdict verdict)
{
#define TW_HTTP_VERDICT_WORD(name, text) [TW_HTTP_##name] = (text),
    static const char *const words[] = {TW_HTTP_VERDICTS(TW_HTTP_VERDICT_WORD)};
#undef TW_HTTP_VERDICT_WORD
    TW_ASSERT((unsigned)verdict < TW_HTTP_VERDICT_COUNT);
    return words[verdict];
}

/* ---- status ---- */

enum tw_http_verdict tw_http_verdict_of(int status)
{
    switch (status) {
    case 409:
        return TW_HTTP_DONE;
    case 408: /* the request did not arrive whole */
    case 425: /* too early */
    case 429:
    case 503:
        return TW_HTTP_AGAIN;
    case 501: /* such requests are not understood: nobody acts on one */
    case 505:
        return TW_HTTP_REFUSED;
    default:
        break;
    }
    if (status >= 200 && status <= 299) {
        return TW_HTTP_ACCEPTED;
    }
    return status >= 300 && status <= 499 ? TW_HTTP_REFUSED : TW_HTTP_UNKNOWN;
}

bool tw_http_is_pause(int status)
{
    return status == 429 || status == 503;
}

/* ---- when to come again ---- */

int64_t tw_http_backoff(unsigned failures)
{
    int64_t wait_ms = TW_HTTP_BACKOFF_MIN_MS;
    for (unsigned i = 0; i < failures && wait_ms < TW_HTTP_BACKOFF_MAX_MS; i++) {
        wait_ms *= 2;
    }
    return wait_ms < TW_HTTP_BACKOFF_MAX_MS ? wait_ms : TW_HTTP_BACKOFF_MAX_MS;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Text of a date against a picture in which 'd' is a digit, '_' a digit or a blank, 'a' a letter
 * and everything else itself. */
static bool looks_like(struct tw_str text, const char *picture)
{
    if (text.len != strlen(picture)) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool fits = picture[i] == 'd'   ? is_digit(c)
                    : picture[i] == '_' ? is_digit(c) || c == ' '
                    : picture[i] == 'a' ? is_letter
                                        : c == picture[i];
        if (!fits) {
            return false;
        }
    }
    return true;
}

/* 1 to 12, 0 for no month. Names of HTTP's dates are case-sensitive. */
static unsigned month_of(const char *name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (unsigned i = 0; i < 12; i++) {
        if (memcmp(names + (size_t)i * 3, name, 3) == 0) {
            return i + 1;
        }
    }
    return 0;
}

/* The three forms of RFC 9110 section 5.6.7, by way of RFC 3339. */
static int parse_date(struct tw_str text, tw_wall_t *ret_at)
{
    char buf[32];
    const char *p = text.ptr;
    const char *comma = memchr(text.ptr, ',', text.len);
    int len = 0;
    if (looks_like(text, "aaa, dd aaa dddd dd:dd:dd GMT")) { /* Sun, 06 Nov 1994 08:49:37 GMT */
        len = snprintf(buf, sizeof(buf), "%.4s-%02u-%.2sT%.8sZ", p + 12, month_of(p + 8), p + 5,
                       p + 17);
    } else if (looks_like(text, "aaa aaa _d dd:dd:dd dddd")) { /* Sun Nov  6 08:49:37 1994 */
        len = snprintf(buf, sizeof(buf), "%.4s-%02u-%c%cT%.8sZ", p + 20, month_of(p + 4),
                       p[8] == ' ' ? '0' : p[8], p[9], p + 11);
    } else if (comma != NULL) { /* Sunday, 06-Nov-94 08:49:37 GMT */
        struct tw_str rest = {comma, text.len - (size_t)(comma - p)};
        if (looks_like(rest, ", dd-aaa-dd dd:dd:dd GMT")) {
            len = snprintf(buf, sizeof(buf), "%s%.2s-%02u-%.2sT%.8sZ", comma[9] < '7' ? "20" : "19",
                           comma + 9, month_of(comma + 5), comma + 2, comma + 12);
        }
    }
    if (len <= 0 || (size_t)len >= sizeof(buf)) {
        return TW_ESYNTAX;
    }
    return tw_wall_parse((struct tw_str){buf, (size_t)len}, ret_at);
}

static int64_t bounded(int64_t wait_ms)
{
    if (wait_ms < TW_HTTP_BACKOFF_MIN_MS) {
        return TW_HTTP_BACKOFF_MIN_MS;
    }
    return wait_ms < TW_HTTP_RETRY_MAX_MS ? wait_ms : TW_HTTP_RETRY_MAX_MS;
}

static struct tw_str trimmed(struct tw_str text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && strchr(" \t\r\n", text.ptr[text.len - 1]) != NULL) {
        text.len--;
    }
    return text;
}

int64_t tw_http_retry_after(struct tw_str value, tw_wall_t now)
{
    int64_t seconds = 0;
    size_t digits = 0;
    tw_wall_t at;
    struct tw_str text = trimmed(value);
    while (digits < text.len && is_digit(text.ptr[digits])) {
        if (seconds <= TW_HTTP_RETRY_MAX_MS) { /* more would be cut anyway */
            seconds = seconds * 10 + (text.ptr[digits] - '0');
        }
        digits++;
    }
    if (text.len == 0) {
        return -1;
    }
    if (digits == text.len) {
        return bounded(seconds * 1000);
    }
    if (parse_date(text, &at) != TW_OK) {
        return -1;
    }
    int64_t wait_ns = 0;
    if (__builtin_sub_overflow(at.ns, now.ns, &wait_ns)) {
        return bounded(at.ns < now.ns ? 0 : TW_HTTP_RETRY_MAX_MS);
    }
    return bounded(wait_ns / TW_NS_PER_MS);
}

/* ---- the key ---- */

size_t tw_http_key_header(struct tw_str key, char out[TW_HTTP_KEY_HEADER_SIZE])
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = 0;
    for (size_t i = 0; i < key.len && len + 3 < TW_HTTP_KEY_HEADER_SIZE; i++) {
        unsigned char c = (unsigned char)key.ptr[i];
        if (c > 0x20 && c < 0x7f && c != '%') {
            out[len++] = (char)c;
        } else {
            out[len++] = '%';
            out[len++] = hex[c >> 4];
            out[len++] = hex[c & 15];
        }
    }
    out[len] = '\0';
    return len;
}

/* ---- reasons ---- */

struct reason {
    const struct tw_http_answer *answer; /* whose secrets are not shown; NULL: none */
    char *out;
    size_t len;
    bool is_full;
};

static void put(struct reason *self, const char *bytes, size_t size)
{
    if (self->is_full || self->len + size > TW_HTTP_REASON_MAX) {
        self->is_full = true; /* also when a shorter one would still fit */
        return;
    }
    memcpy(self->out + self->len, bytes, size);
    self->len += size;
    self->out[self->len] = '\0';
}

/* Bytes of a secret that begins here, 0: none does. */
static size_t secret_at(const struct tw_http_answer *answer, struct tw_str rest)
{
    if (answer == NULL) {
        return 0;
    }
    if (answer->secret.len > 0 && tw_str_starts(rest, answer->secret)) {
        return answer->secret.len;
    }
    for (size_t i = 0; i < answer->secret_count; i++) {
        if (answer->secrets[i].len > 0 && tw_str_starts(rest, answer->secrets[i])) {
            return answer->secrets[i].len;
        }
    }
    return 0;
}

/* Secrets are looked for in all of the text: what is cut off cannot uncover half of one. */
static void add(struct reason *self, struct tw_str text)
{
    while (text.len > 0 && !self->is_full) {
        size_t len = secret_at(self->answer, text);
        if (len > 0) {
            put(self, "***", 3);
            text.ptr += len;
            text.len -= len;
            continue;
        }
        struct tw_str shown = tw_clean_next(&text);
        put(self, shown.ptr, shown.len);
    }
}

void tw_http_clean(struct tw_str text, char out[TW_HTTP_REASON_MAX + 1])
{
    struct reason reason = {.out = out};
    out[0] = '\0';
    add(&reason, text);
}

void tw_http_hide(struct tw_str text, const struct tw_str *secrets, size_t count,
                  char out[TW_HTTP_REASON_MAX + 1])
{
    const struct tw_http_answer answer = {.secrets = secrets, .secret_count = count};
    struct reason reason = {.answer = &answer, .out = out};
    out[0] = '\0';
    add(&reason, text);
}

static bool is_problem(struct tw_str type)
{
    static const char name[] = "application/problem+json";
    size_t len = sizeof(name) - 1;
    return type.len >= len && strncasecmp(type.ptr, name, len) == 0 &&
           (type.len == len || strchr("; \t\r", type.ptr[len]) != NULL);
}

/* A text member that is not empty. */
static struct tw_str member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    struct tw_str found = {text, text == NULL ? 0 : json_string_length(value)};
    return found;
}

void tw_http_reason(const struct tw_http_answer *answer, char out[TW_HTTP_REASON_MAX + 1])
{
    struct reason reason = {.answer = answer, .out = out};
    char number[16];
    int len = snprintf(number, sizeof(number), "%d", answer->status);
    out[0] = '\0';
    put(&reason, number, (size_t)len);
    if (answer->phrase.len > 0) {
        put(&reason, " ", 1);
        add(&reason, trimmed(answer->phrase));
    }
    if (answer->status >= 300 && answer->status <= 399) {
        const char *query = answer->location.len == 0
                                ? NULL
                                : memchr(answer->location.ptr, '?', answer->location.len);
        struct tw_str shown = answer->location;
        shown.len = query == NULL ? shown.len : (size_t)(query - shown.ptr);
        add(&reason, TW_STR_LIT(": redirects are not followed"));
        if (shown.len > 0) {
            add(&reason, TW_STR_LIT(", to "));
            add(&reason, shown);
        }
        return;
    }
    json_t *body = !is_problem(answer->type) || answer->body.len == 0
                       ? NULL
                       : json_loadb(answer->body.ptr, answer->body.len, 0, NULL);
    struct tw_str said = member(body, "detail");
    said = said.len > 0 ? said : member(body, "title");
    if (said.len > 0) {
        add(&reason, TW_STR_LIT(": "));
        add(&reason, said);
    }
    json_decref(body);
}
