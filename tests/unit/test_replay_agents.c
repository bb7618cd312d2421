/* SPDX-License-Identifier: Apache-2.0
 * Agents from the tower's side: each row of the tables of docs/agents.md, and frames of those who
 * do not keep to it.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/err.h"
#include "replay/agents.h"

#define S        TW_NS_PER_S
#define HELLO(n) "{\"op\":\"hello\",\"agent\":\"" n "\",\"systems\":[\"erp\"],\"capacity\":4}"
#define WELCOME  "{\"op\":\"welcome\",\"heartbeat\":2}"
#define PING     "{\"op\":\"ping\"}"

static struct tw_agents *agents;
static tw_mono_t now;
static char sent[4096]; /* "ROUTE FRAME;" of all that was sent */
static int send_says;
static struct tw_agent *who;
static struct tw_agent_message message;

static int send_one(void *context, struct tw_str route, struct tw_str frame)
{
    (void)context;
    size_t at = strlen(sent);
    if (send_says == TW_OK) {
        (void)snprintf(sent + at, sizeof sent - at, "%.*s %.*s;", (int)route.len, route.ptr,
                       (int)frame.len, frame.ptr);
    }
    return send_says;
}

static int set_up(void **state)
{
    (void)state;
    const struct tw_agents_io io = {.send = send_one};
    now = (tw_mono_t){100 * S};
    sent[0] = '\0';
    send_says = TW_OK;
    return tw_agents_new(&io, 2, &agents);
}

static int tear_down(void **state)
{
    (void)state;
    tw_agents_destroy(&agents);
    return 0;
}

static enum tw_agents_news hear_bytes(const char *route, struct tw_str frame)
{
    const struct tw_agents_heard heard = {.route = tw_str_of(route),
                                          .address = TW_STR_LIT("127.0.0.1"),
                                          .frame = frame,
                                          .now = now,
                                          .wall = {now.ns + 1}};
    return tw_agents_hear(agents, &heard, &who, &message);
}

static enum tw_agents_news hear(const char *route, const char *frame)
{
    return hear_bytes(route, tw_str_of(frame));
}

static void assert_sent(const char *expected)
{
    assert_string_equal(sent, expected);
    sent[0] = '\0';
}

static void agents__hello__is_welcomed(void **state)
{
    (void)state;
    assert_int_equal(hear("a", "{\"op\":\"hello\",\"agent\":\"mw-1\",\"systems\":[\"erp\","
                               "\"loyalty\"],\"capacity\":32,\"later\":{\"x\":[1]}}"),
                     TW_AGENTS_HELLO);
    assert_sent("a " WELCOME ";");
    assert_string_equal(who->name, "mw-1");
    assert_string_equal(who->address, "127.0.0.1");
    assert_int_equal(who->capacity, 32);
    assert_int_equal(who->system_count, 2);
    assert_true(who->is_online);
    assert_true(tw_agent_carries_out(who, TW_STR_LIT("loyalty")));
    assert_false(tw_agent_carries_out(who, TW_STR_LIT("loyal")));
    assert_true(who->is_news);
    assert_int_equal(who->hellos, 1);
    assert_ptr_equal(tw_agents_find(agents, TW_STR_LIT("mw-1")), who);
}

static void agents__before_hello__is_heard_by_nobody(void **state)
{
    (void)state;
    const char *const frames[] = {PING, "{\"op\":\"accepted\",\"replayid\":\"r\",\"attempt\":1}",
                                  "nonsense", "{\"op\":\"welcome\",\"heartbeat\":2}"};
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        assert_int_equal(hear("a", frames[i]), TW_AGENTS_NOTHING);
        assert_null(who);
    }
    assert_int_equal(tw_agents_strangers(agents), 4);
    assert_sent("");
}

static void agents__both_ping__at_the_interval(void **state)
{
    (void)state;
    (void)hear("a", HELLO("mw-1"));
    sent[0] = '\0';
    now.ns += 2 * S - 1;
    tw_agents_ping(agents, now);
    assert_sent("");
    now.ns += 1;
    tw_agents_ping(agents, now);
    assert_sent("a " PING ";");
    tw_agents_ping(agents, now);
    assert_sent("");
}

