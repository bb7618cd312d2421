/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "access/rights.h"

_Static_assert(TW_RIGHT_COUNT < 32, "a set of rights has 32 bits");

static const struct {
    const char *word;
    const char *help;
} rights[TW_RIGHT_COUNT] = {
#define TW_RIGHT_ROW(name, word, help) [TW_RIGHT_##name] = {(word), (help)},
    TW_RIGHTS(TW_RIGHT_ROW)
#undef TW_RIGHT_ROW
};

static const struct {
    const char *word;
    tw_rights_t rights;
} roles[TW_ROLE_COUNT] = {
#define TW_ROLE_ROW(name, word, set) [TW_ROLE_##name] = {(word), (set)},
    TW_ROLES(TW_ROLE_ROW)
#undef TW_ROLE_ROW
};

const char *tw_right_name(enum tw_right right)
{
    return rights[right].word;
}

const char *tw_right_help(enum tw_right right)
{
    return rights[right].help;
}

bool tw_right_of(struct tw_str word, enum tw_right *ret_right)
{
    for (unsigned i = 0; i < TW_RIGHT_COUNT; i++) {
        if (tw_str_is(word, rights[i].word)) {
            *ret_right = (enum tw_right)i;
            return true;
        }
    }
    return false;
}

const char *tw_role_name(enum tw_role role)
{
    return roles[role].word;
}

bool tw_role_of(struct tw_str word, enum tw_role *ret_role)
{
    for (unsigned i = 0; i < TW_ROLE_COUNT; i++) {
        if (tw_str_is(word, roles[i].word)) {
            *ret_role = (enum tw_role)i;
            return true;
        }
    }
    return false;
}

tw_rights_t tw_role_rights(enum tw_role role)
{
    return roles[role].rights;
}

bool tw_access_name_is_valid(struct tw_str name)
{
    if (name.len == 0 || name.len > TW_ACCESS_NAME_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool is_mark = c == '.' || c == '_' || c == '@' || c == '-';
        if (!is_plain && !(is_mark && i > 0)) {
            return false;
        }
    }
    return true;
}
