/* SPDX-License-Identifier: Apache-2.0
 * The configuration of one start: read from YAML, checked whole, then const for everybody.
 * Every key is declared once, in config/keys.c, with type, unit, bounds, default and help; the
 * parser, `tillwatch check` and docs/reference/configuration.md come from that table.
 * Thread: built and destroyed by main; const and shared in between.
 * Fails:  TW_ECONFIG with every fault of the file as "file:line: what is wrong" in one report.
 */
#ifndef TW_CONFIG_CONFIG_H
#define TW_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "core/err.h"

enum tw_tap_kind { TW_TAP_PULL, TW_TAP_SUB, TW_TAP_ROUTER };

struct tw_cfg_strings {
    char **items; /* owned, each NUL-terminated */
    size_t count;
};

/* Who may connect: with a server key the socket speaks CURVE and nothing else. */
struct tw_cfg_curve {
    char *server_key_file; /* NULL: no CURVE. Secret key, Z85, not readable by others */
    char *clients_dir;     /* NAME.pub files, each the public key of the client NAME */
};

struct tw_cfg_tap {
    char *name; /* [a-z0-9-]{1,32}, unique */
    enum tw_tap_kind kind;
    struct tw_cfg_strings bind;      /* ZeroMQ endpoints */
    struct tw_cfg_strings connect;   /* at least one of bind and connect */
    struct tw_cfg_strings subscribe; /* SUB only: topic prefixes; none given: everything */
    int64_t receive_hwm;             /* messages queued per peer in the socket */
    int64_t max_message_bytes;       /* ZMQ_MAXMSGSIZE */
    int64_t heartbeat_ms;
    int64_t handshake_ms;
    struct tw_cfg_curve curve; /* as in force: what the section `curve` says, where it is absent */
    bool is_insecure;          /* endpoints beyond this machine without CURVE */
};

/* An object type: which attribute names it, within which scope it is unique. */
struct tw_cfg_object {
    char *type;
    char *attribute;
    struct tw_cfg_strings scope; /* attributes; all must be present */
    bool is_linking;             /* joins events; otherwise it only describes them (context) */
    bool is_indexed;             /* can be searched for; linking types always are */
};

struct tw_cfg_source {
    char *match; /* of `source`: exact, or a prefix that ends in '*' */
    bool is_sequenced;
};

/* A business effect: an event type that may happen once only for an object. */
struct tw_cfg_effect {
    char *event;  /* CloudEvents type: exact, or a prefix that ends in '*' */
    char *object; /* object type */
};

/* A system of the estate, as steps of workflows name it. */
struct tw_cfg_system {
    char *name;
    char *title; /* NULL: its name */
};

struct tw_cfg_pair {
    char *from;
    char *to;
};
struct tw_cfg_pairs {
    struct tw_cfg_pair *items;
    size_t count;
};

/* Where replays for a system are posted to (collector/replay/http.h). */
struct tw_cfg_destination {
    char *name; /* the system; unique */
    char *url;  /* http or https; no user, no fragment (config/url.h) */
    int64_t timeout_s;
    int64_t concurrency;         /* posts under way at a time */
    char *ca_file;               /* NULL: the authorities of this machine */
    char *bearer_token_file;     /* NULL: none. Not readable by others */
    struct tw_cfg_pairs headers; /* from: name, to: value; never those that the tower sets */
    bool is_insecure;            /* plain http to another machine */
};
#define TW_CFG_MAX_HEADERS      16   /* of one destination */
#define TW_CFG_MAX_HEADER_BYTES 1024 /* of name and value */
#define TW_CFG_MAX_DESTINATIONS 64

enum tw_cfg_value_kind { TW_VALUE_POINTER, TW_VALUE_CONSTANT, TW_VALUE_TEMPLATE };

