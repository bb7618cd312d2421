/* SPDX-License-Identifier: Apache-2.0
 * store/users, sessions, tokens: every change is a deed, what ends a session, and the bounds. */
#include "config.h"

#include "store_kit.h"

#include <string.h>

#include "store/access_internal.h"
#include "store/desk.h"
#include "store/sessions.h"
#include "store/tokens.h"

static struct kit kit;
static struct tw_desk_reader *reader;
static struct tw_arena arena;
static struct tw_diag diag;
static const struct tw_session_limits limits = {.idle_s = 1800, .absolute_s = 43200};

#define OK(call)     assert_int_equal((call), TW_OK)
#define T0           INT64_C(1700000000)
#define AT(seconds)  ((tw_wall_t){(T0 + (int64_t)(seconds)) * TW_NS_PER_S})
#define NUMBER(text) kit_number(&kit, TW_DESK_NAME, text)
#define RECORD       TW_STR_LIT("$argon2id$one")
#define RECORD_2     TW_STR_LIT("$argon2id$two")

static int set_up(void **state)
{
    (void)state;
    struct tw_desk *desk = NULL;
    kit_init(&kit, 90);
    OK(kit_open(&kit));
    assert_int_equal(tw_users_ready(kit.dir, &diag), TW_ENOTFOUND);
    OK(tw_desk_open(kit.dir, &desk, &diag));
    tw_desk_close(&desk);
    OK(tw_users_ready(kit.dir, &diag));
    tw_arena_init(&arena, (size_t)64 << 20);
    OK(tw_desk_reader_open(kit.dir, &reader, &diag));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_desk_reader_close(&reader);
    tw_arena_fini(&arena);
    kit_fini(&kit);
    return 0;
}

static struct tw_access_command by(const char *actor, int64_t at_s)
{
    return (struct tw_access_command){.dir = kit.dir,
                                      .actor = tw_str_of(actor),
                                      .kind = TW_STR_LIT("user"),
                                      .address = TW_STR_LIT("192.0.2.7"),
                                      .now = AT(at_s)};
}

static int add(const char *name, enum tw_role role, const char *grants)
{
    const struct tw_access_command command = by("root", 0);
    const struct tw_user_new user = {
        .name = tw_str_of(name), .role = role, .grants = tw_str_of(grants), .password = RECORD};
    return tw_user_add(&command, &user, &diag);
}

static struct tw_user found(const char *name)
{
    struct tw_user user = {.id = 0};
    OK(tw_user_find(reader, &arena, tw_str_of(name), &user));
    return user;
}

/* The last row of the audit says this of it; and how many there are. */
static void check_audit(int64_t rows, const char *action, const char *subject, const char *detail)
{
    char sql[400];
    assert_int_equal(NUMBER("SELECT count(*) FROM audit"), rows);
    (void)snprintf(sql, sizeof sql,
                   "SELECT action = CAST('%s' AS BLOB) AND subject = CAST('%s' AS BLOB)"
                   " AND ifnull(detail, CAST('' AS BLOB)) = CAST('%s' AS BLOB)"
                   " AND actor = CAST('root' AS BLOB) AND address = CAST('192.0.2.7' AS BLOB)"
                   " AND kind = CAST('user' AS BLOB) AND outcome = CAST('done' AS BLOB)"
                   " FROM audit ORDER BY id DESC LIMIT 1",
                   action, subject, detail);
    assert_int_equal(NUMBER(sql), 1);
}

/* A hash that is none of anybody else's. */
static const uint8_t *hash_of(unsigned number)
{
    static uint8_t hashes[64][TW_BEARER_HASH_BYTES];
    uint8_t *hash = hashes[number % 64];
    memset(hash, 0, TW_BEARER_HASH_BYTES);
    hash[0] = (uint8_t)number;
    hash[1] = (uint8_t)(number >> 8);
    return hash;
}

/* ---- users ---- */

