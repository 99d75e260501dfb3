/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer can make us do or hold before it has shown who it is, and with things that are no
 * data afterwards: all of it has an end, and the reason is said. */
#include "net/tls_priv.h"

#include "base/mem.h"
#include "net/tls_kit_test.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>

static struct kit_cert broker;
static struct nj_tls_context *ours;
static struct kit_pair pair;

static int
set_up_all(void **state)
{
    struct nj_tls_pair files;
    struct nj_tls_opts o = {.pairs = &files, .pair_count = 1};

    (void)state;
    kit_begin();
    kit_make(&broker, &(struct kit_asked){.name = "broker", .sans = "DNS:localhost"});
    files = (struct nj_tls_pair){broker.certfile, broker.keyfile};
    ours = kit_context(&o);
    return 0;
}

static int
tear_down_all(void **state)
{
    (void)state;
    nj_tls_context_unref(ours);
    kit_free(&broker);
    return kit_end();
}

static int
tear_down(void **state)
{
    (void)state;
    kit_part(&pair);
    return 0;
}

/* Both ends; the handshake has not begun. */
static SSL *
meet(enum nj_tls_version newest)
{
    const struct nj_tls_opts o = {.role = NJ_TLS_CLIENT,
                                  .newest = newest,
                                  .cafile = broker.certfile,
                                  .ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256"};
    struct nj_tls_context *theirs = kit_context(&o);

    kit_join(&pair, theirs, ours, "localhost");
    nj_tls_context_unref(theirs);
    return pair.client.tls->ssl;
}

static void
put(struct nj_str bytes)
{
    memcpy(pair.up.bytes + pair.up.n, bytes.p, bytes.n);
    pair.up.n += bytes.n;
}

static void
put_record(uint8_t type, struct nj_str body)
{
    const uint8_t head[] = {type, 3, 3, (uint8_t)(body.n >> 8), (uint8_t)body.n};

    put((struct nj_str){(const char *)head, sizeof(head)});
    put(body);
}

/* The server reads all that lies there. */
static enum nj_tls_result
serve(void)
{
    static uint8_t plain[KIT_WIRE];
    struct nj_tls_io io = {.in = {(const char *)pair.up.bytes, pair.up.n},
                           .out = pair.down.bytes + pair.down.n,
                           .out_room = KIT_WIRE - pair.down.n};
    size_t got;
    enum nj_tls_result result = nj_tls_is_open(pair.server.tls)
                                    ? nj_tls_read(pair.server.tls, &io, plain, sizeof(plain), &got)
                                    : nj_tls_handshake(pair.server.tls, &io);

    pair.down.n += io.out_n;
    pair.up.n = 0;
    return result;
}

static void
assert_refused(enum nj_finding_id id, const char *words)
{
    char line[1000] = "";

    assert_int_equal(serve(), NJ_TLS_FAILED);
    assert_non_null(nj_tls_fault(pair.server.tls));
    nj_tls_fault_line(nj_tls_fault(pair.server.tls), NULL, line, sizeof(line));
    assert_string_equal(nj_finding_name(nj_tls_fault(pair.server.tls)->finding.id),
                        nj_finding_name(id));
    if (strstr(line, "refused here: ") != line || strstr(line, words) == NULL)
        fail_msg("%s", line);
}

/* ---- the first message ---- */

/* The head of a ClientHello that claims so much, in records of so many bytes. */
static void
put_claim(uint32_t bytes, size_t piece)
{
    const char head[] = {1, (char)(bytes >> 16), (char)(bytes >> 8), (char)bytes};

    for (size_t at = 0; at < sizeof(head); at += piece)
        put_record(22, (struct nj_str){head + at, NJ_MIN(piece, sizeof(head) - at)});
}

static void
a_hello_that_claims_too_much_is_refused_before_memory_is_taken_for_it(void **state)
{
    static const size_t pieces[] = {4, 1, 3};

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(pieces); i++) {
        size_t before;

        (void)meet(NJ_TLS_ANY);
        before = nj_mem_used();
        put_claim(NJ_TLS_HELLO_MAX, pieces[i]);
        assert_int_equal(serve(), NJ_TLS_HUNGRY);
        assert_in_range(nj_mem_used() - before, NJ_TLS_HELLO_MAX, 80 * 1024);
        kit_part(&pair);

        (void)meet(NJ_TLS_ANY);
        before = nj_mem_used();
        put_claim(131396, pieces[i]); /* OpenSSL's own limit */
        assert_refused(NJ_FINDING_TOO_LARGE,
                       "(ClientHello) claims to be of 131396 bytes, and more than 36864");
        assert_in_range(nj_mem_used() - before, 0, 80 * 1024);
        kit_part(&pair);

        (void)meet(NJ_TLS_ANY);
        put_claim(NJ_TLS_HELLO_MAX + 1, pieces[i]);
        assert_refused(NJ_FINDING_TOO_LARGE, "claims to be of 36865 bytes");
        /* The client hears of it. */
        assert_memory_equal(pair.down.bytes + pair.down.n - 7, "\x15\x03\x03\x00\x02\x02\x32", 7);
        kit_part(&pair);
    }
}

