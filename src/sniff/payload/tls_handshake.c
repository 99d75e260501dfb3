/* SPDX-License-Identifier: Apache-2.0 */
/* tls_handshake.c — a handshake message, field by field. A step that finds too few bytes puts
 * nothing, nor does any after it. */
#include "sniff/payload/tls_priv.h"

#include <string.h>

#define NS_PER_S    UINT64_C(1000000000)
#define NAMED_CURVE 3

enum {
    EXTENSION_SERVER_NAME = 0,
    EXTENSION_GROUPS = 10,
    EXTENSION_POINT_FORMATS = 11,
    EXTENSION_SIGNATURES = 13,
    EXTENSION_ALPN = 16,
    EXTENSION_ENCRYPT_THEN_MAC = 22,
    EXTENSION_MASTER_SECRET = 23,
    EXTENSION_VERSIONS = 43,
    EXTENSION_PSK_MODES = 45,
    EXTENSION_POST_HANDSHAKE_AUTH = 49,
    EXTENSION_KEY_SHARE = 51,
    EXTENSION_RENEGOTIATION = 0xff01,
};

struct walk {
    struct nj_reader r;
    struct nj_tree *tree;
    unsigned version;
    struct nj_tls_message *out;
};

/* SHA-256 of "HelloRetryRequest": this random makes a ServerHello one. [RFC8446-4.1.3] */
static const uint8_t random_of_retry[NJ_TLS_RANDOM_BYTES] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c};

bool
nj_tls_is_retry(struct nj_str random)
{
    return nj_str_eq(random, (struct nj_str){(const char *)random_of_retry, NJ_TLS_RANDOM_BYTES});
}

/* ---- steps ---- */

/* Big-endian, of 1 to 4 bytes. */
static uint32_t
read_number(struct walk *w, size_t bytes, struct nj_str *range)
{
    uint32_t number = 0;

    *range = nj_read_bytes(&w->r, bytes);
    for (size_t i = 0; i < range->n; i++)
        number = number << 8 | (uint8_t)range->p[i];
    return number;
}

static uint32_t
walk_number(struct walk *w, enum nj_field field, size_t bytes)
{
    struct nj_str range;
    uint32_t number = read_number(w, bytes, &range);

    if (!w->r.is_short)
        nj_tree_number(w->tree, field, number, range);
    return number;
}

static struct nj_str
walk_bytes(struct walk *w, enum nj_field field, size_t bytes)
{
    struct nj_str range = nj_read_bytes(&w->r, bytes);

    if (!w->r.is_short && bytes > 0)
        nj_tree_bytes(w->tree, field, range);
    return range;
}

/* The next `bytes`, as a walk of their own. */
static struct walk
part_of(struct walk *w, size_t bytes)
{
    struct walk part = *w;

    part.r = nj_reader_of(nj_read_bytes(&w->r, bytes));
    part.r.is_short = w->r.is_short;
    return part;
}

static bool
has_more(const struct walk *w)
{
    return !w->r.is_short && nj_reader_left(&w->r) > 0;
}

/* A level of the tree, until leave(). */
static void
enter(struct walk *w, enum nj_field field, uint64_t count)
{
    if (!w->r.is_short)
        nj_tree_number(w->tree, field, count, (struct nj_str){NULL, 0});
    w->tree->depth++;
}

static void
leave(struct walk *w)
{
    w->tree->depth--;
}

/* A length of `of_length` bytes, and the level of a list with items of `bytes` each. */
static struct walk
enter_list(struct walk *w, enum nj_field length, size_t of_length, enum nj_field level,
           size_t bytes)
{
    struct walk list = part_of(w, walk_number(w, length, of_length));

    enter(&list, level, nj_reader_left(&list.r) / bytes);
    return list;
}

/* A list of numbers. */
static void
walk_list(struct walk *w, enum nj_field length, size_t of_length, enum nj_field level,
          enum nj_field field, size_t bytes)
{
    struct walk list = enter_list(w, length, of_length, level, bytes);

    while (has_more(&list))
        (void)walk_number(&list, field, bytes);
    leave(w);
}

