/* SPDX-License-Identifier: Apache-2.0
 * curve: keys on the socket of the replay agents and on published alerts. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zmq.h>

#include "notify/pub.h"
#include "replay/socket.h"
#include "unit/curve_kit.h"

#define PATIENCE_MS 20000
#define QUIET_MS    300

struct house {
    struct curve_kit kit;
    void *context; /* of the clients */
    void *sockets[8];
    size_t socket_count;
    char endpoint[128];
};

static int start(void **state)
{
    struct house *house = calloc(1, sizeof *house);
    assert_non_null(house);
    curve_kit_init(&house->kit);
    curve_kit_add(&house->kit, "mw-1");
    curve_kit_add(&house->kit, "desk");
    curve_kit_add(&house->kit, "stranger");
    curve_kit_take_away(&house->kit, "stranger");
    house->context = zmq_ctx_new();
    (void)snprintf(house->endpoint, sizeof house->endpoint, "ipc://%s/socket", house->kit.dir);
    *state = house;
    return 0;
}

static int stop(void **state)
{
    struct house *house = *state;
    const int none = 0;
    for (size_t i = 0; i < house->socket_count; i++) {
        (void)zmq_setsockopt(house->sockets[i], ZMQ_LINGER, &none, sizeof none);
        assert_int_equal(zmq_close(house->sockets[i]), 0);
    }
    assert_int_equal(zmq_ctx_term(house->context), 0);
    curve_kit_fini(&house->kit);
    free(house);
    return 0;
}

/* client NULL: without keys. */
static void *connect_client(struct house *house, int type, const char *client)
{
    assert_true(house->socket_count < 8);
    void *socket = zmq_socket(house->context, type);
    assert_non_null(socket);
    house->sockets[house->socket_count++] = socket;
    if (client != NULL) {
        curve_kit_use(&house->kit, socket, client);
    }
    if (type == ZMQ_SUB) {
        assert_int_equal(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0), 0);
    }
    assert_int_equal(zmq_connect(socket, house->endpoint), 0);
    return socket;
}

static bool has_message(void *socket, int timeout_ms)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, timeout_ms) == 1;
}

/* ---- agents ---- */

static struct tw_agent_socket *open_agents(struct house *house)
{
    static char *bind[1];
    struct tw_cfg cfg = {.agents = {.bind = {.items = bind, .count = 1}, .heartbeat_s = 1}};
    struct tw_agent_socket *self = NULL;
    struct tw_diag diag = {.text = ""};
    bind[0] = house->endpoint;
    cfg.agents.curve = house->kit.curve;
    int rc = tw_agent_socket_new(&cfg, &self, &diag);
    assert_string_equal(diag.text, "");
    assert_int_equal(rc, TW_OK);
    return self;
}

static bool receive(struct tw_agent_socket *self, int timeout_ms, struct tw_agents_heard *ret_heard)
{
    for (int waited = 0; waited <= timeout_ms; waited += 5) {
        /* asked first, as its thread does: libzmq then makes the route by another way */
        (void)tw_agent_socket_has_message(self);
        if (tw_agent_socket_receive(self, ret_heard) == TW_OK) {
            return true;
        }
        (void)zmq_poll(NULL, 0, 5);
    }
    return false;
}

static void agents__known_client__is_heard_under_its_name(void **state)
{
    struct house *house = *state;
    struct tw_agent_socket *self = open_agents(house);
    struct tw_agents_heard heard;
    void *agent = connect_client(house, ZMQ_DEALER, "mw-1");
    assert_int_equal(zmq_send(agent, "{}", 2, 0), 2);
    assert_true(receive(self, PATIENCE_MS, &heard));
    assert_true(tw_str_is(heard.client, "mw-1"));
    assert_true(tw_str_is(heard.frame, "{}"));
    assert_true(tw_agent_socket_admits(self, heard.admission));
    assert_int_equal(tw_agent_socket_send(self, heard.route, TW_STR_LIT("{}")), TW_OK);
    assert_true(has_message(agent, PATIENCE_MS));
    tw_agent_socket_destroy(&self);
}

static void agents__others__are_not_heard(void **state)
{
    struct house *house = *state;
    struct tw_agent_socket *self = open_agents(house);
    struct tw_agents_heard heard;
    void *plain = connect_client(house, ZMQ_DEALER, NULL);
    void *stranger = connect_client(house, ZMQ_DEALER, "stranger");
    assert_int_equal(zmq_send(plain, "{}", 2, 0), 2);
    assert_int_equal(zmq_send(stranger, "{}", 2, 0), 2);
    assert_false(receive(self, QUIET_MS, &heard));
    /* known from a reload on; a client of libzmq that was refused does not try again by itself */
    curve_kit_give_back(&house->kit, "stranger");
    tw_agent_socket_reload(self);
    stranger = connect_client(house, ZMQ_DEALER, "stranger");
    assert_int_equal(zmq_send(stranger, "{}", 2, 0), 2);
    assert_true(receive(self, PATIENCE_MS, &heard));
    assert_true(tw_str_is(heard.client, "stranger"));
    tw_agent_socket_destroy(&self);
}

