/* SPDX-License-Identifier: Apache-2.0
 * Passwords, ids and tokens, turns at hashing, and when a session is over. */
#include "config.h"
#include "access/password.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "access/bearer.h"
#include "access/session.h"
#include "access/turns.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct tw_password_cost cheap = {TW_PASSWORD_PASSES_MIN, TW_PASSWORD_MEMORY_MIN};
static struct tw_diag diag;

/* ---- which passwords are taken ---- */

static int check(const char *password)
{
    diag.text[0] = '\0';
    return tw_password_check(tw_str_of(password), TW_STR_LIT("anna.berg@example.com"), &diag);
}

static int check_bytes(const char *bytes, size_t len)
{
    return tw_password_check((struct tw_str){bytes, len}, TW_STR_LIT("u"), &diag);
}

static void check__length__in_characters_and_bytes(void **state)
{
    (void)state;
    char text[TW_PASSWORD_BYTES + 2];
    const char *const four = "\xf0\x9f\x90\x9a";
    assert_int_equal(check("kraftvoll-7z"), TW_OK); /* 12 */
    assert_int_equal(check("kraftvoll-7"), TW_EINVAL);
    assert_string_equal(diag.text, "password: 12 to 128 characters");
    assert_int_equal(check(""), TW_EINVAL);
    /* 128 characters of four bytes are 512 bytes */
    for (size_t i = 0; i < TW_PASSWORD_MAX; i++) {
        memcpy(text + 4 * i, four, 4);
        text[4 * i + 3] = (char)(0x80 + i % 60);
    }
    text[TW_PASSWORD_BYTES] = 'x';
    assert_int_equal(check_bytes(text, TW_PASSWORD_BYTES), TW_OK);
    assert_int_equal(check_bytes(text, TW_PASSWORD_BYTES + 1), TW_EINVAL);
    assert_string_equal(diag.text, "password: at most 512 bytes");
    for (size_t i = 0; i <= TW_PASSWORD_MAX; i++) {
        text[i] = (char)('!' + i * 7 % 90);
    }
    assert_int_equal(check_bytes(text, TW_PASSWORD_MAX), TW_OK);
    assert_int_equal(check_bytes(text, TW_PASSWORD_MAX + 1), TW_EINVAL);
    /* eleven characters in more bytes */
    assert_int_equal(check("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f-kraft-"), TW_EINVAL);
    assert_int_equal(check("\xc3\xa4\xc3\xb6\xc3\xbc\xc3\x9f-kraft-9"), TW_OK);
}

static void check__bytes__utf8_without_control(void **state)
{
    (void)state;
    assert_int_equal(check("kraftvoll-7z\xff"), TW_EINVAL);
    assert_string_equal(diag.text, "password: it is not UTF-8");
    assert_int_equal(check("kraftvoll\t-7zx"), TW_EINVAL);
    assert_string_equal(diag.text, "password: it has control characters");
    assert_int_equal(check("kraftvoll\x7f-7zx"), TW_EINVAL);
    const struct tw_str nul = {"kraftvoll\0-7zx", 14};
    assert_int_equal(tw_password_check(nul, TW_STR_LIT("u"), &diag), TW_EINVAL);
    assert_int_equal(check("with blanks in it, why not"), TW_OK);
}

static void check__guessable__is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *password;
        const char *said;
    } rows[] = {
        {"1qaz2wsx3edc", "commonest"},
        {"Q1W2E3R4T5Y6", "commonest"},
        {"qwerty123456", "commonest"},
        {"sonyericsson", "commonest"},
        {"$0ny3ricss0n", "commonest"},
        {"aaaaaaaaaaaaaaaaaaaab", "row"},
        {"abababababab", "row"},
        {"bcdefghijklmnop", "row"},
        {"yxwvutsrqponm", "row"},
        {"abcdabcdabcdabcd", "row"},
        {"7777777778888888", "row"},
        {"Tillwatch2026", "a name"},
        {"t1llw@tch-2026", "a name"},
        {"!Tillwatch!tillwatch!", "a name"},
        {"anna.berg2026", "a name"},
        {"Anna.Berg1234567", "a name"},
        {"anna.berg@example.com", "a name"},
        {"xanna.berg@example.com1", "a name"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (check(rows[i].password) != TW_EINVAL || strstr(diag.text, rows[i].said) == NULL) {
            fail_msg("%s: %s", rows[i].password, diag.text);
        }
        assert_null(strstr(diag.text, rows[i].password)); /* never said again */
    }
    assert_int_equal(check("tillwatch and 8 more"), TW_OK);
    assert_int_equal(check("anna.berg 12 more: xq"), TW_OK);
    /* a name of two letters is in everything */
    assert_int_equal(tw_password_check(TW_STR_LIT("kraftvoll-7z"), TW_STR_LIT("kr"), &diag), TW_OK);
}

