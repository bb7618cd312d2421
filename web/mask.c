/* SPDX-License-Identifier: Apache-2.0
 * A scanner that copies JSON token by token; see the header. What it gives out is parsed by the
 * JSON library afterwards, which catches what this scanner does not check. */
#include "config.h"
#include "web/mask.h"

#include <string.h>

/* Whole keys, and what a key may contain. Keys are compared without case, '_', '-', '.' and ' '.
 * Source: the categories of GDPR article 4(1) and PCI DSS as they appear in the payloads of shop,
 * payment and service systems. */
static const char *const personal_keys[] = {
    "name",       "fullname", "firstname", "lastname",
    "middlename", "surname",  "givenname", "familyname",
    "address",    "address1", "address2",  "street",
    "zip",        "zipcode",  "postcode",  "postalcode",
    "city",       "pan",      "cvv",       "cvc",
    "bic",        "dob",      "ssn",       "taxid",
    "vatid",      "ip",       "ipaddress", "clientip",
    "browserip",  "latitude", "longitude", "shopperreference",
    "signature",  "company",
};
static const char *const personal_parts[] = {
    "email",       "phone",      "mobile",          "iban",           "birth",
    "passport",    "password",   "secret",          "token",          "cardnumber",
    "cardholder",  "holdername", "shippingaddress", "billingaddress", "customername",
    "shoppername", "useragent",  "expirydate",      "creditcard",
};

/* Bytes of a key without '_', '-', '.' and ' '; a longer one is no name that we could know, and its
 * value is hidden. */
#define KEY_MAX 128

static bool is_separator(char c)
{
    return c == '_' || c == '-' || c == '.' || c == ' ' || c == '\0';
}

