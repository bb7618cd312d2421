/* SPDX-License-Identifier: Apache-2.0
 * The event that a replay sends is the stored one but for what must differ; the key of an effect.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "replay/event.h"

static struct tw_event_writer writer;
static struct tw_buf out;
static char key[TW_IDEMPOTENCY_MAX];
static size_t key_len;
static struct tw_diag why;

static int set_up(void **state)
{
    (void)state;
    tw_buf_init(&out, 1 << 20);
    return tw_event_writer_init(&writer);
}

static int tear_down(void **state)
{
    (void)state;
    tw_buf_fini(&out);
    tw_event_writer_fini(&writer);
    return 0;
}

static int write_event(const char *json, const char *edit, bool is_awaited)
{
    const struct tw_replay_event event = {
        .json = tw_str_of(json),
        .edit = tw_str_of(edit),
        .replayid = TW_STR_LIT("r1-t-7"),
        .attempt = 1,
        .destination = TW_STR_LIT("erp"),
        .object = TW_STR_LIT("transaction:0042/88"),
        .is_awaited = is_awaited,
    };
    tw_buf_clear(&out);
    return tw_event_write(&writer, &event, &out, key, &key_len, &why);
}

static void assert_out(const char *expected)
{
    assert_int_equal(out.len, strlen(expected));
    assert_memory_equal(out.data, expected, out.len);
}

static void assert_key(const char *expected)
{
    assert_int_equal(key_len, strlen(expected));
    assert_memory_equal(key, expected, key_len);
}

#define HEAD "\"specversion\":\"1.0\",\"id\":\"6f1c\",\"source\":\"/pos\",\"type\":\"sold\""
#define TAIL "\"replayid\":\"r1-t-7\",\"attempt\":1}"

static void event__is_the_stored_one_with_replayid_and_attempt(void **state)
{
    (void)state;
    assert_int_equal(write_event("{" HEAD ",\"data\":{}}", NULL, true), TW_OK);
    assert_out("{" HEAD ",\"data\":{}," TAIL);
    assert_key("erp//pos#6f1c");
}

static void event__what_made_it_a_failure__is_taken_off(void **state)
{
    (void)state;
    assert_int_equal(
        write_event("{\"outcome\":\"failed\"," HEAD ",\"errorcode\":\"M\",\"errormessage\":\"x\","
                    "\"errorclass\":\"master-data\",\"httpstatus\":422,\"replayid\":\"old\","
                    "\"attempt\":\"3\",\"correlationid\":\"c\",\"data\":{\"outcome\":\"failed\","
                    "\"attempt\":3}}",
                    NULL, false),
        TW_OK);
    assert_out("{" HEAD ",\"correlationid\":\"c\",\"data\":{\"outcome\":\"failed\",\"attempt\":3}"
               "," TAIL);
    assert_key("erp/sold/transaction:0042/88");
}

static void event__names_with_escapes__are_what_they_say(void **state)
{
    (void)state;
    assert_int_equal(
        write_event("{" HEAD ",\"outc\\u006fme\":\"failed\",\"\\u0064ata\":1}", NULL, true), TW_OK);
    assert_out("{" HEAD ",\"\\u0064ata\":1," TAIL);
}

static void event__numbers_texts_and_blanks_of_values__stay_byte_for_byte(void **state)
{
    (void)state;
    static const char values[] =
        "\"data\":{\"a\":19.90,\"b\":1e999,\"c\":123456789012345678901234567890,\"d\":-0.0,"
        "\"e\":\"\\u00e4\\/\xc3\xa4\",\"a\":1 ,  \"f\":[ ]}";
    char json[512];
    char expected[512];
    (void)snprintf(json, sizeof json, " {\n " HEAD ",\n %s\t,\"amount\" : \"1.10\" } ", values);
    (void)snprintf(expected, sizeof expected, "{" HEAD ",%s,\"amount\" : \"1.10\"," TAIL, values);
    assert_int_equal(write_event(json, NULL, true), TW_OK);
    assert_out(expected);
}

static void event__that_cannot_be_read__is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "[]", "{", "nonsense", "{\"a\":", "{\"id\":\"\xff\"}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(write_event(texts[i], NULL, true), TW_ESYNTAX);
        assert_string_equal(why.text, "the stored event cannot be read");
    }
    assert_int_equal(write_event("{\"id\":\"1\",\"type\":\"t\"}", NULL, true), TW_ESYNTAX);
    assert_string_equal(why.text, "the stored event has no source");
    assert_int_equal(write_event("{\"id\":\"1\",\"type\":7}", NULL, false), TW_ESYNTAX);
    assert_string_equal(why.text, "the stored event has no type");
}

static void event__larger_than_its_room__is_said(void **state)
{
    (void)state;
    tw_buf_fini(&out);
    tw_buf_init(&out, 64);
    assert_int_equal(write_event("{" HEAD ",\"data\":{}}", NULL, true), TW_ELIMIT);
}

static void event__repaired__has_the_changes(void **state)
{
    (void)state;
    assert_int_equal(write_event("{" HEAD ",\"outcome\":\"failed\",\"data\":{\"sku\":\"old\"}}",
                                 "[{\"path\":\"/data/sku\",\"value\":\"4711\"}]", true),
                     TW_OK);
    assert_out("{" HEAD ",\"data\":{\"sku\":\"4711\"}," TAIL);
    assert_key("erp//pos#6f1c"); /* the effect is the same */
    assert_int_equal(write_event("{" HEAD ",\"data\":{}}",
                                 "[{\"path\":\"/data/none/sku\",\"value\":\"4711\"}]", true),
                     TW_ESYNTAX);
    assert_non_null(strstr(why.text, "cannot be repaired"));
}