static void common__list__3000_and_more_in_order(void **state)
{
    (void)state;
    assert_true(tw_passwords_common_count >= 3000);
    for (size_t i = 0; i < tw_passwords_common_count; i++) {
        const char *word = tw_passwords_common[i];
        assert_true(strlen(word) >= TW_PASSWORD_MIN && strlen(word) <= TW_PASSWORD_MAX);
        assert_true(i == 0 || strcmp(tw_passwords_common[i - 1], word) < 0);
        assert_int_equal(tw_password_check(tw_str_of(word), TW_STR_LIT("u"), NULL), TW_EINVAL);
    }
}

/* ---- what is kept of them ---- */

static void hash__argon2id__is_its_password_only(void **state)
{
    (void)state;
    char hash[TW_PASSWORD_HASH_SIZE];
    char again[TW_PASSWORD_HASH_SIZE];
    const struct tw_str password = TW_STR_LIT("kraftvoll-7z");
    assert_int_equal(tw_password_hash(password, &cheap, hash), TW_OK);
    assert_int_equal(tw_password_hash(password, &cheap, again), TW_OK);
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
    assert_string_not_equal(hash, again); /* each its own salt */
    assert_true(tw_password_is(password, tw_str_of(hash)));
    assert_false(tw_password_is(TW_STR_LIT("kraftvoll-7Z"), tw_str_of(hash)));
    assert_false(tw_password_is(TW_STR_LIT("kraftvoll-7z "), tw_str_of(hash)));
    assert_false(tw_password_is(TW_STR_LIT(""), tw_str_of(hash)));
    assert_false(tw_password_is(password, TW_STR_LIT("")));
    assert_false(tw_password_is(password, TW_STR_LIT("$argon2id$v=19$m=1,t=1,p=1$x$y")));
    assert_false(tw_password_is(password, (struct tw_str){hash, strlen(hash) - 1}));
    char longer[TW_PASSWORD_HASH_SIZE + 1];
    memset(longer, 'x', sizeof longer);
    assert_false(tw_password_is(password, (struct tw_str){longer, TW_PASSWORD_HASH_SIZE}));
}

static void hash__cost__within_its_bounds(void **state)
{
    (void)state;
    char hash[TW_PASSWORD_HASH_SIZE];
    const struct tw_str password = TW_STR_LIT("kraftvoll-7z");
    static const struct tw_password_cost outside[] = {
        {TW_PASSWORD_PASSES_MIN - 1, TW_PASSWORD_MEMORY_MIN},
        {TW_PASSWORD_PASSES_MAX + 1, TW_PASSWORD_MEMORY_MIN},
        {TW_PASSWORD_PASSES_MIN, TW_PASSWORD_MEMORY_MIN - 1},
        {TW_PASSWORD_PASSES_MIN, TW_PASSWORD_MEMORY_MAX + 1},
    };
    for (size_t i = 0; i < COUNT(outside); i++) {
        assert_int_equal(tw_password_hash(password, &outside[i], hash), TW_EINVAL);
    }
    const struct tw_str too_long = {tw_passwords_common[0], TW_PASSWORD_BYTES + 1};
    assert_int_equal(tw_password_hash(too_long, &cheap, hash), TW_EINVAL); /* not looked at */
    assert_false(tw_password_is(too_long, TW_STR_LIT("$argon2id$")));
}

static void stale__other_cost__is_made_anew(void **state)
{
    (void)state;
    char hash[TW_PASSWORD_HASH_SIZE];
    const struct tw_password_cost dearer = {TW_PASSWORD_PASSES_MIN + 1, TW_PASSWORD_MEMORY_MIN};
    assert_int_equal(tw_password_hash(TW_STR_LIT("kraftvoll-7z"), &cheap, hash), TW_OK);
    assert_false(tw_password_is_stale(tw_str_of(hash), &cheap));
    assert_true(tw_password_is_stale(tw_str_of(hash), &dearer));
    assert_true(tw_password_is_stale(TW_STR_LIT("no hash"), &cheap));
    assert_true(tw_password_is_stale(TW_STR_LIT(""), &cheap));
}

