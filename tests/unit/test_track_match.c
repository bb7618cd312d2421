/* SPDX-License-Identifier: Apache-2.0
 * track/match: what events mean to workflows, by name; reload, limits, amounts. Anything against a
 * naive evaluation, and as bytes: test_track_match_any.c. */
#include "config.h"
#include "match_kit.h"

/* A sale: sold (with a loyalty card or not), posted, void. */
static void make_sale(struct pack *pack, uint64_t version)
{
    struct tw_workflow *sale = pack_add_workflow(pack, "sale-posting", version);
    struct tw_wf_step *sold = pack_add_step(sale, 0);
    pack_add_done(sold, "pos.sale", false);
    struct tw_wf_step *posted = pack_add_step(sale, 1);
    pack_add_done(posted, "erp.posted", false);
    posted->failure[posted->failure_count++] = pack_pattern(pack_text("erp.rejected"), false);
    posted->compensation[posted->compensation_count++] =
        pack_pattern(pack_text("erp.reversal."), true);
    struct tw_wf_step *accrued = pack_add_step(sale, 1);
    pack_add_done(accrued, "loyalty.accrued", false);
    accrued->when = pack_text("loyaltyid");
}

/* "0:1 done" for each member: version, step, role; '+' and bits where something is present. */
static const char *members(struct tw_matcher *matcher, const struct tw_event *event)
{
    static char shown[512];
    static const char *const roles[] = {"done", "failed", "retrying", "compensation"};
    const struct tw_match_entry *entries = NULL;
    size_t count = tw_matcher_entries(matcher, pack_match(matcher, event).id, &entries);
    size_t len = 0;
    shown[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        int wrote = snprintf(shown + len, sizeof shown - len, "%s%u:%u %s", i > 0 ? ", " : "",
                             (unsigned)entries[i].version, (unsigned)entries[i].step,
                             roles[entries[i].role]);
        len += (size_t)wrote;
        if (entries[i].present != 0) {
            wrote = snprintf(shown + len, sizeof shown - len, "+%x", (unsigned)entries[i].present);
            len += (size_t)wrote;
        }
        assert_true(len < sizeof shown);
    }
    return shown;
}

static void check(struct tw_matcher *matcher, const char *type, const char *outcome,
                  const char *expected)
{
    struct tw_event event = pack_event(type, outcome);
    assert_string_equal(members(matcher, &event), expected);
}

/* ---- by name -------------------------------------------------------------------------------- */

static void match__type_that_nobody_named__matches_nothing(void **state)
{
    (void)state;
    struct pack pack = {0};
    make_sale(&pack, 1);
    struct tw_matcher *matcher = NULL;
    assert_int_equal(tw_matcher_new(&matcher), TW_OK);
    check(matcher, "pos.sale", NULL, ""); /* nothing is known yet */
    assert_int_equal(tw_matcher_set(matcher, &pack.set), TW_OK);
    struct tw_event event = pack_event("pos.sales", NULL);
    event.attr[TW_ATTR_STOREID] = TW_STR_LIT("0042");
    struct tw_match match = pack_match(matcher, &event);
    assert_int_equal(match.id, 0);
    assert_null(match.store.ptr);
    check(matcher, "", NULL, "");
    tw_matcher_destroy(&matcher);
    tw_matcher_destroy(&matcher); /* accepts NULL */
}

static void match__outcome__decides_the_role(void **state)
{
    (void)state;
    struct pack pack = {0};
    make_sale(&pack, 1);
    struct tw_matcher *matcher = pack_matcher(&pack.set);
    check(matcher, "erp.posted", NULL, "0:1 done");
    check(matcher, "erp.posted", "ok", "0:1 done");
    check(matcher, "erp.posted", "failed", "0:1 failed");
    check(matcher, "erp.posted", "deadletter", "0:1 failed");
    check(matcher, "erp.posted", "retrying", "0:1 retrying");
    check(matcher, "erp.posted", "compensated", "0:1 compensation");
    /* these say what they are, whatever their outcome */
    check(matcher, "erp.rejected", "ok", "0:1 failed");
    check(matcher, "erp.reversal.full", "failed", "0:1 compensation");
    check(matcher, "erp.reversal.", NULL, "0:1 compensation");
    check(matcher, "erp.reversal", NULL, "");
    tw_matcher_destroy(&matcher);
}

