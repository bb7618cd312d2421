/* SPDX-License-Identifier: Apache-2.0
 * Parsing and refusing HTTP requests; see the header. Pure functions. */
#include "config.h"
#include "web/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

enum tw_method tw_http_method(const char *text)
{
    static const char *const names[] = {"GET", "HEAD", "POST", "PUT", "DELETE"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            return (enum tw_method)i;
        }
    }
    return TW_METHOD_OTHER;
}

static bool equals_any_case(struct tw_str a, const char *b)
{
    return a.ptr != NULL && a.len == strlen(b) && strncasecmp(a.ptr, b, a.len) == 0;
}

/* A token of RFC 9110 5.6.2: what a header name may consist of. */
static bool is_token(struct tw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (!is_alnum && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return text.len > 0;
}

static bool has_control_byte(struct tw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static void refuse(struct tw_http_head *self, int status, const char *why)
{
    if (self->status == 0) {
        self->status = status;
        self->why = why;
    }
}

/* Digits only: no sign, no blank, no list. */
static void take_length(struct tw_http_head *self, struct tw_str value)
{
    if (self->has_length) {
        refuse(self, 400, "Content-Length was sent twice");
        return;
    }
    self->has_length = true;
    uint64_t length = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] < '0' || value.ptr[i] > '9') {
            refuse(self, 400, "Content-Length is not a number");
            return;
        }
        if (length > UINT64_MAX / 10 - 1) {
            refuse(self, 413, "Content-Length is larger than any body that is read");
            return;
        }
        length = length * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    if (value.len == 0) {
        refuse(self, 400, "Content-Length is empty");
    }
    self->length = length;
}

/* Headers that may be there once: two of them is a disagreement between us and a proxy. */
static void take_once(struct tw_http_head *self, struct tw_str *slot, struct tw_str value,
                      const char *why)
{
    if (slot->ptr != NULL) {
        refuse(self, 400, why);
        return;
    }
    *slot = value;
}

/* Of these the first counts. */
static void take_first(struct tw_http_head *self, struct tw_str name, struct tw_str value)
{
    const struct {
        const char *name;
        struct tw_str *slot;
    } firsts[] = {
        {"Accept", &self->accept},
        {"If-None-Match", &self->if_none_match},
        {"Accept-Encoding", &self->accept_encoding},
        {"Last-Event-ID", &self->last_event_id},
        {"User-Agent", &self->user_agent},
    };
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        if (equals_any_case(name, firsts[i].name) && firsts[i].slot->ptr == NULL) {
            *firsts[i].slot = value;
        }
    }
}

void tw_http_head_add(struct tw_http_head *self, struct tw_str name, struct tw_str value)
{
    if (value.ptr == NULL) {
        value = TW_STR_LIT("");
    }
    self->count++;
    self->bytes += name.len + value.len;
    if (self->count > TW_HTTP_MAX_HEADERS || self->bytes > TW_HTTP_MAX_HEAD) {
        refuse(self, 431, "the header lines are too many or too long");
    }
    if (!is_token(name)) {
        refuse(self, 400, "a header name holds characters that none may hold");
        return;
    }
    if (has_control_byte(value)) {
        refuse(self, 400, "a header value holds a control byte");
    }
    if (equals_any_case(name, "Content-Length")) {
        take_length(self, value);
    } else if (equals_any_case(name, "Transfer-Encoding")) {
        self->has_encoding = true;
    } else if (equals_any_case(name, "Host")) {
        take_once(self, &self->host, value, "Host was sent twice");
    } else if (equals_any_case(name, "Origin")) {
        take_once(self, &self->origin, value, "Origin was sent twice");
    } else if (equals_any_case(name, "Sec-Fetch-Site")) {
        take_once(self, &self->fetch_site, value, "Sec-Fetch-Site was sent twice");
    } else if (equals_any_case(name, "Content-Type")) {
        take_once(self, &self->content_type, value, "Content-Type was sent twice");
    } else if (equals_any_case(name, "Idempotency-Key")) {
        take_once(self, &self->idempotency_key, value, "Idempotency-Key was sent twice");
    } else if (equals_any_case(name, "Cookie")) {
        /* two lines: which of them counts is not ours to say, so none does */
        self->cookies = self->cookies.ptr == NULL ? value : TW_STR_LIT("");
    } else if (equals_any_case(name, "Authorization")) {
        take_once(self, &self->authorization, value, "Authorization was sent twice");
    } else if (self->user_header != NULL && equals_any_case(name, self->user_header)) {
        take_once(self, &self->proxy_user, value, "the proxy's header of the user was sent twice");
    } else if (self->role_header != NULL && equals_any_case(name, self->role_header)) {
        take_once(self, &self->proxy_role, value, "the proxy's header of the role was sent twice");
    } else {
        take_first(self, name, value);
    }
}

