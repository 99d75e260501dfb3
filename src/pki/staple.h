/* SPDX-License-Identifier: Apache-2.0 */
/* staple.h — the OCSP response that a broker staples to its certificate: read, and judged as a
 * client does that asks for it. One judgement for the broker's start and for `doctor`.
 * Thread: any. */
#ifndef NJ_PKI_STAPLE_H
#define NJ_PKI_STAPLE_H

#include "pki/judge.h"

struct ocsp_response_st; /* OpenSSL's OCSP_RESPONSE */

/* The one in the file at `path`, in DER, up to 16 KiB; *out is for OCSP_RESPONSE_free(). Blocks for
 * the disk. Errors: NJ_ESYS, NJ_ECONFIG (it is none), said in diag. */
NJ_NODISCARD enum nj_err nj_staple_read(struct ocsp_response_st **out, const char *path,
                                        struct nj_diag *diag);
/* Whether it answers for this certificate; an error of the responder's answers for every one. NULL:
 * there is none. */
bool nj_staple_is_about(struct ocsp_response_st *response, const struct x509_st *certificate);
/**
 * What a client that asks for it makes of it. False: nothing is wrong.
 *
 * c     the certificate with its chain, what is trusted, and the clock. Whether its issuer has
 *       signed is asked only where that is among them.
 * path  of the file, for the words.
 */
bool nj_staple_judge(struct nj_finding *out, struct ocsp_response_st *response,
                     const struct nj_judge_chain *c, const char *path);

#endif
