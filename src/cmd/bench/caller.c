/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/bench/caller.h"

#include "cmd/bench/seal.h"

#include "base/assert.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_MS 10000
#define FIRST_SOURCE      2
#define SOURCES           1000u /* that are tried for one connection */
#define OTHER_DESCRIPTORS 16u
#define NAME_BYTES        128
/* Long enough that no PINGREQ is needed while a scenario runs, and the broker still keeps the timer
 * that every real client makes it keep. */
#define KEEP_ALIVE_S 900

void
nj_bench_die(const char *fmt, ...)
{
    int error = errno;
    va_list args;

    fputs("nightjar bench: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, error != 0 ? ": %s\n" : "\n", strerror(error));
    exit(2);
}

static void
grow(uint8_t **block, size_t *size, size_t needed)
{
    size_t bytes = *size > 0 ? *size : 256;

    if (needed <= *size)
        return;
    while (bytes < needed)
        bytes *= 2;
    *block = nj_realloc(*block, bytes);
    NJ_ASSERT(*block != NULL);
    *size = bytes;
}

static bool
is_loopback(const struct sockaddr_storage *address)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;

    return address->ss_family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 == 127;
}

/* 127.0.0.0 and so many. */
static void
bind_source(int fd, uint32_t host)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u | host)};

    /* The port is chosen at connect, so that each source address has all of them. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) != 0)
        nj_bench_die("cannot use the source address 127.0.0.0 + %u", host);
}

static bool
answers(const struct addrinfo *at)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return false;
    bool is_there = connect(fd, at->ai_addr, at->ai_addrlen) == 0;
    int error = errno;

    close(fd);
    errno = error;
    return is_there;
}

void
nj_bench_broker_find(struct nj_bench_broker *out, const char *host, uint16_t port)
{
    struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *all;
    char service[8];

    snprintf(service, sizeof(service), "%u", port);
    int failure = getaddrinfo(host, service, &wanted, &all);

    if (failure != 0) {
        errno = 0;
        nj_bench_die("there is no host '%s': %s", host, gai_strerror(failure));
    }

    const struct addrinfo *at = all;

    /* One address is the common case, and needs no trial. */
    while (at != NULL && all->ai_next != NULL && !answers(at))
        at = at->ai_next;
    if (at == NULL)
        nj_bench_die("cannot connect to %s, port %u", host, port);
    memcpy(&out->address, at->ai_addr, at->ai_addrlen);
    out->address_bytes = at->ai_addrlen;
    out->name = host;
    freeaddrinfo(all);
}

static ssize_t
give(struct nj_caller *p, const void *bytes, size_t n, int flags)
{
    return p->seal != NULL ? nj_seal_write(p->seal, bytes, n)
                           : send(p->fd, bytes, n, MSG_NOSIGNAL | flags);
}

static ssize_t
take(struct nj_caller *p, uint8_t *bytes, size_t n)
{
    return p->seal != NULL ? nj_seal_read(p->seal, bytes, n) : recv(p->fd, bytes, n, 0);
}

static void
say_connect(struct nj_caller *p, const struct nj_bench_broker *broker, const char *client_id,
            bool keeps_session)
{
    struct nj_wire_hello hello = {.version = broker->version,
                                  .keep_alive_s = KEEP_ALIVE_S,
                                  .keeps_session = keeps_session,
                                  .client_id = client_id,
                                  .username = broker->username,
                                  .password = broker->password};
    size_t secrets = (hello.username != NULL ? strlen(hello.username) : 0) +
                     (hello.password != NULL ? strlen(hello.password) : 0);
    uint8_t *packet = nj_alloc(NAME_BYTES + secrets + 64);

    NJ_ASSERT(packet != NULL);
    nj_caller_send(p, packet, nj_wire_connect_write(packet, &hello));
    nj_free(packet);
}

