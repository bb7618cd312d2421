/* SPDX-License-Identifier: Apache-2.0
 * Texts of the configuration to values, each with a sentence about what is wrong with it.
 * Thread: any; no state.
 */
#ifndef TW_CONFIG_VALUE_H
#define TW_CONFIG_VALUE_H

#include "config/keys.h"
#include "core/err.h"

/* A number with an optional suffix of the key's unit: bytes: B KiB MiB GiB TiB kB MB GB TB;
 * times: ms s min h d w; percent: %. The value is in the key's unit and within its bounds.
 * TW_OK, or TW_EINVAL with a diag that names the allowed range and unit. */
int tw_value_int(const struct tw_cfg_key *key, const char *text, int64_t *ret_value,
                 struct tw_diag *diag);
/* true yes on, false no off, or the two words of the key. TW_OK or TW_EINVAL. */
int tw_value_bool(const struct tw_cfg_key *key, const char *text, bool *ret_value,
                  struct tw_diag *diag);
/* Position of the word in key->text. TW_OK or TW_EINVAL. */
int tw_value_choice(const struct tw_cfg_key *key, const char *text, unsigned *ret_value,
                    struct tw_diag *diag);
/* Word `index` of "a|b|c"; length in *ret_len; NULL behind the last. */
const char *tw_value_word(const char *words, unsigned index, size_t *ret_len);
/* What the rule asks of a text. TW_OK or TW_EINVAL. */
int tw_value_rule(enum tw_cfg_rule rule, const char *text, struct tw_diag *diag);
/* " s", " bytes" or "" for a range in a message or the reference page. */
const char *tw_value_unit(const struct tw_cfg_key *key);

#endif
