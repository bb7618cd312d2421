/* SPDX-License-Identifier: Apache-2.0
 * A password from a person: never an argument, which everybody on the machine could read.
 * While the terminal does not echo, signals that end the program first make it echo again. */
#include "config.h"
#include "cli_access.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "access/bearer.h"

static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
#define ENDING_COUNT (sizeof ending / sizeof ending[0])

static struct termios before; /* read by the handler; set before it stands */

static void on_end(int number)
{
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &before); /* there is nobody to tell */
    (void)raise(number);                             /* SA_RESETHAND: it ends us now */
}

struct quiet {
    struct sigaction actions[ENDING_COUNT];
    struct sigaction stop;
};

/* No echo. Stopping (^Z) is ignored meanwhile: the shell would not echo either. */
static bool begin_quiet(struct quiet *self)
{
    const struct sigaction action = {.sa_handler = on_end, .sa_flags = (int)SA_RESETHAND};
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        return false;
    }
    for (size_t i = 0; i < ENDING_COUNT; i++) {
        (void)sigaction(ending[i], &action, &self->actions[i]); /* cannot fail with these */
    }
    (void)sigaction(SIGTSTP, &ignore, &self->stop); /* likewise */
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    quiet.c_lflag |= ICANON;
    return tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
}

static void end_quiet(struct quiet *self)
{
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before); /* as good as it gets */
    for (size_t i = 0; i < ENDING_COUNT; i++) {
        (void)sigaction(ending[i], &self->actions[i], NULL); /* as above */
    }
    (void)sigaction(SIGTSTP, &self->stop, NULL); /* likewise */
}

/* One line, byte by byte: what is behind it is not ours. Not with stdio, whose buffers stay. */
static int read_line(struct tw_cli_password *password, struct tw_diag *diag)
{
    bool has_ended = false;
    password->len = 0;
    while (!has_ended) {
        char c = '\0';
        ssize_t got = read(STDIN_FILENO, &c, 1);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 || (got == 0 && password->len == 0)) {
            return tw_diag_set(diag, TW_EINVAL, "no password was given");
        }
        has_ended = got == 0 || c == '\n';
        if (!has_ended && password->len == sizeof password->text - 1) {
            return tw_diag_set(diag, TW_EINVAL, "password: at most %d bytes", TW_PASSWORD_BYTES);
        }
        if (!has_ended) {
            password->text[password->len++] = c;
        }
    }
    if (password->len > 0 && password->text[password->len - 1] == '\r') {
        password->len--;
    }
    password->text[password->len] = '\0';
    return TW_OK;
}

static int ask(const char *question, const char *user, struct tw_cli_password *password,
               struct tw_diag *diag)
{
    (void)fprintf(stderr, "%s %s: ", question, user);
    (void)fflush(stderr); /* not seen: it is asked all the same */
    int rc = read_line(password, diag);
    (void)fputc('\n', stderr); /* that of the terminal was not shown */
    return rc;
}

static int ask_twice(const char *user, struct tw_cli_password *password, struct tw_diag *diag)
{
    struct tw_cli_password again = {.len = 0};
    int rc = ask("New password of", user, password, diag);
    rc = rc == TW_OK ? ask("The same once more, for", user, &again, diag) : rc;
    if (rc == TW_OK &&
        (again.len != password->len || memcmp(again.text, password->text, again.len) != 0)) {
        rc = tw_diag_set(diag, TW_EINVAL, "the two passwords differ; nothing was changed");
    }
    tw_wipe(&again, sizeof again);
    return rc;
}

int tw_cli_password_read(const char *user, bool is_stdin, struct tw_cli_password *ret_password,
                         struct tw_diag *diag)
{
    struct quiet quiet;
    if (is_stdin) {
        return read_line(ret_password, diag);
    }
    if (isatty(STDIN_FILENO) == 0) {
        return tw_diag_set(diag, TW_EINVAL,
                           "there is no terminal to ask at; use --password-stdin or --one-time");
    }
    if (!begin_quiet(&quiet)) {
        end_quiet(&quiet);
        return tw_diag_set(diag, TW_EINVAL,
                           "the terminal cannot be kept from showing what is "
                           "typed; use --password-stdin");
    }
    int rc = ask_twice(user, ret_password, diag);
    end_quiet(&quiet);
    return rc;
}
