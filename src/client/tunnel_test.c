/* SPDX-License-Identifier: Apache-2.0 */
/* The client over TLS, in a loop of the test's own, against a broker's end that is played here, a
 * step at a time: so it can be cut, damaged and slowed down at every byte. */
/* clang-format off */
#include "net/tls_kit_test.h"
#include "base/mem.h"
/* clang-format on */

#include <arpa/inet.h>
#include <nightjar/client.h>
#include <poll.h>
#include <sys/socket.h>

#define WHOLE SIZE_MAX

static struct kit_cert ca, other_ca, broker, elsewhere, user;
static struct nj_tls_context *plain_broker, *strict_broker, *elsewhere_broker;

struct rig {
    int listener, peer;
    struct nj_tls *tls; /* the broker's end; NULL: `bytes` are sent as they are */
    struct nj_str bytes;
    struct nj_client *client;
    struct kit_wire in, out;
    size_t piece;      /* so many bytes a turn; 0: all */
    size_t cut_after;  /* the broker hangs up after so many bytes; WHOLE: never */
    size_t damaged_at; /* this byte of what it sends is turned; WHOLE: none */
    size_t sent, heard_n;
    uint8_t heard[64]; /* the first plaintext that came */
    bool is_answered;
    enum nj_client_err error;
    int messages, connected, ended, idle_turns;
};

static struct nj_client_tls trusting;

static struct rig *
rig_new(struct nj_tls_context *context, const struct nj_client_tls *tls)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct rig *r = nj_zalloc(sizeof(*r));
    socklen_t n = sizeof(a);
    struct nj_client_opts opts;

    assert_non_null(r);
    r->cut_after = r->damaged_at = WHOLE;
    r->peer = -1;
    r->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(r->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(r->listener, 5), 0);
    assert_int_equal(getsockname(r->listener, (struct sockaddr *)&a, &n), 0);
    r->tls = context != NULL ? nj_tls_new(context, NULL) : NULL;
    nj_client_opts_init(&opts);
    opts.host = "127.0.0.1";
    opts.port = ntohs(a.sin_port);
    opts.client_id = "c";
    opts.reconnect_min_ms = 0;
    opts.tls = tls;
    assert_int_equal(nj_client_new(&r->client, &opts), NJ_CLIENT_OK);
    assert_int_equal(nj_client_start(r->client), NJ_CLIENT_OK);
    return r;
}

static void
rig_free(struct rig *r)
{
    nj_client_free(r->client);
    nj_tls_free(r->tls);
    if (r->peer >= 0)
        (void)close(r->peer);
    (void)close(r->listener);
    nj_free(r);
}

/* ---- the broker's end ---- */

static void
hang_up(struct rig *r)
{
    (void)close(r->peer);
    r->peer = -1;
    r->cut_after = 0;
}

