/* SPDX-License-Identifier: Apache-2.0
 * Who asks: cookies, tokens and proxies against a real desk, on a clock that the test moves. */
#include "config.h"

#include "store_kit.h"

#include <stdatomic.h>

#include "access/bearer.h"
#include "config/network.h"
#include "store/desk.h"
#include "store/sessions.h"
#include "store/tokens.h"
#include "web/gate.h"

#define OK(call) assert_int_equal((call), TW_OK)
#define T0_NS    (INT64_C(1700000000) * TW_NS_PER_S)
#define IDLE_S   1800
#define WHOLE_S  43200

static struct kit kit;
static struct tw_cfg cfg;
static struct tw_gate *gate;
static struct tw_diag diag;
static int64_t passed_ns;
static char cookie[TW_BEARER_TEXT_SIZE]; /* of anna's session */
static uint8_t cookie_hash[TW_BEARER_HASH_BYTES];
static uint64_t session_id;

static tw_wall_t wall_of_test(struct tw_clock *self)
{
    (void)self;
    return (tw_wall_t){T0_NS + passed_ns};
}

/* Deadlines of the reader are of the system's clock: a mono that lags is never late. */
static tw_mono_t mono_of_test(struct tw_clock *self)
{
    (void)self;
    struct tw_clock *system = tw_clock_system();
    return (tw_mono_t){system->mono(system).ns + passed_ns};
}

static struct tw_clock test_clock = {.wall = wall_of_test, .mono = mono_of_test};

static void pass_ms(int64_t ms)
{
    passed_ns += ms * TW_NS_PER_MS;
}

static struct tw_access_command by_root(void)
{
    return (struct tw_access_command){.dir = kit.dir,
                                      .actor = TW_STR_LIT("root"),
                                      .kind = TW_STR_LIT("user"),
                                      .now = wall_of_test(NULL)};
}

static void add_user(const char *name, enum tw_role role, const char *grants, bool must_change)
{
    const struct tw_access_command command = by_root();
    const struct tw_user_new user = {.name = tw_str_of(name),
                                     .role = role,
                                     .grants = tw_str_of(grants),
                                     .password = TW_STR_LIT("$argon2id$none"),
                                     .must_change = must_change};
    OK(tw_user_add(&command, &user, &diag));
}

static uint64_t sign_in(const char *user, char text[TW_BEARER_TEXT_SIZE], uint8_t *hash)
{
    const struct tw_access_command command = by_root();
    uint64_t id = 0;
    OK(tw_bearer_make(TW_BEARER_SESSION, text, hash));
    const struct tw_sign_in what = {.hash = hash,
                                    .limits = {.idle_s = IDLE_S, .absolute_s = WHOLE_S}};
    OK(tw_session_begin(&command, tw_str_of(user), &what, &id, &diag));
    return id;
}

static int set_up(void **state)
{
    (void)state;
    struct tw_desk *desk = NULL;
    passed_ns = 0;
    kit_init(&kit, 90);
    OK(kit_open(&kit));
    OK(tw_desk_open(kit.dir, &desk, &diag));
    tw_desk_close(&desk);
    cfg = (struct tw_cfg){.store = {.dir = kit.dir},
                          .access = {.is_required = true,
                                     .session_idle_s = IDLE_S,
                                     .session_absolute_s = WHOLE_S,
                                     .proxy_role = TW_ROLE_VIEWER}};
    add_user("root", TW_ROLE_ADMIN, "", false);
    add_user("anna", TW_ROLE_OPERATOR, "reveal region=north", false);
    session_id = sign_in("anna", cookie, cookie_hash);
    OK(tw_gate_new(&cfg, &test_clock, &gate));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_gate_destroy(&gate);
    kit_fini(&kit);
    return 0;
}

/* ---- asking ---- */

static char cookies[600];

static struct tw_http_request with_cookie(const char *value)
{
    (void)snprintf(cookies, sizeof cookies, "a=b; tillwatch=%s; c=d", value);
    return (struct tw_http_request){.head = {.cookies = tw_str_of(cookies)},
                                    .address = TW_STR_LIT("192.0.2.7"),
                                    .is_local = true};
}

