/* SPDX-License-Identifier: Apache-2.0 */
/* echo.c — peers who wait: each has subscribed to its own topic, publishes 64 bytes to it at QoS 0,
 * and again when they have come back. One thread, woken for whatever comes.
 *
 *     echo PORT PEERS PID [THINK_US]
 *
 * For two seconds; then how many came back in a second, after how long, and what each cost process
 * PID, the broker. THINK_US is what the thread does for each that has come, as a client in another
 * language would. `nightjar bench` cannot say this: it works in turns of a millisecond, so that it
 * costs less than the broker does. */
#include "base/assert.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PEERS_MAX   10000
#define EVENTS      256
#define SECOND      INT64_C(1000000000)
#define WARM_NS     (SECOND / 2)
#define MEASURED_NS (2 * SECOND)
#define KEPT_MOST   ((size_t)1 << 20)

#define TOPIC         "echo/00000"
#define PAYLOAD_BYTES 64
#define PUBLISH_BYTES (2 + 2 + sizeof(TOPIC) - 1 + PAYLOAD_BYTES)

struct peer {
    int fd;
    size_t heard; /* of the message that is coming back */
    int64_t sent_ns;
    char publish[PUBLISH_BYTES];
};

static struct peer peers[PEERS_MAX];
static int64_t kept[KEPT_MOST];
static size_t kept_count;

static void
ask(const struct peer *p, const void *bytes, size_t n, size_t answer_n)
{
    char answer[8];

    NJ_ASSERT(send(p->fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n);
    NJ_ASSERT(recv(p->fd, answer, answer_n, MSG_WAITALL) == (ssize_t)answer_n);
}

static void
enter(struct peer *p, unsigned number, unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)port)};
    char connect_packet[] = "\x10\x16\x00\x04MQTT\x04\x02\x00\x3c\x00\x0a" TOPIC;
    char subscribe[] = "\x82\x0f\x00\x01\x00\x0a" TOPIC "\x00";
    char topic[sizeof(TOPIC)];
    int on = 1;

    (void)snprintf(topic, sizeof(topic), "echo/%05u", number % 100000);
    memcpy(connect_packet + 14, topic, sizeof(topic) - 1);
    memcpy(subscribe + 6, topic, sizeof(topic) - 1);
    memset(p->publish, 'x', sizeof(p->publish));
    memcpy(p->publish, "\x30\x4c\x00\x0a", 4);
    memcpy(p->publish + 4, topic, sizeof(topic) - 1);
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    NJ_ASSERT(setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
    NJ_ASSERT(connect(p->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    ask(p, connect_packet, sizeof(connect_packet) - 1, 4);
    ask(p, subscribe, sizeof(subscribe) - 1, 5);
}

static void
say(struct peer *p)
{
    p->heard = 0;
    p->sent_ns = nj_clock_monotonic_ns();
    NJ_ASSERT(send(p->fd, p->publish, sizeof(p->publish), MSG_NOSIGNAL) == PUBLISH_BYTES);
}

static void
think(int64_t ns)
{
    for (int64_t until = nj_clock_monotonic_ns() + ns; nj_clock_monotonic_ns() < until;)
        continue;
}

/* Whether it has come back whole. */
static bool
hear(struct peer *p)
{
    char in[PUBLISH_BYTES];
    ssize_t n = recv(p->fd, in, sizeof(in) - p->heard, 0);

    NJ_ASSERT(n > 0 && memcmp(in, p->publish + p->heard, (size_t)n) == 0);
    p->heard += (size_t)n;
    if (p->heard < sizeof(p->publish))
        return false;
    if (kept_count < KEPT_MOST)
        kept[kept_count++] = nj_clock_monotonic_ns() - p->sent_ns;
    return true;
}

/* All that comes until the clock says so; returns how many messages that were. */
static uint64_t
play(int epoll, int64_t think_ns, int64_t until)
{
    struct epoll_event events[EVENTS];
    uint64_t came = 0;

    while (nj_clock_monotonic_ns() < until) {
        int n = epoll_wait(epoll, events, EVENTS, 1000);

        for (int i = 0; i < n; i++) {
            struct peer *p = events[i].data.ptr;

            if (!hear(p))
                continue;
            came++;
            if (think_ns > 0)
                think(think_ns);
            say(p);
        }
    }
    return came;
}

static double
cpu_us(pid_t pid)
{
    struct timespec t;
    clockid_t clock;

    NJ_ASSERT(clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &t) == 0);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
compare(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

static unsigned
number(const char *text, unsigned long most)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);

    NJ_ASSERT(end != text && *end == '\0' && n <= most);
    return (unsigned)n;
}

int
main(int argc, char **argv)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    unsigned port, count;
    int64_t think_ns, begun;
    double cpu;
    uint64_t came;
    pid_t pid;

    NJ_ASSERT(argc >= 4);
    port = number(argv[1], UINT16_MAX);
    count = number(argv[2], PEERS_MAX);
    pid = (pid_t)number(argv[3], INT32_MAX);
    think_ns = argc > 4 ? (int64_t)number(argv[4], 1000000) * 1000 : 0;
    for (unsigned i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &peers[i]};

        enter(&peers[i], i, port);
        NJ_ASSERT(epoll_ctl(epoll, EPOLL_CTL_ADD, peers[i].fd, &event) == 0);
    }
    for (unsigned i = 0; i < count; i++)
        say(&peers[i]);
    (void)play(epoll, think_ns, nj_clock_monotonic_ns() + WARM_NS);
    kept_count = 0;
    cpu = cpu_us(pid);
    begun = nj_clock_monotonic_ns();
    came = play(epoll, think_ns, begun + MEASURED_NS);
    cpu = cpu_us(pid) - cpu;
    begun = nj_clock_monotonic_ns() - begun;
    NJ_ASSERT(came > 0 && kept_count > 0);
    qsort(kept, kept_count, sizeof(*kept), compare);
    printf("%u peers: %.0f a second, p50 %.0f, p99 %.0f us, %.2f us of the broker each\n", count,
           (double)came * 1e9 / (double)begun, (double)kept[kept_count / 2] / 1e3,
           (double)kept[kept_count - kept_count / 100 - 1] / 1e3, cpu / (double)came);
    return 0;
}
