/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "track_kit.h"

#include <string.h>

#include "store/writer.h"

static const char *const workflows[] = {"click-and-collect", "order", "sale-posting"};
static const char *const steps[] = {"paid", "posted", "shipped", NULL};
static const char *const systems[] = {"erp", "pos", "wms", NULL};
static const char *const stores[] = {"0042", "0043", "0999", NULL};
static const char *const regions[] = {"north", "south", NULL};
static const char *const metrics[] = {"lag", "run_failed", "step_waiting"};
static const char *const objectives[TK_OBJECTIVES] = {"complete", "in-time", "x"};

static uint64_t rnd(struct tk *self, uint64_t below)
{
    return kit_rnd(&self->kit, below);
}

static struct tw_str pick(struct tk *self, const char *const *texts, size_t count)
{
    return tw_str_of(texts[rnd(self, count)]);
}

#define PICK(self, texts) pick(self, texts, sizeof(texts) / sizeof((texts)[0]))

void tk_init(struct tk *self, uint64_t seed)
{
    memset(self, 0, sizeof *self);
    kit_init(&self->kit, seed);
    tw_arena_init(&self->texts, (size_t)1 << 28);
    self->points = calloc(TK_ROWS_MAX, sizeof *self->points);
    self->sketches = calloc(TK_ROWS_MAX, sizeof *self->sketches);
    self->spends = calloc(TK_ROWS_MAX, sizeof *self->spends);
    self->decisions = calloc(TK_ROWS_MAX, sizeof *self->decisions);
    self->partition = 1;
    self->is_new_process = true;
    for (uint32_t i = 0; i < TK_SERIES; i++) {
        struct tk_series *series = &self->series[i];
        series->number = i;
        series->kind = (enum tw_series_kind)(i % 3);
        (void)snprintf(series->metric, sizeof series->metric, "%s", metrics[i % 3]);
        (void)snprintf(series->labels, sizeof series->labels,
                       "{\"step\":\"s%u\",\"we\\\"ird\":\"\\u00e9\\n\",\"workflow\":\"w%u\"}",
                       i / 3 % 4, i / 12);
    }
}

void tk_fini(struct tk *self)
{
    kit_fini(&self->kit);
    tw_arena_fini(&self->texts);
    free(self->points);
    free(self->sketches);
    free(self->spends);
    free(self->decisions);
}

void tk_open(struct tk *self)
{
    int rc = kit_open(&self->kit);
    if (rc != TW_OK) {
        print_error("open: %s\n", self->kit.diag.text);
    }
    assert_int_equal(rc, TW_OK);
}

void tk_restart(struct tk *self)
{
    kit_close(&self->kit);
    tk_open(self);
    self->is_new_process = true;
    for (uint32_t i = TK_SERIES; i > 1; i--) {
        uint32_t other = (uint32_t)rnd(self, i);
        uint32_t kept = self->series[i - 1].number;
        self->series[i - 1].number = self->series[other].number;
        self->series[other].number = kept;
    }
}

void tk_keeper(struct tk *self)
{
    int rc = tw_keeper_run_once(self->kit.store, &self->kit.diag);
    if (rc != TW_OK) {
        print_error("keeper: %s\n", self->kit.diag.text);
    }
    assert_int_equal(rc, TW_OK);
}

struct tw_reader *tk_reader(struct tk *self)
{
    struct tw_reader *reader = NULL;
    assert_int_equal(tw_reader_open(self->kit.dir, &reader, &self->kit.diag), TW_OK);
    return reader;
}

/* ---- random changes -------------------------------------------------------------------------- */

static void *alloc(struct tk *self, size_t count, size_t size)
{
    void *memory = tw_arena_zalloc(&self->kit.batch->arena, (count + 1) * size);
    assert_non_null(memory);
    return memory;
}

static struct tw_str text_of(struct tk *self, const char *prefix, uint64_t value)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%s%llu", prefix, (unsigned long long)value);
    return tw_arena_copy(&self->texts, tw_str_of(text));
}

