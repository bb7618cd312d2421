/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a configuration: no crash, bounded time and memory; and what is accepted prints to
 * something that is accepted and prints the same again.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "fuzz.h"

static char *print(const struct tw_cfg *cfg)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL || tw_cfg_print(cfg, out) != TW_OK || fclose(out) != 0) {
        abort();
    }
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_cfg *cfg = NULL;
    struct tw_cfg *again = NULL;
    if (tw_cfg_parse("fuzz", (const char *)data, size, NULL, &cfg) != TW_OK) {
        return 0;
    }
    char *first = print(cfg);
    /* Expanded aliases can make the text larger than a file may be. */
    if (strlen(first) < 1024 * 1024) {
        if (tw_cfg_parse("fuzz", first, strlen(first), stderr, &again) != TW_OK) {
            abort();
        }
        char *second = print(again);
        if (strcmp(first, second) != 0) {
            abort();
        }
        free(second);
    }
    free(first);
    tw_cfg_destroy(&cfg);
    tw_cfg_destroy(&again);
    return 0;
}
