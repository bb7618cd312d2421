/* SPDX-License-Identifier: Apache-2.0
 * The table. Bounds and defaults that look arbitrary have their reason in the help or beside them.
 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/keys.h"

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* One row each: field, name, unit, bounds, default, help. */
#define INT_KEY(where, key, u, lowest, highest, value, about)                               \
    {                                                                                       \
        .name = (key), .type = TW_CFG_INT, .offset = (where), .unit = (u), .min = (lowest), \
        .max = (highest), .initial = (value), .help = (about)                               \
    }
/* Where the keys for CURVE lie; `prefix` "curve." or "". */
#define CURVE_KEYS(prefix, where)                                                                  \
    {.name = prefix "server-key-file",                                                             \
     .type = TW_CFG_TEXT,                                                                          \
     .rule = TW_CFG_PATH,                                                                          \
     .offset = (where) + offsetof(struct tw_cfg_curve, server_key_file),                           \
     .help = "File with the tower's secret key (`tillwatch keygen`). Readable by its owner "       \
             "only. With it the socket speaks CURVE and nothing else. Not given: that of the "     \
             "section `curve`."},                                                                  \
    {                                                                                              \
        .name = prefix "clients", .type = TW_CFG_TEXT, .rule = TW_CFG_PATH, .is_reloadable = true, \
        .offset = (where) + offsetof(struct tw_cfg_curve, clients_dir),                            \
        .help = "Directory with a file `NAME.pub` for each client that may connect: its "          \
                "public key. The files are read again at SIGHUP."                                  \
    }
#define INSECURE_KEY(where)                                                                  \
    {                                                                                        \
        .name = "insecure", .type = TW_CFG_BOOL, .offset = (where),                          \
        .help = "Allows endpoints beyond this machine without CURVE: everybody who reaches " \
                "them can send, and everybody in between can read and change it."            \
    }
#define IN_CFG(field)  offsetof(struct tw_cfg, field)
#define IN_TAP(field)  offsetof(struct tw_cfg_tap, field)
#define IN_TYPE(field) offsetof(struct tw_cfg_object, field)
#define IN_MAP(field)  offsetof(struct tw_cfg_mapping, field)
#define IN_ATTR(field) offsetof(struct tw_cfg_attr_text, field)
#define IN_SYS(field)  offsetof(struct tw_cfg_system, field)
#define IN_DEST(field) offsetof(struct tw_cfg_destination, field)

static const struct tw_cfg_key store_keys[] = {
    {.name = "dir",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_PATH,
     .offset = IN_CFG(store.dir),
     .help = "Directory of the store, made at the first start. Not given: `$XDG_STATE_HOME/"
             "tillwatch`, else `/var/lib/tillwatch` for root or where it exists, else "
             "`$HOME/.local/state/tillwatch`."},
    INT_KEY(IN_CFG(store.partition_events), "partition-events", "events", 1000, 100000000, 2000000,
            "A partition of the store is full with so many records; the next one begins."),
    INT_KEY(IN_CFG(store.partition_hours), "partition-hours", "hours", 1, 8760, 24,
            "A partition is left after this time, even if it is not full: retention removes "
            "whole partitions."),
    INT_KEY(IN_CFG(store.commit_events), "commit-events", "events", 1, 65536, 4096,
            "A batch is committed with so many records, or after commit-ms."),
    INT_KEY(IN_CFG(store.commit_ms), "commit-ms", "ms", 1, 1000, 20,
            "A record waits at most so long for its batch to be committed. Every commit costs an "
            "fsync."),
    INT_KEY(IN_CFG(store.retain_days), "retain-days", "days", 1, 3650, 35,
            "Events, and all that belongs to them, are kept so long."),
    INT_KEY(IN_CFG(store.retain_payload_days), "retain-payload-days", "days", 1, 3650, 35,
            "`data` of events is kept so long; at most retain-days."),
    INT_KEY(IN_CFG(store.retain_quarantine_days), "retain-quarantine-days", "days", 1, 3650, 35,
            "Raw bytes of the quarantine are kept so long; at most retain-days."),
    INT_KEY(IN_CFG(store.warn_free_percent), "warn-free-percent", "percent", 0, 90, 10,
            "Less free space on the disk of the store is logged and shown as a warning."),
    INT_KEY(IN_CFG(store.stop_free_percent), "stop-free-percent", "percent", 0, 50, 2,
            "With less free space nothing is received and acknowledged until there is more."),
    INT_KEY(IN_CFG(store.stop_free_bytes), "stop-free-bytes", "bytes", 0, 1024 * GIB, 256 * MIB,
            "Likewise as an absolute size; whichever of both is reached first."),
    INT_KEY(IN_CFG(store.duplicate_memory_bytes), "duplicate-memory-bytes", "bytes", MIB, 64 * GIB,
            256 * MIB,
            "Memory for the filters that recognise duplicates of events in sealed partitions (two "
            "bytes an event). Beyond it duplicates of the oldest events are not recognised."),
};

