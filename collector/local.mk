# SPDX-License-Identifier: Apache-2.0
# A library per stage, so that what a stage needs shows in what its tests link.
noinst_LIBRARIES += collector/libcore.a
collector_libcore_a_SOURCES = \
    collector/core/actor.c collector/core/actor.h \
    collector/core/arena.c collector/core/arena.h \
    collector/core/buf.c collector/core/buf.h \
    collector/core/chan.c collector/core/chan.h \
    collector/core/clock.c collector/core/clock.h \
    collector/core/err.c collector/core/err.h \
    collector/core/log.c collector/core/log.h collector/core/log_events.h \
    collector/core/problem.c collector/core/problem.h \
    collector/core/str.h \
    collector/core/totals.c collector/core/totals.h \
    collector/core/trouble.c collector/core/trouble.h

noinst_LIBRARIES += collector/libstore.a
collector_libstore_a_SOURCES = \
    collector/store/access_internal.h \
    collector/store/alert_command.c collector/store/alert_read.c collector/store/alert_read.h \
    collector/store/alert_read_internal.h \
    collector/store/alerts.c collector/store/alerts.h \
    collector/store/alert_sums.c collector/store/alert_sums.h \
    collector/store/alerts_internal.h collector/store/alerts_read.c \
    collector/store/archive.c collector/store/archive.h \
    collector/store/audit.c collector/store/audit.h collector/store/audit_internal.h \
    collector/store/audit_attempts.c collector/store/audit_attempts.h \
    collector/store/audit_key.c \
    collector/store/audit_read.c collector/store/audit_read.h \
    collector/store/audit_verify.c collector/store/audit_verify.h \
    collector/store/backup.c \
    collector/store/batch.c collector/store/batch.h \
    collector/store/catalogue.c \
    collector/store/chunk.c collector/store/chunk.h \
    collector/store/db.c \
    collector/store/desk.c collector/store/desk.h collector/store/desk_internal.h \
    collector/store/desk_command.c collector/store/desk_deed.c collector/store/desk_deed.h \
    collector/store/desk_read.c collector/store/desk_read.h \
    collector/store/dictionary.c \
    collector/store/extent.c \
    collector/store/files.c \
    collector/store/format.c collector/store/format.h \
    collector/store/ident.c collector/store/ident.h \
    collector/store/idents.c \
    collector/store/index.c collector/store/index.h \
    collector/store/internal.h collector/store/schema.h \
    collector/store/journey.c collector/store/journey.h \
    collector/store/journey_id.c \
    collector/store/keeper.c \
    collector/store/lock.c \
    collector/store/lookup.c \
    collector/store/merge.c \
    collector/store/meta.c \
    collector/store/migrate.c collector/store/migrate.h \
    collector/store/notices.c collector/store/notices.h \
    collector/store/notices_groups.c collector/store/notices_internal.h \
    collector/store/receivers.c collector/store/receivers.h \
    collector/store/outbox.c collector/store/outbox.h \
    collector/store/outbox_internal.h collector/store/outbox_items.c \
    collector/store/part.c collector/store/part.h \
    collector/store/payload.c \
    collector/store/plan.c collector/store/plan.h collector/store/plan_internal.h \
    collector/store/points.c collector/store/points.h \
    collector/store/plan_set.c collector/store/plan_sum.c collector/store/plan_verdict.c \
    collector/store/reader.c collector/store/reader.h collector/store/reader_internal.h \
    collector/store/reader_archive.c \
    collector/store/records.c \
    collector/store/recover.c \
    collector/store/replays.c collector/store/replays.h \
    collector/store/replay_command.c collector/store/replay_read.c \
    collector/store/replay_read.h collector/store/replay_read_internal.h \
    collector/store/replay_read_items.c \
    collector/store/replay_items.c collector/store/replay_items.h \
    collector/store/replay_start.c \
    collector/store/request.c collector/store/request.h \
    collector/store/retain.c collector/store/retain.h \
    collector/store/schemas.c \
    collector/store/seal.c collector/store/seal.h \
    collector/store/search.c \
    collector/store/source_state.c \
    collector/store/state.h \
    collector/store/status.c \
    collector/store/setbacks.c collector/store/setbacks.h \
    collector/store/silences.c collector/store/silences.h \
    collector/store/snapshot.c collector/store/snapshot.h \
    collector/store/sessions.c collector/store/sessions.h \
    collector/store/store.c collector/store/store.h \
    collector/store/tokens.c collector/store/tokens.h \
    collector/store/track_replay.c \
    collector/store/track_write.c collector/store/track_write.h \
    collector/store/tracks.h collector/store/tracks_live.c \
    collector/store/tracks_runs.c collector/store/tracks_series.c \
    collector/store/users.c collector/store/users.h \
    collector/store/writer.c collector/store/writer.h

