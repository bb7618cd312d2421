/* SPDX-License-Identifier: Apache-2.0
 * client: a replay agent against a ROUTER socket that plays the tower. */
#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "tillwatch_agent.h"
#include "unit/fake_tower.h"

#define HEARTBEAT_MS 300
#define REPLAYS      200 /* of the case with several threads */

/* The tower: what it has heard, and from whom. */
struct side {
    struct fake_tower tower;
    char peer[256];
    size_t peer_len;
    unsigned hellos;
    unsigned pings;
    bool is_quiet;
    int64_t ping_at_ms;
    char answers[REPLAYS + 16][512];
    unsigned answer_count;
};

/* What carry_out was told, and what it says. */
struct doings {
    pthread_mutex_t mutex;
    int verdict;
    const char *reason;
    tillwatch_agent *agent; /* not NULL: answer before the call returns */
    unsigned calls;
    unsigned done_before;
    unsigned running;
    unsigned most_running; /* side by side */
    atomic_bool is_holding;
    char replayid[TILLWATCH_NAME_BYTES + 1];
    char event[512];
    uint64_t attempt;
};

static const char *const systems[] = {"erp", "loyalty"};

static int64_t now_ms(void)
{
    struct timespec now = {0};
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &now), 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* False: that peer has gone. */
static bool try_say(struct side *side, const char *text)
{
    int n = zmq_send(side->tower.socket, side->peer, side->peer_len, ZMQ_SNDMORE);
    return n >= 0 && zmq_send(side->tower.socket, text, strlen(text), 0) == (int)strlen(text);
}

static void say(struct side *side, const char *text)
{
    assert_true(try_say(side, text));
}

static void hear(struct side *side)
{
    char peer[256];
    char text[512];
    int peer_len = zmq_recv(side->tower.socket, peer, sizeof peer, 0);
    int len = zmq_recv(side->tower.socket, text, sizeof text - 1, 0);
    assert_in_range(peer_len, 1, sizeof peer);
    assert_in_range(len, 1, sizeof text - 1);
    text[len] = 0;
    if (strstr(text, "\"op\":\"hello\"") != NULL) {
        side->hellos++;
        memcpy(side->peer, peer, (size_t)peer_len);
        side->peer_len = (size_t)peer_len;
        if (!side->is_quiet) {
            (void)snprintf(text, sizeof text, "{\"op\":\"welcome\",\"heartbeat\":%.3f}",
                           HEARTBEAT_MS / 1000.0);
            say(side, text);
        }
    } else if (strcmp(text, "{\"op\":\"ping\"}") == 0) {
        side->pings++;
    } else {
        assert_true(side->answer_count < REPLAYS + 16);
        memcpy(side->answers[side->answer_count++], text, (size_t)len + 1);
    }
}

/* Play the tower for a moment. */
static void pump(struct side *side, int timeout_ms)
{
    zmq_pollitem_t item = {.socket = side->tower.socket, .events = ZMQ_POLLIN};
    if (!side->is_quiet && side->peer_len > 0 && now_ms() >= side->ping_at_ms) {
        (void)try_say(side, "{\"op\":\"ping\"}"); /* it may be connecting anew just now */
        side->ping_at_ms = now_ms() + HEARTBEAT_MS;
    }
    if (zmq_poll(&item, 1, timeout_ms) > 0) {
        hear(side);
    }
}

static void await_hellos(struct side *side, unsigned count)
{
    int64_t end_ms = now_ms() + FAKE_TOWER_PATIENCE_MS;
    while (side->hellos < count) {
        assert_true(now_ms() < end_ms);
        pump(side, 10);
    }
}

static void await_answers(struct side *side, unsigned count)
{
    int64_t end_ms = now_ms() + FAKE_TOWER_PATIENCE_MS;
    while (side->answer_count < count) {
        assert_true(now_ms() < end_ms);
        pump(side, 10);
    }
}

static void await_in_hand(struct side *side, tillwatch_agent *agent, unsigned received)
{
    struct tillwatch_agent_counts counts = {0};
    int64_t end_ms = now_ms() + FAKE_TOWER_PATIENCE_MS;
    while (counts.received < received) {
        assert_true(now_ms() < end_ms);
        pump(side, 5);
        tillwatch_agent_counts(agent, &counts);
    }
}

