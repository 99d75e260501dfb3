/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/payload/websocket.h"

#include "base/mem.h"
#include "sniff/kit_test.h"

#define REQUEST  "GET /mqtt HTTP/1.1\r\nHost: a\r\n\r\n"
#define RESPONSE "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"

/* A connection: what each side sends, and what is made of it. */
struct talk {
    struct nj_websocket_stream *s;
    struct nj_reassembly flow[2];
    struct nj_reassembly_pool pool;
    uint32_t seq[2];
    struct nj_tree tree;
    struct nj_text info, plain; /* of the last segment; all that was carried, and | for gaps */
    struct nj_websocket_row row;
};

static struct talk
begin(void)
{
    struct talk t = {.s = nj_websocket_stream_new()};

    assert_non_null(t.s);
    return t;
}

static void
end(struct talk *t)
{
    nj_websocket_stream_free(t->s, &t->pool);
    for (unsigned i = 0; i < 2; i++)
        nj_reassembly_drop(&t->flow[i], &t->pool);
    nj_tree_fini(&t->tree);
    nj_text_fini(&t->info);
    nj_text_fini(&t->plain);
    assert_int_equal(t->pool.used, 0);
    assert_int_equal(nj_mem_used(), 0);
}

static void
lose(struct talk *t, unsigned direction)
{
    (void)nj_reassembly_feed(&t->flow[direction], &t->pool, t->seq[direction]++,
                             (struct nj_str){NULL, 0}, 1);
}

static void
send_cut(struct talk *t, unsigned direction, struct nj_str bytes, bool is_cut)
{
    struct nj_ready ready = nj_reassembly_feed(&t->flow[direction], &t->pool, t->seq[direction],
                                               bytes, (uint32_t)bytes.n);
    size_t taken = 0;

    t->seq[direction] += (uint32_t)bytes.n;
    nj_tree_clear(&t->tree);
    nj_text_clear(&t->info);
    t->row = (struct nj_websocket_row){.info = &t->info};
    do {
        struct nj_ready rest = {nj_str_from(ready.bytes, taken), true,
                                ready.is_behind_gap && taken == 0};

        taken +=
            nj_websocket_stream_read(t->s, direction, rest, is_cut, &t->pool, &t->tree, &t->row);
        if (t->row.plain.is_behind_gap)
            nj_text_put(&t->plain, NJ_STR("|"));
        nj_text_put(&t->plain, t->row.plain.bytes);
        nj_websocket_stream_take(t->s, direction, &t->pool, t->row.plain.bytes.n);
    } while (t->row.has_more);
    nj_reassembly_take(&t->flow[direction], &t->pool, taken);
}

static void
send(struct talk *t, unsigned direction, struct nj_str bytes)
{
    send_cut(t, direction, bytes, false);
}

static void
upgrade(struct talk *t)
{
    send(t, 0, NJ_STR(REQUEST));
    assert_string_equal(t->row.protocol, "HTTP");
    send(t, 1, NJ_STR(RESPONSE));
    assert_string_equal(nj_text_c(&t->info), "HTTP/1.1 101 Switching Protocols ");
    assert_true(t->row.is_mqtt);
}

static void
messages_and_fragments_are_carried_end_to_end(void **state)
{
    struct talk t = begin();

    (void)state;
    upgrade(&t);
    send(&t, 0, NJ_STR("\x02\x82\x01\x02\x03\x04\x60\x60")); /* "ab", masked, goes on */
    assert_string_equal(nj_text_c(&t.info), "WebSocket Binary[FRAGMENT]  [MASKED]");
    send(&t, 0, NJ_STR("\x89\x80\0\0\0\0\x80\x81\0\0\0\0c")); /* a ping between, then its end */
    assert_string_equal(nj_text_c(&t.info), "WebSocket Continuation [FIN] [MASKED]");
    send(&t, 1,
         NJ_STR("\x82\x01"
                "d\x81\x01"
                "-")); /* text is not carried */
    assert_string_equal(nj_text_c(&t.info), "WebSocket Text [FIN] ");
    assert_string_equal(nj_text_c(&t.plain), "abcd");
    end(&t);
}

static void
a_frame_may_come_byte_by_byte(void **state)
{
    static const char frame[] = "\x82\xfe\0\x03\0\0\0\0abc";
    struct talk t = begin();

    (void)state;
    upgrade(&t);
    for (size_t i = 0; i < sizeof(frame) - 1; i++) {
        assert_string_equal(nj_text_c(&t.plain), "");
        send(&t, 0, (struct nj_str){frame + i, 1});
        assert_int_equal(t.row.is_awaited, i < sizeof(frame) - 2);
    }
    assert_string_equal(nj_text_c(&t.plain), "abc");
    end(&t);
}

