/* SPDX-License-Identifier: Apache-2.0
 * What keeps a thread from its work now, where only it knows and its own file cannot be asked:
 * said by the thread, read by who tells people (/status).
 * Thread:  all; one lock, held for a copy.
 * Limits:  a text for each of the threads below.
 */
#ifndef TW_CORE_TROUBLE_H
#define TW_CORE_TROUBLE_H

#include <stdbool.h>

#include "core/err.h"

enum tw_trouble {
    TW_TROUBLE_ALERT,  /* rules are not judged or not written */
    TW_TROUBLE_NOTIFY, /* nobody is told */
    TW_TROUBLE_COUNT
};

/* text: why; NULL: it works again. */
void tw_trouble_set(enum tw_trouble who, const char *text);
/* Why, into ret_why; false: nothing is known to be wrong. */
bool tw_trouble_get(enum tw_trouble who, struct tw_diag *ret_why);

#endif
