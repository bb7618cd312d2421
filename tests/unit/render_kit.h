/* SPDX-License-Identifier: Apache-2.0
 * Bodies of notices for the tests of their forms.
 * Thread: one test. */
#ifndef TW_TESTS_RENDER_KIT_H
#define TW_TESTS_RENDER_KIT_H

#include <jansson.h>

#include "notify/body.h"

/* Headers, lines, mentions, links, entities, quotes, a change of direction, a control. */
#define HOSTILE                                                                              \
    "a\r\nBcc: x@evil\r\n\r\n<!channel> <http://evil|click> [here](http://evil) &amp; \"'\t" \
    "\xe2\x80\xae gnp\x7f"

struct made {
    json_t *root;
    json_t *alerts;
};
extern const struct tw_body_asked everything;

/* One without alerts; an alert more; what it says beside. */
struct made body_of(void);
json_t *add_alert(struct made *made, const char *status, const char *summary);
void annotate(json_t *alert, const char *name, const char *text);
void label(json_t *alert, const char *name, const char *text);
/* Reads it; ends `made`. */
struct tw_body read_with(struct made *made, const struct tw_body_asked *asked);
struct tw_body read_all(struct made *made);
/* Characters of two bytes; to be freed. */
char *long_text(size_t len);
json_t *json_of(struct tw_buf *out);
/* A text that is there. */
const char *at(const json_t *json, const char *name);
/* No control character, nothing that turns the direction, valid. */
void is_clean(const char *text, bool may_have_lines);

#endif
