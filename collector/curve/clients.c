/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "curve/clients.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zmq.h>

#include "core/str.h"

#define FILE_MAX_BYTES 4096
#define PUB_SUFFIX     ".pub"

struct tw_clients {
    struct tw_client *items; /* owned, ascending by key */
    uint64_t *admissions;    /* owned, one for each, ascending */
    const char **names;      /* owned, into items, ascending */
    size_t count;
    size_t capacity;
};

static int system_error(struct tw_diag *diag, const char *what, const char *path, int errnum)
{
    char text[128];
    int code = errnum == EACCES || errnum == EPERM ? TW_EPERM
               : errnum == ENOENT                  ? TW_ENOTFOUND
               : errnum == ENOMEM                  ? TW_ENOMEM
                                                   : TW_ESYSTEM;
    return tw_diag_set(diag, code, "%s %s: %s", what, path,
                       tw_errno_text(errnum, text, sizeof text));
}

int tw_curve_key_decode(const char *text, size_t len, uint8_t ret_key[TW_CURVE_KEY_BYTES])
{
    static const char alphabet[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    char key[TW_CURVE_KEY_LENGTH + 1];
    uint8_t bytes[TW_CURVE_KEY_BYTES];
    if (len != TW_CURVE_KEY_LENGTH) {
        return TW_EINVAL;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\0' || strchr(alphabet, text[i]) == NULL) {
            return TW_EINVAL;
        }
        key[i] = text[i];
    }
    key[len] = '\0';
    if (zmq_z85_decode(bytes, key) == NULL) {
        return TW_EINVAL; /* five characters beyond 2^32 - 1 */
    }
    memcpy(ret_key, bytes, sizeof bytes);
    return TW_OK;
}

static int read_file(const char *path, char *buf, size_t size, size_t *ret_len,
                     struct tw_diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return system_error(diag, "cannot open", path, errno);
    }
    size_t len = 0;
    ssize_t n = 0;
    do {
        n = read(fd, buf + len, size - len);
        len += n > 0 ? (size_t)n : 0;
    } while ((n > 0 && len < size) || (n < 0 && errno == EINTR));
    int errnum = errno;
    (void)close(fd); /* only read from */
    if (n < 0) {
        return system_error(diag, "cannot read", path, errnum);
    }
    if (len == size) {
        return tw_diag_set(diag, TW_EINVAL, "%s: larger than a key file can be", path);
    }
    *ret_len = len;
    return TW_OK;
}

static struct tw_str trim(struct tw_str text)
{
    static const char blank[] = " \t\r\n";
    while (text.len > 0 && memchr(blank, text.ptr[0], sizeof blank - 1) != NULL) {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && memchr(blank, text.ptr[text.len - 1], sizeof blank - 1) != NULL) {
        text.len--;
    }
    return text;
}

/* The value of `field = "value"` of a ZPL text, absent when there is no such line. */
static struct tw_str zpl_value(struct tw_str text, const char *field)
{
    size_t field_len = strlen(field);
    while (text.len > 0) {
        const char *end = memchr(text.ptr, '\n', text.len);
        size_t len = end == NULL ? text.len : (size_t)(end - text.ptr);
        struct tw_str line = trim((struct tw_str){text.ptr, len});
        len += end == NULL ? 0 : 1;
        text = (struct tw_str){text.ptr + len, text.len - len};
        if (line.len <= field_len || memcmp(line.ptr, field, field_len) != 0) {
            continue;
        }
        line = trim((struct tw_str){line.ptr + field_len, line.len - field_len});
        if (line.len == 0 || line.ptr[0] != '=') {
            continue;
        }
        line = trim((struct tw_str){line.ptr + 1, line.len - 1});
        if (line.len >= 2 && (line.ptr[0] == '"' || line.ptr[0] == '\'') &&
            line.ptr[line.len - 1] == line.ptr[0]) {
            line = (struct tw_str){line.ptr + 1, line.len - 2};
        }
        return line;
    }
    return TW_STR_NULL;
}

