/* SPDX-License-Identifier: Apache-2.0 */
/* The reactor over the kernel's sockets. */
#include "io/reactor.h"

#include "base/mem.h"
#include "base/rcu.h"
#include "base/thread.h"

#include "base/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

struct end {
    struct nj_io io;
    unsigned calls, events;
    struct end *to_free; /* by the first call: close it, forget it, free it */
    struct end *to_pause;
};

static struct nj_reactor *reactor;

static void
on_ready(struct nj_io *io, unsigned events)
{
    struct end *e = nj_container_of(io, struct end, io);

    e->calls++;
    e->events = events;
    if (e->to_free != NULL) {
        struct end *victim = e->to_free;

        e->to_free = NULL;
        victim->to_free = NULL;
        nj_reactor_forget(reactor, &victim->io);
        nj_io_close(&victim->io);
        if (victim != e) {
            memset(victim, 0xee, sizeof(*victim));
            nj_free(victim);
        }
    }
    if (e->to_pause != NULL)
        assert_int_equal(nj_reactor_watch(reactor, &e->to_pause->io, 0), NJ_OK);
}

static struct end *
end_new(int fd)
{
    struct end *e = nj_zalloc(sizeof(*e));

    assert_non_null(e);
    e->io.fd = fd;
    e->io.on_ready = on_ready;
    return e;
}

static void
end_free(struct end *e)
{
    nj_reactor_forget(reactor, &e->io);
    nj_io_close(&e->io);
    nj_free(e);
}

