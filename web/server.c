/* SPDX-License-Identifier: Apache-2.0
 * Sockets, libmicrohttpd and the way of a request through it:
 *   uri_seen      the request line is there: an exchange is born with the target as it was sent
 *                 (the library's own decoding is not used)
 *   on_request    1st call: all header lines are there; refuse, or make room for the body
 *                 then:     pieces of the body
 *                 last:     run the handler, queue the answer
 *   on_completed  the exchange dies
 * All three run in the web thread that owns the connection. Handlers run there too, with a
 * deadline for everything that they ask of the store. */
#include "config.h"
#include "web/server.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/log.h"
#include "web/api.h"
#include "web/guard.h"
#include "web/gate.h"
#include "web/gzip.h"
#include "web/kept.h"
#include "web/listen.h"
#include "web/plot/child.h"
#include "web/readers.h"
#include "web/router.h"
#include "web/sign.h"
#include "web/stream.h"
#include "web/ticker.h"

/* Memory of one connection: URL, header lines and the answer's header lines; our own limits are
 * below it, so that nearly every refusal is ours (beyond it the library answers 414 or 431). */
#define CONNECTION_BYTES (48u * 1024u)
/* What the library asks for at once when it cannot send in chunks (HTTP/1.0). */
#define STREAM_BLOCK_BYTES 4096
#define STACK_BYTES        (512u * 1024u) /* journeys and JSON of 128 levels need about 100 kB */

struct tw_web {
    /* fixed after start */
    const struct tw_cfg *cfg;
    struct tw_web_state state;
    struct tw_readers *readers;
    struct tw_guard *guard;
    struct tw_ticker *ticker;
    struct MHD_Daemon *daemon;
    uint16_t port;
};

/* One request and its answer. */
struct exchange {
    char *target; /* path and query as sent, cut behind TW_HTTP_MAX_URL */
    size_t target_len;
    struct tw_http_request request;
    const struct tw_web_route *route; /* NULL until the header lines are there, and when refused */
    struct tw_response refusal;       /* when refused */
    bool is_begun;
    char *body; /* room for the announced length */
    size_t body_len;
    struct tw_plot_ticket *later;   /* suspended until this is done; NULL: not */
    struct tw_sign_ticket *signing; /* the same */
    const struct tw_asker *asker;   /* of a stream: it ends with what lets in */
    struct tw_gate *gate;
    char address[TW_HTTP_ADDRESS_SIZE];
    /* of an answer that is a stream; behind tw_stream_attach others read these under its mutex */
    struct tw_stream *stream;
    struct MHD_Connection *connection;
    struct tw_guard *guard;
    struct tw_guarded *guarded;
};

static const struct {
    const char *name;
    const char *value;
} fixed_headers[] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
     "img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'self'; "
     "frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Permissions-Policy",
     "accelerometer=(), autoplay=(self), camera=(), display-capture=(), geolocation=(), "
     "gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()"},
};

/* ---- the answer */

/* All header lines; the library refuses some by MHD_NO, and one left out is not to be missed. */
static bool add_headers(struct MHD_Response *out, const struct tw_response *response)
{
    bool ok = true;
    for (size_t i = 0; i < sizeof fixed_headers / sizeof fixed_headers[0]; i++) {
        ok = ok && MHD_add_response_header(out, fixed_headers[i].name, fixed_headers[i].value);
    }
    const char *cache = response->cache_control == NULL ? "no-store" : response->cache_control;
    ok = ok && MHD_add_response_header(out, "Cache-Control", cache);
    if (response->content_type != NULL) {
        ok = ok && MHD_add_response_header(out, "Content-Type", response->content_type);
    }
    if (response->must_close) {
        ok = ok && MHD_add_response_header(out, "Connection", "close");
    }
    for (size_t i = 0; i < response->header_count; i++) {
        ok = ok &&
             MHD_add_response_header(out, response->headers[i].name, response->headers[i].value);
    }
    return ok;
}

