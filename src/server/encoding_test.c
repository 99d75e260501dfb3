/* SPDX-License-Identifier: Apache-2.0 */
#include "server/encoding.h"

#include "base/rand.h"
#include "base/test.h"
#include "mqtt/passed_on.h"
#include "server/mount.h"

#define ROOM (NJ_OUT_PIECE + 512)

/* A PUBLISH of a publisher's, and what becomes of it as in packet.c. */
struct published {
    uint8_t packet[ROOM], properties[256], payload[ROOM];
    struct nj_frame frame;
    struct nj_publish publish;
    struct nj_passed_on passed;
    struct nj_mounted mounted;
    struct nj_publication pub;
    enum nj_version version;
    const char *prefix;
};

static bool
one_in(struct nj_rand *rand, uint32_t n)
{
    return nj_rand_below(rand, n) == 0;
}

static struct nj_str
random_properties(struct nj_rand *rand, uint8_t *room, size_t n)
{
    struct nj_writer w = nj_writer_of(room, n);

    if (one_in(rand, 4))
        nj_property_put_number(&w, NJ_PROPERTY_PAYLOAD_FORMAT_INDICATOR, 1);
    if (one_in(rand, 4))
        nj_property_put_string(&w, NJ_PROPERTY_CONTENT_TYPE, NJ_STR("text"));
    if (one_in(rand, 6))
        nj_property_put_number(&w, NJ_PROPERTY_MESSAGE_EXPIRY_INTERVAL, 7);
    if (one_in(rand, 6))
        nj_property_put_number(&w, NJ_PROPERTY_TOPIC_ALIAS, 3);
    for (uint32_t i = nj_rand_below(rand, 4); i > 0; i--)
        nj_property_put_pair(&w, NJ_STR("name"), NJ_STR("value"));
    assert_false(w.is_full);
    return (struct nj_str){(const char *)room, (size_t)(w.p - room)};
}

static void
publish(struct published *p, struct nj_rand *rand)
{
    struct nj_publish_head head = {
        .retain = one_in(rand, 4),
        .qos = (uint8_t)nj_rand_below(rand, 3),
        .packet_id = (uint16_t)(1 + nj_rand_below(rand, UINT16_MAX)),
        .topic = {"a/b/c/d/e/f", 1 + nj_rand_below(rand, 11)},
        .properties = random_properties(rand, p->properties, sizeof(p->properties)),
        .payload_bytes = nj_rand_below(rand, one_in(rand, 20) ? NJ_OUT_PIECE + 100 : 200),
    };
    struct nj_writer w = nj_writer_of(p->packet, sizeof(p->packet));

    head.dup = head.qos > 0 && one_in(rand, 8);
    p->version = (enum nj_version)(NJ_MQTT_31 + nj_rand_below(rand, 3));
    p->prefix = one_in(rand, 8) ? "m/" : NULL;
    nj_publish_head_encode(&w, p->version, &head);
    for (uint32_t i = 0; i < head.payload_bytes; i++)
        p->payload[i] = (uint8_t)nj_rand_u64(rand);
    nj_write_bytes(&w, (struct nj_str){(const char *)p->payload, head.payload_bytes});
    assert_false(w.is_full);
    assert_int_equal(nj_frame_find((struct nj_str){(const char *)p->packet, sizeof(p->packet)},
                                   NJ_PACKET_MAX_BYTES, &p->frame),
                     NJ_FRAME_WHOLE);
    assert_int_equal(nj_publish_decode(&p->frame, p->version, NJ_FROM_CLIENT, &p->publish),
                     NJ_CAUSE_NONE);

    assert_true(nj_passed_on_make(&p->passed, &p->publish.properties));
    assert_true(nj_mount(&p->mounted, p->prefix, p->publish.topic));
    p->pub = (struct nj_publication){
        .topic = p->mounted.text,
        .properties = p->passed.block,
        .payload = p->publish.payload,
        .qos = head.qos,
        .retain = head.retain,
        .number = 1 + nj_rand_below(rand, 3),
    };
}

