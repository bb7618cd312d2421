/* SPDX-License-Identifier: Apache-2.0
 * curve: a client whose key is taken away while it is connected gets nothing more in, and its
 * connection ends; the others notice nothing. Garbage and floods at a port do not keep clients out.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "curve/census.h"
#include "curve/guard.h"
#include "unit/curve_kit.h"
#include "unit/tap_bench.h"

#define FLOOD 400

struct house {
    struct curve_kit kit;
    struct tap_bench bench;
};

static int start(void **state)
{
    struct house *house = calloc(1, sizeof *house);
    assert_non_null(house);
    curve_kit_init(&house->kit);
    curve_kit_add(&house->kit, "till");
    curve_kit_add(&house->kit, "erp");
    tap_bench_init(&house->bench);
    *state = house;
    return 0;
}

static int stop(void **state)
{
    struct house *house = *state;
    tap_bench_fini(&house->bench);
    curve_kit_fini(&house->kit);
    free(house);
    return 0;
}

static void open_tap(struct house *house, enum tw_tap_kind kind)
{
    struct tw_cfg_tap *tap = tap_bench_add(&house->bench, kind, NULL);
    tap->curve = house->kit.curve;
    tap_bench_open(&house->bench);
}

static void *connect_client(struct house *house, int type, const char *name)
{
    void *socket = tap_bench_socket(&house->bench, type);
    curve_kit_use(&house->kit, socket, name);
    assert_int_equal(zmq_connect(socket, tw_taps_endpoint(house->bench.self, 0)), 0);
    return socket;
}

/* Reports when the client's connection ends. */
static void *watch(struct house *house, void *socket, const char *endpoint)
{
    assert_int_equal(zmq_socket_monitor(socket, endpoint,
                                        ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH),
                     0);
    void *monitor = tap_bench_socket(&house->bench, ZMQ_PAIR);
    assert_int_equal(zmq_connect(monitor, endpoint), 0);
    return monitor;
}

static void await_event(void *monitor, uint16_t wanted)
{
    char frame[256];
    uint16_t event = 0;
    while (event != wanted) {
        zmq_pollitem_t item = {.socket = monitor, .events = ZMQ_POLLIN};
        assert_int_equal(zmq_poll(&item, 1, TAP_PATIENCE_MS), 1);
        assert_int_equal(zmq_recv(monitor, frame, sizeof frame, 0), 6);
        memcpy(&event, frame, sizeof event);
        assert_true(zmq_recv(monitor, frame, sizeof frame, 0) >= 0);
    }
}

/* The next message, which must be of this client. */
static struct tw_tap_message receive_of(struct house *house, const char *client)
{
    struct tw_tap_message message = tap_bench_receive(&house->bench);
    assert_true(tw_str_is(message.peer, client));
    return message;
}

