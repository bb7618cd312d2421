/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"

/* What libyaml says, as a fault. */
static int parser_fault(const yaml_parser_t *parser, const char *name, struct tw_faults *faults)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        return TW_ENOMEM;
    }
    const char *problem = parser->problem == NULL ? "not well formed" : parser->problem;
    if (parser->error == YAML_READER_ERROR) {
        tw_faults_add(faults, name, 0, "not YAML: %s at byte %zu (UTF-8 text is expected)", problem,
                      parser->problem_offset);
    } else if (parser->context != NULL) {
        tw_faults_add(faults, name, (int)parser->problem_mark.line + 1, "not YAML: %s, %s",
                      parser->context, problem);
    } else {
        tw_faults_add(faults, name, (int)parser->problem_mark.line + 1, "not YAML: %s", problem);
    }
    return TW_ECONFIG;
}

struct shape {
    int max_documents;
    int depth;
    int anchors;
    int aliases;
    int documents;
};

static void count_event(struct shape *shape, const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        shape->documents++;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        shape->depth++;
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        shape->depth++;
        break;
    case YAML_MAPPING_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
        shape->depth--;
        break;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        break;
    case YAML_ALIAS_EVENT:
        shape->aliases++;
        break;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    shape->anchors += anchor != NULL ? 1 : 0;
}

/* The first bound that is passed, as a sentence; NULL when none is. */
static const char *shape_fault(const struct shape *shape)
{
    if (shape->documents > shape->max_documents) {
        return shape->max_documents == 1 ? "a second YAML document; only one is read"
                                         : "more than 64 YAML documents";
    }
    if (shape->depth > TW_TREE_MAX_DEPTH) {
        return "nested deeper than 32 levels";
    }
    if (shape->anchors > TW_TREE_MAX_ANCHORS) {
        return "more than 64 anchors";
    }
    return shape->aliases > TW_TREE_MAX_ALIASES ? "more than 256 aliases" : NULL;
}

/* Walk the events once, building nothing. */
static int check_shape(const char *name, const char *yaml, size_t len, int max_documents,
                       struct tw_faults *faults)
{
    yaml_parser_t parser;
    struct shape shape = {.max_documents = max_documents};
    int rc = TW_OK;
    if (yaml_parser_initialize(&parser) == 0) {
        return TW_ENOMEM;
    }
    yaml_parser_set_input_string(&parser, (const yaml_char_t *)yaml, len);
    for (bool is_over = false; !is_over && rc == TW_OK;) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            rc = parser_fault(&parser, name, faults);
            break;
        }
        count_event(&shape, &event);
        const char *fault = shape_fault(&shape);
        if (fault != NULL) {
            tw_faults_add(faults, name, (int)event.start_mark.line + 1, "%s", fault);
            rc = TW_ECONFIG;
        }
        is_over = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return rc;
}

/* A NUL in a text file: the rest of the line would be lost on every later look at it. */
static bool has_nul(const char *name, const char *yaml, size_t len, struct tw_faults *faults)
{
    const char *nul = len == 0 ? NULL : memchr(yaml, '\0', len);
    if (nul == NULL) {
        return false;
    }
    int line = 1;
    for (const char *p = yaml; p < nul; p++) {
        line += *p == '\n' ? 1 : 0;
    }
    tw_faults_add(faults, name, line, "a NUL byte; this is no text file");
    return true;
}

/* Everything that is checked before a node is built. */
static int check_text(const char *name, const char *yaml, size_t len, int max_documents,
                      struct tw_faults *faults)
{
    if (len > TW_TREE_MAX_BYTES) {
        tw_faults_add(faults, name, 0, "larger than 1 MiB; is this the right file?");
        return TW_ECONFIG;
    }
    if (has_nul(name, yaml, len, faults)) {
        return TW_ECONFIG;
    }
    return check_shape(name, yaml, len, max_documents, faults);
}