/* The server knows no ffdhe2048, and asks for a second hello. */
static void
the_second_hello_has_the_same_limit(void **state)
{
    int groups[] = {NID_ffdhe2048, NID_X25519};

    (void)state;
    assert_int_equal(SSL_set1_groups(meet(NJ_TLS_1_3), groups, 2), 1);
    kit_shake(&pair);
    assert_int_equal(pair.server.last, NJ_TLS_DONE);
    kit_part(&pair);

    assert_int_equal(SSL_set1_groups(meet(NJ_TLS_1_3), groups, 2), 1);
    (void)kit_step(&pair.client);
    assert_int_equal(serve(), NJ_TLS_HUNGRY);
    put_record(20, NJ_STR("\x01"));
    put_claim(NJ_TLS_HELLO_MAX + 1, 4);
    assert_refused(NJ_FINDING_TOO_LARGE, "ClientHello");
}

/* What the client has sent is sent anew, a byte in each record. */
static void
a_hello_in_records_of_one_byte_is_taken(void **state)
{
    static uint8_t sent[KIT_WIRE];
    size_t n;

    (void)state;
    (void)meet(NJ_TLS_1_3);
    (void)kit_step(&pair.client);
    n = pair.up.n;
    memcpy(sent, pair.up.bytes, n);
    pair.up.n = 0;
    for (size_t i = 5; i < n; i++)
        put_record(22, (struct nj_str){(const char *)sent + i, 1});
    kit_shake(&pair);
    assert_int_equal(pair.server.last, NJ_TLS_DONE);
}

static void
records_with_nothing_in_them_have_an_end_in_the_handshake(void **state)
{
    (void)state;
    (void)meet(NJ_TLS_ANY);
    for (int i = 0; i < 40; i++)
        put_record(22, NJ_STR(""));
    assert_refused(NJ_FINDING_MALFORMED, "breaks the rules of TLS");
}

/* ---- a client that lies in TLS 1.2 ---- */

/* Records that OpenSSL would not write, under the client's keys. (RFC 5246, 6.3; RFC 5288, 3) */
static struct {
    uint8_t key[16], salt[4];
    uint64_t number;
} liar;

static void
derive(SSL *ssl)
{
    static const char label[] = "key expansion";
    uint8_t master[48], seed[sizeof(label) - 1 + 64], block[40];
    char digest[] = "SHA256";
    size_t n = SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof(master));
    EVP_KDF *prf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *kdf = EVP_KDF_CTX_new(prf);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, n),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof(seed)),
        OSSL_PARAM_construct_end(),
    };

    memcpy(seed, label, sizeof(label) - 1);
    (void)SSL_get_server_random(ssl, seed + sizeof(label) - 1, 32);
    (void)SSL_get_client_random(ssl, seed + sizeof(label) - 1 + 32, 32);
    assert_int_equal(EVP_KDF_derive(kdf, block, sizeof(block), params), 1);
    memcpy(liar.key, block, 16);
    memcpy(liar.salt, block + 32, 4);
    liar.number = 1; /* Finished was the first */
    EVP_KDF_CTX_free(kdf);
    EVP_KDF_free(prf);
}

static void
lie(uint8_t type, struct nj_str plain)
{
    uint8_t body[1024], nonce[12], about[13];
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int n = 0;

    for (int i = 0; i < 8; i++)
        body[i] = about[i] = (uint8_t)(liar.number >> (56 - 8 * i));
    liar.number++;
    memcpy(nonce, liar.salt, 4);
    memcpy(nonce + 4, body, 8);
    memcpy(about + 8, (const uint8_t[]){type, 3, 3, (uint8_t)(plain.n >> 8), (uint8_t)plain.n}, 5);
    assert_int_equal(EVP_EncryptInit_ex(cipher, EVP_aes_128_gcm(), NULL, liar.key, nonce), 1);
    assert_int_equal(EVP_EncryptUpdate(cipher, NULL, &n, about, sizeof(about)), 1);
    assert_int_equal(
        EVP_EncryptUpdate(cipher, body + 8, &n, (const uint8_t *)plain.p, (int)plain.n), 1);
    assert_int_equal(EVP_EncryptFinal_ex(cipher, body + 8 + plain.n, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, body + 8 + plain.n), 1);
    EVP_CIPHER_CTX_free(cipher);
    put_record(type, (struct nj_str){(const char *)body, 8 + plain.n + 16});
}

