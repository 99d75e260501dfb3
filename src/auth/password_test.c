/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes of our own, of Debian's mosquitto_passwd (2.0), and of the argon2 reference program. */
#include "auth/password.h"

#include "base/mem.h"

#include "base/test.h"

/* `mosquitto_passwd -b FILE alice secret`, with -H sha512-pbkdf2 and -H sha512. */
#define PBKDF2_OF_SECRET                                                                           \
    "$7$101$33LiIjZpsdPEvIMb$2419+Zpsr9MJMOWq6Tk+6TvJGhPUczMyzvDzlaDlEhpIyID7jFaM+7v/"             \
    "kwFOn8sBhQBo4ruQ8ckIvXrEYcpXGA=="
#define SHA512_OF_S2                                                                               \
    "$6$XruwIZNdKoZ7ES8Y$2buSTxXj3OkZ2TlNCK6HQ4mCZ/jArfzBryzyg0HXuS4rEEO8s36rmMQTMmn3AOVRv5vMFS"   \
    "wImExi8BrPZzGFsg=="
/* The test vector of the reference implementation: argon2id, t=2, m=256, p=1, "password" and
 * "somesalt". */
#define ARGON2ID_OF_PASSWORD                                                                       \
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"

static struct nj_password
read_good(const char *text)
{
    struct nj_password p;
    struct nj_diag diag = {0};

    if (nj_password_read(&p, nj_str_of(text), &diag) != NJ_OK)
        fail_msg("%s: %s", text, diag.text);
    return p;
}

static bool
fits(const struct nj_password *p, const char *plain)
{
    bool answer = false;

    assert_int_equal(nj_password_check(p, nj_str_of(plain), &answer), NJ_OK);
    return answer;
}

static void
hashes_of_others_fit_their_password_and_no_other(void **state)
{
    static const struct {
        const char *text, *plain;
    } known[] = {
        {PBKDF2_OF_SECRET, "secret"}, {SHA512_OF_S2, "s2"}, {ARGON2ID_OF_PASSWORD, "password"}};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(known); i++) {
        struct nj_password p = read_good(known[i].text);

        assert_true(fits(&p, known[i].plain));
        assert_false(fits(&p, "Secret"));
        assert_false(fits(&p, ""));
    }
}

static void
text_is_written_as_it_was_read(void **state)
{
    static const char *const texts[] = {PBKDF2_OF_SECRET, SHA512_OF_S2, ARGON2ID_OF_PASSWORD};
    char out[NJ_PASSWORD_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++) {
        struct nj_password p = read_good(texts[i]);

        assert_int_equal(nj_password_write(&p, out), strlen(texts[i]));
        assert_string_equal(out, texts[i]);
    }
}

static void
made_hash_fits_after_a_way_through_text(void **state)
{
    static const enum nj_password_kind kinds[] = {NJ_PASSWORD_SHA512, NJ_PASSWORD_PBKDF2,
                                                  NJ_PASSWORD_ARGON2ID};
    char out[NJ_PASSWORD_TEXT_MAX];

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(kinds); i++) {
        struct nj_password p, again;

        assert_int_equal(nj_password_make(&p, kinds[i], 0, NJ_STR("Größe 3")), NJ_OK);
        (void)nj_password_write(&p, out);
        again = read_good(out);
        assert_true(fits(&again, "Größe 3"));
        assert_false(fits(&again, "Größe 4"));
    }
}

static void
pbkdf2_is_made_as_every_mosquitto_reads_it(void **state)
{
    struct nj_password p, other;
    char out[NJ_PASSWORD_TEXT_MAX];

    (void)state;
    assert_int_equal(nj_password_make(&p, NJ_PASSWORD_PBKDF2, 0, NJ_STR("x")), NJ_OK);
    assert_int_equal(nj_password_make(&other, NJ_PASSWORD_PBKDF2, 7, NJ_STR("x")), NJ_OK);
    (void)nj_password_write(&p, out);
    assert_memory_equal(out, "$7$1000$", 8);
    assert_int_equal(p.salt_n, 12); /* of another length 2.0 throws the user out */
    assert_int_equal(other.iterations, 7);
    assert_memory_not_equal(p.salt, other.salt, 12);
}

static void
password_ends_before_its_first_nul(void **state)
{
    struct nj_password p = read_good(PBKDF2_OF_SECRET);
    bool answer = false;

    (void)state;
    assert_int_equal(nj_password_check(&p, NJ_STR("secret\0"), &answer), NJ_OK);
    assert_true(answer);
    assert_int_equal(nj_password_check(&p, NJ_STR("\0secret"), &answer), NJ_OK);
    assert_false(answer);
    assert_int_equal(nj_password_check(&p, (struct nj_str){NULL, 0}, &answer), NJ_OK);
    assert_false(answer);
}

