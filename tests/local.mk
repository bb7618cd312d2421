# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += tests/tsan.supp

if HAVE_CMOCKA
check_PROGRAMS += tests/unit/test_core
tests_unit_test_core_SOURCES = tests/unit/test_core.c
tests_unit_test_core_LDADD = collector/libcore.a $(CMOCKA_LIBS)
endif
