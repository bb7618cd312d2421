/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/batch.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"

/* Room for one more element in a growing array: the zeroed element, or NULL. */
static void *add_row(void *array_p, size_t *count, size_t *capacity, size_t size)
{
    char *array = NULL;
    memcpy(&array, array_p, sizeof array);
    if (*count == *capacity) {
        size_t grown = *capacity == 0 ? 64 : *capacity * 2;
        char *bigger = realloc(array, grown * size);
        if (bigger == NULL) {
            return NULL;
        }
        array = bigger;
        memcpy(array_p, &array, sizeof array);
        *capacity = grown;
    }
    void *row = array + *count * size;
    memset(row, 0, size);
    (*count)++;
    return row;
}

struct tw_record *tw_batch_add_record(struct tw_batch *self)
{
    return add_row(&self->records, &self->record_count, &self->record_capacity,
                   sizeof *self->records);
}

struct tw_ident *tw_batch_add_ident(struct tw_batch *self)
{
    return add_row(&self->idents, &self->ident_count, &self->ident_capacity, sizeof *self->idents);
}

struct tw_quarantined *tw_batch_add_quarantined(struct tw_batch *self)
{
    return add_row(&self->quarantined, &self->quarantined_count, &self->quarantined_capacity,
                   sizeof *self->quarantined);
}

struct tw_quarantine_done *tw_batch_add_done(struct tw_batch *self)
{
    return add_row(&self->done, &self->done_count, &self->done_capacity, sizeof *self->done);
}

int tw_batch_new(size_t arena_max_bytes, struct tw_batch **ret_batch)
{
    struct tw_batch *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    tw_arena_init(&self->arena, arena_max_bytes);
    *ret_batch = self;
    return TW_OK;
}

void tw_batch_destroy(struct tw_batch **self_p)
{
    struct tw_batch *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    tw_arena_fini(&self->arena);
    free(self->records);
    free(self->idents);
    free(self->quarantined);
    free(self->done);
    free(self);
}

void tw_batch_reset(struct tw_batch *self)
{
    struct tw_batch kept = *self;
    *self = (struct tw_batch){
        .arena = kept.arena,
        .records = kept.records,
        .record_capacity = kept.record_capacity,
        .idents = kept.idents,
        .ident_capacity = kept.ident_capacity,
        .quarantined = kept.quarantined,
        .quarantined_capacity = kept.quarantined_capacity,
        .done = kept.done,
        .done_capacity = kept.done_capacity,
    };
    tw_arena_reset(&self->arena);
}
