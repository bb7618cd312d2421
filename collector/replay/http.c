/* SPDX-License-Identifier: Apache-2.0
 * Each sending is written down by whoever drives this, so there is one for each post: a request
 * (http/client.h) is never repeated by itself. Whether anything of it has left is the difference
 * between AGAIN and UNKNOWN.
 */
#include "config.h"
#include "replay/http.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/client.h"
#include "store/replays.h"

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
struct post {
    struct post *next;
    struct target *target;
    uint64_t item;
    uint64_t attempt;
    unsigned tries;
    size_t event_len;
};

struct tw_http_out {
    struct tw_clock *clock;
    struct tw_http_client *client;
    struct target *targets;
    size_t target_count;
    struct post *posts; /* all that are under way */
    size_t held;        /* bytes of events */
};

/* ---- life ---- */

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
    rc = tw_http_client_new(clock, connections, &self->client);
    if (rc != TW_OK) {
        goto out;
    }
    *ret_out = self;
    return TW_OK;
out:
    tw_http_out_destroy(&self);
    return tw_diag_set(diag, rc, "HTTP destinations: %s",
                       rc == TW_ENOMEM ? tw_err_text(rc) : "libcurl does not start");
}

void tw_http_out_destroy(struct tw_http_out **self_p)
{
    struct tw_http_out *self = self_p == NULL ? NULL : *self_p;
    if (self == NULL) {
        return;
    }
    tw_http_client_destroy(&self->client);
    for (struct post *post = self->posts; post != NULL;) {
        struct post *next = post->next;
        free(post);
        post = next;
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

/* ---- beginning ---- */

/* The token of a file. NULL, or why there is none. */
static const char *read_token(const char *path, char token[TW_HTTP_TOKEN_MAX + 2])
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
        got = read(fd, token, TW_HTTP_TOKEN_MAX + 1); /* one more to see that it is too long */
    }
    (void)close(fd); /* only read from */
    while (got > 0 && strchr(" \t\r\n", token[got - 1]) != NULL) {
        got--;
    }
    token[got > 0 ? got : 0] = '\0';
    size_t len = strlen(token);
    for (size_t i = 0; i < len; i++) {
        got = token[i] > 0x20 && token[i] < 0x7f ? got : -1;
    }
    if (fault == NULL && (got <= 0 || (size_t)got != len || got > TW_HTTP_TOKEN_MAX)) {
        fault = "the file of the bearer token holds no token";
    }
    return fault;
}