/* PUSH to PULL. */
static void push__key_taken_away__its_messages_are_refused_and_its_connection_ends(void **state)
{
    struct house *house = *state;
    open_tap(house, TW_TAP_PULL);
    void *till = connect_client(house, ZMQ_PUSH, "till");
    void *erp = connect_client(house, ZMQ_PUSH, "erp");
    tap_bench_send(till, 1, "{0}");
    assert_int_equal(receive_of(house, "till").problem, TW_PROBLEM_none);
    tap_bench_send(erp, 1, "{1}");
    assert_int_equal(receive_of(house, "erp").problem, TW_PROBLEM_none);
    void *monitor = watch(house, till, "inproc://till");
    curve_kit_take_away(&house->kit, "till");
    tw_taps_reload_clients(house->bench.self);
    /* it is kept as evidence, and is no event */
    tap_bench_send(till, 1, "{2}");
    struct tw_tap_message message = receive_of(house, "till");
    assert_int_equal(message.problem, TW_PROBLEM_client);
    assert_true(tw_str_is(message.body, "{2}"));
    await_event(monitor, ZMQ_EVENT_DISCONNECTED);
    await_event(monitor, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    assert_int_equal(tw_taps_refused(house->bench.self), 1); /* when it came back */
    /* the other one has the connection that it had */
    tap_bench_send(erp, 1, "{3}");
    assert_int_equal(receive_of(house, "erp").problem, TW_PROBLEM_none);
    /* with its key the client is back, when it connects again */
    curve_kit_give_back(&house->kit, "till");
    tw_taps_reload_clients(house->bench.self);
    till = connect_client(house, ZMQ_PUSH, "till");
    tap_bench_send(till, 1, "{4}");
    assert_int_equal(receive_of(house, "till").problem, TW_PROBLEM_none);
}

static void dealer__key_taken_away__it_is_refused_and_others_are_answered(void **state)
{
    struct house *house = *state;
    open_tap(house, TW_TAP_ROUTER);
    void *till = connect_client(house, ZMQ_DEALER, "till");
    void *erp = connect_client(house, ZMQ_DEALER, "erp");
    tap_bench_send(till, 2, "r1", "{0}");
    assert_int_equal(receive_of(house, "till").problem, TW_PROBLEM_none);
    tap_bench_send(erp, 2, "r1", "{1}");
    struct tw_tap_message kept = receive_of(house, "erp");
    void *monitor = watch(house, till, "inproc://till");
    curve_kit_take_away(&house->kit, "till");
    tw_taps_reload_clients(house->bench.self);
    tap_bench_send(till, 2, "r2", "{2}");
    struct tw_tap_message message = receive_of(house, "till");
    assert_int_equal(message.problem, TW_PROBLEM_client);
    assert_true(message.wants_ack);
    assert_true(tw_str_is(message.body, "{2}"));
    await_event(monitor, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
    assert_int_equal(
        tw_taps_acknowledge(house->bench.self, 0, kept.routing, false, kept.ref, TW_STR_NULL),
        TW_OK);
    char word[8];
    assert_int_equal(zmq_recv(erp, word, sizeof word, 0), 2);
    assert_int_equal(zmq_recv(erp, word, sizeof word, 0), 2);
    assert_memory_equal(word, "ok", 2);
    /* a message of nothing but its reference is refused too, and has the refusal as its reason */
    void *again = connect_client(house, ZMQ_DEALER, "erp");
    tap_bench_send(again, 1, "r3");
    assert_int_equal(receive_of(house, "erp").problem, TW_PROBLEM_frames);
    curve_kit_take_away(&house->kit, "erp");
    tw_taps_reload_clients(house->bench.self);
    tap_bench_send(again, 1, "r4");
    assert_int_equal(receive_of(house, "erp").problem, TW_PROBLEM_client);
}

static void publisher__key_taken_away__it_is_refused(void **state)
{
    struct house *house = *state;
    open_tap(house, TW_TAP_SUB);
    void *till = connect_client(house, ZMQ_XPUB, "till");
    char subscription[8];
    zmq_pollitem_t item = {.socket = till, .events = ZMQ_POLLIN};
    for (int i = 0; zmq_poll(&item, 1, 10) == 0; i++) {
        assert_true(i < 1000);
        (void)tap_bench_is_quiet(&house->bench, 1); /* or woken by the handshake */
    }
    assert_int_equal(zmq_recv(till, subscription, sizeof subscription, 0), 1);
    tap_bench_send(till, 1, "{0}");
    assert_int_equal(receive_of(house, "till").problem, TW_PROBLEM_none);
    curve_kit_take_away(&house->kit, "till");
    tw_taps_reload_clients(house->bench.self);
    tap_bench_send(till, 1, "{1}");
    assert_int_equal(receive_of(house, "till").problem, TW_PROBLEM_client);
}

/* A key that was exchanged is another client, though its name is the same; so is a name. */
static void reload__other_key_or_other_name__ends_what_was(void **state)
{
    struct house *house = *state;
    char path[256];
    char other[256];
    open_tap(house, TW_TAP_PULL);
    void *till = connect_client(house, ZMQ_PUSH, "till");
    void *erp = connect_client(house, ZMQ_PUSH, "erp");
    tap_bench_send(till, 1, "{0}");
    (void)receive_of(house, "till");
    tap_bench_send(erp, 1, "{1}");
    (void)receive_of(house, "erp");
    /* nothing has changed: nobody is sent away */
    tw_taps_reload_clients(house->bench.self);
    tap_bench_send(till, 1, "{2}");
    assert_int_equal(receive_of(house, "till").problem, TW_PROBLEM_none);
    /* another key in till.pub, and erp.pub is erp-2.pub */
    curve_kit_take_away(&house->kit, "till");
    curve_kit_add(&house->kit, "spare");
    (void)snprintf(path, sizeof path, "%s/spare.pub", house->kit.clients_dir);
    (void)snprintf(other, sizeof other, "%s/till.pub", house->kit.clients_dir);
    assert_int_equal(rename(path, other), 0);
    (void)snprintf(path, sizeof path, "%s/erp.pub", house->kit.clients_dir);
    (void)snprintf(other, sizeof other, "%s/erp-2.pub", house->kit.clients_dir);
    assert_int_equal(rename(path, other), 0);
    tw_taps_reload_clients(house->bench.self);
    tap_bench_send(till, 1, "{3}");
    assert_int_equal(receive_of(house, "till").problem, TW_PROBLEM_client);
    tap_bench_send(erp, 1, "{4}");
    assert_int_equal(receive_of(house, "erp").problem, TW_PROBLEM_client);
    erp = connect_client(house, ZMQ_PUSH, "erp");
    tap_bench_send(erp, 1, "{5}");
    assert_int_equal(receive_of(house, "erp-2").problem, TW_PROBLEM_none);
    void *spare = connect_client(house, ZMQ_PUSH, "spare");
    tap_bench_send(spare, 1, "{6}");
    assert_int_equal(receive_of(house, "till").problem, TW_PROBLEM_none);
}

static void taps__secret_that_others_may_read__does_not_open(void **state)
{
    struct house *house = *state;
    struct tw_taps *taps = NULL;
    struct tw_diag diag = {.text = ""};
    struct tw_cfg_tap *tap = tap_bench_add(&house->bench, TW_TAP_PULL, NULL);
    tap->curve = house->kit.curve;
    assert_int_equal(chmod(house->kit.server_file, 0640), 0);
    assert_int_equal(tw_taps_new(&house->bench.cfg, &taps, &diag), TW_EPERM);
    assert_non_null(strstr(diag.text, "may be read by others (mode 0640); chmod 600 "));
    assert_int_equal(chmod(house->kit.server_file, 0600), 0);
    tap_bench_open(&house->bench);
}

/* ---- who is told of ---- */

static uint64_t refused_for(enum tw_zap_refusal reason)
{
    struct tw_zap_state *states = NULL;
    size_t count = 0;
    assert_int_equal(tw_zap_states(&states, &count), TW_OK);
    assert_int_equal(count, 1);
    uint64_t refused = states[0].refused[reason];
    tw_zap_states_free(&states, count);
    return refused;
}

static char *census_of(const struct house *house, struct tw_census *census, int64_t now_s)
{
    char path[256];
    char *text = calloc(1, 65536);
    assert_non_null(text);
    (void)snprintf(path, sizeof path, "%s/" TW_CENSUS_NAME, house->kit.dir);
    tw_census_look(census, house->kit.dir, (tw_mono_t){now_s * TW_NS_PER_S});
    FILE *file = fopen(path, "rb");
    if (file != NULL) {
        assert_true(fread(text, 1, 65535, file) > 0);
        assert_int_equal(fclose(file), 0);
    }
    return text;
}

static void assert_tells(char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        fail_msg("no %s in %s", part, text);
    }
    free(text);
}

static void census__who_came_and_who_did_not__is_told(void **state)
{
    struct house *house = *state;
    struct tw_census census = {.since = {5}};
    open_tap(house, TW_TAP_PULL);
    assert_tells(census_of(house, &census, 1),
                 "{\"version\":1,\"since\":5,\"doors\":[{\"name\":\"tap-0\",\"kind\":\"tap\","
                 "\"allowed\":2,\"admitted\":0,\"refused\":{\"unknown_key\":0,\"no_curve\":0,"
                 "\"other_server_key\":0,\"handshake\":0,\"removed_key\":0},"
                 "\"last_refused\":null,\"clients\":[]}]}");
    void *till = connect_client(house, ZMQ_PUSH, "till");
    tap_bench_send(till, 1, "{0}");
    (void)receive_of(house, "till");
    assert_tells(census_of(house, &census, 1), "\"admitted\":0"); /* not twice in a second */
    assert_tells(census_of(house, &census, 2),
                 "\"clients\":[{\"name\":\"till\",\"is_allowed\":true,\"admitted\":1,\"last\":");
    curve_kit_take_away(&house->kit, "till");
    tw_taps_reload_clients(house->bench.self);
    tap_bench_send(till, 1, "{1}");
    assert_int_equal(receive_of(house, "till").problem, TW_PROBLEM_client);
    /* It connects again, and is asked; the handshake may wake the wait without a message. */
    for (int i = 0; refused_for(TW_ZAP_UNKNOWN_KEY) == 0; i++) {
        assert_true(i < 10000);
        (void)tap_bench_is_quiet(&house->bench, 5);
    }
    assert_int_equal(refused_for(TW_ZAP_REMOVED_KEY), 1);
    assert_tells(census_of(house, &census, 4), "\"unknown_key\":1");
    assert_tells(census_of(house, &census, 4), "\"reason\":\"unknown_key\",\"address\":"
                                               "\"127.0.0.1\",\"client\":\"\"}");
    assert_tells(census_of(house, &census, 4), "\"name\":\"till\",\"is_allowed\":false");
    /* without a handler there is nothing to tell */
    tw_taps_destroy(&house->bench.self);
    struct tw_census after = {.since = {6}};
    char *text = census_of(house, &after, 1);
    assert_string_equal(text, "");
    free(text);
}

static void census__a_directory_that_is_not_there__is_no_reason_to_wait(void **state)
{
    struct house *house = *state;
    struct tw_census census = {.since = {5}};
    open_tap(house, TW_TAP_PULL);
    tw_census_look(&census, "/nonexistent", (tw_mono_t){TW_NS_PER_S});
    assert_true(census.has_failed);
    char *text = census_of(house, &census, 1); /* nothing has changed */
    assert_string_equal(text, "");
    free(text);
    tw_taps_reload_clients(house->bench.self);
    assert_tells(census_of(house, &census, 3), "\"allowed\":2");
    assert_false(census.has_failed);
}

/* ---- what is no client ---- */

static int connect_raw(const struct house *house)
{
    const char *colon = strrchr(tw_taps_endpoint(house->bench.self, 0), ':');
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10)),
                             .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void port__garbage_of_all_kinds__a_client_still_gets_in(void **state)
{
    struct house *house = *state;
    static const char zmtp_null[64] = "\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL";
    static const char zmtp_curve[64] = "\xff\0\0\0\0\0\0\0\0\x7f\x03\0"
                                       "CURVE";
    static const char zmtp_1[] = "\x01\x00\x05\x00hell";
    static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    static char noise[65536];
    const struct {
        const char *bytes;
        size_t len;
    } kinds[] = {{zmtp_null, sizeof zmtp_null}, {zmtp_curve, sizeof zmtp_curve},
                 {zmtp_1, sizeof zmtp_1 - 1},   {http, sizeof http - 1},
                 {noise, sizeof noise},         {"", 0}};
    uint32_t seed = 7;
    for (size_t i = 0; i < sizeof noise; i++) {
        seed = seed * 1664525U + 1013904223U;
        noise[i] = (char)(seed >> 24);
    }
    open_tap(house, TW_TAP_PULL);
    for (size_t i = 0; i < 8 * (sizeof kinds / sizeof kinds[0]); i++) {
        size_t kind = i % (sizeof kinds / sizeof kinds[0]);
        int fd = connect_raw(house);
        /* it may have hung up already */
        (void)send(fd, kinds[kind].bytes, kinds[kind].len, MSG_NOSIGNAL);
        /* a command that is none behind a greeting that is one */
        (void)send(fd, noise, i % 200, MSG_NOSIGNAL);
        assert_int_equal(close(fd), 0);
    }
    assert_true(tap_bench_is_quiet(&house->bench, 50));
    void *till = connect_client(house, ZMQ_PUSH, "till");
    tap_bench_send(till, 1, "{0}");
    assert_int_equal(receive_of(house, "till").problem, TW_PROBLEM_none);
}

