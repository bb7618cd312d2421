/* SPDX-License-Identifier: Apache-2.0
 * Random numbers of the simulator: small, fast, the same on every machine. Not for secrets.
 * Source: wyrand (Wang Yi, public domain), splitmix64 (Steele, Lea, Flood, 2014).
 * Thread: plain data, the owner's.
 */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdint.h>

struct sim_random {
    uint64_t state;
};

/* A 64-bit mix without state: equal input, equal output; every bit depends on every bit. */
static inline uint64_t sim_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Streams with different names are independent of each other under one seed. */
static inline void sim_random_init(struct sim_random *self, uint64_t seed, uint64_t stream)
{
    self->state = sim_mix(seed ^ sim_mix(stream));
}

static inline uint64_t sim_random_next(struct sim_random *self)
{
    self->state += UINT64_C(0xa0761d6478bd642f);
    unsigned __int128 product =
        (unsigned __int128)self->state * (self->state ^ UINT64_C(0xe7037ed1a0b428db));
    return (uint64_t)(product >> 64) ^ (uint64_t)product;
}

/* 0 to bound - 1; bound at least 1. */
static inline uint32_t sim_random_below(struct sim_random *self, uint32_t bound)
{
    return (uint32_t)(((sim_random_next(self) >> 32) * bound) >> 32);
}

/* 0 (included) to 1 (excluded). */
static inline double sim_random_unit(struct sim_random *self)
{
    return (double)(sim_random_next(self) >> 11) * 0x1.0p-53;
}

static inline int sim_random_chance(struct sim_random *self, double probability)
{
    return sim_random_unit(self) < probability;
}

#endif
