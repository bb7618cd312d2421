/* SPDX-License-Identifier: Apache-2.0
 * A post is given to the library once: it must not send it a second time by itself, as it would on
 * a kept connection that turns out to be closed, since every sending is written down by whoever
 * drives this. So the event is handed over piece by piece and never rewound; that also tells
 * whether anything of it has left, which is the difference between AGAIN and UNKNOWN: of a request
 * whose body has not begun nobody can have acted on the event.
 */
#include "config.h"
#include "replay/http.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/url.h"
#include "store/replays.h"

#define TOKEN_MAX  4096 /* bytes of a bearer token */
#define HEADER_MAX 512  /* bytes kept of a header of an answer */

/* NOLINTNEXTLINE(misc-redundant-expression): they are, and stay so */
_Static_assert(TW_HTTP_KEY_HEADER_SIZE == 3 * TW_IDEMPOTENCY_MAX + 1,
               "every key has room for its encoded form");

/* A destination. */
struct target {
    const struct tw_cfg_destination *cfg;
    size_t under_way;
    unsigned failures;                    /* pauses since the last answer that was none */
    tw_mono_t until;                      /* nothing is begun before */
    char trouble[TW_HTTP_REASON_MAX + 1]; /* of the last of them */
};

/* A post from its beginning until its result is taken. */
struct transfer {
    struct transfer *next; /* of the list it is in */
    struct target *target;
    CURL *easy;
    struct curl_slist *headers;
    uint64_t item;
    uint64_t attempt;
    unsigned tries;
    char *event;
    size_t event_len;
    size_t handed_over; /* bytes of event that the library took */
    bool has_begun;     /* any of them ever */
    /* the answer */
    int status;       /* of the header that is being read */
    bool is_answered; /* the final header is complete */
    char phrase[HEADER_MAX];
    char type[HEADER_MAX];
    char location[HEADER_MAX];
    char retry_after[HEADER_MAX];
    char *body; /* TW_HTTP_BODY_MAX bytes; NULL while there are none that matter */
    size_t body_len;
    char token[TOKEN_MAX + 2]; /* one more to see that it is too long, and a NUL */
    size_t token_len;
    const char *fault; /* why it did not even begin; NULL: it did */
    char error[CURL_ERROR_SIZE];
    CURLcode code;
};

struct tw_http_out {
    struct tw_clock *clock;
    CURLM *multi;
    struct target *targets;
    size_t target_count;
    struct transfer *running; /* given to the library */
    struct transfer *done;    /* results, the oldest first */
    struct transfer *done_last;
    size_t held; /* bytes of events */
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
    free(self->event);
    free(self->body);
    explicit_bzero(self->token, sizeof(self->token));
    free(self);
}

int tw_http_out_new(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_http_out **ret_out,
                    struct tw_diag *diag)
{
    long connections = 0;
    struct tw_http_out *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "HTTP destinations: %s", tw_err_text(TW_ENOMEM));
    }
    int rc = TW_ENOMEM;
    self->clock = clock;
    self->target_count = cfg->destination_count;
    self->targets = calloc(self->target_count + 1, sizeof(self->targets[0]));
    if (self->targets == NULL) {
        goto out;
    }
    for (size_t i = 0; i < self->target_count; i++) {
        self->targets[i].cfg = &cfg->destinations[i];
        connections += (long)cfg->destinations[i].concurrency;
    }
    rc = TW_ESYSTEM;
    self->is_global = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    self->multi = self->is_global ? curl_multi_init() : NULL;
    if (self->multi == NULL ||
        curl_multi_setopt(self->multi, CURLMOPT_MAXCONNECTS, connections + 1) != CURLM_OK) {
        goto out;
    }
    *ret_out = self;
    return TW_OK;
out:
    tw_http_out_destroy(&self);
    return tw_diag_set(diag, rc, "HTTP destinations: libcurl does not start");
}

void tw_http_out_destroy(struct tw_http_out **self_p)
{
    struct tw_http_out *self = self_p == NULL ? NULL : *self_p;
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
    if (self->multi != NULL) {
        (void)curl_multi_cleanup(self->multi); /* likewise */
    }
    if (self->is_global) {
        curl_global_cleanup();
    }
    free(self->targets);
    free(self);
    *self_p = NULL;
}

