/* SPDX-License-Identifier: Apache-2.0 */
/* greeting.h — what a person sees when the broker starts: what it was told, where it listens, how
 * secure each place is in the terms of the course, and two lines to try it with, which can be typed
 * as they stand. A listener that anybody can reach without TLS is a warning. */
#ifndef NJ_DAEMON_GREETING_H
#define NJ_DAEMON_GREETING_H

#include "config/config.h"
#include "daemon/doors.h"

/* All lent for the call. */
struct nj_greeting {
    const struct nj_config *config;
    const struct nj_doors *doors;
    unsigned workers;
    uint64_t descriptors; /* how many files may be open */
};

/* Before anything that can fail. */
void nj_greeting_start(const struct nj_config *config);
/* When it listens, before anybody is let in. */
void nj_greeting_running(const struct nj_greeting *g);

#endif