static void add__as_given__and_said(void **state)
{
    (void)state;
    OK(add("anna", TW_ROLE_OPERATOR, "edit region=north\nreveal"));
    check_audit(1, "user-add", "user:anna", "role operator");
    struct tw_user user = found("anna");
    assert_true(tw_str_is(user.name, "anna"));
    assert_int_equal(user.role, TW_ROLE_OPERATOR);
    assert_true(tw_str_is(user.grants, "edit region=north\nreveal"));
    assert_true(tw_str_equal(user.password, RECORD));
    assert_false(user.must_change);
    assert_int_equal(user.created.ns, AT(0).ns);
    assert_int_equal(user.password_changed.ns, AT(0).ns);
    assert_int_equal(user.disabled.ns, 0);
    assert_int_equal(user.signed_in.ns, 0);
    assert_int_equal(add("anna", TW_ROLE_VIEWER, ""), TW_EEXISTS);
    assert_string_equal(diag.text, "there is a user anna already");
    assert_int_equal(NUMBER("SELECT count(*) FROM audit"), 1); /* what was not done is not there */
    assert_int_equal(found("anna").role, TW_ROLE_OPERATOR);
    assert_int_equal(tw_user_find(reader, &arena, TW_STR_LIT("bert"), &user), TW_ENOTFOUND);
    assert_int_equal(tw_user_find(reader, &arena, TW_STR_NULL, &user), TW_ENOTFOUND);
}

static void add__bad_name_or_grant__nothing(void **state)
{
    (void)state;
    assert_int_equal(add("Anna", TW_ROLE_VIEWER, ""), TW_EINVAL);
    assert_int_equal(add("", TW_ROLE_VIEWER, ""), TW_EINVAL);
    assert_int_equal(add("anna", TW_ROLE_VIEWER, "fly"), TW_EINVAL);
    assert_int_equal(NUMBER("SELECT count(*) FROM audit"), 0);
    assert_int_equal(NUMBER("SELECT count(*) FROM user"), 0);
}

static void add__10000__the_next_is_refused(void **state)
{
    (void)state;
    char text[256];
    sqlite3 *db = NULL;
    OK(tw_desk_open_beside(kit.dir, 512, &db, &diag));
    (void)snprintf(text, sizeof text,
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                   " INSERT INTO user SELECT NULL, CAST('u' || i AS BLOB), CAST('viewer' AS BLOB),"
                   " x'', x'', 0, 0, NULL, 0, NULL FROM n",
                   TW_USERS_MAX - 1);
    OK(tw_db_exec(db, text, &diag));
    tw_db_close(&db);
    OK(add("anna", TW_ROLE_VIEWER, ""));
    assert_int_equal(add("bert", TW_ROLE_VIEWER, ""), TW_ELIMIT);
    assert_int_equal(NUMBER("SELECT count(*) FROM user"), TW_USERS_MAX);

    const struct tw_user *users = NULL;
    struct tw_str after = TW_STR_NULL;
    size_t count = 0;
    size_t sum = 0;
    do {
        OK(tw_users_list(reader, &arena, after, TW_ACCESS_LIST_MAX, &users, &count));
        for (size_t i = 0; i < count; i++) {
            assert_true(after.ptr == NULL || tw_str_compare(after, users[i].name) < 0);
            after = users[i].name;
        }
        sum += count;
    } while (count > 0);
    assert_int_equal(sum, TW_USERS_MAX);
}

static void add_first__only_without_users(void **state)
{
    (void)state;
    const struct tw_access_command command = by("root", 0);
    const struct tw_user_new user = {.name = TW_STR_LIT("admin"),
                                     .role = TW_ROLE_ADMIN,
                                     .password = RECORD,
                                     .must_change = true};
    bool has_made = false;
    OK(tw_user_add_first(&command, &user, &has_made, &diag));
    assert_true(has_made);
    assert_true(found("admin").must_change);
    assert_int_equal(found("admin").role, TW_ROLE_ADMIN);
    OK(tw_user_add_first(&command, &user, &has_made, &diag));
    assert_false(has_made);
    check_audit(1, "user-add", "user:admin", "role admin");
}