static bool is_under_way(const struct tw_http_out *self, uint64_t item)
{
    for (const struct post *post = self->posts; post != NULL; post = post->next) {
        if (post->item == item) {
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

/* Hands it to the client, or says in its place why not. */
static int begin(const struct tw_http_out *self, const struct tw_http_post *asked,
                 struct post *post)
{
    const struct tw_cfg_destination *cfg = post->target->cfg;
    char key[TW_HTTP_KEY_HEADER_SIZE];
    char token[TW_HTTP_TOKEN_MAX + 2] = "";
    const char *fault =
        cfg->bearer_token_file == NULL ? NULL : read_token(cfg->bearer_token_file, token);
    if (fault != NULL) {
        explicit_bzero(token, sizeof(token));
        return tw_http_client_refuse(self->client, fault, post);
    }
    struct tw_http_header *headers = calloc(cfg->headers.count + 2, sizeof(headers[0]));
    if (headers == NULL) {
        explicit_bzero(token, sizeof(token));
        return TW_ENOMEM;
    }
    (void)tw_http_key_header(asked->key, key); /* as long as it may be */
    headers[0] = (struct tw_http_header){"Content-Type", "application/cloudevents+json"};
    headers[1] = (struct tw_http_header){"Idempotency-Key", key};
    for (size_t i = 0; i < cfg->headers.count; i++) {
        headers[i + 2] =
            (struct tw_http_header){cfg->headers.items[i].from, cfg->headers.items[i].to};
    }
    const struct tw_http_request request = {
        .url = cfg->url,
        .ca_file = cfg->ca_file,
        .headers = headers,
        .header_count = cfg->headers.count + 2,
        .bearer = token[0] == '\0' ? NULL : token,
        .body = asked->event,
        .timeout_ms = timeout_ms(self, post->target, asked->deadline),
        .user = post,
    };
    int rc = tw_http_client_begin(self->client, &request);
    explicit_bzero(token, sizeof(token));
    free(headers);
    return rc;
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
    struct post *mine = calloc(1, sizeof(*mine));
    if (mine == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    *mine = (struct post){.next = self->posts,
                          .target = target,
                          .item = post->item,
                          .attempt = post->attempt,
                          .tries = post->tries,
                          .event_len = post->event.len};
    rc = begin(self, post, mine);
    if (rc != TW_OK) {
        free(mine);
        return tw_diag_set(diag, rc, "%s", tw_err_text(rc));
    }
    self->posts = mine;
    target->under_way++;
    self->held += mine->event_len;
    return TW_OK;
}

/* ---- carrying on ---- */

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

int tw_http_out_wait(struct tw_http_out *self, struct pollfd *fds, size_t fd_count, int timeout_ms)
{
    tw_mono_t now = self->clock->mono(self->clock);
    return tw_http_client_wait(self->client, fds, fd_count,
                               until_pause_ends(self, now, timeout_ms));
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

static void answered(const struct tw_http_out *self, const struct post *post,
                     const struct tw_http_reply *reply, struct tw_http_result *result)
{
    struct target *target = post->target;
    int status = reply->answer.status;
    result->status = status;
    result->verdict = tw_http_verdict_of(status);
    if (result->verdict != TW_HTTP_ACCEPTED) {
        tw_http_reason(&reply->answer, result->reason);
    }
    if (result->verdict == TW_HTTP_AGAIN || result->verdict == TW_HTTP_UNKNOWN) {
        result->after_ms = tw_http_backoff(post->tries);
    }
    if (!tw_http_is_pause(status)) {
        target->failures = 0;
        return;
    }
    result->after_ms = pause_target(
        target, self->clock->mono(self->clock),
        tw_http_retry_after(reply->retry_after, self->clock->wall(self->clock)), result->reason);
}

static void unanswered(const struct tw_http_out *self, const struct post *post,
                       const struct tw_http_reply *reply, struct tw_http_result *result)
{
    char text[TW_HTTP_FAULT_SIZE + 64];
    if (reply->has_begun) {
        result->verdict = TW_HTTP_UNKNOWN;
        result->after_ms = tw_http_backoff(post->tries);
        (void)snprintf(text, sizeof(text), "no answer: %s", reply->fault); /* cut is fine */
        tw_http_clean(tw_str_of(text), result->reason);
    } else {
        result->verdict = TW_HTTP_AGAIN;
        (void)snprintf(text, sizeof(text), "nothing was sent: %s", reply->fault);
        tw_http_clean(tw_str_of(text), result->reason);
        result->after_ms =
            pause_target(post->target, self->clock->mono(self->clock), -1, result->reason);
    }
}

static void forget(struct tw_http_out *self, struct post *post)
{
    struct post **p = &self->posts;
    while (*p != post) {
        p = &(*p)->next;
    }
    *p = post->next;
    post->target->under_way--;
    self->held -= post->event_len;
    free(post);
}

bool tw_http_out_next(struct tw_http_out *self, struct tw_http_result *ret_result)
{
    struct tw_http_reply reply;
    if (!tw_http_client_next(self->client, &reply)) {
        return false;
    }
    struct post *post = reply.user;
    struct tw_http_result result = {.item = post->item, .attempt = post->attempt};
    if (reply.fault == NULL) {
        answered(self, post, &reply, &result);
    } else {
        unanswered(self, post, &reply, &result);
    }
    forget(self, post);
    *ret_result = result;
    return true;
}
