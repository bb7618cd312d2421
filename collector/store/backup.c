/* SPDX-License-Identifier: Apache-2.0
 * Online copy. Sealed partitions never change, so they are copied as files; the others and the
 * catalogue through SQLite's backup, each at one moment. The newest partition is copied last, so
 * the copy has everything that was committed before it began. While it runs partitions may be
 * closed, sealed or expired: a copy is accepted only when its partitions join without a hole, and
 * what does not fit is copied again. The archive of series comes after the partitions: a sealed one
 * may have left its series there. The desk comes before them. It must not have what is copied as
 * the newest partition, which goes on where the copy ends.
 */
#include "config.h"
#include "store/audit.h"
#include "store/part.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY_CACHE_KIB 1024
#define COPY_BYTES     (1u << 20)
#define ROUNDS_MAX     10 /* each round copies again only what changed meanwhile */
#define BUSY_TRIES     100
#define BUSY_PAUSE_MS  50

static int copy_bytes(int from, int to, const char *path, struct tw_diag *diag)
{
    char *buffer = malloc(COPY_BYTES);
    int rc = buffer == NULL ? TW_ENOMEM : TW_OK;
    while (rc == TW_OK) {
        ssize_t got = read(from, buffer, COPY_BYTES);
        if (got <= 0) {
            rc = got == 0 ? TW_OK : tw_system_error(diag, path, "read");
            break;
        }
        for (ssize_t done = 0; rc == TW_OK && done < got;) {
            ssize_t wrote = write(to, buffer + done, (size_t)(got - done));
            if (wrote < 0) {
                rc = tw_system_error(diag, path, "write the copy of");
            }
            done += wrote;
        }
    }
    if (rc == TW_OK && fsync(to) != 0) {
        rc = tw_system_error(diag, path, "sync the copy of");
    }
    free(buffer);
    return rc;
}

/* TW_ENOTFOUND when the source is gone. */
static int copy_file(const char *source, const char *target, struct tw_diag *diag)
{
    int from = open(source, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return errno == ENOENT ? TW_ENOTFOUND : tw_system_error(diag, source, "open");
    }
    int to = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int rc = to < 0 ? tw_system_error(diag, target, "make") : copy_bytes(from, to, source, diag);
    (void)close(from); /* only read */
    if (to >= 0) {
        (void)close(to); /* synced */
    }
    return rc;
}

static int run_backup(sqlite3 *from, sqlite3 *to, struct tw_diag *diag)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    if (backup == NULL) {
        return tw_db_error(to, sqlite3_errcode(to), diag);
    }
    /* all pages in one step: one read transaction, so one moment; WAL lets the writer go on */
    int rc = sqlite3_backup_step(backup, -1);
    for (int i = 0; (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) && i < BUSY_TRIES; i++) {
        (void)sqlite3_sleep(BUSY_PAUSE_MS);
        rc = sqlite3_backup_step(backup, -1);
    }
    (void)sqlite3_backup_finish(backup); /* repeats the error of the step */
    return rc == SQLITE_DONE ? TW_OK : tw_db_error(to, rc, diag);
}

/* TW_ENOTFOUND when the source is gone. */
static int copy_database(const char *source, const char *target, struct tw_diag *diag)
{
    sqlite3 *from = NULL;
    sqlite3 *to = NULL;
    (void)unlink(target); /* of an earlier round */
    int rc = tw_db_open(source, TW_DB_READ, COPY_CACHE_KIB, &from, diag);
    rc = rc == TW_OK ? tw_db_open(target, TW_DB_CREATE, COPY_CACHE_KIB, &to, diag) : rc;
    rc = rc == TW_OK ? run_backup(from, to, diag) : rc;
    tw_db_close(&to);
    tw_db_close(&from);
    return rc == TW_OK ? tw_file_sync(target, diag) : rc;
}

struct copied {
    uint32_t number;
    bool is_sealed;
    uint64_t first_n;
    uint64_t last_n;
};

struct backup {
    const char *dir;
    const char *draft;
    struct copied *items; /* ascending by number */
    size_t count;
};

static int read_copied(const char *path, bool is_sealed, struct copied *item, struct tw_diag *diag)
{
    struct tw_part_meta meta;
    sqlite3 *db = NULL;
    int rc = tw_db_open(path, is_sealed ? TW_DB_IMMUTABLE : TW_DB_READ, COPY_CACHE_KIB, &db, diag);
    rc = rc == TW_OK ? tw_part_meta_read(db, &meta, diag) : rc;
    tw_db_close(&db);
    if (rc == TW_OK) {
        item->first_n = meta.first_n;
        item->last_n = meta.last_n;
    }
    return rc;
}

/* The copy has what a database that is opened for the first time needs: WAL is set anew at the
 * first start, and its journal is part of the copy. */
