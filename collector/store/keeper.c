/* SPDX-License-Identifier: Apache-2.0
 * The keeper actor: seals, expires, watches the disk. One thing at a time, at a lower priority
 * than intake and writer; a stop is noticed between rows. Everything it does can be cut off at any
 * point and is begun again.
 */
#include "config.h"
#include "store/state.h"
#include "store/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/log.h"
#include "store/archive.h"
#include "store/retain.h"
#include "store/seal.h"

#define TURN_MS        1000 /* the disk is looked at this often */
#define RETAIN_TURN_NS (60 * TW_NS_PER_S)
#define NICENESS       10
/* An archive that was refused is looked at again after this time; what is too old in it goes once
 * in such a time. */
#define ARCHIVE_RETRY_NS  (60 * TW_NS_PER_S)
#define ARCHIVE_EXPIRE_NS (3600 * TW_NS_PER_S)
#define HEAD_CACHE_KIB    256

/* What is remembered of a sealed partition, so that its file is not opened every minute. */
struct head {
    uint32_t number;
    tw_wall_t last_received;
    bool payload_expired;
    bool quarantine_expired;
};

struct tw_keeper_state {
    struct tw_retain_clock clock;
    enum tw_disk_state disk;
    tw_mono_t next_retain;
    struct head *heads;
    size_t head_count;
    size_t head_capacity;
    struct tw_ident_news *unsent; /* the channel was full */
    uint32_t unfinished;          /* may be sealed without all that comes after that; 0: none */
    struct tw_archive *archive;   /* NULL: not open */
    tw_mono_t next_archive;       /* when it was refused: not before */
    tw_mono_t next_archive_expire;
    struct tw_actor *actor; /* NULL: run by hand */
};

struct tw_keeper {
    struct tw_store *store;
    struct tw_actor *actor;
};

void tw_keeper_state_destroy(struct tw_keeper_state **self_p)
{
    struct tw_keeper_state *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        tw_ident_news_destroy(&self->unsent);
        tw_archive_close(&self->archive);
        free(self->heads);
        free(self);
    }
}

static int ensure_state(struct tw_store *store)
{
    if (store->keeper == NULL) {
        store->keeper = calloc(1, sizeof *store->keeper);
    }
    return store->keeper == NULL ? TW_ENOMEM : TW_OK;
}

static bool is_stopping(void *context)
{
    const struct tw_keeper_state *state = context;
    return state->actor != NULL && tw_actor_is_stopping(state->actor);
}

/* ---- telling the identity index ---- */

/* True when nothing waits to be told: only then may the next partition change. */
static bool send_news(struct tw_store *store)
{
    struct tw_keeper_state *state = store->keeper;
    if (state->unsent != NULL && !atomic_load(&store->has_idents)) {
        tw_ident_news_destroy(&state->unsent); /* nobody listens: it will read the files */
    }
    if (state->unsent != NULL) {
        void *item = state->unsent;
        if (tw_chan_send(store->ident_news, &item) == TW_OK) {
            state->unsent = NULL;
        }
    }
    return state->unsent == NULL;
}

static int tell(struct tw_store *store, uint32_t number, bool is_expired, struct tw_diag *diag)
{
    if (!atomic_load(&store->has_idents)) {
        return TW_OK;
    }
    struct tw_ident_news *news = calloc(1, sizeof *news);
    if (news == NULL) {
        return TW_ENOMEM;
    }
    news->number = number;
    news->is_expired = is_expired;
    int rc = is_expired ? TW_OK
                        : tw_seal_read_filter(store->dir, number, &news->meta, &news->filter, diag);
    if (rc != TW_OK) {
        tw_ident_news_destroy(&news);
        return rc;
    }
    store->keeper->unsent = news;
    (void)send_news(store);
    return TW_OK;
}

/* ---- heads ---- */

static void forget_head(struct tw_keeper_state *state, uint32_t number)
{
    for (size_t i = 0; i < state->head_count; i++) {
        if (state->heads[i].number == number) {
            state->heads[i] = state->heads[--state->head_count];
            return;
        }
    }
}

