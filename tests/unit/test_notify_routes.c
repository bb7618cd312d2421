/* SPDX-License-Identifier: Apache-2.0
 * notify/routes: what notify.yaml may say, every fault with its line, which route takes an alert,
 * times, networks, secrets that are shown nowhere, the same for Alertmanager. */
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
#include "notify/routes.h"
#include "rules_kit.h"

#define RECEIVERS   "receivers: [{name: ops, browser: [{}]}, {name: night}, {name: lead}]\n"
#define WHOLE(rest) RECEIVERS "route: {receiver: ops}\n" rest

static char dir[] = "/tmp/tw-routes-XXXXXX";

/* Parse, expect no fault. */
static const struct tw_notify *parse(const char *yaml)
{
    const struct tw_notify *set = NULL;
    int rc = tw_notify_parse("notify.yaml", tw_str_of(yaml), stderr, &set);
    assert_int_equal(rc, TW_OK);
    return set;
}

/* Parse, expect these faults and no others. */
static void expect_faults(const char *yaml, const char *faults)
{
    const struct tw_notify *set = NULL;
    char *told = NULL;
    size_t len = 0;
    FILE *report = open_memstream(&told, &len);
    int rc = tw_notify_parse("notify.yaml", tw_str_of(yaml), report, &set);
    (void)fclose(report);
    assert_string_equal(told, faults);
    assert_int_equal(rc, TW_ECONFIG);
    assert_null(set);
    free(told);
}

