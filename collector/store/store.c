/* SPDX-License-Identifier: Apache-2.0
 * Opening, committing, closing. Every file is looked at before any is changed: a store with one
 * damaged, foreign or newer file is refused whole, and nothing in it is touched.
 */
#include "config.h"
#include "store/state.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "store/migrate.h"

#define HEAD_CACHE_KIB 256

void tw_ident_news_destroy(struct tw_ident_news **self_p)
{
    struct tw_ident_news *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        free(self->filter);
        free(self);
    }
}

/* ---- opening ---- */

/* mkdir -p, readable by us only: events carry personal data. */
static int make_dir(const char *dir, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    size_t len = strlen(dir);
    if (len == 0 || len >= sizeof path) {
        return tw_diag_set(diag, TW_ELIMIT, "store.dir is empty or too long");
    }
    memcpy(path, dir, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != 0) {
            continue;
        }
        char kept = path[i];
        path[i] = 0;
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            return tw_system_error(diag, path, "make the directory");
        }
        path[i] = kept;
    }
    struct stat info;
    if (stat(dir, &info) != 0) {
        return tw_system_error(diag, dir, "look at the directory");
    }
    if (!S_ISDIR(info.st_mode)) {
        return tw_diag_set(diag, TW_EPERM,
                           "%s is not a directory; choose another store.dir or move it aside", dir);
    }
    return TW_OK;
}

/* Drafts of a run that was cut off. Files of ours, by their names, without any content that was
 * ever acknowledged. */
static int remove_drafts(const char *dir, struct tw_diag *diag)
{
    DIR *stream = opendir(dir);
    if (stream == NULL) {
        return tw_system_error(diag, dir, "list the directory");
    }
    int rc = TW_OK;
    for (const struct dirent *entry = readdir(stream); entry != NULL && rc == TW_OK;
         entry = readdir(stream)) {
        size_t len = strlen(entry->d_name);
        char path[TW_PATH_MAX];
        if (len > 4 && strcmp(entry->d_name + len - 4, ".tmp") == 0) {
            rc = tw_path_join(dir, entry->d_name, path);
            if (rc == TW_OK && unlink(path) != 0 && errno != ENOENT) {
                rc = tw_system_error(diag, path, "remove");
            }
        }
    }
    (void)closedir(stream); /* only read */
    return rc;
}

static int check_files(const char *dir, const struct tw_part *parts, size_t count,
                       struct tw_diag *diag)
{
    const struct tw_schema *schema = tw_part_schema();
    int rc = TW_OK;
    char path[TW_PATH_MAX];
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        if (i > 0 && parts[i].number != parts[i - 1].number + 1) {
            return tw_diag_set(diag, TW_EDAMAGED,
                               "%s: partition %u is missing between %u and %u; nothing was "
                               "changed: restore it from a backup",
                               dir, parts[i - 1].number + 1, parts[i - 1].number, parts[i].number);
        }
        rc = tw_part_path(dir, parts[i].number, parts[i].is_sealed, path);
        rc = rc == TW_OK ? tw_file_check(path, schema->app_id, schema->version, diag) : rc;
    }
    return rc;
}

/* Partitions that wait to be sealed; the newest is migrated when it is opened for writing, sealed
 * ones keep their version. */
static int migrate_waiting(const char *dir, const struct tw_part *parts, size_t count,
                           struct tw_diag *diag)
{
    int rc = TW_OK;
    char path[TW_PATH_MAX];
    for (size_t i = 0; i + 1 < count && rc == TW_OK; i++) {
        if (!parts[i].is_sealed) {
            rc = tw_part_path(dir, parts[i].number, false, path);
            rc = rc == TW_OK ? tw_schema_migrate_file(path, tw_part_schema(), diag) : rc;
        }
    }
    return rc;
}