static const struct tw_cfg_key intake_keys[] = {
    /* Two: one filling while one commits. Four hide a slow fsync. */
    INT_KEY(IN_CFG(intake.batches), "batches", "batches", 2, 64, 4,
            "Batches under way between intake and store. When all are, receiving stops."),
    INT_KEY(IN_CFG(intake.max_batch_events), "max-batch-events", "events", 1, 10000, 10000,
            "Events in one message; of a message with more the rest is quarantined as one piece."),
    INT_KEY(IN_CFG(intake.max_json_depth), "max-json-depth", "levels", 4, 10000, 64,
            "Nesting of JSON; deeper messages are quarantined."),
    INT_KEY(IN_CFG(intake.max_json_members), "max-json-members", "members", 16, 65536, 256,
            "Members of the outermost object of an event; one with more is quarantined."),
    INT_KEY(IN_CFG(intake.max_attribute_bytes), "max-attribute-bytes", "bytes", 256, MIB, 4 * KIB,
            "Length of one attribute; an event with a longer one is quarantined."),
    INT_KEY(IN_CFG(intake.max_quarantine_bytes), "max-quarantine-bytes", "bytes", KIB, 64 * MIB,
            64 * KIB, "Raw bytes kept of a quarantined message; the rest is cut and counted."),
};

static const struct tw_cfg_key correlate_keys[] = {
    INT_KEY(IN_CFG(correlate.max_objects), "max-objects", "objects", 1, 256, 32,
            "Objects of one event; further ones are ignored and counted."),
    INT_KEY(IN_CFG(correlate.max_links), "max-links", "links", 2, 1000000, 100,
            "Distinct neighbours of an object; with more it is a hub and carries no links."),
    INT_KEY(IN_CFG(correlate.max_hops), "max-hops", "links", 1, 8, 3,
            "Links between an object and the events of its journey."),
    INT_KEY(IN_CFG(correlate.max_journey_events), "max-journey-events", "events", 10, 1000000,
            10000, "Events of one journey; one with more is shown in part, and says so."),
    INT_KEY(IN_CFG(correlate.max_sources), "max-sources", "sources", 1, 500000, 200000,
            "Sources whose sequence and clock are watched; events of further ones are taken and "
            "counted."),
    INT_KEY(IN_CFG(correlate.max_gap_ranges), "max-gap-ranges", "ranges", 1, 4096, 64,
            "Gaps remembered of one source; beyond it the oldest is given up and counted."),
    INT_KEY(IN_CFG(correlate.clock_suspect_s), "clock-suspect-s", "s", 1, 864000, 300,
            "An event whose time is further ahead of its receipt has a suspect clock."),
    {.name = "ignore",
     .type = TW_CFG_LIST,
     .offset = IN_CFG(correlate.ignore),
     .text = "0|null|nil|none|n/a|na|unknown|undefined|-",
     .help = "Identifiers that say nothing and are no objects, compared without case. An empty "
             "one never is."},
};

static const struct tw_cfg_key web_keys[] = {
    {.name = "listen",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_LISTEN,
     .offset = IN_CFG(web.listen),
     .text = "127.0.0.1:8460",
     .help = "Address and port of the web half; `[::1]:8460` for IPv6."},
    INT_KEY(IN_CFG(web.threads), "threads", "threads", 1, 64, 4,
            "Threads that answer, each with its own connection to the store."),
    INT_KEY(IN_CFG(web.max_connections), "max-connections", "connections", 1, 65536, 512,
            "Open connections; further ones are refused."),
    INT_KEY(IN_CFG(web.max_connections_per_ip), "max-connections-per-ip", "connections", 1, 65536,
            128, "Open connections of one address; at most max-connections."),
    INT_KEY(
        IN_CFG(web.max_streams), "max-streams", "clients", 1, 65536, 256,
        "Clients of `/api/v1/stream`, one for each page that is open; at most max-connections."),
    INT_KEY(IN_CFG(web.timeout_s), "timeout-s", "s", 1, 3600, 30,
            "A connection on which nothing moves is closed after this time."),
    INT_KEY(IN_CFG(web.max_body_bytes), "max-body-bytes", "bytes", KIB, 64 * MIB, MIB,
            "Length of a request's body; a longer one is answered with 413."),
    INT_KEY(IN_CFG(web.query_deadline_ms), "query-deadline-ms", "ms", 10, 60000, 5000,
            "A question to the store that takes longer is answered in part or with 503."),
    {.name = "ui-dir",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_PATH,
     .offset = IN_CFG(web.ui_dir),
     .help = "Directory of the pages. Not given: the one installed with the program."},
    {.name = "gnuplot",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_PATH,
     .offset = IN_CFG(web.gnuplot),
     .help = "The program that draws plots. Not given: `/usr/bin/gnuplot`, else "
             "`/usr/local/bin/gnuplot`."},
    INT_KEY(IN_CFG(web.plot_processes), "plot-processes", "processes", 1, 16, 2,
            "gnuplot processes that are kept running."),
    INT_KEY(IN_CFG(web.plot_queue), "plot-queue", "plots", 1, 10000, 64,
            "Plots that wait to be drawn; further ones are answered with 503."),
    INT_KEY(IN_CFG(web.plot_deadline_ms), "plot-deadline-ms", "ms", 100, 60000, 5000,
            "gnuplot is ended and started anew when it takes longer for one plot."),
    INT_KEY(IN_CFG(web.plot_cache_bytes), "plot-cache-bytes", "bytes", 0, GIB, 32 * MIB,
            "Plots that were drawn and are kept for those who ask next."),
};

