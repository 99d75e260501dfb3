/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/publication.h"

void
nj_publication_of(struct nj_publication *p, struct nj_msg *msg)
{
    *p = (struct nj_publication){
        .topic = nj_msg_topic(msg),
        .properties = nj_msg_properties(msg),
        .payload = nj_msg_payload(msg),
        .qos = msg->qos,
        .retain = msg->retain,
        .number = msg->number,
        .arrived = msg->arrived,
        .expires = msg->expires,
        .source = msg->source,
        .msg = nj_msg_ref(msg),
    };
}

struct nj_msg *
nj_publication_msg(struct nj_publication *p)
{
    if (p->msg == NULL) {
        struct nj_msg_parts parts = {
            .topic = p->topic,
            .properties = p->properties,
            .payload = p->payload,
            .qos = p->qos,
            .retain = p->retain,
            .number = p->number,
            .arrived = p->arrived,
            .expires = p->expires,
            .source = p->source,
        };

        p->msg = nj_msg_new(&parts);
    }
    return p->msg;
}

struct nj_msg *
nj_publication_keep(struct nj_publication *p)
{
    if (p->msg != NULL)
        return nj_msg_ref(p->msg);
    return nj_publication_msg(p) != NULL ? nj_msg_ref_new(p->msg) : NULL;
}

void
nj_publication_fini(struct nj_publication *p)
{
    nj_msg_unref(p->msg);
    p->msg = NULL;
}
