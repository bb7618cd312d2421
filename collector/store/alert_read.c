/* SPDX-License-Identifier: Apache-2.0
 * Open alerts are in an index of their own, so that ninety days of history cost nothing where they
 * alone are asked for. */
#include "config.h"
#include "store/alert_read.h"

#include <math.h>

#include "store/alert_read_internal.h"
#include "store/alerts_internal.h"

#define VIEW_COLUMNS TW_ALERT_COLUMNS ", acked, acked_by, ack_comment, inhibited_by"
#define FILTER                                                                          \
    " ((?1 >> state) & 1) AND ((?2 >> severity) & 1) AND (?3 IS NULL OR workflow = ?3)" \
    " AND (?4 IS NULL OR rule = ?4) AND (?5 IS NULL OR " TW_ALERT_LABEL(                \
        "owner") " = ?5)"                                                               \
                 " AND (?6 IS NULL OR " TW_ALERT_LABEL(                                 \
                     "store") " = ?6) AND (ended IS NULL OR ended >= ?7)"               \
                              " AND since < ?8 AND (?9 = 0 OR id = ?9)"
/* The watchdog always fires, which is no news to people: it is there for who asks for it. */
#define NO_WATCHDOG " AND (origin <> 2 OR severity <> 3 OR ?4 IS NOT NULL)"
#define LISTED      " AND (?10 = 0 OR id < ?10) ORDER BY id DESC LIMIT ?11"
#define NOTICE_COLUMNS                                                                       \
    "id, receiver, integration, idx, grp, kind, reason, data, created, next, tries, state, " \
    "done, status, error"
#define NOTICE_FILTER                                                                       \
    " (?1 = 0 OR id = ?1) AND (?2 IS NULL OR receiver = ?2) AND (?3 IS NULL OR integration" \
    " = ?3) AND (?4 IS NULL OR kind = ?4) AND (?5 IS NULL OR state = ?5) AND created >= ?6" \
    " AND created < ?7 AND (?8 = 0 OR id < ?8)"

_Static_assert(TW_ALERT_READS <= TW_ALERT_READS_MAX, "there is room for each");
_Static_assert(TW_ALERT_ROW_PENDING == 1 && TW_ALERT_ROW_FIRING == 2 &&
                   TW_ALERT_ROW_NO_SEVERITY == 3,
               "numbers in statements");
_Static_assert(TW_NOTICE_STATE_WAITING == 0 && TW_NOTICE_STATE_SENDING == 1,
               "numbers in statements");
_Static_assert(TW_ALERT_OF_RULE == 0 && TW_ALERT_OF_TOWER == 2, "numbers in statements");
_Static_assert(TW_ALERT_EVENT_FIRED == 1 && TW_ALERT_EVENT_RESOLVED == 2, "numbers in statements");
_Static_assert(TW_RECEIVER_FAILS == 3, "numbers in statements");