static void agents__silent_for_three_intervals__is_offline_and_not_pinged(void **state)
{
    (void)state;
    (void)hear("a", HELLO("mw-1"));
    now.ns += 4 * S;
    assert_int_equal(hear("a", PING), TW_AGENTS_NOTHING);
    assert_non_null(who);
    now.ns += 6 * S - 1;
    assert_null(tw_agents_lost(agents, now, (tw_wall_t){7}));
    now.ns += 1;
    who->is_news = false;
    assert_ptr_equal(tw_agents_lost(agents, now, (tw_wall_t){7}), who);
    assert_null(tw_agents_lost(agents, now, (tw_wall_t){7})); /* told once */
    assert_false(who->is_online);
    assert_true(who->is_news);
    assert_int_equal(who->since.ns, 7);
    sent[0] = '\0';
    now.ns += 100 * S;
    tw_agents_ping(agents, now);
    assert_sent("");
    /* what it says now is a stranger's, until it says hello */
    assert_int_equal(hear("a", PING), TW_AGENTS_NOTHING);
    assert_null(who);
    assert_int_equal(tw_agents_strangers(agents), 1);
    assert_int_equal(hear("a", HELLO("mw-1")), TW_AGENTS_HELLO);
    assert_sent("a " WELCOME ";");
    assert_int_equal(who->hellos, 2);
}

static void agents__any_message__is_a_sign_of_life(void **state)
{
    (void)state;
    (void)hear("a", HELLO("mw-1"));
    const char *const frames[] = {"{\"op\":\"accepted\",\"replayid\":\"r\",\"attempt\":1}",
                                  "{\"op\":\"of-later\"}", "not JSON"};
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        now.ns += 5 * S;
        (void)hear("a", frames[i]);
        assert_null(tw_agents_lost(agents, now, (tw_wall_t){0}));
    }
    assert_int_equal(tw_agents_at(agents, 0)->malformed, 1);
    assert_null(tw_agents_at(agents, 1));
}

static void agents__hello_again__is_a_new_beginning(void **state)
{
    (void)state;
    (void)hear("a", HELLO("mw-1"));
    uint64_t first = who->hello;
    assert_int_equal(hear("a", "{\"op\":\"hello\",\"agent\":\"mw-1\",\"systems\":[\"crm\"],"
                               "\"capacity\":1}"),
                     TW_AGENTS_HELLO);
    assert_int_not_equal(who->hello, first);
    assert_int_equal(who->capacity, 1);
    assert_false(tw_agent_carries_out(who, TW_STR_LIT("erp")));
    assert_null(tw_agents_lost(agents, now, (tw_wall_t){0}));
}

static void agents__hello_from_elsewhere__replaces_the_one_before(void **state)
{
    (void)state;
    (void)hear("a", HELLO("mw-1"));
    sent[0] = '\0';
    now.ns += 5 * S;
    assert_int_equal(hear("b", HELLO("mw-1")), TW_AGENTS_HELLO);
    assert_sent("b " WELCOME ";");
    assert_int_equal(hear("a", "{\"op\":\"accepted\",\"replayid\":\"r\",\"attempt\":1}"),
                     TW_AGENTS_NOTHING);
    assert_null(who);
    now.ns += 2 * S;
    tw_agents_ping(agents, now);
    assert_sent("b " PING ";");
    assert_null(tw_agents_lost(agents, now, (tw_wall_t){0}));
    assert_null(tw_agents_at(agents, 1));
}

static void agents__another_name_on_a_connection__takes_it_from_the_first(void **state)
{
    (void)state;
    (void)hear("a", HELLO("mw-1"));
    assert_int_equal(hear("a", HELLO("mw-2")), TW_AGENTS_HELLO);
    assert_string_equal(who->name, "mw-2");
    struct tw_agent *lost = tw_agents_lost(agents, now, (tw_wall_t){0});
    assert_non_null(lost);
    assert_string_equal(lost->name, "mw-1");
    assert_null(tw_agents_lost(agents, now, (tw_wall_t){0}));
}

