/* SPDX-License-Identifier: Apache-2.0
 * Start order is one array; stop walks it backwards.
 * Signals: SIGTERM, SIGINT and SIGHUP are blocked before the first thread starts, so that every
 * thread inherits that, and taken by main alone, synchronously. Only the deadline of the stop is a
 * real handler (SIGALRM): it must work when main is stuck in a join. It writes and leaves.
 */
#include "config.h"
#include "app.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alert/watcher.h"
#include "core/chan.h"
#include "core/err.h"
#include "core/log.h"
#include "curve/census.h"
#include "desk/follower.h"
#include "intake/clerk.h"
#include "intake/intake.h"
#include "notify/notifier.h"
#include "replay/sender.h"
#include "server.h"
#include "store/snapshot.h"
#include "store/store.h"
#include "store/writer.h"

/* Draining the sockets takes at most a second, a commit tens of milliseconds. Operators, and
 * service managers, lose patience after ten. */
#define APP_STOP_S 5
#define PATH_BYTES 4096
/* How often main looks whether a part has ended by itself. */
#define APP_WATCH_MS 200

struct app {
    const struct tw_app_options *options;
    struct tw_store *store;
    struct tw_chan *to_writer;
    struct tw_chan *from_writer;
    struct tw_chan *retries;
    struct tw_chan *retried;
    struct tw_keeper *keeper;
    struct tw_saver *saver;
    struct tw_writer *writer;
    struct tw_intake *intake;
    struct tw_clerk *clerk;
    struct tw_follower *follower;
    struct tw_sender *sender;
    struct tw_watcher *watcher;
    struct tw_notifier *notifier;
    tw_wall_t began;         /* before anything was read */
    struct tw_census census; /* of clients with keys, for the web half */
    struct tw_web *web;
    struct tw_cfg *reloaded;    /* of the last SIGHUP: where rules come from; NULL: none yet */
    struct stat operators_seen; /* their rules as looked at last; to begin with: not there */
};

/* ---- the parts ---- */

/* Definitions are kept for as long as runs that were under them can be asked for. */
static int register_workflows(struct app *self, const struct tw_workflows *workflows,
                              struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; i < workflows->count && rc == TW_OK; i++) {
        const struct tw_workflow *workflow = &workflows->items[i];
        rc = tw_store_register_workflow(self->store, workflow->name, workflow->version,
                                        tw_str_of(workflow->text), diag);
    }
    return rc;
}

static int start_store(struct app *self, struct tw_diag *diag)
{
    int rc = tw_store_open(self->options->cfg, self->options->clock, &self->store, diag);
    return rc == TW_OK ? register_workflows(self, self->options->workflows, diag) : rc;
}

static int stop_store(struct app *self)
{
    tw_store_destroy(&self->store);
    return TW_OK;
}

static int start_channels(struct app *self, struct tw_diag *diag)
{
    size_t batches = (size_t)self->options->cfg->intake.batches;
    int rc = tw_chan_new(batches, &self->to_writer);
    rc = rc != TW_OK ? rc : tw_chan_new(batches, &self->from_writer);
    rc = rc != TW_OK ? rc : tw_chan_new(TW_RETRIES_MAX, &self->retries);
    rc = rc != TW_OK ? rc : tw_chan_new(TW_RETRIES_MAX, &self->retried);
    return rc != TW_OK ? tw_diag_set(diag, rc, "the channels between threads cannot be made: %s",
                                     tw_err_text(rc))
                       : TW_OK;
}

static void drain_retries(struct tw_chan *chan)
{
    struct tw_retry *retry = NULL;
    while (chan != NULL && (retry = tw_chan_receive(chan)) != NULL) {
        tw_retry_destroy(&retry);
    }
}

/* What was still to be tried again stays in the quarantine, and its request waits. */
static int stop_channels(struct app *self)
{
    drain_retries(self->retries);
    drain_retries(self->retried);
    tw_chan_destroy(&self->retried);
    tw_chan_destroy(&self->retries);
    tw_chan_destroy(&self->from_writer);
    tw_chan_destroy(&self->to_writer);
    return TW_OK;
}

static int start_keeper(struct app *self, struct tw_diag *diag)
{
    tw_store_set_recovering(self->store, true); /* until intake has read what there is */
    int rc = tw_keeper_new(self->store, &self->keeper);
    return rc == TW_OK ? rc : tw_diag_set(diag, rc, "it cannot start: %s", tw_err_text(rc));
}