static const char *const statements[TW_ALERT_READS] = {
    [TW_ALERT_READ_MARK] = "SELECT alerts, judged FROM meta",
    [TW_ALERT_READ_OPEN_ALL] = "SELECT " VIEW_COLUMNS " FROM alert INDEXED BY alert_open"
                               " WHERE ended IS NULL ORDER BY id LIMIT ?1",
    [TW_ALERT_READ_OPEN] = "SELECT " VIEW_COLUMNS " FROM alert INDEXED BY alert_open"
                           " WHERE ended IS NULL AND" FILTER NO_WATCHDOG LISTED,
    [TW_ALERT_READ_OF] =
        "SELECT " VIEW_COLUMNS
        " FROM alert INDEXED BY alert_of WHERE fingerprint = ?12 AND" FILTER LISTED,
    [TW_ALERT_READ_OF_RULE] =
        "SELECT " VIEW_COLUMNS
        " FROM alert INDEXED BY alert_fired WHERE rule = ?4 AND" FILTER LISTED,
    [TW_ALERT_READ_LIST] = "SELECT " VIEW_COLUMNS " FROM alert WHERE" FILTER NO_WATCHDOG LISTED,
    [TW_ALERT_READ_COUNT_OPEN] = "SELECT count(*) FROM alert INDEXED BY alert_open"
                                 " WHERE ended IS NULL AND" FILTER NO_WATCHDOG,
    [TW_ALERT_READ_INHIBITED] = "SELECT inhibited_by FROM alert INDEXED BY alert_open"
                                " WHERE ended IS NULL AND inhibited_by IS NOT NULL LIMIT ?1",
    [TW_ALERT_READ_NEWS] =
        "SELECT " VIEW_COLUMNS " FROM alert WHERE id IN (SELECT alert FROM alert_event"
        " WHERE id > ?1 AND what IN (1, 2)) ORDER BY id DESC LIMIT ?2",
    [TW_ALERT_READ_LAST_LINE] = "SELECT max(id) FROM alert_event",
    [TW_ALERT_READ_LINES] =
        "SELECT at, what, actor, value, detail FROM (SELECT * FROM alert_event WHERE alert = ?1"
        " ORDER BY id DESC LIMIT ?2) ORDER BY id",
    [TW_ALERT_READ_RULES] =
        "SELECT r.rule, r.state, r.since, r.evaluated, r.detail, coalesce(o.pending, 0),"
        " coalesce(o.firing, 0), (SELECT max(fired) FROM alert AS a WHERE a.rule = r.rule)"
        " FROM rule_state AS r LEFT JOIN (SELECT rule, sum(state = 1) AS pending,"
        " sum(state = 2) AS firing FROM alert INDEXED BY alert_open WHERE ended IS NULL"
        " AND origin = 0 GROUP BY rule) AS o ON o.rule = r.rule ORDER BY r.rule LIMIT ?1",
    [TW_ALERT_READ_HEARTBEATS] =
        "SELECT name, last, every_s, state FROM heartbeat ORDER BY name LIMIT ?1",
    [TW_ALERT_READ_NOTICES] =
        "SELECT " NOTICE_COLUMNS " FROM notice WHERE" NOTICE_FILTER " ORDER BY id DESC LIMIT ?9",
    [TW_ALERT_READ_NOTICES_OF] =
        "SELECT " NOTICE_COLUMNS " FROM notice WHERE id IN (SELECT n.notice FROM alert AS a JOIN"
        " notice_alert AS n ON n.alert = a.id WHERE a.fingerprint = ?10) AND" NOTICE_FILTER
        " ORDER BY id DESC LIMIT ?9",
    [TW_ALERT_READ_RECEIVERS] =
        "SELECT p.receiver, p.integration, p.idx, s.ok, s.failed, coalesce(s.fails, 0),"
        " coalesce(s.gave_up, 0) <> 0 OR coalesce(s.fails, 0) >= 3, s.error, coalesce(w.n, 0)"
        " FROM (SELECT receiver, integration, idx FROM receiver_state UNION"
        " SELECT receiver, integration, idx FROM notice WHERE state IN (0, 1)) AS p"
        " LEFT JOIN receiver_state AS s ON s.receiver = p.receiver AND"
        " s.integration = p.integration AND s.idx = p.idx"
        " LEFT JOIN (SELECT receiver, integration, idx, count(*) AS n FROM notice"
        " WHERE state IN (0, 1) GROUP BY receiver, integration, idx) AS w"
        " ON w.receiver = p.receiver AND w.integration = p.integration AND w.idx = p.idx"
        " ORDER BY p.receiver, p.integration, p.idx LIMIT ?1",
    [TW_ALERT_READ_SILENCES] =
        "SELECT id, matchers, starts, ends, created, updated, created_by, comment FROM silence"
        " WHERE ends > ?1 ORDER BY ends, id LIMIT ?2",
    [TW_ALERT_READ_SILENCES_ENDED] =
        "SELECT id, matchers, starts, ends, created, updated, created_by, comment FROM silence"
        " WHERE ends <= ?1 ORDER BY ends DESC, id LIMIT ?2 OFFSET ?3",
    [TW_ALERT_READ_SILENCE] =
        "SELECT id, matchers, starts, ends, created, updated, created_by, comment FROM silence"
        " WHERE id = ?1",
    [TW_ALERT_READ_SUMS] = "SELECT state, severity, count(*) FROM alert INDEXED BY alert_open"
                           " WHERE ended IS NULL GROUP BY state, severity",
    [TW_ALERT_READ_PLACE] = "SELECT judged, evaluations, evaluation_us, refused FROM meta",
    [TW_ALERT_READ_NOTICE_SUMS] =
        "SELECT s.integration, sum(s.sent), sum(s.given_up), (SELECT count(*) FROM notice AS n"
        " WHERE n.state IN (0, 1) AND n.integration = s.integration) FROM receiver_state AS s"
        " GROUP BY s.integration ORDER BY s.integration",
};