static void send_replay(struct side *side, const char *replayid, unsigned attempt, const char *key,
                        const char *destination)
{
    char text[1024];
    (void)snprintf(
        text, sizeof text,
        "{\"op\":\"replay\",\"replayid\":\"%s\",\"attempt\":%u,\"idempotencykey\":\"%s\","
        "\"destination\":\"%s\",\"deadline\":\"2999-01-01T00:00:00Z\","
        "\"event\":{\"id\":\"%s\",\"replayid\":\"%s\",\"attempt\":%u}}",
        replayid, attempt, key, destination, replayid, replayid, attempt);
    say(side, text);
}

static void carry_out_begins(struct doings *doings, const struct tillwatch_replay *replay)
{
    (void)pthread_mutex_lock(&doings->mutex);
    doings->calls++;
    doings->running++;
    if (doings->running > doings->most_running) {
        doings->most_running = doings->running;
    }
    doings->attempt = replay->attempt;
    (void)snprintf(doings->replayid, sizeof doings->replayid, "%s", replay->replayid);
    (void)snprintf(doings->event, sizeof doings->event, "%.*s", (int)replay->event_len,
                   replay->event);
    (void)pthread_mutex_unlock(&doings->mutex);
}

static int carry_out(void *context, const struct tillwatch_replay *replay)
{
    struct doings *doings = context;
    carry_out_begins(doings, replay);
    while (atomic_load(&doings->is_holding)) {
        (void)zmq_poll(NULL, 0, 1);
    }
    if (doings->agent != NULL) {
        int rc = tillwatch_agent_answer(doings->agent, replay->replayid, replay->attempt,
                                        TILLWATCH_ACCEPT, NULL);
        assert_int_equal(rc, TILLWATCH_OK);
    }
    (void)snprintf(replay->reason, TILLWATCH_REASON_BYTES, "%s",
                   doings->reason == NULL ? "" : doings->reason);
    (void)pthread_mutex_lock(&doings->mutex);
    doings->running--;
    int verdict = doings->verdict;
    (void)pthread_mutex_unlock(&doings->mutex);
    return verdict;
}

static void done_before(void *context, const struct tillwatch_replay *replay)
{
    struct doings *doings = context;
    doings->done_before++;
    assert_true(replay->event_len > 0);
}

static struct tillwatch_agent_options options_for(const struct side *side, struct doings *doings)
{
    return (struct tillwatch_agent_options){.endpoint = side->tower.endpoint,
                                            .agent = "mw-1",
                                            .systems = systems,
                                            .system_count = 2,
                                            .carry_out = carry_out,
                                            .done_before = done_before,
                                            .context = doings};
}

struct world {
    struct side side;
    struct doings doings;
    struct tillwatch_agent_options options;
    tillwatch_agent *agent;
};

static int begin(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    fake_tower_start(&world->side.tower, NULL);
    assert_int_equal(pthread_mutex_init(&world->doings.mutex, NULL), 0);
    world->doings.verdict = TILLWATCH_ACCEPT;
    world->options = options_for(&world->side, &world->doings);
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    tillwatch_agent_close(&world->agent);
    fake_tower_stop(&world->side.tower);
    (void)pthread_mutex_destroy(&world->doings.mutex);
    free(world);
    return 0;
}

static void start(struct world *world)
{
    assert_int_equal(tillwatch_agent_open(&world->options, &world->agent), TILLWATCH_OK);
    await_hellos(&world->side, 1);
}

static void work(struct world *world)
{
    assert_int_equal(tillwatch_agent_work(world->agent, FAKE_TOWER_PATIENCE_MS), 1);
}

/* ---- cases ---- */