/* ---- questions ---- */

static struct target *find(const struct tw_http_out *self, const char *destination)
{
    for (size_t i = 0; i < self->target_count; i++) {
        if (strcmp(self->targets[i].cfg->name, destination) == 0) {
            return &self->targets[i];
        }
    }
    return NULL;
}

bool tw_http_out_serves(const struct tw_http_out *self, const char *destination)
{
    return find(self, destination) != NULL;
}

const char *tw_http_out_url(const struct tw_http_out *self, const char *destination)
{
    const struct target *target = find(self, destination);
    return target == NULL ? NULL : target->cfg->url;
}

static size_t room(const struct tw_http_out *self, const struct target *target)
{
    size_t most = target->failures > 0 ? 1 : (size_t)target->cfg->concurrency;
    if (self->clock->mono(self->clock).ns < target->until.ns || target->under_way >= most ||
        self->held >= TW_HTTP_HELD_MAX) {
        return 0;
    }
    return most - target->under_way;
}

size_t tw_http_out_room(const struct tw_http_out *self, const char *destination)
{
    const struct target *target = find(self, destination);
    return target == NULL ? 0 : room(self, target);
}

const char *tw_http_out_trouble(const struct tw_http_out *self, const char *destination)
{
    const struct target *target = find(self, destination);
    return target == NULL || target->failures == 0 ? NULL : target->trouble;
}

size_t tw_http_out_under_way(const struct tw_http_out *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->target_count; i++) {
        count += self->targets[i].under_way;
    }
    return count;
}

/* ---- what the library asks for and tells ---- */

static size_t on_read(char *buffer, size_t size, size_t count, void *user)
{
    struct transfer *self = user;
    size_t most = size * count;
    size_t left = self->event_len - self->handed_over;
    size_t now = left < most ? left : most;
    if (now > 0) {
        memcpy(buffer, self->event + self->handed_over, now);
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
    (void)remote; /* a host is known by its certificate, not by its address */
    (void)local;
    (void)remote_port;
    (void)local_port;
    self->handed_over = 0;
    return CURL_PREREQFUNC_OK;
}

/* Keep a header's value if it is the one called `name`. */
static bool take(struct tw_str line, const char *name, char kept[HEADER_MAX])
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
    len = len < HEADER_MAX - 1 ? len : HEADER_MAX - 1;
    memcpy(kept, value, len);
    kept[len] = '\0';
    return true;
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
        size_t len = line.len - (size_t)(blank - line.ptr) - 5;
        while (len > 0 && strchr(" \t\r\n", blank[5 + len - 1]) != NULL) {
            len--;
        }
        len = len < HEADER_MAX - 1 ? len : HEADER_MAX - 1;
        memcpy(self->phrase, blank + 5, len);
        self->phrase[len] = '\0';
    }
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the library's signature */
static size_t on_header(char *text, size_t size, size_t count, void *user)
{
    struct transfer *self = user;
    struct tw_str line = {text, size * count};
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
    if (self->body == NULL) {
        self->body = malloc(TW_HTTP_BODY_MAX);
    }
    if (self->body == NULL || len > TW_HTTP_BODY_MAX - self->body_len) {
        return CURL_WRITEFUNC_ERROR;
    }
    memcpy(self->body + self->body_len, bytes, len);
    self->body_len += len;
    return len;
}

/* ---- beginning ---- */

/* The token into self->token. NULL, or why not. */
static const char *read_token(struct transfer *self, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return "the file of the bearer token cannot be opened";
    }
    const char *fault = NULL;
    ssize_t got = 0;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        fault = "the file of the bearer token is no regular file";
    } else if ((st.st_mode & 077) != 0) {
        fault = "the file of the bearer token may be read by others";
    } else {
        got = read(fd, self->token, TOKEN_MAX + 1);
    }
    (void)close(fd); /* only read from */
    while (got > 0 && strchr(" \t\r\n", self->token[got - 1]) != NULL) {
        got--;
    }
    self->token[got > 0 ? got : 0] = '\0';
    self->token_len = strlen(self->token);
    for (size_t i = 0; i < self->token_len; i++) {
        got = self->token[i] > 0x20 && self->token[i] < 0x7f ? got : -1;
    }
    if (fault == NULL && (got <= 0 || (size_t)got != self->token_len || got > TOKEN_MAX)) {
        fault = "the file of the bearer token holds no token";
    }
    return fault;
}

