/* SPDX-License-Identifier: Apache-2.0
 * config/: every fault by its exact message, and the bounds of YAML at their edges.
 */
#include "config.h"

#include "config_support.h"

#define TAPS "taps:\n  - {name: a, kind: pull, bind: tcp://127.0.0.1:1}\n"

struct fault_case {
    const char *yaml;
    const char *report;
};

static const struct fault_case fault_cases[] = {
    /* keys and sections */
    {"store:\n  retain-dyas: 3\n",
     "t.yaml:2: store: unknown key \"retain-dyas\", did you mean \"retain-days\"?\n"},
    {"store:\n  commit_ms: 3\n",
     "t.yaml:2: store: unknown key \"commit_ms\", did you mean \"commit-ms\"?\n"},
    {"store:\n  colour: red\n", "t.yaml:2: store: unknown key \"colour\"\n"},
    {"wbe:\n  threads: 2\n", "t.yaml:1: unknown section \"wbe\", did you mean \"web\"?\n"},
    {"alerts: {dirs: [/nowhere/at/all]}\n",
     "t.yaml: alerts.dirs: /nowhere/at/all is no directory\n"},
    {"alerts: {runbook-dirs: [/nowhere/at/all]}\n",
     "t.yaml: alerts.runbook-dirs: /nowhere/at/all is no directory\n"},
    {"alerts: {history-days: 0}\n",
     "t.yaml:1: alerts.history-days: 0 is out of range, allowed are 1 to 3650 days\n"},
    {"alerts: {history-days: 3651d}\n",
     "t.yaml:1: alerts.history-days: 3651d is out of range, allowed are 1 to 3650 days\n"},
    {"alerts: {max: 99}\n",
     "t.yaml:1: alerts.max: 99 is out of range, allowed are 100 to 20000 alerts\n"},
    {"alerts: {max: 20001}\n",
     "t.yaml:1: alerts.max: 20001 is out of range, allowed are 100 to 20000 alerts\n"},
    {"alerts: {push-max: 100001}\n",
     "t.yaml:1: alerts.push-max: 100001 is out of range, allowed are 100 to 100000 alerts\n"},
    {"notify: {file: ''}\n", "t.yaml:1: notify.file: the path is empty\n"},
    {"agentz: []\n", "t.yaml:1: unknown section \"agentz\", did you mean \"agents\"?\n"},
    {"store:\n  commit-ms: 3\n  commit-ms: 4\n",
     "t.yaml:3: the key \"commit-ms\" is given twice (first in line 2)\n"},
    {"web: {}\nweb: {}\n", "t.yaml:2: the key \"web\" is given twice (first in line 1)\n"},
    {"store: [1]\n", "t.yaml:1: store: a map of keys and values is expected\n"},
    {"store: 5\n", "t.yaml:1: store: a map of keys and values is expected\n"},
    {"taps: {a: 1}\n", "t.yaml:1: taps: a list is expected\n"},
    {"- a\n", "t.yaml:1: a map of sections is expected, such as \"store:\"\n"},
    {"? [a]\n: 1\n", "t.yaml:1: a key must be a single word\n"},
    {"store: {? {a: 1} : 1}\n", "t.yaml:1: store: a key must be a single word\n"},
    {"taps: []\n", "t.yaml: taps: at least one is needed\n"},
    /* numbers */
    {"store:\n  commit-ms: 0\n",
     "t.yaml:2: store.commit-ms: 0 is out of range, allowed are 1 to 1000 ms\n"},
    {"store:\n  commit-ms: 2s\n",
     "t.yaml:2: store.commit-ms: 2s is out of range, allowed are 1 to 1000 ms\n"},
    {"store:\n  commit-ms: -1\n",
     "t.yaml:2: store.commit-ms: -1 is out of range, allowed are 1 to 1000 ms\n"},
    {"store:\n  commit-ms: 99999999999999999999\n",
     "t.yaml:2: store.commit-ms: 99999999999999999999 is out of range, allowed are 1 to 1000 ms\n"},
    {"store:\n  commit-ms: soon\n",
     "t.yaml:2: store.commit-ms: \"soon\" is not a whole number of ms, a suffix like 20ms, 5s, "
     "10min, 2h, 35d is understood\n"},
    {"store:\n  retain-days: 36h\n",
     "t.yaml:2: store.retain-days: \"36h\" is not a whole number of days, a suffix like 20ms, 5s, "
     "10min, 2h, 35d is understood\n"},
    {"web:\n  max-body-bytes: 1.5MiB\n",
     "t.yaml:2: web.max-body-bytes: \"1.5MiB\" is not a whole number of bytes, a suffix like "
     "64KiB, 16MiB, 2GiB is understood\n"},
    {"web:\n  max-body-bytes: 99999999TiB\n",
     "t.yaml:2: web.max-body-bytes: 99999999TiB is out of range, allowed are 1024 to 67108864 "
     "bytes\n"},
    {"web:\n  threads: 4 each\n",
     "t.yaml:2: web.threads: \"4 each\" is not a whole number of threads\n"},
    {"web:\n  threads:\n", "t.yaml:2: web.threads: a value is missing\n"},
    {"web:\n  threads: [4]\n",
     "t.yaml:2: web.threads: a single value is expected, this is a list\n"},
    {"web:\n  threads: {a: 4}\n",
     "t.yaml:2: web.threads: a single value is expected, this is a map\n"},
    {"access:\n  session-idle-s: 1801\n  session-absolute-s: 1800\n",
     "t.yaml: access.session-idle-s (1801) is above access.session-absolute-s (1800)\n"},
    {"store:\n  stop-free-percent: 20\n",
     "t.yaml: store.stop-free-percent (20) is above store.warn-free-percent (10)\n"},
    {"store:\n  partition-events: 1000\n  commit-events: 1001\n",
     "t.yaml: store.commit-events (1001) is above store.partition-events (1000)\n"},
    /* texts */
    {"web:\n  listen: 127.0.0.1\n",
     "t.yaml:2: web.listen: \"127.0.0.1\" is not HOST:PORT with a port from 0 to 65535\n"},
    {"web:\n  listen: 127.0.0.1:65536\n",
     "t.yaml:2: web.listen: \"127.0.0.1:65536\" is not HOST:PORT with a port from 0 to 65535\n"},
    {"web:\n  listen: '::1:80'\n",
     "t.yaml:2: web.listen: \"::1:80\" is not HOST:PORT with a port from 0 to 65535\n"},
    {"web:\n  listen: \"a\\0b:1\"\n", "t.yaml:2: web.listen: a NUL character is not allowed\n"},
    {"store:\n  dir: ''\n", "t.yaml:2: store.dir: the path is empty\n"},
    {"store:\n  dir: /dev/null\n", "t.yaml: store.dir: /dev/null is no directory\n"},
    {"web:\n  ui-dir: /nonexistent\n", "t.yaml: web.ui-dir: /nonexistent is no directory\n"},
    /* taps */
    {"taps:\n  - {name: a, kind: pull, bind: \"inproc://x\"}\n",
     "t.yaml:2: taps.bind: \"inproc://x\" is not an endpoint, use tcp://HOST:PORT or ipc://PATH\n"},
    {"taps:\n  - {name: a, kind: pull, bind: [tcp://127.0.0.1]}\n",
     "t.yaml:2: taps.bind: \"tcp://127.0.0.1\" is not tcp://HOST:PORT with a port from 0 to "
     "65535\n"},
    {"taps:\n  - {name: a, kind: pull, connect: [ipc://]}\n",
     "t.yaml:2: taps.connect: the path of \"ipc://\" must have 1 to 107 bytes\n"},
    {"taps:\n  - {name: a, kind: push, bind: tcp://*:1}\n",
     "t.yaml:2: taps.kind: \"push\" is none of: pull sub router\n"},
    {"taps:\n  - {name: a, kind: pull}\n", "t.yaml:2: taps: bind or connect is needed\n"},
    {"taps:\n  - {kind: pull, bind: tcp://*:1}\n", "t.yaml:2: taps: the key \"name\" is missing\n"},
    {"taps:\n  - {name: Till 1, kind: pull, bind: tcp://*:1}\n",
     "t.yaml:2: taps.name: \"Till 1\" is not a name, use 1 to 32 of a-z, 0-9 and -\n"},
    {TAPS "  - {name: a, kind: sub, bind: tcp://127.0.0.1:2}\n",
     "t.yaml:3: taps: \"a\" is there twice (first in line 2)\n"},
    {TAPS "  - {name: b, kind: sub, bind: tcp://127.0.0.1:1}\n",
     "t.yaml:3: taps.bind: tcp://127.0.0.1:1 is bound by the tap in line 2 already\n"},
    {"taps:\n  - {name: a, kind: pull, bind: tcp://127.0.0.1:1, subscribe: [x]}\n",
     "t.yaml:2: taps.subscribe: only a tap of kind sub subscribes\n"},
    {"taps:\n  - {name: a, kind: router, bind: tcp://*:1, curve: {server-key-file: "
     "/nonexistent/k}}\n",
     "t.yaml:2: taps.curve.server-key-file: /nonexistent/k: no such file\n"
     "t.yaml:2: taps.curve: clients is missing\n"},
    {"taps:\n  - {name: a, kind: router, bind: tcp://*:1, curve: {clients: /nonexistent/c}}\n",
     "t.yaml:2: taps.curve.clients: /nonexistent/c is no directory\n"
     "t.yaml:2: taps.curve: server-key-file is missing\n"},
    {"taps:\n  - {name: a, kind: router, bind: tcp://*:1, curve: {server-key-file: /tmp, "
     "client: /tmp}}\n",
     "t.yaml:2: taps.curve.server-key-file: /tmp is no regular file\n"
     "t.yaml:2: taps.curve: clients is missing\n"
     "t.yaml:2: taps.curve: unknown key \"client\", did you mean \"clients\"?\n"},
    {"taps:\n  - {name: a, kind: router, bind: tcp://*:1, curve: yes}\n",
     "t.yaml:2: taps.curve: a map of keys and values is expected\n"},
    /* objects, sources, effects */
    {"objects:\n  - {type: a, attribute: aid}\n  - {type: a, attribute: bid}\n",
     "t.yaml:3: objects: \"a\" is there twice (first in line 2)\n"},
    {"objects:\n  - {type: a, attribute: order-id}\n",
     "t.yaml:2: objects.attribute: \"order-id\" is not an attribute name, use 1 to 32 of a-z and "
     "0-9\n"},
    {"objects:\n  - {type: a, attribute: aid, role: main}\n",
     "t.yaml:2: objects.role: \"main\" is none of: context linking\n"},
    {"objects:\n  - {type: a, attribute: aid, indexed: maybe}\n",
     "t.yaml:2: objects.indexed: \"maybe\" is neither true nor false\n"},
    {"objects:\n  - {type: a, attribute: aid, scope: aid}\n",
     "t.yaml:2: objects.scope: aid is the identifier itself\n"},
    {"sources:\n  - {match: \"*/pos\"}\n",
     "t.yaml:2: sources.match: \"*/pos\": a * may stand at the end only\n"},
    {"sources:\n  - {match: a}\n  - {match: a}\n",
     "t.yaml:3: sources: \"a\" is there twice (first in line 2)\n"},
    {"effects:\n  - {event: a, object: ordr}\n",
     "t.yaml:2: effects.object: there is no object type \"ordr\"\n"},
    /* mappings */
    {"mappings:\n  - {name: m, topic: x, attributes: {id: {pointer: /a}, type: {constant: t}}}\n",
     "t.yaml:2: mappings.attributes: m has no \"source\"; every event has an id, a source and a "
     "type\n"},
    {"mappings:\n  - {name: m, attributes: {id: {pointer: /a}, type: {constant: t}, source: "
     "{constant: s}}}\n",
     "t.yaml:2: mappings: m needs topic or match\n"},
    {"mappings:\n  - {name: m, topic: x}\n",
     "t.yaml:2: mappings: the key \"attributes\" is missing\n"},
    {"mappings:\n  - {name: m, topic: x, attributes: 4}\n",
     "t.yaml:2: mappings.attributes: a map of attributes is expected\n"},
    {"mappings:\n  - name: m\n    topic: x\n    attributes:\n      id: {pointer: a}\n"
     "      type: {template: 'a{/b'}\n      source: {template: '{x}'}\n",
     "t.yaml:5: mappings.attributes.pointer: \"a\" is not a JSON Pointer, it begins with / (or "
     "^/) and has ~ only as ~0 or ~1\n"
     "t.yaml:6: mappings.attributes.template: the braces of the template \"a{/b\" do not match\n"
     "t.yaml:7: mappings.attributes.template: \"x\" in the template is not a JSON Pointer, write "
     "{/a/b}\n"},
    {"mappings:\n  - name: m\n    match: {pointer: /a~2}\n    each: b\n    attributes: {}\n",
     "t.yaml:3: mappings.match.pointer: \"/a~2\" is not a JSON Pointer, it begins with / and has ~ "
     "only as ~0 or ~1\n"
     "t.yaml:4: mappings.each: \"b\" is not a JSON Pointer, it begins with / and has ~ only as ~0 "
     "or ~1\n"},
    {"mappings:\n  - name: m\n    topic: x\n    attributes:\n      id: {pointer: /a, constant: b}\n"
     "      Type: {constant: b}\n      sku: {}\n",
     "t.yaml:5: mappings.attributes: id needs exactly one of pointer, constant and template\n"
     "t.yaml:6: mappings.attributes: \"Type\" is not an attribute name, use 1 to 32 of a-z and "
     "0-9\n"
     "t.yaml:7: mappings.attributes: sku needs exactly one of pointer, constant and template\n"},
    {"mappings:\n  - name: m\n    topic: x\n    attributes:\n      id: {pointer: /a}\n"
     "      id: {pointer: /b}\n      sku: {pointer: /c, minor-units: yes}\n",
     "t.yaml:6: mappings.attributes: id is given twice (first in line 5)\n"
     "t.yaml:7: mappings.attributes: minor-units is for amount only, not sku\n"},
    {"mappings:\n  - name: m\n    topic: x\n    attributes:\n      id: {pointer: /a}\n"
     "      type: {constant: b}\n      source: {constant: b}\n"
     "      amount: {pointer: /c, minor-units: true}\n",
     "t.yaml:8: mappings.attributes: amount in minor units needs currency\n"},
    {"mappings:\n  - name: m\n    topic: x\n    attributes:\n"
     "      id: {pointer: /a, map: {x: 1, x: 2}}\n      sku: {pointer: /a, map: [1]}\n",
     "t.yaml:5: mappings.attributes.map: \"x\" is given twice\n"
     "t.yaml:6: mappings.attributes.map: a map is expected\n"},
    {"mapping-files: [x.yaml]\n", "mapping-files: need a configuration that is a file itself\n"},
    /* YAML itself */
    {"store: [\n", "t.yaml:2: not YAML: while parsing a flow node, did not find expected node "
                   "content\n"},
    {"a: 1\n---\nb: 2\n", "t.yaml:2: a second YAML document; only one is read\n"},
    {"a: *b\n", "t.yaml:1: not YAML: found undefined alias\n"},
    {"a: \x01\n", "t.yaml: not YAML: control characters are not allowed at byte 3 (UTF-8 text is "
                  "expected)\n"},
    {"a: \xff\n", "t.yaml: not YAML: invalid leading UTF-8 octet at byte 3 (UTF-8 text is "
                  "expected)\n"},
    /* all at once, in order of line, those of the whole file among its own */
    {"web: {threads: 0}\nstore: {commit-ms: 0}\nagentz: 1\n",
     "t.yaml:1: web.threads: 0 is out of range, allowed are 1 to 64 threads\n"
     "t.yaml:2: store.commit-ms: 0 is out of range, allowed are 1 to 1000 ms\n"
     "t.yaml:3: unknown section \"agentz\", did you mean \"agents\"?\n"},
};

