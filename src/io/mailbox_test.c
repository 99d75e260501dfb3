/* SPDX-License-Identifier: Apache-2.0 */
#include "io/mailbox.h"

#include "base/mem.h"
#include "base/rcu.h"
#include "base/thread.h"
#include "io/reactor.h"

#include "base/test.h"

static void
box_gives_letters_oldest_first(void **state)
{
    struct nj_letter a = {.weight = 3}, b = {.weight = 4};
    struct nj_mailbox box;

    (void)state;
    nj_mailbox_init(&box);
    assert_true(nj_mailbox_is_empty(&box));
    assert_null(nj_mailbox_take(&box));
    (void)nj_mailbox_post(&box, &a);
    (void)nj_mailbox_post(&box, &b);
    assert_false(nj_mailbox_is_empty(&box));
    assert_ptr_equal(nj_mailbox_take(&box), &a);
    assert_ptr_equal(a.next, &b);
    assert_null(b.next);
    assert_true(nj_mailbox_is_empty(&box));
}

static void
only_the_first_letter_asks_for_a_wake_up(void **state)
{
    struct nj_letter a = {0}, b = {0}, c = {0};
    struct nj_mailbox box;

    (void)state;
    nj_mailbox_init(&box);
    assert_true(nj_mailbox_post(&box, &a));
    assert_false(nj_mailbox_post(&box, &b));
    (void)nj_mailbox_take(&box);
    assert_true(nj_mailbox_post(&box, &c));
}

static void
weight_is_what_lies_untaken(void **state)
{
    struct nj_letter a = {.weight = 3}, b = {.weight = UINT32_MAX};
    struct nj_mailbox box;

    (void)state;
    nj_mailbox_init(&box);
    (void)nj_mailbox_post(&box, &a);
    (void)nj_mailbox_post(&box, &b);
    assert_true(nj_mailbox_weight(&box) == (uint64_t)UINT32_MAX + 3);
    (void)nj_mailbox_take(&box);
    assert_int_equal(nj_mailbox_weight(&box), 0);
}

/* ---- several senders, and an owner that sleeps whenever its box is empty ---- */

#define SENDERS 3
#define LETTERS 20000

struct numbered {
    struct nj_letter letter;
    unsigned sender, number;
};

struct sender {
    struct nj_thread thread;
    unsigned index;
    struct nj_mailbox *box;
    struct nj_reactor *reactor;
};

static void
send_letters(void *arg)
{
    struct sender *s = arg;

    for (unsigned i = 0; i < LETTERS; i++) {
        struct numbered *n = nj_alloc(sizeof(*n));

        if (n == NULL)
            abort();
        n->letter = (struct nj_letter){.weight = 1};
        n->sender = s->index;
        n->number = i;
        if (nj_mailbox_post(s->box, &n->letter))
            nj_reactor_wake(s->reactor);
    }
}

/* A wake-up that is lost makes this test hang, a letter that is lost or overtaken makes it fail. */
static void
sleeping_owner_gets_every_letter_of_each_sender_in_order(void **state)
{
    struct nj_mailbox box;
    struct sender senders[SENDERS];
    unsigned next[SENDERS] = {0}, received = 0;
    struct nj_reactor *reactor;

    (void)state;
    nj_rcu_register();
    nj_mailbox_init(&box);
    assert_int_equal(nj_reactor_new(&reactor), NJ_OK);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.index = i, .box = &box, .reactor = reactor};
        assert_int_equal(nj_thread_start(&senders[i].thread, "sender", send_letters, &senders[i]),
                         NJ_OK);
    }
    while (received < SENDERS * LETTERS) {
        struct nj_letter *letter;

        (void)nj_reactor_wait(reactor, -1);
        letter = nj_mailbox_take(&box);
        while (letter != NULL) {
            struct numbered *n = nj_container_of(letter, struct numbered, letter);

            letter = letter->next;
            assert_int_equal(n->number, next[n->sender]);
            next[n->sender]++;
            received++;
            nj_free(n);
        }
    }
    for (unsigned i = 0; i < SENDERS; i++)
        nj_thread_join(&senders[i].thread);
    assert_int_equal(nj_mailbox_weight(&box), 0);
    nj_reactor_free(reactor);
    nj_rcu_unregister();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(box_gives_letters_oldest_first),
        cmocka_unit_test(only_the_first_letter_asks_for_a_wake_up),
        cmocka_unit_test(weight_is_what_lies_untaken),
        cmocka_unit_test(sleeping_owner_gets_every_letter_of_each_sender_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