/* Bounds of a password's cost are those of access/password.h: what OWASP's cheat sheet asks for at
 * least, and what a machine bears twice at most. Defaults: RFC 9106, 4, the second one. */
static const struct tw_cfg_key access_keys[] = {
    {.name = "sign-in",
     .type = TW_CFG_BOOL,
     .offset = IN_CFG(access.is_required),
     .text = "none|required",
     .help = "`required`: the pages and the API answer whoever has signed in, a program with its "
             "token, or a user whom a trusted proxy names. `none`: everybody on this machine may "
             "do all, others nothing."},
    {.name = "proxy.addresses",
     .type = TW_CFG_LIST,
     .rule = TW_CFG_NETWORK,
     .offset = IN_CFG(access.proxy_addresses),
     .help = "Addresses or networks (`192.0.2.0/24`) of proxies that say who asks. What the "
             "headers below say is refused from anywhere else."},
    {.name = "proxy.user-header",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_HEADER,
     .offset = IN_CFG(access.proxy_user_header),
     .help = "Header in which the proxy names the user, such as `X-Forwarded-User`. It must remove "
             "what its clients send under that name. Not given: no proxy is asked."},
    {.name = "proxy.role-header",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_HEADER,
     .offset = IN_CFG(access.proxy_role_header),
     .help = "Header in which the proxy says the role of the user."},
    {.name = "proxy.role",
     .type = TW_CFG_CHOICE,
     .offset = IN_CFG(access.proxy_role),
     .initial = 1,
     .text = "none|viewer|operator|admin",
     .help = "Role of users whom a proxy names, where it does not say."},
    INT_KEY(IN_CFG(access.password_passes), "password-passes", "passes", 2, 16, 3,
            "Passes of Argon2id over its memory. A password that was stored with another cost is "
            "stored anew when its user signs in."),
    INT_KEY(IN_CFG(access.password_memory_bytes), "password-memory-bytes", "bytes", 19 * MIB, GIB,
            64 * MIB, "Memory of Argon2id for one password; two are hashed at a time."),
    INT_KEY(IN_CFG(access.session_idle_s), "session-idle-s", "s", 300, 86400, 1800,
            "A session ends so long after its last use; at most session-absolute-s."),
    INT_KEY(IN_CFG(access.session_absolute_s), "session-absolute-s", "s", 900, 604800, 43200,
            "A session ends so long after the sign-in, however much it is used."),
    INT_KEY(IN_CFG(access.token_days), "token-days", "days", 1, 1826, 365,
            "A token of a program expires after this time, where `--expires` does not say."),
};

static const struct tw_cfg_key workflow_keys[] = {
    {.name = "pack",
     .type = TW_CFG_BOOL,
     .is_reloadable = true,
     .offset = IN_CFG(workflows.has_pack),
     .initial = true,
     .help = "The retail pack that is built in. Of its workflows only those apply whose object "
             "type is a linking one of `objects`."},
    {.name = "dirs",
     .type = TW_CFG_LIST,
     .rule = TW_CFG_PATH,
     .is_reloadable = true,
     .offset = IN_CFG(workflows.dirs),
     .help = "Directories whose `*.yaml` are read in order of name: workflows, maintenance, "
             "OpenSLO. Relative to the configuration file. A workflow with the name of one of the "
             "pack takes its place."},
};