static void agents__answers__are_news_of_their_agent(void **state)
{
    (void)state;
    (void)hear("a", HELLO("mw-1"));
    (void)hear("b", HELLO("mw-2"));
    assert_int_equal(
        hear("b", " { \"attempt\": 3, \"replayid\": \"rp-81\", \"op\":\"accepted\" } "),
        TW_AGENTS_ACCEPTED);
    assert_string_equal(who->name, "mw-2");
    assert_true(tw_str_is(message.replayid, "rp-81"));
    assert_int_equal(message.attempt, 3);
    assert_int_equal(hear("a", "{\"op\":\"refused\",\"replayid\":\"rp-82\",\"attempt\":\"1\","
                               "\"reason\":\"ZWEB\\nis \\u00e4locked\"}"),
                     TW_AGENTS_REFUSED);
    assert_string_equal(who->name, "mw-1");
    assert_int_equal(message.attempt, 1);
    assert_true(tw_str_is(message.reason, "ZWEB is \xc3\xa4locked"));
    assert_int_equal(hear("a", "{\"op\":\"refused\",\"replayid\":\"rp-82\",\"attempt\":1}"),
                     TW_AGENTS_REFUSED);
    assert_true(tw_str_is(message.reason, "no reason was given"));
}

static void agents__long_reason__is_cut_at_a_character(void **state)
{
    (void)state;
    char frame[1024];
    char reason[301];
    (void)hear("a", HELLO("mw-1"));
    memset(reason, 'x', sizeof reason);
    memcpy(reason + 254, "\xc3\xa4", 2); /* its second byte is one too many */
    reason[300] = '\0';
    (void)snprintf(frame, sizeof frame,
                   "{\"op\":\"refused\",\"replayid\":\"r\",\"attempt\":1,\"reason\":\"%s\"}",
                   reason);
    assert_int_equal(hear("a", frame), TW_AGENTS_REFUSED);
    assert_int_equal(message.reason.len, 254);
}

/* 64 letters, and one more. */
#define LONGEST "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd"

