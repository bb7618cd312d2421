/* SPDX-License-Identifier: Apache-2.0
 * client: what an agent remembers, and the file that carries it over a restart. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent_memory.h"

static char the_path[64];

static int make_place(void **state)
{
    (void)state;
    (void)snprintf(the_path, sizeof the_path, "/tmp/tw-agent-memory-XXXXXX");
    int fd = mkstemp(the_path);
    return fd < 0 || close(fd) != 0 ? -1 : 0;
}

static int remove_place(void **state)
{
    (void)state;
    return unlink(the_path);
}

static struct twc_verdict verdict_of(unsigned number, int verdict)
{
    struct twc_verdict made = {.attempt = 1 + number % 3, .verdict = verdict};
    (void)snprintf(made.replayid, sizeof made.replayid, "rp-%u", number);
    (void)snprintf(made.key, sizeof made.key, "key-%u", number);
    (void)snprintf(made.reason, sizeof made.reason, "%s",
                   verdict == TILLWATCH_REFUSE ? "say \"why\" \\ \xc3\xa9" : "");
    return made;
}

static struct twc_memory *open_memory(const char *path, size_t count)
{
    struct twc_memory *memory = NULL;
    assert_int_equal(twc_memory_open(path, count, &memory), TILLWATCH_OK);
    return memory;
}

static void write_file(const char *text)
{
    int fd = open(the_path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

static int64_t file_size(void)
{
    struct stat about;
    assert_int_equal(stat(the_path, &about), 0);
    return about.st_size;
}

static void find__replayid_and_attempt__both_count(void **state)
{
    struct twc_memory *memory = open_memory(NULL, 4);
    struct twc_verdict verdict = verdict_of(1, TILLWATCH_REFUSE);
    (void)state;
    assert_null(twc_memory_find(memory, "rp-1", 2));
    assert_int_equal(twc_memory_add(memory, &verdict), TILLWATCH_OK);
    const struct twc_verdict *found = twc_memory_find(memory, "rp-1", 2);
    assert_non_null(found);
    assert_int_equal(found->verdict, TILLWATCH_REFUSE);
    assert_string_equal(found->reason, verdict.reason);
    assert_null(twc_memory_find(memory, "rp-1", 1));
    assert_null(twc_memory_find(memory, "rp-2", 2));
    twc_memory_close(&memory);
    assert_null(memory);
}

static void is_done__only_what_was_done_for_certain(void **state)
{
    struct twc_memory *memory = open_memory(NULL, 4);
    (void)state;
    for (int verdict = TILLWATCH_ACCEPT; verdict <= TILLWATCH_REFUSE; verdict++) {
        struct twc_verdict made = verdict_of((unsigned)verdict, verdict);
        assert_int_equal(twc_memory_add(memory, &made), TILLWATCH_OK);
        assert_int_equal(twc_memory_is_done(memory, made.key), verdict == TILLWATCH_DONE);
    }
    twc_memory_close(&memory);
}

static void add__beyond_the_bound__forgets_the_oldest(void **state)
{
    struct twc_memory *memory = open_memory(NULL, 3);
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct twc_verdict made = verdict_of(i, TILLWATCH_DONE);
        assert_int_equal(twc_memory_add(memory, &made), TILLWATCH_OK);
    }
    assert_null(twc_memory_find(memory, "rp-0", 1));
    assert_false(twc_memory_is_done(memory, "key-0"));
    assert_non_null(twc_memory_find(memory, "rp-1", 2));
    assert_non_null(twc_memory_find(memory, "rp-3", 1));
    twc_memory_close(&memory);
}

static void open__after_a_restart__knows_it_all(void **state)
{
    struct twc_memory *memory = open_memory(the_path, 8);
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct twc_verdict made = verdict_of(i, 1 + (int)i % 3);
        assert_int_equal(twc_memory_add(memory, &made), TILLWATCH_OK);
    }
    struct twc_memory *second = NULL;
    assert_int_equal(twc_memory_open(the_path, 8, &second), TILLWATCH_IO);
    assert_int_equal(errno, EBUSY);
    twc_memory_close(&memory);
    memory = open_memory(the_path, 8);
    for (unsigned i = 0; i < 6; i++) {
        struct twc_verdict made = verdict_of(i, 1 + (int)i % 3);
        const struct twc_verdict *found = twc_memory_find(memory, made.replayid, made.attempt);
        assert_non_null(found);
        assert_int_equal(found->verdict, made.verdict);
        assert_string_equal(found->key, made.key);
        assert_string_equal(found->reason, made.reason);
    }
    twc_memory_close(&memory);
}

static void open__a_torn_last_line__is_removed(void **state)
{
    struct twc_memory *memory = open_memory(the_path, 8);
    struct twc_verdict first = verdict_of(1, TILLWATCH_DONE);
    struct twc_verdict second = verdict_of(2, TILLWATCH_DONE);
    (void)state;
    assert_int_equal(twc_memory_add(memory, &first), TILLWATCH_OK);
    int64_t one_line = file_size();
    assert_int_equal(twc_memory_add(memory, &second), TILLWATCH_OK);
    int64_t two_lines = file_size();
    twc_memory_close(&memory);
    for (int64_t size = two_lines - 1; size >= one_line; size--) {
        assert_int_equal(truncate(the_path, size), 0);
        memory = open_memory(the_path, 8);
        assert_non_null(twc_memory_find(memory, "rp-1", 2));
        assert_null(twc_memory_find(memory, "rp-2", 3));
        assert_int_equal(file_size(), one_line);
        assert_int_equal(twc_memory_add(memory, &second), TILLWATCH_OK);
        twc_memory_close(&memory);
        memory = open_memory(the_path, 8);
        assert_non_null(twc_memory_find(memory, "rp-2", 3));
        twc_memory_close(&memory);
    }
}

static void open__anything_else_wrong__is_damage_and_stays(void **state)
{
    static const char *const texts[] = {
        "hello\n", "{}\n", "\n",
        "{\"replayid\":\"a\",\"key\":\"k\",\"reason\":\"\",\"attempt\":1,\"verdict\":\"later\"}\n",
        "{\"replayid\":\"a\",\"key\":\"k\",\"reason\":\"\",\"attempt\":-1,\"verdict\":\"done\"}\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct twc_memory *memory = NULL;
        write_file(texts[i]);
        assert_int_equal(twc_memory_open(the_path, 8, &memory), TILLWATCH_DAMAGED);
        assert_null(memory);
        assert_int_equal(file_size(), strlen(texts[i]));
    }
}

static void add__many__keeps_the_file_small(void **state)
{
    const size_t count = 4;
    struct twc_memory *memory = open_memory(the_path, count);
    int64_t line = 0;
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        struct twc_verdict made = verdict_of(i, TILLWATCH_DONE);
        assert_int_equal(twc_memory_add(memory, &made), TILLWATCH_OK);
        line = i == 0 ? file_size() + 4 : line;
        assert_true(file_size() <= line * 2 * (int64_t)count);
    }
    twc_memory_close(&memory);
    memory = open_memory(the_path, count);
    for (unsigned i = 0; i < 100; i++) {
        struct twc_verdict made = verdict_of(i, TILLWATCH_DONE);
        bool is_kept = twc_memory_find(memory, made.replayid, made.attempt) != NULL;
        assert_int_equal(is_kept, i >= 96);
    }
    twc_memory_close(&memory);
}

static void open__no_such_directory__is_an_error(void **state)
{
    struct twc_memory *memory = NULL;
    (void)state;
    assert_int_equal(twc_memory_open("/nonexistent/memory", 8, &memory), TILLWATCH_IO);
    assert_int_equal(errno, ENOENT);
    assert_null(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find__replayid_and_attempt__both_count),
        cmocka_unit_test(is_done__only_what_was_done_for_certain),
        cmocka_unit_test(add__beyond_the_bound__forgets_the_oldest),
        cmocka_unit_test_setup_teardown(open__after_a_restart__knows_it_all, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(open__a_torn_last_line__is_removed, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(open__anything_else_wrong__is_damage_and_stays, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(add__many__keeps_the_file_small, make_place, remove_place),
        cmocka_unit_test(open__no_such_directory__is_an_error),
    };
    return cmocka_run_group_tests_name("agent memory", tests, NULL, NULL);
}
