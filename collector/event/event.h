/* SPDX-License-Identifier: Apache-2.0
 * One decoded event, and a message as it came from a tap. Plain data that borrows: an event
 * points into the message's frames or into the decoder's arena, and dies with them.
 */
#ifndef TW_EVENT_EVENT_H
#define TW_EVENT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/problem.h"
#include "core/str.h"

/* Attributes that the program itself knows; others are found by name among the extras.
 * X(enum, "name"). Source: contracts, section 2, and CloudEvents 1.0. */
#define TW_ATTRIBUTES(X)                  \
    X(ID, "id")                           \
    X(SOURCE, "source")                   \
    X(SPECVERSION, "specversion")         \
    X(TYPE, "type")                       \
    X(TIME, "time")                       \
    X(SUBJECT, "subject")                 \
    X(DATACONTENTTYPE, "datacontenttype") \
    X(DATASCHEMA, "dataschema")           \
    X(SYSTEM, "system")                   \
    X(OUTCOME, "outcome")                 \
    X(ERRORCODE, "errorcode")             \
    X(ERRORMESSAGE, "errormessage")       \
    X(ERRORCLASS, "errorclass")           \
    X(AMOUNT, "amount")                   \
    X(CURRENCY, "currency")               \
    X(SEQUENCE, "sequence")               \
    X(REPLAYID, "replayid")               \
    X(ATTEMPT, "attempt")                 \
    X(RECORDEDTIME, "recordedtime")       \
    X(EXPIRYTIME, "expirytime")           \
    X(TRACEPARENT, "traceparent")         \
    X(CORRELATIONID, "correlationid")     \
    X(CAUSATIONID, "causationid")         \
    X(TRANSACTIONID, "transactionid")     \
    X(ORDERID, "orderid")                 \
    X(RETURNID, "returnid")               \
    X(SHIPMENTID, "shipmentid")           \
    X(PAYMENTID, "paymentid")             \
    X(CASEID, "caseid")                   \
    X(PROMOTIONID, "promotionid")         \
    X(STOREID, "storeid")                 \
    X(REGISTERID, "registerid")           \
    X(REGION, "region")                   \
    X(CHANNEL, "channel")                 \
    X(CUSTOMERREF, "customerref")         \
    X(SKU, "sku")

enum tw_attribute {
#define TW_ATTRIBUTE_ENUM(name, text) TW_ATTR_##name,
    TW_ATTRIBUTES(TW_ATTRIBUTE_ENUM)
#undef TW_ATTRIBUTE_ENUM
        TW_ATTR_COUNT
};

/* "orderid" -> TW_ATTR_ORDERID; -1 when it is none of the table. */
int tw_attribute_find(struct tw_str name);
const char *tw_attribute_name(enum tw_attribute attribute);

/* Extension attributes that are not in the table; more of them stay in json only. */
#define TW_EVENT_MAX_EXTRAS 32

struct tw_event_extra {
    struct tw_str name;
    struct tw_str value;
};

struct tw_event {
    /* The whole event in the JSON format of CloudEvents. As received where it was structured;
     * composed where it was binary or foreign. */
    struct tw_str json;
    /* Decoded text of each attribute (escapes resolved; booleans and integers as their JSON
     * text); ptr NULL: absent. ID, SOURCE, SPECVERSION and TYPE are always there.
     * SYSTEM is filled from the source's first path segment where it was absent. */
    struct tw_str attr[TW_ATTR_COUNT];
    const struct tw_event_extra *extras; /* in the decoder's arena; NULL when there are none */
    unsigned extra_count;                /* 0 to TW_EVENT_MAX_EXTRAS */
    bool has_time;
    tw_wall_t time; /* only if has_time */
};

/* The text of any attribute by name (table first, then extras); ptr NULL when absent. */
struct tw_str tw_event_attribute(const struct tw_event *event, struct tw_str name);

/* One message as it came from a tap. Borrows the frames for the decode call. */
struct tw_message {
    uint16_t tap;       /* code of the tap in the store's dictionary */
    struct tw_str peer; /* CURVE client name, else identity in hex, else absent */
    tw_wall_t received;
    struct tw_str topic;   /* absent when the message had none */
    struct tw_str headers; /* absent when the message had none */
    struct tw_str body;
};

#endif
