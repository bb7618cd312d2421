/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as notify.yaml: no crash, bounded time and memory. What is accepted routes every alert
 * somewhere, can be said to people and written for Alertmanager, and that text is YAML again.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/tree.h"
#include "fuzz.h"
#include "notify/routes.h"

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void check_routes(const struct tw_notify *set)
{
    static const struct tw_label items[] = {
        {{"alertname", 9}, {"A", 1}}, {{"severity", 8}, {"critical", 8}}, {{"team", 4}, {"x", 1}}};
    size_t routes[TW_NOTIFY_ROUTES_MAX];
    for (size_t count = 0; count <= 3; count++) {
        const struct tw_labels labels = {items, count};
        size_t taken = tw_notify_route(set, &labels, routes, TW_NOTIFY_ROUTES_MAX);
        must(taken >= 1 && taken <= set->route_count);
        for (size_t i = 0; i < taken; i++) {
            const struct tw_route *route = &set->routes[routes[i]];
            must(route->receiver < set->receiver_count && route->end <= set->route_count);
            must(tw_matchers_match(route->matchers, &labels));
            must(route->repeat_interval_s % route->group_interval_s == 0);
            (void)tw_notify_muted_by(set, route, (tw_wall_t){0});
        }
    }
}

static void check_text(const struct tw_notify *set)
{
    struct tw_faults *faults = calloc(1, sizeof *faults);
    struct tw_tree tree = {.is_loaded = false};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    must(faults != NULL && out != NULL);
    must(tw_notify_describe(set, out) == TW_OK);
    must(fseek(out, 0, SEEK_SET) == 0);
    must(tw_notify_yaml(set, out) == TW_OK && fflush(out) == 0);
    long end = ftell(out);
    must(end > 0);
    if ((size_t)end <= TW_TREE_MAX_BYTES) {
        must(tw_tree_parse(&tree, "again", text, (size_t)end, faults) == TW_OK);
        must(!tw_faults_any(faults));
    }
    tw_tree_fini(&tree);
    tw_faults_fini(faults);
    free(faults);
    (void)fclose(out);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tw_notify *set = NULL;
    int rc = tw_notify_parse("fuzz", (struct tw_str){(const char *)data, size}, NULL, &set);
    must(rc == TW_OK || rc == TW_ECONFIG);
    if (rc == TW_OK) {
        check_routes(set);
        check_text(set);
    }
    tw_notify_unref(&set);
    return 0;
}
