/* SPDX-License-Identifier: Apache-2.0
 * The web half as a module: starting, every error it documents, answers without a store, and the
 * table of files. Requests over raw sockets are in tests/system/test_web.py. */
#include "config.h"
#include "web/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/log.h"
#include "web/static.h"

/* A directory of its own with an index.html, and a configuration that points to it. */
struct place {
    char dir[64];
    char listen[64];
    struct tw_cfg cfg;
    const struct tw_workflows *workflows; /* none are defined */
};

static void write_file(const struct place *place, const char *name, const char *text, size_t len)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", place->dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}

static void place_init(struct place *place)
{
    *place = (struct place){.dir = "/tmp/tw-web-XXXXXX", .listen = "127.0.0.1:0"};
    assert_non_null(mkdtemp(place->dir));
    write_file(place, "index.html", "<p>one</p>", 10);
    place->cfg.web.listen = place->listen;
    place->cfg.web.threads = 2;
    place->cfg.web.max_connections = 16;
    place->cfg.web.max_connections_per_ip = 16;
    place->cfg.web.max_streams = 2;
    place->cfg.web.timeout_s = 5;
    place->cfg.web.max_body_bytes = 1024;
    place->cfg.web.query_deadline_ms = 1000;
    place->cfg.web.ui_dir = place->dir;
    place->cfg.store.dir = place->dir; /* there is no store in it */
    assert_int_equal(tw_workflows_load(&place->cfg, stderr, &place->workflows), TW_OK);
}

static void remove_file(const struct place *place, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", place->dir, name);
    (void)remove(path);
}

static void place_fini(struct place *place)
{
    tw_workflows_unref(&place->workflows);
    remove_file(place, "index.html");
    assert_int_equal(rmdir(place->dir), 0);
}

