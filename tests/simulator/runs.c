/* SPDX-License-Identifier: Apache-2.0
 * A book is a row of marks, one for each order and step. What a step comes to follows from its
 * marks and from those of the steps that it comes after.
 */
#include "config.h"
#include "simulator/runs.h"

#include <stdarg.h>
#include <stdlib.h>

#define FACT_BYTES 8192 /* of a fact but for the stores that are missing */
#define STORE_TEXT 7    /* bytes of "0042", */

struct mark {
    int64_t done_us; /* 0: not done; fan-out: the last answer */
    const char *cause;
    uint16_t failures;
    uint16_t retries;
};

struct book {
    uint32_t faults[SIM_ORDERS_MAX];     /* by order: bit k is enum sim_fault_kind k */
    uint8_t cancelled;                   /* bit i: order i */
    uint16_t taken_back[SIM_ORDERS_MAX]; /* by order; bit s: step s was */
    uint32_t answered;                   /* fan-out: stores */
    uint8_t *has_answered;               /* fan-out: by store; else NULL */
    struct mark marks[];                 /* by order, then step */
};

struct sim_runs {
    uint32_t capacity;
    uint32_t store_count;
    struct book **books;
    char *text;
    size_t size;
    size_t len;
};

int sim_runs_new(uint32_t capacity, uint32_t store_count, struct sim_runs **ret_runs)
{
    struct sim_runs *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->capacity = capacity;
    self->store_count = store_count;
    self->books = calloc(capacity, sizeof(struct book *));
    self->size = FACT_BYTES + (size_t)store_count * STORE_TEXT;
    self->text = malloc(self->size);
    if (self->books == NULL || self->text == NULL) {
        sim_runs_destroy(&self);
        return TW_ENOMEM;
    }
    *ret_runs = self;
    return TW_OK;
}

static void close_book(struct sim_runs *self, uint32_t number)
{
    if (self->books[number] != NULL) {
        free(self->books[number]->has_answered);
        free(self->books[number]);
        self->books[number] = NULL;
    }
}

void sim_runs_destroy(struct sim_runs **self_p)
{
    struct sim_runs *self = *self_p;
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; self->books != NULL && i < self->capacity; i++) {
        close_book(self, i);
    }
    free((void *)self->books);
    free(self->text);
    free(self);
    *self_p = NULL;
}

int sim_runs_begin(struct sim_runs *self, uint32_t number, const struct sim_flow *flow)
{
    const struct sim_kind_info *kind = &sim_kinds[flow->kind];
    if (kind->object == 0) {
        return TW_OK;
    }
    size_t marks = (size_t)flow->orders * kind->step_count;
    struct book *book = calloc(1, sizeof(*book) + marks * sizeof(struct mark));
    if (book == NULL) {
        return TW_ENOMEM;
    }
    self->books[number] = book;
    for (unsigned s = 0; s < kind->step_count; s++) {
        if (kind->steps[s].per == SIM_EACH_STORE && book->has_answered == NULL) {
            book->has_answered = calloc(self->store_count, 1);
            if (book->has_answered == NULL) {
                close_book(self, number);
                return TW_ENOMEM;
            }
        }
    }
    return TW_OK;
}

bool sim_runs_is_open(const struct sim_runs *self, uint32_t number)
{
    return self->books[number] != NULL;
}

static struct mark *mark_of(struct book *book, const struct sim_flow *flow, unsigned order,
                            unsigned step)
{
    return &book->marks[(size_t)order * sim_kinds[flow->kind].step_count + step];
}

static void note_answer(struct sim_runs *self, struct book *book, struct mark *mark,
                        const struct sim_deed *deed)
{
    if (book->has_answered[deed->store] == 0) {
        book->has_answered[deed->store] = 1;
        book->answered++;
    }
    if (book->answered == self->store_count) {
        mark->done_us = deed->at_us; /* answers come in order of time */
    }
}

