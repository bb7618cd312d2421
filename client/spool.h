/* SPDX-License-Identifier: Apache-2.0
 * The spool file of a sender: messages in the order they were handed over, kept until they are
 * acknowledged. Internal to libtillwatch.
 *
 * Layout, integers little-endian:
 *   0    64 bytes  "TWSPOOL\n", u32 version 1, u32 where records begin (128), zeros: never changes
 *   64   32 bytes  slot 0: u64 count of slot writes, u64 last ticket acknowledged, zeros, u32 CRC
 *   96   32 bytes  slot 1, the same; written in turn, so that a torn write leaves the other.
 *                  Not synced: an older position only means sending again, which is harmless
 *   128  records   u32 "TWR1", u32 CRC of the 24 bytes behind it, u64 ticket (one more than the
 *                  record before), u32 topic, headers and body length (0xffffffff: absent),
 *                  u32 CRC of the payload; then topic, headers, body
 * CRC is CRC-32C. A record that is cut off by the end of the file, or zeros from a sector's edge to
 * the end of the file, was being written when the machine stopped: it is removed at open, for its
 * tillwatch_send had not returned. Anything else that is wrong is damage.
 *
 * Thread: the sender's. Limits: max_bytes of the whole file. Locks the file (flock) exclusively.
 */
#ifndef TILLWATCH_SPOOL_H
#define TILLWATCH_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#define TWC_ABSENT UINT32_MAX /* length of a frame that is not there */

struct twc_spool;

struct twc_frame {
    const void *bytes;
    uint32_t len; /* or TWC_ABSENT */
};

/* Topic, headers, body. */
enum { TWC_TOPIC, TWC_HEADERS, TWC_BODY, TWC_FRAMES };

struct twc_record {
    uint64_t ticket;
    uint64_t at;   /* position; stays valid over compaction */
    uint64_t next; /* position of the record behind it */
    uint32_t lens[TWC_FRAMES];
    uint32_t payload_crc;
};

/* What waits in the spool. */
struct twc_span {
    uint64_t first_ticket; /* the oldest not acknowledged; == next_ticket: nothing waits */
    uint64_t next_ticket;  /* of the next message */
    uint64_t first_at;     /* position of the oldest */
};

/* All return TILLWATCH_OK or TILLWATCH_IO (errno is set), and what is said. */

/* Open or create. TILLWATCH_DAMAGED: not a spool file, or damaged; it is left as it is.
 * TILLWATCH_IO with errno EBUSY: another sender has it. TILLWATCH_NOMEM. */
int twc_spool_open(const char *path, uint64_t max_bytes, struct twc_spool **ret_spool,
                   struct twc_span *ret_span);
void twc_spool_close(struct twc_spool **self_p);
/* Append behind the last; not synced. TILLWATCH_FULL. After TILLWATCH_IO the file is as before. */
int twc_spool_append(struct twc_spool *self, uint64_t ticket,
                     const struct twc_frame frames[TWC_FRAMES]);
/* Bring all that was appended to the disk. After one failure the spool takes no more messages:
 * the kernel may have forgotten what it could not write. */
int twc_spool_sync(struct twc_spool *self);
/* The record at a position below the end. TILLWATCH_DAMAGED. */
int twc_spool_record(struct twc_spool *self, uint64_t at, struct twc_record *ret_record);
/* Its frames into buffers of their lengths (not touched where absent). TILLWATCH_DAMAGED. */
int twc_spool_read(struct twc_spool *self, const struct twc_record *record,
                   void *const buffers[TWC_FRAMES]);
/* Everything up to `ticket` is acknowledged; the record behind it is, or will be, at `next`. Gives
 * space back when all is acknowledged or more than half of the file is. Never fails: what cannot
 * be noted or given back now is later. */
void twc_spool_acknowledge(struct twc_spool *self, uint64_t ticket, uint64_t next);
/* Bytes of the file. */
uint64_t twc_spool_bytes(const struct twc_spool *self);

#endif