void tw_http_head_finish(struct tw_http_head *self)
{
    if (self->has_encoding && self->has_length) {
        refuse(self, 400, "Transfer-Encoding beside Content-Length");
    } else if (self->has_encoding) {
        refuse(self, 411, "a body is read only with Content-Length");
    }
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool tw_http_is_loopback(const struct sockaddr *address)
{
    if (address != NULL && address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return (ntohl(in.sin_addr.s_addr) >> 24) == 127;
    }
    if (address != NULL && address->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        return IN6_IS_ADDR_LOOPBACK(&in.sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&in.sin6_addr) && in.sin6_addr.s6_addr[12] == 127);
    }
    return false;
}

int tw_http_decode(struct tw_arena *arena, struct tw_str text, bool is_query,
                   struct tw_str *ret_text)
{
    char *out = tw_arena_alloc(arena, text.len + 1);
    if (out == NULL) {
        return TW_ENOMEM;
    }
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            bool has_digits = text.len - i > 2;
            int high = has_digits ? hex_digit(text.ptr[i + 1]) : -1;
            int low = has_digits ? hex_digit(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return TW_ESYNTAX;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        if ((unsigned char)c < 0x20 || c == 0x7f) {
            return TW_ESYNTAX;
        }
        out[len++] = c;
    }
    out[len] = '\0';
    *ret_text = (struct tw_str){out, len};
    return TW_OK;
}

bool tw_http_is_am(struct tw_str path)
{
    return tw_str_starts(path, TW_STR_LIT("/api/v2/"));
}

/* One "name=value" of the query. */
static int add_param(struct tw_arena *arena, struct tw_str pair, struct tw_http_request *request,
                     struct tw_diag *diag)
{
    const char *equals = memchr(pair.ptr, '=', pair.len);
    size_t name_len = equals == NULL ? pair.len : (size_t)(equals - pair.ptr);
    struct tw_str name = {pair.ptr, name_len};
    struct tw_str value = TW_STR_LIT("");
    if (equals != NULL) {
        value = (struct tw_str){equals + 1, pair.len - name_len - 1};
    }
    struct tw_param param = {TW_STR_NULL, TW_STR_NULL};
    int rc = tw_http_decode(arena, name, true, &param.name);
    if (rc == TW_OK) {
        rc = tw_http_decode(arena, value, true, &param.value);
    }
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "the query is not well formed near '%.*s'",
                           (int)(pair.len < 60 ? pair.len : 60), pair.ptr);
    }
    bool may_repeat = tw_http_is_am(request->path) && tw_str_is(param.name, "filter");
    for (size_t i = 0; i < request->param_count && !may_repeat; i++) {
        if (tw_str_equal(request->params[i].name, param.name)) {
            return tw_diag_set(diag, TW_EEXISTS, "the parameter '%.60s' was given twice",
                               param.name.ptr);
        }
    }
    if (request->param_count == TW_HTTP_MAX_PARAMS) {
        return tw_diag_set(diag, TW_ELIMIT, "more than %d parameters", TW_HTTP_MAX_PARAMS);
    }
    request->params[request->param_count++] = param;
    return TW_OK;
}

