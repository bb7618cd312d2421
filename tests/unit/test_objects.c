/* SPDX-License-Identifier: Apache-2.0
 * correlate/objects: which objects an event carries, and every bound of it. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "correlate/objects.h"
#include "support/lab.h"

static const char *const config_yaml =
    "correlate: {max-objects: 4, ignore: [\"0\", \"N/A\", "
    "\"a-word-of-more-than-sixty-three-bytes-that"
    "-says-nothing-at-all-to-anybody\"]}\n"
    "taps:\n"
    "  - {name: pull, kind: pull, bind: [\"tcp://127.0.0.1:8461\"]}\n"
    "objects:\n"
    "  - {type: transaction, attribute: transactionid, scope: [region, storeid]}\n"
    "  - {type: order, attribute: orderid}\n"
    "  - {type: trace, attribute: traceparent}\n"
    "  - {type: pickup, attribute: pickupid}\n"
    "  - {type: store, attribute: storeid, role: context, indexed: true}\n"
    "  - {type: channel, attribute: channel, role: context}\n";

struct fixture {
    struct lab lab;
    struct tw_object_rules *rules;
    struct tw_event event;
    struct tw_event_extra extra;
    struct tw_objects_found found;
};

static int open_fixture(void **state)
{
    struct fixture *self = calloc(1, sizeof *self);
    assert_non_null(self);
    lab_open(&self->lab, config_yaml);
    assert_int_equal(tw_object_rules_new(self->lab.cfg, self->lab.store, &self->rules), TW_OK);
    *state = self;
    return 0;
}

static int close_fixture(void **state)
{
    struct fixture *self = *state;
    tw_object_rules_destroy(&self->rules);
    lab_close(&self->lab);
    free(self);
    return 0;
}

static void set(struct fixture *self, enum tw_attribute attribute, const char *value)
{
    self->event.attr[attribute] = tw_str_of(value);
}

/* "type=scope/id ..." in the order found. */
static const char *extract(struct fixture *self)
{
    static char text[4096];
    size_t len = 0;
    text[0] = '\0';
    assert_int_equal(tw_objects_extract(self->rules, &self->event, &self->lab.arena, &self->found),
                     TW_OK);
    for (uint32_t i = 0; i < self->found.count; i++) {
        const struct tw_object *object = &self->found.objects[i];
        len += (size_t)snprintf(
            text + len, sizeof text - len, "%s%s=%.*s%s%.*s", i > 0 ? " " : "",
            tw_reader_object_type_by_code(lab_reader(&self->lab), object->type)->name,
            (int)object->scope.len, object->scope.ptr, object->scope.len > 0 ? "/" : "",
            (int)object->id.len, object->id.ptr);
    }
    return text;
}

static void objects_extract__scope__joins_its_values(void **state)
{
    struct fixture *self = *state;
    set(self, TW_ATTR_TRANSACTIONID, "88");
    set(self, TW_ATTR_STOREID, "0042");
    assert_string_equal(extract(self), "store=0042");
    assert_int_equal(self->found.unscoped, 1);
    set(self, TW_ATTR_REGION, "eu");
    assert_string_equal(extract(self), "transaction=eu/0042/88 store=0042");
    assert_int_equal(self->found.linking, 1);
    set(self, TW_ATTR_REGION, "n/a"); /* a scope that says nothing is missing */
    assert_string_equal(extract(self), "store=0042");
    set(self, TW_ATTR_REGION, ""); /* so is an empty one */
    assert_string_equal(extract(self), "store=0042");
    assert_int_equal(self->found.unscoped, 1);
}