int tw_alert_prepared(struct tw_desk_reader *self, enum tw_alert_read which,
                      sqlite3_stmt **ret_stmt)
{
    sqlite3_stmt **place = &self->alert_stmts[which];
    int rc = *place != NULL ? TW_OK : tw_db_prepare(self->db, statements[which], place, NULL);
    *ret_stmt = *place;
    return rc;
}

/* ---- rows of any kind ---- */

static int make_room(struct tw_alert_rows *rows)
{
    if (rows->count < rows->room) {
        return TW_OK;
    }
    size_t room = rows->room == 0 ? 64 : rows->room * 2;
    char *items = tw_arena_alloc(rows->arena, room * rows->size);
    if (items == NULL) {
        return TW_ENOMEM;
    }
    if (rows->count > 0) {
        memcpy(items, rows->items, rows->count * rows->size);
    }
    rows->items = items;
    rows->room = room;
    return TW_OK;
}

int tw_alert_read_rows(sqlite3_stmt *stmt, struct tw_alert_rows *rows)
{
    int rc = make_room(rows);
    rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    while (rc == TW_OK) {
        if (rows->count == rows->limit) {
            rows->has_more = true;
            break;
        }
        rc = make_room(rows);
        rc = rc == TW_OK ? rows->take(stmt, rows->arena, rows->items + rows->count * rows->size)
                         : rc;
        rows->count += rc == TW_OK ? 1 : 0;
        rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static tw_wall_t time_of(sqlite3_stmt *stmt, int column)
{
    return (tw_wall_t){sqlite3_column_int64(stmt, column)}; /* NULL: 0 */
}

struct text {
    int column;
    struct tw_str *to;
};

static int copy_texts(sqlite3_stmt *stmt, struct tw_arena *arena, const struct text *texts,
                      size_t count)
{
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        rc = tw_column_copy(stmt, texts[i].column, arena, texts[i].to);
    }
    return rc;
}

/* ---- what changed ---- */

int tw_desk_alerts_mark(struct tw_desk_reader *self, struct tw_alerts_mark *ret_mark)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_alert_prepared(self, TW_ALERT_READ_MARK, &stmt);
    rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    if (rc == TW_OK) {
        *ret_mark = (struct tw_alerts_mark){(uint64_t)sqlite3_column_int64(stmt, 0),
                                            sqlite3_column_int64(stmt, 1)};
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc == TW_ENOTFOUND ? TW_EDAMAGED : rc;
}

/* ---- alerts ---- */

static int take_view(sqlite3_stmt *stmt, struct tw_arena *arena, void *row)
{
    struct tw_alert_view *view = row;
    *view = (struct tw_alert_view){.acked = time_of(stmt, TW_ALERT_COLUMN_COUNT)};
    int rc = tw_alerts_take_row(stmt, arena, &view->row);
    const struct text texts[] = {{TW_ALERT_COLUMN_COUNT + 1, &view->acked_by},
                                 {TW_ALERT_COLUMN_COUNT + 2, &view->ack_comment},
                                 {TW_ALERT_COLUMN_COUNT + 3, &view->inhibited_by}};
    return rc == TW_OK ? copy_texts(stmt, arena, texts, 3) : rc;
}

static void bind_filter(sqlite3_stmt *stmt, const struct tw_alert_filter *filter)
{
    tw_db_bind_int(stmt, 1, (int64_t)filter->states);
    tw_db_bind_int(stmt, 2, (int64_t)filter->severities);
    tw_db_bind_bytes(stmt, 3, filter->workflow);
    tw_db_bind_bytes(stmt, 4, filter->rule);
    tw_db_bind_bytes(stmt, 5, filter->owner);
    tw_db_bind_bytes(stmt, 6, filter->store);
    tw_db_bind_int(stmt, 7, filter->since.ns);
    tw_db_bind_int(stmt, 8, filter->until.ns);
    tw_db_bind_int(stmt, 9, (int64_t)filter->id);
}

static enum tw_alert_read fitting(const struct tw_alert_filter *filter)
{
    if (filter->fingerprint != NULL) {
        return TW_ALERT_READ_OF;
    }
    if ((filter->states & 1u << TW_ALERT_ROW_RESOLVED) == 0) {
        return TW_ALERT_READ_OPEN;
    }
    return filter->rule.ptr != NULL ? TW_ALERT_READ_OF_RULE : TW_ALERT_READ_LIST;
}

int tw_desk_alerts(struct tw_desk_reader *self, struct tw_arena *arena,
                   const struct tw_alert_filter *filter, const struct tw_alert_view **ret_items,
                   size_t *ret_count, bool *ret_more)
{
    TW_ASSERT(filter->limit >= 1 && filter->limit <= TW_ALERT_LIST_MAX);
    struct tw_alert_rows rows = {.arena = arena,
                                 .size = sizeof(struct tw_alert_view),
                                 .limit = filter->limit,
                                 .take = take_view};
    sqlite3_stmt *stmt = NULL;
    int rc = tw_alert_prepared(self, fitting(filter), &stmt);
    if (rc == TW_OK) {
        bind_filter(stmt, filter);
        tw_db_bind_int(stmt, 10, (int64_t)filter->before);
        tw_db_bind_int(stmt, 11, (int64_t)filter->limit + 1);
        if (filter->fingerprint != NULL) {
            tw_db_bind_int(stmt, 12, (int64_t)*filter->fingerprint);
        }
        rc = tw_alert_read_rows(stmt, &rows);
    }
    if (rc == TW_OK) {
        *ret_items = (const struct tw_alert_view *)(const void *)rows.items;
        *ret_count = rows.count;
        *ret_more = rows.has_more;
    }
    return rc;
}

int tw_desk_alerts_count(struct tw_desk_reader *self, const struct tw_alert_filter *filter,
                         uint64_t *ret_count)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_alert_prepared(self, TW_ALERT_READ_COUNT_OPEN, &stmt);
    if (rc == TW_OK) {
        bind_filter(stmt, filter);
        rc = tw_db_row(stmt, NULL);
    }
    if (rc == TW_OK) {
        *ret_count = (uint64_t)sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc;
}

int tw_desk_alerts_open(struct tw_desk_reader *self, struct tw_arena *arena,
                        const struct tw_alert_view **ret_items, size_t *ret_count)
{
    struct tw_alert_rows rows = {.arena = arena,
                                 .size = sizeof(struct tw_alert_view),
                                 .limit = TW_ALERTS_OPEN_MAX,
                                 .take = take_view};
    sqlite3_stmt *stmt = NULL;
    int rc = tw_alert_prepared(self, TW_ALERT_READ_OPEN_ALL, &stmt);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, TW_ALERTS_OPEN_MAX);
        rc = tw_alert_read_rows(stmt, &rows);
    }
    if (rc == TW_OK) {
        *ret_items = (const struct tw_alert_view *)(const void *)rows.items;
        *ret_count = rows.count;
    }
    return rc;
}