/* A random row of run i. Three quarters are open. */
static struct tw_run_row make_run(struct tk *self, size_t i)
{
    int64_t now = self->kit.clock.wall.ns;
    struct tw_run_row row = {
        .workflow = tw_str_of(workflows[i % 3]),
        .version = UINT64_MAX - rnd(self, 3),
        .object_type = (uint16_t)(1 + i % 2),
        .object_id = text_of(self, "", i / 4),
        .object_scope = i % 4 < 2 ? TW_STR_LIT("") : tw_str_of(i % 8 < 4 ? "a" : "a/b"),
        .state = (enum tw_run_state)rnd(self, 6),
        .cause = (enum tw_cause)rnd(self, TW_CAUSE_COUNT),
        .step = PICK(self, steps),
        .system = PICK(self, systems),
        .destination = PICK(self, steps),
        .store = PICK(self, stores),
        .region = PICK(self, regions),
        .code = rnd(self, 2) == 0 ? TW_STR_NULL : text_of(self, "E", rnd(self, 9)),
        .started = {now - (int64_t)rnd(self, 1000) * TW_NS_PER_S},
        .since = {now - (int64_t)rnd(self, 50) * TW_NS_PER_S},
        .due = {(int64_t)rnd(self, 2) * now},
        .finished = {rnd(self, 4) == 0 ? now - (int64_t)rnd(self, 100) * TW_NS_PER_S : 0},
        .updated = {now},
        .amount_minor = (int64_t)rnd(self, 100000) - 50000,
        .currency = "EUR",
        .first_n = 1 + rnd(self, 1000),
        .last_n = 1000 + rnd(self, 1000),
        .attempts = (uint32_t)rnd(self, 4),
        .missing = rnd(self, 8) == 0 ? TW_STR_LIT("[\"0042\"]") : TW_STR_NULL,
        .expected = (uint32_t)rnd(self, 600),
        .answered = (uint32_t)rnd(self, 600),
    };
    if (rnd(self, 3) == 0) {
        row.currency[0] = 0;
    }
    return row;
}

static void fill_runs(struct tk *self, bool all_open)
{
    struct tw_run_row *rows = alloc(self, TK_RUNS, sizeof *rows);
    size_t count = 0;
    size_t wanted = rnd(self, 12);
    for (size_t i = 0; i < TK_RUNS; i++) {
        struct tk_run *run = &self->runs[i];
        bool is_changed = rnd(self, TK_RUNS) < wanted;
        if (!is_changed && !(all_open && run->exists && run->row.finished.ns == 0)) {
            continue;
        }
        if (is_changed) {
            run->row = make_run(self, i);
            run->exists = true;
        }
        run->partition = self->partition;
        rows[count++] = run->row;
    }
    self->changes.runs = rows;
    self->changes.run_count = count;
}

static void fill_names(struct tk *self)
{
    struct tw_series_name *names = alloc(self, TK_SERIES, sizeof *names);
    for (size_t i = 0; i < TK_SERIES; i++) {
        names[i] = (struct tw_series_name){.series = self->series[i].number,
                                           .kind = self->series[i].kind,
                                           .divisor = (int64_t)i + 1,
                                           .metric = tw_str_of(self->series[i].metric),
                                           .labels = tw_str_of(self->series[i].labels)};
    }
    self->changes.names = names;
    self->changes.name_count = TK_SERIES;
}

/* A time near the clock, and sometimes anywhere in the four days before. */
static int64_t some_second(struct tk *self)
{
    int64_t now = self->kit.clock.wall.ns / TW_NS_PER_S;
    return now - (int64_t)(rnd(self, 5) == 0 ? rnd(self, 4 * 86400) : rnd(self, 200));
}

