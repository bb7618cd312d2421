/* SPDX-License-Identifier: Apache-2.0
 * Both renderings of the metrics, and what the linter of Prometheus says of the first. */
#include "config.h"
#include "web/metrics.h"

#include <math.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/err.h"

extern char **environ;

static void write_all(struct tw_metrics *m)
{
    struct tw_metric_label tap = {"tap", TW_STR_LIT("a\\b\"c\nd\xff\x01")};
    struct tw_metric_label two[] = {{"tap", TW_STR_LIT("x")}, {"reason", TW_STR_LIT("json")}};
    tw_metrics_family(m, TW_METRIC_INFO, "tillwatch_build", "The \"version\" \\ that\nruns");
    tw_metrics_count(m, &(struct tw_metric_label){"version", TW_STR_LIT("1")}, 1, 1);
    tw_metrics_family(m, TW_METRIC_COUNTER, "tillwatch_events", "Events");
    tw_metrics_count(m, &tap, 1, UINT64_MAX);
    tw_metrics_count(m, two, 2, 7);
    tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_age_seconds", "Age");
    tw_metrics_real(m, NULL, 0, 0.1);
    tw_metrics_end(m);
}

static void metrics__histogram__is_cumulated_and_canonical(void **state)
{
    (void)state;
    static const double bounds[] = {0.1, 2.5, 60, 86400};
    static const uint64_t counts[] = {1, 0, 2, 0, 4};
    const struct tw_metric_histogram histogram = {
        .bounds = bounds, .counts = counts, .bound_count = 4, .sum = 1e6};
    for (int i = 0; i < 2; i++) {
        struct tw_buf out;
        tw_buf_init(&out, 1 << 16);
        struct tw_metrics m = {.out = &out, .is_openmetrics = i == 1};
        tw_metrics_family(&m, TW_METRIC_HISTOGRAM, "tillwatch_lag_seconds", "Lag");
        tw_metrics_histogram(&m, &(struct tw_metric_label){"step", TW_STR_LIT("a")}, 1, &histogram);
        assert_int_equal(tw_buf_append_byte(&out, 0), TW_OK);
        assert_string_equal(out.data, "# HELP tillwatch_lag_seconds Lag\n"
                                      "# TYPE tillwatch_lag_seconds histogram\n"
                                      "tillwatch_lag_seconds_bucket{step=\"a\",le=\"0.1\"} 1\n"
                                      "tillwatch_lag_seconds_bucket{step=\"a\",le=\"2.5\"} 1\n"
                                      "tillwatch_lag_seconds_bucket{step=\"a\",le=\"60.0\"} 3\n"
                                      "tillwatch_lag_seconds_bucket{step=\"a\",le=\"86400.0\"} 3\n"
                                      "tillwatch_lag_seconds_bucket{step=\"a\",le=\"+Inf\"} 7\n"
                                      "tillwatch_lag_seconds_count{step=\"a\"} 7\n"
                                      "tillwatch_lag_seconds_sum{step=\"a\"} 1000000\n");
        tw_buf_fini(&out);
    }
}

static void check_whole(bool is_openmetrics, const char *wanted)
{
    struct tw_buf out;
    tw_buf_init(&out, 1 << 16);
    struct tw_metrics m = {.out = &out, .is_openmetrics = is_openmetrics};
    write_all(&m);
    assert_int_equal(tw_buf_append_byte(&out, 0), TW_OK);
    assert_string_equal(out.data, wanted);
    tw_buf_fini(&out);
}

static void metrics__text_format__is_exact(void **state)
{
    (void)state;
    check_whole(false, "# HELP tillwatch_build_info The \"version\" \\\\ that\\nruns\n"
                       "# TYPE tillwatch_build_info gauge\n"
                       "tillwatch_build_info{version=\"1\"} 1\n"
                       "# HELP tillwatch_events_total Events\n"
                       "# TYPE tillwatch_events_total counter\n"
                       "tillwatch_events_total{tap=\"a\\\\b\\\"c\\nd\\\\xff\\\\x01\"} "
                       "18446744073709551615\n"
                       "tillwatch_events_total{tap=\"x\",reason=\"json\"} 7\n"
                       "# HELP tillwatch_age_seconds Age\n"
                       "# TYPE tillwatch_age_seconds gauge\n"
                       "tillwatch_age_seconds 0.10000000000000001\n");
}

static void metrics__openmetrics__is_exact(void **state)
{
    (void)state;
    check_whole(true, "# HELP tillwatch_build The \\\"version\\\" \\\\ that\\nruns\n"
                      "# TYPE tillwatch_build info\n"
                      "tillwatch_build_info{version=\"1\"} 1\n"
                      "# HELP tillwatch_events Events\n"
                      "# TYPE tillwatch_events counter\n"
                      "tillwatch_events_total{tap=\"a\\\\b\\\"c\\nd\\\\xff\\\\x01\"} "
                      "18446744073709551615\n"
                      "tillwatch_events_total{tap=\"x\",reason=\"json\"} 7\n"
                      "# HELP tillwatch_age_seconds Age\n"
                      "# TYPE tillwatch_age_seconds gauge\n"
                      "tillwatch_age_seconds 0.10000000000000001\n"
                      "# EOF\n");
}

static void metrics__numbers_that_are_none__have_their_names(void **state)
{
    (void)state;
    struct tw_buf out;
    tw_buf_init(&out, 4096);
    struct tw_metrics m = {.out = &out, .family = "x", .kind = TW_METRIC_GAUGE};
    tw_metrics_real(&m, NULL, 0, (double)INFINITY);
    tw_metrics_real(&m, NULL, 0, -(double)INFINITY);
    tw_metrics_real(&m, NULL, 0, (double)NAN);
    assert_int_equal(tw_buf_append_byte(&out, 0), TW_OK);
    assert_string_equal(out.data, "x +Inf\nx -Inf\nx NaN\n");
    tw_buf_fini(&out);
}

static void metrics__buffer_full__is_remembered(void **state)
{
    (void)state;
    struct tw_buf out;
    tw_buf_init(&out, 10);
    struct tw_metrics m = {.out = &out};
    write_all(&m);
    assert_int_equal(out.error, TW_ELIMIT);
    tw_buf_fini(&out);
}

static void metrics__promtool__finds_nothing(void **state)
{
    (void)state;
    char path[] = "/tmp/tw-metrics-XXXXXX";
    char program[] = "promtool";
    char verb[] = "check";
    char what[] = "metrics";
    char *const argv[] = {program, verb, what, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;
    int status = -1;
    struct tw_buf out;
    tw_buf_init(&out, 1 << 16);
    struct tw_metrics m = {.out = &out};
    write_all(&m);
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, out.data, out.len), (ssize_t)out.len);
    assert_int_equal(close(fd), 0);
    tw_buf_fini(&out);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_addopen(&actions, 0, path, 0, 0), 0);
    int rc = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (rc != 0) {
        (void)unlink(path);
        skip(); /* promtool is not on this machine */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    (void)unlink(path);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 127) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(metrics__histogram__is_cumulated_and_canonical),
        cmocka_unit_test(metrics__text_format__is_exact),
        cmocka_unit_test(metrics__openmetrics__is_exact),
        cmocka_unit_test(metrics__numbers_that_are_none__have_their_names),
        cmocka_unit_test(metrics__buffer_full__is_remembered),
        cmocka_unit_test(metrics__promtool__finds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
