/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/url.h"

#include <stddef.h>
#include <string.h>

#include "config/faults.h"

#define HOST_MAX 253 /* RFC 1035, as text */
#define DIGITS   "0123456789"
#define LETTERS  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
/* Beside letters, digits and '%': what RFC 3986 lets stand in a path or a query. */
#define PATH_CHARACTERS LETTERS DIGITS "-._~!$&'()*+,;=:@/?%"

/* The parts of a URL; host without brackets. */
struct parts {
    const char *host;
    size_t host_len;
    bool is_bracketed;
    const char *port; /* behind the colon; NULL: none */
    size_t port_len;
    const char *rest; /* path and query */
};

static const char *behind_scheme(const char *text)
{
    if (strncmp(text, "https://", 8) == 0) {
        return text + 8;
    }
    return strncmp(text, "http://", 7) == 0 ? text + 7 : NULL;
}

/* False when brackets do not close or something but a port follows the host. */
static bool split(const char *authority, struct parts *ret_parts)
{
    size_t len = strcspn(authority, "/?#");
    const char *end = authority + len;
    struct parts parts = {.host = authority, .rest = end};
    const char *behind = NULL;
    if (len > 0 && authority[0] == '[') {
        const char *close = memchr(authority, ']', len);
        if (close == NULL) {
            return false;
        }
        parts.is_bracketed = true;
        parts.host++;
        parts.host_len = (size_t)(close - parts.host);
        behind = close + 1;
    } else {
        const char *colon = memchr(authority, ':', len);
        behind = colon == NULL ? end : colon;
        parts.host_len = (size_t)(behind - authority);
    }
    if (behind != end) {
        if (*behind != ':') {
            return false;
        }
        parts.port = behind + 1;
        parts.port_len = (size_t)(end - parts.port);
    }
    *ret_parts = parts;
    return true;
}

static bool is_host(const struct parts *parts)
{
    const char *allowed =
        parts->is_bracketed ? DIGITS "abcdefABCDEF:." : LETTERS DIGITS "-."; /* no %zone */
    return parts->host_len >= (parts->is_bracketed ? 2 : 1) && parts->host_len <= HOST_MAX &&
           strspn(parts->host, allowed) >= parts->host_len && parts->host[0] != '-' &&
           parts->host[0] != '.';
}

static bool is_port(const struct parts *parts)
{
    unsigned port = 0;
    if (parts->port == NULL) {
        return true;
    }
    if (parts->port_len < 1 || parts->port_len > 5 ||
        strspn(parts->port, DIGITS) < parts->port_len) {
        return false;
    }
    for (size_t i = 0; i < parts->port_len; i++) {
        port = port * 10 + (unsigned)(parts->port[i] - '0');
    }
    return port >= 1 && port <= 65535;
}

int tw_url_check(const char *text, struct tw_diag *diag)
{
    char shown[TW_SHOWN_SIZE];
    struct parts parts;
    const char *authority = behind_scheme(text);
    size_t len = strlen(text);
    if (len > TW_URL_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "the URL has more than %d bytes", TW_URL_MAX);
    }
    if (authority == NULL) {
        return tw_diag_set(diag, TW_EINVAL, "\"%s\" is not http://HOST... or https://HOST...",
                           tw_shown(text, shown));
    }
    /* Before anything is shown: what stands before the '@' may be a password. */
    if (memchr(authority, '@', strcspn(authority, "/?#")) != NULL) {
        return tw_diag_set(diag, TW_EINVAL,
                           "a user or password in the URL is not allowed, use bearer-token-file");
    }
    if (strchr(authority, '#') != NULL) {
        return tw_diag_set(diag, TW_EINVAL, "\"%s\": a URL to post to has no fragment (#)",
                           tw_shown(text, shown));
    }
    if (!split(authority, &parts) || !is_host(&parts)) {
        return tw_diag_set(diag, TW_EINVAL,
                           "\"%s\": the host is no name and no address (IPv6 in brackets)",
                           tw_shown(text, shown));
    }
    if (!is_port(&parts)) {
        return tw_diag_set(diag, TW_EINVAL, "\"%s\": the port is not from 1 to 65535",
                           tw_shown(text, shown));
    }
    if (parts.rest[strspn(parts.rest, PATH_CHARACTERS)] != '\0') {
        return tw_diag_set(diag, TW_EINVAL,
                           "\"%s\": a character that a URL must have percent-encoded",
                           tw_shown(text, shown));
    }
    return TW_OK;
}

bool tw_url_is_https(const char *url)
{
    return strncmp(url, "https://", 8) == 0;
}

/* 127.x.x.x in full; a shorter form means other addresses to other programs. */
static bool is_loopback_v4(const char *host, size_t len)
{
    size_t dots = 0;
    size_t digits = 0;
    if (len < 9 || strncmp(host, "127.", 4) != 0) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (host[i] == '.') {
            dots++;
            digits = 0;
        } else if (host[i] >= '0' && host[i] <= '9') {
            digits++;
        } else {
            return false;
        }
        if (digits > 3 || (host[i] == '.' && i + 1 < len && host[i + 1] == '.')) {
            return false;
        }
    }
    return dots == 3 && digits > 0;
}

static bool is_loopback(const char *authority)
{
    struct parts parts;
    if (!split(authority, &parts)) {
        return false;
    }
    if (parts.is_bracketed) {
        return parts.host_len == 3 && strncmp(parts.host, "::1", 3) == 0;
    }
    return (parts.host_len == 9 && strncmp(parts.host, "localhost", 9) == 0) ||
           is_loopback_v4(parts.host, parts.host_len);
}

bool tw_url_is_loopback(const char *url)
{
    const char *authority = behind_scheme(url);
    return authority != NULL && is_loopback(authority);
}

bool tw_endpoint_is_local(const char *endpoint)
{
    if (strncmp(endpoint, "ipc://", 6) == 0 || strncmp(endpoint, "inproc://", 9) == 0) {
        return true;
    }
    return strncmp(endpoint, "tcp://", 6) == 0 && is_loopback(endpoint + 6);
}