static void objects_extract__several_values__are_several_objects(void **state)
{
    struct fixture *self = *state;
    set(self, TW_ATTR_ORDERID, "1 2  3 1 ");
    assert_string_equal(extract(self), "order=1 order=2 order=3");
    assert_int_equal(self->found.linking, 3);
    assert_int_equal(self->found.over_limit, 0);
    set(self, TW_ATTR_ORDERID, "1 2 3 4"); /* exactly the limit */
    assert_string_equal(extract(self), "order=1 order=2 order=3 order=4");
    set(self, TW_ATTR_ORDERID, "1 2 3 4 5 6");
    assert_string_equal(extract(self), "order=1 order=2 order=3 order=4");
    assert_int_equal(self->found.over_limit, 2);
}

static void objects_extract__identifiers_that_say_nothing__are_ignored(void **state)
{
    struct fixture *self = *state;
    set(self, TW_ATTR_ORDERID, "0 n/A 00 N/A/");
    assert_string_equal(extract(self), "order=00 order=N/A/");
    assert_int_equal(self->found.ignored, 2);
    set(self, TW_ATTR_ORDERID, "");
    assert_string_equal(extract(self), "");
    assert_int_equal(self->found.ignored, 1);
    set(self, TW_ATTR_ORDERID,
        "A-WORD-of-more-than-sixty-three-bytes-that-says-nothing-at-all-to-anybody "
        "a-word-of-more-than-sixty-three-bytes-that-says-something-to-somebody-yes");
    (void)extract(self);
    assert_int_equal(self->found.ignored, 1);
    assert_int_equal(self->found.count, 1);
}

static void objects_extract__identifier_at_its_longest__and_one_byte_more(void **state)
{
    struct fixture *self = *state;
    char id[TW_OBJECT_ID_MAX + 2];
    memset(id, 'x', sizeof id);
    id[TW_OBJECT_ID_MAX] = '\0';
    set(self, TW_ATTR_ORDERID, id);
    (void)extract(self);
    assert_int_equal(self->found.count, 1);
    id[TW_OBJECT_ID_MAX] = 'x';
    id[TW_OBJECT_ID_MAX + 1] = '\0';
    set(self, TW_ATTR_ORDERID, id);
    (void)extract(self);
    assert_int_equal(self->found.count, 0);
    assert_int_equal(self->found.over_limit, 1);
}

static void objects_extract__extension_attribute__is_found_by_name(void **state)
{
    struct fixture *self = *state;
    self->extra = (struct tw_event_extra){TW_STR_LIT("pickupid"), TW_STR_LIT("P7")};
    self->event.extras = &self->extra;
    self->event.extra_count = 1;
    assert_string_equal(extract(self), "pickup=P7");
    self->extra.name = TW_STR_LIT("pickup");
    assert_string_equal(extract(self), "");
}

static void objects_extract__context_without_index__is_left_out(void **state)
{
    struct fixture *self = *state;
    set(self, TW_ATTR_CHANNEL, "web");
    assert_string_equal(extract(self), "");
    assert_int_equal(self->found.ignored + self->found.over_limit + self->found.unscoped, 0);
}

static void objects_extract__traceparent__gives_its_trace_id_if_valid(void **state)
{
    struct fixture *self = *state;
    set(self, TW_ATTR_TRACEPARENT, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    assert_string_equal(extract(self), "trace=4bf92f3577b34da6a3ce929d0e0e4736");
    set(self, TW_ATTR_TRACEPARENT, "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x");
    assert_string_equal(extract(self), "trace=4bf92f3577b34da6a3ce929d0e0e4736");
    static const char *const bad[] = {
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        "",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        set(self, TW_ATTR_TRACEPARENT, bad[i]);
        assert_string_equal(extract(self), "");
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, open_fixture, close_fixture)
    const struct CMUnitTest tests[] = {
        CASE(objects_extract__scope__joins_its_values),
        CASE(objects_extract__several_values__are_several_objects),
        CASE(objects_extract__identifiers_that_say_nothing__are_ignored),
        CASE(objects_extract__identifier_at_its_longest__and_one_byte_more),
        CASE(objects_extract__extension_attribute__is_found_by_name),
        CASE(objects_extract__context_without_index__is_left_out),
        CASE(objects_extract__traceparent__gives_its_trace_id_if_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
