/* SPDX-License-Identifier: Apache-2.0 */
/* TLS in the simulated world, where what a turn does can be counted. The clients are OpenSSL's own.
 */
#include "net/tls.h"
#include "net/tls_kit_test.h"
#include "server/conn.h"
#include "server/kit_test.h"
#include "server/secure.h"

static struct kit_cert ca, broker, ciel;
static SSL_CTX *clients;

struct tls_client {
    struct client raw;
    SSL *ssl;
    BIO *in, *out;
    char id;
};

static struct nj_tls_context *
make_context(const char *cafile)
{
    const struct nj_tls_pair files = {broker.certfile, broker.keyfile};
    const struct nj_tls_opts o = {
        .pairs = &files, .pair_count = 1, .cafile = cafile, .require_certificate = true};

    return kit_context(&o);
}

static int
set_up_all(void **state)
{
    (void)state;
    kit_begin();
    kit_make(&ca, &(struct kit_asked){.name = "ca", .is_ca = true});
    kit_make(&broker, &(struct kit_asked){.name = "broker", .issuer = &ca});
    kit_make(&ciel, &(struct kit_asked){.name = "ciel", .issuer = &ca});
    clients = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_use_certificate(clients, ciel.cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(clients, ciel.key), 1);
    return 0;
}

static int
tear_down_all(void **state)
{
    (void)state;
    SSL_CTX_free(clients);
    kit_free(&ca);
    kit_free(&broker);
    kit_free(&ciel);
    return kit_end();
}

/* ---- a client ---- */

static void
open_tls(struct tls_client *c, char id)
{
    open_client(&c->raw);
    c->id = id;
    c->ssl = SSL_new(clients);
    c->in = BIO_new(BIO_s_mem());
    c->out = BIO_new(BIO_s_mem());
    assert_non_null(c->ssl);
    SSL_set_bio(c->ssl, c->in, c->out);
    SSL_set_connect_state(c->ssl);
}

static void
close_tls(struct tls_client *c)
{
    SSL_free(c->ssl);
    close_client(&c->raw);
}

/* What OpenSSL has written goes to the server, without a turn. */
static void
push(struct tls_client *c)
{
    char *bytes = NULL;
    long n = BIO_get_mem_data(c->out, &bytes);

    if (n > 0)
        assert_int_equal(nj_sim_write(c->raw.fd, bytes, (size_t)n), n);
    (void)BIO_reset(c->out);
}

/* What the server has written, without a turn. Whether anything came. */
static bool
pull(struct tls_client *c)
{
    uint8_t bytes[16384];
    ssize_t n, total = 0;

    while ((n = nj_sim_read(c->raw.fd, bytes, sizeof(bytes))) > 0) {
        assert_int_equal(BIO_write(c->in, bytes, (int)n), n);
        total += n;
    }
    c->raw.is_closed = c->raw.is_closed || n == NJ_IO_CLOSED || n == NJ_IO_ERROR;
    return total > 0;
}

static void
tell(struct tls_client *c, const char *bytes, int n)
{
    assert_int_equal(SSL_write(c->ssl, bytes, n), n);
    push(c);
}

/* The next bytes; 0: none. */
static int
hear(struct tls_client *c, void *out, int room)
{
    int n;

    (void)pull(c);
    n = SSL_read(c->ssl, out, room);
    return n > 0 ? n : 0;
}

/* All the way to its CONNACK. */
static void
come(struct tls_client *c, char id)
{
    char connect[] = CONNECT_5("?");
    uint8_t heard[64];

    open_tls(c, id);
    while (SSL_do_handshake(c->ssl) != 1) {
        push(c);
        settle();
        assert_true(pull(c));
    }
    connect[sizeof(connect) - 2] = id;
    tell(c, connect, sizeof(connect) - 1);
    settle();
    assert_true(hear(c, heard, sizeof(heard)) > 4);
    assert_int_equal(heard[0], 0x20);
}

static void
turn(void)
{
    nj_server_turn(world.server, 0, 0);
}

static void
start_with_tls(struct nj_tls_context *x)
{
    world.listener.tls = x;
    start();
}

/* The listener's context must live as long as the server. */
static void
stop_with_tls(struct nj_tls_context *x)
{
    end_server();
    nj_tls_context_unref(x);
}

/* ---- a turn's share ---- */

#define STORM 30

