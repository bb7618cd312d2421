/* SPDX-License-Identifier: Apache-2.0
 * A set as others read it: a configuration of Alertmanager, and what `tillwatch check` says.
 */
#include "config.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "notify/routes_internal.h"

#define TEXT_BYTES 64

/* ---- for Alertmanager ---- */

/* The library builds the document; an id of 0 is want of memory, kept until the end. */
struct page {
    yaml_document_t document;
    bool has_failed;
};

static int add_scalar(struct page *self, const char *text, yaml_scalar_style_t style)
{
    /* The library copies, and does not change what it is given. */
    int id = yaml_document_add_scalar(&self->document, NULL,
                                      (yaml_char_t *)(uintptr_t)text, /* not written to */
                                      (int)strlen(text), style);
    self->has_failed = self->has_failed || id == 0;
    return id;
}

static int add_list(struct page *self, yaml_sequence_style_t style)
{
    int id = yaml_document_add_sequence(&self->document, NULL, style);
    self->has_failed = self->has_failed || id == 0;
    return id;
}

static int add_map(struct page *self)
{
    int id = yaml_document_add_mapping(&self->document, NULL, YAML_BLOCK_MAPPING_STYLE);
    self->has_failed = self->has_failed || id == 0;
    return id;
}

static void put(struct page *self, int map, const char *key, int value)
{
    int name = add_scalar(self, key, YAML_PLAIN_SCALAR_STYLE);
    self->has_failed = self->has_failed ||
                       yaml_document_append_mapping_pair(&self->document, map, name, value) == 0;
}

static void append(struct page *self, int list, int value)
{
    self->has_failed =
        self->has_failed || yaml_document_append_sequence_item(&self->document, list, value) == 0;
}

static void put_text(struct page *self, int map, const char *key, const char *text)
{
    put(self, map, key, add_scalar(self, text, YAML_SINGLE_QUOTED_SCALAR_STYLE));
}

static void put_seconds(struct page *self, int map, const char *key, int64_t seconds)
{
    char text[TEXT_BYTES];
    (void)snprintf(text, sizeof text, "%" PRId64 "s", seconds);
    put(self, map, key, add_scalar(self, text, YAML_PLAIN_SCALAR_STYLE));
}

static void put_texts(struct page *self, int map, const char *key, char *const *items, size_t count)
{
    int list = add_list(self, YAML_FLOW_SEQUENCE_STYLE);
    for (size_t i = 0; i < count; i++) {
        append(self, list, add_scalar(self, items[i], YAML_SINGLE_QUOTED_SCALAR_STYLE));
    }
    put(self, map, key, list);
}

static void put_matchers(struct page *self, int map, const char *key,
                         const struct tw_matcher_text *items, size_t count)
{
    int list = add_list(self, YAML_FLOW_SEQUENCE_STYLE);
    for (size_t i = 0; i < count; i++) {
        struct tw_buf text;
        tw_buf_init(&text, 2 * TW_MATCHER_TEXT_MAX + TW_LABEL_NAME_MAX);
        (void)tw_notify_add_matcher(&text, &items[i]); /* the error stays */
        if (tw_buf_append_byte(&text, 0) == TW_OK) {
            append(self, list, add_scalar(self, text.data, YAML_SINGLE_QUOTED_SCALAR_STYLE));
        } else {
            self->has_failed = true;
        }
        tw_buf_fini(&text);
    }
    put(self, map, key, list);
}

static void put_named_times(struct page *self, int map, const char *key,
                            const struct tw_notify *set, const size_t *times, size_t count)
{
    int list = add_list(self, YAML_FLOW_SEQUENCE_STYLE);
    for (size_t i = 0; i < count; i++) {
        append(self, list,
               add_scalar(self, set->times[times[i]].name, YAML_SINGLE_QUOTED_SCALAR_STYLE));
    }
    if (count > 0) {
        put(self, map, key, list);
    }
}

/* Depth is TW_NOTIFY_DEPTH_MAX. */
static int add_route(struct page *self, const struct tw_notify *set, size_t index)
{
    const struct tw_route *route = &set->routes[index];
    static char *const all[] = {(char *)(uintptr_t) "..."}; /* not written to */
    int map = add_map(self);
    put_text(self, map, "receiver", set->receivers[route->receiver].name);
    put_texts(self, map, "group_by", route->groups_by_all ? all : route->group_by.items,
              route->groups_by_all ? 1 : route->group_by.count);
    if (route->text_count > 0) {
        put_matchers(self, map, "matchers", route->texts, route->text_count);
    }
    if (route->goes_on) {
        put(self, map, "continue", add_scalar(self, "true", YAML_PLAIN_SCALAR_STYLE));
    }
    put_seconds(self, map, "group_wait", route->group_wait_s);
    put_seconds(self, map, "group_interval", route->group_interval_s);
    put_seconds(self, map, "repeat_interval", route->repeat_interval_s);
    put_named_times(self, map, "active_time_intervals", set, route->active_times,
                    route->active_count);
    put_named_times(self, map, "mute_time_intervals", set, route->mute_times, route->mute_count);
    if (route->end > index + 1) {
        int children = add_list(self, YAML_BLOCK_SEQUENCE_STYLE);
        for (size_t child = index + 1; child < route->end; child = set->routes[child].end) {
            append(self, children, add_route(self, set, child));
        }
        put(self, map, "routes", children);
    }
    return map;
}

