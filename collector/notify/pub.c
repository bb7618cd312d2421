/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "notify/pub.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

/* What was published in the last moment still leaves at the end. */
#define LINGER_MS 250
/* Subscriptions are all that comes in. */
#define RECEIVE_MAX 1024

struct tw_pub {
    void *context;
    void *sockets[TW_PUB_SOCKETS_MAX];
    char *endpoints[TW_PUB_SOCKETS_MAX];
    size_t count;
};

int tw_pub_new(struct tw_pub **ret_pub)
{
    struct tw_pub *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->context = zmq_ctx_new();
    if (self->context == NULL) {
        free(self);
        return TW_ESYSTEM;
    }
    *ret_pub = self;
    return TW_OK;
}

void tw_pub_destroy(struct tw_pub **self_p)
{
    struct tw_pub *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        (void)zmq_close(self->sockets[i]); /* fails for no socket only */
        free(self->endpoints[i]);
    }
    while (zmq_ctx_term(self->context) != 0 && errno == EINTR) {
    }
    free(self);
}

static void *find(const struct tw_pub *self, const char *endpoint)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->endpoints[i], endpoint) == 0) {
            return self->sockets[i];
        }
    }
    return NULL;
}

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static int set_options(void *socket, bool wants_ipv6)
{
    int64_t most = RECEIVE_MAX;
    int failed = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most);
    failed |= set_int(socket, ZMQ_SNDHWM, TW_PUB_HWM);
    failed |= set_int(socket, ZMQ_LINGER, LINGER_MS);
    failed |= set_int(socket, ZMQ_IPV6, wants_ipv6 ? 1 : 0);
    return failed;
}

int tw_pub_bind(struct tw_pub *self, const char *endpoint, struct tw_diag *diag)
{
    if (find(self, endpoint) != NULL) {
        return TW_OK;
    }
    if (self->count == TW_PUB_SOCKETS_MAX) {
        return tw_diag_set(diag, TW_ELIMIT, "pub: at most %d endpoints", TW_PUB_SOCKETS_MAX);
    }
    char *copy = strdup(endpoint);
    void *socket = copy == NULL ? NULL : zmq_socket(self->context, ZMQ_PUB);
    if (socket == NULL) {
        free(copy);
        return tw_diag_set(diag, TW_ENOMEM, "pub: %s", tw_err_text(TW_ENOMEM));
    }
    if (set_options(socket, strchr(endpoint, '[') != NULL) != 0 ||
        zmq_bind(socket, endpoint) != 0) {
        (void)tw_diag_set(diag, TW_ESYSTEM, "pub: %s: %s", endpoint, zmq_strerror(errno));
        (void)zmq_close(socket); /* as above */
        free(copy);
        return TW_ESYSTEM;
    }
    self->sockets[self->count] = socket;
    self->endpoints[self->count++] = copy;
    return TW_OK;
}

int tw_pub_send(struct tw_pub *self, const char *endpoint, struct tw_str topic,
                struct tw_str message)
{
    void *socket = find(self, endpoint);
    if (socket == NULL) {
        return TW_ENOTFOUND;
    }
    if (zmq_send(socket, topic.ptr, topic.len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0 ||
        zmq_send(socket, message.ptr, message.len, ZMQ_DONTWAIT) < 0) {
        return TW_ESYSTEM;
    }
    return TW_OK;
}
