/* SPDX-License-Identifier: Apache-2.0
 * The *.yaml of a directory, in order of name. Thread: the owner's. Blocks on the disk.
 */
#ifndef TW_CONFIG_DIR_H
#define TW_CONFIG_DIR_H

#include "config/faults.h"

#define TW_DIR_MAX_FILES 1000

struct tw_dir_names {
    char **items; /* owned, "name.yaml" */
    size_t count;
};

/* A directory that cannot be read, or has more files than the limit, is a fault. TW_OK or
 * TW_ENOMEM; finish the list in every case. */
int tw_dir_list(const char *path, struct tw_faults *faults, struct tw_dir_names *ret_names);
void tw_dir_names_fini(struct tw_dir_names *self);

#endif
