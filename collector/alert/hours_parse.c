/* SPDX-License-Identifier: Apache-2.0
 * Times, days, months and years from their words.
 */
#include "config.h"
#include "alert/hours_parse.h"

#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define WHERE_SIZE   96
#define WORD_MAX     24 /* bytes of one end of a range */
#define YEAR_MIN     1970
#define YEAR_MAX     2261 /* of core/clock.h */

struct hours_text {
    struct tw_cfg_strings times;
    struct tw_cfg_strings weekdays;
    struct tw_cfg_strings days;
    struct tw_cfg_strings months;
    struct tw_cfg_strings years;
    char *timezone;
};

#define LIST_KEY(key, field, about)                                   \
    {                                                                 \
        .name = (key), .type = TW_CFG_LIST, .is_reloadable = true,    \
        .offset = offsetof(struct hours_text, field), .help = (about) \
    }

static const struct tw_cfg_key hours_keys[] = {
    LIST_KEY("times", times,
             "Times of day, `08:00-22:00`; the end is exclusive, `24:00` is the end of the day. "
             "Over midnight: two ranges. At most 16."),
    LIST_KEY("weekdays", weekdays, "`mon` to `sun`, or ranges: `mon:fri`, `sat:mon`."),
    LIST_KEY("days-of-month", days,
             "`1` to `31`, `-1` is the last day of the month; or ranges: `1:7`, `-3:-1`. At most "
             "16."),
    LIST_KEY("months", months, "`jan` to `dec`, or `1` to `12`; or ranges: `nov:jan`."),
    LIST_KEY("years", years, "`2026`, or ranges: `2026:2028`. At most 16."),
    {.name = "timezone",
     .type = TW_CFG_TEXT,
     .is_reloadable = true,
     .offset = offsetof(struct hours_text, timezone),
     .help = "IANA name, such as `Europe/Berlin`. Not given: UTC."},
};

const struct tw_cfg_section tw_hours_section = {
    .name = "hours",
    .keys = hours_keys,
    .key_count = COUNT(hours_keys),
    .help = "A time is in it when it is in one of the values of each key that is given, as the "
            "clock of `timezone` shows it.",
};

static const char *const weekday_words[] = {"monday", "tuesday",  "wednesday", "thursday",
                                            "friday", "saturday", "sunday"};
static const char *const month_words[] = {"january",   "february", "march",    "april",
                                          "may",       "june",     "july",     "august",
                                          "september", "october",  "november", "december"};

/* What is read, and where faults of it are. */
struct reading {
    struct tw_parse *parse;
    const char *where;
    yaml_node_t *map;
};

/* The line of a key. */
static const yaml_node_t *line_of(const struct reading *self, const char *key)
{
    const yaml_node_pair_t *pairs = self->map->data.mapping.pairs.start;
    for (const yaml_node_pair_t *p = pairs; p < self->map->data.mapping.pairs.top; p++) {
        const char *name = tw_tree_text(tw_tree_node(self->parse->tree, p->key));
        if (name != NULL && strcmp(name, key) == 0) {
            return tw_tree_node(self->parse->tree, p->value);
        }
    }
    return self->map;
}

static void fault(const struct reading *self, const char *key, const char *text, const char *what)
{
    char shown[TW_SHOWN_SIZE];
    tw_parse_fault(self->parse, line_of(self, key), "%s.%s: \"%s\" %s", self->where, key,
                   tw_shown(text, shown), what);
}

static bool is_too_many(const struct reading *self, const char *key,
                        const struct tw_cfg_strings *list)
{
    if (list->count > TW_HOURS_RANGES_MAX) {
        tw_parse_fault(self->parse, line_of(self, key), "%s.%s: more than %d values", self->where,
                       key, TW_HOURS_RANGES_MAX);
    }
    return list->count > TW_HOURS_RANGES_MAX;
}

/* ---- times ---- */

/* "08:00"; -1: it is none. */
static int32_t time_of(const char *text)
{
    if (strspn(text, "0123456789") != 2 || text[2] != ':' || strspn(text + 3, "0123456789") != 2) {
        return -1;
    }
    int32_t hour = (text[0] - '0') * 10 + (text[1] - '0');
    int32_t minute = (text[3] - '0') * 10 + (text[4] - '0');
    int32_t of_day = hour * 3600 + minute * 60;
    return minute > 59 || of_day > 86400 ? -1 : of_day;
}

static void read_times(const struct reading *self, const struct tw_cfg_strings *list,
                       struct tw_hours *hours)
{
    if (is_too_many(self, "times", list)) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        const char *text = list->items[i];
        bool is_shape = strlen(text) == 11 && text[5] == '-';
        struct tw_hours_range range = {is_shape ? time_of(text) : -1,
                                       is_shape ? time_of(text + 6) : -1};
        if (range.from < 0 || range.until < 0 || range.from == 86400) {
            fault(self, "times", text, "is no time such as 08:00-22:00, 00:00 to 24:00");
        } else if (range.from >= range.until) {
            fault(self, "times", text,
                  "ends before it begins; over midnight: two ranges, one until 24:00, one from "
                  "00:00");
        } else {
            hours->times[hours->time_count++] = range;
        }
    }
}

/* ---- words ---- */

/* One end: a word, its first three letters, or (base above 0) a number from `base`; -1: none. */
static int place_of(const char *text, size_t len, const char *const *words, int count, int base)
{
    for (int i = 0; i < count; i++) {
        if ((len == 3 || len == strlen(words[i])) && strncmp(text, words[i], len) == 0) {
            return i;
        }
    }
    if (base == 0 || len < 1 || len > 2 || strspn(text, "0123456789") < len) {
        return -1;
    }
    int number = len == 1 ? text[0] - '0' : (text[0] - '0') * 10 + (text[1] - '0');
    return number >= base && number < base + count ? number - base : -1;
}