/* The guard's entry of a connection; NULL when there is none. */
static struct tw_guarded *guarded(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

/* ---- streams: the connection is suspended while there is nothing to send, and the ticker resumes
 * it. A suspended connection neither times out nor is its end seen; a tick later both are. */

static void suspend_peer(void *peer)
{
    struct exchange *ex = peer;
    MHD_suspend_connection(ex->connection);
}

static void resume_peer(void *peer)
{
    struct exchange *ex = peer;
    MHD_resume_connection(ex->connection);
}

static void drop_peer(void *peer)
{
    struct exchange *ex = peer;
    tw_guard_end(ex->guard, ex->guarded);
}

static const struct tw_stream_port stream_port = {
    .suspend = suspend_peer, .resume = resume_peer, .drop = drop_peer};

static ssize_t read_stream(void *cls, uint64_t position, char *buf, size_t size)
{
    struct exchange *ex = cls;
    (void)position;
    if (!tw_gate_still(ex->gate, ex->asker)) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    ssize_t got = tw_stream_read(ex->stream, buf, size);
    if (got > 0) { /* the answer has no end: what has a deadline is that it is taken */
        tw_guard_sending(ex->guard, ex->guarded);
    }
    return got < 0 ? MHD_CONTENT_READER_END_OF_STREAM : got;
}

/* The exchange has the stream from now on, also when this fails. */
static struct MHD_Response *stream_body(struct MHD_Connection *connection, struct exchange *ex,
                                        struct tw_response *response)
{
    static const int send_buffer = TW_STREAM_SEND_BUFFER;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info != NULL) { /* without it the kernel would keep megabytes for a client that is slow */
        (void)setsockopt(info->connect_fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    }
    ex->stream = response->stream;
    response->stream = NULL;
    ex->connection = connection;
    ex->guarded = guarded(connection);
    tw_stream_attach(ex->stream, ex);
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, read_stream, ex,
                                             NULL);
}

static void free_shared(void *cls)
{
    struct tw_body *body = cls;
    tw_body_unref(&body);
}

static struct MHD_Response *body_of(struct MHD_Connection *connection, struct exchange *ex,
                                    struct tw_response *response)
{
    if (response->stream != NULL) {
        return stream_body(connection, ex, response);
    }
    if (response->owned != NULL) {
        struct MHD_Response *out =
            MHD_create_response_from_buffer(response->len, response->owned, MHD_RESPMEM_MUST_FREE);
        response->owned = out == NULL ? response->owned : NULL;
        return out;
    }
    if (response->shared != NULL) {
        struct MHD_Response *out = MHD_create_response_from_buffer_with_free_callback_cls(
            response->len, response->shared->bytes, free_shared, response->shared);
        response->shared = out == NULL ? response->shared : NULL;
        return out;
    }
    /* The library only reads what is persistent; its parameter has no const. */
    void *bytes = (void *)(uintptr_t)(response->borrowed == NULL ? "" : response->borrowed);
    return MHD_create_response_from_buffer(response->len, bytes, MHD_RESPMEM_PERSISTENT);
}

/* Queue the answer; the response is empty afterwards. MHD_NO closes the connection. */
static enum MHD_Result queue(struct MHD_Connection *connection, struct exchange *ex,
                             struct tw_response *response)
{
    enum MHD_Result result = MHD_NO;
    struct MHD_Response *out = body_of(connection, ex, response);
    if (out != NULL && add_headers(out, response)) {
        result = MHD_queue_response(connection, (unsigned)response->status, out);
    }
    if (result == MHD_NO) {
        tw_log(TW_LOG_WEB_FAILED_EVENT, TW_F_CSTR("reason", "an answer could not be queued"),
               TW_F_INT("status", response->status));
    }
    if (out != NULL) {
        MHD_destroy_response(out);
    }
    tw_response_fini(response);
    return result;
}

/* ---- the request */

