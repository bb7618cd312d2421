/* SPDX-License-Identifier: Apache-2.0
 * libtillwatch: send events to the acknowledged tap of Tillwatch, and know that they are safe.
 *
 * A sender keeps every message until the tower has acknowledged it: in a window in memory, or, with
 * a spool file, on disk, so that a store that is offline (or restarts) loses nothing. What was not
 * acknowledged is sent again after a reconnect or a time-out; the tower recognises duplicates by
 * source and id, so sending again is harmless.
 *
 * Thread: one thread per sender object. Nothing here logs or exits.
 */
#ifndef TILLWATCH_H
#define TILLWATCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tillwatch_sender tillwatch_sender;

enum tillwatch_result {
    TILLWATCH_OK = 0,
    TILLWATCH_FULL = -1,    /* window or spool is full: poll, then try again */
    TILLWATCH_TIMEOUT = -2, /* not everything was acknowledged in time; nothing is lost */
    TILLWATCH_INVALID = -3, /* an argument is out of its range */
    TILLWATCH_NOMEM = -4,
    TILLWATCH_IO = -5,      /* the spool file: errno says more */
    TILLWATCH_DAMAGED = -6, /* the spool file is not one of ours, or damaged in its middle */
    TILLWATCH_SOCKET = -7   /* ZeroMQ refused the endpoint: zmq_errno says more */
};

struct tillwatch_options {
    const char *endpoint;         /* "tcp://127.0.0.1:8462"; required */
    const char *spool_file;       /* NULL: window in memory only */
    size_t window;                /* messages under way, 1 to 65536; 0: 1024 */
    size_t spool_max_bytes;       /* 0: 1 GiB */
    int resend_ms;                /* send again what was not acknowledged for so long; 0: 5000 */
    const char *curve_server_key; /* Z85, 40 characters; NULL: no CURVE */
    const char *curve_public_key;
    const char *curve_secret_key;
    /* Called from tillwatch_poll/flush/close for each acknowledged message, in order. problem:
     * NULL when accepted, else the tower's problem JSON (quarantined there, not to be sent again).
     * Pointers are borrowed for the call. */
    void (*acknowledged)(void *context, uint64_t ticket, const char *problem, size_t problem_len);
    void *context;
};

struct tillwatch_counts {
    uint64_t sent; /* messages handed to the socket, resends included */
    uint64_t resent;
    uint64_t acknowledged; /* accepted and quarantined */
    uint64_t quarantined;
    uint64_t waiting; /* handed to us and not acknowledged: window and spool */
};

/* Keys for CURVE, as `tillwatch keygen` writes them. */
#define TILLWATCH_CURVE_KEY_BYTES 41 /* Z85 and a NUL */
struct tillwatch_keys {
    char server_key[TILLWATCH_CURVE_KEY_BYTES]; /* "": none were named, connect without CURVE */
    char public_key[TILLWATCH_CURVE_KEY_BYTES];
    char secret_key[TILLWATCH_CURVE_KEY_BYTES];
};
/* The public key of the tower from the file `server`, and the pair CLIENT.pub and CLIENT.key. NULL:
 * what TILLWATCH_SERVER_KEY and TILLWATCH_CLIENT_KEY in the environment name; neither there nor
 * here: no keys, and TILLWATCH_OK. TILLWATCH_INVALID: one of the two alone, a file that holds no
 * key, or a secret key that others than its owner may read; TILLWATCH_IO: errno says more. Of a
 * fault, the file (or what is missing) is written to `ret_where`, if that is not NULL. Call it
 * before another thread changes the environment. */
int tillwatch_keys_read(const char *server, const char *client, struct tillwatch_keys *ret_keys,
                        char *ret_where, size_t where_size);
/* Overwrites them. The options of a sender or an agent are copied when it is opened. */
void tillwatch_keys_wipe(struct tillwatch_keys *keys);

/* Connect (in the background: the tower need not be there). A spool file left by an earlier
 * process is taken up again. */
int tillwatch_open(const struct tillwatch_options *options, tillwatch_sender **ret_sender);
/* Hand over one message: a CloudEvent or a batch as JSON (topic and headers may be NULL). With a
 * spool the message is on disk (fsync) when this returns, unless tillwatch_cork is on. Does not
 * wait for the tower. *ret_ticket (may be NULL) counts 1, 2, 3 per sender. */
int tillwatch_send(tillwatch_sender *self, const char *topic, const char *headers, const void *body,
                   size_t body_len, uint64_t *ret_ticket);
/* Between cork(1) and cork(0) spooled messages are synced once, at cork(0). */
int tillwatch_cork(tillwatch_sender *self, int on);
/* Send what may be sent, take acknowledgements; waits up to timeout_ms for something to do.
 * Returns the number of messages that became acknowledged, or a negative result. */
int tillwatch_poll(tillwatch_sender *self, int timeout_ms);
/* Poll until everything is acknowledged. TILLWATCH_OK or TILLWATCH_TIMEOUT. */
int tillwatch_flush(tillwatch_sender *self, int timeout_ms);
void tillwatch_counts(const tillwatch_sender *self, struct tillwatch_counts *ret_counts);
/* Close without waiting; what is unacknowledged stays in the spool (without one it is lost, so
 * flush first). Accepts NULL; *self_p becomes NULL. */
void tillwatch_close(tillwatch_sender **self_p);
/* The sentence of a result; borrowed for ever. */
const char *tillwatch_text(int result);

#ifdef __cplusplus
}
#endif
#endif
