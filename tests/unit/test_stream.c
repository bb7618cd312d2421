/* SPDX-License-Identifier: Apache-2.0
 * Clients of the stream: what each is told, who is woken, who is dropped. The server is played by
 * a port that counts. */
#include "config.h"
#include "web/stream.h"

#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define FIRST 1000 /* number of the first tick */

struct peer {
    unsigned suspended;
    unsigned resumed;
    unsigned dropped;
};

static void on_suspend(void *peer)
{
    ((struct peer *)peer)->suspended++;
}

static void on_resume(void *peer)
{
    ((struct peer *)peer)->resumed++;
}

static void on_drop(void *peer)
{
    ((struct peer *)peer)->dropped++;
}

static const struct tw_stream_port port = {
    .suspend = on_suspend, .resume = on_resume, .drop = on_drop};

static struct tw_streams *new_streams(size_t max)
{
    struct tw_streams *all = NULL;
    assert_int_equal(tw_streams_new(&port, max, FIRST, &all), TW_OK);
    return all;
}

static struct tw_stream *open_one(struct tw_streams *all, uint64_t last_id, struct peer *peer)
{
    struct tw_stream *stream = NULL;
    *peer = (struct peer){0};
    assert_int_equal(tw_stream_open(all, last_id, &stream), TW_OK);
    tw_stream_attach(stream, peer);
    return stream;
}

static void publish(struct tw_streams *all)
{
    assert_int_equal(tw_streams_publish(all, json_pack("{s:i,s:[]}", "last_n", 7, "views")), TW_OK);
}

/* What the next read gives, NUL-terminated, in a buffer of its own; "" when it is suspended. */
static const char *next_text(struct tw_stream *stream)
{
    static char text[TW_STREAM_MAX_UNSENT * 2];
    ssize_t got = tw_stream_read(stream, text, sizeof text - 1);
    assert_true(got >= 0);
    text[got] = '\0';
    return text;
}

/* The first bytes of each connection. */
static void expect_preamble(struct tw_stream *stream)
{
    assert_memory_equal(next_text(stream), "retry: 2000\n", 12);
}

/* The next read is tick `number` with these views. */
static void expect_tick(struct tw_stream *stream, uint64_t number, const char *views)
{
    char wanted[1024];
    (void)snprintf(wanted, sizeof wanted,
                   "event: tick\nid: %" PRIu64 "\ndata: {\"last_n\":7,\"views\":[%s]}\n\n", number,
                   views);
    assert_string_equal(next_text(stream), wanted);
}

static void expect_suspended(struct tw_stream *stream, const struct peer *peer, unsigned times)
{
    assert_string_equal(next_text(stream), "");
    assert_int_equal(peer->suspended, times);
}

static void stream__client_without_a_number__is_told_all_and_then_what_changed(void **state)
{
    (void)state;
    struct peer peer;
    struct tw_streams *all = new_streams(2);
    publish(all);
    struct tw_stream *stream = open_one(all, 0, &peer);
    expect_preamble(stream);
    expect_tick(stream, FIRST, "\"*\""); /* at once, the one that is there */
    expect_suspended(stream, &peer, 1);
    assert_int_equal(peer.resumed, 0);
    tw_streams_changed(all, "workflow/a");
    tw_streams_changed(all, "events");
    publish(all);
    assert_int_equal(peer.resumed, 1);
    expect_tick(stream, FIRST + 1, "\"status\",\"events\",\"workflow/a\"");
    expect_suspended(stream, &peer, 2);
    publish(all);
    expect_tick(stream, FIRST + 2, "\"status\"");
    tw_stream_end(&stream, false);
    assert_null(stream);
    tw_stream_end(&stream, false);
    tw_streams_destroy(&all);
    tw_streams_destroy(&all);
}

#define ALERT(text) "event: alert\ndata: {\"new\":[" text "]}\n\n"

static void say_alert(struct tw_streams *all, const char *what)
{
    json_t *counts = json_pack("{s:[]}", "new");
    assert_int_equal(tw_streams_alert(all, counts, json_pack("{s:[s]}", "new", what)), TW_OK);
}

/* The next read begins with this, and a tick follows. */
static void expect_alert(struct tw_stream *stream, const char *alert)
{
    const char *text = next_text(stream);
    assert_memory_equal(text, alert, strlen(alert));
    assert_memory_equal(text + strlen(alert), "event: tick\n", 12);
}