static void make__one_of_ours__is_taken_and_differs(void **state)
{
    (void)state;
    char made[64][TW_PASSWORD_MADE_SIZE];
    for (size_t i = 0; i < COUNT(made); i++) {
        assert_int_equal(tw_password_make(made[i]), TW_OK);
        assert_int_equal(strlen(made[i]), TW_PASSWORD_MADE_SIZE - 1);
        assert_int_equal(strspn(made[i], "abcdefghijkmnpqrstuvwxyz23456789-"),
                         TW_PASSWORD_MADE_SIZE - 1);
        assert_int_equal(check(made[i]), TW_OK);
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(made[i], made[k]);
        }
    }
}

/* ---- ids and tokens ---- */

static void bearer__shown__has_the_hash_that_was_stored(void **state)
{
    (void)state;
    static const enum tw_bearer kinds[] = {TW_BEARER_SESSION, TW_BEARER_TOKEN, TW_BEARER_DEVICE};
    char text[TW_BEARER_TEXT_SIZE];
    char second[TW_BEARER_TEXT_SIZE];
    uint8_t hash[TW_BEARER_HASH_BYTES];
    uint8_t again[TW_BEARER_HASH_BYTES];
    for (size_t i = 0; i < COUNT(kinds); i++) {
        assert_int_equal(tw_bearer_make(kinds[i], second, again), TW_OK);
        assert_int_equal(tw_bearer_make(kinds[i], text, hash), TW_OK);
        assert_string_not_equal(text, second);
        assert_memory_not_equal(hash, again, sizeof hash);
        assert_int_equal(tw_bearer_hash(kinds[i], tw_str_of(text), again), TW_OK);
        assert_memory_equal(hash, again, sizeof hash);
        assert_int_equal(strlen(text), TW_BEARER_DIGITS + (kinds[i] == TW_BEARER_TOKEN ? 3u : 0u));
    }
}

static void bearer__other_kind__has_another_hash(void **state)
{
    (void)state;
    char text[TW_BEARER_TEXT_SIZE];
    uint8_t hash[TW_BEARER_HASH_BYTES];
    uint8_t other[TW_BEARER_HASH_BYTES];
    assert_int_equal(tw_bearer_make(TW_BEARER_TOKEN, text, hash), TW_OK);
    assert_int_equal(strncmp(text, TW_TOKEN_PREFIX, 3), 0);
    assert_int_equal(tw_bearer_hash(TW_BEARER_SESSION, tw_str_of(text), other), TW_EINVAL);
    assert_int_equal(tw_bearer_hash(TW_BEARER_SESSION, tw_str_of(text + 3), other), TW_OK);
    assert_memory_not_equal(hash, other, sizeof hash);
    assert_int_equal(tw_bearer_hash(TW_BEARER_DEVICE, tw_str_of(text + 3), hash), TW_OK);
    assert_memory_not_equal(hash, other, sizeof hash);
}

static void bearer__forged__is_refused(void **state)
{
    (void)state;
    char text[TW_BEARER_TEXT_SIZE];
    uint8_t hash[TW_BEARER_HASH_BYTES];
    assert_int_equal(tw_bearer_make(TW_BEARER_TOKEN, text, hash), TW_OK);
    const size_t all = strlen(text);
    for (size_t len = 0; len < all; len++) {
        assert_int_equal(tw_bearer_hash(TW_BEARER_TOKEN, (struct tw_str){text, len}, hash),
                         TW_EINVAL);
    }
    assert_int_equal(tw_bearer_hash(TW_BEARER_TOKEN, (struct tw_str){text, all + 1}, hash),
                     TW_EINVAL);
    assert_int_equal(tw_bearer_hash(TW_BEARER_TOKEN, TW_STR_NULL, hash), TW_EINVAL);
    for (size_t i = 0; i < all; i++) {
        char kept = text[i];
        text[i] = i < 3 ? 'x' : '+'; /* of the other base64 */
        assert_int_equal(tw_bearer_hash(TW_BEARER_TOKEN, (struct tw_str){text, all}, hash),
                         TW_EINVAL);
        text[i] = '\0';
        assert_int_equal(tw_bearer_hash(TW_BEARER_TOKEN, (struct tw_str){text, all}, hash),
                         TW_EINVAL);
        text[i] = kept;
    }
    text[all - 1] = 'B'; /* its last bits are behind the 256 */
    assert_int_equal(tw_bearer_hash(TW_BEARER_TOKEN, (struct tw_str){text, all}, hash), TW_EINVAL);
}

