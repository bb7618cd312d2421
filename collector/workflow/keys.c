/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "workflow/keys.h"

#include "workflow/workflow.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECTION(title, table, about)                                                 \
    {                                                                                \
        .name = (title), .keys = (table), .key_count = COUNT(table), .help = (about) \
    }

#define IN_WF(field)    offsetof(struct tw_wf_text, field)
#define IN_STEP(field)  offsetof(struct tw_wf_step_text, field)
#define IN_MATCH(field) offsetof(struct tw_wf_match_text, field)
#define IN_OBJ(field)   offsetof(struct tw_wf_objective_text, field)
#define IN_MAINT(field) offsetof(struct tw_wf_maintenance_text, field)

/* One row each: where, name, rule, whether it is needed, help. */
#define TEXT_KEY(where, key, look, needed, about)                              \
    {                                                                          \
        .name = (key), .type = TW_CFG_TEXT, .rule = (look), .offset = (where), \
        .is_required = (needed), .is_reloadable = true, .help = (about)        \
    }
#define NODE_KEY(where, key, what, needed, about)                              \
    {                                                                          \
        .name = (key), .type = TW_CFG_NODE, .text = (what), .offset = (where), \
        .is_required = (needed), .is_reloadable = true, .help = (about)        \
    }
#define BOOL_KEY(where, key, about)                                                   \
    {                                                                                 \
        .name = (key), .type = TW_CFG_BOOL, .offset = (where), .is_reloadable = true, \
        .help = (about)                                                               \
    }

static const struct tw_cfg_key workflow_keys[] = {
    TEXT_KEY(IN_WF(name), "name", TW_CFG_LABEL, true, "Unique among all workflows."),
    TEXT_KEY(IN_WF(title), "title", TW_CFG_ANY, false, "What people call it. Not given: its name."),
    TEXT_KEY(IN_WF(owner), "owner", TW_CFG_ANY, true,
             "The team that is told, and that its objectives belong to."),
    {.name = "timing",
     .type = TW_CFG_CHOICE,
     .offset = IN_WF(timing),
     .is_required = true,
     .is_reloadable = true,
     .text = "checkout|sub-minute|near-real-time|queued|batch",
     .help = "Timing class: it bounds `within` of every step."},
    {.name = "criticality",
     .type = TW_CFG_CHOICE,
     .offset = IN_WF(criticality),
     .initial = TW_STANDARD,
     .is_reloadable = true,
     .text = "critical|standard|deferrable",
     .help = "What waits for what when there is too much to do."},
    BOOL_KEY(IN_WF(is_financial), "financial",
             "Money is moved: replayed and reconciled with care."),
    TEXT_KEY(IN_WF(object), "object", TW_CFG_NAME, true,
             "The object type that identifies a run; a linking one of the configuration."),
    NODE_KEY(IN_WF(steps), "steps", "list of maps", true, "1 to 32 steps, see below."),
    NODE_KEY(IN_WF(objectives), "objectives", "list of maps", false,
             "At most 16 objectives, see below."),
};

static const struct tw_cfg_key step_keys[] = {
    TEXT_KEY(IN_STEP(name), "name", TW_CFG_NAME, true, "Unique in the workflow."),
    TEXT_KEY(IN_STEP(title), "title", TW_CFG_ANY, false,
             "What people call it. Not given: its name."),
    TEXT_KEY(IN_STEP(system), "system", TW_CFG_NAME, true,
             "The system that does it and is waited for; one of `systems` of the configuration."),
    NODE_KEY(IN_STEP(event), "event", "event, or list of events", true,
             "What says that it is done. With outcome `failed` or `deadletter` the same event is "
             "a failed attempt, with `retrying` an attempt under way, with `compensated` a "
             "compensation. At most 8, see below."),
    NODE_KEY(IN_STEP(failure), "failure", "event, or list of events", false,
             "Other events that say that it failed, whatever their outcome. At most 8."),
    NODE_KEY(IN_STEP(compensation), "compensation", "event, or list of events", false,
             "Other events that say that it was taken back. At most 8."),
    NODE_KEY(IN_STEP(after), "after", "name, or list of names", false,
             "The steps that come before it, all of them. Not given: a run starts here."),
    TEXT_KEY(IN_STEP(within), "within", TW_CFG_DURATION, false,
             "Deadline after the last of `after`, at most what the timing class allows. Not "
             "given: none."),
    BOOL_KEY(IN_STEP(is_optional), "optional",
             "May be left out: never overdue, skipped when the run ends without it."),
    TEXT_KEY(IN_STEP(when), "when", TW_CFG_ATTRIBUTE, false,
             "Applies only to runs whose start event carries this attribute; otherwise skipped."),
    BOOL_KEY(IN_STEP(is_destination), "destination",
             "Ends a branch: shown in the row of destinations."),
    {.name = "each",
     .type = TW_CFG_CHOICE,
     .offset = IN_STEP(each),
     .initial = TW_EACH_ONCE,
     .is_reloadable = true,
     .text = "once|store",
     .help = "`store`: a fan-out, done when every expected store has answered."},
    TEXT_KEY(IN_STEP(authority), "authority", TW_CFG_NAME, false,
             "The system whose word is final. Not given: `system`."),
    TEXT_KEY(IN_STEP(runbook), "runbook", TW_CFG_LABEL, false,
             "What to do when it fails or is late: `NAME` of `docs/runbooks/NAME.md`."),
};