/* Its two bytes were a hash and a signature before TLS 1.3. */
static void
walk_signature_algorithm(struct walk *w)
{
    struct nj_str both;
    uint32_t number = read_number(w, 2, &both);

    if (w->r.is_short)
        return;
    nj_tree_number(w->tree, NJ_FIELD_TLS_SIG_ALG, number, both);
    w->tree->depth++;
    nj_tree_read(w->tree, NJ_FIELD_TLS_SIG_ALG_HASH, both, 0, 1);
    nj_tree_read(w->tree, NJ_FIELD_TLS_SIG_ALG_SIGNATURE, both, 1, 1);
    w->tree->depth--;
}

static void
walk_signature_algorithms(struct walk *w)
{
    struct walk list = enter_list(w, NJ_FIELD_TLS_SIG_ALGS_LEN, 2, NJ_FIELD_TLS_SIG_ALGS, 2);

    while (has_more(&list))
        walk_signature_algorithm(&list);
    leave(w);
}

/* ---- extensions ---- */

static void
walk_server_name(struct walk *w)
{
    struct walk list;

    if (!has_more(w)) /* a server that has taken it says so by an empty one */
        return;
    enter(w, NJ_FIELD_TLS_SNI_EXT, 0);
    list = part_of(w, walk_number(w, NJ_FIELD_TLS_SNI_LIST_LEN, 2));
    while (has_more(&list)) {
        (void)walk_number(&list, NJ_FIELD_TLS_SNI_TYPE, 1);
        (void)walk_bytes(&list, NJ_FIELD_TLS_SNI, walk_number(&list, NJ_FIELD_TLS_SNI_LEN, 2));
    }
    leave(w);
}

static void
walk_alpn(struct walk *w)
{
    struct walk list = enter_list(w, NJ_FIELD_TLS_ALPN_LEN, 2, NJ_FIELD_TLS_ALPN_LIST, 1);

    while (has_more(&list))
        (void)walk_bytes(&list, NJ_FIELD_TLS_ALPN_STR,
                         walk_number(&list, NJ_FIELD_TLS_ALPN_STR_LEN, 1));
    leave(w);
}

static void
walk_versions(struct walk *w)
{
    if (w->out->type == NJ_TLS_CLIENT_HELLO) {
        struct walk list = part_of(w, walk_number(w, NJ_FIELD_TLS_VERSIONS_LEN, 1));

        while (has_more(&list))
            (void)walk_number(&list, NJ_FIELD_TLS_VERSION, 2);
    } else {
        w->out->version = walk_number(w, NJ_FIELD_TLS_VERSION, 2);
    }
}

static void
walk_psk_modes(struct walk *w)
{
    struct walk list = part_of(w, walk_number(w, NJ_FIELD_TLS_PSK_MODES_LEN, 1));

    while (has_more(&list))
        (void)walk_number(&list, NJ_FIELD_TLS_PSK_MODE, 1);
}

static void
walk_key_share(struct walk *w)
{
    enter(w, NJ_FIELD_TLS_SHARE, 0);
    (void)walk_number(w, NJ_FIELD_TLS_SHARE_GROUP, 2);
    (void)walk_bytes(w, NJ_FIELD_TLS_SHARE_KEY, walk_number(w, NJ_FIELD_TLS_SHARE_LEN, 2));
    leave(w);
}

/* A client's are several, a server's is one; one that asks for another names its group alone. */
static void
walk_key_shares(struct walk *w)
{
    enter(w, NJ_FIELD_TLS_SHARES, 0);
    if (w->out->type == NJ_TLS_CLIENT_HELLO) {
        struct walk list = part_of(w, walk_number(w, NJ_FIELD_TLS_SHARES_LEN, 2));

        while (has_more(&list))
            walk_key_share(&list);
    } else if (w->out->is_retry) {
        (void)walk_number(w, NJ_FIELD_TLS_SHARE_SELECTED, 2);
    } else {
        walk_key_share(w);
    }
    leave(w);
}

static void
walk_renegotiation(struct walk *w)
{
    enter(w, NJ_FIELD_TLS_RENEGOTIATION, 0);
    (void)walk_bytes(w, NJ_FIELD_TLS_RENEGOTIATION_INFO,
                     walk_number(w, NJ_FIELD_TLS_RENEGOTIATION_LEN, 1));
    leave(w);
}

static void
walk_data(struct walk *w, unsigned type)
{
    if (!w->r.is_short)
        nj_tree_number(w->tree, NJ_FIELD_TLS_EXT_DATA, type,
                       nj_read_bytes(&w->r, nj_reader_left(&w->r)));
}

