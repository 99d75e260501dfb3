/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_mqtt.h — a stream of packets from one side, read in every version. What decodes has to come
 * back as itself, and fast paths have to agree with their plain twins. */
#ifndef NJ_FUZZ_MQTT_H
#define NJ_FUZZ_MQTT_H

#include "mqtt/kit_test.h"
#include "mqtt/packet_priv.h"
#include "mqtt/topic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static inline void
fuzz_topic(struct nj_str topic)
{
    NJ_ASSERT(nj_topic_check(topic) == nj_topic_check_plainly(topic));
    if (topic.n > 0)
        NJ_ASSERT(nj_topic_matches(topic, topic));
}

static inline void
fuzz_filters(enum nj_version v, const struct nj_packet *p)
{
    struct nj_reader r = nj_reader_of(p->subscribe.filters);
    struct nj_subscription s;
    struct nj_filter f;

    while (nj_subscription_next(&r, v, p->type == NJ_SUBSCRIBE, &s)) {
        NJ_ASSERT(nj_filter_parse(s.filter, &f));
        (void)nj_topic_matches(f.filter, s.filter);
    }
}

/* `whole` in a block of its own, so that AddressSanitizer sees where it ends. */
static inline void
fuzz_packet(struct nj_str whole, enum nj_version v, enum nj_side from)
{
    struct kit_bytes exact = kit_copy(whole.p, whole.n);
    struct nj_packet p = {0};
    struct nj_frame f;

    NJ_ASSERT(nj_frame_find(kit_str(exact), NJ_PACKET_MAX_BYTES, &f) == NJ_FRAME_WHOLE);
    if (nj_packet_decode(&f, v, from, &p) == NJ_CAUSE_NONE) {
        kit_check_again(kit_str(exact), v, from, &p);
        if (p.type == NJ_PUBLISH)
            fuzz_topic(p.publish.topic);
        if (p.type == NJ_SUBSCRIBE || p.type == NJ_UNSUBSCRIBE)
            fuzz_filters(v, &p);
    }
    nj_free(exact.p);
}

static inline void
fuzz_stream(const uint8_t *data, size_t bytes, enum nj_side from)
{
    struct nj_str rest = {(const char *)data, bytes};
    struct nj_frame f;

    while (nj_frame_find(rest, NJ_PACKET_MAX_BYTES, &f) == NJ_FRAME_WHOLE) {
        struct nj_str whole = {rest.p, f.bytes};

        for (enum nj_version v = NJ_MQTT_31; v <= NJ_MQTT_5; v++)
            fuzz_packet(whole, v, from);
        rest = nj_str_from(rest, f.bytes);
    }
}

#endif
