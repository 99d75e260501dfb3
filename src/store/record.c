/* SPDX-License-Identifier: Apache-2.0 */
#include "store/record.h"

#include "base/hash.h"
#include "base/reader.h"

#include <endian.h>

const char *
nj_table_name(enum nj_table table)
{
    static const char *const names[] = {
#define NAME(name, text) text,
        NJ_TABLES(NAME)
#undef NAME
    };

    return names[table];
}

/* --- keys --- */

static void
put_u64(char *at, uint64_t v)
{
    v = htobe64(v);
    memcpy(at, &v, sizeof(v));
}

static uint64_t
get_u64(const char *at)
{
    uint64_t v;

    memcpy(&v, at, sizeof(v));
    return be64toh(v);
}

struct nj_key
nj_key_number(uint64_t number)
{
    struct nj_key key = {.n = 8};

    put_u64(key.bytes, number);
    return key;
}

struct nj_key
nj_key_pair(uint64_t session, uint64_t message)
{
    struct nj_key key = {.n = 16};

    put_u64(key.bytes, session);
    put_u64(key.bytes + 8, message);
    return key;
}

struct nj_key
nj_key_packet(uint64_t session, uint16_t packet_id)
{
    struct nj_key key = {.n = 10};

    put_u64(key.bytes, session);
    key.bytes[8] = (char)(packet_id >> 8);
    key.bytes[9] = (char)packet_id;
    return key;
}

uint64_t
nj_key_first(struct nj_str key)
{
    return key.n >= 8 ? get_u64(key.p) : 0;
}

uint64_t
nj_key_second(struct nj_str key)
{
    return key.n >= 16 ? get_u64(key.p + 8) : 0;
}

uint16_t
nj_key_packet_id(struct nj_str key)
{
    struct nj_reader r = nj_reader_of(key);

    (void)nj_read_bytes(&r, 8);
    return nj_read_u16(&r);
}

static struct nj_number_key
hash_of(const struct nj_seal *seal, struct nj_str text)
{
    const uint64_t other[2] = {~seal->k[1], seal->k[0]};

    return (struct nj_number_key){nj_hash_keyed(seal->k, text), nj_hash_keyed(other, text)};
}

struct nj_key
nj_key_filter(const struct nj_seal *seal, uint64_t session, struct nj_str filter)
{
    struct nj_number_key hash = hash_of(seal, filter);
    struct nj_key key = {.n = 24};

    put_u64(key.bytes, session);
    put_u64(key.bytes + 8, hash.a);
    put_u64(key.bytes + 16, hash.b);
    return key;
}

struct nj_number_key
nj_hash_topic(const struct nj_seal *seal, struct nj_str topic)
{
    return hash_of(seal, topic);
}

struct nj_key
nj_key_topic(struct nj_number_key hash)
{
    return nj_key_pair(hash.a, hash.b);
}

/* --- checksums --- */

/* A record that lies under another key or in another table is as wrong as one with other bytes. */
static uint64_t
sum_of(const struct nj_seal *seal, enum nj_table table, struct nj_str key, struct nj_str value)
{
    const uint64_t own[2] = {seal->k[0] ^ nj_hash_keyed(seal->k, key),
                             seal->k[1] + (uint64_t)table};

    return nj_hash_keyed(own, value);
}

void
nj_seal_put(const struct nj_seal *seal, enum nj_table table, const struct nj_key *key, char *value,
            size_t n)
{
    put_u64(value + n - NJ_SUM_BYTES,
            sum_of(seal, table, nj_key_str(key), (struct nj_str){value, n - NJ_SUM_BYTES}));
}

bool
nj_seal_check(const struct nj_seal *seal, enum nj_table table, struct nj_str key,
              struct nj_str *value)
{
    struct nj_str bytes = *value;

    if (bytes.n < NJ_SUM_BYTES)
        return false;
    bytes.n -= NJ_SUM_BYTES;
    if (get_u64(bytes.p + bytes.n) != sum_of(seal, table, key, bytes))
        return false;
    *value = bytes;
    return true;
}

/* --- values --- */

static void
write_u64(struct nj_writer *w, uint64_t v)
{
    char bytes[8];

    put_u64(bytes, v);
    nj_write_bytes(w, (struct nj_str){bytes, 8});
}

static uint64_t
read_u64(struct nj_reader *r)
{
    struct nj_str bytes = nj_read_bytes(r, 8);

    return bytes.n == 8 ? get_u64(bytes.p) : 0;
}

static void
write_time(struct nj_writer *w, nj_time t, int64_t offset_ms)
{
    write_u64(w, (uint64_t)(t == NJ_NEVER ? NJ_NEVER : t + offset_ms));
}

