/* SPDX-License-Identifier: Apache-2.0 */
/* The output writes to a socket of the test's own making: this file is the reactor's sockets. */
#include "io/out.h"

#include "base/mem.h"
#include "base/rand.h"

#include "base/test.h"

static struct {
    uint8_t *bytes;
    size_t n;
    size_t room; /* takes no more than this before it says AGAIN */
    size_t calls;
    bool is_broken;
} wire;

ssize_t
nj_io_writev(struct nj_io *io, const struct iovec *parts, int count)
{
    size_t taken = 0;

    (void)io;
    wire.calls++;
    assert_in_range(count, 1, 64);
    if (wire.is_broken)
        return NJ_IO_ERROR;
    if (wire.room == 0)
        return NJ_IO_AGAIN;
    for (int i = 0; i < count; i++) {
        size_t n = NJ_MIN(parts[i].iov_len, wire.room);

        assert_true(parts[i].iov_len > 0);
        wire.bytes = nj_realloc(wire.bytes, wire.n + n);
        assert_non_null(wire.bytes);
        memcpy(wire.bytes + wire.n, parts[i].iov_base, n);
        wire.n += n;
        wire.room -= n;
        taken += n;
    }
    return (ssize_t)taken;
}

static struct nj_out_pool *pool;
static struct nj_out out;
static struct nj_io io = {.fd = -1};
static unsigned released;

static void
count_release(void *owner)
{
    (*(unsigned *)owner)++;
}

static int
setup(void **state)
{
    (void)state;
    memset(&wire, 0, sizeof(wire));
    wire.room = SIZE_MAX;
    memset(&out, 0, sizeof(out));
    released = 0;
    pool = nj_out_pool_new(4);
    return pool != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    nj_out_clear(pool, &out);
    nj_out_pool_free(pool);
    nj_free(wire.bytes);
    return 0;
}

static void
put(const char *text)
{
    size_t n = strlen(text);
    uint8_t *room = nj_out_room(pool, &out, n);

    assert_non_null(room);
    memcpy(room, text, n);
    nj_out_add(&out, n);
}

static void
assert_wire(const char *text)
{
    assert_int_equal(wire.n, strlen(text));
    assert_memory_equal(wire.bytes, text, wire.n);
}

static void
kinds_are_written_in_order_by_one_call(void **state)
{
    (void)state;
    put("one ");
    assert_true(nj_out_refer(pool, &out, NJ_STR("two "), &released, count_release));
    assert_true(nj_out_copy(pool, &out, NJ_STR("three ")));
    put("four");
    assert_int_equal(out.bytes, 18);
    assert_int_equal(nj_out_write(pool, &out, &io, SIZE_MAX), 18);
    assert_wire("one two three four");
    assert_int_equal(wire.calls, 1);
    assert_int_equal(out.bytes, 0);
    assert_int_equal(released, 1);
}

static void
full_socket_keeps_the_rest_and_the_reference(void **state)
{
    (void)state;
    put("ab");
    assert_true(nj_out_refer(pool, &out, NJ_STR("cdef"), &released, count_release));
    wire.room = 4;
    assert_int_equal(nj_out_write(pool, &out, &io, SIZE_MAX), 4);
    assert_int_equal(out.bytes, 2);
    assert_int_equal(released, 0);
    assert_int_equal(nj_out_write(pool, &out, &io, SIZE_MAX), NJ_IO_AGAIN);
    wire.room = 10;
    assert_int_equal(nj_out_write(pool, &out, &io, SIZE_MAX), 2);
    assert_wire("abcdef");
    assert_int_equal(released, 1);
}

static void
broken_socket_gives_its_error_and_keeps_all(void **state)
{
    (void)state;
    put("ab");
    wire.is_broken = true;
    assert_int_equal(nj_out_write(pool, &out, &io, SIZE_MAX), NJ_IO_ERROR);
    assert_int_equal(out.bytes, 2);
}

static void
dropping_releases_what_is_referred_to(void **state)
{
    (void)state;
    assert_true(nj_out_refer(pool, &out, NJ_STR("x"), &released, count_release));
    assert_true(nj_out_refer(pool, &out, NJ_STR("y"), &released, count_release));
    nj_out_clear(pool, &out);
    assert_int_equal(released, 2);
    assert_int_equal(out.bytes, 0);
    assert_null(out.first);
}

static void
room_that_is_not_used_is_not_written(void **state)
{
    (void)state;
    assert_non_null(nj_out_room(pool, &out, 100));
    assert_int_equal(nj_out_write(pool, &out, &io, SIZE_MAX), 0);
    assert_int_equal(wire.calls, 0);
    assert_null(out.first);
}

static void
more_than_64_parts_take_more_calls(void **state)
{
    (void)state;
    for (int i = 0; i < 130; i++)
        assert_true(nj_out_refer(pool, &out, NJ_STR("z"), &released, count_release));
    assert_int_equal(nj_out_write(pool, &out, &io, SIZE_MAX), 130);
    assert_int_equal(wire.calls, 3);
    assert_int_equal(released, 130);
}

