/* SPDX-License-Identifier: Apache-2.0
 * track/match: what events mean to workflows, by name and against a naive evaluation of the
 * definitions; reload, limits, amounts, bytes. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "track/match.h"

/* ---- allocation that fails on demand; references that are counted ---------------------------- */

static long allocations_left = -1; /* negative: all succeed */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool is_refused(void)
{
    if (allocations_left < 0) {
        return false;
    }
    return allocations_left == 0 || --allocations_left < 0;
}
void *__wrap_malloc(size_t size)
{
    return is_refused() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : __real_calloc(count, size);
}
void *__wrap_realloc(void *old, size_t size)
{
    return is_refused() ? NULL : __real_realloc(old, size);
}

static int references;
const struct tw_workflows *tw_workflows_ref(const struct tw_workflows *self)
{
    references++;
    return self;
}
void tw_workflows_unref(const struct tw_workflows **self_p)
{
    if (self_p == NULL) {
        return;
    }
    references -= *self_p != NULL ? 1 : 0;
    *self_p = NULL;
}

static int no_references_left(void **state)
{
    (void)state;
    assert_int_equal(references, 0);
    return 0;
}

/* ---- definitions made in place -------------------------------------------------------------- */

struct pack {
    struct tw_workflows set;
    struct tw_workflow items[4];
    struct tw_wf_step steps[4][TW_WF_STEPS_MAX];
};

/* Literals where the records want memory of their own; nothing writes to them. */
static char *text(const char *literal)
{
    return (char *)(uintptr_t)literal;
}

static struct tw_workflow *add_workflow(struct pack *pack, const char *name, uint64_t version)
{
    struct tw_workflow *workflow = &pack->items[pack->set.count];
    pack->set.items = pack->items;
    workflow->name = text(name);
    workflow->version = version;
    workflow->steps = pack->steps[pack->set.count++];
    return workflow;
}

static struct tw_wf_step *add_step(struct tw_workflow *workflow, uint32_t after)
{
    struct tw_wf_step *step = &workflow->steps[workflow->step_count];
    step->after = after;
    workflow->starts |= after == 0 ? UINT32_C(1) << workflow->step_count : 0;
    workflow->step_count++;
    return step;
}

/* "a.b" or "a.*" */
static struct tw_wf_match pattern_of(char *event, bool is_prefix)
{
    return (struct tw_wf_match){.event = event, .is_prefix = is_prefix};
}

static void add_done(struct tw_wf_step *step, const char *event, bool is_prefix)
{
    step->done[step->done_count++] = pattern_of(text(event), is_prefix);
}

static void add_where(struct tw_wf_match *match, const char *attribute, enum tw_where_kind kind,
                      const char *value)
{
    match->where[match->where_count++] = (struct tw_wf_where){text(attribute), kind, text(value)};
}

/* A sale: sold (with a loyalty card or not), posted, void. */
static void make_sale(struct pack *pack, uint64_t version)
{
    struct tw_workflow *sale = add_workflow(pack, "sale-posting", version);
    struct tw_wf_step *sold = add_step(sale, 0);
    add_done(sold, "pos.sale", false);
    struct tw_wf_step *posted = add_step(sale, 1);
    add_done(posted, "erp.posted", false);
    posted->failure[posted->failure_count++] = pattern_of(text("erp.rejected"), false);
    posted->compensation[posted->compensation_count++] = pattern_of(text("erp.reversal."), true);
    struct tw_wf_step *accrued = add_step(sale, 1);
    add_done(accrued, "loyalty.accrued", false);
    accrued->when = text("loyaltyid");
}

static struct tw_matcher *new_matcher(const struct tw_workflows *set)
{
    struct tw_matcher *matcher = NULL;
    assert_int_equal(tw_matcher_new(&matcher), TW_OK);
    assert_int_equal(tw_matcher_set(matcher, set), TW_OK);
    return matcher;
}

static struct tw_event event_of(const char *type, const char *outcome)
{
    struct tw_event event = {0};
    event.attr[TW_ATTR_TYPE] = tw_str_of(type);
    event.attr[TW_ATTR_OUTCOME] = tw_str_of(outcome);
    return event;
}

static struct tw_match match_of(struct tw_matcher *matcher, const struct tw_event *event)
{
    struct tw_match match;
    assert_int_equal(tw_matcher_match(matcher, event, &match), TW_OK);
    return match;
}

