/* SPDX-License-Identifier: Apache-2.0
 * A configuration from a text, with its report: for the tests of config/. Thread: the test's. */
#ifndef TW_TESTS_CONFIG_SUPPORT_H
#define TW_TESTS_CONFIG_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"

/* Parse; the report is returned owned through ret_report. */
static inline int parse(const char *yaml, size_t len, char **ret_report, struct tw_cfg **ret_cfg)
{
    size_t size = 0;
    FILE *report = open_memstream(ret_report, &size);
    assert_non_null(report);
    int rc = tw_cfg_parse("t.yaml", yaml, len, report, ret_cfg);
    assert_int_equal(fclose(report), 0);
    return rc;
}

static inline void check_refused(const char *yaml, const char *expected)
{
    char *report = NULL;
    struct tw_cfg *cfg = NULL;
    int rc = parse(yaml, strlen(yaml), &report, &cfg);
    if (rc != TW_ECONFIG || strcmp(report, expected) != 0) {
        print_error("yaml:\n%s\nexpected:\n%s\ngot %d:\n%s\n", yaml, expected, rc, report);
    }
    assert_int_equal(rc, TW_ECONFIG);
    assert_null(cfg);
    assert_string_equal(report, expected);
    free(report);
}

/* Owned by the caller. */
static inline struct tw_cfg *accepted(const char *yaml)
{
    char *report = NULL;
    struct tw_cfg *cfg = NULL;
    int rc = parse(yaml, strlen(yaml), &report, &cfg);
    if (rc != TW_OK) {
        print_error("yaml:\n%s\nrefused:\n%s\n", yaml, report);
    }
    assert_int_equal(rc, TW_OK);
    assert_string_equal(report, "");
    free(report);
    return cfg;
}

#endif
