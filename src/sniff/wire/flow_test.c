/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/wire/flow.h"

#include "sniff/kit_test.h"

#define MS 1000000

static struct nj_flow client, server;
static struct nj_reassembly_pool pool;
static int64_t now_ns;
static uint64_t frame;

static struct nj_segment
segment(bool is_back, unsigned flags, uint32_t seq, uint32_t ack, uint32_t n)
{
    static char payload[4096];
    struct nj_flow *from = is_back ? &server : &client;
    struct nj_tcp t = {.flags = flags,
                       .seq = seq,
                       .ack = ack,
                       .window = 1000,
                       .payload = {payload, n},
                       .wire_payload_bytes = n};
    bool is_syn = (flags & NJ_TCP_SYN) != 0;
    struct nj_segment s;
    struct nj_ready ready;

    now_ns += MS;
    s = nj_flow_judge(from, is_back ? &client : &server, &t, ++frame, now_ns, 0);
    if (is_syn)
        nj_reassembly_begin(&from->bytes, seq + 1);
    ready = nj_reassembly_feed(&from->bytes, &pool, seq + is_syn, t.payload, n);
    nj_reassembly_take(&from->bytes, &pool, ready.bytes.n);
    return s;
}

static int
shake_hands(void **state)
{
    (void)state;
    nj_flow_init(&client);
    nj_flow_init(&server);
    now_ns = 0;
    frame = 0;
    (void)segment(false, NJ_TCP_SYN, 1000, 0, 0);
    (void)segment(true, NJ_TCP_SYN | NJ_TCP_ACK, 5000, 1001, 0);
    return segment(false, NJ_TCP_ACK, 1001, 5001, 0).remarks == 0 ? 0 : -1;
}

static int
tear_down(void **state)
{
    (void)state;
    nj_reassembly_drop(&client.bytes, &pool);
    nj_reassembly_drop(&server.bytes, &pool);
    return 0;
}

static void
numbers_are_relative_to_the_syn(void **state)
{
    struct nj_segment s = segment(false, NJ_TCP_ACK, 1001, 5001, 10);

    (void)state;
    assert_int_equal(s.seq, 1);
    assert_int_equal(s.ack, 1);
    assert_int_equal(s.remarks, 0);
}

static void
without_a_syn_the_first_number_is_1(void **state)
{
    struct nj_segment s;

    (void)state;
    nj_flow_init(&client);
    nj_flow_init(&server);
    s = segment(false, NJ_TCP_ACK, 777, 888, 10);
    assert_int_equal(s.seq, 1);
    assert_int_equal(s.ack, 1);
    s = segment(true, NJ_TCP_ACK, 888, 787, 0);
    assert_int_equal(s.seq, 1);
    assert_int_equal(s.ack, 11);
}

static void
what_comes_late_is_told_from_what_comes_again(void **state)
{
    (void)state;
    (void)segment(false, NJ_TCP_ACK, 1001, 5001, 10);
    assert_int_equal(segment(false, NJ_TCP_ACK, 1021, 5001, 10).remarks,
                     NJ_REMARK_PREVIOUS_MISSING);
    assert_int_equal(segment(false, NJ_TCP_ACK, 1011, 5001, 10).remarks, NJ_REMARK_OUT_OF_ORDER);
    assert_int_equal(segment(false, NJ_TCP_ACK, 1011, 5001, 10).remarks, NJ_REMARK_RETRANSMISSION);
    assert_int_equal(segment(true, NJ_TCP_ACK, 5001, 1031, 0).remarks, 0);
    assert_int_equal(segment(false, NJ_TCP_ACK, 1011, 5001, 10).remarks,
                     NJ_REMARK_SPURIOUS_RETRANSMISSION);
}

static void
a_gap_filled_after_a_pause_is_a_retransmission(void **state)
{
    (void)state;
    (void)segment(false, NJ_TCP_ACK, 1011, 5001, 10);
    now_ns += 100 * MS;
    assert_int_equal(segment(false, NJ_TCP_ACK, 1001, 5001, 10).remarks, NJ_REMARK_RETRANSMISSION);
}

static void
what_is_acknowledged_unseen_is_said_once(void **state)
{
    (void)state;
    assert_int_equal(segment(true, NJ_TCP_ACK, 5001, 1050, 0).remarks, NJ_REMARK_ACKED_UNSEEN);
    assert_int_equal(segment(false, NJ_TCP_ACK, 1050, 5001, 10).remarks,
                     NJ_REMARK_PREVIOUS_MISSING);
}

static void
duplicate_acknowledgements_are_counted(void **state)
{
    struct nj_segment s;

    (void)state;
    (void)segment(false, NJ_TCP_ACK, 1001, 5001, 10);
    (void)segment(true, NJ_TCP_ACK, 5001, 1011, 0);
    for (unsigned i = 1; i < 4; i++) {
        s = segment(true, NJ_TCP_ACK, 5001, 1011, 0);
        assert_int_equal(s.remarks, NJ_REMARK_DUPLICATE_ACK);
        assert_int_equal(s.duplicate_ack, i);
        assert_int_equal(s.duplicated_frame, 5);
    }
    (void)segment(false, NJ_TCP_ACK, 1021, 5001, 10);
    assert_int_equal(segment(false, NJ_TCP_ACK, 1011, 5001, 10).remarks,
                     NJ_REMARK_FAST_RETRANSMISSION);
}

static void
a_full_window_and_a_sign_of_life_are_remarked(void **state)
{
    (void)state;
    assert_int_equal(segment(false, NJ_TCP_ACK, 1001, 5001, 1000).remarks, NJ_REMARK_WINDOW_FULL);
    (void)segment(true, NJ_TCP_ACK, 5001, 2001, 0);
    assert_int_equal(segment(false, NJ_TCP_ACK, 2000, 5001, 0).remarks, NJ_REMARK_KEEP_ALIVE);
    assert_int_equal(segment(true, NJ_TCP_ACK, 5001, 2001, 0).remarks, NJ_REMARK_KEEP_ALIVE_ACK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shake_hands, tear_down)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_are_relative_to_the_syn),
        TEST(without_a_syn_the_first_number_is_1),
        TEST(what_comes_late_is_told_from_what_comes_again),
        TEST(a_gap_filled_after_a_pause_is_a_retransmission),
        TEST(what_is_acknowledged_unseen_is_said_once),
        TEST(duplicate_acknowledgements_are_counted),
        TEST(a_full_window_and_a_sign_of_life_are_remarked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
