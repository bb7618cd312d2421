/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "curve/keygen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

#include "curve/clients.h"

int tw_keypair(char ret_public[41], char ret_secret[41])
{
    return zmq_curve_keypair(ret_public, ret_secret) == 0 ? TW_OK : TW_ESYSTEM;
}

static int path_error(struct tw_diag *diag, const char *path, int errnum)
{
    char text[128];
    int code = errnum == EEXIST                        ? TW_EEXISTS
               : errnum == EACCES || errnum == EPERM   ? TW_EPERM
               : errnum == EROFS                       ? TW_EPERM
               : errnum == ENOENT || errnum == ENOTDIR ? TW_ENOTFOUND
                                                       : TW_EIO;
    return tw_diag_set(diag, code, "%s: %s%s", path, tw_errno_text(errnum, text, sizeof text),
                       errnum == EEXIST ? "; keys are never overwritten: remove it first" : "");
}

static int write_key(const char *path, const char *key, mode_t mode, struct tw_diag *diag)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) {
        return path_error(diag, path, errno);
    }
    char line[TW_CURVE_KEY_LENGTH + 1];
    memcpy(line, key, TW_CURVE_KEY_LENGTH);
    line[TW_CURVE_KEY_LENGTH] = '\n';
    ssize_t n = write(fd, line, sizeof line);
    bool is_written = n == (ssize_t)sizeof line && fsync(fd) == 0;
    int errnum = n >= 0 && n != (ssize_t)sizeof line ? ENOSPC : errno;
    is_written = close(fd) == 0 && is_written;
    explicit_bzero(line, sizeof line);
    if (!is_written) {
        (void)unlink(path); /* half a key is of no use; the first error counts */
        return path_error(diag, path, errnum);
    }
    return TW_OK;
}

int tw_keypair_write(const char *dir, const char *name, struct tw_diag *diag)
{
    char public_path[4096];
    char secret_path[4096];
    char public_key[TW_CURVE_KEY_LENGTH + 1];
    char secret_key[TW_CURVE_KEY_LENGTH + 1];
    if (!tw_client_name_is_allowed(name, strlen(name))) {
        return tw_diag_set(diag, TW_EINVAL, "%s: a name is 1 to %d of A-Z a-z 0-9 . _ -", name,
                           TW_CLIENT_NAME_MAX);
    }
    int public_len = snprintf(public_path, sizeof public_path, "%s/%s.pub", dir, name);
    int secret_len = snprintf(secret_path, sizeof secret_path, "%s/%s.key", dir, name);
    if (public_len < 0 || secret_len < 0 || (size_t)secret_len >= sizeof secret_path) {
        return tw_diag_set(diag, TW_EINVAL, "%s: path too long", dir);
    }
    int rc = tw_keypair(public_key, secret_key);
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "this libzmq has no CURVE: it was built without libsodium");
    }
    rc = write_key(secret_path, secret_key, 0600, diag);
    explicit_bzero(secret_key, sizeof secret_key);
    if (rc == TW_OK) {
        rc = write_key(public_path, public_key, 0644, diag);
        if (rc != TW_OK) {
            (void)unlink(secret_path); /* a secret without its public key is of no use */
        }
    }
    return rc;
}
