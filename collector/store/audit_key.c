/* SPDX-License-Identifier: Apache-2.0
 * The key of the audit, the hashes made with it, and the file audit.head: one line, "ID HASH MAC",
 * where MAC is a keyed hash of the other two, so that nobody without the key can put the head back
 * to an earlier row.
 */
#include "config.h"
#include "store/audit_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_WAIT_MS  250
#define LOCK_PAUSE_MS 5
#define HEAD_MAX      256 /* bytes of audit.head, more than it ever has */

_Static_assert(TW_AUDIT_KEY_BYTES == crypto_generichash_KEYBYTES, "as BLAKE2b wants it");
_Static_assert(TW_AUDIT_HASH_BYTES == crypto_generichash_BYTES, "as BLAKE2b gives it");

static const char *key_file; /* fixed after start */

void tw_audit_set_key_file(const char *path)
{
    key_file = path;
}

int tw_audit_dir(sqlite3 *db, char *dir, struct tw_diag *diag)
{
    const char *path = sqlite3_db_filename(db, "main");
    const char *slash = path == NULL ? NULL : strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);
    if (slash == NULL || len >= TW_PATH_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "%s: not in a directory", path == NULL ? "" : path);
    }
    memcpy(dir, path, len);
    dir[len] = '\0';
    return TW_OK;
}

/* ---- the key ---- */

static int key_path(const char *dir, char *path, struct tw_diag *diag)
{
    int rc = TW_OK;
    if (key_file == NULL) {
        rc = tw_path_join(dir, TW_AUDIT_KEY_NAME, path);
    } else if (snprintf(path, TW_PATH_MAX, "%s", key_file) >= TW_PATH_MAX) {
        rc = TW_ELIMIT;
    }
    return rc == TW_OK ? TW_OK : tw_diag_set(diag, rc, "%s: path too long", dir);
}

static int check_key(const char *path, int fd, struct tw_diag *diag)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return tw_system_error(diag, path, "read");
    }
    if (!S_ISREG(info.st_mode) || info.st_size != TW_AUDIT_KEY_BYTES) {
        return tw_diag_set(diag, TW_EIO,
                           "%s: not a key of the audit (%d bytes): put the right one back, from a "
                           "backup",
                           path, TW_AUDIT_KEY_BYTES);
    }
    if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        return tw_diag_set(diag, TW_EIO,
                           "%s: others may read or write this key (mode %03o): chmod 600", path,
                           (unsigned)(info.st_mode & 0777));
    }
    return TW_OK;
}

static int read_key(const char *path, int fd, struct tw_audit_key *key, struct tw_diag *diag)
{
    int rc = check_key(path, fd, diag);
    ssize_t got = rc == TW_OK ? pread(fd, key->bytes, sizeof key->bytes, 0) : 0;
    if (rc == TW_OK && got != (ssize_t)sizeof key->bytes) {
        rc = tw_system_error(diag, path, "read");
    }
    return rc;
}

int tw_audit_key_read(const char *dir, struct tw_audit_key *ret_key, bool *ret_is_missing,
                      struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    *ret_key = (struct tw_audit_key){.fd = -1};
    int rc = key_path(dir, path, diag);
    if (rc != TW_OK) {
        return rc;
    }
    ret_key->fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_missing = ret_key->fd < 0 && errno == ENOENT;
    if (ret_is_missing != NULL) {
        *ret_is_missing = is_missing;
    }
    if (is_missing) {
        return tw_diag_set(diag, TW_EIO,
                           "%s: the key of the audit is missing, so nothing can be added to it: "
                           "put it back, from a backup",
                           path);
    }
    return ret_key->fd < 0 ? tw_system_error(diag, path, "open")
                           : read_key(path, ret_key->fd, ret_key, diag);
}

