/* SPDX-License-Identifier: Apache-2.0
 * Who was let in at the sockets and who was kept out, as the collector wrote it last
 * (`clients.json` in the directory of the store).
 * Thread:  any; reads the file anew. Limits:  TW_DOORS_FILE_MAX bytes, TW_DOORS_CLIENTS clients
 * told of one socket, TW_DOORS_MAX sockets. Fails:   a file that is none tells of no socket.
 */
#ifndef TW_WEB_DOORS_H
#define TW_WEB_DOORS_H

#include <jansson.h>

#include "web/metrics.h"

#define TW_DOORS_FILE_MAX (16u << 20)
#define TW_DOORS_CLIENTS  500
#define TW_DOORS_MAX      128

/* {"since", "items": [...]} of docs/reference/api.md, "GET /api/v1/taps"; null: no socket has keys,
 * or the collector has not run yet. A new reference. */
json_t *tw_doors_json(const char *dir);
/* How many were let in and kept out, by socket and reason. */
void tw_doors_metrics(const char *dir, struct tw_metrics *metrics);

#endif
