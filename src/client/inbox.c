/* SPDX-License-Identifier: Apache-2.0 */
#include "client/inbox.h"

#include "base/mem.h"

#include <string.h>

struct nj_kept {
    struct nj_list link;
    struct nj_client_event event;
    size_t bytes;
    char data[]; /* topic and its end, payload, properties, codes */
};

static struct nj_kept *
kept_of(struct nj_list *link)
{
    return nj_container_of(link, struct nj_kept, link);
}

void
nj_inbox_init(struct nj_inbox *box)
{
    nj_list_init(&box->events);
    nj_list_init(&box->taken);
    box->bytes = 0;
}

static void
drop(struct nj_inbox *box, struct nj_list *list)
{
    struct nj_list *first;

    while ((first = nj_list_pop(list)) != NULL) {
        struct nj_kept *k = kept_of(first);

        box->bytes -= k->bytes;
        nj_free(k);
    }
}

void
nj_inbox_fini(struct nj_inbox *box)
{
    drop(box, &box->events);
    drop(box, &box->taken);
}

/* The topic with the NUL behind it. */
static size_t
topic_bytes(const struct nj_client_event *ev)
{
    return ev->type == NJ_CLIENT_MESSAGE ? ev->message.topic_n + 1 : 0;
}

size_t
nj_inbox_bytes_of(const struct nj_client_event *ev)
{
    return sizeof(struct nj_kept) + topic_bytes(ev) + ev->message.payload_n + ev->properties.n +
           ev->code_count;
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

struct nj_kept *
nj_inbox_put(struct nj_inbox *box, const struct nj_client_event *ev)
{
    const struct nj_client_message *m = &ev->message;
    size_t bytes = nj_inbox_bytes_of(ev);
    struct nj_kept *k = nj_alloc(bytes);
    char *at;

    if (k == NULL)
        return NULL;
    k->event = *ev;
    k->bytes = bytes;
    at = k->data;
    k->event.message.topic = put(&at, m->topic, topic_bytes(ev));
    k->event.message.payload = put(&at, m->payload, m->payload_n);
    k->event.properties.p = put(&at, ev->properties.p, ev->properties.n);
    k->event.message.properties = k->event.properties;
    k->event.codes = (const uint8_t *)put(&at, ev->codes, ev->code_count);
    nj_list_init(&k->link);
    nj_list_push(&box->events, &k->link);
    box->bytes += k->bytes;
    return k;
}

bool
nj_inbox_take(struct nj_inbox *box, struct nj_client_event *out)
{
    nj_inbox_drop_taken(box);
    if (nj_list_is_empty(&box->events))
        return false;
    nj_inbox_take_this(box, kept_of(box->events.next), out);
    return true;
}

void
nj_inbox_take_this(struct nj_inbox *box, struct nj_kept *kept, struct nj_client_event *out)
{
    nj_inbox_drop_taken(box);
    nj_list_remove(&kept->link);
    nj_list_push(&box->taken, &kept->link);
    *out = kept->event;
}

void
nj_inbox_drop_taken(struct nj_inbox *box)
{
    drop(box, &box->taken);
}