static void fill_points(struct tk *self)
{
    size_t count = rnd(self, 60);
    struct tw_series_point *points = alloc(self, count, sizeof *points);
    for (size_t i = 0; i < count; i++) {
        uint32_t which = (uint32_t)rnd(self, TK_SERIES);
        int64_t second = some_second(self);
        int64_t bucket = second - second % 10;
        int64_t value = (int64_t)rnd(self, 1000) - 200;
        struct tk_point *known = NULL;
        for (size_t k = self->point_count; k > 0 && known == NULL; k--) {
            struct tk_point *point = &self->points[k - 1];
            known = point->series == which && point->bucket == bucket ? point : NULL;
        }
        if (known == NULL) {
            assert_true(self->point_count < TK_ROWS_MAX);
            self->points[self->point_count++] =
                (struct tk_point){.series = which, .bucket = bucket, .value = value};
        } else if (self->series[which].kind == TW_SERIES_SUM) {
            known->value += value;
        } else if (self->series[which].kind == TW_SERIES_MAX) {
            value = value > known->value ? value : known->value; /* as the tracker does */
            known->value = value;
        } else {
            known->value = value;
        }
        points[i] = (struct tw_series_point){
            .series = self->series[which].number, .bucket = bucket, .value = value};
    }
    self->changes.points = points;
    self->changes.point_count = count;
}

static void fill_sketches(struct tk *self)
{
    size_t count = rnd(self, 6);
    struct tw_series_sketch *sketches = alloc(self, count, sizeof *sketches);
    for (size_t i = 0; i < count; i++) {
        uint32_t which = (uint32_t)rnd(self, TK_SERIES);
        int64_t second = some_second(self);
        int64_t minute = second - second % 60;
        size_t k = 0;
        while (k < self->sketch_count &&
               (self->sketches[k].series != which || self->sketches[k].minute != minute)) {
            k++;
        }
        self->sketch_count += k == self->sketch_count;
        struct tk_sketch *sketch = &self->sketches[k];
        *sketch = (struct tk_sketch){.series = which, .minute = minute};
        (void)snprintf(sketch->data, sizeof sketch->data, "%llx",
                       (unsigned long long)rnd(self, UINT64_MAX));
        sketches[i] =
            (struct tw_series_sketch){.series = self->series[which].number,
                                      .minute = minute,
                                      .data = tw_arena_copy(&self->texts, tw_str_of(sketch->data))};
    }
    self->changes.sketches = sketches;
    self->changes.sketch_count = count;
}

static bool is_same_spend(const struct tw_spend *a, const struct tw_spend *b)
{
    return tw_str_equal(a->objective, b->objective) && a->hour == b->hour && a->cause == b->cause &&
           tw_str_equal(a->system, b->system) && tw_str_equal(a->store, b->store);
}

static void fill_budgets(struct tk *self)
{
    size_t count = rnd(self, 8);
    struct tw_spend *spends = alloc(self, count, sizeof *spends);
    struct tw_decision *decisions = alloc(self, count, sizeof *decisions);
    for (size_t i = 0; i < count; i++) {
        int64_t second = some_second(self);
        spends[i] = (struct tw_spend){.objective = PICK(self, objectives),
                                      .hour = second - second % 3600,
                                      .cause = (enum tw_cause)rnd(self, TW_CAUSE_COUNT),
                                      .system = PICK(self, systems),
                                      .store = PICK(self, stores),
                                      .bad = (int64_t)rnd(self, 7) - 2};
        decisions[i] = (struct tw_decision){.objective = PICK(self, objectives),
                                            .minute = second - second % 60,
                                            .good = (int64_t)rnd(self, 5) - 2,
                                            .bad = (int64_t)rnd(self, 3) - 1};
        size_t k = 0;
        while (k < self->spend_count && !is_same_spend(&self->spends[k], &spends[i])) {
            k++;
        }
        if (k == self->spend_count) {
            self->spends[self->spend_count++] = spends[i];
        } else {
            self->spends[k].bad += spends[i].bad;
        }
        k = 0;
        while (k < self->decision_count &&
               (!tw_str_equal(self->decisions[k].objective, decisions[i].objective) ||
                self->decisions[k].minute != decisions[i].minute)) {
            k++;
        }
        if (k == self->decision_count) {
            self->decisions[self->decision_count++] = decisions[i];
        } else {
            self->decisions[k].good += decisions[i].good;
            self->decisions[k].bad += decisions[i].bad;
        }
    }
    self->changes.spends = spends;
    self->changes.spend_count = count;
    self->changes.decisions = decisions;
    self->changes.decision_count = count;
}