static void agents__key_taken_away__nothing_more_is_heard(void **state)
{
    struct house *house = *state;
    struct tw_agent_socket *self = open_agents(house);
    struct tw_agents_heard heard;
    void *agent = connect_client(house, ZMQ_DEALER, "mw-1");
    void *other = connect_client(house, ZMQ_DEALER, "desk");
    assert_int_equal(zmq_send(agent, "1", 1, 0), 1);
    assert_true(receive(self, PATIENCE_MS, &heard));
    uint64_t admission = heard.admission;
    assert_int_equal(zmq_send(other, "2", 1, 0), 1);
    assert_true(receive(self, PATIENCE_MS, &heard));
    assert_int_not_equal(heard.admission, admission);
    curve_kit_take_away(&house->kit, "mw-1");
    tw_agent_socket_reload(self);
    assert_false(tw_agent_socket_admits(self, admission));
    assert_true(tw_agent_socket_admits(self, heard.admission));
    /* of several frames too */
    assert_int_equal(zmq_send(agent, "3", 1, ZMQ_SNDMORE), 1);
    assert_int_equal(zmq_send(agent, "4", 1, 0), 1);
    assert_false(receive(self, QUIET_MS, &heard));
    assert_int_equal(zmq_send(other, "5", 1, 0), 1);
    assert_true(receive(self, PATIENCE_MS, &heard));
    assert_true(tw_str_is(heard.client, "desk"));
    tw_agent_socket_destroy(&self);
}

static void agents__without_keys__nobody_has_a_name(void **state)
{
    struct house *house = *state;
    char *bind[] = {house->endpoint};
    const struct tw_cfg cfg = {.agents = {.bind = {.items = bind, .count = 1}}};
    struct tw_agent_socket *self = NULL;
    struct tw_agents_heard heard;
    struct tw_diag diag = {.text = ""};
    assert_int_equal(tw_agent_socket_new(&cfg, &self, &diag), TW_OK);
    tw_agent_socket_reload(self);
    void *agent = connect_client(house, ZMQ_DEALER, NULL);
    assert_int_equal(zmq_send(agent, "{}", 2, 0), 2);
    assert_true(receive(self, PATIENCE_MS, &heard));
    assert_null(heard.client.ptr);
    assert_int_equal(heard.admission, 0);
    assert_true(tw_agent_socket_admits(self, 0));
    tw_agent_socket_destroy(&self);
}

/* ---- alerts ---- */

static struct tw_pub *open_pub(struct house *house)
{
    const struct tw_pub_guard guard = {.curve = house->kit.curve};
    struct tw_pub *pub = NULL;
    struct tw_diag diag = {.text = ""};
    assert_int_equal(tw_pub_new(&guard, &pub, &diag), TW_OK);
    int rc = tw_pub_bind(pub, house->endpoint, &diag);
    assert_string_equal(diag.text, "");
    assert_int_equal(rc, TW_OK);
    return pub;
}

/* Published again and again until the subscriber has it. */
static bool is_told(struct tw_pub *pub, const struct house *house, void *subscriber, int timeout_ms)
{
    char bytes[16];
    for (int waited = 0; waited <= timeout_ms; waited += 10) {
        int rc = tw_pub_send(pub, house->endpoint, TW_STR_LIT("alert"), TW_STR_LIT("{}"));
        assert_true(rc == TW_OK || rc == TW_EAGAIN);
        if (has_message(subscriber, 10)) {
            assert_int_equal(zmq_recv(subscriber, bytes, sizeof bytes, 0), 5);
            assert_int_equal(zmq_recv(subscriber, bytes, sizeof bytes, 0), 2);
            return true;
        }
    }
    return false;
}

static void drain(void *subscriber)
{
    char bytes[16];
    while (has_message(subscriber, QUIET_MS)) {
        (void)zmq_recv(subscriber, bytes, sizeof bytes, 0);
    }
}

static void pub__known_client_alone__is_told(void **state)
{
    struct house *house = *state;
    struct tw_pub *pub = open_pub(house);
    void *plain = connect_client(house, ZMQ_SUB, NULL);
    void *stranger = connect_client(house, ZMQ_SUB, "stranger");
    void *desk = connect_client(house, ZMQ_SUB, "desk");
    assert_true(is_told(pub, house, desk, PATIENCE_MS));
    assert_false(is_told(pub, house, plain, QUIET_MS));
    assert_false(is_told(pub, house, stranger, QUIET_MS));
    tw_pub_destroy(&pub);
}

