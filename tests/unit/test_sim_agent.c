/* SPDX-License-Identifier: Apache-2.0
 * The agent of retail-sim, in parts: misbehaviour by name, the event that a destination says, the
 * books of destinations. The whole is held against the protocol by tests/system/test_agent.py. */
#include "config.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "simulator/books.h"
#include "simulator/misbehave.h"
#include "simulator/proof.h"

static void misbehave_parse__every_name__sets_its_value(void **state)
{
    struct sim_misbehave self = {.late_proof_s = 0};
    struct tw_diag diag = {{0}};
    (void)state;
    assert_int_equal(sim_misbehave_parse(&self,
                                         "refuse=0.1,drop-accept=0.2,drop-proof=0.3,"
                                         "bare-proof=0.4,twice=0.5,garbage=1,late-proof=6.5,"
                                         "slow-accept=7,silent-for=8,crash-after=9,silent-after=10",
                                         &diag),
                     TW_OK);
    assert_true(self.p[SIM_MISCHIEF_REFUSE] > 0.09 && self.p[SIM_MISCHIEF_REFUSE] < 0.11);
    assert_true(self.p[SIM_MISCHIEF_TWICE] > 0.49 && self.p[SIM_MISCHIEF_TWICE] < 0.51);
    assert_true(self.p[SIM_MISCHIEF_GARBAGE] > 0.99);
    assert_true(self.late_proof_s > 6.4 && self.late_proof_s < 6.6);
    assert_true(self.slow_accept_s > 6.9 && self.silent_s > 7.9);
    assert_int_equal(self.crash_after, 9);
    assert_int_equal(self.silent_after, 10);
}

static void misbehave_parse__anything_else__is_refused(void **state)
{
    static const char *const texts[] = {
        "refuse",           "refuse=",   "refuse=1.01",      "refuse=-1",       "refuse=x",
        "sulk=1",           "=1",        "refuse=1;twice=1", "crash-after=1.5", "crash-after=1e10",
        "late-proof=86401", "refuse=nan"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct sim_misbehave self = {.late_proof_s = 0};
        struct tw_diag diag = {{0}};
        assert_int_equal(sim_misbehave_parse(&self, texts[i], &diag), TW_EINVAL);
        assert_true(diag.text[0] != 0);
    }
}

static void misbehave_draw__same_seed__same_mischief(void **state)
{
    struct sim_misbehave self = {.p = {0.5, 0, 1, 0.25, 0.1, 0}};
    struct sim_random one;
    struct sim_random two;
    unsigned refused = 0;
    (void)state;
    sim_random_init(&one, 7, 6);
    sim_random_init(&two, 7, 6);
    for (int i = 0; i < 1000; i++) {
        bool first[SIM_MISCHIEF_COUNT];
        bool second[SIM_MISCHIEF_COUNT];
        sim_misbehave_draw(&self, &one, first);
        sim_misbehave_draw(&self, &two, second);
        assert_memory_equal(first, second, sizeof first);
        assert_false(first[SIM_MISCHIEF_DROP_ACCEPT]);
        assert_true(first[SIM_MISCHIEF_DROP_PROOF]);
        refused += first[SIM_MISCHIEF_REFUSE] ? 1 : 0;
    }
    assert_in_range(refused, 430, 570);
}

