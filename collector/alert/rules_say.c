/* SPDX-License-Identifier: Apache-2.0
 * What an alert says: templates with their values, numbers as people read them.
 */
#include "config.h"
#include "alert/rules_internal.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

const char *tw_severity_name(enum tw_severity severity)
{
    static const char *const names[] = {"critical", "warning", "info", ""};
    return names[severity];
}

enum tw_severity tw_severity_find(struct tw_str text)
{
    for (unsigned i = 0; i < TW_SEVERITY_NONE; i++) {
        if (tw_str_is(text, tw_severity_name((enum tw_severity)i))) {
            return (enum tw_severity)i;
        }
    }
    return TW_SEVERITY_NONE;
}

const char *tw_rule_unit(const struct tw_rule *rule)
{
    const struct tw_metric *metric = rule->when.metric;
    if (rule->burn != TW_RULE_NOT_BURN) {
        return rule->burn == TW_RULE_BURN_TRICKLE   ? "count"
               : rule->burn == TW_RULE_BURN_ABSENCE ? "seconds"
                                                    : "burn";
    }
    if (rule->has_share || rule->is_usual_share ||
        (metric != NULL && metric->unit == TW_METRIC_SHARE)) {
        return "share";
    }
    return metric != NULL && metric->unit == TW_METRIC_SECONDS ? "seconds" : "count";
}

bool tw_rule_has_second(const struct tw_rule *rule)
{
    return rule->has_share || rule->burn != TW_RULE_NOT_BURN;
}

/* ---- numbers ---- */

static bool is_whole(double value)
{
    return fabs(value - round(value)) < 1e-9;
}

/* Whole, with a comma before each three digits. */
static void say_whole(double value, char *buf, size_t size)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%.0f", fabs(value));
    size_t used = 0;
    if (value < 0 && size > 1) {
        buf[used++] = '-';
    }
    for (int i = 0; i < len && used + 2 < size; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            buf[used++] = ',';
        }
        buf[used++] = digits[i];
    }
    buf[used] = '\0';
}

static void say_count(double value, char *buf, size_t size)
{
    double rounded = round(value);
    if (fabs(value - rounded) < 0.05 || fabs(value) >= 100) {
        say_whole(fabs(rounded) < 0.5 ? 0 : rounded, buf, size);
    } else {
        (void)snprintf(buf, size, "%.1f", value);
    }
}

static void say_share(double value, char *buf, size_t size)
{
    double percent = value * 100;
    int places = fabs(percent) >= 10 || is_whole(percent) ? 0 : fabs(percent) >= 1 ? 1 : 2;
    if (fabs(percent) >= 1000) {
        char whole[24];
        say_whole(round(percent), whole, sizeof(whole));
        (void)snprintf(buf, size, "%s %%", whole);
    } else {
        (void)snprintf(buf, size, "%.*f %%", places, percent);
    }
}

/* To three digits: 14.4x, 0.98x, 1,000x. */
static void say_burn(double value, char *buf, size_t size)
{
    char whole[24];
    if (fabs(value) >= 99.95) {
        say_whole(round(value), whole, sizeof(whole));
        (void)snprintf(buf, size, "%sx", whole);
    } else {
        (void)snprintf(buf, size, "%.3gx", fabs(value) < 0.005 ? 0 : value);
    }
}

/* The two largest units that it has. */
static void say_seconds(double value, char *buf, size_t size)
{
    const char *sign = value < 0 ? "-" : "";
    double seconds = fabs(value);
    if (seconds < 10 && !is_whole(seconds)) {
        (void)snprintf(buf, size, "%s%.1f s", sign, seconds);
        return;
    }
    int64_t s = (int64_t)round(seconds);
    if (s < 60) {
        (void)snprintf(buf, size, "%s%" PRId64 " s", sign, s);
    } else if (s < 3600) {
        (void)(s % 60 == 0 ? snprintf(buf, size, "%s%" PRId64 " min", sign, s / 60)
                           : snprintf(buf, size, "%s%" PRId64 " min %02" PRId64 " s", sign, s / 60,
                                      s % 60));
    } else if (s < 86400) {
        int64_t minutes = s / 60;
        (void)(minutes % 60 == 0 ? snprintf(buf, size, "%s%" PRId64 " h", sign, minutes / 60)
                                 : snprintf(buf, size, "%s%" PRId64 " h %02" PRId64 " min", sign,
                                            minutes / 60, minutes % 60));
    } else {
        int64_t hours = s / 3600;
        (void)(hours % 24 == 0 ? snprintf(buf, size, "%s%" PRId64 " d", sign, hours / 24)
                               : snprintf(buf, size, "%s%" PRId64 " d %" PRId64 " h", sign,
                                          hours / 24, hours % 24));
    }
}

const char *tw_rule_value(const struct tw_rule *rule, double value, char buf[TW_RULE_VALUE_SIZE])
{
    const char *unit = tw_rule_unit(rule);
    if (isnan(value)) {
        (void)snprintf(buf, TW_RULE_VALUE_SIZE, "not known");
    } else if (!isfinite(value) || fabs(value) > 1e15) {
        (void)snprintf(buf, TW_RULE_VALUE_SIZE, "%s", value < 0 ? "-a lot" : "a lot");
    } else if (unit[1] == 'e') {
        say_seconds(value, buf, TW_RULE_VALUE_SIZE);
    } else if (unit[1] == 'h') {
        say_share(value, buf, TW_RULE_VALUE_SIZE);
    } else if (unit[0] == 'b') {
        say_burn(value, buf, TW_RULE_VALUE_SIZE);
    } else {
        say_count(value, buf, TW_RULE_VALUE_SIZE);
    }
    return buf;
}

