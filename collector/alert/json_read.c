/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "alert/json_read.h"

/* The library says of some lacks of memory that they are such, of some nothing, and takes some for
 * bad text: that is believed when it is said twice. */
int tw_json_read(struct tw_str text, size_t flags, json_t **ret_json)
{
    json_error_t error;
    json_t *json = NULL;
    if (text.ptr == NULL) {
        return TW_ESYNTAX;
    }
    for (int i = 0; i < 2 && json == NULL; i++) {
        json = json_loadb(text.ptr, text.len, flags, &error);
        enum json_error_code code = json_error_code(&error);
        if (json == NULL && (code == json_error_unknown || code == json_error_out_of_memory)) {
            return TW_ENOMEM;
        }
    }
    *ret_json = json;
    return json == NULL ? TW_ESYNTAX : TW_OK;
}
