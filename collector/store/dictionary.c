/* SPDX-License-Identifier: Apache-2.0
 * The reader's dictionaries: object types and taps by code. What was given out stays valid until
 * the reader closes, so a newer dictionary is put before the older ones. Thread: the reader's.
 */
#include "config.h"
#include "store/reader.h"

#include <stdlib.h>

#include "store/reader_internal.h"

/* Codes are 16 bits; more rows than that are damage. */
#define CODES_MAX 65536u

struct tw_dictionary {
    struct tw_dictionary *older;
    struct tw_object_type *types; /* by code */
    char **owned;                 /* name and scope of each type: what `types` shows as const */
    size_t type_count;
    char **tap_names; /* by code, NULL where unused */
    size_t tap_count;
};

static void free_one(struct tw_dictionary *self)
{
    for (size_t i = 0; i < self->type_count; i++) {
        free(self->owned[2 * i]);
        free(self->owned[2 * i + 1]);
    }
    free(self->types);
    free(self->owned);
    for (size_t i = 0; i < self->tap_count; i++) {
        free(self->tap_names[i]);
    }
    free(self->tap_names);
    free(self);
}

void tw_reader_free_dictionary(struct tw_reader *self)
{
    while (self->dictionary != NULL) {
        struct tw_dictionary *older = self->dictionary->older;
        free_one(self->dictionary);
        self->dictionary = older;
    }
}

static char *copy_text(sqlite3_stmt *stmt, int column)
{
    struct tw_str text = tw_db_column_bytes(stmt, column);
    return strndup(text.ptr == NULL ? "" : text.ptr, text.len);
}

static int add_type(struct tw_dictionary *self, sqlite3_stmt *stmt)
{
    int64_t code = sqlite3_column_int64(stmt, 0);
    if (code < 0 || code >= (int64_t)CODES_MAX || self->type_count >= CODES_MAX) {
        return TW_EDAMAGED;
    }
    struct tw_object_type *types =
        realloc(self->types, (self->type_count + 1) * sizeof *self->types);
    if (types == NULL) {
        return TW_ENOMEM;
    }
    self->types = types;
    char **owned = realloc(self->owned, (self->type_count + 1) * 2 * sizeof *owned);
    if (owned == NULL) {
        return TW_ENOMEM;
    }
    self->owned = owned;
    char *name = copy_text(stmt, 1);
    char *scope = copy_text(stmt, 3);
    if (name == NULL || scope == NULL) {
        free(name);
        free(scope);
        return TW_ENOMEM;
    }
    owned[2 * self->type_count] = name;
    owned[2 * self->type_count + 1] = scope;
    types[self->type_count++] =
        (struct tw_object_type){.code = (uint16_t)code,
                                .name = name,
                                .is_linking = sqlite3_column_int(stmt, 2) != 0,
                                .scope = scope};
    return TW_OK;
}

static int add_tap(struct tw_dictionary *self, sqlite3_stmt *stmt)
{
    int64_t code = sqlite3_column_int64(stmt, 0);
    if (code < 0 || code >= (int64_t)CODES_MAX) {
        return TW_EDAMAGED;
    }
    size_t count = (size_t)code + 1;
    if (count > self->tap_count) {
        char **names = realloc(self->tap_names, count * sizeof *names);
        if (names == NULL) {
            return TW_ENOMEM;
        }
        for (size_t i = self->tap_count; i < count; i++) {
            names[i] = NULL;
        }
        self->tap_names = names;
        self->tap_count = count;
    }
    free(self->tap_names[code]);
    self->tap_names[code] = copy_text(stmt, 1);
    return self->tap_names[code] == NULL ? TW_ENOMEM : TW_OK;
}

static int each_row(sqlite3 *db, const char *sql, struct tw_dictionary *into,
                    int (*row)(struct tw_dictionary *self, sqlite3_stmt *stmt))
{
    sqlite3_stmt *stmt = NULL;
    int err = tw_db_prepare(db, sql, &stmt, NULL);
    while (err == TW_OK) {
        err = tw_db_row(stmt, NULL);
        if (err == TW_OK) {
            err = row(into, stmt);
        }
    }
    (void)sqlite3_finalize(stmt); /* repeats an error that is known */
    return err == TW_ENOTFOUND ? TW_OK : err;
}

