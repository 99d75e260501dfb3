/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked for (a name, an interface, a path) first becomes a short list of addresses, then
 * each address becomes a socket. All of them are opened or none is. */
#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct target {
    struct sockaddr_storage address;
    socklen_t length;
};

struct targets {
    struct target list[NJ_LISTEN_MAX];
    size_t count;
};

static void
add_target(struct targets *targets, const struct sockaddr *address, socklen_t length)
{
    struct target t = {.length = length};

    memcpy(&t.address, address, length);
    for (size_t i = 0; i < targets->count; i++) /* /etc/hosts may name an address twice */
        if (targets->list[i].length == length &&
            memcmp(&targets->list[i].address, &t.address, length) == 0)
            return;
    if (targets->count < NJ_LISTEN_MAX)
        targets->list[targets->count++] = t;
}

static bool
is_wanted(int family, enum nj_family wanted)
{
    return (family == AF_INET && wanted != NJ_FAMILY_IPV6) ||
           (family == AF_INET6 && wanted != NJ_FAMILY_IPV4);
}

static void
set_port(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET)
        ((struct sockaddr_in *)(void *)address)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons(port);
}

static uint16_t
port_of(const struct sockaddr_storage *address)
{
    struct sockaddr_in in;
    struct sockaddr_in6 in6;

    if (address->ss_family == AF_INET) {
        memcpy(&in, address, sizeof(in));
        return ntohs(in.sin_port);
    }
    memcpy(&in6, address, sizeof(in6));
    return ntohs(in6.sin6_port);
}

/* ---- which addresses ---- */

static void
add_everywhere(struct targets *targets, enum nj_family family)
{
    const struct sockaddr_in any4 = {.sin_family = AF_INET};
    const struct sockaddr_in6 any6 = {.sin6_family = AF_INET6};

    if (is_wanted(AF_INET, family))
        add_target(targets, (const struct sockaddr *)&any4, sizeof(any4));
    if (is_wanted(AF_INET6, family))
        add_target(targets, (const struct sockaddr *)&any6, sizeof(any6));
}

static enum nj_err
add_name(struct targets *targets, const char *name, enum nj_family family, struct nj_diag *diag)
{
    const struct addrinfo hints = {
        .ai_family = family == NJ_FAMILY_IPV4   ? AF_INET
                     : family == NJ_FAMILY_IPV6 ? AF_INET6
                                                : AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_PASSIVE,
    };
    struct addrinfo *found = NULL;
    int error = getaddrinfo(name, NULL, &hints, &found);

    if (error != 0)
        return nj_diag_fail(diag, NJ_EINVAL, "Error: Unable to listen on '%s': %s", name,
                            error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error));
    for (const struct addrinfo *a = found; a != NULL; a = a->ai_next)
        if (is_wanted(a->ai_family, family))
            add_target(targets, a->ai_addr, a->ai_addrlen);
    freeaddrinfo(found);
    if (targets->count == 0)
        return nj_diag_fail(diag, NJ_EINVAL, "Error: '%s' has no address to listen on.", name);
    return NJ_OK;
}

/* Its addresses, not SO_BINDTODEVICE: a connection to the interface's address that comes in through
 * another one is accepted, as Mosquitto does. */
static enum nj_err
add_interface(struct targets *targets, const char *name, enum nj_family family,
              struct nj_diag *diag)
{
    struct ifaddrs *all = NULL;

    if (if_nametoindex(name) == 0)
        return nj_diag_fail(diag, NJ_EINVAL, "Error: Interface %s does not exist.", name);
    if (getifaddrs(&all) < 0)
        return nj_diag_fail(diag, NJ_ESYS, "Error: %s", strerror(errno));
    for (const struct ifaddrs *i = all; i != NULL; i = i->ifa_next)
        if (i->ifa_addr != NULL && strcmp(i->ifa_name, name) == 0 &&
            is_wanted(i->ifa_addr->sa_family, family))
            add_target(targets, i->ifa_addr,
                       i->ifa_addr->sa_family == AF_INET ? sizeof(struct sockaddr_in)
                                                         : sizeof(struct sockaddr_in6));
    freeifaddrs(all);
    if (targets->count == 0)
        return nj_diag_fail(diag, NJ_EINVAL,
                            "Error: Interface %s has no address of the wanted kind.", name);
    return NJ_OK;
}

