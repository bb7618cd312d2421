/* SPDX-License-Identifier: Apache-2.0
 * client: a replay agent when memory runs out at its opening, and when the disk takes no more. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent_memory.h"
#include "unit/alloc_kit.h"

#define CALLS_MAX 100 /* of the allocator in one opening; far fewer */

static char the_path[64];

static int make_place(void **state)
{
    (void)state;
    (void)snprintf(the_path, sizeof the_path, "/tmp/tw-agent-faults-XXXXXX");
    int fd = mkstemp(the_path);
    return fd < 0 || close(fd) != 0 ? -1 : 0;
}

static int remove_place(void **state)
{
    (void)state;
    return unlink(the_path);
}

static int carry_out(void *context, const struct tillwatch_replay *replay)
{
    (void)context;
    (void)replay;
    return TILLWATCH_ACCEPT;
}

static void agent_open__memory_out_at_any_call__is_told_and_leaves_nothing(void **state)
{
    static const char *const systems[] = {"erp", "loyalty"};
    const struct tillwatch_agent_options options = {.endpoint = "ipc:///nonexistent/tower",
                                                    .agent = "mw-1",
                                                    .systems = systems,
                                                    .system_count = 2,
                                                    .memory_file = the_path,
                                                    .carry_out = carry_out};
    tillwatch_agent *agent = NULL;
    int rc = TILLWATCH_NOMEM;
    size_t failing = 0;
    (void)state;
    while (rc == TILLWATCH_NOMEM) {
        assert_true(++failing < CALLS_MAX);
        alloc_count = 0;
        alloc_failing = failing;
        rc = tillwatch_agent_open(&options, &agent);
        alloc_failing = 0;
        assert_int_equal(agent == NULL, rc != TILLWATCH_OK);
    }
    assert_int_equal(rc, TILLWATCH_OK);
    assert_true(failing > 8); /* itself, texts, lists, memory, link */
    tillwatch_agent_close(&agent);
}

static void add(struct twc_memory *memory, unsigned number, int wanted)
{
    struct twc_verdict verdict = {.attempt = 1, .verdict = TILLWATCH_DONE};
    (void)snprintf(verdict.replayid, sizeof verdict.replayid, "rp-%u", number);
    (void)snprintf(verdict.key, sizeof verdict.key, "key-%u", number);
    assert_int_equal(twc_memory_add(memory, &verdict), wanted);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit = {.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void memory_add__disk_full_at_any_byte__keeps_the_file_whole(void **state)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    struct twc_memory *memory = NULL;
    struct stat about;
    (void)state;
    assert_int_equal(sigaction(SIGXFSZ, &ignore, NULL), 0);
    assert_int_equal(twc_memory_open(the_path, 512, &memory), TILLWATCH_OK);
    add(memory, 0, TILLWATCH_OK);
    assert_int_equal(stat(the_path, &about), 0);
    rlim_t line = (rlim_t)about.st_size;
    for (unsigned room = 0; room < line; room++) {
        limit_files(line + room);
        add(memory, 1 + room, TILLWATCH_IO);
        assert_non_null(twc_memory_find(memory, "rp-0", 1));
        assert_int_equal(stat(the_path, &about), 0);
        assert_int_equal(about.st_size, line);
    }
    limit_files(RLIM_INFINITY);
    add(memory, 500, TILLWATCH_OK);
    twc_memory_close(&memory);
    assert_int_equal(twc_memory_open(the_path, 512, &memory), TILLWATCH_OK);
    assert_true(twc_memory_is_done(memory, "key-0"));
    assert_true(twc_memory_is_done(memory, "key-500"));
    assert_false(twc_memory_is_done(memory, "key-1"));
    twc_memory_close(&memory);
}

static void memory_add__no_place_for_the_new_file__goes_on_with_the_old(void **state)
{
    struct twc_memory *memory = NULL;
    char path[80];
    (void)state;
    (void)snprintf(path, sizeof path, "%s.new", the_path);
    assert_int_equal(mkdir(path, 0700), 0); /* in the way of writing it anew */
    assert_int_equal(twc_memory_open(the_path, 2, &memory), TILLWATCH_OK);
    for (unsigned i = 0; i < 10; i++) {
        add(memory, i, TILLWATCH_OK);
    }
    twc_memory_close(&memory);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(twc_memory_open(the_path, 2, &memory), TILLWATCH_OK);
    assert_true(twc_memory_is_done(memory, "key-9"));
    assert_false(twc_memory_is_done(memory, "key-7"));
    twc_memory_close(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            agent_open__memory_out_at_any_call__is_told_and_leaves_nothing, make_place,
            remove_place),
        cmocka_unit_test_setup_teardown(memory_add__disk_full_at_any_byte__keeps_the_file_whole,
                                        make_place, remove_place),
        cmocka_unit_test_setup_teardown(memory_add__no_place_for_the_new_file__goes_on_with_the_old,
                                        make_place, remove_place),
    };
    return cmocka_run_group_tests_name("agent faults", tests, NULL, NULL);
}
