/* SPDX-License-Identifier: Apache-2.0
 * Expectations: what the reader of the store must say. Each builds the text of what is there and
 * compares it with the text that was expected, so that a failure shows both. */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "scenario/scenario.h"

struct text {
    char bytes[8192];
    size_t len;
};

static void add(struct text *self, const char *separator, struct tw_str word)
{
    int wrote = snprintf(self->bytes + self->len, sizeof self->bytes - self->len, "%s%.*s",
                         self->len > 0 ? separator : "", (int)word.len, word.ptr);
    self->len += wrote > 0 ? (size_t)wrote : 0;
    TW_ASSERT(self->len < sizeof self->bytes);
}

static void join(char **words, size_t count, struct text *ret_text)
{
    *ret_text = (struct text){.len = 0};
    for (size_t i = 0; i < count; i++) {
        add(ret_text, " ", tw_str_of(words[i]));
    }
}

static void compare(struct scenario *self, const char *what, char **words, size_t count,
                    const struct text *actual)
{
    struct text expected;
    join(words, count, &expected);
    if (!tw_str_equal((struct tw_str){expected.bytes, expected.len},
                      (struct tw_str){actual->bytes, actual->len})) {
        scenario_fail(self, "%s: expected [%.*s], is [%.*s]", what, (int)expected.len,
                      expected.bytes, (int)actual->len, actual->bytes);
    }
}

static void compare_number(struct scenario *self, const char *what, const char *expected,
                           uint64_t actual)
{
    if (strtoull(expected, NULL, 10) != actual) {
        scenario_fail(self, "%s: expected %s, is %" PRIu64, what, expected, actual);
    }
}

const char *scenario_event_id(struct scenario *self, struct tw_str json)
{
    json_t *event = json_loadb(json.ptr, json.len, 0, NULL);
    const char *id = json_string_value(json_object_get(event, "id"));
    struct tw_str copy = tw_arena_copy(&self->lab.arena, tw_str_of(id == NULL ? "?" : id));
    json_decref(event);
    return copy.ptr;
}

static void expect_total(struct scenario *self, const char *name, const char *value)
{
    struct tw_store_status status;
    int rc = tw_reader_status(lab_reader(&self->lab), &status);
    if (rc != TW_OK) {
        scenario_fail(self, "status: %s", tw_err_text(rc));
        return;
    }
    for (int i = 0; i < TW_TOTAL_COUNT; i++) {
        if (tw_str_is(tw_str_of(tw_total_infos[i].name), name)) {
            compare_number(self, name, value, status.totals.v[i]);
            return;
        }
    }
    scenario_fail(self, "no such total: %s", name);
}

static void add_objects(struct scenario *self, const struct tw_journey *journey, bool only_hubs,
                        struct text *text)
{
    for (size_t i = 1; i < journey->object_count; i++) {
        if (!only_hubs || journey->objects[i].is_hub) {
            add(text, " ",
                tw_journey_format_id(lab_reader(&self->lab), &self->lab.arena,
                                     &journey->objects[i].object));
        }
    }
}

static int by_text(const void *a, const void *b)
{
    const char *const *first = a;
    const char *const *second = b;
    return tw_str_compare(tw_str_of(*first), tw_str_of(*second));
}

static void journey_field(struct scenario *self, const struct tw_journey *journey, char **words,
                          size_t count)
{
    const char *field = words[0];
    struct text text = {.len = 0};
    if (tw_str_is(tw_str_of(field), "events")) {
        for (size_t i = 0; i < journey->event_count; i++) {
            add(&text, " ", tw_str_of(scenario_event_id(self, journey->events[i].record.json)));
        }
        compare(self, "events of the journey", words + 1, count - 1, &text);
    } else if (tw_str_is(tw_str_of(field), "objects") || tw_str_is(tw_str_of(field), "hubs")) {
        add_objects(self, journey, field[0] == 'h', &text);
        struct text sorted = {.len = 0};
        char *found[WORDS_MAX];
        size_t found_count = 0;
        char *state = NULL;
        for (char *word = strtok_r(text.bytes, " ", &state);
             text.len > 0 && word != NULL && found_count < WORDS_MAX;
             word = strtok_r(NULL, " ", &state)) {
            found[found_count++] = word;
        }
        qsort(found, found_count, sizeof found[0], by_text);
        join(found, found_count, &sorted);
        qsort(words + 1, count - 1, sizeof words[0], by_text);
        compare(self, field, words + 1, count - 1, &sorted);
    } else if (tw_str_is(tw_str_of(field), "partial")) {
        add(&text, " ", tw_str_of(journey->is_partial ? "yes" : "no"));
        compare(self, "partial", words + 1, count - 1, &text);
    } else if (tw_str_is(tw_str_of(field), "duplicates")) {
        compare_number(self, field, words[1], journey->duplicates);
    } else if (tw_str_is(tw_str_of(field), "conflicts")) {
        compare_number(self, field, words[1], journey->conflicts);
    } else if (tw_str_is(tw_str_of(field), "effects")) {
        compare_number(self, field, words[1], journey->duplicate_effects);
    } else {
        scenario_fail(self, "no such field of a journey: %s", field);
    }
}

static void expect_journey(struct scenario *self, char **words, size_t count)
{
    struct tw_reader *reader = lab_reader(&self->lab);
    struct tw_object object;
    struct tw_journey journey;
    const struct tw_journey_limits limits = lab_limits(&self->lab);
    int rc = tw_journey_parse_id(reader, &self->lab.arena, tw_str_of(words[0]), &object);
    if (rc == TW_OK) {
        rc = tw_journey_read(reader, &self->lab.arena, &object, &limits, &journey);
    }
    bool wants_none = tw_str_is(tw_str_of(words[1]), "none");
    if (rc == TW_ENOTFOUND && wants_none) {
        return;
    }
    if (rc != TW_OK || wants_none) {
        scenario_fail(self, "journey %s: %s", words[0], tw_err_text(rc));
        return;
    }
    journey_field(self, &journey, words + 1, count - 1);
}

