/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "crc32c.h"
#include "tillwatch.h"

#define HEAD_BYTES    64
#define SLOT_BYTES    32
#define DATA_START    128
#define RECORD_BYTES  32
#define SECTOR_BYTES  512
#define COPY_BYTES    (256u * 1024u)
#define SPOOL_VERSION 1

/* No sender gets there: 2^62 messages. */
#define TICKET_MAX (UINT64_MAX >> 2)

/* Below these, giving space back costs more than it gains. */
#define TRUNCATE_MIN_BYTES (64u * 1024u)
#define REWRITE_MIN_BYTES  (1024u * 1024u)

struct twc_spool {
    int fd;
    char *path;
    uint64_t max_bytes;
    uint64_t end;   /* bytes of the file */
    uint64_t shift; /* position = offset in the file + shift; grows with each compaction */
    uint64_t acked; /* last ticket acknowledged */
    uint64_t dead;  /* offset where what waits begins */
    uint64_t slot_count;
    uint64_t failed_rewrite; /* dead bytes when a rewrite failed: not tried again until doubled */
    bool is_broken;          /* a sync failed */
    uint8_t *buffer;         /* COPY_BYTES */
};

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

static void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)v);
    put32(p + 4, (uint32_t)(v >> 32));
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t get64(const uint8_t *p)
{
    return (uint64_t)get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* Read exactly len bytes; a short file is TILLWATCH_DAMAGED (the caller knows that they exist). */
static int read_exactly(int fd, void *bytes, size_t len, uint64_t offset)
{
    uint8_t *p = bytes;
    while (len > 0) {
        ssize_t n = pread(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? TILLWATCH_IO : TILLWATCH_DAMAGED;
        }
        p += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return TILLWATCH_OK;
}

static int write_exactly(int fd, const void *bytes, size_t len, uint64_t offset)
{
    const uint8_t *p = bytes;
    while (len > 0) {
        ssize_t n = pwrite(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            errno = n == 0 ? ENOSPC : errno;
            return TILLWATCH_IO;
        }
        p += n;
        len -= (size_t)n;
        offset += (uint64_t)n;
    }
    return TILLWATCH_OK;
}

/* Make a new or renamed name durable. */
static int sync_directory(const char *path)
{
    char dir[4096];
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (len >= sizeof dir) {
        errno = ENAMETOOLONG;
        return TILLWATCH_IO;
    }
    memcpy(dir, path, len);
    dir[len] = '\0';
    const char *name = slash == NULL ? "." : (len == 0 ? "/" : dir);
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return TILLWATCH_IO;
    }
    int rc = fsync(fd) == 0 ? TILLWATCH_OK : TILLWATCH_IO;
    int errnum = errno;
    (void)close(fd); /* only synced */
    errno = errnum;
    return rc;
}

static void make_head(uint8_t head[DATA_START])
{
    memset(head, 0, DATA_START);
    memcpy(head, "TWSPOOL\n", 8);
    put32(head + 8, SPOOL_VERSION);
    put32(head + 12, DATA_START);
}

static void make_slot(uint8_t slot[SLOT_BYTES], uint64_t count, uint64_t ticket)
{
    memset(slot, 0, SLOT_BYTES);
    put64(slot, count);
    put64(slot + 8, ticket);
    put32(slot + 28, twc_crc32c(0, slot, 28));
}

static void write_slot(struct twc_spool *self)
{
    uint8_t slot[SLOT_BYTES];
    self->slot_count++;
    make_slot(slot, self->slot_count, self->acked);
    /* A failure means that more is sent again after a restart: harmless. */
    (void)write_exactly(self->fd, slot, sizeof slot,
                        HEAD_BYTES + SLOT_BYTES * (self->slot_count & 1));
}

static void read_slots(struct twc_spool *self, const uint8_t head[DATA_START])
{
    for (size_t i = 0; i < 2; i++) {
        const uint8_t *slot = head + HEAD_BYTES + i * SLOT_BYTES;
        uint64_t count = get64(slot);
        if (get32(slot + 28) == twc_crc32c(0, slot, 28) && count > self->slot_count &&
            get64(slot + 8) <= TICKET_MAX) {
            self->slot_count = count;
            self->acked = get64(slot + 8);
        }
    }
}

/* Lock the file that the path names now: it may be replaced by a compaction between open and
 * lock, and then we would hold the lock of a file without a name. */
static int open_locked(const char *path, int *ret_fd)
{
    for (;;) {
        struct stat by_fd;
        struct stat by_path;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
        if (fd < 0) {
            return TILLWATCH_IO;
        }
        int errnum = 0;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            errnum = errno == EWOULDBLOCK ? EBUSY : errno;
        } else if (fstat(fd, &by_fd) != 0) {
            errnum = errno;
        } else if (!S_ISREG(by_fd.st_mode)) {
            errnum = EINVAL;
        } else if (stat(path, &by_path) == 0 && by_fd.st_ino == by_path.st_ino &&
                   by_fd.st_dev == by_path.st_dev) {
            *ret_fd = fd;
            return TILLWATCH_OK;
        }
        (void)close(fd); /* nothing was written */
        if (errnum != 0) {
            errno = errnum;
            return TILLWATCH_IO;
        }
    }
}

