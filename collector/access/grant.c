/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "access/grant.h"

#include "event/text.h"

static const char *const dimensions[TW_DIMENSION_COUNT] = {
    [TW_DIMENSION_WORKFLOW] = "workflow",
    [TW_DIMENSION_REGION] = "region",
    [TW_DIMENSION_STORE] = "store",
};

const char *tw_dimension_name(enum tw_dimension dimension)
{
    return dimensions[dimension];
}

/* ---- reading ---- */

struct parse {
    struct tw_arena *arena;
    struct tw_str left;
    struct tw_str *values; /* TW_GRANT_VALUES_MAX */
    size_t value_count;
    struct tw_diag *diag;
};

static void skip(struct parse *self, size_t count)
{
    self->left.ptr += count;
    self->left.len -= count;
}

static bool begins_with(const struct parse *self, char c)
{
    return self->left.len > 0 && self->left.ptr[0] == c;
}

static void skip_blanks(struct parse *self)
{
    while (begins_with(self, ' ')) {
        skip(self, 1);
    }
}

static bool is_letter(char c)
{
    return c >= 'a' && c <= 'z';
}

static struct tw_str take_word(struct parse *self)
{
    struct tw_str word = {self->left.ptr, 0};
    while (word.len < self->left.len && is_letter(word.ptr[word.len])) {
        word.len++;
    }
    skip(self, word.len);
    return word;
}

/* A text in a message: what is wrong may be long. */
static int shown_len(struct tw_str text)
{
    return text.len > 40 ? 40 : (int)text.len;
}

static int parse_rights(struct parse *self, tw_rights_t *ret_rights)
{
    tw_rights_t rights = 0;
    for (;;) {
        enum tw_right right = TW_RIGHT_READ;
        struct tw_str word = take_word(self);
        if (!tw_right_of(word, &right)) {
            return tw_diag_set(self->diag, TW_EINVAL, "grant: there is no right \"%.*s\"",
                               shown_len(word), word.ptr);
        }
        rights |= TW_RIGHT_BIT(right);
        if (!begins_with(self, ',')) {
            *ret_rights = rights;
            return TW_OK;
        }
        skip(self, 1);
    }
}

/* Between quotes; the first has been seen. */
static int parse_quoted(struct parse *self, struct tw_str *ret_value)
{
    char *to = tw_arena_alloc(self->arena, self->left.len);
    size_t len = 0;
    if (to == NULL) {
        return TW_ENOMEM;
    }
    skip(self, 1);
    while (self->left.len > 0 && !begins_with(self, '"')) {
        if (begins_with(self, '\\')) {
            skip(self, 1);
            if (!begins_with(self, '"') && !begins_with(self, '\\')) {
                return tw_diag_set(self->diag, TW_EINVAL,
                                   "grant: only a quote or a backslash stands behind a backslash");
            }
        }
        to[len++] = self->left.ptr[0];
        skip(self, 1);
    }
    if (self->left.len == 0) {
        return tw_diag_set(self->diag, TW_EINVAL, "grant: a quote is not closed");
    }
    skip(self, 1);
    *ret_value = (struct tw_str){to, len};
    return TW_OK;
}

static int parse_value(struct parse *self, struct tw_str *ret_value)
{
    struct tw_str value = {self->left.ptr, 0};
    int rc = TW_OK;
    if (begins_with(self, '"')) {
        rc = parse_quoted(self, &value);
    } else {
        while (value.len < self->left.len && memchr(" ,\"\\", value.ptr[value.len], 4) == NULL) {
            value.len++;
        }
        skip(self, value.len);
    }
    if (rc == TW_OK && (value.len == 0 || value.len > TW_GRANT_VALUE_MAX)) {
        rc = tw_diag_set(self->diag, TW_EINVAL, "grant: a value has 1 to %d bytes",
                         TW_GRANT_VALUE_MAX);
    }
    if (rc == TW_OK) {
        *ret_value = value;
    }
    return rc;
}

/* Into its place among those of the dimension; one that is there already is left out. */
static int add_value(struct parse *self, struct tw_grant *grant, enum tw_dimension dimension,
                     struct tw_str value)
{
    struct tw_str *values = self->values + self->value_count - grant->counts[dimension];
    size_t at = 0;
    while (at < grant->counts[dimension] && tw_str_compare(values[at], value) < 0) {
        at++;
    }
    if (at < grant->counts[dimension] && tw_str_equal(values[at], value)) {
        return TW_OK;
    }
    if (self->value_count == TW_GRANT_VALUES_MAX) {
        return tw_diag_set(self->diag, TW_EINVAL, "grant: at most %d values", TW_GRANT_VALUES_MAX);
    }
    memmove(values + at + 1, values + at, (grant->counts[dimension] - at) * sizeof *values);
    values[at] = value;
    grant->counts[dimension]++;
    self->value_count++;
    return TW_OK;
}

static int parse_dimension(struct parse *self, struct tw_grant *grant)
{
    struct tw_str word = take_word(self);
    unsigned at = 0;
    while (at < TW_DIMENSION_COUNT && !tw_str_is(word, dimensions[at])) {
        at++;
    }
    if (at == TW_DIMENSION_COUNT || !begins_with(self, '=')) {
        return tw_diag_set(self->diag, TW_EINVAL,
                           "grant: workflow=, region= or store= is expected, not \"%.*s\"",
                           shown_len(word), word.ptr);
    }
    if (grant->counts[at] > 0) {
        return tw_diag_set(self->diag, TW_EINVAL, "grant: %s is there twice", dimensions[at]);
    }
    grant->values[at] = self->values + self->value_count;
    int rc = TW_OK;
    do {
        struct tw_str value = TW_STR_NULL;
        skip(self, 1); /* '=', then ',' */
        rc = parse_value(self, &value);
        rc = rc == TW_OK ? add_value(self, grant, (enum tw_dimension)at, value) : rc;
    } while (rc == TW_OK && begins_with(self, ','));
    return rc;
}