/* How one attribute of a foreign message comes about. */
struct tw_cfg_attr {
    char *attribute;
    enum tw_cfg_value_kind kind;
    char *text;              /* JSON Pointer (RFC 6901), constant, or template with {/pointer} */
    struct tw_cfg_pair *map; /* optional translation of the value; no row: kept as it is */
    size_t map_count;
    bool is_minor_units; /* amount only: the value counts minor units of `currency` */
    bool is_optional;    /* absent value: attribute absent; otherwise the event is quarantined */
    int line;
};

struct tw_cfg_mapping {
    char *name;
    char *topic;         /* topic prefix, or NULL */
    char *match_pointer; /* JSON Pointer that must exist, or NULL */
    char *match_value;   /* and have this text, or NULL: any value */
    char *each;          /* JSON Pointer to an array: one event an element; NULL: one event */
    struct tw_cfg_attr *attributes;
    size_t attribute_count;
};

struct tw_cfg {
    char *file; /* where it came from; "(built in)" for the default */
    struct {
        char *dir;
        int64_t partition_events;
        int64_t partition_hours;
        int64_t commit_events;
        int64_t commit_ms;
        int64_t retain_days;            /* events and all that belongs to them */
        int64_t retain_payload_days;    /* `data` of events */
        int64_t retain_quarantine_days; /* raw bytes of the quarantine */
        int64_t warn_free_percent;
        int64_t stop_free_percent;
        int64_t stop_free_bytes;
        int64_t duplicate_memory_bytes; /* filters of sealed partitions */
    } store;
    struct {
        int64_t batches;          /* in flight between intake and store */
        int64_t max_batch_events; /* CloudEvents in one message */
        int64_t max_json_depth;
        int64_t max_json_members; /* of the top level */
        int64_t max_attribute_bytes;
        int64_t max_quarantine_bytes; /* raw bytes kept of one entry */
    } intake;
    struct {
        int64_t max_objects; /* of one event */
        int64_t max_links;   /* distinct neighbours; beyond it an object is a hub */
        int64_t max_hops;
        int64_t max_journey_events;
        int64_t max_sources;
        int64_t max_gap_ranges;       /* remembered per source */
        int64_t clock_suspect_s;      /* event time further than this ahead of receipt */
        struct tw_cfg_strings ignore; /* identifiers that say nothing, compared without case */
    } correlate;
    struct {
        char *listen; /* host:port */
        int64_t threads;
        int64_t max_connections;
        int64_t max_connections_per_ip;
        int64_t max_streams;
        int64_t timeout_s;
        int64_t max_body_bytes;
        int64_t query_deadline_ms;
        char *ui_dir;  /* NULL: found beside the program */
        char *gnuplot; /* NULL: found in the usual places */
        int64_t plot_processes;
        int64_t plot_queue;
        int64_t plot_deadline_ms;
        int64_t plot_cache_bytes;
    } web;
    struct {
        int64_t linger_s;
        int64_t give_up_days;
        int64_t max_open_runs; /* remembered, open or not */
        int64_t max_objects;
        int64_t settle_s;
        int64_t idle_s;
        int64_t store_silent_s;
        int64_t list_after_s;
        int64_t snapshot_s;
        int64_t snapshot_events;
        struct tw_cfg_strings expected_stores; /* none: those seen lately */
        char *timezone;                        /* of the hours of the week; NULL: UTC */
    } track;
    struct {
        bool is_required; /* people sign in; else everybody on this machine may do all */
        struct tw_cfg_strings proxy_addresses; /* networks: whose word on who asks counts */
        char *proxy_user_header;               /* NULL: none */
        char *proxy_role_header;               /* NULL: none */
        unsigned proxy_role;                   /* enum tw_role: where that header is not there */
        int64_t password_passes;               /* of Argon2id (access/password.h) */
        int64_t password_memory_bytes;
        int64_t session_idle_s;
        int64_t session_absolute_s;
        int64_t token_days; /* until one expires, where nothing is said */
    } access;
    struct {
        bool has_pack;              /* the retail pack that is built in */
        struct tw_cfg_strings dirs; /* whose *.yaml are read in order of name */
    } workflows;
    struct {
        bool has_pack;              /* those that are built in */
        struct tw_cfg_strings dirs; /* whose *.yaml are read in order of name */
    } dashboards;
    struct {
        bool has_pack;              /* the retail rules that are built in */
        struct tw_cfg_strings dirs; /* whose *.yaml are read in order of name */
    } causes;
    struct {
        bool has_pack;                      /* the retail rules that are built in */
        struct tw_cfg_strings dirs;         /* whose *.yaml are read in order of name */
        struct tw_cfg_strings runbook_dirs; /* whose *.md are runbooks */
        int64_t history_days;
        int64_t max;      /* pending and firing at once */
        int64_t push_max; /* of others, waiting to be taken in */
    } alerts;
    struct {
        char *file;                /* NULL: none */
        char *pub;                 /* ZeroMQ endpoint where notify.yaml says none */
        struct tw_cfg_curve curve; /* of all PUB sockets; as in force */
        bool is_insecure;          /* they may be bound beyond this machine without CURVE */
    } notify;
    struct {
        struct tw_cfg_strings bind; /* ZeroMQ endpoints; none: no agent can connect */
        int64_t heartbeat_s;
        struct tw_cfg_curve curve; /* as in force */
        bool is_insecure;
    } agents;
    struct tw_cfg_curve curve; /* of every socket that has none of its own */
    struct {
        int64_t rate;   /* items a second */
        int64_t canary; /* items that go ahead */
        int64_t stop_after_failures;
        int64_t stop_percent;
        int64_t proof_s;   /* an item that is not proven so long after it was sent is unproven */
        int64_t under_way; /* items of one replay that are sent and have not ended */
        bool may_edit;     /* an event may be changed before it is sent again */
        struct tw_cfg_strings money_words; /* in names of fields: a change wants a second person */
    } replay;                              /* what is meant where a replay does not say */
    struct tw_cfg_tap *taps;
    size_t tap_count;
    struct tw_cfg_object *objects;
    size_t object_count;
    struct tw_cfg_source *sources;
    size_t source_count;
    struct tw_cfg_effect *effects;
    size_t effect_count;
    struct tw_cfg_mapping *mappings;
    size_t mapping_count;
    struct tw_cfg_system *systems;
    size_t system_count;
    struct tw_cfg_destination *destinations;
    size_t destination_count;
};

