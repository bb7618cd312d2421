/* SPDX-License-Identifier: Apache-2.0
 * event/mapping, pointer and text: foreign JSON -> events, through the configuration as a person
 * writes it; the shipped mappings on payloads in the shapes of Shopify and Adyen. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/err.h"
#include "decode_support.h"
#include "event/pointer.h"
#include "event/text.h"

/* --- support ---------------------------------------------------------------------------------- */

struct fixture {
    struct got *got;
    struct tw_cfg *cfg;
};

/* A decoder with the mappings of this YAML before the shipped ones. */
static void open_yaml(struct fixture *f, const char *yaml)
{
    assert_int_equal(tw_cfg_parse("test.yaml", yaml, strlen(yaml), stderr, &f->cfg), TW_OK);
    f->got = got_new();
    f->got->cfg.mappings = f->cfg->mappings;
    f->got->cfg.mapping_count = f->cfg->mapping_count;
}

static void close_yaml(struct fixture *f)
{
    got_free(f->got);
    tw_cfg_destroy(&f->cfg);
}

static void check_attr(const struct tw_event *event, const char *name, const char *expected)
{
    check_text(tw_event_attribute(event, tw_str_of(name)), expected);
}

/* The one event of a body. */
static const struct tw_event *map_one(struct fixture *f, const char *topic, const char *body)
{
    got_body(f->got, topic, NULL, tw_str_of(body));
    if (f->got->event_count != 1 || f->got->problem_count != 0) {
        fail_msg("%s: %zu events, %zu problems: %s", body, f->got->event_count,
                 f->got->problem_count,
                 f->got->problem_count == 0 ? "" : f->got->problems[0]->detail.ptr);
    }
    return f->got->events[0];
}

static void check_not_mapped(struct fixture *f, const char *topic, const char *body,
                             enum tw_problem_code code)
{
    got_body(f->got, topic, NULL, tw_str_of(body));
    assert_int_equal(f->got->event_count, 0);
    assert_int_equal(f->got->problem_count, 1);
    if (f->got->problems[0]->code != code) {
        fail_msg("%s: %s", body, f->got->problems[0]->detail.ptr);
    }
    check_text(f->got->problems[0]->raw, body);
}

/* A text file of the tree, terminated; owned. */
static char *read_file(const char *name)
{
    const char *root = getenv("TW_TEST_SRCDIR");
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", root == NULL ? TW_SRCDIR : root, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 65536);
    assert_non_null(text);
    assert_true(fread(text, 1, 65535, file) > 0);
    (void)fclose(file); /* only read */
    return text;
}

/* --- the shipped mappings --------------------------------------------------------------------- */

struct expected {
    const char *file;
    const char *topic;
    const char *attributes[24]; /* name, value, ...; the value "-" means absent */
};

