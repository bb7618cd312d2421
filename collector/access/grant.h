/* SPDX-License-Identifier: Apache-2.0
 * Grants: rights beside those of a role, narrowed to workflows, regions and stores. And the one
 * question that everything asks: may this principal do that, there?
 *
 * A grant is written RIGHT[,RIGHT...] [workflow=A,B] [region=..] [store=..]; a value with a blank,
 * a comma or a quote stands in quotes, with \" and \\ in it. A dimension that is not named is not
 * narrowed.
 * Thread:  plain functions; what is parsed lies in the caller's arena.
 * Limits:  TW_GRANTS_MAX of one principal, TW_GRANT_VALUES_MAX values of one grant.
 * Source:  decision 90.
 */
#ifndef TW_ACCESS_GRANT_H
#define TW_ACCESS_GRANT_H

#include "access/rights.h"
#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"

#define TW_GRANTS_MAX       32
#define TW_GRANT_VALUES_MAX 64   /* of all its dimensions */
#define TW_GRANT_VALUE_MAX  200  /* bytes of one */
#define TW_GRANT_TEXT_MAX   4096 /* bytes of a grant as it is written */
#define TW_GRANTS_TEXT_MAX  (TW_GRANTS_MAX * (TW_GRANT_TEXT_MAX + 1))

enum tw_dimension {
    TW_DIMENSION_WORKFLOW,
    TW_DIMENSION_REGION,
    TW_DIMENSION_STORE,
    TW_DIMENSION_COUNT
};
const char *tw_dimension_name(enum tw_dimension dimension);

struct tw_grant {
    tw_rights_t rights;
    /* by dimension; none: not narrowed. In order, each once. */
    const struct tw_str *values[TW_DIMENSION_COUNT];
    size_t counts[TW_DIMENSION_COUNT];
};
struct tw_grants {
    const struct tw_grant *items;
    size_t count;
};

/* One grant. TW_EINVAL with the diag saying why; TW_ENOMEM. */
int tw_grant_parse(struct tw_arena *arena, struct tw_str text, struct tw_grant *ret_grant,
                   struct tw_diag *diag);
/* As it is stored and shown: rights and values in order. Never longer than what was parsed. Errors
 * of the buffer. */
int tw_grant_write(const struct tw_grant *grant, struct tw_buf *out);
/* Those of one principal, a line each; empty: none. TW_EINVAL (also: more than TW_GRANTS_MAX),
 * TW_ENOMEM. */
int tw_grants_parse(struct tw_arena *arena, struct tw_str lines, struct tw_grants *ret_grants,
                    struct tw_diag *diag);

/* What is asked about. Absent: all of them (or it is not known which), which only what is not
 * narrowed allows. Empty: it has none, such as an event without a region; no value is that. */
struct tw_scope {
    struct tw_str of[TW_DIMENSION_COUNT];
};

/* Who asks. Borrowed texts. */
enum tw_principal_kind {
    TW_PRINCIPAL_NOBODY, /* not signed in */
    TW_PRINCIPAL_USER,
    TW_PRINCIPAL_TOKEN,
    TW_PRINCIPAL_PROXY, /* a user whom a trusted proxy names */
    TW_PRINCIPAL_OPEN,  /* whoever can connect: access.sign-in none */
};
struct tw_principal {
    enum tw_principal_kind kind;
    struct tw_str name;
    enum tw_role role;
    struct tw_grants grants;
};

/* scope NULL: of all. */
bool tw_may(const struct tw_principal *principal, enum tw_right right,
            const struct tw_scope *scope);
/* In some place at least: for menus, and for lists that show what is in reach. */
bool tw_may_somewhere(const struct tw_principal *principal, enum tw_right right);

#endif
