/* SPDX-License-Identifier: Apache-2.0
 * desk/follow.h and store/desk*.h: what runs say becomes failures in groups, whatever the portions
 * and restarts; what operators do with groups stays, and is in the audit. */
#include "config.h"
#include "desk_kit.h"

#include <string.h>
#include <unistd.h>

static const struct tw_group *read_groups(size_t expected)
{
    const struct tw_group_filter filter = {.now = {2000 * TW_NS_PER_S}};
    const struct tw_group *groups = NULL;
    size_t count = 0;
    bool has_more = true;
    assert_int_equal(tw_desk_groups(desk, &arena, &filter, &groups, &count, &has_more), TW_OK);
    assert_int_equal(count, expected);
    assert_false(has_more);
    return groups;
}

static const struct tw_failure *read_failures(uint64_t group, size_t expected)
{
    const struct tw_failure_filter filter = {.group = group, .limit = 100};
    const struct tw_failure *items = NULL;
    size_t count = 0;
    bool has_more = true;
    assert_int_equal(tw_desk_failures(desk, &arena, &filter, &items, &count, &has_more), TW_OK);
    assert_int_equal(count, expected);
    assert_false(has_more);
    return items;
}

static void follow__failed_steps__are_grouped_with_money_and_stores(void **state)
{
    (void)state;
    post_fails("o1", "0001", 1050, 1000);
    post_fails("o2", "0002", 2000, 1100);
    post_fails("o3", "0002", 5, 950);
    follow_all();
    const struct tw_group *group = read_groups(1);
    assert_true(tw_str_is(group->kind.workflow, "sale"));
    assert_true(tw_str_is(group->kind.step, "posted"));
    assert_true(tw_str_is(group->kind.system, "erp"));
    assert_int_equal(group->kind.cause, TW_CAUSE_MASTER_DATA);
    assert_true(tw_str_is(group->kind.label, "MAT-404"));
    assert_int_equal(group->open, 3);
    assert_int_equal(group->stores, 2);
    assert_int_equal(group->regions, 1);
    assert_int_equal(group->amount_count, 1);
    assert_string_equal(group->amounts[0].currency, "EUR");
    assert_int_equal(group->amounts[0].amount_minor, 3055);
    assert_int_equal(group->first.ns, 950 * TW_NS_PER_S);
    assert_int_equal(group->last.ns, 1100 * TW_NS_PER_S);
    assert_int_equal(group->trend[TW_GROUP_TREND_HOURS - 1], 3); /* 950 to 1100 s: the hour 0 */
    const struct tw_failure *failure = read_failures(group->id, 3);
    assert_true(tw_str_is(failure->object_id, "o2"));
    assert_true(tw_str_is(failure->message, "material 4711 not found"));
    assert_true(tw_str_is(failure->error_class, "master-data"));
    assert_int_equal(failure->http_status, 422);
    assert_int_equal(failure->input_n, 7);
    assert_int_equal(failure->attempts, 2);
}

static void follow__twice_or_after_a_restart__changes_nothing(void **state)
{
    (void)state;
    const struct said missing = {"o9", step_text(TW_STEP_OVERDUE, TW_CAUSE_MISSING, 0, 0, 0),
                                 "0001", 0};
    post_fails("o1", "0001", 1050, 1000);
    commit_run(&missing, false);
    follow_all();
    uint64_t before = read_groups(2)->open;
    tw_follow_close(&follow);
    assert_int_equal(tw_follow_open(&kit.cfg, &kit.clock.clock, &follow, &kit.diag), TW_OK);
    follow_all();
    /* a new partition tells the open runs again */
    commit_run(&missing, true);
    follow_all();
    const struct tw_group *groups = read_groups(2);
    assert_int_equal(groups[0].open, before);
    assert_int_equal(groups[1].open, 1);
    assert_int_equal(groups[0].trend[TW_GROUP_TREND_HOURS - 1], 1);
    assert_int_equal(groups[1].trend[TW_GROUP_TREND_HOURS - 1], 1);
}

