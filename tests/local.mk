# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += tests/tsan.supp

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_core
tests_unit_test_core_SOURCES = tests/unit/test_core.c
tests_unit_test_core_LDADD = collector/libcore.a $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/test_format
tests_unit_test_format_SOURCES = tests/unit/test_format.c
tests_unit_test_format_LDADD = collector/libstore.a collector/libcore.a $(CMOCKA_LIBS) \
    $(ZSTD_LIBS) $(XXHASH_LIBS)
check_PROGRAMS += tests/unit/test_decode
tests_unit_test_decode_SOURCES = tests/unit/test_decode.c tests/unit/decode_support.h
tests_unit_test_decode_LDADD = collector/libevent.a collector/libcore.a $(CMOCKA_LIBS)
endif

# What the checks of the tree and the system tests need, so that a release archive can run them.
EXTRA_DIST += tests/check_banned.sh tests/check_headers.sh tests/check_tree.py \
    tests/compile_commands.sh tests/cppcheck.supp \
    tests/system/tower.py tests/system/tap.py tests/system/publish.py \
    tests/system/clients/package.json tests/system/clients/package-lock.json
EXTRA_DIST += tests/system/nosync.c tests/system/test_baduse.py tests/system/test_clients.py \
    tests/system/test_faults.py tests/system/test_hostile.py tests/system/test_kill.py \
    tests/system/test_powercut.py tests/system/test_store.py \
    tests/system/clients/publish.mjs tests/system/clients/publish_client.py