static void stream__alert__goes_before_a_tick_once(void **state)
{
    (void)state;
    struct peer peers[3];
    struct tw_streams *all = new_streams(3);
    say_alert(all, "first");
    publish(all);
    struct tw_stream *stream = open_one(all, 0, &peers[0]);
    expect_preamble(stream);
    expect_alert(stream, ALERT("")); /* who comes is told what stands, and of nothing that rings */
    say_alert(all, "second");
    publish(all);
    expect_alert(stream, ALERT("\"second\""));
    publish(all);
    expect_tick(stream, FIRST + 2, "\"status\"");
    struct tw_stream *back = open_one(all, FIRST, &peers[1]);
    expect_preamble(back);
    expect_alert(back, ALERT("\"second\"")); /* was away when it was told */
    struct tw_stream *late = open_one(all, FIRST + 1, &peers[2]);
    expect_preamble(late);
    expect_tick(late, FIRST + 2, "\"status\"");
    assert_int_equal(tw_streams_alert(all, NULL, json_object()), TW_ENOMEM);
    assert_int_equal(tw_streams_alert(all, json_object(), NULL), TW_ENOMEM);
    publish(all);
    expect_tick(late, FIRST + 3, "\"status\"");
    tw_stream_end(&stream, false);
    tw_stream_end(&back, false);
    tw_stream_end(&late, false);
    tw_streams_destroy(&all);
}

static void stream__before_the_first_tick__waits_for_it(void **state)
{
    (void)state;
    struct peer peer;
    struct tw_streams *all = new_streams(1);
    struct tw_stream *stream = open_one(all, 0, &peer);
    expect_preamble(stream);
    expect_suspended(stream, &peer, 1);
    publish(all);
    assert_int_equal(peer.resumed, 1);
    expect_tick(stream, FIRST, "\"*\"");
    tw_stream_end(&stream, false);
    tw_streams_destroy(&all);
}

static void stream__client_that_missed_ticks__gets_one_that_names_all(void **state)
{
    (void)state;
    struct peer peer;
    struct tw_streams *all = new_streams(1);
    publish(all);
    struct tw_stream *stream = open_one(all, 0, &peer);
    expect_preamble(stream);
    expect_tick(stream, FIRST, "\"*\"");
    const char *const views[] = {"a", "b", "a"};
    for (size_t i = 0; i < 3; i++) {
        tw_streams_changed(all, views[i]);
        publish(all);
    }
    assert_int_equal(peer.resumed, 0); /* it was not waiting */
    expect_tick(stream, FIRST + 3, "\"status\",\"a\",\"b\"");
    expect_suspended(stream, &peer, 1);
    tw_stream_end(&stream, false);
    tw_streams_destroy(&all);
}

/* Comes back with `last_id`, sees `views` in tick `number`. */
static void expect_return(struct tw_streams *all, uint64_t last_id, uint64_t number,
                          const char *views)
{
    struct peer peer;
    struct tw_stream *stream = open_one(all, last_id, &peer);
    expect_preamble(stream);
    expect_tick(stream, number, views);
    expect_suspended(stream, &peer, 1);
    tw_stream_end(&stream, false);
}

static void stream__last_event_id__is_known_for_the_kept_ticks_and_no_more(void **state)
{
    (void)state;
    struct tw_streams *all = new_streams(1);
    publish(all);
    tw_streams_changed(all, "old");
    publish(all); /* FIRST + 1 */
    uint64_t last = FIRST + 1;
    for (; last < FIRST + TW_STREAM_KEPT_TICKS; last++) {
        tw_streams_changed(all, "new");
        publish(all);
    }
    expect_return(all, last, last, "\"status\"");
    expect_return(all, last - 1, last, "\"status\",\"new\"");
    expect_return(all, FIRST, last, "\"status\",\"new\",\"old\""); /* 60 ticks ago */
    expect_return(all, FIRST - 1, last, "\"*\"");                  /* of another process */
    expect_return(all, last + 1, last, "\"*\"");                   /* of the future */
    tw_streams_changed(all, "new");
    publish(all);
    expect_return(all, FIRST, last + 1, "\"*\""); /* 61 ticks ago */
    expect_return(all, FIRST + 1, last + 1, "\"status\",\"new\"");
    tw_streams_all_changed(all);
    publish(all);
    expect_return(all, last + 1, last + 2, "\"*\"");
    expect_return(all, last + 2, last + 2, "\"status\"");
    tw_streams_destroy(&all);
}