static bool is_same(const struct tw_dictionary *a, const struct tw_dictionary *b)
{
    if (a->type_count != b->type_count || a->tap_count != b->tap_count) {
        return false;
    }
    for (size_t i = 0; i < a->type_count; i++) {
        if (a->types[i].code != b->types[i].code ||
            a->types[i].is_linking != b->types[i].is_linking ||
            strcmp(a->types[i].name, b->types[i].name) != 0 ||
            strcmp(a->types[i].scope, b->types[i].scope) != 0) {
            return false;
        }
    }
    for (size_t i = 0; i < a->tap_count; i++) {
        bool has_both = a->tap_names[i] != NULL && b->tap_names[i] != NULL;
        if (has_both ? strcmp(a->tap_names[i], b->tap_names[i]) != 0
                     : a->tap_names[i] != b->tap_names[i]) {
            return false;
        }
    }
    return true;
}

static int read_version(struct tw_reader *self, int64_t *ret_version)
{
    sqlite3_stmt *stmt = NULL;
    int err = tw_db_prepare(self->catalogue, "PRAGMA data_version", &stmt, NULL);
    if (err == TW_OK) {
        err = tw_db_row(stmt, NULL);
    }
    if (err == TW_OK) {
        *ret_version = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt); /* repeats an error that is known */
    return err;
}

int tw_reader_load_dictionary(struct tw_reader *self)
{
    const sqlite3 *before = self->catalogue;
    int64_t version = 0;
    int err = tw_reader_open_catalogue(self);
    if (err == TW_OK) {
        err = read_version(self, &version);
    }
    bool is_current = self->dictionary != NULL && before == self->catalogue &&
                      (self->catalogue_is_frozen || version == self->data_version);
    if (err != TW_OK || is_current) {
        return err;
    }
    struct tw_dictionary *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL) {
        return TW_ENOMEM;
    }
    err = each_row(self->catalogue,
                   "SELECT code, name, is_linking, scope FROM object_type ORDER BY code", fresh,
                   add_type);
    if (err == TW_OK) {
        err = each_row(self->catalogue, "SELECT code, name FROM tap ORDER BY code", fresh, add_tap);
    }
    if (err != TW_OK) {
        free_one(fresh);
        return err;
    }
    self->data_version = version;
    if (self->dictionary != NULL && is_same(self->dictionary, fresh)) {
        free_one(fresh);
        return TW_OK;
    }
    fresh->older = self->dictionary;
    self->dictionary = fresh;
    return TW_OK;
}

int tw_reader_object_types(struct tw_reader *self, const struct tw_object_type **ret_types,
                           size_t *ret_count)
{
    int err = tw_reader_check(self);
    if (err == TW_OK) {
        err = tw_reader_load_dictionary(self);
    }
    if (err == TW_OK) {
        *ret_types = self->dictionary->types;
        *ret_count = self->dictionary->type_count;
    }
    return err;
}

static const struct tw_object_type *find_name(const struct tw_dictionary *self, struct tw_str name)
{
    for (size_t i = 0; i < self->type_count; i++) {
        if (tw_str_is(name, self->types[i].name)) {
            return &self->types[i];
        }
    }
    return NULL;
}

const struct tw_object_type *tw_reader_object_type(struct tw_reader *self, struct tw_str name)
{
    const struct tw_object_type *type = find_name(self->dictionary, name);
    if (type == NULL && tw_reader_load_dictionary(self) == TW_OK) {
        type = find_name(self->dictionary, name);
    }
    return type;
}

static const struct tw_object_type *find_code(const struct tw_dictionary *self, uint16_t code)
{
    size_t low = 0;
    size_t high = self->type_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->types[middle].code == code) {
            return &self->types[middle];
        }
        if (self->types[middle].code < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

const struct tw_object_type *tw_reader_object_type_by_code(struct tw_reader *self, uint16_t code)
{
    const struct tw_object_type *type = find_code(self->dictionary, code);
    if (type == NULL && tw_reader_load_dictionary(self) == TW_OK) {
        type = find_code(self->dictionary, code);
    }
    return type;
}

const char *tw_reader_tap_name(struct tw_reader *self, uint16_t code)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        const struct tw_dictionary *dictionary = self->dictionary;
        if (code < dictionary->tap_count && dictionary->tap_names[code] != NULL) {
            return dictionary->tap_names[code];
        }
        if (attempt > 0 || tw_reader_load_dictionary(self) != TW_OK) {
            break;
        }
    }
    return "?";
}
