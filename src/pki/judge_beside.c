/* SPDX-License-Identifier: Apache-2.0 */
/* judge_beside.c — the certificate that is missing often lies in the same folder, unused. */
#include "pki/judge_priv.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define LOOKED_AT_MAX 64

static bool
is_named_like_one(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL && dot != name &&
           (strcmp(dot, ".crt") == 0 || strcmp(dot, ".pem") == 0 || strcmp(dot, ".cer") == 0);
}

/* Whether the file's first certificate signed `x`. */
static bool
holds_signer(const char *path, X509 *x, bool *is_self_signed)
{
    const struct nj_pki_file_opts opts = {.wanted = NJ_PKI_CERTIFICATE};
    struct nj_pki_file file;
    bool is_it = false;

    if (nj_pki_file_read(&file, path, &opts, NULL) == NJ_OK && file.certificate_count == 1) {
        X509 *candidate = file.certificates[0];

        is_it = nj_judge_is_issuer_by_name(x, candidate) && X509_cmp(x, candidate) != 0 &&
                nj_judge_has_signed(candidate, x);
        *is_self_signed = is_it && nj_judge_has_signed(candidate, candidate);
    }
    nj_pki_file_fini(&file);
    return is_it;
}

bool
nj_judge_look_beside(const char *folder, X509 *x, struct nj_judge_beside *out)
{
    DIR *dir = opendir(folder);
    bool is_found = false;
    unsigned looked_at = 0;

    if (dir == NULL)
        return false;
    for (struct dirent *e = readdir(dir); e != NULL && !is_found; e = readdir(dir)) {
        if (!is_named_like_one(e->d_name))
            continue;
        if (++looked_at > LOOKED_AT_MAX)
            break;
        if ((size_t)snprintf(out->path, sizeof(out->path), "%s/%s", folder, e->d_name) <
            sizeof(out->path))
            is_found = holds_signer(out->path, x, &out->is_self_signed);
    }
    (void)closedir(dir);
    return is_found;
}