static const struct tw_cfg_key dashboard_keys[] = {
    {.name = "pack",
     .type = TW_CFG_BOOL,
     .is_reloadable = true,
     .offset = IN_CFG(dashboards.has_pack),
     .initial = true,
     .help = "The dashboards that are built in."},
    {.name = "dirs",
     .type = TW_CFG_LIST,
     .rule = TW_CFG_PATH,
     .is_reloadable = true,
     .offset = IN_CFG(dashboards.dirs),
     .help = "Directories whose `*.yaml` are read in order of name, a dashboard each. Relative to "
             "the configuration file. A dashboard with the name of a built-in one takes its place. "
             "One with a fault shows it; it is no reason not to start."},
};

static const struct tw_cfg_key cause_keys[] = {
    {.name = "pack",
     .type = TW_CFG_BOOL,
     .is_reloadable = true,
     .offset = IN_CFG(causes.has_pack),
     .initial = true,
     .help = "The retail rules that are built in; they are asked last."},
    {.name = "dirs",
     .type = TW_CFG_LIST,
     .rule = TW_CFG_PATH,
     .is_reloadable = true,
     .offset = IN_CFG(causes.dirs),
     .help = "Directories whose `*.yaml` are read in order of name: rules that map failures to "
             "causes. Relative to the configuration file. They are asked in this order, behind "
             "those of the operators (`causes.yaml` in `store.dir`)."},
};

static const struct tw_cfg_key alert_keys[] = {
    {.name = "pack",
     .type = TW_CFG_BOOL,
     .is_reloadable = true,
     .offset = IN_CFG(alerts.has_pack),
     .initial = true,
     .help = "The retail rules that are built in."},
    {.name = "dirs",
     .type = TW_CFG_LIST,
     .rule = TW_CFG_PATH,
     .is_reloadable = true,
     .offset = IN_CFG(alerts.dirs),
     .help = "Directories whose `*.yaml` are read in order of name: alert rules. Relative to the "
             "configuration file. A rule with the name of a built-in one takes its place."},
    {.name = "runbook-dirs",
     .type = TW_CFG_LIST,
     .rule = TW_CFG_PATH,
     .is_reloadable = true,
     .offset = IN_CFG(alerts.runbook_dirs),
     .help = "Directories whose `NAME.md` are runbooks, beside those that are built in. Relative "
             "to the configuration file. One with the name of a built-in one takes its place."},
    INT_KEY(IN_CFG(alerts.history_days), "history-days", "days", 1, 3650, 90,
            "Alerts that are over, with what was said of them, are kept for so long."),
    INT_KEY(IN_CFG(alerts.max), "max", "alerts", 100, 20000, 20000,
            "Pending and firing at once; further ones are counted and are an error of their rule."),
    INT_KEY(IN_CFG(alerts.push_max), "push-max", "alerts", 100, 100000, 10000,
            "Alerts of others (`POST /api/v2/alerts`) that wait to be taken in; further ones are "
            "refused."),
};

static const struct tw_cfg_key notify_keys[] = {
    {.name = "file",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_PATH,
     .is_reloadable = true,
     .offset = IN_CFG(notify.file),
     .help = "Who is told of what: receivers, routes, times, what inhibits what. "
             "Relative to the configuration file. Not "
             "given: browsers, and what is published over ZeroMQ."},
    {.name = "pub",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_ENDPOINT,
     .is_reloadable = true,
     .offset = IN_CFG(notify.pub),
     .text = "tcp://127.0.0.1:8465",
     .help = "ZeroMQ endpoint on which alerts are published, where `pub` in the file says none."},
    CURVE_KEYS("curve.", IN_CFG(notify.curve)),
    INSECURE_KEY(IN_CFG(notify.is_insecure)),
};

