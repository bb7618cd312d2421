/* SPDX-License-Identifier: Apache-2.0
 * tap: who may connect to a CURVE tap: key files, the ZAP handler alone, and real clients. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "curve/clients.h"
#include "curve/keygen.h"
#include "curve/zap.h"
#include "unit/tap_bench.h"

struct house {
    char dir[64];
    char server_file[96];
    char clients_dir[96];
    char server_public[41];
    struct tap_bench bench;
};

static char *path_in(const struct house *house, const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", house->clients_dir, name);
    return path;
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void remove_all(const struct house *house)
{
    static const char *const names[] = {"server.pub",  "server.key",   "till.pub", "till.key",
                                        "erp.pub",     "erp.key",      "x.pub",    "README",
                                        ".hidden.pub", "two words.pub"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "%s/%s", house->dir, names[i]);
        (void)unlink(path);
        (void)unlink(path_in(house, names[i]));
    }
}

/* A directory with a server key and the key of the client `till`. */
static int start(void **state)
{
    struct house *house = calloc(1, sizeof *house);
    assert_non_null(house);
    (void)snprintf(house->dir, sizeof house->dir, "/tmp/tw-curve-XXXXXX");
    assert_non_null(mkdtemp(house->dir));
    (void)snprintf(house->clients_dir, sizeof house->clients_dir, "%s/clients", house->dir);
    (void)snprintf(house->server_file, sizeof house->server_file, "%s/server.key", house->dir);
    assert_int_equal(mkdir(house->clients_dir, 0700), 0);
    struct tw_diag diag = {.text = ""};
    assert_int_equal(tw_keypair_write(house->dir, "server", &diag), TW_OK);
    assert_int_equal(tw_keypair_write(house->clients_dir, "till", &diag), TW_OK);
    char file[96];
    (void)snprintf(file, sizeof file, "%s/server.pub", house->dir);
    assert_int_equal(tw_curve_key_read(file, "public-key", house->server_public, &diag), TW_OK);
    tap_bench_init(&house->bench);
    *state = house;
    return 0;
}

static int stop(void **state)
{
    struct house *house = *state;
    tap_bench_fini(&house->bench);
    remove_all(house);
    assert_int_equal(rmdir(house->clients_dir), 0);
    assert_int_equal(rmdir(house->dir), 0);
    free(house);
    return 0;
}

static void add_curve_tap(struct house *house, enum tw_tap_kind kind)
{
    struct tw_cfg_tap *tap = tap_bench_add(&house->bench, kind, NULL);
    tap->curve.server_key_file = house->server_file;
    tap->curve.clients_dir = house->clients_dir;
}

/* A client with the keys of NAME.pub and NAME.key in the clients' directory. */
static void *connect_client(struct house *house, int type, size_t tap, const char *name)
{
    char file[128];
    char public_key[41];
    char secret_key[41];
    (void)snprintf(file, sizeof file, "%s.pub", name);
    assert_int_equal(tw_curve_key_read(path_in(house, file), "public-key", public_key, NULL),
                     TW_OK);
    (void)snprintf(file, sizeof file, "%s.key", name);
    assert_int_equal(tw_curve_key_read(path_in(house, file), "secret-key", secret_key, NULL),
                     TW_OK);
    void *socket = tap_bench_socket(&house->bench, type);
    const char *server = house->server_public;
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server, 41), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, 41), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, 41), 0);
    assert_int_equal(zmq_connect(socket, tw_taps_endpoint(house->bench.self, tap)), 0);
    return socket;
}

static void wait_for_refusals(struct house *house, uint64_t at_least)
{
    for (int i = 0; i < TAP_PATIENCE_MS && tw_taps_refused(house->bench.self) < at_least; i++) {
        assert_true(tap_bench_is_quiet(&house->bench, 1));
    }
    assert_true(tw_taps_refused(house->bench.self) >= at_least);
}