/* Each ClientHello costs a signature. A ping is answered in the turn that it is read in. */
static void
handshakes_take_their_turns_and_a_message_does_not_wait_for_them(void **state)
{
    struct nj_tls_context *x = make_context(ca.certfile);
    struct tls_client calm, strangers[STORM];
    size_t answered = 0;
    uint64_t read;

    (void)state;
    start_with_tls(x);
    come(&calm, 'a');
    tell(&calm, BYTES("\xc0\x00"));
    read = nj_server_metric(world.server, NJ_METRIC_PACKETS_RECEIVED);
    for (size_t i = 0; i < STORM; i++) {
        open_tls(&strangers[i], 'x');
        (void)SSL_do_handshake(strangers[i].ssl);
        push(&strangers[i]);
    }
    for (int turns = 0; answered < STORM; turns++) {
        size_t before = answered;

        assert_true(turns < 1000);
        turn();
        if (nj_server_metric(world.server, NJ_METRIC_PACKETS_RECEIVED) > read) {
            uint8_t heard[8];

            assert_int_equal(hear(&calm, heard, sizeof(heard)), 2);
            assert_int_equal(heard[0], 0xd0);
            read++;
            tell(&calm, BYTES("\xc0\x00"));
        }
        for (size_t i = 0; i < STORM; i++)
            answered += pull(&strangers[i]);
        assert_true(answered - before <= NJ_SECURE_STEPS);
    }
    for (size_t i = 0; i < STORM; i++)
        close_tls(&strangers[i]);
    close_tls(&calm);
    stop_with_tls(x);
}

static void
certificates_are_looked_at_again_a_few_in_a_turn(void **state)
{
    struct kit_cert other = {0};
    struct tls_client trusted[20];
    struct nj_listener_opts listener;
    struct nj_server_opts opts;
    struct nj_tls_context *x = make_context(ca.certfile), *y;
    uint64_t ended = 0;

    (void)state;
    kit_make(&other, &(struct kit_asked){.name = "other", .is_ca = true});
    y = make_context(other.certfile);
    start_with_tls(x);
    for (size_t i = 0; i < NJ_COUNT_OF(trusted); i++)
        come(&trusted[i], (char)('a' + i));

    listener = world.listener;
    listener.tls = y;
    opts = world.opts;
    opts.listeners = &listener;
    world.server->workers[0].opts = &opts;
    nj_worker_reconsider_conns(&world.server->workers[0]);
    for (int turns = 0; ended < NJ_COUNT_OF(trusted); turns++) {
        uint64_t before = ended;

        assert_int_equal(nj_server_next(world.server, 0), nj_sim_now()); /* it does not sleep */
        turn();
        ended = nj_server_cause(world.server, NJ_CAUSE_NO_LONGER_TRUSTED);
        assert_in_range(ended - before, 1, NJ_SECURE_AGAIN);
    }
    for (size_t i = 0; i < NJ_COUNT_OF(trusted); i++) {
        uint8_t heard[8];

        assert_true(hear(&trusted[i], heard, sizeof(heard)) >= 3);
        assert_int_equal(heard[0], 0xe0);
        assert_int_equal(heard[2], NJ_REASON_NOT_AUTHORIZED);
        assert_true(trusted[i].raw.is_closed);
        close_tls(&trusted[i]);
    }
    kit_free(&other);
    stop_with_tls(x);
    nj_tls_context_unref(y);
}

/* ---- what a peer can make us hold ---- */

static const struct nj_conn *
only_conn(void)
{
    return nj_container_of(world.server->workers[0].conns.next, struct nj_conn, link_all);
}

/* TLS 1.3: each request for new keys takes us as long as many messages. A peer may read none of the
 * answers, which therefore must not pile up. */
static void
who_asks_for_keys_without_end_is_ended(void **state)
{
    struct nj_tls_context *x = make_context(ca.certfile);
    struct tls_client c;
    int asked = 0;

    (void)state;
    prepare_instead(1, 1 << 10); /* the pipe to the client is full at once */
    start_with_tls(x);
    come(&c, 'a');
    while (nj_server_cause(world.server, NJ_CAUSE_TLS_BROKEN) == 0) {
        assert_true(asked++ < 1000);
        assert_int_equal(SSL_key_update(c.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(c.ssl), 1);
        assert_int_equal(only_conn()->secure->cipher.bytes, 0);
        push(&c);
        settle();
    }
    assert_true(asked > 10); /* honest ones ask seldom */
    close_tls(&c);
    stop_with_tls(x);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(handshakes_take_their_turns_and_a_message_does_not_wait_for_them),
        TEST(certificates_are_looked_at_again_a_few_in_a_turn),
        TEST(who_asks_for_keys_without_end_is_ended),
    };

    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
