/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/faults.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES  1024
#define NAME_BYTES  400
#define SHOWN_BYTES 60

void tw_faults_add(struct tw_faults *self, const char *file, int line, const char *format, ...)
{
    char what[LINE_BYTES];
    char whole[LINE_BYTES + 512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    int len = line > 0 ? snprintf(whole, sizeof(whole), "%.*s:%d: %s", NAME_BYTES, file, line, what)
                       : snprintf(whole, sizeof(whole), "%.*s: %s", NAME_BYTES, file, what);
    if (self->count == TW_FAULTS_MAX) {
        self->more++;
        return;
    }
    for (int i = 0; i < len && i < (int)sizeof(whole) - 1; i++) {
        unsigned char byte = (unsigned char)whole[i];
        if (byte < 0x20 || byte == 0x7f) {
            whole[i] = '?';
        }
    }
    struct tw_fault *fault = &self->items[self->count];
    fault->text = strdup(whole);
    fault->file_len = strlen(file) > NAME_BYTES ? NAME_BYTES : strlen(file);
    fault->file = self->count;
    fault->line = line;
    if (fault->text == NULL) {
        self->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < self->count && fault->file == self->count; i++) {
        const struct tw_fault *other = &self->items[i];
        if (other->file_len == fault->file_len &&
            strncmp(other->text, fault->text, fault->file_len) == 0) {
            fault->file = other->file;
        }
    }
    self->count++;
}

bool tw_faults_any(const struct tw_faults *self)
{
    return self->count > 0;
}

static int by_place(const void *left, const void *right)
{
    const struct tw_fault *a = left;
    const struct tw_fault *b = right;
    if (a->file != b->file) {
        return a->file < b->file ? -1 : 1;
    }
    if (a->line != b->line) {
        return a->line < b->line ? -1 : 1;
    }
    return strcmp(a->text, b->text);
}

void tw_faults_report(struct tw_faults *self, FILE *report)
{
    if (report == NULL) {
        return;
    }
    qsort(self->items, self->count, sizeof(self->items[0]), by_place);
    for (size_t i = 0; i < self->count; i++) {
        (void)fprintf(report, "%s\n", self->items[i].text);
    }
    if (self->more > 0) {
        (void)fprintf(report, "and %zu more\n", self->more);
    }
}

void tw_faults_cut(struct tw_faults *self, size_t count)
{
    while (self->count > count) {
        free(self->items[--self->count].text);
    }
}

void tw_faults_fini(struct tw_faults *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free(self->items[i].text);
    }
    self->count = 0;
}

const char *tw_shown(const char *text, char buf[TW_SHOWN_SIZE])
{
    size_t len = strlen(text);
    if (len <= SHOWN_BYTES) {
        memcpy(buf, text, len + 1);
        return buf;
    }
    size_t cut = SHOWN_BYTES;
    while (cut > 0 && ((unsigned char)text[cut] & 0xc0) == 0x80) {
        cut--; /* not inside a character */
    }
    memcpy(buf, text, cut);
    memcpy(buf + cut, "...", 4);
    return buf;
}
