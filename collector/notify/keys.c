/* SPDX-License-Identifier: Apache-2.0
 * The keys of notify.yaml. Names and defaults are Alertmanager's where it has the same thing, with
 * a hyphen where it has an underscore.
 */
#include "config.h"
#include "notify/routes_internal.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECTION(title, table, about)                                                 \
    {                                                                                \
        .name = (title), .keys = (table), .key_count = COUNT(table), .help = (about) \
    }
#define IN_FILE(field)  offsetof(struct tw_notify_file_text, field)
#define IN_REC(kind)    offsetof(struct tw_receiver_text, kinds[TW_INTEGRATION_##kind])
#define IN_INT(field)   offsetof(struct tw_integration_text, field)
#define IN_ROUTE(field) offsetof(struct tw_route_text, field)

#define TEXT_KEY(where, key, look, needed, about)                              \
    {                                                                          \
        .name = (key), .type = TW_CFG_TEXT, .rule = (look), .offset = (where), \
        .is_required = (needed), .is_reloadable = true, .help = (about)        \
    }
#define INITIAL_KEY(where, key, look, value, about)                                             \
    {                                                                                           \
        .name = (key), .type = TW_CFG_TEXT, .rule = (look), .offset = (where), .text = (value), \
        .is_reloadable = true, .help = (about)                                                  \
    }
#define LIST_KEY(where, key, needed, about)                                             \
    {                                                                                   \
        .name = (key), .type = TW_CFG_LIST, .offset = (where), .is_required = (needed), \
        .is_reloadable = true, .help = (about)                                          \
    }
#define NODE_KEY(where, key, what, needed, about)                              \
    {                                                                          \
        .name = (key), .type = TW_CFG_NODE, .text = (what), .offset = (where), \
        .is_required = (needed), .is_reloadable = true, .help = (about)        \
    }
#define BOOL_KEY(where, key, value, about)                                         \
    {                                                                              \
        .name = (key), .type = TW_CFG_BOOL, .offset = (where), .initial = (value), \
        .is_reloadable = true, .help = (about)                                     \
    }
#define INT_KEY(where, key, u, lowest, highest, value, about)                               \
    {                                                                                       \
        .name = (key), .type = TW_CFG_INT, .offset = (where), .unit = (u), .min = (lowest), \
        .max = (highest), .initial = (value), .is_reloadable = true, .help = (about)        \
    }

#define DAY_S   86400
#define MONTH_S (30 * (int64_t)DAY_S)

static const struct tw_cfg_key file_keys[] = {
    LIST_KEY(IN_FILE(allow), "allow", false,
             "Networks such as `10.0.0.0/8` or `::1/128`. Targets with private, loopback or "
             "link-local addresses are refused unless they lie in one of them. At most 64."),
    TEXT_KEY(IN_FILE(external_url), "external-url", TW_CFG_URL, false,
             "Where people reach this tower: links of notices begin with it."),
    NODE_KEY(IN_FILE(receivers), "receivers", "list of maps", true, "At most 100, see below."),
    NODE_KEY(IN_FILE(route), "route", "map", true, "The root of the tree of routes, see below."),
    NODE_KEY(IN_FILE(inhibit), "inhibit", "list of maps", false,
             "What keeps what quiet, see below. At most 100."),
    NODE_KEY(IN_FILE(times), "times", "list of maps", false,
             "Times with names, see below. At most 100."),
    NODE_KEY(IN_FILE(watchdog), "watchdog", "map", false,
             "A notice that comes for as long as the tower lives, see below."),
    NODE_KEY(IN_FILE(heartbeats), "heartbeats", "list of maps", false,
             "What must be heard of from others, see below. At most 100."),
};

#define LIST_OF(kind, key, about) NODE_KEY(IN_REC(kind), key, "list of maps", false, about)
static const struct tw_cfg_key receiver_keys[] = {
    TEXT_KEY(offsetof(struct tw_receiver_text, name), "name", TW_CFG_ANY, true,
             "Unique: letters, digits, `_`, `.`, `-`, at most 64."),
    LIST_OF(WEBHOOK, "webhook", "HTTP, Alertmanager's webhook format, version 4."),
    LIST_OF(ALERTMANAGER, "alertmanager", "Alertmanagers: alerts are pushed to every one of them."),
    LIST_OF(EMAIL, "email", "Mail with a picture of what was judged."),
    LIST_OF(SLACK, "slack", "Incoming webhooks of Slack."),
    LIST_OF(TEAMS, "teams", "Webhooks of Microsoft Teams."),
    LIST_OF(PAGERDUTY, "pagerduty", "PagerDuty, Events API v2."),
    LIST_OF(PUB, "pub", "A ZeroMQ PUB socket."),
    LIST_OF(BROWSER, "browser", "The open pages of this tower."),
};

