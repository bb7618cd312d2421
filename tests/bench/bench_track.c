/* SPDX-License-Identifier: Apache-2.0
 * Tracking alone: what an event costs with 40 workflows, how much memory an open run takes, and how
 * both are at 10,000 and at 1,000,000 open runs. Each run is a sale of a transaction and a
 * correlation id that has made six of seven steps; new sales begin while as many old ones end.
 * Prints "name value unit". The events are made before the time is taken. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/err.h"
#include "track/tracker.h"

#define WORKFLOWS 40
#define STEPS     7
#define CHUNK     4200 /* events whose time is taken together: whole sales */
#define CHUNKS    100  /* that are measured of each, in turns; the figure is their median */
#define START_S   INT64_C(1795255200)
#define EVENT_NS  (TW_NS_PER_S / 5000) /* event time between two events */
#define STORES    600

static const char configuration[] =
    "taps:\n"
    "  - {name: acked, kind: router, bind: [\"tcp://127.0.0.1:8462\"]}\n"
    "track: {list-after-s: 864000, linger-s: 60}\n";

struct made {
    struct tw_event event;
    struct tw_record record;
    struct tw_object objects[2];
    const struct tw_track_note *note;
    char type[32];
    char transaction[24];
    char correlation[24];
    char store[8];
    char source[16];
};

struct bench {
    struct tw_cfg *cfg;
    const struct tw_workflows *set;
    struct tw_tracker *tracker;
    struct tw_arena arena;
    struct made *made;
    uint64_t n;
    uint64_t open; /* runs */
    uint64_t ended;
    double event_ns[CHUNKS]; /* of an event, by chunk */
};

static void must(int rc, const char *what)
{
    if (rc != TW_OK) {
        (void)fprintf(stderr, "bench_track: %s: %s\n", what, tw_err_text(rc));
        exit(1);
    }
}

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

/* The definitions are files, as users have them. */
static void load_workflows(struct bench *self)
{
    char dir[] = "/tmp/tillwatch-bench-track-XXXXXX";
    char path[128];
    char *dirs[] = {dir};
    if (mkdtemp(dir) == NULL) {
        must(TW_ESYSTEM, dir);
    }
    for (int w = 0; w < WORKFLOWS; w++) {
        (void)snprintf(path, sizeof path, "%s/w%d.yaml", dir, w);
        FILE *file = fopen(path, "w");
        if (file == NULL) {
            must(TW_EIO, path);
            abort();
        }
        (void)fprintf(file,
                      "name: sale-%d\nowner: o\ntiming: queued\nobject: transaction\nsteps:\n"
                      "  - {name: step-0, system: pos, event: sale.%d.0}\n",
                      w, w);
        for (int s = 1; s < STEPS; s++) {
            (void)fprintf(file,
                          "  - {name: step-%d, system: erp, event: sale.%d.%d, after: step-%d, "
                          "within: 3d}\n",
                          s, w, s, s - 1);
        }
        (void)fprintf(file,
                      "objectives:\n"
                      "  - {name: complete-%d, kind: completion, target: 99%%, window: 30d}\n"
                      "  - {name: in-time-%d, kind: latency, step: step-%d, within: 3d, "
                      "target: 99%%, window: 30d}\n",
                      w, w, STEPS - 1);
        must(fclose(file) == 0 ? TW_OK : TW_EIO, path);
    }
    self->cfg->workflows.has_pack = false;
    self->cfg->workflows.dirs = (struct tw_cfg_strings){dirs, 1};
    must(tw_workflows_load(self->cfg, stderr, &self->set), "workflows");
    self->cfg->workflows.dirs = (struct tw_cfg_strings){NULL, 0};
    for (int w = 0; w < WORKFLOWS; w++) {
        (void)snprintf(path, sizeof path, "%s/w%d.yaml", dir, w);
        (void)unlink(path); /* nothing depends on it any more */
    }
    (void)rmdir(dir);
}

