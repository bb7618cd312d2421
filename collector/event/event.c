/* SPDX-License-Identifier: Apache-2.0
 * The table of attributes and how a name is found in it: on the path of every event, some fifteen
 * times each, hence a hash table. It is filled before main() and read-only afterwards. */
#include "config.h"
#include "event/event.h"

#include "event/bytes.h"
#include "event/internal.h"
#include "event/scan.h"

#define SLOTS 128u /* a power of two, over three times the rows: mostly one look */
_Static_assert(TW_ATTR_COUNT * 3 < SLOTS, "enlarge SLOTS");

static const struct tw_str names[TW_ATTR_COUNT] = {
#define TW_ATTRIBUTE_NAME(name, text) [TW_ATTR_##name] = {(text), sizeof(text) - 1},
    TW_ATTRIBUTES(TW_ATTRIBUTE_NAME)
#undef TW_ATTRIBUTE_NAME
};

static struct {
    uint32_t hash;
    uint32_t attribute; /* + 1; 0: empty */
} slots[SLOTS];

__attribute__((constructor)) static void fill_slots(void)
{
    for (unsigned i = 0; i < TW_ATTR_COUNT; i++) {
        uint32_t hash = tw_name_hash(names[i]);
        uint32_t slot = hash % SLOTS;
        while (slots[slot].attribute != 0) {
            slot = (slot + 1) % SLOTS;
        }
        slots[slot].hash = hash;
        slots[slot].attribute = i + 1;
    }
}

int tw_attribute_find_hashed(struct tw_str name, uint32_t hash)
{
    for (uint32_t slot = hash % SLOTS; slots[slot].attribute != 0; slot = (slot + 1) % SLOTS) {
        uint32_t attribute = slots[slot].attribute - 1;
        if (slots[slot].hash == hash && tw_bytes_same(names[attribute], name)) {
            return (int)attribute;
        }
    }
    return -1;
}

int tw_attribute_find(struct tw_str name)
{
    return tw_attribute_find_hashed(name, tw_name_hash(name));
}

const char *tw_attribute_name(enum tw_attribute attribute)
{
    return names[attribute].ptr;
}

struct tw_str tw_event_attribute(const struct tw_event *event, struct tw_str name)
{
    int attribute = tw_attribute_find(name);
    if (attribute >= 0) {
        return event->attr[attribute];
    }
    for (unsigned i = 0; i < event->extra_count; i++) {
        if (tw_str_equal(event->extras[i].name, name)) {
            return event->extras[i].value;
        }
    }
    return TW_STR_NULL;
}
