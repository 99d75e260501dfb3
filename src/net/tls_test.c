/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls_priv.h"

#include "base/mem.h"
#include "net/tls_kit_test.h"

#include <openssl/ssl.h>
#include <sys/stat.h>

static struct kit_cert ca, broker, client;
static struct kit_pair pair;
static struct nj_tls_context *server_side, *client_side;

static void
make_both_sides(const struct nj_tls_opts *server, const struct nj_tls_opts *user)
{
    struct nj_tls_opts s = *server, c = *user;

    s.role = NJ_TLS_SERVER;
    c.role = NJ_TLS_CLIENT;
    server_side = kit_context(&s);
    client_side = kit_context(&c);
}

static struct nj_tls_pair broker_pair, client_pair;

static int
set_up_all(void **state)
{
    (void)state;
    kit_begin();
    kit_make(&ca, &(struct kit_asked){.name = "ca", .subject = "the CA", .is_ca = true});
    kit_make(&broker, &(struct kit_asked){.name = "broker",
                                          .sans = "DNS:localhost,IP:127.0.0.1",
                                          .usage = "serverAuth",
                                          .issuer = &ca});
    kit_make(&client,
             &(struct kit_asked){
                 .name = "client", .subject = "ciel", .usage = "clientAuth", .issuer = &ca});
    broker_pair = (struct nj_tls_pair){broker.certfile, broker.keyfile};
    client_pair = (struct nj_tls_pair){client.certfile, client.keyfile};
    return 0;
}

static int
tear_down_all(void **state)
{
    (void)state;
    kit_free(&ca);
    kit_free(&broker);
    kit_free(&client);
    return kit_end();
}

static int
tear_down(void **state)
{
    (void)state;
    kit_part(&pair);
    nj_tls_context_unref(server_side);
    nj_tls_context_unref(client_side);
    server_side = client_side = NULL;
    return 0;
}

static struct nj_tls_opts
server_opts(void)
{
    return (struct nj_tls_opts){.role = NJ_TLS_SERVER, .pairs = &broker_pair, .pair_count = 1};
}

static struct nj_tls_opts
client_opts(void)
{
    return (struct nj_tls_opts){.role = NJ_TLS_CLIENT, .cafile = ca.certfile, .alpn = "mqtt"};
}

static void
shake(const struct nj_tls_opts *server, const struct nj_tls_opts *user, const char *host)
{
    make_both_sides(server, user);
    kit_join(&pair, client_side, server_side, host);
    kit_shake(&pair);
}

static void
assert_open(void)
{
    char line[1000] = "";

    if (nj_tls_fault(pair.client.tls) != NULL)
        nj_tls_fault_line(nj_tls_fault(pair.client.tls), NULL, line, sizeof(line));
    else if (nj_tls_fault(pair.server.tls) != NULL)
        nj_tls_fault_line(nj_tls_fault(pair.server.tls), NULL, line, sizeof(line));
    assert_string_equal(line, "");
    assert_int_equal(pair.client.last, NJ_TLS_DONE);
    assert_int_equal(pair.server.last, NJ_TLS_DONE);
}

static void
two_ends_agree_on_1_3_x25519_and_mqtt(void **state)
{
    struct nj_tls_opts s = server_opts(), c = client_opts();
    const unsigned char *protocol = NULL;
    unsigned n = 0;

    (void)state;
    shake(&s, &c, "localhost");
    assert_open();
    assert_string_equal(nj_tls_version(pair.server.tls), "TLSv1.3");
    SSL_get0_alpn_selected(pair.client.tls->ssl, &protocol, &n);
    assert_int_equal(n, 4);
    assert_memory_equal(protocol, "mqtt", 4);
    assert_null(nj_tls_peer_name(pair.server.tls, NJ_TLS_SUBJECT));
    assert_false(nj_tls_is_resumed(pair.server.tls));
}

