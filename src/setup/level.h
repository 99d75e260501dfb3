/* SPDX-License-Identifier: Apache-2.0 */
/* level.h — the four levels of protection that a broker can be set up for, each with all that the
 * one before has proved wanting.
 *
 *     open       nothing; on the loopback alone
 *     password   who connects says who he is; all of it in clear
 *     tls        the same, and nobody reads along
 *     mtls       keys instead of passwords, on both sides
 *
 * Thread: any. */
#ifndef NJ_SETUP_LEVEL_H
#define NJ_SETUP_LEVEL_H

#include "base/compiler.h"

#include <stdbool.h>

enum nj_level {
    NJ_LEVEL_OPEN,
    NJ_LEVEL_PASSWORD,
    NJ_LEVEL_TLS,
    NJ_LEVEL_MTLS,
};
#define NJ_LEVELS 4

struct nj_level_facts {
    const char *name;
    const char *title;   /* a few words */
    unsigned port;       /* the usual one */
    const char *exposed; /* what an eavesdropper learns; lines, for people */
};

const struct nj_level_facts *nj_level_facts(enum nj_level level);
/* False: there is none of that name. */
NJ_NODISCARD bool nj_level_find(enum nj_level *out, const char *name);

#endif