static const struct tw_cfg_key track_keys[] = {
    INT_KEY(IN_CFG(track.linger_s), "linger-s", "s", 1, 86400, 600,
            "Objects and finished runs are remembered so long after their last event, so that late "
            "events still find them. Takes about 600 bytes for each run that ends in that time."),
    INT_KEY(IN_CFG(track.give_up_days), "give-up-days", "days", 1, 3650, 30,
            "A run that is failed or overdue stays open so long after its last event."),
    INT_KEY(IN_CFG(track.max_open_runs), "max-open-runs", "runs", 100, 50000000, 2000000,
            "Runs that are remembered, open and lingering; beyond it the oldest is given up and "
            "counted. About 550 bytes each, with its events."),
    INT_KEY(IN_CFG(track.max_objects), "max-objects", "objects", 100, 67108864, 8000000,
            "Objects that are remembered; beyond it the oldest that no open run needs go first."),
    INT_KEY(IN_CFG(track.settle_s), "settle-s", "s", 0, 3600, 10,
            "After a start nothing becomes overdue for so long, and until the taps were found "
            "empty: senders connect again and send what they kept."),
    INT_KEY(IN_CFG(track.idle_s), "idle-s", "s", 1, 86400, 60,
            "A source that catches up holds the deadlines of its system back until it has been "
            "silent for so long."),
    INT_KEY(IN_CFG(track.store_silent_s), "store-silent-s", "s", 5, 604800, 900,
            "A store of which nothing is heard for longer is silent. One that closes at night is "
            "silent then too, unless this is longer than its night."),
    INT_KEY(IN_CFG(track.list_after_s), "list-after-s", "s", 1, 864000, 30,
            "A run that waits for a step longer than this is listed, overdue or not."),
    INT_KEY(IN_CFG(track.snapshot_s), "snapshot-s", "s", 1, 86400, 300,
            "The state of tracking is saved so often; a start replays the records since."),
    INT_KEY(IN_CFG(track.snapshot_events), "snapshot-events", "events", 1000, 1000000000, 1000000,
            "Likewise after so many records; whichever of both is first. A start repeats about a "
            "million records in a second or two."),
    {.name = "expected-stores",
     .type = TW_CFG_LIST,
     .offset = IN_CFG(track.expected_stores),
     .help = "`storeid` of every store that must answer a roll-out. Not given: those seen in the "
             "seven days before it."},
    {.name = "timezone",
     .type = TW_CFG_TEXT,
     .offset = IN_CFG(track.timezone),
     .help = "The clock on the wall of the stores: an IANA name, such as `Europe/Berlin`. What is "
             "usual (alert rules, decisions that do not come) is known by the hours of the week "
             "that it shows, so that a clock change is none for it. Not given: UTC."},
};

static const struct tw_cfg_key agent_keys[] = {
    {.name = "bind",
     .type = TW_CFG_LIST,
     .rule = TW_CFG_ENDPOINT,
     .offset = IN_CFG(agents.bind),
     .text = "tcp://127.0.0.1:8464",
     .help = "ZeroMQ endpoints on which replay agents are listened to: `tcp://host:port` or "
             "`ipc://path`. `[]`: none."},
    INT_KEY(IN_CFG(agents.heartbeat_s), "heartbeat-s", "s", 1, 60, 2,
            "Agents and the tower ping each other so often; who is silent for three times that is "
            "offline."),
    CURVE_KEYS("curve.", IN_CFG(agents.curve)),
    INSECURE_KEY(IN_CFG(agents.is_insecure)),
};

static const struct tw_cfg_key curve_keys[] = {CURVE_KEYS("", IN_CFG(curve))};

static const struct tw_cfg_key replay_keys[] = {
    INT_KEY(IN_CFG(replay.rate), "rate", "items/s", 1, 10000, 50,
            "So many items of a replay are sent in a second, at the most."),
    INT_KEY(IN_CFG(replay.canary), "canary", "items", 0, 10000, 5,
            "So many items go ahead; the others follow when all of these are proven."),
    INT_KEY(IN_CFG(replay.stop_after_failures), "stop-after-failures", "items", 0, 1000000, 10,
            "A replay stops when so many of its items failed again, were refused or are unproven; "
            "0: never."),
    INT_KEY(IN_CFG(replay.stop_percent), "stop-percent", "percent", 0, 100, 10,
            "Likewise at this share of those that ended, as soon as 20 have; 0: never."),
    INT_KEY(IN_CFG(replay.proof_s), "proof-s", "s", 1, 604800, 300,
            "An item that is not proven so long after it was sent is unproven."),
    INT_KEY(IN_CFG(replay.under_way), "under-way", "items", 1, 10000, 500,
            "Items of one replay that are sent and have not ended, at the most."),
    {.name = "edit",
     .type = TW_CFG_BOOL,
     .offset = IN_CFG(replay.may_edit),
     .initial = false,
     .help = "Whether an event may be changed before it is sent again. The stored one stays as it "
             "is."},
    {.name = "money-words",
     .type = TW_CFG_LIST,
     .offset = IN_CFG(replay.money_words),
     .text = "amount|price|total|tax|discount|currency|cost|fee|refund",
     .help = "A change of a field with one of these words in its name, whatever the case, or "
             "of an event of a financial workflow, is sent when a second person has approved it."},
};

static const struct tw_cfg_key system_keys[] = {
    {.name = "name",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_NAME,
     .is_required = true,
     .is_reloadable = true,
     .offset = IN_SYS(name),
     .help = "As steps of workflows and the attribute `system` of events name it; unique."},
    {.name = "title",
     .type = TW_CFG_TEXT,
     .is_reloadable = true,
     .offset = IN_SYS(title),
     .help = "What people call it. Not given: its name."},
};

