/* SPDX-License-Identifier: Apache-2.0
 * Loading the table of files, and the handlers that answer from it. */
#include "config.h"
#include "web/static.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "web/api.h"
#include "web/gzip.h"

#define PACK_LEVEL 9 /* once, at the start: about 30 ms for all files */

struct tw_static {
    struct tw_static_file files[TW_STATIC_MAX_FILES];
    size_t count;
};

static const struct {
    const char *ending;
    const char *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".mjs", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".ico", "image/x-icon"},
    {".woff2", "font/woff2"},
    {".json", "application/json; charset=utf-8"},
    {".webmanifest", "application/manifest+json"},
};

static const char *type_of(const char *name)
{
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(ending, types[i].ending) == 0) {
            return types[i].type;
        }
    }
    return NULL;
}

uint64_t tw_static_hash(const char *bytes, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* The whole file, at most TW_STATIC_MAX_BYTES. */
static int read_whole(int fd, char **ret_bytes, size_t *ret_len)
{
    int rc = TW_EIO;
    size_t len = 0;
    char *bytes = NULL;
    struct stat st;
    if (fstat(fd, &st) != 0) {
        goto out;
    }
    if (st.st_size > (off_t)TW_STATIC_MAX_BYTES) {
        rc = TW_ELIMIT;
        goto out;
    }
    bytes = malloc((size_t)st.st_size + 1);
    if (bytes == NULL) {
        rc = TW_ENOMEM;
        goto out;
    }
    while (len < (size_t)st.st_size) {
        ssize_t got = read(fd, bytes + len, (size_t)st.st_size - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            goto out;
        }
        len += (size_t)got;
    }
    *ret_bytes = bytes;
    *ret_len = len;
    bytes = NULL;
    rc = TW_OK;
out:
    free(bytes);
    return rc;
}

/* Beside the plain bytes; another tag, for it names other bytes. */
static int pack(struct tw_static_file *entry)
{
    struct tw_str bytes = {entry->bytes, entry->len};
    if (entry->len < TW_GZIP_MIN_BYTES) {
        return TW_OK;
    }
    int rc = tw_gzip_pack(bytes, PACK_LEVEL, &entry->packed, &entry->packed_len);
    if (rc == TW_OK) {
        (void)snprintf(entry->packed_tag, sizeof entry->packed_tag, "\"%016" PRIx64 "-z\"",
                       tw_static_hash(entry->bytes, entry->len)); /* 20 bytes always fit */
    }
    return rc == TW_ELIMIT ? TW_OK : rc;
}

static int add_file(struct tw_static *self, int dir_fd, const char *file, const char *name,
                    struct tw_diag *diag)
{
    int rc = TW_OK;
    struct tw_static_file *entry = &self->files[self->count];
    int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return tw_diag_set(diag, TW_EIO, "user interface: '%s' cannot be opened", name);
    }
    if (self->count == TW_STATIC_MAX_FILES) {
        rc =
            tw_diag_set(diag, TW_ELIMIT, "user interface: more than %d files", TW_STATIC_MAX_FILES);
        goto out;
    }
    rc = read_whole(fd, &entry->bytes, &entry->len);
    if (rc != TW_OK) {
        (void)tw_diag_set(diag, rc, "user interface: '%s': %s", name, tw_err_text(rc));
        goto out;
    }
    entry->name = strdup(name);
    if (entry->name == NULL) {
        free(entry->bytes);
        entry->bytes = NULL;
        rc = TW_ENOMEM;
        goto out;
    }
    entry->content_type = type_of(name);
    (void)snprintf(entry->tag, sizeof entry->tag, "\"%016" PRIx64 "\"",
                   tw_static_hash(entry->bytes, entry->len)); /* 18 bytes always fit */
    rc = pack(entry);
    self->count++;
out:
    (void)close(fd); /* only read from */
    return rc;
}

/* Directories below the first one. */
static bool is_deepest(const char *prefix)
{
    size_t depth = 0;
    for (const char *at = prefix; *at != '\0'; at++) {
        depth += *at == '/' ? 1 : 0;
    }
    return depth >= TW_STATIC_MAX_DEPTH;
}

/* Add the files of an open directory (takes fd); `prefix` is "" or "pages/". Files of other types
 * than those of the table (notes, backups) are left out. */
