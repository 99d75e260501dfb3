/* SPDX-License-Identifier: Apache-2.0 */
/* explain.h — what went wrong with TLS, told to the person at the client: the cause in the first
 * line; below it the certificate, and the commands that mend it, to be typed as they stand. The
 * words are those of pki/finding.def. */
#ifndef NJ_CLIENT_EXPLAIN_H
#define NJ_CLIENT_EXPLAIN_H

#include "net/tls_fault.h"

#include <nightjar/client.h>

/* Both give a text for nj_free(), NULL without memory. */
char *nj_explain_diag(const struct nj_diag *diag);
/* Blocks for our own files, where only the broker knows why it refused: what is wrong with them
 * comes first. */
char *nj_explain_fault(const struct nj_tls_fault *fault, const struct nj_client_opts *opts);

#endif
