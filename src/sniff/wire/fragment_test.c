/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/wire/fragment.h"

#include "base/mem.h"
#include "sniff/kit_test.h"

static struct nj_fragments *fragments;

static int
set_up(void **state)
{
    (void)state;
    return nj_fragments_new(&fragments) == NJ_OK ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    nj_fragments_free(fragments);
    return nj_mem_used() == 0 ? 0 : -1;
}

static struct nj_ip
fragment(uint32_t id, uint32_t offset, bool has_more, struct nj_str payload)
{
    return (struct nj_ip){
        .version = 4,
        .protocol = NJ_IP_TCP,
        .source = NJ_STR("\x0a\0\0\x01"),
        .destination = NJ_STR("\x0a\0\0\x02"),
        .payload = payload,
        .wire_payload_bytes = (uint32_t)payload.n,
        .is_fragment = true,
        .has_more = has_more,
        .identification = id,
        .fragment_offset = offset,
    };
}

static void
a_datagram_is_whole_in_any_order(void **state)
{
    struct nj_ip last = fragment(1, 16, false, NJ_STR("end"));
    struct nj_ip first = fragment(1, 0, true, NJ_STR("12345678"));
    struct nj_ip other = fragment(2, 8, true, NJ_STR("--------"));
    struct nj_ip middle = fragment(1, 8, true, NJ_STR("abcdefgh"));

    (void)state;
    assert_false(nj_fragments_add(fragments, &last));
    assert_false(nj_fragments_add(fragments, &other));
    assert_false(nj_fragments_add(fragments, &first));
    assert_true(nj_fragments_add(fragments, &middle));
    assert_false(middle.is_fragment);
    assert_int_equal(middle.wire_payload_bytes, 19);
    assert_true(nj_str_eq(middle.payload, NJ_STR("12345678abcdefghend")));
}

static void
what_came_first_stays(void **state)
{
    struct nj_ip first = fragment(1, 0, true, NJ_STR("12345678"));
    struct nj_ip again = fragment(1, 0, true, NJ_STR("XXXXXXXXabcdefgh"));
    struct nj_ip last = fragment(1, 16, false, NJ_STR("."));

    (void)state;
    assert_false(nj_fragments_add(fragments, &first));
    assert_false(nj_fragments_add(fragments, &again));
    assert_true(nj_fragments_add(fragments, &last));
    assert_true(nj_str_eq(last.payload, NJ_STR("12345678abcdefgh.")));
}

static void
what_cannot_be_is_not_taken(void **state)
{
    struct nj_ip beyond = fragment(1, 65528, true, NJ_STR("12345678"));
    struct nj_ip odd = fragment(1, 0, true, NJ_STR("123"));
    struct nj_ip cut = fragment(1, 0, false, NJ_STR("123"));
    struct nj_ip end = fragment(3, 16, false, NJ_STR("end"));
    struct nj_ip other_end = fragment(3, 0, false, NJ_STR("1234"));
    struct nj_ip rest = fragment(3, 8, true, NJ_STR("12345678"));

    (void)state;
    assert_false(nj_fragments_add(fragments, &beyond));
    assert_false(nj_fragments_add(fragments, &odd));
    cut.wire_payload_bytes = 4;
    assert_false(nj_fragments_add(fragments, &cut));
    assert_false(nj_fragments_add(fragments, &end));
    assert_false(nj_fragments_add(fragments, &other_end));
    assert_false(nj_fragments_add(fragments, &rest));
}

static void
those_that_are_never_whole_make_room(void **state)
{
    struct nj_ip last = fragment(NJ_FRAGMENT_DATAGRAMS_MAX + 5, 8, false, NJ_STR("!"));

    (void)state;
    for (uint32_t id = 1; id <= NJ_FRAGMENT_DATAGRAMS_MAX + 5; id++) {
        struct nj_ip one = fragment(id, 0, true, NJ_STR("12345678"));

        assert_false(nj_fragments_add(fragments, &one));
    }
    assert_int_equal(nj_fragments_lost(fragments), 5);
    assert_true(nj_mem_used() < NJ_FRAGMENT_DATAGRAMS_MAX * 70000u);
    assert_true(nj_fragments_add(fragments, &last));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_datagram_is_whole_in_any_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_came_first_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_not_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(those_that_are_never_whole_make_room, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
