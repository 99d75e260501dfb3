/* SPDX-License-Identifier: Apache-2.0 */
#include "compat/mosquitto_record.h"

#define WIDE 5 /* from here on: fixed parts first, then texts; types of 32 bits */

uint64_t
nj_mosquitto_read_u64(struct nj_reader *r)
{
    uint64_t n = 0;
    struct nj_str bytes = nj_read_bytes(r, sizeof(n));

    if (bytes.n == sizeof(n))
        memcpy(&n, bytes.p, sizeof(n));
    return n;
}

bool
nj_mosquitto_record_next(uint32_t version, struct nj_reader *r, uint32_t *type,
                         struct nj_reader *body)
{
    uint32_t n;

    if (nj_reader_left(r) == 0)
        return false;
    *type = version >= WIDE ? nj_read_u32(r) : nj_read_u16(r);
    n = nj_read_u32(r);
    *body = nj_reader_of(nj_read_bytes(r, n));
    return !r->is_short;
}

uint8_t
nj_mosquitto_cfg_id_bytes(uint32_t version, struct nj_reader r)
{
    if (version >= WIDE)
        (void)nj_mosquitto_read_u64(&r);
    (void)nj_read_u8(&r); /* whether Mosquitto was stopped, not killed */
    return nj_read_u8(&r);
}

bool
nj_mosquitto_base_msg_read(uint32_t version, struct nj_reader r, struct nj_mosquitto_base_msg *m)
{
    uint16_t source_n, user_n, topic_n;
    uint32_t payload_n;

    *m = (struct nj_mosquitto_base_msg){.id = nj_mosquitto_read_u64(&r)};
    if (version < WIDE) {
        (void)nj_read_lp16(&r); /* whose it was */
        if (version == 4) {
            (void)nj_read_lp16(&r);
            (void)nj_read_u16(&r);
        }
        (void)nj_read_u32(&r); /* two packet identifiers */
        m->topic = nj_read_lp16(&r);
        m->qos = nj_read_u8(&r);
        m->retain = nj_read_u8(&r) != 0;
        m->payload = nj_read_bytes(&r, nj_read_u32(&r));
        return !r.is_short;
    }
    m->expiry_s = (int64_t)nj_mosquitto_read_u64(&r);
    payload_n = nj_read_u32(&r);
    (void)nj_read_u16(&r); /* the publisher's packet identifier */
    source_n = nj_read_u16(&r);
    user_n = nj_read_u16(&r);
    topic_n = nj_read_u16(&r);
    (void)nj_read_u16(&r); /* the port it came in by */
    m->qos = nj_read_u8(&r);
    m->retain = nj_read_u8(&r) != 0;
    (void)nj_read_bytes(&r, source_n);
    (void)nj_read_bytes(&r, user_n);
    m->topic = nj_read_bytes(&r, topic_n);
    m->payload = nj_read_bytes(&r, payload_n);
    if (r.is_short)
        return false;
    m->properties = (struct nj_str){(const char *)r.p, nj_reader_left(&r)};
    return true;
}

bool
nj_mosquitto_client_msg_read(uint32_t version, struct nj_reader r,
                             struct nj_mosquitto_client_msg *m)
{
    uint16_t client_n;

    *m = (struct nj_mosquitto_client_msg){0};
    if (version < WIDE) {
        m->client = nj_read_lp16(&r);
        m->id = nj_mosquitto_read_u64(&r);
        m->packet_id = nj_read_u16(&r);
        m->qos = nj_read_u8(&r);
        m->retain = nj_read_u8(&r) != 0;
        m->is_out = nj_read_u8(&r) == 1;
        m->step = nj_read_u8(&r);
        (void)nj_read_u8(&r);
        return !r.is_short;
    }
    m->id = nj_mosquitto_read_u64(&r);
    m->packet_id = nj_read_u16(&r);
    client_n = nj_read_u16(&r);
    m->qos = nj_read_u8(&r);
    m->step = nj_read_u8(&r);
    m->retain = (nj_read_u8(&r) & 0xf0) != 0;
    m->is_out = nj_read_u8(&r) == 1;
    m->client = nj_read_bytes(&r, client_n);
    if (r.is_short)
        return false;
    m->properties = (struct nj_str){(const char *)r.p, nj_reader_left(&r)};
    return true;
}

bool
nj_mosquitto_sub_read(uint32_t version, struct nj_reader r, struct nj_mosquitto_sub *s)
{
    uint16_t client_n, filter_n;

    *s = (struct nj_mosquitto_sub){0};
    if (version < WIDE) {
        s->client = nj_read_lp16(&r);
        s->filter = nj_read_lp16(&r);
        s->qos = nj_read_u8(&r);
        return !r.is_short;
    }
    s->identifier = nj_read_u32(&r);
    client_n = nj_read_u16(&r);
    filter_n = nj_read_u16(&r);
    s->qos = nj_read_u8(&r);
    s->options = nj_read_u8(&r);
    (void)nj_read_u16(&r);
    s->client = nj_read_bytes(&r, client_n);
    s->filter = nj_read_bytes(&r, filter_n);
    return !r.is_short;
}

bool
nj_mosquitto_client_read(uint32_t version, struct nj_reader r, struct nj_mosquitto_client *c)
{
    uint16_t id_n;

    *c = (struct nj_mosquitto_client){.expiry_s = NJ_MOSQUITTO_FOR_EVER};
    if (version < WIDE) {
        c->id = nj_read_lp16(&r);
        return !r.is_short;
    }
    c->expires_s = (int64_t)nj_mosquitto_read_u64(&r);
    c->expiry_s = nj_read_u32(&r);
    (void)nj_read_u16(&r); /* the packet identifier given last */
    id_n = nj_read_u16(&r);
    if (version > WIDE)
        (void)nj_read_bytes(&r, 2 + 2 + 4); /* port, length of the user name, padding */
    c->id = nj_read_bytes(&r, id_n);
    return !r.is_short;
}
