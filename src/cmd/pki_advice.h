/* SPDX-License-Identifier: Apache-2.0 */
/* pki_advice.h — what `nightjar pki` says is to be done with what it made; it works as it stands.
 */
#ifndef NJ_CMD_PKI_ADVICE_H
#define NJ_CMD_PKI_ADVICE_H

#include "cmd/pki_config.h"
#include "pki/authority.h"

#include <limits.h>

/* For the broker's configuration, the client's command line, or the host that has the key. */
void nj_pki_advise(const struct nj_pki_config *c, const struct nj_issued *made);

/* A path that works from anywhere, for configuration files and command lines. */
const char *nj_pki_whole(const char *path, char out[PATH_MAX]);

#endif