/* Connected, from the source address if it is not 0; -1 where that has no port left. */
static int
connect_from(const struct nj_bench_broker *broker, uint32_t host, const char *client_id)
{
    int fd = socket(broker->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        nj_bench_die("cannot make a socket for %s", client_id);
    if (host != 0)
        bind_source(fd, host);
    if (connect(fd, (const struct sockaddr *)&broker->address, broker->address_bytes) == 0)
        return fd;
    if (errno != EADDRNOTAVAIL || host == 0)
        nj_bench_die("cannot connect %s to %s", client_id, broker->name);
    close(fd);
    return -1;
}

/* How many ports there are is the system's choice, and who else has them its users'. */
static int
connect_caller(const struct nj_bench_broker *broker, uint32_t index, const char *client_id)
{
    uint32_t first = FIRST_SOURCE + index / NJ_CALLERS_PER_SOURCE;
    int fd = -1;

    if (!is_loopback(&broker->address))
        return connect_from(broker, 0, client_id);
    for (uint32_t host = first; fd < 0 && host < first + SOURCES; host++)
        fd = connect_from(broker, host, client_id);
    if (fd < 0)
        nj_bench_die("cannot connect %s to %s: %u source addresses have no port left", client_id,
                     broker->name, SOURCES);
    return fd;
}

void
nj_callers_expect(uint64_t count)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || count + OTHER_DESCRIPTORS <= limit.rlim_cur)
        return;
    errno = 0;
    nj_bench_die("%" PRIu64
                 " connections need as many descriptors, and this process may have %" PRIu64
                 " (ulimit -n)",
                 count, (uint64_t)limit.rlim_cur);
}

void
nj_caller_dial(struct nj_caller *p, const struct nj_bench_broker *broker,
               const struct nj_caller_as *as)
{
    char client_id[NAME_BYTES];

    snprintf(client_id, sizeof(client_id), "%s-%s-%06u", broker->prefix, as->role, as->index);
    *p = (struct nj_caller){.role = as->role, .index = as->index, .version = broker->version};
    p->fd = connect_caller(broker, as->index, client_id);
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (broker->tls != NULL)
        p->seal = nj_seal_new(broker->tls, p->fd, broker->session);
    say_connect(p, broker, client_id, as->keeps_session);
}

void
nj_caller_greet(struct nj_caller *p, struct nj_wire_welcome *out)
{
    uint8_t packet[512];
    struct nj_wire_frame f;

    *out = (struct nj_wire_welcome){0};
    errno = 0;
    if (!nj_caller_wait_packet(p, ANSWER_TIMEOUT_MS, packet, sizeof(packet), &f) ||
        f.type != NJ_WIRE_CONNACK || !nj_wire_welcome_read(&f, p->version, out))
        nj_bench_die("no CONNACK came for %s %u; the broker's log may say why, as where it has no "
                     "descriptors left",
                     p->role, p->index);
    if (out->reason != 0)
        nj_bench_die("the broker refuses %s %u with reason 0x%02x", p->role, p->index, out->reason);
}

void
nj_caller_open(struct nj_caller *p, const struct nj_bench_broker *broker,
               const struct nj_caller_as *as, struct nj_wire_welcome *out)
{
    nj_caller_dial(p, broker, as);
    nj_caller_greet(p, out);
}

void
nj_caller_subscribe(struct nj_caller *p, const char *filter, uint8_t qos)
{
    uint8_t packet[512];
    struct nj_wire_frame f;

    nj_caller_send(p, packet, nj_wire_subscribe_write(packet, p->version, 1, &filter, 1, qos));
    errno = 0;
    if (!nj_caller_wait_packet(p, ANSWER_TIMEOUT_MS, packet, sizeof(packet), &f) ||
        f.type != NJ_WIRE_SUBACK || f.body_bytes < 3 || f.body[f.body_bytes - 1] != qos)
        nj_bench_die("the subscription to %s at QoS %u is not granted", filter, qos);
}