static void expect_search(struct scenario *self, char **words, size_t count)
{
    const struct tw_object_hit *hits = NULL;
    size_t hit_count = 0;
    bool more = false;
    struct text text = {.len = 0};
    int rc = tw_reader_search(lab_reader(&self->lab), &self->lab.arena, tw_str_of(words[0]), false,
                              TW_STR_NULL, 50, &hits, &hit_count, &more);
    if (rc != TW_OK) {
        scenario_fail(self, "search %s: %s", words[0], tw_err_text(rc));
        return;
    }
    for (size_t i = 0; i < hit_count; i++) {
        add(&text, " ",
            tw_journey_format_id(lab_reader(&self->lab), &self->lab.arena, &hits[i].object));
    }
    if (hit_count == 0) {
        add(&text, " ", TW_STR_LIT("none"));
    }
    compare(self, "search", words + 2, count - 2, &text);
}

static void source_field(struct scenario *self, const struct tw_source_state *source,
                         const char *field, char *value)
{
    const struct {
        const char *name;
        uint64_t value;
    } numbers[] = {
        {"events", source->events},         {"duplicates", source->duplicates},
        {"conflicts", source->conflicts},   {"missing", source->missing},
        {"filled", source->filled},         {"rewinds", source->rewinds},
        {"unreadable", source->unreadable}, {"out_of_order", source->out_of_order},
        {"forgotten", source->forgotten},   {"highest", source->sequence_highest},
    };
    struct text text = {.len = 0};
    char word[64];
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (tw_str_is(tw_str_of(field), numbers[i].name)) {
            compare_number(self, field, value, numbers[i].value);
            return;
        }
    }
    if (tw_str_is(tw_str_of(field), "gaps")) {
        for (uint32_t i = 0; i < source->gap_count; i++) {
            (void)snprintf(word, sizeof word, "%" PRIu64 "-%" PRIu64, source->gaps[i].first,
                           source->gaps[i].last);
            add(&text, ",", tw_str_of(word));
        }
        if (source->gap_count == 0) {
            add(&text, "", TW_STR_LIT("none"));
        }
    } else if (tw_str_is(tw_str_of(field), "transit")) {
        (void)snprintf(word, sizeof word, "%.3f",
                       (double)source->transit_min_ns / (double)TW_NS_PER_S);
        add(&text, "", tw_str_of(word));
    } else if (tw_str_is(tw_str_of(field), "store")) {
        struct tw_str store = source->store.ptr == NULL ? TW_STR_LIT("none") : source->store;
        add(&text, "", source->has_stores ? TW_STR_LIT("several") : store);
    } else {
        scenario_fail(self, "no such field of a source: %s", field);
    }
    compare(self, field, &value, 1, &text);
}

static void expect_source(struct scenario *self, char **words)
{
    const struct tw_source_state *sources = NULL;
    size_t count = 0;
    int rc = tw_reader_sources(lab_reader(&self->lab), &self->lab.arena, 0, 1000, &sources, &count);
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        if (tw_str_is(sources[i].name, words[0])) {
            source_field(self, &sources[i], words[1], words[2]);
            return;
        }
    }
    scenario_fail(self, "no such source: %s (%s)", words[0], tw_err_text(rc));
}

static void expect_quarantine(struct scenario *self, const char *reason, const char *value)
{
    const struct tw_quarantine_entry *entries = NULL;
    size_t count = 0;
    enum tw_problem_code code = TW_PROBLEM_none;
    for (int i = 0; i < TW_PROBLEM_COUNT; i++) {
        if (tw_str_is(tw_str_of(tw_problem_infos[i].name), reason)) {
            code = (enum tw_problem_code)i;
        }
    }
    if (code == TW_PROBLEM_none && !tw_str_is(tw_str_of(reason), "open")) {
        scenario_fail(self, "no such reason: %s", reason);
        return;
    }
    int rc = tw_reader_quarantine(lab_reader(&self->lab), &self->lab.arena, 0, code, false, 1000,
                                  &entries, &count);
    if (rc != TW_OK) {
        scenario_fail(self, "quarantine: %s", tw_err_text(rc));
    }
    compare_number(self, reason, value, count);
}

void scenario_expect(struct scenario *self, char **words, size_t count)
{
    tw_arena_reset(&self->lab.arena);
    struct tw_str what = tw_str_of(words[0]);
    if (tw_str_is(what, "total") && count == 3) {
        expect_total(self, words[1], words[2]);
    } else if (tw_str_is(what, "journey") && count >= 3) {
        expect_journey(self, words + 1, count - 1);
    } else if (tw_str_is(what, "search") && count >= 4) {
        expect_search(self, words + 1, count - 1);
    } else if (tw_str_is(what, "source") && count == 4) {
        expect_source(self, words + 1);
    } else if (tw_str_is(what, "quarantine") && count == 3) {
        expect_quarantine(self, words[1], words[2]);
    } else if (strcmp(words[0], "alerts") == 0) {
        scenario_expect_alerts(self, words, count);
    } else if (strcmp(words[0], "past") == 0 && count == 3) {
        scenario_expect_past(self, words);
    } else if (!scenario_expect_track(self, words, count)) {
        scenario_fail(self, "an expectation that is none: %s", words[0]);
    }
}