static void
bytes_cross_in_both_directions(void **state)
{
    struct nj_tls_opts s = server_opts(), c = client_opts();
    char got[16];

    (void)state;
    shake(&s, &c, "127.0.0.1");
    assert_open();
    assert_int_equal(kit_send(&pair.client, &pair.server, NJ_STR("connect"), got, sizeof(got)), 7);
    assert_memory_equal(got, "connect", 7);
    assert_int_equal(pair.server.last, NJ_TLS_HUNGRY);
    assert_int_equal(kit_send(&pair.server, &pair.client, NJ_STR("connack"), got, sizeof(got)), 7);
    assert_memory_equal(got, "connack", 7);
}

static void
any_cut_of_the_bytes_gives_the_same_plaintext(void **state)
{
    static const size_t pieces[] = {1, 2, 5, 7, 100, 1000};
    struct nj_tls_opts s = server_opts(), c = client_opts();

    (void)state;
    make_both_sides(&s, &c);
    for (size_t i = 0; i < NJ_COUNT_OF(pieces); i++) {
        kit_join(&pair, client_side, server_side, "localhost");
        pair.client.piece = pair.server.piece = pieces[i];
        pair.client.room = pair.server.room = pieces[NJ_COUNT_OF(pieces) - 1 - i];
        kit_shake(&pair);
        assert_open();
        kit_part(&pair);
    }
}

static void
large_data_fill_their_records(void **state)
{
    static char sent[200000], got[200000];
    struct nj_tls_opts s = server_opts(), c = client_opts();

    (void)state;
    shake(&s, &c, "localhost");
    for (size_t i = 0; i < sizeof(sent); i++)
        sent[i] = (char)(i * 31 >> 3);
    assert_int_equal(
        kit_send(&pair.client, &pair.server, (struct nj_str){sent, sizeof(sent)}, got, sizeof(got)),
        sizeof(sent));
    assert_memory_equal(sent, got, sizeof(sent));
}

static void
a_full_output_is_gone_on_with(void **state)
{
    static char sent[50000];
    static uint8_t cipher[60000];
    struct nj_tls_opts s = server_opts(), c = client_opts();
    size_t done = 0, total = 0;

    (void)state;
    shake(&s, &c, "localhost");
    while (done < sizeof(sent)) {
        struct nj_tls_io io = {.out = cipher + total, .out_room = 999};
        struct nj_str left = {sent + done, sizeof(sent) - done};
        size_t taken = 0;
        enum nj_tls_result r = nj_tls_write(pair.server.tls, &io, left, &taken);

        assert_true(r == NJ_TLS_FULL || r == NJ_TLS_DONE);
        done += taken;
        total += io.out_n;
        assert_true(io.out_n > 0);
    }
    assert_true(total > sizeof(sent));
}

static void
the_goodbye_of_a_peer_is_heard(void **state)
{
    struct nj_tls_opts s = server_opts(), c = client_opts();
    struct nj_tls_io io = {0};
    char got[16];
    size_t n;

    (void)state;
    shake(&s, &c, "localhost");
    io.out = pair.up.bytes + pair.up.n;
    io.out_room = 100;
    nj_tls_close(pair.client.tls, &io);
    pair.up.n += io.out_n;
    io = (struct nj_tls_io){
        .in = {(char *)pair.up.bytes, pair.up.n}, .out = pair.down.bytes, .out_room = 100};
    assert_int_equal(nj_tls_read(pair.server.tls, &io, got, sizeof(got), &n), NJ_TLS_CLOSED);
    assert_null(nj_tls_fault(pair.server.tls));
}

/* ---- who is there ---- */

static void
a_client_certificate_names_its_user(void **state)
{
    struct nj_tls_opts s = server_opts(), c = client_opts();
    char *name;

    (void)state;
    s.cafile = ca.certfile;
    s.require_certificate = true;
    c.pairs = &client_pair;
    c.pair_count = 1;
    shake(&s, &c, "localhost");
    assert_open();
    name = nj_tls_peer_name(pair.server.tls, NJ_TLS_COMMON_NAME);
    assert_string_equal(name, "ciel");
    nj_free(name);
    name = nj_tls_peer_name(pair.server.tls, NJ_TLS_SUBJECT);
    assert_string_equal(name, "CN=ciel");
    nj_free(name);
}