static void pub__key_taken_away__only_others_are_told_again(void **state)
{
    struct house *house = *state;
    struct tw_pub *pub = open_pub(house);
    void *leaver = connect_client(house, ZMQ_SUB, "mw-1");
    void *desk = connect_client(house, ZMQ_SUB, "desk");
    assert_true(is_told(pub, house, leaver, PATIENCE_MS));
    assert_true(is_told(pub, house, desk, PATIENCE_MS));
    tw_pub_reload(pub);
    tw_pub_look(pub, (tw_mono_t){0}); /* nobody has gone: nothing happens */
    assert_int_equal(tw_pub_send(pub, house->endpoint, TW_STR_LIT("t"), TW_STR_LIT("m")), TW_OK);
    curve_kit_take_away(&house->kit, "mw-1");
    tw_pub_reload(pub);
    tw_pub_look(pub, (tw_mono_t){0});
    assert_int_equal(tw_pub_send(pub, house->endpoint, TW_STR_LIT("t"), TW_STR_LIT("m")),
                     TW_EAGAIN);
    drain(leaver);
    drain(desk);
    for (int i = 1; i <= 200; i++) { /* bound again, and time for all to come back */
        tw_pub_look(pub, (tw_mono_t){i * 10 * TW_NS_PER_MS});
        (void)zmq_poll(NULL, 0, 2);
    }
    assert_true(is_told(pub, house, desk, PATIENCE_MS));
    assert_false(is_told(pub, house, leaver, QUIET_MS));
    tw_pub_destroy(&pub);
}

static void pub__beyond_this_machine_without_keys__is_not_bound(void **state)
{
    (void)state;
    const struct tw_pub_guard meant_so = {.is_insecure = true};
    struct tw_pub *pub = NULL;
    struct tw_diag diag = {.text = ""};
    assert_int_equal(tw_pub_new(NULL, &pub, &diag), TW_OK);
    assert_int_equal(tw_pub_bind(pub, "tcp://0.0.0.0:*", &diag), TW_EPERM);
    assert_non_null(strstr(diag.text, "tcp://0.0.0.0:* is open to other machines"));
    assert_int_equal(tw_pub_bind(pub, "tcp://127.0.0.1:*", &diag), TW_OK);
    tw_pub_destroy(&pub);
    assert_int_equal(tw_pub_new(&meant_so, &pub, &diag), TW_OK);
    assert_int_equal(tw_pub_bind(pub, "tcp://0.0.0.0:*", &diag), TW_OK);
    tw_pub_destroy(&pub);
}

static void sockets__key_files_missing__say_so(void **state)
{
    struct house *house = *state;
    char missing[] = "/nonexistent/key";
    char *bind[] = {house->endpoint};
    struct tw_cfg cfg = {.agents = {.bind = {.items = bind, .count = 1}}};
    struct tw_agent_socket *agents = NULL;
    struct tw_pub *pub = NULL;
    struct tw_diag diag = {.text = ""};
    cfg.agents.curve = house->kit.curve;
    cfg.agents.curve.server_key_file = missing;
    assert_int_equal(tw_agent_socket_new(&cfg, &agents, &diag), TW_ENOTFOUND);
    assert_non_null(strstr(diag.text, "agents: cannot open /nonexistent/key"));
    cfg.agents.curve = house->kit.curve;
    cfg.agents.curve.clients_dir = missing;
    assert_int_equal(tw_agent_socket_new(&cfg, &agents, &diag), TW_ENOTFOUND);
    assert_null(agents);
    struct tw_pub_guard guard = {.curve = house->kit.curve};
    guard.curve.clients_dir = missing;
    assert_int_equal(tw_pub_new(&guard, &pub, &diag), TW_ENOTFOUND);
    assert_null(pub);
    guard.curve = house->kit.curve;
    guard.curve.server_key_file = missing;
    assert_int_equal(tw_pub_new(&guard, &pub, &diag), TW_OK);
    assert_int_equal(tw_pub_bind(pub, house->endpoint, &diag), TW_ENOTFOUND);
    assert_non_null(strstr(diag.text, "cannot open /nonexistent/key"));
    tw_pub_destroy(&pub);
}

int main(void)
{
#define WITH_HOUSE(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        WITH_HOUSE(agents__known_client__is_heard_under_its_name),
        WITH_HOUSE(agents__others__are_not_heard),
        WITH_HOUSE(agents__key_taken_away__nothing_more_is_heard),
        WITH_HOUSE(agents__without_keys__nobody_has_a_name),
        WITH_HOUSE(pub__known_client_alone__is_told),
        WITH_HOUSE(pub__key_taken_away__only_others_are_told_again),
        cmocka_unit_test(pub__beyond_this_machine_without_keys__is_not_bound),
        WITH_HOUSE(sockets__key_files_missing__say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
