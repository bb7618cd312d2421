/* SPDX-License-Identifier: Apache-2.0
 * The faults of a configuration, collected so that all are told at once, in order of file and line.
 * Thread: the owner's. Limits: FAULTS_MAX are kept, further ones counted.
 */
#ifndef TW_CONFIG_FAULTS_H
#define TW_CONFIG_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TW_FAULTS_MAX 200

struct tw_fault {
    char *text; /* owned: "file:line: what" */
    size_t file_len;
    size_t file; /* position of the first fault of the same file */
    int line;
};

struct tw_faults {
    struct tw_fault items[TW_FAULTS_MAX];
    size_t count; /* kept */
    size_t more;  /* not kept */
    bool is_out_of_memory;
};

/* line 0: the file as a whole. Bytes that are no printable ASCII or UTF-8 become '?'. */
void tw_faults_add(struct tw_faults *self, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool tw_faults_any(const struct tw_faults *self);
/* One a line; report may be NULL. Sorts. */
void tw_faults_report(struct tw_faults *self, FILE *report);
/* Take back all from the `count`th on. */
void tw_faults_cut(struct tw_faults *self, size_t count);
void tw_faults_fini(struct tw_faults *self);

/* A value of the file for a message: at most 60 bytes, cut with "...". Writes into buf. */
#define TW_SHOWN_SIZE 72
const char *tw_shown(const char *text, char buf[TW_SHOWN_SIZE]);

#endif
