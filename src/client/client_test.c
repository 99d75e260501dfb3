/* SPDX-License-Identifier: Apache-2.0 */
/* Both front ends on a real socket, against a broker that is a thread with a script. */
/* clang-format off */
#include "base/test.h"
#include "client/inbox.h"
/* clang-format on */

#include <arpa/inet.h>
#include <errno.h>
#include <nightjar/client.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEPS 8

/* One connection after the other: wait for `wants` bytes, then send; close after the last step. */
struct step {
    size_t wants;
    const char *sends;
    size_t sends_n;
    bool closes;
};

struct script {
    int listener;
    uint16_t port;
    struct step steps[STEPS];
    size_t count;
    pthread_t thread;
};

static void *
play(void *ctx)
{
    struct script *s = ctx;
    int peer = -1;
    char byte;

    for (size_t i = 0; i < s->count; i++) {
        const struct step *step = &s->steps[i];

        if (peer < 0)
            peer = accept(s->listener, NULL, NULL);
        for (size_t got = 0; got < step->wants && recv(peer, &byte, 1, 0) == 1; got++)
            ;
        (void)send(peer, step->sends, step->sends_n, MSG_NOSIGNAL);
        if (step->closes) {
            (void)close(peer);
            peer = -1;
        }
    }
    /* Until the client hangs up. */
    while (peer >= 0 && recv(peer, &byte, 1, 0) == 1)
        ;
    if (peer >= 0)
        (void)close(peer);
    return NULL;
}

/* A port of 127.0.0.1 only, and outside the range that clients are given theirs from: one that
 * tries ::1 first might meet itself. */
static void
script_bind(struct script *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    s->port = (uint16_t)(10240 + getpid() % 20000);
    do
        a.sin_port = htons(++s->port);
    while (bind(s->listener, (struct sockaddr *)&a, sizeof(a)) != 0 && s->port < 32000);
    assert_true(s->port < 32000);
}

static struct nj_client *
client_for(const struct script *s)
{
    struct nj_client_opts opts;
    struct nj_client *c;

    nj_client_opts_init(&opts);
    opts.host = "localhost";
    opts.port = s->port;
    opts.client_id = "c";
    opts.reconnect_min_ms = 1;
    assert_int_equal(nj_client_new(&c, &opts), NJ_CLIENT_OK);
    return c;
}

/* The script's broker listens, and this is its client. */
static struct nj_client *
begin(struct script *s)
{
    script_bind(s);
    assert_int_equal(listen(s->listener, 5), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, play, s), 0);
    return client_for(s);
}

static void
end(struct script *s, struct nj_client *c)
{
    nj_client_free(c);
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    (void)close(s->listener);
}

#define CONNECT_BYTES 15 /* with the client identifier "c" */
#define CONNACK       "\x20\x02\0\0", 4

static void
localhost_is_tried_on_both_loopback_addresses(void **state)
{
    struct script s = {.steps = {{CONNECT_BYTES, CONNACK, false}}, .count = 1};
    struct nj_client *c;

    (void)state;
    c = begin(&s); /* not on ::1 */
    assert_int_equal(nj_client_connect(c, NULL), NJ_CLIENT_OK);
    assert_true(nj_client_is_connected(c));
    assert_int_equal(nj_client_connect(c, NULL), NJ_CLIENT_EINVAL);
    end(&s, c);
}

static void
refused_connection_tells_errno_and_can_be_tried_again(void **state)
{
    struct script s = {.steps = {{CONNECT_BYTES, CONNACK, false}}, .count = 1};
    struct nj_client *c;

    (void)state;
    script_bind(&s);
    c = client_for(&s);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(nj_client_connect(c, NULL), NJ_CLIENT_ESYS);
        assert_int_equal(nj_client_errno(c), ECONNREFUSED);
    }
    nj_client_free(c);
    (void)close(s.listener);
}

static void
refusal_by_connack_tells_its_code(void **state)
{
    struct script s = {.steps = {{CONNECT_BYTES, "\x20\x02\0\x05", 4, false}}, .count = 1};
    struct nj_client_event ev;
    struct nj_client *c;

    (void)state;
    c = begin(&s);
    assert_int_equal(nj_client_connect(c, &ev), NJ_CLIENT_EREFUSED);
    assert_int_equal(ev.reason, 5);
    assert_int_equal(nj_client_next(c, &ev, 0), NJ_CLIENT_ENOTCONN);
    end(&s, c);
}

