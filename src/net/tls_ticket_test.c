/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of tickets, over hours; and that nobody comes back by one whom a whole handshake would
 * refuse. What a reload does to tickets is seen over the wire (tests/wire/test_tls_revoked.py). */
#include "net/tls_priv.h"

#include "net/tls_kit_test.h"

#include <time.h>

static nj_time began;

static int
set_up(void **state)
{
    began = nj_clock_monotonic_ms();
    *state = nj_tls_tickets_new();
    return *state != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
    nj_tls_tickets_free(*state);
    return 0;
}

static nj_time
after_lifetimes(uint32_t n)
{
    return nj_time_after_s(began, n * NJ_TLS_TICKET_S) + 60000;
}

static void
a_key_opens_what_it_has_sealed_and_no_stranger_does(void **state)
{
    struct nj_tls_ticket_key sealing, opening;
    const uint8_t stranger[sizeof(sealing.name)] = {0};

    assert_int_equal(nj_tls_tickets_find(*state, NULL, began, &sealing), NJ_TLS_TICKET_CURRENT);
    assert_int_equal(nj_tls_tickets_find(*state, sealing.name, began, &opening),
                     NJ_TLS_TICKET_CURRENT);
    assert_memory_equal(&opening, &sealing, sizeof(opening));
    assert_int_equal(nj_tls_tickets_find(*state, stranger, began, &opening), NJ_TLS_TICKET_UNKNOWN);
}

static void
a_key_that_was_changed_opens_for_one_lifetime_more(void **state)
{
    struct nj_tls_ticket_key first, second, opening;

    (void)nj_tls_tickets_find(*state, NULL, began, &first);
    (void)nj_tls_tickets_find(*state, NULL, after_lifetimes(1), &second);
    assert_memory_not_equal(&first, &second, sizeof(first));
    assert_int_equal(nj_tls_tickets_find(*state, first.name, after_lifetimes(1), &opening),
                     NJ_TLS_TICKET_OLD);
    assert_memory_equal(&opening, &first, sizeof(opening));
    assert_int_equal(nj_tls_tickets_find(*state, first.name, after_lifetimes(3), &opening),
                     NJ_TLS_TICKET_UNKNOWN);
    assert_int_equal(nj_tls_tickets_find(*state, second.name, after_lifetimes(3), &opening),
                     NJ_TLS_TICKET_OLD);
}

static void
two_contexts_have_different_keys(void **state)
{
    struct nj_tls_tickets *other = nj_tls_tickets_new();
    struct nj_tls_ticket_key ours, theirs;

    assert_non_null(other);
    (void)nj_tls_tickets_find(*state, NULL, began, &ours);
    (void)nj_tls_tickets_find(other, NULL, began, &theirs);
    assert_int_equal(nj_tls_tickets_find(*state, theirs.name, began, &ours), NJ_TLS_TICKET_UNKNOWN);
    nj_tls_tickets_free(other);
}

/* ---- who comes back ---- */

static struct kit_cert ca, broker, user;
static struct nj_tls_context *ours;
static struct kit_pair pair;

/* A broker that wants certificates of `ca`, with a list of revoked ones unless it lasts 0 s, and a
 * client whose certificate lasts so long. */
static void
open_site(long user_s, long list_s)
{
    struct nj_tls_pair files;
    struct nj_tls_opts o = {.pairs = &files, .pair_count = 1, .require_certificate = true};

    kit_begin();
    kit_make(&ca, &(struct kit_asked){.name = "ca", .is_ca = true});
    kit_make(&broker,
             &(struct kit_asked){.name = "broker", .sans = "DNS:localhost", .issuer = &ca});
    kit_make(&user, &(struct kit_asked){.name = "user", .until_s = user_s, .issuer = &ca});
    files = (struct nj_tls_pair){broker.certfile, broker.keyfile};
    o.cafile = ca.certfile;
    if (list_s > 0) {
        kit_list(kit_path("list"), &ca, NULL, 0, list_s);
        o.crlfile = kit_path("list");
    }
    ours = kit_context(&o);
}

static void
close_site(void)
{
    nj_tls_context_unref(ours);
    kit_free(&ca);
    kit_free(&broker);
    kit_free(&user);
    (void)unlink(kit_path("list"));
    assert_int_equal(kit_end(), 0);
}