static int read_head(struct tw_store *store, uint32_t number, struct head *ret_head,
                     struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    sqlite3 *db = NULL;
    struct tw_part_meta meta;
    int rc = tw_part_path(store->dir, number, true, path);
    rc = rc == TW_OK ? tw_db_open(path, TW_DB_IMMUTABLE, HEAD_CACHE_KIB, &db, diag) : rc;
    rc = rc == TW_OK ? tw_part_meta_read(db, &meta, diag) : rc;
    tw_db_close(&db);
    if (rc == TW_OK) {
        *ret_head = (struct head){
            .number = number,
            /* a partition of quarantine alone has no record: its last commit counts */
            .last_received = meta.has_times ? meta.last_received : meta.closed,
            .payload_expired = meta.payload_expired,
            .quarantine_expired = meta.quarantine_expired,
        };
    }
    return rc;
}

static int find_head(struct tw_store *store, uint32_t number, struct head *ret_head,
                     struct tw_diag *diag)
{
    struct tw_keeper_state *state = store->keeper;
    for (size_t i = 0; i < state->head_count; i++) {
        if (state->heads[i].number == number) {
            *ret_head = state->heads[i];
            return TW_OK;
        }
    }
    int rc = read_head(store, number, ret_head, diag);
    if (rc == TW_OK && state->head_count == state->head_capacity) {
        size_t grown = state->head_capacity == 0 ? 64 : state->head_capacity * 2;
        struct head *bigger = realloc(state->heads, grown * sizeof *bigger);
        if (bigger == NULL) {
            return TW_ENOMEM;
        }
        state->heads = bigger;
        state->head_capacity = grown;
    }
    if (rc == TW_OK) {
        state->heads[state->head_count++] = *ret_head;
    }
    return rc;
}

/* ---- the archive ---- */

static bool is_archived(const struct tw_store *store, uint32_t number)
{
    const struct tw_archive *archive = store->keeper->archive;
    return archive != NULL && number <= tw_archive_mark(archive);
}

/* What is wrong with the archive must not keep partitions from being sealed: they keep their
 * series, and are added when it can be used again. TW_ENOTFOUND: nothing more to do now. */
static int refuse_archive(struct tw_store *store, int rc, const struct tw_diag *diag)
{
    struct tw_keeper_state *state = store->keeper;
    if (rc == TW_ENOSPACE || rc == TW_EBUSY || rc == TW_ECLOSED || rc == TW_ENOMEM) {
        return rc; /* soon over */
    }
    tw_archive_close(&state->archive);
    state->next_archive.ns = store->clock->mono(store->clock).ns + ARCHIVE_RETRY_NS;
    tw_log(TW_LOG_ARCHIVE_REFUSED_EVENT, TW_F_CSTR("reason", diag->text),
           TW_F_CSTR("then", "partitions keep their series; everything else goes on"));
    return TW_ENOTFOUND;
}

/* TW_ENOTFOUND: it cannot be used now. */
static int open_archive(struct tw_store *store, uint32_t newest, struct tw_diag *diag)
{
    struct tw_keeper_state *state = store->keeper;
    if (state->archive != NULL) {
        return TW_OK;
    }
    if (store->clock->mono(store->clock).ns < state->next_archive.ns) {
        return TW_ENOTFOUND;
    }
    int rc = tw_archive_open(store->dir, store->store_id, newest, &state->archive, diag);
    return rc == TW_OK ? rc : refuse_archive(store, rc, diag);
}

/* Add the oldest partition that is not in the archive. TW_ENOTFOUND: none, or it must wait. */
static int archive_next(struct tw_store *store, struct tw_diag *diag)
{
    struct tw_part *parts = NULL;
    size_t count = 0;
    uint32_t below = atomic_load(&store->sealable_below);
    int rc = tw_parts_list(store->dir, &parts, &count, diag);
    if (rc != TW_OK) {
        return rc;
    }
    bool is_wanted = count > 0 && parts[0].number < below;
    rc = is_wanted ? open_archive(store, below, diag) : TW_ENOTFOUND;
    size_t i = 0;
    while (rc == TW_OK && i < count && is_archived(store, parts[i].number)) {
        i++;
    }
    if (rc == TW_OK && (i == count || parts[i].number >= below)) {
        rc = TW_ENOTFOUND;
    }
    if (rc == TW_OK) {
        tw_mono_t before = store->clock->mono(store->clock);
        rc = tw_archive_add(store->keeper->archive, &parts[i], is_stopping, store->keeper, diag);
        tw_mono_t after = store->clock->mono(store->clock);
        if (rc == TW_OK) {
            tw_log(TW_LOG_PARTITION_ARCHIVED_EVENT, TW_F_INT("number", parts[i].number),
                   TW_F_INT("took_ms", (after.ns - before.ns) / TW_NS_PER_MS));
        } else {
            rc = refuse_archive(store, rc, diag);
        }
    }
    free(parts);
    return rc;
}