static void write_file(const char *name, const char *text, mode_t mode, char *path, size_t size)
{
    (void)snprintf(path, size, "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0, 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* The route of an alert with these labels, pairs of name and value; only one is expected. */
static size_t route_of(const struct tw_notify *set, const struct tw_label *items, size_t count)
{
    const struct tw_labels labels = {items, count};
    size_t routes[4];
    assert_int_equal(tw_notify_route(set, &labels, routes, 4), 1);
    return routes[0];
}
#define LABEL(n, v)                                   \
    {                                                 \
        .name = TW_STR_LIT(n), .value = TW_STR_LIT(v) \
    }

/* ---- what is written ---- */

static void routes__no_file__browser_alone(void **state)
{
    (void)state;
    struct tw_cfg cfg = {.file = NULL};
    const struct tw_notify *set = NULL;
    assert_int_equal(tw_notify_load(&cfg, stderr, &set), TW_OK);
    assert_null(set->file);
    assert_int_equal(set->receiver_count, 1);
    assert_string_equal(set->receivers[0].name, "browser");
    assert_int_equal(set->receivers[0].count, 2);
    assert_string_equal(set->receivers[0].items[0].bind, "tcp://127.0.0.1:8465");
    assert_int_equal(set->route_count, 3);
    assert_int_equal(set->routes[1].group_wait_s, 360); /* a cause is told by then */
    assert_int_equal(set->routes[2].group_by.count, 4); /* not by system */
    assert_int_equal(set->inhibit_count, 20);
    assert_true(set->inhibits[0].follows_system);
    assert_false(set->has_watchdog);
    tw_notify_unref(&set);
}

/* The labels of an alert of a built-in rule, as far as matchers ask for them. */
static struct tw_labels labels_of(const struct tw_rule *rule, struct tw_label items[16])
{
    size_t count = 0;
    const char *const derived[] = {"workflow", "system"};
    items[count++] = (struct tw_label){TW_STR_LIT("alertname"), tw_str_of(rule->name)};
    items[count++] =
        (struct tw_label){TW_STR_LIT("severity"), tw_str_of(tw_severity_name(rule->severity))};
    for (size_t i = 0; i < rule->label_count; i++) {
        items[count++] =
            (struct tw_label){tw_str_of(rule->labels[i].name), tw_str_of(rule->labels[i].value)};
    }
    for (size_t i = 0; i < rule->by_count; i++) {
        bool is_objective = strcmp(rule->by[i], "objective") == 0;
        items[count++] = (struct tw_label){
            tw_str_of(rule->by[i]), tw_str_of(is_objective ? "till-events-complete" : "some")};
    }
    for (size_t i = 0; i < 2; i++) {
        const struct tw_labels labels = {items, count};
        if (tw_labels_get(&labels, derived[i]).ptr == NULL && rule->by_count > 0) {
            items[count++] = (struct tw_label){tw_str_of(derived[i]), TW_STR_LIT("some")};
        }
    }
    return (struct tw_labels){items, count};
}

/* Every rule that is built in against every other, whatever `equal` would say. */
static void routes__no_file__a_ticket_hides_no_page(void **state)
{
    (void)state;
    struct rules_kit kit = rules_kit_new("");
    struct tw_cfg none = {.file = NULL};
    const struct tw_notify *set = NULL;
    const struct tw_rules *rules = NULL;
    size_t pages = 0;
    size_t tickets = 0;
    assert_int_equal(tw_notify_load(&none, stderr, &set), TW_OK);
    assert_int_equal(tw_rules_load(kit.cfg, kit.workflows, stderr, &rules), TW_OK);
    for (size_t i = 0; i < set->inhibit_count * rules->count * rules->count; i++) {
        const struct tw_inhibit *inhibit = &set->inhibits[i / rules->count / rules->count];
        const struct tw_rule *source = &rules->items[i / rules->count % rules->count];
        const struct tw_rule *target = &rules->items[i % rules->count];
        struct tw_label items[2][16];
        const struct tw_labels from = labels_of(source, items[0]);
        const struct tw_labels to = labels_of(target, items[1]);
        if (!tw_matchers_match(inhibit->source, &from) ||
            !tw_matchers_match(inhibit->target, &to)) {
            continue;
        }
        bool is_page = target->severity == TW_SEVERITY_CRITICAL;
        if (is_page && source->severity != TW_SEVERITY_CRITICAL) {
            fail_msg("inhibit %zu: %s hides %s", i / rules->count / rules->count, source->name,
                     target->name);
        }
        pages += is_page ? 1 : 0;
        tickets += is_page ? 0 : 1;
    }
    assert_true(pages > 10 && tickets > 10);
    tw_rules_unref(&rules);
    tw_notify_unref(&set);
    rules_kit_fini(&kit);
}

static void routes__nothing_said__defaults_of_alertmanager(void **state)
{
    (void)state;
    const struct tw_notify *set = parse(WHOLE(""));
    const struct tw_route *root = &set->routes[0];
    assert_int_equal(root->group_wait_s, 30);
    assert_int_equal(root->group_interval_s, 300);
    assert_int_equal(root->repeat_interval_s, 14400);
    assert_int_equal(root->group_by.count, 5);
    assert_string_equal(root->group_by.items[0], "alertname");
    assert_string_equal(root->group_by.items[4], "workflow");
    assert_string_equal(root->key, "{}");
    assert_false(root->groups_by_all);
    tw_notify_unref(&set);
}

static void routes__child__inherits_what_it_does_not_say(void **state)
{
    (void)state;
    const struct tw_notify *set =
        parse(RECEIVERS
              "times: [{name: office, intervals: [{times: ['08:00-17:00']}]}]\n"
              "route:\n"
              "  receiver: ops\n"
              "  group-by: [workflow, alertname]\n"
              "  group-wait: 10s\n"
              "  group-interval: 1min\n"
              "  repeat-interval: 90s\n"
              "  escalate: [{after: 15min, receiver: lead}]\n"
              "  routes:\n"
              "    - matchers: ['severity=\"critical\"', team=~\"a|b\"]\n"
              "      group-by: ['...']\n"
              "      routes: [{matchers: [x!=\"1\"], receiver: night, active-times: [office]}]\n"
              "    - {matchers: [y!~\"q.*\"], group-by: [], escalate: []}\n");
    assert_int_equal(set->route_count, 4);
    assert_int_equal(set->routes[0].end, 4);
    assert_int_equal(set->routes[0].repeat_interval_s, 120); /* rounded up */
    assert_string_equal(set->routes[0].group_by.items[0], "alertname");
    const struct tw_route *child = &set->routes[1];
    assert_int_equal(child->end, 3);
    assert_int_equal(child->group_wait_s, 10);
    assert_true(child->groups_by_all);
    assert_int_equal(child->escalation_count, 1);
    assert_string_equal(child->key, "{}/{severity=\"critical\",team=~\"a|b\"}");
    const struct tw_route *grandchild = &set->routes[2];
    assert_int_equal(grandchild->parent, 1);
    assert_true(grandchild->groups_by_all);
    assert_string_equal(set->receivers[grandchild->receiver].name, "night");
    assert_int_equal(grandchild->active_count, 1);
    assert_string_equal(grandchild->key, "{}/{severity=\"critical\",team=~\"a|b\"}/{x!=\"1\"}");
    const struct tw_route *last = &set->routes[3];
    assert_int_equal(last->group_by.count, 0);
    assert_false(last->groups_by_all);
    assert_int_equal(last->escalation_count, 0);
    assert_string_equal(last->key, "{}/{y!~\"q.*\"}");
    tw_notify_unref(&set);
}

static void routes__every_kind__read_with_its_secrets(void **state)
{
    (void)state;
    char path[128];
    char yaml[2048];
    write_file("secret", "https://hooks.example/T0/B1/xyz\n", 0600, path, sizeof path);
    assert_int_equal(setenv("TW_TEST_KEY", "0123456789abcdef0123456789abcdef", 1), 0);
    (void)snprintf(yaml, sizeof yaml,
                   "external-url: https://tower.example/\n"
                   "receivers:\n"
                   "  - name: all\n"
                   "    webhook: [{url: 'http://h.example:81/a/b?c', bearer: '${env:TW_TEST_KEY}',"
                   " send-resolved: false, max-alerts: 0}]\n"
                   "    alertmanager: [{url: 'http://am1:9093'}, {url: 'http://am2:9093/'}]\n"
                   "    email: [{to: [a@x.example, b@x.example], from: t@x.example, smarthost: "
                   "'smtp://mail:25', tls: none}]\n"
                   "    slack: [{url-file: %s}]\n"
                   "    teams: [{url-file: %s, max-alerts: 7}]\n"
                   "    pagerduty: [{routing-key: '${env:TW_TEST_KEY}'}]\n"
                   "    pub: [{bind: 'ipc:///tmp/x'}]\n"
                   "    browser: [{}]\n"
                   "route: {receiver: all}\n",
                   path, path);
    const struct tw_notify *set = parse(yaml);
    const struct tw_receiver *all = tw_notify_find(set, TW_STR_LIT("all"));
    assert_non_null(all);
    assert_int_equal(all->count, 9);
    assert_string_equal(set->external_url, "https://tower.example");
    const struct tw_integration *hook = tw_receiver_find(all, TW_INTEGRATION_WEBHOOK, 0);
    assert_string_equal(hook->url, "http://h.example:81/a/b?c");
    assert_string_equal(hook->target, "http://h.example:81/...");
    assert_string_equal(hook->bearer, "0123456789abcdef0123456789abcdef");
    assert_int_equal(hook->max_alerts, TW_NOTIFY_ALERTS_MAX);
    assert_false(hook->sends_resolved);
    assert_int_equal(hook->timeout_s, 10);
    assert_string_equal(tw_receiver_find(all, TW_INTEGRATION_ALERTMANAGER, 1)->target,
                        "http://am2:9093");
    assert_null(tw_receiver_find(all, TW_INTEGRATION_ALERTMANAGER, 2));
    const struct tw_integration *mail = tw_receiver_find(all, TW_INTEGRATION_EMAIL, 0);
    assert_string_equal(mail->target, "a@x.example, b@x.example");
    assert_int_equal(mail->tls, TW_MAIL_NO_TLS);
    assert_true(mail->has_picture);
    assert_int_equal(mail->timeout_s, 30);
    const struct tw_integration *slack = tw_receiver_find(all, TW_INTEGRATION_SLACK, 0);
    assert_string_equal(slack->url, "https://hooks.example/T0/B1/xyz");
    assert_string_equal(slack->target, "https://hooks.example/...");
    assert_int_equal(slack->max_alerts, TW_NOTIFY_ALERTS_DEFAULT);
    assert_int_equal(tw_receiver_find(all, TW_INTEGRATION_TEAMS, 0)->max_alerts, 7);
    const struct tw_integration *pager = tw_receiver_find(all, TW_INTEGRATION_PAGERDUTY, 0);
    assert_int_equal(strlen(pager->routing_key), 32);
    assert_string_equal(pager->url, "https://events.pagerduty.com/v2/enqueue");
    assert_int_equal(tw_integration_find(TW_STR_LIT("teams")), TW_INTEGRATION_TEAMS);
    assert_int_equal(tw_integration_find(TW_STR_LIT("fax")), TW_INTEGRATION_KIND_COUNT);
    char *told = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&told, &len);
    assert_int_equal(tw_notify_describe(set, out), TW_OK);
    assert_int_equal(tw_notify_yaml(set, out), TW_OK);
    (void)fclose(out);
    assert_null(strstr(told, "0123456789abcdef"));
    assert_null(strstr(told, "T0"));
    assert_null(strstr(told, "/a/b"));
    assert_non_null(strstr(told, "slack https://hooks.example/..."));
    free(told);
    tw_notify_unref(&set);
}

static void routes__watchdog_and_heartbeats__read(void **state)
{
    (void)state;
    const struct tw_notify *set =
        parse(WHOLE("watchdog: {receiver: lead}\n"
                    "heartbeats: [{name: nightly, every: 24h, grace: 1h, severity: critical, "
                    "owner: batch}, {name: feed}]\n"));
    assert_true(set->has_watchdog);
    assert_string_equal(set->receivers[set->watchdog_receiver].name, "lead");
    assert_int_equal(set->watchdog_every_s, 60);
    assert_int_equal(set->heartbeats[0].every_s, 86400);
    assert_int_equal(set->heartbeats[0].grace_s, 3600);
    assert_int_equal(set->heartbeats[0].severity, TW_SEVERITY_CRITICAL);
    assert_int_equal(set->heartbeats[1].severity, TW_SEVERITY_WARNING);
    assert_null(set->heartbeats[1].owner);
    tw_notify_unref(&set);
}

/* ---- faults ---- */

static void routes__faults__each_with_its_line(void **state)
{
    (void)state;
    expect_faults("", "notify.yaml: it is empty: receivers and route are needed\n");
    expect_faults("receivers: []\nroutes: {}\n",
                  "notify.yaml:1: notify: the key \"route\" is missing\n"
                  "notify.yaml:2: notify: unknown key \"routes\", did you mean \"route\"?\n");
    expect_faults(RECEIVERS "route:\n"
                            "  receiver: nobody\n"
                            "  matchers: [a=b]\n"
                            "  continue: true\n",
                  "notify.yaml:3: route.receiver: there is no receiver \"nobody\"\n"
                  "notify.yaml:4: route.matchers: the root takes everything\n"
                  "notify.yaml:5: route.continue: nothing comes after the root\n");
    expect_faults(
        RECEIVERS "route:\n"
                  "  receiver: ops\n"
                  "  group-wait: soon\n"
                  "  group-interval: 0\n"
                  "  group-by: [a-b, x, x]\n"
                  "  routes:\n"
                  "    - matchers: ['a=~\"(\"']\n"
                  "    - {matchers: [a=b], mute-times: [never]}\n"
                  "    - {matchers: [a=b]}\n"
                  "  escalate: [{after: 5min, receiver: lead}, {after: 5min, receiver: "
                  "lead}, {receiver: lead}]\n",
        "notify.yaml:4: route.group-wait: \"soon\" is not a whole number of s, a suffix like 20ms, "
        "5s, 10min, 2h, 35d is understood\n"
        "notify.yaml:5: route.group-interval: 0 is out of range, allowed are 1 to 86400 s\n"
        "notify.yaml:6: route.group-by: \"a-b\" is no name of a label\n"
        "notify.yaml:6: route.group-by: \"x\" is given twice\n"
        "notify.yaml:8: route.matchers: bad matcher: the pattern for 'a': a ( without its ), at "
        "byte 2 of the pattern\n"
        "notify.yaml:9: route.mute-times: there are no times \"never\"\n"
        "notify.yaml:10: route: the same matchers and receiver as in line 9\n"
        "notify.yaml:11: escalate.after: not later than the step before\n"
        "notify.yaml:11: escalate: the key \"after\" is missing\n");
}

static void routes__faults__of_receivers_and_their_secrets(void **state)
{
    char path[128];
    char yaml[4096];
    char faults[4096];
    (void)state;
    write_file("open", "https://hooks.example/x\n", 0640, path, sizeof path);
    (void)snprintf(yaml, sizeof yaml,
                   "receivers:\n"
                   "  - {name: 'a b'}\n"
                   "  - {name: ops}\n"
                   "  - {name: ops}\n"
                   "  - name: all\n"
                   "    webhook:\n"
                   "      - {}\n"
                   "      - {url: 'http://u:geheim@h/x'}\n"
                   "      - {url: 'http://h/x', bearer: geheim}\n"
                   "      - {url: 'http://h/x', url-file: x, timeout: 61}\n"
                   "      - {url: '${env:TW_TEST_NOT_THERE}'}\n"
                   "      - {url-file: %s}\n"
                   "      - {url-file: /dev/null}\n"
                   "      - {url-file: %s/none, colour: red}\n"
                   "    slack: [{url: 'https://hooks.example/geheim'}]\n"
                   "    pagerduty: [{}]\n"
                   "    email:\n"
                   "      - {to: [], from: x, smarthost: 'mail:25'}\n"
                   "      - {to: 'a b@c', from: a@b, smarthost: 'smtp://mail:25', username: u}\n"
                   "    pub: {}\n"
                   "    fax: [{}]\n"
                   "route: {receiver: ops}\n",
                   path, dir);
    (void)snprintf(
        faults, sizeof faults,
        "notify.yaml:2: receivers.name: \"a b\": letters, digits, '_', '.', '-', at most 64\n"
        "notify.yaml:4: receivers.name: \"ops\" is there already (line 3)\n"
        "notify.yaml:7: webhook.url: it is missing, and so is url-file\n"
        "notify.yaml:8: webhook.url: a user or password in the URL is not allowed, use "
        "bearer-token-file\n"
        "notify.yaml:9: webhook.bearer: a secret does not stand here: name a file, or ${env:NAME}\n"
        "notify.yaml:10: webhook.timeout: 61 is out of range, allowed are 1 to 60 s\n"
        "notify.yaml:10: webhook.url-file: given beside it: one of both\n"
        "notify.yaml:11: webhook.url: there is no variable TW_TEST_NOT_THERE in the environment\n"
        "notify.yaml:12: webhook.url-file: %s may be read by others (mode 0640); chmod 600 %s\n"
        "notify.yaml:13: webhook.url-file: /dev/null is no regular file\n"
        "notify.yaml:14: webhook.url-file: %s/none cannot be read: No such file or directory\n"
        "notify.yaml:14: webhook: unknown key \"colour\"\n"
        "notify.yaml:15: slack.url: a secret does not stand here: name a file, or ${env:NAME}\n"
        "notify.yaml:16: pagerduty.routing-key: it is missing, and so is routing-key-file\n"
        "notify.yaml:18: email.from: it is no address, such as tower@shop.example\n"
        "notify.yaml:18: email.smarthost: smtp://HOST:PORT is expected\n"
        "notify.yaml:18: email.to: 1 to 50 addresses are expected\n"
        "notify.yaml:19: email.to: one is no address, such as ops@shop.example\n"
        "notify.yaml:19: email.username: a name and a password are given together, or neither\n"
        "notify.yaml:20: receivers.pub: a list of maps is expected, such as [{}]\n"
        "notify.yaml:21: receivers: unknown key \"fax\"\n",
        path, path, dir);
    expect_faults(yaml, faults);
}

static void routes__faults__of_the_rest(void **state)
{
    (void)state;
    expect_faults(
        WHOLE("allow: [10.0.0.0/33, ten, 'fd00::/129', 1.2.3.4/]\n"
              "inhibit:\n"
              "  - {source: [], target: [a=b]}\n"
              "  - {source: [a=b], target: [c=d], follows: store}\n"
              "  - {source: [a=b], target: ['=x'], equal: ['a b']}\n"
              "  - {source: [a=b]}\n"
              "times:\n"
              "  - {name: x, intervals: []}\n"
              "  - {name: x, intervals: [{times: ['8']}]}\n"
              "  - {name: '?', intervals: 7}\n"
              "watchdog: {receiver: x, every: 1s}\n"
              "heartbeats: [{name: a}, {name: a, severity: loud}]\n"
              "external-url: ftp://x\n"),
        "notify.yaml:3: allow: \"1.2.3.4/\" is no network such as 10.0.0.0/8 or fd00::/8\n"
        "notify.yaml:3: allow: \"10.0.0.0/33\" is no network such as 10.0.0.0/8 or fd00::/8\n"
        "notify.yaml:3: allow: \"fd00::/129\" is no network such as 10.0.0.0/8 or fd00::/8\n"
        "notify.yaml:3: allow: \"ten\" is no network such as 10.0.0.0/8 or fd00::/8\n"
        "notify.yaml:5: inhibit.source: at least one matcher is needed\n"
        "notify.yaml:6: inhibit.follows: \"system\" is the only word here\n"
        "notify.yaml:7: inhibit.equal: \"a b\" is no name of a label\n"
        "notify.yaml:7: inhibit.target: bad matcher format: =x\n"
        "notify.yaml:8: inhibit: the key \"target\" is missing\n"
        "notify.yaml:11: times.intervals.times: \"8\" is no time such as 08:00-22:00, 00:00 to "
        "24:00\n"
        "notify.yaml:11: times.name: \"x\" is there already (line 10)\n"
        "notify.yaml:12: times.intervals: a list of maps is expected\n"
        "notify.yaml:12: times.name: letters, digits, '_', '.', '-', at most 64\n"
        "notify.yaml:13: watchdog.every: 1s is out of range, allowed are 10 to 86400 s\n"
        "notify.yaml:13: watchdog.receiver: there is no receiver \"x\"\n"
        "notify.yaml:14: heartbeats.name: \"a\" is there already (line 14)\n"
        "notify.yaml:14: heartbeats.severity: \"loud\" is none of: critical warning info\n"
        "notify.yaml:15: notify.external-url: \"ftp://x\" is not http://HOST... or "
        "https://HOST...\n");
}

/* ---- limits, at their edge ---- */

/* `head`, then `item` so many times, its `#` replaced by a number, then `tail`. */
static char *many(const char *head, const char *item, size_t count, const char *tail)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    (void)fputs(head, out);
    for (size_t i = 0; i < count; i++) {
        size_t before = strcspn(item, "#");
        (void)fprintf(out, "%.*s", (int)before, item);
        if (item[before] == '#') {
            (void)fprintf(out, "%zu%s", i, item + before + 1);
        }
    }
    (void)fputs(tail, out);
    (void)fclose(out);
    return text;
}

