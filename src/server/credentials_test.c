/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords: who is let in, and what may happen while a hash is made. */
#include "server/kit_test.h"

/* 5.0, clean start, of user "u" or "x"; only "u" is known, and the password is what follows. */
#define LOGIN_5(id, user, password)                                                                \
    "\x10\x14\x00\x04MQTT\x05\xc2\x00\x00\x00\x00\x01" id "\x00\x01" user "\x00\x01" password

static struct {
    struct nj_users users;
    uint64_t stamp;
    char password;
    unsigned checks;
} book;

static struct nj_user
find_user(const struct nj_users *users, struct nj_str name)
{
    (void)users;
    return (struct nj_user){&book, nj_str_eq(name, NJ_STR("u")) ? book.stamp : 0};
}

static enum nj_err
check_user(const void *entry, struct nj_str password, bool *fits)
{
    assert_ptr_equal(entry, &book);
    book.checks++;
    *fits = password.n == 1 && password.p[0] == book.password;
    return NJ_OK;
}

static void
keep_users(struct nj_users *users)
{
    (void)users;
}

/* A listener that asks for a password. */
static void
start_with_users(unsigned workers, size_t pipe_bytes)
{
    static const struct nj_users_ops ops = {find_user, check_user, keep_users};

    book = (__typeof__(book)){.users = {.ops = &ops}, .stamp = 1, .password = 'p'};
    atomic_init(&book.users.references, 1);
    prepare_instead(workers, pipe_bytes);
    world.listener.users = &book.users;
    world.listener.allow_anonymous = false;
    start();
}

static void
a_password_that_fits_lets_in_and_is_checked_once(void **state)
{
    static const char *const connects[] = {LOGIN_5("a", "u", "p"), LOGIN_5("b", "u", "p"),
                                           LOGIN_5("c", "u", "p"), LOGIN_5("d", "u", "p"),
                                           LOGIN_5("e", "u", "p")};
    const size_t count = NJ_COUNT_OF(connects);
    struct client c[NJ_COUNT_OF(connects)];

    (void)state;
    start_with_users(WORKERS, 1 << 16); /* most of them move to their home in between */
    for (size_t i = 0; i < count; i++)
        greet(&c[i], connects[i], 22);
    assert_int_equal(book.checks, count);
    assert_int_equal(nj_server_metric(world.server, NJ_METRIC_CLIENTS_CONNECTED), count);
    assert_int_equal(nj_server_metric(world.server, NJ_METRIC_PACKETS_RECEIVED), count);
    for (size_t i = 0; i < count; i++)
        close_client(&c[i]);
}

static void
every_refusal_says_the_same_and_is_counted_apart(void **state)
{
    static const struct {
        const char *connect;
        size_t n;
        enum nj_cause cause;
    } bad[] = {
        {BYTES(LOGIN_5("a", "u", "x")), NJ_CAUSE_WRONG_PASSWORD},
        {BYTES(LOGIN_5("a", "x", "p")), NJ_CAUSE_USER_UNKNOWN},
        {BYTES(CONNECT_5("a")), NJ_CAUSE_NO_USER_NAME},
        {BYTES("\x10\x11\x00\x04MQTT\x05\x82\x00\x00\x00\x00\x01"
               "a\x00\x01u"),
         NJ_CAUSE_NO_PASSWORD},
    };

    (void)state;
    start_with_users(1, 1 << 16);
    for (size_t i = 0; i < NJ_COUNT_OF(bad); i++) {
        struct client c;

        open_client(&c);
        say(&c, bad[i].connect, bad[i].n);
        hears(&c, BYTES("\x20\x14\x00\x87\x11\x1f\x00\x0enot authorised"));
        is_closed(&c);
        assert_int_equal(nj_server_cause(world.server, bad[i].cause), 1);
        close_client(&c);
    }
    assert_int_equal(book.checks, 2); /* an unknown name costs as much as a known one */
}

/* [MQTT5-3.1.4-2] [MQTT5-3.1.4-3] */
static void
nothing_is_done_while_the_password_is_checked(void **state)
{
    struct client first, c;

    (void)state;
    start_with_users(1, 1 << 16);
    greet(&first, BYTES(LOGIN_5("a", "u", "p")));
    nj_sim_hold_work(true);
    open_client(&c);
    say(&c, BYTES(LOGIN_5("a", "u", "p")));
    say(&c, BYTES("\xc0\x00"));
    hears_nothing(&c);
    hears_nothing(&first);
    nj_sim_hold_work(false);
    settle();
    is_disconnected(&first, 0x8e);
    assert_int_equal(hears_packet(&c, 0x20), 0);
    hears(&c, BYTES("\xd0\x00"));
    close_client(&first);
    close_client(&c);
}

