/* SPDX-License-Identifier: Apache-2.0
 * client: libtillwatch against a ROUTER socket that plays the tower: frames, window, resends,
 * acknowledgements. The spool file has test_spool.c. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zmq.h>

#include "tillwatch.h"
#include "unit/fake_tower.h"

static struct tillwatch_options options_for(const struct fake_tower *tower, struct ack_log *log)
{
    return (struct tillwatch_options){.endpoint = tower->endpoint,
                                      .acknowledged = ack_log_add,
                                      .context = log,
                                      .resend_ms = 60000};
}

static void flush(tillwatch_sender *sender)
{
    assert_int_equal(tillwatch_flush(sender, FAKE_TOWER_PATIENCE_MS), TILLWATCH_OK);
}

static void send__topic_and_headers__make_the_documented_frames(void **state)
{
    struct fake_tower *tower = *state;
    struct ack_log log = {.count = 0};
    struct tillwatch_options options = options_for(tower, &log);
    tillwatch_sender *sender = NULL;
    assert_int_equal(tillwatch_open(&options, &sender), TILLWATCH_OK);
    uint64_t ticket = 0;
    assert_int_equal(tillwatch_send(sender, NULL, NULL, "{1}", 3, &ticket), TILLWATCH_OK);
    assert_int_equal(ticket, 1);
    assert_int_equal(tillwatch_send(sender, "pos", NULL, "{2}", 3, &ticket), TILLWATCH_OK);
    assert_int_equal(ticket, 2);
    assert_int_equal(tillwatch_send(sender, NULL, "a: b\n", "{3}", 3, NULL), TILLWATCH_OK);
    assert_int_equal(tillwatch_send(sender, "pos", "a: b\n", "", 0, NULL), TILLWATCH_OK);
    static const char *const expected[4][4] = {
        {"{1}"}, {"pos", "{2}"}, {"", "a: b\n", "{3}"}, {"pos", "a: b\n", ""}};
    static const size_t counts[4] = {1, 2, 3, 3};
    for (size_t i = 0; i < 4; i++) {
        struct arrived message;
        fake_tower_receive(tower, sender, &message);
        assert_int_equal(message.ticket, i + 1);
        assert_int_equal(message.count, counts[i]);
        for (size_t f = 0; f < counts[i]; f++) {
            assert_string_equal(message.frames[f], expected[i][f]);
        }
        fake_tower_answer(tower, &message, "ok", NULL);
    }
    flush(sender);
    assert_int_equal(log.count, 4);
    struct tillwatch_counts now;
    tillwatch_counts(sender, &now);
    assert_int_equal(now.sent, 4);
    assert_int_equal(now.resent, 0);
    assert_int_equal(now.acknowledged, 4);
    assert_int_equal(now.quarantined, 0);
    assert_int_equal(now.waiting, 0);
    tillwatch_close(&sender);
    assert_null(sender);
}

static void poll__acks_out_of_order__are_reported_in_order(void **state)
{
    struct fake_tower *tower = *state;
    struct ack_log log = {.count = 0};
    struct tillwatch_options options = options_for(tower, &log);
    tillwatch_sender *sender = NULL;
    assert_int_equal(tillwatch_open(&options, &sender), TILLWATCH_OK);
    struct arrived messages[5];
    for (int i = 0; i < 5; i++) {
        assert_int_equal(tillwatch_send(sender, NULL, NULL, "{}", 2, NULL), TILLWATCH_OK);
    }
    for (int i = 0; i < 5; i++) {
        fake_tower_receive(tower, sender, &messages[i]);
    }
    fake_tower_answer(tower, &messages[4], "ok", NULL);
    fake_tower_answer(tower, &messages[2], "quarantined", "{\"title\":\"third\"}");
    fake_tower_answer(tower, &messages[3], "ok", NULL);
    fake_tower_answer(tower, &messages[1], "quarantined", "");
    fake_tower_answer(tower, &messages[0], "ok", NULL);
    flush(sender);
    assert_int_equal(log.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(log.tickets[i], i + 1);
        assert_int_equal(log.has_problem[i], i == 1 || i == 2);
    }
    assert_string_equal(log.problems[2], "{\"title\":\"third\"}");
    assert_string_equal(log.problems[1], "");
    struct tillwatch_counts now;
    tillwatch_counts(sender, &now);
    assert_int_equal(now.acknowledged, 5);
    assert_int_equal(now.quarantined, 2);
    tillwatch_close(&sender);
}

static void poll__meaningless_acks__change_nothing(void **state)
{
    struct fake_tower *tower = *state;
    struct ack_log log = {.count = 0};
    struct tillwatch_options options = options_for(tower, &log);
    tillwatch_sender *sender = NULL;
    assert_int_equal(tillwatch_open(&options, &sender), TILLWATCH_OK);
    struct arrived first;
    assert_int_equal(tillwatch_send(sender, NULL, NULL, "{}", 2, NULL), TILLWATCH_OK);
    fake_tower_receive(tower, sender, &first);
    struct arrived other = first;
    static const uint64_t strangers[] = {0, 2, 99, UINT64_MAX};
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        fake_tower_set_ticket(&other, strangers[i]);
        fake_tower_answer(tower, &other, "ok", NULL);
    }
    fake_tower_answer(tower, &first, "OK", NULL);
    fake_tower_answer(tower, &first, "", NULL);
    fake_tower_answer(tower, &first, "quarantined", NULL); /* without its problem */
    other = first;
    other.ref_len = 7;
    fake_tower_answer(tower, &other, "ok", NULL);
    fake_tower_answer_frames(tower, &first, 1);
    fake_tower_answer_frames(tower, &first, 300);
    fake_tower_answer(tower, &first, "ok", NULL);
    fake_tower_answer(tower, &first, "ok", NULL); /* a second time */
    flush(sender);
    assert_int_equal(log.count, 1);
    assert_int_equal(log.tickets[0], 1);
    assert_false(log.has_problem[0]);
    /* the second "ok" does not acknowledge what comes next */
    assert_int_equal(tillwatch_send(sender, NULL, NULL, "{}", 2, NULL), TILLWATCH_OK);
    fake_tower_receive(tower, sender, &other);
    assert_int_equal(tillwatch_poll(sender, 0), 0);
    fake_tower_answer(tower, &other, "ok", NULL);
    flush(sender);
    assert_int_equal(log.count, 2);
    tillwatch_close(&sender);
}

