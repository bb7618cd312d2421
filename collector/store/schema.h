/* SPDX-License-Identifier: Apache-2.0
 * The SQL of the store's files, and the numbers that identify them. docs/reference/store.md tells
 * what every column means; a change here is a new version with a migration.
 * Text that may hold NUL or invalid UTF-8 is stored as BLOB. Times are wall nanoseconds.
 */
#ifndef TW_STORE_SCHEMA_H
#define TW_STORE_SCHEMA_H

#define TW_CATALOGUE_NAME    "tillwatch.db"
#define TW_LOCK_NAME         "lock"
#define TW_MARK_NAME         "mark" /* last committed record, see store.md */
#define TW_FULL_NAME         "full" /* exists while acknowledging has stopped for want of space */
#define TW_PART_FORMAT       "part-%06u.db"     /* being written, or waiting to be sealed; WAL */
#define TW_SEALED_FORMAT     "part-%06u.sealed" /* complete and immutable; no journal */
#define TW_CATALOGUE_APP_ID  0x54574361         /* "TWCa" */
#define TW_PART_APP_ID       0x54575074         /* "TWPt" */
#define TW_CATALOGUE_VERSION 2                  /* user_version */
#define TW_PART_VERSION      5
#define TW_ARCHIVE_NAME      "series.db" /* the archive of series, see archive.h */
#define TW_ARCHIVE_APP_ID    0x54575372  /* "TWSr" */
#define TW_ARCHIVE_VERSION   1
#define TW_RULES_NAME        "causes.yaml" /* of operators (causes/causes.h): only copied here */
#define TW_DESK_NAME         "desk.db"     /* failures and what is done about them, see desk.h */
#define TW_DESK_APP_ID       0x5457446b    /* "TWDk" */
#define TW_DESK_VERSION      4
#define TW_DB_PAGE_SIZE      16384
#define TW_EXTENT_BYTES      65536u /* stored bytes of blocks in one row, before the one over it */
#define TW_QUARANTINE_SHIFT  32     /* id = partition number << 32 | counter from 1 */

/* run.state */
#define TW_RUN_BUILDING 0 /* a merge writes it; its pages must not be read */
#define TW_RUN_READY    1
#define TW_RUN_DEAD     2 /* merged into another; its pages are being deleted */

/* filter.kind (upper half of filter.id) */
#define TW_FILTER_IDENT   1 /* of tw_ident.key */
#define TW_FILTER_OBJECT  2 /* of tw_object_hash(key) */
#define TW_FILTER_SHIFT   32
#define TW_FILTER_LINE    64  /* bytes: one cache line, 512 bits, decides one hash */
#define TW_FILTER_PER_ROW 125 /* lines in one row: it fits in one page of the file */

/* request.state is enum tw_request_state. meta keys: 'store_id' (16 bytes, blob), 'ident_seed'
 * (8 bytes little endian, blob), 'created' (integer, wall nanoseconds). */