static void
walk_extension_body(struct walk *w, unsigned type)
{
    switch (type) {
    case EXTENSION_SERVER_NAME:
        walk_server_name(w);
        break;
    case EXTENSION_GROUPS:
        walk_list(w, NJ_FIELD_TLS_GROUPS_LEN, 2, NJ_FIELD_TLS_GROUPS, NJ_FIELD_TLS_GROUP, 2);
        break;
    case EXTENSION_POINT_FORMATS:
        walk_list(w, NJ_FIELD_TLS_POINT_FORMATS_LEN, 1, NJ_FIELD_TLS_POINT_FORMATS,
                  NJ_FIELD_TLS_POINT_FORMAT, 1);
        break;
    case EXTENSION_SIGNATURES:
        walk_signature_algorithms(w);
        break;
    case EXTENSION_ALPN:
        walk_alpn(w);
        break;
    case EXTENSION_VERSIONS:
        walk_versions(w);
        break;
    case EXTENSION_PSK_MODES:
        walk_psk_modes(w);
        break;
    case EXTENSION_KEY_SHARE:
        walk_key_shares(w);
        break;
    case EXTENSION_RENEGOTIATION:
        walk_renegotiation(w);
        break;
    case EXTENSION_ENCRYPT_THEN_MAC:
    case EXTENSION_MASTER_SECRET:
    case EXTENSION_POST_HANDSHAKE_AUTH:
        if (has_more(w)) /* their being there is all they say */
            walk_data(w, type);
        break;
    default:
        walk_data(w, type);
        break;
    }
}

static void
walk_extension(struct walk *w)
{
    struct walk body;
    unsigned type;

    enter(w, NJ_FIELD_TLS_EXT, 0);
    type = walk_number(w, NJ_FIELD_TLS_EXT_TYPE, 2);
    body = part_of(w, walk_number(w, NJ_FIELD_TLS_EXT_LEN, 2));
    walk_extension_body(&body, type);
    leave(w);
}

static void
walk_extensions(struct walk *w)
{
    struct walk all;

    if (!has_more(w)) /* there need not be any */
        return;
    all = part_of(w, walk_number(w, NJ_FIELD_TLS_HS_EXTENSIONS_LEN, 2));
    while (has_more(&all))
        walk_extension(&all);
}

/* ---- messages ---- */

/* Until TLS 1.3 its first bytes were meant to be a clock. */
static void
walk_random(struct walk *w, unsigned version)
{
    struct nj_str random = walk_bytes(w, NJ_FIELD_TLS_HS_RANDOM, NJ_TLS_RANDOM_BYTES);
    struct nj_reader r = nj_reader_of(random);

    if (random.n < NJ_TLS_RANDOM_BYTES)
        return;
    memcpy(w->out->random, random.p, NJ_TLS_RANDOM_BYTES);
    if (version == NJ_TLS_1_3)
        return;
    w->tree->depth++;
    nj_tree_number(w->tree, NJ_FIELD_TLS_HS_RANDOM_TIME, nj_read_u32(&r) * NS_PER_S,
                   (struct nj_str){random.p, 4});
    nj_tree_bytes(w->tree, NJ_FIELD_TLS_HS_RANDOM_BYTES, nj_str_from(random, 4));
    w->tree->depth--;
}

static void
walk_client_hello(struct walk *w)
{
    w->out->version = walk_number(w, NJ_FIELD_TLS_HS_VERSION, 2);
    walk_random(w, w->version);
    (void)walk_bytes(w, NJ_FIELD_TLS_HS_SESSION_ID,
                     walk_number(w, NJ_FIELD_TLS_HS_SESSION_ID_LEN, 1));
    walk_list(w, NJ_FIELD_TLS_HS_SUITES_LEN, 2, NJ_FIELD_TLS_HS_SUITES, NJ_FIELD_TLS_HS_SUITE, 2);
    walk_list(w, NJ_FIELD_TLS_HS_COMP_LEN, 1, NJ_FIELD_TLS_HS_COMPS, NJ_FIELD_TLS_HS_COMP, 1);
    walk_extensions(w);
}