static void open__wrong_options__are_refused(void **state)
{
    struct world *world = *state;
    static const char *const empty[] = {"erp", ""};
    static const char *const control[] = {"erp", "a\tb"};
    char name[TILLWATCH_NAME_BYTES + 2];
    struct tillwatch_agent_options good = world->options;
    struct tillwatch_agent_options bad[16];
    size_t count = 0;
    memset(name, 'a', sizeof name - 1);
    name[sizeof name - 1] = 0;
    for (size_t i = 0; i < 16; i++) {
        bad[i] = good;
    }
    bad[count++].endpoint = NULL;
    bad[count++].agent = NULL;
    bad[count++].agent = "";
    bad[count++].agent = name;
    bad[count++].agent = "\xff";
    bad[count++].systems = NULL;
    bad[count++].systems = empty;
    bad[count++].systems = control;
    bad[count++].system_count = 0;
    bad[count++].system_count = TILLWATCH_AGENT_SYSTEMS + 1;
    bad[count++].carry_out = NULL;
    bad[count++].capacity = TILLWATCH_AGENT_CAPACITY + 1;
    bad[count++].memory = TILLWATCH_AGENT_MEMORY + 1;
    bad[count++].memory = 31; /* less than the capacity */
    bad[count++].curve_server_key = "short";
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tillwatch_agent_open(&bad[i], &world->agent), TILLWATCH_INVALID);
        assert_null(world->agent);
    }
    assert_int_equal(tillwatch_agent_open(NULL, &world->agent), TILLWATCH_INVALID);
    good.endpoint = "nonsense";
    assert_int_equal(tillwatch_agent_open(&good, &world->agent), TILLWATCH_SOCKET);
    good = world->options;
    good.memory_file = "/nonexistent/file";
    assert_int_equal(tillwatch_agent_open(&good, &world->agent), TILLWATCH_IO);
    assert_null(world->agent);
    name[TILLWATCH_NAME_BYTES] = 0;
    good = world->options;
    good.agent = name;
    good.capacity = TILLWATCH_AGENT_CAPACITY;
    good.memory = TILLWATCH_AGENT_MEMORY;
    assert_int_equal(tillwatch_agent_open(&good, &world->agent), TILLWATCH_OK);
}

static void work__a_replay__is_handed_over_and_accepted(void **state)
{
    struct world *world = *state;
    struct tillwatch_agent_counts counts;
    start(world);
    assert_int_equal(tillwatch_agent_work(world->agent, 0), 0);
    assert_int_equal(tillwatch_agent_work(world->agent, 5), 0);
    send_replay(&world->side, "rp-1", 3, "k", "loyalty");
    work(world);
    assert_string_equal(world->doings.replayid, "rp-1");
    assert_int_equal(world->doings.attempt, 3);
    assert_string_equal(world->doings.event,
                        "{\"id\":\"rp-1\",\"replayid\":\"rp-1\",\"attempt\":3}");
    await_answers(&world->side, 1);
    assert_string_equal(world->side.answers[0],
                        "{\"op\":\"accepted\",\"replayid\":\"rp-1\",\"attempt\":3}");
    tillwatch_agent_counts(world->agent, &counts);
    assert_int_equal(counts.received, 1);
    assert_int_equal(counts.accepted, 1);
    assert_int_equal(counts.refused, 0);
    assert_int_equal(counts.welcomes, 1);
    assert_int_equal(counts.is_online, 1);
}

static void work__a_refusal__says_its_reason(void **state)
{
    struct world *world = *state;
    start(world);
    world->doings.verdict = TILLWATCH_REFUSE;
    world->doings.reason = "closed\nfor \"today\"";
    send_replay(&world->side, "rp-1", 1, "k", "erp");
    work(world);
    await_answers(&world->side, 1);
    assert_string_equal(world->side.answers[0],
                        "{\"op\":\"refused\",\"replayid\":\"rp-1\",\"attempt\":1,"
                        "\"reason\":\"closed for \\u0022today\\u0022\"}");
    world->doings.verdict = 77;
    send_replay(&world->side, "rp-2", 1, "k2", "erp");
    work(world);
    await_answers(&world->side, 2);
    assert_non_null(strstr(world->side.answers[1], "no verdict"));
}