static void
pair(struct end **a, int *b)
{
    int fd[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
    *a = end_new(fd[0]);
    *b = fd[1];
}

static void
say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Something has been said to both, so one batch holds the two. */
static void
two_pairs(struct end *a[2], int b[2])
{
    for (int i = 0; i < 2; i++) {
        pair(&a[i], &b[i]);
        assert_int_equal(nj_reactor_watch(reactor, &a[i]->io, NJ_IO_READ), NJ_OK);
        say(b[i], "x");
    }
}

static int
setup(void **state)
{
    (void)state;
    nj_rcu_register();
    return nj_reactor_new(&reactor) == NJ_OK ? 0 : -1;
}

static int
teardown(void **state)
{
    (void)state;
    nj_reactor_free(reactor);
    nj_rcu_unregister();
    return 0;
}

static void
readiness_is_a_level(void **state)
{
    struct end *a;
    int b;

    (void)state;
    pair(&a, &b);
    assert_int_equal(nj_reactor_watch(reactor, &a->io, NJ_IO_READ), NJ_OK);
    assert_int_equal(nj_reactor_wait(reactor, 0), 0);
    say(b, "x");
    assert_int_equal(nj_reactor_wait(reactor, -1), 1);
    assert_int_equal(nj_reactor_wait(reactor, -1), 1);
    assert_int_equal(a->events, NJ_IO_READ);
    assert_int_equal(nj_reactor_watch(reactor, &a->io, NJ_IO_READ | NJ_IO_WRITE), NJ_OK);
    assert_int_equal(nj_reactor_wait(reactor, -1), 1);
    assert_int_equal(a->events, NJ_IO_READ | NJ_IO_WRITE);
    assert_int_equal(nj_reactor_watch(reactor, &a->io, 0), NJ_OK);
    assert_int_equal(nj_reactor_wait(reactor, 0), 0);
    end_free(a);
    close(b);
}

static void
hang_up_is_told_to_who_watches_nothing(void **state)
{
    struct end *a;
    int b;

    (void)state;
    pair(&a, &b);
    assert_int_equal(nj_reactor_watch(reactor, &a->io, 0), NJ_OK);
    close(b);
    assert_int_equal(nj_reactor_wait(reactor, -1), 1);
    assert_int_equal(a->events, NJ_IO_READ | NJ_IO_WRITE);
    end_free(a);
}

/* Whichever comes first frees the other. */
static void
callback_may_free_whose_event_is_fetched_already(void **state)
{
    struct end *a[2];
    int b[2];

    (void)state;
    two_pairs(a, b);
    a[0]->to_free = a[1];
    a[1]->to_free = a[0];
    assert_int_equal(nj_reactor_wait(reactor, -1), 1);
    /* Which one is left, shows by who can still be heard. */
    for (int i = 0; i < 2; i++)
        if (send(b[i], "y", 1, MSG_NOSIGNAL) == 1)
            end_free(a[i]);
    close(b[0]);
    close(b[1]);
}

static void
callback_may_free_itself(void **state)
{
    struct end *a;
    int b;

    (void)state;
    pair(&a, &b);
    a->to_free = a;
    assert_int_equal(nj_reactor_watch(reactor, &a->io, NJ_IO_READ), NJ_OK);
    say(b, "x");
    assert_int_equal(nj_reactor_wait(reactor, -1), 1);
    assert_int_equal(nj_reactor_wait(reactor, 0), 0);
    nj_free(a);
    close(b);
}

static void
paused_io_is_not_called_with_what_was_fetched(void **state)
{
    struct end *a[2];
    int b[2];

    (void)state;
    two_pairs(a, b);
    a[0]->to_pause = a[1];
    a[1]->to_pause = a[0];
    assert_int_equal(nj_reactor_wait(reactor, -1), 1);
    assert_int_equal(a[0]->calls + a[1]->calls, 1);
    for (int i = 0; i < 2; i++) {
        end_free(a[i]);
        close(b[i]);
    }
}

static void
wake_before_a_wait_ends_it_and_only_it(void **state)
{
    (void)state;
    nj_reactor_wake(reactor);
    nj_reactor_wake(reactor);
    assert_int_equal(nj_reactor_wait(reactor, -1), 0);
    nj_reactor_wake(reactor);
    assert_int_equal(nj_reactor_wait(reactor, 0), 0);
    /* Nothing is left over that would end the next one before its time. */
    nj_time before = nj_clock_monotonic_ms();
    assert_int_equal(nj_reactor_wait(reactor, 5), 0);
    assert_true(nj_clock_monotonic_ms() - before >= 4);
}

static void
wake_repeatedly(void *arg)
{
    for (int i = 0; i < 1000; i++)
        nj_reactor_wake(arg);
}

static void
wake_from_another_thread_ends_a_wait(void **state)
{
    struct nj_thread thread = {0};

    (void)state;
    assert_int_equal(nj_thread_start(&thread, "waker", wake_repeatedly, reactor), NJ_OK);
    assert_int_equal(nj_reactor_wait(reactor, -1), 0);
    nj_thread_join(&thread);
    nj_thread_join(&thread);
}

static void
clock_is_read_when_a_wait_returns(void **state)
{
    nj_time before;

    (void)state;
    (void)nj_reactor_wait(reactor, 0);
    before = nj_reactor_now(reactor);
    (void)nj_reactor_wait(reactor, 3);
    assert_true(nj_reactor_now(reactor) > before);
}

static void
reading_tells_nothing_now_from_an_end(void **state)
{
    struct end *a;
    char c[4];
    int b;

    (void)state;
    pair(&a, &b);
    assert_int_equal(nj_io_read(&a->io, c, sizeof(c)), NJ_IO_AGAIN);
    say(b, "xy");
    assert_int_equal(nj_io_read(&a->io, c, sizeof(c)), 2);
    close(b);
    assert_int_equal(nj_io_read(&a->io, c, sizeof(c)), NJ_IO_CLOSED);
    end_free(a);
}

static void
writing_tells_a_full_socket_from_a_broken_one(void **state)
{
    static char data[65536];
    struct iovec part = {data, sizeof(data)};
    struct end *a;
    ssize_t n;
    int b;

    (void)state;
    pair(&a, &b);
    do
        n = nj_io_writev(&a->io, &part, 1);
    while (n > 0);
    assert_int_equal(n, NJ_IO_AGAIN);
    close(b);
    assert_int_equal(nj_io_writev(&a->io, &part, 1), NJ_IO_ERROR);
    assert_int_equal(errno, EPIPE);
    end_free(a);
}

/* ---- accepting ---- */

static int
listen_on(int family, struct sockaddr_storage *address, socklen_t *length)
{
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};

    assert_true(fd >= 0);
    if (family == AF_INET)
        assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    else
        assert_int_equal(bind(fd, (struct sockaddr *)&in6, sizeof(in6)), 0);
    assert_int_equal(listen(fd, 10), 0);
    *length = sizeof(*address);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, length), 0);
    return fd;
}

