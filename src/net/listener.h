/* SPDX-License-Identifier: Apache-2.0 */
/* listener.h — listening sockets, opened once at the start, watched by every worker.
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
    /* NULL: none. Alone it stands for the interface's addresses; with an address, only what comes
     * in through the interface is accepted (SO_BINDTODEVICE). */
    const char *bind_interface;
    enum nj_family family;
    int backlog; /* 0: the system's largest */
};

struct nj_listening {
    int fd;
    int family;        /* AF_INET, AF_INET6, AF_UNIX: for "Opening ipv4 listen socket on port N." */
    uint16_t port;     /* as bound, also where 0 was asked for */
    char address[108]; /* as bound, or the Unix path */
};

/* Room for what one listener opens (several families, several addresses of a name). */
#define NJ_LISTEN_MAX 16

/**
 * Open all sockets of one listener: non-blocking, close-on-exec, TCP_NODELAY (which accepted ones
 * inherit), IPv6 without IPv4 inside. With port 0, all of them get the same free port. A machine
 * without IPv6 is no error where the family is ANY and something else could be opened. A Unix
 * socket's mode is what the umask leaves.
 *
 * out, count  written on NJ_OK.
 * Errors      NJ_ESYS (errno says why), NJ_ENOFD, NJ_EINVAL; the diag's text is the log's line
 *             ("Error: Address already in use"), its hint says which address. None is left open.
 */
NJ_NODISCARD enum nj_err nj_listen(struct nj_listening out[NJ_LISTEN_MAX], size_t *count,
                                   const struct nj_listen_opts *opts, struct nj_diag *diag);

/* Close it, and remove the name of a Unix socket. Idempotent. */
void nj_listening_close(struct nj_listening *l);

/* Raise the soft limit of descriptors to the hard one; what it is now. */
uint64_t nj_descriptor_limit_raise(void);

#endif