static int stop_keeper(struct app *self)
{
    return tw_keeper_destroy(&self->keeper);
}

static int start_saver(struct app *self, struct tw_diag *diag)
{
    int rc = tw_saver_new(self->store, &self->saver);
    return rc == TW_OK ? rc : tw_diag_set(diag, rc, "it cannot start: %s", tw_err_text(rc));
}

static int stop_saver(struct app *self)
{
    return tw_saver_destroy(&self->saver);
}

static int start_writer(struct app *self, struct tw_diag *diag)
{
    int rc = tw_writer_new(self->store, self->to_writer, self->from_writer, &self->writer);
    return rc == TW_OK ? rc : tw_diag_set(diag, rc, "it cannot start: %s", tw_err_text(rc));
}

static int stop_writer(struct app *self)
{
    return tw_writer_destroy(&self->writer);
}

static bool has_writer_failed(const struct app *self)
{
    return tw_writer_has_failed(self->writer);
}

static void log_endpoints(const struct tw_cfg_tap *tap, const char *verb,
                          const struct tw_cfg_strings *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        tw_log(TW_LOG_TAP_BOUND_EVENT, TW_F_CSTR("tap", tap->name),
               TW_F_CSTR(verb, endpoints->items[i]));
    }
}

static int start_intake(struct app *self, struct tw_diag *diag)
{
    const struct tw_intake_options options = {
        .cfg = self->options->cfg,
        .workflows = self->options->workflows,
        .causes = self->options->causes,
        .clock = self->options->clock,
        .store = self->store,
        .to_writer = self->to_writer,
        .from_writer = self->from_writer,
        .retries = self->retries,
        .retried = self->retried,
    };
    int rc = tw_intake_new(&options, &self->intake, diag);
    tw_store_set_recovering(self->store, false);
    for (size_t i = 0; rc == TW_OK && i < options.cfg->tap_count; i++) {
        log_endpoints(&options.cfg->taps[i], "bound", &options.cfg->taps[i].bind);
        log_endpoints(&options.cfg->taps[i], "connected", &options.cfg->taps[i].connect);
    }
    return rc;
}

static int stop_intake(struct app *self)
{
    return tw_intake_destroy(&self->intake);
}

static bool has_intake_failed(const struct app *self)
{
    return tw_intake_has_failed(self->intake);
}

static int start_clerk(struct app *self, struct tw_diag *diag)
{
    int rc = tw_clerk_new(self->options->cfg, self->options->clock, self->retries, self->retried,
                          &self->clerk);
    return rc == TW_OK ? rc : tw_diag_set(diag, rc, "it cannot start: %s", tw_err_text(rc));
}

static int stop_clerk(struct app *self)
{
    return tw_clerk_destroy(&self->clerk);
}

static int start_follower(struct app *self, struct tw_diag *diag)
{
    int rc = tw_follower_new(self->options->cfg, self->options->clock, &self->follower);
    if (rc == TW_OK) {
        tw_follower_set_causes(self->follower, self->options->causes);
    }
    return rc == TW_OK ? rc : tw_diag_set(diag, rc, "it cannot start: %s", tw_err_text(rc));
}

static int stop_follower(struct app *self)
{
    return tw_follower_destroy(&self->follower);
}

static int start_sender(struct app *self, struct tw_diag *diag)
{
    const struct tw_cfg *cfg = self->options->cfg;
    int rc = tw_sender_new(cfg, self->options->clock, &self->sender, diag);
    for (size_t i = 0; rc == TW_OK && i < cfg->agents.bind.count; i++) {
        tw_log(TW_LOG_AGENTS_BOUND_EVENT, TW_F_CSTR("bound", cfg->agents.bind.items[i]));
    }
    return rc;
}

static int stop_sender(struct app *self)
{
    return tw_sender_destroy(&self->sender);
}