int tw_http_parse_target(struct tw_arena *arena, struct tw_str target,
                         struct tw_http_request *request, struct tw_diag *diag)
{
    if (target.len == 0 || target.ptr[0] != '/') {
        return tw_diag_set(diag, TW_ESYNTAX, "the request target does not begin with '/'");
    }
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];
        if (c <= 0x20 || c == 0x7f || c == '#') {
            return tw_diag_set(diag, TW_ESYNTAX, "a byte that must be percent-encoded in the URL");
        }
    }
    const char *mark = memchr(target.ptr, '?', target.len);
    size_t path_len = mark == NULL ? target.len : (size_t)(mark - target.ptr);
    request->path = (struct tw_str){target.ptr, path_len};
    request->param_count = 0;
    struct tw_str query = TW_STR_LIT("");
    if (mark != NULL) {
        query = (struct tw_str){mark + 1, target.len - path_len - 1};
    }
    while (query.len > 0) {
        const char *amp = memchr(query.ptr, '&', query.len);
        size_t len = amp == NULL ? query.len : (size_t)(amp - query.ptr);
        if (len > 0) {
            int rc = add_param(arena, (struct tw_str){query.ptr, len}, request, diag);
            if (rc != TW_OK) {
                return rc;
            }
        }
        size_t step = amp == NULL ? len : len + 1;
        query.ptr += step;
        query.len -= step;
    }
    return TW_OK;
}

struct tw_str tw_http_param(const struct tw_http_request *request, const char *name)
{
    for (size_t i = 0; i < request->param_count; i++) {
        if (tw_str_is(request->params[i].name, name)) {
            return request->params[i].value;
        }
    }
    return TW_STR_NULL;
}

/* "host:port" without the port; "[::1]:80" -> "[::1]". */
static struct tw_str host_part(struct tw_str text)
{
    if (text.len > 0 && text.ptr[0] == '[') {
        const char *end = memchr(text.ptr, ']', text.len);
        return end == NULL ? text : (struct tw_str){text.ptr, (size_t)(end - text.ptr) + 1};
    }
    const char *colon = text.len == 0 ? NULL : memchr(text.ptr, ':', text.len);
    return colon == NULL ? text : (struct tw_str){text.ptr, (size_t)(colon - text.ptr)};
}

static bool is_loopback(struct tw_str host)
{
    return equals_any_case(host, "localhost") || equals_any_case(host, "[::1]") ||
           tw_str_starts(host, TW_STR_LIT("127."));
}

bool tw_http_host_is_ours(struct tw_str host, const char *listen)
{
    struct tw_str own = host_part(tw_str_of(listen));
    if (!is_loopback(own)) {
        return true;
    }
    struct tw_str asked = host_part(host);
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (equals_any_case(asked, names[i])) {
            return true;
        }
    }
    return own.len == asked.len && strncasecmp(own.ptr, asked.ptr, own.len) == 0;
}

bool tw_http_is_same_origin(const struct tw_http_head *head)
{
    struct tw_str site = head->fetch_site;
    if (site.ptr != NULL && !tw_str_is(site, "same-origin") && !tw_str_is(site, "none")) {
        return false;
    }
    if (head->origin.ptr == NULL) {
        return true;
    }
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        struct tw_str scheme = tw_str_of(schemes[i]);
        if (tw_str_starts(head->origin, scheme)) {
            struct tw_str rest = {head->origin.ptr + scheme.len, head->origin.len - scheme.len};
            return head->host.ptr != NULL && rest.len == head->host.len &&
                   strncasecmp(rest.ptr, head->host.ptr, rest.len) == 0;
        }
    }
    return false;
}

