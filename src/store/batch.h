/* SPDX-License-Identifier: Apache-2.0 */
/* batch.h — changes that are written together, in the order in which they came: copies of all that
 * they point to, as it will stand in the tables.
 *
 * What came and was acknowledged while its batch was still open is dead: it is never written.
 * Memory   pages of the batch's own, from a stock that is spared from batches before.
 * Thread   whoever holds the intake's mutex; the writer, once it is in hand. */
#ifndef NJ_STORE_BATCH_H
#define NJ_STORE_BATCH_H

#include "store/record.h"

#include <stdatomic.h>

/* A message as it will stand in the tables; several entries may share it. */
struct nj_body {
    uint64_t message;
    size_t n;
    char bytes[];
};

/* One change. */
struct nj_entry {
    struct nj_entry *following;    /* of all homes */
    struct nj_entry *next_of_home; /* of this one, in this batch */
    struct nj_body *body;          /* QUEUED, TAKEN, RETAINED that sets; NULL: none */
    uint64_t session, message;
    uint64_t number; /* that its home was given */
    uint32_t value_n;
    uint16_t home;
    uint16_t packet_id;
    uint8_t kind;      /* enum nj_change_kind */
    uint8_t qos;       /* QUEUED */
    bool is_passed_on; /* DELIVERED */
    bool is_dead;
    char value[]; /* its record, without its checksum; UNSUBSCRIBED, RETAINED that removes: the
                     filter, the topic */
};

struct nj_page;
struct nj_batch {
    struct nj_entry *first;
    uint64_t living; /* entries that are not dead */
    uint64_t cancelled;
    size_t bytes;      /* of memory in use */
    int64_t offset_ms; /* see record.h */

    /* private */
    struct nj_entry *last;
    struct nj_page *pages;    /* the one in use first */
    struct nj_numbers queued; /* entries that may yet be cancelled, by session and message */
};

/* Pages for the batches to come. */
struct nj_stock {
    struct nj_page *first;
    unsigned count;
    _Atomic bool is_short; /* of those that are kept for when the system has none */
};

/* False without memory. */
bool nj_stock_init(struct nj_stock *stock);
void nj_stock_fini(struct nj_stock *stock);

/* A copy of the change, in the batch's memory but not in its sequence yet. *body is the last one
 * that was made for this home in this batch, or NULL: several receivers of one message that follow
 * each other share it. NULL without memory. */
struct nj_entry *nj_batch_copy(struct nj_batch *b, struct nj_stock *stock,
                               const struct nj_change *change, struct nj_body **body);
/* Enter it as the last one. */
void nj_batch_enter(struct nj_batch *b, struct nj_entry *e);
/* The message that `e` acknowledges, where it is in this batch: both are dead now. NULL: it is not,
 * or `e` acknowledges none. One that was passed on lives: its publisher would be told that it is
 * safe before it is so for whom it was passed on to. */
struct nj_entry *nj_batch_cancel(struct nj_batch *b, struct nj_entry *e);

void nj_batch_init(struct nj_batch *b);
/* Empty it: first its pages, some of which are stocked; the others are returned for
 * nj_pages_free(). Then all else, but the table in which entries are found. */
struct nj_page *nj_batch_take_pages(struct nj_batch *b, struct nj_stock *stock);
void nj_pages_free(struct nj_page *pages);
void nj_batch_clear(struct nj_batch *b);
/* Of one that is empty: what is left. */
void nj_batch_fini(struct nj_batch *b);

#endif
