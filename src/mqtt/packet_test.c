/* SPDX-License-Identifier: Apache-2.0 */
/* All packets together: random ones there and back, cut ones, spoilt ones, and those of real
 * clients and brokers. */
#include "base/rand.h"
#include "base/test.h"
#include "mqtt/kit_test.h"

#define ROUNDS 150000

/* ---- random packets ---- */

struct maker {
    struct nj_rand rand;
    enum nj_version v;
    enum nj_side from;
    uint8_t arena[8192]; /* of the strings of one packet */
    size_t used;
    uint8_t wire[16384];
    struct nj_writer w;
};

static uint32_t
below(struct maker *m, uint32_t n)
{
    return nj_rand_below(&m->rand, n);
}

static bool
maybe(struct maker *m)
{
    return below(m, 2) == 0;
}

static uint8_t *
take(struct maker *m, size_t n)
{
    uint8_t *p = m->arena + m->used;

    assert_true(m->used + n <= sizeof(m->arena));
    m->used += n;
    return p;
}

static struct nj_str
bytes(struct maker *m, uint32_t most)
{
    size_t n = below(m, most + 1);
    uint8_t *p = take(m, n);

    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)below(m, 256);
    return (struct nj_str){(char *)p, n};
}

/* Text of at least `least` characters, from pieces without wildcards. */
static struct nj_str
text(struct maker *m, uint32_t least, uint32_t most)
{
    static const char *const pieces[] = {"a",
                                         "/",
                                         "ciel",
                                         "$",
                                         "\xc3\xa9",
                                         "\xe2\x82\xac",
                                         " ",
                                         "\xf0\x9f\xa7\x80",
                                         "\xef\xbb\xbf",
                                         "\x01",
                                         "temperature"};
    uint32_t count = least + below(m, most - least + 1);
    struct nj_str s = {(char *)m->arena + m->used, 0};

    while (count-- > 0) {
        const char *piece = pieces[below(m, NJ_COUNT_OF(pieces))];

        memcpy(take(m, strlen(piece)), piece, strlen(piece));
        s.n += strlen(piece);
    }
    return s;
}

static struct nj_str
filter(struct maker *m)
{
    static const char *const filters[] = {
        "#", "+", "a/+/b", "a/#", "$share/g/a/+", "$SYS/#", "/", "$share/\xc3\xa9/#"};

    return maybe(m) ? text(m, 1, 8) : nj_str_of(filters[below(m, NJ_COUNT_OF(filters))]);
}

static void
put_property(struct maker *m, struct nj_writer *w, enum nj_property id, enum type type)
{
    switch (type) {
    case BOOL:
        nj_property_put_number(w, id, below(m, 2));
        break;
    case U16:
        nj_property_put_number(w, id, 1 + below(m, 65535));
        break;
    case U32:
        nj_property_put_number(w, id, 1 + (below(m, UINT32_MAX) >> below(m, 31)));
        break;
    case VARINT:
        nj_property_put_number(w, id, 1 + (below(m, NJ_VARINT_MAX_VALUE) >> below(m, 27)));
        break;
    case STR:
        nj_property_put_string(w, id, text(m, 1, 6));
        break;
    case BIN:
        nj_property_put_string(w, id, bytes(m, 20));
        break;
    case PAIR:
        nj_property_put_pair(w, text(m, 0, 4), text(m, 0, 4));
        break;
    }
}