static int create_head(struct twc_spool *self)
{
    uint8_t head[DATA_START];
    make_head(head);
    int rc = write_exactly(self->fd, head, sizeof head, 0);
    if (rc == TILLWATCH_OK && fsync(self->fd) != 0) {
        rc = TILLWATCH_IO;
    }
    self->end = DATA_START;
    return rc == TILLWATCH_OK ? sync_directory(self->path) : rc;
}

/* Head and slots; a file whose creation was cut short (the beginning of a head, or zeros) is made
 * anew. */
static int read_head(struct twc_spool *self)
{
    uint8_t head[DATA_START];
    uint8_t expected[DATA_START];
    make_head(expected);
    size_t len = self->end < DATA_START ? (size_t)self->end : DATA_START;
    int rc = read_exactly(self->fd, head, len, 0);
    if (rc != TILLWATCH_OK) {
        return rc;
    }
    static const uint8_t zeros[DATA_START];
    if (self->end <= DATA_START && memcmp(head, zeros, len) == 0) {
        return create_head(self);
    }
    if (len < DATA_START) {
        return memcmp(head, expected, len) == 0 ? create_head(self) : TILLWATCH_DAMAGED;
    }
    if (memcmp(head, expected, HEAD_BYTES) != 0) {
        return TILLWATCH_DAMAGED;
    }
    read_slots(self, head);
    return TILLWATCH_OK;
}

static uint64_t payload_bytes(const uint32_t lens[TWC_FRAMES])
{
    uint64_t sum = 0;
    for (size_t i = 0; i < TWC_FRAMES; i++) {
        sum += lens[i] == TWC_ABSENT ? 0 : lens[i];
    }
    return sum;
}

static void make_record(uint8_t bytes[RECORD_BYTES], const struct twc_record *record)
{
    memcpy(bytes, "TWR1", 4);
    put64(bytes + 8, record->ticket);
    for (size_t i = 0; i < TWC_FRAMES; i++) {
        put32(bytes + 16 + 4 * i, record->lens[i]);
    }
    put32(bytes + 28, record->payload_crc);
    put32(bytes + 4, twc_crc32c(0, bytes + 8, RECORD_BYTES - 8));
}

static bool parse_record(const uint8_t bytes[RECORD_BYTES], uint64_t at,
                         struct twc_record *ret_record)
{
    if (memcmp(bytes, "TWR1", 4) != 0 ||
        get32(bytes + 4) != twc_crc32c(0, bytes + 8, RECORD_BYTES - 8)) {
        return false;
    }
    *ret_record =
        (struct twc_record){.ticket = get64(bytes + 8), .at = at, .payload_crc = get32(bytes + 28)};
    for (size_t i = 0; i < TWC_FRAMES; i++) {
        ret_record->lens[i] = get32(bytes + 16 + 4 * i);
    }
    ret_record->next = at + RECORD_BYTES + payload_bytes(ret_record->lens);
    return true;
}

/* Sum of a stretch of the file. */
static int sum_payload(struct twc_spool *self, uint64_t offset, uint64_t len, uint32_t *ret_crc)
{
    uint32_t crc = 0;
    while (len > 0) {
        size_t piece = len < COPY_BYTES ? (size_t)len : COPY_BYTES;
        int rc = read_exactly(self->fd, self->buffer, piece, offset);
        if (rc != TILLWATCH_OK) {
            return rc;
        }
        crc = twc_crc32c(crc, self->buffer, piece);
        offset += piece;
        len -= piece;
    }
    *ret_crc = crc;
    return TILLWATCH_OK;
}

/* Is the file nothing but zeros from `offset`, or from a sector's edge behind it, to its end? That
 * is how an extended file looks whose blocks did not reach the disk. */
