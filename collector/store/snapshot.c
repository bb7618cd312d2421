/* SPDX-License-Identifier: Apache-2.0
 * The file: a head of HEAD_BYTES, then the tracker's bytes. Numbers are little endian.
 *   0  "TWSN"   4  version   8  store id   24  n   32  bytes   40  XXH3-64 of the tracker's bytes,
 *   then of the head up to here
 * The writer and the saver share one slot. It is an atomic pointer and not a core/chan, because a
 * full queue keeps what is oldest and here only the newest counts: whoever takes a pointer out of
 * the slot owns it.
 *
 * A child process that writes the state has this program's memory as it was, but none of its
 * threads: a lock that one of them held stays locked there. So it only reads that memory, writes to
 * one descriptor, and leaves. It closes all others at once, since they are the store's lock and the
 * taps' sockets, which a start of the program after a kill must find free. It notices that its
 * parent is gone, and what it then leaves is an unlinked or a stale draft. The draft is made before
 * it by the parent, as a new file: nobody else writes to it.
 */
#include "config.h"
#include "store/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

#include "core/actor.h"
#include "core/buf.h"
#include "core/log.h"
#include "store/state.h"

#define MAGIC            "TWSN"
#define SNAPSHOT_VERSION 2
#define HEAD_BYTES       48
#define SUM_AT           40
/* What is read at a time, and what a child collects before it writes. */
#define PIECE ((size_t)1 << 20)
/* A child that is not done after so long is stuck; 64 GiB at 1 GiB/s. */
#define CHILD_MS 60000
/* It leaves the processors to those who wait for answers. */
#define CHILD_NICE 10

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

/* Of what follows the head, and of the head up to the sum itself. TW_ENOMEM. */
static int sum_of(const uint8_t *head, const void *bytes, size_t len, uint64_t *ret_sum)
{
    XXH3_state_t *state = XXH3_createState();
    if (state == NULL) {
        return TW_ENOMEM;
    }
    /* none of these can fail with a valid state */
    (void)XXH3_64bits_reset(state);
    (void)XXH3_64bits_update(state, bytes, len);
    (void)XXH3_64bits_update(state, head, SUM_AT);
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

/* The sum of what the file has, read piece by piece: an error of the disk shows here, and what is
 * mapped afterwards is in memory. */
static int read_sum(int fd, const uint8_t *head, uint64_t len, uint64_t *ret_sum)
{
    XXH3_state_t *state = XXH3_createState();
    void *piece = malloc(PIECE);
    int rc = state == NULL || piece == NULL ? TW_ENOMEM : TW_OK;
    if (rc == TW_OK) {
        (void)XXH3_64bits_reset(state); /* cannot fail, nor can updates, with a valid state */
    }
    while (rc == TW_OK && len > 0) {
        size_t some = len < PIECE ? (size_t)len : PIECE;
        rc = read_all(fd, piece, some);
        if (rc == TW_OK) {
            (void)XXH3_64bits_update(state, piece, some);
            len -= some;
        }
    }
    if (rc == TW_OK) {
        (void)XXH3_64bits_update(state, head, SUM_AT);
        *ret_sum = XXH3_64bits_digest(state);
    }
    free(piece);
    (void)XXH3_freeState(state); /* NULL is none */
    return rc;
}

/* The whole file, its head too, that nobody writes to once it has its name. */
static int map_file(int fd, size_t bytes, const void **ret_bytes)
{
    void *map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED) {
        return TW_ENOMEM;
    }
    *ret_bytes = (const char *)map + HEAD_BYTES;
    return TW_OK;
}

static int read_file(const struct tw_store *store, int fd, uint8_t *head, const void **ret_bytes,
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
    uint64_t sum = 0;
    rc = rc == TW_OK ? read_sum(fd, head, (uint64_t)info.st_size - HEAD_BYTES, &sum) : rc;
    if (rc == TW_OK && sum != get_le(head + SUM_AT, 8)) {
        *ret_why = "its checksum is wrong";
        rc = TW_EDAMAGED;
    }
    return rc == TW_OK ? map_file(fd, (size_t)info.st_size, ret_bytes) : rc;
}

void tw_snapshot_release(const void **bytes_p, size_t len)
{
    if (*bytes_p != NULL) {
        (void)munmap((char *)(uintptr_t)*bytes_p - HEAD_BYTES, len + HEAD_BYTES); /* ours */
    }
    *bytes_p = NULL;
}

int tw_snapshot_read(const struct tw_store *store, uint64_t *ret_n, const void **ret_bytes,
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
    struct tw_saving *saving; /* owned; instead of bytes */
};

