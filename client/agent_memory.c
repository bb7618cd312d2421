/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "agent_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"

/* Each byte of a text may take six in JSON. */
#define LINE_BYTES (6 * (TILLWATCH_NAME_BYTES + TILLWATCH_KEY_BYTES + TILLWATCH_REASON_BYTES) + 256)

static const char *const verdict_names[] = {"later", "accepted", "done", "refused"};

struct twc_memory {
    struct twc_verdict *rows; /* a ring */
    uint64_t *hashes;         /* of each row: replayid and attempt; key */
    size_t count;
    size_t used;
    size_t next;
    size_t lines; /* of the file */
    int64_t size; /* of the file, bytes */
    int fd;       /* -1: no file */
    char *path;   /* owned */
};

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *text, uint64_t number)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ number;
    for (; *text != 0; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void keep(struct twc_memory *self, const struct twc_verdict *verdict)
{
    self->rows[self->next] = *verdict;
    self->hashes[2 * self->next] = hash_of(verdict->replayid, verdict->attempt);
    self->hashes[2 * self->next + 1] = hash_of(verdict->key, 0);
    self->next = (self->next + 1) % self->count;
    self->used += self->used < self->count ? 1 : 0;
}

/* ---- the file ---- */

static size_t make_line(const struct twc_verdict *verdict, char line[LINE_BYTES])
{
    static const char *const names[] = {"{\"replayid\":", ",\"key\":", ",\"reason\":"};
    const char *const texts[] = {verdict->replayid, verdict->key, verdict->reason};
    size_t len = 0;
    for (size_t i = 0; i < 3; i++) {
        size_t name_len = strlen(names[i]);
        memcpy(line + len, names[i], name_len);
        len += name_len;
        len += twc_json_put(line + len, texts[i]);
    }
    int n = snprintf(line + len, LINE_BYTES - len, ",\"attempt\":%llu,\"verdict\":\"%s\"}\n",
                     (unsigned long long)verdict->attempt, verdict_names[verdict->verdict]);
    return len + (size_t)n; /* there is room for it: LINE_BYTES */
}

static bool read_line(struct twc_json line, struct twc_verdict *ret_verdict)
{
    struct twc_json value[5] = {{NULL, 0}};
    static const char *const names[] = {"replayid", "key", "reason", "attempt", "verdict"};
    char word[16];
    if (!twc_json_is_valid(line.at, line.len)) {
        return false;
    }
    for (size_t i = 0; i < 5; i++) {
        if (!twc_json_member(line, names[i], &value[i])) {
            return false;
        }
    }
    if (!twc_json_string(value[0], ret_verdict->replayid, sizeof ret_verdict->replayid) ||
        !twc_json_string(value[1], ret_verdict->key, sizeof ret_verdict->key) ||
        !twc_json_string(value[2], ret_verdict->reason, sizeof ret_verdict->reason) ||
        !twc_json_whole(value[3], &ret_verdict->attempt) ||
        !twc_json_string(value[4], word, sizeof word)) {
        return false;
    }
    ret_verdict->verdict = TILLWATCH_ACCEPT;
    while (ret_verdict->verdict <= TILLWATCH_REFUSE &&
           strcmp(word, verdict_names[ret_verdict->verdict]) != 0) {
        ret_verdict->verdict++;
    }
    return ret_verdict->verdict <= TILLWATCH_REFUSE;
}

static int write_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return TILLWATCH_IO;
        }
        bytes += n;
        len -= (size_t)n;
    }
    return TILLWATCH_OK;
}

/* What is kept, to a new file in the place of the old one. */
static int rewrite(struct twc_memory *self)
{
    char line[LINE_BYTES];
    char path[4096];
    int64_t size = 0;
    int n = snprintf(path, sizeof path, "%s.new", self->path);
    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return TILLWATCH_IO;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    int rc = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 ? TILLWATCH_IO : TILLWATCH_OK;
    for (size_t i = 0; rc == TILLWATCH_OK && i < self->used; i++) {
        size_t at = (self->next + self->count - self->used + i) % self->count;
        size_t len = make_line(&self->rows[at], line);
        rc = write_all(fd, line, len);
        size += (int64_t)len;
    }
    if (rc == TILLWATCH_OK && (fsync(fd) != 0 || rename(path, self->path) != 0)) {
        rc = TILLWATCH_IO;
    }
    if (rc != TILLWATCH_OK) {
        if (fd >= 0) {
            (void)unlink(path); /* the old one stays in force */
            (void)close(fd);
        }
        return rc;
    }
    (void)close(self->fd); /* the old one has nothing that is not in the new one */
    self->fd = fd;
    self->lines = self->used;
    self->size = size;
    return TILLWATCH_OK;
}

