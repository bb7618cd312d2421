/* SPDX-License-Identifier: Apache-2.0
 * causes: rules in order, their patterns, the facts they look at, files with faults, bounds. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "alloc_kit.h"
#include "causes/rules.h"
#include "core/err.h"

/* Parse, expect no fault. */
static const struct tw_causes *parse(const char *yaml)
{
    const struct tw_causes *set = NULL;
    int rc = tw_causes_parse("test.yaml", tw_str_of(yaml), TW_CAUSES_FILES, stderr, &set);
    assert_int_equal(rc, TW_OK);
    return set;
}

/* Parse, expect these faults and no others. */
static void expect_faults(const char *yaml, const char *faults)
{
    const struct tw_causes *set = NULL;
    char *told = NULL;
    size_t len = 0;
    FILE *report = open_memstream(&told, &len);
    int rc = tw_causes_parse("test.yaml", tw_str_of(yaml), TW_CAUSES_FILES, report, &set);
    (void)fclose(report);
    assert_string_equal(told, faults);
    assert_int_equal(rc, TW_ECONFIG);
    assert_null(set);
    free(told);
}

static struct tw_cause_verdict judge(const struct tw_causes *set, struct tw_failure_facts facts)
{
    struct tw_cause_verdict verdict;
    tw_causes_classify(set, &facts, &verdict);
    return verdict;
}

static struct tw_cause_verdict of_message(const struct tw_causes *set, const char *message)
{
    return judge(set, (struct tw_failure_facts){.message = tw_str_of(message)});
}

static void expect_rule(struct tw_cause_verdict verdict, enum tw_cause cause, const char *label,
                        const char *rule)
{
    assert_string_equal(tw_cause_name(verdict.cause), tw_cause_name(cause));
    assert_true(tw_str_is(verdict.label, label));
    if (rule == NULL) {
        assert_null(verdict.rule);
        assert_int_equal(verdict.index, -1);
    } else {
        assert_string_equal(verdict.rule, rule);
    }
}

#define RULE(name, when, cause, label) \
    "  - {name: " name ", when: {" when "}, cause: " cause ", label: " label "}\n"

/* ---- patterns ---- */

/* By the definition, without care for time. */
static bool plainly_fits(const char *pattern, const char *text)
{
    if (*pattern == '\0') {
        return *text == '\0';
    }
    if (*pattern == '*') {
        return plainly_fits(pattern + 1, text) ||
               (*text != '\0' && plainly_fits(pattern, text + 1));
    }
    return *text != '\0' && (*pattern == '?' || *pattern == *text) &&
           plainly_fits(pattern + 1, text + 1);
}

static void glob__all_short_patterns_and_texts__as_by_definition(void **state)
{
    (void)state;
    static const char letters[] = "ab?*";
    unsigned fitting = 0;
    for (unsigned p = 0; p < 4 * 4 * 4 * 4 * 4 * 4; p++) {
        char pattern[7] = "";
        for (unsigned i = 0, rest = p; i < 6; i++, rest /= 4) {
            pattern[i] = letters[rest % 4];
        }
        for (unsigned t = 0; t < 2 * 2 * 2 * 2 * 2 * 2 * 2; t++) {
            char text[7] = "";
            unsigned len = t % 7;
            for (unsigned i = 0; i < len; i++) {
                text[i] = (t >> i & 1) != 0 ? 'a' : 'b';
            }
            bool wanted = plainly_fits(pattern, text);
            assert_int_equal(tw_causes_glob(tw_str_of(pattern), tw_str_of(text)), wanted);
            fitting += wanted ? 1 : 0;
        }
    }
    assert_true(fitting > 1000);
}

static bool glob(const char *pattern, const char *text)
{
    return tw_causes_glob(tw_str_of(pattern), tw_str_of(text));
}

static void glob__letters__ascii_without_case_others_by_character(void **state)
{
    (void)state;
    assert_true(glob("*locked by*", "Document 4711 is LOCKED BY MEIER"));
    assert_false(glob("locked", "is locked"));
    assert_true(glob("gr?n", "gr\xc3\xbcn"));
    assert_false(glob("gr??n", "gr\xc3\xbcn"));
    assert_true(glob("?", "\xe2\x82\xac"));
    assert_true(glob("", ""));
    assert_false(glob("", "a"));
    assert_true(glob("**", "a"));
    assert_false(glob("?", ""));
    assert_true(glob("*?", "\xc3"));
    assert_false(glob("stra\xc3\x9f"
                      "e",
                      "STRASSE"));
}