/* The status of GET path; the answer's bytes in `answer`. */
static int get_with(uint16_t port, const char *path, const char *more, char *answer, size_t size)
{
    char request[256];
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    int len =
        snprintf(request, sizeof request,
                 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", path, more);
    assert_int_equal(send(fd, request, (size_t)len, MSG_NOSIGNAL), len);
    size_t used = 0;
    for (;;) {
        ssize_t got = recv(fd, answer + used, size - 1 - used, 0);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
    }
    answer[used] = '\0';
    assert_int_equal(close(fd), 0);
    assert_true(used > 12);
    assert_memory_equal(answer, "HTTP/1.1 ", 9);
    return (int)strtol(answer + 9, NULL, 10);
}

static int get(uint16_t port, const char *path, char *answer, size_t size)
{
    return get_with(port, path, "", answer, size);
}

static void web__files__are_packed_for_those_who_ask_and_tagged_apart(void **state)
{
    (void)state;
    static char answer[8192];
    static char text[2000];
    char again[128];
    struct place place;
    struct tw_web *web = NULL;
    struct tw_diag diag = {""};
    place_init(&place);
    memset(text, 'x', sizeof text);
    write_file(&place, "app.js", text, sizeof text);
    assert_int_equal(tw_web_new(&place.cfg, place.workflows, tw_clock_system(), &web, &diag),
                     TW_OK);
    uint16_t port = tw_web_port(web);
    assert_int_equal(get(port, "/ui/app.js", answer, sizeof answer), 200);
    assert_non_null(strstr(answer, "Content-Length: 2000\r\n"));
    assert_non_null(strstr(answer, "Vary: Accept-Encoding\r\n"));
    assert_null(strstr(answer, "Content-Encoding"));
    assert_null(strstr(answer, "-z\""));
    static const char gzip[] = "Accept-Encoding: gzip\r\n";
    assert_int_equal(get_with(port, "/ui/app.js", gzip, answer, sizeof answer), 200);
    assert_non_null(strstr(answer, "Content-Encoding: gzip\r\n"));
    assert_non_null(strstr(answer, "Vary: Accept-Encoding\r\n"));
    assert_null(strstr(answer, "Content-Length: 2000\r\n"));
    const char *tag = strstr(answer, "ETag: ");
    assert_non_null(tag);
    assert_memory_equal(tag + 6 + 17, "-z\"", 3);
    (void)snprintf(again, sizeof again, "If-None-Match: %.20s\r\n", tag + 6);
    assert_int_equal(get_with(port, "/ui/app.js", again, answer, sizeof answer), 200);
    (void)snprintf(again + strlen(again), sizeof again - strlen(again), "%s", gzip);
    assert_int_equal(get_with(port, "/ui/app.js", again, answer, sizeof answer), 304);
    assert_non_null(strstr(answer, "Vary: Accept-Encoding\r\n"));
    assert_int_equal(get_with(port, "/", gzip, answer, sizeof answer), 200); /* ten bytes */
    assert_null(strstr(answer, "Content-Encoding"));
    assert_int_equal(tw_web_destroy(&web), TW_OK);
    remove_file(&place, "app.js");
    place_fini(&place);
}

static void web__without_a_store__answers_and_says_so(void **state)
{
    (void)state;
    static char answer[8192];
    struct place place;
    struct tw_web *web = NULL;
    struct tw_diag diag = {""};
    place_init(&place);
    assert_int_equal(tw_web_new(&place.cfg, place.workflows, tw_clock_system(), &web, &diag),
                     TW_OK);
    uint16_t port = tw_web_port(web);
    assert_true(port > 0);
    assert_int_equal(get(port, "/healthz", answer, sizeof answer), 200);
    assert_int_equal(get(port, "/readyz", answer, sizeof answer), 503);
    assert_non_null(strstr(answer, "Retry-After: "));
    assert_non_null(strstr(answer, "\"reasons\":[\"the store"));
    assert_int_equal(get(port, "/api/v1/status", answer, sizeof answer), 503);
    assert_non_null(strstr(answer, "urn:problem-type:tillwatch:unavailable"));
    assert_int_equal(get(port, "/metrics", answer, sizeof answer), 503);
    assert_int_equal(get(port, "/", answer, sizeof answer), 200);
    assert_non_null(strstr(answer, "<p>one</p>"));
    assert_int_equal(get(port, "/ui/index.html", answer, sizeof answer), 200);
    assert_int_equal(get(port, "/ui/other.html", answer, sizeof answer), 404);
    assert_int_equal(tw_web_destroy(&web), TW_OK);
    assert_null(web);
    assert_int_equal(tw_web_destroy(&web), TW_OK);
    place_fini(&place);
}

static void check_refused(struct place *place, int wanted, const char *word)
{
    struct tw_web *web = NULL;
    struct tw_diag diag = {""};
    assert_int_equal(tw_web_new(&place->cfg, place->workflows, tw_clock_system(), &web, &diag),
                     wanted);
    assert_null(web);
    assert_non_null(strstr(diag.text, word));
}

static void web_new__port_taken__says_what_to_do(void **state)
{
    (void)state;
    struct place place;
    struct tw_web *web = NULL;
    struct tw_diag diag = {""};
    place_init(&place);
    assert_int_equal(tw_web_new(&place.cfg, place.workflows, tw_clock_system(), &web, &diag),
                     TW_OK);
    (void)snprintf(place.listen, sizeof place.listen, "127.0.0.1:%u", (unsigned)tw_web_port(web));
    check_refused(&place, TW_EBUSY, "TILLWATCH_WEB");
    assert_int_equal(tw_web_destroy(&web), TW_OK);
    place_fini(&place);
}

static void web_new__addresses_that_are_none__are_named(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "127.0.0.1",
                                      "127.0.0.1:",
                                      ":",
                                      "[::1]",
                                      "127.0.0.1:http",
                                      "1.2.3:x",
                                      "8460",
                                      "192.0.2.77:0",
                                      "no.such.host.invalid:1",
                                      "[::1:80"};
    struct place place;
    place_init(&place);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        (void)snprintf(place.listen, sizeof place.listen, "%s", bad[i]);
        check_refused(&place, TW_EINVAL, "web.listen");
    }
    place_fini(&place);
}

static void web_new__every_address_form__listens(void **state)
{
    (void)state;
    static const char *const good[] = {"127.0.0.1:0", "localhost:0", "*:0", "0.0.0.0:0"};
    struct place place;
    place_init(&place);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        static char answer[4096];
        struct tw_web *web = NULL;
        struct tw_diag diag = {""};
        place.cfg.web.threads = (int64_t)(i + 1); /* one thread is no pool */
        (void)snprintf(place.listen, sizeof place.listen, "%s", good[i]);
        assert_int_equal(tw_web_new(&place.cfg, place.workflows, tw_clock_system(), &web, &diag),
                         TW_OK);
        if (strncmp(good[i], "local", 5) != 0) { /* that may be ::1 */
            assert_int_equal(get(tw_web_port(web), "/healthz", answer, sizeof answer), 200);
        }
        assert_int_equal(tw_web_destroy(&web), TW_OK);
    }
    place_fini(&place);
}

static void web_new__no_files_of_the_interface__says_where_it_looked(void **state)
{
    (void)state;
    struct place place;
    place_init(&place);
    remove_file(&place, "index.html");
    check_refused(&place, TW_ENOTFOUND, place.dir);
    place_fini(&place);
}

