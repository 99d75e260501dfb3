/* SPDX-License-Identifier: Apache-2.0 */
/* tls_priv.h — what a handshake message tells of its connection, and the walk through messages. */
#ifndef NJ_SNIFF_TLS_PRIV_H
#define NJ_SNIFF_TLS_PRIV_H

#include "base/reader.h"
#include "sniff/payload/tls.h"
#include "sniff/payload/tls_crypt.h"

enum {
    NJ_TLS_CHANGE_CIPHER_SPEC = 20,
    NJ_TLS_ALERT = 21,
    NJ_TLS_HANDSHAKE = 22,
    NJ_TLS_APPLICATION_DATA = 23,
    NJ_TLS_HEARTBEAT = 24,
};

enum {
    NJ_TLS_CLIENT_HELLO = 1,
    NJ_TLS_SERVER_HELLO = 2,
    NJ_TLS_NEW_SESSION_TICKET = 4,
    NJ_TLS_ENCRYPTED_EXTENSIONS = 8,
    NJ_TLS_CERTIFICATE = 11,
    NJ_TLS_SERVER_KEY_EXCHANGE = 12,
    NJ_TLS_CERTIFICATE_REQUEST = 13,
    NJ_TLS_CERTIFICATE_VERIFY = 15,
    NJ_TLS_CLIENT_KEY_EXCHANGE = 16,
    NJ_TLS_FINISHED = 20,
    NJ_TLS_KEY_UPDATE = 24,
};

#define NJ_TLS_EXTENSION_TICKET 35

enum {
    NJ_TLS_1_2 = 0x0303,
    NJ_TLS_1_3 = 0x0304,
};

/* What a message says that those after it are read by. */
struct nj_tls_message {
    unsigned type;
    unsigned version; /* of a ServerHello: what was agreed on */
    unsigned suite;
    bool is_retry; /* a ServerHello that asks for another ClientHello */
    uint8_t random[NJ_TLS_RANDOM_BYTES];
};

/* Lay out one handshake message with its header. `version`: what is agreed on, 0: nothing yet. */
void nj_tls_walk_message(struct nj_str message, unsigned version, struct nj_tree *tree,
                         struct nj_tls_message *out);
/* Whether a ServerHello of that random asks for another ClientHello. */
bool nj_tls_is_retry(struct nj_str random);
/* A certificate's subject, issuer and validity, from its DER. */
void nj_tls_walk_certificate(struct nj_str der, struct nj_tree *tree);
/* A distinguished name, from its DER. */
void nj_tls_walk_name(struct nj_str der, struct nj_tree *tree);

/* As Wireshark calls them; NULL: there is none of that number. */
const char *nj_tls_version_words(unsigned version);
const char *nj_tls_message_words(unsigned type);
const char *nj_tls_alert_words(unsigned description);
const char *nj_tls_level_words(unsigned level);
/* In tls_cause.def; NULL: there is none to tell. */
const char *nj_tls_alert_cause(unsigned description);

#endif
