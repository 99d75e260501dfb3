/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h — listening sockets, opened once before privileges are dropped, watched by every
 * worker.
 *
 * No SO_REUSEPORT: a second broker on the port must fail with "Address already in use". */
#ifndef NJ_NET_LISTENER_H
#define NJ_NET_LISTENER_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

enum nj_family {
    NJ_FAMILY_ANY,
    NJ_FAMILY_IPV4,
    NJ_FAMILY_IPV6,
};

struct nj_listen_opts {
    const char *address; /* NULL: all; a name is resolved, blocking */
    uint16_t port;
    const char *unix_path; /* instead of address and port; an old socket there is replaced, another
                              file is an error */
    const char *bind_interface; /* NULL: none */
    enum nj_family family;
    int backlog; /* 0: the system's largest */
};

struct nj_listening {
    int fd;
    int family;       /* AF_INET, AF_INET6, AF_UNIX: for "Opening ipv4 listen socket on port N." */
    uint16_t port;    /* as bound, also where 0 was asked for */
    char address[64]; /* as bound, or the Unix path */
};

/* Room for what one listener opens (several families, several addresses of a name). */
#define NJ_LISTEN_MAX 16

/**
 * Open all sockets of one listener: non-blocking, close-on-exec, IPv6 without IPv4 inside.
 *
 * out, count  written on NJ_OK.
 * Errors      NJ_ESYS, NJ_EINVAL with a diag ("Error: Address already in use" and which); none is
 *             left open.
 */
NJ_NODISCARD enum nj_err nj_listen(struct nj_listening out[NJ_LISTEN_MAX], size_t *count,
                                   const struct nj_listen_opts *opts, struct nj_diag *diag);

/* Raise the soft limit of descriptors to the hard one; what it is now. */
uint64_t nj_descriptor_limit_raise(void);

#endif