static void glob__text_that_nearly_fits_everywhere__is_decided_soon(void **state)
{
    (void)state;
    char text[TW_CAUSES_MESSAGE_MAX];
    char pattern[TW_CAUSES_PATTERN_MAX];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof pattern; i++) {
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    }
    pattern[sizeof pattern - 1] = 'b';
    /* Trying all ways would take longer than the age of the universe. */
    for (int i = 0; i < 1000; i++) {
        assert_false(tw_causes_glob((struct tw_str){pattern, sizeof pattern},
                                    (struct tw_str){text, sizeof text}));
    }
}

/* ---- facts ---- */

static void status__of_attribute_and_code__known_forms_only(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        unsigned status;
    } cases[] = {
        {"503", 503}, {"HTTP 503", 503}, {"http_503", 503}, {"Http-429", 429}, {"HTTP404", 404},
        {"400", 400}, {"599", 599},      {"399", 0},        {"600", 0},        {"ERP-503", 0},
        {"", 0},      {"5030", 0},       {"HTTP", 0},       {"HTTP ", 0},      {"HTTP  503", 0},
        {"50", 0},    {"5 3", 0},        {"http/503", 0},   {"-503", 0},       {"http 200", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(tw_causes_status_of_code(tw_str_of(cases[i].code)), cases[i].status);
    }
    assert_int_equal(tw_causes_status(TW_STR_LIT("100")), 100);
    assert_int_equal(tw_causes_status(TW_STR_LIT("599")), 599);
    assert_int_equal(tw_causes_status(TW_STR_LIT("099")), 0);
    assert_int_equal(tw_causes_status(TW_STR_LIT("600")), 0);
    assert_int_equal(tw_causes_status(TW_STR_NULL), 0);
}

static void facts__of_an_event__attribute_before_code(void **state)
{
    (void)state;
    const struct tw_event_extra extra = {TW_STR_LIT("httpstatus"), TW_STR_LIT("409")};
    const struct tw_event_extra odd = {TW_STR_LIT("httpstatus"), TW_STR_LIT("four")};
    struct tw_event event = {.extras = &extra, .extra_count = 1};
    struct tw_failure_facts facts;
    event.attr[TW_ATTR_SYSTEM] = TW_STR_LIT("erp");
    event.attr[TW_ATTR_ERRORCODE] = TW_STR_LIT("503");
    tw_causes_facts(&event, &facts);
    assert_int_equal(facts.status, 409);
    assert_true(tw_str_is(facts.system, "erp") && tw_str_is(facts.code, "503"));
    event.extras = &odd;
    tw_causes_facts(&event, &facts);
    assert_int_equal(facts.status, 503);
}

/* ---- rules ---- */

static void classify__rules_in_order__first_that_takes_it_decides(void **state)
{
    (void)state;
    const struct tw_causes *set = parse(
        "rules:\n" RULE("both", "system: erp, message: \"*locked*\"", "conflict", "locked")
            RULE("erp", "system: [erp, sap]", "rejected", "by the ERP")
                RULE("code", "code: \"M?-*\"", "master-data", "material")
                    RULE("type", "type: \"*.failed\", status: [404, 5xx]", "unavailable",
                         "t") "  - {name: owned, when: {message: mine}, cause: auth, label: l, "
                              "owner: us, runbook: here}\n");
    struct tw_failure_facts facts = {.system = TW_STR_LIT("ERP"),
                                     .code = TW_STR_LIT("M3-024"),
                                     .message = TW_STR_LIT("is Locked")};
    expect_rule(judge(set, facts), TW_CAUSE_CONFLICT, "locked", "both");
    facts.message = TW_STR_NULL;
    expect_rule(judge(set, facts), TW_CAUSE_REJECTED, "by the ERP", "erp");
    facts.system = TW_STR_LIT("wms");
    expect_rule(judge(set, facts), TW_CAUSE_MASTER_DATA, "material", "code");
    facts = (struct tw_failure_facts){.type = TW_STR_LIT("sale.failed"), .status = 500};
    expect_rule(judge(set, facts), TW_CAUSE_UNAVAILABLE, "t", "type");
    facts.status = 404;
    expect_rule(judge(set, facts), TW_CAUSE_UNAVAILABLE, "t", "type");
    facts.status = 405;
    expect_rule(judge(set, facts), TW_CAUSE_UNKNOWN, "", NULL);
    struct tw_cause_verdict owned = of_message(set, "MINE");
    assert_string_equal(owned.owner, "us");
    assert_string_equal(owned.runbook, "here");
    assert_int_equal(owned.index, 4);
    assert_null(judge(set, (struct tw_failure_facts){.system = TW_STR_LIT("erp")}).owner);
    struct tw_cause_verdict later;
    facts = (struct tw_failure_facts){.system = TW_STR_LIT("erp"), .code = TW_STR_LIT("M3-1")};
    tw_causes_classify_from(set, 2, &facts, &later);
    expect_rule(later, TW_CAUSE_MASTER_DATA, "material", "code");
    tw_causes_unref(&set);
}