static bool add_header(struct transfer *self, const char *name, const char *value)
{
    char line[TW_CFG_MAX_HEADER_BYTES + TOKEN_MAX];
    int len = snprintf(line, sizeof(line), "%s: %s", name, value);
    struct curl_slist *grown =
        len < 0 || (size_t)len >= sizeof(line) ? NULL : curl_slist_append(self->headers, line);
    explicit_bzero(line, sizeof(line)); /* it may be the token */
    if (grown == NULL) {
        return false;
    }
    self->headers = grown;
    return true;
}

static bool add_headers(struct transfer *self, struct tw_str key)
{
    char encoded[TW_HTTP_KEY_HEADER_SIZE];
    const struct tw_cfg_destination *cfg = self->target->cfg;
    (void)tw_http_key_header(key, encoded); /* as long as it may be */
    bool is_ok = add_header(self, "Content-Type", "application/cloudevents+json") &&
                 add_header(self, "Idempotency-Key", encoded);
    for (size_t i = 0; i < cfg->headers.count && is_ok; i++) {
        is_ok = add_header(self, cfg->headers.items[i].from, cfg->headers.items[i].to);
    }
    if (is_ok && self->token_len > 0) {
        char bearer[TOKEN_MAX + 16];
        (void)snprintf(bearer, sizeof(bearer), "Bearer %s", self->token); /* it fits */
        is_ok = add_header(self, "Authorization", bearer);
        explicit_bzero(bearer, sizeof(bearer));
    }
    /* Without it the library waits a second for 100 Continue before it sends a large body. */
    struct curl_slist *grown = is_ok ? curl_slist_append(self->headers, "Expect:") : NULL;
    self->headers = grown == NULL ? self->headers : grown;
    return grown != NULL;
}

#define SET(option, value) (rc = rc != CURLE_OK ? rc : curl_easy_setopt(easy, (option), (value)))

/* What every request has, and what the library would do unasked and must not. */
static CURLcode set_rules(CURL *easy, const struct tw_cfg_destination *cfg)
{
    CURLcode rc = CURLE_OK;
    SET(CURLOPT_URL, cfg->url);
    SET(CURLOPT_PROTOCOLS_STR, tw_url_is_https(cfg->url) ? "https" : "http");
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
    if (cfg->ca_file != NULL) {
        SET(CURLOPT_CAINFO, cfg->ca_file);
        SET(CURLOPT_CAPATH, (char *)NULL);
    }
    return rc;
}

static CURLcode set_callbacks(struct transfer *self)
{
    CURL *easy = self->easy;
    CURLcode rc = CURLE_OK;
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)self->event_len);
    SET(CURLOPT_HTTPHEADER, self->headers);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, self);
    SET(CURLOPT_SEEKFUNCTION, on_seek);
    SET(CURLOPT_SEEKDATA, self);
    SET(CURLOPT_PREREQFUNCTION, on_connected);
    SET(CURLOPT_PREREQDATA, self);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, self);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, self);
    SET(CURLOPT_ERRORBUFFER, self->error);
    SET(CURLOPT_PRIVATE, self);
    return rc;
}

static void push_done(struct tw_http_out *self, struct transfer *transfer)
{
    transfer->next = NULL;
    if (self->done == NULL) {
        self->done = transfer;
    } else {
        self->done_last->next = transfer;
    }
    self->done_last = transfer;
}

static bool is_under_way(const struct tw_http_out *self, uint64_t item)
{
    for (const struct transfer *t = self->running; t != NULL; t = t->next) {
        if (t->item == item) {
            return true;
        }
    }
    for (const struct transfer *t = self->done; t != NULL; t = t->next) {
        if (t->item == item) {
            return true;
        }
    }
    return false;
}