/* Ranges of words as a set; those that pass the end go on at the begin. */
static unsigned read_words(const struct reading *self, const char *key,
                           const struct tw_cfg_strings *list, const char *const *words, int count)
{
    unsigned set = 0;
    int base = words == month_words ? 1 : 0;
    for (size_t i = 0; i < list->count; i++) {
        const char *text = list->items[i];
        size_t len = strcspn(text, ":-");
        int from = place_of(text, len, words, count, base);
        const char *end = text[len] == '\0' ? NULL : text + len + 1;
        int until = end == NULL ? from : place_of(end, strlen(end), words, count, base);
        if (from < 0 || until < 0) {
            fault(self, key, text,
                  words == month_words ? "is no month or range of months, jan to dec or 1 to 12"
                                       : "is no weekday or range of weekdays, mon to sun");
            continue;
        }
        for (int k = from;; k = (k + 1) % count) {
            set |= 1u << k;
            if (k == until) {
                break;
            }
        }
    }
    return set;
}

/* ---- numbers ---- */

/* One end of a range, as an int of at most four digits. */
static bool number_of(const char *text, size_t len, int32_t *ret_number)
{
    bool is_negative = len > 0 && text[0] == '-';
    size_t i = is_negative ? 1 : 0;
    int32_t number = 0;
    if (len == i || len - i > 4) {
        return false;
    }
    for (; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        number = number * 10 + (text[i] - '0');
    }
    *ret_number = is_negative ? -number : number;
    return true;
}

/* "a" or "a:b". */
static bool range_of(const char *text, struct tw_hours_range *ret_range)
{
    size_t len = strcspn(text, ":");
    if (!number_of(text, len, &ret_range->from)) {
        return false;
    }
    ret_range->until = ret_range->from;
    return text[len] == '\0' ||
           number_of(text + len + 1, strlen(text + len + 1), &ret_range->until);
}

static bool is_day_number(int32_t day)
{
    return day != 0 && day >= -31 && day <= 31;
}

static void read_days(const struct reading *self, const struct tw_cfg_strings *list,
                      struct tw_hours *hours)
{
    if (is_too_many(self, "days-of-month", list)) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct tw_hours_range range = {0};
        if (!range_of(list->items[i], &range) || !is_day_number(range.from) ||
            !is_day_number(range.until)) {
            fault(self, "days-of-month", list->items[i],
                  "is no day or range of days, 1 to 31 or -31 to -1");
            continue;
        }
        /* In the longest month; as Alertmanager, which has no range from the end to the begin. */
        int32_t from = range.from < 0 ? range.from + 32 : range.from;
        int32_t until = range.until < 0 ? range.until + 32 : range.until;
        if (from > until || (range.from < 0 && range.until > 0)) {
            fault(self, "days-of-month", list->items[i], "ends before it begins");
        } else {
            hours->days[hours->day_count++] = range;
        }
    }
}

static void read_years(const struct reading *self, const struct tw_cfg_strings *list,
                       struct tw_hours *hours)
{
    if (is_too_many(self, "years", list)) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        struct tw_hours_range range = {0};
        if (!range_of(list->items[i], &range) || range.from < YEAR_MIN || range.until > YEAR_MAX) {
            fault(self, "years", list->items[i], "is no year or range of years, 1970 to 2261");
        } else if (range.from > range.until) {
            fault(self, "years", list->items[i], "ends before it begins");
        } else {
            hours->years[hours->year_count++] = range;
        }
    }
}

static void read_zone(const struct reading *self, const char *name, struct tw_hours *hours)
{
    int rc = tw_zone_new(name, &hours->zone);
    if (rc == TW_ENOMEM) {
        self->parse->is_out_of_memory = true;
    } else if (rc != TW_OK) {
        fault(self, "timezone", name,
              "is no time zone that this machine knows, such as Europe/Berlin");
    }
}

static bool is_empty(const struct hours_text *text)
{
    return text->times.count + text->weekdays.count + text->days.count + text->months.count +
               text->years.count ==
           0;
}

void tw_hours_read(struct tw_parse *parse, const char *where, yaml_node_t *node,
                   struct tw_hours *ret_hours)
{
    struct tw_cfg_section section = tw_hours_section;
    struct hours_text text = {0};
    struct reading self = {.parse = parse, .where = where, .map = node};
    size_t before = parse->faults.count + parse->faults.more;
    *ret_hours = (struct tw_hours){0};
    section.name = where;
    tw_parse_map(parse, &section, node, &text);
    if (node->type == YAML_MAPPING_NODE) {
        if (is_empty(&text) && parse->faults.count + parse->faults.more == before) {
            tw_parse_fault(parse, node,
                           "%s: one of times, weekdays, days-of-month, months, years is needed",
                           where);
        }
        read_times(&self, &text.times, ret_hours);
        ret_hours->weekdays =
            (uint8_t)read_words(&self, "weekdays", &text.weekdays, weekday_words, 7);
        read_days(&self, &text.days, ret_hours);
        ret_hours->months = (uint16_t)read_words(&self, "months", &text.months, month_words, 12);
        read_years(&self, &text.years, ret_hours);
        if (text.timezone != NULL) {
            read_zone(&self, text.timezone, ret_hours);
        }
    }
    tw_cfg_free_fields(&tw_hours_section, &text);
}
