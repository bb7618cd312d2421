/* SPDX-License-Identifier: Apache-2.0
 * Between the files that read notify.yaml: what is written under its keys, and the set being made.
 * Thread: the owner's.
 */
#ifndef TW_NOTIFY_ROUTES_INTERNAL_H
#define TW_NOTIFY_ROUTES_INTERNAL_H

#include <stdatomic.h>

#include "config/parse.h"
#include "core/arena.h"
#include "core/buf.h"
#include "notify/routes.h"

#define TW_NOTIFY_NOT_GIVEN (-1)

/* As written; choices are positions in the words of their key. Freed by tw_cfg_free_fields. */
struct tw_notify_file_text {
    struct tw_cfg_strings allow;
    char *external_url;
    yaml_node_t *receivers;
    yaml_node_t *route;
    yaml_node_t *inhibit;
    yaml_node_t *times;
    yaml_node_t *watchdog;
    yaml_node_t *heartbeats;
};
struct tw_receiver_text {
    char *name;
    yaml_node_t *kinds[TW_INTEGRATION_KIND_COUNT];
};
struct tw_integration_text {
    char *url;
    char *url_file;
    char *bearer;
    char *bearer_file;
    char *ca_file;
    int64_t timeout_s;
    bool sends_resolved;
    int64_t max_alerts;
    char *routing_key;
    char *routing_key_file;
    struct tw_cfg_strings to;
    char *from;
    char *smarthost;
    unsigned tls;
    char *username;
    char *password;
    char *password_file;
    bool has_picture;
    char *bind;
};
struct tw_route_text {
    char *receiver;
    struct tw_cfg_strings matchers;
    struct tw_cfg_strings group_by;
    int64_t group_wait_s;
    int64_t group_interval_s;
    int64_t repeat_interval_s;
    bool goes_on;
    struct tw_cfg_strings active_times;
    struct tw_cfg_strings mute_times;
    yaml_node_t *escalate;
    yaml_node_t *routes;
};
struct tw_escalation_text {
    int64_t after_s;
    char *receiver;
};
struct tw_inhibit_text {
    struct tw_cfg_strings source;
    struct tw_cfg_strings target;
    struct tw_cfg_strings equal;
    char *follows;
};
struct tw_notify_time_text {
    char *name;
    yaml_node_t *intervals;
};
struct tw_watchdog_text {
    char *receiver;
    int64_t every_s;
};
struct tw_heartbeat_text {
    char *name;
    int64_t every_s;
    int64_t grace_s;
    unsigned severity;
    char *owner;
};

extern const struct tw_cfg_section tw_notify_file_section;
extern const struct tw_cfg_section tw_receiver_section;
extern const struct tw_cfg_section tw_integration_sections[TW_INTEGRATION_KIND_COUNT];
extern const struct tw_cfg_section tw_route_section;
extern const struct tw_cfg_section tw_escalation_section;
extern const struct tw_cfg_section tw_inhibit_section;
extern const struct tw_cfg_section tw_notify_time_section;
extern const struct tw_cfg_section tw_watchdog_section;
extern const struct tw_cfg_section tw_heartbeat_section;

/* What users hold is the first member. */
struct tw_notify_holder {
    struct tw_notify set;
    struct tw_arena arena; /* texts of matchers, names of zones */
    atomic_size_t references;
};
struct tw_notify_load {
    struct tw_parse parse; /* faults, and the tree that is being read */
    struct tw_notify_holder *holder;
    struct tw_notify *set; /* of the holder */
    const char *pub;       /* endpoint where none is given */
    bool may_pub_be_open;  /* to other machines: there are keys for it, or it is meant so */
};

/* The value of a key of a map, for the line of a fault; the map itself where it is not given. */
const yaml_node_t *tw_notify_at(struct tw_notify_load *self, const yaml_node_t *map,
                                const char *key);
/* Calls `read` with each item of the list `node`; at most `most` of them. */
typedef void tw_notify_read_fn(struct tw_notify_load *self, yaml_node_t *node);
void tw_notify_read_list(struct tw_notify_load *self, yaml_node_t *node, const char *where,
                         size_t most, tw_notify_read_fn *read);
/* One more item of `size` bytes, zeroed; NULL without memory. */
void *tw_notify_grow(struct tw_notify_load *self, void **items_p, size_t *count, size_t size);
char *tw_notify_copy(struct tw_notify_load *self, const char *text);
/* [A-Za-z0-9][A-Za-z0-9_.-]{0,63} */
bool tw_notify_is_name(const char *text);
/* TW_NOTIFY_NONE with a fault when there is no such receiver. */
size_t tw_notify_receiver_of(struct tw_notify_load *self, const yaml_node_t *node,
                             const char *where, const char *name);

/* receivers.c */
void tw_notify_read_receivers(struct tw_notify_load *self, yaml_node_t *node);
void tw_notify_free_receivers(struct tw_notify *set);
/* route.c */
void tw_notify_read_route(struct tw_notify_load *self, yaml_node_t *node);
/* Matchers as they are written, into what asks them and their texts. */
struct tw_matchers *tw_notify_read_matchers(struct tw_notify_load *self, const yaml_node_t *node,
                                            const char *where, const struct tw_cfg_strings *texts,
                                            struct tw_matcher_text **ret_items, size_t *ret_count);
/* Each is a name of a label. */
void tw_notify_check_labels(struct tw_notify_load *self, const yaml_node_t *node, const char *where,
                            const struct tw_cfg_strings *names);
/* name="value", as groups' keys and amtool have it, appended. */
int tw_notify_add_matcher(struct tw_buf *out, const struct tw_matcher_text *item);

#endif