/* A configuration from `file` (NULL: the built-in default with the retail pack), then the
 * environment overrides of docs/reference/configuration.md (TILLWATCH_STATE, _WEB, _TAP_PULL,
 * _TAP_ROUTER, _TAP_SUB, _AGENTS). Faults go to `report`, one a line, all of them.
 * Returns owned through *ret_cfg; TW_OK, TW_ECONFIG or TW_ENOMEM. */
int tw_cfg_load(const char *file, FILE *report, struct tw_cfg **ret_cfg);
/* The same for a check that wants to go on: a configuration with faults is handed on as far as it
 * could be read, with TW_ECONFIG; *ret_cfg is NULL when there is nothing to go on with. */
int tw_cfg_load_anyway(const char *file, FILE *report, struct tw_cfg **ret_cfg);
/* The same as tw_cfg_load from memory; `name` stands for the file in the report. No environment.
 * For tests. */
int tw_cfg_parse(const char *name, const char *yaml, size_t len, FILE *report,
                 struct tw_cfg **ret_cfg);
void tw_cfg_destroy(struct tw_cfg **self_p);
/* What is in force, as YAML that tw_cfg_parse reads back. */
int tw_cfg_print(const struct tw_cfg *self, FILE *out);
/* The reference page of all keys, as Markdown, from the table. */
int tw_cfg_print_reference(FILE *out);

#endif