static void classify__event_names_its_cause__kept_unless_a_rule_asks_for_it(void **state)
{
    (void)state;
    const struct tw_causes *set =
        parse("rules:\n" RULE("asks", "class: rejected, message: \"*period*\"", "master-data", "p")
                  RULE("other", "message: \"*\"", "timeout", "label only"));
    struct tw_failure_facts facts = {.errorclass = TW_STR_LIT("conflict"),
                                     .message = TW_STR_LIT("period closed")};
    expect_rule(judge(set, facts), TW_CAUSE_CONFLICT, "label only", "other");
    facts.errorclass = TW_STR_LIT("rejected");
    expect_rule(judge(set, facts), TW_CAUSE_MASTER_DATA, "p", "asks");
    /* What is no word of ours names nothing; nor does what nobody knows, or what we find. */
    static const char *const others[] = {"NullPointerException", "unknown", "", "missing"};
    for (size_t i = 0; i < 4; i++) {
        facts.errorclass = tw_str_of(others[i]);
        expect_rule(judge(set, facts), TW_CAUSE_TIMEOUT, "label only", "other");
    }
    tw_causes_unref(&set);
}

static void classify__nothing_takes_it__named_cause_or_unknown_and_its_code(void **state)
{
    (void)state;
    char code[400];
    struct tw_failure_facts facts = {.errorclass = TW_STR_LIT("auth"), .code = TW_STR_LIT("X-1")};
    expect_rule(judge(NULL, facts), TW_CAUSE_AUTH, "X-1", NULL);
    facts.errorclass = TW_STR_LIT("strange");
    expect_rule(judge(NULL, facts), TW_CAUSE_UNKNOWN, "X-1", NULL);
    facts.code = TW_STR_NULL;
    expect_rule(judge(NULL, facts), TW_CAUSE_UNKNOWN, "", NULL);
    memset(code, 'x', sizeof code);
    facts.code = (struct tw_str){code, TW_CAUSES_LABEL_MAX};
    assert_int_equal(judge(NULL, facts).label.len, TW_CAUSES_LABEL_MAX);
    facts.code.len++;
    assert_int_equal(judge(NULL, facts).label.len, TW_CAUSES_LABEL_MAX);
    for (size_t i = 0; i < sizeof code; i += 2) {
        memcpy(code + i, "\xc3\xbc", 2);
    }
    facts.code.len = sizeof code;
    assert_int_equal(judge(NULL, facts).label.len, 2 * TW_CAUSES_LABEL_MAX);
    memset(code, 0x80, sizeof code); /* no UTF-8: one "character" of any length */
    assert_int_equal(judge(NULL, facts).label.len, 4 * TW_CAUSES_LABEL_MAX);
}

static void classify__long_texts__first_bytes_are_looked_at(void **state)
{
    (void)state;
    static char text[2 * TW_CAUSES_MESSAGE_MAX];
    const struct tw_causes *set =
        parse("rules:\n" RULE("message", "message: \"*needle\"", "conflict", "m")
                  RULE("code", "code: \"*needle\"", "auth", "c"));
    memset(text, '.', sizeof text);
    memcpy(text + TW_CAUSES_MESSAGE_MAX - 6, "needle", 6);
    struct tw_failure_facts facts = {.message = {text, TW_CAUSES_MESSAGE_MAX}};
    expect_rule(judge(set, facts), TW_CAUSE_CONFLICT, "m", "message");
    facts.message.len = sizeof text; /* what follows is not seen */
    expect_rule(judge(set, facts), TW_CAUSE_CONFLICT, "m", "message");
    memset(text, '.', sizeof text);
    memcpy(text + TW_CAUSES_MESSAGE_MAX - 5, "needle", 6);
    expect_rule(judge(set, facts), TW_CAUSE_UNKNOWN, "", NULL);
    memset(text, '.', sizeof text);
    memcpy(text + TW_CAUSES_TEXT_BYTES - 6, "needle", 6);
    facts = (struct tw_failure_facts){.code = {text, sizeof text}};
    expect_rule(judge(set, facts), TW_CAUSE_AUTH, "c", "code");
    tw_causes_unref(&set);
}

