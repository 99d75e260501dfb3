/* SPDX-License-Identifier: Apache-2.0 */
/* expiry.h — warnings before certificates, authorities, lists of revoked ones and stapled responses
 * end: 30, 7 and 1 days before, and when they have; once each, however often the files are loaded
 * again.
 *
 * A list that is made anew every week would always be about to end: of a list, and of a response, a
 * step is said only where it lasts at least twice as long.
 * Thread: the one that starts and reloads the broker. */
#ifndef NJ_DAEMON_EXPIRY_H
#define NJ_DAEMON_EXPIRY_H

#include "server/opts.h"

#include <stdint.h>

#define NJ_EXPIRY_KINDS 4 /* of enum nj_tls_dated */

/* Zeroed: nothing was looked at yet. */
struct nj_expiry {
    int64_t soonest_s[NJ_EXPIRY_KINDS]; /* since 1970, of each kind; INT64_MAX: there is none */
    uint64_t warnings;                  /* said so far */
    /* private */
    struct nj_expiry_said *said; /* what is about to end, and how far that was told */
    size_t said_count;
};

void nj_expiry_look(struct nj_expiry *e, const struct nj_listener_opts *listeners, size_t count,
                    int64_t now_s);
void nj_expiry_fini(struct nj_expiry *e);

#endif
