/* SPDX-License-Identifier: Apache-2.0 */
/* tls_handshake.c — a handshake message, field by field. A step that finds too few bytes puts
 * nothing, nor does any after it. */
#include "sniff/payload/tls_priv.h"

#include <string.h>

enum {
    EXTENSION_SERVER_NAME = 0,
    EXTENSION_GROUPS = 10,
    EXTENSION_SIGNATURES = 13,
    EXTENSION_ALPN = 16,
    EXTENSION_VERSIONS = 43,
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

/* A length of `of_length` bytes, and a list of numbers. */
static void
walk_list(struct walk *w, enum nj_field length, size_t of_length, enum nj_field field, size_t bytes)
{
    struct walk list = part_of(w, walk_number(w, length, of_length));

    while (has_more(&list))
        (void)walk_number(&list, field, bytes);
}

/* ---- extensions ---- */

static void
walk_server_name(struct walk *w)
{
    struct walk list;

    if (!has_more(w)) /* a server that has taken it says so by an empty one */
        return;
    list = part_of(w, walk_number(w, NJ_FIELD_TLS_SNI_LIST_LEN, 2));
    while (has_more(&list)) {
        (void)walk_number(&list, NJ_FIELD_TLS_SNI_TYPE, 1);
        (void)walk_bytes(&list, NJ_FIELD_TLS_SNI, walk_number(&list, NJ_FIELD_TLS_SNI_LEN, 2));
    }
}

static void
walk_alpn(struct walk *w)
{
    struct walk list = part_of(w, walk_number(w, NJ_FIELD_TLS_ALPN_LEN, 2));

    while (has_more(&list))
        (void)walk_bytes(&list, NJ_FIELD_TLS_ALPN_STR,
                         walk_number(&list, NJ_FIELD_TLS_ALPN_STR_LEN, 1));
}

static void
walk_versions(struct walk *w)
{
    if (w->out->type == NJ_TLS_CLIENT_HELLO)
        walk_list(w, NJ_FIELD_TLS_VERSIONS_LEN, 1, NJ_FIELD_TLS_VERSION, 2);
    else
        w->out->version = walk_number(w, NJ_FIELD_TLS_VERSION, 2);
}

static void
walk_extension(struct walk *w)
{
    unsigned type = walk_number(w, NJ_FIELD_TLS_EXT_TYPE, 2);
    struct walk body = part_of(w, walk_number(w, NJ_FIELD_TLS_EXT_LEN, 2));

    switch (type) {
    case EXTENSION_SERVER_NAME:
        walk_server_name(&body);
        break;
    case EXTENSION_GROUPS:
        walk_list(&body, NJ_FIELD_TLS_GROUPS_LEN, 2, NJ_FIELD_TLS_GROUP, 2);
        break;
    case EXTENSION_SIGNATURES:
        walk_list(&body, NJ_FIELD_TLS_SIG_ALGS_LEN, 2, NJ_FIELD_TLS_SIG_ALG, 2);
        break;
    case EXTENSION_ALPN:
        walk_alpn(&body);
        break;
    case EXTENSION_VERSIONS:
        walk_versions(&body);
        break;
    default:
        if (has_more(&body))
            (void)walk_bytes(&body, NJ_FIELD_TLS_EXT_DATA, nj_reader_left(&body.r));
        break;
    }
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

static void
walk_random(struct walk *w)
{
    struct nj_str random = walk_bytes(w, NJ_FIELD_TLS_HS_RANDOM, NJ_TLS_RANDOM_BYTES);

    if (random.n == NJ_TLS_RANDOM_BYTES)
        memcpy(w->out->random, random.p, NJ_TLS_RANDOM_BYTES);
}

static void
walk_client_hello(struct walk *w)
{
    w->out->version = walk_number(w, NJ_FIELD_TLS_HS_VERSION, 2);
    walk_random(w);
    (void)walk_bytes(w, NJ_FIELD_TLS_HS_SESSION_ID,
                     walk_number(w, NJ_FIELD_TLS_HS_SESSION_ID_LEN, 1));
    walk_list(w, NJ_FIELD_TLS_HS_SUITES_LEN, 2, NJ_FIELD_TLS_HS_SUITE, 2);
    walk_list(w, NJ_FIELD_TLS_HS_COMP_LEN, 1, NJ_FIELD_TLS_HS_COMP, 1);
    walk_extensions(w);
}

static void
walk_server_hello(struct walk *w)
{
    w->out->version = walk_number(w, NJ_FIELD_TLS_HS_VERSION, 2);
    walk_random(w);
    w->out->is_retry = memcmp(w->out->random, random_of_retry, sizeof(random_of_retry)) == 0;
    (void)walk_bytes(w, NJ_FIELD_TLS_HS_SESSION_ID,
                     walk_number(w, NJ_FIELD_TLS_HS_SESSION_ID_LEN, 1));
    w->out->suite = walk_number(w, NJ_FIELD_TLS_HS_SUITE, 2);
    (void)walk_number(w, NJ_FIELD_TLS_HS_COMP, 1);
    walk_extensions(w);
}

/* What a certificate was asked for with, of no interest here. [RFC8446-4.3.2] */
static void
skip_context(struct walk *w)
{
    struct nj_str range;

    (void)nj_read_bytes(&w->r, read_number(w, 1, &range));
}

static void
walk_certificates(struct walk *w)
{
    struct walk all;

    if (w->version == NJ_TLS_1_3)
        skip_context(w);
    all = part_of(w, walk_number(w, NJ_FIELD_TLS_CERTIFICATES_LEN, 3));
    while (has_more(&all)) {
        size_t bytes = walk_number(&all, NJ_FIELD_TLS_CERTIFICATE_LEN, 3);
        struct nj_str der = walk_bytes(&all, NJ_FIELD_TLS_CERTIFICATE, bytes);

        w->tree->depth++;
        nj_tls_walk_certificate(der, w->tree);
        w->tree->depth--;
        if (w->version == NJ_TLS_1_3)
            walk_extensions(&all);
    }
}

static void
walk_certificate_request(struct walk *w)
{
    struct walk names;

    if (w->version == NJ_TLS_1_3) {
        skip_context(w);
        walk_extensions(w);
        return;
    }
    walk_list(w, NJ_FIELD_TLS_CERT_TYPES_COUNT, 1, NJ_FIELD_TLS_CERT_TYPE, 1);
    if (w->version == NJ_TLS_1_2)
        walk_list(w, NJ_FIELD_TLS_SIG_ALGS_LEN, 2, NJ_FIELD_TLS_SIG_ALG, 2);
    names = part_of(w, walk_number(w, NJ_FIELD_TLS_DNAMES_LEN, 2));
    while (has_more(&names)) {
        size_t bytes = walk_number(&names, NJ_FIELD_TLS_DNAME_LEN, 2);

        nj_tls_walk_name(nj_read_bytes(&names.r, bytes), w->tree);
    }
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
        (void)walk_number(&w, NJ_FIELD_TLS_TICKET_LIFETIME, 4);
        break;
    case NJ_TLS_ENCRYPTED_EXTENSIONS:
        walk_extensions(&w);
        break;
    case NJ_TLS_CERTIFICATE:
        walk_certificates(&w);
        break;
    case NJ_TLS_CERTIFICATE_REQUEST:
        walk_certificate_request(&w);
        break;
    case NJ_TLS_KEY_UPDATE:
        (void)walk_number(&w, NJ_FIELD_TLS_KEY_UPDATE, 1);
        break;
    default:
        break;
    }
    tree->depth--;
}