/* Some of those that may stand in the packet, in random order; a property repeats where it may. */
static struct nj_str
properties(struct maker *m, uint32_t packets)
{
    static const struct {
        enum nj_property id;
        enum type type;
    } all[] = {
#define NJ_PROPERTY(name, identifier, type, packets, words) {NJ_PROPERTY_##name, type},
#include "mqtt/property.def"
#undef NJ_PROPERTY
    };
    uint8_t *memory = take(m, 1024);
    struct nj_writer w = nj_writer_of(memory, 1024);
    uint64_t present = 0;

    if (m->v < NJ_MQTT_5 || below(m, 3) == 0)
        return (struct nj_str){NULL, 0};
    for (uint32_t tries = below(m, 24); tries > 0; tries--) {
        uint32_t i = below(m, NJ_COUNT_OF(all));
        enum nj_property id = all[i].id;
        bool may_repeat = all[i].type == PAIR || (all[i].type == VARINT && (packets & 8) != 0);

        if (!nj_property_is_allowed(id, packets) || ((present >> id & 1) != 0 && !may_repeat))
            continue;
        if (id == NJ_PROPERTY_AUTHENTICATION_DATA &&
            (present >> NJ_PROPERTY_AUTHENTICATION_METHOD & 1) == 0)
            continue;
        if (m->from == NJ_FROM_CLIENT && (packets & 8) != 0 &&
            id == NJ_PROPERTY_SUBSCRIPTION_IDENTIFIER)
            continue;
        if (m->from == NJ_FROM_SERVER && packets == NJ_PROPERTIES_OF(NJ_DISCONNECT) &&
            id == NJ_PROPERTY_SESSION_EXPIRY_INTERVAL)
            continue;
        put_property(m, &w, id, all[i].type);
        present |= UINT64_C(1) << id;
    }
    assert_false(w.is_full);
    return (struct nj_str){(char *)memory, (size_t)(w.p - memory)};
}

static uint8_t
reason(struct maker *m, enum nj_packet_type type)
{
    unsigned code;

    if (m->v < NJ_MQTT_5)
        return 0;
    do
        code = below(m, 256);
    while (!nj_reason_is_allowed(code, type, m->from));
    return (uint8_t)code;
}

static uint16_t
packet_id(struct maker *m)
{
    return (uint16_t)(1 + below(m, 65535));
}

/* Frame and decode what has been written. */
static void
decode(struct maker *m, struct nj_packet *p, struct nj_str *whole)
{
    struct nj_frame f;
    enum nj_cause cause;

    assert_false(m->w.is_full);
    *whole = (struct nj_str){(char *)m->wire, (size_t)(m->w.p - m->wire)};
    assert_int_equal(nj_frame_find(*whole, NJ_PACKET_MAX_BYTES, &f), NJ_FRAME_WHOLE);
    assert_int_equal(f.bytes, whole->n);
    cause = nj_packet_decode(&f, m->v, m->from, p);
    assert_string_equal(nj_cause_counter(cause), "none");
}

static void
check_connect(struct maker *m, struct nj_packet *p, struct nj_str *whole)
{
    struct nj_connect_out o = {
        .version = m->v,
        .clean_start = maybe(m),
        .is_bridge = m->v < NJ_MQTT_5 && maybe(m),
        .keep_alive_s = (uint16_t)below(m, 65536),
        .client_id = text(m, 0, 12),
        .properties = properties(m, NJ_PROPERTIES_OF(NJ_CONNECT)),
        .has_user_name = maybe(m),
        .has_will = maybe(m),
    };
    const struct nj_connect *c = &p->connect;

    if (o.has_will) {
        o.will_qos = (uint8_t)below(m, 3);
        o.will_retain = maybe(m);
        o.will_topic = text(m, 1, 8);
        o.will_payload = bytes(m, 50);
        o.will_properties = properties(m, NJ_PROPERTIES_OF_WILL);
    }
    if (o.has_user_name)
        o.user_name = text(m, 0, 8);
    o.has_password = (o.has_user_name || m->v == NJ_MQTT_5) && maybe(m);
    if (o.has_password)
        o.password = bytes(m, 20);
    nj_connect_encode(&m->w, &o);
    assert_true((size_t)(m->w.p - m->wire) <= nj_connect_size(&o));
    decode(m, p, whole);
    assert_int_equal(c->version, o.version);
    assert_int_equal(c->is_bridge, o.is_bridge);
    assert_int_equal(c->clean_start, o.clean_start);
    assert_int_equal(c->keep_alive_s, o.keep_alive_s);
    assert_true(nj_str_eq(c->client_id, o.client_id));
    assert_true(nj_str_eq(c->properties.block, o.properties));
    assert_int_equal(c->has_will, o.has_will);
    assert_int_equal(c->will_qos, o.will_qos);
    assert_int_equal(c->will_retain, o.will_retain);
    assert_true(nj_str_eq(c->will_topic, o.will_topic));
    assert_true(nj_str_eq(c->will_payload, o.will_payload));
    assert_true(nj_str_eq(c->will_properties.block, o.will_properties));
    assert_int_equal(c->has_user_name, o.has_user_name);
    assert_true(nj_str_eq(c->user_name, o.user_name));
    assert_int_equal(c->has_password, o.has_password);
    assert_true(nj_str_eq(c->password, o.password));
}

