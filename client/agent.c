/* SPDX-License-Identifier: Apache-2.0
 *
 * A replay in hand has a task: it waits, is given to carry_out, and has its verdict until that is
 * sent. Two kinds of threads: ours talks to the tower and owns the link; those of the program carry
 * out. `mutex` guards what both know: tasks, memory, counts, is_stopping. It is held while a
 * verdict is synced to disk, so that no answer leaves before.
 *
 * A task stays while its event is borrowed by a call (is_in_call), also when its verdict came
 * meanwhile; our thread sends the verdict after that.
 */
#include "config.h"
#include "tillwatch_agent.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <zmq.h>

#include "agent_memory.h"
#include "agent_message.h"
#include "link.h"

#define CAPACITY_DEFAULT 32
#define MEMORY_DEFAULT   4096
#define SILENT_INTERVALS 3     /* contracts of the protocol: then the other side is gone */
#define GREETING_MS      6000  /* so long a hello waits for its welcome: 3 intervals of 2 s */
#define BACKOFF_MIN_MS   500   /* after a silence; doubled each time until a welcome */
#define BACKOFF_MAX_MS   30000 /* an agent is back half a minute after the tower at the latest */
#define TURN_FRAMES      256   /* received in one turn, before anything else is looked after */

enum state { STATE_FREE, STATE_WAITS, STATE_GIVEN, STATE_DECIDED };

struct task {
    enum state state;
    bool is_in_call;
    bool is_done_before;
    uint64_t number; /* order of arrival */
    char *event;     /* owned */
    size_t event_len;
    int64_t deadline_ms;
    char deadline[TWC_DEADLINE_BYTES];
    char destination[TILLWATCH_NAME_BYTES + 1];
    struct twc_verdict verdict; /* whose it is; the verdict itself once STATE_DECIDED */
};

/* Where our thread is with the tower. */
enum phase {
    PHASE_AWAY,  /* no connection until retry_at_ms */
    PHASE_HELLO, /* hello is to be sent as soon as there is a connection */
    PHASE_SAID,  /* hello was sent; without a welcome it is tried anew at silent_at_ms */
    PHASE_ONLINE
};

struct tillwatch_agent {
    /* fixed after open */
    struct tillwatch_agent_options options; /* strings are in `strings` */
    char **strings;                         /* owned; systems, then NULL */
    char *texts[5];                         /* owned */
    pthread_t thread;
    bool has_thread;
    bool has_locks;
    int wake_fd;
    /* owned by our thread */
    struct twc_link *link;
    enum phase phase;
    bool is_blocked; /* the socket takes nothing now */
    int64_t heartbeat_ms;
    int64_t ping_at_ms;
    int64_t silent_at_ms;
    int64_t retry_at_ms;
    int64_t backoff_ms;
    uint64_t luck; /* of the jitter */
    /* guarded by mutex */
    pthread_mutex_t mutex;
    pthread_cond_t has_work; /* something waits, or stop */
    bool is_stopping;
    struct task *tasks; /* capacity of them */
    uint64_t arrivals;
    struct twc_memory *memory;
    struct tillwatch_agent_counts counts;
};

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now); /* cannot fail with these clocks */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wake(const tillwatch_agent *self)
{
    const uint64_t one = 1;
    ssize_t n = write(self->wake_fd, &one, sizeof one);
    (void)n; /* fails only where it is awake 2^64 times already */
}

/* ---- tasks; the mutex is held ---- */

static struct task *find_task(tillwatch_agent *self, const char *replayid, uint64_t attempt)
{
    for (unsigned i = 0; i < self->options.capacity; i++) {
        struct task *task = &self->tasks[i];
        if (task->state != STATE_FREE && task->verdict.attempt == attempt &&
            strcmp(task->verdict.replayid, replayid) == 0) {
            return task;
        }
    }
    return NULL;
}

/* A verdict is given: remembered before anybody hears of it. */
static void remember(tillwatch_agent *self, const struct twc_verdict *verdict)
{
    bool is_refused = verdict->verdict == TILLWATCH_REFUSE;
    self->counts.refused += is_refused ? 1 : 0;
    self->counts.accepted += is_refused ? 0 : 1;
    if (twc_memory_add(self->memory, verdict) != TILLWATCH_OK) {
        self->counts.memory_errors++;
    }
}

