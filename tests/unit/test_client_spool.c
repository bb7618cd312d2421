/* SPDX-License-Identifier: Apache-2.0
 * client: a sender with a spool file: tower away, restart, full, failing disk, killed. */
#include "config.h"

#include <time.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tillwatch.h"
#include "unit/fake_tower.h"
#include "unit/spool_place.h"

static tillwatch_sender *open_sender(const struct place *place, const char *endpoint, size_t window,
                                     struct ack_log *log)
{
    struct tillwatch_options options = {.endpoint = endpoint,
                                        .spool_file = place->file,
                                        .window = window,
                                        .resend_ms = 60000,
                                        .acknowledged = ack_log_add,
                                        .context = log};
    tillwatch_sender *sender = NULL;
    assert_int_equal(tillwatch_open(&options, &sender), TILLWATCH_OK);
    return sender;
}

static void send_number(tillwatch_sender *sender, int number)
{
    char body[32];
    int len = snprintf(body, sizeof body, "{\"n\":%d}", number);
    uint64_t ticket = 0;
    assert_int_equal(tillwatch_send(sender, NULL, NULL, body, (size_t)len, &ticket), TILLWATCH_OK);
    assert_int_equal(ticket, number);
}

static void sender__tower_away_and_restart__delivers_everything_in_order(void **state)
{
    const struct place *place = *state;
    struct ack_log log = {.count = 0};
    tillwatch_sender *sender = open_sender(place, NOWHERE, 8, &log);
    for (int i = 1; i <= 500; i++) {
        send_number(sender, i);
    }
    assert_int_equal(tillwatch_poll(sender, 0), 0);
    tillwatch_close(&sender);
    struct fake_tower tower;
    fake_tower_start(&tower, NULL);
    sender = open_sender(place, tower.endpoint, 8, &log);
    struct tillwatch_counts now;
    tillwatch_counts(sender, &now);
    assert_int_equal(now.waiting, 500);
    for (int i = 501; i <= 520; i++) {
        send_number(sender, i);
    }
    for (uint64_t i = 1; i <= 520; i++) {
        struct arrived message;
        char body[32];
        fake_tower_receive(&tower, sender, &message);
        (void)snprintf(body, sizeof body, "{\"n\":%d}", (int)i);
        assert_int_equal(message.ticket, i);
        assert_string_equal(message.frames[0], body);
        fake_tower_answer(&tower, &message, "ok", NULL);
    }
    assert_int_equal(tillwatch_flush(sender, FAKE_TOWER_PATIENCE_MS), TILLWATCH_OK);
    assert_int_equal(log.count, 520);
    assert_false(log.is_disordered);
    tillwatch_close(&sender);
    struct stat status;
    assert_int_equal(stat(place->file, &status), 0);
    assert_int_equal(status.st_size, SPOOL_DATA_START);
    /* tickets go on over a restart */
    sender = open_sender(place, tower.endpoint, 8, &log);
    send_number(sender, 521);
    tillwatch_close(&sender);
    fake_tower_stop(&tower);
}

static void sender__spool_full__refuses_and_recovers(void **state)
{
    const struct place *place = *state;
    struct fake_tower tower;
    struct ack_log log = {.count = 0};
    fake_tower_start(&tower, NULL);
    struct tillwatch_options options = {.endpoint = tower.endpoint,
                                        .spool_file = place->file,
                                        .spool_max_bytes = 4096,
                                        .acknowledged = ack_log_add,
                                        .context = &log};
    tillwatch_sender *sender = NULL;
    assert_int_equal(tillwatch_open(&options, &sender), TILLWATCH_OK);
    uint64_t sent = 0;
    while (tillwatch_send(sender, NULL, NULL, body_of(1, 1000), 1000, NULL) == TILLWATCH_OK) {
        sent++;
    }
    assert_int_equal(sent, 3);
    assert_int_equal(tillwatch_send(sender, NULL, NULL, body_of(1, 1000), 1000, NULL),
                     TILLWATCH_FULL);
    for (uint64_t i = 0; i < sent; i++) {
        struct arrived message;
        fake_tower_receive(&tower, sender, &message);
        fake_tower_answer(&tower, &message, "ok", NULL);
    }
    assert_int_equal(tillwatch_flush(sender, FAKE_TOWER_PATIENCE_MS), TILLWATCH_OK);
    assert_int_equal(tillwatch_send(sender, NULL, NULL, body_of(1, 1000), 1000, NULL),
                     TILLWATCH_OK);
    tillwatch_close(&sender);
    fake_tower_stop(&tower);
}

