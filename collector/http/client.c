/* SPDX-License-Identifier: Apache-2.0
 * A request is given to the library once: it must not send it a second time by itself, as it would
 * on a kept connection that turns out to be closed, since every sending is written down by whoever
 * drives this. So the body is handed over piece by piece and never rewound; that also tells whether
 * anything of it has left: of a request whose body has not begun nobody can have acted on it.
 */
#include "config.h"
#include "http/client.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config/url.h"
#include "http/net.h"

#define LINE_SIZE (TW_HTTP_LINE_MAX + 1)

/* A request from its beginning until its reply is let go. */
struct transfer {
    struct transfer *next; /* of the list it is in */
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *recipients;
    void *user;
    const struct tw_http_guard *guard;
    char *body;
    size_t body_len;
    size_t handed_over; /* bytes of it that the library took */
    bool has_begun;     /* any of them ever */
    bool is_mail;
    curl_socket_t socket; /* of a mail: the one that was opened last */
    /* the answer */
    int status;       /* of the header that is being read */
    bool is_answered; /* the final header is complete */
    char phrase[LINE_SIZE];
    char type[LINE_SIZE];
    char location[LINE_SIZE];
    char retry_after[LINE_SIZE];
    char *said; /* TW_HTTP_BODY_MAX bytes; NULL while there are none that matter */
    size_t said_len;
    size_t refused;
    char token[TW_HTTP_TOKEN_MAX + 1];
    char fault[TW_HTTP_FAULT_SIZE]; /* of ours; empty: none */
    char error[CURL_ERROR_SIZE];
    CURLcode code;
};

struct tw_http_client {
    struct tw_clock *clock;
    CURLM *multi;
    struct transfer *running; /* given to the library */
    struct transfer *done;    /* the oldest first */
    struct transfer *done_last;
    struct transfer *shown; /* the reply that was given out */
    bool is_global;
};

/* ---- life ---- */

static void transfer_free(struct transfer *self)
{
    if (self == NULL) {
        return;
    }
    if (self->easy != NULL) {
        curl_easy_cleanup(self->easy);
    }
    curl_slist_free_all(self->headers);
    curl_slist_free_all(self->recipients);
    free(self->body);
    free(self->said);
    explicit_bzero(self->token, sizeof(self->token));
    free(self);
}

int tw_http_client_new(struct tw_clock *clock, long connections, struct tw_http_client **ret_client)
{
    struct tw_http_client *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->clock = clock;
    self->is_global = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    self->multi = self->is_global ? curl_multi_init() : NULL;
    if (self->multi == NULL ||
        curl_multi_setopt(self->multi, CURLMOPT_MAXCONNECTS, connections + 1) != CURLM_OK) {
        tw_http_client_destroy(&self);
        return TW_ESYSTEM;
    }
    *ret_client = self;
    return TW_OK;
}

void tw_http_client_destroy(struct tw_http_client **self_p)
{
    struct tw_http_client *self = self_p == NULL ? NULL : *self_p;
    if (self == NULL) {
        return;
    }
    for (struct transfer *t = self->running; t != NULL;) {
        struct transfer *next = t->next;
        (void)curl_multi_remove_handle(self->multi, t->easy); /* can only fail for a wrong handle */
        transfer_free(t);
        t = next;
    }
    for (struct transfer *t = self->done; t != NULL;) {
        struct transfer *next = t->next;
        transfer_free(t);
        t = next;
    }
    transfer_free(self->shown);
    if (self->multi != NULL) {
        (void)curl_multi_cleanup(self->multi); /* likewise */
    }
    if (self->is_global) {
        curl_global_cleanup();
    }
    free(self);
    *self_p = NULL;
}

/* ---- what the library asks for and tells ---- */

static size_t on_read(char *buffer, size_t size, size_t count, void *user)
{
    struct transfer *self = user;
    size_t most = size * count;
    size_t left = self->body_len - self->handed_over;
    size_t now = left < most ? left : most;
    if (now > 0) {
        memcpy(buffer, self->body + self->handed_over, now);
        self->handed_over += now;
        self->has_begun = true;
    }
    return now;
}

/* Bytes have left and the library would send them again: no. */
static int on_seek(void *user, curl_off_t offset, int origin)
{
    (void)user; /* there is nothing to look at */
    (void)offset;
    (void)origin;
    return CURL_SEEKFUNC_FAIL;
}

/* A connection stands and the request is about to be written, on it for the first time: what an
 * earlier one took without sending any (on_seek) begins anew. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the library's signature */