static enum nj_err
find_targets(struct targets *targets, const struct nj_listen_opts *opts, struct nj_diag *diag)
{
    if (opts->address != NULL)
        return add_name(targets, opts->address, opts->family, diag);
    if (opts->bind_interface != NULL)
        return add_interface(targets, opts->bind_interface, opts->family, diag);
    add_everywhere(targets, opts->family);
    return NJ_OK;
}

/* ---- sockets ---- */

/* The text is the line that Mosquitto logs; where it happened is in the hint. */
static enum nj_err
fail(struct nj_diag *diag, int error, const char *where, uint16_t port)
{
    enum nj_err err = nj_diag_fail(diag, error == EMFILE || error == ENFILE ? NJ_ENOFD : NJ_ESYS,
                                   "Error: %s", strerror(error));

    if (port > 0)
        nj_diag_hint(diag, "This was about listening on %s, port %u.%s", where, port,
                     error == EADDRINUSE ? " Is another broker running?" : "");
    else
        nj_diag_hint(diag, "This was about listening on %s.", where);
    errno = error;
    return err;
}

static bool
set_options(int fd, int family, const struct nj_listen_opts *opts)
{
    const int one = 1;

    /* Against the wait of two minutes after a restart. A second broker still fails to listen. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
        return false;
    /* Each accepted socket inherits it, and needs no call of its own. */
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0)
        return false;
    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
        return false;
    return opts->bind_interface == NULL || opts->address == NULL ||
           setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, opts->bind_interface,
                      (socklen_t)strlen(opts->bind_interface)) == 0;
}

static int
backlog_of(const struct nj_listen_opts *opts)
{
    return opts->backlog > 0 ? opts->backlog : INT_MAX; /* the kernel cuts it to somaxconn */
}

/* 0 and `out` is written, or errno's value. */
static int
open_target(struct nj_listening *out, const struct target *target,
            const struct nj_listen_opts *opts)
{
    struct sockaddr_storage bound = {0};
    socklen_t length = sizeof(bound);
    struct nj_listening l = {.family = target->address.ss_family};
    const void *ip;
    int error = 0;

    l.fd = socket(l.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l.fd < 0)
        return errno;
    if (!set_options(l.fd, l.family, opts) ||
        bind(l.fd, (const struct sockaddr *)&target->address, target->length) < 0 ||
        listen(l.fd, backlog_of(opts)) < 0 ||
        getsockname(l.fd, (struct sockaddr *)&bound, &length) < 0) {
        error = errno;
        (void)close(l.fd);
        return error;
    }
    l.port = port_of(&bound);
    ip = l.family == AF_INET ? (const void *)&((struct sockaddr_in *)(void *)&bound)->sin_addr
                             : (const void *)&((struct sockaddr_in6 *)(void *)&bound)->sin6_addr;
    (void)inet_ntop(l.family, ip, l.address, sizeof(l.address));
    *out = l;
    return 0;
}

static bool
is_lack_of_ipv6(const struct target *target, int error)
{
    return target->address.ss_family == AF_INET6 &&
           (error == EAFNOSUPPORT || error == EADDRNOTAVAIL);
}

static void
close_all(struct nj_listening *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        nj_listening_close(&list[i]);
}

/* 0 and all are open, or errno's value, none is, and `failed` is the one to blame. */
static int
open_targets(struct nj_listening *list, size_t *count, struct targets *targets, size_t *failed,
             const struct nj_listen_opts *opts)
{
    uint16_t port = opts->port;
    size_t n = 0;
    int skipped = 0;

    for (size_t i = 0; i < targets->count; i++) {
        struct target *t = &targets->list[i];
        struct nj_listening l = {.fd = -1};
        int error;

        set_port(&t->address, port);
        error = open_target(&l, t, opts);
        if (error != 0 && opts->family == NJ_FAMILY_ANY && is_lack_of_ipv6(t, error)) {
            *failed = i;
            skipped = error;
            continue;
        }
        if (error != 0) {
            *failed = i;
            close_all(list, n);
            return error;
        }
        list[n++] = l;
        port = l.port; /* where any port would do, all families get the same one */
    }
    *count = n;
    return n > 0 ? 0 : skipped;
}

static enum nj_err
listen_tcp(struct nj_listening *list, size_t *count, const struct nj_listen_opts *opts,
           struct nj_diag *diag)
{
    struct targets targets = {0};
    char where[INET6_ADDRSTRLEN] = "";
    size_t failed = 0;
    int error = EADDRINUSE;
    enum nj_err err = find_targets(&targets, opts, diag);

