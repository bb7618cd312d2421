/* SPDX-License-Identifier: Apache-2.0
 * event/decode: structured, batch and binary messages; each rule and each bound. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "alloc_kit.h"
#include "core/err.h"
#include "decode_support.h"

static void check_attr(const struct tw_event *event, enum tw_attribute attribute,
                       const char *expected)
{
    check_text(event->attr[attribute], expected);
}

/* The minimal event with more members is refused for this reason. */
static void check_member(struct got *got, const char *member, enum tw_problem_code code)
{
    char body[512];
    (void)snprintf(body, sizeof body, "%.*s,%s}", (int)(sizeof MIN_EVENT - 2), MIN_EVENT, member);
    check_refused(got, NULL, body, code);
}

static void check_accepted(struct got *got, const char *member)
{
    char body[512];
    (void)snprintf(body, sizeof body, "%.*s,%s}", (int)(sizeof MIN_EVENT - 2), MIN_EVENT, member);
    got_body(got, NULL, NULL, tw_str_of(body));
    if (got->event_count != 1 || got->problem_count != 0) {
        print_error("%s: %.*s\n", body, (int)got->problems[0]->detail.len,
                    got->problems[0]->detail.ptr);
        fail();
    }
}

static void decode_run__structured__gives_all_attributes(void **state)
{
    struct got *got = *state;
    const char *body =
        " {\"specversion\":\"1.0\", \"id\":\"A-1\", \"source\":\"/pos/store-0042/till-3\",\n"
        "\"type\":\"sale.posted\",\"time\":\"2026-11-21T01:41:19.5+01:00\",\"storeid\":42,"
        "\"orderid\":\"4711\",\"amount\":\"12.30\",\"currency\":\"EUR\",\"test\":true,"
        "\"errormessage\":\"a\\\"b \\u00e9\\ud83d\\ude00\",\"subject\":null,"
        "\"data\":{\"items\":[1,2,{\"x\":[]}]}}\n";
    got_body(got, "sale", NULL, tw_str_of(body));
    assert_int_equal(got->event_count, 1);
    assert_int_equal(got->problem_count, 0);
    const struct tw_event *event = got->events[0];
    check_attr(event, TW_ATTR_ID, "A-1");
    check_attr(event, TW_ATTR_SYSTEM, "pos");
    check_attr(event, TW_ATTR_STOREID, "42");
    check_attr(event, TW_ATTR_ORDERID, "4711");
    check_attr(event, TW_ATTR_AMOUNT, "12.30");
    check_attr(event, TW_ATTR_ERRORMESSAGE, "a\"b \xc3\xa9\xf0\x9f\x98\x80");
    check_attr(event, TW_ATTR_SUBJECT, NULL);
    check_attr(event, TW_ATTR_OUTCOME, NULL);
    assert_true(event->has_time);
    assert_int_equal(event->time.ns, INT64_C(1795221679500000000));
    assert_int_equal(event->extra_count, 1);
    check_text(tw_event_attribute(event, TW_STR_LIT("test")), "true");
    check_text(tw_event_attribute(event, TW_STR_LIT("orderid")), "4711");
    check_text(tw_event_attribute(event, TW_STR_LIT("nothing")), NULL);
    assert_int_equal(event->json.len, strlen(body) - 2);
    assert_ptr_equal(event->json.ptr, body + 1);
}

static void decode_run__batch__gives_each_event(void **state)
{
    struct got *got = *state;
    got_body(got, NULL, NULL, tw_str_of("[" MIN_EVENT " , " MIN_EVENT "]"));
    assert_int_equal(got->event_count, 2);
    assert_int_equal(got->problem_count, 0);
    got_body(got, NULL, "content-type: application/cloudevents-batch+json; charset=utf-8\n",
             tw_str_of("[" MIN_EVENT "]"));
    assert_int_equal(got->event_count, 1);
    got_body(got, NULL, NULL, tw_str_of(" [ ] "));
    assert_int_equal(got->event_count + got->problem_count, 0);
}