static void repeats__in_hand_and_after__have_one_effect(void **state)
{
    struct world *world = *state;
    struct tillwatch_agent_counts counts;
    start(world);
    send_replay(&world->side, "rp-1", 1, "k", "erp");
    send_replay(&world->side, "rp-1", 1, "k", "erp");
    await_in_hand(&world->side, world->agent, 2);
    work(world);
    assert_int_equal(tillwatch_agent_work(world->agent, 0), 0);
    await_answers(&world->side, 1);
    send_replay(&world->side, "rp-1", 1, "k", "erp");
    await_answers(&world->side, 2);
    assert_string_equal(world->side.answers[0], world->side.answers[1]);
    assert_int_equal(world->doings.calls, 1);
    tillwatch_agent_counts(world->agent, &counts);
    assert_int_equal(counts.repeated, 2);
    assert_int_equal(counts.accepted, 1);
    assert_int_equal(counts.in_hand, 0);
}

static void attempts__of_one_key__are_made_once_when_done(void **state)
{
    struct world *world = *state;
    start(world);
    send_replay(&world->side, "rp-1", 1, "k", "erp");
    work(world);
    send_replay(&world->side, "rp-1", 2, "k", "erp"); /* accepted is not done: again */
    world->doings.verdict = TILLWATCH_DONE;
    work(world);
    assert_int_equal(world->doings.calls, 2);
    await_answers(&world->side, 2);
    send_replay(&world->side, "rp-2", 1, "k", "erp");
    work(world);
    await_answers(&world->side, 3);
    assert_int_equal(world->doings.calls, 2);
    assert_int_equal(world->doings.done_before, 1);
    assert_string_equal(world->side.answers[2],
                        "{\"op\":\"accepted\",\"replayid\":\"rp-2\",\"attempt\":1}");
}

static void later__answers_of_any_time__are_sent(void **state)
{
    struct world *world = *state;
    start(world);
    world->doings.verdict = TILLWATCH_LATER;
    send_replay(&world->side, "rp-1", 1, "k1", "erp");
    assert_int_equal(tillwatch_agent_answer(world->agent, "rp-1", 1, TILLWATCH_ACCEPT, NULL) ==
                         TILLWATCH_OK,
                     false); /* it is not given to anybody yet */
    work(world);
    assert_int_equal(tillwatch_agent_answer(world->agent, "rp-1", 2, TILLWATCH_ACCEPT, NULL),
                     TILLWATCH_INVALID);
    assert_int_equal(tillwatch_agent_answer(world->agent, "rp-1", 1, TILLWATCH_LATER, NULL),
                     TILLWATCH_INVALID);
    assert_int_equal(tillwatch_agent_answer(world->agent, NULL, 1, TILLWATCH_ACCEPT, NULL),
                     TILLWATCH_INVALID);
    assert_int_equal(world->side.answer_count, 0);
    assert_int_equal(tillwatch_agent_answer(world->agent, "rp-1", 1, TILLWATCH_REFUSE, "late"),
                     TILLWATCH_OK);
    assert_int_equal(tillwatch_agent_answer(world->agent, "rp-1", 1, TILLWATCH_ACCEPT, NULL),
                     TILLWATCH_INVALID);
    await_answers(&world->side, 1);
    assert_non_null(strstr(world->side.answers[0], "\"reason\":\"late\""));
    world->doings.agent = world->agent; /* answers before its call returns */
    send_replay(&world->side, "rp-2", 1, "k2", "erp");
    work(world);
    await_answers(&world->side, 2);
    assert_non_null(strstr(world->side.answers[1], "accepted"));
}

static void replay__too_many_or_for_others__is_refused(void **state)
{
    struct world *world = *state;
    world->options.capacity = 2;
    start(world);
    send_replay(&world->side, "rp-1", 1, "k1", "erp");
    send_replay(&world->side, "rp-2", 1, "k2", "erp");
    send_replay(&world->side, "rp-3", 1, "k3", "erp");
    await_answers(&world->side, 1);
    assert_non_null(strstr(world->side.answers[0], "\"rp-3\""));
    assert_non_null(strstr(world->side.answers[0], "capacity"));
    work(world);
    work(world);
    await_answers(&world->side, 3);
    send_replay(&world->side, "rp-4", 1, "k4", "wms");
    await_answers(&world->side, 4);
    assert_non_null(strstr(world->side.answers[3], "does not carry out for that destination"));
    say(&world->side, "{\"op\":\"replay\",\"replayid\":\"rp-5\",\"attempt\":1}");
    await_answers(&world->side, 5);
    assert_non_null(strstr(world->side.answers[4], "malformed"));
    assert_int_equal(world->doings.calls, 2);
}