static void password__changed__ends_sessions_and_forgets_devices(void **state)
{
    (void)state;
    const struct tw_access_command command = by("root", 10);
    uint64_t kept = 0;
    uint64_t other = 0;
    bool is_known = false;
    OK(add("anna", TW_ROLE_VIEWER, ""));
    OK(add("bert", TW_ROLE_VIEWER, ""));
    struct tw_sign_in sign_in = {.hash = hash_of(1), .device = hash_of(9), .limits = limits};
    OK(tw_session_begin(&command, TW_STR_LIT("anna"), &sign_in, &kept, &diag));
    sign_in.hash = hash_of(2);
    OK(tw_session_begin(&command, TW_STR_LIT("anna"), &sign_in, &other, &diag));
    sign_in.hash = hash_of(3);
    OK(tw_session_begin(&command, TW_STR_LIT("bert"), &sign_in, &other, &diag));
    OK(tw_device_is_known(reader, found("anna").id, hash_of(9), AT(11), &is_known));
    assert_true(is_known);
    OK(tw_user_set_password(&command, TW_STR_LIT("anna"), RECORD_2, true, kept, &diag));
    check_audit(6, "user-password", "user:anna", "for one sign-in");
    assert_int_equal(NUMBER("SELECT count(*) FROM session"), 2);
    assert_int_equal(NUMBER("SELECT min(id) FROM session"), kept);
    assert_true(tw_str_equal(found("anna").password, RECORD_2));
    assert_true(found("anna").must_change);
    assert_int_equal(found("anna").password_changed.ns, AT(10).ns);
    OK(tw_device_is_known(reader, found("anna").id, hash_of(9), AT(11), &is_known));
    assert_false(is_known);
    OK(tw_device_is_known(reader, found("bert").id, hash_of(9), AT(11), &is_known));
    assert_true(is_known);
    OK(tw_user_set_password(&command, TW_STR_LIT("anna"), RECORD, false, 0, &diag));
    assert_int_equal(NUMBER("SELECT count(*) FROM session"), 1);
    assert_false(found("anna").must_change);
    assert_int_equal(tw_user_set_password(&command, TW_STR_LIT("carl"), RECORD, false, 0, &diag),
                     TW_ENOTFOUND);
    assert_string_equal(diag.text, "there is no user carl");
}

static void password__renewed__only_if_it_is_still_the_one(void **state)
{
    (void)state;
    OK(add("anna", TW_ROLE_VIEWER, ""));
    OK(tw_user_renew_password(kit.dir, found("anna").id, RECORD_2, RECORD_2, &diag));
    assert_true(tw_str_equal(found("anna").password, RECORD));
    OK(tw_user_renew_password(kit.dir, found("anna").id, RECORD, RECORD_2, &diag));
    assert_true(tw_str_equal(found("anna").password, RECORD_2));
    assert_int_equal(found("anna").password_changed.ns, AT(0).ns);
    assert_int_equal(NUMBER("SELECT count(*) FROM audit"), 1);
}

