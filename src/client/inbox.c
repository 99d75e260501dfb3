/* SPDX-License-Identifier: Apache-2.0 */
#include "client/inbox.h"

#include "base/mem.h"

#include <string.h>

struct kept {
    struct nj_list link;
    struct nj_client_event event;
    size_t bytes;
    char data[]; /* topic and its end, payload, properties, codes */
};

static struct kept *
kept_of(struct nj_list *link)
{
    return nj_container_of(link, struct kept, link);
}

void
nj_inbox_init(struct nj_inbox *box)
{
    nj_list_init(&box->events);
    nj_list_init(&box->out);
    box->bytes = 0;
}

static void
drop(struct nj_inbox *box, struct nj_list *list)
{
    struct nj_list *first;

    while ((first = nj_list_pop(list)) != NULL) {
        struct kept *k = kept_of(first);

        box->bytes -= k->bytes;
        nj_free(k);
    }
}

void
nj_inbox_fini(struct nj_inbox *box)
{
    drop(box, &box->events);
    drop(box, &box->out);
}

bool
nj_inbox_is_empty(const struct nj_inbox *box)
{
    return nj_list_is_empty(&box->events);
}

static char *
put(char **at, const void *p, size_t n)
{
    char *begin = *at;

    if (n > 0)
        memcpy(begin, p, n);
    *at += n;
    return begin;
}

enum nj_client_err
nj_inbox_put(struct nj_inbox *box, const struct nj_client_event *ev)
{
    const struct nj_client_message *m = &ev->message;
    size_t topic_n = ev->type == NJ_CLIENT_MESSAGE ? m->topic_n + 1 : 0;
    size_t n = topic_n + m->payload_n + ev->properties.n + ev->code_count;
    struct kept *k = nj_alloc(sizeof(*k) + n);
    char *at;

    if (k == NULL)
        return NJ_CLIENT_ENOMEM;
    k->event = *ev;
    k->bytes = sizeof(*k) + n;
    at = k->data;
    k->event.message.topic = put(&at, m->topic, topic_n);
    k->event.message.payload = put(&at, m->payload, m->payload_n);
    k->event.properties.p = put(&at, ev->properties.p, ev->properties.n);
    k->event.message.properties = k->event.properties;
    k->event.codes = (const uint8_t *)put(&at, ev->codes, ev->code_count);
    nj_list_init(&k->link);
    nj_list_push(&box->events, &k->link);
    box->bytes += k->bytes;
    return NJ_CLIENT_OK;
}

bool
nj_inbox_take(struct nj_inbox *box, struct nj_client_event *out)
{
    struct nj_list *first;

    drop(box, &box->out);
    first = nj_list_pop(&box->events);
    if (first == NULL)
        return false;
    nj_list_push(&box->out, first);
    *out = kept_of(first)->event;
    return true;
}