/* A key of exactly `len` bytes as it is before it is cut. */
static void write_key_of(size_t len, const char *filler)
{
    char id[600];
    char json[800];
    size_t id_len = len - strlen("erp//pos#");
    size_t step = strlen(filler);
    size_t at = 0;
    for (; at + step <= id_len; at += step) {
        memcpy(id + at, filler, step);
    }
    memset(id + at, 'z', id_len - at);
    id[id_len] = '\0';
    (void)snprintf(json, sizeof json,
                   "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"/pos\",\"type\":\"t\"}",
                   id);
    assert_int_equal(write_event(json, NULL, true), TW_OK);
}

static void key__longer_than_256_bytes__is_cut_and_hashed(void **state)
{
    (void)state;
    char first[TW_IDEMPOTENCY_MAX];
    write_key_of(256, "x");
    assert_int_equal(key_len, 256);
    assert_null(memchr(key, '~', key_len));
    write_key_of(257, "x");
    assert_int_equal(key_len, 200 + 1 + 32);
    assert_int_equal(key[200], '~');
    for (size_t i = 201; i < key_len; i++) {
        assert_non_null(strchr("0123456789abcdef", key[i]));
    }
    memcpy(first, key, key_len);
    write_key_of(258, "x");
    assert_int_equal(key_len, 233);
    assert_memory_not_equal(first, key, 233);
    write_key_of(257, "x");
    assert_memory_equal(first, key, 233);
}

static void key__is_cut_at_a_character(void **state)
{
    (void)state;
    write_key_of(300, "\xe2\x82\xac"); /* 9 + 63 * 3 = 198: the next would end at 201 */
    assert_int_equal(key_len, 198 + 33);
    assert_int_equal(key[198], '~');
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(event__is_the_stored_one_with_replayid_and_attempt),
        CASE(event__what_made_it_a_failure__is_taken_off),
        CASE(event__names_with_escapes__are_what_they_say),
        CASE(event__numbers_texts_and_blanks_of_values__stay_byte_for_byte),
        CASE(event__that_cannot_be_read__is_none),
        CASE(event__larger_than_its_room__is_said),
        CASE(event__repaired__has_the_changes),
        CASE(key__longer_than_256_bytes__is_cut_and_hashed),
        CASE(key__is_cut_at_a_character),
    };
    return cmocka_run_group_tests_name("replay_event", tests, NULL, NULL);
}