static void follow__recovered__is_no_longer_open_and_has_its_proof(void **state)
{
    (void)state;
    uint64_t n = post_fails("o1", "0001", 1050, 1000);
    follow_all();
    uint64_t group = read_groups(1)->id;
    const struct said done = {"o1", step_text(TW_STEP_DONE, TW_CAUSE_MASTER_DATA, n, n + 1, 1200),
                              "0001", 1050};
    commit_run(&done, false);
    follow_all();
    read_groups(0);
    const struct tw_failure *failure = read_failures(group, 1);
    assert_int_equal(failure->state, TW_FAILURE_RECOVERED);
    assert_int_equal(failure->done_n, n + 1);
    assert_int_equal(failure->ended.ns, 1200 * TW_NS_PER_S);
    /* and fails again: the same failure, open, news */
    post_fails("o1", "0001", 1050, 1300);
    follow_all();
    assert_int_equal(read_groups(1)->trend[TW_GROUP_TREND_HOURS - 1], 2);
    failure = read_failures(group, 1);
    assert_int_equal(failure->state, TW_FAILURE_OPEN);
    assert_int_equal(failure->first.ns, 1000 * TW_NS_PER_S);
    assert_int_equal(failure->last.ns, 1300 * TW_NS_PER_S);
    assert_int_equal(failure->ended.ns, 0);
}

static void follow__overdue_then_done__was_missing_and_recovered(void **state)
{
    (void)state;
    const struct said late = {"o1", step_text(TW_STEP_DONE, TW_CAUSE_NONE, 0, 3, 1500), NULL, 0};
    const struct said missing = {"o2", step_text(TW_STEP_OVERDUE, TW_CAUSE_MISSING, 0, 0, 0), NULL,
                                 0};
    const struct said came = {"o2", step_text(TW_STEP_DONE, TW_CAUSE_NONE, 0, 3, 1500), NULL, 0};
    commit_run(&late, false); /* nobody was ever told that it is overdue */
    commit_run(&missing, false);
    follow_all();
    const struct tw_group *group = read_groups(1);
    uint64_t id = group->id;
    assert_int_equal(group->kind.cause, TW_CAUSE_MISSING);
    assert_int_equal(group->open, 1);
    assert_int_equal(group->first.ns, 900 * TW_NS_PER_S); /* when it was due */
    commit_run(&came, false);
    follow_all();
    read_groups(0);
    const struct tw_failure *failure = read_failures(id, 1);
    assert_int_equal(failure->state, TW_FAILURE_RECOVERED);
    assert_int_equal(failure->kind.cause, TW_CAUSE_MISSING); /* it keeps what it was */
}

static void follow__another_cause__moves_the_failure(void **state)
{
    (void)state;
    const struct said missing = {"o1", step_text(TW_STEP_OVERDUE, TW_CAUSE_MISSING, 0, 0, 0),
                                 "0001", 0};
    commit_run(&missing, false);
    follow_all();
    uint64_t old = read_groups(1)->id;
    post_fails("o1", "0001", 0, 1000);
    follow_all();
    const struct tw_group *group = read_groups(1);
    assert_true(group->id != old);
    assert_int_equal(group->kind.cause, TW_CAUSE_MASTER_DATA);
    read_failures(old, 0);
}

static void follow__no_longer_told__is_closed(void **state)
{
    (void)state;
    post_fails("o1", "0001", 1050, 1000);
    follow_all();
    uint64_t group = read_groups(1)->id;
    const struct said gone = {"o1", "[]", "0001", 1050};
    commit_run(&gone, false);
    follow_all();
    read_groups(0);
    assert_int_equal(read_failures(group, 1)->state, TW_FAILURE_CLOSED);
}