/* "0:1 done" for each member: version, step, role; '+' and bits where something is present. */
static const char *members(struct tw_matcher *matcher, const struct tw_event *event)
{
    static char shown[512];
    static const char *const roles[] = {"done", "failed", "retrying", "compensation"};
    const struct tw_match_entry *entries = NULL;
    size_t count = tw_matcher_entries(matcher, match_of(matcher, event).id, &entries);
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
    struct tw_event event = event_of(type, outcome);
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
    struct tw_event event = event_of("pos.sales", NULL);
    event.attr[TW_ATTR_STOREID] = TW_STR_LIT("0042");
    struct tw_match match = match_of(matcher, &event);
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
    struct tw_matcher *matcher = new_matcher(&pack.set);
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
    struct tw_workflow *workflow = add_workflow(&pack, "a", 1);
    struct tw_wf_step *step = add_step(workflow, 0);
    add_done(step, "x", false);
    step->failure[step->failure_count] = pattern_of(text("x"), false);
    add_where(&step->failure[step->failure_count++], "errorcode", TW_WHERE_PRESENT, NULL);
    step->compensation[step->compensation_count] = pattern_of(text("x"), false);
    add_where(&step->compensation[step->compensation_count++], "channel", TW_WHERE_EQUALS, "void");
    struct tw_matcher *matcher = new_matcher(&pack.set);
    struct tw_event event = event_of("x", NULL);
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
    struct tw_workflow *workflow = add_workflow(&pack, "a", 1);
    add_done(add_step(workflow, 0), "com.shop.", true);
    add_done(add_step(workflow, 1), "com.shop.order.", true);
    add_done(add_step(workflow, 1), "com.shop.order.paid", false);
    add_done(add_step(workflow, 1), "com.shop.order.p", true);
    add_done(add_step(workflow, 1), "", true);
    struct tw_matcher *matcher = new_matcher(&pack.set);
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
    struct tw_workflow *workflow = add_workflow(&pack, "a", 1);
    struct tw_wf_step *step = add_step(workflow, 0);
    add_done(step, "x", false);
    add_where(&step->done[0], "channel", TW_WHERE_EQUALS, "web");
    add_where(&step->done[0], "pickup", TW_WHERE_PRESENT, NULL); /* no attribute of the table */
    add_where(&step->done[0], "returnid", TW_WHERE_ABSENT, NULL);
    struct tw_matcher *matcher = new_matcher(&pack.set);
    struct tw_event_extra extra = {TW_STR_LIT("pickup"), TW_STR_LIT("yes")};
    struct tw_event event = event_of("x", NULL);
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
    struct tw_matcher *matcher = new_matcher(&pack.set);
    struct tw_event_extra extra = {TW_STR_LIT("loyaltyid"), TW_STR_LIT("L1")};
    struct tw_event event = event_of("pos.sale", NULL);
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
    struct tw_matcher *matcher = new_matcher(&pack.set);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct tw_event event = event_of(rows[i].type, rows[i].outcome);
        event.attr[TW_ATTR_ERRORCLASS] = tw_str_of(rows[i].class);
        assert_int_equal(match_of(matcher, &event).cause, rows[i].cause);
    }
    tw_matcher_destroy(&matcher);
}

