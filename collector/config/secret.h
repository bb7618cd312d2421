/* SPDX-License-Identifier: Apache-2.0
 * Secrets of the configuration: from files that others cannot read, or from the environment. What
 * was read is never part of a message.
 * Thread: main's, at the start and at SIGHUP (nothing in the program changes the environment).
 */
#ifndef TW_CONFIG_SECRET_H
#define TW_CONFIG_SECRET_H

#include <stdbool.h>

#include "core/err.h"

#define TW_SECRET_MAX 4096 /* bytes */

/* The file without blanks and ends of lines at its end; owned by the caller (tw_secret_free).
 * TW_EINVAL with the diag saying why: it cannot be read, is no regular file, may be read by others,
 * is empty, too long, or holds control characters. TW_ENOMEM. */
int tw_secret_read(const char *path, char **ret_secret, struct tw_diag *diag);
/* "${env:NAME}", the whole of it. */
bool tw_secret_is_reference(const char *text);
/* What such a reference names; TW_EINVAL: no such variable, or as above. */
int tw_secret_resolve(const char *text, char **ret_secret, struct tw_diag *diag);
/* Overwrites it before. */
void tw_secret_free(char **secret_p);

#endif