/* What failed was compensated, or is the failure of another workflow's run: nobody has to act. */
static void follow__run_not_in_trouble__has_no_open_failure(void **state)
{
    (void)state;
    static const enum tw_run_state none[] = {TW_RUN_IS_COMPENSATED, TW_RUN_IS_RUNNING};
    for (size_t i = 0; i < 2; i++) {
        run_state = TW_RUN_IS_FAILED;
        post_fails("o1", "0001", 1050, 1000 + (int64_t)i * 10);
        follow_all();
        uint64_t group = read_groups(1)->id;
        run_state = none[i];
        post_fails("o1", "0001", 1050, 1005 + (int64_t)i * 10);
        follow_all();
        read_groups(0);
        assert_int_equal(read_failures(group, 1)->state, TW_FAILURE_CLOSED);
    }
}

static void follow__repeated_effect__is_a_group_of_its_own(void **state)
{
    (void)state;
    const struct said twice = {"o1", "[{\"cause\":9}]", "0001", 1050};
    commit_run(&twice, false);
    follow_all();
    const struct tw_group *group = read_groups(1);
    assert_int_equal(group->kind.cause, TW_CAUSE_DUPLICATE);
    assert_true(tw_str_is(group->kind.step, ""));
    assert_int_equal(group->open, 1);
}

/* Nothing that a partition may say stops following: what cannot be read is passed over. */
static void follow__garbage__is_passed_over(void **state)
{
    (void)state;
    static const char *const garbage[] = {
        "",
        "{",
        "null",
        "{}",
        "[1,null,\"x\",[]]",
        "[{\"state\":99}]",
        "[{\"cause\":-1}]",
        "[{\"step\":5,\"state\":\"x\",\"cause\":2,\"failed\":\"n\"}]",
        "[{\"step\":\"a\",\"state\":2,\"cause\":1,\"failed\":99999999}]",
    };
    char id[16];
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        (void)snprintf(id, sizeof id, "g%zu", i);
        const struct said said = {id, garbage[i], NULL, 0};
        commit_run(&said, false);
    }
    uint64_t n = commit_event("{\"errorcode\":7,\"errormessage\":{},\"httpstatus\":1e99}");
    const struct said odd = {"g9", step_text(TW_STEP_FAILED, TW_CAUSE_UNKNOWN, n, 0, 5), NULL, 0};
    commit_run(&odd, false);
    post_fails("o1", "0001", 1050, 1000);
    follow_all();
    const struct tw_group *groups = read_groups(4);
    assert_true(groups[0].open == 1);
}

static void follow__long_texts__are_cut_at_whole_characters(void **state)
{
    (void)state;
    char json[2048];
    char code[300];
    char message[900];
    size_t used = 0;
    memset(code, 'c', sizeof code);
    code[299] = 0;
    for (int i = 0; i < 400; i++) {
        used += (size_t)snprintf(message + used, sizeof message - used, "\xc3\xa9"); /* e acute */
    }
    message[0] = 'a'; /* so that the bound falls into a character */
    memmove(message + 1, message + 2, strlen(message + 2) + 1);
    (void)snprintf(json, sizeof json, "{\"errorcode\":\"%s\",\"errormessage\":\"%s\"}", code,
                   message);
    uint64_t n = commit_event(json);
    const struct said said = {"o1", step_text(TW_STEP_FAILED, TW_CAUSE_UNKNOWN, n, 0, 5), NULL, 0};
    commit_run(&said, false);
    follow_all();
    const struct tw_group *group = read_groups(1);
    assert_int_equal(group->kind.label.len, TW_FAILURE_LABEL_MAX);
    const struct tw_failure *failure = read_failures(group->id, 1);
    assert_int_equal(failure->message.len, TW_FAILURE_MESSAGE_MAX - 1);
    assert_int_equal(failure->code.len, 255);
}

/* Amounts that nobody has: the others are told all the same. */
static void groups__amounts_beyond_all_bounds__are_told_as_the_most(void **state)
{
    (void)state;
    post_fails("o1", "0001", INT64_MAX, 1000);
    post_fails("o2", "0001", INT64_MAX, 1000);
    follow_all();
    const struct tw_group *group = read_groups(1);
    assert_int_equal(group->open, 2);
    assert_true(group->amounts[0].amount_minor == INT64_C(9200000000000000000));
}

