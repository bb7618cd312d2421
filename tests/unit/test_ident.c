/* SPDX-License-Identifier: Apache-2.0
 * store/ident: tables, sealed partitions, restarts, the bound, errors. */
#include "config.h"
#include "store_kit.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "store/ident.h"
#include "store/seal.h"
#include "store/state.h"
#include "store/writer.h"

static struct kit kit;
static struct tw_idents *idents;

/* Called once, when the files were listed and before the list is used (--wrap), in the thread that
 * asked for it: others list files, too. */
static _Thread_local void (*after_listing)(void);

int __real_tw_parts_list(const char *dir, struct tw_part **ret_parts, size_t *ret_count,
                         struct tw_diag *diag);
int __wrap_tw_parts_list(const char *dir, struct tw_part **ret_parts, size_t *ret_count,
                         struct tw_diag *diag);

int __wrap_tw_parts_list(const char *dir, struct tw_part **ret_parts, size_t *ret_count,
                         struct tw_diag *diag)
{
    int rc = __real_tw_parts_list(dir, ret_parts, ret_count, diag);
    void (*now)(void) = after_listing;
    after_listing = NULL;
    if (now != NULL) {
        now();
    }
    return rc;
}

static int set_up(void **state)
{
    (void)state;
    kit_init(&kit, 42);
    assert_int_equal(kit_open(&kit), TW_OK);
    assert_int_equal(tw_ident_new(kit.store, &idents, &kit.diag), TW_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_ident_destroy(&idents);
    kit_fini(&kit);
    return 0;
}

static void reopen(void)
{
    tw_ident_destroy(&idents);
    kit_close(&kit);
    assert_int_equal(kit_open(&kit), TW_OK);
    assert_int_equal(tw_ident_new(kit.store, &idents, &kit.diag), TW_OK);
}

/* Commit a batch whose identities go into the index as intake puts them there. */
static void commit(size_t count, bool starts_partition)
{
    if (starts_partition) {
        assert_int_equal(tw_ident_start_partition(idents, kit.record_count + 1), TW_OK);
    }
    kit_fill(&kit, count, starts_partition);
    for (size_t i = 0; i < kit.batch->ident_count; i++) {
        const struct tw_ident *ident = &kit.batch->idents[i];
        assert_int_equal(tw_ident_add(idents, ident->key, ident->check, ident->n), TW_OK);
    }
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
    kit_accept(&kit);
}

static uint64_t key_of(uint64_t n)
{
    return n * 0x9e3779b97f4a7c15u;
}

/* Every event from first_n on is found, and nothing that never was. */
static void check_all(uint64_t first_n)
{
    for (uint64_t i = 0; i < kit.record_count; i++) {
        uint64_t n = 0;
        uint32_t check = 0;
        bool is_event = kit.records[i].kind == TW_RECORD_EVENT;
        tw_ident_prefetch(idents, key_of(i + 1));
        int rc = tw_ident_find(idents, key_of(i + 1), 0, &n, &check);
        assert_int_equal(rc, is_event && i + 1 >= first_n ? TW_OK : TW_ENOTFOUND);
        if (rc == TW_OK) {
            assert_true(n == i + 1 && check == ((uint32_t)n | 1));
        }
    }
    for (uint64_t i = 0; i < 20000; i++) {
        uint64_t n = 0;
        uint32_t check = 0;
        assert_int_equal(tw_ident_find(idents, kit_rnd(&kit, UINT64_MAX), 0, &n, &check),
                         TW_ENOTFOUND);
    }
}

static void find__many_entries__all_and_no_others(void **state)
{
    (void)state;
    size_t before = tw_ident_memory(idents);
    for (uint64_t i = 1; i <= 300000; i++) {
        assert_int_equal(tw_ident_add(idents, key_of(i), (uint32_t)i | 1, i), TW_OK);
    }
    assert_true(tw_ident_memory(idents) > before);
    assert_true(tw_ident_memory(idents) - before < 300000 * 32);
    for (uint64_t i = 1; i <= 300000; i++) {
        uint64_t n = 0;
        uint32_t check = 0;
        assert_int_equal(tw_ident_find(idents, key_of(i), 0, &n, &check), TW_OK);
        assert_true(n == i && check == ((uint32_t)i | 1));
        assert_int_equal(tw_ident_find(idents, key_of(i + 300000), 0, &n, &check), TW_ENOTFOUND);
    }
}

static void find__same_key__prefers_the_check_then_the_first(void **state)
{
    (void)state;
    uint64_t n = 0;
    uint32_t check = 0;
    assert_int_equal(tw_ident_add(idents, 7, 100, 1), TW_OK);
    assert_int_equal(tw_ident_add(idents, 7, 200, 2), TW_OK);
    assert_int_equal(tw_ident_add(idents, 7, 200, 3), TW_OK);
    assert_int_equal(tw_ident_add(idents, 8, 300, 4), TW_OK);
    assert_int_equal(tw_ident_find(idents, 7, 0, &n, &check), TW_OK);
    assert_true(n == 1 && check == 100);
    assert_int_equal(tw_ident_find(idents, 7, 200, &n, &check), TW_OK);
    assert_true(n == 2 && check == 200);
    assert_int_equal(tw_ident_find(idents, 7, 999, &n, &check), TW_OK);
    assert_true(n == 1 && check == 100);
    /* colliding keys, as a sender who knew the seed would make them, only lengthen one chain */
    for (uint64_t i = 5; i < 500; i++) {
        assert_int_equal(tw_ident_add(idents, 7, 1000 + (uint32_t)i, i), TW_OK);
    }
    assert_int_equal(tw_ident_find(idents, 7, 1499, &n, &check), TW_OK);
    assert_true(n == 499);
}

static void hash__one_store__stays_and_others_differ(void **state)
{
    (void)state;
    uint64_t hash = tw_ident_hash(idents, "/pos/1\0e1", 9);
    assert_true(hash != tw_ident_hash(idents, "/pos/1\0e2", 9));
    reopen();
    assert_true(hash == tw_ident_hash(idents, "/pos/1\0e1", 9));
    struct kit other;
    struct tw_idents *others = NULL;
    kit_init(&other, 43);
    assert_int_equal(kit_open(&other), TW_OK);
    assert_int_equal(tw_ident_new(other.store, &others, &other.diag), TW_OK);
    assert_true(hash != tw_ident_hash(others, "/pos/1\0e1", 9));
    tw_ident_destroy(&others);
    kit_fini(&other);
}

static void find__over_partitions_and_restarts__knows_all(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        commit(300, i % 8 == 7);
    }
    check_all(1);
    reopen();
    check_all(1);
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    check_all(1); /* the files are sealed, the index does not know yet */
    size_t before = tw_ident_memory(idents);
    tw_ident_poll(idents);
    assert_true(tw_ident_memory(idents) < before);
    check_all(1);
    for (int i = 0; i < 10; i++) {
        commit(300, i == 5);
    }
    check_all(1);
    reopen();
    check_all(1);
    assert_true(tw_ident_floor(idents) == 1);
}

