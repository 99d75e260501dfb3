/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the DNS, good ones and torn ones, and the order in which hosts are tried. */
#include "base/test.h"
#include "client/srv.h"

#include <arpa/nameser.h>

/* ---- answers, written out ---- */

#define QUESTION "\5_mqtt\4_tcp\7example\3com" /* at 12, so "\300\14" stands for it */
#define DOMAIN   "\300\27"                     /* "example.com" of it */

static uint8_t bytes[8192];
static size_t n;

static void
put(const void *p, size_t count)
{
    assert_true(n + count <= sizeof(bytes));
    memcpy(bytes + n, p, count);
    n += count;
}

static void
put16(unsigned v)
{
    put((uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2);
}

static void
begin(void)
{
    n = 0;
    put("\1\2\201\200\0\1\0\0\0\0\0\0", 12);
    put(QUESTION, sizeof(QUESTION));
    put16(ns_t_srv);
    put16(ns_c_in);
}

static void
add_record(unsigned type, const void *data, size_t count)
{
    put("\300\14", 2);
    put16(type);
    put16(ns_c_in);
    put("\0\0\0\74", 4);
    put16((unsigned)count);
    put(data, count);
    bytes[7]++;
}

/* `name` in labels, as on the wire; its NUL is the root where it does not end in a pointer. */
#define TARGET(priority, weight, port, name) add_target(priority, weight, port, name, sizeof(name))
#define TARGET_OF(priority, weight, port, name)                                                    \
    add_target(priority, weight, port, name DOMAIN, sizeof(name DOMAIN) - 1)

static void
add_target(unsigned priority, unsigned weight, unsigned port, const char *name, size_t name_n)
{
    const unsigned numbers[] = {priority, weight, port};
    uint8_t data[512];

    for (size_t i = 0; i < 3; i++) {
        data[2 * i] = (uint8_t)(numbers[i] >> 8);
        data[2 * i + 1] = (uint8_t)numbers[i];
    }
    memcpy(data + 6, name, name_n);
    add_record(ns_t_srv, data, 6 + name_n);
}

/* From a copy without a byte to spare, so that the sanitizer sees who reads beyond. */
static enum nj_srv_answer
read_first(size_t count, struct nj_srv *out)
{
    char *copy = malloc(count > 0 ? count : 1);
    enum nj_srv_answer answer;

    assert_non_null(copy);
    memcpy(copy, bytes, count);
    answer = nj_srv_read((struct nj_str){copy, count}, out);
    free(copy);
    return answer;
}

static void
expect(const struct nj_srv *s, size_t at, const char *host, unsigned port)
{
    assert_true(at < s->count);
    assert_string_equal(s->at[at].host, host);
    assert_int_equal(s->at[at].port, port);
}

/* ---- reading ---- */

static void
targets_come_by_priority(void **state)
{
    struct nj_srv s;

    (void)state;
    begin();
    add_record(ns_t_cname, "\300\14", 2); /* what leads to the records is no record */
    TARGET_OF(20, 0, 1885, "\5third");
    TARGET_OF(10, 7, 1884, "\6second");
    TARGET(0, 1, 1883, "\5first\7example\3net");
    assert_int_equal(read_first(n, &s), NJ_SRV_FOUND);
    assert_int_equal(s.count, 3);
    expect(&s, 0, "first.example.net", 1883);
    expect(&s, 1, "second.example.com", 1884);
    expect(&s, 2, "third.example.com", 1885);
}

static void
root_is_a_no(void **state)
{
    struct nj_srv s;

    (void)state;
    begin();
    assert_int_equal(read_first(n, &s), NJ_SRV_NONE);
    TARGET(0, 0, 0, "");
    assert_int_equal(read_first(n, &s), NJ_SRV_DECLINED);
    TARGET_OF(0, 0, 1883, "\1a"); /* who names a host besides does not mean it */
    assert_int_equal(read_first(n, &s), NJ_SRV_FOUND);
    assert_int_equal(s.count, 1);
    expect(&s, 0, "a.example.com", 1883);
}

static void
what_is_no_host_is_passed_over(void **state)
{
    struct nj_srv s = {.count = 99};

    (void)state;
    begin();
    TARGET_OF(0, 0, 0, "\1a");       /* port 0 */
    TARGET_OF(0, 0, 1883, "\3a\nb"); /* an end of line */
    TARGET_OF(0, 0, 1883, "\3a.b");  /* a dot within a label */
    TARGET_OF(0, 0, 1883, "\2-r");   /* an option */
    TARGET(0, 0, 1883, "\1a\0more"); /* bytes behind the name */
    add_record(ns_t_srv, "\0\0\0\0\7\133", 6);
    assert_int_equal(read_first(n, &s), NJ_SRV_BAD);
    assert_int_equal(s.count, 99);
    TARGET_OF(0, 0, 1883, "\1z");
    assert_int_equal(read_first(n, &s), NJ_SRV_FOUND);
    assert_int_equal(s.count, 1);
    expect(&s, 0, "z.example.com", 1883);
}

static void
name_that_points_at_itself_is_refused(void **state)
{
    struct nj_srv s;
    char name[] = "\1a\300\0";

    (void)state;
    begin();
    name[3] = (char)(n + 12 + 6); /* where it will stand */
    add_target(0, 0, 1883, name, 4);
    assert_int_equal(read_first(n, &s), NJ_SRV_BAD);
}

static void
of_too_many_the_last_are_left_out(void **state)
{
    struct nj_srv s;

    (void)state;
    begin();
    for (unsigned i = 0; i < 100; i++)
        TARGET_OF((i * 37) % 100, 0, 1000 + (i * 37) % 100, "\1a");
    assert_int_equal(read_first(n, &s), NJ_SRV_FOUND);
    assert_int_equal(s.count, NJ_SRV_TARGETS);
    for (unsigned i = 0; i < NJ_SRV_TARGETS; i++)
        assert_int_equal(s.at[i].port, 1000 + i);
}

static void
torn_and_twisted_answers_do_no_harm(void **state)
{
    struct nj_srv s;

    (void)state;
    begin();
    TARGET_OF(10, 7, 1884, "\6second");
    TARGET(0, 1, 1883, "\5first\7example\3net");
    for (size_t i = 0; i < n; i++)
        assert_int_equal(read_first(i, &s), NJ_SRV_BAD);
    for (size_t i = 0; i < n; i++) {
        uint8_t good = bytes[i];

        for (unsigned bad = 0; bad < 256; bad++) {
            bytes[i] = (uint8_t)bad;
            if (read_first(n, &s) == NJ_SRV_FOUND)
                assert_true(s.count <= 2 && strlen(s.at[0].host) < sizeof(s.at[0].host));
        }
        bytes[i] = good;
    }
}

/* ---- drawing lots ---- */

/* How often each of three was first, of ten thousand draws. */
static void
draw_often(const unsigned weights[3], unsigned first[3])
{
    struct nj_rand rand;
    struct nj_srv s;

    begin();
    for (unsigned i = 0; i < 3; i++)
        TARGET_OF(1, weights[i], 1 + i, "\1a");
    TARGET_OF(0, 0, 9, "\1b");
    TARGET_OF(2, 65535, 10, "\1c");
    nj_rand_seed(&rand, 7);
    memset(first, 0, 3 * sizeof(*first));
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(read_first(n, &s), NJ_SRV_FOUND);
        nj_srv_draw(&s, &rand);
        assert_int_equal(s.count, 5);
        expect(&s, 0, "b.example.com", 9);
        expect(&s, 4, "c.example.com", 10);
        assert_int_equal(1 << s.at[1].port | 1 << s.at[2].port | 1 << s.at[3].port, 14);
        first[s.at[1].port - 1]++;
    }
}

static void
lots_fall_by_weight_within_a_priority(void **state)
{
    unsigned first[3];

    (void)state;
    draw_often((unsigned[]){60, 30, 10}, first);
    assert_in_range(first[0], 5700, 6300);
    assert_in_range(first[1], 2700, 3300);
    assert_in_range(first[2], 700, 1300);
    draw_often((unsigned[]){65535, 0, 0}, first); /* "a very small chance" */
    assert_in_range(first[0], 9990, 10000);
    draw_often((unsigned[]){3, 0, 0}, first); /* but one */
    assert_in_range(first[1] + first[2], 2200, 2800);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_come_by_priority),
        cmocka_unit_test(root_is_a_no),
        cmocka_unit_test(what_is_no_host_is_passed_over),
        cmocka_unit_test(name_that_points_at_itself_is_refused),
        cmocka_unit_test(of_too_many_the_last_are_left_out),
        cmocka_unit_test(torn_and_twisted_answers_do_no_harm),
        cmocka_unit_test(lots_fall_by_weight_within_a_priority),
    };

    return cmocka_run_group_tests_name("client/srv", tests, NULL, NULL);
}