static void match__several_lists_of_one_step__one_role(void **state)
{
    (void)state;
    struct pack pack = {0};
    struct tw_workflow *workflow = pack_add_workflow(&pack, "a", 1);
    struct tw_wf_step *step = pack_add_step(workflow, 0);
    pack_add_done(step, "x", false);
    step->failure[step->failure_count] = pack_pattern(pack_text("x"), false);
    pack_add_where(&step->failure[step->failure_count++], "errorcode", TW_WHERE_PRESENT, NULL);
    step->compensation[step->compensation_count] = pack_pattern(pack_text("x"), false);
    pack_add_where(&step->compensation[step->compensation_count++], "channel", TW_WHERE_EQUALS,
                   "void");
    struct tw_matcher *matcher = pack_matcher(&pack.set);
    struct tw_event event = pack_event("x", NULL);
    assert_string_equal(members(matcher, &event), "0:0 done");
    event.attr[TW_ATTR_OUTCOME] = TW_STR_LIT("retrying");
    assert_string_equal(members(matcher, &event), "0:0 retrying");
    event.attr[TW_ATTR_ERRORCODE] = TW_STR_LIT("E1");
    assert_string_equal(members(matcher, &event), "0:0 failed");
    event.attr[TW_ATTR_CHANNEL] = TW_STR_LIT("void");
    assert_string_equal(members(matcher, &event), "0:0 compensation");
    tw_matcher_destroy(&matcher);
}

static void match__prefixes__all_that_fit_count(void **state)
{
    (void)state;
    struct pack pack = {0};
    struct tw_workflow *workflow = pack_add_workflow(&pack, "a", 1);
    pack_add_done(pack_add_step(workflow, 0), "com.shop.", true);
    pack_add_done(pack_add_step(workflow, 1), "com.shop.order.", true);
    pack_add_done(pack_add_step(workflow, 1), "com.shop.order.paid", false);
    pack_add_done(pack_add_step(workflow, 1), "com.shop.order.p", true);
    pack_add_done(pack_add_step(workflow, 1), "", true);
    struct tw_matcher *matcher = pack_matcher(&pack.set);
    check(matcher, "com.shop.order.paid", NULL, "0:0 done, 0:1 done, 0:2 done, 0:3 done, 0:4 done");
    check(matcher, "com.shop.order.picked", NULL, "0:0 done, 0:1 done, 0:3 done, 0:4 done");
    check(matcher, "com.shop.order.zz", NULL, "0:0 done, 0:1 done, 0:4 done");
    check(matcher, "com.shop.order", NULL, "0:0 done, 0:4 done");
    check(matcher, "com.shop", NULL, "0:4 done");
    check(matcher, "zebra", NULL, "0:4 done");
    check(matcher, "", NULL, "0:4 done");
    tw_matcher_destroy(&matcher);
}

