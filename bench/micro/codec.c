/* SPDX-License-Identifier: Apache-2.0 */
/* codec.c — what a packet costs to find, decode and encode, without a socket. */
#include "micro/micro.h"

#include "base/assert.h"
#include "mqtt/packet.h"
#include "mqtt/topic.h"

#include <stdio.h>

#define PACKET_MAX 512

/* One packet as it lies in a read buffer, and how it is to be read. */
struct sample {
    const char *name;
    enum nj_version version;
    uint8_t bytes[PACKET_MAX];
    size_t n;
};

static const char topic[] = "site/7/line/3/sensor/0042/state";
static const char payload[64] =
    "{\"temperature\":21.5,\"humidity\":48.2,\"battery\":3.01,\"n\":100042}";

static struct nj_publish_head
publish_head(uint8_t qos)
{
    return (struct nj_publish_head){
        .qos = qos,
        .packet_id = qos > 0 ? 4711 : 0,
        .topic = nj_str_of(topic),
        .payload_bytes = sizeof(payload),
    };
}

static void
make_publish(struct sample *s, uint8_t qos, struct nj_str properties)
{
    struct nj_writer w = nj_writer_of(s->bytes, sizeof(s->bytes));
    struct nj_publish_head head = publish_head(qos);

    head.properties = properties;
    nj_publish_head_encode(&w, s->version, &head);
    nj_write_bytes(&w, (struct nj_str){payload, sizeof(payload)});
    NJ_ASSERT(!w.is_full);
    s->n = (size_t)(w.p - s->bytes);
}

static void
make_rich_publish(struct sample *s)
{
    uint8_t block[256];
    struct nj_writer w = nj_writer_of(block, sizeof(block));

    nj_property_put_number(&w, NJ_PROPERTY_PAYLOAD_FORMAT_INDICATOR, 1);
    nj_property_put_number(&w, NJ_PROPERTY_MESSAGE_EXPIRY_INTERVAL, 3600);
    nj_property_put_string(&w, NJ_PROPERTY_CONTENT_TYPE, NJ_STR("application/json"));
    nj_property_put_pair(&w, NJ_STR("trace"), NJ_STR("4bf92f3577b34da6"));
    nj_property_put_pair(&w, NJ_STR("source"), NJ_STR("gateway-12"));
    make_publish(s, 1, (struct nj_str){(const char *)block, (size_t)(w.p - block)});
}

static void
make_ack(struct sample *s)
{
    struct nj_writer w = nj_writer_of(s->bytes, sizeof(s->bytes));

    nj_ack_encode(&w, s->version, NJ_PUBACK, 4711, 0, NJ_STR(""));
    s->n = (size_t)(w.p - s->bytes);
}

static void
make_connect(struct sample *s)
{
    struct nj_writer w = nj_writer_of(s->bytes, sizeof(s->bytes));
    struct nj_connect_out c = {
        .version = s->version,
        .clean_start = true,
        .keep_alive_s = 60,
        .client_id = NJ_STR("site-7-line-3-sensor-0042"),
        .has_user_name = true,
        .user_name = NJ_STR("sensor-0042"),
        .has_password = true,
        .password = NJ_STR("correct horse battery staple"),
    };

    nj_connect_encode(&w, &c);
    s->n = (size_t)(w.p - s->bytes);
}

static void
make_subscribe(struct sample *s)
{
    uint8_t list[256];
    struct nj_writer lw = nj_writer_of(list, sizeof(list));
    struct nj_writer w = nj_writer_of(s->bytes, sizeof(s->bytes));
    struct nj_subscription one = {.filter = NJ_STR("site/+/line/3/sensor/#"), .qos = 1};

    nj_subscription_put(&lw, s->version, true, &one);
    nj_subscribe_encode(&w, s->version, NJ_SUBSCRIBE, 1, NJ_STR(""),
                        (struct nj_str){(const char *)list, (size_t)(lw.p - list)});
    s->n = (size_t)(w.p - s->bytes);
}

/* Frame and decode. The views are not zeroed before: for an acknowledgement that alone would take
 * longer. */
