/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of tickets, over hours. That a ticket resumes, and when it does not, is seen over the
 * wire (tests/wire/test_tls.py). */
#include "net/tls_priv.h"

#include "base/test.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_opens_what_it_has_sealed_and_no_stranger_does, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_key_that_was_changed_opens_for_one_lifetime_more, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(two_contexts_have_different_keys, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