static void
accepted_socket_is_ready_for_use_and_its_peer_is_named(void **state)
{
    struct sockaddr_storage address = {0};
    /* 127.9.10.203: octets of one, two and three digits */
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f090acbu)};
    socklen_t length, own_length = sizeof(own);
    struct end *l = end_new(listen_on(AF_INET, &address, &length));
    int client = socket(AF_INET, SOCK_STREAM, 0), fd = -1;
    struct nj_peer peer;

    (void)state;
    assert_int_equal(nj_io_accept(&l->io, &fd, &peer), NJ_ETIMEOUT);
    assert_int_equal(bind(client, (struct sockaddr *)&own, sizeof(own)), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(client, (struct sockaddr *)&own, &own_length), 0);
    l->io.is_exclusive = true;
    assert_int_equal(nj_reactor_watch(reactor, &l->io, NJ_IO_READ), NJ_OK);
    assert_int_equal(nj_reactor_wait(reactor, -1), 1);
    assert_int_equal(nj_io_accept(&l->io, &fd, &peer), NJ_OK);
    assert_string_equal(peer.address, "127.9.10.203");
    assert_int_equal(peer.port, ntohs(own.sin_port));
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    close(fd);
    close(client);
    end_free(l);
}

static void
ipv4_within_ipv6_is_shown_as_ipv4(void **state)
{
    struct sockaddr_storage address = {0};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length;
    int probe = socket(AF_INET6, SOCK_STREAM, 0), client, fd = -1;
    struct nj_peer peer;
    struct end *l;

    (void)state;
    if (probe < 0)
        skip();
    close(probe);
    l = end_new(listen_on(AF_INET6, &address, &length));
    to.sin_port = ((struct sockaddr_in6 *)&address)->sin6_port;
    client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
    assert_int_equal(nj_reactor_watch(reactor, &l->io, NJ_IO_READ), NJ_OK);
    assert_int_equal(nj_reactor_wait(reactor, -1), 1);
    assert_int_equal(nj_io_accept(&l->io, &fd, &peer), NJ_OK);
    assert_string_equal(peer.address, "127.0.0.1");
    close(fd);
    close(client);
    end_free(l);
}

static void
exclusive_listener_can_pause_and_go_on(void **state)
{
    struct sockaddr_storage address = {0};
    socklen_t length;
    struct end *l = end_new(listen_on(AF_INET, &address, &length));
    int client = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    l->io.is_exclusive = true;
    assert_int_equal(nj_reactor_watch(reactor, &l->io, NJ_IO_READ), NJ_OK);
    assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
    assert_int_equal(nj_reactor_watch(reactor, &l->io, 0), NJ_OK);
    assert_int_equal(nj_reactor_wait(reactor, 0), 0);
    assert_int_equal(nj_reactor_watch(reactor, &l->io, NJ_IO_READ), NJ_OK);
    assert_int_equal(nj_reactor_wait(reactor, -1), 1);
    close(client);
    end_free(l);
}

static void
want_of_descriptors_is_told_apart(void **state)
{
    struct sockaddr_storage address = {0};
    socklen_t length;
    struct rlimit limit, none;
    struct nj_peer peer;
    struct end *l;
    int client, fd = -1;

    (void)state;
    if (getenv("NJ_VALGRIND") != NULL)
        skip(); /* it lets a program have what its hard limit allows, whatever the other says */
    l = end_new(listen_on(AF_INET, &address, &length));
    client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(nj_reactor_watch(reactor, &l->io, NJ_IO_READ), NJ_OK);
    assert_int_equal(connect(client, (struct sockaddr *)&address, length), 0);
    assert_int_equal(nj_reactor_wait(reactor, -1), 1);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(nj_io_accept(&l->io, &fd, &peer), NJ_ENOFD);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(nj_io_accept(&l->io, &fd, &peer), NJ_OK);
    close(fd);
    close(client);
    end_free(l);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(readiness_is_a_level),
        TEST(hang_up_is_told_to_who_watches_nothing),
        TEST(callback_may_free_whose_event_is_fetched_already),
        TEST(callback_may_free_itself),
        TEST(paused_io_is_not_called_with_what_was_fetched),
        TEST(wake_before_a_wait_ends_it_and_only_it),
        TEST(wake_from_another_thread_ends_a_wait),
        TEST(clock_is_read_when_a_wait_returns),
        TEST(reading_tells_nothing_now_from_an_end),
        TEST(writing_tells_a_full_socket_from_a_broken_one),
        TEST(accepted_socket_is_ready_for_use_and_its_peer_is_named),
        TEST(ipv4_within_ipv6_is_shown_as_ipv4),
        TEST(exclusive_listener_can_pause_and_go_on),
        TEST(want_of_descriptors_is_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