static void replay__past_its_deadline__is_not_begun(void **state)
{
    struct world *world = *state;
    start(world);
    say(&world->side, "{\"op\":\"replay\",\"replayid\":\"rp-1\",\"attempt\":1,"
                      "\"idempotencykey\":\"k\",\"destination\":\"erp\","
                      "\"deadline\":\"2020-01-01T00:00:00Z\","
                      "\"event\":{\"replayid\":\"rp-1\",\"attempt\":1}}");
    work(world);
    await_answers(&world->side, 1);
    assert_non_null(strstr(world->side.answers[0], "deadline"));
    assert_int_equal(world->doings.calls, 0);
}

static void hear__nonsense__is_counted_and_survived(void **state)
{
    struct world *world = *state;
    struct tillwatch_agent_counts counts;
    start(world);
    say(&world->side, "{");
    say(&world->side, "");
    say(&world->side, "{\"op\":\"replay\"}");
    say(&world->side, "{\"op\":\"dance\"}"); /* unknown is not malformed */
    assert_true(zmq_send(world->side.tower.socket, world->side.peer, world->side.peer_len,
                         ZMQ_SNDMORE) > 0);
    assert_int_equal(zmq_send(world->side.tower.socket, "{}", 2, ZMQ_SNDMORE), 2);
    assert_int_equal(zmq_send(world->side.tower.socket, "{}", 2, 0), 2);
    send_replay(&world->side, "rp-1", 1, "k", "erp");
    work(world);
    await_answers(&world->side, 1);
    tillwatch_agent_counts(world->agent, &counts);
    assert_int_equal(counts.malformed, 4);
    assert_int_equal(world->side.hellos, 1);
}

static void *work_once(void *argument)
{
    struct world *world = argument;
    (void)tillwatch_agent_work(world->agent, FAKE_TOWER_PATIENCE_MS);
    return NULL;
}

static void heartbeats__go_on__while_a_replay_takes_its_time(void **state)
{
    struct world *world = *state;
    pthread_t thread;
    start(world);
    atomic_store(&world->doings.is_holding, true);
    assert_int_equal(pthread_create(&thread, NULL, work_once, world), 0);
    send_replay(&world->side, "rp-1", 1, "k", "erp");
    unsigned pings = world->side.pings;
    int64_t end_ms = now_ms() + FAKE_TOWER_PATIENCE_MS;
    while (world->side.pings < pings + 8) {
        assert_true(now_ms() < end_ms);
        pump(&world->side, 10);
    }
    assert_int_equal(world->side.hellos, 1);
    assert_int_equal(world->side.answer_count, 0);
    atomic_store(&world->doings.is_holding, false);
    await_answers(&world->side, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void silence__of_three_intervals__brings_a_new_hello(void **state)
{
    struct world *world = *state;
    struct tillwatch_agent_counts counts;
    start(world);
    send_replay(&world->side, "rp-1", 1, "k", "erp");
    work(world);
    await_answers(&world->side, 1);
    world->side.is_quiet = true;
    int64_t since_ms = now_ms();
    await_hellos(&world->side, 2);
    assert_true(now_ms() - since_ms > 2 * HEARTBEAT_MS); /* a ping was on its way */
    world->side.is_quiet = false;
    await_hellos(&world->side, 3); /* the second one had no welcome */
    tillwatch_agent_counts(world->agent, &counts);
    assert_int_equal(counts.silences, 2);
    send_replay(&world->side, "rp-1", 1, "k", "erp");
    await_answers(&world->side, 2);
    assert_int_equal(world->doings.calls, 1);
}

static void restart__of_the_tower__brings_hello_and_what_was_decided(void **state)
{
    struct world *world = *state;
    start(world);
    send_replay(&world->side, "rp-1", 1, "k", "erp");
    await_in_hand(&world->side, world->agent, 1);
    world->side.peer_len = 0;
    fake_tower_restart(&world->side.tower);
    await_hellos(&world->side, 2);
    work(world);
    await_answers(&world->side, 1);
    assert_non_null(strstr(world->side.answers[0], "\"rp-1\""));
}

static void memory_file__over_a_restart__keeps_verdicts_and_keys(void **state)
{
    struct world *world = *state;
    char path[] = "/tmp/tw-agent-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(close(fd), 0);
    world->options.memory_file = path;
    world->doings.verdict = TILLWATCH_DONE;
    start(world);
    send_replay(&world->side, "rp-1", 1, "k", "erp");
    work(world);
    await_answers(&world->side, 1);
    tillwatch_agent_close(&world->agent);
    assert_int_equal(tillwatch_agent_open(&world->options, &world->agent), TILLWATCH_OK);
    await_hellos(&world->side, 2);
    send_replay(&world->side, "rp-1", 1, "k", "erp");
    await_answers(&world->side, 2);
    send_replay(&world->side, "rp-1", 2, "k", "erp");
    work(world);
    await_answers(&world->side, 3);
    assert_int_equal(world->doings.calls, 1);
    assert_int_equal(world->doings.done_before, 1);
    assert_int_equal(unlink(path), 0);
}

static void *work_on(void *argument)
{
    struct world *world = argument;
    while (tillwatch_agent_work(world->agent, 2000) == 1) {
    }
    return NULL;
}

static void work__in_several_threads__never_two_of_one_key(void **state)
{
    struct world *world = *state;
    pthread_t threads[4];
    char replayid[32];
    world->options.capacity = REPLAYS;
    start(world);
    for (unsigned i = 0; i < REPLAYS; i++) {
        (void)snprintf(replayid, sizeof replayid, "rp-%u", i);
        send_replay(&world->side, replayid, 1, "one", "erp");
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work_on, world), 0);
    }
    await_answers(&world->side, REPLAYS);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(world->doings.calls, REPLAYS);
    assert_int_equal(world->doings.most_running, 1);
}

