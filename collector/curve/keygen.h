/* SPDX-License-Identifier: Apache-2.0
 * CURVE key pairs for the tower and its clients. Thread: any; no state.
 */
#ifndef TW_CURVE_KEYGEN_H
#define TW_CURVE_KEYGEN_H

#include "core/err.h"

/* A fresh pair as Z85 text, NUL-terminated. TW_OK, or TW_ESYSTEM (libzmq without CURVE).
 * The caller wipes the secret. */
int tw_keypair(char ret_public[41], char ret_secret[41]);
/* Make a pair and write DIR/NAME.pub (mode 0644) and DIR/NAME.key (mode 0600), each the key
 * alone and a newline, synced; the directory must exist. An existing file is never overwritten:
 * TW_EEXISTS. Also TW_EINVAL (name: 1 to 64 of A-Z a-z 0-9 . _ -, no dot in front), TW_EPERM,
 * TW_ENOTFOUND, TW_EIO, TW_ESYSTEM; the diag names the file. */
int tw_keypair_write(const char *dir, const char *name, struct tw_diag *diag);

#endif
