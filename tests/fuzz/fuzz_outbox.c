/* SPDX-License-Identifier: Apache-2.0
 * The tower's side of replay agents: whatever frames come, from however many connections, what is
 * known of agents is within its bounds; and what is sent of a stored event, whatever it is, is JSON
 * with this replayid and attempt, without what made it a failure.
 * An input is lines: the first byte says which connection, the rest is its frame. All of it is an
 * event, too. */
#include "config.h"

#include <string.h>

#include "fuzz.h"
#include "replay/agents.h"
#include "replay/event.h"

static int swallow(void *context, struct tw_str route, struct tw_str frame)
{
    (void)context;
    TW_ASSERT(route.len >= 1 && route.len <= TW_AGENT_ROUTE_MAX && frame.len > 0);
    return TW_OK;
}

static void check_agent(const struct tw_agent *agent)
{
    TW_ASSERT(agent->name[0] != '\0' && strlen(agent->name) <= TW_AGENT_NAME_MAX);
    TW_ASSERT(agent->capacity >= 1 && agent->capacity <= TW_AGENT_CAPACITY_MAX);
    TW_ASSERT(agent->system_count >= 1 && agent->system_count <= TW_AGENT_SYSTEMS_MAX);
    for (size_t i = 0; i < agent->system_count; i++) {
        TW_ASSERT(agent->systems[i][0] != '\0');
    }
}

static void check_message(enum tw_agents_news news, const struct tw_agent_message *message)
{
    if (news != TW_AGENTS_ACCEPTED && news != TW_AGENTS_REFUSED) {
        return;
    }
    TW_ASSERT(message->replayid.len >= 1 && message->replayid.len <= TW_REPLAYID_MAX);
    TW_ASSERT(message->attempt >= 1);
    TW_ASSERT(news == TW_AGENTS_ACCEPTED ||
              (message->reason.len >= 1 && message->reason.len <= TW_AGENT_REASON_MAX));
}

static void converse(const char *text, size_t size)
{
    static const struct tw_agents_io io = {.send = swallow};
    struct tw_agents *agents = NULL;
    struct tw_agent *agent = NULL;
    struct tw_agents_heard heard = {.now = {TW_NS_PER_S}, .wall = {TW_NS_PER_S}};
    const char *end = text + size;
    TW_ASSERT(tw_agents_new(&io, 1, &agents) == TW_OK);
    while (text < end) {
        const char *line = memchr(text, '\n', (size_t)(end - text));
        line = line == NULL ? end : line;
        if (line > text) {
            struct tw_agent_message message;
            heard.route = (struct tw_str){text, 1};
            heard.frame = (struct tw_str){text + 1, (size_t)(line - text) - 1};
            heard.now.ns += TW_NS_PER_S / 2;
            check_message(tw_agents_hear(agents, &heard, &agent, &message), &message);
            (void)tw_agents_lost(agents, heard.now, heard.wall);
            tw_agents_ping(agents, heard.now);
        }
        text = line + (line < end ? 1 : 0);
    }
    for (size_t i = 0; (agent = tw_agents_at(agents, i)) != NULL; i++) {
        check_agent(agent);
    }
    tw_agents_destroy(&agents);
}

static void check_event(struct tw_event_writer *writer, struct tw_str sent)
{
    struct tw_json_value whole;
    static const char *const gone[] = {"outcome", "errorcode", "errormessage", "errorclass",
                                       "httpstatus"};
    TW_ASSERT(tw_json_scan_object(&writer->scanner, sent, &whole) == TW_OK);
    TW_ASSERT(tw_json_value_end(&whole) == sent.ptr + sent.len);
    for (size_t i = 0; i < sizeof gone / sizeof gone[0]; i++) {
        TW_ASSERT(tw_json_member_find(&writer->scanner, tw_str_of(gone[i])) == NULL);
    }
    const struct tw_json_member *member =
        tw_json_member_find(&writer->scanner, TW_STR_LIT("replayid"));
    TW_ASSERT(member != NULL && tw_str_is(member->value.text, "r1-t-1"));
}

static void write_it(struct tw_str text)
{
    struct tw_event_writer writer;
    struct tw_buf out;
    struct tw_diag why;
    char key[TW_IDEMPOTENCY_MAX];
    size_t key_len = 0;
    const struct tw_replay_event event = {
        .json = text,
        .replayid = TW_STR_LIT("r1-t-1"),
        .attempt = 1,
        .destination = TW_STR_LIT("erp"),
        .object = TW_STR_LIT("order:1"),
        .is_awaited = text.len % 2 == 0,
    };
    tw_buf_init(&out, 1 << 24);
    TW_ASSERT(tw_event_writer_init(&writer) == TW_OK);
    if (tw_event_write(&writer, &event, &out, key, &key_len, &why) == TW_OK) {
        TW_ASSERT(key_len >= 1 && key_len <= TW_IDEMPOTENCY_MAX);
        check_event(&writer, (struct tw_str){out.data, out.len});
    }
    tw_event_writer_fini(&writer);
    tw_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    converse((const char *)data, size);
    write_it((struct tw_str){(const char *)data, size});
    return 0;
}
