/* SPDX-License-Identifier: Apache-2.0
 * Which addresses are inside, at both edges of each range, and as what they may come.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cmocka.h>

#include "http/net.h"

static struct tw_address address_of(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct tw_address address;
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        assert_true(tw_address_of((const struct sockaddr *)&v4, sizeof v4, &address));
        return address;
    }
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    assert_true(tw_address_of((const struct sockaddr *)&v6, sizeof v6, &address));
    return address;
}

static void is(const char *text, const char *what)
{
    struct tw_address address = address_of(text);
    const char *inside = tw_address_inside(&address);
    if (what == NULL) {
        assert_null(inside);
    } else {
        assert_non_null(inside);
        assert_string_equal(inside, what);
    }
}

static void inside__edges_of_ipv4_ranges__as_registered(void **state)
{
    (void)state;
    static const struct {
        const char *before; /* NULL: none */
        const char *first;
        const char *last;
        const char *behind;
        const char *what;
    } ranges[] = {
        {NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0", "of this network"},
        {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", "private"},
        {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", "shared"},
        {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", "loopback"},
        {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0", "link-local"},
        {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", "private"},
        {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0", "reserved"},
        {"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0", "reserved"},
        {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0", "private"},
        {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", "reserved"},
        {"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0", "reserved"},
        {"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0", "reserved"},
        {"223.255.255.255", "224.0.0.0", "239.255.255.255", NULL, "multicast"},
        {NULL, "240.0.0.0", "255.255.255.255", NULL, "reserved"},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        is(ranges[i].first, ranges[i].what);
        is(ranges[i].last, ranges[i].what);
        if (ranges[i].before != NULL) {
            is(ranges[i].before, NULL);
        }
        if (ranges[i].behind != NULL) {
            is(ranges[i].behind, NULL);
        }
    }
}

static void inside__edges_of_ipv6_ranges__as_registered(void **state)
{
    (void)state;
    is("::", "loopback");
    is("::1", "loopback");
    is("64:ff9b:1::", "private");
    is("64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "private");
    is("64:ff9b:2::", NULL);
    is("100::", "reserved");
    is("100::ffff:ffff:ffff:ffff", "reserved");
    is("100:0:0:1::", NULL);
    is("2001::", "reserved"); /* Teredo */
    is("2001:1ff:ffff::", "reserved");
    is("2001:200::", NULL);
    is("2001:db7:ffff::", NULL);
    is("2001:db8::", "reserved");
    is("2001:db8:ffff::1", "reserved");
    is("2001:db9::", NULL);
    is("2a00:1450:4001::8a", NULL);
    is("fbff:ffff::", NULL);
    is("fc00::", "private");
    is("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "private");
    is("fe00::", NULL);
    is("fe80::1", "link-local");
    is("febf:ffff::", "link-local");
    is("fec0::", "private");
    is("feff:ffff::", "private");
    is("ff00::", "multicast");
    is("ff02::1", "multicast");
}

static void inside__ipv4_in_ipv6__is_that_ipv4(void **state)
{
    (void)state;
    static const char *const loopback[] = {"::ffff:127.0.0.1", "::ffff:0:127.0.0.1",
                                           "64:ff9b::127.0.0.1", "2002:7f00:1::", "::127.0.0.1"};
    static const char *const outside[] = {"::ffff:8.8.8.8", "::ffff:0:8.8.8.8", "64:ff9b::8.8.8.8",
                                          "2002:808:808::", "::8.8.8.8"};
    char text[TW_ADDRESS_TEXT_SIZE];
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
        struct tw_address address = address_of(loopback[i]);
        assert_false(address.is_v6);
        tw_address_text(&address, text);
        assert_string_equal(text, "127.0.0.1");
        is(loopback[i], "loopback");
        is(outside[i], NULL);
    }
    is("::2", "of this network"); /* 0.0.0.2 */
}

static void address__no_internet_address__is_none(void **state)
{
    (void)state;
    struct tw_address address;
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    assert_false(tw_address_of(&other, sizeof other, &address));
    assert_false(tw_address_of((const struct sockaddr *)&v6, sizeof v6 - 1, &address));
    assert_false(tw_address_of((const struct sockaddr *)&v4, sizeof v4 - 1, &address));
}

static void text__longest__fits(void **state)
{
    (void)state;
    char text[TW_ADDRESS_TEXT_SIZE];
    struct tw_address address = address_of("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    tw_address_text(&address, text);
    assert_string_equal(text, "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inside__edges_of_ipv4_ranges__as_registered),
        cmocka_unit_test(inside__edges_of_ipv6_ranges__as_registered),
        cmocka_unit_test(inside__ipv4_in_ipv6__is_that_ipv4),
        cmocka_unit_test(address__no_internet_address__is_none),
        cmocka_unit_test(text__longest__fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