static void role_grants_disable__changed_and_said(void **state)
{
    (void)state;
    const struct tw_access_command command = by("root", 10);
    const struct tw_str anna = TW_STR_LIT("anna");
    struct tw_sign_in sign_in = {.hash = hash_of(1), .limits = limits};
    uint64_t id = 0;
    OK(add("anna", TW_ROLE_VIEWER, "replay"));
    OK(tw_session_begin(&command, anna, &sign_in, &id, &diag));
    OK(tw_user_set_grants(&command, anna, TW_STR_LIT("edit\nreveal store=1"), &diag));
    check_audit(3, "user-grants", "user:anna", "edit\nreveal store=1");
    assert_true(tw_str_is(found("anna").grants, "edit\nreveal store=1"));
    assert_int_equal(NUMBER("SELECT count(*) FROM session"), 1);
    assert_int_equal(tw_user_set_grants(&command, anna, TW_STR_LIT("fly"), &diag), TW_EINVAL);
    OK(tw_user_set_grants(&command, anna, TW_STR_NULL, &diag));
    assert_true(tw_str_is(found("anna").grants, ""));
    OK(tw_user_set_role(&command, anna, TW_ROLE_OPERATOR, &diag));
    check_audit(5, "user-role", "user:anna", "operator");
    assert_int_equal(NUMBER("SELECT count(*) FROM session"), 0);
    OK(tw_session_begin(&command, anna, &sign_in, &id, &diag));
    OK(tw_user_set_disabled(&command, anna, true, &diag));
    check_audit(7, "user-disable", "user:anna", "");
    assert_int_equal(NUMBER("SELECT count(*) FROM session"), 0);
    assert_int_equal(found("anna").disabled.ns, AT(10).ns);
    assert_int_equal(tw_session_begin(&command, anna, &sign_in, &id, &diag), TW_EPERM);
    assert_int_equal(NUMBER("SELECT count(*) FROM audit"), 7);
    const struct tw_access_command later = by("root", 20);
    OK(tw_user_set_disabled(&later, anna, true, &diag));
    assert_int_equal(found("anna").disabled.ns, AT(10).ns); /* since when it was */
    OK(tw_user_set_disabled(&later, anna, false, &diag));
    check_audit(9, "user-enable", "user:anna", "");
    assert_int_equal(found("anna").disabled.ns, 0);
    OK(tw_user_remove(&later, anna, &diag));
    check_audit(10, "user-remove", "user:anna", "");
    assert_int_equal(NUMBER("SELECT count(*) FROM user"), 0);
    assert_int_equal(tw_user_remove(&later, anna, &diag), TW_ENOTFOUND);
    assert_int_equal(tw_user_set_role(&later, anna, TW_ROLE_ADMIN, &diag), TW_ENOTFOUND);
    assert_int_equal(tw_user_set_disabled(&later, anna, true, &diag), TW_ENOTFOUND);
    assert_int_equal(tw_user_set_grants(&later, anna, TW_STR_NULL, &diag), TW_ENOTFOUND);
    assert_int_equal(tw_user_remove(&later, TW_STR_LIT("a b"), &diag), TW_EINVAL);
    assert_int_equal(NUMBER("SELECT count(*) FROM audit"), 10);
}

static void admins__the_last_one__stays(void **state)
{
    (void)state;
    const struct tw_access_command command = by("root", 10);
    const struct tw_str anna = TW_STR_LIT("anna");
    const struct tw_str bert = TW_STR_LIT("bert");
    OK(add("bert", TW_ROLE_VIEWER, ""));
    OK(tw_user_set_disabled(&command, bert, true, &diag)); /* there was none to lose */
    OK(tw_user_set_disabled(&command, bert, false, &diag));
    OK(add("anna", TW_ROLE_ADMIN, ""));
    int64_t rows = NUMBER("SELECT count(*) FROM audit");
    assert_int_equal(tw_user_remove(&command, anna, &diag), TW_EPERM);
    assert_int_equal(tw_user_set_disabled(&command, anna, true, &diag), TW_EPERM);
    assert_int_equal(tw_user_set_role(&command, anna, TW_ROLE_OPERATOR, &diag), TW_EPERM);
    assert_int_equal(found("anna").role, TW_ROLE_ADMIN);
    assert_int_equal(found("anna").disabled.ns, 0);
    assert_int_equal(NUMBER("SELECT count(*) FROM audit"), rows);
    OK(tw_user_remove(&command, bert, &diag));
    OK(add("bert", TW_ROLE_ADMIN, ""));
    OK(tw_user_set_disabled(&command, bert, true, &diag));
    assert_int_equal(tw_user_remove(&command, anna, &diag), TW_EPERM); /* he cannot sign in */
    OK(tw_user_set_disabled(&command, bert, false, &diag));
    OK(tw_user_remove(&command, anna, &diag));
}

/* ---- sessions ---- */

