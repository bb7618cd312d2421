/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/dir.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

static int by_text(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool is_yaml(const char *name)
{
    size_t len = strlen(name);
    return len > 5 && name[0] != '.' && strcmp(name + len - 5, ".yaml") == 0;
}

static int add(struct tw_dir_names *self, const char *name)
{
    char **grown = realloc(self->items, (self->count + 1) * sizeof(*grown));
    if (grown == NULL) {
        return TW_ENOMEM;
    }
    self->items = grown;
    self->items[self->count] = strdup(name);
    if (self->items[self->count] == NULL) {
        return TW_ENOMEM;
    }
    self->count++;
    return TW_OK;
}

int tw_dir_list(const char *path, struct tw_faults *faults, struct tw_dir_names *ret_names)
{
    int rc = TW_OK;
    *ret_names = (struct tw_dir_names){NULL, 0};
    DIR *dir = opendir(path);
    if (dir == NULL) {
        tw_faults_add(faults, path, 0, "the directory cannot be read");
        return TW_OK;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL && rc == TW_OK;
         entry = readdir(dir)) {
        if (!is_yaml(entry->d_name)) {
            continue;
        }
        if (ret_names->count == TW_DIR_MAX_FILES) {
            tw_faults_add(faults, path, 0, "more than %d files", TW_DIR_MAX_FILES);
            break;
        }
        rc = add(ret_names, entry->d_name);
    }
    (void)closedir(dir); /* only read from */
    if (ret_names->count > 1) {
        qsort(ret_names->items, ret_names->count, sizeof(ret_names->items[0]), by_text);
    }
    return rc;
}

void tw_dir_names_fini(struct tw_dir_names *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free(self->items[i]);
    }
    free(self->items);
    *self = (struct tw_dir_names){NULL, 0};
}
