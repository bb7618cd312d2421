/* SPDX-License-Identifier: Apache-2.0
 * What the files of the decoder share. Thread: intake only (see decode.h). */
#ifndef TW_EVENT_INTERNAL_H
#define TW_EVENT_INTERNAL_H

#include "event/decode.h"
#include "event/scan.h"

/* Lines and bytes of a header frame. Source: contracts section 3 knows a content type and the
 * attributes; 64 lines leave room for every attribute of the table and 28 extensions. */
#define TW_HEADERS_MAX_LINES 64
#define TW_HEADERS_MAX_BYTES 16384

struct tw_mapping;

/* The members of an object that several pointers of a mapping lead into, found once. */
struct tw_view {
    struct tw_json_scanner scanner;
    const char *object; /* where the object stands that was looked at last; NULL: none */
    bool is_indexed;    /* it could be scanned (few members, none twice) */
};
#define TW_VIEWS 2 /* the item of a list, and an object in the document or item */

struct tw_decoder {
    const struct tw_cfg *cfg;
    struct tw_arena *arena;
    struct tw_json_scanner scanner;
    struct tw_mapping *mappings; /* owned, compiled; in the order of the configuration */
    size_t mapping_count;
    uint64_t document;              /* number of the foreign document being mapped, from 1 */
    struct tw_view views[TW_VIEWS]; /* of that document */
    /* for the run */
    const struct tw_message *message;
    const struct tw_decode_sink *sink;
    /* set by tw_refuse */
    enum tw_problem_code code;
    struct tw_str detail;
    /* the event being built: not in the arena, whose memory is seldom in a cache */
    struct tw_event event;
    struct tw_event_extra extras[TW_EVENT_MAX_EXTRAS];
};

/* An attribute on its way into an event that is composed. */
struct tw_pair {
    struct tw_str name;
    struct tw_str text;
};

/* Note why the event at hand is refused (printable ASCII, at most 256 bytes); returns TW_EINVAL. */
int tw_refuse(struct tw_decoder *self, enum tw_problem_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Bytes of a text that may go into a detail, and its printf arguments: "%.*s". */
#define TW_SHOWN_BYTES 64
#define TW_SHOW(text)  (int)((text).len < TW_SHOWN_BYTES ? (text).len : TW_SHOWN_BYTES), (text).ptr
/* Hand the refusal on to the sink. */
void tw_report(struct tw_decoder *self, int64_t index, struct tw_str raw);

/* The decoder's event, emptied: no attributes yet. */
struct tw_event *tw_event_begin(struct tw_decoder *self);
/* Set one attribute from its decoded text. is_plain: printable ASCII, needs no look.
 * TW_OK or TW_EINVAL. */
int tw_event_set(struct tw_decoder *self, struct tw_event *event, struct tw_str name,
                 struct tw_str text, bool is_plain);
/* Check what is required and what needs a form; fill in what is derived. TW_OK or TW_EINVAL. */
int tw_event_finish(struct tw_decoder *self, struct tw_event *event);
/* Refuse names outside [a-z0-9]+ and those that CloudEvents reserves. */
int tw_event_check_name(struct tw_decoder *self, struct tw_str name);

/* The event of the object whose members are in the scanner. */
int tw_cloudevent_read(struct tw_decoder *self, struct tw_str json, struct tw_event **ret_event);

enum tw_data_kind { TW_DATA_NONE, TW_DATA_JSON, TW_DATA_BYTES };
/* An event from attributes and data, with its JSON composed in the arena. Absent texts are left
 * out. TW_OK or TW_EINVAL. */
int tw_cloudevent_compose(struct tw_decoder *self, const struct tw_pair *pairs, size_t count,
                          enum tw_data_kind kind, struct tw_str data, struct tw_event **ret_event);

/* The header frame, read. */
struct tw_headers {
    struct tw_pair lines[TW_HEADERS_MAX_LINES]; /* names in lower case */
    size_t count;
    struct tw_str content_type; /* absent when there was no such line */
    size_t attribute_count;     /* lines that start with ce- */
};
int tw_headers_read(struct tw_decoder *self, struct tw_str frame, struct tw_headers *ret_headers);
/* Does a content type name this media type, whatever its parameters? Without regard to case. */
bool tw_media_type_is(struct tw_str content_type, const char *media_type);
/* application/cloudevents and application/cloudevents-batch in any format. */
bool tw_media_type_is_cloudevents(struct tw_str content_type);
/* application/json, text/json, anything with +json. */
bool tw_media_type_is_json(struct tw_str content_type);
/* The event of a message in binary mode. */
int tw_binary_read(struct tw_decoder *self, const struct tw_headers *headers, struct tw_str body,
                   struct tw_event **ret_event);

/* The same name, whatever its hash function is: tw_attribute_find with the hash at hand. */
int tw_attribute_find_hashed(struct tw_str name, uint32_t hash);

int tw_mappings_compile(const struct tw_cfg *cfg, struct tw_mapping **ret_mappings);
void tw_mappings_destroy(struct tw_mapping **self_p, size_t count);
/* The events of a foreign object whose members are in the scanner; everything goes to the sink.
 * What cannot be mapped is quarantined as the whole object: without it no mapping could be tried
 * again. raw: what that is; index: of the object in a batch, or -1. */
void tw_mappings_run(struct tw_decoder *self, const struct tw_json_value *object, struct tw_str raw,
                     int64_t index);

#endif
