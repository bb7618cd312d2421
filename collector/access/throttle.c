/* SPDX-License-Identifier: Apache-2.0
 * Three tables of the same kind, each a pool of entries with chains by hash. The key of an entry is
 * a keyed hash of what it is about: nobody outside can make two meet, and what people type into the
 * field for the name, passwords among it, is not kept. */
#include "config.h"
#include "access/throttle.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#define KEY_BYTES     16
#define ADDRESS_BYTES 64 /* of an address that is none of the internet's */
#define CHAINS        4096
#define NONE          UINT16_MAX
#define GUESSES_MAX   TW_THROTTLE_ADDRESS

_Static_assert(TW_THROTTLE_MAX < NONE, "an entry is named by 16 bits");
_Static_assert(TW_THROTTLE_ACCOUNT <= GUESSES_MAX && TW_THROTTLE_KNOWN <= GUESSES_MAX, "they fit");

struct entry {
    uint8_t key[KEY_BYTES];
    uint8_t owner[KEY_BYTES];   /* places: key of the account */
    uint32_t at_s[GUESSES_MAX]; /* wrong guesses, oldest first; seconds since the start */
    uint32_t used_s;
    uint16_t count;
    uint16_t next;
};

struct table {
    struct entry *entries; /* TW_THROTTLE_MAX */
    uint16_t chains[CHAINS];
    uint16_t used;
};

enum which { ACCOUNTS, ADDRESSES, PLACES, TABLE_COUNT };

struct tw_throttle {
    /* fixed after start */
    uint8_t secret[crypto_generichash_KEYBYTES];
    /* guarded by mutex */
    pthread_mutex_t mutex;
    struct table tables[TABLE_COUNT];
    tw_mono_t start;
    bool has_started;
    uint32_t now_s; /* never goes back, whoever comes first through the lock */
};

/* ---- keys ---- */

/* The part of an address that one person has: all of IPv4, the network of IPv6. */
static size_t address_bytes(struct tw_str address, uint8_t ret_bytes[ADDRESS_BYTES])
{
    char text[ADDRESS_BYTES];
    struct in6_addr six;
    struct in_addr four;
    size_t len = address.len < sizeof text ? address.len : sizeof text - 1;
    memcpy(text, len == 0 ? "" : address.ptr, len);
    text[len] = '\0';
    if (inet_pton(AF_INET, text, &four) == 1) {
        memcpy(ret_bytes, &four, sizeof four);
        return sizeof four;
    }
    if (inet_pton(AF_INET6, text, &six) == 1) {
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&six);
        memcpy(ret_bytes, &six.s6_addr[is_mapped ? 12 : 0], is_mapped ? 4 : 8);
        return is_mapped ? 4 : 8;
    }
    memcpy(ret_bytes, text, len);
    return len;
}

static void make_key(const struct tw_throttle *self, char kind, struct tw_str account,
                     struct tw_str beside, uint8_t ret_key[KEY_BYTES])
{
    crypto_generichash_state state;
    const uint64_t len = account.len;
    /* None of these can fail: sizes are within the bounds of the library. */
    (void)crypto_generichash_init(&state, self->secret, sizeof self->secret, KEY_BYTES);
    (void)crypto_generichash_update(&state, (const uint8_t *)&kind, 1);
    (void)crypto_generichash_update(&state, (const uint8_t *)&len, sizeof len);
    (void)crypto_generichash_update(&state, (const uint8_t *)account.ptr, account.len);
    (void)crypto_generichash_update(&state, (const uint8_t *)beside.ptr, beside.len);
    (void)crypto_generichash_final(&state, ret_key, KEY_BYTES);
}

struct keys {
    uint8_t account[KEY_BYTES];
    uint8_t address[KEY_BYTES];
    uint8_t place[KEY_BYTES]; /* this account from this address */
    uint8_t device[KEY_BYTES];
};

static void make_keys(const struct tw_throttle *self, const struct tw_guess *guess,
                      struct keys *ret_keys)
{
    uint8_t bytes[ADDRESS_BYTES];
    const size_t len = address_bytes(guess->address, bytes);
    const struct tw_str address = {(const char *)bytes, len};
    const struct tw_str empty = TW_STR_LIT("");
    make_key(self, 'a', guess->account, empty, ret_keys->account);
    make_key(self, 'n', empty, address, ret_keys->address);
    make_key(self, 'p', guess->account, address, ret_keys->place);
    if (guess->device != NULL) {
        const struct tw_str device = {(const char *)guess->device, TW_BEARER_HASH_BYTES};
        make_key(self, 'd', guess->account, device, ret_keys->device);
    }
}

/* ---- tables ---- */

static uint16_t *chain_of(struct table *table, const uint8_t key[KEY_BYTES])
{
    return &table->chains[(key[0] | key[1] << 8) % CHAINS];
}