static const struct tw_cfg_key match_keys[] = {
    TEXT_KEY(IN_MATCH(type), "type", TW_CFG_PATTERN, true,
             "CloudEvents `type`: exact, or a prefix that ends in `*`."),
    NODE_KEY(IN_MATCH(where), "where", "map", false,
             "Attribute to what it must be: `present`, `absent`, or its value. At most 4, all must "
             "hold."),
};

static const struct tw_cfg_key objective_keys[] = {
    TEXT_KEY(IN_OBJ(name), "name", TW_CFG_LABEL, true, "Unique among the objectives of all files."),
    TEXT_KEY(IN_OBJ(title), "title", TW_CFG_ANY, false,
             "What people call it. Not given: its name."),
    TEXT_KEY(IN_OBJ(owner), "owner", TW_CFG_ANY, false, "Not given: the workflow's."),
    {.name = "kind",
     .type = TW_CFG_CHOICE,
     .offset = IN_OBJ(kind),
     .is_required = true,
     .is_reloadable = true,
     .text = "completion|latency|freshness|completeness",
     .help = "The share of what: runs that complete by their last deadline; runs that reach `step` "
             "within `within`; minutes in which the oldest run that waits for `step` is younger "
             "than `within`; sequence numbers that came, or with `step` the stores of that fan-out "
             "that answered."},
    TEXT_KEY(IN_OBJ(step), "step", TW_CFG_NAME, false,
             "The step; needed by latency and freshness, of completeness a fan-out."),
    TEXT_KEY(IN_OBJ(from), "from", TW_CFG_NAME, false,
             "Latency only: the step it counts from. Not given: the run's start."),
    TEXT_KEY(IN_OBJ(within), "within", TW_CFG_DURATION, false,
             "Needed by latency and freshness; up to 400 d."),
    TEXT_KEY(IN_OBJ(target), "target", TW_CFG_ANY, true,
             "Share of good ones: `0.0001%` to `99.9999%`."),
    {.name = "window",
     .type = TW_CFG_TEXT,
     .offset = IN_OBJ(window),
     .is_reloadable = true,
     .text = "30d",
     .help = "Rolling: a duration of `1h` to `30d` in whole minutes. Calendar: `day`, `week` (from "
             "Monday) or `month`."},
    TEXT_KEY(IN_OBJ(timezone), "timezone", TW_CFG_ANY, false,
             "Calendar windows only: IANA name, such as `Europe/Berlin`. Not given: UTC."),
};

static const struct tw_cfg_key maintenance_keys[] = {
    TEXT_KEY(IN_MAINT(name), "name", TW_CFG_LABEL, true, "Unique among all maintenance."),
    TEXT_KEY(IN_MAINT(reason), "reason", TW_CFG_ANY, true, "Why, for those who see it."),
    {.name = "workflows",
     .type = TW_CFG_LIST,
     .rule = TW_CFG_LABEL,
     .offset = IN_MAINT(workflows),
     .is_reloadable = true,
     .help = "Not given: all."},
    TEXT_KEY(IN_MAINT(system), "system", TW_CFG_NAME, false,
             "Only what waits for this system. Not given: everything."),
    TEXT_KEY(IN_MAINT(from), "from", TW_CFG_ANY, false, "Once: its begin, RFC 3339."),
    TEXT_KEY(IN_MAINT(until), "until", TW_CFG_ANY, false, "Once: its end, RFC 3339."),
    {.name = "weekdays",
     .type = TW_CFG_LIST,
     .offset = IN_MAINT(weekdays),
     .is_reloadable = true,
     .help = "Recurring: `mon tue wed thu fri sat sun`. Not given: every day."},
    TEXT_KEY(IN_MAINT(start), "start", TW_CFG_ANY, false,
             "Recurring: what the clock shows at its begin, `HH:MM`."),
    TEXT_KEY(IN_MAINT(duration), "duration", TW_CFG_DURATION, false,
             "Recurring: up to 24 h, in whole seconds; may pass midnight."),
    TEXT_KEY(IN_MAINT(timezone), "timezone", TW_CFG_ANY, false,
             "Recurring: IANA name. Not given: UTC."),
};

const struct tw_cfg_section tw_wf_section =
    SECTION("workflow", workflow_keys, "A file that defines a workflow: one map.");
const struct tw_cfg_section tw_wf_step_section = SECTION("steps", step_keys, "Of each step.");
const struct tw_cfg_section tw_wf_match_section =
    SECTION("event", match_keys, "An event is written as its type alone, or as a map.");
const struct tw_cfg_section tw_wf_objective_section =
    SECTION("objectives", objective_keys, "Of each objective.");
const struct tw_cfg_section tw_wf_maintenance_section =
    SECTION("maintenance", maintenance_keys,
            "Of each entry of the list `maintenance`, the one key of its file: planned "
            "maintenance, which spends no budget and is shown as such. Either `from` and `until`, "
            "or `start` and `duration`.");