static void make_dir(const struct place *place, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", place->dir, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void static_load__known_types_two_directories_deep__and_nothing_else(void **state)
{
    (void)state;
    struct place place;
    struct tw_static *files = NULL;
    struct tw_diag diag = {""};
    place_init(&place);
    write_file(&place, "app.js", "x", 1);
    write_file(&place, "notes.txt", "secret", 6);
    write_file(&place, ".hidden.js", "secret", 6);
    write_file(&place, "README", "secret", 6);
    make_dir(&place, "pages");
    write_file(&place, "pages/a.css", "yy", 2);
    make_dir(&place, "pages/more");
    make_dir(&place, "pages/more/deep");
    write_file(&place, "pages/more/b.js", "z", 1);
    write_file(&place, "pages/more/deep/c.js", "secret", 6);
    assert_int_equal(tw_static_load(place.dir, &files, &diag), TW_OK);
    assert_int_equal(tw_static_count(files), 4);
    assert_non_null(tw_static_find(files, TW_STR_LIT("pages/more/b.js")));
    const struct tw_static_file *css = tw_static_find(files, TW_STR_LIT("pages/a.css"));
    assert_non_null(css);
    assert_string_equal(css->content_type, "text/css; charset=utf-8");
    assert_int_equal(css->len, 2);
    assert_int_equal(strlen(css->tag), 18);
    assert_string_not_equal(css->tag, tw_static_find(files, TW_STR_LIT("app.js"))->tag);
    assert_null(tw_static_find(files, TW_STR_LIT("notes.txt")));
    assert_null(tw_static_find(files, TW_STR_LIT(".hidden.js")));
    assert_null(tw_static_find(files, TW_STR_LIT("app.js\0")));
    assert_null(tw_static_find(files, TW_STR_LIT("")));
    tw_static_destroy(&files);
    tw_static_destroy(&files);
    static const char *const names[] = {"app.js",
                                        "notes.txt",
                                        ".hidden.js",
                                        "README",
                                        "pages/a.css",
                                        "pages/more/b.js",
                                        "pages/more/deep/c.js",
                                        "pages/more/deep",
                                        "pages/more",
                                        "pages"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        remove_file(&place, names[i]);
    }
    place_fini(&place);
}

static void static_load__size_and_number__are_bounded(void **state)
{
    (void)state;
    struct place place;
    struct tw_static *files = NULL;
    struct tw_diag diag = {""};
    char path[128];
    place_init(&place);
    write_file(&place, "big.js", "", 0);
    (void)snprintf(path, sizeof path, "%s/big.js", place.dir);
    assert_int_equal(truncate(path, (off_t)TW_STATIC_MAX_BYTES), 0);
    assert_int_equal(tw_static_load(place.dir, &files, &diag), TW_OK);
    tw_static_destroy(&files);
    assert_int_equal(truncate(path, (off_t)TW_STATIC_MAX_BYTES + 1), 0);
    assert_int_equal(tw_static_load(place.dir, &files, &diag), TW_ELIMIT);
    assert_non_null(strstr(diag.text, "big.js"));
    remove_file(&place, "big.js");
    for (int extra = 0; extra < 2; extra++) { /* index.html and 255 others; then one more */
        for (int i = 0; i < (int)TW_STATIC_MAX_FILES - 1 + extra; i++) {
            char name[32];
            (void)snprintf(name, sizeof name, "f%d.js", i);
            write_file(&place, name, "x", 1);
        }
        assert_int_equal(tw_static_load(place.dir, &files, &diag), extra == 0 ? TW_OK : TW_ELIMIT);
        tw_static_destroy(&files);
    }
    for (int i = 0; i < (int)TW_STATIC_MAX_FILES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "f%d.js", i);
        remove_file(&place, name);
    }
    place_fini(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(web__without_a_store__answers_and_says_so),
        cmocka_unit_test(web__files__are_packed_for_those_who_ask_and_tagged_apart),
        cmocka_unit_test(web_new__port_taken__says_what_to_do),
        cmocka_unit_test(web_new__addresses_that_are_none__are_named),
        cmocka_unit_test(web_new__every_address_form__listens),
        cmocka_unit_test(web_new__no_files_of_the_interface__says_where_it_looked),
        cmocka_unit_test(static_load__known_types_two_directories_deep__and_nothing_else),
        cmocka_unit_test(static_load__size_and_number__are_bounded),
    };
    tw_log_setup(TW_LOG_ERROR, TW_LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
