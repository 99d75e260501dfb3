/* SPDX-License-Identifier: Apache-2.0 */
/* held.h — the broker's messages of QoS 2 that wait for their PUBREL before the application sees
 * them: copies, in the order in which they came, found by their packet identifier. */
#ifndef NJ_CLIENT_HELD_H
#define NJ_CLIENT_HELD_H

#include "client/ids.h"
#include "client/inbox.h"

struct nj_held {
    struct nj_inbox messages;
    struct nj_ids ids;
};

void nj_held_init(struct nj_held *h);
void nj_held_fini(struct nj_held *h);

/* Keep a copy of the message, of which none is held under its packet identifier. False, and nothing
 * has changed, where all together would be more than `ceiling` bytes, and without memory. */
bool nj_held_put(struct nj_held *h, const struct nj_client_event *ev, size_t ceiling);

/* What these give is valid until nj_held_drop_taken() or the next of them. False: there is none. */
bool nj_held_take(struct nj_held *h, uint16_t packet_id, struct nj_client_event *out);
bool nj_held_take_oldest(struct nj_held *h, struct nj_client_event *out);
void nj_held_drop_taken(struct nj_held *h);

#endif
