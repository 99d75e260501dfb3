/* SPDX-License-Identifier: Apache-2.0 */
/* promise.h — what follows once the store has said "safe up to n": one queue for each home, in the
 * order in which the changes were appended, and so also in order for each connection.
 *
 * What need not wait itself but comes after something on the same connection that does, is put
 * here, too: acknowledgements keep their order. [MQTT5-4.6.0-2] [MQTT5-4.6.0-3] [MQTT311-4.6.0-2]
 */
#ifndef NJ_BROKER_PROMISE_H
#define NJ_BROKER_PROMISE_H

#include "base/ring.h"
#include "broker/ports.h"

enum nj_promise_kind {
    NJ_PROMISE_ANSWER,  /* the packet in `answer`, to the link of that time */
    NJ_PROMISE_ROUTE,   /* QoS 2: route the message, then PUBREC */
    NJ_PROMISE_PUBLISH, /* QoS 2 out: send the PUBLISH that was held */
    NJ_PROMISE_PUBREL,  /* QoS 2 out: send the PUBREL */
};

struct nj_promise {
    uint64_t number;   /* of the store: the last change that must be safe */
    nj_handle session; /* may be gone by then */
    uint32_t epoch;    /* of its connection: an answer is not for the next one */
    uint8_t kind;
    uint8_t answer; /* enum nj_packet_type */
    uint8_t reason, cause;
    bool session_present;
    bool is_taken; /* ROUTE: the store has the message */
    uint16_t packet_id;
    uint32_t codes_n; /* SUBACK, UNSUBACK */
    union {
        struct nj_msg *msg; /* ROUTE: a reference of the promise's */
        char *codes;        /* SUBACK, UNSUBACK: the promise's own */
    };
};

/* Zeroed is empty. */
struct nj_promises {
    struct nj_ring ring; /* of struct nj_promise */
};

/* What it holds: a message, or codes. */
size_t nj_promise_bytes(const struct nj_promise *p);
/* Memory for one more; false without it. */
bool nj_promises_reserve(struct nj_promises *q);
/* False without memory: nothing has changed. */
bool nj_promises_push(struct nj_promises *q, const struct nj_promise *p);
/* The oldest if its number is `upto` or less, moved out. */
bool nj_promises_take(struct nj_promises *q, uint64_t upto, struct nj_promise *out);
void nj_promise_fini(struct nj_promise *p);
void nj_promises_fini(struct nj_promises *q);

#endif
