/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.h — events put aside until their time comes: copies, in order. The ceiling is its user's to
 * watch, by `bytes`. */
#ifndef NJ_CLIENT_INBOX_H
#define NJ_CLIENT_INBOX_H

#include "base/list.h"

#include <nightjar/client.h>

struct nj_kept; /* one of them */

struct nj_inbox {
    struct nj_list events;
    struct nj_list taken; /* the one taken last, alive until the next call */
    size_t bytes;         /* of both */
};

void nj_inbox_init(struct nj_inbox *box);
void nj_inbox_fini(struct nj_inbox *box);
/* What it costs to keep this one. */
size_t nj_inbox_bytes_of(const struct nj_client_event *ev);
/* NULL without memory. It is the box's: valid until it is taken. */
struct nj_kept *nj_inbox_put(struct nj_inbox *box, const struct nj_client_event *ev);
/* The oldest; false when empty. What was taken before is gone. */
bool nj_inbox_take(struct nj_inbox *box, struct nj_client_event *out);
/* The same for one out of the middle. */
void nj_inbox_take_this(struct nj_inbox *box, struct nj_kept *kept, struct nj_client_event *out);
/* What was taken is not looked at any more. */
void nj_inbox_drop_taken(struct nj_inbox *box);

#endif