static void decode_run__binary__composes_the_event(void **state)
{
    struct got *got = *state;
    got_body(got, NULL,
             "Content-Type: application/json\nce-specversion: 1.0\nce-ID: 7\n"
             "ce-source: /erp/a\"b\nce-type: t\nce-orderid: 100%\nce-region: N\xc3\xb6rd\n",
             TW_STR_LIT(" {\"a\":1} "));
    assert_int_equal(got->problem_count, 0);
    assert_int_equal(got->event_count, 1);
    const struct tw_event *event = got->events[0];
    check_attr(event, TW_ATTR_SYSTEM, "erp");
    check_attr(event, TW_ATTR_ORDERID, "100%");
    check_attr(event, TW_ATTR_DATACONTENTTYPE, "application/json");
    check_text(event->json,
               "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/erp/a\\\"b\",\"type\":\"t\","
               "\"orderid\":\"100%\",\"region\":\"N\xc3\xb6rd\","
               "\"datacontenttype\":\"application/json\",\"data\":{\"a\":1}}");
}

/* --- CloudEvents, strictly -------------------------------------------------------------------- */

static void cloudevent__required_attributes__must_be_there(void **state)
{
    struct got *got = *state;
    static const struct {
        const char *body;
        enum tw_problem_code code;
    } rows[] = {
        {"{\"specversion\":\"1.0\",\"source\":\"/a\",\"type\":\"t\"}", TW_PROBLEM_required},
        {"{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\"}", TW_PROBLEM_required},
        {"{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/a\"}", TW_PROBLEM_required},
        {"{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"/a\",\"type\":\"t\"}",
         TW_PROBLEM_required},
        {"{\"specversion\":\"1.0\",\"id\":null,\"source\":\"/a\",\"type\":\"t\"}",
         TW_PROBLEM_required},
        {"{\"specversion\":\"1.0\",\"id\":1,\"source\":\"/a\",\"type\":\"t\"}",
         TW_PROBLEM_attribute_type},
        {"{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\"}",
         TW_PROBLEM_specversion},
        {"{\"specversion\":\"\",\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\"}",
         TW_PROBLEM_specversion},
        {"{\"specversion\":1.0,\"id\":\"1\",\"source\":\"/a\",\"type\":\"t\"}",
         TW_PROBLEM_attribute_type},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_refused(got, NULL, rows[i].body, rows[i].code);
    }
    check_refused(got, "content-type: application/cloudevents+json", "{\"id\":\"1\"}",
                  TW_PROBLEM_required);
}

static void cloudevent__attribute_types__are_those_of_the_specification(void **state)
{
    struct got *got = *state;
    check_accepted(got, "\"x\":true,\"y\":false,\"z\":-2147483648,\"w\":2147483647,\"v\":\"\"");
    check_text(tw_event_attribute(got->events[0], TW_STR_LIT("z")), "-2147483648");
    check_member(got, "\"x\":2147483648", TW_PROBLEM_attribute_type);
    check_member(got, "\"x\":1.0", TW_PROBLEM_attribute_type);
    check_member(got, "\"x\":1e2", TW_PROBLEM_attribute_type);
    check_member(got, "\"x\":[]", TW_PROBLEM_attribute_type);
    check_member(got, "\"x\":{}", TW_PROBLEM_attribute_type);
    check_member(got, "\"orderid\":4711.5", TW_PROBLEM_attribute_type);
    check_member(got, "\"time\":5", TW_PROBLEM_attribute_type);
    check_member(got, "\"subject\":true", TW_PROBLEM_attribute_type);
}

static void cloudevent__attribute_names__are_lower_case(void **state)
{
    struct got *got = *state;
    check_accepted(got, "\"a1\":\"x\",\"9\":\"x\",\"averylongnamethatisonlyadvisedagainst\":\"x\"");
    check_member(got, "\"Orderid\":\"1\"", TW_PROBLEM_attribute_name);
    check_member(got, "\"order_id\":\"1\"", TW_PROBLEM_attribute_name);
    check_member(got, "\"order-id\":null", TW_PROBLEM_attribute_name);
    check_member(got, "\"\":\"1\"", TW_PROBLEM_attribute_name);
    check_member(got, "\"\xc3\xbc\":\"1\"", TW_PROBLEM_attribute_name);
    check_member(got, "\"\\u006frderid\":\"1\",\"orderid\":\"1\"", TW_PROBLEM_json_duplicate);
    check_accepted(got, "\"\\u006frderid\":\"1\"");
    check_attr(got->events[0], TW_ATTR_ORDERID, "1");
}

