/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "agent_message.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- time ---- */

/* `count` digits; moves on. -1: there are not so many. */
static int take_digits(const char **at, int count)
{
    int number = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return -1;
        }
        number = number * 10 + (**at - '0');
    }
    return number;
}

static bool take(const char **at, char wanted)
{
    bool is_there = **at == wanted;
    *at += is_there ? 1 : 0;
    return is_there;
}

/* The zone at the end, as minutes east of UTC. */
static bool take_zone(const char **at, int *ret_minutes)
{
    bool is_west = **at == '-';
    *ret_minutes = 0;
    if (take(at, 'Z') || take(at, 'z')) {
        return true;
    }
    if (!take(at, '+') && !take(at, '-')) {
        return false;
    }
    int hours = take_digits(at, 2);
    bool has_colon = hours >= 0 && take(at, ':');
    int minutes = has_colon ? take_digits(at, 2) : -1;
    if (minutes < 0 || hours > 23 || minutes > 59) {
        return false;
    }
    *ret_minutes = (is_west ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

/* The decimals of a second, as milliseconds. */
static int take_fraction(const char **at)
{
    int ms = 0;
    int scale = 100;
    if (!take(at, '.')) {
        return 0;
    }
    if (**at < '0' || **at > '9') {
        return -1;
    }
    for (; **at >= '0' && **at <= '9'; (*at)++, scale /= 10) {
        ms += (**at - '0') * scale;
    }
    return ms;
}

bool twc_time_read(const char *text, int64_t *ret_ms)
{
    static const char behind[] = "--T::"; /* year-month-dayThour:minute:second */
    int part[6];
    const char *at = text;
    int zone = 0;
    for (int i = 0; i < 6; i++) {
        part[i] = take_digits(&at, i == 0 ? 4 : 2);
        if (part[i] < 0) {
            return false;
        }
        bool is_separated =
            i == 5 || take(&at, behind[i]) || (i == 2 && (take(&at, 't') || take(&at, ' ')));
        if (!is_separated) {
            return false;
        }
    }
    int ms = take_fraction(&at);
    if (ms < 0 || !take_zone(&at, &zone) || *at != 0 || part[1] < 1 || part[1] > 12 ||
        part[2] < 1 || part[2] > 31 || part[3] > 23 || part[4] > 59 || part[5] > 60) {
        return false;
    }
    struct tm broken = {.tm_year = part[0] - 1900,
                        .tm_mon = part[1] - 1,
                        .tm_mday = part[2],
                        .tm_hour = part[3],
                        .tm_min = part[4],
                        .tm_sec = part[5]};
    *ret_ms = ((int64_t)timegm(&broken) - (int64_t)zone * 60) * 1000 + ms;
    return true;
}

/* ---- from the tower ---- */

static bool read_text(struct twc_json object, const char *name, char *out, size_t size)
{
    struct twc_json value = {NULL, 0};
    return twc_json_member(object, name, &value) && twc_json_string(value, out, size) &&
           out[0] != 0;
}

/* A number, or a string of one, as attributes of events may be written. */
static bool read_number(struct twc_json object, const char *name, uint64_t *ret_number)
{
    struct twc_json value = {NULL, 0};
    char text[24];
    if (!twc_json_member(object, name, &value)) {
        return false;
    }
    if (twc_json_string(value, text, sizeof text)) {
        value = (struct twc_json){text, strlen(text)};
    }
    return twc_json_whole(value, ret_number);
}

static bool read_deadline(struct twc_json object, struct twc_message *message)
{
    struct twc_json value = {NULL, 0};
    message->deadline_ms = INT64_MAX;
    if (!twc_json_member(object, "deadline", &value) ||
        (value.len == 4 && memcmp(value.at, "null", 4) == 0)) {
        return true;
    }
    return twc_json_string(value, message->deadline, sizeof message->deadline) &&
           twc_time_read(message->deadline, &message->deadline_ms);
}

/* The event must say itself which replay it belongs to: its consequences carry it on. */
static bool is_marked(const struct twc_message *message)
{
    char replayid[TILLWATCH_NAME_BYTES + 1];
    uint64_t attempt = 0;
    return read_text(message->event, "replayid", replayid, sizeof replayid) &&
           strcmp(replayid, message->replayid) == 0 &&
           read_number(message->event, "attempt", &attempt) && attempt == message->attempt;
}

static void read_replay(struct twc_json object, struct twc_message *message)
{
    if (!read_text(object, "replayid", message->replayid, sizeof message->replayid) ||
        !read_number(object, "attempt", &message->attempt) || message->attempt == 0) {
        return; /* nobody could be told */
    }
    message->op = TWC_OP_REPLAY;
    if (!read_text(object, "idempotencykey", message->key, sizeof message->key)) {
        message->key[0] = 0;
        message->fault = "malformed: idempotencykey is missing, empty, too long or no string";
    } else if (!read_text(object, "destination", message->destination,
                          sizeof message->destination)) {
        message->fault = "malformed: destination is missing, empty, too long or no string";
    } else if (!read_deadline(object, message)) {
        message->fault = "malformed: deadline is not RFC 3339";
    } else if (!twc_json_member(object, "event", &message->event) ||
               !twc_json_is_object(message->event)) {
        message->fault = "malformed: event is missing or no object";
    } else if (!is_marked(message)) {
        message->fault = "malformed: the event does not carry this replayid and attempt";
    }
}

static void read_welcome(struct twc_json object, struct twc_message *message)
{
    struct twc_json value = {NULL, 0};
    int64_t ms = 0;
    message->op = TWC_OP_WELCOME;
    message->heartbeat_ms = TWC_HEARTBEAT_MS;
    if (twc_json_member(object, "heartbeat", &value) && twc_json_seconds(value, &ms)) {
        ms = ms < TWC_HEARTBEAT_MIN_MS ? TWC_HEARTBEAT_MIN_MS : ms;
        message->heartbeat_ms = ms > TWC_HEARTBEAT_MAX_MS ? TWC_HEARTBEAT_MAX_MS : ms;
    }
}

void twc_message_read(const char *text, size_t len, struct twc_message *ret_message)
{
    struct twc_json object = {text, len};
    char op[32];
    *ret_message = (struct twc_message){.op = TWC_OP_MALFORMED};
    if (!twc_json_is_valid(text, len) || !twc_json_is_object(object) ||
        !read_text(object, "op", op, sizeof op)) {
        return;
    }
    if (strcmp(op, "replay") == 0) {
        read_replay(object, ret_message);
    } else if (strcmp(op, "welcome") == 0) {
        read_welcome(object, ret_message);
    } else {
        ret_message->op = strcmp(op, "ping") == 0 ? TWC_OP_PING : TWC_OP_UNKNOWN;
    }
}

/* ---- to the tower ---- */

static size_t put(char *out, size_t len, const char *text)
{
    size_t text_len = strlen(text);
    memcpy(out + len, text, text_len);
    return len + text_len;
}

size_t twc_hello_write(char out[TWC_HELLO_BYTES], const char *agent, const char *const *systems,
                       size_t system_count, unsigned capacity)
{
    size_t len = put(out, 0, "{\"op\":\"hello\",\"agent\":");
    len += twc_json_put(out + len, agent);
    len = put(out, len, ",\"systems\":[");
    for (size_t i = 0; i < system_count; i++) {
        len = put(out, len, i == 0 ? "" : ",");
        len += twc_json_put(out + len, systems[i]);
    }
    int n = snprintf(out + len, TWC_HELLO_BYTES - len, "],\"capacity\":%u}", capacity);
    return len + (size_t)n; /* there is room for it: TWC_HELLO_BYTES */
}

size_t twc_answer_write(char out[TWC_ANSWER_BYTES], const char *replayid, uint64_t attempt,
                        int verdict, const char *reason)
{
    bool is_refused = verdict == TILLWATCH_REFUSE;
    size_t len = put(out, 0, is_refused ? "{\"op\":\"refused\"" : "{\"op\":\"accepted\"");
    len = put(out, len, ",\"replayid\":");
    len += twc_json_put(out + len, replayid);
    int n = snprintf(out + len, TWC_ANSWER_BYTES - len, ",\"attempt\":%llu",
                     (unsigned long long)attempt);
    len += (size_t)n;
    if (is_refused) {
        len = put(out, len, ",\"reason\":");
        len += twc_json_put(out + len, reason);
    }
    return put(out, len, "}");
}

void twc_reason_copy(char out[TILLWATCH_REASON_BYTES], const char *reason)
{
    size_t len = 0;
    size_t left = reason == NULL ? 0 : strlen(reason);
    while (left > 0) {
        size_t n = twc_utf8_len(reason, left);
        if (len + (n == 0 ? 1 : n) >= TILLWATCH_REASON_BYTES) {
            break;
        }
        if (n == 0 || (uint8_t)*reason < 0x20 || *reason == 0x7f) {
            out[len++] = n == 0 ? '?' : ' ';
            n = 1;
        } else {
            memcpy(out + len, reason, n);
            len += n;
        }
        reason += n;
        left -= n;
    }
    out[len] = 0;
}