static int take_text(sqlite3_stmt *stmt, struct tw_arena *arena, void *row)
{
    return tw_column_copy(stmt, 0, arena, row);
}

int tw_desk_inhibited(struct tw_desk_reader *self, struct tw_arena *arena,
                      const struct tw_str **ret_texts, size_t *ret_count)
{
    struct tw_alert_rows rows = {.arena = arena,
                                 .size = sizeof(struct tw_str),
                                 .limit = TW_ALERTS_OPEN_MAX,
                                 .take = take_text};
    sqlite3_stmt *stmt = NULL;
    int rc = tw_alert_prepared(self, TW_ALERT_READ_INHIBITED, &stmt);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, TW_ALERTS_OPEN_MAX);
        rc = tw_alert_read_rows(stmt, &rows);
    }
    if (rc == TW_OK) {
        *ret_texts = (const struct tw_str *)(const void *)rows.items;
        *ret_count = rows.count;
    }
    return rc;
}

static int read_last_line(struct tw_desk_reader *self, uint64_t *ret_line)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_alert_prepared(self, TW_ALERT_READ_LAST_LINE, &stmt);
    rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    if (rc == TW_OK) {
        *ret_line = (uint64_t)sqlite3_column_int64(stmt, 0); /* NULL: 0 */
        (void)sqlite3_reset(stmt);                           /* it gave its row */
    }
    return rc;
}