static void *uri_seen(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct tw_web *self = cls;
    (void)connection;
    struct exchange *ex = calloc(1, sizeof *ex);
    if (ex == NULL) {
        return NULL;
    }
    ex->guard = self->guard;
    ex->target_len = strlen(uri);
    size_t kept = ex->target_len > TW_HTTP_MAX_URL ? TW_HTTP_MAX_URL : ex->target_len;
    ex->target = malloc(kept + 1);
    if (ex->target == NULL) {
        free(ex);
        return NULL;
    }
    memcpy(ex->target, uri, kept);
    ex->target[kept] = '\0';
    return ex;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
                         enum MHD_RequestTerminationCode code)
{
    struct tw_web *self = cls;
    struct exchange *ex = *context;
    *context = NULL;
    tw_guard_awaiting(self->guard, guarded(connection));
    if (ex != NULL) {
        tw_plot_ticket_drop(&ex->later);
        tw_sign_ticket_drop(&ex->signing);
        tw_stream_end(&ex->stream, code == MHD_REQUEST_TERMINATED_TIMEOUT_REACHED);
        tw_asker_unref(&ex->asker);
        tw_response_fini(&ex->refusal);
        free(ex->target);
        free(ex->body);
        free(ex);
    }
}

static enum MHD_Result take_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                   size_t key_size, const char *value, size_t value_size)
{
    (void)kind;
    tw_http_head_add(cls, (struct tw_str){key, key_size}, (struct tw_str){value, value_size});
    return MHD_YES;
}

/* The bytes that the header lines take in their plain form, against those that came: what is more
 * was not seen by us (the library reads a value up to its first NUL, and joins folded lines), but
 * may be seen by a proxy. */
static void check_unseen(struct MHD_Connection *connection, struct exchange *ex, const char *method,
                         const char *version)
{
    struct tw_http_head *head = &ex->request.head;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    size_t plain = strlen(method) + ex->target_len + strlen(version) + 4 /* blanks, CR LF */ +
                   head->bytes + head->count * 4 /* ": " and CR LF */ + 2;
    if (info != NULL && info->header_size > plain && head->status == 0) {
        head->status = 400;
        head->why = "the header lines hold bytes that are not read: NUL, folded lines, blanks";
    }
}

/* Answer a refusal. Before the request is read to its end, the library closes the connection with
 * the answer; where it may live on, the answer waits for the end. */
static enum MHD_Result refuse(struct MHD_Connection *connection, struct exchange *ex)
{
    return ex->refusal.must_close ? queue(connection, ex, &ex->refusal) : MHD_YES;
}

static enum MHD_Result begin(struct tw_web *self, struct MHD_Connection *connection,
                             struct exchange *ex, const char *method, const char *version)
{
    struct tw_http_request *request = &ex->request;
    size_t kept = strlen(ex->target);
    const char *mark = memchr(ex->target, '?', kept);
    ex->is_begun = true;
    const union MHD_ConnectionInfo *peer =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    request->method = tw_http_method(method);
    tw_http_address(peer == NULL ? NULL : peer->client_addr, ex->address);
    request->address = tw_str_of(ex->address);
    request->head.user_header = self->cfg->access.proxy_user_header;
    request->head.role_header = self->cfg->access.proxy_role_header;
    request->is_local = peer != NULL && tw_http_is_loopback(peer->client_addr);
    request->path = (struct tw_str){ex->target, mark == NULL ? kept : (size_t)(mark - ex->target)};
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, take_header, &request->head);
    tw_http_head_finish(&request->head);
    check_unseen(connection, ex, method, version);
    tw_response_init(&ex->refusal);
    if (strcmp(version, MHD_HTTP_VERSION_1_1) != 0 && strcmp(version, MHD_HTTP_VERSION_1_0) != 0) {
        ex->refusal.must_close = true;
        tw_problem_fill(&ex->refusal, TW_WEB_PROBLEM_VERSION, NULL, request->path);
        return refuse(connection, ex);
    }
    ex->route = tw_router_accept(self->cfg, request, ex->target_len, &ex->refusal);
    if (ex->route != NULL && request->head.length > 0) {
        ex->body = malloc(request->head.length); /* bounded by web.max_body_bytes */
        if (ex->body == NULL) {
            ex->route = NULL;
            ex->refusal.must_close = true;
            tw_problem_fill(&ex->refusal, TW_WEB_PROBLEM_UNAVAILABLE, "out of memory",
                            request->path);
        }
    }
    return ex->route == NULL ? refuse(connection, ex) : MHD_YES;
}

