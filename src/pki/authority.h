/* SPDX-License-Identifier: Apache-2.0 */
/* authority.h — a certificate authority in a folder, for the commands `pki` and `init`.
 *
 *     DIR/ca.crt  ca.key          the authority; ca.key 0600, encrypted if wished
 *     DIR/index.txt               what was issued and revoked, as `openssl ca` keeps it
 *     DIR/crl.pem                 the list of what is revoked; there from the first day
 *     DIR/ca.srl                  only where another tool left one: then serials count on from it
 *     DIR/hosts/NAME/             server.crt  server.key  ca.crt
 *     DIR/clients/ID/             client.crt  client.key  ca.crt  [client.h]
 *
 * Also an authority that was made with openssl will do: ca.crt and ca.key are enough.
 *
 * Every certificate comes about in the same way: a key pair, a request that is signed with it, and
 * the certificate made of the request. Of a request only name, names and public key are taken; what
 * the certificate may be used for, how long it lasts and its serial number are decided here. What
 * is made is verified before it is written; files appear whole or not at all, and none is replaced
 * unless the caller says so. A certificate stands in the index before it stands in a file, and a
 * key before its certificate: a command that was killed can be given again, and goes on with the
 * key that it finds.
 *
 * Thread: one at a time for each object. Between processes a lock on the folder keeps order.
 * Errors: NJ_EINVAL (refused, and why), NJ_EEXIST, NJ_ENOENT, NJ_ESYS, NJ_ENOMEM; always said in
 * diag, with what to do in its hint. */
#ifndef NJ_PKI_AUTHORITY_H
#define NJ_PKI_AUTHORITY_H

#include "base/err.h"
#include "pki/names.h"

#include <stdio.h>
#include <time.h>

#define NJ_AUTHORITY_DIR  "pki" /* where nobody says otherwise */
#define NJ_AUTHORITY_DAYS 3650
#define NJ_ISSUE_DAYS     825
#define NJ_SERIAL_SIZE    48  /* hexadecimal digits, NUL */
#define NJ_WHERE_SIZE     512 /* a path */
#define NJ_SUBJECT_SIZE   512 /* a longer one is cut */
#define NJ_IGNORED        256

enum nj_key_kind {
    NJ_KEY_P256,
    NJ_KEY_RSA_2048,
    NJ_KEY_RSA_3072,
};

enum nj_issue_kind {
    NJ_ISSUE_SERVER,
    NJ_ISSUE_CLIENT,
    NJ_ISSUE_AS_ASKED, /* of a request: a client's, unless it asks for serverAuth or for names */
};

struct nj_authority;

struct nj_authority_opts {
    const char *dir; /* lent to the object */
    const char
        *passin;    /* see passphrase.h; NULL: the terminal is asked where ca.key is encrypted */
    FILE *explain;  /* each step with its values; NULL: nothing is told */
    bool is_reader; /* nothing will be made: no lock is taken */
};

struct nj_authority_plan {
    const char *name; /* its common name; NULL: one that no other authority has */
    enum nj_key_kind key;
    bool is_encrypted;
    bool is_replacing; /* an authority that is there; its certificates are then worth nothing */
    unsigned days;     /* 0: NJ_AUTHORITY_DAYS */
};

/* Make the authority and its first, empty CRL, and open it. */
NJ_NODISCARD enum nj_err nj_authority_init(struct nj_authority **out,
                                           const struct nj_authority_opts *opts,
                                           const struct nj_authority_plan *plan,
                                           struct nj_diag *diag);
/* The private key is not read, and nobody is asked for its pass phrase, before something is
 * signed. */
NJ_NODISCARD enum nj_err nj_authority_open(struct nj_authority **out,
                                           const struct nj_authority_opts *opts,
                                           struct nj_diag *diag);
/* Accepts NULL. */
void nj_authority_close(struct nj_authority *authority);

/* " --dir DIR" as a shell takes it, for a command that is to be typed; "" for the default. */
#define NJ_DIR_OPTION_SIZE 320
const char *nj_authority_dir_option(const char *dir, char out[NJ_DIR_OPTION_SIZE]);

/* "/CN=…" of the authority, and its last day. Lent. */
const char *nj_authority_subject(const struct nj_authority *authority);
time_t nj_authority_expires(const struct nj_authority *authority);

struct nj_issue {
    enum nj_issue_kind kind;
    const char *name; /* common name and folder; of a request: only the folder, or NULL */
    /* Of a server besides its name; of a request, if not empty, instead of what it asks for. */
    struct nj_names names;
    enum nj_key_kind key;
    bool is_small;        /* for small devices: see profile_priv.h */
    bool allows_wildcard; /* of a request: it may have one without being named in `names` */
    bool is_replacing;    /* the files that are there */
    unsigned days;        /* 0: NJ_ISSUE_DAYS; never longer than the authority itself */
};