static void decide(tillwatch_agent *self, struct task *task, int verdict, const char *reason)
{
    task->verdict.verdict = verdict;
    twc_reason_copy(task->verdict.reason, verdict == TILLWATCH_REFUSE ? reason : NULL);
    task->state = STATE_DECIDED;
    remember(self, &task->verdict);
    wake(self);
    (void)pthread_cond_broadcast(&self->has_work); /* another of this key may go on */
}

static void release(tillwatch_agent *self, struct task *task)
{
    free(task->event);
    *task = (struct task){.state = STATE_FREE};
    self->counts.in_hand--;
}

/* Another replay of the key is being carried out: two would be two effects. */
static bool is_key_busy(const tillwatch_agent *self, const struct task *task)
{
    for (unsigned i = 0; i < self->options.capacity; i++) {
        const struct task *other = &self->tasks[i];
        if (other != task && other->state == STATE_GIVEN &&
            strcmp(other->verdict.key, task->verdict.key) == 0) {
            return true;
        }
    }
    return false;
}

/* The oldest that may be carried out now. */
static struct task *next_task(tillwatch_agent *self)
{
    struct task *oldest = NULL;
    for (unsigned i = 0; i < self->options.capacity; i++) {
        struct task *task = &self->tasks[i];
        if (task->state == STATE_WAITS && (oldest == NULL || task->number < oldest->number) &&
            !is_key_busy(self, task)) {
            oldest = task;
        }
    }
    return oldest;
}

static bool is_ours(const tillwatch_agent *self, const char *destination)
{
    for (size_t i = 0; i < self->options.system_count; i++) {
        if (strcmp(self->options.systems[i], destination) == 0) {
            return true;
        }
    }
    return false;
}

/* Take a replay in hand; a reason where it cannot be. */
static const char *take_in_hand(tillwatch_agent *self, const struct twc_message *message)
{
    struct task *task = NULL;
    for (unsigned i = 0; i < self->options.capacity && task == NULL; i++) {
        task = self->tasks[i].state == STATE_FREE ? &self->tasks[i] : NULL;
    }
    if (message->fault != NULL) {
        return message->fault;
    }
    if (!is_ours(self, message->destination)) {
        return "this agent does not carry out for that destination";
    }
    if (task == NULL) {
        return "the capacity of this agent is exceeded";
    }
    char *event = malloc(message->event.len + 1);
    if (event == NULL) {
        return "out of memory";
    }
    memcpy(event, message->event.at, message->event.len);
    event[message->event.len] = 0;
    *task = (struct task){.state = STATE_WAITS,
                          .number = self->arrivals++,
                          .event = event,
                          .event_len = message->event.len,
                          .deadline_ms = message->deadline_ms,
                          .verdict = {.attempt = message->attempt}};
    memcpy(task->deadline, message->deadline, sizeof task->deadline);
    memcpy(task->destination, message->destination, sizeof task->destination);
    memcpy(task->verdict.replayid, message->replayid, sizeof task->verdict.replayid);
    memcpy(task->verdict.key, message->key, sizeof task->verdict.key);
    self->counts.in_hand++;
    (void)pthread_cond_broadcast(&self->has_work);
    return NULL;
}

/* ---- talking; our thread ---- */

