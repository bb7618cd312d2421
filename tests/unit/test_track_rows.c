/* SPDX-License-Identifier: Apache-2.0
 * What the store is told of runs. Which have a row: what their events say, not which of them came
 * in one batch. Everything is played through the real pipeline and store, once in one batch and
 * once in a batch for each event with the clock ticking in between. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/log.h"
#include "support/lab.h"

static const char *const config_format =
    "taps:\n"
    "  - {name: pull, kind: pull, bind: [\"tcp://127.0.0.1:8461\"]}\n"
    "track: {settle-s: 1}\n"
    "workflows: {pack: false, dirs: [\"%s\"]}\n"
    "objects:\n"
    "  - {type: order, attribute: orderid}\n";

static const struct {
    const char *name;
    const char *yaml;
} files[] = {
    {"sale.yaml", "name: sale\n"
                  "title: Sale\n"
                  "owner: me\n"
                  "object: order\n"
                  "timing: queued\n"
                  "criticality: standard\n"
                  "steps:\n"
                  "  - {name: sold, system: pos, event: sold}\n"
                  "  - {name: paid, system: payment, event: paid, failure: declined,\n"
                  "     compensation: refunded, after: sold, within: 10s}\n"
                  "  - {name: posted, system: erp, event: posted, failure: rejected, after: paid,\n"
                  "     within: 1h}\n"},
    {"pickup.yaml", "name: pickup\n"
                    "title: Pickup\n"
                    "owner: me\n"
                    "object: order\n"
                    "timing: queued\n"
                    "criticality: standard\n"
                    "steps:\n"
                    "  - {name: reserved, system: ecommerce, event: reserved}\n"
                    "  - {name: paid, system: payment, event: paid, failure: declined,\n"
                    "     after: reserved, within: 1h}\n"},
};
#define FILES (sizeof files / sizeof files[0])

struct said {
    int at_s; /* received; happened `late_s` before */
    int late_s;
    const char *order;
    const char *type;
};

/* Each order is a case; what is expected of it stands below. */
static const struct said story[] = {
    {0, 0, "failed-then-done", "sold"},
    {1, 0, "failed-then-done", "declined"},
    {2, 0, "failed-then-done", "paid"},
    {3, 0, "failed-then-done", "posted"},
    {10, 0, "done-then-failed", "sold"},
    {12, 0, "done-then-failed", "paid"},
    {13, 2, "done-then-failed", "declined"}, /* before it was paid; it came behind it */
    {14, 0, "done-then-failed", "posted"},
    {20, 0, "late", "sold"},
    {50, 0, "late", "paid"},
    {51, 0, "late", "posted"},
    {60, 0, "late-and-open", "sold"},
    {90, 0, "late-and-open", "paid"},
    {100, 0, "taken-back", "sold"},
    {101, 0, "taken-back", "declined"},
    {102, 0, "taken-back", "refunded"},
    {110, 0, "good", "sold"},
    {111, 0, "good", "paid"},
    {112, 0, "good", "posted"},
    {120, 0, "late-word", "sold"}, /* paid in time, but nobody knows for long */
    {126, 5, "late-word", "paid"},
    {127, 0, "late-word", "posted"},
    {130, 0, "no-start", "rejected"},
    {140, 0, "no-start-then-done", "rejected"},
    {141, 0, "no-start-then-done", "posted"},
    {150, 0, "other-start", "declined"}, /* a step of both; only one of them is begun */
    {151, 1, "other-start", "sold"},
    {160, 0, "no-start-and-good", "posted"},
};

/* By workflow and order. */
static const char *const expected = "pickup other-start running paid ended\n"
                                    "sale done-then-failed recovered paid ended\n"
                                    "sale failed-then-done recovered paid ended\n"
                                    "sale late recovered paid ended\n"
                                    "sale late-and-open running posted open\n"
                                    "sale no-start failed posted open\n"
                                    "sale no-start-then-done running posted ended\n"
                                    "sale other-start failed paid open\n"
                                    "sale taken-back compensated paid ended\n";