static void expect_edge(const char *head, const char *item, size_t most, const char *tail,
                        const char *fault)
{
    char *good = many(head, item, most, tail);
    char *bad = many(head, item, most + 1, tail);
    const struct tw_notify *set = parse(good);
    tw_notify_unref(&set);
    expect_faults(bad, fault);
    free(good);
    free(bad);
}

static void routes__limits__at_their_edge(void **state)
{
    (void)state;
    expect_edge("receivers:\n", "  - {name: r#}\n", TW_NOTIFY_RECEIVERS_MAX,
                "route: {receiver: r0}\n",
                "notify.yaml:2: receivers: more than 100\n"
                "notify.yaml:103: route.receiver: there is no receiver \"r0\"\n");
    expect_edge("route: {receiver: a}\nreceivers: [{name: a, browser: [", "{},",
                TW_NOTIFY_INTEGRATIONS_MAX, "]}]\n",
                "notify.yaml:2: receivers: more than 32 ways of telling one\n");
    expect_edge("receivers: [{name: a, email: [{from: a@b, smarthost: 'smtp://m:25', to: [",
                "a@b#,", TW_NOTIFY_TO_MAX, "]}]}]\nroute: {receiver: a}\n",
                "notify.yaml:1: email.to: 1 to 50 addresses are expected\n");
    expect_edge(RECEIVERS "route:\n  receiver: ops\n  routes:\n", "    - {matchers: [a=\"#\"]}\n",
                TW_NOTIFY_ROUTES_MAX - 1, "",
                "notify.yaml:504: route: more than 500 routes, or 12 levels\n");
    expect_edge(RECEIVERS "route: {receiver: ops, routes: [{matchers: [a=b], group-by: [", "a#,",
                TW_NOTIFY_GROUP_BY_MAX, "]}]}\n",
                "notify.yaml:2: route.group-by: more than 16 labels\n");
    expect_edge(RECEIVERS "route: {receiver: ops, escalate: [", "{receiver: ops, after: 1#},",
                TW_NOTIFY_ESCALATIONS_MAX, "]}\n",
                "notify.yaml:2: route.escalate: a list of at most 8 maps is expected\n");
    expect_edge(WHOLE("inhibit:\n"), "  - {source: [a=b], target: [c=d]}\n", TW_NOTIFY_INHIBITS_MAX,
                "", "notify.yaml:4: inhibit: more than 100\n");
    expect_edge(WHOLE("times:\n"), "  - {name: t#, intervals: [{times: ['08:00-09:00']}]}\n",
                TW_NOTIFY_TIMES_MAX, "", "notify.yaml:4: times: more than 100\n");
    expect_edge(WHOLE("times: [{name: t, intervals: ["), "{weekdays: mon},",
                TW_NOTIFY_INTERVALS_MAX, "]}]\n", "notify.yaml:3: times.intervals: more than 32\n");
    expect_edge(WHOLE("heartbeats:\n"), "  - {name: h#}\n", TW_NOTIFY_HEARTBEATS_MAX, "",
                "notify.yaml:4: heartbeats: more than 100\n");
    expect_edge(WHOLE("allow: ["), "10.0.0.#,", TW_NOTIFY_NETS_MAX, "]\n",
                "notify.yaml:3: allow: more than 64 networks\n");
}

