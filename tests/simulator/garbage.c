/* SPDX-License-Identifier: Apache-2.0
 * The catalogue of garbage. '@' becomes a number, so that no two messages are equal.
 */
#include "config.h"
#include "simulator/garbage.h"

#include <string.h>

#include "core/err.h"
#include "simulator/format.h"

#define HEAD    "{\"specversion\":\"1.0\",\"id\":\"garbage-@\",\"source\":\"/pos/broken-till\","
#define TYPE    "\"type\":\"com.tillwatch.pos.sale.completed\","
#define TIME    "\"time\":\"2026-11-21T10:00:00Z\","
#define TXN     "\"transactionid\":\"@\",\"storeid\":\"0001\""
#define T(text) (text), sizeof(text) - 1
#define D10     "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
#define D100    D10 D10 D10 D10 D10 D10 D10 D10 D10 D10
#define C10     "}}}}}}}}}}"
#define C100    C10 C10 C10 C10 C10 C10 C10 C10 C10 C10

const struct sim_garbage sim_garbages[] = {
    {"truncated", TW_PROBLEM_json, false,
     T(HEAD TYPE TIME "\"transactionid\":\"@\",\"data\":{\"li")},
    {"unquoted", TW_PROBLEM_json, false, T(HEAD TYPE "amount:59.90,currency:EUR," TXN "}")},
    {"trailing-comma", TW_PROBLEM_json, false, T(HEAD TYPE TXN ",}")},
    {"control-byte", TW_PROBLEM_json, false,
     T(HEAD TYPE "\"subject\":\"a\x01"
                 "b\"," TXN "}")},
    {"invalid-utf8", TW_PROBLEM_utf8, false, T(HEAD TYPE "\"subject\":\"Caf\xe9 @\"," TXN "}")},
    {"overlong-utf8", TW_PROBLEM_utf8, false, T(HEAD TYPE "\"subject\":\"\xc0\xaf\"," TXN "}")},
    {"missing-id", TW_PROBLEM_required, true,
     T("{\"specversion\":\"1.0\",\"source\":\"/pos/broken-till\"," TYPE TXN "}")},
    {"missing-source", TW_PROBLEM_required, true,
     T("{\"specversion\":\"1.0\",\"id\":\"garbage-@\"," TYPE TXN "}")},
    {"missing-type", TW_PROBLEM_required, true, T(HEAD TIME TXN "}")},
    {"empty-id", TW_PROBLEM_required, true,
     T("{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"/pos/broken-till\"," TYPE TXN "}")},
    {"old-version", TW_PROBLEM_specversion, true,
     T("{\"specversion\":\"0.3\",\"id\":\"garbage-@\",\"source\":\"/pos/broken-till\"," TYPE TXN
       "}")},
    {"float-amount", TW_PROBLEM_attribute_type, true,
     T(HEAD TYPE "\"amount\":59.90,\"currency\":\"EUR\"," TXN "}")},
    {"object-attribute", TW_PROBLEM_attribute_type, true,
     T(HEAD TYPE "\"store\":{\"id\":\"0001\"}," TXN "}")},
    {"attribute-name", TW_PROBLEM_attribute_name, true,
     T(HEAD TYPE "\"storeId\":\"0001\",\"transactionid\":\"@\"}")},
    {"local-time", TW_PROBLEM_time, true, T(HEAD TYPE "\"time\":\"21.11.2026 10:00\"," TXN "}")},
    {"comma-amount", TW_PROBLEM_amount, true,
     T(HEAD TYPE "\"amount\":\"59,90\",\"currency\":\"EUR\"," TXN "}")},
    {"currency-name", TW_PROBLEM_amount, true,
     T(HEAD TYPE "\"amount\":\"59.90\",\"currency\":\"Euro\"," TXN "}")},
    {"outcome-word", TW_PROBLEM_outcome, true, T(HEAD TYPE "\"outcome\":\"great\"," TXN "}")},
    {"both-data", TW_PROBLEM_data, true,
     T(HEAD TYPE TXN ",\"data\":{\"a\":1},\"data_base64\":\"AAAA\"}")},
    {"twice", TW_PROBLEM_json_duplicate, true,
     T(HEAD TYPE "\"storeid\":\"0001\",\"transactionid\":\"@\",\"storeid\":\"0002\"}")},
    {"deep", TW_PROBLEM_json_depth, false,
     T(HEAD TYPE "\"data\":" D100 D100 D100 "@" C100 C100 C100 "}")},
    {"foreign", TW_PROBLEM_unmapped, true,
     T("{\"receipt\":\"@\",\"shop\":\"0001\",\"sum\":\"59.90\",\"when\":\"10:00\"}")},
    {"empty", TW_PROBLEM_empty, false, T("")},
};
const unsigned sim_garbage_count = sizeof(sim_garbages) / sizeof(sim_garbages[0]);

size_t sim_garbage_make(const struct sim_garbage *kind, uint64_t number, char *out)
{
    size_t len = 0;
    TW_ASSERT(kind->len + 64 < SIM_MAX_GARBAGE);
    for (size_t i = 0; i < kind->len; i++) {
        if (kind->text[i] == '@') {
            len = (size_t)(sim_put_u64(out + len, number) - out);
        } else {
            out[len++] = kind->text[i];
        }
    }
    return len;
}