static void agents__malformed__is_counted_and_changes_nothing(void **state)
{
    (void)state;
    static const char *const frames[] = {
        "",
        " ",
        "{",
        "[]",
        "null",
        "\"hello\"",
        "{}",
        "{\"op\":1}",
        "{\"op\":\"\"}",
        "{\"op\":[\"ping\"]}",
        "{\"op\":\"ping\"}x",
        "{\"op\":\"ping\"}{\"op\":\"ping\"}",
        "{\"op\":\"ping\",\"op\":\"hello\"}",
        "{\"op\":\"ping\",\"text\":\"\xff\"}",
        "{\"op\":\"ping\",\"text\":\"\\u0000\"}",
        "{\"op\":\"accepted\"}",
        "{\"op\":\"accepted\",\"replayid\":\"\",\"attempt\":1}",
        ("{\"op\":\"accepted\",\"replayid\":\"" LONGEST "e\",\"attempt\":1}"),
        "{\"op\":\"accepted\",\"replayid\":7,\"attempt\":1}",
        "{\"op\":\"accepted\",\"replayid\":\"r\"}",
        "{\"op\":\"accepted\",\"replayid\":\"r\",\"attempt\":0}",
        "{\"op\":\"accepted\",\"replayid\":\"r\",\"attempt\":-1}",
        "{\"op\":\"accepted\",\"replayid\":\"r\",\"attempt\":1.5}",
        "{\"op\":\"accepted\",\"replayid\":\"r\",\"attempt\":1e3}",
        "{\"op\":\"accepted\",\"replayid\":\"r\",\"attempt\":true}",
        "{\"op\":\"accepted\",\"replayid\":\"a\\nb\",\"attempt\":1}",
        "{\"op\":\"refused\",\"attempt\":1,\"reason\":\"x\"}",
        "{\"op\":\"hello\"}",
        "{\"op\":\"hello\",\"agent\":\"\",\"systems\":[\"erp\"],\"capacity\":1}",
        ("{\"op\":\"hello\",\"agent\":\"" LONGEST "e\",\"systems\":[\"erp\"],\"capacity\":1}"),
        "{\"op\":\"hello\",\"agent\":\"a\\u0007\",\"systems\":[\"erp\"],\"capacity\":1}",
        "{\"op\":\"hello\",\"agent\":\"x\",\"systems\":[],\"capacity\":1}",
        "{\"op\":\"hello\",\"agent\":\"x\",\"systems\":\"erp\",\"capacity\":1}",
        "{\"op\":\"hello\",\"agent\":\"x\",\"systems\":[\"erp\",7],\"capacity\":1}",
        "{\"op\":\"hello\",\"agent\":\"x\",\"systems\":[\"\"],\"capacity\":1}",
        ("{\"op\":\"hello\",\"agent\":\"x\",\"systems\":[\"" LONGEST "e\"],\"capacity\":1}"),
        "{\"op\":\"hello\",\"agent\":\"x\",\"systems\":[{\"op\":\"hello\"}],\"capacity\":1}",
        "{\"op\":\"hello\",\"agent\":\"x\",\"systems\":[\"erp\"]}",
        "{\"op\":\"hello\",\"agent\":\"x\",\"systems\":[\"erp\"],\"capacity\":0}",
        "{\"op\":\"hello\",\"agent\":\"x\",\"systems\":[\"erp\"],\"capacity\":\"many\"}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
        "{\"op\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
    };
    size_t count = sizeof frames / sizeof frames[0];
    (void)hear("a", HELLO("mw-1"));
    who->is_news = false;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(hear("a", frames[i]), TW_AGENTS_NOTHING);
        assert_int_equal(tw_agents_at(agents, 0)->malformed, i + 1);
    }
    assert_true(who->is_news);
    assert_true(who->is_online);
    assert_string_equal(who->name, "mw-1");
    assert_null(tw_agents_at(agents, 1));
    /* several frames, a NUL, a frame that is too long */
    const struct tw_agents_heard several = {
        .route = TW_STR_LIT("a"), .is_several = true, .now = now};
    assert_int_equal(tw_agents_hear(agents, &several, &who, &message), TW_AGENTS_NOTHING);
    assert_int_equal(hear_bytes("a", (struct tw_str){"{\"op\":\"ping\"}\0", 14}),
                     TW_AGENTS_NOTHING);
    char *large = malloc(TW_AGENT_HEARD_MAX + 1);
    assert_non_null(large);
    memset(large, ' ', TW_AGENT_HEARD_MAX + 1);
    memcpy(large, PING, sizeof PING - 1);
    assert_int_equal(hear_bytes("a", (struct tw_str){large, TW_AGENT_HEARD_MAX}),
                     TW_AGENTS_NOTHING);
    assert_int_equal(who->malformed, count + 2); /* that was a ping, of the longest kind */
    assert_int_equal(hear_bytes("a", (struct tw_str){large, TW_AGENT_HEARD_MAX + 1}),
                     TW_AGENTS_NOTHING);
    assert_int_equal(who->malformed, count + 3);
    free(large);
}

static void agents__longest_names_and_most_systems__are_taken(void **state)
{
    (void)state;
    char frame[65536];
    size_t len = (size_t)snprintf(frame, sizeof frame,
                                  "{\"op\":\"hello\",\"agent\":\"" LONGEST "\",\"capacity\":"
                                  "99999999999999999999999,\"systems\":[\"erp\",\"erp\"");
    for (int i = 1; i < TW_AGENT_SYSTEMS_MAX; i++) {
        len += (size_t)snprintf(frame + len, sizeof frame - len, ",\"s%d\"", i);
    }
    size_t end = len;
    (void)snprintf(frame + end, sizeof frame - end, "]}");
    assert_int_equal(hear("a", frame), TW_AGENTS_HELLO);
    assert_string_equal(who->name, LONGEST);
    assert_int_equal(who->system_count, TW_AGENT_SYSTEMS_MAX);
    assert_int_equal(who->capacity, TW_AGENT_CAPACITY_MAX);
    (void)snprintf(frame + end, sizeof frame - end, ",\"one-more\"]}");
    assert_int_equal(hear("b", frame), TW_AGENTS_NOTHING);
}