# Who may connect to ZeroMQ sockets: keys, the ZAP handler.
noinst_LIBRARIES += collector/libcurve.a
collector_libcurve_a_SOURCES = collector/curve/census.c collector/curve/census.h
collector_libcurve_a_SOURCES += collector/curve/clients.c collector/curve/clients.h
collector_libcurve_a_SOURCES += collector/curve/guard.c collector/curve/guard.h
collector_libcurve_a_SOURCES += collector/curve/keygen.c collector/curve/keygen.h
collector_libcurve_a_SOURCES += collector/curve/zap.c collector/curve/zap.h

noinst_LIBRARIES += collector/libtap.a
collector_libtap_a_SOURCES = \
    collector/tap/hold.c collector/tap/hold.h \
    collector/tap/socket.c collector/tap/socket.h \
    collector/tap/tap.c collector/tap/tap.h
noinst_LIBRARIES += collector/libcorrelate.a
collector_libcorrelate_a_SOURCES = \
    collector/correlate/correlate.c collector/correlate/correlate.h \
    collector/correlate/objects.c collector/correlate/objects.h \
    collector/correlate/sources.c collector/correlate/sources.h

# One line a module, so that lists merge.
noinst_LIBRARIES += collector/libtrack.a
collector_libtrack_a_SOURCES = collector/track/track.c collector/track/track.h
collector_libtrack_a_SOURCES += collector/track/graph.c collector/track/graph.h
collector_libtrack_a_SOURCES += collector/track/graph_internal.h
collector_libtrack_a_SOURCES += collector/track/graph_pool.c collector/track/graph_wheel.c
collector_libtrack_a_SOURCES += collector/track/graph_save.c collector/track/graph_walk.c
collector_libtrack_a_SOURCES += collector/track/match.c collector/track/match.h
collector_libtrack_a_SOURCES += collector/track/match_compile.c collector/track/match_internal.h
collector_libtrack_a_SOURCES += collector/track/match_sets.c
collector_libtrack_a_SOURCES += collector/track/run.c collector/track/run.h
collector_libtrack_a_SOURCES += collector/track/queue.c collector/track/queue.h
collector_libtrack_a_SOURCES += collector/track/skew.c collector/track/skew.h
collector_libtrack_a_SOURCES += collector/track/watermark.c collector/track/watermark.h
collector_libtrack_a_SOURCES += collector/track/tracker.c collector/track/tracker.h
collector_libtrack_a_SOURCES += collector/track/internal.h collector/track/state.h
collector_libtrack_a_SOURCES += collector/track/metrics.c collector/track/metrics.h
collector_libtrack_a_SOURCES += collector/track/words.c collector/track/totals.c
collector_libtrack_a_SOURCES += collector/track/sequence.c collector/track/sequence.h
collector_libtrack_a_SOURCES += collector/track/flows.c
collector_libtrack_a_SOURCES += collector/track/runs.c
collector_libtrack_a_SOURCES += collector/track/progress.c
collector_libtrack_a_SOURCES += collector/track/failures.c collector/track/failures.h
collector_libtrack_a_SOURCES += collector/track/contribute.c
collector_libtrack_a_SOURCES += collector/track/stores.c
collector_libtrack_a_SOURCES += collector/track/places.c collector/track/places.h
collector_libtrack_a_SOURCES += collector/track/regions.c
collector_libtrack_a_SOURCES += collector/track/heard.c
collector_libtrack_a_SOURCES += collector/track/silence.c collector/track/silence.h
collector_libtrack_a_SOURCES += collector/track/systems.c
collector_libtrack_a_SOURCES += collector/track/deadlines.c
collector_libtrack_a_SOURCES += collector/track/emit.c collector/track/emit.h
collector_libtrack_a_SOURCES += collector/track/emit_alerts.c
collector_libtrack_a_SOURCES += collector/track/row.c
collector_libtrack_a_SOURCES += collector/track/live.c collector/track/live.h
collector_libtrack_a_SOURCES += collector/track/live_stores.c collector/track/live_regions.c
collector_libtrack_a_SOURCES += collector/track/save.c
collector_libtrack_a_SOURCES += collector/track/restore.c
collector_libtrack_a_SOURCES += collector/track/budget.c collector/track/budget.h
collector_libtrack_a_SOURCES += collector/track/burn.c collector/track/burn.h
collector_libtrack_a_SOURCES += collector/track/calendar.c collector/track/calendar.h
collector_libtrack_a_SOURCES += collector/track/sketch.c collector/track/sketch.h
collector_libtrack_a_SOURCES += collector/track/verdict.c collector/track/verdict.h

