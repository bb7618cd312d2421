/* SPDX-License-Identifier: Apache-2.0
 * Which notices are due: alerts that fire, by routes into groups; what silences, inhibits and mutes
 * them; when a group is told, again, and who when nobody answers. Pure: what it is given and the
 * time that is passed decide, so a restart that gives it the same rows goes on as if there had
 * been none.
 *
 * A turn says what is to be written, all of it in one transaction. When that fails, destroy this
 * object and make it again from the rows.
 * Thread:  the owner's. Memory only.
 * Limits:  alerts and groups as alerts.max lets there be; TW_GROUP_INHIBITORS_MAX are named for one
 *          alert; bodies of TW_NOTICE_BODY_MAX bytes, with fewer alerts listed where need be.
 * Fails:   TW_ENOMEM, TW_ELIMIT, TW_ESYNTAX (labels that are none): the caller starts again.
 * Source:  docs/reference/notifications.md, "Groups"; Alertmanager, dispatch and notify.
 */
#ifndef TW_NOTIFY_GROUP_H
#define TW_NOTIFY_GROUP_H

#include "notify/routes.h"
#include "store/notices.h"

#define TW_GROUP_INHIBITORS_MAX 8
#define TW_GROUP_ROUTES_MAX     16 /* routes that take one alert */
#define TW_GROUP_TOP            10 /* stores and systems that a notice names */

struct tw_groups;
/* Takes references. TW_OK, TW_ENOMEM. */
int tw_groups_new(const struct tw_notify *set, const struct tw_workflows *workflows,
                  struct tw_groups **ret_groups);
void tw_groups_destroy(struct tw_groups **self_p); /* accepts NULL */

/* ---- what there is ---- */

/* What a group was told before; first of all. TW_ENOTFOUND: no route makes such a group any more:
 * its row is to be dropped. TW_ESYNTAX: the row is damaged, likewise. */
int tw_groups_restore(struct tw_groups *self, const struct tw_notice_group *row);
struct tw_group_silence {
    struct tw_str id;
    struct tw_str matchers; /* JSON */
    tw_wall_t starts;
    tw_wall_t ends;
};
/* Those that have not ended: all of them, instead of those before. Ones whose matchers are none
 * match nothing. */
int tw_groups_set_silences(struct tw_groups *self, const struct tw_group_silence *items,
                           size_t count);
/* It fires, or (ended) did: new, or changed. Its labels never change. */
int tw_groups_put(struct tw_groups *self, const struct tw_notice_alert *from);
/* The same of one that is there already, whose texts have not changed. TW_ENOTFOUND. */
int tw_groups_touch(struct tw_groups *self, const struct tw_notice_firing *head);
/* Its row is not there any more. */
void tw_groups_forget(struct tw_groups *self, uint64_t fingerprint);
/* When this alert is known as it was changed then. */
bool tw_groups_knows(const struct tw_groups *self, const struct tw_notice_firing *head);
/* All that fire here and are not among these (sorted by number): they have ended. In the arena:
 * numbers of rows to be read and put, or forgotten. Likewise those that groups were told of and
 * that are not known at all (after tw_groups_restore). */
int tw_groups_gone(const struct tw_groups *self, struct tw_arena *arena,
                   const struct tw_notice_firing *firing, size_t count,
                   const struct tw_notice_firing **ret_gone, size_t *ret_count);

/* ---- what is due ---- */

struct tw_group_notice {
    struct tw_notice notice;
    struct tw_notice_told told;
};
struct tw_group_row {
    struct tw_notice_group row;
    bool is_over; /* to be dropped */
};
struct tw_group_inhibited {
    uint64_t alert;
    struct tw_str by; /* JSON array of fingerprints; absent: nobody any more */
};
struct tw_group_turn {
    struct tw_group_notice *notices;
    size_t notice_count;
    struct tw_group_row *rows;
    size_t row_count;
    struct tw_group_inhibited *inhibited;
    size_t inhibited_count;
    struct tw_notice_line *lines;
    size_t line_count;
};
/* Something is to be written now. */
bool tw_groups_is_due(struct tw_groups *self, tw_wall_t now);
/* All that is due now, in the arena. */
int tw_groups_turn(struct tw_groups *self, tw_wall_t now, struct tw_arena *arena,
                   struct tw_group_turn *ret_turn);

/* ---- looking ---- */

size_t tw_groups_count(const struct tw_groups *self);
struct tw_group_view {
    uint64_t fingerprint;
    bool fires;
    bool is_silenced;
    bool is_inhibited;
};
/* Of an alert that is known; false: it is not. */
bool tw_groups_view(const struct tw_groups *self, uint64_t fingerprint,
                    struct tw_group_view *ret_view);
/* The numbers of alerts that this silence keeps quiet now, in the arena. */
int tw_groups_silenced(const struct tw_groups *self, struct tw_arena *arena, struct tw_str silence,
                       uint64_t **ret_alerts, size_t *ret_count);
/* Different whenever something fired, ended, or became quiet or not. */
uint64_t tw_groups_generation(const struct tw_groups *self);
/* Alerts that may be told of: they fire, or ended and are known still; neither silenced nor
 * inhibited nor in maintenance. In no order. */
void tw_groups_tellable(const struct tw_groups *self,
                        void (*each)(void *context, const struct tw_notice_alert *alert),
                        void *context);

#endif
