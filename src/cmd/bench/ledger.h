/* SPDX-License-Identifier: Apache-2.0 */
/* ledger.h — what has arrived, against what was sent: lost, doubled, out of order.
 *
 * Every message carries its publisher and a sequence number from 0 on. A `lane` follows one
 * publisher at one subscriber that must get everything; a `spread` follows one publisher whose
 * messages are shared out among several subscribers, each message to one of them.
 *
 * The good case is one comparison. Only when a number is skipped does the lane begin to remember
 * which ones are missing, so that a message that comes late is told from one that comes twice.
 * Thread: the owner's. */
#ifndef NJ_BENCH_LEDGER_H
#define NJ_BENCH_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More missing numbers than this are counted as lost even if they come late. */
#define NJ_LANE_MISSING_MAX 4096u

struct nj_tally {
    uint64_t delivered; /* every message once */
    uint64_t lost;
    uint64_t doubled;
    uint64_t reordered;
    uint64_t strange; /* damaged, for somebody else, never sent, or a packet out of place */
};

struct nj_lane {
    uint64_t next; /* the lowest number that has not been due yet */
    /* private */
    uint64_t *missing; /* sorted; owned */
    size_t missing_count;
    uint64_t forgotten; /* missing ones that did not fit */
};

struct nj_spread {
    uint64_t floor; /* all below have arrived */
    /* private */
    uint8_t *has_arrived; /* a ring over [floor, floor + mask]; owned */
    uint64_t mask;
};

void nj_lane_see_late(struct nj_lane *l, uint64_t number, struct nj_tally *t);

/* Message `number` is here. */
static inline void
nj_lane_see(struct nj_lane *l, uint64_t number, struct nj_tally *t)
{
    if (__builtin_expect(number == l->next, 1)) {
        l->next++;
        t->delivered++;
        return;
    }
    nj_lane_see_late(l, number, t);
}

/* `sent` messages had been sent, and no more will come: what is missing is lost,
 * what is beyond is strange. */
void nj_lane_close(struct nj_lane *l, uint64_t sent, struct nj_tally *t);

/* At most `window` messages are under way at any time. */
void nj_spread_init(struct nj_spread *p, uint64_t window);
void nj_spread_see(struct nj_spread *p, uint64_t number, struct nj_tally *t);
void nj_spread_close(struct nj_spread *p, uint64_t sent, struct nj_tally *t);

void nj_tally_add(struct nj_tally *sum, const struct nj_tally *t);
/* Nothing lost, doubled, reordered or strange. */
bool nj_tally_is_clean(const struct nj_tally *t);

#endif