/* What the thread `alert` is told of a set; `heartbeats` has room for all. */
static struct tw_watch_set watch_set(const struct tw_rules *rules,
                                     const struct tw_workflows *workflows,
                                     const struct tw_notify *notify,
                                     struct tw_watch_heartbeat heartbeats[TW_WATCH_HEARTBEATS_MAX])
{
    for (size_t i = 0; i < notify->heartbeat_count; i++) {
        const struct tw_notify_heartbeat *from = &notify->heartbeats[i];
        heartbeats[i] = (struct tw_watch_heartbeat){.name = from->name,
                                                    .every_s = from->every_s,
                                                    .grace_s = from->grace_s,
                                                    .severity = from->severity,
                                                    .owner = from->owner};
    }
    return (struct tw_watch_set){.rules = rules,
                                 .workflows = workflows,
                                 .heartbeats = heartbeats,
                                 .heartbeat_count = notify->heartbeat_count};
}
_Static_assert(TW_NOTIFY_HEARTBEATS_MAX == TW_WATCH_HEARTBEATS_MAX, "all fit");

static int start_watcher(struct app *self, struct tw_diag *diag)
{
    const struct tw_app_options *options = self->options;
    struct tw_watch_heartbeat heartbeats[TW_WATCH_HEARTBEATS_MAX];
    const struct tw_watch_set set =
        watch_set(options->rules, options->workflows, options->notify, heartbeats);
    int rc = tw_watcher_new(options->cfg, options->clock, self->began, &set, &self->watcher);
    return rc == TW_OK ? rc : tw_diag_set(diag, rc, "it cannot start: %s", tw_err_text(rc));
}

static int stop_watcher(struct app *self)
{
    return tw_watcher_destroy(&self->watcher);
}

static int start_notifier(struct app *self, struct tw_diag *diag)
{
    const struct tw_app_options *options = self->options;
    return tw_notifier_new(options->cfg, options->clock, options->notify, options->workflows,
                           &self->notifier, diag);
}

static int stop_notifier(struct app *self)
{
    return tw_notifier_destroy(&self->notifier);
}

static int start_web(struct app *self, struct tw_diag *diag)
{
    int rc = tw_web_new(self->options->cfg, self->options->workflows, self->options->clock,
                        &self->web, diag);
    if (rc == TW_OK) {
        tw_web_set_causes(self->web, self->options->causes);
        tw_web_set_rules(self->web, self->options->rules);
        tw_web_set_notify(self->web, self->options->notify);
    }
    return rc;
}

static int stop_web(struct app *self)
{
    return tw_web_destroy(&self->web);
}

struct part {
    const char *name;
    bool is_web;  /* of the web half; otherwise of the collector */
    bool is_safe; /* unfinished at the deadline of the stop, nothing uncommitted is lost */
    int (*start)(struct app *self, struct tw_diag *diag);
    int (*stop)(struct app *self);
    bool (*has_failed)(const struct app *self); /* NULL: it cannot end by itself */
};

/* Each needs those above it. The keeper stands above the writer so that the watch of the disk
 * outlives the last commit, the saver so that the last state is saved. */
static const struct part parts[] = {
    {"store", false, true, start_store, stop_store, NULL},
    {"channels", false, true, start_channels, stop_channels, NULL},
    {"keeper", false, true, start_keeper, stop_keeper, NULL},
    {"saver", false, true, start_saver, stop_saver, NULL},
    {"writer", false, false, start_writer, stop_writer, has_writer_failed},
    {"intake", false, false, start_intake, stop_intake, has_intake_failed},
    {"clerk", false, true, start_clerk, stop_clerk, NULL},
    {"desk", false, true, start_follower, stop_follower, NULL},
    {"replay", false, true, start_sender, stop_sender, NULL},
    {"alert", false, true, start_watcher, stop_watcher, NULL},
    {"notify", false, true, start_notifier, stop_notifier, NULL},
    {"web", true, true, start_web, stop_web, NULL},
};
#define PART_COUNT (sizeof(parts) / sizeof(parts[0]))

static bool is_wanted(const struct app *self, const struct part *part)
{
    return part->is_web ? self->options->has_web : self->options->has_collector;
}

/* ---- the deadline of the stop ---- */

/* Read by the handler: which part is being stopped. */
static volatile sig_atomic_t stopping_part = -1; /* for a signal handler, not for threads */

static void write_all(const char *text)
{
    size_t len = strlen(text);
    ssize_t n = write(STDERR_FILENO, text, len);
    (void)n; /* there is nobody left to tell */
}

static void on_deadline(int number)
{
    (void)number;
    int part = (int)stopping_part;
    bool is_known = part >= 0 && part < (int)PART_COUNT;
    write_all("tillwatch: not stopped after 5 s, leaving it undone: ");
    write_all(is_known ? parts[part].name : "?");
    write_all(is_known && parts[part].is_safe
                  ? "; everything acknowledged is committed\n"
                  : "; what was not acknowledged will be sent again by its sender\n");
    _exit(is_known && parts[part].is_safe ? 0 : 1);
}

