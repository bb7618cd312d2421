/* SPDX-License-Identifier: Apache-2.0
 * tw_tracker_restore: a saved state that somebody has changed. The state is made here, so that it
 * is always one of this version; an input is a list of changes to it, 4 bytes each: what to do,
 * where (2 bytes, scaled to the length), with which byte. What is refused leaves an empty tracker;
 * what is accepted must live: events, ticks until everything is overdue and forgotten, documents,
 * and being saved and restored again, which must be accepted. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/err.h"
#include "fuzz.h"
#include "track/tracker.h"

#define START_S   INT64_C(1795255200)
#define SALES     12
#define BYTES_MAX ((size_t)1 << 20)

static const char configuration[] =
    "taps:\n"
    "  - {name: a, kind: router, bind: [\"tcp://127.0.0.1:8462\"]}\n"
    "correlate: {max-links: 4, max-journey-events: 20}\n"
    "track: {list-after-s: 5, linger-s: 60, expected-stores: [\"1\", \"2\", \"3\"]}\n"
    "sources:\n"
    "  - {match: \"/pos*\", sequenced: true}\n";
static const char sale[] =
    "name: sale\nowner: o\ntiming: queued\nobject: transaction\n"
    "steps:\n"
    "  - {name: sold, system: pos, event: sold}\n"
    "  - {name: posted, system: erp, event: posted, after: sold, within: 1min, destination: true}\n"
    "  - {name: paid, system: payment, event: paid, after: sold, within: 2min}\n"
    "objectives:\n"
    "  - {name: complete, kind: completion, target: 99%, window: 1h}\n"
    "  - {name: whole, kind: completeness, target: 99%, window: 1h}\n"
    "  - {name: in-time, kind: latency, step: posted, within: 30s, target: 99%, window: 1h}\n";
static const char prices[] =
    "name: prices\nowner: o\ntiming: batch\nobject: promotion\n"
    "steps:\n"
    "  - {name: sent, system: erp, event: sent}\n"
    "  - {name: shown, system: pos, event: shown, after: sent, within: 1min, each: store}\n"
    "objectives:\n"
    "  - {name: shown-everywhere, kind: completeness, step: shown, target: 99%, window: 1h}\n";

static struct tw_cfg *cfg;
static const struct tw_workflows *set;
static char *saved; /* a whole state */
static size_t saved_len;

static void must(int rc)
{
    if (rc != TW_OK) {
        (void)fprintf(stderr, "fuzz_restore: %s\n", tw_err_text(rc));
        abort();
    }
}

