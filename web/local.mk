# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += web/libweb.a
web_libweb_a_SOURCES = \
    web/api.h \
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
    web/api_taps.c \
    web/api_workflows.c \
    web/call.c web/call.h \
    web/event_view.c \
    web/guard.c web/guard.h \
    web/http.c web/http.h \
    web/out.c web/out.h \
    web/journey_runs.c \
    web/mask.c web/mask.h \
    web/metrics.c web/metrics.h \
    web/metrics_track.c web/metrics_track.h \
    web/problem.c web/problem.h \
    web/readers.c web/readers.h \
    web/response.c web/response.h \
    web/router.c web/router.h \
    web/server.c web/server.h \
    web/static.c web/static.h

# The user interface: read by the program at its start, so that it is data, not code.
uidir = $(pkgdatadir)/ui
dist_ui_DATA = \
    web/ui/api.js \
    web/ui/app.js \
    web/ui/dom.js \
    web/ui/format.js \
    web/ui/icon.svg \
    web/ui/index.html \
    web/ui/json.js \
    web/ui/live.js \
    web/ui/state.js \
    web/ui/style.css \
    web/ui/time.js \
    web/ui/track.js
uipagesdir = $(uidir)/pages
dist_uipages_DATA = \
    web/ui/pages/event.js \
    web/ui/pages/home.js \
    web/ui/pages/journey.js \
    web/ui/pages/payload.js \
    web/ui/pages/quarantine.js \
    web/ui/pages/runs.js \
    web/ui/pages/search.js \
    web/ui/pages/taps.js \
    web/ui/pages/workflows.js
