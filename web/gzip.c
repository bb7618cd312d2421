/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/gzip.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define WINDOW_BITS (15 + 16) /* the largest window; 16: a gzip header around it */
#define MEMORY      8         /* the library's default */
#define QUICK       1         /* answers: level 6 is a few percent smaller and three times slower */

/* ---- what is asked for */

static struct tw_str trim(struct tw_str text)
{
    while (text.len > 0 && (text.ptr[0] == ' ' || text.ptr[0] == '\t')) {
        text = (struct tw_str){text.ptr + 1, text.len - 1};
    }
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

/* The part before `separator`, which `rest` then begins behind. */
static struct tw_str cut(struct tw_str *rest, char separator)
{
    const char *at = rest->len == 0 ? NULL : memchr(rest->ptr, separator, rest->len);
    size_t len = at == NULL ? rest->len : (size_t)(at - rest->ptr);
    struct tw_str part = {rest->ptr, len};
    size_t skipped = at == NULL ? len : len + 1;
    *rest = (struct tw_str){rest->ptr + skipped, rest->len - skipped};
    return trim(part);
}

static bool is_word(struct tw_str text, const char *word)
{
    return text.len == strlen(word) && strncasecmp(text.ptr, word, text.len) == 0;
}

/* "1", "0.5", "0.001": thousandths. What is none of these: 0, so that it asks for nothing. */
static int weight_of(struct tw_str text)
{
    int weight = 0;
    int unit = 1000;
    if (text.len == 0 || text.len > 5 || (text.len > 1 && text.ptr[1] != '.')) {
        return 0;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (i == 1) {
            continue;
        }
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return 0;
        }
        weight += (text.ptr[i] - '0') * unit;
        unit /= 10;
    }
    return weight > 1000 ? 0 : weight;
}

enum tw_gzip_wish tw_gzip_wish(struct tw_str accept_encoding)
{
    int gzip = -1; /* not named */
    int identity = -1;
    int others = -1;
    struct tw_str rest = accept_encoding;
    while (rest.ptr != NULL && rest.len > 0) {
        struct tw_str item = cut(&rest, ',');
        struct tw_str name = cut(&item, ';');
        int weight = 1000;
        if (item.len > 0) {
            struct tw_str key = cut(&item, '=');
            weight = is_word(key, "q") ? weight_of(trim(item)) : 0;
        }
        if (is_word(name, "gzip") || is_word(name, "x-gzip")) {
            gzip = weight;
        } else if (is_word(name, "identity")) {
            identity = weight;
        } else if (is_word(name, "*")) {
            others = weight;
        }
    }
    gzip = gzip < 0 ? others : gzip;
    if (gzip <= 0) {
        return TW_GZIP_NO;
    }
    if (identity == 0 || (identity < 0 && others == 0)) {
        return TW_GZIP_ALWAYS;
    }
    return gzip >= identity ? TW_GZIP_YES : TW_GZIP_NO;
}

/* ---- packing */

int tw_gzip_pack(struct tw_str bytes, int level, char **ret_bytes, size_t *ret_len)
{
    z_stream stream = {.zalloc = Z_NULL};
    size_t room = bytes.len - bytes.len / 10;
    if (bytes.len > TW_GZIP_MAX_BYTES || room == 0) {
        return TW_ELIMIT;
    }
    char *packed = malloc(room);
    if (packed == NULL) {
        return TW_ENOMEM;
    }
    if (deflateInit2(&stream, level, Z_DEFLATED, WINDOW_BITS, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(packed);
        return TW_ENOMEM;
    }
    /* The library only reads its input; its type has no const. */
    stream.next_in = (Bytef *)(uintptr_t)bytes.ptr;
    stream.avail_in = (uInt)bytes.len;
    stream.next_out = (Bytef *)packed;
    stream.avail_out = (uInt)room;
    int result = deflate(&stream, Z_FINISH);
    size_t len = room - stream.avail_out;
    (void)deflateEnd(&stream); /* says only that it was not finished, as is known then */
    if (result != Z_STREAM_END) {
        free(packed);
        return TW_ELIMIT;
    }
    *ret_bytes = packed;
    *ret_len = len;
    return TW_OK;
}

/* JSON, problems, the texts of Prometheus and OpenSLO; pictures are packed or tagged already. */
static bool is_text(const char *type)
{
    return type != NULL &&
           (strncmp(type, "application/", 12) == 0 || strncmp(type, "text/", 5) == 0);
}

static bool has_header(const struct tw_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcasecmp(response->headers[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

void tw_gzip_response(struct tw_response *response, struct tw_str accept_encoding)
{
    char *packed = NULL;
    size_t len = 0;
    enum tw_gzip_wish wish = tw_gzip_wish(accept_encoding);
    if (response->owned == NULL || !is_text(response->content_type) || response->len == 0 ||
        has_header(response, "ETag") || response->header_count + 2 > TW_RESPONSE_MAX_HEADERS) {
        return;
    }
    if (response->len < TW_GZIP_MIN_BYTES && wish != TW_GZIP_ALWAYS) {
        return;
    }
    (void)tw_response_header(response, "Vary", "Accept-Encoding"); /* fixed texts always fit */
    if (wish == TW_GZIP_NO || tw_gzip_pack((struct tw_str){response->owned, response->len}, QUICK,
                                           &packed, &len) != TW_OK) {
        return;
    }
    (void)tw_response_header(response, "Content-Encoding", "gzip");
    free(response->owned);
    response->owned = packed;
    response->len = len;
}