static void stream__pieces_smaller_than_a_tick__come_whole(void **state)
{
    (void)state;
    struct peer peer;
    char text[256];
    size_t len = 0;
    struct tw_streams *all = new_streams(1);
    struct tw_stream *stream = open_one(all, 0, &peer);
    expect_preamble(stream);
    publish(all);
    for (;;) {
        ssize_t got = tw_stream_read(stream, text + len, 7);
        assert_true(got >= 0 && got <= 7);
        if (got == 0) {
            break;
        }
        len += (size_t)got;
        if (len == 7) {
            publish(all); /* what is under way is not changed by the next */
        }
    }
    text[len] = '\0';
    assert_string_equal(text, "event: tick\nid: 1000\ndata: {\"last_n\":7,\"views\":[\"*\"]}\n\n"
                              "event: tick\nid: 1001\ndata: {\"last_n\":7,\"views\":[\"status\"]}"
                              "\n\n");
    tw_stream_end(&stream, false);
    tw_streams_destroy(&all);
}

static void stream__gone_in_the_middle_of_a_tick__leaks_nothing(void **state)
{
    (void)state;
    struct peer peer;
    char byte = 0;
    struct tw_streams *all = new_streams(1);
    publish(all);
    struct tw_stream *stream = open_one(all, 0, &peer);
    expect_preamble(stream);
    assert_int_equal(tw_stream_read(stream, &byte, 1), 1);
    tw_stream_end(&stream, false);
    tw_streams_destroy(&all);
}

/* Publish a tick of `bytes` in all. */
static void publish_bytes(struct tw_streams *all, size_t bytes)
{
    size_t around = strlen("event: tick\nid: 1000\ndata: {\"views\":[\"status\"],\"p\":\"\"}\n\n");
    char *text = calloc(1, bytes - around + 1);
    assert_non_null(text);
    memset(text, 'x', bytes - around);
    assert_int_equal(tw_streams_publish(all, json_pack("{s:[],s:s}", "views", "p", text)), TW_OK);
    free(text);
}

static void stream__client_that_does_not_read__is_dropped_behind_the_bound(void **state)
{
    (void)state;
    struct peer peer;
    struct tw_stream_counts counts;
    struct tw_streams *all = new_streams(2);
    publish(all);
    struct tw_stream *stream = open_one(all, 0, &peer);
    expect_preamble(stream);
    expect_tick(stream, FIRST, "\"*\"");
    publish_bytes(all, TW_STREAM_MAX_UNSENT / 2);
    publish_bytes(all, TW_STREAM_MAX_UNSENT / 2); /* just what may wait */
    assert_int_equal(peer.dropped, 0);
    assert_non_null(strstr(next_text(stream), "id: 1002\n")); /* it reads after all: from nought */
    publish_bytes(all, TW_STREAM_MAX_UNSENT);
    assert_int_equal(peer.dropped, 0);
    publish_bytes(all, 100);
    assert_int_equal(peer.dropped, 1);
    publish_bytes(all, 100);
    assert_int_equal(peer.dropped, 1); /* once */
    char byte = 0;
    assert_int_equal(tw_stream_read(stream, &byte, 1), -1);
    tw_streams_count(all, &counts);
    assert_int_equal(counts.open, 1);
    assert_int_equal(counts.dropped, 1);
    assert_int_equal(counts.refused, 0);
    tw_stream_end(&stream, false);
    tw_streams_destroy(&all);
}

static void stream__connection_that_timed_out__counts_as_dropped_once(void **state)
{
    (void)state;
    struct peer peers[2];
    struct tw_stream_counts counts;
    struct tw_streams *all = new_streams(2);
    publish(all);
    struct tw_stream *stuck = open_one(all, 0, &peers[0]);
    struct tw_stream *dropped = open_one(all, 0, &peers[1]);
    publish_bytes(all, TW_STREAM_MAX_UNSENT);
    expect_preamble(stuck);
    assert_non_null(strstr(next_text(stuck), "id: 1001\n"));
    publish(all);
    assert_int_equal(peers[1].dropped, 1);
    tw_stream_end(&dropped, true);
    tw_streams_count(all, &counts);
    assert_int_equal(counts.dropped, 1);
    tw_stream_end(&stuck, true);
    tw_streams_count(all, &counts);
    assert_int_equal(counts.dropped, 2);
    tw_streams_destroy(&all);
}

