/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/audit_verify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/audit_internal.h"
#include "store/migrate.h"

#define CACHE_KIB 2048

struct verify {
    sqlite3 *db;
    struct tw_audit_key key;
    const struct tw_audit_mark *known;
    struct tw_audit_head head; /* of audit.head, when there is one */
    int head_rc;
    bool head_fits; /* its row was seen with its hash */
    bool known_fits;
    bool saw_unchained; /* rows of before version 4 */
    struct tw_audit_verdict *verdict;
    struct tw_diag *diag;
};

const char *tw_audit_fault_name(enum tw_audit_fault fault)
{
    static const char *const names[] = {
#define TW_AUDIT_FAULT_NAME(name, text) text,
        TW_AUDIT_FAULTS(TW_AUDIT_FAULT_NAME)
#undef TW_AUDIT_FAULT_NAME
    };
    return names[fault];
}

bool tw_audit_mark_parse(struct tw_str text, struct tw_audit_mark *ret_mark)
{
    uint64_t id = 0;
    size_t at = 0;
    while (at < text.len && at < 19 && text.ptr[at] >= '0' && text.ptr[at] <= '9') {
        id = id * 10 + (uint64_t)(text.ptr[at] - '0');
        at++;
    }
    if (at == 0 || at >= text.len || text.ptr[at] != ':' ||
        !tw_audit_unhex((struct tw_str){text.ptr + at + 1, text.len - at - 1}, ret_mark->hash)) {
        return false;
    }
    ret_mark->id = id;
    return true;
}

void tw_audit_mark_format(const struct tw_audit_mark *mark, char *text)
{
    char hex[TW_AUDIT_HEX_MAX];
    tw_audit_hex(mark->hash, hex);
    (void)snprintf(text, TW_AUDIT_MARK_MAX, "%llu:%s", (unsigned long long)mark->id, hex);
}

/* The first fault counts. */
static void find(struct verify *self, enum tw_audit_fault fault, uint64_t row, const char *text)
{
    struct tw_audit_verdict *verdict = self->verdict;
    if (verdict->fault == TW_AUDIT_NONE) {
        verdict->fault = fault;
        verdict->row = row;
        (void)snprintf(verdict->text, sizeof verdict->text, "%s", text);
    }
}

static void find_rows(struct verify *self, enum tw_audit_fault fault, uint64_t first, uint64_t last,
                      const char *text)
{
    char line[200];
    if (first == last) {
        (void)snprintf(line, sizeof line, "row %llu %s", (unsigned long long)first, text);
    } else {
        (void)snprintf(line, sizeof line, "rows %llu to %llu %s", (unsigned long long)first,
                       (unsigned long long)last, text);
    }
    find(self, fault, first, line);
}

/* ---- rows ---- */

/* A row as the statement is at it: borrowed until its next step. */
struct seen {
    struct tw_audit_row row;
    const uint8_t *hash; /* NULL: it is none */
    bool has_types;      /* as they are written; others would read alike and be found by nobody */
};

static int next_row(sqlite3_stmt *stmt, struct seen *seen, struct tw_diag *diag)
{
    int rc = tw_db_row(stmt, diag);
    if (rc != TW_OK) {
        return rc;
    }
    tw_audit_take(stmt, &seen->row, &seen->hash);
    seen->has_types = sqlite3_column_type(stmt, 1) == SQLITE_INTEGER;
    for (int i = 2; i <= 10; i++) {
        int type = sqlite3_column_type(stmt, i);
        seen->has_types &= type == SQLITE_BLOB || type == SQLITE_NULL;
    }
    return TW_OK;
}

/* Whether this row has the hash that it would have as number `id` behind one with `previous`. */
static bool fits(const struct verify *self, const struct seen *seen, const uint8_t *previous,
                 uint64_t id)
{
    uint8_t hash[TW_AUDIT_HASH_BYTES];
    struct tw_audit_row row = seen->row;
    row.id = id;
    tw_audit_link(&self->key, previous, &row, hash);
    return seen->hash != NULL && seen->has_types &&
           memcmp(hash, seen->hash, TW_AUDIT_HASH_BYTES) == 0;
}

/* ---- what became of a row that does not fit ---- */

/* The row that does not fit, and the one behind it, by value where they are needed longer. */
struct odd {
    uint64_t expected; /* the number that would be next */
    uint64_t id;
    uint8_t previous[TW_AUDIT_HASH_BYTES]; /* of the last row that fits */
    uint8_t stored[TW_AUDIT_HASH_BYTES];   /* zeros where there is none */
    uint8_t right[TW_AUDIT_HASH_BYTES];    /* that its fields come to */
    bool is_next_there;
    bool next_fits;         /* behind it as it is: only its fields are others */
    bool next_fits_right;   /* behind what its fields come to: only its hash is another */
    bool next_fits_shifted; /* one number further: the row that was here is gone */
    uint64_t home_of;       /* a later row that belongs here; 0: none */
    bool fits_there;        /* this one belongs where that one is */
};