struct tw_saving {
    struct tw_store *store; /* borrowed */
    uint64_t n;
    int fd; /* of the draft */
    char draft[TW_PATH_MAX + 8];
    pid_t pid; /* 0: reaped */
    int pidfd;
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
        tw_saving_destroy(&self->saving);
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

/* Up to the sum. */
static void make_head(const struct tw_store *store, uint64_t n, uint64_t len, uint8_t *head)
{
    memcpy(head, MAGIC, 4);
    put_le(head + 4, SNAPSHOT_VERSION, 4);
    memcpy(head + 8, store->store_id, TW_STORE_ID_BYTES);
    put_le(head + 24, n, 8);
    put_le(head + 32, len, 8);
}

static int save(const struct tw_store *store, const struct saved *saved, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    char draft[TW_PATH_MAX + 8];
    uint8_t head[HEAD_BYTES] = {0};
    uint64_t sum = 0;
    make_head(store, saved->n, saved->len, head);
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

/* ---- writing by a child ---- */

/* All that the child has. */
struct child {
    const struct tw_store *store;
    uint64_t n;
    int fd;
    pid_t parent;
    bool is_last; /* the program waits for it */
    XXH3_state_t *sum;
    uint64_t len;
    struct tw_buf buf;
};

static int drain(void *context, const void *bytes, size_t len)
{
    struct child *self = context;
    if (getppid() != self->parent) {
        return TW_EIO; /* nobody waits for it */
    }
    (void)XXH3_64bits_update(self->sum, bytes, len); /* cannot fail with a valid state */
    self->len += len;
    return write_all(self->fd, bytes, len);
}

static void close_all_but(int fd)
{
    /* 2 stays for whoever checks memory; what is closed already is no error */
    (void)close_range(0, 1, 0);
    (void)close_range(3, (unsigned)fd - 1, 0);
    (void)close_range((unsigned)fd + 1, UINT_MAX, 0);
}

static _Noreturn void run_child(struct child *self, const struct tw_saving_state *state)
{
    uint8_t head[HEAD_BYTES] = {0};
    close_all_but(self->fd);
    if (!self->is_last) {
        (void)setpriority(PRIO_PROCESS, 0, CHILD_NICE); /* not allowed: it goes on as it is */
    }
    int rc = write_all(self->fd, head, HEAD_BYTES);
    if (rc == TW_OK) {
        state->write(state->context, self->n, &self->buf);
        rc = tw_buf_drain(&self->buf);
    }
    make_head(self->store, self->n, self->len, head);
    (void)XXH3_64bits_update(self->sum, head, SUM_AT); /* as above */
    put_le(head + SUM_AT, XXH3_64bits_digest(self->sum), 8);
    bool is_whole = rc == TW_OK && pwrite(self->fd, head, HEAD_BYTES, 0) == HEAD_BYTES;
    _exit(is_whole ? 0 : 1);
}

/* A new file; what was left of an earlier one is not written to. */
static int make_draft(struct tw_saving *self, bool is_last)
{
    char path[TW_PATH_MAX];
    int rc = tw_path_join(self->store->dir, TW_SNAPSHOT_NAME, path);
    if (rc != TW_OK) {
        return rc;
    }
    (void)snprintf(self->draft, sizeof self->draft, "%s.%s", path, is_last ? "last" : "new");
    (void)unlink(self->draft); /* mostly there is none */
    self->fd = open(self->draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return self->fd < 0 ? TW_EIO : TW_OK;
}

static int start_child(struct tw_saving *self, bool is_last, const struct tw_saving_state *state)
{
    struct child child = {
        .store = self->store, .n = self->n, .fd = self->fd, .parent = getpid(), .is_last = is_last};
    int rc = tw_buf_init_drain(&child.buf, PIECE, drain, &child);
    child.sum = XXH3_createState();
    if (rc == TW_OK && child.sum == NULL) {
        rc = TW_ENOMEM;
    }
    if (rc == TW_OK) {
        (void)XXH3_64bits_reset(child.sum); /* cannot fail */
        self->pid = fork();
        if (self->pid == 0) {
            run_child(&child, state);
        }
        rc = self->pid < 0 ? TW_ESYSTEM : TW_OK;
    }
    if (rc == TW_OK) {
        self->pidfd = pidfd_open(self->pid, 0);
        rc = self->pidfd < 0 ? TW_ESYSTEM : TW_OK;
    }
    (void)XXH3_freeState(child.sum); /* NULL is none */
    tw_buf_fini(&child.buf);
    return rc;
}

int tw_saving_new(struct tw_store *store, uint64_t n, bool is_last,
                  const struct tw_saving_state *state, struct tw_saving **ret_saving)
{
    if (store->saver == NULL) {
        return TW_ENOTFOUND;
    }
    if (atomic_load(&store->savings) > (is_last ? 1 : 0)) {
        return TW_EBUSY;
    }
    struct tw_saving *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    *self = (struct tw_saving){.store = store, .n = n, .fd = -1, .pidfd = -1};
    atomic_fetch_add(&store->savings, 1);
    int rc = make_draft(self, is_last);
    rc = rc == TW_OK ? start_child(self, is_last, state) : rc;
    if (rc != TW_OK) {
        tw_saving_destroy(&self);
        return rc;
    }
    *ret_saving = self;
    return TW_OK;
}

/* Until it has ended: whether it has written all. */
static bool reap(struct tw_saving *self)
{
    int status = 0;
    pid_t pid = self->pid;
    self->pid = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return false;
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void tw_saving_destroy(struct tw_saving **self_p)
{
    struct tw_saving *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    if (self->pid > 0) {
        (void)kill(self->pid, SIGKILL); /* it may have ended */
        (void)reap(self);
    }
    if (self->pidfd >= 0) {
        (void)close(self->pidfd); /* no file */
    }
    if (self->fd >= 0) {
        (void)close(self->fd);     /* synced, or of no use */
        (void)unlink(self->draft); /* unless it has its name */
    }
    atomic_fetch_sub(&self->store->savings, 1);
    free(self);
}

/* Wait for the child, and give its draft the name. */
static int finish(struct tw_saving *self, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    struct pollfd pfd = {.fd = self->pidfd, .events = POLLIN};
    while (poll(&pfd, 1, CHILD_MS) < 0 && errno == EINTR) {
    }
    if (pfd.revents == 0 || !reap(self)) {
        return tw_diag_set(diag, TW_EIO, "%s: the process that writes it failed", self->draft);
    }
    int rc = fsync(self->fd) != 0 ? tw_system_error(diag, self->draft, "write") : TW_OK;
    rc = rc == TW_OK ? tw_path_join(self->store->dir, TW_SNAPSHOT_NAME, path) : rc;
    if (rc == TW_OK && rename(self->draft, path) != 0) {
        rc = tw_system_error(diag, path, "rename to");
    }
    return rc == TW_OK ? tw_dir_sync(self->store->dir, diag) : rc;
}

/* ---- the saver ---- */

/* The newest that was offered, if any. A snapshot that cannot be written costs time at the next
 * start and nothing else. */
static void save_newest(struct tw_saver *self)
{
    struct tw_diag diag = {{0}};
    struct saved *saved = atomic_exchange(&self->slot, NULL);
    int rc = saved == NULL           ? TW_OK
             : saved->saving != NULL ? finish(saved->saving, &diag)
                                     : save(self->store, saved, &diag);
    if (rc != TW_OK) {
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

/* Of a program that was killed. */
static void drop_drafts(const struct tw_store *store)
{
    static const char *const names[] = {"tmp", "new", "last"};
    char path[TW_PATH_MAX];
    char draft[TW_PATH_MAX + 8];
    for (size_t i = 0; i < 3 && tw_path_join(store->dir, TW_SNAPSHOT_NAME, path) == TW_OK; i++) {
        (void)snprintf(draft, sizeof draft, "%s.%s", path, names[i]);
        (void)unlink(draft); /* mostly there is none */
    }
}

int tw_saver_new(struct tw_store *store, struct tw_saver **ret_saver)
{
    struct tw_saver *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    drop_drafts(store);
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

/* Takes what it names. */
static void offer(struct tw_saver *self, const struct saved *what)
{
    struct saved *saved = malloc(sizeof *saved);
    struct saved copy = *what;
    if (saved == NULL) { /* the next one will do */
        tw_saving_destroy(&copy.saving);
        free(copy.bytes);
        return;
    }
    *saved = copy;
    struct saved *older = atomic_exchange(&self->slot, saved);
    saved_destroy(&older);
    (void)eventfd_write(self->wake_fd, 1); /* full: it is awake already */
}

void tw_saver_offer(struct tw_saver *self, uint64_t n, void **bytes_p, size_t len)
{
    offer(self, &(struct saved){.n = n, .bytes = *bytes_p, .len = len});
    *bytes_p = NULL;
}

void tw_saver_adopt(struct tw_saver *self, struct tw_saving **saving_p)
{
    offer(self, &(struct saved){.n = (*saving_p)->n, .saving = *saving_p});
    *saving_p = NULL;
}
