/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/wire/link.h"

#include "sniff/kit_test.h"

#define MACS "\x01\x02\x03\x04\x05\x06\x0a\x0b\x0c\x0d\x0e\x0f"

static void
ethernet_has_addresses_tags_and_a_type(void **state)
{
    struct nj_link l;

    (void)state;
    assert_true(nj_link_read(NJ_LINK_ETHERNET,
                             NJ_STR(MACS "\x08\x00"
                                         "abc"),
                             &l));
    assert_int_equal(l.ethertype, NJ_ETHERTYPE_IPV4);
    assert_true(nj_str_eq(l.destination, NJ_STR("\x01\x02\x03\x04\x05\x06")));
    assert_true(nj_str_eq(l.source, NJ_STR("\x0a\x0b\x0c\x0d\x0e\x0f")));
    assert_int_equal(l.vlan_count, 0);
    assert_true(nj_str_eq(l.payload, NJ_STR("abc")));

    assert_true(nj_link_read(NJ_LINK_ETHERNET,
                             NJ_STR(MACS "\x88\xa8\x00\x05\x81\x00\x20\x07\x86\xdd"
                                         "x"),
                             &l));
    assert_int_equal(l.ethertype, NJ_ETHERTYPE_IPV6);
    assert_int_equal(l.vlan_count, 2);
    assert_int_equal(l.vlan[0], 5);
    assert_int_equal(l.vlan[1] & 0xfff, 7);
    assert_true(nj_str_eq(l.payload, NJ_STR("x")));

    assert_false(nj_link_read(NJ_LINK_ETHERNET, NJ_STR(MACS "\x81\x00\x00"), &l));
}

static void
cooked_captures_have_a_type_and_perhaps_a_source(void **state)
{
    struct nj_link l;

    (void)state;
    assert_true(nj_link_read(NJ_LINK_LINUX_SLL,
                             NJ_STR("\0\0\x03\x04\0\x06"
                                    "abcdef\0\0\x08\x00"
                                    "ip"),
                             &l));
    assert_int_equal(l.ethertype, NJ_ETHERTYPE_IPV4);
    assert_true(nj_str_eq(l.source, NJ_STR("abcdef")));
    assert_true(nj_str_eq(l.payload, NJ_STR("ip")));

    assert_true(nj_link_read(NJ_LINK_LINUX_SLL2,
                             NJ_STR("\x86\xdd\0\0\0\0\0\x01\x03\x04\0\x06"
                                    "abcdef\0\0"
                                    "ip"),
                             &l));
    assert_int_equal(l.ethertype, NJ_ETHERTYPE_IPV6);
    assert_true(nj_str_eq(l.payload, NJ_STR("ip")));
    assert_false(nj_link_read(NJ_LINK_LINUX_SLL2, NJ_STR("\x86\xdd\0\0\0\0\0\x01"), &l));
}

static void
a_family_is_written_in_the_order_of_the_machine(void **state)
{
    struct nj_link l;

    (void)state;
    assert_true(nj_link_read(NJ_LINK_NULL,
                             NJ_STR("\x02\0\0\0"
                                    "ip"),
                             &l));
    assert_int_equal(l.ethertype, NJ_ETHERTYPE_IPV4);
    assert_true(nj_link_read(NJ_LINK_LOOP,
                             NJ_STR("\0\0\0\x02"
                                    "ip"),
                             &l));
    assert_int_equal(l.ethertype, NJ_ETHERTYPE_IPV4);
    assert_true(nj_link_read(NJ_LINK_NULL,
                             NJ_STR("\x1e\0\0\0"
                                    "ip"),
                             &l));
    assert_int_equal(l.ethertype, NJ_ETHERTYPE_IPV6);
}

static void
raw_packets_say_their_version_themselves(void **state)
{
    struct nj_link l;

    (void)state;
    assert_true(nj_link_read(NJ_LINK_RAW, NJ_STR("\x45..."), &l));
    assert_int_equal(l.ethertype, NJ_ETHERTYPE_IPV4);
    assert_true(nj_link_read(NJ_LINK_RAW_BSD, NJ_STR("\x60..."), &l));
    assert_int_equal(l.ethertype, NJ_ETHERTYPE_IPV6);
    assert_int_equal(l.payload.n, 4);
    assert_true(nj_link_read(NJ_LINK_RAW, NJ_STR(""), &l));
    assert_int_equal(l.ethertype, 0);
}

static void
a_link_type_is_known_or_not(void **state)
{
    (void)state;
    assert_true(nj_link_is_known(NJ_LINK_ETHERNET));
    assert_true(nj_link_is_known(NJ_LINK_LINUX_SLL2));
    assert_false(nj_link_is_known(105));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ethernet_has_addresses_tags_and_a_type),
        cmocka_unit_test(cooked_captures_have_a_type_and_perhaps_a_source),
        cmocka_unit_test(a_family_is_written_in_the_order_of_the_machine),
        cmocka_unit_test(raw_packets_say_their_version_themselves),
        cmocka_unit_test(a_link_type_is_known_or_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