static void proof_awaited__by_event_and_destination(void **state)
{
    static const struct {
        const char *type;
        const char *destination;
        const char *awaited; /* NULL: none */
    } rows[] = {
        {"erp.sale.posted", "erp", "erp.sale.posted"},
        {"erp.sale.rejected", "erp", "erp.sale.posted"},
        {"pos.sale.completed", "erp", "erp.sale.posted"},
        {"middleware.sale.received", "erp", "erp.sale.posted"},
        {"middleware.sale.received", "loyalty", "loyalty.points.accrued"},
        {"middleware.sale.received", "inventory", "inventory.stock.updated"},
        {"middleware.sale.received", "crm", "crm.profile.updated"},
        {"middleware.sale.received", "cdp", "cdp.profile.updated"},
        {"cdp.profile.updated", "crm", "cdp.profile.updated"},
        {"cdp.profile.rejected", "cdp", "cdp.profile.updated"},
        {"ecommerce.order.created", "erp", "erp.order.created"},
        {"payment.declined", "payment", "payment.authorized"},
        {"payment.capture.failed", "payment", "payment.captured"},
        {"erp.order.created", "wms", "wms.pick.completed"},
        {"middleware.return.received", "erp", "erp.refund.posted"},
        {"middleware.movement.received", "ecommerce", "ecommerce.availability.updated"},
        {"erp.price.published", "pos", "pos.price.applied"},
        {"pos.till.checked", "erp", NULL},
        {"erp.sale.posted", "sap", NULL},
        {"some.thing.else", "erp", NULL},
    };
    struct sim_types *types = calloc(1, sizeof *types);
    (void)state;
    assert_non_null(types);
    assert_int_equal(sim_types_init(types), TW_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char type[96];
        char awaited[96];
        enum sim_system system = SIM_SYSTEM_COUNT;
        (void)snprintf(type, sizeof type, "com.tillwatch.%s", rows[i].type);
        json_t *event = json_pack("{s:s}", "type", type);
        unsigned found = sim_proof_awaited(types, event, rows[i].destination, &system);
        if (rows[i].awaited == NULL) {
            assert_int_equal(found, SIM_TEMPLATES_MAX);
        } else {
            assert_true(found < types->count);
            (void)snprintf(awaited, sizeof awaited, "com.tillwatch.%s", rows[i].awaited);
            assert_string_equal(types->templates[found].name, awaited);
            assert_int_equal(types->templates[found].system, system);
        }
        json_decref(event);
    }
    sim_types_fini(types);
    free(types);
}

static void expect_member(const json_t *event, const char *name, const char *text)
{
    const json_t *value = json_object_get(event, name);
    if (text == NULL) {
        assert_null(value);
    } else {
        assert_non_null(json_string_value(value));
        assert_string_equal(json_string_value(value), text);
    }
}

static void proof_make__keeps_the_business_and_nothing_else(void **state)
{
    struct sim_types *types = calloc(1, sizeof *types);
    struct sim_time_text clock = {0};
    (void)state;
    assert_non_null(types);
    assert_int_equal(sim_types_init(types), TW_OK);
    json_t *event = json_loads(
        "{\"specversion\":\"1.0\",\"id\":\"e1\",\"source\":\"/erp/posting-2\","
        "\"type\":\"com.tillwatch.erp.sale.rejected\",\"time\":\"2026-01-01T00:00:00Z\","
        "\"sequence\":\"000000000007\",\"outcome\":\"failed\",\"errorcode\":\"X\","
        "\"errorclass\":\"rejected\",\"errormessage\":\"no\",\"transactionid\":\"88\","
        "\"storeid\":\"0042\",\"amount\":\"1.00\",\"myown\":\"kept\",\"replayid\":\"old\","
        "\"attempt\":9,\"data\":{\"secret\":1}}",
        0, NULL);
    struct sim_proof proof = {.event = event,
                              .replayid = "rp-1",
                              .attempt = 2,
                              .destination = "erp",
                              .system = SIM_ERP,
                              .type = SIM_T_ERP_SALE,
                              .id = {1, 2}};
    json_t *made = sim_proof_make(types, &proof, &clock);
    assert_non_null(made);
    expect_member(made, "id", "agent-00000000000000010000000000000002");
    expect_member(made, "source", "/erp/agent");
    expect_member(made, "type", "com.tillwatch.erp.sale.posted");
    expect_member(made, "time", "1970-01-01T00:00:00.000000Z");
    expect_member(made, "transactionid", "88");
    expect_member(made, "storeid", "0042");
    expect_member(made, "amount", "1.00");
    expect_member(made, "myown", "kept");
    expect_member(made, "replayid", "rp-1");
    expect_member(made, "causationid", "e1");
    assert_int_equal(json_integer_value(json_object_get(made, "attempt")), 2);
    expect_member(made, "sequence", NULL);
    expect_member(made, "outcome", NULL);
    expect_member(made, "errorcode", NULL);
    assert_null(json_object_get(json_object_get(made, "data"), "secret"));
    json_decref(made);
    proof.replayid = NULL;
    proof.failure = "throttled";
    proof.type = SIM_TEMPLATES_MAX;
    proof.system = SIM_SYSTEM_COUNT;
    made = sim_proof_make(types, &proof, &clock);
    assert_non_null(made);
    expect_member(made, "replayid", NULL);
    assert_null(json_object_get(made, "attempt"));
    expect_member(made, "type", "com.tillwatch.erp.sale.rejected");
    expect_member(made, "outcome", "failed");
    expect_member(made, "errorclass", "throttled");
    expect_member(made, "errorcode", "429");
    json_decref(made);
    json_decref(event);
    sim_types_fini(types);
    free(types);
}

