/* SPDX-License-Identifier: Apache-2.0
 * Why something failed, in a word: ordered rules that map system, type, code, HTTP status and
 * message of a failure to a cause (track/track.h) and a short label. Free text carries identifiers,
 * so failures are told apart by label, never by message. What no rule takes stays unknown.
 *
 * Order: the operators' own rules (TW_CAUSES_FILE in the directory of the store), then the
 * directories that the configuration names, then the retail set that is built in. The first rule
 * that takes a failure decides. One set is in force at a time; SIGHUP reads the next one.
 *
 * A failure whose event names its cause (`errorclass`) keeps that cause; rules only label it. A
 * rule changes it where it asks for that class itself (`class` in its `when`).
 *
 * Thread: made by main; const and shared afterwards (counted references, atomic). Counting what
 *         rules took is atomic too.
 * Limits: TW_CAUSES_*_MAX, each a fault with file:line when it is passed. Matching is linear in
 *         the text for a pattern, and looks at the first bytes of a text only.
 * Fails:  TW_ECONFIG with every fault of every file as "file:line: what is wrong" in one report.
 * Source: design, "Words" (causes); docs/reference/causes.md.
 */
#ifndef TW_CAUSES_CAUSES_H
#define TW_CAUSES_CAUSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/config.h"
#include "core/str.h"
#include "event/event.h"
#include "track/track.h"

#define TW_CAUSES_FILE         "causes.yaml"
#define TW_CAUSES_RULES_MAX    500  /* of files and built-in ones, all together */
#define TW_CAUSES_OWN_MAX      200  /* of the operators, beside them */
#define TW_CAUSES_PATTERNS_MAX 16   /* of one condition */
#define TW_CAUSES_PATTERN_MAX  128  /* bytes of one pattern */
#define TW_CAUSES_LABEL_MAX    64   /* characters of a label */
#define TW_CAUSES_OWNER_MAX    128  /* bytes */
#define TW_CAUSES_TEXT_BYTES   256  /* of system, type, code and class that are looked at */
#define TW_CAUSES_MESSAGE_MAX  1024 /* bytes of a message that are looked at */

/* What is known of a failure; absent texts are what no condition fits. Borrowed. */
struct tw_failure_facts {
    struct tw_str system;
    struct tw_str type;
    struct tw_str code;
    unsigned status; /* HTTP; 0: none */
    struct tw_str message;
    struct tw_str errorclass;
};

struct tw_cause_verdict {
    enum tw_cause cause;
    struct tw_str label; /* of the rule; else the code, cut; "" without one. Borrowed from either */
    /* Of the rule, borrowed from the set; NULL: no rule took it, or it says nothing of these. */
    const char *rule;
    const char *owner;
    const char *runbook;
    int index; /* of the rule in the set; -1: none */
};

/* Where a rule comes from, in order of what is taken first. */
enum tw_causes_origin { TW_CAUSES_OPERATORS, TW_CAUSES_FILES, TW_CAUSES_BUILT_IN };

enum tw_cause_condition {
    TW_CAUSE_WHEN_SYSTEM,
    TW_CAUSE_WHEN_TYPE,
    TW_CAUSE_WHEN_CODE,
    TW_CAUSE_WHEN_CLASS,
    TW_CAUSE_WHEN_STATUS,
    TW_CAUSE_WHEN_MESSAGE,
    TW_CAUSE_CONDITIONS
};

/* All conditions that it has must hold, each by one of its patterns. */
struct tw_cause_rule {
    char *name;                                      /* [a-z0-9-]{1,63}, unique in its origin */
    struct tw_cfg_strings when[TW_CAUSE_CONDITIONS]; /* as written; at least one is not empty */
    enum tw_cause cause;
    char *label;
    char *owner;   /* NULL: none */
    char *runbook; /* NULL: none */
    enum tw_causes_origin origin;
    char *file; /* "(built in) retail.yaml" or a path */
    int line;
};