static int ends_in_zeros(struct twc_spool *self, uint64_t offset, bool *ret_zeros)
{
    uint64_t last = self->end; /* the last byte that is not zero is before it */
    while (last > offset) {
        uint64_t len = last - offset < COPY_BYTES ? last - offset : COPY_BYTES;
        int rc = read_exactly(self->fd, self->buffer, (size_t)len, last - len);
        if (rc != TILLWATCH_OK) {
            return rc;
        }
        while (len > 0 && self->buffer[len - 1] == 0) {
            len--;
            last--;
        }
        if (len > 0) {
            break;
        }
    }
    uint64_t edge = (last + SECTOR_BYTES - 1) / SECTOR_BYTES * SECTOR_BYTES;
    *ret_zeros = last <= offset || edge < self->end;
    return TILLWATCH_OK;
}

/* The record at `offset`, checked whole. *ret_torn: it was never written to its end. */
static int check_record(struct twc_spool *self, uint64_t offset, struct twc_record *ret_record,
                        bool *ret_torn)
{
    uint8_t bytes[RECORD_BYTES];
    uint32_t crc = 0;
    *ret_torn = self->end - offset < RECORD_BYTES;
    if (*ret_torn) {
        return TILLWATCH_OK;
    }
    int rc = read_exactly(self->fd, bytes, sizeof bytes, offset);
    if (rc != TILLWATCH_OK) {
        return rc;
    }
    bool is_good = parse_record(bytes, offset, ret_record);
    if (is_good && ret_record->next > self->end) {
        *ret_torn = true;
        return TILLWATCH_OK;
    }
    if (is_good) {
        uint64_t start = offset + RECORD_BYTES;
        rc = sum_payload(self, start, ret_record->next - start, &crc);
        if (rc != TILLWATCH_OK || crc == ret_record->payload_crc) {
            return rc;
        }
    }
    rc = ends_in_zeros(self, offset, ret_torn);
    return rc == TILLWATCH_OK && !*ret_torn ? TILLWATCH_DAMAGED : rc;
}

/* Remove a torn record; then the file ends where the last whole one does. */
static int cut_tail(struct twc_spool *self, uint64_t offset)
{
    if (ftruncate(self->fd, (off_t)offset) != 0 || fsync(self->fd) != 0) {
        return TILLWATCH_IO;
    }
    self->end = offset;
    return TILLWATCH_OK;
}

static int scan(struct twc_spool *self, struct twc_span *ret_span)
{
    uint64_t offset = DATA_START;
    uint64_t last_ticket = 0;
    uint64_t first_waiting = 0;
    self->dead = DATA_START;
    while (offset < self->end) {
        struct twc_record record = {.ticket = 0};
        bool is_torn = false;
        int rc = check_record(self, offset, &record, &is_torn);
        if (rc != TILLWATCH_OK) {
            return rc;
        }
        if (is_torn) {
            rc = cut_tail(self, offset);
            if (rc != TILLWATCH_OK) {
                return rc;
            }
            break;
        }
        if (record.ticket == 0 || record.ticket > TICKET_MAX ||
            (last_ticket != 0 && record.ticket != last_ticket + 1)) {
            return TILLWATCH_DAMAGED;
        }
        last_ticket = record.ticket;
        offset = record.next;
        if (record.ticket <= self->acked) {
            self->dead = offset;
        } else if (first_waiting == 0) {
            first_waiting = record.ticket;
        }
    }
    if (last_ticket != 0 && last_ticket < self->acked) {
        /* records were lost that had been acknowledged; the next one would not follow the last */
        int rc = cut_tail(self, DATA_START);
        if (rc != TILLWATCH_OK) {
            return rc;
        }
        self->dead = DATA_START;
    }
    uint64_t next_ticket = (last_ticket > self->acked ? last_ticket : self->acked) + 1;
    *ret_span = (struct twc_span){
        .first_ticket = first_waiting != 0 ? first_waiting : next_ticket,
        .next_ticket = next_ticket,
        .first_at = self->dead,
    };
    self->acked = ret_span->first_ticket - 1;
    return TILLWATCH_OK;
}

int twc_spool_open(const char *path, uint64_t max_bytes, struct twc_spool **ret_spool,
                   struct twc_span *ret_span)
{
    struct twc_spool *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TILLWATCH_NOMEM;
    }
    self->fd = -1;
    self->max_bytes = max_bytes;
    self->path = strdup(path);
    self->buffer = malloc(COPY_BYTES);
    int rc =
        self->path == NULL || self->buffer == NULL ? TILLWATCH_NOMEM : open_locked(path, &self->fd);
    if (rc == TILLWATCH_OK) {
        struct stat status;
        rc = fstat(self->fd, &status) == 0 ? TILLWATCH_OK : TILLWATCH_IO;
        self->end = rc == TILLWATCH_OK ? (uint64_t)status.st_size : 0;
    }
    if (rc == TILLWATCH_OK) {
        rc = read_head(self);
    }
    if (rc == TILLWATCH_OK) {
        rc = scan(self, ret_span);
    }
    if (rc != TILLWATCH_OK) {
        int errnum = errno;
        self->is_broken = true; /* leave the file as it is */
        twc_spool_close(&self);
        errno = errnum;
        return rc;
    }
    *ret_spool = self;
    return TILLWATCH_OK;
}

