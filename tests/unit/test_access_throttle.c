/* SPDX-License-Identifier: Apache-2.0
 * The throttle on simulated time: what strangers may try, and that no stranger holds up the owner.
 */
#include "config.h"
#include "access/throttle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct tw_throttle *throttle;
static tw_mono_t now;
static const uint8_t device[TW_BEARER_HASH_BYTES] = {1, 2, 3};
static const uint8_t other_device[TW_BEARER_HASH_BYTES] = {4, 5, 6};

static int set_up(void **state)
{
    (void)state;
    now.ns = INT64_C(123456789012345);
    return tw_throttle_new(&throttle) == TW_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    tw_throttle_destroy(&throttle);
    tw_throttle_destroy(&throttle); /* accepts NULL */
    return 0;
}

static void later(int64_t seconds)
{
    now.ns += seconds * TW_NS_PER_S;
}

static struct tw_guess guess_of(const char *account, const char *address)
{
    return (struct tw_guess){.account = tw_str_of(account), .address = tw_str_of(address)};
}

/* Seconds to wait; 0: a wrong guess was made. */
static int64_t wrong(const char *account, const char *address)
{
    struct tw_guess guess = guess_of(account, address);
    int64_t wait_s = 0;
    int rc = tw_throttle_try(throttle, &guess, now, &wait_s);
    assert_true(rc == TW_OK ? wait_s == 0 : rc == TW_EAGAIN && wait_s > 0);
    return wait_s;
}

/* The right one; true: it was let through. */
static bool right_with(const char *account, const char *address, const uint8_t *mark)
{
    struct tw_guess guess = guess_of(account, address);
    int64_t wait_s = 0;
    guess.device = mark;
    if (tw_throttle_try(throttle, &guess, now, &wait_s) != TW_OK) {
        return false;
    }
    tw_throttle_right(throttle, &guess, now);
    return true;
}

static bool right(const char *account, const char *address)
{
    return right_with(account, address, NULL);
}

static const char *address_of(unsigned number)
{
    static char text[32];
    (void)snprintf(text, sizeof text, "10.%u.%u.%u", number >> 16 & 255, number >> 8 & 255,
                   number & 255);
    return text;
}

static void try__any_number_of_addresses__ten_in_any_15_minutes(void **state)
{
    (void)state;
    enum { SECONDS = 4 * 3600, STEP = 3 };
    static int64_t let_through[SECONDS]; /* when */
    size_t count = 0;
    unsigned address = 0;
    for (int64_t at = 0; at < SECONDS; at += STEP) {
        for (int i = 0; i < 4; i++) { /* each from an address of its own */
            if (wrong("anna", address_of(address++)) == 0) {
                let_through[count++] = at;
            }
        }
        later(STEP);
    }
    assert_true(count >= 150); /* and no fewer than that: the window slides */
    for (size_t i = TW_THROTTLE_ACCOUNT; i < count; i++) {
        assert_true(let_through[i] - let_through[i - TW_THROTTLE_ACCOUNT] >= TW_THROTTLE_WINDOW_S);
    }
}

static void try__tenth_and_eleventh__wait_to_the_second(void **state)
{
    (void)state;
    for (int i = 0; i < TW_THROTTLE_ACCOUNT; i++) {
        assert_int_equal(wrong("anna", "192.0.2.1"), 0);
        later(1);
    }
    /* the first was 10 s ago, and may have been at the end of its second */
    assert_int_equal(wrong("anna", "192.0.2.2"), TW_THROTTLE_WINDOW_S + 1 - 10);
    assert_int_equal(wrong("bert", "192.0.2.2"), 0); /* of another account nothing is known */
    later(TW_THROTTLE_WINDOW_S + 1 - 10 - 1);
    assert_int_equal(wrong("anna", "192.0.2.2"), 1);
    later(1);
    assert_int_equal(wrong("anna", "192.0.2.2"), 0);
    assert_int_equal(wrong("anna", "192.0.2.2"), 1); /* the second is a second younger */
}