static void cloudevent__attribute_texts__hold_allowed_characters(void **state)
{
    struct got *got = *state;
    check_accepted(got, "\"x\":\"\xc3\xa9\\u20ac\\ud83d\\ude00\xc2\xa0\"");
    check_member(got, "\"x\":\"\\t\"", TW_PROBLEM_attribute_text);
    check_member(got, "\"x\":\"\\u007f\"", TW_PROBLEM_attribute_text);
    check_member(got, "\"x\":\"\x7f\"", TW_PROBLEM_attribute_text);
    check_member(got, "\"x\":\"\\u0085\"", TW_PROBLEM_attribute_text);
    check_member(got, "\"x\":\"\xc2\x85\"", TW_PROBLEM_attribute_text);
    check_member(got, "\"x\":\"\\ufffe\"", TW_PROBLEM_attribute_text);
    check_member(got, "\"x\":\"\xef\xbf\xbf\"", TW_PROBLEM_attribute_text);
    check_member(got, "\"id2\":\"\\u0000\"", TW_PROBLEM_json);
    check_member(got, "\"x\":\"\\ud800\"", TW_PROBLEM_json);
    check_member(got, "\"x\":\"\xff\"", TW_PROBLEM_utf8);
    check_member(got, "\"subject\":\"\"", TW_PROBLEM_attribute_text);
    check_member(got, "\"dataschema\":\"\"", TW_PROBLEM_attribute_text);
    check_member(got, "\"datacontenttype\":\"\"", TW_PROBLEM_attribute_text);
}

static void cloudevent__attribute_size__is_bounded_at_its_edge(void **state)
{
    struct got *got = *state;
    got->cfg.intake.max_attribute_bytes = 20;
    check_accepted(got, "\"x\":\"12345678901234567890\"");
    check_member(got, "\"x\":\"123456789012345678901\"", TW_PROBLEM_attribute_size);
    check_accepted(got, "\"x\":\"\\u0041\\u0041\\u0041\\u0041\\u0041\""); /* as decoded */
    check_accepted(got, "\"a1234567890123456789\":\"x\"");
    check_member(got, "\"a12345678901234567890\":\"x\"", TW_PROBLEM_attribute_size);
}

static void cloudevent__forms__are_checked(void **state)
{
    struct got *got = *state;
    static const char *const outcomes[] = {"ok", "failed", "retrying", "deadletter", "compensated"};
    for (size_t i = 0; i < 5; i++) {
        char member[64];
        (void)snprintf(member, sizeof member, "\"outcome\":\"%s\"", outcomes[i]);
        check_accepted(got, member);
    }
    check_member(got, "\"outcome\":\"OK\"", TW_PROBLEM_outcome);
    check_member(got, "\"outcome\":\"\"", TW_PROBLEM_outcome);
    check_member(got, "\"time\":\"2026-11-21\"", TW_PROBLEM_time);
    check_member(got, "\"time\":\"\"", TW_PROBLEM_time);
    check_member(got, "\"time\":\"2026-11-21T01:41:19\"", TW_PROBLEM_time);
    check_member(got, "\"time\":\"1600-01-01T00:00:00Z\"", TW_PROBLEM_time);
    check_accepted(got, "\"amount\":\"-0.10\",\"currency\":\"JPY\"");
    check_accepted(got, "\"amount\":12");
    check_attr(got->events[0], TW_ATTR_AMOUNT, "12");
    check_member(got, "\"amount\":12.5", TW_PROBLEM_attribute_type);
    check_member(got, "\"amount\":\"12,5\"", TW_PROBLEM_amount);
    check_member(got, "\"amount\":true", TW_PROBLEM_amount);
    check_member(got, "\"currency\":\"eur\"", TW_PROBLEM_amount);
    check_member(got, "\"currency\":\"EURO\"", TW_PROBLEM_amount);
}

static void cloudevent__data__is_one_of_two(void **state)
{
    struct got *got = *state;
    check_accepted(got, "\"data\":null");
    check_accepted(got, "\"data\":\"text\\u0007\",\"data_base64\":null");
    check_accepted(got, "\"data\":{\"a\":1,\"a\":2}");
    check_accepted(got, "\"data\":1e999");
    check_accepted(got, "\"data_base64\":\"\"");
    check_accepted(got, "\"data_base64\":\"AB\\/+\"");
    check_member(got, "\"data\":1,\"data_base64\":\"\"", TW_PROBLEM_data);
    check_member(got, "\"data\":null,\"data_base64\":\"AAAA\"", TW_PROBLEM_data);
    check_member(got, "\"data_base64\":\"AAA\"", TW_PROBLEM_data);
    check_member(got, "\"data_base64\":\"A AA\"", TW_PROBLEM_data);
    check_member(got, "\"data_base64\":5", TW_PROBLEM_data);
}