static char *nested(size_t levels)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    (void)fputs(RECEIVERS "route: {receiver: ops", out);
    for (size_t i = 1; i < levels; i++) {
        (void)fputs(", routes: [{matchers: [a=b]", out);
    }
    for (size_t i = 1; i < levels; i++) {
        (void)fputs("}]", out);
    }
    (void)fputs("}\n", out);
    (void)fclose(out);
    return text;
}

static void routes__levels__at_their_edge(void **state)
{
    (void)state;
    char *good = nested(TW_NOTIFY_DEPTH_MAX);
    char *bad = nested(TW_NOTIFY_DEPTH_MAX + 1);
    const struct tw_notify *set = parse(good);
    assert_int_equal(set->route_count, TW_NOTIFY_DEPTH_MAX);
    assert_int_equal(set->routes[TW_NOTIFY_DEPTH_MAX - 1].parent, TW_NOTIFY_DEPTH_MAX - 2);
    tw_notify_unref(&set);
    expect_faults(bad, "notify.yaml:2: route: more than 500 routes, or 12 levels\n");
    free(good);
    free(bad);
}

/* ---- want of memory ---- */

static void routes__no_memory__said_and_nothing_leaks(void **state)
{
    (void)state;
    static const char yaml[] =
        "allow: [10.0.0.0/8]\n"
        "external-url: https://tower.example\n"
        "receivers: [{name: a, webhook: [{url: 'http://h/x'}], email: [{to: a@b, from: c@d, "
        "smarthost: 'smtp://m:25'}], pub: [{}]}]\n"
        "route: {receiver: a, routes: [{matchers: [x=y], mute-times: [n], escalate: [{after: 1min, "
        "receiver: a}]}]}\n"
        "times: [{name: n, intervals: [{times: ['08:00-09:00']}]}]\n"
        "inhibit: [{source: [a=b], target: [c=d], equal: [e]}]\n"
        "watchdog: {receiver: a}\n"
        "heartbeats: [{name: h, owner: x}]\n";
    const struct tw_notify *set = NULL;
    alloc_count = 0;
    assert_int_equal(tw_notify_parse("x", tw_str_of(yaml), NULL, &set), TW_OK);
    size_t calls = alloc_count;
    tw_notify_unref(&set);
    for (size_t i = 1; i <= calls; i++) {
        alloc_count = 0;
        alloc_failing = i;
        int rc = tw_notify_parse("x", tw_str_of(yaml), NULL, &set);
        alloc_failing = 0;
        if (rc == TW_OK) { /* what failed was done without */
            tw_notify_unref(&set);
        } else {
            assert_int_equal(rc, TW_ENOMEM);
            assert_null(set);
        }
    }
}

