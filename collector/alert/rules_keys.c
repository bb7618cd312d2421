/* SPDX-License-Identifier: Apache-2.0
 * The keys of files with alert rules.
 */
#include "config.h"
#include "alert/hours_parse.h"
#include "alert/rules_internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECTION(title, table, about)                                                 \
    {                                                                                \
        .name = (title), .keys = (table), .key_count = COUNT(table), .help = (about) \
    }
#define IN_FILE(field)    offsetof(struct tw_rules_text, field)
#define IN_RULE(field)    offsetof(struct tw_rule_text, field)
#define IN_MEASURE(field) offsetof(struct tw_measure_text, field)
#define IN_BURN(field)    offsetof(struct tw_burn_text, field)
#define TEXT_KEY(where, key, look, needed, about)                              \
    {                                                                          \
        .name = (key), .type = TW_CFG_TEXT, .rule = (look), .offset = (where), \
        .is_required = (needed), .is_reloadable = true, .help = (about)        \
    }
#define NODE_KEY(where, key, shape, needed, about)                              \
    {                                                                           \
        .name = (key), .type = TW_CFG_NODE, .text = (shape), .offset = (where), \
        .is_required = (needed), .is_reloadable = true, .help = (about)         \
    }
#define TIME_KEY(where, key, lowest, highest, value, about)                                \
    {                                                                                      \
        .name = (key), .type = TW_CFG_INT, .unit = "s", .min = (lowest), .max = (highest), \
        .initial = (value), .offset = (where), .is_reloadable = true, .help = (about)      \
    }
#define CHOICE_KEY(where, key, words, needed, about)                              \
    {                                                                             \
        .name = (key), .type = TW_CFG_CHOICE, .text = (words), .offset = (where), \
        .is_required = (needed), .is_reloadable = true, .help = (about)           \
    }

static const struct tw_cfg_key file_keys[] = {
    TEXT_KEY(IN_FILE(name), "name", TW_CFG_LABEL, false,
             "What the rules of this file are called together. Not given: the name of the file."),
    TEXT_KEY(IN_FILE(title), "title", TW_CFG_ANY, false, "The same for people."),
    NODE_KEY(IN_FILE(rules), "rules", "list of maps", true,
             "See below. At most 1,000, all files together."),
};

