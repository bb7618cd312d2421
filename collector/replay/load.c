/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "replay/load.h"

#include "core/err.h"

#define EVERY_MS 1000 /* the collector writes it each second */

void tw_load_fini(struct tw_load *self)
{
    json_decref(self->overview);
    self->overview = NULL;
}

int tw_load_refresh(struct tw_load *self, struct tw_reader *reader, struct tw_arena *arena,
                    tw_mono_t now)
{
    struct tw_str text = TW_STR_NULL;
    if (self->has_read && now.ns - self->read_at.ns < EVERY_MS * TW_NS_PER_MS) {
        return TW_OK;
    }
    int rc = tw_reader_live(reader, arena, TW_STR_LIT("overview"), &text);
    if (rc != TW_OK && rc != TW_ENOTFOUND && rc != TW_EDAMAGED) {
        return rc;
    }
    tw_load_fini(self);
    self->has_read = true;
    self->read_at = now;
    self->overview = text.ptr == NULL ? NULL : json_loadb(text.ptr, text.len, 0, NULL);
    return TW_OK;
}

bool tw_load_waiting(const struct tw_load *self, struct tw_str system, uint64_t *ret_waiting)
{
    size_t i = 0;
    const json_t *row = NULL;
    json_array_foreach (json_object_get(self->overview, "systems"), i, row) {
        const char *name = json_string_value(json_object_get(row, "system"));
        const json_t *waiting = json_object_get(row, "waiting");
        json_int_t overdue = json_integer_value(json_object_get(row, "overdue"));
        if (name != NULL && tw_str_is(system, name) && json_is_integer(waiting)) {
            json_int_t in_time = json_integer_value(waiting) - overdue;
            *ret_waiting = in_time > 0 ? (uint64_t)in_time : 0;
            return true;
        }
    }
    return false;
}