static void fill_live(struct tk *self, bool all)
{
    struct tw_live *live = alloc(self, TK_LIVE, sizeof *live);
    size_t count = 0;
    for (size_t i = 0; i < TK_LIVE; i++) {
        uint64_t dice = rnd(self, 10);
        if (dice == 0) {
            self->live[i][0] = 0;
        } else if (dice < 4) {
            (void)snprintf(self->live[i], sizeof self->live[i], "{\"v\":%llu}",
                           (unsigned long long)rnd(self, 1000000));
        }
        if (dice < 4 || (all && self->live[i][0] != 0)) {
            live[count].key = text_of(self, i % 2 == 0 ? "workflow/w" : "objective/o", i);
            live[count++].json = self->live[i][0] == 0
                                     ? TW_STR_NULL
                                     : tw_arena_copy(&self->texts, tw_str_of(self->live[i]));
        }
    }
    self->changes.live = live;
    self->changes.live_count = count;
}

void tk_fill(struct tk *self, bool starts_partition)
{
    self->partition += starts_partition;
    tw_clock_manual_advance(&self->kit.clock, (int64_t)rnd(self, 90) * TW_NS_PER_S);
    kit_fill(&self->kit, (size_t)rnd(self, 4), starts_partition);
    self->changes =
        (struct tw_track_changes){.has_tick = true, .tick = {self->kit.clock.wall, {0}}};
    fill_runs(self, starts_partition);
    if (self->is_new_process || starts_partition) {
        fill_names(self);
    }
    fill_points(self);
    fill_sketches(self);
    fill_budgets(self);
    fill_live(self, starts_partition);
    self->kit.batch->track = &self->changes;
}

void tk_commit(struct tk *self, bool starts_partition)
{
    tk_fill(self, starts_partition);
    int rc = tw_store_commit(self->kit.store, self->kit.batch, &self->kit.diag);
    if (rc != TW_OK) {
        print_error("commit: %s\n", self->kit.diag.text);
    }
    assert_int_equal(rc, TW_OK);
    kit_accept(&self->kit);
    self->is_new_process = false;
}

/* ---- comparing: runs ------------------------------------------------------------------------- */

static void check_row(const struct tw_run_row *a, const struct tw_run_row *b)
{
    const struct tw_str texts[][2] = {
        {a->workflow, b->workflow}, {a->object_id, b->object_id},
        {a->step, b->step},         {a->object_scope, b->object_scope},
        {a->system, b->system},     {a->destination, b->destination},
        {a->store, b->store},       {a->region, b->region},
        {a->code, b->code},         {a->missing, b->missing},
    };
    const int64_t numbers[][2] = {
        {(int64_t)a->version, (int64_t)b->version},
        {a->object_type, b->object_type},
        {(int64_t)a->state, (int64_t)b->state},
        {(int64_t)a->cause, (int64_t)b->cause},
        {a->started.ns, b->started.ns},
        {a->since.ns, b->since.ns},
        {a->due.ns, b->due.ns},
        {a->finished.ns, b->finished.ns},
        {a->updated.ns, b->updated.ns},
        {a->amount_minor, b->amount_minor},
        {(int64_t)a->first_n, (int64_t)b->first_n},
        {(int64_t)a->last_n, (int64_t)b->last_n},
        {a->attempts, b->attempts},
        {a->expected, b->expected},
        {a->answered, b->answered},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_true(tw_str_equal(texts[i][0], texts[i][1]));
        assert_true((texts[i][0].ptr == NULL) == (texts[i][1].ptr == NULL));
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_int_equal(numbers[i][0], numbers[i][1]);
    }
    assert_string_equal(a->currency, b->currency);
}

static bool is_asked(struct tw_str wanted, struct tw_str value)
{
    return wanted.ptr == NULL || (value.ptr != NULL && tw_str_equal(wanted, value));
}