/* Did the reader meet an error that a fresh one may not have? */
static bool is_broken(const struct tw_response *response)
{
    return response->status == 500;
}

static void resume(void *connection)
{
    MHD_resume_connection(connection);
}

static bool is_waiting(const struct exchange *ex)
{
    return ex->later != NULL || ex->signing != NULL;
}

/* What was waited for: a picture, or what became of a password. */
static enum MHD_Result answer_later(struct MHD_Connection *connection, struct exchange *ex)
{
    struct tw_response response;
    tw_response_init(&response);
    if (ex->signing != NULL) {
        tw_sign_ticket_take(ex->signing, &response);
        tw_sign_ticket_drop(&ex->signing);
    } else {
        tw_api_plot_answer(ex->later, &ex->request, &response);
        tw_plot_ticket_drop(&ex->later);
    }
    return queue(connection, ex, &response);
}

/* Without a thread: the library looks at the connection again when it is resumed, and then calls
 * on_request once more. The ticket is armed after the connection is suspended, so that no wake-up
 * comes too early. */
static enum MHD_Result wait_for(struct MHD_Connection *connection, struct exchange *ex)
{
    if (ex->signing != NULL ? tw_sign_ticket_is_done(ex->signing)
                            : tw_plot_ticket_is_done(ex->later)) {
        return answer_later(connection, ex);
    }
    MHD_suspend_connection(connection);
    if (ex->signing != NULL) {
        tw_sign_ticket_arm(ex->signing, resume, connection);
    } else {
        tw_plot_ticket_arm(ex->later, resume, connection);
    }
    return MHD_YES;
}

static enum MHD_Result answer(struct tw_web *self, struct MHD_Connection *connection,
                              struct exchange *ex)
{
    struct tw_clock *clock = self->state.clock;
    struct tw_lease *lease = NULL;
    int opened = TW_OK;
    const struct tw_asker *asker = tw_gate_ask(self->state.gate, &ex->request);
    struct tw_call call = {
        .web = &self->state,
        .principal = &asker->principal,
        .asker = asker,
        .now = clock->wall(clock),
    };
    tw_call_take_sets(&call);
    call.deadline =
        (tw_mono_t){clock->mono(clock).ns + self->cfg->web.query_deadline_ms * TW_NS_PER_MS};
    tw_response_init(&call.response);
    ex->request.body = (struct tw_str){ex->body, ex->body_len};
    int rc = tw_readers_take(self->readers, ex->route->store != TW_ROUTE_NO_STORE, &lease, &opened,
                             &call.diag);
    if (rc != TW_OK) {
        tw_problem_fill(&call.response, TW_WEB_PROBLEM_UNAVAILABLE, "out of memory",
                        ex->request.path);
        tw_call_give_sets(&call);
        tw_asker_unref(&asker);
        return queue(connection, ex, &call.response);
    }
    call.reader = lease->reader;
    call.arena = &lease->arena;
    call.lease = lease;
    if (call.reader != NULL) {
        tw_reader_set_deadline(call.reader, call.deadline);
    }
    tw_router_run(ex->route, tw_str_of(ex->target), &ex->request, &call);
    ex->later = call.later;
    ex->signing = call.signing;
    bool is_later = is_waiting(ex);
    bool broken = !is_later && is_broken(&call.response);
    if (broken) {
        tw_log(TW_LOG_WEB_FAILED_EVENT, TW_F_STR("path", ex->request.path),
               TW_F_CSTR("reason", call.diag.text));
    }
    tw_gzip_response(&call.response, ex->request.head.accept_encoding);
    if (call.response.stream != NULL) {
        ex->asker = tw_asker_ref(asker);
        ex->gate = self->state.gate;
    }
    tw_asker_unref(&asker);
    enum MHD_Result result = is_later ? MHD_YES : queue(connection, ex, &call.response);
    tw_readers_give(self->readers, &lease, broken);
    tw_call_give_sets(&call);
    return is_later ? wait_for(connection, ex) : result;
}