static void stream__client_that_waits__is_never_dropped(void **state)
{
    (void)state;
    struct peer peer;
    struct tw_streams *all = new_streams(1);
    struct tw_stream *stream = open_one(all, 0, &peer);
    expect_preamble(stream);
    for (unsigned i = 1; i <= 4; i++) {
        expect_suspended(stream, &peer, i);
        publish_bytes(all, TW_STREAM_MAX_UNSENT);
        assert_int_equal(peer.resumed, i);
        assert_true(strlen(next_text(stream)) > TW_STREAM_MAX_UNSENT / 2);
    }
    assert_int_equal(peer.dropped, 0);
    tw_stream_end(&stream, false);
    tw_streams_destroy(&all);
}

static void stream__more_clients_than_the_maximum__are_refused_and_counted(void **state)
{
    (void)state;
    struct peer peers[3];
    struct tw_stream *streams[3];
    struct tw_stream *more = NULL;
    struct tw_stream_counts counts;
    struct tw_streams *all = new_streams(3);
    for (size_t i = 0; i < 3; i++) {
        streams[i] = open_one(all, 0, &peers[i]);
    }
    assert_int_equal(tw_stream_open(all, 0, &more), TW_ELIMIT);
    assert_null(more);
    tw_streams_count(all, &counts);
    assert_int_equal(counts.open, 3);
    assert_int_equal(counts.refused, 1);
    tw_stream_end(&streams[1], false);
    streams[1] = open_one(all, 0, &peers[1]);
    for (size_t i = 0; i < 3; i++) {
        tw_stream_end(&streams[i], false);
    }
    tw_streams_count(all, &counts);
    assert_int_equal(counts.open, 0);
    tw_streams_destroy(&all);
}

static void stream__names_beyond_their_bytes__become_one(void **state)
{
    (void)state;
    char name[256];
    struct peer peer;
    struct tw_streams *all = new_streams(1);
    publish(all);
    struct tw_stream *stream = open_one(all, 0, &peer);
    expect_preamble(stream);
    expect_tick(stream, FIRST, "\"*\"");
    for (int more = 0; more < 2; more++) {
        for (int i = 0; i < (int)TW_STREAM_MAX_NAMES / 64 + more; i++) {
            (void)snprintf(name, sizeof name, "workflow/%055d", i);
            tw_streams_changed(all, name);
        }
        publish(all);
        const char *text = next_text(stream);
        assert_true((strstr(text, "[\"*\"]") != NULL) == (more == 1));
        assert_true((strstr(text, "workflow/") != NULL) == (more == 0));
    }
    tw_stream_end(&stream, false);
    tw_streams_destroy(&all);
}

static void stream__views_beyond_those_remembered__count_as_all(void **state)
{
    (void)state;
    char name[64];
    struct tw_streams *all = new_streams(1);
    publish(all);
    for (int i = 0; i < TW_STREAM_MAX_VIEWS; i++) {
        (void)snprintf(name, sizeof name, "v%d", i);
        tw_streams_changed(all, name);
    }
    publish(all);
    tw_streams_changed(all, "v7");
    publish(all);
    expect_return(all, FIRST + 1, FIRST + 2, "\"status\",\"v7\"");
    tw_streams_changed(all, "one more");
    publish(all);
    expect_return(all, FIRST + 2, FIRST + 3, "\"*\"");
    tw_streams_destroy(&all);
}

static void stream__store_that_says_nothing__is_a_comment(void **state)
{
    (void)state;
    struct peer peer;
    struct tw_streams *all = new_streams(1);
    struct tw_stream *stream = open_one(all, 0, &peer);
    expect_preamble(stream);
    expect_suspended(stream, &peer, 1);
    tw_streams_beat(all);
    assert_int_equal(peer.resumed, 1);
    assert_string_equal(next_text(stream), ": the store says nothing\n\n");
    expect_suspended(stream, &peer, 2);
    publish(all);
    expect_tick(stream, FIRST, "\"*\"");
    tw_stream_end(&stream, false);
    tw_streams_destroy(&all);
}

