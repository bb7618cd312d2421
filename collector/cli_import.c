/* SPDX-License-Identifier: Apache-2.0
 * tillwatch import: history as NDJSON through the acknowledged tap of a running tower, so that it
 * takes the way of every other event. What is acknowledged is noted in a progress file; a second
 * start continues there, and what a kill made it send twice the tower recognises.
 * Thread: main only.
 */
#include "config.h"
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/err.h"
#include "import_lines.h"
#include "import_progress.h"
#include "tillwatch.h"

#define WINDOW        64                   /* messages under way */
#define WAITING_BYTES ((uint64_t)64 << 20) /* of these messages */
#define BATCH_LINES   500                  /* events of one message */
#define BATCH_BYTES   ((size_t)256 << 10)  /* of one message */
#define STALL_NS      (60 * TW_NS_PER_S)   /* without any acknowledgement: give up */
#define PATIENCE_NS   (5 * TW_NS_PER_S)    /* ... say that we are waiting */
#define SAVE_NS       (TW_NS_PER_S / 4)    /* between two progress files */
#define REPORT_NS     (2 * TW_NS_PER_S)    /* between two lines on the terminal */

/* Options in the order of the table. */
enum {
    IMPORT_CONFIG,
    IMPORT_TOPIC,
    IMPORT_PROGRESS,
    IMPORT_FROM_START,
    IMPORT_TO,
    IMPORT_SERVER_KEY,
    IMPORT_CLIENT_KEY
};

/* A message that is not acknowledged yet. */
struct waiting {
    uint64_t end_offset;
    uint64_t lines;
    uint64_t bytes;
};

struct import {
    const struct tw_cli_command *command;
    struct tw_cli_args args;
    tillwatch_sender *sender;
    size_t max_bytes; /* of a message */
    int64_t now_ns;
    int64_t last_ack_ns;
    int64_t last_save_ns;
    int64_t last_report_ns;
    int64_t started_ns;
    bool has_complained;
    struct waiting ring[WINDOW]; /* oldest at first */
    size_t first;
    size_t count;
    uint64_t waiting_bytes;
    /* of the file under way */
    const char *name;
    char *progress_path; /* owned; NULL: not resumable */
    struct tw_import_progress progress;
    uint64_t size;
    uint64_t resumed_lines; /* acknowledged by earlier runs */
    struct tw_buf batch;
    uint64_t batch_lines;
    uint64_t batch_end;
    uint64_t blank_lines; /* since the last message */
    uint64_t cut_lines;
};

static int say_errno(const struct import *self, const char *what)
{
    char text[128];
    return tw_cli_fail(self->command, TW_EXIT_FAILED, "%s: %s", what,
                       tw_errno_text(errno, text, sizeof(text)));
}

/* ---- acknowledgements and progress ---- */

static void on_acknowledged(void *context, uint64_t ticket, const char *problem, size_t problem_len)
{
    struct import *self = context;
    (void)ticket; /* they come in order */
    (void)problem_len;
    TW_ASSERT(self->count > 0);
    const struct waiting *oldest = &self->ring[self->first];
    self->progress.offset = oldest->end_offset;
    self->progress.lines += oldest->lines;
    self->progress.quarantined += problem != NULL ? 1 : 0;
    self->waiting_bytes -= oldest->bytes;
    self->first = (self->first + 1) % WINDOW;
    self->count--;
    self->last_ack_ns = self->now_ns;
    self->has_complained = false;
}

static void report(const struct import *self, const char *state)
{
    uint64_t lines = self->progress.lines - self->resumed_lines;
    int64_t ms = (self->now_ns - self->started_ns) / TW_NS_PER_MS;
    (void)fprintf(stderr, "%s: %s%" PRIu64 " lines acknowledged", self->name, state,
                  self->progress.lines);
    if (self->size > 0) {
        (void)fprintf(stderr, " (%" PRIu64 " %%)", self->progress.offset * 100 / self->size);
    }
    (void)fprintf(stderr,
                  ", %" PRIu64 " lines/s, %" PRIu64 " messages with something quarantined\n",
                  ms > 0 ? lines * 1000 / (uint64_t)ms : lines, self->progress.quarantined);
}

