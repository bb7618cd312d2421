/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "tracker_kit.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/err.h"

static int object_code(const void *context, const char *type)
{
    const struct tw_cfg *cfg = context;
    for (size_t i = 0; i < cfg->object_count; i++) {
        if (strcmp(cfg->objects[i].type, type) == 0) {
            return (int)i;
        }
    }
    return -1;
}

void kt_open(struct kit_tracker *self, const char *track, const char *definition)
{
    char yaml[8192];
    int yaml_len = snprintf(yaml, sizeof yaml,
                            "taps:\n  - {name: a, kind: router, bind: [\"tcp://127.0.0.1:8462\"]}\n"
                            "track: {linger-s: 60%s}\n",
                            track);
    assert_true(yaml_len > 0 && (size_t)yaml_len < sizeof yaml);
    *self = (struct kit_tracker){0};
    assert_int_equal(tw_cfg_parse("t.yaml", yaml, strlen(yaml), stderr, &self->cfg), TW_OK);
    assert_int_equal(tw_workflows_parse(self->cfg, "sale.yaml", definition, strlen(definition),
                                        stderr, &self->set),
                     TW_OK);
    tw_arena_init(&self->arena, (size_t)512 << 20);
    const struct tw_tracker_options options = {.cfg = self->cfg,
                                               .workflows = self->set,
                                               .object_code = object_code,
                                               .context = self->cfg,
                                               .seed = 1};
    assert_int_equal(tw_tracker_new(&options, &self->tracker), TW_OK);
}

void kt_close(struct kit_tracker *self)
{
    tw_tracker_destroy(&self->tracker);
    tw_workflows_unref(&self->set);
    tw_cfg_destroy(&self->cfg);
    tw_arena_fini(&self->arena);
}

/* One event of a receipt, that happened at_s after NOW_S. "failed" in its type says its outcome. */
void kt_apply(struct kit_tracker *self, const char *type, int receipt, int store, int64_t at_s)
{
    static const struct {
        const char *type;
        const char *system;
    } systems[] = {{"sold", "pos"},
                   {"routed", "middleware"},
                   {"posted", "erp"},
                   {"posted failed", "erp"},
                   {"accrued", "loyalty"}};
    char id[16];
    char name[16];
    size_t kind = 0;
    while (strcmp(systems[kind].type, type) != 0) {
        kind++;
    }
    (void)snprintf(id, sizeof id, "%d", receipt);
    (void)snprintf(name, sizeof name, "%04d", store);
    struct tw_event event = {.has_time = true, .time = {(NOW_S + at_s) * TW_NS_PER_S}};
    event.attr[TW_ATTR_ID] = TW_STR_LIT("1");
    event.attr[TW_ATTR_SOURCE] = tw_str_of(systems[kind].system);
    event.attr[TW_ATTR_TYPE] = (struct tw_str){type, strcspn(type, " ")};
    event.attr[TW_ATTR_SYSTEM] = tw_str_of(systems[kind].system);
    if (store > 0) {
        event.attr[TW_ATTR_STOREID] = tw_str_of(name);
    }
    if (self->region != NULL) {
        event.attr[TW_ATTR_REGION] = tw_str_of(self->region);
    }
    if (strchr(type, ' ') != NULL) {
        event.attr[TW_ATTR_OUTCOME] = TW_STR_LIT("failed");
    }
    const struct tw_object object = {.type = (uint16_t)object_code(self->cfg, "transaction"),
                                     .id = tw_str_of(id),
                                     .scope = TW_STR_LIT("7")};
    self->now_s = at_s > self->now_s ? at_s : self->now_s;
    struct tw_record record = {.n = ++self->n,
                               .kind = TW_RECORD_EVENT,
                               .received = {(NOW_S + self->now_s) * TW_NS_PER_S},
                               .time = event.time,
                               .has_time = true,
                               .source = (uint32_t)kind,
                               .objects = &object,
                               .object_count = 1};
    const struct tw_track_note *note = NULL;
    assert_int_equal(tw_tracker_note(self->tracker, &event, &self->arena, &note), TW_OK);
    assert_int_equal(tw_tracker_apply(self->tracker, &record, note), TW_OK);
    if (self->n % 1000 == 0) {
        tw_arena_reset(&self->arena);
    }
}

void kt_tick(struct kit_tracker *self, int64_t at_s)
{
    const tw_wall_t at = {(NOW_S + at_s) * TW_NS_PER_S};
    const struct tw_track_tick now = {at, at};
    self->now_s = at_s;
    assert_int_equal(tw_tracker_tick(self->tracker, &now), TW_OK);
}

const struct tw_track_changes *kt_emit(struct kit_tracker *self)
{
    const struct tw_track_emit options = {.with_live = true, .last_n = self->n};
    const struct tw_track_changes *changes = NULL;
    assert_int_equal(tw_tracker_emit(self->tracker, &options, &self->arena, &changes), TW_OK);
    return changes;
}

json_t *kt_document(const struct tw_track_changes *changes, const char *key)
{
    for (size_t i = 0; i < changes->live_count; i++) {
        if (tw_str_is(changes->live[i].key, key)) {
            json_t *json =
                json_loadb(changes->live[i].json.ptr, changes->live[i].json.len, 0, NULL);
            assert_non_null(json);
            return json;
        }
    }
    fail_msg("no document %s", key);
    return NULL;
}