static void try__under_way__counts_until_it_was_right(void **state)
{
    (void)state;
    struct tw_guess guess = guess_of("anna", "192.0.2.1");
    int64_t wait_s = 0;
    /* many at once, none of them answered */
    for (int i = 0; i < TW_THROTTLE_ACCOUNT; i++) {
        assert_int_equal(tw_throttle_try(throttle, &guess, now, &wait_s), TW_OK);
    }
    assert_int_equal(tw_throttle_try(throttle, &guess, now, &wait_s), TW_EAGAIN);
    tw_throttle_right(throttle, &guess, now);
    assert_int_equal(wrong("anna", "192.0.2.9"), 0);
    assert_true(wrong("anna", "192.0.2.9") > 0);
}

static void right__never_counts(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_true(right("anna", address_of((unsigned)i)));
    }
    for (int i = 0; i < TW_THROTTLE_ACCOUNT; i++) {
        assert_int_equal(wrong("anna", "192.0.2.1"), 0);
    }
    assert_true(wrong("anna", "192.0.2.1") > 0);
}

static void right__known_address__is_not_held_up_by_strangers(void **state)
{
    (void)state;
    assert_true(right("anna", "192.0.2.1"));
    for (unsigned day = 0; day < 3; day++) {
        for (unsigned i = 0; i < 1000; i++) { /* without end */
            (void)wrong("anna", address_of(i));
        }
        assert_true(wrong("anna", "198.51.100.7") > 0);
        assert_true(right("anna", "192.0.2.1"));
        later(300);
    }
    /* its own wrong ones are limited, too, and do not last */
    for (int i = 0; i < TW_THROTTLE_KNOWN; i++) {
        assert_int_equal(wrong("anna", "192.0.2.1"), 0);
    }
    assert_int_equal(wrong("anna", "192.0.2.1"), TW_THROTTLE_WINDOW_S + 1);
    assert_false(right("anna", "192.0.2.1"));
    later(TW_THROTTLE_WINDOW_S + 1);
    assert_true(right("anna", "192.0.2.1"));
    /* known for this account only */
    for (unsigned i = 0; i < 100; i++) {
        (void)wrong("bert", address_of(i));
    }
    assert_true(wrong("bert", "192.0.2.1") > 0);
}

static void right__known_device__from_wherever_it_is(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        (void)wrong("anna", address_of(i));
    }
    assert_false(right("anna", "192.0.2.1"));
    assert_true(right_with("anna", "192.0.2.1", device)); /* it is stored as one of hers */
    struct tw_guess guess = guess_of("anna", "192.0.2.2");
    int64_t wait_s = 0;
    guess.device = other_device;
    for (int i = 0; i < TW_THROTTLE_KNOWN; i++) {
        assert_int_equal(tw_throttle_try(throttle, &guess, now, &wait_s), TW_OK);
    }
    assert_int_equal(tw_throttle_try(throttle, &guess, now, &wait_s), TW_EAGAIN);
    assert_true(right_with("anna", "192.0.2.3", device)); /* each has its own */
}

static void try__one_address_many_accounts__thirty(void **state)
{
    (void)state;
    char account[16];
    int let_through = 0;
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(account, sizeof account, "user%d", i);
        let_through += wrong(account, "192.0.2.1") == 0 ? 1 : 0;
    }
    assert_int_equal(let_through, TW_THROTTLE_ADDRESS);
    assert_int_equal(wrong("user0", "192.0.2.2"), 0);
}

static void try__addresses_of_one_network__are_one(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool is_one;
    } rows[] = {
        {"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true},
        {"2001:db8:1:2::1", "2001:db8:1:3::1", false},
        {"::ffff:192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"not an address", "not an addresS", false},
        {"", "x", false},
    };
    char account[16];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tw_throttle_destroy(&throttle);
        assert_int_equal(tw_throttle_new(&throttle), TW_OK);
        for (int k = 0; k < TW_THROTTLE_ADDRESS; k++) {
            (void)snprintf(account, sizeof account, "user%d", k);
            assert_int_equal(wrong(account, rows[i].a), 0);
        }
        assert_true((wrong("last", rows[i].b) > 0) == rows[i].is_one);
    }
    /* longer than any: cut, never beyond its end */
    char longest[300];
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(wrong("anna", longest), 0);
    tw_throttle_destroy(&throttle);
    assert_int_equal(tw_throttle_new(&throttle), TW_OK);
    struct tw_guess absent = {.account = TW_STR_NULL, .address = TW_STR_NULL};
    int64_t wait_s = 0;
    assert_int_equal(tw_throttle_try(throttle, &absent, now, &wait_s), TW_OK);
}