static void
check_connack(struct maker *m, struct nj_packet *p, struct nj_str *whole)
{
    uint8_t code = m->v == NJ_MQTT_5 ? reason(m, NJ_CONNACK) : (uint8_t)below(m, 6);
    bool session_present = code == 0 && m->v > NJ_MQTT_31 && maybe(m);
    struct nj_str block = properties(m, NJ_PROPERTIES_OF(NJ_CONNACK));

    nj_connack_encode(&m->w, m->v, session_present, code, block);
    decode(m, p, whole);
    assert_int_equal(p->connack.code, code);
    assert_int_equal(p->connack.session_present, session_present);
    assert_true(nj_str_eq(p->connack.properties.block, block));
}

static void
check_publish(struct maker *m, struct nj_packet *p, struct nj_str *whole)
{
    struct nj_str payload = bytes(m, 300);
    uint32_t identifiers[3] = {1 + below(m, 200), 1 + below(m, 20000), NJ_VARINT_MAX_VALUE};
    struct nj_publish_head h = {
        .qos = (uint8_t)below(m, 3),
        .retain = maybe(m),
        .topic = text(m, 1, 20),
        .payload_bytes = (uint32_t)payload.n,
    };

    if (h.qos > 0) {
        h.packet_id = packet_id(m);
        h.dup = maybe(m);
    }
    if (m->v == NJ_MQTT_5 && maybe(m)) {
        h.topic_alias = (uint16_t)below(m, 65536);
        h.topic.n = h.topic_alias > 0 && maybe(m) ? 0 : h.topic.n;
        h.has_expiry = maybe(m);
        h.message_expiry_interval_s = below(m, UINT32_MAX);
        h.subscription_identifiers = identifiers;
        h.subscription_identifier_count = m->from == NJ_FROM_SERVER ? below(m, 4) : 0;
    } else {
        h.properties = properties(m, NJ_PROPERTIES_OF(NJ_PUBLISH));
    }
    nj_publish_head_encode(&m->w, m->v, &h);
    assert_int_equal(m->w.p - m->wire, nj_publish_head_size(&h, m->v));
    nj_write_bytes(&m->w, payload);
    decode(m, p, whole);
    assert_int_equal(p->publish.qos, h.qos);
    assert_int_equal(p->publish.dup, h.dup);
    assert_int_equal(p->publish.retain, h.retain);
    assert_int_equal(p->publish.packet_id, h.packet_id);
    assert_true(nj_str_eq(p->publish.topic, h.topic));
    assert_true(nj_str_eq(p->publish.payload, payload));
    if (h.qos > 0)
        assert_memory_equal(m->wire + nj_publish_packet_id_offset(m->wire),
                            ((uint8_t[]){(uint8_t)(h.packet_id >> 8), (uint8_t)h.packet_id}), 2);
    if (h.has_expiry)
        assert_int_equal(p->publish.properties.message_expiry_interval_s,
                         h.message_expiry_interval_s);
    if (h.topic_alias > 0)
        assert_int_equal(p->publish.properties.topic_alias, h.topic_alias);
    if (h.subscription_identifier_count > 0)
        assert_int_equal(p->publish.properties.subscription_identifier_count,
                         h.subscription_identifier_count);
}

static void
check_ack(struct maker *m, enum nj_packet_type type, struct nj_packet *p, struct nj_str *whole)
{
    struct nj_ack a = {.packet_id = packet_id(m), .reason = maybe(m) ? 0 : reason(m, type)};
    struct nj_str block = properties(m, NJ_PROPERTIES_OF(type));

    nj_ack_encode(&m->w, m->v, type, a.packet_id, a.reason, block);
    decode(m, p, whole);
    assert_int_equal(p->ack.packet_id, a.packet_id);
    assert_int_equal(p->ack.reason, a.reason);
    assert_true(nj_str_eq(p->ack.properties.block, block));
}

