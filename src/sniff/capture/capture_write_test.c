/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/capture/capture_write.h"

#include "base/mem.h"
#include "sniff/kit_test.h"

static char written[4096];
static FILE *file;
static struct nj_diag diag;

static struct nj_capture_writer *
begin(enum nj_capture_format format)
{
    struct nj_capture_writer *w;

    diag = (struct nj_diag){0};
    file = fmemopen(written, sizeof(written), "wb+");
    assert_non_null(file);
    assert_int_equal(nj_capture_writer_new(&w, file, format), NJ_OK);
    return w;
}

/* What was written, from its beginning. */
static struct nj_capture *
read_again(struct nj_capture_writer *w)
{
    struct nj_capture *c;

    nj_capture_writer_free(w);
    assert_int_equal(fflush(file), 0);
    rewind(file);
    assert_int_equal(nj_capture_new(&c, file, &diag), NJ_OK);
    return c;
}

static void
close_all(struct nj_capture *c)
{
    nj_capture_free(c);
    (void)fclose(file);
    assert_int_equal(nj_mem_used(), 0);
}

static struct nj_captured
frame_of(struct nj_str bytes, uint32_t link_type, unsigned time_digits)
{
    return (struct nj_captured){.number = 1,
                                .time_ns = 1700000000123456789,
                                .time_digits = time_digits,
                                .link_type = link_type,
                                .wire_bytes = 100,
                                .bytes = bytes};
}

static void
expect_frame(struct nj_capture *c, const struct nj_captured *wanted, int64_t time_ns)
{
    struct nj_captured f;

    assert_int_equal(nj_capture_next(c, &f, &diag), NJ_CAPTURE_FRAME);
    assert_true(nj_str_eq(f.bytes, wanted->bytes));
    assert_true(nj_str_eq(f.comment, wanted->comment));
    assert_int_equal(f.time_ns, time_ns);
    assert_int_equal(f.link_type, wanted->link_type);
    assert_int_equal(f.wire_bytes, wanted->wire_bytes);
}

static void
expect_end(struct nj_capture *c)
{
    struct nj_captured f;

    /* fmemopen() ends at the last byte written, not at the end of the room. */
    assert_int_equal(nj_capture_next(c, &f, &diag), NJ_CAPTURE_END);
}

static void
what_is_written_is_read(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct nj_capture_writer *w = begin(i < 2 ? NJ_CAPTURE_PCAP : NJ_CAPTURE_PCAPNG);
        unsigned digits = i % 2 == 0 ? 6 : 9;
        struct nj_captured a = frame_of(NJ_STR("abcde"), 1, digits);
        struct nj_captured b = frame_of(NJ_STR(""), 1, digits);
        int64_t time_ns = digits == 6 ? 1700000000123456000 : 1700000000123456789;
        struct nj_capture *c;

        if (i >= 2)
            a.comment = NJ_STR("what a day");
        assert_int_equal(nj_capture_writer_frame(w, &a, &diag), NJ_OK);
        assert_int_equal(nj_capture_writer_frame(w, &b, &diag), NJ_OK);
        c = read_again(w);
        expect_frame(c, &a, time_ns);
        expect_frame(c, &b, time_ns);
        expect_end(c);
        close_all(c);
    }
}

static void
a_file_without_frames_is_a_capture(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct nj_capture *c = read_again(begin(i == 0 ? NJ_CAPTURE_PCAP : NJ_CAPTURE_PCAPNG));

        expect_end(c);
        close_all(c);
    }
}

static void
a_pcap_has_one_link_type_and_a_pcapng_several(void **state)
{
    struct nj_captured a = frame_of(NJ_STR("abcd"), 1, 6), b = frame_of(NJ_STR("efgh"), 113, 6);
    struct nj_capture_writer *w = begin(NJ_CAPTURE_PCAP);
    struct nj_capture *c;

    (void)state;
    assert_int_equal(nj_capture_writer_frame(w, &a, &diag), NJ_OK);
    assert_int_equal(nj_capture_writer_frame(w, &b, &diag), NJ_EINVAL);
    close_all(read_again(w));

    w = begin(NJ_CAPTURE_PCAPNG);
    b.interface = 1;
    assert_int_equal(nj_capture_writer_frame(w, &a, &diag), NJ_OK);
    assert_int_equal(nj_capture_writer_frame(w, &b, &diag), NJ_OK);
    assert_int_equal(nj_capture_writer_frame(w, &a, &diag), NJ_OK);
    c = read_again(w);
    expect_frame(c, &a, 1700000000123456000);
    expect_frame(c, &b, 1700000000123456000);
    expect_frame(c, &a, 1700000000123456000);
    expect_end(c);
    close_all(c);
}

static void
tell(void *context, uint32_t kind, struct nj_str bytes)
{
    unsigned *told = context;

    assert_int_equal(kind, NJ_CAPTURE_SECRETS_TLS);
    assert_true(nj_str_eq(bytes, NJ_STR("CLIENT_RANDOM")));
    (*told)++;
}

static void
secrets_and_the_interface_are_kept(void **state)
{
    struct nj_capture_writer *w = begin(NJ_CAPTURE_PCAPNG);
    struct nj_captured a = frame_of(NJ_STR("abcde"), 276, 9);
    struct nj_capture *c;
    unsigned told = 0;

    (void)state;
    assert_int_equal(nj_capture_writer_interface(w, "lo", 276, 9, 80), NJ_OK);
    nj_capture_writer_secrets(w, NJ_CAPTURE_SECRETS_TLS, NJ_STR("CLIENT_RANDOM"));
    assert_int_equal(nj_capture_writer_frame(w, &a, &diag), NJ_OK);
    c = read_again(w);
    nj_capture_on_secrets(c, tell, &told);
    expect_frame(c, &a, a.time_ns);
    expect_end(c);
    assert_int_equal(told, 1);
    close_all(c);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_file_without_frames_is_a_capture),
        cmocka_unit_test(a_pcap_has_one_link_type_and_a_pcapng_several),
        cmocka_unit_test(secrets_and_the_interface_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