int tw_curve_key_read(const char *path, const char *field, char ret_text[TW_CURVE_KEY_LENGTH + 1],
                      struct tw_diag *diag)
{
    char buf[FILE_MAX_BYTES];
    size_t len = 0;
    int rc = read_file(path, buf, sizeof buf, &len, diag);
    if (rc != TW_OK) {
        return rc;
    }
    uint8_t key[TW_CURVE_KEY_BYTES];
    struct tw_str text = trim((struct tw_str){buf, len});
    if (tw_curve_key_decode(text.ptr, text.len, key) != TW_OK) {
        text = zpl_value((struct tw_str){buf, len}, field);
        if (text.ptr == NULL || tw_curve_key_decode(text.ptr, text.len, key) != TW_OK) {
            rc = tw_diag_set(diag, TW_EINVAL,
                             "%s: neither a CURVE key (40 characters of Z85) nor a certificate "
                             "with a line `%s = \"...\"`",
                             path, field);
        }
    }
    if (rc == TW_OK) {
        memcpy(ret_text, text.ptr, TW_CURVE_KEY_LENGTH);
        ret_text[TW_CURVE_KEY_LENGTH] = '\0';
    }
    explicit_bzero(buf, sizeof buf); /* it may be a secret key */
    explicit_bzero(key, sizeof key);
    return rc;
}

int tw_curve_secret_read(const char *path, char ret_text[TW_CURVE_KEY_LENGTH + 1],
                         struct tw_diag *diag)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return system_error(diag, "cannot open", path, errno);
    }
    if ((st.st_mode & 077) != 0) {
        return tw_diag_set(diag, TW_EPERM, "%s may be read by others (mode %04o); chmod 600 %s",
                           path, (unsigned)(st.st_mode & 07777), path);
    }
    return tw_curve_key_read(path, "secret-key", ret_text, diag);
}

bool tw_client_name_is_allowed(const char *name, size_t len)
{
    if (len == 0 || len > TW_CLIENT_NAME_MAX || name[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        if (!is_plain) {
            return false;
        }
    }
    return true;
}

static struct tw_client *add_client(struct tw_clients *self)
{
    if (self->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? 64 : self->capacity * 2;
        struct tw_client *items = realloc(self->items, capacity * sizeof *items);
        if (items == NULL) {
            return NULL;
        }
        self->items = items;
        self->capacity = capacity;
    }
    struct tw_client *client = &self->items[self->count++];
    *client = (struct tw_client){.name = ""};
    return client;
}

static int load_client(struct tw_clients *self, const char *dir, const char *file,
                       struct tw_diag *diag)
{
    size_t len = strlen(file) - strlen(PUB_SUFFIX);
    char path[4096];
    char text[TW_CURVE_KEY_LENGTH + 1];
    int path_len = snprintf(path, sizeof path, "%s/%s", dir, file);
    if (path_len < 0 || (size_t)path_len >= sizeof path) {
        return tw_diag_set(diag, TW_ELIMIT, "%s: path too long", dir);
    }
    if (!tw_client_name_is_allowed(file, len)) {
        return tw_diag_set(diag, TW_EINVAL,
                           "%s: the name of a client is 1 to %d of A-Z a-z 0-9 . _ -", path,
                           TW_CLIENT_NAME_MAX);
    }
    if (self->count >= TW_CLIENTS_MAX) {
        return tw_diag_set(diag, TW_ELIMIT, "%s: more than %d clients", dir, TW_CLIENTS_MAX);
    }
    int rc = tw_curve_key_read(path, "public-key", text, diag);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_client *client = add_client(self);
    if (client == NULL) {
        return TW_ENOMEM;
    }
    memcpy(client->name, file, len);
    return tw_curve_key_decode(text, TW_CURVE_KEY_LENGTH, client->key);
}

static int compare_clients(const void *a, const void *b)
{
    const struct tw_client *one = a;
    const struct tw_client *other = b;
    return memcmp(one->key, other->key, sizeof one->key);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int sort_clients(struct tw_clients *self, const char *dir, struct tw_diag *diag)
{
    if (self->count > 1) {
        qsort(self->items, self->count, sizeof self->items[0], compare_clients);
    }
    for (size_t i = 0; i < self->count; i++) {
        self->names[i] = self->items[i].name;
    }
    if (self->count > 1) {
        qsort(self->names, self->count, sizeof self->names[0], compare_names);
    }
    for (size_t i = 1; i < self->count; i++) {
        const struct tw_client *pair = &self->items[i - 1];
        if (compare_clients(&pair[0], &pair[1]) == 0) {
            return tw_diag_set(diag, TW_EINVAL, "%s: %s.pub and %s.pub have the same key", dir,
                               pair[0].name, pair[1].name);
        }
    }
    return TW_OK;
}

static int load_dir(struct tw_clients *self, DIR *stream, const char *dir, struct tw_diag *diag)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            return errno == 0 ? TW_OK : system_error(diag, "cannot read", dir, errno);
        }
        size_t len = strlen(entry->d_name);
        size_t suffix = strlen(PUB_SUFFIX);
        bool is_key = len > suffix && entry->d_name[0] != '.' &&
                      strcmp(entry->d_name + len - suffix, PUB_SUFFIX) == 0;
        int rc = is_key ? load_client(self, dir, entry->d_name, diag) : TW_OK;
        if (rc != TW_OK) {
            return rc;
        }
    }
}

