/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unit/fake_tower.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <zmq.h>

static void listen_on(struct fake_tower *self, const char *endpoint)
{
    int one = 1;
    int zero = 0;
    self->socket = zmq_socket(self->context, ZMQ_ROUTER);
    assert_non_null(self->socket);
    assert_int_equal(zmq_setsockopt(self->socket, ZMQ_ROUTER_MANDATORY, &one, sizeof one), 0);
    assert_int_equal(zmq_setsockopt(self->socket, ZMQ_RCVHWM, &zero, sizeof zero), 0);
    if (self->secret_key != NULL) {
        assert_int_equal(zmq_setsockopt(self->socket, ZMQ_CURVE_SERVER, &one, sizeof one), 0);
        assert_int_equal(zmq_setsockopt(self->socket, ZMQ_CURVE_SECRETKEY, self->secret_key, 41),
                         0);
    }
    int rc = zmq_bind(self->socket, endpoint);
    for (int i = 0; rc != 0 && errno == EADDRINUSE && i < FAKE_TOWER_PATIENCE_MS; i++) {
        (void)zmq_poll(NULL, 0, 1); /* the old socket is closed in the background */
        rc = zmq_bind(self->socket, endpoint);
    }
    assert_int_equal(rc, 0);
}

void fake_tower_start(struct fake_tower *self, const char *secret_key)
{
    fake_tower_start_in(self, zmq_ctx_new(), secret_key);
}

void fake_tower_start_in(struct fake_tower *self, void *context, const char *secret_key)
{
    *self = (struct fake_tower){.secret_key = secret_key, .context = context};
    assert_non_null(self->context);
    listen_on(self, "tcp://127.0.0.1:*");
    size_t size = sizeof self->endpoint;
    assert_int_equal(zmq_getsockopt(self->socket, ZMQ_LAST_ENDPOINT, self->endpoint, &size), 0);
}

static void close_socket(struct fake_tower *self)
{
    int zero = 0;
    (void)zmq_setsockopt(self->socket, ZMQ_LINGER, &zero, sizeof zero); /* a valid value */
    assert_int_equal(zmq_close(self->socket), 0);
}

void fake_tower_stop(struct fake_tower *self)
{
    close_socket(self);
    assert_int_equal(zmq_ctx_term(self->context), 0);
}

void fake_tower_restart(struct fake_tower *self)
{
    close_socket(self);
    listen_on(self, self->endpoint);
}

void fake_tower_set_ticket(struct arrived *message, uint64_t ticket)
{
    message->ticket = ticket;
    message->ref_len = 8;
    for (int i = 0; i < 8; i++) {
        message->ref[i] = (uint8_t)(ticket >> (56 - 8 * i));
    }
}

bool fake_tower_look(struct fake_tower *self, int timeout_ms, struct arrived *ret_message)
{
    zmq_pollitem_t item = {.socket = self->socket, .events = ZMQ_POLLIN};
    if (zmq_poll(&item, 1, timeout_ms) < 1) {
        return false;
    }
    *ret_message = (struct arrived){.count = 0};
    int n = zmq_recv(self->socket, ret_message->routing, sizeof ret_message->routing, 0);
    assert_in_range(n, 1, sizeof ret_message->routing);
    ret_message->routing_len = (size_t)n;
    assert_int_equal(zmq_recv(self->socket, ret_message->ref, sizeof ret_message->ref, 0), 8);
    ret_message->ref_len = 8;
    for (int i = 0; i < 8; i++) {
        ret_message->ticket = ret_message->ticket << 8 | ret_message->ref[i];
    }
    int more = 1;
    size_t size = sizeof more;
    while (more != 0) {
        assert_true(ret_message->count < 3);
        char *frame = ret_message->frames[ret_message->count++];
        n = zmq_recv(self->socket, frame, sizeof ret_message->frames[0] - 1, 0);
        assert_in_range(n, 0, sizeof ret_message->frames[0] - 1);
        assert_int_equal(zmq_getsockopt(self->socket, ZMQ_RCVMORE, &more, &size), 0);
    }
    return true;
}

void fake_tower_receive(struct fake_tower *self, tillwatch_sender *sender,
                        struct arrived *ret_message)
{
    for (int i = 0; i < FAKE_TOWER_PATIENCE_MS; i++) {
        if (sender != NULL) {
            assert_true(tillwatch_poll(sender, 0) >= 0);
        }
        if (fake_tower_look(self, 1, ret_message)) {
            return;
        }
    }
    fail_msg("no message came");
}

static void send_head(struct fake_tower *self, const struct arrived *message, bool has_more)
{
    int more = has_more ? ZMQ_SNDMORE : 0;
    assert_true(zmq_send(self->socket, message->routing, message->routing_len, ZMQ_SNDMORE) >= 0);
    assert_true(zmq_send(self->socket, message->ref, message->ref_len, more) >= 0);
}

void fake_tower_answer(struct fake_tower *self, const struct arrived *message, const char *word,
                       const char *problem)
{
    send_head(self, message, true);
    int more = problem != NULL ? ZMQ_SNDMORE : 0;
    assert_true(zmq_send(self->socket, word, strlen(word), more) >= 0);
    if (problem != NULL) {
        assert_true(zmq_send(self->socket, problem, strlen(problem), 0) >= 0);
    }
}

void fake_tower_answer_frames(struct fake_tower *self, const struct arrived *message, size_t count)
{
    send_head(self, message, count > 1);
    for (size_t i = 1; i < count; i++) {
        assert_true(zmq_send(self->socket, "x", 1, i + 1 < count ? ZMQ_SNDMORE : 0) >= 0);
    }
}

void ack_log_add(void *context, uint64_t ticket, const char *problem, size_t problem_len)
{
    struct ack_log *self = context;
    self->is_disordered = self->is_disordered || ticket <= self->last;
    self->last = ticket;
    if (self->count < ACK_LOG_MAX) {
        self->tickets[self->count] = ticket;
        self->has_problem[self->count] = problem != NULL;
        (void)snprintf(self->problems[self->count], sizeof self->problems[0], "%.*s",
                       (int)problem_len, problem == NULL ? "" : problem);
    }
    self->count++;
}