static int copy_part(struct backup *self, const struct tw_part *part, struct tw_diag *diag)
{
    char source[TW_PATH_MAX];
    char target[TW_PATH_MAX];
    struct copied item = {.number = part->number, .is_sealed = part->is_sealed};
    int rc = tw_part_path(self->dir, part->number, part->is_sealed, source);
    rc = rc == TW_OK ? tw_part_path(self->draft, part->number, part->is_sealed, target) : rc;
    if (rc == TW_OK) {
        rc =
            part->is_sealed ? copy_file(source, target, diag) : copy_database(source, target, diag);
    }
    rc = rc == TW_OK ? read_copied(target, part->is_sealed, &item, diag) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    size_t at = 0;
    while (at < self->count && self->items[at].number < item.number) {
        at++;
    }
    if (at == self->count || self->items[at].number != item.number) {
        struct copied *bigger = realloc(self->items, (self->count + 1) * sizeof *bigger);
        if (bigger == NULL) {
            return TW_ENOMEM;
        }
        self->items = bigger;
        memmove(bigger + at + 1, bigger + at, (self->count - at) * sizeof *bigger);
        self->count++;
    }
    self->items[at] = item;
    return TW_OK;
}

/* True when the partition is in the copy and joins the one behind it. */
static bool is_done(const struct backup *self, uint32_t number)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->items[i].number == number) {
            return self->items[i].is_sealed ||
                   (i + 1 < self->count && self->items[i + 1].number == number + 1 &&
                    self->items[i].last_n + 1 == self->items[i + 1].first_n);
        }
    }
    return false;
}

static bool is_whole(const struct backup *self)
{
    for (size_t i = 1; i < self->count; i++) {
        if (self->items[i].number != self->items[i - 1].number + 1 ||
            self->items[i].first_n != self->items[i - 1].last_n + 1) {
            return false;
        }
    }
    return self->count > 0;
}

/* Copy what is missing. *ret_whole: nothing was, or all of it fits now. */
static int copy_round(struct backup *self, bool *ret_whole, struct tw_diag *diag)
{
    struct tw_part *parts = NULL;
    size_t count = 0;
    int rc = tw_parts_list(self->dir, &parts, &count, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        if (!is_done(self, parts[i].number)) {
            rc = copy_part(self, &parts[i], diag);
        }
    }
    if (rc == TW_ENOTFOUND) {
        rc = TW_OK; /* sealed or expired meanwhile: the next round sees it */
        *ret_whole = false;
    } else {
        *ret_whole = rc == TW_OK && is_whole(self);
    }
    free(parts);
    return rc;
}