static void *run_keeper(void *ret_rc)
{
    struct tw_diag diag = {{0}};
    *(int *)ret_rc = tw_keeper_run_once(kit.store, &diag);
    return NULL;
}

static void new__while_the_keeper_seals__knows_all(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++) {
        commit(100, true);
        commit(100, true);
        tw_ident_destroy(&idents);
        pthread_t keeper;
        int rc = TW_EIO;
        assert_int_equal(pthread_create(&keeper, NULL, run_keeper, &rc), 0);
        assert_int_equal(tw_ident_new(kit.store, &idents, &kit.diag), TW_OK);
        assert_int_equal(pthread_join(keeper, NULL), 0);
        assert_int_equal(rc, TW_OK);
        check_all(1);
        tw_ident_poll(idents);
        check_all(1);
    }
}

static void read_filter__no_such_partition__says_so(void **state)
{
    (void)state;
    struct tw_part_meta meta;
    uint8_t *filter = NULL;
    assert_int_equal(tw_seal_read_filter(kit.store->dir, 77, &meta, &filter, &kit.diag),
                     TW_ENOTFOUND);
    assert_null(filter);
}

static void find__same_key_in_two_partitions__prefers_as_in_one(void **state)
{
    (void)state;
    uint64_t n = 0;
    uint32_t check = 0;
    commit(10, false);
    kit_fill(&kit, 1, false);
    tw_batch_add_ident(kit.batch)->n = kit.record_count + 1;
    kit.batch->idents[kit.batch->ident_count - 1].key = 7;
    kit.batch->idents[kit.batch->ident_count - 1].check = 100;
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
    kit_accept(&kit);
    commit(10, true);
    reopen();
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    tw_ident_poll(idents);
    assert_int_equal(tw_ident_add(idents, 7, 200, kit.record_count + 1), TW_OK);
    assert_int_equal(tw_ident_find(idents, 7, 0, &n, &check), TW_OK);
    assert_true(n == 11 && check == 100);
    assert_int_equal(tw_ident_find(idents, 7, 200, &n, &check), TW_OK);
    assert_true(n == kit.record_count + 1 && check == 200);
}