static void config_parse__each_fault__is_named_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(fault_cases) / sizeof(fault_cases[0]); i++) {
        check_refused(fault_cases[i].yaml, fault_cases[i].report);
    }
}

static void config_parse__control_bytes_in_values__do_not_reach_the_report(void **state)
{
    (void)state;
    check_refused("web:\n  listen: \"a\\e[31m\\n\"\n",
                  "t.yaml:2: web.listen: \"a?[31m?\" is not HOST:PORT with a port from 0 to "
                  "65535\n");
}

static void config_parse__nul_byte__is_refused_with_its_line(void **state)
{
    (void)state;
    char *report = NULL;
    struct tw_cfg *cfg = NULL;
    assert_int_equal(parse("web:\n\0 threads: 1\n", 17, &report, &cfg), TW_ECONFIG);
    assert_string_equal(report, "t.yaml:2: a NUL byte; this is no text file\n");
    free(report);
}

static void config_parse__size_at_and_above_the_limit__is_taken_and_refused(void **state)
{
    (void)state;
    size_t limit = 1024 * 1024;
    char *text = malloc(limit + 1);
    char *report = NULL;
    struct tw_cfg *cfg = NULL;
    assert_non_null(text);
    memset(text, '\n', limit + 1);
    assert_int_equal(parse(text, limit, &report, &cfg), TW_OK);
    free(report);
    tw_cfg_destroy(&cfg);
    assert_int_equal(parse(text, limit + 1, &report, &cfg), TW_ECONFIG);
    assert_string_equal(report, "t.yaml: larger than 1 MiB; is this the right file?\n");
    free(report);
    free(text);
}