/* A time that lies beyond all sense is none. */
static nj_time
read_time(struct nj_reader *r, int64_t offset_ms)
{
    int64_t wall = (int64_t)read_u64(r);
    nj_time t;

    if (wall == NJ_NEVER || __builtin_sub_overflow(wall, offset_ms, &t))
        return NJ_NEVER;
    return t;
}

/* What is left: lent. */
static struct nj_str
read_rest(struct nj_reader *r)
{
    return nj_read_bytes(r, nj_reader_left(r));
}

void
nj_meta_write(struct nj_writer *w, const struct nj_meta *meta)
{
    nj_write_u32(w, meta->format);
    nj_write_u32(w, meta->shards);
    write_u64(w, meta->seal.k[0]);
    write_u64(w, meta->seal.k[1]);
}

bool
nj_meta_read(struct nj_str value, struct nj_meta *out)
{
    struct nj_reader r = nj_reader_of(value);
    struct nj_meta meta;

    meta.format = nj_read_u32(&r);
    meta.shards = nj_read_u32(&r);
    meta.seal.k[0] = read_u64(&r);
    meta.seal.k[1] = read_u64(&r);
    if (r.is_short)
        return false;
    *out = meta;
    return true;
}

size_t
nj_record_session_size(const struct nj_session_state *state)
{
    return 4 + 8 + state->client_id.n + NJ_SUM_BYTES;
}

void
nj_record_session_write(struct nj_writer *w, const struct nj_session_state *state,
                        int64_t offset_ms)
{
    nj_write_u32(w, state->expiry_s);
    write_time(w, state->left, offset_ms);
    nj_write_bytes(w, state->client_id);
}

bool
nj_record_session_read(struct nj_str value, int64_t offset_ms, struct nj_session_state *out)
{
    struct nj_reader r = nj_reader_of(value);
    struct nj_session_state state;

    state.expiry_s = nj_read_u32(&r);
    state.left = read_time(&r, offset_ms);
    state.client_id = read_rest(&r);
    if (r.is_short || state.client_id.n == 0)
        return false;
    *out = state;
    return true;
}

#define NO_LOCAL            0x04u
#define RETAIN_AS_PUBLISHED 0x08u

size_t
nj_record_subscription_size(struct nj_str filter)
{
    return 1 + 4 + filter.n + NJ_SUM_BYTES;
}

void
nj_record_subscription_write(struct nj_writer *w, struct nj_str filter,
                             const struct nj_sub_opts *opts)
{
    nj_write_u8(w, (uint8_t)(opts->qos | (opts->no_local ? NO_LOCAL : 0) |
                             (opts->retain_as_published ? RETAIN_AS_PUBLISHED : 0)));
    nj_write_u32(w, opts->identifier);
    nj_write_bytes(w, filter);
}

bool
nj_record_subscription_read(struct nj_str value, struct nj_str *filter, struct nj_sub_opts *opts)
{
    struct nj_reader r = nj_reader_of(value);
    uint8_t flags = nj_read_u8(&r);
    uint32_t identifier = nj_read_u32(&r);
    struct nj_str text = read_rest(&r);

    if (r.is_short || text.n == 0 || (flags & 3u) == 3)
        return false;
    *filter = text;
    *opts = (struct nj_sub_opts){
        .qos = flags & 3u,
        .no_local = (flags & NO_LOCAL) != 0,
        .retain_as_published = (flags & RETAIN_AS_PUBLISHED) != 0,
        .identifier = identifier,
    };
    return true;
}

#define RETAIN 0x04u

size_t
nj_record_message_size(const struct nj_publication *pub)
{
    return 1 + 2 + 4 + 4 * 8 + pub->topic.n + pub->properties.n + pub->payload.n + NJ_SUM_BYTES;
}

void
nj_record_message_write(struct nj_writer *w, const struct nj_publication *pub, int64_t offset_ms)
{
    nj_write_u8(w, (uint8_t)(pub->qos | (pub->retain ? RETAIN : 0)));
    nj_write_u16(w, (uint16_t)pub->topic.n);
    nj_write_u32(w, (uint32_t)pub->properties.n);
    write_u64(w, pub->number);
    write_time(w, pub->arrived, offset_ms);
    write_time(w, pub->expires, offset_ms);
    write_u64(w, pub->source);
    nj_write_bytes(w, pub->topic);
    nj_write_bytes(w, pub->properties);
    nj_write_bytes(w, pub->payload);
}

