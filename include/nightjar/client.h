/* SPDX-License-Identifier: Apache-2.0 */
/* client.h — an MQTT client for 3.1, 3.1.1 and 5.0.
 *
 * One object, struct nj_client, holds a connection and the session that outlives it: messages of
 * QoS 1 and 2 that are not acknowledged yet are sent again after a reconnect, and a message of
 * QoS 2 reaches the application once. Where the broker has lost the session (session_present is
 * false), it is lost here, too: messages that the broker has not confirmed are published anew, in
 * their order, and may so arrive twice; one of QoS 2 whose PUBREC had come counts as published; the
 * broker's messages of QoS 2 that were under way are new when they come again.
 *
 * A message of QoS 2 is told when its PUBLISH comes, and PUBREC leaves with the next I/O after
 * that: an application that takes its events itself and dies loses none (method B of the standard's
 * figure 4.3). With release_bytes it is told when PUBREL comes, as libmosquitto does (method A); of
 * those that wait the broker believes that they have arrived, so an application that dies loses
 * them. None waits longer than its connection: they are told before DISCONNECTED.
 *
 * What happens is told by events, which are taken one at a time. There are two ways to get them:
 *
 *   blocking              nj_client_connect(), nj_client_publish(), nj_client_wait(), and
 *                         nj_client_next() with a time-out: all I/O happens inside these calls.
 *   in a loop of yours    nj_client_start(); then poll nj_client_fd() for nj_client_wants_read()
 *                         and nj_client_wants_write() no longer than nj_client_timeout_ms(); call
 *                         nj_client_on_readable(), nj_client_on_writable(), nj_client_on_time();
 *                         and take events with nj_client_next(c, &event, 0) until there is none.
 *
 * Ownership  What is passed in is lent for the call. What an event points at is valid until the
 *            next call that takes the client, nj_client_publish() and the questions apart.
 * Threads    A client belongs to one thread at a time. Different clients share nothing.
 * Errors     enum nj_client_err; nj_client_error_text() gives the words, nj_client_detail() says
 *            more about what ended the last connection.
 * Memory     Bounded by the ceilings in struct nj_client_opts, whatever the broker sends.
 * SIGPIPE    is never raised by the client. */
#ifndef NIGHTJAR_CLIENT_H
#define NIGHTJAR_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef NJ_EXPORT
#define NJ_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

struct nj_client;

/* Stable: a number never changes its meaning. */
enum nj_client_err {
    NJ_CLIENT_OK = 0,
    NJ_CLIENT_ENOMEM = 1,         /* out of memory */
    NJ_CLIENT_EINVAL = 2,         /* an argument breaks a rule of MQTT or of this header */
    NJ_CLIENT_ENOTCONN = 3,       /* there is no connection, and this needs one */
    NJ_CLIENT_EFULL = 4,          /* a ceiling is reached: let I/O happen, take events, try again */
    NJ_CLIENT_ETIMEOUT = 5,       /* nothing came in the time given */
    NJ_CLIENT_ELOOKUP = 6,        /* the host's name has no address, the domain no host */
    NJ_CLIENT_ESYS = 7,           /* a system call failed: nj_client_errno() */
    NJ_CLIENT_EREFUSED = 8,       /* the broker refused the connection: the event's reason */
    NJ_CLIENT_ELOST = 9,          /* the connection broke or was closed without a word */
    NJ_CLIENT_EDISCONNECTED = 10, /* the broker sent DISCONNECT: the event's reason */
    NJ_CLIENT_EKEEPALIVE = 11,    /* the broker did not answer PINGREQ in time */
    NJ_CLIENT_EPROTOCOL = 12,     /* the broker broke a rule of the protocol */
    NJ_CLIENT_EMALFORMED = 13,    /* the broker sent bytes that are no MQTT packet */
    NJ_CLIENT_ETOOLARGE = 14,     /* larger than the receiver accepts */
    NJ_CLIENT_EQOS = 15,          /* the broker does not support this QoS */
    NJ_CLIENT_ERETAIN = 16,       /* the broker does not support retained messages */
    NJ_CLIENT_EAUTH = 17,         /* the authentication exchange failed on our side */
    NJ_CLIENT_EUNSUPPORTED = 18,  /* the protocol version does not have this */
    NJ_CLIENT_ETLS = 19,          /* TLS failed, in the handshake or later: nj_client_detail() */
    NJ_CLIENT_ETLSFILES = 20,     /* the files for TLS are of no use: nj_client_detail() */
    NJ_CLIENT_EWANTSTLS = 21,     /* the broker's port speaks TLS, and the options ask for none */
    NJ_CLIENT_EWILDCARD = 22,     /* the broker does not support wildcards in subscriptions */
    NJ_CLIENT_ESHARED = 23,       /* the broker does not support shared subscriptions */
    NJ_CLIENT_EIDENTIFIER = 24    /* the broker does not support subscription identifiers */
};

