/* SPDX-License-Identifier: Apache-2.0
 * Grouping against a naive model: random alerts, ends, acknowledgements and silences on random
 * routes, second by second; the model keeps sets and looks at everything every time. Both tell the
 * same, with a restart of the real one now and then.
 */
#include "config.h"
#include "group_kit.h"

#include <inttypes.h>

#define NAMES   12
#define GROUPS  3 /* names 0..3, 4..7, 8..11 */
#define SECONDS 1500
#define ROUNDS  60

struct model_alert {
    bool fires;
    bool is_acked;
    int64_t fired_s;
    bool is_told; /* as firing */
    int64_t told_s;
};
struct model {
    struct model_alert alerts[NAMES];
    int64_t next_s[GROUPS]; /* 0: not looked at yet */
    int64_t told_s[GROUPS];
    unsigned escalated[GROUPS];
    unsigned reached[GROUPS];
    int64_t silence_from;
    int64_t silence_until; /* of names that divide by three */
    int64_t wait_s;
    int64_t interval_s;
    int64_t repeat_s;
    int64_t step_s;
    FILE *out;
};
static struct gk gk;
static struct model model;
static uint64_t seed;

static uint64_t rnd(uint64_t below)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % below;
}

/* ---- the model ---- */

static bool is_heard(int name, int64_t now)
{
    bool is_silenced = name % 3 == 0 && now >= model.silence_from && now < model.silence_until;
    return model.alerts[name].fires && !is_silenced;
}

/* Oldest first, then by name: all have one severity. */
static void print_names(int group, int64_t now, bool wants_over)
{
    bool is_done[NAMES] = {false};
    for (;;) {
        int best = -1;
        for (int i = group * 4; i < group * 4 + 4; i++) {
            const struct model_alert *alert = &model.alerts[i];
            bool is_wanted = wants_over ? alert->is_told && !alert->fires : is_heard(i, now);
            bool is_better = best < 0 || alert->fired_s < model.alerts[best].fired_s;
            best = is_wanted && !is_done[i] && is_better ? i : best;
        }
        if (best < 0) {
            return;
        }
        is_done[best] = true;
        (void)fprintf(model.out, " N%02d", best);
    }
}

static void print_line(int group, int64_t now, const char *receiver, const char *what,
                       bool with_over)
{
    (void)fprintf(model.out, "%" PRId64 " %s/pub %s:", now, receiver, what);
    print_names(group, now, false);
    (void)fprintf(model.out, " /");
    if (with_over) {
        print_names(group, now, true);
    }
    (void)fprintf(model.out, "\n");
}

struct count {
    int heard;
    int fresh;
    int over;
    int quiet;
    int unanswered;
    int told;
    int64_t asked_s;
    int64_t first_s; /* of those that fire */
};

static struct count count_of(int group, int64_t now)
{
    struct count count = {0};
    for (int i = group * 4; i < group * 4 + 4; i++) {
        const struct model_alert *alert = &model.alerts[i];
        bool heard = is_heard(i, now);
        count.told += alert->is_told;
        count.heard += heard;
        count.fresh += heard && !alert->is_told;
        count.over += alert->is_told && !alert->fires;
        count.quiet += alert->is_told && alert->fires && !heard;
        if (heard && alert->is_told && !alert->is_acked) {
            bool is_first = count.unanswered == 0 || alert->told_s < count.asked_s;
            count.asked_s = is_first ? alert->told_s : count.asked_s;
            count.unanswered++;
        }
        if (alert->fires && (count.first_s == 0 || alert->fired_s < count.first_s)) {
            count.first_s = alert->fired_s;
        }
    }
    return count;
}

static void tell(int group, int64_t now, const char *reason, const struct count *count)
{
    char what[64];
    (void)snprintf(what, sizeof what, "notify %s", reason);
    print_line(group, now, "ops", what, true);
    if (count->over > 0 && model.reached[group] > 0) {
        print_line(group, now, "lead", what, true);
    }
    for (int i = group * 4; i < group * 4 + 4; i++) {
        struct model_alert *alert = &model.alerts[i];
        bool heard = is_heard(i, now);
        alert->told_s = heard && !alert->is_told ? now : alert->told_s;
        alert->is_told = heard || (alert->is_told && alert->fires);
    }
    model.told_s[group] = now;
}

