/* SPDX-License-Identifier: Apache-2.0
 * A laboratory for tests: the real pipeline and the real store in a temporary directory, on a
 * clock that the test moves. No threads, no sockets: what is handed in is committed when asked.
 * Every failure of the machinery itself ends the test program with a message. */
#ifndef TW_TESTS_LAB_H
#define TW_TESTS_LAB_H

#include "config/config.h"
#include "core/clock.h"
#include "intake/pipeline.h"
#include "store/journey.h"
#include "store/snapshot.h"
#include "store/reader.h"
#include "store/tracks.h"
#include "store/writer.h"
#include "workflow/workflow.h"

struct lab {
    char dir[128];
    bool is_kept; /* the directory stays at the end */
    struct tw_cfg *cfg;
    struct tw_clock_manual clock;
    struct tw_store *store;
    struct tw_saver *saver;
    const struct tw_workflows *workflows; /* NULL: nothing is tracked */
    struct tw_pipeline *pipeline;
    bool has_backlog;       /* the taps are not empty when a batch is closed */
    struct tw_batch *batch; /* open while something is not committed */
    struct tw_reader *reader;
    struct tw_arena arena;  /* results of the reader; reset by the test */
    struct tw_arena frames; /* message bytes until the commit */
    /* Committed in place of what tracking says, where nothing is tracked; borrowed, NULL: nothing.
     */
    const struct tw_track_changes *given;
    /* Called with what tracking said, once it is committed; NULL: nobody asks. */
    void (*on_commit)(void *context, const struct tw_track_changes *changes);
    void *context;
};

/* `yaml` is a configuration; store.dir is set to a new directory. Starts at 2026-11-21T10:00Z. */
void lab_open(struct lab *self, const char *yaml);
/* On the store that the configuration names (taken), which stays; the clock begins `at`. */
void lab_open_store(struct lab *self, struct tw_cfg **cfg_p, tw_wall_t at);
/* Close everything and remove the directory. */
void lab_close(struct lab *self);
/* Remove a directory and the files in it. */
void lab_remove_dir(const char *dir);
/* As after a kill: forget everything that is not in the store, and read it back. */
void lab_restart(struct lab *self);
/* The same under another configuration (taken); the store stays. */
void lab_reconfigure(struct lab *self, struct tw_cfg **cfg_p);
/* Follow these workflows from now on (takes a reference): a reload, or before the first event. */
void lab_workflows(struct lab *self, const struct tw_workflows *workflows);
/* As lab_restart, after the state of tracking was saved. */
void lab_stop_and_start(struct lab *self);
/* Hand in one message (copied). headers and topic may be NULL. */
struct tw_outcome lab_message(struct lab *self, const char *tap, const char *topic,
                              const char *headers, const void *body, size_t len);
/* Commit what was handed in since the last commit (a checkpoint each time is_checkpoint). */
void lab_commit(struct lab *self, bool is_checkpoint);
/* Try a quarantined entry again. */
struct tw_outcome lab_retry(struct lab *self, uint64_t id);
/* Seal what can be sealed. */
void lab_seal(struct lab *self);
/* A reader of the store as it is now, borrowed. */
struct tw_reader *lab_reader(struct lab *self);
struct tw_journey_limits lab_limits(const struct lab *self);

#endif
