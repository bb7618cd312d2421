/* SPDX-License-Identifier: Apache-2.0
 * The file: a head of HEAD_BYTES, then the tracker's bytes. Numbers are little endian.
 *   0  "TWSN"   4  version   8  store id   24  n   32  bytes   40  XXH3-64 of all but these 8
 * The writer and the saver share one slot. It is an atomic pointer and not a core/chan, because a
 * full queue keeps what is oldest and here only the newest counts: whoever takes a pointer out of
 * the slot owns it.
 */
#include "config.h"
#include "store/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/actor.h"
#include "core/log.h"
#include "store/state.h"

#define MAGIC            "TWSN"
#define SNAPSHOT_VERSION 1
#define HEAD_BYTES       48
#define SUM_AT           40

static void put_le(uint8_t *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_le(const uint8_t *from, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t)from[i] << (8 * i);
    }
    return value;
}

/* Of the head up to the sum itself, and of what follows. TW_ENOMEM. */
static int sum_of(const uint8_t *head, const void *bytes, size_t len, uint64_t *ret_sum)
{
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL) {
        return TW_ENOMEM;
    }
    /* none of these can fail with a valid state */
    (void)XXH3_64bits_reset(state);
    (void)XXH3_64bits_update(state, head, SUM_AT);
    (void)XXH3_64bits_update(state, bytes, len);
    *ret_sum = XXH3_64bits_digest(state);
    (void)XXH3_freeState(state);
    return TW_OK;
}

/* ---- reading ---- */

/* Exactly len bytes. */
static int read_all(int fd, void *to, size_t len)
{
    size_t at = 0;
    while (at < len) {
        ssize_t got = read(fd, (char *)to + at, len - at);
        if (got == 0) {
            return TW_EDAMAGED; /* cut meanwhile */
        }
        if (got < 0 && errno != EINTR) {
            return TW_EIO;
        }
        at += got < 0 ? 0 : (size_t)got;
    }
    return TW_OK;
}

static int check_head(const struct tw_store *store, const uint8_t *head, uint64_t file_bytes,
                      const char **ret_why)
{
    uint64_t n = get_le(head + 24, 8);
    if (memcmp(head, MAGIC, 4) != 0) {
        *ret_why = "it is not a snapshot of Tillwatch";
    } else if (get_le(head + 4, 4) != SNAPSHOT_VERSION) {
        *ret_why = "it is of another version";
    } else if (memcmp(head + 8, store->store_id, TW_STORE_ID_BYTES) != 0) {
        *ret_why = "it is of another store";
    } else if (get_le(head + 32, 8) != file_bytes - HEAD_BYTES) {
        *ret_why = "it is cut";
    } else if (n > tw_part_writer_meta(store->active)->last_n) {
        *ret_why = "it is ahead of the store";
    } else {
        return TW_OK;
    }
    return TW_EDAMAGED;
}

static int read_file(const struct tw_store *store, int fd, uint8_t *head, void **ret_bytes,
                     const char **ret_why)
{
    struct stat info;
    *ret_why = "it cannot be read";
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        return TW_EIO;
    }
    if (info.st_size < HEAD_BYTES) {
        *ret_why = "it is cut";
        return TW_EDAMAGED;
    }
    int rc = read_all(fd, head, HEAD_BYTES);
    rc = rc == TW_OK ? check_head(store, head, (uint64_t)info.st_size, ret_why) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    size_t len = (size_t)info.st_size - HEAD_BYTES;
    void *bytes = malloc(len == 0 ? 1 : len);
    uint64_t sum = 0;
    rc = bytes == NULL ? TW_ENOMEM : read_all(fd, bytes, len);
    rc = rc == TW_OK ? sum_of(head, bytes, len, &sum) : rc;
    if (rc == TW_OK && sum != get_le(head + SUM_AT, 8)) {
        *ret_why = "its checksum is wrong";
        rc = TW_EDAMAGED;
    }
    if (rc != TW_OK) {
        free(bytes);
        return rc;
    }
    *ret_bytes = bytes;
    return TW_OK;
}

int tw_snapshot_read(const struct tw_store *store, uint64_t *ret_n, void **ret_bytes,
                     size_t *ret_len)
{
    char path[TW_PATH_MAX];
    uint8_t head[HEAD_BYTES] = {0};
    const char *why = "its path is too long";
    int fd = -1;
    int rc = tw_path_join(store->dir, TW_SNAPSHOT_NAME, path);
    if (rc == TW_OK) {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe of that name: no waiting */
        why = "it cannot be opened";
        if (fd < 0 && errno == ENOENT) {
            return TW_ENOTFOUND;
        }
    }
    rc = fd < 0 ? TW_EIO : read_file(store, fd, head, ret_bytes, &why);
    if (fd >= 0) {
        (void)close(fd); /* only read */
    }
    if (rc == TW_ENOMEM) {
        return rc;
    }
    if (rc != TW_OK) {
        tw_log(TW_LOG_SNAPSHOT_REFUSED_EVENT, TW_F_CSTR("file", path), TW_F_CSTR("reason", why),
               TW_F_CSTR("then", "tracking is made anew from the records"));
        return TW_ENOTFOUND;
    }
    *ret_n = get_le(head + 24, 8);
    *ret_len = (size_t)get_le(head + 32, 8);
    return TW_OK;
}

/* ---- writing ---- */

struct saved {
    uint64_t n;
    void *bytes; /* owned */
    size_t len;
};