noinst_LIBRARIES += collector/libintake.a
collector_libintake_a_SOURCES = \
    collector/intake/clerk.c collector/intake/clerk.h \
    collector/intake/clerk_causes.c collector/intake/clerk_causes.h \
    collector/intake/intake.c collector/intake/intake.h \
    collector/intake/pipeline.c collector/intake/pipeline.h

noinst_LIBRARIES += collector/libdesk.a
collector_libdesk_a_SOURCES = \
    collector/desk/follow.c collector/desk/follow.h \
    collector/desk/follower.c collector/desk/follower.h

# What goes to the servers of others.
noinst_LIBRARIES += collector/libhttp.a
collector_libhttp_a_SOURCES = collector/http/answer.c collector/http/answer.h
collector_libhttp_a_SOURCES += collector/http/clean.c collector/http/clean.h
collector_libhttp_a_SOURCES += collector/http/client.c collector/http/client.h
collector_libhttp_a_SOURCES += collector/http/net.c collector/http/net.h

# The forms of a notice, and delivery.
noinst_LIBRARIES += collector/libdeliver.a
collector_libdeliver_a_SOURCES = collector/notify/body.c collector/notify/body.h
collector_libdeliver_a_SOURCES += collector/notify/notifier.c collector/notify/notifier.h
collector_libdeliver_a_SOURCES += collector/notify/deliver.c collector/notify/deliver.h
collector_libdeliver_a_SOURCES += collector/notify/deliver_internal.h
collector_libdeliver_a_SOURCES += collector/notify/deliver_post.c
collector_libdeliver_a_SOURCES += collector/notify/deliver_push.c
collector_libdeliver_a_SOURCES += collector/notify/picture.c collector/notify/picture.h
collector_libdeliver_a_SOURCES += collector/notify/pub.c collector/notify/pub.h
collector_libdeliver_a_SOURCES += collector/notify/rate.c collector/notify/rate.h
collector_libdeliver_a_SOURCES += collector/notify/render.h
collector_libdeliver_a_SOURCES += collector/notify/render_mail.c
collector_libdeliver_a_SOURCES += collector/notify/render_pagerduty.c
collector_libdeliver_a_SOURCES += collector/notify/render_slack.c
collector_libdeliver_a_SOURCES += collector/notify/render_teams.c
collector_libdeliver_a_SOURCES += collector/notify/render_webhook.c
collector_libdeliver_a_SOURCES += collector/notify/text.c collector/notify/text.h
collector_libdeliver_a_SOURCES += collector/notify/verdict.c collector/notify/verdict.h