static void send__window_full__refuses_until_acknowledged(void **state)
{
    struct fake_tower *tower = *state;
    struct ack_log log = {.count = 0};
    struct tillwatch_options options = options_for(tower, &log);
    options.window = 3;
    tillwatch_sender *sender = NULL;
    assert_int_equal(tillwatch_open(&options, &sender), TILLWATCH_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tillwatch_send(sender, NULL, NULL, "{}", 2, NULL), TILLWATCH_OK);
    }
    uint64_t ticket = 77;
    assert_int_equal(tillwatch_send(sender, NULL, NULL, "{}", 2, &ticket), TILLWATCH_FULL);
    assert_int_equal(ticket, 77);
    struct arrived messages[3];
    for (int i = 0; i < 3; i++) {
        fake_tower_receive(tower, sender, &messages[i]);
    }
    /* the second alone does not move the window */
    fake_tower_answer(tower, &messages[1], "ok", NULL);
    struct tillwatch_counts now = {.waiting = 3};
    for (int i = 0; i < FAKE_TOWER_PATIENCE_MS && now.waiting == 3; i++) {
        assert_int_equal(tillwatch_poll(sender, 1), 0);
        tillwatch_counts(sender, &now);
    }
    assert_int_equal(now.waiting, 2);
    assert_int_equal(tillwatch_send(sender, NULL, NULL, "{}", 2, NULL), TILLWATCH_FULL);
    fake_tower_answer(tower, &messages[0], "ok", NULL);
    assert_int_equal(tillwatch_poll(sender, FAKE_TOWER_PATIENCE_MS), 2);
    assert_int_equal(tillwatch_send(sender, NULL, NULL, "{}", 2, &ticket), TILLWATCH_OK);
    assert_int_equal(ticket, 4);
    tillwatch_close(&sender);
}

