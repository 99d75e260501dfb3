/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/report/ends.h"

#include "mqtt/packet.h"
#include "sniff/wire/tcp.h"

#include <stdio.h>

bool
nj_segment_see(const struct nj_tree *tree, struct nj_segment_seen *out)
{
    bool has_stream = false;

    *out = (struct nj_segment_seen){0};
    for (size_t i = 0; i < tree->count; i++) {
        const struct nj_item *item = &tree->item[i];

        switch (item->field) {
        case NJ_FIELD_TCP_SRCPORT:
            out->port[0] = (unsigned)item->number;
            break;
        case NJ_FIELD_TCP_DSTPORT:
            out->port[1] = (unsigned)item->number;
            break;
        case NJ_FIELD_TCP_STREAM:
            out->stream = (uint32_t)item->number;
            has_stream = true;
            break;
        case NJ_FIELD_TCP_LEN:
            out->bytes = item->number;
            break;
        case NJ_FIELD_TCP_FLAGS:
            out->flags = (unsigned)item->number;
            break;
        case NJ_FIELD_TLS:
            out->has_tls = true;
            break;
        default:
            break;
        }
    }
    return has_stream;
}

static bool
is_service(unsigned port)
{
    static const uint16_t services[] = {1883, 8883, 8080, 8081, 8084, 443, 80, 9001, 14567};

    for (size_t i = 0; i < NJ_COUNT_OF(services); i++)
        if (services[i] == port)
            return true;
    return false;
}

static void
guess_server(struct nj_ends *e)
{
    bool is_first = is_service(e->port[0]), is_second = is_service(e->port[1]);

    nj_ends_learn(e, is_first != is_second ? is_second : e->port[1] <= e->port[0], NJ_ENDS_BY_PORT);
}

void
nj_ends_learn(struct nj_ends *e, unsigned server, enum nj_ends_basis basis)
{
    if (basis <= e->basis)
        return;
    e->server = (uint8_t)server;
    e->basis = (uint8_t)basis;
}

unsigned
nj_ends_see(struct nj_ends *e, const struct nj_dissected *d, const struct nj_segment_seen *segment)
{
    unsigned from;

    if (e->basis == NJ_ENDS_UNKNOWN) {
        memcpy(e->address[0], d->source, sizeof(e->address[0]));
        memcpy(e->address[1], d->destination, sizeof(e->address[1]));
        e->port[0] = (uint16_t)segment->port[0];
        e->port[1] = (uint16_t)segment->port[1];
        guess_server(e);
    }
    from = e->port[0] == segment->port[0] && strcmp(e->address[0], d->source) == 0 ? 0 : 1;
    if ((segment->flags & NJ_TCP_SYN) != 0)
        nj_ends_learn(e, (segment->flags & NJ_TCP_ACK) != 0 ? from : 1 - from, NJ_ENDS_BY_SYN);
    return from;
}

void
nj_ends_see_packet(struct nj_ends *e, unsigned from, unsigned type)
{
    if (type == NJ_CONNECT || type == NJ_SUBSCRIBE || type == NJ_UNSUBSCRIBE || type == NJ_PINGREQ)
        nj_ends_learn(e, 1 - from, NJ_ENDS_BY_PACKET);
    else if (type == NJ_CONNACK || type == NJ_SUBACK || type == NJ_UNSUBACK || type == NJ_PINGRESP)
        nj_ends_learn(e, from, NJ_ENDS_BY_PACKET);
}

void
nj_end_name(const char *address, unsigned port, char out[NJ_END_NAME_BYTES])
{
    bool is_6 = strchr(address, ':') != NULL;

    (void)snprintf(out, NJ_END_NAME_BYTES, "%s%s%s:%u", is_6 ? "[" : "", address, is_6 ? "]" : "",
                   port);
}
