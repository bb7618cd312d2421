/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/value.h"

#include <inttypes.h>
#include <string.h>

#include "config/faults.h"
#include "config/network.h"
#include "config/url.h"

struct suffix {
    const char *text;
    int64_t factor;
};

static const struct suffix byte_suffixes[] = {
    {"B", 1},
    {"KiB", INT64_C(1) << 10},
    {"MiB", INT64_C(1) << 20},
    {"GiB", INT64_C(1) << 30},
    {"TiB", INT64_C(1) << 40},
    {"kB", 1000},
    {"MB", 1000 * 1000},
    {"GB", 1000 * 1000 * 1000},
    {"TB", INT64_C(1000) * 1000 * 1000 * 1000},
    {NULL, 0},
};
/* In milliseconds. */
static const struct suffix time_suffixes[] = {
    {"ms", 1},          {"s", 1000},         {"min", 60 * 1000},
    {"h", 3600 * 1000}, {"d", 86400 * 1000}, {"w", INT64_C(604800) * 1000},
    {NULL, 0},
};
static const struct suffix percent_suffixes[] = {{"%", 1}, {NULL, 0}};

/* Milliseconds of a key's unit of time; 0 for other units. */
static int64_t unit_ms(const char *unit)
{
    static const struct suffix units[] = {
        {"ms", 1}, {"s", 1000}, {"hours", 3600 * 1000}, {"days", 86400 * 1000}, {NULL, 0},
    };
    for (const struct suffix *u = units; unit != NULL && u->text != NULL; u++) {
        if (strcmp(u->text, unit) == 0) {
            return u->factor;
        }
    }
    return 0;
}

const char *tw_value_unit(const struct tw_cfg_key *key)
{
    return key->unit == NULL ? "" : key->unit;
}

static const struct suffix *suffixes_of(const struct tw_cfg_key *key)
{
    if (unit_ms(key->unit) != 0) {
        return time_suffixes;
    }
    if (strcmp(tw_value_unit(key), "bytes") == 0) {
        return byte_suffixes;
    }
    return strcmp(tw_value_unit(key), "percent") == 0 ? percent_suffixes : NULL;
}

static int wrong_number(const struct tw_cfg_key *key, const char *text, struct tw_diag *diag)
{
    char shown[TW_SHOWN_SIZE];
    const char *example = "";
    if (unit_ms(key->unit) != 0) {
        example = ", a suffix like 20ms, 5s, 10min, 2h, 35d is understood";
    } else if (suffixes_of(key) == byte_suffixes) {
        example = ", a suffix like 64KiB, 16MiB, 2GiB is understood";
    }
    return tw_diag_set(diag, TW_EINVAL, "\"%s\" is not a whole number of %s%s",
                       tw_shown(text, shown), tw_value_unit(key), example);
}

static int out_of_range(const struct tw_cfg_key *key, const char *text, struct tw_diag *diag)
{
    char shown[TW_SHOWN_SIZE];
    return tw_diag_set(diag, TW_EINVAL,
                       "%s is out of range, allowed are %" PRId64 " to %" PRId64 " %s",
                       tw_shown(text, shown), key->min, key->max, tw_value_unit(key));
}

int tw_value_int(const struct tw_cfg_key *key, const char *text, int64_t *ret_value,
                 struct tw_diag *diag)
{
    const char *p = text;
    bool is_negative = *p == '-';
    p += is_negative ? 1 : 0;
    if (*p < '0' || *p > '9') {
        return wrong_number(key, text, diag);
    }
    int64_t value = 0;
    bool is_huge = false;
    for (; *p >= '0' && *p <= '9'; p++) {
        is_huge = is_huge || __builtin_mul_overflow(value, 10, &value) ||
                  __builtin_add_overflow(value, *p - '0', &value);
    }
    p += *p == ' ' && p[1] != '\0' ? 1 : 0;
    if (*p != '\0') {
        const struct suffix *suffix = suffixes_of(key);
        while (suffix != NULL && suffix->text != NULL && strcmp(suffix->text, p) != 0) {
            suffix++;
        }
        if (suffix == NULL || suffix->text == NULL) {
            return wrong_number(key, text, diag);
        }
        is_huge = is_huge || __builtin_mul_overflow(value, suffix->factor, &value);
        int64_t own = unit_ms(key->unit);
        if (own != 0 && !is_huge) {
            if (value % own != 0) {
                return wrong_number(key, text, diag);
            }
            value /= own;
        }
    }
    value = is_negative ? -value : value;
    if (is_huge || value < key->min || value > key->max) {
        return out_of_range(key, text, diag);
    }
    *ret_value = value;
    return TW_OK;
}

const char *tw_value_word(const char *words, unsigned index, size_t *ret_len)
{
    const char *p = words;
    for (unsigned i = 0; p != NULL; i++) {
        size_t len = strcspn(p, "|");
        if (i == index) {
            *ret_len = len;
            return p;
        }
        p = p[len] == '|' ? p + len + 1 : NULL;
    }
    return NULL;
}