/* A few words for people. Static. */
NJ_EXPORT const char *nj_client_error_text(enum nj_client_err err);
/* The standard's words for a reason code of MQTT 5 ("Not authorized"). Static. */
NJ_EXPORT const char *nj_client_reason_text(unsigned reason);

/* ---- properties of MQTT 5 ---- */

/* Encoded properties without their length in front, as they stand in a packet. */
struct nj_client_properties {
    const void *p;
    size_t n;
};

struct nj_client_property {
    unsigned id;     /* as in the standard's table 2-4: 0x26 is a user property */
    uint32_t number; /* of a numeric property */
    const char *key; /* of a user property */
    size_t key_n;
    const char *value; /* of a string, of binary data, of a user property; not terminated */
    size_t value_n;
};

/* Walk: takes the first off `rest`; false when none is left. Blocks that come with an event are
 * well-formed; in others, what is ill-formed ends the walk. */
NJ_EXPORT bool nj_client_property_next(struct nj_client_properties *rest,
                                       struct nj_client_property *out);

/* A list to send. Make it, add, lend its block as often as you like, free it. */
struct nj_client_property_list;
NJ_EXPORT struct nj_client_property_list *nj_client_property_list_new(void);
NJ_EXPORT void nj_client_property_list_free(struct nj_client_property_list *list);
/* EINVAL: no such property, or of another type, or longer than 65,535 bytes; ENOMEM. The list is
 * unchanged then. Whether a property may stand in a packet is checked when it is sent. */
NJ_EXPORT enum nj_client_err nj_client_property_add_number(struct nj_client_property_list *list,
                                                           unsigned id, uint32_t value);
NJ_EXPORT enum nj_client_err nj_client_property_add_bytes(struct nj_client_property_list *list,
                                                          unsigned id, const void *value,
                                                          size_t value_n);
NJ_EXPORT enum nj_client_err nj_client_property_add_pair(struct nj_client_property_list *list,
                                                         const char *key, size_t key_n,
                                                         const char *value, size_t value_n);
/* Valid until the list changes. NULL gives the empty block. */
NJ_EXPORT struct nj_client_properties
nj_client_property_list_view(const struct nj_client_property_list *list);

/* ---- making a client ---- */

struct nj_client_message {
    const char *topic; /* terminated; in an event topic_n is its length */
    size_t topic_n;    /* 0 when passed in: strlen(topic) */
    const void *payload;
    size_t payload_n;
    uint8_t qos;
    bool retain;
    bool dup;           /* in an event */
    uint16_t packet_id; /* in an event; 0 at QoS 0 */
    struct nj_client_properties properties;
};

/* One step of the extended authentication exchange of MQTT 5: the broker sent `data`; point *reply
 * at the answer, which must stay valid until the next call that takes the client. `reason` is 0x18
 * (continue) or 0x00 (done: no answer is sent). Anything but NJ_CLIENT_OK ends the connection. */
typedef enum nj_client_err (*nj_client_auth_fn)(void *ctx, unsigned reason, const void *data,
                                                size_t n, const void **reply, size_t *reply_n);
/* A line for people on every packet that comes or goes, without its end of line. */
typedef void (*nj_client_log_fn)(void *ctx, const char *line);

/* The password of the encrypted key in `file`: up to `n` bytes of it into `out`. Returns how many,
 * or -1: it is not known. */
typedef int (*nj_client_password_fn)(void *ctx, const char *file, char *out, int n);

/* How TLS is spoken: 1.2 and 1.3. The broker's certificate is always verified, against the CAs
 * named here and against the host that the options name, by a name or an address in it. Zeroed:
 * with the system's CAs. All texts may be NULL. */
