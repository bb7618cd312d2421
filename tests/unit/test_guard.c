/* SPDX-License-Identifier: Apache-2.0
 * Connections that take too long are ended, others are not. */
#include "config.h"
#include "web/guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* 10 s of timeout: 20 s for a request, 100 s for an answer. */
#define TIMEOUT_S 10

struct pair {
    int ours;
    int theirs;
};

static struct pair open_pair(void)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    return (struct pair){fds[0], fds[1]};
}

static bool has_ended(const struct pair *pair)
{
    char byte = 0;
    return recv(pair->theirs, &byte, 1, 0) == 0;
}

static void close_pair(const struct pair *pair)
{
    (void)close(pair->ours);
    (void)close(pair->theirs);
}

static void guard__request_that_does_not_arrive__is_ended_at_its_deadline(void **state)
{
    (void)state;
    struct tw_clock_manual clock;
    struct tw_guard *guard = NULL;
    struct pair pair = open_pair();
    tw_clock_manual_init(&clock, (tw_wall_t){TW_NS_PER_S});
    assert_int_equal(tw_guard_new(&clock.clock, TIMEOUT_S, &guard), TW_OK);
    struct tw_guarded *entry = tw_guard_add(guard, pair.ours);
    assert_non_null(entry);
    tw_clock_manual_advance(&clock, 2 * TIMEOUT_S * TW_NS_PER_S - 1);
    assert_int_equal(tw_guard_sweep(guard), 0);
    assert_false(has_ended(&pair));
    tw_clock_manual_advance(&clock, 1);
    assert_int_equal(tw_guard_sweep(guard), 1);
    assert_true(has_ended(&pair));
    assert_int_equal(tw_guard_sweep(guard), 0); /* once */
    tw_guard_remove(guard, &entry);
    assert_null(entry);
    tw_guard_remove(guard, &entry);
    tw_guard_destroy(&guard);
    close_pair(&pair);
}

static void guard__answer__has_longer_and_the_next_request_begins_anew(void **state)
{
    (void)state;
    struct tw_clock_manual clock;
    struct tw_guard *guard = NULL;
    struct pair pair = open_pair();
    tw_clock_manual_init(&clock, (tw_wall_t){TW_NS_PER_S});
    assert_int_equal(tw_guard_new(&clock.clock, TIMEOUT_S, &guard), TW_OK);
    struct tw_guarded *entry = tw_guard_add(guard, pair.ours);
    tw_clock_manual_advance(&clock, TIMEOUT_S * TW_NS_PER_S);
    tw_guard_sending(guard, entry);
    tw_clock_manual_advance(&clock, 10 * TIMEOUT_S * TW_NS_PER_S - 1);
    assert_int_equal(tw_guard_sweep(guard), 0);
    tw_guard_awaiting(guard, entry);
    tw_clock_manual_advance(&clock, 2 * TIMEOUT_S * TW_NS_PER_S - 1);
    assert_int_equal(tw_guard_sweep(guard), 0);
    tw_guard_sending(guard, entry);
    tw_clock_manual_advance(&clock, 10 * TIMEOUT_S * TW_NS_PER_S);
    assert_int_equal(tw_guard_sweep(guard), 1);
    assert_true(has_ended(&pair));
    tw_guard_remove(guard, &entry);
    tw_guard_destroy(&guard);
    close_pair(&pair);
}

static void guard__removed_connections__are_left_alone(void **state)
{
    (void)state;
    struct tw_clock_manual clock;
    struct tw_guard *guard = NULL;
    struct pair pairs[3] = {open_pair(), open_pair(), open_pair()};
    struct tw_guarded *entries[3];
    tw_clock_manual_init(&clock, (tw_wall_t){TW_NS_PER_S});
    assert_int_equal(tw_guard_new(&clock.clock, TIMEOUT_S, &guard), TW_OK);
    for (size_t i = 0; i < 3; i++) {
        entries[i] = tw_guard_add(guard, pairs[i].ours);
    }
    tw_guard_remove(guard, &entries[1]);
    tw_guard_sending(guard, NULL);
    tw_guard_awaiting(guard, NULL);
    tw_clock_manual_advance(&clock, 3600 * TW_NS_PER_S);
    assert_int_equal(tw_guard_sweep(guard), 2);
    assert_true(has_ended(&pairs[0]));
    assert_false(has_ended(&pairs[1]));
    assert_true(has_ended(&pairs[2]));
    tw_guard_destroy(&guard); /* with entries left */
    for (size_t i = 0; i < 3; i++) {
        close_pair(&pairs[i]);
    }
}

static void guard__ended_by_hand__is_ended_once_and_at_once(void **state)
{
    (void)state;
    struct tw_clock_manual clock;
    struct tw_guard *guard = NULL;
    struct pair pair = open_pair();
    tw_clock_manual_init(&clock, (tw_wall_t){TW_NS_PER_S});
    assert_int_equal(tw_guard_new(&clock.clock, TIMEOUT_S, &guard), TW_OK);
    struct tw_guarded *entry = tw_guard_add(guard, pair.ours);
    tw_guard_end(guard, NULL);
    assert_false(has_ended(&pair));
    tw_guard_end(guard, entry);
    assert_true(has_ended(&pair));
    tw_clock_manual_advance(&clock, 2 * TIMEOUT_S * TW_NS_PER_S);
    assert_int_equal(tw_guard_sweep(guard), 0);
    tw_guard_remove(guard, &entry);
    tw_guard_destroy(&guard);
    close_pair(&pair);
}

static void guard__started__stops_when_destroyed(void **state)
{
    (void)state;
    struct tw_guard *guard = NULL;
    assert_int_equal(tw_guard_new(tw_clock_system(), TIMEOUT_S, &guard), TW_OK);
    assert_int_equal(tw_guard_start(guard), TW_OK);
    tw_guard_destroy(&guard);
    assert_null(guard);
    tw_guard_destroy(&guard);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guard__request_that_does_not_arrive__is_ended_at_its_deadline),
        cmocka_unit_test(guard__answer__has_longer_and_the_next_request_begins_anew),
        cmocka_unit_test(guard__removed_connections__are_left_alone),
        cmocka_unit_test(guard__ended_by_hand__is_ended_once_and_at_once),
        cmocka_unit_test(guard__started__stops_when_destroyed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
