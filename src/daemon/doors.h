/* SPDX-License-Identifier: Apache-2.0 */
/* doors.h — what the broker listens on: the sockets of all listeners, open for the life of the
 * process. A reload leaves them as they are. Thread: the one that starts the broker. */
#ifndef NJ_DAEMON_DOORS_H
#define NJ_DAEMON_DOORS_H

#include "net/listener.h"
#include "server/server.h"

/* Zeroed: none. */
struct nj_doors {
    struct nj_listening *socket; /* owned */
    struct nj_door *door;        /* owned; one for each socket, in the same order */
    size_t count;
};

/* Each that is opened is told to the log. Errors: nj_listen()'s, NJ_ESYS where none could be
 * opened, NJ_ENOMEM; what was opened is still to be closed. */
NJ_NODISCARD enum nj_err nj_doors_open(struct nj_doors *d, const struct nj_server_opts *opts,
                                       struct nj_diag *diag);
void nj_doors_close(struct nj_doors *d);

#endif