static void truncate_all(struct twc_spool *self)
{
    /* A failure leaves dead records in the file: they are skipped and removed later. */
    if (ftruncate(self->fd, DATA_START) == 0) {
        self->shift += self->end - DATA_START;
        self->end = DATA_START;
        self->dead = DATA_START;
    }
}

void twc_spool_close(struct twc_spool **self_p)
{
    struct twc_spool *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    if (self->fd >= 0) {
        if (!self->is_broken && self->dead == self->end && self->end > DATA_START) {
            truncate_all(self);
        }
        (void)close(self->fd); /* synced before; gives up the lock */
    }
    free(self->buffer);
    free(self->path);
    free(self);
}

static int copy_live(struct twc_spool *self, int to)
{
    uint64_t from_offset = self->dead;
    uint64_t to_offset = DATA_START;
    while (from_offset < self->end) {
        uint64_t left = self->end - from_offset;
        size_t piece = left < COPY_BYTES ? (size_t)left : COPY_BYTES;
        int rc = read_exactly(self->fd, self->buffer, piece, from_offset);
        if (rc == TILLWATCH_OK) {
            rc = write_exactly(to, self->buffer, piece, to_offset);
        }
        if (rc != TILLWATCH_OK) {
            return rc;
        }
        from_offset += piece;
        to_offset += piece;
    }
    return TILLWATCH_OK;
}

/* Write what waits into a new file and let it take the name. The new file is locked and whole on
 * disk before it has the name, so a stop at any point leaves one good file. */
static int rewrite(struct twc_spool *self)
{
    char path[4096];
    uint8_t head[DATA_START];
    int len = snprintf(path, sizeof path, "%s.new", self->path);
    if (len < 0 || (size_t)len >= sizeof path) {
        errno = ENAMETOOLONG;
        return TILLWATCH_IO;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return TILLWATCH_IO;
    }
    make_head(head);
    make_slot(head + HEAD_BYTES, 2, self->acked);
    int rc = flock(fd, LOCK_EX | LOCK_NB) == 0 ? TILLWATCH_OK : TILLWATCH_IO;
    if (rc == TILLWATCH_OK) {
        rc = write_exactly(fd, head, sizeof head, 0);
    }
    if (rc == TILLWATCH_OK) {
        rc = copy_live(self, fd);
    }
    if (rc == TILLWATCH_OK && (fsync(fd) != 0 || rename(path, self->path) != 0)) {
        rc = TILLWATCH_IO;
    }
    if (rc != TILLWATCH_OK) {
        (void)close(fd); /* it is thrown away */
        (void)unlink(path);
        return rc;
    }
    (void)close(self->fd); /* nothing in it is needed any more */
    self->fd = fd;
    self->shift += self->dead - DATA_START;
    self->end -= self->dead - DATA_START;
    self->dead = DATA_START;
    self->slot_count = 2;
    return sync_directory(self->path);
}

static void try_rewrite(struct twc_spool *self)
{
    uint64_t dead = self->dead - DATA_START;
    if (self->is_broken || dead < 2 * self->failed_rewrite) {
        return;
    }
    self->failed_rewrite = 0;
    uint64_t shift = self->shift;
    if (rewrite(self) != TILLWATCH_OK) {
        if (self->shift == shift) {
            self->failed_rewrite = dead;
        } else {
            self->is_broken = true; /* the new name may not survive a power cut: take no more */
        }
    }
}

void twc_spool_acknowledge(struct twc_spool *self, uint64_t ticket, uint64_t next)
{
    self->acked = ticket;
    self->dead = next - self->shift;
    write_slot(self);
    uint64_t dead = self->dead - DATA_START;
    if (self->dead == self->end && dead >= TRUNCATE_MIN_BYTES && !self->is_broken) {
        truncate_all(self);
    } else if (dead >= REWRITE_MIN_BYTES && dead > (self->end - DATA_START) / 2) {
        try_rewrite(self);
    }
}

/* Space for `need` more bytes. When full, what is acknowledged is thrown out, if that is at least
 * a quarter: else every message of a full spool would copy all others. */