/* A server and a client whose password is being checked, until the work is let go. */
static void
begin_login(struct client *c)
{
    start_with_users(1, 1 << 16);
    nj_sim_hold_work(true);
    open_client(c);
    say(c, BYTES(LOGIN_5("a", "u", "p")));
}

static void
connect_timeout_goes_on_while_the_password_is_checked(void **state)
{
    struct client c;

    (void)state;
    begin_login(&c);
    wait_ms(10001);
    is_closed(&c);
    assert_int_equal(nj_server_cause(world.server, NJ_CAUSE_CONNECT_TIMEOUT), 1);
    nj_sim_hold_work(false);
    settle();
    assert_int_equal(book.checks, 0); /* it was taken back */
    close_client(&c);
}

static void
peers_may_go_while_their_password_is_checked(void **state)
{
    struct client gone, there;

    (void)state;
    start_with_users(1, 1 << 16);
    nj_sim_hold_work(true);
    open_client(&gone);
    open_client(&there);
    say(&gone, BYTES(LOGIN_5("a", "u", "p")));
    say(&there, BYTES(LOGIN_5("b", "u", "p")));
    nj_sim_reset(gone.fd);
    nj_free(gone.seen);
    settle();
    nj_sim_hold_work(false);
    settle();
    assert_int_equal(hears_packet(&there, 0x20), 0);
    assert_int_equal(nj_server_metric(world.server, NJ_METRIC_CONNECTIONS), 1);
    close_client(&there);
}

static void
a_server_may_end_while_passwords_are_checked(void **state)
{
    struct client c;

    (void)state;
    begin_login(&c);
    assert_int_equal(atomic_load(&book.users.references), 2);
    end_server();
    assert_int_equal(atomic_load(&book.users.references), 1);
    assert_int_equal(book.checks, 0);
    nj_sim_close(c.fd);
    nj_free(c.seen);
}

static void
an_entry_that_changes_meanwhile_is_asked_again(void **state)
{
    struct client c;

    (void)state;
    begin_login(&c);
    book.stamp = 2; /* as after a reload */
    nj_sim_hold_work(false);
    settle();
    assert_int_equal(hears_packet(&c, 0x20), 0);
    assert_int_equal(book.checks, 2);
    close_client(&c);
}

static void
who_would_not_be_let_in_any_more_is_ended_by_a_reload(void **state)
{
    struct client c;

    (void)state;
    start_with_users(1, 1 << 16);
    greet(&c, BYTES(LOGIN_5("a", "u", "p")));
    nj_worker_reconsider_conns(&world.server->workers[0]);
    settle();
    hears_nothing(&c);
    book.stamp = 2;
    nj_worker_reconsider_conns(&world.server->workers[0]);
    nj_server_turn(world.server, 0, 0);
    settle();
    is_disconnected(&c, 0x87);
    close_client(&c);
}

static void
more_passwords_than_may_wait_are_refused_as_busy(void **state)
{
    static int fds[1025];
    uint8_t answer[64];

    (void)state;
    start_with_users(1, 256);
    nj_sim_hold_work(true);
    for (size_t i = 0; i < NJ_COUNT_OF(fds); i++) {
        fds[i] = nj_sim_connect(world.door);
        assert_int_equal(nj_sim_write(fds[i], BYTES(LOGIN_5("a", "u", "p"))), 22);
        settle();
    }
    assert_int_equal(nj_server_cause(world.server, NJ_CAUSE_PASSWORD_QUEUE), 1);
    assert_true(nj_sim_read(fds[1024], answer, sizeof(answer)) > 3);
    assert_int_equal(answer[3], 0x89);
    for (size_t i = 0; i < NJ_COUNT_OF(fds); i++)
        nj_sim_close(fds[i]);
    nj_sim_hold_work(false);
    settle();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_password_that_fits_lets_in_and_is_checked_once),
        TEST(every_refusal_says_the_same_and_is_counted_apart),
        TEST(nothing_is_done_while_the_password_is_checked),
        TEST(connect_timeout_goes_on_while_the_password_is_checked),
        TEST(peers_may_go_while_their_password_is_checked),
        TEST(a_server_may_end_while_passwords_are_checked),
        TEST(an_entry_that_changes_meanwhile_is_asked_again),
        TEST(who_would_not_be_let_in_any_more_is_ended_by_a_reload),
        TEST(more_passwords_than_may_wait_are_refused_as_busy),
    };

    nj_log_types = 0;
    return cmocka_run_group_tests_name("server/credentials", tests, NULL, NULL);
}