static void
what_is_no_hash_is_refused_with_its_reason(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"secret", "not hashed"},
        {"", "not hashed"},
        {"$", "none of the forms"},
        {"$5$abc$def", "none of the forms"},
        {"$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR", "none of the forms"},
        {"$6$", "parts"},
        {"$6$AAAA", "parts"},
        {"$6$AAAA$BBBB$CCCC", "parts"},
        {"$6$AAAA$", "hash is no base64"},
        {"$6$!!!!$BBBB", "salt"},
        {"$6$AAAA$BBBB", "salt of the password hash has 3 bytes"},
        {"$6$AAAAAAAAAAAAAAAA$BBBB", "hash has 3 bytes"},
        {"$7$", "iterations"},
        {"$7$0$AAAA$BBBB", "iterations"},
        {"$7$-1$AAAA$BBBB", "iterations"},
        {"$7$10x$AAAA$BBBB", "iterations"},
        {"$7$99999999999999999999$AAAA$BBBB", "iterations"},
        {"$7$16777217$AAAA$BBBB", "iterations"},
        {"$7$101$AAAA", "parts"},
        {"$argon2id$v=16$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR", "version"},
        {"$argon2id$v=19$m=256,t=2$c29tZXNhbHQ$nf65EOgLrQMR", "costs"},
        {"$argon2id$v=19$m=256,t=2,p=1,x=1$c29tZXNhbHQ$nf65EOgLrQMR", "costs"},
        {"$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR", "costs"},
        {"$argon2id$v=19$m=2097152,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR", "costs"},
        {"$argon2id$v=19$m=15,t=2,p=2$c29tZXNhbHQ$nf65EOgLrQMR", "costs"},
        {"$argon2id$v=19$m=256,t=0,p=1$c29tZXNhbHQ$nf65EOgLrQMR", "costs"},
        {"$argon2id$v=19$m=256,t=2,p=1$c29t$nf65EOgLrQMR", "too short"},
        {"$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$", "hash is no base64"},
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        struct nj_password p = {.iterations = 77};
        struct nj_diag diag = {0};

        if (nj_password_read(&p, nj_str_of(bad[i].text), &diag) != NJ_ECONFIG)
            fail_msg("'%s' was taken", bad[i].text);
        if (strstr(diag.text, bad[i].says) == NULL)
            fail_msg("'%s' is said to be: %s", bad[i].text, diag.text);
        assert_int_equal(p.iterations, 77);
        assert_null(strstr(diag.text, "secret"));
    }
}

/* Every beginning of a good text is refused, or is another good text; nothing is read past it. */
static void
cut_texts_are_read_without_harm(void **state)
{
    static const char *const texts[] = {PBKDF2_OF_SECRET, SHA512_OF_S2, ARGON2ID_OF_PASSWORD};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++) {
        for (size_t n = 0; n < strlen(texts[i]); n++) {
            char *copy = nj_alloc(n); /* exactly, for the address sanitizer */
            struct nj_password p;
            struct nj_diag diag = {0};

            assert_non_null(copy);
            memcpy(copy, texts[i], n);
            if (nj_password_read(&p, (struct nj_str){copy, n}, &diag) != NJ_OK)
                assert_true(diag.text[0] != '\0');
            nj_free(copy);
        }
    }
}

static void
argon2_without_memory_gives_no_answer(void **state)
{
    struct nj_password p = read_good(ARGON2ID_OF_PASSWORD);
    bool answer = false;

    (void)state;
    p.memory_kib = 1 << 16;
    nj_mem_limit_set(nj_mem_used() + (1 << 20));
    assert_int_equal(nj_password_check(&p, NJ_STR("password"), &answer), NJ_ENOMEM);
    nj_mem_limit_set(0);
    assert_false(answer);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_of_others_fit_their_password_and_no_other),
        cmocka_unit_test(text_is_written_as_it_was_read),
        cmocka_unit_test(made_hash_fits_after_a_way_through_text),
        cmocka_unit_test(pbkdf2_is_made_as_every_mosquitto_reads_it),
        cmocka_unit_test(password_ends_before_its_first_nul),
        cmocka_unit_test(what_is_no_hash_is_refused_with_its_reason),
        cmocka_unit_test(cut_texts_are_read_without_harm),
        cmocka_unit_test(argon2_without_memory_gives_no_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
