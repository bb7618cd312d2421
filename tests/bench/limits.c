/* SPDX-License-Identifier: Apache-2.0
 * The benchmark's own load and the limits it is held against, each a mode of one program:
 *   limits push ENDPOINT EVENTS PER_MESSAGE FIRST   send CloudEvents over PUSH as fast as taken
 *   limits acked ENDPOINT EVENTS WINDOW FIRST       send over DEALER; prints acknowledgement
 * latency limits zmq EVENTS PER_MESSAGE                   the same over raw PUSH -> PULL, in one
 * process limits sqlite FILE EVENTS                       the same as plain rows into SQLite, no
 * index limits cpu                                      a calibration of pure computing An event
 * has about 590 bytes; eight to a flow (an order with a payment and a shipment), flows of 64 stores
 * interleaved. Prints `name value unit` lines. */
#include "config.h"

#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <zmq.h>

#define EVENT_MAX     1024
#define STEPS         8
#define FLOWS_AT_ONCE 64
#define ROWS_A_COMMIT 5000

static double now_s(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double cpu_s(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void die(const char *what)
{
    (void)fprintf(stderr, "limits: %s: %s\n", what, zmq_strerror(zmq_errno()));
    exit(1);
}

/* Flows are interleaved: event n is step (n / 64) % 8 of its flow. */
static uint64_t flow_of(uint64_t n)
{
    return n / (FLOWS_AT_ONCE * STEPS) * FLOWS_AT_ONCE + n % FLOWS_AT_ONCE;
}

/* Event number n, built whole; returns its length. Flows are interleaved: event n belongs to step
 * (n / 64) % 8 of flow n / 512 * 64 + n % 64. */
static size_t build_event(uint64_t n, char *out)
{
    static const char *const types[STEPS] = {
        "ecommerce.order.created",  "payment.payment.authorized",
        "erp.order.created",        "wms.parcel.picked",
        "wms.parcel.packed",        "wms.parcel.shipped",
        "payment.payment.captured", "erp.order.posted"};
    static const char *const sources[STEPS] = {"/ecommerce/web", "/payment/psp", "/erp/eu",
                                               "/wms/dc",        "/wms/dc",      "/wms/dc",
                                               "/payment/psp",   "/erp/eu"};
    unsigned step = (unsigned)(n / FLOWS_AT_ONCE % STEPS);
    uint64_t flow = flow_of(n);
    unsigned second = (unsigned)(n / 1000 % 3600);
    uint64_t mixed = (flow + 1) * UINT64_C(0x9E3779B97F4A7C15);
    int len = snprintf(
        out, EVENT_MAX,
        "{\"specversion\":\"1.0\",\"id\":\"%016" PRIx64 "\",\"source\":\"%s/%" PRIu64
        "\",\"type\":\"com.example.%s\",\"time\":\"2026-11-27T18:%02u:%02u.%06uZ\","
        "\"datacontenttype\":\"application/json\",\"storeid\":\"%04" PRIu64
        "\",\"orderid\":\"%010" PRIu64 "\",\"paymentid\":\"PAY%012" PRIx64
        "\",\"shipmentid\":\"SHP%012" PRIx64 "\",\"customerref\":\"C%08" PRIx64
        "\",\"channel\":\"web\",\"region\":\"eu-west\",\"outcome\":\"ok\",\"amount\":\"%u.%02u\","
        "\"currency\":\"EUR\",\"data\":{\"lines\":[{\"sku\":\"SKU-%07u\",\"qty\":%u,\"price\":"
        "\"%u.%02u\"},{\"sku\":\"SKU-%07u\",\"qty\":1,\"price\":\"%u.99\"}],\"till\":%u,"
        "\"cashier\":\"K%05u\",\"note\":\"benchmark\"}}",
        n * UINT64_C(0xD6E8FEB86659FD93), sources[step], flow % 64, types[step], second / 60,
        second % 60, (unsigned)(n % 1000000), flow % 600, flow, (mixed >> 20) & 0xffffffffffff,
        (mixed >> 16) & 0xffffffffffff, mixed >> 36, (unsigned)(mixed >> 50) % 500,
        (unsigned)(mixed >> 40) % 100, (unsigned)(mixed >> 30) % 9999999,
        1 + (unsigned)(mixed >> 60) % 4, (unsigned)(mixed >> 44) % 200,
        (unsigned)(mixed >> 34) % 100, (unsigned)(mixed >> 24) % 9999999,
        (unsigned)(mixed >> 14) % 90, (unsigned)(mixed >> 10) % 12, (unsigned)(mixed >> 8) % 99999);
    return (size_t)len;
}

/* Building costs a microsecond, which the sender would take from what is measured. So a pool of
 * events is built once, and only what must differ is patched: id, order, payment, shipment. */
#define POOL 4096

static struct {
    char text[EVENT_MAX];
    size_t len;
    size_t id;
    size_t order;
    size_t payment;
    size_t shipment;
} pool[POOL];

static size_t place(const char *text, const char *member)
{
    const char *at = strstr(text, member);
    if (at == NULL) {
        exit(1);
    }
    return (size_t)(at - text) + strlen(member);
}

static void make_pool(void)
{
    for (uint64_t n = 0; n < POOL; n++) {
        pool[n].len = build_event(n, pool[n].text);
        pool[n].id = place(pool[n].text, "\"id\":\"");
        pool[n].order = place(pool[n].text, "\"orderid\":\"");
        pool[n].payment = place(pool[n].text, "\"paymentid\":\"PAY");
        pool[n].shipment = place(pool[n].text, "\"shipmentid\":\"SHP");
    }
}

static void put_hex(char *to, uint64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

static void put_digits(char *to, uint64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

static size_t make_event(uint64_t n, char *out)
{
    uint64_t slot = n % POOL;
    uint64_t flow = flow_of(n);
    uint64_t mixed = (flow + 1) * UINT64_C(0x9E3779B97F4A7C15);
    memcpy(out, pool[slot].text, pool[slot].len);
    put_hex(out + pool[slot].id, n * UINT64_C(0xD6E8FEB86659FD93), 16);
    put_digits(out + pool[slot].order, flow, 10);
    put_hex(out + pool[slot].payment, mixed >> 20, 12);
    put_hex(out + pool[slot].shipment, mixed >> 16, 12);
    return pool[slot].len;
}

static size_t make_message(uint64_t first, uint64_t count, char *out)
{
    if (count == 1) {
        return make_event(first, out);
    }
    size_t len = 0;
    out[len++] = '[';
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0) {
            out[len++] = ',';
        }
        len += make_event(first + i, out + len);
    }
    out[len++] = ']';
    return len;
}

static void *make_socket(void *context, int type)
{
    void *socket = zmq_socket(context, type);
    int linger = 60000;
    int hwm = 10000;
    if (socket == NULL || zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger) != 0 ||
        zmq_setsockopt(socket, ZMQ_SNDHWM, &hwm, sizeof hwm) != 0 ||
        zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm) != 0) {
        die("socket");
    }
    return socket;
}