static void match__where__all_conditions_must_hold(void **state)
{
    (void)state;
    struct pack pack = {0};
    struct tw_workflow *workflow = pack_add_workflow(&pack, "a", 1);
    struct tw_wf_step *step = pack_add_step(workflow, 0);
    pack_add_done(step, "x", false);
    pack_add_where(&step->done[0], "channel", TW_WHERE_EQUALS, "web");
    pack_add_where(&step->done[0], "pickup", TW_WHERE_PRESENT,
                   NULL); /* no attribute of the table */
    pack_add_where(&step->done[0], "returnid", TW_WHERE_ABSENT, NULL);
    struct tw_matcher *matcher = pack_matcher(&pack.set);
    struct tw_event_extra extra = {TW_STR_LIT("pickup"), TW_STR_LIT("yes")};
    struct tw_event event = pack_event("x", NULL);
    assert_string_equal(members(matcher, &event), "");
    event.extras = &extra;
    event.extra_count = 1;
    assert_string_equal(members(matcher, &event), "");
    event.attr[TW_ATTR_CHANNEL] = TW_STR_LIT("web");
    assert_string_equal(members(matcher, &event), "0:0 done");
    event.attr[TW_ATTR_CHANNEL] = TW_STR_LIT("webs");
    assert_string_equal(members(matcher, &event), "");
    event.attr[TW_ATTR_CHANNEL] = TW_STR_LIT("web");
    event.attr[TW_ATTR_RETURNID] = TW_STR_LIT("R1");
    assert_string_equal(members(matcher, &event), "");
    event.attr[TW_ATTR_RETURNID] = TW_STR_LIT(""); /* empty is absent */
    assert_string_equal(members(matcher, &event), "0:0 done");
    /* cppcheck-suppress unreadVariable ; read through `event` */
    extra.value = TW_STR_LIT("");
    assert_string_equal(members(matcher, &event), "");
    tw_matcher_destroy(&matcher);
}

static void match__when__start_events_say_what_is_present(void **state)
{
    (void)state;
    struct pack pack = {0};
    make_sale(&pack, 1);
    struct tw_matcher *matcher = pack_matcher(&pack.set);
    struct tw_event_extra extra = {TW_STR_LIT("loyaltyid"), TW_STR_LIT("L1")};
    struct tw_event event = pack_event("pos.sale", NULL);
    assert_string_equal(members(matcher, &event), "0:0 done");
    event.extras = &extra;
    event.extra_count = 1;
    assert_string_equal(members(matcher, &event), "0:0 done+4");
    event.attr[TW_ATTR_OUTCOME] = TW_STR_LIT("failed");
    assert_string_equal(members(matcher, &event), "0:0 failed+4");
    event.attr[TW_ATTR_TYPE] = TW_STR_LIT("erp.posted");
    event.attr[TW_ATTR_OUTCOME] = TW_STR_LIT("ok");
    assert_string_equal(members(matcher, &event), "0:1 done");
    tw_matcher_destroy(&matcher);
}

static void match__failure__has_a_cause(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *outcome;
        const char *class;
        enum tw_cause cause;
    } rows[] = {
        {"erp.posted", "ok", "timeout", TW_CAUSE_NONE},
        {"erp.posted", "failed", "timeout", TW_CAUSE_TIMEOUT},
        {"erp.posted", "failed", "no word of ours", TW_CAUSE_UNKNOWN},
        {"erp.posted", "failed", NULL, TW_CAUSE_UNKNOWN},
        {"erp.posted", "failed", "", TW_CAUSE_UNKNOWN},
        {"erp.posted", "deadletter", "master-data", TW_CAUSE_MASTER_DATA},
        {"erp.posted", "retrying", "throttled", TW_CAUSE_THROTTLED},
        {"erp.posted", "compensated", "timeout", TW_CAUSE_NONE},
        {"erp.rejected", NULL, "rejected", TW_CAUSE_REJECTED},
        {"erp.reversal.x", NULL, "rejected", TW_CAUSE_NONE},
        {"no.such", "failed", "rejected", TW_CAUSE_NONE},
    };
    struct pack pack = {0};
    make_sale(&pack, 1);
    struct tw_matcher *matcher = pack_matcher(&pack.set);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tw_event event = pack_event(rows[i].type, rows[i].outcome);
        event.attr[TW_ATTR_ERRORCLASS] = tw_str_of(rows[i].class);
        assert_int_equal(pack_match(matcher, &event).cause, rows[i].cause);
    }
    tw_matcher_destroy(&matcher);
}