int tw_audit_key_make(const char *dir, struct tw_diag *diag)
{
    struct tw_audit_key key = {.fd = -1};
    char path[TW_PATH_MAX];
    char parent[TW_PATH_MAX];
    char draft[TW_PATH_MAX + 8];
    int rc = key_path(dir, path, diag);
    if (rc != TW_OK) {
        return rc;
    }
    if (sodium_init() < 0) {
        return tw_diag_set(diag, TW_ESYSTEM, "no source of chance");
    }
    (void)snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    (void)snprintf(slash == NULL ? parent : slash, 2, "%s", slash == NULL ? "." : "");
    (void)snprintf(draft, sizeof draft, "%s.tmp", path);
    (void)unlink(draft); /* of an attempt that was cut off */
    key.fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (key.fd < 0) {
        return tw_system_error(diag, draft, "make");
    }
    randombytes_buf(key.bytes, sizeof key.bytes);
    if (write(key.fd, key.bytes, sizeof key.bytes) != (ssize_t)sizeof key.bytes) {
        rc = tw_system_error(diag, draft, "write");
    }
    tw_audit_key_forget(&key);
    return tw_file_publish(rc, parent, draft, path, diag);
}

void tw_audit_key_forget(struct tw_audit_key *key)
{
    sodium_memzero(key->bytes, sizeof key->bytes);
    if (key->fd >= 0) {
        (void)close(key->fd); /* synced when it was written; the lock ends with it */
    }
    key->fd = -1;
}

int tw_audit_key_lock(struct tw_audit_key *key)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * TW_NS_PER_MS};
    for (int i = 0; i < LOCK_WAIT_MS / LOCK_PAUSE_MS; i++) {
        if (flock(key->fd, LOCK_EX | LOCK_NB) == 0) {
            return TW_OK;
        }
        (void)nanosleep(&pause, NULL); /* interrupted: the next try is early */
    }
    return TW_EBUSY;
}

/* ---- hashes ---- */

