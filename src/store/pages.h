/* SPDX-License-Identifier: Apache-2.0 */
/* pages.h — a data.mdb looked at without LMDB, which believes what stands in a page: whether all
 * pages that its newest head leads to are what they must be.
 *
 * Each page has its own number, room as it says, and nodes that lie within it and not upon each
 * other; keys rise, and lie where those above say; trees are as deep, and have as many pages and
 * entries, as they say; no page is used twice, or used and free. Values are not looked into. */
#ifndef NJ_STORE_PAGES_H
#define NJ_STORE_PAGES_H

#include "base/str.h"

/* All of the file; it does not change meanwhile. NULL, or what is wrong with it. Cost: one look at
 * each page, and a bit of memory for it. */
const char *nj_pages_fault(struct nj_str file);

#endif