/* False: the socket takes nothing now, or there is none. */
static bool say(tillwatch_agent *self, const char *frame, size_t len)
{
    int n = 0;
    do {
        n = zmq_send(twc_link_socket(self->link), frame, len, ZMQ_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    self->is_blocked = n < 0;
    return n >= 0;
}

static bool say_verdict(tillwatch_agent *self, const struct twc_verdict *verdict)
{
    char frame[TWC_ANSWER_BYTES];
    size_t len = twc_answer_write(frame, verdict->replayid, verdict->attempt, verdict->verdict,
                                  verdict->reason);
    return say(self, frame, len);
}

static void hear_replay(tillwatch_agent *self, const struct twc_message *message)
{
    self->counts.received++;
    if (find_task(self, message->replayid, message->attempt) != NULL) {
        self->counts.repeated++; /* the verdict is on its way */
        return;
    }
    const struct twc_verdict *known =
        twc_memory_find(self->memory, message->replayid, message->attempt);
    if (known != NULL) {
        self->counts.repeated++;
        (void)say_verdict(self, known); /* if it does not get through, it is asked for again */
        return;
    }
    const char *reason = take_in_hand(self, message);
    if (reason != NULL) {
        struct twc_verdict verdict = {.attempt = message->attempt, .verdict = TILLWATCH_REFUSE};
        memcpy(verdict.replayid, message->replayid, sizeof verdict.replayid);
        memcpy(verdict.key, message->key, sizeof verdict.key);
        twc_reason_copy(verdict.reason, reason);
        remember(self, &verdict);
        (void)say_verdict(self, &verdict); /* as above */
    }
}

static void hear(tillwatch_agent *self, const char *text, size_t len, int64_t now_ms)
{
    struct twc_message message;
    twc_message_read(text, len, &message);
    if (message.op == TWC_OP_WELCOME) {
        self->phase = PHASE_ONLINE;
        self->heartbeat_ms = message.heartbeat_ms;
        self->backoff_ms = BACKOFF_MIN_MS;
        self->ping_at_ms = now_ms;
    }
    if (self->phase == PHASE_ONLINE) {
        self->silent_at_ms = now_ms + SILENT_INTERVALS * self->heartbeat_ms;
    }
    (void)pthread_mutex_lock(&self->mutex);
    self->counts.malformed += message.op == TWC_OP_MALFORMED ? 1 : 0;
    self->counts.welcomes += message.op == TWC_OP_WELCOME ? 1 : 0;
    self->counts.is_online = self->phase == PHASE_ONLINE;
    if (message.op == TWC_OP_REPLAY) {
        hear_replay(self, &message);
    }
    (void)pthread_mutex_unlock(&self->mutex);
}

/* One message; false: there is none. Of several frames it is nothing that we know. */
static bool receive(tillwatch_agent *self, int64_t now_ms)
{
    zmq_msg_t frame;
    (void)zmq_msg_init(&frame); /* cannot fail */
    int n = zmq_msg_recv(&frame, twc_link_socket(self->link), ZMQ_DONTWAIT);
    bool is_several = n >= 0 && zmq_msg_more(&frame) != 0;
    if (n >= 0 && !is_several) {
        hear(self, zmq_msg_data(&frame), zmq_msg_size(&frame), now_ms);
    }
    bool has_more = is_several;
    while (has_more) {
        /* the rest of a message is there when its first frame is */
        has_more = zmq_msg_recv(&frame, twc_link_socket(self->link), ZMQ_DONTWAIT) >= 0 &&
                   zmq_msg_more(&frame) != 0;
    }
    if (is_several) {
        hear(self, "", 0, now_ms);
    }
    (void)zmq_msg_close(&frame); /* it is one */
    return n >= 0;
}

static void say_decided(tillwatch_agent *self)
{
    (void)pthread_mutex_lock(&self->mutex);
    for (unsigned i = 0; i < self->options.capacity && !self->is_blocked; i++) {
        struct task *task = &self->tasks[i];
        if (task->state == STATE_DECIDED && !task->is_in_call &&
            say_verdict(self, &task->verdict)) {
            release(self, task);
        }
    }
    (void)pthread_mutex_unlock(&self->mutex);
}

static void say_hello(tillwatch_agent *self, int64_t now_ms)
{
    char frame[TWC_HELLO_BYTES];
    const struct tillwatch_agent_options *options = &self->options;
    size_t len = twc_hello_write(frame, options->agent, options->systems, options->system_count,
                                 options->capacity);
    if (say(self, frame, len)) {
        self->phase = PHASE_SAID;
        self->silent_at_ms = now_ms + GREETING_MS;
    }
}

static void say_what_is_due(tillwatch_agent *self, int64_t now_ms)
{
    static const char ping[] = "{\"op\":\"ping\"}";
    self->is_blocked = false;
    if (self->phase == PHASE_ONLINE &&
        now_ms >= self->ping_at_ms + (SILENT_INTERVALS - 1) * self->heartbeat_ms) {
        self->phase = PHASE_HELLO; /* it is we who were silent: stopped, or without a processor */
    }
    if (self->phase == PHASE_HELLO) {
        say_hello(self, now_ms);
    }
    if (self->phase != PHASE_ONLINE) {
        return;
    }
    if (now_ms >= self->ping_at_ms && say(self, ping, sizeof ping - 1)) {
        self->ping_at_ms = now_ms + self->heartbeat_ms;
    }
    say_decided(self);
}

/* ---- the connection; our thread ---- */

static struct twc_link_options link_options(const tillwatch_agent *self)
{
    return (struct twc_link_options){.endpoint = self->options.endpoint,
                                     .curve_server_key = self->options.curve_server_key,
                                     .curve_public_key = self->options.curve_public_key,
                                     .curve_secret_key = self->options.curve_secret_key,
                                     .max_bytes = TILLWATCH_REPLAY_BYTES,
                                     .wake_fd = self->wake_fd};
}

/* Away for a while, longer each time; a fleet of agents does not come back in one moment. */
static void go_away(tillwatch_agent *self, int64_t now_ms)
{
    twc_link_close(&self->link);
    self->luck = self->luck * UINT64_C(6364136223846793005) + (uint64_t)now_ms;
    int64_t jitter_ms = (int64_t)((self->luck >> 33) % (uint64_t)(self->backoff_ms / 2));
    self->retry_at_ms = now_ms + self->backoff_ms - jitter_ms;
    self->backoff_ms *= 2;
    self->backoff_ms = self->backoff_ms > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : self->backoff_ms;
    self->phase = PHASE_AWAY;
    (void)pthread_mutex_lock(&self->mutex);
    self->counts.is_online = 0;
    (void)pthread_mutex_unlock(&self->mutex);
}

static void note_silence(tillwatch_agent *self)
{
    (void)pthread_mutex_lock(&self->mutex);
    self->counts.silences++;
    (void)pthread_mutex_unlock(&self->mutex);
}

static void look_after_link(tillwatch_agent *self, int64_t now_ms)
{
    bool is_new = false;
    if (self->phase == PHASE_AWAY && now_ms >= self->retry_at_ms) {
        struct twc_link_options options = link_options(self);
        if (twc_link_open(&options, &self->link) != TILLWATCH_OK) {
            go_away(self, now_ms); /* no memory or no descriptors: perhaps later */
            return;
        }
        self->phase = PHASE_HELLO;
    }
    if (self->phase == PHASE_AWAY) {
        return;
    }
    if (twc_link_look(self->link, now_ms, &is_new) != TILLWATCH_OK) {
        go_away(self, now_ms);
    } else if (is_new) {
        self->phase = PHASE_HELLO; /* whoever is there now has not heard of us */
    }
    bool is_watching = self->phase == PHASE_SAID || self->phase == PHASE_ONLINE;
    if (is_watching && now_ms >= self->silent_at_ms) {
        note_silence(self);
        go_away(self, now_ms);
    }
}

/* How long there is nothing to do unless something happens; -1: for ever. */
static int64_t pause_ms(const tillwatch_agent *self, int64_t now_ms)
{
    int64_t until_ms = self->retry_at_ms;
    if (self->phase != PHASE_AWAY) {
        until_ms = twc_link_wakeup(self->link);
        until_ms = until_ms < 0 ? INT64_MAX : until_ms;
        if (self->phase != PHASE_HELLO && self->silent_at_ms < until_ms) {
            until_ms = self->silent_at_ms;
        }
        if (self->phase == PHASE_ONLINE && !self->is_blocked && self->ping_at_ms < until_ms) {
            until_ms = self->ping_at_ms;
        }
    }
    if (until_ms == INT64_MAX) {
        return -1;
    }
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

static void pause_turn(tillwatch_agent *self, int64_t now_ms)
{
    bool is_writable = false;
    int64_t wait_ms = pause_ms(self, now_ms);
    if (self->phase == PHASE_AWAY) {
        zmq_pollitem_t item = {.fd = self->wake_fd, .events = ZMQ_POLLIN};
        (void)zmq_poll(&item, 1, wait_ms < 0 ? -1 : (long)wait_ms); /* fails: the turn is short */
    } else {
        bool wants_out = self->is_blocked || self->phase == PHASE_HELLO;
        (void)twc_link_wait(self->link, wants_out, wait_ms, &is_writable); /* likewise */
    }
    uint64_t count = 0;
    ssize_t n = read(self->wake_fd, &count, sizeof count);
    (void)n; /* does not block; nothing there is what we want */
}

static bool is_stopping(tillwatch_agent *self)
{
    (void)pthread_mutex_lock(&self->mutex);
    bool stops = self->is_stopping;
    (void)pthread_mutex_unlock(&self->mutex);
    return stops;
}

static void *talk(void *argument)
{
    tillwatch_agent *self = argument;
    while (!is_stopping(self)) {
        int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
        /* What has come is read before its sender is called silent. */
        for (int i = 0; i < TURN_FRAMES && self->link != NULL && receive(self, now_ms); i++) {
        }
        look_after_link(self, now_ms);
        if (self->link != NULL) {
            say_what_is_due(self, now_ms);
        }
        pause_turn(self, now_ms);
    }
    twc_link_close(&self->link);
    return NULL;
}

/* ---- open and close ---- */

/* A name as it goes over the wire: in UTF-8, without control characters. */
static bool is_name(const char *name)
{
    size_t left = name == NULL ? 0 : strlen(name);
    if (left == 0 || left > TILLWATCH_NAME_BYTES) {
        return false;
    }
    while (left > 0) {
        size_t n = twc_utf8_len(name, left);
        if (n == 0 || (uint8_t)*name < 0x20 || *name == 0x7f) {
            return false;
        }
        name += n;
        left -= n;
    }
    return true;
}

static bool options_are_valid(const struct tillwatch_agent_options *options)
{
    const struct twc_link_options keys = {.curve_server_key = options->curve_server_key,
                                          .curve_public_key = options->curve_public_key,
                                          .curve_secret_key = options->curve_secret_key};
    unsigned capacity = options->capacity == 0 ? CAPACITY_DEFAULT : options->capacity;
    size_t memory = options->memory == 0 ? MEMORY_DEFAULT : options->memory;
    if (options->endpoint == NULL || !is_name(options->agent) || options->carry_out == NULL ||
        options->systems == NULL || options->system_count < 1 ||
        options->system_count > TILLWATCH_AGENT_SYSTEMS || capacity > TILLWATCH_AGENT_CAPACITY ||
        memory < capacity || memory > TILLWATCH_AGENT_MEMORY || !twc_link_keys_are_valid(&keys)) {
        return false;
    }
    for (size_t i = 0; i < options->system_count; i++) {
        if (!is_name(options->systems[i])) {
            return false;
        }
    }
    return true;
}

/* Our own copy of a text of the options; NULL stays NULL. */
static int copy_text(char **ret_copy, const char **text)
{
    if (*text == NULL) {
        return TILLWATCH_OK;
    }
    *ret_copy = strdup(*text);
    *text = *ret_copy;
    return *ret_copy == NULL ? TILLWATCH_NOMEM : TILLWATCH_OK;
}

static int copy_options(tillwatch_agent *self, const struct tillwatch_agent_options *options)
{
    struct tillwatch_agent_options *own = &self->options;
    *own = *options;
    own->capacity = own->capacity == 0 ? CAPACITY_DEFAULT : own->capacity;
    own->memory = own->memory == 0 ? MEMORY_DEFAULT : own->memory;
    const char **texts[] = {&own->endpoint, &own->agent, &own->curve_server_key,
                            &own->curve_public_key, &own->curve_secret_key};
    int rc = TILLWATCH_OK;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int copied = copy_text(&self->texts[i], texts[i]);
        rc = rc == TILLWATCH_OK ? copied : rc;
    }
    self->strings = calloc(options->system_count + 1, sizeof *self->strings);
    self->tasks = calloc(own->capacity, sizeof *self->tasks);
    if (rc != TILLWATCH_OK || self->strings == NULL || self->tasks == NULL) {
        return TILLWATCH_NOMEM;
    }
    for (size_t i = 0; i < options->system_count; i++) {
        self->strings[i] = strdup(options->systems[i]);
        if (self->strings[i] == NULL) {
            return TILLWATCH_NOMEM;
        }
    }
    own->systems = (const char *const *)self->strings;
    return TILLWATCH_OK;
}

static int make_locks(tillwatch_agent *self)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0) {
        return TILLWATCH_NOMEM;
    }
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* a valid clock */
    bool has_cond = pthread_cond_init(&self->has_work, &attributes) == 0;
    (void)pthread_condattr_destroy(&attributes); /* it is one */
    if (!has_cond) {
        return TILLWATCH_NOMEM;
    }
    if (pthread_mutex_init(&self->mutex, NULL) != 0) {
        (void)pthread_cond_destroy(&self->has_work); /* nobody waits */
        return TILLWATCH_NOMEM;
    }
    self->has_locks = true;
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return self->wake_fd >= 0 ? TILLWATCH_OK : TILLWATCH_NOMEM;
}

