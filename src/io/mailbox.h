/* SPDX-License-Identifier: Apache-2.0 */
/* mailbox.h — letters from any thread to one: a lock-free stack that the owner empties whole, so
 * that the order of each sender is kept. Posting never fails and never blocks; how much may lie
 * here is the senders' business (nj_mailbox_weight()). */
#ifndef NJ_IO_MAILBOX_H
#define NJ_IO_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in every letter. */
struct nj_letter {
    struct nj_letter *next;
    uint32_t weight; /* bytes, or whatever the owner counts */
    uint8_t kind;    /* of the owner's enumeration of letters */
};

struct nj_mailbox {
    char apart[64]; /* from what its owner writes beside it; no alignment is asked of the heap */
    _Atomic(struct nj_letter *) top;
    _Atomic uint64_t weight;
    char apart_too[48];
};

void nj_mailbox_init(struct nj_mailbox *box);

/* Any thread; the box owns the letter from here on. True when the box was empty: then, and only
 * then, the sender wakes the owner. Release: what the sender wrote before, the owner sees. */
bool nj_mailbox_post(struct nj_mailbox *box, struct nj_letter *letter);
/* The owner: all letters, oldest first, linked by `next`; NULL when there are none. Their weight is
 * taken off the box. */
struct nj_letter *nj_mailbox_take(struct nj_mailbox *box);
bool nj_mailbox_is_empty(const struct nj_mailbox *box);
/* What lies here and is not taken yet. Any thread. */
uint64_t nj_mailbox_weight(const struct nj_mailbox *box);

#endif
