/* SPDX-License-Identifier: Apache-2.0
 * The files of the user interface, read once at start into a table, plain and packed. A request
 * only looks into the table: no path of a request is ever opened.
 * Thread:  built and destroyed by main; const in between.
 * Limits:  TW_STATIC_MAX_FILES, TW_STATIC_MAX_BYTES each, directories TW_STATIC_MAX_DEPTH deep.
 */
#ifndef TW_WEB_STATIC_H
#define TW_WEB_STATIC_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"
#include "core/str.h"

#define TW_STATIC_MAX_FILES 256
#define TW_STATIC_MAX_DEPTH 2
#define TW_STATIC_MAX_BYTES (4u * 1024u * 1024u)

struct tw_static;

struct tw_static_file {
    char *name; /* "app.js", "pages/home.js" */
    const char *content_type;
    char *bytes;
    size_t len;
    char tag[24]; /* entity tag with its quotes: a hash of the bytes */
    char *packed; /* by gzip; NULL where that saves nothing */
    size_t packed_len;
    char packed_tag[24];
};

/* Read the files of `dir`; NULL: found beside the program (../share/tillwatch/ui), else where it
 * was installed, else in the source tree. TW_ENOTFOUND (names the places), TW_ELIMIT, TW_EIO,
 * TW_ENOMEM. */
int tw_static_load(const char *dir, struct tw_static **ret_files, struct tw_diag *diag);
void tw_static_destroy(struct tw_static **self_p);
/* NULL when there is no such file. */
const struct tw_static_file *tw_static_find(const struct tw_static *self, struct tw_str name);
size_t tw_static_count(const struct tw_static *self);
/* FNV-1a, 64 bits: names a version of something, keeps nobody out. Source: the FNV reference. */
uint64_t tw_static_hash(const char *bytes, size_t len);

#endif