/* ---- who takes it ---- */

static void routes__tree__first_that_matches_else_the_parent(void **state)
{
    (void)state;
    const struct tw_notify *set =
        parse(RECEIVERS "route:\n"
                        "  receiver: ops\n"
                        "  routes:\n"
                        "    - matchers: [team=a]\n"
                        "      routes: [{matchers: [severity=critical], receiver: lead}]\n"
                        "    - {matchers: [severity=critical], continue: true, receiver: night}\n"
                        "    - {matchers: [severity=~\"critical|warning\"]}\n");
    const struct tw_label critical_a[] = {LABEL("severity", "critical"), LABEL("team", "a")};
    const struct tw_label warning_a[] = {LABEL("severity", "warning"), LABEL("team", "a")};
    const struct tw_label info[] = {LABEL("severity", "info")};
    const struct tw_label critical[] = {LABEL("severity", "critical")};
    assert_int_equal(route_of(set, critical_a, 2), 2);
    assert_int_equal(route_of(set, warning_a, 2), 1);
    assert_int_equal(route_of(set, info, 1), 0);
    const struct tw_labels labels = {critical, 1};
    size_t routes[4];
    assert_int_equal(tw_notify_route(set, &labels, routes, 4), 2); /* continue */
    assert_int_equal(routes[0], 3);
    assert_int_equal(routes[1], 4);
    assert_int_equal(tw_notify_route(set, &labels, routes, 1), 1);
    tw_notify_unref(&set);
}