static void push_all(void *socket, uint64_t first, uint64_t events, uint64_t per_message)
{
    char *body = malloc(per_message * EVENT_MAX + 2);
    if (body == NULL) {
        exit(1);
    }
    for (uint64_t sent = 0; sent < events; sent += per_message) {
        uint64_t count = events - sent < per_message ? events - sent : per_message;
        size_t len = make_message(first + sent, count, body);
        if (zmq_send(socket, body, len, 0) < 0) {
            die("send");
        }
    }
    free(body);
}

static int run_push(char **args)
{
    uint64_t events = strtoull(args[1], NULL, 10);
    void *context = zmq_ctx_new();
    void *socket = make_socket(context, ZMQ_PUSH);
    if (zmq_connect(socket, args[0]) != 0) {
        die(args[0]);
    }
    double start = now_s();
    push_all(socket, strtoull(args[3], NULL, 10), events, strtoull(args[2], NULL, 10));
    (void)zmq_close(socket);
    (void)zmq_ctx_term(context); /* until everything is handed to the kernel */
    (void)printf("sender_seconds %.3f s\nsender_cpu %.3f us/event\n", now_s() - start,
                 cpu_s() / (double)events * 1e6);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : (x > y ? 1 : 0);
}

/* One event a message, WINDOW under way, latency of each acknowledgement. */
static int run_acked(char **args)
{
    uint64_t events = strtoull(args[1], NULL, 10);
    uint64_t window = strtoull(args[2], NULL, 10);
    uint64_t first = strtoull(args[3], NULL, 10);
    void *context = zmq_ctx_new();
    void *socket = make_socket(context, ZMQ_DEALER);
    double *sent_at = calloc(events, sizeof *sent_at);
    double *latency = calloc(events, sizeof *latency);
    if (zmq_connect(socket, args[0]) != 0 || sent_at == NULL || latency == NULL) {
        die(args[0]);
    }
    char body[EVENT_MAX];
    uint64_t sent = 0;
    uint64_t acked = 0;
    double start = now_s();
    while (acked < events) {
        while (sent < events && sent - acked < window) {
            size_t len = make_event(first + sent, body);
            sent_at[sent] = now_s();
            if (zmq_send(socket, &sent, sizeof sent, ZMQ_SNDMORE) < 0 ||
                zmq_send(socket, body, len, 0) < 0) {
                die("send");
            }
            sent++;
        }
        uint64_t ref = 0;
        char answer[64];
        if (zmq_recv(socket, &ref, sizeof ref, 0) != (int)sizeof ref || ref != acked ||
            zmq_recv(socket, answer, sizeof answer, 0) != 2) {
            (void)fprintf(stderr, "limits: acknowledgement %" PRIu64 " is not the expected one\n",
                          acked);
            return 1;
        }
        latency[acked] = now_s() - sent_at[acked];
        acked++;
    }
    double seconds = now_s() - start;
    qsort(latency, events, sizeof *latency, by_value);
    (void)printf(
        "acked_rate %.0f events/s\nacked_p50 %.2f ms\nacked_p99 %.2f ms\nacked_max %.2f ms\n",
        (double)events / seconds, latency[events / 2] * 1e3, latency[events * 99 / 100] * 1e3,
        latency[events - 1] * 1e3);
    (void)zmq_close(socket);
    (void)zmq_ctx_term(context);
    free(sent_at);
    free(latency);
    return 0;
}

