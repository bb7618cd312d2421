/* SPDX-License-Identifier: Apache-2.0
 * web/plot/pool and child with a fake gnuplot, which does what its script says: draw, hang, die,
 * print nonsense. One drawing for all who ask, the edge of the queue, the bound of the cache, the
 * end with drawings under way; what a process inherits.
 */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/clock.h"
#include "web/plot/child.h"
#include "web/plot/pool.h"

#define PATIENCE_MS 20000

/* Built-ins only: a process of the pool may start nothing. */
static const char fake[] =
    "#!/bin/sh\n"
    "while read -r word rest; do\n"
    "  case $word in\n"
    "  hang) while read -r x; do :; done ;;\n"
    "  die) echo \"fake: it dies\" >&2; exit 3 ;;\n"
    "  say) echo \"$rest\" ;;\n"
    "  svg) echo \"<?xml version='1.0'?><svg><!-- $rest ........................................."
    "......... --></svg>\" ;;\n"
    "  show) echo \"secret=$TW_SECRET home=$HOME\"; cd . || echo gone; "
    "for f in /proc/$$/fd/*; do echo \"fd ${f##*/}\"; done ;;\n"
    "  print) rest=${rest#\\\"}; echo \"${rest%\\\"}\" ;;\n"
    "  esac\n"
    "done\n";
static char program[] = "/tmp/tw-fake-gnuplot-XXXXXX";

static int make_program(void **state)
{
    (void)state;
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGPIPE, &ignore, NULL), 0);
    int fd = mkstemp(program);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, fake, sizeof fake - 1), sizeof fake - 1);
    assert_int_equal(fchmod(fd, 0700), 0);
    assert_int_equal(close(fd), 0);
    return 0;
}

static int remove_program(void **state)
{
    (void)state;
    return unlink(program);
}

static struct tw_plot_pool *pool_of(size_t processes, size_t queue, int deadline_ms, size_t cache)
{
    const struct tw_plot_pool_options options = {.program = program,
                                                 .processes = processes,
                                                 .queue = queue,
                                                 .deadline_ms = deadline_ms,
                                                 .cache_bytes = cache};
    struct tw_plot_pool *pool = NULL;
    assert_int_equal(tw_plot_pool_new(&options, &pool), TW_OK);
    return pool;
}

/* A ticket for this key; whoever is the first has `commands` drawn. */
static struct tw_plot_ticket *ask(struct tw_plot_pool *pool, const char *key, const char *commands)
{
    struct tw_plot_ticket *ticket = NULL;
    bool must_draw = false;
    assert_int_equal(tw_plot_pool_get(pool, tw_str_of(key), "image/svg+xml", &ticket, &must_draw),
                     TW_OK);
    if (must_draw) {
        char mark[TW_PLOT_MARK_SIZE];
        char text[512];
        struct tw_buf script;
        tw_buf_init(&script, TW_PLOT_SCRIPT_MAX);
        tw_plot_mark(ticket, mark);
        int len = snprintf(text, sizeof text, "%s\nprint \"%s\"\n", commands, mark);
        assert_int_equal(tw_buf_append(&script, text, (size_t)len), TW_OK);
        tw_plot_pool_submit(ticket, &script);
        assert_null(script.data);
    }
    return ticket;
}

static void count_wake(void *context)
{
    (void)atomic_fetch_add((atomic_int *)context, 1);
}

static void wait_ms(int ms)
{
    const struct timespec pause = {.tv_nsec = ms * TW_NS_PER_MS};
    (void)nanosleep(&pause, NULL);
}

/* What the ticket comes to; dropped. */
static int result_of(struct tw_plot_ticket **ticket_p, char *text, size_t size)
{
    struct tw_plot_picture picture = {0};
    struct tw_diag diag = {""};
    for (int i = 0; i < PATIENCE_MS && !tw_plot_ticket_is_done(*ticket_p); i++) {
        wait_ms(1);
    }
    assert_true(tw_plot_ticket_is_done(*ticket_p));
    int rc = tw_plot_ticket_take(*ticket_p, &picture, &diag);
    if (text != NULL) {
        (void)snprintf(text, size, "%.*s", rc == TW_OK ? (int)picture.len : 400,
                       rc == TW_OK ? picture.bytes : diag.text);
    }
    tw_plot_ticket_drop(ticket_p);
    assert_null(*ticket_p);
    return rc;
}

