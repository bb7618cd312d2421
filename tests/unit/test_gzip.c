/* SPDX-License-Identifier: Apache-2.0
 * Who asks for packed answers, what is packed, and that it comes out again as it went in. */
#include "config.h"
#include "web/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

static void gzip_wish__every_way_to_ask__is_understood(void **state)
{
    (void)state;
    static const struct {
        const char *text; /* NULL: not sent */
        enum tw_gzip_wish wish;
    } rows[] = {
        {NULL, TW_GZIP_NO},
        {"", TW_GZIP_NO},
        {"gzip", TW_GZIP_YES},
        {"GZip", TW_GZIP_YES},
        {"x-gzip", TW_GZIP_YES},
        {"gzip, deflate, br, zstd", TW_GZIP_YES},
        {"deflate,gzip", TW_GZIP_YES},
        {"br, deflate", TW_GZIP_NO},
        {"*", TW_GZIP_YES},
        {"gzip;q=0", TW_GZIP_NO},
        {"gzip;q=0.000", TW_GZIP_NO},
        {"gzip;q=0.001", TW_GZIP_YES},
        {"gzip ; q=1.0", TW_GZIP_YES},
        {"gzip;Q=0.5", TW_GZIP_YES},
        {"gzip;q=0, *", TW_GZIP_NO},
        {"*;q=0", TW_GZIP_NO},
        {"gzip;q=0.5, identity", TW_GZIP_NO},
        {"gzip;q=0.5, identity;q=0.6", TW_GZIP_NO},
        {"gzip;q=0.6, identity;q=0.6", TW_GZIP_YES},
        {"identity;q=0.5, gzip;q=1", TW_GZIP_YES},
        {"gzip, identity;q=0", TW_GZIP_ALWAYS},
        {"gzip;q=0.1, *;q=0", TW_GZIP_ALWAYS},
        {"gzip, *;q=0, identity", TW_GZIP_YES},
        {"*, identity;q=0", TW_GZIP_ALWAYS},
        {"identity;q=0", TW_GZIP_NO},
        {"gzip;q=2", TW_GZIP_NO},
        {"gzip;q=1.001", TW_GZIP_NO},
        {"gzip;q=", TW_GZIP_NO},
        {"gzip;q=x", TW_GZIP_NO},
        {"gzip;q=0.1234", TW_GZIP_NO},
        {"gzip;level=1", TW_GZIP_NO},
        {"gzip;", TW_GZIP_YES},
        {",,;,gzip", TW_GZIP_YES},
        {"gzipx", TW_GZIP_NO},
        {";q=1", TW_GZIP_NO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (tw_gzip_wish(tw_str_of(rows[i].text)) != rows[i].wish) {
            fail_msg("'%s'", rows[i].text == NULL ? "-" : rows[i].text);
        }
    }
}

/* `len` bytes of JSON-like text, owned. */
static char *text_of(size_t len)
{
    char *text = malloc(len + 1);
    assert_non_null(text);
    for (size_t i = 0; i < len; i++) {
        text[i] = "{\"workflow\":\"sale-posting\",\"waiting\":17},"[i % 41];
    }
    text[len] = '\0';
    return text;
}

static void expect_unpacked(const char *packed, size_t packed_len, const char *text, size_t len)
{
    char *back = malloc(len + 1);
    assert_non_null(back);
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed,
                       .avail_in = (uInt)packed_len,
                       .next_out = (Bytef *)back,
                       .avail_out = (uInt)len + 1};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, len);
    assert_memory_equal(back, text, len);
    (void)inflateEnd(&stream);
    free(back);
}

static void gzip_pack__text__comes_back_whole_and_smaller(void **state)
{
    (void)state;
    static const size_t sizes[] = {100, TW_GZIP_MIN_BYTES, 20000, TW_GZIP_MAX_BYTES};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        char *packed = NULL;
        size_t len = 0;
        char *text = text_of(sizes[i]);
        assert_int_equal(tw_gzip_pack((struct tw_str){text, sizes[i]}, 1, &packed, &len), TW_OK);
        assert_true(len < sizes[i] * 9 / 10 + 1);
        expect_unpacked(packed, len, text, sizes[i]);
        free(packed);
        free(text);
    }
}