# HTTP destinations of replays.
noinst_LIBRARIES += collector/libhttpout.a
collector_libhttpout_a_SOURCES = collector/replay/http.c collector/replay/http.h

noinst_LIBRARIES += collector/libevent.a
collector_libevent_a_SOURCES = \
    collector/event/binary.c \
    collector/event/bytes.h \
    collector/event/cloudevents.c \
    collector/event/decode.c collector/event/decode.h \
    collector/event/event.c collector/event/event.h \
    collector/event/internal.h \
    collector/event/mapping.c \
    collector/event/pointer.c collector/event/pointer.h \
    collector/event/scan.c collector/event/scan.h \
    collector/event/text.c collector/event/text.h \
    collector/event/walk.c

noinst_LIBRARIES += collector/libconfig.a
collector_libconfig_a_SOURCES = \
    collector/config/check.c collector/config/check_sockets.c \
    collector/config/config.h \
    collector/config/dir.c collector/config/dir.h \
    collector/config/faults.c collector/config/faults.h \
    collector/config/free.c \
    collector/config/keys.c collector/config/keys.h \
    collector/config/load.c collector/config/near.c \
    collector/config/network.c collector/config/network.h \
    collector/config/parse.c collector/config/parse.h \
    collector/config/parse_attr.c \
    collector/config/print.c \
    collector/config/reference.c \
    collector/config/secret.c collector/config/secret.h \
    collector/config/tree.c collector/config/tree.h \
    collector/config/url.c collector/config/url.h \
    collector/config/value.c collector/config/value.h
nodist_collector_libconfig_a_SOURCES = collector/config/builtin.c
# The YAML texts that are part of the program, as C strings, a line of text a line of C.
builtin_yaml = $(srcdir)/collector/config/default.yaml $(srcdir)/collector/mappings/shopify.yaml \
    $(srcdir)/collector/mappings/adyen.yaml
EXTRA_DIST += collector/config/default.yaml collector/mappings/shopify.yaml \
    collector/mappings/adyen.yaml
CLEANFILES += collector/config/builtin.c
collector/config/builtin.c: $(builtin_yaml) $(srcdir)/collector/local.mk
	@$(MKDIR_P) collector/config
	$(AM_V_GEN)$(AWK) 'FNR == 1 { if (NR > 1) print ";"; name = FILENAME; \
	        sub(/.*\//, "", name); sub(/\.yaml$$/, "", name); \
	        print "extern const char tw_builtin_" name "[];"; \
	        print "const char tw_builtin_" name "[] =" } \
	    { gsub(/\\/, "&&"); gsub(/"/, "\\\""); print "\"" $$0 "\\n\"" } \
	    END { print ";" }' $(builtin_yaml) >$@.tmp && mv $@.tmp $@

noinst_LIBRARIES += collector/libworkflow.a
collector_libworkflow_a_SOURCES = \
    collector/workflow/define.c \
    collector/workflow/graph.c \
    collector/workflow/internal.h \
    collector/workflow/keys.c collector/workflow/keys.h \
    collector/workflow/load.c \
    collector/workflow/maintenance.c \
    collector/workflow/match.c \
    collector/workflow/objective.c \
    collector/workflow/openslo.c \
    collector/workflow/openslo_alert.c \
    collector/workflow/openslo_keys.c collector/workflow/openslo_keys.h \
    collector/workflow/openslo_metric.c \
    collector/workflow/openslo_write.c \
    collector/workflow/set.c \
    collector/workflow/value.c \
    collector/workflow/version.c \
    collector/workflow/workflow.h
