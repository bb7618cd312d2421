/* SPDX-License-Identifier: Apache-2.0
 * Matchers: conditions on labels, of silences, routes and inhibition, as Alertmanager has them. A
 * label that is missing has the empty value. Regular expressions are anchored at both ends.
 * Thread:  const once made; any thread may ask.
 * Limits:  TW_MATCHERS_MAX of one set, TW_MATCHER_TEXT_MAX bytes each; a pattern gives up after a
 *          bounded number of steps and then does not match (nor does its negation).
 */
#ifndef TW_ALERT_MATCHER_H
#define TW_ALERT_MATCHER_H

#include "alert/labels.h"

#define TW_MATCHERS_MAX     32
#define TW_MATCHER_TEXT_MAX 2048

struct tw_matcher_text {
    struct tw_str name;
    struct tw_str value;
    bool is_regex;
    bool is_equal; /* false: != and !~ */
};
struct tw_matchers;

/* TW_EINVAL with the diag saying which and why (a bad name, a pattern that is none), TW_ELIMIT,
 * TW_ENOMEM. Copies. No matcher at all matches everything. */
int tw_matchers_new(const struct tw_matcher_text *items, size_t count,
                    struct tw_matchers **ret_matchers, struct tw_diag *diag);
void tw_matchers_destroy(struct tw_matchers **self_p); /* accepts NULL */
/* One as amtool and configurations write it: name="value", !=, =~, !~; the value bare or quoted.
 * Borrows from text or, where there are escapes, from the arena. TW_ESYNTAX with the diag. */
int tw_matcher_parse(struct tw_arena *arena, struct tw_str text, struct tw_matcher_text *ret_item,
                     struct tw_diag *diag);
/* The same, as it is written: the value quoted. */
int tw_matcher_write(struct tw_arena *arena, const struct tw_matcher_text *item,
                     struct tw_str *ret_text);
/* The JSON array that silences keep: [{"name","value","isRegex","isEqual"}]; isEqual may be left
 * out. TW_ESYNTAX, TW_EINVAL, TW_ELIMIT. */
int tw_matchers_read(struct tw_str json, struct tw_matchers **ret_matchers, struct tw_diag *diag);
int tw_matchers_json(struct tw_arena *arena, const struct tw_matcher_text *items, size_t count,
                     struct tw_str *ret_json);
bool tw_matchers_match(const struct tw_matchers *self, const struct tw_labels *labels);
/* Whether each of them also takes a label that is not there: nothing says what is meant. */
bool tw_matchers_match_empty(const struct tw_matchers *self);
/* Their texts, in the order in which they were given; borrowed. */
size_t tw_matchers_count(const struct tw_matchers *self);
struct tw_matcher_text tw_matchers_get(const struct tw_matchers *self, size_t i);

#endif
