# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += tests/tsan.supp

# Memory that runs out at one chosen call.
ALLOC_KIT = tests/unit/alloc_kit.c tests/unit/alloc_kit.h
ALLOC_WRAPS = -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc -Wl,--wrap=strdup \
    -Wl,--wrap=strndup
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_core
tests_unit_test_core_SOURCES = tests/unit/test_core.c
tests_unit_test_core_LDADD = collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_format
tests_unit_test_format_SOURCES = tests/unit/test_format.c
tests_unit_test_format_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(ZSTD_LIBS) $(XXHASH_LIBS)
check_PROGRAMS += tests/unit/test_ident
tests_unit_test_ident_SOURCES = tests/unit/test_ident.c tests/unit/store_kit.c \
    tests/unit/store_kit.h
tests_unit_test_ident_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=tw_parts_list
tests_unit_test_ident_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS)
check_PROGRAMS += tests/unit/test_writer
tests_unit_test_writer_SOURCES = tests/unit/test_writer.c tests/unit/store_kit.c \
    tests/unit/store_kit.h
tests_unit_test_writer_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS)
check_PROGRAMS += tests/unit/test_store
tests_unit_test_store_SOURCES = tests/unit/test_store.c tests/unit/store_kit.c \
    tests/unit/store_kit.h
tests_unit_test_store_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS)
check_PROGRAMS += tests/unit/test_store_leftovers
tests_unit_test_store_leftovers_SOURCES = tests/unit/test_store_leftovers.c \
    tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_store_leftovers_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=unlink -Wl,--wrap=rename \
    -Wl,--wrap=fsync -Wl,--wrap=fdatasync -Wl,--wrap=calloc -Wl,--wrap=aligned_alloc
tests_unit_test_store_leftovers_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS)
check_PROGRAMS += tests/unit/test_migrate
tests_unit_test_migrate_SOURCES = tests/unit/test_migrate.c tests/unit/store_kit.c \
    tests/unit/store_kit.h
# The lists of schema steps are the test's own.
tests_unit_test_migrate_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=tw_catalogue_schema \
    -Wl,--wrap=tw_part_schema
tests_unit_test_migrate_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS)
check_PROGRAMS += tests/unit/test_binary
tests_unit_test_binary_SOURCES = tests/unit/test_binary.c tests/unit/decode_support.h
tests_unit_test_binary_LDADD = collector/libevent.a collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_decode
tests_unit_test_decode_SOURCES = tests/unit/test_decode.c $(ALLOC_KIT) tests/unit/decode_support.h
tests_unit_test_decode_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS)
tests_unit_test_decode_LDADD = collector/libevent.a collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_scan
tests_unit_test_scan_SOURCES = tests/unit/test_scan.c
tests_unit_test_scan_LDADD = collector/libevent.a collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_mapping
tests_unit_test_mapping_SOURCES = tests/unit/test_mapping.c tests/unit/decode_support.h
tests_unit_test_mapping_LDADD = collector/libconfig.a collector/libevent.a collector/libcore.a \
    $(YAML_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_track_run
tests_unit_test_track_run_SOURCES = tests/unit/test_track_run.c tests/unit/run_kit.c \
    tests/unit/run_kit.h
tests_unit_test_track_run_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc
tests_unit_test_track_run_LDADD = collector/libtrack.a collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_track_run_model
tests_unit_test_track_run_model_SOURCES = tests/unit/test_track_run_model.c \
    tests/unit/run_kit.c tests/unit/run_kit.h
tests_unit_test_track_run_model_LDADD = collector/libtrack.a collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_track_graph
tests_unit_test_track_graph_SOURCES = tests/unit/test_track_graph.c tests/unit/graph_kit.c tests/unit/graph_kit.h
tests_unit_test_track_graph_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc \
    -Wl,--wrap=realloc -Wl,--wrap=aligned_alloc
tests_unit_test_track_graph_LDADD = collector/libtrack.a collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_track_graph_save
tests_unit_test_track_graph_save_SOURCES = tests/unit/test_track_graph_save.c tests/unit/graph_kit.c tests/unit/graph_kit.h
tests_unit_test_track_graph_save_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc \
    -Wl,--wrap=realloc -Wl,--wrap=aligned_alloc
tests_unit_test_track_graph_save_LDADD = collector/libtrack.a collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_track_match
tests_unit_test_track_match_SOURCES = tests/unit/test_track_match.c tests/unit/match_kit.c \
    tests/unit/match_kit.h
tests_unit_test_track_match_LDADD = collector/libtrack.a collector/libevent.a \
    collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_track_match_any
tests_unit_test_track_match_any_SOURCES = tests/unit/test_track_match_any.c $(ALLOC_KIT) \
    tests/unit/match_kit.c tests/unit/match_kit.h
tests_unit_test_track_match_any_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS)
tests_unit_test_track_match_any_LDADD = collector/libtrack.a collector/libevent.a \
    collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_track_queue
tests_unit_test_track_queue_SOURCES = tests/unit/test_track_queue.c
tests_unit_test_track_queue_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=realloc
tests_unit_test_track_queue_LDADD = collector/libtrack.a collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_track_silence
tests_unit_test_track_silence_SOURCES = tests/unit/test_track_silence.c
tests_unit_test_track_silence_LDADD = collector/libtrack.a collector/libcore.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_track_watermark
tests_unit_test_track_watermark_SOURCES = tests/unit/test_track_watermark.c
tests_unit_test_track_watermark_LDADD = collector/libtrack.a collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_snapshot
tests_unit_test_snapshot_SOURCES = tests/unit/test_snapshot.c tests/unit/store_kit.c \
    tests/unit/store_kit.h
tests_unit_test_snapshot_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_desk
tests_unit_test_desk_SOURCES = tests/unit/test_desk.c tests/unit/desk_kit.c tests/unit/desk_kit.h
tests_unit_test_desk_SOURCES += tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_desk_LDADD = collector/libdesk.a collector/libcauses.a collector/libstore.a \
    collector/libevent.a collector/libtrack.a collector/libconfig.a collector/libcore.a \
    $(CMOCKA_LIBS) $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) \
    $(GLIB_LIBS) -lm -lpthread
check_PROGRAMS += tests/unit/test_replay_edit
tests_unit_test_replay_edit_SOURCES = tests/unit/test_replay_edit.c
tests_unit_test_replay_edit_LDADD = collector/libreplay.a collector/libconfig.a \
    collector/libcore.a $(CMOCKA_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) -lpthread

check_PROGRAMS += tests/unit/test_replay_agents
tests_unit_test_replay_agents_SOURCES = tests/unit/test_replay_agents.c
tests_unit_test_replay_agents_LDADD = collector/libreplay.a collector/libevent.a \
    collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_replay_event
tests_unit_test_replay_event_SOURCES = tests/unit/test_replay_event.c
tests_unit_test_replay_event_LDADD = collector/libreplay.a collector/libevent.a \
    collector/libcore.a $(CMOCKA_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS)
check_PROGRAMS += tests/unit/test_replay_pace
tests_unit_test_replay_pace_SOURCES = tests/unit/test_replay_pace.c
tests_unit_test_replay_pace_LDADD = collector/libreplay.a collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_replay_dispatch
tests_unit_test_replay_dispatch_SOURCES = tests/unit/test_replay_dispatch.c
tests_unit_test_replay_dispatch_SOURCES += tests/unit/desk_kit.c tests/unit/desk_kit.h
tests_unit_test_replay_dispatch_SOURCES += tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_replay_dispatch_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=tw_outbox_begin \
    -Wl,--wrap=tw_outbox_commit -Wl,--wrap=tw_reader_record
