/* SPDX-License-Identifier: Apache-2.0
 * Answers in fewer bytes, for those who ask for it: gzip, which every browser and program knows.
 * Files of the interface are packed once at the start (web/static.h), JSON while it is answered.
 * Thread:  plain functions. Limits: those below; what is smaller, or larger, is sent as it is.
 * Source:  RFC 9110, 8.4.1.3 and 12.5.3; RFC 1952. docs/decisions/0061-compression.md has figures.
 */
#ifndef TW_WEB_GZIP_H
#define TW_WEB_GZIP_H

#include "web/response.h"

/* Below it an answer fits one packet anyway. */
#define TW_GZIP_MIN_BYTES 1024u
/* Above it packing would hold a web thread for more than a tenth of a second or so. */
#define TW_GZIP_MAX_BYTES (8u * 1024u * 1024u)

enum tw_gzip_wish {
    TW_GZIP_NO,    /* not asked for, or liked less than plain bytes */
    TW_GZIP_YES,   /* as well as plain bytes, or rather */
    TW_GZIP_ALWAYS /* plain bytes are refused */
};

/* What an Accept-Encoding (absent: none was sent) asks for. */
enum tw_gzip_wish tw_gzip_wish(struct tw_str accept_encoding);

/* Pack at `level` (1 quick to 9 small). TW_OK with bytes of malloc; TW_ELIMIT: not less than nine
 * tenths of what went in; TW_ENOMEM. */
int tw_gzip_pack(struct tw_str bytes, int level, char **ret_bytes, size_t *ret_len);

/* Pack the body of an answer that is text, has no entity tag, and is within the limits; says Vary
 * whether it was packed or not. What cannot be packed stays as it is. */
void tw_gzip_response(struct tw_response *response, struct tw_str accept_encoding);

#endif