static int drawn(struct tw_plot_pool *pool, const char *key, const char *commands)
{
    struct tw_plot_ticket *ticket = ask(pool, key, commands);
    return result_of(&ticket, NULL, 0);
}

static struct tw_plot_counts counts_of(struct tw_plot_pool *pool)
{
    struct tw_plot_counts counts;
    tw_plot_pool_counts(pool, &counts);
    return counts;
}

static void get__one_key__is_drawn_once_and_then_comes_from_the_cache(void **state)
{
    (void)state;
    struct tw_plot_pool *pool = pool_of(2, 8, 5000, 1 << 20);
    struct tw_plot_ticket *tickets[50];
    char text[512];
    for (size_t i = 0; i < 50; i++) {
        tickets[i] = ask(pool, "a", "svg one");
    }
    for (size_t i = 0; i < 50; i++) {
        assert_int_equal(result_of(&tickets[i], text, sizeof text), TW_OK);
        assert_non_null(strstr(text, "one"));
        assert_null(strstr(text, "end-"));
    }
    assert_int_equal(counts_of(pool).drawn, 1);
    assert_int_equal(counts_of(pool).joined + counts_of(pool).hits, 49);
    assert_int_equal(drawn(pool, "a", "die"), TW_OK); /* not asked */
    assert_int_equal(counts_of(pool).drawn, 1);
    assert_int_equal(drawn(pool, "b", "svg two"), TW_OK);
    assert_int_equal(counts_of(pool).drawn, 2);
    tw_plot_pool_destroy(&pool);
}

static void arm__each_who_waits__is_woken_once(void **state)
{
    (void)state;
    struct tw_plot_pool *pool = pool_of(1, 8, 5000, 1 << 20);
    atomic_int wakes;
    atomic_init(&wakes, 0);
    struct tw_plot_ticket *a = ask(pool, "a", "svg");
    struct tw_plot_ticket *b = ask(pool, "a", "svg");
    struct tw_plot_ticket *gone = ask(pool, "a", "svg");
    tw_plot_ticket_arm(a, count_wake, &wakes);
    tw_plot_ticket_arm(b, count_wake, &wakes);
    tw_plot_ticket_drop(&gone); /* not armed, not woken, nobody's loss */
    assert_int_equal(result_of(&a, NULL, 0), TW_OK);
    assert_int_equal(result_of(&b, NULL, 0), TW_OK);
    assert_int_equal(atomic_load(&wakes), 2);
    a = ask(pool, "a", "svg");
    tw_plot_ticket_arm(a, count_wake, &wakes); /* there already */
    assert_int_equal(atomic_load(&wakes), 3);
    tw_plot_ticket_drop(&a);
    tw_plot_pool_destroy(&pool);
}

static void draw__a_process_that_fails__is_an_error_and_the_next_one_works(void **state)
{
    (void)state;
    static const struct {
        const char *commands;
        int rc;
        const char *words;
    } rows[] = {
        {"die", TW_ECLOSED, "fake: it dies"},
        {"hang", TW_ETIMEOUT, "gnuplot"},
        {"say nonsense", TW_EDAMAGED, "no picture"},
        {"say <?xml but then it never ends, whatever else may come behind it in this line",
         TW_EDAMAGED, "no picture"},
        {"", TW_EDAMAGED, "no picture"},
    };
    struct tw_plot_pool *pool = pool_of(1, 8, 700, 1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        struct tw_plot_ticket *ticket = ask(pool, "a", rows[i].commands);
        assert_int_equal(result_of(&ticket, text, sizeof text), rows[i].rc);
        assert_non_null(strstr(text, rows[i].words));
        assert_int_equal(counts_of(pool).failed, i + 1);
        char key[8];
        (void)snprintf(key, sizeof key, "k%zu", i);
        assert_int_equal(drawn(pool, key, "svg"), TW_OK);
    }
    assert_int_equal(drawn(pool, "a", "svg"), TW_OK); /* errors are not kept */
    tw_plot_pool_destroy(&pool);
}