/* What a ServerHello chooses in an extension, read ahead from its random; 0: it does not. */
static unsigned
version_ahead(struct nj_reader r)
{
    (void)nj_read_bytes(&r, NJ_TLS_RANDOM_BYTES);
    (void)nj_read_bytes(&r, nj_read_u8(&r)); /* the session's id */
    (void)nj_read_bytes(&r, 2 + 1 + 2);      /* suite, compression, length */
    while (!r.is_short && nj_reader_left(&r) > 0) {
        unsigned type = nj_read_u16(&r);
        struct nj_reader body = nj_reader_of(nj_read_lp16(&r));

        if (type == EXTENSION_VERSIONS)
            return nj_read_u16(&body);
    }
    return 0;
}

static void
walk_server_hello(struct walk *w)
{
    w->out->version = walk_number(w, NJ_FIELD_TLS_HS_VERSION, 2);
    walk_random(w, version_ahead(w->r));
    w->out->is_retry =
        nj_tls_is_retry((struct nj_str){(const char *)w->out->random, sizeof(w->out->random)});
    (void)walk_bytes(w, NJ_FIELD_TLS_HS_SESSION_ID,
                     walk_number(w, NJ_FIELD_TLS_HS_SESSION_ID_LEN, 1));
    w->out->suite = walk_number(w, NJ_FIELD_TLS_HS_SUITE, 2);
    (void)walk_number(w, NJ_FIELD_TLS_HS_COMP, 1);
    walk_extensions(w);
}

static void
walk_ticket(struct walk *w)
{
    bool is_13 = w->version == NJ_TLS_1_3;

    enter(w, NJ_FIELD_TLS_NEW_TICKET, 0);
    (void)walk_number(w, NJ_FIELD_TLS_TICKET_LIFETIME, 4);
    if (is_13) {
        (void)walk_number(w, NJ_FIELD_TLS_TICKET_AGE_ADD, 4);
        (void)walk_bytes(w, NJ_FIELD_TLS_TICKET_NONCE,
                         walk_number(w, NJ_FIELD_TLS_TICKET_NONCE_LEN, 1));
    }
    (void)walk_bytes(w, NJ_FIELD_TLS_TICKET, walk_number(w, NJ_FIELD_TLS_TICKET_LEN, 2));
    if (is_13)
        walk_extensions(w);
    leave(w);
}

/* What a certificate was asked for with. [RFC8446-4.3.2] */
static void
walk_context(struct walk *w)
{
    (void)walk_bytes(w, NJ_FIELD_TLS_CONTEXT, walk_number(w, NJ_FIELD_TLS_CONTEXT_LEN, 1));
}

static void
walk_certificates(struct walk *w)
{
    struct walk all;

    if (w->version == NJ_TLS_1_3)
        walk_context(w);
    all = part_of(w, walk_number(w, NJ_FIELD_TLS_CERTIFICATES_LEN, 3));
    if (!has_more(&all))
        return;
    enter(&all, NJ_FIELD_TLS_CERTIFICATES, nj_reader_left(&all.r));
    while (has_more(&all)) {
        size_t bytes = walk_number(&all, NJ_FIELD_TLS_CERTIFICATE_LEN, 3);
        struct nj_str der = walk_bytes(&all, NJ_FIELD_TLS_CERTIFICATE, bytes);

        w->tree->depth++;
        nj_tls_walk_certificate(der, w->tree);
        w->tree->depth--;
        if (w->version == NJ_TLS_1_3)
            walk_extensions(&all);
    }
    leave(&all);
}

static void
walk_certificate_request(struct walk *w)
{
    struct walk names;

    if (w->version == NJ_TLS_1_3) {
        walk_context(w);
        walk_extensions(w);
        return;
    }
    walk_list(w, NJ_FIELD_TLS_CERT_TYPES_COUNT, 1, NJ_FIELD_TLS_CERT_TYPES, NJ_FIELD_TLS_CERT_TYPE,
              1);
    if (w->version == NJ_TLS_1_2)
        walk_signature_algorithms(w);
    names = part_of(w, walk_number(w, NJ_FIELD_TLS_DNAMES_LEN, 2));
    while (has_more(&names)) {
        size_t bytes = walk_number(&names, NJ_FIELD_TLS_DNAME_LEN, 2);

        nj_tls_walk_name(nj_read_bytes(&names.r, bytes), w->tree);
    }
}

