/* SPDX-License-Identifier: Apache-2.0
 * Alert rules from a text, against the workflows that are built in. Thread: the test's. */
#ifndef TW_TESTS_RULES_KIT_H
#define TW_TESTS_RULES_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/rules.h"

/* The built-in configuration and its workflows. */
struct rules_kit {
    struct tw_cfg *cfg;
    const struct tw_workflows *workflows;
};

static inline struct rules_kit rules_kit_new(const char *yaml)
{
    struct rules_kit made = {0};
    assert_int_equal(tw_cfg_parse("kit.yaml", yaml, strlen(yaml), stderr, &made.cfg), TW_OK);
    assert_int_equal(tw_workflows_load(made.cfg, stderr, &made.workflows), TW_OK);
    return made;
}

static inline void rules_kit_fini(struct rules_kit *self)
{
    tw_workflows_unref(&self->workflows);
    tw_cfg_destroy(&self->cfg);
}

/* Parse; the report is returned owned. */
static inline int rules_kit_parse(const struct rules_kit *self, const char *yaml, char **ret_report,
                                  const struct tw_rules **ret_set)
{
    size_t len = 0;
    FILE *report = open_memstream(ret_report, &len);
    assert_non_null(report);
    int rc = tw_rules_parse(self->cfg, self->workflows, "t.yaml", tw_str_of(yaml), report, ret_set);
    assert_int_equal(fclose(report), 0);
    return rc;
}

static inline void rules_kit_refused(const struct rules_kit *self, const char *yaml,
                                     const char *faults)
{
    const struct tw_rules *set = NULL;
    char *told = NULL;
    int rc = rules_kit_parse(self, yaml, &told, &set);
    if (rc != TW_ECONFIG || strcmp(told, faults) != 0) {
        print_error("yaml:\n%s\nexpected:\n%s\ngot %d:\n%s\n", yaml, faults, rc, told);
    }
    assert_string_equal(told, faults);
    assert_int_equal(rc, TW_ECONFIG);
    assert_null(set);
    free(told);
}

/* Without a fault. */
static inline const struct tw_rules *rules_kit_taken(const struct rules_kit *self, const char *yaml)
{
    const struct tw_rules *set = NULL;
    char *told = NULL;
    int rc = rules_kit_parse(self, yaml, &told, &set);
    if (rc != TW_OK) {
        print_error("yaml:\n%s\nrefused:\n%s\n", yaml, told);
    }
    assert_int_equal(rc, TW_OK);
    free(told);
    return set;
}

#endif
