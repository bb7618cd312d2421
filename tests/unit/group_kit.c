/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "group_kit.h"

#include <inttypes.h>
#include <jansson.h>

#define START_S INT64_C(1767225600) /* 2026-01-01, a Thursday */

static tw_wall_t wall(int64_t second)
{
    return (tw_wall_t){(START_S + second) * TW_NS_PER_S};
}

static void make(struct gk *self)
{
    assert_int_equal(tw_groups_new(self->set, self->workflows, &self->groups), TW_OK);
}

void gk_init(struct gk *self, const char *notify, const char *workflow)
{
    memset(self, 0, sizeof *self);
    tw_arena_init(&self->arena, (size_t)512 << 20);
    self->alerts = calloc(GK_ALERTS_MAX, sizeof *self->alerts);
    assert_non_null(self->alerts);
    assert_int_equal(tw_notify_parse("n.yaml", tw_str_of(notify), stderr, &self->set), TW_OK);
    struct tw_cfg *cfg = NULL;
    static const char none[] = "workflows: {pack: false}\n";
    assert_int_equal(tw_cfg_parse("c.yaml", none, sizeof none - 1, stderr, &cfg), TW_OK);
    int rc = workflow == NULL ? tw_workflows_load(cfg, stderr, &self->workflows)
                              : tw_workflows_parse(cfg, "w.yaml", workflow, strlen(workflow),
                                                   stderr, &self->workflows);
    assert_int_equal(rc, TW_OK);
    tw_cfg_destroy(&cfg);
    self->out = open_memstream(&self->told, &self->told_len);
    assert_non_null(self->out);
    make(self);
}

static void free_row(struct tw_notice_group *row)
{
    free((char *)(uintptr_t)row->receiver.ptr); /* all are copies of ours */
    free((char *)(uintptr_t)row->key.ptr);
    free((char *)(uintptr_t)row->labels.ptr);
    free((char *)(uintptr_t)row->sent.ptr);
}

void gk_fini(struct gk *self)
{
    tw_groups_destroy(&self->groups);
    tw_notify_unref(&self->set);
    tw_workflows_unref(&self->workflows);
    for (size_t i = 0; i < self->alert_count; i++) {
        free(self->alerts[i].labels);
        free(self->alerts[i].inhibited_by);
    }
    for (size_t i = 0; i < self->row_count; i++) {
        free_row(&self->rows[i]);
    }
    for (size_t i = 0; i < self->silence_count; i++) {
        free((char *)(uintptr_t)self->silences[i].id.ptr); /* copies of ours */
        free((char *)(uintptr_t)self->silences[i].matchers.ptr);
    }
    (void)fclose(self->out);
    free(self->told);
    free(self->last_body);
    free(self->alerts);
    tw_arena_fini(&self->arena);
}

/* ---- alerts ---- */

static void put(struct gk *self, const struct gk_alert *alert)
{
    const tw_wall_t over = {alert->ended_s == 0 ? 0 : wall(alert->ended_s).ns};
    const struct tw_notice_alert row = {
        .head = {.id = alert->id,
                 .fingerprint = alert->fingerprint,
                 .updated = wall(self->now_s),
                 .fired = wall(alert->fired_s),
                 .is_acked = alert->is_acked,
                 .in_maintenance = alert->in_maintenance},
        .labels = tw_str_of(alert->labels),
        .annotations = TW_STR_LIT("{\"summary\":\"it is late\"}"),
        .inhibited_by = tw_str_of(alert->inhibited_by),
        .severity = alert->severity,
        .since = wall(alert->fired_s),
        .ended = over,
    };
    assert_int_equal(tw_groups_put(self->groups, &row), TW_OK);
}

struct gk_alert *gk_find(struct gk *self, uint64_t fingerprint)
{
    for (size_t i = self->alert_count; i-- > 0;) {
        if (self->alerts[i].fingerprint == fingerprint) {
            return &self->alerts[i];
        }
    }
    (void)fprintf(stderr, "there is no such alert\n");
    abort();
}