// NOLINTNEXTLINE(readability-function-size): the library's signature
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **context)
{
    struct tw_web *self = cls;
    struct exchange *ex = *context;
    (void)url; /* decoded by the library; ex->target is what was sent */
    if (ex == NULL) {
        return MHD_NO; /* out of memory at the request line */
    }
    if (!ex->is_begun) {
        return begin(self, connection, ex, method, version);
    }
    if (*upload_data_size > 0) {
        /* The library hands over no more than Content-Length says; a mistake there must not
         * become one here. */
        if (ex->body == NULL || *upload_data_size > ex->request.head.length - ex->body_len) {
            return MHD_NO;
        }
        memcpy(ex->body + ex->body_len, upload_data, *upload_data_size);
        ex->body_len += *upload_data_size;
        *upload_data_size = 0;
        return MHD_YES;
    }
    tw_guard_sending(self->guard, guarded(connection));
    if (ex->route == NULL) {
        return queue(connection, ex, &ex->refusal);
    }
    if (is_waiting(ex)) {
        return answer_later(connection, ex);
    }
    return answer(self, connection, ex);
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct tw_web *self = cls;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = info == NULL ? NULL : tw_guard_add(self->guard, info->connect_fd);
    } else {
        struct tw_guarded *entry = *context;
        *context = NULL;
        tw_guard_remove(self->guard, &entry);
    }
}

static void __attribute__((format(printf, 2, 0)))
log_library(void *cls, const char *format, va_list args)
{
    char text[512];
    (void)cls;
    (void)vsnprintf(text, sizeof text, format, args); /* cut where it is too long */
    tw_log(TW_LOG_DEBUG_EVENT, TW_F_CSTR("http", text));
}

/* ---- start and stop */

/* The library's threads must leave signals to main: started with all of them blocked. */
static struct MHD_Daemon *start_daemon(struct tw_web *self, int fd)
{
    const struct tw_cfg *cfg = self->cfg;
    /* A pool of one is no pool to the library. */
    struct MHD_OptionItem pool[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)cfg->web.threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    if (cfg->web.threads < 2) {
        pool[0].option = MHD_OPTION_END;
    }
    sigset_t all;
    sigset_t old;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old); /* cannot fail with these arguments */
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, self, MHD_OPTION_EXTERNAL_LOGGER, log_library, self, MHD_OPTION_LISTEN_SOCKET,
        fd, MHD_OPTION_URI_LOG_CALLBACK, uri_seen, self, MHD_OPTION_NOTIFY_COMPLETED, on_completed,
        self, MHD_OPTION_NOTIFY_CONNECTION, on_connection, self, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)cfg->web.max_connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        (unsigned)cfg->web.max_connections_per_ip, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)cfg->web.timeout_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES,
        MHD_OPTION_ARRAY, pool, MHD_OPTION_END);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return daemon;
}

