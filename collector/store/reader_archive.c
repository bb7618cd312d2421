/* SPDX-License-Identifier: Apache-2.0
 * What is known of a time is in two places: the archive has the partitions up to its mark, each of
 * the others has its own. A partition moves from one to the other while readers read.
 *
 * So a query lists the directory, then takes a snapshot of the archive, which says how far it goes,
 * then reads the partitions behind the mark. One that is added meanwhile is read from its file,
 * which stays as it was. If that file has gone because it was sealed, the query begins anew, with
 * an archive that has it. Only an archive that was lost and made anew leaves a sealed partition
 * without its series: it is asked for twice and then passed over.
 */
#include "config.h"

#include <errno.h>

#include "store/chunk.h"
#include "store/migrate.h"
#include "store/reader_internal.h"

_Static_assert(TW_READER_TIERS == TW_ARCHIVE_TIERS, "the reader knows every step of the archive");

static const char *const archive_sql[TW_ARCHIVE_STMT_COUNT] = {
    [TW_ARCHIVE_BEGIN] = "BEGIN",
    [TW_ARCHIVE_END] = "ROLLBACK",
    [TW_ARCHIVE_META] = "SELECT store_id, up_to, kept_10, kept_60, kept_3600 FROM meta"
                        " WHERE id = 1",
    [TW_ARCHIVE_SERIES] = TW_SQL_SERIES,
    [TW_ARCHIVE_SERIES_ONE] = TW_SQL_SERIES_ONE,
    [TW_ARCHIVE_CHUNKS] = "SELECT start, data FROM chunk WHERE series = ?1 AND step = ?2"
                          " AND start >= ?3 AND start < ?4 ORDER BY start",
    [TW_ARCHIVE_SKETCHES] = "SELECT minute, data FROM series_sketch WHERE series = ?1"
                            " AND minute >= ?2 AND minute < ?3 ORDER BY minute",
    [TW_ARCHIVE_SPEND_CAUSE] = TW_SQL_SPEND("cause"),
    [TW_ARCHIVE_SPEND_SYSTEM] = TW_SQL_SPEND("system"),
    [TW_ARCHIVE_SPEND_STORE] = TW_SQL_SPEND("store"),
    [TW_ARCHIVE_DECISIONS] = TW_SQL_DECISIONS,
};

sqlite3_stmt *tw_archive_stmt(struct tw_archive_view *archive, enum tw_archive_stmt which,
                              int *ret_err)
{
    if (archive->stmts[which] == NULL) {
        int err = tw_db_prepare(archive->db, archive_sql[which], &archive->stmts[which], NULL);
        if (err != TW_OK) {
            *ret_err = err;
            return NULL;
        }
    }
    (void)sqlite3_reset(archive->stmts[which]); /* repeats an error that was reported */
    return archive->stmts[which];
}

void tw_reader_close_archive(struct tw_reader *self)
{
    struct tw_archive_view *archive = &self->archive;
    for (size_t i = 0; i < TW_ARCHIVE_STMT_COUNT; i++) {
        (void)sqlite3_finalize(archive->stmts[i]); /* repeats an error that was reported */
    }
    tw_db_close(&archive->db);
    *archive = (struct tw_archive_view){0};
}

/* A connection to the file that has the name now; none where there is no such file. A file without
 * a journal was opened as one that nobody writes to: looked at anew with every query, it is cheap
 * and small things read. */
static int open_archive(struct tw_reader *self)
{
    struct tw_archive_view *archive = &self->archive;
    char path[TW_PATH_MAX];
    struct stat st;
    int err = tw_path_join(self->dir, TW_ARCHIVE_NAME, path);
    if (err != TW_OK) {
        return err;
    }
    if (stat(path, &st) != 0) {
        int why = errno;
        tw_reader_close_archive(self);
        return why == ENOENT ? TW_OK : TW_EIO;
    }
    if (archive->db != NULL && (archive->inode != st.st_ino || archive->is_frozen)) {
        tw_reader_close_archive(self);
    }
    if (archive->db == NULL) {
        err = tw_reader_open_file(self, path, tw_archive_schema(), false, &archive->is_frozen,
                                  &archive->db);
        archive->inode = st.st_ino;
    }
    return err == TW_ENOTFOUND ? TW_OK : err; /* moved away just now */
}

