/* SPDX-License-Identifier: Apache-2.0 */
/* engine_priv.h — what the files of the engine share: engine.c (life and transport), receive.c
 * (packets that come), outgoing.c (messages that go), request.c (subscriptions). */
#ifndef NJ_CLIENT_ENGINE_PRIV_H
#define NJ_CLIENT_ENGINE_PRIV_H

#include "base/list.h"
#include "client/alias.h"
#include "client/bytes.h"
#include "client/engine.h"
#include "client/held.h"
#include "client/ids.h"
#include "client/opts.h"
#include "client/props.h"
#include "mqtt/packet.h"

#define NJ_ENGINE_STATES(X)                                                                        \
    X(OFFLINE, "offline", TO(CONNECTING))                                                          \
    X(CONNECTING, "connecting", TO(ACTIVE) | TO(CLOSING) | TO(FAILED) | TO(LOST))                  \
    X(ACTIVE, "active", TO(CLOSING) | TO(FAILED) | TO(LOST))                                       \
    X(CLOSING, "closing", TO(LOST))                                                                \
    X(FAILED, "failed", TO(OFFLINE) | TO(LOST))                                                    \
    X(LOST, "lost", TO(OFFLINE))

enum nj_engine_state {
#define NJ_X(name, word, next) NJ_ENGINE_##name,
    NJ_ENGINE_STATES(NJ_X)
#undef NJ_X
};

/* What a packet identifier of ours stands for. */
enum nj_outgoing_kind {
    NJ_OUTGOING_MESSAGE,
    NJ_OUTGOING_SUBSCRIBE,
    NJ_OUTGOING_UNSUBSCRIBE,
};

enum nj_outgoing_stage {
    NJ_OUTGOING_QUEUED,   /* not sent on this connection */
    NJ_OUTGOING_SENT,     /* PUBLISH sent; QoS 1 waits for PUBACK, QoS 2 for PUBREC */
    NJ_OUTGOING_RELEASED, /* QoS 2: PUBREL sent (or due), waits for PUBCOMP */
    NJ_OUTGOING_SETTLED,  /* its end is known without the broker: to be told */
};

/* One allocation each; counted in `held_bytes`. */
struct nj_outgoing {
    struct nj_list link; /* on the engine's list of its stage; requests: on `requests` */
    enum nj_outgoing_kind kind;
    uint16_t packet_id;

    /* A message. */
    enum nj_outgoing_stage stage;
    uint8_t qos;
    bool retain;
    bool was_sent;        /* so the next time it is a duplicate */
    uint8_t outcome;      /* settled: reason code */
    bool goes_by_alias;   /* published with an empty topic */
    uint16_t topic_alias; /* asked for; 0: none */
    uint32_t topic_n, properties_n, payload_n;

    /* A request. */
    uint32_t count; /* of topic filters, thus of codes to come */

    size_t bytes; /* of all this */
    char data[];  /* topic, properties, payload */
};

struct nj_engine {
    struct nj_client_opts opts;
    enum nj_engine_state state;

    /* The transport's bytes. */
    struct nj_bytes in, out;
    size_t in_used;     /* of `in`: the frame that the last event points at */
    bool has_seen_part; /* `in` begins with part of a frame, so more input is needed */

    /* This connection. */
    nj_time opened, last_sent, last_received, ping_sent, closing_since;
    bool has_heard; /* anything at all */
    bool is_answer_due;
    bool is_authenticating;
    bool has_connack;
    uint16_t keep_alive_s; /* the server's, where it says so */
    uint16_t send_maximum; /* the server's receive maximum */
    uint32_t send_packet_maximum;
    uint8_t send_qos_maximum;
    bool can_retain;
    bool can_wildcard, can_share, can_identify; /* subscriptions */
    struct nj_client_aliases aliases_in, aliases_out;

    /* How it ends. */
    enum nj_client_err end;
    bool is_end_told;
    char detail[256];

    /* The session. */
    char *client_id; /* as the broker knows us; owned */
    struct nj_ids ids;
    struct nj_list queued, sent, released; /* messages, in the order in which they go */
    struct nj_list settled; /* messages that this broker cannot take, and those that it had received
                             * when it lost the session: to be told */
    struct nj_list requests; /* die with the connection */
    uint32_t inflight;       /* on `sent` and `released` */
    size_t unacknowledged;   /* on all three */
    size_t held_bytes;
    /* QoS 2 identifiers of the broker's that wait for PUBREL, one bit each, made on demand; and
     * those of them that this connection counts against our receive maximum. */
    uint8_t *received, *counted;
    uint32_t counted_n;
    /* Those of them that are told when PUBREL comes. Empty where there is no connection. */
    struct nj_held held;

    char *topic; /* of the last message, terminated */
    size_t topic_cap;
};

/* engine.c */
void nj_engine_enter(struct nj_engine *e, enum nj_engine_state to);
/* The connection ends: `cause` is told to a broker of 5.0 and put into the detail. */
void nj_engine_fail(struct nj_engine *e, enum nj_client_err err, enum nj_cause cause);
void nj_engine_detail_set(struct nj_engine *e, const char *fmt, ...) NJ_PRINTF(2, 3);
void nj_engine_trace(struct nj_engine *e, const char *fmt, ...) NJ_PRINTF(2, 3);
/* For "Client %s sending …". */
const char *nj_engine_trace_id(const struct nj_engine *e);
/* A writer over n bytes of new output; `is_full` without memory, and then the connection fails.
 * Close with nj_engine_wrote(). */
struct nj_writer nj_engine_write(struct nj_engine *e, size_t n);
void nj_engine_wrote(struct nj_engine *e, const struct nj_writer *w);
static inline bool
nj_engine_output_is_full(const struct nj_engine *e)
{
    return nj_bytes_waiting(&e->out) >= e->opts.output_bytes;
}

/* receive.c: true when `out` is an event. */
bool nj_engine_receive(struct nj_engine *e, const struct nj_frame *f, struct nj_client_event *out);

/* outgoing.c */
void nj_outgoing_pump(struct nj_engine *e);
void nj_outgoing_resume(struct nj_engine *e, bool session_present);
bool nj_outgoing_on_ack(struct nj_engine *e, enum nj_packet_type type, const struct nj_ack *ack,
                        struct nj_client_event *out);
/* One whose end is known without the broker; false when there is none. */
bool nj_outgoing_tell_settled(struct nj_engine *e, struct nj_client_event *out);
void nj_outgoing_free_all(struct nj_engine *e);

/* request.c */
bool nj_request_on_suback(struct nj_engine *e, enum nj_packet_type type,
                          const struct nj_suback *ack, struct nj_client_event *out);
void nj_request_free_all(struct nj_engine *e);

static inline bool
nj_engine_is_v5(const struct nj_engine *e)
{
    return e->opts.version == NJ_MQTT_5;
}

static inline struct nj_client_properties
nj_engine_block(const struct nj_properties *p)
{
    return (struct nj_client_properties){p->block.p, p->block.n};
}

#endif