static int save(const struct import *self)
{
    if (self->progress_path == NULL) {
        return TW_EXIT_OK;
    }
    if (tw_import_progress_write(self->progress_path, &self->progress) != TW_OK) {
        char text[128];
        return tw_cli_fail(self->command, TW_EXIT_FAILED,
                           "%s: %s; choose another place with --progress-file", self->progress_path,
                           tw_errno_text(errno, text, sizeof(text)));
    }
    return TW_EXIT_OK;
}

/* Let acknowledgements in, for at most timeout_ms; keep progress; notice that none come. */
static int attend(struct import *self, int timeout_ms)
{
    struct tw_clock *clock = tw_clock_system();
    int rc = tillwatch_poll(self->sender, timeout_ms);
    self->now_ns = clock->mono(clock).ns;
    if (rc < 0 && rc != TILLWATCH_TIMEOUT) {
        return tw_cli_fail(self->command, TW_EXIT_FAILED, "%s", tillwatch_text(rc));
    }
    int64_t silent_ns = self->count == 0 ? 0 : self->now_ns - self->last_ack_ns;
    if (silent_ns > STALL_NS) {
        (void)save(self); /* the next sentence counts more */
        return tw_cli_fail(self->command, TW_EXIT_FAILED,
                           "no acknowledgement for 60 s; is the tower running, and its disk not "
                           "full? Start again to continue");
    }
    if (silent_ns > PATIENCE_NS && !self->has_complained) {
        self->has_complained = true;
        (void)fprintf(stderr, "%s: waiting for the tower to acknowledge\n", self->name);
    }
    if (self->now_ns - self->last_report_ns > REPORT_NS) {
        self->last_report_ns = self->now_ns;
        report(self, "");
    }
    if (self->now_ns - self->last_save_ns > SAVE_NS) {
        self->last_save_ns = self->now_ns;
        return save(self);
    }
    return TW_EXIT_OK;
}

/* ---- sending ---- */

static int send_message(struct import *self, const void *body, size_t len, uint64_t lines,
                        uint64_t end_offset)
{
    while (self->count == WINDOW ||
           (self->count > 0 && self->waiting_bytes + len > WAITING_BYTES)) {
        int code = attend(self, 1000);
        if (code != TW_EXIT_OK) {
            return code;
        }
    }
    if (self->count == 0) {
        self->last_ack_ns = self->now_ns; /* the wait begins now */
    }
    for (;;) {
        int rc =
            tillwatch_send(self->sender, self->args.values[IMPORT_TOPIC], NULL, body, len, NULL);
        if (rc == TILLWATCH_OK) {
            break;
        }
        int code = rc == TILLWATCH_FULL
                       ? attend(self, 1000)
                       : tw_cli_fail(self->command, TW_EXIT_FAILED, "%s", tillwatch_text(rc));
        if (code != TW_EXIT_OK) {
            return code;
        }
    }
    self->ring[(self->first + self->count) % WINDOW] = (struct waiting){
        .end_offset = end_offset, .lines = lines + self->blank_lines, .bytes = len};
    self->blank_lines = 0;
    self->count++;
    self->waiting_bytes += len;
    return attend(self, 0);
}

static int send_batch(struct import *self)
{
    if (self->batch_lines == 0) {
        return TW_EXIT_OK;
    }
    int rc = tw_buf_append_byte(&self->batch, ']');
    if (rc != TW_OK || self->batch.error != TW_OK) {
        return tw_cli_fail(self->command, TW_EXIT_FAILED, "%s", tw_err_text(TW_ENOMEM));
    }
    int code =
        send_message(self, self->batch.data, self->batch.len, self->batch_lines, self->batch_end);
    tw_buf_clear(&self->batch);
    self->batch_lines = 0;
    return code;
}

