/* SPDX-License-Identifier: Apache-2.0 */
/* opts.h — what the connections may be told: where to listen, how many workers, and what a peer may
 * send before anything is known about it. src/config fills it in; frozen from then on. */
#ifndef NJ_SERVER_OPTS_H
#define NJ_SERVER_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct nj_users;       /* broker/ports.h */
struct nj_tls_context; /* net/tls.h */

enum nj_socket_domain {
    NJ_SOCKET_ANY,
    NJ_SOCKET_IPV4,
    NJ_SOCKET_IPV6,
};

/* Bits of accepted_versions. */
enum nj_accept_version {
    NJ_ACCEPT_V31 = 0x01,
    NJ_ACCEPT_V311 = 0x02,
    NJ_ACCEPT_V5 = 0x04,
};
#define NJ_ACCEPT_ALL 0x07u

#define NJ_LISTENER_CERTS_MAX 8

/* As configured; paths are NULL where nothing was said. */
struct nj_listener_tls {
    char *certfiles[NJ_LISTENER_CERTS_MAX]; /* the nth with the nth key */
    char *keyfiles[NJ_LISTENER_CERTS_MAX];
    unsigned cert_count, key_count;
    char *cafile, *capath, *crlfile, *ocspfile;
    char *ciphers, *ciphersuites;
    char *engine, *engine_kpass_sha1;
    char *psk_hint, *psk_file;
    bool key_in_engine;
    bool require_certificate;
    bool only_1_3;     /* TLS 1.2 is not spoken */
    bool ignore_dates; /* of clients' certificates */
};

struct nj_listener_opts {
    uint16_t port;        /* 0: a Unix socket */
    char *address;        /* name or number; NULL: any address */
    char *unix_path;      /* NULL: no Unix socket */
    char *bind_interface; /* NULL: any */
    enum nj_socket_domain socket_domain;
    bool is_local_only; /* one of those made because nobody asked for a listener: loopback, where it
                         * is no error when one of the two address families cannot be had */

    uint32_t max_connections; /* UINT32_MAX: no limit of its own */
    uint8_t max_qos;
    uint8_t accepted_versions;       /* bits of enum nj_accept_version */
    uint16_t max_topic_alias;        /* client to broker */
    uint16_t max_topic_alias_broker; /* broker to client */

    struct nj_listener_tls files;  /* what TLS is made of */
    struct nj_tls_context *tls;    /* made of them by the user of these options; NULL: plain. That
                                      there is one, or none, does not change on a reload */
    bool use_identity_as_username; /* of the certificate (CN), or the PSK identity */
    bool use_subject_as_username;  /* the whole subject */

    char *mount_point; /* put before each topic of this listener's clients; NULL: none */
    bool allow_anonymous;
    char *password_file;    /* NULL: none */
    struct nj_users *users; /* of that file, for the user of these options to fill in; NULL: nobody
                               is known here */
    bool use_username_as_clientid;
    bool allow_zero_length_clientid;
    char *auto_id_prefix; /* of assigned client ids; "auto-" unless configured, may be empty */
};

struct nj_server_opts {
    unsigned workers;           /* threads; 1.. */
    uint32_t max_packet_size;   /* the largest that a client may send, in bytes, header included */
    uint32_t max_connections;   /* open in all listeners together; UINT32_MAX: no limit but that of
                                 * descriptors */
    uint32_t connect_timeout_s; /* from accept to the end of CONNECT */
    uint32_t max_topic_length;  /* bytes of a topic or filter */
    uint32_t max_topic_levels;
    uint32_t max_user_properties; /* in one packet */
    uint64_t max_output_bytes;    /* of one connection, waiting for its peer to read */
    bool connection_messages;     /* log who comes and goes */
    bool set_tcp_nodelay;         /* accepted; the server always does */

    struct nj_listener_opts *listeners;
    size_t listener_count;
};

#endif
