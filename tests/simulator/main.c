/* SPDX-License-Identifier: Apache-2.0
 * retail-sim: a retail estate that Tillwatch can listen to, with faults by name and a ledger of
 * what was done. See docs/simulator.md.
 * One thread (and those of ZeroMQ). SIGINT and SIGTERM end the run as its end would.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "simulator/sim.h"

/* Events leave so much after their time: looks at the clock and sleeps are not exact, and an event
 * that arrives before its time would be a wrong clock to the tower. */
#define BEHIND_US 20000

/* Slots between two looks at the clock when there is no hurry to wait. */
#define LOOK_EVERY 64

/* Pings and what was put off are never much later than that. */
#define AGENT_LOOK_MS 20

static volatile sig_atomic_t is_stopping; /* set by a signal handler, nothing else is shared */

static void stop(int signal_number)
{
    (void)signal_number;
    is_stopping = 1;
}

static int64_t mono_us(void)
{
    struct tw_clock *clock = tw_clock_system();
    return clock->mono(clock).ns / TW_NS_PER_US;
}

struct pace {
    bool is_paced;
    double speed;
    double start_us;   /* simulated */
    int64_t origin_us; /* of the clock */
    int64_t deadline_us;
};

static void sleep_us(int64_t us)
{
    struct timespec span = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    (void)nanosleep(&span, NULL); /* a signal only ends it early */
}

/* Answer the tower, if that is wanted. */
static int turn_agent(struct sim *sim, struct tw_diag *diag)
{
    return sim->agent == NULL ? TW_OK : sim_agent_turn(sim->agent, (int64_t)sim->now_us, diag);
}

/* A slice of waiting; what the tower orders meanwhile ends it. */
static int wait_us(struct sim *sim, int64_t us, struct tw_diag *diag)
{
    if (sim->agent == NULL) {
        sleep_us(us);
        return TW_OK;
    }
    sim_agent_wait(sim->agent, (int)(us / 1000 < AGENT_LOOK_MS ? us / 1000 : AGENT_LOOK_MS));
    return turn_agent(sim, diag);
}

/* Wait until the slot at hand is due; meanwhile nothing lies around in buffers. */
static int keep_pace(struct sim *sim, const struct pace *pace, struct tw_diag *diag)
{
    if (!pace->is_paced) {
        return TW_OK;
    }
    int64_t due_us = pace->origin_us + (int64_t)((sim->now_us - pace->start_us) / pace->speed);
    int64_t ahead_us = due_us - mono_us();
    if (ahead_us < 1000) {
        return TW_OK; /* slices of a millisecond: shorter sleeps are not kept anyway */
    }
    int result = sim_outlet_flush(sim->outlet, diag);
    while (result == TW_OK && ahead_us > 0 && is_stopping == 0) {
        int64_t slice_us = ahead_us < 50000 ? ahead_us : 50000;
        result = wait_us(sim, slice_us, diag);
        if (result == TW_OK) {
            result = sim_outlet_poll(sim->outlet, 0, diag);
        }
        ahead_us = due_us - mono_us();
    }
    return result;
}

static bool is_over(const struct sim *sim, const struct pace *pace)
{
    const struct sim_options *options = sim->options;
    if (is_stopping != 0 || (options->events > 0 && sim->totals.composed >= options->events) ||
        (int64_t)sim->now_us >= sim->end_us) {
        return true;
    }
    return pace->deadline_us > 0 && sim->totals.composed % LOOK_EVERY == 0 &&
           mono_us() >= pace->deadline_us;
}

