/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/listen.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_BACKLOG 1024

/* "127.0.0.1:8460", "[::1]:0", "*:80" -> host ("" for every address) and port, both in buf. */
static int split_listen(const char *listen, char *buf, size_t size, const char **ret_host,
                        const char **ret_port)
{
    size_t len = strlen(listen);
    const char *colon = strrchr(listen, ':');
    if (len >= size || colon == NULL || colon[1] == '\0') {
        return TW_EINVAL;
    }
    memcpy(buf, listen, len + 1);
    char *host = buf;
    buf[colon - listen] = '\0';
    if (host[0] == '[' && colon[-1] == ']') {
        buf[colon - listen - 1] = '\0';
        host++;
    }
    *ret_host = strcmp(host, "*") == 0 ? "" : host;
    *ret_port = buf + (colon - listen) + 1;
    return TW_OK;
}

static int bind_fault(const char *listen, int errno_value, struct tw_diag *diag)
{
    char text[128];
    switch (errno_value) {
    case EADDRINUSE:
        return tw_diag_set(diag, TW_EBUSY,
                           "web: %s is in use by another program; stop it, or set web.listen or "
                           "TILLWATCH_WEB to another port",
                           listen);
    case EACCES:
        return tw_diag_set(diag, TW_EPERM,
                           "web: not permitted to listen on %s; ports below 1024 need a right, "
                           "set web.listen to a higher one",
                           listen);
    case EADDRNOTAVAIL:
        return tw_diag_set(diag, TW_EINVAL, "web: this machine has no address %s; set web.listen",
                           listen);
    default:
        return tw_diag_set(diag, TW_ESYSTEM, "web: cannot listen on %s: %s", listen,
                           tw_errno_text(errno_value, text, sizeof text));
    }
}

int tw_listen_open(const char *listen_on, int *ret_fd, uint16_t *ret_port, struct tw_diag *diag)
{
    char buf[300];
    const char *host = NULL;
    const char *port = NULL;
    struct addrinfo *found = NULL;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    if (split_listen(listen_on, buf, sizeof buf, &host, &port) != TW_OK ||
        getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &found) != 0) {
        return tw_diag_set(diag, TW_EINVAL,
                           "web: '%s' is no address; web.listen is like 127.0.0.1:8460", listen_on);
    }
    int fault = 0;
    int fd = -1;
    for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        static const int on = 1;
        fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            fault = errno;
            continue;
        }
        /* Without it, a restart would find its own port busy for a minute. */
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (bind(fd, at->ai_addr, at->ai_addrlen) != 0 || listen(fd, LISTEN_BACKLOG) != 0) {
            fault = errno;
            (void)close(fd); /* nothing was written */
            fd = -1;
        }
    }
    freeaddrinfo(found);
    if (fd < 0) {
        return bind_fault(listen_on, fault, diag);
    }
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    char number[16] = "0";
    if (getsockname(fd, (struct sockaddr *)&bound, &size) == 0) {
        (void)getnameinfo((struct sockaddr *)&bound, size, NULL, 0, number, sizeof number,
                          NI_NUMERICSERV | NI_NUMERICHOST);
    }
    *ret_port = (uint16_t)strtoul(number, NULL, 10);
    *ret_fd = fd;
    return TW_OK;
}
