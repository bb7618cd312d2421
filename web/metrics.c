/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/err.h"

static void text(struct tw_metrics *self, const char *what)
{
    (void)tw_buf_append_str(self->out, tw_str_of(what)); /* sticky */
}

/* HELP of text 0.0.4 escapes '\' and newline, OpenMetrics '"' too. */
static void help_text(struct tw_metrics *self, const char *help)
{
    for (const char *p = help; *p != '\0'; p++) {
        if (*p == '\\') {
            text(self, "\\\\");
        } else if (*p == '\n') {
            text(self, "\\n");
        } else if (*p == '"' && self->is_openmetrics) {
            text(self, "\\\"");
        } else {
            (void)tw_buf_append_byte(self->out, (uint8_t)*p);
        }
    }
}

/* Label values may be any UTF-8; other bytes, and control bytes, are shown as \xNN with the
 * backslash escaped like every other. */
static void label_value(struct tw_metrics *self, struct tw_str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.ptr[i];
        if (c == '\\') {
            text(self, "\\\\");
        } else if (c == '"') {
            text(self, "\\\"");
        } else if (c == '\n') {
            text(self, "\\n");
        } else if (c < 0x20 || c >= 0x7f) {
            char escaped[8];
            (void)snprintf(escaped, sizeof escaped, "\\\\x%02x", c);
            text(self, escaped);
        } else {
            (void)tw_buf_append_byte(self->out, c);
        }
    }
}

static const char *suffix(const struct tw_metrics *self)
{
    if (self->kind == TW_METRIC_COUNTER) {
        return "_total";
    }
    return self->kind == TW_METRIC_INFO ? "_info" : "";
}

void tw_metrics_family(struct tw_metrics *self, enum tw_metric_kind kind, const char *name,
                       const char *help)
{
    static const char *const words[] = {"counter", "gauge", "info", "histogram"};
    self->family = name;
    self->kind = kind;
    /* In OpenMetrics the family is "x" and its sample "x_total"; in the text format both are
     * "x_total", and there is no type "info". */
    const char *end = self->is_openmetrics ? "" : suffix(self);
    const char *word = words[kind];
    if (!self->is_openmetrics && kind == TW_METRIC_INFO) {
        word = "gauge";
    }
    const char *heads[] = {"# HELP ", "# TYPE "};
    for (int i = 0; i < 2; i++) {
        text(self, heads[i]);
        text(self, name);
        text(self, end);
        text(self, " ");
        if (i == 0) {
            help_text(self, help);
        } else {
            text(self, word);
        }
        text(self, "\n");
    }
}

static void sample_of(struct tw_metrics *self, const char *end,
                      const struct tw_metric_label *labels, size_t count)
{
    text(self, self->family);
    text(self, end);
    for (size_t i = 0; i < count; i++) {
        text(self, i == 0 ? "{" : ",");
        text(self, labels[i].name);
        text(self, "=\"");
        label_value(self, labels[i].value);
        text(self, "\"");
    }
    text(self, count > 0 ? "} " : " ");
}

static void sample_head(struct tw_metrics *self, const struct tw_metric_label *labels, size_t count)
{
    sample_of(self, suffix(self), labels, count);
}

void tw_metrics_count(struct tw_metrics *self, const struct tw_metric_label *labels, size_t count,
                      uint64_t value)
{
    char number[32];
    sample_head(self, labels, count);
    (void)snprintf(number, sizeof number, "%" PRIu64 "\n", value);
    text(self, number);
}

void tw_metrics_real(struct tw_metrics *self, const struct tw_metric_label *labels, size_t count,
                     double value)
{
    char number[40];
    sample_head(self, labels, count);
    if (isnan(value)) {
        text(self, "NaN\n");
    } else if (isinf(value)) {
        text(self, value > 0 ? "+Inf\n" : "-Inf\n");
    } else {
        (void)snprintf(number, sizeof number, "%.17g\n", value);
        text(self, number);
    }
}

static void number_of(struct tw_metrics *self, uint64_t value)
{
    char number[32];
    (void)snprintf(number, sizeof number, "%" PRIu64 "\n", value);
    text(self, number);
}

/* As OpenMetrics wants the bounds: 0.5, 1.0, 3600.0. */
static struct tw_str bound_text(double bound, char *text, size_t size)
{
    int len = snprintf(text, size, "%.15g", bound);
    if (strcspn(text, ".e") == (size_t)len && (size_t)len + 2 < size) {
        (void)snprintf(text + len, size - (size_t)len, ".0");
    }
    return tw_str_of(text);
}

void tw_metrics_histogram(struct tw_metrics *self, const struct tw_metric_label *labels,
                          size_t count, const struct tw_metric_histogram *histogram)
{
    struct tw_metric_label all[TW_METRIC_HISTOGRAM_LABELS + 1];
    char number[40];
    uint64_t total = 0;
    TW_ASSERT(count <= TW_METRIC_HISTOGRAM_LABELS);
    memcpy(all, labels, count * sizeof *labels);
    for (size_t i = 0; i <= histogram->bound_count; i++) {
        total += histogram->counts[i];
        all[count] = (struct tw_metric_label){
            "le", i == histogram->bound_count
                      ? TW_STR_LIT("+Inf")
                      : bound_text(histogram->bounds[i], number, sizeof number)};
        sample_of(self, "_bucket", all, count + 1);
        number_of(self, total);
    }
    sample_of(self, "_count", labels, count);
    number_of(self, total);
    sample_of(self, "_sum", labels, count);
    (void)snprintf(number, sizeof number, "%.17g\n", histogram->sum);
    text(self, number);
}

void tw_metrics_end(struct tw_metrics *self)
{
    if (self->is_openmetrics) {
        text(self, "# EOF\n");
    }
}

const char *tw_metrics_content_type(bool is_openmetrics)
{
    return is_openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                          : "text/plain; version=0.0.4; charset=utf-8";
}