/* Portions of large events: each is looked at alone. */
static void follow__large_events__fit(void **state)
{
    (void)state;
    const size_t len = (size_t)1 << 20;
    char id[16];
    char *json = malloc(len + 1);
    assert_non_null(json);
    memset(json, ' ', len);
    memcpy(json, "{\"errorcode\":\"BIG\"", 18);
    json[len - 1] = '}';
    json[len] = 0;
    for (int i = 0; i < 150; i++) {
        uint64_t n = commit_event(json);
        (void)snprintf(id, sizeof id, "o%d", i);
        const struct said said = {id, step_text(TW_STEP_FAILED, TW_CAUSE_UNKNOWN, n, 0, 5), NULL,
                                  0};
        commit_run(&said, false);
    }
    free(json);
    follow_all();
    const struct tw_group *group = read_groups(1);
    assert_true(tw_str_is(group->kind.label, "BIG"));
    assert_int_equal(group->open, 150);
}

static void follow__desk_ahead_of_the_store__begins_anew(void **state)
{
    (void)state;
    post_fails("o1", "0001", 1050, 1000);
    follow_all();
    tw_follow_close(&follow);
    (void)kit_number(&kit, "desk.db", "UPDATE meta SET part = 99, changed = 7");
    assert_int_equal(tw_follow_open(&kit.cfg, &kit.clock.clock, &follow, &kit.diag), TW_OK);
    post_fails("o2", "0001", 1050, 1000);
    follow_all();
    assert_int_equal(read_groups(1)->open, 2);
}

static void open__desk_of_another_store__is_refused(void **state)
{
    (void)state;
    struct tw_follow *other = NULL;
    (void)kit_number(&kit, "desk.db", "UPDATE meta SET store_id = x'00112233445566778899'");
    assert_int_equal(tw_follow_open(&kit.cfg, &kit.clock.clock, &other, &kit.diag), TW_EFOREIGN);
    assert_non_null(strstr(kit.diag.text, "belongs to another store"));
}

/* ---- rules ---- */

static void use_rules(const char *yaml)
{
    const struct tw_causes *set = NULL;
    assert_int_equal(
        tw_causes_parse("causes.yaml", tw_str_of(yaml), TW_CAUSES_OPERATORS, stderr, &set), TW_OK);
    tw_follow_set_causes(follow, set);
    tw_causes_unref(&set);
}

static void rules__new_ones__are_applied_to_what_is_open(void **state)
{
    (void)state;
    const struct said missing = {"o9", step_text(TW_STEP_OVERDUE, TW_CAUSE_MISSING, 0, 0, 0),
                                 "0001", 0};
    uint64_t n = post_fails("o1", "0001", 1050, 1000);
    post_fails("o2", "0001", 1050, 1000);
    commit_run(&missing, false);
    follow_all();
    uint64_t old = read_groups(2)->id;
    struct tw_desk_command note = {.dir = kit.dir, .group = old, .actor = TW_STR_LIT("local")};
    assert_int_equal(tw_desk_add_note(&note, TW_STR_LIT("stays"), &kit.diag), TW_OK);
    const struct said done = {"o2", step_text(TW_STEP_DONE, TW_CAUSE_MASTER_DATA, n, n + 1, 1200),
                              "0001", 1050};
    commit_run(&done, false);
    follow_all();
    use_rules("rules:\n  - name: no-article\n    when: {message: \"material * not found\"}\n"
              "    cause: master-data\n    label: Article unknown\n");
    follow_all();
    const struct tw_group *groups = read_groups(2);
    const struct tw_group *moved = groups[0].kind.cause == TW_CAUSE_MISSING ? &groups[1] : groups;
    assert_true(tw_str_is(moved->kind.label, "Article unknown"));
    assert_true(moved->id != old);
    assert_int_equal(moved->open, 1);
    /* what is over stays where it was, with its notes */
    assert_int_equal(read_failures(old, 1)->state, TW_FAILURE_RECOVERED);
    const struct tw_desk_note *notes = NULL;
    size_t count = 0;
    assert_int_equal(tw_desk_notes(desk, &arena, old, 10, &notes, &count), TW_OK);
    assert_int_equal(count, 1);
    /* without the rule they are of the code again */
    tw_follow_set_causes(follow, NULL);
    follow_all();
    groups = read_groups(2);
    assert_true(groups[0].id == old || groups[1].id == old);
}

