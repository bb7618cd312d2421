/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/hours_words.h"

#include <stdio.h>

/* What does not fit is left out, and the buffer says so. */
static void say(struct tw_buf *out, const char *text)
{
    (void)tw_buf_append_str(out, tw_str_of(text)); /* sticky */
}

static void say_number(struct tw_buf *out, const char *format, int value)
{
    char text[32];
    (void)snprintf(text, sizeof text, format[0] == '0' ? "%02d" : "%d", value); /* always fits */
    say(out, text);
}

static void say_bits(struct tw_buf *out, unsigned bits, const char *const *names, size_t count)
{
    bool is_first = true;
    for (size_t i = 0; i < count; i++) {
        if ((bits & 1u << i) != 0) {
            say(out, is_first ? "" : ", ");
            say(out, names[i]);
            is_first = false;
        }
    }
}

static void say_clock(struct tw_buf *out, int32_t second)
{
    say_number(out, "02", second / 3600);
    say(out, ":");
    say_number(out, "02", second / 60 % 60);
}

static void say_ranges(struct tw_buf *out, const struct tw_hours_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        say(out, i == 0 ? "" : ", ");
        say_number(out, "d", ranges[i].from);
        if (ranges[i].until != ranges[i].from) {
            say(out, " to ");
            say_number(out, "d", ranges[i].until);
        }
    }
}

void tw_hours_words(const struct tw_hours *hours, const char *zone, struct tw_buf *out)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                         "jul", "aug", "sep", "oct", "nov", "dec"};
    size_t begin = out->len;
    say_bits(out, hours->weekdays, days, 7);
    for (size_t i = 0; i < hours->time_count; i++) {
        say(out, i > 0 ? ", " : (out->len > begin ? " " : ""));
        say_clock(out, hours->times[i].from);
        say(out, " to ");
        say_clock(out, hours->times[i].until);
    }
    if (hours->day_count > 0) {
        say(out, out->len > begin ? ", day " : "day ");
        say_ranges(out, hours->days, hours->day_count);
    }
    if (hours->months != 0) {
        say(out, out->len > begin ? ", " : "");
        say_bits(out, hours->months, months, 12);
    }
    if (hours->year_count > 0) {
        say(out, out->len > begin ? ", " : "");
        say_ranges(out, hours->years, hours->year_count);
    }
    say(out, out->len == begin ? "always" : "");
    say(out, " ");
    say(out, zone == NULL ? "UTC" : zone);
}