static void stream__tick_without_memory__is_left_out_and_nothing_is_lost(void **state)
{
    (void)state;
    struct peer peer;
    struct tw_streams *all = new_streams(1);
    publish(all);
    struct tw_stream *stream = open_one(all, 0, &peer);
    expect_preamble(stream);
    expect_tick(stream, FIRST, "\"*\"");
    tw_streams_changed(all, "a");
    assert_int_equal(tw_streams_publish(all, NULL), TW_ENOMEM);
    expect_suspended(stream, &peer, 1);
    publish(all);
    expect_tick(stream, FIRST + 1, "\"status\",\"a\"");
    tw_stream_end(&stream, false);
    tw_streams_destroy(&all);
}

static void stream__close__wakes_everybody_and_refuses_more(void **state)
{
    (void)state;
    struct peer peers[2];
    struct tw_stream *more = NULL;
    char byte = 0;
    struct tw_streams *all = new_streams(4);
    struct tw_stream *waits = open_one(all, 0, &peers[0]);
    struct tw_stream *reads = open_one(all, 0, &peers[1]);
    expect_preamble(waits);
    expect_suspended(waits, &peers[0], 1);
    tw_streams_close(all);
    assert_int_equal(peers[0].resumed, 1);
    assert_int_equal(peers[1].resumed, 0);
    publish(all); /* the ticker may be about to */
    assert_int_equal(tw_stream_read(waits, &byte, 1), -1);
    assert_int_equal(tw_stream_read(reads, &byte, 1), -1);
    assert_int_equal(peers[0].suspended, 1);
    assert_int_equal(tw_stream_open(all, 0, &more), TW_ECLOSED);
    tw_stream_end(&waits, false);
    tw_stream_end(&reads, false);
    tw_streams_destroy(&all);
}

static bool is_woken(const struct tw_streams *all)
{
    struct pollfd fd = {.fd = tw_streams_wake_fd(all), .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static void stream__rest__begins_when_nobody_was_there_for_long_and_ends_with_the_next(void **state)
{
    (void)state;
    struct peer peer;
    struct tw_streams *all = new_streams(1);
    struct tw_stream *stream = open_one(all, 0, &peer); /* it rests in the beginning */
    assert_true(is_woken(all));
    tw_streams_wake(all);
    assert_false(is_woken(all));
    publish(all);
    tw_stream_end(&stream, false);
    for (int i = 1; i <= TW_STREAM_KEPT_TICKS; i++) {
        assert_false(tw_streams_rest(all));
        if (i % 2 == 0) {
            publish(all);
        } else {
            tw_streams_beat(all);
        }
    }
    assert_true(tw_streams_rest(all));
    uint64_t last = FIRST + TW_STREAM_KEPT_TICKS / 2;
    stream = open_one(all, last, &peer);
    assert_true(is_woken(all));
    expect_preamble(stream);
    expect_suspended(stream, &peer, 1); /* what was published long ago is not shown */
    publish(all);
    expect_tick(stream, last + 1, "\"*\""); /* nor is known what changed meanwhile */
    tw_stream_end(&stream, false);
    tw_streams_destroy(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stream__client_without_a_number__is_told_all_and_then_what_changed),
        cmocka_unit_test(stream__alert__goes_before_a_tick_once),
        cmocka_unit_test(stream__before_the_first_tick__waits_for_it),
        cmocka_unit_test(stream__client_that_missed_ticks__gets_one_that_names_all),
        cmocka_unit_test(stream__last_event_id__is_known_for_the_kept_ticks_and_no_more),
        cmocka_unit_test(stream__pieces_smaller_than_a_tick__come_whole),
        cmocka_unit_test(stream__gone_in_the_middle_of_a_tick__leaks_nothing),
        cmocka_unit_test(stream__client_that_does_not_read__is_dropped_behind_the_bound),
        cmocka_unit_test(stream__connection_that_timed_out__counts_as_dropped_once),
        cmocka_unit_test(stream__client_that_waits__is_never_dropped),
        cmocka_unit_test(stream__more_clients_than_the_maximum__are_refused_and_counted),
        cmocka_unit_test(stream__names_beyond_their_bytes__become_one),
        cmocka_unit_test(stream__views_beyond_those_remembered__count_as_all),
        cmocka_unit_test(stream__store_that_says_nothing__is_a_comment),
        cmocka_unit_test(stream__tick_without_memory__is_left_out_and_nothing_is_lost),
        cmocka_unit_test(stream__close__wakes_everybody_and_refuses_more),
        cmocka_unit_test(
            stream__rest__begins_when_nobody_was_there_for_long_and_ends_with_the_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