tests_unit_test_replay_dispatch_LDADD = collector/libreplay.a collector/libhttpout.a collector/libhttp.a \
    collector/libdesk.a collector/libcauses.a collector/libstore.a collector/libevent.a \
    collector/libtrack.a collector/libconfig.a collector/libcore.a $(CMOCKA_LIBS) $(CURL_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) $(GLIB_LIBS) -lm \
    -lpthread
check_PROGRAMS += tests/unit/test_desk_replays
tests_unit_test_desk_replays_SOURCES = tests/unit/test_desk_replays.c tests/unit/desk_kit.c tests/unit/desk_kit.h
tests_unit_test_desk_replays_SOURCES += tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_desk_replays_LDADD = collector/libdesk.a collector/libcauses.a collector/libstore.a \
    collector/libevent.a collector/libtrack.a collector/libconfig.a collector/libcore.a \
    $(CMOCKA_LIBS) $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) \
    $(GLIB_LIBS) -lm -lpthread
check_PROGRAMS += tests/unit/test_alert_read
tests_unit_test_alert_read_SOURCES = tests/unit/test_alert_read.c tests/unit/store_kit.c \
    tests/unit/store_kit.h
tests_unit_test_alert_read_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_replay_read
tests_unit_test_replay_read_SOURCES = tests/unit/test_replay_read.c tests/unit/store_kit.c \
    tests/unit/store_kit.h
tests_unit_test_replay_read_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_plan tests/unit/test_plan_model tests/unit/test_replay_start
tests_unit_test_plan_SOURCES = tests/unit/test_plan.c tests/unit/plan_kit.h \
    tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_plan_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) -lpthread
tests_unit_test_plan_model_SOURCES = tests/unit/test_plan_model.c tests/unit/plan_kit.h \
    tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_plan_model_LDADD = $(tests_unit_test_plan_LDADD)
tests_unit_test_replay_start_SOURCES = tests/unit/test_replay_start.c tests/unit/plan_kit.h \
    tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_replay_start_LDADD = $(tests_unit_test_plan_LDADD)
check_PROGRAMS += tests/unit/test_store_setbacks
tests_unit_test_store_setbacks_SOURCES = tests/unit/test_store_setbacks.c tests/unit/store_kit.c \
    tests/unit/store_kit.h
tests_unit_test_store_setbacks_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_store_tracks
tests_unit_test_store_tracks_SOURCES = tests/unit/test_store_tracks.c tests/unit/track_kit.c \
    tests/unit/track_kit.h tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_store_tracks_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_store_points
tests_unit_test_store_points_SOURCES = tests/unit/test_store_points.c tests/unit/track_kit.c \
    tests/unit/track_kit.h tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_store_points_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_store_tracks_limits
tests_unit_test_store_tracks_limits_SOURCES = tests/unit/test_store_tracks_limits.c \
    tests/unit/track_kit.c tests/unit/track_kit.h tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_store_tracks_limits_LDADD = collector/libstore.a collector/libcore.a \
    $(CMOCKA_LIBS) $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_store_tracks_model
tests_unit_test_store_tracks_model_SOURCES = tests/unit/test_store_tracks_model.c \
    tests/unit/track_kit.c tests/unit/track_kit.h tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_store_tracks_model_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=rename -Wl,--wrap=unlink
tests_unit_test_store_tracks_model_LDADD = collector/libstore.a collector/libcore.a \
    $(CMOCKA_LIBS) $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) -lpthread

STORE_TEST_LIBS = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) $(SQLITE_LIBS) \
    $(ZSTD_LIBS) $(XXHASH_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_reader
tests_unit_test_reader_SOURCES = tests/unit/test_reader.c tests/unit/reader_kit.c \
    tests/unit/reader_kit.h tests/unit/store_model.h
tests_unit_test_reader_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += tests/unit/test_reader_limits
tests_unit_test_reader_limits_SOURCES = tests/unit/test_reader_limits.c \
    tests/unit/reader_kit.c tests/unit/reader_kit.h tests/unit/store_model.h
tests_unit_test_reader_limits_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += tests/unit/test_reader_faults
tests_unit_test_reader_faults_SOURCES = tests/unit/test_reader_faults.c $(ALLOC_KIT) \
    tests/unit/store_model.h
tests_unit_test_reader_faults_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_reader_faults_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS) -Wl,--wrap=tw_parts_list
tests_unit_test_reader_faults_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += tests/unit/test_journey
tests_unit_test_journey_SOURCES = tests/unit/test_journey.c tests/unit/store_model.h
tests_unit_test_journey_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_journey_LDADD = $(STORE_TEST_LIBS)
check_PROGRAMS += tests/unit/test_request
tests_unit_test_request_SOURCES = tests/unit/test_request.c tests/unit/store_model.h
tests_unit_test_request_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_request_LDADD = $(STORE_TEST_LIBS)
endif

# Fuzz drivers: on libFuzzer with --enable-fuzzing; otherwise they replay their seeds in make check.
fuzz_drivers = tests/fuzz/fuzz_decode tests/fuzz/fuzz_scan
tests_fuzz_fuzz_decode_SOURCES = tests/fuzz/fuzz_decode.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_decode_LDADD = collector/libevent.a collector/libcore.a $(JANSSON_LIBS)
tests_fuzz_fuzz_scan_SOURCES = tests/fuzz/fuzz_scan.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_scan_LDADD = collector/libevent.a collector/libcore.a $(JANSSON_LIBS)
if FUZZING
noinst_PROGRAMS += $(fuzz_drivers)
tests_fuzz_fuzz_decode_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_scan_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += $(fuzz_drivers)
tests_fuzz_fuzz_decode_SOURCES += tests/fuzz/replay_main.c
tests_fuzz_fuzz_scan_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += docs/decisions/0010-json-scanner.md docs/reference/events.md \
    docs/reference/mappings.md
EXTRA_DIST += tests/fuzz/seeds/decode tests/fuzz/seeds/scan tests/fixtures/adyen \
    tests/fixtures/shopify tests/fixtures/json-cases.txt

# What the checks of the tree and the system tests need, so that a release archive can run them.
EXTRA_DIST += tests/check_banned.sh tests/check_headers.sh tests/check_tree.py \
    tests/compile_commands.sh tests/cppcheck.supp \
    tests/system/tower.py tests/system/tap.py tests/system/publish.py \
    tests/system/clients/package.json tests/system/clients/package-lock.json
EXTRA_DIST += tests/system/gate.c tests/system/nosync.c tests/system/shadow.c tests/system/test_baduse.py tests/system/test_clients.py \
    tests/system/test_faults.py tests/system/test_hostile.py tests/system/test_kill.py tests/system/test_operations.py \
    tests/system/test_powercut.py tests/system/test_store.py \
    tests/system/clients/publish.mjs tests/system/clients/publish_client.py