static void gzip_pack__what_does_not_shrink_or_is_too_large__is_left(void **state)
{
    (void)state;
    char *packed = NULL;
    size_t len = 0;
    static char noise[4096];
    uint64_t seed = 88172645463325252u;
    for (size_t i = 0; i < sizeof noise; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        noise[i] = (char)seed;
    }
    assert_int_equal(tw_gzip_pack((struct tw_str){noise, sizeof noise}, 9, &packed, &len),
                     TW_ELIMIT);
    assert_int_equal(tw_gzip_pack(TW_STR_LIT(""), 1, &packed, &len), TW_ELIMIT);
    assert_int_equal(tw_gzip_pack(TW_STR_LIT("x"), 1, &packed, &len), TW_ELIMIT);
    char *text = text_of(TW_GZIP_MAX_BYTES + 1);
    assert_int_equal(tw_gzip_pack((struct tw_str){text, TW_GZIP_MAX_BYTES + 1}, 1, &packed, &len),
                     TW_ELIMIT);
    assert_null(packed);
    free(text);
}

static const char *header_of(const struct tw_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, name) == 0) {
            return response->headers[i].value;
        }
    }
    return "";
}

/* An answer of `len` bytes of this type to this wish: was it packed, and does it say so? */
static bool is_packed(const char *type, size_t len, const char *tag, const char *accept)
{
    struct tw_response response;
    char *text = text_of(len);
    char *copy = text_of(len);
    tw_response_init(&response);
    tw_response_take(&response, 200, type, copy, len);
    if (tag != NULL) {
        assert_int_equal(tw_response_header(&response, "ETag", tag), TW_OK);
    }
    tw_gzip_response(&response, tw_str_of(accept));
    bool packed = response.len != len;
    assert_string_equal(header_of(&response, "Content-Encoding"), packed ? "gzip" : "");
    if (packed) {
        assert_string_equal(header_of(&response, "Vary"), "Accept-Encoding");
        expect_unpacked(response.owned, response.len, text, len);
    } else {
        assert_memory_equal(response.owned, text, len);
    }
    tw_response_fini(&response);
    free(text);
    return packed;
}

static void gzip_response__text_of_a_size__is_packed_for_those_who_ask(void **state)
{
    (void)state;
    static const char json[] = "application/json; charset=utf-8";
    assert_true(is_packed(json, TW_GZIP_MIN_BYTES, NULL, "gzip"));
    assert_false(is_packed(json, TW_GZIP_MIN_BYTES - 1, NULL, "gzip"));
    assert_true(is_packed(json, TW_GZIP_MIN_BYTES - 1, NULL, "gzip, identity;q=0"));
    assert_false(is_packed(json, TW_GZIP_MIN_BYTES, NULL, NULL));
    assert_false(is_packed(json, TW_GZIP_MIN_BYTES, NULL, "identity;q=0"));
    assert_true(is_packed(json, TW_GZIP_MAX_BYTES, NULL, "gzip"));
    assert_false(is_packed(json, TW_GZIP_MAX_BYTES + 1, NULL, "gzip"));
    assert_true(is_packed("text/plain; version=0.0.4", 2000, NULL, "gzip"));
    assert_false(is_packed("image/png", 2000, NULL, "gzip"));
    assert_false(is_packed(NULL, 2000, NULL, "gzip"));
    assert_false(is_packed(json, 2000, "\"tag\"", "gzip"));
}

static void gzip_response__plain_for_now__still_varies(void **state)
{
    (void)state;
    struct tw_response response;
    tw_response_init(&response);
    tw_response_take(&response, 200, "application/json", text_of(2000), 2000);
    tw_gzip_response(&response, TW_STR_NULL);
    assert_int_equal(response.len, 2000);
    assert_string_equal(header_of(&response, "Vary"), "Accept-Encoding");
    tw_response_fini(&response);
    tw_gzip_response(&response, TW_STR_LIT("gzip")); /* nothing in it */
    assert_null(response.owned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gzip_wish__every_way_to_ask__is_understood),
        cmocka_unit_test(gzip_pack__text__comes_back_whole_and_smaller),
        cmocka_unit_test(gzip_pack__what_does_not_shrink_or_is_too_large__is_left),
        cmocka_unit_test(gzip_response__text_of_a_size__is_packed_for_those_who_ask),
        cmocka_unit_test(gzip_response__plain_for_now__still_varies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