static tw_wall_t at(const char *text)
{
    tw_wall_t wall = {0};
    assert_int_equal(tw_wall_parse(tw_str_of(text), &wall), TW_OK);
    return wall;
}

static void routes__times__mute_inside_active_outside(void **state)
{
    (void)state;
    const struct tw_notify *set =
        parse(RECEIVERS
              "times:\n"
              "  - {name: night, intervals: [{times: ['22:00-24:00'], timezone: Europe/Berlin}, "
              "{times: ['00:00-06:00'], timezone: Europe/Berlin}]}\n"
              "  - {name: office, intervals: [{weekdays: [mon, tue, wed, thu, fri]}]}\n"
              "route: {receiver: ops, routes: [{matchers: [a=b], mute-times: [night]}, "
              "{matchers: [c=d], active-times: [office]}]}\n");
    assert_string_equal(tw_notify_muted_by(set, &set->routes[1], at("2026-03-02T21:00:00Z")),
                        "night");
    assert_null(tw_notify_muted_by(set, &set->routes[1], at("2026-03-02T20:59:59Z")));
    assert_string_equal(tw_notify_muted_by(set, &set->routes[1], at("2026-03-03T04:59:59Z")),
                        "night");
    assert_null(tw_notify_muted_by(set, &set->routes[1], at("2026-03-03T05:00:00Z")));
    assert_null(tw_notify_muted_by(set, &set->routes[2], at("2026-03-03T05:00:00Z")));
    assert_string_equal(tw_notify_muted_by(set, &set->routes[2], at("2026-03-07T05:00:00Z")),
                        "office");
    assert_null(tw_notify_muted_by(set, &set->routes[0], at("2026-03-07T05:00:00Z")));
    tw_notify_unref(&set);
}

