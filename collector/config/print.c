/* SPDX-License-Identifier: Apache-2.0
 * The configuration in force, as YAML that reads back to the same.
 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/config.h"

#include <inttypes.h>
#include <string.h>

#include "config/parse.h"
#include "config/value.h"

/* The code point at p (valid UTF-8, libyaml has seen to that) and its length. */
static uint32_t decode(const unsigned char *p, size_t *ret_len)
{
    if (p[0] < 0x80) {
        *ret_len = 1;
        return p[0];
    }
    size_t len = p[0] >= 0xf0 ? 4 : (p[0] >= 0xe0 ? 3 : 2);
    uint32_t code = p[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            *ret_len = 1; /* from a caller that filled the struct itself */
            return 0xfffd;
        }
        code = code << 6 | (p[i] & 0x3fu);
    }
    *ret_len = len;
    return code;
}

/* Code points that YAML reads as themselves inside double quotes. */
static bool is_plain(uint32_t code)
{
    if (code < 0x20 || code == '"' || code == '\\') {
        return false;
    }
    return code < 0x7f || (code >= 0xa0 && code != 0x2028 && code != 0x2029 && code != 0xfeff &&
                           code != 0xfffe && code != 0xffff);
}

static void print_text(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0';) {
        size_t len = 1;
        uint32_t code = decode(p, &len);
        if (is_plain(code)) {
            (void)fwrite(p, 1, len, out);
        } else {
            (void)fprintf(out, "\\u%04" PRIx32, code);
        }
        p += len;
    }
    (void)fputc('"', out);
}

/* As one line: {? "a" : "b"} also takes long keys. */
static void print_pairs(FILE *out, const struct tw_cfg_pairs *pairs)
{
    (void)fputc('{', out);
    for (size_t i = 0; i < pairs->count; i++) {
        (void)fputs(i == 0 ? "? " : ", ? ", out);
        print_text(out, pairs->items[i].from);
        (void)fputs(" : ", out);
        print_text(out, pairs->items[i].to);
    }
    (void)fputc('}', out);
}

static void print_list(FILE *out, const struct tw_cfg_strings *list)
{
    (void)fputc('[', out);
    for (size_t i = 0; i < list->count; i++) {
        (void)fputs(i == 0 ? "" : ", ", out);
        print_text(out, list->items[i]);
    }
    (void)fputc(']', out);
}

/* A key that has something to say. */
static bool is_present(const struct tw_cfg_key *key, const void *base)
{
    const void *field = tw_cfg_field_const(base, key);
    if (key->type == TW_CFG_TEXT) {
        return *(char *const *)field != NULL;
    }
    if (key->type == TW_CFG_LIST) {
        return key->text != NULL || ((const struct tw_cfg_strings *)field)->count > 0;
    }
    if (key->type == TW_CFG_PAIRS) {
        return ((const struct tw_cfg_pairs *)field)->count > 0;
    }
    return key->type != TW_CFG_ATTRIBUTES && key->type != TW_CFG_NODE;
}

static void print_value(FILE *out, const struct tw_cfg_key *key, const void *base)
{
    const void *field = tw_cfg_field_const(base, key);
    size_t len = 0;
    const char *word = NULL;
    switch (key->type) {
    case TW_CFG_INT:
        (void)fprintf(out, "%" PRId64, *(const int64_t *)field);
        break;
    case TW_CFG_BOOL:
        if (key->text == NULL) {
            (void)fputs(*(const bool *)field ? "true" : "false", out);
            break;
        }
        word = tw_value_word(key->text, *(const bool *)field ? 1 : 0, &len);
        (void)fprintf(out, "%.*s", (int)len, word);
        break;
    case TW_CFG_CHOICE:
        word = tw_value_word(key->text, *(const enum tw_tap_kind *)field, &len);
        (void)fprintf(out, "%.*s", (int)len, word == NULL ? "" : word);
        break;
    case TW_CFG_TEXT:
        print_text(out, *(char *const *)field);
        break;
    case TW_CFG_LIST:
        print_list(out, field);
        break;
    case TW_CFG_PAIRS:
        print_pairs(out, field);
        break;
    case TW_CFG_ATTRIBUTES:
    case TW_CFG_NODE:
        break;
    }
}