/* Connections that never say anything are ended; a client gets in among them. */
static void port__flood_of_silent_connections__is_ended(void **state)
{
    struct house *house = *state;
    int fds[FLOOD];
    struct tw_cfg_tap *tap = tap_bench_add(&house->bench, TW_TAP_PULL, NULL);
    tap->curve = house->kit.curve;
    tap->handshake_ms = 500;
    tap_bench_open(&house->bench);
    for (size_t i = 0; i < FLOOD; i++) {
        fds[i] = connect_raw(house);
    }
    void *till = connect_client(house, ZMQ_PUSH, "till");
    tap_bench_send(till, 1, "{0}");
    assert_int_equal(receive_of(house, "till").problem, TW_PROBLEM_none);
    for (size_t i = 0; i < FLOOD; i++) {
        struct timeval patience = {.tv_sec = TAP_PATIENCE_MS / 1000};
        char bytes[256];
        ssize_t n = 1;
        assert_int_equal(setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience),
                         0);
        while (n > 0) { /* its greeting, then the end */
            n = recv(fds[i], bytes, sizeof bytes, 0);
        }
        assert_true(n == 0 || errno == ECONNRESET);
        assert_int_equal(close(fds[i]), 0);
    }
}

int main(void)
{
#define WITH_HOUSE(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        WITH_HOUSE(push__key_taken_away__its_messages_are_refused_and_its_connection_ends),
        WITH_HOUSE(dealer__key_taken_away__it_is_refused_and_others_are_answered),
        WITH_HOUSE(publisher__key_taken_away__it_is_refused),
        WITH_HOUSE(reload__other_key_or_other_name__ends_what_was),
        WITH_HOUSE(taps__secret_that_others_may_read__does_not_open),
        WITH_HOUSE(census__who_came_and_who_did_not__is_told),
        WITH_HOUSE(census__a_directory_that_is_not_there__is_no_reason_to_wait),
        WITH_HOUSE(port__garbage_of_all_kinds__a_client_still_gets_in),
        WITH_HOUSE(port__flood_of_silent_connections__is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
