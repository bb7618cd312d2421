/* SPDX-License-Identifier: Apache-2.0
 * config/: every bound at its edge, print and parse as inverses, the environment, files that others
 * may read, and memory that runs out at every single call. The faults: test_config_faults.c.
 */
#include "config.h"

#include <sys/stat.h>
#include <unistd.h>

#include "alloc_kit.h"
#include "config/keys.h"
#include "config/value.h"
#include "config_support.h"

/* ---- helpers ---- */

static char *printed(const struct tw_cfg *cfg)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    assert_int_equal(tw_cfg_print(cfg, out), TW_OK);
    assert_int_equal(fclose(out), 0);
    return text;
}

static char *temp_dir(void)
{
    char *dir = strdup("/tmp/tw-test-config-XXXXXX");
    assert_non_null(dir);
    assert_non_null(mkdtemp(dir));
    return dir;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* ---- values ---- */

static void value_int__every_key__takes_its_bounds_and_refuses_what_is_beyond(void **state)
{
    (void)state;
    for (size_t s = 0; s < TW_CFG_SECTION_COUNT; s++) {
        const struct tw_cfg_section *section = &tw_cfg_sections[s];
        for (size_t i = 0; i < section->key_count; i++) {
            const struct tw_cfg_key *key = &section->keys[i];
            char text[32];
            int64_t value = -7;
            assert_true(strlen(key->help) > 0);
            if (key->type != TW_CFG_INT) {
                continue;
            }
            assert_true(key->min <= key->initial && key->initial <= key->max);
            (void)snprintf(text, sizeof(text), "%lld", (long long)key->min);
            assert_int_equal(tw_value_int(key, text, &value, NULL), TW_OK);
            assert_int_equal(value, key->min);
            (void)snprintf(text, sizeof(text), "%lld", (long long)key->max);
            assert_int_equal(tw_value_int(key, text, &value, NULL), TW_OK);
            assert_int_equal(value, key->max);
            (void)snprintf(text, sizeof(text), "%lld", (long long)key->min - 1);
            assert_int_equal(tw_value_int(key, text, &value, NULL), TW_EINVAL);
            (void)snprintf(text, sizeof(text), "%lld", (long long)key->max + 1);
            assert_int_equal(tw_value_int(key, text, &value, NULL), TW_EINVAL);
            assert_int_equal(value, key->max);
        }
    }
}

static void value_int__suffixes__count_in_the_unit_of_the_key(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        const char *text;
        int64_t value;
    } cases[] = {
        {"bytes", "7", 7},
        {"bytes", "7B", 7},
        {"bytes", "64KiB", 65536},
        {"bytes", "3 MiB", 3145728},
        {"bytes", "2GiB", 2147483648},
        {"bytes", "1TiB", 1099511627776},
        {"bytes", "5kB", 5000},
        {"bytes", "5MB", 5000000},
        {"bytes", "5GB", 5000000000},
        {"bytes", "2TB", 2000000000000},
        {"ms", "20ms", 20},
        {"ms", "5s", 5000},
        {"ms", "2min", 120000},
        {"s", "2h", 7200},
        {"s", "3000ms", 3},
        {"hours", "2d", 48},
        {"hours", "120min", 2},
        {"days", "35d", 35},
        {"days", "2w", 14},
        {"percent", "7%", 7},
        {"events", "0", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct tw_cfg_key key = {.unit = cases[i].unit, .max = INT64_MAX};
        int64_t value = -1;
        assert_int_equal(tw_value_int(&key, cases[i].text, &value, NULL), TW_OK);
        assert_int_equal(value, cases[i].value);
    }
    static const struct {
        const char *unit;
        const char *text;
    } wrong[] = {{"bytes", "1K"},
                 {"bytes", "1 "},
                 {"bytes", ""},
                 {"bytes", "KiB"},
                 {"ms", "1y"},
                 {"s", "1ms"},
                 {"events", "5s"},
                 {"events", "0x10"},
                 {"events", "1e3"},
                 {"events", "-"},
                 {"bytes", "9223372036854775808"}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct tw_cfg_key key = {.unit = wrong[i].unit, .max = INT64_MAX};
        int64_t value = -1;
        assert_int_equal(tw_value_int(&key, wrong[i].text, &value, NULL), TW_EINVAL);
        assert_int_equal(value, -1);
    }
}

static void value_rule__edges__are_taken_and_refused(void **state)
{
    (void)state;
    static const struct {
        enum tw_cfg_rule rule;
        int rc;
        const char *text;
    } cases[] = {
        {TW_CFG_NAME, TW_OK, "abcdefghijklmnopqrstuvwxyz-01234"},
        {TW_CFG_NAME, TW_EINVAL, "abcdefghijklmnopqrstuvwxyz-012345"},
        {TW_CFG_NAME, TW_EINVAL, ""},
        {TW_CFG_LABEL, TW_OK, "a"},
        {TW_CFG_LABEL, TW_OK, "bcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-0123456789"},
        {TW_CFG_LABEL, TW_EINVAL,
         "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-0123456789"},
        {TW_CFG_LABEL, TW_EINVAL, "-a"},
        {TW_CFG_LABEL, TW_EINVAL, "a-"},
        {TW_CFG_LABEL, TW_EINVAL, ""},
        {TW_CFG_DURATION, TW_OK, "1ms"},
        {TW_CFG_DURATION, TW_OK, "400 d"},
        {TW_CFG_DURATION, TW_EINVAL, "0ms"},
        {TW_CFG_DURATION, TW_EINVAL, "5"},
        {TW_CFG_DURATION, TW_EINVAL, ""},
        {TW_CFG_DURATION, TW_EINVAL, "1.5h"},
        {TW_CFG_LISTEN, TW_OK, "[::1]:0"},
        {TW_CFG_LISTEN, TW_OK, "localhost:65535"},
        {TW_CFG_LISTEN, TW_EINVAL, "*:80"},
        {TW_CFG_LISTEN, TW_EINVAL, ":80"},
        {TW_CFG_LISTEN, TW_EINVAL, "a:"},
        {TW_CFG_LISTEN, TW_EINVAL, "a b:1"},
        {TW_CFG_ENDPOINT, TW_OK, "tcp://*:*"},
        {TW_CFG_ENDPOINT, TW_OK, "tcp://[::1]:5"},
        {TW_CFG_ENDPOINT, TW_OK, "ipc:///run/tillwatch/tap"},
        {TW_CFG_ENDPOINT, TW_EINVAL, "udp://1.2.3.4:5"},
        {TW_CFG_ENDPOINT, TW_EINVAL, "tcp://"},
        {TW_CFG_POINTER, TW_OK, ""},
        {TW_CFG_POINTER, TW_OK, "/a~0~1/"},
        {TW_CFG_POINTER, TW_EINVAL, "/~"},
        {TW_CFG_POINTER, TW_EINVAL, "^/a"},
        {TW_CFG_VALUE_POINTER, TW_OK, "^/a"},
        {TW_CFG_VALUE_POINTER, TW_EINVAL, "^^/a"},
        {TW_CFG_TEMPLATE, TW_OK, "a{/b}c{^/d}{{e}}"},
        {TW_CFG_TEMPLATE, TW_EINVAL, "a}b"},
        {TW_CFG_TEMPLATE, TW_EINVAL, "{}"},
        {TW_CFG_PATTERN, TW_OK, "*"},
        {TW_CFG_PATTERN, TW_EINVAL, ""},
        {TW_CFG_PATTERN, TW_EINVAL, "a**"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (tw_value_rule(cases[i].rule, cases[i].text, NULL) != cases[i].rc) {
            print_error("%s\n", cases[i].text);
        }
        assert_int_equal(tw_value_rule(cases[i].rule, cases[i].text, NULL), cases[i].rc);
    }
}

/* ---- what comes out ---- */

static void config_parse__nothing__is_the_retail_pack(void **state)
{
    (void)state;
    struct tw_cfg *cfg = accepted("");
    assert_string_equal(cfg->store.dir, "/var/lib/tillwatch");
    assert_string_equal(cfg->web.listen, "127.0.0.1:8460");
    assert_int_equal(cfg->store.commit_ms, 20);
    assert_int_equal(cfg->tap_count, 3);
    assert_string_equal(cfg->taps[0].bind.items[0], "tcp://127.0.0.1:8461");
    assert_int_equal(cfg->taps[1].kind, TW_TAP_ROUTER);
    assert_string_equal(cfg->taps[1].bind.items[0], "tcp://127.0.0.1:8462");
    assert_int_equal(cfg->taps[2].kind, TW_TAP_SUB);
    assert_string_equal(cfg->taps[2].bind.items[0], "tcp://127.0.0.1:8463");
    assert_int_equal(cfg->taps[0].receive_hwm, 10000);
    assert_string_equal(cfg->objects[0].type, "transaction");
    assert_string_equal(cfg->objects[0].scope.items[0], "storeid");
    assert_true(cfg->objects[0].is_linking);
    assert_true(cfg->objects[0].is_indexed);
    for (size_t i = 0; i < cfg->object_count; i++) {
        bool is_sku = strcmp(cfg->objects[i].type, "sku") == 0;
        assert_false(is_sku && (cfg->objects[i].is_linking || cfg->objects[i].is_indexed));
    }
    assert_int_equal(cfg->source_count, 1);
    assert_true(cfg->sources[0].is_sequenced);
    assert_true(cfg->effect_count >= 3);
    assert_true(cfg->mapping_count >= 2);
    assert_string_equal(cfg->correlate.ignore.items[0], "0");
    assert_null(cfg->web.ui_dir);
    tw_cfg_destroy(&cfg);
    assert_null(cfg);
    tw_cfg_destroy(&cfg);
    tw_cfg_destroy(NULL);
}

static const char *const whole_yaml =
    "store: {dir: \"/tmp/a \\u00e9\\n\\u2028\\\"\\\\\", retain-days: 3d, commit-ms: 5ms}\n"
    "correlate: {ignore: []}\n"
    "taps:\n"
    "  - {name: a, kind: sub, connect: [tcp://10.0.0.1:5, ipc:///run/x], subscribe: ['', 'x y'],\n"
    "     max-message-bytes: 1MiB, heartbeat-ms: 0, insecure: true}\n"
    "objects:\n"
    "  - {type: order, attribute: orderid}\n"
    "  - {type: line, attribute: lineid, scope: [orderid, storeid], role: context, indexed: on}\n"
    "sources: []\n"
    "mappings:\n"
    "  - name: one\n"
    "    topic: x/\n"
    "    match: {pointer: /a, value: \"5\"}\n"
    "    each: /items\n"
    "    attributes:\n"
    "      id: {template: \"{/a}-{^/b}\"}\n"
    "      source: {constant: /s}\n"
    "      type: {pointer: /t, map: {\"a: b\": c, \"\": none}}\n"
    "      amount: {pointer: /m, minor-units: true, optional: true}\n"
    "      currency: {pointer: /c}\n";

static void config_parse__every_kind_of_key__reaches_its_field(void **state)
{
    (void)state;
    struct tw_cfg *cfg = accepted(whole_yaml);
    assert_string_equal(cfg->store.dir, "/tmp/a \xc3\xa9\n\xe2\x80\xa8\"\\");
    assert_int_equal(cfg->store.retain_days, 3);
    assert_int_equal(cfg->store.retain_payload_days, 3); /* follows */
    assert_int_equal(cfg->correlate.ignore.count, 0);
    assert_int_equal(cfg->tap_count, 1);
    assert_int_equal(cfg->taps[0].connect.count, 2);
    assert_string_equal(cfg->taps[0].subscribe.items[1], "x y");
    assert_int_equal(cfg->taps[0].max_message_bytes, 1048576);
    assert_int_equal(cfg->taps[0].heartbeat_ms, 0);
    assert_true(cfg->taps[0].is_insecure);
    assert_int_equal(cfg->object_count, 2);
    assert_true(cfg->objects[0].is_indexed);
    assert_false(cfg->objects[1].is_linking);
    assert_true(cfg->objects[1].is_indexed);
    assert_int_equal(cfg->objects[1].scope.count, 2);
    assert_int_equal(cfg->source_count, 0);
    assert_int_equal(cfg->effect_count, 0); /* no built-in one has its type here */
    const struct tw_cfg_mapping *mapping = &cfg->mappings[0];
    assert_string_equal(mapping->match_value, "5");
    assert_string_equal(mapping->each, "/items");
    assert_int_equal(mapping->attribute_count, 5);
    assert_int_equal(mapping->attributes[0].kind, TW_VALUE_TEMPLATE);
    assert_int_equal(mapping->attributes[1].kind, TW_VALUE_CONSTANT);
    assert_int_equal(mapping->attributes[2].map_count, 2);
    assert_string_equal(mapping->attributes[2].map[0].from, "a: b");
    assert_true(mapping->attributes[3].is_minor_units);
    assert_true(mapping->attributes[3].is_optional);
    assert_int_equal(mapping->attributes[3].line, 19);
    tw_cfg_destroy(&cfg);
}

static void config_parse__a_mapping_of_a_shipped_name__takes_its_place(void **state)
{
    (void)state;
    struct tw_cfg *cfg = accepted("");
    size_t shipped = cfg->mapping_count;
    tw_cfg_destroy(&cfg);
    cfg = accepted("mappings:\n  - {name: adyen, topic: x, attributes: {id: {constant: a}, type: "
                   "{constant: a}, source: {constant: a}}}\n");
    assert_int_equal(cfg->mapping_count, shipped);
    assert_string_equal(cfg->mappings[0].name, "adyen");
    assert_string_equal(cfg->mappings[0].topic, "x");
    tw_cfg_destroy(&cfg);
    cfg = accepted("shipped-mappings: false\n");
    assert_int_equal(cfg->mapping_count, 0);
    tw_cfg_destroy(&cfg);
}

static void config_parse__systems__come_beside_the_built_in_ones(void **state)
{
    (void)state;
    struct tw_cfg *cfg = accepted("");
    size_t builtin = cfg->system_count;
    assert_true(builtin >= 12);
    assert_true(cfg->workflows.has_pack);
    assert_int_equal(cfg->workflows.dirs.count, 0);
    tw_cfg_destroy(&cfg);
    cfg = accepted("systems:\n  - {name: erp, title: Old ERP}\n  - {name: erp-2}\n");
    assert_int_equal(cfg->system_count, builtin + 1);
    assert_string_equal(cfg->systems[builtin - 1].name, "erp");
    assert_string_equal(cfg->systems[builtin - 1].title, "Old ERP");
    assert_string_equal(cfg->systems[builtin].name, "erp-2");
    for (size_t i = 0; i + 1 < builtin; i++) {
        assert_string_not_equal(cfg->systems[i].name, "erp");
    }
    tw_cfg_destroy(&cfg);
    check_refused("systems:\n  - {name: a}\n  - {name: a}\n  - {name: A}\n",
                  "t.yaml:3: systems: \"a\" is there twice (first in line 2)\n"
                  "t.yaml:4: systems.name: \"A\" is not a name, use 1 to 32 of a-z, 0-9 and -\n");
}

static void config_print__what_was_parsed__reads_back_the_same(void **state)
{
    (void)state;
    const char *const texts[] = {"", whole_yaml};
    for (size_t i = 0; i < 2; i++) {
        struct tw_cfg *cfg = accepted(texts[i]);
        char *first = printed(cfg);
        tw_cfg_destroy(&cfg);
        cfg = accepted(first);
        char *second = printed(cfg);
        assert_string_equal(first, second);
        free(first);
        free(second);
        tw_cfg_destroy(&cfg);
    }
}

static void config_print__output_that_fails__is_an_error(void **state)
{
    (void)state;
    struct tw_cfg *cfg = accepted("");
    FILE *full = fopen("/dev/full", "w");
    if (full == NULL) {
        tw_cfg_destroy(&cfg);
        skip();
    }
    (void)setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(tw_cfg_print(cfg, full), TW_EIO);
    assert_int_equal(tw_cfg_print_reference(full), TW_EIO);
    (void)fclose(full);
    tw_cfg_destroy(&cfg);
}

static void config_print_reference__committed_page__is_up_to_date(void **state)
{
    (void)state;
    char *page = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&page, &size);
    assert_non_null(out);
    assert_int_equal(tw_cfg_print_reference(out), TW_OK);
    assert_int_equal(fclose(out), 0);
    char *committed = calloc(1, size + 2);
    FILE *file = fopen(TW_SRCDIR "/docs/reference/configuration.md", "r");
    assert_non_null(file);
    assert_non_null(committed);
    size_t got = fread(committed, 1, size + 1, file);
    assert_int_equal(fclose(file), 0);
    /* If this fails: tillwatch print-config --reference >docs/reference/configuration.md */
    assert_int_equal(got, size);
    assert_string_equal(committed, page);
    free(committed);
    free(page);
}

/* ---- files and environment ---- */

static int load(const char *file, char **ret_report, struct tw_cfg **ret_cfg)
{
    size_t size = 0;
    FILE *report = open_memstream(ret_report, &size);
    assert_non_null(report);
    int rc = tw_cfg_load(file, report, ret_cfg);
    assert_int_equal(fclose(report), 0);
    return rc;
}

static int clear_environment(void **state)
{
    static const char *const names[] = {"TILLWATCH_STATE",      "TILLWATCH_WEB",
                                        "TILLWATCH_TAP_PULL",   "TILLWATCH_TAP_SUB",
                                        "TILLWATCH_TAP_ROUTER", "XDG_STATE_HOME"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(unsetenv(names[i]), 0);
    }
    return 0;
}

static void config_load__environment__wins_over_the_file(void **state)
{
    (void)state;
    char *report = NULL;
    struct tw_cfg *cfg = NULL;
    assert_int_equal(setenv("TILLWATCH_STATE", "/tmp/somewhere", 1), 0);
    assert_int_equal(setenv("TILLWATCH_WEB", "127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("TILLWATCH_TAP_PULL", "tcp://127.0.0.1:2", 1), 0);
    assert_int_equal(setenv("TILLWATCH_TAP_ROUTER", "tcp://127.0.0.1:3", 1), 0);
    assert_int_equal(setenv("TILLWATCH_TAP_SUB", "ipc:///tmp/x", 1), 0);
    assert_int_equal(load(NULL, &report, &cfg), TW_OK);
    assert_string_equal(report, "");
    assert_string_equal(cfg->store.dir, "/tmp/somewhere");
    assert_string_equal(cfg->web.listen, "127.0.0.1:1");
    assert_string_equal(cfg->taps[0].bind.items[0], "tcp://127.0.0.1:2");
    assert_string_equal(cfg->taps[1].bind.items[0], "tcp://127.0.0.1:3");
    assert_string_equal(cfg->taps[2].bind.items[0], "ipc:///tmp/x");
    free(report);
    tw_cfg_destroy(&cfg);
    assert_int_equal(setenv("TILLWATCH_WEB", "nonsense", 1), 0);
    assert_int_equal(setenv("TILLWATCH_TAP_SUB", "inproc://x", 1), 0);
    assert_int_equal(load(NULL, &report, &cfg), TW_ECONFIG);
    assert_string_equal(report,
                        "environment: TILLWATCH_TAP_SUB: \"inproc://x\" is not an endpoint, use "
                        "tcp://HOST:PORT or ipc://PATH\n"
                        "environment: TILLWATCH_WEB: \"nonsense\" is not HOST:PORT with a port "
                        "from 0 to 65535\n");
    free(report);
}

static void config_load__state_directory__follows_xdg(void **state)
{
    (void)state;
    char *report = NULL;
    struct tw_cfg *cfg = NULL;
    assert_int_equal(setenv("XDG_STATE_HOME", "/tmp/xdg", 1), 0);
    assert_int_equal(load(NULL, &report, &cfg), TW_OK);
    assert_string_equal(cfg->store.dir, "/tmp/xdg/tillwatch");
    free(report);
    tw_cfg_destroy(&cfg);
    assert_int_equal(setenv("XDG_STATE_HOME", "relative", 1), 0);
    assert_int_equal(load(NULL, &report, &cfg), TW_OK);
    assert_string_not_equal(cfg->store.dir, "relative/tillwatch");
    free(report);
    tw_cfg_destroy(&cfg);
}

static void config_load__files_that_cannot_be_read__are_named(void **state)
{
    (void)state;
    char *report = NULL;
    struct tw_cfg *cfg = NULL;
    assert_int_equal(load("/nonexistent/t.yaml", &report, &cfg), TW_ECONFIG);
    assert_string_equal(report, "/nonexistent/t.yaml: cannot be read: No such file or directory\n");
    free(report);
    assert_int_equal(load("/tmp", &report, &cfg), TW_ECONFIG);
    assert_string_equal(report, "/tmp: is no regular file\n");
    free(report);
    assert_int_equal(load("/dev/zero", &report, &cfg), TW_ECONFIG);
    assert_string_equal(report, "/dev/zero: larger than 1 MiB; is this the right file?\n");
    free(report);
}

static void config_load__mapping_files__are_read_in_order_of_name(void **state)
{
    (void)state;
    char *dir = temp_dir();
    char path[128];
    char *report = NULL;
    struct tw_cfg *cfg = NULL;
    static const char *const names[] = {"b.yaml", "a.yaml", "c.txt"};
    for (size_t i = 0; i < 3; i++) {
        char text[256];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)snprintf(text, sizeof(text),
                       "- {name: from-%c, topic: x, attributes: {id: {constant: a}, type: "
                       "{constant: a}, source: {constant: a}}}\n",
                       names[i][0]);
        write_file(path, text, 0644);
    }
    (void)snprintf(path, sizeof(path), "%s/t.conf", dir);
    write_file(path, "shipped-mappings: no\nmapping-files: [., b.yaml, none.yaml]\n", 0644);
    assert_int_equal(load(path, &report, &cfg), TW_ECONFIG);
    assert_non_null(strstr(report, "none.yaml: no such file or directory (named in "
                                   "mapping-files)\n"));
    assert_non_null(strstr(report, "b.yaml:1: mappings: \"from-b\" is there twice (first in line "
                                   "1)\n"));
    free(report);
    write_file(path, "shipped-mappings: no\nmapping-files: .\n", 0644);
    assert_int_equal(load(path, &report, &cfg), TW_OK);
    assert_int_equal(cfg->mapping_count, 2);
    assert_string_equal(cfg->mappings[0].name, "from-a");
    assert_string_equal(cfg->mappings[1].name, "from-b");
    free(report);
    tw_cfg_destroy(&cfg);
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    (void)snprintf(path, sizeof(path), "%s/t.conf", dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    free(dir);
}

static void config_parse__secret_that_others_may_read__is_refused(void **state)
{
    (void)state;
    static const mode_t wrong[] = {0644, 0640, 0604, 0620, 0601};
    char *dir = temp_dir();
    char key[128];
    char yaml[512];
    char expected[512];
    (void)snprintf(key, sizeof(key), "%s/k", dir);
    (void)snprintf(yaml, sizeof(yaml),
                   "taps:\n  - {name: a, kind: router, bind: tcp://*:1, curve: {server-key-file: "
                   "%s, clients: %s}}\n",
                   key, dir);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        write_file(key, "x", wrong[i]);
        (void)snprintf(expected, sizeof(expected),
                       "t.yaml:2: taps.curve.server-key-file: %s may be read by others (mode "
                       "%04o); chmod 600 %s\n",
                       key, (unsigned)wrong[i], key);
        check_refused(yaml, expected);
    }
    write_file(key, "x", 0600);
    struct tw_cfg *cfg = accepted(yaml);
    assert_string_equal(cfg->taps[0].curve.server_key_file, key);
    assert_string_equal(cfg->taps[0].curve.clients_dir, dir);
    tw_cfg_destroy(&cfg);
    assert_int_equal(unlink(key), 0);
    assert_int_equal(rmdir(dir), 0);
    free(dir);
}

/* The section `curve` is that of every socket; what one has of its own goes before. */
static void config_parse__curve__is_handed_down(void **state)
{
    (void)state;
    char *dir = temp_dir();
    char key[128];
    char own[128];
    char yaml[1024];
    (void)snprintf(key, sizeof(key), "%s/k", dir);
    (void)snprintf(own, sizeof(own), "%s/own", dir);
    write_file(key, "x", 0600);
    write_file(own, "x", 0600);
    (void)snprintf(yaml, sizeof(yaml),
                   "curve: {server-key-file: %s, clients: %s}\n"
                   "agents: {bind: tcp://*:1, curve: {clients: /}}\n"
                   "notify: {pub: 'tcp://10.0.0.1:2'}\n"
                   "taps:\n  - {name: a, kind: pull, bind: 'tcp://*:3'}\n"
                   "  - {name: b, kind: pull, bind: 'tcp://*:4', curve: {server-key-file: %s}}\n",
                   key, dir, own);
    struct tw_cfg *cfg = accepted(yaml);
    assert_string_equal(cfg->agents.curve.server_key_file, key);
    assert_string_equal(cfg->agents.curve.clients_dir, "/");
    assert_string_equal(cfg->notify.curve.server_key_file, key);
    assert_string_equal(cfg->notify.curve.clients_dir, dir);
    assert_string_equal(cfg->taps[0].curve.server_key_file, key);
    assert_string_equal(cfg->taps[1].curve.server_key_file, own);
    assert_string_equal(cfg->taps[1].curve.clients_dir, dir);
    assert_false(cfg->taps[0].is_insecure);
    char *text = printed(cfg);
    tw_cfg_destroy(&cfg);
    cfg = accepted(text);
    assert_string_equal(cfg->agents.curve.clients_dir, "/");
    assert_string_equal(cfg->curve.clients_dir, dir);
    free(text);
    tw_cfg_destroy(&cfg);
    /* one of the two is of no use, and is told where it stands */
    (void)snprintf(yaml, sizeof(yaml), "\ncurve: {server-key-file: %s}\n", key);
    check_refused(yaml, "t.yaml:2: curve: clients is missing\n");
    check_refused("curve: {clients: /}\n", "t.yaml:1: curve: server-key-file is missing\n");
    check_refused("agents:\n  curve: {clients: /}\n",
                  "t.yaml:2: agents.curve: server-key-file is missing\n");
    (void)snprintf(yaml, sizeof(yaml), "notify: {curve: {server-key-file: %s, clients: /no}}\n",
                   key);
    check_refused(yaml, "t.yaml:1: notify.curve.clients: /no is no directory\n");
    assert_int_equal(unlink(key), 0);
    assert_int_equal(unlink(own), 0);
    assert_int_equal(rmdir(dir), 0);
    free(dir);
}

#define OPEN(where, endpoint)                                                               \
    where ": " endpoint " is open to other machines without CURVE: give it keys (`curve`, " \
          "see tillwatch keygen), or set `insecure: true` where nobody else can reach it\n"

static void config_parse__sockets_open_to_others__need_keys_or_a_word(void **state)
{
    (void)state;
    static const char *const local[] = {"tcp://127.0.0.1:1", "tcp://127.255.0.9:1",
                                        "tcp://localhost:1", "tcp://[::1]:1",
                                        "ipc:///run/x",      "tcp://127.0.0.1:*"};
    static const char *const open[] = {
        "tcp://*:1",     "tcp://0.0.0.0:1",    "tcp://10.0.0.1:1",          "tcp://eth0:1",
        "tcp://lo:1",    "tcp://[::]:1",       "tcp://127.0.0:1",           "tcp://127.1:1",
        "tcp://tower:1", "tcp://localhost.:1", "tcp://[::ffff:127.0.0.1]:1"};
    char yaml[512];
    char expected[1024];
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        (void)snprintf(yaml, sizeof(yaml),
                       "taps:\n  - {name: a, kind: pull, bind: '%s'}\n"
                       "  - {name: b, kind: sub, connect: '%s'}\n",
                       local[i], local[i]);
        struct tw_cfg *cfg = accepted(yaml);
        tw_cfg_destroy(&cfg);
    }
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        (void)snprintf(yaml, sizeof(yaml),
                       "taps:\n  - {name: a, kind: pull, bind: '%s'}\n"
                       "  - {name: b, kind: sub, connect: '%s'}\n",
                       open[i], open[i]);
        (void)snprintf(expected, sizeof(expected),
                       OPEN("t.yaml:2: taps.bind", "%s") OPEN("t.yaml:3: taps.connect", "%s"),
                       open[i], open[i]);
        check_refused(yaml, expected);
        (void)snprintf(yaml, sizeof(yaml),
                       "taps:\n  - {name: a, kind: pull, bind: '%s', insecure: true}\n", open[i]);
        struct tw_cfg *cfg = accepted(yaml);
        assert_true(cfg->taps[0].is_insecure);
        tw_cfg_destroy(&cfg);
    }
    check_refused("\nagents: {bind: 'tcp://*:1'}\nnotify:\n  pub: tcp://*:2\n",
                  OPEN("t.yaml:2: agents.bind", "tcp://*:1")
                      OPEN("t.yaml:4: notify.pub", "tcp://*:2"));
    struct tw_cfg *cfg = accepted("agents: {bind: 'tcp://*:1', insecure: true}\n"
                                  "notify: {pub: 'tcp://*:2', insecure: true}\n");
    assert_true(cfg->agents.is_insecure && cfg->notify.is_insecure);
    tw_cfg_destroy(&cfg);
}