static void agents__more_than_there_is_room_for__are_not_welcomed(void **state)
{
    (void)state;
    char frame[128];
    char route[16];
    for (int i = 0; i <= TW_AGENTS_MAX; i++) {
        (void)snprintf(frame, sizeof frame,
                       "{\"op\":\"hello\",\"agent\":\"a%d\",\"systems\":[\"erp\"],\"capacity\":1}",
                       i);
        (void)snprintf(route, sizeof route, "r%d", i);
        now.ns += 1;
        sent[0] = '\0';
        assert_int_equal(hear(route, frame),
                         i < TW_AGENTS_MAX ? TW_AGENTS_HELLO : TW_AGENTS_NOTHING);
    }
    assert_sent("");
    assert_int_equal(tw_agents_strangers(agents), 1);
    /* one that is offline, and whose row says so, makes room */
    now.ns += 6 * S - TW_AGENTS_MAX;
    struct tw_agent *lost = tw_agents_lost(agents, now, (tw_wall_t){1});
    assert_string_equal(lost->name, "a0");
    assert_int_equal(hear("r256", frame), TW_AGENTS_NOTHING);
    lost->is_news = false;
    assert_int_equal(hear("r256", frame), TW_AGENTS_HELLO);
    assert_string_equal(who->name, "a256");
    assert_null(tw_agents_find(agents, TW_STR_LIT("a0")));
}

static enum tw_agents_news hear_client(const char *route, const char *client, const char *frame)
{
    const struct tw_agents_heard heard = {.route = tw_str_of(route),
                                          .client = tw_str_of(client),
                                          .admission = 7,
                                          .frame = tw_str_of(frame),
                                          .now = now,
                                          .wall = {now.ns + 1}};
    return tw_agents_hear(agents, &heard, &who, &message);
}

static void agents__with_keys__are_called_as_their_key_is(void **state)
{
    (void)state;
    assert_int_equal(hear_client("a", "mw-1", HELLO("mw-1")), TW_AGENTS_HELLO);
    assert_int_equal(who->admission, 7);
    sent[0] = '\0';
    /* another key, and keys whose names are a part of it or more than it */
    static const char *const others[] = {"mw-2", "mw-", "mw-11", "MW-1", ""};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(hear_client("b", others[i], HELLO("mw-1")), TW_AGENTS_NOT_ITS_NAME);
        assert_null(who);
    }
    assert_sent("");
    assert_int_equal(tw_agents_strangers(agents), 5);
    /* the one whose name it is has it all along */
    assert_int_equal(hear_client("a", "mw-1", PING), TW_AGENTS_NOTHING);
    assert_true(tw_agents_find(agents, TW_STR_LIT("mw-1"))->is_online);
}

static void agents__dismissed__are_offline_until_another_hello(void **state)
{
    (void)state;
    (void)hear("a", HELLO("mw-1"));
    struct tw_agent *agent = who;
    agent->is_news = false;
    tw_agents_dismiss(agents, agent, (tw_wall_t){9});
    assert_false(agent->is_online);
    assert_true(agent->is_news);
    assert_int_equal(agent->since.ns, 9);
    assert_ptr_equal(tw_agents_lost(agents, now, (tw_wall_t){9}), agent);
    assert_null(tw_agents_lost(agents, now, (tw_wall_t){9}));
    tw_agents_dismiss(agents, agent, (tw_wall_t){10});
    assert_null(tw_agents_lost(agents, now, (tw_wall_t){10}));
    assert_int_equal(agent->since.ns, 9);
    assert_int_equal(hear("a", HELLO("mw-1")), TW_AGENTS_HELLO);
    assert_true(agent->is_online);
}

