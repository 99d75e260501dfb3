/* SPDX-License-Identifier: Apache-2.0 */
#include "caller.h"

#include "seal.h"

#include "base/assert.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_MS 10000
/* Long enough that no PINGREQ is needed while a scenario runs, and the broker still keeps the timer
 * that every real client makes it keep. */
#define KEEP_ALIVE_S 900

void
nj_bench_die(const char *fmt, ...)
{
    int error = errno;
    va_list args;

    fputs("load: ", stderr);
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

static void
bind_source(int fd, uint8_t source)
{
    struct sockaddr_in from = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(0x7f000000u | source)};

    /* The port is chosen at connect, so that each source address has all of them. */
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){1}, sizeof(int));
    if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) != 0)
        nj_bench_die("cannot use the source address 127.0.0.%u", source);
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

void
nj_caller_open(struct nj_caller *p, const struct nj_bench_broker *broker, uint8_t source,
               uint8_t version, const char *client_id, struct nj_wire_welcome *out)
{
    uint8_t packet[512];
    struct nj_wire_frame f;

    *p = (struct nj_caller){.version = version};
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        nj_bench_die("cannot make a socket for %s", client_id);
    if (source != 0)
        bind_source(p->fd, source);
    if (connect(p->fd, (const struct sockaddr *)&broker->address, sizeof(broker->address)) != 0)
        nj_bench_die("cannot connect %s to port %u", client_id, ntohs(broker->address.sin_port));
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));

    if (broker->tls != NULL)
        p->seal = nj_seal_new(broker->tls, p->fd, broker->session);
    nj_caller_send(p, packet, nj_wire_connect_write(packet, version, client_id, KEEP_ALIVE_S));
    errno = 0;
    if (!nj_caller_wait_packet(p, ANSWER_TIMEOUT_MS, packet, sizeof(packet), &f) ||
        f.type != NJ_WIRE_CONNACK || !nj_wire_welcome_read(&f, version, out))
        nj_bench_die("no CONNACK for %s", client_id);
    if (out->reason != 0)
        nj_bench_die("the broker refuses %s with reason 0x%02x", client_id, out->reason);
}

void
nj_caller_subscribe(struct nj_caller *p, const char *filter, uint8_t qos)
{
    uint8_t packet[512];
    struct nj_wire_frame f;

    nj_caller_send(p, packet, nj_wire_subscribe_write(packet, p->version, filter, qos));
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
    size_t n = 0;

    for (;;) {
        struct pollfd ready = {.fd = p->fd, .events = POLLIN};

        if (nj_wire_frame_next(buffer, n, f) > 0)
            return true;
        /* A broker that gathers small writes would otherwise wait for our delayed acknowledgement.
         */
        setsockopt(p->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
        if (n == bytes || poll(&ready, 1, timeout_ms) != 1)
            return false;

        /* Nothing comes behind an answer that has not been asked for. */
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
    grow(&p->rest, &p->rest_size, n);
    memcpy(p->rest, rest, n);
    p->rest_bytes = n;
}