static void bound__reached__forgets_the_oldest_and_says_so(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        commit(2000, i > 0);
    }
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    /* each filter: about 1,670 keys of 16 bits, 3.3 KB; room for two of the five */
    kit.cfg.store.duplicate_memory_bytes = 8000;
    tw_ident_poll(idents);
    assert_true(tw_ident_floor(idents) == 6001);
    check_all(6001);
    reopen();
    assert_true(tw_ident_floor(idents) == 6001);
    check_all(6001);
    kit.cfg.store.duplicate_memory_bytes = 0;
    reopen();
    assert_true(tw_ident_floor(idents) == 10001);
    check_all(10001);
}

static void retention__expired_partition__raises_the_floor(void **state)
{
    (void)state;
    kit.cfg.store.retain_days = 3;
    commit(500, false);
    tw_clock_manual_advance(&kit.clock, 2 * 86400 * TW_NS_PER_S);
    commit(500, true);
    commit(500, true);
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    tw_ident_poll(idents);
    check_all(1);
    for (int i = 0; i < 40; i++) { /* hour by hour: no jump */
        tw_clock_manual_advance(&kit.clock, 3600 * TW_NS_PER_S);
        assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    }
    tw_ident_poll(idents);
    assert_true(tw_ident_floor(idents) == 501);
    check_all(501);
    reopen();
    assert_true(tw_ident_floor(idents) == 501);
}

