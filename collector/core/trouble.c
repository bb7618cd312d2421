/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "core/trouble.h"

#include <pthread.h>

static pthread_mutex_t mtx = PTHREAD_MUTEX_INITIALIZER;
static struct tw_diag texts[TW_TROUBLE_COUNT]; /* guarded by mtx; "": none */

void tw_trouble_set(enum tw_trouble who, const char *text)
{
    (void)pthread_mutex_lock(&mtx); /* cannot fail: locked once */
    if (text == NULL) {
        texts[who].text[0] = '\0';
    } else {
        (void)tw_diag_set(&texts[who], TW_EIO, "%s", text); /* its code is of no use here */
    }
    (void)pthread_mutex_unlock(&mtx);
}

bool tw_trouble_get(enum tw_trouble who, struct tw_diag *ret_why)
{
    (void)pthread_mutex_lock(&mtx); /* cannot fail: locked once */
    *ret_why = texts[who];
    (void)pthread_mutex_unlock(&mtx);
    return ret_why->text[0] != '\0';
}