/* Whoever guesses at one account cannot make it forgotten by guessing at others in between. */
static void try__many_more_than_there_is_room_for__the_guessed_one_stays(void **state)
{
    (void)state;
    char account[16];
    assert_true(right("owner", "192.0.2.1"));
    for (int i = 0; i < TW_THROTTLE_ACCOUNT; i++) {
        assert_int_equal(wrong("anna", address_of((unsigned)i)), 0);
    }
    for (unsigned i = 0; i < TW_THROTTLE_MAX + 2000; i++) {
        (void)snprintf(account, sizeof account, "user%u", i);
        assert_int_equal(wrong(account, address_of(i + 1000)), 0);
        now.ns += 20 * TW_NS_PER_MS; /* as fast as two cores hash */
    }
    assert_true(wrong("anna", address_of(999)) > 0);
    for (unsigned i = 0; i < 1000; i++) {
        (void)wrong("owner", address_of(i));
    }
    assert_true(right("owner", "192.0.2.1"));
    later(TW_THROTTLE_WINDOW_S);
    assert_int_equal(wrong("anna", address_of(999)), 0);
}

static void right__more_places_than_there_is_room_for__the_oldest_goes(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= TW_THROTTLE_PLACES_MAX; i++) {
        assert_true(right("anna", address_of(i)));
        later(1);
    }
    for (unsigned i = 0; i < 100; i++) {
        (void)wrong("anna", address_of(1000 + i));
    }
    assert_false(right("anna", address_of(0)));
    for (unsigned i = 1; i <= TW_THROTTLE_PLACES_MAX; i++) {
        assert_true(right("anna", address_of(i)));
    }
    /* all that there is room for: the newest are known, the oldest is a stranger again */
    char account[16];
    for (unsigned i = 0; i < TW_THROTTLE_MAX + 100; i++) {
        later(i == 1 ? 1 : 0);
        (void)snprintf(account, sizeof account, "user%u", i);
        assert_true(right(account, address_of(i)));
    }
    for (unsigned i = 0; i < 100; i++) {
        (void)wrong("user0", address_of(20000 + i));
        (void)wrong("user9000", address_of(20000 + i));
    }
    assert_false(right("user0", address_of(0)));
    assert_true(right("user9000", address_of(9000)));
}

static void forget__password_changed__all_are_strangers(void **state)
{
    (void)state;
    assert_true(right("anna", "192.0.2.1"));
    assert_true(right("anna", "192.0.2.2"));
    assert_true(right("bert", "192.0.2.1"));
    for (unsigned i = 0; i < 100; i++) {
        (void)wrong("anna", address_of(i));
        (void)wrong("bert", address_of(i));
    }
    tw_throttle_forget(throttle, TW_STR_LIT("anna"));
    tw_throttle_forget(throttle, TW_STR_LIT("nobody"));
    assert_false(right("anna", "192.0.2.1"));
    assert_false(right("anna", "192.0.2.2"));
    assert_true(right("bert", "192.0.2.1"));
}

static void try__clock_read_before_the_lock__does_not_go_back(void **state)
{
    (void)state;
    assert_int_equal(wrong("bert", "192.0.2.3"), 0);
    later(10);
    for (int i = 0; i < TW_THROTTLE_ACCOUNT; i++) {
        assert_int_equal(wrong("anna", "192.0.2.1"), 0);
    }
    later(-5);
    assert_int_equal(wrong("anna", "192.0.2.2"), TW_THROTTLE_WINDOW_S + 1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(try__any_number_of_addresses__ten_in_any_15_minutes),
        CASE(try__tenth_and_eleventh__wait_to_the_second),
        CASE(try__under_way__counts_until_it_was_right),
        CASE(right__never_counts),
        CASE(right__known_address__is_not_held_up_by_strangers),
        CASE(right__known_device__from_wherever_it_is),
        CASE(try__one_address_many_accounts__thirty),
        CASE(try__addresses_of_one_network__are_one),
        CASE(try__many_more_than_there_is_room_for__the_guessed_one_stays),
        CASE(right__more_places_than_there_is_room_for__the_oldest_goes),
        CASE(forget__password_changed__all_are_strangers),
        CASE(try__clock_read_before_the_lock__does_not_go_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