/* ---- start, watch, stop ---- */

/* The first `count` parts, backwards. The first error is returned. */
static int stop_parts(struct app *self, size_t count)
{
    int result = TW_OK;
    const struct sigaction action = {.sa_handler = on_deadline};
    (void)sigaction(SIGALRM, &action, NULL); /* cannot fail with these arguments */
    (void)alarm(APP_STOP_S);
    for (size_t i = count; i-- > 0;) {
        if (!is_wanted(self, &parts[i])) {
            continue;
        }
        stopping_part = (sig_atomic_t)i;
        int rc = parts[i].stop(self);
        if (rc != TW_OK) {
            tw_log(TW_LOG_STORE_FAILED_EVENT, TW_F_CSTR("part", parts[i].name),
                   TW_F_CSTR("reason", tw_err_text(rc)));
            result = result == TW_OK ? rc : result;
        }
    }
    (void)alarm(0);
    return result;
}

/* *ret_count: how many are to be stopped, also after a failure. */
static int start_parts(struct app *self, size_t *ret_count)
{
    for (size_t i = 0; i < PART_COUNT; i++) {
        struct tw_diag diag = {""};
        *ret_count = i;
        if (!is_wanted(self, &parts[i])) {
            continue;
        }
        int rc = parts[i].start(self, &diag);
        if (rc != TW_OK) {
            const char *reason = diag.text[0] != '\0' ? diag.text : tw_err_text(rc);
            tw_log(TW_LOG_START_FAILED_EVENT, TW_F_CSTR("part", parts[i].name),
                   TW_F_CSTR("reason", reason));
            *ret_count = i + 1; /* a part stops what it has half started */
            return rc;
        }
    }
    *ret_count = PART_COUNT;
    return TW_OK;
}

/* A part that ended by itself, or NULL. */
static const struct part *find_failed(const struct app *self)
{
    for (size_t i = 0; i < PART_COUNT; i++) {
        if (is_wanted(self, &parts[i]) && parts[i].has_failed != NULL &&
            parts[i].has_failed(self)) {
            return &parts[i];
        }
    }
    return NULL;
}

/* What print-config would say; owned, NULL without memory. */
static char *text_of(const struct tw_cfg *cfg)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return NULL;
    }
    int rc = tw_cfg_print(cfg, out);
    if (fclose(out) != 0 || rc != TW_OK) {
        free(text);
        return NULL;
    }
    return text;
}

static void refuse_reload(const struct app *self, const char *what, const char *reason)
{
    tw_log(TW_LOG_RELOAD_REFUSED_EVENT, TW_F_CSTR("file", self->options->cfg->file),
           TW_F_CSTR("what", what), TW_F_CSTR("reason", reason));
}

/* What the new configuration names; NULL: refused, the faults are told with file and line. */
static const struct tw_workflows *reload_workflows(struct app *self, const struct tw_cfg *cfg)
{
    const struct tw_workflows *workflows = NULL;
    struct tw_diag diag = {""};
    int rc = tw_workflows_load(cfg, stderr, &workflows);
    if (rc != TW_OK) {
        refuse_reload(self, "workflows", tw_err_text(rc));
        return NULL;
    }
    rc = self->store == NULL ? TW_OK : register_workflows(self, workflows, &diag);
    if (rc != TW_OK) {
        refuse_reload(self, "catalogue", diag.text);
        tw_workflows_unref(&workflows);
    }
    return workflows;
}

/* Faults are told; a panel with one shows it, and takes no other with it. A file that is no
 * dashboard any more takes nothing away. */
static void reload_dashboards(struct app *self, const struct tw_cfg *cfg)
{
    const struct tw_dashboards *before = tw_web_dashboards(self->web);
    const struct tw_dashboards *dashboards = NULL;
    int rc = tw_dashboards_reload(cfg, before, stderr, &dashboards);
    tw_dashboards_unref(&before);
    if (rc != TW_OK) {
        refuse_reload(self, "dashboards", tw_err_text(rc));
        return;
    }
    if (dashboards->kept_count > 0) {
        refuse_reload(self, "dashboards", "of files with a fault those of before stay");
    }
    tw_web_set_dashboards(self->web, dashboards);
    tw_dashboards_unref(&dashboards);
}

