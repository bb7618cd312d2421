/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "alert/json_text.h"

#include <stdlib.h>

/* Of this thread, since it was reset. */
static _Thread_local bool has_lacked;

static void *take(size_t size)
{
    void *memory = malloc(size);
    has_lacked = has_lacked || memory == NULL;
    return memory;
}

void tw_json_watch_memory(void)
{
    json_set_alloc_funcs(take, free);
}

int tw_json_read(struct tw_str text, size_t flags, json_t **ret_json)
{
    json_error_t error = {.text = ""};
    if (text.ptr == NULL) {
        return TW_ESYNTAX;
    }
    has_lacked = false;
    json_t *json = json_loadb(text.ptr, text.len, flags, &error);
    enum json_error_code code = json_error_code(&error);
    if (has_lacked || (json == NULL && (code == json_error_unknown /* it says of some nothing */ ||
                                        code == json_error_out_of_memory))) {
        json_decref(json);
        return TW_ENOMEM;
    }
    *ret_json = json;
    return json == NULL ? TW_ESYNTAX : TW_OK;
}

static int write_some(const char *bytes, size_t len, void *out)
{
    return tw_buf_append(out, bytes, len) == TW_OK ? 0 : -1;
}

/* The library does not look whether the name of a member could be written: the buffer knows. */
static int write_with(const json_t *json, size_t flags, struct tw_buf *out)
{
    int failed = json == NULL ? -1 : json_dump_callback(json, write_some, out, flags);
    if (out->error != TW_OK) {
        return out->error;
    }
    return failed == 0 ? TW_OK : TW_ENOMEM;
}

int tw_json_write(const json_t *json, struct tw_buf *out)
{
    return write_with(json, JSON_COMPACT | JSON_ENCODE_ANY, out);
}

int tw_json_keep(const json_t *json, size_t flags, size_t max, struct tw_arena *arena,
                 struct tw_str *ret_text)
{
    struct tw_buf out;
    tw_buf_init(&out, max);
    int rc = write_with(json, JSON_COMPACT | flags, &out);
    if (rc == TW_OK) {
        struct tw_str copy = tw_arena_copy(arena, (struct tw_str){out.data, out.len});
        rc = copy.ptr == NULL ? TW_ENOMEM : TW_OK;
        *ret_text = rc == TW_OK ? copy : *ret_text;
    }
    tw_buf_fini(&out);
    return rc;
}