static const struct tw_cfg_key rule_keys[] = {
    TEXT_KEY(IN_RULE(alert), "alert", TW_CFG_ANY, true,
             "Its name, the label `alertname`: a letter, then at most 63 letters, digits and `_`. "
             "Unique; a rule of a file takes the place of the built-in one of its name."),
    TEXT_KEY(IN_RULE(title), "title", TW_CFG_ANY, false,
             "The same for people, at most 120 characters. Not given: the name."),
    TEXT_KEY(IN_RULE(about), "about", TW_CFG_ANY, false,
             "What it means when it fires, for the page of rules."),
    NODE_KEY(IN_RULE(when), "when", "map", false,
             "The series it looks at, see below. Either `when` or `burn`."),
    NODE_KEY(IN_RULE(share), "share-of", "map", false,
             "The value is `when` divided by this, see below; both over the same time and for the "
             "same labels."),
    {.name = "share-of-usual",
     .type = TW_CFG_BOOL,
     .offset = IN_RULE(is_usual_share),
     .is_reloadable = true,
     .help = "The value is `when` divided by what is usual at this hour of the week, by the last "
             "five weeks. Counts only. Known after the first week; until then it does not fire."},
    NODE_KEY(IN_RULE(burn), "burn", "map", false,
             "A rule of the error budget of objectives, see below, instead of `when`."),
    TEXT_KEY(IN_RULE(above), "above", TW_CFG_ANY, false,
             "It holds when the value is above this: a number; a duration (`2min`) where the "
             "series is in seconds; a share may be written `5%`. Either `above` or `below`."),
    TEXT_KEY(IN_RULE(below), "below", TW_CFG_ANY, false,
             "It holds when the value is below this, likewise."),
    TEXT_KEY(IN_RULE(least), "least", TW_CFG_ANY, false,
             "It does not hold on less: with `share-of` so many in what is divided by, with "
             "`share-of-usual` so many that are usual, otherwise so many counted."),
    TIME_KEY(IN_RULE(for_s), "for", 0, TW_RULE_FOR_MAX_S, 0,
             "It must hold for so long without a break before it fires; until then it is pending."),
    TIME_KEY(IN_RULE(keep_s), "keep-firing-for", 0, TW_RULE_FOR_MAX_S, 0,
             "It goes on firing for so long after it held last."),
    NODE_KEY(IN_RULE(hours), "hours", "map", false,
             "It is evaluated only then, see below. Outside nothing is pending or firing."),
    CHOICE_KEY(IN_RULE(no_data), "no-data", "ignore|alert", false,
               "When the series is not there: `ignore` leaves an alert as it is and says so; "
               "`alert` opens one with the label `nodata=\"true\"`."),
    TIME_KEY(IN_RULE(no_data_for_s), "no-data-for", 10, TW_RULE_FOR_MAX_S, 600,
             "With `no-data: alert`: it must be missing for so long."),
    CHOICE_KEY(IN_RULE(severity), "severity", "critical|warning|info", false,
               "`critical` wakes somebody, `warning` is a ticket, `info` is only shown. Needed."),
    TEXT_KEY(IN_RULE(owner), "owner", TW_CFG_ANY, false,
             "The team. Not given: that of the objective, else of the workflow, else "
             "`integration`."),
    {.name = "labels",
     .type = TW_CFG_PAIRS,
     .offset = IN_RULE(labels),
     .is_reloadable = true,
     .help = "Further labels, at most 16, the same for all its alerts: routes can ask for them."},
    TEXT_KEY(IN_RULE(summary), "summary", TW_CFG_ANY, false,
             "One line, with `{{value}}`, `{{threshold}}`, `{{title}}` and labels in braces. At "
             "most 500 bytes. Not given: title, value and limit."),
    TEXT_KEY(IN_RULE(description), "description", TW_CFG_ANY, false,
             "More of it, likewise; at most 2,000 bytes."),
    TEXT_KEY(
        IN_RULE(runbook), "runbook", TW_CFG_LABEL, false,
        "What to do: `NAME` of `docs/runbooks/NAME.md` or of a file in `alerts.runbook-dirs`."),
    {.name = "enabled",
     .type = TW_CFG_BOOL,
     .offset = IN_RULE(is_enabled),
     .initial = true,
     .is_reloadable = true,
     .help = "`false`: it is not evaluated. With the name of a built-in rule and nothing else but "
             "this, that rule is switched off."},
};

#define METRIC_KEY                                           \
    TEXT_KEY(IN_MEASURE(metric), "metric", TW_CFG_ANY, true, \
             "Name of the series, see below. Not one of sketches.")
#define WHERE_KEY                                                                                  \
    {                                                                                              \
        .name = "where", .type = TW_CFG_PAIRS, .offset = IN_MEASURE(where), .is_reloadable = true, \
        .help = "Labels and the values they must have, at most 4. Not given: all of them."         \
    }
#define JOIN_KEY                                                                             \
    CHOICE_KEY(IN_MEASURE(join), "join", "sum|max|min", false,                               \
               "How series become one that are not told apart. Not given: `sum`; `max` for " \
               "values in seconds.")