/* Without secrets there is nothing to be said of how; the names are what routes need. */
static int add_receivers(struct page *self, const struct tw_notify *set)
{
    int list = add_list(self, YAML_BLOCK_SEQUENCE_STYLE);
    for (size_t i = 0; i < set->receiver_count; i++) {
        int map = add_map(self);
        put_text(self, map, "name", set->receivers[i].name);
        append(self, list, map);
    }
    return list;
}

/* Alertmanager knows no graph of workflows: rules that follow it are left out. */
static void put_inhibits(struct page *self, int root, const struct tw_notify *set)
{
    int list = add_list(self, YAML_BLOCK_SEQUENCE_STYLE);
    for (size_t i = 0; i < set->inhibit_count; i++) {
        const struct tw_inhibit *inhibit = &set->inhibits[i];
        if (inhibit->follows_system) {
            continue;
        }
        int map = add_map(self);
        put_matchers(self, map, "source_matchers", inhibit->source_texts, inhibit->source_count);
        put_matchers(self, map, "target_matchers", inhibit->target_texts, inhibit->target_count);
        put_texts(self, map, "equal", inhibit->equal.items, inhibit->equal.count);
        append(self, list, map);
    }
    put(self, root, "inhibit_rules", list);
}

static void put_ranges(struct page *self, int map, const char *key,
                       const struct tw_hours_range *ranges, size_t count)
{
    char text[TEXT_BYTES];
    int list = add_list(self, YAML_FLOW_SEQUENCE_STYLE);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(text, sizeof text, "%" PRId32 ":%" PRId32, ranges[i].from, ranges[i].until);
        append(self, list, add_scalar(self, text, YAML_SINGLE_QUOTED_SCALAR_STYLE));
    }
    if (count > 0) {
        put(self, map, key, list);
    }
}

static void put_bits(struct page *self, int map, const char *key, unsigned bits,
                     const char *const *names)
{
    int list = add_list(self, YAML_FLOW_SEQUENCE_STYLE);
    for (unsigned i = 0; i < 12 && bits >> i != 0; i++) {
        if ((bits >> i & 1) != 0) {
            append(self, list, add_scalar(self, names[i], YAML_SINGLE_QUOTED_SCALAR_STYLE));
        }
    }
    if (bits != 0) {
        put(self, map, key, list);
    }
}

static void put_clock(struct page *self, int map, const char *key, int32_t second)
{
    char text[TEXT_BYTES];
    (void)snprintf(text, sizeof text, "%02d:%02d", (int)(second / 3600), (int)(second / 60 % 60));
    put_text(self, map, key, text);
}

static int add_hours(struct page *self, const struct tw_hours *hours, const char *zone)
{
    static const char *const days[] = {"monday", "tuesday",  "wednesday", "thursday",
                                       "friday", "saturday", "sunday"};
    static const char *const months[] = {"january",   "february", "march",    "april",
                                         "may",       "june",     "july",     "august",
                                         "september", "october",  "november", "december"};
    int map = add_map(self);
    int times = add_list(self, YAML_BLOCK_SEQUENCE_STYLE);
    for (size_t i = 0; i < hours->time_count; i++) {
        int range = add_map(self);
        put_clock(self, range, "start_time", hours->times[i].from);
        put_clock(self, range, "end_time", hours->times[i].until);
        append(self, times, range);
    }
    if (hours->time_count > 0) {
        put(self, map, "times", times);
    }
    put_bits(self, map, "weekdays", hours->weekdays, days);
    put_ranges(self, map, "days_of_month", hours->days, hours->day_count);
    put_bits(self, map, "months", hours->months, months);
    put_ranges(self, map, "years", hours->years, hours->year_count);
    if (zone != NULL) {
        put_text(self, map, "location", zone);
    }
    return map;
}