static int on_connected(void *user, char *remote, char *local, int remote_port, int local_port)
{
    struct transfer *self = user;
    (void)remote; /* a host is known by its certificate; its address was looked at before */
    (void)local;
    (void)remote_port;
    (void)local_port;
    self->handed_over = 0;
    return CURL_PREREQFUNC_OK;
}

/* Whatever name the URL had and whatever its server of names says now: this is what would be
 * connected to. */
static curl_socket_t on_socket(void *user, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct transfer *self = user;
    struct tw_address address;
    char text[TW_ADDRESS_TEXT_SIZE];
    (void)purpose; /* there is one */
    if (self->guard != NULL) {
        if (!tw_address_of(&to->addr, (socklen_t)to->addrlen, &address)) {
            return CURL_SOCKET_BAD;
        }
        const char *inside = tw_address_inside(&address);
        if (inside != NULL &&
            !self->guard->allows(self->guard->context, address.is_v6, address.bytes)) {
            tw_address_text(&address, text);
            (void)snprintf(self->fault, sizeof(self->fault), "%s is a %s address and not allowed",
                           text, inside); /* it fits */
            return CURL_SOCKET_BAD;
        }
    }
    self->socket = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
    return self->socket;
}

/* Keep a header's value if it is the one called `name`. */
static bool take(struct tw_str line, const char *name, char kept[LINE_SIZE])
{
    size_t name_len = strlen(name);
    if (line.len <= name_len || line.ptr[name_len] != ':' ||
        strncasecmp(line.ptr, name, name_len) != 0) {
        return false;
    }
    const char *value = line.ptr + name_len + 1;
    size_t len = line.len - name_len - 1;
    while (len > 0 && (*value == ' ' || *value == '\t')) {
        value++;
        len--;
    }
    while (len > 0 && strchr(" \t\r\n", value[len - 1]) != NULL) {
        len--;
    }
    len = len < TW_HTTP_LINE_MAX ? len : TW_HTTP_LINE_MAX;
    memcpy(kept, value, len);
    kept[len] = '\0';
    return true;
}

static void take_phrase(struct transfer *self, const char *text, size_t len)
{
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL) {
        len--;
    }
    len = len < TW_HTTP_LINE_MAX ? len : TW_HTTP_LINE_MAX;
    memcpy(self->phrase, text, len);
    self->phrase[len] = '\0';
}

/* "HTTP/1.1 422 Unprocessable Content": the number as the library reads it, the phrase. */
static void begin_header(struct transfer *self, struct tw_str line)
{
    const char *blank = memchr(line.ptr, ' ', line.len);
    long status = 0;
    (void)curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status); /* 0 when it fails */
    self->status = (int)status;
    self->phrase[0] = '\0';
    self->type[0] = '\0';
    self->location[0] = '\0';
    self->retry_after[0] = '\0';
    if (blank != NULL && line.len - (size_t)(blank - line.ptr) > 5) {
        take_phrase(self, blank + 5, line.len - (size_t)(blank - line.ptr) - 5);
    }
}

/* "550 5.1.1 No such user": what was said last, but for the answer to a farewell. */
static void take_reply(struct transfer *self, struct tw_str line)
{
    int status = 0;
    for (size_t i = 0; i < 3; i++) {
        if (line.len < 4 || line.ptr[i] < '0' || line.ptr[i] > '9') {
            return;
        }
        status = status * 10 + (line.ptr[i] - '0');
    }
    if (status == 221) {
        return;
    }
    self->status = status;
    take_phrase(self, line.ptr + 4, line.len - 4);
    if (!self->has_begun && status >= 400 && line.ptr[3] != '-') {
        self->refused++;
    }
}

/* A mail server is said good-bye to, and the library would wait for what it says to that, holding
 * up this thread: it will hear nothing any more. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the library's signature */
