/* SPDX-License-Identifier: Apache-2.0 */
/* tls_kit_test.h — certificates for tests, made anew in a directory of their own; and two ends of
 * TLS joined in memory. */
#ifndef NJ_NET_TLS_KIT_TEST_H
#define NJ_NET_TLS_KIT_TEST_H

#include "base/folder_kit_test.h"
#include "net/tls.h"
#include "net/tls_fault.h"

#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

struct kit_cert {
    X509 *cert;
    EVP_PKEY *key;
    char certfile[96], keyfile[96];
};

struct kit_asked {
    const char *name; /* of its files, and the CN unless `subject` says otherwise */
    const char *subject;
    const char *sans;     /* "DNS:localhost,IP:127.0.0.1" */
    const char *usage;    /* extendedKeyUsage */
    long from_s, until_s; /* from now */
    bool is_ca;
    bool is_rsa;
    bool is_bare;                  /* version 1, as `openssl x509 -req` made them */
    const struct kit_cert *issuer; /* NULL: itself */
    EVP_PKEY *key;                 /* NULL: a new one */
};

static char kit_directory[KIT_FOLDER_SIZE];

static inline void
kit_begin(void)
{
    assert_int_equal(folder_make(kit_directory), 0);
}

/* Nothing must be left in it. */
static inline int
kit_end(void)
{
    return rmdir(kit_directory);
}

static inline const char *
kit_path(const char *name)
{
    static char path[128];

    (void)snprintf(path, sizeof(path), "%s/%s", kit_directory, name);
    return path;
}

static inline void
kit_extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(cert, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static inline void
kit_write(const struct kit_cert *c)
{
    FILE *f = fopen(c->certfile, "w");

    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, c->cert), 1);
    (void)fclose(f);
    f = fopen(c->keyfile, "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_PrivateKey(f, c->key, NULL, NULL, 0, NULL, NULL), 1);
    (void)fclose(f);
}

/* A file that nobody else may read. */
static inline void
kit_psk_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fchmod(fileno(f), 0600), 0);
    (void)fputs(text, f);
    (void)fclose(f);
}

static inline void
kit_make(struct kit_cert *c, const struct kit_asked *a)
{
    static long serial = 4711;
    const char *cn = a->subject != NULL ? a->subject : a->name;
    X509_NAME *name;
    X509 *issuer;

    c->cert = X509_new();
    if (a->key != NULL)
        (void)EVP_PKEY_up_ref(a->key);
    c->key = a->key != NULL ? a->key : a->is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    assert_non_null(c->key);
    issuer = a->issuer != NULL ? a->issuer->cert : c->cert;
    (void)snprintf(c->certfile, sizeof(c->certfile), "%s/%s.crt", kit_directory, a->name);
    (void)snprintf(c->keyfile, sizeof(c->keyfile), "%s/%s.key", kit_directory, a->name);
    (void)X509_set_version(c->cert, a->is_bare ? X509_VERSION_1 : X509_VERSION_3);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(c->cert), serial++);
    (void)X509_gmtime_adj(X509_getm_notBefore(c->cert), a->from_s);
    (void)X509_gmtime_adj(X509_getm_notAfter(c->cert), a->until_s != 0 ? a->until_s : 86400);
    (void)X509_set_pubkey(c->cert, c->key);
    name = X509_get_subject_name(c->cert);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)cn, -1, -1, 0);
    (void)X509_set_issuer_name(c->cert, X509_get_subject_name(issuer));
    if (!a->is_bare) {
        kit_extend(c->cert, issuer, NID_basic_constraints,
                   a->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
        if (a->sans != NULL)
            kit_extend(c->cert, issuer, NID_subject_alt_name, a->sans);
        if (a->usage != NULL)
            kit_extend(c->cert, issuer, NID_ext_key_usage, a->usage);
    }
    assert_true(X509_sign(c->cert, a->issuer != NULL ? a->issuer->key : c->key, EVP_sha256()) > 0);
    kit_write(c);
}

static inline void
kit_free(struct kit_cert *c)
{
    X509_free(c->cert);
    EVP_PKEY_free(c->key);
    (void)unlink(c->certfile);
    (void)unlink(c->keyfile);
    *c = (struct kit_cert){0};
}

/* The list of those that `ca` has revoked (NULL: nobody), which ends `until_s` from now. */
static inline void
kit_list(const char *path, const struct kit_cert *ca, const struct kit_cert *revoked, long from_s,
         long until_s)
{
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *at = X509_gmtime_adj(NULL, from_s);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    (void)X509_CRL_set_version(list, X509_CRL_VERSION_2);
    (void)X509_CRL_set_issuer_name(list, X509_get_subject_name(ca->cert));
    (void)X509_CRL_set1_lastUpdate(list, at);
    if (revoked != NULL) {
        X509_REVOKED *entry = X509_REVOKED_new();

        (void)X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(revoked->cert));
        (void)X509_REVOKED_set_revocationDate(entry, at);
        assert_int_equal(X509_CRL_add0_revoked(list, entry), 1);
    }
    (void)X509_gmtime_adj(at, until_s);
    (void)X509_CRL_set1_nextUpdate(list, at);
    assert_true(X509_CRL_sign(list, ca->key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509_CRL(f, list), 1);
    (void)fclose(f);
    ASN1_TIME_free(at);
    X509_CRL_free(list);
}

