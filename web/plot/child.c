/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/plot/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SAID_MAX 400 /* bytes of what it complains about that are told */

const char *tw_plot_program(const char *configured)
{
    static const char *const places[] = {"/usr/bin/gnuplot", "/usr/local/bin/gnuplot"};
    if (configured != NULL) {
        return configured;
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (access(places[i], X_OK) == 0) {
            return places[i];
        }
    }
    return NULL;
}

void tw_plot_child_init(struct tw_plot_child *self, const char *program)
{
    *self = (struct tw_plot_child){.program = program, .in = -1, .out = -1, .err = -1};
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd); /* a pipe */
        *fd = -1;
    }
}

void tw_plot_child_fini(struct tw_plot_child *self)
{
    close_fd(&self->in);
    close_fd(&self->out);
    close_fd(&self->err);
    if (self->pid > 0) {
        (void)kill(self->pid, SIGKILL); /* it is ours until it is waited for */
        while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    self->pid = 0;
    self->draws = 0;
}

/* It has them before it reads the first command. */
static int limit_child(pid_t pid)
{
    static const struct {
        __rlimit_resource_t what;
        struct rlimit limit;
    } limits[] = {
        {RLIMIT_CPU, {300, 300}},          /* seconds, of all drawings together */
        {RLIMIT_AS, {1u << 30, 1u << 30}}, /* fonts are mapped */
        {RLIMIT_FSIZE, {0, 0}},            /* writes no file */
        {RLIMIT_NOFILE, {32, 32}},         /* fonts */
        {RLIMIT_NPROC, {0, 0}},            /* starts nothing */
        {RLIMIT_CORE, {0, 0}},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        if (prlimit(pid, limits[i].what, &limits[i].limit, NULL) != 0) {
            return TW_ESYSTEM;
        }
    }
    return TW_OK;
}

/* Child's ends in [0][0], [1][1], [2][1]. */
static int spawn(struct tw_plot_child *self, int pipes[3][2], const char *dir)
{
    char *const arguments[] = {(char[]){"gnuplot"}, (char[]){"-d"}, (char[]){"-"}, NULL};
    char *const environment[] = {(char[]){"LC_ALL=C.UTF-8"}, (char[]){"HOME=/nonexistent"},
                                 (char[]){"XDG_CACHE_HOME=/nonexistent"}, NULL};
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
    int fault = posix_spawn_file_actions_adddup2(&actions, pipes[0][0], 0);
    fault = fault != 0 ? fault : posix_spawn_file_actions_adddup2(&actions, pipes[1][1], 1);
    fault = fault != 0 ? fault : posix_spawn_file_actions_adddup2(&actions, pipes[2][1], 2);
    fault = fault != 0 ? fault : posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    fault = fault != 0 ? fault : posix_spawn_file_actions_addchdir_np(&actions, dir);
    fault = fault != 0 ? fault
                       : posix_spawnattr_setflags(&attributes,
                                                  POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    fault = fault != 0 ? fault : posix_spawnattr_setsigmask(&attributes, &none);
    fault = fault != 0 ? fault : posix_spawnattr_setsigdefault(&attributes, &all);
    fault = fault != 0 ? fault
                       : posix_spawn(&self->pid, self->program, &actions, &attributes, arguments,
                                     environment);
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    self->pid = fault != 0 ? 0 : self->pid;
    return fault == 0 ? TW_OK : fault == ENOMEM || fault == EAGAIN ? TW_ENOMEM : TW_ENOTFOUND;
}

static void set_nonblocking(int fd)
{
    (void)fcntl(fd, F_SETFL, O_NONBLOCK); /* a pipe of ours: cannot fail */
}

static int start(struct tw_plot_child *self)
{
    char dir[] = "/tmp/tillwatch-plot-XXXXXX";
    int pipes[3][2] = {{-1, -1}, {-1, -1}, {-1, -1}};
    int rc = mkdtemp(dir) == NULL ? TW_ESYSTEM : TW_OK;
    bool has_dir = rc == TW_OK;
    for (int i = 0; i < 3 && rc == TW_OK; i++) {
        rc = pipe2(pipes[i], O_CLOEXEC) == 0 ? TW_OK : TW_ESYSTEM;
    }
    rc = rc == TW_OK ? spawn(self, pipes, dir) : rc;
    rc = rc == TW_OK ? limit_child(self->pid) : rc;
    if (has_dir) {
        (void)rmdir(dir); /* it stays where it is, and nothing can be made there */
    }
    close_fd(&pipes[0][0]);
    close_fd(&pipes[1][1]);
    close_fd(&pipes[2][1]);
    self->in = pipes[0][1];
    self->out = pipes[1][0];
    self->err = pipes[2][0];
    if (rc == TW_OK) {
        set_nonblocking(self->in);
        set_nonblocking(self->out);
        set_nonblocking(self->err);
        self->starts++;
    }
    return rc;
}

/* ---- one drawing ---- */

struct drawing {
    struct tw_plot_child *child;
    struct tw_str script; /* what is still to be written */
    const char *mark;
    struct tw_buf *out;
    size_t begin; /* of the answer in out */
    char said[SAID_MAX];
    size_t said_len;
    bool is_done;
};

static int write_some(struct drawing *self)
{
    ssize_t wrote = write(self->child->in, self->script.ptr, self->script.len);
    if (wrote < 0) {
        return errno == EAGAIN || errno == EINTR ? TW_OK : TW_ECLOSED;
    }
    self->script.ptr += wrote;
    self->script.len -= (size_t)wrote;
    return TW_OK;
}

/* Does the answer end with a line that is the mark? Then it is cut off. */
static bool take_mark(struct drawing *self)
{
    size_t len = strlen(self->mark);
    size_t have = self->out->len - self->begin;
    const char *end = self->out->data + self->out->len;
    if (have < len + 1 || end[-1] != '\n' || memcmp(end - 1 - len, self->mark, len) != 0) {
        return false;
    }
    self->out->len -= len + 1;
    return true;
}

static int read_some(struct drawing *self)
{
    char *to = tw_buf_reserve(self->out, 65536);
    if (to == NULL) {
        return self->out->error == TW_ELIMIT ? TW_ELIMIT : TW_ENOMEM;
    }
    ssize_t got = read(self->child->out, to, 65536);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? TW_OK : TW_ESYSTEM;
    }
    if (got == 0) {
        return TW_ECLOSED;
    }
    self->out->len += (size_t)got;
    self->is_done = self->script.len == 0 && take_mark(self);
    return TW_OK;
}

/* What it complains about is kept as far as it is told; the rest is read and dropped. */
static void hear(struct drawing *self)
{
    char rest[4096];
    ssize_t got = read(self->child->err, rest, sizeof rest);
    if (got <= 0) {
        close_fd(&self->child->err);
        return;
    }
    size_t room = SAID_MAX - self->said_len;
    size_t kept = (size_t)got < room ? (size_t)got : room;
    memcpy(self->said + self->said_len, rest, kept);
    self->said_len += kept;
}

static int64_t now_ms(void)
{
    struct tw_clock *clock = tw_clock_system();
    return clock->mono(clock).ns / TW_NS_PER_MS;
}

static int turn(struct drawing *self, int64_t deadline_ms, int stop_fd)
{
    struct tw_plot_child *child = self->child;
    int64_t left_ms = deadline_ms - now_ms();
    struct pollfd fds[] = {{.fd = self->script.len > 0 ? child->in : -1, .events = POLLOUT},
                           {.fd = child->out, .events = POLLIN},
                           {.fd = child->err, .events = POLLIN},
                           {.fd = stop_fd, .events = POLLIN}};
    int rc = TW_OK;
    if (left_ms <= 0) {
        return TW_ETIMEOUT;
    }
    if (poll(fds, 4, (int)left_ms) < 0) {
        return errno == EINTR ? TW_OK : TW_ESYSTEM;
    }
    if (fds[3].revents != 0) {
        return TW_EAGAIN;
    }
    if (fds[2].revents != 0) {
        hear(self);
    }
    if (fds[1].revents != 0) {
        rc = read_some(self);
    }
    if (rc == TW_OK && !self->is_done && fds[0].revents != 0) {
        rc = write_some(self);
    }
    return rc;
}

int tw_plot_child_draw(struct tw_plot_child *self, const struct tw_plot_job *job,
                       struct tw_buf *out, struct tw_diag *diag)
{
    struct drawing drawing = {
        .child = self, .script = job->script, .mark = job->mark, .out = out, .begin = out->len};
    int64_t until_ms = now_ms() + job->deadline_ms;
    if (self->pid > 0 && self->draws >= TW_PLOT_CHILD_DRAWS) {
        tw_plot_child_fini(self);
    }
    int rc = self->pid > 0 ? TW_OK : start(self);
    while (rc == TW_OK && !drawing.is_done) {
        rc = turn(&drawing, until_ms, job->stop_fd);
    }
    self->draws++;
    if (rc == TW_OK) {
        return TW_OK;
    }
    if (rc == TW_ECLOSED && self->err >= 0) {
        hear(&drawing); /* what it said last */
    }
    tw_plot_child_fini(self);
    out->len = drawing.begin;
    return tw_diag_set(diag, rc, "gnuplot: %s%s%.*s", tw_err_text(rc),
                       drawing.said_len > 0 ? ": " : "", (int)drawing.said_len, drawing.said);
}