static int send_line(struct import *self, const struct tw_line *line)
{
    int code = TW_EXIT_OK;
    if (tw_line_is_blank(line->text) && !line->is_cut) {
        self->blank_lines++;
        return TW_EXIT_OK;
    }
    self->cut_lines += line->is_cut ? 1 : 0;
    size_t room = self->max_bytes / 2 < BATCH_BYTES ? self->max_bytes / 2 : BATCH_BYTES;
    if (line->is_cut || line->text.len > room || !tw_line_is_cloudevent(line->text)) {
        code = send_batch(self); /* what stands before it goes before it */
        return code != TW_EXIT_OK
                   ? code
                   : send_message(self, line->text.ptr, line->text.len, 1, line->next_offset);
    }
    if (self->batch_lines == BATCH_LINES ||
        (self->batch_lines > 0 && self->batch.len + line->text.len + 2 > room)) {
        code = send_batch(self);
    }
    (void)tw_buf_append_byte(&self->batch, self->batch_lines == 0 ? '[' : ',');
    (void)tw_buf_append_str(&self->batch, line->text); /* send_batch sees an error */
    self->batch_lines++;
    self->batch_end = line->next_offset;
    return code;
}

static int send_lines(struct import *self, int fd)
{
    struct tw_lines lines;
    struct tw_line line = {.next_offset = self->progress.offset};
    int code = TW_EXIT_OK;
    /* One byte above the tap's limit: the tower then quarantines the line instead of ending the
     * connection. */
    int rc = tw_lines_init(&lines, fd, self->progress.offset, self->max_bytes + 1);
    while (rc == TW_OK && code == TW_EXIT_OK) {
        rc = tw_lines_next(&lines, &line);
        if (rc == TW_OK) {
            code = send_line(self, &line);
        }
    }
    if (code == TW_EXIT_OK && rc != TW_ECLOSED) {
        code = rc == TW_EIO ? say_errno(self, self->name)
                            : tw_cli_fail(self->command, TW_EXIT_FAILED, "%s", tw_err_text(rc));
    }
    code = code != TW_EXIT_OK ? code : send_batch(self);
    while (code == TW_EXIT_OK && self->count > 0) {
        code = attend(self, 1000);
    }
    if (code == TW_EXIT_OK) {
        self->progress.offset = lines.offset; /* blank lines and the rest of a cut one as well */
        self->progress.lines += self->blank_lines;
        self->blank_lines = 0;
    }
    tw_lines_fini(&lines);
    return code;
}

/* ---- one file ---- */

/* Take up the progress of an earlier run where it belongs to this file. */
static int take_up(struct import *self, int fd)
{
    struct tw_import_progress old;
    struct tw_import_identity same;
    if (self->args.values[IMPORT_FROM_START] != NULL) {
        return TW_EXIT_OK;
    }
    int rc = tw_import_progress_read(self->progress_path, &old);
    if (rc == TW_ENOTFOUND) {
        return TW_EXIT_OK;
    }
    if (rc == TW_EIO) {
        char text[128];
        return tw_cli_fail(self->command, TW_EXIT_FAILED, "%s: %s", self->progress_path,
                           tw_errno_text(errno, text, sizeof(text)));
    }
    if (rc == TW_OK && tw_import_identify(fd, old.identity.head_bytes, &same) == TW_OK &&
        same.head_bytes == old.identity.head_bytes && same.head_hash == old.identity.head_hash &&
        old.offset <= self->size) {
        self->progress.offset = old.offset;
        self->progress.lines = old.lines;
        self->progress.quarantined = old.quarantined;
        self->resumed_lines = old.lines;
        (void)fprintf(stderr,
                      old.offset == self->size
                          ? "%s: everything was acknowledged before; --from-start sends it again\n"
                          : "%s: continues behind what was acknowledged before\n",
                      self->name);
        return TW_EXIT_OK;
    }
    (void)fprintf(stderr,
                  "%s: %s belongs to another file or is damaged; starting from the beginning\n",
                  self->name, self->progress_path);
    return TW_EXIT_OK;
}

