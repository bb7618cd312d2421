/* SPDX-License-Identifier: Apache-2.0
 * From what is known of a failure to its verdict. Runs in intake for every event that failed, so it
 * allocates nothing and its time has a bound: rules x patterns x bytes that are looked at.
 */
#include "config.h"
#include "causes/internal.h"

#include <strings.h>

#define NONE SIZE_MAX

/* ---- patterns ---- */

size_t tw_cause_fold(struct tw_str text, char *to, size_t room)
{
    size_t len = text.len < room ? text.len : room;
    for (size_t i = 0; i < len; i++) {
        char c = text.ptr[i];
        to[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    return len;
}

/* Behind the character at `at`: the bytes that continue it in UTF-8 belong to it. */
static size_t behind(struct tw_str text, size_t at)
{
    for (at++; at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80; at++) {
    }
    return at;
}

/* The next place from `at` on where what follows the star could begin. */
static size_t next_start(struct tw_str text, size_t at, struct tw_str rest)
{
    if (rest.len == 0 || rest.ptr[0] == '?' || rest.ptr[0] == '*' || at >= text.len) {
        return at;
    }
    const char *found = memchr(text.ptr + at, rest.ptr[0], text.len - at);
    return found == NULL ? text.len : (size_t)(found - text.ptr);
}

/* Both in lower case. A star takes as little as it can; when what follows does not fit, the last
 * star alone takes one more, since whatever an earlier one could take, the last one can too. So it
 * never goes back behind a star: bytes of the text times bytes of the pattern at most. */
static bool fits(struct tw_str pattern, struct tw_str text)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = NONE;
    size_t taken = 0; /* the last star takes up to here */
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            if (p == pattern.len) {
                return true;
            }
            taken = next_start(text, t, (struct tw_str){pattern.ptr + p, pattern.len - p});
            t = taken;
        } else if (p < pattern.len && pattern.ptr[p] == '?') {
            p++;
            t = behind(text, t);
        } else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
            p++;
            t++;
        } else if (star != NONE) {
            p = star + 1;
            taken = next_start(text, taken + 1, (struct tw_str){pattern.ptr + p, pattern.len - p});
            t = taken;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*') {
        p++;
    }
    return p == pattern.len;
}

bool tw_causes_glob(struct tw_str pattern, struct tw_str text)
{
    char folded[TW_CAUSES_MESSAGE_MAX];
    size_t len = tw_cause_fold(text, folded, sizeof folded);
    return fits(pattern, (struct tw_str){folded, len});
}

/* ---- statuses ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

unsigned tw_causes_status(struct tw_str text)
{
    if (text.len != 3 || !is_digit(text.ptr[0]) || !is_digit(text.ptr[1]) ||
        !is_digit(text.ptr[2])) {
        return 0;
    }
    unsigned status = (unsigned)(text.ptr[0] - '0') * 100 + (unsigned)(text.ptr[1] - '0') * 10 +
                      (unsigned)(text.ptr[2] - '0');
    return status >= TW_CAUSES_STATUS_MIN && status <= TW_CAUSES_STATUS_MAX ? status : 0;
}

unsigned tw_causes_status_of_code(struct tw_str code)
{
    static const struct tw_str word = {"http", 4};
    if (code.len > word.len && strncasecmp(code.ptr, word.ptr, word.len) == 0) {
        code = (struct tw_str){code.ptr + word.len, code.len - word.len};
        if (memchr(" _-", code.ptr[0], 3) != NULL) {
            code = (struct tw_str){code.ptr + 1, code.len - 1};
        }
    }
    unsigned status = tw_causes_status(code);
    return status >= 400 ? status : 0;
}

bool tw_cause_read_status(const char *text, uint64_t *statuses)
{
    bool is_class =
        strlen(text) == 3 && text[0] >= '1' && text[0] <= '5' && strcasecmp(text + 1, "xx") == 0;
    unsigned first = is_class ? (unsigned)(text[0] - '0') * 100 : tw_causes_status(tw_str_of(text));
    unsigned last = is_class ? first + 99 : first;
    for (unsigned i = first; first != 0 && statuses != NULL && i <= last; i++) {
        statuses[(i - TW_CAUSES_STATUS_MIN) / 64] |= UINT64_C(1) << (i - TW_CAUSES_STATUS_MIN) % 64;
    }
    return first != 0;
}

/* ---- facts ---- */

void tw_causes_facts(const struct tw_event *event, struct tw_failure_facts *ret_facts)
{
    struct tw_str said = tw_event_attribute(event, TW_STR_LIT("httpstatus"));
    unsigned status = said.len == 0 ? 0 : tw_causes_status(said);
    *ret_facts = (struct tw_failure_facts){
        .system = event->attr[TW_ATTR_SYSTEM],
        .type = event->attr[TW_ATTR_TYPE],
        .code = event->attr[TW_ATTR_ERRORCODE],
        .status = status != 0 ? status : tw_causes_status_of_code(event->attr[TW_ATTR_ERRORCODE]),
        .message = event->attr[TW_ATTR_ERRORMESSAGE],
        .errorclass = event->attr[TW_ATTR_ERRORCLASS],
    };
}

enum tw_cause tw_causes_of_class(struct tw_str errorclass)
{
    enum tw_cause cause = tw_cause_find(errorclass);
    return cause == TW_CAUSE_NONE ? TW_CAUSE_UNKNOWN : cause;
}

/* The cause that the event names; UNKNOWN: it names none. A step that is missing is found by the
 * tower: no event can say it. */