/* Rules for causes as the configuration names them now; NULL: refused, the faults are told. */
static const struct tw_causes *reload_causes(const struct app *self, const struct tw_cfg *cfg)
{
    const struct tw_causes *causes = NULL;
    int rc = tw_causes_load(cfg, stderr, &causes);
    if (rc != TW_OK) {
        refuse_reload(self, "causes", tw_err_text(rc));
    }
    return causes;
}

/* Takes the reference. */
static void put_causes(struct app *self, const struct tw_causes **causes_p)
{
    if (self->options->has_collector) {
        tw_intake_set_causes(self->intake, *causes_p);
        tw_follower_set_causes(self->follower, *causes_p);
    }
    if (self->options->has_web) {
        tw_web_set_causes(self->web, *causes_p);
    }
    tw_log(TW_LOG_CAUSES_IN_FORCE_EVENT, TW_F_INT("rules", (*causes_p)->count),
           TW_F_INT("of_operators", (*causes_p)->operator_count));
    tw_causes_unref(causes_p);
}

/* What tells one state of the operators' file from the next; all zero where there is none. */
static void look_at_operators(const struct app *self, struct stat *ret_state)
{
    char path[PATH_BYTES];
    struct stat now;
    *ret_state = (struct stat){0};
    if (snprintf(path, sizeof path, "%s/%s", self->options->cfg->store.dir, TW_CAUSES_FILE) <
            (int)sizeof path &&
        stat(path, &now) == 0) {
        *ret_state = now;
    }
}

/* The clerk replaces the operators' rules, in this process or in another one on the same store (the
 * web half alone), or somebody edits them: they are put in force when they are without fault. */
static void watch_operators(struct app *self)
{
    struct stat now;
    const struct stat *before = &self->operators_seen;
    look_at_operators(self, &now);
    if (now.st_ino == before->st_ino && now.st_size == before->st_size &&
        now.st_mtim.tv_sec == before->st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == before->st_mtim.tv_nsec) {
        return;
    }
    self->operators_seen = now;
    const struct tw_causes *causes =
        reload_causes(self, self->reloaded != NULL ? self->reloaded : self->options->cfg);
    if (causes != NULL) {
        put_causes(self, &causes);
    }
}

/* What the configuration names beside itself. */
struct sets {
    const struct tw_workflows *workflows;
    const struct tw_causes *causes;
    const struct tw_rules *rules;
    const struct tw_notify *notify;
};

static void fini_sets(struct sets *sets)
{
    tw_notify_unref(&sets->notify);
    tw_rules_unref(&sets->rules);
    tw_causes_unref(&sets->causes);
    tw_workflows_unref(&sets->workflows);
}

/* All of them, so that all faults are told; false: there are some, or no memory. */
static bool load_sets(struct app *self, const struct tw_cfg *cfg, struct sets *sets)
{
    sets->causes = reload_causes(self, cfg);
    int rc = tw_notify_load(cfg, stderr, &sets->notify);
    if (rc != TW_OK) {
        refuse_reload(self, "notify", tw_err_text(rc));
    }
    sets->workflows = reload_workflows(self, cfg);
    rc =
        sets->workflows == NULL ? TW_OK : tw_rules_load(cfg, sets->workflows, stderr, &sets->rules);
    if (rc != TW_OK) {
        refuse_reload(self, "alert rules", tw_err_text(rc));
    }
    return sets->workflows != NULL && sets->causes != NULL && sets->rules != NULL &&
           sets->notify != NULL;
}

/* Alert rules, and who is told, are in force from now on. */
static void put_alerts(struct app *self, const struct sets *sets)
{
    if (self->options->has_collector) {
        struct tw_watch_heartbeat heartbeats[TW_WATCH_HEARTBEATS_MAX];
        const struct tw_watch_set set =
            watch_set(sets->rules, sets->workflows, sets->notify, heartbeats);
        int rc = tw_watcher_set(self->watcher, &set);
        if (rc != TW_OK) {
            refuse_reload(self, "alert rules", tw_err_text(rc));
            return;
        }
        tw_notifier_set(self->notifier, sets->notify, sets->workflows);
    }
    tw_log(TW_LOG_ALERT_RULES_IN_FORCE_EVENT, TW_F_INT("rules", sets->rules->count),
           TW_F_INT("receivers", sets->notify->receiver_count));
    if (self->options->has_web) {
        tw_web_set_rules(self->web, sets->rules);
        tw_web_set_notify(self->web, sets->notify);
    }
}