int tw_clients_new(const char *dir, struct tw_clients **ret_clients, struct tw_diag *diag)
{
    DIR *stream = opendir(dir);
    if (stream == NULL) {
        return system_error(diag, "cannot open", dir, errno);
    }
    struct tw_clients *self = calloc(1, sizeof *self);
    int rc = self == NULL ? TW_ENOMEM : load_dir(self, stream, dir, diag);
    (void)closedir(stream); /* only read from */
    if (rc == TW_OK) {
        self->admissions = calloc(self->count + 1, sizeof *self->admissions);
        self->names = calloc(self->count + 1, sizeof *self->names);
        rc = self->admissions == NULL || self->names == NULL ? TW_ENOMEM
                                                             : sort_clients(self, dir, diag);
    }
    if (rc != TW_OK) {
        tw_clients_destroy(&self);
        return rc;
    }
    *ret_clients = self;
    return TW_OK;
}

void tw_clients_destroy(struct tw_clients **self_p)
{
    struct tw_clients *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        free(self->admissions);
        free(self->names);
        free(self->items);
        free(self);
    }
}

size_t tw_clients_count(const struct tw_clients *self)
{
    return self->count;
}

const struct tw_client *tw_clients_find(const struct tw_clients *self,
                                        const uint8_t key[TW_CURVE_KEY_BYTES])
{
    size_t low = 0;
    size_t high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(key, self->items[middle].key, TW_CURVE_KEY_BYTES);
        if (order == 0) {
            return &self->items[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a;
    uint64_t other = *(const uint64_t *)b;
    return one < other ? -1 : (one > other ? 1 : 0);
}

size_t tw_clients_adopt(struct tw_clients *self, const struct tw_clients *old, uint64_t *last_p)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        struct tw_client *client = &self->items[i];
        const struct tw_client *before = old == NULL ? NULL : tw_clients_find(old, client->key);
        bool is_same = before != NULL && strcmp(before->name, client->name) == 0;
        kept += is_same ? 1 : 0;
        client->admission = is_same ? before->admission : ++*last_p;
        self->admissions[i] = client->admission;
    }
    if (self->count > 1) {
        qsort(self->admissions, self->count, sizeof self->admissions[0], compare_numbers);
    }
    return kept;
}

bool tw_clients_has(const struct tw_clients *self, uint64_t admission)
{
    return self->count > 0 && bsearch(&admission, self->admissions, self->count,
                                      sizeof self->admissions[0], compare_numbers) != NULL;
}

bool tw_clients_is_name(const struct tw_clients *self, const char *name)
{
    return self->count > 0 &&
           bsearch(&name, self->names, self->count, sizeof self->names[0], compare_names) != NULL;
}