/* What can be said against a post before anything is done. */
static int check(const struct tw_http_out *self, const struct target *target,
                 const struct tw_http_post *post, struct tw_diag *diag)
{
    if (post->key.len < 1 || post->key.len > TW_IDEMPOTENCY_MAX || post->event.len < 1) {
        return tw_diag_set(diag, TW_EINVAL, "a post needs an event and a key of 1 to %d bytes",
                           TW_IDEMPOTENCY_MAX);
    }
    if (post->event.len > TW_HTTP_EVENT_MAX) {
        return tw_diag_set(diag, TW_ELIMIT, "the event has more than %llu bytes",
                           (unsigned long long)TW_HTTP_EVENT_MAX);
    }
    if (is_under_way(self, post->item)) {
        return tw_diag_set(diag, TW_EEXISTS, "the item is being posted");
    }
    if (self->clock->wall(self->clock).ns >= post->deadline.ns) {
        return tw_diag_set(diag, TW_ETIMEOUT, "%s", tw_err_text(TW_ETIMEOUT));
    }
    return room(self, target) > 0
               ? TW_OK
               : tw_diag_set(diag, TW_EAGAIN, "%s takes no more for now", post->destination);
}

static long timeout_ms(const struct tw_http_out *self, const struct target *target,
                       tw_wall_t deadline)
{
    int64_t own_ms = target->cfg->timeout_s * 1000;
    int64_t left_ns = 0;
    if (__builtin_sub_overflow(deadline.ns, self->clock->wall(self->clock).ns, &left_ns)) {
        return (long)own_ms;
    }
    int64_t left_ms = left_ns / TW_NS_PER_MS;
    left_ms = left_ms < 1 ? 1 : left_ms; /* 0 would be without limit */
    return (long)(left_ms < own_ms ? left_ms : own_ms);
}

int tw_http_out_post(struct tw_http_out *self, const struct tw_http_post *post,
                     struct tw_diag *diag)
{
    struct target *target = find(self, post->destination);
    if (target == NULL) {
        return tw_diag_set(diag, TW_ENOTFOUND, "no HTTP destination is configured for %s",
                           post->destination);
    }
    int rc = check(self, target, post, diag);
    if (rc != TW_OK) {
        return rc;
    }
    struct transfer *transfer = calloc(1, sizeof(*transfer));
    if (transfer == NULL) {
        goto out;
    }
    transfer->target = target;
    transfer->item = post->item;
    transfer->attempt = post->attempt;
    transfer->tries = post->tries;
    transfer->event_len = post->event.len;
    transfer->event = malloc(post->event.len);
    transfer->easy = curl_easy_init();
    if (transfer->event == NULL || transfer->easy == NULL) {
        goto out;
    }
    memcpy(transfer->event, post->event.ptr, post->event.len);
    if (target->cfg->bearer_token_file != NULL) {
        transfer->fault = read_token(transfer, target->cfg->bearer_token_file);
    }
    if (transfer->fault != NULL) {
        push_done(self, transfer);
    } else {
        if (!add_headers(transfer, post->key) ||
            set_rules(transfer->easy, target->cfg) != CURLE_OK ||
            set_callbacks(transfer) != CURLE_OK ||
            curl_easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS,
                             timeout_ms(self, target, post->deadline)) != CURLE_OK ||
            curl_multi_add_handle(self->multi, transfer->easy) != CURLM_OK) {
            goto out;
        }
        transfer->next = self->running;
        self->running = transfer;
    }
    target->under_way++;
    self->held += transfer->event_len;
    return TW_OK;
out:
    transfer_free(transfer);
    return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
}

/* ---- carrying on ---- */

static void take_from_running(struct tw_http_out *self, struct transfer *transfer)
{
    struct transfer **p = &self->running;
    while (*p != transfer) {
        p = &(*p)->next;
    }
    *p = transfer->next;
}

static void collect(struct tw_http_out *self)
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