static void make(struct bench *self, struct made *made, uint64_t sale, int step)
{
    int64_t at_ns = START_S * TW_NS_PER_S + (int64_t)self->n * EVENT_NS;
    (void)snprintf(made->type, sizeof made->type, "sale.%d.%d", (int)(sale % WORKFLOWS), step);
    (void)snprintf(made->transaction, sizeof made->transaction, "%010" PRIu64, sale);
    (void)snprintf(made->correlation, sizeof made->correlation, "c-%010" PRIu64, sale);
    (void)snprintf(made->store, sizeof made->store, "%04d", (int)(sale % STORES));
    (void)snprintf(made->source, sizeof made->source, "/%s/%04d", step == 0 ? "pos" : "erp",
                   (int)(sale % STORES));
    made->event = (struct tw_event){.has_time = true, .time = {at_ns}};
    made->event.attr[TW_ATTR_ID] = TW_STR_LIT("1");
    made->event.attr[TW_ATTR_SOURCE] = tw_str_of(made->source);
    made->event.attr[TW_ATTR_TYPE] = tw_str_of(made->type);
    made->event.attr[TW_ATTR_SYSTEM] = tw_str_of(step == 0 ? "pos" : "erp");
    made->event.attr[TW_ATTR_STOREID] = tw_str_of(made->store);
    made->objects[0] = (struct tw_object){(uint16_t)object_code(self->cfg, "transaction"),
                                          tw_str_of(made->transaction), tw_str_of(made->store)};
    made->objects[1] = (struct tw_object){(uint16_t)object_code(self->cfg, "correlation"),
                                          tw_str_of(made->correlation), TW_STR_LIT("")};
    made->record = (struct tw_record){
        .n = ++self->n,
        .kind = TW_RECORD_EVENT,
        .received = {at_ns + TW_NS_PER_MS},
        .time = {at_ns},
        .has_time = true,
        .source = (uint32_t)(sale % STORES) * 2 + (step == 0 ? 0 : 1),
        .objects = made->objects,
        .object_count = 2,
    };
}

/* Time of this thread on a processor: other programs of the machine do not count. */
static int64_t cpu_ns(void)
{
    struct timespec now;
    must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0 ? TW_OK : TW_ESYSTEM, "clock");
    return now.tv_sec * TW_NS_PER_S + now.tv_nsec;
}

/* Hand them in as the pipeline does, tick, take the changes: time of the processor an event. */
static double take(struct bench *self, size_t count)
{
    int64_t began_ns = cpu_ns();
    for (size_t i = 0; i < count; i++) {
        must(
            tw_tracker_note(self->tracker, &self->made[i].event, &self->arena, &self->made[i].note),
            "note");
    }
    for (size_t i = 0; i < count; i++) {
        for (unsigned k = 0; k < TW_TRACK_AHEAD_STAGES; k++) {
            size_t next = i + tw_tracker_ahead_at[k];
            if (next < count) {
                tw_tracker_ahead(self->tracker, &self->made[next].record, self->made[next].note, k);
            }
        }
        must(tw_tracker_apply(self->tracker, &self->made[i].record, self->made[i].note), "apply");
    }
    const tw_wall_t now = self->made[count - 1].record.received;
    const struct tw_track_tick tick = {now, now};
    const struct tw_track_emit options = {.last_n = self->n};
    const struct tw_track_changes *changes = NULL;
    must(tw_tracker_tick(self->tracker, &tick), "tick");
    must(tw_tracker_emit(self->tracker, &options, &self->arena, &changes), "emit");
    double ns = (double)(cpu_ns() - began_ns) / (double)count;
    tw_arena_reset(&self->arena);
    return ns;
}

/* Sales make their first six steps, one after the other for all sales of a chunk. */
static void open_runs(struct bench *self, uint64_t first, uint64_t count)
{
    const uint64_t sales = CHUNK / (STEPS - 1);
    for (uint64_t done = 0; done < count; done += sales) {
        uint64_t some = count - done < sales ? count - done : sales;
        size_t made = 0;
        for (int step = 0; step < STEPS - 1; step++) {
            for (uint64_t i = 0; i < some; i++) {
                make(self, &self->made[made++], first + done + i, step);
            }
        }
        (void)take(self, made);
    }
}

/* As many sales begin as the oldest end: one chunk. */
static double flow(struct bench *self)
{
    const uint64_t sales = CHUNK / STEPS;
    size_t made = 0;
    for (uint64_t i = 0; i < sales; i++) {
        make(self, &self->made[made++], self->ended + i, STEPS - 1);
    }
    for (int step = 0; step < STEPS - 1; step++) {
        for (uint64_t i = 0; i < sales; i++) {
            make(self, &self->made[made++], self->ended + self->open + i, step);
        }
    }
    self->ended += sales;
    return take(self, made);
}

