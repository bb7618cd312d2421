/* SPDX-License-Identifier: Apache-2.0
 * The spool file of the client library. An input that begins with '=' is the file itself: it is
 * taken or refused, never half of each, and left as it is when refused. Any other is a list of
 * operations on a good file, held against a model: append, acknowledge, reopen, cut, damage. */
#include "config.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"
#include "fuzz.h"
#include "spool.h"
#include "tillwatch.h"

#define MAX_BYTES    16384 /* of the spool: reached soon */
#define DATA_START   128
#define MAX_MESSAGES 4096

struct model {
    struct twc_spool *spool;
    uint64_t first; /* oldest ticket that waits */
    uint64_t next;
    uint64_t at;                /* position of the oldest */
    uint8_t lens[MAX_MESSAGES]; /* of the body of a ticket, modulo */
};

static char the_path[64];

static void remove_file(void)
{
    (void)unlink(the_path);
}

static void write_file(const uint8_t *data, size_t size)
{
    int fd = open(the_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    TW_ASSERT(fd >= 0 && write(fd, data, size) == (ssize_t)size && close(fd) == 0);
}

static size_t read_file(uint8_t *data, size_t size)
{
    int fd = open(the_path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, data, size);
    TW_ASSERT(n >= 0 && close(fd) == 0);
    return (size_t)n;
}

/* Read all that waits; bodies of the model are made of their ticket. */
static void check_all(struct twc_spool *spool, const struct twc_span *span,
                      const struct model *model)
{
    static char frames[TWC_FRAMES][1 << 20];
    void *const buffers[TWC_FRAMES] = {frames[0], frames[1], frames[2]};
    uint64_t at = span->first_at;
    TW_ASSERT(span->first_ticket >= 1 && span->first_ticket <= span->next_ticket);
    for (uint64_t ticket = span->first_ticket; ticket < span->next_ticket; ticket++) {
        struct twc_record record;
        TW_ASSERT(twc_spool_record(spool, at, &record) == TILLWATCH_OK);
        TW_ASSERT(record.ticket == ticket && record.next > at);
        TW_ASSERT(twc_spool_read(spool, &record, buffers) == TILLWATCH_OK);
        if (model != NULL) {
            uint8_t len = model->lens[ticket % MAX_MESSAGES];
            TW_ASSERT(record.lens[TWC_BODY] == len);
            for (uint8_t i = 0; i < len; i++) {
                TW_ASSERT((uint8_t)frames[TWC_BODY][i] == (uint8_t)(ticket + i));
            }
        }
        at = record.next;
    }
}

static void run_file(const uint8_t *data, size_t size)
{
    static uint8_t after[1 << 20];
    struct twc_spool *spool = NULL;
    struct twc_span span;
    if (size > sizeof after / 2) {
        return;
    }
    write_file(data, size);
    int rc = twc_spool_open(the_path, MAX_BYTES, &spool, &span);
    if (rc != TILLWATCH_OK) {
        TW_ASSERT(rc == TILLWATCH_DAMAGED && spool == NULL);
        TW_ASSERT(read_file(after, sizeof after) == size);
        TW_ASSERT(size == 0 || memcmp(after, data, size) == 0);
        return;
    }
    check_all(spool, &span, NULL);
    const struct twc_frame frames[TWC_FRAMES] = {{"t", 1}, {NULL, TWC_ABSENT}, {"", 0}};
    rc = twc_spool_append(spool, span.next_ticket, frames);
    TW_ASSERT(rc == TILLWATCH_OK || rc == TILLWATCH_FULL);
    span.next_ticket += rc == TILLWATCH_OK ? 1 : 0;
    uint64_t first = span.first_ticket;
    uint64_t next = span.next_ticket;
    twc_spool_close(&spool);
    TW_ASSERT(twc_spool_open(the_path, MAX_BYTES, &spool, &span) == TILLWATCH_OK);
    TW_ASSERT(span.first_ticket == first && span.next_ticket == next);
    check_all(spool, &span, NULL);
    twc_spool_close(&spool);
}

static void reopen(struct model *model)
{
    struct twc_span span;
    twc_spool_close(&model->spool);
    TW_ASSERT(twc_spool_open(the_path, MAX_BYTES, &model->spool, &span) == TILLWATCH_OK);
    TW_ASSERT(span.first_ticket == model->first && span.next_ticket == model->next);
    model->at = span.first_at;
    check_all(model->spool, &span, model);
}

static void append(struct model *model, uint8_t len)
{
    uint8_t body[256];
    for (size_t i = 0; i < len; i++) {
        body[i] = (uint8_t)(model->next + i);
    }
    const struct twc_frame frames[TWC_FRAMES] = {
        {"topic", len % 2 == 0 ? 5 : TWC_ABSENT}, {NULL, TWC_ABSENT}, {body, len}};
    int rc = twc_spool_append(model->spool, model->next, frames);
    TW_ASSERT(rc == TILLWATCH_OK || rc == TILLWATCH_FULL);
    TW_ASSERT(twc_spool_bytes(model->spool) <= MAX_BYTES);
    if (rc == TILLWATCH_OK) {
        model->lens[model->next % MAX_MESSAGES] = len;
        model->next++;
    }
}

static void acknowledge(struct model *model, uint8_t count)
{
    for (uint8_t i = 0; i < count && model->first < model->next; i++) {
        struct twc_record record;
        TW_ASSERT(twc_spool_record(model->spool, model->at, &record) == TILLWATCH_OK);
        model->at = record.next;
        model->first++;
    }
    twc_spool_acknowledge(model->spool, model->first - 1, model->at);
}

/* Cut bytes off the end: whole messages are lost from there, and nothing else. */
static void cut(struct model *model, uint8_t bytes)
{
    struct twc_span span;
    uint64_t size = twc_spool_bytes(model->spool);
    uint64_t floor = model->first == model->next ? size : DATA_START;
    if (model->first == model->next || size < floor + bytes) {
        return;
    }
    twc_spool_close(&model->spool);
    TW_ASSERT(truncate(the_path, (off_t)(size - bytes)) == 0);
    TW_ASSERT(twc_spool_open(the_path, MAX_BYTES, &model->spool, &span) == TILLWATCH_OK);
    TW_ASSERT(span.next_ticket <= model->next && span.next_ticket >= model->first);
    TW_ASSERT(bytes > 0 || span.next_ticket == model->next);
    /* a record has 32 bytes at least */
    TW_ASSERT(model->next - span.next_ticket <= (uint64_t)bytes / 32 + 1);
    TW_ASSERT(span.first_ticket == model->first || span.next_ticket == model->first);
    model->next = span.next_ticket;
    model->first = span.first_ticket;
    model->at = span.first_at;
    check_all(model->spool, &span, model);
}

/* One wrong byte anywhere is refused; in a slot it costs the position at most. */
static void damage(struct model *model, uint16_t where, uint8_t with)
{
    static uint8_t bytes[1 << 20];
    struct twc_span span;
    twc_spool_close(&model->spool);
    size_t size = read_file(bytes, sizeof bytes);
    size_t at = where % size;
    bytes[at] ^= with;
    write_file(bytes, size);
    int rc = twc_spool_open(the_path, MAX_BYTES, &model->spool, &span);
    if (with == 0 || (at >= 64 && at < DATA_START)) {
        TW_ASSERT(rc == TILLWATCH_OK && span.first_ticket <= model->first);
        TW_ASSERT(span.next_ticket == model->next || model->first == model->next);
        twc_spool_close(&model->spool);
        bytes[at] ^= with;
        write_file(bytes, size);
        rc = twc_spool_open(the_path, MAX_BYTES, &model->spool, &span);
        TW_ASSERT(rc == TILLWATCH_OK && span.next_ticket == model->next);
        model->at = span.first_at;
        return;
    }
    /* zeros where the last record ended look as if it had not been written: then it is cut */
    if (rc == TILLWATCH_OK) {
        TW_ASSERT(bytes[size - 1] == 0 && span.next_ticket <= model->next);
        twc_spool_close(&model->spool);
    } else {
        TW_ASSERT(rc == TILLWATCH_DAMAGED);
    }
    bytes[at] ^= with;
    write_file(bytes, size);
    rc = twc_spool_open(the_path, MAX_BYTES, &model->spool, &span);
    TW_ASSERT(rc == TILLWATCH_OK && span.next_ticket == model->next);
    model->at = span.first_at;
}

static void run_operations(const uint8_t *data, size_t size)
{
    struct model model = {.first = 1, .next = 1};
    struct twc_span span;
    remove_file();
    TW_ASSERT(twc_spool_open(the_path, MAX_BYTES, &model.spool, &span) == TILLWATCH_OK);
    model.at = span.first_at;
    for (size_t i = 0; i + 2 < size && i < 600; i += 3) {
        switch (data[i] % 8) {
        case 0:
        case 1:
        case 2:
            append(&model, data[i + 1]);
            break;
        case 3:
        case 4:
            acknowledge(&model, data[i + 1]);
            break;
        case 5:
            reopen(&model);
            break;
        case 6:
            cut(&model, data[i + 1]);
            break;
        default:
            damage(&model, (uint16_t)(data[i] << 8 | data[i + 1]), data[i + 2]);
            break;
        }
    }
    reopen(&model);
    twc_spool_close(&model.spool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (the_path[0] == '\0') {
        bool has_shm = access("/dev/shm", W_OK) == 0; /* syncs cost nothing there */
        (void)snprintf(the_path, sizeof the_path, "%s/tw-fuzz-spool-XXXXXX",
                       has_shm ? "/dev/shm" : "/tmp");
        int fd = mkstemp(the_path);
        TW_ASSERT(fd >= 0 && close(fd) == 0);
        TW_ASSERT(atexit(remove_file) == 0);
    }
    if (size > 0 && data[0] == '=') {
        run_file(data + 1, size - 1);
    } else {
        run_operations(data, size);
    }
    return 0;
}
