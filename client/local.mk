# SPDX-License-Identifier: Apache-2.0
# The library for programs that send to the acknowledged tap and for replay agents: libzmq and
# libc, nothing of ours.
lib_LIBRARIES = client/libtillwatch.a
client_libtillwatch_a_SOURCES = \
    client/agent.c \
    client/agent_memory.c client/agent_memory.h \
    client/agent_message.c client/agent_message.h \
    client/crc32c.c client/crc32c.h \
    client/json.c client/json.h \
    client/keys.c \
    client/link.c client/link.h \
    client/sender.c \
    client/spool.c client/spool.h
include_HEADERS = client/tillwatch.h client/tillwatch_agent.h
pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = client/libtillwatch.pc
EXTRA_DIST += client/libtillwatch.pc.in
dist_man_MANS += client/libtillwatch.3

# Built with the rest, so that the manual's example stays true.
noinst_PROGRAMS += client/example
client_example_SOURCES = client/example.c
client_example_LDADD = client/libtillwatch.a $(ZMQ_LIBS)
noinst_PROGRAMS += client/example_agent
client_example_agent_SOURCES = client/example_agent.c
client_example_agent_LDADD = client/libtillwatch.a $(ZMQ_LIBS)