static void
check_subscribe(struct maker *m, enum nj_packet_type type, struct nj_packet *p,
                struct nj_str *whole)
{
    bool has_options = type == NJ_SUBSCRIBE;
    uint8_t *memory = take(m, 2048);
    struct nj_writer list = nj_writer_of(memory, 2048);
    struct nj_str block = properties(m, NJ_PROPERTIES_OF(type));
    struct nj_subscription wanted[5], got;
    uint32_t count = 1 + below(m, NJ_COUNT_OF(wanted));
    uint16_t id = packet_id(m);
    struct nj_reader r;

    for (uint32_t i = 0; i < count; i++) {
        struct nj_subscription *s = &wanted[i];

        *s = (struct nj_subscription){.filter = filter(m)};
        if (has_options)
            s->qos = (uint8_t)below(m, 3);
        if (has_options && m->v == NJ_MQTT_5) {
            s->no_local = !nj_str_starts(s->filter, NJ_STR("$share/")) && maybe(m);
            s->retain_as_published = maybe(m);
            s->retain_handling = (uint8_t)below(m, 3);
        }
        /* Random text may happen to be a bad share. */
        if (s->filter.p[0] == '$' && !nj_str_starts(s->filter, NJ_STR("$share/")) &&
            nj_str_starts(s->filter, NJ_STR("$s")))
            s->filter = NJ_STR("x");
        nj_subscription_put(&list, m->v, has_options, s);
    }
    assert_false(list.is_full);
    nj_subscribe_encode(&m->w, m->v, type, id, block,
                        (struct nj_str){(char *)memory, (size_t)(list.p - memory)});
    decode(m, p, whole);
    assert_int_equal(p->subscribe.packet_id, id);
    assert_int_equal(p->subscribe.count, count);
    assert_true(nj_str_eq(p->subscribe.properties.block, block));
    r = nj_reader_of(p->subscribe.filters);
    for (uint32_t i = 0; i < count; i++) {
        assert_true(nj_subscription_next(&r, m->v, has_options, &got));
        assert_true(nj_str_eq(got.filter, wanted[i].filter));
        assert_int_equal(got.qos, wanted[i].qos);
        assert_int_equal(got.no_local, wanted[i].no_local);
        assert_int_equal(got.retain_as_published, wanted[i].retain_as_published);
        assert_int_equal(got.retain_handling, wanted[i].retain_handling);
    }
    assert_false(nj_subscription_next(&r, m->v, has_options, &got));
}

static void
check_suback(struct maker *m, enum nj_packet_type type, struct nj_packet *p, struct nj_str *whole)
{
    static const uint8_t codes_before_5[] = {0, 1, 2, 0x80};
    struct nj_str block = properties(m, NJ_PROPERTIES_OF(type));
    uint32_t count = 1 + below(m, 8);
    uint8_t *codes = take(m, count);
    uint16_t id = packet_id(m);

    for (uint32_t i = 0; i < count; i++)
        codes[i] = m->v == NJ_MQTT_5 ? reason(m, type) : codes_before_5[below(m, 4)];
    nj_suback_encode(&m->w, m->v, type, id, block, (struct nj_str){(char *)codes, count});
    decode(m, p, whole);
    if (m->v < NJ_MQTT_5 && type == NJ_UNSUBACK)
        count = 0;
    assert_int_equal(p->suback.packet_id, id);
    assert_true(nj_str_eq(p->suback.codes, (struct nj_str){(char *)codes, count}));
    assert_true(nj_str_eq(p->suback.properties.block, block));
}

static void
check_disconnect(struct maker *m, struct nj_packet *p, struct nj_str *whole)
{
    uint8_t code = maybe(m) ? 0 : reason(m, NJ_DISCONNECT);
    struct nj_str block = properties(m, NJ_PROPERTIES_OF(NJ_DISCONNECT));

    nj_disconnect_encode(&m->w, m->v, code, block);
    decode(m, p, whole);
    assert_int_equal(p->disconnect.reason, code);
    assert_true(nj_str_eq(p->disconnect.properties.block, block));
}

static void
check_auth(struct maker *m, struct nj_packet *p, struct nj_str *whole)
{
    uint8_t *memory = take(m, 64);
    struct nj_writer w = nj_writer_of(memory, 64);
    uint8_t code = reason(m, NJ_AUTH);
    struct nj_str block;

    nj_property_put_string(&w, NJ_PROPERTY_AUTHENTICATION_METHOD, text(m, 1, 2));
    if (maybe(m))
        nj_property_put_string(&w, NJ_PROPERTY_AUTHENTICATION_DATA, bytes(m, 20));
    block = (struct nj_str){(char *)memory, (size_t)(w.p - memory)};
    nj_auth_encode(&m->w, code, block);
    decode(m, p, whole);
    assert_int_equal(p->auth.reason, code);
    assert_true(nj_str_eq(p->auth.properties.block, block));
}