static void
psk(const char *file_text, const char *identity, const char *key, enum nj_tls_version oldest,
    const char *ciphers)
{
    struct nj_tls_opts s = {.psk_hint = "hint", .ciphers = ciphers, .oldest = oldest};
    struct nj_tls_opts c = {.psk = key, .psk_identity = identity};
    char path[96];

    (void)snprintf(path, sizeof(path), "%s/psk", kit_directory);
    kit_psk_file(path, file_text);
    s.psk_file = path;
    shake(&s, &c, "localhost");
    (void)unlink(path);
}

static void
a_pre_shared_key_opens_without_certificates(void **state)
{
    char *name;

    (void)state;
    psk("# keys\nsensor-1:DEADBEEF\r\nsensor-2:0011aabb\n", "sensor-2", "0011AAbb", NJ_TLS_1_2,
        NULL);
    assert_open();
    name = nj_tls_peer_name(pair.server.tls, NJ_TLS_COMMON_NAME);
    assert_string_equal(name, "sensor-2");
    nj_free(name);
}

static const struct nj_tls_fault *
server_fault(enum nj_finding_id id)
{
    const struct nj_tls_fault *f = nj_tls_fault(pair.server.tls);

    assert_non_null(f);
    assert_string_equal(nj_finding_name(f->finding.id), nj_finding_name(id));
    return f;
}

static const struct nj_tls_fault *
client_fault(enum nj_finding_id id)
{
    const struct nj_tls_fault *f = nj_tls_fault(pair.client.tls);

    assert_non_null(f);
    assert_string_equal(nj_finding_name(f->finding.id), nj_finding_name(id));
    return f;
}

static void
an_unknown_identity_is_told_by_its_name(void **state)
{
    (void)state;
    psk("a:00\n", "b", "00", NJ_TLS_1_2, NULL);
    assert_string_equal(server_fault(NJ_FINDING_UNKNOWN_IDENTITY)->identity, "b");
}

static void
a_wrong_key_is_told_from_an_unknown_identity(void **state)
{
    (void)state;
    psk("a:00\n", "a", "01", NJ_TLS_1_3, NULL);
    (void)server_fault(NJ_FINDING_WRONG_PSK);
}

static void
a_name_in_sni_chooses_the_certificate(void **state)
{
    struct kit_cert other = {0}, rsa = {0};
    struct nj_tls_pair pairs[3] = {broker_pair};
    struct nj_tls_opts s = {.pairs = pairs, .pair_count = 3};
    struct nj_tls_opts c = client_opts();

    (void)state;
    kit_make(&other,
             &(struct kit_asked){.name = "other", .sans = "DNS:other.example", .issuer = &ca});
    kit_make(&rsa, &(struct kit_asked){
                       .name = "rsa", .sans = "DNS:localhost", .is_rsa = true, .issuer = &ca});
    pairs[1] = (struct nj_tls_pair){other.certfile, other.keyfile};
    pairs[2] = (struct nj_tls_pair){rsa.certfile, rsa.keyfile};
    shake(&s, &c, "other.example");
    assert_open();
    kit_part(&pair);
    kit_join(&pair, client_side, server_side, "localhost");
    kit_shake(&pair);
    assert_open();
    (void)tear_down(NULL);
    /* And who knows RSA only gets that. */
    c.newest = NJ_TLS_1_2;
    c.ciphers = "ECDHE-RSA-AES128-GCM-SHA256";
    shake(&s, &c, "localhost");
    assert_open();
    assert_string_equal(nj_tls_cipher(pair.client.tls), "ECDHE-RSA-AES128-GCM-SHA256");
    kit_free(&other);
    kit_free(&rsa);
}

static void
one_with_fewer_names_hides_none_of_the_one_it_stands_beside(void **state)
{
    struct kit_cert both = {0}, rsa = {0}, third = {0};
    struct nj_tls_pair pairs[4] = {broker_pair};
    struct nj_tls_opts s = {.pairs = pairs, .pair_count = 4};
    struct nj_tls_opts c = client_opts();

    (void)state;
    kit_make(&both, &(struct kit_asked){
                        .name = "both", .sans = "DNS:a.example,DNS:b.example", .issuer = &ca});
    kit_make(&rsa, &(struct kit_asked){
                       .name = "rsa", .sans = "DNS:a.example", .is_rsa = true, .issuer = &ca});
    kit_make(&third, &(struct kit_asked){.name = "third", .sans = "DNS:a.example", .issuer = &ca});
    pairs[1] = (struct nj_tls_pair){both.certfile, both.keyfile};
    pairs[2] = (struct nj_tls_pair){rsa.certfile, rsa.keyfile};
    pairs[3] =
        (struct nj_tls_pair){third.certfile, third.keyfile}; /* the first's kind: not there */
    shake(&s, &c, "b.example");
    assert_open();
    kit_free(&both);
    kit_free(&rsa);
    kit_free(&third);
}