static void agents__routes__have_one_to_255_bytes(void **state)
{
    (void)state;
    char route[257];
    memset(route, 'r', sizeof route);
    route[256] = '\0';
    assert_int_equal(hear(route, HELLO("mw-1")), TW_AGENTS_NOTHING);
    assert_int_equal(hear("", HELLO("mw-1")), TW_AGENTS_NOTHING);
    route[255] = '\0';
    assert_int_equal(hear(route, HELLO("mw-1")), TW_AGENTS_HELLO);
}

static void agents__a_connection_that_is_gone__is_not_reachable_until_hello(void **state)
{
    (void)state;
    (void)hear("a", HELLO("mw-1"));
    send_says = TW_EAGAIN;
    assert_int_equal(tw_agents_send(agents, who, TW_STR_LIT("x")), TW_EAGAIN);
    assert_true(who->is_reachable);
    send_says = TW_ECLOSED;
    assert_int_equal(tw_agents_send(agents, who, TW_STR_LIT("x")), TW_ECLOSED);
    assert_false(who->is_reachable);
    assert_true(who->is_online); /* it may be back before it is called silent */
    send_says = TW_OK;
    (void)hear("b", HELLO("mw-1"));
    assert_true(who->is_reachable);
}

static void orders__are_written_as_the_page_says(void **state)
{
    (void)state;
    struct tw_buf frame;
    tw_buf_init(&frame, 4096);
    const struct tw_agent_order order = {
        .replayid = TW_STR_LIT("rp-81"),
        .attempt = 1,
        .key = TW_STR_LIT("erp/a\"b\\\x01#6f1c"),
        .destination = TW_STR_LIT("erp"),
        .deadline = {INT64_C(1795802700000000000)},
        .event = TW_STR_LIT("{\"id\":\"6f1c\"}"),
    };
    assert_int_equal(tw_message_write_order(&order, &frame), TW_OK);
    assert_true(tw_str_is((struct tw_str){frame.data, frame.len},
                          "{\"op\":\"replay\",\"replayid\":\"rp-81\",\"attempt\":1,"
                          "\"idempotencykey\":\"erp/a\\\"b\\\\\\u0001#6f1c\","
                          "\"destination\":\"erp\",\"deadline\":\"2026-11-27T18:05:00.000000Z\","
                          "\"event\":{\"id\":\"6f1c\"}}"));
    tw_buf_fini(&frame);
    tw_buf_init(&frame, 64);
    assert_int_equal(tw_message_write_order(&order, &frame), TW_ELIMIT);
    tw_buf_fini(&frame);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(agents__hello__is_welcomed),
        CASE(agents__before_hello__is_heard_by_nobody),
        CASE(agents__both_ping__at_the_interval),
        CASE(agents__silent_for_three_intervals__is_offline_and_not_pinged),
        CASE(agents__any_message__is_a_sign_of_life),
        CASE(agents__hello_again__is_a_new_beginning),
        CASE(agents__hello_from_elsewhere__replaces_the_one_before),
        CASE(agents__another_name_on_a_connection__takes_it_from_the_first),
        CASE(agents__answers__are_news_of_their_agent),
        CASE(agents__long_reason__is_cut_at_a_character),
        CASE(agents__malformed__is_counted_and_changes_nothing),
        CASE(agents__longest_names_and_most_systems__are_taken),
        CASE(agents__more_than_there_is_room_for__are_not_welcomed),
        CASE(agents__with_keys__are_called_as_their_key_is),
        CASE(agents__dismissed__are_offline_until_another_hello),
        CASE(agents__routes__have_one_to_255_bytes),
        CASE(agents__a_connection_that_is_gone__is_not_reachable_until_hello),
        CASE(orders__are_written_as_the_page_says),
    };
    return cmocka_run_group_tests_name("replay_agents", tests, NULL, NULL);
}