/* A packet that its side may send, encoded in m->wire, decoded and compared with what was meant. */
static void
make(struct maker *m, struct nj_packet *p, struct nj_str *whole)
{
    static const enum nj_packet_type client[] = {
        NJ_CONNECT, NJ_PUBLISH,   NJ_PUBLISH,     NJ_PUBACK,  NJ_PUBREC,     NJ_PUBREL,
        NJ_PUBCOMP, NJ_SUBSCRIBE, NJ_UNSUBSCRIBE, NJ_PINGREQ, NJ_DISCONNECT, NJ_AUTH};
    static const enum nj_packet_type server[] = {NJ_CONNACK,  NJ_PUBLISH,  NJ_PUBLISH,    NJ_PUBACK,
                                                 NJ_PUBREC,   NJ_PUBREL,   NJ_PUBCOMP,    NJ_SUBACK,
                                                 NJ_UNSUBACK, NJ_PINGRESP, NJ_DISCONNECT, NJ_AUTH};
    enum nj_packet_type type;

    m->from = maybe(m) ? NJ_FROM_CLIENT : NJ_FROM_SERVER;
    m->v = (enum nj_version)(3 + below(m, 3));
    m->used = 0;
    m->w = nj_writer_of(m->wire, sizeof(m->wire));
    do
        type = m->from == NJ_FROM_CLIENT ? client[below(m, 12)] : server[below(m, 12)];
    while (m->v < NJ_MQTT_5 &&
           (type == NJ_AUTH || (type == NJ_DISCONNECT && m->from == NJ_FROM_SERVER)));

    switch (type) {
    case NJ_CONNECT:
        check_connect(m, p, whole);
        break;
    case NJ_CONNACK:
        check_connack(m, p, whole);
        break;
    case NJ_PUBLISH:
        check_publish(m, p, whole);
        break;
    case NJ_PUBACK:
    case NJ_PUBREC:
    case NJ_PUBREL:
    case NJ_PUBCOMP:
        check_ack(m, type, p, whole);
        break;
    case NJ_SUBSCRIBE:
    case NJ_UNSUBSCRIBE:
        check_subscribe(m, type, p, whole);
        break;
    case NJ_SUBACK:
    case NJ_UNSUBACK:
        check_suback(m, type, p, whole);
        break;
    case NJ_PINGREQ:
    case NJ_PINGRESP:
        nj_ping_encode(&m->w, type);
        decode(m, p, whole);
        break;
    case NJ_DISCONNECT:
        check_disconnect(m, p, whole);
        break;
    case NJ_AUTH:
        check_auth(m, p, whole);
        break;
    }
    assert_int_equal(p->type, type);
}

static void
what_is_encoded_is_decoded(void **state)
{
    static struct maker m;
    unsigned seen[16] = {0};

    (void)state;
    nj_rand_seed(&m.rand, 2026);
    for (int round = 0; round < ROUNDS; round++) {
        struct nj_packet p;
        struct nj_str whole;

        make(&m, &p, &whole);
        kit_check_again(whole, m.v, m.from, &p);
        seen[p.type]++;
    }
    for (unsigned type = 1; type < 16; type++)
        assert_true(seen[type] > ROUNDS / 100);
}

/* A writer with less room stays within it and says so. */
static void
what_does_not_fit_is_not_written_past_the_end(void **state)
{
    static struct maker m;

    (void)state;
    nj_rand_seed(&m.rand, 5);
    for (int round = 0; round < 2000; round++) {
        struct nj_packet p;
        struct nj_str whole;

        make(&m, &p, &whole);
        for (size_t n = 0; n <= whole.n; n += 1 + n / 16) {
            uint8_t *exact = nj_alloc(n);
            struct nj_writer w = nj_writer_of(exact, n);

            assert_non_null(exact);
            kit_put_packet(&w, m.v, &p);
            assert_true(w.p <= w.end);
            assert_int_equal(w.is_full, n < whole.n);
            nj_free(exact);
        }
    }
}