static int load(struct twc_memory *self, const char *text, size_t len)
{
    while (len > 0) {
        const char *end = memchr(text, '\n', len);
        if (end == NULL) {
            break; /* being written when the machine stopped */
        }
        struct twc_verdict verdict = {.attempt = 0};
        size_t line_len = (size_t)(end - text);
        if (!read_line((struct twc_json){text, line_len}, &verdict)) {
            return TILLWATCH_DAMAGED;
        }
        keep(self, &verdict);
        self->lines++;
        self->size += (int64_t)line_len + 1;
        text = end + 1;
        len -= line_len + 1;
    }
    return TILLWATCH_OK;
}

static int read_whole(int fd, char *text, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, text + done, len - done, (off_t)done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return TILLWATCH_IO;
        }
        done += (size_t)n;
    }
    return TILLWATCH_OK;
}

static int open_file(struct twc_memory *self, const char *path)
{
    struct stat about;
    self->path = strdup(path);
    self->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (self->path == NULL) {
        return TILLWATCH_NOMEM;
    }
    if (self->fd < 0) {
        return TILLWATCH_IO;
    }
    if (flock(self->fd, LOCK_EX | LOCK_NB) != 0) {
        errno = errno == EWOULDBLOCK ? EBUSY : errno;
        return TILLWATCH_IO;
    }
    if (fstat(self->fd, &about) != 0) {
        return TILLWATCH_IO;
    }
    size_t len = (size_t)about.st_size;
    char *text = malloc(len + 1);
    int rc = text == NULL ? TILLWATCH_NOMEM : read_whole(self->fd, text, len);
    if (rc == TILLWATCH_OK) {
        rc = load(self, text, len);
    }
    free(text);
    if (rc == TILLWATCH_OK && self->size < (int64_t)len &&
        ftruncate(self->fd, (off_t)self->size) != 0) {
        rc = TILLWATCH_IO;
    }
    return rc;
}

static int note(struct twc_memory *self, const struct twc_verdict *verdict)
{
    char line[LINE_BYTES];
    if (self->lines >= 2 * self->count) {
        int rc = rewrite(self); /* has the new verdict already */
        if (rc == TILLWATCH_OK) {
            return rc;
        }
    }
    size_t len = make_line(verdict, line);
    if (write_all(self->fd, line, len) != TILLWATCH_OK || fdatasync(self->fd) != 0) {
        int errnum = errno;
        /* half a line would be damage; if this fails too, the next open says so */
        int cut = ftruncate(self->fd, (off_t)self->size);
        errno = cut == 0 ? errnum : errno;
        return TILLWATCH_IO;
    }
    self->lines++;
    self->size += (int64_t)len;
    return TILLWATCH_OK;
}

/* ---- the memory ---- */

int twc_memory_open(const char *path, size_t count, struct twc_memory **ret_memory)
{
    struct twc_memory *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TILLWATCH_NOMEM;
    }
    self->fd = -1;
    self->count = count;
    self->rows = calloc(count, sizeof *self->rows);
    self->hashes = calloc(count, 2 * sizeof *self->hashes);
    int rc = self->rows == NULL || self->hashes == NULL ? TILLWATCH_NOMEM : TILLWATCH_OK;
    if (rc == TILLWATCH_OK && path != NULL) {
        rc = open_file(self, path);
    }
    if (rc != TILLWATCH_OK) {
        int errnum = errno;
        twc_memory_close(&self);
        errno = errnum;
        return rc;
    }
    *ret_memory = self;
    return TILLWATCH_OK;
}

void twc_memory_close(struct twc_memory **self_p)
{
    struct twc_memory *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    if (self->fd >= 0) {
        (void)close(self->fd); /* everything is synced */
    }
    free(self->path);
    free(self->rows);
    free(self->hashes);
    free(self);
}

int twc_memory_add(struct twc_memory *self, const struct twc_verdict *verdict)
{
    keep(self, verdict);
    return self->fd < 0 ? TILLWATCH_OK : note(self, verdict);
}

const struct twc_verdict *twc_memory_find(const struct twc_memory *self, const char *replayid,
                                          uint64_t attempt)
{
    uint64_t hash = hash_of(replayid, attempt);
    for (size_t i = 0; i < self->used; i++) {
        const struct twc_verdict *row = &self->rows[i];
        if (self->hashes[2 * i] == hash && row->attempt == attempt &&
            strcmp(row->replayid, replayid) == 0) {
            return row;
        }
    }
    return NULL;
}

bool twc_memory_is_done(const struct twc_memory *self, const char *key)
{
    uint64_t hash = hash_of(key, 0);
    for (size_t i = 0; i < self->used; i++) {
        if (self->hashes[2 * i + 1] == hash && self->rows[i].verdict == TILLWATCH_DONE &&
            strcmp(self->rows[i].key, key) == 0) {
            return true;
        }
    }
    return false;
}