void sim_runs_note(struct sim_runs *self, uint32_t number, const struct sim_flow *flow,
                   const struct sim_deed *deed)
{
    struct book *book = self->books[number];
    if (book == NULL) {
        return;
    }
    for (unsigned i = 0; i < deed->order_count; i++) {
        struct mark *mark = mark_of(book, flow, deed->orders[i], flow->step);
        switch (deed->outcome) {
        case SIM_DEED_FAILED:
            mark->failures++;
            mark->cause = deed->cause;
            break;
        case SIM_DEED_RETRYING:
            mark->retries++;
            break;
        case SIM_DEED_CANCELLED:
            book->cancelled |= (uint8_t)(1u << deed->orders[i]);
            break;
        case SIM_DEED_TAKEN_BACK:
            book->taken_back[deed->orders[i]] |= (uint16_t)(1u << flow->step);
            break;
        case SIM_DEED_DONE:
        default:
            if (sim_flow_step(flow)->per == SIM_EACH_STORE) {
                note_answer(self, book, mark, deed);
            } else if (mark->done_us == 0) {
                mark->done_us = deed->at_us;
            }
            break;
        }
    }
}

void sim_runs_blame(struct sim_runs *self, uint32_t number, const unsigned *orders,
                    unsigned order_count, enum sim_fault_kind fault)
{
    struct book *book = self->books[number];
    for (unsigned i = 0; book != NULL && i < order_count; i++) {
        book->faults[orders[i]] |= 1u << fault;
    }
}

/* ---- what it comes to ---- */

enum end { END_DONE, END_FAILED, END_OVERDUE, END_WAITING, END_SKIPPED };

struct ends {
    enum end of[SIM_STEPS_MAX];
    bool is_late[SIM_STEPS_MAX];
    const char *state;
    int step; /* the one that fails or is overdue; -1: none */
};

/* What the step stands on was taken back, or the step itself. */
static bool is_covered(const struct book *book, const struct sim_step *steps, unsigned order,
                       unsigned s)
{
    uint32_t covered = book->taken_back[order];
    for (unsigned at = 0; at <= s; at++) {
        covered |= (steps[at].after & covered) != 0 ? 1u << at : 0;
    }
    return (covered >> s & 1) != 0;
}

static enum end end_of_step(struct book *book, const struct sim_flow *flow, unsigned order,
                            unsigned s, struct ends *ends)
{
    const struct sim_step *steps = sim_kinds[flow->kind].steps;
    const struct mark *mark = mark_of(book, flow, order, s);
    int64_t from_us = 0;
    bool is_held_up = false;
    for (unsigned before = 0; before < s; before++) {
        if ((steps[s].after >> before & 1) != 0) {
            int64_t at_us = mark_of(book, flow, order, before)->done_us;
            is_held_up = is_held_up || at_us == 0;
            from_us = at_us > from_us ? at_us : from_us;
        }
    }
    if (mark->done_us != 0) {
        int64_t due_us = from_us + (int64_t)steps[s].within_s * 1000000;
        ends->is_late[s] = steps[s].within_s != 0 && mark->done_us > due_us;
        return END_DONE;
    }
    if ((book->cancelled >> order & 1) != 0) {
        return END_SKIPPED;
    }
    if (mark->failures > 0) {
        return END_FAILED;
    }
    if (is_covered(book, steps, order, s)) {
        return END_SKIPPED;
    }
    if (is_held_up) {
        return END_WAITING;
    }
    return steps[s].within_s != 0 ? END_OVERDUE : END_WAITING; /* no deadline: may be left out */
}

static void find_ends(struct book *book, const struct sim_flow *flow, unsigned order,
                      struct ends *ends)
{
    const struct sim_kind_info *kind = &sim_kinds[flow->kind];
    bool is_troubled = false;
    int failed = -1;
    int overdue = -1;
    for (unsigned s = 0; s < kind->step_count; s++) {
        if (kind->steps[s].name == NULL || sim_step_repeats(&kind->steps[s], flow, 1) == 0) {
            ends->of[s] = END_SKIPPED;
            continue;
        }
        ends->of[s] = end_of_step(book, flow, order, s, ends);
        is_troubled = is_troubled || ends->is_late[s] ||
                      (ends->of[s] == END_DONE && mark_of(book, flow, order, s)->failures > 0);
        failed = failed < 0 && ends->of[s] == END_FAILED ? (int)s : failed;
        overdue = overdue < 0 && ends->of[s] == END_OVERDUE ? (int)s : overdue;
    }
    ends->step = failed >= 0 ? failed : overdue;
    if ((book->cancelled >> order & 1) != 0) {
        ends->state = "compensated";
    } else if (failed >= 0) {
        ends->state = "failed";
    } else if (overdue >= 0) {
        ends->state = "overdue";
    } else {
        ends->state = is_troubled ? "recovered" : "completed";
        if (book->taken_back[order] != 0) {
            ends->state = "compensated";
        }
        for (unsigned s = 0; s < kind->step_count; s++) {
            ends->of[s] = ends->of[s] == END_WAITING ? END_SKIPPED : ends->of[s];
        }
    }
}