static int read_mark(const char *path, int64_t *ret_mark, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_open(path, TW_DB_READ, COPY_CACHE_KIB, &db, diag);
    rc = rc == TW_OK ? tw_db_prepare(db, "SELECT up_to FROM meta WHERE id = 1", &stmt, diag) : rc;
    rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    if (rc == TW_OK) {
        *ret_mark = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    tw_db_close(&db);
    return rc == TW_ENOTFOUND ? tw_diag_set(diag, TW_EDAMAGED, "%s: damaged: no head", path) : rc;
}

/* *ret_fits: it joins the partitions that were copied. */
static int copy_archive(const struct backup *self, bool *ret_fits, struct tw_diag *diag)
{
    char source[TW_PATH_MAX];
    char target[TW_PATH_MAX];
    int64_t mark = 0;
    int rc = tw_path_join(self->dir, TW_ARCHIVE_NAME, source);
    rc = rc == TW_OK ? tw_path_join(self->draft, TW_ARCHIVE_NAME, target) : rc;
    rc = rc == TW_OK ? copy_database(source, target, diag) : rc;
    if (rc == TW_ENOTFOUND) {
        return TW_OK; /* no partition was added to one yet */
    }
    rc = rc == TW_OK ? read_mark(target, &mark, diag) : rc;
    *ret_fits = rc == TW_OK && mark < self->items[self->count - 1].number;
    return rc;
}

/* One file that is replaced by renaming, so that a copy is one state of it; it may not be there. */
static int copy_small(const struct backup *self, const char *file, struct tw_diag *diag)
{
    char source[TW_PATH_MAX];
    char target[TW_PATH_MAX];
    int rc = tw_path_join(self->dir, file, source);
    rc = rc == TW_OK ? tw_path_join(self->draft, file, target) : rc;
    rc = rc == TW_OK ? copy_file(source, target, diag) : rc;
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* Before the partitions: what follows failures must not be ahead of what it follows. */
static int copy_desk(const struct backup *self, struct tw_diag *diag)
{
    char source[TW_PATH_MAX];
    char target[TW_PATH_MAX];
    int rc = tw_path_join(self->dir, TW_DESK_NAME, source);
    rc = rc == TW_OK ? tw_path_join(self->draft, TW_DESK_NAME, target) : rc;
    rc = rc == TW_OK ? copy_database(source, target, diag) : rc;
    return rc == TW_ENOTFOUND ? TW_OK : rc; /* nothing was followed yet */
}

/* A partition copied before and after it was sealed is there twice: the sealed one counts, the
 * other goes. Partitions that expired meanwhile stay: they were complete. */
static void remove_doubles(const struct backup *self)
{
    char path[TW_PATH_MAX];
    for (size_t i = 0; i < self->count; i++) {
        if (self->items[i].is_sealed &&
            tw_part_path(self->draft, self->items[i].number, false, path) == TW_OK) {
            (void)unlink(path); /* usually there is none */
        }
    }
}

static int copy_all(struct backup *self, struct tw_diag *diag)
{
    char source[TW_PATH_MAX];
    char target[TW_PATH_MAX];
    int rc = tw_path_join(self->dir, TW_CATALOGUE_NAME, source);
    rc = rc == TW_OK ? tw_path_join(self->draft, TW_CATALOGUE_NAME, target) : rc;
    rc = rc == TW_OK ? copy_database(source, target, diag) : rc;
    if (rc == TW_ENOTFOUND) {
        return tw_diag_set(diag, rc, "%s: there is no store", self->dir);
    }
    /* the operators' rules for causes; then the head of the audit, which must not be ahead of it */
    rc = rc == TW_OK ? copy_small(self, TW_RULES_NAME, diag) : rc;
    rc = rc == TW_OK ? copy_small(self, TW_AUDIT_KEY_NAME, diag) : rc;
    rc = rc == TW_OK ? copy_small(self, TW_AUDIT_HEAD_NAME, diag) : rc;
    rc = rc == TW_OK ? copy_desk(self, diag) : rc;
    bool is_complete = false;
    for (int i = 0; rc == TW_OK && !is_complete && i < ROUNDS_MAX; i++) {
        rc = copy_round(self, &is_complete, diag);
        rc = rc == TW_OK && is_complete ? copy_archive(self, &is_complete, diag) : rc;
    }
    if (rc == TW_OK && !is_complete) {
        rc = tw_diag_set(diag, TW_EAGAIN,
                         "%s: partitions changed faster than they could be copied; try again",
                         self->dir);
    }
    if (rc == TW_OK) {
        remove_doubles(self);
    }
    return rc == TW_OK ? tw_dir_sync(self->draft, diag) : rc;
}

/* Remove what was copied; only files that a copy makes. */
static void remove_draft(const struct backup *self)
{
    char path[TW_PATH_MAX];
    for (size_t i = 0; i < self->count; i++) {
        for (int sealed = 0; sealed < 2; sealed++) {
            if (tw_part_path(self->draft, self->items[i].number, sealed != 0, path) == TW_OK) {
                (void)unlink(path); /* one of the two is there */
            }
        }
    }
    static const char *const names[] = {TW_CATALOGUE_NAME, TW_ARCHIVE_NAME,   TW_DESK_NAME,
                                        TW_RULES_NAME,     TW_AUDIT_KEY_NAME, TW_AUDIT_HEAD_NAME};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (tw_path_join(self->draft, names[i], path) == TW_OK) {
            (void)unlink(path); /* it may not have come to that */
        }
    }
    (void)rmdir(self->draft); /* stays when something else is in it */
}

static int sync_parent(const char *target, struct tw_diag *diag)
{
    char parent[TW_PATH_MAX];
    (void)snprintf(parent, sizeof parent, "%s", target);
    char *slash = strrchr(parent, '/');
    if (slash == NULL) {
        return tw_dir_sync(".", diag);
    }
    slash[slash == parent ? 1 : 0] = 0;
    return tw_dir_sync(parent, diag);
}

int tw_store_backup(const char *dir, const char *target, struct tw_diag *diag)
{
    char draft[TW_PATH_MAX];
    char name[TW_PATH_MAX];
    size_t len = strlen(target);
    while (len > 1 && target[len - 1] == '/') {
        len--;
    }
    if (len == 0 || len + 16 > sizeof draft) {
        return tw_diag_set(diag, TW_ELIMIT, "%s: not a name for a directory", target);
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)len, target);
    (void)snprintf(draft, sizeof draft, "%.*s.partial", (int)len, target);
    struct stat info;
    if (lstat(name, &info) == 0) {
        return tw_diag_set(diag, TW_EEXISTS, "%s exists already; nothing was written", name);
    }
    if (mkdir(draft, 0700) != 0) {
        return errno == EEXIST
                   ? tw_diag_set(diag, TW_EEXISTS,
                                 "%s is there from a backup that was cut off; remove it", draft)
                   : tw_system_error(diag, draft, "make the directory");
    }
    struct backup backup = {.dir = dir, .draft = draft};
    int rc = copy_all(&backup, diag);
    if (rc == TW_OK && rename(draft, name) != 0) {
        rc = tw_system_error(diag, name, "rename to");
    }
    if (rc != TW_OK) {
        remove_draft(&backup);
    }
    free(backup.items);
    return rc == TW_OK ? sync_parent(name, diag) : rc;
}