static int find(unsigned number, int64_t at_s, struct tw_session *ret_session)
{
    struct tw_user user = {.id = 0};
    int rc =
        tw_session_find(reader, &arena, hash_of(number), &limits, AT(at_s), ret_session, &user);
    if (rc == TW_OK) {
        assert_true(tw_str_is(user.name, "anna"));
    }
    return rc;
}

static uint64_t begin(unsigned number, int64_t at_s)
{
    const struct tw_access_command command = by("anna", at_s);
    const struct tw_sign_in sign_in = {
        .hash = hash_of(number), .agent = TW_STR_LIT("Browser"), .limits = limits};
    uint64_t id = 0;
    OK(tw_session_begin(&command, TW_STR_LIT("anna"), &sign_in, &id, &diag));
    return id;
}

static void session__found_until_it_is_over(void **state)
{
    (void)state;
    struct tw_session session = {.id = 0};
    OK(add("anna", TW_ROLE_VIEWER, ""));
    uint64_t id = begin(1, 100);
    assert_int_equal(found("anna").signed_in.ns, AT(100).ns);
    OK(find(1, 100, &session));
    assert_int_equal(session.id, id);
    assert_true(tw_str_is(session.address, "192.0.2.7"));
    assert_true(tw_str_is(session.agent, "Browser"));
    assert_int_equal(find(2, 100, &session), TW_ENOTFOUND);
    OK(find(1, 100 + 1799, &session));
    assert_int_equal(find(1, 100 + 1800, &session), TW_ENOTFOUND);
    assert_int_equal(find(1, 100 - 301, &session), TW_ENOTFOUND);
    /* used at 1,799: written, and counted from there; within a minute nothing is written */
    OK(find(1, 100 + 59, &session));
    assert_false(tw_session_is_due(&session, AT(100 + 59)));
    OK(tw_session_seen(kit.dir, &session, AT(100 + 59), &diag));
    assert_int_equal(NUMBER("SELECT seen FROM session"), AT(100).ns);
    assert_true(tw_session_is_due(&session, AT(100 + 60)));
    assert_true(tw_session_is_due(&session, AT(100 - 1)));
    OK(tw_session_seen(kit.dir, &session, AT(100 + 1799), &diag));
    assert_int_equal(NUMBER("SELECT seen FROM session"), AT(100 + 1799).ns);
    assert_int_equal(NUMBER("SELECT left_ns FROM session"), (43200 - 1799) * TW_NS_PER_S);
    OK(find(1, 100 + 1799 + 1799, &session));
    /* one that was read before somebody else wrote changes nothing */
    session.time.seen = AT(100);
    OK(tw_session_seen(kit.dir, &session, AT(5000), &diag));
    assert_int_equal(NUMBER("SELECT seen FROM session"), AT(100 + 1799).ns);
    assert_int_equal(NUMBER("SELECT count(*) FROM audit"), 2); /* use is no deed */
}

/* The clock goes back, again and again, while the session is in use. */
static void session__clock_goes_back__stored_time_counts_on(void **state)
{
    (void)state;
    struct tw_session session = {.id = 0};
    int64_t used_s = 0;
    int64_t shown_s = 0;
    OK(add("anna", TW_ROLE_VIEWER, ""));
    (void)begin(1, 0);
    while (find(1, shown_s, &session) == TW_OK) {
        OK(tw_session_seen(kit.dir, &session, AT(shown_s), &diag));
        tw_arena_reset(&arena);
        used_s += 600;
        shown_s += used_s % 7200 == 0 ? 300 : 600; /* back by five minutes, six times */
        assert_true(used_s <= 43200 + 6 * 300 + 600);
    }
    assert_true(used_s >= 43200);
    (void)begin(2, 0);
    assert_int_equal(find(2, -3600, &session), TW_ENOTFOUND); /* an hour at once */
}