nodist_collector_libworkflow_a_SOURCES = collector/workflow/pack.c
# The retail pack, a file an entry of a table.
workflow_pack = $(srcdir)/collector/workflows/case-sync.yaml \
    $(srcdir)/collector/workflows/click-and-collect.yaml \
    $(srcdir)/collector/workflows/customer-sync.yaml \
    $(srcdir)/collector/workflows/inventory-sync.yaml \
    $(srcdir)/collector/workflows/loyalty-redemption.yaml \
    $(srcdir)/collector/workflows/order-fulfilment.yaml \
    $(srcdir)/collector/workflows/price-update.yaml \
    $(srcdir)/collector/workflows/product-master.yaml \
    $(srcdir)/collector/workflows/promotion-rollout.yaml \
    $(srcdir)/collector/workflows/replenishment.yaml \
    $(srcdir)/collector/workflows/return-refund.yaml \
    $(srcdir)/collector/workflows/sale-posting.yaml \
    $(srcdir)/collector/workflows/settlement.yaml
EXTRA_DIST += $(workflow_pack) docs/reference/workflows.md
CLEANFILES += collector/workflow/pack.c
collector/workflow/pack.c: $(workflow_pack) $(srcdir)/collector/local.mk
	@$(MKDIR_P) collector/workflow
	$(AM_V_GEN)$(AWK) 'BEGIN { print "#include \"config.h\"\n#include \"workflow/internal.h\""; \
	        print "const struct tw_wf_builtin tw_wf_pack[] = {" } \
	    FNR == 1 { if (NR > 1) print "},"; name = FILENAME; sub(/.*\//, "", name); \
	        print "{\"" name "\"," } \
	    { gsub(/\\/, "&&"); gsub(/"/, "\\\""); print "\"" $$0 "\\n\"" } \
	    END { print "}};"; \
	        print "const size_t tw_wf_pack_count = sizeof(tw_wf_pack) / sizeof(tw_wf_pack[0]);" }' \
	    $(workflow_pack) >$@.tmp && mv $@.tmp $@

# Rules for causes. One line a module, so that lists merge.
noinst_LIBRARIES += collector/libcauses.a
collector_libcauses_a_SOURCES = collector/causes/causes.h collector/causes/internal.h
collector_libcauses_a_SOURCES += collector/causes/classify.c
collector_libcauses_a_SOURCES += collector/causes/file.c
collector_libcauses_a_SOURCES += collector/causes/keys.c
collector_libcauses_a_SOURCES += collector/causes/load.c
collector_libcauses_a_SOURCES += collector/causes/rules.c collector/causes/rules.h
nodist_collector_libcauses_a_SOURCES = collector/causes/pack.c
# The retail rules, a file an entry of a table.
causes_pack = $(srcdir)/collector/causes/retail.yaml
EXTRA_DIST += $(causes_pack)
CLEANFILES += collector/causes/pack.c
collector/causes/pack.c: $(causes_pack) $(srcdir)/collector/local.mk
	@$(MKDIR_P) collector/causes
	$(AM_V_GEN)$(AWK) 'BEGIN { print "#include \"config.h\"\n#include \"causes/causes.h\""; \
	        print "const struct tw_causes_builtin tw_causes_pack[] = {" } \
	    FNR == 1 { if (NR > 1) print "},"; name = FILENAME; sub(/.*\//, "", name); \
	        print "{\"" name "\"," } \
	    { gsub(/\\/, "&&"); gsub(/"/, "\\\""); print "\"" $$0 "\\n\"" } \
	    END { print "}};"; \
	        print "const size_t tw_causes_pack_count = sizeof(tw_causes_pack) / sizeof(tw_causes_pack[0]);" }' \
	    $(causes_pack) >$@.tmp && mv $@.tmp $@

