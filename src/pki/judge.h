/* SPDX-License-Identifier: Apache-2.0 */
/* judge.h — what is wrong with a set of files, with a chain of certificates, or behind an error of
 * OpenSSL's or an alert, and how it is mended. One judgement for the broker's log, the clients'
 * messages, `pki inspect` and `doctor`.
 *
 * The order in which one mistake is told from another: files and their kind; the key fits the
 * certificate; subject and issuer differ; dates; the chain, with purpose; what a CA must be; keys
 * and digests; names; lists of revoked certificates. A mistake that only follows from another is
 * not named beside it.
 *
 * Thread: any; a judgement shares nothing. Blocks: nj_judge_files() for the disk, and the others
 * where a capath is given; nothing else does. */
#ifndef NJ_PKI_JUDGE_H
#define NJ_PKI_JUDGE_H

#include "pki/file.h"
#include "pki/finding.h"

/* A chain as it was shown, and what it is judged by. Everything is lent. Unknown parts are NULL or
 * 0; what cannot be judged without them is left out. */
struct nj_judge_chain {
    enum nj_end end;              /* who shows it: decides the purpose */
    bool is_own;                  /* and it is he who judges */
    struct x509_st *const *shown; /* the leaf, then what was sent with it */
    size_t shown_count;
    const char *shown_file;         /* where it stands; NULL: it came over the wire */
    struct x509_st *const *trusted; /* of the CA file of the side that judges; of a large store
                                       those with the leaf's issuer's name will do */
    size_t trusted_count;
    const char *trusted_file;
    const char *capath;              /* read as OpenSSL does, by hashed names */
    bool is_system_store;            /* `capath` and `trusted` are the system's own, by default */
    struct X509_crl_st *const *crls; /* 0: none are asked for */
    size_t crl_count;
    const char *crl_file;
    const char *host; /* what is typed to reach the broker; NULL: not known */
    int64_t now_s;    /* since 1970; 0: the clock's */
    int64_t
        passed_s; /* a moment that is over for certain, whatever the clock says; 0: none known */
};

/* Verify as OpenSSL does at security level 2, name what fails, and why it does. */
void nj_judge_chain(struct nj_findings *out, const struct nj_judge_chain *c);

/**
 * What one error of a verification means.
 *
 * error, depth, x  X509_STORE_CTX_get_error(), _get_error_depth(), _get_current_cert(), the last
 *                  possibly NULL.
 * c                what is known of the rest; at least `end`.
 * out              written in every case; NJ_FINDING_OTHER_CHECK with OpenSSL's own words where
 *                  we have none.
 *
 * Cost  a signature or two, for errors that could be several mistakes.
 */
void nj_judge_error(struct nj_finding *out, const struct nj_judge_chain *c, int error, int depth,
                    struct x509_st *x);

/* What one end of a connection is given. Paths may be NULL. */
struct nj_judge_end {
    const char *certfile, *keyfile; /* its own; the chain behind the certificate in the same file */
    bool key_in_engine;             /* where nothing here looks at it; keyfile is NULL */
    const char *cafile, *capath;    /* by which it judges the other */
    const char *crlfile;
    const char *ocspfile;          /* broker: stapled to its certificate */
    bool use_os_certs;             /* the system's CAs, too */
    bool require_certificate;      /* broker: from every client */
    bool use_identity_as_username; /* broker */
    const char *user;         /* broker: who it becomes when root starts it; NULL: nobody else */
    nj_passphrase passphrase; /* NULL: encrypted keys stay closed */
    void *passphrase_ctx;
    int64_t now_s;    /* 0: the clock's */
    int64_t passed_s; /* as above */
};

/**
 * Read the files of one end or both and judge them; with both, also what each would say to the
 * other. `broker` or `client` may be NULL; `host`: what the client types to reach the broker, NULL:
 * not known.
 */
void nj_judge_files(struct nj_findings *out, const struct nj_judge_end *broker,
                    const struct nj_judge_end *client, const char *host);

/* Whether the certificate in this file is for `host`, a name or an address. Blocks for the disk. */
bool nj_judge_is_for(const char *certfile, const char *host);

/* FILE_OF_ANOTHER where `user`, whom the broker becomes, may not read what it is given; NULL: no
 * file. Blocks for the disk. */
void nj_judge_reader(struct nj_findings *out, const char *user, const char *path);

/* How a handshake ended, seen by the side that did not refuse: it has only this. */
struct nj_judge_alert {
    enum nj_end self; /* who we are: the other end refused */
    int alert;        /* its number; -1: the connection ended without one */
    bool is_tls13;    /* as far as it was agreed on */
    bool was_open;    /* the handshake was over on our side: what is refused is our certificate */
    bool showed_certificate; /* we showed one */
    bool shows_issued;       /* and its issuer has another name than it has itself */
    bool shows_chain;        /* and intermediates behind it */
    bool asked_certificate;  /* the other side asked for one */
    bool offered_key;        /* we are a client with a pre-shared key */
    bool heard_nothing;      /* not one byte came before the end */
};

/* Append what may be the cause, most likely first; each with is_guess set. */
void nj_judge_alert(struct nj_findings *out, const struct nj_judge_alert *seen);

#endif
