/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a workflow file, maintenance or OpenSLO documents: no crash, bounded time and
 * memory; and what is accepted reads back from the text that is kept with its runs to the same
 * version, and its objectives from OpenSLO.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "workflow/workflow.h"

static struct tw_cfg *cfg; /* one for all inputs; freed by the system */

static void check_again(const struct tw_workflow *workflow)
{
    const struct tw_workflows *again = NULL;
    if (tw_workflows_parse(cfg, "again", workflow->text, strlen(workflow->text), stderr, &again) !=
            TW_OK ||
        again->count != 1 || again->items[0].version != workflow->version) {
        abort();
    }
    tw_workflows_unref(&again);
    for (size_t i = 0; i < workflow->step_count; i++) {
        if (workflow->steps[i].after >> i != 0) { /* points back only */
            abort();
        }
    }
    for (size_t i = 0; i < workflow->objective_count; i++) {
        char *document = tw_objective_openslo(workflow, &workflow->objectives[i]);
        if (document == NULL) {
            abort();
        }
        /* Alone it names a workflow that is not there: one fault, and no other. */
        char *report = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&report, &size);
        if (out == NULL ||
            tw_workflows_parse(cfg, "slo", document, strlen(document), out, &again) != TW_ECONFIG ||
            fclose(out) != 0 || strstr(report, "there is no workflow") == NULL ||
            strchr(report, '\n') != report + strlen(report) - 1) {
            abort();
        }
        free(report);
        free(document);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tw_workflows *set = NULL;
    if (cfg == NULL && tw_cfg_parse("none", "", 0, stderr, &cfg) != TW_OK) {
        abort();
    }
    if (tw_workflows_parse(cfg, "fuzz", (const char *)data, size, NULL, &set) == TW_OK) {
        for (size_t i = 0; i < set->count; i++) {
            check_again(&set->items[i]);
        }
    }
    tw_workflows_unref(&set);
    return 0;
}