/* The body cut at every place, in a block of exactly its size: a fault, or a packet that says less,
 * and nothing read beyond. */
static void
a_cut_packet_is_never_read_beyond_its_end(void **state)
{
    static struct maker m;

    (void)state;
    nj_rand_seed(&m.rand, 3);
    for (int round = 0; round < 3000; round++) {
        struct nj_packet p, q;
        struct nj_str whole;
        struct nj_frame f;

        make(&m, &p, &whole);
        (void)nj_frame_find(whole, NJ_PACKET_MAX_BYTES, &f);
        for (size_t n = 0; n < whole.n; n++) {
            struct kit_bytes exact = kit_copy(whole.p, n);
            struct nj_frame part;

            assert_int_equal(nj_frame_find(kit_str(exact), NJ_PACKET_MAX_BYTES, &part),
                             NJ_FRAME_PART);
            nj_free(exact.p);
        }
        for (size_t n = 0; n < f.body.n; n++) {
            struct kit_bytes exact = kit_copy(f.body.p, n);
            struct nj_frame cut = {.type = f.type, .flags = f.flags, .body = kit_str(exact)};

            if (nj_packet_decode(&cut, m.v, m.from, &q) == NJ_CAUSE_NONE &&
                kit_properties(&q) != NULL)
                kit_check_walk(kit_properties(&q));
            nj_free(exact.p);
        }
    }
}

/* One byte changed, or one more: what still decodes must come back as itself. */
static void
a_spoilt_packet_is_refused_or_means_itself(void **state)
{
    static struct maker m;
    unsigned refused = 0, accepted = 0;

    (void)state;
    nj_rand_seed(&m.rand, 4);
    for (int round = 0; round < ROUNDS; round++) {
        struct nj_packet p;
        struct nj_str whole;
        struct kit_bytes exact;
        struct nj_frame f;

        make(&m, &p, &whole);
        m.wire[below(&m, (uint32_t)whole.n)] = (uint8_t)below(&m, 256);
        exact = kit_copy(whole.p, whole.n);
        if (nj_frame_find(kit_str(exact), NJ_PACKET_MAX_BYTES, &f) == NJ_FRAME_WHOLE) {
            if (nj_packet_decode(&f, m.v, m.from, &p) == NJ_CAUSE_NONE) {
                kit_check_again((struct nj_str){(char *)exact.p, f.bytes}, m.v, m.from, &p);
                accepted++;
            } else {
                refused++;
            }
        }
        nj_free(exact.p);
    }
    assert_true(refused > ROUNDS / 20);
    assert_true(accepted > ROUNDS / 20);
}

static void
a_packet_of_the_other_side_is_unexpected(void **state)
{
    (void)state;
    kit_assert_cause("20020000", NJ_MQTT_311, NJ_FROM_CLIENT, UNEXPECTED_PACKET);
    kit_assert_cause("9003000100", NJ_MQTT_311, NJ_FROM_CLIENT, UNEXPECTED_PACKET);
    kit_assert_cause("82 06 0001 0001 61 00", NJ_MQTT_311, NJ_FROM_SERVER, UNEXPECTED_PACKET);
    kit_assert_cause("100c00044d5154540402003c0000", NJ_MQTT_311, NJ_FROM_SERVER,
                     UNEXPECTED_PACKET);
}

static void
names_are_those_of_the_standard(void **state)
{
    (void)state;
    assert_string_equal(nj_packet_name(0), "RESERVED");
    assert_string_equal(nj_packet_name(NJ_CONNECT), "CONNECT");
    assert_string_equal(nj_packet_name(NJ_UNSUBACK), "UNSUBACK");
    assert_string_equal(nj_packet_name(NJ_AUTH), "AUTH");
    assert_string_equal(nj_packet_name(16), "RESERVED");
}

/* ---- packets of others ---- */