static void match__texts__are_those_that_tracking_wants(void **state)
{
    (void)state;
    struct pack pack = {0};
    make_sale(&pack, 1);
    struct tw_matcher *matcher = pack_matcher(&pack.set);
    struct tw_event event = pack_event("pos.sale", NULL);
    struct tw_matcher_stats stats;
    struct tw_match match = pack_match(matcher, &event);
    assert_null(match.store.ptr);
    assert_false(match.has_amount);
    event.attr[TW_ATTR_STOREID] = TW_STR_LIT("0042");
    event.attr[TW_ATTR_REGION] = TW_STR_LIT("north");
    event.attr[TW_ATTR_ERRORCODE] = TW_STR_LIT("E7");
    event.attr[TW_ATTR_AMOUNT] = TW_STR_LIT("-12.30");
    event.attr[TW_ATTR_CURRENCY] = TW_STR_LIT("EUR");
    match = pack_match(matcher, &event);
    assert_true(tw_str_is(match.store, "0042") && tw_str_is(match.region, "north") &&
                tw_str_is(match.code, "E7"));
    assert_true(match.has_amount);
    assert_int_equal(match.amount_minor, -1230);
    assert_string_equal(match.currency, "EUR");
    event.attr[TW_ATTR_CURRENCY] = TW_STR_NULL;
    assert_false(pack_match(matcher, &event).has_amount);
    tw_matcher_stats(matcher, &stats);
    assert_int_equal(stats.bad_amounts, 1);
    assert_true(stats.bytes > 1000);
    tw_matcher_destroy(&matcher);
}

