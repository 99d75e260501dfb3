/* SPDX-License-Identifier: Apache-2.0 */
/* inspect.h — everything that a file of certificates, requests, keys or CRLs says, as openssl
 * prints it, and a verdict in plain words. Of a private key only the public half is shown. Errors:
 * as nj_pki_file_read(). */
#ifndef NJ_PKI_INSPECT_H
#define NJ_PKI_INSPECT_H

#include "base/err.h"
#include "pki/file.h"

#include <stdbool.h>
#include <stdio.h>

struct nj_inspect_opts {
    const char *passin; /* as in passphrase.h; NULL: the terminal is asked, where there is one */
    const char
        *cafile;      /* by which a certificate is judged; NULL: ca.crt beside it, if it is there */
    const char *host; /* what clients type to reach it; NULL: names are not judged */
};

/* `is_good`: nothing was found that would be refused. */
NJ_NODISCARD enum nj_err nj_inspect_print(const char *path, const struct nj_inspect_opts *opts,
                                          FILE *out, bool *is_good, struct nj_diag *diag);
/* The same with a file that was read; `cafile` and `host` as above. */
NJ_NODISCARD enum nj_err nj_inspect_file(const struct nj_pki_file *file, const char *cafile,
                                         const char *host, FILE *out, bool *is_good,
                                         struct nj_diag *diag);

#endif