static int start(tillwatch_agent *self)
{
    struct twc_link_options options = link_options(self);
    int rc = twc_link_open(&options, &self->link);
    if (rc != TILLWATCH_OK) {
        return rc;
    }
    self->phase = PHASE_HELLO;
    self->backoff_ms = BACKOFF_MIN_MS;
    self->heartbeat_ms = TWC_HEARTBEAT_MS;
    self->luck = (uint64_t)clock_ms(CLOCK_REALTIME) ^ (uint64_t)getpid() << 32;
    self->has_thread = pthread_create(&self->thread, NULL, talk, self) == 0;
    return self->has_thread ? TILLWATCH_OK : TILLWATCH_NOMEM;
}

int tillwatch_agent_open(const struct tillwatch_agent_options *options, tillwatch_agent **ret_agent)
{
    if (options == NULL || ret_agent == NULL || !options_are_valid(options)) {
        return TILLWATCH_INVALID;
    }
    tillwatch_agent *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TILLWATCH_NOMEM;
    }
    self->wake_fd = -1;
    int rc = copy_options(self, options);
    if (rc == TILLWATCH_OK) {
        rc = make_locks(self);
    }
    if (rc == TILLWATCH_OK) {
        rc = twc_memory_open(options->memory_file, self->options.memory, &self->memory);
    }
    if (rc == TILLWATCH_OK) {
        rc = start(self);
    }
    if (rc != TILLWATCH_OK) {
        int errnum = errno;
        tillwatch_agent_close(&self);
        errno = errnum;
        return rc;
    }
    *ret_agent = self;
    return TILLWATCH_OK;
}

