/* SPDX-License-Identifier: Apache-2.0
 * GET /runbooks/{name}.md: what to do about an alert, as it is written. Those of the operators are
 * read at each request, so that one that is corrected at night is there at once. A name has no '/',
 * and is looked for in the directories of the configuration, then among those that are built in. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alert/runbooks.h"
#include "web/api.h"

#define NAME_MAX_BYTES 100 /* with its ".md" */

static const char content_type[] = "text/markdown; charset=utf-8";
static const char ending[] = ".md";

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

/* "queue-backlog.md": nothing that leads anywhere else, nothing hidden. */
static bool is_name(struct tw_str name)
{
    size_t tail = sizeof ending - 1;
    if (name.len <= tail || name.len > NAME_MAX_BYTES || name.ptr[0] == '.' ||
        memcmp(name.ptr + name.len - tail, ending, tail) != 0) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_byte(name.ptr[i])) {
            return false;
        }
    }
    return true;
}

/* -1: there is none. A pipe or a device with that name is not waited for, nor read. */
static int open_in(const char *dir, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    int len = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (len < 0 || (size_t)len >= sizeof path) {
        return -1;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* In the directories of the configuration, the first that has it. */
static int find(const struct tw_cfg *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->alerts.runbook_dirs.count; i++) {
        int fd = open_in(cfg->alerts.runbook_dirs.items[i], name);
        if (fd >= 0) {
            return fd;
        }
    }
    return -1;
}

/* NULL: none is called so. */
static const struct tw_runbook *find_builtin(struct tw_str stem)
{
    for (size_t i = 0; i < tw_runbook_count; i++) {
        if (tw_str_is(stem, tw_runbooks[i].name)) {
            return &tw_runbooks[i];
        }
    }
    return NULL;
}

/* All of it; one byte more than may be is read to tell. TW_ELIMIT, TW_EIO. */
static int read_whole(int fd, char *bytes, size_t *ret_len)
{
    size_t len = 0;
    for (;;) {
        ssize_t got = read(fd, bytes + len, TW_RUNBOOK_MAX_BYTES + 1 - len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return TW_EIO;
        }
        len += (size_t)got;
        if (len > TW_RUNBOOK_MAX_BYTES) {
            return TW_ELIMIT;
        }
        if (got == 0) {
            *ret_len = len;
            return TW_OK;
        }
    }
}

int tw_page_runbook(struct tw_call *call)
{
    struct tw_str rest = call->request->rest;
    char name[NAME_MAX_BYTES + 1];
    char *bytes = NULL;
    size_t len = 0;
    if (!is_name(rest)) {
        return tw_call_problem(call, TW_WEB_PROBLEM_NOT_FOUND, "no runbook can be called so");
    }
    memcpy(name, rest.ptr, rest.len);
    name[rest.len] = '\0';
    call->response.cache_control = "no-cache";
    int fd = find(call->web->cfg, name);
    if (fd < 0) {
        struct tw_str stem = {rest.ptr, rest.len - (sizeof ending - 1)};
        const struct tw_runbook *builtin = find_builtin(stem);
        if (builtin == NULL) {
            return tw_call_problem(call, TW_WEB_PROBLEM_NOT_FOUND, "there is no such runbook");
        }
        call->response.status = 200;
        call->response.content_type = content_type;
        call->response.borrowed = builtin->text;
        call->response.len = strlen(builtin->text);
        return TW_OK;
    }
    bytes = malloc(TW_RUNBOOK_MAX_BYTES + 1);
    int rc = bytes == NULL ? TW_ENOMEM : read_whole(fd, bytes, &len);
    (void)close(fd); /* only read from */
    if (rc != TW_OK) {
        free(bytes);
        return tw_diag_set(&call->diag, rc, "the runbook '%s': %s", name, tw_err_text(rc));
    }
    tw_response_take(&call->response, 200, content_type, bytes, len);
    return TW_OK;
}