static const struct expected shipped[] = {
    {"tests/fixtures/shopify/order-create.json",
     "shopify.orders/create",
     {"type",        "com.shopify.order.created",
      "id",          "order-890088186047892319-created",
      "orderid",     "890088186047892319",
      "subject",     "#2042",
      "customerref", "7061",
      "amount",      "129.90",
      "currency",    "EUR",
      "time",        "2026-11-27T18:02:11-05:00",
      "storeid",     "-",
      "channel",     "web",
      "system",      "ecommerce",
      "source",      "/ecommerce/shopify"}},
    {"tests/fixtures/shopify/order-cancelled.json",
     "shopify.orders/cancelled",
     {"type", "com.shopify.order.cancelled", "time", "2026-11-27T19:00:00-05:00", "storeid", "42",
      "customerref", "-", "channel", "pos"}},
    {"tests/fixtures/shopify/order-create.json",
     "shopify.orders/paid",
     {"type", "com.shopify.order.updated", "id",
      "order-890088186047892319-2026-11-27T18:02:12-05:00"}},
    {"tests/fixtures/shopify/refund-create.json",
     "shopify.refunds/create",
     {"type", "com.shopify.refund.created", "orderid", "890088186047892319", "returnid",
      "509562969", "amount", "64.95", "currency", "EUR"}},
    {"tests/fixtures/shopify/fulfillment-create.json",
     "shopify.fulfillments/create",
     {"type", "com.shopify.fulfillment.created", "shipmentid", "255858046", "orderid",
      "890088186047892319", "trackingnumber", "00340434161094000001 00340434161094000002",
      "outcome", "ok", "storeid", "42"}},
    {"tests/fixtures/shopify/fulfillment-create.json",
     "shopify.fulfillments/update",
     {"type", "com.shopify.fulfillment.updated", "id",
      "fulfillment-255858046-2026-11-28T06:30:01Z"}},
    {"tests/fixtures/shopify/fulfillment-event-create.json",
     "shopify.fulfillment_events/create",
     {"type", "com.shopify.fulfillment.attempted_delivery", "outcome", "retrying", "errormessage",
      "Nobody at home, left a card", "shipmentid", "255858046"}},
    {"tests/fixtures/shopify/inventory-level-update.json",
     "shopify.inventory_levels/update",
     {"type", "com.shopify.inventory_level.updated", "storeid", "24826418", "inventoryitemid",
      "271878346596884015"}},
    {"tests/fixtures/shopify/customer-create.json",
     "shopify.customers/create",
     {"type", "com.shopify.customer.created", "customerref", "706405506930370084"}},
    {"tests/fixtures/shopify/customer-create.json",
     "shopify.customers/update",
     {"type", "com.shopify.customer.updated"}},
    {"tests/fixtures/shopify/transaction-create.json",
     "shopify.order_transactions/create",
     {"type", "com.shopify.transaction.capture", "outcome", "failed", "errorcode", "card_declined",
      "paymentid", "120560818172775265", "id", "transaction-120560818172775265-failure"}},
    {"tests/fixtures/adyen/authorisation.json",
     NULL,
     {"type",         "com.adyen.payment.authorised",
      "outcome",      "ok",
      "amount",       "129.90",
      "currency",     "EUR",
      "orderid",      "4711",
      "errormessage", "-",
      "errorcode",    "-",
      "storeid",      "0042",
      "source",       "/payment/adyen/ExampleShop",
      "system",       "payment"}},
    {"tests/fixtures/adyen/authorisation-refused.json",
     NULL,
     {"type", "com.adyen.payment.authorised", "outcome", "failed", "errormessage",
      "Not enough balance", "errorcode", "51"}},
    {"tests/fixtures/adyen/capture-refused.json",
     NULL,
     {"type", "com.adyen.payment.captured", "outcome", "failed", "amount", "5000", "currency",
      "JPY", "paymentid", "8810", "errormessage", "Insufficient balance on payment"}},
    {"tests/fixtures/adyen/capture-failed.json",
     NULL,
     {"type", "com.adyen.payment.capture_failed", "outcome", "failed", "amount", "1234.567",
      "currency", "KWD", "errormessage", "Capture failed at the scheme"}},
    {"tests/fixtures/adyen/refund.json",
     NULL,
     {"type", "com.adyen.payment.refunded", "outcome", "ok", "amount", "0.05", "errormessage",
      "-"}},
    {"tests/fixtures/adyen/cancellation.json",
     NULL,
     {"type", "com.adyen.payment.cancelled", "orderid", "-", "paymentid", "8810"}},
    {"tests/fixtures/adyen/chargeback.json",
     NULL,
     {"type", "com.adyen.payment.chargeback", "errorcode", "10.4", "errormessage", "Fraud",
      "amount", "1.00"}},
    {"tests/fixtures/adyen/report.json",
     NULL,
     {"type", "com.adyen.REPORT_AVAILABLE", "orderid", "-"}},
};

static void shipped__each_payload__gives_its_attributes(void **state)
{
    (void)state;
    struct fixture f;
    open_yaml(&f, "");
    for (size_t i = 0; i < sizeof shipped / sizeof shipped[0]; i++) {
        char *body = read_file(shipped[i].file);
        const struct tw_event *event = map_one(&f, shipped[i].topic, body);
        for (size_t k = 0; k < 24 && shipped[i].attributes[k] != NULL; k += 2) {
            const char *value = shipped[i].attributes[k + 1];
            check_attr(event, shipped[i].attributes[k], strcmp(value, "-") == 0 ? NULL : value);
        }
        assert_true(event->has_time);
        free(body);
    }
    close_yaml(&f);
}