/* ---- templates ---- */

/* The next piece of a template: a text, or (is_name) what stood between braces. */
struct piece {
    struct tw_str text;
    bool is_name;
};

/* False at the end. A "{{" without its "}}" is a name with its braces, which none is. */
static bool next_piece(const char **at, struct piece *ret_piece)
{
    const char *p = *at;
    if (*p == '\0') {
        return false;
    }
    const char *open = strstr(p, "{{");
    if (open != p) {
        size_t len = open == NULL ? strlen(p) : (size_t)(open - p);
        *ret_piece = (struct piece){{p, len}, false};
        *at = p + len;
        return true;
    }
    const char *end = strstr(p, "}}");
    if (end == NULL) {
        *ret_piece = (struct piece){tw_str_of(p), true};
        *at = p + strlen(p);
        return true;
    }
    const char *from = p + 2 + strspn(p + 2, " ");
    size_t len = (size_t)(end - from);
    while (len > 0 && from[len - 1] == ' ') {
        len--;
    }
    *ret_piece = (struct piece){{from, len}, true};
    *at = end + 2;
    return true;
}

static bool is_one_of(struct tw_str name, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (tw_str_is(name, words[i])) {
            return true;
        }
    }
    return false;
}

/* Whether the alerts of a rule tell this label, or its `where` settles it. */
static bool has_label(const struct tw_rule *rule, const char *name)
{
    for (size_t i = 0; i < rule->by_count; i++) {
        if (strcmp(rule->by[i], name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < rule->when.where_count; i++) {
        if (strcmp(rule->when.where[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_known(const struct tw_rule *rule, struct tw_str name)
{
    static const char *const always[] = {"value",     "threshold", "title",
                                         "alertname", "severity",  "owner"};
    bool has_workflow = has_label(rule, "workflow") || has_label(rule, "objective");
    if (is_one_of(name, always, sizeof(always) / sizeof(always[0])) ||
        is_one_of(name, (const char *const *)rule->by, rule->by_count)) {
        return true;
    }
    for (size_t i = 0; i < rule->label_count; i++) {
        if (tw_str_is(name, rule->labels[i].name)) {
            return true;
        }
    }
    return (tw_str_is(name, "workflow") && has_workflow) ||
           (tw_str_is(name, "system") && has_label(rule, "workflow") && has_label(rule, "step"));
}

void tw_rule_check_template(struct tw_rules_load *self, const yaml_node_t *node, const char *key,
                            const char *text, const struct tw_rule *rule)
{
    struct piece piece;
    const char *at = text;
    while (text != NULL && next_piece(&at, &piece)) {
        char name[48];
        char shown[TW_SHOWN_SIZE];
        if (!piece.is_name || is_known(rule, piece.text)) {
            continue;
        }
        (void)snprintf(name, sizeof(name), "%.*s", piece.text.len > 40 ? 40 : (int)piece.text.len,
                       piece.text.ptr);
        tw_parse_fault(&self->parse, tw_rules_at(self, node, key),
                       "rules.%s: the rule has nothing to put for {{%s}}; it has value, threshold, "
                       "title, and the labels of its alerts",
                       key, tw_shown(name, shown));
    }
}

/* What is being said. */
struct saying {
    char *to;
    size_t used;
    size_t most;
    bool is_cut;
};

static void say(struct saying *self, struct tw_str text)
{
    size_t room = self->most - self->used;
    size_t len = text.len;
    if (len > room) {
        len = room;
        while (len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80) {
            len--; /* not in the middle of a character */
        }
        self->is_cut = true;
    }
    if (len > 0) {
        memcpy(self->to + self->used, text.ptr, len);
        self->used += len;
    }
}

int tw_rule_say(struct tw_arena *arena, const struct tw_rule *rule, const char *text,
                const struct tw_labels *labels, struct tw_rule_numbers numbers,
                struct tw_str *ret_text)
{
    char number[TW_RULE_VALUE_SIZE];
    struct piece piece;
    struct saying self = {.most = text == rule->summary ? TW_RULE_SUMMARY_MAX : TW_RULE_TEXT_MAX};
    self.to = tw_arena_alloc(arena, self.most + 1);
    if (self.to == NULL) {
        return TW_ENOMEM;
    }
    while (!self.is_cut && next_piece(&text, &piece)) {
        struct tw_str said = piece.text;
        if (piece.is_name && tw_str_is(piece.text, "value")) {
            said = tw_str_of(tw_rule_value(rule, numbers.value, number));
        } else if (piece.is_name && tw_str_is(piece.text, "threshold")) {
            said = tw_str_of(tw_rule_value(rule, numbers.limit, number));
        } else if (piece.is_name && tw_str_is(piece.text, "title")) {
            said = tw_str_of(rule->title);
        } else if (piece.is_name) {
            char name[TW_LABEL_NAME_MAX + 1];
            (void)snprintf(name, sizeof(name), "%.*s",
                           piece.text.len > TW_LABEL_NAME_MAX ? TW_LABEL_NAME_MAX
                                                              : (int)piece.text.len,
                           piece.text.ptr);
            said = tw_labels_get(labels, name);
        }
        say(&self, said);
    }
    self.to[self.used] = '\0';
    *ret_text = (struct tw_str){self.to, self.used};
    return TW_OK;
}
