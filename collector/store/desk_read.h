/* SPDX-License-Identifier: Apache-2.0
 * Reading the desk: groups of failures, their members, notes; and what operators do with them.
 * Thread:  as struct tw_reader, which this one stands beside (one at a time). Commands: any thread,
 *          each opens, writes one transaction with its row of the audit, and closes.
 * Limits:  TW_GROUPS_MAX groups in one answer, 1,000 members; a question that takes longer than the
 *          deadline ends with TW_ETIMEOUT.
 * Fails:   TW_ENOTFOUND: no desk yet (the collector makes it), or no such group; as store/reader.h.
 */
#ifndef TW_STORE_DESK_READ_H
#define TW_STORE_DESK_READ_H

#include "store/desk.h"

#define TW_GROUPS_MAX        1000
#define TW_GROUP_CURRENCIES  4 /* told one by one; of further ones only that there are some */
#define TW_GROUP_TREND_HOURS 24
#define TW_GROUP_TOP         20   /* stores, codes, ... of one group that are listed */
#define TW_NOTE_MAX          4000 /* bytes */
#define TW_ASSIGNEE_MAX      64
#define TW_REASON_MAX        500
#define TW_ARCHIVE_IDS_MAX   1000

struct tw_desk_reader;
int tw_desk_reader_open(const char *dir, struct tw_desk_reader **ret_reader, struct tw_diag *diag);
void tw_desk_reader_close(struct tw_desk_reader **self_p); /* accepts NULL */
void tw_desk_reader_set_deadline(struct tw_desk_reader *self, tw_mono_t deadline);
/* Grows with every change of failures: equal numbers, equal answers but for notes and the like. */
int tw_desk_reader_revision(struct tw_desk_reader *self, uint64_t *ret_revision);

struct tw_group_amount {
    char currency[4]; /* "": without an amount */
    uint64_t count;
    int64_t amount_minor;
};
struct tw_group {
    uint64_t id;
    struct tw_failure_kind kind;
    tw_wall_t created;
    struct tw_str assignee;  /* absent: nobody */
    tw_wall_t snoozed_until; /* 0: not snoozed */
    struct tw_str note;      /* the latest; absent: none */
    /* of what is open and not archived, within the filter */
    uint64_t open;
    uint64_t stores;
    uint64_t regions;
    tw_wall_t first;
    tw_wall_t last;
    struct tw_group_amount amounts[TW_GROUP_CURRENCIES];
    size_t amount_count;
    bool has_more_currencies;
    /* of the whole group: failures that were news, hour by hour, the newest last */
    uint32_t trend[TW_GROUP_TREND_HOURS];
};
struct tw_group_filter {
    struct tw_str workflow;
    struct tw_str system;
    struct tw_str store;
    struct tw_str region;
    const enum tw_cause *cause;
    uint64_t id;   /* 0: all; one group: also when nothing of it is open */
    tw_wall_t now; /* what the trend ends with */
};
/* Those with something open, most first. */
int tw_desk_groups(struct tw_desk_reader *self, struct tw_arena *arena,
                   const struct tw_group_filter *filter, const struct tw_group **ret_groups,
                   size_t *ret_count, bool *ret_more);

enum tw_group_by { TW_GROUP_BY_STORE, TW_GROUP_BY_REGION, TW_GROUP_BY_CODE, TW_GROUP_BY_MESSAGE };
struct tw_group_part {
    struct tw_str what; /* absent: none is known */
    uint64_t count;
};
/* What the open ones of a group have in common, most first, at most TW_GROUP_TOP. */
int tw_desk_parts(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t group,
                  enum tw_group_by by, const struct tw_group_part **ret_parts, size_t *ret_count);
/* How many of a group are in each state; archived ones are counted apart. */
int tw_desk_states(struct tw_desk_reader *self, uint64_t group,
                   uint64_t ret_counts[TW_FAILURE_STATE_COUNT], uint64_t *ret_archived);

struct tw_failure_filter {
    uint64_t group;
    const enum tw_failure_state *state; /* NULL: all */
    bool is_archived;                   /* only these, instead of the others */
    struct tw_str store;
    tw_wall_t after_last; /* continue behind this one */
    uint64_t after_id;    /* 0: from the start */
    size_t limit;
};
/* The latest first. */
int tw_desk_failures(struct tw_desk_reader *self, struct tw_arena *arena,
                     const struct tw_failure_filter *filter, const struct tw_failure **ret_items,
                     size_t *ret_count, bool *ret_more);
/* One; TW_ENOTFOUND. */
int tw_desk_failure(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t id,
                    struct tw_failure *ret_failure);

/* What is known of a step of a run, in any state; TW_ENOTFOUND. */
int tw_desk_failure_of(struct tw_desk_reader *self, struct tw_arena *arena, struct tw_str workflow,
                       const struct tw_object *object, struct tw_str step,
                       struct tw_failure *ret_failure);

struct tw_desk_note {
    uint64_t id;
    tw_wall_t at;
    struct tw_str actor;
    struct tw_str text;
};
/* The latest first, at most limit. */
int tw_desk_notes(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t group, size_t limit,
                  const struct tw_desk_note **ret_notes, size_t *ret_count);

struct tw_desk_act {
    tw_wall_t at;
    struct tw_str actor;
    struct tw_str action;
    struct tw_str detail; /* JSON; absent: nothing more to say */
    struct tw_str reason;
};
/* What was done with a group, the latest first, at most limit. */
int tw_desk_history(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t group,
                    size_t limit, const struct tw_desk_act **ret_acts, size_t *ret_count);

/* ---- commands: each writes its row of the audit with what it does, or does nothing ---- */

struct tw_desk_command {
    const char *dir;
    uint64_t group;
    struct tw_str actor;
    struct tw_str address; /* of who asks */
    struct tw_str reason;  /* absent where none is asked for */
    tw_wall_t now;
};
/* TW_EINVAL: too long or empty; TW_ENOTFOUND: no such group. */
int tw_desk_add_note(const struct tw_desk_command *command, struct tw_str text,
                     struct tw_diag *diag);
/* Absent or empty: nobody. */
int tw_desk_assign(const struct tw_desk_command *command, struct tw_str assignee,
                   struct tw_diag *diag);
/* 0: no longer. */
int tw_desk_snooze(const struct tw_desk_command *command, tw_wall_t until, struct tw_diag *diag);
/* Failures of the group out of the lists, or back: those named, or with `ids` NULL all whose last
 * failure was not after `up_to`, which is when the person looked: what failed since stays. */
int tw_desk_archive(const struct tw_desk_command *command, bool is_archived, const uint64_t *ids,
                    size_t id_count, tw_wall_t up_to, uint64_t *ret_changed, struct tw_diag *diag);

#endif