static void look(int group, int64_t now)
{
    struct count count = count_of(group, now);
    int64_t due = model.next_s[group] != 0
                      ? model.next_s[group]
                      : (count.first_s == 0 ? INT64_MAX : count.first_s + model.wait_s);
    if (now >= due) {
        model.next_s[group] = due + ((now - due) / model.interval_s + 1) * model.interval_s;
        if (count.fresh > 0) {
            tell(group, now, count.told == 0 ? "first notification" : "new alerts added", &count);
        } else if (count.over > 0) {
            tell(group, now,
                 count.heard + count.quiet == 0 ? "all alerts resolved" : "some alerts resolved",
                 &count);
        } else if (count.unanswered > 0 && now >= model.told_s[group] + model.repeat_s) {
            tell(group, now, "repeat interval elapsed", &count);
        }
        count = count_of(group, now);
        if (count.told == 0) {
            model.escalated[group] = 0;
            model.reached[group] = 0;
        }
    }
    if (count.unanswered > 0 && model.escalated[group] == 0 &&
        now >= count.asked_s + model.step_s) {
        print_line(group, now, "lead", "escalation nobody has acknowledged", false);
        model.escalated[group] = 1;
        model.reached[group] = 1;
    }
    if (count.heard > count.fresh && count.unanswered == 0 && count.told > 0) {
        model.escalated[group] = 0; /* it is in somebody's hand */
    }
    if (count.told == 0 && count.first_s == 0) {
        model.next_s[group] = 0; /* it is over */
        model.told_s[group] = 0;
    }
}

/* ---- both ---- */

static void change(int64_t now, uint64_t fingerprints[NAMES])
{
    int name = (int)rnd(NAMES);
    struct model_alert *alert = &model.alerts[name];
    char labels[96];
    (void)snprintf(labels, sizeof labels, "{\"alertname\":\"G%d\",\"n\":\"N%02d\"}", name / 4,
                   name);
    if (!alert->fires) {
        fingerprints[name] = gk_fire(&gk, labels);
        alert->fires = true;
        alert->is_acked = false;
        alert->fired_s = now;
    } else if (rnd(3) == 0) {
        gk_ack(&gk, fingerprints[name]);
        alert->is_acked = true;
    } else {
        gk_end(&gk, fingerprints[name]);
        alert->fires = false;
    }
}

static void play(uint64_t round)
{
    char yaml[512];
    char *told = NULL;
    size_t len = 0;
    uint64_t fingerprints[NAMES] = {0};
    seed = round * 77 + 5;
    model = (struct model){.wait_s = (int64_t)rnd(40),
                           .interval_s = 1 + (int64_t)rnd(60),
                           .step_s = 1 + (int64_t)rnd(200)};
    model.repeat_s = model.interval_s * (1 + (int64_t)rnd(8));
    model.silence_from = (int64_t)rnd(SECONDS);
    model.silence_until = model.silence_from + 1 + (int64_t)rnd(400);
    (void)snprintf(yaml, sizeof yaml,
                   "receivers: [{name: ops, pub: [{}]}, {name: lead, pub: [{}]}]\n"
                   "route: {receiver: ops, group-wait: %" PRId64 "s, group-interval: %" PRId64
                   "s, repeat-interval: %" PRId64 "s, escalate: [{after: %" PRId64
                   "s, receiver: lead}]}\n",
                   model.wait_s, model.interval_s, model.repeat_s, model.step_s);
    gk_init(&gk, yaml, NULL);
    model.out = open_memstream(&told, &len);
    gk_silence(&gk, "[{\"name\":\"n\",\"value\":\"N(00|03|06|09)\",\"isRegex\":true}]",
               model.silence_from, model.silence_until);
    gk.now_s = 1;
    for (int64_t now = 1; now < SECONDS; now++) {
        gk.now_s = now;
        for (uint64_t i = 0; i < 2 && rnd(12) == 0; i++) {
            change(now, fingerprints);
        }
        if (rnd(50) == 0) {
            gk_restart(&gk);
        }
        gk_run(&gk, now);
        for (int group = 0; group < GROUPS; group++) {
            look(group, now);
        }
    }
    (void)fclose(model.out);
    gk_expect(&gk, told);
    assert_true(strlen(told) > 100);
    free(told);
    gk_fini(&gk);
}

static void model__random_days__both_tell_the_same(void **state)
{
    (void)state;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        play(round);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model__random_days__both_tell_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
