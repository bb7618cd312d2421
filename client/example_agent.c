/* SPDX-License-Identifier: Apache-2.0
 * A replay agent: carries out what Tillwatch orders, by a PUSH socket or by a command.
 *
 *     cc example_agent.c -o agent $(pkg-config --cflags --libs --static libtillwatch libzmq)
 *     ./agent tcp://tower:8464 mw-1 erp,loyalty push tcp://127.0.0.1:5555
 *     ./agent tcp://tower:8464 mw-1 erp run /usr/local/bin/post-to-erp
 *
 * push: the event goes to whoever pulls there; whether it worked, the tap tells.
 * run: the command gets the event on its standard input, and destination and idempotency key as its
 * arguments. 0: it is done; anything else: it is not, and nothing has happened.
 * TILLWATCH_SERVER_KEY and TILLWATCH_CLIENT_KEY in the environment: the keys, where the tower wants
 * some (tillwatch.h). TILLWATCH_AGENT_MEMORY in the environment: a file in which verdicts survive a
 * restart. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <tillwatch.h>
#include <tillwatch_agent.h>
#include <zmq.h>

#define MAX_SYSTEMS 16
#define PUSH_MS     5000 /* so long the other side may be away */

extern char **environ;

static volatile sig_atomic_t is_stopping;

static void stop(int number)
{
    (void)number;
    is_stopping = 1;
}

static int push(void *context, const struct tillwatch_replay *replay)
{
    if (zmq_send(context, replay->event, replay->event_len, 0) < 0) {
        (void)snprintf(replay->reason, TILLWATCH_REASON_BYTES, "nobody takes it: %s",
                       zmq_strerror(zmq_errno()));
        return TILLWATCH_REFUSE;
    }
    return TILLWATCH_ACCEPT;
}

/* All of it into a pipe; a command that does not read to the end is its own affair. */
static void feed(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno != EINTR) {
            return;
        }
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

static int run(void *context, const struct tillwatch_replay *replay)
{
    char *const arguments[] = {context, (char *)(uintptr_t)replay->destination,
                               (char *)(uintptr_t)replay->idempotencykey, NULL};
    posix_spawn_file_actions_t actions;
    int fds[2] = {-1, -1};
    pid_t pid = 0;
    int status = 0;
    if (pipe(fds) != 0) {
        return TILLWATCH_REFUSE;
    }
    int failed = posix_spawn_file_actions_init(&actions);
    failed |= posix_spawn_file_actions_adddup2(&actions, fds[0], STDIN_FILENO);
    failed |= posix_spawn_file_actions_addclose(&actions, fds[1]);
    failed |= posix_spawn(&pid, context, &actions, NULL, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(fds[0]);
    if (failed == 0) {
        feed(fds[1], replay->event, replay->event_len);
    }
    (void)close(fds[1]);
    while (failed == 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (failed == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        return TILLWATCH_DONE;
    }
    (void)snprintf(replay->reason, TILLWATCH_REASON_BYTES, "%.100s failed (%d)", (char *)context,
                   failed != 0 ? failed : status);
    return TILLWATCH_REFUSE;
}

/* "erp,loyalty" into its parts, in place. */
static size_t split(char *text, const char *systems[MAX_SYSTEMS])
{
    size_t count = 0;
    while (text != NULL && count < MAX_SYSTEMS) {
        systems[count++] = text;
        text = strchr(text, ',');
        if (text != NULL) {
            *text++ = 0;
        }
    }
    return count;
}

/* False: some were named and cannot be used. */
static int take_keys(struct tillwatch_keys *keys, struct tillwatch_agent_options *options)
{
    char where[256];
    if (tillwatch_keys_read(NULL, NULL, keys, where, sizeof where) != TILLWATCH_OK) {
        (void)fprintf(stderr, "%s: no key that can be used\n", where);
        return 0;
    }
    if (keys->server_key[0] != 0) {
        options->curve_server_key = keys->server_key;
        options->curve_public_key = keys->public_key;
        options->curve_secret_key = keys->secret_key;
    }
    return 1;
}

int main(int argc, char **argv)
{
    const char *systems[MAX_SYSTEMS];
    if (argc != 6 || (strcmp(argv[4], "push") != 0 && strcmp(argv[4], "run") != 0)) {
        (void)fprintf(stderr, "usage: %s TOWER NAME SYSTEM,... push ENDPOINT | run COMMAND\n",
                      argv[0]);
        return 2;
    }
    struct sigaction action = {.sa_handler = stop};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
    void *zmq = zmq_ctx_new();
    void *socket = zmq_socket(zmq, ZMQ_PUSH);
    const int wait_ms = PUSH_MS;
    const int yes = 1; /* only into a connection that is there */
    (void)zmq_setsockopt(socket, ZMQ_SNDTIMEO, &wait_ms, sizeof wait_ms);
    (void)zmq_setsockopt(socket, ZMQ_LINGER, &wait_ms, sizeof wait_ms);
    (void)zmq_setsockopt(socket, ZMQ_IMMEDIATE, &yes, sizeof yes);
    int is_push = strcmp(argv[4], "push") == 0;
    struct tillwatch_agent_options options = {.endpoint = argv[1],
                                              .agent = argv[2],
                                              .systems = systems,
                                              .system_count = split(argv[3], systems),
                                              .capacity = 8,
                                              .memory_file = getenv("TILLWATCH_AGENT_MEMORY"),
                                              .carry_out = is_push ? push : run,
                                              .context = is_push ? socket : argv[5]};
    tillwatch_agent *agent = NULL;
    struct tillwatch_keys keys;
    if (!take_keys(&keys, &options)) {
        return 1;
    }
    int rc = is_push && zmq_connect(socket, argv[5]) != 0 ? TILLWATCH_SOCKET : TILLWATCH_OK;
    rc = rc == TILLWATCH_OK ? tillwatch_agent_open(&options, &agent) : rc;
    tillwatch_keys_wipe(&keys);
    if (rc != TILLWATCH_OK) {
        (void)fprintf(stderr, "%s: %s\n", argv[0], tillwatch_text(rc));
    }
    while (rc == TILLWATCH_OK && is_stopping == 0) {
        (void)tillwatch_agent_work(agent, 200);
    }
    tillwatch_agent_close(&agent);
    (void)zmq_close(socket);
    (void)zmq_ctx_term(zmq);
    return rc == TILLWATCH_OK ? 0 : 1;
}
