/* SPDX-License-Identifier: Apache-2.0 */
/* A server's end of TLS and a hostile peer, in two ways, chosen by the first byte of the input:
 *
 *   even  all the rest is what the peer sends, in pieces of which the second byte says how large
 *   odd   a good client with a certificate speaks, and the rest says what happens to its bytes on
 *         the way: triples of place (two bytes) and change (one byte)
 *
 * Whatever comes, the server's end says what went wrong in one line, and keeps no more than it was
 * given room for. The keys are made anew in each run: an input that breaks something by way of a
 * key will not always do so. */
#include "net/tls.h"
#include "net/tls_fault.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static struct nj_tls_context *servers[2], *user; /* without and with client certificates */

static void
check(bool holds)
{
    if (!holds)
        abort();
}

/* One certificate that signs itself, for both ends. */
static void
write_pair(const char *certfile, const char *keyfile)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);
    FILE *f;

    check(key != NULL && cert != NULL);
    (void)X509_set_version(cert, X509_VERSION_3);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    (void)X509_set_pubkey(cert, key);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)"broker", -1, -1,
                                     0);
    (void)X509_set_issuer_name(cert, name);
    check(X509_sign(cert, key, EVP_sha256()) > 0);
    f = fopen(certfile, "w");
    check(f != NULL && PEM_write_X509(f, cert) == 1);
    (void)fclose(f);
    f = fopen(keyfile, "w");
    check(f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
    (void)fclose(f);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void
make_contexts(void)
{
    char directory[] = "/tmp/nj-fuzz-tls-XXXXXX", certfile[64], keyfile[64];
    struct nj_tls_pair pair = {certfile, keyfile};
    struct nj_tls_opts o = {.pairs = &pair, .pair_count = 1};

    check(mkdtemp(directory) != NULL);
    (void)snprintf(certfile, sizeof(certfile), "%s/crt", directory);
    (void)snprintf(keyfile, sizeof(keyfile), "%s/key", directory);
    write_pair(certfile, keyfile);
    check(nj_tls_context_new(&servers[0], &o, NULL) == NJ_OK);
    o.cafile = certfile;
    o.require_certificate = true;
    check(nj_tls_context_new(&servers[1], &o, NULL) == NJ_OK);
    o.role = NJ_TLS_CLIENT;
    o.insecure = true;
    o.alpn = "mqtt";
    check(nj_tls_context_new(&user, &o, NULL) == NJ_OK);
    (void)unlink(certfile);
    (void)unlink(keyfile);
    (void)rmdir(directory);
}

/* ---- the server's end ---- */

struct wire {
    uint8_t bytes[128 * 1024];
    size_t n;
};

static void
say_fault(const struct nj_tls *t)
{
    char line[1000];

    if (nj_tls_fault(t) == NULL)
        return;
    nj_tls_fault_line(nj_tls_fault(t), NULL, line, sizeof(line));
    check(line[0] != '\0' && strlen(line) < sizeof(line));
}

/* Take what came; false when it is over. */
static bool
serve(struct nj_tls *t, struct nj_str in, struct wire *out)
{
    uint8_t plain[4096];

    for (int calls = 0;; calls++) {
        struct nj_tls_io io = {
            .in = in, .out = out->bytes + out->n, .out_room = sizeof(out->bytes) - out->n};
        enum nj_tls_result result;
        size_t got = 0;

        check(calls < 1000);
        result = nj_tls_is_open(t) ? nj_tls_read(t, &io, plain, sizeof(plain), &got)
                                   : nj_tls_handshake(t, &io);
        check(got <= sizeof(plain) && io.out_n <= io.out_room);
        in = io.in;
        out->n += io.out_n;
        if (result == NJ_TLS_FAILED)
            check(nj_tls_fault(t) != NULL);
        if (result == NJ_TLS_FAILED || result == NJ_TLS_CLOSED)
            return false;
        if (result == NJ_TLS_HUNGRY) {
            check(in.n == 0);
            return true;
        }
        if (result == NJ_TLS_FULL)
            out->n = 0; /* as if it was sent */
    }
}

static void
send_raw(struct nj_tls *t, struct nj_str bytes, size_t piece)
{
    static struct wire out;

    out.n = 0;
    while (bytes.n > 0) {
        struct nj_str now = {bytes.p, piece < bytes.n ? piece : bytes.n};

        if (!serve(t, now, &out))
            break;
        bytes.p += now.n;
        bytes.n -= now.n;
    }
    nj_tls_cut(t);
    say_fault(t);
}

static void
alter(struct nj_str *script, struct wire *w, size_t sent)
{
    while (script->n >= 3) {
        const uint8_t *p = (const uint8_t *)script->p;
        size_t at = (size_t)(p[0] << 8 | p[1]);

        if (at >= sent + w->n)
            return;
        if (at >= sent)
            w->bytes[at - sent] ^= p[2];
        script->p += 3;
        script->n -= 3;
    }
}

static void
send_altered(struct nj_tls *server, struct nj_str script)
{
    static struct wire up, down;
    struct nj_tls *client = nj_tls_new(user, "broker");
    size_t sent = 0;

    check(client != NULL);
    down.n = 0;
    for (int turn = 0; turn < 10; turn++) {
        struct nj_tls_io io = {.in = {(const char *)down.bytes, down.n},
                               .out = up.bytes,
                               .out_room = sizeof(up.bytes)};
        enum nj_tls_result result;
        size_t taken = 0;

        result = nj_tls_is_open(client) ? nj_tls_write(client, &io, NJ_STR("\x10\x00"), &taken)
                                        : nj_tls_handshake(client, &io);
        up.n = io.out_n;
        down.n = 0;
        if (result == NJ_TLS_FAILED)
            break;
        alter(&script, &up, sent);
        sent += up.n;
        if (!serve(server, (struct nj_str){(const char *)up.bytes, up.n}, &down))
            break;
    }
    nj_tls_cut(server);
    say_fault(server);
    say_fault(client);
    nj_tls_free(client);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct nj_tls *t;
    struct nj_str rest;

    if (bytes < 2)
        return 0;
    if (user == NULL)
        make_contexts();
    t = nj_tls_new(servers[data[0] >> 1 & 1], NULL);
    check(t != NULL);
    rest = (struct nj_str){(const char *)data + 2, bytes - 2};
    if ((data[0] & 1) == 0)
        send_raw(t, rest, (size_t)data[1] + 1);
    else
        send_altered(t, rest);
    nj_tls_free(t);
    return 0;
}