struct tw_causes {
    struct tw_cause_rule *items; /* in the order in which they are asked */
    size_t count;
    size_t operator_count; /* the first so many are the operators' */
    uint64_t version;      /* of the operators' file, hash of its bytes; 0: there is none */
};

/* Everything that is in force: TW_CAUSES_FILE of cfg->store.dir if it is there, what cfg->causes
 * names. TW_OK, TW_ECONFIG, TW_ENOMEM. Starts with one reference. */
int tw_causes_load(const struct tw_cfg *cfg, FILE *report, const struct tw_causes **ret_set);
/* One text alone, as rules of `origin`; for previews and tests. */
int tw_causes_parse(const char *name, struct tw_str yaml, enum tw_causes_origin origin,
                    FILE *report, const struct tw_causes **ret_set);
const struct tw_causes *tw_causes_ref(const struct tw_causes *self);
/* Drops one reference; the last frees. Accepts NULL. */
void tw_causes_unref(const struct tw_causes **self_p);

/* The facts of a decoded event. The status is its attribute `httpstatus`, else what its code says.
 */
void tw_causes_facts(const struct tw_event *event, struct tw_failure_facts *ret_facts);
/* 100 to 599 of a text of three digits; 0: none. */
unsigned tw_causes_status(struct tw_str text);
/* The status that an error code is or names: "503", "HTTP 503", "http_503" (400 to 599); else 0. */
unsigned tw_causes_status_of_code(struct tw_str code);

/* Decide. `self` NULL: without rules. Never fails, never blocks, allocates nothing. */
void tw_causes_classify(const struct tw_causes *self, const struct tw_failure_facts *facts,
                        struct tw_cause_verdict *ret_verdict);
/* The same by rules from the `first`th on. */
void tw_causes_classify_from(const struct tw_causes *self, size_t first,
                             const struct tw_failure_facts *facts,
                             struct tw_cause_verdict *ret_verdict);
/* The cause that the event itself names, as it is taken without rules; never NONE. */
enum tw_cause tw_causes_of_class(struct tw_str errorclass);

/* One more failure was decided by this rule (index of the verdict; -1: by none). Any thread. */
void tw_causes_count(const struct tw_causes *self, int index);
/* The set is in force where failures arrive: from now on its counts mean something. Any thread. */
void tw_causes_start_count(const struct tw_causes *self);
bool tw_causes_is_counting(const struct tw_causes *self);
/* How many since then. */
uint64_t tw_causes_counted(const struct tw_causes *self, int index);

/* `*` stands for any characters, `?` for one; ASCII letters are compared without case, `pattern` in
 * lower case. */
bool tw_causes_glob(struct tw_str pattern, struct tw_str text);

/* The version of these bytes of the operators' file; 0 of absent ones. */
uint64_t tw_causes_version(struct tw_str text);
/* The operators' file: whole, NUL-terminated, owned by the caller (free); TW_ENOTFOUND: there is
 * none; TW_EIO, TW_ELIMIT, TW_ENOMEM. */
int tw_causes_read(const char *dir, char **ret_text, size_t *ret_len);
/* Put this text in its place: a new file, synced, renamed, the directory synced. A crash leaves the
 * old or the new one. TW_OK, TW_EIO with a diag. */
int tw_causes_replace(const char *dir, struct tw_str text, struct tw_diag *diag);

/* Words for files and the API: "operators", "files", "built in"; "system" ... "message". */
const char *tw_causes_origin_name(enum tw_causes_origin origin);
const char *tw_cause_condition_name(enum tw_cause_condition condition);
/* The tables of keys as Markdown, for docs/reference/causes.md. TW_OK or TW_EIO. */
int tw_causes_print_keys(FILE *out);

/* The rule sets that are built in (generated from collector/causes at build). */
struct tw_causes_builtin {
    const char *name; /* "retail.yaml" */
    const char *text;
};
extern const struct tw_causes_builtin tw_causes_pack[];
extern const size_t tw_causes_pack_count;

#endif