void tillwatch_agent_close(tillwatch_agent **self_p)
{
    tillwatch_agent *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    if (self->has_thread) {
        (void)pthread_mutex_lock(&self->mutex);
        self->is_stopping = true;
        (void)pthread_mutex_unlock(&self->mutex);
        wake(self);
        (void)pthread_join(self->thread, NULL); /* ours, and joinable */
    }
    twc_link_close(&self->link); /* where there was no thread */
    for (unsigned i = 0; self->tasks != NULL && i < self->options.capacity; i++) {
        free(self->tasks[i].event);
    }
    for (size_t i = 0; self->strings != NULL && self->strings[i] != NULL; i++) {
        free(self->strings[i]);
    }
    for (size_t i = 0; i < sizeof self->texts / sizeof self->texts[0]; i++) {
        free(self->texts[i]);
    }
    twc_memory_close(&self->memory);
    if (self->wake_fd >= 0) {
        (void)close(self->wake_fd); /* nothing is written to it */
    }
    if (self->has_locks) {
        (void)pthread_cond_destroy(&self->has_work); /* nobody waits */
        (void)pthread_mutex_destroy(&self->mutex);   /* nobody holds it */
    }
    free(self->tasks);
    free(self->strings);
    free(self);
}

/* ---- work ---- */