static void config_parse__memory_that_runs_out_anywhere__is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    int rc = TW_ENOMEM;
    size_t n = 0;
    for (n = 1; rc != TW_OK; n++) {
        struct tw_cfg *cfg = NULL;
        alloc_count = 0;
        alloc_failing = n;
        rc = tw_cfg_parse("t.yaml", whole_yaml, strlen(whole_yaml), NULL, &cfg);
        alloc_failing = 0;
        if (rc == TW_OK) {
            assert_true(alloc_count < n);
            tw_cfg_destroy(&cfg);
            break;
        }
        assert_int_equal(rc, TW_ENOMEM);
        assert_null(cfg);
    }
    assert_true(n > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_int__every_key__takes_its_bounds_and_refuses_what_is_beyond),
        cmocka_unit_test(value_int__suffixes__count_in_the_unit_of_the_key),
        cmocka_unit_test(value_rule__edges__are_taken_and_refused),
        cmocka_unit_test(config_parse__nothing__is_the_retail_pack),
        cmocka_unit_test(config_parse__every_kind_of_key__reaches_its_field),
        cmocka_unit_test(config_parse__a_mapping_of_a_shipped_name__takes_its_place),
        cmocka_unit_test(config_parse__systems__come_beside_the_built_in_ones),
        cmocka_unit_test(config_print__what_was_parsed__reads_back_the_same),
        cmocka_unit_test(config_print__output_that_fails__is_an_error),
        cmocka_unit_test(config_print_reference__committed_page__is_up_to_date),
        cmocka_unit_test_setup_teardown(config_load__environment__wins_over_the_file,
                                        clear_environment, clear_environment),
        cmocka_unit_test_setup_teardown(config_load__state_directory__follows_xdg,
                                        clear_environment, clear_environment),
        cmocka_unit_test_setup(config_load__files_that_cannot_be_read__are_named,
                               clear_environment),
        cmocka_unit_test_setup(config_load__mapping_files__are_read_in_order_of_name,
                               clear_environment),
        cmocka_unit_test(config_parse__secret_that_others_may_read__is_refused),
        cmocka_unit_test(config_parse__curve__is_handed_down),
        cmocka_unit_test(config_parse__sockets_open_to_others__need_keys_or_a_word),
        cmocka_unit_test(
            config_parse__memory_that_runs_out_anywhere__is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