    if (err != NJ_OK)
        return err;
    /* A free port of the first family may be taken in the second: then draw again. */
    for (int tries = opts->port == 0 ? 16 : 1; tries > 0 && error == EADDRINUSE; tries--)
        error = open_targets(list, count, &targets, &failed, opts);
    if (error == 0)
        return NJ_OK;
    (void)getnameinfo((struct sockaddr *)&targets.list[failed].address, targets.list[failed].length,
                      where, sizeof(where), NULL, 0, NI_NUMERICHOST);
    return fail(diag, error, where, opts->port);
}

/* ---- Unix sockets ---- */

/* 0: nobody listens there and the way is free; else errno's value. */
static int
clear_path(const struct sockaddr_un *address)
{
    struct stat st;
    int fd, error;

    if (lstat(address->sun_path, &st) < 0)
        return errno == ENOENT ? 0 : errno;
    if (!S_ISSOCK(st.st_mode))
        return EEXIST;

    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    error = connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
    (void)close(fd);
    switch (error) {
    case 0:
    case EAGAIN:     /* somebody listens, and is busy */
    case EPROTOTYPE: /* somebody has it, for datagrams */
        return EADDRINUSE;
    case ECONNREFUSED: /* what a broker left behind that did not end in order */
        return unlink(address->sun_path) < 0 && errno != ENOENT ? errno : 0;
    default:
        return error;
    }
}

static int
open_unix(int *fd, const struct sockaddr_un *address, const struct nj_listen_opts *opts)
{
    int error = clear_path(address);

    if (error != 0)
        return error;
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return errno;
    if (bind(*fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
        listen(*fd, backlog_of(opts)) == 0)
        return 0;
    error = errno;
    (void)close(*fd);
    return error;
}

static enum nj_err
listen_unix(struct nj_listening *out, const struct nj_listen_opts *opts, struct nj_diag *diag)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct nj_listening l = {.family = AF_UNIX};
    size_t n = strlen(opts->unix_path);
    int error;

    _Static_assert(sizeof(l.address) >= sizeof(address.sun_path), "a path must fit");
    if (n == 0 || n >= sizeof(address.sun_path))
        return nj_diag_fail(diag, NJ_EINVAL,
                            "Error: The path of a unix socket has 1 to %zu characters, '%s' has "
                            "%zu.",
                            sizeof(address.sun_path) - 1, opts->unix_path, n);
    memcpy(address.sun_path, opts->unix_path, n + 1);
    error = open_unix(&l.fd, &address, opts);
    if (error == EEXIST) {
        enum nj_err err =
            nj_diag_fail(diag, NJ_EINVAL, "Error: '%s' exists and is no socket.", opts->unix_path);

        nj_diag_hint(diag, "Remove it, or name another path.");
        return err;
    }
    if (error != 0)
        return fail(diag, error, opts->unix_path, 0);
    memcpy(l.address, opts->unix_path, n + 1);
    *out = l;
    return NJ_OK;
}

/* ---- all of it ---- */

enum nj_err
nj_listen(struct nj_listening out[NJ_LISTEN_MAX], size_t *count, const struct nj_listen_opts *opts,
          struct nj_diag *diag)
{
    struct nj_listening list[NJ_LISTEN_MAX];
    size_t n = 1;
    enum nj_err err;

    if (opts->unix_path != NULL)
        err = listen_unix(&list[0], opts, diag);
    else
        err = listen_tcp(list, &n, opts, diag);
    if (err != NJ_OK)
        return err;
    memcpy(out, list, n * sizeof(list[0]));
    *count = n;
    return NJ_OK;
}

void
nj_listening_close(struct nj_listening *l)
{
    if (l->fd < 0)
        return;
    /* First the name, then the socket: the other way round, a broker that starts at this moment
     * would find the path free of listeners, take it, and lose it to us. */
    if (l->family == AF_UNIX)
        (void)unlink(l->address);
    (void)close(l->fd);
    l->fd = -1;
}

uint64_t
nj_descriptor_limit_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    if (limit.rlim_cur < limit.rlim_max) {
        rlim_t before = limit.rlim_cur;

        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            limit.rlim_cur = before;
    }
    return (uint64_t)limit.rlim_cur;
}