static int make_room(struct twc_spool *self, uint64_t need)
{
    if (self->end + need > self->max_bytes) {
        uint64_t dead = self->dead - DATA_START;
        if (self->dead == self->end && dead > 0) {
            truncate_all(self);
        } else if (dead > 0 && dead >= (self->end - DATA_START) / 4) {
            try_rewrite(self);
        }
    }
    return self->end + need > self->max_bytes ? TILLWATCH_FULL : TILLWATCH_OK;
}

static int write_record(struct twc_spool *self, uint8_t head[RECORD_BYTES],
                        const struct twc_frame frames[TWC_FRAMES])
{
    struct iovec parts[TWC_FRAMES + 1] = {{.iov_base = head, .iov_len = RECORD_BYTES}};
    size_t total = RECORD_BYTES;
    int count = 1;
    for (size_t i = 0; i < TWC_FRAMES; i++) {
        if (frames[i].len != TWC_ABSENT && frames[i].len > 0) {
            union {
                const void *from; /* cppcheck-suppress unusedStructMember ; set below */
                void *to;
            } bytes = {.from = frames[i].bytes}; /* pwritev only reads */
            parts[count++] = (struct iovec){.iov_base = bytes.to, .iov_len = frames[i].len};
            total += frames[i].len;
        }
    }
    ssize_t n = pwritev(self->fd, parts, count, (off_t)self->end);
    if (n >= 0 && (size_t)n == total) {
        return TILLWATCH_OK;
    }
    /* interrupted or cut short: take the slow way from the start */
    uint64_t offset = self->end;
    for (int i = 0; i < count; i++) {
        int rc = write_exactly(self->fd, parts[i].iov_base, parts[i].iov_len, offset);
        if (rc != TILLWATCH_OK) {
            return rc;
        }
        offset += parts[i].iov_len;
    }
    return TILLWATCH_OK;
}

int twc_spool_append(struct twc_spool *self, uint64_t ticket,
                     const struct twc_frame frames[TWC_FRAMES])
{
    if (self->is_broken) {
        errno = EIO;
        return TILLWATCH_IO;
    }
    struct twc_record record = {.ticket = ticket};
    for (size_t i = 0; i < TWC_FRAMES; i++) {
        record.lens[i] = frames[i].len;
        if (frames[i].len != TWC_ABSENT) {
            record.payload_crc = twc_crc32c(record.payload_crc, frames[i].bytes, frames[i].len);
        }
    }
    uint64_t need = RECORD_BYTES + payload_bytes(record.lens);
    int rc = make_room(self, need);
    if (rc != TILLWATCH_OK) {
        return rc;
    }
    uint8_t head[RECORD_BYTES];
    make_record(head, &record);
    rc = write_record(self, head, frames);
    if (rc != TILLWATCH_OK) {
        int errnum = errno;
        if (ftruncate(self->fd, (off_t)self->end) != 0) {
            self->is_broken = true; /* half a record is in the way of the next one */
        }
        errno = errnum;
        return rc;
    }
    self->end += need;
    return TILLWATCH_OK;
}

int twc_spool_sync(struct twc_spool *self)
{
    if (self->is_broken) {
        errno = EIO;
        return TILLWATCH_IO;
    }
    if (fdatasync(self->fd) != 0) {
        self->is_broken = true;
        return TILLWATCH_IO;
    }
    return TILLWATCH_OK;
}

int twc_spool_record(struct twc_spool *self, uint64_t at, struct twc_record *ret_record)
{
    uint8_t bytes[RECORD_BYTES];
    struct twc_record record;
    int rc = read_exactly(self->fd, bytes, sizeof bytes, at - self->shift);
    if (rc != TILLWATCH_OK) {
        return rc;
    }
    if (!parse_record(bytes, at, &record) || record.next - self->shift > self->end) {
        return TILLWATCH_DAMAGED;
    }
    *ret_record = record;
    return TILLWATCH_OK;
}

int twc_spool_read(struct twc_spool *self, const struct twc_record *record,
                   void *const buffers[TWC_FRAMES])
{
    uint64_t offset = record->at - self->shift + RECORD_BYTES;
    uint32_t crc = 0;
    for (size_t i = 0; i < TWC_FRAMES; i++) {
        if (record->lens[i] == TWC_ABSENT) {
            continue;
        }
        int rc = read_exactly(self->fd, buffers[i], record->lens[i], offset);
        if (rc != TILLWATCH_OK) {
            return rc;
        }
        crc = twc_crc32c(crc, buffers[i], record->lens[i]);
        offset += record->lens[i];
    }
    return crc == record->payload_crc ? TILLWATCH_OK : TILLWATCH_DAMAGED;
}

uint64_t twc_spool_bytes(const struct twc_spool *self)
{
    return self->end;
}