static void routes__allow__networks_and_addresses(void **state)
{
    (void)state;
    const struct tw_notify *set =
        parse(WHOLE("allow: [10.0.0.0/8, 192.168.7.9, 'fd00::/9', 172.16.0.0/12]\n"));
    const struct {
        bool is_v6;
        uint8_t address[16];
        bool is_allowed;
    } rows[] = {{false, {10, 255, 0, 1}, true},
                {false, {11, 0, 0, 1}, false},
                {false, {192, 168, 7, 9}, true},
                {false, {192, 168, 7, 8}, false},
                {false, {172, 31, 255, 1}, true},
                {false, {172, 32, 0, 1}, false},
                {true, {0xfd, 0x7f}, true},
                {true, {0xfd, 0x80}, false},
                {true, {10, 1}, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(tw_notify_allows(set, rows[i].is_v6, rows[i].address), rows[i].is_allowed);
    }
    tw_notify_unref(&set);
}

/* ---- for Alertmanager ---- */

static void routes__yaml__as_alertmanager_has_it(void **state)
{
    (void)state;
    const struct tw_notify *set =
        parse(RECEIVERS
              "times: [{name: night, intervals: [{times: ['22:00-24:00'], weekdays: [mon, sun], "
              "timezone: Europe/Berlin}]}]\n"
              "route:\n"
              "  receiver: ops\n"
              "  routes: [{matchers: ['a=\"b\\\"c\"'], continue: true, receiver: night, "
              "mute-times: [night]}]\n"
              "inhibit:\n"
              "  - {source: [severity=critical], target: [severity=warning], equal: [workflow]}\n"
              "  - {source: [severity=critical], target: [severity=warning], follows: system}\n");
    char *told = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&told, &len);
    assert_int_equal(tw_notify_yaml(set, out), TW_OK);
    (void)fclose(out);
    assert_string_equal(told,
                        "route:\n"
                        "  receiver: 'ops'\n"
                        "  group_by: ['alertname', 'cause', 'objective', 'system', 'workflow']\n"
                        "  group_wait: 30s\n"
                        "  group_interval: 300s\n"
                        "  repeat_interval: 14400s\n"
                        "  routes:\n"
                        "  - receiver: 'night'\n"
                        "    group_by: ['alertname', 'cause', 'objective', 'system', 'workflow']\n"
                        "    matchers: ['a=\"b\\\"c\"']\n"
                        "    continue: true\n"
                        "    group_wait: 30s\n"
                        "    group_interval: 300s\n"
                        "    repeat_interval: 14400s\n"
                        "    mute_time_intervals: ['night']\n"
                        "receivers:\n"
                        "- name: 'ops'\n"
                        "- name: 'night'\n"
                        "- name: 'lead'\n"
                        "inhibit_rules:\n"
                        "- source_matchers: ['severity=\"critical\"']\n"
                        "  target_matchers: ['severity=\"warning\"']\n"
                        "  equal: ['workflow']\n"
                        "time_intervals:\n"
                        "- name: 'night'\n"
                        "  time_intervals:\n"
                        "  - times:\n"
                        "    - start_time: '22:00'\n"
                        "      end_time: '24:00'\n"
                        "    weekdays: ['monday', 'sunday']\n"
                        "    location: 'Europe/Berlin'\n");
    free(told);
    tw_notify_unref(&set);
}

