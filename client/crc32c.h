/* SPDX-License-Identifier: Apache-2.0
 * CRC-32C (Castagnoli), as iSCSI has it: RFC 3720, section 12.1. Thread: any.
 */
#ifndef TILLWATCH_CRC32C_H
#define TILLWATCH_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what came before (0 at first) and `len` more bytes. */
uint32_t twc_crc32c(uint32_t crc, const void *bytes, size_t len);

#endif