static const struct tw_cfg_key measure_keys[] = {
    METRIC_KEY,
    WHERE_KEY,
    {.name = "by",
     .type = TW_CFG_LIST,
     .offset = IN_MEASURE(by),
     .is_reloadable = true,
     .help = "Labels that are told apart, at most 3: an alert for each combination of their "
             "values. Not given: one alert. Series with workflow and step have `system`, too: that "
             "of the step."},
    JOIN_KEY,
    TIME_KEY(IN_MEASURE(over_s), "over", 0, TW_RULE_OVER_MAX_S, 0,
             "Counts are summed over so long, values taken from it: 10s to 6h, in tens of seconds. "
             "0: 10 s, or 2 min for values that are written once a minute."),
    CHOICE_KEY(IN_MEASURE(take), "take", "last|max|min|mean", false,
               "Which value of that time. Counts have none of it: they are summed."),
};

static const struct tw_cfg_key share_keys[] = {METRIC_KEY, WHERE_KEY, JOIN_KEY};

static const struct tw_cfg_key burn_keys[] = {
    CHOICE_KEY(IN_BURN(rule), "rule",
               "fast|medium|slow|trend|trickle|absence|fast-low-traffic|medium-low-traffic", true,
               "As in [objectives.md](../objectives.md)."),
    {.name = "objective",
     .type = TW_CFG_TEXT,
     .offset = IN_BURN(objective),
     .text = "*",
     .is_reloadable = true,
     .help = "One objective, or `*` for all."},
};

const char *const tw_burn_words[TW_BURN_WORDS] = {"fast",
                                                  "medium",
                                                  "slow",
                                                  "trend",
                                                  "trickle",
                                                  "absence",
                                                  "fast-low-traffic",
                                                  "medium-low-traffic"};

const struct tw_cfg_section tw_rules_section =
    SECTION("alert-rules", file_keys, "A file of rules: one map.");
const struct tw_cfg_section tw_rule_section = SECTION("rules", rule_keys, "Of each rule.");
const struct tw_cfg_section tw_measure_section =
    SECTION("when", measure_keys, "What a rule looks at.");
const struct tw_cfg_section tw_share_section =
    SECTION("share-of", share_keys, "What it is a share of.");
const struct tw_cfg_section tw_burn_section =
    SECTION("burn", burn_keys,
            "Stands for the series `objective_rule` of that rule, by objective, above 0. With "
            "`above: 1` it fires only when the rule pages: a rule that pages says 2, one that "
            "writes a ticket, or pages on too little traffic to be sure, says 1. What is told is "
            "the series `objective_rule_value`: the lower of its two burn rates against the factor "
            "that the objective gives the rule, `21.3x` above `14.4x`; of `trickle` how many were "
            "bad, of `absence` for how long nothing was decided. `fast-low-traffic` and "
            "`medium-low-traffic` fire, as tickets, where that rule is held back by too little "
            "traffic alone; their burn rate is that of what was decided.");

static void print_metrics(FILE *out)
{
    static const char *const units[] = {"", " in seconds", " as a share", " of burn rate"};
    (void)fputs("\n## Series\n\n| metric | labels | what it is |\n|---|---|---|\n", out);
    for (size_t i = 0; i < tw_metric_count; i++) {
        const struct tw_metric *metric = &tw_metrics[i];
        if (metric->is_sketch) {
            continue;
        }
        (void)fprintf(out, "| `%s` | ", metric->name);
        for (size_t k = 0; k < TW_METRIC_LABELS && metric->labels[k] != NULL; k++) {
            (void)fprintf(out, "%s%s", k == 0 ? "" : ", ", metric->labels[k]);
        }
        (void)fprintf(out, " | %s%s%s |\n", metric->is_count ? "count" : "value",
                      units[metric->unit], metric->step_s > 10 ? ", once a minute" : "");
    }
}

int tw_rules_print_keys(FILE *out)
{
    tw_cfg_print_section(out, &tw_rules_section);
    tw_cfg_print_section(out, &tw_rule_section);
    tw_cfg_print_section(out, &tw_measure_section);
    tw_cfg_print_section(out, &tw_share_section);
    tw_cfg_print_section(out, &tw_burn_section);
    tw_cfg_print_section(out, &tw_hours_section);
    print_metrics(out);
    return ferror(out) != 0 ? TW_EIO : TW_OK;
}
