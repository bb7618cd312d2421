/* SPDX-License-Identifier: Apache-2.0
 * What an agent reads from the tower. Whatever is read is within its bounds, and what is said to be
 * valid JSON stays so when it is put together again. */
#include "config.h"

#include <string.h>

#include "agent_message.h"
#include "core/err.h"
#include "fuzz.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct twc_message message;
    char answer[TWC_ANSWER_BYTES];
    char cleaned[TILLWATCH_REASON_BYTES];
    char line[512];
    twc_message_read(text, size, &message);
    if (message.op == TWC_OP_REPLAY) {
        TW_ASSERT(message.attempt >= 1 && message.replayid[0] != 0);
        TW_ASSERT(message.fault != NULL ||
                  (message.key[0] != 0 && message.destination[0] != 0 && message.event.at >= text &&
                   message.event.at + message.event.len <= text + size &&
                   twc_json_is_valid(message.event.at, message.event.len)));
        size_t len =
            twc_answer_write(answer, message.replayid, message.attempt, TILLWATCH_ACCEPT, "");
        TW_ASSERT(twc_json_is_valid(answer, len));
    }
    if (message.op == TWC_OP_WELCOME) {
        TW_ASSERT(message.heartbeat_ms >= TWC_HEARTBEAT_MIN_MS &&
                  message.heartbeat_ms <= TWC_HEARTBEAT_MAX_MS);
    }
    size_t line_len = size < sizeof line - 1 ? size : sizeof line - 1;
    memcpy(line, data, line_len);
    line[line_len] = 0;
    twc_reason_copy(cleaned, line);
    size_t len = twc_answer_write(answer, "rp", 1, TILLWATCH_REFUSE, cleaned);
    TW_ASSERT(len < sizeof answer && twc_json_is_valid(answer, len));
    struct twc_json value = {NULL, 0};
    char back[TILLWATCH_REASON_BYTES];
    TW_ASSERT(twc_json_member((struct twc_json){answer, len}, "reason", &value) &&
              twc_json_string(value, back, sizeof back) && strcmp(back, cleaned) == 0);
    return 0;
}