/* SIGHUP: the files must be without faults; then the workflows and rules are those of today and the
 * client keys and dashboards are read again. Nothing else changes in a running program, and the log
 * says so when there is something else. */
static void reload(struct app *self)
{
    struct tw_cfg *cfg = NULL;
    struct sets sets = {0};
    int rc = tw_cfg_load(self->options->config_file, stderr, &cfg);
    if (rc != TW_OK) {
        refuse_reload(self, "configuration", tw_err_text(rc));
        return;
    }
    look_at_operators(self, &self->operators_seen); /* before they are read */
    if (!load_sets(self, cfg, &sets)) {
        fini_sets(&sets);
        tw_cfg_destroy(&cfg);
        return;
    }
    put_causes(self, &sets.causes);
    if (self->options->has_collector) {
        tw_intake_reload(self->intake, sets.workflows);
        tw_sender_reload_clients(self->sender);
        tw_notifier_reload_clients(self->notifier);
    }
    if (self->options->has_web) {
        tw_web_set_workflows(self->web, sets.workflows);
        reload_dashboards(self, cfg);
    }
    put_alerts(self, &sets);
    char *now = text_of(self->options->cfg);
    char *then = text_of(cfg);
    bool is_same = now != NULL && then != NULL && strcmp(now, then) == 0;
    tw_log(TW_LOG_RELOADED_EVENT, TW_F_CSTR("file", cfg->file),
           TW_F_CSTR("in_force", "workflows, causes, alert rules, notify, dashboards, client keys"),
           TW_F_INT("workflows", sets.workflows->count),
           TW_F_CSTR("needs_restart", is_same ? "nothing" : "other changes of the file"));
    free(now);
    free(then);
    fini_sets(&sets);
    tw_cfg_destroy(&self->reloaded);
    self->reloaded = cfg;
}

/* Until a signal asks for the end (true) or a part has failed (false). */
static bool watch(struct app *self, const sigset_t *signals)
{
    const struct timespec pause = {.tv_nsec = APP_WATCH_MS * TW_NS_PER_MS};
    for (;;) {
        int number = sigtimedwait(signals, NULL, &pause);
        if (number == SIGHUP) {
            reload(self);
        } else if (number > 0) {
            tw_log(TW_LOG_STOPPING_EVENT,
                   TW_F_CSTR("signal", number == SIGINT ? "SIGINT" : "SIGTERM"));
            return true;
        }
        watch_operators(self);
        if (self->options->has_collector) {
            struct tw_clock *clock = self->options->clock;
            tw_census_look(&self->census, self->options->cfg->store.dir, clock->mono(clock));
        }
        const struct part *failed = find_failed(self);
        if (failed != NULL) {
            tw_log(TW_LOG_STOPPING_EVENT, TW_F_CSTR("failed", failed->name));
            return false;
        }
    }
}

/* As many connections as the system allows; the default of 1,024 is for other programs. */
static void raise_file_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit); /* without it fewer may connect */
    }
}

int tw_app_run(const struct tw_app_options *options)
{
    struct app self = {.options = options, .began = options->clock->wall(options->clock)};
    sigset_t signals;
    size_t started = 0;
    bool is_asked = false;
    self.census.since = self.began;
    raise_file_limit();
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL); /* cannot fail with these arguments */
    int rc = start_parts(&self, &started);
    if (rc == TW_OK) {
        tw_log(TW_LOG_STARTED_EVENT, TW_F_CSTR("version", PACKAGE_VERSION),
               TW_F_CSTR("config", options->cfg->file), TW_F_CSTR("store", options->cfg->store.dir),
               TW_F_CSTR("web", options->has_web ? options->cfg->web.listen : "off"),
               TW_F_INT("taps", options->has_collector ? options->cfg->tap_count : 0));
        is_asked = watch(&self, &signals);
    }
    int stopped = stop_parts(&self, started);
    tw_cfg_destroy(&self.reloaded);
    if (rc != TW_OK || !is_asked || stopped != TW_OK) {
        return 1;
    }
    tw_log(TW_LOG_STOPPED_EVENT, TW_F_CSTR("store", options->cfg->store.dir));
    return 0;
}