static int on_talk(CURL *easy, curl_infotype kind, char *text, size_t len, void *user)
{
    const struct transfer *self = user;
    (void)easy; /* it is that of the transfer */
    if (kind == CURLINFO_HEADER_OUT && len >= 4 && memcmp(text, "QUIT", 4) == 0 &&
        self->socket != CURL_SOCKET_BAD) {
        (void)shutdown(self->socket, SHUT_RD); /* if it fails it is closed already */
    }
    return 0;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the library's signature */
static size_t on_header(char *text, size_t size, size_t count, void *user)
{
    struct transfer *self = user;
    struct tw_str line = {text, size * count};
    if (self->is_mail) {
        take_reply(self, line);
        return line.len;
    }
    if (self->is_answered) {
        return line.len; /* a trailer */
    }
    if (line.len >= 5 && memcmp(line.ptr, "HTTP/", 5) == 0) {
        begin_header(self, line);
    } else if (line.len <= 2 && (line.len == 0 || line.ptr[0] == '\r' || line.ptr[0] == '\n')) {
        self->is_answered = self->status >= 200; /* not of 100 Continue and its like */
    } else {
        (void)(take(line, "content-type", self->type) || take(line, "location", self->location) ||
               take(line, "retry-after", self->retry_after)); /* others do not matter */
    }
    return line.len;
}

/* An answer that goes on beyond TW_HTTP_BODY_MAX is cut off: its header said what counts. */
static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct transfer *self = user;
    size_t len = size * count;
    if (self->said == NULL) {
        self->said = malloc(TW_HTTP_BODY_MAX);
    }
    if (self->said == NULL || len > TW_HTTP_BODY_MAX - self->said_len) {
        return CURL_WRITEFUNC_ERROR;
    }
    memcpy(self->said + self->said_len, bytes, len);
    self->said_len += len;
    return len;
}

/* ---- beginning ---- */

static bool grow(struct curl_slist **list, const char *line)
{
    struct curl_slist *grown = curl_slist_append(*list, line);
    *list = grown == NULL ? *list : grown;
    return grown != NULL;
}

static bool add_header(struct transfer *self, const char *name, const char *value)
{
    size_t name_len = strlen(name);
    size_t value_len = strlen(value);
    size_t size = name_len + value_len + 3;
    char *line = size > TW_HTTP_OWN_MAX ? NULL : malloc(size);
    if (line == NULL) {
        return false;
    }
    memcpy(line, name, name_len);
    memcpy(line + name_len, ": ", 2);
    memcpy(line + name_len + 2, value, value_len + 1);
    bool is_ok = grow(&self->headers, line);
    explicit_bzero(line, size); /* it may be the token */
    free(line);
    return is_ok;
}

static bool add_headers(struct transfer *self, const struct tw_http_request *request)
{
    bool is_ok = true;
    for (size_t i = 0; i < request->header_count && is_ok; i++) {
        is_ok = add_header(self, request->headers[i].name, request->headers[i].value);
    }
    if (is_ok && self->token[0] != '\0') {
        char bearer[TW_HTTP_TOKEN_MAX + 16];
        (void)snprintf(bearer, sizeof(bearer), "Bearer %s", self->token); /* it fits */
        is_ok = add_header(self, "Authorization", bearer);
        explicit_bzero(bearer, sizeof(bearer));
    }
    /* Without it the library waits a second for 100 Continue before it sends a large body. */
    return is_ok && grow(&self->headers, "Expect:");
}

#define SET(option, value) (rc = rc != CURLE_OK ? rc : curl_easy_setopt(easy, (option), (value)))

/* What every request has, and what the library would do unasked and must not. */
static CURLcode set_rules(CURL *easy, const struct tw_http_request *request)
{
    CURLcode rc = CURLE_OK;
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_PROXY, ""); /* whatever the environment says */
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_USERAGENT, "tillwatch/" PACKAGE_VERSION);
    SET(CURLOPT_NOSIGNAL, 1L);
    /* A name server that does not answer holds up a thread of the library, not the end of ours. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (request->ca_file != NULL) {
        SET(CURLOPT_CAINFO, request->ca_file);
        SET(CURLOPT_CAPATH, (char *)NULL);
    }
    if (request->guard != NULL) {
        SET(CURLOPT_FORBID_REUSE, 1L);
        SET(CURLOPT_FRESH_CONNECT, 1L);
    }
    SET(CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
    return rc;
}

static CURLcode set_post(struct transfer *self, const struct tw_http_request *request)
{
    CURL *easy = self->easy;
    CURLcode rc = CURLE_OK;
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_PROTOCOLS_STR, tw_url_is_https(request->url) ? "https" : "http");
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)self->body_len);
    SET(CURLOPT_HTTPHEADER, self->headers);
    return rc;
}

/* Who it is from and to, and how we show that we may send it. */
static CURLcode set_envelope(struct transfer *self, const struct tw_http_mail *mail)
{
    CURL *easy = self->easy;
    CURLcode rc = CURLE_OK;
    SET(CURLOPT_USE_SSL, mail->tls == TW_HTTP_PLAIN ? (long)CURLUSESSL_NONE : (long)CURLUSESSL_ALL);
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)self->body_len);
    SET(CURLOPT_MAIL_FROM, mail->from);
    SET(CURLOPT_MAIL_RCPT, self->recipients);
    SET(CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L); /* who is gone must not keep it from the others */
    SET(CURLOPT_DEBUGFUNCTION, on_talk);
    SET(CURLOPT_DEBUGDATA, self);
    SET(CURLOPT_VERBOSE, 1L); /* to that function, and nowhere else */
    if (mail->username != NULL && mail->password != NULL) {
        SET(CURLOPT_USERNAME, mail->username);
        SET(CURLOPT_PASSWORD, mail->password);
    }
    return rc;
}

