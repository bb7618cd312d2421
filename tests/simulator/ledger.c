/* SPDX-License-Identifier: Apache-2.0
 * Writing of the ledger. Everything written here is made by the simulator itself and is plain
 * ASCII; only the arguments of the command line need escaping.
 */
#include "config.h"
#include "simulator/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct sim_ledger {
    FILE *file; /* NULL: nothing is written */
};

int sim_ledger_open(const char *path, struct sim_ledger **ret_ledger, struct tw_diag *diag)
{
    struct sim_ledger *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return TW_ENOMEM;
    }
    if (path != NULL) {
        self->file = fopen(path, "w");
        if (self->file == NULL) {
            char text[128];
            int result = tw_diag_set(diag, TW_EIO, "--ledger %s: %s", path,
                                     tw_errno_text(errno, text, sizeof(text)));
            free(self);
            return result;
        }
        (void)setvbuf(self->file, NULL, _IOFBF, 1 << 18); /* otherwise the default size */
    }
    *ret_ledger = self;
    return TW_OK;
}

int sim_ledger_close(struct sim_ledger **self_p, struct tw_diag *diag)
{
    struct sim_ledger *self = *self_p;
    int result = TW_OK;
    if (self == NULL) {
        return TW_OK;
    }
    if (self->file != NULL) {
        bool is_bad = ferror(self->file) != 0;
        if (fclose(self->file) != 0 || is_bad) {
            result = tw_diag_set(diag, TW_EIO, "the ledger could not be written whole");
        }
    }
    free(self);
    *self_p = NULL;
    return result;
}

bool sim_ledger_is_on(const struct sim_ledger *self)
{
    return self->file != NULL;
}

/* Write errors stay in the stream and are reported at close: no result is looked at here. */
static void put(FILE *file, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(FILE *file, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vfprintf(file, format, list);
    va_end(list);
}

static void put_escaped(FILE *file, const char *text)
{
    for (; *text != 0; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte < 0x20 || byte == '"' || byte == '\\' || byte > 0x7e) {
            put(file, "\\u%04x", byte);
        } else {
            put(file, "%c", byte);
        }
    }
}

void sim_ledger_started(struct sim_ledger *self, const struct sim_options *options,
                        int64_t start_us, uint32_t source_count)
{
    if (self->file == NULL) {
        return;
    }
    put(self->file,
        "{\"fact\":\"started\",\"version\":\"%s\",\"seed\":%" PRIu64 ",\"stores\":%u,"
        "\"sources\":%u,\"start_us\":%" PRId64 ",\"per_message\":%u,\"arguments\":[",
        PACKAGE_VERSION, options->seed, options->stores, source_count, start_us,
        options->per_message);
    for (int i = 1; i < options->argc; i++) {
        put(self->file, "%s\"", i == 1 ? "" : ",");
        put_escaped(self->file, options->argv[i]);
        put(self->file, "\"");
    }
    put(self->file, "]}\n");
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        const struct sim_fault *fault = &options->faults.of[i];
        if (fault->is_on) {
            put(self->file,
                "{\"fact\":\"fault\",\"name\":\"%s\",\"p\":%g,\"from\":%g,\"for\":%g,"
                "\"delay\":%g,\"offset\":%g,\"factor\":%g,\"id\":\"%s\"}\n",
                sim_fault_name((enum sim_fault_kind)i), fault->p, fault->from_s, fault->for_s,
                fault->delay_s, fault->offset_s, fault->factor, fault->id);
        }
    }
}

void sim_ledger_event_fact(struct sim_ledger *self, const char *fact, const char *source,
                           size_t source_len, uint64_t sequence, const char *detail)
{
    if (self->file != NULL) {
        put(self->file, "{\"fact\":\"%s\",\"source\":\"%.*s\",\"sequence\":%" PRIu64 "%s}\n", fact,
            (int)source_len, source, sequence, detail);
    }
}

void sim_ledger_fact(struct sim_ledger *self, const char *format, ...)
{
    va_list list;
    if (self->file == NULL) {
        return;
    }
    put(self->file, "{");
    va_start(list, format);
    (void)vfprintf(self->file, format, list);
    va_end(list);
    put(self->file, "}\n");
}

void sim_ledger_json(struct sim_ledger *self, const char *object)
{
    if (self->file != NULL) {
        put(self->file, "%s\n", object);
        (void)fflush(self->file); /* a failure stays in the stream, as above */
    }
}

