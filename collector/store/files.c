/* SPDX-License-Identifier: Apache-2.0
 * The files of a store: their names, their heads. */
#include "config.h"
#include "store/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int system_code(int errno_value)
{
    switch (errno_value) {
    case EACCES:
    case EPERM:
    case EROFS:
        return TW_EPERM;
    case ENOSPC:
    case EDQUOT:
        return TW_ENOSPACE;
    case ENOENT:
        return TW_ENOTFOUND;
    case ENOMEM:
        return TW_ENOMEM;
    default:
        return TW_EIO;
    }
}

int tw_system_error(struct tw_diag *diag, const char *path, const char *doing)
{
    char text[128];
    int error = errno;
    return tw_diag_set(diag, system_code(error), "%s: cannot %s: %s", path, doing,
                       tw_errno_text(error, text, sizeof text));
}

int tw_path_join(const char *dir, const char *name, char *path)
{
    int len = snprintf(path, TW_PATH_MAX, "%s/%s", dir, name);
    return len < 0 || len >= TW_PATH_MAX ? TW_ELIMIT : TW_OK;
}

int tw_part_path(const char *dir, uint32_t number, bool is_sealed, char *path)
{
    char name[64];
    if (is_sealed) {
        (void)snprintf(name, sizeof name, TW_SEALED_FORMAT, number);
    } else {
        (void)snprintf(name, sizeof name, TW_PART_FORMAT, number);
    }
    return tw_path_join(dir, name, path);
}

/* "part-000012.db" -> 12, not sealed. */
static bool parse_name(const char *name, uint32_t *ret_number, bool *ret_sealed)
{
    if (strncmp(name, "part-", 5) != 0) {
        return false;
    }
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(name + 5, &end, 10);
    bool is_sealed = strcmp(end, ".sealed") == 0;
    if (errno != 0 || end < name + 11 || number == 0 || number > UINT32_MAX ||
        (!is_sealed && strcmp(end, ".db") != 0)) {
        return false;
    }
    *ret_number = (uint32_t)number;
    *ret_sealed = is_sealed;
    return true;
}

static int compare_parts(const void *a, const void *b)
{
    uint32_t x = ((const struct tw_part *)a)->number;
    uint32_t y = ((const struct tw_part *)b)->number;
    return x < y ? -1 : (x > y ? 1 : 0);
}

/* The two names of one partition become one row. */
static size_t merge_parts(struct tw_part *parts, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && parts[kept - 1].number == parts[i].number) {
            parts[kept - 1].is_sealed |= parts[i].is_sealed;
            parts[kept - 1].has_db |= parts[i].has_db;
        } else {
            parts[kept++] = parts[i];
        }
    }
    return kept;
}

int tw_parts_list(const char *dir, struct tw_part **ret_parts, size_t *ret_count,
                  struct tw_diag *diag)
{
    DIR *stream = opendir(dir);
    if (stream == NULL) {
        return tw_system_error(diag, dir, "list the directory");
    }
    struct tw_part *parts = NULL;
    size_t count = 0;
    size_t capacity = 0;
    int rc = TW_OK;
    for (const struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        struct tw_part part = {0};
        if (!parse_name(entry->d_name, &part.number, &part.is_sealed)) {
            continue;
        }
        part.has_db = !part.is_sealed;
        if (count == capacity) {
            capacity = capacity == 0 ? 64 : capacity * 2;
            struct tw_part *bigger = realloc(parts, capacity * sizeof *parts);
            if (bigger == NULL) {
                rc = TW_ENOMEM;
                goto out;
            }
            parts = bigger;
        }
        parts[count++] = part;
    }
    if (count > 0) {
        qsort(parts, count, sizeof *parts, compare_parts);
        count = merge_parts(parts, count);
    }
    *ret_parts = parts;
    *ret_count = count;
    parts = NULL;
out:
    free(parts);
    (void)closedir(stream); /* only read */
    return rc;
}

/* A journal that outlived its partition: of part-N.db, which is gone, while part-N.sealed is there.
 * Without either it may be all that is left of something, and stays. */
static bool is_leftover(const char *dir, const char *name)
{
    char file[NAME_MAX + 1];
    char path[TW_PATH_MAX];
    uint32_t number = 0;
    bool is_sealed = false;
    size_t len = strlen(name);
    if (len < 4 || len > NAME_MAX ||
        (strcmp(name + len - 4, "-wal") != 0 && strcmp(name + len - 4, "-shm") != 0)) {
        return false;
    }
    memcpy(file, name, len - 4);
    file[len - 4] = '\0';
    return parse_name(file, &number, &is_sealed) && !is_sealed &&
           tw_part_path(dir, number, true, path) == TW_OK && access(path, F_OK) == 0 &&
           tw_part_path(dir, number, false, path) == TW_OK && access(path, F_OK) != 0 &&
           errno == ENOENT;
}

void tw_parts_tidy(const char *dir)
{
    DIR *stream = opendir(dir);
    if (stream == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        char path[TW_PATH_MAX];
        if (is_leftover(dir, entry->d_name) && tw_path_join(dir, entry->d_name, path) == TW_OK) {
            (void)unlink(path); /* it is in nobody's way; the next start tries again */
        }
    }
    (void)closedir(stream); /* only read */
}