static void match__texts__are_those_that_tracking_wants(void **state)
{
    (void)state;
    struct pack pack = {0};
    make_sale(&pack, 1);
    struct tw_matcher *matcher = new_matcher(&pack.set);
    struct tw_event event = event_of("pos.sale", NULL);
    struct tw_matcher_stats stats;
    struct tw_match match = match_of(matcher, &event);
    assert_null(match.store.ptr);
    assert_false(match.has_amount);
    event.attr[TW_ATTR_STOREID] = TW_STR_LIT("0042");
    event.attr[TW_ATTR_REGION] = TW_STR_LIT("north");
    event.attr[TW_ATTR_ERRORCODE] = TW_STR_LIT("E7");
    event.attr[TW_ATTR_AMOUNT] = TW_STR_LIT("-12.30");
    event.attr[TW_ATTR_CURRENCY] = TW_STR_LIT("EUR");
    match = match_of(matcher, &event);
    assert_true(tw_str_is(match.store, "0042") && tw_str_is(match.region, "north") &&
                tw_str_is(match.code, "E7"));
    assert_true(match.has_amount);
    assert_int_equal(match.amount_minor, -1230);
    assert_string_equal(match.currency, "EUR");
    event.attr[TW_ATTR_CURRENCY] = TW_STR_NULL;
    assert_false(match_of(matcher, &event).has_amount);
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
    (void)add_step(add_workflow(&second, "other", 5), 0);
    struct tw_matcher *matcher = new_matcher(&first.set);
    struct tw_event event = event_of("erp.posted", NULL);
    uint32_t old_id = match_of(matcher, &event).id;
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
    assert_int_equal(references, 3);
    assert_int_equal(tw_matcher_retire(matcher, 0), TW_OK);
    assert_int_equal(references, 2);
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
    step.done[0] = pattern_of(text("x"), false);
    for (size_t i = 0; i <= TW_MATCH_VERSIONS_MAX; i++) {
        items[i] = (struct tw_workflow){
            .name = text("w"), .version = i + 1, .steps = &step, .step_count = 1, .starts = 1};
    }
    struct tw_workflows most = {.items = items, .count = TW_MATCH_VERSIONS_MAX};
    struct tw_workflows more = {.items = items + TW_MATCH_VERSIONS_MAX, .count = 1};
    struct tw_matcher *matcher = new_matcher(&most);
    struct tw_event event = event_of("x", NULL);
    uint32_t id = match_of(matcher, &event).id;
    const struct tw_match_entry *entries = NULL;
    assert_int_equal(tw_matcher_entries(matcher, id, &entries), TW_MATCH_VERSIONS_MAX);
    assert_int_equal(tw_matcher_set(matcher, &more), TW_ELIMIT);
    assert_true(tw_matcher_is_current(matcher, 0));
    assert_int_equal(match_of(matcher, &event).id, id);
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
                                           ? add_workflow(pack, names[i], 1)
                                           : &pack->items[pack->set.count - 1];
        struct tw_wf_step *step = add_step(workflow, 0);
        for (size_t k = 0; k < 4 && i < count; k++, i++) {
            add_done(step, "x", false);
            add_where(&step->done[k], names[i], TW_WHERE_PRESENT, NULL);
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
    struct tw_matcher *matcher = new_matcher(&most.set);
    struct tw_event_extra extra = {TW_STR_LIT("a255"), TW_STR_LIT("1")};
    struct tw_event event = event_of("x", NULL);
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
    struct tw_workflow *workflow = add_workflow(&pack, "a", 1);
    /* 17 steps that each have a condition of their own: twice as many sets as there may be */
    for (size_t i = 0; i < 17; i++) {
        (void)snprintf(names[i], sizeof names[i], "a%zu", i);
        struct tw_wf_step *step = add_step(workflow, i == 0 ? 0 : 1);
        add_done(step, "x", false);
        add_where(&step->done[0], names[i], TW_WHERE_PRESENT, NULL);
    }
    struct tw_matcher *matcher = new_matcher(&pack.set);
    struct tw_matcher_stats stats;
    struct tw_event_extra extras[17];
    struct tw_event event = event_of("x", NULL);
    event.extras = extras;
    for (uint32_t bits = 0; bits < UINT32_C(1) << 17; bits++) {
        event.extra_count = 0;
        for (uint32_t i = 0; i < 17; i++) {
            if ((bits >> i & 1) != 0) {
                extras[event.extra_count++] =
                    (struct tw_event_extra){tw_str_of(names[i]), TW_STR_LIT("1")};
            }
        }
        assert_int_equal(match_of(matcher, &event).id, bits < TW_MATCH_SETS_MAX ? bits : 0);
    }
    tw_matcher_stats(matcher, &stats);
    assert_int_equal(stats.overflows, TW_MATCH_SETS_MAX);
    assert_int_equal(tw_matcher_id_count(matcher), TW_MATCH_SETS_MAX);
    event.extra_count = 1;
    /* cppcheck-suppress unreadVariable ; read through `event` */
    extras[0].name = tw_str_of(names[7]);
    assert_int_equal(match_of(matcher, &event).id, 1 << 7); /* those that are known stay */
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
        steps[i / 8].done[i % 8] = pattern_of(types[i], true);
        steps[i / 8].done_count = 8;
    }
    for (size_t i = 0; i < 8; i++) {
        items[i] = (struct tw_workflow){.name = text("w"),
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

/* ---- anything, against the definitions ------------------------------------------------------ */

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 20) % limit);
}

static const char *const some_types[] = {"a", "a.", "a.b", "a.b.", "a.b.c", "a.c", "b", "", "a.bb"};
static const char *const some_attributes[] = {"channel", "region", "pickup", "returnid",
                                              "loyalty", "lane",   "card"};
static const char *const some_values[] = {"", "1", "2"};