static void session__twenty__the_one_unused_for_longest_goes(void **state)
{
    (void)state;
    struct tw_session session = {.id = 0};
    const struct tw_session *sessions = NULL;
    size_t count = 0;
    OK(add("anna", TW_ROLE_VIEWER, ""));
    for (unsigned i = 0; i < TW_SESSIONS_MAX; i++) {
        (void)begin(i, i);
    }
    OK(find(0, 100, &session));
    OK(tw_session_seen(kit.dir, &session, AT(100), &diag)); /* the first is in use */
    (void)begin(TW_SESSIONS_MAX, 101);
    OK(find(0, 101, &session));
    assert_int_equal(find(1, 101, &session), TW_ENOTFOUND);
    OK(find(2, 101, &session));
    OK(tw_sessions_list(reader, &arena, found("anna").id, &sessions, &count));
    assert_int_equal(count, TW_SESSIONS_MAX);
    assert_true(sessions[0].id > sessions[count - 1].id);
    OK(tw_sessions_list(reader, &arena, 99, &sessions, &count));
    assert_int_equal(count, 0);
}

static void session__begun__takes_the_place_and_sweeps(void **state)
{
    (void)state;
    struct tw_session session = {.id = 0};
    char agent[TW_SESSION_AGENT_MAX + 1];
    uint64_t id = 0;
    OK(add("anna", TW_ROLE_VIEWER, ""));
    (void)begin(1, 0);
    (void)begin(2, 0);
    memset(agent, 'x', sizeof agent);
    const struct tw_access_command command = by("anna", 10);
    const struct tw_sign_in again = {
        .hash = hash_of(3), .before = hash_of(1), .agent = {agent, sizeof agent}, .limits = limits};
    OK(tw_session_begin(&command, TW_STR_LIT("anna"), &again, &id, &diag));
    assert_int_equal(find(1, 10, &session), TW_ENOTFOUND);
    OK(find(2, 10, &session));
    OK(find(3, 10, &session));
    assert_int_equal(session.agent.len, TW_SESSION_AGENT_MAX);
    (void)begin(4, 10 + 1800);
    assert_int_equal(NUMBER("SELECT count(*) FROM session"), 1); /* the rest was over */
    const struct tw_sign_in nobody = {.hash = hash_of(5), .limits = limits};
    assert_int_equal(tw_session_begin(&command, TW_STR_LIT("nobody"), &nobody, &id, &diag),
                     TW_ENOTFOUND);
    assert_int_equal(tw_session_begin(&command, TW_STR_LIT("no body"), &nobody, &id, &diag),
                     TW_EINVAL);
}

static void session__ended__by_its_owner_only(void **state)
{
    (void)state;
    struct tw_session session = {.id = 0};
    const struct tw_access_command command = by("root", 10);
    OK(add("anna", TW_ROLE_VIEWER, ""));
    OK(add("bert", TW_ROLE_VIEWER, ""));
    uint64_t first = begin(1, 0);
    uint64_t second = begin(2, 0);
    (void)begin(3, 0);
    assert_int_equal(tw_session_end(&command, TW_STR_LIT("bert"), first, &diag), TW_ENOTFOUND);
    OK(find(1, 10, &session));
    OK(tw_session_end(&command, TW_STR_LIT("anna"), first, &diag));
    check_audit(6, "sign-out", "user:anna", "session 1");
    assert_int_equal(find(1, 10, &session), TW_ENOTFOUND);
    assert_int_equal(tw_session_end(&command, TW_STR_LIT("anna"), first, &diag), TW_ENOTFOUND);
    OK(tw_sessions_end_all(&command, TW_STR_LIT("anna"), second, &diag));
    check_audit(7, "sign-out", "user:anna", "all other sessions");
    OK(find(2, 10, &session));
    assert_int_equal(find(3, 10, &session), TW_ENOTFOUND);
    OK(tw_sessions_end_all(&command, TW_STR_LIT("anna"), 0, &diag));
    assert_int_equal(find(2, 10, &session), TW_ENOTFOUND);
    assert_int_equal(tw_sessions_end_all(&command, TW_STR_LIT("carl"), 0, &diag), TW_ENOTFOUND);
}