static void classify__hostile_bytes__take_nothing_and_harm_nothing(void **state)
{
    (void)state;
    static char bytes[600];
    struct tw_cfg cfg = {.causes = {.has_pack = true}};
    const struct tw_causes *set = NULL;
    assert_int_equal(tw_causes_load(&cfg, stderr, &set), TW_OK);
    uint32_t seed = 7;
    for (int round = 0; round < 500; round++) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            seed = seed * 1664525 + 1013904223;
            bytes[i] = (char)(seed >> 24);
        }
        struct tw_str text = {bytes, seed >> 8 & 511};
        struct tw_cause_verdict verdict =
            judge(set, (struct tw_failure_facts){text, text, text, seed & 0xffff, text, text});
        assert_true(verdict.cause > TW_CAUSE_NONE && verdict.cause < TW_CAUSE_COUNT);
    }
    tw_causes_unref(&set);
}

static void count__what_rules_took__is_told_by_rule(void **state)
{
    (void)state;
    const struct tw_causes *set =
        parse("rules:\n" RULE("a", "code: a", "auth", "a") RULE("b", "code: b", "auth", "b"));
    assert_false(tw_causes_is_counting(set));
    tw_causes_start_count(set);
    assert_true(tw_causes_is_counting(set));
    tw_causes_count(set, 1);
    tw_causes_count(set, 1);
    tw_causes_count(set, -1);
    tw_causes_count(set, 2);
    tw_causes_count(NULL, 0);
    assert_int_equal(tw_causes_counted(set, 0), 0);
    assert_int_equal(tw_causes_counted(set, 1), 2);
    assert_int_equal(tw_causes_counted(set, 2), 0);
    assert_int_equal(tw_causes_counted(set, -1), 0);
    const struct tw_causes *other = tw_causes_ref(set);
    tw_causes_unref(&set);
    assert_int_equal(tw_causes_counted(other, 1), 2);
    tw_causes_unref(&other);
    tw_causes_unref(&other);
}

/* ---- the retail set ---- */