static void poll__no_acknowledgement__sends_everything_under_way_again(void **state)
{
    struct fake_tower *tower = *state;
    struct ack_log log = {.count = 0};
    struct tillwatch_options options = options_for(tower, &log);
    options.resend_ms = 20;
    tillwatch_sender *sender = NULL;
    assert_int_equal(tillwatch_open(&options, &sender), TILLWATCH_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tillwatch_send(sender, "t", "h: 1\n", "{}", 2, NULL), TILLWATCH_OK);
    }
    struct arrived message;
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t i = 1; i <= 3; i++) {
            fake_tower_receive(tower, sender, &message);
            assert_int_equal(message.ticket, i);
            assert_int_equal(message.count, 3);
        }
    }
    struct tillwatch_counts now;
    tillwatch_counts(sender, &now);
    assert_in_range(now.resent, 6, now.sent - 3);
    assert_int_equal(now.waiting, 3);
    for (uint64_t i = 1; i <= 3; i++) {
        fake_tower_set_ticket(&message, i);
        fake_tower_answer(tower, &message, "ok", NULL);
    }
    flush(sender);
    assert_int_equal(log.count, 3);
    tillwatch_close(&sender);
}

static void poll__connection_lost__sends_again_on_the_next_one(void **state)
{
    struct fake_tower *tower = *state;
    struct ack_log log = {.count = 0};
    struct tillwatch_options options = options_for(tower, &log); /* resend after a minute */
    tillwatch_sender *sender = NULL;
    assert_int_equal(tillwatch_open(&options, &sender), TILLWATCH_OK);
    struct arrived message;
    for (uint64_t i = 1; i <= 4; i++) {
        assert_int_equal(tillwatch_send(sender, NULL, NULL, "{}", 2, NULL), TILLWATCH_OK);
        fake_tower_receive(tower, sender, &message);
        assert_int_equal(message.ticket, i);
    }
    fake_tower_set_ticket(&message, 1);
    fake_tower_answer(tower, &message, "ok", NULL);
    assert_int_equal(tillwatch_poll(sender, FAKE_TOWER_PATIENCE_MS), 1);
    for (int round = 0; round < 2; round++) {
        fake_tower_restart(tower);
        for (uint64_t i = 2; i <= 4; i++) {
            fake_tower_receive(tower, sender, &message);
            assert_int_equal(message.ticket, i);
        }
    }
    for (uint64_t i = 2; i <= 4; i++) {
        fake_tower_set_ticket(&message, i);
        fake_tower_answer(tower, &message, "ok", NULL);
    }
    flush(sender);
    assert_int_equal(log.count, 4);
    tillwatch_close(&sender);
}

static void flush__no_tower__times_out_and_keeps_the_messages(void **state)
{
    (void)state;
    struct tillwatch_options options = {.endpoint = "ipc:///nonexistent/tillwatch"};
    tillwatch_sender *sender = NULL;
    assert_int_equal(tillwatch_open(&options, &sender), TILLWATCH_OK);
    assert_int_equal(tillwatch_flush(sender, 0), TILLWATCH_OK); /* nothing waits */
    for (int i = 0; i < 1024; i++) {
        assert_int_equal(tillwatch_send(sender, NULL, NULL, "{}", 2, NULL), TILLWATCH_OK);
    }
    assert_int_equal(tillwatch_send(sender, NULL, NULL, "{}", 2, NULL), TILLWATCH_FULL);
    assert_int_equal(tillwatch_flush(sender, 10), TILLWATCH_TIMEOUT);
    assert_int_equal(tillwatch_poll(sender, 0), 0);
    struct tillwatch_counts now;
    tillwatch_counts(sender, &now);
    assert_int_equal(now.waiting, 1024);
    assert_int_equal(now.sent, 0);
    tillwatch_close(&sender);
}