static void put_times(struct page *self, int root, const struct tw_notify *set)
{
    int list = add_list(self, YAML_BLOCK_SEQUENCE_STYLE);
    for (size_t i = 0; i < set->time_count; i++) {
        const struct tw_notify_time *time = &set->times[i];
        int map = add_map(self);
        int intervals = add_list(self, YAML_BLOCK_SEQUENCE_STYLE);
        put_text(self, map, "name", time->name);
        for (size_t k = 0; k < time->count; k++) {
            append(self, intervals, add_hours(self, &time->items[k], time->zones[k]));
        }
        put(self, map, "time_intervals", intervals);
        append(self, list, map);
    }
    put(self, root, "time_intervals", list);
}

static int write_out(void *out, unsigned char *bytes, size_t len)
{
    return fwrite(bytes, 1, len, out) == len ? 1 : 0;
}

/* Takes the document. */
static int dump(struct page *self, FILE *out)
{
    yaml_emitter_t emitter;
    if (self->has_failed || yaml_emitter_initialize(&emitter) == 0) {
        yaml_document_delete(&self->document);
        return TW_ENOMEM;
    }
    yaml_emitter_set_output(&emitter, write_out, out);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    bool is_open = yaml_emitter_open(&emitter) != 0;
    if (!is_open) {
        yaml_document_delete(&self->document);
    }
    bool is_done = is_open && yaml_emitter_dump(&emitter, &self->document) != 0 && /* takes it */
                   yaml_emitter_close(&emitter) != 0;
    yaml_emitter_delete(&emitter);
    return is_done ? TW_OK : TW_EIO;
}

int tw_notify_yaml(const struct tw_notify *self, FILE *out)
{
    struct page page = {.has_failed = false};
    if (yaml_document_initialize(&page.document, NULL, NULL, NULL, 1, 1) == 0) {
        return TW_ENOMEM;
    }
    int root = add_map(&page);
    put(&page, root, "route", add_route(&page, self, 0));
    put(&page, root, "receivers", add_receivers(&page, self));
    if (self->inhibit_count > 0) {
        put_inhibits(&page, root, self);
    }
    if (self->time_count > 0) {
        put_times(&page, root, self);
    }
    return dump(&page, out);
}

/* ---- for people ---- */

static void print_duration(FILE *out, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    size_t i = 0;
    while (seconds % units[i].seconds != 0 || (seconds == 0 && i < 3)) {
        i++;
    }
    (void)fprintf(out, "%" PRId64 " %s", seconds / units[i].seconds, units[i].unit);
}

static void print_route(FILE *out, const struct tw_notify *set, size_t index, int depth)
{
    const struct tw_route *route = &set->routes[index];
    size_t skip = index == 0 ? 0 : strlen(set->routes[route->parent].key) + 1;
    (void)fprintf(out, "  %*s%s -> %s; wait ", 2 * depth, "", route->key + skip,
                  set->receivers[route->receiver].name);
    print_duration(out, route->group_wait_s);
    (void)fprintf(out, ", interval ");
    print_duration(out, route->group_interval_s);
    (void)fprintf(out, ", repeat ");
    print_duration(out, route->repeat_interval_s);
    for (size_t i = 0; i < route->escalation_count; i++) {
        (void)fprintf(out, "; after ");
        print_duration(out, route->escalations[i].after_s);
        (void)fprintf(out, " %s", set->receivers[route->escalations[i].receiver].name);
    }
    (void)fprintf(out, "%s\n", route->goes_on ? "; continue" : "");
}

int tw_notify_describe(const struct tw_notify *self, FILE *out)
{
    size_t depths[TW_NOTIFY_ROUTES_MAX] = {0};
    (void)fprintf(out, "receivers:\n");
    for (size_t i = 0; i < self->receiver_count; i++) {
        const struct tw_receiver *receiver = &self->receivers[i];
        (void)fprintf(out, "  %s:%s\n", receiver->name, receiver->count == 0 ? " nobody" : "");
        for (size_t k = 0; k < receiver->count; k++) {
            const struct tw_integration *item = &receiver->items[k];
            (void)fprintf(out, "    %s %s\n", tw_integration_name(item->kind),
                          item->target == NULL ? "" : item->target);
        }
    }
    (void)fprintf(out, "routes:\n");
    for (size_t i = 0; i < self->route_count; i++) {
        depths[i] = i == 0 ? 0 : depths[self->routes[i].parent] + 1;
        print_route(out, self, i, (int)depths[i]);
    }
    if (self->has_watchdog) {
        (void)fprintf(out, "watchdog: %s every ", self->receivers[self->watchdog_receiver].name);
        print_duration(out, self->watchdog_every_s);
        (void)fprintf(out, "\n");
    }
    return ferror(out) != 0 ? TW_EIO : TW_OK;
}