static int read_head(const struct tw_store *self, const struct tw_part *part,
                     struct tw_part_meta *ret_meta, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    sqlite3 *db = NULL;
    int rc = tw_part_path(self->dir, part->number, part->is_sealed, path);
    rc = rc == TW_OK ? tw_db_open(path, part->is_sealed ? TW_DB_IMMUTABLE : TW_DB_READ,
                                  HEAD_CACHE_KIB, &db, diag)
                     : rc;
    rc = rc == TW_OK ? tw_part_meta_read(db, ret_meta, diag) : rc;
    tw_db_close(&db);
    if (rc == TW_OK && (memcmp(ret_meta->store_id, self->store_id, TW_STORE_ID_BYTES) != 0 ||
                        ret_meta->number != part->number)) {
        rc = tw_diag_set(diag, TW_EFOREIGN,
                         "%s: belongs to another store, or was renamed; nothing was changed: move "
                         "the file aside",
                         path);
    }
    return rc;
}

/* Heads of the partitions but the newest: numbers without holes. */
static int check_chain(struct tw_store *self, const struct tw_part *parts, size_t count,
                       uint64_t newest_first_n, struct tw_diag *diag)
{
    uint64_t next = 0;
    for (size_t i = 0; i < count; i++) {
        struct tw_part_meta meta;
        if (i + 1 < count) {
            int rc = read_head(self, &parts[i], &meta, diag);
            if (rc != TW_OK) {
                return rc;
            }
        } else {
            meta.first_n = newest_first_n;
            meta.last_n = newest_first_n;
        }
        if (i > 0 && meta.first_n != next) {
            return tw_diag_set(diag, TW_EDAMAGED,
                               "%s: partition %u should begin with record %llu and begins with "
                               "%llu; nothing was changed: restore a backup",
                               self->dir, parts[i].number, (unsigned long long)next,
                               (unsigned long long)meta.first_n);
        }
        next = meta.last_n + 1;
    }
    return TW_OK;
}

static int create_first(struct tw_store *self, struct tw_diag *diag)
{
    struct tw_part_meta meta = {.number = 1, .first_n = 1, .next_quarantine = 1};
    memcpy(meta.store_id, self->store_id, TW_STORE_ID_BYTES);
    meta.started = self->clock->wall(self->clock);
    meta.closed = meta.started;
    return tw_part_create(self->dir, &meta, NULL, diag);
}

/* A new partition whose first batch did not make it: it has nothing, and the one before it is
 * complete and not sealed (the keeper waits for the first commit). Go back to that one. */
static int drop_empty(struct tw_store *self, const struct tw_part *part, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    char side[TW_PATH_MAX + 8];
    tw_part_writer_close(&self->active);
    int rc = tw_part_path(self->dir, part->number, false, path);
    if (rc == TW_OK && unlink(path) != 0) {
        rc = tw_system_error(diag, path, "remove the empty partition");
    }
    static const char *const suffixes[] = {"-wal", "-shm"};
    for (size_t i = 0; i < 2 && rc == TW_OK; i++) {
        size_t len = strlen(path);
        memcpy(side, path, len);
        memcpy(side + len, suffixes[i], 5);
        (void)unlink(side); /* usually there is none */
    }
    return rc;
}

static int open_newest(struct tw_store *self, const struct tw_part *parts, size_t *count,
                       struct tw_diag *diag)
{
    int rc = TW_OK;
    const struct tw_part *newest = &parts[*count - 1];
    if (newest->is_sealed) {
        return tw_diag_set(diag, TW_EDAMAGED,
                           "%s: the newest partition, %u, is sealed: the one after it is missing; "
                           "nothing was changed: restore it from a backup",
                           self->dir, newest->number);
    }
    rc = tw_part_writer_open(self->dir, newest->number, self->store_id, &self->active, diag);
    if (rc == TW_OK && tw_part_writer_meta(self->active)->commits == 0 && *count > 1 &&
        !parts[*count - 2].is_sealed) {
        rc = drop_empty(self, newest, diag);
        (*count)--;
        rc = rc == TW_OK ? tw_part_writer_open(self->dir, parts[*count - 1].number, self->store_id,
                                               &self->active, diag)
                         : rc;
    }
    return rc;
}