static int read_meta(struct tw_reader *self)
{
    struct tw_archive_view *archive = &self->archive;
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_archive_stmt(archive, TW_ARCHIVE_META, &err);
    err = stmt == NULL ? err : tw_db_row(stmt, NULL);
    if (err != TW_OK) {
        return err == TW_ENOTFOUND ? TW_EDAMAGED : err;
    }
    struct tw_str id = tw_db_column_bytes(stmt, 0);
    int64_t mark = sqlite3_column_int64(stmt, 1);
    bool is_ours = id.len == sizeof self->store_id && memcmp(id.ptr, self->store_id, id.len) == 0;
    uint32_t newest = self->part_count == 0 ? 0 : self->parts[self->part_count - 1]->number;
    for (int i = 0; i < TW_READER_TIERS; i++) {
        archive->kept_from[i] = sqlite3_column_type(stmt, 2 + i) == SQLITE_NULL
                                    ? INT64_MIN
                                    : sqlite3_column_int64(stmt, 2 + i);
    }
    (void)sqlite3_reset(stmt); /* it gave its row */
    if (mark >= newest && is_ours && newest > 0) {
        return TW_EAGAIN; /* the list is older than the archive, or the archive is of a later store
                           */
    }
    archive->mark = mark < 0 ? 0 : (uint32_t)mark;
    return is_ours && mark >= 0 ? TW_OK : TW_EFOREIGN;
}

static int run(struct tw_archive_view *archive, enum tw_archive_stmt which)
{
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_archive_stmt(archive, which, &err);
    return stmt == NULL ? err : tw_db_run(stmt, NULL);
}

static void leave_archive(struct tw_reader *self)
{
    struct tw_archive_view *archive = &self->archive;
    for (size_t i = 0; i < TW_ARCHIVE_STMT_COUNT; i++) {
        (void)sqlite3_reset(archive->stmts[i]); /* repeats an error that was reported */
    }
    if (archive->db != NULL && sqlite3_get_autocommit(archive->db) == 0 &&
        run(archive, TW_ARCHIVE_END) != TW_OK) {
        tw_reader_close_archive(self); /* the deadline: closing ends it, too */
    }
}

static int enter_archive(struct tw_reader *self)
{
    struct tw_archive_view *archive = &self->archive;
    int err = open_archive(self);
    archive->mark = 0;
    for (size_t i = 0; i < TW_READER_TIERS; i++) {
        archive->kept_from[i] = INT64_MIN;
    }
    if (err != TW_OK || archive->db == NULL) {
        return err;
    }
    err = run(archive, TW_ARCHIVE_BEGIN);
    err = err == TW_OK ? read_meta(self) : err;
    if (err != TW_OK) {
        leave_archive(self);
    }
    return err;
}

static int read_count(struct tw_view *part, enum tw_view_stmt which, bool *ret_has)
{
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, which, &err);
    err = stmt == NULL ? err : tw_db_row(stmt, NULL);
    if (err == TW_OK) {
        *ret_has = sqlite3_column_int64(stmt, 0) > 0;
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return err == TW_ENOTFOUND ? TW_EDAMAGED : err;
}

int tw_view_track_facts(struct tw_view *part)
{
    if (part->has_track_facts) {
        return TW_OK;
    }
    part->is_archived = false;
    part->has_troubles = false;
    part->has_setbacks = false;
    int err = read_count(part, TW_STMT_TRACK_TABLES, &part->has_tracks);
    if (err == TW_OK && part->has_tracks) {
        err = read_count(part, TW_STMT_TRACK_TROUBLES, &part->has_troubles);
    }
    if (err == TW_OK && part->has_tracks) {
        err = read_count(part, TW_STMT_SETBACK_TABLE, &part->has_setbacks);
    }
    if (err == TW_OK && part->has_tracks) {
        err = read_count(part, TW_STMT_TRACK_ARCHIVED, &part->is_archived);
    }
    part->has_track_facts = err == TW_OK;
    return err;
}

static int visit_part(struct tw_reader *self, struct tw_track_visit *visit, struct tw_view *part)
{
    int err = tw_view_enter(self, part);
    if (err != TW_OK) {
        return err;
    }
    err = tw_view_track_facts(part);
    if (err == TW_OK && part->has_tracks) {
        bool is_lost = visit->wants_series && part->is_archived;
        if (is_lost && visit->stale++ == 0) {
            err = TW_EAGAIN;
        } else if (!is_lost) {
            err = visit->part(visit->context, part);
        }
    }
    tw_view_leave(self, part);
    return err;
}

static int visit_attempt(struct tw_reader *self, void *context)
{
    struct tw_track_visit *visit = context;
    visit->reset(visit->context);
    int err = enter_archive(self);
    if (err != TW_OK) {
        return err;
    }
    if (self->archive.db != NULL) {
        err = visit->archive(visit->context, &self->archive);
    }
    for (size_t i = 0; err == TW_OK && i < self->part_count; i++) {
        if (self->parts[i]->number > self->archive.mark) {
            err = visit_part(self, visit, self->parts[i]);
        }
    }
    leave_archive(self);
    return err;
}

int tw_reader_visit(struct tw_reader *self, struct tw_track_visit *visit)
{
    return tw_reader_query(self, visit_attempt, visit);
}
