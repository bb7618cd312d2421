/* SPDX-License-Identifier: Apache-2.0
 * A directory for a spool file, and system calls that fail on command: the linker wraps them
 * (tests/local.mk). For test_spool.c and test_client_spool.c. */
#ifndef TW_TEST_SPOOL_PLACE_H
#define TW_TEST_SPOOL_PLACE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SPOOL_DATA_START   128
#define SPOOL_RECORD_BYTES 32
#define NOWHERE            "ipc:///nonexistent/tillwatch" /* a tower that is never there */

extern int failing_calls; /* wrapped calls since fail_call */
extern int failing_syncs; /* fsync and fdatasync among them */

struct place {
    char dir[64];
    char file[96];
};

/* Setup and teardown of cmocka; the state is a struct place. */
int make_place(void **state);
int remove_place(void **state);
size_t read_file(const char *path, uint8_t *bytes, size_t size);
void write_file(const char *path, const uint8_t *bytes, size_t len);
/* A body of `len` bytes that tells its ticket; valid until the next call. */
const char *body_of(uint64_t ticket, size_t len);
/* From now on the wrapped call `number` (from 1) fails with errnum; 0: none does. */
void fail_call(int number, int errnum);
/* Not wrapped. */
ssize_t __real_pwrite(int fd, const void *bytes, size_t len, off_t offset);

#endif