bool tw_mask_is_personal(struct tw_str key)
{
    char plain[KEY_MAX + 1];
    size_t len = 0;
    for (size_t i = 0; i < key.len; i++) {
        char c = key.ptr[i];
        if (is_separator(c)) {
            continue;
        }
        if (len == KEY_MAX) {
            return true;
        }
        plain[len++] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    plain[len] = '\0';
    for (size_t i = 0; i < sizeof personal_keys / sizeof personal_keys[0]; i++) {
        if (strcmp(plain, personal_keys[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof personal_parts / sizeof personal_parts[0]; i++) {
        if (strstr(plain, personal_parts[i]) != NULL) {
            return true;
        }
    }
    return false;
}

struct level {
    bool is_object;
    bool is_key;    /* in an object: the next string is a key */
    bool is_hidden; /* every value in here is hidden */
};

struct scan {
    const char *p;
    const char *end;
    struct tw_buf *out;
    unsigned hidden;
    bool is_zeroing; /* numbers become 0 and nothing is hidden */
    int depth;       /* levels open; the event itself is 1 */
    struct level levels[TW_MASK_MAX_DEPTH + 1];
    bool is_next_hidden; /* the value after the key just read */
    bool is_in_data;     /* below `data`; at depth 1: the key just read was `data` */
};

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r')) {
        s->p++;
    }
}

/* The raw text of the string at s->p, quotes included; absent when it does not end. */
static struct tw_str read_string(struct scan *s)
{
    const char *start = s->p++;
    while (s->p < s->end && *s->p != '"') {
        s->p += *s->p == '\\' ? 2 : 1;
    }
    if (s->p >= s->end) {
        return TW_STR_NULL;
    }
    s->p++;
    return (struct tw_str){start, (size_t)(s->p - start)};
}

static int hex4(const char *p)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = (char)(p[i] | 0x20);
        int digit = c >= '0' && c <= '9' ? c - '0' : (c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1);
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* The key of a raw string as far as it matters: ASCII escapes resolved ("\u0065mail" is email),
 * separators left out. `buf` has KEY_MAX + 1 bytes; a longer key fills it, and is hidden so. */
static struct tw_str plain_key(struct tw_str raw, char *buf)
{
    size_t len = 0;
    for (size_t i = 1; i + 1 < raw.len && len <= KEY_MAX; i++) {
        char c = raw.ptr[i];
        if (c == '\\') {
            i++;
            c = raw.ptr[i];
            if (c == 'u' && raw.len - i > 5) {
                int code = hex4(raw.ptr + i + 1);
                c = code >= 0 && code < 0x80 ? (char)code : '?';
                i += 4;
            } else if (strchr("bfnrt", c) != NULL) {
                c = '?'; /* a control character, not this letter */
            }
        }
        if (!is_separator(c)) {
            buf[len++] = c;
        }
    }
    return (struct tw_str){buf, len};
}

static void hide(struct scan *s)
{
    (void)tw_buf_append_str(s->out, TW_STR_LIT("\"***\"")); /* sticky, checked at the end */
    s->hidden++;
}

/* Is the value that comes now to be hidden if it is a plain one? */
static bool is_hidden(const struct scan *s)
{
    return s->levels[s->depth].is_hidden || s->is_next_hidden;
}

static void value_done(struct scan *s)
{
    s->is_next_hidden = false;
    if (s->depth == 1) {
        s->is_in_data = false;
    }
}

static int read_key(struct scan *s)
{
    char buf[KEY_MAX + 1];
    struct tw_str raw = read_string(s);
    if (raw.ptr == NULL) {
        return TW_ESYNTAX;
    }
    struct tw_str key = plain_key(raw, buf);
    (void)tw_buf_append_str(s->out, raw);
    s->levels[s->depth].is_key = false;
    if (s->depth == 1) {
        s->is_in_data = tw_str_is(key, "data") || tw_str_is(key, "database64");
        /* of the attributes only extensions can be personal; the standard ones never match */
        s->is_next_hidden = s->is_in_data || tw_mask_is_personal(key);
    } else {
        s->is_next_hidden = tw_mask_is_personal(key);
    }
    return TW_OK;
}

/* `data` itself is hidden when it is plain, but a structure in it is looked into. */
static int open_level(struct scan *s, char bracket)
{
    bool hides_all = s->depth > 0 && is_hidden(s);
    if (s->depth == 1 && s->is_in_data) {
        hides_all = false;
    }
    if (s->depth == TW_MASK_MAX_DEPTH) {
        return TW_ELIMIT;
    }
    s->depth++;
    s->levels[s->depth] = (struct level){
        .is_object = bracket == '{', .is_key = bracket == '{', .is_hidden = hides_all};
    s->is_next_hidden = false;
    (void)tw_buf_append_byte(s->out, (uint8_t)bracket);
    s->p++;
    return TW_OK;
}

static int close_level(struct scan *s)
{
    if (s->depth == 0 || s->levels[s->depth].is_object != (*s->p == '}')) {
        return TW_ESYNTAX;
    }
    (void)tw_buf_append_byte(s->out, (uint8_t)*s->p++);
    s->depth--;
    value_done(s);
    return TW_OK;
}

/* A string, number, true, false or null. null says nothing about anybody and stays. */
static int plain_value(struct scan *s)
{
    struct tw_str raw = {s->p, 0};
    if (*s->p == '"') {
        raw = read_string(s);
        if (raw.ptr == NULL) {
            return TW_ESYNTAX;
        }
    } else {
        while (s->p < s->end && strchr(",]} \t\r\n", *s->p) == NULL) {
            s->p++;
        }
        raw.len = (size_t)(s->p - raw.ptr);
    }
    if (raw.len == 0) {
        return TW_ESYNTAX;
    }
    bool is_number = raw.ptr[0] == '-' || (raw.ptr[0] >= '0' && raw.ptr[0] <= '9');
    if (s->is_zeroing) {
        (void)tw_buf_append_str(s->out, is_number ? TW_STR_LIT("0") : raw);
    } else if (is_hidden(s) && !tw_str_is(raw, "null")) {
        hide(s);
    } else {
        (void)tw_buf_append_str(s->out, raw);
    }
    value_done(s);
    return TW_OK;
}

static int token(struct scan *s)
{
    char c = *s->p;
    struct level *level = &s->levels[s->depth];
    if (c == '{' || c == '[') {
        return open_level(s, c);
    }
    if (s->depth == 0) {
        return TW_ESYNTAX;
    }
    if (c == '}' || c == ']') {
        return close_level(s);
    }
    if (c == ',' || c == ':') {
        level->is_key = c == ',' && level->is_object;
        (void)tw_buf_append_byte(s->out, (uint8_t)c);
        s->p++;
        return TW_OK;
    }
    if (level->is_key) {
        return c == '"' ? read_key(s) : TW_ESYNTAX;
    }
    return plain_value(s);
}

static int scan_whole(struct scan *s)
{
    skip_space(s);
    if (s->p >= s->end || *s->p != '{') {
        return TW_ESYNTAX;
    }
    do {
        int rc = token(s);
        if (rc != TW_OK) {
            return rc;
        }
        skip_space(s);
    } while (s->depth > 0 && s->p < s->end);
    if (s->depth != 0 || s->p != s->end) {
        return TW_ESYNTAX;
    }
    return s->out->error;
}

int tw_mask_event(struct tw_str json, struct tw_buf *out, unsigned *ret_hidden)
{
    struct scan s = {.p = json.ptr, .end = json.ptr + json.len, .out = out};
    int rc = scan_whole(&s);
    if (rc == TW_OK) {
        *ret_hidden = s.hidden;
    }
    return rc;
}

int tw_mask_numbers(struct tw_str json, struct tw_buf *out)
{
    struct scan s = {.p = json.ptr, .end = json.ptr + json.len, .out = out, .is_zeroing = true};
    return scan_whole(&s);
}