/* All documents, as they are written each second while everything moves. */
static void write_documents(struct bench *self, const char *name)
{
    const int rounds = 20;
    int64_t spent_ns = 0;
    for (int i = 0; i < rounds; i++) {
        open_runs(self, UINT64_C(1000000000) + (uint64_t)i * 1000, WORKFLOWS);
        const struct tw_track_emit options = {.with_live = true, .last_n = self->n};
        const struct tw_track_changes *changes = NULL;
        int64_t began_ns = cpu_ns();
        must(tw_tracker_emit(self->tracker, &options, &self->arena, &changes), "documents");
        spent_ns += cpu_ns() - began_ns;
        tw_arena_reset(&self->arena);
    }
    (void)printf("track_documents_%s %.2f ms\n", name,
                 (double)spent_ns / rounds / (double)TW_NS_PER_MS);
}

/* Time of the clock: new memory costs the system as much as this thread. */
static int64_t wall_ns(void)
{
    struct timespec now;
    must(clock_gettime(CLOCK_MONOTONIC, &now) == 0 ? TW_OK : TW_ESYSTEM, "clock");
    return now.tv_sec * TW_NS_PER_S + now.tv_nsec;
}

/* The whole state as bytes and back. */
static void save_and_restore(struct bench *self, const struct tw_tracker_options *options,
                             uint64_t open, const char *name)
{
    struct tw_tracker *other = NULL;
    void *bytes = NULL;
    size_t len = 0;
    uint64_t n = 0;
    int64_t began_ns = wall_ns();
    must(tw_tracker_save(self->tracker, self->n, &bytes, &len), "save");
    int64_t saved_ns = wall_ns();
    must(tw_tracker_new(options, &other), "tracker");
    int64_t empty_ns = wall_ns();
    must(tw_tracker_restore(other, bytes, len, &n), "restore");
    int64_t restored_ns = wall_ns();
    (void)printf("track_snapshot_%s %.1f bytes\n", name, (double)len / (double)open);
    (void)printf("track_save_%s %.1f ms\n", name,
                 (double)(saved_ns - began_ns) / (double)TW_NS_PER_MS);
    (void)printf("track_restore_%s %.1f ms\n", name,
                 (double)(restored_ns - empty_ns) / (double)TW_NS_PER_MS);
    free(bytes);
    tw_tracker_destroy(&other);
}

/* So many open runs, and what they take. */
static void fill(struct bench *self, uint64_t open, const char *name)
{
    const struct tw_tracker_options options = {
        .cfg = self->cfg,
        .workflows = self->set,
        .object_code = object_code,
        .context = self->cfg,
        .seed = 1,
    };
    struct tw_tracker_stats stats;
    self->open = open;
    must(tw_tracker_new(&options, &self->tracker), "tracker");
    tw_tracker_stats(self->tracker, &stats);
    uint64_t before = stats.bytes;
    open_runs(self, 0, open);
    tw_tracker_stats(self->tracker, &stats);
    if (stats.open_runs != open) {
        must(TW_EINVAL, "not all runs are open");
    }
    (void)printf("track_bytes_per_run_%s %.1f bytes\n", name,
                 (double)(stats.bytes - before) / (double)open);
    save_and_restore(self, &options, open, name);
}

static int compare_times(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return left < right ? -1 : left > right ? 1 : 0;
}

static double say_median(struct bench *self, const char *name)
{
    qsort(self->event_ns, CHUNKS, sizeof self->event_ns[0], compare_times);
    (void)printf("track_event_%s %.1f ns\n", name, self->event_ns[CHUNKS / 2]);
    return self->event_ns[CHUNKS / 2];
}

static void begin(struct bench *self)
{
    must(tw_cfg_parse("bench.yaml", configuration, strlen(configuration), stderr, &self->cfg),
         "configuration");
    load_workflows(self);
    tw_arena_init(&self->arena, (size_t)256 << 20);
    self->made = calloc(CHUNK, sizeof *self->made);
    must(self->made == NULL ? TW_ENOMEM : TW_OK, "memory");
}

static void end(struct bench *self)
{
    tw_tracker_destroy(&self->tracker);
    free(self->made);
    tw_arena_fini(&self->arena);
    tw_workflows_unref(&self->set);
    tw_cfg_destroy(&self->cfg);
}

int main(void)
{
    static struct bench few;
    static struct bench many;
    begin(&few);
    begin(&many);
    fill(&few, 10000, "10k");
    fill(&many, 1000000, "1m");
    /* In turns: what else the machine does slows both alike. */
    for (int i = 0; i < CHUNKS; i++) {
        few.event_ns[i] = flow(&few);
        many.event_ns[i] = flow(&many);
    }
    double ratio = say_median(&many, "1m") / say_median(&few, "10k");
    (void)printf("track_event_1m_over_10k %.3f ratio\n", ratio);
    write_documents(&few, "10k");
    write_documents(&many, "1m");
    end(&few);
    end(&many);
    return 0;
}