static void shipped__list_with_one_bad_item__costs_that_item(void **state)
{
    (void)state;
    struct fixture f;
    open_yaml(&f, "");
    char *body = read_file("tests/fixtures/shopify/rest-orders.json");
    got_body(f.got, NULL, NULL, tw_str_of(body));
    assert_int_equal(f.got->event_count, 2);
    check_attr(f.got->events[0], "orderid", "1");
    check_attr(f.got->events[1], "orderid", "3");
    assert_int_equal(f.got->problem_count, 1);
    assert_int_equal(f.got->problems[0]->code, TW_PROBLEM_time);
    assert_int_equal(f.got->problems[0]->index, 1);
    check_text(f.got->problems[0]->raw, body); /* whole: so it can be tried again */
    free(body);
    close_yaml(&f);
}

static void shipped__unknown_topic_and_shape__is_unmapped(void **state)
{
    (void)state;
    struct fixture f;
    open_yaml(&f, "");
    check_not_mapped(&f, "shopify.locations/create", "{\"id\":1}", TW_PROBLEM_unmapped);
    check_not_mapped(&f, NULL, "{\"specversion\":null,\"id\":\"1\"}", TW_PROBLEM_unmapped);
    check_not_mapped(&f, NULL, "{}", TW_PROBLEM_unmapped);
    close_yaml(&f);
}

/* --- rules ------------------------------------------------------------------------------------ */

#define HEAD                                                                          \
    "mappings:\n- name: m\n  topic: x\n  attributes:\n    source: {constant: /s/1}\n" \
    "    type: {constant: t}\n"

static void mapping__ids_and_amounts__keep_their_exact_text(void **state)
{
    (void)state;
    struct fixture f;
    open_yaml(&f, HEAD "    id: {pointer: /id}\n    orderid: {pointer: /o}\n"
                       "    amount: {pointer: /a}\n");
    const struct tw_event *event =
        map_one(&f, "x.y",
                "{\"id\":123456789012345678901234567890,\"o\":9007199254740993,"
                "\"a\":-0.10}");
    check_attr(event, "id", "123456789012345678901234567890");
    check_attr(event, "orderid", "9007199254740993");
    check_attr(event, "amount", "-0.10");
    check_text(event->json,
               "{\"source\":\"/s/1\",\"type\":\"t\",\"id\":\"123456789012345678901234567890\","
               "\"orderid\":\"9007199254740993\",\"amount\":\"-0.10\","
               "\"datacontenttype\":\"application/json\",\"specversion\":\"1.0\",\"data\":"
               "{\"id\":123456789012345678901234567890,\"o\":9007199254740993,\"a\":-0.10}}");
    check_attr(map_one(&f, "x", "{\"id\":true,\"o\":\"\\u0041\\/\",\"a\":\"1\"}"), "orderid", "A/");
    close_yaml(&f);
}

static void mapping__missing_value__depends_on_optional(void **state)
{
    (void)state;
    struct fixture f;
    open_yaml(&f, HEAD "    id: {pointer: /id}\n    orderid: {pointer: /o, optional: true}\n");
    check_attr(map_one(&f, "x", "{\"id\":1}"), "orderid", NULL);
    check_attr(map_one(&f, "x", "{\"id\":1,\"o\":null}"), "orderid", NULL);
    check_attr(map_one(&f, "x", "{\"id\":1,\"o\":\"\"}"), "orderid", NULL);
    check_attr(map_one(&f, "x", "{\"id\":1,\"o\":[]}"), "orderid", NULL);
    check_not_mapped(&f, "x", "{\"o\":1}", TW_PROBLEM_mapping);
    check_not_mapped(&f, "x", "{\"id\":null}", TW_PROBLEM_mapping);
    check_not_mapped(&f, "x", "{\"id\":{}}", TW_PROBLEM_mapping);
    check_not_mapped(&f, "x", "{\"id\":1,\"o\":[1,[2]]}", TW_PROBLEM_mapping);
    close_yaml(&f);
}

static void mapping__template__puts_values_together(void **state)
{
    (void)state;
    struct fixture f;
    open_yaml(&f, HEAD "    id: {template: \"{{{/a}}}-{/b/0}{/b/1}\"}\n"
                       "    subject: {template: \"{/a}{/none}\", optional: true}\n");
    const struct tw_event *event = map_one(&f, "x", "{\"a\":1,\"b\":[\"q\",\"r\"]}");
    check_attr(event, "id", "{1}-qr");
    check_attr(event, "subject", NULL);
    check_not_mapped(&f, "x", "{\"a\":1,\"b\":[\"q\"]}", TW_PROBLEM_mapping);
    close_yaml(&f);
}

