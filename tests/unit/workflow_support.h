/* SPDX-License-Identifier: Apache-2.0
 * Workflow files from texts and from directories, with their report. Thread: the test's. */
#ifndef TW_TESTS_WORKFLOW_SUPPORT_H
#define TW_TESTS_WORKFLOW_SUPPORT_H

#include <sys/stat.h>
#include <unistd.h>

#include "config_support.h"
#include "core/clock.h"
#include "workflow/workflow.h"

#define S  TW_NS_PER_S
#define MS TW_NS_PER_MS

/* Six lines that a test's steps can follow. */
#define HEAD                                                                      \
    "name: w\nowner: o\ntiming: queued\nobject: transaction\nsteps:\n" /* five */ \
    "  - {name: a, system: pos, event: e.a}\n"

/* A definition in which every key stands. */
#define WHOLE                                                                               \
    "# a comment\n"                                                                         \
    "name: sale\n"                                                                          \
    "title: Sale \xc3\xa9\n"                                                                \
    "owner: finance\n"                                                                      \
    "timing: near-real-time\n"                                                              \
    "criticality: deferrable\n"                                                             \
    "financial: yes\n"                                                                      \
    "object: transaction\n"                                                                 \
    "steps:\n"                                                                              \
    "  - name: posted\n"                                                                    \
    "    system: erp\n"                                                                     \
    "    event:\n"                                                                          \
    "      - com.x.posted\n"                                                                \
    "      - {type: com.y.*, where: {storeid: present, returnid: absent, channel: web}}\n"  \
    "    failure: com.x.rejected\n"                                                         \
    "    compensation: [com.x.reversed]\n"                                                  \
    "    after: [received, sold]\n"                                                         \
    "    within: 1h\n"                                                                      \
    "    optional: true\n"                                                                  \
    "    when: customerref\n"                                                               \
    "    destination: true\n"                                                               \
    "    authority: crm\n"                                                                  \
    "    runbook: erp-posting-rejection\n"                                                  \
    "    each: store\n"                                                                     \
    "  - {name: sold, title: Sold, system: pos, event: com.x.sold}\n"                       \
    "  - {name: received, system: middleware, event: com.x.received, after: sold, within: " \
    "250ms}\n"                                                                              \
    "objectives:\n"                                                                         \
    "  - {name: in-time, title: In time, owner: other, kind: latency, step: posted, from: " \
    "received,\n"                                                                           \
    "     within: 90s, target: 99.5%, window: 28d}\n"                                       \
    "  - {name: all, kind: completion, target: 99.9999%, window: month, timezone: "         \
    "Europe/Berlin}\n"                                                                      \
    "  - {name: fresh, kind: freshness, step: received, within: 2min, target: 50%}\n"       \
    "  - {name: stores, kind: completeness, step: posted, target: 0.0001%, window: week}\n"

/* The built-in configuration, without the pack unless said otherwise. */
static inline struct tw_cfg *plain_config(void)
{
    return accepted("workflows: {pack: false}\n");
}

static inline int parse_with(const struct tw_cfg *cfg, const char *yaml, char **ret_report,
                             const struct tw_workflows **ret_set)
{
    size_t size = 0;
    FILE *report = open_memstream(ret_report, &size);
    assert_non_null(report);
    int rc = tw_workflows_parse(cfg, "w.yaml", yaml, strlen(yaml), report, ret_set);
    assert_int_equal(fclose(report), 0);
    return rc;
}

/* The text has exactly these faults. */
static inline void refused(const char *yaml, const char *expected)
{
    struct tw_cfg *cfg = plain_config();
    char *report = NULL;
    const struct tw_workflows *set = NULL;
    int rc = parse_with(cfg, yaml, &report, &set);
    if (rc != TW_ECONFIG || strcmp(report, expected) != 0) {
        print_error("yaml:\n%s\nexpected:\n%s\ngot %d:\n%s\n", yaml, expected, rc, report);
    }
    assert_int_equal(rc, TW_ECONFIG);
    assert_null(set);
    assert_string_equal(report, expected);
    free(report);
    tw_cfg_destroy(&cfg);
}

/* Owned by the caller. */
static inline const struct tw_workflows *taken(const char *yaml)
{
    struct tw_cfg *cfg = plain_config();
    char *report = NULL;
    const struct tw_workflows *set = NULL;
    int rc = parse_with(cfg, yaml, &report, &set);
    if (rc != TW_OK) {
        print_error("yaml:\n%s\nrefused:\n%s\n", yaml, report);
    }
    assert_int_equal(rc, TW_OK);
    assert_string_equal(report, "");
    free(report);
    tw_cfg_destroy(&cfg);
    return set;
}

struct fault {
    const char *yaml;
    const char *report;
};

static inline void check_faults(const struct fault *faults, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        refused(faults[i].yaml, faults[i].report);
    }
}
#define CHECK_FAULTS(faults) check_faults((faults), sizeof(faults) / sizeof((faults)[0]))

/* ---- directories ---- */

static inline char *make_dir(void)
{
    char *dir = strdup("/tmp/tw-test-workflow-XXXXXX");
    assert_non_null(dir);
    assert_non_null(mkdtemp(dir));
    return dir;
}

static inline void put_file(const char *dir, const char *name, const char *text)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The files of a test; and the directory. */
static inline void remove_dir(char *dir, const char *const *names, size_t count)
{
    char path[256];
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(dir), 0);
    free(dir);
}

/* Load what a configuration names; the directory's name in the report becomes "DIR". */
static inline int load_dir(const char *dir, bool has_pack, char **ret_report,
                           const struct tw_workflows **ret_set)
{
    char yaml[512];
    size_t size = 0;
    (void)snprintf(yaml, sizeof(yaml), "workflows: {pack: %s, dirs: [%s]}\n",
                   has_pack ? "true" : "false", dir);
    struct tw_cfg *cfg = accepted(yaml);
    FILE *report = open_memstream(ret_report, &size);
    assert_non_null(report);
    int rc = tw_workflows_load(cfg, report, ret_set);
    assert_int_equal(fclose(report), 0);
    tw_cfg_destroy(&cfg);
    for (char *p = strstr(*ret_report, dir); p != NULL; p = strstr(p, dir)) {
        memcpy(p, "DIR", 3);
        memmove(p + 3, p + strlen(dir), strlen(p + strlen(dir)) + 1);
    }
    return rc;
}

#endif
