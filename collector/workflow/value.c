/* SPDX-License-Identifier: Apache-2.0
 * Durations, shares, time zones, names of systems: texts of workflow files to values.
 */
#include "config.h"
#include "workflow/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"

#define NS_PER_MS INT64_C(1000000)

const char *tw_wf_span(int64_t ns, char buf[TW_WF_SPAN_SIZE])
{
    static const struct {
        int64_t ns;
        const char *name;
    } units[] = {
        {86400 * TW_WF_NS_PER_S, "d"},
        {3600 * TW_WF_NS_PER_S, "h"},
        {60 * TW_WF_NS_PER_S, "min"},
        {TW_WF_NS_PER_S, "s"},
        {NS_PER_MS, "ms"},
    };
    size_t i = 0;
    while (i < 4 && (ns % units[i].ns != 0 || ns < units[i].ns)) {
        i++;
    }
    (void)snprintf(buf, TW_WF_SPAN_SIZE, "%" PRId64 " %s", ns / units[i].ns, units[i].name);
    return buf;
}

bool tw_wf_duration(struct tw_wf_load *self, const yaml_node_t *at, const char *where,
                    const char *text, int64_t *ret_ns)
{
    static const struct tw_cfg_key key = {.unit = "ms", .min = 1, .max = INT64_MAX / NS_PER_MS};
    int64_t ms = 0;
    char shown[TW_SHOWN_SIZE];
    if (tw_value_int(&key, text, &ms, NULL) != TW_OK || ms * NS_PER_MS > TW_WF_LONGEST_NS) {
        tw_parse_fault(&self->parse, at, "%s: %s is out of range, allowed are 1 ms to 400 d", where,
                       tw_shown(text, shown));
        return false;
    }
    *ret_ns = ms * NS_PER_MS;
    return true;
}

bool tw_wf_decimal(const char *text, size_t len, unsigned places, int64_t *ret_value)
{
    int64_t value = 0;
    unsigned behind = 0;
    bool has_point = false;
    if (len == 0 || len > 15 || text[0] == '.' || text[len - 1] == '.') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '.' && !has_point) {
            has_point = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        behind += has_point ? 1 : 0;
        if (behind > places) {
            if (text[i] != '0') {
                return false;
            }
            continue;
        }
        value = value * 10 + (text[i] - '0');
    }
    for (; behind < places; behind++) {
        if (value > INT64_MAX / 10) {
            return false;
        }
        value *= 10;
    }
    *ret_value = value;
    return true;
}

#define ZONE_NAME_BYTES 64
#define ZONE_DIR        "/usr/share/zoneinfo"

static bool is_zone_name(const char *name)
{
    size_t len = strlen(name);
    return len >= 1 && len <= ZONE_NAME_BYTES && name[0] != '/' && name[len - 1] != '/' &&
           strstr(name, "//") == NULL &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/") ==
               len;
}

bool tw_wf_zone_exists(const char *name)
{
    char path[sizeof(ZONE_DIR) + 1 + ZONE_NAME_BYTES];
    char magic[4] = "";
    if (strcmp(name, "UTC") == 0) {
        return true;
    }
    if (!is_zone_name(name)) {
        return false;
    }
    (void)snprintf(path, sizeof(path), "%s/%s", ZONE_DIR, name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    /* A directory opens, and reads nothing. */
    bool is_zone = fread(magic, 1, sizeof(magic), file) == sizeof(magic) &&
                   memcmp(magic, "TZif", sizeof(magic)) == 0;
    (void)fclose(file); /* only read from */
    return is_zone;
}

void tw_wf_check_system(struct tw_wf_load *self, const yaml_node_t *at, const char *where,
                        const char *name)
{
    const struct tw_cfg *cfg = self->cfg;
    char shown[TW_SHOWN_SIZE];
    char hint[TW_WF_HINT_SIZE];
    const char **words = calloc(cfg->system_count + 1, sizeof(words[0]));
    size_t count = 0;
    bool is_there = false;
    if (words == NULL) {
        self->parse.is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < cfg->system_count; i++) {
        if (cfg->systems[i].name != NULL) {
            words[count++] = cfg->systems[i].name;
            is_there = is_there || strcmp(cfg->systems[i].name, name) == 0;
        }
    }
    if (!is_there) {
        tw_parse_fault(&self->parse, at, "%s: there is no system \"%s\"%s", where,
                       tw_shown(name, shown), tw_wf_hint(words, count, name, hint));
    }
    free(words);
}