static void
open_for_lies(void)
{
    SSL *ssl = meet(NJ_TLS_1_2);

    kit_shake(&pair);
    assert_int_equal(pair.server.last, NJ_TLS_DONE);
    derive(ssl);
    lie(23, NJ_STR("the truth"));
    assert_int_equal(serve(), NJ_TLS_HUNGRY);
    assert_null(nj_tls_fault(pair.server.tls));
}

static void
records_with_nothing_in_them_have_an_end(void **state)
{
    (void)state;
    open_for_lies();
    for (int i = 0; i < 30; i++)
        lie(23, NJ_STR(""));
    lie(23, NJ_STR("x"));
    assert_int_equal(serve(), NJ_TLS_HUNGRY);
    for (int i = 0; i < 40; i++)
        lie(23, NJ_STR(""));
    assert_refused(NJ_FINDING_MALFORMED, "breaks the rules of TLS");
}

static void
warnings_have_an_end(void **state)
{
    (void)state;
    open_for_lies();
    for (int i = 0; i < 10; i++)
        lie(21, NJ_STR("\x01\x5a")); /* user_canceled */
    assert_refused(NJ_FINDING_MALFORMED, "too many warn alerts");
}

static void
who_negotiates_anew_is_ended_before_its_hello_is_read(void **state)
{
    size_t before;

    (void)state;
    open_for_lies();
    before = nj_mem_used();
    lie(22, NJ_STR("\x01\x01\xff\xff"));
    assert_refused(NJ_FINDING_MALFORMED, "renegotiation");
    assert_true(nj_tls_fault(pair.server.tls)->was_open);
    kit_part(&pair);
    assert_true(nj_mem_used() <= before);

    (void)meet(NJ_TLS_1_2);
    kit_shake(&pair);
    assert_int_equal(SSL_renegotiate(pair.client.tls->ssl), 1);
    (void)kit_step(&pair.client);
    assert_refused(NJ_FINDING_MALFORMED, "renegotiation");
}

/* ---- keys without end, in TLS 1.3 ---- */

static void
ask_for_keys(int times)
{
    struct nj_tls *t = pair.client.tls;

    for (int i = 0; i < times; i++) {
        struct nj_tls_io io = {.out = pair.up.bytes + pair.up.n, .out_room = KIT_WIRE - pair.up.n};
        size_t taken = 0;

        assert_int_equal(SSL_key_update(t->ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(nj_tls_write(t, &io, NJ_STR("x"), &taken), NJ_TLS_DONE);
        pair.up.n += io.out_n;
    }
}

static void
new_keys_are_made_and_not_without_end(void **state)
{
    (void)state;
    (void)meet(NJ_TLS_1_3);
    kit_shake(&pair);
    ask_for_keys(5);
    assert_int_equal(serve(), NJ_TLS_HUNGRY);
    ask_for_keys(5);
    assert_int_equal(serve(), NJ_TLS_HUNGRY);
    /* It was seldom, if long ago. */
    pair.server.tls->aside_at -= 60000;
    ask_for_keys(10);
    assert_int_equal(serve(), NJ_TLS_HUNGRY);
    for (int i = 0; i < 5; i++) {
        ask_for_keys(5);
        if (i < 4)
            (void)serve();
    }
    assert_refused(NJ_FINDING_MALFORMED, "asks for new keys again and again");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(
            a_hello_that_claims_too_much_is_refused_before_memory_is_taken_for_it, tear_down),
        cmocka_unit_test_teardown(the_second_hello_has_the_same_limit, tear_down),
        cmocka_unit_test_teardown(a_hello_in_records_of_one_byte_is_taken, tear_down),
        cmocka_unit_test_teardown(records_with_nothing_in_them_have_an_end_in_the_handshake,
                                  tear_down),
        cmocka_unit_test_teardown(records_with_nothing_in_them_have_an_end, tear_down),
        cmocka_unit_test_teardown(warnings_have_an_end, tear_down),
        cmocka_unit_test_teardown(who_negotiates_anew_is_ended_before_its_hello_is_read, tear_down),
        cmocka_unit_test_teardown(new_keys_are_made_and_not_without_end, tear_down),
    };

    if (!nj_tls_count_memory())
        return 1;
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
