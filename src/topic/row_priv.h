/* SPDX-License-Identifier: Apache-2.0 */
/* row_priv.h — messages in the order of their topics, one for each topic.
 *
 *   height 2   ──────────────────────► page ─────────────────────► NULL
 *   height 1   ──► page ─────────────► page ────────► page ──────► NULL
 *                  a  a/b  a/b/c       b  b/x  b/y    c/1  c/2
 *
 * Topics are ordered level by level, so a topic is followed at once by all that lies below it: what
 * a `#` stands for is one stretch of the row. Nothing is kept of a topic but the message that has
 * it. A page holds up to NJ_ROW_PAGE of them; pages are linked as a skip list, a quarter of those
 * of one height being higher.
 *
 * Invariants: no page is empty; one that a removal leaves a quarter full or less is joined with a
 * neighbour, if half a page has room for both. Ownership: a reference to each message. Thread: none
 * of its own; the caller's mutex.
 */
#ifndef NJ_TOPIC_ROW_PRIV_H
#define NJ_TOPIC_ROW_PRIV_H

#include "mqtt/msg.h"

#include <stdbool.h>

#define NJ_ROW_PAGE   128u
#define NJ_ROW_HEIGHT 12u

struct nj_row_page {
    uint32_t n;
    uint32_t height;
    struct nj_msg *msg[NJ_ROW_PAGE];
    struct nj_row_page *next[]; /* one for each height */
};

struct nj_row {
    struct nj_row_page *first[NJ_ROW_HEIGHT];
    uint64_t made;    /* pages */
    uint64_t changes; /* how often a message came, went, or moved */
};

/* A text in two parts, lent: what a walk goes on from is part of one topic and something else. */
struct nj_row_key {
    struct nj_str head, tail;
};

/* Where a message is, or would be. */
struct nj_row_place {
    struct nj_row_page *page; /* NULL: the row is empty */
    unsigned at;              /* may be one beyond the page's last */
    bool is_there;
    struct nj_row_page **links[NJ_ROW_HEIGHT]; /* into what comes behind a page */
};

/* < 0, 0, > 0: `a` comes before `b`, is the same, comes after it. A level's end comes before
 * anything that the level might go on with. */
int nj_row_order(struct nj_str a, struct nj_str b);

/* The first message whose topic is not before the key, within the page where the key belongs. Valid
 * until the row changes. Cost: O(log n) comparisons. */
void nj_row_seek(struct nj_row *row, const struct nj_row_key *key, struct nj_row_place *place);
/* The same, where `page` and `at` are of a message before the key, from which it is not far. */
void nj_row_seek_near(struct nj_row *row, const struct nj_row_key *key, struct nj_row_place *place);

/* `msg` is moved in where nj_row_seek() did not find its topic. False without memory: unchanged. */
bool nj_row_insert(struct nj_row *row, const struct nj_row_place *place, struct nj_msg *msg);
/* Moves the message that was found out. */
struct nj_msg *nj_row_remove(struct nj_row *row, const struct nj_row_place *place);

/* Gives back all references. A zeroed row is empty. */
void nj_row_fini(struct nj_row *row);

#endif
