/* SPDX-License-Identifier: Apache-2.0 */
/* tree.h — the subscription tree as SIGUSR2 asks for it: on standard output, a line for each topic
 * filter. Who does not read what we write must not hold up the broker: the index is locked only
 * while the text is made, and one that is not read for a second is not written to its end. */
#ifndef NJ_DAEMON_TREE_H
#define NJ_DAEMON_TREE_H

#include "topic/index.h"

void nj_tree_print(struct nj_index *index);

#endif