# Who may do what: pure, no SQL. One line a module, so that lists merge.
noinst_LIBRARIES += collector/libaccess.a
collector_libaccess_a_SOURCES = collector/access/bearer.c collector/access/bearer.h
collector_libaccess_a_SOURCES += collector/access/grant.c collector/access/grant.h
collector_libaccess_a_SOURCES += collector/access/password.c collector/access/password.h
collector_libaccess_a_SOURCES += collector/access/rights.c collector/access/rights.h
collector_libaccess_a_SOURCES += collector/access/session.c collector/access/session.h
collector_libaccess_a_SOURCES += collector/access/throttle.c collector/access/throttle.h
collector_libaccess_a_SOURCES += collector/access/turns.c collector/access/turns.h
nodist_collector_libaccess_a_SOURCES = collector/access/common.c
# The commonest passwords, in order of their bytes: a line of text an entry of a table.
passwords_common = $(srcdir)/collector/access/common.txt
EXTRA_DIST += $(passwords_common)
CLEANFILES += collector/access/common.c
collector/access/common.c: $(passwords_common) $(srcdir)/collector/local.mk
	@$(MKDIR_P) collector/access
	$(AM_V_GEN)$(AWK) 'BEGIN { print "#include \"config.h\"\n#include \"access/password.h\""; \
	        print "const char *const tw_passwords_common[] = {" } \
	    { gsub(/\\/, "&&"); gsub(/"/, "\\\""); print "\"" $$0 "\"," } \
	    END { print "};"; \
	        print "const size_t tw_passwords_common_count = " NR ";" }' \
	    $(passwords_common) >$@.tmp && mv $@.tmp $@

# Carrying out replays. One line a module, so that lists merge.
noinst_LIBRARIES += collector/libreplay.a
collector_libreplay_a_SOURCES = collector/replay/agents.c collector/replay/agents.h
collector_libreplay_a_SOURCES += collector/replay/edit.c collector/replay/edit.h
collector_libreplay_a_SOURCES += collector/replay/dispatch.c collector/replay/dispatch.h
collector_libreplay_a_SOURCES += collector/replay/dispatch_internal.h
collector_libreplay_a_SOURCES += collector/replay/dispatch_orders.c
collector_libreplay_a_SOURCES += collector/replay/dispatch_write.c
collector_libreplay_a_SOURCES += collector/replay/event.c collector/replay/event.h
collector_libreplay_a_SOURCES += collector/replay/load.c collector/replay/load.h
collector_libreplay_a_SOURCES += collector/replay/message.c collector/replay/message.h
collector_libreplay_a_SOURCES += collector/replay/pace.c collector/replay/pace.h
collector_libreplay_a_SOURCES += collector/replay/roster.c collector/replay/roster.h
collector_libreplay_a_SOURCES += collector/replay/run.c collector/replay/run.h
collector_libreplay_a_SOURCES += collector/replay/said.c collector/replay/said.h
collector_libreplay_a_SOURCES += collector/replay/sender.c collector/replay/sender.h
collector_libreplay_a_SOURCES += collector/replay/socket.c collector/replay/socket.h