static bool passes(const struct tw_run_filter *filter, const struct tw_run_row *row)
{
    return is_asked(filter->workflow, row->workflow) && is_asked(filter->step, row->step) &&
           is_asked(filter->system, row->system) && is_asked(filter->store, row->store) &&
           is_asked(filter->region, row->region) &&
           (filter->state == NULL || *filter->state == row->state) &&
           (filter->cause == NULL || *filter->cause == row->cause) &&
           (!filter->open_only || row->finished.ns == 0) &&
           (filter->since.ns == 0 || row->finished.ns == 0 ||
            row->finished.ns >= filter->since.ns) &&
           (filter->until.ns == 0 || row->started.ns < filter->until.ns);
}

static int compare_rows(const void *a, const void *b)
{
    const struct tw_run_row *x = *(const struct tw_run_row *const *)a;
    const struct tw_run_row *y = *(const struct tw_run_row *const *)b;
    if (x->since.ns != y->since.ns) {
        return x->since.ns < y->since.ns ? -1 : 1;
    }
    int order = tw_str_compare(x->workflow, y->workflow);
    order = order == 0 ? x->object_type - y->object_type : order;
    order = order == 0 ? tw_str_compare(x->object_scope, y->object_scope) : order;
    return order == 0 ? tw_str_compare(x->object_id, y->object_id) : order;
}

static void check_list(struct tk *self, struct tw_reader *reader, struct tw_run_filter *filter)
{
    const struct tw_run_row *expected[TK_RUNS];
    size_t count = 0;
    for (size_t i = 0; i < TK_RUNS; i++) {
        if (self->runs[i].exists && passes(filter, &self->runs[i].row)) {
            expected[count++] = &self->runs[i].row;
        }
    }
    if (count > 0) {
        qsort(expected, count, sizeof expected[0], compare_rows);
    }
    struct tw_arena arena;
    tw_arena_init(&arena, (size_t)64 << 20);
    size_t at = 0;
    bool has_more = true;
    while (has_more) {
        const struct tw_run_hit *hits = NULL;
        size_t got = 0;
        uint64_t total = 0;
        assert_int_equal(tw_reader_runs(reader, &arena, filter, &hits, &got, &has_more, &total),
                         TW_OK);
        assert_int_equal(total, count);
        assert_true(got <= filter->limit);
        assert_true(at + got <= count);
        for (size_t i = 0; i < got; i++) {
            check_row(&hits[i].row, expected[at + i]);
        }
        at += got;
        assert_int_equal(has_more, at < count);
        filter->after = got > 0 ? hits[got - 1].key : filter->after;
        if (filter->limit == 0) {
            break;
        }
    }
    assert_true(at == count || filter->limit == 0);
    tw_arena_fini(&arena);
}

static void check_runs(struct tk *self, struct tw_reader *reader)
{
    enum tw_run_state state = (enum tw_run_state)rnd(self, 6);
    enum tw_cause cause = (enum tw_cause)rnd(self, TW_CAUSE_COUNT);
    int64_t now = self->kit.clock.wall.ns;
    struct tw_run_filter filter = {
        .workflow = rnd(self, 2) == 0 ? TW_STR_NULL : PICK(self, workflows),
        .step = rnd(self, 3) != 0 ? TW_STR_NULL : PICK(self, steps),
        .system = rnd(self, 4) != 0 ? TW_STR_NULL : PICK(self, systems),
        .store = rnd(self, 4) != 0 ? TW_STR_NULL : PICK(self, stores),
        .region = rnd(self, 6) != 0 ? TW_STR_NULL : PICK(self, regions),
        .state = rnd(self, 3) != 0 ? NULL : &state,
        .cause = rnd(self, 4) != 0 ? NULL : &cause,
        .open_only = rnd(self, 2) == 0,
        .since = {rnd(self, 2) == 0 ? 0 : now - (int64_t)rnd(self, 600) * TW_NS_PER_S},
        .until = {rnd(self, 3) != 0 ? 0 : now - (int64_t)rnd(self, 600) * TW_NS_PER_S},
        .limit = (size_t)(rnd(self, 3) == 0 ? 1000 : rnd(self, 30)),
    };
    check_list(self, reader, &filter);
    size_t i = rnd(self, TK_RUNS);
    struct tw_run_row row = make_run(self, i);
    const struct tw_object object = {
        .type = row.object_type, .id = row.object_id, .scope = row.object_scope};
    struct tw_arena arena;
    tw_arena_init(&arena, (size_t)1 << 20);
    int rc = tw_reader_run(reader, &arena, row.workflow, &object, &row);
    assert_int_equal(rc, self->runs[i].exists ? TW_OK : TW_ENOTFOUND);
    if (rc == TW_OK) {
        check_row(&row, &self->runs[i].row);
    }
    tw_arena_fini(&arena);
}