/* smtp://HOST:PORT as it is, or smtps:// of it. */
static CURLcode set_mail(struct transfer *self, const struct tw_http_request *request)
{
    static const char scheme[] = "smtp://";
    const struct tw_http_mail *mail = request->mail;
    bool is_tls = mail->tls == TW_HTTP_TLS;
    char url[TW_URL_MAX + 16];
    CURL *easy = self->easy;
    CURLcode rc = CURLE_OK;
    int len = strncmp(request->url, scheme, sizeof(scheme) - 1) != 0
                  ? -1
                  : snprintf(url, sizeof(url), "%s%s", is_tls ? "smtps://" : scheme,
                             request->url + sizeof(scheme) - 1);
    if (len < 0 || (size_t)len >= sizeof(url)) {
        return CURLE_URL_MALFORMAT;
    }
    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROTOCOLS_STR, is_tls ? "smtps" : "smtp");
    return rc != CURLE_OK ? rc : set_envelope(self, mail);
}

static CURLcode set_callbacks(struct transfer *self)
{
    CURL *easy = self->easy;
    CURLcode rc = CURLE_OK;
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, self);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, self);
    SET(CURLOPT_PREREQFUNCTION, on_connected);
    SET(CURLOPT_PREREQDATA, self);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
    SET(CURLOPT_OPENSOCKETDATA, self);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, self);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, self);
    SET(CURLOPT_ERRORBUFFER, self->error);
    SET(CURLOPT_PRIVATE, self);
    return rc;
}

static void push_done(struct tw_http_client *self, struct transfer *transfer)
{
    transfer->next = NULL;
    if (self->done == NULL) {
        self->done = transfer;
    } else {
        self->done_last->next = transfer;
    }
    self->done_last = transfer;
}

/* What is not the library's. */
static bool prepare(struct transfer *self, const struct tw_http_request *request)
{
    bool is_ok = request->bearer == NULL || strlen(request->bearer) <= TW_HTTP_TOKEN_MAX;
    if (is_ok && request->bearer != NULL) {
        memcpy(self->token, request->bearer, strlen(request->bearer) + 1);
    }
    self->body_len = request->body.len;
    self->body = is_ok ? malloc(request->body.len + 1) : NULL;
    if (self->body == NULL) {
        return false;
    }
    if (request->body.len > 0) {
        memcpy(self->body, request->body.ptr, request->body.len);
    }
    if (request->mail == NULL) {
        return add_headers(self, request);
    }
    self->is_mail = true;
    for (size_t i = 0; i < request->mail->to_count && is_ok; i++) {
        is_ok = grow(&self->recipients, request->mail->to[i]);
    }
    return is_ok;
}

int tw_http_client_begin(struct tw_http_client *self, const struct tw_http_request *request)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    if (transfer == NULL) {
        return TW_ENOMEM;
    }
    transfer->user = request->user;
    transfer->guard = request->guard;
    transfer->socket = CURL_SOCKET_BAD;
    transfer->easy = curl_easy_init();
    if (transfer->easy == NULL || !prepare(transfer, request) ||
        set_rules(transfer->easy, request) != CURLE_OK ||
        (request->mail == NULL ? set_post(transfer, request) : set_mail(transfer, request)) !=
            CURLE_OK ||
        set_callbacks(transfer) != CURLE_OK ||
        curl_multi_add_handle(self->multi, transfer->easy) != CURLM_OK) {
        transfer_free(transfer);
        return TW_ENOMEM;
    }
    transfer->next = self->running;
    self->running = transfer;
    return TW_OK;
}

int tw_http_client_refuse(struct tw_http_client *self, const char *fault, void *user)
{
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    if (transfer == NULL) {
        return TW_ENOMEM;
    }
    transfer->user = user;
    transfer->code = CURLE_FAILED_INIT;
    (void)snprintf(transfer->fault, sizeof(transfer->fault), "%s", fault); /* cut is fine */
    push_done(self, transfer);
    return TW_OK;
}

/* ---- carrying on ---- */

static void take_from_running(struct tw_http_client *self, struct transfer *transfer)
{
    struct transfer **p = &self->running;
    while (*p != transfer) {
        p = &(*p)->next;
    }
    *p = transfer->next;
}

