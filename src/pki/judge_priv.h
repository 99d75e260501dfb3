/* SPDX-License-Identifier: Apache-2.0 */
/* judge_priv.h — what the files of the judgement share. */
#ifndef NJ_PKI_JUDGE_PRIV_H
#define NJ_PKI_JUDGE_PRIV_H

#include "pki/judge.h"

#include <openssl/x509.h>

/* ---- judge_certificate.c ---- */

bool nj_judge_is_issuer_by_name(const X509 *of, const X509 *issuer);
/* Whether the key in `signer` made the signature of `of`. Cost: a signature. */
bool nj_judge_has_signed(X509 *signer, X509 *of);
bool nj_judge_is_address(const char *host);
/* Is `host` in it where only Mosquitto's clients look? */
bool nj_judge_is_host_as_text(X509 *x, const char *host);
/* `now_s`, or the clock's where it is 0. */
int64_t nj_judge_now(int64_t now_s);
const char *nj_judge_day(int64_t at, char out[32]);

/* ---- judge_folder.c: these read the disk ---- */

/* The folder that holds `path`. */
void nj_judge_folder_of(const char *path, char *out, size_t room);

/* A certificate that lies in the same folder. */
struct nj_judge_beside {
    char path[512];
    bool is_self_signed;
};
/* The one that signed `x`, if it lies beside the files that are in use: among the first 64 files of
 * their folders that are named like certificates. */
bool nj_judge_find_issuer(const struct nj_judge_chain *c, X509 *x, struct nj_judge_beside *out);

/* Where `nightjar pki` put a certificate: the authority's folder, and "hosts/NAME" or "clients/ID".
 */
struct nj_judge_home {
    char authority[512];
    char name[160];
};
bool nj_judge_find_home(const char *certfile, struct nj_judge_home *out);

/* CAPATH_MISSING, CAPATH_UNHASHED or NONE; and the sentence for either. */
enum nj_finding_id nj_judge_capath(const char *capath);
void nj_judge_say_capath(struct nj_finding *f, const char *capath);

/* ---- judge_mend.c ---- */

/* Whose certificate a command is to replace; all but `facts` may be NULL: not known. */
struct nj_judge_worn {
    enum nj_end end;
    const struct nj_cert_facts *facts;
    const char *certfile;
    const char *host; /* that it must be good for */
    const char *ca_file;
    bool is_named_as_ca; /* its subject is that of the CA that signed it */
};
/* A new certificate from the authority. */
void nj_judge_mend_by_reissue(struct nj_finding *f, const struct nj_judge_worn *worn);
/* One that is good for `host`, too: where the authority knows it, for the same key. */
void nj_judge_mend_by_names(struct nj_finding *f, const struct nj_judge_worn *worn);
/* The same with new dates, where the authority knows it; else a new one. */
void nj_judge_mend_by_renewal(struct nj_finding *f, const struct nj_judge_worn *worn);
/* What helps where an intermediate is over, which its own authority alone can mend. */
#define NJ_JUDGE_NEW_INTERMEDIATE                                                                  \
    "have the intermediate signed again by its CA, and put it behind the certificate in its file"
/* The authority's own certificate with new dates. */
void nj_judge_mend_by_new_dates_of_ca(struct nj_finding *f, const char *ca_file);
/* A list of the revoked, in the place of `crl_file` (NULL: not known). */
void nj_judge_mend_by_new_crl(struct nj_finding *f, const char *crl_file);
/* The list of the CA in `ca_file` (NULL: not known) in the place of another's: that authority would
 * only write its own again. */
void nj_judge_mend_by_crl_of(struct nj_finding *f, const char *crl_file, const char *ca_file);
/* A CA that is of no use is made anew beside the old one, and what it signed with it. */
void nj_judge_mend_by_new_authority(struct nj_finding *f, const struct nj_judge_chain *c);
/* `path` as the option of the side that judges. */
void nj_judge_mend_by_cafile(struct nj_finding *f, const struct nj_judge_chain *c,
                             const char *path);

/* ---- judge.c ---- */

/* Add a copy, unless the same is there about the same certificate. */
void nj_judge_keep(struct nj_findings *out, const struct nj_finding *f);

#endif
