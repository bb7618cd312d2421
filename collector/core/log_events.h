/* SPDX-License-Identifier: Apache-2.0
 * Every log event: X(NAME, level, "name", "what it means, for the reference page"). */
#ifndef TW_CORE_LOG_EVENTS_H
#define TW_CORE_LOG_EVENTS_H

#define TW_LOG_EVENTS(X)                                                                           \
    X(STARTED, INFO, "started", "the program, or a half of it, is ready")                          \
    X(STOPPING, INFO, "stopping", "a stop was asked for; draining")                                \
    X(STOPPED, INFO, "stopped", "everything is committed and closed")                              \
    X(START_FAILED, ERROR, "start_failed", "the program cannot start; reason= says why")           \
    X(RELOADED, INFO, "reloaded", "SIGHUP: new workflows, rules and client keys are in force")     \
    X(RELOAD_REFUSED, ERROR, "reload_refused", "SIGHUP: faults in the files; the old ones stay")   \
    X(RECOVERED, INFO, "recovered", "state was rebuilt from the store")                            \
    X(TAP_BOUND, INFO, "tap_bound", "a tap listens")                                               \
    X(TAP_FAILED, ERROR, "tap_failed", "a tap cannot be opened or read")                           \
    X(CLIENT_REFUSED, WARN, "client_refused", "a client without a known key was kept out")         \
    X(QUARANTINED, WARN, "quarantined", "a message or event could not be understood")              \
    X(ACK_UNDELIVERABLE, WARN, "ack_undeliverable", "an acknowledgement found no client")          \
    X(CLOCK_MOVED, WARN, "clock_moved", "the wall clock jumped against the monotonic one")         \
    X(COMMIT_FAILED, ERROR, "commit_failed", "a batch could not be committed")                     \
    X(DISK_LOW, WARN, "disk_low", "little free space; below the limit acknowledging stops")        \
    X(DISK_FULL, ERROR, "disk_full", "acknowledging has stopped until space is free")              \
    X(DISK_OK, INFO, "disk_ok", "space is free again; acknowledging goes on")                      \
    X(PARTITION_STARTED, INFO, "partition_started", "a new partition of the store")                \
    X(PARTITION_SEALED, INFO, "partition_sealed", "a partition got its final index")               \
    X(PARTITION_EXPIRED, INFO, "partition_expired", "a partition passed its retention")            \
    X(STORE_FAILED, ERROR, "store_failed", "background work on the store failed")                  \
    X(WEB_BOUND, INFO, "web_bound", "the web half listens")                                        \
    X(WEB_FAILED, ERROR, "web_failed", "the web half cannot answer")                               \
    X(PAYLOAD_REVEALED, INFO, "payload_revealed", "somebody looked at an unmasked payload")        \
    X(PLOT_FAILED, WARN, "plot_failed", "gnuplot could not draw a plot; it is started anew")       \
    X(REQUEST_DONE, INFO, "request_done", "a request of an operator was carried out")              \
    X(REQUEST_FAILED, WARN, "request_failed", "a request of an operator could not be carried out") \
    X(DEBUG, DEBUG, "debug", "detail for developers")                                              \
    X(SCHEMA_MIGRATED, INFO, "schema_migrated", "a file of the store was brought to this version") \
    X(SNAPSHOT_REFUSED, WARN, "snapshot_refused",                                                  \
      "the tracker's saved state cannot be used; it is made anew")                                 \
    X(SNAPSHOT_FAILED, WARN, "snapshot_failed", "the tracker's state could not be saved")          \
    X(REPLAY_INCOMPLETE, WARN, "replay_incomplete",                                                \
      "records that tracking needs at a start are damaged")                                        \
    X(PARTITION_ARCHIVED, INFO, "partition_archived",                                              \
      "the series of a partition are in the archive")                                              \
    X(ARCHIVE_REFUSED, ERROR, "archive_refused",                                                   \
      "series.db cannot be used; partitions keep their series")                                    \
    X(DESK_BEGINS_ANEW, WARN, "desk_begins_anew",                                                  \
      "the desk is ahead of the store: all is followed again")                                     \
    X(CAUSES_IN_FORCE, INFO, "causes_in_force", "other rules for causes are in force")             \
    X(ALERT_RULES_IN_FORCE, INFO, "alert_rules_in_force", "other alert rules are in force")        \
    X(AGENTS_BOUND, INFO, "agents_bound", "replay agents are listened to")                         \
    X(AGENT_ONLINE, INFO, "agent_online", "a replay agent said hello")                             \
    X(AGENT_OFFLINE, WARN, "agent_offline", "a replay agent is silent, or another has its place")  \
    X(AGENT_REFUSED, WARN, "agent_refused", "a replay agent has another name than its key")        \
    X(REPLAY_STOPPED, WARN, "replay_stopped", "a replay stopped by itself: too much of it failed") \
    X(REPLAY_DONE, INFO, "replay_done", "nothing of a replay is waiting or sent any more")         \
    X(ALERTS_STOPPED, ERROR, "alerts_stopped",                                                     \
      "alert rules cannot be judged or written; it is tried again")                                \
    X(ALERTS_GO_ON, INFO, "alerts_go_on", "alert rules are judged and written again")              \
    X(NOTIFY_STOPPED, ERROR, "notify_stopped",                                                     \
      "notifications cannot be made or written; it is tried again")                                \
    X(NOTIFY_GOES_ON, INFO, "notify_goes_on", "notifications are made and written again")          \
    X(ALERT_DAMAGED, ERROR, "alert_damaged",                                                       \
      "the rows of so many alerts cannot be read: nobody is told of these")                        \
    X(SILENCE_ENDS, INFO, "silence_ends", "a silence ends soon: what it keeps quiet will be told") \
    X(RECEIVER_FAILING, WARN, "receiver_failing", "a receiver of notifications cannot be told")    \
    X(RECEIVER_WORKS, INFO, "receiver_works", "a receiver of notifications is told again")         \
    X(AUDIT_BROKEN, ERROR, "audit_broken", "the audit is not as it was written")                   \
    X(AUDIT_HEAD_FAILED, WARN, "audit_head_failed",                                                \
      "audit.head could not be written; the next deed does it")                                    \
    X(SIGN_IN_FAILED, WARN, "sign_in_failed", "wrong user or password")                            \
    X(PROXY_REFUSED, WARN, "proxy_refused",                                                        \
      "an address that is not in access.proxy.addresses said who asks, or one that is named "      \
      "nobody")

enum tw_log_event {
#define TW_LOG_ENUM(name, level, text, help) TW_LOG_##name##_EVENT,
    TW_LOG_EVENTS(TW_LOG_ENUM)
#undef TW_LOG_ENUM
        TW_LOG_EVENT_COUNT
};

#endif
