/* SPDX-License-Identifier: Apache-2.0
 * Why a message or an event is quarantined: every reason, declared once. The name is the label
 * in /metrics, the key in /quarantine and the `type` suffix of the problem JSON. Plain data.
 */
#ifndef TW_CORE_PROBLEM_H
#define TW_CORE_PROBLEM_H

/* X(name, "title for a person"). New rows go at the end: the stored form is by position. */
#define TW_PROBLEMS(X)                                                                \
    X(none, "nothing is wrong")                                                       \
    X(frames, "wrong number of frames")                                               \
    X(oversize, "message larger than the limit")                                      \
    X(empty, "empty body")                                                            \
    X(headers, "header frame not well formed")                                        \
    X(content_type, "content type not supported")                                     \
    X(utf8, "not valid UTF-8")                                                        \
    X(json, "not well-formed JSON")                                                   \
    X(json_depth, "JSON nested too deeply")                                           \
    X(json_members, "too many members in one object")                                 \
    X(json_duplicate, "the same attribute twice")                                     \
    X(batch_size, "more events in a batch than allowed")                              \
    X(specversion, "specversion is not 1.0")                                          \
    X(required, "a required attribute is missing or empty")                           \
    X(attribute_name, "attribute name outside a-z and 0-9")                           \
    X(attribute_type, "attribute of a type CloudEvents does not have")                \
    X(attribute_text, "attribute with characters CloudEvents forbids")                \
    X(attribute_size, "attribute longer than the limit")                              \
    X(time, "time is not RFC 3339")                                                   \
    X(data, "data and data_base64 together, or data_base64 not base64")               \
    X(unmapped, "neither a CloudEvent nor matched by a mapping")                      \
    X(mapping, "a mapping matched but a required value is missing")                   \
    X(amount, "amount is not a decimal number or currency not ISO 4217")              \
    X(outcome, "outcome is not one of ok, failed, retrying, deadletter, compensated") \
    X(reference, "reference frame missing or not 1 to 64 bytes")                      \
    X(client, "the key of the client was taken away after it had connected")

enum tw_problem_code {
#define TW_PROBLEM_ENUM(name, title) TW_PROBLEM_##name,
    TW_PROBLEMS(TW_PROBLEM_ENUM)
#undef TW_PROBLEM_ENUM
        TW_PROBLEM_COUNT
};

struct tw_problem_info {
    const char *name;
    const char *title;
};
extern const struct tw_problem_info tw_problem_infos[TW_PROBLEM_COUNT];

#endif