/* What was made, for people. */
struct nj_issued {
    enum nj_issue_kind kind;
    char folder[NJ_WHERE_SIZE];
    char certificate[NJ_WHERE_SIZE];
    char key[NJ_WHERE_SIZE];    /* empty: it stays with who asked */
    char header[NJ_WHERE_SIZE]; /* of a small device: all three as a header of C; else empty */
    char serial[NJ_SERIAL_SIZE];
    char subject[NJ_SUBJECT_SIZE];
    struct nj_names names;
    char ignored[NJ_IGNORED]; /* what a request asked for and did not get; empty: nothing */
    time_t expires;
    bool is_shortened; /* to the authority's own last day */
};

/* A key pair and a certificate. */
NJ_NODISCARD enum nj_err nj_authority_issue(struct nj_authority *authority,
                                            const struct nj_issue *wish, struct nj_issued *out,
                                            struct nj_diag *diag);
/* A certificate for the key of a request in `path` (PEM or DER). The request must be signed with
 * that key; a request without subject gets its first name as subject. Refused are names that would
 * let its owner pass for others: a wildcard, a name or a common name that another good certificate
 * has, unless `wish` says so. `wish->key` says nothing here. */
NJ_NODISCARD enum nj_err nj_authority_sign(struct nj_authority *authority, const char *path,
                                           const struct nj_issue *wish, struct nj_issued *out,
                                           struct nj_diag *diag);

/* Where the files of `name` lie: NAME, "hosts/NAME" or "clients/ID". Fills in kind and paths; of
 * those that are not there, the key's and the header's are empty. Errors: NJ_ENOENT; NJ_EINVAL
 * where a host and a client are called so. */
NJ_NODISCARD enum nj_err nj_authority_find(const struct nj_authority *authority, const char *name,
                                           struct nj_issued *out, struct nj_diag *diag);

struct nj_renewal {
    struct nj_names names; /* if not empty, instead of those that it has */
    unsigned days;         /* as in nj_issue */
    bool is_new_key;       /* of the same kind, where the key is here */
};

/* A new certificate in the place of the one of `name`, as nj_authority_find() has it: same subject
 * and use, and as `how` says. The old one stays good until it ends or is revoked; of a revoked one
 * the key is not certified again. */
NJ_NODISCARD enum nj_err nj_authority_renew(struct nj_authority *authority, const char *name,
                                            const struct nj_renewal *how, struct nj_issued *out,
                                            struct nj_diag *diag);
/* The authority's own certificate again, with the same key and name, so that all that it issued
 * stays good; also in the folders of hosts and clients. */
NJ_NODISCARD enum nj_err nj_authority_renew_self(struct nj_authority *authority, unsigned days,
                                                 struct nj_diag *diag);

/* Revoke every certificate of a name that is good now, or that of a serial number or a file, and
 * write the CRL as nj_authority_write_crl() does. `reason`: RFC 5280's, as openssl writes it
 * ("keyCompromise"); NULL: none given. `count`: how many, with those that are revoked already but
 * not in the list, which a killed command did not come to write. Errors besides: NJ_ENOENT, nothing
 * of that name is good now. */
NJ_NODISCARD enum nj_err nj_authority_revoke(struct nj_authority *authority, const char *which,
                                             const char *reason, unsigned days, unsigned *count,
                                             struct nj_diag *diag);
/* crl.pem anew, good for `days` and never longer than the authority; 0: as long. It lies beside the
 * broker, where nobody holds back a later one, and at its end nobody would be let in. */
NJ_NODISCARD enum nj_err nj_authority_write_crl(struct nj_authority *authority, unsigned days,
                                                struct nj_diag *diag);
/* When crl.pem ends; 0: there is none, or none that can be read. */
time_t nj_authority_crl_expires(const struct nj_authority *authority);

enum nj_issued_state {
    NJ_ISSUED_GOOD,
    NJ_ISSUED_REPLACED, /* good, and a later one has its place */
    NJ_ISSUED_EXPIRED,
    NJ_ISSUED_REVOKED,
};
const char *nj_issued_state_text(enum nj_issued_state state);

/* A line of the index. Texts are lent until the authority changes. */
struct nj_issued_row {
    enum nj_issued_state state;
    struct nj_str serial;  /* hexadecimal */
    struct nj_str file;    /* below the folder; "unknown" where another tool wrote it */
    struct nj_str subject; /* "/CN=…" */
    bool is_last;          /* no later one has its place */
    time_t expires;
    time_t revoked; /* 0: it is not */
    struct nj_str reason;
};
size_t nj_authority_count(const struct nj_authority *authority);
/* In order of issue; `i` < count. */
struct nj_issued_row nj_authority_row(const struct nj_authority *authority, size_t i);

#endif