/* ---- comparing: series ----------------------------------------------------------------------- */

static int64_t floor_to(int64_t second, int64_t step)
{
    int64_t rest = second % step;
    return second - (rest < 0 ? rest + step : rest);
}

/* The value of one bucket by the model; false: nothing is known. */
static bool model_value(const struct tk *self, uint32_t series, int64_t from, int64_t to,
                        int64_t *ret_value)
{
    bool is_known = false;
    int64_t value = 0;
    int64_t at = INT64_MIN;
    for (size_t i = 0; i < self->point_count; i++) {
        const struct tk_point *point = &self->points[i];
        if (point->series != series || point->bucket < from || point->bucket >= to) {
            continue;
        }
        switch (self->series[series].kind) {
        case TW_SERIES_SUM:
            value += point->value;
            break;
        case TW_SERIES_MAX:
            value = !is_known || point->value > value ? point->value : value;
            break;
        case TW_SERIES_LAST:
        default:
            value = point->bucket > at ? point->value : value;
            at = point->bucket > at ? point->bucket : at;
            break;
        }
        is_known = true;
    }
    *ret_value = value;
    return is_known;
}

static const struct tw_series_values *find_values(const struct tw_series_result *result,
                                                  const char *labels)
{
    for (size_t i = 0; i < result->series_count; i++) {
        if (tw_str_is(result->series[i].labels, labels)) {
            return &result->series[i];
        }
    }
    return NULL;
}

void tk_check_series(struct tk *self, struct tw_reader *reader, int64_t since_s, int64_t until_s,
                     int64_t step_s)
{
    static const struct tw_str names[] = {TW_STR_LIT("workflow"), TW_STR_LIT("we\"ird")};
    static const struct tw_str values[] = {TW_STR_LIT("w1"), TW_STR_LIT("\xc3\xa9\n")};
    size_t metric = rnd(self, 3);
    const struct tw_series_query asked = {.metric = tw_str_of(metrics[metric]),
                                          .label_names = names,
                                          .label_values = values,
                                          .label_count = (size_t)rnd(self, 3),
                                          .since_s = since_s,
                                          .until_s = until_s,
                                          .step_s = step_s};
    struct tw_series_result result;
    struct tw_arena arena;
    tw_arena_init(&arena, (size_t)256 << 20);
    assert_int_equal(tw_reader_series(reader, &arena, &asked, &result), TW_OK);
    assert_true(result.step_s > 0 && result.step_s % 10 == 0);
    assert_int_equal(result.first_s, floor_to(since_s, result.step_s));
    assert_true(step_s == 0 || result.step_s >= step_s);
    assert_true(step_s != 0 || result.point_count <= 1000);
    assert_false(result.is_cut);
    int64_t end = result.first_s + (int64_t)result.point_count * result.step_s;
    assert_true(until_s <= since_s || (end >= until_s && end - result.step_s < until_s));
    size_t expected = 0;
    for (uint32_t i = 0; i < TK_SERIES; i++) {
        bool matches = i % 3 == metric && (asked.label_count == 0 || i / 12 == 1);
        const struct tw_series_values *got =
            i % 3 == metric ? find_values(&result, self->series[i].labels) : NULL;
        expected += matches;
        assert_int_equal(got != NULL, matches);
        for (size_t k = 0; got != NULL && k < result.point_count; k++) {
            int64_t from = result.first_s + (int64_t)k * result.step_s;
            int64_t value = 0;
            bool is_known = model_value(self, i, from, from + result.step_s, &value);
            assert_int_equal(got->known[k], is_known);
            assert_int_equal(got->values[k], value);
            assert_int_equal(got->divisor, i + 1);
            assert_int_equal(got->kind, self->series[i].kind);
        }
    }
    assert_int_equal(result.series_count, expected);
    tw_arena_fini(&arena);
}