static void
captured_packets_decode_and_come_back_as_themselves(void **state)
{
    static const struct {
        const char *name;
        enum nj_version v;
        enum nj_side from;
        const char *hex;
    } captured[] = {
#define NJ_CAPTURED(name, version, side, hex) {name, NJ_MQTT_##version, NJ_FROM_##side, hex},
#include "mqtt/captured.def"
#undef NJ_CAPTURED
    };

    (void)state;
    for (size_t i = 0; i < NJ_COUNT_OF(captured); i++) {
        struct kit_bytes all = kit_hex(captured[i].hex);
        struct nj_str rest = kit_str(all);

        while (rest.n > 0) {
            struct nj_packet p = {0};
            struct nj_frame f;
            enum nj_cause cause = NJ_CAUSE_PACKET_SHORT;

            if (nj_frame_find(rest, NJ_PACKET_MAX_BYTES, &f) == NJ_FRAME_WHOLE)
                cause = nj_packet_decode(&f, captured[i].v, captured[i].from, &p);
            if (cause != NJ_CAUSE_NONE)
                fail_msg("%s: %s: %s", captured[i].name, nj_packet_name(f.type),
                         nj_cause_text(cause));

            kit_check_again((struct nj_str){rest.p, f.bytes}, captured[i].v, captured[i].from, &p);
            rest = nj_str_from(rest, f.bytes);
        }
        nj_free(all.p);
    }
}

/* What the first faulty packet of a client's stream breaks. */
static enum nj_cause
judge_stream(struct nj_str rest)
{
    enum nj_version v = NJ_MQTT_311;

    while (rest.n > 0) {
        struct nj_packet p;
        struct nj_frame f;
        enum nj_cause cause;

        switch (nj_frame_find(rest, NJ_PACKET_MAX_BYTES, &f)) {
        case NJ_FRAME_PART:
            return NJ_CAUSE_PACKET_SHORT;
        case NJ_FRAME_FAULT:
            return f.cause;
        case NJ_FRAME_WHOLE:
            break;
        }
        cause = nj_packet_decode(&f, v, NJ_FROM_CLIENT, &p);
        if (cause != NJ_CAUSE_NONE)
            return cause;
        if (p.type == NJ_CONNECT)
            v = p.connect.version;
        rest = nj_str_from(rest, f.bytes);
    }
    return NJ_CAUSE_NONE;
}

/* NONE where only the session can tell. */
static const struct {
    const char *name;
    enum nj_cause cause;
} malformed[] = {
    {"reserved type 0", NJ_CAUSE_PACKET_TYPE},
    {"type 15 in v3.1.1", NJ_CAUSE_PACKET_TYPE},
    {"remaining length 5 bytes", NJ_CAUSE_REMAINING_LENGTH},
    {"publish qos 3", NJ_CAUSE_QOS_3},
    {"publish wildcard topic", NJ_CAUSE_TOPIC_NAME_WILDCARD},
    {"publish empty topic", NJ_CAUSE_TOPIC_NAME_EMPTY},
    {"topic longer than packet", NJ_CAUSE_PACKET_SHORT},
    {"subscribe flags 0x80", NJ_CAUSE_HEADER_FLAGS},
    {"subscribe without topic", NJ_CAUSE_SUBSCRIBE_EMPTY},
    {"subscribe id 0", NJ_CAUSE_PACKET_ID_ZERO},
    {"subscribe qos 3", NJ_CAUSE_QOS_3},
    {"subscribe bad filter", NJ_CAUSE_TOPIC_FILTER_GRAMMAR},
    {"pubrel flags 0", NJ_CAUSE_HEADER_FLAGS},
    {"second connect", NJ_CAUSE_NONE},
    {"publish before connect", NJ_CAUSE_NONE},
    {"protocol name wrong", NJ_CAUSE_PROTOCOL_NAME},
    {"protocol level 9", NJ_CAUSE_PROTOCOL_VERSION},
    {"connect reserved flag", NJ_CAUSE_CONNECT_FLAGS},
    {"will qos 3", NJ_CAUSE_CONNECT_FLAGS},
    {"password without user v3.1.1", NJ_CAUSE_CONNECT_FLAGS},
    {"empty id clean 0", NJ_CAUSE_NONE},
    {"empty id clean 1", NJ_CAUSE_NONE},
    {"invalid utf8 topic", NJ_CAUSE_UTF8},
    {"nul in topic", NJ_CAUSE_UTF8},
    {"surrogate in topic", NJ_CAUSE_UTF8},
    {"connect truncated", NJ_CAUSE_PACKET_SHORT},
    {"id 24 chars v3.1", NJ_CAUSE_NONE},
    {"pingreq with payload", NJ_CAUSE_PACKET_LONG},
    {"disconnect flags", NJ_CAUSE_HEADER_FLAGS},
    {"suback from client", NJ_CAUSE_UNEXPECTED_PACKET},
    {"not mqtt", NJ_CAUSE_HEADER_FLAGS},
    {"v5 duplicate property", NJ_CAUSE_PROPERTY_TWICE},
    {"v5 unknown property", NJ_CAUSE_PROPERTY_UNKNOWN},
    {"v5 property of another packet", NJ_CAUSE_PROPERTY_NOT_ALLOWED},
    {"v5 property length too long", NJ_CAUSE_PACKET_SHORT},
    {"v5 receive maximum 0", NJ_CAUSE_PROPERTY_VALUE},
    {"v5 topic alias 0", NJ_CAUSE_TOPIC_ALIAS},
    {"v5 topic alias too big", NJ_CAUSE_NONE},
    {"v5 sub id 0", NJ_CAUSE_PROPERTY_VALUE},
    {"v5 sub reserved bits", NJ_CAUSE_SUBSCRIBE_OPTIONS},
    {"v5 retain handling 3", NJ_CAUSE_RETAIN_HANDLING_3},
    {"v5 no local on shared", NJ_CAUSE_SHARE_NO_LOCAL},
    {"v5 bad share name", NJ_CAUSE_TOPIC_FILTER_GRAMMAR},
    {"v5 disconnect expiry raise", NJ_CAUSE_NONE},
    {"v5 auth without method", NJ_CAUSE_REASON_CODE_UNKNOWN},
    {"v5 payload not utf8", NJ_CAUSE_NONE},
    {"v5 auth data without method", NJ_CAUSE_AUTH_DATA_WITHOUT_METHOD},
    {"v5 response topic wildcard", NJ_CAUSE_TOPIC_NAME_WILDCARD},
};

