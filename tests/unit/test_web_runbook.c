/* SPDX-License-Identifier: Apache-2.0
 * Runbooks are handed out as they are written; no name leads anywhere but to them. */
#include "config.h"
#include "web/server.h"

#include "web_world.h"

#include "alert/runbooks.h"

struct books {
    char dir[64];
    struct tw_cfg_strings own; /* what the configuration had before the test */
    char *item;
};

static void path_of(const struct books *books, const char *name, char *path, size_t size)
{
    assert_true((size_t)snprintf(path, size, "%s/%s", books->dir, name) < size);
}

static void write_book(const struct books *books, const char *name, const char *text, size_t len)
{
    char path[192];
    path_of(books, name, path, sizeof path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    assert_int_equal(close(fd), 0);
}

static void remove_book(const struct books *books, const char *name)
{
    char path[192];
    path_of(books, name, path, sizeof path);
    assert_int_equal(unlink(path), 0);
}

static void begin(struct world *world, struct books *books)
{
    *books = (struct books){.dir = "/tmp/tw-web-runbook-XXXXXX"};
    assert_non_null(mkdtemp(books->dir));
    world_init(world);
    books->own = world->cfg->alerts.runbook_dirs;
    books->item = books->dir;
    world->cfg->alerts.runbook_dirs = (struct tw_cfg_strings){&books->item, 1};
}

static void end(struct world *world, struct books *books)
{
    world->cfg->alerts.runbook_dirs = books->own;
    world_fini(world);
    assert_int_equal(rmdir(books->dir), 0);
}

/* As it is written, and read anew each time. */
static void runbook__file__is_handed_out_as_it_is_now(void **state)
{
    (void)state;
    struct world world;
    struct books books;
    static const char first[] = "# Late\n\n<script>alert(1)</script>\n";
    static const char second[] = "# Later\n";
    begin(&world, &books);
    write_book(&books, "own-1.md", first, sizeof first - 1);
    assert_int_equal(get(&world, "/runbooks/own-1.md"), 200);
    assert_string_equal(world.body, first);
    assert_non_null(strstr(world.answer, "Content-Type: text/markdown; charset=utf-8"));
    assert_non_null(strstr(world.answer, "X-Content-Type-Options: nosniff"));
    write_book(&books, "own-1.md", second, sizeof second - 1);
    assert_int_equal(get(&world, "/runbooks/own-1.md"), 200);
    assert_string_equal(world.body, second);
    remove_book(&books, "own-1.md");
    assert_int_equal(get(&world, "/runbooks/own-1.md"), 404);
    write_book(&books, "empty.md", "", 0);
    assert_int_equal(get(&world, "/runbooks/empty.md"), 200);
    assert_string_equal(world.body, "");
    remove_book(&books, "empty.md");
    /* Those that are built in; one of the operators takes the place of one of the same name. */
    assert_int_equal(get(&world, "/runbooks/queue-backlog.md"), 200);
    assert_int_equal(strncmp(world.body, "# Queue backlog\n", 16), 0);
    write_book(&books, "queue-backlog.md", second, sizeof second - 1);
    assert_int_equal(get(&world, "/runbooks/queue-backlog.md"), 200);
    assert_string_equal(world.body, second);
    remove_book(&books, "queue-backlog.md");
    end(&world, &books);
}

static void runbook__name__leads_nowhere_else(void **state)
{
    (void)state;
    struct world world;
    struct books books;
    char longest[160];
    char path[192];
    static const char *const refused[] = {
        "/runbooks/.md",          "/runbooks/..%2Fsecret.md",
        "/runbooks/../secret.md", "/runbooks/a/b.md",
        "/runbooks/.hidden.md",   "/runbooks/late",
        "/runbooks/late.MD",      "/runbooks/late.txt",
        "/runbooks/la%00te.md",   "/runbooks/la%0Ate.md",
        "/runbooks/%2Fetc.md",    "/runbooks/late.md%00",
        "/runbooks/l%C3%A4t.md",  "/runbooks/..%2F..%2Fetc%2Fpasswd",
    };
    begin(&world, &books);
    write_book(&books, ".hidden.md", "x", 1);
    write_book(&books, "late.txt", "x", 1);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        int status = get(&world, refused[i]);
        assert_true(status == 404 || status == 400);
    }
    /* The longest name that is one has 100 bytes. */
    memset(longest, 'a', sizeof longest);
    memcpy(longest + 97, ".md", 4);
    write_book(&books, longest, "y", 1);
    (void)snprintf(path, sizeof path, "/runbooks/%s", longest);
    assert_int_equal(get(&world, path), 200);
    remove_book(&books, longest);
    memset(longest, 'a', sizeof longest);
    memcpy(longest + 98, ".md", 4);
    write_book(&books, longest, "y", 1);
    (void)snprintf(path, sizeof path, "/runbooks/%s", longest);
    assert_int_equal(get(&world, path), 404);
    remove_book(&books, longest);
    remove_book(&books, ".hidden.md");
    remove_book(&books, "late.txt");
    end(&world, &books);
}

/* What is no file of a sensible size is not read, and nobody waits for it. */
static void runbook__not_a_file_or_too_long__is_not_read(void **state)
{
    (void)state;
    struct world world;
    struct books books;
    char path[192];
    begin(&world, &books);
    char *text = malloc(TW_RUNBOOK_MAX_BYTES + 1);
    assert_non_null(text);
    memset(text, 'x', TW_RUNBOOK_MAX_BYTES + 1);
    write_book(&books, "long.md", text, TW_RUNBOOK_MAX_BYTES);
    assert_int_equal(get(&world, "/runbooks/long.md"), 200);
    assert_int_equal(strlen(world.body), TW_RUNBOOK_MAX_BYTES);
    write_book(&books, "long.md", text, TW_RUNBOOK_MAX_BYTES + 1);
    assert_true(get(&world, "/runbooks/long.md") >= 400);
    assert_null(strstr(world.body, "xxx"));
    remove_book(&books, "long.md");
    free(text);
    path_of(&books, "pipe.md", path, sizeof path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(get(&world, "/runbooks/pipe.md"), 404);
    assert_int_equal(unlink(path), 0);
    path_of(&books, "dir.md", path, sizeof path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(get(&world, "/runbooks/dir.md"), 404);
    assert_int_equal(rmdir(path), 0);
    end(&world, &books);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runbook__file__is_handed_out_as_it_is_now),
        cmocka_unit_test(runbook__name__leads_nowhere_else),
        cmocka_unit_test(runbook__not_a_file_or_too_long__is_not_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