static int object_code(const void *context, const char *type)
{
    (void)context;
    for (size_t i = 0; i < cfg->object_count; i++) {
        if (strcmp(cfg->objects[i].type, type) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static struct tw_tracker *new_tracker(void)
{
    const struct tw_tracker_options options = {
        .cfg = cfg, .workflows = set, .object_code = object_code, .seed = 1};
    struct tw_tracker *tracker = NULL;
    must(tw_tracker_new(&options, &tracker));
    return tracker;
}

/* What an event of this program is made of. */
struct made {
    const char *type;
    const char *system;
    const char *keyed; /* object type of its number */
    int number;
    int store;
    int64_t at_s;
};

static void apply(struct tw_tracker *tracker, struct tw_arena *arena, uint64_t n,
                  const struct made *made)
{
    char number[16];
    char store[16];
    char shared[16];
    char source[24];
    char sequence[16];
    (void)snprintf(number, sizeof number, "N%d", made->number);
    (void)snprintf(shared, sizeof shared, "C%d", made->number / 3);
    (void)snprintf(store, sizeof store, "%d", made->store);
    (void)snprintf(source, sizeof source, "/%s/%d", made->system, made->store);
    (void)snprintf(sequence, sizeof sequence, "%d", made->number * 2);
    struct tw_event event = {.has_time = true, .time = {(START_S + made->at_s) * TW_NS_PER_S}};
    event.attr[TW_ATTR_ID] = TW_STR_LIT("1");
    event.attr[TW_ATTR_SOURCE] = tw_str_of(source);
    event.attr[TW_ATTR_TYPE] = tw_str_of(made->type);
    event.attr[TW_ATTR_SYSTEM] = tw_str_of(made->system);
    event.attr[TW_ATTR_STOREID] = tw_str_of(store);
    event.attr[TW_ATTR_SEQUENCE] = tw_str_of(sequence);
    event.attr[TW_ATTR_OUTCOME] = made->number % 5 == 4 ? TW_STR_LIT("failed") : TW_STR_LIT("ok");
    const struct tw_object objects[] = {
        {(uint16_t)object_code(NULL, made->keyed), tw_str_of(number), TW_STR_LIT("")},
        {(uint16_t)object_code(NULL, "correlation"), tw_str_of(shared), TW_STR_LIT("")},
    };
    struct tw_record record = {.n = n,
                               .kind = TW_RECORD_EVENT,
                               .received = event.time,
                               .time = event.time,
                               .has_time = true,
                               .source = (uint32_t)made->store,
                               .objects = objects,
                               .object_count = made->number % 2 == 0 ? 2 : 1};
    const struct tw_track_note *note = NULL;
    must(tw_tracker_note(tracker, &event, arena, &note));
    must(tw_tracker_apply(tracker, &record, note));
}

static void tick(struct tw_tracker *tracker, struct tw_arena *arena, uint64_t n, int64_t at_s)
{
    const tw_wall_t at = {(START_S + at_s) * TW_NS_PER_S};
    const struct tw_track_tick now = {at, at};
    const struct tw_track_emit options = {.with_live = true, .last_n = n};
    const struct tw_track_changes *changes = NULL;
    must(tw_tracker_tick(tracker, &now));
    must(tw_tracker_emit(tracker, &options, arena, &changes));
    free(changes->snapshot);
    tw_arena_reset(arena);
}

/* Sales in every state, a roll-out that some stores have answered, from `first` on. */
static void play(struct tw_tracker *tracker, struct tw_arena *arena, uint64_t first, int64_t at_s)
{
    uint64_t n = first;
    for (int i = 0; i < SALES; i++) {
        apply(tracker, arena, n++,
              &(struct made){"sold", "pos", "transaction", i, i % 3 + 1, at_s + i});
        if (i % 3 != 0) {
            apply(tracker, arena, n++,
                  &(struct made){"posted", "erp", "transaction", i, 1, at_s + i + 2});
        }
        if (i % 4 == 0) {
            apply(tracker, arena, n++,
                  &(struct made){"paid", "payment", "transaction", i, 1, at_s + i + 3});
        }
    }
    apply(tracker, arena, n++, &(struct made){"sent", "erp", "promotion", 900, 1, at_s + 20});
    apply(tracker, arena, n++, &(struct made){"shown", "pos", "promotion", 900, 2, at_s + 21});
    tick(tracker, arena, n, at_s + 25);
}

static void make_state(void)
{
    static const char *const texts[] = {sale, prices};
    struct tw_arena arena;
    char dir[] = "/tmp/tillwatch-fuzz-restore-XXXXXX";
    char path[2][64];
    char *dirs[] = {dir};
    must(tw_cfg_parse("fuzz.yaml", configuration, strlen(configuration), stderr, &cfg));
    if (mkdtemp(dir) == NULL) {
        must(TW_ESYSTEM);
    }
    for (int i = 0; i < 2; i++) {
        (void)snprintf(path[i], sizeof path[i], "%s/%d.yaml", dir, i);
        FILE *file = fopen(path[i], "w");
        must(file == NULL || fputs(texts[i], file) < 0 || fclose(file) != 0 ? TW_EIO : TW_OK);
    }
    cfg->workflows.has_pack = false;
    cfg->workflows.dirs = (struct tw_cfg_strings){dirs, 1};
    must(tw_workflows_load(cfg, stderr, &set));
    cfg->workflows.dirs = (struct tw_cfg_strings){NULL, 0};
    for (int i = 0; i < 2; i++) {
        (void)unlink(path[i]); /* they are read */
    }
    (void)rmdir(dir); /* as above */
    tw_arena_init(&arena, (size_t)64 << 20);
    struct tw_tracker *tracker = new_tracker();
    play(tracker, &arena, 1, 0);
    void *bytes = NULL;
    must(tw_tracker_save(tracker, 100, &bytes, &saved_len));
    saved = bytes;
    tw_tracker_destroy(&tracker);
    tw_arena_fini(&arena);
}

/* One change; the length afterwards. */
static size_t change(char *bytes, size_t len, const uint8_t *how)
{
    size_t at = (size_t)how[1] << 8 | how[2];
    at = at * len >> 16; /* below len */
    switch (how[0] % 6) {
    case 0: /* positions of a large state are reached by moving on */
    case 1:
        bytes[(at + how[0] / 6) % len] = (char)how[3];
        break;
    case 2:
        bytes[(at + how[0] / 6) % len] ^= (char)(1 << how[3] % 8);
        break;
    case 3:
        bytes[(at + how[0] / 6) % len] = (char)(bytes[(at + how[0] / 6) % len] + (char)how[3]);
        break;
    case 4: /* a byte more */
        if (len < BYTES_MAX) {
            memmove(bytes + at + 1, bytes + at, len - at);
            bytes[at] = (char)how[3];
            return len + 1;
        }
        break;
    default: /* some less */
        if (how[3] < len - at) {
            memmove(bytes + at, bytes + at + how[3], len - at - how[3]);
            return len - how[3];
        }
    }
    return len;
}

static void check(const char *bytes, size_t len)
{
    uint64_t n = 0;
    struct tw_tracker_stats stats;
    struct tw_tracker *tracker = new_tracker();
    int rc = tw_tracker_restore(tracker, bytes, len, &n);
    if (rc != TW_OK) {
        TW_ASSERT(rc == TW_EDAMAGED);
        tw_tracker_stats(tracker, &stats);
        TW_ASSERT(stats.open_runs == 0 && stats.objects == 0 && stats.events == 0);
    } else {
        void *again = NULL;
        size_t again_len = 0;
        struct tw_arena arena;
        tw_arena_init(&arena, (size_t)64 << 20);
        tw_tracker_settle_replay(tracker);
        play(tracker, &arena, 1000, 30);
        tick(tracker, &arena, 1100, 1000);
        must(tw_tracker_save(tracker, 1100, &again, &again_len));
        tick(tracker, &arena, 1100, 40 * INT64_C(86400));
        tick(tracker, &arena, 1100, 41 * INT64_C(86400));
        tw_tracker_destroy(&tracker);
        tracker = new_tracker();
        TW_ASSERT(tw_tracker_restore(tracker, again, again_len, &n) == TW_OK && n == 1100);
        free(again);
        tw_arena_fini(&arena);
    }
    tw_tracker_destroy(&tracker);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (saved == NULL) {
        make_state();
    }
    size_t len = saved_len;
    char *bytes = malloc(BYTES_MAX);
    if (bytes == NULL || len > BYTES_MAX) {
        abort();
    }
    memcpy(bytes, saved, len);
    for (size_t i = 0; i + 4 <= size && len > 0; i += 4) {
        len = change(bytes, len, data + i);
    }
    char *exact = malloc(len == 0 ? 1 : len); /* so that reading beyond it shows */
    if (exact == NULL) {
        abort();
    }
    memcpy(exact, bytes, len);
    free(bytes);
    check(exact, len);
    free(exact);
    return 0;
}