static void match_amount__each_currency__exact_or_not_at_all(void **state)
{
    (void)state;
    static const struct {
        const char *amount;
        const char *currency;
        int64_t minor;
        int rc;
    } rows[] = {
        {"0", "EUR", 0, TW_OK},
        {"12", "EUR", 1200, TW_OK},
        {"12.3", "USD", 1230, TW_OK},
        {"12.30", "USD", 1230, TW_OK},
        {"12.300", "USD", 1230, TW_OK}, /* nothing is lost */
        {"12.305", "USD", 0, TW_ESYNTAX},
        {"-0.01", "USD", -1, TW_OK},
        {"007.10", "USD", 710, TW_OK},
        {"150", "JPY", 150, TW_OK},
        {"150.00", "JPY", 150, TW_OK},
        {"150.5", "JPY", 0, TW_ESYNTAX},
        {"1.234", "BHD", 1234, TW_OK},
        {"1.2345", "BHD", 0, TW_ESYNTAX},
        {"1.2345", "CLF", 12345, TW_OK},
        {"92233720368547758.07", "EUR", INT64_MAX, TW_OK},
        {"92233720368547758.08", "EUR", 0, TW_ELIMIT},
        {"-92233720368547758.08", "EUR", INT64_MIN, TW_OK},
        {"-92233720368547758.09", "EUR", 0, TW_ELIMIT},
        {"9223372036854775807", "JPY", INT64_MAX, TW_OK},
        {"922337203685477580", "EUR", 0, TW_ELIMIT},
        {"99999999999999999999999999999999999999", "JPY", 0, TW_ELIMIT}, /* 38 digits */
        {"999999999999999999999999999999999999999", "JPY", 0, TW_ESYNTAX},
        {"", "EUR", 0, TW_ESYNTAX},
        {"-", "EUR", 0, TW_ESYNTAX},
        {".5", "EUR", 0, TW_ESYNTAX},
        {"5.", "EUR", 0, TW_ESYNTAX},
        {"1,5", "EUR", 0, TW_ESYNTAX},
        {"1e5", "EUR", 0, TW_ESYNTAX},
        {" 1", "EUR", 0, TW_ESYNTAX},
        {"+1", "EUR", 0, TW_ESYNTAX},
        {"1", "eur", 0, TW_ESYNTAX},
        {"1", "EURO", 0, TW_ESYNTAX},
        {"1", "", 0, TW_ESYNTAX},
        {NULL, "EUR", 0, TW_ESYNTAX},
        {"1", NULL, 0, TW_ESYNTAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t minor = 0;
        assert_int_equal(
            tw_match_amount(tw_str_of(rows[i].amount), tw_str_of(rows[i].currency), &minor),
            rows[i].rc);
        assert_int_equal(minor, rows[i].minor);
    }
}

/* ---- versions ------------------------------------------------------------------------------- */

static void matcher_set__new_version__old_ones_match_on_until_retired(void **state)
{
    (void)state;
    struct pack first = {0};
    struct pack second = {0};
    uint32_t version = 9;
    make_sale(&first, 11);
    make_sale(&second, 22);
    (void)pack_add_step(pack_add_workflow(&second, "other", 5), 0);
    struct tw_matcher *matcher = pack_matcher(&first.set);
    struct tw_event event = pack_event("erp.posted", NULL);
    uint32_t old_id = pack_match(matcher, &event).id;
    assert_int_equal(tw_matcher_set(matcher, &second.set), TW_OK);
    assert_int_equal(tw_matcher_version_count(matcher), 3);
    assert_false(tw_matcher_is_current(matcher, 0));
    assert_true(tw_matcher_is_current(matcher, 1));
    assert_true(tw_matcher_workflow(matcher, 1) == &second.items[0]);
    check(matcher, "erp.posted", NULL, "0:1 done, 1:1 done");
    assert_int_equal(tw_matcher_find_version(matcher, "sale-posting", 11, &version), TW_OK);
    assert_int_equal(version, 0);
    assert_int_equal(tw_matcher_find_version(matcher, "sale-posting", 12, &version), TW_ENOTFOUND);
    assert_int_equal(tw_matcher_find_version(matcher, "other", 11, &version), TW_ENOTFOUND);
    /* back to the first: its number is what it was */
    assert_int_equal(tw_matcher_set(matcher, &first.set), TW_OK);
    assert_true(tw_matcher_is_current(matcher, 0) && !tw_matcher_is_current(matcher, 1));
    assert_int_equal(tw_matcher_set(matcher, &second.set), TW_OK);
    assert_int_equal(pack_references, 3);
    assert_int_equal(tw_matcher_retire(matcher, 0), TW_OK);
    assert_int_equal(pack_references, 2);
    assert_null(tw_matcher_workflow(matcher, 0));
    assert_null(tw_matcher_workflow(matcher, 77));
    check(matcher, "erp.posted", NULL, "1:1 done");
    const struct tw_match_entry *entries = NULL;
    assert_int_equal(tw_matcher_entries(matcher, old_id, &entries), 0);
    /* its number is given to the next one, which old sets do not name */
    assert_int_equal(tw_matcher_add(matcher, &first.set), TW_OK);
    assert_int_equal(tw_matcher_version_count(matcher), 3);
    assert_false(tw_matcher_is_current(matcher, 0));
    check(matcher, "erp.posted", NULL, "0:1 done, 1:1 done");
    assert_int_equal(tw_matcher_entries(matcher, old_id, &entries), 0);
    assert_int_equal(tw_matcher_entries(matcher, 0, &entries), 0);
    assert_int_equal(tw_matcher_entries(matcher, 1000, &entries), 0);
    tw_matcher_destroy(&matcher);
}

static void matcher_set__versions_max__refuses_the_next(void **state)
{
    (void)state;
    static struct tw_wf_step step = {.done_count = 1};
    static struct tw_workflow items[TW_MATCH_VERSIONS_MAX + 1];
    step.done[0] = pack_pattern(pack_text("x"), false);
    for (size_t i = 0; i <= TW_MATCH_VERSIONS_MAX; i++) {
        items[i] = (struct tw_workflow){
            .name = pack_text("w"), .version = i + 1, .steps = &step, .step_count = 1, .starts = 1};
    }
    struct tw_workflows most = {.items = items, .count = TW_MATCH_VERSIONS_MAX};
    struct tw_workflows more = {.items = items + TW_MATCH_VERSIONS_MAX, .count = 1};
    struct tw_matcher *matcher = pack_matcher(&most);
    struct tw_event event = pack_event("x", NULL);
    uint32_t id = pack_match(matcher, &event).id;
    const struct tw_match_entry *entries = NULL;
    assert_int_equal(tw_matcher_entries(matcher, id, &entries), TW_MATCH_VERSIONS_MAX);
    assert_int_equal(tw_matcher_set(matcher, &more), TW_ELIMIT);
    assert_true(tw_matcher_is_current(matcher, 0));
    assert_int_equal(pack_match(matcher, &event).id, id);
    tw_matcher_destroy(&matcher);
}

static char names[TW_MATCH_CONDITIONS_MAX + 1][24];

/* Steps whose conditions, one each, are all different: more than four are more than a pattern. */
static void make_conditions(struct pack *pack, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(names[i], sizeof names[i], "a%zu", i);
    }
    for (size_t i = 0; i < count;) {
        struct tw_workflow *workflow = pack->set.count == 0 || i % 128 == 0
                                           ? pack_add_workflow(pack, names[i], 1)
                                           : &pack->items[pack->set.count - 1];
        struct tw_wf_step *step = pack_add_step(workflow, 0);
        for (size_t k = 0; k < 4 && i < count; k++, i++) {
            pack_add_done(step, "x", false);
            pack_add_where(&step->done[k], names[i], TW_WHERE_PRESENT, NULL);
        }
    }
}