static void taps__known_client__gets_in_under_its_name(void **state)
{
    struct house *house = *state;
    add_curve_tap(house, TW_TAP_PULL);
    add_curve_tap(house, TW_TAP_ROUTER);
    add_curve_tap(house, TW_TAP_SUB);
    tap_bench_open(&house->bench);
    void *push = connect_client(house, ZMQ_PUSH, 0, "till");
    void *dealer = connect_client(house, ZMQ_DEALER, 1, "till");
    tap_bench_send(push, 1, "{0}");
    struct tw_tap_message message = tap_bench_receive(&house->bench);
    assert_true(tw_str_is(message.peer, "till"));
    assert_true(tw_str_is(message.body, "{0}"));
    tap_bench_send(dealer, 2, "ref", "{1}");
    message = tap_bench_receive(&house->bench);
    assert_true(tw_str_is(message.peer, "till"));
    assert_true(tw_str_is(message.ref, "ref"));
    assert_int_equal(
        tw_taps_acknowledge(house->bench.self, 1, message.routing, false, message.ref, TW_STR_NULL),
        TW_OK);
    char word[8];
    assert_int_equal(zmq_recv(dealer, word, sizeof word, 0), 3);
    assert_int_equal(zmq_recv(dealer, word, sizeof word, 0), 2);
    /* a frame of exactly the limit fits in spite of what CURVE adds */
    static char body[1 << 20];
    assert_int_equal(zmq_send(push, body, sizeof body, 0), sizeof body);
    message = tap_bench_receive(&house->bench);
    assert_int_equal(message.problem, TW_PROBLEM_none);
    assert_int_equal(message.body.len, sizeof body);
    assert_int_equal(tw_taps_refused(house->bench.self), 0);
}

static void taps__unknown_client__gets_in_after_a_reload_only(void **state)
{
    struct house *house = *state;
    add_curve_tap(house, TW_TAP_PULL);
    assert_int_equal(tw_keypair_write(house->clients_dir, "erp", NULL), TW_OK);
    char path[256];
    (void)snprintf(path, sizeof path, "%s", path_in(house, "erp.pub"));
    char aside[256];
    (void)snprintf(aside, sizeof aside, "%s", path_in(house, "README"));
    assert_int_equal(rename(path, aside), 0);
    tap_bench_open(&house->bench);
    assert_int_equal(rename(aside, path), 0);
    /* a client of libzmq that is refused does not try again by itself */
    void *push = connect_client(house, ZMQ_PUSH, 0, "erp");
    assert_int_equal(zmq_send(push, "{}", 2, ZMQ_DONTWAIT), 2);
    wait_for_refusals(house, 1);
    assert_true(tap_bench_is_quiet(&house->bench, 50));
    /* a fault anywhere: the old keys stay */
    write_text(path_in(house, "x.pub"), "no key");
    tw_taps_reload_clients(house->bench.self);
    (void)connect_client(house, ZMQ_PUSH, 0, "erp");
    wait_for_refusals(house, 2);
    assert_int_equal(unlink(path_in(house, "x.pub")), 0);
    tw_taps_reload_clients(house->bench.self);
    push = connect_client(house, ZMQ_PUSH, 0, "erp");
    tap_bench_send(push, 1, "{}");
    struct tw_tap_message message = tap_bench_receive(&house->bench);
    assert_true(tw_str_is(message.peer, "erp"));
    /* and out again: no new connection */
    uint64_t refused = tw_taps_refused(house->bench.self);
    assert_int_equal(rename(path, aside), 0);
    tw_taps_reload_clients(house->bench.self);
    assert_int_equal(rename(aside, path), 0);
    (void)connect_client(house, ZMQ_PUSH, 0, "erp");
    wait_for_refusals(house, refused + 1);
}

