/* SPDX-License-Identifier: Apache-2.0
 * Label sets: what identifies an alert. Sorted by name, unique, without empty values, as
 * Alertmanager has them, so that a fingerprint is the same there and here.
 * Thread:  plain data; what is made lives in the arena that the caller gives.
 * Limits:  TW_LABELS_MAX labels, TW_LABEL_NAME_MAX and TW_LABEL_VALUE_MAX bytes.
 * Source:  Prometheus data model; Alertmanager API v2 (docs/reference/alerts.md).
 */
#ifndef TW_ALERT_LABELS_H
#define TW_ALERT_LABELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/err.h"
#include "core/str.h"

#define TW_LABELS_MAX          64
#define TW_LABEL_NAME_MAX      128
#define TW_LABEL_VALUE_MAX     2048
#define TW_FINGERPRINT_HEX_LEN 16

struct tw_label {
    struct tw_str name; /* [a-zA-Z_][a-zA-Z0-9_]* */
    struct tw_str value;
};
struct tw_labels {
    const struct tw_label *items;
    size_t count;
};

/* Whether this can be the name of a label; whether these bytes are UTF-8. */
bool tw_label_is_name(struct tw_str name);
bool tw_label_is_text(struct tw_str value);
/* A set of copies: sorted, labels with an empty value left out. TW_EINVAL (a bad name, a name
 * twice, a value that is no UTF-8), TW_ELIMIT, TW_ENOMEM. */
int tw_labels_make(struct tw_arena *arena, const struct tw_label *items, size_t count,
                   struct tw_labels *ret_labels);
/* From and to a JSON object of texts, names sorted. Parsing: TW_ESYNTAX (no such object) and as
 * tw_labels_make. */
int tw_labels_parse(struct tw_arena *arena, struct tw_str json, struct tw_labels *ret_labels);
int tw_labels_json(struct tw_arena *arena, const struct tw_labels *labels, struct tw_str *ret_json);
/* Absent when there is none. */
struct tw_str tw_labels_get(const struct tw_labels *self, const char *name);
/* FNV-1a, 64 bits, over `name 0xff value 0xff` of each. */
uint64_t tw_labels_fingerprint(const struct tw_labels *self);
/* 16 lower-case hexadecimal digits and a NUL. */
void tw_fingerprint_hex(uint64_t fingerprint, char ret_hex[TW_FINGERPRINT_HEX_LEN + 1]);
/* TW_ESYNTAX when it is none. */
int tw_fingerprint_read(struct tw_str hex, uint64_t *ret_fingerprint);

#endif