static void matcher_set__conditions_max__refuses_the_next(void **state)
{
    (void)state;
    static struct pack most;
    static struct pack more;
    make_conditions(&most, TW_MATCH_CONDITIONS_MAX);
    make_conditions(&more, TW_MATCH_CONDITIONS_MAX + 1);
    struct tw_matcher *matcher = pack_matcher(&most.set);
    struct tw_event_extra extra = {TW_STR_LIT("a255"), TW_STR_LIT("1")};
    struct tw_event event = pack_event("x", NULL);
    event.extras = &extra;
    event.extra_count = 1;
    assert_string_equal(members(matcher, &event), "1:31 done");
    for (size_t i = 0; i < more.set.count; i++) {
        more.items[i].version = 2;
    }
    assert_int_equal(tw_matcher_set(matcher, &more.set), TW_ELIMIT);
    assert_int_equal(tw_matcher_version_count(matcher), 2);
    assert_string_equal(members(matcher, &event), "1:31 done");
    tw_matcher_destroy(&matcher);
}

static void matcher_match__sets_max__further_combinations_match_nothing(void **state)
{
    (void)state;
    struct pack pack = {0};
    struct tw_workflow *workflow = pack_add_workflow(&pack, "a", 1);
    /* 17 steps that each have a condition of their own: twice as many sets as there may be */
    for (size_t i = 0; i < 17; i++) {
        (void)snprintf(names[i], sizeof names[i], "a%zu", i);
        struct tw_wf_step *step = pack_add_step(workflow, i == 0 ? 0 : 1);
        pack_add_done(step, "x", false);
        pack_add_where(&step->done[0], names[i], TW_WHERE_PRESENT, NULL);
    }
    struct tw_matcher *matcher = pack_matcher(&pack.set);
    struct tw_matcher_stats stats;
    struct tw_event_extra extras[17];
    struct tw_event event = pack_event("x", NULL);
    event.extras = extras;
    for (uint32_t bits = 0; bits < UINT32_C(1) << 17; bits++) {
        event.extra_count = 0;
        for (uint32_t i = 0; i < 17; i++) {
            if ((bits >> i & 1) != 0) {
                extras[event.extra_count++] =
                    (struct tw_event_extra){tw_str_of(names[i]), TW_STR_LIT("1")};
            }
        }
        assert_int_equal(pack_match(matcher, &event).id, bits < TW_MATCH_SETS_MAX ? bits : 0);
    }
    tw_matcher_stats(matcher, &stats);
    assert_int_equal(stats.overflows, TW_MATCH_SETS_MAX);
    assert_int_equal(tw_matcher_id_count(matcher), TW_MATCH_SETS_MAX);
    event.extra_count = 1;
    /* cppcheck-suppress unreadVariable ; read through `event` */
    extras[0].name = tw_str_of(names[7]);
    assert_int_equal(pack_match(matcher, &event).id, 1 << 7); /* those that are known stay */
    tw_matcher_destroy(&matcher);
}

/* 17 conditions, four to a step: 131,072 combinations, of which 65,536 are remembered, and 32 sets
 * that they come to. */
