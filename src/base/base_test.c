/* SPDX-License-Identifier: Apache-2.0 */
/* The ground: memory is counted and limited, hashes are the published ones, readers stop at the
 * end. */
#include "base/hash.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/reader.h"
#include "base/ring.h"
#include "base/shell.h"
#include "base/test.h"
#include "base/writer.h"

static void
memory_is_counted_and_given_back(void **state)
{
    uint64_t before = nj_mem_used();
    void *p = nj_alloc(1 << 20);

    (void)state;
    assert_non_null(p);
    assert_true(nj_mem_used() >= before + (1 << 20));
    p = nj_realloc(p, 2 << 20);
    assert_non_null(p);
    assert_true(nj_mem_used() >= before + (2 << 20));
    nj_free(p);
    assert_true(nj_mem_used() < before + 4096);
}

static void
the_peak_is_never_below_what_is_held(void **state)
{
    void *blocks[4096]; /* of more than any test before has held */

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(blocks); i++) {
        blocks[i] = nj_alloc(1000);
        assert_true(nj_mem_peak() >= nj_mem_used());
    }
    for (size_t i = 0; i < NJ_COUNT_OF(blocks); i++)
        nj_free(blocks[i]);
}

static void
memory_limit_refuses(void **state)
{
    uint64_t refused = nj_mem_refused();

    (void)state;
    nj_mem_limit_set(nj_mem_used() + 100000);
    assert_null(nj_alloc(200000));
    assert_int_equal(nj_mem_refused(), refused + 1);
    nj_mem_limit_set(0);
    void *p = nj_alloc(200000);
    assert_non_null(p);
    nj_free(p);
}

static void
an_array_grows_only_where_it_is_full_and_stays_whole_without_memory(void **state)
{
    size_t capacity = 0;
    uint32_t *list = NULL;
    const uint32_t *before;

    (void)state;
    for (uint32_t n = 0; n < 16; n++) {
        assert_true(nj_array_grow((void **)&list, &capacity, n, sizeof(*list)));
        assert_int_equal(capacity, 16);
        list[n] = n;
    }
    before = list;
    nj_mem_limit_set(1);
    assert_true(nj_array_grow((void **)&list, &capacity, 15, sizeof(*list)));
    assert_false(nj_array_grow((void **)&list, &capacity, 16, sizeof(*list)));
    nj_mem_limit_set(0);
    assert_ptr_equal(list, before);
    assert_int_equal(capacity, 16);
    assert_true(nj_array_grow((void **)&list, &capacity, 16, sizeof(*list)));
    assert_int_equal(capacity, 32);
    for (uint32_t n = 0; n < 16; n++)
        assert_int_equal(list[n], n);
    nj_free(list);
}

static void
array_size_overflow_is_refused(void **state)
{
    (void)state;
    assert_null(nj_alloc_array(SIZE_MAX / 2, 3));
}

static void
reader_stops_at_the_end_and_stays_short(void **state)
{
    struct nj_reader r = nj_reader_of(NJ_STR("\x00\x02hi\x01"));

    (void)state;
    assert_true(nj_str_eq(nj_read_lp16(&r), NJ_STR("hi")));
    assert_false(r.is_short);
    assert_int_equal(nj_read_u16(&r), 0);
    assert_true(r.is_short);
    assert_int_equal(nj_read_u8(&r), 0);
}

static void
writer_never_passes_its_end(void **state)
{
    uint8_t memory[5] = {0, 0, 0, 0, 0xee};
    struct nj_writer w = nj_writer_of(memory, 4);

    (void)state;
    nj_write_u16(&w, 0x0102);
    nj_write_u32(&w, 7);
    assert_true(w.is_full);
    nj_write_u8(&w, 9);
    assert_int_equal(memory[0], 1);
    assert_int_equal(memory[2], 0);
    assert_int_equal(memory[4], 0xee);
}