static void device__eight_and_ninety_days(void **state)
{
    (void)state;
    bool is_known = false;
    uint64_t session = 0;
    OK(add("anna", TW_ROLE_VIEWER, ""));
    uint64_t id = found("anna").id;
    for (unsigned i = 0; i <= TW_DEVICES_MAX; i++) {
        const struct tw_access_command command = by("anna", i);
        const struct tw_sign_in sign_in = {
            .hash = hash_of(i), .device = hash_of(32 + i), .limits = limits};
        OK(tw_session_begin(&command, TW_STR_LIT("anna"), &sign_in, &session, &diag));
    }
    assert_int_equal(NUMBER("SELECT count(*) FROM device"), TW_DEVICES_MAX);
    OK(tw_device_is_known(reader, id, hash_of(32), AT(10), &is_known));
    assert_false(is_known);
    OK(tw_device_is_known(reader, id, hash_of(33), AT(10), &is_known));
    assert_true(is_known);
    OK(tw_device_is_known(reader, id + 1, hash_of(33), AT(10), &is_known));
    assert_false(is_known);
    int64_t days_s = TW_DEVICE_DAYS * INT64_C(86400);
    OK(tw_device_is_known(reader, id, hash_of(33), AT(1 + days_s - 1), &is_known));
    assert_true(is_known);
    OK(tw_device_is_known(reader, id, hash_of(33), AT(1 + days_s), &is_known));
    assert_false(is_known);
    (void)begin(20, 8 + days_s); /* sweeps */
    assert_int_equal(NUMBER("SELECT count(*) FROM device"), 0);
}

/* ---- tokens ---- */

static int add_token(const char *name, unsigned number, int64_t expires_s)
{
    const struct tw_access_command command = by("root", 0);
    const struct tw_token_new token = {.name = tw_str_of(name),
                                       .hash = hash_of(number),
                                       .role = TW_ROLE_NONE,
                                       .grants = TW_STR_LIT("push"),
                                       .expires = AT(expires_s)};
    return tw_token_add(&command, &token, &diag);
}

static void token__found_until_it_expires_or_is_revoked(void **state)
{
    (void)state;
    struct tw_token token = {.id = 0};
    const struct tw_access_command command = by("root", 10);
    OK(add_token("prometheus", 1, 1000));
    check_audit(1, "token-add", "token:prometheus", "role none, until 2023-11-14T22:30:00.000000Z");
    OK(tw_token_find(reader, &arena, hash_of(1), AT(999), &token));
    assert_true(tw_str_is(token.name, "prometheus"));
    assert_int_equal(token.role, TW_ROLE_NONE);
    assert_true(tw_str_is(token.grants, "push"));
    assert_true(tw_str_is(token.made_by, "root"));
    assert_int_equal(token.used.ns, 0);
    assert_int_equal(tw_token_find(reader, &arena, hash_of(1), AT(1000), &token), TW_ENOTFOUND);
    assert_int_equal(tw_token_find(reader, &arena, hash_of(2), AT(1), &token), TW_ENOTFOUND);
    assert_int_equal(add_token("prometheus", 2, 1000), TW_EEXISTS);
    OK(tw_token_revoke(&command, TW_STR_LIT("prometheus"), &diag));
    check_audit(2, "token-revoke", "token:prometheus", "");
    assert_int_equal(tw_token_find(reader, &arena, hash_of(1), AT(1), &token), TW_ENOTFOUND);
    assert_int_equal(tw_token_revoke(&command, TW_STR_LIT("prometheus"), &diag), TW_ENOTFOUND);
    assert_string_equal(diag.text, "there is no token prometheus");
    OK(add_token("prometheus", 2, 1000)); /* its name is free */
}

