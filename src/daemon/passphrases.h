/* SPDX-License-Identifier: Apache-2.0 */
/* passphrases.h — those of encrypted keys, asked for at the terminal when the broker starts, and
 * kept for the reloads: nobody sits at the terminal then, and a broker that waits for an answer
 * would not hear its signals. Thread: the one that starts and reloads the broker. */
#ifndef NJ_DAEMON_PASSPHRASES_H
#define NJ_DAEMON_PASSPHRASES_H

#include "base/secret.h"

#define NJ_PASSPHRASES_MAX 64

/* Zeroed: none, and nobody is asked. */
struct nj_passphrases {
    struct nj_known_passphrase {
        char *path;
        struct nj_secret secret;
    } at[NJ_PASSPHRASES_MAX];
    size_t count;
    bool may_ask; /* at the terminal */
};

/* For struct nj_tls_opts: `known` is a struct nj_passphrases. */
int nj_passphrases_give(void *known, const char *path, char *out, int room);
/* They are wiped. */
void nj_passphrases_fini(struct nj_passphrases *p);

#endif
