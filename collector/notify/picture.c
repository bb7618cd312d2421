/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "notify/picture.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/err.h"

#define READ_BYTES 65536

/* No processor time without end, no file, no core. Its memory: the reader maps the store. */
static void limit_child(pid_t pid)
{
    static const struct {
        __rlimit_resource_t what;
        struct rlimit limit;
    } limits[] = {
        {RLIMIT_CPU, {30, 300}}, /* seconds; gnuplot is given all of the second */
        {RLIMIT_CORE, {0, 0}},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        (void)prlimit(pid, limits[i].what, &limits[i].limit, NULL); /* the deadline is there, too */
    }
}

/* Its output is `out`; stdin and stderr are nothing. */
static int spawn(char *const *argv, char *const *environment, int out, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    if (posix_spawn_file_actions_init(&actions) != 0) {
        return TW_ENOMEM;
    }
    if (posix_spawnattr_init(&attributes) != 0) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return TW_ENOMEM;
    }
    int fault = posix_spawn_file_actions_adddup2(&actions, out, 1);
    fault |= posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    fault |= posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    fault |= posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    fault |= posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                       POSIX_SPAWN_SETPGROUP);
    fault |= posix_spawnattr_setsigmask(&attributes, &none);
    fault |= posix_spawnattr_setsigdefault(&attributes, &all);
    fault |= posix_spawnattr_setpgroup(&attributes, 0); /* its own, with the child that draws */
    fault = fault != 0 ? fault
                       : posix_spawn(ret_pid, argv[0], &actions, &attributes, argv, environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return fault == 0 ? TW_OK : TW_ESYSTEM;
}

void tw_picture_begin(struct tw_picture *self, char *const *argv, char *const *environment,
                      tw_mono_t now)
{
    /* Not a pipe: its end is something to read, for poll. */
    int pair[2] = {-1, -1};
    *self = (struct tw_picture){.fd = -1};
    self->deadline.ns = now.ns + TW_PICTURE_MS * TW_NS_PER_MS;
    tw_buf_init(&self->png, TW_PICTURE_MAX);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        self->fault = "there are no descriptors for it";
        return;
    }
    if (spawn(argv, environment, pair[1], &self->pid) != TW_OK) {
        self->pid = 0;
        self->fault = "the program that draws it does not start";
    } else {
        limit_child(self->pid);
    }
    (void)close(pair[1]);
    self->fd = pair[0];
    (void)fcntl(self->fd, F_SETFL, O_NONBLOCK); /* a socket of ours: cannot fail */
}

static bool is_png(const struct tw_buf *buf)
{
    static const char head[] = "\x89PNG\r\n\x1a\n";
    static const char tail[] = "IEND\xae\x42\x60\x82";
    size_t len = sizeof head - 1;
    return buf->len > 2 * len && memcmp(buf->data, head, len) == 0 &&
           memcmp(buf->data + buf->len - len, tail, len) == 0;
}

static bool ended(struct tw_picture *self, const char *fault)
{
    self->fault = fault;
    return true;
}

bool tw_picture_go_on(struct tw_picture *self, tw_mono_t now)
{
    if (self->fault != NULL || self->fd < 0) {
        return true;
    }
    for (;;) {
        char *to = tw_buf_reserve(&self->png, READ_BYTES);
        if (to == NULL) {
            return ended(self, self->png.error == TW_ELIMIT ? "it is too large" : "no memory");
        }
        ssize_t got = read(self->fd, to, READ_BYTES);
        if (got == 0) {
            return ended(self, is_png(&self->png) ? NULL : "it could not be drawn");
        }
        if (got < 0 && errno != EINTR) {
            break;
        }
        self->png.len += got > 0 ? (size_t)got : 0;
    }
    if (errno != EAGAIN) {
        return ended(self, "it could not be read");
    }
    return now.ns >= self->deadline.ns ? ended(self, "it took too long") : false;
}

void tw_picture_fini(struct tw_picture *self)
{
    if (self->pid > 0) {
        (void)kill(-self->pid, SIGKILL); /* the group: what it started, too; gone is fine */
        (void)kill(self->pid, SIGKILL);
        while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR) {
        }
        self->pid = 0;
    }
    if (self->fd >= 0) {
        (void)close(self->fd); /* only read from */
        self->fd = -1;
    }
    tw_buf_fini(&self->png);
}