static enum tw_principal_kind kind_of(const struct tw_http_request *request)
{
    const struct tw_asker *asker = tw_gate_ask(gate, request);
    enum tw_principal_kind kind = asker->principal.kind;
    tw_asker_unref(&asker);
    return kind;
}

static enum tw_gate_fault fault_of(const struct tw_http_request *request)
{
    const struct tw_asker *asker = tw_gate_ask(gate, request);
    enum tw_gate_fault fault = asker->fault;
    assert_int_equal(asker->principal.kind == TW_PRINCIPAL_NOBODY, fault != TW_GATE_FINE);
    tw_asker_unref(&asker);
    return fault;
}

static void gate__cookie_of_a_session__is_its_user(void **state)
{
    (void)state;
    const struct tw_http_request request = with_cookie(cookie);
    const struct tw_asker *asker = tw_gate_ask(gate, &request);
    const struct tw_scope north = {.of = {[TW_DIMENSION_REGION] = TW_STR_LIT("north")}};
    assert_int_equal(asker->principal.kind, TW_PRINCIPAL_USER);
    assert_true(tw_str_is(asker->principal.name, "anna"));
    assert_int_equal(asker->principal.role, TW_ROLE_OPERATOR);
    assert_true(tw_may(&asker->principal, TW_RIGHT_REVEAL, &north));
    assert_false(tw_may(&asker->principal, TW_RIGHT_REVEAL, NULL));
    assert_true(asker->is_ambient);
    assert_int_equal(asker->session, session_id);
    assert_true(asker->ends.ns == T0_NS + WHOLE_S * TW_NS_PER_S);
    tw_asker_unref(&asker);
}

/* Every way to show something that is nearly one. */
static void gate__forged_and_cut_cookies__are_nobody(void **state)
{
    (void)state;
    char text[TW_BEARER_TEXT_SIZE + 8];
    struct tw_http_request request = {.is_local = true};
    assert_int_equal(fault_of(&request), TW_GATE_NOTHING);
    for (size_t i = 0; i < strlen(cookie); i++) { /* cut */
        (void)snprintf(text, sizeof text, "%.*s", (int)i, cookie);
        request = with_cookie(text);
        assert_int_equal(fault_of(&request), TW_GATE_ENDED);
    }
    for (size_t i = 0; i < strlen(cookie); i++) { /* another letter */
        (void)snprintf(text, sizeof text, "%s", cookie);
        text[i] = text[i] == 'A' ? 'B' : 'A';
        request = with_cookie(text);
        assert_int_equal(fault_of(&request), TW_GATE_ENDED);
    }
    (void)snprintf(text, sizeof text, "%sA", cookie);
    request = with_cookie(text);
    assert_int_equal(fault_of(&request), TW_GATE_ENDED);
    char twice[200];
    (void)snprintf(twice, sizeof twice, "tillwatch=%s; tillwatch=%s", cookie, cookie);
    request.head.cookies = tw_str_of(twice);
    assert_int_equal(fault_of(&request), TW_GATE_ENDED);
    (void)snprintf(twice, sizeof twice, "tillwatch=\"%s\"", cookie);
    request.head.cookies = tw_str_of(twice);
    assert_int_equal(fault_of(&request), TW_GATE_ENDED);
    (void)snprintf(twice, sizeof twice, "Tillwatch=%s", cookie); /* names have their case */
    request.head.cookies = tw_str_of(twice);
    assert_int_equal(fault_of(&request), TW_GATE_NOTHING);
    /* what is stored lets nobody in */
    char stored[80] = "";
    for (size_t i = 0; i < TW_BEARER_HASH_BYTES; i++) {
        (void)snprintf(stored + 2 * i, 3, "%02x", cookie_hash[i]);
    }
    request = with_cookie(stored);
    assert_int_equal(fault_of(&request), TW_GATE_ENDED);
}

/* By TLS only the cookie counts that no other server could have set, and without it no such. */
static void gate__name_of_the_cookie__is_that_of_the_transport(void **state)
{
    (void)state;
    char text[200];
    struct tw_http_request request = with_cookie(cookie);
    request.is_secure = true;
    assert_int_equal(fault_of(&request), TW_GATE_NOTHING);
    (void)snprintf(text, sizeof text, "__Host-tillwatch=%s", cookie);
    request.head.cookies = tw_str_of(text);
    assert_int_equal(kind_of(&request), TW_PRINCIPAL_USER);
    request.is_secure = false;
    assert_int_equal(fault_of(&request), TW_GATE_NOTHING);
}

