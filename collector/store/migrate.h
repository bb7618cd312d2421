/* SPDX-License-Identifier: Apache-2.0
 * Schemas by number: how a file of the store is made, and how one of an older version becomes one
 * of today. A schema is a list of steps; step v leads from version v to v + 1, so step 0 makes the
 * tables of the first version and a new file is made by all of them.
 * Thread:  works on what it is given; the store's lock keeps other migrations away.
 * Fails:   a step that fails leaves the version before it, whole; a newer file is left alone.
 * Source:  docs/decisions/0031-schema-migrations.md.
 */
#ifndef TW_STORE_MIGRATE_H
#define TW_STORE_MIGRATE_H

#include "store/internal.h"

struct tw_schema {
    uint32_t app_id;
    uint32_t version;         /* of this program: how many steps there are, at least 1 */
    const char *const *steps; /* static SQL without transactions or pragmas */
    /* What SQL cannot do, after it in the transaction of its step; NULL: no step has any, or this
     * one has none. What it makes beside the file it finds again when the step is repeated. */
    int (*const *code)(sqlite3 *db, struct tw_diag *diag);
};

/* The kinds of files. Returned borrowed for ever. */
const struct tw_schema *tw_catalogue_schema(void);
const struct tw_schema *tw_part_schema(void);
const struct tw_schema *tw_archive_schema(void);
const struct tw_schema *tw_desk_schema(void);

/* Begin a transaction in an empty file and make its tables; the caller fills them and commits. */
int tw_schema_make(sqlite3 *db, const struct tw_schema *schema, struct tw_diag *diag);

/* Bring an open file (TW_DB_WRITE) to the version of this program: each step in a transaction of
 * its own, so that a run that was cut off goes on where it was. Logs what it did. TW_ENEWER (the
 * journal may say so when the head of the file does not yet): nothing was changed. Errors of
 * SQLite: the version is that of the last step that was committed. After any error closing db
 * leaves the journal as it is. */
int tw_schema_migrate(sqlite3 *db, const struct tw_schema *schema, struct tw_diag *diag);
/* The same for a file that nobody has open for writing. */
int tw_schema_migrate_file(const char *path, const struct tw_schema *schema, struct tw_diag *diag);

/* A new file of this kind beside the partitions, whose table `meta` has one row that names the
 * store (16 bytes); whole or not at all. */
int tw_schema_create(const char *dir, const char *path, const struct tw_schema *schema,
                     const uint8_t *store_id, struct tw_diag *diag);

#endif
