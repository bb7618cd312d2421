/* SPDX-License-Identifier: Apache-2.0
 * Between the files of groups. Nothing else includes it.
 */
#ifndef TW_NOTIFY_GROUP_INTERNAL_H
#define TW_NOTIFY_GROUP_INTERNAL_H

#include "notify/group.h"
#include "notify/table.h"

#define TW_RULE_WORDS ((TW_NOTIFY_INHIBITS_MAX + 63) / 64)

struct tw_group;

struct tw_known {
    uint64_t id;
    uint64_t fingerprint;
    char *block; /* owned: all texts, and the array of labels */
    struct tw_labels labels;
    struct tw_str labels_json;
    char *annotations; /* owned, JSON */
    char *generator;   /* owned; NULL: none */
    unsigned severity;
    tw_wall_t since;
    tw_wall_t fired;
    tw_wall_t ended; /* 0: it fires */
    tw_wall_t updated;
    bool is_acked;
    bool in_maintenance;
    struct tw_group *groups[TW_GROUP_ROUTES_MAX];
    size_t group_count;
    uint32_t *silences; /* owned: those that match it, by position; at most */
    size_t silence_count;
    uint32_t silenced_by; /* the first that is active, + 1; 0: none */
    bool is_silence_noted;
    uint64_t sources[TW_RULE_WORDS]; /* of which rules it is a source */
    uint64_t targets[TW_RULE_WORDS];
    struct tw_known *inhibitors[TW_GROUP_INHIBITORS_MAX];
    size_t inhibitor_count;
    char *inhibited_by; /* owned: as the row says; NULL: nobody */
    uint64_t mark;      /* of a walk */
};

/* What a group was told that it fires. */
struct tw_sent {
    uint64_t fingerprint;
    uint64_t id;
    tw_wall_t told; /* first */
};
struct tw_group {
    size_t route;
    uint64_t hash; /* of route and key */
    char *key;
    char *labels_json;
    struct tw_known **members; /* those that fire, and those it must tell that are over */
    size_t member_count;
    size_t member_room;
    struct tw_sent *sent; /* by fingerprint */
    size_t sent_count;
    tw_wall_t since;
    tw_wall_t next;    /* 0: since its first alert fired, and the wait */
    tw_wall_t flushed; /* 0: never */
    tw_wall_t told;
    unsigned escalated; /* steps, since somebody ought to answer */
    unsigned reached;   /* steps that were told since it began */
    bool is_ack_told;
    bool has_row;
};

struct tw_watch_silence {
    char *id;
    struct tw_matchers *matchers; /* NULL: matches nothing */
    tw_wall_t starts;
    tw_wall_t ends;
};

/* For each step of each workflow: itself and all that stand before it. */
struct tw_reach {
    const struct tw_workflow *workflow;
    uint32_t behind[TW_WF_STEPS_MAX];
};

struct tw_groups {
    const struct tw_notify *set;
    const struct tw_workflows *workflows;
    struct tw_reach *reach; /* one a workflow */
    struct tw_known **alerts;
    size_t alert_count;
    size_t alert_room;
    struct tw_table by_fingerprint;
    struct tw_group **groups;
    size_t group_count;
    size_t group_room;
    struct tw_table by_key;
    struct tw_watch_silence *silences;
    size_t silence_count;
    tw_wall_t next_silence; /* one begins or ends; 0: none does */
    bool is_stale;          /* silenced and inhibited are to be looked at anew */
    uint64_t walk;
    uint64_t generation;   /* of marks */
    struct tw_arena arena; /* of one call */
};

struct tw_known *tw_groups_find(const struct tw_groups *self, uint64_t fingerprint);
static inline bool tw_known_fires(const struct tw_known *alert)
{
    return alert->ended.ns == 0;
}
/* It fires and nothing keeps it quiet; `info` is shown, and nobody is told. */
static inline bool tw_known_is_told(const struct tw_known *alert)
{
    return alert->ended.ns == 0 && alert->severity != TW_SEVERITY_INFO && alert->silenced_by == 0 &&
           alert->inhibitor_count == 0 && !alert->in_maintenance;
}
/* Frees it; it is a member of nothing any more. */
void tw_groups_drop_known(struct tw_groups *self, struct tw_known *alert);
/* Free alerts and groups that nothing is left to be told of. */
void tw_groups_sweep(struct tw_groups *self);
const struct tw_sent *tw_group_sent(const struct tw_group *self, uint64_t fingerprint);

/* inhibit.c */
int tw_reach_new(const struct tw_workflows *workflows, struct tw_reach **ret_reach);
/* The target is at a step of the system, or behind one, by its labels. */
bool tw_reach_follows(const struct tw_groups *self, struct tw_str system,
                      const struct tw_labels *target);
/* Of which rules it is source and target; which silences match it. TW_ENOMEM. */
void tw_known_classify(struct tw_groups *self, struct tw_known *alert);
int tw_known_match_silences(struct tw_groups *self, struct tw_known *alert);
/* Who is silenced and inhibited now. TW_ENOMEM. */
int tw_groups_mark(struct tw_groups *self, tw_wall_t now);
/* ["fingerprint", ...] in order, or absent, in the arena. TW_ENOMEM. */
int tw_known_inhibited_json(const struct tw_known *alert, struct tw_arena *arena,
                            struct tw_str *ret_json);

/* sent.c: what a group was told, as its row keeps it */
int tw_sent_write(const struct tw_group *group, struct tw_arena *arena, struct tw_str *ret_json);
int tw_sent_read(struct tw_group *group, struct tw_str json);

/* compose.c */
struct tw_composed {
    struct tw_known *const *firing;
    size_t firing_count;
    struct tw_known *const *resolved;
    size_t resolved_count;
    const char *receiver;
    const char *reason;
    size_t most; /* alerts that are listed */
};
/* The webhook v4 body, in the arena. TW_ENOMEM, TW_ELIMIT. */
int tw_compose(const struct tw_groups *self, const struct tw_group *group,
               const struct tw_composed *what, struct tw_arena *arena, struct tw_str *ret_body);

#endif