static struct entry *find(struct table *table, const uint8_t key[KEY_BYTES])
{
    uint16_t at = *chain_of(table, key);
    while (at != NONE && memcmp(table->entries[at].key, key, KEY_BYTES) != 0) {
        at = table->entries[at].next;
    }
    return at == NONE ? NULL : &table->entries[at];
}

static void drop_old(struct entry *entry, uint32_t now_s)
{
    uint16_t old = 0;
    while (old < entry->count && now_s - entry->at_s[old] > TW_THROTTLE_WINDOW_S) {
        old++;
    }
    entry->count = (uint16_t)(entry->count - old);
    memmove(entry->at_s, entry->at_s + old, entry->count * sizeof entry->at_s[0]);
}

static void unlink_entry(struct table *table, uint16_t which)
{
    uint16_t *link = chain_of(table, table->entries[which].key);
    while (*link != which) {
        link = &table->entries[*link].next;
    }
    *link = table->entries[which].next;
}

/* The last takes its place, so that those in use stay together. */
static void remove_entry(struct table *table, uint16_t which)
{
    uint16_t last = (uint16_t)(table->used - 1);
    unlink_entry(table, which);
    if (last != which) {
        uint16_t *chain = chain_of(table, table->entries[last].key);
        unlink_entry(table, last);
        table->entries[which] = table->entries[last];
        table->entries[which].next = *chain;
        *chain = which;
    }
    table->used = last;
}

/* Whom to give up: least guessed at, then longest not used. Somebody who fills the table with
 * names of his own cannot push out the account that he guesses at. It is looked for among all,
 * which costs less than a thousandth of the hash that every guess costs. */
static uint16_t least(struct table *table, uint32_t now_s)
{
    uint16_t best = 0;
    for (uint16_t i = 0; i < table->used; i++) {
        const struct entry *a = &table->entries[i];
        const struct entry *b = &table->entries[best];
        drop_old(&table->entries[i], now_s);
        if (a->count < b->count || (a->count == b->count && a->used_s < b->used_s)) {
            best = i;
        }
    }
    return best;
}

static struct entry *find_or_add(struct table *table, const uint8_t key[KEY_BYTES], uint32_t now_s)
{
    struct entry *entry = find(table, key);
    if (entry == NULL) {
        uint16_t at = table->used;
        if (at == TW_THROTTLE_MAX) {
            at = least(table, now_s);
            unlink_entry(table, at);
        } else {
            table->used++;
        }
        entry = &table->entries[at];
        *entry = (struct entry){.next = *chain_of(table, key)};
        memcpy(entry->key, key, KEY_BYTES);
        *chain_of(table, key) = at;
    }
    entry->used_s = now_s;
    return entry;
}

/* Seconds until one more is allowed; 0: now. */
static int64_t wait_of(struct entry *entry, unsigned most, uint32_t now_s)
{
    if (entry == NULL) {
        return 0;
    }
    drop_old(entry, now_s);
    if (entry->count < most) {
        return 0;
    }
    /* Whole seconds: the one that is counted may have begun late in its second. */
    return (int64_t)entry->at_s[entry->count - most] + TW_THROTTLE_WINDOW_S + 1 - now_s;
}

static void count_guess(struct entry *entry, uint32_t now_s)
{
    drop_old(entry, now_s);
    if (entry->count == GUESSES_MAX) {
        memmove(entry->at_s, entry->at_s + 1, (GUESSES_MAX - 1) * sizeof entry->at_s[0]);
        entry->count--;
    }
    entry->at_s[entry->count++] = now_s;
    entry->used_s = now_s;
}

/* The newest one was none. */
static void take_back(struct entry *entry)
{
    if (entry != NULL && entry->count > 0) {
        entry->count--;
    }
}

/* ---- guesses ---- */

int tw_throttle_new(struct tw_throttle **ret_throttle)
{
    struct tw_throttle *self = calloc(1, sizeof *self);
    if (self == NULL || sodium_init() < 0 || pthread_mutex_init(&self->mutex, NULL) != 0) {
        int rc = self == NULL ? TW_ENOMEM : TW_ESYSTEM;
        free(self);
        return rc;
    }
    randombytes_buf(self->secret, sizeof self->secret);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        memset(self->tables[i].chains, 0xff, sizeof self->tables[i].chains); /* NONE */
        self->tables[i].entries = calloc(TW_THROTTLE_MAX, sizeof(struct entry));
        if (self->tables[i].entries == NULL) {
            tw_throttle_destroy(&self);
            return TW_ENOMEM;
        }
    }
    *ret_throttle = self;
    return TW_OK;
}

void tw_throttle_destroy(struct tw_throttle **self_p)
{
    struct tw_throttle *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        free(self->tables[i].entries);
    }
    (void)pthread_mutex_destroy(&self->mutex); /* nobody has it */
    sodium_memzero(self->secret, sizeof self->secret);
    free(self);
}

