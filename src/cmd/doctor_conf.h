/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_conf.h — of a configuration file what the doctor judges, listener by listener. It reads
 * more leniently than the broker does, so that one mistake in the file does not hide the next, and
 * Mosquitto's own files can be judged, whatever else stands in them. */
#ifndef NJ_CMD_DOCTOR_CONF_H
#define NJ_CMD_DOCTOR_CONF_H

#include "base/err.h"

#include <stdbool.h>

#define NJ_CONF_LISTENERS_MAX 32
#define NJ_CONF_FILES_MAX     48
#define NJ_CONF_PAIRS_MAX     8

/* What a broker does with a file that its configuration names. Those of TLS are the listeners'. */
enum nj_conf_use {
    NJ_CONF_PASSWORDS,
    NJ_CONF_KEYS,  /* pre-shared ones */
    NJ_CONF_READ,  /* whatever it is */
    NJ_CONF_LOG,   /* written, again and again */
    NJ_CONF_ONCE,  /* written at the start */
    NJ_CONF_STATE, /* a folder, written to */
};

struct nj_conf_file {
    enum nj_conf_use use;
    const char *word; /* the directive; static */
    char *path;
};

/* A certificate and its key. */
struct nj_conf_pair {
    char *certfile, *keyfile;
};

/* Texts are the conf's own; NULL: not said. */
struct nj_conf_listener {
    int port;
    char *address;                                /* also a path, where port is 0 */
    struct nj_conf_pair pairs[NJ_CONF_PAIRS_MAX]; /* the second and others are for other names */
    unsigned cert_count, key_count;
    char *cafile, *capath, *crlfile;
    char *ocspfile; /* about the first certificate */
    char *tls_version, *ciphers, *psk_hint;
    char *password_file; /* with per_listener_settings; else all share one */
    int allow_anonymous; /* -1: not said */
    bool require_certificate, use_identity_as_username, use_subject_as_username;
    bool key_in_engine; /* keyfile is its name there */
};

struct nj_conf {
    struct nj_conf_listener listeners[NJ_CONF_LISTENERS_MAX];
    unsigned count; /* at least one: without any, one on the loopback stands for all */
    bool has_listener;
    bool has_mark; /* the file begins with a byte order mark, as editors on Windows write */
    bool has_other_authentication; /* a plugin decides */
    bool has_persistence;
    struct nj_conf_file files[NJ_CONF_FILES_MAX]; /* beyond that none is judged */
    unsigned file_count;
    char *user; /* who the broker becomes; NULL: "mosquitto", or "nobody" */
};

/* Errors: NJ_ENOENT, NJ_ESYS, NJ_EQUOTA, NJ_ENOMEM; said in diag. */
NJ_NODISCARD enum nj_err nj_conf_read(struct nj_conf *out, const char *path, struct nj_diag *diag);
void nj_conf_fini(struct nj_conf *conf);

#endif
