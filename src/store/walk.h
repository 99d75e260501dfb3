/* SPDX-License-Identifier: Apache-2.0 */
/* walk.h — whether a file can be walked from end to end: by a child, since LMDB trusts what it
 * reads, and a damaged file kills who walks it. */
#ifndef NJ_STORE_WALK_H
#define NJ_STORE_WALK_H

#include "store/db.h"

#include <sys/types.h>

enum nj_walk {
    NJ_WALK_GOOD,
    NJ_WALK_DAMAGED,
    NJ_WALK_UNKNOWN, /* there is no child to be had, or it is not let near the file */
};

/* Every page (pages.h), then every key of every table and every byte of every value. Before there
 * is another thread. Cost: reads the whole file. `why`: written unless it is good. */
enum nj_walk nj_walk(const char *directory, char why[128]);

/* In the child. */
enum nj_walk nj_walk_here(const char *directory);

#endif