static struct tw_wf_match random_pattern(void)
{
    struct tw_wf_match match = pattern_of(text(some_types[random_below(9)]), random_below(3) == 0);
    uint32_t wheres = random_below(4) == 0 ? random_below(TW_WF_WHERE_MAX + 1) : 0;
    for (uint32_t i = 0; i < wheres; i++) {
        add_where(&match, some_attributes[random_below(7)],
                  (enum tw_where_kind)random_below(TW_WHERE_ABSENT + 1),
                  some_values[1 + random_below(2)]);
    }
    return match;
}

static void random_pack(struct pack *pack, uint64_t version)
{
    uint32_t workflows = 1 + random_below(4);
    for (uint32_t i = 0; i < workflows; i++) {
        struct tw_workflow *workflow =
            add_workflow(pack, i == 0 ? "w0" : (i == 1 ? "w1" : (i == 2 ? "w2" : "w3")), version);
        uint32_t steps = 1 + random_below(5);
        for (uint32_t k = 0; k < steps; k++) {
            struct tw_wf_step *step = add_step(workflow, k == 0 ? 0 : random_below(1 << k));
            step->when = random_below(3) == 0 ? text(some_attributes[random_below(7)]) : NULL;
            do {
                step->done[step->done_count++] = random_pattern();
            } while (random_below(2) == 0 && step->done_count < TW_WF_MATCHES_MAX);
            if (random_below(3) == 0) {
                step->failure[step->failure_count++] = random_pattern();
            }
            if (random_below(4) == 0) {
                step->compensation[step->compensation_count++] = random_pattern();
            }
        }
    }
}

static bool naive_has(const struct tw_event *event, const char *attribute)
{
    struct tw_str value = tw_event_attribute(event, tw_str_of(attribute));
    return value.ptr != NULL && value.len > 0;
}

static bool naive_fits(const struct tw_wf_match *match, const struct tw_event *event)
{
    const char *type = event->attr[TW_ATTR_TYPE].ptr;
    bool fits = match->is_prefix ? strncmp(type, match->event, strlen(match->event)) == 0
                                 : strcmp(type, match->event) == 0;
    for (size_t i = 0; i < match->where_count; i++) {
        const struct tw_wf_where *where = &match->where[i];
        bool has = naive_has(event, where->attribute);
        struct tw_str value = tw_event_attribute(event, tw_str_of(where->attribute));
        fits = fits && (where->kind == TW_WHERE_ABSENT ? !has : has) &&
               (where->kind != TW_WHERE_EQUALS || tw_str_is(value, where->value));
    }
    return fits;
}

static bool naive_any(const struct tw_wf_match *matches, size_t count, const struct tw_event *event)
{
    bool fits = false;
    for (size_t i = 0; i < count; i++) {
        fits = fits || naive_fits(&matches[i], event);
    }
    return fits;
}

/* -1: not a fact of this step. */
static int naive_role(const struct tw_wf_step *step, const struct tw_event *event)
{
    struct tw_str outcome = event->attr[TW_ATTR_OUTCOME];
    bool is_done = naive_any(step->done, step->done_count, event);
    if (naive_any(step->compensation, step->compensation_count, event) ||
        (is_done && tw_str_is(outcome, "compensated"))) {
        return TW_FACT_COMPENSATION;
    }
    if (naive_any(step->failure, step->failure_count, event) ||
        (is_done && (tw_str_is(outcome, "failed") || tw_str_is(outcome, "deadletter")))) {
        return TW_FACT_FAILED;
    }
    return !is_done ? -1 : (tw_str_is(outcome, "retrying") ? TW_FACT_RETRYING : TW_FACT_DONE);
}

static void check_naively(struct tw_matcher *matcher, const struct tw_event *event)
{
    const struct tw_match_entry *entries = NULL;
    size_t count = tw_matcher_entries(matcher, match_of(matcher, event).id, &entries);
    size_t met = 0;
    for (uint32_t version = 0; version < tw_matcher_version_count(matcher); version++) {
        const struct tw_workflow *workflow = tw_matcher_workflow(matcher, version);
        for (size_t step = 0; workflow != NULL && step < workflow->step_count; step++) {
            int role = naive_role(&workflow->steps[step], event);
            uint32_t present = 0;
            if (role < 0) {
                continue;
            }
            for (size_t k = 0; workflow->steps[step].after == 0 && k < workflow->step_count; k++) {
                const char *when = workflow->steps[k].when;
                present |= when != NULL && naive_has(event, when) ? UINT32_C(1) << k : 0;
            }
            assert_true(met < count);
            assert_int_equal(entries[met].version, version);
            assert_int_equal(entries[met].step, step);
            assert_int_equal(entries[met].role, role);
            assert_int_equal(entries[met].present, present);
            met++;
        }
    }
    assert_int_equal(met, count);
}

