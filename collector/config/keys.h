/* SPDX-License-Identifier: Apache-2.0
 * The one table of configuration keys: path, type, unit, bounds, default, whether SIGHUP takes a
 * change up, and help. Parser, printer, checks and docs/reference/configuration.md read it.
 * Thread: constant data.
 */
#ifndef TW_CONFIG_KEYS_H
#define TW_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

enum tw_cfg_type {
    TW_CFG_INT,        /* int64_t; `unit` says which suffixes are understood */
    TW_CFG_BOOL,       /* bool; with `text` "a|b": the words for false and true */
    TW_CFG_CHOICE,     /* an enum from 0; `text` holds its words, separated by '|' */
    TW_CFG_TEXT,       /* char *, NULL when absent */
    TW_CFG_LIST,       /* struct tw_cfg_strings; `text`: default, separated by '|' */
    TW_CFG_PAIRS,      /* struct tw_cfg_pairs */
    TW_CFG_ATTRIBUTES, /* attributes of a mapping: attribute and attribute_count */
    TW_CFG_NODE,       /* yaml_node_t *: read by the owner of the section; `text`: what it is */
};

/* What a text, or each text of a list, must look like. */
enum tw_cfg_rule {
    TW_CFG_ANY,
    TW_CFG_NAME,          /* [a-z0-9-]{1,32} */
    TW_CFG_LABEL,         /* [a-z0-9-]{1,63}, no '-' at either end (RFC 1123) */
    TW_CFG_DURATION,      /* a number above 0 with its unit, such as 30s */
    TW_CFG_ATTRIBUTE,     /* CloudEvents attribute name: [a-z0-9]{1,32} */
    TW_CFG_PATTERN,       /* exact, or a prefix that ends in '*' */
    TW_CFG_ENDPOINT,      /* ZeroMQ: tcp://host:port or ipc://path */
    TW_CFG_LISTEN,        /* host:port */
    TW_CFG_POINTER,       /* JSON Pointer, RFC 6901 */
    TW_CFG_TEMPLATE,      /* text with {/pointer} */
    TW_CFG_PATH,          /* of a file or directory; relative to the working directory */
    TW_CFG_URL,           /* http:// or https:// with a host, nothing hidden in it (url.h) */
    TW_CFG_VALUE_POINTER, /* JSON Pointer, or '^' and one: from the document inside `each` */
    TW_CFG_NETWORK,       /* address, or network with its bits (network.h) */
    TW_CFG_HEADER,        /* name of an HTTP header: [A-Za-z0-9-]{1,64} */
};

struct tw_cfg_key {
    const char *name; /* "curve.clients": of a map inside the section */
    enum tw_cfg_type type;
    enum tw_cfg_rule rule;
    bool is_required;
    bool is_reloadable;
    size_t offset; /* in the struct of the section */
    const char *unit;
    int64_t min;
    int64_t max;
    int64_t initial;  /* default of numbers and booleans */
    const char *text; /* words of a choice, default of a text or list */
    const char *help;
};

struct tw_cfg_section {
    const char *name;
    const struct tw_cfg_key *keys;
    size_t key_count; /* at most 64 */
    bool is_list;     /* otherwise one map whose fields are in struct tw_cfg itself */
    size_t item_size; /* lists only, and the next two */
    size_t items_offset;
    size_t count_offset;
    size_t max_items;
    const char *help;
};

enum tw_cfg_section_id {
    TW_CFG_STORE,
    TW_CFG_INTAKE,
    TW_CFG_CORRELATE,
    TW_CFG_TRACK,
    TW_CFG_WEB,
    TW_CFG_ACCESS,
    TW_CFG_WORKFLOWS,
    TW_CFG_DASHBOARDS,
    TW_CFG_CAUSES,
    TW_CFG_ALERTS,
    TW_CFG_NOTIFY,
    TW_CFG_AGENTS,
    TW_CFG_CURVE,
    TW_CFG_REPLAY,
    TW_CFG_TAPS,
    TW_CFG_OBJECTS,
    TW_CFG_SOURCES,
    TW_CFG_EFFECTS,
    TW_CFG_MAPPINGS,
    TW_CFG_SYSTEMS,
    TW_CFG_DESTINATIONS,
    TW_CFG_SECTION_COUNT
};
extern const struct tw_cfg_section tw_cfg_sections[TW_CFG_SECTION_COUNT];

/* Keys of the top level that are no section. */
struct tw_cfg_top {
    struct tw_cfg_strings mapping_files;
    bool has_shipped_mappings;
};
extern const struct tw_cfg_section tw_cfg_top_section;

/* One attribute of a mapping as it is written. */
struct tw_cfg_attr_text {
    char *pointer;
    char *constant;
    char *template;
    struct tw_cfg_pairs map;
    bool is_minor_units;
    bool is_optional;
};
extern const struct tw_cfg_section tw_cfg_attr_section;

#define TW_CFG_MAX_ATTRIBUTES 64   /* of one mapping */
#define TW_CFG_MAX_PAIRS      256  /* of one `map` */
#define TW_CFG_MAX_LIST       1024 /* texts of one list */
#define TW_CFG_MAX_TEXT       4096 /* bytes of one text */

/* The field of `key` in the struct that begins at base. */
static inline void *tw_cfg_field(void *base, const struct tw_cfg_key *key)
{
    return (char *)base + key->offset;
}
static inline const void *tw_cfg_field_const(const void *base, const struct tw_cfg_key *key)
{
    return (const char *)base + key->offset;
}

/* The name among the section's keys (or, with prefix, among those below "prefix.") that differs
 * from `name` in at most two edits; NULL when there is none. Writes into `buf`. */
const char *tw_cfg_nearest(const struct tw_cfg_section *section, const char *prefix,
                           const char *name, char *buf, size_t size);
/* The same among `count` words. */
const char *tw_cfg_nearest_word(const char *const *words, size_t count, const char *name, char *buf,
                                size_t size);
/* The same among the names of all sections and top-level keys. */
const char *tw_cfg_nearest_section(const char *name, char *buf, size_t size);

#endif