/* ---- refusals ---- */

static void
a_name_that_was_not_typed_is_refused(void **state)
{
    struct nj_tls_opts s = server_opts(), c = client_opts();
    const struct nj_tls_fault *f;

    (void)state;
    shake(&s, &c, "broker.example");
    f = client_fault(NJ_FINDING_HOST_NAME);
    assert_int_equal(f->ended, NJ_TLS_BY_US);
    assert_string_equal(f->finding.cert.names, "DNS:localhost, IP Address:127.0.0.1");
    f = nj_tls_fault(pair.server.tls);
    assert_int_equal(f->ended, NJ_TLS_BY_PEER);
}

static void
an_address_that_was_not_certified_is_refused(void **state)
{
    struct nj_tls_opts s = server_opts(), c = client_opts();

    (void)state;
    shake(&s, &c, "127.0.0.2");
    (void)client_fault(NJ_FINDING_HOST_ADDRESS);
}

static void
insecure_skips_the_name_alone(void **state)
{
    struct nj_tls_opts s = server_opts(), c = client_opts();

    (void)state;
    c.insecure = true;
    shake(&s, &c, "broker.example");
    assert_open();
    (void)tear_down(NULL);
    c.cafile = broker.certfile;
    shake(&s, &c, "broker.example");
    assert_non_null(nj_tls_fault(pair.client.tls));
}

/* A broker's certificate that is wrong in one way, and what the client says of it. */
static void
check_broker(const struct kit_asked *asked, enum nj_finding_id id)
{
    struct kit_cert bad = {0};
    struct nj_tls_pair bad_pair;
    struct nj_tls_opts s = {.pairs = &bad_pair, .pair_count = 1}, c = client_opts();

    kit_make(&bad, asked);
    bad_pair = (struct nj_tls_pair){bad.certfile, bad.keyfile};
    shake(&s, &c, "localhost");
    (void)client_fault(id);
    kit_free(&bad);
}

static void
the_labs_certificate_is_named_like_its_ca(void **state)
{
    (void)state;
    check_broker(
        &(struct kit_asked){.name = "bad", .subject = "the CA", .is_bare = true, .issuer = &ca},
        NJ_FINDING_SAME_NAME_AS_CA);
}

static void
a_certificate_signed_by_itself_is_called_that(void **state)
{
    (void)state;
    check_broker(&(struct kit_asked){.name = "bad", .subject = "the CA", .is_bare = true},
                 NJ_FINDING_SELF_SIGNED);
}

static void
another_generation_of_the_ca_is_told_from_a_stranger(void **state)
{
    struct kit_cert old = {0}, stranger = {0};

    (void)state;
    kit_make(&old, &(struct kit_asked){.name = "old", .subject = "the CA", .is_ca = true});
    kit_make(&stranger, &(struct kit_asked){.name = "stranger", .is_ca = true});
    check_broker(&(struct kit_asked){.name = "bad", .sans = "DNS:localhost", .issuer = &old},
                 NJ_FINDING_OTHER_CA_OF_THIS_NAME);
    (void)tear_down(NULL);
    check_broker(&(struct kit_asked){.name = "bad", .sans = "DNS:localhost", .issuer = &stranger},
                 NJ_FINDING_UNKNOWN_ISSUER);
    kit_free(&old);
    kit_free(&stranger);
}