#define URL_KEYS                                                         \
    TEXT_KEY(IN_INT(url), "url", TW_CFG_ANY, false,                      \
             "Where it is posted to; http or https. Or `${env:NAME}`."), \
        TEXT_KEY(IN_INT(url_file), "url-file", TW_CFG_PATH, false,       \
                 "A file that holds the URL, not readable by others.")
#define SECRET_URL_KEYS                                                         \
    TEXT_KEY(IN_INT(url), "url", TW_CFG_ANY, false,                             \
             "`${env:NAME}`: the URL is a secret, so it does not stand here."), \
        TEXT_KEY(IN_INT(url_file), "url-file", TW_CFG_PATH, false,              \
                 "A file that holds the URL, not readable by others.")
#define BEARER_KEYS                                                                            \
    TEXT_KEY(IN_INT(bearer), "bearer", TW_CFG_ANY, false, "`${env:NAME}` of a bearer token."), \
        TEXT_KEY(IN_INT(bearer_file), "bearer-file", TW_CFG_PATH, false,                       \
                 "A file that holds a bearer token, not readable by others.")
#define HTTP_KEYS                                                                 \
    TEXT_KEY(IN_INT(ca_file), "ca-file", TW_CFG_PATH, false,                      \
             "Certificates that are trusted. Not given: those of this machine."), \
        INT_KEY(IN_INT(timeout_s), "timeout", "s", 1, 60, 10, "A post may take so long.")
#define RESOLVED_KEY \
    BOOL_KEY(IN_INT(sends_resolved), "send-resolved", 1, "Whether it is told that it is over.")
#define ALERTS_KEY                                                               \
    INT_KEY(IN_INT(max_alerts), "max-alerts", "alerts", 0, TW_NOTIFY_ALERTS_MAX, \
            TW_NOTIFY_ALERTS_DEFAULT,                                            \
            "So many are listed in one notice, the others counted. 0: 1,000.")

static const struct tw_cfg_key webhook_keys[] = {URL_KEYS, BEARER_KEYS, HTTP_KEYS, RESOLVED_KEY,
                                                 ALERTS_KEY};
static const struct tw_cfg_key alertmanager_keys[] = {
    URL_KEYS, BEARER_KEYS, HTTP_KEYS, RESOLVED_KEY,
    INT_KEY(IN_INT(max_alerts), "max-alerts", "alerts", 0, TW_NOTIFY_ALERTS_MAX, 0,
            "So many are pushed of one group. 0: 1,000.")};
static const struct tw_cfg_key chat_keys[] = {SECRET_URL_KEYS, HTTP_KEYS, RESOLVED_KEY, ALERTS_KEY};
static const struct tw_cfg_key pagerduty_keys[] = {
    TEXT_KEY(IN_INT(routing_key), "routing-key", TW_CFG_ANY, false,
             "`${env:NAME}` of the integration's key."),
    TEXT_KEY(IN_INT(routing_key_file), "routing-key-file", TW_CFG_PATH, false,
             "A file that holds it, not readable by others."),
    INITIAL_KEY(IN_INT(url), "url", TW_CFG_ANY, "https://events.pagerduty.com/v2/enqueue",
                "Where it is posted to."),
    HTTP_KEYS,
    RESOLVED_KEY,
    ALERTS_KEY};
static const struct tw_cfg_key email_keys[] = {
    LIST_KEY(IN_INT(to), "to", true, "1 to 50 addresses."),
    TEXT_KEY(IN_INT(from), "from", TW_CFG_ANY, true, "The address of the tower."),
    TEXT_KEY(IN_INT(smarthost), "smarthost", TW_CFG_ANY, true, "`smtp://HOST:PORT`."),
    {.name = "tls",
     .type = TW_CFG_CHOICE,
     .offset = IN_INT(tls),
     .is_reloadable = true,
     .text = "starttls|tls|none",
     .help = "`starttls`: refused where the server does not offer it; `tls`: from the first byte. "
             "`none` sends no password."},
    TEXT_KEY(IN_INT(username), "username", TW_CFG_ANY, false, "For a server that wants one."),
    TEXT_KEY(IN_INT(password), "password", TW_CFG_ANY, false, "`${env:NAME}` of its password."),
    TEXT_KEY(IN_INT(password_file), "password-file", TW_CFG_PATH, false,
             "A file that holds it, not readable by others."),
    BOOL_KEY(IN_INT(has_picture), "picture", 1, "Whether a plot of what was judged is inside."),
    TEXT_KEY(IN_INT(ca_file), "ca-file", TW_CFG_PATH, false,
             "Certificates that are trusted. Not given: those of this machine."),
    INT_KEY(IN_INT(timeout_s), "timeout", "s", 1, 120, 30, "A mail may take so long."),
    RESOLVED_KEY,
    ALERTS_KEY};