static void mapping__translation__has_rows_and_a_rest(void **state)
{
    (void)state;
    struct fixture f;
    open_yaml(&f, HEAD "    id: {pointer: /id}\n"
                       "    outcome: {pointer: /s, map: {\"true\": ok, bad: failed}}\n"
                       "    errorclass: {pointer: /c, map: {\"1\": timeout, \"*\": unknown}}\n");
    const struct tw_event *event = map_one(&f, "x", "{\"id\":1,\"s\":true,\"c\":7}");
    check_attr(event, "outcome", "ok");
    check_attr(event, "errorclass", "unknown");
    event = map_one(&f, "x", "{\"id\":1,\"s\":\"bad\",\"c\":\"1\"}");
    check_attr(event, "outcome", "failed");
    check_attr(event, "errorclass", "timeout");
    check_not_mapped(&f, "x", "{\"id\":1,\"s\":\"new\",\"c\":7}", TW_PROBLEM_outcome);
    close_yaml(&f);
}

static void mapping__minor_units__follow_the_currency(void **state)
{
    (void)state;
    struct fixture f;
    open_yaml(&f, HEAD "    id: {constant: i}\n"
                       "    amount: {pointer: /a, minor-units: true}\n"
                       "    currency: {pointer: /c, optional: true}\n");
    check_attr(map_one(&f, "x", "{\"a\":12345,\"c\":\"EUR\"}"), "amount", "123.45");
    check_attr(map_one(&f, "x", "{\"a\":\"-5\",\"c\":\"EUR\"}"), "amount", "-0.05");
    check_attr(map_one(&f, "x", "{\"a\":12345,\"c\":\"JPY\"}"), "amount", "12345");
    check_attr(map_one(&f, "x", "{\"a\":12345,\"c\":\"KWD\"}"), "amount", "12.345");
    check_not_mapped(&f, "x", "{\"a\":12345}", TW_PROBLEM_amount);
    check_not_mapped(&f, "x", "{\"a\":1.5,\"c\":\"EUR\"}", TW_PROBLEM_amount);
    check_not_mapped(&f, "x", "{\"a\":1,\"c\":\"euro\"}", TW_PROBLEM_amount);
    close_yaml(&f);
}

static void mapping__each__makes_an_event_of_every_item(void **state)
{
    (void)state;
    struct fixture f;
    open_yaml(&f, "mappings:\n- name: e\n  match: {pointer: /kind, value: list}\n"
                  "  each: /a/b\n  attributes:\n    source: {constant: /s/1}\n"
                  "    type: {pointer: ^/kind}\n    id: {template: \"{^/run/n}-{/id}\"}\n");
    got_body(f.got, NULL, NULL,
             TW_STR_LIT("{\"a\":{\"b\":[{\"id\":1}, {\"id\":\"2\"} ]},\"kind\":\"list\","
                        "\"run\":{\"n\":5}}"));
    assert_int_equal(f.got->problem_count, 0);
    assert_int_equal(f.got->event_count, 2);
    check_attr(f.got->events[0], "id", "5-1");
    check_attr(f.got->events[1], "id", "5-2");
    check_attr(f.got->events[1], "type", "list");
    check_not_mapped(&f, NULL, "{\"a\":{\"b\":[]},\"kind\":\"list\",\"run\":{\"n\":5}}",
                     TW_PROBLEM_mapping);
    check_not_mapped(&f, NULL, "{\"a\":{\"b\":{}},\"kind\":\"list\"}", TW_PROBLEM_mapping);
    check_not_mapped(&f, NULL, "{\"kind\":\"list\"}", TW_PROBLEM_mapping);
    check_not_mapped(&f, NULL, "{\"kind\":\"lists\"}", TW_PROBLEM_unmapped);
    close_yaml(&f);
}