static void put_le64(uint64_t value, uint8_t *to)
{
    for (int i = 0; i < 8; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static void hash_begin(crypto_generichash_state *state, const struct tw_audit_key *key,
                       const char *what)
{
    /* the calls on a state fail only for lengths, which are fixed here */
    (void)crypto_generichash_init(state, key->bytes, sizeof key->bytes, TW_AUDIT_HASH_BYTES);
    (void)crypto_generichash_update(state, (const unsigned char *)what, strlen(what) + 1);
}

static void hash_number(crypto_generichash_state *state, uint64_t value)
{
    uint8_t bytes[8];
    put_le64(value, bytes);
    (void)crypto_generichash_update(state, bytes, sizeof bytes);
}

/* With its length, so that no byte can move from one field to the next. */
static void hash_text(crypto_generichash_state *state, struct tw_str text)
{
    const uint8_t is_present = text.ptr != NULL;
    (void)crypto_generichash_update(state, &is_present, 1);
    hash_number(state, is_present ? text.len : 0);
    if (is_present && text.len > 0) {
        (void)crypto_generichash_update(state, (const unsigned char *)text.ptr, text.len);
    }
}

void tw_audit_link(const struct tw_audit_key *key, const uint8_t *previous,
                   const struct tw_audit_row *row, uint8_t *ret_hash)
{
    crypto_generichash_state state;
    const struct tw_str texts[] = {row->actor,   row->kind,   row->address, row->action,
                                   row->subject, row->detail, row->reason,  row->outcome};
    hash_begin(&state, key, "tillwatch audit row");
    (void)crypto_generichash_update(&state, previous, TW_AUDIT_HASH_BYTES);
    hash_number(&state, row->id);
    hash_number(&state, (uint64_t)row->at.ns);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        hash_text(&state, texts[i]);
    }
    (void)crypto_generichash_final(&state, ret_hash, TW_AUDIT_HASH_BYTES);
}

void tw_audit_hex(const uint8_t *hash, char *hex)
{
    (void)sodium_bin2hex(hex, TW_AUDIT_HEX_MAX, hash, TW_AUDIT_HASH_BYTES);
}

bool tw_audit_unhex(struct tw_str hex, uint8_t *ret_hash)
{
    size_t len = 0;
    const char *end = NULL;
    return hex.len == TW_AUDIT_HEX_MAX - 1 &&
           sodium_hex2bin(ret_hash, TW_AUDIT_HASH_BYTES, hex.ptr, hex.len, NULL, &len, &end) == 0 &&
           len == TW_AUDIT_HASH_BYTES && end == hex.ptr + hex.len;
}

/* ---- the head ---- */

static void head_mac(const struct tw_audit_key *key, const struct tw_audit_head *head,
                     uint8_t *ret_mac)
{
    crypto_generichash_state state;
    hash_begin(&state, key, "tillwatch audit head");
    hash_number(&state, head->id);
    (void)crypto_generichash_update(&state, head->hash, sizeof head->hash);
    (void)crypto_generichash_final(&state, ret_mac, TW_AUDIT_HASH_BYTES);
}

static bool parse_head(const char *text, struct tw_audit_head *head, uint8_t *mac)
{
    char *end = NULL;
    size_t len = strlen(text);
    errno = 0;
    unsigned long long id = strtoull(text, &end, 10);
    size_t digits = (size_t)(end - text);
    const size_t hex = TW_AUDIT_HEX_MAX - 1;
    if (errno != 0 || digits == 0 || text[0] < '0' || text[0] > '9' ||
        len != digits + 2 * (hex + 1) + 1 || text[digits] != ' ' || text[digits + 1 + hex] != ' ' ||
        text[len - 1] != '\n') {
        return false;
    }
    head->id = id;
    return tw_audit_unhex((struct tw_str){text + digits + 1, hex}, head->hash) &&
           tw_audit_unhex((struct tw_str){text + digits + 2 + hex, hex}, mac);
}

int tw_audit_head_read(const char *dir, const struct tw_audit_key *key,
                       struct tw_audit_head *ret_head, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    char text[HEAD_MAX] = "";
    uint8_t mac[TW_AUDIT_HASH_BYTES] = {0};
    uint8_t wanted[TW_AUDIT_HASH_BYTES] = {0};
    struct tw_audit_head head = {0};
    int rc = tw_path_join(dir, TW_AUDIT_HEAD_NAME, path);
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "%s: path too long", dir);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? TW_ENOTFOUND : tw_system_error(diag, path, "open");
    }
    ssize_t got = read(fd, text, sizeof text - 1);
    rc = got < 0 ? tw_system_error(diag, path, "read") : TW_OK;
    (void)close(fd); /* only read */
    if (rc != TW_OK) {
        return rc;
    }
    bool is_ours = strlen(text) == (size_t)got && parse_head(text, &head, mac);
    head_mac(key, &head, wanted);
    if (!is_ours || sodium_memcmp(mac, wanted, sizeof mac) != 0) {
        return tw_diag_set(diag, TW_EDAMAGED, "%s: not what was written here with this key", path);
    }
    *ret_head = head;
    return TW_OK;
}

int tw_audit_head_write(const char *dir, const struct tw_audit_key *key,
                        const struct tw_audit_head *head, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    char draft[TW_PATH_MAX];
    char hash[TW_AUDIT_HEX_MAX];
    char mac_hex[TW_AUDIT_HEX_MAX];
    char text[HEAD_MAX];
    uint8_t mac[TW_AUDIT_HASH_BYTES];
    int rc = tw_path_join(dir, TW_AUDIT_HEAD_NAME, path);
    rc = rc == TW_OK ? tw_path_join(dir, TW_AUDIT_HEAD_NAME ".tmp", draft) : rc;
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "%s: path too long", dir);
    }
    head_mac(key, head, mac);
    tw_audit_hex(head->hash, hash);
    tw_audit_hex(mac, mac_hex);
    int len =
        snprintf(text, sizeof text, "%llu %s %s\n", (unsigned long long)head->id, hash, mac_hex);
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return tw_system_error(diag, draft, "make");
    }
    if (write(fd, text, (size_t)len) != len) {
        rc = tw_system_error(diag, draft, "write");
    }
    (void)close(fd); /* tw_file_publish syncs it */
    return tw_file_publish(rc, dir, draft, path, diag);
}
