/* SPDX-License-Identifier: Apache-2.0
 * For LD_PRELOAD: a disk that keeps exactly what was synced. The files below TW_SHADOW_FROM are
 * written as usual; each fsync or fdatasync of one copies it to the same place below TW_SHADOW_TO,
 * and each sync of a directory makes its names there the same. After a kill, the copy is what a
 * power cut would have left, at its worst: nothing that was not synced.
 * When the file TW_SHADOW_LIE exists, syncing does nothing and says it has: the control run.
 * Thread: any; one lock around all of it. Fails: exits at once, so that no test trusts the copy.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t mtx = PTHREAD_MUTEX_INITIALIZER;

static _Noreturn void die(const char *what, const char *path)
{
    (void)fprintf(stderr, "shadow: %s: %s\n", what, path);
    _exit(99);
}

/* Path of the copy of `path`; false when it is not below TW_SHADOW_FROM. */
static int shadow_path(const char *path, char *copy, size_t size)
{
    const char *from = getenv("TW_SHADOW_FROM");
    const char *to = getenv("TW_SHADOW_TO");
    size_t len = from == NULL ? 0 : strlen(from);
    if (len == 0 || to == NULL || strncmp(path, from, len) != 0) {
        return 0;
    }
    int written = snprintf(copy, size, "%s%s", to, path + len);
    return written > 0 && (size_t)written < size;
}

/* Copy through the descriptor itself: opening the file again and closing it would drop the locks
 * that this process holds on it. */
static void copy_file(int fd, const char *copy)
{
    static char buf[1 << 16];
    char part[PATH_MAX];
    const char *slash = strrchr(copy, '/');
    if (slash != NULL && snprintf(part, sizeof part, "%.*s", (int)(slash - copy), copy) > 0) {
        (void)mkdir(part, 0700); /* there already, or open() says what is wrong */
    }
    int written = snprintf(part, sizeof part, "%s.shadow-part", copy);
    int out = written > 0 && (size_t)written < sizeof part
                  ? open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
                  : -1;
    if (out < 0) {
        die("cannot write", copy);
    }
    off_t at = 0;
    for (;;) {
        ssize_t got = pread(fd, buf, sizeof buf, at);
        if (got == 0) {
            break;
        }
        if (got < 0 || write(out, buf, (size_t)got) != got) {
            die("cannot copy", copy);
        }
        at += got;
    }
    (void)close(out); /* a copy for a test: nothing is synced here */
    if (rename(part, copy) != 0) {
        die("cannot rename", copy);
    }
}

static int has_same_bytes(const char *path, const char *copy)
{
    struct stat a;
    struct stat b;
    return stat(path, &a) == 0 && stat(copy, &b) == 0 && a.st_size == b.st_size &&
           a.st_mtim.tv_sec <= b.st_mtim.tv_sec;
}

/* A name that the directory has, and the copy has not or has older: made or renamed since. */
static void sync_name(const char *path, const char *copy, const char *name)
{
    char from[PATH_MAX];
    char to[PATH_MAX];
    struct stat info;
    size_t len = strlen(name);
    if ((len > 4 && strcmp(name + len - 4, "-shm") == 0) || strcmp(name, "lock") == 0 ||
        snprintf(from, sizeof from, "%s/%s", path, name) >= (int)sizeof from ||
        snprintf(to, sizeof to, "%s/%s", copy, name) >= (int)sizeof to || stat(from, &info) != 0 ||
        !S_ISREG(info.st_mode) || has_same_bytes(from, to)) {
        return;
    }
    /* Only names that this process has no lock on come this way: files renamed into place. What
     * SQLite has open was synced through its own descriptor. */
    if (access(to, F_OK) == 0 && strstr(name, ".db") != NULL) {
        return;
    }
    int fd = open(from, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        copy_file(fd, to);
        (void)close(fd); /* read only */
    }
}

static void sync_directory(const char *path, const char *copy)
{
    char name[PATH_MAX];
    if (mkdir(copy, 0700) != 0 && errno != EEXIST) {
        die("cannot make", copy);
    }
    DIR *dir = opendir(copy);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.' &&
            snprintf(name, sizeof name, "%s/%s", path, entry->d_name) < (int)sizeof name &&
            access(name, F_OK) != 0 &&
            snprintf(name, sizeof name, "%s/%s", copy, entry->d_name) < (int)sizeof name) {
            (void)unlink(name); /* gone already is as good */
        }
    }
    if (dir != NULL) {
        (void)closedir(dir); /* read only */
    }
    dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] != '.') {
            sync_name(path, copy, entry->d_name);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir); /* read only */
    }
}

static int shadow_sync(int fd)
{
    char link_path[64];
    char name[PATH_MAX];
    char copy[PATH_MAX];
    const char *lie = getenv("TW_SHADOW_LIE");
    (void)snprintf(link_path, sizeof link_path, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link_path, name, sizeof name - 1);
    if (len <= 0 || (lie != NULL && access(lie, F_OK) == 0)) {
        return 0;
    }
    name[len] = '\0';
    if (!shadow_path(name, copy, sizeof copy) || strstr(name, " (deleted)") != NULL) {
        return 0;
    }
    struct stat info;
    (void)pthread_mutex_lock(&mtx); /* a plain mutex, locked once: cannot fail */
    if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
        sync_directory(name, copy);
    } else {
        copy_file(fd, copy);
    }
    (void)pthread_mutex_unlock(&mtx); /* held by us */
    return 0;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libc's names are reserved */
int fsync(int fd)
{
    return shadow_sync(fd);
}

int fdatasync(int fd)
{
    return shadow_sync(fd);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