int tw_value_choice(const struct tw_cfg_key *key, const char *text, unsigned *ret_value,
                    struct tw_diag *diag)
{
    size_t len = 0;
    const char *word = NULL;
    for (unsigned i = 0; (word = tw_value_word(key->text, i, &len)) != NULL; i++) {
        if (strlen(text) == len && memcmp(text, word, len) == 0) {
            *ret_value = i;
            return TW_OK;
        }
    }
    char all[128];
    char shown[TW_SHOWN_SIZE];
    (void)snprintf(all, sizeof(all), "%s", key->text);
    for (char *bar = strchr(all, '|'); bar != NULL; bar = strchr(bar, '|')) {
        *bar = ' ';
    }
    return tw_diag_set(diag, TW_EINVAL, "\"%s\" is none of: %s", tw_shown(text, shown), all);
}

int tw_value_bool(const struct tw_cfg_key *key, const char *text, bool *ret_value,
                  struct tw_diag *diag)
{
    static const char *const yes[] = {"true", "yes", "on"};
    static const char *const no[] = {"false", "no", "off"};
    if (key->text != NULL) {
        unsigned choice = 0;
        int rc = tw_value_choice(key, text, &choice, diag);
        if (rc == TW_OK) {
            *ret_value = choice == 1;
        }
        return rc;
    }
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *ret_value = strcmp(text, yes[i]) == 0;
            return TW_OK;
        }
    }
    char shown[TW_SHOWN_SIZE];
    return tw_diag_set(diag, TW_EINVAL, "\"%s\" is neither true nor false", tw_shown(text, shown));
}

/* ---- rules ---- */

#define NAME_BYTES     32
#define LABEL_BYTES    63
#define IPC_PATH_BYTES 107 /* sun_path less its NUL */
#define HOST_BYTES     255

static bool is_word(const char *text, const char *letters, size_t most)
{
    size_t len = strlen(text);
    return len >= 1 && len <= most && strspn(text, letters) == len;
}

/* "0" to "65535"; with is_wild also "*". */
static bool is_port(const char *text, bool is_wild)
{
    if (is_wild && strcmp(text, "*") == 0) {
        return true;
    }
    size_t len = strlen(text);
    if (len < 1 || len > 5 || strspn(text, "0123456789") != len) {
        return false;
    }
    unsigned port = 0;
    for (const char *p = text; *p != '\0'; p++) {
        port = port * 10 + (unsigned)(*p - '0');
    }
    return port <= 65535;
}

/* host:port, IPv6 in brackets. */
static bool is_host_port(const char *text, bool is_wild)
{
    const char *colon = strrchr(text, ':');
    if (colon == NULL || colon == text || (size_t)(colon - text) > HOST_BYTES ||
        !is_port(colon + 1, is_wild)) {
        return false;
    }
    size_t len = (size_t)(colon - text);
    if (text[0] == '[') {
        return len >= 4 && text[len - 1] == ']' &&
               strspn(text + 1, "0123456789abcdefABCDEF:.%") == len - 2;
    }
    if (is_wild && len == 1 && text[0] == '*') {
        return true;
    }
    return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == len;
}

static int check_endpoint(const char *text, struct tw_diag *diag)
{
    char shown[TW_SHOWN_SIZE];
    if (strncmp(text, "tcp://", 6) == 0) {
        if (is_host_port(text + 6, true)) {
            return TW_OK;
        }
        return tw_diag_set(diag, TW_EINVAL,
                           "\"%s\" is not tcp://HOST:PORT with a port from 0 to 65535",
                           tw_shown(text, shown));
    }
    if (strncmp(text, "ipc://", 6) == 0) {
        size_t len = strlen(text + 6);
        if (len >= 1 && len <= IPC_PATH_BYTES) {
            return TW_OK;
        }
        return tw_diag_set(diag, TW_EINVAL, "the path of \"%s\" must have 1 to %d bytes",
                           tw_shown(text, shown), IPC_PATH_BYTES);
    }
    return tw_diag_set(diag, TW_EINVAL,
                       "\"%s\" is not an endpoint, use tcp://HOST:PORT or ipc://PATH",
                       tw_shown(text, shown));
}

/* `len` bytes are a JSON Pointer: empty, or '/' first; '~' only as ~0 and ~1. */
static bool is_pointer(const char *text, size_t len)
{
    if (len > 0 && text[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '~' && (i + 1 >= len || (text[i + 1] != '0' && text[i + 1] != '1'))) {
            return false;
        }
    }
    return true;
}

/* The pointers of attributes may begin with '^': they count from the document, also inside
 * `each`. */
static bool is_value_pointer(const char *text, size_t len)
{
    size_t skip = len > 0 && text[0] == '^' ? 1 : 0;
    return is_pointer(text + skip, len - skip);
}

/* Text with {/pointer}; {{ and }} are the braces themselves. */
static int check_template(const char *text, struct tw_diag *diag)
{
    char shown[TW_SHOWN_SIZE];
    const char *p = text;
    for (;;) {
        p += strcspn(p, "{}");
        if (*p == '\0') {
            return TW_OK;
        }
        if (p[1] == *p) {
            p += 2;
            continue;
        }
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        if (end == NULL) {
            return tw_diag_set(diag, TW_EINVAL, "the braces of the template \"%s\" do not match",
                               tw_shown(text, shown));
        }
        size_t len = (size_t)(end - p - 1);
        if (len == 0 || !is_value_pointer(p + 1, len)) {
            return tw_diag_set(diag, TW_EINVAL,
                               "\"%.*s\" in the template is not a JSON Pointer, write {/a/b}",
                               len > 60 ? 60 : (int)len, p + 1);
        }
        p = end + 1;
    }
}

