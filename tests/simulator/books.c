/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "simulator/books.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    uint64_t hash;
    char *key;                /* owned */
    struct sim_effect effect; /* its event is owned */
};

struct sim_books {
    struct entry *entries; /* a ring of SIM_BOOKS_MAX */
    uint32_t count;
    uint32_t next;
    FILE *file; /* NULL: none */
};

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text != 0; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static int keep(struct sim_books *self, const char *key, json_t *event, bool is_said)
{
    char *copy = strdup(key);
    if (copy == NULL) {
        return TW_ENOMEM;
    }
    struct entry *entry = &self->entries[self->next];
    free(entry->key);
    json_decref(entry->effect.event);
    *entry =
        (struct entry){.hash = hash_of(key), .key = copy, .effect = {json_incref(event), is_said}};
    self->next = (self->next + 1) % SIM_BOOKS_MAX;
    self->count += self->count < SIM_BOOKS_MAX ? 1 : 0;
    return TW_OK;
}

static int read_file(struct sim_books *self, const char *path, struct tw_diag *diag)
{
    char *line = NULL;
    size_t size = 0;
    bool is_whole = true;
    int result = TW_OK;
    ssize_t len = getline(&line, &size, self->file);
    while (result == TW_OK && len > 0) {
        json_t *row = json_loadb(line, (size_t)len, 0, NULL);
        const char *key = json_string_value(json_object_get(row, "key"));
        json_t *event = json_object_get(row, "event");
        if (key != NULL && json_is_object(event)) {
            result = keep(self, key, event, true);
        }
        json_decref(row);
        is_whole = line[len - 1] == '\n';
        len = getline(&line, &size, self->file);
    }
    free(line);
    /* Between reading and writing a stream has to be positioned; half a line gets its end. */
    if (result == TW_OK &&
        (fseek(self->file, 0, SEEK_END) != 0 || (!is_whole && fputc('\n', self->file) == EOF))) {
        result = tw_diag_set(diag, TW_EIO, "--agent-state %s: cannot be written", path);
    }
    return result;
}

int sim_books_open(const char *path, struct sim_books **ret_books, struct tw_diag *diag)
{
    struct sim_books *self = calloc(1, sizeof(*self));
    int result = TW_OK;
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->entries = calloc(SIM_BOOKS_MAX, sizeof(*self->entries));
    if (self->entries == NULL) {
        result = TW_ENOMEM;
    } else if (path != NULL) {
        char text[128];
        self->file = fopen(path, "a+");
        result = self->file == NULL ? tw_diag_set(diag, TW_EIO, "--agent-state %s: %s", path,
                                                  tw_errno_text(errno, text, sizeof(text)))
                                    : read_file(self, path, diag);
    }
    if (result != TW_OK) {
        sim_books_destroy(&self);
        return result;
    }
    *ret_books = self;
    return TW_OK;
}

void sim_books_destroy(struct sim_books **self_p)
{
    struct sim_books *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; i < self->count; i++) {
        free(self->entries[i].key);
        json_decref(self->entries[i].effect.event);
    }
    free(self->entries);
    if (self->file != NULL) {
        (void)fclose(self->file); /* each line was flushed */
    }
    free(self);
}

struct sim_effect *sim_books_find(const struct sim_books *self, const char *key)
{
    uint64_t hash = hash_of(key);
    for (uint32_t i = 0; i < self->count; i++) {
        struct entry *entry = &self->entries[i];
        if (entry->hash == hash && strcmp(entry->key, key) == 0) {
            return &entry->effect;
        }
    }
    return NULL;
}

int sim_books_enter(struct sim_books *self, const char *key, json_t *event, struct tw_diag *diag)
{
    int result = keep(self, key, event, false);
    if (result != TW_OK || self->file == NULL) {
        return result;
    }
    json_t *row = json_pack("{s:s,s:O}", "key", key, "event", event);
    char *line = row == NULL ? NULL : json_dumps(row, JSON_COMPACT);
    json_decref(row);
    if (line == NULL) {
        return TW_ENOMEM;
    }
    bool is_written =
        fputs(line, self->file) != EOF && fputc('\n', self->file) != EOF && fflush(self->file) == 0;
    free(line);
    return is_written ? TW_OK : tw_diag_set(diag, TW_EIO, "--agent-state: cannot be written");
}
