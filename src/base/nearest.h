/* SPDX-License-Identifier: Apache-2.0 */
/* nearest.h — "did you mean …?": the known name that a mistyped word was most likely meant to be.
 *
 *     struct nj_nearest near = nj_nearest_to(word);
 *     for each known name: nj_nearest_try(&near, name);
 *     if (near.name != NULL) … "did you mean " near.name
 *
 * Names are compared without regard to case; a letter missing, added, wrong, or swapped with its
 * neighbour is one mistake. One mistake in three letters is forgiven, never more than four: beyond
 * that a guess confuses more than it helps.
 * Thread: any. Cost: O(letters of word × letters of name) for each name. */
#ifndef NJ_BASE_NEAREST_H
#define NJ_BASE_NEAREST_H

#include "base/str.h"

struct nj_nearest {
    const char
        *name; /* the best so far, the first of equals; NULL: none is near. Lent by the caller */
    /* private */
    struct nj_str word;
    unsigned mistakes;
};

/* `word` is lent until the last try. Words of more than 63 letters are near to nothing. */
struct nj_nearest nj_nearest_to(struct nj_str word);
void nj_nearest_try(struct nj_nearest *near, const char *name);

#endif
