/* SPDX-License-Identifier: Apache-2.0 */
/* inbox.h — events kept while a blocking call waits for another one: copies, in order, up to a
 * ceiling in bytes. */
#ifndef NJ_CLIENT_INBOX_H
#define NJ_CLIENT_INBOX_H

#include "base/list.h"

#include <nightjar/client.h>

struct nj_inbox {
    struct nj_list events;
    struct nj_list out; /* the one taken last, alive until the next call */
    size_t bytes;
};

void nj_inbox_init(struct nj_inbox *box);
void nj_inbox_fini(struct nj_inbox *box);
bool nj_inbox_is_empty(const struct nj_inbox *box);
/* Errors: ENOMEM; the event is not kept. */
enum nj_client_err nj_inbox_put(struct nj_inbox *box, const struct nj_client_event *ev);
/* False when empty. What was taken before is gone. */
bool nj_inbox_take(struct nj_inbox *box, struct nj_client_event *out);

#endif