struct nj_client_tls {
    const char *cafile;  /* CA certificates to trust, in PEM */
    const char *capath;  /* the same as a directory, made by `openssl rehash` */
    bool use_os_certs;   /* the system's, too; alone, where nothing else is named */
    const char *cert;    /* our certificate in PEM, what lies between it and its CA behind it */
    const char *key;     /* its key in PEM, or its name in the engine; both or neither */
    bool insecure;       /* the host is not looked for in the certificate; its CA, dates and
                          * purpose are verified all the same */
    const char *version; /* the oldest to be spoken: "tlsv1.2" or "tlsv1.3". "tlsv1.2" */
    const char *ciphers; /* of TLS 1.2, in OpenSSL's words. Its own choice */
    const char *ciphersuites; /* of TLS 1.3, the same */
    const char *alpn;         /* the protocol to ask for, "mqtt" say. None */
    const char *psk;          /* a shared key in hex, instead of certificates; both or neither */
    const char *psk_identity;
    const char *engine;             /* of OpenSSL. None */
    const char *keyform;            /* "pem" or "engine". "pem" */
    const char *engine_kpass_sha1;  /* SHA-1 of the password of the engine's key, in hex */
    const char *keylog;             /* file to which the session keys are appended: whoever has it
                                     * reads all that was said */
    nj_client_password_fn password; /* NULL: the terminal is asked, where there is one */
    void *password_ctx;
};

struct nj_client_opts {
    /* Where to. */
    const char *host;            /* name or address; "localhost" means ::1, then 127.0.0.1 */
    uint16_t port;               /* 1883 */
    bool srv;                    /* `host` is a domain whose SRV records name hosts and ports, anew
                                  * for each connection: `port` is not looked at, and NULL is the
                                  * domain of this machine. With TLS the certificate is to be for
                                  * `host`, since nobody vouches for what the DNS says: false */
    const char *unix_path;       /* a Unix socket instead of host and port; NULL */
    const char *bind_address;    /* address or name of ours to connect from; NULL */
    bool nodelay;                /* TCP_NODELAY */
    uint32_t connect_timeout_ms; /* for each address of the host, for TLS, for CONNACK: 30,000 */
    const struct nj_client_tls *tls; /* NULL: plain. Over a Unix socket `host` is who is expected */

    /* CONNECT. */
    uint8_t version;       /* 3, 4 or 5 (3.1, 3.1.1, 5.0): 4 */
    const char *client_id; /* NULL or empty: the broker, or before 5.0 the client, makes one up */
    bool clean_start;      /* clean session before 5.0: true */
    uint16_t keep_alive_s; /* 60; 0 is off */
    const char *user_name; /* NULL: none */
    const void *password;  /* NULL: none */
    size_t password_n;
    const struct nj_client_message *will;   /* NULL: none */
    struct nj_client_properties properties; /* of CONNECT; those below are added if absent */

    /* Told to the broker in MQTT 5, and kept to with all versions. */
    uint16_t receive_maximum;     /* messages of QoS 1 and 2 on their way to us; 0: 65,535 */
    uint16_t topic_alias_maximum; /* aliases the broker may set: 0 */
    uint32_t maximum_packet_size; /* of what we take; 0: 268,435,460, the protocol's */

    /* Ours alone. */
    uint16_t inflight_maximum;  /* messages of QoS 1 and 2 on their way to the broker: 20; the
                                 * broker's receive maximum bounds it, too; 0: only that */
    uint16_t use_topic_aliases; /* give so many topics an alias, first come, first served, as far
                                 * as the broker allows: 0 */
    size_t queue_bytes;         /* ceiling of what waits to be acknowledged: 64 MiB */
    size_t output_bytes;        /* ceiling of what waits to be written: 1 MiB; one packet of any
                                 * size is taken when nothing waits */
    size_t release_bytes;       /* ceiling of what is told with PUBREL and waits for it; when it is
                                 * full the oldest go early. 0: all are told with PUBLISH */
    uint32_t reconnect_min_ms;  /* first pause before connecting again: 1,000. 0: never again */
    uint32_t reconnect_max_ms;  /* pauses double up to here: 30,000 */

    nj_client_auth_fn auth; /* NULL: AUTH is a protocol error */
    void *auth_ctx;
    nj_client_log_fn log; /* NULL: none */
    void *log_ctx;
};

/* The defaults named above. */
NJ_EXPORT void nj_client_opts_init(struct nj_client_opts *opts);

/**
 * Make a client; no connection yet.
 *
 * opts    copied, all that it points at included (the contexts apart).
 * Errors  EINVAL: the options contradict the standard or each other; ENOMEM.
 */
