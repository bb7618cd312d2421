/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "tillwatch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_LENGTH (TILLWATCH_CURVE_KEY_BYTES - 1)
#define PATH_BYTES 4096

static int tell(char *ret_where, size_t size, const char *what, int result)
{
    int errnum = errno;
    if (ret_where != NULL && size > 0) {
        (void)snprintf(ret_where, size, "%s", what); /* what does not fit is cut */
    }
    errno = errnum;
    return result;
}

/* A key and perhaps a newline. */
static int take(char bytes[KEY_LENGTH + 2], ssize_t len, char ret_key[TILLWATCH_CURVE_KEY_BYTES])
{
    if (len == KEY_LENGTH + 1 && bytes[KEY_LENGTH] == '\n') {
        len--;
    }
    if (len != KEY_LENGTH) {
        return TILLWATCH_INVALID;
    }
    for (size_t i = 0; i < KEY_LENGTH; i++) {
        if (bytes[i] <= ' ' || bytes[i] > '~') {
            return TILLWATCH_INVALID;
        }
    }
    memcpy(ret_key, bytes, KEY_LENGTH);
    ret_key[KEY_LENGTH] = '\0';
    return TILLWATCH_OK;
}

static int read_key(const char *path, int is_secret, char ret_key[TILLWATCH_CURVE_KEY_BYTES])
{
    char bytes[KEY_LENGTH + 2] = {0};
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return TILLWATCH_IO;
    }
    int result = TILLWATCH_IO;
    ssize_t len = fstat(fd, &st) == 0 ? read(fd, bytes, sizeof bytes) : -1;
    int errnum = errno;
    if (len >= 0) {
        int is_safe = S_ISREG(st.st_mode) && (!is_secret || (st.st_mode & 077) == 0);
        result = is_safe ? take(bytes, len, ret_key) : TILLWATCH_INVALID;
    }
    (void)close(fd); /* only read from */
    explicit_bzero(bytes, sizeof bytes);
    errno = errnum;
    return result;
}

int tillwatch_keys_read(const char *server, const char *client, struct tillwatch_keys *ret_keys,
                        char *ret_where, size_t where_size)
{
    static const char missing[] = "TILLWATCH_SERVER_KEY and TILLWATCH_CLIENT_KEY belong together";
    struct tillwatch_keys keys = {.server_key = ""};
    char paths[2][PATH_BYTES];
    /* NOLINTBEGIN(concurrency-mt-unsafe): nothing here changes the environment */
    server = server != NULL ? server : getenv("TILLWATCH_SERVER_KEY");
    client = client != NULL ? client : getenv("TILLWATCH_CLIENT_KEY");
    /* NOLINTEND(concurrency-mt-unsafe) */
    int has_server = server != NULL && *server != '\0';
    int has_client = client != NULL && *client != '\0';
    if (has_server != has_client) {
        return tell(ret_where, where_size, missing, TILLWATCH_INVALID);
    }
    if (!has_server) {
        *ret_keys = keys;
        return TILLWATCH_OK;
    }
    int public_len = snprintf(paths[0], PATH_BYTES, "%s.pub", client);
    int secret_len = snprintf(paths[1], PATH_BYTES, "%s.key", client);
    if (public_len >= PATH_BYTES || secret_len >= PATH_BYTES) {
        return tell(ret_where, where_size, client, TILLWATCH_INVALID);
    }
    const char *files[] = {server, paths[0], paths[1]};
    char *to[] = {keys.server_key, keys.public_key, keys.secret_key};
    for (size_t i = 0; i < 3; i++) {
        int result = read_key(files[i], i == 2, to[i]);
        if (result != TILLWATCH_OK) {
            tillwatch_keys_wipe(&keys);
            return tell(ret_where, where_size, files[i], result);
        }
    }
    *ret_keys = keys;
    tillwatch_keys_wipe(&keys);
    return TILLWATCH_OK;
}

void tillwatch_keys_wipe(struct tillwatch_keys *keys)
{
    explicit_bzero(keys, sizeof *keys);
}
