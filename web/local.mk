# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += web/libweb.a
web_libweb_a_SOURCES = \
    web/api.h \
    web/api_causes.c \
    web/api_causes_test.c \
    web/api_dashboards.c \
    web/api_events.c \
    web/api_journeys.c \
    web/api_live.c \
    web/api_metrics.c \
    web/api_objectives.c \
    web/api_overview.c \
    web/api_quarantine.c \
    web/api_runs.c \
    web/api_search.c \
    web/api_series.c \
    web/api_status.c \
    web/api_failure_acts.c \
    web/api_audit.c \
    web/api_failures.c web/api_failures.h \
    web/api_replay_acts.c \
    web/api_replay_items.c \
    web/replay_edit.c web/replay_edit.h web/api_replays_plan.c web/api_replays_start.c \
    web/api_replays.c web/api_replays.h \
    web/api_stores.c \
    web/api_stream.c \
    web/api_taps.c \
    web/doors.c web/doors.h \
    web/api_workflows.c \
    web/call.c web/call.h \
    web/causes.h \
    web/event_view.c \
    web/guard.c web/guard.h \
    web/gzip.c web/gzip.h \
    web/http.c web/http.h \
    web/out.c web/out.h \
    web/journey_runs.c \
    web/kept.c web/kept.h \
    web/mask.c web/mask.h \
    web/metrics.c web/metrics.h \
    web/metrics_track.c web/metrics_track.h \
    web/metrics_alerts.c web/metrics_alerts.h \
    web/problem.c web/problem.h \
    web/readers.c web/readers.h \
    web/response.c web/response.h \
    web/runbook.c \
    web/router.c web/router.h \
    web/server.c web/server.h \
    web/static.c web/static.h \
    web/stream.c web/stream.h \
    web/ticker.c web/ticker.h

# Alerts.
web_libweb_a_SOURCES += web/am.c web/am.h
web_libweb_a_SOURCES += web/am_alerts.c
web_libweb_a_SOURCES += web/am_silences.c
web_libweb_a_SOURCES += web/alert_news.c web/alert_news.h
web_libweb_a_SOURCES += web/alert_scene.c web/alert_scene.h
web_libweb_a_SOURCES += web/api_alerts.c web/api_alerts.h
web_libweb_a_SOURCES += web/api_alert_acts.c
web_libweb_a_SOURCES += web/api_alert_groups.c
web_libweb_a_SOURCES += web/api_notifications.c
web_libweb_a_SOURCES += web/api_receivers.c
web_libweb_a_SOURCES += web/api_rules.c
web_libweb_a_SOURCES += web/api_rules_test.c
web_libweb_a_SOURCES += web/api_silences.c
web_libweb_a_SOURCES += web/hours_words.c web/hours_words.h

# Who asks.
web_libweb_a_SOURCES += web/api_session.c
web_libweb_a_SOURCES += web/gate.c web/gate.h
web_libweb_a_SOURCES += web/listen.c web/listen.h
web_libweb_a_SOURCES += web/proxy.c web/proxy.h
web_libweb_a_SOURCES += web/sign.c web/sign.h
web_libweb_a_SOURCES += web/who.c web/who.h

# Panels: what is plotted.
web_libweb_a_SOURCES += web/panel/define.c
web_libweb_a_SOURCES += web/panel/internal.h
web_libweb_a_SOURCES += web/panel/keys.c
web_libweb_a_SOURCES += web/panel/load.c
web_libweb_a_SOURCES += web/panel/panels.h
web_libweb_a_SOURCES += web/panel/rule.c web/panel/rule.h
web_libweb_a_SOURCES += web/panel/query.c web/panel/query.h
web_libweb_a_SOURCES += web/panel/query_internal.h web/panel/burndown.c
# Plots: how it is drawn.
web_libweb_a_SOURCES += web/api_plots.c
web_libweb_a_SOURCES += web/plot/child.c web/plot/child.h
web_libweb_a_SOURCES += web/plot/pool.c web/plot/pool.h
web_libweb_a_SOURCES += web/plot/script.c web/plot/script.h
web_libweb_a_SOURCES += web/plot/label.c web/plot/label.h
web_libweb_a_SOURCES += web/plot/layout.c web/plot/layout.h
web_libweb_a_SOURCES += web/plot/palette.c web/plot/palette.h
nodist_web_libweb_a_SOURCES = web/panel/pack.c
# The dashboards that are built in, a file an entry of a table; installed too, to be copied.
dashboard_pack = $(srcdir)/web/dashboards/erp-posting-health.yaml \
    $(srcdir)/web/dashboards/executive.yaml \
    $(srcdir)/web/dashboards/inventory-synchronization.yaml \
    $(srcdir)/web/dashboards/objective.yaml \
    $(srcdir)/web/dashboards/order-flow.yaml \
    $(srcdir)/web/dashboards/overview.yaml \
    $(srcdir)/web/dashboards/returns-status.yaml \
    $(srcdir)/web/dashboards/spark.yaml \
    $(srcdir)/web/dashboards/stores.yaml \
    $(srcdir)/web/dashboards/workflow.yaml