static const struct tw_cfg_key pub_keys[] = {
    TEXT_KEY(IN_INT(bind), "bind", TW_CFG_ENDPOINT, false,
             "The ZeroMQ endpoint that it binds. Not given: `notify.pub` of the configuration."),
    RESOLVED_KEY};
static const struct tw_cfg_key browser_keys[] = {RESOLVED_KEY};

static const struct tw_cfg_key route_keys[] = {
    TEXT_KEY(IN_ROUTE(receiver), "receiver", TW_CFG_ANY, false,
             "Who is told. The root must have one; others have their parent's."),
    LIST_KEY(IN_ROUTE(matchers), "matchers", false,
             "Such as `severity=\"critical\"`, `owner=~\"team-.*\"`, `!=`, `!~`; all must match. "
             "Not at the root, which takes everything. At most 32."),
    BOOL_KEY(IN_ROUTE(goes_on), "continue", 0,
             "What this route takes is offered to the next ones beside it, too."),
    LIST_KEY(IN_ROUTE(group_by), "group-by", false,
             "Labels that make one notice of alerts that have them in common; `...`: all labels, "
             "so each alert is one of its own; `[]`: one notice of everything. At most 16. Not "
             "given at the root: alertname, workflow, cause, system, objective."),
    INT_KEY(IN_ROUTE(group_wait_s), "group-wait", "s", 0, 3600, TW_NOTIFY_NOT_GIVEN,
            "A new group is told of after it, with what came meanwhile. What is over by then is "
            "not told. 30 s."),
    INT_KEY(IN_ROUTE(group_interval_s), "group-interval", "s", 1, DAY_S, TW_NOTIFY_NOT_GIVEN,
            "Changes of a group are told at most so often. 5 min."),
    INT_KEY(IN_ROUTE(repeat_interval_s), "repeat-interval", "s", 1, MONTH_S, TW_NOTIFY_NOT_GIVEN,
            "What has not changed is told again after it, unless it is acknowledged. Rounded up "
            "to a multiple of group-interval. 4 h."),
    LIST_KEY(IN_ROUTE(active_times), "active-times", false,
             "Names of `times`: it tells in these only. Not inherited, not at the root. At most "
             "16."),
    LIST_KEY(IN_ROUTE(mute_times), "mute-times", false,
             "Names of `times`: it does not tell in these. Not inherited, not at the root. At "
             "most 16."),
    NODE_KEY(IN_ROUTE(escalate), "escalate", "list of maps", false,
             "Who is told when nobody acknowledges, see below. At most 8."),
    NODE_KEY(IN_ROUTE(routes), "routes", "list of maps", false,
             "Its children: the first that matches takes an alert, else the route itself. At most "
             "500 routes in all, 12 levels."),
};