static int play(struct sim *sim, const struct pace *pace, struct tw_diag *diag)
{
    int result = TW_OK;
    uint64_t slots = 0;
    /* With slots shorter than the slices of pacing, a look at the clock per slot is waste. */
    uint64_t look_every = sim->slot_us / pace->speed > 200 ? 1 : LOOK_EVERY;
    while (result == TW_OK && !is_over(sim, pace)) {
        if (slots++ % look_every == 0) {
            result = turn_agent(sim, diag);
            result = result == TW_OK ? keep_pace(sim, pace, diag) : result;
        }
        if (result == TW_OK) {
            result = sim_slot(sim, diag);
        }
    }
    bool more = sim->options->is_draining;
    while (result == TW_OK && more && is_stopping == 0) {
        if (slots++ % LOOK_EVERY == 0) {
            result = turn_agent(sim, diag);
        }
        result = result == TW_OK ? sim_drain_slot(sim, &more, diag) : result;
    }
    return result;
}

/* Nothing but answering replays; simulated time goes on with the clock. */
static int serve(struct sim *sim, const struct pace *pace, struct tw_diag *diag)
{
    double duration_s = sim->options->duration_s;
    int64_t end_us = duration_s > 0 ? pace->origin_us + (int64_t)(duration_s * 1e6) : INT64_MAX;
    int result = TW_OK;
    for (int64_t at_us = mono_us(); result == TW_OK && is_stopping == 0 && at_us < end_us;
         at_us = mono_us()) {
        sim->now_us = pace->start_us + (double)(at_us - pace->origin_us) * pace->speed;
        result = turn_agent(sim, diag);
        if (result == TW_OK) {
            result = sim_outlet_poll(sim->outlet, 0, diag);
        }
        sim_agent_wait(sim->agent, AGENT_LOOK_MS);
    }
    return result;
}

static void print_summary(struct sim *sim, double seconds)
{
    struct sim_outlet_counts sent = sim_outlet_counts(sim->outlet);
    const struct sim_totals *totals = &sim->totals;
    (void)fprintf(stderr, "retail-sim: %llu events in %.2f s (%.0f/s):",
                  (unsigned long long)totals->delivered, seconds,
                  (double)totals->delivered / (seconds > 1e-6 ? seconds : 1e-6));
    for (unsigned tap = 0; tap < SIM_TAP_COUNT; tap++) {
        if (sent.events[tap] > 0) {
            (void)fprintf(stderr, " %s %llu", sim_tap_name((enum sim_tap)tap),
                          (unsigned long long)sent.events[tap]);
        }
    }
    (void)fprintf(stderr, "; acknowledged %llu messages, resent %llu\n",
                  (unsigned long long)sent.acknowledged, (unsigned long long)sent.resent);
}

static int run(struct sim *sim, const struct sim_options *options, struct tw_diag *diag)
{
    int result = sim_init(sim, options, diag);
    if (result != TW_OK) {
        return result;
    }
    struct pace pace = {.is_paced = options->rate > 0 && !options->is_unpaced,
                        .speed = options->speed,
                        .start_us = sim->now_us,
                        .origin_us = mono_us() + BEHIND_US};
    if (options->duration_s > 0 && options->rate <= 0) {
        pace.deadline_us = pace.origin_us + (int64_t)(options->duration_s * 1e6);
    }
    result = options->is_agent_only ? serve(sim, &pace, diag) : play(sim, &pace, diag);
    if (result == TW_OK) {
        result = sim_finish(sim, diag);
    }
    if (result == TW_OK && !options->is_quiet) {
        print_summary(sim, (double)(mono_us() - pace.origin_us + BEHIND_US) / 1e6);
    }
    return result;
}

int main(int argc, char **argv)
{
    static struct sim sim; /* half a megabyte: too much for the stack */
    struct sim_options options;
    struct tw_diag diag = {{0}};
    switch (sim_options_read(argc, argv, &options)) {
    case SIM_OPTIONS_DONE:
        return 0;
    case SIM_OPTIONS_WRONG:
        return 2;
    case SIM_OPTIONS_RUN:
    default:
        break;
    }
    struct sigaction action = {.sa_handler = stop};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    int result = run(&sim, &options, &diag);
    sim_fini(&sim);
    if (result != TW_OK) {
        (void)fprintf(stderr, "retail-sim: %s\n",
                      diag.text[0] != 0 ? diag.text : tw_err_text(result));
        return 1;
    }
    return 0;
}
