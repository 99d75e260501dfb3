/* SPDX-License-Identifier: Apache-2.0 */
/* pki_config.h — the command line of `nightjar pki`, read; its words, printed. Private to pki*.c.
 */
#ifndef NJ_CMD_PKI_CONFIG_H
#define NJ_CMD_PKI_CONFIG_H

#include "base/secret.h"
#include "cmd/verbs.h"
#include "pki/names.h"

#include <stdio.h>

/* The verbs, as bits, in the order of the help. */
enum nj_pki_verb {
    NJ_PKI_INIT = 0x1,
    NJ_PKI_SERVER = 0x2,
    NJ_PKI_CLIENT = 0x4,
    NJ_PKI_SIGN = 0x8,
    NJ_PKI_REVOKE = 0x10,
    NJ_PKI_WRITE_CRL = 0x20,
    NJ_PKI_RENEW = 0x40,
    NJ_PKI_LIST = 0x80,
    NJ_PKI_INSPECT = 0x100,
    NJ_PKI_EXPORT = 0x200,
};

struct nj_pki_config {
    enum nj_pki_verb verb;
    const char *operand; /* NAME, ID, FILE; NULL: none was given */
    const char *dir, *name, *as, *profile, *reason, *out, *cafile, *host;
    struct nj_secret passin, passout; /* terminated; empty: not given */
    struct nj_names names;
    uint32_t days, within; /* 0: not given */
    bool is_rsa, is_encrypted, allows_wildcard, is_forced, is_explained, is_new_key, is_authority,
        is_json, is_p12, is_pem, is_header;
};

/* Texts are lent from argv, in which secrets are overwritten. `c` is zeroed; nj_pki_config_fini()
 * in every case. */
enum nj_parsed nj_pki_config_load(struct nj_pki_config *c, int argc, char **argv);
void nj_pki_config_fini(struct nj_pki_config *c);

#endif
