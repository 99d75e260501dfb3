/* SPDX-License-Identifier: Apache-2.0 */
/* space.h — whether there is room for more: on the disk, and in the budget of the file.
 *
 * Below a reserve the store is full: what is held can still be delivered and deleted, which takes
 * pages, too, before it gives any back. It stays full until there is twice the reserve. */
#ifndef NJ_STORE_SPACE_H
#define NJ_STORE_SPACE_H

#include "store/db.h"

/* Reserves: with less room than so many it is looked at more often, and what is free within the
 * file counts, too. */
#define NJ_SPACE_TIGHT 8

struct nj_space {
    const char *directory;
    uint64_t max_bytes; /* of the file; 0: no budget */
    bool is_full;
    uint64_t room_bytes; /* when it was last looked at */
};

void nj_space_init(struct nj_space *space, const char *directory, uint64_t max_bytes);
uint64_t nj_space_reserve(const struct nj_space *space);
/* Judge anew; true: it has become full, or has room again. Both are logged. Cost: two system calls,
 * and where it is tight a look at the list of free pages. */
bool nj_space_look(struct nj_space *space, struct nj_db *db);
/* The same for so much room. */
bool nj_space_judge(struct nj_space *space, uint64_t room_bytes);

#endif