/* ---- keys, before TLS 1.3 ---- */

/* How long they are says of what kind they are: other kinds than of a named curve are not laid
 * out. [RFC8422-5.4] */
static bool
is_of_named_curve(const struct walk *w)
{
    struct nj_reader r = w->r;
    bool is_named = nj_read_u8(&r) == NAMED_CURVE;

    (void)nj_read_u16(&r);
    (void)nj_read_bytes(&r, nj_read_u8(&r));
    if (w->version == NJ_TLS_1_2)
        (void)nj_read_u16(&r);
    (void)nj_read_lp16(&r);
    return is_named && !r.is_short && nj_reader_left(&r) == 0;
}

static void
walk_server_key(struct walk *w)
{
    if (!is_of_named_curve(w))
        return;
    enter(w, NJ_FIELD_TLS_SERVER_PARAMS, 0);
    (void)walk_number(w, NJ_FIELD_TLS_CURVE_TYPE, 1);
    (void)walk_number(w, NJ_FIELD_TLS_CURVE, 2);
    (void)walk_bytes(w, NJ_FIELD_TLS_SERVER_POINT,
                     walk_number(w, NJ_FIELD_TLS_SERVER_POINT_LEN, 1));
    if (w->version == NJ_TLS_1_2)
        walk_signature_algorithm(w);
    (void)walk_bytes(w, NJ_FIELD_TLS_SIG, walk_number(w, NJ_FIELD_TLS_SIG_LEN, 2));
    leave(w);
}

/* A point; what is encrypted by RSA, or of another group, has a length of two bytes. */
static void
walk_client_key(struct walk *w)
{
    struct nj_reader r = w->r;

    if (nj_read_u8(&r) != nj_reader_left(&r))
        return;
    enter(w, NJ_FIELD_TLS_CLIENT_PARAMS, 0);
    (void)walk_bytes(w, NJ_FIELD_TLS_CLIENT_POINT,
                     walk_number(w, NJ_FIELD_TLS_CLIENT_POINT_LEN, 1));
    leave(w);
}

static void
walk_verify(struct walk *w)
{
    if (w->version >= NJ_TLS_1_2)
        walk_signature_algorithm(w);
    (void)walk_bytes(w, NJ_FIELD_TLS_VERIFY_SIG, walk_number(w, NJ_FIELD_TLS_VERIFY_SIG_LEN, 2));
}

void
nj_tls_walk_message(struct nj_str message, unsigned version, struct nj_tree *tree,
                    struct nj_tls_message *out)
{
    struct walk w = {.r = nj_reader_of(message), .tree = tree, .version = version, .out = out};

    *out = (struct nj_tls_message){0};
    nj_tree_bytes(tree, NJ_FIELD_TLS_HANDSHAKE, message);
    tree->depth++;
    out->type = walk_number(&w, NJ_FIELD_TLS_HS_TYPE, 1);
    (void)walk_number(&w, NJ_FIELD_TLS_HS_LENGTH, 3);
    switch (out->type) {
    case NJ_TLS_CLIENT_HELLO:
        walk_client_hello(&w);
        break;
    case NJ_TLS_SERVER_HELLO:
        walk_server_hello(&w);
        break;
    case NJ_TLS_NEW_SESSION_TICKET:
        walk_ticket(&w);
        break;
    case NJ_TLS_ENCRYPTED_EXTENSIONS:
        walk_extensions(&w);
        break;
    case NJ_TLS_CERTIFICATE:
        walk_certificates(&w);
        break;
    case NJ_TLS_SERVER_KEY_EXCHANGE:
        walk_server_key(&w);
        break;
    case NJ_TLS_CERTIFICATE_REQUEST:
        walk_certificate_request(&w);
        break;
    case NJ_TLS_CERTIFICATE_VERIFY:
        walk_verify(&w);
        break;
    case NJ_TLS_CLIENT_KEY_EXCHANGE:
        walk_client_key(&w);
        break;
    case NJ_TLS_FINISHED:
        (void)walk_bytes(&w, NJ_FIELD_TLS_VERIFY_DATA, nj_reader_left(&w.r));
        break;
    case NJ_TLS_KEY_UPDATE:
        (void)walk_number(&w, NJ_FIELD_TLS_KEY_UPDATE, 1);
        break;
    default:
        break;
    }
    tree->depth--;
}