struct zmq_sender {
    void *context;
    const char *endpoint;
    uint64_t events;
    uint64_t per_message;
};

static void *zmq_sender_main(void *arg)
{
    struct zmq_sender *self = arg;
    void *socket = make_socket(self->context, ZMQ_PUSH);
    if (zmq_connect(socket, self->endpoint) != 0) {
        die(self->endpoint);
    }
    push_all(socket, 0, self->events, self->per_message);
    (void)zmq_close(socket);
    return NULL;
}

static int run_zmq(char **args)
{
    struct zmq_sender sender = {.events = strtoull(args[0], NULL, 10),
                                .per_message = strtoull(args[1], NULL, 10)};
    sender.context = zmq_ctx_new();
    void *socket = make_socket(sender.context, ZMQ_PULL);
    char endpoint[128];
    size_t size = sizeof endpoint;
    if (zmq_bind(socket, "tcp://127.0.0.1:*") != 0 ||
        zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size) != 0) {
        die("bind");
    }
    sender.endpoint = endpoint;
    pthread_t thread;
    double start = now_s();
    if (pthread_create(&thread, NULL, zmq_sender_main, &sender) != 0) {
        return 1;
    }
    uint64_t messages = (sender.events + sender.per_message - 1) / sender.per_message;
    zmq_msg_t message;
    (void)zmq_msg_init(&message);
    for (uint64_t i = 0; i < messages; i++) {
        if (zmq_msg_recv(&message, socket, 0) < 0) {
            die("receive");
        }
    }
    double seconds = now_s() - start;
    (void)zmq_msg_close(&message);
    (void)pthread_join(thread, NULL);
    (void)zmq_close(socket);
    (void)zmq_ctx_term(sender.context);
    (void)printf("raw_zmq_%" PRIu64 " %.0f events/s\n", sender.per_message,
                 (double)sender.events / seconds);
    return 0;
}

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        (void)fprintf(stderr, "limits: %s: %s\n", text, sqlite3_errmsg(db));
        exit(1);
    }
}

