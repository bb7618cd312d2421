/* SPDX-License-Identifier: Apache-2.0
 * The clients that may connect to a socket with CURVE: NAME.pub files of one directory.
 * A file holds the public key alone (Z85, 40 characters) or is a ZPL certificate with a line
 * `public-key = "..."` as czmq and pyzmq write it. NAME is the user id of the client.
 * Thread:  a list is built by one thread and const from then on.
 * Limits:  TW_CLIENTS_MAX files; a file of 4096 bytes; NAME of 1 to 64 of [A-Za-z0-9._-].
 * Source:  ZeroMQ RFC 26 (CURVE), 27 (ZAP), 32 (Z85), 4 (ZPL).
 */
#ifndef TW_CURVE_CLIENTS_H
#define TW_CURVE_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define TW_CLIENTS_MAX      20000
#define TW_CLIENT_NAME_MAX  64
#define TW_CURVE_KEY_BYTES  32
#define TW_CURVE_KEY_LENGTH 40 /* as Z85 text, without the NUL */

struct tw_client {
    uint8_t key[TW_CURVE_KEY_BYTES];
    char name[TW_CLIENT_NAME_MAX + 1];
    uint64_t admission; /* its number; 0: none yet */
};
struct tw_clients;

/* Read every NAME.pub of `dir`; other files are left alone. TW_OK; TW_EPERM, TW_ENOTFOUND,
 * TW_ESYSTEM (the directory or a file cannot be read); TW_EINVAL (a file is no public key, a name
 * is not allowed, two files have the same key); TW_ELIMIT; TW_ENOMEM. The diag names the file. */
int tw_clients_new(const char *dir, struct tw_clients **ret_clients, struct tw_diag *diag);
void tw_clients_destroy(struct tw_clients **self_p);
size_t tw_clients_count(const struct tw_clients *self);
/* The client with this public key, or NULL. Borrowed until destroy. */
const struct tw_client *tw_clients_find(const struct tw_clients *self,
                                        const uint8_t key[TW_CURVE_KEY_BYTES]);
/* Give each client its number: one that `old` (NULL: nothing) has with the same key and name keeps
 * that, others get the next behind *last_p. How many were kept. Once, before _has. */
size_t tw_clients_adopt(struct tw_clients *self, const struct tw_clients *old, uint64_t *last_p);
/* Some client has this name. */
bool tw_clients_is_name(const struct tw_clients *self, const char *name);
/* Some client has this number. */
bool tw_clients_has(const struct tw_clients *self, uint64_t admission);

/* NAME of NAME.pub: 1 to 64 of [A-Za-z0-9._-], not beginning with a dot. */
bool tw_client_name_is_allowed(const char *name, size_t len);

/* A Z85 key of exactly 40 characters from `text`. TW_OK or TW_EINVAL. */
int tw_curve_key_decode(const char *text, size_t len, uint8_t ret_key[TW_CURVE_KEY_BYTES]);
/* The secret key of a file that nobody but its owner can read: TW_EPERM otherwise. The caller wipes
 * it. Errors as below. */
int tw_curve_secret_read(const char *path, char ret_text[TW_CURVE_KEY_LENGTH + 1],
                         struct tw_diag *diag);
/* Read a key file: the key alone, or a ZPL certificate where `field` ("public-key" or
 * "secret-key") is looked for. Writes the Z85 text, NUL-terminated. Errors as above. */
int tw_curve_key_read(const char *path, const char *field, char ret_text[TW_CURVE_KEY_LENGTH + 1],
                      struct tw_diag *diag);

#endif