NJ_EXPORT enum nj_client_err nj_client_new(struct nj_client **out,
                                           const struct nj_client_opts *opts);
/* Closes the connection without DISCONNECT, if there is one: the broker will publish the will.
 * NULL is fine. */
NJ_EXPORT void nj_client_free(struct nj_client *c);

/* ---- events ---- */

enum nj_client_event_type {
    NJ_CLIENT_CONNECTED = 1,    /* CONNACK: session_present, properties. Subscribe now if the
                                 * session is new: nothing else restores subscriptions. */
    NJ_CLIENT_MESSAGE = 2,      /* message */
    NJ_CLIENT_PUBLISHED = 3,    /* the broker has the message: packet_id, reason, properties */
    NJ_CLIENT_SUBSCRIBED = 4,   /* packet_id, codes, properties */
    NJ_CLIENT_UNSUBSCRIBED = 5, /* packet_id, codes (none before 5.0), properties */
    NJ_CLIENT_DISCONNECTED = 6  /* error; reason and properties where the broker gave them. With
                                 * NJ_CLIENT_OK: as asked for by nj_client_disconnect(). Also
                                 * after each attempt to connect that failed. Answers to SUBSCRIBE
                                 * and UNSUBSCRIBE will not come any more. */
};

struct nj_client_event {
    enum nj_client_event_type type;
    enum nj_client_err error;
    bool session_present;
    uint16_t packet_id;
    uint8_t reason; /* reason code; with CONNACK before 5.0 the return code */
    const uint8_t *codes;
    size_t code_count;
    struct nj_client_properties properties;
    struct nj_client_message message;
};

/**
 * The next event.
 *
 * timeout_ms  how long to wait, doing I/O: 0 not at all (and no I/O), -1 for ever.
 * Errors      ETIMEOUT: none. ENOTCONN: none can come: not started, or ended and not to reconnect.
 *             ESYS with EINTR: a signal came first.
 * Cost        no copy: a message points into the input buffer (its topic apart); with release_bytes
 *             one of those of QoS 2.
 */
NJ_EXPORT enum nj_client_err nj_client_next(struct nj_client *c, struct nj_client_event *out,
                                            int timeout_ms);

/* ---- blocking ---- */

/**
 * Connect and wait for CONNACK.
 *
 * out     CONNECTED, or DISCONNECTED with what the broker gave as its reason; may be NULL.
 * Errors  ELOOKUP, ESYS, EREFUSED, ELOST, ETIMEOUT and what a broker can do wrong: no further
 *         attempt is made, call again. EINVAL when started already.
 */
NJ_EXPORT enum nj_client_err nj_client_connect(struct nj_client *c, struct nj_client_event *out);

/**
 * Publish and wait: at QoS 0 until it is handed to the system, at QoS 1 and 2 until the broker has
 * acknowledged it. Other events that come meanwhile are kept for nj_client_next().
 *
 * reason  the broker's answer in MQTT 5, 0x80 and above are failures; may be NULL.
 * Errors  as nj_client_publish(); ETIMEOUT: still on its way; EFULL: so many events are kept that
 *         they must be taken first.
 */
NJ_EXPORT enum nj_client_err nj_client_publish_wait(struct nj_client *c,
                                                    const struct nj_client_message *m,
                                                    int timeout_ms, unsigned *reason);

/* Wait until all that was published is acknowledged and written. Errors: as above. */
NJ_EXPORT enum nj_client_err nj_client_drain(struct nj_client *c, int timeout_ms);

/* Let I/O happen once, at most `timeout_ms` (-1: as long as it takes) later. OK: look again for
 * events, or for room after EFULL. Errors: ETIMEOUT, ENOTCONN as nj_client_next(); ESYS. */
NJ_EXPORT enum nj_client_err nj_client_wait(struct nj_client *c, int timeout_ms);

/* ---- requests: they go out with the next I/O ---- */

/**
 * Publish. At QoS 1 and 2 the message is kept until it is acknowledged, connected or not, and
 * PUBLISHED tells when; at QoS 0 it needs a connection.
 *
 * A message whose topic is empty goes by the topic alias among its properties, set before.
 *
 * packet_id  of the message (at QoS 0: a running number); may be NULL.
 * Errors     EFULL: queue_bytes, output_bytes or 65,535 messages reached, nothing was taken.
 *            EINVAL, ENOTCONN, ETOOLARGE, EQOS, ERETAIN, EUNSUPPORTED, ENOMEM.
 * Cost       one copy of the payload.
 */