static struct tw_event random_event(struct tw_event_extra *extras)
{
    static const char *const outcomes[] = {NULL,       "ok",         "failed",
                                           "retrying", "deadletter", "compensated"};
    struct tw_event event = event_of(random_below(12) == 0 ? "a.b.d" : some_types[random_below(9)],
                                     outcomes[random_below(6)]);
    event.extras = extras;
    for (int i = 0; i < 7; i++) {
        struct tw_str name = tw_str_of(some_attributes[i]);
        struct tw_str value = tw_str_of(some_values[random_below(3)]);
        if (random_below(2) == 0) {
            continue;
        }
        if (tw_attribute_find(name) >= 0) {
            event.attr[tw_attribute_find(name)] = value;
        } else {
            extras[event.extra_count++] = (struct tw_event_extra){name, value};
        }
    }
    return event;
}

static void match__any_definitions_and_events__as_they_say(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct pack packs[3];
        memset(packs, 0, sizeof packs);
        random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
        for (uint64_t i = 0; i < 3; i++) {
            random_pack(&packs[i], 1 + random_below(3));
        }
        struct tw_matcher *matcher = new_matcher(&packs[0].set);
        for (int round = 0; round < 4; round++) {
            for (int i = 0; i < 60; i++) {
                struct tw_event_extra extras[7];
                struct tw_event event = random_event(extras);
                check_naively(matcher, &event);
            }
            if (round < 2) {
                assert_int_equal(tw_matcher_set(matcher, &packs[round + 1].set), TW_OK);
            } else if (!tw_matcher_is_current(matcher, 0)) {
                assert_int_equal(tw_matcher_retire(matcher, 0), TW_OK);
                break;
            }
        }
        tw_matcher_destroy(&matcher);
    }
}

/* ---- as bytes ------------------------------------------------------------------------------- */

/* A matcher that has seen all that random_event() makes of a few. */
static struct tw_matcher *busy_matcher(struct pack *packs, struct tw_buf *buf)
{
    random_state = 12345;
    random_pack(&packs[0], 1);
    random_pack(&packs[1], 2);
    struct tw_matcher *matcher = new_matcher(&packs[0].set);
    assert_int_equal(tw_matcher_set(matcher, &packs[1].set), TW_OK);
    for (int i = 0; i < 300; i++) {
        struct tw_event_extra extras[7];
        struct tw_event event = random_event(extras);
        (void)match_of(matcher, &event);
    }
    tw_buf_init(buf, 1 << 20);
    assert_int_equal(tw_matcher_save(matcher, buf), TW_OK);
    return matcher;
}

static void matcher_restore__what_was_saved__ids_are_what_they_were(void **state)
{
    (void)state;
    struct pack packs[2];
    struct tw_buf buf;
    memset(packs, 0, sizeof packs);
    struct tw_matcher *before = busy_matcher(packs, &buf);
    /* versions are numbered the other way round; one of them is known after the restart only */
    struct tw_matcher *after = new_matcher(&packs[1].set);
    assert_int_equal(tw_matcher_add(after, &packs[0].set), TW_OK);
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_matcher_restore(after, &cursor), TW_OK);
    assert_true(cursor.p == cursor.end);
    assert_int_equal(tw_matcher_id_count(before), tw_matcher_id_count(after));
    assert_true(tw_matcher_id_count(before) > 20);
    for (int i = 0; i < 500; i++) {
        struct tw_event_extra extras[7];
        struct tw_event event = random_event(extras);
        check_naively(after, &event);
        uint32_t known = tw_matcher_id_count(before);
        uint32_t id = match_of(before, &event).id;
        if (id < known) {
            assert_int_equal(match_of(after, &event).id, id);
        }
    }
    tw_matcher_destroy(&before);
    tw_matcher_destroy(&after);
    tw_buf_fini(&buf);
}