# Judging series: rules, states, what matched in the past. One line a module, so that lists merge.
noinst_LIBRARIES += collector/libalert.a
collector_libalert_a_SOURCES = collector/alert/labels.c collector/alert/labels.h
collector_libalert_a_SOURCES += collector/alert/json_text.c collector/alert/json_text.h
collector_libalert_a_SOURCES += collector/alert/feed.c collector/alert/feed.h
collector_libalert_a_SOURCES += collector/alert/rows.c collector/alert/rows.h
collector_libalert_a_SOURCES += collector/alert/watch.c collector/alert/watch.h
collector_libalert_a_SOURCES += collector/alert/watch_internal.h
collector_libalert_a_SOURCES += collector/alert/watch_own.c collector/alert/watch_posted.c
collector_libalert_a_SOURCES += collector/alert/watch_rows.c
collector_libalert_a_SOURCES += collector/alert/watcher.c collector/alert/watcher.h
collector_libalert_a_SOURCES += collector/alert/hours.c collector/alert/hours.h
collector_libalert_a_SOURCES += collector/alert/hours_parse.c collector/alert/hours_parse.h
collector_libalert_a_SOURCES += collector/alert/matcher.c collector/alert/matcher.h
collector_libalert_a_SOURCES += collector/alert/pattern.c collector/alert/pattern.h
collector_libalert_a_SOURCES += collector/alert/engine.c collector/alert/engine.h
collector_libalert_a_SOURCES += collector/alert/engine_internal.h collector/alert/engine_labels.c
collector_libalert_a_SOURCES += collector/alert/engine_series.c collector/alert/engine_slots.c
collector_libalert_a_SOURCES += collector/alert/engine_states.c collector/alert/engine_value.c
collector_libalert_a_SOURCES += collector/alert/past.c collector/alert/past.h
collector_libalert_a_SOURCES += collector/alert/usual.c collector/alert/usual.h
collector_libalert_a_SOURCES += collector/alert/window.c collector/alert/window.h
collector_libalert_a_SOURCES += collector/alert/rules.c collector/alert/rules.h
collector_libalert_a_SOURCES += collector/alert/rules_internal.h collector/alert/rules_pack.h
collector_libalert_a_SOURCES += collector/alert/rules_burn.c
collector_libalert_a_SOURCES += collector/alert/rules_keys.c
collector_libalert_a_SOURCES += collector/alert/rules_measure.c
collector_libalert_a_SOURCES += collector/alert/rules_names.c
collector_libalert_a_SOURCES += collector/alert/rules_read.c
collector_libalert_a_SOURCES += collector/alert/rules_say.c
collector_libalert_a_SOURCES += collector/alert/runbooks.h
nodist_collector_libalert_a_SOURCES = collector/alert/pack.c
nodist_collector_libalert_a_SOURCES += collector/alert/runbooks.c
# The retail rules, a file an entry of a table.
alert_pack = $(srcdir)/collector/alerts/budgets.yaml \
    $(srcdir)/collector/alerts/causes.yaml \
    $(srcdir)/collector/alerts/integrity.yaml \
    $(srcdir)/collector/alerts/steps.yaml \
    $(srcdir)/collector/alerts/stores.yaml \
    $(srcdir)/collector/alerts/systems.yaml \
    $(srcdir)/collector/alerts/tower.yaml \
    $(srcdir)/collector/alerts/traffic.yaml
EXTRA_DIST += $(alert_pack)
CLEANFILES += collector/alert/pack.c
collector/alert/pack.c: $(alert_pack) $(srcdir)/collector/local.mk
	@$(MKDIR_P) collector/alert
	$(AM_V_GEN)$(AWK) 'BEGIN { print "#include \"config.h\"\n#include \"alert/rules_pack.h\""; \
	        print "const struct tw_rules_builtin tw_rules_pack[] = {" } \
	    FNR == 1 { if (NR > 1) print "},"; name = FILENAME; sub(/.*\//, "", name); \
	        print "{\"" name "\"," } \
	    { gsub(/\\/, "&&"); gsub(/"/, "\\\""); print "\"" $$0 "\\n\"" } \
	    END { print "}};"; \
	        print "const size_t tw_rules_pack_count = sizeof(tw_rules_pack) / sizeof(tw_rules_pack[0]);" }' \
	    $(alert_pack) >$@.tmp && mv $@.tmp $@
# Runbooks, likewise; installed too, for those who read them without the tower.
runbooks = $(srcdir)/docs/runbooks/api-throttling.md \
    $(srcdir)/docs/runbooks/duplicate-posting.md \
    $(srcdir)/docs/runbooks/erp-posting-rejection.md \
    $(srcdir)/docs/runbooks/invalid-master-data.md \
    $(srcdir)/docs/runbooks/middleware-timeout.md \
    $(srcdir)/docs/runbooks/queue-backlog.md \
    $(srcdir)/docs/runbooks/reconciliation-failure.md \
    $(srcdir)/docs/runbooks/store-outage.md