static void open__options_out_of_range__are_refused(void **state)
{
    (void)state;
    static const char key[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
    static const struct tillwatch_options bad[] = {
        {.endpoint = NULL},
        {.endpoint = "tcp://127.0.0.1:1", .window = 65537},
        {.endpoint = "tcp://127.0.0.1:1", .resend_ms = -1},
        {.endpoint = "tcp://127.0.0.1:1", .spool_max_bytes = 4095},
        {.endpoint = "tcp://127.0.0.1:1", .curve_server_key = key},
        {.endpoint = "tcp://127.0.0.1:1",
         .curve_server_key = key,
         .curve_public_key = key,
         .curve_secret_key = "short"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tillwatch_sender *sender = NULL;
        assert_int_equal(tillwatch_open(&bad[i], &sender), TILLWATCH_INVALID);
        assert_null(sender);
    }
    tillwatch_sender *sender = NULL;
    assert_int_equal(tillwatch_open(NULL, &sender), TILLWATCH_INVALID);
    struct tillwatch_options good = {.endpoint = "tcp://127.0.0.1:1", .window = 65536};
    assert_int_equal(tillwatch_open(&good, &sender), TILLWATCH_OK);
    assert_int_equal(tillwatch_send(sender, NULL, NULL, NULL, 1, NULL), TILLWATCH_INVALID);
    assert_int_equal(tillwatch_send(sender, NULL, NULL, "", (64u << 20) + 1, NULL),
                     TILLWATCH_INVALID);
    tillwatch_close(&sender);
    tillwatch_close(&sender); /* accepts NULL */
    static const char *const endpoints[] = {"", "tcp", "nosuch://x"};
    for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
        struct tillwatch_options wrong = {.endpoint = endpoints[i]};
        assert_int_equal(tillwatch_open(&wrong, &sender), TILLWATCH_SOCKET);
        assert_null(sender);
    }
}

static void open__with_curve_keys__reaches_a_curve_tower(void **state)
{
    (void)state;
    struct fake_tower tower;
    struct ack_log log = {.count = 0};
    char server_public[41];
    char server_secret[41];
    char client_public[41];
    char client_secret[41];
    assert_int_equal(zmq_curve_keypair(server_public, server_secret), 0);
    assert_int_equal(zmq_curve_keypair(client_public, client_secret), 0);
    fake_tower_start(&tower, server_secret);
    struct tillwatch_options options = options_for(&tower, &log);
    options.curve_server_key = server_public;
    options.curve_public_key = client_public;
    options.curve_secret_key = client_secret;
    tillwatch_sender *sender = NULL;
    assert_int_equal(tillwatch_open(&options, &sender), TILLWATCH_OK);
    assert_int_equal(tillwatch_send(sender, NULL, NULL, "{}", 2, NULL), TILLWATCH_OK);
    struct arrived message;
    fake_tower_receive(&tower, sender, &message);
    fake_tower_answer(&tower, &message, "ok", NULL);
    flush(sender);
    assert_int_equal(log.count, 1);
    tillwatch_close(&sender);
    fake_tower_stop(&tower);
}

/* Answers ZAP requests in the tower's context: code "400" or "200". */
static void answer_zap(void *handler, const char *code)
{
    char id[256] = "";
    char frame[256] = "";
    int id_len = 0;
    int more = 1;
    size_t size = sizeof more;
    for (int i = 0; more != 0; i++) {
        int n = zmq_recv(handler, i == 1 ? id : frame, sizeof frame, 0);
        assert_true(n >= 0);
        id_len = i == 1 ? n : id_len;
        assert_int_equal(zmq_getsockopt(handler, ZMQ_RCVMORE, &more, &size), 0);
    }
    assert_int_equal(zmq_send(handler, "1.0", 3, ZMQ_SNDMORE), 3);
    assert_int_equal(zmq_send(handler, id, (size_t)id_len, ZMQ_SNDMORE), id_len);
    assert_int_equal(zmq_send(handler, code, 3, ZMQ_SNDMORE), 3);
    assert_int_equal(zmq_send(handler, "", 0, ZMQ_SNDMORE), 0);
    assert_int_equal(zmq_send(handler, "", 0, ZMQ_SNDMORE), 0);
    assert_int_equal(zmq_send(handler, "", 0, 0), 0);
}

/* libzmq gives up when it is refused; a sender must not, for its key may be added later. */
static void poll__refused_by_the_tower__tries_again(void **state)
{
    (void)state;
    struct fake_tower tower;
    struct ack_log log = {.count = 0};
    char server_public[41];
    char server_secret[41];
    assert_int_equal(zmq_curve_keypair(server_public, server_secret), 0);
    void *context = zmq_ctx_new();
    void *handler = zmq_socket(context, ZMQ_REP);
    assert_int_equal(zmq_bind(handler, "inproc://zeromq.zap.01"), 0);
    fake_tower_start_in(&tower, context, server_secret);
    struct tillwatch_options options = options_for(&tower, &log);
    options.curve_server_key = server_public;
    options.curve_public_key = server_public;
    options.curve_secret_key = server_secret;
    tillwatch_sender *sender = NULL;
    assert_int_equal(tillwatch_open(&options, &sender), TILLWATCH_OK);
    assert_int_equal(tillwatch_send(sender, NULL, NULL, "{}", 2, NULL), TILLWATCH_OK);
    for (int requests = 0; requests < 2;) {
        zmq_pollitem_t item = {.socket = handler, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, 1) == 1) {
            answer_zap(handler, requests == 0 ? "400" : "200");
            requests++;
        }
        assert_int_equal(tillwatch_poll(sender, 10), 0);
    }
    struct arrived message;
    fake_tower_receive(&tower, sender, &message);
    fake_tower_answer(&tower, &message, "ok", NULL);
    flush(sender);
    tillwatch_close(&sender);
    assert_int_equal(zmq_close(handler), 0);
    fake_tower_stop(&tower);
}