int tw_desk_alerts_news(struct tw_desk_reader *self, struct tw_arena *arena, size_t limit,
                        uint64_t *last_line, const struct tw_alert_view **ret_items,
                        size_t *ret_count)
{
    struct tw_alert_rows rows = {
        .arena = arena, .size = sizeof(struct tw_alert_view), .limit = limit, .take = take_view};
    sqlite3_stmt *stmt = NULL;
    uint64_t last = 0;
    int rc = read_last_line(self, &last); /* first: what comes meanwhile is told again */
    rc = rc == TW_OK ? tw_alert_prepared(self, TW_ALERT_READ_NEWS, &stmt) : rc;
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)*last_line);
        tw_db_bind_int(stmt, 2, (int64_t)limit);
        rc = tw_alert_read_rows(stmt, &rows);
    }
    if (rc == TW_OK) {
        *last_line = last;
        *ret_items = (const struct tw_alert_view *)(const void *)rows.items;
        *ret_count = rows.count;
    }
    return rc;
}

static int take_line(sqlite3_stmt *stmt, struct tw_arena *arena, void *row)
{
    struct tw_alert_line *line = row;
    int64_t what = sqlite3_column_int64(stmt, 1);
    if (what < 0 || what >= TW_ALERT_EVENT_COUNT) {
        return TW_EDAMAGED;
    }
    *line = (struct tw_alert_line){
        .at = time_of(stmt, 0),
        .what = (enum tw_alert_event)what,
        .value = sqlite3_column_type(stmt, 3) == SQLITE_NULL ? (double)NAN
                                                             : sqlite3_column_double(stmt, 3),
    };
    const struct text texts[] = {{2, &line->actor}, {4, &line->detail}};
    return copy_texts(stmt, arena, texts, 2);
}

int tw_desk_alert_lines(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t alert,
                        const struct tw_alert_line **ret_lines, size_t *ret_count)
{
    struct tw_alert_rows rows = {.arena = arena,
                                 .size = sizeof(struct tw_alert_line),
                                 .limit = TW_ALERT_TIMELINE_MAX,
                                 .take = take_line};
    sqlite3_stmt *stmt = NULL;
    int rc = tw_alert_prepared(self, TW_ALERT_READ_LINES, &stmt);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)alert);
        tw_db_bind_int(stmt, 2, TW_ALERT_TIMELINE_MAX);
        rc = tw_alert_read_rows(stmt, &rows);
    }
    if (rc == TW_OK) {
        *ret_lines = (const struct tw_alert_line *)(const void *)rows.items;
        *ret_count = rows.count;
    }
    return rc;
}