runbooksdir = $(pkgdatadir)/runbooks
dist_runbooks_DATA = $(runbooks)
CLEANFILES += collector/alert/runbooks.c
collector/alert/runbooks.c: $(runbooks) $(srcdir)/collector/local.mk
	@$(MKDIR_P) collector/alert
	$(AM_V_GEN)$(AWK) 'BEGIN { print "#include \"config.h\"\n#include \"alert/runbooks.h\""; \
	        print "const struct tw_runbook tw_runbooks[] = {" } \
	    FNR == 1 { if (NR > 1) print "},"; name = FILENAME; sub(/.*\//, "", name); \
	        sub(/\.md$$/, "", name); print "{\"" name "\"," } \
	    { gsub(/\\/, "&&"); gsub(/"/, "\\\""); print "\"" $$0 "\\n\"" } \
	    END { print "}};"; \
	        print "const size_t tw_runbook_count = sizeof(tw_runbooks) / sizeof(tw_runbooks[0]);" }' \
	    $(runbooks) >$@.tmp && mv $@.tmp $@

# Telling people: who, what, when. One line a module, so that lists merge.
noinst_LIBRARIES += collector/libnotify.a
collector_libnotify_a_SOURCES = collector/notify/routes.c collector/notify/routes.h
collector_libnotify_a_SOURCES += collector/notify/routes_internal.h collector/notify/keys.c
collector_libnotify_a_SOURCES += collector/notify/load.c collector/notify/route.c
collector_libnotify_a_SOURCES += collector/notify/receivers.c collector/notify/print.c
collector_libnotify_a_SOURCES += collector/notify/group.c collector/notify/group.h
collector_libnotify_a_SOURCES += collector/notify/group_internal.h collector/notify/turn.c
collector_libnotify_a_SOURCES += collector/notify/inhibit.c collector/notify/sent.c
collector_libnotify_a_SOURCES += collector/notify/compose.c
collector_libnotify_a_SOURCES += collector/notify/table.c collector/notify/table.h
collector_libnotify_a_SOURCES += collector/notify/tell.c collector/notify/tell.h

bin_PROGRAMS += tillwatch
tillwatch_SOURCES = \
    collector/app.c collector/app.h \
    collector/cli.c collector/cli.h \
    collector/cli_access.c collector/cli_access.h \
    collector/cli_config.c \
    collector/cli_audit.c \
    collector/cli_export.c \
    collector/cli_import.c \
    collector/cli_password.c \
    collector/cli_plot.c \
    collector/cli_quarantine.c \
    collector/cli_run.c \
    collector/cli_token.c \
    collector/cli_user.c \
    collector/cli_workflows.c \
    collector/import_lines.c collector/import_lines.h \
    collector/import_progress.c collector/import_progress.h \
    collector/main.c
tillwatch_LDADD = web/libweb.a collector/libdeliver.a collector/libnotify.a collector/libalert.a collector/libreplay.a collector/libhttpout.a collector/libhttp.a collector/libdesk.a collector/libintake.a \
    collector/libcauses.a collector/libcorrelate.a \
    collector/libtap.a collector/libcurve.a collector/libstore.a collector/libaccess.a \
    collector/libevent.a collector/libtrack.a \
    collector/libworkflow.a \
    collector/libconfig.a \
    client/libtillwatch.a collector/libcore.a $(ZMQ_LIBS) $(MHD_LIBS) $(CURL_LIBS) $(SQLITE_LIBS) \
    $(JANSSON_LIBS) $(ZSTD_LIBS) $(ZLIB_LIBS) $(YAML_LIBS) $(XXHASH_LIBS) $(PCRE_LIBS) \
    $(GLIB_LIBS) $(SODIUM_LIBS) -lm -lpthread
dist_man_MANS += docs/tillwatch.1
EXTRA_DIST += docs/reference/program.md