static void matcher_match__memo_full__matches_as_before(void **state)
{
    (void)state;
    struct pack pack = {0};
    struct tw_workflow *workflow = pack_add_workflow(&pack, "a", 1);
    for (uint32_t i = 0; i < 17; i++) {
        (void)snprintf(names[i], sizeof names[i], "a%u", i);
        if (i % 4 == 0) {
            pack_add_done(pack_add_step(workflow, i == 0 ? 0 : 1), "x", false);
        }
        pack_add_where(&workflow->steps[i / 4].done[0], names[i], TW_WHERE_PRESENT, NULL);
    }
    struct tw_matcher *matcher = pack_matcher(&pack.set);
    struct tw_event_extra extras[17];
    struct tw_event event = pack_event("x", NULL);
    event.extras = extras;
    for (uint32_t bits = 0; bits < UINT32_C(1) << 17; bits++) {
        event.extra_count = 0;
        for (uint32_t i = 0; i < 17; i++) {
            if ((bits >> i & 1) != 0) {
                extras[event.extra_count++] =
                    (struct tw_event_extra){tw_str_of(names[i]), TW_STR_LIT("1")};
            }
        }
        const struct tw_match_entry *entries = NULL;
        size_t count = tw_matcher_entries(matcher, pack_match(matcher, &event).id, &entries);
        uint32_t steps = 0;
        for (size_t i = 0; i < count; i++) {
            steps |= UINT32_C(1) << entries[i].step;
        }
        uint32_t wanted = 0;
        for (uint32_t i = 0; i < 5; i++) {
            uint32_t all = i < 4 ? UINT32_C(15) << i * 4 : UINT32_C(1) << 16;
            wanted |= (bits & all) == all ? UINT32_C(1) << i : 0;
        }
        assert_int_equal(steps, wanted);
    }
    assert_int_equal(tw_matcher_id_count(matcher), 32);
    tw_matcher_destroy(&matcher);
}

static void matcher_set__rows_max__refuses_the_next(void **state)
{
    (void)state;
    /* prefixes, each of which begins with all shorter ones: rows grow with their square */
    static char types[2000][2001];
    static struct tw_wf_step steps[250];
    static struct tw_workflow items[8];
    for (size_t i = 0; i < 2000; i++) {
        memset(types[i], 'x', i + 1);
        steps[i / 8].done[i % 8] = pack_pattern(types[i], true);
        steps[i / 8].done_count = 8;
    }
    for (size_t i = 0; i < 8; i++) {
        items[i] = (struct tw_workflow){.name = pack_text("w"),
                                        .version = i + 1,
                                        .steps = steps + i * 32,
                                        .step_count = i < 7 ? 32 : 250 - 7 * 32};
    }
    struct tw_workflows set = {.items = items, .count = 8};
    struct tw_matcher *matcher = NULL;
    assert_int_equal(tw_matcher_new(&matcher), TW_OK);
    assert_int_equal(tw_matcher_set(matcher, &set), TW_ELIMIT);
    set.count = 4; /* 1,024 prefixes: half a million rows */
    assert_int_equal(tw_matcher_set(matcher, &set), TW_OK);
    tw_matcher_destroy(&matcher);
}

#define CASE(name) cmocka_unit_test_teardown(name, no_references_left)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(match__type_that_nobody_named__matches_nothing),
        CASE(match__outcome__decides_the_role),
        CASE(match__several_lists_of_one_step__one_role),
        CASE(match__prefixes__all_that_fit_count),
        CASE(match__where__all_conditions_must_hold),
        CASE(match__when__start_events_say_what_is_present),
        CASE(match__failure__has_a_cause),
        CASE(match__texts__are_those_that_tracking_wants),
        CASE(match_amount__each_currency__exact_or_not_at_all),
        CASE(matcher_set__new_version__old_ones_match_on_until_retired),
        CASE(matcher_set__versions_max__refuses_the_next),
        CASE(matcher_set__conditions_max__refuses_the_next),
        CASE(matcher_match__sets_max__further_combinations_match_nothing),
        CASE(matcher_match__memo_full__matches_as_before),
        CASE(matcher_set__rows_max__refuses_the_next),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