static struct lab lab;
static char dir[] = "/tmp/tw-rows-XXXXXX";
static char config[512];

static int set_up(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < FILES; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%s/%s", dir, files[i].name);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_true(fputs(files[i].yaml, file) >= 0);
        assert_int_equal(fclose(file), 0);
    }
    (void)snprintf(config, sizeof config, config_format, dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    lab_remove_dir(dir);
    return 0;
}

static void say(const struct said *said, tw_wall_t start)
{
    char time[TW_TIME_TEXT_SIZE];
    char body[256];
    tw_wall_format((tw_wall_t){start.ns + (said->at_s - said->late_s) * TW_NS_PER_S}, time);
    int len = snprintf(body, sizeof body,
                       "{\"specversion\":\"1.0\",\"id\":\"%d\",\"source\":\"/%s/%s\",\"type\":"
                       "\"%s\",\"orderid\":\"%s\",\"time\":\"%s\"}",
                       said->at_s, said->type, said->order, said->type, said->order, time);
    struct tw_outcome outcome = lab_message(&lab, "pull", NULL, NULL, body, (size_t)len);
    assert_int_equal(outcome.events, 1);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The rows that the store has, one a line. */
static void list_rows(char *buf, size_t size)
{
    const struct tw_run_filter filter = {.limit = 100};
    const struct tw_run_hit *hits = NULL;
    size_t count = 0;
    bool has_more = false;
    char lines[100][96];
    const char *order[100];
    assert_int_equal(
        tw_reader_runs(lab_reader(&lab), &lab.arena, &filter, &hits, &count, &has_more, NULL),
        TW_OK);
    for (size_t i = 0; i < count; i++) {
        const struct tw_run_row *row = &hits[i].row;
        (void)snprintf(lines[i], sizeof lines[i], "%.*s %.*s %s %.*s %s\n", (int)row->workflow.len,
                       row->workflow.ptr, (int)row->object_id.len, row->object_id.ptr,
                       tw_run_state_name(row->state), (int)row->step.len, row->step.ptr,
                       row->finished.ns == 0 ? "open" : "ended");
        order[i] = lines[i];
    }
    qsort(order, count, sizeof order[0], compare_lines);
    buf[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(buf);
        (void)snprintf(buf + used, size - used, "%s", order[i]);
    }
}

/* Play the story with a commit and a tick behind every `portion` events. */
static void play(size_t portion, char *buf, size_t size)
{
    const struct tw_workflows *set = NULL;
    const size_t count = sizeof story / sizeof story[0];
    lab_open(&lab, config);
    assert_int_equal(tw_workflows_load(lab.cfg, stderr, &set), TW_OK);
    lab_workflows(&lab, set);
    tw_workflows_unref(&set);
    const tw_wall_t start = {lab.clock.wall.ns + 60 * TW_NS_PER_S};
    for (int i = 0; i < 30; i++) { /* past the settling after the start */
        tw_clock_manual_advance(&lab.clock, 2 * TW_NS_PER_S);
        lab_commit(&lab, true);
    }
    for (size_t i = 0; i < count; i++) {
        int64_t at_ns = start.ns + story[i].at_s * TW_NS_PER_S;
        while (portion == 1 && lab.clock.wall.ns + TW_NS_PER_S < at_ns) {
            tw_clock_manual_advance(&lab.clock, TW_NS_PER_S);
            lab_commit(&lab, true);
        }
        tw_clock_manual_advance(&lab.clock, at_ns - lab.clock.wall.ns);
        say(&story[i], start);
        if ((i + 1) % portion == 0) {
            lab_commit(&lab, true);
        }
    }
    for (int i = 0; i < 3; i++) {
        tw_clock_manual_advance(&lab.clock, TW_NS_PER_S);
        lab_commit(&lab, true);
    }
    list_rows(buf, size);
    lab_close(&lab);
}

static void rows__one_batch_or_many__are_the_same(void **state)
{
    (void)state;
    static const size_t portions[] = {1, 2, 3, 7, 1000};
    for (size_t i = 0; i < sizeof portions / sizeof portions[0]; i++) {
        char rows[4096];
        play(portions[i], rows, sizeof rows);
        if (strcmp(rows, expected) != 0) {
            print_error("batches of %zu:\n%s", portions[i], rows);
        }
        assert_string_equal(rows, expected);
    }
}

/* ---- documents of workflows ---- */

/* What the document of the workflow says of `member`: 't', 'f'; '-': there is no document. */
static char document(const char *workflow, const char *member)
{
    char key[64];
    char text[64];
    struct tw_str json;
    (void)snprintf(key, sizeof key, "workflow/%s", workflow);
    int rc = tw_reader_live(lab_reader(&lab), &lab.arena, tw_str_of(key), &json);
    if (rc == TW_ENOTFOUND) {
        return '-';
    }
    assert_int_equal(rc, TW_OK);
    int len = snprintf(text, sizeof text, "\"%s\":", member);
    const char *at = memmem(json.ptr, json.len, text, (size_t)len);
    assert_non_null(at);
    return at == NULL ? '?' : at[len];
}

static void tick(int seconds)
{
    tw_clock_manual_advance(&lab.clock, seconds * TW_NS_PER_S);
    lab_commit(&lab, true);
}

/* Only this file of the two is there. */
static void reload(const char *name)
{
    const struct tw_workflows *set = NULL;
    for (size_t i = 0; i < FILES; i++) {
        if (strcmp(files[i].name, name) == 0) {
            assert_int_equal(tw_workflows_parse(lab.cfg, files[i].name, files[i].yaml,
                                                strlen(files[i].yaml), stderr, &set),
                             TW_OK);
        }
    }
    assert_non_null(set);
    lab_workflows(&lab, set);
    tw_workflows_unref(&set);
}

static void document__workflow_taken_away__is_removed_and_goes_with_its_last_run(void **state)
{
    (void)state;
    lab_open(&lab, config);
    reload("sale.yaml");
    const tw_wall_t start = lab.clock.wall;
    const struct said sold = {0, 0, "1", "sold"};
    const struct said paid = {1, 0, "1", "paid"};
    const struct said posted = {2, 0, "1", "posted"};
    tick(1);
    assert_int_equal(document("sale", "removed"), 'f');
    say(&sold, start);
    tick(1);
    reload("pickup.yaml");
    tick(1);
    assert_int_equal(document("sale", "removed"), 't');
    assert_int_equal(document("pickup", "removed"), 'f');
    lab_stop_and_start(&lab);
    tick(1);
    assert_int_equal(document("sale", "removed"), 't');
    say(&paid, start);
    say(&posted, start);
    tick(1);
    assert_int_equal(document("sale", "removed"), 't'); /* completed, and remembered */
    for (int i = 0; i < 3; i++) {
        tick(600);
    }
    assert_int_equal(document("sale", "removed"), '-');
    reload("sale.yaml");
    tick(1);
    assert_int_equal(document("sale", "removed"), 'f');
    assert_int_equal(document("pickup", "removed"), '-');
    lab_close(&lab);
}

/* Nothing happens in a workflow, and a new partition begins. */
static void document__new_partition__has_all_of_them(void **state)
{
    (void)state;
    struct tw_store_status status;
    lab_open(&lab, config);
    reload("sale.yaml");
    tick(1);
    tick(25 * 3600);
    const struct said other = {0, 0, "1", "unknown"};
    say(&other, lab.clock.wall);
    tick(25 * 3600);
    tick(1);
    assert_int_equal(tw_reader_status(lab_reader(&lab), &status), TW_OK);
    assert_true(status.partitions > 1);
    assert_int_equal(document("sale", "removed"), 'f');
    lab_close(&lab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows__one_batch_or_many__are_the_same),
        cmocka_unit_test(document__workflow_taken_away__is_removed_and_goes_with_its_last_run),
        cmocka_unit_test(document__new_partition__has_all_of_them),
    };
    tw_log_setup(TW_LOG_ERROR, TW_LOG_TEXT);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