#define TW_SQL_CATALOGUE_1                                                                \
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"                       \
    "CREATE TABLE object_type(code INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"       \
    " is_linking INTEGER NOT NULL, scope TEXT NOT NULL, is_indexed INTEGER NOT NULL);"    \
    "CREATE TABLE tap(code INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"              \
    "CREATE TABLE request(id INTEGER PRIMARY KEY AUTOINCREMENT, kind BLOB NOT NULL,"      \
    " body BLOB, actor BLOB, created INTEGER NOT NULL, state INTEGER NOT NULL DEFAULT 0," \
    " result BLOB, finished INTEGER);"                                                    \
    "CREATE INDEX request_waiting ON request(id) WHERE state = 0;"

/* One row in `meta`, id 1. An empty partition has last_n = first_n - 1 and commits = 0. */
#define TW_SQL_PART_1                                                                          \
    "CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK(id = 1), store_id BLOB NOT NULL,"          \
    " number INTEGER NOT NULL, first_n INTEGER NOT NULL, last_n INTEGER NOT NULL,"             \
    " started INTEGER NOT NULL, closed INTEGER NOT NULL, commits INTEGER NOT NULL,"            \
    " first_received INTEGER, last_received INTEGER, first_time INTEGER, last_time INTEGER,"   \
    " totals BLOB NOT NULL, problems BLOB NOT NULL, checkpoint_n INTEGER NOT NULL,"            \
    " next_quarantine INTEGER NOT NULL, is_sealed INTEGER NOT NULL DEFAULT 0,"                 \
    " payload_expired INTEGER NOT NULL DEFAULT 0,"                                             \
    " quarantine_expired INTEGER NOT NULL DEFAULT 0,"                                          \
    " ident_count INTEGER NOT NULL DEFAULT 0, ident_pages INTEGER NOT NULL DEFAULT 0,"         \
    " ident_lines INTEGER NOT NULL DEFAULT 0, object_lines INTEGER NOT NULL DEFAULT 0);"       \
    "CREATE TABLE block(first_n INTEGER PRIMARY KEY, count INTEGER NOT NULL,"                  \
    " directory BLOB NOT NULL, data BLOB NOT NULL);"                                           \
    "CREATE TABLE run(id INTEGER PRIMARY KEY, level INTEGER NOT NULL, state INTEGER NOT NULL," \
    " entries INTEGER NOT NULL);"                                                              \
    "CREATE TABLE page(run INTEGER NOT NULL, first BLOB NOT NULL, data BLOB NOT NULL,"         \
    " PRIMARY KEY(run, first)) WITHOUT ROWID;"                                                 \
    "CREATE TABLE ident(id INTEGER PRIMARY KEY, data BLOB NOT NULL);"                          \
    "CREATE TABLE ident_page(id INTEGER PRIMARY KEY, data BLOB NOT NULL);"                     \
    "CREATE TABLE filter(id INTEGER PRIMARY KEY, data BLOB NOT NULL);"                         \
    "CREATE TABLE echo(of INTEGER NOT NULL, n INTEGER NOT NULL, kind INTEGER NOT NULL,"        \
    " PRIMARY KEY(of, n)) WITHOUT ROWID;"                                                      \
    "CREATE TABLE effect(of INTEGER NOT NULL, n INTEGER NOT NULL, PRIMARY KEY(of, n))"         \
    " WITHOUT ROWID;"                                                                          \
    "CREATE TABLE source(number INTEGER PRIMARY KEY, name BLOB NOT NULL, state BLOB);"         \
    "CREATE TABLE tap_state(tap INTEGER PRIMARY KEY, messages INTEGER NOT NULL,"               \
    " bytes INTEGER NOT NULL, events INTEGER NOT NULL, quarantined INTEGER NOT NULL,"          \
    " acks INTEGER NOT NULL, last_received INTEGER NOT NULL);"                                 \
    "CREATE TABLE quarantine(id INTEGER PRIMARY KEY, retry_of INTEGER NOT NULL,"               \
    " tap INTEGER NOT NULL, peer BLOB, received INTEGER NOT NULL, code INTEGER NOT NULL,"      \
    " idx INTEGER NOT NULL, detail BLOB, topic BLOB, headers BLOB, raw BLOB,"                  \
    " raw_bytes INTEGER NOT NULL);"                                                            \
    "CREATE INDEX quarantine_retry ON quarantine(retry_of) WHERE retry_of > 0;"                \
    "CREATE TABLE quarantine_done(id INTEGER PRIMARY KEY, n INTEGER NOT NULL);"

/* Version 2 of the catalogue: definitions that runs were or are under. */
#define TW_SQL_CATALOGUE_2                                                        \
    "CREATE TABLE workflow_version(name BLOB NOT NULL, version INTEGER NOT NULL," \
    " text BLOB NOT NULL, since INTEGER NOT NULL, PRIMARY KEY(name, version)) WITHOUT ROWID;"

#define TW_SQL_SPEND_TABLE                                                       \
    "CREATE TABLE spend(objective BLOB NOT NULL, hour INTEGER NOT NULL,"         \
    " cause INTEGER NOT NULL, system BLOB NOT NULL, store BLOB NOT NULL,"        \
    " bad INTEGER NOT NULL, PRIMARY KEY(objective, hour, cause, system, store))" \
    " WITHOUT ROWID;"

/* Version 2 of partitions: what tracking keeps (store/track_write.h). The first index has all that
 * a list of open runs is chosen by; `finished`, NULL in all of it, is there because SQLite would
 * look into the table for it. What is written each time for all series or objectives is ordered by
 * minute first, so that it falls into few pages. `archived` has its one row in a sealed partition
 * whose series and sketches are in the archive and no longer here. */
#define TW_SQL_PART_2                                                                         \
    "CREATE TABLE tracked_run(workflow BLOB NOT NULL, object_type INTEGER NOT NULL,"          \
    " object_scope BLOB NOT NULL, object_id BLOB NOT NULL, version INTEGER NOT NULL,"         \
    " state INTEGER NOT NULL, cause INTEGER NOT NULL, step BLOB, system BLOB,"                \
    " destination BLOB, store BLOB, region BLOB, code BLOB, started INTEGER NOT NULL,"        \
    " since INTEGER NOT NULL, due INTEGER NOT NULL, finished INTEGER,"                        \
    " updated INTEGER NOT NULL, amount_minor INTEGER NOT NULL, currency BLOB,"                \
    " first_n INTEGER NOT NULL, last_n INTEGER NOT NULL, attempts INTEGER NOT NULL,"          \
    " missing BLOB, expected INTEGER NOT NULL, answered INTEGER NOT NULL,"                    \
    " PRIMARY KEY(workflow, object_type, object_scope, object_id)) WITHOUT ROWID;"            \
    "CREATE INDEX tracked_run_open ON tracked_run(workflow, since, object_type,"              \
    " object_scope, object_id, state, cause, step, system, store, region, started, finished)" \
    " WHERE finished IS NULL;"                                                                \
    "CREATE INDEX tracked_run_finished ON tracked_run(finished) WHERE finished IS NOT NULL;"  \
    "CREATE TABLE series_name(id INTEGER PRIMARY KEY, metric BLOB NOT NULL,"                  \
    " labels BLOB NOT NULL, kind INTEGER NOT NULL, divisor INTEGER NOT NULL,"                 \
    " UNIQUE(metric, labels));"                                                               \
    "CREATE TABLE series_point(minute INTEGER NOT NULL, series INTEGER NOT NULL,"             \
    " slot INTEGER NOT NULL, value INTEGER NOT NULL, PRIMARY KEY(minute, series, slot))"      \
    " WITHOUT ROWID;"                                                                         \
    "CREATE TABLE series_sketch(minute INTEGER NOT NULL, series INTEGER NOT NULL,"            \
    " data BLOB NOT NULL, PRIMARY KEY(minute, series)) WITHOUT ROWID;" TW_SQL_SPEND_TABLE     \
    "CREATE TABLE decision(minute INTEGER NOT NULL, objective BLOB NOT NULL,"                 \
    " good INTEGER NOT NULL, bad INTEGER NOT NULL, PRIMARY KEY(minute, objective))"           \
    " WITHOUT ROWID;"                                                                         \
    "CREATE TABLE live(key BLOB PRIMARY KEY, json BLOB NOT NULL);"                            \
    "CREATE TABLE tick(id INTEGER PRIMARY KEY, n INTEGER NOT NULL, now INTEGER NOT NULL,"     \
    " read_up_to INTEGER NOT NULL);"                                                          \
    "CREATE TABLE archived(id INTEGER PRIMARY KEY CHECK(id = 1));"

/* Version 3 of partitions: records may say how far the clock of their source was off (format.c);
 * every step of a run that is in trouble (track/track.h), for lists that are chosen by it. */
#define TW_SQL_PART_3                                                                         \
    "ALTER TABLE tracked_run ADD COLUMN troubles BLOB;"                                       \
    "DROP INDEX tracked_run_open;"                                                            \
    "CREATE INDEX tracked_run_open ON tracked_run(workflow, since, object_type,"              \
    " object_scope, object_id, state, cause, step, system, store, region, started, finished," \
    " troubles) WHERE finished IS NULL;"

/* Version 4 of partitions: runs of which a step failed or was overdue, by the commit that changed
 * them last (store/setbacks.h). */
#define TW_SQL_PART_4                                                                    \
    "CREATE TABLE setback(workflow BLOB NOT NULL, object_type INTEGER NOT NULL,"         \
    " object_scope BLOB NOT NULL, object_id BLOB NOT NULL, changed INTEGER NOT NULL,"    \
    " steps BLOB NOT NULL, PRIMARY KEY(workflow, object_type, object_scope, object_id))" \
    " WITHOUT ROWID;"                                                                    \
    "CREATE INDEX setback_changed ON setback(changed);"

/* Version 5 of partitions: the state of a source may say which store it is of (source_state.c).
 * The tables are as before; a program that knows version 4 only could not read such a state. */
#define TW_SQL_PART_5 ""

/* The archive. `up_to`: the last partition that is in it. kept_*: what is older was dropped, from
 * the chunks of each step, sketches, decisions and spending; seconds since 1970. */
#define TW_SQL_ARCHIVE_1                                                                      \
    "CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK(id = 1), store_id BLOB NOT NULL,"         \
    " up_to INTEGER NOT NULL DEFAULT 0, kept_10 INTEGER, kept_60 INTEGER, kept_3600 INTEGER," \
    " kept_sketch INTEGER, kept_decision INTEGER, kept_spend INTEGER);"                       \
    "CREATE TABLE series_name(id INTEGER PRIMARY KEY, metric BLOB NOT NULL,"                  \
    " labels BLOB NOT NULL, kind INTEGER NOT NULL, divisor INTEGER NOT NULL,"                 \
    " UNIQUE(metric, labels));"                                                               \
    "CREATE TABLE chunk(series INTEGER NOT NULL, step INTEGER NOT NULL,"                      \
    " start INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY(series, step, start))"          \
    " WITHOUT ROWID;"                                                                         \
    "CREATE TABLE series_sketch(series INTEGER NOT NULL, minute INTEGER NOT NULL,"            \
    " data BLOB NOT NULL, PRIMARY KEY(series, minute)) WITHOUT ROWID;" TW_SQL_SPEND_TABLE     \
    "CREATE TABLE decision(objective BLOB NOT NULL, minute INTEGER NOT NULL,"                 \
    " good INTEGER NOT NULL, bad INTEGER NOT NULL, PRIMARY KEY(objective, minute))"           \
    " WITHOUT ROWID;"

/* The desk. meta: where following stands (tw_setback_place). The index of open failures has all
 * that groups are added up from. `trend`: failures that were news, by hour. */
#define TW_SQL_DESK_1                                                                         \
    "CREATE TABLE meta(id INTEGER PRIMARY KEY CHECK(id = 1), store_id BLOB NOT NULL,"         \
    " revision INTEGER NOT NULL DEFAULT 0,"                                                   \
    " part INTEGER NOT NULL DEFAULT 0, changed INTEGER NOT NULL DEFAULT 0,"                   \
    " workflow BLOB NOT NULL DEFAULT x'', object_type INTEGER NOT NULL DEFAULT 0,"            \
    " object_scope BLOB NOT NULL DEFAULT x'', object_id BLOB NOT NULL DEFAULT x'');"          \
    "CREATE TABLE failure_group(id INTEGER PRIMARY KEY AUTOINCREMENT,"                        \
    " workflow BLOB NOT NULL, step BLOB NOT NULL, system BLOB NOT NULL,"                      \
    " destination BLOB NOT NULL, cause INTEGER NOT NULL, label BLOB NOT NULL,"                \
    " created INTEGER NOT NULL, assignee BLOB, snoozed_until INTEGER NOT NULL DEFAULT 0,"     \
    " UNIQUE(workflow, step, destination, cause, label));"                                    \
    "CREATE TABLE failure(id INTEGER PRIMARY KEY AUTOINCREMENT, grp INTEGER NOT NULL,"        \
    " workflow BLOB NOT NULL, object_type INTEGER NOT NULL, object_scope BLOB NOT NULL,"      \
    " object_id BLOB NOT NULL, step BLOB NOT NULL, state INTEGER NOT NULL,"                   \
    " archived INTEGER NOT NULL DEFAULT 0, store BLOB, region BLOB, type BLOB, code BLOB,"    \
    " message BLOB, error_class BLOB, http_status INTEGER NOT NULL,"                          \
    " amount_minor INTEGER NOT NULL, currency BLOB NOT NULL, failed_n INTEGER NOT NULL,"      \
    " input_n INTEGER NOT NULL, done_n INTEGER NOT NULL, attempts INTEGER NOT NULL,"          \
    " first INTEGER NOT NULL, last INTEGER NOT NULL, ended INTEGER,"                          \
    " UNIQUE(workflow, object_type, object_scope, object_id, step));"                         \
    "CREATE INDEX failure_open ON failure(grp, currency, amount_minor, store, region, first," \
    " last) WHERE state = 0 AND archived = 0;"                                                \
    "CREATE INDEX failure_list ON failure(grp, state, archived, last, id);"                   \
    "CREATE TABLE trend(hour INTEGER NOT NULL, grp INTEGER NOT NULL, news INTEGER NOT NULL,"  \
    " PRIMARY KEY(grp, hour)) WITHOUT ROWID;"                                                 \
    "CREATE TABLE note(id INTEGER PRIMARY KEY AUTOINCREMENT, grp INTEGER NOT NULL,"           \
    " failure INTEGER, at INTEGER NOT NULL, actor BLOB NOT NULL, text BLOB NOT NULL);"        \
    "CREATE INDEX note_of ON note(grp, id);"                                                  \
    "CREATE TABLE audit(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,"           \
    " actor BLOB NOT NULL, address BLOB, action BLOB NOT NULL, subject BLOB NOT NULL,"        \
    " detail BLOB, reason BLOB, outcome BLOB NOT NULL);"

/* Version 2 of the desk: replays (store/replays.h says what the words mean). `since`: of failures,
 * when the step began to wait; what order goes by. `is_ready`: the first of its object that is
 * waiting, nothing of that object is under way. `rate`: items a second. `live_waiting`: what
 * waited in time for the destination when the replay began. `systems` of an agent: a JSON array.
 * `strange`: answers of it to what it was never sent. `is_silent` rows of a plan were looked at,
 * but neither asked for nor in the way of anything. */
#define TW_SQL_DESK_2                                                                          \
    "ALTER TABLE failure ADD COLUMN since INTEGER NOT NULL DEFAULT 0;"                         \
    "UPDATE failure SET since = first;"                                                        \
    "CREATE INDEX failure_object ON failure(object_type, object_scope, object_id)"             \
    " WHERE state = 0;"                                                                        \
    "CREATE INDEX failure_event ON failure(failed_n) WHERE state = 0;"                         \
    "CREATE INDEX failure_input ON failure(input_n) WHERE state = 0;"                          \
    "CREATE INDEX failure_ended ON failure(ended) WHERE state > 0;"                            \
    "CREATE INDEX audit_of ON audit(subject, id);"                                             \
    "CREATE TABLE plan(id INTEGER PRIMARY KEY AUTOINCREMENT, token BLOB NOT NULL UNIQUE,"      \
    " created INTEGER NOT NULL, expires INTEGER NOT NULL, actor BLOB NOT NULL,"                \
    " destination BLOB NOT NULL, selection BLOB NOT NULL, override INTEGER NOT NULL,"          \
    " items INTEGER NOT NULL, edit BLOB, needs_approval INTEGER NOT NULL DEFAULT 0);"          \
    "CREATE TABLE plan_item(plan INTEGER NOT NULL, failure INTEGER NOT NULL,"                  \
    " verdict INTEGER NOT NULL, seq INTEGER NOT NULL, is_asked INTEGER NOT NULL,"              \
    " event_n INTEGER NOT NULL, failed_n INTEGER NOT NULL, is_financial INTEGER NOT NULL,"     \
    " overridden INTEGER NOT NULL DEFAULT 0, grp INTEGER NOT NULL,"                            \
    " is_silent INTEGER NOT NULL, PRIMARY KEY(plan, seq)) WITHOUT ROWID;"                      \
    "CREATE TABLE replay(id INTEGER PRIMARY KEY AUTOINCREMENT, token BLOB NOT NULL,"           \
    " plan BLOB NOT NULL, created INTEGER NOT NULL, actor BLOB NOT NULL, address BLOB,"        \
    " reason BLOB NOT NULL, override_reason BLOB, destination BLOB NOT NULL,"                  \
    " selection BLOB NOT NULL, request_key BLOB NOT NULL, request_hash BLOB NOT NULL,"         \
    " state INTEGER NOT NULL, why BLOB, changed INTEGER NOT NULL, rate INTEGER NOT NULL,"      \
    " canary INTEGER NOT NULL, stop_failures INTEGER NOT NULL, stop_percent INTEGER NOT NULL," \
    " proof_s INTEGER NOT NULL, begun INTEGER, full INTEGER, finished INTEGER, edit BLOB,"     \
    " needs_approval INTEGER NOT NULL DEFAULT 0, approver BLOB, approved INTEGER, phase BLOB," \
    " phase_detail BLOB, live_waiting INTEGER, UNIQUE(actor, request_key));"                   \
    "CREATE INDEX replay_open ON replay(id) WHERE finished IS NULL;"                           \
    "CREATE TABLE replay_item(id INTEGER PRIMARY KEY AUTOINCREMENT, replay INTEGER NOT NULL,"  \
    " seq INTEGER NOT NULL, replayid BLOB NOT NULL UNIQUE, failure INTEGER NOT NULL,"          \
    " previous INTEGER, is_asked INTEGER NOT NULL, is_ready INTEGER NOT NULL,"                 \
    " overridden INTEGER NOT NULL, is_financial INTEGER NOT NULL,"                             \
    " object_type INTEGER NOT NULL, object_scope BLOB NOT NULL, object_id BLOB NOT NULL,"      \
    " event_n INTEGER NOT NULL, failed_n INTEGER NOT NULL, store BLOB,"                        \
    " amount_minor INTEGER NOT NULL, currency BLOB NOT NULL, state INTEGER NOT NULL,"          \
    " attempt INTEGER NOT NULL DEFAULT 0, idempotency_key BLOB, agent BLOB, sent INTEGER,"     \
    " answered INTEGER, deadline INTEGER, ended INTEGER, cause INTEGER NOT NULL DEFAULT 0,"    \
    " outcome_n INTEGER, why BLOB, UNIQUE(replay, seq));"                                      \
    "CREATE UNIQUE INDEX item_active ON replay_item(failure) WHERE state IN (0, 1);"           \
    "CREATE INDEX item_failure ON replay_item(failure, state, cause);"                         \
    "CREATE INDEX item_ready ON replay_item(replay, seq) WHERE state = 0 AND is_ready = 1;"    \
    "CREATE INDEX item_state ON replay_item(replay, state, currency, amount_minor);"           \
    "CREATE INDEX item_object ON replay_item(object_type, object_scope, object_id, seq)"       \
    " WHERE state IN (0, 1);"                                                                  \
    "CREATE INDEX item_effect ON replay_item(event_n) WHERE state IN (0, 1, 2);"               \
    "CREATE INDEX item_sent ON replay_item(deadline) WHERE state = 1;"                         \
    "CREATE INDEX item_agent ON replay_item(agent, answered, sent) WHERE state = 1;"           \
    "CREATE TABLE item_event(id INTEGER PRIMARY KEY AUTOINCREMENT, item INTEGER NOT NULL,"     \
    " at INTEGER NOT NULL, what INTEGER NOT NULL, attempt INTEGER NOT NULL, n INTEGER,"        \
    " detail BLOB);"                                                                           \
    "CREATE INDEX item_event_of ON item_event(item, id);"                                      \
    "CREATE TABLE agent(name BLOB PRIMARY KEY, systems BLOB NOT NULL,"                         \
    " capacity INTEGER NOT NULL, is_online INTEGER NOT NULL, since INTEGER NOT NULL,"          \
    " heard INTEGER NOT NULL, address BLOB, hellos INTEGER NOT NULL DEFAULT 0,"                \
    " ordered INTEGER NOT NULL DEFAULT 0, accepted INTEGER NOT NULL DEFAULT 0,"                \
    " refused INTEGER NOT NULL DEFAULT 0, malformed INTEGER NOT NULL DEFAULT 0,"               \
    " strange INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"

/* Version 3 of the desk: alerts (decision 80). meta.alerts grows with every transaction that
 * changes any of it. alert: one row an episode, pending or firing ones have no `ended`; origin,
 * state and severity are words of store/alerts.h. notify_group and notice: what was told to whom;
 * the second is outbox and history. alert_push: what others posted, until the thread `alert` takes
 * it. meta.judged: the bucket that was judged last; refused: alerts without room. receiver_state:
 * what became of the last posts of an integration, `fails` in a row; how many were sent and
 * given_up ever. */
#define TW_SQL_DESK_3                                                                             \
    "ALTER TABLE meta ADD COLUMN alerts INTEGER NOT NULL DEFAULT 0;"                              \
    "ALTER TABLE meta ADD COLUMN judged INTEGER NOT NULL DEFAULT 0;"                              \
    "ALTER TABLE meta ADD COLUMN evaluations INTEGER NOT NULL DEFAULT 0;"                         \
    "ALTER TABLE meta ADD COLUMN evaluation_us INTEGER NOT NULL DEFAULT 0;"                       \
    "ALTER TABLE meta ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;"                             \
    "CREATE INDEX item_unproven ON replay_item(failure) WHERE state = 2;"                         \
    "CREATE TABLE alert(id INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint INTEGER NOT NULL,"      \
    " origin INTEGER NOT NULL, rule BLOB NOT NULL, labels BLOB NOT NULL,"                         \
    " annotations BLOB NOT NULL, severity INTEGER NOT NULL, workflow BLOB,"                       \
    " state INTEGER NOT NULL, is_nodata INTEGER NOT NULL DEFAULT 0,"                              \
    " is_flapping INTEGER NOT NULL DEFAULT 0, value REAL, threshold REAL, is_above INTEGER,"      \
    " unit BLOB, since INTEGER NOT NULL, fired INTEGER, calm INTEGER, ended INTEGER,"             \
    " updated INTEGER NOT NULL, ends INTEGER, generator BLOB, acked INTEGER, acked_by BLOB,"      \
    " ack_comment BLOB, inhibited_by BLOB, in_maintenance INTEGER NOT NULL DEFAULT 0);"           \
    "CREATE UNIQUE INDEX alert_open ON alert(fingerprint) WHERE ended IS NULL;"                   \
    "CREATE INDEX alert_ended ON alert(ended) WHERE ended IS NOT NULL;"                           \
    "CREATE INDEX alert_of ON alert(fingerprint, id);"                                            \
    "CREATE INDEX alert_fired ON alert(rule, fired);"                                             \
    "CREATE TABLE alert_event(id INTEGER PRIMARY KEY AUTOINCREMENT, alert INTEGER NOT NULL,"      \
    " at INTEGER NOT NULL, what INTEGER NOT NULL, actor BLOB, value REAL, detail BLOB);"          \
    "CREATE INDEX alert_event_of ON alert_event(alert, id);"                                      \
    "CREATE TABLE silence(id BLOB PRIMARY KEY, matchers BLOB NOT NULL, starts INTEGER NOT NULL,"  \
    " ends INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,"                 \
    " created_by BLOB NOT NULL, comment BLOB NOT NULL, warned INTEGER NOT NULL DEFAULT 0)"        \
    " WITHOUT ROWID;"                                                                             \
    "CREATE INDEX silence_ends ON silence(ends);"                                                 \
    "CREATE TABLE rule_state(rule BLOB PRIMARY KEY, state INTEGER NOT NULL,"                      \
    " since INTEGER NOT NULL, evaluated INTEGER NOT NULL, detail BLOB,"                           \
    " instances INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"                                       \
    "CREATE TABLE alert_push(id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,"          \
    " labels BLOB NOT NULL, annotations BLOB NOT NULL, starts INTEGER, ends INTEGER,"             \
    " generator BLOB);"                                                                           \
    "CREATE TABLE heartbeat(name BLOB PRIMARY KEY, last INTEGER NOT NULL, every_s INTEGER,"       \
    " state INTEGER NOT NULL DEFAULT 0, known INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"         \
    "CREATE TABLE notify_group(receiver BLOB NOT NULL, key BLOB NOT NULL, labels BLOB NOT NULL,"  \
    " since INTEGER NOT NULL, next INTEGER, flushed INTEGER, told INTEGER, sent BLOB,"            \
    " escalated INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(receiver, key)) WITHOUT ROWID;"           \
    "CREATE TABLE notice(id INTEGER PRIMARY KEY AUTOINCREMENT, receiver BLOB NOT NULL,"           \
    " integration BLOB NOT NULL, idx INTEGER NOT NULL, grp BLOB NOT NULL, kind INTEGER NOT NULL," \
    " reason BLOB, data BLOB NOT NULL, created INTEGER NOT NULL, next INTEGER,"                   \
    " tries INTEGER NOT NULL DEFAULT 0, state INTEGER NOT NULL, done INTEGER, status INTEGER,"    \
    " error BLOB);"                                                                               \
    "CREATE INDEX notice_waiting ON notice(next) WHERE state IN (0, 1);"                          \
    "CREATE INDEX notice_of ON notice(receiver, id);"                                             \
    "CREATE TABLE notice_alert(notice INTEGER NOT NULL, alert INTEGER NOT NULL,"                  \
    " PRIMARY KEY(alert, notice)) WITHOUT ROWID;"                                                 \
    "CREATE TABLE receiver_state(receiver BLOB NOT NULL, integration BLOB NOT NULL,"              \
    " idx INTEGER NOT NULL, ok INTEGER, failed INTEGER, fails INTEGER NOT NULL DEFAULT 0,"        \
    " gave_up INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL DEFAULT 0,"                       \
    " given_up INTEGER NOT NULL DEFAULT 0, error BLOB, PRIMARY KEY(receiver, integration, idx))"  \
    " WITHOUT ROWID;"

/* Version 4 of the desk. The audit is a chain (store/audit.h), which the code of this step begins;
 * then the guard stands: what is in the audit stays, and what comes is chained. meta.audit_*: what
 * the thread `desk` found when it verified it. Who may do what has its own part. */
#define TW_SQL_DESK_4_AUDIT                                                 \
    "ALTER TABLE audit ADD COLUMN kind BLOB;"                               \
    "ALTER TABLE audit ADD COLUMN hash BLOB;"                               \
    "ALTER TABLE meta ADD COLUMN audit_checked INTEGER NOT NULL DEFAULT 0;" \
    "ALTER TABLE meta ADD COLUMN audit_fault BLOB NOT NULL DEFAULT x'';"    \
    "ALTER TABLE meta ADD COLUMN audit_detail BLOB NOT NULL DEFAULT x'';"   \
    "CREATE INDEX audit_by ON audit(actor, id);"
/* role: a word of access/rights.h; grants: lines of access/grant.h; password: an Argon2id record.
 * disabled: NULL, or since when. session.left_ns: of its absolute time at `seen`. device: marks of
 * browsers that signed in. hash: of access/bearer.h, 32 bytes; nothing here lets anybody in. */
#define TW_SQL_DESK_4_ACCESS                                                                \
    "CREATE TABLE user(id INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB NOT NULL UNIQUE,"    \
    " role BLOB NOT NULL, grants BLOB NOT NULL, password BLOB NOT NULL,"                    \
    " must_change INTEGER NOT NULL, created INTEGER NOT NULL, disabled INTEGER,"            \
    " password_changed INTEGER NOT NULL, signed_in INTEGER);"                               \
    "CREATE TABLE session(id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE," \
    " user INTEGER NOT NULL, created INTEGER NOT NULL, seen INTEGER NOT NULL,"              \
    " left_ns INTEGER NOT NULL, address BLOB, agent BLOB);"                                 \
    "CREATE INDEX session_of ON session(user, id);"                                         \
    "CREATE TABLE device(user INTEGER NOT NULL, hash BLOB NOT NULL, seen INTEGER NOT NULL," \
    " PRIMARY KEY(user, hash)) WITHOUT ROWID;"                                              \
    "CREATE TABLE token(id INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB NOT NULL UNIQUE,"   \
    " hash BLOB NOT NULL UNIQUE, role BLOB NOT NULL, grants BLOB NOT NULL,"                 \
    " created INTEGER NOT NULL, made_by BLOB NOT NULL, expires INTEGER NOT NULL, used INTEGER);"
#define TW_SQL_DESK_4 TW_SQL_DESK_4_AUDIT TW_SQL_DESK_4_ACCESS
#define TW_SQL_AUDIT_GUARD                                                  \
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit"                 \
    " BEGIN SELECT RAISE(ABORT, 'rows of the audit are not changed'); END;" \
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit"                 \
    " BEGIN SELECT RAISE(ABORT, 'rows of the audit are not removed'); END;" \
    "CREATE TRIGGER audit_chained BEFORE INSERT ON audit"                   \
    " WHEN NEW.hash IS NULL OR length(NEW.hash) <> 32"                      \
    " OR NEW.id <= (SELECT coalesce(max(id), 0) FROM audit)"                \
    " BEGIN SELECT RAISE(ABORT, 'a row of the audit is chained to the last one'); END;"

/* Of a partition: what there is of series ?1 in [?2, ?3), minute by minute, without a look at those
 * of the other series in between. */
#define TW_SQL_MINUTES(table)                                                           \
    "WITH RECURSIVE m(minute) AS (SELECT min(minute) FROM " table " WHERE minute >= ?2" \
    " UNION ALL SELECT (SELECT min(minute) FROM " table " WHERE minute > m.minute)"     \
    " FROM m WHERE m.minute < ?3)"
#define TW_SQL_PART_POINTS                                                        \
    TW_SQL_MINUTES("series_point")                                                \
    " SELECT p.minute + p.slot * 10, p.value FROM m CROSS JOIN series_point AS p" \
    " ON p.minute = m.minute AND p.series = ?1 WHERE m.minute < ?3"
#define TW_SQL_PART_SKETCHES                                        \
    TW_SQL_MINUTES("series_sketch")                                 \
    " SELECT s.minute, s.data FROM m CROSS JOIN series_sketch AS s" \
    " ON s.minute = m.minute AND s.series = ?1 WHERE m.minute < ?3"

#endif
