/* SPDX-License-Identifier: Apache-2.0
 * Who was let in and who was kept out, for people: `clients.json` in the directory of the store,
 * written anew when something has changed, read by the web half.
 * Thread:  main's; the handlers are asked under their locks, for a moment.
 * Fails:   what cannot be written is logged once, and tried with the next change; nobody waits.
 * Source:  docs/reference/store.md, "clients.json".
 */
#ifndef TW_CURVE_CENSUS_H
#define TW_CURVE_CENSUS_H

#include "core/clock.h"
#include "curve/zap.h"

#define TW_CENSUS_NAME     "clients.json"
#define TW_CENSUS_EVERY_NS TW_NS_PER_S

struct tw_census {
    tw_wall_t since;  /* when counting began */
    tw_mono_t looked; /* at the handlers */
    uint64_t changes; /* that were written */
    bool is_written;
    bool has_failed; /* it was told */
};

/* Write it, if something has changed since and a second has passed; without any handler it is
 * removed. */
void tw_census_look(struct tw_census *self, const char *dir, tw_mono_t now);

#endif