static void submit__beyond_the_queue__is_refused_for_all_who_ask(void **state)
{
    (void)state;
    struct tw_plot_pool *pool = pool_of(1, 2, PATIENCE_MS, 1 << 20);
    struct tw_plot_ticket *busy = ask(pool, "busy", "hang");
    while (counts_of(pool).waiting > 0) {
        wait_ms(1); /* until its thread has taken it */
    }
    struct tw_plot_ticket *one = ask(pool, "1", "svg");
    struct tw_plot_ticket *two = ask(pool, "2", "svg");
    assert_false(tw_plot_ticket_is_done(one));
    struct tw_plot_ticket *three = ask(pool, "3", "svg");
    assert_true(tw_plot_ticket_is_done(three));
    assert_int_equal(result_of(&three, NULL, 0), TW_ELIMIT);
    assert_int_equal(counts_of(pool).refused, 1);
    assert_int_equal(counts_of(pool).waiting, 2);
    three = ask(pool, "2", "svg"); /* of one that waits: no place is needed */
    assert_false(tw_plot_ticket_is_done(three));
    tw_plot_pool_stop(pool); /* with one under way and two that wait */
    assert_int_equal(result_of(&busy, NULL, 0), TW_ECLOSED);
    assert_int_equal(result_of(&one, NULL, 0), TW_ECLOSED);
    assert_int_equal(result_of(&two, NULL, 0), TW_ECLOSED);
    assert_int_equal(result_of(&three, NULL, 0), TW_ECLOSED);
    assert_int_equal(drawn(pool, "4", "svg"), TW_ECLOSED);
    tw_plot_pool_destroy(&pool);
    tw_plot_pool_destroy(&pool);
}

static void cache__beyond_its_bytes__lets_the_oldest_go(void **state)
{
    (void)state;
    struct tw_plot_pool *pool = pool_of(1, 2, 5000, 1 << 20);
    assert_int_equal(drawn(pool, "a", "svg"), TW_OK);
    size_t one = counts_of(pool).cached_bytes;
    assert_true(one > 0);
    tw_plot_pool_destroy(&pool);
    pool = pool_of(1, 2, 5000, 2 * one); /* two fit exactly */
    assert_int_equal(drawn(pool, "a", "svg"), TW_OK);
    assert_int_equal(drawn(pool, "b", "svg"), TW_OK);
    assert_int_equal(drawn(pool, "a", "svg"), TW_OK); /* used last: stays */
    assert_int_equal(drawn(pool, "c", "svg"), TW_OK);
    assert_int_equal(counts_of(pool).drawn, 3);
    assert_int_equal(counts_of(pool).cached_bytes, 2 * one);
    assert_int_equal(drawn(pool, "a", "svg"), TW_OK);
    assert_int_equal(counts_of(pool).drawn, 3);
    assert_int_equal(drawn(pool, "b", "svg"), TW_OK);
    assert_int_equal(counts_of(pool).drawn, 4);
    tw_plot_pool_destroy(&pool);
    pool = pool_of(1, 2, 5000, 0); /* nothing is kept */
    assert_int_equal(drawn(pool, "a", "svg"), TW_OK);
    assert_int_equal(drawn(pool, "a", "svg"), TW_OK);
    assert_int_equal(counts_of(pool).drawn, 2);
    assert_int_equal(counts_of(pool).cached_bytes, 0);
    tw_plot_pool_destroy(&pool);
}

static void fail__without_a_script__tells_all_who_wait(void **state)
{
    (void)state;
    struct tw_plot_pool *pool = pool_of(1, 2, 5000, 1 << 20);
    struct tw_plot_ticket *first = NULL;
    bool must_draw = false;
    char text[512];
    assert_int_equal(tw_plot_pool_get(pool, TW_STR_LIT("a"), "image/svg+xml", &first, &must_draw),
                     TW_OK);
    assert_true(must_draw);
    struct tw_plot_ticket *second = ask(pool, "a", "svg");
    tw_plot_pool_fail(first, TW_EDAMAGED, "the store");
    tw_plot_ticket_drop(&first);
    assert_int_equal(result_of(&second, text, sizeof text), TW_EDAMAGED);
    assert_string_equal(text, "the store");
    char key[TW_PLOT_KEY_MAX + 1] = {0};
    assert_int_equal(tw_plot_pool_get(pool, (struct tw_str){key, sizeof key}, "image/svg+xml",
                                      &first, &must_draw),
                     TW_ELIMIT);
    assert_int_equal(tw_plot_pool_get(pool, (struct tw_str){key, TW_PLOT_KEY_MAX}, "image/svg+xml",
                                      &first, &must_draw),
                     TW_OK);
    tw_plot_pool_fail(first, TW_EIO, "x");
    tw_plot_ticket_drop(&first);
    tw_plot_pool_destroy(&pool);
}