/* Everything about progress of a file that is one: path, identity, where to begin. */
static int prepare_progress(struct import *self, int fd, const struct stat *st)
{
    const char *path = self->args.values[IMPORT_PROGRESS];
    self->size = (uint64_t)st->st_size;
    self->progress_path = NULL;
    int len = path != NULL ? asprintf(&self->progress_path, "%s", path)
                           : asprintf(&self->progress_path, "%s.tillwatch-import", self->name);
    if (len < 0) {
        self->progress_path = NULL;
        return tw_cli_fail(self->command, TW_EXIT_FAILED, "%s", tw_err_text(TW_ENOMEM));
    }
    if (tw_import_identify(fd, UINT64_MAX, &self->progress.identity) != TW_OK) {
        return say_errno(self, self->name);
    }
    int code = take_up(self, fd);
    if (code == TW_EXIT_OK && lseek(fd, (off_t)self->progress.offset, SEEK_SET) < 0) {
        code = say_errno(self, self->name);
    }
    return code != TW_EXIT_OK ? code : save(self);
}

static int import_file(struct import *self, const char *name)
{
    struct stat st;
    int code = TW_EXIT_OK;
    bool is_stdin = strcmp(name, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    self->name = is_stdin ? "(standard input)" : name;
    self->progress = (struct tw_import_progress){.offset = 0};
    self->resumed_lines = 0;
    self->size = 0;
    self->cut_lines = 0;
    self->blank_lines = 0;
    if (fd < 0 || fstat(fd, &st) != 0) {
        return say_errno(self, name);
    }
    if (S_ISDIR(st.st_mode)) {
        code =
            tw_cli_fail(self->command, TW_EXIT_FAILED, "%s is a directory; name its files", name);
    } else if (!is_stdin && S_ISREG(st.st_mode)) {
        code = prepare_progress(self, fd, &st);
    }
    self->last_save_ns = self->now_ns;
    code = code != TW_EXIT_OK ? code : send_lines(self, fd);
    code = code != TW_EXIT_OK ? code : save(self);
    if (code == TW_EXIT_OK) {
        report(self, "done, ");
    }
    if (code == TW_EXIT_OK && self->cut_lines > 0) {
        (void)fprintf(stderr,
                      "%s: %" PRIu64 " lines were longer than a message may be and are in "
                      "the quarantine, cut\n",
                      self->name, self->cut_lines);
    }
    if (!is_stdin) {
        (void)close(fd); /* only read from */
    }
    free(self->progress_path);
    self->progress_path = NULL;
    return code;
}

/* ---- where to ---- */

/* A bound endpoint as a client on this machine writes it; NULL: the port is not known. Owned. */
static char *reachable(const char *bound)
{
    static const struct {
        const char *any;
        const char *here;
    } hosts[] = {{"tcp://*:", "tcp://127.0.0.1:"},
                 {"tcp://0.0.0.0:", "tcp://127.0.0.1:"},
                 {"tcp://[::]:", "tcp://[::1]:"}};
    const char *port = strrchr(bound, ':');
    char *text = NULL;
    if (port == NULL || strcmp(port, ":*") == 0 || strcmp(port, ":0") == 0) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        if (strncmp(bound, hosts[i].any, strlen(hosts[i].any)) == 0) {
            return asprintf(&text, "%s%s", hosts[i].here, port + 1) < 0 ? NULL : text;
        }
    }
    return strdup(bound);
}

/* Keys for a tap that speaks CURVE: by option, or by the environment. */
static int read_keys(const struct import *self, struct tillwatch_keys *keys,
                     struct tillwatch_options *options)
{
    const char *server = self->args.values[IMPORT_SERVER_KEY];
    const char *client = self->args.values[IMPORT_CLIENT_KEY];
    char where[1024];
    if ((server == NULL) != (client == NULL)) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE,
                           "--server-key and --client-key belong together");
    }
    int rc = tillwatch_keys_read(server, client, keys, where, sizeof(where));
    if (rc == TILLWATCH_IO) {
        return say_errno(self, where);
    }
    if (rc != TILLWATCH_OK) {
        return tw_cli_fail(self->command, TW_EXIT_FAILED,
                           "%s: not a key of 40 characters (Z85), or a secret one that others may "
                           "read",
                           where);
    }
    if (keys->server_key[0] != '\0') {
        options->curve_server_key = keys->server_key;
        options->curve_public_key = keys->public_key;
        options->curve_secret_key = keys->secret_key;
    }
    return TW_EXIT_OK;
}

