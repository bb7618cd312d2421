/* SPDX-License-Identifier: Apache-2.0
 * Tables of digits, and the calendar.
 */
#include "config.h"
#include "simulator/format.h"

const char sim_digit_pairs[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

const char sim_hex_pairs[513] =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
    "28292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f"
    "505152535455565758595a5b5c5d5e5f606162636465666768696a6b6c6d6e6f7071727374757677"
    "78797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
    "a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7"
    "c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
    "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";

/* Days since 1970-01-01 to year, month, day of the Gregorian calendar.
 * Source: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days. */
static void civil_from_days(int64_t days, uint32_t *ret_year, uint32_t *ret_month,
                            uint32_t *ret_day)
{
    int64_t shifted = days + 719468;
    int64_t era = shifted / 146097;
    int64_t of_era = shifted - era * 146097;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_index = (5 * of_year + 2) / 153;
    int64_t month = month_index < 10 ? month_index + 3 : month_index - 9;
    *ret_day = (uint32_t)(of_year - (153 * month_index + 2) / 5 + 1);
    *ret_month = (uint32_t)month;
    *ret_year = (uint32_t)(year_of_era + era * 400 + (month <= 2 ? 1 : 0));
}

static void format_second(struct sim_time_text *cache, int64_t second)
{
    uint32_t year = 0;
    uint32_t month = 0;
    uint32_t day = 0;
    uint32_t of_day = (uint32_t)(second % 86400);
    civil_from_days(second / 86400, &year, &month, &day);
    char *at = sim_put_4(cache->text, year);
    *at++ = '-';
    at = sim_put_2(at, month);
    *at++ = '-';
    at = sim_put_2(at, day);
    *at++ = 'T';
    at = sim_put_2(at, of_day / 3600);
    *at++ = ':';
    at = sim_put_2(at, of_day / 60 % 60);
    *at++ = ':';
    at = sim_put_2(at, of_day % 60);
    *at = '.';
    cache->second = second;
}

char *sim_put_time(struct sim_time_text *cache, char *out, int64_t time_us)
{
    int64_t second = time_us / 1000000;
    if (cache->second != second || cache->text[0] == 0) {
        format_second(cache, second);
    }
    memcpy(out, cache->text, sizeof(cache->text));
    out = sim_put_6(out + sizeof(cache->text), (uint32_t)(time_us % 1000000));
    *out = 'Z';
    return out + 1;
}