int tw_grant_parse(struct tw_arena *arena, struct tw_str text, struct tw_grant *ret_grant,
                   struct tw_diag *diag)
{
    struct tw_grant grant = {.rights = 0};
    struct parse self = {.arena = arena, .left = text, .diag = diag};
    if (text.len == 0 || text.len > TW_GRANT_TEXT_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "grant: 1 to %d bytes", TW_GRANT_TEXT_MAX);
    }
    if (tw_text_allowed(text) != text.len) {
        return tw_diag_set(diag, TW_EINVAL, "grant: not UTF-8, or a control character in it");
    }
    self.values = tw_arena_alloc(arena, TW_GRANT_VALUES_MAX * sizeof *self.values);
    if (self.values == NULL) {
        return TW_ENOMEM;
    }
    skip_blanks(&self);
    int rc = parse_rights(&self, &grant.rights);
    while (rc == TW_OK && self.left.len > 0) {
        if (!begins_with(&self, ' ')) {
            return tw_diag_set(diag, TW_EINVAL, "grant: a blank is expected before \"%.*s\"",
                               shown_len(self.left), self.left.ptr);
        }
        skip_blanks(&self);
        rc = self.left.len > 0 ? parse_dimension(&self, &grant) : TW_OK;
    }
    if (rc == TW_OK) {
        *ret_grant = grant;
    }
    return rc;
}

int tw_grants_parse(struct tw_arena *arena, struct tw_str lines, struct tw_grants *ret_grants,
                    struct tw_diag *diag)
{
    struct tw_grant *items = NULL;
    struct tw_str left = lines;
    size_t count = 0;
    if (left.len > 0) {
        items = tw_arena_alloc(arena, TW_GRANTS_MAX * sizeof *items);
        if (items == NULL) {
            return TW_ENOMEM;
        }
    }
    while (left.len > 0) {
        const char *end = memchr(left.ptr, '\n', left.len);
        struct tw_str line = {left.ptr, end == NULL ? left.len : (size_t)(end - left.ptr)};
        if (count == TW_GRANTS_MAX) {
            return tw_diag_set(diag, TW_EINVAL, "at most %d grants", TW_GRANTS_MAX);
        }
        int rc = tw_grant_parse(arena, line, &items[count], diag);
        if (rc != TW_OK) {
            return rc;
        }
        count++;
        size_t past = line.len + (end == NULL ? 0 : 1);
        left.ptr += past;
        left.len -= past;
    }
    *ret_grants = (struct tw_grants){items, count};
    return TW_OK;
}

/* ---- writing ---- */

static void write_value(struct tw_str value, struct tw_buf *out)
{
    bool is_bare = true;
    for (size_t i = 0; i < value.len; i++) {
        is_bare = is_bare && memchr(" ,\"\\", value.ptr[i], 4) == NULL;
    }
    if (is_bare) {
        (void)tw_buf_append_str(out, value); /* sticky, as all that follow */
        return;
    }
    (void)tw_buf_append_byte(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\') {
            (void)tw_buf_append_byte(out, '\\');
        }
        (void)tw_buf_append_byte(out, (uint8_t)value.ptr[i]);
    }
    (void)tw_buf_append_byte(out, '"');
}

int tw_grant_write(const struct tw_grant *grant, struct tw_buf *out)
{
    bool is_first = true;
    for (unsigned i = 0; i < TW_RIGHT_COUNT; i++) {
        if ((grant->rights & TW_RIGHT_BIT(i)) != 0) {
            (void)tw_buf_append_str(out, tw_str_of(is_first ? "" : ",")); /* sticky */
            (void)tw_buf_append_str(out, tw_str_of(tw_right_name((enum tw_right)i)));
            is_first = false;
        }
    }
    for (unsigned i = 0; i < TW_DIMENSION_COUNT; i++) {
        for (size_t k = 0; k < grant->counts[i]; k++) {
            if (k == 0) {
                (void)tw_buf_append_byte(out, ' ');
                (void)tw_buf_append_str(out, tw_str_of(dimensions[i]));
            }
            (void)tw_buf_append_byte(out, k == 0 ? '=' : ',');
            write_value(grant->values[i][k], out);
        }
    }
    return out->error;
}

/* ---- asking ---- */

static bool covers(const struct tw_grant *grant, const struct tw_scope *scope)
{
    for (unsigned i = 0; i < TW_DIMENSION_COUNT; i++) {
        bool is_in = grant->counts[i] == 0;
        for (size_t k = 0; k < grant->counts[i] && scope != NULL && !is_in; k++) {
            is_in = scope->of[i].ptr != NULL && tw_str_equal(grant->values[i][k], scope->of[i]);
        }
        if (!is_in) {
            return false;
        }
    }
    return true;
}

bool tw_may(const struct tw_principal *principal, enum tw_right right, const struct tw_scope *scope)
{
    if ((tw_role_rights(principal->role) & TW_RIGHT_BIT(right)) != 0) {
        return true;
    }
    for (size_t i = 0; i < principal->grants.count; i++) {
        const struct tw_grant *grant = &principal->grants.items[i];
        if ((grant->rights & TW_RIGHT_BIT(right)) != 0 && covers(grant, scope)) {
            return true;
        }
    }
    return false;
}

bool tw_may_somewhere(const struct tw_principal *principal, enum tw_right right)
{
    tw_rights_t rights = tw_role_rights(principal->role);
    for (size_t i = 0; i < principal->grants.count; i++) {
        rights |= principal->grants.items[i].rights;
    }
    return (rights & TW_RIGHT_BIT(right)) != 0;
}