static void token__used__known_to_the_hour(void **state)
{
    (void)state;
    struct tw_token token = {.id = 0};
    const int64_t hour = TW_TOKEN_USED_S * TW_NS_PER_S;
    OK(add_token("prometheus", 1, 100000));
    OK(tw_token_find(reader, &arena, hash_of(1), AT(0), &token));
    OK(tw_token_used(kit.dir, &token, AT(5000), &diag));
    OK(tw_token_find(reader, &arena, hash_of(1), AT(0), &token));
    assert_int_equal(token.used.ns, AT(5000).ns / hour * hour);
    /* nothing is opened for the same hour */
    OK(tw_token_used("/nowhere", &token, (tw_wall_t){token.used.ns + hour - 1}, &diag));
    assert_int_equal(tw_token_used("/nowhere", &token, (tw_wall_t){token.used.ns + hour}, &diag),
                     TW_ENOTFOUND);
    assert_int_equal(NUMBER("SELECT count(*) FROM audit"), 1);
}

static void token__bounds__at_their_edges(void **state)
{
    (void)state;
    char name[16];
    const struct tw_token *tokens = NULL;
    size_t count = 0;
    const int64_t most_s = TW_TOKEN_DAYS_MAX * INT64_C(86400);
    assert_int_equal(add_token("a", 1, 0), TW_EINVAL);
    assert_int_equal(add_token("a", 1, most_s + 1), TW_EINVAL);
    assert_int_equal(add_token("A", 1, 10), TW_EINVAL);
    OK(add_token("a", 1, most_s));
    sqlite3 *db = NULL;
    char text[256];
    OK(tw_desk_open_beside(kit.dir, 512, &db, &diag));
    (void)snprintf(text, sizeof text,
                   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
                   " INSERT INTO token SELECT NULL, CAST('t' || i AS BLOB), CAST(i AS BLOB),"
                   " CAST('viewer' AS BLOB), x'', 0, x'', 0, NULL FROM n",
                   TW_TOKENS_MAX - 2);
    OK(tw_db_exec(db, text, &diag));
    tw_db_close(&db);
    OK(add_token("b", 2, 10));
    assert_int_equal(add_token("c", 3, 10), TW_ELIMIT);
    OK(tw_tokens_list(reader, &arena, &tokens, &count));
    assert_int_equal(count, TW_TOKENS_MAX);
    (void)snprintf(name, sizeof name, "%.*s", (int)tokens[1].name.len, tokens[1].name.ptr);
    assert_string_equal(name, "b");
}

/* ---- all of them ---- */

static void rows__a_role_that_is_none__is_damage(void **state)
{
    (void)state;
    struct tw_user user = {.id = 0};
    sqlite3 *db = NULL;
    OK(add("anna", TW_ROLE_VIEWER, ""));
    OK(tw_desk_open_beside(kit.dir, 512, &db, &diag));
    OK(tw_db_exec(db, "UPDATE user SET role = CAST('root' AS BLOB)", &diag));
    tw_db_close(&db);
    assert_int_equal(tw_user_find(reader, &arena, TW_STR_LIT("anna"), &user), TW_EDAMAGED);
}

static void ready__older_desk__is_said(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    OK(tw_desk_open_beside(kit.dir, 512, &db, &diag));
    OK(tw_db_exec(db, "PRAGMA user_version = 3", &diag));
    tw_db_close(&db);
    assert_int_equal(tw_users_ready(kit.dir, &diag), TW_EOLDER);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(add__as_given__and_said),
        CASE(add__bad_name_or_grant__nothing),
        CASE(add__10000__the_next_is_refused),
        CASE(add_first__only_without_users),
        CASE(password__changed__ends_sessions_and_forgets_devices),
        CASE(password__renewed__only_if_it_is_still_the_one),
        CASE(role_grants_disable__changed_and_said),
        CASE(admins__the_last_one__stays),
        CASE(session__found_until_it_is_over),
        CASE(session__clock_goes_back__stored_time_counts_on),
        CASE(session__twenty__the_one_unused_for_longest_goes),
        CASE(session__begun__takes_the_place_and_sweeps),
        CASE(session__ended__by_its_owner_only),
        CASE(device__eight_and_ninety_days),
        CASE(token__found_until_it_expires_or_is_revoked),
        CASE(token__used__known_to_the_hour),
        CASE(token__bounds__at_their_edges),
        CASE(rows__a_role_that_is_none__is_damage),
        CASE(ready__older_desk__is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