/* ---- rules, heartbeats ---- */

static int take_rule(sqlite3_stmt *stmt, struct tw_arena *arena, void *row)
{
    struct tw_rule_row *rule = row;
    *rule = (struct tw_rule_row){
        .state = (unsigned)sqlite3_column_int64(stmt, 1),
        .since = time_of(stmt, 2),
        .evaluated = time_of(stmt, 3),
        .pending = (uint64_t)sqlite3_column_int64(stmt, 5),
        .firing = (uint64_t)sqlite3_column_int64(stmt, 6),
        .last_fired = time_of(stmt, 7),
    };
    const struct text texts[] = {{0, &rule->name}, {4, &rule->detail}};
    return copy_texts(stmt, arena, texts, 2);
}

/* A list that has no parameter but how long it may be. */
static int read_all(struct tw_desk_reader *self, enum tw_alert_read which,
                    struct tw_alert_rows *rows)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_alert_prepared(self, which, &stmt);
    rows->limit = TW_ALERT_LIST_MAX;
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, TW_ALERT_LIST_MAX);
        rc = tw_alert_read_rows(stmt, rows);
    }
    return rc;
}

int tw_desk_rules(struct tw_desk_reader *self, struct tw_arena *arena,
                  const struct tw_rule_row **ret_rows, size_t *ret_count)
{
    struct tw_alert_rows rows = {
        .arena = arena, .size = sizeof(struct tw_rule_row), .take = take_rule};
    int rc = read_all(self, TW_ALERT_READ_RULES, &rows);
    if (rc == TW_OK) {
        *ret_rows = (const struct tw_rule_row *)(const void *)rows.items;
        *ret_count = rows.count;
    }
    return rc;
}

static int take_heartbeat(sqlite3_stmt *stmt, struct tw_arena *arena, void *row)
{
    struct tw_alerts_heartbeat *heartbeat = row;
    int64_t state = sqlite3_column_int64(stmt, 3);
    if (state < 0 || state >= TW_HEARTBEAT_STATE_COUNT) {
        return TW_EDAMAGED;
    }
    *heartbeat = (struct tw_alerts_heartbeat){
        .last = time_of(stmt, 1),
        .every_s = sqlite3_column_int64(stmt, 2),
        .state = (enum tw_heartbeat_state)state,
    };
    return tw_column_copy(stmt, 0, arena, &heartbeat->name);
}

int tw_desk_heartbeats(struct tw_desk_reader *self, struct tw_arena *arena,
                       const struct tw_alerts_heartbeat **ret_items, size_t *ret_count)
{
    struct tw_alert_rows rows = {
        .arena = arena, .size = sizeof(struct tw_alerts_heartbeat), .take = take_heartbeat};
    int rc = read_all(self, TW_ALERT_READ_HEARTBEATS, &rows);
    if (rc == TW_OK) {
        *ret_items = (const struct tw_alerts_heartbeat *)(const void *)rows.items;
        *ret_count = rows.count;
    }
    return rc;
}

/* ---- what was told ---- */

static int take_notice(sqlite3_stmt *stmt, struct tw_arena *arena, void *row)
{
    struct tw_notice_view *view = row;
    int64_t kind = sqlite3_column_int64(stmt, 5);
    int64_t state = sqlite3_column_int64(stmt, 11);
    if (kind < 0 || kind >= TW_NOTICE_KIND_COUNT || state < 0 || state >= TW_NOTICE_STATE_COUNT) {
        return TW_EDAMAGED;
    }
    *view = (struct tw_notice_view){
        .notice = {.id = (uint64_t)sqlite3_column_int64(stmt, 0),
                   .idx = (uint32_t)sqlite3_column_int64(stmt, 3),
                   .kind = (enum tw_notice_kind)kind,
                   .created = time_of(stmt, 8),
                   .next = time_of(stmt, 9),
                   .tries = (uint32_t)sqlite3_column_int64(stmt, 10)},
        .state = (enum tw_notice_state)state,
        .done = time_of(stmt, 12),
        .status = (int)sqlite3_column_int64(stmt, 13),
    };
    const struct text texts[] = {{1, &view->notice.receiver}, {2, &view->notice.integration},
                                 {4, &view->notice.group},    {6, &view->notice.reason},
                                 {7, &view->notice.data},     {14, &view->error}};
    return copy_texts(stmt, arena, texts, sizeof texts / sizeof texts[0]);
}