static const struct tw_cfg_key tap_keys[] = {
    {.name = "name",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_NAME,
     .is_required = true,
     .offset = IN_TAP(name),
     .help = "How the tap is called in counters and in the store; unique."},
    {.name = "kind",
     .type = TW_CFG_CHOICE,
     .is_required = true,
     .offset = IN_TAP(kind),
     .text = "pull|sub|router",
     .help = "`pull` and `sub` are best effort; `router` acknowledges what is committed."},
    {.name = "bind",
     .type = TW_CFG_LIST,
     .rule = TW_CFG_ENDPOINT,
     .offset = IN_TAP(bind),
     .help = "ZeroMQ endpoints to listen on: `tcp://host:port` or `ipc://path`. At least one of "
             "bind and connect."},
    {.name = "connect",
     .type = TW_CFG_LIST,
     .rule = TW_CFG_ENDPOINT,
     .offset = IN_TAP(connect),
     .help = "ZeroMQ endpoints to connect to."},
    {.name = "subscribe",
     .type = TW_CFG_LIST,
     .offset = IN_TAP(subscribe),
     .help = "`sub` only: topic prefixes. Not given: everything."},
    INT_KEY(IN_TAP(receive_hwm), "receive-hwm", "messages", 1, 10000000, 10000,
            "Messages queued per peer in the socket. A full queue holds PUSH and DEALER peers "
            "back; PUB peers drop, which shows as gaps."),
    INT_KEY(IN_TAP(max_message_bytes), "max-message-bytes", "bytes", KIB, GIB, 16 * MIB,
            "Size of one message; the peer of a larger one is disconnected (ZMQ_MAXMSGSIZE)."),
    INT_KEY(IN_TAP(heartbeat_ms), "heartbeat-ms", "ms", 0, 3600000, 5000,
            "Interval of ZeroMQ heartbeats, so that dead peers are noticed; 0: none."),
    INT_KEY(IN_TAP(handshake_ms), "handshake-ms", "ms", 100, 600000, 10000,
            "A peer that has not finished its handshake after this time is disconnected."),
    CURVE_KEYS("curve.", IN_TAP(curve)),
    INSECURE_KEY(IN_TAP(is_insecure)),
};

static const struct tw_cfg_key object_keys[] = {
    {.name = "type",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_NAME,
     .is_required = true,
     .offset = IN_TYPE(type),
     .help = "Name of the object type; unique."},
    {.name = "attribute",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_ATTRIBUTE,
     .is_required = true,
     .offset = IN_TYPE(attribute),
     .help = "The CloudEvents attribute with its identifier; several: separated by a space."},
    {.name = "scope",
     .type = TW_CFG_LIST,
     .rule = TW_CFG_ATTRIBUTE,
     .offset = IN_TYPE(scope),
     .help = "Attributes within whose values the identifier is unique; all must be there."},
    {.name = "role",
     .type = TW_CFG_BOOL,
     .offset = IN_TYPE(is_linking),
     .initial = true,
     .text = "context|linking",
     .help = "`linking` joins events to journeys, `context` only describes them."},
    {.name = "indexed",
     .type = TW_CFG_BOOL,
     .offset = IN_TYPE(is_indexed),
     .help = "Can be searched for. Linking types always are."},
};

static const struct tw_cfg_key source_keys[] = {
    {.name = "match",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_PATTERN,
     .is_required = true,
     .offset = offsetof(struct tw_cfg_source, match),
     .help = "Of the attribute `source`: exact, or a prefix that ends in `*`. The first entry "
             "that fits counts."},
    {.name = "sequenced",
     .type = TW_CFG_BOOL,
     .offset = offsetof(struct tw_cfg_source, is_sequenced),
     .help = "Its `sequence` counts without holes: gaps and rewinds are looked for."},
};

static const struct tw_cfg_key effect_keys[] = {
    {.name = "event",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_PATTERN,
     .is_required = true,
     .offset = offsetof(struct tw_cfg_effect, event),
     .help = "Event type that may happen only once for an object: exact, or a prefix that ends "
             "in `*`."},
    {.name = "object",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_NAME,
     .is_required = true,
     .offset = offsetof(struct tw_cfg_effect, object),
     .help = "The object type."},
};