static void
publish_fini(struct published *p)
{
    nj_passed_on_fini(&p->passed);
    nj_mounted_fini(&p->mounted);
}

/* As for a receiver that gets an encoding of its own. */
static struct nj_publish_head
head_for(const struct nj_delivery *d)
{
    return (struct nj_publish_head){
        .retain = d->retain,
        .qos = d->qos,
        .packet_id = d->packet_id,
        .topic = d->publication->topic,
        .properties = d->publication->properties,
        .payload_bytes = (uint32_t)d->publication->payload.n,
    };
}

static void
assert_as_encoded(const struct nj_encoding *e, enum nj_version v, const struct nj_delivery *d)
{
    static uint8_t got[ROOM], want[ROOM];
    struct nj_publish_head head = head_for(d);
    struct nj_writer w = nj_writer_of(want, sizeof(want));

    nj_publish_head_encode(&w, v, &head);
    nj_write_bytes(&w, d->publication->payload);
    assert_false(w.is_full);
    assert_int_equal(e->bytes, w.p - want);
    nj_encoding_copy(e, got, d->packet_id);
    assert_memory_equal(got, want, e->bytes);
}

static struct nj_delivery
random_delivery(struct nj_rand *rand, struct nj_publication *pub)
{
    struct nj_delivery d = {
        .publication = pub,
        .qos = (uint8_t)nj_rand_below(rand, 3),
        .retain = one_in(rand, 3),
    };

    d.packet_id = d.qos > 0 ? (uint16_t)(1 + nj_rand_below(rand, UINT16_MAX)) : 0;
    return d;
}

/* [MQTT5-3.3.1-3] [MQTT5-3.3.2-4] [MQTT5-3.3.2-15] [MQTT5-3.3.2-16] [MQTT5-3.3.2-17]
 * [MQTT5-3.3.2-18] [MQTT5-3.3.2-20] */
static void
a_lent_packet_is_what_would_be_encoded(void **state)
{
    static struct published p;
    static struct nj_encoding e;
    struct nj_rand rand;
    unsigned lent = 0, fitted = 0;

    (void)state;
    nj_rand_seed(&rand, 17);
    for (int round = 0; round < 50000; round++) {
        publish(&p, &rand);
        nj_encoding_lend(&e, p.version, &p.pub, &p.frame, &p.publish);
        lent += e.number != 0;
        for (int receiver = 0; receiver < 6; receiver++) {
            enum nj_version v = (enum nj_version)(NJ_MQTT_31 + nj_rand_below(&rand, 3));
            struct nj_delivery d = random_delivery(&rand, &p.pub);

            if (!nj_encoding_fits(&e, v, &d))
                continue;
            assert_as_encoded(&e, v, &d);
            fitted++;
        }
        nj_encoding_give_back(&e);
        publish_fini(&p);
    }
    assert_true(lent > 10000 && lent < 40000);
    assert_true(fitted > 5000);
}

static void
what_was_made_is_what_would_be_encoded(void **state)
{
    static struct published p;
    static struct nj_encoding e;
    struct nj_rand rand;
    unsigned fitted = 0;

    (void)state;
    nj_rand_seed(&rand, 18);
    for (int round = 0; round < 20000; round++) {
        publish(&p, &rand);
        if (p.frame.bytes <= NJ_OUT_PIECE - 16) {
            struct nj_delivery first = random_delivery(&rand, &p.pub);
            struct nj_publish_head head = head_for(&first);

            nj_encoding_make(&e, p.version, &p.pub, &head);
        }
        for (int receiver = 0; receiver < 6; receiver++) {
            struct nj_delivery d = random_delivery(&rand, &p.pub);

            if (e.packet == e.made && nj_encoding_fits(&e, p.version, &d)) {
                assert_as_encoded(&e, p.version, &d);
                fitted++;
            }
        }
        nj_encoding_give_back(&e);
        publish_fini(&p);
    }
    assert_true(fitted > 5000);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lent_packet_is_what_would_be_encoded),
        cmocka_unit_test(what_was_made_is_what_would_be_encoded),
    };

    return cmocka_run_group_tests_name("server/encoding", tests, NULL, NULL);
}