static uint32_t seconds(struct tw_throttle *self, tw_mono_t now)
{
    if (!self->has_started) {
        self->start = now;
        self->has_started = true;
    }
    int64_t ns = now.ns - self->start.ns;
    uint32_t now_s = ns < 0 ? 0 : (uint32_t)(ns / TW_NS_PER_S); /* 136 years */
    self->now_s = now_s > self->now_s ? now_s : self->now_s;
    return self->now_s;
}

/* The budget of whoever is known here; NULL: a stranger. A device that was not seen since the start
 * is made room for: it is known because it is stored. */
static struct entry *known(struct tw_throttle *self, const struct tw_guess *guess,
                           const struct keys *keys, uint32_t now_s)
{
    struct table *places = &self->tables[PLACES];
    if (guess->device != NULL) {
        struct entry *entry = find_or_add(places, keys->device, now_s);
        memcpy(entry->owner, keys->account, KEY_BYTES);
        return entry;
    }
    return find(places, keys->place);
}

int tw_throttle_try(struct tw_throttle *self, struct tw_guess *guess, tw_mono_t now,
                    int64_t *ret_wait_s)
{
    struct keys keys;
    int64_t wait_s = 0;
    make_keys(self, guess, &keys);
    (void)pthread_mutex_lock(&self->mutex); /* cannot fail: it is ours and not held */
    uint32_t now_s = seconds(self, now);
    struct entry *place = known(self, guess, &keys, now_s);
    guess->is_known = place != NULL;
    if (place != NULL) {
        wait_s = wait_of(place, TW_THROTTLE_KNOWN, now_s);
        if (wait_s == 0) {
            count_guess(place, now_s);
        }
    } else {
        struct table *accounts = &self->tables[ACCOUNTS];
        struct table *addresses = &self->tables[ADDRESSES];
        int64_t account_s = wait_of(find(accounts, keys.account), TW_THROTTLE_ACCOUNT, now_s);
        int64_t address_s = wait_of(find(addresses, keys.address), TW_THROTTLE_ADDRESS, now_s);
        wait_s = account_s > address_s ? account_s : address_s;
        if (wait_s == 0) {
            count_guess(find_or_add(accounts, keys.account, now_s), now_s);
            count_guess(find_or_add(addresses, keys.address, now_s), now_s);
        }
    }
    (void)pthread_mutex_unlock(&self->mutex); /* likewise */
    if (wait_s == 0) {
        return TW_OK;
    }
    *ret_wait_s = wait_s;
    return TW_EAGAIN;
}

/* Room for one more of this account: the one that was not used for longest goes. */
static void limit_places(struct table *places, const uint8_t owner[KEY_BYTES])
{
    uint16_t oldest = NONE;
    unsigned count = 0;
    for (uint16_t i = 0; i < places->used; i++) {
        const struct entry *entry = &places->entries[i];
        if (memcmp(entry->owner, owner, KEY_BYTES) == 0) {
            count++;
            oldest = oldest == NONE || entry->used_s < places->entries[oldest].used_s ? i : oldest;
        }
    }
    if (count > TW_THROTTLE_PLACES_MAX) {
        remove_entry(places, oldest);
    }
}

void tw_throttle_right(struct tw_throttle *self, const struct tw_guess *guess, tw_mono_t now)
{
    struct keys keys;
    make_keys(self, guess, &keys);
    (void)pthread_mutex_lock(&self->mutex); /* likewise */
    uint32_t now_s = seconds(self, now);
    struct table *places = &self->tables[PLACES];
    if (guess->is_known) {
        take_back(find(places, guess->device != NULL ? keys.device : keys.place));
    } else {
        take_back(find(&self->tables[ACCOUNTS], keys.account));
        take_back(find(&self->tables[ADDRESSES], keys.address));
    }
    struct entry *place = find_or_add(places, keys.place, now_s);
    memcpy(place->owner, keys.account, KEY_BYTES);
    limit_places(places, keys.account);
    (void)pthread_mutex_unlock(&self->mutex); /* likewise */
}

void tw_throttle_forget(struct tw_throttle *self, struct tw_str account)
{
    uint8_t key[KEY_BYTES];
    struct table *places = &self->tables[PLACES];
    make_key(self, 'a', account, TW_STR_LIT(""), key);
    (void)pthread_mutex_lock(&self->mutex); /* likewise */
    for (uint16_t i = places->used; i > 0; i--) {
        if (memcmp(places->entries[i - 1].owner, key, KEY_BYTES) == 0) {
            remove_entry(places, (uint16_t)(i - 1));
        }
    }
    (void)pthread_mutex_unlock(&self->mutex); /* likewise */
}