static void wipe__leaves_nothing(void **state)
{
    (void)state;
    char text[] = "kraftvoll";
    tw_wipe(text, sizeof text);
    for (size_t i = 0; i < sizeof text; i++) {
        assert_int_equal(text[i], 0);
    }
}

/* ---- turns ---- */

struct taker {
    struct tw_turns *turns;
    int wait_ms;
    int rc;
    _Atomic bool has_ended;
};

static void *take(void *arg)
{
    struct taker *self = arg;
    self->rc = tw_turns_take(self->turns, self->wait_ms);
    atomic_store(&self->has_ended, true);
    return NULL;
}

static void wait_until_waiting(struct tw_turns *turns, unsigned count)
{
    for (;;) {
        (void)pthread_mutex_lock(&turns->mutex);
        unsigned waiting = turns->waiting;
        (void)pthread_mutex_unlock(&turns->mutex);
        if (waiting == count) {
            return;
        }
        (void)sched_yield();
    }
}

static void turns__all_taken__some_wait_the_rest_is_sent_away(void **state)
{
    (void)state;
    struct tw_turns turns;
    pthread_t threads[3];
    struct taker takers[3];
    assert_int_equal(tw_turns_init(&turns, 2, 3), TW_OK);
    assert_int_equal(tw_turns_take(&turns, 0), TW_OK);
    assert_int_equal(tw_turns_take(&turns, 0), TW_OK);
    assert_int_equal(tw_turns_take(&turns, 20), TW_ETIMEOUT);
    for (size_t i = 0; i < COUNT(threads); i++) {
        takers[i] = (struct taker){.turns = &turns, .wait_ms = 60000};
        assert_int_equal(pthread_create(&threads[i], NULL, take, &takers[i]), 0);
        wait_until_waiting(&turns, (unsigned)i + 1);
    }
    assert_int_equal(tw_turns_take(&turns, 60000), TW_EAGAIN);
    for (size_t i = 0; i < COUNT(threads); i++) {
        tw_turns_give(&turns);
        wait_until_waiting(&turns, (unsigned)(COUNT(threads) - i - 1));
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(takers[i].rc, TW_OK);
    }
    tw_turns_give(&turns);
    tw_turns_give(&turns);
    assert_int_equal(turns.taken, 0);
    tw_turns_fini(&turns);
    tw_turns_fini(&turns); /* once is enough */
}

/* ---- sessions ---- */

#define S(seconds)  ((int64_t)(seconds)*TW_NS_PER_S)
#define AT(seconds) ((tw_wall_t){S(1700000000 + (int64_t)(seconds))})
static const struct tw_session_limits limits = {.idle_s = 1800, .absolute_s = 43200};

static void session__idle__ends_at_the_second(void **state)
{
    (void)state;
    struct tw_session_time time = tw_session_begun(&limits, AT(0));
    assert_false(tw_session_is_over(&time, &limits, AT(0)));
    assert_false(tw_session_is_over(&time, &limits, (tw_wall_t){AT(1800).ns - 1}));
    assert_true(tw_session_is_over(&time, &limits, AT(1800)));
    tw_session_see(&time, AT(1799));
    assert_false(tw_session_is_over(&time, &limits, AT(1799 + 1799)));
    assert_true(tw_session_is_over(&time, &limits, AT(1799 + 1800)));
}

static void session__absolute__ends_however_it_is_used(void **state)
{
    (void)state;
    struct tw_session_time time = tw_session_begun(&limits, AT(0));
    for (int64_t at = 0; at < 43200; at += 600) {
        assert_false(tw_session_is_over(&time, &limits, AT(at)));
        tw_session_see(&time, AT(at));
    }
    assert_false(tw_session_is_over(&time, &limits, (tw_wall_t){AT(43200).ns - 1}));
    assert_true(tw_session_is_over(&time, &limits, AT(43200)));
}

