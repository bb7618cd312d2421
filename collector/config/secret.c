/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/faults.h"

#define PREFIX         "${env:"
#define NAME_MAX_BYTES 128

/* ---- what it may be ---- */

static int take(const char *bytes, size_t len, const char *what, char **ret_secret,
                struct tw_diag *diag)
{
    while (len > 0 && strchr(" \t\r\n", bytes[len - 1]) != NULL) {
        len--;
    }
    if (len == 0) {
        return tw_diag_set(diag, TW_EINVAL, "%s is empty", what);
    }
    if (len > TW_SECRET_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "%s has more than %d bytes", what, TW_SECRET_MAX);
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f) {
            return tw_diag_set(diag, TW_EINVAL, "%s holds a control character", what);
        }
    }
    *ret_secret = strndup(bytes, len);
    return *ret_secret == NULL ? tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM)) : TW_OK;
}

/* ---- files ---- */

static ssize_t read_whole(int fd, char *bytes, size_t room)
{
    size_t len = 0;
    while (len < room) {
        ssize_t got = read(fd, bytes + len, room - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return got;
        }
        if (got == 0) {
            break;
        }
        len += (size_t)got;
    }
    return (ssize_t)len;
}

int tw_secret_read(const char *path, char **ret_secret, struct tw_diag *diag)
{
    struct stat st;
    char shown[TW_SHOWN_SIZE];
    char reason[128];
    char bytes[TW_SECRET_MAX + 8]; /* room for the end of its line */
    (void)tw_shown(path, shown);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return tw_diag_set(diag, TW_EINVAL, "%s cannot be read: %s", shown,
                           tw_errno_text(errno, reason, sizeof reason));
    }
    int rc = TW_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        rc = tw_diag_set(diag, TW_EINVAL, "%s is no regular file", shown);
    } else if ((st.st_mode & 077) != 0) {
        rc = tw_diag_set(diag, TW_EINVAL, "%s may be read by others (mode %04o); chmod 600 %s",
                         shown, (unsigned)(st.st_mode & 07777), shown);
    } else {
        ssize_t got = read_whole(fd, bytes, sizeof bytes);
        rc = got < 0 ? tw_diag_set(diag, TW_EINVAL, "%s cannot be read: %s", shown,
                                   tw_errno_text(errno, reason, sizeof reason))
                     : take(bytes, (size_t)got, shown, ret_secret, diag);
    }
    (void)close(fd); /* only read from */
    explicit_bzero(bytes, sizeof bytes);
    return rc;
}

/* ---- the environment ---- */

bool tw_secret_is_reference(const char *text)
{
    size_t len = strlen(text);
    return len > sizeof PREFIX && strncmp(text, PREFIX, sizeof PREFIX - 1) == 0 &&
           text[len - 1] == '}';
}

int tw_secret_resolve(const char *text, char **ret_secret, struct tw_diag *diag)
{
    char name[NAME_MAX_BYTES];
    size_t len = strlen(text) - sizeof PREFIX; /* without the brace at the end */
    if (len >= sizeof name) {
        return tw_diag_set(diag, TW_EINVAL, "the name of the variable is too long");
    }
    memcpy(name, text + sizeof PREFIX - 1, len);
    name[len] = '\0';
    const char *value = getenv(name);
    if (value == NULL) {
        return tw_diag_set(diag, TW_EINVAL, "there is no variable %s in the environment", name);
    }
    return take(value, strlen(value), name, ret_secret, diag);
}

void tw_secret_free(char **secret_p)
{
    if (*secret_p != NULL) {
        explicit_bzero(*secret_p, strlen(*secret_p));
        free(*secret_p);
        *secret_p = NULL;
    }
}