static void find__sealed_file_unreadable__is_an_error_and_not_new(void **state)
{
    (void)state;
    commit(3000, false);
    commit(10, true);
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    tw_ident_poll(idents);
    /* every page but the head, so that it opens and then fails */
    FILE *file = fopen(kit_path(&kit, "part-000001.sealed"), "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long size = ftell(file);
    static const char zeros[TW_DB_PAGE_SIZE];
    for (long at = TW_DB_PAGE_SIZE; at < size; at += TW_DB_PAGE_SIZE) {
        assert_int_equal(fseek(file, at, SEEK_SET), 0);
        assert_int_equal(fwrite(zeros, 1, sizeof zeros, file), sizeof zeros);
    }
    assert_int_equal(fclose(file), 0);
    uint64_t n = 0;
    uint32_t check = 0;
    uint64_t event = 1;
    while (kit.records[event - 1].kind != TW_RECORD_EVENT) {
        event++;
    }
    assert_int_equal(tw_ident_find(idents, key_of(event), 0, &n, &check), TW_EIO);
}

static void filter__random_hashes__one_in_hundreds_is_wrong(void **state)
{
    (void)state;
    const uint32_t keys = 50000;
    uint32_t lines = tw_filter_lines(keys);
    assert_in_range(lines, keys * 16 / 512, keys * 16 / 512 + 1);
    uint8_t *filter = calloc(lines, TW_FILTER_LINE);
    assert_non_null(filter);
    for (uint64_t i = 0; i < keys; i++) {
        tw_filter_set(filter + (size_t)tw_filter_line(key_of(i), lines) * TW_FILTER_LINE,
                      key_of(i));
    }
    unsigned wrong = 0;
    for (uint64_t i = 0; i < 2ull * keys; i++) {
        const uint8_t *line = filter + (size_t)tw_filter_line(key_of(i), lines) * TW_FILTER_LINE;
        bool is_in = tw_filter_test(line, key_of(i));
        assert_true(is_in || i >= keys);
        wrong += is_in && i >= keys ? 1 : 0;
    }
    assert_true(wrong < keys / 200);
    assert_int_equal(tw_filter_lines(0), 1);
    free(filter);
}

static void ident_page__damaged_bytes__never_read_outside(void **state)
{
    (void)state;
    for (int round = 0; round < 5000; round++) {
        size_t len = (size_t)kit_rnd(&kit, 40);
        char *bytes = malloc(len + 1);
        assert_non_null(bytes);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (char)kit_rnd(&kit, 256);
        }
        uint64_t n = 0;
        uint32_t check = 0;
        int rc =
            tw_ident_page_find((struct tw_str){bytes, len}, 1, kit_rnd(&kit, 300), 0, &n, &check);
        assert_true(rc == TW_OK || rc == TW_ENOTFOUND || rc == TW_EDAMAGED);
        free(bytes);
    }
}

static void seal_all(void)
{
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
}

static void expire_first(void)
{
    assert_int_equal(unlink(kit_path(&kit, "part-000001.sealed")), 0);
}

/* The keeper runs before intake reads the identities back. */
static void new__sealed_while_it_reads__knows_all(void **state)
{
    (void)state;
    commit(500, false);
    commit(300, true);
    commit(200, true);
    tw_ident_destroy(&idents);
    after_listing = seal_all;
    assert_int_equal(tw_ident_new(kit.store, &idents, &kit.diag), TW_OK);
    assert_null(after_listing);
    assert_int_equal(access(kit_path(&kit, "part-000002.sealed"), F_OK), 0);
    tw_ident_poll(idents);
    check_all(1);
    assert_true(tw_ident_floor(idents) == 1);
}

static void new__expired_while_it_reads__knows_the_others(void **state)
{
    (void)state;
    commit(500, false);
    commit(300, true);
    commit(200, true);
    seal_all();
    tw_ident_destroy(&idents);
    after_listing = expire_first;
    assert_int_equal(tw_ident_new(kit.store, &idents, &kit.diag), TW_OK);
    assert_null(after_listing);
    check_all(501);
    assert_true(tw_ident_floor(idents) == 501);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(find__many_entries__all_and_no_others),
        TEST(find__same_key__prefers_the_check_then_the_first),
        TEST(hash__one_store__stays_and_others_differ),
        TEST(find__over_partitions_and_restarts__knows_all),
        TEST(new__while_the_keeper_seals__knows_all),
        TEST(read_filter__no_such_partition__says_so),
        TEST(find__same_key_in_two_partitions__prefers_as_in_one),
        TEST(bound__reached__forgets_the_oldest_and_says_so),
        TEST(retention__expired_partition__raises_the_floor),
        TEST(find__sealed_file_unreadable__is_an_error_and_not_new),
        TEST(new__sealed_while_it_reads__knows_all),
        TEST(new__expired_while_it_reads__knows_the_others),
        TEST(filter__random_hashes__one_in_hundreds_is_wrong),
        TEST(ident_page__damaged_bytes__never_read_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