static void
dates_and_purpose_are_looked_at(void **state)
{
    (void)state;
    check_broker(
        &(struct kit_asked){
            .name = "bad", .sans = "DNS:localhost", .from_s = -200, .until_s = -100, .issuer = &ca},
        NJ_FINDING_EXPIRED);
    (void)tear_down(NULL);
    check_broker(
        &(struct kit_asked){.name = "bad", .sans = "DNS:localhost", .from_s = 1000, .issuer = &ca},
        NJ_FINDING_NOT_YET_VALID);
    (void)tear_down(NULL);
    check_broker(
        &(struct kit_asked){
            .name = "bad", .sans = "DNS:localhost", .usage = "clientAuth", .issuer = &ca},
        NJ_FINDING_WRONG_PURPOSE);
}

static void
a_client_without_certificate_is_refused_where_one_is_asked_for(void **state)
{
    struct nj_tls_opts s = server_opts(), c = client_opts();
    char got[16], line[1000];

    (void)state;
    s.cafile = ca.certfile;
    s.require_certificate = true;
    shake(&s, &c, "localhost");
    (void)server_fault(NJ_FINDING_NO_CERTIFICATE);
    /* In TLS 1.3 the client's handshake is over when the alert comes. */
    assert_int_equal(kit_send(&pair.server, &pair.client, NJ_STR(""), got, sizeof(got)), 0);
    assert_int_equal(nj_tls_fault(pair.client.tls)->alert, SSL_AD_CERTIFICATE_REQUIRED);
    nj_tls_fault_line(nj_tls_fault(pair.client.tls), NULL, line, sizeof(line));
    assert_non_null(strstr(line, "refused by the broker with alert 116 certificate_required"));
    assert_non_null(strstr(line, "give the client --cert and --key"));
}

static void
an_expired_client_is_let_in_where_dates_are_ignored(void **state)
{
    struct kit_cert old = {0};
    struct nj_tls_pair old_pair;
    struct nj_tls_opts s = server_opts(), c = client_opts();

    (void)state;
    kit_make(&old,
             &(struct kit_asked){.name = "old", .from_s = -200, .until_s = -100, .issuer = &ca});
    old_pair = (struct nj_tls_pair){old.certfile, old.keyfile};
    s.cafile = ca.certfile;
    s.require_certificate = true;
    c.pairs = &old_pair;
    c.pair_count = 1;
    shake(&s, &c, "localhost");
    (void)server_fault(NJ_FINDING_EXPIRED);
    (void)tear_down(NULL);
    s.ignore_dates = true;
    shake(&s, &c, "localhost");
    assert_open();
    kit_free(&old);
}

static void
no_common_version_is_called_that(void **state)
{
    struct nj_tls_opts s = server_opts(), c = client_opts();

    (void)state;
    s.oldest = NJ_TLS_1_3;
    c.newest = NJ_TLS_1_2;
    shake(&s, &c, "localhost");
    (void)server_fault(NJ_FINDING_NO_VERSION);
    assert_int_equal(nj_tls_fault(pair.client.tls)->alert, SSL_AD_PROTOCOL_VERSION);
}

static const struct nj_tls_fault *
first_bytes(struct nj_str bytes)
{
    struct nj_tls_opts s = server_opts(), c = client_opts();

    make_both_sides(&s, &c);
    kit_join(&pair, client_side, server_side, "localhost");
    memcpy(pair.up.bytes, bytes.p, bytes.n);
    pair.up.n = bytes.n;
    (void)kit_step(&pair.server);
    nj_tls_cut(pair.server.tls);
    return nj_tls_fault(pair.server.tls);
}

static void
what_is_not_tls_is_recognised(void **state)
{
    (void)state;
    (void)first_bytes(NJ_STR("\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"));
    (void)server_fault(NJ_FINDING_PLAIN_MQTT);
    (void)tear_down(NULL);
    (void)first_bytes(NJ_STR("GET / HTTP/1.1\r\n\r\n"));
    (void)server_fault(NJ_FINDING_PLAIN_HTTP);
    (void)tear_down(NULL);
    (void)first_bytes(NJ_STR("SSH-2.0-OpenSSH_9.2\r\n"));
    (void)server_fault(NJ_FINDING_NOT_TLS);
    (void)tear_down(NULL);
    assert_int_equal(first_bytes(NJ_STR(""))->ended, NJ_TLS_BY_SILENCE);
    (void)server_fault(NJ_FINDING_NONE);
}