/* Wait until the library says that a connection of the socket was refused. */
static void wait_for_failure(struct house *house, void *socket, const char *events,
                             const char *endpoint)
{
    char frame[256];
    uint16_t event = 0;
    assert_int_equal(zmq_socket_monitor(socket, events, ZMQ_EVENT_ALL), 0);
    void *monitor = tap_bench_socket(&house->bench, ZMQ_PAIR);
    assert_int_equal(zmq_connect(monitor, events), 0);
    assert_int_equal(zmq_connect(socket, endpoint), 0);
    while (event != ZMQ_EVENT_DISCONNECTED && event != ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL &&
           event != ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) {
        zmq_pollitem_t item = {.socket = monitor, .events = ZMQ_POLLIN};
        assert_int_equal(zmq_poll(&item, 1, TAP_PATIENCE_MS), 1);
        assert_int_equal(zmq_recv(monitor, frame, sizeof frame, 0), 6);
        memcpy(&event, frame, sizeof event);
        assert_int_not_equal(event, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
        assert_true(zmq_recv(monitor, frame, sizeof frame, 0) >= 0);
    }
    assert_int_equal(zmq_socket_monitor(socket, NULL, 0), 0);
}

static void taps__client_without_curve__stays_outside(void **state)
{
    struct house *house = *state;
    add_curve_tap(house, TW_TAP_PULL);
    tap_bench_open(&house->bench);
    const char *endpoint = tw_taps_endpoint(house->bench.self, 0);
    void *open = tap_bench_socket(&house->bench, ZMQ_PUSH);
    wait_for_failure(house, open, "inproc://open", endpoint);
    void *plain = tap_bench_socket(&house->bench, ZMQ_PUSH);
    assert_int_equal(zmq_setsockopt(plain, ZMQ_PLAIN_USERNAME, "till", 4), 0);
    assert_int_equal(zmq_setsockopt(plain, ZMQ_PLAIN_PASSWORD, "till", 4), 0);
    wait_for_failure(house, plain, "inproc://plain", endpoint);
    /* the side that notices first closes: the tap does not see each of them */
    for (int i = 0; i < 1000 && tw_taps_refused(house->bench.self) == 0; i++) {
        assert_int_equal(zmq_connect(open, endpoint), 0);
        assert_true(tap_bench_is_quiet(&house->bench, 10));
    }
    wait_for_refusals(house, 1);
    /* a client with the key of another tower */
    char other_public[41];
    char other_secret[41];
    assert_int_equal(tw_keypair(other_public, other_secret), TW_OK);
    (void)snprintf(house->server_public, sizeof house->server_public, "%s", other_public);
    uint64_t refused = tw_taps_refused(house->bench.self);
    (void)connect_client(house, ZMQ_PUSH, 0, "till");
    wait_for_refusals(house, refused + 1);
    assert_true(zmq_send(open, "{}", 2, ZMQ_DONTWAIT) == 2 || errno == EAGAIN);
    assert_true(tap_bench_is_quiet(&house->bench, 50));
    /* and the right one still gets in */
    char file[96];
    (void)snprintf(file, sizeof file, "%s/server.pub", house->dir);
    assert_int_equal(tw_curve_key_read(file, "public-key", house->server_public, NULL), TW_OK);
    void *push = connect_client(house, ZMQ_PUSH, 0, "till");
    tap_bench_send(push, 1, "{0}");
    assert_true(tw_str_is(tap_bench_receive(&house->bench).peer, "till"));
}

static void taps__open_tap_beside_a_curve_tap__needs_no_key(void **state)
{
    struct house *house = *state;
    add_curve_tap(house, TW_TAP_PULL);
    (void)tap_bench_add(&house->bench, TW_TAP_PULL, NULL);
    tap_bench_open(&house->bench);
    void *push = tap_bench_peer(&house->bench, ZMQ_PUSH, 1);
    tap_bench_send(push, 1, "{0}");
    struct tw_tap_message message = tap_bench_receive(&house->bench);
    assert_int_equal(message.tap_index, 1);
    assert_null(message.peer.ptr);
}

static void taps__key_files_missing_or_wrong__name_tap_and_file(void **state)
{
    struct house *house = *state;
    add_curve_tap(house, TW_TAP_PULL);
    char missing[] = "/nonexistent/key";
    char wrong[256];
    (void)snprintf(wrong, sizeof wrong, "%s", path_in(house, "README"));
    write_text(wrong, "no key");
    assert_int_equal(chmod(wrong, 0600), 0);
    struct tw_cfg_tap *tap = &house->bench.taps[0];
    const struct {
        char *server;
        char *clients;
        int rc;
        const char *text;
    } cases[] = {
        {missing, house->clients_dir, TW_ENOTFOUND, "/nonexistent/key"},
        {wrong, house->clients_dir, TW_EINVAL, "neither a CURVE key"},
        {house->server_file, missing, TW_ENOTFOUND, "cannot open /nonexistent/key"},
        {house->server_file, NULL, TW_EINVAL, "curve.clients is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_diag diag = {.text = ""};
        struct tw_taps *self = NULL;
        tap->curve.server_key_file = cases[i].server;
        tap->curve.clients_dir = cases[i].clients;
        assert_int_equal(tw_taps_new(&house->bench.cfg, &self, &diag), cases[i].rc);
        assert_null(self);
        assert_non_null(strstr(diag.text, cases[i].text));
    }
}

static void clients__every_form_of_key_file__is_read(void **state)
{
    struct house *house = *state;
    char till[41];
    uint8_t key[TW_CURVE_KEY_BYTES];
    assert_int_equal(tw_curve_key_read(path_in(house, "till.pub"), "public-key", till, NULL),
                     TW_OK);
    char other_public[41];
    char other_secret[41];
    assert_int_equal(tw_keypair(other_public, other_secret), TW_OK);
    char text[512];
    (void)snprintf(text, sizeof text,
                   "#   ZeroMQ CURVE Public Certificate\n\nmetadata\n    name = \"erp\"\ncurve\n"
                   "    public-key-id = \"no\"\r\n\tpublic-key\t=  '%s' \r\n",
                   other_public);
    write_text(path_in(house, "erp.pub"), text);
    write_text(path_in(house, "README"), "not a key, and not looked at");
    write_text(path_in(house, ".hidden.pub"), "nor this one");
    struct tw_clients *clients = NULL;
    assert_int_equal(tw_clients_new(house->clients_dir, &clients, NULL), TW_OK);
    assert_int_equal(tw_clients_count(clients), 2);
    assert_int_equal(tw_curve_key_decode(till, 40, key), TW_OK);
    assert_string_equal(tw_clients_find(clients, key)->name, "till");
    assert_int_equal(tw_curve_key_decode(other_public, 40, key), TW_OK);
    assert_string_equal(tw_clients_find(clients, key)->name, "erp");
    key[31] ^= 1;
    assert_null(tw_clients_find(clients, key));
    tw_clients_destroy(&clients);
    assert_null(clients);
    tw_clients_destroy(&clients);
}

static void clients__faults__are_named_with_their_file(void **state)
{
    struct house *house = *state;
    char till[48];
    assert_int_equal(tw_curve_key_read(path_in(house, "till.pub"), "public-key", till, NULL),
                     TW_OK);
    char longer[64];
    (void)snprintf(longer, sizeof longer, "%sa", till);
    char large[4097];
    memset(large, ' ', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    const struct {
        const char *name;
        const char *text;
        const char *complaint;
    } cases[] = {
        {"x.pub", "", "x.pub: neither a CURVE key"},
        {"x.pub", "too short", "x.pub: neither a CURVE key"},
        {"x.pub", longer, "x.pub: neither a CURVE key"},
        {"x.pub", "########################################", "x.pub: neither"},  /* > 2^32 - 1 */
        {"x.pub", "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf\"", "x.pub: neither"}, /* " */
        {"x.pub", "secret-key = \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"", "neither"},
        {"x.pub", "public-key = \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7", "neither"},
        {"x.pub", large, "x.pub: larger than a key file can be"},
        {"x.pub", till, "have the same key"},
        {"two words.pub", till, "two words.pub: the name of a client is"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_clients *clients = NULL;
        struct tw_diag diag = {.text = ""};
        write_text(path_in(house, cases[i].name), cases[i].text);
        assert_int_equal(tw_clients_new(house->clients_dir, &clients, &diag), TW_EINVAL);
        assert_null(clients);
        assert_non_null(strstr(diag.text, cases[i].complaint));
        /* keys are never shown, not even wrong ones */
        assert_null(strstr(diag.text, "rq:rM"));
        assert_int_equal(unlink(path_in(house, cases[i].name)), 0);
    }
    struct tw_clients *clients = NULL;
    assert_int_equal(tw_clients_new("/nonexistent", &clients, NULL), TW_ENOTFOUND);
}

static void keypair_write__files__have_safe_modes_and_stay(void **state)
{
    struct house *house = *state;
    struct stat status;
    struct tw_diag diag = {.text = ""};
    char before[41];
    char after[41];
    assert_int_equal(stat(path_in(house, "till.key"), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(status.st_size, 41);
    assert_int_equal(stat(path_in(house, "till.pub"), &status), 0);
    assert_int_equal(status.st_mode & 0022, 0);
    assert_int_equal(tw_curve_key_read(path_in(house, "till.pub"), "public-key", before, NULL),
                     TW_OK);
    assert_int_equal(tw_keypair_write(house->clients_dir, "till", &diag), TW_EEXISTS);
    assert_non_null(strstr(diag.text, "till.key"));
    assert_int_equal(tw_curve_key_read(path_in(house, "till.pub"), "public-key", after, NULL),
                     TW_OK);
    assert_string_equal(before, after);
    /* only the public file is there: no secret is left behind */
    assert_int_equal(unlink(path_in(house, "till.key")), 0);
    assert_int_equal(tw_keypair_write(house->clients_dir, "till", &diag), TW_EEXISTS);
    assert_int_not_equal(access(path_in(house, "till.key"), F_OK), 0);
    static const char *const names[] = {
        "",          ".x",  "a/b",
        "two words", "x\n", "a-name-of-65-characters-is-one-more-than-the-limit-of-64-allows--"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(tw_keypair_write(house->clients_dir, names[i], &diag), TW_EINVAL);
    }
    assert_int_equal(tw_keypair_write("/nonexistent", "x", &diag), TW_ENOTFOUND);
    /* the two belong together */
    char derived[41];
    assert_int_equal(tw_keypair(before, after), TW_OK);
    assert_int_equal(zmq_curve_public(derived, after), 0);
    assert_string_equal(derived, before);
}

/* Ask the handler as libzmq does and return the status code. */
static int ask(void *socket, size_t count, const struct tw_str *frames, char ret_user[128])
{
    for (size_t i = 0; i < count; i++) {
        int more = i + 1 < count ? ZMQ_SNDMORE : 0;
        assert_true(zmq_send(socket, frames[i].ptr, frames[i].len, more) >= 0);
    }
    char reply[6][128] = {{0}};
    for (size_t i = 0; i < 6; i++) {
        int more = 0;
        size_t size = sizeof more;
        assert_in_range(zmq_recv(socket, reply[i], sizeof reply[i] - 1, 0), 0, 127);
        assert_int_equal(zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size), 0);
        assert_int_equal(more, i < 5);
    }
    assert_string_equal(reply[0], "1.0");
    /* who comes in has a number; nobody else learns anything */
    assert_true((reply[5][0] != 0) == (strcmp(reply[2], "200") == 0));
    memcpy(ret_user, reply[4], sizeof reply[4]);
    return (int)strtol(reply[2], NULL, 10);
}

static void zap__requests_of_all_kinds__only_the_known_key_passes(void **state)
{
    struct house *house = *state;
    const struct tw_zap_door door = {.name = "tap-0", .clients_dir = house->clients_dir};
    void *context = zmq_ctx_new();
    struct tw_zap *zap = NULL;
    struct tw_zap *second = NULL;
    struct tw_diag diag = {.text = ""};
    assert_int_equal(tw_zap_new(context, &door, 1, &zap, &diag), TW_OK);
    assert_int_equal(tw_zap_new(context, &door, 1, &second, &diag), TW_EEXISTS);
    assert_null(second);
    char text[41];
    uint8_t key[40] = {0};
    assert_int_equal(tw_curve_key_read(path_in(house, "till.pub"), "public-key", text, NULL),
                     TW_OK);
    assert_int_equal(tw_curve_key_decode(text, 40, key), TW_OK);
    const struct tw_str good[12] = {
        TW_STR_LIT("1.0"), TW_STR_LIT("7"),     TW_STR_LIT("tap-0"), TW_STR_LIT("127.0.0.1"),
        TW_STR_LIT("id"),  TW_STR_LIT("CURVE"), {(char *)key, 32},   TW_STR_LIT("more"),
        TW_STR_LIT("x"),   TW_STR_LIT("x"),     TW_STR_LIT("x"),     TW_STR_LIT("x")};
    char user[128];
    void *socket = zmq_socket(context, ZMQ_REQ);
    assert_int_equal(zmq_connect(socket, "inproc://zeromq.zap.01"), 0);
    assert_int_equal(ask(socket, 7, good, user), 200);
    assert_string_equal(user, "till");
    uint64_t refused = 0;
    for (size_t count = 1; count <= 12; count++) {
        if (count != 7) {
            assert_int_equal(ask(socket, count, good, user), 400);
            assert_string_equal(user, "");
            assert_int_equal(tw_zap_refused(zap), ++refused);
        }
    }
    static const struct tw_str changes[7][3] = {
        {TW_STR_LIT("2.0"), TW_STR_LIT(""), TW_STR_LIT("1.0 ")},
        {{NULL, 0}},
        {TW_STR_LIT("tap-1"), TW_STR_LIT(""), TW_STR_LIT("tap-00")},
        {{NULL, 0}},
        {{NULL, 0}},
        {TW_STR_LIT("NULL"), TW_STR_LIT("PLAIN"), TW_STR_LIT("curve")},
        {TW_STR_LIT(""), TW_STR_LIT("short"), TW_STR_LIT("01234567890123456789012345678901")},
    };
    for (size_t i = 0; i < 7; i++) {
        for (size_t k = 0; k < 3 && changes[i][0].ptr != NULL; k++) {
            struct tw_str frames[7];
            memcpy(frames, good, sizeof frames);
            frames[i] = changes[i][k];
            assert_int_equal(ask(socket, 7, frames, user), 400);
            assert_int_equal(tw_zap_refused(zap), ++refused);
        }
    }
    static char huge[100000];
    struct tw_str frames[7];
    memcpy(frames, good, sizeof frames);
    frames[6] = (struct tw_str){huge, sizeof huge};
    assert_int_equal(ask(socket, 7, frames, user), 400);
    assert_int_equal(ask(socket, 7, good, user), 200); /* and it still answers */
    assert_int_equal(zmq_close(socket), 0);
    tw_zap_destroy(&zap);
    tw_zap_destroy(&zap);
    assert_int_equal(zmq_ctx_term(context), 0);
}

int main(void)
{
#define WITH_HOUSE(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        WITH_HOUSE(taps__known_client__gets_in_under_its_name),
        WITH_HOUSE(taps__unknown_client__gets_in_after_a_reload_only),
        WITH_HOUSE(taps__client_without_curve__stays_outside),
        WITH_HOUSE(taps__open_tap_beside_a_curve_tap__needs_no_key),
        WITH_HOUSE(taps__key_files_missing_or_wrong__name_tap_and_file),
        WITH_HOUSE(clients__every_form_of_key_file__is_read),
        WITH_HOUSE(clients__faults__are_named_with_their_file),
        WITH_HOUSE(keypair_write__files__have_safe_modes_and_stay),
        WITH_HOUSE(zap__requests_of_all_kinds__only_the_known_key_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