static enum tw_cause named_by(struct tw_str errorclass)
{
    enum tw_cause cause = tw_causes_of_class(errorclass);
    return cause == TW_CAUSE_MISSING ? TW_CAUSE_UNKNOWN : cause;
}

/* ---- rules ---- */

/* The facts in lower case. */
struct folded {
    struct tw_str texts[TW_CAUSE_CONDITIONS];
    unsigned status;
    char bytes[4][TW_CAUSES_TEXT_BYTES];
    char message[TW_CAUSES_MESSAGE_MAX];
};

static void fold(struct folded *self, const struct tw_failure_facts *facts)
{
    const struct tw_str texts[] = {[TW_CAUSE_WHEN_SYSTEM] = facts->system,
                                   [TW_CAUSE_WHEN_TYPE] = facts->type,
                                   [TW_CAUSE_WHEN_CODE] = facts->code,
                                   [TW_CAUSE_WHEN_CLASS] = facts->errorclass};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t len = tw_cause_fold(texts[i], self->bytes[i], sizeof self->bytes[i]);
        self->texts[i] = (struct tw_str){self->bytes[i], len};
    }
    size_t len = tw_cause_fold(facts->message, self->message, sizeof self->message);
    self->texts[TW_CAUSE_WHEN_MESSAGE] = (struct tw_str){self->message, len};
    self->texts[TW_CAUSE_WHEN_STATUS] = TW_STR_NULL;
    self->status = facts->status;
}

static bool has_status(const struct tw_cause_matcher *matcher, unsigned status)
{
    unsigned bit = status - TW_CAUSES_STATUS_MIN; /* wraps far above for less */
    return bit <= TW_CAUSES_STATUS_MAX - TW_CAUSES_STATUS_MIN &&
           (matcher->statuses[bit / 64] >> bit % 64 & 1) != 0;
}

/* One of the patterns fits; what is not there fits none. */
static bool holds(const struct tw_cause_rule *rule, const struct tw_cause_matcher *matcher,
                  const struct folded *facts, unsigned condition)
{
    if (condition == TW_CAUSE_WHEN_STATUS) {
        return has_status(matcher, facts->status);
    }
    struct tw_str text = facts->texts[condition];
    for (size_t i = 0; i < rule->when[condition].count && text.len > 0; i++) {
        if (fits(matcher->patterns[condition][i], text)) {
            return true;
        }
    }
    return false;
}

static bool takes(const struct tw_cause_rule *rule, const struct tw_cause_matcher *matcher,
                  const struct folded *facts)
{
    for (unsigned condition = 0; condition < TW_CAUSE_CONDITIONS; condition++) {
        if (rule->when[condition].count > 0 && !holds(rule, matcher, facts, condition)) {
            return false;
        }
    }
    return true;
}

/* The code as a label: its first characters. */
static struct tw_str label_of_code(struct tw_str code)
{
    size_t len = 0;
    if (code.len == 0) {
        return TW_STR_LIT("");
    }
    for (unsigned i = 0; i < TW_CAUSES_LABEL_MAX && len < code.len; i++) {
        len = behind(code, len);
    }
    /* Bytes that are no UTF-8 can make a "character" of any length. */
    size_t most = (size_t)4 * TW_CAUSES_LABEL_MAX;
    return (struct tw_str){code.ptr, len < most ? len : most};
}

void tw_causes_classify_from(const struct tw_causes *self, size_t first,
                             const struct tw_failure_facts *facts,
                             struct tw_cause_verdict *ret_verdict)
{
    enum tw_cause named = named_by(facts->errorclass);
    *ret_verdict =
        (struct tw_cause_verdict){.cause = named, .label = label_of_code(facts->code), .index = -1};
    if (self == NULL || first >= self->count) {
        return;
    }
    const struct tw_cause_matcher *matchers = tw_causes_holder_of(self)->matchers;
    struct folded folded;
    fold(&folded, facts);
    for (size_t i = first; i < self->count; i++) {
        const struct tw_cause_rule *rule = &self->items[i];
        if (takes(rule, &matchers[i], &folded)) {
            bool decides = named == TW_CAUSE_UNKNOWN || rule->when[TW_CAUSE_WHEN_CLASS].count > 0;
            *ret_verdict = (struct tw_cause_verdict){.cause = decides ? rule->cause : named,
                                                     .label = tw_str_of(rule->label),
                                                     .rule = rule->name,
                                                     .owner = rule->owner,
                                                     .runbook = rule->runbook,
                                                     .index = (int)i};
            return;
        }
    }
}

void tw_causes_classify(const struct tw_causes *self, const struct tw_failure_facts *facts,
                        struct tw_cause_verdict *ret_verdict)
{
    tw_causes_classify_from(self, 0, facts, ret_verdict);
}

void tw_causes_count(const struct tw_causes *self, int index)
{
    if (self != NULL && index >= 0 && (size_t)index < self->count) {
        (void)atomic_fetch_add_explicit(&tw_causes_holder_of(self)->counts[index], 1,
                                        memory_order_relaxed);
    }
}

void tw_causes_start_count(const struct tw_causes *self)
{
    atomic_store_explicit(&tw_causes_holder_of(self)->is_counting, true, memory_order_relaxed);
}

bool tw_causes_is_counting(const struct tw_causes *self)
{
    return atomic_load_explicit(&tw_causes_holder_of(self)->is_counting, memory_order_relaxed);
}

uint64_t tw_causes_counted(const struct tw_causes *self, int index)
{
    return index < 0 || (size_t)index >= self->count
               ? 0
               : atomic_load_explicit(&tw_causes_holder_of(self)->counts[index],
                                      memory_order_relaxed);
}