#define UPPER        "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define HEADER_BYTES 64
#define LOWER_DIGITS "abcdefghijklmnopqrstuvwxyz0123456789"

static bool is_label(const char *text)
{
    size_t len = strlen(text);
    return is_word(text, LOWER_DIGITS "-", LABEL_BYTES) && text[0] != '-' && text[len - 1] != '-';
}

/* The unit must be there: a bare 30 would be milliseconds to some and seconds to others. */
static int check_duration(const char *text, struct tw_diag *diag)
{
    static const struct tw_cfg_key any = {.unit = "ms", .min = 1, .max = INT64_MAX};
    char shown[TW_SHOWN_SIZE];
    int64_t value = 0;
    size_t len = strlen(text);
    bool has_unit = len > 0 && (text[len - 1] < '0' || text[len - 1] > '9');
    return has_unit && tw_value_int(&any, text, &value, NULL) == TW_OK
               ? TW_OK
               : tw_diag_set(diag, TW_EINVAL,
                             "\"%s\" is not a duration above 0 with its unit, such as 20ms, 5s, "
                             "10min, 2h or 35d",
                             tw_shown(text, shown));
}

int tw_value_rule(enum tw_cfg_rule rule, const char *text, struct tw_diag *diag)
{
    char shown[TW_SHOWN_SIZE];
    (void)tw_shown(text, shown);
    switch (rule) {
    case TW_CFG_ANY:
        return TW_OK;
    case TW_CFG_NAME:
        return is_word(text, LOWER_DIGITS "-", NAME_BYTES)
                   ? TW_OK
                   : tw_diag_set(diag, TW_EINVAL,
                                 "\"%s\" is not a name, use 1 to 32 of a-z, 0-9 and -", shown);
    case TW_CFG_LABEL:
        return is_label(text) ? TW_OK
                              : tw_diag_set(diag, TW_EINVAL,
                                            "\"%s\" is not a name, use 1 to 63 of a-z, 0-9 and -, "
                                            "which stands inside only",
                                            shown);
    case TW_CFG_DURATION:
        return check_duration(text, diag);
    case TW_CFG_ATTRIBUTE:
        return is_word(text, LOWER_DIGITS, NAME_BYTES)
                   ? TW_OK
                   : tw_diag_set(diag, TW_EINVAL,
                                 "\"%s\" is not an attribute name, use 1 to 32 of a-z and 0-9",
                                 shown);
    case TW_CFG_PATTERN: {
        const char *star = strchr(text, '*');
        return text[0] != '\0' && (star == NULL || star[1] == '\0')
                   ? TW_OK
                   : tw_diag_set(diag, TW_EINVAL, "\"%s\": a * may stand at the end only", shown);
    }
    case TW_CFG_ENDPOINT:
        return check_endpoint(text, diag);
    case TW_CFG_LISTEN:
        return is_host_port(text, false)
                   ? TW_OK
                   : tw_diag_set(diag, TW_EINVAL,
                                 "\"%s\" is not HOST:PORT with a port from 0 to 65535", shown);
    case TW_CFG_POINTER:
        return is_pointer(text, strlen(text))
                   ? TW_OK
                   : tw_diag_set(diag, TW_EINVAL,
                                 "\"%s\" is not a JSON Pointer, it begins with / and has ~ only "
                                 "as ~0 or ~1",
                                 shown);
    case TW_CFG_VALUE_POINTER:
        return is_value_pointer(text, strlen(text))
                   ? TW_OK
                   : tw_diag_set(diag, TW_EINVAL,
                                 "\"%s\" is not a JSON Pointer, it begins with / (or ^/) and has "
                                 "~ only as ~0 or ~1",
                                 shown);
    case TW_CFG_NETWORK:
        return tw_network_is_one(text)
                   ? TW_OK
                   : tw_diag_set(diag, TW_EINVAL,
                                 "\"%s\" is no address such as 192.0.2.1 or 2001:db8::1, and no "
                                 "network such as 192.0.2.0/24",
                                 shown);
    case TW_CFG_HEADER:
        return is_word(text, LOWER_DIGITS UPPER "-", HEADER_BYTES)
                   ? TW_OK
                   : tw_diag_set(diag, TW_EINVAL,
                                 "\"%s\" is not the name of a header, use 1 to 64 of A-Z, a-z, "
                                 "0-9 and -",
                                 shown);
    case TW_CFG_TEMPLATE:
        return check_template(text, diag);
    case TW_CFG_URL:
        return tw_url_check(text, diag);
    case TW_CFG_PATH:
        return text[0] != '\0' ? TW_OK : tw_diag_set(diag, TW_EINVAL, "the path is empty");
    }
    return TW_EINVAL;
}