struct tw_saver {
    /* fixed after start */
    struct tw_store *store;
    struct tw_actor *actor;
    int wake_fd; /* eventfd: something was offered */
    /* shared: whoever exchanges a pointer out of it owns it */
    _Atomic(struct saved *) slot;
};

static void saved_destroy(struct saved **self_p)
{
    struct saved *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        free(self->bytes);
        free(self);
    }
}

static int write_all(int fd, const void *bytes, size_t len)
{
    size_t at = 0;
    while (at < len) {
        ssize_t put = write(fd, (const char *)bytes + at, len - at);
        if (put < 0 && errno != EINTR) {
            return TW_EIO;
        }
        at += put < 0 ? 0 : (size_t)put;
    }
    return TW_OK;
}

/* A new file of that name, whole and synced. */
static int write_draft(const char *draft, const uint8_t *head, const struct saved *saved,
                       struct tw_diag *diag)
{
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return tw_system_error(diag, draft, "make");
    }
    int rc = write_all(fd, head, HEAD_BYTES);
    rc = rc == TW_OK ? write_all(fd, saved->bytes, saved->len) : rc;
    rc = rc != TW_OK || fsync(fd) != 0 ? tw_system_error(diag, draft, "write") : TW_OK;
    (void)close(fd); /* synced, or of no use */
    return rc;
}

static int save(const struct tw_store *store, const struct saved *saved, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    char draft[TW_PATH_MAX + 8];
    uint8_t head[HEAD_BYTES] = {0};
    uint64_t sum = 0;
    memcpy(head, MAGIC, 4);
    put_le(head + 4, SNAPSHOT_VERSION, 4);
    memcpy(head + 8, store->store_id, TW_STORE_ID_BYTES);
    put_le(head + 24, saved->n, 8);
    put_le(head + 32, saved->len, 8);
    int rc = sum_of(head, saved->bytes, saved->len, &sum);
    rc = rc == TW_OK ? tw_path_join(store->dir, TW_SNAPSHOT_NAME, path) : rc;
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "%s: %s", TW_SNAPSHOT_NAME, tw_err_text(rc));
    }
    put_le(head + SUM_AT, sum, 8);
    (void)snprintf(draft, sizeof draft, "%s.tmp", path);
    rc = write_draft(draft, head, saved, diag);
    if (rc == TW_OK && rename(draft, path) != 0) {
        rc = tw_system_error(diag, path, "rename to");
    }
    if (rc != TW_OK) {
        (void)unlink(draft); /* unfinished work of ours */
        return rc;
    }
    return tw_dir_sync(store->dir, diag);
}

/* The newest that was offered, if any. A snapshot that cannot be written costs time at the next
 * start and nothing else. */
static void save_newest(struct tw_saver *self)
{
    struct tw_diag diag = {{0}};
    struct saved *saved = atomic_exchange(&self->slot, NULL);
    if (saved != NULL && save(self->store, saved, &diag) != TW_OK) {
        tw_log(TW_LOG_SNAPSHOT_FAILED_EVENT, TW_F_CSTR("reason", diag.text));
    }
    saved_destroy(&saved);
}

static int run(struct tw_actor *actor, void *arg)
{
    struct tw_saver *self = arg;
    tw_actor_ready(actor, TW_OK);
    while (!tw_actor_is_stopping(actor)) {
        struct pollfd pfds[] = {
            {.fd = self->wake_fd, .events = POLLIN},
            {.fd = tw_actor_stop_fd(actor), .events = POLLIN},
        };
        if (poll(pfds, 2, -1) < 0 && errno != EINTR) {
            return TW_ESYSTEM;
        }
        eventfd_t count = 0;
        (void)eventfd_read(self->wake_fd, &count); /* does not block; nothing there is fine */
        save_newest(self);
    }
    save_newest(self); /* offered by the last commit: the next start is the quicker for it */
    return TW_OK;
}

int tw_saver_new(struct tw_store *store, struct tw_saver **ret_saver)
{
    struct tw_saver *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->store = store;
    atomic_init(&self->slot, NULL);
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = self->wake_fd < 0 ? TW_ESYSTEM : tw_actor_new("saver", run, self, &self->actor);
    if (rc != TW_OK) {
        if (self->wake_fd >= 0) {
            (void)close(self->wake_fd); /* never used */
        }
        free(self);
        return rc;
    }
    store->saver = self;
    *ret_saver = self;
    return TW_OK;
}

int tw_saver_destroy(struct tw_saver **self_p)
{
    struct tw_saver *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return TW_OK;
    }
    int rc = tw_actor_destroy(&self->actor);
    self->store->saver = NULL;
    struct saved *left = atomic_exchange(&self->slot, NULL); /* of an actor that failed */
    saved_destroy(&left);
    (void)close(self->wake_fd); /* an eventfd */
    free(self);
    return rc;
}

void tw_saver_offer(struct tw_saver *self, uint64_t n, void **bytes_p, size_t len)
{
    void *bytes = *bytes_p;
    *bytes_p = NULL;
    struct saved *saved = malloc(sizeof *saved);
    if (saved == NULL) {
        free(bytes); /* the next one will do */
        return;
    }
    *saved = (struct saved){.n = n, .bytes = bytes, .len = len};
    struct saved *older = atomic_exchange(&self->slot, saved);
    saved_destroy(&older);
    (void)eventfd_write(self->wake_fd, 1); /* full: it is awake already */
}