static void state_init(struct tw_web *self, const struct tw_cfg *cfg,
                       const struct tw_workflows *workflows, struct tw_clock *clock)
{
    self->cfg = cfg;
    self->state.cfg = cfg;
    self->state.clock = clock;
    self->state.workflows = tw_workflows_ref(workflows);
    self->state.started = clock->wall(clock);
    self->state.started_mono = clock->mono(clock);
    self->state.local = (struct tw_principal){
        .kind = TW_PRINCIPAL_OPEN, .name = TW_STR_LIT("local"), .role = TW_ROLE_ADMIN};
    (void)pthread_mutex_init(&self->state.mtx, NULL); /* a default mutex cannot fail on Linux */
}

static int start_plots(struct tw_web *self)
{
    const struct tw_plot_pool_options options = {
        .program = tw_plot_program(self->cfg->web.gnuplot),
        .processes = (size_t)self->cfg->web.plot_processes,
        .queue = (size_t)self->cfg->web.plot_queue,
        .deadline_ms = (int)self->cfg->web.plot_deadline_ms,
        .cache_bytes = (size_t)self->cfg->web.plot_cache_bytes,
    };
    return tw_plot_pool_new(&options, &self->state.plots);
}

/* Ticks are numbered by milliseconds of the start, one a second: a later process begins above all
 * that this one gives. */
static int start_streams(struct tw_web *self)
{
    int64_t number = self->state.started.ns / TW_NS_PER_MS;
    int rc = tw_streams_new(&stream_port, (size_t)self->cfg->web.max_streams,
                            number < 1 ? 1 : (uint64_t)number, &self->state.streams);
    return rc == TW_OK ? tw_ticker_new(&self->state, self->readers, &self->ticker) : rc;
}

int tw_web_new(const struct tw_cfg *cfg, const struct tw_workflows *workflows,
               struct tw_clock *clock, struct tw_web **ret_web, struct tw_diag *diag)
{
    int fd = -1;
    struct tw_web *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    state_init(self, cfg, workflows, clock);
    json_object_seed(0); /* from the system's random source, before there are threads */
    /* Faults are told, and shown where the panel is asked for. */
    int rc = tw_dashboards_load(cfg, stderr, &self->state.dashboards);
    rc = rc == TW_OK ? tw_static_load(cfg->web.ui_dir, &self->state.files, diag) : rc;
    if (rc == TW_OK) {
        rc = tw_readers_new(cfg->store.dir, &self->readers);
    }
    rc = rc == TW_OK ? tw_kept_new(&self->state.kept) : rc;
    rc = rc == TW_OK ? tw_gate_new(cfg, clock, &self->state.gate) : rc;
    if (rc == TW_OK && tw_gate_is_required(cfg)) {
        rc = tw_sign_new(cfg, clock, self->state.gate, &self->state.sign);
    }
    rc = rc == TW_OK ? start_plots(self) : rc;
    if (rc == TW_OK) {
        rc = tw_guard_new(clock, cfg->web.timeout_s, &self->guard);
    }
    if (rc == TW_OK) {
        rc = tw_guard_start(self->guard);
    }
    if (rc == TW_OK) {
        rc = start_streams(self);
    }
    if (rc == TW_OK) {
        rc = tw_listen_open(cfg->web.listen, &fd, &self->port, diag);
    }
    if (rc != TW_OK) {
        goto out;
    }
    self->daemon = start_daemon(self, fd); /* takes fd, also when it fails */
    if (self->daemon == NULL) {
        rc = tw_diag_set(diag, TW_ESYSTEM, "web: the HTTP library cannot start its threads");
        goto out;
    }
    tw_log(TW_LOG_WEB_BOUND_EVENT, TW_F_CSTR("listen", cfg->web.listen),
           TW_F_INT("port", self->port), TW_F_INT("files", tw_static_count(self->state.files)));
    *ret_web = self;
    self = NULL;
out:
    (void)tw_web_destroy(&self);
    return rc;
}

void tw_web_set_workflows(struct tw_web *self, const struct tw_workflows *workflows)
{
    const struct tw_workflows *before = NULL;
    (void)pthread_mutex_lock(&self->state.mtx); /* cannot fail: a plain mutex, locked once */
    before = self->state.workflows;
    self->state.workflows = tw_workflows_ref(workflows);
    (void)pthread_mutex_unlock(&self->state.mtx);
    tw_workflows_unref(&before);
}