/* Whether the store ends where the mark says that it was committed to, or behind it. */
static int check_mark(const struct tw_store *self, uint64_t mark, uint64_t last_n,
                      struct tw_diag *diag)
{
    if (mark <= last_n) {
        return TW_OK;
    }
    return tw_diag_set(diag, TW_EDAMAGED,
                       "%s: damaged: records %llu to %llu were committed and are missing (a "
                       "partition or its journal, *-wal, is cut or lost); nothing was changed: "
                       "restore it, or a backup; to go on without them remove the file %s/%s",
                       self->dir, (unsigned long long)last_n + 1, (unsigned long long)mark,
                       self->dir, TW_MARK_NAME);
}

static int open_parts(struct tw_store *self, struct tw_diag *diag)
{
    struct tw_part *parts = NULL;
    size_t count = 0;
    int rc = tw_parts_list(self->dir, &parts, &count, diag);
    rc = rc == TW_OK ? check_files(self->dir, parts, count, diag) : rc;
    rc = rc == TW_OK ? tw_catalogue_open(self, count == 0, diag) : rc;
    rc = rc == TW_OK ? remove_drafts(self->dir, diag) : rc;
    if (rc == TW_OK) {
        tw_parts_tidy(self->dir);
    }
    uint64_t mark = 0;
    rc = rc == TW_OK ? tw_mark_open(self->dir, &self->mark_fd, &mark, diag) : rc;
    if (rc == TW_OK && count == 0) {
        free(parts);
        parts = NULL;
        rc = check_mark(self, mark, 0, diag);
        rc = rc == TW_OK ? create_first(self, diag) : rc;
        rc = rc == TW_OK ? tw_parts_list(self->dir, &parts, &count, diag) : rc;
    }
    rc = rc == TW_OK ? migrate_waiting(self->dir, parts, count, diag) : rc;
    rc = rc == TW_OK ? open_newest(self, parts, &count, diag) : rc;
    if (rc == TW_OK) {
        const struct tw_part_meta *meta = tw_part_writer_meta(self->active);
        rc = check_chain(self, parts, count, meta->first_n, diag);
        atomic_store(&self->sealable_below, meta->commits == 0 ? 0 : meta->number);
        atomic_store(&self->last_closed_ns, meta->commits == 0 ? 0 : meta->closed.ns);
        rc = rc == TW_OK ? check_mark(self, mark, meta->last_n, diag) : rc;
    }
    free(parts);
    return rc;
}

int tw_store_open(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_store **ret_store,
                  struct tw_diag *diag)
{
    struct tw_store *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "out of memory");
    }
    self->cfg = cfg;
    self->clock = clock;
    self->lock_fd = -1;
    self->mark_fd = -1;
    self->dir = strdup(cfg->store.dir);
    int rc = self->dir == NULL ? TW_ENOMEM : make_dir(self->dir, diag);
    rc = rc == TW_OK ? tw_chan_new(TW_IDENT_NEWS_MAX, &self->ident_news) : rc;
    rc = rc == TW_OK ? tw_lock_take(self->dir, &self->lock_fd, diag) : rc;
    rc = rc == TW_OK ? open_parts(self, diag) : rc;
    char full[TW_PATH_MAX];
    rc = rc == TW_OK ? tw_path_join(self->dir, TW_FULL_NAME, full) : rc;
    if (rc != TW_OK) {
        tw_store_destroy(&self);
        return rc;
    }
    (void)unlink(full); /* usually there is none; the keeper looks anew */
    *ret_store = self;
    return TW_OK;
}