uint64_t gk_fire(struct gk *self, const char *text)
{
    struct tw_labels labels;
    struct tw_arena arena;
    tw_arena_init(&arena, (size_t)1 << 20);
    assert_int_equal(tw_labels_parse(&arena, tw_str_of(text), &labels), TW_OK);
    uint64_t fingerprint = tw_labels_fingerprint(&labels);
    tw_arena_fini(&arena);
    assert_true(self->alert_count < GK_ALERTS_MAX);
    struct gk_alert *alert = &self->alerts[self->alert_count++];
    *alert = (struct gk_alert){.id = ++self->next_id,
                               .fingerprint = fingerprint,
                               .labels = strdup(text),
                               .severity = strstr(text, "critical") != NULL ? 0 : 1,
                               .fired_s = self->now_s};
    put(self, alert);
    return fingerprint;
}

void gk_changed(struct gk *self, struct gk_alert *alert)
{
    put(self, alert);
}

void gk_end(struct gk *self, uint64_t fingerprint)
{
    struct gk_alert *alert = gk_find(self, fingerprint);
    alert->ended_s = self->now_s;
    put(self, alert);
}

void gk_ack(struct gk *self, uint64_t fingerprint)
{
    struct gk_alert *alert = gk_find(self, fingerprint);
    alert->is_acked = true;
    put(self, alert);
}

void gk_silence(struct gk *self, const char *matchers, int64_t starts_s, int64_t ends_s)
{
    char id[32];
    (void)snprintf(id, sizeof id, "s%zu", self->silence_count);
    self->silences[self->silence_count++] =
        (struct tw_group_silence){.id = tw_str_of(strdup(id)),
                                  .matchers = tw_str_of(strdup(matchers)),
                                  .starts = wall(starts_s),
                                  .ends = wall(ends_s)};
    assert_int_equal(tw_groups_set_silences(self->groups, self->silences, self->silence_count),
                     TW_OK);
}

bool gk_is_inhibited(struct gk *self, uint64_t fingerprint)
{
    struct tw_group_view view;
    assert_true(tw_groups_view(self->groups, fingerprint, &view));
    return view.is_inhibited;
}

/* ---- a new life ---- */

void gk_restart(struct gk *self)
{
    const struct tw_notice_firing *gone = NULL;
    size_t count = 0;
    tw_groups_destroy(&self->groups);
    make(self);
    for (size_t i = 0; i < self->row_count; i++) {
        assert_int_equal(tw_groups_restore(self->groups, &self->rows[i]), TW_OK);
    }
    assert_int_equal(tw_groups_set_silences(self->groups, self->silences, self->silence_count),
                     TW_OK);
    for (size_t i = 0; i < self->alert_count; i++) {
        if (self->alerts[i].ended_s == 0) {
            put(self, &self->alerts[i]);
        }
    }
    assert_int_equal(tw_groups_gone(self->groups, &self->arena, NULL, 0, &gone, &count), TW_OK);
    for (size_t i = 0; i < count; i++) {
        const struct gk_alert *alert = gk_find(self, gone[i].fingerprint);
        if (alert->ended_s != 0) {
            put(self, alert);
        }
    }
}

/* ---- turns ---- */

static void keep_row(struct gk *self, const struct tw_group_row *row)
{
    size_t at = 0;
    while (at < self->row_count && !(tw_str_equal(self->rows[at].key, row->row.key) &&
                                     tw_str_equal(self->rows[at].receiver, row->row.receiver))) {
        at++;
    }
    if (at < self->row_count) {
        free_row(&self->rows[at]);
        self->rows[at] = self->rows[--self->row_count];
    }
    if (!row->is_over) {
        assert_true(self->row_count < GK_ROWS_MAX);
        struct tw_notice_group *to = &self->rows[self->row_count++];
        *to = row->row;
        to->receiver = tw_str_of(strndup(row->row.receiver.ptr, row->row.receiver.len));
        to->key = tw_str_of(strndup(row->row.key.ptr, row->row.key.len));
        to->labels = tw_str_of(strndup(row->row.labels.ptr, row->row.labels.len));
        to->sent = tw_str_of(strndup(row->row.sent.ptr, row->row.sent.len));
    }
}