static void retail__what_retailers_meet__is_put_down_to_its_cause(void **state)
{
    (void)state;
    static const struct {
        const char *code;
        const char *message;
        const char *cause;
        const char *label;
    } cases[] = {
        {NULL, "The material 4711 is locked by user MEIER", "conflict", "object locked in ERP"},
        {"M3-897", NULL, "conflict", "object locked in ERP"},
        {NULL, "Posting period 012 2025 is not open", "master-data", "posting period closed"},
        {"F5 201", NULL, "master-data", "posting period closed"},
        {NULL, "Material 100-200 does not exist in plant", "master-data", "article unknown"},
        {"M7-021", "article is not maintained in this plant", "master-data",
         "article not maintained"},
        {"F5-702", "tax code is not valid for this company", "master-data", "tax code not valid"},
        {"VP-112", "customer account is blocked for posting", "master-data",
         "account blocked for posting"},
        {"401", NULL, "auth", "HTTP 401 not authenticated"},
        {"HTTP 403", NULL, "auth", "HTTP 403 not allowed"},
        {"http_409", NULL, "conflict", "HTTP 409 conflict"},
        {"422", NULL, "rejected", "HTTP 422 not accepted"},
        {"429", "too many requests", "throttled", "rate limited"},
        {"429", NULL, "throttled", "HTTP 429 rate limited"},
        {"500", NULL, "unavailable", "HTTP 5xx server error"},
        {"503", NULL, "unavailable", "HTTP 503 unavailable"},
        {"504", NULL, "timeout", "HTTP timeout"},
        {"ERP-503", "posting service does not answer", "unavailable", "service unavailable"},
        {"ERP-503", NULL, "unavailable", "service unavailable"},
        {NULL, "java.net.SocketTimeoutException: Read timed out", "timeout", "timeout"},
        {NULL, "connect ECONNREFUSED: Connection refused", "unavailable", "connection refused"},
        {"ECONNREFUSED", NULL, "unavailable", "connection refused"},
        {NULL, "order does not conform to the schema", "contract", "schema error"},
        {NULL, "cvc-complex-type.2.4.a: Invalid content", "contract", "schema error"},
        {NULL, "Document 4711 was already posted", "duplicate", "exists already"},
        {NULL, "duplicate key value violates unique constraint", "duplicate", "exists already"},
        {NULL, "access token expired", "auth", "credentials expired"},
        {"IDOC-51", NULL, "unknown", "IDOC-51"},
        {"R-400", "not accepted as it is", "rejected", "not accepted"},
        {"Z-9", "something strange", "unknown", "Z-9"},
    };
    struct tw_cfg cfg = {.causes = {.has_pack = true}};
    const struct tw_causes *set = NULL;
    assert_int_equal(tw_causes_load(&cfg, stderr, &set), TW_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_str code = tw_str_of(cases[i].code);
        struct tw_cause_verdict verdict =
            judge(set, (struct tw_failure_facts){.code = code,
                                                 .status = tw_causes_status_of_code(code),
                                                 .message = tw_str_of(cases[i].message)});
        assert_string_equal(tw_cause_name(verdict.cause), cases[i].cause);
        assert_true(tw_str_is(verdict.label, cases[i].label));
    }
    expect_rule(judge(set, (struct tw_failure_facts){.code = TW_STR_LIT("IDOC-51"),
                                                     .system = TW_STR_LIT("erp")}),
                TW_CAUSE_REJECTED, "IDoc not posted", "idoc-not-posted");
    /* A rule that an earlier one hides would never be seen. */
    for (size_t i = 0; i < set->count; i++) {
        assert_int_equal(set->items[i].origin, TW_CAUSES_BUILT_IN);
        assert_non_null(strstr(set->items[i].file, "retail.yaml"));
    }
    tw_causes_unref(&set);
}

/* ---- files ---- */

static void load__faults__all_are_told_with_their_line(void **state)
{
    (void)state;
    expect_faults(
        "rules:\n"
        "  - {name: a, when: {system: erp}, cause: sunshine, label: x}\n"
        "  - {name: a, when: {}, cause: auth, label: x}\n"
        "  - {name: a, when: {status: [6xx, 99, \"5*\"]}, cause: auth, label: \"\"}\n"
        "  - {when: {code: \"\", colour: red}, label: x}\n"
        "  - 5\n",
        "test.yaml:2: rules.cause: \"sunshine\" is none of: master-data throttled timeout "
        "rejected unavailable auth contract conflict duplicate unknown\n"
        "test.yaml:3: rules.name: \"a\" is there already (test.yaml:2)\n"
        "test.yaml:3: when: at least one condition is needed\n"
        "test.yaml:4: rules.label: it is empty, or has control characters\n"
        "test.yaml:4: rules.name: \"a\" is there already (test.yaml:2)\n"
        "test.yaml:4: when.status: \"5*\" is neither a status from 100 to 599 nor like 5xx\n"
        "test.yaml:4: when.status: \"6xx\" is neither a status from 100 to 599 nor like 5xx\n"
        "test.yaml:4: when.status: \"99\" is neither a status from 100 to 599 nor like 5xx\n"
        "test.yaml:5: rules: the key \"cause\" is missing\n"
        "test.yaml:5: rules: the key \"name\" is missing\n"
        "test.yaml:5: when.code: a pattern is empty, or has control characters\n"
        "test.yaml:5: when: unknown key \"colour\"\n"
        "test.yaml:6: rules: a map of keys and values is expected\n");
    expect_faults("rule: []\n", "test.yaml:1: causes: the key \"rules\" is missing\n"
                                "test.yaml:1: causes: unknown key \"rule\", did you mean "
                                "\"rules\"?\n");
    expect_faults("rules: 7\n", "test.yaml:1: rules: a list of rules is expected\n");
    expect_faults("rules: [\n",
                  "test.yaml:2: not YAML: while parsing a flow node, did not find expected "
                  "node content\n");
}

static void load__empty_files__have_no_rules(void **state)
{
    (void)state;
    const struct tw_causes *set = parse("");
    assert_int_equal(set->count, 0);
    tw_causes_unref(&set);
    set = parse("rules: []\n");
    assert_int_equal(set->count, 0);
    tw_causes_unref(&set);
}