/* Numbers as ranges: [[3,3],[7,9]]. */
static void put_ranges(FILE *file, const struct sim_missing *missing, size_t count)
{
    size_t at = 0;
    put(file, "[");
    while (at < count) {
        size_t end = at + 1;
        while (end < count && missing[end].sequence == missing[end - 1].sequence + 1) {
            end++;
        }
        put(file, "%s[%" PRIu64 ",%" PRIu64 "]", at == 0 ? "" : ",", missing[at].sequence,
            missing[end - 1].sequence);
        at = end;
    }
    put(file, "]");
}

void sim_ledger_source(struct sim_ledger *self, const struct sim_source *source, const char *tap,
                       const struct sim_missing *missing, size_t missing_count)
{
    if (self->file == NULL) {
        return;
    }
    put(self->file,
        "{\"fact\":\"source\",\"source\":\"%.*s\",\"tap\":\"%s\",\"events\":%" PRIu64
        ",\"first\":1,\"last\":%" PRIu64 ",\"gaps\":%u,\"filled\":%u,\"rewinds\":%u,\"missing\":",
        source->name_len, source->name, tap, source->events, source->delivered, source->gaps,
        source->filled, source->rewinds);
    put_ranges(self->file, missing, missing_count);
    put(self->file, "}\n");
}

static void put_quarantined(FILE *file, const struct sim_totals *totals)
{
    const char *comma = "";
    put(file, "\"quarantined\":{");
    for (unsigned i = 1; i < TW_PROBLEM_COUNT; i++) {
        if (totals->quarantined[i] > 0) {
            put(file, "%s\"%s\":%" PRIu64, comma, tw_problem_infos[i].name, totals->quarantined[i]);
            comma = ",";
        }
    }
    put(file, "},");
}

static void put_sent(FILE *file, const struct sim_outlet_counts *sent)
{
    const char *comma = "";
    put(file, "\"sent\":{");
    for (unsigned tap = 0; tap < SIM_TAP_COUNT; tap++) {
        if (sent->messages[tap] > 0) {
            put(file, "%s\"%s\":{\"messages\":%" PRIu64 ",\"events\":%" PRIu64 "}", comma,
                sim_tap_name((enum sim_tap)tap), sent->messages[tap], sent->events[tap]);
            comma = ",";
        }
    }
    put(file, "},\"acknowledged\":%" PRIu64 ",\"resent\":%" PRIu64 ",", sent->acknowledged,
        sent->resent);
}

void sim_ledger_finished(struct sim_ledger *self, const struct sim_totals *totals,
                         const struct sim_outlet_counts *sent, const uint64_t *type_counts,
                         const struct sim_types *types)
{
    FILE *file = self->file;
    if (file == NULL) {
        return;
    }
    for (unsigned i = 0; i < types->count; i++) {
        if (type_counts[i] > 0) {
            put(file, "{\"fact\":\"type\",\"type\":\"%s\",\"events\":%" PRIu64 "}\n",
                types->templates[i].name, type_counts[i]);
        }
    }
    put(file, "{\"fact\":\"finished\",");
    put_sent(file, sent);
    put_quarantined(file, totals);
    put(file,
        "\"composed\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"accepted\":%" PRIu64
        ",\"duplicates\":%" PRIu64 ",\"conflicts\":%" PRIu64 ",\"withheld\":%" PRIu64
        ",\"late\":%" PRIu64 ",\"double_effects\":%" PRIu64 ",\"uncorrelated\":%" PRIu64
        ",\"objects_ignored\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"retrying\":%" PRIu64,
        totals->composed, totals->delivered, totals->accepted, totals->duplicates,
        totals->conflicts, totals->withheld, totals->late, totals->double_effects,
        totals->uncorrelated, totals->ignored_objects, totals->failed, totals->retrying);
    put(file,
        ",\"gaps\":%" PRIu64 ",\"filled\":%" PRIu64 ",\"rewinds\":%" PRIu64
        ",\"refused_holds\":%" PRIu64 ",\"flows\":%" PRIu64 ",\"flows_open\":%" PRIu64 "}\n",
        totals->gaps, totals->filled, totals->rewinds, totals->refused_holds, totals->flows,
        totals->flows_open);
}