/* Wait for a task; the mutex is held. NULL: none in time. */
static struct task *await_task(tillwatch_agent *self, int timeout_ms)
{
    struct timespec until = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail with this clock */
    if (timeout_ms > 0) {
        until.tv_sec += timeout_ms / 1000;
        until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
    }
    struct task *task = next_task(self);
    int waited = timeout_ms == 0 ? ETIMEDOUT : 0;
    while (task == NULL && waited == 0) {
        waited = timeout_ms < 0 ? pthread_cond_wait(&self->has_work, &self->mutex)
                                : pthread_cond_timedwait(&self->has_work, &self->mutex, &until);
        task = next_task(self);
    }
    return task;
}

/* Give a task to the program, as a replay; the mutex is held before and after, not meanwhile. */
static int give(tillwatch_agent *self, struct task *task, struct tillwatch_replay *replay)
{
    const struct tillwatch_agent_options *options = &self->options;
    replay->replayid = task->verdict.replayid;
    replay->attempt = task->verdict.attempt;
    replay->idempotencykey = task->verdict.key;
    replay->destination = task->destination;
    replay->deadline = task->deadline;
    replay->event = task->event;
    replay->event_len = task->event_len;
    bool is_done_before = task->is_done_before;
    int verdict = TILLWATCH_DONE;
    task->is_in_call = true;
    (void)pthread_mutex_unlock(&self->mutex);
    if (!is_done_before) {
        verdict = options->carry_out(options->context, replay);
    } else if (options->done_before != NULL) {
        options->done_before(options->context, replay);
    }
    (void)pthread_mutex_lock(&self->mutex);
    task->is_in_call = false;
    return verdict;
}

