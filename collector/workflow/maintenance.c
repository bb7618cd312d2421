/* SPDX-License-Identifier: Apache-2.0
 * Planned maintenance: once, or by the clock on the wall.
 */
#include "config.h"
#include "workflow/internal.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

#define MAINTENANCE_MAX 1000 /* entries of all files together */
#define DAY_S           86400
#define EVERY_DAY       0x7f

void tw_wf_maintenance_fini(struct tw_wf_maintenance *maintenance)
{
    for (size_t i = 0; i < maintenance->workflow_count; i++) {
        free(maintenance->workflows[i]);
    }
    free(maintenance->workflows);
    free(maintenance->name);
    free(maintenance->reason);
    free(maintenance->system);
    free(maintenance->timezone);
    *maintenance = (struct tw_wf_maintenance){0};
}

static void read_time(struct tw_wf_load *self, const yaml_node_t *map, const char *key,
                      const char *text, int64_t *ret_ns)
{
    tw_wall_t at = {0};
    char shown[TW_SHOWN_SIZE];
    if (tw_wall_parse(tw_str_of(text), &at) != TW_OK) {
        tw_parse_fault(&self->parse, tw_wf_at(self, map, key),
                       "maintenance.%s: \"%s\" is no time such as 2026-11-27T22:00:00Z", key,
                       tw_shown(text, shown));
        return;
    }
    *ret_ns = at.ns;
}

static void read_once(struct tw_wf_load *self, const yaml_node_t *map,
                      const struct tw_wf_maintenance_text *text, struct tw_wf_maintenance *entry)
{
    if (text->from == NULL || text->until == NULL) {
        tw_parse_fault(&self->parse, map, "maintenance: \"%s\" is missing",
                       text->from == NULL ? "from" : "until");
        return;
    }
    size_t before = tw_wf_fault_count(self);
    read_time(self, map, "from", text->from, &entry->from_ns);
    read_time(self, map, "until", text->until, &entry->until_ns);
    if (tw_wf_fault_count(self) == before && entry->until_ns <= entry->from_ns) {
        tw_parse_fault(&self->parse, tw_wf_at(self, map, "until"),
                       "maintenance.until: it ends before it begins");
    }
}

static void read_start(struct tw_wf_load *self, const yaml_node_t *map, const char *text,
                       struct tw_wf_maintenance *entry)
{
    char shown[TW_SHOWN_SIZE];
    int hour = 0;
    int minute = 0;
    bool is_shape = strlen(text) == 5 && text[2] == ':' && strspn(text, "0123456789") == 2 &&
                    strspn(text + 3, "0123456789") == 2;
    if (is_shape) {
        hour = (text[0] - '0') * 10 + (text[1] - '0');
        minute = (text[3] - '0') * 10 + (text[4] - '0');
    }
    if (!is_shape || hour > 23 || minute > 59) {
        tw_parse_fault(&self->parse, tw_wf_at(self, map, "start"),
                       "maintenance.start: \"%s\" is not a time of day, 00:00 to 23:59",
                       tw_shown(text, shown));
        return;
    }
    entry->start_s = hour * 3600 + minute * 60;
}

static void read_weekdays(struct tw_wf_load *self, const yaml_node_t *map,
                          const struct tw_cfg_strings *words, struct tw_wf_maintenance *entry)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    char shown[TW_SHOWN_SIZE];
    for (size_t i = 0; i < words->count; i++) {
        unsigned day = 0;
        while (day < 7 && strcmp(days[day], words->items[i]) != 0) {
            day++;
        }
        if (day == 7) {
            tw_parse_fault(&self->parse, tw_wf_at(self, map, "weekdays"),
                           "maintenance.weekdays: \"%s\" is none of: mon tue wed thu fri sat sun",
                           tw_shown(words->items[i], shown));
            continue;
        }
        entry->weekdays |= (uint8_t)(1u << day);
    }
    entry->weekdays = words->count == 0 ? EVERY_DAY : entry->weekdays;
}

static void read_recurring(struct tw_wf_load *self, const yaml_node_t *map,
                           const struct tw_wf_maintenance_text *text,
                           struct tw_wf_maintenance *entry)
{
    int64_t ns = 0;
    if (text->start == NULL || text->duration == NULL) {
        tw_parse_fault(&self->parse, map, "maintenance: \"%s\" is missing",
                       text->start == NULL ? "start" : "duration");
        return;
    }
    const yaml_node_t *at = tw_wf_at(self, map, "duration");
    read_start(self, map, text->start, entry);
    read_weekdays(self, map, &text->weekdays, entry);
    if (!tw_wf_duration(self, at, "maintenance.duration", text->duration, &ns)) {
        return;
    }
    if (ns > DAY_S * TW_WF_NS_PER_S || ns % TW_WF_NS_PER_S != 0) {
        tw_parse_fault(&self->parse, at,
                       "maintenance.duration: %s is out of range, allowed are 1 s to 24 h in whole "
                       "seconds",
                       text->duration);
        return;
    }
    entry->duration_s = (int32_t)(ns / TW_WF_NS_PER_S);
}

