/* SPDX-License-Identifier: Apache-2.0
 * Requests on kept connections, one after the other on each, and the time of each; or clients of
 * the stream, and how late their ticks are.
 *   http_load get PORT CONNECTIONS SECONDS PATH...     the paths in turn
 *   http_load stream PORT CLIENTS SECONDS
 * Prints `name value unit` lines. An answer other than 200 ends it with status 1. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_SAMPLES 20000000u
#define BUF_BYTES   (256u * 1024u) /* of an answer's head, or of a tick */

struct client {
    int fd;
    double since;   /* of the request under way */
    size_t used;    /* bytes of the head that came */
    size_t missing; /* bytes of the body still to come; SIZE_MAX: the head is not whole */
    bool has_begun; /* the first tick came, which is as old as it happens to be */
    char *buf;
};

static float *samples; /* seconds */
static size_t sample_count;
static uint64_t body_bytes;

static double now_s(clockid_t clock)
{
    struct timespec ts;
    (void)clock_gettime(clock, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *what)
{
    (void)fprintf(stderr, "http_load: %s (errno %d)\n", what, errno);
    exit(1);
}

static void add_sample(double seconds)
{
    if (sample_count < MAX_SAMPLES) {
        samples[sample_count++] = (float)seconds;
    }
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a;
    float y = *(const float *)b;
    return x < y ? -1 : (x > y ? 1 : 0);
}

static double quantile_ms(double q)
{
    return sample_count == 0 ? 0 : (double)samples[(size_t)((double)(sample_count - 1) * q)] * 1e3;
}

static void begin(struct client *client, uint16_t port, int poll_fd)
{
    static const int on = 1;
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    client->buf = malloc(BUF_BYTES + 1);
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = client}};
    if (client->fd < 0 || client->buf == NULL ||
        connect(client->fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, client->fd, &event) != 0) {
        die("connect");
    }
}

static void ask(struct client *client, const char *path)
{
    char request[1024];
    int len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    client->since = now_s(CLOCK_MONOTONIC);
    client->used = 0;
    client->missing = SIZE_MAX;
    if (len < 0 || (size_t)len >= sizeof request ||
        send(client->fd, request, (size_t)len, MSG_NOSIGNAL) != len) {
        die("send");
    }
}

/* More bytes of an answer; true: it is whole. */
static bool take_answer(struct client *client)
{
    ssize_t got = recv(client->fd, client->buf + client->used, BUF_BYTES - client->used, 0);
    if (got <= 0) {
        die("a connection was closed");
    }
    if (client->missing != SIZE_MAX) { /* `used` is 0: the body is read over and over */
        client->missing -= (size_t)got;
        return client->missing == 0;
    }
    client->used += (size_t)got;
    client->buf[client->used] = '\0';
    const char *end = strstr(client->buf, "\r\n\r\n");
    if (end == NULL) {
        return false;
    }
    const char *length = strcasestr(client->buf, "\r\nContent-Length: ");
    if (strncmp(client->buf, "HTTP/1.1 200", 12) != 0 || length == NULL || length > end) {
        die(client->buf);
    }
    size_t body = strtoul(length + 18, NULL, 10);
    body_bytes += body;
    client->missing = body - (client->used - (size_t)(end + 4 - client->buf));
    client->used = 0;
    return client->missing == 0;
}

/* Ticks: how long behind the moment that they name. */
static void take_ticks(struct client *client)
{
    ssize_t got = recv(client->fd, client->buf + client->used, BUF_BYTES - client->used, 0);
    double now = now_s(CLOCK_REALTIME);
    if (got <= 0) {
        die("a stream was ended");
    }
    client->used += (size_t)got;
    client->buf[client->used] = '\0';
    char *from = client->buf;
    for (char *at = strstr(from, "{\"at\":\""); at != NULL && strstr(at, "\n\n") != NULL;
         at = strstr(from, "{\"at\":\"")) {
        struct tm tm = {0};
        const char *rest = strptime(at + 7, "%Y-%m-%dT%H:%M:%S", &tm);
        if (rest == NULL) {
            die("a tick without its time");
        }
        if (client->has_begun) {
            add_sample(now - ((double)timegm(&tm) + strtod(rest, NULL)));
        }
        client->has_begun = true;
        from = strstr(at, "\n\n");
    }
    size_t left = client->used - (size_t)(from - client->buf);
    memmove(client->buf, from, left);
    client->used = left == BUF_BYTES ? 0 : left;
}

int main(int argc, char **argv)
{
    bool is_stream = argc == 5 && strcmp(argv[1], "stream") == 0;
    if (!is_stream && (argc < 6 || strcmp(argv[1], "get") != 0)) {
        (void)fprintf(stderr, "http_load: see the head of tests/bench/http_load.c\n");
        return 2;
    }
    size_t count = strtoul(argv[3], NULL, 10);
    double seconds = strtod(argv[4], NULL);
    size_t turn = 0;
    int poll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct client *clients = calloc(count, sizeof *clients);
    samples = malloc(MAX_SAMPLES * sizeof *samples);
    if (poll_fd < 0 || clients == NULL || samples == NULL) {
        die("start");
    }
    for (size_t i = 0; i < count; i++) {
        begin(&clients[i], (uint16_t)strtoul(argv[2], NULL, 10), poll_fd);
        ask(&clients[i], is_stream ? "/api/v1/stream" : argv[5 + turn++ % (size_t)(argc - 5)]);
    }
    double start = now_s(CLOCK_MONOTONIC);
    while (now_s(CLOCK_MONOTONIC) - start < seconds) {
        struct epoll_event events[256];
        int ready = epoll_wait(poll_fd, events, 256, 100);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            if (is_stream) {
                take_ticks(client);
            } else if (take_answer(client)) {
                add_sample(now_s(CLOCK_MONOTONIC) - client->since);
                ask(client, argv[5 + turn++ % (size_t)(argc - 5)]);
            }
        }
    }
    double took = now_s(CLOCK_MONOTONIC) - start;
    qsort(samples, sample_count, sizeof *samples, by_value);
    (void)printf("rate %.1f 1/s\np50 %.3f ms\np99 %.3f ms\nmax %.3f ms\nbytes %.0f bytes\n",
                 (double)sample_count / took, quantile_ms(0.5), quantile_ms(0.99), quantile_ms(1),
                 sample_count == 0 ? 0 : (double)body_bytes / (double)sample_count);
    for (size_t i = 0; i < count; i++) {
        (void)close(clients[i].fd); /* only read from */
        free(clients[i].buf);
    }
    free(clients);
    free(samples);
    return 0;
}