static void enter(struct sim_books *books, const char *key, const char *id)
{
    struct tw_diag diag = {{0}};
    json_t *event = json_pack("{s:s}", "id", id);
    assert_int_equal(sim_books_enter(books, key, event, &diag), TW_OK);
    json_decref(event);
}

static const char *id_of(const struct sim_books *books, const char *key)
{
    const struct sim_effect *effect = sim_books_find(books, key);
    return effect == NULL ? NULL : json_string_value(json_object_get(effect->event, "id"));
}

static void books__over_a_restart__know_what_was_done(void **state)
{
    char path[] = "/tmp/tw-books-XXXXXX";
    struct sim_books *books = NULL;
    struct tw_diag diag = {{0}};
    int fd = mkstemp(path);
    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(sim_books_open(path, &books, &diag), TW_OK);
    assert_null(sim_books_find(books, "k1"));
    enter(books, "k1", "e1");
    enter(books, "k2", "e2");
    assert_false(sim_books_find(books, "k1")->is_said);
    sim_books_destroy(&books);
    assert_int_equal(lseek(fd, 0, SEEK_END) > 0, 1);
    assert_int_equal(write(fd, "{\"key\":\"k3\",\"ev", 15), 15); /* killed while writing */
    assert_int_equal(sim_books_open(path, &books, &diag), TW_OK);
    assert_string_equal(id_of(books, "k1"), "e1");
    assert_true(sim_books_find(books, "k1")->is_said);
    assert_null(id_of(books, "k3"));
    enter(books, "k4", "e4");
    sim_books_destroy(&books);
    assert_int_equal(sim_books_open(path, &books, &diag), TW_OK);
    assert_string_equal(id_of(books, "k2"), "e2");
    assert_string_equal(id_of(books, "k4"), "e4");
    sim_books_destroy(&books);
    assert_int_equal(close(fd), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(sim_books_open("/nonexistent/books", &books, &diag), TW_EIO);
    assert_null(books);
}

static void books__at_their_bound__forget_the_oldest(void **state)
{
    struct sim_books *books = NULL;
    struct tw_diag diag = {{0}};
    char key[32];
    (void)state;
    assert_int_equal(sim_books_open(NULL, &books, &diag), TW_OK);
    for (unsigned i = 0; i < SIM_BOOKS_MAX; i++) {
        (void)snprintf(key, sizeof key, "k%u", i);
        enter(books, key, key);
    }
    assert_string_equal(id_of(books, "k0"), "k0");
    enter(books, "one more", "x");
    assert_null(id_of(books, "k0"));
    assert_string_equal(id_of(books, "k1"), "k1");
    sim_books_destroy(&books);
    sim_books_destroy(&books);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(misbehave_parse__every_name__sets_its_value),
        cmocka_unit_test(misbehave_parse__anything_else__is_refused),
        cmocka_unit_test(misbehave_draw__same_seed__same_mischief),
        cmocka_unit_test(proof_awaited__by_event_and_destination),
        cmocka_unit_test(proof_make__keeps_the_business_and_nothing_else),
        cmocka_unit_test(books__over_a_restart__know_what_was_done),
        cmocka_unit_test(books__at_their_bound__forget_the_oldest),
    };
    return cmocka_run_group_tests_name("agent of the simulator", tests, NULL, NULL);
}