static void read_when(struct tw_wf_load *self, const yaml_node_t *map,
                      const struct tw_wf_maintenance_text *text, struct tw_wf_maintenance *entry)
{
    bool is_once = text->from != NULL || text->until != NULL;
    bool recurs = text->start != NULL || text->duration != NULL || text->weekdays.count > 0;
    char shown[TW_SHOWN_SIZE];
    if (is_once == recurs) {
        tw_parse_fault(&self->parse, map,
                       "maintenance: either from and until, or start and duration");
    } else if (is_once) {
        read_once(self, map, text, entry);
    } else {
        read_recurring(self, map, text, entry);
    }
    if (text->timezone == NULL) {
        return;
    }
    if (is_once) {
        tw_parse_fault(&self->parse, tw_wf_at(self, map, "timezone"),
                       "maintenance.timezone: from and until have their own");
    } else if (!tw_wf_zone_exists(text->timezone)) {
        tw_parse_fault(&self->parse, tw_wf_at(self, map, "timezone"),
                       "maintenance.timezone: \"%s\" is no time zone that this machine knows, such "
                       "as Europe/Berlin",
                       tw_shown(text->timezone, shown));
    }
}

static void check_name(struct tw_wf_load *self, const yaml_node_t *map,
                       const struct tw_wf_maintenance *entry)
{
    for (size_t i = 0; i < self->maintenance_count && entry->name != NULL; i++) {
        const struct tw_wf_maintenance *other = &self->maintenance[i];
        if (other->name != NULL && strcmp(other->name, entry->name) == 0) {
            tw_parse_fault(&self->parse, tw_wf_at(self, map, "name"),
                           "maintenance.name: \"%s\" is there already (%s:%d)", entry->name,
                           self->maintenance_files[i], other->line);
            return;
        }
    }
}

static void read_entry(struct tw_wf_load *self, yaml_node_t *node)
{
    struct tw_wf_maintenance_text text = {0};
    struct tw_wf_maintenance entry = {.line = tw_tree_line(node)};
    tw_parse_map(&self->parse, &tw_wf_maintenance_section, node, &text);
    if (node->type == YAML_MAPPING_NODE) {
        read_when(self, node, &text, &entry);
    }
    if (text.system != NULL) {
        tw_wf_check_system(self, tw_wf_at(self, node, "system"), "maintenance.system", text.system);
    }
    entry.name = text.name;
    entry.reason = text.reason;
    entry.system = text.system;
    entry.timezone = text.timezone;
    entry.workflows = text.workflows.items;
    entry.workflow_count = text.workflows.count;
    text = (struct tw_wf_maintenance_text){.from = text.from,
                                           .until = text.until,
                                           .weekdays = text.weekdays,
                                           .start = text.start,
                                           .duration = text.duration};
    tw_cfg_free_fields(&tw_wf_maintenance_section, &text);
    check_name(self, node, &entry);
    char **file = tw_wf_grow(self, &self->maintenance_files, self->maintenance_count,
                             sizeof(self->maintenance_files[0]));
    struct tw_wf_maintenance *slot =
        tw_wf_grow(self, &self->maintenance, self->maintenance_count, sizeof(entry));
    if (file == NULL || slot == NULL) {
        tw_wf_maintenance_fini(&entry);
        return;
    }
    *slot = entry;
    *file = tw_wf_copy(self, self->parse.file);
    self->maintenance_count++;
}

void tw_wf_read_maintenance(struct tw_wf_load *self, const yaml_node_t *root, yaml_node_t *list)
{
    struct tw_parse *parse = &self->parse;
    char shown[TW_SHOWN_SIZE];
    for (const yaml_node_pair_t *p = root->data.mapping.pairs.start;
         p < root->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = tw_tree_node(parse->tree, p->key);
        const char *name = tw_tree_text(key);
        if (name == NULL || strcmp(name, "maintenance") != 0) {
            tw_parse_fault(parse, key,
                           "a file with \"maintenance\" has no other key, such as \"%s\"",
                           name == NULL ? "?" : tw_shown(name, shown));
        }
    }
    if (list->type != YAML_SEQUENCE_NODE) {
        tw_parse_fault(parse, list, "maintenance: a list is expected");
        return;
    }
    for (size_t i = 0; i < tw_wf_list_count(list); i++) {
        yaml_node_t *item = tw_wf_list_item(self, list, i);
        if (self->maintenance_count == MAINTENANCE_MAX) {
            tw_parse_fault(parse, item, "maintenance: more than %d entries", MAINTENANCE_MAX);
            return;
        }
        if (!tw_parse_visit(parse, item)) {
            return;
        }
        read_entry(self, item);
    }
}