static void
what_the_server_says_behind_its_head_is_read(void **state)
{
    struct talk t = begin();

    (void)state;
    send(&t, 1, NJ_STR(RESPONSE "\x82\x01x"));
    assert_string_equal(nj_text_c(&t.info),
                        "HTTP/1.1 101 Switching Protocols WebSocket Binary [FIN] ");
    send(&t, 0, NJ_STR("\x82\x81\0\0\0\0y"));
    assert_string_equal(nj_text_c(&t.plain), "xy");
    end(&t);
}

static void
no_upgrade_no_websocket(void **state)
{
    struct talk t = begin();

    (void)state;
    send(&t, 0, NJ_STR(REQUEST));
    send(&t, 1, NJ_STR("HTTP/1.1 404 Not Found\r\n\r\n"));
    assert_true(t.row.is_over);
    end(&t);
}

static void
compressed_messages_are_counted_and_leave_a_gap(void **state)
{
    struct talk t = begin();

    (void)state;
    upgrade(&t);
    send(&t, 1, NJ_STR("\x82\x01x"));
    send(&t, 1, NJ_STR("\x42\x01y\x80\x01z"));
    assert_int_equal(t.row.compressed, 1);
    assert_false(t.row.plain.is_new);
    send(&t, 1, NJ_STR("\x82\x01x"));
    assert_string_equal(nj_text_c(&t.plain), "x|x");
    end(&t);
}

static void
what_stands_around_compressed_messages_is_carried(void **state)
{
    struct talk t = begin();

    (void)state;
    upgrade(&t);
    send(&t, 1, NJ_STR("\x82\x01x"));
    send(&t, 1, NJ_STR("\x82\x01y\xc2\x01-\x82\x02zz\x42\x01-\x89\0\x80\x01-\x02\x01u\x80\x01v"));
    assert_string_equal(nj_text_c(&t.info), "WebSocket Continuation [FIN] ");
    assert_int_equal(t.row.compressed, 2);
    assert_int_equal(t.pool.lost_bytes, 0);
    send(&t, 1, NJ_STR("\xc2\x01-\x82\x02ww"));
    assert_string_equal(nj_text_c(&t.plain), "xy|zz|uv|ww");
    end(&t);
}

/* It waits for the rest of its packet, and is lent until the next segment. */
static void
what_was_not_taken_outlives_what_comes_behind_a_gap(void **state)
{
    struct nj_ready ready = {NJ_STR("\x82\x01x"), true, false};
    struct talk t = begin();
    struct nj_str lent;
    size_t taken;

    (void)state;
    upgrade(&t);
    t.row = (struct nj_websocket_row){.info = &t.info};
    (void)nj_websocket_stream_read(t.s, 1, ready, false, &t.pool, &t.tree, &t.row);
    nj_websocket_stream_take(t.s, 1, &t.pool, 0);
    ready.bytes = NJ_STR("\x82\x01y\xc2\x01-\x82\x01z");
    taken = nj_websocket_stream_read(t.s, 1, ready, false, &t.pool, &t.tree, &t.row);
    assert_true(t.row.has_more);
    lent = t.row.plain.bytes;
    nj_websocket_stream_take(t.s, 1, &t.pool, 0);
    ready.bytes = nj_str_from(ready.bytes, taken);
    (void)nj_websocket_stream_read(t.s, 1, ready, false, &t.pool, &t.tree, &t.row);
    assert_false(t.row.has_more);
    assert_true(nj_str_eq(lent, NJ_STR("xy")));
    assert_true(nj_str_eq(t.row.plain.bytes, NJ_STR("z")));
    assert_int_equal(t.pool.lost_bytes, 2);
    end(&t);
}

#define LARGE (10u << 20)

static void
large_masked_messages_are_carried_or_counted(void **state)
{
    static const char head[] = "\x82\xff\0\0\0\0\0\xa0\0\0\0\0\0\0";
    static char frames[LARGE + 2 * sizeof(head)];
    struct talk t = begin();

    (void)state;
    upgrade(&t);
    memcpy(frames, head, sizeof(head) - 1);
    send(&t, 0, (struct nj_str){frames, LARGE + sizeof(head) - 1});
    assert_int_equal(t.plain.n, LARGE);
    assert_int_equal(t.pool.lost_bytes, 0);
    memcpy(frames + LARGE + sizeof(head) - 1, "\x82\x81\0\0\0\0a", 7);
    send(&t, 0, (struct nj_str){frames, LARGE + sizeof(head) - 1 + 7});
    assert_int_equal(t.plain.n, LARGE);
    assert_int_equal(t.pool.lost_bytes, LARGE + 1);
    end(&t);
}