/* By a whole handshake, or with `session`, which is taken; the next one. NULL: refused. */
static SSL_SESSION *
come(enum nj_tls_version newest, SSL_SESSION *session, bool *is_resumed)
{
    const struct nj_tls_pair files = {user.certfile, user.keyfile};
    const struct nj_tls_opts o = {.role = NJ_TLS_CLIENT,
                                  .newest = newest,
                                  .pairs = &files,
                                  .pair_count = 1,
                                  .cafile = ca.certfile};
    struct nj_tls_context *theirs = kit_context(&o);
    SSL_SESSION *next = NULL;
    char got[8];

    kit_join(&pair, theirs, ours, "localhost");
    if (session != NULL)
        assert_int_equal(SSL_set_session(pair.client.tls->ssl, session), 1);
    SSL_SESSION_free(session);
    kit_shake(&pair);
    if (pair.server.last == NJ_TLS_DONE) {
        assert_int_equal(kit_send(&pair.server, &pair.client, NJ_STR("x"), got, sizeof(got)), 1);
        *is_resumed = nj_tls_is_resumed(pair.server.tls);
        next = SSL_get1_session(pair.client.tls->ssl);
        /* Else OpenSSL takes it for one that went wrong. */
        SSL_set_shutdown(pair.client.tls->ssl, SSL_SENT_SHUTDOWN);
    } else {
        assert_int_equal(nj_tls_fault(pair.server.tls)->finding.id, NJ_FINDING_EXPIRED);
    }
    kit_part(&pair);
    nj_tls_context_unref(theirs);
    return next;
}

static const enum nj_tls_version versions[] = {NJ_TLS_1_2, NJ_TLS_1_3};

static void
a_ticket_is_told_to_last_no_longer_than_what_it_stands_for(void **state)
{
    static const struct {
        long user_s, list_s, lasts_s;
    } cases[] = {{86400, 0, NJ_TLS_TICKET_S}, {1000, 0, 1000}, {86400, 500, 500}, {1000, 500, 500}};
    bool is_resumed;

    (void)state;
    for (size_t i = 0; i < 2 * NJ_COUNT_OF(cases); i++) {
        long lasts_s = cases[i / 2].lasts_s;
        SSL_SESSION *session;

        open_site(cases[i / 2].user_s, cases[i / 2].list_s);
        session = come(versions[i % 2], NULL, &is_resumed);
        assert_in_range(SSL_SESSION_get_ticket_lifetime_hint(session), lasts_s - 20, lasts_s);
        SSL_SESSION_free(session);
        close_site();
    }
}

/* TLS 1.3 gives another ticket each time. */
static void
who_comes_back_gains_no_time_by_it(void **state)
{
    unsigned long before;
    bool is_resumed = false;
    SSL_SESSION *session;

    (void)state;
    open_site(1000, 0);
    session = come(NJ_TLS_1_3, NULL, &is_resumed);
    for (int i = 0; i < 3; i++) {
        before = SSL_SESSION_get_ticket_lifetime_hint(session);
        session = come(NJ_TLS_1_3, session, &is_resumed);
        assert_true(is_resumed);
        assert_in_range(SSL_SESSION_get_ticket_lifetime_hint(session), before - 20, before);
    }
    SSL_SESSION_free(session);
    close_site();
}

/* The client of OpenSSL would not show a ticket that is over: it is told that this one is not. */
static void
who_has_expired_meanwhile_does_not_come_back_by_ticket(void **state)
{
    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(versions); i++) {
        time_t give_up = time(NULL) + 30;
        bool is_resumed = false;
        size_t times = 0;
        SSL_SESSION *session;

        open_site(2, 0);
        session = come(versions[i], NULL, &is_resumed);
        while (session != NULL) {
            assert_true(time(NULL) < give_up);
            (void)SSL_SESSION_set_timeout(session, 3600);
            session = come(versions[i], session, &is_resumed);
            times += is_resumed;
        }
        assert_true(times > 0); /* before that it did */
        close_site();
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_told_to_last_no_longer_than_what_it_stands_for),
        cmocka_unit_test(who_comes_back_gains_no_time_by_it),
        cmocka_unit_test(who_has_expired_meanwhile_does_not_come_back_by_ticket),
        cmocka_unit_test_setup_teardown(a_key_opens_what_it_has_sealed_and_no_stranger_does, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_key_that_was_changed_opens_for_one_lifetime_more, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(two_contexts_have_different_keys, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