static void check_sketches(struct tk *self, struct tw_reader *reader, int64_t since_s,
                           int64_t until_s)
{
    uint32_t which = (uint32_t)rnd(self, TK_SERIES);
    const struct tw_series_sketch *items = NULL;
    size_t count = 0;
    struct tw_arena arena;
    tw_arena_init(&arena, (size_t)64 << 20);
    assert_int_equal(tw_reader_sketches(reader, &arena, tw_str_of(self->series[which].metric),
                                        tw_str_of(self->series[which].labels), since_s, until_s,
                                        &items, &count),
                     TW_OK);
    size_t expected = 0;
    for (size_t i = 0; i < self->sketch_count; i++) {
        const struct tk_sketch *sketch = &self->sketches[i];
        if (sketch->series == which && sketch->minute >= floor_to(since_s, 60) &&
            sketch->minute < until_s) {
            size_t k = 0;
            while (k < count && items[k].minute != sketch->minute) {
                k++;
            }
            assert_true(k < count);
            assert_true(tw_str_is(items[k].data, sketch->data));
            expected++;
        }
    }
    assert_int_equal(count, expected);
    for (size_t k = 1; k < count; k++) {
        assert_true(items[k - 1].minute < items[k].minute);
    }
    tw_arena_fini(&arena);
}

/* ---- comparing: budgets, documents ----------------------------------------------------------- */

static const char *const cause_words[TW_CAUSE_COUNT] = {
#define CAUSE_WORD(name, text) text,
    TW_CAUSES(CAUSE_WORD)
#undef CAUSE_WORD
};

static bool spends_on(const struct tw_spend *spend, enum tw_spend_by by, struct tw_str what)
{
    switch (by) {
    case TW_SPEND_BY_CAUSE:
        return tw_str_is(what, cause_words[spend->cause]);
    case TW_SPEND_BY_SYSTEM:
        return tw_str_equal(what, spend->system);
    case TW_SPEND_BY_STORE:
    default:
        return tw_str_equal(what, spend->store);
    }
}

static void check_spend(struct tk *self, struct tw_reader *reader, int64_t since_s, int64_t until_s)
{
    struct tw_str objective = PICK(self, objectives);
    struct tw_arena arena;
    tw_arena_init(&arena, (size_t)64 << 20);
    for (int by = TW_SPEND_BY_CAUSE; by <= TW_SPEND_BY_STORE; by++) {
        const struct tw_spend_sum *sums = NULL;
        size_t count = 0;
        assert_int_equal(tw_reader_spend(reader, &arena, objective, (enum tw_spend_by)by, since_s,
                                         until_s, 1000, &sums, &count),
                         TW_OK);
        int64_t all = 0;
        int64_t shown = 0;
        for (size_t i = 0; i < self->spend_count; i++) {
            const struct tw_spend *spend = &self->spends[i];
            bool counts = tw_str_equal(spend->objective, objective) &&
                          spend->hour >= floor_to(since_s, 3600) && spend->hour < until_s;
            all += counts ? spend->bad : 0;
        }
        for (size_t k = 0; k < count; k++) {
            int64_t bad = 0;
            for (size_t i = 0; i < self->spend_count; i++) {
                const struct tw_spend *spend = &self->spends[i];
                bool counts = tw_str_equal(spend->objective, objective) &&
                              spend->hour >= floor_to(since_s, 3600) && spend->hour < until_s;
                bad +=
                    counts && spends_on(spend, (enum tw_spend_by)by, sums[k].what) ? spend->bad : 0;
            }
            assert_int_equal(sums[k].bad, bad);
            assert_true(bad != 0 && (k == 0 || sums[k - 1].bad >= bad));
            shown += bad;
        }
        assert_int_equal(shown, all);
    }
    tw_arena_fini(&arena);
}