static int expire_archive(struct tw_store *store, struct tw_diag *diag)
{
    struct tw_keeper_state *state = store->keeper;
    tw_mono_t now = store->clock->mono(store->clock);
    if (state->archive == NULL || now.ns < state->next_archive_expire.ns) {
        return TW_ENOTFOUND;
    }
    state->next_archive_expire.ns = now.ns + ARCHIVE_EXPIRE_NS;
    int rc = tw_archive_expire(state->archive, store->clock->wall(store->clock), diag);
    return rc == TW_OK ? rc : refuse_archive(store, rc, diag);
}

/* ---- sealing ---- */

static bool is_sealed(const struct tw_store *store, uint32_t number)
{
    char path[TW_PATH_MAX];
    return tw_part_path(store->dir, number, true, path) == TW_OK && access(path, F_OK) == 0;
}

/* What comes after the sealed file has its name, when that failed: the source goes, the identity
 * index is told. TW_ENOTFOUND: there is nothing to finish. */
static int finish_seal(struct tw_store *store, struct tw_diag *diag)
{
    struct tw_keeper_state *state = store->keeper;
    uint32_t number = state->unfinished;
    if (number == 0 || !is_sealed(store, number)) {
        state->unfinished = 0; /* not sealed: it begins anew */
        return TW_ENOTFOUND;
    }
    int rc = tw_seal_remove_source(store->dir, number, diag);
    rc = rc == TW_OK ? tell(store, number, false, diag) : rc;
    if (rc == TW_OK) {
        tw_log(TW_LOG_PARTITION_SEALED_EVENT, TW_F_INT("number", number));
        state->unfinished = 0;
    }
    return rc;
}

static int seal_one(struct tw_store *store, const struct tw_part *part, struct tw_diag *diag)
{
    struct tw_seal_plan plan = {.dir = store->dir,
                                .part = *part,
                                .series_are_archived = is_archived(store, part->number),
                                .is_stopping = is_stopping,
                                .context = store->keeper};
    tw_mono_t before = store->clock->mono(store->clock);
    store->keeper->unfinished = part->number;
    int rc = tw_seal(&plan, diag);
    rc = rc == TW_OK ? tell(store, part->number, false, diag) : rc;
    if (rc == TW_OK) {
        tw_mono_t after = store->clock->mono(store->clock);
        tw_log(TW_LOG_PARTITION_SEALED_EVENT, TW_F_INT("number", part->number),
               TW_F_INT("took_ms", (after.ns - before.ns) / TW_NS_PER_MS));
        store->keeper->unfinished = 0;
    }
    return rc;
}

/* Seal the oldest that can be. TW_ENOTFOUND: there is none. */
static int seal_next(struct tw_store *store, struct tw_diag *diag)
{
    struct tw_part *parts = NULL;
    size_t count = 0;
    uint32_t below = atomic_load(&store->sealable_below);
    int rc = tw_parts_list(store->dir, &parts, &count, diag);
    if (rc != TW_OK) {
        return rc;
    }
    rc = TW_ENOTFOUND;
    for (size_t i = 0; i < count && rc == TW_ENOTFOUND && parts[i].number < below; i++) {
        if (!parts[i].is_sealed) {
            rc = seal_one(store, &parts[i], diag);
        } else if (parts[i].has_db) { /* of a process that ended in between */
            rc = tw_seal_remove_source(store->dir, parts[i].number, diag);
        }
    }
    free(parts);
    return rc;
}

/* ---- retention ---- */