/* `count` times `piece` between head and tail; %d in the piece is its number. */
static char *repeated(const char *head, const char *piece, int count, const char *tail)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    (void)fputs(head, out);
    for (int i = 0; i < count; i++) {
        for (const char *p = piece; *p != '\0'; p++) {
            if (*p == '%') {
                (void)fprintf(out, "%d", i);
            } else {
                (void)fputc(*p, out);
            }
        }
    }
    (void)fputs(tail, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void config_parse__bounds_of_yaml__hold_at_their_edges(void **state)
{
    (void)state;
    char *text = repeated("sources:\n", "- {match: &a% \"m%\"}\n", 64, "");
    struct tw_cfg *cfg = accepted(text);
    assert_int_equal(cfg->source_count, 64);
    tw_cfg_destroy(&cfg);
    free(text);
    text = repeated("sources:\n", "- {match: &a% \"m%\"}\n", 65, "");
    check_refused(text, "t.yaml:66: more than 64 anchors\n");
    free(text);
    text = repeated("correlate: {ignore: [&x word", ", *x", 256, "]}\n");
    cfg = accepted(text);
    assert_int_equal(cfg->correlate.ignore.count, 257);
    tw_cfg_destroy(&cfg);
    free(text);
    text = repeated("correlate: {ignore: [&x word", ", *x", 257, "]}\n");
    check_refused(text, "t.yaml:1: more than 256 aliases\n");
    free(text);
    text = repeated("a: ", "[", 33, "");
    check_refused(text, "t.yaml:1: nested deeper than 32 levels\n");
    free(text);
}

static void config_parse__aliases_that_multiply__are_stopped(void **state)
{
    (void)state;
    /* 250 taps of 1,000 endpoints each. */
    char *endpoints = repeated("x: &e [", "\"tcp://*:%\",", 1000, "]\n");
    char *taps = repeated("taps:\n- &t {name: a, kind: pull, bind: ", "", 0, "");
    char *list = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&list, &size);
    assert_non_null(out);
    (void)fprintf(out, "%s%s*e}\n", endpoints, taps);
    for (int i = 0; i < 60; i++) {
        (void)fprintf(out, "- *t\n");
    }
    assert_int_equal(fclose(out), 0);
    char *report = NULL;
    struct tw_cfg *cfg = NULL;
    assert_int_equal(parse(list, strlen(list), &report, &cfg), TW_ECONFIG);
    assert_non_null(strstr(report, "unknown section \"x\""));
    free(report);
    free(list);
    free(taps);
    free(endpoints);
    /* An alias to what contains it: no endless walk. */
    check_refused("store: &s\n  dir: *s\n",
                  "t.yaml:1: store.dir: a single value is expected, this is a map\n");
}

static void config_parse__too_many_faults__are_counted(void **state)
{
    (void)state;
    char *text = repeated("sources:\n", "- {match: m%, x%: 1}\n", 205, "");
    char *report = NULL;
    struct tw_cfg *cfg = NULL;
    assert_int_equal(parse(text, strlen(text), &report, &cfg), TW_ECONFIG);
    assert_non_null(strstr(report, "t.yaml:201: sources: unknown key \"x199\"\nand 5 more\n"));
    free(report);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(config_parse__each_fault__is_named_with_its_line),
        cmocka_unit_test(config_parse__control_bytes_in_values__do_not_reach_the_report),
        cmocka_unit_test(config_parse__nul_byte__is_refused_with_its_line),
        cmocka_unit_test(config_parse__size_at_and_above_the_limit__is_taken_and_refused),
        cmocka_unit_test(config_parse__bounds_of_yaml__hold_at_their_edges),
        cmocka_unit_test(config_parse__aliases_that_multiply__are_stopped),
        cmocka_unit_test(config_parse__too_many_faults__are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
