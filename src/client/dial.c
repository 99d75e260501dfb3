/* SPDX-License-Identifier: Apache-2.0 */
#include "client/dial.h"

#include "base/compiler.h"
#include "client/srv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static void
add_address(struct nj_dial *d, const void *address, socklen_t n)
{
    if (d->count == NJ_DIAL_ADDRESSES || n > sizeof(d->addresses[0]))
        return;
    memcpy(&d->addresses[d->count], address, n);
    d->lengths[d->count++] = n;
}

static void
add_loopback(struct nj_dial *d, uint16_t port)
{
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = in6addr_loopback};
    struct sockaddr_in four = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    add_address(d, &six, sizeof(six));
    add_address(d, &four, sizeof(four));
}

/* Not more than so many addresses of a host; 0, or what getaddrinfo() says. */
static int
add_host(struct nj_dial *d, const char *host, uint16_t port, size_t most)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    char service[8];
    int failed;

    if (strcmp(host, "localhost") == 0) {
        add_loopback(d, port);
        return 0;
    }
    (void)snprintf(service, sizeof(service), "%u", port);
    failed = getaddrinfo(host, service, &hints, &found);
    if (failed != 0)
        return failed;
    for (const struct addrinfo *a = found; a != NULL && most > 0; a = a->ai_next, most--)
        add_address(d, a->ai_addr, a->ai_addrlen);
    freeaddrinfo(found);
    return 0;
}

/* Every host that serves the domain gets its share of the addresses that are tried. One that has
 * none is passed over, unless none has any. */
static enum nj_client_err
look_up_service(struct nj_dial *d, const struct nj_client_opts *opts)
{
    struct nj_srv found;
    enum nj_client_err err =
        nj_srv_look_up(&found, opts->host, opts->tls != NULL, d->detail, sizeof(d->detail));

    if (err != NJ_CLIENT_OK)
        return err;
    for (size_t i = 0; i < found.count; i++) {
        const struct nj_srv_target *t = &found.at[i];
        int failed = add_host(d, t->host, t->port, NJ_DIAL_ADDRESSES / found.count);

        if (failed != 0)
            (void)snprintf(d->detail, sizeof(d->detail),
                           "%s, which serves %s by its SRV record: %s", t->host,
                           opts->host != NULL ? opts->host : "this domain", gai_strerror(failed));
    }
    return d->count > 0 ? NJ_CLIENT_OK : NJ_CLIENT_ELOOKUP;
}

enum nj_client_err
nj_dial_look_up(struct nj_dial *d, const struct nj_client_opts *opts)
{
    int failed;

    d->count = 0;
    if (opts->unix_path != NULL) {
        struct sockaddr_un local = {.sun_family = AF_UNIX};

        if (strlen(opts->unix_path) >= sizeof(local.sun_path)) {
            (void)snprintf(d->detail, sizeof(d->detail), "the path of the socket is too long");
            return NJ_CLIENT_ELOOKUP;
        }
        memcpy(local.sun_path, opts->unix_path, strlen(opts->unix_path) + 1);
        add_address(d, &local, sizeof(local));
        return NJ_CLIENT_OK;
    }
    if (opts->srv)
        return look_up_service(d, opts);
    failed = add_host(d, opts->host, opts->port, NJ_DIAL_ADDRESSES);
    if (failed != 0)
        (void)snprintf(d->detail, sizeof(d->detail), "%s", gai_strerror(failed));
    return d->count > 0 ? NJ_CLIENT_OK : NJ_CLIENT_ELOOKUP;
}

/* From the address that the options name; 0 or errno. */
static int
bind_to(int fd, sa_family_t family, const char *address)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int error = 0;

    if (getaddrinfo(address, NULL, &hints, &found) != 0)
        return EADDRNOTAVAIL;
    if (bind(fd, found->ai_addr, found->ai_addrlen) != 0)
        error = errno;
    freeaddrinfo(found);
    return error;
}

static void
give_up(struct nj_dial *d, int error)
{
    d->error = error;
    if (d->fd >= 0)
        (void)close(d->fd);
    d->fd = -1;
    d->at++;
}

/* From the present address on: the first that does not fail at once. */
static enum nj_dial_result
try_on(struct nj_dial *d, const struct nj_client_opts *opts, nj_time now)
{
    const int one = 1;

    for (; d->at < d->count;) {
        const struct sockaddr *address = (const struct sockaddr *)&d->addresses[d->at];
        sa_family_t family = address->sa_family;
        int error = 0;

        d->fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (d->fd < 0) {
            give_up(d, errno);
            continue;
        }
        if (opts->nodelay && family != AF_UNIX)
            (void)setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (opts->bind_address != NULL && family != AF_UNIX)
            error = bind_to(d->fd, family, opts->bind_address);
        if (error == 0 && connect(d->fd, address, d->lengths[d->at]) == 0)
            return NJ_DIAL_CONNECTED;
        if (error == 0 && errno == EINPROGRESS) {
            d->deadline = now + (nj_time)opts->connect_timeout_ms;
            return NJ_DIAL_WAITING;
        }
        give_up(d, error != 0 ? error : errno);
    }
    return NJ_DIAL_FAILED;
}

enum nj_dial_result
nj_dial_start(struct nj_dial *d, const struct nj_client_opts *opts, nj_time now)
{
    d->at = 0;
    d->fd = -1;
    d->error = 0;
    return try_on(d, opts, now);
}

enum nj_dial_result
nj_dial_go_on(struct nj_dial *d, const struct nj_client_opts *opts, bool is_writable, nj_time now)
{
    int error = 0;
    socklen_t n = sizeof(error);

    if (!is_writable) {
        if (now < d->deadline)
            return NJ_DIAL_WAITING;
        error = ETIMEDOUT;
    } else if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0) {
        error = errno;
    }
    if (error == 0)
        return NJ_DIAL_CONNECTED;
    give_up(d, error);
    return try_on(d, opts, now);
}
