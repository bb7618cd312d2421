/* SPDX-License-Identifier: Apache-2.0
 * store/audit_attempts: what was refused is in the audit, how often, and never more rows than the
 * limits say. */
#include "config.h"
#include "store_kit.h"

#include <string.h>
#include <unistd.h>

#include "store/audit_attempts.h"
#include "store/audit_verify.h"
#include "store/desk.h"

static struct kit kit;
static struct tw_attempts *attempts;
static tw_wall_t now;
static tw_mono_t mono;
static uint64_t refused; /* as many as were noted */

static int set_up(void **state)
{
    struct tw_desk *desk = NULL;
    (void)state;
    kit_init(&kit, 6364136223846793005u);
    assert_int_equal(kit_open(&kit), TW_OK);
    kit_commit(&kit, 5, false);
    assert_int_equal(tw_desk_open(kit.dir, &desk, &kit.diag), TW_OK);
    tw_desk_close(&desk);
    assert_int_equal(tw_attempts_new(kit.dir, &attempts), TW_OK);
    now.ns = 1700000000 * TW_NS_PER_S;
    mono.ns = 0;
    refused = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_attempts_destroy(&attempts);
    kit_fini(&kit);
    return 0;
}

static void pass(int64_t seconds)
{
    now.ns += seconds * TW_NS_PER_S;
    mono.ns += seconds * TW_NS_PER_S;
}

static int try(const char *actor)
{
    const struct tw_attempt attempt = {
        .actor = tw_str_of(actor),
        .address = TW_STR_LIT("10.0.0.9"),
        .action = TW_STR_LIT("sign-in"),
        .subject = TW_STR_LIT("session"),
        .detail = TW_STR_LIT("{\"why\":\"password\"}"),
    };
    refused++;
    return tw_attempts_note(attempts, &attempt, now, mono, &kit.diag);
}

static int64_t number(const char *sql)
{
    return kit_number(&kit, TW_DESK_NAME, sql);
}

static int64_t rows(void)
{
    return number("SELECT count(*) FROM audit");
}

/* Rows without a count are one each. */
static int64_t counted(void)
{
    return number("SELECT coalesce(sum(coalesce(json_extract(CAST(detail AS TEXT), '$.count'), 1)),"
                  " 0) FROM audit");
}

static void check_whole(void)
{
    struct tw_audit_verdict verdict;
    assert_int_equal(tw_audit_verify(kit.dir, NULL, NULL, &verdict, &kit.diag), TW_OK);
    assert_int_equal(verdict.fault, TW_AUDIT_NONE);
}

static void note__one__has_its_row_at_once(void **state)
{
    (void)state;
    assert_int_equal(try("ann"), TW_OK);
    assert_int_equal(rows(), 1);
    assert_int_equal(
        number("SELECT outcome = CAST('refused' AS BLOB) AND kind = CAST('unknown' AS"
               " BLOB) AND actor = CAST('ann' AS BLOB) AND detail ="
               " CAST('{\"why\":\"password\"}' AS BLOB) AND reason IS NULL FROM audit"),
        1);
    check_whole();
}

static void note__again_within_the_minute__is_one_row_with_the_count(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(try("ann"), TW_OK);
    }
    assert_int_equal(rows(), 1);
    pass(TW_ATTEMPT_EVERY_S - 1);
    assert_int_equal(tw_attempts_tick(attempts, false, now, mono, &kit.diag), TW_OK);
    assert_int_equal(rows(), 1);
    pass(1);
    assert_int_equal(tw_attempts_tick(attempts, false, now, mono, &kit.diag), TW_OK);
    assert_int_equal(rows(), 2);
    assert_int_equal(number("SELECT json_extract(CAST(detail AS TEXT), '$.count') FROM audit"
                            " WHERE id = 2"),
                     999);
    assert_int_equal(tw_attempts_tick(attempts, false, now, mono, &kit.diag), TW_OK);
    assert_int_equal(rows(), 2);
    /* without a tick the next one brings the count with it */
    assert_int_equal(try("ann"), TW_OK);
    assert_int_equal(try("ann"), TW_OK);
    pass(TW_ATTEMPT_EVERY_S);
    assert_int_equal(try("ann"), TW_OK);
    assert_int_equal(rows(), 3);
    assert_int_equal(counted(), refused);
    check_whole();
}

static void tick__at_the_end__writes_all_counts(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(try("ann"), TW_OK);
        assert_int_equal(try("bob"), TW_OK);
    }
    assert_int_equal(rows(), 2);
    assert_int_equal(tw_attempts_tick(attempts, true, now, mono, &kit.diag), TW_OK);
    assert_int_equal(rows(), 4);
    assert_int_equal(counted(), refused);
}