/* ---- writing ---- */

static void put(struct sim_runs *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put(struct sim_runs *self, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int len = vsnprintf(self->text + self->len, self->size - self->len, format, list);
    va_end(list);
    TW_ASSERT(len >= 0 && (size_t)len < self->size - self->len);
    self->len += (size_t)len;
}

static void put_steps(struct sim_runs *self, struct book *book, const struct sim_flow *flow,
                      unsigned order, const struct ends *ends)
{
    static const char *const words[] = {"done", "failed", "overdue", "waiting", "skipped"};
    const struct sim_kind_info *kind = &sim_kinds[flow->kind];
    const char *comma = "";
    for (unsigned s = 0; s < kind->step_count; s++) {
        if (kind->steps[s].name == NULL || sim_step_repeats(&kind->steps[s], flow, 1) == 0) {
            continue;
        }
        const struct mark *mark = mark_of(book, flow, order, s);
        put(self, "%s{\"name\":\"%s\",\"state\":\"%s\",\"attempts\":%u", comma, kind->steps[s].name,
            words[ends->of[s]], mark->failures + mark->retries + (mark->done_us != 0 ? 1u : 0u));
        put(self, "%s}", ends->is_late[s] ? ",\"late\":true" : "");
        comma = ",";
    }
}

static void put_missing(struct sim_runs *self, const struct book *book,
                        const struct sim_estate *estate)
{
    const char *comma = "";
    put(self, ",\"answered\":%u,\"missing\":[", book->answered);
    for (uint32_t i = 0; i < self->store_count; i++) {
        if (book->has_answered[i] == 0) {
            put(self, "%s\"%.4s\"", comma, estate->stores[i].id);
            comma = ",";
        }
    }
    put(self, "]");
}

static void put_run(struct sim_runs *self, struct book *book, const struct sim_compose *what,
                    unsigned order, bool is_open)
{
    const struct sim_kind_info *kind = &sim_kinds[what->flow->kind];
    struct ends ends = {{END_DONE}, {false}, NULL, -1};
    struct sim_flow flow = *what->flow;
    struct sim_compose object_of = *what;
    char object[96];
    flow.rep = (uint16_t)order;
    object_of.flow = &flow;
    sim_types_object(kind->object, &object_of, object);
    find_ends(book, &flow, order, &ends);
    self->len = 0;
    put(self, "\"fact\":\"run\",\"workflow\":\"%s\",\"object\":\"%s\",\"state\":\"%s\"", kind->name,
        object, ends.state);
    if (ends.step >= 0) {
        const struct mark *mark = mark_of(book, &flow, order, (unsigned)ends.step);
        put(self, ",\"step\":\"%s\",\"cause\":\"%s\"", kind->steps[ends.step].name,
            mark->failures > 0 ? mark->cause : "missing");
    }
    put(self, ",\"faults\":[");
    const char *comma = "";
    for (unsigned k = 0; k < SIM_FAULT_COUNT; k++) {
        if ((book->faults[order] >> k & 1) != 0) {
            put(self, "%s\"%s\"", comma, sim_fault_name((enum sim_fault_kind)k));
            comma = ",";
        }
    }
    put(self, "],\"open\":%s,\"steps\":[", is_open ? "true" : "false");
    put_steps(self, book, &flow, order, &ends);
    put(self, "]");
    if (book->has_answered != NULL) {
        put_missing(self, book, what->estate);
    }
}

/* The first step that the workflow knows has been done. */
static bool has_started(struct book *book, const struct sim_flow *flow, unsigned order)
{
    const struct sim_kind_info *kind = &sim_kinds[flow->kind];
    unsigned first = 0;
    while (kind->steps[first].name == NULL) {
        first++;
    }
    return mark_of(book, flow, order, first)->done_us != 0;
}

void sim_runs_end(struct sim_runs *self, uint32_t number, const struct sim_compose *what,
                  bool is_open, struct sim_ledger *ledger)
{
    struct book *book = self->books[number];
    if (book == NULL) {
        return;
    }
    for (unsigned order = 0; order < what->flow->orders; order++) {
        if (has_started(book, what->flow, order)) {
            put_run(self, book, what, order, is_open);
            sim_ledger_fact(ledger, "%s", self->text);
        }
    }
    close_book(self, number);
}
