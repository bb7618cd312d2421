/* SPDX-License-Identifier: Apache-2.0
 * Silences: which alerts nobody is told of, until when, by whom and why. Rules of change are those
 * of Alertmanager. What they match is not known here: matchers are a text (alert/matcher.h).
 * Thread:  reading: that of the reader of the desk. Commands: any; each is a deed of its own.
 * Limits:  TW_SILENCES_MAX that have not ended, TW_SILENCE_COMMENT_MAX bytes.
 * Fails:   as store/desk_read.h.
 * Source:  Alertmanager API v2 (reference/api.md, "Alerts").
 */
#ifndef TW_STORE_SILENCES_H
#define TW_STORE_SILENCES_H

#include "store/alert_read.h"

#define TW_SILENCES_MAX         10000
#define TW_SILENCE_ID_LEN       36 /* of a UUID */
#define TW_SILENCE_COMMENT_MAX  1000
#define TW_SILENCE_AUTHOR_MAX   200
#define TW_SILENCE_MATCHERS_MAX 65536 /* bytes of their JSON */

enum tw_silence_state { TW_SILENCE_ACTIVE, TW_SILENCE_PENDING, TW_SILENCE_EXPIRED };
const char *tw_silence_state_name(enum tw_silence_state state);

struct tw_silence {
    struct tw_str id;
    struct tw_str matchers; /* JSON, as tw_matchers_json writes it */
    tw_wall_t starts;
    tw_wall_t ends; /* exclusive */
    tw_wall_t created;
    tw_wall_t updated;
    struct tw_str created_by;
    struct tw_str comment;
};
enum tw_silence_state tw_silence_state(const struct tw_silence *self, tw_wall_t now);

/* Those that have not ended, the first to end first; at most TW_SILENCES_MAX. */
int tw_desk_silences(struct tw_desk_reader *self, struct tw_arena *arena, tw_wall_t now,
                     const struct tw_silence **ret_items, size_t *ret_count);
/* Those that have, the last to end first, behind the first `skip`. */
int tw_desk_silences_ended(struct tw_desk_reader *self, struct tw_arena *arena, tw_wall_t now,
                           size_t skip, size_t limit, const struct tw_silence **ret_items,
                           size_t *ret_count, bool *ret_more);
/* TW_ENOTFOUND. */
int tw_desk_silence(struct tw_desk_reader *self, struct tw_arena *arena, struct tw_str id,
                    struct tw_silence *ret_silence);

/* One with an id is changed: in place where its matchers are the same and it is pending (and stays
 * so), or active and begins when it did; else it ends, and a new one is made. A begin that has
 * passed becomes now. `silence`: id (absent: a new one), matchers, starts, ends, created_by,
 * comment count. Fills ret_id, with a NUL. TW_ENOTFOUND: no such id; TW_EINVAL: it ends before it
 * begins or has ended, or a text that is empty (comment, created_by) or too long; TW_ELIMIT. */
int tw_silence_put(const struct tw_alert_command *command, const struct tw_silence *silence,
                   char ret_id[TW_SILENCE_ID_LEN + 1], struct tw_diag *diag);
/* It ends now. TW_ENOTFOUND; TW_ECLOSED: it has ended. */
int tw_silence_expire(const struct tw_alert_command *command, struct tw_str id,
                      struct tw_diag *diag);

#endif