static int expire(struct tw_store *store, uint32_t number, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    /* what a reader may have left of its time before it was sealed, while the name says so */
    int rc = tw_seal_remove_source(store->dir, number, diag);
    rc = rc == TW_OK ? tw_part_path(store->dir, number, true, path) : rc;
    if (rc == TW_OK && unlink(path) != 0 && errno != ENOENT) {
        return tw_system_error(diag, path, "remove");
    }
    rc = rc == TW_OK ? tw_dir_sync(store->dir, diag) : rc;
    if (rc == TW_OK) {
        tw_log(TW_LOG_PARTITION_EXPIRED_EVENT, TW_F_INT("number", number));
        forget_head(store->keeper, number);
        rc = tell(store, number, true, diag);
    }
    return rc;
}

static int strip(struct tw_store *store, const struct tw_part *part, bool payload, bool quarantine,
                 struct tw_diag *diag)
{
    struct tw_seal_plan plan = {.dir = store->dir,
                                .part = *part,
                                .strip_payload = payload,
                                .strip_quarantine = quarantine,
                                .series_are_archived = is_archived(store, part->number),
                                .is_stopping = is_stopping,
                                .context = store->keeper};
    forget_head(store->keeper, part->number);
    return tw_seal(&plan, diag);
}

/* Do what is due for one partition. TW_ENOTFOUND: nothing is. Only the oldest may expire, so that
 * the numbers stay without holes. */
static int retain_one(struct tw_store *store, const struct tw_part *part, bool is_oldest,
                      tw_wall_t now, struct tw_diag *diag)
{
    struct head head;
    bool payload = false;
    bool quarantine = false;
    int rc = part->is_sealed ? find_head(store, part->number, &head, diag) : TW_ENOTFOUND;
    if (rc != TW_OK) {
        return rc;
    }
    switch (tw_retain_due(store->cfg, now, head.last_received, head.payload_expired,
                          head.quarantine_expired, &payload, &quarantine)) {
    case TW_RETAIN_EXPIRE:
        return is_oldest ? expire(store, part->number, diag) : TW_ENOTFOUND;
    case TW_RETAIN_STRIP:
        return strip(store, part, payload, quarantine, diag);
    case TW_RETAIN_NOTHING:
    default:
        return TW_ENOTFOUND;
    }
}

static int retain_next(struct tw_store *store, struct tw_diag *diag)
{
    struct tw_part *parts = NULL;
    size_t count = 0;
    tw_wall_t now = store->clock->wall(store->clock);
    int rc = tw_parts_list(store->dir, &parts, &count, diag);
    if (rc != TW_OK) {
        return rc;
    }
    rc = TW_ENOTFOUND;
    for (size_t i = 0; i + 1 < count && rc == TW_ENOTFOUND && !is_stopping(store->keeper); i++) {
        rc = retain_one(store, &parts[i], i == 0, now, diag);
    }
    free(parts);
    return rc;
}

static bool may_retain(struct tw_store *store)
{
    int64_t jump = 0;
    tw_wall_t last = {atomic_load(&store->last_closed_ns)};
    bool may = tw_retain_may_act(&store->keeper->clock, store->clock->wall(store->clock),
                                 store->clock->mono(store->clock), last, &jump);
    if (jump != 0) {
        tw_log(TW_LOG_CLOCK_MOVED_EVENT, TW_F_NUM("by_s", (double)jump / 1e9),
               TW_F_CSTR("then", "nothing expires for 24 hours"));
    }
    return may;
}

/* ---- disk ---- */

static void mark_full(const struct tw_store *store, bool is_full)
{
    char path[TW_PATH_MAX];
    if (tw_path_join(store->dir, TW_FULL_NAME, path) != TW_OK) {
        return;
    }
    if (!is_full) {
        (void)unlink(path); /* not there is what is wanted */
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        (void)close(fd); /* empty; on a full disk it may be missing, the log has it */
    }
}

