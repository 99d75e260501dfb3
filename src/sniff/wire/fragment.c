/* SPDX-License-Identifier: Apache-2.0 */
/* fragment.c — a datagram in parts: its bytes, and a bit for each eight of them, the unit in which
 * fragments are cut. */
#include "sniff/wire/fragment.h"

#include "base/mem.h"

#define DATAGRAM_MAX 65536u
#define UNITS        (DATAGRAM_MAX / 8)

struct datagram {
    uint8_t address[32]; /* source, destination */
    unsigned version, protocol;
    uint32_t identification;
    uint64_t last;    /* when a fragment came, in fragments; 0: free */
    uint32_t bytes;   /* of the whole; 0: the last fragment is yet to come */
    uint32_t reached; /* the end of what came */
    uint32_t units;   /* that are there */
    uint8_t has[UNITS / 8];
    uint8_t *p; /* DATAGRAM_MAX */
};

struct nj_fragments {
    struct datagram datagram[NJ_FRAGMENT_DATAGRAMS_MAX];
    uint64_t now, lost;
};

enum nj_err
nj_fragments_new(struct nj_fragments **out)
{
    struct nj_fragments *f = nj_zalloc(sizeof(*f));

    if (f == NULL)
        return NJ_ENOMEM;
    *out = f;
    return NJ_OK;
}

void
nj_fragments_free(struct nj_fragments *f)
{
    if (f == NULL)
        return;
    for (size_t i = 0; i < NJ_FRAGMENT_DATAGRAMS_MAX; i++)
        nj_free(f->datagram[i].p);
    nj_free(f);
}

static bool
is_of(const struct datagram *d, const struct nj_ip *ip)
{
    return d->last != 0 && d->version == ip->version && d->protocol == ip->protocol &&
           d->identification == ip->identification &&
           memcmp(d->address, ip->source.p, ip->source.n) == 0 &&
           memcmp(d->address + 16, ip->destination.p, ip->destination.n) == 0;
}

/* Its datagram, or room for it; NULL without memory. */
static struct datagram *
datagram_of(struct nj_fragments *f, const struct nj_ip *ip)
{
    struct datagram *oldest = &f->datagram[0];
    uint8_t *p;

    for (size_t i = 0; i < NJ_FRAGMENT_DATAGRAMS_MAX; i++) {
        struct datagram *d = &f->datagram[i];

        if (is_of(d, ip))
            return d;
        if (d->last < oldest->last)
            oldest = d;
    }
    p = oldest->p != NULL ? oldest->p : nj_alloc(DATAGRAM_MAX);
    if (p == NULL)
        return NULL;
    f->lost += oldest->last != 0;
    *oldest = (struct datagram){.version = ip->version,
                                .protocol = ip->protocol,
                                .identification = ip->identification,
                                .p = p};
    memcpy(oldest->address, ip->source.p, ip->source.n);
    memcpy(oldest->address + 16, ip->destination.p, ip->destination.n);
    return oldest;
}

bool
nj_fragments_add(struct nj_fragments *f, struct nj_ip *ip)
{
    uint32_t end = ip->fragment_offset + ip->wire_payload_bytes;
    struct datagram *d;

    if (ip->payload.n != ip->wire_payload_bytes || ip->payload.n == 0 || end >= DATAGRAM_MAX ||
        (ip->has_more && ip->payload.n % 8 != 0))
        return false;
    d = datagram_of(f, ip);
    if (d == NULL)
        return false;
    d->last = ++f->now;
    if (!ip->has_more && d->bytes == 0)
        d->bytes = end;
    if (!ip->has_more && d->bytes != end) /* two ends: what lies between them nobody fills */
        return false;
    for (uint32_t at = ip->fragment_offset; at < end; at += 8) {
        uint32_t unit = at / 8;

        if ((d->has[unit / 8] >> unit % 8 & 1) != 0)
            continue;
        d->has[unit / 8] |= (uint8_t)(1u << unit % 8);
        d->units++;
        memcpy(d->p + at, ip->payload.p + (at - ip->fragment_offset), NJ_MIN(8u, end - at));
    }
    d->reached = NJ_MAX(d->reached, end);
    if (d->bytes == 0 || d->reached > d->bytes || d->units != (d->bytes + 7) / 8)
        return false;
    d->last = 0; /* its bytes stay until the next datagram wants the place */
    ip->payload = (struct nj_str){(const char *)d->p, d->bytes};
    ip->wire_payload_bytes = d->bytes;
    ip->is_fragment = false;
    return true;
}

uint64_t
nj_fragments_lost(const struct nj_fragments *f)
{
    return f->lost;
}