/* What is ready to go, cut and damaged as asked for. */
static bool
send_some(struct rig *r)
{
    size_t n = NJ_MIN(r->out.n, r->cut_after - r->sent);
    ssize_t done;

    if (r->piece > 0)
        n = NJ_MIN(n, r->piece);
    if (r->damaged_at >= r->sent && r->damaged_at < r->sent + n)
        r->out.bytes[r->damaged_at - r->sent] ^= 1;
    done = n > 0 ? send(r->peer, r->out.bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (done > 0) {
        r->sent += (size_t)done;
        r->out.n -= (size_t)done;
        memmove(r->out.bytes, r->out.bytes + done, r->out.n);
        if (r->damaged_at != WHOLE && r->damaged_at < r->sent)
            r->damaged_at = WHOLE;
    }
    if (r->sent == r->cut_after)
        hang_up(r);
    return done > 0;
}

static void
say(struct rig *r, struct nj_str bytes)
{
    struct nj_tls_io io = {.out = r->out.bytes + r->out.n, .out_room = KIT_WIRE - r->out.n};
    size_t taken;

    assert_int_equal(nj_tls_write(r->tls, &io, bytes, &taken), NJ_TLS_DONE);
    r->out.n += io.out_n;
}

/* Through TLS, as far as what has come reaches. */
static void
understand(struct rig *r)
{
    struct nj_tls_io io = {.in = {(const char *)r->in.bytes, r->in.n},
                           .out = r->out.bytes + r->out.n,
                           .out_room = KIT_WIRE - r->out.n};
    enum nj_tls_result result = NJ_TLS_DONE;
    uint8_t plain[4096];
    size_t got = 0;

    if (!nj_tls_is_open(r->tls))
        result = nj_tls_handshake(r->tls, &io);
    while (result == NJ_TLS_DONE) {
        result = nj_tls_read(r->tls, &io, plain, sizeof(plain), &got);
        if (r->heard_n < sizeof(r->heard))
            memcpy(r->heard + r->heard_n, plain, NJ_MIN(got, sizeof(r->heard) - r->heard_n));
        r->heard_n += got;
    }
    memmove(r->in.bytes, io.in.p, io.in.n);
    r->in.n = io.in.n;
    r->out.n += io.out_n;
    if (result == NJ_TLS_FAILED && r->cut_after == WHOLE)
        r->cut_after = r->sent + r->out.n;
    if (r->heard_n > 0 && !r->is_answered) {
        r->is_answered = true;
        say(r, NJ_STR("\x20\x02\0\0"));
    }
}

static bool
serve(struct rig *r)
{
    ssize_t n;

    if (r->peer < 0 && r->cut_after > 0) {
        r->peer = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (r->peer >= 0 && r->tls == NULL) {
            memcpy(r->out.bytes, r->bytes.p, r->bytes.n);
            r->out.n = r->bytes.n;
        }
    }
    if (r->peer < 0) {
        int refused = r->cut_after == 0 ? accept4(r->listener, NULL, NULL, SOCK_CLOEXEC) : -1;

        if (refused >= 0)
            (void)close(refused);
        return refused >= 0;
    }
    n = recv(r->peer, r->in.bytes + r->in.n, KIT_WIRE - r->in.n, MSG_DONTWAIT);
    if (n > 0)
        r->in.n += (size_t)n;
    if (n > 0 && r->tls != NULL)
        understand(r);
    return send_some(r) || n > 0;
}

/* ---- the client's end ---- */

static bool
take_events(struct rig *r)
{
    struct nj_client_event ev;
    bool has_any = false;

    while (nj_client_next(r->client, &ev, 0) == NJ_CLIENT_OK) {
        has_any = true;
        r->connected += ev.type == NJ_CLIENT_CONNECTED;
        r->messages += ev.type == NJ_CLIENT_MESSAGE;
        if (ev.type == NJ_CLIENT_DISCONNECTED) {
            r->ended++;
            r->error = ev.error;
        }
    }
    return has_any;
}

/* One turn of both. The client does only what poll() says. */
static void
turn(struct rig *r)
{
    struct pollfd p = {.fd = nj_client_fd(r->client)};
    bool moved = serve(r);

    if (nj_client_wants_read(r->client))
        p.events |= POLLIN;
    if (nj_client_wants_write(r->client))
        p.events |= POLLOUT;
    assert_true(poll(&p, 1, moved ? 0 : 1) >= 0);
    if ((p.revents & (POLLOUT | POLLERR | POLLHUP)) != 0)
        nj_client_on_writable(r->client);
    if ((p.revents & (POLLIN | POLLERR | POLLHUP)) != 0)
        nj_client_on_readable(r->client);
    nj_client_on_time(r->client);
    moved = take_events(r) || moved || p.revents != 0;
    r->idle_turns = moved ? 0 : r->idle_turns + 1;
}

/* Until `is` holds; a rig in which nothing moves any more is a failure. */
#define RUN_UNTIL(r, is)                                                                           \
    while (!(is)) {                                                                                \
        turn(r);                                                                                   \
        assert_true((r)->idle_turns < 5000);                                                       \
    }

static void
expect_failure(struct rig *r, enum nj_client_err error, const char *words)
{
    RUN_UNTIL(r, r->ended > 0);
    assert_int_equal(r->error, error);
    if (strstr(nj_client_detail(r->client), words) == NULL)
        fail_msg("'%s' is not in: %s", words, nj_client_detail(r->client));
    rig_free(r);
}

/* ---- what works ---- */

static void
mqtt_goes_through_tls(void **state)
{
    struct rig *r = rig_new(plain_broker, &trusting);

    (void)state;
    RUN_UNTIL(r, r->connected > 0);
    assert_int_equal(r->heard[0], 0x10);
    assert_true(strncmp(nj_client_tls_in_use(r->client), "TLSv1.3 TLS_", 12) == 0);
    assert_int_equal(nj_client_disconnect(r->client, 0, (struct nj_client_properties){NULL, 0}), 0);
    RUN_UNTIL(r, r->ended > 0);
    assert_int_equal(r->error, NJ_CLIENT_OK);
    assert_string_equal(nj_client_tls_in_use(r->client), "");
    rig_free(r);
}

static void
handshake_may_come_byte_by_byte(void **state)
{
    struct rig *r = rig_new(plain_broker, &trusting);

    (void)state;
    r->piece = 1;
    RUN_UNTIL(r, r->connected > 0);
    rig_free(r);
}

static void
own_certificate_is_shown(void **state)
{
    struct nj_client_tls tls = trusting;
    struct rig *r;
    char *name;

    (void)state;
    tls.cert = user.certfile;
    tls.key = user.keyfile;
    r = rig_new(strict_broker, &tls);
    RUN_UNTIL(r, r->connected > 0);
    name = nj_tls_peer_name(r->tls, NJ_TLS_COMMON_NAME);
    assert_non_null(name);
    nj_free(name);
    rig_free(r);
}

static void
older_version_is_spoken_where_the_broker_has_no_newer(void **state)
{
    const struct nj_tls_pair pair = {broker.certfile, broker.keyfile};
    const struct nj_tls_opts opts = {
        .role = NJ_TLS_SERVER, .pairs = &pair, .pair_count = 1, .newest = NJ_TLS_1_2};
    struct nj_client_tls tls = trusting;
    struct nj_diag diag = {0};
    struct nj_tls_context *old;
    struct rig *r;

    (void)state;
    assert_int_equal(nj_tls_context_new(&old, &opts, &diag), NJ_OK);
    r = rig_new(old, &tls);
    RUN_UNTIL(r, r->connected > 0);
    assert_true(strncmp(nj_client_tls_in_use(r->client), "TLSv1.2 ", 8) == 0);
    rig_free(r);
    tls.version = "tlsv1.3";
    expect_failure(rig_new(old, &tls), NJ_CLIENT_ETLS, "no version of TLS");
    nj_tls_context_unref(old);
}

/* More than one reading takes: what is left inside TLS, no poll tells of. */
static void
bytes_left_inside_are_delivered_without_a_poll(void **state)
{
    struct rig *r = rig_new(plain_broker, &trusting);
    static char message[1002];

    (void)state;
    memcpy(message, "\x30\xe7\x07\0\x01m", 6); /* PUBLISH, 999 bytes behind its header */
    RUN_UNTIL(r, r->connected > 0);
    for (int i = 0; i < 900; i++)
        say(r, (struct nj_str){message, sizeof(message)});
    RUN_UNTIL(r, r->messages == 900);
    rig_free(r);
}

static void
large_messages_go_out_whole(void **state)
{
    struct rig *r = rig_new(plain_broker, &trusting);
    struct nj_client_message m = {.topic = "t", .payload_n = (size_t)3 << 20};
    void *payload = nj_zalloc(m.payload_n);

    (void)state;
    m.payload = payload;
    RUN_UNTIL(r, r->connected > 0);
    r->heard_n = 0;
    assert_int_equal(nj_client_publish(r->client, &m, NULL), NJ_CLIENT_OK);
    RUN_UNTIL(r, nj_client_unwritten_bytes(r->client) == 0);
    RUN_UNTIL(r, r->heard_n >= m.payload_n);
    assert_int_equal(r->heard_n, m.payload_n + 8);
    nj_free(payload);
    rig_free(r);
}

static void
options_are_owned(void **state)
{
    char cafile[sizeof(ca.certfile)];
    struct nj_client_tls tls = {.cafile = cafile};
    struct rig *r;

    (void)state;
    memcpy(cafile, ca.certfile, sizeof(cafile));
    r = rig_new(plain_broker, &tls);
    memset(cafile, 'x', sizeof(cafile) - 1);
    memset(&tls, 0, sizeof(tls));
    RUN_UNTIL(r, r->connected > 0);
    rig_free(r);
}

static void
options_that_contradict_each_other_are_refused(void **state)
{
    const struct nj_client_tls wrong[] = {
        {.cert = "c"},          {.key = "k"},           {.psk = "00"},
        {.psk_identity = "me"}, {.version = "tlsv1.1"}, {.keyform = "der"},
    };
    struct nj_client_opts opts;
    struct nj_client *c;

    (void)state;
    nj_client_opts_init(&opts);
    for (size_t i = 0; i < NJ_COUNT_OF(wrong); i++) {
        opts.tls = &wrong[i];
        assert_int_equal(nj_client_new(&c, &opts), NJ_CLIENT_EINVAL);
    }
}

/* ---- who is refused, and why ---- */

static void
broker_of_another_ca_is_refused_also_when_insecure(void **state)
{
    struct nj_client_tls tls = {.cafile = other_ca.certfile};

    (void)state;
    expect_failure(rig_new(plain_broker, &tls), NJ_CLIENT_ETLS, "CN=ca");
    tls.insecure = true;
    expect_failure(rig_new(plain_broker, &tls), NJ_CLIENT_ETLS, "CN=ca");
}

static void
name_is_compared_unless_insecure(void **state)
{
    struct nj_client_tls tls = trusting;
    struct rig *r;

    (void)state;
    expect_failure(rig_new(elsewhere_broker, &tls), NJ_CLIENT_ETLS, "not for 127.0.0.1");
    tls.insecure = true;
    r = rig_new(elsewhere_broker, &tls);
    RUN_UNTIL(r, r->connected > 0);
    rig_free(r);
}

/* In TLS 1.3 the refusal comes when we believe to be connected. */
static void
refusal_of_a_missing_certificate_is_told(void **state)
{
    (void)state;
    expect_failure(rig_new(strict_broker, &trusting), NJ_CLIENT_ETLS, "certificate_required");
}

/* The broker hangs up on CONNECT unread, so that the socket is reset; its alert is read first. */
static void
alert_is_read_although_writing_fails(void **state)
{
    const struct nj_client_message m = {.topic = "t", .payload = "x", .payload_n = 1, .qos = 1};
    struct rig *r = rig_new(strict_broker, &trusting);

    (void)state;
    while (r->sent == 0 || nj_client_fd(r->client) < 0 || nj_client_tls_in_use(r->client)[0] == 0)
        turn(r);
    while (r->peer >= 0)
        (void)serve(r);
    for (int i = 0; i < 3; i++) {
        (void)nj_client_publish(r->client, &m, NULL);
        nj_client_on_writable(r->client);
    }
    expect_failure(r, NJ_CLIENT_ETLS, "certificate_required");
}

static void
refusal_without_a_word_is_guessed_at(void **state)
{
    struct rig *r = rig_new(strict_broker, &trusting);

    (void)state;
    while (nj_client_tls_in_use(r->client)[0] == 0)
        turn(r);
    r->cut_after = r->sent;
    expect_failure(r, NJ_CLIENT_ETLS, "showed no certificate");
}

static void
files_of_no_use_are_told_before_anything_is_sent(void **state)
{
    struct nj_client_tls tls = {.cafile = "/nonexistent/ca.crt"};
    struct rig *r;

    (void)state;
    r = rig_new(plain_broker, &tls);
    assert_int_equal(nj_client_fd(r->client), -1);
    expect_failure(r, NJ_CLIENT_ETLSFILES, "/nonexistent/ca.crt\": No such file or directory");
    tls = trusting;
    tls.cert = user.certfile;
    tls.key = broker.keyfile;
    expect_failure(rig_new(plain_broker, &tls), NJ_CLIENT_ETLSFILES, "does not belong");
}

/* ---- hostile brokers ---- */

/* Bytes that the broker sends until the client's side of the handshake is over. Signatures differ
 * in length: a few fewer for sure. */
static size_t
handshake_bytes(void)
{
    struct rig *r = rig_new(plain_broker, &trusting);
    size_t n;

    while (nj_client_tls_in_use(r->client)[0] == 0)
        turn(r);
    n = r->sent - 16;
    rig_free(r);
    assert_true(n > 500);
    return n;
}

static void
end_at_every_byte_of_the_handshake_is_told(void **state)
{
    (void)state;
    for (size_t n = 0, whole = handshake_bytes(); n < whole; n += n < 200 ? 1 : 7) {
        struct rig *r = rig_new(plain_broker, &trusting);

        r->cut_after = n;
        expect_failure(r, NJ_CLIENT_ETLS, "the broker ended the connection");
    }
}

/* The version in the header of the first record has no meaning in TLS 1.3. */
static void
damage_at_every_byte_ends_the_handshake(void **state)
{
    (void)state;
    for (size_t n = 0, whole = handshake_bytes(); n < whole; n += n < 200 ? 1 : 7) {
        struct rig *r = rig_new(plain_broker, &trusting);

        r->damaged_at = n;
        /* A longer record may be announced than comes: then it is waited for. */
        while (r->ended == 0 && r->idle_turns < 20)
            turn(r);
        if (n != 2 && r->connected > 0)
            fail_msg("connected although byte %zu was damaged", n);
        if (r->ended > 0)
            assert_int_equal(r->error, NJ_CLIENT_ETLS);
        rig_free(r);
    }
}

static void
one_damaged_byte_ends_an_open_connection(void **state)
{
    struct rig *r = rig_new(plain_broker, &trusting);

    (void)state;
    RUN_UNTIL(r, r->connected > 0 && r->out.n == 0);
    say(r, NJ_STR("\x30\x04\0\x01m1"));
    r->damaged_at = r->sent + r->out.n - 1;
    expect_failure(r, NJ_CLIENT_ETLS, "");
}

static void
whoever_speaks_no_tls_is_named(void **state)
{
    static const struct {
        struct nj_str bytes;
        const char *words;
    } talkers[] = {
        {NJ_STR("HTTP/1.1 400 Bad Request\r\n\r\n"), "HTTP"},
        {NJ_STR("\x20\x03\0\0\0"), "MQTT"},
        {NJ_STR("SSH-2.0-OpenSSH_9.2\r\n"), "TLS"},
        {NJ_STR("\x15\x03\x03\0\x02\x02\x28"), "alert 40 handshake_failure"},
        {NJ_STR("\x15\x03\x03\0\x02\x02\x30"), "alert 48 unknown_ca"},
        {NJ_STR("\x16\x03\x03\xff\xff\xff\xff\xff\xff"), ""},
        {NJ_STR("\x16\x03\x03\0\x04\x02\0\0\0"), ""},
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(talkers); i++) {
        struct rig *r = rig_new(NULL, &trusting);

        r->bytes = talkers[i].bytes;
        expect_failure(r, NJ_CLIENT_ETLS, talkers[i].words);
    }
}

/* What is said of a broker that sends so many bytes of an answer, and waits. */
static void
expect_handshake_to_time_out(struct rig *r, ssize_t answer_n, const char *words)
{
    struct nj_client_opts opts;
    struct nj_client_event ev;
    struct sockaddr_in a = {0};
    socklen_t n = sizeof(a);
    struct nj_client *c;
    int peer;

    assert_int_equal(getsockname(r->listener, (struct sockaddr *)&a, &n), 0);
    nj_client_opts_init(&opts);
    opts.host = "127.0.0.1";
    opts.port = ntohs(a.sin_port);
    opts.connect_timeout_ms = 20;
    opts.tls = &trusting;
    assert_int_equal(nj_client_new(&c, &opts), NJ_CLIENT_OK);
    assert_int_equal(nj_client_start(c), NJ_CLIENT_OK);
    peer = accept(r->listener, NULL, NULL);
    assert_true(peer >= 0);
    assert_int_equal(send(peer, "\x16\x03\x03", answer_n, 0), answer_n);
    assert_int_equal(nj_client_next(c, &ev, -1), NJ_CLIENT_OK);
    assert_int_equal(ev.error, NJ_CLIENT_ETIMEOUT);
    assert_non_null(strstr(nj_client_detail(c), words));
    (void)close(peer);
    nj_client_free(c);
}

static void
silence_ends_the_handshake_in_time(void **state)
{
    struct rig *r = rig_new(NULL, NULL);

    (void)state;
    r->peer = accept(r->listener, NULL, NULL); /* the rig's own client, which is not asked */
    expect_handshake_to_time_out(r, 0, "no answer to the ClientHello");
    expect_handshake_to_time_out(r, 3, "did not finish the TLS handshake");
    rig_free(r);
}

/* ---- */

static struct nj_tls_context *
broker_context(const struct kit_cert *shown, bool is_strict)
{
    const struct nj_tls_pair pair = {shown->certfile, shown->keyfile};
    const struct nj_tls_opts opts = {
        .role = NJ_TLS_SERVER,
        .pairs = &pair,
        .pair_count = 1,
        .cafile = is_strict ? ca.certfile : NULL,
        .require_certificate = is_strict,
    };
    struct nj_tls_context *x;
    struct nj_diag diag = {0};

    assert_int_equal(nj_tls_context_new(&x, &opts, &diag), NJ_OK);
    return x;
}

static int
set_up(void **state)
{
    (void)state;
    kit_begin();
    kit_make(&ca, &(struct kit_asked){.name = "ca", .is_ca = true});
    kit_make(&other_ca, &(struct kit_asked){.name = "other", .is_ca = true});
    kit_make(&broker, &(struct kit_asked){.name = "broker",
                                          .sans = "DNS:localhost,IP:127.0.0.1",
                                          .usage = "serverAuth",
                                          .issuer = &ca});
    kit_make(&elsewhere, &(struct kit_asked){.name = "elsewhere",
                                             .sans = "DNS:elsewhere",
                                             .usage = "serverAuth",
                                             .issuer = &ca});
    kit_make(&user, &(struct kit_asked){.name = "user", .usage = "clientAuth", .issuer = &ca});
    plain_broker = broker_context(&broker, false);
    strict_broker = broker_context(&broker, true);
    elsewhere_broker = broker_context(&elsewhere, false);
    trusting.cafile = ca.certfile;
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    nj_tls_context_unref(plain_broker);
    nj_tls_context_unref(strict_broker);
    nj_tls_context_unref(elsewhere_broker);
    kit_free(&ca);
    kit_free(&other_ca);
    kit_free(&broker);
    kit_free(&elsewhere);
    kit_free(&user);
    return kit_end();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mqtt_goes_through_tls),
        cmocka_unit_test(handshake_may_come_byte_by_byte),
        cmocka_unit_test(own_certificate_is_shown),
        cmocka_unit_test(older_version_is_spoken_where_the_broker_has_no_newer),
        cmocka_unit_test(bytes_left_inside_are_delivered_without_a_poll),
        cmocka_unit_test(large_messages_go_out_whole),
        cmocka_unit_test(options_are_owned),
        cmocka_unit_test(options_that_contradict_each_other_are_refused),
        cmocka_unit_test(broker_of_another_ca_is_refused_also_when_insecure),
        cmocka_unit_test(name_is_compared_unless_insecure),
        cmocka_unit_test(refusal_of_a_missing_certificate_is_told),
        cmocka_unit_test(alert_is_read_although_writing_fails),
        cmocka_unit_test(refusal_without_a_word_is_guessed_at),
        cmocka_unit_test(files_of_no_use_are_told_before_anything_is_sent),
        cmocka_unit_test(end_at_every_byte_of_the_handshake_is_told),
        cmocka_unit_test(damage_at_every_byte_ends_the_handshake),
        cmocka_unit_test(one_damaged_byte_ends_an_open_connection),
        cmocka_unit_test(whoever_speaks_no_tls_is_named),
        cmocka_unit_test(silence_ends_the_handshake_in_time),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