static void
what_good_files_would_have_shown_comes_last(void **state)
{
    struct nj_tls_fault f = {.role = NJ_TLS_SERVER, .ended = NJ_TLS_BY_PEER, .alert = 45};
    struct nj_findings own = {0}, causes = {0};

    (void)state;
    nj_tls_fault_guess(&f, &own, &causes);
    assert_int_equal(causes.at[0].id, NJ_FINDING_CLOCK_AHEAD);
    assert_int_equal(causes.at[causes.count - 1].id, NJ_FINDING_EXPIRED);
    nj_findings_fini(&causes);
    nj_tls_fault_guess(&f, NULL, &causes);
    assert_int_equal(causes.at[0].id, NJ_FINDING_EXPIRED);
    nj_findings_fini(&causes);
    assert_non_null(nj_findings_add(&own, NJ_FINDING_EXPIRED, NJ_END_BROKER));
    nj_tls_fault_guess(&f, &own, &causes);
    assert_int_equal(causes.count, 1);
    assert_int_equal(causes.at[0].id, NJ_FINDING_EXPIRED);
    assert_false(causes.at[0].is_guess);
    nj_findings_fini(&causes);
    own.at[0].depth = 0; /* about another certificate of the listener's */
    memcpy(own.at[0].cert.serial, "01", 3);
    memcpy(f.shown_serial, "02", 3);
    nj_tls_fault_guess(&f, &own, &causes);
    assert_true(causes.count > 1 && causes.at[0].is_guess);
    nj_findings_fini(&causes);
    nj_findings_fini(&own);
}

/* ---- settings ---- */

static void
expect_trouble(const struct nj_tls_opts *o, const char *text)
{
    struct nj_tls_context *x = NULL;
    struct nj_diag diag = {0};

    assert_int_not_equal(nj_tls_context_new(&x, o, &diag), NJ_OK);
    assert_null(x);
    if (strstr(diag.text, text) == NULL)
        fail_msg("\"%s\" does not hold \"%s\"", diag.text, text);
}

static void
settings_that_make_no_sense_are_refused(void **state)
{
    struct nj_tls_opts o = server_opts();
    struct nj_tls_pair missing = {"/nowhere/brocker.crt", broker.keyfile};
    struct nj_tls_pair swapped = {broker.keyfile, broker.certfile};
    struct nj_tls_pair mixed = {broker.certfile, client.keyfile};

    (void)state;
    o.require_certificate = true;
    expect_trouble(&o, "neither cafile nor capath");
    o.require_certificate = false;
    o.pairs = &missing;
    expect_trouble(&o, "Error: Unable to load server certificate \"/nowhere/brocker.crt\"");
    o.pairs = &swapped;
    expect_trouble(&o, "Check certfile");
    o.pairs = &mixed;
    expect_trouble(&o, "does not belong to the certificate");
    o.pairs = &broker_pair;
    o.ciphers = "nonsense";
    expect_trouble(&o, "Check cipher list");
    o.ciphers = NULL;
    o.psk_hint = "hint";
    expect_trouble(&o, "psk_file");
    o.psk_hint = NULL;
    o.capath = kit_directory;
    expect_trouble(&o, "hashed name");
    o.capath = NULL;
    o.ocspfile = broker.certfile;
    expect_trouble(&o, "no OCSP response");
    o.ocspfile = NULL;
    o.engine = "nosuch";
    o.key_in_engine = true;
    expect_trouble(&o, "Error loading nosuch engine");
}

static bool
has_found(struct nj_judge_end end, int64_t now_s, enum nj_finding_id id)
{
    struct nj_findings list = {0};
    bool has = false;

    end.now_s = now_s;
    nj_judge_files(&list, &end, NULL, NULL);
    for (size_t i = 0; i < list.count; i++)
        has = has || list.at[i].id == id;
    nj_findings_fini(&list);
    return has;
}