static void mapping__each_with_bad_items__tells_the_first(void **state)
{
    (void)state;
    struct fixture f;
    open_yaml(&f, "mappings:\n- name: e\n  topic: x\n  each: /l\n  attributes:\n"
                  "    source: {constant: /s/1}\n    type: {constant: t}\n"
                  "    id: {pointer: /id}\n    outcome: {pointer: /o, optional: true}\n");
    static const char body[] = "{\"l\":[{\"id\":1},{\"id\":2,\"o\":\"bad\"},{},{\"id\":4}]}";
    got_body(f.got, "x", NULL, TW_STR_LIT(body));
    assert_int_equal(f.got->event_count, 2);
    check_attr(f.got->events[1], "id", "4");
    assert_int_equal(f.got->problem_count, 1);
    assert_int_equal(f.got->problems[0]->code, TW_PROBLEM_outcome);
    assert_int_equal(f.got->problems[0]->index, 1);
    check_text(f.got->problems[0]->raw, body);
    got_body(f.got, "x", NULL, TW_STR_LIT("[{\"l\":[{\"id\":1}]},{\"l\":[{},{\"id\":2}]}]"));
    assert_int_equal(f.got->event_count, 2);
    assert_int_equal(f.got->problem_count, 1);
    assert_int_equal(f.got->problems[0]->code, TW_PROBLEM_mapping);
    assert_int_equal(f.got->problems[0]->index, 1); /* of the batch */
    check_text(f.got->problems[0]->raw, "{\"l\":[{},{\"id\":2}]}");
    close_yaml(&f);
}

static void mapping__array_value__is_joined(void **state)
{
    (void)state;
    struct fixture f;
    open_yaml(&f, HEAD "    id: {constant: i}\n    orderid: {pointer: /o, optional: true}\n");
    check_attr(map_one(&f, "x", "{\"o\":[\"a\\u0062\", 17 ,null,\"\",true]}"), "orderid",
               "ab 17 true");
    check_attr(map_one(&f, "x", "{\"o\":[null,\"\"]}"), "orderid", NULL);
    check_not_mapped(&f, "x", "{\"o\":[{}]}", TW_PROBLEM_mapping);
    close_yaml(&f);
}

static void mapping__each_over_the_limit__keeps_the_first(void **state)
{
    (void)state;
    struct fixture f;
    open_yaml(&f, "mappings:\n- name: e\n  topic: x\n  each: /l\n  attributes:\n"
                  "    source: {constant: /s/1}\n    type: {constant: t}\n"
                  "    id: {pointer: \"\"}\n");
    f.got->cfg.intake.max_batch_events = 3;
    got_body(f.got, "x", NULL, TW_STR_LIT("{\"l\":[1,2,\"drei\"]}"));
    assert_int_equal(f.got->event_count, 3);
    assert_int_equal(f.got->problem_count, 0);
    check_attr(f.got->events[2], "id", "drei");
    got_body(f.got, "x", NULL, TW_STR_LIT("{\"l\":[1,2,3,4]}"));
    assert_int_equal(f.got->event_count, 3);
    assert_int_equal(f.got->problem_count, 1);
    assert_int_equal(f.got->problems[0]->code, TW_PROBLEM_batch_size);
    assert_int_equal(f.got->problems[0]->index, 3);
    close_yaml(&f);
}

static void mapping__error_message__is_tamed(void **state)
{
    (void)state;
    struct fixture f;
    open_yaml(&f, HEAD "    id: {constant: i}\n    errormessage: {pointer: /m}\n"
                       "    orderid: {pointer: /o, optional: true}\n");
    check_attr(map_one(&f, "x", "{\"m\":\"a\\tb\\u0085c\\uffff\"}"), "errormessage", "a b  c   ");
    const char *long_message = "{\"m\":\"abcdefghijklmnopqrs\xc3\xa9\xc3\xa9\"}";
    f.got->cfg.intake.max_attribute_bytes = 20;
    check_attr(map_one(&f, "x", long_message), "errormessage", "abcdefghijklmnopqrs");
    f.got->cfg.intake.max_attribute_bytes = 21;
    check_attr(map_one(&f, "x", long_message), "errormessage", "abcdefghijklmnopqrs\xc3\xa9");
    check_not_mapped(&f, "x", "{\"m\":\"m\",\"o\":\"a\\tb\"}", TW_PROBLEM_attribute_text);
    check_not_mapped(&f, "x", "{\"m\":\"m\",\"o\":1234567890123456789012}",
                     TW_PROBLEM_attribute_size);
    close_yaml(&f);
}

static void mapping__batch_of_foreign_objects__maps_each(void **state)
{
    (void)state;
    struct fixture f;
    open_yaml(&f, HEAD "    id: {pointer: /id}\n");
    got_body(f.got, "x", NULL, TW_STR_LIT("[{\"id\":1},{},{\"id\":3}]"));
    assert_int_equal(f.got->event_count, 2);
    assert_int_equal(f.got->problem_count, 1);
    assert_int_equal(f.got->problems[0]->index, 1);
    assert_int_equal(f.got->problems[0]->code, TW_PROBLEM_mapping);
    check_text(f.got->problems[0]->raw, "{}");
    close_yaml(&f);
}