/* The acknowledged tap of the configuration; NULL when it has none. */
static const struct tw_cfg_tap *acknowledged_tap(const struct tw_cfg *cfg)
{
    for (size_t i = 0; i < cfg->tap_count; i++) {
        if (cfg->taps[i].kind == TW_TAP_ROUTER && cfg->taps[i].bind.count > 0) {
            return &cfg->taps[i];
        }
    }
    return NULL;
}

static int open_sender(struct import *self, const struct tw_cfg *cfg)
{
    const struct tw_cfg_tap *tap = acknowledged_tap(cfg);
    const char *to = self->args.values[IMPORT_TO];
    char *endpoint = to != NULL ? strdup(to) : tap == NULL ? NULL : reachable(tap->bind.items[0]);
    struct tillwatch_options options = {
        .endpoint = endpoint,
        .window = WINDOW,
        .acknowledged = on_acknowledged,
        .context = self,
    };
    struct tillwatch_keys keys = {.server_key = ""};
    int code = TW_EXIT_OK;
    if (endpoint == NULL) {
        return tw_cli_fail(self->command, TW_EXIT_FAILED,
                           "the configuration has no tap of kind router with a known address; name "
                           "one with --to tcp://HOST:PORT");
    }
    code = read_keys(self, &keys, &options);
    if (code == TW_EXIT_OK && to == NULL && tap->curve.server_key_file != NULL &&
        options.curve_server_key == NULL) {
        code = tw_cli_fail(self->command, TW_EXIT_USAGE,
                           "tap %s speaks CURVE: give --server-key FILE.pub and --client-key NAME",
                           tap->name);
    }
    self->max_bytes = tap == NULL ? (size_t)16 << 20 : (size_t)tap->max_message_bytes;
    if (code == TW_EXIT_OK) {
        int rc = tillwatch_open(&options, &self->sender);
        if (rc != TILLWATCH_OK) {
            code =
                tw_cli_fail(self->command, TW_EXIT_FAILED, "%s: %s", endpoint, tillwatch_text(rc));
        }
    }
    tillwatch_keys_wipe(&keys);
    free(endpoint);
    return code;
}

/* Before anything is sent: every file can be opened. */
static int check_files(const struct import *self)
{
    if (self->args.values[IMPORT_PROGRESS] != NULL && self->args.rest_count > 1) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE, "--progress-file is for a single FILE");
    }
    for (int i = 0; i < self->args.rest_count; i++) {
        const char *name = self->args.rest[i];
        if (strcmp(name, "-") != 0 && access(name, R_OK) != 0) {
            return say_errno(self, name);
        }
    }
    return TW_EXIT_OK;
}

int tw_cmd_import(const struct tw_cli_command *command, int argc, char **argv)
{
    struct tw_clock *clock = tw_clock_system();
    struct import self = {.command = command, .now_ns = clock->mono(clock).ns};
    int code = tw_cli_parse(command, argc, argv, &self.args);
    if (code != TW_EXIT_OK || self.args.wants_help) {
        return code;
    }
    code = check_files(&self);
    if (code != TW_EXIT_OK) {
        return code;
    }
    struct tw_cfg *cfg = tw_cli_config(command, self.args.values[IMPORT_CONFIG]);
    if (cfg == NULL) {
        return TW_EXIT_FAILED;
    }
    tw_buf_init(&self.batch, BATCH_BYTES * 2);
    self.started_ns = self.last_report_ns = self.now_ns;
    code = open_sender(&self, cfg);
    for (int i = 0; i < self.args.rest_count && code == TW_EXIT_OK; i++) {
        self.started_ns = self.now_ns;
        code = import_file(&self, self.args.rest[i]);
    }
    tillwatch_close(&self.sender);
    tw_buf_fini(&self.batch);
    tw_cfg_destroy(&cfg);
    return code;
}