/* So many rules; owned. */
static char *many_rules(size_t count)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    (void)fputs("rules:\n", out);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(out, "  - {name: r%zu, when: {code: c%zu}, cause: auth, label: l}\n", i, i);
    }
    (void)fclose(out);
    return text;
}

static int parse_many(size_t count, enum tw_causes_origin origin)
{
    const struct tw_causes *set = NULL;
    char *text = many_rules(count);
    int rc = tw_causes_parse("many", tw_str_of(text), origin, NULL, &set);
    if (rc == TW_OK) {
        assert_int_equal(set->count, count);
        assert_int_equal(set->operator_count, origin == TW_CAUSES_OPERATORS ? count : 0);
    }
    tw_causes_unref(&set);
    free(text);
    return rc;
}

/* A rule with `count` patterns of `len` bytes and a label of `label` characters. */
static int parse_sized(int count, int len, int label)
{
    const struct tw_causes *set = NULL;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    (void)fputs("rules: [{name: a, cause: auth, label: \"", out);
    for (int i = 0; i < label; i++) {
        (void)fputs("\xc3\xbc", out);
    }
    (void)fputs("\", when: {message: [", out);
    for (int i = 0; i < count; i++) {
        (void)fprintf(out, "%s\"%0*d\"", i == 0 ? "" : ", ", len, i);
    }
    (void)fputs("]}}]\n", out);
    (void)fclose(out);
    int rc = tw_causes_parse("sized", tw_str_of(text), TW_CAUSES_FILES, NULL, &set);
    tw_causes_unref(&set);
    free(text);
    return rc;
}

static void load__at_each_bound__one_more_is_a_fault(void **state)
{
    (void)state;
    assert_int_equal(parse_many(TW_CAUSES_RULES_MAX, TW_CAUSES_FILES), TW_OK);
    assert_int_equal(parse_many(TW_CAUSES_RULES_MAX + 1, TW_CAUSES_FILES), TW_ECONFIG);
    assert_int_equal(parse_many(TW_CAUSES_OWN_MAX, TW_CAUSES_OPERATORS), TW_OK);
    assert_int_equal(parse_many(TW_CAUSES_OWN_MAX + 1, TW_CAUSES_OPERATORS), TW_ECONFIG);
    assert_int_equal(parse_sized(TW_CAUSES_PATTERNS_MAX, 5, 5), TW_OK);
    assert_int_equal(parse_sized(TW_CAUSES_PATTERNS_MAX + 1, 5, 5), TW_ECONFIG);
    assert_int_equal(parse_sized(1, TW_CAUSES_PATTERN_MAX, 5), TW_OK);
    assert_int_equal(parse_sized(1, TW_CAUSES_PATTERN_MAX + 1, 5), TW_ECONFIG);
    assert_int_equal(parse_sized(1, 5, TW_CAUSES_LABEL_MAX), TW_OK);
    assert_int_equal(parse_sized(1, 5, TW_CAUSES_LABEL_MAX + 1), TW_ECONFIG);
}

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof dir, "/tmp/tw-causes-XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static void put(const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

static int remove_dir(void **state)
{
    (void)state;
    static const char *const names[] = {TW_CAUSES_FILE, TW_CAUSES_FILE ".new", "rules/b.yaml",
                                        "rules/a.yaml"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        (void)unlink(path);
        (void)rmdir(path);
    }
    char path[128];
    (void)snprintf(path, sizeof path, "%s/rules", dir);
    (void)rmdir(path);
    return rmdir(dir);
}