EXTRA_DIST += tests/scenario/README.md $(srcdir)/tests/scenario/*.scn
if HAVE_CMOCKA
noinst_LIBRARIES += tests/support/liblab.a
tests_support_liblab_a_SOURCES = tests/support/lab.c tests/support/lab.h
tests_support_liblab_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests

check_PROGRAMS += tests/unit/test_sources
tests_unit_test_sources_SOURCES = tests/unit/test_sources.c
tests_unit_test_sources_LDADD = collector/libcorrelate.a collector/libstore.a \
    collector/libcore.a $(CMOCKA_LIBS) -lm

# What a test of the whole pipeline links.
PIPELINE_LIBS = tests/support/liblab.a collector/libintake.a collector/libcauses.a \
    collector/libcorrelate.a \
    collector/libevent.a collector/libstore.a collector/libtrack.a collector/libworkflow.a \
    collector/libconfig.a collector/libcore.a $(SQLITE_LIBS) $(JANSSON_LIBS) $(ZSTD_LIBS) \
    $(YAML_LIBS) $(XXHASH_LIBS) $(GLIB_LIBS) -lm -lpthread

check_PROGRAMS += tests/scenario/run
tests_scenario_run_SOURCES = tests/scenario/run.c tests/scenario/expect.c \
    tests/scenario/expect_track.c tests/scenario/scenario.h
tests_scenario_run_SOURCES += tests/scenario/expect_alerts.c
tests_scenario_run_SOURCES += tests/support/play_alerts.c tests/support/play_alerts.h
tests_scenario_run_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_scenario_run_LDADD = collector/libnotify.a collector/libalert.a $(PIPELINE_LIBS) $(PCRE_LIBS)

check_PROGRAMS += tests/unit/test_objects
tests_unit_test_objects_SOURCES = tests/unit/test_objects.c
tests_unit_test_objects_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_objects_LDADD = $(PIPELINE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_track_rows
tests_unit_test_track_rows_SOURCES = tests/unit/test_track_rows.c
tests_unit_test_track_rows_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_track_rows_LDADD = $(PIPELINE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_pipeline
tests_unit_test_pipeline_SOURCES = tests/unit/test_pipeline.c
tests_unit_test_pipeline_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_pipeline_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc \
    -Wl,--wrap=realloc
tests_unit_test_pipeline_LDADD = $(PIPELINE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_permutations
tests_unit_test_permutations_SOURCES = tests/unit/test_permutations.c
tests_unit_test_permutations_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_permutations_LDADD = $(PIPELINE_LIBS)
endif

# What a test of the tracker alone links.
TRACKER_LIBS = collector/libtrack.a collector/libworkflow.a collector/libconfig.a \
    collector/libevent.a collector/libcore.a $(JANSSON_LIBS) $(YAML_LIBS) $(XXHASH_LIBS) \
    $(GLIB_LIBS) -lm -lpthread
bench_programs += tests/bench/bench_track
tests_bench_bench_track_SOURCES = tests/bench/bench_track.c
tests_bench_bench_track_LDADD = $(TRACKER_LIBS)
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_tracker
tests_unit_test_tracker_SOURCES = tests/unit/test_tracker.c
tests_unit_test_tracker_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc \
    -Wl,--wrap=realloc -Wl,--wrap=strdup -Wl,--wrap=strndup
tests_unit_test_tracker_LDADD = $(TRACKER_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_track_limits
tests_unit_test_track_limits_SOURCES = tests/unit/test_track_limits.c \
    tests/unit/tracker_kit.c tests/unit/tracker_kit.h
tests_unit_test_track_limits_LDADD = $(TRACKER_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_track_stores
tests_unit_test_track_stores_SOURCES = tests/unit/test_track_stores.c \
    tests/unit/tracker_kit.c tests/unit/tracker_kit.h
tests_unit_test_track_stores_LDADD = $(TRACKER_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_track_regions
tests_unit_test_track_regions_SOURCES = tests/unit/test_track_regions.c \
    tests/unit/tracker_kit.c tests/unit/tracker_kit.h
tests_unit_test_track_regions_LDADD = $(TRACKER_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_track_permutations
tests_unit_test_track_permutations_SOURCES = tests/unit/test_track_permutations.c \
    tests/unit/recount.c tests/unit/recount.h
tests_unit_test_track_permutations_LDADD = $(TRACKER_LIBS)
endif

# The load of the ingest benchmark and the limits beside it.
bench_programs += tests/bench/limits
EXTRA_DIST += tests/bench/bench_ingest.py
tests_bench_limits_SOURCES = tests/bench/limits.c tests/bench/load.c tests/bench/load.h
tests_bench_limits_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_bench_limits_LDADD = $(ZMQ_LIBS) $(SQLITE_LIBS) -lpthread

# The web half under load, and the bare library beside it.
bench_programs += tests/bench/bare_http tests/bench/http_load
EXTRA_DIST += tests/bench/bench_web.py
tests_bench_bare_http_SOURCES = tests/bench/bare_http.c
tests_bench_bare_http_LDADD = $(MHD_LIBS)
tests_bench_http_load_SOURCES = tests/bench/http_load.c

bench_programs += tests/bench/bench_parts
tests_bench_bench_parts_SOURCES = tests/bench/bench_parts.c tests/bench/load.c tests/bench/load.h
tests_bench_bench_parts_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_bench_bench_parts_LDADD = collector/libcorrelate.a collector/libevent.a collector/libtap.a collector/libcurve.a \
    collector/libstore.a collector/libconfig.a collector/libcore.a $(ZMQ_LIBS) $(SQLITE_LIBS) \
    $(JANSSON_LIBS) $(ZSTD_LIBS) $(YAML_LIBS) $(XXHASH_LIBS) -lm -lpthread

bench_programs += tests/bench/bench_tap
tests_bench_bench_tap_SOURCES = tests/bench/bench_tap.c
tests_bench_bench_tap_LDADD = collector/libtap.a collector/libcurve.a collector/libcore.a $(ZMQ_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_client
tests_unit_test_client_SOURCES = tests/unit/test_client.c tests/unit/fake_tower.c \
    tests/unit/fake_tower.h
tests_unit_test_client_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_client_LDADD = client/libtillwatch.a $(ZMQ_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_agent tests/unit/test_agent_memory tests/unit/test_agent_message
tests_unit_test_agent_SOURCES = tests/unit/test_agent.c tests/unit/fake_tower.c \
    tests/unit/fake_tower.h
tests_unit_test_agent_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_agent_LDADD = client/libtillwatch.a $(ZMQ_LIBS) $(CMOCKA_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_agent_faults
tests_unit_test_agent_faults_SOURCES = tests/unit/test_agent_faults.c $(ALLOC_KIT)
tests_unit_test_agent_faults_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_agent_faults_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS)
tests_unit_test_agent_faults_LDADD = client/libtillwatch.a $(ZMQ_LIBS) $(CMOCKA_LIBS)
tests_unit_test_agent_memory_SOURCES = tests/unit/test_agent_memory.c
tests_unit_test_agent_memory_LDADD = client/libtillwatch.a $(ZMQ_LIBS) $(CMOCKA_LIBS)
tests_unit_test_agent_message_SOURCES = tests/unit/test_agent_message.c
tests_unit_test_agent_message_LDADD = client/libtillwatch.a $(ZMQ_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_tap
tests_unit_test_tap_SOURCES = tests/unit/test_tap.c tests/unit/tap_bench.c tests/unit/tap_bench.h
tests_unit_test_tap_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_tap_LDADD = collector/libtap.a collector/libcurve.a collector/libcore.a $(ZMQ_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_tap_curve
tests_unit_test_tap_curve_SOURCES = tests/unit/test_tap_curve.c tests/unit/tap_bench.c \
    tests/unit/tap_bench.h
tests_unit_test_tap_curve_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_tap_curve_LDADD = collector/libtap.a collector/libcurve.a collector/libcore.a $(ZMQ_LIBS) \
    $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_curve_revoked
tests_unit_test_curve_revoked_SOURCES = tests/unit/test_curve_revoked.c
tests_unit_test_curve_revoked_SOURCES += tests/unit/curve_kit.c tests/unit/curve_kit.h
tests_unit_test_curve_revoked_SOURCES += tests/unit/tap_bench.c tests/unit/tap_bench.h
tests_unit_test_curve_revoked_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_curve_revoked_LDADD = collector/libtap.a collector/libcurve.a collector/libcore.a \
    $(ZMQ_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_curve_sockets
tests_unit_test_curve_sockets_SOURCES = tests/unit/test_curve_sockets.c
tests_unit_test_curve_sockets_SOURCES += tests/unit/curve_kit.c tests/unit/curve_kit.h
tests_unit_test_curve_sockets_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_curve_sockets_LDADD = collector/libreplay.a collector/libdeliver.a \
    collector/libcurve.a collector/libconfig.a collector/libevent.a collector/libcore.a \
    $(ZMQ_LIBS) $(YAML_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test_spool
spool_wraps = -Wl,--wrap=fsync -Wl,--wrap=fdatasync -Wl,--wrap=ftruncate -Wl,--wrap=rename \
    -Wl,--wrap=pwrite -Wl,--wrap=pwritev
tests_unit_test_spool_SOURCES = tests/unit/test_spool.c tests/unit/spool_place.c \
    tests/unit/spool_place.h
tests_unit_test_spool_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_spool_LDADD = client/libtillwatch.a $(ZMQ_LIBS) $(CMOCKA_LIBS)
tests_unit_test_spool_LDFLAGS = $(AM_LDFLAGS) $(spool_wraps)

check_PROGRAMS += tests/unit/test_client_spool
tests_unit_test_client_spool_SOURCES = tests/unit/test_client_spool.c \
    tests/unit/fake_tower.c tests/unit/fake_tower.h \
    tests/unit/spool_place.c tests/unit/spool_place.h
tests_unit_test_client_spool_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_client_spool_LDADD = client/libtillwatch.a $(ZMQ_LIBS) $(CMOCKA_LIBS)
tests_unit_test_client_spool_LDFLAGS = $(AM_LDFLAGS) $(spool_wraps)
endif

# The simulated estate: built directly in the build directory, beside tillwatch.
noinst_LIBRARIES += tests/simulator/libsim.a
tests_simulator_libsim_a_SOURCES = \
    tests/simulator/random.h \
    tests/simulator/agent.c tests/simulator/agent.h \
    tests/simulator/books.c tests/simulator/books.h \
    tests/simulator/misbehave.c tests/simulator/misbehave.h \
    tests/simulator/proof.c tests/simulator/proof.h \
    tests/simulator/begin.c tests/simulator/emit.c \
    tests/simulator/deliver.c tests/simulator/deliver.h \
    tests/simulator/estate.c tests/simulator/estate.h \
    tests/simulator/faults.c tests/simulator/faults.h \
    tests/simulator/flows.c tests/simulator/flows.h \
    tests/simulator/format.c tests/simulator/format.h \
    tests/simulator/garbage.c tests/simulator/garbage.h \
    tests/simulator/ledger.c tests/simulator/ledger.h \
    tests/simulator/options.c tests/simulator/options.h \
    tests/simulator/outlet.c tests/simulator/outlet.h \
    tests/simulator/queue.c tests/simulator/queue.h \
    tests/simulator/runs.c tests/simulator/runs.h \
    tests/simulator/sim.c tests/simulator/sim.h \
    tests/simulator/trade.c tests/simulator/trade.h \
    tests/simulator/types.c tests/simulator/types.h
tests_simulator_libsim_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
noinst_PROGRAMS += retail-sim
retail_sim_SOURCES = tests/simulator/main.c
retail_sim_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
retail_sim_LDADD = tests/simulator/libsim.a client/libtillwatch.a collector/libcore.a \
    $(ZMQ_LIBS) $(JANSSON_LIBS) -lm
# The collector on simulated time, for what the simulated estate writes.
noinst_PROGRAMS += tower-play
tower_play_SOURCES = tests/support/play.c tests/support/lab.c tests/support/lab.h \
    tests/support/play_alerts.c tests/support/play_alerts.h
tower_play_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tower_play_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=tw_live_make
tower_play_LDADD = collector/libnotify.a collector/libalert.a collector/libintake.a collector/libcauses.a collector/libcorrelate.a \
    collector/libevent.a \
    collector/libstore.a collector/libtrack.a collector/libworkflow.a collector/libconfig.a \
    collector/libcore.a $(SQLITE_LIBS) $(JANSSON_LIBS) $(ZSTD_LIBS) $(YAML_LIBS) $(XXHASH_LIBS) \
    $(GLIB_LIBS) $(PCRE_LIBS) -lm -lpthread
# Weeks of what alert rules look back on.
noinst_PROGRAMS += tower-weeks
tower_weeks_SOURCES = tests/support/weeks.c tests/support/lab.c tests/support/lab.h \
    tests/support/play_alerts.c tests/support/play_alerts.h
tower_weeks_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tower_weeks_LDADD = $(tower_play_LDADD)
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_simulator
tests_unit_test_simulator_SOURCES = tests/unit/test_simulator.c
tests_unit_test_simulator_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_simulator_LDADD = tests/simulator/libsim.a collector/libevent.a \
    collector/libcore.a $(CMOCKA_LIBS) -lm
check_PROGRAMS += tests/unit/test_sim_agent
tests_unit_test_sim_agent_SOURCES = tests/unit/test_sim_agent.c
tests_unit_test_sim_agent_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_sim_agent_LDADD = tests/simulator/libsim.a collector/libcore.a $(JANSSON_LIBS) \
    $(CMOCKA_LIBS) -lm
endif
EXTRA_DIST += docs/simulator.md tests/simulator/check_ledger.py tests/system/compare_ledger.py \
    tests/system/compare_runs.py tests/system/fault_table.py tests/system/test_ledger.py \
    tests/system/test_dashboards.py tests/system/test_failures.py \
    tests/system/replay_kit.py tests/system/test_replay.py tests/system/test_replay_plan.py \
    tests/bench/bench_replay.py \
    tests/system/test_alerts.py tests/system/test_alert_day.py \
    tests/system/test_alert_weeks.py tests/system/test_alert_rollout.py \
    tests/system/test_regions.py tests/system/test_runs.py tests/system/test_verdicts.py \
    tests/system/test_simulator.sh tests/system/test_tail.py

bench_programs += tests/bench/bench_graph
tests_bench_bench_graph_SOURCES = tests/bench/bench_graph.c
tests_bench_bench_graph_LDADD = collector/libtrack.a collector/libcore.a
bench_programs += tests/bench/bench_scan
tests_bench_bench_scan_SOURCES = tests/bench/bench_scan.c
tests_bench_bench_scan_LDADD = collector/libevent.a collector/libcore.a $(JANSSON_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_config tests/unit/test_config_faults
tests_unit_test_config_faults_SOURCES = tests/unit/test_config_faults.c tests/unit/config_support.h
tests_unit_test_config_faults_LDADD = collector/libconfig.a collector/libcore.a $(YAML_LIBS) \
    $(CMOCKA_LIBS)
tests_unit_test_config_SOURCES = tests/unit/test_config.c $(ALLOC_KIT) tests/unit/config_support.h
# Calls of the allocator from config/ pass through the test, which lets each of them fail once.
tests_unit_test_config_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS)
tests_unit_test_config_LDADD = collector/libconfig.a collector/libcore.a $(YAML_LIBS) \
    $(CMOCKA_LIBS)
endif
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_config_LDADD = collector/libconfig.a collector/libcore.a $(YAML_LIBS)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/config

bench_programs += tests/bench/bench_tracks
tests_bench_bench_tracks_SOURCES = tests/bench/bench_tracks.c
tests_bench_bench_tracks_LDADD = collector/libstore.a collector/libcore.a $(SQLITE_LIBS) \
    $(ZSTD_LIBS) $(XXHASH_LIBS) -lpthread

bench_programs += tests/bench/replay_plan
tests_bench_replay_plan_SOURCES = tests/bench/replay_plan.c
tests_bench_replay_plan_LDADD = collector/libstore.a collector/libcore.a $(SQLITE_LIBS) \
    $(ZSTD_LIBS) $(XXHASH_LIBS) -lpthread

bench_programs += tests/bench/bench_store
tests_bench_bench_store_SOURCES = tests/bench/bench_store.c
tests_bench_bench_store_LDADD = collector/libstore.a collector/libcore.a $(SQLITE_LIBS) \
    $(ZSTD_LIBS) $(XXHASH_LIBS)
# The web half. What its library needs of the collector: the reading side of the store.
if HAVE_CMOCKA
WEB_LIBS = web/libweb.a collector/libnotify.a collector/libalert.a collector/libreplay.a collector/libcauses.a collector/libstore.a collector/libaccess.a collector/libtrack.a collector/libevent.a \
    collector/libworkflow.a collector/libconfig.a collector/libcore.a $(SODIUM_LIBS) $(MHD_LIBS) $(SQLITE_LIBS) \
    $(JANSSON_LIBS) $(ZSTD_LIBS) $(ZLIB_LIBS) $(YAML_LIBS) $(XXHASH_LIBS) $(PCRE_LIBS) $(GLIB_LIBS) \
    -lm -lpthread
check_PROGRAMS += tests/unit/test_guard tests/unit/test_http tests/unit/test_mask \
    tests/unit/test_metrics tests/unit/test_problem tests/unit/test_router tests/unit/test_web
tests_unit_test_guard_SOURCES = tests/unit/test_guard.c
tests_unit_test_guard_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
tests_unit_test_http_SOURCES = tests/unit/test_http.c
tests_unit_test_http_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
tests_unit_test_mask_SOURCES = tests/unit/test_mask.c
tests_unit_test_mask_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
tests_unit_test_metrics_SOURCES = tests/unit/test_metrics.c
tests_unit_test_metrics_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
tests_unit_test_problem_SOURCES = tests/unit/test_problem.c
tests_unit_test_problem_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
tests_unit_test_router_SOURCES = tests/unit/test_router.c
tests_unit_test_router_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_gate
tests_unit_test_gate_SOURCES = tests/unit/test_gate.c tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_gate_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_web_rights
tests_unit_test_web_rights_SOURCES = tests/unit/test_web_rights.c
tests_unit_test_web_rights_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_gzip
tests_unit_test_gzip_SOURCES = tests/unit/test_gzip.c
tests_unit_test_gzip_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_stream
tests_unit_test_stream_SOURCES = tests/unit/test_stream.c
tests_unit_test_stream_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
tests_unit_test_web_SOURCES = tests/unit/test_web.c
tests_unit_test_web_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_kept
tests_unit_test_kept_SOURCES = tests/unit/test_kept.c tests/unit/store_model.h
tests_unit_test_kept_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_alert_labels
tests_unit_test_alert_labels_SOURCES = tests/unit/test_alert_labels.c $(ALLOC_KIT)
tests_unit_test_alert_labels_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS)
tests_unit_test_alert_labels_LDADD = collector/libalert.a collector/libcore.a $(CMOCKA_LIBS) \
    $(JANSSON_LIBS)
check_PROGRAMS += tests/unit/test_alert_matcher
tests_unit_test_alert_matcher_SOURCES = tests/unit/test_alert_matcher.c \
    tests/unit/matcher_rows.h $(ALLOC_KIT)
tests_unit_test_alert_matcher_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS)
tests_unit_test_alert_matcher_LDADD = collector/libalert.a collector/libcore.a $(CMOCKA_LIBS) \
    $(JANSSON_LIBS) $(PCRE_LIBS)
check_PROGRAMS += tests/unit/test_web_failures
tests_unit_test_web_failures_SOURCES = tests/unit/test_web_failures.c tests/unit/web_world.h \
    tests/unit/store_model.h
tests_unit_test_web_failures_LDADD = collector/libdesk.a $(WEB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_web_stores
tests_unit_test_web_stores_SOURCES = tests/unit/test_web_stores.c tests/unit/web_world.h \
    tests/unit/store_model.h
tests_unit_test_web_stores_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_web_runbook
tests_unit_test_web_runbook_SOURCES = tests/unit/test_web_runbook.c tests/unit/web_world.h \
    tests/unit/store_model.h
tests_unit_test_web_runbook_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_web_track
tests_unit_test_web_track_SOURCES = tests/unit/test_web_track.c tests/unit/web_world.h \
    tests/unit/store_model.h
tests_unit_test_web_track_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_web_journeys
tests_unit_test_web_journeys_SOURCES = tests/unit/test_web_journeys.c tests/unit/web_world.h \
    tests/unit/store_model.h
tests_unit_test_web_journeys_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_web_alerts
tests_unit_test_web_alerts_SOURCES = tests/unit/test_web_alerts.c tests/unit/store_model.h
tests_unit_test_web_alerts_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc \
    -Wl,--wrap=realloc
tests_unit_test_web_alerts_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_web_faults
tests_unit_test_web_faults_SOURCES = tests/unit/test_web_faults.c tests/unit/store_model.h
tests_unit_test_web_faults_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc -Wl,--wrap=calloc \
    -Wl,--wrap=realloc
tests_unit_test_web_faults_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
endif

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_panels
tests_unit_test_panels_SOURCES = tests/unit/test_panels.c tests/unit/config_support.h
tests_unit_test_panels_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_plot_pool
tests_unit_test_plot_pool_SOURCES = tests/unit/test_plot_pool.c
tests_unit_test_plot_pool_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_plot_script
tests_unit_test_plot_script_SOURCES = tests/unit/test_plot_script.c
tests_unit_test_plot_script_LDADD = $(WEB_LIBS) $(CMOCKA_LIBS)
endif

bench_programs += tests/bench/lookup
tests_bench_lookup_SOURCES = tests/bench/lookup.c
tests_bench_lookup_LDADD = collector/libstore.a collector/libcore.a $(SQLITE_LIBS) \
    $(ZSTD_LIBS) $(XXHASH_LIBS)
EXTRA_DIST += tests/system/test_curve.py
EXTRA_DIST += tests/system/test_cli.sh tests/system/test_workflows.sh

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_cli
tests_unit_test_cli_SOURCES = tests/unit/test_cli.c collector/cli.c collector/cli.h \
    collector/import_lines.c collector/import_lines.h collector/import_progress.c \
    collector/import_progress.h
tests_unit_test_cli_LDADD = collector/libconfig.a collector/libcore.a $(YAML_LIBS) $(CMOCKA_LIBS)
endif

tests_fuzz_fuzz_spool_SOURCES = tests/fuzz/fuzz_spool.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_spool_LDADD = client/libtillwatch.a collector/libcore.a $(ZMQ_LIBS)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_spool
tests_fuzz_fuzz_spool_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_spool
tests_fuzz_fuzz_spool_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/spool
tests_fuzz_fuzz_agent_SOURCES = tests/fuzz/fuzz_agent.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_agent_LDADD = client/libtillwatch.a collector/libcore.a $(ZMQ_LIBS)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_agent
tests_fuzz_fuzz_agent_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_agent
tests_fuzz_fuzz_agent_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/agent
EXTRA_DIST += tests/system/agent_check.py tests/system/clients/agent.py tests/system/test_agent.py
EXTRA_DIST += tests/system/test_replay_agent.py
tests_fuzz_fuzz_outbox_SOURCES = tests/fuzz/fuzz_outbox.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_outbox_LDADD = collector/libreplay.a collector/libevent.a collector/libcore.a \
    $(JANSSON_LIBS) $(XXHASH_LIBS)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_outbox
tests_fuzz_fuzz_outbox_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_outbox
tests_fuzz_fuzz_outbox_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/outbox
EXTRA_DIST += tests/system/test_plots.py tests/bench/bench_plots.py tests/bench/first_page.mjs
EXTRA_DIST += tests/system/test_sign_in.py
EXTRA_DIST += tests/system/test_prometheus.py tests/system/test_stream.py
EXTRA_DIST += tests/system/test_replay_api.py
EXTRA_DIST += tests/system/test_alerts_api.py tests/system/test_alertmanager_api.py
EXTRA_DIST += tests/system/test_track_web.py tests/system/test_web.py
EXTRA_DIST += tests/browser/package.json tests/browser/package-lock.json
EXTRA_DIST += tests/browser/test_audit.mjs tests/system/audit_rows.py tests/system/test_audit.py
EXTRA_DIST += tests/browser/fill.py tests/browser/replays.py
EXTRA_DIST += tests/browser/kit.mjs tests/browser/storm.mjs
EXTRA_DIST += tests/browser/test_alerts.mjs
EXTRA_DIST += tests/browser/test_data.mjs
EXTRA_DIST += tests/browser/test_failures.mjs tests/browser/test_replays.mjs tests/browser/test_outage.mjs
EXTRA_DIST += tests/browser/test_repair.mjs tests/browser/test_rules.mjs tests/browser/test_sign_in.mjs
EXTRA_DIST += tests/browser/test_flows.mjs
EXTRA_DIST += tests/browser/test_graphs.mjs
EXTRA_DIST += tests/browser/test_live.mjs
EXTRA_DIST += tests/browser/test_pages.mjs
EXTRA_DIST += tests/browser/test_tabs.mjs
tests_fuzz_fuzz_web_SOURCES = tests/fuzz/fuzz_web.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_web_LDADD = web/libweb.a collector/libcore.a $(JANSSON_LIBS)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_web
tests_fuzz_fuzz_web_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_web
tests_fuzz_fuzz_web_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/web

# What objectives and lag are counted with.
if HAVE_CMOCKA
TRACK_TEST_LIBS = collector/libtrack.a collector/libcore.a $(CMOCKA_LIBS) $(GLIB_LIBS) -lm
check_PROGRAMS += tests/unit/test_track_budget
tests_unit_test_track_budget_SOURCES = tests/unit/test_track_budget.c tests/unit/budget_kit.c \
    tests/unit/budget_kit.h
tests_unit_test_track_budget_LDADD = $(TRACK_TEST_LIBS)
check_PROGRAMS += tests/unit/test_track_budget_stored
tests_unit_test_track_budget_stored_SOURCES = tests/unit/test_track_budget_stored.c \
    tests/unit/budget_kit.c tests/unit/budget_kit.h
tests_unit_test_track_budget_stored_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=calloc
tests_unit_test_track_budget_stored_LDADD = $(TRACK_TEST_LIBS)
check_PROGRAMS += tests/unit/test_track_burn
tests_unit_test_track_burn_SOURCES = tests/unit/test_track_burn.c
tests_unit_test_track_burn_LDADD = $(TRACK_TEST_LIBS)
check_PROGRAMS += tests/unit/test_track_guards
tests_unit_test_track_guards_SOURCES = tests/unit/test_track_guards.c
tests_unit_test_track_guards_LDADD = $(TRACK_TEST_LIBS)
check_PROGRAMS += tests/unit/test_track_calendar
tests_unit_test_track_calendar_SOURCES = tests/unit/test_track_calendar.c
tests_unit_test_track_calendar_LDADD = $(TRACK_TEST_LIBS)
check_PROGRAMS += tests/unit/test_track_sketch
tests_unit_test_track_sketch_SOURCES = tests/unit/test_track_sketch.c
tests_unit_test_track_sketch_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc
tests_unit_test_track_sketch_LDADD = $(TRACK_TEST_LIBS)
check_PROGRAMS += tests/unit/test_track_verdict
tests_unit_test_track_verdict_SOURCES = tests/unit/test_track_verdict.c
tests_unit_test_track_verdict_LDADD = $(TRACK_TEST_LIBS)
endif

tests_fuzz_fuzz_track_SOURCES = tests/fuzz/fuzz_track.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_track_LDADD = collector/libtrack.a collector/libcore.a $(GLIB_LIBS) -lm
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_track
tests_fuzz_fuzz_track_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_track
tests_fuzz_fuzz_track_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/track
tests_fuzz_fuzz_graph_SOURCES = tests/fuzz/fuzz_graph.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_graph_LDADD = collector/libtrack.a collector/libcore.a -lm
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_graph
tests_fuzz_fuzz_graph_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_graph
tests_fuzz_fuzz_graph_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/graph
tests_fuzz_fuzz_restore_SOURCES = tests/fuzz/fuzz_restore.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_restore_LDADD = $(TRACKER_LIBS)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_restore
tests_fuzz_fuzz_restore_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_restore
tests_fuzz_fuzz_restore_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/restore
if HAVE_CMOCKA
WORKFLOW_TEST_LIBS = collector/libworkflow.a collector/libconfig.a collector/libcore.a \
    $(YAML_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_workflow
tests_unit_test_workflow_SOURCES = tests/unit/test_workflow.c tests/unit/workflow_support.h \
    tests/unit/config_support.h
tests_unit_test_workflow_LDADD = $(WORKFLOW_TEST_LIBS)
check_PROGRAMS += tests/unit/test_workflow_maintenance
tests_unit_test_workflow_maintenance_SOURCES = tests/unit/test_workflow_maintenance.c \
    tests/unit/workflow_support.h tests/unit/config_support.h
tests_unit_test_workflow_maintenance_LDADD = $(WORKFLOW_TEST_LIBS)
check_PROGRAMS += tests/unit/test_workflow_version
tests_unit_test_workflow_version_SOURCES = tests/unit/test_workflow_version.c \
    tests/unit/workflow_support.h tests/unit/config_support.h
tests_unit_test_workflow_version_LDADD = $(WORKFLOW_TEST_LIBS)
check_PROGRAMS += tests/unit/test_workflow_set
tests_unit_test_workflow_set_SOURCES = tests/unit/test_workflow_set.c $(ALLOC_KIT) \
    tests/unit/workflow_support.h tests/unit/config_support.h
tests_unit_test_workflow_set_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS)
tests_unit_test_workflow_set_LDADD = $(WORKFLOW_TEST_LIBS)
check_PROGRAMS += tests/unit/test_workflow_openslo
tests_unit_test_workflow_openslo_SOURCES = tests/unit/test_workflow_openslo.c \
    tests/unit/workflow_support.h tests/unit/config_support.h
tests_unit_test_workflow_openslo_LDADD = $(WORKFLOW_TEST_LIBS)
endif
tests_fuzz_fuzz_workflow_SOURCES = tests/fuzz/fuzz_workflow.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_workflow_LDADD = collector/libworkflow.a collector/libconfig.a collector/libcore.a \
    $(YAML_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_workflow
tests_fuzz_fuzz_workflow_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_workflow
tests_fuzz_fuzz_workflow_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/workflow

tests_fuzz_fuzz_plot_SOURCES = tests/fuzz/fuzz_plot.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_plot_LDADD = web/libweb.a collector/libtrack.a collector/libcore.a \
    $(GLIB_LIBS) $(JANSSON_LIBS) -lm
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_plot
tests_fuzz_fuzz_plot_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_plot
tests_fuzz_fuzz_plot_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/plot

# Rules for causes.
EXTRA_DIST += tests/system/test_causes.py
EXTRA_DIST += tests/browser/test_causes.mjs
CAUSES_LIBS = collector/libcauses.a collector/libevent.a collector/libtrack.a \
    collector/libconfig.a collector/libcore.a $(YAML_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS)
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_causes
tests_unit_test_causes_SOURCES = tests/unit/test_causes.c $(ALLOC_KIT)
tests_unit_test_causes_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS)
tests_unit_test_causes_LDADD = $(CAUSES_LIBS) $(CMOCKA_LIBS)
endif
tests_fuzz_fuzz_causes_SOURCES = tests/fuzz/fuzz_causes.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_causes_LDADD = $(CAUSES_LIBS)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_causes
tests_fuzz_fuzz_causes_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_causes
tests_fuzz_fuzz_causes_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/causes

# HTTP destinations of replays.
noinst_PROGRAMS += tests/support/post
tests_support_post_SOURCES = tests/support/post.c
tests_support_post_LDADD = collector/libhttpout.a collector/libhttp.a collector/libevent.a collector/libconfig.a \
    collector/libcore.a $(CURL_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) -lpthread
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_replay_http
tests_unit_test_replay_http_SOURCES = tests/unit/test_replay_http.c $(ALLOC_KIT)
tests_unit_test_replay_http_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS)
tests_unit_test_replay_http_LDADD = collector/libhttpout.a collector/libhttp.a collector/libevent.a \
    collector/libconfig.a collector/libcore.a $(CMOCKA_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) \
    $(YAML_LIBS) -lpthread
endif
EXTRA_DIST += tests/system/http_endpoint.py tests/system/test_replay_http.py tests/system/test_replay_posts.py
tests_fuzz_fuzz_http_answer_SOURCES = tests/fuzz/fuzz_http_answer.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_http_answer_LDADD = collector/libhttp.a collector/libevent.a \
    collector/libconfig.a collector/libcore.a $(JANSSON_LIBS) $(YAML_LIBS)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_http_answer
tests_fuzz_fuzz_http_answer_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_http_answer
tests_fuzz_fuzz_http_answer_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/http_answer

# Who may do what.
ACCESS_LIBS = collector/libaccess.a collector/libevent.a collector/libcore.a $(SODIUM_LIBS) \
    -lpthread
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_access_grant
tests_unit_test_access_grant_SOURCES = tests/unit/test_access_grant.c
tests_unit_test_access_grant_LDADD = $(ACCESS_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_access_secrets
tests_unit_test_access_secrets_SOURCES = tests/unit/test_access_secrets.c
tests_unit_test_access_secrets_LDADD = $(ACCESS_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_access_throttle
tests_unit_test_access_throttle_SOURCES = tests/unit/test_access_throttle.c
tests_unit_test_access_throttle_LDADD = $(ACCESS_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_store_users
tests_unit_test_store_users_SOURCES = tests/unit/test_store_users.c tests/unit/store_kit.c \
    tests/unit/store_kit.h
tests_unit_test_store_users_LDADD = collector/libstore.a $(ACCESS_LIBS) $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS)
endif
tests_fuzz_fuzz_grant_SOURCES = tests/fuzz/fuzz_grant.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_grant_LDADD = $(ACCESS_LIBS)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_grant
tests_fuzz_fuzz_grant_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_grant
tests_fuzz_fuzz_grant_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/grant

tests_fuzz_fuzz_matcher_SOURCES = tests/fuzz/fuzz_matcher.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_matcher_LDADD = collector/libalert.a collector/libcore.a $(JANSSON_LIBS) \
    $(PCRE_LIBS)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_matcher
tests_fuzz_fuzz_matcher_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_matcher
tests_fuzz_fuzz_matcher_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/matcher

# Alert rules and the times they are evaluated in.
RULES_LIBS = collector/libalert.a collector/libtrack.a collector/libworkflow.a \
    collector/libconfig.a collector/libcore.a $(YAML_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) \
    $(GLIB_LIBS) -lm
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_hours
tests_unit_test_hours_SOURCES = tests/unit/test_hours.c $(ALLOC_KIT)
tests_unit_test_hours_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS)
tests_unit_test_hours_LDADD = $(RULES_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_rules
tests_unit_test_rules_SOURCES = tests/unit/test_rules.c tests/unit/rules_kit.h $(ALLOC_KIT)
tests_unit_test_rules_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS)
tests_unit_test_rules_LDADD = $(RULES_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_rules_load
tests_unit_test_rules_load_SOURCES = tests/unit/test_rules_load.c tests/unit/rules_kit.h
tests_unit_test_rules_load_LDADD = $(RULES_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_rules_say
tests_unit_test_rules_say_SOURCES = tests/unit/test_rules_say.c tests/unit/rules_kit.h
tests_unit_test_rules_say_LDADD = $(RULES_LIBS) $(CMOCKA_LIBS)
endif
tests_fuzz_fuzz_rules_SOURCES = tests/fuzz/fuzz_rules.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_rules_LDADD = $(RULES_LIBS)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_rules
tests_fuzz_fuzz_rules_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_rules
tests_fuzz_fuzz_rules_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/rules

# Who is told: receivers and routes.
ROUTES_LIBS = collector/libnotify.a $(RULES_LIBS) $(PCRE_LIBS)
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_notify_routes
tests_unit_test_notify_routes_SOURCES = tests/unit/test_notify_routes.c $(ALLOC_KIT) \
    tests/unit/rules_kit.h
tests_unit_test_notify_routes_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS)
tests_unit_test_notify_routes_LDADD = $(ROUTES_LIBS) $(CMOCKA_LIBS)
endif
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_notify_group
tests_unit_test_notify_group_SOURCES = tests/unit/test_notify_group.c
tests_unit_test_notify_group_SOURCES += tests/unit/group_kit.c tests/unit/group_kit.h
tests_unit_test_notify_group_LDADD = collector/libnotify.a collector/libstore.a $(ROUTES_LIBS) \
    $(CMOCKA_LIBS) $(SQLITE_LIBS) $(ZSTD_LIBS)
check_PROGRAMS += tests/unit/test_alert_watch
tests_unit_test_alert_watch_SOURCES = tests/unit/test_alert_watch.c tests/unit/rules_kit.h
tests_unit_test_alert_watch_SOURCES += tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_alert_watch_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=tw_alerts_commit
tests_unit_test_alert_watch_LDADD = collector/libalert.a collector/libstore.a $(RULES_LIBS) \
    $(CMOCKA_LIBS) $(SQLITE_LIBS) $(ZSTD_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_store_alerts
tests_unit_test_store_alerts_SOURCES = tests/unit/test_store_alerts.c $(ALLOC_KIT)
tests_unit_test_store_alerts_SOURCES += tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_store_alerts_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS)
tests_unit_test_store_alerts_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) -lm -lpthread
check_PROGRAMS += tests/unit/test_notify_tell
tests_unit_test_notify_tell_SOURCES = tests/unit/test_notify_tell.c
tests_unit_test_notify_tell_SOURCES += tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_notify_tell_LDADD = collector/libnotify.a collector/libstore.a $(ROUTES_LIBS) \
    $(CMOCKA_LIBS) $(SQLITE_LIBS) $(ZSTD_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_notify_model
tests_unit_test_notify_model_SOURCES = tests/unit/test_notify_model.c
tests_unit_test_notify_model_SOURCES += tests/unit/group_kit.c tests/unit/group_kit.h
tests_unit_test_notify_model_LDADD = collector/libnotify.a collector/libstore.a $(ROUTES_LIBS) \
    $(CMOCKA_LIBS) $(SQLITE_LIBS) $(ZSTD_LIBS)
check_PROGRAMS += tests/unit/test_store_notices
tests_unit_test_store_notices_SOURCES = tests/unit/test_store_notices.c
tests_unit_test_store_notices_SOURCES += tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_store_notices_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) -lpthread
endif
tests_fuzz_fuzz_notify_SOURCES = tests/fuzz/fuzz_notify.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_notify_LDADD = $(ROUTES_LIBS)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_notify
tests_fuzz_fuzz_notify_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_notify
tests_fuzz_fuzz_notify_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/notify
EXTRA_DIST += tests/system/test_notify.py tests/system/test_storm.py tests/system/test_alert_desk.py

# What goes to the servers of others.
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_net
tests_unit_test_net_SOURCES = tests/unit/test_net.c
tests_unit_test_net_LDADD = collector/libhttp.a collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_render
RENDER_LIBS = collector/libdeliver.a collector/libcurve.a collector/libhttp.a collector/libalert.a \
    collector/libevent.a \
    collector/libconfig.a collector/libcore.a $(JANSSON_LIBS) $(YAML_LIBS)
tests_unit_test_render_SOURCES = tests/unit/test_render.c
tests_unit_test_render_SOURCES += tests/unit/render_kit.c tests/unit/render_kit.h
tests_unit_test_render_LDADD = $(RENDER_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_render_mail
tests_unit_test_render_mail_SOURCES = tests/unit/test_render_mail.c
tests_unit_test_render_mail_SOURCES += tests/unit/render_kit.c tests/unit/render_kit.h
tests_unit_test_render_mail_LDADD = $(RENDER_LIBS) $(CMOCKA_LIBS)
endif

# The judge of alerts, on simulated time. Sets are made by hand, without references.
bench_programs += tests/bench/bench_alerts
tests_bench_bench_alerts_SOURCES = tests/bench/bench_alerts.c
tests_bench_bench_alerts_LDADD = $(RULES_LIBS)
ENGINE_KIT = tests/unit/alert_kit.c tests/unit/alert_kit.h
ENGINE_WRAPS = -Wl,--wrap=tw_rules_ref -Wl,--wrap=tw_rules_unref \
    -Wl,--wrap=tw_workflows_ref -Wl,--wrap=tw_workflows_unref
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_alert_states
tests_unit_test_alert_states_SOURCES = tests/unit/test_alert_states.c $(ENGINE_KIT)
tests_unit_test_alert_states_LDFLAGS = $(AM_LDFLAGS) $(ENGINE_WRAPS)
tests_unit_test_alert_states_LDADD = $(RULES_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_alert_model
tests_unit_test_alert_model_SOURCES = tests/unit/test_alert_model.c $(ENGINE_KIT)
tests_unit_test_alert_model_LDFLAGS = $(AM_LDFLAGS) $(ENGINE_WRAPS)
tests_unit_test_alert_model_LDADD = $(RULES_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_alert_engine
tests_unit_test_alert_engine_SOURCES = tests/unit/test_alert_engine.c $(ENGINE_KIT) $(ALLOC_KIT)
tests_unit_test_alert_engine_LDFLAGS = $(AM_LDFLAGS) $(ENGINE_WRAPS) $(ALLOC_WRAPS)
tests_unit_test_alert_engine_LDADD = $(RULES_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_alert_burn
tests_unit_test_alert_burn_SOURCES = tests/unit/test_alert_burn.c tests/unit/tracker_kit.c
tests_unit_test_alert_burn_SOURCES += tests/unit/tracker_kit.h
tests_unit_test_alert_burn_SOURCES += tests/support/play_alerts.c tests/support/play_alerts.h
tests_unit_test_alert_burn_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_unit_test_alert_burn_LDADD = collector/libnotify.a $(RULES_LIBS) collector/libstore.a \
    $(TRACKER_LIBS) $(CMOCKA_LIBS) $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) $(PCRE_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_alert_past
tests_unit_test_alert_past_SOURCES = tests/unit/test_alert_past.c tests/unit/rules_kit.h
tests_unit_test_alert_past_SOURCES += tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_alert_past_LDADD = collector/libalert.a collector/libstore.a $(RULES_LIBS) \
    $(CMOCKA_LIBS) $(SQLITE_LIBS) $(ZSTD_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_alert_windows
tests_unit_test_alert_windows_SOURCES = tests/unit/test_alert_windows.c $(ENGINE_KIT)
tests_unit_test_alert_windows_LDFLAGS = $(AM_LDFLAGS) $(ENGINE_WRAPS)
tests_unit_test_alert_windows_LDADD = $(RULES_LIBS) $(CMOCKA_LIBS)
endif

# Delivery alone, with the outbox of a store: tests/system/test_receivers.py drives it.
DELIVER_LIBS = collector/libdeliver.a collector/libcurve.a collector/libnotify.a collector/libalert.a \
    collector/libhttp.a collector/libstore.a collector/libevent.a collector/libtrack.a \
    collector/libworkflow.a collector/libconfig.a collector/libcore.a $(CURL_LIBS) $(ZMQ_LIBS) \
    $(SQLITE_LIBS) $(ZSTD_LIBS) $(XXHASH_LIBS) $(JANSSON_LIBS) $(YAML_LIBS) $(GLIB_LIBS) \
    $(PCRE_LIBS) -lm -lpthread
noinst_PROGRAMS += tests/support/notify
tests_support_notify_SOURCES = tests/support/notify.c
tests_support_notify_LDADD = $(DELIVER_LIBS)
EXTRA_DIST += tests/system/receivers_kit.py tests/system/test_receivers.py tests/system/test_pushes.py

# What receivers answer, and what notices say.
tests_fuzz_fuzz_receiver_SOURCES = tests/fuzz/fuzz_receiver.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_receiver_LDADD = $(DELIVER_LIBS)
if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz_receiver
tests_fuzz_fuzz_receiver_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
check_PROGRAMS += tests/fuzz/fuzz_receiver
tests_fuzz_fuzz_receiver_SOURCES += tests/fuzz/replay_main.c
endif
EXTRA_DIST += tests/fuzz/seeds/receiver
if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_notify_memory
tests_unit_test_notify_memory_SOURCES = tests/unit/test_notify_memory.c
tests_unit_test_notify_memory_SOURCES += tests/unit/store_kit.c tests/unit/store_kit.h $(ALLOC_KIT)
tests_unit_test_notify_memory_LDFLAGS = $(AM_LDFLAGS) $(ALLOC_WRAPS)
tests_unit_test_notify_memory_LDADD = $(DELIVER_LIBS) $(CMOCKA_LIBS) -lpthread
check_PROGRAMS += tests/unit/test_deliver
tests_unit_test_deliver_SOURCES = tests/unit/test_deliver.c
tests_unit_test_deliver_LDADD = $(DELIVER_LIBS) $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/unit/test_migrate_desk
tests_unit_test_migrate_desk_SOURCES = tests/unit/test_migrate_desk.c
tests_unit_test_migrate_desk_SOURCES += tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_migrate_desk_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_audit
tests_unit_test_audit_SOURCES = tests/unit/test_audit.c
tests_unit_test_audit_SOURCES += tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_audit_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_audit_attempts
tests_unit_test_audit_attempts_SOURCES = tests/unit/test_audit_attempts.c
tests_unit_test_audit_attempts_SOURCES += tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_audit_attempts_LDADD = $(STORE_TEST_LIBS)

check_PROGRAMS += tests/unit/test_audit_life
tests_unit_test_audit_life_SOURCES = tests/unit/test_audit_life.c
tests_unit_test_audit_life_SOURCES += tests/unit/store_kit.c tests/unit/store_kit.h
tests_unit_test_audit_life_LDADD = $(STORE_TEST_LIBS)