/* A flood of names: twenty rows, then one a minute for all others; every attempt is counted. */
static void note__ever_other_names__are_bounded(void **state)
{
    (void)state;
    char name[32];
    uint64_t n = 0;
    for (int minute = 0; minute < 5; minute++) {
        int64_t before = rows();
        for (int i = 0; i < 300; i++) {
            (void)snprintf(name, sizeof name, "user-%llu", (unsigned long long)n++);
            assert_int_equal(try(name), TW_OK);
        }
        assert_true(rows() - before <= TW_ATTEMPT_ROWS + 2);
        pass(TW_ATTEMPT_EVERY_S);
        assert_int_equal(tw_attempts_tick(attempts, false, now, mono, &kit.diag), TW_OK);
        assert_true(rows() - before <= TW_ATTEMPT_ROWS + 2);
    }
    assert_int_equal(counted(), refused);
    assert_int_equal(
        number("SELECT count(*) > 0 FROM audit WHERE subject = CAST('others' AS BLOB)"), 1);
    check_whole();
}

/* All places taken by kinds that go on: the next kind is counted with the others. */
static void note__more_kinds_than_places__are_counted_together(void **state)
{
    (void)state;
    char name[32];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < TW_ATTEMPT_KINDS + 1; i++) {
            (void)snprintf(name, sizeof name, "user-%d", i);
            assert_int_equal(try(name), TW_OK);
            assert_int_equal(try(name), TW_OK);
        }
        pass(TW_ATTEMPT_EVERY_S / 2);
    }
    for (int i = 0; i < 4; i++) {
        pass(TW_ATTEMPT_EVERY_S);
        assert_int_equal(tw_attempts_tick(attempts, false, now, mono, &kit.diag), TW_OK);
    }
    assert_int_equal(counted(), refused);
    check_whole();
}

static void note__cannot_be_written__is_counted_and_written_later(void **state)
{
    (void)state;
    char key[TW_PATH_MAX];
    char aside[TW_PATH_MAX + 8];
    (void)snprintf(key, sizeof key, "%s", kit_path(&kit, "audit.key"));
    (void)snprintf(aside, sizeof aside, "%s.aside", key);
    assert_int_equal(rename(key, aside), 0);
    assert_int_equal(try("ann"), TW_EIO);
    assert_non_null(strstr(kit.diag.text, "audit.key"));
    assert_int_equal(try("ann"), TW_OK); /* not tried again within the minute */
    assert_int_equal(rows(), 0);
    pass(TW_ATTEMPT_EVERY_S);
    assert_int_equal(tw_attempts_tick(attempts, false, now, mono, &kit.diag), TW_EIO);
    assert_int_equal(rename(aside, key), 0);
    pass(TW_ATTEMPT_EVERY_S);
    assert_int_equal(tw_attempts_tick(attempts, false, now, mono, &kit.diag), TW_OK);
    assert_int_equal(rows(), 1);
    assert_int_equal(counted(), refused);
}

static void note__long_texts__are_cut(void **state)
{
    (void)state;
    char text[4096];
    memset(text, 'x', sizeof text);
    for (size_t extra = 0; extra < 2; extra++) {
        const struct tw_str longest = {text, TW_ATTEMPT_TEXT + extra * 1000};
        const struct tw_attempt attempt = {
            .actor = longest,
            .action = longest,
            .subject = {text, TW_ATTEMPT_TEXT - 1},
            .detail = {text, TW_ATTEMPT_DETAIL + extra},
        };
        assert_int_equal(tw_attempts_note(attempts, &attempt, now, mono, &kit.diag), TW_OK);
        pass(TW_ATTEMPT_EVERY_S);
    }
    assert_int_equal(number("SELECT count(*) FROM audit WHERE length(actor) = 128"
                            " AND length(action) = 128 AND length(subject) = 127"
                            " AND address IS NULL"),
                     2);
    assert_int_equal(number("SELECT sum(coalesce(length(detail), 1)) FROM audit"),
                     TW_ATTEMPT_DETAIL + 1);
}

/* Fields are told apart also where their bytes follow each other alike. */
static void note__kinds__are_told_apart_by_every_field(void **state)
{
    (void)state;
    struct tw_attempt attempt = {.actor = TW_STR_LIT("a"), .action = TW_STR_LIT("b")};
    struct tw_str *const fields[] = {&attempt.actor, &attempt.kind, &attempt.address,
                                     &attempt.action, &attempt.subject};
    attempt.subject = TW_STR_LIT("c");
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        struct tw_str before = *fields[i];
        for (int k = 0; k < 2; k++) {
            *fields[i] = k == 0 ? TW_STR_LIT("") : TW_STR_LIT("zz");
            assert_int_equal(tw_attempts_note(attempts, &attempt, now, mono, &kit.diag), TW_OK);
            assert_int_equal(rows(), (int64_t)(2 * i) + k + 1);
            assert_int_equal(tw_attempts_note(attempts, &attempt, now, mono, &kit.diag), TW_OK);
            assert_int_equal(rows(), (int64_t)(2 * i) + k + 1);
        }
        *fields[i] = before;
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(note__one__has_its_row_at_once),
        CASE(note__again_within_the_minute__is_one_row_with_the_count),
        CASE(tick__at_the_end__writes_all_counts),
        CASE(note__ever_other_names__are_bounded),
        CASE(note__more_kinds_than_places__are_counted_together),
        CASE(note__cannot_be_written__is_counted_and_written_later),
        CASE(note__long_texts__are_cut),
        CASE(note__kinds__are_told_apart_by_every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
