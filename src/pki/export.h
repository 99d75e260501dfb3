/* SPDX-License-Identifier: Apache-2.0 */
/* export.h — certificate, key and authority of one host or client in the one file that its software
 * wants. What holds the key is written 0600.
 * Errors: NJ_EEXIST, NJ_EINVAL (the files do not belong together), NJ_ENOENT, NJ_ESYS, NJ_ENOMEM.
 */
#ifndef NJ_PKI_EXPORT_H
#define NJ_PKI_EXPORT_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* `folder` holds `stem`.crt, `stem`.key and ca.crt; `stem` is "server" or "client". `path` is
 * written.
 *
 * One PEM: certificate, authority, key; what `curl --cert` or HAProxy take. */
NJ_NODISCARD enum nj_err nj_export_pem(const char *folder, const char *stem, const char *path,
                                       bool is_replacing, struct nj_diag *diag);
/* The three as strings of a C header: ca_crt, STEM_crt, STEM_key. A key that is not there is left
 * out. */
NJ_NODISCARD enum nj_err nj_export_header(const char *folder, const char *stem, const char *path,
                                          bool is_replacing, struct nj_diag *diag);
/* PKCS#12, encrypted with AES-256 under `phrase`; `label` is what a key store shows. */
NJ_NODISCARD enum nj_err nj_export_p12(const char *folder, const char *stem, const char *label,
                                       struct nj_str phrase, const char *path, bool is_replacing,
                                       struct nj_diag *diag);

#endif