static void matcher_restore__version_not_known__its_members_are_dropped(void **state)
{
    (void)state;
    struct pack packs[2];
    struct tw_buf buf;
    memset(packs, 0, sizeof packs);
    struct tw_matcher *before = busy_matcher(packs, &buf);
    struct tw_matcher *after = new_matcher(&packs[1].set);
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_matcher_restore(after, &cursor), TW_OK);
    assert_int_equal(tw_matcher_id_count(before), tw_matcher_id_count(after));
    for (uint32_t id = 1; id < tw_matcher_id_count(before); id++) {
        const struct tw_match_entry *old = NULL;
        const struct tw_match_entry *kept = NULL;
        size_t old_count = tw_matcher_entries(before, id, &old);
        size_t kept_count = tw_matcher_entries(after, id, &kept);
        size_t expected = 0;
        for (size_t i = 0; i < old_count; i++) {
            if (tw_matcher_is_current(before, old[i].version)) {
                assert_int_equal(kept[expected].step, old[i].step);
                assert_int_equal(kept[expected].role, old[i].role);
                expected++;
            }
        }
        assert_int_equal(kept_count, expected);
    }
    tw_matcher_destroy(&before);
    tw_matcher_destroy(&after);
    tw_buf_fini(&buf);
}

static int restore_bytes(const struct pack *packs, const char *bytes, size_t len)
{
    struct tw_matcher *matcher = new_matcher(&packs[1].set);
    assert_int_equal(tw_matcher_add(matcher, &packs[0].set), TW_OK);
    struct tw_cursor cursor = tw_cursor_of(bytes, len);
    int err = tw_matcher_restore(matcher, &cursor);
    assert_true(err == TW_OK || tw_matcher_id_count(matcher) == 1);
    for (int i = 0; i < 30; i++) {
        struct tw_event_extra extras[7];
        struct tw_event event = random_event(extras);
        check_naively(matcher, &event);
    }
    tw_matcher_destroy(&matcher);
    return err;
}

static void matcher_restore__damage__is_refused_or_harmless(void **state)
{
    (void)state;
    struct pack packs[2];
    struct tw_buf buf;
    memset(packs, 0, sizeof packs);
    struct tw_matcher *before = busy_matcher(packs, &buf);
    tw_matcher_destroy(&before);
    for (size_t len = 0; len < buf.len; len++) {
        assert_int_equal(restore_bytes(packs, buf.data, len), TW_EDAMAGED);
    }
    for (size_t at = 0; at < buf.len; at++) {
        char was = buf.data[at];
        buf.data[at] = (char)(was ^ (1 << random_below(8)));
        (void)restore_bytes(packs, buf.data, buf.len); /* either is fine: it did not crash */
        buf.data[at] = was;
    }
    tw_buf_fini(&buf);
}

/* ---- memory --------------------------------------------------------------------------------- */

static int short_life(struct pack *packs, const struct tw_buf *saved)
{
    struct tw_matcher *matcher = NULL;
    int err = tw_matcher_new(&matcher);
    if (err == TW_OK) {
        err = tw_matcher_set(matcher, &packs[0].set);
    }
    if (err == TW_OK) {
        err = tw_matcher_set(matcher, &packs[1].set);
    }
    if (err == TW_OK) {
        struct tw_cursor cursor = tw_cursor_of(saved->data, saved->len);
        err = tw_matcher_restore(matcher, &cursor);
    }
    random_state = 777;
    for (int i = 0; err == TW_OK && i < 400; i++) {
        struct tw_event_extra extras[7];
        struct tw_event event = random_event(extras);
        struct tw_match match;
        err = tw_matcher_match(matcher, &event, &match);
    }
    if (err == TW_OK) {
        err = tw_matcher_retire(matcher, 0);
    }
    tw_matcher_destroy(&matcher);
    return err;
}

static void matcher__allocation_fails__says_so_and_leaks_nothing(void **state)
{
    (void)state;
    struct pack packs[2];
    struct tw_buf buf;
    memset(packs, 0, sizeof packs);
    struct tw_matcher *matcher = busy_matcher(packs, &buf);
    tw_matcher_destroy(&matcher);
    int err = TW_ENOMEM;
    for (long fails = 0; err != TW_OK; fails++) {
        allocations_left = fails;
        err = short_life(packs, &buf);
        allocations_left = -1;
        assert_true(err == TW_OK || err == TW_ENOMEM);
        assert_int_equal(references, 0);
        assert_true(fails < 10000);
    }
    tw_buf_fini(&buf);
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
        CASE(matcher_set__rows_max__refuses_the_next),
        CASE(match__any_definitions_and_events__as_they_say),
        CASE(matcher_restore__what_was_saved__ids_are_what_they_were),
        CASE(matcher_restore__version_not_known__its_members_are_dropped),
        CASE(matcher_restore__damage__is_refused_or_harmless),
        CASE(matcher__allocation_fails__says_so_and_leaks_nothing),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