static void
writer_takes_a_part_or_a_whole_number(void **state)
{
    char memory[16];
    struct nj_writer w = nj_writer_of(memory, sizeof(memory));

    (void)state;
    nj_write_decimal(&w, 0);
    nj_write_decimal(&w, UINT32_MAX);
    nj_write_part(&w, NJ_STR("abc"));
    assert_memory_equal(memory, "04294967295abc", 14);
    assert_false(w.is_full);
    nj_write_decimal(&w, 100);
    assert_true(w.is_full);

    w = nj_writer_of(memory, 4);
    nj_write_part(&w, NJ_STR("edges"));
    assert_memory_equal(memory, "edge4967295abc", 14);
    assert_true(w.is_full);
    nj_write_part(&w, NJ_STR("s"));
    assert_memory_equal(memory + 4, "4", 1);
}

static void
plain_mix(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = nj_rotate(v[1], 13) ^ v[0];
    v[3] = nj_rotate(v[3], 16) ^ v[2];
    v[0] = nj_rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = nj_rotate(v[1], 17) ^ v[2];
    v[3] = nj_rotate(v[3], 21) ^ v[0];
    v[2] = nj_rotate(v[2], 32);
}

/* SipHash-1-3, byte by byte: the plain twin. */
static uint64_t
plain_hash(uint64_t k0, uint64_t k1, struct nj_str s)
{
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                     k1 ^ 0x7465646279746573u};
    uint64_t word = 0;

    for (size_t i = 0; i < s.n; i++) {
        word |= (uint64_t)(unsigned char)s.p[i] << (8 * (i % 8));
        if (i % 8 < 7)
            continue;
        v[3] ^= word;
        plain_mix(v);
        v[0] ^= word;
        word = 0;
    }
    word |= (uint64_t)s.n << 56;
    v[3] ^= word;
    plain_mix(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        plain_mix(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void
hashes_are_those_of_the_plain_twin(void **state)
{
    struct nj_rand rand;

    (void)state;
    nj_rand_seed(&rand, 19);
    for (int round = 0; round < 100000; round++) {
        size_t n = nj_rand_below(&rand, 40);
        char *exact = nj_alloc(n + 1);
        uint64_t k0 = nj_rand_u64(&rand), k1 = nj_rand_u64(&rand), parent = nj_rand_u64(&rand);
        struct nj_str s = {exact + 1, n}; /* ends with its block, and is not aligned */

        assert_non_null(exact);
        for (size_t i = 0; i <= n; i++)
            exact[i] = (char)nj_rand_below(&rand, 256);
        nj_hash_key_set(k0, k1);
        assert_true(nj_hash(s) == plain_hash(k0, k1, s));
        assert_true(nj_hash_under(parent, s) == plain_hash(k0 ^ parent, k1, s));
        nj_free(exact);
    }
}

/* Whatever the key: also one that makes a factor of what is joined. */
static void
joined_hashes_differ_as_their_parts_do(void **state)
{
    static const uint64_t parts[] = {0, 1, 2, 7, 8, 0x61, 0x2b, UINT64_MAX, (uint64_t)1 << 63};
    uint64_t seen[NJ_COUNT_OF(parts) * NJ_COUNT_OF(parts)];

    (void)state;
    for (uint64_t key = 0; key < 300; key++) {
        size_t n = 0;

        nj_hash_key_set(key, key * key);
        for (size_t i = 0; i < NJ_COUNT_OF(parts); i++)
            for (size_t k = 0; k < NJ_COUNT_OF(parts); k++) {
                seen[n] = nj_hash_join(parts[i], parts[k]);
                for (size_t j = 0; j < n; j++)
                    assert_true(seen[j] != seen[n]);
                n++;
            }
    }
    nj_hash_key_set(1, 2);
    seen[0] = nj_hash_join(3, 4);
    nj_hash_key_set(1, 3);
    assert_true(nj_hash_join(3, 4) != seen[0]);
}

static void
hashes_depend_on_key_and_on_every_byte(void **state)
{
    uint64_t one, other;

    (void)state;
    nj_hash_key_set(1, 2);
    one = nj_hash(NJ_STR("sensors/kitchen/temperature"));
    assert_true(one != nj_hash(NJ_STR("sensors/kitchen/temperaturf")));
    assert_true(nj_hash(NJ_STR("")) != nj_hash(NJ_STR("\0")));
    nj_hash_key_set(1, 3);
    other = nj_hash(NJ_STR("sensors/kitchen/temperature"));
    assert_true(one != other);
}

static void
stable_hash_spreads_numbered_names(void **state)
{
    unsigned count[2] = {0, 0};
    char name[32];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int n = snprintf(name, sizeof(name), "client-%d", i);
        count[nj_hash_stable((struct nj_str){name, (size_t)n}) % 1024 % 2]++;
    }
    assert_in_range(count[0], 400, 600);
    assert_int_equal(nj_hash_stable(NJ_STR("a")), nj_hash_stable(NJ_STR("a")));
}

static void
random_numbers_stay_below(void **state)
{
    struct nj_rand r, same;
    unsigned seen[7] = {0};

    (void)state;
    nj_rand_seed(&r, 42);
    nj_rand_seed(&same, 42);
    for (int i = 0; i < 7000; i++) {
        uint32_t x = nj_rand_below(&r, 7);

        assert_true(x < 7);
        assert_int_equal(x, nj_rand_below(&same, 7));
        seen[x]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 800, 1200);
}

static void
list_keeps_order_and_moves_whole(void **state)
{
    struct nj_list a, b, node[3];

    (void)state;
    nj_list_init(&a);
    nj_list_init(&b);
    for (int i = 0; i < 3; i++)
        nj_list_push(&a, &node[i]);
    nj_list_move_all(&b, &a);
    assert_true(nj_list_is_empty(&a));
    for (int i = 0; i < 3; i++)
        assert_ptr_equal(nj_list_pop(&b), &node[i]);
    assert_null(nj_list_pop(&b));
}

static void
shell_words_are_quoted_only_where_they_must(void **state)
{
    char out[16];

    (void)state;
    assert_string_equal(nj_shell_word(out, sizeof(out), NJ_STR("/a/b-1.crt")), "/a/b-1.crt");
    assert_string_equal(nj_shell_word(out, sizeof(out), NJ_STR("")), "''");
    assert_string_equal(nj_shell_word(out, sizeof(out), NJ_STR("a b;")), "'a b;'");
    assert_string_equal(nj_shell_word(out, sizeof(out), NJ_STR("it's")), "'it'\\''s'");
    assert_string_equal(nj_shell_word(out, sizeof(out), NJ_STR("a very long word")),
                        "'a very long w'");
    assert_string_equal(nj_shell_word(out, 4, NJ_STR("it's")), "'i'");
}

/* In and out at different rates, so that it turns, grows and shrinks. */
static void
a_ring_keeps_the_order(void **state)
{
    struct nj_ring r = {0};
    uint32_t in = 0, out = 0;

    (void)state;
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 7; i++) {
            uint32_t *last = nj_ring_push(&r, sizeof(*last), 2);

            assert_non_null(last);
            if (last != NULL) /* which the compiler cannot know */
                *last = in++;
        }
        for (int i = 0; i < 5; i++) {
            assert_int_equal(*(uint32_t *)nj_ring_at(&r, sizeof(uint32_t), 0), out++);
            nj_ring_pop(&r);
        }
    }
    assert_int_equal(r.count, in - out);
    assert_true(nj_ring_resize(&r, sizeof(uint32_t), 1024));
    for (uint32_t i = 0; i < r.count; i++)
        assert_int_equal(*(uint32_t *)nj_ring_at(&r, sizeof(uint32_t), i), out + i);
    nj_ring_fini(&r);
    assert_null(r.items);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_counted_and_given_back),
        cmocka_unit_test(the_peak_is_never_below_what_is_held),
        cmocka_unit_test(memory_limit_refuses),
        cmocka_unit_test(array_size_overflow_is_refused),
        cmocka_unit_test(an_array_grows_only_where_it_is_full_and_stays_whole_without_memory),
        cmocka_unit_test(reader_stops_at_the_end_and_stays_short),
        cmocka_unit_test(writer_never_passes_its_end),
        cmocka_unit_test(writer_takes_a_part_or_a_whole_number),
        cmocka_unit_test(hashes_are_those_of_the_plain_twin),
        cmocka_unit_test(hashes_depend_on_key_and_on_every_byte),
        cmocka_unit_test(joined_hashes_differ_as_their_parts_do),
        cmocka_unit_test(stable_hash_spreads_numbered_names),
        cmocka_unit_test(random_numbers_stay_below),
        cmocka_unit_test(shell_words_are_quoted_only_where_they_must),
        cmocka_unit_test(list_keeps_order_and_moves_whole),
        cmocka_unit_test(a_ring_keeps_the_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
