/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/doors.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <sys/socket.h>

static void
say_opened(const struct nj_listening *l)
{
    if (l->family == AF_UNIX)
        nj_log(NJ_LOG_INFO, "Opening unix listen socket on path %s.", l->address);
    else
        nj_log(NJ_LOG_INFO, "Opening %s listen socket on port %u.",
               l->family == AF_INET6 ? "ipv6" : "ipv4", l->port);
}

static enum nj_family
family_of(enum nj_socket_domain domain)
{
    switch (domain) {
    case NJ_SOCKET_ANY:
        return NJ_FAMILY_ANY;
    case NJ_SOCKET_IPV4:
        return NJ_FAMILY_IPV4;
    case NJ_SOCKET_IPV6:
        return NJ_FAMILY_IPV6;
    }
    return NJ_FAMILY_ANY;
}

static enum nj_err
open_listener(struct nj_doors *d, const struct nj_listener_opts *l, size_t i, struct nj_diag *diag)
{
    struct nj_listen_opts opts = {
        .address = l->address,
        .port = l->port,
        .unix_path = l->unix_path,
        .bind_interface = l->bind_interface,
        .family = family_of(l->socket_domain),
    };
    struct nj_listening found[NJ_LISTEN_MAX];
    size_t count = 0;
    enum nj_err err = nj_listen(found, &count, &opts, diag);

    /* Of the loopback's two families one may be missing. */
    if (err != NJ_OK && l->is_local_only && errno == EADDRNOTAVAIL)
        return NJ_OK;
    if (err != NJ_OK)
        return err;
    for (size_t k = 0; k < count; k++) {
        d->socket[d->count] = found[k];
        d->door[d->count++] =
            (struct nj_door){.fd = found[k].fd, .port = found[k].port, .listener = i};
        say_opened(&found[k]);
    }
    return NJ_OK;
}

enum nj_err
nj_doors_open(struct nj_doors *d, const struct nj_server_opts *opts, struct nj_diag *diag)
{
    size_t listeners = opts->listener_count;

    d->socket = nj_alloc_array(listeners * NJ_LISTEN_MAX, sizeof(*d->socket));
    d->door = nj_alloc_array(listeners * NJ_LISTEN_MAX, sizeof(*d->door));
    if (d->socket == NULL || d->door == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    for (size_t i = 0; i < listeners; i++) {
        enum nj_err err = open_listener(d, &opts->listeners[i], i, diag);

        if (err != NJ_OK)
            return err;
    }
    if (d->count == 0)
        return nj_diag_fail(diag, NJ_ESYS,
                            "Error: Unable to start any listening sockets, exiting.");
    return NJ_OK;
}

void
nj_doors_close(struct nj_doors *d)
{
    for (size_t i = 0; i < d->count; i++)
        nj_listening_close(&d->socket[i]);
    nj_free(d->socket);
    nj_free(d->door);
    *d = (struct nj_doors){0};
}