static void new__without_a_program__says_so_to_everybody(void **state)
{
    (void)state;
    struct tw_plot_pool_options options = {
        .processes = 1, .queue = 2, .deadline_ms = 1000, .cache_bytes = 0};
    struct tw_plot_pool *pool = NULL;
    assert_int_equal(tw_plot_pool_new(&options, &pool), TW_OK);
    assert_int_equal(drawn(pool, "a", "svg"), TW_ENOTFOUND);
    tw_plot_pool_destroy(&pool);
    options.program = "/nonexistent/gnuplot";
    assert_int_equal(tw_plot_pool_new(&options, &pool), TW_OK);
    assert_int_equal(drawn(pool, "a", "svg"), TW_ENOTFOUND);
    tw_plot_pool_destroy(&pool);
    assert_string_equal(tw_plot_program("/x"), "/x");
}

static void child__inherits__its_pipes_and_nothing_else(void **state)
{
    (void)state;
    static const char script[] = "show\nprint \"end\"\n";
    const struct tw_plot_job job = {
        .script = TW_STR_LIT(script), .mark = "end", .deadline_ms = PATIENCE_MS, .stop_fd = -1};
    struct tw_plot_child child;
    struct tw_buf out;
    struct tw_diag diag = {""};
    int leak = fcntl(1, F_DUPFD, 77); /* inherited if it can be */
    assert_true(leak >= 77);
    assert_int_equal(setenv("TW_SECRET", "hidden", 1), 0);
    tw_buf_init(&out, 1 << 20);
    tw_plot_child_init(&child, program);
    assert_int_equal(tw_plot_child_draw(&child, &job, &out, &diag), TW_OK);
    assert_int_equal(tw_buf_append_byte(&out, '\0'), TW_OK);
    assert_non_null(strstr(out.data, "secret= home=/nonexistent\n"));
    for (const char *at = strstr(out.data, "fd "); at != NULL; at = strstr(at + 1, "fd ")) {
        long fd = strtol(at + 3, NULL, 10);
        assert_true(fd <= 3 || fd == 10 || fd == 255); /* the shell's own: script, listing */
    }
    assert_int_equal(child.starts, 1);
    assert_int_equal(close(leak), 0);
    tw_plot_child_fini(&child);
    tw_buf_fini(&out);
}

static void child__an_answer_that_is_too_long__ends_it(void **state)
{
    (void)state;
    static const char script[] = "svg\nprint \"end\"\n";
    const struct tw_plot_job job = {
        .script = TW_STR_LIT(script), .mark = "end", .deadline_ms = PATIENCE_MS, .stop_fd = -1};
    struct tw_plot_child child;
    struct tw_buf out;
    struct tw_diag diag = {""};
    tw_buf_init(&out, 65536 - 1); /* it is read in pieces of 64 KiB */
    tw_plot_child_init(&child, program);
    assert_int_equal(tw_plot_child_draw(&child, &job, &out, &diag), TW_ELIMIT);
    assert_int_equal(child.pid, 0);
    tw_plot_child_fini(&child);
    tw_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get__one_key__is_drawn_once_and_then_comes_from_the_cache),
        cmocka_unit_test(arm__each_who_waits__is_woken_once),
        cmocka_unit_test(draw__a_process_that_fails__is_an_error_and_the_next_one_works),
        cmocka_unit_test(submit__beyond_the_queue__is_refused_for_all_who_ask),
        cmocka_unit_test(cache__beyond_its_bytes__lets_the_oldest_go),
        cmocka_unit_test(fail__without_a_script__tells_all_who_wait),
        cmocka_unit_test(new__without_a_program__says_so_to_everybody),
        cmocka_unit_test(child__inherits__its_pipes_and_nothing_else),
        cmocka_unit_test(child__an_answer_that_is_too_long__ends_it),
    };
    return cmocka_run_group_tests(tests, make_program, remove_program);
}