static void routes__reference_page__has_the_tables_of_keys(void **state)
{
    (void)state;
    char *keys = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&keys, &size);
    assert_int_equal(tw_notify_print_keys(out), TW_OK);
    assert_int_equal(fclose(out), 0);
    char *page = calloc(1, 256 * 1024);
    FILE *file = fopen(TW_SRCDIR "/docs/reference/notifications.md", "r");
    assert_non_null(file);
    assert_non_null(page);
    assert_true(fread(page, 1, 256 * 1024 - 1, file) > size);
    assert_int_equal(fclose(file), 0);
    /* If this fails: put what tillwatch print-config --notify-keys says between its markers. */
    assert_non_null(strstr(page, keys));
    free(page);
    free(keys);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    char path[128];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/secret", dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/open", dir);
    (void)unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes__no_file__browser_alone),
        cmocka_unit_test(routes__no_file__a_ticket_hides_no_page),
        cmocka_unit_test(routes__nothing_said__defaults_of_alertmanager),
        cmocka_unit_test(routes__child__inherits_what_it_does_not_say),
        cmocka_unit_test(routes__every_kind__read_with_its_secrets),
        cmocka_unit_test(routes__watchdog_and_heartbeats__read),
        cmocka_unit_test(routes__faults__each_with_its_line),
        cmocka_unit_test(routes__faults__of_receivers_and_their_secrets),
        cmocka_unit_test(routes__faults__of_the_rest),
        cmocka_unit_test(routes__limits__at_their_edge),
        cmocka_unit_test(routes__levels__at_their_edge),
        cmocka_unit_test(routes__no_memory__said_and_nothing_leaks),
        cmocka_unit_test(routes__tree__first_that_matches_else_the_parent),
        cmocka_unit_test(routes__times__mute_inside_active_outside),
        cmocka_unit_test(routes__allow__networks_and_addresses),
        cmocka_unit_test(routes__yaml__as_alertmanager_has_it),
        cmocka_unit_test(routes__reference_page__has_the_tables_of_keys),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