static int rows_from(struct verify *self, uint64_t first, sqlite3_stmt **ret_stmt)
{
    int rc =
        tw_db_prepare(self->db, "SELECT " TW_AUDIT_COLUMNS " FROM audit WHERE id >= ?1 ORDER BY id",
                      ret_stmt, self->diag);
    if (rc == TW_OK) {
        tw_db_bind_int(*ret_stmt, 1, (int64_t)first);
    }
    return rc;
}

static int look_at(struct verify *self, uint64_t id, const uint8_t *behind, uint64_t as,
                   bool *ret_fits)
{
    sqlite3_stmt *stmt = NULL;
    struct seen seen;
    int rc = rows_from(self, id, &stmt);
    rc = rc == TW_OK ? next_row(stmt, &seen, self->diag) : rc;
    *ret_fits = rc == TW_OK && fits(self, &seen, behind, as);
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static void look_at_next(struct verify *self, struct odd *odd, const struct seen *seen)
{
    odd->is_next_there = true;
    odd->next_fits = fits(self, seen, odd->stored, odd->id + 1);
    odd->next_fits_right = fits(self, seen, odd->right, odd->id + 1);
    odd->next_fits_shifted = fits(self, seen, odd->stored, odd->id + 2);
}

/* Walk what is behind: the next row, and the one that belongs here. */
static int look_behind(struct verify *self, struct odd *odd)
{
    sqlite3_stmt *stmt = NULL;
    struct seen seen;
    uint8_t home[TW_AUDIT_HASH_BYTES] = {0};
    int rc = rows_from(self, odd->id + 1, &stmt);
    rc = rc == TW_OK ? next_row(stmt, &seen, self->diag) : rc;
    while (rc == TW_OK && odd->home_of == 0) {
        if (!odd->is_next_there) {
            look_at_next(self, odd, &seen);
        }
        if (fits(self, &seen, odd->previous, odd->expected)) {
            odd->home_of = seen.row.id;
            memcpy(home, seen.hash, sizeof home);
        }
        rc = odd->home_of == 0 ? next_row(stmt, &seen, self->diag) : rc;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    rc = rc == TW_ENOTFOUND ? TW_OK : rc;
    if (rc == TW_OK && odd->home_of == odd->id + 1) {
        /* two that changed places, or one that was put between? */
        rc = look_at(self, odd->id, home, odd->id + 1, &odd->fits_there);
    }
    return rc;
}

static void judge(struct verify *self, const struct odd *odd)
{
    const struct tw_audit_head *head = &self->head;
    bool has_head = self->head_rc == TW_OK;
    bool is_last = !odd->is_next_there;
    bool was_last = has_head && memcmp(head->hash, odd->stored, sizeof odd->stored) == 0;
    if (odd->home_of == odd->id + 1 && !odd->fits_there) {
        find_rows(self, TW_AUDIT_INSERTED, odd->id, odd->id, "was put between");
    } else if (odd->home_of > 0) {
        find_rows(self, TW_AUDIT_REORDERED, odd->id, odd->id, "is not where it was written");
    } else if (odd->next_fits || odd->next_fits_right) {
        find_rows(self, TW_AUDIT_CHANGED, odd->id, odd->id, "was changed");
    } else if (odd->next_fits_shifted || (is_last && was_last && head->id == odd->id + 1)) {
        find_rows(self, TW_AUDIT_MISSING, odd->id, odd->id,
                  "is missing, those behind it were numbered anew");
    } else if (is_last && has_head && self->head_fits && odd->id > head->id) {
        find_rows(self, TW_AUDIT_INSERTED, odd->id, odd->id,
                  "was added by somebody without the key");
    } else {
        find_rows(self, TW_AUDIT_CHANGED, odd->id, odd->id, "was changed, or is not of this audit");
    }
}

/* The first row that does not fit. */
static int name_fault(struct verify *self, const struct seen *seen, const uint8_t *previous,
                      uint64_t expected)
{
    struct odd odd = {.expected = expected, .id = seen->row.id};
    bool is_renumbered = false;
    memcpy(odd.previous, previous, sizeof odd.previous);
    tw_audit_link(&self->key, previous, &seen->row, odd.right);
    if (seen->hash != NULL) {
        memcpy(odd.stored, seen->hash, sizeof odd.stored);
    }
    is_renumbered = fits(self, seen, previous, expected);
    if (odd.id != expected && is_renumbered) {
        find_rows(self, TW_AUDIT_REORDERED, expected, expected, "has another number now");
        return TW_OK;
    }
    if (odd.id > expected) {
        find_rows(self, TW_AUDIT_MISSING, expected, odd.id - 1,
                  odd.id - 1 == expected ? "is missing" : "are missing");
        return TW_OK;
    }
    if (odd.id < expected) { /* below the first */
        find(self, TW_AUDIT_INSERTED, odd.id, "a row has a number below the first");
        return TW_OK;
    }
    int rc = look_behind(self, &odd);
    if (rc == TW_OK) {
        judge(self, &odd);
    }
    return rc;
}

/* ---- all rows ---- */

static void note_marks(struct verify *self, const struct seen *seen)
{
    if (self->head_rc == TW_OK && self->head.id == seen->row.id) {
        self->head_fits = memcmp(self->head.hash, seen->hash, TW_AUDIT_HASH_BYTES) == 0;
    }
    if (self->known != NULL && self->known->id == seen->row.id) {
        self->known_fits = memcmp(self->known->hash, seen->hash, TW_AUDIT_HASH_BYTES) == 0;
    }
    if (seen->row.kind.ptr == NULL) {
        self->saw_unchained = true;
    } else if (self->verdict->chained_since.ns == 0 && self->saw_unchained) {
        self->verdict->chained_since = seen->row.at;
    }
}

/* A row of before version 4 may be behind a number that was never given. */
static bool is_next(const struct verify *self, const struct seen *seen)
{
    uint64_t expected = self->verdict->last.id + 1;
    return seen->row.id == expected || (seen->row.id > expected && seen->row.kind.ptr == NULL);
}

static int walk(struct verify *self)
{
    struct tw_audit_verdict *verdict = self->verdict;
    struct tw_audit_mark *last = &verdict->last;
    sqlite3_stmt *stmt = NULL;
    struct seen seen;
    /* everything behind `from`, also what has a number that none can have */
    int rc = tw_db_prepare(self->db,
                           "SELECT " TW_AUDIT_COLUMNS " FROM audit WHERE id > ?1 OR ?1 = 0"
                           " ORDER BY id",
                           &stmt, self->diag);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)last->id);
        rc = next_row(stmt, &seen, self->diag);
    }
    while (rc == TW_OK && verdict->fault == TW_AUDIT_NONE) {
        verdict->rows++;
        if (!is_next(self, &seen) || !fits(self, &seen, last->hash, seen.row.id)) {
            rc = name_fault(self, &seen, last->hash, last->id + 1);
            break;
        }
        note_marks(self, &seen);
        last->id = seen.row.id;
        memcpy(last->hash, seen.hash, sizeof last->hash);
        rc = next_row(stmt, &seen, self->diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* ---- what is not in the rows ---- */

static int check_marks(struct verify *self)
{
    const struct tw_audit_mark *last = &self->verdict->last;
    if (self->verdict->fault != TW_AUDIT_NONE) {
        return TW_OK;
    }
    if (self->known != NULL && self->known->id > last->id) {
        find_rows(self, TW_AUDIT_CUT, last->id + 1, self->known->id, "cut off the end");
    } else if (self->known != NULL && self->known->id > 0 && !self->known_fits) {
        find_rows(self, TW_AUDIT_CHANGED, self->known->id, self->known->id,
                  "is not the one that is known");
    }
    if (self->head_rc == TW_ENOTFOUND) {
        find(self, TW_AUDIT_HEAD_MISSING, 0, TW_AUDIT_HEAD_NAME " is missing");
    } else if (self->head_rc == TW_EDAMAGED) {
        find(self, TW_AUDIT_HEAD_CHANGED, 0,
             TW_AUDIT_HEAD_NAME " is not what was written with this key");
    } else if (self->head_rc != TW_OK) {
        return self->head_rc;
    } else if (self->head.id > last->id) {
        find_rows(self, TW_AUDIT_CUT, last->id + 1, self->head.id, "cut off the end");
    } else if (!self->head_fits) {
        find_rows(self, TW_AUDIT_CHANGED, self->head.id, self->head.id,
                  "is not the one that was the last");
    }
    return TW_OK;
}

/* One number of a row without parameters. */
static int read_number(struct verify *self, const char *sql, int64_t *ret_number)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(self->db, sql, &stmt, self->diag);
    rc = rc == TW_OK ? tw_db_row(stmt, self->diag) : rc;
    if (rc == TW_OK) {
        *ret_number = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

/* The numbers that were given, the triggers, the index. */
static int check_table(struct verify *self)
{
    int64_t given = 0;
    int64_t triggers = 0;
    int64_t is_sound = 0;
    int rc = read_number(self,
                         "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'),"
                         " 0)",
                         &given);
    rc = rc == TW_OK ? read_number(self,
                                   "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'"
                                   " AND tbl_name = 'audit' AND name IN ('audit_no_update',"
                                   " 'audit_no_delete', 'audit_chained')",
                                   &triggers)
                     : rc;
    rc = rc == TW_OK ? read_number(self,
                                   "SELECT count(*) = 1 AND max(integrity_check) = 'ok'"
                                   " FROM pragma_integrity_check('audit')",
                                   &is_sound)
                     : rc;
    if (rc == TW_OK && given > (int64_t)self->verdict->last.id) {
        find_rows(self, TW_AUDIT_CUT, self->verdict->last.id + 1, (uint64_t)given,
                  "cut off the end");
    }
    if (rc == TW_OK && triggers != 3) {
        find(self, TW_AUDIT_UNGUARDED, 0, "the triggers that refuse changes are not all there");
    }
    if (rc == TW_OK && is_sound == 0) {
        find(self, TW_AUDIT_DAMAGED, 0, "SQLite finds the table or its indices damaged");
    }
    return rc;
}

/* ---- the whole ---- */

/* The row that was the last when it was verified before, and what else is known up to it. */
static int begin_behind(struct verify *self, const struct tw_audit_mark *from)
{
    sqlite3_stmt *stmt = NULL;
    struct seen seen;
    int rc = rows_from(self, from->id, &stmt);
    rc = rc == TW_OK ? next_row(stmt, &seen, self->diag) : rc;
    bool is_there = rc == TW_OK && seen.row.id == from->id && seen.hash != NULL &&
                    memcmp(seen.hash, from->hash, TW_AUDIT_HASH_BYTES) == 0;
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    if (!is_there) {
        find_rows(self, TW_AUDIT_CHANGED, from->id, from->id, "is not what it was");
    }
    self->verdict->last = *from;
    /* the head was right then, and nobody moves it back */
    self->head_fits = self->head_rc == TW_OK && self->head.id < from->id;
    if (self->head_rc == TW_OK && self->head.id == from->id) {
        self->head_fits = memcmp(self->head.hash, from->hash, TW_AUDIT_HASH_BYTES) == 0;
    }
    return TW_OK;
}

static int verify_all(struct verify *self, const struct tw_audit_mark *from)
{
    int rc = tw_db_exec(self->db, "BEGIN", self->diag);
    self->head_fits = self->head_rc == TW_OK && self->head.id == 0;
    if (rc == TW_OK && from != NULL && from->id > 0) {
        rc = begin_behind(self, from);
    }
    rc = rc == TW_OK && self->verdict->fault == TW_AUDIT_NONE ? walk(self) : rc;
    rc = rc == TW_OK ? check_marks(self) : rc;
    return rc == TW_OK ? check_table(self) : rc;
}

static int open_desk(const char *dir, sqlite3 **ret_db, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    const struct tw_schema *schema = tw_desk_schema();
    int rc = tw_path_join(dir, TW_DESK_NAME, path);
    rc = rc == TW_OK ? tw_file_check(path, schema->app_id, schema->version, diag) : rc;
    return rc == TW_OK ? tw_db_open(path, TW_DB_READ, CACHE_KIB, ret_db, diag) : rc;
}

int tw_audit_verify(const char *dir, const struct tw_audit_mark *from,
                    const struct tw_audit_mark *known, struct tw_audit_verdict *ret_verdict,
                    struct tw_diag *diag)
{
    struct tw_audit_verdict verdict = {.fault = TW_AUDIT_NONE};
    struct verify self = {
        .key = {.fd = -1}, .known = known, .verdict = &verdict, .diag = diag, .head_rc = TW_OK};
    int64_t version = 0;
    int rc = open_desk(dir, &self.db, diag);
    rc = rc == TW_OK ? read_number(&self, "PRAGMA user_version", &version) : rc;
    if (rc == TW_OK && version < TW_DESK_VERSION) {
        rc = tw_diag_set(diag, TW_EOLDER,
                         "%s: the collector has not yet brought it to this version", TW_DESK_NAME);
    }
    rc = rc == TW_OK ? tw_audit_key_read(dir, &self.key, NULL, diag) : rc;
    if (rc == TW_OK) {
        /* before the snapshot, so that it is not ahead of it */
        self.head_rc = tw_audit_head_read(dir, &self.key, &self.head, NULL);
        rc = verify_all(&self, from);
    }
    tw_audit_key_forget(&self.key);
    tw_db_close(&self.db);
    if (rc == TW_OK) {
        *ret_verdict = verdict;
    }
    return rc;
}