static void text__every_result__has_its_sentence(void **state)
{
    (void)state;
    for (int a = TILLWATCH_SOCKET; a <= TILLWATCH_OK; a++) {
        assert_true(strlen(tillwatch_text(a)) > 5);
        for (int b = TILLWATCH_SOCKET; b < a; b++) {
            assert_string_not_equal(tillwatch_text(a), tillwatch_text(b));
        }
    }
    assert_string_equal(tillwatch_text(-99), "unknown result");
    assert_string_equal(tillwatch_text(5), "no error");
}

static int start(void **state)
{
    struct fake_tower *tower = calloc(1, sizeof *tower);
    assert_non_null(tower);
    fake_tower_start(tower, NULL);
    *state = tower;
    return 0;
}

static int stop(void **state)
{
    fake_tower_stop(*state);
    free(*state);
    return 0;
}

int main(void)
{
#define WITH_TOWER(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        WITH_TOWER(send__topic_and_headers__make_the_documented_frames),
        WITH_TOWER(poll__acks_out_of_order__are_reported_in_order),
        WITH_TOWER(poll__meaningless_acks__change_nothing),
        WITH_TOWER(send__window_full__refuses_until_acknowledged),
        WITH_TOWER(poll__no_acknowledgement__sends_everything_under_way_again),
        WITH_TOWER(poll__connection_lost__sends_again_on_the_next_one),
        cmocka_unit_test(flush__no_tower__times_out_and_keeps_the_messages),
        cmocka_unit_test(open__options_out_of_range__are_refused),
        cmocka_unit_test(open__with_curve_keys__reaches_a_curve_tower),
        cmocka_unit_test(poll__refused_by_the_tower__tries_again),
        cmocka_unit_test(text__every_result__has_its_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
