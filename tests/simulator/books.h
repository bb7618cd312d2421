/* SPDX-License-Identifier: Apache-2.0
 * The books of the simulated destinations: which business effects were made, by idempotency key,
 * and the event that said so. In a file too, if wanted: a destination does not forget because an
 * agent dies. Each effect is a line there, {"key":...,"event":...}, written before the answer. A
 * line that does not read was being written when the process was killed, and is passed over.
 * Thread: one. Limits: SIM_BOOKS_MAX effects; the oldest is forgotten.
 */
#ifndef SIM_BOOKS_H
#define SIM_BOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "core/err.h"

#define SIM_BOOKS_MAX 65536u

struct sim_books;

struct sim_effect {
    json_t *event; /* that says so */
    bool is_said;  /* it was, or may have been */
};

/* path NULL: in memory only. TW_OK, TW_ENOMEM, TW_EIO (diag filled). */
int sim_books_open(const char *path, struct sim_books **ret_books, struct tw_diag *diag);
void sim_books_destroy(struct sim_books **self_p);
/* The effect of this key; NULL: it was not made. Borrowed until the next enter. */
struct sim_effect *sim_books_find(const struct sim_books *self, const char *key);
/* An effect was made, and not said yet. TW_OK, TW_ENOMEM, TW_EIO (diag filled). */
int sim_books_enter(struct sim_books *self, const char *key, json_t *event, struct tw_diag *diag);

#endif