static const struct tw_cfg_key escalation_keys[] = {
    INT_KEY(offsetof(struct tw_escalation_text, after_s), "after", "s", 1, 7 * DAY_S,
            TW_NOTIFY_NOT_GIVEN,
            "Since the group was told first; each step later than the one before."),
    TEXT_KEY(offsetof(struct tw_escalation_text, receiver), "receiver", TW_CFG_ANY, true,
             "Who is told then."),
};
static const struct tw_cfg_key inhibit_keys[] = {
    LIST_KEY(offsetof(struct tw_inhibit_text, source), "source", true,
             "Matchers of what keeps quiet, while it fires."),
    LIST_KEY(offsetof(struct tw_inhibit_text, target), "target", true,
             "Matchers of what is kept quiet. What is a source of the same rule, too, is not kept "
             "quiet by "
             "others like it, unless the rule follows."),
    LIST_KEY(offsetof(struct tw_inhibit_text, equal), "equal", false,
             "Labels that must be the same on both; what is missing is empty. At most 16."),
    TEXT_KEY(offsetof(struct tw_inhibit_text, follows), "follows", TW_CFG_ANY, false,
             "`system`: only what follows from it. The target must be at a step of the source's "
             "`system`, or behind one, in its own workflow."),
};
static const struct tw_cfg_key time_keys[] = {
    TEXT_KEY(offsetof(struct tw_notify_time_text, name), "name", TW_CFG_ANY, true,
             "Unique: letters, digits, `_`, `.`, `-`, at most 64."),
    NODE_KEY(offsetof(struct tw_notify_time_text, intervals), "intervals", "list of maps", true,
             "Any of them; at most 32, see below."),
};
static const struct tw_cfg_key watchdog_keys[] = {
    TEXT_KEY(offsetof(struct tw_watchdog_text, receiver), "receiver", TW_CFG_ANY, true,
             "Who misses it when it does not come."),
    INT_KEY(offsetof(struct tw_watchdog_text, every_s), "every", "s", 10, DAY_S, 60,
            "How often it is sent."),
};
static const struct tw_cfg_key heartbeat_keys[] = {
    TEXT_KEY(offsetof(struct tw_heartbeat_text, name), "name", TW_CFG_LABEL, true,
             "Of `POST /api/v1/heartbeats/NAME`; unique."),
    INT_KEY(offsetof(struct tw_heartbeat_text, every_s), "every", "s", 10, 31 * DAY_S, 300,
            "How often it comes."),
    INT_KEY(offsetof(struct tw_heartbeat_text, grace_s), "grace", "s", 0, 7 * DAY_S, 0,
            "So much later it is an alert."),
    {.name = "severity",
     .type = TW_CFG_CHOICE,
     .offset = offsetof(struct tw_heartbeat_text, severity),
     .initial = TW_SEVERITY_WARNING,
     .is_reloadable = true,
     .text = "critical|warning|info",
     .help = "Of that alert."},
    TEXT_KEY(offsetof(struct tw_heartbeat_text, owner), "owner", TW_CFG_ANY, false,
             "Of that alert. Not given: integration."),
};

const struct tw_cfg_section tw_notify_file_section =
    SECTION("notify", file_keys, "The file: one map.");
const struct tw_cfg_section tw_receiver_section =
    SECTION("receivers", receiver_keys, "Who is told. Each kind is a list of maps, see below.");
const struct tw_cfg_section tw_integration_sections[TW_INTEGRATION_KIND_COUNT] = {
    [TW_INTEGRATION_WEBHOOK] =
        SECTION("webhook", webhook_keys, "One of `url` and `url-file`; at most one token."),
    [TW_INTEGRATION_ALERTMANAGER] =
        SECTION("alertmanager", alertmanager_keys, "`url` without `/api/v2/alerts`."),
    [TW_INTEGRATION_EMAIL] = SECTION("email", email_keys, "Mail."),
    [TW_INTEGRATION_SLACK] = SECTION("slack", chat_keys, "One of `url` and `url-file`."),
    [TW_INTEGRATION_TEAMS] = SECTION("teams", chat_keys, "One of `url` and `url-file`."),
    [TW_INTEGRATION_PAGERDUTY] =
        SECTION("pagerduty", pagerduty_keys, "One of `routing-key` and `routing-key-file`."),
    [TW_INTEGRATION_PUB] = SECTION("pub", pub_keys, "One message for each alert."),
    [TW_INTEGRATION_BROWSER] = SECTION("browser", browser_keys, "`browser: [{}]`."),
};
const struct tw_cfg_section tw_route_section =
    SECTION("route", route_keys, "What a route does not say it has from its parent.");
const struct tw_cfg_section tw_escalation_section =
    SECTION("escalate", escalation_keys, "One step.");
const struct tw_cfg_section tw_inhibit_section = SECTION("inhibit", inhibit_keys, "One rule.");
const struct tw_cfg_section tw_notify_time_section = SECTION("times", time_keys, "One name.");
const struct tw_cfg_section tw_watchdog_section =
    SECTION("watchdog", watchdog_keys, "To a dead man's switch.");
const struct tw_cfg_section tw_heartbeat_section =
    SECTION("heartbeats", heartbeat_keys, "One that is expected.");

static const char *const names[] = {
#define TW_INTEGRATION_NAME(name, text) text,
    TW_INTEGRATIONS(TW_INTEGRATION_NAME)
#undef TW_INTEGRATION_NAME
};

const char *tw_integration_name(enum tw_integration_kind kind)
{
    return kind < TW_INTEGRATION_KIND_COUNT ? names[kind] : "";
}

enum tw_integration_kind tw_integration_find(struct tw_str text)
{
    unsigned kind = 0;
    while (kind < TW_INTEGRATION_KIND_COUNT && !tw_str_is(text, names[kind])) {
        kind++;
    }
    return (enum tw_integration_kind)kind;
}