static void gate__session_that_is_over__is_nobody(void **state)
{
    (void)state;
    const struct tw_http_request request = with_cookie(cookie);
    pass_ms((IDLE_S - 1) * INT64_C(1000));
    assert_int_equal(kind_of(&request), TW_PRINCIPAL_USER);
    pass_ms(1000 + TW_GATE_KEPT_MS);
    assert_int_equal(fault_of(&request), TW_GATE_ENDED);
}

/* Used again and again it lives on, but not for ever. */
static void gate__uses__are_written_and_lengthen_it(void **state)
{
    (void)state;
    const struct tw_http_request request = with_cookie(cookie);
    for (int64_t at_s = 0; at_s + 1200 < WHOLE_S; at_s += 1200) {
        assert_int_equal(kind_of(&request), TW_PRINCIPAL_USER);
        tw_gate_write_uses(gate);
        pass_ms(1200 * INT64_C(1000));
    }
    assert_int_equal(kind_of(&request), TW_PRINCIPAL_USER);
    tw_gate_write_uses(gate);
    pass_ms(1200 * INT64_C(1000));
    assert_int_equal(fault_of(&request), TW_GATE_ENDED);
}

/* What has no end is looked at too, and is no use of it. */
static void gate__still__ends_with_the_session_and_is_no_use(void **state)
{
    (void)state;
    const struct tw_http_request request = with_cookie(cookie);
    const struct tw_asker *asker = tw_gate_ask(gate, &request);
    for (int i = 0; i < IDLE_S / 100; i++) {
        assert_true(tw_gate_still(gate, asker));
        tw_gate_write_uses(gate);
        pass_ms(100 * INT64_C(1000));
    }
    assert_false(tw_gate_still(gate, asker));
    tw_asker_unref(&asker);
}

static void gate__ended_here__is_over_at_once(void **state)
{
    (void)state;
    const struct tw_http_request request = with_cookie(cookie);
    const struct tw_access_command command = by_root();
    assert_int_equal(kind_of(&request), TW_PRINCIPAL_USER);
    OK(tw_session_end(&command, TW_STR_LIT("anna"), session_id, &diag));
    tw_gate_forget(gate);
    assert_int_equal(fault_of(&request), TW_GATE_ENDED);
}

static void gate__ended_elsewhere__is_over_within_a_second(void **state)
{
    (void)state;
    const struct tw_http_request request = with_cookie(cookie);
    const struct tw_access_command command = by_root();
    assert_int_equal(kind_of(&request), TW_PRINCIPAL_USER);
    OK(tw_user_set_disabled(&command, TW_STR_LIT("anna"), true, &diag));
    pass_ms(TW_GATE_KEPT_MS + 1);
    assert_int_equal(fault_of(&request), TW_GATE_ENDED);
}

static void gate__user_who_must_change_the_password__is_told_of(void **state)
{
    (void)state;
    char text[TW_BEARER_TEXT_SIZE];
    uint8_t hash[TW_BEARER_HASH_BYTES];
    add_user("berta", TW_ROLE_ADMIN, "", true);
    (void)sign_in("berta", text, hash);
    const struct tw_http_request request = with_cookie(text);
    const struct tw_asker *asker = tw_gate_ask(gate, &request);
    assert_true(asker->must_change);
    tw_asker_unref(&asker);
}

/* ---- tokens ---- */

