/* SPDX-License-Identifier: Apache-2.0
 * The keys of files with rules, and what is written under them.
 */
#include "config.h"
#include "causes/internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECTION(title, table, about)                                                 \
    {                                                                                \
        .name = (title), .keys = (table), .key_count = COUNT(table), .help = (about) \
    }
#define IN_RULE(field)     offsetof(struct tw_cause_rule_text, field)
#define IN_WHEN(condition) offsetof(struct tw_cause_when_text, when[TW_CAUSE_WHEN_##condition])
#define TEXT_KEY(where, key, look, needed, about)                              \
    {                                                                          \
        .name = (key), .type = TW_CFG_TEXT, .rule = (look), .offset = (where), \
        .is_required = (needed), .is_reloadable = true, .help = (about)        \
    }
#define LIST_KEY(where, key, about)                                                   \
    {                                                                                 \
        .name = (key), .type = TW_CFG_LIST, .offset = (where), .is_reloadable = true, \
        .help = (about)                                                               \
    }

static const struct tw_cfg_key file_keys[] = {
    {.name = "rules",
     .type = TW_CFG_NODE,
     .text = "list of maps",
     .offset = offsetof(struct tw_causes_text, rules),
     .is_required = true,
     .is_reloadable = true,
     .help = "In the order in which they are asked, see below. At most 500, all files together; "
             "the operators have 200 of their own."},
};

static const struct tw_cfg_key rule_keys[] = {
    TEXT_KEY(IN_RULE(name), "name", TW_CFG_LABEL, true,
             "Unique among the rules of the operators, of the configuration's files, and of those "
             "that are built in."),
    {.name = "when",
     .type = TW_CFG_NODE,
     .text = "map",
     .offset = IN_RULE(when),
     .is_required = true,
     .is_reloadable = true,
     .help = "Conditions, all of which must hold; at least one, see below."},
    {.name = "cause",
     .type = TW_CFG_CHOICE,
     .offset = IN_RULE(cause),
     .is_required = true,
     .is_reloadable = true,
     .text = "master-data|throttled|timeout|rejected|unavailable|auth|contract|conflict|duplicate|"
             "unknown",
     .help = "What it is put down to."},
    TEXT_KEY(IN_RULE(label), "label", TW_CFG_ANY, true,
             "What people read, and what failures are grouped by: the same for every failure that "
             "the rule takes. 1 to 64 characters."),
    TEXT_KEY(IN_RULE(owner), "owner", TW_CFG_ANY, false,
             "The team that mends it. Not given: that of the workflow."),
    TEXT_KEY(IN_RULE(runbook), "runbook", TW_CFG_LABEL, false,
             "What to do: `NAME` of `docs/runbooks/NAME.md`. Not given: that of the step."),
};

/* In the order of enum tw_cause_condition. */
static const struct tw_cfg_key when_keys[] = {
    LIST_KEY(IN_WHEN(SYSTEM), "system", "The system that emitted the event."),
    LIST_KEY(IN_WHEN(TYPE), "type", "Its CloudEvents `type`."),
    LIST_KEY(IN_WHEN(CODE), "code", "Its `errorcode`."),
    LIST_KEY(IN_WHEN(CLASS), "class",
             "Its `errorclass`. A rule with this condition decides the cause also of events that "
             "name one."),
    LIST_KEY(IN_WHEN(STATUS), "status",
             "Its HTTP status: `503`, or `5xx` for all from 500 to 599. No `*` or `?` here."),
    LIST_KEY(IN_WHEN(MESSAGE), "message", "Its `errormessage`."),
};

const enum tw_cause tw_cause_choices[] = {
    TW_CAUSE_MASTER_DATA, TW_CAUSE_THROTTLED, TW_CAUSE_TIMEOUT,  TW_CAUSE_REJECTED,
    TW_CAUSE_UNAVAILABLE, TW_CAUSE_AUTH,      TW_CAUSE_CONTRACT, TW_CAUSE_CONFLICT,
    TW_CAUSE_DUPLICATE,   TW_CAUSE_UNKNOWN};

const struct tw_cfg_section tw_causes_section =
    SECTION("causes", file_keys, "A file of rules: one map.");
const struct tw_cfg_section tw_cause_rule_section = SECTION("rules", rule_keys, "Of each rule.");
const struct tw_cfg_section tw_cause_when_section =
    SECTION("when", when_keys,
            "One pattern or a list of at most 16, of which one must fit. In a pattern of at most "
            "128 bytes `*` stands for any characters and `?` for one; letters of ASCII are "
            "compared without case; the pattern must fit the whole text.");

const char *tw_causes_origin_name(enum tw_causes_origin origin)
{
    static const char *const names[] = {"operators", "files", "built in"};
    return names[origin];
}

const char *tw_cause_condition_name(enum tw_cause_condition condition)
{
    return when_keys[condition].name;
}
