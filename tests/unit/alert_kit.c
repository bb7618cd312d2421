/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "alert_kit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const struct tw_rules *__wrap_tw_rules_ref(const struct tw_rules *self);
void __wrap_tw_rules_unref(const struct tw_rules **self_p);

const struct tw_rules *__wrap_tw_rules_ref(const struct tw_rules *self)
{
    return self;
}

void __wrap_tw_rules_unref(const struct tw_rules **self_p)
{
    *self_p = NULL;
}

const struct tw_workflows *__wrap_tw_workflows_ref(const struct tw_workflows *self);
void __wrap_tw_workflows_unref(const struct tw_workflows **self_p);

const struct tw_workflows *__wrap_tw_workflows_ref(const struct tw_workflows *self)
{
    return self;
}

void __wrap_tw_workflows_unref(const struct tw_workflows **self_p)
{
    *self_p = NULL;
}

static const struct tw_workflows no_workflows;

struct tw_rule *kit_rule(struct alert_kit *self, const char *metric)
{
    static char names[][2] = {"A", "B", "C", "D", "E", "F", "G", "H"};
    struct tw_rule *rule = &self->rules[self->set.count];
    *rule = (struct tw_rule){
        .name = names[self->set.count],
        .title = names[self->set.count],
        .when = {.metric = tw_metric_find(tw_str_of(metric)), .join = TW_RULE_MAX},
        .over_s = 10,
        .is_above = true,
        .threshold = 10,
        .no_data_for_s = 600,
        .is_enabled = true,
    };
    assert_non_null(rule->when.metric);
    self->set.count++;
    return rule;
}

void kit_init(struct alert_kit *self)
{
    *self = (struct alert_kit){.workflows = &no_workflows, .now_s = KIT_START};
    self->set.items = self->rules;
    (void)kit_rule(self, "step_waiting");
}

void kit_fini(struct alert_kit *self)
{
    tw_engine_destroy(&self->engine);
}

/* Rules have words of their own. */
static char *word(const char *text)
{
    static char words[256][64];
    static size_t count;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], text) == 0) {
            return words[i];
        }
    }
    assert_true(count < 256 && strlen(text) < sizeof words[0]);
    (void)snprintf(words[count], sizeof words[0], "%s", text);
    return words[count++];
}

void kit_where(struct tw_measure *measure, const char *name, const char *value)
{
    measure->where[measure->where_count++] = (struct tw_rule_label){word(name), word(value)};
}

void kit_begin(struct alert_kit *self)
{
    assert_int_equal(tw_engine_new(&self->set, self->workflows, &self->engine), TW_OK);
}

void kit_feed_at(struct alert_kit *self, const char *metric, const char *labels, int64_t bucket_s,
                 int32_t step_s, double value)
{
    char json[512];
    size_t len = strlen(labels);
    assert_true(len < sizeof json);
    for (size_t i = 0; i < len; i++) {
        json[i] = labels[i] == '\'' ? '"' : labels[i];
    }
    assert_int_equal(tw_engine_feed(self->engine, tw_str_of(metric), (struct tw_str){json, len},
                                    bucket_s, step_s, value),
                     TW_OK);
}

void kit_feed(struct alert_kit *self, const char *metric, const char *labels, double value)
{
    kit_feed_at(self, metric, labels, self->now_s, 10, value);
}

static void add_line(struct alert_kit *self, const struct tw_alert_change *change, int64_t at_s)
{
    static const char *const words[] = {"pending", "firing", "resolved", "dropped", "value"};
    const struct tw_alert *alert = &change->alert;
    char labels[256] = "";
    for (size_t i = 0; i < alert->labels.count; i++) {
        const struct tw_label *label = &alert->labels.items[i];
        if (!tw_str_is(label->name, "alertname") && !tw_str_is(label->name, "owner") &&
            !tw_str_is(label->name, "severity")) {
            size_t len = strlen(labels);
            (void)snprintf(labels + len, sizeof labels - len, "%s%.*s=%.*s", len > 0 ? "," : "",
                           (int)label->name.len, label->name.ptr, (int)label->value.len,
                           label->value.ptr);
        }
    }
    struct tw_str name = tw_labels_get(&alert->labels, "alertname");
    size_t len = strlen(self->log);
    (void)snprintf(self->log + len, sizeof self->log - len, "+%lld %s %.*s{%s} %g%s%s\n",
                   (long long)(at_s - KIT_START), words[change->news], (int)name.len, name.ptr,
                   labels, alert->value, alert->is_no_data ? " nodata" : "",
                   alert->is_flapping ? " flapping" : "");
}

static void tick(struct alert_kit *self, bool is_alive)
{
    const struct tw_alert_change *changes = NULL;
    size_t count = 0;
    assert_int_equal(tw_engine_tick(self->engine, self->now_s, 10, is_alive, &changes, &count),
                     TW_OK);
    self->now_s += 10;
    for (size_t i = 0; i < count; i++) {
        if (!self->is_quiet || changes[i].news != TW_NEWS_VALUE) {
            add_line(self, &changes[i], self->now_s);
        }
    }
}

void kit_tick(struct alert_kit *self, int count)
{
    for (int i = 0; i < count; i++) {
        tick(self, true);
    }
}

void kit_run(struct alert_kit *self, const char *metric, const char *labels, double value,
             int count)
{
    for (int i = 0; i < count; i++) {
        if (!isnan(value)) {
            kit_feed(self, metric, labels, value);
        }
        tick(self, true);
    }
}

void kit_sleep(struct alert_kit *self, int count)
{
    for (int i = 0; i < count; i++) {
        tick(self, false);
    }
}

void kit_expect(struct alert_kit *self, const char *lines)
{
    assert_string_equal(self->log, lines);
    self->log[0] = '\0';
}

void kit_restore(struct alert_kit *self)
{
    struct tw_engine *old = self->engine;
    kit_begin(self);
    for (size_t i = 0; i < tw_engine_count(old); i++) {
        struct tw_alert alert;
        tw_engine_get(old, i, &alert);
        assert_int_equal(tw_engine_restore(self->engine, tw_str_of(alert.rule->name), &alert),
                         TW_OK);
    }
    tw_engine_destroy(&old);
}
