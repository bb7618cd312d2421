/* SPDX-License-Identifier: Apache-2.0
 * The limit that the web half is held against: libmicrohttpd with the same flags and threads, and a
 * handler that gives the same bytes to whatever is asked.
 *   bare_http THREADS BYTES     prints its port, ends when its stdin does */
#include "config.h"

#include <microhttpd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct body {
    char *bytes;
    size_t len;
};

// NOLINTNEXTLINE(readability-function-size): the library's signature
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **context)
{
    static int seen;
    const struct body *body = cls;
    (void)url;
    (void)method;
    (void)version;
    (void)upload_data;
    *upload_data_size = 0;  /* no request has a body */
    if (*context == NULL) { /* the header lines: the answer follows at the second call */
        *context = &seen;
        return MHD_YES;
    }
    struct MHD_Response *out =
        MHD_create_response_from_buffer(body->len, body->bytes, MHD_RESPMEM_PERSISTENT);
    if (out == NULL) {
        return MHD_NO;
    }
    (void)MHD_add_response_header(out, "Content-Type", "application/json; charset=utf-8");
    enum MHD_Result result = MHD_queue_response(connection, 200, out);
    MHD_destroy_response(out);
    return result;
}

int main(int argc, char **argv)
{
    struct body body = {.len = argc == 3 ? strtoul(argv[2], NULL, 10) : 0};
    unsigned threads = argc == 3 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
    body.bytes = malloc(body.len + 1);
    if (body.len == 0 || threads < 2 || body.bytes == NULL) {
        (void)fprintf(stderr, "bare_http: see the head of tests/bench/bare_http.c\n");
        free(body.bytes);
        return 2;
    }
    memset(body.bytes, 'x', body.len);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, &body,
        MHD_OPTION_THREAD_POOL_SIZE, threads, MHD_OPTION_CONNECTION_LIMIT, 1024u, MHD_OPTION_END);
    if (daemon == NULL) {
        (void)fprintf(stderr, "bare_http: cannot start\n");
        free(body.bytes);
        return 1;
    }
    (void)printf("%u\n", MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    (void)fflush(stdout);
    while (getchar() != EOF) {
    }
    MHD_stop_daemon(daemon);
    free(body.bytes);
    return 0;
}