static uint32_t get_be32(const uint8_t *from)
{
    return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

/* A process that was killed while it moved the journal into the file has written the head, which
 * comes first, and not yet all that is behind it: the journal has everything. */
static bool has_journal(const char *path)
{
    char name[TW_PATH_MAX + 8];
    struct stat info;
    (void)snprintf(name, sizeof name, "%s-wal", path);
    return stat(name, &info) == 0 && info.st_size > 0;
}

/* Offsets in the head: SQLite file format, section 1.3. */
static int check_head(const char *path, const uint8_t *head, uint64_t file_bytes, uint32_t app_id,
                      uint32_t version, struct tw_diag *diag)
{
    static const char advice[] = "nothing was changed: restore a backup, or move the file aside";
    if (memcmp(head, "SQLite format 3", 16) != 0) {
        return tw_diag_set(diag, TW_EFOREIGN, "%s: not a database (its head is wrong); %s", path,
                           advice);
    }
    if (get_be32(head + 68) != app_id) {
        return tw_diag_set(diag, TW_EFOREIGN,
                           "%s: belongs to another program (application id %08x, expected %08x); "
                           "choose another store.dir or move the file aside",
                           path, get_be32(head + 68), app_id);
    }
    if (get_be32(head + 60) > version) {
        return tw_diag_set(diag, TW_ENEWER,
                           "%s: written by a newer version (schema %u, this program knows %u); "
                           "nothing was changed: start the newer program",
                           path, get_be32(head + 60), version);
    }
    uint32_t page_size = (uint32_t)head[16] << 8 | head[17];
    uint64_t pages = get_be32(head + 28);
    bool size_is_valid = get_be32(head + 24) == get_be32(head + 92);
    bool is_short = size_is_valid && pages * page_size > file_bytes;
    if (page_size != TW_DB_PAGE_SIZE || (is_short && !has_journal(path))) {
        return tw_diag_set(diag, TW_EDAMAGED,
                           "%s: damaged: it is cut (%llu bytes, %llu pages of %u expected); "
                           "nothing was changed: restore a backup, or move the file aside and "
                           "salvage it with `sqlite3 FILE .recover`",
                           path, (unsigned long long)file_bytes, (unsigned long long)pages,
                           page_size);
    }
    return TW_OK;
}

/* Read through SQLite's own files: closing a descriptor of ours would give up the locks that the
 * connections of this process have on the file, and another process that closes it would take
 * itself for the last one and delete the journal. Source: SQLite, "How To Corrupt", 2.2. */
static int read_head(const char *path, uint8_t *head, size_t size, bool *ret_is_whole,
                     struct tw_diag *diag)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    sqlite3_file *file = vfs == NULL ? NULL : calloc(1, (size_t)vfs->szOsFile);
    sqlite3_filename name = sqlite3_create_filename(path, "", "", 0, NULL);
    int rc = file == NULL || name == NULL ? TW_ENOMEM : TW_OK;
    if (rc == TW_OK && vfs->xOpen(vfs, name, file, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB,
                                  NULL) != SQLITE_OK) {
        errno = vfs->xGetLastError == NULL ? EIO : vfs->xGetLastError(vfs, 0, NULL);
        rc = tw_system_error(diag, path, "open");
    }
    if (rc == TW_OK) {
        int got = file->pMethods->xRead(file, head, (int)size, 0);
        *ret_is_whole = got == SQLITE_OK;
        if (got != SQLITE_OK && got != SQLITE_IOERR_SHORT_READ) {
            errno = vfs->xGetLastError == NULL ? EIO : vfs->xGetLastError(vfs, 0, NULL);
            rc = tw_system_error(diag, path, "read");
        }
    }
    if (file != NULL && file->pMethods != NULL) {
        (void)file->pMethods->xClose(file); /* only read */
    }
    sqlite3_free_filename(name);
    free(file);
    return rc;
}

int tw_file_check(const char *path, uint32_t app_id, uint32_t version, struct tw_diag *diag)
{
    uint8_t head[100];
    struct stat info;
    bool is_whole = false;
    if (stat(path, &info) != 0) {
        return tw_system_error(diag, path, "open");
    }
    int rc = read_head(path, head, sizeof head, &is_whole, diag);
    if (rc == TW_OK && !is_whole) {
        return tw_diag_set(diag, TW_EDAMAGED,
                           "%s: damaged: only %lld bytes long; nothing was changed: restore a "
                           "backup, or move the file aside",
                           path, (long long)info.st_size);
    }
    return rc == TW_OK ? check_head(path, head, (uint64_t)info.st_size, app_id, version, diag) : rc;
}

int tw_dir_sync(const char *dir, struct tw_diag *diag)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return tw_system_error(diag, dir, "open");
    }
    int rc = fsync(fd) == 0 ? TW_OK : tw_system_error(diag, dir, "sync");
    (void)close(fd); /* synced */
    return rc;
}

int tw_file_sync(const char *path, struct tw_diag *diag)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return tw_system_error(diag, path, "open");
    }
    int rc = fdatasync(fd) == 0 ? TW_OK : tw_system_error(diag, path, "sync");
    (void)close(fd); /* synced */
    return rc;
}

int tw_file_publish(int made, const char *dir, const char *draft, const char *path,
                    struct tw_diag *diag)
{
    int rc = made;
    if (rc == TW_OK && chmod(draft, 0600) != 0) {
        rc = tw_system_error(diag, draft, "protect");
    }
    rc = rc == TW_OK ? tw_file_sync(draft, diag) : rc;
    if (rc == TW_OK && rename(draft, path) != 0) {
        rc = tw_system_error(diag, path, "rename to");
    }
    if (rc != TW_OK) {
        (void)unlink(draft); /* a draft of nothing */
        return rc;
    }
    return tw_dir_sync(dir, diag);
}