static void
a_response_has_a_beginning_and_an_end(void **state)
{
    char path[96];
    struct nj_judge_end end = {.certfile = broker.certfile,
                               .keyfile = broker.keyfile,
                               .cafile = ca.certfile,
                               .ocspfile = path};
    int64_t now_s = (int64_t)time(NULL);

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/response", kit_directory);
    kit_response(path, &ca, &broker, 3600);
    assert_false(has_found(end, now_s, NJ_FINDING_OCSP_EXPIRED));
    assert_false(has_found(end, now_s, NJ_FINDING_OCSP_NOT_YET_VALID));
    assert_true(has_found(end, now_s + 7200, NJ_FINDING_OCSP_EXPIRED));
    assert_true(has_found(end, now_s - 7200, NJ_FINDING_OCSP_NOT_YET_VALID));
    assert_false(has_found(end, now_s - 60, NJ_FINDING_OCSP_NOT_YET_VALID)); /* clocks differ */
    kit_response(path, &client, &broker, 3600);
    assert_true(has_found(end, now_s, NJ_FINDING_OCSP_NOT_SIGNED));
    (void)unlink(path);
}

static void
a_keylog_holds_the_secrets_and_is_private(void **state)
{
    struct nj_tls_opts s = server_opts(), c = client_opts();
    char path[96], text[4096] = "";
    struct stat st;
    FILE *f;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/keylog", kit_directory);
    s.keylog = path;
    shake(&s, &c, "localhost");
    assert_open();
    f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    (void)!fread(text, 1, sizeof(text) - 1, f);
    (void)fclose(f);
    (void)unlink(path);
    assert_non_null(strstr(text, "CLIENT_TRAFFIC_SECRET_0 "));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(two_ends_agree_on_1_3_x25519_and_mqtt, tear_down),
        cmocka_unit_test_teardown(bytes_cross_in_both_directions, tear_down),
        cmocka_unit_test_teardown(any_cut_of_the_bytes_gives_the_same_plaintext, tear_down),
        cmocka_unit_test_teardown(large_data_fill_their_records, tear_down),
        cmocka_unit_test_teardown(a_full_output_is_gone_on_with, tear_down),
        cmocka_unit_test_teardown(the_goodbye_of_a_peer_is_heard, tear_down),
        cmocka_unit_test_teardown(a_client_certificate_names_its_user, tear_down),
        cmocka_unit_test_teardown(a_pre_shared_key_opens_without_certificates, tear_down),
        cmocka_unit_test_teardown(an_unknown_identity_is_told_by_its_name, tear_down),
        cmocka_unit_test_teardown(a_wrong_key_is_told_from_an_unknown_identity, tear_down),
        cmocka_unit_test_teardown(a_name_in_sni_chooses_the_certificate, tear_down),
        cmocka_unit_test_teardown(one_with_fewer_names_hides_none_of_the_one_it_stands_beside,
                                  tear_down),
        cmocka_unit_test_teardown(a_name_that_was_not_typed_is_refused, tear_down),
        cmocka_unit_test_teardown(an_address_that_was_not_certified_is_refused, tear_down),
        cmocka_unit_test_teardown(insecure_skips_the_name_alone, tear_down),
        cmocka_unit_test_teardown(the_labs_certificate_is_named_like_its_ca, tear_down),
        cmocka_unit_test_teardown(a_certificate_signed_by_itself_is_called_that, tear_down),
        cmocka_unit_test_teardown(another_generation_of_the_ca_is_told_from_a_stranger, tear_down),
        cmocka_unit_test_teardown(dates_and_purpose_are_looked_at, tear_down),
        cmocka_unit_test_teardown(a_client_without_certificate_is_refused_where_one_is_asked_for,
                                  tear_down),
        cmocka_unit_test_teardown(an_expired_client_is_let_in_where_dates_are_ignored, tear_down),
        cmocka_unit_test_teardown(no_common_version_is_called_that, tear_down),
        cmocka_unit_test_teardown(what_is_not_tls_is_recognised, tear_down),
        cmocka_unit_test(what_good_files_would_have_shown_comes_last),
        cmocka_unit_test_teardown(settings_that_make_no_sense_are_refused, tear_down),
        cmocka_unit_test_teardown(a_response_has_a_beginning_and_an_end, tear_down),
        cmocka_unit_test_teardown(a_keylog_holds_the_secrets_and_is_private, tear_down),
    };

    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