static const struct tw_cfg_key destination_keys[] = {
    {.name = "name",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_NAME,
     .is_required = true,
     .offset = IN_DEST(name),
     .help = "The system, as steps name it. Its replays are posted, and go to no agent. Unique."},
    {.name = "url",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_URL,
     .is_required = true,
     .offset = IN_DEST(url),
     .help = "Where to: `https://...`; `http://...` for this machine only, unless `insecure`. No "
             "user or password and no fragment in it. Redirects are not followed, proxies of the "
             "environment not used."},
    INT_KEY(IN_DEST(timeout_s), "timeout-s", "s", 1, 120, 10,
            "An answer is awaited so long, connecting included."),
    INT_KEY(IN_DEST(concurrency), "concurrency", "posts", 1, 64, 8, "Posts under way at a time."),
    {.name = "ca-file",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_PATH,
     .offset = IN_DEST(ca_file),
     .help = "Certificates (PEM) of the authorities that may sign for the host, in place of those "
             "of this machine. That certificate and host are verified cannot be switched off."},
    {.name = "bearer-token-file",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_PATH,
     .offset = IN_DEST(bearer_token_file),
     .help = "File with the token of `Authorization: Bearer`; others must not be able to read it. "
             "Read for every post, so that it may be exchanged; never logged. Not over plain "
             "http to another machine."},
    {.name = "headers",
     .type = TW_CFG_PAIRS,
     .offset = IN_DEST(headers),
     .help = "Constant headers, `name: value`, at most 16; not for secrets (`print-config` shows "
             "them) and not those that the tower sets itself."},
    {.name = "insecure",
     .type = TW_CFG_BOOL,
     .offset = IN_DEST(is_insecure),
     .help = "Allows plain http to another machine: everybody in between can read and change what "
             "is sent."},
};

static const struct tw_cfg_key mapping_keys[] = {
    {.name = "name",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_NAME,
     .is_required = true,
     .offset = IN_MAP(name),
     .help = "Unique. A mapping with the name of a shipped one takes its place."},
    {.name = "topic",
     .type = TW_CFG_TEXT,
     .offset = IN_MAP(topic),
     .help = "Prefix of the message's topic. At least one of topic and match."},
    {.name = "match.pointer",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_POINTER,
     .offset = IN_MAP(match_pointer),
     .help = "JSON Pointer (RFC 6901) to a value that must be there."},
    {.name = "match.value",
     .type = TW_CFG_TEXT,
     .offset = IN_MAP(match_value),
     .help = "The text it must have. Not given: any."},
    {.name = "each",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_POINTER,
     .offset = IN_MAP(each),
     .help = "JSON Pointer to an array: every element is an event, and the pointers of the "
             "attributes begin there. Not given: the message is one event."},
    {.name = "attributes",
     .type = TW_CFG_ATTRIBUTES,
     .is_required = true,
     .offset = IN_MAP(attributes),
     .help = "CloudEvents attribute to where its value comes from; `id`, `source` and `type` must "
             "be among them. See below."},
};

static const struct tw_cfg_key attr_keys[] = {
    {.name = "pointer",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_VALUE_POINTER,
     .offset = IN_ATTR(pointer),
     .help = "JSON Pointer to the value. It counts from the element of `each`; with `^` in front "
             "from the whole message."},
    {.name = "constant",
     .type = TW_CFG_TEXT,
     .offset = IN_ATTR(constant),
     .help = "The value itself."},
    {.name = "template",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_TEMPLATE,
     .offset = IN_ATTR(template),
     .help = "Text in which `{/pointer}` stands for a value; `{{` and `}}` are braces."},
    {.name = "map",
     .type = TW_CFG_PAIRS,
     .offset = IN_ATTR(map),
     .help = "Translation of the value; one that is not listed stays as it is."},
    {.name = "minor-units",
     .type = TW_CFG_BOOL,
     .offset = IN_ATTR(is_minor_units),
     .help = "`amount` only: the value counts minor units of `currency`."},
    {.name = "optional",
     .type = TW_CFG_BOOL,
     .offset = IN_ATTR(is_optional),
     .help = "Without a value the attribute is absent; otherwise the event is quarantined."},
};

static const struct tw_cfg_key top_keys[] = {
    {.name = "mapping-files",
     .type = TW_CFG_LIST,
     .rule = TW_CFG_PATH,
     .offset = offsetof(struct tw_cfg_top, mapping_files),
     .help = "Files with a list of mappings each, or directories whose `*.yaml` are read in order "
             "of name; relative to the configuration file. They come after `mappings`."},
    {.name = "shipped-mappings",
     .type = TW_CFG_BOOL,
     .offset = offsetof(struct tw_cfg_top, has_shipped_mappings),
     .initial = true,
     .help = "Append the mappings that are built in (Shopify, Adyen)."},
};

#define MAP_SECTION(title, table, about)                                             \
    {                                                                                \
        .name = (title), .keys = (table), .key_count = COUNT(table), .help = (about) \
    }
#define LIST_SECTION(title, table, type, items, number, most, about)                          \
    {                                                                                         \
        .name = (title), .keys = (table), .key_count = COUNT(table), .is_list = true,         \
        .item_size = sizeof(type), .items_offset = offsetof(struct tw_cfg, items),            \
        .count_offset = offsetof(struct tw_cfg, number), .max_items = (most), .help = (about) \
    }