void tw_store_destroy(struct tw_store **self_p)
{
    struct tw_store *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    if (self->active != NULL && self->failed == TW_OK) {
        /* a start without a journal to read is quicker; without it nothing is lost */
        tw_part_writer_finish(self->active);
        tw_part_writer_close(&self->active);
        tw_catalogue_tidy(self);
        tw_parts_tidy(self->dir);
    }
    tw_part_writer_close(&self->active);
    tw_keeper_state_destroy(&self->keeper);
    if (self->ident_news != NULL) {
        for (struct tw_ident_news *news = tw_chan_receive(self->ident_news); news != NULL;
             news = tw_chan_receive(self->ident_news)) {
            tw_ident_news_destroy(&news);
        }
        tw_chan_destroy(&self->ident_news);
    }
    tw_catalogue_forget(self);
    if (self->mark_fd >= 0) {
        (void)close(self->mark_fd); /* never relied upon */
    }
    if (self->lock_fd >= 0) {
        (void)close(self->lock_fd); /* frees the lock */
    }
    free(self->dir);
    free(self);
}

/* ---- committing ---- */

/* Leave the active partition for a new one. When the new one exists already and is empty (the
 * commit after its making failed for want of space), it is used. */
static int start_partition(struct tw_store *self, const struct tw_batch *batch,
                           struct tw_diag *diag)
{
    const struct tw_part_meta *old = tw_part_writer_meta(self->active);
    if (old->commits == 0) {
        return TW_OK;
    }
    struct tw_part_meta meta = {
        .number = old->number + 1,
        .first_n = batch->first_n,
        .last_n = batch->first_n - 1,
        .started = batch->closed,
        .closed = batch->closed,
        .totals = old->totals,
        .checkpoint_n = batch->first_n - 1,
        .next_quarantine = 1,
    };
    memcpy(meta.store_id, self->store_id, TW_STORE_ID_BYTES);
    memcpy(meta.problems, old->problems, sizeof meta.problems);
    int rc = tw_part_create(self->dir, &meta, tw_part_writer_db(self->active), diag);
    /* made by an attempt that then found no space to open it */
    rc = rc == TW_EEXISTS ? TW_OK : rc;
    struct tw_part_writer *next = NULL;
    rc =
        rc == TW_OK ? tw_part_writer_open(self->dir, meta.number, self->store_id, &next, diag) : rc;
    if (rc == TW_OK && (tw_part_writer_meta(next)->commits != 0 ||
                        tw_part_writer_meta(next)->first_n != batch->first_n)) {
        tw_part_writer_close(&next);
        rc = tw_diag_set(diag, TW_EDAMAGED, "%s: partition %u is there already and is not empty",
                         self->dir, meta.number);
    }
    if (rc == TW_OK) {
        tw_part_writer_close(&self->active);
        self->active = next;
        tw_log(TW_LOG_PARTITION_STARTED_EVENT, TW_F_INT("number", meta.number),
               TW_F_INT("first_n", meta.first_n));
    }
    return rc;
}

static bool may_retry(int rc)
{
    return rc == TW_ENOSPACE || rc == TW_EBUSY;
}

int tw_store_commit(struct tw_store *self, const struct tw_batch *batch, struct tw_diag *diag)
{
    if (self->failed != TW_OK) {
        return tw_diag_set(diag, self->failed,
                           "the store has failed before; the next start recovers it");
    }
    int rc = batch->starts_partition ? start_partition(self, batch, diag) : TW_OK;
    rc = rc == TW_OK ? tw_part_writer_commit(self->active, batch, diag) : rc;
    atomic_store(&self->has_no_space, rc == TW_ENOSPACE);
    if (rc != TW_OK) {
        self->failed = may_retry(rc) ? TW_OK : rc;
        return rc;
    }
    const struct tw_part_meta *meta = tw_part_writer_meta(self->active);
    atomic_store(&self->sealable_below, meta->number);
    atomic_store(&self->last_closed_ns, meta->closed.ns);
    /* a mark that cannot be written only watches less */
    (void)tw_mark_write(self->mark_fd, meta->last_n);
    return TW_OK;
}

void tw_store_set_recovering(struct tw_store *self, bool is_recovering)
{
    atomic_store(&self->is_recovering, is_recovering);
}

bool tw_store_is_full(const struct tw_store *self)
{
    return atomic_load(&self->is_full);
}