static void gate__token__is_a_program_and_alone_decides(void **state)
{
    (void)state;
    char text[TW_BEARER_TEXT_SIZE];
    char shown[100];
    uint8_t hash[TW_BEARER_HASH_BYTES];
    const struct tw_access_command command = by_root();
    OK(tw_bearer_make(TW_BEARER_TOKEN, text, hash));
    const struct tw_token_new token = {.name = TW_STR_LIT("prom"),
                                       .hash = hash,
                                       .role = TW_ROLE_VIEWER,
                                       .grants = TW_STR_LIT(""),
                                       .expires = {T0_NS + 86400 * TW_NS_PER_S}};
    OK(tw_token_add(&command, &token, &diag));
    struct tw_http_request request = with_cookie(cookie);
    (void)snprintf(shown, sizeof shown, "bEARER %s", text);
    request.head.authorization = tw_str_of(shown);
    const struct tw_asker *asker = tw_gate_ask(gate, &request);
    assert_int_equal(asker->principal.kind, TW_PRINCIPAL_TOKEN);
    assert_true(tw_str_is(asker->principal.name, "prom"));
    assert_false(asker->is_ambient);
    tw_asker_unref(&asker);
    tw_gate_write_uses(gate);
    assert_int_equal(kit_number(&kit, TW_DESK_NAME, "SELECT used IS NOT NULL FROM token"), 1);
    static const char *const bad[] = {
        "Bearer ", "Bearer tw_", "Basic YTpi",
        "",        "Bearer",     "Bearer tw_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) { /* the cookie does not help */
        request.head.authorization = tw_str_of(bad[i]);
        assert_int_equal(fault_of(&request), TW_GATE_BAD_TOKEN);
    }
    (void)snprintf(shown, sizeof shown, "Bearer %s", cookie); /* a session is no token */
    request.head.authorization = tw_str_of(shown);
    assert_int_equal(fault_of(&request), TW_GATE_BAD_TOKEN);
    const struct tw_http_request as_cookie = with_cookie(text); /* nor the other way */
    assert_int_equal(fault_of(&as_cookie), TW_GATE_ENDED);
    (void)snprintf(shown, sizeof shown, "Bearer %s", text);
    request.head.authorization = tw_str_of(shown);
    pass_ms(86400 * INT64_C(1000));
    assert_int_equal(fault_of(&request), TW_GATE_BAD_TOKEN); /* expired */
}

/* ---- proxies ---- */

static void gate__proxy__is_trusted_from_its_addresses_only(void **state)
{
    (void)state;
    static char own[] = "192.0.2.0/29";
    static char *const list[] = {own};
    struct tw_http_request request = with_cookie(cookie);
    cfg.access.proxy_addresses = (struct tw_cfg_strings){(char **)(uintptr_t)list, 1};
    request.head.proxy_user = TW_STR_LIT("carla");
    const struct tw_asker *asker = tw_gate_ask(gate, &request);
    assert_int_equal(asker->principal.kind, TW_PRINCIPAL_PROXY);
    assert_true(tw_str_is(asker->principal.name, "carla"));
    assert_int_equal(asker->principal.role, TW_ROLE_VIEWER);
    assert_true(asker->is_ambient);
    assert_true(tw_gate_still(gate, asker));
    tw_asker_unref(&asker);
    request.head.proxy_role = TW_STR_LIT("admin");
    asker = tw_gate_ask(gate, &request);
    assert_int_equal(asker->principal.role, TW_ROLE_ADMIN);
    tw_asker_unref(&asker);
    request.head.proxy_role = TW_STR_LIT("king");
    assert_int_equal(fault_of(&request), TW_GATE_UNTRUSTED);
    request.head.proxy_role = TW_STR_NULL;
    static const char *const names[] = {"", "Carla", "a b", "-x", "a\xc3\xa4"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        request.head.proxy_user = tw_str_of(names[i]);
        assert_int_equal(fault_of(&request), TW_GATE_UNTRUSTED);
    }
    request.head.proxy_user = TW_STR_LIT("carla");
    static const char *const elsewhere[] = {"192.0.2.8", "127.0.0.1", "::ffff", "2001:db8::1", ""};
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) { /* nor by the cookie */
        request.address = tw_str_of(elsewhere[i]);
        assert_int_equal(fault_of(&request), TW_GATE_UNTRUSTED);
    }
    request.head.proxy_user = TW_STR_NULL;
    assert_int_equal(kind_of(&request), TW_PRINCIPAL_USER);
    request.head.proxy_role = TW_STR_LIT("admin"); /* a role of nobody */
    assert_int_equal(fault_of(&request), TW_GATE_UNTRUSTED);
}

