/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as the answer of an HTTP destination, its texts each ended by a NUL: Retry-After,
 * status, phrase, Content-Type, Location, a secret, and the rest as the body. The wait is within
 * its bounds, the reason is text that may stand anywhere and does not hold the secret; and the same
 * bytes as a URL: one that passes has one host, by a plain second reading.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "config/url.h"
#include "event/text.h"
#include "fuzz.h"
#include "http/answer.h"

static struct tw_str next_text(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size == 0 ? NULL : memchr(*data, 0, *size);
    size_t len = end == NULL ? *size : (size_t)(end - *data);
    struct tw_str text = {(const char *)*data, len};
    size_t step = end == NULL ? len : len + 1;
    *data += step;
    *size -= step;
    return text;
}

/* Letters alone: the number, the punctuation between the parts and what takes the place of bytes
 * that are no text cannot make up such a secret by chance. */
static bool is_word(struct tw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) {
            return false;
        }
    }
    return text.len > 0;
}

static void check_reason(const char *reason, struct tw_str secret)
{
    struct tw_str text = tw_str_of(reason);
    if (text.len > TW_HTTP_REASON_MAX || !tw_utf8_is_valid(text)) {
        abort();
    }
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f) {
            abort();
        }
    }
    if (secret.len > 0 && memmem(text.ptr, text.len, secret.ptr, secret.len) != NULL) {
        abort();
    }
}

static void check_url(struct tw_str text)
{
    char url[TW_URL_MAX + 2];
    if (text.len >= sizeof(url)) {
        return;
    }
    memcpy(url, text.ptr == NULL ? "" : text.ptr, text.len);
    url[text.len] = '\0';
    if (tw_url_check(url, NULL) != TW_OK) {
        return;
    }
    const char *host = strstr(url, "://") + 3;
    size_t len = strcspn(host, "/?");
    if (len == 0 || memchr(host, '@', len) != NULL || strpbrk(url, "\\#\r\n\t \"<>") != NULL) {
        abort();
    }
    if (tw_url_is_loopback(url) && strncmp(host, "localhost", 9) != 0 &&
        strncmp(host, "127.", 4) != 0 && strncmp(host, "[::1]", 5) != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const tw_wall_t now = {INT64_C(1795316400) * TW_NS_PER_S};
    char out[TW_HTTP_REASON_MAX + 1];
    char header[TW_HTTP_KEY_HEADER_SIZE];
    check_url((struct tw_str){(const char *)data, strnlen((const char *)data, size)});
    struct tw_str retry_after = next_text(&data, &size);
    int64_t wait_ms = tw_http_retry_after(retry_after, now);
    if (wait_ms != -1 && (wait_ms < TW_HTTP_BACKOFF_MIN_MS || wait_ms > TW_HTTP_RETRY_MAX_MS)) {
        abort();
    }
    struct tw_str status = next_text(&data, &size);
    struct tw_http_answer answer = {.status = 0};
    for (size_t i = 0; i < status.len && i < 3; i++) {
        answer.status = answer.status * 10 + ((unsigned char)status.ptr[i] - '0');
    }
    answer.phrase = next_text(&data, &size);
    answer.type = next_text(&data, &size);
    answer.location = next_text(&data, &size);
    answer.secret = next_text(&data, &size);
    answer.body =
        (struct tw_str){(const char *)data, size < TW_HTTP_BODY_MAX ? size : TW_HTTP_BODY_MAX};
    tw_http_reason(&answer, out);
    bool has_own_words = answer.status >= 300 && answer.status <= 399; /* of redirects */
    check_reason(out, is_word(answer.secret) && !has_own_words ? answer.secret : TW_STR_NULL);
    tw_http_clean(answer.phrase, out);
    check_reason(out, TW_STR_NULL);
    struct tw_str key = {answer.phrase.ptr, answer.phrase.len < 256 ? answer.phrase.len : 256};
    size_t len = tw_http_key_header(key, header);
    for (size_t i = 0; i < len; i++) {
        if (header[i] <= 0x20 || header[i] >= 0x7f) {
            abort();
        }
    }
    return 0;
}