bool tw_http_is_surely_same_origin(const struct tw_http_head *head)
{
    return tw_http_is_same_origin(head) &&
           (head->origin.ptr != NULL || tw_str_is(head->fetch_site, "same-origin"));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct tw_str tw_http_cookie(struct tw_str cookies, const char *name)
{
    struct tw_str found = TW_STR_NULL;
    size_t name_len = strlen(name);
    while (cookies.len > 0) {
        const char *end = memchr(cookies.ptr, ';', cookies.len);
        size_t len = end == NULL ? cookies.len : (size_t)(end - cookies.ptr);
        struct tw_str pair = {cookies.ptr, len};
        while (pair.len > 0 && is_blank(pair.ptr[0])) {
            pair.ptr++;
            pair.len--;
        }
        while (pair.len > 0 && is_blank(pair.ptr[pair.len - 1])) {
            pair.len--;
        }
        if (pair.len > name_len && pair.ptr[name_len] == '=' &&
            memcmp(pair.ptr, name, name_len) == 0) {
            struct tw_str value = {pair.ptr + name_len + 1, pair.len - name_len - 1};
            bool is_plain = found.ptr == NULL && memchr(value.ptr, '"', value.len) == NULL;
            found = is_plain ? value : TW_STR_LIT("");
        }
        size_t step = end == NULL ? len : len + 1;
        cookies.ptr += step;
        cookies.len -= step;
    }
    return found;
}

struct tw_str tw_http_bearer(struct tw_str authorization)
{
    static const char scheme[] = "bearer ";
    size_t len = sizeof scheme - 1;
    if (authorization.len < len || strncasecmp(authorization.ptr, scheme, len) != 0) {
        return TW_STR_NULL;
    }
    return (struct tw_str){authorization.ptr + len, authorization.len - len};
}

void tw_http_address(const struct sockaddr *address, char ret_text[TW_HTTP_ADDRESS_SIZE])
{
    ret_text[0] = '\0';
    if (address != NULL && address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        (void)inet_ntop(AF_INET, &in.sin_addr, ret_text, TW_HTTP_ADDRESS_SIZE); /* it fits */
    }
    if (address != NULL && address->sa_family == AF_INET6) {
        struct sockaddr_in6 in;
        memcpy(&in, address, sizeof in);
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&in.sin6_addr);
        (void)inet_ntop(is_mapped ? AF_INET : AF_INET6,
                        is_mapped ? (const void *)&in.sin6_addr.s6_addr[12]
                                  : (const void *)&in.sin6_addr,
                        ret_text, TW_HTTP_ADDRESS_SIZE);
    }
}

bool tw_http_is_json(struct tw_str content_type)
{
    struct tw_str type = content_type;
    if (type.ptr == NULL) {
        return false;
    }
    const char *semicolon = memchr(type.ptr, ';', type.len);
    if (semicolon != NULL) {
        type.len = (size_t)(semicolon - type.ptr);
    }
    while (type.len > 0 && (type.ptr[type.len - 1] == ' ' || type.ptr[type.len - 1] == '\t')) {
        type.len--;
    }
    return equals_any_case(type, "application/json");
}

/* The position of `needle` in `text`, or NULL. */
static const char *find(struct tw_str text, const char *needle)
{
    return text.ptr == NULL ? NULL : memmem(text.ptr, text.len, needle, strlen(needle));
}

bool tw_http_tag_matches(struct tw_str if_none_match, const char *tag)
{
    return tw_str_is(if_none_match, "*") || find(if_none_match, tag) != NULL;
}

/* The quality of the media range that begins at `name` within `accept`, in thousandths;
 * -1 when it is not there. Parameters after it other than q do not matter here. */
static int quality_of(struct tw_str accept, const char *name)
{
    const char *at = find(accept, name);
    if (at == NULL) {
        return -1;
    }
    const char *end = tw_str_end(accept);
    const char *comma = memchr(at, ',', (size_t)(end - at));
    struct tw_str range = {at, (size_t)((comma == NULL ? end : comma) - at)};
    const char *q = find(range, ";q=");
    q = q == NULL ? find(range, "; q=") : q;
    if (q == NULL) {
        return 1000;
    }
    q += q[1] == ' ' ? 4 : 3;
    const char *stop = tw_str_end(range);
    int value = q < stop && *q == '1' ? 1000 : 0;
    int weight = 100;
    for (q += 2; q < stop && *q >= '0' && *q <= '9' && weight > 0; q++, weight /= 10) {
        value += (*q - '0') * weight;
    }
    return value > 1000 ? 1000 : value;
}

bool tw_http_wants_openmetrics(struct tw_str accept)
{
    int open = quality_of(accept, "application/openmetrics-text");
    int plain = quality_of(accept, "text/plain");
    return open > 0 && open >= plain;
}