static int run_sqlite(char **args)
{
    uint64_t events = strtoull(args[1], NULL, 10);
    sqlite3 *db = NULL;
    sqlite3_stmt *insert = NULL;
    if (sqlite3_open(args[0], &db) != SQLITE_OK) {
        return 1;
    }
    sql(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE event(n INTEGER PRIMARY KEY, id TEXT, source TEXT, type TEXT, time TEXT,"
            " orderid TEXT, body TEXT)");
    if (sqlite3_prepare_v2(db, "INSERT INTO event VALUES(?,?,?,?,?,?,?)", -1, &insert, NULL) !=
        SQLITE_OK) {
        return 1;
    }
    char body[EVENT_MAX];
    char order[32];
    double start = now_s();
    for (uint64_t n = 0; n < events; n++) {
        if (n % ROWS_A_COMMIT == 0) {
            sql(db, n == 0 ? "BEGIN" : "COMMIT; BEGIN");
        }
        size_t len = make_event(n, body);
        int order_len = snprintf(order, sizeof order, "%010" PRIu64, flow_of(n));
        (void)sqlite3_bind_int64(insert, 1, (sqlite3_int64)n);
        (void)sqlite3_bind_text(insert, 2, body + 29, 16, SQLITE_STATIC);
        (void)sqlite3_bind_text(insert, 3, body + 57, 16, SQLITE_STATIC);
        (void)sqlite3_bind_text(insert, 4, body + 80, 30, SQLITE_STATIC);
        (void)sqlite3_bind_text(insert, 5, body + 120, 27, SQLITE_STATIC);
        (void)sqlite3_bind_text(insert, 6, order, order_len, SQLITE_STATIC);
        (void)sqlite3_bind_text(insert, 7, body, (int)len, SQLITE_STATIC);
        if (sqlite3_step(insert) != SQLITE_DONE) {
            return 1;
        }
        (void)sqlite3_reset(insert);
    }
    sql(db, "COMMIT");
    double seconds = now_s() - start;
    (void)sqlite3_finalize(insert);
    (void)sqlite3_close(db);
    (void)printf("raw_sqlite %.0f events/s\nraw_sqlite_cpu %.2f us/event\n",
                 (double)events / seconds, cpu_s() / (double)events * 1e6);
    return 0;
}

static int run_cpu(void)
{
    uint64_t x = 88172645463325252u;
    double start = now_s();
    for (int i = 0; i < 200000000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    (void)printf("cpu_probe %.1f Msteps/s\n", 200.0 / (now_s() - start) + (x == 1 ? 1 : 0));
    return 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    make_pool();
    if (strcmp(mode, "push") == 0 && argc == 6) {
        return run_push(argv + 2);
    }
    if (strcmp(mode, "acked") == 0 && argc == 6) {
        return run_acked(argv + 2);
    }
    if (strcmp(mode, "zmq") == 0 && argc == 4) {
        return run_zmq(argv + 2);
    }
    if (strcmp(mode, "sqlite") == 0 && argc == 4) {
        return run_sqlite(argv + 2);
    }
    if (strcmp(mode, "cpu") == 0) {
        return run_cpu();
    }
    if (strcmp(mode, "show") == 0) {
        char body[EVENT_MAX];
        for (uint64_t n = 0; n < 3 * FLOWS_AT_ONCE; n += FLOWS_AT_ONCE) {
            (void)printf("%.*s\n", (int)make_event(n, body), body);
        }
        return 0;
    }
    (void)fprintf(stderr, "limits: see the head of tests/bench/limits.c\n");
    return 2;
}
