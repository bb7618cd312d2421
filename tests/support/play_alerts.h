/* SPDX-License-Identifier: Apache-2.0
 * Alert rules on simulated time: what tracking commits goes to the judge bucket by bucket, as it
 * does live, and each change of a state becomes a line of JSON:
 * {"at":S,"what":"firing","alert":NAME,"fingerprint":HEX,"severity":..,"value":N,"labels":{..},
 * "summary":..}, `at` in seconds since 1970: the end of the bucket. Failures end the program. */
#ifndef TW_TESTS_PLAY_ALERTS_H
#define TW_TESTS_PLAY_ALERTS_H

#include <stdio.h>

#include "config/config.h"
#include "track/track.h"
#include "workflow/workflow.h"

struct play_alerts;
/* The rules that the configuration names; borrows the file. */
struct play_alerts *play_alerts_new(const struct tw_cfg *cfg, const struct tw_workflows *workflows,
                                    FILE *out);
/* Other rules or workflows: as a reload. */
void play_alerts_change(struct play_alerts *self, const struct tw_cfg *cfg,
                        const struct tw_workflows *workflows);
/* Groups of what fires are told, too, as notify.file of the configuration says (or what holds
 * without): {"at":S,"what":"notice","receiver":..,"integration":..,"kind":..,"reason":..,
 * "body":{..}}, the body of the webhook. Nothing is sent. */
void play_alerts_tell(struct play_alerts *self, const struct tw_cfg *cfg,
                      const struct tw_workflows *workflows);
/* What rules say of themselves becomes lines, too, when it changes: {"at":S,"what":"rule",
 * "alert":NAME,"state":"nodata","detail":TEXT or null}; at first all of them are "ok". */
void play_alerts_say_rules(struct play_alerts *self);
void play_alerts_destroy(struct play_alerts **self_p);
/* What one batch brought; `context` is the struct play_alerts. */
void play_alerts_take(void *context, const struct tw_track_changes *changes);

#endif