NJ_EXPORT enum nj_client_err
nj_client_publish(struct nj_client *c, const struct nj_client_message *m, uint16_t *packet_id);

struct nj_client_subscription {
    const char *filter;
    uint8_t qos;
    bool no_local; /* these three: MQTT 5 */
    bool retain_as_published;
    uint8_t retain_handling; /* 0 send retained, 1 only to a new subscription, 2 never */
};

/* Needs a connection and ends with it. Errors: EINVAL, ENOTCONN, EFULL, ETOOLARGE, ENOMEM,
 * EUNSUPPORTED; and what the broker has said in CONNACK that it does not support: EWILDCARD,
 * ESHARED, EIDENTIFIER. */
NJ_EXPORT enum nj_client_err
nj_client_subscribe(struct nj_client *c, const struct nj_client_subscription *list, size_t count,
                    struct nj_client_properties properties, uint16_t *packet_id);
NJ_EXPORT enum nj_client_err nj_client_unsubscribe(struct nj_client *c, const char *const *filters,
                                                   size_t count,
                                                   struct nj_client_properties properties,
                                                   uint16_t *packet_id);
/* Authenticate anew on a running connection (MQTT 5, with opts.auth). */
NJ_EXPORT enum nj_client_err nj_client_reauthenticate(struct nj_client *c, const void *data,
                                                      size_t n);
/* Say goodbye: DISCONNECT goes out after all that is to be written, then the connection closes and
 * DISCONNECTED comes. No reconnect follows. ENOTCONN where there is no connection: an attempt to
 * make one ends. ETOOLARGE with more properties than the broker takes: the connection stays. */
NJ_EXPORT enum nj_client_err nj_client_disconnect(struct nj_client *c, unsigned reason,
                                                  struct nj_client_properties properties);

/* ---- in a loop of yours ---- */

/* Begin to connect; that it fails is told by DISCONNECTED. Looking up a host's name blocks,
 * with `srv` that of the domain and of each host that serves it; an address, localhost and a Unix
 * socket do not. Errors: EINVAL when started already. */
NJ_EXPORT enum nj_client_err nj_client_start(struct nj_client *c);
/* -1 while there is none, as in the pause before a reconnect; changes from connection to
 * connection. */
NJ_EXPORT int nj_client_fd(const struct nj_client *c);
NJ_EXPORT bool nj_client_wants_read(const struct nj_client *c);
NJ_EXPORT bool nj_client_wants_write(const struct nj_client *c);
/* Until nj_client_on_time() is due; -1: never. */
NJ_EXPORT int nj_client_timeout_ms(const struct nj_client *c);
/* They never block, a look-up before a reconnect apart, and report through events. */
NJ_EXPORT void nj_client_on_readable(struct nj_client *c);
NJ_EXPORT void nj_client_on_writable(struct nj_client *c);
NJ_EXPORT void nj_client_on_time(struct nj_client *c);

/* ---- questions ---- */

NJ_EXPORT bool nj_client_is_connected(const struct nj_client *c); /* CONNACK is here */
/* As the broker knows us; assigned ones included. Never NULL. Valid until the next CONNACK. */
NJ_EXPORT const char *nj_client_id(const struct nj_client *c);
NJ_EXPORT size_t nj_client_unacknowledged(const struct nj_client *c);
NJ_EXPORT size_t nj_client_unwritten_bytes(const struct nj_client *c);
/* Of the last ESYS. */
NJ_EXPORT int nj_client_errno(const struct nj_client *c);
/* What exactly ended the last connection; empty if nothing did. With ETLS and ETLSFILES the cause
 * in the first line, the certificate that it is about and what mends it in those that follow. Valid
 * until the next call that takes the client. */
NJ_EXPORT const char *nj_client_detail(const struct nj_client *c);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384"; empty while there is no connection, or no TLS. Valid as long as
 * the connection. */
NJ_EXPORT const char *nj_client_tls_in_use(const struct nj_client *c);
/* The OpenSSL that is loaded: "OpenSSL 3.0.15 3 Sep 2024". Static. */
NJ_EXPORT const char *nj_client_tls_library(void);

#ifdef __cplusplus
}
#endif

#endif