static void watch_disk(struct tw_store *store)
{
    struct statvfs info;
    if (statvfs(store->dir, &info) != 0) {
        return; /* the next commit will say what is wrong */
    }
    struct tw_keeper_state *state = store->keeper;
    uint64_t free_bytes = (uint64_t)info.f_bavail * info.f_frsize;
    uint64_t total_bytes = (uint64_t)info.f_blocks * info.f_frsize;
    enum tw_disk_state before = state->disk;
    /* The writer may hit the end in spite of the watch: a quota, a limit of file sizes, somebody
     * who fills the disk between two looks. It goes on trying; until it succeeds this is full. */
    state->disk = atomic_load(&store->has_no_space)
                      ? TW_DISK_FULL
                      : tw_retain_disk(store->cfg, before, free_bytes, total_bytes);
    if (state->disk == before) {
        return;
    }
    atomic_store(&store->is_full, state->disk == TW_DISK_FULL);
    if (state->disk == TW_DISK_FULL || before == TW_DISK_FULL) {
        mark_full(store, state->disk == TW_DISK_FULL);
    }
    static const enum tw_log_event events[] = {
        [TW_DISK_OK] = TW_LOG_DISK_OK_EVENT,
        [TW_DISK_LOW] = TW_LOG_DISK_LOW_EVENT,
        [TW_DISK_FULL] = TW_LOG_DISK_FULL_EVENT,
    };
    tw_log(events[state->disk], TW_F_CSTR("dir", store->dir), TW_F_INT("free_bytes", free_bytes),
           TW_F_INT("total_bytes", total_bytes));
}

/* ---- turns ---- */

/* One piece of work. TW_ENOTFOUND: nothing to do now. */
static int turn(struct tw_store *store, struct tw_diag *diag)
{
    struct tw_keeper_state *state = store->keeper;
    watch_disk(store);
    if (atomic_load(&store->is_recovering) || !send_news(store)) {
        return TW_ENOTFOUND;
    }
    int rc = finish_seal(store, diag);
    /* the series of a partition first: once it is sealed they are not in it any more */
    rc = rc == TW_ENOTFOUND ? archive_next(store, diag) : rc;
    rc = rc == TW_ENOTFOUND ? seal_next(store, diag) : rc;
    if (rc != TW_ENOTFOUND) {
        return rc;
    }
    tw_mono_t now = store->clock->mono(store->clock);
    if (now.ns < state->next_retain.ns) {
        return TW_ENOTFOUND;
    }
    bool may = may_retain(store);
    rc = may ? retain_next(store, diag) : TW_ENOTFOUND;
    rc = may && rc == TW_ENOTFOUND ? expire_archive(store, diag) : rc;
    if (rc == TW_ENOTFOUND) {
        state->next_retain.ns = now.ns + RETAIN_TURN_NS;
    }
    return rc;
}

int tw_keeper_run_once(struct tw_store *store, struct tw_diag *diag)
{
    int rc = ensure_state(store);
    if (rc == TW_OK) {
        store->keeper->next_retain.ns = 0;
        store->keeper->next_archive.ns = 0;
        store->keeper->next_archive_expire.ns = 0;
    }
    while (rc == TW_OK) {
        rc = turn(store, diag);
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int run(struct tw_actor *actor, void *arg)
{
    struct tw_store *store = arg;
    struct tw_diag diag = {{0}};
    (void)setpriority(PRIO_PROCESS, 0, NICENESS); /* of this thread, on Linux; a kindness only */
    store->keeper->actor = actor;
    tw_actor_ready(actor, TW_OK);
    while (!tw_actor_is_stopping(actor)) {
        int rc = turn(store, &diag);
        if (rc == TW_OK) {
            continue;
        }
        if (rc != TW_ENOTFOUND && rc != TW_ECLOSED) {
            /* nothing of it is needed for acknowledging: say so, and try again */
            tw_log(TW_LOG_STORE_FAILED_EVENT, TW_F_CSTR("reason", diag.text));
        }
        struct pollfd pfd = {.fd = tw_actor_stop_fd(actor), .events = POLLIN};
        (void)poll(&pfd, 1, TURN_MS); /* woken early: the loop looks again anyway */
    }
    store->keeper->actor = NULL;
    return TW_OK;
}

int tw_keeper_new(struct tw_store *store, struct tw_keeper **ret_keeper)
{
    struct tw_keeper *self = calloc(1, sizeof *self);
    int rc = self == NULL ? TW_ENOMEM : ensure_state(store);
    if (rc == TW_OK) {
        self->store = store;
        rc = tw_actor_new("keeper", run, store, &self->actor);
    }
    if (rc != TW_OK) {
        free(self);
        return rc;
    }
    *ret_keeper = self;
    return TW_OK;
}

int tw_keeper_destroy(struct tw_keeper **self_p)
{
    struct tw_keeper *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return TW_OK;
    }
    int rc = tw_actor_destroy(&self->actor);
    free(self);
    return rc;
}