/* An OCSP response: `ca` says, until `until_s` from now, that `about` is good. */
static inline void
kit_response(const char *path, const struct kit_cert *ca, const struct kit_cert *about,
             long until_s)
{
    OCSP_BASICRESP *answers = OCSP_BASICRESP_new();
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, about->cert, ca->cert);
    ASN1_TIME *from = X509_gmtime_adj(NULL, 0), *until = X509_gmtime_adj(NULL, until_s);
    OCSP_RESPONSE *response;
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_non_null(
        OCSP_basic_add1_status(answers, id, V_OCSP_CERTSTATUS_GOOD, 0, NULL, from, until));
    assert_int_equal(OCSP_basic_sign(answers, ca->cert, ca->key, EVP_sha256(), NULL, 0), 1);
    response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, answers);
    assert_int_equal(ASN1_item_i2d_fp(ASN1_ITEM_rptr(OCSP_RESPONSE), f, response), 1);
    (void)fclose(f);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(answers);
    OCSP_CERTID_free(id);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
}

/* ---- two ends ---- */

static inline struct nj_tls_context *
kit_context(const struct nj_tls_opts *o)
{
    struct nj_tls_context *x = NULL;
    struct nj_diag diag = {0};

    if (nj_tls_context_new(&x, o, &diag) != NJ_OK)
        fail_msg("%s", diag.text);
    return x;
}

#define KIT_WIRE (1024 * 1024)

struct kit_wire {
    uint8_t bytes[KIT_WIRE];
    size_t n;
};

struct kit_end {
    struct nj_tls *tls;
    struct kit_wire *from, *to;
    enum nj_tls_result last;
    size_t piece; /* how many bytes it gets at once; 0: all */
    size_t room;  /* how many it may give at once; 0: all */
};

/* One call of the handshake, on what lies on the wire. Whether anything has moved. */
static inline bool
kit_step(struct kit_end *e)
{
    size_t n = e->piece > 0 && e->piece < e->from->n ? e->piece : e->from->n;
    size_t room = KIT_WIRE - e->to->n;
    struct nj_tls_io io = {.in = {(const char *)e->from->bytes, n},
                           .out = e->to->bytes + e->to->n,
                           .out_room = e->room > 0 && e->room < room ? e->room : room};
    size_t taken;

    e->last = nj_tls_handshake(e->tls, &io);
    taken = n - io.in.n;
    memmove(e->from->bytes, e->from->bytes + taken, e->from->n - taken);
    e->from->n -= taken;
    e->to->n += io.out_n;
    return taken > 0 || io.out_n > 0;
}

struct kit_pair {
    struct kit_end client, server;
    struct kit_wire up, down;
};

static inline void
kit_join(struct kit_pair *p, struct nj_tls_context *client, struct nj_tls_context *server,
         const char *host)
{
    p->up.n = p->down.n = 0;
    p->client = (struct kit_end){.tls = nj_tls_new(client, host), .from = &p->down, .to = &p->up};
    p->server = (struct kit_end){.tls = nj_tls_new(server, NULL), .from = &p->up, .to = &p->down};
    assert_non_null(p->client.tls);
    assert_non_null(p->server.tls);
}

static inline void
kit_shake(struct kit_pair *p)
{
    bool goes_on = true;

    while (goes_on) {
        goes_on = kit_step(&p->client);
        goes_on = kit_step(&p->server) || goes_on;
    }
}

static inline void
kit_part(struct kit_pair *p)
{
    nj_tls_free(p->client.tls);
    nj_tls_free(p->server.tls);
    p->client.tls = p->server.tls = NULL;
}

/* `bytes` from one end to the other; how many came out. */
static inline size_t
kit_send(struct kit_end *from, struct kit_end *to, struct nj_str bytes, void *out, size_t room)
{
    struct kit_wire *wire = from->to;
    struct nj_tls_io io = {.out = wire->bytes + wire->n, .out_room = KIT_WIRE - wire->n};
    size_t taken = 0, got = 0;

    from->last = nj_tls_write(from->tls, &io, bytes, &taken);
    wire->n += io.out_n;
    io = (struct nj_tls_io){.in = {(const char *)wire->bytes, wire->n},
                            .out = to->to->bytes + to->to->n,
                            .out_room = KIT_WIRE - to->to->n};
    to->last = nj_tls_read(to->tls, &io, out, room, &got);
    memmove(wire->bytes, io.in.p, io.in.n);
    wire->n = io.in.n;
    to->to->n += io.out_n;
    return got;
}

#endif