/* The keys of one map. `lead` stands before the first line, `indent` before the others. A dotted
 * key opens its inner map once: its rows stand together in the table. */
static void print_map(FILE *out, const struct tw_cfg_section *section, const void *base,
                      const char *lead, const char *indent)
{
    size_t open = 0; /* length of the inner map's name, with its dot */
    const char *inner = "";
    for (size_t i = 0; i < section->key_count; i++) {
        const struct tw_cfg_key *key = &section->keys[i];
        if (!is_present(key, base)) {
            continue;
        }
        const char *dot = strchr(key->name, '.');
        size_t prefix = dot == NULL ? 0 : (size_t)(dot - key->name) + 1;
        if (prefix > 0 && (prefix != open || strncmp(key->name, inner, prefix) != 0)) {
            (void)fprintf(out, "%s%.*s:\n", lead, (int)prefix - 1, key->name);
            lead = indent;
        }
        open = prefix;
        inner = key->name;
        (void)fprintf(out, "%s%s%s: ", lead, prefix > 0 ? "  " : "", key->name + prefix);
        lead = indent;
        print_value(out, key, base);
        (void)fputc('\n', out);
    }
}

static void print_attribute(FILE *out, const struct tw_cfg_attr *attr)
{
    static const char *const kinds[] = {"pointer", "constant", "template"};
    (void)fprintf(out, "      %s:\n        %s: ", attr->attribute, kinds[attr->kind]);
    print_text(out, attr->text);
    (void)fputc('\n', out);
    if (attr->map_count > 0) {
        (void)fputs("        map:\n", out);
    }
    for (size_t i = 0; i < attr->map_count; i++) {
        (void)fputs("          ? ", out); /* a long key needs the question mark */
        print_text(out, attr->map[i].from);
        (void)fputs("\n          : ", out);
        print_text(out, attr->map[i].to);
        (void)fputc('\n', out);
    }
    if (attr->is_minor_units) {
        (void)fputs("        minor-units: true\n", out);
    }
    if (attr->is_optional) {
        (void)fputs("        optional: true\n", out);
    }
}

static void print_list_section(FILE *out, const struct tw_cfg *cfg, enum tw_cfg_section_id id)
{
    const struct tw_cfg_section *section = &tw_cfg_sections[id];
    const char *items = *(char *const *)(const void *)((const char *)cfg + section->items_offset);
    size_t count = *(const size_t *)(const void *)((const char *)cfg + section->count_offset);
    (void)fprintf(out, "%s:%s\n", section->name, count == 0 ? " []" : "");
    for (size_t i = 0; i < count; i++) {
        const void *item = items + i * section->item_size;
        print_map(out, section, item, "  - ", "    ");
        if (id == TW_CFG_MAPPINGS) {
            const struct tw_cfg_mapping *mapping = item;
            (void)fputs("    attributes:\n", out);
            for (size_t k = 0; k < mapping->attribute_count; k++) {
                print_attribute(out, &mapping->attributes[k]);
            }
        }
    }
}

int tw_cfg_print(const struct tw_cfg *self, FILE *out)
{
    (void)fputs("# The configuration in force, from ", out);
    for (const char *p = self->file; *p != '\0'; p++) {
        (void)fputc((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e ? '?' : *p, out);
    }
    (void)fputs("\n# All mappings are listed, the shipped ones too.\nshipped-mappings: false\n",
                out);
    for (unsigned id = 0; id < TW_CFG_SECTION_COUNT; id++) {
        if (tw_cfg_sections[id].is_list) {
            print_list_section(out, self, (enum tw_cfg_section_id)id);
        } else {
            (void)fprintf(out, "%s:\n", tw_cfg_sections[id].name);
            print_map(out, &tw_cfg_sections[id], self, "  ", "  ");
        }
    }
    return ferror(out) != 0 ? TW_EIO : TW_OK;
}
