/* SPDX-License-Identifier: Apache-2.0
 * A directory with the tower's key and those of clients, and sockets of clients that use them.
 * Every function fails the running test when something does not work. */
#ifndef TW_TEST_CURVE_KIT_H
#define TW_TEST_CURVE_KIT_H

#include "config/config.h"

#define CURVE_KIT_PATH 128

struct curve_kit {
    char dir[64];
    char server_file[CURVE_KIT_PATH];
    char clients_dir[CURVE_KIT_PATH];
    char server_public[41];
    struct tw_cfg_curve curve; /* of both */
};

void curve_kit_init(struct curve_kit *self);
void curve_kit_fini(struct curve_kit *self);
/* The pair of a client; its public key is among those allowed, until it is taken away. */
void curve_kit_add(const struct curve_kit *self, const char *client);
void curve_kit_take_away(const struct curve_kit *self, const char *client);
void curve_kit_give_back(const struct curve_kit *self, const char *client);
/* Make the socket speak with the keys of this client. */
void curve_kit_use(const struct curve_kit *self, void *socket, const char *client);

#endif
