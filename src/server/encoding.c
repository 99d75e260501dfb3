/* SPDX-License-Identifier: Apache-2.0 */
#include "server/encoding.h"

void
nj_encoding_make(struct nj_encoding *e, enum nj_version v, const struct nj_publication *pub,
                 const struct nj_publish_head *head)
{
    struct nj_writer w = nj_writer_of(e->made, sizeof(e->made));

    nj_publish_head_encode(&w, v, head);
    nj_write_bytes(&w, pub->payload);
    e->number = pub->number;
    e->version = v;
    e->qos = head->qos;
    e->retain = head->retain;
    e->bytes = (uint32_t)(w.p - e->made);
    e->packet_id_at = e->qos > 0 ? (uint32_t)nj_publish_packet_id_offset(e->made) : 0;
    e->packet = e->made;
}

void
nj_encoding_lend(struct nj_encoding *e, enum nj_version v, const struct nj_publication *pub,
                 const struct nj_frame *f, const struct nj_publish *p)
{
    const uint8_t *packet = (const uint8_t *)f->body.p + f->body.n - f->bytes;

    /* At QoS 2 the message is routed when the packet is gone. */
    if (p->qos == 2 || f->bytes > NJ_OUT_PIECE || p->dup || pub->topic.p != p->topic.p ||
        pub->properties.p != p->properties.block.p)
        return;
    e->number = pub->number;
    e->version = v;
    e->qos = p->qos;
    e->retain = p->retain;
    e->bytes = f->bytes;
    e->packet_id_at = (uint32_t)((const uint8_t *)p->topic.p + p->topic.n - packet);
    e->packet = packet;
}