static void cork__many_messages__are_synced_once(void **state)
{
    const struct place *place = *state;
    struct ack_log log = {.count = 0};
    tillwatch_sender *sender = open_sender(place, NOWHERE, 0, &log);
    fail_call(0, 0);
    send_number(sender, 1);
    send_number(sender, 2);
    assert_int_equal(failing_syncs, 2);
    assert_int_equal(tillwatch_cork(sender, 1), TILLWATCH_OK);
    for (int i = 3; i <= 100; i++) {
        send_number(sender, i);
    }
    assert_int_equal(failing_syncs, 2);
    assert_int_equal(tillwatch_cork(sender, 0), TILLWATCH_OK);
    assert_int_equal(failing_syncs, 3);
    assert_int_equal(tillwatch_cork(sender, 0), TILLWATCH_OK);
    assert_int_equal(failing_syncs, 3);
    /* closed corked: synced all the same */
    assert_int_equal(tillwatch_cork(sender, 1), TILLWATCH_OK);
    send_number(sender, 101);
    tillwatch_close(&sender);
    assert_int_equal(failing_syncs, 4);
    /* a sync that fails is told, and no message is taken any more */
    sender = open_sender(place, NOWHERE, 0, &log);
    assert_int_equal(tillwatch_cork(sender, 1), TILLWATCH_OK);
    send_number(sender, 102);
    fail_call(1, EIO);
    assert_int_equal(tillwatch_cork(sender, 0), TILLWATCH_IO);
    assert_int_equal(errno, EIO);
    assert_int_equal(tillwatch_send(sender, NULL, NULL, "{}", 2, NULL), TILLWATCH_IO);
    struct tillwatch_counts now;
    tillwatch_counts(sender, &now);
    assert_int_equal(now.waiting, 102);
    tillwatch_close(&sender);
}