static void check_not_compiled(enum tw_cfg_value_kind kind, const char *value)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s", value);
    struct got *got = got_new();
    struct tw_cfg_attr attr = {.attribute = (char[]){"id"}, .kind = kind, .text = text};
    struct tw_cfg_mapping mapping = {
        .name = (char[]){"m"}, .attributes = &attr, .attribute_count = 1};
    got->cfg.mappings = &mapping;
    got->cfg.mapping_count = 1;
    assert_int_equal(tw_decoder_new(&got->cfg, &got->arena, &got->decoder), TW_EINVAL);
    assert_null(got->decoder);
    got_free(got);
}

static void decoder_new__bad_pointer__is_refused(void **state)
{
    (void)state;
    check_not_compiled(TW_VALUE_POINTER, "a");
    check_not_compiled(TW_VALUE_POINTER, "/~2");
    check_not_compiled(TW_VALUE_POINTER, "^a");
    check_not_compiled(TW_VALUE_TEMPLATE, "x{a}");
    check_not_compiled(TW_VALUE_TEMPLATE, "{/a");
    check_not_compiled(TW_VALUE_TEMPLATE, "a}");
}

/* The example of docs/reference/mappings.md does what its text says. */
static void mapping__example_of_the_documentation__works(void **state)
{
    (void)state;
    char *page = read_file("docs/reference/mappings.md");
    char *yaml = strstr(page, "```yaml\n");
    assert_non_null(yaml);
    yaml += strlen("```yaml\n");
    char *end = strstr(yaml, "```");
    assert_non_null(end);
    *end = '\0';
    struct fixture f;
    open_yaml(&f, yaml);
    got_body(
        f.got, "carrier.example", NULL,
        TW_STR_LIT("{\"kind\":\"scan\",\"run\":7,\"scans\":[{\"seq\":1,\"status\":\"D\",\"at\":"
                   "\"2026-11-21T08:00:00Z\",\"parcel\":\"P1\",\"orders\":[4711,4712],"
                   "\"cod\":{\"cents\":1999,\"currency\":\"EUR\"}},{\"seq\":2,\"status\":\"X\","
                   "\"at\":\"2026-11-21T09:00:00Z\",\"parcel\":\"P2\"}]}"));
    assert_int_equal(f.got->problem_count, 0);
    assert_int_equal(f.got->event_count, 2);
    check_attr(f.got->events[0], "id", "7-1");
    check_attr(f.got->events[0], "type", "com.example.parcel.delivered");
    check_attr(f.got->events[0], "orderid", "4711 4712");
    check_attr(f.got->events[0], "amount", "19.99");
    check_attr(f.got->events[1], "type", "com.example.parcel.scanned");
    check_attr(f.got->events[1], "orderid", NULL);
    free(page);
    close_yaml(&f);
}

/* --- pointers --------------------------------------------------------------------------------- */

static void check_pointer(const char *json, const char *pointer, const char *expected)
{
    struct tw_arena arena;
    struct tw_json_scanner scanner;
    struct tw_json_value root;
    struct tw_json_value value;
    tw_arena_init(&arena, 1 << 20);
    assert_int_equal(tw_json_scanner_init(&scanner, &arena, 64, 64), TW_OK);
    assert_int_equal(tw_json_scan_value(&scanner, tw_str_of(json), &root), TW_OK);
    assert_true(tw_json_pointer_is_valid(tw_str_of(pointer)));
    int rc = tw_json_pointer(&root, tw_str_of(pointer), &value);
    if (expected == NULL) {
        assert_int_equal(rc, TW_ENOTFOUND);
    } else {
        assert_int_equal(rc, TW_OK);
        check_text(value.text, expected);
    }
    if (root.kind == TW_JSON_OBJECT) {
        struct tw_json_value object;
        struct tw_json_value again;
        assert_int_equal(tw_json_scan_object(&scanner, root.text, &object), TW_OK);
        assert_int_equal(tw_json_pointer_members(&scanner, &object, tw_str_of(pointer), &again),
                         rc);
    }
    tw_json_scanner_fini(&scanner);
    tw_arena_fini(&arena);
}