static void
behind_a_gap_a_frame_is_looked_for(void **state)
{
    struct talk t = begin();

    (void)state;
    upgrade(&t);
    send(&t, 0, NJ_STR("\x82\x81\0\0\0\0a"));
    lose(&t, 0);
    send(&t, 0, NJ_STR("\x82\x01n"));         /* a client masks */
    send(&t, 0, NJ_STR("\xf2\x81\0\0\0\0n")); /* reserved bits */
    send(&t, 0, NJ_STR("\x09\x81\0\0\0\0n")); /* a ping has no fragments */
    assert_string_equal(nj_text_c(&t.plain), "a");
    send(&t, 0, NJ_STR("\x82\x81\0\0\0\0b"));
    assert_string_equal(nj_text_c(&t.plain), "a|b");
    end(&t);
}

/* Nor does one byte that could begin a frame make one. */
static void
frames_that_are_found_make_sense_to_the_end(void **state)
{
    struct talk t = begin();

    (void)state;
    upgrade(&t);
    lose(&t, 1);
    send(&t, 1, NJ_STR("\x82\x01n??"));               /* what follows is none */
    send(&t, 1, NJ_STR("\x80\x05n"));                 /* that would go on, and begins no message */
    send(&t, 1, NJ_STR("\x82\x7f\0\0\0\1\0\0\0\0n")); /* too long to be believed */
    assert_string_equal(nj_text_c(&t.plain), "");
    send(&t, 1,
         NJ_STR("\x80\x01"
                "b\x02\x03"
                "c"));
    send(&t, 1, NJ_STR("de"));
    assert_string_equal(nj_text_c(&t.plain), "|cde");
    end(&t);
}

static void
a_connection_is_joined_at_a_whole_message(void **state)
{
    const struct nj_str none[] = {
        NJ_STR("\x82"),                 /* no head */
        NJ_STR("\x82\x02\xd0"),         /* not whole */
        NJ_STR("\x02\x02\xd0\0"),       /* a fragment */
        NJ_STR("\x81\x02\xd0\0"),       /* text */
        NJ_STR("\xc2\x02\xd0\0"),       /* compressed */
        NJ_STR("\x82\x02\xd0\0\xff\0"), /* with something behind it */
    };
    struct talk t = begin();
    bool is_client = true;

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(none); i++)
        assert_false(nj_websocket_begins(none[i], &t.plain, &is_client));
    assert_true(nj_websocket_begins(NJ_STR("\x82\x02\xd0\0\x8a\0"), &t.plain, &is_client));
    assert_false(is_client);
    assert_true(nj_str_eq(nj_text_str(&t.plain), NJ_STR("\xd0\0")));
    nj_text_clear(&t.plain);
    assert_true(nj_websocket_begins(NJ_STR("\x82\x81\1\2\3\4`"), &t.plain, &is_client));
    assert_true(is_client);
    assert_string_equal(nj_text_c(&t.plain), "a");
    nj_websocket_stream_join(t.s, 0);
    send(&t, 1, NJ_STR("the rest of a message"));
    send(&t, 0, NJ_STR("\x82\x81\1\2\3\4c"));
    send(&t, 1, NJ_STR("\x82\1c"));
    assert_true(t.row.is_mqtt);
    assert_string_equal(nj_text_c(&t.plain), "abc");
    end(&t);
}

static void
a_frame_that_was_cut_is_shown_and_leaves_a_gap(void **state)
{
    struct talk t = begin();

    (void)state;
    upgrade(&t);
    send_cut(&t, 1,
             NJ_STR("\x82\x05"
                    "abc"),
             true);
    assert_string_equal(nj_text_c(&t.plain), "abc");
    lose(&t, 1);
    send(&t, 1,
         NJ_STR("\x82\x01"
                "d"));
    assert_true(t.row.plain.is_behind_gap);
    end(&t);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_and_fragments_are_carried_end_to_end),
        cmocka_unit_test(a_frame_may_come_byte_by_byte),
        cmocka_unit_test(what_the_server_says_behind_its_head_is_read),
        cmocka_unit_test(no_upgrade_no_websocket),
        cmocka_unit_test(compressed_messages_are_counted_and_leave_a_gap),
        cmocka_unit_test(what_stands_around_compressed_messages_is_carried),
        cmocka_unit_test(what_was_not_taken_outlives_what_comes_behind_a_gap),
        cmocka_unit_test(large_masked_messages_are_carried_or_counted),
        cmocka_unit_test(behind_a_gap_a_frame_is_looked_for),
        cmocka_unit_test(frames_that_are_found_make_sense_to_the_end),
        cmocka_unit_test(a_connection_is_joined_at_a_whole_message),
        cmocka_unit_test(a_frame_that_was_cut_is_shown_and_leaves_a_gap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