/* Messages that come while a PUBACK is waited for are there afterwards, in their order. */
static void
events_are_kept_while_one_is_waited_for(void **state)
{
    struct script s = {.steps = {{CONNECT_BYTES, CONNACK, false},
                                 {8, "\x30\x04\0\x01m1\x30\x04\0\x01m2\x40\x02\0\x01", 16, false}},
                       .count = 2};
    const struct nj_client_message m = {.topic = "a", .payload = "x", .payload_n = 1, .qos = 1};
    struct nj_client_event ev;
    struct nj_client *c;

    (void)state;
    c = begin(&s);
    assert_int_equal(nj_client_connect(c, NULL), NJ_CLIENT_OK);
    assert_int_equal(nj_client_publish_wait(c, &m, -1, NULL), NJ_CLIENT_OK);
    assert_int_equal(nj_client_unacknowledged(c), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(nj_client_next(c, &ev, 0), NJ_CLIENT_OK);
        assert_int_equal(ev.type, NJ_CLIENT_MESSAGE);
        assert_string_equal(ev.message.topic, "m");
        assert_memory_equal(ev.message.payload, &"12"[i], 1);
    }
    assert_int_equal(nj_client_next(c, &ev, 0), NJ_CLIENT_ETIMEOUT);
    end(&s, c);
}

/* In a loop of the application's: lost, made again after a pause, and the message sent again. */
static void
lost_connection_is_made_again_and_the_message_sent_again(void **state)
{
    struct script s = {.steps = {{CONNECT_BYTES, CONNACK, false},
                                 {8, "", 0, true},
                                 {CONNECT_BYTES, CONNACK, false},
                                 {8, "\x40\x02\0\x01", 4, false}},
                       .count = 4};
    const struct nj_client_properties none = {NULL, 0};
    const struct nj_client_message m = {.topic = "a", .payload = "x", .payload_n = 1, .qos = 1};
    int connected = 0, lost = 0, published = 0;
    struct nj_client_event ev;
    bool is_over = false;
    struct nj_client *c;

    (void)state;
    c = begin(&s);
    assert_int_equal(nj_client_publish(c, &m, NULL), NJ_CLIENT_OK);
    assert_int_equal(nj_client_start(c), NJ_CLIENT_OK);
    while (!is_over) {
        enum nj_client_err err = nj_client_next(c, &ev, 0);
        struct pollfd p = {.fd = nj_client_fd(c)};

        if (err == NJ_CLIENT_OK) {
            connected += ev.type == NJ_CLIENT_CONNECTED;
            published += ev.type == NJ_CLIENT_PUBLISHED;
            if (ev.type == NJ_CLIENT_PUBLISHED)
                assert_int_equal(nj_client_disconnect(c, 0, none), NJ_CLIENT_OK);
            if (ev.type == NJ_CLIENT_DISCONNECTED) {
                lost += ev.error == NJ_CLIENT_ELOST;
                is_over = ev.error == NJ_CLIENT_OK;
            }
            continue;
        }
        assert_int_equal(err, NJ_CLIENT_ETIMEOUT);
        p.events = (short)((nj_client_wants_read(c) ? POLLIN : 0) |
                           (nj_client_wants_write(c) ? POLLOUT : 0));
        assert_true(poll(&p, 1, nj_client_timeout_ms(c)) >= 0);
        if (p.revents & POLLIN)
            nj_client_on_readable(c);
        if (p.revents & (POLLOUT | POLLERR | POLLHUP))
            nj_client_on_writable(c);
        nj_client_on_time(c);
    }
    assert_int_equal(connected, 2);
    assert_int_equal(lost, 1);
    assert_int_equal(published, 1);
    assert_int_equal(nj_client_next(c, &ev, 0), NJ_CLIENT_ENOTCONN);
    end(&s, c);
}

static void
inbox_keeps_copies(void **state)
{
    char payload[] = "x";
    struct nj_client_event ev = {
        .type = NJ_CLIENT_MESSAGE,
        .message = {.topic = "t", .topic_n = 1, .payload = payload, .payload_n = 1}};
    struct nj_client_event out;
    struct nj_inbox box;

    (void)state;
    nj_inbox_init(&box);
    assert_non_null(nj_inbox_put(&box, &ev));
    payload[0] = 'y';
    assert_true(nj_inbox_take(&box, &out));
    assert_memory_equal(out.message.payload, "x", 1);
    assert_false(nj_inbox_take(&box, &out));
    assert_int_equal(box.bytes, 0);
    nj_inbox_fini(&box);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(localhost_is_tried_on_both_loopback_addresses),
        cmocka_unit_test(refused_connection_tells_errno_and_can_be_tried_again),
        cmocka_unit_test(refusal_by_connack_tells_its_code),
        cmocka_unit_test(events_are_kept_while_one_is_waited_for),
        cmocka_unit_test(lost_connection_is_made_again_and_the_message_sent_again),
        cmocka_unit_test(inbox_keeps_copies),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