static int add_dir(struct tw_static *self, int fd, const char *prefix, struct tw_diag *diag)
{
    int rc = TW_OK;
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        (void)close(fd);
        return TW_ENOMEM;
    }
    for (const struct dirent *row = readdir(dir); row != NULL && rc == TW_OK; row = readdir(dir)) {
        char name[NAME_MAX + 64];
        if (row->d_name[0] == '.') {
            continue;
        }
        int len = snprintf(name, sizeof name, "%s%s", prefix, row->d_name);
        if (len < 0 || (size_t)len + 1 >= sizeof name) { /* room for a '/' behind it */
            rc = TW_ELIMIT;
        } else if (type_of(name) != NULL) {
            rc = add_file(self, dirfd(dir), row->d_name, name, diag);
        } else if (!is_deepest(prefix) && strchr(row->d_name, '.') == NULL) {
            int child = openat(dirfd(dir), row->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (child >= 0) {
                name[len] = '/';
                name[len + 1] = '\0';
                rc = add_dir(self, child, name, diag);
            }
        }
    }
    (void)closedir(dir); /* only read from */
    return rc;
}

/* Where the files are: the first of the known places that has an index.html. */
static int find_dir(const char *dir, char *ret_path, size_t size, struct tw_diag *diag)
{
    char program[PATH_MAX];
    char beside[PATH_MAX + 32] = "";
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len > 0) {
        program[len] = '\0';
        char *slash = strrchr(program, '/');
        if (slash != NULL) {
            *slash = '\0';
            (void)snprintf(beside, sizeof beside, "%s/../share/tillwatch/ui", program);
        }
    }
    const char *places[] = {beside, TW_DATADIR "/ui", TW_SRCDIR "/web/ui"};
    size_t count = sizeof places / sizeof places[0];
    if (dir != NULL) {
        places[0] = dir;
        count = 1;
    }
    for (size_t i = 0; i < count; i++) {
        int wrote = snprintf(ret_path, size, "%s/index.html", places[i]);
        if (wrote > 0 && (size_t)wrote < size && access(ret_path, R_OK) == 0) {
            ret_path[strlen(places[i])] = '\0';
            return TW_OK;
        }
    }
    return tw_diag_set(diag, TW_ENOTFOUND,
                       "the files of the user interface are not in %s%s%s; set web.ui_dir",
                       places[0], count > 1 ? " nor in " : "", count > 1 ? places[1] : "");
}

int tw_static_load(const char *dir, struct tw_static **ret_files, struct tw_diag *diag)
{
    char path[PATH_MAX];
    int rc = find_dir(dir, path, sizeof path, diag);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_static *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        rc = tw_diag_set(diag, TW_EIO, "the directory '%s' cannot be opened", path);
        goto out;
    }
    rc = add_dir(self, fd, "", diag);
    if (rc == TW_OK) {
        *ret_files = self;
        self = NULL;
    }
out:
    tw_static_destroy(&self);
    return rc;
}

void tw_static_destroy(struct tw_static **self_p)
{
    struct tw_static *self = *self_p;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        free(self->files[i].name);
        free(self->files[i].bytes);
        free(self->files[i].packed);
    }
    free(self);
    *self_p = NULL;
}

const struct tw_static_file *tw_static_find(const struct tw_static *self, struct tw_str name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (tw_str_is(name, self->files[i].name)) {
            return &self->files[i];
        }
    }
    return NULL;
}

size_t tw_static_count(const struct tw_static *self)
{
    return self->count;
}

/* Answer with a file, or 304 when the browser has it. Names carry no version, so that a browser
 * asks again each time (no-cache) and gets the tag's answer. */
static int answer_file(struct tw_call *call, struct tw_str name)
{
    const struct tw_static_file *file = tw_static_find(call->web->files, name);
    if (file == NULL) {
        return tw_call_problem(call, TW_WEB_PROBLEM_NOT_FOUND, "there is no such file");
    }
    struct tw_response *response = &call->response;
    const struct tw_http_head *head = &call->request->head;
    bool is_packed = file->packed != NULL && tw_gzip_wish(head->accept_encoding) != TW_GZIP_NO;
    const char *tag = is_packed ? file->packed_tag : file->tag;
    response->cache_control = "no-cache";
    int rc = tw_response_header(response, "ETag", tag);
    if (rc == TW_OK && file->packed != NULL) {
        rc = tw_response_header(response, "Vary", "Accept-Encoding");
    }
    if (rc != TW_OK) {
        return rc;
    }
    if (tw_http_tag_matches(head->if_none_match, tag)) {
        response->status = 304;
        return TW_OK;
    }
    response->status = 200;
    response->content_type = file->content_type;
    response->borrowed = is_packed ? file->packed : file->bytes;
    response->len = is_packed ? file->packed_len : file->len;
    return is_packed ? tw_response_header(response, "Content-Encoding", "gzip") : TW_OK;
}

int tw_page_file(struct tw_call *call)
{
    return answer_file(call, call->request->rest);
}

int tw_page_sign_in(struct tw_call *call)
{
    return answer_file(call, TW_STR_LIT("sign-in.html"));
}

int tw_page_index(struct tw_call *call)
{
    return answer_file(call, TW_STR_LIT("index.html"));
}

int tw_page_favicon(struct tw_call *call)
{
    return answer_file(call, TW_STR_LIT("icon.svg"));
}