static void cloudevent__system__comes_from_the_source(void **state)
{
    struct got *got = *state;
    static const char *const rows[][2] = {
        {"/pos/store-0042/till-3", "pos"},
        {"pos/store", "pos"},
        {"pos", "pos"},
        {"/", NULL},
        {"//host/erp/x", "erp"},
        {"https://shop.example/ecommerce/eu?x=/y", "ecommerce"},
        {"https://shop.example", NULL},
        {"urn:pos:0042/3", "pos:0042"},
        {"?q", NULL},
        {"/wms#1", "wms"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[256];
        (void)snprintf(body, sizeof body,
                       "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"%s\",\"type\":\"t\"}",
                       rows[i][0]);
        got_body(got, NULL, NULL, tw_str_of(body));
        assert_int_equal(got->event_count, 1);
        check_attr(got->events[0], TW_ATTR_SYSTEM, rows[i][1]);
    }
    check_accepted(got, "\"system\":\"loyalty\"");
    check_attr(got->events[0], TW_ATTR_SYSTEM, "loyalty");
    check_accepted(got, "\"system\":\"\"");
    check_attr(got->events[0], TW_ATTR_SYSTEM, "pos");
}

/* MIN_EVENT with `count` extensions x0, x1, ... Owned. */
static char *with_extras(size_t count)
{
    char *body = malloc(sizeof MIN_EVENT + count * 24);
    assert_non_null(body);
    char *p =
        body + snprintf(body, sizeof MIN_EVENT, "%.*s", (int)(sizeof MIN_EVENT - 2), MIN_EVENT);
    for (size_t i = 0; i < count; i++) {
        p += snprintf(p, 24, ",\"x%zu\":\"%zu\"", i, i);
    }
    (void)snprintf(p, 2, "}");
    return body;
}

static void cloudevent__extras__are_bounded_at_their_edge(void **state)
{
    struct got *got = *state;
    static const size_t counts[] = {0, 1, TW_EVENT_MAX_EXTRAS, TW_EVENT_MAX_EXTRAS + 1};
    for (size_t i = 0; i < 4; i++) {
        char *body = with_extras(counts[i]);
        got_body(got, NULL, NULL, tw_str_of(body));
        assert_int_equal(got->event_count, 1);
        const struct tw_event *event = got->events[0];
        size_t kept = counts[i] < TW_EVENT_MAX_EXTRAS ? counts[i] : TW_EVENT_MAX_EXTRAS;
        assert_int_equal(event->extra_count, kept);
        assert_true(kept > 0 || event->extras == NULL);
        for (size_t k = 0; k < kept; k++) {
            char text[24];
            (void)snprintf(text, sizeof text, "%zu", k);
            check_text(event->extras[k].value, text);
        }
        check_text(event->json, body); /* all of them */
        free(body);
    }
}

static void cloudevent__members__are_bounded(void **state)
{
    struct got *got = *state;
    got->cfg.intake.max_json_members = 10;
    char *body = with_extras(6);
    got_body(got, NULL, NULL, tw_str_of(body));
    assert_int_equal(got->event_count, 1);
    free(body);
    body = with_extras(7);
    check_refused(got, NULL, body, TW_PROBLEM_json_members);
    free(body);
}

/* --- the body decides ------------------------------------------------------------------------- */

static void body__neither_object_nor_array__is_refused(void **state)
{
    struct got *got = *state;
    check_refused(got, NULL, "", TW_PROBLEM_empty);
    check_refused(got, NULL, " \r\n\t", TW_PROBLEM_empty);
    check_refused(got, NULL, "\"text\"", TW_PROBLEM_json);
    check_refused(got, NULL, "\xef\xbb\xbf" MIN_EVENT, TW_PROBLEM_json);
    check_refused(got, NULL, MIN_EVENT "x", TW_PROBLEM_json);
    check_refused(got, NULL, MIN_EVENT MIN_EVENT, TW_PROBLEM_json);
    struct tw_message nothing = {.body = TW_STR_NULL};
    got_message(got, &nothing);
    assert_int_equal(got->problem_count, 1);
    assert_int_equal(got->problems[0]->code, TW_PROBLEM_empty);
}

static void body__cut_at_every_byte__is_never_accepted(void **state)
{
    struct got *got = *state;
    static const char body[] =
        "{\"specversion\":\"1.0\",\"id\":\"A\\u0041\",\"source\":\"/pos/\xc3\xa9\",\"type\":\"t\","
        "\"time\":\"2026-11-21T01:41:19Z\",\"n\":-5,\"b\":true,\"data\":{\"a\":[1.5e3,null]}}";
    for (size_t len = 0; len < sizeof body - 1; len++) {
        char *copy = malloc(len + (len == 0));
        assert_non_null(copy);
        memcpy(copy, body, len);
        got_body(got, NULL, NULL, (struct tw_str){copy, len});
        assert_int_equal(got->event_count, 0);
        assert_int_equal(got->problem_count, 1);
        free(copy);
    }
    got_body(got, NULL, NULL, TW_STR_LIT(body));
    assert_int_equal(got->event_count, 1);
}

static void body__hostile__is_refused_in_bounded_memory(void **state)
{
    struct got *got = *state;
    size_t len = 200000;
    char *body = malloc(len);
    assert_non_null(body);
    memset(body, '[', len);
    got_body(got, NULL, NULL, (struct tw_str){body, len});
    assert_int_equal(got->event_count, 0);
    assert_int_equal(got->problem_count, 1);
    assert_int_equal(got->problems[0]->code, TW_PROBLEM_json_depth);
    memset(body, ',', len);
    body[0] = '['; /* 200,000 elements that are none */
    got_body(got, NULL, NULL, (struct tw_str){body, len});
    assert_int_equal(got->event_count, 0);
    assert_int_equal(got->problem_count, 10001);
    assert_true(got->arena.used < (size_t)16 << 20);
    memset(body, '\0', len);
    got_body(got, NULL, NULL, (struct tw_str){body, len});
    assert_int_equal(got->problem_count, 1);
    free(body);
}

/* --- batches ---------------------------------------------------------------------------------- */

static void batch__bad_events__cost_only_themselves(void **state)
{
    struct got *got = *state;
    static const char body[] = "[" MIN_EVENT ",{\"specversion\":\"1.0\"}, 5,{\"x\":[1}," MIN_EVENT
                               ",{\"a\":1,\"a\":2}," MIN_EVENT ",{}]";
    got_body(got, NULL, NULL, TW_STR_LIT(body));
    assert_int_equal(got->event_count, 3);
    static const struct {
        int64_t index;
        enum tw_problem_code code;
        const char *raw;
    } rows[] = {
        {1, TW_PROBLEM_required, "{\"specversion\":\"1.0\"}"},
        {2, TW_PROBLEM_unmapped, "5"},
        {3, TW_PROBLEM_json, "{\"x\":[1}"},
        {5, TW_PROBLEM_json_duplicate, "{\"a\":1,\"a\":2}"},
        {7, TW_PROBLEM_unmapped, "{}"},
    };
    assert_int_equal(got->problem_count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(got->problems[i]->index, rows[i].index);
        assert_int_equal(got->problems[i]->code, rows[i].code);
        check_text(got->problems[i]->raw, rows[i].raw);
    }
}

static void batch__broken_array__keeps_what_came_before(void **state)
{
    struct got *got = *state;
    static const struct {
        const char *body;
        size_t events;
        const char *raw;
    } rows[] = {
        {"[" MIN_EVENT "," MIN_EVENT, 2, ""},
        {"[" MIN_EVENT ",", 1, ","},
        {"[" MIN_EVENT " " MIN_EVENT "]", 1, MIN_EVENT "]"},
        {"[" MIN_EVENT "]x", 1, "x"},
        {"[" MIN_EVENT "," MIN_EVENT ",{\"id\":\"x]", 2, "{\"id\":\"x]"},
        {"[", 0, ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        got_body(got, NULL, NULL, tw_str_of(rows[i].body));
        assert_int_equal(got->event_count, rows[i].events);
        assert_int_equal(got->problem_count, 1);
        assert_int_equal(got->problems[0]->code, TW_PROBLEM_json);
        assert_int_equal(got->problems[0]->index, rows[i].events);
        check_text(got->problems[0]->raw, rows[i].raw);
    }
}

static void batch__size__is_bounded_at_its_edge(void **state)
{
    struct got *got = *state;
    for (size_t count = 10000; count <= 10001; count++) {
        char *body = malloc(count * sizeof MIN_EVENT + 2);
        assert_non_null(body);
        char *p = body;
        for (size_t i = 0; i < count; i++) {
            *p++ = i == 0 ? '[' : ',';
            memcpy(p, MIN_EVENT, sizeof MIN_EVENT - 1);
            p += sizeof MIN_EVENT - 1;
        }
        *p++ = ']';
        got_body(got, NULL, NULL, (struct tw_str){body, (size_t)(p - body)});
        assert_int_equal(got->event_count, 10000);
        assert_int_equal(got->problem_count, count - 10000);
        if (count > 10000) {
            assert_int_equal(got->problems[0]->code, TW_PROBLEM_batch_size);
            assert_int_equal(got->problems[0]->index, 10000);
            check_text(got->problems[0]->raw, MIN_EVENT "]");
        }
        free(body);
    }
}

/* --- the rest --------------------------------------------------------------------------------- */

/* With less and less room in the arena: something is always told. */
static void check_starved(struct got *got, const struct tw_message *message)
{
    got_body(got, NULL, NULL, TW_STR_LIT(MIN_EVENT)); /* makes the decoder */
    for (size_t max = 0; max < 4096; max += 16) {
        struct tw_arena small;
        tw_arena_init(&small, max);
        got->event_count = 0;
        got->problem_count = 0;
        tw_decoder_set_arena(got->decoder, &small);
        const struct tw_decode_sink sink = {got, got_event, got_problem};
        tw_decoder_run(got->decoder, message, &sink);
        assert_int_equal(got->event_count + got->problem_count, 1);
        tw_decoder_set_arena(got->decoder, &got->arena);
        tw_arena_fini(&small);
    }
    assert_int_equal(got->event_count, 1); /* the last one had room */
}

static void decode_run__full_arena__reports_instead_of_losing(void **state)
{
    struct got *got = *state;
    struct tw_cfg_attr rows[] = {
        {.attribute = (char[]){"id"}, .kind = TW_VALUE_TEMPLATE, .text = (char[]){"{/a}-{/b}"}},
        {.attribute = (char[]){"source"}, .kind = TW_VALUE_CONSTANT, .text = (char[]){"/s"}},
        {.attribute = (char[]){"type"}, .kind = TW_VALUE_CONSTANT, .text = (char[]){"t"}},
        {.attribute = (char[]){"errormessage"}, .text = (char[]){"/c"}},
        {.attribute = (char[]){"amount"}, .text = (char[]){"/m"}, .is_minor_units = true},
        {.attribute = (char[]){"currency"}, .text = (char[]){"/e"}},
    };
    struct tw_cfg_mapping mapping = {.name = (char[]){"m"},
                                     .topic = (char[]){"x"},
                                     .attributes = rows,
                                     .attribute_count = sizeof rows / sizeof rows[0]};
    got->cfg.mappings = &mapping;
    got->cfg.mapping_count = 1;
    const struct tw_message messages[] = {
        {.body = TW_STR_LIT("{\"specversion\":\"1.0\",\"id\":\"\\u0041\",\"source\":"
                            "\"/a\",\"type\":\"t\",\"\\u0061b\":\"c\","
                            "\"data_base64\":\"AB\\/+\"}")},
        {.headers = TW_STR_LIT(CE "CE-X: y\n"), .body = TW_STR_LIT("text")},
        {.topic = TW_STR_LIT("x"),
         .body = TW_STR_LIT("{\"a\":\"\\u0041\",\"b\":[1,2],\"c\":\"\\t\",\"m\":5,"
                            "\"e\":\"EUR\"}")},
    };
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        check_starved(got, &messages[i]);
    }
    tw_decoder_destroy(&got->decoder);
}

/* The n-th allocation fails, for every n: no decoder, nothing leaks. */
static void decoder_new__each_allocation_fails__gives_no_decoder(void **state)
{
    struct got *got = *state;
    struct tw_cfg_attr row = {
        .attribute = (char[]){"id"}, .kind = TW_VALUE_TEMPLATE, .text = (char[]){"a{/b}c{{{/d}}}"}};
    struct tw_cfg_mapping mapping = {
        .name = (char[]){"m"}, .topic = (char[]){"x"}, .attributes = &row, .attribute_count = 1};
    got->cfg.mappings = &mapping;
    got->cfg.mapping_count = 1;
    int rc = TW_ENOMEM;
    size_t n = 0;
    while (rc != TW_OK) {
        n++;
        alloc_count = 0;
        alloc_failing = n;
        rc = tw_decoder_new(&got->cfg, &got->arena, &got->decoder);
        alloc_failing = 0;
        assert_true(rc == TW_OK || rc == TW_ENOMEM);
        assert_int_equal(got->decoder != NULL, rc == TW_OK);
    }
    assert_true(n > 8);
    tw_decoder_destroy(&got->decoder);
    tw_decoder_destroy(&got->decoder); /* nothing there: nothing happens */
}

static void decode_run__each_allocation_fails__loses_nothing(void **state)
{
    struct got *got = *state;
    char *body = with_extras(150); /* more members than the scanner has at first */
    got_body(got, NULL, NULL, TW_STR_LIT("{}"));
    for (size_t n = 1; n <= 5; n++) {
        struct got *fresh = got_new();
        assert_int_equal(tw_decoder_new(&fresh->cfg, &fresh->arena, &fresh->decoder), TW_OK);
        alloc_count = 0;
        alloc_failing = n;
        got_body(fresh, NULL, NULL, tw_str_of(body));
        alloc_failing = 0;
        assert_int_equal(fresh->event_count + fresh->problem_count, 1);
        assert_int_equal(fresh->event_count, n < 5 ? 0 : 1); /* members, order, arena */
        got_body(fresh, NULL, NULL, tw_str_of(body));        /* and it goes on */
        assert_int_equal(fresh->event_count, 1);
        got_free(fresh);
    }
    free(body);
}

static void problem__detail__is_printable_and_short(void **state)
{
    struct got *got = *state;
    char body[4096];
    (void)snprintf(body, sizeof body, "%.*s,\"time\":\"\xc3\xa9%0500d\"}",
                   (int)(sizeof MIN_EVENT - 2), MIN_EVENT, 7);
    got_body(got, NULL, NULL, tw_str_of(body));
    assert_int_equal(got->problem_count, 1);
    struct tw_str detail = got->problems[0]->detail;
    assert_true(detail.len > 0 && detail.len <= 256);
    for (size_t i = 0; i < detail.len; i++) {
        assert_true(detail.ptr[i] >= 0x20 && detail.ptr[i] < 0x7f);
    }
}

/* Every case has a decoder of its own. */
#define CASE(name) cmocka_unit_test_setup_teardown(name, got_setup, got_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(decode_run__structured__gives_all_attributes),
        CASE(decode_run__batch__gives_each_event),
        CASE(decode_run__binary__composes_the_event),
        CASE(cloudevent__required_attributes__must_be_there),
        CASE(cloudevent__attribute_types__are_those_of_the_specification),
        CASE(cloudevent__attribute_names__are_lower_case),
        CASE(cloudevent__attribute_texts__hold_allowed_characters),
        CASE(cloudevent__attribute_size__is_bounded_at_its_edge),
        CASE(cloudevent__forms__are_checked),
        CASE(cloudevent__data__is_one_of_two),
        CASE(cloudevent__system__comes_from_the_source),
        CASE(cloudevent__extras__are_bounded_at_their_edge),
        CASE(cloudevent__members__are_bounded),
        CASE(body__neither_object_nor_array__is_refused),
        CASE(body__cut_at_every_byte__is_never_accepted),
        CASE(body__hostile__is_refused_in_bounded_memory),
        CASE(batch__bad_events__cost_only_themselves),
        CASE(batch__broken_array__keeps_what_came_before),
        CASE(batch__size__is_bounded_at_its_edge),
        CASE(decode_run__full_arena__reports_instead_of_losing),
        CASE(decoder_new__each_allocation_fails__gives_no_decoder),
        CASE(decode_run__each_allocation_fails__loses_nothing),
        CASE(problem__detail__is_printable_and_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
