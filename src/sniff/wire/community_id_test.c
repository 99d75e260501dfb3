/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/wire/community_id.h"

#include "sniff/kit_test.h"

static void
named(const char *expected, struct nj_str source, uint16_t source_port, struct nj_str destination,
      uint16_t destination_port, unsigned protocol)
{
    struct nj_ip there = {.protocol = protocol, .source = source, .destination = destination};
    struct nj_ip back = {.protocol = protocol, .source = destination, .destination = source};
    char id[NJ_COMMUNITY_ID_BYTES];

    nj_community_id(&there, source_port, destination_port, id);
    assert_string_equal(id, expected);
    nj_community_id(&back, destination_port, source_port, id);
    assert_string_equal(id, expected);
}

/* The first three are the specification's; the last one is the course's. */
static void
a_conversation_has_one_name(void **state)
{
    (void)state;
    named("1:LQU9qZlK+B5F3KDmev6m5PMibrg=", NJ_STR("\x80\xe8\x6e\x78"), 34855,
          NJ_STR("\x42\x23\xfa\xcc"), 80, NJ_IP_TCP);
    named("1:d/FP5EW3wiY1vCndhwleRRKHowQ=", NJ_STR("\xc0\xa8\x01\x34"), 54585,
          NJ_STR("\x08\x08\x08\x08"), 53, NJ_IP_UDP);
    named("1:gtjHhm/zJNlH25iF/xpdjY7oRoQ=", NJ_STR("\xc0\xa8\x01\x63"), 1321,
          NJ_STR("\xc0\xa8\x01\x4a"), 1883, NJ_IP_TCP);
}

/* What tshark says of a capture on loopback. */
static void
one_address_is_ordered_by_port(void **state)
{
    (void)state;
    named("1:yh2iwCBD2AKDtb5fFsjFMHo6Al4=", NJ_STR("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), 38938,
          NJ_STR("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"), 1883, NJ_IP_TCP);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_conversation_has_one_name),
        cmocka_unit_test(one_address_is_ordered_by_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