static void collect(struct tw_http_client *self)
{
    int left = 0;
    for (;;) {
        const CURLMsg *message = curl_multi_info_read(self->multi, &left);
        struct transfer *transfer = NULL;
        if (message == NULL) {
            return;
        }
        /* The message dies with the removal of its handle. */
        CURL *easy = message->easy_handle;
        CURLcode code = message->data.result;
        if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer) != CURLE_OK || transfer == NULL) {
            continue; /* it is set for all */
        }
        transfer->code = code;
        (void)curl_multi_remove_handle(self->multi, easy); /* it is in there */
        take_from_running(self, transfer);
        push_done(self, transfer);
    }
}

static void to_waitfds(const struct pollfd *fds, size_t count, struct curl_waitfd *out)
{
    for (size_t i = 0; i < count; i++) {
        unsigned events = ((fds[i].events & POLLIN) != 0 ? CURL_WAIT_POLLIN : 0u) |
                          ((fds[i].events & POLLOUT) != 0 ? CURL_WAIT_POLLOUT : 0u);
        out[i] = (struct curl_waitfd){.fd = fds[i].fd, .events = (short)events};
    }
}

/* True when one of them has something. */
static bool from_waitfds(const struct curl_waitfd *in, size_t count, struct pollfd *fds)
{
    bool has_any = false;
    for (size_t i = 0; i < count; i++) {
        unsigned found = (unsigned short)in[i].revents;
        unsigned events = ((found & CURL_WAIT_POLLIN) != 0 ? POLLIN : 0u) |
                          ((found & CURL_WAIT_POLLOUT) != 0 ? POLLOUT : 0u);
        fds[i].revents = (short)events;
        has_any = has_any || events != 0;
    }
    return has_any;
}

static int error_of(CURLMcode code)
{
    return code == CURLM_OK ? TW_OK : (code == CURLM_OUT_OF_MEMORY ? TW_ENOMEM : TW_ESYSTEM);
}

int tw_http_client_wait(struct tw_http_client *self, struct pollfd *fds, size_t fd_count,
                        int timeout_ms)
{
    struct curl_waitfd extra[TW_HTTP_FDS_MAX];
    tw_mono_t now = self->clock->mono(self->clock);
    TW_ASSERT(fd_count <= TW_HTTP_FDS_MAX && timeout_ms >= 0);
    int64_t end_ns = now.ns + timeout_ms * TW_NS_PER_MS;
    for (;;) {
        int running = 0;
        CURLMcode code = curl_multi_perform(self->multi, &running);
        collect(self);
        int64_t left_ms = (end_ns - now.ns + TW_NS_PER_MS - 1) / TW_NS_PER_MS;
        int wait_ms = self->done != NULL || left_ms < 0 ? 0 : (int)left_ms;
        to_waitfds(fds, fd_count, extra);
        code = code != CURLM_OK
                   ? code
                   : curl_multi_poll(self->multi, extra, (unsigned)fd_count, wait_ms, NULL);
        if (code != CURLM_OK) {
            return error_of(code);
        }
        bool has_any = from_waitfds(extra, fd_count, fds);
        now = self->clock->mono(self->clock);
        if (has_any || self->done != NULL || now.ns >= end_ns) {
            return TW_OK;
        }
    }
}

/* ---- replies ---- */

static const char *fault_of(const struct transfer *self)
{
    if (self->fault[0] != '\0') {
        return self->fault;
    }
    return self->error[0] != '\0' ? self->error : curl_easy_strerror(self->code);
}

bool tw_http_client_next(struct tw_http_client *self, struct tw_http_reply *ret_reply)
{
    struct transfer *transfer = self->done;
    transfer_free(self->shown);
    self->shown = transfer;
    if (transfer == NULL) {
        return false;
    }
    self->done = transfer->next;
    self->done_last = self->done == NULL ? NULL : self->done_last;
    bool is_answered = transfer->is_mail ? transfer->code == CURLE_OK : transfer->is_answered;
    *ret_reply = (struct tw_http_reply){
        .user = transfer->user,
        .has_begun = transfer->has_begun,
        .answer = {.status = is_answered || transfer->is_mail ? transfer->status : 0,
                   .phrase = tw_str_of(transfer->phrase),
                   .type = tw_str_of(transfer->type),
                   .location = tw_str_of(transfer->location),
                   .body = {transfer->said, transfer->said_len},
                   .secret = tw_str_of(transfer->token)},
        .retry_after = tw_str_of(transfer->retry_after),
        .fault = is_answered ? NULL : fault_of(transfer),
        .refused = transfer->refused,
    };
    return true;
}