static void load__all_places__operators_then_files_then_built_in(void **state)
{
    (void)state;
    char rules[128];
    char *dirs[] = {rules};
    struct tw_cfg cfg = {.store = {.dir = dir},
                         .causes = {.has_pack = true, .dirs = {.items = dirs, .count = 1}}};
    (void)snprintf(rules, sizeof rules, "%s/rules", dir);
    assert_int_equal(mkdir(rules, 0700), 0);
    put("rules/b.yaml", "rules:\n" RULE("two", "code: x", "auth", "two"));
    put("rules/a.yaml", "rules:\n" RULE("one", "code: x", "auth", "one"));
    const struct tw_causes *set = NULL;
    assert_int_equal(tw_causes_load(&cfg, stderr, &set), TW_OK);
    assert_int_equal(set->version, 0);
    assert_int_equal(set->operator_count, 0);
    size_t without = set->count;
    tw_causes_unref(&set);
    /* The name of a rule of another place may be used again. */
    put(TW_CAUSES_FILE, "rules:\n" RULE("one", "code: x", "timeout", "own"));
    assert_int_equal(tw_causes_load(&cfg, stderr, &set), TW_OK);
    assert_int_equal(set->count, without + 1);
    assert_int_equal(set->operator_count, 1);
    assert_true(set->version != 0);
    assert_string_equal(set->items[0].label, "own");
    assert_int_equal(set->items[0].origin, TW_CAUSES_OPERATORS);
    assert_string_equal(set->items[1].label, "one");
    assert_int_equal(set->items[1].origin, TW_CAUSES_FILES);
    assert_string_equal(set->items[2].label, "two");
    assert_int_equal(set->items[3].origin, TW_CAUSES_BUILT_IN);
    tw_causes_unref(&set);
    /* Faults of all places at once. */
    put(TW_CAUSES_FILE, "rules: 1\n");
    put("rules/b.yaml", "rules: 2\n");
    char *told = NULL;
    size_t len = 0;
    FILE *report = open_memstream(&told, &len);
    assert_int_equal(tw_causes_load(&cfg, report, &set), TW_ECONFIG);
    (void)fclose(report);
    assert_non_null(strstr(told, TW_CAUSES_FILE ":1: rules: a list"));
    assert_non_null(strstr(told, "b.yaml:1: rules: a list"));
    free(told);
}

static void file__written_and_read__is_the_same_and_has_a_version(void **state)
{
    (void)state;
    struct tw_diag diag = {""};
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(tw_causes_read(dir, &text, &len), TW_ENOTFOUND);
    assert_int_equal(tw_causes_replace(dir, TW_STR_LIT("rules: []\n"), &diag), TW_OK);
    assert_int_equal(tw_causes_replace(dir, TW_STR_LIT("rules: [ ]\n"), &diag), TW_OK);
    assert_int_equal(tw_causes_read(dir, &text, &len), TW_OK);
    assert_string_equal(text, "rules: [ ]\n");
    assert_true(tw_causes_version(tw_str_of(text)) != 0);
    assert_true(tw_causes_version(tw_str_of(text)) != tw_causes_version(TW_STR_LIT("rules: []\n")));
    assert_int_equal(tw_causes_version(TW_STR_NULL), 0);
    free(text);
    assert_int_equal(tw_causes_replace("/tmp/tw-causes-none/x", TW_STR_LIT(""), &diag), TW_EIO);
    assert_non_null(strstr(diag.text, "cannot be written"));
    /* A directory in its place is no file. */
    char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", dir, TW_CAUSES_FILE);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(tw_causes_read(dir, &text, &len), TW_EIO);
}

/* ---- JSON ---- */

static void write__rules_of_the_api__come_back_as_they_were(void **state)
{
    (void)state;
    static const char json[] =
        "[{\"name\":\"a-1\",\"when\":{\"message\":[\"*a \\\"b\\\" \\\\ : # ' \\u00fc \\u20ac\"],"
        "\"status\":[\"5xx\"]},\"cause\":\"auth\",\"label\":\"- x: {y} \\ud83d\\ude00\","
        "\"owner\":null,\"runbook\":null},"
        "{\"name\":\"b\",\"when\":{\"code\":[\"yes\",\"~x\"],\"system\":[\"null x\"]},"
        "\"cause\":\"duplicate\",\"label\":\"\\u2028 line\",\"owner\":\"us\","
        "\"runbook\":\"r\"}]";
    json_t *rules = json_loads(json, 0, NULL);
    struct tw_buf text;
    const struct tw_causes *set = NULL;
    tw_buf_init(&text, 10000);
    assert_int_equal(tw_causes_write(rules, &text), TW_OK);
    assert_int_equal(tw_causes_parse("x", (struct tw_str){text.data, text.len}, TW_CAUSES_OPERATORS,
                                     stderr, &set),
                     TW_OK);
    assert_int_equal(set->count, 2);
    json_t *back = json_array();
    for (size_t i = 0; i < set->count; i++) {
        assert_int_equal(tw_causes_rule_of_line(set->items[i].line), i);
        (void)json_array_append_new(back, tw_causes_rule_json(&set->items[i]));
    }
    assert_true(json_equal(rules, back));
    assert_int_equal(tw_causes_rule_of_line(1), -1);
    json_decref(back);
    json_decref(rules);
    tw_causes_unref(&set);
    tw_buf_fini(&text);
}