static void curve__with_the_right_keys__is_welcome(void **state)
{
    struct world *world = *state;
    char server_public[41];
    char server_secret[41];
    char client_public[41];
    char client_secret[41];
    assert_int_equal(zmq_curve_keypair(server_public, server_secret), 0);
    assert_int_equal(zmq_curve_keypair(client_public, client_secret), 0);
    fake_tower_stop(&world->side.tower);
    fake_tower_start(&world->side.tower, server_secret);
    world->options.endpoint = world->side.tower.endpoint;
    world->options.curve_server_key = server_public;
    world->options.curve_public_key = client_public;
    world->options.curve_secret_key = client_secret;
    start(world);
    send_replay(&world->side, "rp-1", 1, "k", "erp");
    work(world);
    await_answers(&world->side, 1);
}

static void close__with_replays_in_hand__leaves_nothing(void **state)
{
    struct world *world = *state;
    start(world);
    for (unsigned i = 0; i < 5; i++) {
        char replayid[32];
        (void)snprintf(replayid, sizeof replayid, "rp-%u", i);
        send_replay(&world->side, replayid, 1, replayid, "erp");
    }
    await_in_hand(&world->side, world->agent, 5);
    tillwatch_agent_close(&world->agent);
    assert_null(world->agent);
    tillwatch_agent_close(&world->agent); /* accepts NULL */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(open__wrong_options__are_refused),
        CASE(work__a_replay__is_handed_over_and_accepted),
        CASE(work__a_refusal__says_its_reason),
        CASE(repeats__in_hand_and_after__have_one_effect),
        CASE(attempts__of_one_key__are_made_once_when_done),
        CASE(later__answers_of_any_time__are_sent),
        CASE(replay__too_many_or_for_others__is_refused),
        CASE(replay__past_its_deadline__is_not_begun),
        CASE(hear__nonsense__is_counted_and_survived),
        CASE(heartbeats__go_on__while_a_replay_takes_its_time),
        CASE(silence__of_three_intervals__brings_a_new_hello),
        CASE(restart__of_the_tower__brings_hello_and_what_was_decided),
        CASE(memory_file__over_a_restart__keeps_verdicts_and_keys),
        CASE(work__in_several_threads__never_two_of_one_key),
        CASE(curve__with_the_right_keys__is_welcome),
        CASE(close__with_replays_in_hand__leaves_nothing),
    };
    return cmocka_run_group_tests_name("agent", tests, NULL, NULL);
}