/* Milliseconds until the next pause ends; `most` when none ends before. */
static int until_pause_ends(const struct tw_http_out *self, tw_mono_t now, int most)
{
    for (size_t i = 0; i < self->target_count; i++) {
        int64_t left_ns = self->targets[i].until.ns - now.ns;
        if (left_ns > 0 && left_ns / TW_NS_PER_MS < most) {
            most = (int)(left_ns / TW_NS_PER_MS) + 1;
        }
    }
    return most;
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

int tw_http_out_wait(struct tw_http_out *self, struct pollfd *fds, size_t fd_count, int timeout_ms)
{
    struct curl_waitfd extra[TW_HTTP_FDS_MAX];
    tw_mono_t now = self->clock->mono(self->clock);
    TW_ASSERT(fd_count <= TW_HTTP_FDS_MAX && timeout_ms >= 0);
    int64_t end_ns = now.ns + until_pause_ends(self, now, timeout_ms) * TW_NS_PER_MS;
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

/* ---- results ---- */

/* The destination is left alone: it said so (wait_ms), or was not there (-1). Of those that were
 * under way together one counts. Returns how long, in milliseconds. */
static int64_t pause_target(struct target *target, tw_mono_t now, int64_t wait_ms,
                            const char reason[TW_HTTP_REASON_MAX + 1])
{
    bool is_paused = now.ns < target->until.ns;
    if (wait_ms < 0) {
        wait_ms = is_paused ? 0 : tw_http_backoff(target->failures);
    }
    memcpy(target->trouble, reason, sizeof(target->trouble));
    int64_t until_ns = now.ns + wait_ms * TW_NS_PER_MS;
    target->failures += is_paused ? 0 : 1;
    target->until.ns = until_ns > target->until.ns ? until_ns : target->until.ns;
    return (target->until.ns - now.ns + TW_NS_PER_MS - 1) / TW_NS_PER_MS;
}

static void answered(const struct tw_http_out *self, const struct transfer *transfer,
                     struct tw_http_result *result)
{
    struct target *target = transfer->target;
    const struct tw_http_answer answer = {
        .status = transfer->status,
        .phrase = tw_str_of(transfer->phrase),
        .type = tw_str_of(transfer->type),
        .location = tw_str_of(transfer->location),
        .body = {transfer->body, transfer->body_len},
        .secret = {transfer->token, transfer->token_len},
    };
    result->status = transfer->status;
    result->verdict = tw_http_verdict_of(transfer->status);
    if (result->verdict != TW_HTTP_ACCEPTED) {
        tw_http_reason(&answer, result->reason);
    }
    if (result->verdict == TW_HTTP_AGAIN || result->verdict == TW_HTTP_UNKNOWN) {
        result->after_ms = tw_http_backoff(transfer->tries);
    }
    if (!tw_http_is_pause(transfer->status)) {
        target->failures = 0;
        return;
    }
    result->after_ms = pause_target(
        target, self->clock->mono(self->clock),
        tw_http_retry_after(tw_str_of(transfer->retry_after), self->clock->wall(self->clock)),
        result->reason);
}

static void unanswered(const struct tw_http_out *self, const struct transfer *transfer,
                       struct tw_http_result *result)
{
    char text[CURL_ERROR_SIZE + 64];
    const char *said = transfer->fault;
    if (said == NULL) {
        said = transfer->error[0] != '\0' ? transfer->error : curl_easy_strerror(transfer->code);
    }
    if (transfer->has_begun) {
        result->verdict = TW_HTTP_UNKNOWN;
        result->after_ms = tw_http_backoff(transfer->tries);
        (void)snprintf(text, sizeof(text), "no answer: %s", said); /* cut is fine */
        tw_http_clean(tw_str_of(text), result->reason);
    } else {
        result->verdict = TW_HTTP_AGAIN;
        (void)snprintf(text, sizeof(text), "nothing was sent: %s", said);
        tw_http_clean(tw_str_of(text), result->reason);
        result->after_ms =
            pause_target(transfer->target, self->clock->mono(self->clock), -1, result->reason);
    }
}

bool tw_http_out_next(struct tw_http_out *self, struct tw_http_result *ret_result)
{
    struct transfer *transfer = self->done;
    if (transfer == NULL) {
        return false;
    }
    struct tw_http_result result = {.item = transfer->item, .attempt = transfer->attempt};
    self->done = transfer->next;
    self->done_last = self->done == NULL ? NULL : self->done_last;
    if (transfer->is_answered) {
        answered(self, transfer, &result);
    } else {
        unanswered(self, transfer, &result);
    }
    transfer->target->under_way--;
    self->held -= transfer->event_len;
    transfer_free(transfer);
    *ret_result = result;
    return true;
}