void tw_web_set_dashboards(struct tw_web *self, const struct tw_dashboards *dashboards)
{
    const struct tw_dashboards *before = NULL;
    (void)pthread_mutex_lock(&self->state.mtx); /* cannot fail: a plain mutex, locked once */
    before = self->state.dashboards;
    self->state.dashboards = tw_dashboards_ref(dashboards);
    (void)pthread_mutex_unlock(&self->state.mtx);
    tw_dashboards_unref(&before);
}

const struct tw_dashboards *tw_web_dashboards(struct tw_web *self)
{
    (void)pthread_mutex_lock(&self->state.mtx); /* cannot fail: a plain mutex, locked once */
    const struct tw_dashboards *dashboards = tw_dashboards_ref(self->state.dashboards);
    (void)pthread_mutex_unlock(&self->state.mtx);
    return dashboards;
}

void tw_web_set_causes(struct tw_web *self, const struct tw_causes *causes)
{
    const struct tw_causes *before = NULL;
    (void)pthread_mutex_lock(&self->state.mtx); /* cannot fail: a plain mutex, locked once */
    before = self->state.causes;
    self->state.causes = tw_causes_ref(causes);
    (void)pthread_mutex_unlock(&self->state.mtx);
    tw_causes_unref(&before);
}

void tw_web_set_rules(struct tw_web *self, const struct tw_rules *rules)
{
    const struct tw_rules *before = NULL;
    (void)pthread_mutex_lock(&self->state.mtx); /* cannot fail: a plain mutex, locked once */
    before = self->state.rules;
    self->state.rules = tw_rules_ref(rules);
    (void)pthread_mutex_unlock(&self->state.mtx);
    tw_rules_unref(&before);
}

void tw_web_set_notify(struct tw_web *self, const struct tw_notify *notify)
{
    const struct tw_notify *before = NULL;
    (void)pthread_mutex_lock(&self->state.mtx); /* cannot fail: a plain mutex, locked once */
    before = self->state.notify;
    self->state.notify = tw_notify_ref(notify);
    (void)pthread_mutex_unlock(&self->state.mtx);
    tw_notify_unref(&before);
}

uint16_t tw_web_port(const struct tw_web *self)
{
    return self->port;
}

int tw_web_destroy(struct tw_web **self_p)
{
    struct tw_web *self = *self_p;
    if (self == NULL) {
        return TW_OK;
    }
    if (self->state.plots != NULL) {
        tw_plot_pool_stop(self->state.plots); /* resumes those who wait: the library insists */
    }
    if (self->state.sign != NULL) {
        tw_sign_stop(self->state.sign);
    }
    if (self->state.streams != NULL) {
        tw_streams_close(self->state.streams); /* the library must not stop with one suspended */
    }
    if (self->daemon != NULL) {
        MHD_stop_daemon(self->daemon);
    }
    tw_plot_pool_destroy(&self->state.plots);
    tw_ticker_destroy(&self->ticker);
    tw_streams_destroy(&self->state.streams);
    tw_guard_destroy(&self->guard);
    tw_readers_destroy(&self->readers);
    tw_kept_destroy(&self->state.kept);
    tw_sign_destroy(&self->state.sign);
    tw_gate_destroy(&self->state.gate);
    tw_static_destroy(&self->state.files);
    tw_workflows_unref(&self->state.workflows);
    tw_dashboards_unref(&self->state.dashboards);
    tw_causes_unref(&self->state.causes);
    tw_rules_unref(&self->state.rules);
    tw_notify_unref(&self->state.notify);
    (void)pthread_mutex_destroy(&self->state.mtx); /* nobody holds it any more */
    free(self);
    *self_p = NULL;
    return TW_OK;
}