static void bind_word(sqlite3_stmt *stmt, int index, bool is_given, int64_t value)
{
    if (is_given) {
        tw_db_bind_int(stmt, index, value);
    } else {
        TW_ASSERT(sqlite3_bind_null(stmt, index) == SQLITE_OK);
    }
}

int tw_desk_notices(struct tw_desk_reader *self, struct tw_arena *arena,
                    const struct tw_notice_filter *filter, const struct tw_notice_view **ret_items,
                    size_t *ret_count, bool *ret_more)
{
    TW_ASSERT(filter->limit >= 1 && filter->limit <= TW_ALERT_LIST_MAX);
    struct tw_alert_rows rows = {.arena = arena,
                                 .size = sizeof(struct tw_notice_view),
                                 .limit = filter->limit,
                                 .take = take_notice};
    sqlite3_stmt *stmt = NULL;
    bool is_of = filter->fingerprint != NULL;
    int rc =
        tw_alert_prepared(self, is_of ? TW_ALERT_READ_NOTICES_OF : TW_ALERT_READ_NOTICES, &stmt);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)filter->id);
        tw_db_bind_bytes(stmt, 2, filter->receiver);
        tw_db_bind_bytes(stmt, 3, filter->integration);
        bind_word(stmt, 4, filter->kind != NULL, filter->kind == NULL ? 0 : (int64_t)*filter->kind);
        bind_word(stmt, 5, filter->state != NULL,
                  filter->state == NULL ? 0 : (int64_t)*filter->state);
        tw_db_bind_int(stmt, 6, filter->since.ns);
        tw_db_bind_int(stmt, 7, filter->until.ns);
        tw_db_bind_int(stmt, 8, (int64_t)filter->before);
        tw_db_bind_int(stmt, 9, (int64_t)filter->limit + 1);
        if (is_of) {
            tw_db_bind_int(stmt, 10, (int64_t)*filter->fingerprint);
        }
        rc = tw_alert_read_rows(stmt, &rows);
    }
    if (rc == TW_OK) {
        *ret_items = (const struct tw_notice_view *)(const void *)rows.items;
        *ret_count = rows.count;
        *ret_more = rows.has_more;
    }
    return rc;
}

static int take_receiver(sqlite3_stmt *stmt, struct tw_arena *arena, void *row)
{
    struct tw_receiver_health *health = row;
    *health = (struct tw_receiver_health){
        .idx = (uint32_t)sqlite3_column_int64(stmt, 2),
        .ok = time_of(stmt, 3),
        .failed = time_of(stmt, 4),
        .fails = (uint64_t)sqlite3_column_int64(stmt, 5),
        .is_failing = sqlite3_column_int64(stmt, 6) != 0,
        .waiting = (uint64_t)sqlite3_column_int64(stmt, 8),
    };
    const struct text texts[] = {
        {0, &health->receiver}, {1, &health->integration}, {7, &health->error}};
    return copy_texts(stmt, arena, texts, 3);
}

int tw_desk_receivers(struct tw_desk_reader *self, struct tw_arena *arena,
                      const struct tw_receiver_health **ret_items, size_t *ret_count)
{
    struct tw_alert_rows rows = {
        .arena = arena, .size = sizeof(struct tw_receiver_health), .take = take_receiver};
    int rc = read_all(self, TW_ALERT_READ_RECEIVERS, &rows);
    if (rc == TW_OK) {
        *ret_items = (const struct tw_receiver_health *)(const void *)rows.items;
        *ret_count = rows.count;
    }
    return rc;
}