static void check_decisions(struct tk *self, struct tw_reader *reader, int64_t since_s,
                            int64_t until_s)
{
    struct tw_str objective = PICK(self, objectives);
    const struct tw_decision *items = NULL;
    size_t count = 0;
    struct tw_arena arena;
    tw_arena_init(&arena, (size_t)64 << 20);
    assert_int_equal(
        tw_reader_decisions(reader, &arena, objective, since_s, until_s, &items, &count), TW_OK);
    size_t expected = 0;
    for (size_t i = 0; i < self->decision_count; i++) {
        const struct tw_decision *decision = &self->decisions[i];
        if (!tw_str_equal(decision->objective, objective) ||
            decision->minute < floor_to(since_s, 60) || decision->minute >= until_s ||
            (decision->good == 0 && decision->bad == 0)) {
            continue;
        }
        size_t k = 0;
        while (k < count && items[k].minute != decision->minute) {
            k++;
        }
        assert_true(k < count);
        assert_int_equal(items[k].good, decision->good);
        assert_int_equal(items[k].bad, decision->bad);
        expected++;
    }
    assert_int_equal(count, expected);
    for (size_t k = 1; k < count; k++) {
        assert_true(items[k - 1].minute < items[k].minute);
    }
    tw_arena_fini(&arena);
}

static void check_live(struct tk *self, struct tw_reader *reader)
{
    const struct tw_live *items = NULL;
    size_t count = 0;
    size_t expected = 0;
    struct tw_arena arena;
    tw_arena_init(&arena, (size_t)1 << 20);
    assert_int_equal(
        tw_reader_live_list(reader, &arena, TW_STR_LIT("workflow/"), 100, &items, &count), TW_OK);
    for (size_t i = 0; i < TK_LIVE; i++) {
        bool exists = self->live[i][0] != 0;
        struct tw_str json = TW_STR_NULL;
        struct tw_str key = text_of(self, i % 2 == 0 ? "workflow/w" : "objective/o", i);
        int rc = tw_reader_live(reader, &arena, key, &json);
        assert_int_equal(rc, exists ? TW_OK : TW_ENOTFOUND);
        assert_true(!exists || tw_str_is(json, self->live[i]));
        if (exists && i % 2 == 0) {
            assert_true(expected < count && tw_str_equal(items[expected].key, key));
            assert_true(tw_str_is(items[expected].json, self->live[i]));
            expected++;
        }
    }
    assert_int_equal(count, expected);
    tw_arena_fini(&arena);
}

void tk_check(struct tk *self, struct tw_reader *reader, bool thorough)
{
    static const int64_t asked_steps[] = {0, 10, 20, 60, 120, 600, 3600, 7200, 90};
    int64_t now = self->kit.clock.wall.ns / TW_NS_PER_S;
    for (int i = 0; i < (thorough ? 12 : 2); i++) {
        int64_t since_s = now - (int64_t)rnd(self, i % 2 == 0 ? 400 : 5 * 86400);
        int64_t until_s = since_s + (int64_t)rnd(self, i % 2 == 0 ? 500 : 5 * 86400);
        int64_t step_s = asked_steps[rnd(self, 9)];
        if (step_s > 0 && (until_s - since_s) / step_s >= 9000) {
            step_s = 60;
        }
        check_runs(self, reader);
        tk_check_series(self, reader, since_s, until_s, step_s);
        check_sketches(self, reader, since_s, until_s);
        check_spend(self, reader, since_s, until_s);
        check_decisions(self, reader, since_s, until_s);
    }
    check_live(self, reader);
}