static void print_names(FILE *out, const json_t *alerts, const char *status)
{
    for (size_t i = 0; i < json_array_size(alerts); i++) {
        const json_t *alert = json_array_get(alerts, i);
        const json_t *labels = json_object_get(alert, "labels");
        const json_t *name = json_object_get(labels, "n");
        if (strcmp(json_string_value(json_object_get(alert, "status")), status) == 0) {
            name = name == NULL ? json_object_get(labels, "alertname") : name;
            (void)fprintf(out, " %s", json_string_value(name));
        }
    }
}

static void print_notice(struct gk *self, const struct tw_notice *notice)
{
    json_t *body = json_loadb(notice->data.ptr, notice->data.len, 0, NULL);
    assert_non_null(body);
    const json_t *alerts = json_object_get(body, "alerts");
    json_int_t more = json_integer_value(json_object_get(body, "truncatedAlerts"));
    assert_string_equal(json_string_value(json_object_get(body, "notification_reason")),
                        notice->reason.ptr);
    (void)fprintf(self->out, "%" PRId64 " %.*s/%.*s %s %.*s:", self->now_s,
                  (int)notice->receiver.len, notice->receiver.ptr, (int)notice->integration.len,
                  notice->integration.ptr, tw_notice_kind_name(notice->kind),
                  (int)notice->reason.len, notice->reason.ptr);
    print_names(self->out, alerts, "firing");
    (void)fprintf(self->out, " /");
    print_names(self->out, alerts, "resolved");
    if (more > 0) {
        (void)fprintf(self->out, " +%" JSON_INTEGER_FORMAT, more);
    }
    (void)fprintf(self->out, "\n");
    json_decref(body);
    free(self->last_body);
    self->last_body = strndup(notice->data.ptr, notice->data.len);
    self->notices++;
}

static void keep_inhibited(struct gk *self, const struct tw_group_inhibited *item)
{
    for (size_t i = 0; i < self->alert_count; i++) {
        struct gk_alert *alert = &self->alerts[i];
        if (alert->id == item->alert) {
            free(alert->inhibited_by);
            alert->inhibited_by = item->by.ptr == NULL ? NULL : strndup(item->by.ptr, item->by.len);
        }
    }
}

static void turn(struct gk *self)
{
    struct tw_group_turn turn;
    tw_arena_reset(&self->arena);
    if (!tw_groups_is_due(self->groups, wall(self->now_s))) {
        return;
    }
    assert_int_equal(tw_groups_turn(self->groups, wall(self->now_s), &self->arena, &turn), TW_OK);
    for (size_t i = 0; i < turn.notice_count; i++) {
        print_notice(self, &turn.notices[i].notice);
        assert_true(turn.notices[i].told.count > 0);
    }
    for (size_t i = 0; i < turn.row_count; i++) {
        keep_row(self, &turn.rows[i]);
    }
    for (size_t i = 0; i < turn.inhibited_count; i++) {
        keep_inhibited(self, &turn.inhibited[i]);
    }
    self->lines += turn.line_count;
    assert_false(tw_groups_is_due(self->groups, wall(self->now_s))); /* it was all of it */
}

void gk_run(struct gk *self, int64_t until_s)
{
    for (; self->now_s <= until_s; self->now_s++) {
        if (self->restarts_always || (self->restart_s != 0 && self->restart_s == self->now_s)) {
            gk_restart(self);
        }
        turn(self);
    }
    self->now_s = until_s;
}

void gk_expect(struct gk *self, const char *told)
{
    (void)fflush(self->out);
    assert_string_equal(self->told, told);
    (void)fclose(self->out);
    free(self->told);
    self->told = NULL;
    self->out = open_memstream(&self->told, &self->told_len);
    assert_non_null(self->out);
    (void)fflush(self->out);
}
