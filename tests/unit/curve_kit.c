/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unit/curve_kit.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "curve/clients.h"
#include "curve/keygen.h"

static void path_of(const struct curve_kit *self, const char *dir, const char *client,
                    const char *ending, char ret_path[2 * CURVE_KIT_PATH])
{
    (void)snprintf(ret_path, 2 * CURVE_KIT_PATH, "%s%s/%s%s", self->dir, dir, client, ending);
}

void curve_kit_init(struct curve_kit *self)
{
    struct tw_diag diag = {.text = ""};
    char path[2 * CURVE_KIT_PATH];
    (void)snprintf(self->dir, sizeof self->dir, "/tmp/tw-keys-XXXXXX");
    assert_non_null(mkdtemp(self->dir));
    (void)snprintf(self->clients_dir, CURVE_KIT_PATH, "%s/clients", self->dir);
    (void)snprintf(self->server_file, CURVE_KIT_PATH, "%s/tower.key", self->dir);
    assert_int_equal(mkdir(self->clients_dir, 0700), 0);
    assert_int_equal(tw_keypair_write(self->dir, "tower", &diag), TW_OK);
    path_of(self, "", "tower", ".pub", path);
    assert_int_equal(tw_curve_key_read(path, "public-key", self->server_public, &diag), TW_OK);
    self->curve.server_key_file = self->server_file;
    self->curve.clients_dir = self->clients_dir;
}

static void empty(const char *dir)
{
    DIR *stream = opendir(dir);
    const struct dirent *entry = NULL;
    assert_non_null(stream);
    while ((entry = readdir(stream)) != NULL) {
        char path[2 * CURVE_KIT_PATH + 256];
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "clients") != 0) {
            assert_int_equal(unlink(path), 0);
        }
    }
    assert_int_equal(closedir(stream), 0);
}

void curve_kit_fini(struct curve_kit *self)
{
    empty(self->clients_dir);
    empty(self->dir);
    assert_int_equal(rmdir(self->clients_dir), 0);
    assert_int_equal(rmdir(self->dir), 0);
}

static void move(const struct curve_kit *self, const char *from, const char *to, const char *client)
{
    char before[2 * CURVE_KIT_PATH];
    char after[2 * CURVE_KIT_PATH];
    path_of(self, from, client, ".pub", before);
    path_of(self, to, client, ".pub", after);
    assert_int_equal(rename(before, after), 0);
}

void curve_kit_add(const struct curve_kit *self, const char *client)
{
    assert_int_equal(tw_keypair_write(self->dir, client, NULL), TW_OK);
    move(self, "", "/clients", client);
}

void curve_kit_take_away(const struct curve_kit *self, const char *client)
{
    move(self, "/clients", "", client);
}

void curve_kit_give_back(const struct curve_kit *self, const char *client)
{
    move(self, "", "/clients", client);
}

void curve_kit_use(const struct curve_kit *self, void *socket, const char *client)
{
    char path[2 * CURVE_KIT_PATH];
    char public_key[41];
    char secret_key[41];
    path_of(self, "", client, ".key", path);
    assert_int_equal(tw_curve_key_read(path, "secret-key", secret_key, NULL), TW_OK);
    assert_int_equal(zmq_curve_public(public_key, secret_key), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, self->server_public, 41), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, 41), 0);
    assert_int_equal(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, 41), 0);
}