static bool lists(const char *network, const char *address)
{
    char copy[64];
    char *items[] = {copy};
    (void)snprintf(copy, sizeof copy, "%s", network);
    const struct tw_cfg_strings list = {items, 1};
    return tw_network_lists(&list, tw_str_of(address));
}

static void network__bits__count_from_the_front(void **state)
{
    (void)state;
    assert_true(lists("192.0.2.1", "192.0.2.1"));
    assert_false(lists("192.0.2.1", "192.0.2.2"));
    assert_true(lists("192.0.2.128/25", "192.0.2.255"));
    assert_false(lists("192.0.2.128/25", "192.0.2.127"));
    assert_true(lists("0.0.0.0/0", "192.0.2.127"));
    assert_false(lists("0.0.0.0/0", "::1"));
    assert_true(lists("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(lists("2001:db8::/33", "2001:db8:8000::1"));
    static const char *const bad[] = {"",
                                      "a",
                                      "192.0.2",
                                      "192.0.2.1/33",
                                      "::1/129",
                                      "192.0.2.1/",
                                      "192.0.2.1/-1",
                                      "192.0.2.1/1/1",
                                      "[::1]",
                                      "192.0.2.1 ",
                                      "192.0.2.1:80",
                                      "::1%lo",
                                      "1.2.3.4/0008"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(tw_network_is_one(bad[i]));
        assert_false(lists(bad[i], "192.0.2.1"));
    }
    assert_true(tw_network_is_one("::/0"));
    assert_true(tw_network_is_one("192.0.2.1/32"));
}

/* ---- without signing in, and without a desk ---- */

static void gate__nobody_signs_in__this_machine_may_all(void **state)
{
    (void)state;
    struct tw_http_request request = with_cookie("x");
    cfg.access.is_required = false;
    request.head.authorization = TW_STR_LIT("Bearer tw_x");
    const struct tw_asker *asker = tw_gate_ask(gate, &request);
    assert_int_equal(asker->principal.kind, TW_PRINCIPAL_OPEN);
    assert_int_equal(asker->principal.role, TW_ROLE_ADMIN);
    assert_true(tw_gate_still(gate, asker));
    tw_asker_unref(&asker);
    request.is_local = false;
    assert_int_equal(fault_of(&request), TW_GATE_ELSEWHERE);
}

static void gate__desk_that_cannot_be_read__lets_nobody_in(void **state)
{
    (void)state;
    static char nowhere[] = "/nonexistent";
    const struct tw_http_request request = with_cookie(cookie);
    cfg.store.dir = nowhere;
    assert_true(fault_of(&request) != TW_GATE_FINE);
    cfg.store.dir = kit.dir;
    assert_int_equal(kind_of(&request), TW_PRINCIPAL_USER);
}

/* More than are kept: each is still who it is. */
static void gate__more_sessions_than_are_kept__are_all_known(void **state)
{
    (void)state;
    char texts[8][TW_BEARER_TEXT_SIZE];
    uint8_t hash[TW_BEARER_HASH_BYTES];
    for (size_t i = 0; i < 8; i++) {
        (void)sign_in("anna", texts[i], hash);
    }
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 8; i++) {
            const struct tw_http_request request = with_cookie(texts[i]);
            assert_int_equal(kind_of(&request), TW_PRINCIPAL_USER);
        }
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(gate__cookie_of_a_session__is_its_user),
        CASE(gate__forged_and_cut_cookies__are_nobody),
        CASE(gate__name_of_the_cookie__is_that_of_the_transport),
        CASE(gate__session_that_is_over__is_nobody),
        CASE(gate__uses__are_written_and_lengthen_it),
        CASE(gate__still__ends_with_the_session_and_is_no_use),
        CASE(gate__ended_here__is_over_at_once),
        CASE(gate__ended_elsewhere__is_over_within_a_second),
        CASE(gate__user_who_must_change_the_password__is_told_of),
        CASE(gate__token__is_a_program_and_alone_decides),
        CASE(gate__proxy__is_trusted_from_its_addresses_only),
        CASE(gate__nobody_signs_in__this_machine_may_all),
        CASE(gate__desk_that_cannot_be_read__lets_nobody_in),
        CASE(gate__more_sessions_than_are_kept__are_all_known),
        cmocka_unit_test(network__bits__count_from_the_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