static void rules__more_than_a_portion__are_all_looked_at(void **state)
{
    (void)state;
    char id[16];
    for (int i = 0; i < TW_FOLLOW_PORTION + 10; i++) {
        (void)snprintf(id, sizeof id, "o%d", i);
        post_fails(id, "0001", 1, 1000);
    }
    follow_all();
    read_groups(1);
    use_rules("rules:\n  - name: any\n    when: {code: MAT-404}\n    cause: rejected\n"
              "    label: All of them\n");
    follow_all();
    const struct tw_group *group = read_groups(1);
    assert_true(tw_str_is(group->kind.label, "All of them"));
    assert_int_equal(group->open, TW_FOLLOW_PORTION + 10);
}

/* ---- reading ---- */

static void groups__filters__choose(void **state)
{
    (void)state;
    const struct said missing = {"o9", step_text(TW_STEP_OVERDUE, TW_CAUSE_MISSING, 0, 0, 0),
                                 "0002", 0};
    post_fails("o1", "0001", 1050, 1000);
    post_fails("o2", "0002", 1050, 1000);
    commit_run(&missing, false);
    follow_all();
    const enum tw_cause cause = TW_CAUSE_MISSING;
    const struct {
        struct tw_group_filter filter;
        size_t groups;
        uint64_t open;
    } cases[] = {
        {{.store = TW_STR_LIT("0001")}, 1, 1},    {{.store = TW_STR_LIT("0002")}, 2, 1},
        {{.store = TW_STR_LIT("0003")}, 0, 0},    {{.cause = &cause}, 1, 1},
        {{.workflow = TW_STR_LIT("sale")}, 2, 2}, {{.workflow = TW_STR_LIT("sal")}, 0, 0},
        {{.system = TW_STR_LIT("erp")}, 2, 2},    {{.region = TW_STR_LIT("south")}, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct tw_group *groups = NULL;
        size_t count = 0;
        bool has_more = false;
        assert_int_equal(tw_desk_groups(desk, &arena, &cases[i].filter, &groups, &count, &has_more),
                         TW_OK);
        assert_int_equal(count, cases[i].groups);
        assert_true(count == 0 || groups[0].open == cases[i].open);
    }
}

static void failures__pages__have_all_once(void **state)
{
    (void)state;
    char id[16];
    for (int i = 0; i < 25; i++) {
        (void)snprintf(id, sizeof id, "o%02d", i);
        post_fails(id, "0001", 1, 1000 + i / 10); /* many of one time */
    }
    follow_all();
    struct tw_failure_filter filter = {.group = read_groups(1)->id, .limit = 4};
    size_t seen = 0;
    bool has_more = true;
    bool was[25] = {false};
    while (has_more) {
        const struct tw_failure *items = NULL;
        size_t count = 0;
        assert_int_equal(tw_desk_failures(desk, &arena, &filter, &items, &count, &has_more), TW_OK);
        for (size_t i = 0; i < count; i++) {
            size_t at = (size_t)(items[i].object_id.ptr[1] - '0') * 10 +
                        (size_t)(items[i].object_id.ptr[2] - '0');
            assert_false(was[at]);
            was[at] = true;
            filter.after_last = items[i].last;
            filter.after_id = items[i].id;
        }
        seen += count;
        assert_true(seen <= 25);
    }
    assert_int_equal(seen, 25);
}

static void parts__of_a_group__are_counted(void **state)
{
    (void)state;
    post_fails("o1", "0001", 1, 1000);
    post_fails("o2", "0002", 1, 1000);
    post_fails("o3", "0002", 1, 1000);
    follow_all();
    uint64_t group = read_groups(1)->id;
    const struct tw_group_part *parts = NULL;
    size_t count = 0;
    uint64_t states[TW_FAILURE_STATE_COUNT];
    uint64_t archived = 9;
    assert_int_equal(tw_desk_parts(desk, &arena, group, TW_GROUP_BY_STORE, &parts, &count), TW_OK);
    assert_int_equal(count, 2);
    assert_true(tw_str_is(parts[0].what, "0002"));
    assert_int_equal(parts[0].count, 2);
    assert_int_equal(tw_desk_parts(desk, &arena, group, TW_GROUP_BY_MESSAGE, &parts, &count),
                     TW_OK);
    assert_int_equal(count, 1);
    assert_int_equal(parts[0].count, 3);
    assert_int_equal(tw_desk_states(desk, group, states, &archived), TW_OK);
    assert_int_equal(states[TW_FAILURE_OPEN], 3);
    assert_int_equal(archived, 0);
}

/* ---- commands ---- */

static struct tw_desk_command command(uint64_t group)
{
    return (struct tw_desk_command){.dir = kit.dir,
                                    .group = group,
                                    .actor = TW_STR_LIT("local"),
                                    .address = TW_STR_LIT("127.0.0.1"),
                                    .reason = TW_STR_LIT("because"),
                                    .now = {5000 * TW_NS_PER_S}};
}

static void note__any__stays_and_is_in_the_audit(void **state)
{
    (void)state;
    char long_text[TW_NOTE_MAX + 2];
    const struct tw_desk_note *notes = NULL;
    size_t count = 0;
    memset(long_text, 'x', sizeof long_text);
    post_fails("o1", "0001", 1, 1000);
    follow_all();
    uint64_t group = read_groups(1)->id;
    struct tw_desk_command one = command(group);
    assert_int_equal(tw_desk_add_note(&one, TW_STR_LIT("ask SAP"), &kit.diag), TW_OK);
    assert_int_equal(tw_desk_add_note(&one, (struct tw_str){long_text, TW_NOTE_MAX}, &kit.diag),
                     TW_OK);
    assert_int_equal(tw_desk_add_note(&one, (struct tw_str){long_text, TW_NOTE_MAX + 1}, &kit.diag),
                     TW_EINVAL);
    assert_int_equal(tw_desk_add_note(&one, TW_STR_LIT(""), &kit.diag), TW_EINVAL);
    one.group = 999;
    assert_int_equal(tw_desk_add_note(&one, TW_STR_LIT("x"), &kit.diag), TW_ENOTFOUND);
    assert_int_equal(tw_desk_notes(desk, &arena, group, 10, &notes, &count), TW_OK);
    assert_int_equal(count, 2);
    assert_true(tw_str_is(notes[1].text, "ask SAP"));
    assert_true(tw_str_is(notes[1].actor, "local"));
    /* what was refused is not in the audit as done */
    assert_int_equal(kit_number(&kit, "desk.db", "SELECT count(*) FROM audit"), 2);
}

static void archive__all_up_to__leaves_what_failed_since(void **state)
{
    (void)state;
    post_fails("o1", "0001", 1, 1000);
    post_fails("o2", "0001", 1, 1100);
    follow_all();
    uint64_t group = read_groups(1)->id;
    struct tw_desk_command one = command(group);
    uint64_t changed = 0;
    assert_int_equal(
        tw_desk_archive(&one, true, NULL, 0, (tw_wall_t){1050 * TW_NS_PER_S}, &changed, &kit.diag),
        TW_OK);
    assert_int_equal(changed, 1);
    assert_int_equal(read_groups(1)->open, 1);
    /* the archived one fails again: it is open again */
    post_fails("o1", "0001", 1, 1200);
    follow_all();
    assert_int_equal(read_groups(1)->open, 2);
    const struct tw_failure *items = read_failures(group, 2);
    const uint64_t ids[] = {items[0].id, items[0].id, 12345};
    assert_int_equal(tw_desk_archive(&one, true, ids, 3, (tw_wall_t){0}, &changed, &kit.diag),
                     TW_OK);
    assert_int_equal(changed, 1);
    assert_int_equal(tw_desk_archive(&one, false, ids, 1, (tw_wall_t){0}, &changed, &kit.diag),
                     TW_OK);
    assert_int_equal(changed, 1);
    assert_int_equal(read_groups(1)->open, 2);
}

static void archive__too_many_ids__is_refused(void **state)
{
    (void)state;
    static uint64_t ids[TW_ARCHIVE_IDS_MAX + 1];
    struct tw_desk_command one = command(1);
    uint64_t changed = 7;
    assert_int_equal(tw_desk_archive(&one, true, ids, TW_ARCHIVE_IDS_MAX + 1, (tw_wall_t){0},
                                     &changed, &kit.diag),
                     TW_EINVAL);
    assert_int_equal(
        tw_desk_archive(&one, true, ids, TW_ARCHIVE_IDS_MAX, (tw_wall_t){0}, &changed, &kit.diag),
        TW_OK);
    assert_int_equal(changed, 0);
}

static void snooze_assign__bounds__are_kept(void **state)
{
    (void)state;
    char name[TW_ASSIGNEE_MAX + 1];
    const int64_t day_ns = INT64_C(86400) * TW_NS_PER_S;
    memset(name, 'n', sizeof name);
    post_fails("o1", "0001", 1, 1000);
    follow_all();
    uint64_t group = read_groups(1)->id;
    struct tw_desk_command one = command(group);
    tw_wall_t until = {one.now.ns + 90 * day_ns};
    assert_int_equal(tw_desk_snooze(&one, until, &kit.diag), TW_OK);
    assert_int_equal(read_groups(1)->snoozed_until.ns, until.ns);
    until.ns++;
    assert_int_equal(tw_desk_snooze(&one, until, &kit.diag), TW_EINVAL);
    assert_int_equal(tw_desk_snooze(&one, one.now, &kit.diag), TW_EINVAL);
    assert_int_equal(tw_desk_snooze(&one, (tw_wall_t){0}, &kit.diag), TW_OK);
    assert_int_equal(read_groups(1)->snoozed_until.ns, 0);
    assert_int_equal(tw_desk_assign(&one, (struct tw_str){name, TW_ASSIGNEE_MAX}, &kit.diag),
                     TW_OK);
    assert_int_equal(read_groups(1)->assignee.len, TW_ASSIGNEE_MAX);
    assert_int_equal(tw_desk_assign(&one, (struct tw_str){name, TW_ASSIGNEE_MAX + 1}, &kit.diag),
                     TW_EINVAL);
    assert_int_equal(tw_desk_assign(&one, TW_STR_NULL, &kit.diag), TW_OK);
    assert_null(read_groups(1)->assignee.ptr);
    const struct tw_desk_act *acts = NULL;
    size_t count = 0;
    assert_int_equal(tw_desk_history(desk, &arena, group, 10, &acts, &count), TW_OK);
    assert_int_equal(count, 4);
    assert_true(tw_str_is(acts[0].action, "assign"));
    assert_true(tw_str_is(acts[0].reason, "because"));
    one.group = 77;
    assert_int_equal(tw_desk_assign(&one, TW_STR_LIT("x"), &kit.diag), TW_ENOTFOUND);
}

/* ---- copies ---- */

static void expire__over_and_older_than_the_store__is_forgotten(void **state)
{
    (void)state;
    size_t count = 99;
    uint64_t n = post_fails("o1", "0001", 1, 1000);
    post_fails("o2", "0001", 1, 1000);
    post_fails("o3", "0001", 1, 1000);
    follow_all();
    run_state = TW_RUN_IS_RECOVERED;
    for (int i = 0; i < 2; i++) {
        const struct said said = {i == 0 ? "o1" : "o3",
                                  step_text(TW_STEP_DONE, TW_CAUSE_MASTER_DATA, n, 50, 1100), NULL,
                                  0};
        commit_run(&said, false);
    }
    follow_all();
    (void)kit_number(&kit, "desk.db",
                     "INSERT INTO replay_item(replay, seq, replayid, failure,"
                     " is_asked, is_ready, overridden, is_financial, object_type,"
                     " object_scope, object_id, event_n, failed_n, amount_minor,"
                     " currency, state) SELECT 1, 1, x'00', id, 1, 0, 0, 0, 2,"
                     " x'', object_id, 1, 1, 0, x'', 3 FROM failure"
                     " WHERE object_id = CAST('o3' AS BLOB)");
    assert_int_equal(tw_follow_expire(follow, &count, &kit.diag), TW_OK);
    assert_int_equal(count, 1); /* o2 is open, and of o3 a replay tells */
    assert_int_equal(kit_number(&kit, "desk.db",
                                "SELECT count(*) FROM failure WHERE object_id IN"
                                " (CAST('o2' AS BLOB), CAST('o3' AS BLOB))"),
                     2);
    assert_int_equal(tw_follow_expire(follow, &count, &kit.diag), TW_OK);
    assert_int_equal(count, 0);
    (void)kit_number(&kit, "desk.db",
                     "UPDATE failure SET state = 1, ended = 4000000000000000000 WHERE id = 2");
    assert_int_equal(tw_follow_expire(follow, &count, &kit.diag), TW_OK);
    assert_int_equal(count, 0); /* its events are still there */
}

static void backup__with_a_desk__has_it(void **state)
{
    (void)state;
    char target[160];
    char copied[192];
    struct tw_desk_reader *copy = NULL;
    post_fails("o1", "0001", 1, 1000);
    follow_all();
    FILE *rules = fopen(kit_path(&kit, "causes.yaml"), "w");
    assert_non_null(rules);
    assert_true(fputs("rules: []\n", rules) >= 0);
    assert_int_equal(fclose(rules), 0);
    (void)snprintf(target, sizeof target, "%s-copy", kit.dir);
    assert_int_equal(tw_store_backup(kit.dir, target, &kit.diag), TW_OK);
    assert_int_equal(tw_desk_reader_open(target, &copy, &kit.diag), TW_OK);
    tw_desk_reader_close(&desk);
    desk = copy;
    assert_int_equal(read_groups(1)->open, 1);
    (void)snprintf(copied, sizeof copied, "%s/causes.yaml", target);
    assert_int_equal(access(copied, R_OK), 0);
    kit_remove_tree(target);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(follow__failed_steps__are_grouped_with_money_and_stores),
        TEST(follow__twice_or_after_a_restart__changes_nothing),
        TEST(follow__recovered__is_no_longer_open_and_has_its_proof),
        TEST(follow__overdue_then_done__was_missing_and_recovered),
        TEST(follow__another_cause__moves_the_failure),
        TEST(follow__no_longer_told__is_closed),
        TEST(follow__run_not_in_trouble__has_no_open_failure),
        TEST(follow__repeated_effect__is_a_group_of_its_own),
        TEST(follow__garbage__is_passed_over),
        TEST(follow__long_texts__are_cut_at_whole_characters),
        TEST(groups__amounts_beyond_all_bounds__are_told_as_the_most),
        TEST(follow__large_events__fit),
        TEST(follow__desk_ahead_of_the_store__begins_anew),
        TEST(open__desk_of_another_store__is_refused),
        TEST(rules__new_ones__are_applied_to_what_is_open),
        TEST(rules__more_than_a_portion__are_all_looked_at),
        TEST(groups__filters__choose),
        TEST(failures__pages__have_all_once),
        TEST(parts__of_a_group__are_counted),
        TEST(note__any__stays_and_is_in_the_audit),
        TEST(archive__all_up_to__leaves_what_failed_since),
        TEST(archive__too_many_ids__is_refused),
        TEST(snooze_assign__bounds__are_kept),
        TEST(expire__over_and_older_than_the_store__is_forgotten),
        TEST(backup__with_a_desk__has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