static void session__tighter_limits__count_at_once(void **state)
{
    (void)state;
    const struct tw_session_limits tight = {.idle_s = 300, .absolute_s = 900};
    struct tw_session_time time = tw_session_begun(&limits, AT(0));
    tw_session_see(&time, AT(800));
    assert_false(tw_session_is_over(&time, &tight, AT(899)));
    assert_true(tw_session_is_over(&time, &tight, AT(900)));
}

static void session__clock_jumps__back_five_minutes_at_most(void **state)
{
    (void)state;
    struct tw_session_time time = tw_session_begun(&limits, AT(10000));
    assert_false(tw_session_is_over(&time, &limits, AT(10000 - 300)));
    assert_true(tw_session_is_over(&time, &limits, (tw_wall_t){AT(10000 - 300).ns - 1}));
    assert_true(tw_session_is_over(&time, &limits, AT(10000 + 864000))); /* ahead ten days */
    assert_true(tw_session_is_over(&time, &limits, (tw_wall_t){INT64_MIN}));
    assert_true(tw_session_is_over(&time, &limits, (tw_wall_t){INT64_MAX}));
    time.seen.ns = INT64_MIN; /* a damaged row */
    assert_true(tw_session_is_over(&time, &limits, AT(0)));
    time.seen.ns = INT64_MAX;
    assert_true(tw_session_is_over(&time, &limits, AT(0)));
    time = tw_session_begun(&limits, AT(0));
    time.created.ns = INT64_MIN;
    assert_true(tw_session_is_over(&time, &limits, AT(1)));
}

/* A clock that goes back again and again, as far as it may: what has passed in truth is at most the
 * absolute time and, for every jump, the time between the two uses around it. */
static void session__clock_that_goes_back_for_ever__ends_all_the_same(void **state)
{
    (void)state;
    for (int64_t jump_s = 1; jump_s <= TW_SESSION_BACK_S; jump_s += 13) {
        struct tw_session_time time = tw_session_begun(&limits, AT(0));
        int64_t true_s = 0;
        int64_t shown_s = 0;
        int64_t lost_s = 0;
        while (!tw_session_is_over(&time, &limits, AT(shown_s))) {
            tw_session_see(&time, AT(shown_s));
            bool goes_back = true_s % 3600 == 0;
            true_s += 60;
            shown_s += 60 - (goes_back ? jump_s : 0);
            lost_s += goes_back ? (jump_s < 60 ? jump_s : 60) : 0;
            assert_true(true_s <= limits.absolute_s + lost_s + 60);
        }
        assert_true(true_s >= limits.absolute_s);
    }
}

/* Ten days back, while nobody looks: it is over, not begun anew. */
static void session__ten_days_back__is_over(void **state)
{
    (void)state;
    struct tw_session_time time = tw_session_begun(&limits, AT(0));
    tw_session_see(&time, AT(40000 / 30));
    assert_true(tw_session_is_over(&time, &limits, AT(-864000)));
    assert_int_equal(time.left_ns, S(43200 - 40000 / 30));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check__length__in_characters_and_bytes),
        cmocka_unit_test(check__bytes__utf8_without_control),
        cmocka_unit_test(check__guessable__is_refused),
        cmocka_unit_test(common__list__3000_and_more_in_order),
        cmocka_unit_test(hash__argon2id__is_its_password_only),
        cmocka_unit_test(hash__cost__within_its_bounds),
        cmocka_unit_test(stale__other_cost__is_made_anew),
        cmocka_unit_test(make__one_of_ours__is_taken_and_differs),
        cmocka_unit_test(bearer__shown__has_the_hash_that_was_stored),
        cmocka_unit_test(bearer__other_kind__has_another_hash),
        cmocka_unit_test(bearer__forged__is_refused),
        cmocka_unit_test(wipe__leaves_nothing),
        cmocka_unit_test(turns__all_taken__some_wait_the_rest_is_sent_away),
        cmocka_unit_test(session__idle__ends_at_the_second),
        cmocka_unit_test(session__absolute__ends_however_it_is_used),
        cmocka_unit_test(session__tighter_limits__count_at_once),
        cmocka_unit_test(session__clock_jumps__back_five_minutes_at_most),
        cmocka_unit_test(session__clock_that_goes_back_for_ever__ends_all_the_same),
        cmocka_unit_test(session__ten_days_back__is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