static void
short_output_of_a_slow_reader_holds_half_a_kilobyte(void **state)
{
    uint64_t before = nj_mem_used();

    (void)state;
    put("ping");
    assert_true(nj_mem_used() - before <= 512);
}

static void
without_memory_nothing_changes(void **state)
{
    char big[9000] = {0};

    (void)state;
    nj_out_pool_free(pool);
    pool = nj_out_pool_new(0);
    assert_non_null(pool);
    put("a");
    nj_mem_limit_set(nj_mem_used() + 5000); /* the first of three blocks, not the second */
    assert_false(nj_out_copy(pool, &out, (struct nj_str){big, sizeof(big)}));
    nj_mem_limit_set(1);
    assert_null(nj_out_room(pool, &out, NJ_OUT_PIECE));
    assert_false(nj_out_refer(pool, &out, NJ_STR("b"), &released, count_release));
    nj_mem_limit_set(0);
    assert_int_equal(released, 0);
    assert_int_equal(out.bytes, 1);
    assert_int_equal(nj_out_write(pool, &out, &io, SIZE_MAX), 1);
    assert_wire("a");
}

/* ---- against one long string ---- */

static char source[70000];

static void
write_some(struct nj_rand *rand)
{
    wire.room = nj_rand_below(rand, 3) == 0 ? SIZE_MAX : nj_rand_below(rand, 9000);
    (void)nj_out_write(pool, &out, &io, SIZE_MAX);
}

static void
any_mix_of_pieces_and_short_writes_gives_the_same_bytes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct nj_rand rand;
        size_t given = 0;
        unsigned references = 0;

        nj_rand_seed(&rand, seed);
        wire.n = 0;
        released = 0;
        for (size_t i = 0; i < sizeof(source); i++)
            source[i] = (char)nj_rand_u64(&rand);
        while (given < sizeof(source)) {
            size_t n = nj_rand_below(&rand, 1u << (1 + nj_rand_below(&rand, 13)));
            struct nj_str piece = {source + given, NJ_MIN(n, sizeof(source) - given)};
            uint8_t *room;

            switch (nj_rand_below(&rand, 4)) {
            case 0:
                assert_true(nj_out_copy(pool, &out, piece));
                break;
            case 1:
                assert_true(nj_out_refer(pool, &out, piece, &released, count_release));
                references++;
                break;
            case 2:
                piece.n = NJ_MIN(piece.n, NJ_OUT_PIECE);
                room = nj_out_room(pool, &out, piece.n);
                assert_non_null(room);
                memcpy(room, piece.p, piece.n);
                nj_out_add(&out, piece.n);
                break;
            default:
                piece.n = 0;
                write_some(&rand);
            }
            given += piece.n;
            assert_int_equal(wire.n + out.bytes, given);
        }
        while (out.bytes > 0)
            write_some(&rand);
        nj_out_clear(pool, &out);
        assert_int_equal(wire.n, sizeof(source));
        assert_memory_equal(wire.bytes, source, sizeof(source));
        assert_int_equal(released, references);
    }
}

static void
the_front_is_lent_where_it_lies_and_gathered_where_it_does_not(void **state)
{
    static const char payload[] = "0123456789";
    struct nj_str tail = {payload, 10}, front;
    uint8_t room[16];

    (void)state;
    assert_true(nj_out_copy(pool, &out, NJ_STR("abc")));
    assert_true(nj_out_refer(pool, &out, tail, &released, count_release));
    front = nj_out_front(&out, room, 2);
    assert_true(nj_str_eq(front, NJ_STR("ab")));
    assert_ptr_not_equal(front.p, room);
    front = nj_out_front(&out, room, 5);
    assert_true(nj_str_eq(front, NJ_STR("abc01")));
    assert_ptr_equal(front.p, room);
    nj_out_drop(pool, &out, 5);
    assert_int_equal(released, 0);
    front = nj_out_front(&out, room, sizeof(room));
    assert_true(nj_str_eq(front, NJ_STR("23456789")));
    assert_ptr_equal(front.p, payload + 2);
    nj_out_drop(pool, &out, 8);
    assert_int_equal(released, 1);
    assert_int_equal(nj_out_front(&out, room, 1).n, 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(kinds_are_written_in_order_by_one_call),
        TEST(full_socket_keeps_the_rest_and_the_reference),
        TEST(broken_socket_gives_its_error_and_keeps_all),
        TEST(dropping_releases_what_is_referred_to),
        TEST(the_front_is_lent_where_it_lies_and_gathered_where_it_does_not),
        TEST(room_that_is_not_used_is_not_written),
        TEST(more_than_64_parts_take_more_calls),
        TEST(short_output_of_a_slow_reader_holds_half_a_kilobyte),
        TEST(without_memory_nothing_changes),
        TEST(any_mix_of_pieces_and_short_writes_gives_the_same_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