static void
check_malformed_case(const char *name, const char *hex)
{
    struct kit_bytes sent = kit_hex(hex);
    enum nj_cause cause = judge_stream(kit_str(sent));

    nj_free(sent.p);
    for (size_t i = 0; i < NJ_COUNT_OF(malformed); i++) {
        if (strcmp(malformed[i].name, name) != 0)
            continue;
        if (cause != malformed[i].cause)
            fail_msg("%s: %s", name, nj_cause_counter(cause));
        return;
    }
    fail_msg("%s: a case without an expectation", name);
}

/* The golden captures lie beside the tree, not in it: NJ_CAPTURES says where. */
static void
check_malformed_file(const char *name)
{
    const char *folder = getenv("NJ_CAPTURES");
    char path[512], line[4096];
    FILE *in;

    snprintf(path, sizeof(path), "%s/%s", folder != NULL ? folder : ".", name);
    in = fopen(path, "r");
    if (in == NULL) {
        print_message("skipped: there is no %s\n", path);
        skip();
    }
    assert_non_null(fgets(line, sizeof(line), in));
    while (fgets(line, sizeof(line), in) != NULL) {
        char *fields[3], *rest = line;

        for (size_t i = 0; i < NJ_COUNT_OF(fields); i++)
            fields[i] = strsep(&rest, "\t");
        assert_non_null(rest);
        check_malformed_case(fields[0], fields[2]);
    }
    fclose(in);
}

static void
malformed_packets_of_3_have_their_causes(void **state)
{
    (void)state;
    check_malformed_file("malformed_v3.cases.tsv");
}

static void
malformed_packets_of_5_have_their_causes(void **state)
{
    (void)state;
    check_malformed_file("malformed_v5.cases.tsv");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(what_does_not_fit_is_not_written_past_the_end),
        cmocka_unit_test(a_cut_packet_is_never_read_beyond_its_end),
        cmocka_unit_test(a_spoilt_packet_is_refused_or_means_itself),
        cmocka_unit_test(a_packet_of_the_other_side_is_unexpected),
        cmocka_unit_test(names_are_those_of_the_standard),
        cmocka_unit_test(captured_packets_decode_and_come_back_as_themselves),
        cmocka_unit_test(malformed_packets_of_3_have_their_causes),
        cmocka_unit_test(malformed_packets_of_5_have_their_causes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
