/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "support/lab.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_NS (INT64_C(1795255200) * TW_NS_PER_S) /* 2026-11-21T10:00:00Z */

static void check(int rc, const char *what, const struct tw_diag *diag)
{
    if (rc != TW_OK) {
        (void)fprintf(stderr, "lab: %s: %s %s\n", what, tw_err_text(rc),
                      diag == NULL ? "" : diag->text);
        abort();
    }
}

static void open_all(struct lab *self)
{
    struct tw_diag diag = {""};
    check(tw_store_open(self->cfg, &self->clock.clock, &self->store, &diag), "store", &diag);
    check(tw_saver_new(self->store, &self->saver), "saver", NULL);
    check(tw_pipeline_new(self->cfg, self->store, self->workflows, &self->pipeline, &diag),
          "pipeline", &diag);
}

static void close_all(struct lab *self)
{
    tw_reader_close(&self->reader);
    tw_pipeline_destroy(&self->pipeline);
    (void)tw_saver_destroy(&self->saver); /* a snapshot that could not be written is not read */
    tw_store_destroy(&self->store);
    tw_batch_destroy(&self->batch);
}

static void start(struct lab *self, tw_wall_t at)
{
    tw_clock_manual_init(&self->clock, at);
    tw_arena_init(&self->arena, (size_t)256 << 20);
    tw_arena_init(&self->frames, (size_t)256 << 20);
    open_all(self);
}

void lab_open(struct lab *self, const char *yaml)
{
    memset(self, 0, sizeof *self);
    /* Memory-backed where there is one: the tests of durability run elsewhere. */
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(self->dir, sizeof self->dir, "%s/tillwatch-lab-XXXXXX", base);
    if (mkdtemp(self->dir) == NULL) {
        check(TW_ESYSTEM, self->dir, NULL);
    }
    check(tw_cfg_parse("lab.yaml", yaml, strlen(yaml), stderr, &self->cfg), "configuration", NULL);
    free(self->cfg->store.dir);
    self->cfg->store.dir = strdup(self->dir);
    start(self, (tw_wall_t){START_NS});
}

void lab_open_store(struct lab *self, struct tw_cfg **cfg_p, tw_wall_t at)
{
    memset(self, 0, sizeof *self);
    self->is_kept = true;
    self->cfg = *cfg_p;
    *cfg_p = NULL;
    size_t len = strlen(self->cfg->store.dir);
    check(len < sizeof self->dir ? TW_OK : TW_ELIMIT, self->cfg->store.dir, NULL);
    memcpy(self->dir, self->cfg->store.dir, len + 1);
    start(self, at);
}

void lab_remove_dir(const char *dir)
{
    DIR *entries = opendir(dir);
    if (entries == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        struct stat info;
        if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
            (void)unlink(path); /* a file that stays shows as a directory that stays */
        }
    }
    (void)closedir(entries);
    (void)rmdir(dir);
}

void lab_close(struct lab *self)
{
    close_all(self);
    tw_workflows_unref(&self->workflows);
    tw_arena_fini(&self->arena);
    tw_arena_fini(&self->frames);
    tw_cfg_destroy(&self->cfg);
    if (!self->is_kept) {
        lab_remove_dir(self->dir);
    }
}

void lab_restart(struct lab *self)
{
    close_all(self);
    tw_arena_reset(&self->frames);
    open_all(self);
}

void lab_reconfigure(struct lab *self, struct tw_cfg **cfg_p)
{
    close_all(self);
    tw_arena_reset(&self->frames);
    tw_cfg_destroy(&self->cfg);
    self->cfg = *cfg_p;
    *cfg_p = NULL;
    free(self->cfg->store.dir);
    self->cfg->store.dir = strdup(self->dir);
    open_all(self);
}

void lab_workflows(struct lab *self, const struct tw_workflows *workflows)
{
    bool is_first = self->workflows == NULL;
    tw_workflows_unref(&self->workflows);
    self->workflows = tw_workflows_ref(workflows);
    if (is_first) {
        lab_restart(self);
    } else {
        check(tw_pipeline_reload(self->pipeline, workflows), "reload", NULL);
    }
}