static void write__no_list_or_too_long__is_refused(void **state)
{
    (void)state;
    struct tw_buf text;
    json_t *rules = json_array();
    json_t *none = json_object();
    tw_buf_init(&text, 1 << 20);
    assert_int_equal(tw_causes_write(none, &text), TW_EINVAL);
    assert_int_equal(tw_causes_write(NULL, &text), TW_EINVAL);
    assert_int_equal(tw_causes_write(rules, &text), TW_OK);
    const struct tw_causes *set = parse(tw_buf_append_byte(&text, 0) == TW_OK ? text.data : "");
    assert_int_equal(set->count, 0);
    tw_causes_unref(&set);
    for (int i = 0; i < TW_CAUSES_OWN_MAX; i++) {
        (void)json_array_append(rules, none);
    }
    tw_buf_clear(&text);
    assert_int_equal(tw_causes_write(rules, &text), TW_OK);
    (void)json_array_append_new(rules, json_integer(5));
    assert_int_equal(tw_causes_write(rules, &text), TW_EINVAL);
    json_decref(none);
    json_decref(rules);
    tw_buf_fini(&text);
}

static void print_keys__the_reference_page__has_them(void **state)
{
    (void)state;
    char *keys = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&keys, &size);
    assert_int_equal(tw_causes_print_keys(out), TW_OK);
    assert_int_equal(fclose(out), 0);
    char *page = calloc(1, 256 * 1024);
    FILE *file = fopen(TW_SRCDIR "/docs/reference/causes.md", "r");
    assert_non_null(file);
    assert_non_null(page);
    assert_true(fread(page, 1, 256 * 1024 - 1, file) > size);
    assert_int_equal(fclose(file), 0);
    /* If this fails: put what tillwatch print-config --cause-keys says between its markers. */
    assert_non_null(strstr(page, keys));
    free(page);
    free(keys);
}

static void parse__memory_runs_out__nothing_is_left(void **state)
{
    (void)state;
    static const char yaml[] = "rules:\n" RULE("one", "code: x, message: [a, b]", "auth", "one")
        RULE("two", "status: 5xx", "auth", "one");
    int rc = TW_ENOMEM;
    size_t failing = 0;
    while (rc == TW_ENOMEM) {
        const struct tw_causes *set = NULL;
        alloc_count = 0;
        alloc_failing = ++failing;
        rc = tw_causes_parse("x", TW_STR_LIT(yaml), TW_CAUSES_FILES, NULL, &set);
        alloc_failing = 0;
        assert_true(rc == TW_OK || rc == TW_ENOMEM);
        assert_true((set != NULL) == (rc == TW_OK));
        tw_causes_unref(&set);
    }
    assert_true(failing > 10);
}

#define TEST(name)     cmocka_unit_test(name)
#define DIR_TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(glob__all_short_patterns_and_texts__as_by_definition),
        TEST(glob__letters__ascii_without_case_others_by_character),
        TEST(glob__text_that_nearly_fits_everywhere__is_decided_soon),
        TEST(status__of_attribute_and_code__known_forms_only),
        TEST(facts__of_an_event__attribute_before_code),
        TEST(classify__rules_in_order__first_that_takes_it_decides),
        TEST(classify__event_names_its_cause__kept_unless_a_rule_asks_for_it),
        TEST(classify__nothing_takes_it__named_cause_or_unknown_and_its_code),
        TEST(classify__long_texts__first_bytes_are_looked_at),
        TEST(classify__hostile_bytes__take_nothing_and_harm_nothing),
        TEST(count__what_rules_took__is_told_by_rule),
        TEST(retail__what_retailers_meet__is_put_down_to_its_cause),
        TEST(load__faults__all_are_told_with_their_line),
        TEST(load__empty_files__have_no_rules),
        TEST(load__at_each_bound__one_more_is_a_fault),
        DIR_TEST(load__all_places__operators_then_files_then_built_in),
        DIR_TEST(file__written_and_read__is_the_same_and_has_a_version),
        TEST(write__rules_of_the_api__come_back_as_they_were),
        TEST(write__no_list_or_too_long__is_refused),
        TEST(parse__memory_runs_out__nothing_is_left),
        TEST(print_keys__the_reference_page__has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