static void json_pointer__rfc_6901__finds_raw_ranges(void **state)
{
    (void)state;
    static const char doc[] = "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,\"e^f\":3,"
                              "\"g|h\":4,\"i\\\\j\":5,\"k\\\"l\":6,\" \":7,\"m~n\":8}";
    check_pointer(doc, "/foo", "[\"bar\",\"baz\"]");
    check_pointer(doc, "/foo/0", "bar");
    check_pointer(doc, "/foo/1", "baz");
    check_pointer(doc, "/foo/2", NULL);
    check_pointer(doc, "/foo/00", NULL);
    check_pointer(doc, "/foo/-", NULL);
    check_pointer(doc, "/foo/", NULL);
    check_pointer(doc, "/", "0");
    check_pointer(doc, "/a~1b", "1");
    check_pointer(doc, "/c%d", "2");
    check_pointer(doc, "/e^f", "3");
    check_pointer(doc, "/g|h", "4");
    check_pointer(doc, "/i\\j", "5");
    check_pointer(doc, "/k\"l", "6");
    check_pointer(doc, "/ ", "7");
    check_pointer(doc, "/m~0n", "8");
    check_pointer(doc, "/m~0n/x", NULL);
    check_pointer("[[], {\"a\":{\"b\":\"}]\"}} , -1.5e3]", "/2", "-1.5e3");
    check_pointer("[[], {\"a\":{\"b\":\"}]\"}} , -1.5e3]", "/1/a/b", "}]");
    check_pointer("[ ]", "/0", NULL);
    check_pointer("{ }", "/0", NULL);
    check_pointer("\"x\"", "", "x");
    check_pointer("{\"a\":{\"\\u0062\":1,\"b\":2}}", "/a/b", "1");
}

static void json_pointer_is_valid__bad_pointers__are_told(void **state)
{
    (void)state;
    char token[TW_POINTER_MAX_TOKEN + 3];
    memset(token, 'a', sizeof token);
    token[0] = '/';
    token[TW_POINTER_MAX_TOKEN + 1] = '\0';
    assert_true(tw_json_pointer_is_valid(tw_str_of(token)));
    token[TW_POINTER_MAX_TOKEN + 1] = 'a';
    token[TW_POINTER_MAX_TOKEN + 2] = '\0';
    assert_false(tw_json_pointer_is_valid(tw_str_of(token)));
    assert_true(tw_json_pointer_is_valid(TW_STR_LIT("")));
    assert_false(tw_json_pointer_is_valid(TW_STR_LIT("a")));
    assert_false(tw_json_pointer_is_valid(TW_STR_LIT("/a~")));
    assert_false(tw_json_pointer_is_valid(TW_STR_LIT("/a~x")));
}

/* --- texts ------------------------------------------------------------------------------------ */

