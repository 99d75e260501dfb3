/* SPDX-License-Identifier: Apache-2.0 */
/* said.h — the packets of MQTT in a frame's tree, each with what it says; for those who want to
 * know more than to print it.
 *
 *     size_t at = 0;
 *     while (nj_said_next(&d->tree, &at, &said)) …
 *
 * All is lent until the next frame, and foreign. Cost: linear in the tree's items. */
#ifndef NJ_SNIFF_SAID_H
#define NJ_SNIFF_SAID_H

#include "sniff/tree/tree.h"

/* What a field is not there for is zero, or empty with p == NULL. */
struct nj_said {
    unsigned type, flags; /* of the first byte */
    struct nj_str bytes;  /* the packet, as far as the capture has it */
    bool is_whole;
    bool is_malformed;
    bool is_joined; /* no CONNECT was seen before it: its version is inferred */
    bool is_of_5;   /* it has something that only MQTT 5 has */
    struct nj_str remark;

    unsigned level, connect_flags; /* CONNECT's */
    struct nj_str client_id, user, password, will_topic, will_payload;
    unsigned packet_id;
    struct nj_str topic, payload; /* PUBLISH's */
    unsigned code;                /* its return or reason code, of several the worst */
    bool has_code;

    size_t first, end; /* its items */
};

enum {
    NJ_SAID_WILL = 0x04, /* of connect_flags */
    NJ_SAID_WILL_RETAIN = 0x20,
    NJ_SAID_PASSWORD = 0x40,
    NJ_SAID_USER = 0x80,
    NJ_SAID_RETAIN = 0x01, /* of flags */
};

static inline unsigned
nj_said_qos(const struct nj_said *s)
{
    return s->flags >> 1 & 3;
}

/* The standard's words for its code; before MQTT 5, CONNACK's had others. Static. */
const char *nj_said_code_words(const struct nj_said *s);

/* The next packet from item *at on, which moves behind it; false: there is none. */
bool nj_said_next(const struct nj_tree *tree, size_t *at, struct nj_said *out);

struct nj_said_filter {
    struct nj_str filter;
    unsigned qos; /* asked for */
};
/* Of SUBSCRIBE and UNSUBSCRIBE: begin with *at = s->first. */
bool nj_said_next_filter(const struct nj_tree *tree, const struct nj_said *s, size_t *at,
                         struct nj_said_filter *out);

#endif