int tillwatch_agent_work(tillwatch_agent *self, int timeout_ms)
{
    char reason[TILLWATCH_REASON_BYTES] = "";
    struct tillwatch_replay replay = {.reason = reason};
    (void)pthread_mutex_lock(&self->mutex);
    struct task *task = await_task(self, timeout_ms);
    bool is_there = task != NULL;
    if (task != NULL) {
        task->state = STATE_GIVEN;
        task->is_done_before = twc_memory_is_done(self->memory, task->verdict.key);
        self->counts.done_before += task->is_done_before ? 1 : 0;
        if (!task->is_done_before && clock_ms(CLOCK_REALTIME) >= task->deadline_ms) {
            decide(self, task, TILLWATCH_REFUSE, "its deadline has passed");
        } else {
            int verdict = give(self, task, &replay);
            reason[sizeof reason - 1] = 0; /* whatever was written there */
            if (task->state == STATE_DECIDED) {
                wake(self); /* it was answered meanwhile, and may be sent now */
            } else if (verdict < TILLWATCH_LATER || verdict > TILLWATCH_REFUSE) {
                decide(self, task, TILLWATCH_REFUSE, "the agent gave no verdict that there is");
            } else if (verdict != TILLWATCH_LATER) {
                decide(self, task, verdict, reason);
            }
        }
    }
    (void)pthread_mutex_unlock(&self->mutex);
    return is_there ? 1 : 0;
}

int tillwatch_agent_answer(tillwatch_agent *self, const char *replayid, uint64_t attempt,
                           int verdict, const char *reason)
{
    if (replayid == NULL || verdict <= TILLWATCH_LATER || verdict > TILLWATCH_REFUSE) {
        return TILLWATCH_INVALID;
    }
    (void)pthread_mutex_lock(&self->mutex);
    struct task *task = find_task(self, replayid, attempt);
    bool is_open = task != NULL && task->state == STATE_GIVEN && !task->is_done_before;
    if (is_open) {
        decide(self, task, verdict, reason);
    }
    (void)pthread_mutex_unlock(&self->mutex);
    return is_open ? TILLWATCH_OK : TILLWATCH_INVALID;
}

void tillwatch_agent_counts(tillwatch_agent *self, struct tillwatch_agent_counts *ret_counts)
{
    (void)pthread_mutex_lock(&self->mutex);
    *ret_counts = self->counts;
    (void)pthread_mutex_unlock(&self->mutex);
}