void
nj_caller_set_nonblocking(struct nj_caller *p)
{
    if (fcntl(p->fd, F_SETFL, O_RDWR | O_NONBLOCK) != 0)
        nj_bench_die("cannot make a socket non-blocking");
}

bool
nj_caller_wait_packet(struct nj_caller *p, int timeout_ms, uint8_t *buffer, size_t bytes,
                      struct nj_wire_frame *f)
{
    size_t n = NJ_MIN(p->rest_bytes, bytes);

    if (n > 0)
        memcpy(buffer, p->rest, n);
    p->rest_bytes = 0;
    for (;;) {
        struct pollfd ready = {.fd = p->fd, .events = POLLIN};
        long length = nj_wire_frame_next(buffer, n, f);

        if (length > 0) {
            nj_caller_keep(p, buffer + length, n - (size_t)length);
            return true;
        }
        /* A broker that gathers small writes would otherwise wait for our delayed acknowledgement.
         */
        setsockopt(p->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
        if (n == bytes || poll(&ready, 1, timeout_ms) != 1)
            return false;

        ssize_t got = take(p, buffer + n, bytes - n);

        if (got <= 0)
            return false;
        n += (size_t)got;
    }
}

void
nj_caller_send(struct nj_caller *p, const void *bytes, size_t n)
{
    if (give(p, bytes, n, 0) != (ssize_t)n)
        nj_bench_die("cannot send");
}

void
nj_caller_close(struct nj_caller *p)
{
    uint8_t packet[2];

    if (!p->is_closed && !nj_caller_has_output(p))
        (void)give(p, packet, nj_wire_disconnect_write(packet), MSG_DONTWAIT);
    if (p->seal != NULL)
        nj_seal_end(p->seal);
    nj_seal_free(p->seal);
    close(p->fd);
    nj_free(p->out);
    nj_free(p->rest);
    *p = (struct nj_caller){.fd = -1, .is_closed = true};
}

uint8_t *
nj_caller_reserve(struct nj_caller *p, size_t n)
{
    if (!nj_caller_has_output(p))
        p->out_from = p->out_to = 0;
    grow(&p->out, &p->out_size, p->out_to + n);
    p->out_to += n;
    return p->out + p->out_to - n;
}

void
nj_caller_flush(struct nj_caller *p)
{
    if (p->is_closed)
        return;

    ssize_t n = give(p, p->out + p->out_from, p->out_to - p->out_from, 0);

    if (n >= 0)
        p->out_from += (size_t)n;
    else if (errno != EAGAIN)
        p->is_closed = true;
}

void
nj_caller_push(struct nj_caller *p)
{
    while (nj_caller_has_output(p) && !p->is_closed) {
        struct pollfd room = {.fd = p->fd, .events = POLLOUT};

        nj_caller_flush(p);
        errno = 0;
        if (nj_caller_has_output(p) && poll(&room, 1, ANSWER_TIMEOUT_MS) != 1)
            nj_bench_die("the broker does not read");
    }
}

size_t
nj_caller_read(struct nj_caller *p, uint8_t *buffer, size_t bytes)
{
    size_t before = p->rest_bytes;

    if (before >= bytes)
        nj_bench_die("a packet is larger than the read buffer");
    if (before > 0)
        memcpy(buffer, p->rest, before);
    p->rest_bytes = 0;

    ssize_t n = take(p, buffer + before, bytes - before);

    if (n == 0 || (n < 0 && errno != EAGAIN))
        p->is_closed = true;
    return before + (n > 0 ? (size_t)n : 0);
}

void
nj_caller_keep(struct nj_caller *p, const uint8_t *rest, size_t n)
{
    p->rest_bytes = n;
    if (n == 0)
        return;
    grow(&p->rest, &p->rest_size, n);
    memcpy(p->rest, rest, n);
}

bool
nj_caller_has_packet(const struct nj_caller *p)
{
    struct nj_wire_frame f;

    return p->rest_bytes > 0 && nj_wire_frame_next(p->rest, p->rest_bytes, &f) > 0;
}
