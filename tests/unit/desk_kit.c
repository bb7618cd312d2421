/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "desk_kit.h"

#include <string.h>

struct kit kit;
struct tw_follow *follow;
struct tw_desk_reader *desk;
struct tw_arena arena;
enum tw_run_state run_state;

int set_up(void **state)
{
    (void)state;
    run_state = TW_RUN_IS_FAILED;
    kit_init(&kit, 8015);
    assert_int_equal(kit_open(&kit), TW_OK);
    kit_commit(&kit, 1, true);
    tw_arena_init(&arena, (size_t)64 << 20);
    assert_int_equal(tw_follow_open(&kit.cfg, &kit.clock.clock, &follow, &kit.diag), TW_OK);
    assert_int_equal(tw_desk_reader_open(kit.dir, &desk, &kit.diag), TW_OK);
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    tw_desk_reader_close(&desk);
    tw_follow_close(&follow);
    tw_arena_fini(&arena);
    kit_fini(&kit);
    return 0;
}

uint64_t commit_event(const char *json)
{
    kit_fill(&kit, 1, false);
    struct tw_record *record = (struct tw_record *)&kit.batch->records[0];
    record->kind = TW_RECORD_EVENT;
    record->of = 0;
    record->json = tw_str_of(json);
    uint64_t n = record->n;
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
    kit_accept(&kit);
    return n;
}

void commit_run(const struct said *said, bool starts_partition)
{
    const struct tw_run_row row = {
        .workflow = TW_STR_LIT("sale"),
        .object_type = 2,
        .object_id = tw_str_of(said->id),
        .step = TW_STR_LIT("posted"),
        .state = run_state,
        .store = tw_str_of(said->store),
        .region = TW_STR_LIT("north"),
        .updated = {1000 * TW_NS_PER_S},
        .amount_minor = said->amount,
        .currency = "EUR",
        .setbacks = tw_str_of(said->setbacks),
    };
    const struct tw_track_changes changes = {.runs = &row, .run_count = 1};
    kit_fill(&kit, 1, starts_partition);
    kit.batch->track = &changes;
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
    kit_accept(&kit);
}

const char *step_text(enum tw_step_state state, enum tw_cause cause, uint64_t failed, uint64_t done,
                      int64_t time_s)
{
    static char texts[8][400];
    static unsigned next;
    char *text = texts[next++ % 8];
    (void)snprintf(text, sizeof texts[0],
                   "[{\"step\":\"posted\",\"system\":\"erp\",\"destination\":\"posted\","
                   "\"state\":%d,\"cause\":%d,\"failed\":%llu,\"done\":%llu,\"input\":7,"
                   "\"attempts\":2,\"time\":%lld,\"since\":0,\"due\":900000000000}]",
                   (int)state, (int)cause, (unsigned long long)failed, (unsigned long long)done,
                   (long long)time_s * TW_NS_PER_S);
    return text;
}

void follow_all(void)
{
    size_t count = 1;
    for (int i = 0; count > 0; i++) {
        assert_true(i < 100);
        assert_int_equal(tw_follow_once(follow, &count, &kit.diag), TW_OK);
    }
}

uint64_t post_fails(const char *id, const char *store, int64_t amount, int64_t time_s)
{
    uint64_t n = commit_event(FAILED_EVENT);
    const struct said said = {id, step_text(TW_STEP_FAILED, TW_CAUSE_MASTER_DATA, n, 0, time_s),
                              store, amount};
    commit_run(&said, false);
    return n;
}
