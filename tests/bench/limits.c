/* SPDX-License-Identifier: Apache-2.0
 * The ingest benchmark's sender and the limits it is held against, each a mode of one program:
 *
 *   limits push ENDPOINT EVENTS PER_MESSAGE FIRST   send over PUSH as fast as taken
 *   limits paced ENDPOINT RATE SECONDS FIRST        send over PUSH, so many a second
 *   limits acked ENDPOINT EVENTS WINDOW FIRST       send over DEALER; latency of acknowledgements
 *   limits zmq EVENTS PER_MESSAGE                   raw PUSH -> PULL in one process
 *   limits sqlite FILE EVENTS                       plain rows into SQLite, no index
 *   limits cpu                                      a calibration of pure computing
 *
 * The events are those of tests/bench/load.h. Prints `name value unit` lines. */
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

#include "bench/load.h"

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
    char *body = malloc(per_message * LOAD_EVENT_MAX + 2);
    if (body == NULL) {
        exit(1);
    }
    for (uint64_t sent = 0; sent < events; sent += per_message) {
        uint64_t count = events - sent < per_message ? events - sent : per_message;
        size_t len = load_message(first + sent, count, body);
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

/* In messages of up to 64 events, what is due every five milliseconds. */
static int run_paced(char **args)
{
    double rate = strtod(args[1], NULL);
    double seconds = strtod(args[2], NULL);
    uint64_t first = strtoull(args[3], NULL, 10);
    uint64_t sent = 0;
    const struct timespec pause = {.tv_nsec = 5000000};
    void *context = zmq_ctx_new();
    void *socket = make_socket(context, ZMQ_PUSH);
    if (zmq_connect(socket, args[0]) != 0) {
        die(args[0]);
    }
    double start = now_s();
    while (now_s() - start < seconds) {
        uint64_t due = (uint64_t)((now_s() - start) * rate);
        push_all(socket, first + sent, due - sent, 64);
        sent = due;
        (void)nanosleep(&pause, NULL); /* a signal only makes the turn come early */
    }
    (void)zmq_close(socket);
    (void)zmq_ctx_term(context);
    (void)printf("paced_rate %.0f events/s\n", (double)sent / (now_s() - start));
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
    char body[LOAD_EVENT_MAX];
    uint64_t sent = 0;
    uint64_t acked = 0;
    double start = now_s();
    while (acked < events) {
        while (sent < events && sent - acked < window) {
            size_t len = load_event(first + sent, body);
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
    char body[LOAD_EVENT_MAX];
    char order[32];
    double start = now_s();
    for (uint64_t n = 0; n < events; n++) {
        if (n % ROWS_A_COMMIT == 0) {
            sql(db, n == 0 ? "BEGIN" : "COMMIT; BEGIN");
        }
        size_t len = load_event(n, body);
        int order_len = snprintf(order, sizeof order, "%010" PRIu64, load_flow(n));
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
    load_init();
    if (strcmp(mode, "push") == 0 && argc == 6) {
        return run_push(argv + 2);
    }
    if (strcmp(mode, "paced") == 0 && argc == 6) {
        return run_paced(argv + 2);
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
        char body[LOAD_EVENT_MAX];
        for (uint64_t n = 0; n < 3 * LOAD_FLOWS_AT_ONCE; n += LOAD_FLOWS_AT_ONCE) {
            (void)printf("%.*s\n", (int)load_event(n, body), body);
        }
        return 0;
    }
    (void)fprintf(stderr, "limits: see the head of tests/bench/limits.c\n");
    return 2;
}