dashboardsdir = $(pkgdatadir)/dashboards
dist_dashboards_DATA = $(dashboard_pack)
CLEANFILES += web/panel/pack.c
web/panel/pack.c: $(dashboard_pack) $(srcdir)/web/local.mk
	@$(MKDIR_P) web/panel
	$(AM_V_GEN)$(AWK) 'BEGIN { print "#include \"config.h\"\n#include \"web/panel/internal.h\""; \
	        print "const struct tw_panel_builtin tw_panel_pack[] = {" } \
	    FNR == 1 { if (NR > 1) print "},"; name = FILENAME; sub(/.*\//, "", name); \
	        print "{\"" name "\"," } \
	    { gsub(/\\/, "&&"); gsub(/"/, "\\\""); print "\"" $$0 "\\n\"" } \
	    END { print "}};"; print "const size_t tw_panel_pack_count ="; \
	        print "    sizeof(tw_panel_pack) / sizeof(tw_panel_pack[0]);" }' \
	    $(dashboard_pack) >$@.tmp && mv $@.tmp $@

# The user interface: read by the program at its start, so that it is data, not code.
uidir = $(pkgdatadir)/ui
dist_ui_DATA = \
    web/ui/agentlist.js \
    web/ui/alarm.js \
    web/ui/alertcard.js web/ui/alertdialog.js web/ui/alertnotices.js \
    web/ui/alertpages.js web/ui/alertwords.js \
    web/ui/api.js \
    web/ui/app.js \
    web/ui/circle.js \
    web/ui/doorlist.js \
    web/ui/early.js \
    web/ui/feed.js \
    web/ui/failurelist.js \
    web/ui/format.js \
    web/ui/frame.js \
    web/ui/graph.js \
    web/ui/icon.svg web/ui/icon-alert.svg \
    web/ui/index.html \
    web/ui/json.js \
    web/ui/lit.js \
    web/ui/live.js \
    web/ui/markdown.js \
    web/ui/notes.js \
    web/ui/page.js \
    web/ui/paneltable.js \
    web/ui/parts.js \
    web/ui/plandialog.js web/ui/repair.js \
    web/ui/plot.js \
    web/ui/range.js \
    web/ui/replaywords.js \
    web/ui/rulewords.js web/ui/runbook.js \
    web/ui/runlist.js \
    web/ui/runrow.js \
    web/ui/silencetime.js \
    web/ui/sign-in.html web/ui/sign-in.js web/ui/who.js \
    web/ui/storegrid.js \
    web/ui/style.css \
    web/ui/table.js \
    web/ui/time.js \
    web/ui/trouble.js web/ui/trypast.js \
    web/ui/worker.js
uipagesdir = $(uidir)/pages
dist_uipages_DATA = \
    web/ui/pages/account.js \
    web/ui/pages/alert.js web/ui/pages/alerts.js \
    web/ui/pages/causes.js \
    web/ui/pages/dashboard.js \
    web/ui/pages/dashboards.js \
    web/ui/pages/event.js \
    web/ui/pages/failure.js \
    web/ui/pages/failures.js \
    web/ui/pages/journey.js \
    web/ui/pages/notifications.js \
    web/ui/pages/objective.js \
    web/ui/pages/objectives.js \
    web/ui/pages/overview.js \
    web/ui/pages/payload.js \
    web/ui/pages/quarantine.js \
    web/ui/pages/audit.js \
    web/ui/pages/replay.js \
    web/ui/pages/replays.js \
    web/ui/pages/rule.js web/ui/pages/rules.js web/ui/pages/runbook.js \
    web/ui/pages/runs.js \
    web/ui/pages/search.js \
    web/ui/pages/store.js \
    web/ui/pages/silences.js \
    web/ui/pages/stores.js \
    web/ui/pages/systems.js \
    web/ui/pages/taps.js \
    web/ui/pages/workflow.js \
    web/ui/pages/workflows.js
# What they stand on, from npm (web/package-lock.json); a released archive has it. Both are made at once,
# the second last.
uivendordir = $(uidir)/vendor
dist_uivendor_DATA = web/ui/vendor/lit-html.js web/ui/vendor/marked.js
web/ui/vendor/lit-html.js: web/package-lock.json web/vendor.sh web/vendor.mjs
	$(srcdir)/web/vendor.sh $(srcdir)
web/ui/vendor/marked.js: web/ui/vendor/lit-html.js
	test -s $(srcdir)/$@ || $(srcdir)/web/vendor.sh $(srcdir)
EXTRA_DIST += web/package.json web/package-lock.json web/vendor.sh web/vendor.mjs
