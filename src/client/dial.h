/* SPDX-License-Identifier: Apache-2.0 */
/* dial.h — from a name to a connected socket, one address after the other, without blocking but for
 * the look-up of names: that of a host, or those of all hosts that serve a domain (srv.h).
 *
 * "localhost" is ::1 and then 127.0.0.1, whatever a resolver says (RFC 6761). */
#ifndef NJ_CLIENT_DIAL_H
#define NJ_CLIENT_DIAL_H

#include "base/clock.h"

#include <nightjar/client.h>
#include <sys/socket.h>

#define NJ_DIAL_ADDRESSES 16

struct nj_dial {
    struct sockaddr_storage addresses[NJ_DIAL_ADDRESSES];
    socklen_t lengths[NJ_DIAL_ADDRESSES];
    size_t count, at;
    int fd;           /* being connected, or connected; -1 */
    nj_time deadline; /* of the attempt under way */
    int error;        /* errno of the last attempt that failed */
    char detail[768]; /* what failed, for people; it may name two hosts */
};

enum nj_dial_result {
    NJ_DIAL_CONNECTED, /* take `fd` */
    NJ_DIAL_WAITING,   /* until `fd` is writable, or `deadline` */
    NJ_DIAL_FAILED,    /* every address failed */
};

/* Errors: ELOOKUP, ENOMEM. */
enum nj_client_err nj_dial_look_up(struct nj_dial *d, const struct nj_client_opts *opts);
/* Begin with the first address. */
enum nj_dial_result nj_dial_start(struct nj_dial *d, const struct nj_client_opts *opts,
                                  nj_time now);
/* `fd` became writable, or time has passed. */
enum nj_dial_result nj_dial_go_on(struct nj_dial *d, const struct nj_client_opts *opts,
                                  bool is_writable, nj_time now);

#endif