const struct tw_cfg_section tw_cfg_sections[TW_CFG_SECTION_COUNT] = {
    [TW_CFG_STORE] = MAP_SECTION("store", store_keys, "Where and how long events are kept."),
    [TW_CFG_INTAKE] = MAP_SECTION("intake", intake_keys, "Limits of what is taken in."),
    [TW_CFG_CORRELATE] =
        MAP_SECTION("correlate", correlate_keys, "How events are joined to journeys."),
    [TW_CFG_TRACK] = MAP_SECTION("track", track_keys, "How runs of workflows are followed."),
    [TW_CFG_WEB] = MAP_SECTION("web", web_keys, "The web half."),
    [TW_CFG_ACCESS] =
        MAP_SECTION("access", access_keys, "Who may sign in, for how long; tokens of programs."),
    [TW_CFG_WORKFLOWS] = MAP_SECTION("workflows", workflow_keys,
                                     "Where workflows come from ([workflows.md](workflows.md))."),
    [TW_CFG_DASHBOARDS] =
        MAP_SECTION("dashboards", dashboard_keys,
                    "Where dashboards come from ([dashboards.md](dashboards.md))."),
    [TW_CFG_CAUSES] = MAP_SECTION("causes", cause_keys,
                                  "Where rules for causes come from ([causes.md](causes.md))."),
    [TW_CFG_ALERTS] = MAP_SECTION("alerts", alert_keys,
                                  "Where alert rules come from ([alert-rules.md](alert-rules.md)), "
                                  "and how many alerts there may be."),
    [TW_CFG_NOTIFY] = MAP_SECTION("notify", notify_keys, "Who is told of alerts."),
    [TW_CFG_AGENTS] =
        MAP_SECTION("agents", agent_keys, "Replay agents ([agents.md](../agents.md))."),
    [TW_CFG_CURVE] =
        MAP_SECTION("curve", curve_keys,
                    "Encryption and keys of all ZeroMQ sockets that have none of their own: taps, "
                    "agents and published alerts ([operators.md](../operators.md)). With it the "
                    "tower takes no client without a key anywhere."),
    [TW_CFG_REPLAY] = MAP_SECTION("replay", replay_keys,
                                  "How replays are sent, where the operator does not say."),
    [TW_CFG_TAPS] = LIST_SECTION("taps", tap_keys, struct tw_cfg_tap, taps, tap_count, 64,
                                 "ZeroMQ sockets on which the collector listens. A list given "
                                 "here takes the place of the built-in one."),
    [TW_CFG_OBJECTS] =
        LIST_SECTION("objects", object_keys, struct tw_cfg_object, objects, object_count, 64,
                     "Object types. A list given here takes the place of the built-in one. The "
                     "type called `trace` takes the trace id out of its attribute "
                     "(W3C traceparent)."),
    [TW_CFG_SOURCES] =
        LIST_SECTION("sources", source_keys, struct tw_cfg_source, sources, source_count, 4096,
                     "What is known of sources. A list given here takes the place "
                     "of the built-in one."),
    [TW_CFG_EFFECTS] =
        LIST_SECTION("effects", effect_keys, struct tw_cfg_effect, effects, effect_count, 1024,
                     "Business effects: a second event of this type for the same object is a "
                     "duplicate effect. A list given here takes the place of the built-in one, of "
                     "which only those apply whose object type exists."),
    [TW_CFG_MAPPINGS] =
        LIST_SECTION("mappings", mapping_keys, struct tw_cfg_mapping, mappings, mapping_count, 1024,
                     "How foreign JSON becomes events. The first that fits counts: "
                     "those given here, then mapping-files, then the shipped ones."),
    [TW_CFG_SYSTEMS] =
        LIST_SECTION("systems", system_keys, struct tw_cfg_system, systems, system_count, 256,
                     "Systems of the estate that steps of workflows may name. Those given here "
                     "come beside the built-in ones; one with the same name takes its place."),
    [TW_CFG_DESTINATIONS] =
        LIST_SECTION("destinations", destination_keys, struct tw_cfg_destination, destinations,
                     destination_count, TW_CFG_MAX_DESTINATIONS,
                     "HTTP destinations of replays "
                     "([replay-destinations.md](replay-destinations.md)). Nothing is posted to "
                     "anywhere else. Read at start only."),
};
const struct tw_cfg_section tw_cfg_top_section =
    MAP_SECTION("", top_keys, "Keys of the top level.");
const struct tw_cfg_section tw_cfg_attr_section =
    MAP_SECTION("mappings.attributes", attr_keys,
                "Of each attribute: exactly one of pointer, constant and template.");
