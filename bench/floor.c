/* SPDX-License-Identifier: Apache-2.0 */
/* floor.c — no broker, but what the kernel takes of one under `nightjar bench churn`: it accepts,
 * reads, answers each packet with the bytes that are expected, and closes. It keeps nothing, checks
 * nothing, logs nothing.
 *
 *     floor PORT [WORKERS [move]]
 *
 * With several workers, each has an epoll set of its own that watches the door; with `move` every
 * second connection goes on with the next worker once its CONNECT is answered, as half of all
 * sessions of a broker with two workers are at home where they did not come in. */
#include "base/assert.h"
#include "mqtt/packet.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WORKERS_MAX 16
#define EVENTS      256
#define READ_BYTES  65536

static struct {
    int door;
    int epoll[WORKERS_MAX];
    unsigned workers;
    bool moves;
} all;

struct worker {
    unsigned id;
    unsigned greeted;
    char in[READ_BYTES];
    char out[2 * READ_BYTES]; /* no answer is twice as long as its question */
};

struct answer {
    size_t n;
    bool is_first, is_last;
};

static void
watch(unsigned worker, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.fd = fd};

    NJ_ASSERT(epoll_ctl(all.epoll[worker], EPOLL_CTL_ADD, fd, &e) == 0);
}

static void
put(struct worker *w, struct answer *a, const char *bytes, size_t n)
{
    memcpy(w->out + a->n, bytes, n);
    a->n += n;
}

/* Packets come whole: they are small, and the way is short. */
static struct answer
answer(struct worker *w, struct nj_str in)
{
    struct answer a = {0};
    struct nj_frame frame;

    for (; nj_frame_find(in, READ_BYTES, &frame) == NJ_FRAME_WHOLE;
         in = nj_str_from(in, frame.bytes))
        switch (frame.type) {
        case NJ_CONNECT:
            a.is_first = true;
            put(w, &a, "\x20\x02\x00\x00", 4);
            break;
        case NJ_SUBSCRIBE:
            NJ_ASSERT(frame.body.n > 2);
            put(w, &a, "\x90\x03", 2);
            put(w, &a, frame.body.p, 2);
            put(w, &a, "\x00", 1);
            break;
        case NJ_PUBLISH:
            put(w, &a, in.p, frame.bytes);
            break;
        case NJ_DISCONNECT:
            a.is_last = true;
            break;
        default:
            break;
        }
    return a;
}

static void
serve(struct worker *w, int fd, bool is_watched)
{
    ssize_t n = recv(fd, w->in, sizeof(w->in), 0);
    struct answer a = {0};
    unsigned to = w->id;

    if (n > 0)
        a = answer(w, (struct nj_str){w->in, (size_t)n});
    if (a.n > 0)
        (void)!send(fd, w->out, a.n, MSG_NOSIGNAL);
    if (n == 0 || a.is_last) {
        close(fd);
        return;
    }
    if (a.is_first && all.moves && w->greeted++ % 2 == 1)
        to = (w->id + 1) % all.workers;
    if (is_watched && to != w->id)
        (void)epoll_ctl(all.epoll[w->id], EPOLL_CTL_DEL, fd, NULL);
    if (!is_watched || to != w->id)
        watch(to, fd, EPOLLIN);
}

static void *
work(void *arg)
{
    static struct worker workers[WORKERS_MAX];
    struct worker *w = &workers[(uintptr_t)arg];
    struct epoll_event events[EVENTS];

    w->id = (unsigned)(uintptr_t)arg;
    watch(w->id, all.door, EPOLLIN | EPOLLEXCLUSIVE);
    for (;;) {
        int n = epoll_wait(all.epoll[w->id], events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd != all.door)
                serve(w, fd, true);
            else if ((fd = accept4(all.door, NULL, NULL, SOCK_NONBLOCK)) >= 0)
                serve(w, fd, false);
        }
    }
    return NULL;
}

static unsigned
number(const char *text, unsigned most)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    NJ_ASSERT(end != text && *end == '\0' && n > 0 && n <= most);
    return (unsigned)n;
}

int
main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    pthread_t thread;
    int on = 1;

    NJ_ASSERT(argc >= 2);
    address.sin_port = htons((uint16_t)number(argv[1], UINT16_MAX));
    all.workers = argc > 2 ? number(argv[2], WORKERS_MAX) : 1;
    all.moves = argc > 3;
    all.door = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    NJ_ASSERT(setsockopt(all.door, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0);
    NJ_ASSERT(setsockopt(all.door, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
    NJ_ASSERT(bind(all.door, (struct sockaddr *)&address, sizeof(address)) == 0);
    NJ_ASSERT(listen(all.door, 1024) == 0);
    for (unsigned i = 0; i < all.workers; i++)
        NJ_ASSERT((all.epoll[i] = epoll_create1(EPOLL_CLOEXEC)) >= 0);
    for (uintptr_t i = 1; i < all.workers; i++)
        NJ_ASSERT(pthread_create(&thread, NULL, work, (void *)i) == 0);
    (void)work(NULL);
}