bool
nj_record_message_read(struct nj_str value, int64_t offset_ms, struct nj_msg_parts *out)
{
    struct nj_reader r = nj_reader_of(value);
    uint8_t flags = nj_read_u8(&r);
    uint16_t topic_n = nj_read_u16(&r);
    uint32_t properties_n = nj_read_u32(&r);
    struct nj_msg_parts parts = {.qos = flags & 3u, .retain = (flags & RETAIN) != 0};

    parts.number = read_u64(&r);
    parts.arrived = read_time(&r, offset_ms);
    parts.expires = read_time(&r, offset_ms);
    parts.source = read_u64(&r);
    parts.topic = nj_read_bytes(&r, topic_n);
    parts.properties = nj_read_bytes(&r, properties_n);
    parts.payload = read_rest(&r);
    if (r.is_short || topic_n == 0 || parts.qos == 3 || parts.payload.n > UINT32_MAX / 4 ||
        properties_n > UINT32_MAX / 4)
        return false;
    *out = parts;
    return true;
}

#define PACKET_ID_AT 1

size_t
nj_record_queued_size(const struct nj_terms *terms)
{
    return 1 + 2 + 8 + 4 * (size_t)terms->identifier_count + NJ_SUM_BYTES;
}

void
nj_record_queued_write(struct nj_writer *w, const struct nj_terms *terms)
{
    nj_write_u8(w, (uint8_t)(terms->qos | (terms->retain ? RETAIN : 0)));
    nj_write_u16(w, 0);
    write_u64(w, terms->group);
    for (uint32_t i = 0; i < terms->identifier_count; i++)
        nj_write_u32(w, terms->identifiers[i]);
}

bool
nj_record_queued_read(struct nj_str value, struct nj_queued *out)
{
    struct nj_reader r = nj_reader_of(value);
    uint8_t flags = nj_read_u8(&r);
    struct nj_queued queued = {.qos = flags & 3u, .retain = (flags & RETAIN) != 0};

    queued.packet_id = nj_read_u16(&r);
    queued.group = read_u64(&r);
    queued.identifiers = read_rest(&r);
    queued.identifier_count = (uint32_t)(queued.identifiers.n / 4);
    if (r.is_short || queued.qos == 3 || queued.identifiers.n % 4 != 0)
        return false;
    *out = queued;
    return true;
}

uint32_t
nj_queued_identifier(const struct nj_queued *queued, uint32_t i)
{
    struct nj_reader r = nj_reader_of(nj_str_from(queued->identifiers, 4 * (size_t)i));

    return nj_read_u32(&r);
}

void
nj_record_queued_send(char *value, uint16_t packet_id)
{
    value[PACKET_ID_AT] = (char)(packet_id >> 8);
    value[PACKET_ID_AT + 1] = (char)packet_id;
}

void
nj_record_number_write(struct nj_writer *w, uint64_t number)
{
    write_u64(w, number);
}

bool
nj_record_number_read(struct nj_str value, uint64_t *out)
{
    if (value.n != 8)
        return false;
    *out = get_u64(value.p);
    return true;
}

size_t
nj_record_will_size(const struct nj_will *will)
{
    return 1 + 4 + 4 + 2 + 4 + will->topic.n + will->properties.n + will->payload.n + NJ_SUM_BYTES;
}

void
nj_record_will_write(struct nj_writer *w, const struct nj_will *will)
{
    nj_write_u8(w, (uint8_t)(will->qos | (will->retain ? RETAIN : 0)));
    nj_write_u32(w, will->delay_s);
    nj_write_u32(w, (uint32_t)NJ_MIN(will->expiry_s, UINT32_MAX)); /* 136 years: none */
    nj_write_u16(w, (uint16_t)will->topic.n);
    nj_write_u32(w, (uint32_t)will->properties.n);
    nj_write_bytes(w, will->topic);
    nj_write_bytes(w, will->properties);
    nj_write_bytes(w, will->payload);
}

bool
nj_record_will_read(struct nj_str value, struct nj_will *out)
{
    struct nj_reader r = nj_reader_of(value);
    uint8_t flags = nj_read_u8(&r);
    struct nj_will will = {.qos = flags & 3u, .retain = (flags & RETAIN) != 0};
    uint16_t topic_n;
    uint32_t properties_n;

    will.delay_s = nj_read_u32(&r);
    will.expiry_s = nj_read_u32(&r);
    if (will.expiry_s == UINT32_MAX)
        will.expiry_s = NJ_NO_EXPIRY;
    topic_n = nj_read_u16(&r);
    properties_n = nj_read_u32(&r);
    will.topic = nj_read_bytes(&r, topic_n);
    will.properties = nj_read_bytes(&r, properties_n);
    will.payload = read_rest(&r);
    if (r.is_short || topic_n == 0 || will.qos == 3)
        return false;
    *out = will;
    return true;
}