static void amount_from_minor__every_exponent__places_the_point(void **state)
{
    (void)state;
    static const struct {
        const char *units;
        const char *currency;
        const char *expected;
    } rows[] = {
        {"0", "EUR", "0.00"},   {"7", "EUR", "0.07"},         {"10", "EUR", "0.10"},
        {"100", "EUR", "1.00"}, {"-12345", "USD", "-123.45"}, {"12345", "JPY", "12345"},
        {"1", "KWD", "0.001"},  {"12345", "BHD", "12.345"},   {"1", "CLF", "0.0001"},
        {"99", "XXX", "0.99"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[64];
        size_t len = tw_amount_from_minor(tw_str_of(rows[i].units),
                                          tw_currency_exponent(tw_str_of(rows[i].currency)), out);
        check_text((struct tw_str){out, len}, rows[i].expected);
    }
    char out[64];
    char digits[40];
    memset(digits, '9', sizeof digits);
    assert_int_equal(tw_amount_from_minor((struct tw_str){digits, 38}, 2, out), 39);
    assert_int_equal(tw_amount_from_minor((struct tw_str){digits, 39}, 2, out), 0);
    assert_int_equal(tw_amount_from_minor(TW_STR_LIT(""), 2, out), 0);
    assert_int_equal(tw_amount_from_minor(TW_STR_LIT("-"), 2, out), 0);
    assert_int_equal(tw_amount_from_minor(TW_STR_LIT("1.5"), 2, out), 0);
    assert_int_equal(tw_amount_from_minor(TW_STR_LIT("+1"), 2, out), 0);
}

static void text_is_amount__grammar__is_strict(void **state)
{
    (void)state;
    static const char *const good[] = {"0",
                                       "-0",
                                       "12",
                                       "12.3",
                                       "-12.345",
                                       "007",
                                       "12345678901234567890123456789012345678",
                                       "1234567890123456789012345678901234.5678"};
    static const char *const bad[] = {
        "",    "-",  ".5",    "5.",  "1,5", "+1",
        "1e3", " 1", "1.2.3", "--1", "0x1", "123456789012345678901234567890123456789"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(tw_text_is_amount(tw_str_of(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(tw_text_is_amount(tw_str_of(bad[i])));
    }
}

static void base64_write__every_rest__is_valid_again(void **state)
{
    (void)state;
    static const char *const expected[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                           "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t len = 0; len <= 6; len++) {
        char out[16];
        tw_base64_write((struct tw_str){"foobar", len}, out);
        struct tw_str text = {out, tw_base64_len(len)};
        check_text(text, expected[len]);
        assert_true(tw_base64_is_valid(text));
    }
    static const char *const bad[] = {"Z", "Zg", "Zg=", "Z===", "Zg==Zg==", "Zm9*", "Zm 9v"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(tw_base64_is_valid(tw_str_of(bad[i])));
    }
}

static void text_allowed__forbidden_characters__are_found(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t allowed;
    } rows[] = {
        {"plain", 5},
        {"tab\t", 3},
        {"del\x7f", 3},
        {"c1\xc2\x80", 2},
        {"c1\xc2\x9f", 2},
        {"ok\xc2\xa0", 4},
        {"\xef\xb7\x90", 0},
        {"\xef\xb7\xaf", 0},
        {"\xef\xb7\xb0", 3},
        {"\xef\xbf\xbe", 0},
        {"\xef\xbf\xbf", 0},
        {"\xef\xbf\xbd", 3},
        {"\xf0\x9f\xbf\xbe", 0},
        {"\xf4\x8f\xbf\xbf", 0},
        {"\xf0\x9f\x98\x80", 4},
        {"\xc0\xaf", 0},
        {"\xed\xa0\x80", 0},
        {"a\xe2\x82", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(tw_text_allowed(tw_str_of(rows[i].text)), rows[i].allowed);
    }
    assert_int_equal(tw_text_allowed((struct tw_str){"a\0b", 3}), 1);
}

static void text_is_int32__bounds__are_those_of_cloudevents(void **state)
{
    (void)state;
    static const char *const good[] = {"0", "-0", "2147483647", "-2147483648"};
    static const char *const bad[] = {"2147483648", "-2147483649",         "1.0", "1e1", "",
                                      "-",          "99999999999999999999"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(tw_text_is_int32(tw_str_of(good[i])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(tw_text_is_int32(tw_str_of(bad[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped__each_payload__gives_its_attributes),
        cmocka_unit_test(shipped__list_with_one_bad_item__costs_that_item),
        cmocka_unit_test(shipped__unknown_topic_and_shape__is_unmapped),
        cmocka_unit_test(mapping__ids_and_amounts__keep_their_exact_text),
        cmocka_unit_test(mapping__missing_value__depends_on_optional),
        cmocka_unit_test(mapping__template__puts_values_together),
        cmocka_unit_test(mapping__translation__has_rows_and_a_rest),
        cmocka_unit_test(mapping__minor_units__follow_the_currency),
        cmocka_unit_test(mapping__each__makes_an_event_of_every_item),
        cmocka_unit_test(mapping__each_with_bad_items__tells_the_first),
        cmocka_unit_test(mapping__array_value__is_joined),
        cmocka_unit_test(mapping__each_over_the_limit__keeps_the_first),
        cmocka_unit_test(mapping__error_message__is_tamed),
        cmocka_unit_test(mapping__batch_of_foreign_objects__maps_each),
        cmocka_unit_test(mapping__example_of_the_documentation__works),
        cmocka_unit_test(decoder_new__bad_pointer__is_refused),
        cmocka_unit_test(json_pointer__rfc_6901__finds_raw_ranges),
        cmocka_unit_test(json_pointer_is_valid__bad_pointers__are_told),
        cmocka_unit_test(amount_from_minor__every_exponent__places_the_point),
        cmocka_unit_test(text_is_amount__grammar__is_strict),
        cmocka_unit_test(base64_write__every_rest__is_valid_again),
        cmocka_unit_test(text_allowed__forbidden_characters__are_found),
        cmocka_unit_test(text_is_int32__bounds__are_those_of_cloudevents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