void lab_stop_and_start(struct lab *self)
{
    tw_pipeline_finish(self->pipeline);
    lab_commit(self, true);
    lab_restart(self);
}

static void begin(struct lab *self)
{
    if (self->batch == NULL) {
        check(tw_batch_new((size_t)256 << 20, &self->batch), "batch", NULL);
        check(tw_pipeline_begin(self->pipeline, self->batch, self->clock.wall), "begin", NULL);
    }
}

struct tw_outcome lab_message(struct lab *self, const char *tap, const char *topic,
                              const char *headers, const void *body, size_t len)
{
    begin(self);
    int code = tw_store_tap_code(self->store, tap);
    check(code >= 0 ? TW_OK : TW_ENOTFOUND, tap, NULL);
    const struct tw_message message = {
        .tap = (uint16_t)code,
        .received = self->clock.wall,
        .topic = tw_arena_copy(&self->frames, tw_str_of(topic)),
        .headers = tw_arena_copy(&self->frames, tw_str_of(headers)),
        .body = tw_arena_copy(&self->frames, (struct tw_str){body, len}),
    };
    struct tw_outcome outcome = {0};
    check(tw_pipeline_message(self->pipeline, &message, TW_PROBLEM_none, len, &outcome), "message",
          NULL);
    return outcome;
}

void lab_commit(struct lab *self, bool is_checkpoint)
{
    begin(self);
    struct tw_diag diag = {""};
    if (!self->has_backlog) {
        tw_pipeline_taps_empty(self->pipeline, self->clock.wall);
    }
    check(tw_pipeline_close(self->pipeline, is_checkpoint, self->clock.wall), "close", NULL);
    self->batch->track = self->workflows == NULL ? self->given : self->batch->track;
    check(tw_store_commit(self->store, self->batch, &diag), "commit", &diag);
    if (self->batch->track != NULL && self->batch->track->saving != NULL) {
        struct tw_saving *saving = self->batch->track->saving;
        tw_saver_adopt(self->saver, &saving);
    }
    if (self->batch->track != NULL && self->batch->track->snapshot != NULL) {
        void *bytes = self->batch->track->snapshot;
        tw_saver_offer(self->saver, self->batch->first_n + self->batch->record_count - 1, &bytes,
                       self->batch->track->snapshot_len);
    }
    if (self->on_commit != NULL && self->batch->track != NULL) {
        self->on_commit(self->context, self->batch->track);
    }
    tw_pipeline_committed(self->pipeline, self->batch);
    tw_batch_destroy(&self->batch);
    tw_arena_reset(&self->frames);
}

struct tw_outcome lab_retry(struct lab *self, uint64_t id)
{
    begin(self);
    struct tw_quarantine_entry entry;
    struct tw_outcome outcome = {0};
    check(tw_reader_quarantine_entry(lab_reader(self), &self->frames, id, &entry), "entry", NULL);
    check(tw_pipeline_retry(self->pipeline, &entry, &outcome), "retry", NULL);
    return outcome;
}

void lab_seal(struct lab *self)
{
    struct tw_diag diag = {""};
    check(tw_keeper_run_once(self->store, &diag), "seal", &diag);
}

struct tw_reader *lab_reader(struct lab *self)
{
    struct tw_diag diag = {""};
    if (self->reader == NULL) {
        check(tw_reader_open(self->dir, &self->reader, &diag), "reader", &diag);
    }
    return self->reader;
}

struct tw_journey_limits lab_limits(const struct lab *self)
{
    return (struct tw_journey_limits){
        .max_hops = (uint32_t)self->cfg->correlate.max_hops,
        .max_links = (uint32_t)self->cfg->correlate.max_links,
        .max_events = (uint32_t)self->cfg->correlate.max_journey_events,
    };
}