int tw_tree_parse(struct tw_tree *self, const char *name, const char *yaml, size_t len,
                  struct tw_faults *faults)
{
    self->is_loaded = false;
    int rc = check_text(name, yaml, len, 1, faults);
    if (rc != TW_OK) {
        return rc;
    }
    yaml_parser_t parser;
    if (yaml_parser_initialize(&parser) == 0) {
        return TW_ENOMEM;
    }
    yaml_parser_set_input_string(&parser, (const yaml_char_t *)yaml, len);
    if (yaml_parser_load(&parser, &self->document) == 0) {
        rc = parser_fault(&parser, name, faults);
    } else {
        self->is_loaded = true;
    }
    yaml_parser_delete(&parser);
    return rc;
}

int tw_tree_parse_all(struct tw_tree *trees, size_t *ret_count, const char *name, const char *yaml,
                      size_t len, struct tw_faults *faults)
{
    yaml_parser_t parser;
    *ret_count = 0;
    int rc = check_text(name, yaml, len, TW_TREE_MAX_DOCUMENTS, faults);
    if (rc != TW_OK) {
        return rc;
    }
    if (yaml_parser_initialize(&parser) == 0) {
        return TW_ENOMEM;
    }
    yaml_parser_set_input_string(&parser, (const yaml_char_t *)yaml, len);
    while (rc == TW_OK && *ret_count < TW_TREE_MAX_DOCUMENTS) {
        struct tw_tree *tree = &trees[*ret_count];
        if (yaml_parser_load(&parser, &tree->document) == 0) {
            rc = parser_fault(&parser, name, faults);
            break;
        }
        tree->is_loaded = true;
        if (tw_tree_root(tree) == NULL) { /* the end of the stream */
            tw_tree_fini(tree);
            break;
        }
        ++*ret_count;
    }
    yaml_parser_delete(&parser);
    return rc;
}

void tw_tree_fini(struct tw_tree *self)
{
    if (self->is_loaded) {
        yaml_document_delete(&self->document);
        self->is_loaded = false;
    }
}

static int read_fault(const char *file, int error, struct tw_faults *faults)
{
    char text[128];
    if (error == ENOMEM) {
        return TW_ENOMEM;
    }
    tw_faults_add(faults, file, 0, "cannot be read: %s", tw_errno_text(error, text, sizeof(text)));
    return TW_ECONFIG;
}

int tw_tree_read_file(const char *file, char **ret_text, size_t *ret_len, struct tw_faults *faults)
{
    int rc = TW_OK;
    char *text = NULL;
    size_t len = 0;
    struct stat st;
    /* O_NONBLOCK: a FIFO must not hold us up. */
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) != 0) {
        rc = read_fault(file, errno, faults);
        goto out;
    }
    if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode)) {
        tw_faults_add(faults, file, 0, "is no regular file");
        rc = TW_ECONFIG;
        goto out;
    }
    text = malloc(TW_TREE_MAX_BYTES + 2);
    if (text == NULL) {
        rc = TW_ENOMEM;
        goto out;
    }
    for (;;) {
        ssize_t n = read(fd, text + len, TW_TREE_MAX_BYTES + 1 - len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            rc = read_fault(file, errno, faults);
            goto out;
        }
        len += (size_t)n;
        if (n == 0 || len > TW_TREE_MAX_BYTES) {
            break;
        }
    }
    if (len > TW_TREE_MAX_BYTES) {
        tw_faults_add(faults, file, 0, "larger than 1 MiB; is this the right file?");
        rc = TW_ECONFIG;
        goto out;
    }
    text[len] = '\0';
    *ret_text = text;
    *ret_len = len;
    text = NULL;
out:
    if (fd >= 0) {
        (void)close(fd); /* only read from */
    }
    free(text);
    return rc;
}

yaml_node_t *tw_tree_root(struct tw_tree *self)
{
    return self->is_loaded ? yaml_document_get_root_node(&self->document) : NULL;
}

const char *tw_tree_text(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE) {
        return NULL;
    }
    const char *text = (const char *)node->data.scalar.value;
    return strlen(text) == node->data.scalar.length ? text : NULL;
}

bool tw_tree_is_null(const yaml_node_t *node)
{
    if (node->type != YAML_SCALAR_NODE || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE) {
        return false;
    }
    const char *text = (const char *)node->data.scalar.value;
    return node->data.scalar.length == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0;
}