static void poll__spool_damaged_under_way__says_so(void **state)
{
    const struct place *place = *state;
    struct fake_tower tower;
    struct ack_log log = {.count = 0};
    tillwatch_sender *sender = open_sender(place, NOWHERE, 0, &log);
    send_number(sender, 1);
    send_number(sender, 2);
    tillwatch_close(&sender);
    fake_tower_start(&tower, NULL);
    sender = open_sender(place, tower.endpoint, 0, &log);
    int fd = open(place->file, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(__real_pwrite(fd, "?", 1, SPOOL_DATA_START + SPOOL_RECORD_BYTES + 2), 1);
    assert_int_equal(close(fd), 0);
    int rc = 0;
    for (int i = 0; i < FAKE_TOWER_PATIENCE_MS && rc == 0; i++) {
        rc = tillwatch_poll(sender, 1);
    }
    assert_int_equal(rc, TILLWATCH_DAMAGED);
    tillwatch_close(&sender);
    fake_tower_stop(&tower);
}

/* What the parent tells the sender of the kill test. */
struct order {
    char endpoint[128];
    int first;
};

/* The sender of the kill test: takes messages into the spool from number `first` on, and writes
 * each number to `promises` when tillwatch_send has returned. Never returns. */
_Noreturn static void run_victim(const struct place *place, int orders, int promises)
{
    struct order order;
    if (read(orders, &order, sizeof order) != (ssize_t)sizeof order) {
        _exit(1);
    }
    struct tillwatch_options options = {
        .endpoint = order.endpoint, .spool_file = place->file, .window = 16, .resend_ms = 50};
    tillwatch_sender *sender = NULL;
    if (tillwatch_open(&options, &sender) != TILLWATCH_OK) {
        _exit(2);
    }
    for (int number = order.first;; number++) {
        char body[32];
        int len = snprintf(body, sizeof body, "{\"n\":%d}", number);
        if (tillwatch_send(sender, NULL, NULL, body, (size_t)len, NULL) != TILLWATCH_OK ||
            write(promises, &number, sizeof number) != (ssize_t)sizeof number ||
            tillwatch_poll(sender, 0) < 0) {
            _exit(3);
        }
    }
}

#define KILL_CYCLES  8
#define KILL_NUMBERS 200000

struct kill_test {
    bool has_arrived[KILL_NUMBERS];
    int promised; /* the last number that tillwatch_send took */
};

static void note_arrival(struct kill_test *self, struct fake_tower *tower, bool is_answered,
                         const struct arrived *message)
{
    char *end = NULL;
    assert_memory_equal(message->frames[0], "{\"n\":", 5);
    long number = strtol(message->frames[0] + 5, &end, 10);
    assert_string_equal(end, "}");
    assert_in_range(number, 1, KILL_NUMBERS - 1);
    self->has_arrived[number] = true;
    if (is_answered) {
        fake_tower_answer(tower, message, "ok", NULL);
    }
}

static void read_promises(struct kill_test *self, int fd)
{
    int numbers[256];
    ssize_t n = 0;
    do {
        n = read(fd, numbers, sizeof numbers);
        if (n > 0) {
            assert_int_equal((size_t)n % sizeof numbers[0], 0);
            self->promised = numbers[(size_t)n / sizeof numbers[0] - 1];
        }
    } while (n > 0);
}

static void kill_cycle(struct kill_test *self, const struct place *place, unsigned cycle)
{
    int orders[2];
    int promises[2];
    assert_int_equal(pipe2(orders, O_CLOEXEC), 0);
    assert_int_equal(pipe2(promises, O_CLOEXEC), 0);
    pid_t pid = fork(); /* before this process has threads */
    assert_true(pid >= 0);
    if (pid == 0) {
        run_victim(place, orders[0], promises[1]);
    }
    assert_int_equal(fcntl(promises[0], F_SETFL, O_NONBLOCK), 0);
    struct fake_tower tower;
    fake_tower_start(&tower, NULL);
    struct order order = {.first = self->promised + 1};
    memcpy(order.endpoint, tower.endpoint, sizeof order.endpoint);
    assert_int_equal(write(orders[1], &order, sizeof order), sizeof order);
    for (unsigned i = 0; i < 40 + 17 * cycle; i++) {
        struct arrived message;
        assert_true(fake_tower_look(&tower, FAKE_TOWER_PATIENCE_MS, &message));
        note_arrival(self, &tower, i % (cycle + 2) != 0, &message);
        read_promises(self, promises[0]);
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    read_promises(self, promises[0]);
    /* libzmq must see that the peer is gone before it is told to end: in the middle of a message it
     * may wait for the rest for ever (4.3.4, once in some thousand times) */
    (void)nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL); /* shorter does, too */
    fake_tower_stop(&tower);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(close(orders[i]), 0);
        assert_int_equal(close(promises[i]), 0);
    }
}

static void sender__killed_at_any_time__loses_nothing_it_took(void **state)
{
    const struct place *place = *state;
    struct kill_test *self = calloc(1, sizeof *self);
    assert_non_null(self);
    for (unsigned cycle = 0; cycle < KILL_CYCLES; cycle++) {
        kill_cycle(self, place, cycle);
    }
    assert_in_range(self->promised, 300, KILL_NUMBERS - 1);
    struct fake_tower tower;
    struct ack_log log = {.count = 0};
    fake_tower_start(&tower, NULL);
    tillwatch_sender *sender = open_sender(place, tower.endpoint, 64, &log);
    struct tillwatch_counts now;
    tillwatch_counts(sender, &now);
    uint64_t last = 0;
    while (now.waiting > 0) {
        struct arrived message;
        fake_tower_receive(&tower, sender, &message);
        assert_true(last == 0 || message.ticket == last + 1);
        last = message.ticket;
        note_arrival(self, &tower, true, &message);
        now.waiting--;
    }
    assert_int_equal(tillwatch_flush(sender, FAKE_TOWER_PATIENCE_MS), TILLWATCH_OK);
    for (int i = 1; i <= self->promised; i++) {
        assert_true(self->has_arrived[i]);
    }
    assert_false(log.is_disordered);
    tillwatch_close(&sender);
    fake_tower_stop(&tower);
    free(self);
}
int main(void)
{
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        WITH_PLACE(sender__tower_away_and_restart__delivers_everything_in_order),
        WITH_PLACE(sender__spool_full__refuses_and_recovers),
        WITH_PLACE(cork__many_messages__are_synced_once),
        WITH_PLACE(poll__spool_damaged_under_way__says_so),
        WITH_PLACE(sender__killed_at_any_time__loses_nothing_it_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
