/* SPDX-License-Identifier: Apache-2.0 */
#include "client/held.h"

void
nj_held_init(struct nj_held *h)
{
    *h = (struct nj_held){0};
    nj_inbox_init(&h->messages);
}

void
nj_held_fini(struct nj_held *h)
{
    nj_inbox_fini(&h->messages);
    nj_ids_fini(&h->ids);
}

bool
nj_held_put(struct nj_held *h, const struct nj_client_event *ev, size_t ceiling)
{
    struct nj_client_event copy;
    struct nj_kept *kept;

    if (h->messages.bytes + nj_inbox_bytes_of(ev) > ceiling)
        return false;
    kept = nj_inbox_put(&h->messages, ev);
    if (kept == NULL)
        return false;
    if (nj_ids_put(&h->ids, ev->packet_id, kept))
        return true;
    nj_inbox_take_this(&h->messages, kept, &copy);
    nj_inbox_drop_taken(&h->messages);
    return false;
}

bool
nj_held_take(struct nj_held *h, uint16_t packet_id, struct nj_client_event *out)
{
    struct nj_kept *kept = nj_ids_find(&h->ids, packet_id);

    if (kept == NULL)
        return false;
    nj_ids_release(&h->ids, packet_id);
    nj_inbox_take_this(&h->messages, kept, out);
    return true;
}

bool
nj_held_take_oldest(struct nj_held *h, struct nj_client_event *out)
{
    if (!nj_inbox_take(&h->messages, out))
        return false;
    nj_ids_release(&h->ids, out->packet_id);
    return true;
}

void
nj_held_drop_taken(struct nj_held *h)
{
    nj_inbox_drop_taken(&h->messages);
}
