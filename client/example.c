/* SPDX-License-Identifier: Apache-2.0
 * A till that sells something and makes sure that the tower knows: what libtillwatch is for.
 *
 *     cc example.c -o example $(pkg-config --cflags --libs --static libtillwatch libzmq)
 *     ./example tcp://127.0.0.1:8462 /var/spool/till-3.spool
 *
 * Stop it, stop the tower, start either again: no sale is lost and none is counted twice. */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <tillwatch.h>

/* Called from tillwatch_flush for each sale that the tower has stored, in order. */
static void on_acknowledged(void *context, uint64_t ticket, const char *problem, size_t problem_len)
{
    unsigned *count = context;
    (*count)++;
    if (problem == NULL) {
        printf("%" PRIu64 " is safe\n", ticket);
    } else {
        /* The tower keeps it for a person to look at: sending it again would not help. */
        printf("%" PRIu64 " is in quarantine: %.*s\n", ticket, (int)problem_len, problem);
    }
}

/* A CloudEvent. `source` and `id` are its identity: made once, kept with the sale, sent as often
 * as need be. Here the time serves as the number of the sale. */
static int sell(tillwatch_sender *sender, int line)
{
    char event[512];
    struct timespec now = {0};
    struct tm utc = {0};
    char when[32];
    if (clock_gettime(CLOCK_REALTIME, &now) != 0 || gmtime_r(&now.tv_sec, &utc) == NULL ||
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0) {
        return TILLWATCH_INVALID;
    }
    int len = snprintf(event, sizeof event,
                       "{\"specversion\":\"1.0\",\"id\":\"sale-%lld-%d\","
                       "\"source\":\"/pos/store-0042/till-3\",\"type\":\"pos.sale.completed\","
                       "\"time\":\"%s\",\"storeid\":\"0042\",\"registerid\":\"3\","
                       "\"transactionid\":\"%lld%d\",\"amount\":\"12.99\",\"currency\":\"EUR\"}",
                       (long long)now.tv_sec, line, when, (long long)now.tv_sec, line);
    if (len < 0 || (size_t)len >= sizeof event) {
        return TILLWATCH_INVALID;
    }
    return tillwatch_send(sender, "pos.sale", NULL, event, (size_t)len, NULL);
}

int main(int argc, char **argv)
{
    unsigned acknowledged = 0;
    struct tillwatch_options options = {
        .endpoint = argc > 1 ? argv[1] : "tcp://127.0.0.1:8462",
        .spool_file = argc > 2 ? argv[2] : "till.spool",
        .acknowledged = on_acknowledged,
        .context = &acknowledged,
    };
    /* TILLWATCH_SERVER_KEY and TILLWATCH_CLIENT_KEY name the keys where the tower wants some. */
    struct tillwatch_keys keys;
    char where[256];
    if (tillwatch_keys_read(NULL, NULL, &keys, where, sizeof where) != TILLWATCH_OK) {
        fprintf(stderr, "%s: no key that can be used\n", where);
        return 1;
    }
    if (keys.server_key[0] != 0) {
        options.curve_server_key = keys.server_key;
        options.curve_public_key = keys.public_key;
        options.curve_secret_key = keys.secret_key;
    }
    tillwatch_sender *sender = NULL;
    int rc = tillwatch_open(&options, &sender);
    tillwatch_keys_wipe(&keys);
    if (rc != TILLWATCH_OK) {
        fprintf(stderr, "%s: %s\n", options.spool_file, tillwatch_text(rc));
        return 1;
    }
    /* Three lines of one receipt: on disk, with one sync, when cork(0) returns. */
    rc = tillwatch_cork(sender, 1);
    for (int line = 1; line <= 3 && rc == TILLWATCH_OK; line++) {
        rc = sell(sender, line);
    }
    int synced = tillwatch_cork(sender, 0);
    rc = rc == TILLWATCH_OK ? synced : rc;
    if (rc != TILLWATCH_OK) {
        fprintf(stderr, "not taken, keep the sale: %s\n", tillwatch_text(rc));
        tillwatch_close(&sender);
        return 1;
    }
    /* A real till goes on selling and calls tillwatch_poll(sender, 0) now and then. */
    rc = tillwatch_flush(sender, 5000);
    if (rc == TILLWATCH_TIMEOUT) {
        struct tillwatch_counts counts;
        tillwatch_counts(sender, &counts);
        printf("no tower: %" PRIu64 " messages wait in %s for the next run\n", counts.waiting,
               options.spool_file);
    } else if (rc != TILLWATCH_OK) {
        fprintf(stderr, "%s\n", tillwatch_text(rc));
    }
    tillwatch_close(&sender);
    return rc == TILLWATCH_OK || rc == TILLWATCH_TIMEOUT ? 0 : 1;
}