static void
decode(void *ctx, uint64_t count)
{
    const struct sample *s = ctx;
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++) {
        struct nj_str in = {(const char *)s->bytes, s->n};
        NJ_UNSET struct nj_packet packet;
        NJ_UNSET struct nj_frame f;

        NJ_ASSERT(nj_frame_find(in, PACKET_MAX, &f) == NJ_FRAME_WHOLE);
        NJ_ASSERT(nj_packet_decode(&f, s->version, NJ_FROM_CLIENT, &packet) == NJ_CAUSE_NONE);
        sum += (uint64_t)packet.type + f.bytes;
    }
    nj_micro_sink = sum;
}

/* The path of every message: no detour over the union of all packets. */
static void
decode_publish(void *ctx, uint64_t count)
{
    const struct sample *s = ctx;
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++) {
        struct nj_str in = {(const char *)s->bytes, s->n};
        NJ_UNSET struct nj_publish p;
        NJ_UNSET struct nj_frame f;

        NJ_ASSERT(nj_frame_find(in, PACKET_MAX, &f) == NJ_FRAME_WHOLE);
        NJ_ASSERT(nj_publish_decode(&f, s->version, NJ_FROM_CLIENT, &p) == NJ_CAUSE_NONE);
        sum += p.payload.n;
    }
    nj_micro_sink = sum;
}

static void
encode_publish(void *ctx, uint64_t count)
{
    const struct sample *s = ctx;
    uint8_t out[PACKET_MAX];
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++) {
        struct nj_writer w = nj_writer_of(out, sizeof(out));
        struct nj_publish_head head = publish_head((uint8_t)(i & 1));

        sum += nj_publish_head_size(&head, s->version);
        nj_publish_head_encode(&w, s->version, &head);
        nj_write_bytes(&w, (struct nj_str){payload, sizeof(payload)});
        sum += out[0];
    }
    nj_micro_sink = sum;
}

static void
encode_ack(void *ctx, uint64_t count)
{
    const struct sample *s = ctx;
    uint8_t out[PACKET_MAX];
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++) {
        struct nj_writer w = nj_writer_of(out, sizeof(out));

        nj_ack_encode(&w, s->version, NJ_PUBACK, (uint16_t)i, 0, NJ_STR(""));
        sum += out[3];
    }
    nj_micro_sink = sum;
}

static void
check_utf8(void *ctx, uint64_t count)
{
    uint64_t sum = 0;

    for (uint64_t i = 0; i < count; i++)
        sum += nj_utf8_is_valid(*(const struct nj_str *)ctx);
    nj_micro_sink = sum;
}

int
main(void)
{
    struct sample s311 = {.version = NJ_MQTT_311};
    struct sample s5 = {.version = NJ_MQTT_5};
    struct nj_str name = nj_str_of(topic);
    struct nj_str umlauts = NJ_STR("haus/küche/fühler/wärme/größe/0");

    make_publish(&s311, 0, NJ_STR(""));
    nj_micro_time("PUBLISH QoS 0, 3.1.1: find, decode", decode_publish, &s311);
    make_publish(&s5, 1, NJ_STR(""));
    nj_micro_time("PUBLISH QoS 1, 5: find, decode", decode_publish, &s5);
    make_rich_publish(&s5);
    nj_micro_time("PUBLISH QoS 1, 5, 5 properties: find, decode", decode_publish, &s5);
    nj_micro_time("PUBLISH, 3.1.1: size, encode", encode_publish, &s311);
    nj_micro_time("PUBLISH, 5: size, encode", encode_publish, &s5);
    make_ack(&s5);
    nj_micro_time("PUBACK, 5: find, decode", decode, &s5);
    nj_micro_time("PUBACK, 5: encode", encode_ack, &s5);
    make_connect(&s5);
    nj_micro_time("CONNECT, 5: find, decode", decode, &s5);
    make_subscribe(&s5);
    nj_micro_time("SUBSCRIBE, 5: find, decode", decode, &s5);
    nj_micro_time("topic of 31 bytes, ASCII: UTF-8", check_utf8, &name);
    nj_micro_time("topic of 35 bytes, umlauts: UTF-8", check_utf8, &umlauts);
    return 0;
}
