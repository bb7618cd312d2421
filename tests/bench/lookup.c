/* SPDX-License-Identifier: Apache-2.0
 * Journeys out of a store that is there already, of objects that nobody asked for before: with
 * the files' pages dropped from the page cache (cold), as the page cache is (first), and the same
 * again (warm). Wall time, and CPU time which a busy machine does not spoil. Prints one figure a
 * line: name value unit.
 *   lookup DIR [LOOKUPS [TYPE]]     (default 1000 objects of type order)
 */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/journey.h"

#define LOOKUPS_MAX 100000u
#define ARENA_BYTES ((size_t)256 << 20)
/* Records looked at for one object of the type, before the type is taken for absent. */
#define TRIES 10000u

static const struct tw_journey_limits limits = {.max_hops = 4, .max_links = 64, .max_events = 2000};

static uint64_t seed = UINT64_C(88172645463325252);

static uint64_t below(uint64_t bound)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % bound;
}

static void must(int err, const char *what)
{
    if (err != TW_OK) {
        (void)fprintf(stderr, "lookup: %s: %s\n", what, tw_err_text(err));
        exit(1);
    }
}

/* An object of the type that a random record carries. */
static struct tw_object sample(struct tw_reader *reader, struct tw_arena *scratch,
                               struct tw_arena *kept, uint16_t type,
                               const struct tw_store_status *status)
{
    for (size_t i = 0; i < TRIES; i++) {
        struct tw_stored stored;
        uint64_t n = status->first_n + below(status->last_n - status->first_n + 1);
        tw_arena_reset(scratch);
        must(tw_reader_record(reader, scratch, n, &stored), "a record");
        for (uint32_t k = 0; k < stored.record.object_count; k++) {
            const struct tw_object *object = &stored.record.objects[k];
            if (object->type == type && stored.record.kind == TW_RECORD_EVENT) {
                return (struct tw_object){type, tw_arena_copy(kept, object->id),
                                          tw_arena_copy(kept, object->scope)};
            }
        }
    }
    must(TW_ENOTFOUND, "an object of the type");
    return (struct tw_object){0};
}

/* Let the kernel forget the store's files. (The pages that the reader itself keeps stay.) */
static void drop_cache(const char *path)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    for (const struct dirent *item = readdir(dir); item != NULL; item = readdir(dir)) {
        /* sealed files only: opening and closing another one would drop SQLite's locks */
        if (strstr(item->d_name, ".sealed") == NULL) {
            continue;
        }
        int fd = openat(dirfd(dir), item->d_name, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); /* a wish */
            (void)close(fd);
        }
    }
    (void)closedir(dir);
}

static int compare(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

static int64_t cpu_ns(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at); /* always works */
    return at.tv_sec * TW_NS_PER_S + at.tv_nsec;
}

struct round {
    const char *name;
    int64_t *took_ns;
    size_t count;
    int64_t cpu_ns;
    uint64_t events;
};

static void look_up(struct tw_reader *reader, struct tw_arena *arena,
                    const struct tw_object *object, struct round *round)
{
    struct tw_journey journey;
    struct tw_clock *clock = tw_clock_system();
    tw_arena_reset(arena);
    int64_t cpu = cpu_ns();
    int64_t start = clock->mono(clock).ns;
    must(tw_journey_read(reader, arena, object, &limits, &journey), "a journey");
    round->took_ns[round->count++] = clock->mono(clock).ns - start;
    round->cpu_ns += cpu_ns() - cpu;
    round->events += journey.event_count;
}

static void print(struct round *round)
{
    const char *name = round->name;
    size_t count = round->count;
    qsort(round->took_ns, count, sizeof *round->took_ns, compare);
    size_t half = count / 2;
    size_t most = count * 99 / 100;
    printf("lookup.%s_p50 %.3f ms\n", name, (double)round->took_ns[half] / 1e6);
    printf("lookup.%s_p99 %.3f ms\n", name, (double)round->took_ns[most] / 1e6);
    printf("lookup.%s_max %.3f ms\n", name, (double)round->took_ns[count - 1] / 1e6);
    printf("lookup.%s_cpu %.3f ms\n", name, (double)round->cpu_ns / 1e6 / (double)count);
}

static void run(const char *dir, size_t lookups, const char *type_name)
{
    struct tw_diag diag = {{0}};
    struct tw_reader *reader = NULL;
    struct tw_store_status status;
    struct tw_arena scratch;
    struct tw_arena kept;
    struct round rounds[3] = {{.name = "cold"}, {.name = "first"}, {.name = "warm"}};
    tw_arena_init(&scratch, ARENA_BYTES);
    tw_arena_init(&kept, ARENA_BYTES);
    for (size_t i = 0; i < 3; i++) {
        rounds[i].took_ns = calloc(lookups, sizeof(int64_t));
        must(rounds[i].took_ns == NULL ? TW_ENOMEM : TW_OK, "memory");
    }
    struct tw_object *objects = calloc(2 * lookups, sizeof *objects);
    must(objects == NULL ? TW_ENOMEM : TW_OK, "memory");
    int err = tw_reader_open(dir, &reader, &diag);
    must(err, diag.text[0] != '\0' ? diag.text : dir);
    must(tw_reader_status(reader, &status), "status");
    const struct tw_object_type *type = tw_reader_object_type(reader, tw_str_of(type_name));
    must(type == NULL || status.last_n == 0 ? TW_ENOTFOUND : TW_OK, type_name);
    for (size_t i = 0; i < 2 * lookups; i++) {
        objects[i] = sample(reader, &scratch, &kept, type->code, &status);
    }
    for (size_t i = 0; i < lookups; i++) {
        look_up(reader, &scratch, &objects[i], &rounds[1]);
        look_up(reader, &scratch, &objects[i], &rounds[2]);
    }
    drop_cache(dir);
    for (size_t i = lookups; i < 2 * lookups; i++) {
        look_up(reader, &scratch, &objects[i], &rounds[0]);
    }
    printf("lookup.events_stored %llu events\n", (unsigned long long)status.last_n);
    printf("lookup.partitions %llu partitions\n", (unsigned long long)status.partitions);
    printf("lookup.journey_events %.1f events\n", (double)rounds[1].events / (double)lookups);
    for (size_t i = 0; i < 3; i++) {
        print(&rounds[i]);
        free(rounds[i].took_ns);
    }
    tw_reader_close(&reader);
    tw_arena_fini(&scratch);
    tw_arena_fini(&kept);
    free(objects);
}

int main(int argc, char **argv)
{
    size_t lookups = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    if (argc < 2 || argc > 4 || lookups == 0 || lookups > LOOKUPS_MAX) {
        (void)fprintf(stderr, "usage: lookup DIR [LOOKUPS [TYPE]]\n");
        return 2;
    }
    run(argv[1], lookups, argc > 3 ? argv[3] : "order");
    return 0;
}
