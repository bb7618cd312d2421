/* SPDX-License-Identifier: Apache-2.0
 * The steps of each kind of file. A step that was released is never changed: a new one is added
 * behind it, with its SQL in schema.h and a case in tests/unit/test_migrate.c that starts from the
 * version before.
 */
#include "config.h"
#include "store/audit.h"
#include "store/migrate.h"

static const char *const catalogue_steps[TW_CATALOGUE_VERSION] = {TW_SQL_CATALOGUE_1,
                                                                  TW_SQL_CATALOGUE_2};
static const char *const part_steps[TW_PART_VERSION] = {TW_SQL_PART_1, TW_SQL_PART_2, TW_SQL_PART_3,
                                                        TW_SQL_PART_4, TW_SQL_PART_5};
static const char *const archive_steps[TW_ARCHIVE_VERSION] = {TW_SQL_ARCHIVE_1};

static const char *const desk_steps[TW_DESK_VERSION] = {TW_SQL_DESK_1, TW_SQL_DESK_2, TW_SQL_DESK_3,
                                                        TW_SQL_DESK_4};
static int (*const desk_code[TW_DESK_VERSION])(sqlite3 *, struct tw_diag *) = {
    [3] = tw_audit_begin,
};

const struct tw_schema *tw_catalogue_schema(void)
{
    static const struct tw_schema schema = {TW_CATALOGUE_APP_ID, TW_CATALOGUE_VERSION,
                                            catalogue_steps, NULL};
    return &schema;
}

const struct tw_schema *tw_part_schema(void)
{
    static const struct tw_schema schema = {TW_PART_APP_ID, TW_PART_VERSION, part_steps, NULL};
    return &schema;
}

const struct tw_schema *tw_archive_schema(void)
{
    static const struct tw_schema schema = {TW_ARCHIVE_APP_ID, TW_ARCHIVE_VERSION, archive_steps,
                                            NULL};
    return &schema;
}

const struct tw_schema *tw_desk_schema(void)
{
    static const struct tw_schema schema = {TW_DESK_APP_ID, TW_DESK_VERSION, desk_steps, desk_code};
    return &schema;
}
